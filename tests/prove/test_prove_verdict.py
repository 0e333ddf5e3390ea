"""A run with the fix and one without it → what the tests are worth: every row of the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from pytest_postmortem.model import Verdict
from pytest_postmortem.prove.diagnose import NamesOfFix, collect_names_of_fix
from pytest_postmortem.prove.trial import AttemptResult, ProcessEnd, RaisedFailure, Trial
from pytest_postmortem.prove.verdict import (
    DECIDED_VERDICTS,
    IncidentVerdict,
    TestVerdict,
    judge_incident,
    select_best_verdict,
)

ONE, TWO = "tests/test_it.py::test_one", "tests/test_it.py::test_two"
SHOP, FILE = "/shop/src/shop.py", "/shop/tests/test_it.py"

OLD = "import json\n\ndef pay(): ...\ndef gone(): ...\n\n\ndef f():\n\n    decimal\n"
KNOWN = collect_names_of_fix(
    "/shop", [FILE], {SHOP: (OLD, OLD + "def new(): ...\n")}, lambda: ["def pay(): ..."]
)

DONE = ProcessEnd(0, 1.5, "1 passed")

PASSED, XFAILED = AttemptResult("passed"), AttemptResult("xfailed", reason="known")


def failure(
    type: str, message: str = "", path: str = FILE, name: str | None = None, bases: str = ""
) -> RaisedFailure:
    """Return what was raised in a file."""
    every = (type, *bases.split(), "Exception", "BaseException", "object")
    return RaisedFailure(type, every, message, name, (), ((FILE, 5, "test_one"), (path, 9, "f")))


WRONG = failure("AssertionError", "assert 2 == 1")
FAILED = failure("Failed", "DID NOT RAISE", bases="OutcomeException")
NEW = failure("AttributeError", "module 'shop' has no attribute 'new'", name="new")
LOST = failure("NameError", "name 'json' is not defined", SHOP, "json")
BROUGHT = failure("ImportError", "cannot import name 'new' from 'shop'", SHOP)
NEVER = failure("NameError", "name 'decimal' is not defined", SHOP, "decimal")
UNBOUND = failure(
    "UnboundLocalError", "cannot access local variable 'n'", SHOP, "n", bases="NameError"
)
HALTED = failure(
    "ModuleNotFoundError", "import of x halted; None in sys.modules", bases="ImportError"
)
WARNING = failure("DeprecationWarning", "old", SHOP, bases="Warning")
EXITS = failure("SystemExit", "2", SHOP)


def failed(failure: RaisedFailure = WRONG, reason: str | None = None) -> AttemptResult:
    """Return an attempt that failed."""
    return AttemptResult("failed", failure, reason)


def run(*attempts: AttemptResult, ended: ProcessEnd = DONE, **fields: Any) -> Trial:
    """Return a run of one linked test."""
    own = {ONE: attempts} if attempts else {}
    return Trial(ended, (ONE,), own, served_files=frozenset([SHOP]), **fields)


def judged(
    with_fix: Trial | AttemptResult,
    without: Trial | AttemptResult,
    reached: Sequence[str] | None = None,
) -> tuple[Verdict, str]:
    """Return the verdict on one linked test, with its message."""
    control, other = (
        each if isinstance(each, Trial) else run(each) for each in (with_fix, without)
    )
    found = judge_incident(control, other, KNOWN, reached)
    assert [test.nodeid for test in found.tests] == [ONE]
    assert (found.verdict, found.message) == (found.tests[0].verdict, found.tests[0].message)
    return found.verdict, found.message


@pytest.mark.parametrize(
    ("without", "message"),
    [
        (failed(), "fails without the fix: AssertionError: assert 2 == 1"),
        (failed(FAILED), "fails without the fix: Failed: DID NOT RAISE"),
        (failed(failure("KeyError", "'a'", SHOP)), "fails without the fix: KeyError: 'a'"),
        (failed(WARNING), "fails without the fix: DeprecationWarning: old"),
        (failed(EXITS), "fails without the fix: SystemExit: 2"),
        (failed(NEVER), "fails without the fix: NameError: name 'decimal' is not defined"),
        (
            failed(UNBOUND),
            "fails without the fix: UnboundLocalError: cannot access local variable 'n'",
        ),
        (
            failed(HALTED),
            "fails without the fix: ModuleNotFoundError: import of x halted; None in sys.modules",
        ),
        (
            AttemptResult("failed", None, "[XPASS(strict)] known"),
            "fails without the fix: [XPASS(strict)] known",
        ),
        (AttemptResult("failed"), "fails without the fix: failed"),
        (
            run(AttemptResult("hung"), ended=ProcessEnd(None, 20.2)),
            "does not end without the fix (20 s, 1.5 s with it)",
        ),
        (
            run(AttemptResult("died"), ended=ProcessEnd(-11)),
            "the process dies without the fix (signal 11)",
        ),
        (
            run(AttemptResult("died"), ended=ProcessEnd(0)),
            "the process dies without the fix (exit status 0)",
        ),
        (
            run(AttemptResult("died"), ended=ProcessEnd(3)),
            "the process dies without the fix (exit status 3)",
        ),
        (
            run(failed(EXITS), escaped_failures=(WRONG, NEVER)),
            "fails without the fix: SystemExit: 2",
        ),
    ],
)
def test_it_is_proven_by_what_fails_in_the_call_of_a_test(
    without: Trial | AttemptResult, message: str
) -> None:
    """An assertion, an exception, a warning turned error, an exit, or what never ends."""
    assert judged(PASSED, without) == ("proven", message)


@pytest.mark.parametrize(
    ("without", "verdict", "message"),
    [
        (
            failed(NEW),
            "weak",
            "needs a name added by the fix, and would fail on any older tree:"
            " AttributeError: module 'shop' has no attribute 'new'",
        ),
        (
            failed(LOST),
            "broken",
            "without the fix something else is missing: NameError: name 'json' is not defined",
        ),
        (
            failed(BROUGHT),
            "broken",
            "without the fix something else is missing:"
            " ImportError: cannot import name 'new' from 'shop'",
        ),
        (
            run(failed(), escaped_failures=(LOST,)),
            "broken",
            "without the fix something else is missing: NameError: name 'json' is not defined",
        ),
        (
            AttemptResult("error", WRONG),
            "broken",
            "its set-up or teardown fails without the fix: AssertionError: assert 2 == 1",
        ),
        (
            AttemptResult("error", None, "it stopped in its set-up"),
            "broken",
            "its set-up or teardown fails without the fix: it stopped in its set-up",
        ),
        (
            run(broken={"tests/test_it.py": "SyntaxError: invalid syntax"}),
            "broken",
            "tests/test_it.py can't be collected without the fix: SyntaxError: invalid syntax",
        ),
        (
            run(broken={"tests": "ImportError: conftest"}),
            "broken",
            "tests can't be collected without the fix: ImportError: conftest",
        ),
        (
            run(broken={"": "ImportError"}),
            "broken",
            "the suite can't be collected without the fix: ImportError",
        ),
        (
            run(broken={"other/test_b.py": "KeyError", "other/test_a.py": "ImportError"}),
            "broken",
            "other/test_a.py can't be collected without the fix: ImportError",
        ),
        (
            run(left={"tests/test_it.py": "Skipped: could not import 'shop.new'"}),
            "broken",
            "tests/test_it.py skips itself without the fix: could not import 'shop.new'",
        ),
        (
            run(left={"other/test_a.py": "Skipped: no"}),
            "broken",
            "without the fix pytest does not reach this test: 1 passed",
        ),
        (
            run(ended=ProcessEnd(None, 20.0, "collecting ...")),
            "broken",
            "without the fix pytest does not reach this test",
        ),
        (
            run(ended=ProcessEnd(4, output="\n\nUsageError: no such file\n \n")),
            "broken",
            "without the fix pytest does not reach this test: UsageError: no such file",
        ),
        (
            run(ended=ProcessEnd(-11)),
            "broken",
            "without the fix pytest does not reach this test: exit status -11",
        ),
        (
            run(AttemptResult("died"), ended=ProcessEnd(-9)),
            "inconclusive",
            "the process was killed from outside, perhaps for its memory",
        ),
        (
            run(AttemptResult("cut"), ended=ProcessEnd(None, 2.0)),
            "inconclusive",
            "does not end without the fix within 2.0 s: give a longer --timeout",
        ),
        (
            AttemptResult("skipped", None, "no server"),
            "skipped",
            "skipped without the fix: no server",
        ),
        (AttemptResult("xfailed"), "skipped", "xfailed without the fix"),
        (AttemptResult("xpassed", None, "known"), "skipped", "xpassed without the fix: known"),
    ],
)
def test_whatever_else_goes_wrong_is_no_proof(
    without: Trial | AttemptResult, verdict: Verdict, message: str
) -> None:
    """Collection, set-up, lost names, and a test that uses what the fix brought."""
    assert judged(PASSED, without) == (verdict, message)


@pytest.mark.parametrize(
    ("with_fix", "verdict", "message"),
    [
        (
            failed(),
            "fails-with-fix",
            "fails with the fix in place: AssertionError: assert 2 == 1",
        ),
        (
            AttemptResult("error", WRONG),
            "fails-with-fix",
            "fails with the fix in place: AssertionError: assert 2 == 1",
        ),
        (AttemptResult("hung"), "fails-with-fix", "fails with the fix in place: it does not end"),
        (AttemptResult("died"), "fails-with-fix", "fails with the fix in place: the process died"),
        (
            AttemptResult("failed", None, "[XPASS(strict)] known"),
            "fails-with-fix",
            "fails with the fix in place: [XPASS(strict)] known",
        ),
        (AttemptResult("skipped", None, "no server"), "skipped", "skipped: no server"),
        (AttemptResult("skipped"), "skipped", "skipped"),
        (XFAILED, "skipped", "xfailed: known"),
        (AttemptResult("xpassed"), "skipped", "xpassed"),
        (AttemptResult("not-run", None, "it does not fit"), "inconclusive", "it does not fit"),
        (AttemptResult("not-run"), "inconclusive", "it did not run"),
        (
            run(AttemptResult("cut"), ended=ProcessEnd(None, 0.8)),
            "inconclusive",
            "does not end with the fix within 0.8 s: give a longer --timeout",
        ),
        (
            run(ended=ProcessEnd(-11)),
            "inconclusive",
            "with the fix pytest does not reach this test: exit status -11",
        ),
        (
            run(ended=ProcessEnd(None, 20.0, "1 passed")),
            "inconclusive",
            "with the fix pytest does not reach this test",
        ),
    ],
)
def test_a_test_that_does_not_pass_with_the_fix_proves_nothing(
    with_fix: Trial | AttemptResult, verdict: Verdict, message: str
) -> None:
    """Whatever it does without the fix."""
    for without in (failed(), PASSED, run()):
        assert judged(with_fix, without) == (verdict, message)


@pytest.mark.parametrize(
    ("reached", "verdict", "message"),
    [
        (None, "not-proven", "passes without the fix"),
        ([ONE], "not-proven", "passes without the fix, though it runs its lines"),
        ([TWO], "not-reached", "passes without the fix, and never runs its lines here"),
    ],
)
def test_a_test_that_passes_without_the_fix_is_hollow_or_never_runs_its_lines(
    reached: Sequence[str] | None, verdict: Verdict, message: str
) -> None:
    """Which of the two is open until somebody has found out."""
    known = NamesOfFix("/shop", replaced_files=frozenset([SHOP]))

    found = judge_incident(run(PASSED), run(PASSED), known, reached)

    assert found == IncidentVerdict(verdict, message, (TestVerdict(ONE, verdict, message),))
    assert found.is_open is (verdict == "not-proven")


def test_source_that_was_not_loaded_proves_nothing() -> None:
    """Positive evidence is asked for that the tests saw the other source."""
    known = NamesOfFix("/shop", replaced_files=frozenset([SHOP, "/shop/src/cart.py"]))
    unseen = Trial(DONE, (ONE,), {ONE: (PASSED,)})

    found = judge_incident(run(PASSED), unseen, known)

    message = "the tests were not seen to import cart.py, shop.py"
    assert (found.verdict, found.message, found.is_open) == ("inconclusive", message, False)


@pytest.mark.parametrize("side", [0, 1])
def test_another_copy_of_the_source_voids_the_run(side: int) -> None:
    """A test that imports it sees neither side."""
    others = frozenset(["/site-packages/shop.py", "/site-packages/zoo.py"])
    control = run(PASSED, others=frozenset() if side else others)
    without = run(failed(), others=others if side else frozenset())

    found = judge_incident(control, without, KNOWN)

    message = "another copy was imported: /site-packages/shop.py"
    assert found == IncidentVerdict("inconclusive", message)


@pytest.mark.parametrize(
    ("control", "message"),
    [
        (
            Trial(DONE, broken={"tests/test_b.py": "KeyError", "tests/test_a.py": "SyntaxError"}),
            "tests/test_a.py can't be collected: SyntaxError",
        ),
        (
            Trial(DONE, left={"tests/test_a.py": "Skipped: could not import 'torch'"}),
            "tests/test_a.py skips itself: could not import 'torch'",
        ),
        (Trial(ProcessEnd(None, 600.4)), "collection did not finish within 600 s"),
        (
            Trial(ProcessEnd(4, output="\nERROR: unknown option\n\n")),
            "no linked test was collected: ERROR: unknown option",
        ),
        (Trial(ProcessEnd(4, output="x" * 300)), "no linked test was collected: " + "x" * 200),
        (Trial(ProcessEnd(-11)), "no linked test was collected"),
    ],
)
def test_tests_that_can_not_be_collected_with_the_fix_say_why(control: Trial, message: str) -> None:
    """There is nothing to compare."""
    assert judge_incident(control, run(failed()), KNOWN) == IncidentVerdict("inconclusive", message)


def test_what_was_swallowed_with_the_fix_too_says_nothing() -> None:
    """Code may try what it needs not; a failure that is itself what escaped is judged once."""
    tried = failure("ImportError", "No module named 'ujson'", SHOP)

    control = run(PASSED, escaped_failures=(tried,))

    assert (
        judge_incident(control, run(failed(), escaped_failures=(tried, UNBOUND)), KNOWN).verdict
        == "proven"
    )
    assert (
        judge_incident(run(PASSED), run(failed(), escaped_failures=(tried,)), KNOWN).verdict
        == "broken"
    )
    assert (
        judge_incident(run(PASSED), run(failed(LOST), escaped_failures=(LOST,)), KNOWN).verdict
        == "broken"
    )
    assert (
        judge_incident(run(PASSED), run(failed(NEVER), escaped_failures=(NEVER,)), KNOWN).verdict
        == "proven"
    )


def others(words: Sequence[str]) -> dict[str, tuple[AttemptResult, ...]]:
    """Return what became of further tests."""
    each: Mapping[str, tuple[AttemptResult, ...]] = {
        "p": (PASSED,),
        "f": (failed(),),
        "e": (AttemptResult("error", WRONG),),
        "s": (AttemptResult("skipped"),),
    }
    return {
        f"tests/test_it.py::test_{n}": each[word] for n, word in enumerate(words) if word in each
    }


@pytest.mark.parametrize(
    ("with_fix", "without", "counted", "verdict"),
    [
        ("pppppppp", "pppppppp", (0, 8), "proven"),
        ("pppppppp", "fpppppppp", (1, 8), "proven"),
        ("pppppppp", "ffffpppp", (4, 8), "proven"),
        ("pppppppp", "fffeeppp", (5, 8), "broken"),
        ("ppp", "fff", (3, 3), "proven"),
        ("pppp", "ffff", (4, 4), "broken"),
        ("ppppffff", "ppppffff", (0, 4), "proven"),
        ("ppppssss", "ppppffff", (0, 4), "proven"),
        ("pppppppp", "ff------", (2, 2), "proven"),
        ("", "", (0, 0), "proven"),
    ],
)
def test_a_fix_without_which_most_other_tests_fail_too_proves_nothing(
    with_fix: str, without: str, counted: tuple[int, int], verdict: Verdict
) -> None:
    """More is missing than the fix; of those that passed with it, and of more than a few."""
    control = Trial(DONE, (ONE,), {ONE: (PASSED,), **others(with_fix)})
    other = Trial(DONE, (ONE,), {ONE: (failed(),), **others(without)})

    found = judge_incident(control, other, KNOWN)

    assert (found.verdict, (found.failing, found.further)) == (verdict, counted)
    assert found.tests == (
        TestVerdict(ONE, "proven", "fails without the fix: AssertionError: assert 2 == 1"),
    )
    if verdict == "broken":
        assert found.message == (
            f"without the fix {counted[0]} of {counted[1]} further tests in the same files"
            " fail as well: more is missing than the fix"
        )


def test_hollow_tests_are_so_however_many_others_fail() -> None:
    """That many tests fail makes no test notice the problem that does not."""
    control = Trial(DONE, (ONE,), {ONE: (PASSED,), **others("pppp")})
    other = Trial(DONE, (ONE,), {ONE: (PASSED,), **others("ffff")}, served_files=frozenset([SHOP]))

    assert judge_incident(control, other, KNOWN).verdict == "not-proven"


@pytest.mark.parametrize(
    ("with_fix", "without", "verdict", "mixed"),
    [
        ([PASSED] * 3, [failed()] * 3, "proven", False),
        ([PASSED] * 3, [failed(), PASSED, PASSED], "proven", True),
        ([PASSED] * 3, [PASSED, PASSED, failed()], "not-proven", True),
        ([PASSED, failed()], [failed()], "proven", True),
        ([PASSED, failed()], [PASSED], "not-proven", True),
        ([failed(), PASSED], [failed()], "fails-with-fix", True),
        ([PASSED] * 3, [failed(NEW), PASSED], "weak", False),
        ([PASSED] * 3, [AttemptResult("error", WRONG), PASSED], "broken", False),
        ([PASSED] * 3, [failed(), failed(NEW)], "proven", False),
    ],
)
def test_a_test_that_ends_differently_has_to_be_looked_at_again(
    with_fix: list[AttemptResult], without: list[AttemptResult], verdict: Verdict, mixed: bool
) -> None:
    """Where more runs can tell more; the first run of each side counts until then."""
    found = judge_incident(run(*with_fix), run(*without), KNOWN)

    assert (found.verdict, found.is_mixed) == (verdict, mixed)


def test_of_several_tests_the_best_verdict_counts() -> None:
    """Each has its own, in the order in which they were collected."""
    control = Trial(DONE, (ONE, TWO), {ONE: (PASSED,), TWO: (PASSED,)})
    without = Trial(
        DONE, (ONE, TWO), {ONE: (PASSED,), TWO: (failed(),)}, served_files=frozenset([SHOP])
    )

    found = judge_incident(control, without, KNOWN)

    proven = TestVerdict(TWO, "proven", "fails without the fix: AssertionError: assert 2 == 1")
    hollow = TestVerdict(ONE, "not-proven", "passes without the fix")
    assert found == IncidentVerdict("proven", proven.message, (hollow, proven))
    assert found.is_open
    assert judge_incident(control, without, KNOWN, [TWO]).tests[0].verdict == "not-reached"


@pytest.mark.parametrize(
    ("other", "verdict", "is_open"),
    [
        (XFAILED, "not-proven", True),
        (AttemptResult("error", WRONG), "not-proven", True),
        (failed(), "proven", True),
        (failed(NEW), "weak", True),
    ],
)
def test_it_matters_whether_lines_ran_where_tests_pass(
    other: AttemptResult, verdict: Verdict, is_open: bool
) -> None:
    """A further test that is skipped or breaks does not make the first one hollow."""
    control = Trial(DONE, (ONE, TWO), {ONE: (PASSED,), TWO: (PASSED,)})
    tests = {ONE: (PASSED,), TWO: (other,)}
    without = Trial(DONE, (ONE, TWO), tests, served_files=frozenset([SHOP]))

    found = judge_incident(control, without, KNOWN)

    assert (found.verdict, found.is_open) == (verdict, is_open)


def test_verdicts_have_an_order() -> None:
    """Proof before doubt, and what is known before what is not."""
    order: tuple[Verdict, ...] = (
        *("proven", "proven-flaky", "proven-at-fix", "weak", "not-proven", "not-reached"),
        *("fails-with-fix", "skipped", "broken", "inconclusive"),
    )
    tests = [TestVerdict(ONE, verdict, "") for verdict in order]

    assert [select_best_verdict(tests[place:]).verdict for place in range(len(tests))] == list(
        order
    )
    assert [verdict for verdict in order if verdict not in DECIDED_VERDICTS] == [
        "skipped",
        "broken",
        "inconclusive",
    ]
