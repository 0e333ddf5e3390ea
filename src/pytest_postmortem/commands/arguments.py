"""Arguments that several commands share."""

from __future__ import annotations

import argparse

__all__ = ["add_configuration", "add_targets", "configuration_of"]


def add_targets(parser: argparse.ArgumentParser, types: str = "as --postmortem-report") -> None:
    """Add the option that says what to make of a report."""
    parser.add_argument(
        "--report",
        action="append",
        default=[],
        metavar="TYPE[:DEST]",
        help=f"{types} (repeatable; default: term)",
    )


def add_configuration(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which configuration of pytest is meant."""
    parser.add_argument("-c", "--config-file", metavar="FILE", help="pytest's configuration file")
    parser.add_argument("--rootdir", metavar="DIR", help="pytest's rootdir")


def configuration_of(options: argparse.Namespace) -> list[str]:
    """Return the options with which pytest finds its configuration."""
    given = {"-c": options.config_file, "--rootdir": options.rootdir}
    return [part for flag, value in given.items() if value is not None for part in (flag, value)]
