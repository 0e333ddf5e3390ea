"""Load all post-mortems of the configured locations into one `Registry`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_postmortem.errors import Problem
from pytest_postmortem.model import ExtraWords, Location, Registry, ShowLevel
from pytest_postmortem.options import find_default_locations

if TYPE_CHECKING:
    from pytest_postmortem.registry.remote.http import HttpLimits

__all__ = [
    "EntryProvider",
    "LoadOptions",
    "find_registry",
    "has_source_block",
    "load_registry",
    "load_registry_with_problems",
]

_SOURCE_KEY = re.compile(rb"^[\s{]*[\"']?source[\"']?\s*[:=]|^\[source\]", re.MULTILINE)

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


def load_registry(
    locations: Sequence[Location], root: Path, how: LoadOptions | None = None
) -> Registry:
    """Load all locations and merge their entries.

    A location that can't be reached over the network is a finding, not a problem.

    Raises: RegistryError with all problems of all locations.
    """
    from pytest_postmortem.registry.loader import RegistryLoader

    return RegistryLoader(locations, root, how or LoadOptions()).load()


def load_registry_with_problems(
    locations: Sequence[Location], root: Path, how: LoadOptions | None = None
) -> tuple[Registry, tuple[Problem, ...]]:
    """Load all locations as far as they can be read, and return the registry and its problems."""
    from pytest_postmortem.registry.loader import RegistryLoader

    return RegistryLoader(locations, root, how or LoadOptions()).load_with_problems()


def find_registry(root: Path) -> Path | None:
    """Return the default location of a registry: under the root, or above it in its repository.

    A directory counts only if it has a post-mortem.
    """
    return next(filter(_is_registry_path, map(Path, find_default_locations(str(root)))), None)


def has_source_block(place: Path) -> bool:
    """Return whether a registry file may have a source block."""
    if place.is_dir():
        return False
    try:
        text = place.read_bytes()
    except OSError:
        return False
    return _SOURCE_KEY.search(text) is not None


def _is_registry_path(place: Path) -> bool:
    if place.suffix:
        return os.path.isfile(place)
    if not os.path.isdir(place) or os.path.exists(place / "__init__.py"):
        return False
    from pytest_postmortem.registry.directory import FolderWalk, examine_folder

    return bool(examine_folder(str(place), FolderWalk(str(place)).find_files()).names)
