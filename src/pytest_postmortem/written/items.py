"""The parts with action items → the items, from lists with or without boxes, and from tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from pytest_postmortem.actions import is_over
from pytest_postmortem.model import ActionItem
from pytest_postmortem.written import facts
from pytest_postmortem.written.parts import Part
from pytest_postmortem.written.passages import Passage

__all__ = ["Item", "is_untitled", "items", "of_action"]

COLUMNS: Mapping[str, str] = {
    "due": r"due\b.*|deadline|eta|target( date)?|when|by( when)?|((completion|end) )?date|timeline",
    "owner": r".*\bowners?|assignees?|assigned( to)?|(by )?who|responsible.*|dri|team|lead|person",
    "status": r".*\b(status|state)|progress|(is )?(done|completed?|resolved)\??",
    "link": r"((bug|ticket|issue|tracking|github|gitlab)\b.*|(bug|ticket|issue|link|pr|ref)s|"
    r"jira|link|tracker|tracked( in)?|prs?|pull requests?|ref(erences?)?|url|story|gh)",
    "type": r".*\btype|kind|category|class",
    "other": r"prio(rity)?|p|severity|#|id|no\.?|nr\.?|number|effort|notes?|comments?|why|cause",
    "title": r".*\b(action|task|item|to-?do|what|description|title|summary|name|detail|follow-?up|"
    r"improvement|measure|recommendation|remediation|mitigation)s?\b.*",
}
"""The heads of the columns of a table, the first that fits."""

_COLUMNS = {name: re.compile(words, re.IGNORECASE) for name, words in COLUMNS.items()}
_HEADING_DONE = re.compile(r"\b(completed?|done|finished|implemented)\b", re.IGNORECASE)
_TRACKED = re.compile(r"\btrack(?:ed|ing|er)?\b", re.IGNORECASE)
_UNTIL = re.compile(r"\b(?:due|deadline|by|within|until)\b", re.IGNORECASE)
"""How people say above a list what holds for all of it."""

_NOT_DONE = re.compile(r"\b(not|in[ -]progress|partly|planned|to be|open)\b", re.IGNORECASE)


_NOTHING = re.compile(
    r"""\W*(?:
        none|n/?a|nothing|not\ (?:needed|required|applicable)
        |no\ (?:further\ |more\ |open\ |new\ )?(?:actions?|action\ items?|follow-?ups?|steps)
    )
    (?:\ (?:at\ all|is|are|was|were|needed|required|planned|necessary|left|so\ far|yet|to\ do))*
    \ *(?:$|[,;:.(\u2013\u2014-]|\b(?:because|since|as|for)\b)""",
    re.IGNORECASE | re.VERBOSE,
)
"""How people say that there is nothing to do, mostly with the reason behind it."""


@dataclass(frozen=True, slots=True)
class Item:
    """An action item where it is written.

    ``text`` is all that is said of it. ``owned`` and ``dated`` say whether anybody and any time
    is named, ``tracked`` whether a tracker is, ``stated`` whether it says how far it is,
    ``detailed`` whether more than a title is written.
    """

    action: ActionItem
    line: int
    text: str
    owned: bool = False
    dated: bool = False
    tracked: bool = False
    stated: bool = False
    detailed: bool = False

    @property
    def over(self) -> bool:
        """Whether nobody has to do it any more."""
        return is_over(self.action.status)


def items(found: Iterable[Part]) -> tuple[Item, ...]:
    """Return the action items of a document; without a list or a table there are none."""
    every = (item for part in found if part.kind == "actions" for item in _items(part))
    return tuple(item for item in every if not _NOTHING.match(item.text))


def is_untitled(row: Passage) -> bool:
    """Say whether a passage is the row of an action item that names none, as a template has it."""
    titles = [cell for head, cell in row.cells if _column(head) == "title"]
    return bool(titles) and all(map(facts.is_placeholder, titles))


def of_action(action: ActionItem, line: int) -> Item:
    """Return an item that stands in a field of its own; what it does not say is not so."""
    return Item(
        action,
        line,
        action.title,
        owned=bool(action.owner) or facts.facts(action.title).owned,
        dated=bool(action.due) or facts.is_dated(action.title),
        tracked=facts.is_tracked(action.title),
        stated=True,
    )


def _items(part: Part) -> Iterator[Item]:
    """Yield the items of a part; what stands above them of who, when and where, is said of all."""
    above = list(takewhile(lambda each: not (each.item or each.cells), part.passages))
    text = "\n".join(passage.text for passage in above)
    tracked = _TRACKED.search(text) and (any(e.links for e in above) or facts.is_tracked(text))
    owned = facts.is_owned(text)
    dated = _UNTIL.search(text) and facts.is_dated(text)
    for item in _of_part(part):
        yield replace(
            item,
            owned=item.owned or owned,
            dated=item.dated or bool(dated),
            tracked=item.tracked or bool(tracked),
        )


def _of_part(part: Part) -> Iterator[Item]:
    rows = [passage for passage in part.passages if passage.cells]
    columns = {head: _column(head) for row in rows for head, _ in row.cells}
    if "title" in columns.values():
        yield from _of_rows([row for row in rows if not row.is_head], columns)
    else:
        planned = _NOT_DONE.search(part.heading) is not None
        done = _HEADING_DONE.search(part.heading) is not None and not planned
        for passages in _grouped([passage for passage in part.passages if not passage.cells]):
            yield from _of_list(passages, done=done, planned=planned)


def _column(head: str) -> str:
    return next((name for name, words in _COLUMNS.items() if words.fullmatch(head)), "other")


def _of_rows(rows: Sequence[Passage], columns: Mapping[str, str]) -> Iterator[Item]:
    """Yield the items of a table; its status is stated where it has a column that says any."""
    kept = [(row, {columns[head]: cell for head, cell in reversed(row.cells)}) for row in rows]
    states = any(cells.get("status") for _, cells in kept)
    for row, cells in kept:
        title = cells.get("title", "")
        if not facts.is_placeholder(title):
            status = cells.get("status") or ("done" if row.struck else None)
            due = cells.get("due")
            action = ActionItem(
                title,
                _filled(cells.get("owner")),
                facts.day_in(due or "") or _filled(due),
                _filled(cells.get("type")),
                status,
            )
            yield Item(
                action,
                row.line,
                row.text,
                owned=bool(action.owner) or facts.facts(title).owned,
                dated=bool(action.due) or facts.is_dated(title),
                tracked=bool(row.links or _filled(cells.get("link"))) or facts.is_tracked(row.text),
                stated=states or row.struck,
            )


def _filled(text: str | None) -> str | None:
    return None if text is None or facts.is_placeholder(text) else text


def _grouped(passages: Sequence[Passage]) -> Iterator[list[Passage]]:
    """Yield each item of the outermost lists with what belongs to it: what stands below it, and
    a list of its own that nobody has indented, behind a colon.
    """
    own: list[Passage] = []
    open_group = 0
    top = min((passage.depth for passage in passages if passage.item), default=1)
    for passage in passages:
        begins = passage.item and passage.depth == top
        belongs = passage.depth > top or (passage.depth == top and not passage.item)
        if begins and own and own[-1].text.endswith(":") and passage.group != own[0].group:
            open_group = passage.group
        if begins and passage.group != open_group:
            if own:
                yield own
            own, open_group = [passage], 0
        elif own and (begins or belongs):
            own.append(passage)
        elif passage.depth < top and own:
            yield own
            own = []
    if own:
        yield own


def _of_list(passages: Sequence[Passage], *, done: bool, planned: bool) -> Iterator[Item]:
    first = passages[0]
    lines = first.text.split("\n") if first.label else [" ".join(first.text.split())]
    text = "\n".join([*lines, *(passage.text for passage in passages[1:])])
    said = facts.facts(text)
    if facts.is_placeholder(said.title) and not first.links:
        return
    past = said.past and said.done is None and not planned
    over = done or first.struck or said.done or past
    status = "done" if over else "open" if said.done is False else None
    yield Item(
        ActionItem(said.title, said.owner, said.due, None, status),
        first.line,
        text,
        owned=said.owned,
        dated=facts.is_dated(text),
        tracked=any(each.links for each in passages) or facts.is_tracked(text),
        stated=done or first.struck or said.done is not None,
        detailed="\n" in text,
    )
