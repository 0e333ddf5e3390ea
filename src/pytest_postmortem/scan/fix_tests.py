"""Find the tests that came with a fix, by their code, and follow each of them to today's suite.

A test came with a fix if the fix added its function, or changed its code, its parameters, or a
data file that it names. It is followed through its file's renames, to another class or file with
the same name, and to another name with the same or similar code. What is not in the suite any
more is reported with the commit that removed it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from pytest_postmortem import git, git_history
from pytest_postmortem.files import is_test_file_path
from pytest_postmortem.git import ChangedFile
from pytest_postmortem.git_history import FileVersion, LoggedCommit
from pytest_postmortem.scan.history_index import HistoryIndex
from pytest_postmortem.scan.test_units import (
    TestUnit,
    compute_similarity,
    has_same_code,
    is_unchanged,
    is_unit_name,
    parse_test_units,
)

TestKind = Literal["added", "changed"]
FollowedHow = Literal["same place", "same file", "moved", "renamed", "gone"]

TEST_FOLDERS = frozenset(("test", "tests", "testing", "testsuite", "unittests"))

SIMILAR_NAMESAKE = 0.4
"""The least similarity of two tests with the same name in different files."""

SIMILAR_CODE = 0.6
"""The least similarity of two tests with different names, of which one replaced the other."""

SIMILAR_SUCCESSOR = 0.35
"""The same, where a commit removed only one test of a file, and added only one."""

MAX_ROUNDS = 6
"""Moves of a test that are followed."""

_TEST_DEFINITION = re.compile(rb"^[ \t]*(?:async[ \t]+)?def[ \t]+(\w+)[ \t]*\(", re.MULTILINE)
_BINARY = re.compile(r"\.(?:png|jpe?g|gif|gz|zip|whl|xz|bz2|pdf|ico|so|pyc|exe|dll|tar|woff2?)$")


def find_test_folder(path: str) -> str | None:
    """Return the outermost folder of tests that holds a file, None if it is in none."""
    parts = path.split("/")[:-1]
    place = next((n for n, part in enumerate(parts) if part.casefold() in TEST_FOLDERS), None)
    return None if place is None else "/".join(parts[: place + 1])


@dataclass(frozen=True, slots=True)
class SuiteRules:
    """Which files of any commit hold tests (``python_files``), and which functions are tests."""

    files: tuple[str, ...]
    functions: tuple[str, ...]

    def may_hold_tests(self, path: str) -> bool:
        """Return whether a file of any commit, by its path from the top, may hold tests."""
        if not path.endswith(".py") or path.rpartition("/")[2] in ("conftest.py", "__init__.py"):
            return False
        return find_test_folder(path) is not None or is_test_file_path(Path(path), self.files)


@dataclass(frozen=True, slots=True)
class FixTest:
    """A test that came with a fix: its place then, and its place today, None if it is gone.

    Paths are from the top of the repository. ``line`` is that of the ``def`` today. ``gone_by`` is
    the commit that removed it, if it is known.
    """

    commit: str
    path: str
    names: str
    kind: TestKind
    how: FollowedHow = "same place"
    path_today: str | None = None
    names_today: str | None = None
    line: int = 0
    gone_by: str | None = None


@dataclass(slots=True)
class _Followed:
    """A test on its way to HEAD."""

    test: FixTest
    unit: TestUnit
    path: str
    names: str
    how: FollowedHow = "same place"
    after: int | None = None
    """The position of the commit up to which it was followed; positions fall towards HEAD."""


class FixTestFinder:
    """Finds the tests of fixes in one repository.

    ``suite`` are the files of today's suite with their contents, by their paths from the top.
    ``list_changes`` returns the files that a commit changed against its first parent.
    """

    def __init__(
        self,
        folder: Path,
        index: HistoryIndex,
        rules: SuiteRules,
        suite: Mapping[str, bytes],
        list_changes: Callable[[LoggedCommit], Sequence[ChangedFile]],
    ) -> None:
        self._folder = folder
        self._index = index
        self._rules = rules
        self._suite = suite
        self._list_changes = list_changes
        self._blobs: dict[str, bytes] = {}
        self._units_of_blob: dict[str, dict[str, TestUnit]] = {}
        self._units_today: dict[str, dict[str, TestUnit]] = {}
        self._renames: dict[str, dict[str, str]] = {}

    def find_tests(self, fixes: Mapping[str, Sequence[LoggedCommit]]) -> dict[str, list[FixTest]]:
        """Return for each incident the tests that came with the commits of its fix.

        Raises: GitError if git fails.
        """
        commits = {commit.id: commit for fix in fixes.values() for commit in fix}
        self._read_blobs_of(commits.values())
        by_commit = {id: list(self._find_in_commit(commit)) for id, commit in commits.items()}
        followed = self._follow_all([each for found in by_commit.values() for each in found])
        tests_by_commit: dict[str, list[FixTest]] = {id: [] for id in commits}
        for test in followed:
            tests_by_commit[test.commit].append(test)
        return {
            id: _merge_tests(test for commit in fix for test in tests_by_commit[commit.id])
            for id, fix in fixes.items()
        }

    # the tests of a commit

    def _read_blobs_of(self, commits: Iterable[LoggedCommit]) -> None:
        ids = {
            blob
            for commit in commits
            for change in self._list_changes(commit)
            if self._rules.may_hold_tests(change.path)
            for blob in (change.before, change.after)
            if blob and blob not in self._blobs
        }
        self._blobs |= git.read_blobs(self._folder, sorted(ids))

    def _find_in_commit(self, commit: LoggedCommit) -> Iterator[_Followed]:
        """Yield the tests that a commit added or changed."""
        versions: list[tuple[str, Mapping[str, TestUnit], Mapping[str, TestUnit]]] = []
        for change in self._list_changes(commit):
            if self._rules.may_hold_tests(change.path):
                before, after = self._parse_both(change)
                versions.append((change.path, before, after))
        removed = [
            unit
            for _, before, after in versions
            for names, unit in before.items()
            if names not in after
        ]
        removed_names = {unit.name for unit in removed}
        for path, before, after in versions:
            for names, unit in after.items():
                earlier = before.get(names)
                if earlier is not None:
                    if not is_unchanged(earlier, unit):
                        yield self._start(commit, path, unit, "changed")
                else:
                    is_moved = unit.name in removed_names
                    same = (has_same_code(unit, other) for other in removed)
                    if is_moved and any(same):
                        continue
                    yield self._start(commit, path, unit, "changed" if is_moved else "added")
        yield from self._find_users_of_data(commit)

    def _start(self, commit: LoggedCommit, path: str, unit: TestUnit, kind: TestKind) -> _Followed:
        test = FixTest(commit.id, path, unit.names, kind)
        after = self._index.positions.get(commit.id)
        return _Followed(test, unit, path, unit.names, after=after)

    def _parse_both(
        self, change: ChangedFile
    ) -> tuple[Mapping[str, TestUnit], Mapping[str, TestUnit]]:
        """Return the tests of a file before and after a commit."""
        return self._parse_blob(change.before), self._parse_blob(change.after)

    def _find_users_of_data(self, commit: LoggedCommit) -> Iterator[_Followed]:
        """Yield the tests that name a data file next to them, which a commit changed."""
        names = {
            change.path.rpartition("/")[2]: find_test_folder(change.path)
            for change in self._list_changes(commit)
            if change.before
            and change.after
            and not change.path.endswith((".py", ".rst", ".ini", ".cfg", ".toml"))
            and not _BINARY.search(change.path)
            and find_test_folder(change.path) is not None
        }
        if not names or len(names) > 3:
            return
        files = {
            path: blob
            for path, blob in git.list_commit_files(self._folder, commit.id).items()
            if self._rules.may_hold_tests(path)
            and any(path.startswith(f"{folder}/") for folder in names.values())
        }
        contents = dict(git.read_blobs(self._folder, files.values()))
        for path, blob in files.items():
            data = contents[blob]
            for unit in (
                parse_test_units(data, self._rules.functions).values()
                if any(name.encode() in data for name in names)
                else ()
            ):
                if any(name in unit.text for name in names):
                    yield self._start(commit, path, unit, "changed")

    # following them to today's suite

    def _follow_all(self, tests: Sequence[_Followed]) -> list[FixTest]:
        done: list[FixTest] = []
        waiting = list(tests)
        for _ in range(MAX_ROUNDS):
            lost = []
            for followed in waiting:
                found = self._find_today(followed)
                if found is None:
                    lost.append(followed)
                else:
                    done.append(found)
            if not lost:
                return done
            waiting = []
            versions = self._read_versions(sorted({each.path for each in lost}))
            for followed in lost:
                if not self._follow_removal(followed, versions.get(followed.path, ())):
                    done.append(followed.test)
                else:
                    waiting.append(followed)
        return [*done, *(replace(each.test, how="gone") for each in waiting)]

    def _find_today(self, followed: _Followed) -> FixTest | None:
        """Return a test with its place in today's suite, None if it is not where it was."""
        path, names = followed.path, followed.names
        name = names.rpartition("::")[2]
        if path in self._suite:
            units = self._parse_today(path)
            if names in units:
                return _set_today(followed, path, units[names], followed.how)
            same = [unit for unit in units.values() if unit.name == name]
            if len(same) == 1:
                how: FollowedHow = "same file" if followed.how == "same place" else followed.how
                return _set_today(followed, path, same[0], how)
        places = self._paths_by_name.get(name, [])
        if len(places) == 1 and places[0] != path:
            same = [unit for unit in self._parse_today(places[0]).values() if unit.name == name]
            if len(same) == 1 and _is_similar(followed.unit, same[0], SIMILAR_NAMESAKE):
                return _set_today(followed, places[0], same[0], "moved")
        return None

    @cached_property
    def _paths_by_name(self) -> Mapping[str, Sequence[str]]:
        """The files of today's suite by the names of the test functions in them."""
        paths: dict[str, list[str]] = {}
        for path, data in self._suite.items():
            for found in _TEST_DEFINITION.findall(data):
                name = found.decode()
                if is_unit_name(name, self._rules.functions):
                    paths.setdefault(name, []).append(path)
        return paths

    def _parse_today(self, path: str) -> Mapping[str, TestUnit]:
        if path not in self._units_today:
            units = parse_test_units(self._suite[path], self._rules.functions)
            self._units_today[path] = units
        return self._units_today[path]

    def _read_versions(self, paths: Sequence[str]) -> Mapping[str, list[FileVersion]]:
        """Return the versions of files on the main line, oldest first."""
        versions: dict[str, list[FileVersion]] = {}
        for version in reversed(git_history.read_file_versions(self._folder, paths)):
            versions.setdefault(version.path, []).append(version)
        ids = {each.blob for found in versions.values() for each in found if each.blob}
        missing = sorted(ids - self._blobs.keys())
        self._blobs |= git.read_blobs(self._folder, missing)
        return versions

    def _follow_removal(self, followed: _Followed, versions: Sequence[FileVersion]) -> bool:
        """Move a test to where the commit that removed it put it; False if it is gone."""
        removal, before = self._find_removal(followed, versions)
        followed.test = replace(
            followed.test, how="gone", gone_by=removal.commit if removal else None
        )
        commit = self._index.commits.get(removal.commit) if removal else None
        if removal is None or commit is None:
            return False
        followed.after = self._index.positions[commit.id]
        if removal.blob is None and (target := self._find_rename(commit, followed.path)):
            followed.path, followed.how = target, "moved"
            return True
        units = self._parse_blob(before) if before else {}
        unit = units.get(followed.names, followed.unit)
        successor = self._find_successor(commit, followed.path, unit)
        if successor is None:
            return False
        path, new = successor
        how: FollowedHow = "renamed" if new.name != unit.name else "moved"
        followed.path, followed.names, followed.unit, followed.how = path, new.names, new, how
        return True

    def _find_removal(
        self, followed: _Followed, versions: Sequence[FileVersion]
    ) -> tuple[FileVersion | None, str | None]:
        """Return the version of a file that first lacks a test again, and the blob before it."""
        name = followed.names.rpartition("::")[2].encode()
        present: str | None = None
        for version in versions:
            position = self._index.positions.get(version.commit, 0)
            if followed.after is not None and position > followed.after:
                continue
            data = self._blobs.get(version.blob or "", b"")
            count = data.count(b"def " + name + b"(")
            if count == 1 or (count and followed.names in self._parse_blob(version.blob)):
                present = version.blob
                continue
            if present is not None or version.blob is None:
                return version, present
        return None, None

    def _parse_blob(self, blob: str | None) -> Mapping[str, TestUnit]:
        if blob is None:
            return {}
        if blob not in self._units_of_blob:
            units = parse_test_units(self._blobs[blob], self._rules.functions)
            self._units_of_blob[blob] = units
        return self._units_of_blob[blob]

    def _find_rename(self, commit: LoggedCommit, path: str) -> str | None:
        if commit.id not in self._renames:
            renames = (
                git.find_renamed_files(self._folder, parent, commit.id, ("-M40", "-l0"))
                for parent in commit.parents[:1]
            )
            self._renames[commit.id] = next(renames, {})
        return self._renames[commit.id].get(path)

    def _find_successor(
        self, commit: LoggedCommit, path: str, unit: TestUnit
    ) -> tuple[str, TestUnit] | None:
        """Return the test that took the place of another in a commit: of the same name or code."""
        self._read_blobs_of([commit])
        added: list[tuple[str, TestUnit]] = []
        is_single = False
        for change in self._list_changes(commit):
            if self._rules.may_hold_tests(change.path):
                before, after = self._parse_both(change)
                new_names = after.keys() - before.keys()
                added += [(change.path, after[names]) for names in after if names in new_names]
                if change.path == path:
                    is_single = len(new_names) == len(before.keys() - after.keys()) == 1
        for place, new in added:
            if has_same_code(new, unit):
                return place, new
        similar = [
            (compute_similarity(unit, new), place, new)
            for place, new in added
            if place == path or new.name == unit.name
        ]
        best = max(similar, key=lambda each: each[0], default=None)
        if best is None:
            return None
        least = SIMILAR_SUCCESSOR if is_single else SIMILAR_CODE
        least = SIMILAR_NAMESAKE if best[2].name == unit.name else least
        return best[1:] if best[0] >= least else None


def _set_today(followed: _Followed, path: str, unit: TestUnit, how: FollowedHow) -> FixTest:
    return replace(
        followed.test,
        how=how,
        path_today=path,
        names_today=unit.names,
        line=unit.line,
        gone_by=None,
    )


def _is_similar(one: TestUnit, other: TestUnit, least: float) -> bool:
    return has_same_code(one, other) or compute_similarity(one, other) >= least


def _merge_tests(tests: Iterable[FixTest]) -> list[FixTest]:
    """Return each test once; one that a commit added and another changed was added."""
    merged: dict[tuple[str, str], FixTest] = {}
    for test in tests:
        key = (test.path_today or test.path, test.names_today or test.names)
        earlier = merged.get(key)
        if earlier is None or (earlier.kind == "changed" and test.kind == "added"):
            merged[key] = test
    return list(merged.values())
