"""Classify headings and labels: which part of a post-mortem is below them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

from pytest_postmortem.documents.head import find_headings
from pytest_postmortem.documents.vocabulary import (
    compile_phrases,
    fold_text,
    read_vocabulary_file,
    strip_signs,
)
from pytest_postmortem.model import ExtraWords

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

MAX_HEADING_LENGTH = 100
"""A longer text is a sentence, not a heading."""

_SHORTCODE = re.compile(r":[a-z][a-z0-9_+-]*:", re.IGNORECASE)
_ANCHOR = re.compile(r"\{[#:.][^{}]*\}\s*$")
_TAG = re.compile(r"<[^<>]*>")
_QUOTES = re.compile('[«»“”„"「」『』*~]')
_ORDINAL = re.compile(
    r"(?:\d{1,2}(?:\.\d{1,2})*(?:[.):、]\s*|\W?\s+)|第?[一二三四五六七八九十]{1,3}(?:[、.):章节]|\s)\s*|"
    r"(?:[ivx]{1,4}|[a-h])[.):]\s+|[①-⑳]\s*)"
)
_PARENTHESES = re.compile(r"\(([^()]*)\)|\[([^\[\]]*)\]")


@dataclass(frozen=True, slots=True)
class HeadingKind:
    """The kind of a heading; of several causes the one with the lowest rank is the best."""

    kind: PartKind
    rank: float = 0


def classify_heading(heading: str, extra: ExtraWords = ()) -> PartKind | None:
    """Return the kind of the part below a heading, or None."""
    ranked = rank_heading(heading, extra)
    return ranked.kind if ranked else None


@lru_cache(maxsize=4096)
def rank_heading(heading: str, extra: ExtraWords = ()) -> HeadingKind | None:
    """Return the kind and the rank of a heading, or None.

    Numbers, emoji, emphasis, anchors and punctuation around it do not matter. ``extra`` are words
    that a team adds, by the kind of part that they introduce.
    """
    if len(heading) > MAX_HEADING_LENGTH:
        return None
    patterns = _load_heading_kinds(extra)
    for text in _list_heading_forms(heading):
        for kind, pattern in patterns:
            if pattern.fullmatch(text):
                return kind
    return None


def _list_heading_forms(heading: str) -> Iterator[str]:
    """Yield a heading in the forms in which it may be known, the most complete first."""
    text = _TAG.sub(" ", _ANCHOR.sub("", _SHORTCODE.sub(" ", heading)))
    text = " ".join(_QUOTES.sub("", fold_text(text)).replace("&", " ").replace("/", " ").split())
    form = strip_signs(text)
    yield form
    ordinal = _ORDINAL.match(form)
    if ordinal and form[ordinal.end() :]:
        form = strip_signs(form[ordinal.end() :])
        yield form
    bare = strip_signs(" ".join(_PARENTHESES.sub(" ", form).split()))
    if bare and bare != form:
        yield bare
        for match in _PARENTHESES.finditer(form):
            yield strip_signs(match[1] or match[2] or "")


@lru_cache(maxsize=4)
def _load_heading_kinds(extra: ExtraWords) -> tuple[tuple[HeadingKind, re.Pattern[str]], ...]:
    """Return the kinds with their patterns, in the order in which they count."""
    added = [
        (HeadingKind(kind), compile_phrases("\n".join(words)))  # type: ignore[arg-type]
        for kind, words in extra
        if kind in get_args(PartKind)
    ]  # the check of the kind is not known to mypy
    known = [
        (
            HeadingKind(entry.pop("kind"), int(entry.pop("rank", 0))),
            compile_phrases("\n".join(entry.values())),
        )
        for entry in read_vocabulary_file("headings.yml")
    ]
    return (*added, *known)


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
