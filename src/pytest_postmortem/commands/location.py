"""The location of a registry to which something is added."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pytest_postmortem import syncing
from pytest_postmortem.authoring.begin import SCAFFOLD_FAILED, PostmortemPlace
from pytest_postmortem.commands.project import Project
from pytest_postmortem.errors import Problem, SettingsError
from pytest_postmortem.options import DEFAULT_LOCATIONS
from pytest_postmortem.registry.loading import is_remote_location
from pytest_postmortem.scope import format_relative_path

__all__ = ["FIRST_LOCATION", "WritableLocations"]

FIRST_LOCATION = DEFAULT_LOCATIONS[2]
"""Where the first post-mortem of a project goes."""


class WritableLocations:
    """The locations of a registry to which something can be added."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._writable_places = list(self._own())

    def _own(self) -> Iterator[PostmortemPlace]:
        synced = self._project.settings.sync
        for location in self._project.locations:
            if not is_remote_location(location.text) and (
                synced is None or location.path != synced.path
            ):
                place = self._place(location.path)
                if not _is_sync_output(place.path):
                    yield place

    def _place(self, path: Path) -> PostmortemPlace:
        path = Path(os.path.abspath(path))
        return PostmortemPlace(path, format_relative_path(path, self._project.root))

    def choose_location(self, text: str | None) -> PostmortemPlace:
        """Return the place that is meant.

        Raises: SettingsError where that is not clear.
        """
        if text is not None:
            return self._named(text)
        if not self._writable_places and self._project.locations:
            names = ", ".join(location.text for location in self._project.locations)
            cause = f"the registry is kept elsewhere ({names})"
            remedy = "write it there, or add a folder to postmortem_registry"
            raise _build_location_error(cause, remedy)
        if not self._writable_places:
            return self._place(self._project.root / FIRST_LOCATION)
        folders = [place for place in self._writable_places if place.path.is_dir()]
        if len(self._writable_places) > 1 and len(folders) != 1:
            names = ", ".join(place.shown for place in self._writable_places)
            raise _build_location_error(
                "the registry has several locations", f"name one with --in: {names}"
            )
        return folders[0] if folders else self._writable_places[0]

    def _named(self, text: str) -> PostmortemPlace:
        root = self._project.root
        known_places = self._writable_places or [
            self._place(root / place) for place in DEFAULT_LOCATIONS
        ]
        for path in (Path(text).absolute(), root / text):
            asked_path = Path(os.path.abspath(path))
            for place in known_places:
                if asked_path == place.path:
                    return place
                if place.path.is_dir() and asked_path.is_relative_to(place.path):
                    return replace(place, folder=asked_path.relative_to(place.path).as_posix())
        names = ", ".join(place.shown for place in known_places)
        raise _build_location_error(
            f"{text!r} is no location of the registry", f"name one of {names}"
        )


def _is_sync_output(path: Path) -> bool:
    """Say whether a file is one that `sync` writes, and would write over."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.readline().startswith(syncing.SYNC_FIRST_LINE)
    except OSError:
        return False


def _build_location_error(cause: str, remedy: str) -> SettingsError:
    return SettingsError([Problem("setting", SCAFFOLD_FAILED, cause, remedy)])
