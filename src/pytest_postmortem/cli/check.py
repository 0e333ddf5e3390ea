"""``pytest-postmortem check``: marks, registry and post-mortems, without running a test."""

from __future__ import annotations

import argparse
import os
import posixpath
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import filter as matching
from functools import cached_property, partial
from pathlib import Path

from pytest_postmortem import registry
from pytest_postmortem.cli import EXIT_NOT_JUDGED
from pytest_postmortem.cli.arguments import build_pytest_arguments
from pytest_postmortem.cli.gap_hints import find_gap_hints
from pytest_postmortem.cli.project import Project, configure_without_conftest
from pytest_postmortem.cli.report_targets import parse_report_targets, print_or_write_report
from pytest_postmortem.errors import Problem, SettingsError
from pytest_postmortem.evaluation.evaluate import is_incident_selected
from pytest_postmortem.files import read_file_bytes
from pytest_postmortem.lint.cases import LintCase, build_lint_case
from pytest_postmortem.lint.marker_rules import (
    check_listed_tests,
    check_lost_marks,
    check_markers,
    find_unchecked_ids,
)
from pytest_postmortem.lint.output_formats import LintResult
from pytest_postmortem.lint.pytest_collection import (
    PytestCollection,
    collect_with_pytest,
    drop_report_options,
)
from pytest_postmortem.lint.rules import LINT_RULES, find_ignored_by_entry, lint_cases
from pytest_postmortem.model import Finding, Postmortem, Registry, format_count
from pytest_postmortem.pysource.declared_tests import find_unwritten_tests
from pytest_postmortem.pysource.marker_index import (
    LinkedIncident,
    SourceTestsByFile,
    UnreadLinks,
    find_linked_tests,
    find_unread_links,
)
from pytest_postmortem.registry.document_files import find_document_file, is_text_document
from pytest_postmortem.registry.loader import is_remote_location
from pytest_postmortem.registry.postmortem_text import build_text_of_fields, read_document
from pytest_postmortem.runtime.run import build_loading_options, find_path_in_repository
from pytest_postmortem.similar_names import find_similar_word, format_suggestion
from pytest_postmortem.text import sanitize_line

NOTHING_TO_CHECK = Problem(
    "setting",
    "Couldn't check anything",
    "the project has neither a registry nor a marked test",
    "run it where the tests are, or set postmortem_registry",
)


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


def check_project(
    project: LintedProject, given_paths: Sequence[Path], *, collecting: bool
) -> LintResult:
    """Check everything, or the given paths only, against the whole registry.

    Raises: SettingsError where no path is given, and the project has neither registry nor mark.
    """
    linting = not given_paths or any(path.suffix != ".py" for path in given_paths)
    suite = project.find_test_files() if linting else []
    test_files = list(_select_given_tests(suite, given_paths)) if given_paths else suite
    code = project.code({*test_files, *(suite if linting else ())})
    tests = code.read(project.declared)
    unparsed = code.find_unparsed_files()
    unread = find_unread_links(tests, project.registry, unparsed)
    own_paths = {project.shown(file): None for file in test_files}
    marked_tests = {path: found for path, found in tests.items() if path in own_paths}
    if collecting:
        collection = _collect_suite(project)
    else:
        findings = (
            *check_markers(marked_tests, project.registry, project.policy),
            *(check_lost_marks(code.find_lost_marks(tests, marked_tests)) if linting else ()),
            *check_listed_tests(project.known, partial(code.lacks_test, tests)),
        )
        linked_tests = project.find_links(tests) if suite else None
        unparsed_paths = [file.path for file in unparsed if not given_paths]
        read_tests = {**dict.fromkeys(unparsed_paths), **marked_tests}
        unjudged = tuple(_list_unjudged_reasons(project, read_tests, whole=not given_paths))
        collection = PytestCollection(findings, linked_tests, len(test_files), unjudged)
    whole = not project.absent_tests and not (unparsed or None in tests.values())
    test_lookup = _LinkedTestLookup(collection.linked, None if collecting else unread, whole=whole)
    hints = find_gap_hints(project, code, tests) if linting else {}
    cases = [
        replace(case, hint=hints.get(case.postmortem.id))
        for case in (project.cases(test_lookup.tests) if linting else ())
    ]
    found = [
        *project.findings,
        *collection.findings,
        *lint_cases(cases, project.known, project.policy, project.settings.lint_ignore),
    ]
    if project.registry is None and not (
        given_paths or found or collection.linked or collection.unjudged
    ):
        raise SettingsError([NOTHING_TO_CHECK])
    unique_findings = {(f.code, f.path, f.line, f.message): f for f in reversed(found)}
    selected_findings = [
        f
        for f in unique_findings.values()
        if not given_paths or _is_below_given(project, given_paths, f.path)
    ]
    return LintResult(
        tuple(sorted(selected_findings, key=_build_finding_sort_key)),
        (*collection.unjudged, *project.unread),
        sum(not given_paths or _is_below_given(project, given_paths, case.path) for case in cases),
        len(test_files) if given_paths or collection.linked == {} else collection.files,
        find_path_in_repository(project.root),
        tuple(test_lookup.unclear_reasons),
        () if given_paths else project.known.notes,
    )


def _select_given_tests(suite: Sequence[Path], given_paths: Sequence[Path]) -> Iterator[Path]:
    """Yield the test files that are given: any Python file, and those of the suite in a folder."""
    yield from (path for path in given_paths if path.suffix == ".py" and path.is_file())
    folders = [path for path in given_paths if path.is_dir()]
    yield from (file for file in suite if any(map(file.is_relative_to, folders)))


def _collect_suite(project: LintedProject) -> PytestCollection:
    """Collect the suite from the rootdir, without the reports that the configuration asks for."""
    config = project.config
    arguments = ["--rootdir", str(project.root)]
    if config.inipath is not None:
        arguments += ["-c", str(config.inipath)]
    addopts = drop_report_options(config.getini("addopts"))
    if addopts is not None:
        arguments += ["-o", "addopts=", *addopts]
    return collect_with_pytest(arguments, project.root)


class _LinkedTestLookup:
    """Knows the tests of incidents, all of them if the ``whole`` suite could be read.

    ``unclear`` has the incidents whose tests the code does not show, with the reason.
    """

    def __init__(
        self, links: Mapping[str, LinkedIncident] | None, unread: UnreadLinks | None, *, whole: bool
    ) -> None:
        self._links = links
        self._fill_whole_address = whole
        self._unread = unread
        self.unclear_reasons: list[str] = []

    def tests(self, postmortem: Postmortem) -> LinkedIncident | None:
        """Return the tests of an incident, None where it is not known whether it has any."""
        if self._links is None:
            return None
        linked_tests = find_linked_tests(self._links, postmortem.id)
        may_be_linked = not (
            linked_tests.has_active_test or postmortem.exempt or postmortem.guarded_by
        )
        if may_be_linked and self._unread:
            reason = self._unread.reason(postmortem.names)
            if reason:
                self.unclear_reasons.append(f"{postmortem.id}: {reason}")
                return None
        return None if may_be_linked and not self._fill_whole_address else linked_tests


def _list_unjudged_reasons(
    project: LintedProject, tests: SourceTestsByFile, *, whole: bool
) -> Iterator[str]:
    """Yield why a part of the code can't be judged; with ``whole``, of the registry too."""
    broken = (path for path, file_tests in tests.items() if file_tests is None)
    for path in (path for path in broken if path not in project.pointers):
        yield f"{path} is not Python that this interpreter can parse"
    ids = find_unchecked_ids(tests, project.registry)
    implied = project.registry is None and project.settings.url_template
    unreachable_places = ", ".join(project.known.unreachable)
    reason = f"{unreachable_places} is not asked here, `pytest-postmortem sync` keeps a copy"
    if whole and unreachable_places and not (ids or project.known.postmortems):
        yield reason
    elif ids and not implied and project.policy.unknown != "ignore":
        yield (
            f"{format_count(len(ids), 'id')} not checked:"
            f" {reason if unreachable_places else 'no registry is configured'}"
        )


def _is_below_given(project: LintedProject, given_paths: Sequence[Path], path: str | None) -> bool:
    """Say whether a path is a given one, or below one."""
    return path is not None and any(map(project.file(path).is_relative_to, given_paths))


def _build_finding_sort_key(finding: Finding) -> tuple[bool, str, int, str, str]:
    """Return the sort key of findings; those without a path come last."""
    has_no_path = finding.path is None
    return has_no_path, finding.path or "", finding.line or 0, finding.code, finding.message


EXIT_FINDINGS = 1


def main(options: argparse.Namespace) -> int:
    """Check a project or some of its files, report the findings, and return the exit status.

    A registry that can't be read is a finding like any other.

    Raises:
        SettingsError: A file is missing, there is nothing to check, or an option or a setting
            is not valid.
        DestinationError: A report can't be written.
    """
    targets = parse_report_targets("check", options.report)
    given_paths = list(_resolve_given_files(options.files))
    arguments = [*build_pytest_arguments(options), *_find_rootdir_arguments(given_paths)]
    with configure_without_conftest(arguments) as config:
        project = LintedProject(config)
        _check_ignored_rules(project.settings.lint_ignore)
        checked = check_project(project, given_paths, collecting=options.collect)
        for target in targets:
            print_or_write_report("check", target, checked, fallback=project.fallback)
            if target.destination is not None:
                note = f"Findings written to {target.destination}"
                print(sanitize_line(note), file=sys.stderr)
    if checked.count("error") or (options.strict and checked.findings):
        return EXIT_FINDINGS
    return EXIT_NOT_JUDGED if checked.unjudged else 0


def _resolve_given_files(files: Iterable[str]) -> Iterator[Path]:
    """Yield the absolute paths of the given files.

    Raises: SettingsError with every file that is missing.
    """
    missing = [text for text in files if not os.path.exists(text)]
    if missing:
        cause, remedy = "it is not there", "correct the path, or leave it out"
        raise SettingsError(
            [Problem("setting", "Couldn't check", cause, remedy, text) for text in missing]
        )
    return (Path(os.path.abspath(text)) for text in files)


def _find_rootdir_arguments(given: Sequence[Path]) -> list[str]:
    """Return the test files for pytest to find its rootdir by, if all are in another folder."""
    try:
        current_folder = Path.cwd()
    except OSError:  # it was removed, which pytest reports as well
        return []
    all_outside = all(
        path.suffix == ".py" and not path.is_relative_to(current_folder) for path in given
    )
    return list(map(str, given)) if all_outside else []


def _check_ignored_rules(patterns: Iterable[str]) -> None:
    """Verify that every rule that is switched off exists.

    Raises: SettingsError with every pattern that matches no rule.
    """
    problems = []
    for pattern in patterns:
        if not matching(LINT_RULES, pattern):
            similar = find_similar_word(pattern, LINT_RULES)
            remedy = format_suggestion(similar, f"use some of {', '.join(LINT_RULES)}")
            failed = f"Couldn't use postmortem_lint_ignore = {pattern!r}"
            problems.append(Problem("setting", failed, "unknown rule", remedy))
    if problems:
        raise SettingsError(problems)
