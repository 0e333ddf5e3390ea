"""What the text of an action item says beside its title: who, until when, how far, where tracked.

People write ``Alert on doubles (payments, due 2026-05-01)``, ``[x] ...``, ``... - @ops``, or put
the number of a ticket behind it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = [
    "ItemFacts",
    "find_first_iso_date",
    "has_date_words",
    "has_named_owner",
    "has_tracker_reference",
    "is_placeholder_text",
    "parse_item_facts",
]

MAX_FACT_TEXT = 1000
"""The characters of an item that are read for facts: nobody writes them behind as many."""

_CHECKBOX = re.compile(r"\[([ xX✓✔])\]\s*")
_DONE_WORDS = re.compile(
    r"^\W*(?:done|fixed|completed?|resolved|closed)\b\s*[:.)\]–—-]|[✅✔☑]|"
    r"\((?:already )?(?:done|fixed|completed?|resolved|closed|merged|shipped|implemented|deployed)"
    r"\b[^()]*\)|\b(?:this|it|that|which) has (?:already |now |since )?been "
    r"(?:done|fixed|completed|resolved|implemented|merged|deployed|shipped)\b|"
    r"\balready (?:done|fixed|completed|resolved|implemented|merged|deployed|shipped|in place)\b|"
    r"[:–—-]\s*(?:done|fixed|completed?|resolved|closed)\W*$",
    re.IGNORECASE,
)
_PAST_TENSE = re.compile(
    r"\W*(?:the (?:\w+ )?team |we |i )?(?:then |also |have |has |had |already |since )*"
    r"(?:[a-z]{2,}[^e\W]ed|got|gave|made|met|put|ran|sent|wrote|built|began|set up an?)\b",
    re.IGNORECASE,
)
"""How a text begins that tells what somebody has done."""

_ISO_DATE = re.compile(r"(?<!\d)(\d{4}-\d{2}-\d{2})(?!\d)")
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
    r"\bimmediately\b|\bASAP\b",
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
_NAMED_OWNER = re.compile(
    r"\b(?:owners?|owned by|assignees?|assigned to|responsible|dri)\b\s*[:=–—-]?\s*"
    r"([^\s,;:()\[\]|][^,;()\[\]|\n]{0,60})",
    re.IGNORECASE,
)
_OWNER_HANDLE = re.compile(r"(?<![\w./@])@([A-Za-z][\w./-]*)")
_BRACKETED_TEXT = re.compile(r"[(\[]([^()\[\]]{1,120})[)\]]")
_TEXT_AFTER_DASH = re.compile(r"\s(?:[–—]|-{1,2}|\|)\s+([^–—|\n]{1,60})$")
_PERSON_NAME = re.compile(r"[A-Z][a-zà-ÿ]+\b")
_DUE_WORD = re.compile(r"\b(?:due|deadline|eta|by|until|target)\b\W*", re.IGNORECASE)
_PLACEHOLDER_TEXT = re.compile(
    r"\W*(?:tbd|tba|tbc|todo|to do|n/?a|none|unknown|not applicable|to be (?:determined|decided|"
    r"defined|confirmed|added|filled in)|pending|placeholder|x{3,}|y{3,}|z{3,}|lorem ipsum\b.*|"
    r"(?:under|pending) investigation|\{\{.*\}\}.*|<[^<>]*>|\[[^\[\]]*\])?\W*$",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """What a text says of an action item; ``owned`` where it seems to name somebody."""

    title: str
    owner: str | None = None
    due: str | None = None
    done: bool | None = None
    owned: bool = False
    past: bool = False


def parse_item_facts(text: str) -> ItemFacts:
    """Read the text of an item, its title on the first line and its details below.

    ``done`` is what a box or a word says, None where nothing does; ``past`` says that the text
    tells of something in the past.
    """
    text = text[:MAX_FACT_TEXT]
    first = text.partition("\n")[0]
    box = _CHECKBOX.match(first)
    title = first[box.end() :] if box else first
    done = box[1] != " " if box else True if _DONE_WORDS.search(text) else None
    owner_match, handle_match = _NAMED_OWNER.search(text), _OWNER_HANDLE.search(text)
    owner = owner_match[1].strip() if owner_match else handle_match[1] if handle_match else None
    owner = owner or _find_owner_near_date(text)
    owned, past = bool(owner) or _has_person_or_team(text), _PAST_TENSE.match(title) is not None
    return ItemFacts(
        _strip_title_brackets(title), owner, find_first_iso_date(text), done, owned, past
    )


def has_named_owner(text: str) -> bool:
    """Say whether a text says who owns something, in as many words."""
    return _NAMED_OWNER.search(text[:MAX_FACT_TEXT]) is not None


def _find_owner_near_date(text: str) -> str | None:
    """Return who stands beside a date, as in ``(payments, 2026-05-01)``."""
    for match in (*_BRACKETED_TEXT.finditer(text), *_TEXT_AFTER_DASH.finditer(text)):
        parts = [part.strip() for part in re.split(r"[,;/|]", match[1])]
        undated_parts = [
            part
            for part in parts
            if part and not has_date_words(part) and not _DUE_WORD.match(part)
        ]
        if len(undated_parts) < len(parts) and undated_parts and len(undated_parts[0].split()) <= 4:
            return undated_parts[0]
    return None


def _has_person_or_team(text: str) -> bool:
    """Say whether an aside or the end of a text seems to name a person or a team."""
    asides = [
        match[1] for match in (*_BRACKETED_TEXT.finditer(text), *_TEXT_AFTER_DASH.finditer(text))
    ]
    return any(_PERSON_NAME.match(aside) or re.search(r"\bteam\b", aside, re.I) for aside in asides)


def _strip_title_brackets(text: str) -> str:
    """Return a title without what is said in brackets behind it."""
    title = re.sub(r"\s*[(\[][^()\[\]]*[)\]]\W*$", "", text).strip()
    return (title or text).strip(" .;–—-")


def find_first_iso_date(text: str) -> str | None:
    """Return the first ISO date in a text."""
    match = _ISO_DATE.search(text)
    return match[1] if match else None


def has_date_words(text: str) -> bool:
    """Say whether a text says until when, in whatever form."""
    return _DATE_WORDS.search(text[:MAX_FACT_TEXT]) is not None


def has_tracker_reference(text: str) -> bool:
    """Say whether a text leads to where something is tracked: an address, a number, a ticket."""
    return _TRACKER_REFERENCE.search(text) is not None


def is_placeholder_text(text: str) -> bool:
    """Say whether a text says nothing yet, as ``TBD``, ``-`` and what a template has there."""
    return len(text) <= MAX_FACT_TEXT and _PLACEHOLDER_TEXT.match(text) is not None
