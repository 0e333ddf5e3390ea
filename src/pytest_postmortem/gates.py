"""`Report` × policy → what fails the run; a gate that can't be judged never passes silently."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from pytest_postmortem.assess import percent, selectable, severity_key, split_values, texts_of
from pytest_postmortem.model import Finding, Policy, Registry, count_of
from pytest_postmortem.states import Gate, Incident, Report

__all__ = ["FRACTION", "check_percentage", "check_policy", "fails", "judge", "unprovable"]

REMEDY = "run the whole suite to judge it"

FRACTION = "fail-under-fraction"

MOST_NAMES = 10


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
    elif report.registry.shrunk:
        remedy = "check its token, and what is asked for"
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
    return _with_unrated(report, Gate("require", True, not missing, message))


def _with_unrated(report: Report, gate: Gate) -> Gate:
    """Name the incidents without a severity; where none has one, no incident can be required,
    which is an error of the set-up and fails the gate.
    """
    required = [each for each in report.incidents if each.required]
    unrated = [each for each in required if not each.postmortem.severity]
    if not unrated:
        return gate
    if len(unrated) < len(required):
        verb = "has" if len(unrated) == 1 else "have"
        text = f"{count_of(len(unrated))} {verb} no severity: not judged ({_ids(unrated)})"
        return replace(gate, message=f"{gate.message}; {text}")
    text = f"{count_of(len(unrated))} required, none with a severity; add one to each, such as"
    text += f" 'severity: {severities_of(report.policy)[0]}'"
    if any(each.postmortem.show in ("id", "link") for each in unrated):
        text += ", and let postmortem_show keep it (title or all)"
    return replace(gate, passed=False, message=text)


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
    return _with_unrated(report, Gate("require-proof", True, not missing, message))


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


def severities_of(policy: Policy) -> tuple[str, ...]:
    """Return the severities that a policy names in its gates, each once."""
    return tuple(_by_key((*policy.require, *policy.require_proof)).values())


def check_percentage(policy: Policy) -> Iterator[Finding]:
    """Yield a warning for a percentage that looks like a share of 1."""
    minimum = policy.fail_under
    if minimum is not None and 0 < minimum < 1:
        message = (
            f"fail-under is a percentage, and {minimum:g} asks for {minimum:g} %;"
            f" write {minimum * 100:g} for {minimum * 100:g} %"
        )
        yield Finding(FRACTION, "warning", message)


def check_policy(policy: Policy, registry: Registry) -> Iterator[Finding]:
    """Yield a warning for each part of a policy that fits no incident, as a misspelt one does.

    Where a part of the registry can't be reached, or it is empty, nothing is known of it.
    """
    if registry.unreachable or not len(registry):
        return
    rated = _by_key(each.severity for each in registry if each.severity)
    known = {*rated, *map(severity_key, policy.severities)}
    for severity in severities_of(policy) if rated else ():
        if severity_key(severity) not in known:
            name = "require" if severity in policy.require else "require_proof"
            message = f"postmortem_{name} has {severity!r}, a severity of no incident"
            yield _unknown("unknown-severity", message, rated.values())
    for key, texts in policy.select:
        keys = dict.fromkeys(key for each in registry for key in selectable(each))
        if key not in keys:
            message = f"postmortem_select has {key!r}, a key of no incident"
            yield _unknown("unknown-selection", message, keys)
            continue
        values = _by_key(text for each in registry for text in texts_of(each, key))
        for text in split_values(key, texts):
            if severity_key(text) not in values:
                message = f"postmortem_select has '{key}:{text}', which fits no incident"
                yield _unknown("unknown-selection", message, values.values())


def _by_key(texts: Iterable[str]) -> dict[str, str]:
    """Return values by their normal form, each as it is written first."""
    found: dict[str, str] = {}
    for text in texts:
        found.setdefault(severity_key(text), text)
    return found


def _unknown(code: str, message: str, known: Iterable[str]) -> Finding:
    names = list(dict.fromkeys(known))
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    remedy = f"there are {', '.join(names[:MOST_NAMES])}{more}" if names else "there are none"
    return Finding(code, "warning", f"{message}; {remedy}")


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
