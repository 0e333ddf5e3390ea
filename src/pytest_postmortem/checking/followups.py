"""The rules about action items: owned, dated, a deed, with an end, and not overdue."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pytest_postmortem.actions import classify_action_progress
from pytest_postmortem.checking.cases import LintCase
from pytest_postmortem.checking.deeds import find_vague_words, lacks_verb
from pytest_postmortem.checking.rules import build_warning, quote_text
from pytest_postmortem.checking.wording import compile_phrases
from pytest_postmortem.model import Finding
from pytest_postmortem.written.items import DocumentItem, is_untitled_row

__all__ = ["check_action_items", "find_open_items"]

_NO_ACTION_TEXT = re.compile(
    r"\W*(?:none|n/?a|nothing|not needed|no (?:further |more )?(?:action|follow|step)\w*.*)\W*$",
    re.IGNORECASE,
)
"""How people say that there is nothing to do."""

_PLAN_PHRASES = compile_phrases(
    r"""
    (?:we|i|they)(?:'ll|’ll| will| are going to| plan to| intend to| need to| should| have to)
    (?:we|they)(?:'re|’re| are) (?:now |also |already |currently )?(?:adding|working|planning)
    (?:going|moving) forward|in (?:the )?future,? we|as a follow-?up|next steps?
    to (?:prevent|avoid) (?:this|it|such|similar|a recurrence)
    (?:has|have) (?:since )?been (?:added|improved|put in place|introduced)
    """
)
"""How people say what will be done, where they have no part for it."""


def check_action_items(case: LintCase, today: str | None) -> Iterator[Finding]:
    """Yield what there is to say about the action items of an incident, on a day in ISO form."""
    yield from _check_actions_missing(case)
    if not case.is_unfinished:
        lacking = [item for item in find_open_items(case) if not item.owned]
        yield from _check_lacking_items(
            case, lacking, "action-owner", "no owner", "name the team that does it"
        )
        lacking = [item for item in find_open_items(case) if not item.dated]
        yield from _check_lacking_items(case, lacking, "action-date", "no date", "say until when")
    for item in case.items:
        if not item.over:
            yield from _check_item_wording(case, item)
            yield from _check_item_overdue(case, item, today)


def find_open_items(case: LintCase) -> list[DocumentItem]:
    """Return the action items that nobody has done, and that are tracked nowhere else."""
    return [item for item in case.items if not (item.over or item.tracked)]


def _check_actions_missing(case: LintCase) -> Iterator[Finding]:
    if case.items or not case.is_complete:
        return
    texts = (p.text for part in case.parts("actions") for p in part.said)
    written_plans = (
        p for _, p in case.said("actions", "plans", "lessons") if not is_untitled_row(p)
    )
    if any(True for _ in written_plans) or any(map(_NO_ACTION_TEXT.match, texts)):
        return
    empty = next(iter(case.parts("actions", "plans")), None)
    if empty is not None:
        message = f'{quote_text(empty.heading)} is empty: say what will be done, or "none" and why'
        yield build_warning("action-missing", message, case.path, empty.line)
    elif not any(_PLAN_PHRASES.search(passage.text) for _, passage in case.said("story", "other")):
        message = 'there is no action item: add a part "Action items", be it with "none" and why'
        yield build_warning("action-missing", message, case.path, case.line)


def _check_lacking_items(
    case: LintCase, lacking: Sequence[DocumentItem], code: str, missing_part: str, remedy: str
) -> Iterator[Finding]:
    """Yield a finding for each item that lacks something, or one where all of several do that are
    tracked nowhere.
    """
    remedy = f"{remedy}, or link to where it is tracked"
    if len(lacking) > 1 and len(lacking) == len(find_open_items(case)):
        message = f"{len(lacking)} open action items have {missing_part}: {remedy}"
        yield build_warning(code, message, case.path, lacking[0].line)
        return
    for item in lacking:
        message = f"the action item {quote_text(item.action.title)} has {missing_part}: {remedy}"
        yield build_warning(code, message, case.path, item.line)


def _check_item_wording(case: LintCase, item: DocumentItem) -> Iterator[Finding]:
    """Yield what makes an item none that somebody can do; a tracker may say more."""
    title = item.action.title
    words = (
        None
        if item.tracked
        else find_vague_words(title, item.text[len(title) :] if item.detailed else "")
    )
    if words:
        message = (
            f"nobody can tell when {quote_text(title)} is done: say what will be different, where"
        )
        yield build_warning("action-vague", message, case.path, item.line)
    elif not (item.tracked or item.detailed) and lacks_verb(title):
        message = f"{quote_text(title)} names a thing and no deed: begin with what is to be done"
        yield build_warning("action-verb", message, case.path, item.line)


def _check_item_overdue(case: LintCase, item: DocumentItem, today: str | None) -> Iterator[Finding]:
    action = item.action
    if item.stated and classify_action_progress(action.status, action.due, today) == "overdue":
        message = (
            f"{quote_text(action.title)} was due on {action.due} and is open: "
            "do it, give it a new date, or drop it with a reason"
        )
        yield build_warning("action-overdue", message, case.path, item.line)
