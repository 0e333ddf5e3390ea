"""How the locations of a registry are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_postmortem.model import ExtraWords, Location, ShowLevel

if TYPE_CHECKING:
    from pytest_postmortem.registry.remote.http import HttpLimits

EntryProvider = Callable[[str], Iterable[Mapping[str, object]] | None]
"""Returns the entries of a location that a plugin provides, None if no plugin does."""


class LoadOptions(NamedTuple):
    """How locations are read.

    Attributes:
        id_pattern: Finds the ids of documents in their names.
        files: Globs of files in a directory that are listed and not read.
        vocabulary: Further words for the labels in documents, by kind.
        severities: The severities that the configuration names, in settings and gates.
        url_template: Makes links for entries without one; contains ``{id}``.
        show: How much of fetched entries may be shown, and so kept. None is the link alone for
            entries that were fetched with a credential, and all for others.
        keep: Keys of entries that are kept though they may not be shown, to select by.
        offline: Never open a socket.
        unreachable: The severity of a location that can't be reached.
        synced: The file that replaces all fetched locations, and is read first.
        fetched_only: Leave out the entries of files.
        cache: The folder for snapshots, None to keep nothing.
        ask: Reads further kinds of locations.
        limits: Limits of time and size for fetching, None for the default.
    """

    id_pattern: str | None = None
    files: Sequence[str] = ()
    vocabulary: ExtraWords = ()
    severities: Sequence[str] = ()
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
