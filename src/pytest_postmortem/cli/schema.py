"""``pytest-postmortem schema``: the JSON Schema of a file."""

from __future__ import annotations

import argparse
from importlib.resources import files


def declare_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "of",
        nargs="?",
        choices=("registry", "report"),
        default="registry",
        help="the file (default: registry)",
    )


def main(options: argparse.Namespace) -> int:
    """Print the schema."""
    path = files("pytest_postmortem") / "schemas" / f"{options.of}.json"
    print(path.read_text(encoding="utf-8"), end="")
    return 0
