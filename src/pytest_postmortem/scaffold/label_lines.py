"""Fields in the text of a document: after labels such as ``Date:``, or below such headings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from pytest_postmortem.documents.head import DocumentHeading, find_headings
from pytest_postmortem.documents.labels import find_label_kind, load_labels, normalize_word
from pytest_postmortem.scaffold.front_matter import IncidentFacts

FIELD_LABELS = {"date": "Date", "severity": "Severity", "owner": "Owner", "service": "Service"}
"""Labels of the fields that a document without front matter shows in its text."""

MAX_LABEL_LINES = 40

_BLANK_VALUE = re.compile(
    r"[\W_]*|_[^_]+_|\*[^*]+\*|sev[-_ ]?[?xn#]|(?!.*\]\()[<\[({].*[>\])}]"
    r"|(?=.*(?:yy|mm|dd|xx))[ymdhx0-9\s:./-]+|tbd|todo|date|x+",
    re.IGNORECASE,
)
_BLANK_DATE = re.compile(
    r"(?=.*([ymdajtr\u0433\u043c\u0434])\1)[ymdhxajtr\u0433\u043c\u0434\d\s:./-]+", re.IGNORECASE
)
"""A date that is to be filled in, such as ``YYYY-MM-DD``, in Latin or Cyrillic letters."""

_SEVERITY_CHOICE = re.compile(r"[\w*-]+(?:\s*(?:/|\||,|\bor\b)\s*[\w*-]+)+")
_LABEL_FIELDS = ("id", "title", "date", "severity", "class", "owner", "service")
_FURTHER_LABELS: Mapping[str, str] = {
    "reference": "id",
    "service": "service",
    "services": "service",
    "affected service": "service",
    "affected services": "service",
    "owning team": "owner",
    "class of problem": "class",
}
_LABELLED_LINE = re.compile(
    r"(?P<lead>(?P<before>[\s>|*+_-]*)(?P<label>[^\s:|\uff1a][^:|\uff1a\n]{0,58}?)"
    r"[\s*_]*(?P<sign>[:|\uff1a])[*_]*)(?P<rest>.*)$"
)
_DATE_OR_BLANK = re.compile(r"\d|^[\s|]*$")
_LINE_END = re.compile(r"(?:  +|\\|<br\s*/?>\s*)$")
"""The end of a line below which Markdown begins a new one within a paragraph."""

_TABLE_DELIMITER = re.compile(r"\s*\|(?:\s*:?-+:?\s*\|)+\s*$")


def fill_labelled_line(line: str, facts: IncidentFacts) -> str:
    """Fill in the value after a label, in a line, a list or a table row."""
    match = _LABELLED_LINE.match(line)
    name = _find_field_of_label(match["label"]) if match else None
    value = format_fact(facts.get(name or "", ""))
    if match is None or name is None or not value:
        return line
    cell, bar, tail = match["rest"], "", ""
    if match["sign"] == "|":
        cell, bar, tail = match["rest"].partition("|")
        if not bar:
            return line  # the line is only the label
    if not _is_blank_value(cell, name):
        return line
    return f"{match['lead']} {value}{' ' * bool(bar)}{bar}{tail}"


def fill_labelled_sections(lines: Sequence[str], facts: IncidentFacts, rst: bool) -> list[str]:
    """Fill in empty sections whose heading is a label."""
    all_headings = [*find_headings(lines, rst), DocumentHeading("", 0, len(lines), len(lines))]
    result = list(lines)
    for current, following in reversed(list(pairwise(all_headings))):
        name = _find_field_of_label(current.text) or ""
        value = format_fact(facts.get(name, ""))
        body = " ".join(lines[current.end : following.start]).strip()
        if value and name != "title" and _is_blank_value(body, name):
            result[current.end : following.start] = ["", value, ""]
    return result


def format_fact(value: str | tuple[str, ...]) -> str:
    """Return the value of a field as text."""
    return value if isinstance(value, str) else ", ".join(value)


def _find_field_of_label(label: str) -> str | None:
    """Return the field that a label or a heading means in one of the twelve languages, or None."""
    word = normalize_word(label).partition("(")[0].strip()
    kind = _FURTHER_LABELS.get(word) or find_label_kind(load_labels(), label)
    return kind if kind in _LABEL_FIELDS else None


def _is_blank_value(text: str, name: str) -> bool:
    """Return whether a value is a placeholder, or a choice such as ``SEV1 / SEV2 / SEV3``."""
    text = text.strip()
    is_choice = name == "severity" and _SEVERITY_CHOICE.fullmatch(text)
    is_date = name == "date" and _BLANK_DATE.fullmatch(text)
    return bool(is_choice or is_date or _BLANK_VALUE.fullmatch(text))


def find_label_lines(lines: Sequence[str]) -> tuple[str, ...]:
    """Return the lines with labels at the head of a document, without their values.

    The rows that make the head of a table belong to them, and so does the heading of the first
    section if they are below it.
    """
    starts = [number for number, line in enumerate(lines) if line.startswith("## ")][:2]
    first, second = (*starts, len(lines), len(lines))[:2]
    above = _find_labels_between(lines[:first])
    if above or first == len(lines):
        return above
    below = _find_labels_between(lines[first + 1 : second])
    return (lines[first], "", *below) if len(below) > 2 else ()


def _find_labels_between(lines: Sequence[str]) -> tuple[str, ...]:
    found: list[str] = []
    for line, below in pairwise([*lines[:MAX_LABEL_LINES], ""]):
        if found and line.startswith("#"):
            break
        match, name = _LABELLED_LINE.match(line), _find_label_field(line)
        if match is None or name is None:
            is_table_head = _TABLE_DELIMITER.match(line) or _TABLE_DELIMITER.match(below)
            found += [line] if is_table_head else []
        elif name != "date" or _DATE_OR_BLANK.search(match["rest"]):
            found.append(match["lead"].rstrip() + ("  |" if match["sign"] == "|" else ""))
    return tuple(found) if any(map(_find_label_field, found)) else ()


def _find_label_field(line: str) -> str | None:
    """Return the field of the label with which a line begins, or None."""
    match = _LABELLED_LINE.match(line)
    name = _find_field_of_label(match["label"]) if match else None
    return None if name in ("id", "title") else name


def fill_label_lines(lines: Sequence[str], facts: IncidentFacts, default: str) -> list[str]:
    """Return lines with labels, with the values of an incident.

    Each further field with a value gets a line like the last one, or like ``default``.
    """
    filled = [fill_labelled_line(line, facts) for line in lines]
    labelled = [line for line in lines if _find_label_field(line)]
    known = set(map(_find_label_field, lines))
    for name, label in FIELD_LABELS.items():
        if facts.get(name) and name not in known:
            model = labelled[-1] if labelled else default
            filled.append(_write_label_like(model, label, format_fact(facts[name])))
    return filled


def _write_label_like(line: str, label: str, value: str) -> str:
    """Return a line with another label and a value, written as a line with a label is."""
    match = _LABELLED_LINE.match(line)
    if match is None:
        return f"{label}: {value}"
    lead = f"{match['before']}{label}{match['lead'][match.end('label') :]}".rstrip()
    return f"{lead} {value}{' |' if match['sign'] == '|' else ''}"


def list_label_insertions(
    lines: Sequence[str], label: str, value: str
) -> Iterator[tuple[int, list[str]]]:
    """Yield where a further label fits at the head of a document, and its lines, best place first.

    It is written like the label above it, with the end of that line.
    """
    places = [n for n, line in enumerate(lines[:MAX_LABEL_LINES]) if _find_label_field(line)]
    places.sort(key=lambda n: (_LINE_END.search(lines[n]) is not None, n), reverse=True)
    for place in places:
        line = lines[place]
        end = _LINE_END.search(line)
        new = _write_label_like(line.rstrip(), label, value) + (end[0] if end else "")
        is_paragraph = place > 1 and not lines[place - 1].strip() and lines[place - 2].strip()
        below = lines[place + 1] if place + 1 < len(lines) else ""
        is_apart = is_paragraph and not below.strip() and _find_label_field(lines[place - 2])
        yield place + 1, ["", new] if is_apart else [new]
