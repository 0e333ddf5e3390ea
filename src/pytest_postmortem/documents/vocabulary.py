"""Classify headings, labels and keys: which part of a post-mortem is below them.

The words come from public templates and collections. A section whose heading matches none of
them belongs to the part around it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pytest_postmortem.documents.sections import DocumentPassage, DocumentSection

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
"""The parts that a label can introduce in place of a heading, as ``**Root cause:** ...``."""


ACTION_GROUP_KINDS = ("plans", "other", "story", "lessons", "class", "good")
"""The kinds of headings that only group action items within their part, as "Detection"."""


_PLAIN_LABEL = re.compile(r"([A-Z][\w /'’-]{2,40}?)\s*:(?:\s+|$)")


@dataclass(frozen=True, slots=True)
class DocumentPart:
    """A part of a post-mortem: its kind, its heading or label, and its passages."""

    kind: PartKind
    heading: str
    line: int
    passages: tuple[DocumentPassage, ...] = ()

    @property
    def said(self) -> tuple[DocumentPassage, ...]:
        """The passages that are not the head of a table."""
        return tuple(passage for passage in self.passages if not passage.is_head)


def split_into_parts(sections: Sequence[DocumentSection]) -> tuple[DocumentPart, ...]:
    """Return the parts of a document, in order.

    A section whose heading has no kind belongs to the part around it. The only heading of the
    first level is the title, and has no kind.
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
    """Return the kind of a heading within a part; most headings in action items group them."""
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
            depth = passage.depth  # belongs to the item, but is not indented
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
    """Return the label of a passage, and the passage without it."""
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


PartKind = Literal[
    "cause",
    "whys",
    "actions",
    "plans",
    "lessons",
    "class",
    "status",
    "story",
    "good",
    "timeline",
    "other",
]
"""``actions`` is a list of action items, ``plans`` any other text about future work, ``story``
the course of the incident, ``good`` what went well.
"""

HEADING_WORDS: tuple[tuple[PartKind, str], ...] = (
    ("whys", r".*\b(five|5) ?-?why'?s?\b.*|whys|why-why( analysis)?"),
    ("cause", r".*\broot[ -]?causes?\b.*"),
    ("cause", r"(contributing|causal|underlying|aggravating|proximate|systemic)\b.*"),
    ("cause", r"(primary|secondary|possible|probable|direct|immediate|technical)? ?causes?\b.*"),
    ("cause", r"causation|triggers?|faults?|factors?|diagnosis|explanation"),
    ("cause", r"what (caused|was the (cause|problem|reason|issue))\b.*"),
    ("cause", r"(what|things)\b.* (wrong|poorly|badly|better|improved?|not (go )?(so )?well)\b.*"),
    ("cause", r"(what|things)( that)? (did not|didn't|didn’t|did n't|went not)\b.*"),
    ("cause", r"why|reasons?( why\b.*)?"),
    ("cause", r"(how|why) (did|was|were|is|does|do|has|have|had|it|this|that|we)\b.*"),
    ("cause", r"((root )?cause|failure|technical|incident|problem|causal)? ?analysis\b.*"),
    ("cause", r"technical (details?|background|explanation|summary|description)"),
    ("good", r"(what|where|things|how)\b.*\b(well|right|luck|lucky|good)\b.*|positives|luck|kudos"),
    ("plans", r"lessons?\b.*\b(improvements?|actions?|next steps|follow[ -]?ups?)\b.*"),
    ("lessons", r"(key )?(lessons?|takeaways?|learnings?|reflections?|insights|conclusions?)\b.*"),
    (
        "other",
        r"(immediate |response |mitigating )?(actions?|steps|measures) (that were )?taken\b.*",
    ),
    ("actions", r".*\baction[ -]?(items?|points?|list|plan|register|tracker)\b.*"),
    ("actions", r"(incident )?actions?( \(.*)?"),
    (
        "actions",
        r"(corrective|preventive|preventative|prevention|remedial|remediation|follow[ -]?up|"
        r"review|planned|next|improvement|future|hardening|repair|(short|mid|medium|long)[ -]term|"
        r"immediate|post-?incident)\b.*\b(actions?|items?|steps?|measures?|tasks?|work|to-?dos?)\b.*",
    ),
    ("actions", r"follow[ -]?ups?\b.*|next steps?\b.*|to[ -]?dos?\b.*|(open |outstanding )?tasks"),
    ("plans", r"remediations?\b.*|preventions?\b.*|.*\bimprovements?\b.*|recommendations?\b.*"),
    (
        "plans",
        r"(moving|going) forward\b.*|.*\bprevent(ing)?\b.*|(future|further) (plans?|work)\b.*",
    ),
    ("plans", r"what('s|’s| is| are| will| do)? (next|we|happens next|be done|doing|do)\b.*"),
    ("class", r"((problem|failure|incident|root cause|cause|primary failure) )?class(es)?"),
    ("class", r"((problem|failure|incident|root cause|cause) )?(categor(y|ies)|classification)"),
    ("class", r"class of (the )?(problem|failure|incident)"),
    ("status", r"(document |post-?mortem |report )?status"),
    ("timeline", r".*\btimeline\b.*|key events?|chronology|sequence of events|events?|history"),
    (
        "story",
        r"((issue|incident|executive|problem) )?(summary|overview|abstract|tl;?dr|description|"
        r"context|background|introduction|details?|narrative)\b.*|lead-?up|what happened.*",
    ),
    (
        "other",
        r"(user |customer |business |incident |data )?(impact|scope|detection|discovery|response|"
        r"resolution|recovery|mitigation|communications?|escalation|references?|appendix|appendices|"
        r"attachments?|links?|thanks|acknowledge?ments?|credits?|authors?|attendees|participants?|"
        r"responders?|owners?|team|roles?|glossary|dates?|severity|duration|stats|statistics|metrics|"
        r"metadata|tags?|services?|systems?|environment|q&a|faq|questions|notes?|supporting|related|"
        r"recurrence|backlog|integrity)\b.*",
    ),
)
"""The kinds with a pattern for a whole heading; the first match counts."""

_KIND_PATTERNS = tuple((kind, re.compile(words)) for kind, words in HEADING_WORDS)

_HEADING_NUMBER = re.compile(r"\W*\d{1,2}(?:\.\d{1,2})*[.):]\s+")
_HEADING_EDGES = re.compile(r"^[\W_]+|[\s:?!.*_]+$")

MAX_HEADING_LENGTH = 100
"""A longer text is a sentence, not a heading."""


def classify_heading(heading: str) -> PartKind | None:
    """Return the kind of a heading, without regard to numbers, signs and case, or None."""
    if len(heading) > MAX_HEADING_LENGTH:
        return None
    text = _HEADING_EDGES.sub("", _HEADING_NUMBER.sub("", heading)).casefold().replace("_", " ")
    return next((kind for kind, words in _KIND_PATTERNS if words.fullmatch(text)), None)
