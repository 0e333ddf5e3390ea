"""The input of the lint's rules: a post-mortem with its text, action items and tests.

The phrases that the rules look for are data in ``phrases.yml``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_postmortem.documents.action_items import (
    DocumentItem,
    build_item_of_field,
    find_document_items,
)
from pytest_postmortem.documents.causes import find_document_class
from pytest_postmortem.documents.heading_kinds import PartKind
from pytest_postmortem.documents.parts import DocumentPart
from pytest_postmortem.documents.placeholders import is_placeholder_text
from pytest_postmortem.documents.sections import DocumentPassage
from pytest_postmortem.documents.vocabulary import join_expressions, read_vocabulary_file
from pytest_postmortem.model import Policy, Postmortem, Registry
from pytest_postmortem.pysource.marker_index import LinkedIncident
from pytest_postmortem.registry.postmortem_text import PostmortemText
from pytest_postmortem.similar_names import SuggestionIndex, index_registry_ids

Complaint = tuple[int | None, str]
"""A line in the file of a post-mortem, and a message with its remedy."""

MAX_QUOTED_LENGTH = 60

MAX_NOTE_WORDS = 200
"""A document with a link and no more words than these is a note about another document."""

_TEXTS = read_vocabulary_file("phrases.yml", Path(__file__).parent)
_EXPRESSIONS = join_expressions(_TEXTS, {})


def compile_phrases(name: str, start: str = r"\b", end: str = r"\b") -> re.Pattern[str]:
    """Return the pattern for any phrase of an entry, with the required context around it."""
    return re.compile(f"{start}{_EXPRESSIONS[name]}{end}", re.IGNORECASE)


def list_words(name: str) -> frozenset[str]:
    """Return the words of an entry."""
    return frozenset(_TEXTS[name].split())


_UNWRITTEN_TEST = re.compile(r"(\S+::\S+) fails until it is written")
_UNFINISHED_STATUS = compile_phrases("unfinished_status", r"\W*")
_REFERENCE_ELSEWHERE = compile_phrases("elsewhere")
_ENGLISH_WORDS = list_words("english")

MIN_ENGLISH_SHARE = 0.03
"""A text with a smaller share of these words is in another language, or is not prose."""

MAX_FOREIGN_SHARE = 0.3
"""A text with a greater share of words in letters beyond English is in another language."""

MIN_WORDS_TO_JUDGE = 20
"""The language of a text with fewer words is unknown."""


@dataclass(frozen=True, slots=True)
class LintCase:
    """An incident: its entry, its text, its action items and its tests.

    ``tests`` is None if its tests are unknown. ``unwritten`` are those that only fail, as `new`
    has made them. ``hint`` says where a mark is that is meant for it and links no test.
    """

    postmortem: Postmortem
    writing: PostmortemText
    items: tuple[DocumentItem, ...] = ()
    tests: LinkedIncident | None = None
    unwritten: frozenset[str] = frozenset()
    hint: str | None = None

    @property
    def path(self) -> str | None:
        """The file of the findings."""
        return self.writing.path or None

    @property
    def line(self) -> int | None:
        """The line of findings about the incident as a whole."""
        return 1 if self.writing.whole else self.postmortem.line

    def parts(self, *kinds: PartKind) -> tuple[DocumentPart, ...]:
        """Return the parts of some kinds."""
        return tuple(part for part in self.writing.parts if part.kind in kinds)

    def said(self, *kinds: PartKind) -> Iterator[tuple[DocumentPart, DocumentPassage]]:
        """Yield the passages of the parts of some kinds, without placeholders."""
        for part in self.parts(*kinds):
            for passage in part.said:
                if not is_placeholder_text(passage.text):
                    yield part, passage

    @property
    def passages(self) -> Iterator[DocumentPassage]:
        """The passages of all parts."""
        return (passage for part in self.writing.parts for passage in part.said)

    @property
    def is_unfinished(self) -> bool:
        """Whether its status is that of a draft, in which missing parts are not reported."""
        status = self.postmortem.status or next((p.text for _, p in self.said("status")), "")
        return _UNFINISHED_STATUS.match(status) is not None

    @property
    def is_complete(self) -> bool:
        """Whether a missing part is reported: a finished document in English that is not a note
        about another one.
        """
        is_judgeable = self.writing.whole and not self.is_unfinished and not self._is_elsewhere()
        return is_judgeable and self._is_english()

    def _is_english(self) -> bool:
        prose = " ".join(passage.prose for passage in self.passages)
        words = [word.strip(".,;:()").casefold() for word in prose.split()]
        if sum(not word.isascii() for word in words) > MAX_FOREIGN_SHARE * len(words):
            return False
        english_count = sum(word in _ENGLISH_WORDS for word in words)
        return len(words) < MIN_WORDS_TO_JUDGE or english_count >= MIN_ENGLISH_SHARE * len(words)

    def _is_elsewhere(self) -> bool:
        """Return whether it refers to the full post-mortem at another place."""
        refers = any(p.links and _REFERENCE_ELSEWHERE.search(p.text) for p in self.passages)
        words = sum(len(passage.text.split()) for passage in self.passages)
        has_web_link = (self.postmortem.url or "").startswith(("https:", "http:"))
        return refers or (has_web_link and words < MAX_NOTE_WORDS)

    def find_unwritten_claims(self) -> Iterator[tuple[int, str]]:
        """Yield the lines of the document that name a test as not written, and its node id."""
        for passage in self.passages:
            if claim := _UNWRITTEN_TEST.search(" ".join(passage.text.split())):
                yield passage.line, claim[1]

    @property
    def problem_class(self) -> str | None:
        """The class of problem, from its field or its text."""
        if self.postmortem.problem_class:
            return self.postmortem.problem_class
        written = find_document_class(self.writing.parts)
        return written or next((passage.text for _, passage in self.said("class")), None)


def build_lint_case(
    postmortem: Postmortem, writing: PostmortemText, tests: LinkedIncident | None = None
) -> LintCase:
    """Return the case of an incident, with the action items of its fields and its text."""
    line = postmortem.line or 1
    field_items = [build_item_of_field(action, line) for action in postmortem.action_items]
    known_titles = {item.action.title.casefold() for item in field_items}
    text_items = [
        item
        for item in find_document_items(writing.parts)
        if item.action.title.casefold() not in known_titles
    ]
    return LintCase(postmortem, writing, (*field_items, *text_items), tests)


@dataclass(frozen=True, slots=True)
class LintContext:
    """The facts about other post-mortems that a rule may use.

    ``tested_ids`` are the incidents that are linked to a test, ``document_count`` the number of
    post-mortems that have a document, and ``classes`` the cases by their class of problem.
    """

    registry: Registry
    policy: Policy
    suggestions: SuggestionIndex
    tested_ids: frozenset[str]
    document_count: int
    classes: Mapping[str, Sequence[LintCase]]

    @property
    def has_classes(self) -> bool:
        """Whether any finished post-mortem has a class of problem."""
        return any(not case.is_unfinished for cases in self.classes.values() for case in cases)

    def find_class_members(self, case: LintCase) -> Sequence[LintCase]:
        """Return all cases of the class of a case, none if it has no class."""
        return self.classes.get(_normalize_class(case), ())


def build_lint_context(
    cases: Sequence[LintCase], registry: Registry, policy: Policy
) -> LintContext:
    """Return the context of cases that are linted together."""
    classes = defaultdict(list)
    for case in cases:
        if case.problem_class:
            classes[_normalize_class(case)].append(case)
    return LintContext(
        registry,
        policy,
        index_registry_ids(registry),
        frozenset(case.postmortem.id for case in cases if case.tests and case.tests.tests),
        sum(case.writing.whole for case in cases),
        classes,
    )


def _normalize_class(case: LintCase) -> str:
    return " ".join((case.problem_class or "").casefold().split())


def quote_text(text: str) -> str:
    """Return a text in quotes, in one line and shortened to a readable length."""
    flat = " ".join(text.split())
    if len(flat) > MAX_QUOTED_LENGTH:
        flat = f"{flat[: MAX_QUOTED_LENGTH - 1].rstrip()}…"
    return f"'{flat}'"
