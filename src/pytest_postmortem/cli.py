"""``pytest-postmortem COMMAND ...``: the command line, which decides nothing.

Exit status: 0 yes, 1 no, 2 wrong use, 3 could not judge, 4 the registry can't be read.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_postmortem import __version__
from pytest_postmortem.errors import PostmortemError, RegistryError

__all__ = ["COMMANDS", "Command", "main"]

WRONG_USE = 2
UNREADABLE = 4


@dataclass(frozen=True, slots=True)
class Command:
    """A command: ``declare`` adds its arguments to a parser, ``run`` returns the exit status."""

    name: str
    help: str
    declare: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def _sync_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--check", action="store_true", help="only say whether it is up to date")
    parser.add_argument("--output", metavar="FILE", help="file to write (default: postmortem_sync)")
    _pytest_arguments(parser)


def _sync(options: argparse.Namespace) -> int:
    from pytest_postmortem.commands import sync

    return sync.run(_arguments_of(options), options.output, check=options.check)


def _schema_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "of", nargs="?", choices=("registry", "report"), default="registry", help="what it is of"
    )


def _schema(options: argparse.Namespace) -> int:
    from importlib.resources import files

    path = files("pytest_postmortem") / "schemas" / f"{options.of}.json"
    print(path.read_text(encoding="utf-8"), end="")
    return 0


def _report_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="JSON reports, the oldest first; a history"
    )
    _target_arguments(parser)


def _report(options: argparse.Namespace) -> int:
    from pytest_postmortem.commands import report

    return report.report(options.files, options.report)


def _combine_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="JSON reports, and JUnit XML of any language"
    )
    _target_arguments(parser)
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
    from pytest_postmortem.settings import percent

    try:
        return percent(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no percentage") from None


def _combine(options: argparse.Namespace) -> int:
    from pytest_postmortem.commands import report

    return report.combine(
        options.files,
        options.report,
        expected=options.expect,
        fail_under=options.fail_under,
        across=options.across,
    )


def _diff_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "reports", nargs="*", type=Path, metavar="REPORT", help="two JSON reports, the older first"
    )
    parser.add_argument(
        "--base", metavar="REVISION", help="compare the code with this revision instead"
    )
    _target_arguments(parser, "term, markdown or json")
    _pytest_arguments(parser)


def _diff(options: argparse.Namespace) -> int:
    from pytest_postmortem.commands import diff

    return diff.run(_arguments_of(options), options.base, options.reports, options.report)


def _history_arguments(parser: argparse.ArgumentParser) -> None:
    _target_arguments(parser, "term or json:PATH")
    _pytest_arguments(parser)


def _history(options: argparse.Namespace) -> int:
    from pytest_postmortem.commands import history

    return history.run(_arguments_of(options), options.report)


def _target_arguments(
    parser: argparse.ArgumentParser, types: str = "as --postmortem-report"
) -> None:
    """Add the option that says what to make of a report."""
    parser.add_argument(
        "--report",
        action="append",
        default=[],
        metavar="TYPE[:DEST]",
        help=f"{types} (repeatable; default: term)",
    )


def _pytest_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which configuration of pytest is meant."""
    parser.add_argument("-c", "--config-file", metavar="FILE", help="pytest's configuration file")
    parser.add_argument("--rootdir", metavar="DIR", help="pytest's rootdir")


def _arguments_of(options: argparse.Namespace) -> list[str]:
    """Return the options with which pytest finds its configuration."""
    given = {"-c": options.config_file, "--rootdir": options.rootdir}
    return [part for flag, value in given.items() if value is not None for part in (flag, value)]


COMMANDS: tuple[Command, ...] = (
    Command("sync", "write what is fetched into the file that runs read", _sync_arguments, _sync),
    Command("report", "render JSON reports in any format", _report_arguments, _report),
    Command("combine", "join the reports of shards and jobs", _combine_arguments, _combine),
    Command("diff", "say what a change gained and lost", _diff_arguments, _diff),
    Command(
        "history",
        "say when incidents got and lost their regression tests",
        _history_arguments,
        _history,
    ),
    Command("schema", "print the JSON Schema of a file", _schema_arguments, _schema),
)


def main(arguments: Sequence[str] | None = None, commands: Sequence[Command] = COMMANDS) -> int:
    """Run the command that the arguments name, and return its exit status."""
    parser = _parser(commands)
    options = parser.parse_args(arguments)
    if options.run is None:
        parser.print_help(sys.stderr)
        return WRONG_USE
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except PostmortemError as error:
        print(error, file=sys.stderr)
        return UNREADABLE if isinstance(error, RegistryError) else WRONG_USE
    return status


def _parser(commands: Sequence[Command]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pytest-postmortem",
        description="Guard every post-mortem with a regression test.",
        epilog="The plugin itself runs with pytest: see `pytest --help`, incident coverage.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.set_defaults(run=None)
    if commands:
        group = parser.add_subparsers(title="commands", metavar="COMMAND")
        for command in commands:
            added = group.add_parser(command.name, help=command.help, description=command.help)
            command.declare(added)
            added.set_defaults(run=command.run)
    return parser
