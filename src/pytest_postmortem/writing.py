"""A file, whole or not at all: written beside its destination, then put in its place."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from pytest_postmortem.errors import DestinationError, Problem

__all__ = ["write"]


def write(path: Path, text: str) -> None:
    """Write text as UTF-8, making missing folders; an older file stays until the new is whole.

    Raises:
        DestinationError: The file can't be written; nothing is left behind.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, text)
    except OSError as error:
        cause = error.strerror or str(error)
        remedy = "choose a destination that can be written"
        problem = Problem("destination", "Couldn't write report", cause, remedy, str(path))
        raise DestinationError([problem]) from None


def _replace(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    try:
        with open(handle, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            file.write(text)
        os.chmod(name, 0o666 & ~_umask())
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
