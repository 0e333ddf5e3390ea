"""Text made safe for a terminal and for the log of a CI job, and text cut to a length."""

from __future__ import annotations

from collections.abc import Sequence

MAX_JOINED_TEXTS = 3


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
