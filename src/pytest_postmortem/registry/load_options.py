"""How locations are read: all that is configured, in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pytest_postmortem.model import Location, ShowLevel

if TYPE_CHECKING:
    from pytest_postmortem.registry.remote.http import HttpLimits

__all__ = ["EntryProvider", "LoadOptions"]

EntryProvider = Callable[[str], Iterable[Mapping[str, object]] | None]
"""Asks somebody else for the entries of a location; None where nobody knows it."""


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How locations are read.

    Attributes:
        id_pattern: Finds the ids of documents in their names.
        files: Globs of files in a directory that are listed and not read.
        url_template: Gives links to what has none; holds ``{id}``.
        show: How much may be shown, and so kept, of what is fetched; None for all, but for
            what was fetched with a credential the link alone.
        keep: Keys of entries that are kept though they may not be shown, to select by.
        offline: Never open a socket.
        unreachable: How bad it is that a location can't be reached.
        synced: The file that stands for all that would be fetched, and is read first.
        fetched_only: Leave out what stands in files.
        cache: The folder for what was read, None to keep nothing.
        ask: Knows further kinds of locations.
        limits: How long and how much to fetch, None for the usual.
    """

    id_pattern: str | None = None
    files: Sequence[str] = ()
    url_template: str | None = None
    show: ShowLevel | None = None
    keep: frozenset[str] = frozenset()
    offline: bool = False
    unreachable: Literal["warn", "error"] = "warn"
    synced: Location | None = None
    fetched_only: bool = False
    cache: Path | None = None
    ask: EntryProvider | None = None
    limits: HttpLimits | None = None
