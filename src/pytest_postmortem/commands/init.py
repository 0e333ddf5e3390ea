"""``pytest-postmortem init``: what is there is found, and pytest told about it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from pytest_postmortem.authoring import edits
from pytest_postmortem.commands.arguments import add_configuration_options, build_pytest_arguments
from pytest_postmortem.commands.checkout import configure_without_conftest
from pytest_postmortem.commands.project import Project
from pytest_postmortem.commands.setup import ProjectSetup
from pytest_postmortem.errors import Problem, SettingsError
from pytest_postmortem.listing.overview import (
    IncidentRow,
    build_rows_from_code,
    format_state_counts,
)
from pytest_postmortem.marked import find_linked_incidents
from pytest_postmortem.options import MARKER_NAME
from pytest_postmortem.reports.failure import sanitize_line

__all__ = ["declare_arguments", "main", "run_init"]

EXIT_REFUSED = 1

MOST_GAPS_SHOWN = 3
"""How many incidents without a test the first report names."""


def declare_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("-y", "--yes", action="store_true", help="write it without asking")
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would be written, and write nothing"
    )
    add_configuration_options(parser)


def main(options: argparse.Namespace) -> int:
    """Do what the command line asks for."""
    return run_init(build_pytest_arguments(options), yes=options.yes, dry_run=options.dry_run)


def run_init(arguments: Sequence[str], *, yes: bool = False, dry_run: bool = False) -> int:
    """Set up what is missing, and show the first report; return the exit status.

    Raises:
        SettingsError: It can't be told what to write, or nobody is there to say yes.
        RegistryError: The post-mortems that were found can't be read.
        DestinationError: A file can't be written; then none is.
    """
    with configure_without_conftest(arguments) as config:
        setup = ProjectSetup(Project(config))
    files = setup.edits
    note_stream = sys.stderr if dry_run else sys.stdout
    for line in setup.told():
        print(sanitize_line(line), file=note_stream)
    if files:
        print(*map(sanitize_line, edits.render_edits_diff(files)), sep="\n")
    if dry_run:
        print("nothing was written" if files else "nothing is missing", file=note_stream)
        return 0
    if files and not yes and not _ask_to_write():
        print("nothing was written")
        return EXIT_REFUSED
    edits.write_edits(files)
    names = " and ".join(edit.shown for edit in files)
    print(sanitize_line(f"{names} written" if files else f"nothing is missing in {setup.shown}"))
    _print_first_report(arguments)
    return 0


def _ask_to_write() -> bool:
    """Ask whether to write what was shown.

    Raises: SettingsError where nobody can be asked.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        cause = "there is no terminal to ask at, and nothing was written"
        remedy = "give --yes to write it, or --dry-run to see it alone"
        raise SettingsError([Problem("setting", "Couldn't ask for a yes", cause, remedy)])
    try:
        return input("Write this? [Y/n] ").strip().lower() in ("", "y", "yes")
    except (EOFError, KeyboardInterrupt):
        print()
        return False


def _print_first_report(arguments: Sequence[str]) -> None:
    """Show what is linked by now, with the settings that are in force by now."""
    with configure_without_conftest(arguments) as config:
        project = Project(config)
        known_registry, settings = project.registry, project.settings
        linked_incidents = find_linked_incidents(
            project.read_tests(), known_registry, project.policy
        ).values()
        rows = build_rows_from_code(
            known_registry, linked_incidents, project.policy, settings.show, settings.url_template
        )
        for line in (*_format_gaps(rows), *_format_next_steps(rows, project)):
            print(sanitize_line(line))


def _format_gaps(rows: Sequence[IncidentRow]) -> Iterator[str]:
    gaps = [row.fields for row in rows if row.state == "not-linked"]
    for fields in gaps[:MOST_GAPS_SHOWN]:
        title = "" if fields["title"] == fields["id"] else f"  {fields['title']}"
        yield f"  {fields['id']}{title}"
    if len(gaps) > MOST_GAPS_SHOWN:
        yield f"  and {len(gaps) - MOST_GAPS_SHOWN} more that no test is linked to"
    if rows:
        yield format_state_counts(rows, read=True)


def _format_next_steps(rows: Sequence[IncidentRow], project: Project) -> Iterator[str]:
    """Yield what to do now."""
    gap = next((row.fields["id"] for row in rows if row.state == "not-linked"), None)
    yield "Next:"
    if gap is not None:
        yield f'  mark the test that would have caught it: @pytest.mark.{MARKER_NAME}("{gap}")'
    elif not rows:
        yield '  begin a post-mortem: pytest-postmortem new "what happened" --test tests/'
    yield "  run pytest: the last lines say which incidents are guarded"
    ci = project.ci_config
    if ci is not None:
        target = "github" if ci[1] == "GitHub Actions" else "markdown:incidents.md"
        yield f"  in {ci[1]} ({ci[0]}): pytest --postmortem-report={target}"
