"""Security advisories as incidents: the records of one advisory are one entry.

Several databases publish one advisory: ``PYSEC-2024-24``, ``GHSA-5h86-8mv2-jq9f`` and
``CVE-2023-49081`` name each other in ``aliases``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_postmortem.registry import fields
from pytest_postmortem.registry.located_data import LocatedTable
from pytest_postmortem.registry.raw_entries import RawEntry

_DATABASE_RANKS = (("CVE-", 3), ("GHSA-", 2), ("OSV-", 1))
"""Databases that repeat what others publish first; the id of another one is that of the entry."""

_JOINED_FIELDS = ("references", "affected")

_RECORD_KEYS = ("schema_version", "database_specific", "withdrawn")


def is_advisory(tree: Any) -> bool:
    """Return whether data is one record in the OSV format, https://ossf.github.io/osv-schema/.

    A record needs only ``id`` and ``modified``, so keys that only records have decide.
    """
    if not isinstance(tree, Mapping) or not tree.keys() >= {"id", "modified"}:
        return False
    if "affected" in tree:
        return _lists_mappings(tree["affected"])
    return not tree.keys().isdisjoint(_RECORD_KEYS) or _lists_mappings(tree.get("references"))


def _lists_mappings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, Mapping) for item in value)


def read_advisory_prose(tree: Any) -> list[tuple[int, str]]:
    """Return the numbered lines of prose of the records in data: their summaries and details.

    The other fields of a record are no sentences: `find_fix_references` reads them.
    """
    if isinstance(tree, Mapping) and not is_advisory(tree):
        return [line for value in tree.values() for line in read_advisory_prose(value)]
    if isinstance(tree, list):
        return [line for item in tree for line in read_advisory_prose(item)]
    if not isinstance(tree, LocatedTable):
        return []
    prose: list[tuple[int, str]] = []
    for key in ("summary", "details"):
        text = tree.get(key)
        if isinstance(text, str) and text.strip():
            number = tree.lines.get(key) or tree.line or 1
            prose += [(number, line) for line in [*text.split("\n"), ""]]
    return prose


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
        if not _lists_mappings(raw.values.get("affected")):
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
