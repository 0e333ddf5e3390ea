"""The services that are known by name, one data file each; nothing of a service is in Python.

A file holds a ``source:`` block, and beside it ``target``, the expression for what stands after
the colon in ``github:owner/repo``. Its groups, and ``base``, stand in braces where they belong.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote

from pytest_postmortem.errors import Problem, RegistryError
from pytest_postmortem.registry import formats
from pytest_postmortem.registry.files import MAX_SIZE, read_text
from pytest_postmortem.registry.reading import READ_REGISTRY
from pytest_postmortem.registry.tables import Rows, Table

__all__ = ["SERVICES", "expand", "overlaid"]

FOLDER = os.path.dirname(__file__)
SERVICES = tuple(sorted(name[:-4] for name in os.listdir(FOLDER) if name.endswith(".yml")))


def expand(text: str, shown: str, own: Table | None = None) -> Table:
    """Return the block that ``github:owner/repo`` stands for, what is given in ``own`` over it.

    ``github:owner/repo?labels=incident`` changes its query.

    Raises: RegistryError where there is no such service, or the rest does not name a place in it.
    """
    service, _, rest = text.partition(":")
    if service not in SERVICES:
        raise RegistryError([_unknown(service, shown)])
    block = _preset(service)
    target, example = block.pop("target"), block.pop("example")
    place, _, query = rest.partition("?")
    found = re.fullmatch(target, place)
    if found is None:
        raise RegistryError([_no_target(example, shown)])
    named = {name: value for name, value in found.groupdict().items() if value}
    usual = block.pop("base", "")
    base = own.get("base") if own is not None else None
    named["base"] = (base if isinstance(base, str) else named.get("base", usual)).rstrip("/")
    filled = _filled(block, named)
    asked = Table()
    asked["query"] = _query(query, shown)
    return overlaid(overlaid(filled, asked), own or Table())


def _query(text: str, shown: str) -> Table:
    query = Table()
    for name, value in parse_qsl(text, keep_blank_values=True):
        if name in query:
            raise RegistryError([_twice(name, shown)])
        query[name] = value
    return query


def _preset(service: str) -> Table:
    path = os.path.join(FOLDER, f"{service}.yml")
    text = read_text(path, path, READ_REGISTRY, MAX_SIZE)
    block: Table = formats.parse(text, ".yml", failed=READ_REGISTRY, path=path)
    return block


def _filled(node: Any, named: Mapping[str, str], encoded: bool = False) -> Any:
    """Put names into texts; in an address they are percent-encoded, but for one that begins it."""
    if isinstance(node, Table):
        table = Table()
        table.update((key, _filled(value, named, key == "url")) for key, value in node.items())
        return table
    if isinstance(node, list):
        rows = Rows()
        rows.extend(_filled(value, named) for value in node)
        return rows
    if not isinstance(node, str):
        return node
    for name, value in named.items():
        text = (
            quote(value, safe="", errors="backslashreplace")
            if encoded and "://" not in value
            else value
        )
        node = node.replace(f"{{{name}}}", text)
    return node


def overlaid(first: Table, later: Table) -> Table:
    """Return a block with another laid over it: mappings are joined, null takes away."""
    joined = Table(later.line)
    joined.lines = later.lines
    joined.update(first)
    for key, value in later.items():
        below = joined.get(key)
        if isinstance(value, Table) and isinstance(below, Table) and key != "next":
            value = overlaid(below, value)
        joined[key] = value
    return joined


def _unknown(service: str, shown: str) -> Problem:
    return Problem(
        "registry-location",
        READ_REGISTRY,
        f"{service!r} is no kind of location",
        f"name a file, a directory, an https:// address or a service: {', '.join(SERVICES)}",
        shown,
    )


def _twice(name: str, shown: str) -> Problem:
    cause = f"{name!r} stands in its query more than once"
    remedy = "ask for one value, and choose among what comes back with 'where' in a source"
    return Problem("registry-location", READ_REGISTRY, cause, remedy, shown)


def _no_target(example: str, shown: str) -> Problem:
    cause = "it does not say where in the service"
    return Problem("registry-location", READ_REGISTRY, cause, f"write {example}", shown)
