"""Entry point for pytest: options, marker, and a lazy starter triggered by the first marked test.

Where nothing is configured and no test is marked nothing else is imported. Where something is,
`session` takes over.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Generator, Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

import pytest

from pytest_postmortem import hookspecs, options


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare every option and setting."""
    group = parser.getgroup("postmortem", "incident coverage (pytest-postmortem)")
    for option in options.COMMAND_LINE_OPTIONS:
        group.addoption(
            option.flag,
            action="append" if option.many else "store",
            dest=option.dest,
            metavar=option.metavar,
            default=None,
            help=option.help,
        )
    for ini in options.INI_SETTINGS:
        parser.addini(ini.name, ini.help, type=ini.kind, default=ini.default)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare the hooks that others may implement."""
    pluginmanager.add_hookspecs(hookspecs)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, unless the configuration of the project does."""
    known = (line.partition(":")[0].partition("(")[0] for line in config.getini("markers"))
    if options.MARKER_NAME in map(str.strip, known):
        return
    config.addinivalue_line(
        "markers",
        "postmortem(id, *ids): the test guards against the incidents of these post-mortems,"
        " and shows them when it fails",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Start at once where the plugin is in use, else wait for a mark.

    A `UsageError` raised here ends the run cleanly, with and without workers, while ``--help``
    and ``--markers`` still work.
    """
    config, started = session.config, time.time()
    worker = options.PLUGIN_WIRE_KEY in getattr(config, "workerinput", ())
    if (
        worker
        or options.is_plugin_configured(config)
        or any(options.find_default_locations(str(config.rootpath)))
    ):
        start_active_plugin(config, started)
    else:
        controls = config.pluginmanager.hasplugin("dsession")
        dormant = (DormantController if controls else DormantPlugin)(config, started)
        config.pluginmanager.register(dormant, "postmortem-dormant")


class CompiledModuleFinder:
    """Finds the modules of this package as Python does, before pytest's hook rewrites them.

    pytest rewrites the assertions in all modules of a plugin, which ignores the bytecode of the
    installation. Where pytest can't keep its own, each run would rewrite and compile them again.
    """

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module of this package, None for any other."""
        if name.startswith("pytest_postmortem."):
            return PathFinder.find_spec(name, path, target)
        return None


def remove_finder() -> None:
    """Remove the finder at the end of a run.

    It would keep this module, and with it the session and all of its tests, alive until Python has
    ended, when each of these objects would be looked at once more.
    """
    if CompiledModuleFinder in sys.meta_path:
        sys.meta_path.remove(CompiledModuleFinder)


def start_active_plugin(config: pytest.Config, started: float) -> None:
    """Start the session in which the plugin is in use; ``started`` is when pytest's began."""
    if CompiledModuleFinder not in sys.meta_path:
        sys.meta_path.insert(0, CompiledModuleFinder)
        config.add_cleanup(remove_finder)
    from pytest_postmortem.errors import PostmortemError
    from pytest_postmortem.runtime import session

    try:
        session.start_session(config, started)
    except PostmortemError as error:
        from pytest_postmortem.text import sanitize_line

        lines = str(error).splitlines()
        raise pytest.UsageError("\n".join(map(sanitize_line, lines))) from None


class DormantPlugin:
    """Waits for the first mark among the collected tests, and hands over."""

    def __init__(self, config: pytest.Config, started: float) -> None:
        self._config = config
        self._started = started

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, items: list[pytest.Item]
    ) -> Generator[None, None, None]:
        """Look at the items as they were before any was deselected, at their marks after it."""
        before, nodeids = list(items), [item.nodeid for item in items]
        yield
        if has_marked_item(before) or has_marked_item(items):
            collector = self._wake_plugin("postmortem-collecting")
            collector.read(self._config, before, nodeids, items)

    def _wake_plugin(self, name: str) -> Any:
        """Start the active plugin, and return the part that handles the event."""
        manager = self._config.pluginmanager
        manager.unregister(self)
        start_active_plugin(self._config, self._started)
        return manager.get_plugin(name)


class DormantController(DormantPlugin):
    """Waits for the first report of a worker that has found a mark.

    A worker that crashes in its first test is reported before any mark is known, so failed reports
    are kept until then.
    """

    def __init__(self, config: pytest.Config, started: float) -> None:
        super().__init__(config, started)
        self._kept: list[pytest.TestReport] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Start the plugin if a worker has found a mark."""
        if options.PLUGIN_WIRE_KEY in report.__dict__:
            self._wake_plugin("postmortem-reporter").pytest_runtest_logreport(report)
        elif report.outcome not in ("passed", "skipped"):
            self._kept.append(report)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Start the plugin if a worker has found a mark without running a test."""
        if options.PLUGIN_WIRE_KEY in (getattr(node, "workeroutput", None) or ()):
            self._wake_plugin("postmortem-workers").pytest_testnodedown(node)

    def _wake_plugin(self, name: str) -> Any:
        """Start the active plugin, and replay the failed reports."""
        woken = super()._wake_plugin(name)
        reporter: Any = self._config.pluginmanager.get_plugin("postmortem-reporter")
        for report in self._kept:
            reporter.pytest_runtest_logreport(report)
        return woken


def has_marked_item(items: Iterable[pytest.Item]) -> bool:
    """Return whether any item has our mark; each parent is looked up once."""
    parents: dict[int, bool] = {}
    for item in items:
        if any(mark.name == options.MARKER_NAME for mark in item.own_markers):
            return True
        parent = item.parent
        if parent is not None and id(parent) not in parents:
            parents[id(parent)] = any(parent.iter_markers(options.MARKER_NAME))
            if parents[id(parent)]:
                return True
    return False
