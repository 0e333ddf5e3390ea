"""Test reports → one outcome a test.

Within one attempt the worst report of any phase, subtest or crash wins; a rerun discards the
attempt; of several attempts, or workers, the first outcome in the order of `OUTCOMES` counts.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, Protocol

from pytest_postmortem.model import OUTCOMES, NodeKey, Outcome, OutcomeWord

__all__ = ["Recorder", "complete", "merge_outcomes", "read_reported_key", "reason", "word_of"]

RANK = {word: rank for rank, word in enumerate(OUTCOMES)}
CRASH = "???"
"""The phase that xdist gives to the report of a test in which a worker died."""

LAST = ("teardown", CRASH)
RED = ("failed", "error")
NOT_RUN = Outcome("not-run", reason="did not run")


class Report(Protocol):
    """The part of `pytest.TestReport` that counts here.

    ``outcome`` may also be ``rerun``; a subtest's report has a ``context``, an xfailed or
    xpassed one ``wasxfail``.
    """

    outcome: Any
    when: Any
    duration: float
    longrepr: Any


class Named(Protocol):
    """The part of `pytest.TestReport` that says which test it is of."""

    nodeid: str
    location: tuple[str, int | None, str]
    when: Any


def word_of(report: Report) -> OutcomeWord | None:
    """Return what one report says of its test, or None where it says nothing.

    A passed setup, teardown or subtest says nothing: only the passed call of the test itself
    is a pass.
    """
    if report.outcome == "failed":
        return "failed" if report.when in ("call", CRASH) else "error"
    expected = hasattr(report, "wasxfail")
    if report.outcome == "skipped":
        return "xfailed" if expected else "skipped"
    if report.outcome == "passed" and report.when == "call" and not hasattr(report, "context"):
        return "xpassed" if expected else "passed"
    return None


def reason(report: Report) -> str | None:
    """Return the reason of a skip or an xfail as the test gives it, in one line."""
    if hasattr(report, "wasxfail"):
        text = str(report.wasxfail).removeprefix("reason: ")
    elif isinstance(report.longrepr, tuple):
        text = str(report.longrepr[2]).removeprefix("Skipped: ")
    else:
        return None
    return " ".join(text.split()) or None


def read_reported_key(report: Named) -> NodeKey:
    """Return what a report names: where its test is defined, and its node id.

    xdist's report of a test in which a worker died knows no more than the node id.
    """
    return NodeKey("" if report.when == CRASH else report.location[0], report.nodeid)


class Recorder:
    """Joins reports as they come, keeping only the tests in ``wanted``.

    ``wanted`` is asked when a test's last report is in, so that a link which a test adds to
    itself while it runs still counts. Until then the reports are kept and not looked at: most
    tests are not wanted, and must cost nothing.
    """

    def __init__(self, wanted: Container[NodeKey]) -> None:
        self._wanted = wanted
        self._open: dict[str, tuple[NodeKey, list[Report]]] = {}
        self._outcomes: dict[NodeKey, list[Outcome]] = {}
        self._flaky: set[NodeKey] = set()

    def add(self, report: Report, test: NodeKey, worker: str = "") -> NodeKey:
        """Take a report of a test from a worker, an empty text without xdist; return the test.

        A worker that dies while it runs a test, of which it has reported something, names that.
        """
        attempt = self._open.get(worker)
        if attempt and report.when == CRASH and attempt[0].nodeid == test.nodeid:
            test = attempt[0]
        if attempt is None or report.when == "setup" or attempt[0] != test:
            self._close(worker)
            attempt = self._open[worker] = (test, [])
        attempt[1].append(report)
        if report.when in LAST:
            self._close(worker)
        return test

    def outcomes(self, repeated: Mapping[NodeKey, int] | None = None) -> dict[NodeKey, Outcome]:
        """Return the outcome of each wanted test that reported one, by what its reports name.

        ``repeated`` counts the tests that report as one, of which all have to pass.
        """
        for worker in tuple(self._open):
            self._close(worker)
        counts = repeated or {}
        return {test: _join(own, counts.get(test, 1)) for test, own in self._outcomes.items()}

    def _close(self, worker: str) -> None:
        test, reports = self._open.pop(worker, (NodeKey("", ""), []))
        if test not in self._wanted:
            return
        if any(report.outcome == "rerun" for report in reports):
            self._flaky.add(test)
            return
        new = _outcome(reports, test in self._flaky)
        if new is not None:
            self._outcomes.setdefault(test, []).append(new)


def _join(attempts: Sequence[Outcome], count: int) -> Outcome:
    """Return what several attempts of ``count`` tests come to."""
    worst = min(attempts, key=lambda each: RANK[each.word])
    if count == 1 or worst.word in RED:
        return worst
    others = [each for each in attempts if each.word != "passed"]
    if others:
        return min(others, key=lambda each: RANK[each.word])
    return worst if len(attempts) >= count else NOT_RUN


def _outcome(reports: Sequence[Report], flaky: bool) -> Outcome | None:
    """Return what the reports of one attempt come to, None where they say nothing."""
    said = [(word, report) for report in reports if (word := word_of(report))]
    if not said:
        return None
    worst, report = min(said, key=lambda each: RANK[each[0]])
    duration = sum(report.duration for report in reports)
    return Outcome(worst, duration, reason(report), flaky)


def merge_outcomes(
    outcomes: Mapping[NodeKey, Outcome], tests: Mapping[NodeKey, Iterable[NodeKey]]
) -> dict[NodeKey, Outcome]:
    """Return the outcome of each test, given the tests that each reported one may be of."""
    found: dict[NodeKey, Outcome] = {}
    for reported, outcome in outcomes.items():
        for test in tests.get(reported, ()):
            known = found.get(test, outcome)
            found[test] = min(known, outcome, key=lambda each: RANK[each.word])
    return found


def complete(
    outcomes: Mapping[NodeKey, Outcome],
    tests: Iterable[NodeKey],
    deselected: Mapping[NodeKey, str],
    skipped: Mapping[NodeKey, str],
) -> dict[NodeKey, Outcome]:
    """Return the outcomes with one for each test that has none: it was skipped with its whole
    file, for the reason in ``skipped``, left out for that in ``deselected``, or did not run.
    """
    missing = {test: _missing(test, deselected, skipped) for test in tests if test not in outcomes}
    return {**outcomes, **missing}


def _missing(
    test: NodeKey, deselected: Mapping[NodeKey, str], skipped: Mapping[NodeKey, str]
) -> Outcome:
    if test in skipped:
        return Outcome("skipped", reason=skipped[test] or None)
    return Outcome("not-run", reason=deselected[test]) if test in deselected else NOT_RUN
