"""Test reports → one outcome a test.

Within one attempt the worst report of any phase, subtest or crash wins; a rerun discards the
attempt; of several attempts, or workers, the first outcome in the order of `OUTCOMES` counts.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, Protocol

from pytest_postmortem.model import OUTCOMES, Outcome, OutcomeWord

__all__ = ["Recorder", "complete", "reason", "word_of"]

RANK = {word: rank for rank, word in enumerate(OUTCOMES)}
CRASH = "???"
"""The phase that xdist gives to the report of a test in which a worker died."""

LAST = ("teardown", CRASH)


class Report(Protocol):
    """The part of `pytest.TestReport` that counts here.

    ``outcome`` may also be ``rerun``; a subtest's report has a ``context``, an xfailed or
    xpassed one ``wasxfail``.
    """

    outcome: Any
    when: Any
    duration: float
    longrepr: Any


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


class Recorder:
    """Joins reports as they come, keeping only the tests in ``wanted``.

    ``wanted`` is asked when a test's last report is in, so that a link which a test adds to
    itself while it runs still counts. Until then the reports are kept and not looked at: most
    tests are not wanted, and must cost nothing.
    """

    def __init__(self, wanted: Container[str]) -> None:
        self._wanted = wanted
        self._open: dict[str, tuple[str, list[Report]]] = {}
        self._outcomes: dict[str, Outcome] = {}
        self._flaky: set[str] = set()

    def add(self, report: Report, nodeid: str, worker: str = "") -> None:
        """Take a report of the test ``nodeid`` from a worker, an empty text without xdist."""
        attempt = self._open.get(worker)
        if attempt is None or report.when == "setup" or attempt[0] != nodeid:
            self._close(worker)
            attempt = self._open[worker] = (nodeid, [])
        attempt[1].append(report)
        if report.when in LAST:
            self._close(worker)

    def outcomes(self) -> dict[str, Outcome]:
        """Return the outcome of each wanted test that reported one, by node id."""
        for worker in tuple(self._open):
            self._close(worker)
        return dict(self._outcomes)

    def _close(self, worker: str) -> None:
        nodeid, reports = self._open.pop(worker, ("", []))
        if nodeid not in self._wanted:
            return
        if any(report.outcome == "rerun" for report in reports):
            self._flaky.add(nodeid)
            return
        new = _outcome(reports, nodeid in self._flaky)
        if new is not None:
            old = self._outcomes.get(nodeid, new)
            self._outcomes[nodeid] = min(old, new, key=lambda each: RANK[each.word])


def _outcome(reports: Sequence[Report], flaky: bool) -> Outcome | None:
    """Return what the reports of one attempt come to, None where they say nothing."""
    said = [(word, report) for report in reports if (word := word_of(report))]
    if not said:
        return None
    worst, report = min(said, key=lambda each: RANK[each[0]])
    duration = sum(report.duration for report in reports)
    return Outcome(worst, duration, reason(report), flaky)


def complete(
    outcomes: Mapping[str, Outcome],
    nodeids: Iterable[str],
    deselected: Container[str],
    skipped: Mapping[str, str],
) -> dict[str, Outcome]:
    """Return the outcomes with one for each test that has none: it was skipped with its whole
    file, for the reason in ``skipped``, or it did not run.
    """
    missing = {
        nodeid: _missing(nodeid, deselected, skipped)
        for nodeid in nodeids
        if nodeid not in outcomes
    }
    return {**outcomes, **missing}


def _missing(nodeid: str, deselected: Container[str], skipped: Mapping[str, str]) -> Outcome:
    if nodeid in skipped:
        return Outcome("skipped", reason=skipped[nodeid] or None)
    return Outcome("not-run", reason="deselected" if nodeid in deselected else "did not run")
