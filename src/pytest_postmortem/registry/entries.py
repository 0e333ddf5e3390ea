"""A raw entry → an `Entry` with typed fields, or the problems that it has, all at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pytest_postmortem.errors import Problem
from pytest_postmortem.model import ActionItem, Guard, Show
from pytest_postmortem.registry import fields, nested
from pytest_postmortem.registry.reading import Raw, Reading

__all__ = ["Entry", "from_raws"]

TEXTS = ("title", "severity", "status", "owner", "class", "patch", "recurs", "reason")
SPLIT: Mapping[str, str | None] = {
    "tags": ",",
    "aliases": ",",
    "whys": "\n",
    "service": None,
    "repository": None,
    "component": None,
    "tests": "\n",
}
"""The fields that hold several texts, and what divides them where they stand in one."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry with its fields; ``fallback`` holds a title and a url for want of better ones.

    ``exempted`` is the place that exempts it. ``implicit`` are aliases that nobody wrote.
    ``show`` is the most that may be shown of it, if nobody says; ``fetched`` that it stands in
    no file.
    """

    id: str
    path: str
    line: int | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    guards: tuple[Guard, ...] = ()
    items: tuple[ActionItem, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)
    fallback: Mapping[str, str] = field(default_factory=dict)
    implicit: tuple[str, ...] = ()
    exempted: tuple[str, int | None] | None = None
    fetched: bool = False
    show: Show = "all"


def from_raws(
    raws: Sequence[Raw], *, prefix: str = "", url_template: str | None = None
) -> tuple[list[Entry], list[Problem]]:
    """Return the entries of one file or directory, and what is wrong with them."""
    entries: list[Entry] = []
    problems: list[Problem] = []
    which = "the first entry"
    for raw in raws:
        reading = Reading(raw)
        if _read_id(reading, prefix, which):
            entries.append(_entry(reading, url_template))
            which = f"the entry after {reading.id}"
        problems += reading.problems
    return _with_prefixed_recurs(entries, prefix), problems


def _with_prefixed_recurs(entries: list[Entry], prefix: str) -> list[Entry]:
    """Let ``recurs: 12`` mean the ``PM-12`` of the same file, whose ids get the prefix ``PM-``."""
    ids = {entry.id.casefold(): entry.id for entry in entries} if prefix else {}
    for position, entry in enumerate(entries):
        earlier = ids.get((prefix + entry.texts.get("recurs", "")).casefold())
        if earlier is not None and "recurs" in entry.texts:
            entries[position] = replace(entry, texts={**entry.texts, "recurs": earlier})
    return entries


def _read_id(reading: Reading, prefix: str, which: str) -> bool:
    """Give the reading its id, or say of ``which`` entry it is that there is none."""
    key, value = _written_id(reading)
    id = fields.clean(value) if isinstance(value, str) else ""
    if not id:
        what = "no 'id'" if value is None else "an 'id' that is no text"
        what = "an empty 'id'" if isinstance(value, str) else what
        reading.wrong(key, f"{which} has {what}", "every post-mortem needs an 'id'")
        return False
    if "\n" in value.strip():
        cause = f"the id {id!r} stands on more than one line"
        reading.wrong(key, cause, "write the id on one line")
    reading.id = id if id.casefold().startswith(prefix.casefold()) else prefix + id
    return True


def _written_id(reading: Reading) -> tuple[str | None, Any]:
    """Return the key and the value of an id; what was decided for a document comes first."""
    raw = reading.raw
    if raw.document and raw.key is not None:
        return None, raw.key
    for key in fields.DOCUMENT_IDS if raw.document else fields.IDS:
        value = reading.values.get(key)
        if isinstance(value, str) or (key == "id" and value is not None):
            return key, value
    return None, raw.key


def _entry(reading: Reading, url_template: str | None) -> Entry:
    """Return the entry, as far as its fields make sense."""
    raw, derived = reading.raw, reading.raw.derived
    texts = {name: reading.text(name) for name in TEXTS if reading.found(name)}
    if "title" in derived and not reading.values.get("title"):
        texts["title"] = _without_id(derived["title"], reading.id)
    texts["url"] = _url(reading)
    texts["root_cause"] = reading.text("root_cause", lines=True) or derived.get("root_cause")
    texts["test"] = _test(reading)
    texts["until"] = _until(reading)
    date = reading.text("date")
    texts["date"] = fields.day(date) or derived.get("date") or date
    lists = {name: reading.texts(name, SPLIT[name]) for name in SPLIT if reading.found(name)}
    lists["fix"], patch = nested.fix(reading)
    texts["patch"] = texts.get("patch") or patch
    return Entry(
        id=reading.id,
        path=raw.path,
        line=raw.line,
        texts={name: text for name, text in texts.items() if text},
        lists={name: items for name, items in lists.items() if items},
        guards=nested.guards(reading),
        items=nested.action_items(reading),
        extra=reading.extra(),
        fallback=_fallback(reading, url_template),
        implicit=raw.implicit,
        exempted=(raw.path, reading.line("test")) if texts["test"] == "exempt" else None,
    )


def _without_id(title: str, id: str) -> str:
    """Return a heading such as ``PM-12: Login loop`` without the id, which is shown beside it."""
    head, rest = title[: len(id)], title[len(id) :]
    if head.casefold() != id.casefold() or rest[:1].isalnum():
        return title
    return rest.lstrip(" :.,|-–—)]") or title


def _url(reading: Reading) -> str | None:
    """Return the link; a path that a site's generator means for itself is none."""
    for rank, key, value in reading.found("url"):
        text = fields.clean(value) if isinstance(value, str) else ""
        site = text.startswith("/") and not text.startswith("//")
        if reading.raw.document and (site or (rank > 0 and not text.startswith("http"))):
            continue
        if text or rank == 0:
            return reading.link(key, value)
    return None


def _fallback(reading: Reading, url_template: str | None) -> dict[str, str]:
    derived = reading.raw.derived
    url = derived.get("path", "")
    if url_template is not None:
        url = fields.from_template(url_template, reading.id)
    elif fields.wrong_url(url):
        url = ""
    fallback = {"title": derived.get("stem", ""), "url": url}
    return {name: text for name, text in fallback.items() if text}


def _test(reading: Reading) -> str | None:
    value = reading.values.get("test")
    text = fields.clean(value) if isinstance(value, str) else ""
    if value is None or text.casefold() in ("required", "exempt"):
        return text.casefold() or None
    remedy = "write 'test: required' or 'test: exempt', the latter with a 'reason' beside it"
    shown = repr(text) if isinstance(value, str) else "no text"
    reading.wrong("test", f"'test' of {reading.id} is {shown}", remedy)
    return None


def _until(reading: Reading) -> str | None:
    text = reading.text("until")
    day = fields.day(text)
    if text is not None and day is None:
        cause = f"'until' of {reading.id} is {text!r}"
        reading.wrong("until", cause, "write a date such as 2026-12-31")
    return day
