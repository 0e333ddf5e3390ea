"""Test reports → one outcome a test.

Within one attempt the worst report of any phase, subtest or crash wins; a rerun discards the
attempt; of several attempts, or workers, the first outcome in the order of `OUTCOMES` counts.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any, Protocol

from pytest_postmortem.model import OUTCOMES, Outcome, OutcomeWord

__all__ = ["Recorder", "complete", "word"]

RANK = {word: rank for rank, word in enumerate(OUTCOMES)}
CRASH = "???"
"""The phase that xdist gives to the report of a test in which a worker died."""


class Report(Protocol):
    """The part of `pytest.TestReport` that counts here.

    ``outcome`` may also be ``rerun``; a subtest's report has a ``context``, an xfailed or
    xpassed one ``wasxfail``.
    """

    outcome: Any
    when: Any
    duration: float
    longrepr: Any


def word(report: Report) -> OutcomeWord | None:
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


class _Attempt:
    """One run of one test on one worker, while its reports come in."""

    __slots__ = ("discarded", "duration", "nodeid", "reason", "word")

    def __init__(self, nodeid: str) -> None:
        self.nodeid = nodeid
        self.word: OutcomeWord | None = None
        self.duration = 0.0
        self.reason: str | None = None
        self.discarded = False

    def take(self, report: Report) -> None:
        self.duration += report.duration
        if report.outcome == "rerun":
            self.discarded = True
            return
        said = word(report)
        if said is not None and (self.word is None or RANK[said] < RANK[self.word]):
            self.word, self.reason = said, reason(report)


class Recorder:
    """Joins reports as they come, keeping only the tests in ``wanted``.

    ``wanted`` is asked when a test's last report is in, so that a link which a test adds to
    itself while it runs still counts.
    """

    def __init__(self, wanted: Container[str]) -> None:
        self._wanted = wanted
        self._open: dict[str, _Attempt] = {}
        self._outcomes: dict[str, Outcome] = {}
        self._flaky: set[str] = set()

    def add(self, report: Report, nodeid: str, worker: str = "") -> None:
        """Take a report of the test ``nodeid`` from a worker, an empty text without xdist."""
        attempt = self._open.get(worker)
        if attempt is None or attempt.nodeid != nodeid or report.when == "setup":
            self._close(worker)
            attempt = self._open[worker] = _Attempt(nodeid)
        attempt.take(report)
        if report.when in ("teardown", CRASH):
            self._close(worker)

    def outcomes(self) -> dict[str, Outcome]:
        """Return the outcome of each wanted test that reported one, by node id."""
        for worker in tuple(self._open):
            self._close(worker)
        return dict(self._outcomes)

    def _close(self, worker: str) -> None:
        attempt = self._open.pop(worker, None)
        if attempt is None or attempt.nodeid not in self._wanted:
            return
        if attempt.discarded:
            self._flaky.add(attempt.nodeid)
        elif attempt.word is not None:
            flaky = attempt.nodeid in self._flaky
            new = Outcome(attempt.word, attempt.duration, attempt.reason, flaky)
            old = self._outcomes.get(attempt.nodeid, new)
            self._outcomes[attempt.nodeid] = min(old, new, key=lambda each: RANK[each.word])


def complete(
    outcomes: dict[str, Outcome], nodeids: Iterable[str], deselected: Container[str]
) -> dict[str, Outcome]:
    """Return the outcomes with a ``not-run``, and why, for each test that has none."""
    missing = {
        nodeid: Outcome("not-run", reason="deselected" if nodeid in deselected else "did not run")
        for nodeid in nodeids
        if nodeid not in outcomes
    }
    return {**outcomes, **missing}
