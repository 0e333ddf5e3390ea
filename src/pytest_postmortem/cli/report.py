"""``pytest-postmortem report``: render report files in any format."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from pytest_postmortem.cli.report_targets import parse_report_targets
from pytest_postmortem.errors import Problem, SettingsError
from pytest_postmortem.report_formats import is_terminal_type
from pytest_postmortem.report_model import Report
from pytest_postmortem.reports import terminal
from pytest_postmortem.reports.data.merge import ReportSource, merge_reports
from pytest_postmortem.reports.data.report_reader import read_report_files
from pytest_postmortem.reports.data.summary import find_report_time, get_time_key
from pytest_postmortem.reports.json_report import build_report_document
from pytest_postmortem.reports.terminal import LISTING_HINT
from pytest_postmortem.reports.writers import DeliveryResult, put_report_at_target
from pytest_postmortem.text import sanitize_line


def main(options: argparse.Namespace) -> int:
    """Render the newest of some reports; formats with a chart over time draw the earlier ones.

    They are ordered by the time of their run, with a note if they were given in another order; if
    one has no date, the order is kept.

    Raises:
        ReportError: A file is not a report.
        SettingsError: A target is not valid.
        DestinationError: A report can't be written.
    """
    all_sources = read_report_files(map(Path, options.files))
    report_targets = parse_report_targets("run", options.report)
    sources = [source for source in all_sources if not source.is_past]
    past = next((source.document for source in all_sources if source.is_past), None)
    if not sources:
        raise build_files_error("a history alone can't be rendered", "add a JSON report")
    sources = _sort_by_time(sources)
    last = sources[-1]
    for target in report_targets:
        if is_terminal_type(target.type):
            print_report(merge_reports([last]), target.type)
        else:
            own_document = (
                build_report_document(merge_reports([last])) if last.foreign else last.document
            )
            earlier = [source.document for source in sources[:-1] if not source.foreign]
            delivery = DeliveryResult()
            put_report_at_target(target, own_document, delivery, 0, earlier, past)
            print_delivery(delivery)
    return 0


def _sort_by_time(sources: Sequence[ReportSource]) -> list[ReportSource]:
    """Return the sources with the newest report last; foreign ones stay where they are."""
    own_reports = [source for source in sources if not source.foreign]
    undated = [source.name for source in own_reports if find_report_time(source.document) is None]
    if len(own_reports) < 2:
        return list(sources)
    if undated:
        names = ", ".join(undated)
        print(
            sanitize_line(f"Without a date, so taken in the order given: {names}"), file=sys.stderr
        )
        return list(sources)
    ordered = sorted(own_reports, key=lambda source: get_time_key(source.document))
    if ordered != own_reports:
        names = ", ".join(source.name for source in ordered)
        print(sanitize_line(f"Sorted by date, the newest last: {names}"), file=sys.stderr)
    replaced = iter(ordered)
    return [source if source.foreign else next(replaced) for source in sources]


def refuse_histories(sources: Iterable[ReportSource]) -> None:
    """Raise a SettingsError if one of the sources is a history, which can't be joined."""
    if any(source.is_past for source in sources):
        raise build_files_error(
            "a history can't be joined", "give it to `pytest-postmortem report`"
        )


def build_files_error(cause: str, remedy: str) -> SettingsError:
    """Return the error on files that the command can't use."""
    return SettingsError([Problem("setting", "Couldn't use the files", cause, remedy)])


def print_report(whole: Report, type: str) -> None:
    """Print a report as a run of pytest does."""
    detail = terminal.choose_detail(type, 0, False)
    width = shutil.get_terminal_size().columns
    for line in terminal.render_terminal_report(whole, None, width, detail):
        print(line.text.replace(LISTING_HINT, "--report=term-missing lists them"))


def print_delivery(delivery: DeliveryResult) -> None:
    """Print the reports of a delivery that go to standard output, and its notes."""
    for line in delivery.notes:
        print(line.text, file=sys.stderr)
    for text in delivery.printed:
        print(text, end="")
