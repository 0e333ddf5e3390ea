"""Text of any origin → text that is harmless in a terminal and in the log of a CI job."""

from __future__ import annotations


def sanitize_line(text: str) -> str:
    """Return text as one safe line for a terminal or a CI log.

    Unprintable characters become spaces. Commands of GitHub Actions
    are escaped, which are ``::`` at the start of a line and ``##[`` anywhere.
    """
    text = "".join(char if char.isprintable() else " " for char in text).rstrip()
    text = text.replace("##[", "## [")
    return text.replace("::", ": :", 1) if text.lstrip().startswith("::") else text
