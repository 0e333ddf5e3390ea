"""What was read, kept for the next run: small files in a folder, each dropped when in doubt.

A file is one line of JSON that says what it is of, and the text of a second JSON document, whose
digest the first has. Files are replaced whole, so that runs at the same time do no harm.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from hashlib import blake2b
from itertools import repeat
from pathlib import Path
from typing import Any

from pytest_postmortem import __version__
from pytest_postmortem.errors import DestinationError
from pytest_postmortem.model import ActionItem, Finding, Guard, Postmortem, Registry
from pytest_postmortem.registry.entries import Entry
from pytest_postmortem.writing import write

__all__ = [
    "Store",
    "Stored",
    "digest",
    "entries_from",
    "entries_to",
    "registry_from",
    "registry_to",
]

VERSION = 2
"""Of the form of the files; whatever has another is dropped."""

SIZE = 16
_NESTED = {"guarded_by": Guard, "action_items": ActionItem}
_BLANK = Postmortem("", "")
_DEFAULTS = {each.name: getattr(_BLANK, each.name) for each in fields(Postmortem)}


def digest(*parts: bytes | str) -> str:
    """Return a digest of parts in their order, each told apart from the next."""
    found = blake2b(digest_size=SIZE)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        found.update(b"%d:" % len(data))
        found.update(data)
    return found.hexdigest()


@dataclass(frozen=True, slots=True)
class Stored:
    """A file of the store: what it is of, and a text that is parsed when it is asked for."""

    head: Mapping[str, Any]
    body: str

    def data(self) -> Any:
        """Return what was kept."""
        return json.loads(self.body)


def _seal(head: Mapping[str, Any], body: bytes) -> str:
    return digest(json.dumps(head, sort_keys=True), body)


class Store:
    """A folder of snapshots; without one, nothing is kept and nothing found.

    A name is ``KIND-OF-SETTINGS``; of one thing only the last settings are kept.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def read(self, name: str) -> Stored | None:
        """Return what was kept under a name, or None where nothing whole of this version is."""
        if self._folder is None:
            return None
        try:
            head, _, body = (self._folder / name).read_bytes().partition(b"\n")
            known = json.loads(head)
            if known["version"] == [VERSION, __version__] and known.pop("digest") == _seal(
                known, body
            ):
                return Stored(known, body.decode())
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            pass
        return None

    def write(self, name: str, head: Mapping[str, Any], data: Any) -> Stored:
        """Keep data, if the folder can be written to, and return it as it is kept."""
        body = json.dumps(data, separators=(",", ":"))
        return self.keep(name, {**head, "content": digest(body)}, body)

    def keep(self, name: str, head: Mapping[str, Any], body: str) -> Stored:
        """Keep what has been kept before, with another head."""
        known = {**head, "version": [VERSION, __version__]}
        if self._folder is not None:
            sealed = {**known, "digest": _seal(known, body.encode())}
            with suppress(DestinationError):
                write(self._folder / name, f"{json.dumps(sealed)}\n{body}")
                self._remove_others(name)
        return Stored(known, body)

    def _remove_others(self, name: str) -> None:
        """Remove what was kept of the same thing under other settings, and may tell more."""
        kind, of, _ = name.split("-")
        for path in self._folder.glob(f"{kind}-{of}-*") if self._folder else ():
            if path.name != name:
                with suppress(OSError):
                    path.unlink()


def entries_to(entries: Iterable[Entry]) -> list[Any]:
    """Turn entries into builtins."""
    return [
        [
            entry.id,
            entry.path,
            dict(entry.texts),
            dict(entry.lists),
            _tuples(entry.guards),
            _tuples(entry.items),
            dict(entry.extra),
            dict(entry.fallback),
            entry.show,
        ]
        for entry in entries
    ]


def entries_from(data: Iterable[Any]) -> list[Entry]:
    """Turn builtins back into the entries of a remote location."""
    return [
        Entry(
            id=id,
            path=path,
            texts=texts,
            lists={name: tuple(items) for name, items in lists.items()},
            guards=tuple(Guard(*guard) for guard in guards),
            items=tuple(ActionItem(*item) for item in items),
            extra=extra,
            fallback=fallback,
            fetched=True,
            show=show,
        )
        for id, path, texts, lists, guards, items, extra, fallback, show in data
    ]


def registry_to(registry: Registry) -> Mapping[str, Any]:
    """Turn what locations hold into builtins; what differs from run to run is left out.

    Post-mortems are kept in columns: one list a field that any of them has.
    """
    positions = {id(postmortem): n for n, postmortem in enumerate(registry.postmortems)}
    columns = {}
    for name, default in _DEFAULTS.items():
        column = [getattr(postmortem, name) for postmortem in registry.postmortems]
        if any(value != default for value in column):
            columns[name] = [_tuples(value) for value in column] if name in _NESTED else column
    return {
        "size": len(registry.postmortems),
        "columns": columns,
        "names": list(registry.index),
        "positions": [positions[id(found)] for found in registry.index.values()],
        "findings": [_values(finding) for finding in registry.findings],
    }


def _tuples(items: Iterable[Guard] | Iterable[ActionItem]) -> list[Any]:
    return [_values(item) for item in items]


def _values(item: Guard | ActionItem | Finding) -> list[Any]:
    return [getattr(item, each.name) for each in fields(item)]


def registry_from(data: Mapping[str, Any], partial: Iterable[str]) -> Registry:
    """Turn builtins back into a registry."""
    postmortems = tuple(object.__new__(Postmortem) for _ in range(data["size"]))
    for name, default in _DEFAULTS.items():
        column = _column(name, default, data["columns"].get(name))
        # Field by field, since 10,000 calls of a frozen class's __init__ take twice as long.
        deque(map(getattr(Postmortem, name).__set__, postmortems, column), maxlen=0)
    found = map(postmortems.__getitem__, data["positions"])
    index = dict(zip(data["names"], found, strict=True))
    findings = tuple(Finding(*each) for each in data["findings"])
    return Registry(postmortems, index, (), findings, tuple(partial))


def _column(name: str, default: Any, column: list[Any] | None) -> Iterable[Any]:
    """Return the values of one field, for as many post-mortems as there are."""
    if column is None:
        return repeat(default)
    if name in _NESTED:
        kind = _NESTED[name]
        return [tuple(kind(*item) for item in items) for items in column]
    return map(tuple, column) if isinstance(default, tuple) else column
