"""The reasons of deselection: the configuration of the suite, or this run alone.

pytest's own options are compared with the configured ``addopts``. Other plugins and conftests
matter if they deselect tests: this counts as configuration unless their code reads an option of
the command line, or an environment variable that numbers a shard.
"""

from __future__ import annotations

import ast
import os
import re
from argparse import Namespace
from collections.abc import Collection, Iterable, Iterator
from functools import cached_property
from pathlib import Path

import pytest

from pytest_postmortem.model import DESELECTED, DESELECTED_BY_CONFIGURATION
from pytest_postmortem.runtime.selection import (
    PLUGIN_FOLDER,
    PYTEST_FOLDER,
    DeselectionRecorder,
    HookCode,
    find_changes,
    find_hook_code,
    parse_configured_options,
)

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

STATE_BASED_PLUGINS = frozenset({"testmon"})
"""Plugins that select tests by earlier runs."""

SHARD_VARIABLE_PATTERN = re.compile(
    r"BUCKET|CHUNK|GROUP|_NODE|NODE_(COUNT|ID|INDEX|TOTAL)|PARALLEL|PARTITION|SHARD|SLICE|SPLIT"
)
"""Names of environment variables that assign a part of the suite to a run."""

TEST_PLAN_VARIABLES = ("ALLURE_TESTPLAN_PATH",)
"""Variables of the environment that list the tests of a run for a plugin."""


class DeselectionReasons:
    """Returns why tests were deselected, and which code reads values of this run alone."""

    def __init__(self, recorder: DeselectionRecorder) -> None:
        self._config = recorder.config
        self._recorder = recorder
        self._dependent: dict[tuple[HookCode, ...], bool] = {}
        self._read: dict[Path, frozenset[str] | None] = {}

    def explain_deselection(self, item: pytest.Item, nodeid: str) -> str:
        """Return why an item was deselected, by this run or by the configuration."""
        if not self._recorder.listens:
            return DESELECTED
        callers = self._recorder.find_callers(item)
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

    def _explain_option(self, name: str) -> str:
        """Compare an option with the configured one; if they differ, a plugin may have set it."""
        value = getattr(self._config.option, name, None)
        if (value or None) == (getattr(self._configured_options, name, None) or None):
            return DESELECTED_BY_CONFIGURATION
        if name in self._recorder.given:
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
            code, {*find_changes(self._config, defaults, self._configured_options)}
        )

    def reads_run(self, code: HookCode) -> bool:
        """Return whether code reads values of this run alone; True for unreadable code."""
        if code.package in STATE_BASED_PLUGINS or f"-p {code.module}" in self._recorder.given:
            return True
        shards = (
            name
            for name, value in os.environ.items()
            if value and SHARD_VARIABLE_PATTERN.search(name)
        )
        return self._may_read_any(code, {*self._recorder.given, *shards})

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


def _find_hooks(config: pytest.Config, *names: str) -> Iterator[HookCode]:
    """Yield the code of all who implement some hooks, but for pytest, xdist and this plugin."""
    for name in names:
        for implementation in getattr(config.pluginmanager.hook, name).get_hookimpls():
            code = find_hook_code(implementation)
            if code is not None and code.package != "xdist":
                yield code


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
