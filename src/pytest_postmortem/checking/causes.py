"""The rules about causes: is one given, is it more than a symptom, and is nobody blamed?"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from pytest_postmortem.checking.cases import LintCase
from pytest_postmortem.checking.rules import build_warning, quote_text
from pytest_postmortem.checking.wording import (
    compile_phrases,
    find_blame_words,
    find_human_error,
    find_person,
    is_mere_symptom,
)
from pytest_postmortem.model import Finding
from pytest_postmortem.written.facts import is_placeholder_text
from pytest_postmortem.written.parts import DocumentPart
from pytest_postmortem.written.passages import DocumentPassage

__all__ = ["check_causes"]

ASK_FURTHER = "ask what made it reasonable at the time, and what let it through"

_CAUSE_PHRASES = compile_phrases(
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

_EXPLICIT_CAUSE = compile_phrases(
    r"(?:root|primary|underlying|actual|likely) cause|causes? of|caused by|due to"
)


def check_causes(case: LintCase) -> Iterator[Finding]:
    """Yield what there is to say about the causes of an incident."""
    yield from _check_cause_missing(case)
    yield from _check_cause_symptom(case)
    persons = {}
    for passage, last in _find_cause_answers(case):
        words = find_human_error(passage.prose, last=last)
        if words and not passage.quoted:
            persons[passage.line] = words
            message = f"{quote_text(words)} is where the questions begin: {ASK_FURTHER}"
            yield build_warning("cause-person", message, case.path, passage.line)
    yield from _check_blame_words(case, frozenset(persons))
    yield from _check_blamed_persons(case)


def _check_cause_missing(case: LintCase) -> Iterator[Finding]:
    postmortem = case.postmortem
    has_cause_field = not is_placeholder_text(postmortem.root_cause or "") or bool(postmortem.whys)
    answers = (p for _, p in case.said("cause", "whys") if not _is_question(p))
    if has_cause_field or any(True for _ in answers) or not case.is_complete:
        return
    empty = next(iter(case.parts("cause", "whys")), None)
    if empty is not None:
        message = f"{quote_text(empty.heading)} is empty: say what made it possible"
        yield build_warning("cause-missing", message, case.path, empty.line)
    elif not _has_cause_in_story(case):
        message = 'nothing says why it happened: add a part "Root cause" or "Contributing factors"'
        yield build_warning("cause-missing", message, case.path, case.line)


def _has_cause_in_story(case: LintCase) -> bool:
    """Say whether a document says why outside of any part for it; a timeline has to name it.

    Who is blamed is taken for the cause, of which another rule tells.
    """
    stories = [passage for _, passage in case.said("story", "other")]
    is_told_in_story = any(
        _CAUSE_PHRASES.search(passage_told.text) or find_blame_words(passage_told.prose)
        for passage_told in stories
    )
    parts = case.said("timeline", "actions", "plans", "lessons")
    return is_told_in_story or any(_EXPLICIT_CAUSE.search(passage.text) for _, passage in parts)


def _check_cause_symptom(case: LintCase) -> Iterator[Finding]:
    answers = [passage for _, passage in case.said("cause", "whys")]
    if len(answers) == 1 and is_mere_symptom(answers[0].text):
        message = (
            f"{quote_text(answers[0].text)} says what was seen, not why: ask what made it possible"
        )
        yield build_warning("cause-symptom", message, case.path, answers[0].line)


def _find_cause_answers(case: LintCase) -> Iterator[tuple[DocumentPassage, bool]]:
    """Yield the answers to why, each with whether no further question follows."""
    is_only_answer = sum(1 for _ in case.said("cause", "whys")) == 1
    for part in case.parts("cause", "whys"):
        final_positions = frozenset(_find_final_answers(part) if part.kind == "whys" else ())
        for position, passage in enumerate(part.said):
            yield passage, is_only_answer or position in final_positions


def _find_final_answers(part: DocumentPart) -> list[int]:
    """Return the answers with which the chains of whys end, by their position in order.

    A list without lists in it is one chain; in a tree every leaf is an end.
    """
    passages = part.said
    depths = {passage.depth for passage in passages}
    if len(depths) < 2:
        return [len(passages) - 1] if passages else []
    end_positions = [
        n for n, pair in enumerate(pairwise(passages)) if not _is_answer_questioned(*pair)
    ]
    return [*end_positions, len(passages) - 1]


def _is_answer_questioned(answer: DocumentPassage, after: DocumentPassage) -> bool:
    """Say whether what stands behind an answer asks on: below it, or as a question."""
    return after.depth > answer.depth or _is_question(after)


def _is_question(passage: DocumentPassage) -> bool:
    """Say whether a passage is a question, to which another may be the answer."""
    return passage.text.rstrip().endswith("?")


def _check_blame_words(case: LintCase, blamed_lines: frozenset[int]) -> Iterator[Finding]:
    """Yield the words that judge a person, but for an answer that the document itself asks on."""
    for part in case.parts("cause", "whys", "lessons", "story"):
        passages = part.said
        final_positions = _find_final_answers(part) if part.kind == "whys" else range(len(passages))
        for passage in (passages[n] for n in final_positions if not passages[n].quoted):
            words = find_blame_words(passage.prose)
            if words and passage.line not in blamed_lines:
                message = f"{quote_text(words)} judges a person: {ASK_FURTHER}"
                yield build_warning("blame-word", message, case.path, passage.line)


def _check_blamed_persons(case: LintCase) -> Iterator[Finding]:
    for _, passage in case.said("cause", "whys"):
        name = None if passage.quoted else find_person(passage.prose)
        if name:
            message = f"{quote_text(name)} names a person among the causes: name the role instead"
            yield build_warning("blame-person", message, case.path, passage.line)
