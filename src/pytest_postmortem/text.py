"""Text of any origin → text that is harmless in a terminal and in the log of a CI job."""

from __future__ import annotations


def sanitize_line(text: str) -> str:
    """Make text of any origin fit for one line of a terminal or a CI log.

    What can't be printed becomes a space, and no line is taken for a command of GitHub Actions,
    which reads ``::`` at the start of a line and ``##[`` anywhere in it.
    """
    text = "".join(char if char.isprintable() else " " for char in text).rstrip()
    text = text.replace("##[", "## [")
    return text.replace("::", ": :", 1) if text.lstrip().startswith("::") else text
