"""What is missing in the configuration of a project: what is found × what is set → edits."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from pytest_postmortem import git, registry
from pytest_postmortem.authoring.configuring import (
    Value,
    Wanted,
    edited,
    has_marker,
    settings_in,
)
from pytest_postmortem.authoring.edits import Edit
from pytest_postmortem.authoring.surroundings import (
    Ids,
    collections,
    marks_with_ids,
    template_of,
)
from pytest_postmortem.commands.location import FIRST
from pytest_postmortem.commands.project import Project
from pytest_postmortem.errors import GitError, Problem, SettingsError
from pytest_postmortem.model import Location, Registry, count_of
from pytest_postmortem.options import MARK
from pytest_postmortem.scope import relative

__all__ = ["Setup"]

FAILED = "Couldn't set up"

README = b"""\
# Post-mortems

One file for each incident: what happened, why, and which test keeps it from happening again.

`pytest-postmortem new "what happened" --test tests/` begins the next one, with its test.
"""


class Setup:
    """What a project has, and what it lacks.

    Raises:
        SettingsError: It is configured by a file that is not its own.
        RegistryError: The post-mortems that are there can't be read.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._root = project.root
        self._unread = ""
        self._file = self._configuration()
        self.shown = project.shown(self._file)
        self._old = self._file.read_bytes() if self._file.is_file() else None
        self._set = settings_in(self._file.name, self._old or b"")
        self._marks = self._used_marks()
        self._settings = {k: v for k, v in self._missing() if k not in self._set}

    def _configuration(self) -> Path:
        """Return the file that pytest reads here, or the one that is natural."""
        config = self._project.config
        path, top = config.inipath, git.top(config.invocation_params.dir)
        if path is None:
            path = self._root / "pyproject.toml"
            path = path if path.is_file() else self._root / "pytest.ini"
        given = config.option.inifilename or config.option.rootdir
        if top is not None and not given and not path.resolve().is_relative_to(top.resolve()):
            cause = f"pytest is configured by {str(path)!r}, which lies outside of this repository"
            remedy = "make a pytest.ini of its own, which may be empty"
            raise SettingsError([Problem("setting", FAILED, cause, remedy)])
        return path

    @cached_property
    def _place(self) -> str | None:
        """The collection that is there and not configured, from the rootdir."""
        if self._project.settings.registry:
            return None
        found = registry.find(self._root)
        if found is not None:
            return relative(found, self._root)
        return next(iter(self._others), None)

    @cached_property
    def _others(self) -> dict[str, int]:
        return collections(self._root)

    @cached_property
    def _known(self) -> Registry | None:
        """What the registry will hold: broken, it would end each run."""
        if self._place is None:
            return self._project.registry
        return registry.load([Location(self._place, self._root)], self._root, self._project.how)

    def _used_marks(self) -> list[Ids]:
        known = self._project.settings.markers
        every = marks_with_ids(data for _, data in self._project.contents())
        return [each for each in every if each.mark not in {MARK, *known}]

    def _missing(self) -> Iterator[tuple[str, Value]]:
        """Yield the settings that are missing."""
        useful = [each for each in self._marks if self._matched(each)]
        if self._place is not None:
            yield "postmortem_registry", (self._from_file(self._place),)
        elif self._is_first and not self._tracked:
            yield "postmortem_registry", (self._from_file(FIRST),)
        if self._is_first and self._tracked:
            useful = [each for each in self._marks if each.are_numbers]
            yield "postmortem_url_template", self._tracker or ""
        if useful:
            yield "postmortem_markers", tuple(each.mark for each in useful)

    def _matched(self, ids: Ids) -> int:
        """Return how many ids of a mark the registry knows."""
        known = self._known
        return sum(known.find(id) is not None for id in ids.different) if known else 0

    @property
    def _is_first(self) -> bool:
        """Whether there is no registry at all, of whatever kind."""
        wanted = self._project.settings
        known = wanted.registry or wanted.sync or wanted.url_template
        return self._place is None and not known

    @cached_property
    def _tracker(self) -> str | None:
        try:
            return template_of(git.origin(self._root))
        except GitError as error:
            self._unread = error.brief
            return None

    @property
    def _tracked(self) -> bool:
        """Whether tests name the numbers of a tracker that is known."""
        return self._tracker is not None and any(each.are_numbers for each in self._marks)

    def _from_file(self, place: str) -> str:
        """Return a path from the rootdir as the configuration file has it."""
        return relative(Path(os.path.normpath(self._root / place)), self._file.parent)

    @property
    def edits(self) -> list[Edit]:
        """What is to be written, nothing where nothing is missing.

        Raises:
            SettingsError: It can't be told where it belongs, or it could not be used there.
            RegistryError: What would be named can't be read.
        """
        wanted = Wanted(self._settings, marker=not has_marker(self._set.get("markers")))
        files = []
        if wanted.settings or wanted.marker:
            new = edited(self.shown, self._old or b"", wanted)
            files.append(Edit(self._file, self.shown, self._old, new))
        if (self._from_file(FIRST),) in self._settings.values():
            files += self._first_files(self._root / FIRST)
        return files

    def _first_files(self, folder: Path) -> Iterator[Edit]:
        """Yield what goes to the folder of the first post-mortem, which a run must be able to read.

        Raises:
            SettingsError: It is no folder.
            RegistryError: What lies in it is broken.
        """
        if not folder.exists():
            yield Edit(folder / "README.md", f"{FIRST}/README.md", None, README)
        elif folder.is_dir():
            registry.load([Location(FIRST, self._root)], self._root, self._project.how)
        else:
            cause = "it is no folder, and post-mortems would go there"
            remedy = "rename it, or name another place in postmortem_registry"
            raise SettingsError([Problem("setting", FAILED, cause, remedy, FIRST)])

    def told(self) -> Iterator[str]:
        """Yield what was found."""
        known, place = self._known, self._place
        if known is not None:
            where = place or ", ".join(known.locations)
            yield f"{where}: {count_of(len(known), 'post-mortem')}"
        for other, count in self._others.items() if place or known is None else ():
            if other != place:
                about = f"looks like {count_of(count, 'post-mortem')}"
                yield f"{other}: {about}, left alone (postmortem_registry may name it as well)"
        for ids in self._marks:
            yield f"@pytest.mark.{ids.mark}: {self._about(ids)}"
        if known is None and not self._marks:
            yield "no post-mortem was found here"
        if self._unread:
            yield f"the address of the repository is not known: {self._unread}"

    def _about(self, ids: Ids) -> str:
        used = count_of(len(ids.different), "id")
        if ids.mark in self._settings.get("postmortem_markers", ()):
            return used
        matched = self._matched(ids)
        if matched:  # by a setting that is somebody's own
            return f"{used}, {matched} in the registry; add {ids.mark!r} to postmortem_markers"
        why = "it is not known what they name"
        if self._known:
            why = "none of them is in the registry"
        elif self._tracker is not None:
            why = f"only {ids.numbered} of them are plain numbers of a tracker"
        return f"{used}; left alone, as {why}"
