"""The registry of a checkout, for commands that fetch nothing."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from pytest_postmortem import registry
from pytest_postmortem.cli.absent_files import require_registry
from pytest_postmortem.errors import RegistryError
from pytest_postmortem.files import format_relative_path
from pytest_postmortem.model import Location, Registry
from pytest_postmortem.runtime.run import build_loading_options
from pytest_postmortem.settings import Settings
from pytest_postmortem.text import sanitize_line
from pytest_postmortem.today import Today, find_today

IDS_AS_WRITTEN = "ids are taken as they are written"


def load_local_registry(
    wanted: Settings, root: Path, unasked: str = IDS_AS_WRITTEN
) -> Registry | None:
    """Load the registry of the checkout; ``unasked`` is the note on locations not fetched.

    Raises:
        RegistryError: The configured registry is broken.
        GitError: The working tree lacks a part of it.
    """
    require_registry(root, wanted)
    how = build_offline_options(wanted)
    if wanted.registry or wanted.sync:
        loaded_registry = registry.load_registry(wanted.registry, root, how)
        for place in loaded_registry.unreachable:
            print(sanitize_line(f"{place} is not asked here: {unasked}"), file=sys.stderr)
        return loaded_registry
    found_path = registry.find_registry(root)
    if found_path is None:
        return None
    try:
        return registry.load_registry([Location(str(found_path), root)], root, how)
    except RegistryError:
        note = f"{format_relative_path(found_path, root)} can't be read: it decides nothing here"
        print(sanitize_line(note), file=sys.stderr)
        return None


def build_offline_options(wanted: Settings) -> registry.LoadOptions:
    """Return how locations are read without a network."""
    return replace(build_loading_options(wanted), offline=True, unreachable="warn")


def find_declared_test_files(known: Registry | None) -> frozenset[str]:
    """Return the files of the tests that a registry names itself."""
    return frozenset(nodeid.partition("::")[0] for each in known or () for nodeid in each.tests)


def find_reported_today(settings: Settings, root: Path, loaded: Registry | None) -> Today:
    """Return the date to judge by, and print a note on each unusable date."""
    today = find_today(settings.today, root, loaded or ())
    for note in today.notes:
        print(sanitize_line(f"{note.message} [{note.code}]"), file=sys.stderr)
    return today
