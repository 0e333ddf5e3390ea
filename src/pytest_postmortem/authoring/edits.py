"""Files that are made or changed together: all of them or none, or shown as a diff."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pytest_postmortem.errors import DestinationError, Problem
from pytest_postmortem.writing import Changed, create, rewrite

__all__ = ["Edit", "apply", "diff"]


@dataclass(frozen=True, slots=True)
class Edit:
    """A file, what it holds, None for one that is not there, and what it shall hold.

    ``shown`` is its path as the reader sees it.
    """

    path: Path
    shown: str
    old: bytes | None
    new: bytes


def diff(edits: Sequence[Edit]) -> Iterator[str]:
    """Yield the lines of a unified diff."""
    for edit in edits:
        before = _lines(edit.old or b"")
        source = "/dev/null" if edit.old is None else f"a/{edit.shown}"
        target = f"b/{edit.shown}"
        lines = difflib.unified_diff(before, _lines(edit.new), source, target, lineterm="")
        for position, line in enumerate(lines):
            yield line.rstrip("\r\n")
            if position > 1 and line[0] != "@" and line[-1] != "\n":
                yield "\\ No newline at end of file"


def _lines(data: bytes) -> list[str]:
    """Return the lines as git counts them."""
    lines = data.decode("utf-8", errors="replace").split("\n")
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def apply(edits: Sequence[Edit]) -> None:
    """Write all files, or none.

    Raises:
        DestinationError: One of them can't be written, has changed since it was read, or is
            there already.
    """
    made: list[Path] = []
    done: list[Edit] = []
    for edit in edits:
        try:
            made += _folders(edit.path.parent)
            _write(edit)
            done.append(edit)
        except (OSError, Changed) as error:
            _undo(done, made)
            raise DestinationError([_problem(edit, error)]) from None


def _folders(folder: Path) -> list[Path]:
    """Make a folder, and return all that was made for it."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()][::-1]
    for position, each in enumerate(missing):
        try:
            each.mkdir()
        except OSError:
            _undo((), missing[:position])
            raise
    return missing


def _write(edit: Edit) -> None:
    if edit.old is None:
        create(edit.path, edit.new)
    else:
        rewrite(edit.path.resolve(), edit.old, edit.new)  # a link stays one


def _undo(done: Sequence[Edit], made: Sequence[Path]) -> None:
    """Take back what was written, unless somebody has changed it since."""
    for edit in reversed(done):
        with suppress(OSError, Changed):
            if edit.old is not None:
                rewrite(edit.path.resolve(), edit.new, edit.old)
            elif edit.path.read_bytes() == edit.new:
                os.unlink(edit.path)
    for folder in reversed(made):
        with suppress(OSError):
            folder.rmdir()


def _problem(edit: Edit, error: OSError | Changed) -> Problem:
    if isinstance(error, Changed):
        cause, remedy = "it has changed since it was read", "try again; nothing was written"
    elif isinstance(error, FileExistsError):
        cause, remedy = "it is there already", "remove it, or choose another name"
    else:
        cause = (error.strerror or str(error)).lower()
        remedy = "choose a place that can be written; nothing was written"
    return Problem("destination", "Couldn't write", cause, remedy, edit.shown)
