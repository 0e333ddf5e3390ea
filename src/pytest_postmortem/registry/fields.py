"""The fields of a post-mortem, the names under which real files have them, and their values.

A name that is *also accepted* counts only where its value makes sense: people mean many things
by ``summary`` or ``impact``. Under a field's own name a value that makes none is a problem.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import quote, unquote

from pytest_postmortem.model import normalize_id

__all__ = [
    "DOCUMENT_IDS",
    "FIELDS",
    "IDS",
    "ONLY_SHORT",
    "SHORT",
    "clean",
    "day",
    "field_of",
    "from_template",
    "normal",
    "scalar",
    "split",
    "wrong_url",
]

FIELDS: Mapping[str, tuple[str, ...]] = {
    "title": ("name", "summary", "message"),
    "url": (
        "link",
        "permalink",
        "html_url",
        "web_url",
        "postmortem_url",
        "document_url",
        "shortlink",
    ),
    "date": (
        "incident_date",
        "occurred",
        "occurred_at",
        "started_at",
        "start_time",
        "detected_at",
        "created",
        "created_at",
    ),
    "severity": ("impact", "priority"),
    "status": ("state",),
    "tags": ("labels", "keywords", "services"),
    "owner": ("team",),
    "root_cause": ("cause",),
    "whys": ("five_whys",),
    "class": ("category", "failure_class", "root_cause_category"),
    "aliases": ("external_ids", "cve"),
    "fix": ("fix_commit", "fixed_in", "related_commits"),
    "patch": (),
    "service": (),
    "repository": (),
    "component": (),
    "recurs": (),
    "guarded_by": (),
    "test": (),
    "reason": (),
    "until": (),
    "tests": ("regression_tests", "regression_test"),
    "action_items": ("actions", "follow_ups"),
}
"""The fields by their own names, each with the names that are also accepted, best first."""

DOCUMENT_IDS = ("id", "incident_id", "postmortem_id", "document_id", "reference", "key", "number")
"""The names of an id in a document: what a site calls ``slug`` or ``uuid`` is its own business."""

IDS = (*DOCUMENT_IDS, "uuid", "slug")

SHORT = 200

ONLY_SHORT = frozenset({"name", "summary", "message", "impact"})
"""The names under which some write a title or a severity, and others whole paragraphs."""

_BYTE = re.compile("%([89A-F][0-9A-F])")
_LONE = re.compile("[\udc80-\udcff]")
_LINE_END = re.compile(r"[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ].*)?$", re.DOTALL)
_OWNERS = {
    name: (rank, field)
    for field, names in FIELDS.items()
    for rank, name in enumerate((field, *names))
}


def normal(key: str) -> str:
    """Return the form in which keys are compared: ``Root cause`` is ``root_cause``."""
    return key.strip().casefold().replace("-", "_").replace(" ", "_")


def field_of(key: str) -> tuple[int, str] | None:
    """Return the field to which a key in its normal form belongs, after how good a name it is."""
    return _OWNERS.get(key)


def clean(text: str, *, lines: bool = False) -> str:
    """Return a text that is safe to show: one line (unless ``lines``), nothing invisible in it.

    Controls, escapes, bidirectional overrides and zero-width characters are left out. Characters
    are in NFC; a byte of a file name that is no UTF-8 is written as ``%E9``.
    """
    return _clean(normalize_id(text), lines)


def clean_path(path: str) -> str:
    """Return the path of a file as `clean` would, but for NFC: `file_name` gives it back."""
    return _clean(path, False)


def file_name(shown: str) -> str:
    """Return the path that `clean_path` shows, with bytes in place of ``%E9``."""
    return _BYTE.sub(lambda found: chr(0xDC00 + int(found[1], 16)), shown)


def escape_bytes(text: str) -> str:
    """Return a text with ``%E9`` in place of a byte of a file name that is no UTF-8.

    So the id that the name gives can be written in a mark, and the path in a link.
    """
    return _LONE.sub(lambda found: f"%{ord(found[0]) - 0xDC00:02X}", text)


def _clean(text: str, lines: bool) -> str:
    if text.isprintable():
        return text.strip()
    rows = (_printable(row).strip() for row in _LINE_END.split(text.strip()))
    return ("\n" if lines else " ").join(row for row in rows if row)


def _printable(text: str) -> str:
    text = text.replace("\t", " ").replace("\xa0", " ")
    return "".join(
        c for c in escape_bytes(text) if unicodedata.category(c) not in ("Cc", "Cf", "Cs")
    )


def scalar(value: Any, *, lines: bool = False) -> str | None:
    """Return a value as one text: a mapping by its ``name``, a list with its texts joined."""
    if isinstance(value, str):
        return clean(value, lines=lines) or None
    if isinstance(value, Mapping):
        name = value.get("name")
        return clean(name) or None if isinstance(name, str) else None
    if isinstance(value, list):
        return ("\n" if lines else ", ").join(split(value, None)) or None
    return None


def split(value: Any, pattern: str | None) -> tuple[str, ...]:
    """Return a value as texts: the items of a list, or a text's parts, divided by ``pattern``."""
    if isinstance(value, str):
        parts: list[str] = re.split(pattern, value) if pattern else [value]
        return tuple(filter(None, map(clean, parts)))
    items = value if isinstance(value, list) else [value]
    texts = (scalar(item) for item in items if isinstance(item, (str, Mapping)))
    return tuple(filter(None, texts))


def day(text: str | None) -> str | None:
    """Return the ISO date with which a date or a time begins, or None where it is none."""
    if text is None or not _DATE.match(text):
        return None
    try:
        return date.fromisoformat(text[:10]).isoformat()
    except ValueError:
        return None


def wrong_url(url: str) -> str | None:
    """Say what keeps a text from being a link: http, https, or a path in the repository."""
    scheme, colon, rest = url.partition(":")
    if colon and scheme.lower() in ("http", "https"):
        return None if re.match(r"//[^/?#\s]", rest) else "it names no host"
    path = unquote(url)
    if ":" in path.split("/", 1)[0]:
        return "it is neither http nor https"
    if path.startswith("/"):
        return "it begins with '/'"
    if "\\" in path or clean_path(path) != path:
        return "it holds characters that no link has"
    depth = 0
    for part in path.split("#")[0].split("?")[0].split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
        if depth < 0:
            return "it leaves the repository"
    return None


def from_template(template: str, id: str) -> str:
    """Return the link of an id; a template has ``{id}`` where the id goes, percent-encoded."""
    return template.replace("{id}", quote(id, safe="", errors="backslashreplace"))
