"""`Report` × policy → what fails the run; a gate that can't be judged never passes silently."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from pytest_postmortem.assess import percent, severity_key
from pytest_postmortem.model import Policy, count_of
from pytest_postmortem.states import Gate, Incident, Report

__all__ = ["fails", "judge"]

REMEDY = "run the whole suite to judge it"


def judge(report: Report) -> tuple[Gate, ...]:
    """Judge every gate that the policy asks for, in a fixed order."""
    return tuple(_gates(report))


def fails(report: Report) -> bool:
    """Say whether a report makes a run fail that is otherwise green."""
    wrong = any(finding.severity == "error" for finding in report.findings)
    return wrong or any(gate.judged and not gate.passed for gate in report.gates)


def _gates(report: Report) -> Iterator[Gate]:
    policy = report.policy
    if policy.fail_under is not None:
        yield _unjudged("fail-under", report) or _fail_under(report, policy.fail_under)
    if policy.require:
        yield _unjudged("require", report) or _require(report)


def _unjudged(name: str, report: Report) -> Gate | None:
    if not report.unjudged:
        return None
    reasons = "; ".join(report.unjudged)
    remedy = "configure one to judge it" if report.missing else REMEDY
    if report.registry.unreachable:
        remedy = "run again when it can be reached"
    return Gate(name, judged=False, passed=False, message=f"not judged: {reasons}; {remedy}")


def _fail_under(report: Report, minimum: float) -> Gate:
    """Compare the unrounded share of the required incidents, shown rounded down."""
    guarded, required = report.totals.guarded, report.totals.required
    if not required:
        return Gate("fail-under", True, True, "no incident requires a regression test")
    passed = _enough(guarded, required, minimum)
    shown = percent(guarded, required, digits=1)
    message = f"{shown:g} % of {count_of(required)} guarded, {minimum:g} % asked"
    if not passed:
        missing = math.ceil(required * minimum / 100) - guarded
        message += f": {count_of(missing)} too few"
    return Gate("fail-under", True, passed, message)


def _enough(guarded: int, required: int, minimum: float) -> bool:
    return guarded * 100 >= minimum * required


def _require(report: Report) -> Gate:
    """Ask that every incident of the required severities is guarded once its grace is over."""
    policy = report.policy
    asked = [each for each in report.incidents if each.required and _asked(each, policy)]
    missing = [each for each in asked if each.state != "guarded" and not _in_grace(each, policy)]
    severities = ", ".join(policy.require)
    message = f"{len(asked)} of {count_of(len(asked))} of {severities} guarded or in grace"
    if not asked:
        message = f"no incident of {severities} is required"
    if missing:
        message = f"{count_of(len(missing))} of {severities} not guarded: {_ids(missing)}"
    required = sum(each.required for each in report.incidents)
    unrated = sum(each.required and not each.postmortem.severity for each in report.incidents)
    if unrated:
        verb = "has" if unrated == 1 else "have"
        if unrated == required:
            none = f"not judged: {count_of(unrated)} {verb} no severity"
            return Gate("require", judged=False, passed=False, message=none)
        message += f"; {count_of(unrated)} {verb} no severity: not judged"
    return Gate("require", True, not missing, message)


def _asked(incident: Incident, policy: Policy) -> bool:
    severity = incident.postmortem.severity
    return severity is not None and severity_key(severity) in map(severity_key, policy.require)


def _in_grace(incident: Incident, policy: Policy) -> bool:
    """Say whether an incident is so young that it need not be guarded; undated it never is."""
    day = incident.postmortem.day
    if day is None or policy.today is None or not policy.grace:
        return False
    return (policy.today - day).days <= policy.grace


def _ids(incidents: Sequence[Incident], most: int = 5) -> str:
    names = ", ".join(incident.postmortem.id for incident in incidents[:most])
    more = len(incidents) - most
    return f"{names} and {more} more" if more > 0 else names
