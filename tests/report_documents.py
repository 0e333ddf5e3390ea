"""Small JSON reports as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_postmortem.reports.data.merge import ReportSource, merge_reports
from pytest_postmortem.reports.json_report import build_report_document

BLANK: Mapping[str, Any] = {
    "format": 1,
    "scope": {"kind": "full", "reasons": [], "root": "", "files": [], "expected": None},
    "policy": {"fail_under": None, "require": [], "since": None, "grace": 0, "today": None},
    "incidents": [],
    "findings": [],
    "gates": [],
}


def data(**changes: Any) -> dict[str, Any]:
    """Return the plain data of an empty report with some of its fields changed."""
    empty = build_report_document(merge_reports([ReportSource(BLANK, "blank.json")]))
    return {**empty, **changes}


def incident(id: str, *tests: tuple[str, str], **fields: Any) -> dict[str, Any]:
    """Return an incident with linked tests, each a node id and an outcome."""
    return {
        "id": id,
        "title": id,
        "url": None,
        "date": None,
        "severity": None,
        "class": None,
        "state": "unguarded",
        "reason": None,
        "action_items": [],
        "tests": [
            {"nodeid": nodeid, "outcome": word, "duration": 0.1, "path": "t.py", "line": 1}
            for nodeid, word in tests
        ],
        **fields,
    }
