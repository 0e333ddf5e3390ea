"""Reports of phases, subtests, reruns and workers become one outcome a test."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest

from pytest_postmortem.model import OUTCOMES, NodeKey, Outcome, OutcomeWord
from pytest_postmortem.outcomes import Recorder, complete, merge_outcomes

TEST = NodeKey("test_a.py", "test_a.py::test_it")


@dataclass
class Report:
    """As much of a test report as is looked at; ``extra`` are further attributes."""

    when: str
    outcome: str
    duration: float = 1.0
    longrepr: Any = None
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Set the attributes that only some reports have."""
        self.__dict__.update(self.extra)


SETUP = Report("setup", "passed")
CALL = Report("call", "passed")
FAILED = Report("call", "failed")
TEARDOWN = Report("teardown", "passed")
RERUN = Report("call", "rerun")
SUBTEST = {"context": object()}
SKIP = ("test_a.py", 3, "Skipped: no  server\nhere")


def xfailed(when: str, outcome: str, reason: str = "reason: known") -> Report:
    """Return a report of a test that is expected to fail."""
    return Report(when, outcome, extra={"wasxfail": reason})


def outcome_of(*reports: Report) -> OutcomeWord | None:
    """Return what the reports of one test, on one worker, come to."""
    recorder = Recorder({TEST})
    for report in reports:
        recorder.add(report, TEST)
    outcome = recorder.outcomes().get(TEST)
    return outcome.word if outcome else None


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        pytest.param([SETUP, CALL, TEARDOWN], "passed", id="passed"),
        pytest.param([SETUP, FAILED, TEARDOWN], "failed", id="failed"),
        pytest.param([Report("setup", "failed"), TEARDOWN], "error", id="setup-breaks"),
        pytest.param([SETUP, CALL, Report("teardown", "failed")], "error", id="teardown-breaks"),
        pytest.param([SETUP, FAILED, Report("teardown", "failed")], "failed", id="both-break"),
        pytest.param([Report("setup", "skipped", longrepr=SKIP), TEARDOWN], "skipped", id="skip"),
        pytest.param([SETUP, Report("call", "skipped"), TEARDOWN], "skipped", id="skip-in-call"),
        pytest.param([SETUP, xfailed("call", "skipped"), TEARDOWN], "xfailed", id="xfailed"),
        pytest.param([xfailed("setup", "skipped"), TEARDOWN], "xfailed", id="xfail-not-run"),
        pytest.param([SETUP, xfailed("call", "passed"), TEARDOWN], "xpassed", id="xpassed"),
        pytest.param([SETUP, FAILED, TEARDOWN], "failed", id="xpassed-strictly"),
        pytest.param([SETUP, TEARDOWN], None, id="setup-only"),
        pytest.param([SETUP], None, id="interrupted"),
        pytest.param([SETUP, Report("???", "failed")], "failed", id="worker-crashed"),
        pytest.param([Report("???", "failed")], "failed", id="worker-crashed-in-setup"),
        pytest.param(
            [SETUP, Report("call", "failed", extra=SUBTEST), CALL, TEARDOWN],
            "failed",
            id="a-failed-subtest-is-followed-by-a-passed-call",
        ),
        pytest.param(
            [SETUP, Report("call", "passed", extra=SUBTEST), Report("call", "skipped"), TEARDOWN],
            "skipped",
            id="a-passed-subtest-is-no-pass",
        ),
        pytest.param(
            [SETUP, Report("call", "skipped", extra=SUBTEST), CALL, TEARDOWN],
            "passed",
            id="a-skipped-subtest-of-a-passed-test",
        ),
        pytest.param(
            [SETUP, RERUN, TEARDOWN, SETUP, CALL, TEARDOWN], "passed", id="passed-on-a-rerun"
        ),
        pytest.param(
            [SETUP, RERUN, SETUP, FAILED, TEARDOWN], "failed", id="failed-on-the-last-rerun"
        ),
        pytest.param(
            [SETUP, RERUN, Report("teardown", "failed"), SETUP, CALL, TEARDOWN],
            "passed",
            id="all-of-a-discarded-attempt-is-discarded",
        ),
        pytest.param([SETUP, RERUN], None, id="interrupted-before-the-rerun"),
        pytest.param([Report("setup", "rerun"), SETUP, CALL, TEARDOWN], "passed", id="setup-rerun"),
        pytest.param(
            [SETUP, FAILED, TEARDOWN, SETUP, CALL, TEARDOWN],
            "failed",
            id="only-a-rerun-discards-an-attempt",
        ),
    ],
)
def test_the_worst_report_of_an_attempt_is_its_outcome(
    reports: list[Report], expected: OutcomeWord | None
) -> None:
    """A pass needs a passed call; a rerun discards what came before it."""
    assert outcome_of(*reports) == expected


@pytest.mark.parametrize(("first", "second"), list(pairwise(OUTCOMES[:-1])))
def test_of_two_workers_the_outcome_that_stands_first_counts(
    first: OutcomeWord, second: OutcomeWord
) -> None:
    """With ``--dist each`` a failure on one worker is not outweighed by a pass on another."""
    reports = {
        "failed": FAILED,
        "error": Report("setup", "failed"),
        "passed": CALL,
        "xpassed": xfailed("call", "passed"),
        "xfailed": xfailed("call", "skipped"),
        "skipped": Report("call", "skipped"),
    }
    recorder = Recorder({TEST})

    for worker, word in (("gw0", second), ("gw1", first)):
        recorder.add(SETUP, TEST, worker)
        recorder.add(reports[word], TEST, worker)

    assert recorder.outcomes()[TEST].word == first


def test_reports_of_two_workers_may_mix() -> None:
    """Each worker runs its own test; their reports arrive in any order."""
    other = NodeKey("test_b.py", "test_b.py::test_it")
    recorder = Recorder({TEST, other})

    recorder.add(SETUP, TEST, "gw0")
    recorder.add(SETUP, other, "gw1")
    recorder.add(FAILED, other, "gw1")
    recorder.add(CALL, TEST, "gw0")
    recorder.add(TEARDOWN, TEST, "gw0")
    recorder.add(TEARDOWN, other, "gw1")

    words = {test: outcome.word for test, outcome in recorder.outcomes().items()}
    assert words == {TEST: "passed", other: "failed"}


def test_a_test_that_needed_a_rerun_is_flaky() -> None:
    """A pass on the second attempt guards, and is marked."""
    recorder = Recorder({TEST})

    for report in (SETUP, RERUN, SETUP, CALL, TEARDOWN):
        recorder.add(report, TEST)

    assert recorder.outcomes() == {TEST: Outcome("passed", 3.0, flaky=True)}


def test_a_test_that_nobody_wants_is_forgotten() -> None:
    """Only linked tests are kept; a hundred thousand others cost no memory."""
    recorder = Recorder(set())

    for report in (SETUP, CALL, TEARDOWN):
        recorder.add(report, TEST)

    assert recorder.outcomes() == {}


def test_a_link_that_comes_with_the_last_report_still_counts() -> None:
    """A test that adds its mark while it runs is asked for only at its teardown."""
    wanted: set[NodeKey] = set()
    recorder = Recorder(wanted)

    recorder.add(SETUP, TEST)
    recorder.add(CALL, TEST)
    wanted.add(TEST)
    recorder.add(TEARDOWN, TEST)

    assert recorder.outcomes()[TEST] == Outcome("passed", 3.0)


@pytest.mark.parametrize(
    ("report", "reason"),
    [
        (Report("setup", "skipped", longrepr=SKIP), "no server here"),
        (xfailed("call", "skipped"), "known"),
        (xfailed("call", "skipped", ""), None),
        (Report("call", "failed", longrepr="AssertionError: secret"), None),
    ],
)
def test_the_reason_is_what_the_test_gives_for_a_skip_or_an_xfail(
    report: Report, reason: str | None
) -> None:
    """It is one line; the text of a failure is pytest's to show."""
    recorder = Recorder({TEST})

    recorder.add(report, TEST)

    assert recorder.outcomes()[TEST].reason == reason


def test_a_test_without_any_outcome_did_not_run_and_says_why() -> None:
    """What was deselected is told apart from what was never reached."""
    a, b, c, d = (NodeKey(f"test_{name}.py", f"test_{name}.py::test_it") for name in "abcd")

    completed = complete(
        {a: Outcome("passed")}, [a, b, c, d], {b: "deselected"}, {d: "no compiler"}
    )

    assert completed == {
        a: Outcome("passed"),
        b: Outcome("not-run", reason="deselected"),
        c: Outcome("not-run", reason="did not run"),
        d: Outcome("skipped", reason="no compiler"),
    }


SAME = NodeKey("../b/test_a.py", TEST.nodeid)


def test_tests_of_two_files_with_one_node_id_have_an_outcome_each() -> None:
    """A skipped one does not count as passed because another one passed."""
    recorder = Recorder({TEST, SAME})

    for report in (SETUP, CALL, TEARDOWN):
        recorder.add(report, TEST)
    recorder.add(Report("setup", "skipped"), SAME)

    words = {test: outcome.word for test, outcome in recorder.outcomes().items()}
    assert words == {TEST: "passed", SAME: "skipped"}


def test_a_crash_is_of_the_test_that_its_worker_was_running() -> None:
    """The report of it has the node id alone; what the worker reported before has the file."""
    recorder = Recorder({TEST, SAME, NodeKey("", TEST.nodeid)})

    recorder.add(SETUP, TEST, "gw0")
    recorder.add(SETUP, SAME, "gw1")
    named = recorder.add(Report("???", "failed"), NodeKey("", TEST.nodeid), "gw1")
    recorder.add(CALL, TEST, "gw0")

    words = {test: outcome.word for test, outcome in recorder.outcomes().items()}
    assert (named, words) == (SAME, {TEST: "passed", SAME: "failed"})


def test_a_crash_before_any_report_counts_for_every_test_that_it_may_be_of() -> None:
    """A failure is never forgotten because two tests have the same node id."""
    crash = NodeKey("", TEST.nodeid)
    outcomes = {TEST: Outcome("passed"), crash: Outcome("failed")}

    merged = merge_outcomes(outcomes, {TEST: [TEST], SAME: [SAME], crash: [TEST, SAME]})

    assert merged == {TEST: Outcome("failed"), SAME: Outcome("failed")}


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        (["passed", "passed"], "passed"),
        (["passed"], "not-run"),
        (["passed", "skipped"], "skipped"),
        (["skipped", "passed"], "skipped"),
        (["skipped"], "skipped"),
        (["passed", "failed"], "failed"),
    ],
)
def test_tests_that_report_as_one_pass_when_all_of_them_pass(
    calls: list[str], expected: OutcomeWord
) -> None:
    """Nothing is called guarded whose own test may not have passed."""
    recorder = Recorder({TEST})

    for outcome in calls:
        for report in (SETUP, Report("call", outcome), TEARDOWN):
            recorder.add(report, TEST)

    assert recorder.outcomes({TEST: 2})[TEST].word == expected
