"""The rules about causes: a missing one, a mere symptom, a person, and blame."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from pytest_postmortem.documents.parts import DocumentPart
from pytest_postmortem.documents.persons import find_person
from pytest_postmortem.documents.placeholders import is_placeholder_text
from pytest_postmortem.documents.sections import DocumentPassage
from pytest_postmortem.lint.cases import Complaint, LintCase, LintContext, quote_text


def compile_phrases(text: str, end: str = r"\b") -> re.Pattern[str]:
    """Compile regular expressions, one a line, into one that matches any, ignoring case."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return re.compile(rf"\b(?:{'|'.join(lines)}){end}", re.IGNORECASE)


ROLE = (
    r"(?:engineer|developer|administrator|sysadmin|dba|programmer|technician|"
    r"employee|colleague|contractor|intern|team member|reviewer|on-?call|person|individual)s?"
)


WHO = (
    r"(?:he|she|somebody|someone|"
    rf"(?:an?|the|one|this|that|another|one of (?:the|our)|our|their)(?: [\w-]+){{0,2}}? {ROLE})"
)
"""A person, or a few, as the subject of a sentence; not ``we``, with which a team names itself."""


ANY_PERSON = rf"(?:{WHO}|(?:an?|the|one|our|their)(?: [\w-]+){{0,2}}? (?:operator|admin)s?)"
"""The same with words that also name software: "the operator failed to" may be a program."""


_GIVEN_REASON = r"[^.;]{0,200}\b(?:because|since|as|due to|owing to)\b"
"""The rest of a sentence that gives a reason itself."""


BLAMING_TRAITS = (
    "lazy|sloppy|negligent|reckless|inattentive|irresponsible|inexperienced|unprofessional|"
    "incapable|stupid"
)


_JUDGING_PHRASES = compile_phrases(
    rf"""
    careless(?:ness|ly)?
    incompeten(?:t|ce|tly)
    stupidity|stupidly
    idio(?:t|ts|tic|cy)
    inexcusabl[ey]
    blunder(?:s|ed)?
    (?:rookie|dumb|silly|stupid|careless) (?:mistake|error)s?
    (?:should|ought to) have known(?: better)?
    should have been more (?:careful|attentive|diligent)
    (?:screwed|messed) (?:it|this|that|things) up
    (?:{ANY_PERSON}|we|i|they) (?:screwed|messed) up
    too lazy
    (?:act of|out of|my|his|her|sheer|pure|plain) (?:laziness|sloppiness|negligence|inattention)
    (?:i(?: am|'m| was)|{ANY_PERSON} (?:is|was|were)) (?:\w+ )?(?:{BLAMING_TRAITS})
    {WHO}(?: who [^.,;]{{1,60}})? should(?:n't| not)? have(?! (?:\w+ )?(?:been|had|got|received)\b)
    {WHO} (?:failed|neglected) to(?! (?:be|get|receive|reach|connect|access|authenticate|log)\b)
    {WHO} (?:ignored|disregarded|misjudged)
    {ANY_PERSON} forgot
    {WHO} did(?:n't| not) (?:bother|care)
    {ANY_PERSON} (?:is|was|were) (?:to blame|at fault)
    {WHO} (?:was|were)(?:n't| not)(?: \w+)? aware(?!{_GIVEN_REASON})
    {ANY_PERSON} (?:was|were)(?:n't| not)(?: \w+)? (?:careful|attentive|competent)
    {ANY_PERSON} made a mistake
    """
)
"""Phrases that judge a person."""


_BUG = r"(?:handl|code|messag|page|log|report|recover|rate|budget|prone|respons)"
"""How the name of a thing continues that handles the errors of programs."""


_DENIED = r" (?:(?:is|are|was|were) (?:never|not|no)|(?:isn|aren|wasn|weren)'t|can(?:not|'t) be)\b"
"""How a sentence continues that denies such a cause: "Human error is never a root cause"."""


_BLAMED = rf"(?![ -]{_BUG}|{_DENIED})"


_HUMAN_CAUSE = compile_phrases(
    rf"""
    (?:human|operator|manual|personal|pilot)(?:'s)? (?:error|mistake|oversight)s?{_BLAMED}
    individual(?:'s)? (?:mistake|oversight)s?
    user(?:'s)? (?:error|mistake|oversight)(?!s|[ -]{_BUG})
    human (?:failure|failing)s?
    fat[- ]?finger(?:ed|ing|s)?
    (?:was|were|is|are)(?:n't| not)(?: being)?(?: \w+)? careful(?: enough)?
    not (?:being )?careful(?: enough)?
    lack of (?:care|attention|diligence)
    """
)
"""Phrases that make a person the cause, anywhere in a text."""


_HUMAN_SLIP = compile_phrases(
    rf"""
    (?:{ANY_PERSON}|we|i|they|nobody|no one) (?:\w+ )?(?:forgot|overlooked|mistyped|misread)
    (?:{ANY_PERSON}|we|i|they) (?:\w+ )?made (?:a|the|an) (?:mistake|typo|error)
    (?:{WHO}|we|i|they) did(?:n't| not) (?:notice|think|check|pay attention|double-check)
    """,
    rf"\b(?!{_GIVEN_REASON})",
)


_MERE_SLIP = re.compile(r"\W*(?:a )?(?:simple )?(?:typo|mistake|oversight)\W*$", re.IGNORECASE)
"""A last answer that names only a mistake."""


_NEGATION_BEFORE = re.compile(
    r"(?:\bnot|\bno|\bnever|\bneither|\bnor|rather than|instead of|n't|\bno ?(?:body|one)(?:'s)?|"
    r"\bwithout|\bavoid\w*|\bbeyond|\bagainst)"
    r"(?: (?:an?|the|any|just|simply|only|about|be|is|was|to|case of|"
    r"matter of|due to|because of|blaming|calling (?:it|this)))*\W*$",
    re.IGNORECASE,
)


MAX_PARAGRAPH_LENGTH = 20_000
"""The number of characters of a paragraph that are searched."""


_SENTENCE_BOUNDARY = re.compile(r"(?<=[.!?])\s+|\n+")


MAX_SYMPTOM_LENGTH = 200
"""A longer cause is more than a symptom."""


_SYMPTOM_SUBJECT = r"\W*(?:due to |because (?:of )?)?(?:an? |the |our )?(?:[\w./-]+ ){0,4}?"


_SYMPTOM_END = r"(?: (?:again|completely|unexpectedly|suddenly|for .{1,30}))?\W*$"


_SYMPTOM_SENTENCE = re.compile(
    _SYMPTOM_SUBJECT
    + compile_phrases(
        r"""
        (?:was|were|went|is|got) (?:down|unavailable|unreachable|offline|slow|overloaded|broken)
        (?:was|were|is) (?:unresponsive|failing|crashing|hanging)
        (?:was|were|is) not (?:responding|working|available|reachable)
        crashed|hung|failed|died|broke(?: down)?|timed out
        stopped(?: (?:working|responding))?
        ran out of (?:memory|disk(?: space)?|space|connections)
        (?:did not|didn't) (?:work|respond|start)
        returned (?:[45]\d\d|5xx|errors?)(?: errors?| responses?)?
        """,
        _SYMPTOM_END,
    ).pattern,
    re.IGNORECASE,
)


_SYMPTOM_NOUN = re.compile(
    _SYMPTOM_SUBJECT
    + compile_phrases(
        r"""
        outages?|crash(?:es)?|downtime|time-?outs?|server errors?|disk full|full disk
        oom(?:[- ]?kill(?:s|ed|ing)?)?|out[- ]of[- ]memory(?: errors?)?
        (?:high|excessive|increased|elevated) (?:cpu|memory|load|latency|traffic)(?: \w+)?
        (?:high|increased|elevated) error rates?
        (?:http )?(?:5\d\d|5xx)(?: errors?)?
        service (?:failure|unavailab\w+)
        a bug|bugs?|software (?:bug|error)s?
        """,
        r"(?: (?:of|on|in|at) (?:the |our )?[\w./-]+(?: [\w./-]+)?)?\W*$",
    ).pattern,
    re.IGNORECASE,
)
"""Symptoms, as a sentence and as a noun, without a reason."""


_OUTSIDE_PROVIDER = compile_phrases(
    r"""
    providers?|upstream|vendors?|third[- ]part(?:y|ies)|isp|carrier|data ?cent(?:er|re)s?|power
    aws|amazon|azure|gcp|google|cloudflare|fastly|akamai|github|gitlab|stripe|okta|twilio
    kernel|firmware|hardware
    """
)
"""Systems of others: that one of them failed is a cause."""


def find_blame_words(text: str) -> str | None:
    """Return the words of a text that judge a person, or None."""
    return _find_phrase(_JUDGING_PHRASES, text)


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
    is_symptom = len(flat) <= MAX_SYMPTOM_LENGTH and (
        _SYMPTOM_SENTENCE.match(flat) or _SYMPTOM_NOUN.match(flat)
    )
    return bool(is_symptom) and not _OUTSIDE_PROVIDER.search(flat)


ASK_FURTHER = "write why it was reasonable at the time, and why no check caught it"

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
"""Phrases with which a story gives a cause."""

_EXPLICIT_CAUSE = compile_phrases(
    r"(?:root|primary|underlying|actual|likely) cause|causes? of|caused by|due to"
)


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
        n for n, pair in enumerate(pairwise(passages)) if not _is_answer_questioned(*pair)
    ]
    return [*end_positions, len(passages) - 1]


def _is_answer_questioned(answer: DocumentPassage, after: DocumentPassage) -> bool:
    """Return whether the passage after an answer continues it: nested in it, or a question."""
    return after.depth > answer.depth or _is_question(after)


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
