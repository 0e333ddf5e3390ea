"""The files of the submodules of a repository that are checked out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from pytest_postmortem import git
from pytest_postmortem.cli.absent_files import is_checked_out, name_absent_module
from pytest_postmortem.errors import GitError
from pytest_postmortem.pysource.marker_index import SuiteLayout

LEAVE_OUT_REMEDY = "leave it out by testpaths or norecursedirs if it has no tests"

Wanted = Callable[[str], bool]
"""A function that says whether a file or submodule is read."""


class Submodules:
    """The submodules that the index names, by their paths from the top, with their commits.

    ``unread`` are those of which something is not read, each with what to do. Of ``unchanged``
    ones nothing is read either, but their commits are the same on both sides of a comparison.
    """

    def __init__(self, suite: SuiteLayout, commits: Mapping[str, str]) -> None:
        self._suite = suite
        self._commits = commits
        self.unread: dict[str, str] = {}
        self.unchanged: dict[str, str] = {}

    @property
    def _here(self) -> list[str]:
        return [path for path in self._commits if is_checked_out(self._suite.top, path)]

    def files(self) -> Iterator[str]:
        """Yield the files of the working trees of those that may hold tests."""
        for path in filter(self._suite.may_hold_tests, self._here):
            folder = self._suite.top / path
            try:
                yield from (f"{path}/{own}" for own in git.list_repository_files(folder))
                nested = git.read_index_only_files(folder).modules
                self.note({f"{path}/{each}": ["HEAD"] for each in nested})
            except GitError as error:
                self.unread[path] = f"submodule {path} is not read: {error.brief}"

    def contents_at(
        self, commits: Mapping[str, str], wanted: Wanted, reaches: Wanted
    ) -> dict[str, bytes]:
        """Return what the wanted files held when the submodules had these commits; of those which
        ``reaches`` chooses.
        """
        found: dict[str, bytes] = {}
        for path, own in commits.items():
            if reaches(path):
                moved = [to for to, same in self._commits.items() if same == own and reaches(to)]
                found |= self._contents(path, own, wanted, is_noted=bool(moved))
        for path in self._commits:
            if reaches(path) and path not in commits and path not in self._here:
                self.unread[path] = "; ".join(name_absent_module(path))
        return found

    def _contents(
        self, path: str, commit: str, wanted: Wanted, *, is_noted: bool
    ) -> dict[str, bytes]:
        """Return the contents of the selected files of a submodule at a commit.

        It may have another path now, which ``is_noted`` if it is not checked out.
        """
        top, is_here = self._suite.top, is_checked_out(self._suite.top, path)
        reason = ""
        for each in [path] if is_here else self._here:
            try:
                return find_file_contents(top / each, commit, f"{path}/", wanted)
            except GitError as error:
                reason = error.brief
        if is_here:
            self.unread[path] = f"submodule {path} is not read at {commit}: {reason}"
        elif path in self._commits:
            same = self._commits[path] == commit
            notes = self.unchanged if same else self.unread
            notes[path] = "; ".join(name_absent_module(path))
        elif not is_noted:
            self.unread[path] = f"submodule {path} is gone and not read; {LEAVE_OUT_REMEDY}"
        return {}

    def note(self, modules: Mapping[str, Iterable[str]]) -> None:
        """Note those that may have had tests at some of their commits, which are not read."""
        for path, commits in modules.items():
            new = path not in self.unread and self._suite.may_hold_tests(path)
            if new and any(self._has_module_tests(path, commit) for commit in commits):
                self.unread[path] = f"submodule {path} is not read; {LEAVE_OUT_REMEDY}"

    def _has_module_tests(self, path: str, commit: str) -> bool:
        """Say whether a submodule may have tests at a commit, by the names of its files."""
        if not is_checked_out(self._suite.top, path):
            return True
        try:
            tree = git.list_commit_files(self._suite.top / path, commit)
        except GitError:
            return True
        return any(self._suite.is_suite_file(f"{path}/{each}", ()) for each in tree)


def find_file_contents(folder: Path, commit: str, prefix: str, wanted: Wanted) -> dict[str, bytes]:
    """Return the contents of the selected files of a commit, their paths prefixed."""
    tree = git.list_commit_files(folder, commit).items()
    blobs = {f"{prefix}{path}": blob for path, blob in tree if wanted(f"{prefix}{path}")}
    contents = dict(git.read_blobs(folder, blobs.values()))
    return {path: contents[blob] for path, blob in blobs.items()}
