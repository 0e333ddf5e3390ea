"""The rules about causes: a missing one, a mere symptom, a person, and blame."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from pytest_postmortem.documents.parts import DocumentPart
from pytest_postmortem.documents.persons import find_person
from pytest_postmortem.documents.placeholders import is_placeholder_text
from pytest_postmortem.documents.sections import DocumentPassage
from pytest_postmortem.lint.cases import (
    Complaint,
    LintCase,
    LintContext,
    compile_phrases,
    quote_text,
)

MAX_PARAGRAPH_LENGTH = 20_000
"""The number of characters of a paragraph that are searched."""

MAX_SYMPTOM_LENGTH = 200
"""A longer cause is more than a symptom."""

ASK_FURTHER = "write why it was reasonable at the time, and why no check caught it"

_JUDGING = compile_phrases("judging")
_HUMAN_CAUSE = compile_phrases("human_cause")
_HUMAN_SLIP = compile_phrases("human_slip")
_MERE_SLIP = compile_phrases("mere_slip", "", "")
_NEGATION_BEFORE = compile_phrases("negation", "", "")
_SYMPTOM = compile_phrases("symptom", "", "")
_OUTSIDE_PROVIDER = compile_phrases("provider")
_CAUSE_PHRASES = compile_phrases("cause")
_EXPLICIT_CAUSE = compile_phrases("explicit_cause")
_SENTENCE_BOUNDARY = re.compile(r"(?<=[.!?])\s+|\n+")


def find_blame_words(text: str) -> str | None:
    """Return the words of a text that judge a person, or None."""
    return _find_phrase(_JUDGING, text)


def find_human_error(text: str, *, last: bool = False) -> str | None:
    """Return the words with which a text makes a person the cause, or None.

    ``last`` says that no further question follows; then a mere slip counts too.
    """
    if last and _MERE_SLIP.match(text):
        return text.strip(" .")
    return _find_phrase(_HUMAN_CAUSE, text) or (_find_phrase(_HUMAN_SLIP, text) if last else None)


def _find_phrase(words: re.Pattern[str], text: str) -> str | None:
    for sentence in _SENTENCE_BOUNDARY.split(text[:MAX_PARAGRAPH_LENGTH].replace("’", "'")):
        match = words.search(sentence)
        if match and not _NEGATION_BEFORE.search(sentence[: match.start()]):
            return " ".join(match[0].split())
    return None


def is_mere_symptom(text: str) -> bool:
    """Return whether a text gives only a symptom as the cause, as ``the server crashed``."""
    flat = " ".join(text.split())
    is_symptom = len(flat) <= MAX_SYMPTOM_LENGTH and _SYMPTOM.match(flat) is not None
    return is_symptom and not _OUTSIDE_PROVIDER.search(flat)


def check_cause_missing(case: LintCase, context: LintContext) -> Iterator[Complaint]:
    """Yield a complaint if a complete document does not give a cause."""
    postmortem = case.postmortem
    has_cause_field = not is_placeholder_text(postmortem.root_cause or "") or bool(postmortem.whys)
    answers = (p for _, p in case.said("cause", "whys") if not _is_question(p))
    if has_cause_field or any(True for _ in answers) or not case.is_complete:
        return
    empty = next(iter(case.parts("cause", "whys")), None)
    if empty is not None:
        yield empty.line, f"{quote_text(empty.heading)} is empty; write what made it possible"
    elif not _has_cause_in_story(case):
        yield (
            case.line,
            'the cause is missing; add a part "Root cause" or "Contributing factors"',
        )


def _has_cause_in_story(case: LintCase) -> bool:
    """Return whether a document gives a cause outside of a part for it.

    A timeline has to name it as such. Blame counts as a cause: `check_blame_word` reports it.
    """
    stories = [passage for _, passage in case.said("story", "other")]
    has_cause = any(
        _CAUSE_PHRASES.search(passage.text) or find_blame_words(passage.prose)
        for passage in stories
    )
    parts = case.said("timeline", "actions", "plans", "lessons")
    return has_cause or any(_EXPLICIT_CAUSE.search(passage.text) for _, passage in parts)


def check_cause_symptom(case: LintCase, context: LintContext) -> Iterator[Complaint]:
    """Yield a complaint if the only cause is a symptom."""
    answers = [passage for _, passage in case.said("cause", "whys")]
    if len(answers) == 1 and is_mere_symptom(answers[0].text):
        symptom = quote_text(answers[0].text)
        yield answers[0].line, f"{symptom} describes the symptom; write what made it possible"


def check_cause_person(case: LintCase, context: LintContext) -> Iterator[Complaint]:
    """Yield a complaint for each answer that makes a person the cause."""
    for line, words in _find_human_causes(case):
        yield line, f"{quote_text(words)} is not a root cause; {ASK_FURTHER}"


def _find_human_causes(case: LintCase) -> Iterator[tuple[int, str]]:
    """Yield the lines of the answers that make a person the cause, with the words that do."""
    for passage, last in _find_cause_answers(case):
        words = None if passage.quoted else find_human_error(passage.prose, last=last)
        if words:
            yield passage.line, words


def _find_cause_answers(case: LintCase) -> Iterator[tuple[DocumentPassage, bool]]:
    """Yield the answers to why, each with whether it is the last of its chain."""
    is_only_answer = sum(1 for _ in case.said("cause", "whys")) == 1
    for part in case.parts("cause", "whys"):
        final_positions = frozenset(_find_final_answers(part) if part.kind == "whys" else ())
        for position, passage in enumerate(part.said):
            yield passage, is_only_answer or position in final_positions


def _find_final_answers(part: DocumentPart) -> list[int]:
    """Return the positions of the answers that end a chain of whys, in order.

    A flat list is one chain; in a nested list every leaf ends one.
    """
    passages = part.said
    depths = {passage.depth for passage in passages}
    if len(depths) < 2:
        return [len(passages) - 1] if passages else []
    end_positions = [
        n
        for n, (answer, after) in enumerate(pairwise(passages))
        if after.depth <= answer.depth and not _is_question(after)
    ]
    return [*end_positions, len(passages) - 1]


def _is_question(passage: DocumentPassage) -> bool:
    """Return whether a passage is a question."""
    return passage.text.rstrip().endswith("?")


def check_blame_word(case: LintCase, context: LintContext) -> Iterator[Complaint]:
    """Yield a complaint for each phrase that judges a person.

    Answers that a further why follows, quotes, and lines of `check_cause_person` are left out.
    """
    reported_lines = {line for line, _ in _find_human_causes(case)}
    for part in case.parts("cause", "whys", "lessons", "story"):
        passages = part.said
        final_positions = _find_final_answers(part) if part.kind == "whys" else range(len(passages))
        for passage in (passages[n] for n in final_positions if not passages[n].quoted):
            words = find_blame_words(passage.prose)
            if words and passage.line not in reported_lines:
                yield passage.line, f"{quote_text(words)} judges a person; {ASK_FURTHER}"


def check_blame_person(case: LintCase, context: LintContext) -> Iterator[Complaint]:
    """Yield a complaint for each person who is named among the causes."""
    for _, passage in case.said("cause", "whys"):
        name = None if passage.quoted else find_person(passage.prose)
        if name:
            yield (
                passage.line,
                f"{quote_text(name)} names a person among the causes; name the role instead",
            )
