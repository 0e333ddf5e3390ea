"""The only subprocess to git: how it is asked, and how its answers are read.

Git runs without pager, hooks and colours; paths come and go as git has them, from the top of the
repository, with slashes, whatever letters they hold.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["ask", "line", "split", "top", "trouble"]

TIMEOUT = 10.0
"""Seconds; a git that takes longer than that is not worth waiting for."""

LONG_TIMEOUT = 300.0
"""Seconds for what reads a whole history."""

OTHERS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY")
"""What git tells its hooks, and what would lead a git below them to another repository."""

OWN = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}

PLAIN = (
    "--no-pager",
    "--literal-pathspecs",
    *("-c", "core.quotepath=false"),
    *("-c", "core.fsmonitor=false"),  # it is a hook that `ls-files` would run
    *("-c", "color.ui=false"),
    *("-c", "i18n.logOutputEncoding=UTF-8"),
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


def ask(
    folder: Path,
    *arguments: str,
    given: bytes = b"",
    timeout: float = LONG_TIMEOUT,
    alone: bool = False,
) -> bytes | None:
    """Return what git prints, None where it fails or is not there.

    ``alone`` keeps it from taking a folder for a part of a repository that lies above, and from
    whatever a user has set.
    """
    others = NOBODYS | {"GIT_CEILING_DIRECTORIES": str(folder.parent)} if alone else {}
    try:
        return _run(folder, arguments, given, timeout, others)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def _run(
    folder: Path,
    arguments: Sequence[str],
    given: bytes,
    timeout: float,
    others: Mapping[str, str],
) -> bytes:
    command = ["git", *PLAIN, "-C", str(folder), *arguments]
    environment = {name: text for name, text in os.environ.items() if name not in OTHERS}
    return subprocess.run(
        command,
        env={**environment, **others, **OWN},
        input=given,
        capture_output=True,
        timeout=timeout,
        check=True,
    ).stdout


def line(folder: Path, *arguments: str) -> str | None:
    """Return what git prints as text without surrounding space, None where it fails."""
    data = ask(folder, *arguments, timeout=TIMEOUT)
    return None if data is None else data.decode(errors="replace").strip()


def split(data: bytes) -> list[str]:
    """Return the parts that end in a null byte; any byte survives the way there and back."""
    return [os.fsdecode(part) for part in data.split(b"\0") if part]


def trouble(folder: Path) -> str | None:
    """Return why git reads nothing of a repository, None where it does.

    It may not be installed, or refuse a folder that belongs to somebody else.
    """
    try:
        _run(folder, ("rev-parse", "--git-dir"), b"", TIMEOUT, {})
    except FileNotFoundError:
        return "it is not installed"
    except subprocess.CalledProcessError as error:
        lines = error.stderr.decode(errors="replace").splitlines()
        return next(iter(lines), f"exit status {error.returncode}").removeprefix("fatal: ")
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        return str(error)
    return None


def top(folder: Path) -> Path | None:
    """Return the top of the repository that holds a folder, found without running git."""
    return next((each for each in (folder, *folder.parents) if (each / ".git").exists()), None)
