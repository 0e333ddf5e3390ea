"""What is to be an entry of a registry file, and how its keys and its place follow from others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pytest_postmortem.registry import fields
from pytest_postmortem.registry.file import FILE_SETTINGS
from pytest_postmortem.registry.toml_scanner import TextSpan, UnexpectedSyntaxError
from pytest_postmortem.scaffold.front_matter import IncidentFacts, map_keys_to_fields

__all__ = [
    "EntryBuilder",
    "EntryPair",
    "are_newest_first",
    "insert_item_in_brackets",
    "is_registry_setting",
]

EntryPair = tuple[str, "str | tuple[str, ...]", str]
"""A key, its value, and the quote that it is written with."""


@dataclass(frozen=True, slots=True)
class EntryBuilder:
    """Makes the pairs of an entry; ``is_keyed`` says that its id stands outside of it."""

    id: str
    facts: IncidentFacts
    is_keyed: bool = False

    def __call__(self, like: Sequence[tuple[str, str]]) -> list[EntryPair]:
        """Return the pairs, with the keys and quotes of another entry as far as it has them."""
        facts = dict(self.facts) if self.is_keyed else {"id": self.id, **self.facts}
        known = map_keys_to_fields(dict(like), fields.ID_KEYS)
        quotes = dict(like)
        named = {place: name for name, place in known.items()}
        order = {place: position for position, place in enumerate(known.values())}
        order["id"] = -1
        return [
            (named.get(name, name), value, quotes.get(named.get(name, ""), ""))
            for name, value in sorted(facts.items(), key=lambda fact: order.get(fact[0], 99))
            if value
        ]


def is_registry_setting(key: object) -> bool:
    """Say whether a key beside entries that stand alone holds for all of them, and is none."""
    return isinstance(key, str) and fields.normalize_key(key) in FILE_SETTINGS


def are_newest_first(entries: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether entries stand newest first, by their dates."""
    days = [day for entry in entries if (day := _find_entry_day(entry))]
    return len(days) > 1 and days[0] > days[-1]


def _find_entry_day(entry: Mapping[str, Any]) -> str | None:
    known = map_keys_to_fields(entry, fields.ID_KEYS)
    text = next((entry[name] for name, place in known.items() if place == "date"), None)
    return fields.parse_day(text) if isinstance(text, str) else None


def insert_item_in_brackets(text: str, items: Sequence[TextSpan], new: str, first: bool) -> str:
    """Return a text with one more item in brackets, set off as the others are.

    Raises: Unsure where something other than blanks and a comma stands between items.
    """
    gap = [_find_first_gap(text, items[0]), *_list_item_gaps(text, items)]
    if first:
        place = items[0].start
        return text[:place] + new + gap[min(1, len(items) - 1)] + text[place:]
    place = items[-1].end
    return text[:place] + gap[-1] + new + text[place:]


def _find_first_gap(text: str, item: TextSpan) -> str:
    """Return what sets off a second item: a line of its own, where the first one has it."""
    line = re.search(r"\r?\n[ \t]*$", text[: item.start])
    return f",{line[0]}" if line else ", "


def _list_item_gaps(text: str, items: Sequence[TextSpan]) -> Iterator[str]:
    for one, other in pairwise(items):
        gap = text[one.end : other.start]
        if not re.fullmatch(r"\s*,\s*", gap):
            raise UnexpectedSyntaxError
        yield gap
