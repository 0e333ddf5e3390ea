"""Hooks of pytest for a run in which the plugin is active; they call other modules."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_postmortem import settings as configuration
from pytest_postmortem.model import Collected, NodeKey, Registry
from pytest_postmortem.runtime.collection import (
    CollectionPlan,
    LinkCollector,
    RuntimeMarkCollector,
    build_collection_plan,
)
from pytest_postmortem.runtime.outcomes import PytestReport as Reported
from pytest_postmortem.runtime.run import RunCollector, RunFacts, load_found_registry
from pytest_postmortem.runtime.selection import DeselectionRecorder, find_given_names
from pytest_postmortem.runtime.suite_files import SuiteFileCollector
from pytest_postmortem.settings import Settings

if TYPE_CHECKING:
    from pytest_postmortem.report_model import Report, RunMetadata
    from pytest_postmortem.reports.terminal import TerminalLine
    from pytest_postmortem.runtime import xdist

MAX_FAILURE_BLOCKS = 20
"""The number of failures above which only ids and links are printed with each."""

IDLE_OPTIONS = (
    ("--collect-only", "collectonly"),
    ("--setup-plan", "setupplan"),
    ("--setup-only", "setuponly"),
)
"""The options with which pytest runs no test; the second implies the third."""


def start_session(config: pytest.Config, started: float) -> None:
    """Load a configured registry, and register the plugins of this process.

    ``started`` is when the run began, in seconds since 1970.

    Raises:
        PostmortemError: The configuration or the configured registry is broken.
    """
    if hasattr(config, "workerinput"):
        _start_worker(config)
    else:
        _start_controller(config, started)


def _start_controller(config: pytest.Config, started: float) -> None:
    settings = configuration.read_plugin_settings(config)
    cache, ask_plugins = partial(find_cache_folder, config), partial(ask_load_hooks, config)
    run = RunCollector(
        config.rootpath, settings, cache, ask_plugins, keep_all=_is_dist_each(config)
    )
    distributed = config.pluginmanager.hasplugin("dsession")
    run.load(workers=distributed)
    reporter = (DistributedRunReporter if distributed else RunReporter)(config, run, started)
    config.pluginmanager.register(reporter, "postmortem-reporter")
    if _has_integrated_report(config):
        from pytest_postmortem.runtime import integrations

        integrations.register_integrations(config, run)
    if isinstance(reporter, DistributedRunReporter):
        config.pluginmanager.register(reporter.workers, "postmortem-workers")
    else:
        used = settings.used or run.found is not None
        find_names = partial(find_given_names, config)
        _register_collectors(
            config, settings, run.build_plan, reporter.receive_collected, used, find_names
        )


def _is_dist_each(config: pytest.Config) -> bool:
    """Return whether every worker runs every test."""
    return getattr(config.option, "dist", "no") == "each"


def _has_integrated_report(config: pytest.Config) -> bool:
    """Return whether a report of another plugin is made that we add to."""
    plugins = map(config.pluginmanager.hasplugin, ("allure_listener", "ctrf_plugin"))
    return bool(config.getoption("htmlpath", None)) or any(plugins)


def _start_worker(config: pytest.Config) -> None:
    from pytest_postmortem.runtime import xdist

    settings = configuration.read_plugin_settings(config)
    plan, found_location = xdist.read_worker_plan(config)
    used = plan.judged or found_location is not None
    worker = xdist.WorkerPlugin(config, used)
    config.pluginmanager.register(worker, "postmortem-worker")

    def load() -> Registry | None:
        if found_location is None:
            return None
        return load_found_registry(
            Path(found_location), config.rootpath, settings, find_cache_folder(config)
        )

    def planned(marked: bool) -> CollectionPlan:
        return build_collection_plan(load(), settings) if found_location and marked else plan

    find_names = partial(xdist.find_given_names_on_worker, config)
    _register_collectors(config, settings, planned, worker.deliver_collected, used, find_names)
    if _has_integrated_report(config):
        from pytest_postmortem.runtime import integrations

        integrations.register_worker_integrations(config, settings, load)


def find_cache_folder(config: pytest.Config) -> Path | None:
    """Return the folder of the cache, None if it is disabled."""
    try:
        cache: pytest.Cache | None = getattr(config, "cache", None)
        if cache is None:  # a command configures no plugin, and the provider may be blocked
            cache = pytest.Cache.for_config(config, _ispytest=True)
    except (ValueError, KeyError):
        return None
    try:
        if not hasattr(cache, "_mkdir"):  # before pytest 8.2 mkdir alone leaves out .gitignore
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                cache.set("postmortem/kept", True)
        return cache.mkdir("postmortem")
    except OSError:
        return None


def ask_load_hooks(config: pytest.Config, location: str) -> Iterable[Mapping[str, object]] | None:
    """Ask other plugins for the entries of a location."""
    with _convert_outcome_exceptions():
        entries: Iterable[Mapping[str, object]] | None = config.hook.pytest_postmortem_load(
            location=location, config=config
        )
    return entries


def _send_report_to_plugins(config: pytest.Config, report: Mapping[str, Any]) -> None:
    """Give the report to other plugins."""
    with _convert_outcome_exceptions():
        config.hook.pytest_postmortem_report(report=report, config=config)


@contextmanager
def _convert_outcome_exceptions() -> Iterator[None]:
    """Convert the special exceptions of tests to errors in our hooks."""
    try:
        yield
    except (pytest.skip.Exception, pytest.fail.Exception, SystemExit) as error:
        raise RuntimeError(f"{type(error).__name__}: {error}") from None


def _register_collectors(
    config: pytest.Config,
    settings: Settings,
    plan: xdist.PlanProvider,
    deliver: xdist.CollectedReceiver,
    used: bool,
    given: Callable[[], frozenset[str]],
) -> None:
    """Register the reader of tests, and that of files if completeness is needed."""
    register = config.pluginmanager.register
    selection = DeselectionRecorder(config, given)
    register(selection, "postmortem-selection")
    collector = LinkCollector(settings, plan, deliver, selection)
    register(collector, "postmortem-collecting")
    register(RuntimeMarkCollector(settings, collector, deliver), "postmortem-running")
    if used:
        register(SuiteFileCollector(settings, deliver, selection), "postmortem-files")


def _escape_unprintable(text: str) -> str:
    """Escape characters that the terminal can't encode; pytest would escape line feeds too."""
    encoding = getattr(sys.__stdout__, "encoding", None) or "utf-8"
    try:
        return text.encode(encoding, "backslashreplace").decode(encoding)
    except (LookupError, UnicodeError):
        return text


class RunReporter:
    """Reporting plugin of a run, in the controller only."""

    def __init__(self, config: pytest.Config, run: RunCollector, started: float) -> None:
        self._config = config
        self._started = started
        self._run = run
        self._waiting = run.recorder.find_waiting_reports()
        self._show = run.settings.show
        self._blocks: list[tuple[pytest.TestReport, NodeKey]] = []
        self._failed: dict[NodeKey, list[pytest.TestReport]] = {}
        self._shown: dict[tuple[str, ...], pytest.TestReport] = {}
        self._notes: list[TerminalLine] = []
        self._printed_after: list[str] = []
        self._counted: set[int] | None = None
        self._report: Report | None = None
        self._hint: str | None = None
        self._printed = False

    @property
    def _terminal_width(self) -> int:
        if not self._config.pluginmanager.hasplugin("terminalreporter"):  # -p no:terminal
            return 80
        return self._config.get_terminal_writer().fullwidth

    @property
    def _verbosity_level(self) -> int:
        verbosity: int = getattr(self._config.option, "verbose", 0)  # -p no:terminal
        return verbosity

    def receive_collected(self, collected: Collected, worker: str = "") -> None:
        """Add a collection of a process; explain failures that had no link before."""
        named = self._run.receive_collected(collected, worker)
        if self._failed:
            # The report of a crash names no file.
            crashed = [NodeKey("", reported.nodeid) for reported in named]
            for reported in dict.fromkeys([*named, *crashed]):
                for report in self._failed.get(reported, ()):
                    self._explain_failure(report, reported)

    def pytest_report_header(self) -> str | None:
        """Name the registry."""
        from pytest_postmortem.reports import terminal

        return terminal.format_pytest_header(self._run.registry, self._run.found_at)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record the outcome, and add post-mortems to a failure.

        This is `OutcomeRecorder.add_report` without a call, which would take more than the rest.
        """
        self._waiting.append(report)
        if report.when == "teardown" or report.outcome != "passed":
            reported = self._run.recorder.add_waiting_reports()
            if reported is not None:
                self._add_failure(report, reported)

    def _add_failure(self, report: pytest.TestReport, reported: NodeKey) -> None:
        self._failed.setdefault(reported, []).append(report)
        self._explain_failure(report, reported)

    def _explain_failure(self, report: pytest.TestReport, reported: NodeKey) -> None:
        from pytest_postmortem.reports import failure_block

        if not self._run.postmortems(self._run.find_tests(reported)):
            return
        new = all(title != failure_block.FAILURE_TITLE for title, _ in report.sections)
        if new:
            self._blocks.append((report, reported))
        many = len(self._blocks) == MAX_FAILURE_BLOCKS + 1
        for each in self._blocks if new and many else [(report, reported)]:
            self._show_beside(*each)

    def _show_beside(self, report: pytest.TestReport, reported: NodeKey) -> None:
        """Replace the section of a failure by one with the current links.

        Only the first failed parameter set of a function has the full section.
        """
        from pytest_postmortem.reports import failure_block

        found = self._run.postmortems(self._run.find_tests(reported))
        function = reported.nodeid.partition("::")[2].partition("[")[0]
        same = (reported.path, function, *(postmortem.id for postmortem in found))
        repeated = self._shown.setdefault(same, report) is not report
        short = repeated or len(self._blocks) > MAX_FAILURE_BLOCKS
        found = found if short else self._run.add_details(found)
        text = failure_block.render_failure_block(found, self._show, self._terminal_width, short)
        text = _escape_unprintable(text)
        others = [
            section for section in report.sections if section[0] != failure_block.FAILURE_TITLE
        ]
        report.sections[:] = [*others, (failure_block.FAILURE_TITLE, text)]

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Evaluate the run at its end; change exit status 0 to 1 for a finding or a gate."""
        from pytest_postmortem.evaluation.gates import is_report_failing

        if exitstatus in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.INTERNAL_ERROR):
            return
        self._report = self._run.report(self._build_run_facts())
        if self._report is None:
            whole = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
            self._hint = self._run.found_at if whole and self._run.whole else None
            return
        delivered = self._deliver(self._report)
        if session.exitstatus == pytest.ExitCode.OK and (
            is_report_failing(self._report) or not delivered
        ):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _build_run_facts(self) -> RunFacts:
        option, detailed = self._config.option, self._is_delivered
        return RunFacts(
            lost=self._find_lost_workers(),
            idle=next((flag for flag, name in IDLE_OPTIONS if getattr(option, name, False)), ""),
            is_counted=self._is_counted,
            ran=self._read_run_metadata() if detailed else None,
            dated=self._verbosity_level > 0 or self._run.settings.dated,
            detailed=detailed,
        )

    def _read_run_metadata(self) -> RunMetadata:
        from pytest_postmortem.runtime.run_metadata import read_run_metadata

        return read_run_metadata(self._config, self._started)

    @property
    def _is_delivered(self) -> bool:
        """Whether the report goes anywhere but to the terminal."""
        return self._run.settings.detailed or self._handed_over

    def _find_lost_workers(self) -> tuple[str, ...]:
        """Return the workers whose links did not arrive."""
        return ()

    def _is_counted(self, report: Reported) -> bool:
        """Return whether the terminal counts a report; plugins may remove one."""
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if self._counted is None:
            kinds = getattr(terminal, "stats", {}).values()
            self._counted = {id(each) for reports in kinds for each in reports}
        return not self._counted or id(report) in self._counted

    @property
    def _handed_over(self) -> bool:
        """Whether other plugins get the report."""
        return bool(self._config.hook.pytest_postmortem_report.get_hookimpls())

    def _deliver(self, report: Report) -> bool:
        """Write the report to all destinations; return whether that succeeded."""
        if not self._is_delivered:
            return True
        from pytest_postmortem.reports.writers import deliver_report

        take = partial(_send_report_to_plugins, self._config) if self._handed_over else None
        delivery = deliver_report(report, self._run.settings, self._verbosity_level, take)
        self._notes += delivery.notes
        self._printed_after += delivery.printed
        return delivery.whole

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the report in the terminal summary."""
        from pytest_postmortem.reports import terminal

        self._printed = True
        option, settings = self._config.option, self._run.settings
        if self._report is None:
            lines = terminal.format_unlinked_hint(self._hint) if option.verbose >= 0 else ()
        else:
            detail = terminal.choose_detail(
                settings.terminal_report, option.verbose, option.no_summary
            )
            lines = terminal.render_terminal_report(
                self._report, self._show, self._terminal_width, detail
            )
            if detail in ("ten lines", "everything"):
                terminalreporter.write_sep("=", terminal.COVERAGE_TITLE)
        for line in (*self._notes, *lines):
            colour = {line.colour: True} if line.colour else {}
            terminalreporter.write_line(line.text, **colour)
        for text in self._printed_after:
            for written in text.splitlines():  # each alone, as pytest escapes line feeds too
                terminalreporter.write_line(written)

    def pytest_unconfigure(self) -> None:
        """Print the reasons of a failed run for pytest 8 with ``--no-summary``.

        Without a terminal (``-p no:terminal``) only requested reports are printed.
        """
        terminalreporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if terminalreporter is None:
            print(*self._printed_after, sep="", end="")
        elif self._report is not None and not self._printed:
            self.pytest_terminal_summary(terminalreporter)


class DistributedRunReporter(RunReporter):
    """Reporting plugin of the controller of pytest-xdist, which gets the reports of all workers."""

    def __init__(self, config: pytest.Config, run: RunCollector, started: float) -> None:
        from pytest_postmortem.runtime import xdist

        super().__init__(config, run, started)
        found_location = None if run.found is None or run.registry is not None else str(run.found)
        self.workers = xdist.ControllerPlugin(
            run.build_plan, found_location, self.receive_collected
        )

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what a worker has collected from its report first."""
        worker = report.node.gateway.id if hasattr(report, "node") else ""
        collected = self.workers.take_collected(report)
        if collected is not None:
            self.receive_collected(collected, worker)
        reported = self._run.recorder.add_report(report, worker)
        if reported is not None:
            self._add_failure(report, reported)

    def _find_lost_workers(self) -> tuple[str, ...]:
        each = _is_dist_each(self._config)
        return self.workers.lost(self._run.heard_workers, each)
