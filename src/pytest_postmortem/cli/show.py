"""``pytest-postmortem show``: show everything about one incident."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Mapping, Sequence

from pytest_postmortem import proofs
from pytest_postmortem.cli.arguments import build_pytest_arguments
from pytest_postmortem.cli.listing_rows import (
    IncidentRow,
    index_listed_incidents,
    load_incidents,
)
from pytest_postmortem.cli.project import Project
from pytest_postmortem.cli.report_targets import parse_report_targets, print_or_write_report
from pytest_postmortem.errors import Problem, ProofsError, SettingsError
from pytest_postmortem.files import find_proofs_file
from pytest_postmortem.model import Proof, Registry
from pytest_postmortem.registry.postmortem_text import add_document_details
from pytest_postmortem.reports.json_report import build_proof_data
from pytest_postmortem.reports.redaction import redact_postmortem
from pytest_postmortem.runtime.session import find_cache_folder
from pytest_postmortem.similar_names import format_suggestion, index_registry_ids
from pytest_postmortem.text import sanitize_line

SHOW_FAILED = "Couldn't show"


def main(options: argparse.Namespace) -> int:
    """Show one incident, and return the exit status.

    Raises:
        SettingsError: The incident is unknown, or a target is not valid.
        RegistryError: The configured registry is broken.
        ReportError: The report can't be read.
        DestinationError: A file can't be written.
    """
    targets = parse_report_targets("incident", options.report)
    width = shutil.get_terminal_size().columns
    arguments = build_pytest_arguments(options)
    with load_incidents(arguments, options.source, selected=False) as loaded:
        registry = loaded.project.registry or Registry()
        row = _load_full_row(_find_row(loaded.rows, options.id, registry), loaded.project)
        for target in targets:
            print_or_write_report("incident", target, [row], read=loaded.read, width=width)
        return loaded.status()


def _find_row(rows: Sequence[IncidentRow], id: str, registry: Registry) -> IncidentRow:
    """Return the incident of an id or an alias; a report may have more than the registry.

    Raises: SettingsError where there is none.
    """
    listed = index_listed_incidents(rows, registry)
    found = listed.find(id)
    if found is not None:
        return next(row for row in rows if row.postmortem.id == found.id)
    otherwise = "`pytest-postmortem list` shows all ids"
    remedy = format_suggestion(index_registry_ids(listed).find(id), otherwise)
    cause = f"unknown post-mortem {id!r}" if rows else "the registry is empty"
    raise SettingsError([Problem("unknown-id", SHOW_FAILED, cause, remedy)])


def _load_full_row(row: IncidentRow, project: Project) -> IncidentRow:
    """Return an incident with the details of its document, and with its stored proof unless a
    report has one.
    """
    show = project.settings.show
    (postmortem,) = add_document_details(
        [row.postmortem], project.root, project.settings.vocabulary
    )
    shown = redact_postmortem(postmortem, show)
    proof = build_proof_data(
        _load_current_proofs(project).get(postmortem.id), show or postmortem.show
    )
    more = {
        "class": shown.problem_class,
        "root_cause": shown.root_cause,
        "whys": list(shown.whys),
        "action_items": [item._asdict() for item in shown.action_items],
        "proof": row.fields["proof"] or proof,
    }
    return IncidentRow(postmortem, shown, {**row.fields, **more})


def _load_current_proofs(project: Project) -> Mapping[str, Proof]:
    """Return the stored proofs; print the error and return none if the file can't be read."""
    place = find_proofs_file(
        project.settings.proofs, project.root, find_cache_folder(project.config)
    )
    try:
        stored_proofs = proofs.read_proofs_file(place) if place is not None else {}
    except ProofsError as error:
        print(sanitize_line(str(error)), file=sys.stderr)
        return {}
    return proofs.find_current_proofs(stored_proofs, project.root)
