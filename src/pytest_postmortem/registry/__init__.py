"""Load all post-mortems of the configured locations into one `Registry`."""

from __future__ import annotations

from pytest_postmortem.registry.load_options import EntryProvider, LoadOptions
from pytest_postmortem.registry.loader import (
    find_registry,
    has_source_block,
    load_registry,
    load_registry_with_problems,
)

__all__ = [
    "EntryProvider",
    "LoadOptions",
    "find_registry",
    "has_source_block",
    "load_registry",
    "load_registry_with_problems",
]
