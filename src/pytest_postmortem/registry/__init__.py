"""Load all post-mortems of the configured locations into one `Registry`."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from pytest_postmortem.errors import Problem
from pytest_postmortem.model import Location, Registry
from pytest_postmortem.options import find_default_locations
from pytest_postmortem.registry.load_options import LoadOptions

__all__ = [
    "LoadOptions",
    "find_registry",
    "has_source_block",
    "load_registry",
    "load_registry_with_problems",
]

_SOURCE_KEY = re.compile(rb"^[\s{]*[\"']?source[\"']?\s*[:=]|^\[source\]", re.MULTILINE)


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
    return next(
        (
            place
            for place in map(Path, find_default_locations(str(root)))
            if _is_registry_path(place)
        ),
        None,
    )


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
    from pytest_postmortem.registry.directory import walk_documents
    from pytest_postmortem.registry.folder_contents import examine_folder

    return bool(examine_folder(str(place), walk_documents(str(place), [])).names)
