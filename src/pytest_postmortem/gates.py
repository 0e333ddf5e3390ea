"""`Report` × policy → what fails the run; a gate that can't be judged never passes silently."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from pytest_postmortem.assess import percent, severity_key
from pytest_postmortem.model import Finding, Policy, count_of
from pytest_postmortem.states import Gate, Incident, Report

__all__ = ["fails", "judge", "unprovable"]

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
    if policy.require_proof:
        yield _unjudged("require-proof", report) or _require_proof(report)


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


def _require_proof(report: Report) -> Gate:
    """Ask that incidents of some severities whose fix is known are proven, after their grace."""
    policy = report.policy
    asked = provable(report.incidents, policy.require_proof)
    open_ = [each for each in asked if each.proof is None or not each.proof.proven]
    missing = [each for each in open_ if not _in_grace(each, policy)]
    severities = ", ".join(policy.require_proof)
    message = f"{len(asked)} of {count_of(len(asked))} of {severities} proven or in grace"
    if not asked:
        message = f"no incident of {severities} names a fix"
    if missing:
        message = f"{count_of(len(missing))} of {severities} not proven: {_ids(missing)}"
    return Gate("require-proof", True, not missing, message)


def provable(incidents: Iterable[Incident], severities: Sequence[str]) -> list[Incident]:
    """Return the required incidents of some severities whose fix is named, or was found."""
    return [
        each
        for each in incidents
        if each.required
        and _is_one_of(each, severities)
        and (each.postmortem.fix or each.postmortem.patch or each.proof)
    ]


def unprovable(report: Report) -> tuple[Finding, ...]:
    """Return a finding for each linked incident that should be proven, and names no fix."""
    severities = report.policy.require_proof
    known = {each.postmortem.id for each in provable(report.incidents, severities)}
    return tuple(
        Finding(
            "fix-missing",
            "warning",
            f"{each.postmortem.id} names no fix, so that its test can't be proven; name the commit"
            f" as 'fix: …' (`pytest-postmortem prove {each.postmortem.id}` looks for it)",
            each.postmortem.path,
            each.postmortem.line,
        )
        for each in report.incidents
        if each.required
        and each.tests
        and _is_one_of(each, severities)
        and each.postmortem.id not in known
    )


def _asked(incident: Incident, policy: Policy) -> bool:
    return _is_one_of(incident, policy.require)


def _is_one_of(incident: Incident, severities: Sequence[str]) -> bool:
    severity = incident.postmortem.severity
    return severity is not None and severity_key(severity) in map(severity_key, severities)


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
