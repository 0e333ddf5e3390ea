"""Patches: made of two trees, read, and applied to the letter."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath

from pytest_postmortem.git.process import ask, ask_or_no, split, top

__all__ = ["applied", "is_inside", "patch", "patched"]

REFUSED = (1, 128)
"""The exit statuses with which git says that a patch is none, or does not apply."""


def patch(folder: Path, before: str, after: str, paths: Iterable[str]) -> bytes:
    """Return what changes between two commits or trees, of these files alone."""
    arguments = ("diff", "--binary", "--full-index", "--no-renames", "--no-ext-diff")
    own = ("--no-textconv", "--src-prefix=a/", "--dst-prefix=b/", "--no-color", "-U3")
    above = top(folder) or folder
    return ask(above, *arguments, *own, before, after, "--", *paths)


def patched(data: bytes) -> list[str]:
    """Return the files that a patch changes."""
    arguments = ("apply", "--numstat", "-z", "-")
    with tempfile.TemporaryDirectory() as name:
        told = ask_or_no(Path(name), *arguments, no=REFUSED, given=data, alone=True)
    parts = split(told or b"")
    return [part.split("\t")[2] for part in parts if part.count("\t") == 2]


def is_inside(path: str) -> bool:
    """Say whether a path of a patch stays below the folder to which it is applied."""
    return not PurePath(path).anchor and ".." not in PurePath(path).parts


def applied(
    contents: Mapping[str, bytes], patch: bytes, *, reverse: bool, only: Iterable[str] = ()
) -> dict[str, bytes | None] | None:
    """Return files as a patch leaves them, None where it does not apply to the letter.

    Lines may have moved; what stands around them has to be as it was. ``only`` are the files of
    the patch that count, all where there are none. Nothing is written outside.
    """
    if not all(map(is_inside, contents)):
        return None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, data in contents.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        arguments = ["apply", "--whitespace=nowarn", *(["--reverse"] if reverse else [])]
        plain = (re.sub(r"([*?[\\])", r"\\\1", path) for path in only)  # it takes globs
        arguments += [f"--include={path}" for path in plain]
        if ask_or_no(folder, *arguments, "-", no=REFUSED, given=patch, alone=True) is None:
            return None
        found = (path for path in folder.rglob("*") if path.is_file())
        now = {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
        return {path: now.get(path) for path in {*contents, *now}}
