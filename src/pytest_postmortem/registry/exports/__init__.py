"""Exports of services: a data file for each, which says how its items are recognised and read.

``keys`` are the keys that an item of the service has, as dotted paths; in CSV they are the names
of columns, compared as all columns are. ``preset`` names the preset with the same fields, and
``fields`` and ``where`` have the form that they have in a ``source:`` block. ``body`` is the path
of a text, which is read as the body of an issue is.

The items of other services are read as a table is, whose columns are their keys.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache
from typing import Any

from pytest_postmortem.registry import fields, parsers
from pytest_postmortem.registry.entry import LIST_SEPARATORS, READ_REGISTRY, RawEntry
from pytest_postmortem.registry.parsers import LocatedList, LocatedTable
from pytest_postmortem.registry.remote import json_path
from pytest_postmortem.registry.remote.json_path import FieldPath, parse_field_paths
from pytest_postmortem.registry.tables import TableRows, name_table_fields, squeeze_key

EXPORT_FOLDER = os.path.dirname(__file__)
LIST_KEYS = (
    *("data", "incidents", "issues", "alerts", "results", "result", "items", "records", "values"),
    *("nodes", "postmortem_documents"),
)
ITEM_KEYS = ("incident", "issue", "alert", "data")
NESTED_KEYS = ("attributes", "fields")
_API_ADDRESS = re.compile(r"^(https?://[^/]+(?:/[\w-]+)*?)/rest/api/")
_JIRA_DATE = re.compile(r"(\d{1,2})/([A-Z][a-z]{2})/(\d{4}|\d{2})\b")
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_EPOCH_TIME = re.compile(r"\d{10}(?:\d{3})?$")


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """The format of the items of one service."""

    keys: tuple[str, ...]
    fields: Mapping[str, tuple[FieldPath, ...]]
    where: Mapping[str, tuple[str | None, ...]]
    body: str | None = None
    table: bool = False


def find_export_items(tree: Any) -> LocatedList | None:
    """Return the items of data as a service delivers it as our own entries, or None.

    Data in our own form is not an export: a list of mappings whose keys are fields, or a mapping
    with entries below ``postmortems``.
    """
    items = _find_items(tree)
    if not items:
        return None
    samples = items[:20]
    found = None
    if any(map(_has_foreign_key, samples)):
        forms = _load_formats(isinstance(items, TableRows))
        found = next((form for form in forms if _has_keys(form, samples)), None)
    if found is not None:
        return _convert_items(items, lambda item: _read_item(item, found))
    if isinstance(items, TableRows):
        return name_table_fields(items)
    own = isinstance(tree, LocatedList) or _is_own_form(tree)
    nested = any(key in item for item in samples for key in NESTED_KEYS)
    if own and not nested and any(map(_has_id, samples)):
        return None
    flat = _convert_items(items, _flatten_item)
    return name_table_fields(_build_rows(flat), ids_from_cells=False)


def _has_id(item: LocatedTable) -> bool:
    return any(fields.normalize_key(key) in fields.ID_KEYS for key in item)


def _build_rows(items: LocatedList) -> TableRows:
    """Return items as the rows of a table, which has a column for each of their keys."""
    rows = TableRows(list(dict.fromkeys(key for item in items for key in item)))
    rows.extend(items)
    rows.lines = items.lines or [item.line for item in items]
    return rows


def _has_foreign_key(item: LocatedTable) -> bool:
    """Return whether an item has a key that is not the name of a field."""
    names = map(fields.normalize_key, item)
    return any(fields.find_field(name) is None and name not in fields.ID_KEYS for name in names)


def _find_items(tree: Any) -> LocatedList | None:
    """Return the list of items: all of the data, or what the only list of mappings in it has."""
    if isinstance(tree, LocatedList):
        return tree if all(isinstance(item, LocatedTable) for item in tree) else None
    if not isinstance(tree, LocatedTable):
        return None
    for key in LIST_KEYS:
        value = tree.get(key)
        if isinstance(value, LocatedList) and value:
            return value if all(isinstance(item, LocatedTable) for item in value) else None
        if isinstance(value, LocatedTable) and not _is_item(value):
            return _find_items(value)
    for key in ITEM_KEYS:
        value = tree.get(key)
        if isinstance(value, LocatedTable) and _is_item(value):
            return _wrap_item(value)
    return _wrap_item(tree) if _is_item(tree) else None


def _is_item(table: LocatedTable) -> bool:
    return "id" in table and any(key in table for key in ("title", "name", "message", *NESTED_KEYS))


def _wrap_item(table: LocatedTable) -> LocatedList:
    items = LocatedList(table.line)
    items.append(table)
    return items


def _is_own_form(tree: LocatedTable) -> bool:
    """Return whether a mapping has our own wrapper, or is one entry."""
    names = {fields.normalize_key(key) for key in tree}
    return bool(names & {"postmortems", "incidents", "defects", "issues", "id"})


@cache
def _load_formats(table: bool) -> tuple[ExportFormat, ...]:
    names = sorted(name for name in os.listdir(EXPORT_FOLDER) if name.endswith(".yml"))
    return tuple(form for form in map(_load_format, names) if form.table == table)


def _load_format(name: str) -> ExportFormat:
    from pytest_postmortem.registry.remote.presets import load_preset

    path = os.path.join(EXPORT_FOLDER, name)
    with open(path, encoding="utf-8") as file:
        block = parsers.parse_data_text(file.read(), ".yml", failed=READ_REGISTRY, path=path)
    preset = load_preset(block["preset"]) if "preset" in block else {}
    paths = {**preset.get("fields", {}), **block.get("fields", {})}
    where = {**preset.get("where", {}), **block.get("where", {})}
    return ExportFormat(
        tuple(block["keys"]),
        {name: parse_field_paths(value) for name, value in paths.items() if value is not None},
        {
            key: tuple(texts) if isinstance(texts, list) else (texts,)
            for key, texts in where.items()
        },
        block.get("body"),
        block.get("table") == "true",
    )


def _has_keys(form: ExportFormat, samples: Sequence[LocatedTable]) -> bool:
    """Return whether an item has all keys of a format, be their values null."""
    if form.table:
        wanted = set(map(squeeze_key, form.keys))
        return any(wanted <= set(map(squeeze_key, item)) for item in samples)
    return any(
        all(any(True for _ in json_path.find_path_values(item, key)) for key in form.keys)
        for item in samples
    )


def _convert_items(items: LocatedList, convert: Any) -> LocatedList:
    converted = LocatedList(items.line)
    for position, item in enumerate(items):
        table = convert(item)
        if table is not None:
            table.line = item.line
            converted.append(table)
            if items.lines:
                converted.lines.append(items.lines[position])
    return converted


def _read_item(item: LocatedTable, form: ExportFormat) -> LocatedTable | None:
    """Return an item as an entry: the fields of its format, and short texts of its own."""
    source = _squeeze_item(item, form) if form.table else _add_site(item)
    if not all(_is_accepted(source, path, texts) for path, texts in form.where.items()):
        return None
    table = LocatedTable()
    for name, spots in form.fields.items():
        values = [value for spot in spots for value in spot.read(source)]
        if values and name in (*LIST_SEPARATORS, "fix"):
            table[name] = _list_texts(values)
        elif values:
            value = next((value for value in values if fields.parse_scalar(value)), values[0])
            table[name] = _convert_time(value) if name == "date" else value
    for body in json_path.find_path_values(source, form.body) if form.body else ():
        table = _add_body(table, body)
    _add_own_texts(table, item)
    return table


def _add_body(table: LocatedTable, body: Any) -> LocatedTable:
    """Return an entry with what its text says, for the fields that it lacks."""
    from pytest_postmortem.registry.remote.issue_body import BODY_KEY, add_body_fields

    table[BODY_KEY] = body
    return add_body_fields(RawEntry(table, ""), "all").values


def _list_texts(values: Iterable[Any]) -> LocatedList:
    texts = LocatedList()
    for value in values:
        texts += fields.split_texts(value, None)
    return texts


def _add_own_texts(table: LocatedTable, item: LocatedTable) -> None:
    """Add the keys of an item that mean nothing here, for `postmortem_select`."""
    for key, value in item.items():
        name = fields.normalize_key(key)
        if isinstance(value, str) and not fields.find_field(name) and name not in fields.ID_KEYS:
            table.setdefault(key, value)


def _squeeze_item(item: LocatedTable, form: ExportFormat) -> LocatedTable:
    """Return a row with the columns named as the format names them."""
    names = {
        squeeze_key(path): path
        for spots in form.fields.values()
        for spot in spots
        for path in spot.paths
    }
    row = LocatedTable(item.line)
    for key, value in item.items():
        row[names.get(squeeze_key(key), key)] = value
    return row


def _add_site(item: LocatedTable) -> LocatedTable:
    """Return an item of Jira with the address of its site, from that of its API."""
    address = item.get("self")
    match = _API_ADDRESS.match(address) if isinstance(address, str) else None
    if match is None:
        return item
    copy = LocatedTable(item.line)
    copy.update({**item, "site": match[1]})
    return copy


def _is_accepted(item: LocatedTable, path: str, accepted: Sequence[str | None]) -> bool:
    """Return whether an item has one of the texts at a path; None is a missing value."""
    values = [value for value in json_path.find_path_values(item, path) if value not in (None, "")]
    if not values:
        return None in accepted
    texts = {text.casefold() for value in values for text in fields.split_texts(value, None)}
    return bool(texts & {text.casefold() for text in accepted if text is not None})


def _convert_time(value: Any) -> Any:
    """Return a date in ISO form: seconds or milliseconds since 1970, or ``02/Mar/26`` of Jira."""
    jira = _JIRA_DATE.match(value) if isinstance(value, str) else None
    if jira and jira[2] in _MONTHS:
        year = jira[3] if len(jira[3]) == 4 else f"20{jira[3]}"
        return f"{year}-{_MONTHS.index(jira[2]) + 1:02}-{int(jira[1]):02}"
    if not isinstance(value, str) or not _EPOCH_TIME.match(value):
        return value
    return datetime.fromtimestamp(int(value[:10]), timezone.utc).isoformat()


def _flatten_item(item: LocatedTable) -> LocatedTable:
    """Return an item of an unknown service with its nested attributes among its own keys."""
    table = LocatedTable(item.line)
    table.lines = item.lines
    table.update(item)
    for key in NESTED_KEYS:
        nested = item.get(key)
        if isinstance(nested, LocatedTable):
            del table[key]
            table.update({name: value for name, value in nested.items() if name not in table})
    for name, value in table.items():
        if isinstance(value, LocatedTable):
            table[name] = _find_name(value)
    return table


def _find_name(value: LocatedTable) -> Any:
    """Return the name of a nested mapping, or the mapping if it has none."""
    inner = value.get("data") if isinstance(value.get("data"), LocatedTable) else value
    attributes = inner.get("attributes") if isinstance(inner, LocatedTable) else None
    places = (value, inner, attributes)
    names = (
        place[key]
        for place in places
        if isinstance(place, LocatedTable)
        for key in ("name", "summary", "value")
        if isinstance(place.get(key), str)
    )
    return next(names, value)
