"""A project as it lies here: its registry, its test files and their marks, read and not run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from functools import cached_property
from pathlib import Path

import pytest

from pytest_postmortem import git, options, registry, settings, source
from pytest_postmortem.authoring.surroundings import ci_of
from pytest_postmortem.commands.checkout import declared, places, registry_here
from pytest_postmortem.marked import Reading
from pytest_postmortem.model import Location, Policy, Registry
from pytest_postmortem.registry.how import How
from pytest_postmortem.reporting import commit_date, how_from
from pytest_postmortem.scope import find_files, relative

__all__ = ["Project"]

UNASKED = "what it holds is not known here"


class Project:
    """What lies below the rootdir of a configuration of pytest."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.root = config.rootpath
        self.settings = settings.read(config)

    @cached_property
    def registry(self) -> Registry | None:
        """The registry, None where there is none.

        Raises: RegistryError where the configured one is broken.
        """
        return registry_here(self.settings, self.root, UNASKED)

    @property
    def how(self) -> How:
        """How a location of this project is read, without the network."""
        return replace(how_from(self.settings), offline=True, unreachable="warn", synced=None)

    @property
    def locations(self) -> tuple[Location, ...]:
        """The locations of the registry, be they configured or found."""
        if self.settings.registry:
            return self.settings.registry
        found = registry.find(self.root)
        return (Location(relative(found, self.root), self.root),) if found else ()

    @property
    def policy(self) -> Policy:
        """What is asked of the tests, with the date to judge by."""
        today = self.settings.today
        if not isinstance(today, date):
            today = date.today() if today == "now" else commit_date(self.root)
        return replace(self.settings.policy, today=today)

    @property
    def rules(self) -> tuple[list[str], list[str]]:
        """pytest's ``python_functions`` and ``python_classes``."""
        ini = self.config.getini
        return list(ini("python_functions")), list(ini("python_classes"))

    @property
    def ci(self) -> tuple[str, str] | None:
        """The file or folder that says how the project is tested elsewhere, and by whom."""
        return ci_of(git.top(self.root) or self.root)

    def shown(self, path: Path) -> str:
        """Return the path of a file as node ids have it."""
        return relative(path, self.root)

    def test_files(self) -> Iterator[Path]:
        """Yield the files that a bare ``pytest`` would collect, as far as their names tell."""
        hook = self.config.hook.pytest_ignore_collect
        patterns = self.config.getini("python_files")

        def ignored(path: Path) -> bool:
            return bool(hook(collection_path=path, config=self.config))

        wanted = (place for place in places(self.config, self.settings) if place.exists())
        yield from dict.fromkeys(find_files(wanted, patterns, ignored))

    def contents(self) -> Iterator[tuple[str, bytes]]:
        """Yield the test files that can be read, each with what it holds."""
        for file in self.test_files():
            try:
                yield self.shown(file), file.read_bytes()
            except OSError:
                continue

    def reading(self) -> Reading:
        """Read the tests of all files that name a mark, or are named by the registry."""
        names = (options.MARK, *self.settings.markers)
        wanted = declared(self.registry)
        return {
            path: source.parse(data, names, *self.rules)
            for path, data in self.contents()
            if path in wanted or _names_any(data, names)
        }

    def marked_ids(self) -> Iterator[str]:
        """Yield all ids that marks name."""
        names = (options.MARK, *self.settings.markers)
        for _, data in self.contents():
            if _names_any(data, names):
                text = data.decode(errors="replace")
                marks = source.marks(text, names)
                yield from (str(each) for mark in marks for each in mark.args)


def _names_any(data: bytes, names: Iterable[str]) -> bool:
    """Say whether a file can hold a mark at all, which is cheap to know."""
    return any(name.encode() in data for name in names)
