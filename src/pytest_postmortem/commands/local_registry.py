"""The registry as it lies in a checkout, for commands that fetch nothing."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from pytest_postmortem import registry
from pytest_postmortem.commands.absent import require_registry
from pytest_postmortem.errors import RegistryError
from pytest_postmortem.model import Location, Registry
from pytest_postmortem.reporting import how_from
from pytest_postmortem.reports.failure import plain
from pytest_postmortem.scope import relative
from pytest_postmortem.settings import Settings

__all__ = ["declared", "offline", "registry_here"]

AS_WRITTEN = "ids are taken as they are written"


def registry_here(wanted: Settings, root: Path, unasked: str = AS_WRITTEN) -> Registry | None:
    """Load the registry as it lies here; nothing is fetched, which is said with ``unasked``.

    Raises:
        RegistryError: The configured registry is broken.
        GitError: The working tree lacks a part of it.
    """
    require_registry(root, wanted)
    how = offline(wanted)
    if wanted.registry or wanted.sync:
        known = registry.load(wanted.registry, root, how)
        for place in known.unreachable:
            print(plain(f"{place} is not asked here: {unasked}"), file=sys.stderr)
        return known
    found = registry.find(root)
    if found is None:
        return None
    try:
        return registry.load([Location(str(found), root)], root, how)
    except RegistryError:
        note = f"{relative(found, root)} can't be read: it decides nothing here"
        print(plain(note), file=sys.stderr)
        return None


def offline(wanted: Settings) -> registry.How:
    """Return how locations are read without a network."""
    return replace(how_from(wanted), offline=True, unreachable="warn")


def declared(known: Registry | None) -> frozenset[str]:
    """Return the files of the tests that a registry names itself."""
    return frozenset(nodeid.partition("::")[0] for each in known or () for nodeid in each.tests)
