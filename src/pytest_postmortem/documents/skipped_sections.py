"""Blank the sections of a document that nobody asks for, before the document is parsed."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pytest_postmortem.documents.head import find_headings
from pytest_postmortem.documents.heading_kinds import PartKind, classify_heading
from pytest_postmortem.model import ExtraWords


def blank_sections(
    lines: Sequence[str], kinds: Collection[PartKind], extra: ExtraWords = ()
) -> list[str]:
    """Return the lines of Markdown, with empty ones in place of sections of some kinds.

    A section below such a one is blanked as well, unless its heading has another kind.
    """
    remaining = list(lines)
    headings = list(find_headings(lines, rst=False))
    level = 0
    for position, heading in enumerate(headings):
        kind = classify_heading(heading.text, extra)
        if level and heading.level <= level:
            level = 0
        if kind in kinds and heading.level > 1:
            level = level or heading.level
        elif kind is not None or not level:
            continue
        following = headings[position + 1 :]
        end = following[0].start if following else len(lines)
        remaining[heading.end : end] = [""] * (end - heading.end)
    return remaining
