"""A file, whole or not at all: written beside its destination, then put in its place."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from pytest_postmortem.errors import DestinationError, Problem

__all__ = ["Changed", "create", "rewrite", "write"]


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


def rewrite(path: Path, old: bytes, new: bytes) -> None:
    """Put new contents into a file that still holds the old ones, and keep its mode.

    Raises:
        Changed: It holds something else by now.
        OSError: It can't be written; it is as it was.
    """
    mode = stat.S_IMODE(path.stat().st_mode)
    if path.read_bytes() != old:
        raise Changed
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    _replace(path, new, mode)


def create(path: Path, data: bytes) -> None:
    """Write a file that is not there yet, in a folder that is.

    Raises:
        FileExistsError: Something is there, and stays as it is.
        OSError: It can't be written; nothing is left behind.
    """
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        _replace(path, data, 0o666 & ~_umask())
    except BaseException:
        with suppress(OSError):
            os.unlink(path)
        raise


def _replace(path: Path, data: bytes, mode: int) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    try:
        with open(handle, "wb") as file:
            file.write(data)
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _umask() -> int:
    """Return the mask of new files; there is no way to read it but to set it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
