"""What belongs to a suite or its registry and is not in the working tree, as git knows it.

Sparse checkouts leave out files, submodules may not be checked out, and Git LFS puts pointers where
files should be.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from pytest_postmortem import git, options
from pytest_postmortem.changes import some
from pytest_postmortem.marked import Suite
from pytest_postmortem.model import Location, count_of
from pytest_postmortem.registry.loading import is_remote
from pytest_postmortem.settings import Settings

__all__ = ["is_pointer", "list_absent", "list_absent_registry", "places_of", "suite_of"]

POINTER = b"version https://git-lfs.github.com/spec/"

Absent = tuple[str, str]
"""What is not there, and what to do about it."""

SPARSE = "run `git sparse-checkout disable`"


def is_pointer(data: bytes) -> bool:
    """Say whether a file holds a pointer of Git LFS instead of its content."""
    return data.startswith(POINTER)


def places_of(config: pytest.Config, wanted: Settings) -> tuple[Path, ...]:
    """Return the files and folders that make up the suite, as they are configured."""
    texts = config.getini("testpaths")
    return wanted.suite or tuple(config.rootpath / text for text in texts)


def suite_of(config: pytest.Config, top: Path, places: tuple[Path, ...]) -> Suite:
    """Return the suite of some files and folders."""
    ini = config.getini
    patterns, left_out = tuple(ini("python_files")), tuple(ini("norecursedirs"))
    return Suite(top, config.rootpath, places, patterns, left_out)


def list_absent(
    config: pytest.Config, wanted: Settings, locations: Sequence[Location]
) -> Iterator[Absent]:
    """Yield what the working tree lacks of the suite and the registry, with what to do about it.

    A submodule that is not checked out counts where the configuration names it or what lies above
    it; a run would not find anything in it either.

    Raises: GitError where git can't tell.
    """
    root = config.rootpath
    top = git.top(root)
    if top is None:
        return
    index = git.index(root)
    places = places_of(config, wanted)
    suite = suite_of(config, top, places or (root,))
    tests = [path for path in index.absent if suite.holds(path, index.absent)]
    if tests:
        yield _left_out(f"{count_of(len(tests), 'test file')}", tests)
    yield from list_absent_registry(index, top, root, locations)
    named = suite_of(config, top, places)
    for path in index.modules if places else ():
        if named.reaches(path) and git.top(top / path) != top / path:
            remedy = f"run `git submodule update --init {path}`"
            yield f"submodule {path} is not checked out", remedy


def list_absent_registry(
    index: git.Index, top: Path, root: Path, locations: Sequence[Location]
) -> Iterator[Absent]:
    """Yield which documents of the registry are not in the working tree, configured or found."""
    own = [Path(os.path.abspath(each.path)) for each in locations if not is_remote(each.text)]
    if not own:
        folders = [each for each in (root, *root.parents) if each.is_relative_to(top)]
        own = [folder / place for folder in folders for place in options.PLACES]
    absent = [path for path in index.absent if _is_below(top / path, own)]
    if absent:
        yield _left_out(f"{count_of(len(absent), 'file')} of the registry", absent)


def _left_out(what: str, paths: Sequence[str]) -> Absent:
    return f"a sparse checkout leaves out {what}: {some(paths, ', ')}", SPARSE


def _is_below(path: Path, places: Iterable[Path]) -> bool:
    return any(path.is_relative_to(place) for place in places)
