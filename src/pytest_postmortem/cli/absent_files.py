"""What belongs to a suite or its registry and is not in the working tree, as git knows it.

Sparse checkouts leave out files, submodules may not be checked out, and Git LFS puts pointers where
files should be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from pytest_postmortem import git, options
from pytest_postmortem.errors import GitError
from pytest_postmortem.model import format_count
from pytest_postmortem.pysource.marker_index import SuiteLayout
from pytest_postmortem.text import join_some_texts

LFS_POINTER_START = b"version https://git-lfs.github.com/spec/"

AbsenceNote = tuple[str, str]
"""A missing part of the checkout, and the remedy."""

SPARSE_REMEDY = "run `git sparse-checkout disable`"


def is_lfs_pointer(data: bytes) -> bool:
    """Say whether a file holds a pointer of Git LFS instead of its content."""
    return data.startswith(LFS_POINTER_START)


def list_absent_tests(suite: SuiteLayout, index: git.IndexOnlyFiles) -> Iterator[AbsenceNote]:
    """Yield a note on each part of a suite that the working tree lacks, with its remedy.

    Raises: GitError where git gives no answer about a submodule.
    """
    tests = [path for path in index.absent if suite.is_suite_file(path, index.absent)]
    if tests:
        yield _describe_sparse_files(f"{format_count(len(tests), 'test file')}", tests)
    for path in filter(suite.may_hold_tests, index.modules):
        if not is_checked_out(suite.top, path):
            yield name_absent_module(path)
            continue
        for nested in git.read_index_only_files(suite.top / path).modules:
            whole = f"{path}/{nested}"
            if suite.may_hold_tests(whole) and not is_checked_out(suite.top, whole):
                remedy = f"run `git submodule update --init --recursive {path}`"
                yield f"submodule {whole} is not checked out", remedy


def list_absent_paths(top: Path, index: git.IndexOnlyFiles) -> tuple[Path, ...]:
    """Return the files and submodules that the working tree lacks."""
    modules = (path for path in index.modules if not is_checked_out(top, path))
    return tuple(top / path for path in (*index.absent, *modules))


def is_checked_out(top: Path, module: str) -> bool:
    """Say whether a submodule, by its path from the top, has a working tree."""
    return git.find_repository_top(top / module) == top / module


def name_absent_module(path: str) -> AbsenceNote:
    """Return that a submodule is not checked out, and what to do about it."""
    remedy = f"run `git submodule update --init {path}`"
    return f"submodule {path} is not checked out", remedy


def list_absent_documents(
    place: Path, top: Path, index: git.IndexOnlyFiles
) -> Iterator[AbsenceNote]:
    """Yield what the working tree lacks of a location of the registry."""
    absent = [path for path in index.absent if (top / path).is_relative_to(place)]
    if absent:
        files = f"{format_count(len(absent), 'file')} of the registry"
        yield _describe_sparse_files(files, absent)
    for path in index.modules:
        if place.is_relative_to(top / path) and not is_checked_out(top, path):
            yield name_absent_module(path)


def list_default_places(root: Path, top: Path) -> Iterator[Path]:
    """Yield the default locations of a registry, nearest first, whether they exist or not."""
    for folder in (each for each in (root, *root.parents) if each.is_relative_to(top)):
        yield from (folder / name for name in options.DEFAULT_LOCATIONS)


def _describe_sparse_files(what: str, paths: Sequence[str]) -> AbsenceNote:
    return f"a sparse checkout leaves out {what}: {join_some_texts(paths, ', ')}", SPARSE_REMEDY


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
