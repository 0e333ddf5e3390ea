"""Render suggestions as text: for a terminal, a pull request, other tools."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_postmortem import __version__
from pytest_postmortem.model import format_count
from pytest_postmortem.reports.markdown import (
    escape_markdown,
    format_markdown_code,
    format_markdown_link,
)
from pytest_postmortem.scan.findings import ScanResult
from pytest_postmortem.scan.fix_output import (
    build_fix_records,
    render_fix_lines,
    render_fix_markdown,
)
from pytest_postmortem.scan.scoring import Strength
from pytest_postmortem.scan.suggestions import STRENGTH_ORDER, Suggestion
from pytest_postmortem.text import join_some_texts, sanitize_line, shorten_text

SCAN_FORMAT = 1

STRENGTH_HEADINGS: Mapping[Strength, str] = {
    "likely": "Likely regression tests, not linked",
    "possible": "Possible ones: the incident is mentioned",
    "known-broken": "Skipped or expected to fail: these tests guard nothing",
}

MARKING_CAUTION = "A mention is not a regression test: read the test before you mark it"

MAX_SUGGESTIONS = 50
"""Suggestions of each strength in Markdown; hosts reject a comment that is too long."""

MAX_NODEIDS = 3
"""Node ids that are shown of one function."""

MAX_EVIDENCE_LENGTH = 160
"""Characters of evidence that are shown."""


def render_scan_text(scan: ScanResult, *, verbose: bool = False) -> str:
    """Return suggestions for a terminal, strongest first, with the totals; then the fixes."""
    lines = list(_format_name_lines(scan)) if scan.has_names else []
    if scan.fixes is not None:
        fix_lines = list(render_fix_lines(scan.fixes, verbose=verbose))
        lines += ["", *fix_lines] if lines and fix_lines else fix_lines
    return "".join(f"{sanitize_line(line)}\n" for line in lines)


def _format_name_lines(scan: ScanResult) -> Iterator[str]:
    for strength in STRENGTH_ORDER:
        same_strength = scan.of(strength)
        if same_strength:
            yield f"{STRENGTH_HEADINGS[strength]}:"
            for suggestion in same_strength:
                yield from _format_suggestion_lines(suggestion)
    yield from _format_scan_notes(scan)
    yield _format_scan_totals(scan)
    if scan.suggestions:
        yield MARKING_CAUTION


def _format_suggestion_lines(suggestion: Suggestion) -> Iterator[str]:
    title = _format_suggestion_title(suggestion)
    yield f"  {suggestion.path}:{suggestion.line}  {suggestion.id}{f'  {title}' if title else ''}"
    yield f"      {_format_suggested_tests(suggestion)}"
    yield f"      {shorten_text(suggestion.evidence, MAX_EVIDENCE_LENGTH)}"
    yield f"      {suggestion.why}"


def _format_suggestion_title(suggestion: Suggestion) -> str:
    return suggestion.title if suggestion.known else "(not in the registry)"


def _format_suggested_tests(suggestion: Suggestion) -> str:
    return join_some_texts(suggestion.tests, ", ", MAX_NODEIDS)


def _format_scan_notes(scan: ScanResult) -> Iterator[str]:
    if scan.unread:
        names = join_some_texts(scan.unread, ", ", MAX_NODEIDS)
        yield f"{format_count(len(scan.unread), 'file')} can't be read as Python: {names}"


def _format_scan_totals(scan: ScanResult) -> str:
    files = format_count(scan.files, "file")
    if not scan.files:
        return "No test files found"
    if not scan.suggestions:
        return f"No test in {files} mentions an incident that it is not linked to"
    counts = ", ".join(f"{len(scan.of(strength))} {strength}" for strength in STRENGTH_ORDER)
    return f"{counts}, in {files}"


def render_scan_markdown(scan: ScanResult) -> str:
    """Return suggestions for a pull request, an empty text if there are none."""
    parts = ["\n".join(_list_markdown_suggestions(scan)) + "\n"] if scan.suggestions else []
    fix_lines = render_fix_markdown(scan.fixes) if scan.fixes else []
    return "\n".join([*parts, *(["\n".join(fix_lines) + "\n"] if fix_lines else [])])


def _list_markdown_suggestions(scan: ScanResult) -> list[str]:
    lines = [
        f"### Tests that mention an incident: {_format_scan_totals(scan)}",
        "",
        f"{MARKING_CAUTION}.",
    ]
    for strength in STRENGTH_ORDER:
        same_strength = scan.of(strength)
        if same_strength:
            lines += ["", f"**{STRENGTH_HEADINGS[strength]}**", ""]
            lines += [
                _format_suggestion_item(suggestion)
                for suggestion in same_strength[:MAX_SUGGESTIONS]
            ]
            if len(same_strength) > MAX_SUGGESTIONS:
                lines.append(f"- and {len(same_strength) - MAX_SUGGESTIONS} more")
    lines += [part for note in _format_scan_notes(scan) for part in ("", escape_markdown(note))]
    return lines


def _format_suggestion_item(suggestion: Suggestion) -> str:
    name = " ".join(
        filter(
            None,
            (
                format_markdown_link(suggestion.id, suggestion.url),
                escape_markdown(_format_suggestion_title(suggestion)),
            ),
        )
    )
    place = (
        f"{format_markdown_code(f'{suggestion.path}:{suggestion.line}')}"
        f" {format_markdown_code(shorten_text(suggestion.evidence, MAX_EVIDENCE_LENGTH))}"
    )
    test, why = format_markdown_code(suggestion.tests[0]), escape_markdown(suggestion.why)
    return f"- {name} – {test}: {why}, {place}"


def render_scan_json(scan: ScanResult) -> str:
    """Return suggestions as JSON with one field per line, ending in a line feed."""
    whole: Mapping[str, Any] = {
        "format": SCAN_FORMAT,
        "tool": {"name": "pytest-postmortem", "version": __version__},
        "files": scan.files,
        "unread": list(scan.unread),
        "suggestions": [_build_suggestion_record(suggestion) for suggestion in scan.suggestions],
        "fixes": None if scan.fixes is None else build_fix_records(scan.fixes.findings),
        "notes": [] if scan.fixes is None else list(scan.fixes.notes),
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _build_suggestion_record(suggestion: Suggestion) -> Mapping[str, Any]:
    return {
        "strength": suggestion.strength,
        "id": suggestion.id,
        "title": suggestion.title or suggestion.id,
        "url": suggestion.url,
        "known": suggestion.known,
        "path": suggestion.path,
        "line": suggestion.def_line,
        "tests": list(suggestion.tests),
        "evidence": {"line": suggestion.line, "text": suggestion.evidence},
        "why": suggestion.why,
    }
