"""What belongs to a suite or its registry and is not in the working tree, as git knows it.

Sparse checkouts leave out files, submodules may not be checked out, and Git LFS puts pointers where
files should be.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from pytest_postmortem import git, options
from pytest_postmortem.errors import GitError
from pytest_postmortem.model import format_count
from pytest_postmortem.pysource.marker_index import SuiteLayout
from pytest_postmortem.registry.loader import is_remote_location
from pytest_postmortem.settings import Settings
from pytest_postmortem.text import join_some_texts

LFS_POINTER_START = b"version https://git-lfs.github.com/spec/"

AbsenceNote = tuple[str, str]
"""A missing part of the checkout, and the remedy."""

SPARSE_REMEDY = "run `git sparse-checkout disable`"


def is_lfs_pointer(data: bytes) -> bool:
    """Say whether a file holds a pointer of Git LFS instead of its content."""
    return data.startswith(LFS_POINTER_START)


def build_suite(config: pytest.Config, top: Path, places: tuple[Path, ...]) -> SuiteLayout:
    """Return the suite of some files and folders."""
    ini = config.getini
    patterns, left_out = tuple(ini("python_files")), tuple(ini("norecursedirs"))
    return SuiteLayout(top, config.rootpath, places, patterns, left_out)


def list_absent_tests(config: pytest.Config, wanted: Settings) -> Iterator[AbsenceNote]:
    """Yield a note on each part of the suite that the working tree lacks, with its remedy.

    Raises: GitError where git gives no answer.
    """
    root = config.rootpath
    top = git.find_repository_top(root)
    if top is None:
        return
    index = git.read_index_only_files(root)
    named = tuple(root / text for text in config.getini("testpaths"))
    suite = build_suite(config, top, wanted.suite or named or (root,))
    tests = [path for path in index.absent if suite.is_suite_file(path, index.absent)]
    if tests:
        yield _describe_sparse_files(f"{format_count(len(tests), 'test file')}", tests)
    for path in filter(suite.may_hold_tests, index.modules):
        if not is_checked_out(top, path):
            yield name_absent_module(path)
            continue
        for nested in git.read_index_only_files(top / path).modules:
            whole = f"{path}/{nested}"
            if suite.may_hold_tests(whole) and not is_checked_out(top, whole):
                remedy = f"run `git submodule update --init --recursive {path}`"
                yield f"submodule {whole} is not checked out", remedy


def find_absent_paths(root: Path) -> tuple[Path, ...]:
    """Return the files and submodules that the working tree lacks; none if git gives no answer."""
    top = git.find_repository_top(root)
    with suppress(GitError):
        index = git.read_index_only_files(root) if top else git.IndexOnlyFiles({}, {})
        modules = (path for path in index.modules if top and not is_checked_out(top, path))
        return tuple((top or root) / path for path in (*index.absent, *modules))
    return ()


def is_checked_out(top: Path, module: str) -> bool:
    """Say whether a submodule, by its path from the top, has a working tree."""
    return git.find_repository_top(top / module) == top / module


def name_absent_module(path: str) -> AbsenceNote:
    """Return that a submodule is not checked out, and what to do about it."""
    remedy = f"run `git submodule update --init {path}`"
    return f"submodule {path} is not checked out", remedy


def require_registry(root: Path, wanted: Settings) -> None:
    """Make sure that the working tree has all documents of the registry, configured or found.

    Raises: GitError that names them; where git gives no answer, nothing counts as missing.
    """
    absent: list[AbsenceNote] = []
    with suppress(GitError):
        absent += _list_absent_registry(root, wanted)
    for each in absent:
        raise git.build_git_error(*each)


def _list_absent_registry(root: Path, wanted: Settings) -> Iterator[AbsenceNote]:
    top = git.find_repository_top(root)
    if top is None:
        return
    index = git.read_index_only_files(root)
    locations = [*wanted.registry, *filter(None, [wanted.sync])]
    own = [
        Path(os.path.abspath(each.path)) for each in locations if not is_remote_location(each.text)
    ]
    for place in own or _find_place(index, top, root):
        absent = [path for path in index.absent if (top / path).is_relative_to(place)]
        if absent:
            yield _describe_sparse_files(
                f"{format_count(len(absent), 'file')} of the registry", absent
            )
        for path in index.modules:
            if place.is_relative_to(top / path) and not is_checked_out(top, path):
                yield name_absent_module(path)


def _find_place(index: git.IndexOnlyFiles, top: Path, root: Path) -> Iterator[Path]:
    """Yield the nearest default location that has a registry, if none is configured."""
    folders = [each for each in (root, *root.parents) if each.is_relative_to(top)]
    for place in (folder / name for folder in folders for name in options.DEFAULT_LOCATIONS):
        if place.exists() or any((top / path).is_relative_to(place) for path in index.absent):
            yield place
            return


def _describe_sparse_files(what: str, paths: Sequence[str]) -> AbsenceNote:
    return f"a sparse checkout leaves out {what}: {join_some_texts(paths, ', ')}", SPARSE_REMEDY
