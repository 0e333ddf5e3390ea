"""The words that make a cause worth a second look: pure functions of a text.

They are meant to be silent where a careful reader would be: what also has a meaning for systems
counts only where a person is spoken of, and what a sentence denies is not said.
"""

from __future__ import annotations

import re

__all__ = ["blames", "human_error", "is_symptom", "person_in", "phrases"]


def phrases(text: str, end: str = r"\b") -> re.Pattern[str]:
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

ANYBODY = rf"(?:{WHO}|(?:an?|the|one|our|their)(?: [\w-]+){{0,2}}? (?:operator|admin)s?)"
"""The same, where a person alone can be meant: an operator that fails to is software."""

_REASON = r"[^.;]{0,200}\b(?:because|since|as|due to|owing to)\b"
"""How a sentence goes on that asks the next question itself."""

TRAITS = (
    "lazy|sloppy|negligent|reckless|inattentive|irresponsible|inexperienced|unprofessional|"
    "incapable|stupid"
)

_JUDGING = phrases(
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
    (?:{ANYBODY}|we|i|they) (?:screwed|messed) up
    too lazy
    (?:act of|out of|my|his|her|sheer|pure|plain) (?:laziness|sloppiness|negligence|inattention)
    (?:i(?: am|'m| was)|{ANYBODY} (?:is|was|were)) (?:\w+ )?(?:{TRAITS})
    {WHO}(?: who [^.,;]{{1,60}})? should(?:n't| not)? have(?! (?:\w+ )?(?:been|had|got|received)\b)
    {WHO} (?:failed|neglected) to(?! (?:be|get|receive|reach|connect|access|authenticate|log)\b)
    {WHO} (?:ignored|disregarded|misjudged)
    {ANYBODY} forgot
    {WHO} did(?:n't| not) (?:bother|care)
    {ANYBODY} (?:is|was|were) (?:to blame|at fault)
    {WHO} (?:was|were)(?:n't| not)(?: \w+)? aware(?!{_REASON})
    {ANYBODY} (?:was|were)(?:n't| not)(?: \w+)? (?:careful|attentive|competent)
    {ANYBODY} made a mistake
    """
)
"""What judges a person, with hindsight or without."""

_NO_SLIP = r"(?:handl|code|messag|page|log|report|recover|rate|budget|prone|respons)"
"""How the name of a thing goes on that has to do with the errors of programs."""

_HUMAN = phrases(
    rf"""
    (?:human|operator|manual|personal|pilot)(?:'s)? (?:error|mistake|oversight)s?(?![ -]{_NO_SLIP})
    individual(?:'s)? (?:mistake|oversight)s?
    user(?:'s)? (?:error|mistake|oversight)(?!s|[ -]{_NO_SLIP})
    human (?:failure|failing)s?
    fat[- ]?finger(?:ed|ing|s)?
    (?:was|were|is|are)(?:n't| not)(?: being)?(?: \w+)? careful(?: enough)?
    not (?:being )?careful(?: enough)?
    lack of (?:care|attention|diligence)
    """
)
"""What makes a person the cause, wherever it stands."""

_SLIP = phrases(
    rf"""
    (?:{ANYBODY}|we|i|they|nobody|no one) (?:\w+ )?(?:forgot|overlooked|mistyped|misread)
    (?:{ANYBODY}|we|i|they) (?:\w+ )?made (?:a|the|an) (?:mistake|typo|error)
    (?:{WHO}|we|i|they) did(?:n't| not) (?:notice|think|check|pay attention|double-check)
    """,
    rf"\b(?!{_REASON})",
)
_MERE_SLIP = re.compile(r"\W*(?:a )?(?:simple )?(?:typo|mistake|oversight)\W*$", re.IGNORECASE)
"""A slip, which is no answer to end with."""

_DENIED = re.compile(
    r"(?:\bnot|\bno|\bnever|\bneither|\bnor|rather than|instead of|n't|\bno ?(?:body|one)(?:'s)?|"
    r"\bwithout|\bavoid\w*|\bbeyond|\bagainst)"
    r"(?: (?:an?|the|any|just|simply|only|about|be|is|was|to|case of|"
    r"matter of|due to|because of|blaming|calling (?:it|this)))*\W*$",
    re.IGNORECASE,
)
MOST = 20_000
"""The characters of one paragraph that are read."""

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")

LONGEST = 200
"""A cause that takes more characters says more than what was seen."""

_SUBJECT = r"\W*(?:due to |because (?:of )?)?(?:an? |the |our )?(?:[\w./-]+ ){0,4}?"
_AFTER = r"(?: (?:again|completely|unexpectedly|suddenly|for .{1,30}))?\W*$"
_SYMPTOM = re.compile(
    _SUBJECT
    + phrases(
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
        _AFTER,
    ).pattern,
    re.IGNORECASE,
)
_SEEN = re.compile(
    _SUBJECT
    + phrases(
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

_OUTSIDE = phrases(
    r"""
    providers?|upstream|vendors?|third[- ]part(?:y|ies)|isp|carrier|data ?cent(?:er|re)s?|power
    aws|amazon|azure|gcp|google|cloudflare|fastly|akamai|github|gitlab|stripe|okta|twilio
    kernel|firmware|hardware
    """
)
"""What fails outside of one's own system; that it did is as far as one sees."""

_HANDLE = re.compile(
    r"(?<![\w./@`])@([a-z][a-z\d-]*(?:\.[a-z][\w-]*)?)"
    r"(?![\w/(@]| (?:decorator|annotation|directive|attribute|mention)s?\b)"
)
_MAIL = re.compile(r"(?<![\w.+-])([\w.+-]+)@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}\b(?!:)")
_NO_PERSON = re.compile(
    r".*(?:team|on-?call|sre|ops|squad|support|eng|devs?|infra|platform|admin|security|alert|info|"
    r"help|contact|abuse|list|group|office|no-?reply|maintainer|service|bot|staff).*|"
    r"git|root|postgres|ubuntu|ec2-user|users?|everyone|here|channel|all|media|import|property|"
    r"staticmethod|classmethod|dataclass|override|deprecated|latest|next|params?|returns?|throws|"
    r"page|charset|layer|container|apply|pytest|app|api|types|username|mentions?|deploy",
    re.IGNORECASE,
)
"""A handle or the local part of an address that is that of a role; and what else has an ``@``."""


def blames(text: str) -> str | None:
    """Return the words of a text that judge a person, None where none do."""
    return _said(_JUDGING, text)


def human_error(text: str, *, last: bool = False) -> str | None:
    """Return the words with which a text makes a person the cause.

    ``last`` says that no further question follows, so that a mere slip is where it ends.
    """
    if last and _MERE_SLIP.match(text):
        return text.strip(" .")
    return _said(_HUMAN, text) or (_said(_SLIP, text) if last else None)


def _said(words: re.Pattern[str], text: str) -> str | None:
    for sentence in _SENTENCE.split(text[:MOST].replace("’", "'")):
        found = words.search(sentence)
        if found and not _DENIED.search(sentence[: found.start()]):
            return " ".join(found[0].split())
    return None


def is_symptom(text: str) -> bool:
    """Say whether all that a text gives as a cause is what was seen, as ``the server crashed``."""
    flat = " ".join(text.split())
    seen = len(flat) <= LONGEST and (_SYMPTOM.match(flat) or _SEEN.match(flat))
    return bool(seen) and not _OUTSIDE.search(flat)


def person_in(text: str) -> str | None:
    """Return the handle or the address of a person, None where a text has none."""
    for words in (_MAIL, _HANDLE):
        for found in words.finditer(text[:MOST]):
            if not _NO_PERSON.fullmatch(found[1].partition(".")[0]):
                return found[0]
    return None
