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


COMMANDS: tuple[Command, ...] = ()


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
