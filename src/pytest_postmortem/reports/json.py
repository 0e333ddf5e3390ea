"""The JSON report, the contract with every other tool; ``FORMAT`` is its version.

`render` writes it. What every other format says is built from it alone.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from pytest_postmortem import __version__
from pytest_postmortem.model import Policy, Proof, Scope, Show
from pytest_postmortem.reports.shown import reason_shown, reveal
from pytest_postmortem.states import Incident, Report

__all__ = ["FORMAT", "document", "render", "text_of"]

FORMAT = 1


def render(report: Report, show: Show | None = None) -> str:
    """Return the report as JSON with one field a line, ending in a line feed.

    Incidents stand in the registry's order and tests by path and line, so that two runs of one
    tree compare equal but for durations.
    """
    return text_of(document(report, show))


def text_of(document: Mapping[str, Any]) -> str:
    """Return plain data as it stands in a file."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def document(report: Report, show: Show | None = None) -> Mapping[str, Any]:
    """Return the report as the plain data that `render` writes."""
    return {
        "format": FORMAT,
        "tool": {"name": "pytest-postmortem", "version": __version__},
        "run": None if report.ran is None else _plain(report.ran),
        "registry": _plain(report.registry),
        "missing": report.missing,
        "scope": _scope(report.scope),
        "totals": _plain(report.totals),
        "unjudged": list(report.unjudged),
        "policy": _policy(report.policy),
        "incidents": [_incident(incident, show) for incident in report.incidents],
        "findings": [_plain(finding) for finding in report.findings],
        "gates": [_plain(gate) for gate in report.gates],
        "declared": sorted(report.declared),
        "strangers": list(report.strangers),
        "unchecked": list(report.unchecked),
        "unknown": [
            {"id": each.id, "tests": [_plain(test) for test in each.tests]}
            for each in report.unknown
        ],
        "unselected": list(report.unselected),
    }


def _plain(item: Any) -> dict[str, Any]:
    """Return a flat record as plain data."""
    values = ((each.name, getattr(item, each.name)) for each in dataclasses.fields(item))
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values}


def _scope(scope: Scope) -> Mapping[str, Any]:
    return {
        "kind": scope.kind,
        "reasons": list(scope.reasons),
        "root": scope.root,
        "files": list(scope.files),
        "expected": None if scope.expected is None else list(scope.expected),
        "own_selection": scope.own_selection,
        "executes": scope.executes,
        "forced": scope.forced,
    }


def _policy(policy: Policy) -> Mapping[str, Any]:
    return {
        "fail_under": policy.fail_under,
        "require": list(policy.require),
        "require_proof": list(policy.require_proof),
        "since": policy.since and policy.since.isoformat(),
        "grace": policy.grace,
        "today": policy.today and policy.today.isoformat(),
        "severities": list(policy.severities),
    }


def _incident(incident: Incident, show: Show | None) -> Mapping[str, Any]:
    postmortem = incident.postmortem
    shown = reveal(postmortem, show)
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
        "reason": reason_shown(incident, show),
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
        "tests": [_plain(test) for test in incident.tests],
        "action_items": [_plain(item) for item in shown.action_items],
        "proof": told_proof(incident.proof, show or postmortem.show),
    }


def told_proof(proof: Proof | None, show: Show) -> Mapping[str, Any] | None:
    """Return a proof; its reason may quote the code, and the fix is a field of the post-mortem."""
    if proof is None:
        return None
    whole = show == "all"
    return {
        "verdict": proof.verdict,
        "day": proof.day and proof.day.isoformat(),
        "fix": proof.fix if whole else "",
        "reason": proof.reason,
        "outdated": proof.outdated,
    }
