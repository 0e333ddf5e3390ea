"""Parse Markdown into sections: a heading, and the paragraphs, items and rows below it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from pytest_postmortem.registry import fields
from pytest_postmortem.registry.parsers import LocatedList, LocatedTable

TOP_KEY_LEVEL = 2
"""The level of a top key; a single heading of level 1 would be the title."""


def build_field_sections(tree: Any, level: int = TOP_KEY_LEVEL) -> Iterator[DocumentSection]:
    """Yield a section for each field of a mapping, with nested ones below it."""
    for key, value in tree.items() if isinstance(tree, LocatedTable) else ():
        line = tree.lines.get(key, tree.line or 1)
        name = fields.normalize_key(str(key)).replace("_", " ")
        section = DocumentSection(name, level, line)
        section.passages += _build_value_passages(value, line, 0)
        yield section
        yield from build_field_sections(value, level + 1)


def _build_value_passages(value: Any, line: int, depth: int) -> Iterator[DocumentPassage]:
    """Yield the paragraphs of a text, or the passages of each item of a list."""
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


CODE_PLACEHOLDER = "…"
"""The placeholder for code in ``prose``."""

_HTML_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DocumentPassage:
    """A paragraph, an item of a list or a row of a table, as plain text.

    ``prose`` is the text without code. ``depth`` is the number of lists around it, ``group`` the
    number of the innermost one; ``item`` says that it begins an item. ``cells`` are the cells of
    a row with the heads of their columns; in the head row each cell is its own head. ``label`` is
    the bold text at its start, if a colon or nothing follows on its line.
    """

    text: str
    line: int
    prose: str = ""
    depth: int = 0
    group: int = 0
    item: bool = False
    cells: tuple[tuple[str, str], ...] = ()
    links: tuple[str, ...] = ()
    label: str = ""
    struck: bool = False
    quoted: bool = False

    @property
    def is_head(self) -> bool:
        """Whether it is the head row of a table."""
        return bool(self.cells) and all(head == cell for head, cell in self.cells)


@dataclass(slots=True)
class DocumentSection:
    """A heading with its level and line, and the passages below it up to the next one.

    ``comments`` is its HTML, unchanged.
    """

    heading: str = ""
    level: int = 0
    line: int = 1
    passages: list[DocumentPassage] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)


def parse_markdown_sections(text: str, above: int = 0) -> list[DocumentSection]:
    """Return the sections of a text in Markdown that begins after ``above`` other lines.

    The first has no heading, and has the passages before any heading.
    """
    reader = _SectionReader(above)
    tokens = _build_markdown_parser().parse(text)
    for position, token in enumerate(tokens):
        reader.take_token(token, tokens[position - 1])
    return reader.sections


@cache
def _build_markdown_parser() -> MarkdownIt:
    """Return the parser, which takes longer to make than to read a short text."""
    return MarkdownIt("commonmark").enable(["table", "strikethrough"])


class _SectionReader:
    """Builds sections from the tokens of a document in order."""

    def __init__(self, above: int) -> None:
        self.sections = [DocumentSection(line=above + 1)]
        self._above = above
        self._lists: list[int] = []
        self._groups = 0
        self._quotes = 0
        self._begins = False
        self._head: list[str] = []
        self._row: list[_InlineText] = []

    def take_token(self, token: Token, before: Token) -> None:
        """Add the next token; ``before`` is its predecessor."""
        kind = token.type
        if kind in ("bullet_list_open", "ordered_list_open"):
            self._groups += 1
            self._lists.append(self._groups)
        elif kind in ("bullet_list_close", "ordered_list_close"):
            self._lists.pop()
        elif kind == "list_item_open":
            self._begins = True
        elif kind in ("blockquote_open", "blockquote_close"):
            self._quotes += 1 if kind.endswith("open") else -1
        elif kind == "tr_open":
            self._row = []
        elif kind == "tr_close":
            self._end_row()
        elif kind == "table_open":
            self._head = []
        elif kind == "html_block":
            self.sections[-1].comments.append(token.content)
        elif kind == "inline":
            self._take_inline(token, before)

    def _take_inline(self, token: Token, before: Token) -> None:
        inline = _build_inline_text(token.children or [], self._line(token))
        html = [child.content for child in token.children or () if child.type == "html_inline"]
        self.sections[-1].comments += html
        if before.type == "heading_open":
            level = int(before.tag[1:])
            self.sections.append(DocumentSection(" ".join(inline.text.split()), level, inline.line))
        elif before.type in ("th_open", "td_open"):
            self._row.append(inline)
        elif inline.text.strip():
            self._add(inline, item=self._begins and bool(self._lists))
            self._begins = False

    def _line(self, token: Token) -> int:
        return (token.map[0] if token.map else 0) + self._above + 1

    def _end_row(self) -> None:
        texts = [" ".join(cell.text.split()) for cell in self._row]
        self._head = self._head or texts
        row = _InlineText(
            " | ".join(texts),
            self._row[0].line,
            " | ".join(cell.prose for cell in self._row),
            tuple(link for cell in self._row for link in cell.links),
            struck=all(cell.struck or not cell.text for cell in self._row),
        )
        self._add(row, cells=tuple(zip(self._head, texts, strict=False)))

    def _add(
        self, inline: _InlineText, *, item: bool = False, cells: tuple[tuple[str, str], ...] = ()
    ) -> None:
        self.sections[-1].passages.append(
            DocumentPassage(
                inline.text.strip(),
                inline.line,
                inline.prose.strip(),
                len(self._lists),
                self._lists[-1] if self._lists else 0,
                item,
                cells,
                inline.links,
                inline.label,
                inline.struck,
                self._quotes > 0,
            )
        )


@dataclass(frozen=True, slots=True)
class _InlineText:
    """The text within one block."""

    text: str
    line: int
    prose: str
    links: tuple[str, ...] = ()
    label: str = ""
    struck: bool = False


def _build_inline_text(children: Sequence[Token], line: int) -> _InlineText:
    texts = list(_split_inline_texts(children))
    text = "".join(text for text, _ in texts)
    prose = "".join(CODE_PLACEHOLDER if code else text for text, code in texts)
    links = tuple(str(child.attrGet("href")) for child in children if child.type == "link_open")
    return _InlineText(
        text, line, prose, links, _find_bold_label(children), _is_struck_through(children)
    )


def _split_inline_texts(children: Sequence[Token]) -> Iterator[tuple[str, bool]]:
    """Yield pieces of text, each with whether it is code."""
    for child in children:
        if child.type in ("softbreak", "hardbreak"):
            yield "\n", False
        elif child.type == "html_inline":
            yield ("\n" if _HTML_LINE_BREAK.fullmatch(child.content) else ""), False
        else:
            yield child.content, child.type == "code_inline"


def _find_bold_label(children: Sequence[Token]) -> str:
    """Return the bold text at the beginning, where a colon or nothing follows on its line."""
    visible = [child for child in children if child.content or child.type != "text"]
    if not visible or visible[0].type != "strong_open":
        return ""
    end = next(n for n, child in enumerate(visible) if child.type == "strong_close")
    label = "".join(text for text, _ in _split_inline_texts(visible[1:end])).strip()
    text_after = "".join(text for text, _ in _split_inline_texts(visible[end:])).lstrip(" ")
    ends_line = not text_after or text_after[0] in ":\n" or label.endswith(":")
    return label.rstrip(": ") if ends_line else ""


def _is_struck_through(children: Sequence[Token]) -> bool:
    """Return whether all of a text is struck through."""
    depth, outside = 0, ""
    for child in children:
        depth += {"s_open": 1, "s_close": -1}.get(child.type, 0)
        outside += "" if depth else child.content
    struck = any(child.type == "s_open" for child in children)
    return struck and not re.sub(r"^\s*\[[ xX]\]", "", outside).strip()
