"""Files that are made or changed together, or shown as a diff.

When one of them can't be written, the others are put back. A process that is killed can't do
that: each file is then whole, as it was or as it should be, and running the command again writes
the rest.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pytest_postmortem.errors import DestinationError, Problem
from pytest_postmortem.writing import Changed, Staged, rewrite, stage

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
    """Write all files; those that are written are put back when a later one can't be.

    Raises:
        DestinationError: One of them can't be written, has changed since it was read, or is
            there already.
    """
    work = _Work()
    try:
        work.do(edits)
    except BaseException as error:
        left = work.undone()
        if isinstance(error, (OSError, Changed)) or left:
            raise DestinationError([_problem(work.current, error, left), *left]) from None
        raise


class _Work:
    """Files that are written, as far as that has come."""

    def __init__(self) -> None:
        self.current: Edit | None = None
        self._made: list[Path] = []
        self._staged: list[Staged] = []
        self._done: list[Edit] = []

    def do(self, edits: Sequence[Edit]) -> None:
        """Write all files beside their places, then put them there."""
        for edit in edits:
            self.current = edit
            self._made += _folders(edit.path.parent)
            self._staged.append(_staged(edit))
        for edit, staged in zip(edits, self._staged, strict=True):
            self.current = edit
            self._done.append(edit)  # first: an interruption may come anywhere
            try:
                staged.put()
            except (OSError, Changed):
                self._done.pop()
                raise

    def undone(self) -> list[Problem]:
        """Take back what was written, and return what could not be."""
        for each in self._staged:
            each.drop()
        left = [problem for each in reversed(self._done) if (problem := _put_back(each))]
        for folder in reversed(self._made):
            with suppress(OSError):
                folder.rmdir()
        return left


def _folders(folder: Path) -> list[Path]:
    """Make a folder, and return all that was made for it."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()][::-1]
    for position, each in enumerate(missing):
        try:
            each.mkdir()
        except BaseException:
            for made in reversed(missing[:position]):
                made.rmdir()
            raise
    return missing


def _staged(edit: Edit) -> Staged:
    path = edit.path if edit.old is None else edit.path.resolve()  # a link stays one
    return stage(path, edit.old, edit.new)


def _put_back(edit: Edit) -> Problem | None:
    """Take back what was written, unless somebody has changed it since; say what hinders it."""
    try:
        if edit.old is not None and edit.path.read_bytes() != edit.old:
            rewrite(edit.path.resolve(), edit.new, edit.old)
        elif edit.old is None and os.path.lexists(edit.path):
            if edit.path.read_bytes() != edit.new:
                raise Changed
            os.unlink(edit.path)
    except (OSError, Changed) as error:
        changed = isinstance(error, Changed)
        cause = "it has changed since it was written" if changed else _said(error)
        remedy = "see what it holds, and take back by hand what was added"
        return Problem("destination", "Couldn't put back", cause, remedy, edit.shown)
    return None


def _problem(edit: Edit | None, error: BaseException, left: Sequence[Problem]) -> Problem:
    nothing = "" if left else "; nothing was written"
    if isinstance(error, Changed):
        cause, remedy = "it has changed since it was read", f"try again{nothing}"
    elif isinstance(error, FileExistsError):
        cause, remedy = "it is there already", "remove it, or choose another name"
    elif isinstance(error, OSError):
        cause, remedy = _said(error), f"choose a place that can be written{nothing}"
    else:
        cause, remedy = "it was interrupted", "try again"
    return Problem("destination", "Couldn't write", cause, remedy, edit.shown if edit else None)


def _said(error: OSError | Changed) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
