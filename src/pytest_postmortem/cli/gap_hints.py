"""Marks that are meant for an incident and link no test to it, as a hint on its gap.

They are outside of the suite, or name an id that the registry lacks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from pytest_postmortem.cli.project import Project
from pytest_postmortem.cli.project_code import ProjectCode
from pytest_postmortem.evaluation.links import MOST_SUGGESTIONS, parse_marks
from pytest_postmortem.files import is_test_file_path
from pytest_postmortem.lint.marker_rules import find_marker_links
from pytest_postmortem.model import Registry
from pytest_postmortem.pysource.marker_index import SourceTestsByFile
from pytest_postmortem.similar_names import index_registry_ids


def find_gap_hints(
    project: Project, code: ProjectCode, tests: SourceTestsByFile
) -> Mapping[str, str]:
    """Return, by id of incident, where a mark is that is meant for it and links no test."""
    registry = project.registry
    if registry is None:
        return {}
    hints: dict[str, str] = {}
    for id, hint in (
        *_find_marks_outside(project, code, registry),
        *_find_misspelt_ids(tests, registry),
    ):
        hints.setdefault(id, hint)
    return hints


def _find_marks_outside(
    project: Project, code: ProjectCode, registry: Registry
) -> Iterator[tuple[str, str]]:
    """Yield the incidents that files outside of the suite name, each with the place."""
    for path, mark in code.find_marks_outside():
        for id in parse_marks([mark]).ids:
            incident = registry.find(id)
            if incident is not None:
                where = _describe_place(project, project.root / path)
                yield incident.id, f"{path}:{mark.line} names it, {where}"


def _describe_place(project: Project, file: Path) -> str:
    """Return why a file does not belong to the suite."""
    if not is_test_file_path(file, project.config.getini("python_files")):
        return "in no test file"
    if any(map(file.is_relative_to, project.places())):
        return "in a file that is left out of the suite"
    return f"outside of {'postmortem_suite' if project.settings.suite else 'testpaths'}"


def _find_misspelt_ids(tests: SourceTestsByFile, registry: Registry) -> Iterator[tuple[str, str]]:
    """Yield the incidents that unknown ids of marks probably mean, each with the place."""
    unknown = [
        link
        for link in find_marker_links(tests)
        if link.origin == "marker" and registry.find(link.id) is None
    ]
    index = index_registry_ids(registry) if unknown else None
    for link in unknown[:MOST_SUGGESTIONS]:
        near = index.find(link.id) if index else None
        if near is not None:
            yield near, f"{link.path}:{link.line} names {link.id!r}, which is unknown"
