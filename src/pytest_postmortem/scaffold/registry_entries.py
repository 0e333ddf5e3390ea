"""Add an entry to a registry file of any format.

Text is inserted, so that comments and layout stay. The result is parsed to verify that it has the
new entry and that nothing else has changed.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from pytest_postmortem.errors import Problem, RegistryError, SettingsError
from pytest_postmortem.registry import fields, parsers
from pytest_postmortem.registry.entry import READ_REGISTRY
from pytest_postmortem.registry.file import WRAPPER_KEYS
from pytest_postmortem.registry.parsers import LocatedList, LocatedTable
from pytest_postmortem.registry.toml_scanner import UnexpectedSyntaxError
from pytest_postmortem.scaffold import json_entries, toml_entries, yaml_entries
from pytest_postmortem.scaffold.entry import EntryBuilder, are_newest_first, is_registry_setting
from pytest_postmortem.scaffold.front_matter import IncidentFacts

EntryWriter = Callable[[str, "str | None", EntryBuilder, bool, str], str]

_ENTRY_WRITERS: Mapping[str, EntryWriter] = {
    ".yml": yaml_entries.insert_yaml_entry,
    ".yaml": yaml_entries.insert_yaml_entry,
    ".json": json_entries.insert_json_entry,
    ".toml": toml_entries.insert_toml_entry,
}
_SNIPPET_RENDERERS: Mapping[str, Callable[[str, str | None, EntryBuilder], list[str]]] = {
    ".yml": yaml_entries.render_yaml_snippet,
    ".yaml": yaml_entries.render_yaml_snippet,
    ".json": json_entries.render_json_snippet,
    ".toml": toml_entries.render_toml_snippet,
}


def add_registry_entry(data: bytes, shown: str, id: str, facts: IncidentFacts) -> bytes:
    """Return the contents of a registry file with a new entry, first if the newest are first.

    Raises:
        SettingsError: The layout is not supported; the message shows the entry to paste.
    """
    bom = BOM_UTF8 if data.startswith(BOM_UTF8) else b""
    suffix = PurePath(shown).suffix.lower()
    text = data.removeprefix(bom).decode()
    newline = "\r\n" if "\r\n" in text else "\n"
    tree = _parse_registry_text(text, suffix, shown)
    wrapper, entries = find_registry_entries(tree)
    make = EntryBuilder(id, facts, is_keyed=isinstance(entries, LocatedTable) and bool(entries))
    first = are_newest_first(list(_map_registry_entries(entries).values()))
    try:
        new = _ENTRY_WRITERS[suffix](text, wrapper, make, first, newline)
        _check_added_entry(tree, _parse_registry_text(new, suffix, shown), make, first)
    except (UnexpectedSyntaxError, RegistryError, ValueError, LookupError):
        lines = _SNIPPET_RENDERERS[suffix](text, wrapper, make)
        raise _build_entry_error(shown, lines) from None
    return bom + new.encode()


def _parse_registry_text(text: str, suffix: str, shown: str) -> Any:
    return parsers.parse_data_text(
        text.replace("\r\n", "\n"), suffix, failed=READ_REGISTRY, path=shown
    )


def find_registry_entries(tree: Any) -> tuple[str | None, Any]:
    """Return the key above the entries, None without one, and the list or mapping of entries."""
    if not isinstance(tree, LocatedTable):
        return None, tree
    names = {fields.normalize_key(key): key for key in tree}
    wrapper = next((names[name] for name in WRAPPER_KEYS if name in names), None)
    if wrapper is not None:
        return wrapper, tree[wrapper]
    entries = LocatedTable()
    entries.update((key, value) for key, value in tree.items() if not is_registry_setting(key))
    return None, entries


def list_written_ids(entries: Any) -> list[str]:
    """Return the ids of entries as they are written, without a configured ``prefix``."""
    if isinstance(entries, LocatedTable):
        return list(entries)
    ids = (next(filter(None, _list_entry_ids(entry)), "") for entry in entries or ())
    return [id for id in ids if id]


def _list_entry_ids(entry: Any) -> list[str]:
    values = {fields.normalize_key(key): value for key, value in entry.items()}
    return [fields.parse_scalar(values.get(name)) or "" for name in fields.ID_KEYS]


def _map_registry_entries(entries: Any) -> dict[Any, Any]:
    if isinstance(entries, LocatedTable):
        return {key: value or {} for key, value in entries.items()}
    return dict(enumerate(entries or ()))


def _check_added_entry(before: Any, after: Any, make: EntryBuilder, first: bool) -> None:
    """Check that a file has one more entry, and is unchanged otherwise.

    Raises:
        UnexpectedSyntaxError: The entry is incomplete, or something else has changed.
    """
    wrapper, old = find_registry_entries(before)
    other, new = find_registry_entries(after)
    if isinstance(new, LocatedTable):
        entry = new.pop(make.id, None)
        kept = new == old
    elif isinstance(new, LocatedList) and new:
        entry = new.pop(0 if first else -1)
        kept = new == (old or [])
    else:
        raise UnexpectedSyntaxError
    outside = _select_other_keys(before, wrapper) == _select_other_keys(after, other)
    if not (
        kept and outside and isinstance(entry, LocatedTable) and _is_entry_complete(entry, make)
    ):
        raise UnexpectedSyntaxError


def _select_other_keys(tree: Any, wrapper: str | None) -> dict[str, Any]:
    if not isinstance(tree, LocatedTable):
        return {}
    kept = set(tree) - {wrapper} if wrapper is not None else set(filter(is_registry_setting, tree))
    return {key: tree[key] for key in kept}


def _is_entry_complete(entry: LocatedTable, make: EntryBuilder) -> bool:
    """Return whether an entry has exactly the expected values."""
    expected_values = [
        value if isinstance(value, str) else tuple(value)
        for _, value, _ in make(_pair_entry_keys(entry))
    ]
    actual_values = [
        tuple(value)
        if isinstance(value, LocatedList) and len(value) > 1
        else fields.parse_scalar(value)
        for value in entry.values()
    ]
    alone = [
        value[0] if isinstance(value, tuple) and len(value) == 1 else value
        for value in expected_values
    ]
    return actual_values == alone


def _pair_entry_keys(entry: LocatedTable) -> list[tuple[str, str]]:
    return [(name, "") for name in entry]


def _build_entry_error(shown: str, lines: Sequence[str]) -> SettingsError:
    """Return the error for a file that is not changed, with the entry to paste."""
    cause = "its layout is not supported"
    remedy = "\n  ".join(["add it by hand:", *lines])
    return SettingsError([Problem("entry-by-hand", "Couldn't change", cause, remedy, shown)])
