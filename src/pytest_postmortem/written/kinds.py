"""What a heading, a label or a key names: which part of a post-mortem stands below it.

The words are those of public templates and of the collections that were read; a heading that
fits none says nothing, and what stands below it belongs to the part around it.
"""

from __future__ import annotations

import re
from typing import Literal

__all__ = ["PartKind", "classify_heading"]

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
"""``actions`` is a list of action items, ``plans`` anything else that says what will be done;
``story`` tells what happened, ``good`` what went well.
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
"""The first that fits a heading as a whole says what it names."""

_KIND_PATTERNS = tuple((kind, re.compile(words)) for kind, words in HEADING_WORDS)

_HEADING_NUMBER = re.compile(r"\W*\d{1,2}(?:\.\d{1,2})*[.):]\s+")
_HEADING_EDGES = re.compile(r"^[\W_]+|[\s:?!.*_]+$")

MAX_HEADING_LENGTH = 100
"""A longer text is a sentence and no heading."""


def classify_heading(heading: str) -> PartKind | None:
    """Return what a heading names, without regard to numbers, signs and case; None for nothing."""
    if len(heading) > MAX_HEADING_LENGTH:
        return None
    text = _HEADING_EDGES.sub("", _HEADING_NUMBER.sub("", heading)).casefold().replace("_", " ")
    return next((kind for kind, words in _KIND_PATTERNS if words.fullmatch(text)), None)
