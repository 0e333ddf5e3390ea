"""What the lint looks at: a post-mortem with what is written about it, and its tests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pytest_postmortem.marked import Linked
from pytest_postmortem.model import Postmortem
from pytest_postmortem.written.facts import is_placeholder
from pytest_postmortem.written.items import Item, items, of_action
from pytest_postmortem.written.kinds import Kind
from pytest_postmortem.written.parts import Part
from pytest_postmortem.written.passages import Passage
from pytest_postmortem.written.reading import Writing

__all__ = ["Case", "case_of"]

_UNFINISHED = re.compile(
    r"\W*(?:draft|wip|work in progress|in[- ]progress|open|ongoing|active|investigating|in review|"
    r"pending|triage|identified|monitoring|not started|todo)\b",
    re.IGNORECASE,
)
FEW_WORDS = 200
"""A document with a link of its own and no more words than these is a note about another."""

_ELSEWHERE = re.compile(
    r"\brefer to\b|\b(?:full|complete|detailed|internal) (?:details|report|document|post-?mortem|"
    r"write-?up|analysis)\b",
    re.IGNORECASE,
)


ENGLISH = frozenset("the of to and is are we for it that by with from this because be".split())
RARE = 0.03
"""Below this share of the commonest words a text is in another language, or no prose at all."""

FEW_TO_TELL = 20
"""Fewer words don't tell their language."""


@dataclass(frozen=True, slots=True)
class Case:
    """An incident: its entry, what is written about it, its action items and its tests.

    ``tests`` is None where nothing is known of any test.
    """

    postmortem: Postmortem
    writing: Writing
    items: tuple[Item, ...] = ()
    tests: Linked | None = None

    @property
    def path(self) -> str | None:
        """The file that the findings are about."""
        return self.writing.path or None

    @property
    def line(self) -> int | None:
        """The line for what stands at no other."""
        return 1 if self.writing.whole else self.postmortem.line

    def parts(self, *kinds: Kind) -> tuple[Part, ...]:
        """Return the parts of some kinds."""
        return tuple(part for part in self.writing.parts if part.kind in kinds)

    def said(self, *kinds: Kind) -> Iterator[tuple[Part, Passage]]:
        """Yield what the parts of some kinds say, but for what only holds a place."""
        for part in self.parts(*kinds):
            for passage in part.said:
                if not is_placeholder(passage.text):
                    yield part, passage

    @property
    def unfinished(self) -> bool:
        """Whether it says of itself that it is not finished, so that nothing is missed in it."""
        status = self.postmortem.status or next((p.text for _, p in self.said("status")), "")
        return _UNFINISHED.match(status) is not None

    @property
    def complete(self) -> bool:
        """Whether a part may be missed in it: a finished document that is not kept elsewhere, in
        the language that is understood here.
        """
        told = self.writing.whole and not self.unfinished and not self._is_elsewhere()
        return told and self._is_english()

    def _is_english(self) -> bool:
        texts = (each.prose for part in self.writing.parts for each in part.said)
        words = [word.strip(".,;:()").casefold() for text in texts for word in text.split()]
        known = sum(word in ENGLISH for word in words)
        return len(words) < FEW_TO_TELL or known >= RARE * len(words)

    def _is_elsewhere(self) -> bool:
        """Say whether it refers to the post-mortem itself, which is kept at another place."""
        said = [passage for part in self.writing.parts for passage in part.said]
        refers = any(each.links and _ELSEWHERE.search(each.text) for each in said)
        words = sum(len(passage.text.split()) for passage in said)
        leads_away = (self.postmortem.url or "").startswith(("https:", "http:"))
        return refers or (leads_away and words < FEW_WORDS)

    @property
    def problem_class(self) -> str | None:
        """The class of problem, wherever it stands."""
        if self.postmortem.problem_class:
            return self.postmortem.problem_class
        return next((passage.text for _, passage in self.said("class")), None)


def case_of(postmortem: Postmortem, writing: Writing, tests: Linked | None = None) -> Case:
    """Return the case of an incident, its action items from its fields and from its text."""
    line = postmortem.line or 1
    own = [of_action(action, line) for action in postmortem.action_items]
    known = {item.action.title.casefold() for item in own}
    more = [item for item in items(writing.parts) if item.action.title.casefold() not in known]
    return Case(postmortem, writing, (*own, *more), tests)
