"""A registry file → the same with one more entry, whatever format it has.

Text is inserted, so that comments and layout stay. That nothing else has changed, and that the
entry is what it should be, is made sure by reading the file before and after.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from pytest_postmortem.authoring import json_entries, toml_entries, yaml_entries
from pytest_postmortem.authoring.entry import Make, is_setting, newest_first
from pytest_postmortem.authoring.front import Facts
from pytest_postmortem.errors import Problem, RegistryError, SettingsError
from pytest_postmortem.registry import fields, formats
from pytest_postmortem.registry.files import WRAPPERS
from pytest_postmortem.registry.reading import READ_REGISTRY
from pytest_postmortem.registry.statements import Unsure
from pytest_postmortem.registry.tables import Rows, Table

__all__ = ["entered", "entries_of", "written_ids"]

With = Callable[[str, "str | None", Make, bool, str], str]

_FORMATS: Mapping[str, With] = {
    ".yml": yaml_entries.with_entry,
    ".yaml": yaml_entries.with_entry,
    ".json": json_entries.with_entry,
    ".toml": toml_entries.with_entry,
}
_SNIPPETS: Mapping[str, Callable[[str, str | None, Make], list[str]]] = {
    ".yml": yaml_entries.snippet,
    ".yaml": yaml_entries.snippet,
    ".json": json_entries.snippet,
    ".toml": toml_entries.snippet,
}


def entered(data: bytes, shown: str, id: str, facts: Facts) -> bytes:
    """Return the contents of a registry file with an entry, at the end where new ones stand.

    Raises: SettingsError where that can't be done safely; the message shows the entry.
    """
    bom = BOM_UTF8 if data.startswith(BOM_UTF8) else b""
    suffix = PurePath(shown).suffix.lower()
    text = data.removeprefix(bom).decode()
    newline = "\r\n" if "\r\n" in text else "\n"
    tree = _parsed(text, suffix, shown)
    wrapper, entries = entries_of(tree)
    empty = suffix == ".json" and (wrapper is not None or not tree)
    mapping = isinstance(entries, Table) and (bool(entries) or empty)
    make = Make(id, facts, keyed=mapping)
    first = newest_first(list(_items(entries).values()))
    try:
        new = _FORMATS[suffix](text, wrapper, make, first, newline)
        _check(tree, _parsed(new, suffix, shown), make, first)
    except (Unsure, RegistryError, ValueError, LookupError):
        lines = _SNIPPETS[suffix](text, wrapper, make)
        raise _by_hand(shown, lines) from None
    return bom + new.encode()


def _parsed(text: str, suffix: str, shown: str) -> Any:
    return formats.parse(text.replace("\r\n", "\n"), suffix, failed=READ_REGISTRY, path=shown)


def entries_of(tree: Any) -> tuple[str | None, Any]:
    """Return the key under which entries stand, if any, and the list or mapping of them."""
    if not isinstance(tree, Table):
        return None, tree
    names = {fields.normal(key): key for key in tree}
    wrapper = next((names[name] for name in WRAPPERS if name in names), None)
    if wrapper is not None:
        return wrapper, tree[wrapper]
    own = Table()
    own.update((key, value) for key, value in tree.items() if not is_setting(key))
    return None, own


def written_ids(entries: Any) -> list[str]:
    """Return the ids of entries as they are written, without what a ``prefix`` adds."""
    if isinstance(entries, Table):
        return list(entries)
    ids = (next(filter(None, _own_ids(each)), "") for each in entries or ())
    return [id for id in ids if id]


def _own_ids(entry: Any) -> list[str]:
    known = {fields.normal(key): value for key, value in entry.items()}
    return [fields.scalar(known.get(name)) or "" for name in fields.IDS]


def _items(entries: Any) -> dict[Any, Any]:
    if isinstance(entries, Table):
        return {key: value or {} for key, value in entries.items()}
    return dict(enumerate(entries or ()))


def _check(before: Any, after: Any, make: Make, first: bool) -> None:
    """Make sure that a file has one more entry, and is the same beside it.

    Raises: Unsure.
    """
    wrapper, old = entries_of(before)
    other, new = entries_of(after)
    if isinstance(new, Table):
        entry = new.pop(make.id, None)
        kept = new == old
    elif isinstance(new, Rows) and new:
        entry = new.pop(0 if first else -1)
        kept = new == (old or [])
    else:
        raise Unsure
    outside = _rest(before, wrapper) == _rest(after, other)
    if not (kept and outside and isinstance(entry, Table) and _says(entry, make)):
        raise Unsure


def _rest(tree: Any, wrapper: str | None) -> dict[str, Any]:
    if not isinstance(tree, Table):
        return {}
    kept = set(tree) - {wrapper} if wrapper is not None else set(filter(is_setting, tree))
    return {key: tree[key] for key in kept}


def _says(entry: Table, make: Make) -> bool:
    """Say whether an entry holds what it should, and no more."""
    wanted = [
        value if isinstance(value, str) else tuple(value) for _, value, _ in make(_like(entry))
    ]
    found = [
        tuple(value) if isinstance(value, Rows) and len(value) > 1 else fields.scalar(value)
        for value in entry.values()
    ]
    alone = [
        value[0] if isinstance(value, tuple) and len(value) == 1 else value for value in wanted
    ]
    return found == alone


def _like(entry: Table) -> list[tuple[str, str]]:
    return [(name, "") for name in entry]


def _by_hand(shown: str, lines: Sequence[str]) -> SettingsError:
    """Return the error that a file is left alone, with the entry that it should have."""
    cause = "it is laid out in a way in which no entry can be added safely"
    remedy = "\n  ".join(["add it by hand:", *lines])
    return SettingsError([Problem("entry-by-hand", "Couldn't change", cause, remedy, shown)])
