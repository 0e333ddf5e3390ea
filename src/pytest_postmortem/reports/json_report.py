"""The JSON report, the contract with every other tool; ``REPORT_FORMAT`` is its version.

Every other format is built from this data alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pytest_postmortem import __version__
from pytest_postmortem.model import Policy, Proof, ShowLevel
from pytest_postmortem.report_model import IncidentResult, Report
from pytest_postmortem.reports.redaction import redact_postmortem, redact_reason

REPORT_FORMAT = 1
REGISTRY_KEYS = ("locations", "partial", "unreachable", "shrunk")
"""What a report says of its registry: the places, and why it may lack some post-mortems."""


def format_json_document(document: Mapping[str, Any] | Sequence[Any]) -> str:
    """Return plain data as the text of a JSON file with one field a line."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def build_report_document(report: Report, show: ShowLevel | None = None) -> Mapping[str, Any]:
    """Return a report as plain data.

    Incidents are in registry order and tests by path and line, so that two runs of one
    tree compare equal but for durations.
    """
    return {
        "format": REPORT_FORMAT,
        "tool": {"name": "pytest-postmortem", "version": __version__},
        "run": None if report.ran is None else _build_record_data(report.ran),
        "registry": {name: list(getattr(report.registry, name)) for name in REGISTRY_KEYS},
        "missing": report.missing,
        "scope": _build_record_data(report.scope),
        "totals": _build_record_data(report.totals),
        "unjudged": list(report.unjudged),
        "policy": _build_policy_data(report.policy),
        "incidents": [_build_incident_data(incident, show) for incident in report.incidents],
        "findings": [_build_record_data(finding) for finding in report.findings],
        "gates": [_build_record_data(gate) for gate in report.gates],
        "declared": sorted(report.declared),
        "strangers": list(report.unknown_foreign_ids),
        "unchecked": list(report.unchecked),
        "unknown": [
            {"id": unknown_id.id, "tests": [_build_record_data(test) for test in unknown_id.tests]}
            for unknown_id in report.unknown
        ],
        "unselected": list(report.unselected),
    }


def _build_record_data(item: NamedTuple) -> dict[str, Any]:
    """Return a flat record as plain data."""
    values = item._asdict().items()
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values}


def _build_policy_data(policy: Policy) -> Mapping[str, Any]:
    return {
        "fail_under": policy.fail_under,
        "require": list(policy.require),
        "require_proof": list(policy.require_proof),
        "require_strength": policy.require_strength,
        "since": policy.since and policy.since.isoformat(),
        "grace": policy.grace,
        "today": policy.today and policy.today.isoformat(),
        "severities": list(policy.severities),
    }


def _build_incident_data(incident: IncidentResult, show: ShowLevel | None) -> Mapping[str, Any]:
    postmortem = incident.postmortem
    shown = redact_postmortem(postmortem, show)
    return {
        "id": shown.id,
        "title": shown.title,
        "url": shown.url,
        "date": shown.date,
        "severity": shown.severity,
        "class": shown.problem_class,
        "state": incident.state,
        "required": incident.required,
        "flaky": incident.flaky,
        "reason": redact_reason(incident, show),
        "note": incident.note,
        "path": shown.path,
        "line": shown.line,
        "owner": shown.owner,
        "status": shown.status,
        "tags": list(shown.tags),
        "service": list(shown.service),
        "aliases": list(postmortem.aliases),
        "recurs": shown.recurs,
        "fix": list(shown.fix),
        "provable": bool(postmortem.fix or postmortem.patch),
        "root_cause": shown.root_cause,
        "whys": list(shown.whys),
        "declared": bool(postmortem.guarded_by),
        "guarded_by": [guard.type for guard in shown.guarded_by],
        "exempt": postmortem.exempt,
        "until": postmortem.until,
        "declares": list(postmortem.tests),
        "show": show or postmortem.show,
        "tests": [_build_record_data(test) for test in incident.tests],
        "action_items": [_build_record_data(item) for item in shown.action_items],
        "proof": build_proof_data(incident.proof, show or postmortem.show),
    }


def build_proof_data(proof: Proof | None, show: ShowLevel) -> Mapping[str, Any] | None:
    """Return a proof; its reason may quote the code, and the fix is a field of the post-mortem."""
    if proof is None:
        return None
    whole = show == "all"
    day = proof.day and proof.day.isoformat()
    strength = proof.strength and _build_record_data(proof.strength)
    own = {"day": day, "fix": proof.fix if whole else "", "strength": strength}
    return _build_record_data(proof) | own
