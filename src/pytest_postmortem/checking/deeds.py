"""Whether an action item says what is to be done, so that somebody can tell when it is."""

from __future__ import annotations

import re

from pytest_postmortem.checking.wording import phrases

__all__ = ["lacks_verb", "vague"]

LONGEST = 500
"""The characters of a title that are read."""

_THING = (
    r"(?:(?:code|system|error|internal|customer|overall|general) )?"
    r"(?:monitoring|alert(?:ing|s)?|logging|logs|test(?:ing|s)?(?: coverage)?|documentation|docs|"
    r"communications?|process(?:es)?|training|awareness|observability|visibility|reliability|"
    r"stability|resilience|quality|performance|security|tooling|automation|robustness|handling|"
    r"procedures?|reviews?|coverage|response)"
)
_THINGS = rf"(?:the |our |all )?{_THING}(?:(?:,|,? and|,? or|/| &) (?:our )?{_THING})*"
_BETTER = (
    "improve|enhance|increase|strengthen|better|optimi[sz]e|revisit|rethink|fix|"
    "more|have|need|add|get|provide|do"
)
_EVERYWHERE = "(?: (?:in general|everywhere|overall))?"
_SURE = "(?:make sure|ensure|see to it)(?: that)?"
_AGAIN = "(?: (?:in the future|again|from (?:happening|recurring|occurring).*))?"
_VAGUE = phrases(
    rf"""
    (?:{_BETTER})(?: (?:more|better|improved|proper|good|some))* {_THINGS}{_EVERYWHERE}
    (?:be|being|stay) (?:more |very |extra )?(?:careful|cautious|mindful|vigilant|attentive).*
    (?:be|being) (?:more )?(?:aware|diligent|thorough).*
    pay (?:more |closer |better )?attention.*
    (?:take|exercise) (?:more )?(?:care|caution).*
    (?:keep|have) (?:an eye on|in mind)(?!.*\b(?:until|once|by)\b).*
    remember (?:to|that).*
    try (?:to|harder).*
    {_SURE} (?:this|it|that) (?:does not|doesn't|won't|will not|never) \w+.*
    (?:avoid|prevent) (?:this|it|that|similar \w+|such \w+|these \w+){_AGAIN}
    """,
    end=r"\W*$",
)
"""Items that are true of every incident and name no deed."""

_ENDLESS = phrases(
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

_OUTCOME = phrases(
    r"""
    (?:and|then|to|so that|until) (?:\w+ )?(?:decide|write|report|document|propose|publish|agree)
    (?:and|then|to|so that|until) (?:\w+ )?(?:add|fix|file|open|create|implement|present|choose)
    (?:and|then|to|so that|until) (?:\w+ )?(?:apply|set|enable|configure|remove|replace|produce)
    (?:and|then|to|so that|until) (?:\w+ )?(?:limit|alert)
    decision|proposal|design doc|report|rfc|adr|prototype|spike
    """
)
"""What bounds such an item: something that comes out of it."""

_RANK = phrases(
    r"""
    (?:p[0-4]|critical|high|medium|low|must|should|could)(?: (?=[A-Z])|\W*[:\])–—-]\W*)
    (?:prio(?:rity)? ?\d?|todo|prevent(?:ion)?|detect(?:ion)?|process)\W*[:\])–—-]\W*
    (?:mitigat(?:e|ion)|respond|response)\W*[:\])–—-]\W*
    """,
    end="",
)
"""A priority or a type that stands before what is to be done."""

_ASIDE = re.compile(
    r"\s+(?:for|of|on|in|to|around|about|with|from|at|by|when|during|before|after|that|which)\s.*"
)

_PURPOSE = re.compile(r"\sto [a-z]")
"""A thing that is there to do something says what is to be done."""

NOUNS = frozenset(
    "alert alerting alerts automation backups breakers checklist checklists checks communication "
    "coverage dashboard dashboards docs documentation fail-over failover guidelines handling "
    "limiting limits logging metrics monitoring observability ownership planning playbook "
    "playbooks policies policy procedure procedures process processes redundancy retries reviews "
    "rollback rollbacks runbook runbooks testing tests throttling timeout timeouts tooling "
    "training validation visibility".split()
)
"""The things that people write down as if they were deeds."""

VERBS = frozenset(
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


def vague(title: str, details: str = "") -> str | None:
    """Return what makes an action item one of which nobody can tell when it is done.

    Details say what is meant by a better anything, but they end no investigation by themselves.
    """
    bare = _bare(title)
    if _VAGUE.match(bare):
        return None if details else bare
    found = _ENDLESS.match(bare)
    ends = found and _OUTCOME.search(f"{bare} {details}", found.end())
    return found[0] if found and not ends else None


def lacks_verb(title: str) -> bool:
    """Say whether an action item is a mere thing, as ``Runbook for the fail-over``."""
    bare = _bare(title)
    words = _ASIDE.sub("", bare).casefold().split()
    if _PURPOSE.search(bare) or not words or len(words) > 4 or words[-1] not in NOUNS:
        return False
    between = [word.removesuffix("s") for word in words[1:-1]]
    gerund = "" if words[0] in NOUNS else words[0].removesuffix("ing")
    return not VERBS.intersection([words[0], gerund, f"{gerund}e", *between])


def _bare(title: str) -> str:
    """Return a title without a rank before it and a full stop behind it."""
    title = title[:LONGEST]
    bare = title.lstrip("[( ")
    rank = _RANK.match(bare)
    return (bare[rank.end() :] if rank else title).replace("’", "'").strip(" .")
