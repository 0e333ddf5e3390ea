"""The gates, judged on reports that are written down."""

from __future__ import annotations

from datetime import date

import pytest

from pytest_postmortem.evaluation.gates import (
    check_percentage,
    check_policy,
    check_unprovable_incidents,
    describe_gate_gap,
    evaluate_gates,
    is_report_failing,
)
from pytest_postmortem.model import Finding, Policy, Postmortem, Proof, Registry, Scope, Strength
from pytest_postmortem.report_model import (
    GateResult,
    IncidentResult,
    Report,
    State,
    TestResult,
    Totals,
)


def incident(
    id: str, state: State, severity: str | None = "sev1", day: str | None = None
) -> IncidentResult:
    """Return an incident in a state."""
    postmortem = Postmortem(id, id, severity=severity, date=day)
    return IncidentResult(postmortem, state, required=state not in ("exempt", "declared"))


def report(policy: Policy, *incidents: IncidentResult, unjudged: tuple[str, ...] = ()) -> Report:
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
    assert evaluate_gates(report(Policy(), GAP)) == ()


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
    minimum: float, incidents: list[IncidentResult], passed: bool, message: str
) -> None:
    """The share is shown rounded down, so that 99.96 % never reads as 100 %."""
    (gate,) = evaluate_gates(report(Policy(fail_under=minimum), *incidents))

    assert gate == GateResult("fail-under", True, passed, message)


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
            "1 of 1 incident of sev1 guarded or in grace;"
            " 1 incident has no severity: not judged (PM-5)",
        ),
        (
            [incident(f"PM-{n}", "skipped") for n in range(7)],
            False,
            "7 incidents of sev1 not guarded: PM-0, PM-1, PM-2, PM-3, PM-4 and 2 more",
        ),
    ],
)
def test_require_asks_that_grave_incidents_are_guarded(
    incidents: list[IncidentResult], passed: bool, message: str
) -> None:
    """``SEV-1`` and ``sev1`` are one, and incidents without a severity are said to be left out."""
    (gate,) = evaluate_gates(report(Policy(require=("sev1",)), *incidents))

    assert gate._replace(incidents=()) == GateResult("require", True, passed, message)
    assert (len(gate.incidents) > 0) == (not passed)


def test_a_gap_is_described_by_what_the_gate_asks_for() -> None:
    """The reason of an incident has its own words where it has any."""
    asked = [
        describe_gate_gap("require", "unguarded", None, None, outdated=False),
        describe_gate_gap("require", "unguarded", "the exemption ended", None, outdated=False),
        describe_gate_gap("require", "skipped", "skipped: slow", None, outdated=False),
        describe_gate_gap("require", "not-run", "deselected", None, outdated=False),
        describe_gate_gap("require-proof", "guarded", None, None, outdated=False),
        describe_gate_gap("require-proof", "guarded", None, "proven", outdated=True),
        describe_gate_gap("require-proof", "guarded", None, "not-proven", outdated=False),
    ]

    assert asked == [
        "no regression test",
        "no regression test, the exemption ended",
        "skipped: slow",
        "not run, deselected",
        "no proof",
        "proof outdated",
        "not proven",
    ]


UNRATED = incident("PM-6", "guarded", None)
ADD_ONE = "required, none with a severity; add one to each, such as 'severity: sev1'"


@pytest.mark.parametrize(
    ("incidents", "gate"),
    [
        ([], GateResult("require", True, True, "no incident of sev1 is required")),
        ([EXEMPT], GateResult("require", True, True, "no incident of sev1 is required")),
        ([UNRATED], GateResult("require", True, False, f"1 incident {ADD_ONE}")),
        ([UNRATED, UNRATED, EXEMPT], GateResult("require", True, False, f"2 incidents {ADD_ONE}")),
    ],
)
def test_a_severity_can_not_be_required_of_incidents_that_have_none(
    incidents: list[IncidentResult], gate: GateResult
) -> None:
    """That is an error of the set-up, and no reason to pass; an empty registry passes."""
    assert evaluate_gates(report(Policy(require=("sev1",)), *incidents)) == (gate,)


def test_a_severity_that_may_not_be_shown_is_asked_for() -> None:
    """A fetched registry has none where ``postmortem_show`` leaves it out."""
    hidden = Postmortem("PM-1", "PM-1", show="link")
    found = report(Policy(require_proof=("sev1",)), IncidentResult(hidden, "guarded"))

    (gate,) = evaluate_gates(found)

    assert gate == GateResult(
        "require-proof",
        True,
        False,
        "the severity of 1 incident is withheld by postmortem_show, or missing: not judged (PM-1);"
        " set postmortem_show to title or all",
    )


def test_an_unrated_incident_that_is_not_seen_leaves_a_part_of_the_suite_alone() -> None:
    """A run of a part can't say that nothing has a severity."""
    (gate,) = evaluate_gates(
        report(Policy(require=("sev1",)), UNRATED, unjudged=("1 node id given",))
    )

    assert not gate.judged


REGISTRY = (
    Postmortem("PM-1", "PM-1", severity="SEV-1", service=("checkout", "carts")),
    Postmortem("PM-2", "PM-2", severity="sev2", extra={"team": "core"}),
    Postmortem("PM-3", "PM-3", severity="sev1"),
)


@pytest.mark.parametrize(
    ("policy", "code", "messages"),
    [
        (Policy(require=("sev1", "Sev-2")), "", []),
        (Policy(require=("sev3",), severities=("sev1", "sev2", "sev3")), "", []),
        (
            Policy(require=("sev1", "sev7"), require_proof=("sev8", "SEV7")),
            "unknown-severity",
            [
                "postmortem_require has 'sev7', a severity of no incident; there are SEV-1, sev2",
                "postmortem_require_proof has 'sev8', a severity of no incident;"
                " there are SEV-1, sev2",
            ],
        ),
        (
            Policy(select=(("severity", ("sev1,sev2", "sev3")), ("team", ("Core",)))),
            "unknown-selection",
            [
                "postmortem_select has 'severity:sev3', which fits no incident;"
                " there are SEV-1, sev2"
            ],
        ),
        (
            Policy(select=(("service", ("checkuot",)), ("owner", ("core",)))),
            "unknown-selection",
            [
                "postmortem_select has 'service:checkuot', which fits no incident;"
                " there are checkout, carts",
                "postmortem_select has 'owner:core', which fits no incident; there are none",
            ],
        ),
        (
            Policy(select=(("teem", ("core",)), ("service", ("checkuot",)))),
            "unknown-selection",
            [
                "postmortem_select has 'teem', a key of no incident; there are id, severity,"
                " status, owner, class, tag, tags, service, repository, component and 1 more",
                "postmortem_select has 'service:checkuot', which fits no incident;"
                " there are checkout, carts",
            ],
        ),
    ],
)
def test_a_policy_that_fits_no_incident_is_a_warning(
    policy: Policy, code: str, messages: list[str]
) -> None:
    """With what there is, since a misspelt severity requires nothing."""
    found = tuple(check_policy(policy, Registry(REGISTRY)))

    assert found == tuple(Finding(code, "warning", message) for message in messages)


@pytest.mark.parametrize(
    "registry", [Registry(), Registry(REGISTRY, unreachable=("https://pm.example.com",))]
)
def test_what_is_not_known_of_a_registry_is_no_warning(registry: Registry) -> None:
    """An empty registry has no severities yet, and what can't be reached may have any."""
    assert not tuple(check_policy(Policy(require=("sev7",), select=(("x", ("y",)),)), registry))


@pytest.mark.parametrize(
    ("minimum", "messages"),
    [
        (None, []),
        (0, []),
        (1, []),
        (80, []),
        (0.8, ["fail-under is a percentage, and 0.8 asks for 0.8 %; write 80 for 80 %"]),
        (0.075, ["fail-under is a percentage, and 0.075 asks for 0.075 %; write 7.5 for 7.5 %"]),
    ],
)
def test_a_percentage_that_looks_like_a_share_is_a_warning(
    minimum: float | None, messages: list[str]
) -> None:
    """Between 0 and 1, the gate asks for next to nothing."""
    found = [finding.message for finding in check_percentage(Policy(fail_under=minimum))]

    assert found == messages


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

    (gate,) = evaluate_gates(report(policy, incident("PM-1", state, day=day)))

    assert gate.passed == passed


def test_without_a_grace_an_incident_of_today_is_open() -> None:
    """No day is given to it, not even its own."""
    policy = Policy(require=("sev1",), today=date(2026, 3, 16))

    (gate,) = evaluate_gates(report(policy, incident("PM-1", "unguarded", day="2026-03-16")))

    assert not gate.passed


def test_a_gate_that_can_not_be_judged_says_why_and_does_not_pass() -> None:
    """A run of a part of the suite neither passes nor fails a gate on the whole."""
    policy = Policy(fail_under=50, require=("sev1",))

    gates = evaluate_gates(report(policy, GUARDED, unjudged=("1 node id given",)))

    message = "not judged: 1 node id given; run the whole suite to judge it"
    assert gates == (
        GateResult("fail-under", False, False, message),
        GateResult("require", False, False, message),
    )


@pytest.mark.parametrize(
    ("gate", "finding", "expected"),
    [
        (None, None, False),
        (GateResult("fail-under", True, True, ""), None, False),
        (GateResult("fail-under", True, False, ""), None, True),
        (GateResult("fail-under", False, False, ""), None, False),
        (None, Finding("unknown-id", "error", ""), True),
        (None, Finding("unknown-id", "warning", ""), False),
    ],
)
def test_a_run_fails_for_an_error_or_a_gate_that_was_judged(
    gate: GateResult | None, finding: Finding | None, expected: bool
) -> None:
    """Warnings and gates that could not be judged leave the exit status alone."""
    judged = report(Policy())._replace(
        gates=(gate,) if gate else (),
        findings=(finding,) if finding else (),
    )

    assert is_report_failing(judged) is expected


@pytest.mark.parametrize(
    ("state", "severity", "tests", "fix", "named"),
    [
        ("guarded", "sev1", True, (), True),
        ("guarded", "sev1", False, (), False),
        ("guarded", "sev1", True, ("abc1234",), False),
        ("guarded", "sev2", True, (), False),
        ("guarded", None, True, (), False),
        ("exempt", "sev1", True, (), False),
    ],
)
def test_a_linked_incident_that_has_to_be_proven_names_its_fix(
    state: State, severity: str | None, tests: bool, fix: tuple[str, ...], named: bool
) -> None:
    """One without a test, of another severity or not required is left alone."""
    bare = incident("PM-1", state, severity)
    linked = (TestResult("a.py::test_x", "passed", 0.0, "a.py", 1),) if tests else ()
    known = bare._replace(tests=linked, postmortem=bare.postmortem._replace(fix=fix))

    findings = check_unprovable_incidents(report(Policy(require_proof=("sev1",)), known))

    assert [each.code for each in findings] == ["fix-missing"] * named


PROVEN = Proof("proven")
OUTDATED = Proof("proven", outdated=True)
WITH_FIX = {
    name: incident(name, "guarded")._replace(proof=proof)
    for name, proof in (("PM-1", PROVEN), ("PM-2", OUTDATED), ("PM-3", Proof("not-proven")))
}
WITHOUT_PROOF = GUARDED._replace(
    postmortem=Postmortem("PM-4", "PM-4", severity="sev1", fix=("abc1234",))
)
WITH_PATCH = GUARDED._replace(
    postmortem=Postmortem("PM-6", "PM-6", severity="sev1", patch="fix.patch")
)
YOUNG = WITHOUT_PROOF._replace(
    postmortem=WITHOUT_PROOF.postmortem._replace(id="PM-5", date="2026-07-01"),
)


@pytest.mark.parametrize(
    ("incidents", "passed", "message"),
    [
        ([], True, "no incident of sev1 names a fix"),
        ([GUARDED], True, "no incident of sev1 names a fix"),
        ([WITH_PATCH], False, "1 incident of sev1 not proven: PM-6"),
        ([WITH_FIX["PM-1"]], True, "1 of 1 incident of sev1 proven or in grace"),
        ([WITH_FIX["PM-1"], YOUNG], True, "2 of 2 incidents of sev1 proven or in grace"),
        ([WITH_FIX["PM-2"]], False, "1 incident of sev1 not proven: PM-2"),
        (
            [*WITH_FIX.values(), WITHOUT_PROOF, YOUNG],
            False,
            "3 incidents of sev1 not proven: PM-2, PM-3, PM-4",
        ),
    ],
    ids=["empty", "without a fix", "a patch", "proven", "in grace", "outdated", "others"],
)
def test_require_proof_asks_that_each_fix_is_proven(
    incidents: list[IncidentResult], passed: bool, message: str
) -> None:
    """An outdated proof and one of the opposite are none; a young incident has its grace."""
    policy = Policy(require_proof=("sev1",), grace=31, today=date(2026, 7, 15))

    (gate,) = evaluate_gates(report(policy, *incidents))

    assert gate._replace(incidents=()) == GateResult("require-proof", True, passed, message)


def with_strength(id: str, strength: Strength | None, proof: Proof = PROVEN) -> IncidentResult:
    """Return an incident whose proof has a strength."""
    return incident(id, "guarded")._replace(proof=proof._replace(strength=strength))


UNKNOWN_STRENGTH = (
    "the strength of 1 incident is not known today: not judged (PM-9);"
    " run `pytest-postmortem prove --strength`"
)


@pytest.mark.parametrize(
    ("incidents", "judged", "passed", "message"),
    [
        (
            [GUARDED],
            False,
            False,
            "no incident is proven: not judged; run `pytest-postmortem prove --strength`",
        ),
        ([with_strength("PM-9", None)], False, False, UNKNOWN_STRENGTH),
        ([with_strength("PM-9", Strength(1, 9, outdated=True))], False, False, UNKNOWN_STRENGTH),
        (
            [with_strength("PM-1", Strength(8, 2)), with_strength("PM-9", None)],
            True,
            True,
            f"1 of 1 incident with 80 % of changes noticed, or in grace; {UNKNOWN_STRENGTH}",
        ),
        (
            [with_strength("PM-1", Strength(0, 0)), with_strength("PM-2", Strength(79, 21))],
            True,
            False,
            "1 incident with less than 80 % of changes noticed: PM-2 79 of 100",
        ),
        (
            [with_strength("PM-1", Strength(1, 9)), with_strength("PM-9", None)],
            True,
            False,
            f"1 incident with less than 80 % of changes noticed: PM-1 1 of 10; {UNKNOWN_STRENGTH}",
        ),
        (
            [with_strength("PM-1", Strength(1, 9), OUTDATED)],
            False,
            False,
            "no incident is proven: not judged; run `pytest-postmortem prove --strength`",
        ),
    ],
)
def test_require_strength_asks_that_changes_to_each_fix_are_noticed(
    incidents: list[IncidentResult], judged: bool, passed: bool, message: str
) -> None:
    """What is absent or outdated is not judged, and said."""
    policy = Policy(require_strength=80)

    assert evaluate_gates(report(policy, *incidents)) == (
        GateResult("require-strength", judged, passed, message),
    )


def test_a_young_incident_needs_no_strength_yet() -> None:
    """It has its grace, as for the other gates."""
    young = with_strength("PM-1", Strength(1, 9))
    young = young._replace(postmortem=young.postmortem._replace(date="2026-07-01"))
    policy = Policy(require_strength=80, grace=31, today=date(2026, 7, 15))

    (gate,) = evaluate_gates(report(policy, young))

    assert (gate.judged, gate.passed) == (True, True)


def test_the_first_severity_is_the_example_for_incidents_that_have_none() -> None:
    """It is the one that is asked for first; one incident "has", several "have"."""
    policy = Policy(require=("sev1", "sev2"))
    unrated = [incident(f"PM-{n}", "guarded", severity=None)._replace() for n in (7, 8)]

    (none_rated,) = evaluate_gates(report(policy, *unrated))
    (one_unrated,) = evaluate_gates(report(policy, GUARDED, unrated[0]))
    (two_unrated,) = evaluate_gates(report(policy, GUARDED, *unrated))

    assert none_rated.message.endswith("add one to each, such as 'severity: sev1'")
    assert one_unrated.message.endswith("; 1 incident has no severity: not judged (PM-7)")
    assert two_unrated.message.endswith("; 2 incidents have no severity: not judged (PM-7, PM-8)")


def test_incidents_without_a_severity_are_told_apart_from_those_whose_severity_is_withheld() -> (
    None
):
    """Where none has one, what to do is said for each of the two."""
    withheld = incident("PM-7", "guarded", severity=None)
    withheld = withheld._replace(postmortem=withheld.postmortem._replace(show="link"))
    missing = incident("PM-8", "guarded", severity=None)

    (gate,) = evaluate_gates(report(Policy(require=("sev1",)), withheld, missing))

    assert (gate.passed, gate.message) == (
        False,
        "the severity of 1 incident is withheld by postmortem_show, or missing: not judged (PM-7);"
        " set postmortem_show to title or all; 2 incidents required, the others without a severity;"
        " add one to each, such as 'severity: sev1'",
    )
