"""``pytest-postmortem explain``: the section of the documentation on a code of a message.

``explanations.md`` next to this module has the sections, each under ``## CODE``.
`python docs/generate.py` writes it from the documentation.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping
from difflib import get_close_matches
from importlib.resources import files

from pytest_postmortem.errors import Problem, SettingsError

SECTION_HEADING = re.compile(r"^## ([a-z]+(?:-[a-z]+)*)\n", re.MULTILINE)
MOST_SUGGESTIONS = 3


def main(options: argparse.Namespace) -> int:
    """Print the section on a code, or all codes, and return the exit status.

    Raises: SettingsError where the code is unknown.
    """
    code = options.code
    sections = _load_sections()
    if code is None:
        print(*sections, sep="\n")
        return 0
    name = code.strip("[] ").casefold()
    if name not in sections:
        similar = get_close_matches(name, sections, MOST_SUGGESTIONS)
        listed = "`pytest-postmortem explain` lists all codes"
        remedy = f"did you mean {', '.join(similar)}?" if similar else listed
        cause = "no message or rule has this code"
        raise SettingsError([Problem("setting", f"Couldn't explain {code!r}", cause, remedy)])
    text = f"## {name}\n\n{sections[name]}"
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(text))
    else:
        print(text, end="")
    return 0


def _load_sections() -> Mapping[str, str]:
    """Return the text of each section by its code."""
    path = files("pytest_postmortem.cli") / "explanations.md"
    _, *parts = SECTION_HEADING.split(path.read_text(encoding="utf-8"))
    return {code: f"{text.strip()}\n" for code, text in zip(parts[::2], parts[1::2], strict=True)}
