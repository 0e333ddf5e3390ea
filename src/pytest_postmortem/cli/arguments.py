"""Arguments that several commands share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from pytest_postmortem.errors import Problem, SettingsError
from pytest_postmortem.files import write_text_file
from pytest_postmortem.report_formats import (
    ReportSubject,
    describe_report_types,
    parse_report_type,
    render_report,
)
from pytest_postmortem.settings import ReportTarget


def add_report_option(parser: argparse._ActionsContainer, subject: ReportSubject) -> None:
    """Add the option that chooses the formats of a report, and the files that it is written to."""
    parser.add_argument(
        "--report",
        action="append",
        default=[],
        metavar="TYPE[:DEST]",
        help=f"{describe_report_types(subject)} (repeatable; default: term)",
    )


def add_configuration_options(parser: argparse._ActionsContainer) -> None:
    """Add the options that say which configuration of pytest is meant."""
    parser.add_argument("-c", "--config-file", metavar="FILE", help="pytest's configuration file")
    parser.add_argument("--rootdir", metavar="DIR", help="pytest's rootdir")


def add_today_option(parser: argparse._ActionsContainer) -> None:
    """Add the option that says by which date to judge."""
    parser.add_argument(
        "--today",
        metavar="now|DATE",
        help="the date to judge by (default: SOURCE_DATE_EPOCH, or else the date of HEAD)",
    )


def build_pytest_arguments(options: argparse.Namespace) -> list[str]:
    """Return the options with which pytest finds its configuration, and the date to judge by."""
    values_by_flag = {"-c": options.config_file, "--rootdir": options.rootdir}
    arguments = [
        part
        for flag, value in values_by_flag.items()
        if value is not None
        for part in (flag, value)
    ]
    today = getattr(options, "today", None)
    return arguments if today is None else [*arguments, f"--postmortem-today={today}"]


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
