"""Merge entries of several locations into post-mortems, with their names and findings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pytest_postmortem.errors import Problem
from pytest_postmortem.model import (
    SHOW_LEVELS,
    Columns,
    Finding,
    Postmortem,
    fill_postmortems,
    fold_id,
)
from pytest_postmortem.registry import fields
from pytest_postmortem.registry.entry import RegistryEntry
from pytest_postmortem.registry.file_bytes import READ_REGISTRY


def check_duplicate_ids(entries: Iterable[RegistryEntry]) -> list[Problem]:
    """Return a problem for each entry whose id an earlier one of the same location has."""
    first: dict[str, RegistryEntry] = {}
    problems = []
    for entry in entries:
        earlier = first.setdefault(fold_id(entry.id), entry)
        if earlier is not entry:
            cause = (
                f"the id {entry.id!r} at {_locate_entry(entry)} is also that of the entry at"
                f" {_locate_entry(earlier)}"
            )
            remedy = "give each post-mortem an id of its own; upper and lower case are the same"
            problems.append(
                Problem("registry-duplicate", READ_REGISTRY, cause, remedy, entry.path, entry.line)
            )
    return problems


def _locate_entry(entry: RegistryEntry) -> str:
    return entry.path if entry.line is None else f"{entry.path}:{entry.line}"


def merge_entries(locations: Iterable[Sequence[RegistryEntry]]) -> list[RegistryEntry]:
    """Merge the entries of all locations: later ones add to the earlier ones that they name.

    An entry names an earlier one by its id, by an alias of that one that is its id, or by an
    alias of its own that is the id of that one: the first of these that fits.
    """
    merged: list[RegistryEntry] = []
    for entries in locations:
        if not merged:
            merged += entries
            continue
        names = _EntryNames(merged)
        for entry in entries:
            position = names.position(entry)
            if position is None:
                merged.append(entry)
            else:
                merged[position] = _merge_entry(merged[position], entry)
    return merged


class _EntryNames:
    """The ids, the aliases and the path aliases of entries; an ambiguous name is left out."""

    def __init__(self, entries: Sequence[RegistryEntry]) -> None:
        self.ids = {fold_id(entry.id): n for n, entry in enumerate(entries)}
        self.owners = _index_name_owners(
            (n, entry.lists.get("aliases", ())) for n, entry in enumerate(entries)
        )
        self.paths = _index_name_owners((n, entry.implicit) for n, entry in enumerate(entries))

    def position(self, entry: RegistryEntry) -> int | None:
        id = fold_id(entry.id)
        if id in self.ids:
            return self.ids[id]
        for owners in (self.owners.get(id, ()), self.paths.get(id, ())):
            if len(owners) == 1:
                return owners[0]
        names = (*entry.lists.get("aliases", ()), *entry.implicit)
        positions = (self.ids.get(fold_id(name)) for name in names)
        return next((position for position in positions if position is not None), None)


def _index_name_owners(names: Iterable[tuple[int, Iterable[str]]]) -> dict[str, list[int]]:
    """Return who has each name, in order, each owner once."""
    owners: dict[str, list[int]] = {}
    for position, entry_names in names:
        for name in dict.fromkeys(map(fold_id, entry_names)):
            owners.setdefault(name, []).append(position)
    return owners


def _merge_entry(first: RegistryEntry, later: RegistryEntry) -> RegistryEntry:
    lists = {
        name: _join_unique(first.lists.get(name, ()), later.lists.get(name, ()))
        for name in (*first.lists, *later.lists)
    }
    if fold_id(first.id) != fold_id(later.id):
        lists["aliases"] = _join_unique(lists.get("aliases", ()), (later.id,))
    if first.fetched and not later.fetched:
        first = first._replace(path=later.path, line=later.line, fetched=False)
    return first._replace(
        show=min(first.show, later.show, key=SHOW_LEVELS.index),
        texts={**first.texts, **later.texts},
        lists=lists,
        guards=tuple(dict.fromkeys(first.guards + later.guards)),
        items=tuple(dict.fromkeys(first.items + later.items)),
        extra={**first.extra, **later.extra},
        fallback={**later.fallback, **first.fallback},
        implicit=_join_unique(first.implicit, later.implicit),
        exempted=later.exempted if "test" in later.texts else first.exempted,
    )


def _join_unique(first: tuple[str, ...], later: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(first + later))


def build_postmortems(
    entries: Sequence[RegistryEntry], columns: Columns
) -> tuple[tuple[Postmortem, ...], dict[str, Postmortem], list[Finding]]:
    """Return the post-mortems, the index of all names that name one alone, and the findings.

    ``columns`` are those of the entries, from `build_columns`.
    """
    postmortems = fill_postmortems(len(entries), columns)
    names = _EntryNames(entries)
    index = {name: postmortems[n] for name, n in names.ids.items()}
    paths = {name: owners for name, owners in names.paths.items() if name not in names.owners}
    for name, owners in (names.owners | paths).items():
        if len(owners) == 1:
            index.setdefault(name, postmortems[owners[0]])
    message = "{} is exempt without a reason; add one, such as 'reason: …'"
    unexplained = [
        Finding("exempt-without-reason", "warning", message.format(entry.id), *entry.exempted)
        for entry in entries
        if entry.exempted is not None and "reason" not in entry.texts
    ]
    return postmortems, index, [*_check_shared_aliases(entries, names), *unexplained]


def build_columns(entries: Sequence[RegistryEntry]) -> Columns:
    """Return the values of each field of post-mortems that any of the entries has."""
    rows = [entry.texts for entry in entries]
    lists = [entry.lists for entry in entries]
    columns: dict[str, list[Any]] = {
        name: [values.get(name) for values in rows] for name in {"title"}.union(*rows)
    }
    for name in set[str]().union(*lists):
        columns[name] = [values.get(name, ()) for values in lists]
    if any(entry.fallback for entry in entries):
        columns["url"] = columns.get("url") or [None] * len(entries)
        for name in ("title", "url"):
            pairs = zip(columns[name], entries, strict=True)
            columns[name] = [value or entry.fallback.get(name) for value, entry in pairs]
    columns["id"] = ids = [entry.id for entry in entries]
    columns["title"] = [title or id for title, id in zip(columns["title"], ids, strict=True)]
    columns["path"] = [None if entry.fetched else entry.path for entry in entries]
    columns["line"] = [entry.line for entry in entries]
    columns["show"] = [entry.show for entry in entries]
    columns["guarded_by"] = [entry.guards for entry in entries]
    columns["action_items"] = [entry.items for entry in entries]
    columns["extra"] = [entry.extra for entry in entries]
    columns["exempt"] = exempt = [values.get("test") == "exempt" for values in rows]
    for name in ("reason", "until"):
        if name in columns:
            columns[name] = [
                value if counts else None
                for value, counts in zip(columns[name], exempt, strict=True)
            ]
    if "class" in columns:
        columns["problem_class"] = columns["class"]
    if "aliases" in columns:
        columns["aliases"] = list(map(_drop_own_id, entries))
    return columns


def _drop_own_id(entry: RegistryEntry) -> tuple[str, ...]:
    """Return the aliases of an entry without its id."""
    id = fold_id(entry.id)
    return tuple(alias for alias in entry.lists.get("aliases", ()) if fold_id(alias) != id)


def _check_shared_aliases(entries: Sequence[RegistryEntry], names: _EntryNames) -> list[Finding]:
    """Return an error for each alias that is the id of another entry, or an earlier one's alias."""
    findings = []
    for name, owners in names.owners.items():
        by_id = names.ids.get(name)
        first = owners[0] if by_id is None else by_id
        description = f"an alias of {entries[first].id}" if by_id is None else "the id of the entry"
        for entry in (entries[position] for position in owners if position != first):
            alias = next(a for a in entry.lists["aliases"] if fold_id(a) == name)
            message = (
                f"the alias {alias[: fields.MAX_SHORT_TEXT]!r} of {entry.id} is also {description}"
                f" at {_locate_entry(entries[first])}: take it from one of the two, it doesn't"
                " count"
            )
            findings.append(Finding("shared-alias", "error", message, entry.path, entry.line))
    return findings
