"""Locations → one `Registry` of all post-mortems, with every problem of all of them at once."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from pytest_postmortem.errors import Problem
from pytest_postmortem.model import Location, Registry
from pytest_postmortem.options import places
from pytest_postmortem.registry.how import How

__all__ = ["How", "examine", "find", "load", "names_source"]

_SOURCE = re.compile(rb"^[\s{]*[\"']?source[\"']?\s*[:=]|^\[source\]", re.MULTILINE)


def load(locations: Sequence[Location], root: Path, how: How | None = None) -> Registry:
    """Read all locations and merge what they hold.

    What can't be reached over the network is no problem but a finding.

    Raises: RegistryError with all problems of all locations.
    """
    from pytest_postmortem.registry.loading import Loader

    return Loader(locations, root, how or How()).load()


def examine(
    locations: Sequence[Location], root: Path, how: How | None = None
) -> tuple[Registry, tuple[Problem, ...]]:
    """Read all locations as far as they can be read, and return beside it what is wrong."""
    from pytest_postmortem.registry.loading import Loader

    return Loader(locations, root, how or How()).examine()


def find(root: Path) -> Path | None:
    """Return where a registry is, if nobody says: under the root, or above it in its repository.

    A directory counts only when a post-mortem is in it.
    """
    return next((place for place in map(Path, places(str(root))) if _is_registry(place)), None)


def names_source(place: Path) -> bool:
    """Say whether a registry that was found may say where further entries are fetched from."""
    if place.is_dir():
        return False
    try:
        text = place.read_bytes()
    except OSError:
        return False
    return _SOURCE.search(text) is not None


def _is_registry(place: Path) -> bool:
    if place.suffix:
        return os.path.isfile(place)
    if not os.path.isdir(place) or os.path.exists(place / "__init__.py"):
        return False
    from pytest_postmortem.registry.documents import document, walk

    return any(document(str(place), relative) for relative in walk(str(place), []))
