"""Add an entry to a registry in JSON, if the file is laid out as `json.dumps` writes it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pytest_postmortem.registry.toml_scanner import UnexpectedSyntaxError
from pytest_postmortem.scaffold.entry import EntryBuilder, is_registry_setting


def insert_json_entry(
    text: str, wrapper: str | None, make: EntryBuilder, first: bool, newline: str
) -> str:
    """Return a text with an entry at the beginning or at the end of its list or mapping.

    Raises:
        UnexpectedSyntaxError: The file is laid out in another way, which would be lost.
    """
    body = text.strip()
    indent = re.search(r"\n([ \t]+)", text if body else "\n  ")
    tree = json.loads(body or "{}")

    def dump() -> str:
        step, escaped = indent and indent[1], "\\u" in text
        return json.dumps(tree, indent=step, ensure_ascii=escaped).replace("\n", newline)

    if body not in ("", dump()):
        raise UnexpectedSyntaxError
    entries = tree if wrapper is None else tree[wrapper]
    entry = _build_json_entry(make, _find_neighbour(entries, first))
    if make.is_keyed:
        others = dict(entries)
        entries.clear()
        entries.update({make.id: entry, **others} if first else {**others, make.id: entry})
    elif isinstance(entries, list):
        entries.insert(0 if first else len(entries), entry)
    else:
        tree[wrapper or "postmortems"] = [entry]
    return text.replace(body, dump()) if body else text + dump() + newline


def render_json_snippet(text: str, wrapper: str | None, make: EntryBuilder) -> list[str]:
    """Return the lines of an entry to be pasted, with its id as the key in a mapping."""
    lines = json.dumps(_build_json_entry(make, {}), indent=2, ensure_ascii=False).split("\n")
    head = f"{json.dumps(make.id, ensure_ascii=False)}: " if make.is_keyed else ""
    return [head + lines[0], *lines[1:]]


def _find_neighbour(entries: Any, first: bool) -> Mapping[str, Any]:
    """Return the entry next to the new one, empty if there is none."""
    if isinstance(entries, dict):
        entries = [entry for key, entry in entries.items() if not is_registry_setting(key)]
    neighbour = entries[0 if first else -1] if entries else None
    return neighbour if isinstance(neighbour, dict) else {}


def _build_json_entry(make: EntryBuilder, like: Mapping[str, Any]) -> dict[str, Any]:
    pairs = make([(name, "") for name in like])
    return {name: _convert_json_value(value, like.get(name)) for name, value, _ in pairs}


def _convert_json_value(value: str | tuple[str, ...], like: Any) -> Any:
    """Return a value with the type that it has in another entry."""
    values = [value] if isinstance(value, str) else list(value)
    if isinstance(like, list) or len(values) > 1:
        return values
    is_number = isinstance(like, int) and re.fullmatch("[0-9]{1,18}", values[0])
    return int(values[0]) if is_number else values[0]
