"""Which incidents are listed, and in which order: rows × what is asked → rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pytest_postmortem.assess import selected, severity_key
from pytest_postmortem.listing.overview import WORDS, Row
from pytest_postmortem.model import Policy

__all__ = ["SORTS", "Asked", "chosen"]

SORTS = ("id", "title", "date", "severity", "class", "state", "owner")
"""What a list can be sorted by."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for: ``select`` as `Policy` has it, ``states`` beside it, and two days.

    Incidents are wanted from ``since`` on and up to the day before ``before``; one without a
    date is wanted only where no day is named.
    """

    select: tuple[tuple[str, tuple[str, ...]], ...] = ()
    states: tuple[str, ...] = ()
    since: date | None = None
    before: date | None = None
    sort: str | None = None
    severities: tuple[str, ...] = ()


def chosen(rows: Iterable[Row], asked: Asked) -> list[Row]:
    """Return the rows that are asked for, in order; what says nothing of it stands last."""
    kept = [row for row in rows if _fits(row, asked)]
    if asked.sort is None:
        return kept
    key = _key(asked.sort, asked.severities)
    told = sorted((row for row in kept if _text(row, asked.sort)), key=key)
    if asked.sort == "date":
        told.reverse()
    return [*told, *(row for row in kept if not _text(row, asked.sort))]


def _fits(row: Row, asked: Asked) -> bool:
    day = row.postmortem.day
    if asked.since is not None and (day is None or day < asked.since):
        return False
    if asked.before is not None and (day is None or day >= asked.before):
        return False
    if asked.states and row.state not in asked.states:
        return False
    return selected(row.postmortem, Policy(select=asked.select))


def _text(row: Row, name: str) -> str:
    return str(row.fields.get(name) or "")


def _key(name: str, severities: Sequence[str]) -> Callable[[Row], Any]:
    ranks: Mapping[str, int] = {}
    if name == "state":
        ranks = {word: rank for rank, word in enumerate(WORDS)}
    elif name == "severity":
        ranks = {severity_key(each): rank for rank, each in enumerate(severities)}

    def key(row: Row) -> tuple[int, list[tuple[int, str]]]:
        text = _text(row, name)
        known = severity_key(text) if name == "severity" else text
        return ranks.get(known, len(ranks)), _natural(text)

    return key


def _natural(text: str) -> list[tuple[int, str]]:
    """Return what a text is sorted by: PM-9 before PM-10."""
    parts = re.findall(r"[0-9]+|[^0-9]+", text.casefold())
    return [(int(part[:50]), "") if part.isdecimal() else (-1, part) for part in parts]
