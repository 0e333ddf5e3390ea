"""`Report` × policy → results of gates; a gate that can't be judged is reported."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from pytest_postmortem.evaluation.evaluate import (
    compute_percentage,
    find_grace_end,
    list_field_texts,
    list_selection_keys,
    normalize_field_value,
    normalize_severity,
    split_selection_values,
)
from pytest_postmortem.model import Finding, Policy, Registry, format_count
from pytest_postmortem.report_model import GateResult, IncidentResult, Report
from pytest_postmortem.text import join_some_texts

GATE_REMEDY = "run the whole suite to judge it"

FRACTION_CODE = "fail-under-fraction"

MAX_SUGGESTED_NAMES = 10


def evaluate_gates(report: Report) -> tuple[GateResult, ...]:
    """Judge every gate that the policy asks for, in a fixed order."""
    policy = report.policy
    gates = (
        ("fail-under", policy.fail_under is not None, _evaluate_fail_under),
        ("require", policy.require, _evaluate_required),
        ("require-proof", policy.require_proof, _evaluate_required_proofs),
        ("require-strength", policy.require_strength is not None, _evaluate_required_strength),
    )
    return tuple(
        _build_unjudged_gate(name, report) or evaluate_gate(report)
        for name, is_asked, evaluate_gate in gates
        if is_asked
    )


def is_report_failing(report: Report) -> bool:
    """Return whether a report fails a run that is otherwise green."""
    wrong = any(finding.severity == "error" for finding in report.findings)
    return wrong or any(gate.judged and not gate.passed for gate in report.gates)


def _build_unjudged_gate(name: str, report: Report) -> GateResult | None:
    if not report.unjudged:
        return None
    reasons = "; ".join(report.unjudged)
    remedy = "configure one to judge it" if report.missing else GATE_REMEDY
    if report.registry.unreachable:
        remedy = "run again when it can be reached"
    elif report.registry.shrunk:
        remedy = "check its token, and the requested data"
    return GateResult(name, judged=False, passed=False, message=f"not judged: {reasons}; {remedy}")


def _evaluate_fail_under(report: Report) -> GateResult:
    """Compare the unrounded share of guarded incidents with the required percentage."""
    minimum = report.policy.fail_under or 0.0
    guarded, required = report.totals.guarded, report.totals.required
    if not required:
        return GateResult("fail-under", True, True, "no incident requires a regression test")
    passed = guarded * 100 >= minimum * required
    shown = compute_percentage(guarded, required, digits=1)
    message = f"{shown:g} % of {format_count(required)} guarded, {minimum:g} % asked"
    if not passed:
        missing = math.ceil(required * minimum / 100) - guarded
        message += f": {format_count(missing)} too few"
    return GateResult("fail-under", True, passed, message)


def _evaluate_required(report: Report) -> GateResult:
    """Require that each incident of the required severities is guarded after its grace period."""
    severities = report.policy.require
    incidents = [
        incident
        for incident in report.incidents
        if incident.required and _has_severity_in(incident, severities)
    ]
    lacking = [incident for incident in incidents if incident.state != "guarded"]
    return _judge_severities(
        report, "require", severities, incidents, lacking, "guarded", "is required"
    )


def _evaluate_required_proofs(report: Report) -> GateResult:
    """Require proofs for incidents of some severities with known fixes, after their grace."""
    severities = report.policy.require_proof
    incidents = find_provable_incidents(report.incidents, severities)
    lacking = [
        incident for incident in incidents if incident.proof is None or not incident.proof.proven
    ]
    return _judge_severities(
        report, "require-proof", severities, incidents, lacking, "proven", "names a fix"
    )


def _judge_severities(
    report: Report,
    name: str,
    severities: Sequence[str],
    incidents: Sequence[IncidentResult],
    lacking: Iterable[IncidentResult],
    demand: str,
    condition: str,
) -> GateResult:
    """Return the result of a gate that all incidents meet but for the ``lacking`` ones.

    ``condition`` says which incidents of the severities the gate is about.
    """
    missing = [
        incident for incident in lacking if not find_grace_end(incident.postmortem, report.policy)
    ]
    names = ", ".join(severities)
    message = (
        f"{len(incidents)} of {format_count(len(incidents))} of {names} {demand} or in grace"
        if incidents
        else f"no incident of {names} {condition}"
    )
    if missing:
        message = (
            f"{format_count(len(missing))} of {names} not {demand}: {_format_incident_ids(missing)}"
        )
    ids = tuple(incident.postmortem.id for incident in missing)
    return _name_unrated_incidents(report, GateResult(name, True, not missing, message, ids))


def _name_unrated_incidents(report: Report, gate: GateResult) -> GateResult:
    """Return a note on incidents without a severity; if all lack one, the gate fails."""
    required = [incident for incident in report.incidents if incident.required]
    unrated = [incident for incident in required if not incident.postmortem.severity]
    if not unrated:
        return gate
    withheld = [incident for incident in unrated if _is_severity_withheld(incident, report)]
    missing = [incident for incident in unrated if incident not in withheld]
    texts = []
    if withheld:
        again = ", and run `pytest-postmortem sync`" if report.registry.limited else ""
        texts.append(
            f"the severity of {format_count(len(withheld))} is withheld by postmortem_show, or"
            f" missing: not judged ({_format_incident_ids(withheld)}); set postmortem_show to title"
            f" or all{again}"
        )
    if missing and len(unrated) < len(required):
        verb = "has" if len(missing) == 1 else "have"
        texts.append(
            f"{format_count(len(missing))} {verb} no severity: not judged"
            f" ({_format_incident_ids(missing)})"
        )
    elif missing:
        example = f"severity: {list_gate_severities(report.policy)[0]}"
        none_of = "none with a severity" if missing == required else "the others without a severity"
        texts.append(
            f"{format_count(len(required))} required, {none_of}; add one to each, such as"
            f" {example!r}"
        )
    if len(unrated) < len(required):
        return gate._replace(message="; ".join((gate.message, *texts)))
    return gate._replace(passed=False, message="; ".join(texts))


def _is_severity_withheld(incident: IncidentResult, report: Report) -> bool:
    """Return whether the entry of an incident was reduced to the fields that may be shown."""
    postmortem = incident.postmortem
    return postmortem.show in ("id", "link") or postmortem.path in report.registry.limited


def _evaluate_required_strength(report: Report) -> GateResult:
    """Require that the tests of each proven incident notice a share of the changes to its fix.

    An incident whose strength is not known today is not judged.
    """
    minimum = report.policy.require_strength or 0.0
    proven = [
        incident
        for incident in report.incidents
        if incident.required and incident.proof is not None and incident.proof.proven
    ]
    known = {
        incident.postmortem.id: (incident, incident.proof.strength)
        for incident in proven
        if incident.proof and incident.proof.strength and not incident.proof.strength.outdated
    }
    unknown = [incident for incident in proven if incident.postmortem.id not in known]
    weak = [
        f"{id} {strength.noticed} of {strength.total}"
        for id, (incident, strength) in known.items()
        if strength.noticed * 100 < minimum * strength.total
        and not find_grace_end(incident.postmortem, report.policy)
    ]
    texts = []
    if weak:
        texts.append(
            f"{format_count(len(weak))} with less than {minimum:g} % of changes noticed:"
            f" {join_some_texts(weak, ', ', 5)}"
        )
    elif known:
        texts.append(
            f"{len(known)} of {format_count(len(known))} with {minimum:g} % of changes noticed,"
            " or in grace"
        )
    if unknown:
        texts.append(
            f"the strength of {format_count(len(unknown))} is not known today: not judged"
            f" ({_format_incident_ids(unknown)}); run `pytest-postmortem prove --strength`"
        )
    if not proven:
        texts.append("no incident is proven: not judged; run `pytest-postmortem prove --strength`")
    return GateResult("require-strength", bool(known), bool(known) and not weak, "; ".join(texts))


def describe_gate_gap(
    gate: str, state: str, reason: str | None, verdict: str | None, *, outdated: bool
) -> str:
    """Return why an incident does not meet a gate; ``verdict`` and ``outdated`` are its proof."""
    if gate == "require-proof":
        return "proof outdated" if outdated else (verdict or "no proof").replace("-", " ")
    words = "no regression test" if state == "unguarded" else state.replace("-", " ")
    if not reason:
        return words
    return reason if reason.startswith(("skipped", "xfailed")) else f"{words}, {reason}"


def find_provable_incidents(
    incidents: Iterable[IncidentResult], severities: Sequence[str]
) -> list[IncidentResult]:
    """Return the required incidents of some severities with a known fix."""
    return [
        incident
        for incident in incidents
        if incident.required
        and _has_severity_in(incident, severities)
        and (incident.postmortem.fix or incident.postmortem.patch or incident.proof)
    ]


def check_unprovable_incidents(report: Report) -> tuple[Finding, ...]:
    """Return a finding for each linked incident that requires a proof, and has no fix."""
    severities = report.policy.require_proof
    provable_ids = {
        incident.postmortem.id for incident in find_provable_incidents(report.incidents, severities)
    }
    return tuple(
        Finding(
            "fix-missing",
            "warning",
            f"{incident.postmortem.id} names no fix, so that its test can't be proven;"
            " name the commit"
            f" as 'fix: …' (`pytest-postmortem prove {incident.postmortem.id}` looks for it)",
            incident.postmortem.path,
            incident.postmortem.line,
        )
        for incident in report.incidents
        if incident.required
        and incident.tests
        and _has_severity_in(incident, severities)
        and incident.postmortem.id not in provable_ids
    )


def list_gate_severities(policy: Policy) -> tuple[str, ...]:
    """Return the severities that a policy names in its gates, each once."""
    return tuple(_index_by_normal_form((*policy.require, *policy.require_proof)).values())


def check_percentage(policy: Policy) -> Iterator[Finding]:
    """Yield a warning for each percentage that looks like a share of 1."""
    percentages = (
        ("fail-under", policy.fail_under),
        ("postmortem_require_strength", policy.require_strength),
    )
    for name, minimum in percentages:
        if minimum is not None and 0 < minimum < 1:
            message = (
                f"{name} is a percentage, and {minimum:g} asks for {minimum:g} %;"
                f" write {minimum * 100:g} for {minimum * 100:g} %"
            )
            yield Finding(FRACTION_CODE, "warning", message)


def check_policy(policy: Policy, registry: Registry) -> Iterator[Finding]:
    """Yield a warning for each value of the policy that matches no incident.

    Nothing is yielded if the registry is empty or partly unreachable.
    """
    if registry.unreachable or not len(registry):
        return
    rated = _index_by_normal_form(
        postmortem.severity for postmortem in registry if postmortem.severity
    )
    known_severities = {*rated, *map(normalize_severity, policy.severities)}
    for severity in list_gate_severities(policy) if rated else ():
        if normalize_severity(severity) not in known_severities:
            name = "require" if severity in policy.require else "require_proof"
            message = f"postmortem_{name} has {severity!r}, a severity of no incident"
            yield _build_unfit_value_finding("unknown-severity", message, rated.values())
    for key, texts in policy.select:
        keys = dict.fromkeys(
            key for postmortem in registry for key in list_selection_keys(postmortem)
        )
        if key not in keys:
            message = f"postmortem_select has {key!r}, a key of no incident"
            yield _build_unfit_value_finding("unknown-selection", message, keys)
            continue
        values: dict[str, str] = {}
        for text in (text for each in registry for text in list_field_texts(each, key)):
            values.setdefault(normalize_field_value(key, text), text)
        for text in split_selection_values(key, texts):
            if normalize_field_value(key, text) not in values:
                message = f"postmortem_select has '{key}:{text}', which fits no incident"
                yield _build_unfit_value_finding("unknown-selection", message, values.values())


def _index_by_normal_form(texts: Iterable[str]) -> dict[str, str]:
    """Return values by their normal form, each with its first spelling."""
    found: dict[str, str] = {}
    for text in texts:
        found.setdefault(normalize_severity(text), text)
    return found


def _build_unfit_value_finding(code: str, message: str, known: Iterable[str]) -> Finding:
    names = list(dict.fromkeys(known))
    shown = join_some_texts(names, ", ", MAX_SUGGESTED_NAMES)
    remedy = f"there are {shown}" if names else "there are none"
    return Finding(code, "warning", f"{message}; {remedy}")


def _has_severity_in(incident: IncidentResult, severities: Sequence[str]) -> bool:
    severity = incident.postmortem.severity
    return severity is not None and normalize_severity(severity) in map(
        normalize_severity, severities
    )


def count_days_past_grace(day: date | None, policy: Policy) -> int | None:
    """Return how many days ago the grace of an incident of this day ended, at most 0 while it has
    some; None where a date is not known.
    """
    if day is None or policy.today is None:
        return None
    return (policy.today - day).days - policy.grace


def _format_incident_ids(incidents: Sequence[IncidentResult], most: int = 5) -> str:
    return join_some_texts([incident.postmortem.id for incident in incidents], ", ", most)
