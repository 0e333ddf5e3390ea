"""The rules about action items: owned, dated, a deed, with an end, and not overdue."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pytest_postmortem.actions import progress
from pytest_postmortem.checking.cases import Case
from pytest_postmortem.checking.deeds import lacks_verb, vague
from pytest_postmortem.checking.rules import shortened, warning
from pytest_postmortem.checking.wording import phrases
from pytest_postmortem.model import Finding
from pytest_postmortem.written.items import Item, is_untitled

__all__ = ["check_items", "waiting"]

_NONE = re.compile(
    r"\W*(?:none|n/?a|nothing|not needed|no (?:further |more )?(?:action|follow|step)\w*.*)\W*$",
    re.IGNORECASE,
)
"""How people say that there is nothing to do."""

_WILL_DO = phrases(
    r"""
    (?:we|i|they)(?:'ll|’ll| will| are going to| plan to| intend to| need to| should| have to)
    (?:we|they)(?:'re|’re| are) (?:now |also |already |currently )?(?:adding|working|planning)
    (?:going|moving) forward|in (?:the )?future,? we|as a follow-?up|next steps?
    to (?:prevent|avoid) (?:this|it|such|similar|a recurrence)
    (?:has|have) (?:since )?been (?:added|improved|put in place|introduced)
    """
)
"""How people say what will be done, where they have no part for it."""


def check_items(case: Case, today: str | None) -> Iterator[Finding]:
    """Yield what there is to say about the action items of an incident, on a day in ISO form."""
    yield from _missing(case)
    if not case.unfinished:
        lacking = [item for item in waiting(case) if not item.owned]
        yield from _lacking(case, lacking, "action-owner", "no owner", "name the team that does it")
        lacking = [item for item in waiting(case) if not item.dated]
        yield from _lacking(case, lacking, "action-date", "no date", "say until when")
    for item in case.items:
        if not item.over:
            yield from _deed(case, item)
            yield from _overdue(case, item, today)


def waiting(case: Case) -> list[Item]:
    """Return the action items that nobody has done, and that are tracked nowhere else."""
    return [item for item in case.items if not (item.over or item.tracked)]


def _missing(case: Case) -> Iterator[Finding]:
    if case.items or not case.complete:
        return
    texts = (p.text for part in case.parts("actions") for p in part.said)
    said = (p for _, p in case.said("actions", "plans", "lessons") if not is_untitled(p))
    if any(True for _ in said) or any(map(_NONE.match, texts)):
        return
    empty = next(iter(case.parts("actions", "plans")), None)
    if empty is not None:
        message = f'{shortened(empty.heading)} is empty: say what will be done, or "none" and why'
        yield warning("action-missing", message, case.path, empty.line)
    elif not any(_WILL_DO.search(passage.text) for _, passage in case.said("story", "other")):
        message = 'there is no action item: add a part "Action items", be it with "none" and why'
        yield warning("action-missing", message, case.path, case.line)


def _lacking(
    case: Case, lacking: Sequence[Item], code: str, what: str, remedy: str
) -> Iterator[Finding]:
    """Yield a finding for each item that lacks something, or one where all of several do that are
    tracked nowhere.
    """
    remedy = f"{remedy}, or link to where it is tracked"
    if len(lacking) > 1 and len(lacking) == len(waiting(case)):
        message = f"{len(lacking)} open action items have {what}: {remedy}"
        yield warning(code, message, case.path, lacking[0].line)
        return
    for item in lacking:
        message = f"the action item {shortened(item.action.title)} has {what}: {remedy}"
        yield warning(code, message, case.path, item.line)


def _deed(case: Case, item: Item) -> Iterator[Finding]:
    """Yield what makes an item none that somebody can do; a tracker may say more."""
    title = item.action.title
    words = None if item.tracked else vague(title, item.text[len(title) :] if item.detailed else "")
    if words:
        message = (
            f"nobody can tell when {shortened(title)} is done: say what will be different, where"
        )
        yield warning("action-vague", message, case.path, item.line)
    elif not (item.tracked or item.detailed) and lacks_verb(title):
        message = f"{shortened(title)} names a thing and no deed: begin with what is to be done"
        yield warning("action-verb", message, case.path, item.line)


def _overdue(case: Case, item: Item, today: str | None) -> Iterator[Finding]:
    action = item.action
    if item.stated and progress(action.status, action.due, today) == "overdue":
        message = (
            f"{shortened(action.title)} was due on {action.due} and is open: "
            "do it, give it a new date, or drop it with a reason"
        )
        yield warning("action-overdue", message, case.path, item.line)
