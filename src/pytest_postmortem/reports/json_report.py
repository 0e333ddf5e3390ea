"""The JSON report, the contract with every other tool; ``REPORT_FORMAT`` is its version.

Every other format is built from this data alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from pytest_postmortem import __version__
from pytest_postmortem.model import Proof, ShowLevel
from pytest_postmortem.report_model import IncidentResult, Report
from pytest_postmortem.reports.redaction import redact_postmortem, redact_reason

REPORT_FORMAT = 1
REGISTRY_KEYS = ("locations", "partial", "unreachable", "shrunk")
"""What a report says of its registry: the places, and why it may lack some post-mortems."""

POLICY_KEYS = (
    *("fail_under", "require", "require_proof", "require_strength"),
    *("since", "grace", "today", "severities"),
)
"""What a report says of its policy."""


def format_json_document(document: Mapping[str, Any] | Sequence[Any]) -> str:
    """Return plain data as the text of a JSON file with one field a line."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def build_report_document(report: Report, show: ShowLevel | None = None) -> Mapping[str, Any]:
    """Return a report as plain data.

    Incidents are in registry order and tests by path and line, so that two runs of one
    tree compare equal but for durations.
    """
    policy = _build_record_data(report.policy)
    return {
        "format": REPORT_FORMAT,
        "tool": {"name": "pytest-postmortem", "version": __version__},
        "run": None if report.ran is None else _build_record_data(report.ran),
        "registry": {name: list(getattr(report.registry, name)) for name in REGISTRY_KEYS},
        "missing": report.missing,
        "scope": _build_record_data(report.scope),
        "totals": _build_record_data(report.totals),
        "unjudged": list(report.unjudged),
        "policy": {name: policy[name] for name in POLICY_KEYS},
        "incidents": [_build_incident_data(incident, show) for incident in report.incidents],
        "findings": [_build_record_data(finding) for finding in report.findings],
        "gates": [_build_record_data(gate) for gate in report.gates],
        "declared": sorted(report.declared),
        "strangers": list(report.unknown_foreign_ids),
        "unchecked": list(report.unchecked),
        "unknown": [_build_record_data(unknown_id) for unknown_id in report.unknown],
        "unselected": list(report.unselected),
    }


def _build_record_data(item: Any) -> dict[str, Any]:
    """Return a named tuple as plain data; `merge` has the reverse."""
    return {name: _build_plain_value(value) for name, value in item._asdict().items()}


def _build_plain_value(value: Any) -> Any:
    if isinstance(value, tuple):
        fields = hasattr(value, "_fields")
        return _build_record_data(value) if fields else list(map(_build_plain_value, value))
    return value.isoformat() if isinstance(value, date) else value


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
    return _build_record_data(proof if show == "all" else proof._replace(fix=""))
