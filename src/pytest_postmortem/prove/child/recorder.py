"""The pytest plugin in a run of `prove`: runs linked tests first, and records all results.

It is copied into the shadow environment, like the import hook, and reads ``recorder.json`` from the
same folder::

    {"notes": PATH, "ids": [...], "marks": [...], "places": [[PATH, NAMES], ...],
     "others": null or [...], "rounds": 1, "share": 0.2, "started": SECONDS,
     "memory": BYTES or null, "switch": null, "roots": [PATH, ...], "stop": false,
     "packages": false}

Each line that it writes is ``[KIND, DATA]``. A failure is written before pytest reports it, since a
test may break pytest's reporting. Linked tests run ``rounds`` times, an upper limit if negative,
and then further tests, those in ``others`` or all; both for no more than ``share`` of the time of
the requested runs. Since one run says little about a test, linked tests have all their rounds if
these take no more than a second, and little of the processor. With ``stop``, the first failure ends
the run; with ``packages``, the names of all modules that are loaded from elsewhere are recorded.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import unicodedata
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from time import time
from typing import Any

import pytest
from _pytest.runner import runtestprotocol  # as pytest-rerunfailures does

IN_SHADOW = __name__ == "_postmortem_recorder"
import_hook: Any = import_module(
    "_postmortem_import_hook" if IN_SHADOW else f"{__package__}.import_hook"
)
influences: Any = import_module(
    "_postmortem_influences" if IN_SHADOW else f"{__package__}.influences"
)

_time, _dumps, _getpid = time, json.dumps, os.getpid  # a test may patch them

MIN_EXTRA_SECONDS = 0.05
"""Seconds that are always available for more than the requested runs."""

MAX_ROUND_SECONDS = 1.0
"""Seconds that the rounds of linked tests may take beyond their share."""

MAX_ROUND_WORK = 0.1
"""Seconds of the processor that one such round may take."""

MAX_EXIT_SECONDS = 1.0
"""Seconds in which a process must exit after all results are recorded."""


def pytest_configure(config: pytest.Config) -> None:
    """Register the recorder."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "recorder.json")
    with open(path, encoding="utf-8") as file:
        recorder_config = json.load(file)
    _limit_memory(recorder_config["memory"])
    for name in ("postmortem", "pytest_postmortem.plugin"):
        own_plugin = config.pluginmanager.get_plugin(name)
        if own_plugin is not None:  # its options must exist, but its report is not needed
            config.pluginmanager.unregister(own_plugin)
    config.pluginmanager.register(RunRecorder(recorder_config), "postmortem-recorder")


def _measure_work() -> float:
    """Return the seconds that the processor has worked for this process and its children."""
    return sum(os.times()[:4])


def _end_process_after(seconds: float) -> None:
    """End the process after some seconds, since all results are recorded."""
    faulthandler.dump_traceback_later(seconds, exit=True, file=open(os.devnull, "w"))  # noqa: SIM115


def _limit_memory(memory: int | None) -> None:
    if memory is not None:
        try:
            import resource

            _, most = resource.getrlimit(resource.RLIMIT_DATA)
            resource.setrlimit(resource.RLIMIT_DATA, (memory, most))
        except (ImportError, ValueError, OSError):
            pass  # not supported here


class RunRecorder:
    """Run linked tests first, as often as requested, and record the results."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._wanted = config
        self._process = os.getpid()
        self._add = import_hook.channel.open_note_writer(config["notes"])
        self._linked: dict[str, pytest.Item] = {}
        self._round = 0
        self._failed = False
        self._spent = self._beyond = 0.0
        self._influences = influences.InfluenceWatcher(
            os.path.dirname(config["notes"]), self._write_note
        )
        self._until: float | None = None

    def _write_note(self, kind: str, data: object) -> None:
        """Write a note, unless a test forked and this is the clone, which runs on."""
        if _getpid() == self._process:
            self._add(_dumps([kind, data]))

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> None:
        """Leave out files of data that no plugin collects: pytest would refuse to run."""
        arguments = session.config.args
        kept = [path for path in arguments if path.endswith(".py") or _is_collected(session, path)]
        session.config.args = kept or arguments

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Record files that could not be collected, or skipped themselves."""
        if report.failed:
            self._write_note("broken", [report.nodeid, _find_report_line(report)])
        elif report.skipped:
            self._write_note("left", [report.nodeid, _find_report_line(report)])

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, session: pytest.Session, items: list[pytest.Item]
    ) -> Generator[None, None, None]:
        """Move linked tests to the front."""
        yield
        linked = [item for item in items if self._is_linked(item)]
        self._linked = {item.nodeid: item for item in linked}
        named = self._wanted["others"]
        others = [item for item in items if item.nodeid not in self._linked]
        if named is not None:
            others = [item for item in others if item.nodeid in set(named)]
        items[:] = [*linked, *others]
        facts = {"linked": list(self._linked), "others": len(others)}
        self._write_note("collected", {**facts, "missing": self._list_missing_tests(linked)})
        self._write_note("modules", self._modules())

    def _list_missing_tests(self, linked: Sequence[pytest.Item]) -> list[str]:
        """Return the linked tests that were not collected, if no other linked test was."""
        if linked:
            return []
        return [
            f"{names} in {os.path.basename(path)}"
            for path, names in self._wanted["places"]
            if names
        ]

    def _is_linked(self, item: pytest.Item) -> bool:
        path, names = os.path.realpath(item.path), item.nodeid.partition("::")[2]
        if any([path, name] in self._wanted["places"] for name in _list_enclosing_names(names)):
            return True
        marks = (mark for mark in item.iter_markers() if mark.name in self._wanted["marks"])
        texts = (str(argument).strip() for mark in marks for argument in mark.args)
        ids = (unicodedata.normalize("NFC", text).casefold() for text in texts)
        return any(id in self._wanted["ids"] for id in ids)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> bool | None:
        """Run a linked test as often as requested; the others while there is time."""
        if item.nodeid in self._linked:
            self._run(item, nextitem)
            if self._wanted["stop"] and self._failed:
                item.session.shouldstop = "a test failed"
            return True
        if self._until is None:
            room = self._find_spare_seconds()
            self._until = _time() + room
            _end_process_after(2 * room + 1)
            self._write_note("modules", self._modules())
            self._write_note("others", None)
        if _time() > self._until:
            item.session.shouldstop = "enough is known"
            return True
        return None

    def _find_spare_seconds(self) -> float:
        """Return the seconds available for more than the requested runs."""
        asked = _time() - float(self._wanted["started"]) - self._spent - self._beyond
        return MIN_EXTRA_SECONDS + asked * float(self._wanted["share"]) - self._spent

    def _run(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        rounds = int(self._wanted["rounds"])
        switch, usual = self._wanted["switch"], sys.getswitchinterval()
        sys.setswitchinterval(usual if switch is None else switch)
        try:
            work = _measure_work()
            took = self._once(item, 0)
            work = _measure_work() - work
            for number in range(1, abs(rounds)):
                if rounds < 0 and not self._has_time(took, work, abs(rounds) - number):
                    break
                self._once(item, number)
            self._write_note("teardown", item.nodeid)
            with suppress(Exception):  # the teardown of shared fixtures may fail
                item.session._setupstate.teardown_exact(nextitem)
            self._write_note("end", item.nodeid)
        finally:
            sys.setswitchinterval(usual)

    def _has_time(self, took: float, work: float, rounds: int) -> bool:
        """Return whether there is time for one more of some rounds, and count it.

        A round takes some seconds, in which the processor works for others.
        """
        if took <= self._find_spare_seconds() / 2:
            self._spent += took
        elif self._beyond + took * rounds <= MAX_ROUND_SECONDS and work <= MAX_ROUND_WORK:
            self._beyond += took
        else:
            return False
        return True

    def _once(self, item: pytest.Item, number: int) -> float:
        """Run a test, keep its shared fixtures set up, and return the seconds."""
        start = _time()
        self._round = number
        if number and getattr(item, "cls", None) is not None:
            for name in ("_instance", "_obj"):  # a class has a new instance for each run
                item.__dict__.pop(name, None)
        shared: Any = item.parent
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        self._write_note("start", [item.nodeid, number])
        import_hook.forget_reached_places()
        with self._influences.watch():
            runtestprotocol(item, nextitem=shared)
        self._write_note("end", item.nodeid)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return _time() - start

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> None:
        """Record that the call of the test begins."""
        self._write_note("call", item.nodeid)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, Any, Any]:
        """Record an exception before any plugin makes a report of it."""
        caught = list(getattr(item, "_excinfo", None) or ())  # of a unittest
        excinfo = call.excinfo or (caught[0] if caught else None)
        if excinfo is not None:
            self._note_exception(item, call.when, excinfo.value)
        report = yield
        if excinfo is None and call.excinfo is not None:
            self._note_exception(item, call.when, call.excinfo.value)
        return report

    def _note_exception(self, item: pytest.Item, when: str, error: BaseException) -> None:
        failure = import_hook.describe_exception(error)
        self._write_note("raised", [item.nodeid, self._round, when, failure])

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record the result of a phase, or of a subtest."""
        self._failed |= report.failed
        fact = {
            "nodeid": report.nodeid,
            "round": self._round if report.nodeid in self._linked else 0,
            "when": report.when,
            "outcome": report.outcome,
            "expected": hasattr(report, "wasxfail"),
            "part": hasattr(report, "context"),
            "why": _find_skip_reason(report),
            "seconds": report.duration,
        }
        self._write_note("report", fact)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Record that the run ended; running threads do not delay the exit."""
        self._write_note("modules", self._modules())
        if self._wanted["packages"]:
            self._write_note("packages", self._packages())
        self._write_note("finish", int(exitstatus))
        _end_process_after(MAX_EXIT_SECONDS)

    def _modules(self) -> list[str]:
        """Return the files below the trees of the run that are loaded as modules."""
        modules = tuple(sys.modules.values())
        return sorted(set(import_hook.channel.list_files_below(self._wanted["roots"], modules)))

    def _packages(self) -> list[str]:
        """Return the names of the other modules that are loaded, in their order."""
        own = import_hook.channel.list_files_below
        return [
            name
            for name, module in tuple(sys.modules.items())
            if getattr(module, "__spec__", None) is not None
            and not name.startswith("_postmortem_")
            and not [*own(self._wanted["roots"], [module])]
        ]


def _is_collected(session: pytest.Session, path: str) -> bool:
    file = Path(path)
    hooks = session.gethookproxy(file.parent)
    return any(hooks.pytest_collect_file(file_path=file, parent=session))


def _list_enclosing_names(names: str) -> Iterator[str]:
    """Yield all names that select a test in its file: itself, without parameters, class, none."""
    yield names
    base = names.partition("[")[0]
    while base:
        yield base
        base = base.rpartition("::")[0]
    yield base


def _find_report_line(report: pytest.CollectReport) -> str:
    longrepr: Any = report.longrepr
    if isinstance(longrepr, tuple):
        return str(longrepr[2])[:500]
    lines = [line for line in str(longrepr).splitlines() if line.strip()]
    error_lines = [line[1:].strip() for line in lines if line.startswith("E ")]
    return (error_lines or lines or [""])[-1][:500]


def _find_skip_reason(report: Any) -> str | None:
    """Return the reason of a skip or an xfail."""
    if hasattr(report, "wasxfail"):
        return str(report.wasxfail)[:300]
    if report.skipped and isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")[:300]
    if report.failed and isinstance(report.longrepr, str):
        return report.longrepr[:300]  # a strict xfail that passed
    return None
