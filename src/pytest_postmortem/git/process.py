"""The only module that runs git: arguments, environment, parsing of output and errors.

Git runs without pager, hooks and colors, and fetches nothing. Paths are relative to the top of
the repository, with slashes and any characters. A failed call raises `GitError` with git's own
reason; missing output is never treated as empty. Calls with a negative answer list the exit
statuses that mean "no".
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_postmortem.errors import GitError, Problem

GIT_TIMEOUT = 10.0
"""Timeout in seconds for a call that reads no history."""

LONG_GIT_TIMEOUT = 300.0
"""Timeout in seconds for a call that reads the whole history."""

INHERITED_GIT_VARIABLES = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY"),
    *("GIT_NAMESPACE", "GIT_SHALLOW_FILE", "GIT_EXTERNAL_DIFF", "GIT_DIFF_OPTS"),
)
"""Environment variables that git sets for hooks, and that select another repository."""

GIT_ENVIRONMENT = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",  # since git 2.45
    "GIT_ALLOW_PROTOCOL": "",  # the same for any git: no transport is allowed
    "GIT_NO_REPLACE_OBJECTS": "1",  # replacement refs are not in every clone, so they are ignored
    "LC_ALL": "C",
}

GIT_OPTIONS = (
    "--no-pager",
    "--literal-pathspecs",
    *("-c", "core.quotepath=false"),
    *("-c", "core.fsmonitor=false"),  # `ls-files` would run this hook
    *("-c", "color.ui=false"),
    *("-c", "diff.orderFile=/dev/null"),  # git knows this name on every platform
    *("-c", "i18n.logOutputEncoding=UTF-8"),
    *("-c", "log.date=default"),
    *("-c", "log.follow=false"),
    *("-c", "log.showSignature=false"),
    *("-c", "log.showRoot=true"),
)
"""Options that override user settings which change output or run programs."""

ISOLATED_ENVIRONMENT = {
    **dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL"), os.devnull),
    **dict.fromkeys(("GIT_CONFIG_NOSYSTEM", "GIT_ATTR_NOSYSTEM"), "1"),
    "GIT_CONFIG_COUNT": "0",
}
"""Environment that ignores all user settings, with line endings and filters."""

REPOSITORY_UNREADABLE = "Couldn't read the repository"

OBJECT_HASH_PATTERN = re.compile(r"\b[0-9a-f]{64}\b|\b[0-9a-f]{40}\b")
MISSING_OBJECT_PATTERN = re.compile(
    r"promisor remote|bad object|not a valid object|missing (?:blob|tree|commit|object)"
    r"|(?:could not read|unable to (?:read|find|parse)) (?:\w+ )*\(?[0-9a-f]{40}"
    r"|failed to traverse|object file .* is empty|is corrupt",
    re.IGNORECASE,
)
"""Messages of git for a missing or damaged object."""

REFUSED_TRANSPORT_PATTERN = re.compile("transport .* not allowed")
"""Messages of git that result from the disabled network."""

NO_COMMITS_MESSAGE = "does not have any commits yet"
"""Messages of git for a repository without a commit."""

RERUN_REMEDY = "correct what git names, and run it again"

GIT_REMEDIES = (
    (r"not a git repository: ", "check the code out again, or run `git worktree repair` there"),
    (r"not a git repository", "run it in a checkout of the code"),
    (NO_COMMITS_MESSAGE, "commit something first"),
)
"""Remedies by a text in the cause."""


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
    """Return the output of git.

    Raises: GitError if it fails.
    """
    return _run_git_process(folder, arguments, given, timeout, {}).output


def run_git_or_none(
    folder: Path,
    *arguments: str,
    no: Collection[int] = (1,),
    given: bytes = b"",
    alone: bool = False,
) -> bytes | None:
    """Return the output of git, None for an exit status that means no.

    ``alone`` ignores repositories above the folder and all user settings.

    Raises: GitError if it fails in any other way.
    """
    others = ISOLATED_ENVIRONMENT | {"GIT_CEILING_DIRECTORIES": str(folder.parent)} if alone else {}
    answer = _run_git_process(folder, arguments, given, LONG_GIT_TIMEOUT, others, no)
    return None if answer.status else answer.output


def run_git_for_text(folder: Path, *arguments: str, given: bytes = b"") -> str:
    """Return the output of git as stripped text.

    Raises: GitError if it fails.
    """
    return _decode_git_output(run_git(folder, *arguments, given=given, timeout=GIT_TIMEOUT))


def run_git_for_text_or_none(
    folder: Path, *arguments: str, no: Collection[int] = (1,)
) -> str | None:
    """Return the output of git as stripped text, None for an exit status that means no.

    Raises: GitError if it fails in any other way.
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
    """Run git; raise `GitError` for an exit status that is neither 0 nor in ``no``."""
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
    """Return the error for a failed call of git."""
    return GitError([Problem("git-failed", REPOSITORY_UNREADABLE, cause, remedy)])


def _explain_git_failure(folder: Path, command: str, answer: _GitAnswer) -> GitError:
    """Return the cause and the remedy of a failed call."""
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
    """Yield the reasons in git's messages, without traces, hints and advice."""
    for text in errors.splitlines():
        if text.startswith(("fatal: ", "error: ")) and not REFUSED_TRANSPORT_PATTERN.search(text):
            yield text.partition(": ")[2].strip()


def build_missing_object_error(folder: Path, cause: str) -> GitError:
    """Return the error for a missing object, with the message of git in ``cause``."""
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
    """Return the texts that end in a null byte; any byte can be encoded again."""
    return [os.fsdecode(part) for part in data.split(b"\0") if part]


def require_repository(folder: Path) -> None:
    """Check that git reads the repository of a folder.

    Raises: GitError with git's own reason without a repository, or if access is refused.
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
    """Return whether a path is a repository; False for an empty mounted ``.git``."""
    try:
        return path.exists() and (path.is_file() or next(path.iterdir(), None) is not None)
    except OSError:
        return True
