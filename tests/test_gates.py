"""The gates, judged on reports that are written down."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from pytest_postmortem.gates import fails, judge
from pytest_postmortem.model import Finding, Policy, Postmortem, Scope
from pytest_postmortem.states import Gate, Incident, Report, State, Totals


def incident(
    id: str, state: State, severity: str | None = "sev1", day: str | None = None
) -> Incident:
    """Return an incident in a state."""
    postmortem = Postmortem(id, id, severity=severity, date=day)
    return Incident(postmortem, state, required=state not in ("exempt", "declared"))


def report(policy: Policy, *incidents: Incident, unjudged: tuple[str, ...] = ()) -> Report:
    """Return a report on incidents, its totals counted."""
    required = [each for each in incidents if each.required]
    guarded = [each for each in required if each.state == "guarded"]
    totals = Totals(len(incidents), len(required), 0, len(guarded))
    return Report(incidents, totals, Scope(), policy, unjudged=unjudged)


GUARDED = incident("PM-1", "guarded")
GAP = incident("PM-2", "unguarded")
EXEMPT = incident("PM-3", "exempt")


def test_there_is_no_gate_unless_one_is_asked_for() -> None:
    """Report first, enforce later."""
    assert judge(report(Policy(), GAP)) == ()


@pytest.mark.parametrize(
    ("minimum", "incidents", "passed", "message"),
    [
        (50, [GUARDED, GAP], True, "50 % of 2 incidents guarded, 50 % asked"),
        (51, [GUARDED, GAP], False, "50 % of 2 incidents guarded, 51 % asked: 1 incident too few"),
        (100, [GUARDED, EXEMPT], True, "100 % of 1 incident guarded, 100 % asked"),
        (100, [EXEMPT], True, "no incident requires a regression test"),
        (100, [], True, "no incident requires a regression test"),
        (0, [GAP], True, "0 % of 1 incident guarded, 0 % asked"),
        (100, [GAP, GAP], False, "0 % of 2 incidents guarded, 100 % asked: 2 incidents too few"),
        (
            66.67,
            [GUARDED, GUARDED, GAP],
            False,
            "66.6 % of 3 incidents guarded, 66.67 % asked: 1 incident too few",
        ),
        (66.6, [GUARDED, GUARDED, GAP], True, "66.6 % of 3 incidents guarded, 66.6 % asked"),
    ],
)
def test_fail_under_compares_the_unrounded_share_of_required_incidents(
    minimum: float, incidents: list[Incident], passed: bool, message: str
) -> None:
    """The share is shown rounded down, so that 99.96 % never reads as 100 %."""
    (gate,) = judge(report(Policy(fail_under=minimum), *incidents))

    assert gate == Gate("fail-under", True, passed, message)


@pytest.mark.parametrize(
    ("incidents", "passed", "message"),
    [
        ([GUARDED], True, "1 of 1 incident of sev1 guarded or in grace"),
        ([GUARDED, GAP], False, "1 incident of sev1 not guarded: PM-2"),
        ([GUARDED, EXEMPT], True, "1 of 1 incident of sev1 guarded or in grace"),
        ([incident("PM-4", "unguarded", "SEV-1")], False, "1 incident of sev1 not guarded: PM-4"),
        ([incident("PM-4", "unguarded", "sev2")], True, "no incident of sev1 is required"),
        ([incident("PM-4", "failing")], False, "1 incident of sev1 not guarded: PM-4"),
        (
            [GUARDED, incident("PM-5", "unguarded", None)],
            True,
            "1 of 1 incident of sev1 guarded or in grace; 1 incident has no severity: not judged",
        ),
        (
            [incident(f"PM-{n}", "skipped") for n in range(7)],
            False,
            "7 incidents of sev1 not guarded: PM-0, PM-1, PM-2, PM-3, PM-4 and 2 more",
        ),
    ],
)
def test_require_asks_that_grave_incidents_are_guarded(
    incidents: list[Incident], passed: bool, message: str
) -> None:
    """``SEV-1`` and ``sev1`` are one, and incidents without a severity are said to be left out."""
    (gate,) = judge(report(Policy(require=("sev1",)), *incidents))

    assert gate == Gate("require", True, passed, message)


@pytest.mark.parametrize(
    ("day", "state", "passed"),
    [
        ("2026-03-02", "unguarded", True),
        ("2026-03-01", "unguarded", False),
        ("2026-03-20", "unguarded", True),
        (None, "unguarded", False),
        ("in March", "unguarded", False),
    ],
)
def test_a_young_incident_has_some_days_to_get_its_test(
    day: str | None, state: State, passed: bool
) -> None:
    """The grace counts from the incident; one without a date has none."""
    policy = Policy(require=("sev1",), grace=14, today=date(2026, 3, 16))

    (gate,) = judge(report(policy, incident("PM-1", state, day=day)))

    assert gate.passed == passed


def test_a_gate_that_can_not_be_judged_says_why_and_does_not_pass() -> None:
    """A run of a part of the suite neither passes nor fails a gate on the whole."""
    policy = Policy(fail_under=50, require=("sev1",))

    gates = judge(report(policy, GUARDED, unjudged=("1 node id given",)))

    message = "not judged: 1 node id given; run the whole suite to judge it"
    assert gates == (
        Gate("fail-under", False, False, message),
        Gate("require", False, False, message),
    )


@pytest.mark.parametrize(
    ("gate", "finding", "expected"),
    [
        (None, None, False),
        (Gate("fail-under", True, True, ""), None, False),
        (Gate("fail-under", True, False, ""), None, True),
        (Gate("fail-under", False, False, ""), None, False),
        (None, Finding("unknown-id", "error", ""), True),
        (None, Finding("unknown-id", "warning", ""), False),
    ],
)
def test_a_run_fails_for_an_error_or_a_gate_that_was_judged(
    gate: Gate | None, finding: Finding | None, expected: bool
) -> None:
    """Warnings and gates that could not be judged leave the exit status alone."""
    judged = replace(
        report(Policy()),
        gates=(gate,) if gate else (),
        findings=(finding,) if finding else (),
    )

    assert fails(judged) is expected
