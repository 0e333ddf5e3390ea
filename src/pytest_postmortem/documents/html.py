"""Convert HTML to Markdown: pages, and the exports of Confluence, Google Docs and Notion.

Only what a reader needs stays: headings, paragraphs, lists, tables, code, links and emphasis.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import takewhile
from urllib.parse import parse_qs, urlsplit

MAX_DEPTH = 100
"""The number of elements around another one; deeper ones are read as if they ended at once."""

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
MARKS = {
    "b": "**",
    "strong": "**",
    "del": "~~",
    "s": "~~",
    "strike": "~~",
    "em": "*",
    "i": "*",
    "code": "`",
}
"""The marks of Markdown around a text."""

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
class _Element:
    """An element, a text (``#text``) or a comment (``#comment``), with the line of its start."""

    tag: str
    line: int
    attributes: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    children: list[_Element] = field(default_factory=list)
    has_blocks: bool = False

    @property
    def classes(self) -> list[str]:
        return self.attributes.get("class", "").split()


class _TreeBuilder(HTMLParser):
    """Builds the tree of the elements of a page, without those that are not of its text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = _Element("#root", 1)
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin an element."""
        if tag in ("p", "li", "td", "th", "tr", "dt", "dd"):
            self._close_implied(tag)
        element = self._add(tag, attributes={name: value or "" for name, value in attrs})
        if tag in BLOCK_TAGS or tag == "title":
            for outer in takewhile(lambda outer: not outer.has_blocks, reversed(self._open)):
                outer.has_blocks = True
        if tag not in VOID_TAGS and len(self._open) <= MAX_DEPTH:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take an element that closes itself."""
        self.handle_starttag(tag, attrs)
        if tag not in VOID_TAGS:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        """End an element, and those in it that were never closed."""
        for position in range(len(self._open) - 1, 0, -1):
            if self._open[position].tag == tag:
                del self._open[position:]
                return

    def handle_data(self, data: str) -> None:
        """Take a text."""
        self._add("#text", data)

    def handle_comment(self, data: str) -> None:
        """Keep a comment that switches off rules of the lint."""
        if "postmortem:" in data:
            self._add("#comment", f"<!--{_SPACE.sub(' ', data)}-->").has_blocks = True

    def _add(
        self, tag: str, text: str = "", attributes: Mapping[str, str] | None = None
    ) -> _Element:
        element = _Element(tag, self.getpos()[0], attributes or {}, text)
        self._open[-1].children.append(element)
        return element

    def _close_implied(self, tag: str) -> None:
        """End the elements that the start of another one ends, as ``<li>`` another ``<li>``."""
        ended = {"dt": ("dt", "dd"), "dd": ("dt", "dd"), "td": ("td", "th"), "th": ("td", "th")}
        borders = ("ul", "ol", "table", "dl", "div", "section", "article", "body")
        for element in reversed(self._open):
            if element.tag in ended.get(tag, (tag,)):
                self.handle_endtag(element.tag)
                return
            inner = tag == "p" and element.tag in ("li", "td", "th", "blockquote")
            if element.tag in borders or inner:
                return


@dataclass(slots=True)
class _Block:
    """A block of the page: its numbered lines in Markdown, and whether it is in the main part."""

    lines: list[tuple[str, int]]
    level: int = 0
    main: bool = False


def convert_html(text: str) -> list[tuple[str, int]]:
    """Return the lines of a page in Markdown, each with the line of the page."""
    builder = _TreeBuilder()
    builder.feed(text)
    builder.close()
    converter = _HtmlConverter()
    converter.take_children(builder.root)
    lines = [
        line
        for block in converter.choose_blocks()
        for line in (("", block.lines[0][1]), *block.lines)
    ]
    return [*lines, ("", builder.getpos()[0])]


class _HtmlConverter:
    """Gathers the blocks of a page."""

    def __init__(self) -> None:
        self._blocks: list[_Block] = []
        self._text = ""
        self._start = 0
        self._lists: list[str] = []
        self._bullet = ""
        self._quotes = 0
        self._main = 0
        self._title: tuple[str, int] | None = None

    def take_children(self, element: _Element) -> None:
        """Add the blocks in an element, and its text around them."""
        for child in element.children:
            if _is_skipped(child):
                continue
            if "checkbox" in child.classes and child.tag == "div":
                self._add_text(_render_inline(child), child.line)
            elif child.tag == "title":
                self._title = self._title or (_join_data(child), child.line)
            elif child.tag == "#comment":
                self._end_paragraph()
                self._add_block([(child.text, child.line)])
            elif child.tag in BLOCK_TAGS:
                self._end_paragraph()
                self._take_block(child)
                self._end_paragraph()
            elif child.has_blocks:
                self.take_children(child)
            else:
                self._add_text(_render_inline(child), child.line)
        if element.tag == "#root":
            self._end_paragraph()

    def _take_block(self, element: _Element) -> None:
        tag = element.tag
        level = 1 if tag == "p" and "title" in element.classes else HEADING_TAGS.get(tag)
        if level:
            heading = " ".join(_render_inline(element).split()).replace("**", "")
            if heading:
                self._add_block([(f"{'#' * level} {heading}", _find_text_line(element))], level)
        elif tag in ("dt", "summary"):
            label = " ".join(_render_inline(element).split()).strip("*").rstrip(":")
            if label:
                self._add_block([(f"**{label}:**", _find_text_line(element))])
        elif tag == "pre":
            self._add_code(element)
        elif tag == "table":
            self._add_table(element)
        else:
            self._take_container(element)

    def _take_container(self, element: _Element) -> None:
        """Add a list, an item, a quotation, or the main part of a page."""
        tag = element.tag
        if tag in ("ul", "ol"):
            self._lists.append(tag)
        elif tag == "li":
            self._bullet = "- " if self._lists[-1:] != ["ol"] else "1. "
            self._add_text(_render_checkbox(element), element.line)
        self._quotes += tag == "blockquote"
        self._main += tag in MAIN_TAGS
        self.take_children(element)
        self._end_paragraph()
        self._quotes -= tag == "blockquote"
        self._main -= tag in MAIN_TAGS
        if tag in ("ul", "ol"):
            self._lists.pop()
        if tag in ("ul", "ol", "li"):
            self._bullet = ""

    def _add_text(self, text: str, line: int) -> None:
        if not self._text:
            self._start = line
            text = text.lstrip()
        self._text += text

    def _end_paragraph(self) -> None:
        """Add the text since the last block as a paragraph or an item."""
        rows = [_SPACE.sub(" ", row).strip() for row in self._text.split("\n")]
        rows = [row for row in rows if row]
        if self._bullet and len(rows) == 1 and _CHECKBOX.fullmatch(rows[0]):
            return  # its text is in the next element
        self._text = ""
        if not "".join(rows).strip("*~`[] "):
            return
        if self._bullet:
            indent = "   " * max(len(self._lists) - 1, 0)
            starts = [indent + self._bullet, *[f"{indent}  "] * len(rows)]
            self._bullet = " " * len(self._bullet)
        else:
            rows = [_escape_line(row) for row in rows]
            starts = ["   " * len(self._lists)] * len(rows)
        texts = (start + row for start, row in zip(starts, rows, strict=False))
        self._add_block((text, self._start) for text in texts)

    def _add_block(self, lines: Iterable[tuple[str, int]], level: int = 0) -> None:
        quote = "> " if self._quotes else ""
        block = [(quote + text, line) for text, line in lines]
        self._blocks.append(_Block(block, level, self._main > 0))

    def _add_code(self, element: _Element) -> None:
        rows = _join_data(element).strip("\n").split("\n")
        if any(map(str.strip, rows)):
            lines = [(row, element.line + n) for n, row in enumerate(rows)]
            end = element.line + len(rows)
            self._add_block([("```", element.line), *lines, ("```", end)])

    def _add_table(self, table: _Element) -> None:
        rows = [
            (texts, row)
            for row in _find_elements(table, ("tr",))
            if any(texts := [_render_cell(cell) for cell in _find_elements(row, ("td", "th"))])
        ]
        heads = any(cell.tag == "th" for _, row in rows for cell in row.children)
        if not heads and all(len(texts) == 1 for texts, _ in rows):
            for texts, row in rows:
                self._add_block([(texts[0], row.line)])
            return
        lines = [(f"| {' | '.join(texts)} |", row.line) for texts, row in rows]
        lines.insert(1, (f"|{'---|' * len(rows[0][0])}", lines[0][1]))
        self._add_block(lines)

    def choose_blocks(self) -> list[_Block]:
        """Return the blocks of the main part, with a title where the page has no heading for it."""
        blocks = [block for block in self._blocks if block.main] or self._blocks
        tops = [block for block in blocks if block.level == 1]
        title = _cut_space(tops[:1], _clean_title(self._title[0]) if self._title else "")
        if not title or self._title is None:
            return blocks
        same = any(_is_heading_of(block, title) for block in tops)
        if len(tops) == 1 or (same and tops[0] is blocks[0]):
            return blocks
        for block in blocks:
            if 0 < block.level < 6 and tops:
                block.lines[0] = (f"#{block.lines[0][0]}", block.lines[0][1])
        return [_Block([(f"# {title}", self._title[1])], 1), *blocks]


def _cut_space(tops: list[_Block], title: str) -> str:
    """Return the title without the name of a Confluence space, cut from the heading as well."""
    _space, colon, page = title.partition(" : ")
    for block in tops:
        heading, line = block.lines[0]
        if colon and page and heading.removeprefix("# ") in (title, page):
            block.lines[0] = (f"# {page}", line)
            return page
    return title


def _find_elements(element: _Element, tags: tuple[str, ...]) -> Iterator[_Element]:
    """Yield the outermost elements of some tags in an element, outside of tables in it."""
    for child in element.children:
        if child.tag in tags:
            yield child
        elif child.tag != "table" and not _is_skipped(child):
            yield from _find_elements(child, tags)


def _find_text_line(element: _Element) -> int:
    """Return the line on which the text of an element begins."""
    texts = (text for text in _list_texts(element) if text.text.strip())
    return next(texts, element).line


def _list_texts(element: _Element) -> Iterator[_Element]:
    for child in element.children:
        if child.tag == "#text":
            yield child
        yield from _list_texts(child)


def _join_data(element: _Element) -> str:
    """Return the text in an element as it is."""
    return "".join(text.text for text in _list_texts(element))


def _render_cell(cell: _Element) -> str:
    return " ".join(_render_inline(cell).split()).replace("|", r"\|")


def _render_inline(element: _Element, marks: str = "") -> str:
    """Return the text in an element in Markdown; ``marks`` are those around it."""
    tag = element.tag
    if tag == "#text":
        return _SPACE.sub(" ", element.text)
    if tag == "br":
        return "\n"
    if _is_skipped(element) or tag == "#comment":
        return ""
    if tag == "pre":
        return f" `{_SPACE.sub(' ', _join_data(element)).strip()}` "
    mark = MARKS.get(tag, "")
    inner = marks + mark
    text = _render_checkbox(element) + "".join(
        _render_inline(child, inner) for child in element.children
    )
    if tag in BLOCK_TAGS:
        return f" {text} "
    bare = text.strip()
    if tag == "a":
        target = _clean_link(element.attributes.get("href", ""))
        return text if not target else f"[{bare}]({target})" if bare else ""
    if tag == "time":
        date = _ISO_DATE.match(element.attributes.get("datetime", ""))
        return date[0] if date else bare.lstrip("@")
    if not bare or not mark or mark in marks:
        return text
    return text.replace(bare, f"{mark}{bare}{mark}", 1)


def _render_checkbox(element: _Element) -> str:
    """Return the box that an element is, or that begins it."""
    tag, attributes, classes = element.tag, element.attributes, element.classes
    if tag == "li" and "data-inline-task-id" in attributes:
        return "[x] " if "checked" in classes else "[ ] "
    if tag == "input" and attributes.get("type") == "checkbox":
        return "[x] " if "checked" in attributes else "[ ] "
    if tag == "div" and "checkbox" in classes:
        return "[x] " if "checkbox-on" in classes else "[ ] "
    return ""


def _is_heading_of(block: _Block, title: str) -> bool:
    return block.lines[0][0].removeprefix("# ").casefold() == title.casefold()


def _clean_title(title: str) -> str:
    """Return the title of a page without the name of the program that shows it."""
    title = _SPACE.sub(" ", title).strip()
    bare = _BROWSER_SUFFIX.sub("", title)
    if bare != title and title.endswith("Confluence") and " - " in bare:
        bare = bare.rpartition(" - ")[0]
    return bare


def _is_skipped(element: _Element) -> bool:
    """Return whether an element is not of the text of a page."""
    attributes = element.attributes
    return (
        element.tag in SKIPPED_TAGS
        or attributes.get("id") in SKIPPED_IDS
        or "hidden" in attributes
        or not SKIPPED_CLASSES.isdisjoint(element.classes)
        or (element.tag == "a" and bool(_COMMENT_LINK.match(attributes.get("href", ""))))
    )


def _clean_link(target: str) -> str:
    """Return the address of a link, without the redirect of Google; anchors are none."""
    if target.startswith(("https://www.google.com/url?", "http://www.google.com/url?")):
        target = parse_qs(urlsplit(target).query).get("q", [target])[0]
    return "" if target.startswith(("#", "javascript:")) else target.replace(" ", "%20")


def _escape_line(text: str) -> str:
    """Return a line of a paragraph that Markdown takes for nothing else."""
    return f"\\{text}" if _LINE_MARK.match(text) and not text.startswith("**") else text
