"""``pytest-postmortem COMMAND ...``: the command line, which decides nothing.

Exit status: 0 yes, 1 no, 2 wrong use, 3 could not judge, 4 the registry can't be read.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

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


def _schema(_: argparse.Namespace) -> int:
    from pytest_postmortem.registry import schema

    print(schema.text(), end="")
    return 0


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
    Command("schema", "print the JSON Schema of the registry file", lambda _: None, _schema),
)


def main(arguments: Sequence[str] | None = None, commands: Sequence[Command] = COMMANDS) -> int:
    """Run the command that the arguments name, and return its exit status."""
    parser = _parser(commands)
    options = parser.parse_args(arguments)
    if options.run is None:
        parser.print_help(sys.stderr)
        return WRONG_USE
    try:
        status: int = options.run(options)
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
