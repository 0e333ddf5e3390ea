"""``pytest-postmortem check``: marks, registry and post-mortems, without running a test."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import filter as matching
from pathlib import Path

from pytest_postmortem.checking.checked import LintResult, render_lint_text
from pytest_postmortem.checking.formats import render_lint_report
from pytest_postmortem.checking.rules import LINT_RULES
from pytest_postmortem.commands.arguments import (
    add_configuration_options,
    add_report_option,
    add_today_option,
    build_pytest_arguments,
    parse_text_target,
    print_or_write,
)
from pytest_postmortem.commands.checking import check_project
from pytest_postmortem.commands.checkout import configure_without_conftest
from pytest_postmortem.commands.here import LintedProject
from pytest_postmortem.errors import Problem, SettingsError
from pytest_postmortem.reports.failure import sanitize_line
from pytest_postmortem.suggestions import find_similar_word

__all__ = ["CheckRequest", "declare_arguments", "main", "run_check"]

EXIT_FINDINGS = 1
EXIT_NOT_JUDGED = 3

CHECK_FILE_TYPES = ("json", "gitlab", "sarif")
CHECK_PRINTED_TYPES = ("term", "github")
"""The reports that go to no file."""


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """What the command line asks for: files, and how to check and report."""

    files: Sequence[str] = ()
    collect: bool = False
    strict: bool = False
    targets: Sequence[str] = ("term",)


def declare_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="check these alone, against the whole registry"
    )
    parser.add_argument(
        "--collect",
        action="store_true",
        help="ask pytest's own collection, which imports the tests",
    )
    parser.add_argument("--strict", action="store_true", help="let warnings fail the check too")
    add_today_option(parser)
    add_report_option(parser, "term, json[:PATH], github, gitlab[:PATH] or sarif[:PATH]")
    add_configuration_options(parser)


def main(options: argparse.Namespace) -> int:
    """Do what the command line asks for."""
    request = CheckRequest(
        options.files, options.collect, options.strict, options.report or ("term",)
    )
    return run_check(build_pytest_arguments(options), request)


def run_check(arguments: Sequence[str], request: CheckRequest) -> int:
    """Check what is asked for and report it; return the exit status.

    A registry that can't be read is what is looked for, and so a finding like any other.

    Raises:
        SettingsError: A file is not there, nothing is, or an option or a setting can't be used.
        DestinationError: A report can't be written.
    """
    targets = [
        parse_text_target(
            target_text, "Couldn't check", "a check", CHECK_FILE_TYPES, CHECK_PRINTED_TYPES
        )
        for target_text in request.targets
    ]
    given_paths = list(_resolve_given_files(request.files))
    with configure_without_conftest([*arguments, *_find_rootdir_arguments(given_paths)]) as config:
        here = LintedProject(config)
        _check_ignored_rules(here.settings.lint_ignore)
        checked = check_project(here, given_paths, collecting=request.collect)
        for type, destination in targets:
            _print_or_write_check(type, destination, checked, here.fallback)
    if checked.count("error") or (request.strict and checked.findings):
        return EXIT_FINDINGS
    return EXIT_NOT_JUDGED if checked.unjudged else 0


def _resolve_given_files(files: Iterable[str]) -> Iterator[Path]:
    """Yield the files that are to be checked alone.

    Raises: SettingsError with everything that is not there.
    """
    missing = [text for text in files if not os.path.exists(text)]
    if missing:
        cause, remedy = "it is not there", "correct the path, or leave it out"
        raise SettingsError(
            [Problem("setting", "Couldn't check", cause, remedy, text) for text in missing]
        )
    return (Path(os.path.abspath(text)) for text in files)


def _find_rootdir_arguments(given: Sequence[Path]) -> list[str]:
    """Return the test files by which pytest finds its rootdir, where all lie in another folder."""
    try:
        current_folder = Path.cwd()
    except OSError:  # somebody has removed it, which pytest says as well
        return []
    all_outside = all(
        path.suffix == ".py" and not path.is_relative_to(current_folder) for path in given
    )
    return list(map(str, given)) if all_outside else []


def _check_ignored_rules(patterns: Iterable[str]) -> None:
    """Make sure that every rule which is switched off exists.

    Raises: SettingsError with everything that is none.
    """
    problems = []
    for pattern in patterns:
        if not matching(LINT_RULES, pattern):
            suggestion = find_similar_word(pattern, LINT_RULES)
            remedy = (
                f"did you mean {suggestion!r}?"
                if suggestion
                else f"use some of {', '.join(LINT_RULES)}"
            )
            failed = f"Couldn't use postmortem_lint_ignore = {pattern!r}"
            problems.append(Problem("setting", failed, "there is no such rule", remedy))
    if problems:
        raise SettingsError(problems)


def _print_or_write_check(
    type: str, destination: Path | None, checked: LintResult, fallback: str
) -> None:
    """Print a report, or write it where it was asked for."""
    report_text = (
        render_lint_text(checked) if type == "term" else render_lint_report(type, checked, fallback)
    )
    print_or_write(report_text, type, destination)
    if destination is not None:
        print(sanitize_line(f"Findings written to {destination}"), file=sys.stderr)
