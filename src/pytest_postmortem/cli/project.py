"""A project in a folder: its registry, its test files and their marks, read without running."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from glob import iglob
from pathlib import Path

import pytest
from _pytest.config import ConftestImportFailure, _prepareconfig  # as xdist's workers do

from pytest_postmortem import git, options, registry, settings
from pytest_postmortem.cli.absent_files import (
    is_lfs_pointer,
    list_absent_documents,
    list_absent_paths,
    list_absent_tests,
    list_default_places,
)
from pytest_postmortem.cli.project_code import ProjectCode, find_code_files
from pytest_postmortem.errors import GitError, Problem, RegistryError, SettingsError
from pytest_postmortem.evaluation.links import parse_marks
from pytest_postmortem.files import find_test_files, format_relative_path, read_file_bytes
from pytest_postmortem.model import Location, Policy, Registry
from pytest_postmortem.pysource import suite_reader
from pytest_postmortem.pysource.marker_index import (
    LinkedIncident,
    SourceTestsByFile,
    SuiteLayout,
    find_linked_incidents,
)
from pytest_postmortem.registry import LoadOptions
from pytest_postmortem.registry.loader import is_remote_location
from pytest_postmortem.runtime.run import build_loading_options
from pytest_postmortem.text import sanitize_line
from pytest_postmortem.today import Today, find_today

READING_OPTIONS = ("--noconftest", "-W", "ignore::pytest.PytestConfigWarning")
"""No code of the project runs, and warnings of pytest are left to its runs."""

LENIENT_SETTINGS = ("addopts=", "required_plugins=", "filterwarnings=", "strict_config=false")
LENIENT_OPTIONS = tuple(word for setting in LENIENT_SETTINGS for word in ("-o", setting))

IDS_AS_WRITTEN = "ids are taken as they are written"
UNFETCHED_NOTE = "its content is unknown here"


class Project:
    """The files below the rootdir of a configuration of pytest.

    ``unasked`` is the note on locations that are not fetched. ``pointers`` are the test files that
    were read and are kept by Git LFS, so that their content is not known.
    """

    def __init__(self, config: pytest.Config, unasked: str = UNFETCHED_NOTE) -> None:
        self.config = config
        self._unfetched_note = unasked
        self.root = config.rootpath
        self.settings = settings.read_plugin_settings(config)
        self.pointers: list[str] = []

    @cached_property
    def registry(self) -> Registry | None:
        """The registry, None where there is none.

        Raises:
            RegistryError: The configured one is broken.
            GitError: The working tree lacks a part of it.
        """
        self.require_documents()
        how = self._reading_options
        if self.settings.registry or self.settings.sync:
            loaded = registry.load_registry(self.settings.registry, self.root, how)
            for place in loaded.unreachable:
                note = f"{place} is not asked here: {self._unfetched_note}"
                print(sanitize_line(note), file=sys.stderr)
            return loaded
        found = registry.find_registry(self.root)
        if found is None:
            return None
        try:
            return registry.load_registry([Location(str(found), self.root)], self.root, how)
        except RegistryError:
            shown = self.shown(found)
            note = f"{shown} can't be read: it decides nothing here"
            print(sanitize_line(note), file=sys.stderr)
            return None

    def require_documents(self) -> None:
        """Make sure that the working tree has all documents of the registry, configured or found.

        Raises: GitError that names them; where git gives no answer, nothing counts as missing.
        """
        try:
            index = self.index
        except GitError:
            return
        for place in self._list_document_places(index):
            for absent in list_absent_documents(place, self.top, index):
                raise git.build_git_error(*absent)

    def _list_document_places(self, index: git.IndexOnlyFiles) -> list[Path]:
        """Return the local locations of the registry, or the nearest default one that is there or
        in the index.
        """
        locations = [*self.settings.registry, *filter(None, [self.settings.sync])]
        places = [
            Path(os.path.abspath(each.path))
            for each in locations
            if not is_remote_location(each.text)
        ]
        if places:
            return places
        absent = [self.top / path for path in index.absent]
        found = (
            place
            for place in list_default_places(self.root, self.top)
            if place.exists() or any(path.is_relative_to(place) for path in absent)
        )
        return list(found)[:1]

    @property
    def _reading_options(self) -> LoadOptions:
        """How the registry is read without a network."""
        loading = build_loading_options(self.settings)
        return loading._replace(offline=True, unreachable="warn")

    @property
    def offline_options(self) -> LoadOptions:
        """How a single location of this project is read, without the network."""
        return self._reading_options._replace(synced=None)

    @property
    def locations(self) -> tuple[Location, ...]:
        """The locations of the registry, be they configured or found."""
        if self.settings.registry or self.settings.sync:
            return self.settings.registry
        found = registry.find_registry(self.root)
        return (Location(format_relative_path(found, self.root), self.root),) if found else ()

    @cached_property
    def today(self) -> Today:
        """The date to judge by; a note on an unusable date is printed."""
        today = find_today(self.settings.today, self.root, self.registry or ())
        for note in today.notes:
            print(sanitize_line(f"{note.message} [{note.code}]"), file=sys.stderr)
        return today

    @property
    def policy(self) -> Policy:
        """The policy for the tests, with the date to judge by."""
        return self.settings.policy._replace(today=self.today.day)

    @cached_property
    def unread(self) -> tuple[str, ...]:
        """Return the facts that git could not give, each with its remedy."""
        notes = [f"{path} is a pointer of Git LFS; run `git lfs pull`" for path in self.pointers]
        notes += self.absent_tests
        if self.today.error is not None:
            notes.append(self.today.error.brief)
        return tuple(dict.fromkeys(notes))

    @cached_property
    def absent_tests(self) -> tuple[str, ...]:
        """Notes on the parts of the suite that the working tree lacks, each with its remedy."""
        named = tuple(self.root / text for text in self.config.getini("testpaths"))
        suite = replace(self.suite, places=self.settings.suite or named or (self.root,))
        try:
            absent = list(list_absent_tests(suite, self.index))
        except GitError as error:
            return (error.brief,)
        return tuple(f"{what}; {remedy}" for what, remedy in absent)

    @cached_property
    def top(self) -> Path:
        """The top of the repository, or the rootdir outside of one."""
        return git.find_repository_top(self.root) or self.root

    @cached_property
    def index(self) -> git.IndexOnlyFiles:
        """The entries of git's index that are not files here, none outside of a repository.

        Raises: GitError where git gives no answer.
        """
        if git.find_repository_top(self.root) is None:
            return git.IndexOnlyFiles({}, {})
        return git.read_index_only_files(self.root)

    @cached_property
    def suite(self) -> SuiteLayout:
        """The rules by which a path of the repository is a test file."""
        ini = self.config.getini
        patterns, left_out = tuple(ini("python_files")), tuple(ini("norecursedirs"))
        return SuiteLayout(self.top, self.root, self.suite_paths, patterns, left_out)

    @property
    def suite_paths(self) -> tuple[Path, ...]:
        """The files and folders that make up the suite."""
        texts = self.config.getini("testpaths")
        globs = (iglob(str(self.root / text), recursive=True) for text in texts)
        found = tuple(Path(path) for glob in globs for path in glob)
        return self.settings.suite or found or (self.root,)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the marks that link a test."""
        return (options.MARKER_NAME, *self.settings.markers)

    @property
    def test_name_patterns(self) -> tuple[list[str], list[str]]:
        """pytest's ``python_functions`` and ``python_classes``."""
        ini = self.config.getini
        return list(ini("python_functions")), list(ini("python_classes"))

    def shown(self, path: Path) -> str:
        """Return the path of a file as node ids have it."""
        return format_relative_path(path, self.root)

    def find_test_files(self, roots: Iterable[Path] = ()) -> list[Path]:
        """Return the files below some paths that pytest would collect by their names; without
        paths, those of the suite.
        """
        hook = self.config.hook.pytest_ignore_collect
        patterns = self.config.getini("python_files")

        def is_ignored(path: Path) -> bool:
            return bool(hook(collection_path=path, config=self.config))

        left_out = self.config.getini("norecursedirs")
        found = find_test_files(self.places(roots), patterns, is_ignored, left_out)
        return list(dict.fromkeys(found))

    def places(self, roots: Iterable[Path] = ()) -> list[Path]:
        """Return those places that are there; without any, those of the suite."""
        wanted = tuple(roots) or self.suite_paths
        return [Path(os.path.abspath(place)) for place in wanted if place.exists()]

    def contents(self, files: Iterable[Path] | None = None) -> Iterator[tuple[str, bytes]]:
        """Yield the readable test files with their content; all of them, or some."""
        for file in self.find_test_files() if files is None else files:
            data = read_file_bytes(file)
            if data is not None:
                yield self.shown(file), data

    def code(self, files: Iterable[Path] | None = None) -> ProjectCode:
        """Return the code of all test files, or of some, with that which they may import."""
        tests = self.drop_pointers(dict(self.contents(files)))
        left_out = self.config.getini("norecursedirs")
        helpers = dict(self.contents(find_code_files(self.root, left_out)))
        declared_contents = {
            path: self._read_declared_file(path) for path in find_declared_test_files(self.registry)
        }
        present = {path: data for path, data in declared_contents.items() if data is not None}
        return ProjectCode(self.config, self.names, tests, helpers, present)

    def find_links(
        self, tests: SourceTestsByFile, declaring: Registry | None = None
    ) -> dict[str, LinkedIncident]:
        """Return the incidents that tests are linked to; ``declaring`` is the registry whose
        ``tests:`` count, where that is another.
        """
        return find_linked_incidents(tests, self.registry, self.policy, declaring)

    def drop_pointers(self, contents: Mapping[str, bytes | None]) -> dict[str, bytes | None]:
        """Return the contents of test files, None for those that are kept by Git LFS."""
        pointers = [path for path, data in contents.items() if data and is_lfs_pointer(data)]
        self.pointers += pointers
        return {**contents, **dict.fromkeys(pointers)}

    @property
    def declared(self) -> tuple[str, ...]:
        """The node ids under ``tests:`` of the registry."""
        return list_declared_tests(self.registry)

    def _read_declared_file(self, path: str) -> bytes | None:
        """Return the content of a file, empty if it can't be read, None if it is missing."""
        file = Path(os.path.abspath(self.root / path))
        if any(map(file.is_relative_to, self._absent_paths)):
            return b""
        try:
            return (read_file_bytes(file) or b"") if file.exists() else None
        except (OSError, ValueError):
            return None

    @cached_property
    def _absent_paths(self) -> tuple[Path, ...]:
        with suppress(GitError):
            return list_absent_paths(self.top, self.index)
        return ()

    def may_have_mark(self, data: bytes) -> bool:
        """Say whether a file can hold a mark at all, which is cheap to know."""
        return any(name.encode() in data for name in self.names)

    def marked_ids(self) -> Iterator[str]:
        """Yield all ids that marks name."""
        for _, data in self.contents():
            if self.may_have_mark(data):
                text = data.decode(errors="replace")
                marks = suite_reader.find_called_marks(text, self.names)
                yield from parse_marks(marks).ids


@contextmanager
def configure_without_conftest(arguments: Sequence[str]) -> Iterator[pytest.Config]:
    """Configure pytest where only code is read: no conftest file is run.

    It may import packages that are not installed. For the same reason ``required_plugins``,
    ``filterwarnings`` and options in ``addopts`` that pytest does not know are left out.

    Raises:
        SettingsError: A setting has an unusable value.
    """
    with ExitStack() as stack:
        try:
            config = stack.enter_context(configure_pytest([*READING_OPTIONS, *arguments]))
        except SettingsError as error:
            try:
                config = stack.enter_context(
                    configure_pytest([*READING_OPTIONS, *LENIENT_OPTIONS, *arguments])
                )
            except SettingsError:
                raise error from None
        yield config


def list_declared_tests(*registries: Registry | None) -> tuple[str, ...]:
    """Return the node ids under ``tests:`` of some registries."""
    return tuple(
        nodeid for registry in registries for each in registry or () for nodeid in each.tests
    )


def find_declared_test_files(*registries: Registry | None) -> frozenset[str]:
    """Return the files of the tests that some registries name themselves."""
    return frozenset(nodeid.partition("::")[0] for nodeid in list_declared_tests(*registries))


@contextmanager
def configure_pytest(arguments: Sequence[str]) -> Iterator[pytest.Config]:
    """Configure pytest as a run would, with ``addopts``, plugins and the first conftest files.

    Raises:
        SettingsError: pytest can't be configured, or its plugin of ours is blocked.
    """
    # Our own modules are imported already: a warning that they can't be rewritten may be an error.
    plugin_arguments = ["-p", "postmortem", "--assert=plain"]
    try:
        config = _prepareconfig([*plugin_arguments, *arguments])
    except (pytest.UsageError, ImportError, pytest.fail.Exception, OSError, Warning) as error:
        # ImportError by pytest before 8.2, a failure for [pytest] in setup.cfg
        raise _build_configuration_error(str(error)) from None
    except UnicodeDecodeError:
        raise _build_configuration_error("its configuration file is not UTF-8") from None
    except ConftestImportFailure as error:
        cause = error.__cause__ or error.__context__
        raise _build_configuration_error(f"{error.path} can't be imported: {cause}") from None
    except Exception as error:  # of a plugin; pytest 9.2 wraps what its import raises
        brief = _format_exception_brief(error.__cause__ or error)
        raise _build_configuration_error(f"a plugin can't be loaded: {brief}") from None
    try:
        if not config.pluginmanager.hasplugin("postmortem"):
            raise _build_configuration_error("the plugin is blocked with -p no:postmortem")
        yield config
    finally:
        config._ensure_unconfigure()


def _format_exception_brief(error: BaseException) -> str:
    """Return the type of an exception and the first line of its text."""
    first = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _build_configuration_error(cause: str) -> SettingsError:
    remedy = "run `pytest --collect-only` and fix its error"
    return SettingsError([Problem("setting", "Couldn't configure pytest", cause.strip(), remedy)])
