"""``pytest-postmortem schema``: the JSON Schema of a file."""

from __future__ import annotations

import argparse
from importlib.resources import files


def main(options: argparse.Namespace) -> int:
    """Print the schema."""
    path = files("pytest_postmortem") / "schemas" / f"{options.of}.json"
    print(path.read_text(encoding="utf-8"), end="")
    return 0
