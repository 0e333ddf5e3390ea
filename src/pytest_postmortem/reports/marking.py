"""Text of any origin → Markdown in which it is nothing but text."""

from __future__ import annotations

import re
from urllib.parse import quote

__all__ = ["escape_markdown", "format_markdown_code", "format_markdown_link"]

ZERO_WIDTH_SPACE = "\u200b"
"""A space of no width: hosts look for names and numbers in what is rendered, where no backslash
is left that could keep them from it.
"""

_SPECIAL = re.compile(r"([\\`*_\[\]|~$])")
_STARTS = re.compile(r"^([-+#=]|\d+(?=[.)]))")
_CALLS = re.compile(r"@(?=\w)|[#!%&](?=\d)|(?<=\w)://|\bwww(?=\.)|\bGH(?=-\d)", re.IGNORECASE)
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def escape_markdown(text: str) -> str:
    """Return text in one line that Markdown shows as it is, in a paragraph, a list or a table.

    Nobody is mentioned, nothing is referred to, no address becomes a link, and no line is a
    command of GitHub Actions or GitLab.
    """
    text = _join_printable_line(text)
    text = _CALLS.sub(lambda found: found[0] + ZERO_WIDTH_SPACE, text)
    text = re.sub("[&<>]", lambda found: _ENTITIES[found[0]], text)
    text = _SPECIAL.sub(r"\\\1", text)
    text = re.sub(r"^(::|/)", rf"{ZERO_WIDTH_SPACE}\1", text)
    return _STARTS.sub(lambda found: _escape_line_start(found[1]), text)


def format_markdown_code(text: str) -> str:
    """Return text in one line as code, for anywhere but a table."""
    text = _join_printable_line(text).replace("##[", "## [")
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    space = " " if text[:1] in ("`", "") or text[-1:] == "`" else ""
    return f"{fence}{space}{text}{space}{fence}"


def format_markdown_link(text: str, url: str | None) -> str:
    """Return text that leads to a web address, or the text alone where there is none."""
    if url is None or not re.match(r"https?://[^\s/]", url, re.IGNORECASE):
        return escape_markdown(text)
    target = quote(url, safe="%/:?#@!$&*+,;=~", errors="backslashreplace").replace("&", "&amp;")
    return f"[{escape_markdown(text)}]({target})"


def _join_printable_line(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _escape_line_start(mark: str) -> str:
    """Keep the start of a line from being that of a list or a heading."""
    return f"{mark}\\" if mark.isdigit() else f"\\{mark}"
