"""The file to which all processes of a run append their notes.

It is copied into the shadow environment, like the import hook. Tests may patch the functions that
it uses, and close files that they did not open.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

_open, _write, _fstat = os.open, os.write, os.fstat


def open_note_writer(path: str) -> Callable[[str], None]:
    """Return a function that appends a line to a file."""
    handle = _open_note_file(path)
    identity = _identify_open_file(handle)

    def note(line: str) -> None:
        nonlocal handle
        if _identify_open_file(handle) != identity:
            handle = _open_note_file(path)
        _write(handle, line.encode() + b"\n")

    return note


def build_load_recorder(
    trees: Sequence[str], note: Callable[[str, object], None]
) -> Callable[[str], None]:
    """Return a function that records a loaded file, if it is in one of some trees.

    No loader reads the main script, so it is recorded at once.
    """
    realpath, join, split = os.path.realpath, os.path.join, os.path.split
    within = tuple(join(realpath(tree), "") for tree in trees)
    folders: dict[str, str] = {}

    def loaded(path: str) -> None:
        with suppress(Exception):  # a test may patch anything
            folder, name = split(path)
            if folder not in folders:
                folders[folder] = join(realpath(folder), "")
            real = folders[folder]
            if real.startswith(within) and "site-packages" not in real:
                note("modules", [realpath(real + name)])

    for argument in sys.orig_argv[1:]:
        if argument.endswith(".py"):
            loaded(argument)
    return loaded


def list_files_below(roots: Sequence[str], modules: Sequence[object]) -> Iterator[str]:
    """Yield the real paths of the files of modules that are in one of some folders."""
    folders = tuple(os.path.realpath(root) + os.sep for root in roots)
    for module in modules:
        try:
            path = getattr(module, "__file__", None)
        except Exception:  # sys.modules may hold any object
            path = None
        if isinstance(path, str):
            real = os.path.realpath(path)
            if real.startswith(folders) and "site-packages" not in real:
                yield real


def _open_note_file(path: str) -> int:
    return _open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def _identify_open_file(handle: int) -> tuple[int, int] | None:
    """Return the identity of an open file, None if the handle is closed."""
    try:
        facts = _fstat(handle)
    except OSError:
        return None
    return facts.st_dev, facts.st_ino
