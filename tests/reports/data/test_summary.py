"""The answers that every format gives of a report: what could return, was lost, is late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from page_documents import document, incident, linked
from pytest_postmortem.reports.data.summary import (
    ClassSummary,
    GuardLoss,
    ReportSummary,
    describe_time_before,
    summarize_classes,
)
from pytest_postmortem.reports.incident_facts import (
    classify_proof,
    compute_days_past_grace,
    could_return,
    is_past_grace,
)

TEST = [linked("tests/test_it.py::test_it")]


def report(*incidents: Mapping[str, Any], day: str = "2026-11-20", **policy: Any) -> dict[str, Any]:
    """Return a report of some incidents, judged on a day."""
    whole = document(incidents)
    whole["policy"] |= {"today": day, **policy}
    return whole


def guarded(id: str, **fields: Any) -> dict[str, Any]:
    """Return an incident with a test that passed."""
    return incident(id, tests=TEST, **fields)


def verdict(now: Mapping[str, Any], *earlier: Mapping[str, Any]) -> str:
    """Return the sentence on a report."""
    return ReportSummary(now, earlier).verdict


def steps(summary: ReportSummary) -> list[tuple[str, str]]:
    """Return what to do next, each as an id and a reason."""
    return [(step.incident["id"], step.reason) for step in summary.next_steps]


def test_the_verdict_names_the_most_severe_the_changes_and_the_share() -> None:
    """One sentence says how bad it is, and whether it gets better."""
    before = report(
        guarded("PM-1", severity="sev1"),
        guarded("PM-2", severity="sev2"),
        guarded("PM-3", severity="SEV-1"),
        incident("PM-4", "unguarded", severity="Sev1"),
        day="2026-11-13",
    )
    now = report(
        incident("PM-1", "unguarded", severity="sev1"),
        incident("PM-2", "failing", severity="sev2", tests=TEST),
        incident("PM-3", "skipped", severity="SEV-1", tests=TEST),
        incident("PM-4", "unguarded", severity="Sev1"),
    )

    assert verdict(now, before) == (
        "3 sev1 incidents could return; 2 guards lost and 1 failing since 13 November;"
        " share 75 → 0 %"
    )


@pytest.mark.parametrize(
    ("incidents", "said"),
    [
        ([guarded("PM-1")], "No incident could return unnoticed; share 100 %"),
        ([incident("PM-1", "unguarded")], "1 incident could return; share 0 %"),
        ([incident("PM-1", "exempt")], "No incident requires a regression test"),
        (
            [incident("PM-1", "failing", tests=TEST), guarded("PM-2")],
            "No incident could return unnoticed; 1 failing; share 50 %",
        ),
        (
            [incident("PM-1", "unguarded", severity="s" * 30)],
            f"1 {'s' * 20}… incident could return; share 0 %",
        ),
    ],
)
def test_the_verdict_of_a_report_alone(incidents: Sequence[Mapping[str, Any]], said: str) -> None:
    """Without an earlier report nothing is said of changes."""
    assert verdict(report(*incidents)) == said


def test_the_verdict_of_a_part_of_the_suite_claims_no_more() -> None:
    """What did not run is not said to be safe, and there is no share."""
    part = report(guarded("PM-1"), incident("PM-2", "not-judged"))
    part["scope"] = {**part["scope"], "kind": "partial", "reasons": ["1 node id given"]}
    part["totals"]["percent"] = None

    assert verdict(part, report(guarded("PM-1"), guarded("PM-2"), day="2025-12-31")) == (
        "No incident is known to lack a guard in the part that ran; 1 not judged;"
        " no loss seen since 31 December 2025; share not judged"
    )


def test_what_fails_still_is_told_apart() -> None:
    """A test that failed before is no change."""
    failing = incident("PM-1", "failing", tests=TEST)
    before = report(failing, guarded("PM-2"), day="2026-11-13")

    assert verdict(report(failing, guarded("PM-2")), before) == (
        "No incident could return unnoticed; no guard lost since 13 November; 1 still failing;"
        " share 50 %"
    )


@pytest.mark.parametrize(
    ("state", "required", "returns"),
    [
        ("unguarded", True, True),
        ("skipped", True, True),
        ("known-broken", True, True),
        ("unguarded", False, False),
        ("failing", True, False),
        ("guarded", True, False),
        ("not-run", True, False),
        ("not-judged", True, False),
        ("errored", True, False),
        ("exempt", False, False),
        ("declared", False, False),
    ],
)
def test_what_could_return_is_what_nothing_would_notice(
    state: str, required: bool, returns: bool
) -> None:
    """A test that did not run, or whose setup broke, says nothing."""
    assert could_return(incident("PM-1", state, required=required)) is returns


@pytest.mark.parametrize(
    ("day", "today", "grace", "days", "late"),
    [
        ("2026-11-01", "2026-11-20", 14, 5, True),
        ("2026-11-06", "2026-11-20", 14, 0, False),
        ("2026-11-18", "2026-11-20", 14, -12, False),
        ("2026-11-18", "2026-11-20", 0, 2, True),
        (None, "2026-11-20", 14, None, True),
        ("some day", "2026-11-20", 14, None, True),
        ("2026-11-18", None, 14, None, True),
    ],
)
def test_the_days_past_grace(
    day: str | None, today: str | None, grace: int, days: int | None, late: bool
) -> None:
    """As the gates judge it: an incident without a date has no grace."""
    policy = {"today": today, "grace": grace}
    one = incident("PM-1", "unguarded", date=day)

    assert compute_days_past_grace(one, policy) == days
    assert is_past_grace(one, policy) is late
    assert is_past_grace(guarded("PM-1", date=day), policy) is False


def test_severe_are_those_that_a_gate_requires_or_the_most_severe() -> None:
    """Without a gate, the highest severity of the registry."""
    incidents = [
        incident("PM-1", "unguarded", severity="sev2"),
        incident("PM-2", "failing", severity="SEV-1", tests=TEST),
        incident("PM-3", "unguarded", severity="sev1"),
    ]

    alone = ReportSummary(report(*incidents))
    gated = ReportSummary(report(*incidents, require=["sev1", "sev2"]))

    assert (alone.severe, gated.severe) == (("SEV-1",), ("sev1", "sev2"))
    assert [one["id"] for one in alone.severe_past_grace] == ["PM-2", "PM-3"]
    assert len(gated.severe_past_grace) == 3


def test_the_verdict_writes_a_severity_as_the_figures_do() -> None:
    """Spellings that are one severity for a gate are counted under one name."""
    incidents = [
        incident("PM-1", "failing", severity="sev1", tests=TEST),
        incident("PM-2", "unguarded", severity="Sev1"),
        incident("PM-3", "unguarded", severity="SEV-1"),
    ]

    alone = ReportSummary(report(*incidents))
    gated = ReportSummary(report(*incidents, require=["SEV 1"]))

    assert alone.verdict.startswith("2 sev1 incidents could return")
    assert gated.verdict.startswith("2 SEV 1 incidents could return")


def test_what_to_do_next_begins_with_what_was_lost_or_fails() -> None:
    """Then the most severe, those that recurred, and those that wait longest."""
    proof = {"verdict": "not-proven", "outdated": False}
    before = report(guarded("PM-6"), guarded("PM-9", severity="sev4"), day="2026-11-13")
    now = report(
        incident("PM-1", "unguarded", severity="sev2", date="2026-01-01"),
        incident("PM-2", "unguarded", severity="sev1", date="2026-10-01"),
        incident("PM-3", "known-broken", severity="sev1", date="2026-01-01", tests=TEST),
        incident("PM-4", "unguarded", severity="sev1", date="2026-11-19", recurs="PM-3"),
        guarded("PM-5", severity="sev1", proof=proof),
        incident("PM-6", "skipped", tests=TEST),
        incident("PM-7", "failing", severity="sev3", tests=TEST),
        guarded("PM-8"),
        incident("PM-10", "errored", severity="sev2", tests=TEST),
        incident("PM-11", "not-run", tests=TEST),
    )

    summary = ReportSummary(now, [before])

    assert steps(summary) == [
        ("PM-7", "test fails"),
        ("PM-9", "post-mortem removed from the registry"),
        ("PM-6", "guard lost: tests skipped"),
        ("PM-4", "no test, recurred"),
        ("PM-3", "tests expected to fail"),
        ("PM-2", "no test"),
        ("PM-5", "test passes without its fix"),
        ("PM-1", "no test"),
        ("PM-10", "setup or teardown fails"),
    ]
    assert [step.listed for step in summary.next_steps[:3]] == [True, False, True]
    assert [step.changed for step in summary.next_steps[:4]] == [True, True, True, False]


def test_a_loss_is_dated_by_the_reports_and_ends_with_a_new_guard() -> None:
    """It was between the commits of two reports; what was regained is no loss."""
    runs = [
        report(guarded("PM-1"), guarded("PM-2"), day="2026-11-01"),
        report(incident("PM-1", "unguarded"), incident("PM-2", "unguarded"), day="2026-11-08"),
        report(incident("PM-1", "unguarded"), guarded("PM-2"), day="2026-11-15"),
    ]
    for run, commit in zip(runs, ("aaaaaaa", "bbbbbbb", "ccccccc"), strict=True):
        run["run"] = {"commit": commit}

    summary = ReportSummary(runs[2], [runs[0], runs[1]])

    (loss,) = summary.losses.values()
    assert (str(loss.day), loss.commit, loss.since) == ("2026-11-08", "bbbbbbb", "aaaaaaa")
    assert [point.lost for point in summary.course] == [(), ("PM-1", "PM-2"), ()]
    assert steps(summary) == [("PM-1", "guard lost: no test")]


def test_a_history_of_git_dates_a_loss() -> None:
    """It knows the commit, and is used before the reports."""
    events = [{"kind": "linked", "day": "2026-01-01", "commit": "0"}]
    lost = {"kind": "lost", "day": "2026-11-17", "commit": "0123456789"}
    past = {
        "points": [],
        "incidents": [{"id": "pm-1", "events": [*events, lost]}, {"id": "PM-2", "events": events}],
    }
    both = incident("PM-1", "unguarded"), incident("PM-2", "unguarded")

    losses = ReportSummary(report(*both), past=past).losses

    assert {id: loss.commit for id, loss in losses.items()} == {"pm-1": "0123456789"}
    assert isinstance(losses["pm-1"], GuardLoss)


def test_a_part_of_the_suite_is_not_what_a_report_is_compared_with() -> None:
    """The report before is the last one of the whole suite."""
    part = report(day="2026-11-19")
    part["scope"] = {**part["scope"], "kind": "partial"}
    whole = report(guarded("PM-1"), day="2026-11-13")

    summary = ReportSummary(report(incident("PM-1", "unguarded")), [whole, part])

    assert summary.before is whole
    assert summary.lost == ("PM-1",)
    assert summary.since == "13 November"


def test_classes_that_return_come_first() -> None:
    """By recurrences, then twelve months; differences of case and space make no new class."""
    incidents = [
        incident("PM-1", "unguarded", date="2025-11-20", **{"class": "stale  cache"}),
        incident("PM-2", date="2025-11-21", **{"class": "Stale cache"}),
        incident("PM-3", date="2026-05-01", recurs="PM-1", **{"class": "stale cache"}),
        incident("PM-4", date="2020-01-01", **{"class": "clock"}),
        incident("PM-5", "unguarded", date="2026-05-01"),
        *(incident(f"PM-{n}", date="2026-05-01", **{"class": "capacity"}) for n in range(6, 9)),
    ]

    assert summarize_classes(report(*incidents)) == (
        ClassSummary("stale cache", 3, 2, 1, 1),
        ClassSummary("capacity", 3, 3, 0, 0),
        ClassSummary("clock", 1, 0, 0, 0),
        ClassSummary(None, 1, 1, 0, 1),
    )


@pytest.mark.parametrize(
    ("proof", "status"),
    [
        (None, "none"),
        ({"verdict": "proven"}, "proven"),
        ({"verdict": "proven-at-fix"}, "proven"),
        ({"verdict": "not-proven"}, "hollow"),
        ({"verdict": "proven", "outdated": True}, "outdated"),
        ({"verdict": "not-proven", "outdated": True}, "outdated"),
        ({"verdict": "inconclusive"}, "none"),
        ({"verdict": "inconclusive", "outdated": True}, "none"),
    ],
)
def test_what_is_proven_of_an_incident(proof: Mapping[str, Any] | None, status: str) -> None:
    """A verdict that says neither is no proof; without a test there is nothing to prove."""
    whole = report(guarded("PM-1", proof=proof))

    assert sum(ReportSummary(whole).proofs.values()) == (proof is not None)
    assert classify_proof(guarded("PM-1", proof=proof)) == status
    assert classify_proof(incident("PM-1", "unguarded", proof=proof)) is None


def test_a_report_without_a_date_is_the_one_before() -> None:
    """Reports of old versions may have no date at all."""
    earlier = report(guarded("PM-1"))
    earlier["policy"]["today"] = None
    earlier["run"] = None

    assert describe_time_before(earlier, report(guarded("PM-1"))) == "the report before"
