"""A repository for commands that read code and run none of it: test files, marks, registry."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import date
from fnmatch import fnmatch
from glob import iglob
from pathlib import Path

import pytest

from pytest_postmortem import git, options, registry, settings, source
from pytest_postmortem.commands.configuration import configured
from pytest_postmortem.commands.reading_code import Code
from pytest_postmortem.errors import Problem, RegistryError, SettingsError
from pytest_postmortem.marked import Reading, Suite
from pytest_postmortem.model import Location, Policy, Registry
from pytest_postmortem.modules import Module
from pytest_postmortem.registry.loading import is_remote
from pytest_postmortem.reporting import how_from
from pytest_postmortem.reports.failure import plain
from pytest_postmortem.scope import bytes_of, find_files, relative

__all__ = ["DEPTH", "Checkout", "declared", "opened", "places", "reading", "registry_here"]

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
        top = git.top(self.root)
        if top is None and needs_git:
            cause = f"{str(self.root)!r} lies in no git repository"
            raise _wrong(cause, "run it in a checkout of the code")
        self.config = config
        self.suite = self._suite(top or self.root)
        files = git.files(self.root) if top is not None else []
        files = files or list(_walked(self.suite.top, config))  # nor does git read all there is
        self.present = frozenset(path for path in files if _is_file(self.suite.top / path))
        self.registry = registry_here(self.settings, self.root)
        self.declared = declared(self.registry)
        names = (options.MARK, *self.settings.markers)
        self._names = names
        self._bytes = tuple(name.encode() for name in names)
        self._parsed: dict[bytes, Tests] = {}
        self._modules: dict[tuple[str, bytes], Module | None] = {}

    def commit(self, revision: str) -> str:
        """Return the commit that a revision names.

        Raises:
            SettingsError: It names none here.
        """
        commit = git.commit_of(self.root, revision)
        if commit is None:
            cause = f"there is no revision {revision!r} in this clone"
            raise _wrong(cause, f"correct it, or fetch it with its history ({DEPTH})")
        return commit

    def at(self, commit: str, earlier: Registry | None = None) -> Reading:
        """Read the test files of a commit that may have a mark or are declared, ``earlier`` being
        the registry of that commit.
        """
        wanted = {*self.declared, *declared(earlier)}
        blobs = {
            path: blob
            for path, blob in git.tree(self.root, commit).items()
            if path.endswith(".py") or self.suite.shown(path) in wanted
        }
        contents = dict(git.blobs(self.root, blobs.values()))
        files = {path: contents.get(blob) for path, blob in blobs.items()}
        return self._reading(files, (), earlier)

    def here(self, others: Iterable[str], earlier: Registry | None = None) -> Reading:
        """Read the test files of the working tree, ``others`` whatever they name; ``earlier`` may
        be another registry whose tests are looked for too.
        """
        wanted = {*self.declared, *declared(earlier)}
        paths = [
            path
            for path in self.present
            if path.endswith(".py") or self.suite.shown(path) in wanted
        ]
        contents = {path: bytes_of(self.suite.top / path) for path in sorted(paths)}
        return self._reading(contents, others, earlier)

    def marking_helpers(self, commit: str) -> dict[str, bytes]:
        """Return the Python files of a commit that are no test files, and that name a mark or
        import what does.
        """
        blobs = {
            self.suite.shown(path): blob
            for path, blob in git.tree(self.root, commit).items()
            if path.endswith(".py") and not self.suite.holds(path, self.present)
        }
        contents = dict(git.blobs(self.root, blobs.values()))
        code = {path: contents[blob] for path, blob in blobs.items() if blob in contents}
        return source.find_marking_files(code, self._names)

    def read_version(self, path: str, data: bytes, helpers: Mapping[str, bytes]) -> Reading:
        """Read one version of a file, by its path from the rootdir, with what it may import."""
        is_code = path.endswith(".py")
        tests, other = ({path: data}, {}) if is_code else ({}, {path: data})
        code = Code(self.config, self._names, tests, helpers, other, self._modules)
        own = [each for each in self._nodeids() if each.partition("::")[0] == path]
        return code.read([path], own)

    def _nodeids(self) -> list[str]:
        return [nodeid for each in self.registry or () for nodeid in each.tests]

    def _reading(
        self,
        contents: Mapping[str, bytes | None],
        others: Iterable[str],
        earlier: Registry | None = None,
    ) -> Reading:
        held = {path for path in contents if self.suite.holds(path, self.present)}
        shown = {path: self.suite.shown(path) for path in contents}
        tests = {shown[path]: contents[path] for path in held}
        rest = {shown[path]: data for path, data in contents.items() if path not in held}
        known = {path: data for path, data in rest.items() if data is not None}
        helpers = {path: data for path, data in known.items() if path.endswith(".py")}
        code = Code(self.config, self._names, tests, helpers, known, self._modules)
        registries = [each for each in (self.registry, earlier) if each is not None]
        nodeids = [nodeid for each in registries for own in each for nodeid in own.tests]
        return code.read({*self.declared, *declared(earlier), *others}, nodeids)

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

    @property
    def policy(self) -> Policy:
        """What is asked of the tests, with the date to judge by."""
        today = self.settings.today
        if not isinstance(today, date):
            today = date.today() if today == "now" else git.head_date(self.root)
        return replace(self.settings.policy, today=today)

    def _suite(self, top: Path) -> Suite:
        ini = self.config.getini
        patterns, left_out = tuple(ini("python_files")), tuple(ini("norecursedirs"))
        return Suite(top, self.root, places(self.config, self.settings), patterns, left_out)

    def registry_at(self, commit: str) -> Registry | None:
        """Return the registry that a commit holds, None where it holds none that can be read."""
        tree = git.tree(self.root, commit)
        own = self.settings.registry or self._found_in(tree)
        synced = self.settings.sync
        places = [place for each in (*own, synced) if each and (place := self._place(each))]
        blobs = {path: blob for path, blob in tree.items() if _lies_in(path, places)}
        contents = dict(git.blobs(self.root, blobs.values()))
        if not contents:
            return None
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for path, blob in blobs.items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(contents.get(blob, b""))
            there = [moved for each in own if (moved := self._moved(each, folder))]
            moved_sync = synced and self._moved(synced, folder)
            how = replace(_offline(self.settings), synced=moved_sync)
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


AS_WRITTEN = "ids are taken as they are written"


def registry_here(
    wanted: settings.Settings, root: Path, unasked: str = AS_WRITTEN
) -> Registry | None:
    """Load the registry as it lies here; nothing is fetched, which is said with ``unasked``.

    Raises:
        RegistryError: The configured registry is broken.
    """
    how = _offline(wanted)
    if wanted.registry or wanted.sync:
        known = registry.load(wanted.registry, root, how)
        for place in known.unreachable:
            print(plain(f"{place} is not asked here: {unasked}"), file=sys.stderr)
        return known
    found = registry.find(root)
    if found is None:
        return None
    try:
        return registry.load([Location(str(found), root)], root, how)
    except RegistryError:
        note = f"{relative(found, root)} can't be read: it decides nothing here"
        print(plain(note), file=sys.stderr)
        return None


def _offline(wanted: settings.Settings) -> registry.How:
    return replace(how_from(wanted), offline=True, unreachable="warn")


def declared(known: Registry | None) -> frozenset[str]:
    """Return the files of the tests that a registry names itself."""
    return frozenset(nodeid.partition("::")[0] for each in known or () for nodeid in each.tests)


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
