"""Text made safe for a terminal and for the log of a CI job, cleaned, and cut to a length."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pytest_postmortem.model import normalize_id

MAX_JOINED_TEXTS = 3

_ESCAPED_BYTE = re.compile("%([89A-F][0-9A-F])")
_LONE_SURROGATE = re.compile("[\udc80-\udcff]")
_LINE_BREAK_CHARACTER = re.compile(r"[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")


def sanitize_line(text: str) -> str:
    """Return text as one safe line for a terminal or a CI log.

    Unprintable characters become spaces. Commands of GitHub Actions
    are escaped, which are ``::`` at the start of a line and ``##[`` anywhere.
    """
    text = "".join(char if char.isprintable() else " " for char in text).rstrip()
    text = text.replace("##[", "## [")
    return text.replace("::", ": :", 1) if text.lstrip().startswith("::") else text


def join_some_texts(
    texts: Sequence[str], separator: str = "; ", most: int = MAX_JOINED_TEXTS
) -> str:
    """Join the first texts, and count the others."""
    shown = separator.join(texts[:most])
    return f"{shown} and {len(texts) - most} more" if len(texts) > most else shown


def shorten_text(text: str, most: int) -> str:
    """Return a text of at most ``most`` characters, or so many of them and an ellipsis."""
    return text if len(text) <= most else f"{text[:most]}…"


def measure_width(text: str) -> int:
    """Return how many columns of a terminal a text takes; wide characters take two."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(
        0
        if unicodedata.category(char) in ("Mn", "Me", "Cf")
        else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
    )


def shorten_to_width(text: str, width: int) -> str:
    """Return a text of at most so many columns; where it is cut, it ends in three dots."""
    if measure_width(text) <= width:
        return text
    kept = text[: max(0, width - 3)]
    while kept and measure_width(kept) > width - 3:
        kept = kept[:-1]
    return f"{kept.rstrip()}..."


def pad_to_width(text: str, width: int) -> str:
    """Return a text with as many spaces at its end as make it so many columns wide."""
    return text + " " * (width - measure_width(text))


def align_columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of a table as lines, each cell as wide as the widest of its column."""
    widths = [max(map(measure_width, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(pad_to_width, row, widths)) for row in rows]


def clean_text(text: str, *, lines: bool = False) -> str:
    """Return a text that is safe to show: one line (unless ``lines``), nothing invisible.

    Controls, escapes, bidirectional overrides and zero-width characters are removed. Characters
    are in NFC; a byte of a file name that is not UTF-8 is written as ``%E9``.
    """
    if text.isascii() and text.isprintable():
        return text.strip()
    return _clean_lines(normalize_id(text), lines)


def clean_path(path: str) -> str:
    """Return a path as `clean_text` would, without NFC; `unescape_bytes` gives it back."""
    return _clean_lines(path, False)


def unescape_bytes(shown: str) -> str:
    """Return the path that `clean_path` shows, with bytes in place of ``%E9``."""
    return _ESCAPED_BYTE.sub(lambda match: chr(0xDC00 + int(match[1], 16)), shown)


def escape_bytes(text: str) -> str:
    """Return a text with ``%E9`` in place of a byte of a file name that is not UTF-8.

    So a mark can contain the id of that name, and a link its path.
    """
    return _LONE_SURROGATE.sub(lambda match: f"%{ord(match[0]) - 0xDC00:02X}", text)


def _clean_lines(text: str, lines: bool) -> str:
    if text.isprintable():
        return text.strip()
    rows = (_drop_invisible(row).strip() for row in _LINE_BREAK_CHARACTER.split(text.strip()))
    return ("\n" if lines else " ").join(row for row in rows if row)


def _drop_invisible(text: str) -> str:
    import unicodedata

    text = text.replace("\t", " ").replace("\xa0", " ")
    return "".join(
        c for c in escape_bytes(text) if unicodedata.category(c) not in ("Cc", "Cf", "Cs")
    )
