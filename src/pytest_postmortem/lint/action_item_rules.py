"""The rules about action items: missing, without owner, date, verb or end, and overdue."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pytest_postmortem.documents.action_items import (
    DocumentItem,
    is_nothing_to_do,
    is_untitled_row,
)
from pytest_postmortem.documents.action_progress import classify_action_progress
from pytest_postmortem.lint.cases import (
    Complaint,
    LintCase,
    LintContext,
    compile_phrases,
    list_words,
    quote_text,
)
from pytest_postmortem.model import Policy

MAX_TITLE_LENGTH = 500
"""The number of characters of a title that are searched."""


_VAGUE_ITEM = compile_phrases("vague_item", end=r"\W*$")
_ENDLESS_START = compile_phrases("endless_start")
_OUTCOME = compile_phrases("outcome")
_RANK_PREFIX = compile_phrases("rank", end="")
_PLAN_PHRASES = compile_phrases("plan")
_TRAILING_PHRASE = re.compile(
    r"\s+(?:for|of|on|in|to|around|about|with|from|at|by|when|during|before|after|that|which)\s.*"
)
_PURPOSE_CLAUSE = re.compile(r"\sto [a-z]")
"""A thing with a purpose names an action."""
_THING_NOUNS = list_words("thing_nouns")
_ACTION_VERBS = list_words("action_verbs")


def find_vague_words(title: str, details: str = "") -> str | None:
    """Return the words that leave the end of an action item open, or None.

    Details are enough for "improve monitoring"; an investigation needs an outcome in its title or
    in its details.
    """
    bare = _strip_rank(title)
    if _VAGUE_ITEM.match(bare):
        return None if details else bare
    endless_start = _ENDLESS_START.match(bare)
    has_outcome = endless_start and _OUTCOME.search(f"{bare} {details}", endless_start.end())
    return endless_start[0] if endless_start and not has_outcome else None


def lacks_verb(title: str) -> bool:
    """Return whether an action item is only a noun, as ``Runbook for the fail-over``."""
    bare = _strip_rank(title)
    words = _TRAILING_PHRASE.sub("", bare).casefold().split()
    if _PURPOSE_CLAUSE.search(bare) or not words or len(words) > 4 or words[-1] not in _THING_NOUNS:
        return False
    between = [word.removesuffix("s") for word in words[1:-1]]
    gerund = "" if words[0] in _THING_NOUNS else words[0].removesuffix("ing")
    return not _ACTION_VERBS.intersection([words[0], gerund, f"{gerund}e", *between])


def _strip_rank(title: str) -> str:
    """Return a title without a rank before it and a full stop after it."""
    title = title[:MAX_TITLE_LENGTH]
    bare = title.lstrip("[( ")
    rank = _RANK_PREFIX.match(bare)
    return (bare[rank.end() :] if rank else title).replace("’", "'").strip(" .")


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
