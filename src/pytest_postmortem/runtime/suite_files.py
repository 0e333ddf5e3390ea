"""pytest's files → completeness of the collection, in each process that collects tests.

The collected test files are compared with those that a bare ``pytest`` collects; the options of
the run do not matter.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from fnmatch import fnmatch
from functools import cached_property
from glob import iglob
from pathlib import Path
from typing import Any

import pytest

from pytest_postmortem import files as writing
from pytest_postmortem import options
from pytest_postmortem.evaluation import links
from pytest_postmortem.model import Collected, Link, NodeKey, format_count
from pytest_postmortem.runtime.collection import INTERRUPTED_REASON
from pytest_postmortem.runtime.outcomes import read_skip_reason
from pytest_postmortem.runtime.selection import (
    DeselectionRecorder,
    find_collecting_hooks,
    find_ignoring_hooks,
    is_collected_by,
    is_ignored_by,
    parse_configured_options,
)
from pytest_postmortem.settings import Settings
from pytest_postmortem.text import join_some_texts

CONFTEST = "conftest.py"


class SuiteFileCollector:
    """Records collected files, and determines whether they are the whole suite."""

    def __init__(
        self,
        settings: Settings,
        deliver: Callable[[Collected], None],
        selection: DeselectionRecorder,
    ) -> None:
        self._settings = settings
        self._deliver = deliver
        self._selection = selection
        self._files: set[Path] = set()
        self._broken: set[Path] = set()
        self._skipped: dict[Path, tuple[str, str]] = {}
        self._interrupted = True

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Record a collected, skipped or failed file.

        The report has only the node id, which two files may share.
        """
        report = yield
        path = collector.path
        if isinstance(collector, pytest.File):
            self._files.add(path)
            if report.skipped:
                self._skipped[path] = (collector.nodeid, read_skip_reason(report) or "")
        if report.failed:
            self._broken.add(path)
        return report

    def pytest_collection_modifyitems(self) -> None:
        """Record the end of the collection, which pytest also reports after Ctrl-C."""
        self._interrupted = False

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Deliver the completeness of the collection."""
        arguments = CollectionArguments(session, self._settings, self._selection)
        files = frozenset(map(arguments.shown, self._files - self._broken))
        expected = arguments.expected(files)
        reasons = find_partial_reasons(
            nodeids=arguments.nodeids,
            given=arguments.named,
            collected=files,
            expected=expected,
            unasked=sorted(map(arguments.shown, arguments.unasked)),
            broken=sorted(map(arguments.shown, self._broken)),
            last_failed=_count_last_failed_files(session.config),
            interrupted=self._interrupted,
        )
        skipped = {
            NodeKey(arguments.shown(path), nodeid): (path, why)
            for path, (nodeid, why) in self._skipped.items()
        }
        skipped_links = tuple(
            link
            for file, (path, _) in skipped.items()
            for link in self._links(file, path, arguments)
        )
        self._deliver(
            Collected(
                skipped_links,
                skipped={file: why for file, (_, why) in skipped.items()},
                files=files,
                expected=expected,
                reasons=tuple(reasons),
            )
        )

    def _links(self, file: NodeKey, path: Path, given: CollectionArguments) -> Iterator[Link]:
        """Yield the links in the code of a file that skips itself."""
        from pytest_postmortem.pysource import suite_reader

        names = frozenset((options.MARKER_NAME, *self._settings.markers))
        code = {
            given.shown(code_path): data for code_path, data in _find_nearby_code(path, given.root)
        }
        marks = suite_reader.find_marks(code, file.path, names, given.functions, given.classes)
        links_by_id: dict[str, Link] = {}
        for mark in marks:
            for id, origin in links.parse_marks([mark]).ids.items():
                link = Link(id, file.nodeid, file.path, mark.line, origin)
                links_by_id.setdefault(id.casefold(), link)
        yield from links_by_id.values()


def _find_nearby_code(path: Path, root: Path) -> Iterator[tuple[Path, bytes]]:
    """Yield a file and the Python files from which it may import marks, with their contents.

    These are the files of its folder and of the folders above, up to the rootdir.
    """
    folders = [each for each in path.parents if each.is_relative_to(root)] or [path.parent]
    for folder in folders if path.suffix == ".py" else ():
        for file in sorted(folder.glob("*.py")):
            data = writing.read_file_bytes(file)
            if data is not None:
                yield file, data


class CollectionArguments:
    """The arguments of the collection, compared with those of a bare run."""

    def __init__(
        self, session: pytest.Session, settings: Settings, selection: DeselectionRecorder
    ) -> None:
        config = session.config
        self._session = session
        self._config = config
        self.root = config.rootpath
        self.functions: Sequence[str] = config.getini("python_functions")
        self.classes: Sequence[str] = config.getini("python_classes")
        self._suite = settings.suite
        self._patterns: Sequence[str] = config.getini("python_files")
        self._norecurse: Sequence[str] = config.getini("norecursedirs")
        self._folder = config.invocation_params.dir
        self._own = parse_configured_options(config)
        bare = self._bare()
        arguments = [] if bare else config.args
        paths = [self._path(text) for text in arguments if "::" not in text]
        files = [self._path(text.partition("::")[0]) for text in arguments if "::" in text]
        self.named = bool(paths) or not (bare or files)
        self.nodeids = sum(not any(map(file.is_relative_to, paths)) for file in files)
        self._ignores, self._globs = self._taken_away()
        self._ignoring = _find_run_dependent_hooks(config, selection)
        self._collecting = find_collecting_hooks(config)
        self.unasked: list[Path] = []

    def _path(self, text: str) -> Path:
        return Path(os.path.abspath(self._folder / text))

    def _bare(self) -> bool:
        source = self._config.args_source
        own = list(getattr(self._own, "file_or_dir", ()))
        if own and list(self._config.args) == own:
            return True
        if source is pytest.Config.ArgsSource.INVOCATION_DIR:
            return self._folder == self.root and list(self._config.args) == [str(self._folder)]
        return source is not pytest.Config.ArgsSource.ARGS and self._are_testpaths()

    def _are_testpaths(self) -> bool:
        """Return whether only ``testpaths`` are collected; a plugin can set other arguments."""
        given = [self._path(text) for text in self._config.args]
        named = [self._path(text) for text in self._config.getini("testpaths")]
        return set(given) in (set(named), set(self._list_testpaths()))

    def _list_testpaths(self) -> list[Path]:
        globs = (
            iglob(str(self.root / text), recursive=True)
            for text in self._config.getini("testpaths")
        )
        return [Path(path) for glob in globs for path in glob]

    def _taken_away(self) -> tuple[frozenset[Path], frozenset[str]]:
        """Return what ``--ignore`` and ``--ignore-glob`` add to the configured ``addopts``."""
        option, own = self._config.option, self._own
        more = [
            {
                str(self._path(text))
                for text in set(getattr(option, name, None) or ())
                - set(getattr(own, name, None) or ())
            }
            for name in ("ignore", "ignore_glob")
        ]
        return frozenset(map(Path, more[0])), frozenset(more[1])

    def expected(self, collected: frozenset[str]) -> frozenset[str] | None:
        """Return the files that a bare run collects, None if this is not needed."""
        if self.nodeids and not self.named:
            return None  # already partial
        compared = bool(self._suite or self.named or self._ignores or self._globs)
        if not (compared or self._ignoring):
            return None
        found = writing.find_test_files(
            self._roots(),
            (*self._patterns, *self._doctest_patterns, "*" if self._collecting else CONFTEST),
            self._ignored,
            self._norecurse,
            self._is_test_file,
        )
        files = frozenset(map(self.shown, found))
        return None if not compared and files <= collected else files

    def shown(self, file: Path) -> str:
        """Return the path of a file relative to the rootdir.

        A node id is not enough: outside of the rootdir it starts at the given argument.
        """
        return writing.format_relative_path(file, self.root)

    @cached_property
    def _doctest_patterns(self) -> tuple[str, ...]:
        """The patterns of the files in which pytest looks for doctests."""
        if not self._config.pluginmanager.hasplugin("doctest"):
            return ()
        option = self._config.option
        modules = ["*.py"] if option.doctestmodules else []
        return (*modules, *(option.doctestglob or ("test*.txt",)))

    def _is_test_file(self, path: Path) -> bool:
        """Return whether pytest collects a file, or may do so: a conftest that is not loaded and
        has a collector is noted.

        ``setup.py`` and ``__main__.py`` are excluded from doctests as in pytest, and a text without
        an example has none. Collectors of other plugins are not asked about Python files, which
        those collect that check style or types, and note the questions.
        """
        if path.name == CONFTEST and self._has_unloaded_collector(path):
            self.unasked.append(path)
        if path.suffix == ".py":
            return writing.is_test_file_path(path, self._patterns) or (
                path.name not in ("setup.py", "__main__.py")
                and writing.is_test_file_path(path, self._doctest_patterns)
            )
        if writing.is_test_file_path(path, self._doctest_patterns) and _has_doctest(path):
            return True
        hooks = self._collecting if path.suffix != ".pyi" else ()
        return any(is_collected_by(each, path, self._session) for each in hooks)

    def _has_unloaded_collector(self, conftest: Path) -> bool:
        plugins = self._config.pluginmanager.get_plugins()
        if any(getattr(plugin, "__file__", None) == str(conftest) for plugin in plugins):
            return False
        return b"pytest_collect_file" in (writing.read_file_bytes(conftest) or b"")

    def _roots(self) -> Sequence[Path]:
        return self._suite or self._list_testpaths() or [self.root]

    def _ignored(self, path: Path) -> bool:
        """Return whether pytest ignores a path, without the options of the command line."""
        if path in self._ignores or any(fnmatch(str(path), glob) for glob in self._globs):
            return any(fnmatch(path.name, text) for text in self._norecurse)
        hook: Any = self._session.gethookproxy(path.parent)
        ignored = bool(hook.pytest_ignore_collect(collection_path=path, config=self._config))
        return ignored and not any(
            is_ignored_by(each, path, self._config) for each in self._ignoring
        )


def _find_run_dependent_hooks(
    config: pytest.Config, selection: DeselectionRecorder
) -> tuple[Any, ...]:
    """Return the implementations that may ignore files for a reason of this run alone."""
    hooks = find_ignoring_hooks(config)
    if not hooks:
        return ()
    from pytest_postmortem.runtime.deselection_reasons import DeselectionReasons

    reasons = DeselectionReasons(selection)
    return tuple(implementation for implementation, code in hooks if reasons.reads_run(code))


def _has_doctest(file: Path) -> bool:
    """Return whether a text may have an example; True if it can't be read."""
    data = writing.read_file_bytes(file)
    return data is None or b">>>" in data.replace(b"\0", b"")


def _count_last_failed_files(config: pytest.Config) -> int | None:
    """Return the number of files that ``--lf`` skipped, None if it skipped nothing."""
    plugin = config.pluginmanager.get_plugin("lfplugin")
    if not getattr(config.option, "lf", False):
        return None
    skipped: int = getattr(plugin, "_skipped_files", 0)
    return skipped if getattr(plugin, "_previously_failed_count", 0) else None


def find_partial_reasons(
    *,
    nodeids: int,
    given: bool,
    collected: frozenset[str],
    expected: frozenset[str] | None,
    unasked: Sequence[str] = (),
    broken: Sequence[str] = (),
    last_failed: int | None = None,
    interrupted: bool = False,
) -> Iterator[str]:
    """Yield the reasons why the collection is less than the whole suite.

    ``nodeids`` counts the node ids given for files that nothing else given covers, ``given``
    says whether any file or folder was named, ``expected`` is None where a bare run needed no
    comparison, ``unasked`` names the conftests with a collector that were not loaded,
    ``last_failed`` the files that ``--lf`` skipped, None where it took nothing away.
    """
    if interrupted:
        yield INTERRUPTED_REASON
    if nodeids:
        yield f"{format_count(nodeids, 'node id')} given"
    if last_failed is not None:
        yield (
            f"--lf skipped {format_count(last_failed, 'file')}"
            if last_failed
            else "--lf left out what passed last time"
        )
    elif expected is not None:
        yield from _describe_missing_files(given, collected, expected)
    if unasked:
        yield f"what {join_some_texts(list(unasked), ', ')} may collect left out"
    if broken:
        yield (
            f"{format_count(len(broken), 'file')} could not be collected:"
            f" {join_some_texts(sorted(broken), ', ')}"
        )


def _describe_missing_files(
    given: bool, collected: frozenset[str], expected: frozenset[str]
) -> Iterator[str]:
    missing = len(expected - collected)
    if missing and given:
        yield f"{len(expected) - missing} of {format_count(len(expected), 'file')} given"
    elif missing:
        yield f"{missing} of {format_count(len(expected), 'file')} left out"
    elif given and not expected:
        yield "no test file under the rootdir says what the suite is (set postmortem_suite)"
