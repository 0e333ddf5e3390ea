"""Where the processes of a run write down what happens: a file to which they all add lines.

Like the overlay, it is copied into the shadow environment. A test may patch what writes, and close
files that it has not opened.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

__all__ = ["build_load_recorder", "open_note_writer"]

_open, _write, _fstat = os.open, os.write, os.fstat


def open_note_writer(path: str) -> Callable[[str], None]:
    """Return what adds a line to a file."""
    handle = _open_note_file(path)
    known = _identify_open_file(handle)

    def note(line: str) -> None:
        nonlocal handle
        if _identify_open_file(handle) != known:
            handle = _open_note_file(path)
        _write(handle, line.encode() + b"\n")

    return note


def build_load_recorder(
    trees: Sequence[str], note: Callable[[str, object], None]
) -> Callable[[str], None]:
    """Return what notes a file that is loaded, if it is one of some trees.

    A script is read by no loader, and noted at once.
    """
    realpath, join, split = os.path.realpath, os.path.join, os.path.split
    within = tuple(join(realpath(tree), "") for tree in trees)
    folders: dict[str, str] = {}

    def loaded(path: str) -> None:
        with suppress(Exception):  # whatever a test has patched
            folder, name = split(path)
            if folder not in folders:
                folders[folder] = join(realpath(folder), "")
            real = folders[folder]
            if real.startswith(within) and "site-packages" not in real:
                note("modules", [realpath(real + name)])

    for each in sys.orig_argv[1:]:
        if each.endswith(".py"):
            loaded(each)
    return loaded


def _open_note_file(path: str) -> int:
    return _open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def _identify_open_file(handle: int) -> tuple[int, int] | None:
    """Return what tells an open file from others, None where none is open."""
    try:
        facts = _fstat(handle)
    except OSError:
        return None
    return facts.st_dev, facts.st_ino
