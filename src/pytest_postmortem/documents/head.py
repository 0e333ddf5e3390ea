"""Scan a document outside of its front matter for headings and a root cause.

It reads Markdown and reStructuredText line by line, and no further than it has to: a full parser
would take most of a second for a thousand documents. What the head of a document states is read
in `stated_fields`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pytest_postmortem.text import clean_text

SECTION_TITLES = re.compile(
    r"(?:(?:issue|incident|executive) )?(?:summary|overview|impact|timeline|dates?|dates?\(s\))|"
    r"background|introduction|context|abstract|authors?|status|description|details|lead-?up|"
    r"tl;?dr|root causes?|what happened"
)
"""Headings of parts that any post-mortem has: below the first level they are not the title."""

MAX_HEADING_LINE = 1000

_HEADING_OR_LABEL = re.compile(
    r"\n(?: {0,3}(?:#|(?:=+|-+)[ \t]*$)|(?![ \t>+.-]*(?:\* )?(?:[0-9]+[^0-9.)\n]|\n|\Z)))",
    re.MULTILINE,
)
"""The beginning of a line that may be a heading or have a label.

It is not empty, and has no time before its text: most lines of a post-mortem are those of its
timeline.
"""

_ATX_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_ATX_MARKS = frozenset("#" * level for level in range(1, 7))
_HEADING_ANCHOR = re.compile(r"\s*\{[#:.][^{}]*\}$")
_SETEXT_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_RST_ADORNMENT = re.compile(r"([!-/:-@\[-`{-~])\1{2,}[ \t]*$")
_CODE_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_NO_PARAGRAPH = re.compile(r"\s*(?:[|>#<]|[-*+] |\d+[.)] |\.\. |!\[|$|[-=]+\s*$)")
_IMAGE = r"!\[[^\[\]]*\]\([^()]*\)\s*"
_MARKDOWN_LINK = re.compile(r"\[([^\[\]]*)\]\([^()]*\)")
_BOLD_TEXT = re.compile(r"\*\*([^*]+)\*\*")


@dataclass(frozen=True, slots=True)
class DocumentHeading:
    """A heading: its text, its level, and the positions of its first line and of the next one."""

    text: str
    level: int
    start: int
    end: int


def find_first_heading(lines: Sequence[str], *, rst: bool = False) -> DocumentHeading | None:
    """Return the first heading of a document, outside of code and comments."""
    return next(find_headings(lines, rst), None)


def _blank_hidden_lines(lines: Sequence[str]) -> Iterator[str]:
    """Yield the lines, with nothing instead of those in code fences and HTML comments."""
    fence = ""
    comment = False
    for line in lines:
        visible_line = ""
        if comment:
            comment = "-->" not in line
        elif fence:
            bare = line.strip()
            fence = "" if bare.startswith(fence) and not bare.strip(fence[0]) else fence
        elif line.lstrip().startswith("<!--"):
            comment = "-->" not in line
        elif fence_match := _CODE_FENCE.match(line):
            fence = fence_match[1]
        else:
            visible_line = line
        yield visible_line


def find_headings(lines: Sequence[str], rst: bool) -> Iterator[DocumentHeading]:
    """Yield the headings of a document, outside of code and comments."""
    return find_visible_headings(lines if rst else hide_code(lines), rst)


def find_visible_headings(
    lines: Sequence[str], rst: bool, positions: Sequence[int] | None = None
) -> Iterator[DocumentHeading]:
    """Yield the headings of a document whose code and comments are hidden.

    ``positions`` are those of `find_line_positions`, if they are known.
    """
    if rst:
        return _find_rst_headings(lines)
    known = find_line_positions("\n".join(lines)) if positions is None else positions
    return _find_markdown_headings(lines, known)


def hide_code(lines: Sequence[str]) -> Sequence[str]:
    """Return the lines, with nothing instead of those in code fences and HTML comments."""
    text = "\n".join(lines)
    signs = (("`", "```"), ("~", "~~~"), ("<", "<!--"))
    # A single character is found much faster.
    if any(sign in text and start in text for sign, start in signs):
        return list(_blank_hidden_lines(lines))
    return lines


def find_line_positions(text: str) -> Sequence[int]:
    """Return the positions of the lines that may be headings or have labels."""
    text = "\n" + text  # by which a search in the whole text is fast
    position, last = -1, 0
    positions = []
    for match in _HEADING_OR_LABEL.finditer(text):
        start = match.start() + 1
        position += text.count("\n", last, start)
        last = start
        positions.append(position)
    return positions


def _find_markdown_headings(
    lines: Sequence[str], positions: Sequence[int]
) -> Iterator[DocumentHeading]:
    for position in positions:
        line = lines[position]
        if "#" in line[:4]:
            level, text = _split_atx_heading(line[:MAX_HEADING_LINE])
            if level and (text := _clean_heading(text)):
                yield DocumentHeading(text, level, position, position + 1)
        elif position and not (position > 1 and lines[position - 2].strip()):
            previous = lines[position - 1]
            if _SETEXT_UNDERLINE.match(line) and not _NO_PARAGRAPH.match(previous):
                level = 1 if "=" in line else 2
                yield DocumentHeading(_clean_heading(previous), level, position - 1, position + 1)


def _split_atx_heading(line: str) -> tuple[int, str]:
    """Return the level and the text of a line such as ``## Impact``; the level 0 if it is none."""
    marks, _, text = line.partition(" ")
    if marks in _ATX_MARKS and "#" not in text:
        return len(marks), text
    match = _ATX_HEADING.match(line)
    return (len(match[1]), match[2] or "") if match else (0, "")


def _find_rst_headings(lines: Sequence[str]) -> Iterator[DocumentHeading]:
    levels: list[str] = []
    for position in range(1, len(lines)):
        line, previous = lines[position], lines[position - 1]
        underline = _RST_ADORNMENT.match(line)
        is_text = previous.strip() and previous[:2] != ".." and not _RST_ADORNMENT.match(previous)
        if underline is None or not is_text:
            continue
        has_overline = position > 1 and lines[position - 2].rstrip() == line.rstrip()
        is_short = len(line.rstrip()) < min(len(previous.rstrip()), 4)
        if is_short or (previous[:1] == " " and not has_overline):
            continue
        adornment = underline[1] * (2 if has_overline else 1)
        if adornment not in levels:
            levels.append(adornment)
        start = position - 2 if has_overline else position - 1
        level = levels.index(adornment) + 1
        yield DocumentHeading(_clean_heading(previous), level, start, position + 1)


def _clean_heading(text: str) -> str:
    text = text.strip()[:MAX_HEADING_LINE]
    return strip_inline_markup(_HEADING_ANCHOR.sub("", text) if text.endswith("}") else text)


def strip_inline_markup(text: str) -> str:
    """Return a text without the marks of links, bold and code."""
    if "[" in text:
        text = re.sub(_IMAGE, "", text) if "![" in text else text
        text = _MARKDOWN_LINK.sub(r"\1", text)
    if "*" in text:
        text = _BOLD_TEXT.sub(r"\1", text)
    return clean_text(text.replace("`", ""))
