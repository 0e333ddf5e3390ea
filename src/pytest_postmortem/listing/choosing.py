"""Which incidents are listed, and in which order: rows × what is asked → rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pytest_postmortem.assess import is_incident_selected, normalize_severity
from pytest_postmortem.listing.overview import ROW_STATES, IncidentRow
from pytest_postmortem.model import Policy

__all__ = ["SORT_KEYS", "ListQuery", "select_rows"]

SORT_KEYS = ("id", "title", "date", "severity", "class", "state", "owner")
"""What a list can be sorted by."""


@dataclass(frozen=True, slots=True)
class ListQuery:
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


def select_rows(rows: Iterable[IncidentRow], query: ListQuery) -> list[IncidentRow]:
    """Return the rows that are asked for, in order; what says nothing of it stands last."""
    selected_rows = [row for row in rows if _is_row_selected(row, query)]
    if query.sort is None:
        return selected_rows
    key = _build_sort_key(query.sort, query.severities)
    sorted_rows = sorted(
        (row for row in selected_rows if _format_sort_text(row, query.sort)), key=key
    )
    if query.sort == "date":
        sorted_rows.reverse()
    return [*sorted_rows, *(row for row in selected_rows if not _format_sort_text(row, query.sort))]


def _is_row_selected(row: IncidentRow, query: ListQuery) -> bool:
    day = row.postmortem.day
    if query.since is not None and (day is None or day < query.since):
        return False
    if query.before is not None and (day is None or day >= query.before):
        return False
    if query.states and row.state not in query.states:
        return False
    return is_incident_selected(row.postmortem, Policy(select=query.select))


def _format_sort_text(row: IncidentRow, name: str) -> str:
    return str(row.fields.get(name) or "")


def _build_sort_key(name: str, severities: Sequence[str]) -> Callable[[IncidentRow], Any]:
    ranks: Mapping[str, int] = {}
    if name == "state":
        ranks = {word: rank for rank, word in enumerate(ROW_STATES)}
    elif name == "severity":
        ranks = {normalize_severity(severity): rank for rank, severity in enumerate(severities)}

    def build_row_key(row: IncidentRow) -> tuple[int, list[tuple[int, str]]]:
        text = _format_sort_text(row, name)
        sort_text = normalize_severity(text) if name == "severity" else text
        return ranks.get(sort_text, len(ranks)), _build_natural_key(text)

    return build_row_key


def _build_natural_key(text: str) -> list[tuple[int, str]]:
    """Return what a text is sorted by: PM-9 before PM-10."""
    parts = re.findall(r"[0-9]+|[^0-9]+", text.casefold())
    return [(int(part[:50]), "") if part.isdecimal() else (-1, part) for part in parts]
