"""``pytest-postmortem scan``: find tests of incidents, by their names and by their fixes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_postmortem import git
from pytest_postmortem.cli import EXIT_NOT_JUDGED
from pytest_postmortem.cli.arguments import build_pytest_arguments
from pytest_postmortem.cli.fix_scanner import FixScanner
from pytest_postmortem.cli.git_project import GitCheckout
from pytest_postmortem.cli.project import Project, configure_without_conftest
from pytest_postmortem.cli.prove_cases import ProveRequest, select_postmortems
from pytest_postmortem.cli.report_targets import parse_report_targets, print_or_write_report
from pytest_postmortem.errors import GitError, Problem, SettingsError
from pytest_postmortem.evaluation import links
from pytest_postmortem.files import read_file_bytes
from pytest_postmortem.model import Postmortem, format_count
from pytest_postmortem.scaffold.edits import FileEdit, render_edits_diff, write_edits
from pytest_postmortem.scaffold.fix_field import add_fix_field, has_front_matter
from pytest_postmortem.scan.findings import (
    FixFinding,
    FixScan,
    ScanResult,
    build_fix_suggestions,
    drop_repeated_suggestions,
)
from pytest_postmortem.scan.mentions import find_mentioning_tests
from pytest_postmortem.scan.scoring import Strength
from pytest_postmortem.scan.search_index import build_search_index
from pytest_postmortem.scan.suggestions import ScannedFile, Suggestion, build_suggestions
from pytest_postmortem.text import sanitize_line

if TYPE_CHECKING:
    from pytest_postmortem.scan.apply import MarkerEdit, SkippedFile


SCAN_FAILED = "Couldn't scan"
EXIT_SUGGESTIONS = 1

SCAN_UNFETCHED_NOTE = "its incidents are not looked for; `pytest-postmortem sync` gets them"
MARKING_HINT = "`--diff` shows how the likely ones would be marked, `--apply` marks them"
PROVING_HINT = "`--prove` runs the tests that came with a fix, with and without it"
PROVEN_HINT = "`--diff` shows how the proven ones would be marked, `--apply` marks them"


def main(options: argparse.Namespace) -> int:
    """Report tests that name an incident, and tests that came with the fix of one.

    Mark them on request, and return the exit status.

    Raises:
        SettingsError: A path or every pattern is missing.
        RegistryError: The registry is broken.
        GitError: Only fixes are looked for, and git gives no history.
        DestinationError: A report can't be written.
    """
    marks = options.apply or options.diff
    reports = options.report
    targets = parse_report_targets("scan", reports) if reports or not options.diff else []
    _check_options(options, marks=marks)
    roots = [_resolve_given_path(text) for text in options.paths]
    with configure_without_conftest([*build_pytest_arguments(options), *options.paths]) as config:
        scanner = _ProjectScanner(config, roots, options)
        if scanner.has_nothing_to_find:
            return EXIT_NOT_JUDGED
        scan = scanner.scan_tests()
        for target in targets:
            print_or_write_report("scan", target, scan, verbose=options.verbose)
            if target.type == "term" and not marks:
                print("".join(f"{hint}\n" for hint in _list_hints(scan)), end="")
        if marks:
            return scanner.mark(scan)
    return _compute_status(scan)


def _check_options(options: argparse.Namespace, *, marks: bool) -> None:
    """Check that options fit together.

    Raises: SettingsError where one alone does nothing.
    """
    for option in ("possible", "unproven", "fixes"):
        if getattr(options, option) and not marks:
            cause = f"--{option} alone {'writes' if option == 'fixes' else 'marks'} nothing"
            raise _build_scan_error(cause, "add --diff, or --apply")
    if options.prove and options.source == "names":
        raise _build_scan_error("--prove needs fixes", "leave out --from=names")


def _list_hints(scan: ScanResult) -> Iterator[str]:
    """Yield what to do next."""
    findings = scan.fixes.findings if scan.fixes else ()
    if scan.of("likely"):
        yield MARKING_HINT
    if any(finding.is_open and not finding.was_run for finding in findings):
        yield PROVING_HINT
    elif any(finding.is_open for finding in findings) and not scan.of("likely"):
        yield PROVEN_HINT


def _compute_status(scan: ScanResult) -> int:
    findings = scan.fixes.findings if scan.fixes else ()
    if scan.of("likely") or any(finding.is_open for finding in findings):
        return EXIT_SUGGESTIONS
    is_unread = scan.has_names and len(scan.unread) == scan.files
    return EXIT_NOT_JUDGED if is_unread or (not scan.has_names and scan.fixes is None) else 0


def _resolve_given_path(text: str) -> Path:
    """Return the absolute path of an argument.

    Raises: SettingsError where it does not exist.
    """
    path = Path(text).absolute()
    if not path.exists():
        remedy = "name files and folders" if "::" in text else "correct the path"
        raise _build_scan_error(f"file or folder {text!r} does not exist", remedy)
    return path


def _build_scan_error(cause: str, remedy: str) -> SettingsError:
    return SettingsError([Problem("setting", SCAN_FAILED, cause, remedy)])


class _ProjectScanner:
    """Reads the test files and the history of a project, and marks tests in it."""

    def __init__(
        self, config: pytest.Config, roots: Sequence[Path], options: argparse.Namespace
    ) -> None:
        """Load the registry of the checkout.

        Raises: SettingsError without a registry and without a pattern.
        """
        self._options = options
        self._project, self._unread_history = _open_project(config, options.source)
        self._settings = self._project.settings
        self._roots = tuple(roots)
        self._sources: dict[str, ScannedFile] = {}
        self._fix_scanner: FixScanner | None = None
        if self._project.registry is None and not self._settings.scan_patterns:
            cause = "no registry is configured, so no incident is known"
            settings = "postmortem_registry or postmortem_scan_patterns"
            remedy = f"run `pytest-postmortem init`, or set {settings}"
            raise _build_scan_error(cause, remedy)

    @property
    def has_nothing_to_find(self) -> bool:
        """Whether the registry was not fetched and no pattern is set."""
        known = self._project.registry
        nothing = known is not None and not known.postmortems and bool(known.unreachable)
        return nothing and not self._settings.scan_patterns

    def scan_tests(self) -> ScanResult:
        """Read all test files, and the history of the repository."""
        has_names = self._options.source != "fixes"
        scan = self._scan_names() if has_names else ScanResult(has_names=False)
        return replace(scan, fixes=self._scan_fixes())

    def _scan_names(self) -> ScanResult:
        settings, registry = self._settings, self._project.registry
        search_index = build_search_index(registry, settings.policy, settings.scan_patterns)
        declared = links.index_declared_tests(registry or ())
        names, rules = self._project.names, self._project.test_name_patterns
        found_suggestions: list[Suggestion] = []
        unread: list[str] = []
        files = [file for file in self._project.find_test_files(self._roots) if file.is_file()]
        for file in files:
            path = self._project.shown(file)
            data = read_file_bytes(file)
            tests = (
                None if data is None else find_mentioning_tests(data, search_index, names, *rules)
            )
            if data is None or tests is None:
                unread.append(path)
            elif file_suggestions := list(
                build_suggestions(path, tests, registry, settings.show, declared)
            ):
                found_suggestions += file_suggestions
                self._sources[path] = ScannedFile(path, file, data)
        ordered = tuple(sorted(found_suggestions, key=lambda suggestion: suggestion.key))
        return ScanResult(ordered, len(files), tuple(sorted(unread)))

    def _scan_fixes(self) -> FixScan | None:
        """Return the fixes of incidents, None outside of a repository and without a registry.

        Raises: GitError if only fixes are looked for, and git gives no history.
        """
        project = self._project
        if self._unread_history:
            return FixScan(notes=(self._unread_history,))
        if not isinstance(project, GitCheckout) or project.registry is None:
            return None
        try:
            self._fix_scanner = FixScanner(project)
            found = self._fix_scanner.scan_fixes([*select_postmortems(project, ())], self._roots)
        except GitError as error:
            if self._options.source == "fixes":
                raise
            return FixScan(notes=(_describe_unread_history(error),))
        if self._options.prove:
            jobs, again, python = self._options.jobs, self._options.again, self._options.python
            request = ProveRequest(jobs=jobs, again=again, python=python)
            found = self._fix_scanner.prove_findings(found, request)
        return found

    def mark(self, scan: ScanResult) -> int:
        """Show or write the marks and the fixes, and return the exit status."""
        from pytest_postmortem.scan.apply import build_marker_edits

        strengths: tuple[Strength, ...] = (
            ("likely", "possible") if self._options.possible else ("likely",)
        )
        findings = scan.fixes.findings if scan.fixes else ()
        proven = build_fix_suggestions(findings, unproven=self._options.unproven)
        suggestions = drop_repeated_suggestions([*scan.suggestions, *proven])
        scanned = self._fix_scanner.sources if self._fix_scanner else {}
        within = [place.resolve() for place in self._project.places(self._roots)]
        edits = build_marker_edits(
            suggestions,
            {**scanned, **self._sources},
            strengths,
            within,
            self._project.test_name_patterns,
        )
        count, is_complete = self._write_marks(edits)
        if self._options.fixes and not self._write_fixes(findings):
            is_complete = False
        return 0 if is_complete and (self._options.apply or not count) else EXIT_SUGGESTIONS

    def _write_marks(self, edits: Iterable[MarkerEdit | SkippedFile]) -> tuple[int, bool]:
        """Show or write marks; return how many, and whether all files could be edited."""
        from pytest_postmortem.scan.apply import (
            SkippedFile,
            render_marker_diff,
            write_marker_edit,
        )

        count = files = 0
        is_complete = True
        for edit in edits:
            if isinstance(edit, SkippedFile):
                print(sanitize_line(str(edit)), file=sys.stderr)
                is_complete = False
                continue
            if self._options.diff:
                _print_lines(render_marker_diff(edit).splitlines())
            problem = write_marker_edit(edit) if self._options.apply else None
            if problem:
                print(sanitize_line(str(problem)), file=sys.stderr)
                is_complete = False
            else:
                count, files = count + edit.count, files + 1
        if self._options.apply:
            print(f"{format_count(count, 'test')} marked in {format_count(files, 'file')}")
        return count, is_complete

    def _write_fixes(self, findings: Sequence[FixFinding]) -> bool:
        """Show or write the fixes that were found; return whether all could be written.

        Raises: DestinationError where a file can't be written.
        """
        edits, by_hand = _build_fix_edits(self._project, findings)
        if self._options.diff:
            _print_lines(render_edits_diff(edits))
        if self._options.apply:
            write_edits(edits)
        if self._options.apply and edits:
            print(f"'fix' written into {format_count(len(edits), 'file')}")
        _print_lines(by_hand)
        return not by_hand


def _open_project(config: pytest.Config, source: str | None) -> tuple[Project, str]:
    """Return the project, with its repository if fixes are looked for and git can read it.

    The text says why no fixes are looked for, if they should be.

    Raises: GitError if only fixes are looked for, and the repository is missing.
    """
    unread = ""
    if source != "names":
        is_required = source == "fixes"
        if is_required or git.find_repository_top(config.rootpath) is not None:
            try:
                return GitCheckout(config, unasked=SCAN_UNFETCHED_NOTE), ""
            except GitError as error:
                if is_required:
                    raise
                unread = _describe_unread_history(error)
    return Project(config, SCAN_UNFETCHED_NOTE), unread


def _describe_unread_history(error: GitError) -> str:
    return f"fixes are not looked for: {error.brief}"


def _build_fix_edits(
    project: Project, findings: Sequence[FixFinding]
) -> tuple[list[FileEdit], list[str]]:
    """Return the edits of the files of incidents, and the lines to write by hand.

    An incident that names a fix already is left alone.
    """
    contents: dict[str, tuple[bytes, bytes]] = {}
    by_hand: list[str] = []
    for postmortem, finding in _list_open_fixes(project, findings):
        fix = [commit.id for commit in finding.fix.commits]
        shown = postmortem.path or ""
        file = project.root / shown
        if shown not in contents and shown and (data := read_file_bytes(file)) is not None:
            contents[shown] = (data, data)
        old, data = contents.get(shown, (b"", b""))
        new = None
        if data:
            has_neighbours = _has_front_matter_next_to(project, shown)
            new = add_fix_field(data, shown, postmortem.line, fix, new_front_matter=has_neighbours)
        if new is None:
            place = f" in {shown}" if shown else ""
            value = fix[0] if len(fix) == 1 else f"[{', '.join(fix)}]"
            by_hand.append(f"{postmortem.id}{place}: write 'fix: {value}' by hand")
        else:
            contents[shown] = (old, new)
    edits = [
        FileEdit(project.root / shown, shown, old, new)
        for shown, (old, new) in contents.items()
        if new != old
    ]
    return edits, by_hand


def _has_front_matter_next_to(project: Project, shown: str) -> bool:
    """Return whether most other documents of the same folder have front matter."""
    folder = shown.rpartition("/")[0]
    paths = {each.path for each in project.registry or () if each.path} - {shown}
    others = [path for path in paths if path.rpartition("/")[0] == folder]
    found = [has_front_matter(read_file_bytes(project.root / path) or b"") for path in others]
    return sum(found) * 2 > len(found)


def _list_open_fixes(
    project: Project, findings: Sequence[FixFinding]
) -> list[tuple[Postmortem, FixFinding]]:
    """Return the incidents whose fix is found and not registered, the last of a file first.

    A line that is inserted moves the entries below it.
    """
    found = [
        (postmortem, finding)
        for finding in findings
        if finding.fix.commits and not finding.fix.is_registered
        if project.registry and (postmortem := project.registry.find(finding.id))
    ]
    return sorted(found, key=lambda each: (each[0].path or "", -(each[0].line or 0)))


def _print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        print(sanitize_line(line))
