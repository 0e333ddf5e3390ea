"""Build the keys and values of a new registry entry, modelled on another entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_postmortem.registry import fields
from pytest_postmortem.registry.file import FILE_SETTINGS
from pytest_postmortem.scaffold.front_matter import IncidentFacts, map_keys_to_fields

EntryPair = tuple[str, "str | tuple[str, ...]", str]
"""A key, its value, and the quote of the value."""


@dataclass(frozen=True, slots=True)
class EntryBuilder:
    """Build the pairs of an entry; ``is_keyed`` means that the id is the entry's own key."""

    id: str
    facts: IncidentFacts
    is_keyed: bool = False

    def __call__(self, like: Sequence[tuple[str, str]]) -> list[EntryPair]:
        """Return the pairs, with the keys, order and quotes of another entry."""
        facts = dict(self.facts) if self.is_keyed else {"id": self.id, **self.facts}
        field_by_key = map_keys_to_fields(dict(like), fields.ID_KEYS)
        quotes = dict(like)
        named = {place: name for name, place in field_by_key.items()}
        order = {place: position for position, place in enumerate(field_by_key.values())}
        order["id"] = -1
        return [
            (named.get(name, name), value, quotes.get(named.get(name, ""), ""))
            for name, value in sorted(facts.items(), key=lambda fact: order.get(fact[0], 99))
            if value
        ]


def is_registry_setting(key: object) -> bool:
    """Return whether a top-level key is a setting of the file and not the id of an entry."""
    return isinstance(key, str) and fields.normalize_key(key) in FILE_SETTINGS


def are_newest_first(entries: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether entries are ordered newest first, by their dates."""
    days = [day for entry in entries if (day := _find_entry_day(entry))]
    return len(days) > 1 and days[0] > days[-1]


def _find_entry_day(entry: Mapping[str, Any]) -> str | None:
    field_by_key = map_keys_to_fields(entry, fields.ID_KEYS)
    text = next((entry[name] for name, place in field_by_key.items() if place == "date"), None)
    return fields.parse_day(text) if isinstance(text, str) else None
