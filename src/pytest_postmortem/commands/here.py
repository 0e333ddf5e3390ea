"""The suite, the registry and the post-mortems as they lie here, for commands without git."""

from __future__ import annotations

import os
import posixpath
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from pytest_postmortem import registry
from pytest_postmortem.assess import selected
from pytest_postmortem.checking.cases import Case, case_of
from pytest_postmortem.checking.ignoring import ignored_by_entry
from pytest_postmortem.commands.absent import require_registry
from pytest_postmortem.commands.project import Project
from pytest_postmortem.commands.reading_code import Code
from pytest_postmortem.errors import Problem
from pytest_postmortem.marked import Linked, Reading
from pytest_postmortem.model import Finding, Postmortem, Registry
from pytest_postmortem.registry.loading import is_remote
from pytest_postmortem.reporting import how_from, within_repository
from pytest_postmortem.scope import bytes_of
from pytest_postmortem.written.reading import file_of, of_fields, read

__all__ = ["Here"]


class Here(Project):
    """A project of which everything that is wrong is told.

    Nothing is fetched. ``registry`` is None where there is none at all; what can be read of a
    broken one is there, and ``findings`` are everything that is wrong with it.
    """

    @cached_property
    def registry(self) -> Registry | None:
        """The registry as far as it can be read, None where there is none.

        Raises: GitError where the working tree lacks a part of it.
        """
        return self._examined[0]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong with the registry."""
        return self._examined[1]

    @cached_property
    def _examined(self) -> tuple[Registry | None, tuple[Finding, ...]]:
        require_registry(self.root, self.settings)
        if not self.locations and self.settings.sync is None:
            return None, ()
        how = replace(how_from(self.settings), offline=True, unreachable="warn")
        known, problems = registry.examine(self.locations, self.root, how)
        broken = dict.fromkeys(problem.path or "it" for problem in problems)
        partial = (f"{path} can't be read as a whole" for path in broken)
        own = (each for each in known.findings if each.code != "registry-unreachable")
        findings = (*map(_finding, problems), *own)
        return replace(known, partial=(*known.partial, *partial)), findings

    @property
    def known(self) -> Registry:
        """The registry, an empty one where there is none."""
        return Registry() if self.registry is None else self.registry

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
        return Path(os.path.abspath(self.root / shown))

    def lacking(self, code: Code, tests: Reading) -> dict[str, bool]:
        """Return the node ids that the registry declares, and whether the code lacks them for
        certain.
        """
        return {nodeid: code.lacks(nodeid, tests) for nodeid in self.declared}

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
        data = None if is_remote(path) else bytes_of(self.root / path)
        lines = [each.line or 0 for each in known if each.path == path]
        return ignored_by_entry((data or b"").decode(errors="replace"), lines)


def _finding(problem: Problem) -> Finding:
    """Return what is wrong with a registry as a finding, its remedy in the same line."""
    message = f"{problem.cause}; {problem.remedy}"
    return Finding(problem.slug, "error", message, problem.path, problem.line)
