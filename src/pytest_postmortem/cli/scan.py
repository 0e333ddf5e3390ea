"""``pytest-postmortem scan``: find tests of incidents, by their names and by their fixes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_postmortem import git
from pytest_postmortem.cli import EXIT_NOT_JUDGED
from pytest_postmortem.cli.arguments import SCAN_SOURCES, build_pytest_arguments
from pytest_postmortem.cli.fix_edits import build_fix_edits
from pytest_postmortem.cli.fix_scanner import FixScanner, ProofRequest
from pytest_postmortem.cli.git_project import GitCheckout
from pytest_postmortem.cli.project import Project, configure_without_conftest
from pytest_postmortem.cli.report_targets import parse_report_targets, print_or_write_report
from pytest_postmortem.errors import GitError, Problem, SettingsError
from pytest_postmortem.evaluation import links
from pytest_postmortem.files import read_file_bytes
from pytest_postmortem.model import format_count
from pytest_postmortem.scaffold.edits import render_edits_diff, write_edits
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


ONE_AT_A_TIME = ProofRequest()


@dataclass(frozen=True, slots=True)
class ScanRequest:
    """What the command line asks for: where to look, what to mark, and how to prove."""

    paths: tuple[str, ...] = ()
    sources: tuple[str, ...] = SCAN_SOURCES
    apply: bool = False
    diff: bool = False
    possible: bool = False
    unproven: bool = False
    fixes: bool = False
    prove: bool = False
    proof: ProofRequest = ONE_AT_A_TIME
    verbose: bool = False

    @property
    def marks(self) -> bool:
        """Whether marks are written or shown."""
        return self.apply or self.diff


def main(options: argparse.Namespace) -> int:
    """Run the command with parsed arguments, and return its exit status."""
    request = ScanRequest(
        tuple(options.paths),
        (options.source,) if options.source else SCAN_SOURCES,
        options.apply,
        options.diff,
        options.possible,
        options.unproven,
        options.fixes,
        options.prove,
        ProofRequest(options.jobs, options.again, options.python),
        options.verbose,
    )
    return run_scan(build_pytest_arguments(options), request, options.report)


def run_scan(
    arguments: Sequence[str], request: ScanRequest = ScanRequest(), targets: Sequence[str] = ()
) -> int:
    """Report tests that name an incident, and tests that came with the fix of one.

    Mark them on request, and return the exit status.

    Raises:
        SettingsError: A path or every pattern is missing.
        RegistryError: The registry is broken.
        GitError: Only fixes are looked for, and git gives no history.
        DestinationError: A report can't be written.
    """
    report_targets = parse_report_targets("scan", targets) if targets or not request.diff else []
    _check_request(request)
    roots = [_resolve_given_path(text) for text in request.paths]
    with configure_without_conftest([*arguments, *request.paths]) as config:
        scanner = _ProjectScanner(config, roots, request)
        if scanner.has_nothing_to_find:
            return EXIT_NOT_JUDGED
        scan = scanner.scan_tests()
        for target in report_targets:
            print_or_write_report("scan", target, scan, verbose=request.verbose)
            if target.type == "term" and not request.marks:
                print("".join(f"{hint}\n" for hint in _list_hints(scan)), end="")
        if request.marks:
            return scanner.mark(scan)
    return _compute_status(scan)


def _check_request(request: ScanRequest) -> None:
    """Check that options fit together.

    Raises: SettingsError where one alone does nothing.
    """
    for option in ("possible", "unproven", "fixes"):
        if getattr(request, option) and not request.marks:
            cause = f"--{option} alone {'writes' if option == 'fixes' else 'marks'} nothing"
            raise _build_scan_error(cause, "add --diff, or --apply")
    if request.prove and "fixes" not in request.sources:
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

    def __init__(self, config: pytest.Config, roots: Sequence[Path], request: ScanRequest) -> None:
        """Load the registry of the checkout.

        Raises: SettingsError without a registry and without a pattern.
        """
        self._request = request
        self._project, self._unread_history = _open_project(config, request)
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
        has_names = "names" in self._request.sources
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
            found = self._fix_scanner.scan_fixes(self._roots)
        except GitError as error:
            if "names" not in self._request.sources:
                raise
            return FixScan(notes=(_describe_unread_history(error),))
        if self._request.prove:
            found = self._fix_scanner.prove_findings(found, self._request.proof)
        return found

    def mark(self, scan: ScanResult) -> int:
        """Show or write the marks and the fixes, and return the exit status."""
        from pytest_postmortem.scan.apply import build_marker_edits

        strengths: tuple[Strength, ...] = (
            ("likely", "possible") if self._request.possible else ("likely",)
        )
        findings = scan.fixes.findings if scan.fixes else ()
        proven = build_fix_suggestions(findings, unproven=self._request.unproven)
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
        if self._request.fixes and not self._write_fixes(findings):
            is_complete = False
        return 0 if is_complete and (self._request.apply or not count) else EXIT_SUGGESTIONS

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
            if self._request.diff:
                _print_lines(render_marker_diff(edit).splitlines())
            problem = write_marker_edit(edit) if self._request.apply else None
            if problem:
                print(sanitize_line(str(problem)), file=sys.stderr)
                is_complete = False
            else:
                count, files = count + edit.count, files + 1
        if self._request.apply:
            print(f"{format_count(count, 'test')} marked in {format_count(files, 'file')}")
        return count, is_complete

    def _write_fixes(self, findings: Sequence[FixFinding]) -> bool:
        """Show or write the fixes that were found; return whether all could be written.

        Raises: DestinationError where a file can't be written.
        """
        edits, by_hand = build_fix_edits(self._project, findings)
        if self._request.diff:
            _print_lines(render_edits_diff(edits))
        if self._request.apply:
            write_edits(edits)
        if self._request.apply and edits:
            print(f"'fix' written into {format_count(len(edits), 'file')}")
        _print_lines(by_hand)
        return not by_hand


def _open_project(config: pytest.Config, request: ScanRequest) -> tuple[Project, str]:
    """Return the project, with its repository if fixes are looked for and git can read it.

    The text says why no fixes are looked for, if they should be.

    Raises: GitError if only fixes are looked for, and there is no repository.
    """
    unread = ""
    if "fixes" in request.sources:
        is_required = "names" not in request.sources
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


def _print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        print(sanitize_line(line))
