"""``pytest-postmortem diff``: what a change gained and lost, by two reports or by the code."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path

from pytest_postmortem import git, received
from pytest_postmortem.changes import Comparison, markdown, text
from pytest_postmortem.commands.arguments import (
    add_configuration,
    add_targets,
    add_today,
    configuration_of,
    put_text,
    target_of,
)
from pytest_postmortem.commands.checkout import DEPTH, opened
from pytest_postmortem.comparing import compare, compare_code
from pytest_postmortem.errors import Problem, ReportError, SettingsError
from pytest_postmortem.marked import find_unread_files
from pytest_postmortem.model import count_of
from pytest_postmortem.reports.failure import plain
from pytest_postmortem.results import Run, parse
from pytest_postmortem.writing import write

__all__ = ["declare", "main", "run"]

FORMAT = 1
FAILED = "Couldn't compare"

DEFAULT = "origin/HEAD"
"""The default branch of the remote repository, as a clone knows it."""

LOST = 1
NOT_JUDGED = 3


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "reports", nargs="*", type=Path, metavar="REPORT", help="two JSON reports, the older first"
    )
    parser.add_argument(
        "--base",
        metavar="REVISION",
        help="compare the code with this revision instead (default: origin/HEAD)",
    )
    add_today(parser)
    add_targets(parser, "term, markdown or json")
    add_configuration(parser)


def main(options: argparse.Namespace) -> int:
    """Do what the command line asks for."""
    return run(configuration_of(options), options.base, options.reports, options.report)


def run(
    arguments: Sequence[str],
    base: str | None,
    reports: Sequence[Path],
    targets: Sequence[str] = (),
) -> int:
    """Say what was gained and lost, as ``term``, ``markdown`` or ``json``; return the exit status.

    Two reports are compared with each other, or the code of the working tree with that of the
    commit at which it left ``base``, or the default branch of the remote repository.

    Raises:
        SettingsError: It is not clear what to compare.
        GitError: Git can't give what it takes to compare.
        ReportError: A report can't be read.
        RegistryError: The registry is broken.
        DestinationError: A file can't be written.
    """
    wanted = [target_of(each, FAILED, "a comparison") for each in targets or ["term"]]
    if not reports:
        comparison = _of_code(arguments, base)
    elif base is None and len(reports) == 2:
        older, newer = map(_read, reports)
        comparison = compare(older, newer)
    else:
        given = count_of(len(reports), "report")
        cause = f"{given} and {'no' if base is None else 'a'} base are given"
        remedy = "name two reports, the older first, or a revision with --base"
        raise _wrong(cause, remedy)
    for type, destination in wanted:
        if destination is not None:
            write(destination, _rendered(comparison, type))
        else:
            _print(comparison, type)
    if comparison.lost:
        return LOST
    return 0 if comparison.judged else NOT_JUDGED


def _of_code(arguments: Sequence[str], base: str | None) -> Comparison:
    with opened(arguments) as checkout:
        head = checkout.commit("HEAD")
        if base is None:
            base = DEFAULT
            if git.commit_of(checkout.root, base) is None:
                cause = f"neither reports nor a base are given, and this clone has no {base}"
                remedy = "name two reports, the older first, or a revision with --base"
                raise _wrong(cause, remedy)
        start = git.merge_base(checkout.root, checkout.commit(base), head)
        if start is None:
            note = f"{base} and HEAD have no commit in common in this clone ({DEPTH} gets them)"
            return Comparison(notes=(note,), judged=False)
        earlier = checkout.registry_at(start)
        older = checkout.at(start, earlier)
        newer = checkout.here(older, earlier)
        known, show = checkout.registry, checkout.settings.show
        policy = checkout.policy
        changed = set(map(checkout.suite.shown, git.unlike(checkout.root, start)))
        unread = checkout.unread_submodules
        paths = {*find_unread_files(older), *find_unread_files(newer), *unread}
        used = {path: map(_with_folders, checkout.find_used(path)) for path in paths}
        unchanged = {path for path in paths if changed.isdisjoint(chain(*used[path]))}
        found = compare_code(older, newer, known, policy, show, earlier, unchanged, unread)
        judged = found.judged and not checkout.unread
        return replace(found, notes=(*found.notes, *checkout.unread), judged=judged)


def _with_folders(path: str) -> Iterator[str]:
    """Yield a file and the folders above it, since a changed submodule is named by its folder."""
    yield path
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _wrong(cause: str, remedy: str) -> SettingsError:
    return SettingsError([Problem("setting", FAILED, cause, remedy)])


def _read(path: Path) -> Run:
    source = received.read(path)
    try:
        if source.foreign:
            raise ValueError("JUnit XML does not say which incidents there are")
        return parse(source.document)
    except ValueError as error:
        remedy = "give a file that --postmortem-report=json:PATH has written"
        problem = Problem("report-file", received.FAILED, str(error), remedy, str(path))
        raise ReportError([problem]) from None


def _rendered(comparison: Comparison, type: str) -> str:
    if type == "json":
        document = {"format": FORMAT, **asdict(comparison)}
        return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    return markdown(comparison) if type == "markdown" else text(comparison)


def _print(comparison: Comparison, type: str) -> None:
    """Print a comparison; where Markdown stays empty, what can't be compared is said beside it."""
    put_text(_rendered(comparison, type), type, None)
    for note in comparison.notes if type == "markdown" and not comparison.changes else ():
        print(plain(note), file=sys.stderr)
