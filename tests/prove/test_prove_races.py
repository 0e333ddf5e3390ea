"""Tests that fail now and then: what many runs on both sides tell of them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pytest_postmortem.model import Verdict
from pytest_postmortem.prove.diagnose import NamesOfFix
from pytest_postmortem.prove.fix_lines import find_differing_lines
from pytest_postmortem.prove.flakiness import RunCounts, judge_flaky_test, judge_repeated_runs
from pytest_postmortem.prove.trial import AttemptResult, RaisedFailure
from pytest_postmortem.prove.verdict import IncidentVerdict, TestVerdict

ONE, TWO = "test_it.py::test_one", "test_it.py::test_two"

KNOWN = NamesOfFix("/shop", frozenset(["/shop/test_it.py"]), brought_names=frozenset(["new"]))

WRONG = RaisedFailure("AssertionError", ("AssertionError",), "assert 1 == 2")
NEW = RaisedFailure(
    "AttributeError",
    ("AttributeError",),
    "no 'new'",
    "new",
    frames=(("/shop/test_it.py", 3, "test_one"),),
)


def counts(failed: int, runs: int, failure: RaisedFailure | None = WRONG) -> RunCounts:
    """Return runs of a test, so many of which failed, each in a process of its own."""
    found = RunCounts()
    for n in range(runs):
        attempt = AttemptResult("failed", failure) if n < failed else AttemptResult("passed")
        found.add([attempt], usual=True)
    return found


def test_runs_are_counted_by_how_they_ended() -> None:
    """As CI would run it they count twice; the first failure is kept. Too little time is none."""
    own = RunCounts()

    own.add([AttemptResult("passed"), AttemptResult("failed", WRONG)], usual=True)
    own.add(
        [
            AttemptResult("hung"),
            AttemptResult("died"),
            AttemptResult("error", NEW),
            AttemptResult("skipped"),
        ],
        usual=False,
    )
    own.add([], usual=True)
    own.add([AttemptResult("cut")], usual=True)

    assert own == RunCounts(6, 3, 2, 1, AttemptResult("failed", WRONG), alike=False)


@pytest.mark.parametrize(
    ("processes", "clustered"),
    [
        (["ppp", "fff"], True),
        (["p", "f", "p"], True),
        (["ppf", "fff"], False),
        (["ppp", "ppp"], False),
        (["fff", "fff"], False),
        ([], False),
    ],
)
def test_where_the_process_decides_its_runs_are_no_runs_of_their_own(
    processes: Sequence[str], clustered: bool
) -> None:
    """They end alike within each process, and not from one to the next."""
    own = RunCounts()

    for words in processes:
        each = [AttemptResult("passed" if word == "p" else "failed") for word in words]
        own.add(each, usual=True)

    assert own.is_clustered is clustered


@pytest.mark.parametrize(
    ("with_fix", "without", "verdict", "message"),
    [
        (
            counts(0, 200),
            counts(37, 200),
            "proven-flaky",
            "fails in 37 of 200 runs without the fix, in 0 of 200 with it"
            " (Fisher, one-sided, p = 1e-12); one CI run catches a return with 18 %"
            " (95 %: 13–25 %), twenty repeats with 98 %",
        ),
        (
            counts(0, 100),
            counts(5, 100),
            "proven-flaky",
            "fails in 5 of 100 runs without the fix, in 0 of 100 with it"
            " (Fisher, one-sided, p = 0.03); one CI run catches a return with 5.0 %"
            " (95 %: 1.6–11 %), twenty repeats with 64 %",
        ),
        (
            counts(0, 100),
            counts(99, 100),
            "proven-flaky",
            "fails in 99 of 100 runs without the fix, in 0 of 100 with it"
            " (Fisher, one-sided, p = 1e-57); one CI run catches a return with 99 %"
            " (95 %: 95–99.9 %), twenty repeats with 99.9 %",
        ),
        (
            counts(0, 2000),
            counts(1500, 2000),
            "proven-flaky",
            "fails in 1500 of 2000 runs without the fix, in 0 of 2000 with it"
            " (Fisher, one-sided, p < 1e-300); one CI run catches a return with 75 %"
            " (95 %: 73–77 %), twenty repeats with 99.9 %",
        ),
        (
            counts(0, 50),
            counts(3, 50),
            "inconclusive",
            "fails in 3 of 50 runs without the fix, in 0 of 50 with it"
            " (Fisher, one-sided, p = 0.1): not enough, give more --runs",
        ),
        (
            counts(0, 3),
            counts(1, 3),
            "inconclusive",
            "fails in 1 of 3 runs without the fix, in 0 of 3 with it"
            " (Fisher, one-sided, p = 0.5): not enough, give more --runs",
        ),
        (
            counts(0, 1),
            counts(1, 1),
            "inconclusive",
            "fails in 1 of 1 run without the fix, in 0 of 1 with it"
            " (Fisher, one-sided, p = 0.5): not enough, give more --runs",
        ),
        (counts(0, 50), counts(0, 50), "not-proven", "passes in all of 50 runs without it"),
        (counts(0, 1), counts(0, 1), "not-proven", "passes in all of 1 run without it"),
        (
            counts(0, 50),
            counts(40, 40),
            "proven",
            "fails in 40 of 40 runs without the fix, in 0 of 50 with it:"
            " AssertionError: assert 1 == 2",
        ),
        (
            counts(0, 3),
            counts(3, 3, None),
            "proven",
            "fails in 3 of 3 runs without the fix, in 0 of 3 with it",
        ),
        (
            counts(1, 100),
            counts(100, 100),
            "fails-with-fix",
            "fails in 100 of 100 runs without the fix, in 1 of 100 with it",
        ),
        (
            counts(0, 100),
            counts(60, 100, NEW),
            "broken",
            "fails in 60 of 100 runs without the fix, in 0 of 100 with it,"
            " since something else is missing",
        ),
        (
            counts(0, 9),
            RunCounts(10, 5, 5, 5, AttemptResult("hung")),
            "proven-flaky",
            "fails in 5 of 10 runs without the fix, in 0 of 9 with it"
            " (Fisher, one-sided, p = 0.02); one CI run catches a return with 100 %"
            " (95 %: 48–100 %), twenty repeats with 100 %",
        ),
    ],
)
def test_what_the_runs_of_both_sides_tell(
    with_fix: RunCounts, without: RunCounts, verdict: Verdict, message: str
) -> None:
    """A difference counts that is hardly chance; what CI would notice is said with its limits."""
    mixed = verdict == "inconclusive"
    assert judge_flaky_test(ONE, with_fix, without, KNOWN) == TestVerdict(
        ONE, verdict, message, mixed
    )


def test_a_test_that_fails_only_under_stress_is_told_as_such() -> None:
    """CI runs it without."""
    without = counts(0, 50)
    without.add([AttemptResult("failed", WRONG)] * 50, usual=False)

    found = judge_flaky_test(ONE, counts(0, 100), without, KNOWN)

    assert found.message == (
        "fails in 50 of 100 runs without the fix, in 0 of 100 with it"
        " (Fisher, one-sided, p = 2e-19); one CI run catches a return with at most 7.1 %: repeat it"
    )


def judged(*tests: TestVerdict) -> IncidentVerdict:
    """Return a verdict on some tests."""
    return IncidentVerdict(tests[0].verdict, tests[0].message, tests, 1, 7)


FLAKY, STEADY = counts(20, 100), counts(100, 100)
NEVER = counts(0, 100)


@pytest.mark.parametrize("mixed", [True, False])
@pytest.mark.parametrize("final", [True, False])
@pytest.mark.parametrize("verdict", ["proven", "not-proven", "weak", "fails-with-fix"])
@pytest.mark.parametrize("without", [FLAKY, STEADY, NEVER], ids=["flaky", "steady", "never"])
def test_what_is_looked_at_again(
    verdict: Verdict, final: bool, mixed: bool, without: RunCounts
) -> None:
    """What ended differently; at the end, what more runs may tell more of, too.

    Before that, only what leaves no doubt.
    """
    test = TestVerdict(ONE, verdict, "as it was", mixed)

    found = judge_repeated_runs(judged(test), {ONE: NEVER}, {ONE: without}, KNOWN, final=final)

    is_clear = final or without is not FLAKY
    is_asked = mixed or (final and verdict in ("proven", "not-proven"))
    new = judge_flaky_test(ONE, NEVER, without, KNOWN) if is_clear and is_asked else test
    assert found == IncidentVerdict(new.verdict, new.message, (new,), 1, 7)


def test_tests_that_never_ran_again_are_as_they_were() -> None:
    """Of several, the best verdict counts again."""
    tests = (
        TestVerdict(ONE, "proven", "one", is_mixed=True),
        TestVerdict(TWO, "not-proven", "two", True),
    )

    found = judge_repeated_runs(judged(*tests), {TWO: NEVER}, {TWO: STEADY}, KNOWN, final=True)
    again = judge_repeated_runs(
        judged(*tests), {ONE: NEVER}, {ONE: NEVER, TWO: NEVER}, KNOWN, final=True
    )

    proven = judge_flaky_test(TWO, NEVER, STEADY, KNOWN)
    assert found.tests == (tests[0], proven)
    hollow = judge_flaky_test(ONE, NEVER, NEVER, KNOWN)
    assert again == IncidentVerdict("not-proven", hollow.message, (hollow, tests[1]), 1, 7)


def test_a_test_that_fails_with_the_fix_is_no_clear_case() -> None:
    """Not before many runs say so."""
    test = TestVerdict(ONE, "proven", "as it was", is_mixed=True)

    first = judge_repeated_runs(
        judged(test), {ONE: counts(1, 3)}, {ONE: counts(3, 3)}, KNOWN, final=False
    )
    last = judge_repeated_runs(
        judged(test), {ONE: counts(1, 9)}, {ONE: counts(9, 9)}, KNOWN, final=True
    )

    assert first.tests == (test,)
    assert last.verdict == "fails-with-fix"


def test_a_test_that_never_failed_with_the_fix_is_not_hollow_after_a_few_runs() -> None:
    """It has failed once without the fix, which a few runs that pass do not take back."""
    test = TestVerdict(ONE, "not-proven", "as it was", is_mixed=True)

    def found(steady: Sequence[str], failed: int) -> IncidentVerdict:
        few = {ONE: counts(0, 3)}, {ONE: counts(failed, 3)}
        return judge_repeated_runs(judged(test), *few, KNOWN, final=False, steady=steady)

    assert found([], 0).verdict == "not-proven"
    assert not found([], 0).is_mixed
    assert found([ONE], 0) == judged(test)
    assert found([ONE], 3).verdict == "proven"


@pytest.mark.parametrize(
    ("runs", "verdict", "message"),
    [
        (
            19,
            "inconclusive",
            "passes in all of 19 runs without it, and has failed before: not enough,"
            " give more --runs",
        ),
        (20, "not-proven", "passes in all of 20 runs without it"),
    ],
)
def test_a_failure_that_was_seen_outweighs_a_few_runs_that_pass(
    runs: int, verdict: Verdict, message: str
) -> None:
    """As many as a team would repeat it settle the matter."""
    test = TestVerdict(ONE, "not-proven", "as it was", is_mixed=True)
    many = {ONE: counts(0, runs)}, {ONE: counts(0, runs)}

    found = judge_repeated_runs(judged(test), *many, KNOWN, final=True, steady=[ONE])

    assert found.tests == (TestVerdict(ONE, verdict, message, verdict == "inconclusive"),)


@pytest.mark.parametrize(
    ("text", "other", "lines"),
    [
        ("a\nb\nc\n", "a\nb\nc\n", []),
        ("a\nb\nc\n", "a\nX\nc\n", [(2, 2)]),
        ("a\nb\nc\n", "a\nX\nb\nc\n", [(1, 2)]),
        ("a\nb\nc\n", "X\na\nb\nc\n", [(1, 1)]),
        ("a\nb\nc\n", "a\nb\nc\nX\n", [(3, 4)]),
        ("a\nX\nX\nb\n", "a\nb\n", [(2, 3)]),
        ("", "X\n", [(1, 1)]),
    ],
)
def test_lines_beside_what_another_text_has_more_belong_to_a_change(
    text: str, other: str, lines: list[tuple[int, int]]
) -> None:
    """Threads are shaken there, though none of its own lines is another."""
    assert find_differing_lines(text, other) == lines
