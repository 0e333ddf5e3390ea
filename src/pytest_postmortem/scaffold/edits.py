"""Create or change several files together, or show the changes as a diff.

If one of them can't be written, the others are restored. If the process is killed, each file is
either old or new as a whole, and running the command again writes the rest.
"""

from __future__ import annotations

import difflib
import os
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pytest_postmortem.errors import DestinationError, Problem
from pytest_postmortem.files import FileChangedError, StagedFile, rewrite_file, stage_file


@dataclass(frozen=True, slots=True)
class FileEdit:
    """A file to write, its old contents (None for a new file), and its new contents.

    ``shown`` is its path for the reader.
    """

    path: Path
    shown: str
    old: bytes | None
    new: bytes


def edit_text(data: bytes, edit: Callable[[str], str]) -> bytes:
    """Return a file with its text edited; a byte order mark and the kind of line ends stay.

    Raises: ValueError where it is not UTF-8, or has both kinds of line ends.
    """
    bom = BOM_UTF8 if data.startswith(BOM_UTF8) else b""
    text = data.removeprefix(bom).decode()
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = text.replace("\r\n", "\n")
    if lines.replace("\n", newline) != text:
        raise ValueError("its lines end in different ways")
    return bom + edit(lines).replace("\n", newline).encode()


def insert_lines(text: str, place: int, new: Sequence[str]) -> str:
    """Return a text with new lines before the line of an index; a missing end stays missing."""
    lines = text.removesuffix("\n").split("\n") if text else []
    end = "" if text and not text.endswith("\n") else "\n"
    return "\n".join([*lines[:place], *new, *lines[place:]]) + end


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
    """Write all files; restore those already written if a later one fails.

    Raises:
        DestinationError: One of them can't be written, has changed since it was read, or already
        exists.
    """
    made: list[Path] = []
    staged: list[StagedFile] = []
    done: list[FileEdit] = []
    current: FileEdit | None = None
    try:
        for current in edits:
            made += _create_folders(current.path.parent)
            staged.append(_stage_edit(current))
        for current, staged_file in zip(edits, staged, strict=True):
            done.append(current)  # before the move: an interruption may come at any time
            try:
                staged_file.put_in_place()
            except (OSError, FileChangedError):
                done.pop()
                raise
    except BaseException as error:
        not_restored = _undo_writes(made, staged, done)
        if isinstance(error, (OSError, FileChangedError)) or not_restored:
            raise DestinationError(
                [_build_write_problem(current, error, not_restored), *not_restored]
            ) from None
        raise


def _undo_writes(
    made: Sequence[Path], staged: Sequence[StagedFile], done: Sequence[FileEdit]
) -> list[Problem]:
    """Restore the files that were written; return the problems of those that can't be."""
    for staged_file in staged:
        staged_file.drop_staged()
    left = [problem for edit in reversed(done) if (problem := _restore_file(edit))]
    for folder in reversed(made):
        with suppress(OSError):
            folder.rmdir()
    return left


def _create_folders(folder: Path) -> list[Path]:
    """Create a folder; return all folders that were created."""
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
    path = edit.path if edit.old is None else edit.path.resolve()  # keep symbolic links
    return stage_file(path, edit.old, edit.new)


def _restore_file(edit: FileEdit) -> Problem | None:
    """Restore a file unless it has changed since; return the problem if that fails."""
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
        remedy = "review it, and remove the added lines by hand"
        return Problem("destination", "Couldn't restore", cause, remedy, edit.shown)
    return None


def _build_write_problem(
    edit: FileEdit | None, error: BaseException, left: Sequence[Problem]
) -> Problem:
    nothing = "" if left else "; nothing was written"
    if isinstance(error, FileChangedError):
        cause, remedy = "it has changed since it was read", f"try again{nothing}"
    elif isinstance(error, FileExistsError):
        cause, remedy = "it already exists", "remove it, or choose another name"
    elif isinstance(error, OSError):
        cause, remedy = _format_edit_error(error), f"choose a writable place{nothing}"
    else:
        cause, remedy = "it was interrupted", "try again"
    return Problem("destination", "Couldn't write", cause, remedy, edit.shown if edit else None)


def _format_edit_error(error: OSError | FileChangedError) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
