"""The parts of a fix: which there are, and whether a linked test guards each of them."""

from __future__ import annotations

import pytest

from pytest_postmortem.prove.diagnose import NamesOfFix
from pytest_postmortem.prove.fix_hunks import (
    FixPart,
    PartFinding,
    judge_part_run,
    locate_part_in_text,
    revert_parts_one_by_one,
)
from pytest_postmortem.prove.trial import AttemptResult, ProcessEnd, RaisedFailure, Trial

SHOP = "/shop/shop.py"

KNOWN = NamesOfFix("/shop", frozenset(["/shop/test_it.py"]), brought_names=frozenset(["new"]))

WRONG = RaisedFailure("AssertionError", ("AssertionError",), "assert 1 == 2")
NEW = RaisedFailure(
    "ImportError",
    ("ImportError",),
    "no 'new'",
    "shop",
    frames=(("/shop/test_it.py", 3, "test_one"),),
)

Parts = list[tuple[tuple[int, int], str | None]]

LINES = "".join(f"line {n}\n" for n in range(1, 21))


def changed(text: str, *numbers: int) -> str:
    """Return a text with some of its lines in capitals."""
    lines = text.splitlines(keepends=True)
    return "".join(
        line.upper() if number in numbers else line for number, line in enumerate(lines, 1)
    )


@pytest.mark.parametrize(
    ("fixed", "before", "parts"),
    [
        (LINES, LINES, []),
        (changed(LINES, 3), LINES, [((3, 3), LINES)]),
        (
            changed(LINES, 3, 9),
            LINES,
            [((3, 3), changed(LINES, 9)), ((9, 9), changed(LINES, 3))],
        ),
        (changed(LINES, 3, 6), LINES, [((3, 6), LINES)]),
        (
            changed(LINES, 3, 7),
            LINES,
            [((3, 3), changed(LINES, 7)), ((7, 7), changed(LINES, 3))],
        ),
        ("new\n" + LINES, LINES, [((1, 1), LINES)]),
        (LINES, "old\n" + LINES, [((1, 1), "old\n" + LINES)]),
        (LINES, LINES + "old\n", [((21, 21), LINES + "old\n")]),
        (LINES + "new\nnew\n", LINES, [((21, 22), LINES)]),
        ("a\x0cb\nc\nd\n", "a\x0cb\nc\nX\n", [((3, 3), "a\x0cb\nc\nX\n")]),
    ],
)
def test_each_part_is_taken_away_alone(fixed: str, before: str, parts: Parts) -> None:
    """Changes that stand two lines or less from each other are one part."""
    found = list(revert_parts_one_by_one({SHOP: fixed}, {SHOP: before}))

    assert found == [(SHOP, lines, text) for lines, text in parts]


def test_a_file_that_comes_or_goes_is_one_part() -> None:
    """An empty one has a line, for whoever is told of it."""
    fixed = {"new.py": LINES, "gone.py": None, "empty.py": "", "never.py": None}

    found = list(revert_parts_one_by_one(fixed, {"gone.py": "old\nold\n"}))

    assert found == [
        ("new.py", (1, 20), None),
        ("gone.py", (1, 2), "old\nold\n"),
        ("empty.py", (1, 1), None),
        ("never.py", (1, 1), None),
    ]


@pytest.mark.parametrize(
    ("attempts", "found"),
    [
        ([AttemptResult("passed")], "not guarded"),
        ([AttemptResult("passed"), AttemptResult("passed")], "not guarded"),
        ([AttemptResult("failed", WRONG)], "guarded"),
        ([AttemptResult("passed"), AttemptResult("failed", WRONG)], "guarded"),
        ([AttemptResult("failed", NEW), AttemptResult("failed", WRONG)], "guarded"),
        ([AttemptResult("failed")], "guarded"),
        ([AttemptResult("hung")], "guarded"),
        ([AttemptResult("died")], "guarded"),
        ([AttemptResult("failed", NEW)], "not apart"),
        ([AttemptResult("failed", NEW), AttemptResult("passed")], "not apart"),
        ([AttemptResult("error", WRONG)], "not apart"),
        ([AttemptResult("cut")], "not apart"),
        ([AttemptResult("error", WRONG), AttemptResult("passed")], "not apart"),
        ([AttemptResult("passed"), None], "not apart"),
        ([None], "not apart"),
        ([], "not apart"),
    ],
)
def test_a_part_is_guarded_where_a_test_fails_for_the_problems_own_reason(
    attempts: list[AttemptResult | None], found: PartFinding
) -> None:
    """What breaks without it can't be taken away alone; nor is a test known that never ran."""
    nodeids = [f"test_it.py::test_{n}" for n in range(len(attempts))]
    own = {nodeid: (attempt,) for nodeid, attempt in zip(nodeids, attempts, strict=True) if attempt}

    assert judge_part_run(Trial(ProcessEnd(0), tuple(nodeids), own), KNOWN) == found


def test_a_file_that_can_not_be_collected_guards_nothing() -> None:
    """Whatever the tests of another say."""
    trial = Trial(
        ProcessEnd(2),
        ("a.py::b",),
        {"a.py::b": (AttemptResult("passed"),)},
        {"c.py": "SyntaxError"},
    )

    assert judge_part_run(trial, KNOWN) == "not apart"


UNIT = "class Shop:\n    def pay(self, n):\n        first = n\n        return {}\n\nLIMIT = 1\n"


@pytest.mark.parametrize(
    ("lines", "today", "expected", "where"),
    [
        ((3, 4), "import new\n\n" + UNIT.format("n"), (5, 6), ""),
        ((4, 4), "import new\n\n" + UNIT.format("n + 1"), (4, 6), "in Shop.pay"),
        ((6, 6), UNIT.format("1").replace("LIMIT = 1", "LIMIT = 2"), (6, 6), "in LIMIT"),
        ((4, 4), "other = 1\n", (4, 4), ""),
        ((4, 4), "def (", (4, 4), ""),
    ],
)
def test_a_part_has_the_lines_of_todays_file(
    lines: tuple[int, int], today: str, expected: tuple[int, int], where: str
) -> None:
    """Or those of the function that it is in, where that is another today."""
    part = FixPart("shop.py", lines, "not guarded")

    found = locate_part_in_text(part, UNIT.format("n"), today)

    assert found == FixPart("shop.py", expected, "not guarded", where)
