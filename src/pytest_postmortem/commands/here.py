"""The suite, the registry and the post-mortems as they lie here, for commands without git."""

from __future__ import annotations

import os
import posixpath
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from pytest_postmortem import options, registry, settings, source
from pytest_postmortem.assess import selected
from pytest_postmortem.bindings import lacks
from pytest_postmortem.checking.cases import Case, case_of
from pytest_postmortem.checking.ignoring import ignored_by_entry
from pytest_postmortem.commands.checkout import places
from pytest_postmortem.errors import Problem
from pytest_postmortem.marked import Linked, Reading
from pytest_postmortem.model import Finding, Location, Policy, Postmortem, Registry
from pytest_postmortem.registry.loading import is_remote
from pytest_postmortem.reporting import commit_date, how_from, within_repository
from pytest_postmortem.scope import find_files, relative
from pytest_postmortem.written.reading import file_of, of_fields, read

__all__ = ["Here"]

Tests = tuple[source.SourceTest, ...] | None


class Here:
    """What lies below the rootdir of a configuration of pytest, read and not run.

    Nothing is fetched. ``registry`` is None where there is none at all; what can be read of a
    broken one is there, and ``findings`` are everything that is wrong with it.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.root = config.rootpath
        self.settings = settings.read(config)
        self._names = (options.MARK, *self.settings.markers)
        self.locations = self._locations()
        self.registry: Registry | None = None
        self.findings: tuple[Finding, ...] = ()
        if self.locations or self.settings.sync:
            self._load()

    def _locations(self) -> tuple[Location, ...]:
        if self.settings.registry or self.settings.sync:
            return self.settings.registry
        found = registry.find(self.root)
        return (Location(relative(found, self.root), self.root),) if found else ()

    def _load(self) -> None:
        how = replace(how_from(self.settings), offline=True, unreachable="warn")
        known, problems = registry.examine(self.locations, self.root, how)
        broken = dict.fromkeys(problem.path or "it" for problem in problems)
        partial = (f"{path} can't be read as a whole" for path in broken)
        self.registry = replace(known, partial=(*known.partial, *partial))
        own = (each for each in known.findings if each.code != "registry-unreachable")
        self.findings = (*map(_finding, problems), *own)

    @property
    def known(self) -> Registry:
        """The registry, an empty one where there is none."""
        return Registry() if self.registry is None else self.registry

    @property
    def policy(self) -> Policy:
        """What is asked of the tests, with the date to judge by."""
        today = self.settings.today
        if not isinstance(today, date):
            today = date.today() if today == "now" else commit_date(self.root)
        return replace(self.settings.policy, today=today)

    def test_files(self) -> list[Path]:
        """Return the test files that a bare ``pytest`` would collect, as far as code can tell."""
        hook = self.config.hook.pytest_ignore_collect

        def ignored(path: Path) -> bool:
            return bool(hook(collection_path=path, config=self.config))

        patterns = self.config.getini("python_files")
        wanted = (place for place in places(self.config, self.settings) if place.exists())
        found = find_files(map(self._absolute, wanted), patterns, ignored)
        return list(dict.fromkeys(found))

    def _absolute(self, path: Path) -> Path:
        return Path(os.path.abspath(self.root / path))

    @property
    def fallback(self) -> str:
        """The path, from the top of the repository, of what stands at no place."""
        file = self.config.inipath or self.root / "pyproject.toml"
        local = (place for place in self.known.locations if not is_remote(place))
        top = within_repository(self.root)
        paths = (posixpath.normpath(posixpath.join(top, place)) for place in local)
        inside = (path for path in paths if not path.startswith(("../", "/")))
        return next(inside, posixpath.normpath(posixpath.join(top, self.shown(file))))

    def file(self, shown: str) -> Path:
        """Return where the path of a finding leads."""
        return self._absolute(Path(shown))

    def shown(self, file: Path) -> str:
        """Return the path of a file from the rootdir, as findings have it."""
        return relative(file, self.root)

    def reading(self, files: Iterable[Path]) -> Reading:
        """Read the tests of the files that can hold a mark, or are named by the registry."""
        declared = {nodeid.partition("::")[0] for each in self.known for nodeid in each.tests}
        marks = tuple(name.encode() for name in self._names)
        found: dict[str, Tests] = {}
        for file in files:
            shown, data = self.shown(file), _bytes(file)
            if data is not None and (shown in declared or any(name in data for name in marks)):
                found[shown] = self._tests(data)
        return found

    def _tests(self, data: bytes) -> Tests:
        ini = self.config.getini
        return source.parse(data, self._names, ini("python_functions"), ini("python_classes"))

    def lacking(self) -> dict[str, bool]:
        """Return the node ids that the registry declares, and whether the code lacks them for
        certain.
        """
        named = {nodeid for each in self.known for nodeid in each.tests}
        return {nodeid: self._lacks(nodeid) for nodeid in named}

    def _lacks(self, nodeid: str) -> bool:
        path, _, name = nodeid.partition("::")
        file = self.root / path
        try:
            if not file.exists():
                return True
        except (OSError, ValueError):
            return True
        data = _bytes(file) if name and file.suffix == ".py" else None
        tree = None if data is None else source.tree_of(data)
        return tree is not None and lacks(tree, name)

    def cases(self, tests: Callable[[Postmortem], Linked | None]) -> Iterator[Case]:
        """Yield every incident of this suite with what is written about it; ``tests`` knows those
        that are linked to one.
        """
        known = self.known
        shared = Counter(each.path for each in known)
        lists = {*known.locations, *(path for path, count in shared.items() if count > 1)}
        ignored: dict[str, Mapping[int, frozenset[str]]] = {}
        for postmortem in (each for each in known if selected(each, self.settings.policy)):
            file = file_of(postmortem, self.root)
            writing = read(*file) if file and file[1] not in lists else None
            if writing is None:
                path = postmortem.path or ""
                if path not in ignored:
                    ignored[path] = self._ignored(path, known)
                codes = ignored[path].get(postmortem.line or 0)
                writing = replace(of_fields(postmortem), ignored=codes or frozenset())
            yield case_of(postmortem, writing, tests(postmortem))

    def _ignored(self, path: str, known: Registry) -> Mapping[int, frozenset[str]]:
        """Return which rules a registry file switches off for which of its entries."""
        data = None if is_remote(path) else _bytes(self.root / path)
        lines = [each.line or 0 for each in known if each.path == path]
        return ignored_by_entry((data or b"").decode(errors="replace"), lines)


def _finding(problem: Problem) -> Finding:
    """Return what is wrong with a registry as a finding, its remedy in the same line."""
    message = f"{problem.cause}; {problem.remedy}"
    return Finding(problem.slug, "error", message, problem.path, problem.line)


def _bytes(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except (OSError, ValueError):
        return None
