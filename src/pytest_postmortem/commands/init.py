"""``pytest-postmortem init``: what is there is found, and pytest told about it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from pytest_postmortem.authoring import edits
from pytest_postmortem.commands.arguments import add_configuration, configuration_of
from pytest_postmortem.commands.checkout import reading
from pytest_postmortem.commands.project import Project
from pytest_postmortem.commands.setup import Setup
from pytest_postmortem.errors import Problem, SettingsError
from pytest_postmortem.listing.overview import Row, by_code, summary
from pytest_postmortem.marked import linked
from pytest_postmortem.options import MARK
from pytest_postmortem.reports.failure import plain

__all__ = ["declare", "main", "run"]

REFUSED = 1

SHOWN = 3
"""How many incidents without a test the first report names."""


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("-y", "--yes", action="store_true", help="write it without asking")
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would be written, and write nothing"
    )
    add_configuration(parser)


def main(options: argparse.Namespace) -> int:
    """Do what the command line asks for."""
    return run(configuration_of(options), yes=options.yes, dry_run=options.dry_run)


def run(arguments: Sequence[str], *, yes: bool = False, dry_run: bool = False) -> int:
    """Set up what is missing, and show the first report; return the exit status.

    Raises:
        SettingsError: It can't be told what to write, or nobody is there to say yes.
        RegistryError: The post-mortems that were found can't be read.
        DestinationError: A file can't be written; then none is.
    """
    with reading(arguments) as config:
        setup = Setup(Project(config))
    files = setup.edits
    aside = sys.stderr if dry_run else sys.stdout
    for line in setup.told():
        print(plain(line), file=aside)
    if files:
        print(*map(plain, edits.diff(files)), sep="\n")
    if dry_run:
        print("nothing was written" if files else "nothing is missing", file=aside)
        return 0
    if files and not yes and not _agreed():
        print("nothing was written")
        return REFUSED
    edits.apply(files)
    names = " and ".join(each.shown for each in files)
    print(plain(f"{names} written" if files else f"nothing is missing in {setup.shown}"))
    _report(arguments)
    return 0


def _agreed() -> bool:
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


def _report(arguments: Sequence[str]) -> None:
    """Show what is linked by now, with the settings that are in force by now."""
    with reading(arguments) as config:
        project = Project(config)
        known, wanted = project.registry, project.settings
        found = linked(project.reading(), known, project.policy).values()
        rows = by_code(known, found, project.policy, wanted.show, wanted.url_template)
        for line in (*_gaps(rows), *_next(rows, project)):
            print(plain(line))


def _gaps(rows: Sequence[Row]) -> Iterator[str]:
    gaps = [row.fields for row in rows if row.state == "not-linked"]
    for each in gaps[:SHOWN]:
        title = "" if each["title"] == each["id"] else f"  {each['title']}"
        yield f"  {each['id']}{title}"
    if len(gaps) > SHOWN:
        yield f"  and {len(gaps) - SHOWN} more that no test is linked to"
    if rows:
        yield summary(rows, read=True)


def _next(rows: Sequence[Row], project: Project) -> Iterator[str]:
    """Yield what to do now."""
    gap = next((row.fields["id"] for row in rows if row.state == "not-linked"), None)
    yield "Next:"
    if gap is not None:
        yield f'  mark the test that would have caught it: @pytest.mark.{MARK}("{gap}")'
    elif not rows:
        yield '  begin a post-mortem: pytest-postmortem new "what happened" --test tests/'
    yield "  run pytest: the last lines say which incidents are guarded"
    ci = project.ci
    if ci is not None:
        target = "github" if ci[1] == "GitHub Actions" else "markdown:incidents.md"
        yield f"  in {ci[1]} ({ci[0]}): pytest --postmortem-report={target}"
