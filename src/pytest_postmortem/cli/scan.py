"""``pytest-postmortem scan``: find tests that mention an incident without being linked to it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from pytest_postmortem.cli import EXIT_NOT_JUDGED
from pytest_postmortem.cli.arguments import build_pytest_arguments
from pytest_postmortem.cli.project import Project, configure_without_conftest
from pytest_postmortem.cli.report_targets import parse_report_targets, print_or_write_report
from pytest_postmortem.errors import Problem, SettingsError
from pytest_postmortem.evaluation import links
from pytest_postmortem.files import read_file_bytes
from pytest_postmortem.model import format_count
from pytest_postmortem.scan.mentions import find_mentioning_tests
from pytest_postmortem.scan.scoring import Strength
from pytest_postmortem.scan.search_index import build_search_index
from pytest_postmortem.scan.suggestions import (
    ScannedFile,
    ScanResult,
    Suggestion,
    build_suggestions,
)
from pytest_postmortem.text import sanitize_line

SCAN_FAILED = "Couldn't scan"
EXIT_SUGGESTIONS = 1

SCAN_UNFETCHED_NOTE = "its incidents are not looked for; `pytest-postmortem sync` gets them"
MARKING_HINT = "`--diff` shows how the likely ones would be marked, `--apply` marks them"


def main(options: argparse.Namespace) -> int:
    """Run the command with parsed arguments, and return its exit status."""
    return run_scan(
        build_pytest_arguments(options),
        options.paths,
        options.report,
        apply=options.apply,
        diff=options.diff,
        possible=options.possible,
    )


def run_scan(
    arguments: Sequence[str],
    paths: Sequence[str] = (),
    targets: Sequence[str] = (),
    *,
    apply: bool = False,
    diff: bool = False,
    possible: bool = False,
) -> int:
    """Report the tests that mention an incident, mark them on request, and return the exit status.

    Raises:
        SettingsError: A path or every pattern is missing.
        RegistryError: The registry is broken.
        DestinationError: A report can't be written.
    """
    report_targets = parse_report_targets("scan", targets) if targets or not diff else []
    if possible and not (apply or diff):
        raise _build_scan_error("--possible alone marks nothing", "add --diff, or --apply")
    roots = [_resolve_given_path(text) for text in paths]
    with configure_without_conftest([*arguments, *paths]) as config:
        scanner = _ProjectScanner(config, roots)
        if scanner.has_nothing_to_find:
            return EXIT_NOT_JUDGED
        scan = scanner.scan_tests()
        for target in report_targets:
            print_or_write_report("scan", target, scan)
            if target.type == "term" and scan.of("likely") and not (apply or diff):
                print(MARKING_HINT)
        if apply or diff:
            return scanner.mark(scan, write=apply, diff=diff, possible=possible)
    if scan.of("likely"):
        return EXIT_SUGGESTIONS
    return EXIT_NOT_JUDGED if len(scan.unread) == scan.files else 0


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
    """Reads the test files of a configuration of pytest, and marks tests in them."""

    def __init__(self, config: pytest.Config, roots: Sequence[Path]) -> None:
        """Load the registry of the checkout.

        Raises: SettingsError without a registry and without a pattern.
        """
        self._project = Project(config, SCAN_UNFETCHED_NOTE)
        self._settings = self._project.settings
        self._roots = tuple(roots)
        self._sources: dict[str, ScannedFile] = {}
        if self._project.registry is None and not self._settings.scan_patterns:
            cause = "no registry is configured, so no incident is known"
            remedy = "set postmortem_registry, or patterns for ids in postmortem_scan_patterns"
            raise _build_scan_error(cause, remedy)

    @property
    def has_nothing_to_find(self) -> bool:
        """Whether the registry was not fetched and no pattern is set."""
        known = self._project.registry
        nothing = known is not None and not known.postmortems and bool(known.unreachable)
        return nothing and not self._settings.scan_patterns

    def scan_tests(self) -> ScanResult:
        """Read all test files."""
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

    def mark(self, scan: ScanResult, *, write: bool, diff: bool, possible: bool) -> int:
        """Show or write the marks, and return the exit status."""
        from pytest_postmortem.scan.apply import (
            SkippedFile,
            build_marker_edits,
            render_marker_diff,
            write_marker_edit,
        )

        strengths: tuple[Strength, ...] = ("likely", "possible") if possible else ("likely",)
        within = [place.resolve() for place in self._project.places(self._roots)]
        count = files = 0
        is_complete = True
        for edit in build_marker_edits(
            scan.suggestions, self._sources, strengths, within, self._project.test_name_patterns
        ):
            if isinstance(edit, SkippedFile):
                print(sanitize_line(str(edit)), file=sys.stderr)
                is_complete = False
                continue
            if diff:
                print(
                    "".join(
                        f"{sanitize_line(line)}\n" for line in render_marker_diff(edit).splitlines()
                    ),
                    end="",
                )
            problem = write_marker_edit(edit) if write else None
            if problem:
                print(sanitize_line(str(problem)), file=sys.stderr)
                is_complete = False
            else:
                count, files = count + edit.count, files + 1
        if write:
            print(f"{format_count(count, 'test')} marked in {format_count(files, 'file')}")
        return 0 if is_complete and (write or not count) else EXIT_SUGGESTIONS
