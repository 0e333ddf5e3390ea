"""``pytest-postmortem combine``: merge and judge the reports of shards, jobs and languages."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from pytest_postmortem.cli import EXIT_NOT_JUDGED
from pytest_postmortem.cli.report import print_delivery, print_report, refuse_histories
from pytest_postmortem.cli.report_targets import parse_report_targets
from pytest_postmortem.evaluation.gates import is_report_failing
from pytest_postmortem.report_formats import is_terminal_type
from pytest_postmortem.reports.data.merge import merge_reports
from pytest_postmortem.reports.data.report_reader import read_report_files
from pytest_postmortem.reports.writers import deliver_report
from pytest_postmortem.settings import Settings


def main(options: argparse.Namespace) -> int:
    """Merge reports, judge the gates on the whole, and return the exit status.

    If fewer than expected are given, the status is 3 even without gates.

    Raises:
        ReportError: A file is not a report.
        SettingsError: A target can't be used.
    """
    files, expected = list(map(Path, options.files)), options.expect
    name_suite = _build_suite_namer(files) if options.across else lambda _: ""
    sources = read_report_files(iter(files), name_suite)
    refuse_histories(sources)
    report_targets = parse_report_targets("run", options.report)
    merged_report = merge_reports(sources, expected, options.fail_under)
    settings = Settings(reports=tuple(report_targets))
    delivery = deliver_report(merged_report, settings, 0, None)
    for target in report_targets:
        if is_terminal_type(target.type):
            print_report(merged_report, target.type)
    print_delivery(delivery)
    if is_report_failing(merged_report) or not delivery.whole:
        return 1
    has_missing_reports = expected is not None and len(sources) < expected
    return (
        EXIT_NOT_JUDGED
        if has_missing_reports or any(not gate.judged for gate in merged_report.gates)
        else 0
    )


def _build_suite_namer(files: Sequence[Path]) -> Callable[[Path], str]:
    """Return a function that names the repository of a report, by the name or path of its file."""
    stems = [path.stem for path in files]
    has_equal_stems = len(set(stems)) < len(stems)
    return lambda path: path.with_suffix("").as_posix() if has_equal_stems else path.stem
