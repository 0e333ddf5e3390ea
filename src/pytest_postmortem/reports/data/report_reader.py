"""Report files → the plain data of a JSON report, or of JUnit XML."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from pytest_postmortem.errors import Problem, ReportError
from pytest_postmortem.model import Finding, Policy, Scope, parse_iso_date
from pytest_postmortem.report_model import Report, Totals
from pytest_postmortem.reports.data.junit import parse_junit_report
from pytest_postmortem.reports.data.merge import ReportSource
from pytest_postmortem.reports.json_report import REPORT_FORMAT, build_report_document

MAX_REPORT_SIZE = 500_000_000
REPORT_UNREADABLE = "Couldn't read report"
REQUIRED_REPORT_KEYS = ("scope", "totals", "policy", "incidents", "findings", "gates")

EMPTY_REPORT_DOCUMENT = build_report_document(
    Report((), Totals(), Scope(), Policy(), missing="no registry")
)
"""What a report says that knows no incident."""


def read_report_files(
    paths: Iterator[Path], suites: Callable[[Path], str] = lambda _: ""
) -> list[ReportSource]:
    """Read several reports; ``suites`` returns the suite of a file.

    Raises: ReportError with all files that can't be read.
    """
    sources: list[ReportSource] = []
    problems: list[Problem] = []
    given: set[str] = set()
    for path in paths:
        if os.path.realpath(path) in given:
            problems += _build_report_error(path, "it is given twice", "give it once").problems
            continue
        given.add(os.path.realpath(path))
        try:
            sources.append(read_report_file(path, suites(path)))
        except ReportError as error:
            problems += error.problems
    if problems:
        raise ReportError(problems)
    return sources


def read_report_file(path: Path, suite: str = "") -> ReportSource:
    """Read one report.

    Raises: ReportError where it is not a report, or one of an unknown format.
    """
    try:
        if path.stat().st_size > MAX_REPORT_SIZE:
            raise _build_report_error(
                path, f"it has more than {MAX_REPORT_SIZE // 1_000_000} MB", "split it"
            )
        data = path.read_bytes()
    except OSError as error:
        raise _build_report_error(
            path, (error.strerror or str(error)).lower(), "correct the path"
        ) from None
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    if wide or data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return _build_junit_source(path, data, suite)
    return ReportSource(_parse_report_document(path, data), str(path), suite)


def read_own_report(path: Path) -> ReportSource:
    """Read one JSON report of a run of this plugin.

    Raises: ReportError where it is none.
    """
    source = read_report_file(path)
    if source.foreign or source.is_past:
        cause = (
            "JUnit XML does not say which incidents there are"
            if source.foreign
            else "it is a history, which has no incidents of a run"
        )
        remedy = "give a file that --postmortem-report=json:PATH has written"
        raise _build_report_error(path, cause, remedy)
    return source


def _parse_report_document(path: Path, data: bytes) -> Mapping[str, Any]:
    remedy = "give a file that --postmortem-report=json:PATH or JUnit XML has written"
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise _build_report_error(path, "it is neither JSON nor XML", remedy) from None
    if not isinstance(document, dict) or "format" not in document:
        raise _build_report_error(path, "it is not a report of pytest-postmortem", remedy)
    if document["format"] != REPORT_FORMAT:
        raise _build_report_error(
            path,
            f"its format is {document['format']!r}, and {REPORT_FORMAT} is understood",
            "use the version of pytest-postmortem that wrote it, or a newer one",
        )
    if "points" in document and "commits" in document:
        return _check_history_document(path, document)
    absent = [name for name in REQUIRED_REPORT_KEYS if name not in document]
    if absent:
        raise _build_report_error(path, f"it lacks {', '.join(absent)}", remedy)
    schema = json.loads((files("pytest_postmortem") / "schemas" / "report.json").read_bytes())
    odd = next(_find_schema_misfits(document, schema, schema, "report"), None)
    if odd is not None:
        raise _build_report_error(path, f"{odd} does not follow the format", remedy)
    return document


def _check_history_document(path: Path, document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a history read from git, which has to say how many had a test, and since when."""
    points = document["points"]
    whole = isinstance(points, list) and all(
        isinstance(point, dict)
        and isinstance(day := point.get("day"), str)
        and parse_iso_date(day) is not None
        and type(point.get("linked")) is int
        for point in points
    )
    if not whole:
        raise _build_report_error(path, "its points are not those of a history", "create it again")
    return document


JSON_TYPES: Mapping[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


def _find_schema_misfits(
    value: Any, schema: Mapping[str, Any], whole: Any, place: str
) -> Iterator[str]:
    """Yield the places of what does not fit our own schema, by the few keywords that it uses."""
    if "$ref" in schema:
        schema = whole["$defs"][schema["$ref"].rpartition("/")[2]]
    types = schema.get("type", list(JSON_TYPES))
    known = [JSON_TYPES[name] for name in ([types] if isinstance(types, str) else types)]
    fits = isinstance(value, tuple(known)) and (bool in known or not isinstance(value, bool))
    finite = not isinstance(value, float) or math.isfinite(value)
    if not (fits and finite and value in schema.get("enum", [value])):
        yield place
    elif isinstance(value, dict):
        for name in schema.get("required", ()):
            if name not in value:
                yield f"{place}.{name}"
        for name, inner in schema.get("properties", {}).items():
            if name in value:
                yield from _find_schema_misfits(value[name], inner, whole, f"{place}.{name}")
    elif isinstance(value, list) and "items" in schema:
        for position, item in enumerate(value):
            yield from _find_schema_misfits(item, schema["items"], whole, f"{place}[{position}]")


def _build_junit_source(path: Path, data: bytes, suite: str) -> ReportSource:
    """Return the content of a file of JUnit XML, with a finding for each unknown outcome."""
    from xml.etree import ElementTree

    if b"<!DOCTYPE" in data[:10_000] or b"<!ENTITY" in data:
        raise _build_report_error(
            path, "it declares entities, which JUnit XML does not need", "create it again"
        )
    try:
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise _build_report_error(path, f"it is not XML: {error}", "create it again") from None
    report = parse_junit_report(root)
    if report is None:
        name = root.tag.rpartition("}")[2]
        raise _build_report_error(
            path,
            f"it is XML, but not JUnit XML: its outermost element is {name!r}",
            "convert it to JUnit XML",
        )
    findings = [
        Finding("unknown-outcome", "warning", f"{path}: {message}")._asdict()
        for message in report.warnings
    ]
    document = {**EMPTY_REPORT_DOCUMENT, "findings": findings}
    return ReportSource(document, str(path), suite, report.links, foreign=True)


def _build_report_error(path: Path, cause: str, remedy: str) -> ReportError:
    return ReportError([Problem("report-file", REPORT_UNREADABLE, cause, remedy, str(path))])
