"""``pytest-postmortem report``: report files → a report in any format."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from pytest_postmortem.commands.arguments import add_targets
from pytest_postmortem.delivery import Delivery, put
from pytest_postmortem.errors import Problem, SettingsError
from pytest_postmortem.merging import Source, merged
from pytest_postmortem.model import iso_date
from pytest_postmortem.received import read_all
from pytest_postmortem.reports import terminal
from pytest_postmortem.reports.failure import plain
from pytest_postmortem.reports.json import document
from pytest_postmortem.reports.summary import LISTED
from pytest_postmortem.settings import ReportTo, report_to
from pytest_postmortem.states import Report

__all__ = ["declare", "main", "print_report", "run", "targets_of", "wrong"]


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="JSON reports, in any order; a history"
    )
    add_targets(parser)


def main(options: argparse.Namespace) -> int:
    """Do what the command line asks for."""
    return run(options.files, options.report)


def run(paths: Sequence[str], targets: Sequence[str]) -> int:
    """Render the newest of some reports; the earlier ones are for what shows a course of time.

    The order is that of their dates, which is said where they were given in another one; reports
    of which one has no date are taken as they come.

    Raises:
        ReportError: A file is no report.
        SettingsError: A target can't be used.
        DestinationError: A report can't be written.
    """
    given = read_all(map(Path, paths))
    wanted = targets_of(targets or ["term"])
    sources = [source for source in given if not source.is_past]
    past = next((source.document for source in given if source.is_past), None)
    if not sources:
        raise wrong("a history is no report of its own", "give a JSON report beside it")
    sources = _sorted_by_date(sources)
    last = sources[-1]
    for target in wanted:
        if target.type in ("term", "term-missing"):
            print_report(merged([last]), target.type)
        else:
            own = document(merged([last])) if last.foreign else last.document
            earlier = [source.document for source in sources[:-1] if not source.foreign]
            _put(target, own, earlier, past)
    return 0


def _sorted_by_date(sources: Sequence[Source]) -> list[Source]:
    own = [source for source in sources if not source.foreign]
    dates = {id(source): iso_date(source.document["policy"]["today"]) for source in own}
    if len(own) < 2:
        return list(sources)
    undated = [source.name for source in own if dates[id(source)] is None]
    if undated:
        names = ", ".join(undated)
        print(plain(f"Without a date, so taken in the order given: {names}"), file=sys.stderr)
        return list(sources)
    ordered = sorted(own, key=lambda source: dates[id(source)] or date.min)
    if ordered != own:
        names = ", ".join(source.name for source in ordered)
        print(plain(f"Sorted by date, the newest last: {names}"), file=sys.stderr)
    replaced = iter(ordered)
    return [source if source.foreign else next(replaced) for source in sources]


def wrong(cause: str, remedy: str) -> SettingsError:
    """Return the error that files of this kind can't be used so."""
    return SettingsError([Problem("setting", "Couldn't use the files", cause, remedy)])


def targets_of(texts: Sequence[str]) -> list[ReportTo]:
    """Read what is to be made of a report.

    Raises: SettingsError with everything that can't be used.
    """
    targets, problems = [], []
    for text in texts:
        try:
            targets.append(report_to(text, Path.cwd()))
        except ValueError as error:
            cause, remedy = error.args
            failed = f"Couldn't use --report={text}"
            problems.append(Problem("setting", failed, cause, remedy))
    if problems:
        raise SettingsError(problems)
    return targets


def print_report(whole: Report, type: str) -> None:
    """Print a report as a run of pytest does."""
    detail = terminal.detail(type, 0, False)
    width = shutil.get_terminal_size().columns
    for line in terminal.render(whole, None, width, detail):
        print(line.text.replace(LISTED, "--report=term-missing lists them"))


def _put(
    target: ReportTo,
    document: Mapping[str, Any],
    earlier: Sequence[Mapping[str, Any]],
    past: Mapping[str, Any] | None,
) -> None:
    delivery = Delivery()
    put(target, document, delivery, 0, earlier, past)
    for line in delivery.notes:
        print(line.text, file=sys.stderr)
    for text in delivery.printed:
        print(text, end="")
