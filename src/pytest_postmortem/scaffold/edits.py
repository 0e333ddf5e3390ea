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
from pytest_postmortem.files import FileChangedError, StagedFile, rewrite_file, stage_file

__all__ = ["FileEdit", "render_edits_diff", "write_edits"]


@dataclass(frozen=True, slots=True)
class FileEdit:
    """A file, what it holds, None for one that is not there, and what it shall hold.

    ``shown`` is its path as the reader sees it.
    """

    path: Path
    shown: str
    old: bytes | None
    new: bytes


def render_edits_diff(edits: Sequence[FileEdit]) -> Iterator[str]:
    """Yield the lines of a unified diff."""
    for edit in edits:
        before = _split_git_lines(edit.old or b"")
        source = "/dev/null" if edit.old is None else f"a/{edit.shown}"
        target = f"b/{edit.shown}"
        lines = difflib.unified_diff(
            before, _split_git_lines(edit.new), source, target, lineterm=""
        )
        for position, line in enumerate(lines):
            yield line.rstrip("\r\n")
            if position > 1 and line[0] != "@" and line[-1] != "\n":
                yield "\\ No newline at end of file"


def _split_git_lines(data: bytes) -> list[str]:
    """Return the lines as git counts them."""
    lines = data.decode("utf-8", errors="replace").split("\n")
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def write_edits(edits: Sequence[FileEdit]) -> None:
    """Write all files; those that are written are put back when a later one can't be.

    Raises:
        DestinationError: One of them can't be written, has changed since it was read, or is
            there already.
    """
    work = _EditTransaction()
    try:
        work.do(edits)
    except BaseException as error:
        not_restored = work.undo_writes()
        if isinstance(error, (OSError, FileChangedError)) or not_restored:
            raise DestinationError(
                [_build_write_problem(work.current, error, not_restored), *not_restored]
            ) from None
        raise


class _EditTransaction:
    """Files that are written, as far as that has come."""

    def __init__(self) -> None:
        self.current: FileEdit | None = None
        self._made: list[Path] = []
        self._staged: list[StagedFile] = []
        self._done: list[FileEdit] = []

    def do(self, edits: Sequence[FileEdit]) -> None:
        """Write all files beside their places, then put them there."""
        for edit in edits:
            self.current = edit
            self._made += _create_folders(edit.path.parent)
            self._staged.append(_stage_edit(edit))
        for edit, staged in zip(edits, self._staged, strict=True):
            self.current = edit
            self._done.append(edit)  # first: an interruption may come anywhere
            try:
                staged.put_in_place()
            except (OSError, FileChangedError):
                self._done.pop()
                raise

    def undo_writes(self) -> list[Problem]:
        """Take back what was written, and return what could not be."""
        for each in self._staged:
            each.drop_staged()
        left = [problem for each in reversed(self._done) if (problem := _restore_file(each))]
        for folder in reversed(self._made):
            with suppress(OSError):
                folder.rmdir()
        return left


def _create_folders(folder: Path) -> list[Path]:
    """Make a folder, and return all that was made for it."""
    missing = [
        missing_folder
        for missing_folder in (folder, *folder.parents)
        if not missing_folder.exists()
    ][::-1]
    for position, missing_folder in enumerate(missing):
        try:
            missing_folder.mkdir()
        except BaseException:
            for made in reversed(missing[:position]):
                made.rmdir()
            raise
    return missing


def _stage_edit(edit: FileEdit) -> StagedFile:
    path = edit.path if edit.old is None else edit.path.resolve()  # a link stays one
    return stage_file(path, edit.old, edit.new)


def _restore_file(edit: FileEdit) -> Problem | None:
    """Take back what was written, unless somebody has changed it since; say what hinders it."""
    try:
        if edit.old is not None and edit.path.read_bytes() != edit.old:
            rewrite_file(edit.path.resolve(), edit.new, edit.old)
        elif edit.old is None and os.path.lexists(edit.path):
            if edit.path.read_bytes() != edit.new:
                raise FileChangedError
            os.unlink(edit.path)
    except (OSError, FileChangedError) as error:
        changed = isinstance(error, FileChangedError)
        cause = "it has changed since it was written" if changed else _format_edit_error(error)
        remedy = "see what it holds, and take back by hand what was added"
        return Problem("destination", "Couldn't put back", cause, remedy, edit.shown)
    return None


def _build_write_problem(
    edit: FileEdit | None, error: BaseException, left: Sequence[Problem]
) -> Problem:
    nothing = "" if left else "; nothing was written"
    if isinstance(error, FileChangedError):
        cause, remedy = "it has changed since it was read", f"try again{nothing}"
    elif isinstance(error, FileExistsError):
        cause, remedy = "it is there already", "remove it, or choose another name"
    elif isinstance(error, OSError):
        cause, remedy = _format_edit_error(error), f"choose a place that can be written{nothing}"
    else:
        cause, remedy = "it was interrupted", "try again"
    return Problem("destination", "Couldn't write", cause, remedy, edit.shown if edit else None)


def _format_edit_error(error: OSError | FileChangedError) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
