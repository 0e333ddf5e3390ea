"""Split a document into its parts, by headings and by labels such as ``**Root cause:**``.

A section whose heading is unknown belongs to the part around it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pytest_postmortem.documents.heading_kinds import (
    HeadingKind,
    PartKind,
    classify_heading,
    rank_heading,
)
from pytest_postmortem.documents.sections import DocumentPassage, DocumentSection
from pytest_postmortem.model import ExtraWords

UNLABELLED_KINDS = ("story", "other")
"""The parts that no label can introduce in place of a heading, as ``**Root cause:** ...`` does."""

ACTION_GROUP_KINDS = ("plans", "other", "story", "lessons", "class", "good")
"""The kinds of headings that only group action items within their part, as "Detection"."""

LABELLED_SECTION_KINDS = ("story", "other", "lessons")
"""The kinds of sections in which a label begins a part."""

_PLAIN_LABEL = re.compile(
    r"(\W{0,4}(?![a-z])[^\W\d_][\w /'’()（）&-]{1,40}?)\s*(?::(?:\s+|$)|：\s*)"
)
_HEADING_COLON = re.compile(r"\s*(?::\s+|：\s*|\s[–—-]\s)")


@dataclass(frozen=True, slots=True)
class DocumentPart:
    """A part of a post-mortem: its kind, its heading or label, and its passages.

    Of several causes the one with the lowest ``rank`` is the best. ``level`` is that of the
    heading, a label has none.
    """

    kind: PartKind
    heading: str
    line: int
    passages: tuple[DocumentPassage, ...] = ()
    rank: float = 0
    level: int = 0

    @property
    def said(self) -> tuple[DocumentPassage, ...]:
        """The passages that are not the head of a table."""
        return tuple(passage for passage in self.passages if not passage.is_head)


def split_into_parts(
    sections: Sequence[DocumentSection], extra: ExtraWords = ()
) -> tuple[DocumentPart, ...]:
    """Return the parts of a document, in order.

    A section whose heading has no kind belongs to the part around it. A first heading that is the
    only one of the first level is the title, and has no kind. ``extra`` are words that a team adds.
    """
    all_parts: list[DocumentPart] = []
    outer_kinds: list[tuple[int, HeadingKind]] = []
    headed = [section for section in sections if section.level]
    title = headed[0] if [section.level for section in headed].count(1) == 1 else None
    for section in sections:
        is_title = section is title and section.level == 1
        while outer_kinds and outer_kinds[-1][0] >= section.level:
            outer_kinds.pop()
        kind = HeadingKind("story")
        if section.level and not is_title:
            outer = outer_kinds[-1][1] if outer_kinds else HeadingKind("other")
            kind = _rank_heading_within(section.heading, outer, extra)
            outer_kinds.append((section.level, kind))
        all_parts += _split_section(section, kind, extra)
    return tuple(all_parts)


WORSE_RANK = 0.3
"""What a cause counts less below the heading of a better one, as "Trigger" below "Root cause",
and what a part without the name of a cause does.
"""

FACTORS_RANK = 2
"""The rank of contributing factors, which are less than the cause also below its heading."""


def _rank_heading_within(heading: str, outer: HeadingKind, extra: ExtraWords) -> HeadingKind:
    ranked = rank_heading(heading, extra)
    if ranked is None:
        return HeadingKind("cause", outer.rank + WORSE_RANK) if outer.kind == "cause" else outer
    if outer.kind == ranked.kind == "cause" and ranked.rank != FACTORS_RANK:
        worse = WORSE_RANK if ranked.rank > outer.rank else 0
        return HeadingKind("cause", min(outer.rank, ranked.rank) + worse)
    groups = outer.kind == "actions" and ranked.kind in ACTION_GROUP_KINDS
    if outer.kind == "whys" and ranked.kind == "cause" and ranked.rank:
        groups = True
    return outer if groups else ranked


def split_cause_heading(heading: str, extra: ExtraWords = ()) -> str:
    """Return the cause in a heading such as ``Root cause: the pool had no limit``, or nothing."""
    head, text = heading, ""
    colon = _HEADING_COLON.search(heading)
    if colon:
        head, text = heading[: colon.start()], heading[colon.end() :].strip()
    is_sentence = len(text.split()) > 1 or (len(text) > 3 and not text.isascii())
    return text if is_sentence and classify_heading(head, extra) == "cause" else ""


def _split_section(
    section: DocumentSection, ranked: HeadingKind, extra: ExtraWords
) -> Iterator[DocumentPart]:
    """Yield the parts of one section: those under labels, and the rest."""
    kind = ranked.kind
    own = DocumentPart(kind, section.heading, section.line, (), ranked.rank, section.level)
    unlabelled: list[DocumentPassage] = []
    parts = [(own, unlabelled)]
    current, depth, group = unlabelled, -1, -1
    for passage in section.passages:
        has_labels = kind in LABELLED_SECTION_KINDS
        label, remainder = split_label(passage) if has_labels else ("", passage)
        labelled = rank_heading(label, extra) if label else None
        if labelled and kind == "other" and _is_measured_value(labelled, remainder):
            label, labelled = "", None
        sibling = passage.item and passage.group == group
        if current is not unlabelled and not current and not label and passage.depth < depth:
            depth = passage.depth  # belongs to the item, but is not indented
        elif passage.depth < depth or (passage.depth == depth and (sibling or label)):
            current, depth = unlabelled, -1
        is_outermost = passage.depth <= 1 and current is unlabelled
        if not labelled or labelled.kind in UNLABELLED_KINDS or not is_outermost:
            current.append(passage)
            continue
        current, depth, group = [remainder] if remainder.text else [], passage.depth, passage.group
        part = DocumentPart(labelled.kind, label, passage.line, (), labelled.rank)
        parts.append((part, current))
        if passage.cells:
            current, depth = unlabelled, -1
    return (replace(part, passages=tuple(passages)) for part, passages in parts)


def _is_measured_value(labelled: HeadingKind, value: DocumentPassage) -> bool:
    """Return whether a label with its value is a fact, as "Follow-up: 3 calls" of an impact."""
    return labelled.kind == "actions" and value.item and bool(value.text)


def split_label(passage: DocumentPassage) -> tuple[str, DocumentPassage]:
    """Return the label of a passage, and the passage without it."""
    if len(passage.cells) == 2:
        label = passage.cells[0][1]
        text = passage.cells[1][1]
        return label, replace(passage, text=text, prose=text, cells=(), unlinked=None, shown=None)
    label = passage.label
    if not label:
        plain = _PLAIN_LABEL.match(passage.text)
        label = plain[1] if plain else ""
    unlinked = None if passage.unlinked is None else _strip_label(passage.unlinked, label)
    return label, replace(
        passage,
        text=_strip_label(passage.text, label),
        prose=_strip_label(passage.prose, label),
        unlinked=unlinked,
        shown=None if passage.shown is None else _strip_label(passage.shown, label),
        label="",
    )


def _strip_label(text: str, label: str) -> str:
    return text[len(label) :].lstrip(" :：\n") if label and text.startswith(label) else text
