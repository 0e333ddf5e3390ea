"""The fields of a post-mortem, the names under which real files have them, and their values.

A name that is *also accepted* counts only where its value makes sense: people mean many things
by ``summary`` or ``impact``. Under a field's own name a value that makes none is a problem.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from importlib.util import find_spec
from typing import Any
from urllib.parse import quote, unquote

from pytest_postmortem.text import clean_path, clean_text

FIELD_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "title": ("name", "summary", "message"),
    "url": (
        *("link", "permalink", "html_url", "web_url", "postmortem_url", "document_url"),
        "shortlink",
    ),
    "date": (
        *("incident_date", "occurred", "occurred_at", "started_at", "start_time", "start_date"),
        *("start_timestamp", "started", "opened_at", "detected_at", "created", "created_at"),
    ),
    "severity": ("impact", "priority"),
    "status": ("state",),
    "tags": ("labels", "keywords", "services"),
    "owner": ("team",),
    "root_cause": ("cause", "failure_mode"),
    "whys": ("five_whys",),
    "class": ("category", "failure_class", "root_cause_category"),
    "aliases": ("external_ids", "cve"),
    "fix": ("fix_commit", "fixed_in", "related_commits"),
    **dict.fromkeys(("patch", "service", "repository", "component", "recurs", "guarded_by"), ()),
    **dict.fromkeys(("test", "reason", "until"), ()),
    "tests": ("regression_tests", "regression_test"),
    "action_items": ("actions", "follow_ups"),
}
"""The fields, each with the other keys that are accepted, best first."""

FIELDS_BY_KEY = {
    name: (rank, field)
    for field, names in FIELD_SYNONYMS.items()
    for rank, name in enumerate((field, *names))
}
"""The field to which each key belongs, after how good a name it is."""

DOCUMENT_ID_KEYS = tuple("id incident_id postmortem_id document_id reference key number".split())
"""The keys of an id in a document; ``slug`` and ``uuid`` often have other uses there."""

ID_KEYS = (*DOCUMENT_ID_KEYS, "uuid", "slug")

MAX_SHORT_TEXT = 200

SHORT_TEXT_KEYS = frozenset({"name", "summary", "message", "impact"})
"""Keys that some files use for a title or a severity, and others for whole paragraphs."""

_AFTER_DAY = ("", "T", " ")
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_./-]*")
_HOST_AT_START = re.compile(r"//[^/?#\s]")


@lru_cache(maxsize=8192)
def normalize_key(key: str) -> str:
    """Return the form in which keys are compared: ``Root cause`` is ``root_cause``.

    A colon before a key is that of a symbol in Ruby, as ``:title`` in front matter of Jekyll.
    """
    return key.strip().removeprefix(":").casefold().replace("-", "_").replace(" ", "_")


find_field = FIELDS_BY_KEY.get
"""Returns the field to which a key in its normal form belongs, after how good a name it is."""


def find_name(value: Mapping[str, Any]) -> str | None:
    """Return the text that a mapping stands for: its ``name``, ``summary`` or ``value``."""
    names = (value.get(key) for key in ("name", "summary", "value"))
    return next((name for name in names if isinstance(name, str)), None)


def parse_scalar(value: Any, *, lines: bool = False) -> str | None:
    """Return a value as one text: a mapping by its name, a list with its texts joined."""
    if isinstance(value, str):
        return clean_text(value, lines=lines) or None
    if isinstance(value, Mapping):
        name = find_name(value)
        return clean_text(name) or None if name is not None else None
    if isinstance(value, list):
        return ("\n" if lines else ", ").join(split_texts(value, None)) or None
    return None


def are_clean_texts(values: Sequence[Any]) -> bool:
    """Return whether values are texts that `clean_text` leaves unchanged, none of them empty.

    It is sure of ASCII alone, and of texts without a bar next to a blank or another bar.
    """
    try:
        joined = f"|{'|'.join(values)}|"
    except TypeError:
        return False
    if "||" in joined or "| " in joined or " |" in joined:
        return False
    return joined.isascii() and joined.isprintable()


def split_texts(value: Any, pattern: str | None) -> tuple[str, ...]:
    """Return a value as texts: the items of a list, or a text's parts, divided by ``pattern``."""
    if isinstance(value, list) and are_clean_texts(value):
        return tuple(value)
    if isinstance(value, str):
        parts: list[str] = re.split(pattern, value) if pattern else [value]
        return tuple(filter(None, map(clean_text, parts)))
    items = value if isinstance(value, list) else [value]
    texts = (parse_scalar(item) for item in items if isinstance(item, (str, Mapping)))
    return tuple(filter(None, texts))


def parse_day(text: str | None) -> str | None:
    """Return the ISO date with which a date or a time begins, or None where it is none."""
    if text is None or text[4:5] != "-" or text[7:8] != "-" or text[10:11] not in _AFTER_DAY:
        return None
    day = text[:10]
    try:
        date.fromisoformat(day)
    except ValueError:
        return None
    return day


def find_link_problem(url: str) -> str | None:
    """Return the reason why a text is not a link: http, https, or a path in the repository."""
    if _PLAIN_PATH.fullmatch(url) and ".." not in url:
        return None
    scheme, colon, rest = url.partition(":")
    if colon and scheme.lower() in ("http", "https"):
        return None if _HOST_AT_START.match(rest) else "it names no host"
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


def fill_url_template(template: str, id: str) -> str:
    """Return the link of an id; a template has ``{id}`` where the id goes, percent-encoded."""
    return template.replace("{id}", quote(id, safe="", errors="backslashreplace"))


def is_cvss_vector(text: str) -> bool:
    """Return whether a text is a vector of CVSS 2, 3 or 4, such as ``CVSS:3.1/AV:N/…``."""
    return re.match(r"CVSS:\d|AV:[A-Z]/", text) is not None


def rate_cvss_vector(vector: str) -> str | None:
    """Return the severity of a vector in the words of GitHub's database, such as ``MODERATE``.

    None where the package ``cvss`` is not installed, or can't read the vector.
    """
    try:
        import cvss  # type: ignore[import-untyped]  # it has no types
    except ImportError:
        return None
    kind = "CVSS2" if vector.startswith("AV:") else f"CVSS{vector[5:6]}"
    try:
        word = str(getattr(cvss, kind)(vector).severities()[0]).upper()
    except (AttributeError, IndexError, cvss.CVSSError):
        return None
    return {"MEDIUM": "MODERATE"}.get(word, word)


def find_vector_remedy() -> str:
    """Return what to do where a vector can't be rated."""
    if find_spec("cvss") is None:
        return "install pytest-postmortem[cvss], which rates it, or write a word"
    return "correct the vector, or write a word"
