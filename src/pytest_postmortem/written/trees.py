"""The fields of YAML, JSON or front matter → sections, each under its key as under a heading."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pytest_postmortem.registry import fields
from pytest_postmortem.registry.tables import LocatedList, LocatedTable
from pytest_postmortem.written.passages import DocumentPassage, DocumentSection

__all__ = ["build_field_sections"]

TOP_KEY_LEVEL = 2
"""The level of a key at the top: a single heading of the first level would be the title."""


def build_field_sections(tree: Any, level: int = TOP_KEY_LEVEL) -> Iterator[DocumentSection]:
    """Yield a section for each field of a mapping, nested ones below it; what is none has none."""
    for key, value in tree.items() if isinstance(tree, LocatedTable) else ():
        line = tree.lines.get(key, tree.line or 1)
        name = fields.normalize_key(str(key)).replace("_", " ")
        section = DocumentSection(name, level, line)
        section.passages += _build_value_passages(value, line, 0)
        yield section
        yield from build_field_sections(value, level + 1)


def _build_value_passages(value: Any, line: int, depth: int) -> Iterator[DocumentPassage]:
    """Yield the paragraphs of a text, or what each item of a list says."""
    if isinstance(value, str):
        for text in value.split("\n\n"):
            if text.strip():
                clean = fields.clean_text(text, lines=True)
                yield DocumentPassage(clean, line, clean, depth, depth, depth > 0)
    elif isinstance(value, LocatedList):
        for position, item in enumerate(value):
            item_line = value.line_of(position) or line
            if isinstance(item, LocatedTable):
                yield _build_table_row(item, item_line)
            else:
                yield from _build_value_passages(item, item_line, depth + 1)


def _build_table_row(table: LocatedTable, line: int) -> DocumentPassage:
    """Return a mapping within a list as the row of a table."""
    texts = {str(key): fields.parse_scalar(value) or "" for key, value in table.items()}
    cells = tuple((key.replace("_", " "), text) for key, text in texts.items())
    text = " | ".join(filter(None, texts.values()))
    return DocumentPassage(text, line, text, cells=cells)
