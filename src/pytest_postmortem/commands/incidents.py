"""The incidents of a project with their states, for commands that show them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_postmortem import received
from pytest_postmortem.commands.arguments import add_configuration, add_targets, add_today
from pytest_postmortem.commands.checkout import reading
from pytest_postmortem.commands.project import Project
from pytest_postmortem.errors import Problem, ReportError
from pytest_postmortem.listing.overview import Row, by_code, by_report
from pytest_postmortem.marked import find_unread_links, linked
from pytest_postmortem.merging import merged
from pytest_postmortem.reports.failure import plain
from pytest_postmortem.states import Report

__all__ = ["Incidents", "add_arguments", "incidents"]

NOT_JUDGED = 3


@dataclass(frozen=True, slots=True)
class Incidents:
    """Incidents; ``read`` says that their states are those that code alone tells.

    ``unread`` is what is not known of the code, each with what to do.
    """

    project: Project
    rows: Sequence[Row]
    read: bool
    unread: tuple[str, ...] = ()

    def status(self) -> int:
        """Print what is not known, and return the exit status: 3 where there is any."""
        for note in self.unread:
            print(plain(f"not judged: {note}"), file=sys.stderr)
        return NOT_JUDGED if self.unread else 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what says where the states come from, and how incidents are shown."""
    parser.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="REPORT",
        help="JSON report that has the states (default: what the code says)",
    )
    add_today(parser)
    add_targets(parser, "term, markdown or json")
    add_configuration(parser)


@contextmanager
def incidents(
    arguments: Sequence[str], source: Path | None, *, selected: bool = True
) -> Iterator[Incidents]:
    """Read the registry and the tests, or take the states from a report.

    Unless only the ``selected`` ones are wanted, incidents of other suites are among them.

    Raises:
        SettingsError: A setting has an unusable value.
        RegistryError: The configured registry is broken.
        ReportError: The report can't be read.
    """
    with reading(arguments) as config:
        project = Project(config)
        known, wanted, policy = project.registry, project.settings, project.policy
        if not selected:
            policy = replace(policy, select=())
        if source is not None:
            rows = by_report(_report(source), known, policy, wanted.show)
            yield Incidents(project, rows, read=False)
            return
        tests = project.reading()
        found = linked(tests, known, policy).values()
        unread = find_unread_links(tests, known)
        rows = by_code(known, found, policy, wanted.show, wanted.url_template, unread)
        broken = [path for path, own in tests.items() if own is None]
        notes = (
            f"{path} can't be read as Python" for path in sorted({*broken} - {*project.pointers})
        )
        yield Incidents(project, rows, read=True, unread=(*project.unread, *notes))


def _report(path: Path) -> Report:
    given = received.read(path)
    if given.foreign or given.is_past:
        kind = "JUnit XML" if given.foreign else "a history"
        remedy = "give a file that --postmortem-report=json:PATH has written"
        cause = f"{kind} has no states of incidents"
        raise ReportError([Problem("report-file", received.FAILED, cause, remedy, str(path))])
    return merged([given])
