"""The fixed part of the JSON report as a JSON Schema, and the one way in which tests read one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema

from pytest_postmortem.assess import STATES
from pytest_postmortem.model import OUTCOMES

__all__ = ["SCHEMA", "read_report", "without_durations"]

TEXT = {"type": "string"}
NUMBER = {"type": "number", "minimum": 0}
COUNT = {"type": "integer", "minimum": 0}
YES_OR_NO = {"type": "boolean"}
LINE = {"type": ["integer", "null"], "minimum": 1}
TEXT_OR_NULL = {"type": ["string", "null"]}
DAY_OR_NULL = {"type": ["string", "null"], "pattern": r"^\d{4}-\d\d-\d\d$"}


def record(**fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema of an object that has these fields, and may have others."""
    return {"type": "object", "properties": fields, "required": list(fields)}


def list_of(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema of a list."""
    return {"type": "array", "items": schema}


def one_of(*words: str) -> Mapping[str, Any]:
    """Return the schema of a closed set of words."""
    return {"enum": list(words)}


TEST = record(
    nodeid=TEXT,
    outcome=one_of(*OUTCOMES),
    duration=NUMBER,
    path=TEXT,
    line=LINE,
)

INCIDENT = record(
    **{"class": TEXT_OR_NULL},
    id=TEXT,
    title=TEXT,
    url=TEXT_OR_NULL,
    date=TEXT_OR_NULL,
    severity=TEXT_OR_NULL,
    state=one_of(*STATES),
    flaky=YES_OR_NO,
    reason=TEXT_OR_NULL,
    tests=list_of(TEST),
    action_items=list_of({"type": "object"}),
    proof={"type": ["object", "null"]},
)

SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    **record(
        format={"const": 1},
        tool=record(name={"const": "pytest-postmortem"}, version=TEXT),
        registry=record(
            locations=list_of(TEXT), partial=list_of(TEXT), unreachable=list_of(TEXT)
        ),
        scope=record(
            kind=one_of("full", "partial"),
            reasons=list_of(TEXT),
            root=TEXT,
            files=list_of(TEXT),
            expected={"type": ["array", "null"], "items": TEXT},
        ),
        totals=record(
            incidents=COUNT,
            required=COUNT,
            linked=COUNT,
            guarded=COUNT,
            proven=COUNT,
            percent={"type": ["number", "null"], "minimum": 0, "maximum": 100},
        ),
        policy=record(
            fail_under={"type": ["number", "null"], "minimum": 0, "maximum": 100},
            require=list_of(TEXT),
            since=DAY_OR_NULL,
            grace=COUNT,
            today=DAY_OR_NULL,
        ),
        incidents=list_of(INCIDENT),
        findings=list_of(
            record(
                code=TEXT,
                severity=one_of("error", "warning"),
                message=TEXT,
                path=TEXT_OR_NULL,
                line=LINE,
            )
        ),
        gates=list_of(record(name=TEXT, judged=YES_OR_NO, passed=YES_OR_NO, message=TEXT)),
    ),
}


def read_report(path: Path) -> dict[str, Any]:
    """Return a JSON report, which has to follow the schema."""
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    return document


def without_durations(document: dict[str, Any]) -> dict[str, Any]:
    """Return a JSON report in which every duration, the one thing that may differ, is nought."""
    tests = [test for incident in document["incidents"] for test in incident["tests"]]
    for test in tests:
        test["duration"] = 0
    return document
