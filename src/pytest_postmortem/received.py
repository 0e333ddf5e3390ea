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
from pytest_postmortem.junit import read_junit
from pytest_postmortem.merging import Source
from pytest_postmortem.model import Finding, iso_date

__all__ = ["read", "read_all"]

FORMAT = 1
SIZE = 500_000_000
FAILED = "Couldn't read report"
NEEDED = ("scope", "totals", "policy", "incidents", "findings", "gates")

EMPTY: Mapping[str, Any] = {
    "format": FORMAT,
    "scope": {"kind": "full", "reasons": [], "root": "", "files": [], "expected": None},
    "policy": {"fail_under": None, "require": [], "since": None, "grace": 0, "today": None},
    "incidents": [],
    "findings": [],
    "gates": [],
    "missing": "no registry",
}
"""What a report says that knows no incident."""


def read_all(paths: Iterator[Path], suites: Callable[[Path], str] = lambda _: "") -> list[Source]:
    """Read several reports; ``suites`` tells which suite a file is of.

    Raises: ReportError with all files that can't be read.
    """
    sources: list[Source] = []
    problems: list[Problem] = []
    given: set[str] = set()
    for path in paths:
        if os.path.realpath(path) in given:
            problems += _wrong(path, "it is given twice", "give it once").problems
            continue
        given.add(os.path.realpath(path))
        try:
            sources.append(read(path, suites(path)))
        except ReportError as error:
            problems += error.problems
    if problems:
        raise ReportError(problems)
    return sources


def read(path: Path, suite: str = "") -> Source:
    """Read one report.

    Raises: ReportError where it is no report, or one of a format that is not known.
    """
    try:
        if path.stat().st_size > SIZE:
            raise _wrong(path, f"it has more than {SIZE // 1_000_000} MB", "split it")
        data = path.read_bytes()
    except OSError as error:
        raise _wrong(path, (error.strerror or str(error)).lower(), "correct the path") from None
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    if wide or data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return _read_xml(path, data, suite)
    return Source(_document(path, data), str(path), suite)


def _document(path: Path, data: bytes) -> Mapping[str, Any]:
    remedy = "give a file that --postmortem-report=json:PATH or JUnit XML has written"
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise _wrong(path, "it is neither JSON nor XML", remedy) from None
    if not isinstance(document, dict) or "format" not in document:
        raise _wrong(path, "it is no report of pytest-postmortem", remedy)
    if document["format"] != FORMAT:
        raise _wrong(
            path,
            f"its format is {document['format']!r}, and {FORMAT} is understood",
            "use the version of pytest-postmortem that wrote it, or a newer one",
        )
    if "points" in document and "commits" in document:
        return _past(path, document)
    absent = [name for name in NEEDED if name not in document]
    if absent:
        raise _wrong(path, f"it lacks {', '.join(absent)}", remedy)
    schema = json.loads((files("pytest_postmortem") / "schemas" / "report.json").read_bytes())
    odd = next(_misfits(document, schema, schema, "report"), None)
    if odd is not None:
        raise _wrong(path, f"{odd} is not what the format says", remedy)
    return document


def _past(path: Path, document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a history read from git, which has to say how many had a test, and since when."""
    points = document["points"]
    whole = isinstance(points, list) and all(
        isinstance(point, dict)
        and isinstance(day := point.get("day"), str)
        and iso_date(day) is not None
        and type(point.get("linked")) is int
        for point in points
    )
    if not whole:
        raise _wrong(path, "its points are not what a history has", "write it anew")
    return document


TYPES: Mapping[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


def _misfits(value: Any, schema: Mapping[str, Any], whole: Any, place: str) -> Iterator[str]:
    """Yield the places of what does not fit our own schema, by the few keywords that it uses."""
    if "$ref" in schema:
        schema = whole["$defs"][schema["$ref"].rpartition("/")[2]]
    types = schema.get("type", list(TYPES))
    known = [TYPES[name] for name in ([types] if isinstance(types, str) else types)]
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
                yield from _misfits(value[name], inner, whole, f"{place}.{name}")
    elif isinstance(value, list) and "items" in schema:
        for position, item in enumerate(value):
            yield from _misfits(item, schema["items"], whole, f"{place}[{position}]")


def _read_xml(path: Path, data: bytes, suite: str) -> Source:
    """Return what a file of JUnit XML claims, with a finding for what is not understood."""
    from xml.etree import ElementTree

    if b"<!DOCTYPE" in data[:10_000] or b"<!ENTITY" in data:
        raise _wrong(path, "it declares entities, which no JUnit XML needs", "write it anew")
    try:
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise _wrong(path, f"it is not XML: {error}", "write it anew") from None
    report = read_junit(root)
    if report is None:
        name = root.tag.rpartition("}")[2]
        raise _wrong(
            path,
            f"it is XML, but not JUnit XML: its outermost element is {name!r}",
            "convert it to JUnit XML",
        )
    findings = [_warn_of_outcome(f"{path}: {message}") for message in report.warnings]
    document = {**EMPTY, "findings": findings}
    return Source(document, str(path), suite, report.links, foreign=True)


def _warn_of_outcome(message: str) -> Mapping[str, Any]:
    finding = ("unknown-outcome", "warning", message, None, None)
    return dict(zip(Finding.__slots__, finding, strict=True))


def _wrong(path: Path, cause: str, remedy: str) -> ReportError:
    return ReportError([Problem("report-file", FAILED, cause, remedy, str(path))])
