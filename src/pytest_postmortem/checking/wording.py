"""The words that make a cause worth a second look: pure functions of a text.

They are meant to be silent where a careful reader would be: what also has a meaning for systems
counts only where a person is spoken of, and what a sentence denies is not said.
"""

from __future__ import annotations

import re

__all__ = [
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


PERSON_ROLE = (
    r"(?:engineer|developer|administrator|sysadmin|dba|programmer|technician|"
    r"employee|colleague|contractor|intern|team member|reviewer|on-?call|person|individual)s?"
)
PERSON = (
    r"(?:he|she|somebody|someone|"
    rf"(?:an?|the|one|this|that|another|one of (?:the|our)|our|their)(?: [\w-]+){{0,2}}? {PERSON_ROLE})"
)
"""A person, or a few, as the subject of a sentence; ``we`` and a team speak of themselves."""

ANY_PERSON = rf"(?:{PERSON}|(?:an?|the|one|our|their)(?: [\w-]+){{0,2}}? (?:operator|admin)s?)"
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
    {PERSON}(?: who [^.,;]{{1,60}})? should(?:n't| not)? have(?! (?:\w+ )?(?:been|had|got|received)\b)
    {PERSON} (?:failed|neglected) to(?! (?:be|get|receive|reach|connect|access|authenticate|log)\b)
    {PERSON} (?:ignored|disregarded|misjudged)
    {ANY_PERSON} forgot
    {PERSON} did(?:n't| not) (?:bother|care)
    {ANY_PERSON} (?:is|was|were) (?:to blame|at fault)
    {PERSON} (?:was|were)(?:n't| not)(?: \w+)? aware(?!{_GIVEN_REASON})
    {ANY_PERSON} (?:was|were)(?:n't| not)(?: \w+)? (?:careful|attentive|competent)
    {ANY_PERSON} made a mistake
    """
)
"""What judges a person, with hindsight or without."""

_PROGRAM_ERROR = r"(?:handl|code|messag|page|log|report|recover|rate|budget|prone|respons)"
"""How the name of a thing goes on that has to do with the errors of programs."""

_HUMAN_CAUSE = compile_phrases(
    rf"""
    (?:human|operator|manual|personal|pilot)(?:'s)? (?:error|mistake|oversight)s?(?![ -]{_PROGRAM_ERROR})
    individual(?:'s)? (?:mistake|oversight)s?
    user(?:'s)? (?:error|mistake|oversight)(?!s|[ -]{_PROGRAM_ERROR})
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
    (?:{PERSON}|we|i|they) did(?:n't| not) (?:notice|think|check|pay attention|double-check)
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
