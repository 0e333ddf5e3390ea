"""The location of a registry to which something is added."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pytest_postmortem import syncing
from pytest_postmortem.authoring.begin import FAILED, Place
from pytest_postmortem.commands.project import Project
from pytest_postmortem.errors import Problem, SettingsError
from pytest_postmortem.options import PLACES
from pytest_postmortem.registry.loading import is_remote
from pytest_postmortem.scope import relative

__all__ = ["FIRST", "Places"]

FIRST = PLACES[2]
"""Where the first post-mortem of a project goes."""


class Places:
    """The locations of a registry to which something can be added."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._every = list(self._own())

    def _own(self) -> Iterator[Place]:
        synced = self._project.settings.sync
        for each in self._project.locations:
            if not is_remote(each.text) and (synced is None or each.path != synced.path):
                place = self._place(each.path)
                if not _is_synced(place.path):
                    yield place

    def _place(self, path: Path) -> Place:
        path = Path(os.path.abspath(path))
        return Place(path, relative(path, self._project.root))

    def choose(self, text: str | None) -> Place:
        """Return the place that is meant.

        Raises: SettingsError where that is not clear.
        """
        if text is not None:
            return self._named(text)
        if not self._every and self._project.locations:
            names = ", ".join(each.text for each in self._project.locations)
            cause = f"the registry is kept elsewhere ({names})"
            remedy = "write it there, or add a folder to postmortem_registry"
            raise _wrong(cause, remedy)
        if not self._every:
            return self._place(self._project.root / FIRST)
        folders = [place for place in self._every if place.path.is_dir()]
        if len(self._every) > 1 and len(folders) != 1:
            names = ", ".join(place.shown for place in self._every)
            raise _wrong("the registry has several locations", f"name one with --in: {names}")
        return folders[0] if folders else self._every[0]

    def _named(self, text: str) -> Place:
        root = self._project.root
        known = self._every or [self._place(root / place) for place in PLACES]
        for path in (Path(text).absolute(), root / text):
            asked = Path(os.path.abspath(path))
            for place in known:
                if asked == place.path:
                    return place
                if place.path.is_dir() and asked.is_relative_to(place.path):
                    return replace(place, folder=asked.relative_to(place.path).as_posix())
        names = ", ".join(place.shown for place in known)
        raise _wrong(f"{text!r} is no location of the registry", f"name one of {names}")


def _is_synced(path: Path) -> bool:
    """Say whether a file is one that `sync` writes, and would write over."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.readline().startswith(syncing.FIRST)
    except OSError:
        return False


def _wrong(cause: str, remedy: str) -> SettingsError:
    return SettingsError([Problem("setting", FAILED, cause, remedy)])
