"""Convert HTML to Markdown: pages, and the exports of Confluence, Google Docs and Notion.

Only what a reader needs stays: headings, paragraphs, lists, tables, code, links and emphasis.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

Attributes = dict[str, str]

VOID_TAGS = frozenset(
    "area base br col embed hr img input link meta param source track wbr".split()
)
SKIPPED_TAGS = frozenset(
    "button footer iframe nav noscript script select style svg template textarea".split()
)
BLOCK_TAGS = frozenset(
    "address article aside blockquote body center dd details div dl dt fieldset figcaption figure "
    "h1 h2 h3 h4 h5 h6 header hr html li main ol p pre section summary table tbody td tfoot th "
    "thead tr ul".split()
)
HEADING_TAGS = {f"h{level}": level for level in range(1, 7)}
EMPHASIS_MARKS = {"b": "**", "strong": "**", "del": "~~", "s": "~~", "strike": "~~"}
MAIN_TAGS = ("main", "article")

SKIPPED_IDS = ("breadcrumb-section", "breadcrumbs", "footer", "navigation", "sidebar", "toc")
SKIPPED_CLASSES = frozenset(
    "page-metadata breadcrumb breadcrumbs toc toc-macro headerlink page-header-icon "
    "page-cover-image anchor sr-only visually-hidden".split()
)
"""Parts of exported pages and of websites that are not of the text."""

_SPACE = re.compile(r"\s+")
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_LINE_MARK = re.compile(r"(#{1,6}|[-+*>]|\d+[.)]|=+|-+)(?=\s|$)")
_BROWSER_SUFFIX = re.compile(r"\s+[-–—|]\s+(?:Google (?:Docs|Drive)|Confluence|Notion)\s*$")
_CHECKBOX = re.compile(r"\[[ x]\]")
_COMMENT_LINK = re.compile(r"#(?:cmnt|ftnt)")


@dataclass(slots=True)
class _Block:
    """A block of the page: its Markdown in lines, the line of its start, and where it is."""

    text: str
    line: int
    level: int = 0
    main: bool = False


@dataclass(slots=True)
class _Cell:
    text: str
    head: bool


@dataclass(slots=True)
class _Table:
    rows: list[tuple[list[_Cell], int]] = field(default_factory=list)


def convert_html(text: str) -> list[tuple[str, int]]:
    """Return the lines of a page in Markdown, each with the line of the page."""
    converter = _HtmlConverter()
    converter.feed(text)
    converter.close()
    return list(converter.format_lines())


class _HtmlConverter(HTMLParser):
    """Gathers the blocks of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._blocks: list[_Block] = []
        self._texts: list[str] = []
        self._start = 0
        self._open: list[str] = []
        self._skipped = 0
        self._lists: list[str] = []
        self._bullet = ""
        self._quotes = 0
        self._code: list[str] | None = None
        self._tables: list[_Table] = []
        self._links: list[str] = []
        self._heading = 0
        self._title: tuple[str, int] | None = None
        self._in_title = False
        self._main = 0
        self._date: str | None = None
        self._space = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin an element."""
        attributes = {name: value or "" for name, value in attrs}
        if tag not in VOID_TAGS:
            if tag in ("p", "li", "td", "th", "tr", "dt", "dd"):
                self._close_implied(tag)
            self._open.append(tag)
            if self._skipped or _is_skipped(tag, attributes):
                self._skipped += 1
                return
        elif self._skipped:
            return
        if tag in BLOCK_TAGS:
            self._end_block()
        self._begin(tag, attributes)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take an element that closes itself."""
        self.handle_starttag(tag, attrs)
        if tag not in VOID_TAGS:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        """End an element, and those in it that were never closed."""
        if tag not in self._open:
            return
        while self._open:
            last = self._open.pop()
            if self._skipped:
                self._skipped -= 1
            else:
                self._end(last)
            if last == tag:
                return

    def handle_data(self, data: str) -> None:
        """Take a text."""
        if self._skipped:
            return
        if self._in_title:
            self._title = ((self._title or ("", 0))[0] + data, self.getpos()[0])
        elif self._code is not None:
            self._code.append(data)
        else:
            self._add_text(_SPACE.sub(" ", data))

    def handle_comment(self, data: str) -> None:
        """Keep a comment that switches off rules of the lint."""
        if "postmortem:" in data and not self._skipped:
            self._end_block()
            self._add_block(f"<!--{_SPACE.sub(' ', data)}-->", self.getpos()[0])

    def _close_implied(self, tag: str) -> None:
        """End the elements that the start of another one ends, as ``<li>`` another ``<li>``."""
        ended = {"dt": ("dt", "dd"), "dd": ("dt", "dd"), "td": ("td", "th"), "th": ("td", "th")}
        borders = ("ul", "ol", "table", "dl", "div", "section", "article", "body")
        for position in range(len(self._open) - 1, -1, -1):
            name = self._open[position]
            if name in ended.get(tag, (tag,)):
                self.handle_endtag(name)
                return
            if name in borders or (tag == "p" and name in ("li", "td", "th", "blockquote")):
                return

    def _begin(self, tag: str, attributes: Attributes) -> None:
        line = self.getpos()[0]
        classes = attributes.get("class", "").split()
        if tag in HEADING_TAGS:
            self._heading = HEADING_TAGS[tag]
        elif tag == "p" and ("title" in classes):
            self._heading = 1
        elif tag == "title" and "svg" not in self._open:
            self._in_title = True
        elif tag in MAIN_TAGS or attributes.get("id") in ("main-content", "content"):
            self._main += tag in MAIN_TAGS
        elif tag in ("ul", "ol"):
            self._lists.append(tag)
        elif tag == "li":
            self._bullet = "- " if self._lists[-1:] != ["ol"] else "1. "
            if "data-inline-task-id" in attributes:
                self._add_checkbox("checked" in classes)
        elif tag == "input" and attributes.get("type") == "checkbox":
            self._add_checkbox("checked" in attributes)
        elif tag == "div" and "checkbox" in classes:
            self._add_checkbox("checkbox-on" in classes)
        else:
            self._begin_part(tag, attributes, line)

    def _begin_part(self, tag: str, attributes: Attributes, line: int) -> None:
        """Begin an element of text, a table, or code."""
        if tag == "br":
            self._texts.append("\n")
        elif tag in EMPHASIS_MARKS:
            self._add_text(EMPHASIS_MARKS[tag])
        elif tag in ("em", "i"):
            self._add_text("*")
        elif tag == "code" and self._code is None:
            self._add_text("`")
        elif tag == "a":
            self._links.append(_clean_link(attributes.get("href", "")))
            self._add_text("[" if self._links[-1] else "")
        elif tag == "pre":
            self._code, self._start = [], line
        elif tag == "blockquote":
            self._quotes += 1
        elif tag == "table":
            self._tables.append(_Table())
        elif tag == "tr" and self._tables:
            self._tables[-1].rows.append(([], line))
        elif tag == "time":
            date = _ISO_DATE.match(attributes.get("datetime", ""))
            self._date = date[0] if date else None
            self._texts.append("\0")

    def _end(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        elif tag == "pre":
            self._end_code()
        elif tag in ("td", "th") and self._tables:
            self._end_cell(tag == "th")
        elif tag in BLOCK_TAGS:
            self._end_block(label=tag == "dt", detail=tag == "summary")
            self._leave(tag)
        elif tag in EMPHASIS_MARKS:
            self._close_mark(EMPHASIS_MARKS[tag])
        elif tag in ("em", "i"):
            self._close_mark("*")
        elif tag == "code" and self._code is None:
            self._close_mark("`")
        elif tag == "a" and self._links:
            self._end_link()
        elif tag == "time":
            self._end_time()

    def _leave(self, tag: str) -> None:
        """Leave a list, a quotation or a table."""
        if tag in HEADING_TAGS or tag == "p":
            self._heading = 0
        elif tag in MAIN_TAGS:
            self._main = max(self._main - 1, 0)
        elif tag in ("ul", "ol") and self._lists:
            self._lists.pop()
            self._bullet = ""
        elif tag == "li":
            self._bullet = ""
        elif tag == "blockquote":
            self._quotes = max(self._quotes - 1, 0)
        elif tag == "table" and self._tables:
            self._end_table()

    def _close_mark(self, mark: str) -> None:
        """Close emphasis before the spaces at its end; drop one that has no text."""
        text = "".join(self._texts)
        bare = text.rstrip()
        if bare.endswith(mark) and bare.count(mark) % 2:
            self._texts = [bare[: -len(mark)], text[len(bare) :]]
        else:
            self._texts = [bare, mark, text[len(bare) :]]

    def _end_link(self) -> None:
        target = self._links.pop()
        if not target:
            return
        text = "".join(self._texts)
        before, _, label = text.rpartition("[")
        if label.strip():
            self._texts = [f"{before}[{label.strip()}]({target})"]
        else:
            self._texts = [before]

    def _end_time(self) -> None:
        before, _, label = "".join(self._texts).rpartition("\0")
        self._texts = [before, self._date or label.strip().lstrip("@")]

    def _add_checkbox(self, checked: bool) -> None:
        self._add_text("[x] " if checked else "[ ] ")

    def _add_text(self, text: str) -> None:
        if not self._texts or not "".join(self._texts).strip():
            self._texts, self._start = [], self.getpos()[0]
            text = text.lstrip()
        if text:
            self._texts.append(text)

    def _end_block(self, *, label: bool = False, detail: bool = False) -> None:
        """Add the text since the last block as a block, or to the cell of a table."""
        rows = [_SPACE.sub(" ", row).strip() for row in "".join(self._texts).split("\n")]
        text = "\n".join(row for row in rows if row).replace("\0", "")
        if self._tables:
            if text:
                self._texts = [*rows, " "]
            return
        if self._bullet and _CHECKBOX.fullmatch(text):
            return  # its text is in the next element
        self._texts = []
        if not text or not text.strip("*~`[] "):
            return
        if self._heading:
            heading = " ".join(text.split()).replace("**", "")
            self._add_block(f"{'#' * self._heading} {heading}", self._start, self._heading)
        elif label or detail:
            self._add_block(f"**{text.strip('*').rstrip(':')}:**", self._start)
        else:
            self._add_paragraph(text)

    def _add_paragraph(self, text: str) -> None:
        depth = max(len(self._lists) - 1, 0)
        indent = "   " * depth
        if self._bullet:
            text = f"{indent}{self._bullet}{text}".replace("\n", f"\n{indent}  ")
            self._bullet = " " * len(self._bullet)
        else:
            text = "\n".join(_escape_line(row) for row in text.split("\n"))
            inner = "   " * len(self._lists)
            text = inner + text.replace("\n", f"\n{inner}")
        self._add_block(text, self._start)

    def _add_block(self, text: str, line: int, level: int = 0) -> None:
        if self._quotes:
            text = "\n".join(f"> {row}" for row in text.split("\n"))
        self._blocks.append(_Block(text, line, level, self._main > 0))

    def _end_code(self) -> None:
        code = "".join(self._code or ()).strip("\n")
        self._code = None
        if self._tables:
            self._texts += [f" `{_SPACE.sub(' ', code)}` "]
        elif code.strip():
            self._add_block(f"```\n{code}\n```", self._start)

    def _end_cell(self, head: bool) -> None:
        text = _SPACE.sub(" ", "".join(self._texts)).strip().replace("|", r"\|")
        self._texts = []
        if self._tables[-1].rows:
            self._tables[-1].rows[-1][0].append(_Cell(text, head))

    def _end_table(self) -> None:
        table = self._tables.pop()
        rows = [(cells, line) for cells, line in table.rows if any(cell.text for cell in cells)]
        if self._tables:  # a table within the cell of another one
            self._texts += [" ".join(cell.text for cell in cells) + " " for cells, _ in rows]
            return
        if rows and all(len(cells) == 1 and not cells[0].head for cells, _ in rows):
            for cells, line in rows:
                self._add_block(cells[0].text, line)
            return
        for position, (cells, line) in enumerate(rows):
            row = f"| {' | '.join(cell.text for cell in cells)} |"
            rule = f"\n|{'---|' * len(cells)}" if position == 0 else ""
            self._blocks.append(_Block(row + rule, line, -1, self._main > 0))

    def format_lines(self) -> Iterator[tuple[str, int]]:
        """Yield the lines of all blocks, with an empty line between two that are not one table."""
        self._end_block()
        row_before = False
        for block in self._choose_blocks():
            is_row = block.level < 0 and "---|" not in block.text
            if not (is_row and row_before):
                yield "", block.line
            for position, text in enumerate(block.text.split("\n")):
                in_code = block.text.startswith("```")
                yield text, block.line + (max(position - 1, 0) if in_code else 0)
            row_before = block.level < 0
        yield "", self.getpos()[0]

    def _choose_blocks(self) -> list[_Block]:
        """Return the blocks of the main part, with a title where the page has no heading for it."""
        blocks = [block for block in self._blocks if block.main] or self._blocks
        tops = [block for block in blocks if block.level == 1]
        title = self._cut_space(tops[:1], _clean_title(self._title[0]) if self._title else "")
        if not title or self._title is None:
            return blocks
        same = any(_is_heading_of(block, title) for block in tops)
        if len(tops) == 1 or (same and tops[0] is blocks[0]):
            return blocks
        demoted = [
            _Block(f"#{block.text}" if 0 < block.level < 6 and tops else block.text, block.line)
            if block.level >= 0
            else block
            for block in blocks
        ]
        return [_Block(f"# {title}", self._title[1], 1), *demoted]

    def _cut_space(self, tops: list[_Block], title: str) -> str:
        """Return the title without the name of a Confluence space, cut from the heading as well."""
        _space, colon, page = title.partition(" : ")
        for block in tops:
            heading = block.text.removeprefix("# ")
            if colon and page and heading in (title, page):
                block.text = f"# {page}"
                return page
        return title


def _is_heading_of(block: _Block, title: str) -> bool:
    return block.text.removeprefix("# ").casefold() == title.casefold()


def _clean_title(title: str) -> str:
    """Return the title of a page without the name of the program that shows it."""
    title = _SPACE.sub(" ", title).strip()
    bare = _BROWSER_SUFFIX.sub("", title)
    if bare != title and title.endswith("Confluence") and " - " in bare:
        bare = bare.rpartition(" - ")[0]
    return bare


def _is_skipped(tag: str, attributes: Attributes) -> bool:
    if tag in SKIPPED_TAGS or attributes.get("id") in SKIPPED_IDS or "hidden" in attributes:
        return True
    if tag == "a" and _COMMENT_LINK.match(attributes.get("href", "")):
        return True
    return not SKIPPED_CLASSES.isdisjoint(attributes.get("class", "").split())


def _clean_link(target: str) -> str:
    """Return the address of a link, without the redirect of Google; anchors are none."""
    if target.startswith(("https://www.google.com/url?", "http://www.google.com/url?")):
        target = parse_qs(urlsplit(target).query).get("q", [target])[0]
    return "" if target.startswith(("#", "javascript:")) else target.replace(" ", "%20")


def _escape_line(text: str) -> str:
    """Return a line of a paragraph that Markdown takes for nothing else."""
    return f"\\{text}" if _LINE_MARK.match(text) and not text.startswith("**") else text
