"""Read HTML within a document into headings, paragraphs, items and rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Literal

BlockKind = Literal["heading", "summary", "details_end", "paragraph", "item", "row"]

_HIDDEN_TAGS = frozenset({"script", "style", "pre", "template", "svg", "head"})
_BLOCK_TAGS = frozenset(
    "address article aside blockquote body details div dl dd dt fieldset figure footer form header "
    "hr li main nav ol p section summary table tbody td tfoot th thead tr ul h1 h2 h3 h4 h5 h6 "
    "figcaption br-block html".split()
)


@dataclass(frozen=True, slots=True)
class HtmlBlock:
    """A block of text in HTML with its first line; ``level`` is that of a heading.

    ``label`` is the bold text at its start, ``unlinked`` its text outside of links. ``is_first``
    says that a row is the first of its table.
    """

    kind: BlockKind
    text: str
    line: int
    level: int = 0
    cells: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    label: str = ""
    unlinked: str = ""
    is_first: bool = False


def read_html_blocks(html: str, line: int = 1) -> Sequence[HtmlBlock]:
    """Return the blocks of a piece of HTML that begins on a line; comments are left out."""
    reader = _BlockReader(line)
    reader.feed(html)
    reader.close()
    return reader.finish()


class _BlockReader(HTMLParser):
    """Builds blocks from the tags and texts of HTML in order."""

    def __init__(self, first_line: int) -> None:
        super().__init__(convert_charrefs=True)
        self._first_line = first_line
        self._blocks: list[HtmlBlock] = []
        self._kind: BlockKind = "paragraph"
        self._level = 0
        self._hidden = 0
        self._cells: list[str] | None = None
        self._is_first = False
        self._links_open = 0
        self._texts: list[str] = []
        self._unlinked: list[str] = []
        self._links: list[str] = []
        self._bold_from: int | None = None
        self._label = ""
        self._text_line = 0

    def finish(self) -> Sequence[HtmlBlock]:
        """Return all blocks."""
        self._end_block()
        return self._blocks

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a block, a row, a link or bold text."""
        if tag in _HIDDEN_TAGS:
            self._hidden += 1
        elif tag == "br":
            self._texts.append("\n")
        elif tag == "a":
            self._links_open += 1
            self._links.append(dict(attrs).get("href") or "")
        elif tag in ("b", "strong") and not "".join(self._texts).strip():
            self._bold_from = len(self._texts)
        elif tag in _BLOCK_TAGS:
            self._end_block()
            self._begin_block(tag)

    def _begin_block(self, tag: str) -> None:
        if tag == "table":
            self._is_first = True
        elif tag == "tr":
            self._cells = []
        elif re.fullmatch("h[1-6]", tag):
            self._kind, self._level = "heading", int(tag[1])
        elif tag == "summary":
            self._kind = "summary"
        elif tag in ("li", "dd"):
            self._kind = "item"

    def handle_endtag(self, tag: str) -> None:
        """End a block, a cell, a row, a link or bold text."""
        if tag in _HIDDEN_TAGS:
            self._hidden = max(0, self._hidden - 1)
        elif tag == "a":
            self._links_open = max(0, self._links_open - 1)
        elif tag in ("b", "strong") and self._bold_from is not None and not self._label:
            self._label = "".join(self._texts[self._bold_from :]).strip().rstrip(": ")
        elif tag in ("td", "th") and self._cells is not None:
            self._cells.append(" ".join("".join(self._texts).split()))
            self._start_text()
        elif tag == "tr" and self._cells is not None:
            self._end_row()
        elif tag in _BLOCK_TAGS:
            self._end_block()
            if tag == "details":
                self._blocks.append(HtmlBlock("details_end", "", self._line()))

    def handle_data(self, data: str) -> None:
        """Add a text to the block."""
        if self._hidden:
            return
        if not self._texts:
            self._text_line = self._line() + len(data) - len(data.lstrip("\n"))
        self._texts.append(data)
        if not self._links_open:
            self._unlinked.append(data)

    def _line(self) -> int:
        return self._first_line + self.getpos()[0] - 1

    def _start_text(self) -> None:
        self._texts, self._unlinked, self._links = [], [], []
        self._bold_from, self._label, self._text_line = None, "", 0

    def _end_row(self) -> None:
        cells = tuple(self._cells or ())
        self._cells = None
        if any(cells):
            text = " | ".join(cells)
            row = HtmlBlock("row", text, self._line(), cells=cells, is_first=self._is_first)
            self._blocks.append(row)
            self._is_first = False
        self._start_text()

    def _end_block(self) -> None:
        if self._cells is not None:
            return
        text = "".join(self._texts).strip()
        if text:
            after = text[len(self._label) :].lstrip() if self._label else ""
            label = self._label if not after or after.startswith((":", "：", "\n")) else ""
            self._blocks.append(
                HtmlBlock(
                    self._kind,
                    text,
                    self._text_line,
                    self._level,
                    links=tuple(self._links),
                    label=label,
                    unlinked="".join(self._unlinked).strip(),
                )
            )
        self._kind = "paragraph"
        self._start_text()
