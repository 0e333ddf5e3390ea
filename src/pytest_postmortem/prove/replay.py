"""The tree as it was at the fix, or when its test was added, in a folder of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_postmortem import git, source
from pytest_postmortem.prove import plan
from pytest_postmortem.prove.fixes import decoded
from pytest_postmortem.prove.plan import Fix
from pytest_postmortem.scope import bytes_of

__all__ = ["CantReplay", "Replayed", "copied", "replay"]

GENERATED = (".py", ".so", ".pyd", ".dylib")


class CantReplay(Exception):
    """There is no tree in which the tests could run; says why."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """A tree, in which the source is as the fix left it, and what it was before.

    ``nodeids`` are the linked tests as they are called there. ``fixed`` and ``before`` hold Python
    by its real path, ``others`` what else the fix changed, before it and after it.
    """

    tree: Path
    nodeids: tuple[str, ...]
    roots: tuple[str, ...]
    fixed: Mapping[str, str | None]
    before: Mapping[str, str | None]
    others: Mapping[Path, tuple[bytes | None, bytes | None]]


def replay(root: Path, top: Path, fix: Fix, nodeids: Sequence[str], folder: Path) -> Replayed:
    """Write the tree into a folder, with what a build has left in the checkout.

    ``nodeids`` are those of today, from ``root``; the tree has the same folders as ``top``.

    Raises: CantReplay where there is no such tree.
    """
    end = fix.steps[-1].after
    if end is None:
        raise CantReplay("the fix is no commit")
    compiled = [path for path in fix.of_kind("opaque") if path.endswith(plan.COMPILED)]
    if compiled:
        raise CantReplay(f"{compiled[0]} has to be compiled, which is not done here")
    if not nodeids:
        raise CantReplay("no linked test is known")
    base, places = _base(root, top, end, nodeids, fix.of_kind("test"))
    present = git.export(root, base, folder)
    _copy_generated(root, top, folder)
    paths = fix.of_kind("source", "opaque")
    now = {path: bytes_of(folder / path) for path in paths}
    before = _taken_away(root, fix, now, paths)
    tree = Path(os.path.realpath(folder))
    python = fix.of_kind("source")
    return Replayed(
        tree,
        tuple(places),
        tuple(str(tree / each) for each in plan.roots(python, set(present))),
        {str(tree / path): decoded(now[path]) for path in python},
        {str(tree / path): decoded(before.get(path)) for path in python},
        {tree / path: (before.get(path), now[path]) for path in fix.of_kind("opaque")},
    )


def copied(root: Path, top: Path, folder: Path) -> Path:
    """Copy what git knows or would add into a folder, with what a build has left, and return it.

    Raises: CantReplay where git can't tell.
    """
    paths = git.files(root)
    if not paths:
        raise CantReplay("only git tells what belongs to the tree")
    for path in paths:
        file, target = top / path, folder / path
        if file.is_symlink() or file.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target, follow_symlinks=False)
    _copy_generated(root, top, folder)
    return Path(os.path.realpath(folder))


def _taken_away(
    root: Path, fix: Fix, now: Mapping[str, bytes | None], paths: Sequence[str]
) -> Mapping[str, bytes | None]:
    contents = {path: data for path, data in now.items() if data is not None}
    for step in reversed(fix.steps):
        own = [each.path for each in step.changes if each.path in paths]
        if not own or step.before is None or step.after is None:
            continue
        patch = git.patch(root, step.before, step.after, own)
        result = git.applied(contents, patch, reverse=True)
        if result is None:
            raise CantReplay("the source was another when the test was added")
        contents = {path: data for path, data in result.items() if data is not None}
    return contents


def _base(
    root: Path, top: Path, end: str, nodeids: Sequence[str], of_fix: Sequence[str]
) -> tuple[str, dict[str, None]]:
    """Return the commit whose tree has the tests, and what they are called in it."""
    found = dict(_named(root, top, end, nodeids, of_fix))
    if found:
        return end, dict.fromkeys(found.values())
    path, name = _parts(nodeids[0])
    place = os.path.relpath(os.path.realpath(root / path), top).replace(os.sep, "/")
    for commit in git.adding(root, f"def {name}(", place):
        found = dict(_named(root, top, commit, nodeids, of_fix))
        if found and git.merge_base(root, end, commit) == end:
            return commit, dict.fromkeys(found.values())
    raise CantReplay("no commit is known in which the test and the fix are together")


def _named(
    root: Path, top: Path, commit: str, nodeids: Sequence[str], of_fix: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Yield the tests that a commit has, each with what it is called there.

    Its file may have had another folder then, its function another class, or the file of a test
    ``of_fix``.
    """
    tree = git.tree(root, commit)
    read: dict[str, tuple[str, ...]] = {}
    for nodeid in nodeids:
        path, name = _parts(nodeid)
        names = nodeid.partition("::")[2].partition("[")[0]
        place = os.path.relpath(os.path.realpath(root / path), top).replace(os.sep, "/")
        alike = [each for each in tree if each.rpartition("/")[2] == place.rpartition("/")[2]]
        alike = [
            *sorted(alike, key=lambda each: each != place),
            *(each for each in of_fix if each in tree),
        ]
        for each in alike:
            if each not in read:
                read[each] = tuple(_tests(root, tree[each]))
            own = [test for test in read[each] if test == names]
            own = own or [test for test in read[each] if test.rpartition("::")[2] == name]
            if len(own) == 1:
                where = os.path.relpath(top / each, os.path.realpath(root)).replace(os.sep, "/")
                yield nodeid, f"{where}::{own[0]}"
                break


def _tests(root: Path, blob: str) -> Iterator[str]:
    """Yield what the tests of a file are called, in it."""
    ((_, data),) = git.blobs(root, [blob])
    return (test.name for test in source.parse(data, ()) or ())


def _parts(nodeid: str) -> tuple[str, str]:
    """Return the file and the name of a test's function."""
    path, _, names = nodeid.partition("::")
    return path, names.partition("[")[0].rpartition("::")[2]


def _copy_generated(root: Path, top: Path, folder: Path) -> None:
    for path in git.generated(root, GENERATED):
        built, target = top / path, folder / path
        if target.parent.is_dir() and built.is_file() and not target.exists():
            shutil.copyfile(built, target)
