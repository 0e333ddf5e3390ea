"""Test reports → one outcome a test.

Within one attempt the worst report of any phase, subtest or crash wins; a rerun discards the
attempt; of several attempts, or workers, the first outcome in the order of `OUTCOMES` counts.

The start of an attempt, by the reports of plugins (``S`` setup, ``C`` call, ``T`` teardown, ``s``
a subtest, ``C!`` a failure that is to be repeated):

- pytest, pytest-retry: ``S s C T``, ``S s C! s C T``
- pytest-rerunfailures: ``s S C! T``, ``s S C T``; before version 14 ``s S C!``, ``s S C T``
- flaky: ``S s T``, ``S s C T``; a failure that is to be repeated is not reported
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any, Protocol

from pytest_postmortem.model import OUTCOMES, UNREPORTED, NodeKey, Outcome, OutcomeWord

OUTCOME_RANK = {word: rank for rank, word in enumerate(OUTCOMES)}
CRASH_PHASE = "???"
"""The phase of xdist's report of a test in which a worker crashed."""

LAST_PHASES = ("teardown", CRASH_PHASE)
PASSING_PHASES = ("setup", "call", "teardown")
"""The phases of a test that passes, each reported once."""

KNOWN_REPORT_OUTCOMES = ("passed", "failed", "skipped")
"""The outcomes of pytest; ``rerun`` and ``retried`` are those of plugins for a failure that will be
repeated.
"""
SILENT_PHASES = ["setup", "teardown"]
"""The property of a report of flaky for a failed call that will be repeated."""
RED_OUTCOMES = ("failed", "error")
NOT_RUN_OUTCOME = Outcome("not-run", reason=UNREPORTED)


class PytestReport(Protocol):
    """The part of `pytest.TestReport` that counts here.

    ``outcome`` may also be ``rerun`` or ``retried``; a subtest's report has a ``context``, an
    xfailed or xpassed one ``wasxfail``.
    """

    outcome: Any
    when: Any
    duration: float
    longrepr: Any


IsCounted = Callable[[PytestReport], bool]
"""A function that returns whether pytest counts a failed report; plugins may withdraw one."""


def is_always_counted(_: PytestReport) -> bool:
    """Return True: no plugin withdraws reports."""
    return True


class NamedReport(Protocol):
    """The part of `pytest.TestReport` that identifies the test."""

    nodeid: str
    location: tuple[str, int | None, str]
    when: Any


def classify_report(report: PytestReport) -> OutcomeWord | None:
    """Return the outcome in one report, None if it has none.

    A passed setup, teardown or subtest has none: only the passed call of the test counts.
    """
    if report.outcome == "failed":
        return "failed" if report.when in ("call", CRASH_PHASE) else "error"
    expected = hasattr(report, "wasxfail")
    if report.outcome == "skipped":
        return "xfailed" if expected else "skipped"
    if report.outcome == "passed" and report.when == "call" and not hasattr(report, "context"):
        return "xpassed" if expected else "passed"
    return None


def read_skip_reason(report: PytestReport) -> str | None:
    """Return the reason of a skip or an xfail as the test gives it, in one line."""
    if hasattr(report, "wasxfail"):
        text = str(report.wasxfail).removeprefix("reason: ")
    elif isinstance(report.longrepr, tuple):
        text = str(report.longrepr[2]).removeprefix("Skipped: ")
    else:
        return None
    return " ".join(text.split()) or None


def read_reported_key(report: NamedReport) -> NodeKey:
    """Return the key of a report: the path of its test, and the node id.

    xdist's report of a test in which a worker crashed has only the node id.
    """
    return NodeKey("" if report.when == CRASH_PHASE else report.location[0], report.nodeid)


class ReportedAttempt:
    """The reports of one attempt so far, and the phase in which a plugin discarded it."""

    __slots__ = ("discarded_in", "reports", "test")

    def __init__(self, test: NodeKey) -> None:
        self.test = test
        self.reports: list[PytestReport] = []
        self.discarded_in: str | None = None

    def is_over(self, report: PytestReport) -> bool:
        """Return whether this report, which is not a teardown, starts a new attempt of the test."""
        if report.when == "setup":
            return not all(hasattr(each, "context") for each in self.reports)
        return self.discarded_in is not None


class OutcomeRecorder:
    """Joins reports by their keys in the order of their arrival.

    ``wanted`` are the tests that are linked so far. A test may link itself while it runs, and a
    worker that crashes in its first test is reported before any link is known. So an attempt is
    kept if its test is wanted when its last report arrives, or if a report of it failed or was
    discarded. All other attempts are dropped unless ``keep_all`` is set.

    ``discarded`` holds the failures that will be repeated.
    """

    def __init__(self, wanted: Container[NodeKey], keep_all: bool = False) -> None:
        self.discarded: dict[NodeKey, Outcome] = {}
        self._wanted = wanted
        self._keep_all = keep_all
        self._waiting: dict[str, list[Any]] = defaultdict(list)
        self._open: dict[str, ReportedAttempt] = {}
        self._outcomes: dict[NodeKey, tuple[Outcome, ...]] = {}
        self._superseded: list[tuple[NodeKey, PytestReport]] = []
        self._silent: set[NodeKey] = set()

    def find_waiting_reports(self, worker: str = "") -> list[Any]:
        """Return the reports of a worker that wait to be added, always the same list."""
        return self._waiting[worker]

    def add_report(self, report: Any, worker: str = "") -> NodeKey | None:
        """Add a report of a worker; return the key of its test if the report failed.

        Most tests pass and are not linked. So reports wait for the last one of a test, or for the
        first that did not pass, and the key of a test that passes is read once.
        """
        self._waiting[worker].append(report)
        if report.when == "teardown" or report.outcome != "passed":
            return self.add_waiting_reports(worker)
        return None

    def add_waiting_reports(self, worker: str = "") -> NodeKey | None:
        """Add the reports that wait; return the key of the test if the last of them failed."""
        waiting = self._waiting[worker]
        if len(waiting) == len(PASSING_PHASES) and worker not in self._open:
            setup, call, last = waiting
            place = last.location
            if last.outcome == "passed" and call.location == place and setup.location == place:
                # A tuple is equal to a key, and takes less to make.
                wanted = (place[0], last.nodeid) in self._wanted or self._keep_all
                if not wanted or self._add_passed_test(setup, call, last):
                    waiting.clear()
                    return None
        for report in waiting:
            test = self.add(report, read_reported_key(report), worker)
        failed = bool(waiting) and waiting[-1].outcome == "failed"
        waiting.clear()
        return test if failed else None

    def _add_passed_test(self, setup: Any, call: Any, teardown: Any) -> bool:
        """Add the reports of a test that passed; return False if they are of other phases."""
        if (setup.when, call.when, teardown.when) != PASSING_PHASES or hasattr(call, "context"):
            return False
        duration = setup.duration + call.duration + teardown.duration
        outcome = Outcome("passed", duration)
        if hasattr(call, "wasxfail"):
            outcome = Outcome("xpassed", duration, read_skip_reason(call))
        self._add_outcome(read_reported_key(teardown), outcome)
        return True

    def add(self, report: PytestReport, test: NodeKey, worker: str = "") -> NodeKey:
        """Add a report of a worker (an empty text without xdist); return the key of the test.

        A crash report gets the key of the test that the worker was running.
        """
        attempt = self._open.get(worker)
        when = report.when
        if attempt and when == CRASH_PHASE and attempt.test.nodeid == test.nodeid:
            test = attempt.test
        if (
            attempt is None
            or attempt.test != test
            or (when != "teardown" and attempt.is_over(report))
        ):
            self._close_attempt(worker)
            attempt = self._open[worker] = ReportedAttempt(test)
        attempt.reports.append(report)
        if (
            report.outcome not in KNOWN_REPORT_OUTCOMES
        ):  # pytest-retry changes the outcome of its report later
            attempt.discarded_in = when
        if when in LAST_PHASES:
            self._close_attempt(worker)
        return test

    def outcomes(
        self,
        repeated: Mapping[NodeKey, int] | None = None,
        is_counted: IsCounted = is_always_counted,
    ) -> dict[NodeKey, Outcome]:
        """Return the outcome of each kept test by the key of its reports.

        ``repeated`` counts the tests that share a key; all of them have to pass.
        ``is_counted`` is called for each failure in a discarded attempt: pytest-rerunfailures
        withdraws the subtests of such an attempt, other plugins don't.
        """
        for worker in tuple(self._waiting):
            self.add_waiting_reports(worker)
        for worker in tuple(self._open):
            self._close_attempt(worker)
        counts = repeated or {}
        attempts = dict(self._outcomes)
        for test, report in self._superseded:
            outcome = _build_attempt_outcome([report]) if is_counted(report) else None
            if outcome is not None:
                attempts[test] = (*attempts.get(test, ()), outcome)
        flaky = self._silent.union(self.discarded)
        merged = {
            test: _merge_attempts(test_outcomes, counts.get(test, 1))
            for test, test_outcomes in attempts.items()
        }
        merged.update((test, merged[test]._replace(flaky=True)) for test in flaky & merged.keys())
        return merged

    def _close_attempt(self, worker: str) -> None:
        attempt = self._open.pop(worker, None)
        if attempt is None:
            return
        if attempt.discarded_in is not None:
            self._discard_attempt(attempt)
        else:
            self._add_attempt(attempt.test, attempt.reports)

    def _add_attempt(self, test: NodeKey, reports: Sequence[PytestReport]) -> None:
        """Keep the outcome of an attempt whose test is wanted, or that failed."""
        if (
            self._keep_all
            or test in self._wanted
            or "failed" in [report.outcome for report in reports]
        ):
            outcome = _build_attempt_outcome(reports)
            if outcome is not None:
                self._add_outcome(test, outcome)
            elif [each.when for each in reports if not hasattr(each, "context")] == SILENT_PHASES:
                self._silent.add(test)

    def _add_outcome(self, test: NodeKey, outcome: Outcome) -> None:
        self._outcomes[test] = (*self._outcomes.get(test, ()), outcome)

    def _discard_attempt(self, attempt: ReportedAttempt) -> None:
        """Record a failure that will be repeated, and other failures of the same attempt."""
        test, reports = attempt.test, attempt.reports
        word: OutcomeWord = "failed" if attempt.discarded_in in ("call", CRASH_PHASE) else "error"
        duration = sum(report.duration for report in reports)
        self.discarded[test] = Outcome(word, duration, flaky=True)
        self._superseded += [(test, report) for report in reports if report.outcome == "failed"]


def _merge_attempts(attempts: Sequence[Outcome], count: int) -> Outcome:
    """Return the outcome of several attempts of ``count`` tests."""
    if count == len(attempts) == 1:
        return attempts[0]
    worst = min(attempts, key=lambda each: OUTCOME_RANK[each.word])
    if count == 1 or worst.word in RED_OUTCOMES:
        return worst
    others = [each for each in attempts if each.word != "passed"]
    if others:
        return min(others, key=lambda each: OUTCOME_RANK[each.word])
    return worst if len(attempts) >= count else NOT_RUN_OUTCOME


def _build_attempt_outcome(reports: Sequence[PytestReport]) -> Outcome | None:
    """Return the outcome of the reports of one attempt, None if they have none."""
    duration = 0.0
    worst: tuple[OutcomeWord, PytestReport] | None = None
    for report in reports:
        duration += report.duration
        word = classify_report(report)
        if word and (worst is None or OUTCOME_RANK[word] < OUTCOME_RANK[worst[0]]):
            worst = word, report
    if worst is None:
        return None
    return Outcome(worst[0], duration, read_skip_reason(worst[1]))


def merge_outcomes(
    outcomes: Mapping[NodeKey, Outcome],
    tests: Mapping[NodeKey, Iterable[NodeKey]],
    discarded: Mapping[NodeKey, Outcome] | None = None,
) -> dict[NodeKey, Outcome]:
    """Return the outcome of each test, given the tests of each reported key.

    For a failure in ``discarded`` the repetition counts; without a repetition the failure counts.
    """
    outcomes_by_test: dict[NodeKey, Outcome] = {}
    for reported, outcome in outcomes.items():
        for test in tests.get(reported, ()):
            earlier_outcome = outcomes_by_test.setdefault(test, outcome)
            if earlier_outcome is outcome:
                continue
            worst = min(earlier_outcome, outcome, key=lambda each: OUTCOME_RANK[each.word])
            outcomes_by_test[test] = worst._replace(flaky=earlier_outcome.flaky or outcome.flaky)
    for reported, outcome in (discarded or {}).items():
        for test in tests.get(reported, ()):
            outcomes_by_test[test] = outcomes_by_test.get(test, outcome)._replace(flaky=True)
    return outcomes_by_test


def add_missing_outcomes(
    outcomes: Mapping[NodeKey, Outcome],
    tests: Iterable[NodeKey],
    deselected: Mapping[NodeKey, str],
    skipped: Mapping[NodeKey, str],
) -> dict[NodeKey, Outcome]:
    """Return the outcomes with one added for each test without: skipped with its file for the
    reason in ``skipped``, deselected for the reason in ``deselected``, or not run.
    """
    completed = dict(outcomes)
    for test in tests:
        if test in outcomes:
            continue
        if test in skipped:
            completed[test] = Outcome("skipped", reason=skipped[test] or None)
        else:
            completed[test] = Outcome("not-run", reason=deselected.get(test, UNREPORTED))
    return completed
