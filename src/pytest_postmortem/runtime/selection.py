"""The reasons of deselection: the configuration of the suite, or this run alone.

pytest's own options are compared with the configured ``addopts``. Other plugins and conftests
matter if they deselect tests: this counts as configuration unless their code reads an option of
the command line, or an environment variable that numbers a shard.
"""

from __future__ import annotations

import ast
import inspect
import os
import re
import shlex
import sys
from argparse import Namespace
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import _pytest
import pytest

from pytest_postmortem import options
from pytest_postmortem.model import DESELECTED, DESELECTED_BY_CONFIGURATION

PYTEST_FOLDER = str(Path(_pytest.__file__).parent)
PLUGIN_FOLDER = str(Path(__file__).parent)

SELECTING_OPTIONS = {"deselect_by_keyword": "keyword", "deselect_by_mark": "markexpr"}
"""The option of each function of pytest that deselects tests."""

OPTION_SETTING_HOOKS = (
    "pytest_load_initial_conftests",
    "pytest_cmdline_main",
    "pytest_configure",
    "pytest_sessionstart",
    "pytest_collection",
    "pytest_collection_modifyitems",
)
"""The hooks in which plugins change options before pytest deselects by them."""

ITEM_REMOVING_HOOKS = ("pytest_collection_modifyitems", "pytest_collection_finish")
"""The hooks in which plugins remove tests from the list."""

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

STATE_BASED_PLUGINS = frozenset({"testmon"})
"""Plugins that select tests by earlier runs."""

SHARD_VARIABLE_PATTERN = re.compile(
    r"BUCKET|CHUNK|GROUP|_NODE|NODE_(COUNT|ID|INDEX|TOTAL)|PARALLEL|PARTITION|SHARD|SLICE|SPLIT"
)
"""Names of environment variables that assign a part of the suite to a run."""

TEST_PLAN_VARIABLES = ("ALLURE_TESTPLAN_PATH",)
"""Variables of the environment that list the tests of a run for a plugin."""


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
    return frozenset({*_find_changes(config, own, every), *settings, *named})


def _find_changes(config: pytest.Config, before: Namespace, after: Namespace) -> Iterator[str]:
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
    """Records every deselected test, and returns the reasons.

    ``given`` returns what `find_given_names` found in the process that read the command line.
    """

    def __init__(self, config: pytest.Config, given: Callable[[], frozenset[str]]) -> None:
        self._config = config
        self._given = given
        self._callers: dict[int, tuple[pytest.Item, tuple[HookCode, ...]]] = {}
        self._dependent: dict[tuple[HookCode, ...], bool] = {}
        self._read: dict[Path, frozenset[str] | None] = {}
        self._listens = False

    def pytest_collection(self) -> None:
        """Start to record deselections."""
        self._listens = True

    def pytest_deselected(self, items: Iterable[pytest.Item]) -> None:
        """Record the code that deselects these items."""
        callers = tuple(_find_callers())
        for item in items:
            self._callers.setdefault(id(item), (item, callers))

    def explain_deselection(self, item: pytest.Item, nodeid: str) -> str:
        """Return why an item was deselected, by this run or by the configuration."""
        if not self._listens:
            return DESELECTED
        _, callers = self._callers.get(id(item), (item, ()))
        if not callers:
            return self._explain_removal()
        first = callers[0]
        if first.file.startswith(PLUGIN_FOLDER):
            return self._explain_option("postmortem_only")
        if not first.file.startswith(PYTEST_FOLDER):
            return self._explain_plugin(callers)
        if first.function in SELECTING_OPTIONS:
            return self._explain_option(SELECTING_OPTIONS[first.function])
        chosen = getattr(self._configured_options, "deselect", None) or ()
        if first.module == "_pytest.main" and nodeid.startswith(tuple(chosen)):
            return DESELECTED_BY_CONFIGURATION
        return DESELECTED

    @cached_property
    def _configured_options(self) -> Namespace:
        return parse_configured_options(self._config)

    @cached_property
    def given(self) -> frozenset[str]:
        """The names that the command line gave."""
        return self._given()

    def _explain_option(self, name: str) -> str:
        """Compare an option with the configured one; if they differ, a plugin may have set it."""
        value = getattr(self._config.option, name, None)
        if (value or None) == (getattr(self._configured_options, name, None) or None):
            return DESELECTED_BY_CONFIGURATION
        if name in self.given:
            return DESELECTED
        hooks = _find_hooks(self._config, *OPTION_SETTING_HOOKS)
        setters = [code for code in hooks if self._may_read_any(code, [name])]
        own = [code for code in setters if _is_of_suite(code, self._config)]
        known = tuple(own or setters)
        return (
            DESELECTED if not known or self.is_run_dependent(known) else DESELECTED_BY_CONFIGURATION
        )

    def _explain_plugin(self, callers: tuple[HookCode, ...]) -> str:
        if not self.is_run_dependent(callers):
            return DESELECTED_BY_CONFIGURATION
        return f"{DESELECTED} by {self._shown(callers[0])}"

    def _explain_removal(self) -> str:
        """Return the reason for a test that a plugin removed without a report."""
        hooks = tuple(_find_hooks(self._config, *ITEM_REMOVING_HOOKS))
        own = tuple(code for code in hooks if _is_of_suite(code, self._config))
        others = (code for code in hooks if code not in own)
        if own and not self.is_run_dependent(own) and not any(map(self.reads_run, others)):
            return DESELECTED_BY_CONFIGURATION
        by = self._shown(hooks[0]) if len({code.file for code in hooks}) == 1 else "a plugin"
        return f"removed by {by}, without pytest_deselected"

    def is_run_dependent(self, codes: tuple[HookCode, ...]) -> bool:
        """Return whether the deselection by this code depends on more than the configuration."""
        if codes not in self._dependent:
            self._dependent[codes] = any(map(self._is_code_run_dependent, codes))
        return self._dependent[codes]

    def _is_code_run_dependent(self, code: HookCode) -> bool:
        if _is_of_suite(code, self._config):
            return self.reads_run(code)
        if self.reads_run(code) or any(os.environ.get(name) for name in TEST_PLAN_VARIABLES):
            return True
        defaults = self._config._parser.parse_known_args([])
        return not self._may_read_any(
            code, {*_find_changes(self._config, defaults, self._configured_options)}
        )

    def reads_run(self, code: HookCode) -> bool:
        """Return whether code reads values of this run alone; True for unreadable code."""
        if code.package in STATE_BASED_PLUGINS or f"-p {code.module}" in self.given:
            return True
        shards = (
            name
            for name, value in os.environ.items()
            if value and SHARD_VARIABLE_PATTERN.search(name)
        )
        return self._may_read_any(code, {*self.given, *shards})

    def _may_read_any(self, code: HookCode, names: Collection[str]) -> bool:
        """Return whether a plugin, or any conftest, may read one of the names."""
        if not names:
            return False
        read: set[str] = set()
        for file in dict.fromkeys([Path(code.file), *self._find_files(code)]):
            if file not in self._read:
                self._read[file] = _find_read_names(file)
            known = self._read[file]
            if known is None:
                return True
            read |= known
        return not read.isdisjoint(names)

    def _find_files(self, code: HookCode) -> Iterable[Path]:
        """Return the files that belong to some code: a plugin's package, or all conftests."""
        file = Path(code.file)
        if file.name == "conftest.py":
            plugins = self._config.pluginmanager.get_plugins()
            files = [Path(getattr(each, "__file__", None) or "") for each in plugins]
            return [each for each in files if each.name == "conftest.py"]
        if _is_of_suite(code, self._config) or not (file.parent / "__init__.py").is_file():
            return ()
        return sorted(file.parent.glob("*.py"))

    def _shown(self, code: HookCode) -> str:
        file = Path(code.file)
        if not _is_of_suite(code, self._config):
            return code.package
        root = self._config.rootpath
        return file.relative_to(root).as_posix() if file.is_relative_to(root) else file.name


def find_ignoring_hooks(config: pytest.Config, selection: DeselectionRecorder) -> tuple[Any, ...]:
    """Return the implementations that may ignore files for a reason of this run alone."""
    return tuple(
        implementation
        for implementation in config.pluginmanager.hook.pytest_ignore_collect.get_hookimpls()
        if (code := _find_hook_code(implementation))
        and not (implementation.wrapper or implementation.hookwrapper)
        and {"collection_path", "config"}.issuperset(implementation.argnames)
        and selection.reads_run(code)
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
        if _find_hook_code(implementation)
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


def _find_hooks(config: pytest.Config, *names: str) -> Iterator[HookCode]:
    """Yield the code of all who implement some hooks, but for pytest, xdist and this plugin."""
    for name in names:
        for implementation in getattr(config.pluginmanager.hook, name).get_hookimpls():
            code = _find_hook_code(implementation)
            if code is not None and code.package != "xdist":
                yield code


def _find_hook_code(implementation: Any) -> HookCode | None:
    """Return the code that implements a hook, None if it is pytest's or ours."""
    function = inspect.unwrap(implementation.function)
    code = getattr(function, "__code__", None)
    module = getattr(function, "__module__", None) or ""
    file = code.co_filename if code is not None else ""
    if file.startswith((PYTEST_FOLDER, PLUGIN_FOLDER)):
        return None
    return HookCode(file, module, getattr(function, "__name__", ""))


def _is_of_suite(code: HookCode, config: pytest.Config) -> bool:
    """Return whether code belongs to the suite: a conftest, or a plugin that is not installed."""
    file = Path(code.file)
    if file.name == "conftest.py":
        return True
    return file.is_relative_to(config.rootpath) and "site-packages" not in file.parts


def _find_read_names(file: Path) -> frozenset[str] | None:
    """Return the texts of code and the names after ``option.``, None for unreadable code.

    Declarations of options and fixtures are left out: they do not select tests.
    """
    from pytest_postmortem.pysource import bindings

    try:
        tree = bindings.parse_python_tree(file.read_bytes())
    except (OSError, ValueError):
        tree = None
    return None if tree is None else frozenset(_walk_read_names(tree))


def _walk_read_names(tree: ast.AST) -> Iterator[str]:
    nodes = [tree]
    while nodes:
        node = nodes.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and _is_neutral_function(node):
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.Attribute) and "opt" in _find_last_name(node.value):
            yield node.attr
        nodes.extend(ast.iter_child_nodes(node))


def _is_neutral_function(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    decorators = (
        each.func if isinstance(each, ast.Call) else each for each in function.decorator_list
    )
    return function.name == "pytest_addoption" or any(
        "fixture" in _find_last_name(each) for each in decorators
    )


def _find_last_name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
