"""A repository for commands that read code and run none of it: test files, marks, registry."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from pytest_postmortem import git, registry
from pytest_postmortem.cli.absent_files import (
    Submodules,
    find_file_contents,
    is_lfs_pointer,
    list_default_places,
)
from pytest_postmortem.cli.project import (
    IDS_AS_WRITTEN,
    Project,
    configure_without_conftest,
    find_declared_test_files,
    list_declared_tests,
)
from pytest_postmortem.cli.project_code import ProjectCode, find_code_files
from pytest_postmortem.errors import GitError, Problem, RegistryError, SettingsError
from pytest_postmortem.files import (
    format_relative_path,
    open_temporary_folder,
    read_file_bytes,
)
from pytest_postmortem.model import Location, Registry
from pytest_postmortem.pysource import suite_reader
from pytest_postmortem.pysource.bindings import parse_python_tree
from pytest_postmortem.pysource.marker_index import SourceTestsByFile, UninterpretedFile
from pytest_postmortem.pysource.project_modules import ParsedModule
from pytest_postmortem.registry.loader import is_remote_location

ParsedTests = tuple[suite_reader.SourceTest, ...] | None

DATA_SUFFIXES = (".json", ".yaml", ".yml", ".toml", ".csv", ".tsv", ".ini", ".cfg", ".txt")
"""Files from which code may read the ids of its marks."""

MAX_DATA_SIZE = 1_000_000

DEPTH_REMEDY = "in CI fetch-depth: 0 or GIT_DEPTH: 0"
"""How a job gets the history of a repository."""


@contextmanager
def open_checkout(arguments: Sequence[str], *, needs_git: bool = True) -> Iterator[GitCheckout]:
    """Find the repository around the configuration of pytest, whose conftest files are not run.

    Without ``needs_git``, a rootdir outside of a repository is the top itself.

    Raises:
        SettingsError: The repository is missing, or a setting has an unusable value.
        RegistryError: The configured registry is broken.
    """
    with configure_without_conftest(arguments) as config:
        yield GitCheckout(config, needs_git=needs_git)


class GitCheckout(Project):
    """A project with the repository around it, whose other states can be read."""

    def __init__(
        self, config: pytest.Config, *, needs_git: bool = True, unasked: str = IDS_AS_WRITTEN
    ) -> None:
        super().__init__(config, unasked)
        if needs_git:
            git.require_repository(self.root)
        self._codes: list[ProjectCode] = []
        index = self.index if needs_git else git.IndexOnlyFiles({}, {})
        self._absent = index.absent
        self.submodules = Submodules(self.suite, index.modules)
        files = self._files(needs_git=needs_git)
        # git has no contents of a link
        self.present = frozenset(
            path for path in files if (file := self.top / path).is_file() and not file.is_symlink()
        )
        self.tracked = self.present.union(self._absent)
        self.declared_files = find_declared_test_files(self.registry)
        self._parsed: dict[bytes, ParsedTests] = {}
        self._modules: dict[tuple[str, bytes], ParsedModule | None] = {}

    def _files(self, *, needs_git: bool) -> list[str]:
        """Return the files of the working tree, with those of the submodules in the suite."""
        if not needs_git:
            try:
                return git.list_repository_files(self.root)
            except GitError:
                code = find_code_files(self.top, self.config.getini("norecursedirs"))
                return [format_relative_path(path, self.top) for path in code]
        return [*git.list_repository_files(self.root), *self.submodules.files()]

    @property
    def unread(self) -> tuple[str, ...]:
        """What could not be read of the suite so far, each with what to do."""
        pointers = dict.fromkeys(self.pointers)
        notes = (f"{path} is a pointer of Git LFS; its content is not read" for path in pointers)
        return (*self.submodules.unread.values(), *notes)

    @property
    def unread_submodules(self) -> dict[str, str]:
        """The submodules that are not read, here or at a commit, by their paths from the rootdir,
        each with what to do.
        """
        unread = {**self.submodules.unchanged, **self.submodules.unread}
        return {self.suite.shown(path): why for path, why in unread.items()}

    def commit(self, revision: str) -> str:
        """Return the commit that a revision names, or a branch that only the remote has.

        Raises:
            SettingsError: It names none.
            GitError: Git gives no answer, the branch has no commit yet, or the clone is shallow.
        """
        for name in (revision, f"refs/remotes/origin/{revision}"):
            commit = git.resolve_commit(self.root, name)
            if commit is not None:
                return commit
        if git.is_unborn_branch(self.root):
            return git.read_head_commit(self.root)
        if git.is_shallow_clone(self.root):
            cause = f"git: revision {revision!r} is unknown in this shallow clone"
            raise git.build_git_error(
                cause, f"correct it, or run `git fetch --unshallow` ({DEPTH_REMEDY})"
            )
        cause = f"revision {revision!r} is unknown in this clone"
        raise _build_code_error(cause, f"correct it, or fetch it with its history ({DEPTH_REMEDY})")

    def read_commit_tests(self, commit: str, earlier: Registry | None = None) -> SourceTestsByFile:
        """Read the test files of a commit that may have a mark or are declared, ``earlier`` being
        the registry of that commit.
        """
        is_relevant = self._build_file_filter(earlier)
        contents = self._read_contents_at(commit, is_relevant, self.suite.may_hold_tests)
        return self._read_tests_at(contents, (), earlier)

    def read_since(
        self, commit: str
    ) -> tuple[Registry | None, SourceTestsByFile, SourceTestsByFile]:
        """Return the registry and the tests of a commit, and the tests of the working tree."""
        earlier = self.registry_at(commit)
        older = self.read_commit_tests(commit, earlier)
        return earlier, older, self.read_working_tree(older, earlier)

    def _build_file_filter(self, earlier: Registry | None) -> Callable[[str], bool]:
        """Return a function that selects the files that may have tests, or are imported by them."""
        declared_paths = find_declared_test_files(self.registry, earlier)
        return lambda path: path.endswith(".py") or self.suite.shown(path) in declared_paths

    def _read_contents_at(
        self, commit: str, wanted: Callable[[str], bool], reaches: Callable[[str], bool]
    ) -> dict[str, bytes]:
        """Return what the wanted files of a commit hold, and those of the submodules which
        ``reaches`` chooses, as far as they are here.
        """
        contents = find_file_contents(self.top, commit, "", wanted)
        return contents | self.submodules.contents_at(
            git.list_submodules(self.root, commit), wanted, reaches
        )

    def read_working_tree(
        self, others: Iterable[str], earlier: Registry | None = None
    ) -> SourceTestsByFile:
        """Read the test files of the working tree, also the ``others`` without a mark, and the
        tests that a registry, or an ``earlier`` one, names.

        Files that a sparse checkout leaves out are read from the index.
        """
        is_relevant = self._build_file_filter(earlier)
        paths = sorted(filter(is_relevant, self.present))
        contents = {path: read_file_bytes(self.top / path) for path in paths}
        absent_blobs = {path: blob for path, blob in self._absent.items() if is_relevant(path)}
        blobs = dict(git.read_blobs(self.root, absent_blobs.values()))
        contents |= {path: blobs[absent_blobs[path]] for path in absent_blobs}
        return self._read_tests_at(contents, others, earlier)

    def find_marking_helpers(self, commit: str) -> suite_reader.MarkCodeReader:
        """Return a reader of the Python files of a commit that are not test files, and that name
        a mark or import a file that does.
        """

        def may_help(path: str) -> bool:
            return path.endswith(".py") and not self.suite.is_suite_file(path, self.tracked)

        contents = self._read_contents_at(commit, may_help, lambda module: False)
        code = {self.suite.shown(path): data for path, data in contents.items()}
        return suite_reader.find_helpers(code, self.names)

    def read_version(
        self, path: str, data: bytes, helpers: suite_reader.MarkCodeReader
    ) -> SourceTestsByFile:
        """Read one version of a file, by its path from the rootdir, with its imports."""
        is_code = path.endswith(".py")
        tests, other = ({path: data}, {}) if is_code else ({}, {path: data})
        code = ProjectCode(self.config, self.names, tests, helpers.modules.contents, other)
        nodeids = [nodeid for nodeid in self.declared if nodeid.partition("::")[0] == path]
        return code.read_file(path, helpers, nodeids)

    def _read_tests_at(
        self,
        contents: Mapping[str, bytes | None],
        others: Iterable[str],
        earlier: Registry | None,
    ) -> SourceTestsByFile:
        """Read the tests of a state of the code, given as the contents of its files."""
        tests: dict[str, bytes | None] = {}
        readable_files: dict[str, bytes] = {}
        for path, data in contents.items():
            if self.suite.is_suite_file(path, self.tracked):
                tests[self.suite.shown(path)] = data
            elif data is not None and not is_lfs_pointer(data):
                readable_files[self.suite.shown(path)] = data
        helpers = {path: data for path, data in readable_files.items() if path.endswith(".py")}
        known = self.drop_pointers(tests)
        code = ProjectCode(self.config, self.names, known, helpers, readable_files, self._modules)
        self._codes.append(code)
        return code.read(list_declared_tests(self.registry, earlier), others)

    def find_used(self, path: str) -> frozenset[str]:
        """Return the paths, from the rootdir, of a file and its imports in the states that were
        read.
        """
        return frozenset().union(*(code.find_used(path) for code in self._codes))

    def find_uninterpreted_files(
        self, changed: Iterable[str], tests: SourceTestsByFile
    ) -> list[UninterpretedFile]:
        """Return the files among the changed ones, by their paths from the rootdir, that may link
        tests in a way that the code reader does not see: helpers that can't be parsed, and data.
        """
        found = []
        for path in sorted(changed):
            is_python = path.endswith(".py")
            if tests.get(path) is not None or not (is_python or path.endswith(DATA_SUFFIXES)):
                continue
            data = read_file_bytes(self.root / path)
            if data is None or len(data) > MAX_DATA_SIZE or self.is_registry_path(path):
                continue
            text = data.decode(errors="replace")
            if not is_python:
                found.append(UninterpretedFile(path, text, is_python=False))
            elif parse_python_tree(data) is None:
                importers = frozenset(name for name in tests if path in self.find_used(name))
                found.append(UninterpretedFile(path, text, importers=importers))
        return found

    def is_registry_path(self, path: str) -> bool:
        """Return whether a path from the rootdir is a part of the registry."""
        locations = self.registry.locations if self.registry else ()
        return any(path == place or path.startswith(f"{place}/") for place in locations)

    def tests(self, data: bytes) -> ParsedTests:
        """Return the tests of a file, None for invalid Python; the same content is read once."""
        if data not in self._parsed:
            self._parsed[data] = suite_reader.parse_source_tests(
                data, self.names, *self.test_name_patterns
            )
        return self._parsed[data]

    def registry_at(self, commit: str) -> Registry | None:
        """Return the registry that a commit holds, None where it holds none that can be read."""
        locations = self.settings.registry or self._find_registry_in(
            git.list_commit_files(self.root, commit)
        )
        synced = self.settings.sync
        places = [
            place
            for location in (*locations, synced)
            if location and (place := self._place(location))
        ]
        contents = self._read_contents_at(
            commit,
            lambda path: _is_inside_any(path, places),
            lambda module: _is_inside_any(module, places) or _has_path_inside(places, module),
        )
        if not contents:
            return None
        with open_temporary_folder(contents) as folder:
            moved_locations = [
                moved for location in locations if (moved := self._moved(location, folder))
            ]
            moved_sync = synced and self._moved(synced, folder)
            how = self.offline_options._replace(synced=moved_sync)
            try:
                return registry.load_registry(moved_locations, folder, how)
            except RegistryError:
                return None

    def _find_registry_in(self, tree: Iterable[str]) -> tuple[Location, ...]:
        """Return the nearest default location that has a registry."""
        paths = list(tree)
        places = (
            Location(str(each), self.root) for each in list_default_places(self.root, self.top)
        )
        return tuple(each for each in places if _has_path_inside(paths, self._place(each)))[:1]

    def _place(self, location: Location) -> str | None:
        """Return the path of a location from the top, None outside of the repository."""
        path = Path(os.path.abspath(location.path))
        if is_remote_location(location.text) or not path.is_relative_to(self.top):
            return None
        return path.relative_to(self.top).as_posix()

    def _moved(self, location: Location, folder: Path) -> Location | None:
        """Return a location within another folder, None if it does not exist there; one outside
        of the repository is unchanged.
        """
        place = self._place(location)
        if place is None:
            return location
        return Location(place, folder) if (folder / place).exists() else None


def _is_inside_any(path: str, places: Iterable[str]) -> bool:
    below = any(path == place or path.startswith(f"{place}/") for place in places)
    return below and ".." not in path.split("/")


def _has_path_inside(paths: Iterable[str], place: str | None) -> bool:
    return place is not None and any(_is_inside_any(path, [place]) for path in paths)


def _build_code_error(cause: str, remedy: str) -> SettingsError:
    return SettingsError([Problem("setting", "Couldn't read the code", cause, remedy)])
