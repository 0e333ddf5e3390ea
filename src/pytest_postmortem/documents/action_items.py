"""Find the action items of a document: in lists with or without boxes, and in tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import takewhile

from pytest_postmortem.documents.action_progress import is_closed_status
from pytest_postmortem.documents.dates import find_date
from pytest_postmortem.documents.heading_kinds import classify_heading
from pytest_postmortem.documents.labels import load_labels
from pytest_postmortem.documents.parts import DocumentPart
from pytest_postmortem.documents.placeholders import is_placeholder_text
from pytest_postmortem.documents.sections import CHECKBOX, DocumentPassage
from pytest_postmortem.documents.vocabulary import (
    compile_expression,
    compile_phrases,
    fold_text,
    read_vocabulary_file,
)
from pytest_postmortem.model import ActionItem

MAX_FACT_TEXT = 1000
"""The number of characters of an item that are searched."""

_HEADING_NUMBER = re.compile(r"\s*(?:\d{1,2}[.)]|[-–])\s+")
_STATE_EMOJI = re.compile("\\s*([✅✔☑✓🟢☐⬜🔲◻⏳🚧❌🔴🟡])\ufe0f?\\s*")
_DONE_EMOJI = "✅✔☑✓🟢"
_OWNER_HANDLE = re.compile(r"(?<![\w./@])@([A-Za-z][\w./-]*)")
_BRACKETED_TEXT = re.compile(r"[(\[（【]([^()\[\]（）【】]{1,120})[)\]）】]")
_TEXT_AFTER_DASH = re.compile(r"\s(?:[–—]|-{1,2}|\|)\s+([^–—|\n]{1,60})$")
_PERSON_OR_TEAM = re.compile(r"[A-Z][a-zà-ÿ]+\b|(?i:.*\bteam\b)", re.DOTALL)
_END_BRACKETS = re.compile(r"\s*[(\[（【][^()\[\]（）【】]*[)\]）】]\W*$")


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """The facts in the text of an action item.

    ``owned`` and ``dated`` say that it seems to name an owner and a date, ``past`` that the title
    is in the past tense. ``done`` comes from a box or a word, and is None without one.
    """

    title: str
    owner: str | None = None
    due: str | None = None
    done: bool | None = None
    owned: bool = False
    dated: bool = False
    past: bool = False


def parse_item_facts(text: str) -> ItemFacts:
    """Parse the text of an item: its title on the first line, its details below."""
    text = text[:MAX_FACT_TEXT]
    first = text.partition("\n")[0]
    box = CHECKBOX.match(first)
    title, done = _split_state_prefix(first[box.end() :] if box else first)
    if box and (done is None or box[1] != " "):
        done = box[1] != " "
    if done is None and (compile_expression("item_done").search(text) or _is_state_closed(text)):
        done = True
    if done is None and compile_expression("item_undone").search(first):
        done = False
    asides = [
        match[1] for match in (*_BRACKETED_TEXT.finditer(text), *_TEXT_AFTER_DASH.finditer(text))
    ]
    owner = _find_owner(text, asides)
    bare_title = _END_BRACKETS.sub("", title).strip() or title
    return ItemFacts(
        bare_title.strip(" .;–—-"),
        owner,
        find_item_date(text),
        done,
        owned=bool(owner) or any(map(_PERSON_OR_TEAM.match, asides)),
        dated=has_date_words(text),
        past=compile_expression("past_tense").match(title) is not None,
    )


def _split_state_prefix(title: str) -> tuple[str, bool | None]:
    """Return a title without a state before it, such as ``DONE``, and whether that is closed."""
    emoji = _STATE_EMOJI.match(title)
    if emoji:
        return title[emoji.end() :] or title, emoji[1] in _DONE_EMOJI
    match = compile_expression("item_prefix").match(title)
    if match is None or match.end() == len(title):
        return title, None
    is_marked = match["end"].strip() or match["word"].isupper()
    return (title[match.end() :], is_closed_status(match["word"])) if is_marked else (title, None)


def _is_state_closed(text: str) -> bool:
    match = compile_expression("item_state").search(text)
    return match is not None and is_closed_status(match[1])


def _find_owner(text: str, asides: Iterable[str]) -> str | None:
    """Return the owner: after a word for it, a handle, or next to a date: ``(payments, May 1)``."""
    match = compile_expression("item_owner").search(text)
    owner = _drop_placeholder((match[1] or match[2]).strip()) if match else None
    if owner:
        return owner
    if handle := _OWNER_HANDLE.search(text):
        return handle[1]
    for aside in asides:
        parts = [part.strip() for part in re.split(r"[,;/|]", aside)]
        undated_parts = [part for part in parts if part and not _is_date_part(part)]
        if len(undated_parts) < len(parts) and undated_parts and len(undated_parts[0].split()) <= 4:
            return undated_parts[0]
    return None


def _is_date_part(text: str) -> bool:
    return has_date_words(text) or compile_expression("item_due").match(text) is not None


def is_nothing_to_do(text: str) -> bool:
    """Return whether a text says that nothing is to do, mostly with a reason after it."""
    return compile_expression("nothing_to_do").match(text[:MAX_FACT_TEXT]) is not None


def find_item_date(text: str) -> str | None:
    """Return the first date in a text in ISO form, whatever language it is written in."""
    return find_date(text, load_labels().months)


def has_date_words(text: str) -> bool:
    """Return whether a text has a date or a deadline in any form."""
    return compile_expression("date_words").search(text[:MAX_FACT_TEXT]) is not None


def has_tracker_reference(text: str) -> bool:
    """Return whether a text refers to a tracker: an address, a number, a ticket."""
    return compile_expression("tracker").search(text) is not None


@dataclass(frozen=True, slots=True)
class DocumentItem:
    """An action item of a document, with its line.

    ``text`` is the whole item. ``owned`` and ``dated`` say whether it has an owner and a date,
    ``tracked`` whether it has a ticket, ``stated`` whether its status is written down,
    ``detailed`` whether it has more than a title.
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
        """Whether it is closed."""
        return is_closed_status(self.action.status)


def find_document_items(parts: Iterable[DocumentPart]) -> tuple[DocumentItem, ...]:
    """Return the action items of a document; without a list or a table there are none."""
    all_items = (
        item
        for part in map(_narrow_to_items, _turn_headings_into_items(parts))
        for item in _find_part_items(part)
    )
    return tuple(item for item in all_items if not is_nothing_to_do(item.text))


def _turn_headings_into_items(parts: Iterable[DocumentPart]) -> Iterator[DocumentPart]:
    """Yield parts; a heading within action items that has only a text below it becomes an item."""
    outer_level = 0
    for part in parts:
        if part.level and part.kind != "actions":
            outer_level = 0
        elif part.level and not (outer_level and part.level > outer_level):
            outer_level = part.level if classify_heading(part.heading) == "actions" else 0
        elif part.level and _has_only_texts(part) and classify_heading(part.heading) is None:
            title = _HEADING_NUMBER.sub("", part.heading)
            head = DocumentPassage(title, part.line, title, 1, -1, item=True)
            texts = (replace(passage, depth=2, item=False) for passage in part.passages)
            part = replace(part, passages=(head, *texts))
        yield part


def _has_only_texts(part: DocumentPart) -> bool:
    return bool(part.passages) and not any(p.item or p.cells for p in part.passages)


def _narrow_to_items(part: DocumentPart) -> DocumentPart:
    """Return a part with its action items only: all of a list of them, or boxes and tables.

    Outside of action items a row counts if its table has an owner and a date or a state.
    """
    if part.kind == "actions":
        return part
    if part.kind == "timeline":
        return replace(part, passages=())
    boxes = part.kind in ("plans", "lessons")
    passages = [
        passage
        for passage in part.passages
        if (_is_item_row(passage) if passage.cells else boxes and _is_boxed_item(passage))
    ]
    return replace(part, passages=tuple(passages))


def _is_item_row(row: DocumentPassage) -> bool:
    meanings = {_classify_column(head) for head, _ in row.cells}
    return {"title", "owner"} <= meanings and bool(meanings & {"due", "status"})


def _is_boxed_item(passage: DocumentPassage) -> bool:
    return passage.item and CHECKBOX.match(passage.text) is not None


def is_untitled_row(row: DocumentPassage) -> bool:
    """Return whether a passage is a row for an action item without a title, as in a template."""
    titles = [cell for head, cell in row.cells if _classify_column(head) == "title"]
    return bool(titles) and all(map(is_placeholder_text, titles))


def build_item_of_field(action: ActionItem, line: int) -> DocumentItem:
    """Return the item of an ``action_items`` field."""
    return _build_item(action, line, action.title, parse_item_facts(action.title), stated=True)


def _build_item(
    action: ActionItem,
    line: int,
    text: str,
    facts: ItemFacts,
    *,
    stated: bool,
    linked: bool = False,
    detailed: bool = False,
) -> DocumentItem:
    return DocumentItem(
        action,
        line,
        text,
        owned=bool(action.owner) or facts.owned,
        dated=bool(action.due) or facts.dated,
        tracked=linked or has_tracker_reference(text),
        stated=stated,
        detailed=detailed,
    )


def _find_part_items(part: DocumentPart) -> Iterator[DocumentItem]:
    """Yield the items of a part; an owner, a date or a tracker above the list applies to all."""
    above = list(takewhile(lambda passage: not (passage.item or passage.cells), part.passages))
    text = "\n".join(passage.text for passage in above)
    links = any(passage.links for passage in above)
    tracked = (links or has_tracker_reference(text)) and _has_words("list_tracked", text)
    owned = _has_words("item_owner", text[:MAX_FACT_TEXT])
    dated = has_date_words(text) and _has_words("list_deadline", text)
    for item in _parse_part_items(part):
        yield replace(
            item,
            owned=item.owned or owned,
            dated=item.dated or dated,
            tracked=item.tracked or tracked,
        )


def _has_words(expression: str, text: str) -> bool:
    return compile_expression(expression).search(text) is not None


def _parse_part_items(part: DocumentPart) -> Iterator[DocumentItem]:
    rows = [passage for passage in part.passages if passage.cells]
    columns = {head: _classify_column(head) for row in rows for head, _ in row.cells}
    if "title" in columns.values():
        yield from _parse_table_items([row for row in rows if not row.is_head], columns)
        return
    planned = _has_words("heading_planned", part.heading)
    done = _has_words("heading_done", part.heading) and not planned
    texts = [passage for passage in part.passages if not passage.cells]
    for passages in _group_list_passages(texts):
        yield from _parse_list_item(passages, done=done, planned=planned)


@cache
def _load_columns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Return the meanings of columns with their patterns, in the order in which they count."""
    columns = read_vocabulary_file("items.yml")["columns"]
    return tuple((column["meaning"], compile_phrases(column["words"])) for column in columns)


def _classify_column(head: str) -> str:
    text = fold_text(head).strip(" :*?#")
    return next((name for name, words in _load_columns() if words.fullmatch(text)), "other")


def _parse_table_items(
    rows: Sequence[DocumentPassage], columns: Mapping[str, str]
) -> Iterator[DocumentItem]:
    """Yield the items of a table; its status is stated where it has a column that says any."""
    tables = [{columns[head]: cell for head, cell in reversed(row.cells)} for row in rows]
    states = any(cells.get("status") for cells in tables)
    for row, cells in zip(rows, tables, strict=True):
        title, due = cells.get("title", ""), cells.get("due")
        if is_placeholder_text(title):
            continue
        action = ActionItem(
            title,
            _drop_placeholder(cells.get("owner")),
            find_item_date(due or "") or _drop_placeholder(due),
            _drop_placeholder(cells.get("type")),
            cells.get("status") or ("done" if row.struck else None),
        )
        yield _build_item(
            action,
            row.line,
            row.text,
            parse_item_facts(title),
            stated=states or row.struck,
            linked=bool(row.links or _drop_placeholder(cells.get("link"))),
        )


def _drop_placeholder(text: str | None) -> str | None:
    return None if text is None or is_placeholder_text(text) else text


def _group_list_passages(passages: Sequence[DocumentPassage]) -> Iterator[list[DocumentPassage]]:
    """Yield each item of the outermost lists with the passages that belong to it.

    These are the passages below it, and after a colon also a following list that is not indented.
    """
    current: list[DocumentPassage] = []
    open_group = 0
    top = min((passage.depth for passage in passages if passage.item), default=1)
    for passage in passages:
        begins = passage.item and passage.depth == top
        belongs = passage.depth > top or (passage.depth == top and not passage.item)
        if (
            begins
            and current
            and current[-1].text.endswith(":")
            and passage.group != current[0].group
        ):
            open_group = passage.group
        if begins and passage.group != open_group:
            if current:
                yield current
            current, open_group = [passage], 0
        elif current and (begins or belongs):
            current.append(passage)
        elif passage.depth < top and current:
            yield current
            current = []
    if current:
        yield current


def _parse_list_item(
    passages: Sequence[DocumentPassage], *, done: bool, planned: bool
) -> Iterator[DocumentItem]:
    first = passages[0]
    title = first.text if first.label else " ".join(first.text.split())
    text = "\n".join([title, *(passage.text for passage in passages[1:])])
    facts = parse_item_facts(text)
    if is_placeholder_text(facts.title) and not first.links:
        return
    past = facts.past and facts.done is None and not planned
    over = done or first.struck or facts.done or past
    status = "done" if over else "open" if facts.done is False else None
    yield _build_item(
        ActionItem(facts.title, facts.owner, facts.due, None, status),
        first.line,
        text,
        facts,
        stated=done or first.struck or facts.done is not None,
        linked=any(passage.links for passage in passages),
        detailed="\n" in text,
    )
