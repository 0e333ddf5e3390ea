"""Arguments that several commands share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path

from pytest_postmortem.errors import Problem, SettingsError
from pytest_postmortem.writing import write

__all__ = [
    "add_configuration",
    "add_targets",
    "add_today",
    "configuration_of",
    "put_text",
    "target_of",
]

PRINTED = ("term",)
TEXTS = ("markdown", "json")


def add_targets(parser: argparse.ArgumentParser, types: str = "as --postmortem-report") -> None:
    """Add the option that says what to make of a report."""
    parser.add_argument(
        "--report",
        action="append",
        default=[],
        metavar="TYPE[:DEST]",
        help=f"{types} (repeatable; default: term)",
    )


def add_configuration(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which configuration of pytest is meant."""
    parser.add_argument("-c", "--config-file", metavar="FILE", help="pytest's configuration file")
    parser.add_argument("--rootdir", metavar="DIR", help="pytest's rootdir")


def add_today(parser: argparse.ArgumentParser) -> None:
    """Add the option that says by which date to judge."""
    parser.add_argument(
        "--today",
        metavar="now|DATE",
        help="the date to judge by (default: SOURCE_DATE_EPOCH, or else the date of HEAD)",
    )


def configuration_of(options: argparse.Namespace) -> list[str]:
    """Return the options with which pytest finds its configuration, and the date to judge by."""
    given = {"-c": options.config_file, "--rootdir": options.rootdir}
    found = [part for flag, value in given.items() if value is not None for part in (flag, value)]
    today = getattr(options, "today", None)
    return found if today is None else [*found, f"--postmortem-today={today}"]


def target_of(
    text: str,
    failed: str,
    what: str,
    types: Sequence[str] = TEXTS,
    printed: Sequence[str] = PRINTED,
) -> tuple[str, Path | None]:
    """Read ``TYPE[:DEST]`` of what goes to standard output or, of most types, to a file.

    Raises: SettingsError where there is no such type, or it goes to no file.
    """
    type, _, destination = text.partition(":")
    if type not in types and (type not in printed or destination):
        cause = f"there is no report {text!r} of {what}"
        *others, last = (*printed, *(f"{each}[:PATH]" for each in types))
        remedy = f"use {', '.join(others)} or {last}"
        raise SettingsError([Problem("setting", failed, cause, remedy)])
    return type, Path(destination) if destination else None


def put_text(text: str, type: str, destination: Path | None) -> None:
    """Write a text to the file that was asked for, or print it.

    Raises: DestinationError where the file can't be written.
    """
    if destination is not None:
        write(destination, text)
        return
    if type != "term" and isinstance(sys.stdout, TextIOWrapper):
        # hosts expect nothing else, and a file's name may be in any encoding
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    print(text, end="")
