"""A file, whole or not at all: written beside its destination, then put in its place."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pytest_postmortem.errors import DestinationError, Problem

__all__ = ["Changed", "Staged", "rewrite", "stage", "write"]


class Changed(Exception):
    """A file no longer holds what was read of it."""


def write(path: Path, text: str) -> None:
    """Write text as UTF-8, making missing folders; an older file stays until the new is whole.

    Raises:
        DestinationError: The file can't be written; nothing is left behind.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        data = text.encode("utf-8", errors="backslashreplace")
        _replace(path, data, 0o666 & ~_umask())
    except OSError as error:
        cause = error.strerror or str(error)
        remedy = "choose a destination that can be written"
        problem = Problem("destination", "Couldn't write report", cause, remedy, str(path))
        raise DestinationError([problem]) from None


@dataclass(frozen=True, slots=True)
class Staged:
    """What a file shall hold, whole, in a file beside it; ``old`` is what it holds until then,
    None where there is none.
    """

    path: Path
    old: bytes | None
    beside: str

    def put(self) -> None:
        """Put it in its place.

        Raises:
            Changed: The file holds something else by now.
            FileExistsError: There is one by now, and it stays as it is.
            OSError: It can't be written; it is as it was.
        """
        try:
            if self.old is None:
                self._claim()
            elif self.path.read_bytes() != self.old:
                raise Changed
            else:
                os.replace(self.beside, self.path)
        except BaseException:
            self.drop()
            raise

    def _claim(self) -> None:
        os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        try:
            os.replace(self.beside, self.path)
        except BaseException:
            with suppress(OSError):
                os.unlink(self.path)
            raise

    def drop(self) -> None:
        """Leave the file as it is, and nothing beside it."""
        with suppress(OSError):
            os.unlink(self.beside)


def stage(path: Path, old: bytes | None, new: bytes) -> Staged:
    """Write beside a file what it shall hold, with its mode; ``old`` is None where there is none.

    Raises:
        Changed: It does not hold ``old``.
        FileExistsError: There is one, and should not be.
        OSError: It can't be written; nothing is left behind.
    """
    if old is None:
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        return Staged(path, old, _beside(path, new, 0o666 & ~_umask()))
    mode = stat.S_IMODE(path.stat().st_mode)
    if path.read_bytes() != old:
        raise Changed
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return Staged(path, old, _beside(path, new, mode))


def rewrite(path: Path, old: bytes, new: bytes) -> None:
    """Put new contents into a file that still holds the old ones, and keep its mode.

    Raises:
        Changed: It holds something else by now.
        OSError: It can't be written; it is as it was.
    """
    stage(path, old, new).put()


def _replace(path: Path, data: bytes, mode: int) -> None:
    name = _beside(path, data, mode)
    try:
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _beside(path: Path, data: bytes, mode: int) -> str:
    """Write a file beside another, and return its name."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    try:
        with open(handle, "wb") as file:
            file.write(data)
        os.chmod(name, mode)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
    return name


def _umask() -> int:
    """Return the mask of new files; there is no way to read it but to set it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
