"""The one way in which tests read a JSON report: by the schema that comes with the package."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema

import pytest_postmortem

FILE = Path(pytest_postmortem.__file__).parent / "schemas" / "report.json"

SCHEMA: Mapping[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))


def closed(schema: Any) -> Any:
    """Return the schema as it holds for what we write: nothing that it does not name."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    inner = {name: closed(each) for name, each in schema.items()}
    return {**inner, "additionalProperties": False} if "properties" in inner else inner


def objects(schema: Any) -> Iterator[Mapping[str, Any]]:
    """Yield every schema of an object in a schema."""
    if isinstance(schema, Mapping):
        if "properties" in schema:
            yield schema
        for each in schema.values():
            yield from objects(each)


def read_report(path: Path) -> dict[str, Any]:
    """Return a JSON report, which has to follow the schema."""
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(closed(SCHEMA)).validate(document)
    return document


def without_durations(document: dict[str, Any]) -> dict[str, Any]:
    """Return a JSON report without what may differ: how long it took, and how pytest was called."""
    for incident in (*document["incidents"], *document["unknown"]):
        for test in incident["tests"]:
            test["duration"] = 0
    return {**document, "run": None}
