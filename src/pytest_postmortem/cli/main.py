"""``pytest-postmortem COMMAND ...``: parse the command line and run the command.

Exit status: 0 yes, 1 no, 2 wrong use, 3 could not judge, 4 the registry can't be read.
"""

from __future__ import annotations

import argparse
import gc
import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from pytest_postmortem import __version__
from pytest_postmortem.cli import EXIT_WRONG_USE, choose_error_status
from pytest_postmortem.cli.arguments import CLI_COMMANDS, CliCommand

EXIT_INTERRUPTED = 130
"""128 and the number of the signal, as in shells."""


def main(given: Sequence[str] | None = None, commands: Sequence[CliCommand] = CLI_COMMANDS) -> int:
    """Run the command that the given arguments name, and return its exit status."""
    command_line = sys.argv[1:] if given is None else list(given)
    try:
        return _run_command(command_line, commands)
    except BrokenPipeError:  # the reader closed the pipe
        _discard_standard_output()
        return 1
    except OSError as error:
        action = f"go on with {error.filename!r}"
        if error.filename is None:
            action = "write to standard output"
            _discard_standard_output()
        print(f"Couldn't {action}: {(error.strerror or str(error)).lower()}", file=sys.stderr)
        return EXIT_WRONG_USE
    except KeyboardInterrupt:
        print("Interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED


def _run_command(given: Sequence[str], commands: Sequence[CliCommand]) -> int:
    """Run a command and flush its output; return the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    parser = _build_parser(commands, given)
    try:
        options = parser.parse_args(given)
        if options.run is None:
            parser.print_help(sys.stderr)
            return EXIT_WRONG_USE
        with _rare_collection():
            return _run_reporting_errors(options)
    finally:
        sys.stdout.flush()


def _run_reporting_errors(options: argparse.Namespace) -> int:
    """Run a command and print an error of ours; return the exit status."""
    from pytest_postmortem.errors import PostmortemError

    try:
        return int(options.run(options))
    except PostmortemError as error:
        print(error, file=sys.stderr)
        return choose_error_status(error)


@contextmanager
def _rare_collection() -> Iterator[None]:
    """Collect garbage less often: parsed code is large and has no reference cycles, and a search
    for them takes longer than parsing.
    """
    usual = gc.get_threshold()
    gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _discard_standard_output() -> None:
    """Discard the rest of the output: at its end, Python would write it again."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _build_parser(commands: Sequence[CliCommand], given: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser; only commands that are given declare their arguments."""
    parser = argparse.ArgumentParser(
        prog="pytest-postmortem",
        usage="%(prog)s [-h] [--version] COMMAND ...",
        description="Guard every post-mortem with a regression test.",
        epilog="The plugin itself runs with pytest: see `pytest --help`, incident coverage.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.set_defaults(run=None)
    subparsers = parser.add_subparsers(
        title="commands",
        description=_format_command_list(commands),
        prog=parser.prog,
        metavar="COMMAND",
        help=argparse.SUPPRESS,
    )
    for command in commands:
        subparser = subparsers.add_parser(command.name, description=command.help)
        if command.name in given:
            command.declare_arguments(subparser)
        subparser.set_defaults(run=command.run)
    return parser


def _format_command_list(commands: Sequence[CliCommand]) -> str:
    """Return a line for each command, below the name of its group."""
    lines = []
    for group in dict.fromkeys(command.group for command in commands):
        lines += ["", f"{group}:"]
        lines += [f"  {each.name:<9}{each.help}" for each in commands if each.group == group]
    return "\n".join(lines[1:])
