"""The incidents of a project with their states, for commands that show them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_postmortem import received
from pytest_postmortem.commands.arguments import (
    add_configuration_options,
    add_report_option,
    add_today_option,
)
from pytest_postmortem.commands.checkout import configure_without_conftest
from pytest_postmortem.commands.project import Project
from pytest_postmortem.errors import Problem, ReportError
from pytest_postmortem.listing.overview import (
    IncidentRow,
    build_rows_from_code,
    build_rows_from_report,
)
from pytest_postmortem.marked import find_linked_incidents, find_unread_links
from pytest_postmortem.merging import merge_reports
from pytest_postmortem.reports.failure import sanitize_line
from pytest_postmortem.states import Report

__all__ = ["LoadedIncidents", "add_listing_options", "load_incidents"]

EXIT_NOT_JUDGED = 3


@dataclass(frozen=True, slots=True)
class LoadedIncidents:
    """Incidents; ``read`` says that their states are those that code alone tells.

    ``unread`` is what is not known of the code, each with what to do.
    """

    project: Project
    rows: Sequence[IncidentRow]
    read: bool
    unread: tuple[str, ...] = ()

    def status(self) -> int:
        """Print what is not known, and return the exit status: 3 where there is any."""
        for note in self.unread:
            print(sanitize_line(f"not judged: {note}"), file=sys.stderr)
        return EXIT_NOT_JUDGED if self.unread else 0


def add_listing_options(parser: argparse.ArgumentParser) -> None:
    """Add what says where the states come from, and how incidents are shown."""
    parser.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="REPORT",
        help="JSON report that has the states (default: what the code says)",
    )
    add_today_option(parser)
    add_report_option(parser, "term, markdown or json")
    add_configuration_options(parser)


@contextmanager
def load_incidents(
    arguments: Sequence[str], source: Path | None, *, selected: bool = True
) -> Iterator[LoadedIncidents]:
    """Read the registry and the tests, or take the states from a report.

    Unless only the ``selected`` ones are wanted, incidents of other suites are among them.

    Raises:
        SettingsError: A setting has an unusable value.
        RegistryError: The configured registry is broken.
        ReportError: The report can't be read.
    """
    with configure_without_conftest(arguments) as config:
        project = Project(config)
        known_registry, settings, policy = project.registry, project.settings, project.policy
        if not selected:
            policy = replace(policy, select=())
        if source is not None:
            rows = build_rows_from_report(
                _load_state_report(source), known_registry, policy, settings.show
            )
            yield LoadedIncidents(project, rows, read=False)
            return
        tests = project.read_tests()
        linked_incidents = find_linked_incidents(tests, known_registry, policy).values()
        unread = find_unread_links(tests, known_registry)
        rows = build_rows_from_code(
            known_registry, linked_incidents, policy, settings.show, settings.url_template, unread
        )
        broken = [path for path, file_tests in tests.items() if file_tests is None]
        notes = (
            f"{path} can't be read as Python" for path in sorted({*broken} - {*project.pointers})
        )
        yield LoadedIncidents(project, rows, read=True, unread=(*project.unread, *notes))


def _load_state_report(path: Path) -> Report:
    source = received.read_report_file(path)
    if source.foreign or source.is_past:
        kind = "JUnit XML" if source.foreign else "a history"
        remedy = "give a file that --postmortem-report=json:PATH has written"
        cause = f"{kind} has no states of incidents"
        raise ReportError(
            [Problem("report-file", received.REPORT_UNREADABLE, cause, remedy, str(path))]
        )
    return merge_reports([source])
