"""``pytest-postmortem combine``: the reports of shards, jobs and languages → one, judged anew."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from pytest_postmortem.commands.arguments import add_targets
from pytest_postmortem.commands.report import print_report, targets_of, wrong
from pytest_postmortem.delivery import deliver
from pytest_postmortem.gates import fails
from pytest_postmortem.merging import merged
from pytest_postmortem.received import read_all
from pytest_postmortem.settings import Settings, percent

__all__ = ["declare", "main", "run"]

NOT_JUDGED = 3


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="JSON reports, and JUnit XML of any language"
    )
    add_targets(parser)
    parser.add_argument(
        "--expect", type=_number, metavar="N", help="how many reports there should be"
    )
    parser.add_argument(
        "--fail-under", type=_percent, metavar="PERCENT", help="as --postmortem-fail-under"
    )
    parser.add_argument(
        "--across", action="store_true", help="each report is of another repository"
    )


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 6 or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of reports")
    return int(text)


def _percent(text: str) -> float:
    try:
        return percent(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no percentage") from None


def main(options: argparse.Namespace) -> int:
    """Do what the command line asks for."""
    return run(
        options.files,
        options.report,
        expected=options.expect,
        fail_under=options.fail_under,
        across=options.across,
    )


def run(
    paths: Sequence[str],
    targets: Sequence[str],
    *,
    expected: int | None = None,
    fail_under: float | None = None,
    across: bool = False,
) -> int:
    """Put reports together, judge the gates on the whole, and return whether it holds.

    Where fewer than ``expected`` are given, nobody can say so, gates or none.

    ``across`` takes each file for the report of a repository of its own.

    Raises:
        ReportError: A file is no report.
        SettingsError: A target can't be used.
    """
    files = list(map(Path, paths))
    sources = read_all(iter(files), _suites(files) if across else lambda _: "")
    if any(source.is_past for source in sources):
        raise wrong("a history can't be joined", "give it to `pytest-postmortem report`")
    wanted = targets_of(targets or ["term"])
    whole = merged(sources, expected, fail_under)
    settings = Settings(reports=tuple(wanted))
    delivery = deliver(whole, settings, 0, None)
    for line in delivery.notes:
        print(line.text, file=sys.stderr)
    for target in wanted:
        if target.type in ("term", "term-missing"):
            print_report(whole, target.type)
    for text in delivery.printed:
        print(text, end="")
    if fails(whole) or not delivery.whole:
        return 1
    lacking = expected is not None and len(sources) < expected
    return NOT_JUDGED if lacking or any(not gate.judged for gate in whole.gates) else 0


def _suites(files: Sequence[Path]) -> Callable[[Path], str]:
    """Return what tells which repository a report is of: the name of its file, or its path."""
    stems = [path.stem for path in files]
    alike = len(set(stems)) < len(stems)
    return lambda path: path.with_suffix("").as_posix() if alike else path.stem
