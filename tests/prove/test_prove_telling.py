"""The verdicts of `prove` as text: whole in a terminal, a pull request, JSON and for GitHub."""

from __future__ import annotations

import json
import re

import pytest
from markdown_it import MarkdownIt

from page_documents import HOSTILE
from pytest_postmortem import __version__
from pytest_postmortem.model import PROVEN_VERDICTS, VERDICTS, Verdict
from pytest_postmortem.proofs import FixStrength, MutantResult
from pytest_postmortem.prove import output
from pytest_postmortem.prove.output import NOTHING_TO_PROVE
from pytest_postmortem.prove.strategy import IncidentProof
from pytest_postmortem.prove.verdict import IncidentVerdict, TestVerdict

IT = "tests/test_checkout.py::test_retry_charges_once"

WRONG = "fails without the fix: AssertionError: assert 2 == 1"
HOLLOW = "passes without the fix, though it runs its lines"


def told(
    id: str,
    verdict: Verdict,
    message: str,
    *,
    tests: tuple[TestVerdict, ...] | None = None,
    fix: str = "3f2a91c",
    title: str = "",
    since: str | None = None,
    further: tuple[int, int] = (0, 0),
    notes: tuple[str, ...] = (),
    strength: FixStrength | None = None,
) -> IncidentProof:
    """Return a verdict on one test, or on those that are given."""
    own = (TestVerdict(IT, verdict, message),) if tests is None else tests
    judged = IncidentVerdict(verdict, message, own, *further)
    return IncidentProof(
        id, fix, judged, "patch", notes, 1.234, strength=strength, title=title, since=since
    )


PROVED = told("PM-102", "proven", WRONG, further=(0, 84), title="Charged twice")
NOT_PROVED = told("PM-107", "not-proven", HOLLOW, fix="77c01d2", title="Login | loop")
UNKNOWN = told(
    "PM-110",
    "inconclusive",
    "91ab33e is not in this clone: git fetch --depth=2 origin 91ab33e",
    tests=(),
    fix="",
)

EXPECTED = """\
PM-102  proven        test_retry_charges_once fails without 3f2a91c: AssertionError: assert 2 == 1\
 (1 of 85 in its file)
PM-107  not proven    test_retry_charges_once passes without 77c01d2, though it runs its lines
                      the test would not notice if the problem came back
PM-110  inconclusive  91ab33e is not in this clone: git fetch --depth=2 origin 91ab33e
1 of 3 proven, 1 not proven, 1 inconclusive (11.4 s)
"""


def test_each_incident_has_a_line_that_names_the_test_and_the_fix() -> None:
    """What it means stands below where it is not clear; the sum is last."""
    assert output.render_proofs_text([PROVED, NOT_PROVED, UNKNOWN], 11.42) == EXPECTED


@pytest.mark.parametrize(
    ("verdict", "message", "lines"),
    [
        ("proven", WRONG, ["t fails without X: AssertionError: assert 2 == 1"]),
        (
            "proven",
            "does not end without the fix (20 s, 1.5 s with it)",
            ["t does not end without X (20 s, 1.5 s with it)"],
        ),
        (
            "proven",
            "the process dies without the fix (signal 11)",
            ["t: the process dies without X (signal 11)"],
        ),
        (
            "proven-flaky",
            "fails in 37 of 200 runs without the fix, in 0 of 200 with it (Fisher)",
            ["t fails in 37 of 200 runs without X, in 0 of 200 with it (Fisher)"],
        ),
        ("proven-at-fix", WRONG, ["t fails without X: AssertionError: assert 2 == 1"]),
        (
            "weak",
            "needs a name added by the fix, and would fail on any older tree: ImportError",
            [
                "t needs a name added by the fix, and would fail on any older tree: ImportError",
                "the problem itself was not tested",
            ],
        ),
        (
            "not-proven",
            HOLLOW,
            [
                "t passes without X, though it runs its lines",
                "the test would not notice if the problem came back",
            ],
        ),
        (
            "not-reached",
            "passes without the fix, and never runs its lines here",
            [
                "t passes without X, and never runs its lines here",
                "another platform, interpreter or option may reach them",
            ],
        ),
        (
            "fails-with-fix",
            "fails with the fix in place: KeyError: 'a'",
            ["t fails with the fix in place: KeyError: 'a'"],
        ),
        ("skipped", "skipped: no server", ["t skipped: no server"]),
        ("skipped", "xfailed without the fix", ["t xfailed without X"]),
        (
            "broken",
            "without the fix something else is missing: NameError",
            ["t: without X something else is missing: NameError", "this is not a proof"],
        ),
        (
            "broken",
            "its set-up or teardown fails without the fix: KeyError",
            ["t: its set-up or teardown fails without X: KeyError", "this is not a proof"],
        ),
        (
            "inconclusive",
            "the tests were not seen to import shop.py",
            ["t: the tests were not seen to import shop.py"],
        ),
    ],
)
def test_what_every_verdict_reads_like(verdict: Verdict, message: str, lines: list[str]) -> None:
    """In one or two lines, below each other, behind the id and the verdict."""
    one = TestVerdict("t.py::t", verdict, message)

    found = output.render_proofs_text([told("PM-1", verdict, message, tests=(one,), fix="X")], 0.04)

    head = f"PM-1  {verdict.replace('-', ' ')}  "
    assert found.splitlines()[:-1] == [
        head + lines[0],
        *(" " * len(head) + line for line in lines[1:]),
    ]


@pytest.mark.parametrize(
    ("fix", "named"),
    [
        ("3f2a91c", "without 3f2a91c"),
        ("3f2a91c, 77c01d2", "without 3f2a91c, 77c01d2"),
        ("PM-1.patch", "without PM-1.patch"),
        ("PM-1.bug.patch", "without the fix"),
        ("PM-1.bug.diff", "without the fix"),
        ("", "without the fix"),
    ],
)
def test_a_fix_is_named_where_it_was_taken_away(fix: str, named: str) -> None:
    """A patch that brings the problem back was not."""
    found = output.render_proofs_text([told("PM-1", "proven", WRONG, fix=fix)], 1.0)

    line = f"PM-1  proven  test_retry_charges_once fails {named}: AssertionError: assert 2 == 1"
    assert found.splitlines()[0] == line


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (["proven"], "1 of 1 proven (2.0 s)\n"),
        (["proven", "proven-flaky"], "2 of 2 proven, 1 of them proven flaky (2.0 s)\n"),
        (
            ["broken", "proven-at-fix", "proven-at-fix", "weak", "broken"],
            "2 of 5 proven, 2 of them proven at fix, 1 weak, 2 broken (2.0 s)\n",
        ),
        (
            ["inconclusive", "skipped", "fails-with-fix", "not-reached"],
            "0 of 4 proven, 1 not reached, 1 fails with fix, 1 skipped, 1 inconclusive (2.0 s)\n",
        ),
        ([], f"{NOTHING_TO_PROVE}\n"),
    ],
)
def test_the_sum_counts_every_verdict(verdicts: list[Verdict], expected: str) -> None:
    """Proof in any form first, the others in the order of verdicts."""
    found = output.render_proofs_text([told("PM-1", each, "fails") for each in verdicts], 2.0)

    assert found.splitlines(keepends=True)[-1] == expected


SEVERAL = (
    TestVerdict("tests/test_a.py::test_a[1]", "proven", WRONG),
    TestVerdict("tests/test_a.py::test_a[2]", "proven", WRONG.replace("2 == 1", "3 == 1")),
    TestVerdict("tests/test_b.py::test_b", "not-proven", HOLLOW),
)


def test_each_of_several_tests_has_its_own_verdict() -> None:
    """They are listed where they differ."""
    own = told("PM-1", "proven", WRONG, tests=SEVERAL, further=(1, 9))

    assert output.render_proofs_text([own], 1.0) == (
        "PM-1  proven  test_a[1] fails without 3f2a91c: AssertionError: assert 2 == 1"
        " (3 of 12 in their files; 2 of 3 linked tests)\n"
        "              tests/test_a.py::test_a[1]: proven,"
        " fails without 3f2a91c: AssertionError: assert 2 == 1\n"
        "              tests/test_a.py::test_a[2]: proven,"
        " fails without 3f2a91c: AssertionError: assert 3 == 1\n"
        "              tests/test_b.py::test_b: not proven,"
        " passes without 3f2a91c, though it runs its lines\n"
        "1 of 1 proven (1.0 s)\n"
    )


def test_tests_that_agree_are_listed_when_all_is_asked_for() -> None:
    """So is how the other ways went."""
    own = told("PM-1", "proven", WRONG, tests=SEVERAL[:2], notes=("patch: no", "units: no"))

    head = (
        "PM-1  proven  test_a[1] fails without 3f2a91c: AssertionError: assert 2 == 1"
        " (2 of 2 linked tests)\n"
    )
    assert output.render_proofs_text([own], 1.0) == head + "1 of 1 proven (1.0 s)\n"
    assert output.render_proofs_text([own], 1.0, verbose=True) == (
        head + "              tests/test_a.py::test_a[1]: proven,"
        " fails without 3f2a91c: AssertionError: assert 2 == 1\n"
        "              tests/test_a.py::test_a[2]: proven,"
        " fails without 3f2a91c: AssertionError: assert 3 == 1\n"
        "              tried patch: no\n"
        "              tried units: no\n"
        "1 of 1 proven (1.0 s)\n"
    )


def test_a_long_list_of_tests_is_cut_and_says_so() -> None:
    """All of them are there when they are asked for."""
    tests = (*SEVERAL[2:], *(TestVerdict(f"t.py::t[{n}]", "proven", WRONG) for n in range(12)))
    own = told("PM-1", "proven", WRONG, tests=tests)

    short, whole = (
        output.render_proofs_text([own], 1.0, verbose=verbose) for verbose in (False, True)
    )

    assert len(short.splitlines()) == 13
    assert short.splitlines()[-2].strip() == "and 3 more (--verbose lists them)"
    assert len(whole.splitlines()) == 15


MUTANTS = (
    MutantResult("src/shop.py", 47, "part", "headers=key", "", "missed"),
    MutantResult("src/shop.py", 9, "comparison", "if a > 0:", "if a >= 0:", "missed"),
    MutantResult("src/cart.py", 1, "loop", "break", "continue", "noticed", "does not end"),
)
STRENGTH = FixStrength(3, 2, 1, 1, 60, mutants=MUTANTS, seconds=2.345)


def test_what_no_test_notices_is_shown_with_the_strength() -> None:
    """What was noticed too, if all is asked for."""
    own = told("PM-1", "proven", WRONG, strength=STRENGTH)

    short, whole = (output.render_proofs_text([own], 1.0, verbose=it) for it in (False, True))

    first = (
        "PM-1  proven  strength 3 of 5 (2 missed, 1 not reached, 1 invalid,"
        " 1 noticed at the time limit, 7 of 60 mutants tried)"
    )
    missed = [
        'missed   src/shop.py:47  lost part of the fix: "headers=key" reverted alone',
        "missed   src/shop.py:9   if a > 0:  →  if a >= 0:",
    ]
    assert short.splitlines()[0] == first
    assert [line.strip() for line in short.splitlines()[2:4]] == [
        line.replace("missed ", "missed", 1) for line in missed
    ]
    assert [line.strip() for line in whole.splitlines()[2:5]] == [
        *missed,
        "noticed  src/cart.py:1   break  →  continue (does not end)",
    ]


def test_a_strength_that_could_not_be_measured_says_why() -> None:
    """It is no figure."""
    strength = FixStrength(problem="its lines have nothing to change")
    own = told("PM-1", "proven", WRONG, strength=strength)

    assert output.render_proofs_text([own], 1.0).splitlines()[0] == (
        "PM-1  proven  strength not measured: its lines have nothing to change"
    )


def test_a_pull_request_lists_what_no_test_notices() -> None:
    """Below the table, which has the strength."""
    table = output.render_proofs_markdown([told("PM-1", "proven", WRONG, strength=STRENGTH)])

    assert " | proven, strength 3 of 5 (2 missed, 1 not reached" in table
    assert table.splitlines()[-4:] == [
        "2 changes to fixes that no test notices:",
        "",
        '- PM-1 src/shop.py:47 lost part of the fix: "headers=key" reverted alone',
        "- PM-1 src/shop.py:9 if a &gt; 0: → if a &gt;= 0:",
    ]


def test_a_long_list_of_what_no_test_notices_is_cut_and_says_so() -> None:
    """A terminal that is asked for all lists all."""
    lines = range(1, output.MAX_MUTANTS + 3)
    mutants = tuple(MutantResult("shop.py", n, "constant", f"{n}", f"{n + 1}") for n in lines)
    proved = told("PM-1", "proven", WRONG, strength=FixStrength(0, 22, mutants=mutants))

    text = output.render_proofs_text([proved], 1.0)
    markdown = output.render_proofs_markdown([proved])
    whole = output.render_proofs_text([proved], 1.0, verbose=True)

    assert text.count("shop.py:") == markdown.count("shop.py:") == output.MAX_MUTANTS
    assert "and 2 more (--verbose lists them)" in text
    assert "\n- and 2 more\n" in markdown
    assert whole.count("shop.py:") == len(lines)
    assert "more" not in whole


def test_what_was_known_says_since_when() -> None:
    """Nothing that it depends on has changed."""
    own = told("PM-1", "proven", WRONG, since="2026-11-20")

    assert output.render_proofs_text([own], 0.1).splitlines()[0] == (
        "PM-1  proven  test_retry_charges_once fails without 3f2a91c: AssertionError:"
        " assert 2 == 1 (unchanged since 2026-11-20)"
    )


MARKDOWN = """\
### Regression tests: 1 of 3 proven, 1 not proven, 1 inconclusive

| incident | verdict | |
|---|---|---|
| PM-102 Charged twice | proven | test\\_retry\\_charges\\_once fails without 3f2a91c:\
 AssertionError: assert 2 == 1 (1 of 85 in its file) |
| PM-107 Login \\| loop | not proven | test\\_retry\\_charges\\_once passes without 77c01d2,\
 though it runs its lines |
| PM-110 | inconclusive | 91ab33e is not in this clone: git fetch --depth=2 origin 91ab33e |
"""


def test_a_pull_request_gets_a_table() -> None:
    """A title that is but the id is not said twice; nothing proved is nothing said."""
    assert output.render_proofs_markdown([PROVED, NOT_PROVED, UNKNOWN]) == MARKDOWN
    assert "| PM-1 | proven |" in output.render_proofs_markdown(
        [told("PM-1", "proven", WRONG, title="PM-1")]
    )
    assert output.render_proofs_markdown([]) == ""


def test_github_annotates_what_is_hollow_or_red() -> None:
    """Ten of them, as it shows no more of a step."""
    red = told("PM-3", "fails-with-fix", "fails with the fix in place: KeyError: 'a, b'")

    assert output.render_proof_commands([PROVED, NOT_PROVED, UNKNOWN, red]) == (
        "::error title=Post-mortem PM-107::test_retry_charges_once passes without 77c01d2,"
        " though it runs its lines\n"
        "::error title=Post-mortem PM-3::test_retry_charges_once fails with the fix in place:"
        " KeyError: 'a, b'\n"
    )
    assert output.render_proof_commands([]) == ""
    assert output.render_proof_commands([NOT_PROVED] * 20).count("::error") == 10


def test_json_holds_all_that_was_found() -> None:
    """In a form that stays."""
    own = told(
        "PM-1",
        "proven",
        WRONG,
        tests=SEVERAL[:1],
        further=(1, 9),
        notes=("patch: no",),
        strength=STRENGTH,
    )

    found = output.render_proofs_json([own, UNKNOWN])

    assert json.loads(found) == {
        "format": 1,
        "tool": {"name": "pytest-postmortem", "version": __version__},
        "proofs": [
            {
                "id": "PM-1",
                "title": "PM-1",
                "verdict": "proven",
                "message": WRONG,
                "fix": "3f2a91c",
                "way": "patch",
                "since": None,
                "seconds": 1.23,
                "tests": [
                    {"nodeid": "tests/test_a.py::test_a[1]", "verdict": "proven", "message": WRONG}
                ],
                "further": {"failing": 1, "run": 9},
                "strength": {
                    "noticed": 3,
                    "missed": 2,
                    "not_reached": 1,
                    "invalid": 1,
                    "made": 60,
                    "seconds": 2.35,
                    "problem": None,
                    "mutants": [
                        {
                            "path": "src/shop.py",
                            "line": 47,
                            "kind": "part",
                            "before": "headers=key",
                            "after": "",
                            "found": "missed",
                            "why": None,
                        },
                        {
                            "path": "src/shop.py",
                            "line": 9,
                            "kind": "comparison",
                            "before": "if a > 0:",
                            "after": "if a >= 0:",
                            "found": "missed",
                            "why": None,
                        },
                        {
                            "path": "src/cart.py",
                            "line": 1,
                            "kind": "loop",
                            "before": "break",
                            "after": "continue",
                            "found": "noticed",
                            "why": "does not end",
                        },
                    ],
                },
                "taken": [],
                "left": [],
                "notes": ["patch: no"],
            },
            {
                "id": "PM-110",
                "title": "PM-110",
                "verdict": "inconclusive",
                "message": "91ab33e is not in this clone: git fetch --depth=2 origin 91ab33e",
                "fix": "",
                "way": "patch",
                "since": None,
                "seconds": 1.23,
                "tests": [],
                "further": {"failing": 0, "run": 0},
                "strength": None,
                "taken": [],
                "left": [],
                "notes": [],
            },
        ],
    }
    assert found.endswith("}\n")


HOSTILE_LINES = (*HOSTILE, "::error::here", "##[error]here", "a\nb\r\nc", "| a | b |", "@team #12")


@pytest.mark.parametrize("text", HOSTILE_LINES)
def test_hostile_text_is_but_text(text: str) -> None:
    """Wherever it stands: no escape reaches a terminal, no command and no tag is made."""
    test = TestVerdict(f"t.py::{text}", "not-proven", text)
    mutant = MutantResult(text, 1, text, text, text, "missed", text)
    strength = FixStrength(missed=1, made=1, mutants=(mutant,))
    own = told(
        text, "not-proven", text, tests=(test, test), fix=text, title=text, since=text,
        notes=(text,), strength=strength,
    )  # fmt: skip

    terminal = output.render_proofs_text([own], 1.0, verbose=True)
    table = output.render_proofs_markdown([own])
    commands = output.render_proof_commands([own])

    assert len(terminal.splitlines()) == 8
    assert all(line.isprintable() for line in terminal.splitlines())
    assert not any(re.match(r"\s*::", line) or "##[" in line for line in terminal.splitlines())
    rendered = MarkdownIt().enable("table").render(table)
    assert re.findall(r"</?(\w+)", rendered) == re.findall(r"</?(\w+)", SHAPE)
    assert len(commands.splitlines()) == 1
    assert commands.startswith("::error title=Post-mortem ")
    assert json.loads(output.render_proofs_json([own]))["proofs"][0]["id"] == text


SHAPE = (
    MarkdownIt()
    .enable("table")
    .render(
        output.render_proofs_markdown(
            [
                told(
                    "a",
                    "proven",
                    "b",
                    strength=FixStrength(missed=1, made=1, mutants=MUTANTS[:1]),
                )
            ]
        )
    )
)
"""A table of one row, and a list of one change."""


def test_the_exit_status_is_that_of_the_worst_verdict() -> None:
    """1 for what is hollow or red, 3 for what is not known where that is asked for."""
    hollow, unknown = ("not-proven", "fails-with-fix"), {*VERDICTS} - {*PROVEN_VERDICTS}
    for verdict in VERDICTS:
        own = [PROVED, told("PM-1", verdict, "")]
        strict, lax = (output.compute_proof_status(own, strict=strict) for strict in (True, False))
        assert lax == (1 if verdict in hollow else 0)
        assert strict == (1 if verdict in hollow else 3 if verdict in unknown else 0)
    assert output.compute_proof_status([NOT_PROVED, UNKNOWN], strict=True) == 1
    assert [output.compute_proof_status([], strict=strict) for strict in (True, False)] == [3, 0]
