"""Security advisories as incidents: the records of one advisory are one entry.

Several databases publish one advisory: ``PYSEC-2024-24``, ``GHSA-5h86-8mv2-jq9f`` and
``CVE-2023-49081`` name each other in ``aliases``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_postmortem.registry import fields
from pytest_postmortem.registry.entry import RawEntry

_DATABASE_RANKS = (("CVE-", 2), ("GHSA-", 1))
"""Databases that repeat what others publish first; the id of another one is that of the entry."""

_JOINED_FIELDS = ("references", "affected")


def is_advisory(tree: Any) -> bool:
    """Return whether data is one record in the OSV format, https://ossf.github.io/osv-schema/."""
    return isinstance(tree, Mapping) and tree.keys() >= {"id", "modified", "affected"}


def merge_advisories(raws: Sequence[RawEntry]) -> Sequence[RawEntry]:
    """Return entries in which the records of one advisory are one, where the first of them was.

    Records belong together if they have an id or an alias in common. The others' ids are aliases.
    """
    if not any("affected" in raw.values for raw in raws):
        return raws
    groups: list[tuple[set[str], list[RawEntry]]] = []
    places: dict[str, int] = {}
    merged: list[RawEntry | int] = []
    for raw in raws:
        if not isinstance(raw.values.get("affected"), list):
            merged.append(raw)
            continue
        names = {name.casefold() for name in (_find_id(raw), *_list_aliases(raw))}
        found = sorted({places[name] for name in names if name in places})
        place = found[0] if found else len(groups)
        if not found:
            groups.append((set(), []))
            merged.append(place)
        for other in found[1:]:
            names |= groups[other][0]
            groups[place][1].extend(groups[other][1])
            groups[other][1].clear()
        groups[place][0].update(names)
        groups[place][1].append(raw)
        places.update(dict.fromkeys(groups[place][0], place))
    entries = (groups[each][1] if isinstance(each, int) else [each] for each in merged)
    return [_merge_records(group) for group in entries if group]


def _find_id(raw: RawEntry) -> str:
    return raw.key or fields.parse_scalar(raw.values.get("id")) or ""


def _list_aliases(raw: RawEntry) -> tuple[str, ...]:
    return fields.split_texts(raw.values.get("aliases"), ",")


def _rank_record(raw: RawEntry) -> tuple[int, str]:
    id = _find_id(raw).upper()
    return next((rank for start, rank in _DATABASE_RANKS if id.startswith(start)), 0), id


def _merge_records(records: Sequence[RawEntry]) -> RawEntry:
    """Return one entry of several records; a severity in words counts more than a vector."""
    if len(records) == 1:
        return records[0]
    first, *others = sorted(records, key=_rank_record)
    values = first.values
    aliases = [alias for raw in (first, *others) for alias in (_find_id(raw), *_list_aliases(raw))]
    unique = {alias.casefold(): alias for alias in reversed(aliases)}
    unique.pop(_find_id(first).casefold(), None)
    values["aliases"] = list(reversed(unique.values()))
    for raw in others:
        for key, value in raw.values.items():
            if key in _JOINED_FIELDS and isinstance(values.get(key), list):
                values[key] = [*values[key], *value]
            elif key == "severity" and fields.is_cvss_vector(
                fields.parse_scalar(values.get(key)) or ""
            ):
                values[key] = value
            else:
                values.setdefault(key, value)
    return first
