"""``pytest-postmortem check``: marks, registry and post-mortems, without running a test."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import filter as matching
from pathlib import Path

from pytest_postmortem.checking.checked import Checked, text
from pytest_postmortem.checking.formats import render
from pytest_postmortem.checking.rules import RULES
from pytest_postmortem.commands.arguments import (
    add_configuration,
    add_targets,
    add_today,
    configuration_of,
    put_text,
    target_of,
)
from pytest_postmortem.commands.checking import check
from pytest_postmortem.commands.checkout import reading
from pytest_postmortem.commands.here import Here
from pytest_postmortem.errors import Problem, SettingsError
from pytest_postmortem.reports.failure import plain
from pytest_postmortem.suggestions import find_similar

__all__ = ["Asked", "declare", "main", "run"]

FOUND = 1
NOT_JUDGED = 3

TYPES = ("json", "gitlab", "sarif")
PRINTED = ("term", "github")
"""The reports that go to no file."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for: files, and how to check and report."""

    files: Sequence[str] = ()
    collect: bool = False
    strict: bool = False
    targets: Sequence[str] = ("term",)


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="check these alone, against the whole registry"
    )
    parser.add_argument(
        "--collect",
        action="store_true",
        help="ask pytest's own collection, which imports the tests",
    )
    parser.add_argument("--strict", action="store_true", help="let warnings fail the check too")
    add_today(parser)
    add_targets(parser, "term, json[:PATH], github, gitlab[:PATH] or sarif[:PATH]")
    add_configuration(parser)


def main(options: argparse.Namespace) -> int:
    """Do what the command line asks for."""
    asked = Asked(options.files, options.collect, options.strict, options.report or ("term",))
    return run(configuration_of(options), asked)


def run(arguments: Sequence[str], asked: Asked) -> int:
    """Check what is asked for and report it; return the exit status.

    A registry that can't be read is what is looked for, and so a finding like any other.

    Raises:
        SettingsError: A file is not there, nothing is, or an option or a setting can't be used.
        DestinationError: A report can't be written.
    """
    targets = [
        target_of(each, "Couldn't check", "a check", TYPES, PRINTED) for each in asked.targets
    ]
    given = list(_given(asked.files))
    with reading([*arguments, *_elsewhere(given)]) as config:
        here = Here(config)
        _known(here.settings.lint_ignore)
        checked = check(here, given, collecting=asked.collect)
        for type, destination in targets:
            _deliver(type, destination, checked, here.fallback)
    if checked.count("error") or (asked.strict and checked.findings):
        return FOUND
    return NOT_JUDGED if checked.unjudged else 0


def _given(files: Iterable[str]) -> Iterator[Path]:
    """Yield the files that are to be checked alone.

    Raises: SettingsError with everything that is not there.
    """
    missing = [text for text in files if not os.path.exists(text)]
    if missing:
        cause, remedy = "it is not there", "correct the path, or leave it out"
        raise SettingsError(
            [Problem("setting", "Couldn't check", cause, remedy, text) for text in missing]
        )
    return (Path(os.path.abspath(text)) for text in files)


def _elsewhere(given: Sequence[Path]) -> list[str]:
    """Return the test files by which pytest finds its rootdir, where all lie in another folder."""
    try:
        here = Path.cwd()
    except OSError:  # somebody has removed it, which pytest says as well
        return []
    other = all(path.suffix == ".py" and not path.is_relative_to(here) for path in given)
    return list(map(str, given)) if other else []


def _known(patterns: Iterable[str]) -> None:
    """Make sure that every rule which is switched off exists.

    Raises: SettingsError with everything that is none.
    """
    problems = []
    for pattern in patterns:
        if not matching(RULES, pattern):
            near = find_similar(pattern, RULES)
            remedy = f"did you mean {near!r}?" if near else f"use some of {', '.join(RULES)}"
            failed = f"Couldn't use postmortem_lint_ignore = {pattern!r}"
            problems.append(Problem("setting", failed, "there is no such rule", remedy))
    if problems:
        raise SettingsError(problems)


def _deliver(type: str, destination: Path | None, checked: Checked, fallback: str) -> None:
    """Print a report, or write it where it was asked for."""
    shown = text(checked) if type == "term" else render(type, checked, fallback)
    put_text(shown, type, destination)
    if destination is not None:
        print(plain(f"Findings written to {destination}"), file=sys.stderr)
