"""Scan a document outside of its front matter for headings, a date and a root cause.

It reads Markdown and reStructuredText line by line, and no further than it has to: a full parser
would take most of a second for a thousand documents.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pytest_postmortem.documents.dates import find_iso_dates
from pytest_postmortem.text import clean_text

SECTION_TITLES = re.compile(
    r"(?:(?:issue|incident|executive) )?(?:summary|overview|impact|timeline|dates?|dates?\(s\))|"
    r"background|introduction|context|abstract|authors?|status|description|details|lead-?up|"
    r"tl;?dr|root causes?|what happened"
)
"""Headings of parts that any post-mortem has: below the first level they are not the title."""

MAX_HEADING_LINE = 1000
MAX_ROOT_CAUSE = 200

_ATX_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_HEADING_ANCHOR = re.compile(r"\s*\{[#:.][^{}]*\}$")
_SETEXT_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_RST_ADORNMENT = re.compile(r"([!-/:-@\[-`{-~])\1{2,}[ \t]*$")
_CODE_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_NO_PARAGRAPH = re.compile(r"\s*(?:[|>#<]|[-*+] |\d+[.)] |\.\. |!\[|$)")
_DATE_LINE = re.compile(
    r"[\s>|*+_-]*(?:incident\s+)?dates?(?:\(s\))?(?:\s+of\s+(?:the\s+)?incident)?[\s*_]*[:|](.*)",
    re.IGNORECASE,
)
_DATE_HEADING = re.compile(
    r"(?:incident\s+)?dates?(?:\(s\))?(?:\s+of\s+(?:the\s+)?incident)?\s*:?$", re.IGNORECASE
)
_CAUSE_HEADING = re.compile(
    r"(?:\d+[.)]?\s+)?root[ -]causes?(?:\(s\))?(?: analysis)?(?: of\b.*)?\s*:?$", re.IGNORECASE
)
_ROOT_CAUSE = re.compile(r"root[ -]cause", re.IGNORECASE)
_LIST_BULLET = re.compile(r"\s*(?:[-*+]|\d+[.)])\s+")
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


def find_document_title(heading: DocumentHeading | None) -> str | None:
    """Return the title that a first heading gives, unless it names a mere section."""
    if heading is None:
        return None
    section = SECTION_TITLES.fullmatch(heading.text.casefold().rstrip(": "))
    return None if section and heading.level > 1 else heading.text


def find_document_date(
    lines: Sequence[str], heading: DocumentHeading | None, *, rst: bool = False
) -> str | None:
    """Return the date of a ``Date:`` line, row or bullet, of the first heading, or below one."""
    for line in _blank_hidden_lines(lines):
        match = _DATE_LINE.match(line)
        if match and (dates := find_iso_dates(match[1])):
            return dates[0]
    if heading is not None and (dates := find_iso_dates(heading.text)):
        return dates[0]
    for dated in find_headings(lines, rst):
        if _DATE_HEADING.match(dated.text):
            next_line = next((line for line in lines[dated.end :] if line.strip()), "")
            return next(iter(find_iso_dates(next_line)), None)
    return None


def find_root_cause(lines: Sequence[str], *, rst: bool = False) -> str | None:
    """Return the first paragraph below a heading "Root cause", in one line of 200 characters."""
    if not any(map(_ROOT_CAUSE.search, lines)):
        return None
    level, start = 0, None
    for heading in (*find_headings(lines, rst), DocumentHeading("", 0, len(lines), len(lines))):
        if start is not None:
            text = _find_first_paragraph(lines[start : heading.start])
            if text:
                return _shorten_root_cause(text)
            start = heading.end if heading.level > level else None
        if start is None and _CAUSE_HEADING.match(heading.text):
            level, start = heading.level, heading.end
    return None


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
    return _find_rst_headings(lines) if rst else _find_markdown_headings(lines)


def _find_markdown_headings(lines: Sequence[str]) -> Iterator[DocumentHeading]:
    second_previous, previous = "", ""
    for position, line in enumerate(_blank_hidden_lines(lines)):
        if "#" in line[:4]:
            match = _ATX_HEADING.match(line[:MAX_HEADING_LINE])
            text = _clean_heading(match[2] or "") if match else ""
            if match and text:
                yield DocumentHeading(text, len(match[1]), position, position + 1)
        elif line[:1] in "=- " and previous.strip() and not second_previous.strip():
            match = _SETEXT_UNDERLINE.match(line)
            if match and not _NO_PARAGRAPH.match(previous):
                level = 1 if "=" in line else 2
                yield DocumentHeading(_clean_heading(previous), level, position - 1, position + 1)
        second_previous, previous = previous, line


def _find_rst_headings(lines: Sequence[str]) -> Iterator[DocumentHeading]:
    levels: list[str] = []
    for position in range(1, len(lines)):
        line, previous = lines[position], lines[position - 1]
        underline = _RST_ADORNMENT.match(line)
        if (
            underline is None
            or not previous.strip()
            or _RST_ADORNMENT.match(previous)
            or previous[:2] == ".."
        ):
            continue
        has_overline = position > 1 and lines[position - 2].rstrip() == line.rstrip()
        if len(line.rstrip()) < min(len(previous.rstrip()), 4) or (
            previous[:1] == " " and not has_overline
        ):
            continue
        adornment = underline[1] * (2 if has_overline else 1)
        if adornment not in levels:
            levels.append(adornment)
        start = position - 2 if has_overline else position - 1
        yield DocumentHeading(
            _clean_heading(previous), levels.index(adornment) + 1, start, position + 1
        )


def _clean_heading(text: str) -> str:
    return _strip_inline_markup(_HEADING_ANCHOR.sub("", text.strip()[:MAX_HEADING_LINE]))


def _strip_inline_markup(text: str) -> str:
    """Return a text without the marks of links, bold and code."""
    return clean_text(_BOLD_TEXT.sub(r"\1", _MARKDOWN_LINK.sub(r"\1", text)).replace("`", ""))


def _find_first_paragraph(lines: Sequence[str]) -> str:
    """Return the first paragraph or the first item of a list; tables and images are none."""
    texts: list[str] = []
    for line in _blank_hidden_lines(lines):
        bullet = _LIST_BULLET.match(line)
        if not line.strip() or (bullet and texts):
            if texts:
                break
        elif bullet:
            texts.append(line[bullet.end() :])
        elif texts or not _NO_PARAGRAPH.match(line):
            texts.append(line)
    return " ".join(text.strip() for text in texts)


def _shorten_root_cause(text: str) -> str:
    text = _strip_inline_markup(text[:2000])
    if len(text) <= MAX_ROOT_CAUSE:
        return text
    head = text[: MAX_ROOT_CAUSE - 1]
    return head.rsplit(" ", 1)[0].rstrip(" ,;:") + "…"
