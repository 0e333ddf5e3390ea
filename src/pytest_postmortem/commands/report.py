"""``pytest-postmortem report`` and ``combine``: report files → a report in any format."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_postmortem.delivery import Delivery, deliver, put
from pytest_postmortem.errors import Problem, SettingsError
from pytest_postmortem.gates import fails
from pytest_postmortem.merging import merged
from pytest_postmortem.received import read_all
from pytest_postmortem.reports import terminal
from pytest_postmortem.reports.json import document
from pytest_postmortem.reports.summary import LISTED
from pytest_postmortem.settings import ReportTo, Settings, report_to
from pytest_postmortem.states import Report

__all__ = ["combine", "report"]

NOT_JUDGED = 3


def report(paths: Sequence[str], targets: Sequence[str]) -> int:
    """Render the last of some reports; the earlier ones are for what shows a course of time.

    Raises:
        ReportError: A file is no report.
        SettingsError: A target can't be used.
        DestinationError: A report can't be written.
    """
    given = read_all(map(Path, paths))
    wanted = _targets(targets or ["term"])
    sources = [source for source in given if not source.is_past]
    past = next((source.document for source in given if source.is_past), None)
    if not sources:
        raise _wrong("a history is no report of its own", "give a JSON report beside it")
    last = sources[-1]
    for target in wanted:
        if target.type in ("term", "term-missing"):
            _print(merged([last]), target.type)
        else:
            own = document(merged([last])) if last.foreign else last.document
            earlier = [source.document for source in sources[:-1] if not source.foreign]
            _put(target, own, earlier, past)
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
    sources = read_all(iter(files), _suites(files) if across else lambda _: "")
    if any(source.is_past for source in sources):
        raise _wrong("a history can't be joined", "give it to `pytest-postmortem report`")
    wanted = _targets(targets or ["term"])
    whole = merged(sources, expected, fail_under)
    settings = Settings(reports=tuple(wanted))
    delivery = deliver(whole, settings, 0, None)
    for line in delivery.notes:
        print(line.text, file=sys.stderr)
    for target in wanted:
        if target.type in ("term", "term-missing"):
            _print(whole, target.type)
    for text in delivery.printed:
        print(text, end="")
    if fails(whole) or not delivery.whole:
        return 1
    return NOT_JUDGED if any(not gate.judged for gate in whole.gates) else 0


def _wrong(cause: str, remedy: str) -> SettingsError:
    return SettingsError([Problem("setting", "Couldn't use the files", cause, remedy)])


def _suites(files: Sequence[Path]) -> Callable[[Path], str]:
    """Return what tells which repository a report is of: the name of its file, or its path."""
    stems = [path.stem for path in files]
    alike = len(set(stems)) < len(stems)
    return lambda path: path.with_suffix("").as_posix() if alike else path.stem


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


def _print(whole: Report, type: str) -> None:
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
