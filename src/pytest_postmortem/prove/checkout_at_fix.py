"""Export the source tree at the commit of the fix, or of its test, into a separate folder."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_postmortem import git
from pytest_postmortem.files import read_file_bytes
from pytest_postmortem.prove import fix_files
from pytest_postmortem.prove.fix import decode_fix_source
from pytest_postmortem.prove.fix_files import Fix
from pytest_postmortem.pysource import suite_reader

GENERATED_SUFFIXES = (".py", ".so", ".pyd", ".dylib")


class ReplayError(Exception):
    """No tree exists in which the tests could run; the message says why."""


@dataclass(frozen=True, slots=True)
class TreeAtFix:
    """An exported tree with the source as the fix left it, and as it was before.

    ``nodeids`` are the node ids of the linked tests in that tree, each with the one of today.
    ``fixed`` and ``before`` hold Python source by its real path, ``others`` all files of the fix,
    before it and after it.
    """

    tree: Path
    nodeids: Mapping[str, str]
    roots: tuple[str, ...]
    fixed: Mapping[str, str | None]
    before: Mapping[str, str | None]
    others: Mapping[Path, tuple[bytes | None, bytes | None]]


def export_tree_at_fix(
    root: Path,
    top: Path,
    fix: Fix,
    nodeids: Sequence[str],
    folder: Path,
    names_then: Mapping[str, str] = {},
) -> TreeAtFix:
    """Write the tree into a folder, together with the build products of the checkout.

    ``nodeids`` are today's, relative to ``root``; the tree has the same folders as ``top``.
    ``names_then`` has the node ids at the fix of those functions for which they are known.

    Raises:
        ReplayError: No such tree exists.
    """
    end = fix.steps[-1].after
    if end is None:
        raise ReplayError("the fix is not a commit")
    compiled = [
        path for path in fix.of_kind("opaque") if path.endswith(fix_files.COMPILED_SUFFIXES)
    ]
    if compiled:
        raise ReplayError(f"{compiled[0]} has to be compiled, which prove does not do")
    if not nodeids:
        raise ReplayError("it has no linked test")
    finder = _TestFinder(root, top, fix.of_kind("test"), names_then)
    base, places = _find_base_commit(finder, end, nodeids)
    present = git.export_commit(root, base, folder)
    _copy_generated_files(root, top, folder)
    for path in {folder / "setup.cfg", folder / os.path.relpath(root, top) / "setup.cfg"}:
        _rename_pytest_section(path)
    paths = fix.of_kind("source", "opaque")
    current_contents = {path: read_file_bytes(folder / path) for path in paths}
    before = _revert_fix_steps(root, fix, current_contents, paths)
    tree = Path(os.path.realpath(folder))
    python = fix.of_kind("source")
    return TreeAtFix(
        tree,
        places,
        tuple(
            str(tree / import_root)
            for import_root in fix_files.find_import_roots(python, set(present))
        ),
        {str(tree / path): decode_fix_source(current_contents[path]) for path in python},
        {str(tree / path): decode_fix_source(before.get(path)) for path in python},
        {tree / path: (before.get(path), current_contents[path]) for path in paths},
    )


def copy_checkout(root: Path, top: Path, folder: Path) -> Path:
    """Copy the tracked and addable files and the build products into a folder; return its rootdir.

    Raises:
        ReplayError: Git can't list the files.
    """
    paths = git.list_repository_files(root)
    if not paths:
        raise ReplayError("git could not list the files of the tree")
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


def _revert_fix_steps(
    root: Path, fix: Fix, now: Mapping[str, bytes | None], paths: Sequence[str]
) -> Mapping[str, bytes | None]:
    contents = {path: data for path, data in now.items() if data is not None}
    for step in reversed(fix.steps):
        step_paths = [change.path for change in step.changes if change.path in paths]
        if not step_paths or step.before is None or step.after is None:
            continue
        patch = git.build_patch(root, step.before, step.after, step_paths)
        result = git.apply_patch(contents, patch, reverse=True)
        if result is None:
            raise ReplayError("the source was different when the test was added")
        contents = {path: data for path, data in result.items() if data is not None}
    return contents


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


def _find_base_commit(
    finder: _TestFinder, end: str, nodeids: Sequence[str]
) -> tuple[str, dict[str, str]]:
    """Return the commit whose tree has the tests, and the node ids of the tests in it."""
    names_at_commit = finder.find_tests(end, nodeids)
    if names_at_commit:
        return end, names_at_commit
    path, name = _split_test_nodeid(finder.find_name_then(nodeids[0]))
    for commit in git.find_commits_adding(finder.root, f"def {name}(", finder.from_top(path)):
        names_at_commit = finder.find_tests(commit, nodeids)
        if names_at_commit and git.find_merge_base(finder.root, end, commit) == end:
            return commit, names_at_commit
    raise ReplayError("no commit has both the test and the fix")


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
