"""A raw entry → an `RegistryEntry` with typed fields, or the problems that it has, all at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pytest_postmortem.errors import Problem
from pytest_postmortem.model import ActionItem, Guard, ShowLevel
from pytest_postmortem.registry import fields, nested
from pytest_postmortem.registry.reading import EntryReader, RawEntry

__all__ = ["RegistryEntry", "build_entries"]

TEXT_FIELDS = ("title", "severity", "status", "owner", "class", "patch", "recurs", "reason")
LIST_SEPARATORS: Mapping[str, str | None] = {
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
class RegistryEntry:
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
    show: ShowLevel = "all"


def build_entries(
    raws: Sequence[RawEntry], *, prefix: str = "", url_template: str | None = None
) -> tuple[list[RegistryEntry], list[Problem]]:
    """Return the entries of one file or directory, and what is wrong with them."""
    entries: list[RegistryEntry] = []
    problems: list[Problem] = []
    entry_place = "the first entry"
    for raw in raws:
        reading = EntryReader(raw)
        if _read_entry_id(reading, prefix, entry_place):
            entries.append(_build_entry(reading, url_template))
            entry_place = f"the entry after {reading.id}"
        problems += reading.problems
    return _prefix_recurs(entries, prefix), problems


def _prefix_recurs(entries: list[RegistryEntry], prefix: str) -> list[RegistryEntry]:
    """Let ``recurs: 12`` mean the ``PM-12`` of the same file, whose ids get the prefix ``PM-``."""
    ids = {entry.id.casefold(): entry.id for entry in entries} if prefix else {}
    for position, entry in enumerate(entries):
        earlier = ids.get((prefix + entry.texts.get("recurs", "")).casefold())
        if earlier is not None and "recurs" in entry.texts:
            entries[position] = replace(entry, texts={**entry.texts, "recurs": earlier})
    return entries


def _read_entry_id(reading: EntryReader, prefix: str, entry_place: str) -> bool:
    """Give the reading its id, or say of ``which`` entry it is that there is none."""
    key, value = _find_written_id(reading)
    id = fields.clean_text(value) if isinstance(value, str) else ""
    if not id:
        defect = "no 'id'" if value is None else "an 'id' that is no text"
        defect = "an empty 'id'" if isinstance(value, str) else defect
        reading.add_problem(key, f"{entry_place} has {defect}", "every post-mortem needs an 'id'")
        return False
    if "\n" in value.strip():
        cause = f"the id {id!r} stands on more than one line"
        reading.add_problem(key, cause, "write the id on one line")
    reading.id = id if id.casefold().startswith(prefix.casefold()) else prefix + id
    return True


def _find_written_id(reading: EntryReader) -> tuple[str | None, Any]:
    """Return the key and the value of an id; what was decided for a document comes first."""
    raw = reading.raw
    if raw.document and raw.key is not None:
        return None, raw.key
    for key in fields.DOCUMENT_ID_KEYS if raw.document else fields.ID_KEYS:
        value = reading.values.get(key)
        if isinstance(value, str) or (key == "id" and value is not None):
            return key, value
    return None, raw.key


def _build_entry(reading: EntryReader, url_template: str | None) -> RegistryEntry:
    """Return the entry, as far as its fields make sense."""
    raw, derived = reading.raw, reading.raw.derived
    texts = {name: reading.text(name) for name in TEXT_FIELDS if reading.found(name)}
    if "title" in derived and not reading.values.get("title"):
        texts["title"] = _strip_id_from_title(derived["title"], reading.id)
    texts["url"] = _read_entry_link(reading)
    texts["root_cause"] = reading.text("root_cause", lines=True) or derived.get("root_cause")
    texts["test"] = _read_test_field(reading)
    texts["until"] = _read_until_field(reading)
    date = reading.text("date")
    texts["date"] = fields.parse_day(date) or derived.get("date") or date
    lists = {
        name: reading.texts(name, LIST_SEPARATORS[name])
        for name in LIST_SEPARATORS
        if reading.found(name)
    }
    lists["fix"], patch = nested.read_fix_field(reading)
    texts["patch"] = texts.get("patch") or patch
    return RegistryEntry(
        id=reading.id,
        path=raw.path,
        line=raw.line,
        texts={name: text for name, text in texts.items() if text},
        lists={name: items for name, items in lists.items() if items},
        guards=nested.read_guards_field(reading),
        items=nested.read_action_items_field(reading),
        extra=reading.extra(),
        fallback=_build_fallback_texts(reading, url_template),
        implicit=raw.implicit,
        exempted=(raw.path, reading.line("test")) if texts["test"] == "exempt" else None,
    )


def _strip_id_from_title(title: str, id: str) -> str:
    """Return a heading such as ``PM-12: Login loop`` without the id, which is shown beside it."""
    head, remainder = title[: len(id)], title[len(id) :]
    if head.casefold() != id.casefold() or remainder[:1].isalnum():
        return title
    return remainder.lstrip(" :.,|-–—)]") or title


def _read_entry_link(reading: EntryReader) -> str | None:
    """Return the link; a path that a site's generator means for itself is none."""
    for rank, key, value in reading.found("url"):
        text = fields.clean_text(value) if isinstance(value, str) else ""
        site = text.startswith("/") and not text.startswith("//")
        if reading.raw.document and (site or (rank > 0 and not text.startswith("http"))):
            continue
        if text or rank == 0:
            return reading.link(key, value)
    return None


def _build_fallback_texts(reading: EntryReader, url_template: str | None) -> dict[str, str]:
    derived = reading.raw.derived
    url = derived.get("path", "")
    if url_template is not None:
        url = fields.fill_url_template(url_template, reading.id)
    elif fields.find_link_problem(url):
        url = ""
    fallback = {"title": derived.get("stem", ""), "url": url}
    return {name: text for name, text in fallback.items() if text}


def _read_test_field(reading: EntryReader) -> str | None:
    value = reading.values.get("test")
    text = fields.clean_text(value) if isinstance(value, str) else ""
    if value is None or text.casefold() in ("required", "exempt"):
        return text.casefold() or None
    remedy = "write 'test: required' or 'test: exempt', the latter with a 'reason' beside it"
    shown_value = repr(text) if isinstance(value, str) else "no text"
    reading.add_problem("test", f"'test' of {reading.id} is {shown_value}", remedy)
    return None


def _read_until_field(reading: EntryReader) -> str | None:
    text = reading.text("until")
    day = fields.parse_day(text)
    if text is not None and day is None:
        cause = f"'until' of {reading.id} is {text!r}"
        reading.add_problem("until", cause, "write a date such as 2026-12-31")
    return day
