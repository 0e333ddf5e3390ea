"""Sections → parts: what belongs to the causes, to the action items, to the class of problem."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pytest_postmortem.written.kinds import Kind, kind_of
from pytest_postmortem.written.passages import Passage, Section

__all__ = ["Part", "kind_within", "parts"]

NAMED = ("cause", "whys", "actions", "plans", "lessons", "class", "status", "good", "timeline")
"""The parts that may stand under a label instead of a heading, as ``**Root cause:** ...``."""

GROUPS = ("plans", "other", "story", "lessons", "class", "good")
"""What a heading among action items may name that is but a group of them, as "Detection"."""

_PLAIN_LABEL = re.compile(r"([A-Z][\w /'’-]{2,40}?)\s*:(?:\s+|$)")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a post-mortem: what it is, the heading or label over it, and what it says."""

    kind: Kind
    heading: str
    line: int
    passages: tuple[Passage, ...] = ()

    @property
    def said(self) -> tuple[Passage, ...]:
        """The passages that are no head of a table."""
        return tuple(each for each in self.passages if not each.is_head)


def parts(sections: Sequence[Section]) -> tuple[Part, ...]:
    """Return the parts of a document, in order.

    What stands below a heading that names nothing belongs to the part around it. The only heading
    of the first level is the title, and names nothing.
    """
    found: list[Part] = []
    around: list[tuple[int, Kind]] = []
    titles = [section for section in sections if section.level == 1]
    for section in sections:
        is_title = len(titles) == 1 and section is titles[0]
        while around and around[-1][0] >= section.level:
            around.pop()
        kind: Kind = "story"
        if section.level and not is_title:
            kind = kind_within(section.heading, around[-1][1] if around else "other")
            around.append((section.level, kind))
        found += _parts_of(section, kind)
    return tuple(found)


def kind_within(heading: str, outer: Kind) -> Kind:
    """Return what stands below a heading within a part: action items are often put in groups."""
    own = kind_of(heading) or outer
    return outer if outer == "actions" and own in GROUPS else own


def _parts_of(section: Section, kind: Kind) -> Iterator[Part]:
    """Yield the parts of one section: those under labels, and the rest."""
    rest: list[Passage] = []
    own: list[Passage] = rest
    labelled: list[tuple[Kind, Passage, list[Passage]]] = []
    depth = group = -1
    for passage in section.passages:
        label, said = _labelled(passage) if kind in ("story", "other") else ("", passage)
        named = kind_of(label) if label else None
        sibling = passage.item and passage.group == group
        if own is not rest and not own and not label and passage.depth < depth:
            depth = passage.depth  # what belongs to an item, and nobody has indented
        elif passage.depth < depth or (passage.depth == depth and (sibling or label)):
            own, depth = rest, -1
        if named in NAMED and passage.depth <= 1 and own is rest:
            own, depth, group = [], passage.depth, passage.group
            labelled.append((named, replace(passage, text=label), own))
            own.extend([said] if said.text else [])
            if passage.cells:
                own, depth = rest, -1
        else:
            own.append(passage)
    yield Part(kind, section.heading, section.line, tuple(rest))
    for named, label_passage, passages in labelled:
        yield Part(named, label_passage.text, label_passage.line, tuple(passages))


def _labelled(passage: Passage) -> tuple[str, Passage]:
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
        passage, text=_without(passage.text, label), prose=_without(passage.prose, label)
    )


def _without(text: str, label: str) -> str:
    return text[len(label) :].lstrip(" :\n") if label and text.startswith(label) else text
