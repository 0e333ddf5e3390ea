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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache, partial
from typing import Any

from pytest_postmortem.registry import fields, parsers
from pytest_postmortem.registry.advisories import is_advisory
from pytest_postmortem.registry.file_bytes import READ_REGISTRY
from pytest_postmortem.registry.located_data import LocatedList, LocatedTable
from pytest_postmortem.registry.raw_entries import WRAPPER_KEYS, RawEntry
from pytest_postmortem.registry.remote import json_path
from pytest_postmortem.registry.remote.json_path import FieldPath, parse_field_paths, read_field
from pytest_postmortem.registry.tables import TableRows, name_table_fields, squeeze_key

EXPORT_FOLDER = os.path.dirname(__file__)
LIST_KEYS = (
    *("data", "incidents", "issues", "alerts", "results", "result", "items", "records", "values"),
    *("nodes", "postmortem_documents", "vulns"),
)
ITEM_KEYS = ("incident", "issue", "alert", "data")
NESTED_KEYS = ("attributes", "fields")
OWN_KEYS = {*WRAPPER_KEYS, "id"}
"""The keys of a mapping in our own form: those that hold entries, and that of one entry."""

_API_ADDRESS = re.compile(r"^(https?://[^/]+(?:/[\w-]+)*?)/rest/api/")
_JIRA_DATE = re.compile(r"(\d{1,2})/([A-Z][a-z]{2})/(\d{4}|\d{2})\b")
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_EPOCH_TIME = re.compile(r"\d{10}(?:\d{3})?$")


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """The format of the items of one service."""

    keys: tuple[str, ...]
    fields: Mapping[str, tuple[FieldPath, ...]]
    where: Mapping[str, Sequence[str | None]]
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
    if any(map(is_advisory, samples)):
        return _convert_items(items, _read_advisory)
    keys = {fields.normalize_key(key) for item in samples for key in item}
    if any(fields.find_field(key) is None and key not in fields.ID_KEYS for key in keys):
        for form in _load_formats(isinstance(items, TableRows)):
            if _has_keys(form, samples):
                return _convert_items(items, partial(_read_item, form))
    if isinstance(items, TableRows):
        return name_table_fields(items)
    own = isinstance(tree, LocatedList) or not OWN_KEYS.isdisjoint(map(fields.normalize_key, tree))
    nested = any(key in item for item in samples for key in NESTED_KEYS)
    if own and not nested and not keys.isdisjoint(fields.ID_KEYS):
        return None
    flat = _convert_items(items, _flatten_item)
    rows = TableRows(list(dict.fromkeys(key for item in flat for key in item)))
    rows.extend(flat)
    rows.lines = flat.lines or [item.line for item in flat]
    return name_table_fields(rows, ids_from_cells=False)


def _find_items(tree: Any) -> LocatedList | None:
    """Return the list of items: all of the data, or what the only list of mappings in it has."""
    if isinstance(tree, LocatedList):
        return tree if all(isinstance(item, LocatedTable) for item in tree) else None
    if not isinstance(tree, LocatedTable):
        return None
    for key in LIST_KEYS:
        value = tree.get(key)
        if isinstance(value, LocatedList) and value:
            return _find_items(value)
        if isinstance(value, LocatedTable) and not _is_item(value):
            return _find_items(value)
    for item in (*map(tree.get, ITEM_KEYS), tree):
        if isinstance(item, LocatedTable) and _is_item(item):
            items = LocatedList(item.line)
            items.append(item)
            return items
    return None


def _is_item(table: LocatedTable) -> bool:
    keys = ("title", "name", "message", *NESTED_KEYS)
    return is_advisory(table) or ("id" in table and any(key in table for key in keys))


@cache
def _load_formats(table: bool) -> tuple[ExportFormat, ...]:
    names = sorted(name for name in os.listdir(EXPORT_FOLDER) if name.endswith(".yml"))
    return tuple(form for form in map(_load_format, names) if form.table == table)


@cache
def _load_format(name: str) -> ExportFormat:
    from pytest_postmortem.registry.remote.presets import load_preset

    path = os.path.join(EXPORT_FOLDER, name)
    with open(path, encoding="utf-8") as file:
        block = parsers.parse_data_text(file.read(), ".yml", failed=READ_REGISTRY, path=path)
    preset = load_preset(block["preset"]) if "preset" in block else {}
    paths = {**preset.get("fields", {}), **block.get("fields", {})}
    where = {**preset.get("where", {}), **block.get("where", {})}
    return ExportFormat(
        keys=tuple(block["keys"]),
        fields={name: parse_field_paths(path) for name, path in paths.items() if path is not None},
        where={
            path: texts if isinstance(texts, list) else [texts] for path, texts in where.items()
        },
        body=block.get("body"),
        table=block.get("table") == "true",
    )


def _has_keys(form: ExportFormat, samples: Sequence[LocatedTable]) -> bool:
    """Return whether an item has all keys of a format, be their values null."""
    if form.table:
        wanted = set(map(squeeze_key, form.keys))
        return any(wanted <= set(map(squeeze_key, item)) for item in samples)
    return any(all(FieldPath(key).exists(item) for key in form.keys) for item in samples)


def _convert_items(
    items: LocatedList, convert: Callable[[LocatedTable], LocatedTable | None]
) -> LocatedList:
    converted = LocatedList(items.line)
    for position, item in enumerate(items):
        table = convert(item)
        if table is not None:
            table.line = item.line
            converted.append(table)
            if items.lines:
                converted.lines.append(items.lines[position])
    return converted


def _read_item(form: ExportFormat, item: LocatedTable) -> LocatedTable | None:
    """Return an item as an entry: the fields of its format, and short texts of its own."""
    source = LocatedTable(item.line)
    source.update(_name_columns(form, item) if form.table else item)
    address = item.get("self")
    if isinstance(address, str) and (match := _API_ADDRESS.match(address)):
        source["site"] = match[1]  # that of Jira
    if not json_path.is_accepted(source, form.where):
        return None
    table = LocatedTable()
    for name, paths in form.fields.items():
        value = read_field(name, paths, source)
        if value is not None:
            table[name] = _convert_time(value) if name == "date" else value
    for body in json_path.find_path_values(source, form.body) if form.body else ():
        from pytest_postmortem.registry.remote.issue_body import BODY_KEY, add_body_fields

        table[BODY_KEY] = body
        table = add_body_fields(RawEntry(table, ""), "all").values
    for key, value in item.items():  # those that mean nothing here, for `postmortem_select`
        name = fields.normalize_key(key)
        if isinstance(value, str) and not fields.find_field(name) and name not in fields.ID_KEYS:
            table.setdefault(key, value)
    return table


def _read_advisory(item: LocatedTable) -> LocatedTable | None:
    """Return a record as an entry; its `affected` says that it has twins in other databases."""
    table = _read_item(_load_format("osv.yml"), item)
    if table is not None:
        table.setdefault("affected", LocatedList(item.line))
    return table


def _name_columns(form: ExportFormat, row: LocatedTable) -> dict[str, Any]:
    """Return a row with its columns as the format names them."""
    field_paths = (path for paths in form.fields.values() for path in paths)
    names = {squeeze_key(name): name for path in field_paths for name in path.paths}
    return {names.get(squeeze_key(key), key): value for key, value in row.items()}


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
            table[name] = _find_nested_name(value)
    return table


def _find_nested_name(value: LocatedTable) -> Any:
    """Return the name of a nested mapping, or the mapping if it has none."""
    inner = value.get("data", value)
    attributes = inner.get("attributes") if isinstance(inner, LocatedTable) else None
    tables = (table for table in (value, inner, attributes) if isinstance(table, LocatedTable))
    return next(filter(None, map(fields.find_name, tables)), value)
