"""``pytest-postmortem report`` and ``combine``: report files → a report in any format."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_postmortem.assess import Report
from pytest_postmortem.delivery import deliver
from pytest_postmortem.errors import Problem, SettingsError
from pytest_postmortem.gates import fails
from pytest_postmortem.merging import Source, merged
from pytest_postmortem.received import read_all
from pytest_postmortem.reports import terminal
from pytest_postmortem.reports.rendering import render
from pytest_postmortem.reports.summary import LISTED
from pytest_postmortem.settings import ReportTo, Settings, report_to

__all__ = ["combine", "report"]

NOT_JUDGED = 3


def report(paths: Sequence[str], targets: Sequence[str]) -> int:
    """Render the last of some reports; the earlier ones are for what shows a course of time.

    Raises:
        ReportError: A file is no report.
        SettingsError: A target can't be used.
        DestinationError: A report can't be written.
    """
    sources = read_all(map(Path, paths))
    wanted = _targets(targets or ["term"])
    last = sources[-1]
    for target in wanted:
        if target.type in ("term", "term-missing"):
            _print(merged([last]), target.type, last)
        else:
            earlier = [source.document for source in sources[:-1]]
            _put(target, render(target.type, last.document, earlier))
    return 0


def combine(
    paths: Sequence[str],
    targets: Sequence[str],
    *,
    expected: int | None = None,
    fail_under: float | None = None,
    across: bool = False,
) -> int:
    """Put reports together, judge the gates on the whole, and return whether it holds.

    ``across`` takes each file for the report of a repository of its own.

    Raises:
        ReportError: A file is no report.
        SettingsError: A target can't be used.
    """
    files = list(map(Path, paths))
    sources = read_all(iter(files), lambda path: path.stem if across else "")
    wanted = _targets(targets or ["term"])
    whole = merged(sources, expected, fail_under)
    settings = Settings(reports=tuple(wanted))
    delivery = deliver(whole, settings, 0, None)
    for line in delivery.notes:
        print(line.text, file=sys.stderr)
    for target in wanted:
        if target.type in ("term", "term-missing"):
            _print(whole, target.type, None)
    for text in delivery.printed:
        print(text, end="")
    if fails(whole) or not delivery.whole:
        return 1
    return NOT_JUDGED if any(not gate.judged for gate in whole.gates) else 0


def _targets(texts: Sequence[str]) -> list[ReportTo]:
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


def _print(whole: Report, type: str, source: Source | None) -> None:
    detail = terminal.detail(type, 0, False)
    width = shutil.get_terminal_size().columns
    for line in terminal.render(whole, None, width, detail):
        print(line.text.replace(LISTED, "--report=term-missing lists them"))


def _put(target: ReportTo, text: str) -> None:
    from pytest_postmortem.writing import write

    if target.destination is None:
        print(text, end="")
    else:
        write(target.destination, text)
        print(f"Incident report written to {target.destination}", file=sys.stderr)
