"""Parse Markdown into sections: a heading, and the paragraphs, items and rows below it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

from pytest_postmortem.documents.admonitions import blank_markers
from pytest_postmortem.documents.head import DocumentHeading, find_headings
from pytest_postmortem.documents.html_blocks import HtmlBlock, read_html_blocks

CODE_PLACEHOLDER = "…"
"""The placeholder for code in ``prose``."""

_HTML_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DocumentPassage:
    """A paragraph, an item of a list or a row of a table, as plain text.

    ``prose`` is the text without code. ``depth`` is the number of lists around it, ``group`` the
    number of the innermost one; ``item`` says that it begins an item. ``cells`` are the cells of
    a row with the heads of their columns; in the head row each cell is its own head. ``label`` is
    the bold text at its start, if a colon or nothing follows on its line. ``unlinked`` is the text
    without links and images, ``shown`` the text with code in backticks and without images.
    ``emphasised`` says that all of it is in italics.
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
    unlinked: str | None = None
    shown: str | None = None
    emphasised: bool = False

    @property
    def is_head(self) -> bool:
        """Whether it is the head row of a table."""
        return bool(self.cells) and all(head == cell for head, cell in self.cells)


@dataclass(slots=True)
class DocumentSection:
    """A heading with its level and line, and the passages below it up to the next one.

    ``comments`` is its HTML, unchanged. ``is_field`` says that it is a field, and no heading.
    """

    heading: str = ""
    level: int = 0
    line: int = 1
    passages: list[DocumentPassage] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    is_field: bool = False


def parse_markdown_sections(text: str, above: int = 0) -> list[DocumentSection]:
    """Return the sections of a text in Markdown that begins after ``above`` other lines.

    The first has no heading, and has the passages before any heading.
    """
    reader = _SectionReader(above)
    tokens = _build_markdown_parser().parse("\n".join(blank_markers(text.split("\n"))))
    for position, token in enumerate(tokens):
        reader.take_token(token, tokens[position - 1])
    return reader.sections


def parse_rst_sections(lines: Sequence[str]) -> Iterator[DocumentSection]:
    """Yield the sections of reStructuredText, whose lists and paragraphs Markdown reads as well."""
    comments = [line for line in lines if line.startswith("..")]
    starts = [DocumentHeading("", 0, 0, 0), *find_headings(lines, rst=True)]
    section_ends = [*(heading.start for heading in starts[1:]), len(lines)]
    for heading, end in zip(starts, section_ends, strict=True):
        text = "\n".join(_blank_rst_directives(lines[heading.end : end]))
        for section in parse_markdown_sections(text, heading.end)[:1]:
            level, line = heading.level, heading.start + 1
            yield DocumentSection(heading.text, level, line, section.passages, comments)
            comments = []


def _blank_rst_directives(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines, nothing in place of a directive, a comment or a table in reStructuredText."""
    inside = False
    for line in lines:
        inside = line.startswith("..") or (inside and (not line.strip() or line[:1].isspace()))
        table = line.startswith(("+-", "+=", "==", "| "))
        yield "" if inside or table else line


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
        self._outside: DocumentSection | None = None
        self._after_details: DocumentSection | None = None
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
            self._take_html(token.content, self._line(token))
        elif kind == "inline":
            self._take_inline(token, before)

    def _take_inline(self, token: Token, before: Token) -> None:
        inline = _build_inline_text(token.children or [], self._line(token))
        html = [child.content for child in token.children or () if child.type == "html_inline"]
        self.sections[-1].comments += html
        if before.type == "heading_open":
            self._open_section(inline.text, int(before.tag[1:]), inline.line)
        elif before.type in ("th_open", "td_open"):
            self._row.append(inline)
        elif inline.text.strip():
            self._add(inline, item=self._begins and bool(self._lists))
            self._begins = False

    def _open_section(self, heading: str, level: int, line: int) -> None:
        self._after_details = None
        self.sections.append(DocumentSection(" ".join(heading.split()), level, line))

    def _take_html(self, html: str, line: int) -> None:
        """Add the headings, paragraphs, items and rows of a block of HTML."""
        for block in read_html_blocks(html, line):
            text = " ".join(block.text.split())
            if block.kind == "heading" and text:
                self._open_section(text, block.level, block.line)
            elif block.kind == "summary":
                self._open_details(text, block.line)
            elif block.kind == "details_end":
                self._after_details = self._outside
            elif block.kind == "row":
                self._row = [_InlineText(cell, block.line, cell) for cell in block.cells]
                self._head = [] if block.is_first else self._head
                self._end_row()
            elif text:
                self._add_html_text(block, text)

    def _open_details(self, summary: str, line: int) -> None:
        """Take the summary of an element ``details`` as the heading of its content."""
        outside = self._after_details or self.sections[-1]
        level = outside.level + 1
        self._open_section(summary, level, line)
        self._outside = outside

    def _add_html_text(self, block: HtmlBlock, text: str) -> None:
        if block.kind == "item":
            self._lists.append(-1)
        self._add(
            _InlineText(text, block.line, text, block.links, block.label, unlinked=block.unlinked),
            item=block.kind == "item",
        )
        if block.kind == "item":
            self._lists.pop()

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
            unlinked=" | ".join(cell.unlinked or "" for cell in self._row),
            struck=all(cell.struck or not cell.text for cell in self._row),
        )
        self._add(row, cells=tuple(zip(self._head, texts, strict=False)))

    def _add(
        self, inline: _InlineText, *, item: bool = False, cells: tuple[tuple[str, str], ...] = ()
    ) -> None:
        if self._after_details is not None:
            outside = self._after_details
            self._open_section(outside.heading, outside.level, outside.line)
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
                inline.unlinked,
                inline.shown,
                inline.emphasised,
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
    unlinked: str | None = None
    shown: str | None = None
    emphasised: bool = False


def _build_inline_text(children: Sequence[Token], line: int) -> _InlineText:
    texts = list(_split_inline_texts(children))
    text = "".join(text for text, _ in texts)
    prose = "".join(CODE_PLACEHOLDER if code else text for text, code in texts)
    links = tuple(str(child.attrGet("href")) for child in children if child.type == "link_open")
    return _InlineText(
        text,
        line,
        prose,
        links,
        _find_bold_label(children),
        _is_struck_through(children),
        _join_texts(children, linked=False),
        _join_texts(children, linked=True),
        _is_emphasised(children),
    )


def _join_texts(children: Sequence[Token], *, linked: bool) -> str:
    """Return the text outside of images with code in backticks, also of links if ``linked``."""
    depth, texts = 0, []
    for child in children:
        depth += {"link_open": 1, "link_close": -1}.get(child.type, 0)
        if child.type in ("softbreak", "hardbreak") or _is_line_break(child):
            texts.append("\n")
        elif depth and child.content.isdecimal():
            continue
        elif (linked or not depth) and child.type not in ("image", "html_inline"):
            code = child.type == "code_inline"
            texts.append(f"`{child.content}`" if code else child.content)
    return "".join(texts).strip()


def _is_emphasised(children: Sequence[Token]) -> bool:
    """Return whether all of a text is in italics."""
    depth, outside, inside = 0, "", ""
    for child in children:
        depth += {"em_open": 1, "em_close": -1}.get(child.type, 0)
        inside += child.content if depth else ""
        outside += "" if depth else child.content
    return bool(inside.strip()) and not re.search(r"\w", outside)


def _split_inline_texts(children: Sequence[Token]) -> Iterator[tuple[str, bool]]:
    """Yield pieces of text, each with whether it is code."""
    for child in children:
        if child.type in ("softbreak", "hardbreak"):
            yield "\n", False
        elif child.type == "html_inline":
            yield ("\n" if _is_line_break(child) else ""), False
        else:
            yield child.content, child.type == "code_inline"


def _is_line_break(token: Token) -> bool:
    return token.type == "html_inline" and bool(_HTML_LINE_BREAK.fullmatch(token.content))


_STRUCK_TAG = re.compile(r"<(/?)(?:s|del|strike)\b[^<>]*>", re.IGNORECASE)
_BOLD_TAG = re.compile(r"<(/?)(?:b|strong)\b[^<>]*>", re.IGNORECASE)


def _find_bold_label(children: Sequence[Token]) -> str:
    """Return the bold text at the beginning, where a colon or nothing follows on its line."""
    visible = [child for child in children if child.content or child.type != "text"]
    visible = [child for child in visible if child.type not in ("em_open", "em_close")]
    if not visible or _get_bold_edge(visible[0]) != "open":
        return ""
    closing = (n for n, child in enumerate(visible) if _get_bold_edge(child) == "close")
    end = next(closing, len(visible))
    label = "".join(text for text, _ in _split_inline_texts(visible[1:end])).strip()
    text_after = "".join(text for text, _ in _split_inline_texts(visible[end:])).lstrip(" ")
    ends_line = not text_after or text_after[0] in ":\n" or label.endswith(":")
    return label.rstrip(": ") if ends_line else ""


def _get_bold_edge(token: Token) -> str:
    """Return "open" or "close" for a token that begins or ends bold text."""
    if token.type == "html_inline":
        tag = _BOLD_TAG.fullmatch(token.content.strip())
        return "" if tag is None else "close" if tag[1] else "open"
    return {"strong_open": "open", "strong_close": "close"}.get(token.type, "")


def _is_struck_through(children: Sequence[Token]) -> bool:
    """Return whether all of a text is struck through."""
    depth, outside, struck = 0, "", False
    for child in children:
        tag = _STRUCK_TAG.fullmatch(child.content) if child.type == "html_inline" else None
        closes = child.type == "s_close" or (tag is not None and bool(tag[1]))
        opens = child.type == "s_open" or (tag is not None and not closes)
        struck = struck or opens
        depth += opens - closes
        outside += "" if depth or tag else child.content
    return struck and not re.sub(r"^\s*\[[ xX]\]", "", outside).strip()
