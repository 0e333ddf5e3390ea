"""Where the processes of a run write down what happens: a file to which they all add lines.

Like the overlay, it is copied into the shadow environment. A test may patch what writes, and close
files that it has not opened.
"""

from __future__ import annotations

import os
from collections.abc import Callable

__all__ = ["noting"]

_open, _write, _fstat = os.open, os.write, os.fstat


def noting(path: str) -> Callable[[str], None]:
    """Return what adds a line to a file."""
    handle = _opened(path)
    known = _file_of(handle)

    def note(line: str) -> None:
        nonlocal handle
        if _file_of(handle) != known:
            handle = _opened(path)
        _write(handle, line.encode() + b"\n")

    return note


def _opened(path: str) -> int:
    return _open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def _file_of(handle: int) -> tuple[int, int] | None:
    """Return what tells an open file from others, None where none is open."""
    try:
        facts = _fstat(handle)
    except OSError:
        return None
    return facts.st_dev, facts.st_ino
