"""Text of any origin as the page shows it: without invisible characters, cut, as a link or not."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

from markupsafe import Markup

from pytest_postmortem.text import shorten_text


def make_inert(value: object) -> object:
    """Return a value without characters that are invisible or reverse text.

    The template passes every value through here. Joiners stay where they join letters of
    other scripts or parts of an emoji.
    """
    if isinstance(value, Markup) or not isinstance(value, str) or value.isprintable():
        return value
    ends = f" {value} "
    return "".join(
        char if char.isprintable() or char in "\n\t" else _make_visible(char, ends[n], ends[n + 2])
        for n, char in enumerate(value)
    )


def _make_visible(char: str, before: str, after: str) -> str:
    if unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return char
    if char in "\u200c\u200d" and all(c > "\x7f" and c.isprintable() for c in (before, after)):
        return char
    return f"[U+{ord(char):04X}]"


def parse_web_link(url: str | None) -> str | None:
    """Return an address that may become a link, None for any other text."""
    if not url or not re.fullmatch(r"https?://[^\s<>\"'`\\]{1,2000}", url, re.IGNORECASE):
        return None
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return None
    return url if host and url.isprintable() else None


def cut_inert_text(text: str, most: int) -> str:
    """Return the first characters of a text as they are shown."""
    return shorten_text(str(make_inert(text)), most)


def format_number(count: int) -> str:
    """Return a number with separators of thousands."""
    return f"{count:,}"


def format_page_count(count: int, noun: str = "incident") -> str:
    """Return a count and its noun: ``1,200 incidents``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
