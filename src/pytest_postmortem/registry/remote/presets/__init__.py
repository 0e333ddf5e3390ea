"""Presets: the services with a name of their own, one data file each and no Python.

A file has the keys of a ``source:`` block, ``example`` for messages, and ``target``: a regular
expression for the text after the colon in ``github:owner/repo``. ``{group}`` in another value is
replaced by a group of ``target``, and ``{base}`` by the address of the service.

A new preset is a data file, its row in ``docs/reference/registry.md``, its how-to page with its
lines in ``docs/index.md`` and README, and the JSON Schema (``python tools/registry_schema.py``);
tests fail if one is missing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote

from pytest_postmortem.errors import Problem, RegistryError
from pytest_postmortem.registry import parsers
from pytest_postmortem.registry.file_bytes import (
    MAX_REGISTRY_SIZE,
    READ_REGISTRY,
    read_limited_text,
)
from pytest_postmortem.registry.located_data import LocatedList, LocatedTable, convert_to_tables

__all__ = ["PRESET_SERVICES", "expand_preset", "merge_source_blocks"]

PRESET_FOLDER = os.path.dirname(__file__)
PRESET_SERVICES = tuple(
    sorted(name[:-4] for name in os.listdir(PRESET_FOLDER) if name.endswith(".yml"))
)


def expand_preset(text: str, shown: str, own: LocatedTable | None = None) -> LocatedTable:
    """Return the source block of a location such as ``github:owner/repo``; ``own`` overrides it.

    ``github:owner/repo?labels=incident`` changes its query.

    Raises: RegistryError if the service is unknown, or ``target`` does not match the rest.
    """
    service, _, place_text = text.partition(":")
    if service not in PRESET_SERVICES:
        services = ", ".join(PRESET_SERVICES)
        cause = f"{service!r} is not a known service"
        remedy = f"name a file, a directory, an https:// address or a service: {services}"
        raise RegistryError([Problem("registry-location", READ_REGISTRY, cause, remedy, shown)])
    block = load_preset(service)
    target, example = block.pop("target"), block.pop("example")
    place, _, query = place_text.partition("?")
    match = re.fullmatch(target, place)
    if match is None:
        cause, remedy = "the part after the colon is not valid", f"write {example}"
        raise RegistryError([Problem("registry-location", READ_REGISTRY, cause, remedy, shown)])
    placeholders = {name: value for name, value in match.groupdict().items() if value}
    usual = block.pop("base", "")
    base = own.get("base") if own is not None else None
    base = base if isinstance(base, str) else placeholders.get("base", usual)
    placeholders["base"] = base.rstrip("/")
    query_block = LocatedTable()
    query_block["query"] = LocatedTable()
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in query_block["query"]:
            cause = f"{name!r} is in its query more than once"
            remedy = "keep one value, and filter the answer with 'where' in a source block"
            raise RegistryError([Problem("registry-location", READ_REGISTRY, cause, remedy, shown)])
        query_block["query"][name] = value
    filled = fill_placeholders(block, placeholders)
    return merge_source_blocks(merge_source_blocks(filled, query_block), own or LocatedTable())


def load_preset(service: str) -> LocatedTable:
    """Return the data file of a service, without lines: a problem is on a line of the user's."""
    path = os.path.join(PRESET_FOLDER, f"{service}.yml")
    text = read_limited_text(path, path, READ_REGISTRY, MAX_REGISTRY_SIZE)
    block = parsers.parse_data_text(text, ".yml", failed=READ_REGISTRY, path=path)
    table: LocatedTable = convert_to_tables(block)
    return table


def fill_placeholders(node: Any, placeholders: Mapping[str, str], encoded: bool = False) -> Any:
    """Fill in placeholders; an address gets them percent-encoded, except one that is an origin."""
    if isinstance(node, LocatedTable):
        table = LocatedTable(node.line)
        table.lines = node.lines
        for key, value in node.items():
            table[key] = fill_placeholders(value, placeholders, key == "url")
        return table
    if isinstance(node, list):
        rows = LocatedList()
        rows.extend(fill_placeholders(value, placeholders) for value in node)
        return rows
    for name, value in placeholders.items() if isinstance(node, str) else ():
        plain = not encoded or "://" in value
        text = value if plain else quote(value, safe="", errors="backslashreplace")
        node = node.replace(f"{{{name}}}", text)
    return node


def merge_source_blocks(first: LocatedTable, later: LocatedTable) -> LocatedTable:
    """Return a block overridden by a later one: mappings are merged, null removes a value."""
    joined = LocatedTable(later.line)
    joined.lines = later.lines
    joined.update(first)
    for key, value in later.items():
        both = isinstance(value, LocatedTable) and isinstance(joined.get(key), LocatedTable)
        joined[key] = merge_source_blocks(joined[key], value) if both and key != "next" else value
    return joined
