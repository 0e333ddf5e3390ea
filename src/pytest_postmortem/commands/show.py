"""``pytest-postmortem show``: all that is known of one incident."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from pytest_postmortem import proofs
from pytest_postmortem.commands.arguments import configuration_of, put_text, target_of
from pytest_postmortem.commands.incidents import add_arguments, incidents
from pytest_postmortem.commands.project import Project
from pytest_postmortem.errors import Problem, ProofsError, SettingsError
from pytest_postmortem.listing.listed import as_json, details, whole
from pytest_postmortem.listing.overview import Row
from pytest_postmortem.model import Proof, Registry, normalize_id
from pytest_postmortem.reports.failure import plain
from pytest_postmortem.reports.json import told_proof
from pytest_postmortem.reports.shown import reveal
from pytest_postmortem.session import cache_folder
from pytest_postmortem.suggestions import SuggestionIndex
from pytest_postmortem.written.stated import with_items

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
        row = _whole(_named(known.rows, id), known.project)
        for type, destination in wanted:
            put_text(_rendered(row, type, read=known.read), type, destination)
        return known.status()


def _named(rows: Sequence[Row], id: str) -> Row:
    """Return the incident of an id or an alias, compared without case.

    Raises: SettingsError where there is none.
    """
    names: dict[str, Row] = {}
    for row in rows:
        for name in row.postmortem.aliases:
            names.setdefault(name.casefold(), row)
    names.update({row.postmortem.id.casefold(): row for row in rows})
    wanted = normalize_id(id.strip()).casefold()
    if wanted in names:
        return names[wanted]
    known = {name: row.postmortem.id for name, row in names.items() if "/" not in name}
    near = SuggestionIndex(known).find(id)
    listed = "`pytest-postmortem list` shows those that there are"
    remedy = f"did you mean {near!r}?" if near else listed
    cause = f"there is no post-mortem {id!r}" if rows else "no post-mortem is known here"
    raise SettingsError([Problem("unknown-id", FAILED, cause, remedy)])


def _whole(row: Row, project: Project) -> Row:
    """Return an incident with what only a closer look tells: the action items of its document,
    and the proof that is kept of it, if no report has told of one.
    """
    show = project.settings.show
    (postmortem,) = with_items(Registry((row.postmortem,), {}), project.root)
    shown = reveal(postmortem, show)
    proof = told_proof(_kept(project).get(postmortem.id), show or postmortem.show)
    more = {
        "action_items": [asdict(item) for item in shown.action_items],
        "proof": row.fields["proof"] or proof,
    }
    return Row(postmortem, shown, {**row.fields, **more})


def _kept(project: Project) -> Mapping[str, Proof]:
    """Return the proofs that are kept, none where they can't be read, which is said."""
    place = proofs.place(project.settings.proofs, project.root, cache_folder(project.config))
    try:
        kept = proofs.read(place) if place is not None else {}
    except ProofsError as error:
        print(plain(str(error)), file=sys.stderr)
        return {}
    return proofs.still(kept, project.root)


def _rendered(row: Row, type: str, *, read: bool) -> str:
    if type == "json":
        return as_json([row], read=read)
    if type == "markdown":
        return details(row, read=read)
    return whole(row, shutil.get_terminal_size().columns, read=read)
