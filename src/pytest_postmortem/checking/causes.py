"""The rules about causes: is one given, is it more than a symptom, and is nobody blamed?"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from pytest_postmortem.checking.cases import Case
from pytest_postmortem.checking.rules import shortened, warning
from pytest_postmortem.checking.wording import (
    blames,
    human_error,
    is_symptom,
    person_in,
    phrases,
)
from pytest_postmortem.model import Finding
from pytest_postmortem.written.facts import is_placeholder
from pytest_postmortem.written.parts import Part
from pytest_postmortem.written.passages import Passage

__all__ = ["check_causes"]

QUESTION = "ask what made it reasonable at the time, and what let it through"

_TELLS_WHY = phrases(
    r"""
    because|due to|causes?|caused|causing|as a result of|the reason|owing to
    led to|result(?:s|ed|ing)? in|stem(?:s|med) from|triggered by|introduced (?:by|in)
    after (?:an?|the|our) (?:\w+ )?(?:upgrade|update|change|deploy\w*|release|migration|roll-?out)
    (?:found|identified|discovered|determined|concluded|realis?ed|realized|turned out) that
    (?:issue|problem|fault|cause) (?:was|is|relates|related)|it (?:relates|related) to
    overlooked|failed to (?:check|validate|verify|account|handle|consider)|lacked
    (?:did not|didn't|does not|doesn't) have|(?:was|were) (?:not|no|missing)|had (?:not )?been
    since (?:the|it|its|no|our|we|they|this|there)|(?:which|this|that) (?:meant|broke)|culprit
    took us over|exhaust(?:ed|ing)|exceed(?:ed|ing)
    """
)
"""How people say why where they have no part for it."""

_NAMES_CAUSE = phrases(
    r"(?:root|primary|underlying|actual|likely) cause|causes? of|caused by|due to"
)


def check_causes(case: Case) -> Iterator[Finding]:
    """Yield what there is to say about the causes of an incident."""
    yield from _missing(case)
    yield from _symptom(case)
    persons = {}
    for passage, last in _answers(case):
        words = human_error(passage.prose, last=last)
        if words and not passage.quoted:
            persons[passage.line] = words
            message = f"{shortened(words)} is where the questions begin: {QUESTION}"
            yield warning("cause-person", message, case.path, passage.line)
    yield from _judged(case, frozenset(persons))
    yield from _named(case)


def _missing(case: Case) -> Iterator[Finding]:
    own = case.postmortem
    fields = not is_placeholder(own.root_cause or "") or bool(own.whys)
    answers = (p for _, p in case.said("cause", "whys") if not _asks(p))
    if fields or any(True for _ in answers) or not case.complete:
        return
    empty = next(iter(case.parts("cause", "whys")), None)
    if empty is not None:
        message = f"{shortened(empty.heading)} is empty: say what made it possible"
        yield warning("cause-missing", message, case.path, empty.line)
    elif not _tells_why(case):
        message = 'nothing says why it happened: add a part "Root cause" or "Contributing factors"'
        yield warning("cause-missing", message, case.path, case.line)


def _tells_why(case: Case) -> bool:
    """Say whether a document says why outside of any part for it; a timeline has to name it.

    Who is blamed is taken for the cause, of which another rule tells.
    """
    stories = [passage for _, passage in case.said("story", "other")]
    told = any(_TELLS_WHY.search(each.text) or blames(each.prose) for each in stories)
    parts = case.said("timeline", "actions", "plans", "lessons")
    return told or any(_NAMES_CAUSE.search(passage.text) for _, passage in parts)


def _symptom(case: Case) -> Iterator[Finding]:
    answers = [passage for _, passage in case.said("cause", "whys")]
    if len(answers) == 1 and is_symptom(answers[0].text):
        message = (
            f"{shortened(answers[0].text)} says what was seen, not why: ask what made it possible"
        )
        yield warning("cause-symptom", message, case.path, answers[0].line)


def _answers(case: Case) -> Iterator[tuple[Passage, bool]]:
    """Yield the answers to why, each with whether no further question follows."""
    alone = sum(1 for _ in case.said("cause", "whys")) == 1
    for part in case.parts("cause", "whys"):
        last = frozenset(_last(part) if part.kind == "whys" else ())
        for position, passage in enumerate(part.said):
            yield passage, alone or position in last


def _last(part: Part) -> list[int]:
    """Return the answers with which the chains of whys end, by their position in order.

    A list without lists in it is one chain; in a tree every leaf is an end.
    """
    said = part.said
    depths = {passage.depth for passage in said}
    if len(depths) < 2:
        return [len(said) - 1] if said else []
    ends = [n for n, pair in enumerate(pairwise(said)) if not _goes_on(*pair)]
    return [*ends, len(said) - 1]


def _goes_on(answer: Passage, after: Passage) -> bool:
    """Say whether what stands behind an answer asks on: below it, or as a question."""
    return after.depth > answer.depth or _asks(after)


def _asks(passage: Passage) -> bool:
    """Say whether a passage is a question, to which another may be the answer."""
    return passage.text.rstrip().endswith("?")


def _judged(case: Case, known: frozenset[int]) -> Iterator[Finding]:
    """Yield the words that judge a person, but for an answer that the document itself asks on."""
    for part in case.parts("cause", "whys", "lessons", "story"):
        said = part.said
        last = _last(part) if part.kind == "whys" else range(len(said))
        for passage in (said[n] for n in last if not said[n].quoted):
            words = blames(passage.prose)
            if words and passage.line not in known:
                message = f"{shortened(words)} judges a person: {QUESTION}"
                yield warning("blame-word", message, case.path, passage.line)


def _named(case: Case) -> Iterator[Finding]:
    for _, passage in case.said("cause", "whys"):
        name = None if passage.quoted else person_in(passage.prose)
        if name:
            message = f"{shortened(name)} names a person among the causes: name the role instead"
            yield warning("blame-person", message, case.path, passage.line)
