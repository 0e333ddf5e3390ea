"""Rate how likely a test is about an incident that it mentions, and explain why.

The rules were tuned on the suites of pandas, NumPy and SymPy; `benchmarks/scanning.py` describes
how to measure them again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, get_args

from pytest_postmortem.scan.references import Reference, ReferenceForm
from pytest_postmortem.scan.test_passages import PassagePlace, SourcePassage

Strength = Literal["known-broken", "likely", "possible"]

STRENGTHS: tuple[Strength, ...] = get_args(Strength)
"""If a test mentions an incident more than once, the first strength in this order counts."""

PLACE_PHRASES: Mapping[PassagePlace, str] = {
    "name": "its name",
    "class": "the name of its class",
    "docstring": "its docstring",
    "mark": "a decorator",
    "reason": "the reason of an xfail or a skip",
    "argument": "a text in a decorator",
    "above": "the comment above it",
    "case": "a comment on its parameters",
    "opening": "the comment at its start",
    "inside": "a comment in it",
}

FORM_PHRASES: Mapping[ReferenceForm, str] = {
    "link": "links to it",
    "id": "names it",
    "sign": "has its number",
    "vague": "may name it",
    "pattern": "fits a configured pattern",
}

GUARDING_WORDS = re.compile(
    r"\bregression\s*(?:[(:#-]|cases?\b|checks?\b|for\b|found\b|from\b|gh\b|in\b|issues?\b|of\b|tests?\b)"
    r"|\bnon-?regression|\bregressed\b",
    re.IGNORECASE,
)
"""Phrases about regression tests, as opposed to regression in statistics."""

ASIDE_WORDS = re.compile(
    r"\b(?:todo|fixme|xxx|hack|work(?:s|ing)?[ -]?around|until|unless|(?:see|compare) also|cf"
    r"|related|unrelated|similar|analogous|same\s+\w*\s*as|follow[ -]?up|consequence|introduced"
    r"|postponed|not\s+(?:yet\s+)?(?:implemented|fixed))\b",
    re.IGNORECASE,
)
"""Words near an incident that the test is not about."""

_BETWEEN = (
    r"(?:[\s\"'`(#*-]+(?:an?|about|against|any|because|by|cases?|caused|checks?|cover(?:ed|ing|s)?"
    r"|directly|due|exactly|for|from|guard(?:ed|ing|s)?|incident|itself|of|outage|really|regression"
    r"|related|specific|tests?|testing|the|to|yet))*[\s\"'`(#*-]*"
)
_NEGATED_REFERENCE = re.compile(
    rf"(?:\b(?P<word>no|not|never|neither|nor|unlike|except|other\s+than)\b|n['’ ]t\b){_BETWEEN}$",
    re.IGNORECASE,
)
"""A negation before a reference; a test that does *not* fail negates none.

Docstrings include their quotes, and contractions are recognized.
"""

_DENIAL_BEHIND = re.compile(
    r"(?:[a-z-]+[\s:]+){0,2}\S*\d\S*\s+(?P<words>(?:do|does|did)(?:\s+not|n['’ ]t)"
    r"\s+(?:affect|apply|belong|concern|cover|matter|mean)"
    r"|(?:is|are|was|were)(?:\s+not|n['’ ]t)\s+(?:about|affected|concerned|covered|guarded|meant"
    r"|related|relevant|tested|the\s+(?:point|subject|topic))"
    r"|for\s+(?:that|those|(?:an?|its|the)\s+(?:regression\s+)?tests?))\b",
    re.IGNORECASE,
)
"""A reference followed by a negation, or by a note that its test is elsewhere."""

_NO_REGRESSION = re.compile(
    r"(?:\b(?:no|not|never|without)|n['’ ]t)\s+(?:yet\s+)?(?:(?:an?|any|the)\s+)?(?:non-?)?regress",
    re.IGNORECASE,
)

_LEADING_WORDS = re.compile(
    r"[\W_]*(?:(?:a|added|address(?:es|ing)?|also|an|and|api|based|bug(?:fix)?|cases?|change|checks?"
    r"|class|closes?|covers?|example|fix(?:e[sd]|ing)?|for|from|gh|github|in|input|is|issues?|link|of|on"
    r"|or|part|post|pre|problem|pull|ref(?:er|erence|s)?|regression|reported|reproduc\w*|request|resol\w+"
    r"|see|solves|test(?:ed|ing|s)?|the|this|ticket|to|trac|while|with|xref)\b[\W_]*"
    r"|(?:[a-z]{2,9}[-_]?)?\d+(?:\s*[,/&:]|\s+(?:and|or)\b)[\W_]*){0,9}",
    re.IGNORECASE,
)
"""Words that may precede a leading reference of a comment, including other references."""

_REFERENCES_ONLY = re.compile(
    r"(?:[\W_]|\d|gh|github|issues?|prs?|pull|and|or|https?://\S+(?=\s|$))*", re.IGNORECASE
)
_LIST_ITEM = re.compile(r"[\W_]*(?:see\s+)?(?:gh|issues?|prs?|https?://|#)[\W_]*\d+", re.IGNORECASE)
"""The start of a list item, each with its own reference."""

_TEST_VERBS = re.compile(
    r"\W*(?:(?:additional|also|another|basic|direct|further|mostly|now|simple|that|these|this|we)"
    r"\W+){0,5}(?:assert|check|confirm|cover|(?:ensure|make sure)(?! we use)|must|regression"
    r"|reproduc|should|test|verif)",
    re.IGNORECASE,
)
_DEFECT_WORDS = re.compile(
    r"\b(?:bugs?|buggy|corrupt\w*|crash\w*|dropped|erroneous\w*|incorrect\w*|infinite|leak\w*"
    r"|previously|segfault\w*|used to|wrong\w*)\b",
    re.IGNORECASE,
)
_CODE_LINE = re.compile(r"\s*(?:assert\b|raises\(|[\w.]+\(.*\)\s*(?:$|==|#)|[\w.]+\s*=\s)")
_OPEN_BRACKET = re.compile(r"\((?:see\s+)?$", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?:;]\s")


def weigh_reference(
    reference: Reference, passage: SourcePassage, muted: str | None = None
) -> tuple[Strength, str]:
    """Return how likely a test is about an incident that it mentions, and the reason in words.

    ``muted`` says why the test can't fail the run, for example a skip.
    """
    why = f"{PLACE_PHRASES[passage.place]} {FORM_PHRASES[reference.form]}"
    if passage.place == "reason":
        return "known-broken", why
    if muted:
        return "known-broken", f"{why}, and it is {muted.partition(':')[0]}"
    if reference.form == "vague":
        return "possible", why
    if passage.place in ("name", "class", "mark"):
        return "likely", why
    return _weigh_reference_in_text(reference, passage, why)


def _weigh_reference_in_text(
    reference: Reference, passage: SourcePassage, why: str
) -> tuple[Strength, str]:
    """Return the strength and the reason for a reference in prose."""
    before, line = _split_context(passage.text, reference.start)
    aside = ASIDE_WORDS.search(line)
    if aside:
        return "possible", f"{why}, next to {aside[0].casefold()!r}"
    denied = _find_denial(passage.text, reference.start, before)
    if denied:
        return "possible", f"{why}, next to {denied.casefold()!r}"
    if GUARDING_WORDS.search(_NO_REGRESSION.sub(" ", f"{before}#")):
        return "likely", f"{why}, as a regression"
    if passage.place == "argument" or _CODE_LINE.match(passage.text):
        return "possible", why
    if passage.place == "docstring" or _is_leading_reference(passage.text, reference.start):
        return "likely", why
    if _TEST_VERBS.match(passage.text) or _DEFECT_WORDS.search(
        _find_sentence(passage.text, reference.start)
    ):
        return "likely", why
    if passage.place in ("above", "opening") and _OPEN_BRACKET.search(before):
        return "likely", why
    return "possible", f"{why}, in passing"


def _find_denial(text: str, start: int, before: str) -> str | None:
    """Return the words that negate a reference, None if there are none."""
    if match := _NEGATED_REFERENCE.search(before):
        return " ".join((match["word"] or "not").split())
    behind = _DENIAL_BEHIND.match(text, start)
    return re.sub(r"n[’ ]t\b", "n't", " ".join(behind["words"].split())) if behind else None


def _split_context(text: str, start: int) -> tuple[str, str]:
    """Return the text before a position, from the line above on, and the line of the position."""
    begin = text.rfind("\n", 0, start) + 1
    above = text.rfind("\n", 0, max(begin - 1, 0)) + 1
    end = text.find("\n", start)
    return text[above:start], text[begin : end if end >= 0 else len(text)]


def _find_sentence(text: str, start: int) -> str:
    begins = [match.end() for match in _SENTENCE_END.finditer(text, 0, start)]
    end = _SENTENCE_END.search(text, start)
    return text[begins[-1] if begins else 0 : end.start() if end else len(text)]


def _is_leading_reference(text: str, start: int) -> bool:
    """Return whether a comment, or a sentence in it, begins with a reference."""
    begin = text.rfind("\n", 0, start) + 1
    if not _LEADING_WORDS.fullmatch(text, begin, start) and not _REFERENCES_ONLY.fullmatch(
        text, begin, start
    ):
        return False
    above = text[: max(begin - 1, 0)].rstrip()
    if not above or above[-1] in ".:!?)":
        return True
    end = text.find("\n", start)
    line_text = text[begin : end if end >= 0 else len(text)]
    return bool(
        _REFERENCES_ONLY.fullmatch(line_text) or _LIST_ITEM.match(above, above.rfind("\n") + 1)
    )
