"""The only subprocess to git: how it is asked, how its answers are read, what a failure means.

Git runs without pager, hooks and colors, and fetches nothing. Paths come and go as git has them,
from the top of the repository, with slashes, whatever letters they hold. A call that fails raises
`GitError` with git's own reason: what git did not give is never taken for absent or empty. The
calls that may answer "no" name the exit statuses that mean it.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_postmortem.errors import GitError, Problem

__all__ = [
    "NO_COMMITS_MESSAGE",
    "build_git_error",
    "build_missing_object_error",
    "find_repository_top",
    "require_repository",
    "run_git",
    "run_git_for_text",
    "run_git_for_text_or_none",
    "run_git_or_none",
    "split_null_separated",
]

GIT_TIMEOUT = 10.0
"""Seconds for a question that needs no history."""

LONG_GIT_TIMEOUT = 300.0
"""Seconds for what reads a whole history."""

INHERITED_GIT_VARIABLES = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY"),
    *("GIT_NAMESPACE", "GIT_SHALLOW_FILE", "GIT_EXTERNAL_DIFF", "GIT_DIFF_OPTS"),
)
"""What git tells its hooks, and what would lead a git below them to another repository."""

GIT_ENVIRONMENT = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",  # since git 2.45
    "GIT_ALLOW_PROTOCOL": "",  # the same for any git: no transport is allowed
    "GIT_NO_REPLACE_OBJECTS": "1",  # replacements are not in every clone, so they decide nothing
    "LC_ALL": "C",
}

GIT_OPTIONS = (
    "--no-pager",
    "--literal-pathspecs",
    *("-c", "core.quotepath=false"),
    *("-c", "core.fsmonitor=false"),  # it is a hook that `ls-files` would run
    *("-c", "color.ui=false"),
    *("-c", "diff.orderFile=/dev/null"),  # git knows this name on every platform
    *("-c", "i18n.logOutputEncoding=UTF-8"),
    *("-c", "log.date=default"),
    *("-c", "log.follow=false"),
    *("-c", "log.showSignature=false"),
    *("-c", "log.showRoot=true"),
)
"""What keeps the user's own settings from changing what git prints, or running anything else."""

ISOLATED_ENVIRONMENT = {
    **dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL"), os.devnull),
    **dict.fromkeys(("GIT_CONFIG_NOSYSTEM", "GIT_ATTR_NOSYSTEM"), "1"),
    "GIT_CONFIG_COUNT": "0",
}
"""What keeps them away altogether, line ends and filters of files among them."""

REPOSITORY_UNREADABLE = "Couldn't read the repository"

OBJECT_HASH_PATTERN = re.compile(r"\b[0-9a-f]{64}\b|\b[0-9a-f]{40}\b")
MISSING_OBJECT_PATTERN = re.compile(
    r"promisor remote|bad object|not a valid object|missing (?:blob|tree|commit|object)"
    r"|(?:could not read|unable to (?:read|find|parse)) (?:\w+ )*\(?[0-9a-f]{40}"
    r"|failed to traverse|object file .* is empty|is corrupt",
    re.IGNORECASE,
)
"""How git says that it lacks an object, or finds it damaged."""

REFUSED_TRANSPORT_PATTERN = re.compile("transport .* not allowed")
"""What git says because it is not allowed to fetch, which is no reason of its own."""

NO_COMMITS_MESSAGE = "does not have any commits yet"
"""How git says that nothing is committed."""

RERUN_REMEDY = "correct what git names, and run it again"

GIT_REMEDIES = (
    (r"not a git repository: ", "check the code out again, or run `git worktree repair` there"),
    (r"not a git repository", "run it in a checkout of the code"),
    (NO_COMMITS_MESSAGE, "commit something first"),
)
"""What to do about a cause that holds a text; anything else is for the user to look at."""


@dataclass(frozen=True, slots=True)
class _GitAnswer:
    status: int
    output: bytes
    errors: str


def run_git(
    folder: Path,
    *arguments: str,
    given: bytes = b"",
    timeout: float = LONG_GIT_TIMEOUT,
) -> bytes:
    """Return what git prints.

    Raises: GitError where it fails.
    """
    return _run_git_process(folder, arguments, given, timeout, {}).output


def run_git_or_none(
    folder: Path,
    *arguments: str,
    no: Collection[int] = (1,),
    given: bytes = b"",
    alone: bool = False,
) -> bytes | None:
    """Return what git prints, None where it answers no by its exit status.

    ``alone`` keeps it from taking a folder for a part of a repository that lies above, and from
    whatever a user has set.

    Raises: GitError where it fails in any other way.
    """
    others = ISOLATED_ENVIRONMENT | {"GIT_CEILING_DIRECTORIES": str(folder.parent)} if alone else {}
    answer = _run_git_process(folder, arguments, given, LONG_GIT_TIMEOUT, others, no)
    return None if answer.status else answer.output


def run_git_for_text(folder: Path, *arguments: str, given: bytes = b"") -> str:
    """Return what git prints as text without surrounding space.

    Raises: GitError where it fails.
    """
    return _decode_git_output(run_git(folder, *arguments, given=given, timeout=GIT_TIMEOUT))


def run_git_for_text_or_none(
    folder: Path, *arguments: str, no: Collection[int] = (1,)
) -> str | None:
    """Return what git prints as text without surrounding space, None where it answers no.

    Raises: GitError where it fails in any other way.
    """
    answer = _run_git_process(folder, arguments, b"", GIT_TIMEOUT, {}, no)
    return None if answer.status else _decode_git_output(answer.output)


def _decode_git_output(data: bytes) -> str:
    return data.decode(errors="replace").strip()


def _run_git_process(
    folder: Path,
    arguments: Sequence[str],
    given: bytes,
    timeout: float,
    others: Mapping[str, str],
    no: Collection[int] = (),
) -> _GitAnswer:
    """Run git, and let no failure pass that is not one of the answers ``no``."""
    command = ["git", *GIT_OPTIONS, "-C", str(folder), *arguments]
    environment = {
        name: text for name, text in os.environ.items() if name not in INHERITED_GIT_VARIABLES
    }
    try:
        process = subprocess.run(
            command,
            env={**environment, **others, **GIT_ENVIRONMENT},
            input=given,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        cause = f"git {arguments[0]} takes longer than {timeout:g} seconds"
        raise build_git_error(cause, "run it where git is faster") from None
    except FileNotFoundError:
        raise build_git_error("git is not installed", "install git, and run it again") from None
    except (OSError, ValueError) as error:
        raise build_git_error(f"git can't be run: {error}", "see that git works here") from None
    answer = _GitAnswer(process.returncode, process.stdout, process.stderr.decode(errors="replace"))
    if answer.status and answer.status not in no:
        raise _explain_git_failure(folder, arguments[0], answer)
    return answer


def build_git_error(cause: str, remedy: str) -> GitError:
    """Return the error that git could not give something."""
    return GitError([Problem("git-failed", REPOSITORY_UNREADABLE, cause, remedy)])


def _explain_git_failure(folder: Path, command: str, answer: _GitAnswer) -> GitError:
    """Return what a failing call means: git's own reason, and what to do about it."""
    reasons = list(dict.fromkeys(_parse_git_reasons(answer.errors)))
    cause = "; ".join(reasons) or f"git {command} ended with exit status {answer.status}"
    if MISSING_OBJECT_PATTERN.search(cause):
        return build_missing_object_error(folder, cause)
    trust = re.search(r"^\s*(git config .*safe\.directory .*)$", answer.errors, re.MULTILINE)
    if trust is not None:
        return build_git_error(f"git: {cause}", f"run {trust[1].strip()}")
    known = (remedy for text, remedy in GIT_REMEDIES if re.search(text, cause))
    return build_git_error(f"git: {cause}", next(known, RERUN_REMEDY))


def _parse_git_reasons(errors: str) -> Iterator[str]:
    """Yield what git gives as its reasons; a trace, a hint or an advice is none."""
    for text in errors.splitlines():
        if text.startswith(("fatal: ", "error: ")) and not REFUSED_TRANSPORT_PATTERN.search(text):
            yield text.partition(": ")[2].strip()


def build_missing_object_error(folder: Path, cause: str) -> GitError:
    """Return the error that a repository lacks an object, which ``cause`` names where git does."""
    pattern = r"^(remote\..*\.promisor|extensions\.partialclone)$"
    promised = _run_git_process(
        folder, ("config", "--get-regexp", pattern), b"", GIT_TIMEOUT, {}, range(1, 256)
    )
    named = OBJECT_HASH_PATTERN.search(cause)
    if promised.output and named:
        return build_git_error(
            f"git: object {named[0]} is not in this partial clone",
            "run `git fetch --refetch --no-filter`, or clone it without --filter",
        )
    return build_git_error(
        f"git: {cause}", "run `git fsck`; clone the repository again if it is damaged"
    )


def split_null_separated(data: bytes) -> list[str]:
    """Return the parts that end in a null byte; any byte survives the way there and back."""
    return [os.fsdecode(part) for part in data.split(b"\0") if part]


def require_repository(folder: Path) -> None:
    """Make sure that git reads the repository that lies around a folder.

    Raises: GitError with git's own reason where there is none, or it is refused.
    """
    reported_top = run_git_for_text(folder, "rev-parse", "--show-toplevel")
    above = find_repository_top(folder)
    if above is None or not os.path.samefile(above, reported_top):
        cause = (
            f"git takes {reported_top!r} for the top of the repository, and it looks like {above}"
        )
        raise build_git_error(cause, "see that .git is what git makes it")


def find_repository_top(folder: Path) -> Path | None:
    """Return the top of the repository that holds a folder, found without running git."""
    return next(
        (each for each in (folder, *folder.parents) if _is_git_repository(each / ".git")), None
    )


def _is_git_repository(path: Path) -> bool:
    """Say whether a path leads to a repository; an empty folder, as a mount leaves it, is none."""
    try:
        return path.exists() and (path.is_file() or next(path.iterdir(), None) is not None)
    except OSError:
        return True
