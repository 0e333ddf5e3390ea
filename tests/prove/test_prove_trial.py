"""What a run wrote down → what became of each test, wherever the process ended."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from pytest_postmortem.prove.trial import (
    AttemptResult,
    ProcessEnd,
    RaisedFailure,
    Trial,
    parse_trial_notes,
)

TEST = "test_it.py::test_one"

DONE = ProcessEnd(0, 1.5, "1 passed")
LATE = ProcessEnd(None, 20.0)
SEGFAULT = ProcessEnd(-11)

WRONG = RaisedFailure(
    "AssertionError",
    ("AssertionError", "Exception", "BaseException", "object"),
    "assert 2 == 1",
    frames=(("/a/test_it.py", 3, "test_one"),),
)

Note = list[Any]


def told(failure: RaisedFailure = WRONG) -> dict[str, Any]:
    """Return a failure as a run writes it down."""
    return {
        "type": failure.type,
        "bases": list(failure.bases),
        "message": failure.message,
        "name": failure.name,
        "names": list(failure.names),
        "frames": [list(frame) for frame in failure.frames],
    }


def quiet(type: str) -> RaisedFailure:
    """Return what pytest raises where nothing failed."""
    return RaisedFailure(type, (type, "OutcomeException", "BaseException", "object"), "no reason")


def start(number: int = 0, nodeid: str = TEST) -> Note:
    """Return that a linked test begins."""
    return ["start", [nodeid, number]]


def raised(when: str, failure: RaisedFailure = WRONG, number: int = 0) -> Note:
    """Return that something was raised."""
    return ["raised", [TEST, number, when, told(failure)]]


def report(when: str, outcome: str = "passed", nodeid: str = TEST, **fields: Any) -> Note:
    """Return a report of pytest."""
    known = {"round": 0, "expected": False, "part": False, "why": None, "seconds": 0.1}
    return ["report", {"nodeid": nodeid, "when": when, "outcome": outcome, **known, **fields}]


CALL: Note = ["call", TEST]
END: Note = ["end", TEST]


def trial(notes: Iterable[Note], ended: ProcessEnd = DONE) -> Trial:
    """Read some notes."""
    return parse_trial_notes([json.dumps(note).encode() for note in notes], ended)


def around(*notes: Note) -> list[Note]:
    """Return the notes of a test whose call wrote these."""
    return [start(), report("setup"), CALL, *notes, report("teardown"), END]


@pytest.mark.parametrize(
    ("notes", "attempt"),
    [
        (around(report("call")), AttemptResult("passed")),
        (around(raised("call"), report("call", "failed")), AttemptResult("failed", WRONG)),
        (
            [start(), raised("setup"), report("setup", "failed"), report("teardown"), END],
            AttemptResult("error", WRONG),
        ),
        (
            [*around(report("call"))[:-2], raised("teardown"), report("teardown", "failed"), END],
            AttemptResult("error", WRONG),
        ),
        (
            [
                *around(raised("call"), report("call", "failed"))[:-2],
                raised("teardown", quiet("KeyError")),
                report("teardown", "failed"),
                END,
            ],
            AttemptResult("failed", WRONG),
        ),
        (
            [
                start(),
                raised("setup", quiet("Skipped")),
                report("setup", "skipped", why="no database"),
                report("teardown"),
                END,
            ],
            AttemptResult("skipped", None, "no database"),
        ),
        (
            around(raised("call", quiet("Skipped")), report("call", "skipped", why="later")),
            AttemptResult("skipped", None, "later"),
        ),
        (
            around(raised("call"), report("call", "skipped", expected=True, why="known")),
            AttemptResult("xfailed", None, "known"),
        ),
        (
            around(raised("call", quiet("XFailed")), report("call", "skipped", expected=True)),
            AttemptResult("xfailed"),
        ),
        (
            around(report("call", expected=True, why="known")),
            AttemptResult("xpassed", None, "known"),
        ),
        (
            around(report("call", "failed", why="[XPASS(strict)] known")),
            AttemptResult("failed", None, "[XPASS(strict)] known"),
        ),
        (
            around(raised("call"), report("call", "failed", part=True), report("call", part=False)),
            AttemptResult("failed", WRONG),
        ),
        (around(report("call", part=True), report("call")), AttemptResult("passed")),
        (
            around(report("call", "skipped", part=True, why="a part"), report("call")),
            AttemptResult("passed"),
        ),
    ],
    ids=[
        *("passed", "failed", "set-up", "teardown", "both", "skipped", "skips itself", "xfailed"),
        *("xfails itself", "xpassed", "strict", "subtest", "subtests", "skipped subtest"),
    ],
)
def test_the_worst_report_of_a_test_counts(notes: Sequence[Note], attempt: AttemptResult) -> None:
    """By the rules that hold for any run, with what was raised in the phase of that report."""
    assert trial(notes).attempts == {TEST: (attempt,)}


@pytest.mark.parametrize(("ended", "word"), [(LATE, "hung"), (SEGFAULT, "died"), (DONE, "died")])
def test_a_process_may_end_at_any_note(ended: ProcessEnd, word: str) -> None:
    """Before the call it is the set-up; in it the test hangs or dies; then it is the teardown."""
    notes = around(report("call"))

    ends = [trial(notes[:count], ended).attempts.get(TEST) for count in range(len(notes) + 1)]

    stopped, torn = "it stopped in its set-up", "it stopped in its teardown"
    assert [each and (each[0].word, each[0].reason) for each in ends] == [
        None,
        ("error", stopped),
        ("error", stopped),
        (word, None),
        ("error", torn),
        ("error", torn),
        ("passed", None),
    ]


@pytest.mark.parametrize("rounds", [1, 2])
def test_what_is_shared_is_torn_down_after_the_last_round(rounds: int) -> None:
    """A process that ends there has not come to the end of the test, in none of its rounds."""
    notes = [
        *(note for n in range(rounds) for note in (start(n), *around(report("call", round=n))[1:])),
        ["teardown", TEST],
    ]
    torn = AttemptResult("error", None, "it stopped in its teardown")

    assert trial(notes, SEGFAULT).attempts[TEST] == (torn,) * rounds
    assert trial([*notes, END]).attempts[TEST] == (AttemptResult("passed"),) * rounds


@pytest.mark.parametrize(
    ("count", "word"), [(1, "cut"), (2, "cut"), (3, "cut"), (4, "cut"), (5, "cut"), (6, "passed")]
)
def test_a_process_that_had_too_little_time_tells_nothing_of_its_last_test(
    count: int, word: str
) -> None:
    """Wherever it was; what had come to its end before is known."""
    notes = around(report("call"))
    failed = around(raised("call"), report("call", "failed"))

    assert [each.word for each in trial(notes[:count], LATE).cut().attempts[TEST]] == [word]
    assert trial(failed, LATE).cut() == trial(failed, LATE)


def test_a_run_may_be_put_together_of_several() -> None:
    """Which is a matter of the linked tests; what did not run again is known as such."""
    other = "test_it.py::test_other"
    notes = [["collected", {"linked": [TEST], "others": 1}], *around(report("call"))]
    one = trial([*notes, report("call", nodeid=other)])
    two = trial([*notes[:1], *around(raised("call"), report("call", "failed"))])

    whole = one.add_attempts(two).add_attempts(trial(notes[:1]))

    not_again = AttemptResult("not-run", reason="it did not run again")
    assert whole.attempts == {
        TEST: (AttemptResult("passed"), AttemptResult("failed", WRONG), not_again),
        other: (AttemptResult("passed"),),
    }


@pytest.mark.parametrize("count", [4, 5, 6, 7])
@pytest.mark.parametrize("ended", [LATE, SEGFAULT, DONE])
def test_what_had_failed_before_the_process_ended_is_a_failure(
    count: int, ended: ProcessEnd
) -> None:
    """A failure is written down before pytest reports it."""
    notes = around(raised("call"), report("call", "failed"))

    assert trial(notes[:count], ended).attempts == {TEST: (AttemptResult("failed", WRONG),)}


@pytest.mark.parametrize(
    ("notes", "attempt"),
    [
        ([start(), raised("setup")], AttemptResult("error", WRONG, "it stopped in its set-up")),
        ([start(), raised("setup"), END], AttemptResult("error", WRONG)),
        ([start(), report("setup"), CALL, raised("call"), END], AttemptResult("failed", WRONG)),
        (
            [*around(report("call"))[:-2], raised("teardown"), END],
            AttemptResult("error", WRONG),
        ),
        (
            [start(), report("setup"), CALL, report("call", "skipped", part=True)],
            AttemptResult("hung"),
        ),
        ([start(), CALL, raised("call", quiet("Skipped"))], AttemptResult("hung")),
    ],
    ids=["set-up", "no report", "no report of the call", "of the teardown", "subtest", "skip"],
)
def test_what_pytest_could_not_report_any_more_is_known(
    notes: Sequence[Note], attempt: AttemptResult
) -> None:
    """A test may take the reporting of pytest down with it."""
    assert trial(notes, LATE).attempts == {TEST: (attempt,)}


def test_a_test_that_ended_without_a_report_is_not_known() -> None:
    """No record never reads as passed."""
    assert trial([start(), END]).attempts == {}
    assert trial([start(), raised("call", quiet("Exit")), END]).attempts == {}


def test_each_round_of_a_test_is_an_attempt() -> None:
    """In their order; reports, failures and ends belong to the round in which they came."""
    first = around(report("call"))
    second = [
        *(start(1), report("setup", round=1), CALL, raised("call", number=1)),
        *(report("call", "failed", round=1), report("teardown", round=1), END),
    ]
    third = [start(2), report("setup", round=2), CALL]

    found = trial([*first, *second, *third], LATE)

    assert found.attempts == {
        TEST: (AttemptResult("passed"), AttemptResult("failed", WRONG), AttemptResult("hung")),
    }


def test_other_tests_have_reports_alone() -> None:
    """They run as pytest runs them; those that skip tell nothing."""
    other, skips = "test_it.py::test_other", "test_it.py::test_skips"
    notes = [
        ["collected", {"linked": [TEST], "others": 2}],
        *around(report("call")),
        ["others", None],
        *(["call", other], report("call", nodeid=other), report("teardown", nodeid=other)),
        report("setup", "skipped", nodeid=skips, why="no"),
        ["finish", 0],
    ]

    found = trial(notes)

    assert found.linked == (TEST,)
    assert found.attempts == {TEST: (AttemptResult("passed"),), other: (AttemptResult("passed"),)}
    assert found.further() == {other: AttemptResult("passed")}


def test_everything_else_is_kept_as_it_was_noted() -> None:
    """From any of the processes of the run, in any order."""
    missing = RaisedFailure("NameError", ("NameError",), "name 'x' is not defined", "x", ("y",))
    notes: list[Note] = [
        ["served", "/a/shop.py"],
        ["broken", ["test_b.py", "SyntaxError"]],
        ["left", ["test_c.py", "Skipped: no"]],
        ["copy", "/site-packages/shop.py"],
        ["other", "/elsewhere/shop.py"],
        ["read", "/a/page.html"],
        ["reached", "/a/shop.py:12"],
        ["reached", "/a/shop.py:14"],
        ["escaped", told(missing)],
        ["escaped", told(missing)],
        ["modules", ["/a/b.py"]],
        ["modules", ["/a/b.py", "/a/c.py"]],
        ["packages", ["os", "shop"]],
        ["collected", {"linked": ["wrong"], "others": 0}],
        ["collected", {"linked": [TEST], "others": 0}],
    ]
    whole = Trial(
        DONE,
        (TEST,),
        {},
        {"test_b.py": "SyntaxError"},
        {"test_c.py": "Skipped: no"},
        frozenset(["/a/shop.py"]),
        frozenset(["/elsewhere/shop.py"]),
        frozenset(["/a/page.html"]),
        frozenset([""]),
        (missing,),
        frozenset(["/a/b.py", "/a/c.py"]),
        (),
        frozenset(),
        ("os", "shop"),
        frozenset([("/a/shop.py", 12), ("/a/shop.py", 14)]),
    )

    assert trial(notes) == whole
    assert trial([*notes[12:], *notes[:12]]) == whole


def test_lines_that_ran_belong_to_the_test_that_had_begun() -> None:
    """Those that ran before belong to none, and so to each."""
    other = "test_it.py::test_two"
    two: list[Note] = [start(0, other), ["call", other], ["reached", "5"], ["end", other]]

    assert trial([*around(report("call")), *two]).reached == {other}
    assert trial([["reached", "1"], *around(["reached", "5"]), *two[:2]]).reached == {"", TEST}


def test_notes_of_other_processes_may_come_between() -> None:
    """What was served or reached does not belong to a test."""
    notes = around(raised("call"), report("call", "failed"))
    between: list[Note] = [["served", "/a/shop.py"], ["reached", "1"], ["modules", []]]

    for place in range(len(notes) + 1):
        mixed = [*notes[:place], *between, *notes[place:]]
        assert trial(mixed).attempts == {TEST: (AttemptResult("failed", WRONG),)}
        assert trial(mixed).served_files == {"/a/shop.py"}


def test_the_last_line_may_be_torn() -> None:
    """A process that is stopped while it writes loses that note, and no other."""
    notes = [
        ["collected", {"linked": [TEST], "others": 0}],
        *around(raised("call"), report("call", "failed")),
        ["escaped", told()],
    ]
    data = b"".join(json.dumps(note).encode() + b"\n" for note in notes)
    whole = [trial(notes[:count], LATE) for count in range(len(notes) + 1)]

    for end in range(len(data)):
        torn = data[:end]
        lines = [line for line in torn.splitlines() if line]
        expected = whole[torn.count(b"\n")]
        assert parse_trial_notes(lines, LATE) in (
            expected,
            whole[min(torn.count(b"\n") + 1, len(notes))],
        )


def test_nothing_noted_is_nothing_known() -> None:
    """As of a run that ended before pytest was there."""
    assert parse_trial_notes([], SEGFAULT) == Trial(SEGFAULT)
    assert parse_trial_notes([b"", b"\xff\xfe", b"{"], SEGFAULT) == Trial(SEGFAULT)


@pytest.mark.parametrize(
    ("failure", "shown"),
    [
        (WRONG, "AssertionError: assert 2 == 1"),
        (RaisedFailure("KeyError"), "KeyError"),
        (RaisedFailure("ValueError", message="\n\n   first\nsecond"), "ValueError: first"),
        (RaisedFailure("ValueError", message=" \n\t"), "ValueError"),
    ],
)
def test_a_failure_is_shown_in_one_line(failure: RaisedFailure, shown: str) -> None:
    """Its type, and the first line of what it says."""
    assert str(failure) == shown


def test_two_tests_do_not_mix() -> None:
    """Each has its own attempts, wherever the second one ends."""
    other = "test_it.py::test_two"
    one = around(report("call"))
    two: list[Note] = [
        *(start(0, other), report("setup", nodeid=other), ["call", other]),
        *(report("call", "failed", other), report("teardown", nodeid=other), ["end", other]),
    ]

    words = [
        [attempt[0].word for attempt in trial([*one, *two[:count]], LATE).attempts.values()]
        for count in range(len(two) + 1)
    ]

    assert words == [
        ["passed"],
        ["passed", "error"],
        ["passed", "error"],
        ["passed", "hung"],
        ["passed", "failed"],
        ["passed", "failed"],
        ["passed", "failed"],
    ]
