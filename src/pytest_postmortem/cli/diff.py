"""``pytest-postmortem diff``: compare the guards of two reports, or of two states of the code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from pytest_postmortem import git
from pytest_postmortem.cli import EXIT_NOT_JUDGED
from pytest_postmortem.cli.arguments import build_pytest_arguments
from pytest_postmortem.cli.fix_scanner import list_unmarked_fixes
from pytest_postmortem.cli.git_project import DEPTH_REMEDY, open_checkout
from pytest_postmortem.cli.report_targets import parse_report_targets, print_or_write_report
from pytest_postmortem.errors import GitError, Problem, SettingsError
from pytest_postmortem.model import format_count
from pytest_postmortem.pysource.marker_index import find_unread_files
from pytest_postmortem.reports.data.compare import (
    CodeComparison,
    Comparison,
    compare_reports,
)
from pytest_postmortem.reports.data.report_reader import read_own_report
from pytest_postmortem.settings import ReportTarget
from pytest_postmortem.text import sanitize_line

DIFF_FAILED = "Couldn't compare"

DEFAULT_BASE = "origin/HEAD"
"""The default branch of the remote repository, as a clone knows it."""

EXIT_COVERAGE_LOST = 1


def main(options: argparse.Namespace) -> int:
    """Run the command with parsed arguments, and return its exit status."""
    reports = list(map(Path, options.reports))
    return run_diff(build_pytest_arguments(options), options.base, reports, options.report)


def run_diff(
    arguments: Sequence[str],
    base: str | None,
    reports: Sequence[Path],
    targets: Sequence[str] = (),
) -> int:
    """Report the guards that were added and removed, and return the exit status.

    Two reports are compared with each other, or the code of the working tree with that of the
    commit at which it left ``base``, or the default branch of the remote repository.

    Raises:
        SettingsError: The arguments do not name two states to compare.
        GitError: Git can't give the data to compare.
        ReportError: A report can't be read.
        RegistryError: The registry is broken.
        DestinationError: A file can't be written.
    """
    report_targets = parse_report_targets("comparison", targets)
    if not reports:
        comparison = compare_with_base(arguments, base)
    elif base is None and len(reports) == 2:
        older, newer = map(read_own_report, reports)
        comparison = compare_reports(older.document, newer.document)
    else:
        given_count = format_count(len(reports), "report")
        cause = f"{given_count} and {'no' if base is None else 'a'} base are given"
        remedy = "name two reports, the older first, or a revision with --base"
        raise _build_diff_error(cause, remedy)
    for target in report_targets:
        print_or_write_report("comparison", target, comparison)
        if target == ReportTarget("markdown") and not comparison.changes:
            for note in comparison.notes:  # Markdown is empty where nothing has changed
                print(sanitize_line(note), file=sys.stderr)
    if comparison.lost:
        return EXIT_COVERAGE_LOST
    return 0 if comparison.judged else EXIT_NOT_JUDGED


def compare_with_base(arguments: Sequence[str], base: str | None) -> Comparison:
    """Compare the code of the working tree with that of the commit at which it left ``base``.

    Raises:
        SettingsError: The base is unknown.
        GitError: Git can't give the data to compare.
        RegistryError: The registry is broken.
    """
    with open_checkout(arguments) as checkout:
        head = checkout.commit("HEAD")
        if base is None:
            base = DEFAULT_BASE
            if git.resolve_commit(checkout.root, base) is None:
                cause = f"neither reports nor a base are given, and this clone has no {base}"
                remedy = "name two reports, the older first, or a revision with --base"
                raise _build_diff_error(cause, remedy)
        base_commit = git.find_merge_base(checkout.root, checkout.commit(base), head)
        if base_commit is None:
            note = (
                f"{base} and HEAD have no commit in common in this clone ({DEPTH_REMEDY} gets them)"
            )
            return Comparison(notes=(note,), judged=False)
        earlier, older, newer = checkout.read_since(base_commit)
        head_registry, show = checkout.registry, checkout.settings.show
        policy = checkout.policy
        changed = set(
            map(checkout.suite.shown, git.list_modified_files(checkout.root, base_commit))
        )
        unread = checkout.unread_submodules
        paths = {*find_unread_files(older), *find_unread_files(newer), *unread}
        used = {path: map(_list_path_and_parents, checkout.find_used(path)) for path in paths}
        unchanged = {path for path in paths if changed.isdisjoint(chain(*used[path]))}
        comparison = CodeComparison(
            older,
            newer,
            head_registry,
            policy,
            show,
            earlier,
            unchanged,
            unread,
            checkout.find_uninterpreted_files(changed, newer),
        ).compare()
        judged = comparison.judged and not checkout.unread
        try:
            unmarked = tuple(list_unmarked_fixes(checkout, base_commit, earlier))
        except GitError:  # the comparison itself does not need the history
            unmarked = ()
        notes = (*comparison.notes, *unmarked, *checkout.unread)
        return replace(comparison, notes=notes, judged=judged)


def _list_path_and_parents(path: str) -> Iterator[str]:
    """Yield a file and the folders above it, since a changed submodule is named by its folder."""
    yield path
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _build_diff_error(cause: str, remedy: str) -> SettingsError:
    return SettingsError([Problem("setting", DIFF_FAILED, cause, remedy)])
