"""Parse Markdown into sections: a heading, and the paragraphs, items and rows below it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cache
from html import unescape
from itertools import count
from typing import TYPE_CHECKING

from pytest_postmortem.documents.head import DocumentHeading, find_headings
from pytest_postmortem.documents.html import convert_html
from pytest_postmortem.documents.markup import NumberedLines, blank_markers

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

CODE_PLACEHOLDER = "…"
"""The placeholder for code in ``prose``."""

_HTML_TAG = re.compile(r"<(/?)(\w+)\b[^<>]*>")
_DETAILS_EDGE = re.compile(
    r"(<summary\b[^<>]*>.{0,1000}?</summary\s*>|</details\s*>)", re.IGNORECASE | re.DOTALL
)
_IGNORE_COMMENT = re.compile(
    r"(?:<!--|(?:^|\s)#|^\.\.)\s*postmortem:\s*ignore\s*=\s*([\w*, -]{1,500}?)\s*(?:-->|$)",
    re.MULTILINE,
)
CHECKBOX = re.compile(r"\A\s*\[([ xX✓✔])\]\s*")
_MARKS = {
    "em": "italic",
    "strong": "bold",
    "b": "bold",
    "s": "struck",
    "del": "struck",
    "strike": "struck",
    "a": "link",
}
"""The marks that change how a text is read, by their tags."""


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
    lines = text.split("\n")
    return parse_numbered_sections(NumberedLines(zip(lines, count(above + 1))))


def parse_numbered_sections(lines: NumberedLines) -> list[DocumentSection]:
    """Return the sections of lines in Markdown, with the lines of their source."""
    reader = _SectionReader(lines.find_source_line(1))
    reader.take_lines(NumberedLines(zip(blank_markers(lines), lines.numbers, strict=True)))
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
    """Return the parser, which takes longer to import and to make than to read a short text."""
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").enable(["table", "strikethrough"])


class _SectionReader:
    """Builds sections from the tokens of a document in order."""

    def __init__(self, line: int) -> None:
        self.sections = [DocumentSection(line=line)]
        self._lines = NumberedLines()
        self._in_html = False
        self._lists: list[int] = []
        self._groups = 0
        self._quotes = 0
        self._begins = False
        self._outside: DocumentSection | None = None
        self._after_details: DocumentSection | None = None
        self._head: list[str] = []
        self._row: list[DocumentPassage] = []

    def take_lines(self, lines: NumberedLines) -> None:
        """Add lines in Markdown."""
        outer_lines, self._lines = self._lines, lines
        tokens = _build_markdown_parser().parse("\n".join(lines))
        for position, token in enumerate(tokens):
            self._take_token(token, tokens[position - 1])
        self._lines = outer_lines

    def _take_token(self, token: Token, before: Token) -> None:
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
            self._quotes += token.nesting
        elif kind == "tr_open":
            self._row = []
        elif kind == "tr_close":
            self._end_row()
        elif kind == "table_open":
            self._head = []
        elif kind == "html_block" and not self._in_html:
            self.sections[-1].comments.append(token.content)
            self._take_html(token.content, self._line(token))
        elif kind == "inline":
            self._take_inline(token, before)

    def _take_inline(self, token: Token, before: Token) -> None:
        children = token.children or []
        passage = _build_passage(children, self._line(token))
        html = [child.content for child in children if child.type == "html_inline"]
        self.sections[-1].comments += html
        if before.type == "heading_open":
            self._open_section(passage.text, int(before.tag[1:]), passage.line)
        elif before.type in ("th_open", "td_open"):
            self._row.append(passage)
        elif passage.text:
            self._add(replace(passage, item=self._begins and bool(self._lists)))
            self._begins = False

    def _open_section(self, heading: str, level: int, line: int) -> None:
        self._after_details = None
        self.sections.append(DocumentSection(" ".join(heading.split()), level, line))

    def _take_html(self, html: str, line: int) -> None:
        """Add a block of HTML as Markdown; a summary is the heading of its details."""
        self._in_html = True
        for piece in _DETAILS_EDGE.split(html):
            if piece[:8].casefold() == "<summary":
                self._open_details(unescape(_HTML_TAG.sub("", piece)), line)
            elif piece[:9].casefold() == "</details":
                self._after_details = self._outside
            elif piece.strip():
                lines = convert_html(piece)
                self.take_lines(NumberedLines((text, at + line - 1) for text, at in lines))
            line += piece.count("\n")
        self._in_html = False

    def _open_details(self, summary: str, line: int) -> None:
        """Take the summary of an element ``details`` as the heading of its content."""
        outside = self._after_details or self.sections[-1]
        self._open_section(summary, outside.level + 1, line)
        self._outside = outside

    def _line(self, token: Token) -> int:
        return self._lines.find_source_line((token.map[0] if token.map else 0) + 1)

    def _end_row(self) -> None:
        texts = [" ".join(cell.text.split()) for cell in self._row]
        self._head = self._head or texts
        row = DocumentPassage(
            " | ".join(texts).strip(),
            self._row[0].line,
            " | ".join(cell.prose for cell in self._row).strip(),
            cells=tuple(zip(self._head, texts, strict=False)),
            links=tuple(link for cell in self._row for link in cell.links),
            struck=all(cell.struck or not cell.text for cell in self._row),
            unlinked=" | ".join(cell.unlinked or "" for cell in self._row),
        )
        self._add(row)

    def _add(self, passage: DocumentPassage) -> None:
        if self._after_details is not None:
            outside = self._after_details
            self._open_section(outside.heading, outside.level, outside.line)
        group = self._lists[-1] if self._lists else 0
        passage = replace(passage, depth=len(self._lists), group=group, quoted=self._quotes > 0)
        self.sections[-1].passages.append(passage)


@dataclass(frozen=True, slots=True)
class _InlinePiece:
    """A token within a block, as text: the mark that it opens or closes, and those around it."""

    kind: str
    source: str
    text: str
    mark: str
    marks: Set[str]

    @property
    def visible(self) -> str:
        """The text outside of images, and without the numbers of footnotes, which are links."""
        if self.kind == "image" or ("link" in self.marks and self.source.isdecimal()):
            return ""
        return f"`{self.text}`" if self.kind == "code_inline" else self.text


def _build_passage(children: Sequence[Token], line: int) -> DocumentPassage:
    """Return the text within one block."""
    pieces = list(_split_pieces(children))
    unlinked = [piece for piece in pieces if "link" not in piece.marks or piece.text == "\n"]
    plain = (CODE_PLACEHOLDER if piece.kind == "code_inline" else piece.text for piece in pieces)
    outside_struck = _join_sources(pieces, without="struck")
    is_emphasised = any("italic" in piece.marks and piece.source.strip() for piece in pieces)
    return DocumentPassage(
        "".join(piece.text for piece in pieces).strip(),
        line,
        "".join(plain).strip(),
        links=tuple(str(child.attrGet("href")) for child in children if child.type == "link_open"),
        label=_find_bold_label(pieces),
        struck=any("struck" in piece.marks for piece in pieces)
        and not CHECKBOX.sub("", outside_struck).strip(),
        unlinked="".join(piece.visible for piece in unlinked).strip(),
        shown="".join(piece.visible for piece in pieces).strip(),
        emphasised=is_emphasised and not re.search(r"\w", _join_sources(pieces, without="italic")),
    )


def _join_sources(pieces: Iterable[_InlinePiece], without: str) -> str:
    return "".join(piece.source for piece in pieces if without not in piece.marks)


def _split_pieces(children: Sequence[Token]) -> Iterator[_InlinePiece]:
    depths: Counter[str] = Counter()
    for child in children:
        mark, nesting = _MARKS.get(child.tag, ""), child.nesting
        source = text = child.content
        if child.type in ("softbreak", "hardbreak"):
            text = "\n"
        elif child.type == "html_inline":
            tag = _HTML_TAG.fullmatch(child.content.strip())
            name = tag[2].casefold() if tag else ""
            mark = _MARKS.get(name, "")
            nesting = 0 if tag is None else -1 if tag[1] else 1
            source = "" if mark else source
            text = "\n" if name == "br" else ""
        if mark:
            depths[mark] += nesting
        yield _InlinePiece(child.type, source, text, mark, set(+depths))


def _find_bold_label(pieces: Sequence[_InlinePiece]) -> str:
    """Return the bold text at the beginning, where a colon or nothing follows on its line."""
    visible = [piece for piece in pieces if piece.text or piece.mark not in ("", "italic")]
    if not visible or visible[0].mark != "bold":
        return ""
    closing = (n for n, piece in enumerate(visible) if n and piece.mark == "bold")
    end = next(closing, len(visible))
    label = "".join(piece.text for piece in visible[1:end]).strip()
    text_after = "".join(piece.text for piece in visible[end:]).lstrip(" ")
    ends_line = not text_after or text_after[0] in ":\n" or label.endswith(":")
    return label.rstrip(": ") if ends_line else ""


def find_ignored_codes(comments: Iterable[str]) -> frozenset[str]:
    """Return the codes that comments ask to ignore, as ``<!-- postmortem: ignore=CODE -->``."""
    code_lists = (codes for comment in comments for codes in _IGNORE_COMMENT.findall(comment))
    return frozenset(code for codes in code_lists for code in re.split(r"[,\s]+", codes) if code)
