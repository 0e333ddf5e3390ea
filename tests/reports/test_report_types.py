"""The schema and the types of the JSON report, which other programs rely on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import report_types as generator
from report_schema import SCHEMA


def list_fields(schema: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every field of a schema with its name, also of nested objects."""
    if isinstance(schema, list):
        for part in schema:
            yield from list_fields(part)
    elif isinstance(schema, Mapping):
        yield from schema.get("properties", {}).items()
        for part in schema.values():
            yield from list_fields(part)


def test_the_types_of_the_report_are_those_of_its_schema() -> None:
    """``python tools/report_types.py`` writes them."""
    assert generator.TYPES_FILE.read_text(encoding="utf-8") == generator.render_report_types()


def test_every_field_of_the_report_is_described() -> None:
    """In the schema, and so in the types: one sentence for each."""
    fields = list(list_fields(SCHEMA))

    assert len(fields) > 100
    assert [name for name, field in fields if not field.get("description", "").endswith(".")] == []


def test_the_schema_is_identified_by_the_format() -> None:
    """A program that keeps schemas finds the one of a report by its format."""
    number = SCHEMA["properties"]["format"]["const"]

    assert SCHEMA["$id"] == f"urn:pytest-postmortem:report:{number}"
