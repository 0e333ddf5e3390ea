"""Sections → parts: what belongs to the causes, to the action items, to the class of problem."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pytest_postmortem.written.kinds import PartKind, classify_heading
from pytest_postmortem.written.passages import DocumentPassage, DocumentSection

__all__ = ["DocumentPart", "classify_heading_within", "split_into_parts"]

LABELLED_KINDS = (
    "cause",
    "whys",
    "actions",
    "plans",
    "lessons",
    "class",
    "status",
    "good",
    "timeline",
)
"""The parts that may stand under a label instead of a heading, as ``**Root cause:** ...``."""

ACTION_GROUP_KINDS = ("plans", "other", "story", "lessons", "class", "good")
"""What a heading among action items may name that is but a group of them, as "Detection"."""

_PLAIN_LABEL = re.compile(r"([A-Z][\w /'’-]{2,40}?)\s*:(?:\s+|$)")


@dataclass(frozen=True, slots=True)
class DocumentPart:
    """A part of a post-mortem: what it is, the heading or label over it, and what it says."""

    kind: PartKind
    heading: str
    line: int
    passages: tuple[DocumentPassage, ...] = ()

    @property
    def said(self) -> tuple[DocumentPassage, ...]:
        """The passages that are no head of a table."""
        return tuple(each for each in self.passages if not each.is_head)


def split_into_parts(sections: Sequence[DocumentSection]) -> tuple[DocumentPart, ...]:
    """Return the parts of a document, in order.

    What stands below a heading that names nothing belongs to the part around it. The only heading
    of the first level is the title, and names nothing.
    """
    all_parts: list[DocumentPart] = []
    outer_kinds: list[tuple[int, PartKind]] = []
    titles = [section for section in sections if section.level == 1]
    for section in sections:
        is_title = len(titles) == 1 and section is titles[0]
        while outer_kinds and outer_kinds[-1][0] >= section.level:
            outer_kinds.pop()
        kind: PartKind = "story"
        if section.level and not is_title:
            kind = classify_heading_within(
                section.heading, outer_kinds[-1][1] if outer_kinds else "other"
            )
            outer_kinds.append((section.level, kind))
        all_parts += _split_section(section, kind)
    return tuple(all_parts)


def classify_heading_within(heading: str, outer: PartKind) -> PartKind:
    """Return what stands below a heading within a part: action items are often put in groups."""
    kind = classify_heading(heading) or outer
    return outer if outer == "actions" and kind in ACTION_GROUP_KINDS else kind


def _split_section(section: DocumentSection, kind: PartKind) -> Iterator[DocumentPart]:
    """Yield the parts of one section: those under labels, and the rest."""
    unlabelled: list[DocumentPassage] = []
    current: list[DocumentPassage] = unlabelled
    labelled: list[tuple[PartKind, DocumentPassage, list[DocumentPassage]]] = []
    depth = group = -1
    for passage in section.passages:
        label, remainder = _split_label(passage) if kind in ("story", "other") else ("", passage)
        labelled_kind = classify_heading(label) if label else None
        sibling = passage.item and passage.group == group
        if current is not unlabelled and not current and not label and passage.depth < depth:
            depth = passage.depth  # what belongs to an item, and nobody has indented
        elif passage.depth < depth or (passage.depth == depth and (sibling or label)):
            current, depth = unlabelled, -1
        if labelled_kind in LABELLED_KINDS and passage.depth <= 1 and current is unlabelled:
            current, depth, group = [], passage.depth, passage.group
            labelled.append((labelled_kind, replace(passage, text=label), current))
            current.extend([remainder] if remainder.text else [])
            if passage.cells:
                current, depth = unlabelled, -1
        else:
            current.append(passage)
    yield DocumentPart(kind, section.heading, section.line, tuple(unlabelled))
    for labelled_kind, label_passage, passages in labelled:
        yield DocumentPart(labelled_kind, label_passage.text, label_passage.line, tuple(passages))


def _split_label(passage: DocumentPassage) -> tuple[str, DocumentPassage]:
    """Return the label of a passage, and what it says behind it."""
    if len(passage.cells) == 2:
        label = passage.cells[0][1]
        text = passage.cells[1][1]
        return label, replace(passage, text=text, prose=text, cells=())
    label = passage.label
    if not label:
        plain = _PLAIN_LABEL.match(passage.text)
        label = plain[1] if plain else ""
    return label, replace(
        passage, text=_strip_label(passage.text, label), prose=_strip_label(passage.prose, label)
    )


def _strip_label(text: str, label: str) -> str:
    return text[len(label) :].lstrip(" :\n") if label and text.startswith(label) else text
