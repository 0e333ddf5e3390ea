"""Find the action items of a document: in lists with or without boxes, and in tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import takewhile

from pytest_postmortem.documents.action_states import is_closed_status
from pytest_postmortem.documents.dates import find_date
from pytest_postmortem.documents.heading_kinds import classify_heading
from pytest_postmortem.documents.labels import load_labels
from pytest_postmortem.documents.parts import DocumentPart
from pytest_postmortem.documents.placeholders import is_placeholder_text, list_item_words
from pytest_postmortem.documents.sections import DocumentPassage
from pytest_postmortem.documents.vocabulary import (
    compile_phrases,
    fold_text,
    join_words,
    read_vocabulary_file,
)
from pytest_postmortem.model import ActionItem

MAX_FACT_TEXT = 1000
"""The number of characters of an item that are searched."""


_CHECKBOX = re.compile(r"\[([ xX✓✔])\]\s*")
_AFTER_STATE = (
    r"(?=\s*(?:[)）\]】,，;:：–—-]|[\d#]|"
    r"(?:in|by|on|at|via|with|since|as|of|for|am|le|el|em|il|op)\b))"
)
"""What follows a state in brackets: ``(done in 1.2)``, and not ``(dropped packets)``."""

_HEADING_NUMBER = re.compile(r"\s*(?:\d{1,2}[.)]|[-–])\s+")
_STATE_EMOJI = re.compile("\\s*([✅✔☑✓🟢☐⬜🔲◻⏳🚧❌🔴🟡])\ufe0f?\\s*")
_DONE_EMOJI = "✅✔☑✓🟢"


_PAST_TENSE = re.compile(
    r"\W*(?:the (?:\w+ )?team |we |i )?(?:then |also |have |has |had |already |since )*"
    r"(?:[a-z]{2,}[^e\W]ed|got|gave|made|met|put|ran|sent|wrote|built|began|set up an?)\b(?!-)",
    re.IGNORECASE,
)
"""Starts of a text about something in the past."""


_MONTH_NAMES = (
    r"jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    r"sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
)


_DATE_WORDS = re.compile(
    rf"\d{{4}}-\d\d|\b\d{{1,2}}[./]\d{{1,2}}[./]\d{{2,4}}\b|\b(?:{_MONTH_NAMES})\.? \d{{1,4}}\b|"
    rf"\b\d{{1,2}}(?:st|nd|rd|th)? (?:of )?(?:{_MONTH_NAMES})\b|\b[qh][1-4]\b|\bsprint\b|"
    r"\b\d+ (?:days|weeks|months)\b|\b(?:due|deadline|eta)\b|"
    r"\b(?:this|next|within \w+|end of|end of the) "
    r"(?:days?|weeks?|months?|quarters?|year)\b|\bby (?:mon|tues|wednes|thurs|fri)day\b|"
    r"\bimmediately\b|\bASAP\b|\d{4}年|\d{1,2}月|\d{1,2}월|"
    r"\b\d{1,2}\.? (?:de )?[^\W\d_]{3,12}\.? (?:de )?\d{4}\b",
    re.IGNORECASE,
)


_TRACKER_REFERENCE = re.compile(
    r"https?://|(?<![\w&])#\d+\b|"
    r"(?-i:\b(?!UTF-|SHA-|ISO-|SEV-|TLS-|RFC-|HTTP-)[A-Z][A-Z0-9]{1,9}-\d+\b)|"
    r"\b(?:issue|ticket|card|story|pr)s? (?:was |were |is |are |already |has been )*"
    r"(?:created|filed|opened|raised|logged)\b|"
    r"\b(?:created|filed|opened|raised) (?:an?|the) (?:issue|ticket|card|story|pr)\b",
    re.IGNORECASE,
)


_OWNER_HANDLE = re.compile(r"(?<![\w./@])@([A-Za-z][\w./-]*)")


_BRACKETED_TEXT = re.compile(r"[(\[（【]([^()\[\]（）【】]{1,120})[)\]）】]")


_TEXT_AFTER_DASH = re.compile(r"\s(?:[–—]|-{1,2}|\|)\s+([^–—|\n]{1,60})$")


_PERSON_NAME = re.compile(r"[A-Z][a-zà-ÿ]+\b")


@dataclass(frozen=True, slots=True)
class _ItemPatterns:
    """The patterns that are built from the words of all languages.

    ``done`` finds words anywhere that say that an item is done, ``undone`` a state at the end or
    in brackets that says that it is not. ``prefix`` is a state at the
    start of a title, ``state`` one after a word such as "status", ``owner`` a named owner.
    """

    done: re.Pattern[str]
    undone: re.Pattern[str]
    prefix: re.Pattern[str]
    state: re.Pattern[str]
    owner: re.Pattern[str]
    due: re.Pattern[str]
    dated: re.Pattern[str]
    nothing: re.Pattern[str]


@cache
def _load_patterns() -> _ItemPatterns:
    words = {
        name: join_words(list_item_words(name))
        for name in ("closed", "open", "state", "owner", "due", "nothing")
    }
    return _ItemPatterns(
        re.compile(
            r"[✅✔☑]|:(?:white_check_mark|heavy_check_mark|ballot_box_with_check):|"
            rf"[(（\[【](?:already )?(?:{words['closed']}){_AFTER_STATE}|"
            rf"[,，、;；]\s*(?:{words['closed']})\s*[)）\]】]|"
            r"\b(?:this|it|that|which) has (?:already |now |since )?been "
            r"(?:done|fixed|completed|resolved|implemented|merged|deployed|shipped)\b|"
            r"\balready (?:done|fixed|completed|resolved|implemented|merged|deployed|shipped|"
            rf"in place)\b|(?:[:：]|\s[–—→-]|\s[-=]>)\s*(?:{words['closed']})\W*$",
            re.IGNORECASE,
        ),
        re.compile(
            rf"(?:[:：]|\s[–—-])\s*(?:{words['open']})\W*$|[(（\[【](?:{words['open']})[)）\]】]",
            re.IGNORECASE,
        ),
        re.compile(
            rf"\W*(?P<word>{words['closed']}|{words['open']})"
            r"(?P<end>\s*(?:\([^()]{1,40}\)\s*[:：]|[:：.)\]】）]|[–—-]+\s)\s*|\s+|$)",
            re.IGNORECASE,
        ),
        re.compile(
            rf"(?<!\w)(?:{words['state']})\s*[:=：]\s*([^\s,;|()][^\n,;|()]*)", re.IGNORECASE
        ),
        re.compile(
            r"\b(?:owners?|owned by|assignees?|assigned to|responsible|dri)\b\s*[:=：–—-]?\s*"
            r"([^\s,;:()\[\]|](?:(?!\.\s)[^,;()\[\]|\n]){0,60})|"
            rf"(?<!\w)(?:{words['owner']})\s*[:=：]\s*([^\s,;:、，][^,;()\[\]|\n、，；（）]{{0,60}})",
            re.IGNORECASE,
        ),
        re.compile(rf"(?<!\w)(?:{words['due']})\W*", re.IGNORECASE),
        re.compile(rf"(?<!\w)(?:{words['due']})\s*[:：]\s*\w", re.IGNORECASE),
        re.compile(
            rf"\W*(?:{words['nothing']})[\"'”’»*_]*"
            r"(?: (?:at all|is|are|was|were|needed|required|planned|necessary|left|so far|yet|"
            r"to do))*"
            r" *(?:$|[,;:.|(。、，（：\u2013\u2014-]|\b(?:because|since|as|for)\b)",
            re.IGNORECASE,
        ),
    )


@cache
def _load_columns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Return the meanings of columns with their patterns, in the order in which they count."""
    columns = read_vocabulary_file("items.yml")["columns"]
    return tuple((column["meaning"], compile_phrases(column["words"])) for column in columns)


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """The facts in the text of an action item; ``owned`` says that it seems to name an owner."""

    title: str
    owner: str | None = None
    due: str | None = None
    done: bool | None = None
    owned: bool = False
    past: bool = False


def parse_item_facts(text: str) -> ItemFacts:
    """Parse the text of an item: its title on the first line, its details below.

    ``done`` comes from a box or a word, and is None without one; ``past`` says that the title is
    in the past tense.
    """
    text = text[:MAX_FACT_TEXT]
    first = text.partition("\n")[0]
    box = _CHECKBOX.match(first)
    title = first[box.end() :] if box else first
    title, written = _split_state_prefix(title)
    done = box[1] != " " if box else None
    done = written if written is not None and not done else done
    if done is None and (_load_patterns().done.search(text) or _is_state_closed(text)):
        done = True
    if done is None and _load_patterns().undone.search(first):
        done = False
    owner_match, handle_match = _load_patterns().owner.search(text), _OWNER_HANDLE.search(text)
    owner = (owner_match[1] or owner_match[2]).strip() if owner_match else None
    owner = (
        _drop_placeholder(owner)
        or (handle_match[1] if handle_match else None)
        or _find_owner_near_date(text)
    )
    owned, past = bool(owner) or _has_person_or_team(text), _PAST_TENSE.match(title) is not None
    return ItemFacts(_strip_title_brackets(title), owner, find_item_date(text), done, owned, past)


def _split_state_prefix(title: str) -> tuple[str, bool | None]:
    """Return a title without a state before it, such as ``DONE``, and whether that is closed."""
    emoji = _STATE_EMOJI.match(title)
    if emoji:
        return title[emoji.end() :] or title, emoji[1] in _DONE_EMOJI
    match = _load_patterns().prefix.match(title)
    remainder = title[match.end() :] if match else ""
    if match is None or not remainder:
        return title, None
    is_marked = bool(match["end"].strip()) or match["word"].isupper()
    return (remainder, is_closed_status(match["word"])) if is_marked else (title, None)


def _is_state_closed(text: str) -> bool:
    match = _load_patterns().state.search(text)
    return match is not None and is_closed_status(match[1])


def has_named_owner(text: str) -> bool:
    """Return whether a text names an owner after a word such as "owner" or "assigned to"."""
    return _load_patterns().owner.search(text[:MAX_FACT_TEXT]) is not None


def is_nothing_to_do(text: str) -> bool:
    """Return whether a text says that nothing is to do, mostly with a reason after it."""
    return _load_patterns().nothing.match(text[:MAX_FACT_TEXT]) is not None


def _find_owner_near_date(text: str) -> str | None:
    """Return the owner next to a date, as in ``(payments, 2026-05-01)``."""
    for match in (*_BRACKETED_TEXT.finditer(text), *_TEXT_AFTER_DASH.finditer(text)):
        parts = [part.strip() for part in re.split(r"[,;/|]", match[1])]
        undated_parts = [
            part
            for part in parts
            if part and not has_date_words(part) and not _load_patterns().due.match(part)
        ]
        if len(undated_parts) < len(parts) and undated_parts and len(undated_parts[0].split()) <= 4:
            return undated_parts[0]
    return None


def _has_person_or_team(text: str) -> bool:
    """Return whether a text seems to name a person or a team in brackets or at its end."""
    asides = [
        match[1] for match in (*_BRACKETED_TEXT.finditer(text), *_TEXT_AFTER_DASH.finditer(text))
    ]
    return any(_PERSON_NAME.match(aside) or re.search(r"\bteam\b", aside, re.I) for aside in asides)


def _strip_title_brackets(text: str) -> str:
    """Return a title without trailing brackets."""
    title = re.sub(r"\s*[(\[（【][^()\[\]（）【】]*[)\]）】]\W*$", "", text).strip()
    return (title or text).strip(" .;–—-")


def find_item_date(text: str) -> str | None:
    """Return the first date in a text in ISO form, whatever language it is written in."""
    return find_date(text, load_labels().months)


def has_date_words(text: str) -> bool:
    """Return whether a text has a date or a deadline in any form."""
    text = text[:MAX_FACT_TEXT]
    return (_DATE_WORDS.search(text) or _load_patterns().dated.search(text)) is not None


def has_tracker_reference(text: str) -> bool:
    """Return whether a text refers to a tracker: an address, a number, a ticket."""
    return _TRACKER_REFERENCE.search(text) is not None


_HEADING_DONE = re.compile(r"\b(completed?|done|finished|implemented)\b", re.IGNORECASE)
_TRACKED_WORDS = re.compile(r"\btrack(?:ed|ing|er)?\b", re.IGNORECASE)
_UNTIL_WORDS = re.compile(r"\b(?:due|deadline|by|within|until)\b", re.IGNORECASE)
"""Words above a list that set a deadline for all of it."""

_NOT_DONE_WORDS = re.compile(r"\b(not|in[ -]progress|partly|planned|to be|open)\b", re.IGNORECASE)


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
    return passage.item and _CHECKBOX.match(passage.text) is not None


def is_untitled_row(row: DocumentPassage) -> bool:
    """Return whether a passage is a row for an action item without a title, as in a template."""
    titles = [cell for head, cell in row.cells if _classify_column(head) == "title"]
    return bool(titles) and all(map(is_placeholder_text, titles))


def build_item_of_field(action: ActionItem, line: int) -> DocumentItem:
    """Return the item of an ``action_items`` field."""
    return DocumentItem(
        action,
        line,
        action.title,
        owned=bool(action.owner) or parse_item_facts(action.title).owned,
        dated=bool(action.due) or has_date_words(action.title),
        tracked=has_tracker_reference(action.title),
        stated=True,
    )


def _find_part_items(part: DocumentPart) -> Iterator[DocumentItem]:
    """Yield the items of a part; an owner, a date or a tracker above the list applies to all."""
    passages_above = list(
        takewhile(lambda candidate: not (candidate.item or candidate.cells), part.passages)
    )
    text = "\n".join(passage.text for passage in passages_above)
    tracked = _TRACKED_WORDS.search(text) and (
        any(passage_above.links for passage_above in passages_above) or has_tracker_reference(text)
    )
    owned = has_named_owner(text)
    dated = _UNTIL_WORDS.search(text) and has_date_words(text)
    for item in _parse_part_items(part):
        yield replace(
            item,
            owned=item.owned or owned,
            dated=item.dated or bool(dated),
            tracked=item.tracked or bool(tracked),
        )


def _parse_part_items(part: DocumentPart) -> Iterator[DocumentItem]:
    rows = [passage for passage in part.passages if passage.cells]
    columns = {head: _classify_column(head) for row in rows for head, _ in row.cells}
    if "title" in columns.values():
        yield from _parse_table_items([row for row in rows if not row.is_head], columns)
    else:
        planned = _NOT_DONE_WORDS.search(part.heading) is not None
        done = _HEADING_DONE.search(part.heading) is not None and not planned
        for passages in _group_list_passages(
            [passage for passage in part.passages if not passage.cells]
        ):
            yield from _parse_list_item(passages, done=done, planned=planned)


def _classify_column(head: str) -> str:
    text = fold_text(head).strip(" :*?#")
    return next((name for name, words in _load_columns() if words.fullmatch(text)), "other")


def _parse_table_items(
    rows: Sequence[DocumentPassage], columns: Mapping[str, str]
) -> Iterator[DocumentItem]:
    """Yield the items of a table; its status is stated where it has a column that says any."""
    rows_with_cells = [
        (row, {columns[head]: cell for head, cell in reversed(row.cells)}) for row in rows
    ]
    states = any(cells.get("status") for _, cells in rows_with_cells)
    for row, cells in rows_with_cells:
        title = cells.get("title", "")
        if not is_placeholder_text(title):
            status = cells.get("status") or ("done" if row.struck else None)
            due = cells.get("due")
            action = ActionItem(
                title,
                _drop_placeholder(cells.get("owner")),
                find_item_date(due or "") or _drop_placeholder(due),
                _drop_placeholder(cells.get("type")),
                status,
            )
            yield DocumentItem(
                action,
                row.line,
                row.text,
                owned=bool(action.owner) or parse_item_facts(title).owned,
                dated=bool(action.due) or has_date_words(title),
                tracked=bool(row.links or _drop_placeholder(cells.get("link")))
                or has_tracker_reference(row.text),
                stated=states or row.struck,
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
    lines = first.text.split("\n") if first.label else [" ".join(first.text.split())]
    text = "\n".join([*lines, *(passage.text for passage in passages[1:])])
    item_facts = parse_item_facts(text)
    if is_placeholder_text(item_facts.title) and not first.links:
        return
    past = item_facts.past and item_facts.done is None and not planned
    over = done or first.struck or item_facts.done or past
    status = "done" if over else "open" if item_facts.done is False else None
    yield DocumentItem(
        ActionItem(item_facts.title, item_facts.owner, item_facts.due, None, status),
        first.line,
        text,
        owned=item_facts.owned,
        dated=has_date_words(text),
        tracked=any(part_passage.links for part_passage in passages) or has_tracker_reference(text),
        stated=done or first.struck or item_facts.done is not None,
        detailed="\n" in text,
    )
