"""The rules about causes: is one given, is it more than a symptom, and is nobody blamed?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from pytest_postmortem.documents.action_items import is_placeholder_text
from pytest_postmortem.documents.sections import DocumentPassage
from pytest_postmortem.documents.vocabulary import DocumentPart
from pytest_postmortem.lint.cases import LintCase
from pytest_postmortem.lint.rules import build_warning, quote_text
from pytest_postmortem.model import Finding

__all__ = [
    "check_causes",
    "compile_phrases",
    "find_blame_words",
    "find_human_error",
    "find_person",
    "is_mere_symptom",
]


def compile_phrases(text: str, end: str = r"\b") -> re.Pattern[str]:
    """Compile regular expressions, one a line, into one that finds any of them in any case."""
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
"""A person, or a few, as the subject of a sentence; ``we`` and a team speak of themselves."""


ANY_PERSON = rf"(?:{WHO}|(?:an?|the|one|our|their)(?: [\w-]+){{0,2}}? (?:operator|admin)s?)"
"""The same, where a person alone can be meant: an operator that fails to is software."""


_GIVEN_REASON = r"[^.;]{0,200}\b(?:because|since|as|due to|owing to)\b"
"""How a sentence goes on that asks the next question itself."""


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
"""What judges a person, with hindsight or without."""


_BUG = r"(?:handl|code|messag|page|log|report|recover|rate|budget|prone|respons)"
"""How the name of a thing goes on that has to do with the errors of programs."""


_HUMAN_CAUSE = compile_phrases(
    rf"""
    (?:human|operator|manual|personal|pilot)(?:'s)? (?:error|mistake|oversight)s?(?![ -]{_BUG})
    individual(?:'s)? (?:mistake|oversight)s?
    user(?:'s)? (?:error|mistake|oversight)(?!s|[ -]{_BUG})
    human (?:failure|failing)s?
    fat[- ]?finger(?:ed|ing|s)?
    (?:was|were|is|are)(?:n't| not)(?: being)?(?: \w+)? careful(?: enough)?
    not (?:being )?careful(?: enough)?
    lack of (?:care|attention|diligence)
    """
)
"""What makes a person the cause, wherever it stands."""


_HUMAN_SLIP = compile_phrases(
    rf"""
    (?:{ANY_PERSON}|we|i|they|nobody|no one) (?:\w+ )?(?:forgot|overlooked|mistyped|misread)
    (?:{ANY_PERSON}|we|i|they) (?:\w+ )?made (?:a|the|an) (?:mistake|typo|error)
    (?:{WHO}|we|i|they) did(?:n't| not) (?:notice|think|check|pay attention|double-check)
    """,
    rf"\b(?!{_GIVEN_REASON})",
)


_MERE_SLIP = re.compile(r"\W*(?:a )?(?:simple )?(?:typo|mistake|oversight)\W*$", re.IGNORECASE)
"""A slip, which is no answer to end with."""


_NEGATION_BEFORE = re.compile(
    r"(?:\bnot|\bno|\bnever|\bneither|\bnor|rather than|instead of|n't|\bno ?(?:body|one)(?:'s)?|"
    r"\bwithout|\bavoid\w*|\bbeyond|\bagainst)"
    r"(?: (?:an?|the|any|just|simply|only|about|be|is|was|to|case of|"
    r"matter of|due to|because of|blaming|calling (?:it|this)))*\W*$",
    re.IGNORECASE,
)


MAX_PARAGRAPH_LENGTH = 20_000
"""The characters of one paragraph that are read."""


_SENTENCE_BOUNDARY = re.compile(r"(?<=[.!?])\s+|\n+")


MAX_SYMPTOM_LENGTH = 200
"""A cause that takes more characters says more than what was seen."""


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
"""What was seen, as a sentence and as a thing, with nothing that says why."""


_OUTSIDE_PROVIDER = compile_phrases(
    r"""
    providers?|upstream|vendors?|third[- ]part(?:y|ies)|isp|carrier|data ?cent(?:er|re)s?|power
    aws|amazon|azure|gcp|google|cloudflare|fastly|akamai|github|gitlab|stripe|okta|twilio
    kernel|firmware|hardware
    """
)
"""What fails outside of one's own system; that it did is as far as one sees."""


_PERSON_HANDLE = re.compile(
    r"(?<![\w./@`])@([a-z][a-z\d-]*(?:\.[a-z][\w-]*)?)"
    r"(?![\w/(@]| (?:decorator|annotation|directive|attribute|mention)s?\b)"
)


_EMAIL_ADDRESS = re.compile(r"(?<![\w.+-])([\w.+-]+)@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}\b(?!:)")


_ROLE_HANDLE = re.compile(
    r".*(?:team|on-?call|sre|ops|squad|support|eng|devs?|infra|platform|admin|security|alert|info|"
    r"help|contact|abuse|list|group|office|no-?reply|maintainer|service|bot|staff).*|"
    r"git|root|postgres|ubuntu|ec2-user|users?|everyone|here|channel|all|media|import|property|"
    r"staticmethod|classmethod|dataclass|override|deprecated|latest|next|params?|returns?|throws|"
    r"page|charset|layer|container|apply|pytest|app|api|types|username|mentions?|deploy",
    re.IGNORECASE,
)
"""A handle or the local part of an address that is that of a role; and what else has an ``@``."""


def find_blame_words(text: str) -> str | None:
    """Return the words of a text that judge a person, None where none do."""
    return _find_phrase(_JUDGING_PHRASES, text)


def find_human_error(text: str, *, last: bool = False) -> str | None:
    """Return the words with which a text makes a person the cause.

    ``last`` says that no further question follows, so that a mere slip is where it ends.
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
    """Say whether all that a text gives as a cause is what was seen, as ``the server crashed``."""
    flat = " ".join(text.split())
    is_seen = len(flat) <= MAX_SYMPTOM_LENGTH and (
        _SYMPTOM_SENTENCE.match(flat) or _SYMPTOM_NOUN.match(flat)
    )
    return bool(is_seen) and not _OUTSIDE_PROVIDER.search(flat)


def find_person(text: str) -> str | None:
    """Return the handle or the address of a person, None where a text has none."""
    for words in (_EMAIL_ADDRESS, _PERSON_HANDLE):
        for match in words.finditer(text[:MAX_PARAGRAPH_LENGTH]):
            if not _ROLE_HANDLE.fullmatch(match[1].partition(".")[0]):
                return match[0]
    return None


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
