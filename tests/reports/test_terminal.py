"""What the terminal says of a run: short by default, whole when asked, harmless always."""

from __future__ import annotations

import itertools
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pytest_postmortem.errors import DestinationError, Problem
from pytest_postmortem.model import (
    Finding,
    OutcomeWord,
    Policy,
    Postmortem,
    Proof,
    Registry,
    Scope,
    ShowLevel,
)
from pytest_postmortem.report_model import (
    GateResult,
    IncidentResult,
    Report,
    State,
    TestResult,
    Totals,
)
from pytest_postmortem.reports import terminal
from pytest_postmortem.reports.terminal import TerminalDetail, TerminalLine, format_last_line
from pytest_postmortem.text import measure_width

OUTCOME: dict[State, OutcomeWord] = {
    "failing": "failed",
    "errored": "error",
    "guarded": "passed",
    "not-run": "not-run",
    "known-broken": "xfailed",
    "skipped": "skipped",
}


def incidents(state: State, count: int, **fields: Any) -> tuple[IncidentResult, ...]:
    """Return some incidents in one state, with a test each where the state has one."""
    found = []
    for n in range(1, count + 1):
        id = f"{state.upper()}-{n}"
        word = OUTCOME.get(state)
        test = word and TestResult(f"test_it.py::test_{n}", word, 0.1, "test_it.py", n)
        reason = state if state in ("skipped", "known-broken", "not-run", "exempt") else None
        postmortem = Postmortem(id, title=f"Title {n}")
        own = IncidentResult(postmortem, state, tests=(test,) if test else (), reason=reason)
        found.append(own._replace(**fields))
    return tuple(found)


def report(*groups: tuple[IncidentResult, ...], **fields: Any) -> Report:
    """Return a report of all these incidents, the figures counted."""
    every = tuple(itertools.chain.from_iterable(groups))
    required = [each for each in every if each.required and each.state != "exempt"]
    guarded = sum(each.state == "guarded" for each in required)
    totals = Totals(
        incidents=len(every),
        required=len(required),
        linked=sum(bool(each.tests) for each in required),
        guarded=guarded,
        percent=100 * guarded / len(required) if required else None,
    )
    return Report(every, totals, Scope(), Policy())._replace(**fields)


def text_of(
    report: Report, detail: TerminalDetail = "ten lines", show: ShowLevel = "all"
) -> list[str]:
    """Return the lines of a report."""
    return [line.text for line in terminal.render_terminal_report(report, show, 80, detail)]


def errors(count: int) -> tuple[Finding, ...]:
    """Return some errors about links."""
    return tuple(Finding("unknown-id", "error", f"unknown {n}", "a.py", n) for n in range(count))


def warnings(count: int) -> tuple[Finding, ...]:
    """Return some warnings about links."""
    return tuple(Finding("shared-alias", "warning", f"shared {n}") for n in range(count))


UNJUDGED = GateResult(
    "fail-under", judged=False, passed=False, message="not judged: --lf; run it all"
)
FAILED = GateResult(
    "require", judged=True, passed=False, message="1 incident of sev1 not guarded: A"
)
PASSED = GateResult("fail-under", judged=True, passed=True, message="100 % of 1 incident guarded")
VOID = GateResult("fail-under", True, True, "no incident requires a regression test")


def test_the_end_of_a_grace_is_shown() -> None:
    """A gap that fails no gate yet is not taken for one that does."""
    dated = Postmortem("PM-1", title="Charged twice", severity="sev1", date="2026-11-25")
    policy = Policy(grace=14, today=date(2026, 11, 29))
    found = report((IncidentResult(dated, "unguarded"),), policy=policy)

    assert text_of(found, "everything")[1] == (
        "  PM-1  sev1  Charged twice    no test, grace until 2026-12-09"
    )


def test_a_gate_that_failed_lists_all_incidents_where_everything_is_asked_for() -> None:
    """Otherwise the message of the gate names the first ones."""
    gate = GateResult("require", True, False, "2 incidents of sev1", ("UNGUARDED-1", "SKIPPED-1"))
    found = report(incidents("unguarded", 1), incidents("skipped", 1), gates=(gate,))

    listed = ["  UNGUARDED-1: no regression test", "  SKIPPED-1: skipped"]
    assert text_of(found, "everything")[-4:-1] == [
        "Gate require failed: 2 incidents of sev1",
        *listed,
    ]
    assert not set(listed) & set(text_of(found))


@pytest.mark.smoke
@pytest.mark.parametrize("failing", [0, 1, 2, 30])
@pytest.mark.parametrize("errored", [0, 1, 30])
@pytest.mark.parametrize("skipped", [0, 1, 30])
@pytest.mark.parametrize("wrong", [0, 1, 30])
def test_ten_lines_are_enough(failing: int, errored: int, skipped: int, wrong: int) -> None:
    """Whatever happens, every kind of thing is counted in ten lines, and gates are never cut."""
    for gates, doubtful in itertools.product(([], [UNJUDGED, FAILED]), (0, 1, 30)):
        whole = report(
            incidents("failing", failing),
            incidents("errored", errored),
            incidents("skipped", skipped),
            incidents("guarded", 50),
            incidents("unguarded", 50),
            findings=(*errors(wrong), *warnings(doubtful)),
            gates=tuple(gates),
        )

        lines = text_of(whole)

        headings = [line for line in lines if not line.startswith(" ")]
        kinds = sum(map(bool, (failing, errored, skipped or 50, wrong, doubtful)))
        assert len(lines) <= 10
        assert len(headings) == kinds + len(gates) + 1
        assert lines[-1].startswith("50 of ")


def test_lists_are_cut_and_say_so() -> None:
    """What is left out is counted, and the way to see it stands beside it; the gravest come first.

    Each list gets one entry, the first ones what is left, and a heading is never dropped.
    """
    whole = report(incidents("failing", 5), incidents("skipped", 6), findings=errors(3))

    assert text_of(whole) == [
        "Tests of 5 incidents fail; the problems may be back:",
        "  FAILING-1  Title 1",
        "             test_it.py::test_1",
        "  and 4 more (-v lists them)",
        "6 incidents could return unnoticed:",
        "  SKIPPED-1  Title 1    skipped",
        "  SKIPPED-2  Title 2    skipped",
        "  and 4 more (-v lists them)",
        "3 errors in links or registry (-v lists them)",
        "0 of 11 incidents guarded (0 %), 11 linked",
    ]


def test_one_list_has_the_room_of_all() -> None:
    """Ten lines are used where there is something to list."""
    lines = text_of(report(incidents("skipped", 20)))

    assert lines == [
        "20 incidents could return unnoticed:",
        *(f"  {f'SKIPPED-{n}':<10}  {f'Title {n}':<8}    skipped" for n in range(1, 8)),
        "  and 13 more (-v lists them)",
        "0 of 20 incidents guarded (0 %), 20 linked",
    ]


def test_an_incident_with_many_broken_tests_names_one() -> None:
    """By default; the long report names each."""
    (incident,) = incidents("failing", 1)
    tests = tuple(incident.tests[0]._replace(nodeid=f"test_it.py::test_{n}") for n in range(3))
    whole = report((incident._replace(tests=tests),))

    assert text_of(whole)[2] == "             test_it.py::test_0 and 2 more"
    assert text_of(whole, "everything")[2:5] == [
        "             test_it.py::test_0",
        "             test_it.py::test_1",
        "             test_it.py::test_2",
    ]


def test_what_came_back_in_spite_of_a_test_is_always_shown() -> None:
    """Until a test of its own passes, and once, whatever else is said of it."""
    note = "recurred although guarded: A has a linked test"
    every = report(
        incidents("skipped", 1, note=note),
        incidents("unguarded", 1, note=note),
        incidents("not-judged", 1, note=note),
        incidents("guarded", 1, note=note),
        incidents("exempt", 1, note=note),
    )

    text = text_of(every)

    assert text[:-1] == [
        "2 incidents could return unnoticed, 2 repeat earlier ones:",
        "  SKIPPED-1    Title 1    skipped",
        "               recurred although guarded: A has a linked test",
        "  UNGUARDED-1  Title 1    no test",
        "               recurred although guarded: A has a linked test",
        "1 incident repeats an earlier one, and no test of its own passes:",
        "  NOT-JUDGED-1  Title 1",
        "                recurred although guarded: A has a linked test",
    ]
    assert sum(note in line for line in text_of(every, "everything")) == 5


def rated(id: str, state: State, severity: str | None, **fields: Any) -> IncidentResult:
    """Return an incident with a severity, and further fields of its post-mortem."""
    (whole,) = incidents(state, 1)
    known = {"title": f"Title of {id}", "severity": severity, **fields}
    return whole._replace(
        postmortem=Postmortem(id, **known), reason=whole.reason and "skipped: why"
    )


SEVERITIES = ("sev1", "sev2")


def test_the_most_severe_incident_is_the_first_of_each_list() -> None:
    """By the order of the policy; equal ones stay in the order of the registry."""
    whole = report(
        (
            rated("A", "unguarded", "sev2"),
            rated("B", "skipped", None),
            rated("C", "skipped", "SEV-1"),
            rated("D", "unguarded", "sev1", owner="payments"),
            rated("E", "failing", "sev2"),
            rated("F", "failing", "sev1"),
            rated("G", "guarded", None),
            rated("H", "guarded", "sev2"),
        ),
        policy=Policy(severities=SEVERITIES),
    )

    assert text_of(whole) == [
        "Tests of 2 incidents fail; the problems may be back:",
        "  F  sev1  Title of F",
        "     test_it.py::test_1",
        "  E  sev2  Title of E",
        "     test_it.py::test_1",
        "4 incidents could return unnoticed, 2 of them SEV-1:",
        "  C  SEV-1            Title of C    skipped: why",
        "  D  sev1   payments  Title of D    no test",
        "  and 2 more (-v lists them)",
        "2 of 8 incidents guarded (25 %), 6 linked; 2 have no regression test",
    ]
    assert [line.split()[0] for line in text_of(whole, "everything") if line[:3] != "   "] == [
        *("Tests", "F", "E", "4", "C", "D", "A", "B", "2", "H", "G", "2")
    ]


def test_how_late_an_incident_is_counts_from_the_end_of_its_grace() -> None:
    """Where there is a grace; without one its age is shown, and without a day its date."""
    today = date(2026, 11, 20)
    whole = report(
        (
            rated("A", "unguarded", None, date="2026-11-01"),
            rated("B", "unguarded", None, date="2026-11-06"),
            rated("C", "unguarded", None, date="last summer"),
        ),
    )

    graced = text_of(whole._replace(policy=Policy(today=today, grace=14)), "everything")
    other = text_of(whole._replace(policy=Policy(today=today)), "everything")

    assert [line.partition("no test, ")[2] for line in (*graced[1:4], *other[1:4])] == [
        *("5 days past grace", "grace until 2026-11-20", "of last summer"),
        *("19 days old", "14 days old", "of last summer"),
    ]


def test_what_passes_without_its_fix_is_not_listed_as_guarded() -> None:
    """It has a list and a figure of its own, and the last line is not green."""
    hollow = Proof("not-proven", date(2026, 11, 1))
    old = Proof("not-proven", outdated=True)
    whole = report(
        (
            rated("A", "guarded", None)._replace(proof=hollow),
            rated("B", "guarded", None)._replace(proof=old),
            rated("C", "skipped", None)._replace(proof=hollow),
        )
    )

    lines = terminal.render_terminal_report(whole, "all", 80, "everything")

    assert [line.text for line in lines] == [
        "1 incident could return unnoticed:",
        "  C  Title of C    skipped: why, passes without the fix",
        "1 incident could return too: its test passes without the fix:",
        "  A  Title of A    proof of 2026-11-01",
        "1 incident is guarded:",
        "  B  Title of B    1 test, proof outdated",
        "2 of 3 incidents guarded (66.6 %), 0 of them proven, 1 passes without its fix, 3 linked",
    ]
    alone = report((rated("A", "guarded", None)._replace(proof=hollow),))
    (*_, last) = terminal.render_terminal_report(alone, "all", 80, "last line")
    assert last.colour == "yellow"


LONG_FACTS = {
    "title": "顧客に二重請求" * 5,
    "owner": "the team of payments and refunds",
    "date": "2020-01-01",
}


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
@pytest.mark.parametrize("id", ["PM-1", "2026-03-02-checkout-charged-customers-twice"])
def test_titles_leave_room_for_the_facts(width: int, id: str) -> None:
    """Wide characters take two columns; a line is wrapped only where they leave fewer than 20."""
    policy = Policy(today=date(2026, 11, 20), grace=14)
    rows = tuple(rated(f"{id}{n}", "skipped", "critical outage", **LONG_FACTS) for n in range(3))

    lines = text_of_width(report(rows, policy=policy), width)

    facts = f"  {id}0  critica...  the team of p...  "
    remark = "    skipped, 2501 days late"
    for line in lines[1:4]:
        assert line.startswith(f"  {id}")
        assert line.endswith(("days late", "days past grace"))
        assert measure_width(line) >= len(facts + remark) + 19
        assert measure_width(line) <= width or len(facts + remark) + 20 > width


def text_of_width(report: Report, width: int) -> list[str]:
    """Return the lines of a report on a terminal of some columns."""
    lines = terminal.render_terminal_report(report, "all", width, "ten lines")
    return [line.text for line in lines]


def test_everything_is_everything() -> None:
    """The long report lists each incident under the heading of its state, and cuts nothing."""
    whole = report(
        incidents("failing", 1, note="recurred although guarded: A has a linked test"),
        incidents("errored", 1),
        incidents("known-broken", 1),
        incidents("unguarded", 12),
        incidents("not-run", 1),
        incidents("declared", 1, required=False),
        incidents("exempt", 1, required=False),
        incidents("guarded", 1, flaky=True),
        findings=(*errors(1), *warnings(1)),
        gates=(PASSED,),
    )

    assert text_of(whole, "everything") == [
        "A test of 1 incident fails; the problem may be back:",
        "  FAILING-1  Title 1",
        "             test_it.py::test_1",
        "             recurred although guarded: A has a linked test",
        "A test of 1 incident broke in its setup or teardown; nothing can be said:",
        "  ERRORED-1  Title 1",
        "             test_it.py::test_1",
        "13 incidents could return unnoticed:",
        "  KNOWN-BROKEN-1  Title 1     known-broken",
        *(f"  {f'UNGUARDED-{n}':<14}  {f'Title {n}':<8}    no test" for n in range(1, 13)),
        "A test of 1 incident did not run:",
        "  NOT-RUN-1  Title 1    not-run",
        "1 incident is guarded by something else, not checked here:",
        "  DECLARED-1  Title 1",
        "1 incident is exempt:",
        "  EXEMPT-1  Title 1    exempt",
        "1 incident is guarded:",
        "  GUARDED-1  Title 1    1 test, flaky",
        "1 error in links or registry:",
        "  a.py:0: unknown 0",
        "1 warning:",
        "  shared 0",
        "Gate fail-under passed: 100 % of 1 incident guarded",
        "1 of 17 incidents guarded (5.8 %), 5 linked; 1 not run, 12 have no regression test,"
        " 1 declared, 1 exempt",
    ]


def test_the_last_line_is_all_that_quiet_leaves_of_a_green_run() -> None:
    """``-q`` keeps the figures, and counts the warnings that it hides."""
    whole = report(incidents("guarded", 3), incidents("skipped", 1), findings=warnings(2))

    assert text_of(whole, "last line") == [
        "3 of 4 incidents guarded (75 %), 4 linked; 2 warnings (listed without -q)"
    ]


QUIET = "1 of 2 incidents guarded (50 %), 2 linked; 1 warning (listed without -q)"


@pytest.mark.parametrize(
    ("detail", "last"),
    [("last line", [QUIET]), ("what fails", [])],
)
def test_what_turns_a_green_run_red_is_always_said(detail: TerminalDetail, last: list[str]) -> None:
    """Nobody has to guess why the exit status is 1."""
    whole = report(
        incidents("guarded", 1),
        incidents("skipped", 1),
        findings=(*errors(1), *warnings(1)),
        gates=(FAILED, UNJUDGED),
    )

    assert text_of(whole, detail) == [
        "1 error in links or registry:",
        "  a.py:0: unknown 0",
        "Gate require failed: 1 incident of sev1 not guarded: A",
        "Gate fail-under not judged: --lf; run it all",
        *last,
    ]


def test_what_fails_is_nothing_where_nothing_does() -> None:
    """``--no-summary`` and an empty ``--postmortem-report`` are silent about a green run."""
    whole = report(incidents("guarded", 1), incidents("unguarded", 9), findings=warnings(3))

    assert text_of(whole, "what fails") == []


@pytest.mark.parametrize(
    ("gate", "line"),
    [
        (PASSED, None),
        (
            VOID,
            TerminalLine("Gate fail-under passed: no incident requires a regression test", "green"),
        ),
        (UNJUDGED, TerminalLine("Gate fail-under not judged: --lf; run it all", "yellow")),
        (FAILED, TerminalLine("Gate require failed: 1 incident of sev1 not guarded: A", "red")),
    ],
)
def test_a_gate_is_silent_only_when_it_judged_and_passed(
    gate: GateResult, line: TerminalLine | None
) -> None:
    """One that passed because there was nothing to judge says so too."""
    lines = terminal.render_terminal_report(
        report(incidents("guarded", 1), gates=(gate,)), "all", 80, "ten lines"
    )

    assert lines[:-1] == ((line,) if line else ())


@pytest.mark.parametrize(
    ("asked", "verbosity", "no_summary", "expected"),
    [
        ("term", 0, False, "ten lines"),
        ("term", 1, False, "everything"),
        ("term", -1, False, "last line"),
        ("term", -2, False, "last line"),
        ("term-missing", 0, False, "everything"),
        ("term-missing", -1, False, "last line"),
        ("term", 0, True, "what fails"),
        ("term-missing", 2, True, "what fails"),
        (None, 1, False, "what fails"),
    ],
)
def test_how_much_is_printed(
    asked: str | None, verbosity: int, no_summary: bool, expected: TerminalDetail
) -> None:
    """Being quiet outweighs a long report, and ``--no-summary`` outweighs both."""
    assert terminal.choose_detail(asked, verbosity, no_summary) == expected


PARTIAL = Scope("partial", ("1 node id given", "--lf skipped 2 files"))


@pytest.mark.parametrize(
    ("whole", "expected"),
    [
        pytest.param(
            report(
                incidents("guarded", 2),
                incidents("unguarded", 1),
                incidents("unguarded", 2, required=False),
                unknown_foreign_ids=("1", "2", "3"),
            ),
            "2 of 3 incidents guarded (66.6 %), 2 linked; 1 has no regression test (-v lists them),"
            " 2 older without one, 3 ids of other marks are unknown",
            id="full",
        ),
        pytest.param(
            report(incidents("guarded", 3), incidents("not-judged", 14), scope=PARTIAL),
            "3 of 3 incidents seen here guarded; 14 not judged: 1 node id given;"
            " --lf skipped 2 files",
            id="partial",
        ),
        pytest.param(
            report(incidents("not-run", 2), incidents("not-judged", 1), scope=PARTIAL),
            "0 of 2 incidents seen here guarded; 2 not run, 1 not judged: 1 node id given;"
            " --lf skipped 2 files",
            id="partial-and-not-run",
        ),
        pytest.param(
            report(incidents("not-judged", 1), scope=PARTIAL),
            "no incident seen here; 1 not judged: 1 node id given; --lf skipped 2 files",
            id="nothing-seen",
        ),
        pytest.param(
            report(incidents("exempt", 2, required=False)),
            "no incident requires a regression test; 2 exempt",
            id="nothing-required",
        ),
        pytest.param(
            report(incidents("guarded", 1), missing="no registry"),
            "1 of 1 linked incident guarded; no registry, so no gap is claimed",
            id="no-registry",
        ),
        pytest.param(
            report(
                incidents("not-run", 1),
                scope=Scope(reasons=("--collect-only",), executes=False),
                totals=Totals(incidents=1, required=1, linked=1),
            ),
            "0 of 1 incident guarded, 1 linked; 1 not run: --collect-only",
            id="nothing-executed",
        ),
    ],
)
def test_the_last_line_says_it_all(whole: Report, expected: str) -> None:
    """Two figures, what is missing, and, where they can't be judged, why."""
    assert format_last_line(whole) == expected


def test_a_share_is_shown_rounded_down() -> None:
    """999 of 1000 is no hundred per cent."""
    whole = report(incidents("guarded", 999), incidents("skipped", 1))

    assert format_last_line(whole) == "999 of 1000 incidents guarded (99.9 %), 1000 linked"


@pytest.mark.parametrize(
    ("whole", "colour"),
    [
        (report(incidents("guarded", 1)), "green"),
        (report(incidents("guarded", 1), incidents("unguarded", 1)), "yellow"),
        (report(incidents("guarded", 1), incidents("errored", 1)), "red"),
        (report(incidents("guarded", 1), findings=errors(1)), "red"),
        (report(incidents("guarded", 1), findings=warnings(1)), "green"),
        (report(incidents("guarded", 1), gates=(FAILED,)), "red"),
        (report(incidents("guarded", 1), gates=(UNJUDGED,)), "green"),
        (report(incidents("not-judged", 1), scope=PARTIAL, totals=Totals(1, 1)), "yellow"),
    ],
)
def test_the_last_line_is_green_only_when_all_is_guarded(whole: Report, colour: str) -> None:
    """Red is for what fails the run or may be back, yellow for what is not known."""
    assert terminal.render_terminal_report(whole, "all", 80, "last line")[-1].colour == colour


@pytest.mark.parametrize(
    ("registry", "found", "expected"),
    [
        (None, None, None),
        (None, "postmortems", "postmortem: postmortems (found, not configured)"),
        (
            Registry((Postmortem("A", "A"),), locations=("a.yml", "docs/b")),
            None,
            "postmortem: a.yml, docs/b (1 post-mortem)",
        ),
        (Registry(locations=("\x1b[2Ja.yml",)), None, "postmortem:  [2Ja.yml (0 post-mortems)"),
    ],
)
def test_the_header_names_the_registry(
    registry: Registry | None, found: str | None, expected: str | None
) -> None:
    """Where post-mortems came from is never a riddle."""
    assert terminal.format_pytest_header(registry, found) == expected


def test_the_hint_is_one_line() -> None:
    """A suite with a registry and no mark is told what to write, once; another nothing."""
    text = "docs holds post-mortems, and no test is linked to one: mark it with @pytest.mark."

    assert terminal.format_unlinked_hint(None) == ()
    assert terminal.format_unlinked_hint("docs") == (TerminalLine(text + 'postmortem("ID")'),)


def test_an_error_that_the_run_survives_is_shown_in_red() -> None:
    """A report that can't be written is told about in full, and where one is stands in a line."""
    problem = Problem("destination", "Couldn't write report", "no space", "make some", "r.json")

    assert terminal.format_error_lines(DestinationError([problem])) == (
        TerminalLine("Couldn't write report 'r.json': no space", "red"),
        TerminalLine("  make some", "red"),
        TerminalLine("  see `pytest-postmortem explain destination`", "red"),
    )
    assert terminal.format_written_note(Path("r.json"), 0) == (
        TerminalLine("Incident report written to r.json"),
    )
    assert terminal.format_written_note(Path("r.json"), -1) == ()
