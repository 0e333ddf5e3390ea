"""``pytest-postmortem show``: all that is known of one incident."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from pytest_postmortem.authoring.listed import as_json, details, whole
from pytest_postmortem.authoring.overview import Row
from pytest_postmortem.commands.arguments import configuration_of, put_text, target_of
from pytest_postmortem.commands.incidents import add_arguments, incidents
from pytest_postmortem.errors import Problem, SettingsError

__all__ = ["declare", "main", "run"]

FAILED = "Couldn't show"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("id", metavar="ID", help="the id of the incident, or an alias of it")
    add_arguments(parser)


def main(options: argparse.Namespace) -> int:
    """Do what the command line asks for."""
    return run(configuration_of(options), options.id, options.source, options.report)


def run(
    arguments: Sequence[str], id: str, source: Path | None = None, targets: Sequence[str] = ()
) -> int:
    """Show one incident, as ``term``, ``markdown`` or ``json``; return the exit status.

    Raises:
        SettingsError: There is no such incident, or a target can't be used.
        RegistryError: The configured registry is broken.
        ReportError: The report can't be read.
        DestinationError: A file can't be written.
    """
    wanted = [target_of(each, FAILED, "an incident") for each in targets or ["term"]]
    with incidents(arguments, source, selected=False) as known:
        row = _named(known.rows, id)
        for type, destination in wanted:
            put_text(_rendered(row, type, read=known.read), type, destination)
    return 0


def _named(rows: Sequence[Row], id: str) -> Row:
    """Return the incident of an id or an alias, compared without case.

    Raises: SettingsError where there is none.
    """
    names: dict[str, Row] = {}
    for row in rows:
        for name in row.postmortem.aliases:
            names.setdefault(name.casefold(), row)
    names.update({row.postmortem.id.casefold(): row for row in rows})
    wanted = id.strip().casefold()
    if wanted in names:
        return names[wanted]
    near = get_close_matches(wanted, names, n=1, cutoff=0.6)
    listed = "`pytest-postmortem list` shows those that there are"
    remedy = f"did you mean {names[near[0]].postmortem.id!r}?" if near else listed
    cause = f"there is no post-mortem {id!r}" if rows else "no post-mortem is known here"
    raise SettingsError([Problem("unknown-id", FAILED, cause, remedy)])


def _rendered(row: Row, type: str, *, read: bool) -> str:
    if type == "json":
        return as_json([row], read=read)
    if type == "markdown":
        return details(row, read=read)
    return whole(row, shutil.get_terminal_size().columns, read=read)
