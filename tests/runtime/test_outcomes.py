"""Reports of phases, subtests, reruns and workers become one outcome a test."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest

from pytest_postmortem.model import OUTCOMES, NodeKey, Outcome, OutcomeWord
from pytest_postmortem.runtime.outcomes import (
    OutcomeRecorder,
    add_missing_outcomes,
    merge_outcomes,
    read_reported_key,
)

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


@pytest.mark.parametrize(
    ("when", "path"),
    [("setup", "test_a.py"), ("call", "test_a.py"), ("teardown", "test_a.py"), ("???", "")],
)
def test_a_report_of_a_crash_names_no_file(when: str, path: str) -> None:
    """xdist knows only the node id of the test in which a worker ended."""
    extra = {"nodeid": "test_a.py::test_it", "location": ("test_a.py", 3, "test_it")}
    report: Any = Report("".join(when), "failed", extra=extra)

    assert read_reported_key(report) == NodeKey(path, "test_a.py::test_it")


def find_outcome(*reports: Report) -> Outcome | None:
    """Return what the reports of one test, on one worker, come to."""
    recorder = OutcomeRecorder({TEST})
    for report in reports:
        recorder.add(report, TEST)
    return merge_outcomes(recorder.outcomes(), {TEST: [TEST]}, recorder.discarded).get(TEST)


def outcome_of(*reports: Report) -> OutcomeWord | None:
    """Return the word of what the reports of one test come to."""
    outcome = find_outcome(*reports)
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
            "error",
            id="what-pytest-counts-of-a-discarded-attempt-counts",
        ),
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
    recorder = OutcomeRecorder({TEST})

    for worker, word in (("gw0", second), ("gw1", first)):
        recorder.add(SETUP, TEST, worker)
        recorder.add(reports[word], TEST, worker)

    assert recorder.outcomes()[TEST].word == first


def test_reports_of_two_workers_may_mix() -> None:
    """Each worker runs its own test; their reports arrive in any order."""
    other = NodeKey("test_b.py", "test_b.py::test_it")
    recorder = OutcomeRecorder({TEST, other})

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
    recorder = OutcomeRecorder({TEST})

    for report in (SETUP, RERUN, SETUP, CALL, TEARDOWN):
        recorder.add(report, TEST)

    assert recorder.outcomes() == {TEST: Outcome("passed", 3.0, flaky=True)}


PASSED_SUBTEST = Report("call", "passed", extra=SUBTEST)
FAILED_SUBTEST = Report("call", "failed", extra=SUBTEST)
RETRIED = Report("call", "retried")
TEARDOWN_RERUN = Report("teardown", "rerun")


@pytest.mark.parametrize(
    ("reports", "word", "flaky"),
    [
        pytest.param(
            [PASSED_SUBTEST, SETUP, RERUN, TEARDOWN, PASSED_SUBTEST, SETUP, CALL, TEARDOWN],
            "passed",
            True,
            id="rerunfailures-logs-subtests-before-the-setup",
        ),
        pytest.param(
            [PASSED_SUBTEST, SETUP, RERUN, TEARDOWN, FAILED_SUBTEST, SETUP, CALL, TEARDOWN],
            "failed",
            True,
            id="a-subtest-fails-in-the-last-attempt",
        ),
        pytest.param(
            [SETUP, RERUN, FAILED_SUBTEST, SETUP, CALL, TEARDOWN],
            "failed",
            True,
            id="rerunfailures-13-logs-no-teardown-after-a-failure",
        ),
        pytest.param(
            [FAILED_SUBTEST, SETUP, CALL, TEARDOWN], "failed", False, id="no-rerun-for-a-subtest"
        ),
        pytest.param(
            [SETUP, CALL, TEARDOWN_RERUN, SETUP, CALL, TEARDOWN],
            "passed",
            True,
            id="teardown-rerun",
        ),
        pytest.param(
            [SETUP, RERUN, TEARDOWN_RERUN, SETUP, CALL, TEARDOWN],
            "passed",
            True,
            id="call-and-teardown-rerun",
        ),
        pytest.param(
            [SETUP, RERUN, TEARDOWN, SETUP, Report("call", "skipped"), TEARDOWN],
            "skipped",
            True,
            id="skipped-in-the-rerun",
        ),
        pytest.param([SETUP, RETRIED, CALL, TEARDOWN], "passed", True, id="retry"),
        pytest.param([SETUP, RETRIED, FAILED, TEARDOWN], "failed", True, id="retry-fails"),
        pytest.param(
            [SETUP, RETRIED, FAILED_SUBTEST, CALL, TEARDOWN], "failed", True, id="retry-subtest"
        ),
        pytest.param([SETUP, TEARDOWN, SETUP, CALL, TEARDOWN], "passed", True, id="flaky"),
        pytest.param(
            [SETUP, PASSED_SUBTEST, TEARDOWN, SETUP, PASSED_SUBTEST, CALL, TEARDOWN],
            "passed",
            True,
            id="flaky-with-subtests",
        ),
        pytest.param(
            [TEARDOWN, SETUP, CALL, TEARDOWN], "passed", False, id="flaky-asks-for-two-passes"
        ),
        pytest.param([SETUP, RERUN], "failed", True, id="a-failure-that-was-never-repeated"),
        pytest.param(
            [Report("setup", "rerun"), TEARDOWN, SETUP],
            "error",
            True,
            id="a-setup-that-was-never-repeated-to-the-end",
        ),
        pytest.param(
            [Report("???", "rerun"), SETUP, CALL, TEARDOWN], "passed", True, id="crash-rerun"
        ),
        pytest.param(
            [Report("???", "rerun"), Report("???", "failed")], "failed", True, id="crash-again"
        ),
        pytest.param([SETUP, RERUN, Report("???", "failed")], "failed", True, id="rerun-crashes"),
    ],
)
def test_a_plugin_that_repeats_a_test_says_which_attempt_counts(
    reports: list[Report], word: OutcomeWord, flaky: bool
) -> None:
    """The reports are what each plugin really logs; the outcome is that of pytest's summary."""
    outcome = find_outcome(*reports)

    assert outcome is not None
    assert (outcome.word, outcome.flaky) == (word, flaky)


def test_a_report_that_its_plugin_changes_afterwards_is_still_a_retry() -> None:
    """pytest-retry logs one report twice, with the outcome of the last attempt in the end."""
    report = Report("call", "retried")
    recorder = OutcomeRecorder({TEST})

    recorder.add(SETUP, TEST)
    recorder.add(report, TEST)
    report.outcome = "passed"
    recorder.add(report, TEST)
    recorder.add(TEARDOWN, TEST)

    assert recorder.outcomes() == {TEST: Outcome("passed", 2.0, flaky=True)}


@pytest.mark.parametrize(("counted", "word"), [(False, "passed"), (True, "failed")])
def test_a_subtest_of_a_discarded_attempt_counts_as_it_does_for_pytest(
    counted: bool, word: OutcomeWord
) -> None:
    """pytest-rerunfailures takes such a failure back since version 16.3, and did not before."""
    recorder = OutcomeRecorder({TEST})

    for report in (FAILED_SUBTEST, SETUP, RERUN, TEARDOWN, SETUP, CALL, TEARDOWN):
        recorder.add(report, TEST)

    outcomes = recorder.outcomes(is_counted=lambda report: counted)
    assert outcomes[TEST].word == word


def test_a_crash_that_is_repeated_elsewhere_is_no_failure() -> None:
    """The report of the crash has the node id alone, the one of the rerun the file too."""
    crash = NodeKey("", TEST.nodeid)
    recorder = OutcomeRecorder({TEST, crash})

    recorder.add(Report("???", "rerun"), crash, "gw0")
    for report in (SETUP, CALL, TEARDOWN):
        recorder.add(report, TEST, "gw1")

    tests = {TEST: [TEST], crash: [TEST]}
    merged = merge_outcomes(recorder.outcomes(), tests, recorder.discarded)
    assert merged == {TEST: Outcome("passed", 3.0, flaky=True)}


@pytest.mark.parametrize(
    ("reports", "word"),
    [
        ([Report("???", "failed")], "failed"),
        ([SETUP, FAILED, TEARDOWN], "failed"),
        ([Report("setup", "failed"), TEARDOWN], "error"),
        ([SETUP, FAILED_SUBTEST, CALL, TEARDOWN], "failed"),
    ],
)
def test_a_failure_is_kept_until_its_link_arrives(reports: list[Report], word: OutcomeWord) -> None:
    """A worker that dies in its first setup is reported before any link is known."""
    wanted: set[NodeKey] = set()
    recorder = OutcomeRecorder(wanted)

    for report in reports:
        recorder.add(report, TEST, "gw0")
    wanted.add(TEST)
    for report in (SETUP, CALL, TEARDOWN):
        recorder.add(report, TEST, "gw1")

    assert recorder.outcomes()[TEST].word == word


def test_a_rerun_is_kept_until_its_link_arrives() -> None:
    """A test that links itself in its second attempt was flaky."""
    wanted: set[NodeKey] = set()
    recorder = OutcomeRecorder(wanted)

    for report in (SETUP, RERUN, TEARDOWN, SETUP, CALL):
        recorder.add(report, TEST)
    wanted.add(TEST)
    recorder.add(TEARDOWN, TEST)

    assert recorder.outcomes() == {TEST: Outcome("passed", 3.0, flaky=True)}


def test_where_every_worker_runs_every_test_a_pass_is_kept_too() -> None:
    """What ``--dist each`` says does not depend on which worker is heard first."""
    wanted: set[NodeKey] = set()
    recorder = OutcomeRecorder(wanted, keep_all=True)

    for report in (SETUP, CALL, TEARDOWN):
        recorder.add(report, TEST, "gw0")
    wanted.add(TEST)
    recorder.add(Report("setup", "skipped"), TEST, "gw1")

    assert recorder.outcomes()[TEST].word == "passed"


def test_a_test_that_nobody_wants_is_forgotten() -> None:
    """Only linked tests are kept; a hundred thousand others cost no memory."""
    recorder = OutcomeRecorder(set())

    for report in (SETUP, CALL, TEARDOWN):
        recorder.add(report, TEST)

    assert recorder.outcomes() == {}


def test_a_link_that_comes_with_the_last_report_still_counts() -> None:
    """A test that adds its mark while it runs is asked for only at its teardown."""
    wanted: set[NodeKey] = set()
    recorder = OutcomeRecorder(wanted)

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
    recorder = OutcomeRecorder({TEST})

    recorder.add(report, TEST)

    assert recorder.outcomes()[TEST].reason == reason


def test_a_test_without_any_outcome_did_not_run_and_says_why() -> None:
    """What was deselected is told apart from what was never reached."""
    a, b, c, d = (NodeKey(f"test_{name}.py", f"test_{name}.py::test_it") for name in "abcd")

    completed = add_missing_outcomes(
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
    recorder = OutcomeRecorder({TEST, SAME})

    for report in (SETUP, CALL, TEARDOWN):
        recorder.add(report, TEST)
    recorder.add(Report("setup", "skipped"), SAME)

    words = {test: outcome.word for test, outcome in recorder.outcomes().items()}
    assert words == {TEST: "passed", SAME: "skipped"}


def test_a_crash_is_of_the_test_that_its_worker_was_running() -> None:
    """The report of it has the node id alone; what the worker reported before has the file."""
    recorder = OutcomeRecorder({TEST, SAME, NodeKey("", TEST.nodeid)})

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
    recorder = OutcomeRecorder({TEST})

    for outcome in calls:
        for report in (SETUP, Report("call", outcome), TEARDOWN):
            recorder.add(report, TEST)

    assert recorder.outcomes({TEST: 2})[TEST].word == expected


SEQUENCES = {
    "passed": [SETUP, CALL, TEARDOWN],
    "failed": [SETUP, FAILED, TEARDOWN],
    "teardown failed": [SETUP, CALL, Report("teardown", "failed")],
    "subtest": [SETUP, Report("call", "failed", extra=SUBTEST), CALL, TEARDOWN],
    "passed subtest": [SETUP, Report("call", "passed", extra=SUBTEST), TEARDOWN],
    "subtest first": [Report("call", "passed", extra=SUBTEST), SETUP, CALL, TEARDOWN],
    "rerun": [SETUP, RERUN, TEARDOWN, SETUP, CALL, TEARDOWN],
    "skipped": [Report("setup", "skipped"), TEARDOWN],
    "xpassed": [SETUP, xfailed("call", "passed"), TEARDOWN],
    "silent": [SETUP, TEARDOWN, SETUP, CALL, TEARDOWN],
    "interrupted": [SETUP, CALL],
    "interrupted in setup": [SETUP],
    "crash": [SETUP, Report("???", "failed")],
}


@pytest.mark.parametrize("linked", [True, False])
@pytest.mark.parametrize("name", SEQUENCES)
def test_reports_that_wait_for_the_last_one_come_to_the_same(name: str, linked: bool) -> None:
    """The key of a test that passes is read once, which changes no outcome."""
    wanted = {TEST} if linked else set()
    waiting, known = OutcomeRecorder(wanted), OutcomeRecorder(wanted)
    reports: list[Any] = [
        Report(
            each.when,
            each.outcome,
            extra={**each.extra, "nodeid": nodeid, "location": (TEST.path, 1, nodeid)},
        )
        for nodeid in ("test_a.py::test_before", TEST.nodeid, "test_a.py::test_after")
        for each in (SEQUENCES[name] if nodeid == TEST.nodeid else SEQUENCES["passed"])
    ]

    failed = [waiting.add_report(report, "gw0") for report in reports]
    keys = [known.add(report, read_reported_key(report), "gw0") for report in reports]

    assert waiting.outcomes() == known.outcomes()
    assert waiting.discarded == known.discarded
    assert failed == [
        key if report.outcome == "failed" else None
        for key, report in zip(keys, reports, strict=True)
    ]
