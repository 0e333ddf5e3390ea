"""What is to be an entry of a registry file, and how its keys and its place follow from others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pytest_postmortem.authoring.front import Facts, places
from pytest_postmortem.registry import fields
from pytest_postmortem.registry.files import SETTINGS
from pytest_postmortem.registry.statements import Span, Unsure

__all__ = ["Make", "Pair", "is_setting", "joined_in_brackets", "newest_first"]

Pair = tuple[str, "str | tuple[str, ...]", str]
"""A key, its value, and the quote that it is written with."""


@dataclass(frozen=True, slots=True)
class Make:
    """Makes the pairs of an entry; ``keyed`` says that its id stands outside of it."""

    id: str
    facts: Facts
    keyed: bool = False

    def __call__(self, like: Sequence[tuple[str, str]]) -> list[Pair]:
        """Return the pairs, with the keys and quotes of another entry as far as it has them."""
        facts = dict(self.facts) if self.keyed else {"id": self.id, **self.facts}
        known = places(dict(like), fields.IDS)
        quotes = dict(like)
        named = {place: name for name, place in known.items()}
        order = {place: position for position, place in enumerate(known.values())}
        order["id"] = -1
        return [
            (named.get(name, name), value, quotes.get(named.get(name, ""), ""))
            for name, value in sorted(facts.items(), key=lambda fact: order.get(fact[0], 99))
            if value
        ]


def is_setting(key: object) -> bool:
    """Say whether a key beside entries that stand alone holds for all of them, and is none."""
    return isinstance(key, str) and fields.normal(key) in SETTINGS


def newest_first(entries: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether entries stand newest first, by their dates."""
    days = [day for entry in entries if (day := _day(entry))]
    return len(days) > 1 and days[0] > days[-1]


def _day(entry: Mapping[str, Any]) -> str | None:
    known = places(entry, fields.IDS)
    text = next((entry[name] for name, place in known.items() if place == "date"), None)
    return fields.day(text) if isinstance(text, str) else None


def joined_in_brackets(text: str, items: Sequence[Span], new: str, first: bool) -> str:
    """Return a text with one more item in brackets, set off as the others are.

    Raises: Unsure where something other than blanks and a comma stands between items.
    """
    gap = [_first_gap(text, items[0]), *_gaps(text, items)]
    if first:
        place = items[0].start
        return text[:place] + new + gap[min(1, len(items) - 1)] + text[place:]
    place = items[-1].end
    return text[:place] + gap[-1] + new + text[place:]


def _first_gap(text: str, item: Span) -> str:
    """Return what sets off a second item: a line of its own, where the first one has it."""
    line = re.search(r"\r?\n[ \t]*$", text[: item.start])
    return f",{line[0]}" if line else ", "


def _gaps(text: str, items: Sequence[Span]) -> Iterator[str]:
    for one, other in pairwise(items):
        gap = text[one.end : other.start]
        if not re.fullmatch(r"\s*,\s*", gap):
            raise Unsure
        yield gap
