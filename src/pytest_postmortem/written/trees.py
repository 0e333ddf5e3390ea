"""The fields of YAML, JSON or front matter → sections, each under its key as under a heading."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pytest_postmortem.registry import fields
from pytest_postmortem.registry.tables import Rows, Table
from pytest_postmortem.written.passages import Passage, Section

__all__ = ["of_tree"]

LEVEL = 2
"""The level of a key at the top: a single heading of the first level would be the title."""


def of_tree(tree: Any, level: int = LEVEL) -> Iterator[Section]:
    """Yield a section for each field of a mapping, nested ones below it; what is none has none."""
    for key, value in tree.items() if isinstance(tree, Table) else ():
        line = tree.lines.get(key, tree.line or 1)
        name = fields.normal(str(key)).replace("_", " ")
        section = Section(name, level, line)
        section.passages += _passages(value, line, 0)
        yield section
        yield from of_tree(value, level + 1)


def _passages(value: Any, line: int, depth: int) -> Iterator[Passage]:
    """Yield the paragraphs of a text, or what each item of a list says."""
    if isinstance(value, str):
        for text in value.split("\n\n"):
            if text.strip():
                clean = fields.clean(text, lines=True)
                yield Passage(clean, line, clean, depth, depth, depth > 0)
    elif isinstance(value, Rows):
        for position, item in enumerate(value):
            own = value.line_of(position) or line
            if isinstance(item, Table):
                yield _row(item, own)
            else:
                yield from _passages(item, own, depth + 1)


def _row(table: Table, line: int) -> Passage:
    """Return a mapping within a list as the row of a table."""
    texts = {str(key): fields.scalar(value) or "" for key, value in table.items()}
    cells = tuple((key.replace("_", " "), text) for key, text in texts.items())
    text = " | ".join(filter(None, texts.values()))
    return Passage(text, line, text, cells=cells)
