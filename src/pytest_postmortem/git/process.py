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
    "UNBORN",
    "ask",
    "ask_or_no",
    "lacking",
    "line",
    "line_or_no",
    "require",
    "split",
    "top",
    "unread",
]

TIMEOUT = 10.0
"""Seconds for a question that needs no history."""

LONG_TIMEOUT = 300.0
"""Seconds for what reads a whole history."""

OTHERS = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY"),
    *("GIT_NAMESPACE", "GIT_SHALLOW_FILE", "GIT_EXTERNAL_DIFF", "GIT_DIFF_OPTS"),
)
"""What git tells its hooks, and what would lead a git below them to another repository."""

OWN = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",  # since git 2.45
    "GIT_ALLOW_PROTOCOL": "",  # the same for any git: no transport is allowed
    "GIT_NO_REPLACE_OBJECTS": "1",  # replacements are not in every clone, so they decide nothing
    "LC_ALL": "C",
}

PLAIN = (
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

NOBODYS = {
    **dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL"), os.devnull),
    **dict.fromkeys(("GIT_CONFIG_NOSYSTEM", "GIT_ATTR_NOSYSTEM"), "1"),
    "GIT_CONFIG_COUNT": "0",
}
"""What keeps them away altogether, line ends and filters of files among them."""

FAILED = "Couldn't read the repository"

OBJECT = re.compile(r"\b[0-9a-f]{64}\b|\b[0-9a-f]{40}\b")
MISSING = re.compile(
    r"promisor remote|bad object|not a valid object|missing (?:blob|tree|commit|object)"
    r"|(?:could not read|unable to (?:read|find|parse)) (?:\w+ )*\(?[0-9a-f]{40}"
    r"|failed to traverse|object file .* is empty|is corrupt",
    re.IGNORECASE,
)
"""How git says that it lacks an object, or finds it damaged."""

OURS = re.compile("transport .* not allowed")
"""What git says because it is not allowed to fetch, which is no reason of its own."""

UNBORN = "does not have any commits yet"
"""How git says that nothing is committed."""

AGAIN = "correct what git names, and run it again"

REMEDIES = (
    (r"not a git repository: ", "check the code out again, or run `git worktree repair` there"),
    (r"not a git repository", "run it in a checkout of the code"),
    (UNBORN, "commit something first"),
)
"""What to do about a cause that holds a text; anything else is for the user to look at."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    output: bytes
    errors: str


def ask(
    folder: Path,
    *arguments: str,
    given: bytes = b"",
    timeout: float = LONG_TIMEOUT,
) -> bytes:
    """Return what git prints.

    Raises: GitError where it fails.
    """
    return _run(folder, arguments, given, timeout, {}).output


def ask_or_no(
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
    others = NOBODYS | {"GIT_CEILING_DIRECTORIES": str(folder.parent)} if alone else {}
    answer = _run(folder, arguments, given, LONG_TIMEOUT, others, no)
    return None if answer.status else answer.output


def line(folder: Path, *arguments: str, given: bytes = b"") -> str:
    """Return what git prints as text without surrounding space.

    Raises: GitError where it fails.
    """
    return _text(ask(folder, *arguments, given=given, timeout=TIMEOUT))


def line_or_no(folder: Path, *arguments: str, no: Collection[int] = (1,)) -> str | None:
    """Return what git prints as text without surrounding space, None where it answers no.

    Raises: GitError where it fails in any other way.
    """
    answer = _run(folder, arguments, b"", TIMEOUT, {}, no)
    return None if answer.status else _text(answer.output)


def _text(data: bytes) -> str:
    return data.decode(errors="replace").strip()


def _run(
    folder: Path,
    arguments: Sequence[str],
    given: bytes,
    timeout: float,
    others: Mapping[str, str],
    no: Collection[int] = (),
) -> _Answer:
    """Run git, and let no failure pass that is not one of the answers ``no``."""
    command = ["git", *PLAIN, "-C", str(folder), *arguments]
    environment = {name: text for name, text in os.environ.items() if name not in OTHERS}
    try:
        done = subprocess.run(
            command,
            env={**environment, **others, **OWN},
            input=given,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        cause = f"git {arguments[0]} takes longer than {timeout:g} seconds"
        raise unread(cause, "run it where git is faster") from None
    except FileNotFoundError:
        raise unread("git is not installed", "install git, and run it again") from None
    except (OSError, ValueError) as error:
        raise unread(f"git can't be run: {error}", "see that git works here") from None
    answer = _Answer(done.returncode, done.stdout, done.stderr.decode(errors="replace"))
    if answer.status and answer.status not in no:
        raise _failure(folder, arguments[0], answer)
    return answer


def unread(cause: str, remedy: str) -> GitError:
    """Return the error that git could not give something."""
    return GitError([Problem("git-failed", FAILED, cause, remedy)])


def _failure(folder: Path, command: str, answer: _Answer) -> GitError:
    """Return what a failing call means: git's own reason, and what to do about it."""
    reasons = list(dict.fromkeys(_reasons(answer.errors)))
    cause = "; ".join(reasons) or f"git {command} ended with exit status {answer.status}"
    if MISSING.search(cause):
        return lacking(folder, cause)
    trust = re.search(r"^\s*(git config .*safe\.directory .*)$", answer.errors, re.MULTILINE)
    if trust is not None:
        return unread(f"git: {cause}", f"run {trust[1].strip()}")
    known = (remedy for text, remedy in REMEDIES if re.search(text, cause))
    return unread(f"git: {cause}", next(known, AGAIN))


def _reasons(errors: str) -> Iterator[str]:
    """Yield what git gives as its reasons; a trace, a hint or an advice is none."""
    for text in errors.splitlines():
        if text.startswith(("fatal: ", "error: ")) and not OURS.search(text):
            yield text.partition(": ")[2].strip()


def lacking(folder: Path, cause: str) -> GitError:
    """Return the error that a repository lacks an object, which ``cause`` names where git does."""
    pattern = r"^(remote\..*\.promisor|extensions\.partialclone)$"
    promised = _run(folder, ("config", "--get-regexp", pattern), b"", TIMEOUT, {}, range(1, 256))
    named = OBJECT.search(cause)
    if promised.output and named:
        return unread(
            f"git: object {named[0]} is not in this partial clone",
            "run `git fetch --refetch --no-filter`, or clone it without --filter",
        )
    return unread(f"git: {cause}", "run `git fsck`; clone the repository again if it is damaged")


def split(data: bytes) -> list[str]:
    """Return the parts that end in a null byte; any byte survives the way there and back."""
    return [os.fsdecode(part) for part in data.split(b"\0") if part]


def require(folder: Path) -> None:
    """Make sure that git reads the repository that lies around a folder.

    Raises: GitError with git's own reason where there is none, or it is refused.
    """
    found = line(folder, "rev-parse", "--show-toplevel")
    above = top(folder)
    if above is None or not os.path.samefile(above, found):
        cause = f"git takes {found!r} for the top of the repository, and it looks like {above}"
        raise unread(cause, "see that .git is what git makes it")


def top(folder: Path) -> Path | None:
    """Return the top of the repository that holds a folder, found without running git."""
    return next((each for each in (folder, *folder.parents) if _is_git(each / ".git")), None)


def _is_git(path: Path) -> bool:
    """Say whether a path leads to a repository; an empty folder, as a mount leaves it, is none."""
    try:
        return path.exists() and (path.is_file() or next(path.iterdir(), None) is not None)
    except OSError:
        return True
