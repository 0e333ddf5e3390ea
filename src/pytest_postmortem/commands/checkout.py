"""A repository for commands that read code and run none of it: test files, marks, registry."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from fnmatch import fnmatch
from functools import cached_property
from glob import iglob
from pathlib import Path

import pytest

from pytest_postmortem import git, options, registry, settings, source
from pytest_postmortem.commands.absent import is_pointer, suite_of
from pytest_postmortem.commands.configuration import configured
from pytest_postmortem.commands.local_registry import declared, offline, registry_here
from pytest_postmortem.commands.reading_code import Code
from pytest_postmortem.commands.submodules import Submodules, find_contents
from pytest_postmortem.errors import GitError, Problem, RegistryError, SettingsError
from pytest_postmortem.marked import Reading
from pytest_postmortem.model import Location, Policy, Registry
from pytest_postmortem.modules import Module
from pytest_postmortem.registry.loading import is_remote
from pytest_postmortem.reports.failure import plain
from pytest_postmortem.scope import bytes_of, find_files, relative
from pytest_postmortem.today import Today, find_today

__all__ = ["DEPTH", "Checkout", "opened", "places", "reading"]

Tests = tuple[source.SourceTest, ...] | None

OWN = ("--noconftest", "-W", "ignore::pytest.PytestConfigWarning")
"""Nothing of the project runs, and what a run would warn of is for the run to say."""

ELSEWHERE = ("addopts=", "required_plugins=", "filterwarnings=", "strict_config=false")
NEITHER = tuple(word for setting in ELSEWHERE for word in ("-o", setting))

DEPTH = "in CI fetch-depth: 0 or GIT_DEPTH: 0"
"""How a job gets the history of a repository."""


@contextmanager
def opened(arguments: Sequence[str], *, needs_git: bool = True) -> Iterator[Checkout]:
    """Find the repository around the configuration of pytest, whose conftest files are not run.

    Without ``needs_git`` the rootdir may lie in none, and is then the top itself.

    Raises:
        SettingsError: There is no repository, or a setting has an unusable value.
        RegistryError: The configured registry is broken.
    """
    with reading(arguments) as config:
        yield Checkout(config, needs_git=needs_git)


@contextmanager
def reading(arguments: Sequence[str]) -> Iterator[pytest.Config]:
    """Configure pytest where only code is read: no conftest file is run.

    They may need what is not installed there. So may ``required_plugins``, ``filterwarnings``
    and the options in ``addopts``, which are left out where pytest does not know them.

    Raises:
        SettingsError: A setting has an unusable value.
    """
    with ExitStack() as stack:
        try:
            config = stack.enter_context(configured([*OWN, *arguments]))
        except SettingsError as error:
            try:
                config = stack.enter_context(configured([*OWN, *NEITHER, *arguments]))
            except SettingsError:
                raise error from None
        yield config


class Checkout:
    """The repository around a configuration of pytest."""

    def __init__(self, config: pytest.Config, *, needs_git: bool = True) -> None:
        self.settings = settings.read(config)
        self.root = config.rootpath
        if needs_git:
            git.require(self.root)
        self.config = config
        top = git.top(self.root) or self.root
        self.suite = suite_of(config, top, places(config, self.settings))
        self._pointers: dict[str, str] = {}
        self._codes: list[Code] = []
        self.index = git.index(self.root) if needs_git else git.Index({}, {})
        self.submodules = Submodules(self.suite, self.index.modules)
        files = self._files(needs_git=needs_git)
        self.present = frozenset(path for path in files if _is_file(self.suite.top / path))
        self.tracked = self.present.union(self.index.absent)
        self.registry = registry_here(self.settings, self.root)
        self.declared = declared(self.registry)
        names = (options.MARK, *self.settings.markers)
        self._names = names
        self._bytes = tuple(name.encode() for name in names)
        self._parsed: dict[bytes, Tests] = {}
        self._modules: dict[tuple[str, bytes], Module | None] = {}

    def _files(self, *, needs_git: bool) -> list[str]:
        """Return the files of the working tree, with those of the submodules in the suite."""
        if not needs_git:
            try:
                return git.files(self.root)
            except GitError:
                return list(_walked(self.suite.top, self.config))
        return [*git.files(self.root), *self.submodules.files()]

    @property
    def unread(self) -> tuple[str, ...]:
        """What could not be read of the suite so far, each with what to do."""
        return (*self.submodules.unread.values(), *self._pointers.values())

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
            GitError: Git can't tell, nothing is committed yet, or the clone is shallow.
        """
        for name in (revision, f"refs/remotes/origin/{revision}"):
            commit = git.commit_of(self.root, name)
            if commit is not None:
                return commit
        if git.is_unborn(self.root):
            return git.head(self.root)
        if git.is_shallow(self.root):
            cause = f"git: there is no revision {revision!r} in this shallow clone"
            raise git.unread(cause, f"correct it, or run `git fetch --unshallow` ({DEPTH})")
        cause = f"there is no revision {revision!r} in this clone"
        raise _wrong(cause, f"correct it, or fetch it with its history ({DEPTH})")

    def at(self, commit: str, earlier: Registry | None = None) -> Reading:
        """Read the test files of a commit that may have a mark or are declared, ``earlier`` being
        the registry of that commit.
        """
        wanted = self._may_count(earlier)
        contents = self._contents_at(commit, wanted, self.suite.reaches)
        return self._reading(contents, (), earlier)

    def _may_count(self, earlier: Registry | None) -> Callable[[str], bool]:
        """Return what says whether a file may have a test, or what a test imports."""
        wanted = {*self.declared, *declared(earlier)}
        return lambda path: path.endswith(".py") or self.suite.shown(path) in wanted

    def _contents_at(
        self, commit: str, wanted: Callable[[str], bool], reaches: Callable[[str], bool]
    ) -> dict[str, bytes]:
        """Return what the wanted files of a commit hold, and those of the submodules which
        ``reaches`` chooses, as far as they are here.
        """
        found = find_contents(self.suite.top, commit, "", wanted)
        return found | self.submodules.contents_at(git.modules(self.root, commit), wanted, reaches)

    def here(self, others: Iterable[str], earlier: Registry | None = None) -> Reading:
        """Read the test files of the working tree, ``others`` whatever they name; ``earlier`` may
        be another registry whose tests are looked for too.

        What a sparse checkout left out is read as the index has it.
        """
        wanted = self._may_count(earlier)
        paths = sorted(filter(wanted, self.present))
        contents = {path: bytes_of(self.suite.top / path) for path in paths}
        left = {path: blob for path, blob in self.index.absent.items() if wanted(path)}
        blobs = dict(git.blobs(self.root, left.values()))
        contents |= {path: blobs[left[path]] for path in left}
        return self._reading(contents, others, earlier)

    def marking_helpers(self, commit: str) -> source.CodeReader:
        """Return what reads the Python files of a commit that are no test files, and that name a
        mark or import what does.
        """

        def may_help(path: str) -> bool:
            return path.endswith(".py") and not self.suite.holds(path, self.tracked)

        contents = self._contents_at(commit, may_help, lambda module: False)
        code = {self.suite.shown(path): data for path, data in contents.items()}
        return source.find_helpers(code, self._names)

    def read_version(self, path: str, data: bytes, helpers: source.CodeReader) -> Reading:
        """Read one version of a file, by its path from the rootdir, with what it may import."""
        is_code = path.endswith(".py")
        tests, other = ({path: data}, {}) if is_code else ({}, {path: data})
        code = Code(self.config, self._names, tests, helpers.modules.contents, other)
        own = [each for each in self._nodeids() if each.partition("::")[0] == path]
        return code.read_file(path, helpers, own)

    def _nodeids(self) -> list[str]:
        return [nodeid for each in self.registry or () for nodeid in each.tests]

    def _reading(
        self,
        contents: Mapping[str, bytes | None],
        others: Iterable[str],
        earlier: Registry | None = None,
    ) -> Reading:
        held = {path for path in contents if self.suite.holds(path, self.tracked)}
        shown = {path: self.suite.shown(path) for path in contents}
        tests = {shown[path]: self._text_of(shown[path], contents[path]) for path in held}
        rest = {shown[path]: data for path, data in contents.items() if path not in held}
        known = {
            path: data for path, data in rest.items() if data is not None and not is_pointer(data)
        }
        helpers = {path: data for path, data in known.items() if path.endswith(".py")}
        code = Code(self.config, self._names, tests, helpers, known, self._modules)
        self._codes.append(code)
        registries = [each for each in (self.registry, earlier) if each is not None]
        nodeids = [nodeid for each in registries for own in each for nodeid in own.tests]
        return code.read({*self.declared, *declared(earlier), *others}, nodeids)

    def find_used(self, path: str) -> frozenset[str]:
        """Return a file with what it may import, as the states that were read have it, by their
        paths from the rootdir.
        """
        return frozenset().union(*(code.find_used(path) for code in self._codes))

    def _text_of(self, path: str, data: bytes | None) -> bytes | None:
        """Return what a test file holds, None where that is not known."""
        if data is None or not is_pointer(data):
            return data
        self.note_pointer(path)
        return None

    def note_pointer(self, path: str) -> None:
        """Note that a test file is kept by Git LFS, and its content is not known."""
        self._pointers[path] = f"{path} is a pointer of Git LFS; its content is not read"

    def names_a_mark(self, data: bytes) -> bool:
        """Say whether a file can hold a mark at all, which is cheap to know."""
        return any(name in data for name in self._bytes)

    def tests(self, data: bytes) -> Tests:
        """Return the tests of a file, None for what is no Python; the same file is read once."""
        if data not in self._parsed:
            functions = self.config.getini("python_functions")
            classes = self.config.getini("python_classes")
            self._parsed[data] = source.parse(data, self._names, functions, classes)
        return self._parsed[data]

    def guessed(self, data: bytes) -> Tests:
        """Return the tests of a file as far as can be told, for what was written long ago."""
        tests = self.tests(data)
        return source.guess(data, self._names) if tests is None else tests

    @cached_property
    def today(self) -> Today:
        """The date to judge by; what was not used for it is printed."""
        today = find_today(self.settings.today, self.root, self.registry or ())
        for note in today.notes:
            print(plain(f"{note.message} [{note.code}]"), file=sys.stderr)
        return today

    @property
    def policy(self) -> Policy:
        """What is asked of the tests, with the date to judge by."""
        return replace(self.settings.policy, today=self.today.day)

    def registry_at(self, commit: str) -> Registry | None:
        """Return the registry that a commit holds, None where it holds none that can be read."""
        own = self.settings.registry or self._found_in(git.tree(self.root, commit))
        synced = self.settings.sync
        places = [place for each in (*own, synced) if each and (place := self._place(each))]
        contents = self._contents_at(
            commit,
            lambda path: _lies_in(path, places),
            lambda module: _lies_in(module, places) or _any_in(places, module),
        )
        if not contents:
            return None
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for path, data in contents.items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(data)
            there = [moved for each in own if (moved := self._moved(each, folder))]
            moved_sync = synced and self._moved(synced, folder)
            how = replace(offline(self.settings), synced=moved_sync)
            try:
                return registry.load(there, folder, how)
            except RegistryError:
                return None

    def _found_in(self, tree: Iterable[str]) -> tuple[Location, ...]:
        """Return where a registry is found that nobody configured, nearest first."""
        top = self.suite.top
        folders = [each for each in (self.root, *self.root.parents) if each.is_relative_to(top)]
        found = (Location(place, folder) for folder in folders for place in options.PLACES)
        paths = list(tree)
        is_there = (each for each in found if _any_in(paths, self._place(each)))
        return tuple(is_there)[:1]

    def _place(self, location: Location) -> str | None:
        """Return the path of a location from the top, None for what lies outside."""
        path = Path(os.path.abspath(location.path))
        if is_remote(location.text) or not path.is_relative_to(self.suite.top):
            return None
        return path.relative_to(self.suite.top).as_posix()

    def _moved(self, location: Location, folder: Path) -> Location | None:
        """Return a location within another folder, None for what is not there; one that lies
        outside of the repository is as it is.
        """
        place = self._place(location)
        if place is None:
            return location
        return Location(place, folder) if (folder / place).exists() else None


def places(config: pytest.Config, wanted: settings.Settings) -> tuple[Path, ...]:
    """Return the files and folders that make up the suite."""
    root = config.rootpath
    globs = (iglob(str(root / text), recursive=True) for text in config.getini("testpaths"))
    return wanted.suite or tuple(Path(path) for glob in globs for path in glob) or (root,)


def _walked(root: Path, config: pytest.Config) -> Iterator[str]:
    """Yield the Python files below a folder of which git says nothing."""
    left_out = config.getini("norecursedirs")

    def ignored(path: Path) -> bool:
        return any(fnmatch(path.name, pattern) for pattern in left_out)

    return (relative(path, root) for path in find_files([root], ["*.py"], ignored))


def _lies_in(path: str, places: Iterable[str]) -> bool:
    below = any(path == place or path.startswith(f"{place}/") for place in places)
    return below and ".." not in path.split("/")


def _any_in(paths: Iterable[str], place: str | None) -> bool:
    return place is not None and any(_lies_in(path, [place]) for path in paths)


def _is_file(file: Path) -> bool:
    """Say whether a file is there and no link, which git has no contents of."""
    return file.is_file() and not file.is_symlink()


def _wrong(cause: str, remedy: str) -> SettingsError:
    return SettingsError([Problem("setting", "Couldn't read the code", cause, remedy)])
