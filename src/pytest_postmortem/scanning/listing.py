"""Suggestions → text: for a terminal, for a pull request, for other tools."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_postmortem import __version__
from pytest_postmortem.model import count_of
from pytest_postmortem.reports.failure import plain
from pytest_postmortem.reports.marking import code, escaped, link
from pytest_postmortem.scanning.suggestions import ORDER, Scan, Suggestion
from pytest_postmortem.scanning.weighing import Strength

__all__ = ["FORMAT", "document", "markdown", "text"]

FORMAT = 1

HEADINGS: Mapping[Strength, str] = {
    "likely": "Likely regression tests, not linked",
    "possible": "Possible ones: the incident is mentioned",
    "known-broken": "Known to be broken, or skipped: no test to rely on",
}

CAUTION = "A mention is not a regression test: read the test before you mark it"

LISTED = 50
"""Suggestions of a strength that Markdown lists; hosts refuse a comment that is too long."""

MOST = 3
"""Node ids of one function that are listed."""

LONGEST = 160
"""Characters of evidence that are shown."""


def text(scan: Scan) -> str:
    """Return suggestions for a terminal, the strongest first, the sum at the end."""
    lines = []
    for strength in ORDER:
        own = scan.of(strength)
        if own:
            lines.append(f"{HEADINGS[strength]}:")
            lines += [line for each in own for line in _entry(each)]
    lines += [*_notes(scan), _sum(scan)]
    if scan.suggestions:
        lines.append(CAUTION)
    return "".join(f"{plain(line)}\n" for line in lines)


def _entry(each: Suggestion) -> Iterator[str]:
    title = _title(each)
    yield f"  {each.path}:{each.line}  {each.id}{f'  {title}' if title else ''}"
    yield f"      {_tests(each)}"
    yield f"      {_cut(each.evidence)}"
    yield f"      {each.why}"


def _title(each: Suggestion) -> str:
    return each.title if each.known else "(not in the registry)"


def _tests(each: Suggestion) -> str:
    shown = ", ".join(each.tests[:MOST])
    more = len(each.tests) - MOST
    return f"{shown} and {more} more" if more > 0 else shown


def _cut(evidence: str) -> str:
    return evidence if len(evidence) <= LONGEST else f"{evidence[:LONGEST]}…"


def _notes(scan: Scan) -> Iterator[str]:
    if scan.unread:
        shown = ", ".join(scan.unread[:MOST])
        more = len(scan.unread) - MOST
        names = f"{shown} and {more} more" if more > 0 else shown
        yield f"{count_of(len(scan.unread), 'file')} can't be read as Python: {names}"


def _sum(scan: Scan) -> str:
    files = count_of(scan.files, "file")
    if not scan.files:
        return "There is no test file here"
    if not scan.suggestions:
        return f"No test in {files} mentions an incident that it is not linked to"
    counts = ", ".join(f"{len(scan.of(strength))} {strength}" for strength in ORDER)
    return f"{counts}, in {files}"


def markdown(scan: Scan) -> str:
    """Return suggestions for a pull request, an empty text where there is none."""
    if not scan.suggestions:
        return ""
    lines = [f"### Tests that mention an incident: {_sum(scan)}", "", f"{CAUTION}."]
    for strength in ORDER:
        own = scan.of(strength)
        if own:
            lines += ["", f"**{HEADINGS[strength]}**", ""]
            lines += [_item(each) for each in own[:LISTED]]
            if len(own) > LISTED:
                lines.append(f"- and {len(own) - LISTED} more")
    lines += [part for note in _notes(scan) for part in ("", escaped(note))]
    return "\n".join(lines) + "\n"


def _item(each: Suggestion) -> str:
    name = " ".join(filter(None, (link(each.id, each.url), escaped(_title(each)))))
    place = f"{code(f'{each.path}:{each.line}')} {code(_cut(each.evidence))}"
    return f"- {name} – {code(each.tests[0])}: {escaped(each.why)}, {place}"


def document(scan: Scan) -> str:
    """Return suggestions as JSON with one field a line, ending in a line feed."""
    whole: Mapping[str, Any] = {
        "format": FORMAT,
        "tool": {"name": "pytest-postmortem", "version": __version__},
        "files": scan.files,
        "unread": list(scan.unread),
        "suggestions": [_record(each) for each in scan.suggestions],
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _record(each: Suggestion) -> Mapping[str, Any]:
    return {
        "strength": each.strength,
        "id": each.id,
        "title": each.title or each.id,
        "url": each.url,
        "known": each.known,
        "path": each.path,
        "line": each.def_line,
        "tests": list(each.tests),
        "evidence": {"line": each.line, "text": each.evidence},
        "why": each.why,
    }
