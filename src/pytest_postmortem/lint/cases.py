"""What the lint looks at: a post-mortem with what is written about it, and its tests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pytest_postmortem.documents.action_items import (
    DocumentItem,
    build_item_of_field,
    find_document_items,
    is_placeholder_text,
)
from pytest_postmortem.documents.reader import PostmortemText
from pytest_postmortem.documents.sections import DocumentPassage
from pytest_postmortem.documents.vocabulary import DocumentPart, PartKind
from pytest_postmortem.model import Postmortem
from pytest_postmortem.pysource.marker_index import LinkedIncident

__all__ = ["LintCase", "build_lint_case"]

_UNFINISHED_STATUS = re.compile(
    r"\W*(?:draft|wip|work in progress|in[- ]progress|open|ongoing|active|investigating|in review|"
    r"pending|triage|identified|monitoring|not started|todo)\b",
    re.IGNORECASE,
)
MAX_NOTE_WORDS = 200
"""A document with a link of its own and no more words than these is a note about another."""

_REFERENCE_ELSEWHERE = re.compile(
    r"\brefer to\b|\b(?:full|complete|detailed|internal) (?:details|report|document|post-?mortem|"
    r"write-?up|analysis)\b",
    re.IGNORECASE,
)


ENGLISH_WORDS = frozenset(
    "the of to and is are we for it that by with from this because be".split()
)
MIN_ENGLISH_SHARE = 0.03
"""Below this share of the commonest words a text is in another language, or no prose at all."""

MIN_WORDS_TO_JUDGE = 20
"""Fewer words don't tell their language."""


@dataclass(frozen=True, slots=True)
class LintCase:
    """An incident: its entry, what is written about it, its action items and its tests.

    ``tests`` is None where nothing is known of any test.
    """

    postmortem: Postmortem
    writing: PostmortemText
    items: tuple[DocumentItem, ...] = ()
    tests: LinkedIncident | None = None

    @property
    def path(self) -> str | None:
        """The file that the findings are about."""
        return self.writing.path or None

    @property
    def line(self) -> int | None:
        """The line for what stands at no other."""
        return 1 if self.writing.whole else self.postmortem.line

    def parts(self, *kinds: PartKind) -> tuple[DocumentPart, ...]:
        """Return the parts of some kinds."""
        return tuple(part for part in self.writing.parts if part.kind in kinds)

    def said(self, *kinds: PartKind) -> Iterator[tuple[DocumentPart, DocumentPassage]]:
        """Yield what the parts of some kinds say, but for what only holds a place."""
        for part in self.parts(*kinds):
            for passage in part.said:
                if not is_placeholder_text(passage.text):
                    yield part, passage

    @property
    def is_unfinished(self) -> bool:
        """Whether it says of itself that it is not finished, so that nothing is missed in it."""
        status = self.postmortem.status or next((p.text for _, p in self.said("status")), "")
        return _UNFINISHED_STATUS.match(status) is not None

    @property
    def is_complete(self) -> bool:
        """Whether a part may be missed in it: a finished document that is not kept elsewhere, in
        the language that is understood here.
        """
        is_judgeable = self.writing.whole and not self.is_unfinished and not self._is_elsewhere()
        return is_judgeable and self._is_english()

    def _is_english(self) -> bool:
        texts = (passage.prose for part in self.writing.parts for passage in part.said)
        words = [word.strip(".,;:()").casefold() for text in texts for word in text.split()]
        english_count = sum(word in ENGLISH_WORDS for word in words)
        return len(words) < MIN_WORDS_TO_JUDGE or english_count >= MIN_ENGLISH_SHARE * len(words)

    def _is_elsewhere(self) -> bool:
        """Say whether it refers to the post-mortem itself, which is kept at another place."""
        passages = [passage for part in self.writing.parts for passage in part.said]
        refers = any(
            passage_linked.links and _REFERENCE_ELSEWHERE.search(passage_linked.text)
            for passage_linked in passages
        )
        words = sum(len(passage.text.split()) for passage in passages)
        leads_away = (self.postmortem.url or "").startswith(("https:", "http:"))
        return refers or (leads_away and words < MAX_NOTE_WORDS)

    @property
    def problem_class(self) -> str | None:
        """The class of problem, wherever it stands."""
        if self.postmortem.problem_class:
            return self.postmortem.problem_class
        return next((passage.text for _, passage in self.said("class")), None)


def build_lint_case(
    postmortem: Postmortem, writing: PostmortemText, tests: LinkedIncident | None = None
) -> LintCase:
    """Return the case of an incident, its action items from its fields and from its text."""
    line = postmortem.line or 1
    field_items = [build_item_of_field(action, line) for action in postmortem.action_items]
    known_titles = {item.action.title.casefold() for item in field_items}
    text_items = [
        item
        for item in find_document_items(writing.parts)
        if item.action.title.casefold() not in known_titles
    ]
    return LintCase(postmortem, writing, (*field_items, *text_items), tests)
