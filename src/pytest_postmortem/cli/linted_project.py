"""The suite, the registry and the post-mortems of a folder, for commands without git."""

from __future__ import annotations

import os
import posixpath
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from pytest_postmortem import registry
from pytest_postmortem.cli.project import Project
from pytest_postmortem.cli.project_code import ProjectCode
from pytest_postmortem.errors import Problem
from pytest_postmortem.evaluation.evaluate import is_incident_selected
from pytest_postmortem.files import read_file_bytes
from pytest_postmortem.lint.cases import LintCase, build_lint_case
from pytest_postmortem.lint.rules import find_ignored_by_entry
from pytest_postmortem.model import Finding, Postmortem, Registry
from pytest_postmortem.pysource.declared_tests import find_unwritten_tests
from pytest_postmortem.pysource.marker_index import LinkedIncident, SourceTestsByFile
from pytest_postmortem.registry.document_files import find_document_file, is_text_document
from pytest_postmortem.registry.loader import is_remote_location
from pytest_postmortem.registry.postmortem_text import build_text_of_fields, read_document
from pytest_postmortem.runtime.run import build_loading_options, find_path_in_repository


class LintedProject(Project):
    """A project that collects every problem as a finding.

    Nothing is fetched. ``registry`` is None where there is none at all; what can be read of a
    broken one is there, and ``findings`` are everything that is wrong with it.
    """

    @cached_property
    def registry(self) -> Registry | None:
        """The registry as far as it can be read, None where there is none.

        Raises: GitError where the working tree lacks a part of it.
        """
        return self._examined_registry[0]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The problems of the registry."""
        return self._examined_registry[1]

    @cached_property
    def _examined_registry(self) -> tuple[Registry | None, tuple[Finding, ...]]:
        self.require_documents()
        if not self.locations and self.settings.sync is None:
            return None, ()
        how = build_loading_options(self.settings)._replace(offline=True, unreachable="warn")
        examined, problems = registry.load_registry_with_problems(self.locations, self.root, how)
        broken = dict.fromkeys(problem.path or "it" for problem in problems)
        partial = (f"{path} can't be read as a whole" for path in broken)
        own_findings = (
            finding for finding in examined.findings if finding.code != "registry-unreachable"
        )
        findings = (*map(_build_registry_finding, problems), *own_findings)
        return replace(examined, partial=(*examined.partial, *partial)), findings

    @property
    def known(self) -> Registry:
        """The registry, an empty one where there is none."""
        return Registry() if self.registry is None else self.registry

    @property
    def fallback(self) -> str:
        """The path, from the top of the repository, for findings without a path."""
        file = self.config.inipath or self.root / "pyproject.toml"
        local = (place for place in self.known.locations if not is_remote_location(place))
        top = find_path_in_repository(self.root)
        paths = (posixpath.normpath(posixpath.join(top, place)) for place in local)
        inside = (path for path in paths if not path.startswith(("../", "/")))
        return next(inside, posixpath.normpath(posixpath.join(top, self.shown(file))))

    def file(self, shown: str) -> Path:
        """Return where the path of a finding leads."""
        return Path(os.path.abspath(self.root / shown))

    def lacking(self, code: ProjectCode, tests: SourceTestsByFile) -> dict[str, bool]:
        """Return the node ids that the registry declares, and whether the code lacks them for
        certain.
        """
        return {nodeid: code.lacks_test(nodeid, tests) for nodeid in self.declared}

    def cases(self, tests: Callable[[Postmortem], LinkedIncident | None]) -> Iterator[LintCase]:
        """Yield every incident of this suite with its document; ``tests`` returns the tests that
        are linked to one.
        """
        known_registry = self.known
        shared = Counter(entry.path for entry in known_registry)
        lists = {
            path
            for path in (
                *known_registry.locations,
                *(path for path, count in shared.items() if count > 1),
            )
            if path and not is_text_document(path)
        }
        ignored: dict[str, Mapping[int, frozenset[str]]] = {}
        for postmortem in (
            entry for entry in known_registry if is_incident_selected(entry, self.settings.policy)
        ):
            document_file = find_document_file(postmortem, self.root)
            document = (
                read_document(*document_file, self.settings.vocabulary, postmortem.line)
                if document_file and document_file[1] not in lists
                else None
            )
            if document is None:
                path = postmortem.path or ""
                if path not in ignored:
                    ignored[path] = self._ignored(path, known_registry)
                codes = ignored[path].get(postmortem.line or 0)
                document = replace(
                    build_text_of_fields(postmortem, self.settings.vocabulary),
                    ignored=codes or frozenset(),
                )
            case = build_lint_case(postmortem, document, tests(postmortem))
            if case.tests is not None and any(case.find_unwritten_claims()):
                case = replace(case, unwritten=self._find_unwritten_tests(case.tests))
            yield case

    def _find_unwritten_tests(self, linked: LinkedIncident) -> frozenset[str]:
        """Return the linked tests of an incident that are as `new` has made them."""
        unwritten: list[str] = []
        for path in {nodeid.partition("::")[0] for nodeid in linked.tests}:
            data = read_file_bytes(self.root / path)
            nodeids = [nodeid for nodeid in linked.tests if nodeid.startswith(f"{path}::")]
            unwritten += find_unwritten_tests(data or b"", nodeids)
        return frozenset(unwritten)

    def _ignored(self, path: str, known_registry: Registry) -> Mapping[int, frozenset[str]]:
        """Return which rules a registry file switches off for which of its entries."""
        data = None if is_remote_location(path) else read_file_bytes(self.root / path)
        lines = [entry.line or 0 for entry in known_registry if entry.path == path]
        return find_ignored_by_entry((data or b"").decode(errors="replace"), lines)


def _build_registry_finding(problem: Problem) -> Finding:
    """Return the finding of a problem of a registry, with the remedy in the same line."""
    message = f"{problem.cause}; {problem.remedy}"
    return Finding(problem.slug, "error", message, problem.path, problem.line)
