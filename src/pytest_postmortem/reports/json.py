"""The JSON report, the contract with every other tool; ``FORMAT`` is its version."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from pytest_postmortem import __version__
from pytest_postmortem.assess import Incident, Report, TestResult
from pytest_postmortem.model import Policy, Scope, Show
from pytest_postmortem.reports.shown import reason_shown, reveal

__all__ = ["FORMAT", "render"]

FORMAT = 1


def render(report: Report, show: Show | None = None) -> str:
    """Return the report as JSON with one field a line, ending in a line feed.

    Incidents stand in the registry's order and tests by path and line, so that two runs of one
    tree compare equal but for durations.
    """
    return json.dumps(document(report, show), indent=1, ensure_ascii=False) + "\n"


def document(report: Report, show: Show | None = None) -> Mapping[str, Any]:
    """Return the report as the plain data that `render` writes."""
    return {
        "format": FORMAT,
        "tool": {"name": "pytest-postmortem", "version": __version__},
        "registry": dataclasses.asdict(report.registry),
        "scope": _scope(report.scope),
        "totals": dataclasses.asdict(report.totals),
        "policy": _policy(report.policy),
        "incidents": [_incident(incident, show) for incident in report.incidents],
        "findings": [dataclasses.asdict(finding) for finding in report.findings],
        "gates": [dataclasses.asdict(gate) for gate in report.gates],
    }


def _scope(scope: Scope) -> Mapping[str, Any]:
    return {
        "kind": scope.kind,
        "reasons": list(scope.reasons),
        "root": scope.root,
        "files": list(scope.files),
        "expected": None if scope.expected is None else list(scope.expected),
    }


def _policy(policy: Policy) -> Mapping[str, Any]:
    return {
        "fail_under": policy.fail_under,
        "require": list(policy.require),
        "since": policy.since and policy.since.isoformat(),
        "grace": policy.grace,
        "today": policy.today and policy.today.isoformat(),
    }


def _incident(incident: Incident, show: Show | None) -> Mapping[str, Any]:
    shown = reveal(incident.postmortem, show)
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
        "root_cause": shown.root_cause,
        "tests": [_test(test) for test in incident.tests],
        "action_items": [dataclasses.asdict(item) for item in shown.action_items],
        "proof": None,
    }


def _test(test: TestResult) -> Mapping[str, Any]:
    return {
        "nodeid": test.nodeid,
        "outcome": test.outcome,
        "duration": test.duration,
        "path": test.path,
        "line": test.line,
    }
