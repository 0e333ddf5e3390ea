"""Whether an action item says what is to be done, so that somebody can tell when it is."""

from __future__ import annotations

import re

from pytest_postmortem.checking.wording import compile_phrases

__all__ = ["find_vague_words", "lacks_verb"]

MAX_TITLE_LENGTH = 500
"""The characters of a title that are read."""

_VAGUE_THING = (
    r"(?:(?:code|system|error|internal|customer|overall|general) )?"
    r"(?:monitoring|alert(?:ing|s)?|logging|logs|test(?:ing|s)?(?: coverage)?|documentation|docs|"
    r"communications?|process(?:es)?|training|awareness|observability|visibility|reliability|"
    r"stability|resilience|quality|performance|security|tooling|automation|robustness|handling|"
    r"procedures?|reviews?|coverage|response)"
)
_VAGUE_THINGS = (
    rf"(?:the |our |all )?{_VAGUE_THING}(?:(?:,|,? and|,? or|/| &) (?:our )?{_VAGUE_THING})*"
)
_IMPROVE = (
    "improve|enhance|increase|strengthen|better|optimi[sz]e|revisit|rethink|fix|"
    "more|have|need|add|get|provide|do"
)
_IN_GENERAL = "(?: (?:in general|everywhere|overall))?"
_ENSURE = "(?:make sure|ensure|see to it)(?: that)?"
_IN_FUTURE = "(?: (?:in the future|again|from (?:happening|recurring|occurring).*))?"
_VAGUE_ITEM = compile_phrases(
    rf"""
    (?:{_IMPROVE})(?: (?:more|better|improved|proper|good|some))* {_VAGUE_THINGS}{_IN_GENERAL}
    (?:be|being|stay) (?:more |very |extra )?(?:careful|cautious|mindful|vigilant|attentive).*
    (?:be|being) (?:more )?(?:aware|diligent|thorough).*
    pay (?:more |closer |better )?attention.*
    (?:take|exercise) (?:more )?(?:care|caution).*
    (?:keep|have) (?:an eye on|in mind)(?!.*\b(?:until|once|by)\b).*
    remember (?:to|that).*
    try (?:to|harder).*
    {_ENSURE} (?:this|it|that) (?:does not|doesn't|won't|will not|never) \w+.*
    (?:avoid|prevent) (?:this|it|that|similar \w+|such \w+|these \w+){_IN_FUTURE}
    """,
    end=r"\W*$",
)
"""Items that are true of every incident and name no deed."""

_ENDLESS_START = compile_phrases(
    r"""
    (?:further |continue (?:to )?)?(?:investigat|explor|research|evaluat)(?:e|es|ing)
    (?:consider|discuss|brainstorm)(?:ing)?
    think (?:about|of|how|whether)
    look(?:ing)? (?:into|at)
    see (?:if|whether|how)
    find out
    """
)
"""How an item begins of which nobody can tell when it is done."""

_BOUNDING_OUTCOME = compile_phrases(
    r"""
    (?:and|then|to|so that|until) (?:\w+ )?(?:decide|write|report|document|propose|publish|agree)
    (?:and|then|to|so that|until) (?:\w+ )?(?:add|fix|file|open|create|implement|present|choose)
    (?:and|then|to|so that|until) (?:\w+ )?(?:apply|set|enable|configure|remove|replace|produce)
    (?:and|then|to|so that|until) (?:\w+ )?(?:limit|alert)
    decision|proposal|design doc|report|rfc|adr|prototype|spike
    """
)
"""What bounds such an item: something that comes out of it."""

_RANK_PREFIX = compile_phrases(
    r"""
    (?:p[0-4]|critical|high|medium|low|must|should|could)(?: (?=[A-Z])|\W*[:\])–—-]\W*)
    (?:prio(?:rity)? ?\d?|todo|prevent(?:ion)?|detect(?:ion)?|process)\W*[:\])–—-]\W*
    (?:mitigat(?:e|ion)|respond|response)\W*[:\])–—-]\W*
    """,
    end="",
)
"""A priority or a type that stands before what is to be done."""

_TRAILING_PHRASE = re.compile(
    r"\s+(?:for|of|on|in|to|around|about|with|from|at|by|when|during|before|after|that|which)\s.*"
)

_PURPOSE_CLAUSE = re.compile(r"\sto [a-z]")
"""A thing that is there to do something says what is to be done."""

THING_NOUNS = frozenset(
    "alert alerting alerts automation backups breakers checklist checklists checks communication "
    "coverage dashboard dashboards docs documentation fail-over failover guidelines handling "
    "limiting limits logging metrics monitoring observability ownership planning playbook "
    "playbooks policies policy procedure procedures process processes redundancy retries reviews "
    "rollback rollbacks runbook runbooks testing tests throttling timeout timeouts tooling "
    "training validation visibility".split()
)
"""The things that people write down as if they were deeds."""

ACTION_VERBS = frozenset(
    "adapt add adjust adopt agree alert allow analyse analyze apply assign audit automate "
    "back block broadcast build bump cap change check clarify clean clear collect "
    "communicate compare complete configure consolidate convert coordinate correct create "
    "cut decide declare decouple decrease define delete deploy deprecate describe design "
    "detect develop disable discover distribute do document double draft drop educate "
    "eliminate emit enable encourage enforce enhance ensure establish evaluate expand "
    "explain expose extend fail figure file filter find finish fix follow formalize gain "
    "gate gather generate get give group guard handle harden have hire hold identify "
    "implement improve include increase inform install integrate introduce invest isolate "
    "join keep learn let limit lint list load log look lower maintain make map measure "
    "mention merge migrate mitigate modify monitor move need needs notify offer optimise "
    "optimize organise organize own page perform pin ping plan point port prepare prevent "
    "print prioritise prioritize process promote propose protect provide provision "
    "publish pull purchase push put query queue raise rate re-enable re-evaluate re-run "
    "read reboot rebuild reconcile record recover redirect reduce refactor refine "
    "rehearse reject release remove rename replace report request require rerun reserve "
    "reset resize resolve respond restore restrict retry return revert review revise "
    "rework rewrite roll rotate route run sanitize save scale scan schedule script search "
    "seed select send separate serve set setup share ship show sign simplify simulate "
    "skip sort specify speed spin split standardise standardize start stop store "
    "strengthen stress-test support switch sync tag target teach tell template test "
    "throttle tighten trace track train transfer trigger try tune turn unblock understand "
    "unify update upgrade use validate verify visualize warn watch wire work wrap write".split()
)


def find_vague_words(title: str, details: str = "") -> str | None:
    """Return what makes an action item one of which nobody can tell when it is done.

    Details say what is meant by a better anything, but they end no investigation by themselves.
    """
    bare = _strip_rank(title)
    if _VAGUE_ITEM.match(bare):
        return None if details else bare
    endless_start = _ENDLESS_START.match(bare)
    has_outcome = endless_start and _BOUNDING_OUTCOME.search(
        f"{bare} {details}", endless_start.end()
    )
    return endless_start[0] if endless_start and not has_outcome else None


def lacks_verb(title: str) -> bool:
    """Say whether an action item is a mere thing, as ``Runbook for the fail-over``."""
    bare = _strip_rank(title)
    words = _TRAILING_PHRASE.sub("", bare).casefold().split()
    if _PURPOSE_CLAUSE.search(bare) or not words or len(words) > 4 or words[-1] not in THING_NOUNS:
        return False
    between = [word.removesuffix("s") for word in words[1:-1]]
    gerund = "" if words[0] in THING_NOUNS else words[0].removesuffix("ing")
    return not ACTION_VERBS.intersection([words[0], gerund, f"{gerund}e", *between])


def _strip_rank(title: str) -> str:
    """Return a title without a rank before it and a full stop behind it."""
    title = title[:MAX_TITLE_LENGTH]
    bare = title.lstrip("[( ")
    rank = _RANK_PREFIX.match(bare)
    return (bare[rank.end() :] if rank else title).replace("’", "'").strip(" .")
