"""Write a tree into a separate folder: that of the fix or of its test, or a copy of today's."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_postmortem import git
from pytest_postmortem.files import read_file_bytes
from pytest_postmortem.prove.fix import FixError
from pytest_postmortem.prove.fix_files import Fix
from pytest_postmortem.pysource import suite_reader

GENERATED_SUFFIXES = (".py", ".so", ".pyd", ".dylib")


def find_commit_with_tests(
    root: Path,
    top: Path,
    fix: Fix,
    end: str,
    nodeids: Sequence[str],
    names_then: Mapping[str, str],
) -> tuple[str, dict[str, str]]:
    """Return a commit whose tree has a fix and its tests, and their node ids with those of today.

    That is ``end``, the last commit of the fix, or the commit that added the tests. ``nodeids`` are
    today's, relative to ``root``; ``names_then`` has the node ids at the fix of those functions for
    which they are known.

    Raises:
        FixError: No commit has both.
    """
    if not nodeids:
        raise FixError("it has no linked test")
    finder = _TestFinder(root, top, fix.of_kind("test"), names_then)
    names_at_commit = finder.find_tests(end, nodeids)
    if names_at_commit:
        return end, names_at_commit
    path, name = _split_test_nodeid(finder.find_name_then(nodeids[0]))
    for commit in git.find_commits_adding(root, f"def {name}(", finder.from_top(path)):
        names_at_commit = finder.find_tests(commit, nodeids)
        if names_at_commit and git.find_merge_base(root, end, commit) == end:
            return commit, names_at_commit
    raise FixError("no commit has both the test and the fix")


def export_tree(root: Path, top: Path, commit: str, folder: Path) -> list[str]:
    """Write the tree of a commit and the build products of the checkout; return its files.

    The tree has the same folders as ``top``.
    """
    present = git.export_commit(root, commit, folder)
    _copy_generated_files(root, top, folder)
    for path in {folder / "setup.cfg", folder / os.path.relpath(root, top) / "setup.cfg"}:
        _rename_pytest_section(path)
    return present


def copy_checkout(root: Path, top: Path, folder: Path) -> Path:
    """Copy the tracked and addable files and the build products into a folder; return its rootdir.

    Raises:
        FixError: Git can't list the files.
    """
    paths = git.list_repository_files(root)
    if not paths:
        raise FixError("git could not list the files of the tree")
    for path in paths:
        file, target = top / path, folder / path
        if file.is_symlink() or file.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copy(file, target, follow_symlinks=False)
            except OSError:  # Windows may forbid links
                shutil.copy(file, target)
    _copy_generated_files(root, top, folder)
    return Path(os.path.realpath(folder))


def _rename_pytest_section(path: Path) -> None:
    """Name the section of a ``setup.cfg`` as pytest 3 and later want it, in an exported tree."""
    data = read_file_bytes(path)
    if data is not None and not path.is_symlink():
        renamed = re.sub(rb"^\[pytest\]", b"[tool:pytest]", data, flags=re.MULTILINE)
        if renamed != data and b"[tool:pytest]" not in data:
            path.write_bytes(renamed)


@dataclass(frozen=True, slots=True)
class _TestFinder:
    """Finds today's tests in the trees of commits; ``of_fix`` are files of tests of the fix."""

    root: Path
    top: Path
    of_fix: Sequence[str]
    names_then: Mapping[str, str]

    def find_name_then(self, nodeid: str) -> str:
        """Return the node id of a test's function at the fix if it is known, else that of today."""
        function = nodeid.partition("[")[0]
        return self.names_then.get(function, function)

    def find_tests(self, commit: str, nodeids: Sequence[str]) -> dict[str, str]:
        """Return the node ids of the tests that a commit has, each with the one of today.

        At that commit its file may have been in another folder, its function in another class, or
        in the file of a test of the fix.
        """
        tree = git.list_commit_files(self.root, commit)
        read: dict[str, tuple[str, ...]] = {}
        found: dict[str, str] = {}
        for nodeid in nodeids:
            then = self.find_name_then(nodeid)
            path, name = _split_test_nodeid(then)
            names = then.partition("::")[2]
            place = self.from_top(path)
            alike = [
                candidate
                for candidate in tree
                if candidate.rpartition("/")[2] == place.rpartition("/")[2]
            ]
            alike = [
                *sorted(alike, key=lambda candidate: candidate != place),
                *(candidate for candidate in self.of_fix if candidate in tree),
            ]
            for candidate in alike:
                if candidate not in read:
                    read[candidate] = tuple(_list_blob_tests(self.root, tree[candidate]))
                matching = [test for test in read[candidate] if test == names]
                matching = matching or [
                    test for test in read[candidate] if test.rpartition("::")[2] == name
                ]
                if len(matching) == 1:
                    found.setdefault(
                        f"{self._from_root(candidate)}::{matching[0]}", nodeid.partition("[")[0]
                    )
                    break
        return found

    def from_top(self, path: str) -> str:
        """Return the path of a file from the top, given the one from the rootdir."""
        return os.path.relpath(os.path.realpath(self.root / path), self.top).replace(os.sep, "/")

    def _from_root(self, path: str) -> str:
        return os.path.relpath(self.top / path, os.path.realpath(self.root)).replace(os.sep, "/")


def _list_blob_tests(root: Path, blob: str) -> Iterator[str]:
    """Yield the names of the tests within a file."""
    ((_, data),) = git.read_blobs(root, [blob])
    return (test.name for test in suite_reader.parse_source_tests(data, ()) or ())


def _split_test_nodeid(nodeid: str) -> tuple[str, str]:
    """Return the file and the function name of a test."""
    path, _, names = nodeid.partition("::")
    return path, names.partition("[")[0].rpartition("::")[2]


def _copy_generated_files(root: Path, top: Path, folder: Path) -> None:
    for path in git.list_generated_files(root, GENERATED_SUFFIXES):
        built, target = top / path, folder / path
        if target.parent.is_dir() and built.is_file() and not target.exists():
            shutil.copyfile(built, target)
