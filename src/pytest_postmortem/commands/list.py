"""``pytest-postmortem list``: the incidents of a registry with their states."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from pytest_postmortem.assess import selectable
from pytest_postmortem.commands.arguments import configuration_of, put_text, target_of
from pytest_postmortem.commands.incidents import add_arguments, incidents
from pytest_postmortem.errors import Problem, SettingsError
from pytest_postmortem.listing.choosing import SORTS, Asked, chosen
from pytest_postmortem.listing.listed import as_json, columns, table
from pytest_postmortem.listing.overview import OF_CODE, OF_RUN, WORDS, Row
from pytest_postmortem.registry import fields
from pytest_postmortem.states import STATES
from pytest_postmortem.suggestions import find_similar

__all__ = ["declare", "main", "run"]

FAILED = "Couldn't list"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "select",
        nargs="*",
        metavar="KEY:VALUE",
        help="list only these, as postmortem_select; state:WORD too",
    )
    parser.add_argument("--since", metavar="DATE", help="list only incidents from this day on")
    parser.add_argument("--before", metavar="DATE", help="list only incidents before this day")
    parser.add_argument(
        "--sort",
        choices=SORTS,
        metavar="KEY",
        help=f"{', '.join(SORTS[:-1])} or {SORTS[-1]} (default: the order of the registry)",
    )
    add_arguments(parser)


def main(options: argparse.Namespace) -> int:
    """Do what the command line asks for."""
    asked = _asked(options)
    return run(configuration_of(options), asked, options.source, options.report)


def run(
    arguments: Sequence[str], asked: Asked, source: Path | None = None, targets: Sequence[str] = ()
) -> int:
    """List incidents, as ``term``, ``markdown`` or ``json``; return the exit status.

    Raises:
        SettingsError: A target can't be used, no incident has a key that is asked for, or a
            setting has an unusable value.
        RegistryError: The configured registry is broken.
        ReportError: The report can't be read.
        DestinationError: A file can't be written.
    """
    wanted = [target_of(each, FAILED, "a list") for each in targets or ["term"]]
    with incidents(arguments, source) as known:
        _check(known.rows, asked)
        _check_states(asked.states, read=known.read)
        severities = known.project.settings.policy.severities
        rows = chosen(known.rows, replace(asked, severities=severities))
        for type, destination in wanted:
            put_text(_rendered(rows, type, read=known.read), type, destination)
        return known.status()


def _rendered(rows: Sequence[Row], type: str, *, read: bool) -> str:
    if type == "json":
        return as_json(rows, read=read)
    if type == "markdown":
        return table(rows, read=read)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    return columns(rows, width, read=read)


def _asked(options: argparse.Namespace) -> Asked:
    """Return what the command line asks for.

    Raises: SettingsError with everything that can't be understood.
    """
    problems: list[tuple[str, str]] = []
    select, states = _selected(options.select, problems)
    since, before = (
        _day(text, problems) if text is not None else None
        for text in (options.since, options.before)
    )
    if problems:
        raise SettingsError([Problem("setting", FAILED, *each) for each in problems])
    return Asked(select, states, since, before, options.sort)


def _selected(
    texts: Iterable[str], problems: list[tuple[str, str]]
) -> tuple[tuple[tuple[str, tuple[str, ...]], ...], tuple[str, ...]]:
    select: dict[str, tuple[str, ...]] = {}
    for text in texts:
        key, _, value = text.partition(":")
        key = key.casefold()
        if not (key and value):
            problems.append((f"{text!r} is no KEY:VALUE", "write for example severity:sev1"))
        elif key == "state" and value not in WORDS:
            near = find_similar(value, WORDS)
            remedy = f"did you mean {near!r}?" if near else f"use {', '.join(WORDS)}"
            problems.append((f"there is no state {value!r}", remedy))
        else:
            select[key] = (*select.get(key, ()), value)
    states = select.pop("state", ())
    return tuple(select.items()), states


def _day(text: str, problems: list[tuple[str, str]]) -> date | None:
    if fields.day(text) == text:
        return date.fromisoformat(text)
    problems.append((f"{text!r} is no date", "write it as 2026-11-20"))
    return None


def _check_states(states: Iterable[str], *, read: bool) -> None:
    """Make sure that what the states come from knows those that are asked for.

    Raises: SettingsError.
    """
    problems = []
    for state in states:
        if read and state in OF_RUN:
            cause = f"only a run of pytest knows which incidents are {state!r}"
            remedy = (
                "name its report with --from=report.json (pytest --postmortem-report=json:PATH)"
            )
            problems.append(Problem("setting", FAILED, cause, remedy))
        elif not read and state in OF_CODE.values():
            cause = f"a report has no state {state!r}"
            remedy = f"use {', '.join(STATES)}, or leave out --from"
            problems.append(Problem("setting", FAILED, cause, remedy))
    if problems:
        raise SettingsError(problems)


def _check(rows: Sequence[Row], asked: Asked) -> None:
    """Make sure that incidents have the keys that are asked for.

    Raises: SettingsError.
    """
    known = dict.fromkeys(key for row in rows for key in selectable(row.postmortem))
    own = set(rows[0].postmortem.extra) if rows else set()
    problems = []
    for key in (key for key, _ in asked.select if rows and key not in known):
        near = find_similar(key, known)
        usual = ", ".join(each for each in selectable(rows[0].postmortem) if each not in own)
        remedy = f"did you mean {near!r}?" if near else f"use {usual}, state or a key of their own"
        problems.append(Problem("setting", FAILED, f"no incident has a {key!r}", remedy))
    if problems:
        raise SettingsError(problems)
