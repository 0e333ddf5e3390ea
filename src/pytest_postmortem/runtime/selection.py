"""Which code deselects tests, ignores files or collects them, and what the command line gave.

`deselection_reasons`, which few runs need, says whether that is the configuration of the suite.
"""

from __future__ import annotations

import inspect
import os
import shlex
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import _pytest
import pytest

from pytest_postmortem import options

PYTEST_FOLDER = str(Path(_pytest.__file__).parent)
PLUGIN_FOLDER = str(Path(__file__).parent)

NEUTRAL_OPTIONS = frozenset(
    "assertmode basetemp cacheclear cacheshow capture code_highlight collect_in_virtualenv "
    "collectonly color continue_on_collection_errors debug disable_warnings dist distload "
    "doctest_continue_on_failure doctest_ignore_import_errors doctestglob doctestmodules "
    "doctestreport durations durations_min failedfirst fold_skipped force_short_summary fulltrace "
    "help importmode junitprefix keepduplicates loadscopereorder log_auto_indent "
    "log_cli_date_format log_cli_format log_cli_level log_date_format log_file "
    "log_file_date_format log_file_format log_file_level log_file_mode log_format log_level "
    "logger_disable markers max_warnings maxfail maxprocesses maxschedchunk maxworkerrestart "
    "newfirst no_header no_summary numprocesses override_ini pastebin plugins px pyargs "
    "pythonwarnings quiet reportchars rsyncdir rsyncignore runxfail setuponly setupplan setupshow "
    "show_fixtures_per_test showcapture showfixtures showlocals strict strict_config "
    "strict_markers tbstyle testrunuid trace traceconfig tx usepdb usepdb_cls verbose version "
    "xfail_tb xmlpath".split()
)
"""pytest's and xdist's options that select no tests, which plugins read for other reasons."""

OWN_OPTIONS = frozenset(option.dest for option in options.COMMAND_LINE_OPTIONS) - {
    "postmortem_only"
}
"""Our own options that select no tests."""


def parse_configured_options(config: pytest.Config) -> Namespace:
    """Return the options that the configured ``addopts`` alone give."""
    parser = config._parser  # pytest has no public API to parse a part of the command line
    return parser.parse_known_args(list(config.getini("addopts")))


def find_given_names(config: pytest.Config) -> frozenset[str]:
    """Return what the command line and ``PYTEST_ADDOPTS`` add to the configured options.

    These are the flags, the names under which pytest keeps their values, the settings after
    ``-o``, and each plugin after ``-p`` as ``-p NAME``. Values that plugins set are in none.
    """
    own = parse_configured_options(config)
    given = shlex.split(os.environ.get("PYTEST_ADDOPTS", ""))
    given += map(str, config.invocation_params.args)
    parser = config._parser
    every = parser.parse_known_args([*config.getini("addopts"), *given])
    settings = {text.partition("=")[0] for text in getattr(every, "override_ini", None) or ()}
    plugins = {*(getattr(every, "plugins", None) or ())} - {*(getattr(own, "plugins", None) or ())}
    named = (f"-p {name}" for name in plugins)
    return frozenset({*find_changes(config, own, every), *settings, *named})


def find_changes(config: pytest.Config, before: Namespace, after: Namespace) -> Iterator[str]:
    """Yield the options that differ and may select, each by its name and its flags."""
    old, new = vars(before), vars(after)
    changed = {name for name in new if new[name] != old.get(name)} - NEUTRAL_OPTIONS - OWN_OPTIONS
    yield from changed
    # What pytest looks up for `getoption("--flag")`: kept by the parser since pytest 9.
    flags = getattr(config._parser, "_opt2dest", None) or getattr(config, "_opt2dest", {})
    yield from (flag for flag, name in flags.items() if name in changed)


class HookCode(NamedTuple):
    """A function that may leave tests out: its file, its module and its name."""

    file: str
    module: str
    function: str

    @property
    def package(self) -> str:
        """The name of the plugin."""
        return self.module.partition(".")[0]


class DeselectionRecorder:
    """Records the code that deselects each test.

    ``given`` returns what `find_given_names` found in the process that read the command line.
    """

    def __init__(self, config: pytest.Config, given: Callable[[], frozenset[str]]) -> None:
        self.config = config
        self._given = given
        self._callers: dict[int, tuple[pytest.Item, tuple[HookCode, ...]]] = {}
        self.listens = False

    def pytest_collection(self) -> None:
        """Start to record deselections."""
        self.listens = True

    def pytest_deselected(self, items: Iterable[pytest.Item]) -> None:
        """Record the code that deselects these items."""
        callers = tuple(_find_callers())
        for item in items:
            self._callers.setdefault(id(item), (item, callers))

    def find_callers(self, item: pytest.Item) -> tuple[HookCode, ...]:
        """Return the code that deselected an item, innermost first; empty if none was recorded."""
        return self._callers.get(id(item), (item, ()))[1]

    @cached_property
    def given(self) -> frozenset[str]:
        """The names that the command line gave."""
        return self._given()


def find_ignoring_hooks(config: pytest.Config) -> tuple[tuple[Any, HookCode], ...]:
    """Return the implementations of plugins and conftests that may ignore files."""
    return tuple(
        (implementation, code)
        for implementation in config.pluginmanager.hook.pytest_ignore_collect.get_hookimpls()
        if (code := find_hook_code(implementation))
        and not (implementation.wrapper or implementation.hookwrapper)
        and {"collection_path", "config"}.issuperset(implementation.argnames)
    )


def is_ignored_by(implementation: Any, path: Path, config: pytest.Config) -> bool:
    """Ask a single plugin whether it ignores a path."""
    values = {"collection_path": path, "config": config}
    return bool(implementation.function(*(values[name] for name in implementation.argnames)))


def find_collecting_hooks(config: pytest.Config) -> tuple[Any, ...]:
    """Return the implementations of plugins and conftests that may collect files."""
    return tuple(
        implementation
        for implementation in config.pluginmanager.hook.pytest_collect_file.get_hookimpls()
        if find_hook_code(implementation)
        and not (implementation.wrapper or implementation.hookwrapper)
        and {"file_path", "parent"}.issuperset(implementation.argnames)
    )


def is_collected_by(implementation: Any, path: Path, session: pytest.Session) -> bool:
    """Ask a single plugin whether it collects a file; a conftest only about those below it.

    True if it fails, as it may then fail in a whole run.
    """
    source = Path(getattr(implementation.plugin, "__file__", None) or "")
    if source.name == "conftest.py" and not path.is_relative_to(source.parent):
        return False
    values = {"file_path": path, "parent": session}
    try:
        collected = implementation.function(*(values[name] for name in implementation.argnames))
    except (Exception, pytest.skip.Exception, pytest.fail.Exception):
        return True
    return collected is not None


def _find_callers() -> Iterator[HookCode]:
    """Yield the code that called the hook which is running, innermost first, up to its own hook."""
    frame = sys._getframe(2)
    while frame is not None and _find_frame_module(frame).partition(".")[0] == "pluggy":
        frame = frame.f_back  # type: ignore[assignment]
    while frame is not None and _find_frame_module(frame).partition(".")[0] != "pluggy":
        code = frame.f_code
        yield HookCode(code.co_filename, _find_frame_module(frame), code.co_name)
        frame = frame.f_back  # type: ignore[assignment]


def _find_frame_module(frame: Any) -> str:
    name: object = frame.f_globals.get("__name__", "")
    return str(name)


def find_hook_code(implementation: Any) -> HookCode | None:
    """Return the code that implements a hook, None if it is pytest's or ours."""
    function = inspect.unwrap(implementation.function)
    code = getattr(function, "__code__", None)
    module = getattr(function, "__module__", None) or ""
    file = code.co_filename if code is not None else ""
    if file.startswith((PYTEST_FOLDER, PLUGIN_FOLDER)):
        return None
    return HookCode(file, module, getattr(function, "__name__", ""))
