"""Arguments that several commands share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path

from pytest_postmortem.errors import Problem, SettingsError
from pytest_postmortem.files import write_text_file

__all__ = [
    "add_configuration_options",
    "add_report_option",
    "add_today_option",
    "build_pytest_arguments",
    "parse_text_target",
    "print_or_write",
]

PRINTED_TYPES = ("term",)
TEXT_TYPES = ("markdown", "json")


def add_report_option(
    parser: argparse.ArgumentParser, types: str = "as --postmortem-report"
) -> None:
    """Add the option that says what to make of a report."""
    parser.add_argument(
        "--report",
        action="append",
        default=[],
        metavar="TYPE[:DEST]",
        help=f"{types} (repeatable; default: term)",
    )


def add_configuration_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which configuration of pytest is meant."""
    parser.add_argument("-c", "--config-file", metavar="FILE", help="pytest's configuration file")
    parser.add_argument("--rootdir", metavar="DIR", help="pytest's rootdir")


def add_today_option(parser: argparse.ArgumentParser) -> None:
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


def parse_text_target(
    text: str,
    failed: str,
    what: str,
    types: Sequence[str] = TEXT_TYPES,
    printed: Sequence[str] = PRINTED_TYPES,
) -> tuple[str, Path | None]:
    """Read ``TYPE[:DEST]`` of what goes to standard output or, of most types, to a file.

    Raises: SettingsError where there is no such type, or it goes to no file.
    """
    type, _, destination = text.partition(":")
    if type not in types and (type not in printed or destination):
        cause = f"there is no report {text!r} of {what}"
        *first_names, last_name = (*printed, *(f"{file_type}[:PATH]" for file_type in types))
        remedy = f"use {', '.join(first_names)} or {last_name}"
        raise SettingsError([Problem("setting", failed, cause, remedy)])
    return type, Path(destination) if destination else None


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
