"""Export the source tree at the commit of the fix, or of its test, into a separate folder."""

from __future__ import annotations

import os
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

    ``nodeids`` are the node ids of the linked tests in that tree. ``fixed`` and ``before`` hold
    Python source by its real path, ``others`` all files of the fix, before it and after it.
    """

    tree: Path
    nodeids: tuple[str, ...]
    roots: tuple[str, ...]
    fixed: Mapping[str, str | None]
    before: Mapping[str, str | None]
    others: Mapping[Path, tuple[bytes | None, bytes | None]]


def export_tree_at_fix(
    root: Path, top: Path, fix: Fix, nodeids: Sequence[str], folder: Path
) -> TreeAtFix:
    """Write the tree into a folder, together with the build products of the checkout.

    ``nodeids`` are today's, relative to ``root``; the tree has the same folders as ``top``.

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
    base, places = _find_base_commit(root, top, end, nodeids, fix.of_kind("test"))
    present = git.export_commit(root, base, folder)
    _copy_generated_files(root, top, folder)
    paths = fix.of_kind("source", "opaque")
    current_contents = {path: read_file_bytes(folder / path) for path in paths}
    before = _revert_fix_steps(root, fix, current_contents, paths)
    tree = Path(os.path.realpath(folder))
    python = fix.of_kind("source")
    return TreeAtFix(
        tree,
        tuple(places),
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


def _find_base_commit(
    root: Path, top: Path, end: str, nodeids: Sequence[str], of_fix: Sequence[str]
) -> tuple[str, dict[str, None]]:
    """Return the commit whose tree has the tests, and the node ids of the tests in it."""
    names_at_commit = dict(_find_tests_in_commit(root, top, end, nodeids, of_fix))
    if names_at_commit:
        return end, dict.fromkeys(names_at_commit.values())
    path, name = _split_test_nodeid(nodeids[0])
    place = os.path.relpath(os.path.realpath(root / path), top).replace(os.sep, "/")
    for commit in git.find_commits_adding(root, f"def {name}(", place):
        names_at_commit = dict(_find_tests_in_commit(root, top, commit, nodeids, of_fix))
        if names_at_commit and git.find_merge_base(root, end, commit) == end:
            return commit, dict.fromkeys(names_at_commit.values())
    raise ReplayError("no commit has both the test and the fix")


def _find_tests_in_commit(
    root: Path, top: Path, commit: str, nodeids: Sequence[str], of_fix: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Yield the tests that a commit has, each with its node id there.

    At that commit its file may have been in another folder, its function in another class, or in
    the file of a test ``of_fix``.
    """
    tree = git.list_commit_files(root, commit)
    read: dict[str, tuple[str, ...]] = {}
    for nodeid in nodeids:
        path, name = _split_test_nodeid(nodeid)
        names = nodeid.partition("::")[2].partition("[")[0]
        place = os.path.relpath(os.path.realpath(root / path), top).replace(os.sep, "/")
        alike = [
            candidate
            for candidate in tree
            if candidate.rpartition("/")[2] == place.rpartition("/")[2]
        ]
        alike = [
            *sorted(alike, key=lambda candidate: candidate != place),
            *(candidate for candidate in of_fix if candidate in tree),
        ]
        for candidate in alike:
            if candidate not in read:
                read[candidate] = tuple(_list_blob_tests(root, tree[candidate]))
            matching = [test for test in read[candidate] if test == names]
            matching = matching or [
                test for test in read[candidate] if test.rpartition("::")[2] == name
            ]
            if len(matching) == 1:
                where = os.path.relpath(top / candidate, os.path.realpath(root)).replace(
                    os.sep, "/"
                )
                yield nodeid, f"{where}::{matching[0]}"
                break


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
