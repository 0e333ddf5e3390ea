"""Keep data for the next run: small files in a folder, each dropped when in doubt.

A file is one line of JSON that describes it, and the text of a second JSON document, whose
digest is in the first. Files are replaced whole, so that simultaneous runs do no harm.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from pytest_postmortem import __version__
from pytest_postmortem.errors import DestinationError
from pytest_postmortem.files import write_text_file
from pytest_postmortem.model import (
    POSTMORTEM_DEFAULTS,
    ActionItem,
    Columns,
    Finding,
    Guard,
    Registry,
    fill_postmortems,
)

SNAPSHOT_VERSION = 6
"""The version of the files' format; a file of another version is dropped."""

DIGEST_SIZE = 16
_NESTED_CLASSES = {"guarded_by": Guard, "action_items": ActionItem}


def hash_parts(*parts: bytes | str) -> str:
    """Return a digest of parts in their order; their borders count."""
    hasher = blake2b(digest_size=DIGEST_SIZE)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        hasher.update(b"%d:" % len(data))
        hasher.update(data)
    return hasher.hexdigest()


class StoredSnapshot(NamedTuple):
    """A file of the store: its description, and a text that is parsed on demand."""

    head: Mapping[str, Any]
    body: str

    def data(self) -> Any:
        """Return the parsed data."""
        return json.loads(self.body)


def _compute_seal(head: Mapping[str, Any]) -> str:
    """Return the digest of a description, which has that of the content."""
    return hash_parts(json.dumps(head, sort_keys=True))


class SnapshotStore:
    """A folder of snapshots; without a folder nothing is kept.

    A name is ``KIND-OF-SETTINGS``; of one thing only the last settings are kept.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def read(self, name: str) -> StoredSnapshot | None:
        """Return the snapshot of a name, or None without a whole one of this version."""
        if self._folder is None:
            return None
        try:
            head, _, body = (self._folder / name).read_bytes().partition(b"\n")
            stored_head = json.loads(head)
            if (
                stored_head["version"] == [SNAPSHOT_VERSION, __version__]
                and stored_head.pop("digest") == _compute_seal(stored_head)
                and stored_head["content"] == hash_parts(body)
            ):
                return StoredSnapshot(stored_head, body.decode())
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            pass
        return None

    def write(self, name: str, head: Mapping[str, Any], data: Any) -> StoredSnapshot:
        """Store data, if the folder can be written to, and return its snapshot."""
        body = json.dumps(data, separators=(",", ":"), check_circular=False)
        return self.keep(name, {**head, "content": hash_parts(body)}, body)

    def keep(self, name: str, head: Mapping[str, Any], body: str) -> StoredSnapshot:
        """Store the text of a snapshot again with another description."""
        full_head = {**head, "version": [SNAPSHOT_VERSION, __version__]}
        if self._folder is not None:
            sealed = {**full_head, "digest": _compute_seal(full_head)}
            with suppress(DestinationError):
                write_text_file(self._folder / name, f"{json.dumps(sealed)}\n{body}")
                self._remove_others(name)
        return StoredSnapshot(full_head, body)

    def _remove_others(self, name: str) -> None:
        """Remove snapshots of the same thing under other settings, which may show more."""
        kind, of, _ = name.split("-")
        for path in self._folder.glob(f"{kind}-{of}-*") if self._folder else ():
            if path.name != name:
                with suppress(OSError):
                    path.unlink()


def serialize_registry(registry: Registry, columns: Columns) -> Mapping[str, Any]:
    """Return a registry as builtins, without its locations.

    Post-mortems are kept in ``columns``: one list for each field that any of them has.
    """
    positions = {id(postmortem): n for n, postmortem in enumerate(registry.postmortems)}
    return {
        "size": len(registry.postmortems),
        "columns": {
            name: columns[name]
            for name, default in POSTMORTEM_DEFAULTS.items()
            if name in columns and columns[name].count(default) < len(columns[name])
        },
        "names": list(registry.index),
        "positions": [positions[id(postmortem)] for postmortem in registry.index.values()],
        "findings": registry.findings,
    }


def deserialize_registry(
    data: Mapping[str, Any], partial: Iterable[str], notes: Iterable[str]
) -> Registry:
    """Return a registry from builtins."""
    columns = {name: _restore_column(name, column) for name, column in data["columns"].items()}
    postmortems = fill_postmortems(data["size"], columns)
    named_postmortems = map(postmortems.__getitem__, data["positions"])
    index = dict(zip(data["names"], named_postmortems, strict=True))
    findings = tuple(Finding(*finding_values) for finding_values in data["findings"])
    return Registry(postmortems, index, (), findings, tuple(partial), notes=tuple(notes))


def _restore_column(name: str, column: list[Any]) -> Iterable[Any]:
    """Return the values of one field from builtins."""
    if name in _NESTED_CLASSES:
        kind = _NESTED_CLASSES[name]
        return [tuple(kind(*item) for item in items) for items in column]
    return map(tuple, column) if isinstance(POSTMORTEM_DEFAULTS[name], tuple) else column
