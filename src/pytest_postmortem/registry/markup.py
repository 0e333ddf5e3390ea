"""What the text of a document says outside of its front matter: headings, a date, a root cause.

A small scanner of Markdown and reStructuredText, line by line and no further than it has to: a
parser of either would take most of a second for a thousand documents.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pytest_postmortem.registry import fields
from pytest_postmortem.registry.names import iso_dates

__all__ = ["Heading", "first_heading", "headings", "root_cause", "said_date", "title"]

SECTIONS = re.compile(
    r"(?:(?:issue|incident|executive) )?(?:summary|overview|impact|timeline|dates?|dates?\(s\))|"
    r"background|introduction|context|abstract|authors?|status|description|details|lead-?up|"
    r"tl;?dr|root causes?|what happened"
)
"""Headings that name a part of any post-mortem: below the first level they are no title."""

MAX_LINE = 1000

_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_ANCHOR = re.compile(r"\s*\{[#:.][^{}]*\}$")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_RST = re.compile(r"([!-/:-@\[-`{-~])\1{2,}[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
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
_CAUSE = re.compile(r"root[ -]cause", re.IGNORECASE)
_BULLET = re.compile(r"\s*(?:[-*+]|\d+[.)])\s+")
_LINK = re.compile(r"\[([^\[\]]*)\]\([^()]*\)")
_BOLD = re.compile(r"\*\*([^*]+)\*\*")


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading: its text, its level, and the positions of its first line and of the next one."""

    text: str
    level: int
    start: int
    end: int


def first_heading(lines: Sequence[str], *, rst: bool = False) -> Heading | None:
    """Return the first heading of a document, outside of code and comments."""
    return next(headings(lines, rst), None)


def title(heading: Heading | None) -> str | None:
    """Return the title that a first heading gives, unless it names a mere section."""
    if heading is None:
        return None
    section = SECTIONS.fullmatch(heading.text.casefold().rstrip(": "))
    return None if section and heading.level > 1 else heading.text


def said_date(lines: Sequence[str], heading: Heading | None, *, rst: bool = False) -> str | None:
    """Return the date of a ``Date:`` line, row or bullet, of the first heading, or below one."""
    for line in _visible(lines):
        found = _DATE_LINE.match(line)
        if found and (dates := iso_dates(found[1])):
            return dates[0]
    if heading is not None and (dates := iso_dates(heading.text)):
        return dates[0]
    for dated in headings(lines, rst):
        if _DATE_HEADING.match(dated.text):
            below = next((line for line in lines[dated.end :] if line.strip()), "")
            return next(iter(iso_dates(below)), None)
    return None


def root_cause(lines: Sequence[str], *, rst: bool = False) -> str | None:
    """Return the first paragraph below a heading "Root cause", in one line of 200 characters."""
    if not any(map(_CAUSE.search, lines)):
        return None
    level, start = 0, None
    for heading in (*headings(lines, rst), Heading("", 0, len(lines), len(lines))):
        if start is not None:
            text = _paragraph(lines[start : heading.start])
            if text:
                return _shortened(text)
            start = heading.end if heading.level > level else None
        if start is None and _CAUSE_HEADING.match(heading.text):
            level, start = heading.level, heading.end
    return None


def _visible(lines: Sequence[str]) -> Iterator[str]:
    """Yield the lines, with nothing instead of those in code fences and HTML comments."""
    fence = ""
    comment = False
    for line in lines:
        shown = ""
        if comment:
            comment = "-->" not in line
        elif fence:
            bare = line.strip()
            fence = "" if bare.startswith(fence) and not bare.strip(fence[0]) else fence
        elif line.lstrip().startswith("<!--"):
            comment = "-->" not in line
        elif found := _FENCE.match(line):
            fence = found[1]
        else:
            shown = line
        yield shown


def headings(lines: Sequence[str], rst: bool) -> Iterator[Heading]:
    """Yield the headings of a document, outside of code and comments."""
    return _rst_headings(lines) if rst else _markdown_headings(lines)


def _markdown_headings(lines: Sequence[str]) -> Iterator[Heading]:
    before, above = "", ""
    for position, line in enumerate(_visible(lines)):
        if "#" in line[:4]:
            found = _ATX.match(line[:MAX_LINE])
            text = _heading_text(found[2] or "") if found else ""
            if found and text:
                yield Heading(text, len(found[1]), position, position + 1)
        elif line[:1] in "=- " and above.strip() and not before.strip():
            found = _SETEXT.match(line)
            if found and not _NO_PARAGRAPH.match(above):
                level = 1 if "=" in line else 2
                yield Heading(_heading_text(above), level, position - 1, position + 1)
        before, above = above, line


def _rst_headings(lines: Sequence[str]) -> Iterator[Heading]:
    levels: list[str] = []
    for position in range(1, len(lines)):
        line, above = lines[position], lines[position - 1]
        under = _RST.match(line)
        if under is None or not above.strip() or _RST.match(above) or above[:2] == "..":
            continue
        over = position > 1 and lines[position - 2].rstrip() == line.rstrip()
        if len(line.rstrip()) < min(len(above.rstrip()), 4) or (above[:1] == " " and not over):
            continue
        adornment = under[1] * (2 if over else 1)
        if adornment not in levels:
            levels.append(adornment)
        start = position - 2 if over else position - 1
        yield Heading(_heading_text(above), levels.index(adornment) + 1, start, position + 1)


def _heading_text(text: str) -> str:
    return _plain(_ANCHOR.sub("", text.strip()[:MAX_LINE]))


def _plain(text: str) -> str:
    """Return a text without the marks of links, bold and code."""
    return fields.clean(_BOLD.sub(r"\1", _LINK.sub(r"\1", text)).replace("`", ""))


def _paragraph(lines: Sequence[str]) -> str:
    """Return the first paragraph or the first item of a list; tables and images are none."""
    texts: list[str] = []
    for line in _visible(lines):
        bullet = _BULLET.match(line)
        if not line.strip() or (bullet and texts):
            if texts:
                break
        elif bullet:
            texts.append(line[bullet.end() :])
        elif texts or not _NO_PARAGRAPH.match(line):
            texts.append(line)
    return " ".join(text.strip() for text in texts)


def _shortened(text: str) -> str:
    text = _plain(text[:2000])
    if len(text) <= fields.SHORT:
        return text
    head = text[: fields.SHORT - 1]
    return head.rsplit(" ", 1)[0].rstrip(" ,;:") + "…"
