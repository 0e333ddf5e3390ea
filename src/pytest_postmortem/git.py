"""The only subprocess to git: dates, revisions, files and their contents, the log.

Git runs without pager, hooks and colours; paths come and go as git has them, from the top of the
repository, with slashes, whatever letters they hold.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pytest_postmortem.model import iso_date

__all__ = [
    "Commit",
    "blobs",
    "commit_of",
    "files",
    "head_date",
    "is_cut",
    "log",
    "merge_base",
    "top",
    "tree",
]

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
    *("-c", "log.showSignature=false"),
    *("-c", "log.showRoot=true"),
)
"""What keeps the user's own settings from changing what git prints, or running anything else."""

FILES = ("100644", "100755")
"""The modes of files; links and submodules are none."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit, with the files that it gave other contents: path → blob, None where it is gone."""

    id: str
    day: date | None
    changed: Mapping[str, str | None]


def head_date(folder: Path) -> date | None:
    """Return the date of HEAD's commit, or None outside a repository, without a commit or git."""
    return iso_date(_line(folder, "log", "-1", "--format=%cs", "HEAD"))


def commit_of(folder: Path, revision: str) -> str | None:
    """Return the commit that a revision names, None for what names none."""
    if revision.startswith("-"):
        return None
    return _line(folder, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}") or None


def merge_base(folder: Path, one: str, other: str) -> str | None:
    """Return the newest commit that two commits have in common, None where none is known."""
    return _line(folder, "merge-base", one, other) or None


def is_cut(folder: Path, commit: str) -> bool:
    """Say whether a commit has parents that a shallow clone lacks."""
    if _line(folder, "rev-parse", "--is-shallow-repository") != "true":
        return False
    header, _, _ = (_line(folder, "cat-file", "commit", commit) or "").partition("\n\n")
    known = _line(folder, "rev-parse", "--verify", "--quiet", f"{commit}^")
    return "\nparent " in header and not known


def tree(folder: Path, commit: str) -> dict[str, str]:
    """Return the files of a commit, each with its blob."""
    found = {}
    for entry in _split(_run(folder, "ls-tree", "-r", "-z", "--full-tree", commit) or b""):
        mode, _, rest = entry.partition(" ")
        if mode in FILES:
            facts, _, path = rest.partition("\t")
            found[path] = facts.split(" ")[1]
    return found


def files(folder: Path) -> list[str]:
    """Return the files below the top that are tracked or could be, without those ignored."""
    above = top(folder) or folder
    arguments = ("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
    return _split(_run(above, *arguments) or b"")


def blobs(folder: Path, ids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yield blobs with their contents, read in one process; a missing one is left out."""
    wanted = list(dict.fromkeys(ids))
    asked = "".join(f"{id}\n" for id in wanted).encode()
    data = _run(folder, "cat-file", "--batch", given=asked) if wanted else b""
    place = 0
    while data and place < len(data):
        end = data.index(b"\n", place)
        facts = data[place:end].split(b" ")
        place = end + 1
        if len(facts) == 3 and facts[1] == b"blob":
            size = int(facts[2])
            yield facts[0].decode(), data[place : place + size]
            place += size + 1


def log(folder: Path, commit: str, wanted: Callable[[str], bool]) -> list[Commit]:
    """Return the commits that lead to one, oldest first, with what each changed of wanted files.

    The way is that of the first parents: a merge stands for all that it brought, on its day.
    The first commit brings all of its files, in a shallow clone those from before it too.
    """
    arguments = (
        *("log", "--first-parent", "-m", "--reverse", "--root", "--raw", "-z", "--no-abbrev"),
        *("--no-renames", "--no-ext-diff", "--no-textconv", "--ignore-submodules=all"),
        *("--format=%x01%H %cs", commit, "--"),
    )
    return list(_commits(_split(_run(folder, *arguments) or b""), wanted))


def _commits(parts: Sequence[str], wanted: Callable[[str], bool]) -> Iterator[Commit]:
    """Read ``\\1ID DAY``, then ``:MODE MODE BLOB BLOB STATUS`` and a path for each file."""
    changed: dict[str, str | None] = {}
    facts = ""
    for part in parts:
        part = part.removeprefix("\n")
        if part.startswith("\1"):
            id, _, day = part[1:].partition(" ")
            changed = {}
            yield Commit(id, iso_date(day), changed)
        elif not facts:
            facts = part
        else:
            _, mode, _, blob, _ = facts.split(" ")
            facts = ""
            if wanted(part):
                changed[part] = blob if mode in FILES else None


def _split(data: bytes) -> list[str]:
    """Return the parts that end in a null byte; any byte survives the way there and back."""
    return [os.fsdecode(part) for part in data.split(b"\0") if part]


def _line(folder: Path, *arguments: str) -> str | None:
    data = _run(folder, *arguments, timeout=TIMEOUT)
    return None if data is None else data.decode(errors="replace").strip()


def _run(
    folder: Path, *arguments: str, given: bytes = b"", timeout: float = LONG_TIMEOUT
) -> bytes | None:
    """Return what git prints, None where it fails or is not there."""
    command = ["git", *PLAIN, "-C", str(folder), *arguments]
    environment = {name: text for name, text in os.environ.items() if name not in OTHERS}
    try:
        done = subprocess.run(
            command,
            env={**environment, **OWN},
            input=given,
            capture_output=True,
            timeout=timeout,
            check=True,
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return done.stdout


def top(folder: Path) -> Path | None:
    """Return the top of the repository that holds a folder, found without running git."""
    return next((each for each in (folder, *folder.parents) if (each / ".git").exists()), None)
