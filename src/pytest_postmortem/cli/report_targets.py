"""The formats and files of ``--report``, which several commands share."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from pytest_postmortem.errors import Problem, SettingsError
from pytest_postmortem.files import write_text_file
from pytest_postmortem.report_formats import ReportSubject, parse_report_type, render_report
from pytest_postmortem.settings import ReportTarget


def parse_report_targets(subject: ReportSubject, texts: Sequence[str]) -> list[ReportTarget]:
    """Return the type and the file, None for standard output, of each ``TYPE[:DEST]``.

    Without any text it is ``term``.

    Raises: SettingsError with every text that is not valid.
    """
    targets, problems = [], []
    for text in texts or ["term"]:
        try:
            type, destination = parse_report_type(subject, text)
        except ValueError as error:
            cause, remedy = error.args
            problems.append(Problem("setting", f"Couldn't use --report={text}", cause, remedy))
        else:
            targets.append(ReportTarget(type, Path(destination) if destination else None))
    if problems:
        raise SettingsError(problems)
    return targets


def print_or_write_report(
    subject: ReportSubject, target: ReportTarget, data: Any, **facts: Any
) -> None:
    """Render a report in its format, and write it to its file, or print it.

    Raises: DestinationError where the file can't be written.
    """
    text = render_report(subject, target.type, data, **facts)
    print_or_write(text, target.type, target.destination)


def print_or_write(text: str, type: str, destination: Path | None) -> None:
    """Write a text to the file that was asked for, or print it.

    Raises: DestinationError where the file can't be written.
    """
    if destination is not None:
        write_text_file(destination, text)
        return
    if type != "term" and isinstance(sys.stdout, TextIOWrapper):
        # hosts expect nothing else, and a file's name may be in any encoding
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    print(text, end="")
