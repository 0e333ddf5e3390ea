"""The rules about action items: missing, without owner, date, verb or end, and overdue."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pytest_postmortem.documents.action_items import (
    DocumentItem,
    is_nothing_to_do,
    is_untitled_row,
)
from pytest_postmortem.documents.action_states import classify_action_progress
from pytest_postmortem.lint.cases import Complaint, LintCase, LintContext, quote_text
from pytest_postmortem.lint.cause_rules import compile_phrases
from pytest_postmortem.model import Policy

MAX_TITLE_LENGTH = 500
"""The number of characters of a title that are searched."""


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
"""Items that fit every incident and name no change."""


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
"""Starts of items without a measurable end."""


_BOUNDING_OUTCOME = compile_phrases(
    r"""
    (?:and|then|to|so that|until) (?:\w+ )?(?:decide|write|report|document|propose|publish|agree)
    (?:and|then|to|so that|until) (?:\w+ )?(?:add|fix|file|open|create|implement|present|choose)
    (?:and|then|to|so that|until) (?:\w+ )?(?:apply|set|enable|configure|remove|replace|produce)
    (?:and|then|to|so that|until) (?:\w+ )?(?:limit|alert)
    decision|proposal|design doc|report|rfc|adr|prototype|spike
    """
)
"""Outcomes that give such an item an end."""


_RANK_PREFIX = compile_phrases(
    r"""
    (?:p[0-4]|critical|high|medium|low|must|should|could)(?: (?=[A-Z])|\W*[:\])–—-]\W*)
    (?:prio(?:rity)? ?\d?|todo|prevent(?:ion)?|detect(?:ion)?|process)\W*[:\])–—-]\W*
    (?:mitigat(?:e|ion)|respond|response)\W*[:\])–—-]\W*
    """,
    end="",
)
"""A priority or a type before the action."""


_TRAILING_PHRASE = re.compile(
    r"\s+(?:for|of|on|in|to|around|about|with|from|at|by|when|during|before|after|that|which)\s.*"
)


_PURPOSE_CLAUSE = re.compile(r"\sto [a-z]")
"""A thing with a purpose names an action."""


THING_NOUNS = frozenset(
    "alert alerting alerts automation backups breakers checklist checklists checks communication "
    "coverage dashboard dashboards docs documentation fail-over failover guidelines handling "
    "limiting limits logging metrics monitoring observability ownership planning playbook "
    "playbooks policies policy procedure procedures process processes redundancy retries reviews "
    "rollback rollbacks runbook runbooks testing tests throttling timeout timeouts tooling "
    "training validation visibility".split()
)
"""Nouns that people write in place of an action."""


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
    """Return the words that leave the end of an action item open, or None.

    Details are enough for "improve monitoring"; an investigation needs an outcome in its title or
    in its details.
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
    """Return whether an action item is only a noun, as ``Runbook for the fail-over``."""
    bare = _strip_rank(title)
    words = _TRAILING_PHRASE.sub("", bare).casefold().split()
    if _PURPOSE_CLAUSE.search(bare) or not words or len(words) > 4 or words[-1] not in THING_NOUNS:
        return False
    between = [word.removesuffix("s") for word in words[1:-1]]
    gerund = "" if words[0] in THING_NOUNS else words[0].removesuffix("ing")
    return not ACTION_VERBS.intersection([words[0], gerund, f"{gerund}e", *between])


def _strip_rank(title: str) -> str:
    """Return a title without a rank before it and a full stop after it."""
    title = title[:MAX_TITLE_LENGTH]
    bare = title.lstrip("[( ")
    rank = _RANK_PREFIX.match(bare)
    return (bare[rank.end() :] if rank else title).replace("’", "'").strip(" .")


_PLAN_PHRASES = compile_phrases(
    r"""
    (?:we|i|they)(?:'ll|’ll| will| are going to| plan to| intend to| need to| should| have to)
    (?:we|they)(?:'re|’re| are) (?:now |also |already |currently )?(?:adding|working|planning)
    (?:going|moving) forward|in (?:the )?future,? we|as a follow-?up|next steps?
    to (?:prevent|avoid) (?:this|it|such|similar|a recurrence)
    (?:has|have) (?:since )?been (?:added|improved|put in place|introduced)
    """
)
"""Phrases with which a story names an action."""


def check_action_missing(case: LintCase, context: LintContext) -> Iterator[Complaint]:
    """Yield a complaint if a complete document has no action item, and does not say why."""
    if case.items or not case.is_complete:
        return
    texts = (p.text for part in case.parts("actions") for p in part.said)
    written_plans = (
        p for _, p in case.said("actions", "plans", "lessons") if not is_untitled_row(p)
    )
    if any(True for _ in written_plans) or any(map(is_nothing_to_do, texts)):
        return
    empty = next(iter(case.parts("actions", "plans")), None)
    if empty is not None:
        heading = quote_text(empty.heading)
        yield empty.line, f'{heading} is empty; write the planned actions, or "none" and why'
    elif not any(_PLAN_PHRASES.search(passage.text) for _, passage in case.said("story", "other")):
        yield (
            case.line,
            'the action items are missing; add a part "Action items", with "none" and why '
            "if none follows",
        )


def check_action_owner(case: LintCase, context: LintContext) -> Iterator[Complaint]:
    """Yield complaints about open action items without an owner."""
    lacking = [item for item in _find_open_items(case) if not item.owned]
    return _report_lacking_items(case, lacking, "owner", "name a team")


def check_action_date(case: LintCase, context: LintContext) -> Iterator[Complaint]:
    """Yield complaints about open action items without a date."""
    lacking = [item for item in _find_open_items(case) if not item.dated]
    return _report_lacking_items(case, lacking, "date", "add a due date")


def has_open_items(case: LintCase, policy: Policy) -> bool:
    """Return whether an owner and a date are expected of an action item."""
    return bool(_find_open_items(case)) and not case.is_unfinished


def _find_open_items(case: LintCase) -> list[DocumentItem]:
    """Return the action items that are not done and have no ticket."""
    return [item for item in case.items if not (item.over or item.tracked)]


def _report_lacking_items(
    case: LintCase, lacking: Sequence[DocumentItem], missing_part: str, remedy: str
) -> Iterator[Complaint]:
    """Yield a complaint for each item, or one if all of several open items lack the same."""
    if case.is_unfinished:
        return
    remedy = f"{remedy}, or link to the ticket"
    if len(lacking) > 1 and len(lacking) == len(_find_open_items(case)):
        message = f"{len(lacking)} open action items have no {missing_part}; {remedy}"
        yield lacking[0].line, message
        return
    for item in lacking:
        title = quote_text(item.action.title)
        yield item.line, f"the action item {title} has no {missing_part}; {remedy}"


def check_action_vague(case: LintCase, context: LintContext) -> Iterator[Complaint]:
    """Yield complaints about action items without a measurable end."""
    for item in case.items:
        if not item.over and _is_vague_item(item):
            yield (
                item.line,
                f"{quote_text(item.action.title)} has no measurable end; "
                "write what will be different, and where",
            )


def _is_vague_item(item: DocumentItem) -> bool:
    """Return whether an item has no measurable end; the ticket of a tracked item may have one."""
    title = item.action.title
    details = item.text[len(title) :] if item.detailed else ""
    return not item.tracked and find_vague_words(title, details) is not None


def check_action_verb(case: LintCase, context: LintContext) -> Iterator[Complaint]:
    """Yield complaints about action items without a verb; vague ones are left to their rule."""
    for item in case.items:
        if item.over or item.tracked or item.detailed or _is_vague_item(item):
            continue
        if lacks_verb(item.action.title):
            yield item.line, f"{quote_text(item.action.title)} has no verb; begin with the action"


def check_action_overdue(case: LintCase, context: LintContext) -> Iterator[Complaint]:
    """Yield complaints about action items that are open after their date, by a written status."""
    today = context.policy.today.isoformat() if context.policy.today else None
    for item in case.items:
        action = item.action
        if item.over or not item.stated:
            continue
        if classify_action_progress(action.status, action.due, today) == "overdue":
            yield (
                item.line,
                f"{quote_text(action.title)} was due on {action.due} and is open; "
                "do it, give it a new date, or drop it with a reason",
            )
