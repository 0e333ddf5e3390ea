"""Patches: created from two trees, parsed, and applied exactly."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath

from pytest_postmortem.git.process import (
    find_repository_top,
    run_git,
    run_git_or_none,
    split_null_separated,
)

REFUSED_STATUSES = (1, 128)
"""The exit statuses of git for an invalid patch, or one that does not apply."""


def build_patch(folder: Path, before: str, after: str, paths: Iterable[str]) -> bytes:
    """Return the patch between two commits or trees for these files."""
    arguments = ("diff", "--binary", "--full-index", "--no-renames", "--no-ext-diff")
    own = ("--no-textconv", "--src-prefix=a/", "--dst-prefix=b/", "--no-color", "-U3")
    above = find_repository_top(folder) or folder
    return run_git(above, *arguments, *own, before, after, "--", *paths)


def list_patched_files(data: bytes) -> list[str]:
    """Return the files that a patch changes."""
    arguments = ("apply", "--numstat", "-z", "-")
    with tempfile.TemporaryDirectory() as name:
        output = run_git_or_none(
            Path(name), *arguments, no=REFUSED_STATUSES, given=data, alone=True
        )
    parts = split_null_separated(output or b"")
    return [part.split("\t")[2] for part in parts if part.count("\t") == 2]


def is_path_inside(path: str) -> bool:
    """Return whether a path of a patch is below the folder to which it is applied."""
    return not PurePath(path).anchor and ".." not in PurePath(path).parts


def apply_patch(
    contents: Mapping[str, bytes], patch: bytes, *, reverse: bool, only: Iterable[str] = ()
) -> dict[str, bytes | None] | None:
    """Return the patched files, None if the patch does not apply exactly.

    Lines may have moved; their context has to be unchanged, but for the ends of lines in files that
    have one kind of them. ``only`` limits the patch to some files, if it is not empty. Nothing is
    written outside of the folder.
    """
    patched = _apply_exact_patch(contents, patch, reverse=reverse, only=(paths := list(only)))
    if patched is not None:
        return patched
    converted = {path for path, data in contents.items() if _has_only_crlf(data)}
    if not converted and b"\r\n" not in patch:
        return None
    unix = {
        path: data.replace(b"\r\n", b"\n") if path in converted else data
        for path, data in contents.items()
    }
    patch = patch.replace(b"\r\n", b"\n")
    patched = _apply_exact_patch(unix, patch, reverse=reverse, only=paths)
    return patched and {
        path: data.replace(b"\n", b"\r\n") if data is not None and path in converted else data
        for path, data in patched.items()
    }


def _has_only_crlf(data: bytes) -> bool:
    """Return whether all lines of a text end as on Windows."""
    return b"\0" not in data and 0 < data.count(b"\n") == data.count(b"\r\n")


def _apply_exact_patch(
    contents: Mapping[str, bytes], patch: bytes, *, reverse: bool, only: Iterable[str]
) -> dict[str, bytes | None] | None:
    if not all(map(is_path_inside, contents)):
        return None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, data in contents.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        arguments = ["apply", "--whitespace=nowarn", *(["--reverse"] if reverse else [])]
        plain = (re.sub(r"([*?[\\])", r"\\\1", path) for path in only)  # it takes globs
        arguments += [f"--include={path}" for path in plain]
        if (
            run_git_or_none(folder, *arguments, "-", no=REFUSED_STATUSES, given=patch, alone=True)
            is None
        ):
            return None
        patched_paths = (path for path in folder.rglob("*") if path.is_file())
        patched_contents = {
            path.relative_to(folder).as_posix(): path.read_bytes() for path in patched_paths
        }
        return {path: patched_contents.get(path) for path in {*contents, *patched_contents}}
