"""What the text of an action item says beside its title: who, until when, how far, where tracked.

People write ``Alert on doubles (payments, due 2026-05-01)``, ``[x] ...``, ``... - @ops``, or put
the number of a ticket behind it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Facts", "day_in", "facts", "is_dated", "is_owned", "is_placeholder", "is_tracked"]

LONGEST = 1000
"""The characters of an item that are read for facts: nobody writes them behind as many."""

_CHECKBOX = re.compile(r"\[([ xX✓✔])\]\s*")
_DONE = re.compile(
    r"^\W*(?:done|fixed|completed?|resolved|closed)\b\s*[:.)\]–—-]|[✅✔☑]|"
    r"\((?:already )?(?:done|fixed|completed?|resolved|closed|merged|shipped|implemented|deployed)"
    r"\b[^()]*\)|\b(?:this|it|that|which) has (?:already |now |since )?been "
    r"(?:done|fixed|completed|resolved|implemented|merged|deployed|shipped)\b|"
    r"\balready (?:done|fixed|completed|resolved|implemented|merged|deployed|shipped|in place)\b|"
    r"[:–—-]\s*(?:done|fixed|completed?|resolved|closed)\W*$",
    re.IGNORECASE,
)
_PAST = re.compile(
    r"\W*(?:the (?:\w+ )?team |we |i )?(?:then |also |have |has |had |already |since )*"
    r"(?:[a-z]{2,}[^e\W]ed|got|gave|made|met|put|ran|sent|wrote|built|began|set up an?)\b",
    re.IGNORECASE,
)
"""How a text begins that tells what somebody has done."""

_ISO = re.compile(r"(?<!\d)(\d{4}-\d{2}-\d{2})(?!\d)")
_MONTHS = (
    r"jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    r"sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
)
_DATED = re.compile(
    rf"\d{{4}}-\d\d|\b\d{{1,2}}[./]\d{{1,2}}[./]\d{{2,4}}\b|\b(?:{_MONTHS})\.? \d{{1,4}}\b|"
    rf"\b\d{{1,2}}(?:st|nd|rd|th)? (?:of )?(?:{_MONTHS})\b|\b[qh][1-4]\b|\bsprint\b|"
    r"\b\d+ (?:days|weeks|months)\b|\b(?:due|deadline|eta)\b|"
    r"\b(?:this|next|within \w+|end of|end of the) "
    r"(?:days?|weeks?|months?|quarters?|year)\b|\bby (?:mon|tues|wednes|thurs|fri)day\b|"
    r"\bimmediately\b|\bASAP\b",
    re.IGNORECASE,
)
_TRACKED = re.compile(
    r"https?://|(?<![\w&])#\d+\b|"
    r"(?-i:\b(?!UTF-|SHA-|ISO-|SEV-|TLS-|RFC-|HTTP-)[A-Z][A-Z0-9]{1,9}-\d+\b)|"
    r"\b(?:issue|ticket|card|story|pr)s? (?:was |were |is |are |already |has been )*"
    r"(?:created|filed|opened|raised|logged)\b|"
    r"\b(?:created|filed|opened|raised) (?:an?|the) (?:issue|ticket|card|story|pr)\b",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"\b(?:owners?|owned by|assignees?|assigned to|responsible|dri)\b\s*[:=–—-]?\s*"
    r"([^\s,;:()\[\]|][^,;()\[\]|\n]{0,60})",
    re.IGNORECASE,
)
_HANDLE = re.compile(r"(?<![\w./@])@([A-Za-z][\w./-]*)")
_ASIDE = re.compile(r"[(\[]([^()\[\]]{1,120})[)\]]")
_TAIL = re.compile(r"\s(?:[–—]|-{1,2}|\|)\s+([^–—|\n]{1,60})$")
_PERSON = re.compile(r"[A-Z][a-zà-ÿ]+\b")
_DUE = re.compile(r"\b(?:due|deadline|eta|by|until|target)\b\W*", re.IGNORECASE)
_BARE = re.compile(
    r"\W*(?:tbd|tba|tbc|todo|to do|n/?a|none|unknown|not applicable|to be (?:determined|decided|"
    r"defined|confirmed|added|filled in)|pending|placeholder|x{3,}|y{3,}|z{3,}|lorem ipsum\b.*|"
    r"(?:under|pending) investigation|\{\{.*\}\}.*|<[^<>]*>|\[[^\[\]]*\])?\W*$",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a text says of an action item; ``owned`` where it seems to name somebody."""

    title: str
    owner: str | None = None
    due: str | None = None
    done: bool | None = None
    owned: bool = False
    past: bool = False


def facts(text: str) -> Facts:
    """Read the text of an item, its title on the first line and its details below.

    ``done`` is what a box or a word says, None where nothing does; ``past`` says that the text
    tells of something in the past.
    """
    text = text[:LONGEST]
    first = text.partition("\n")[0]
    box = _CHECKBOX.match(first)
    title = first[box.end() :] if box else first
    done = box[1] != " " if box else True if _DONE.search(text) else None
    named, handle = _NAMED.search(text), _HANDLE.search(text)
    owner = named[1].strip() if named else handle[1] if handle else None
    owner = owner or _beside_date(text)
    owned, past = bool(owner) or _names(text), _PAST.match(title) is not None
    return Facts(_bare_title(title), owner, day_in(text), done, owned, past)


def is_owned(text: str) -> bool:
    """Say whether a text says who owns something, in as many words."""
    return _NAMED.search(text[:LONGEST]) is not None


def _beside_date(text: str) -> str | None:
    """Return who stands beside a date, as in ``(payments, 2026-05-01)``."""
    for found in (*_ASIDE.finditer(text), *_TAIL.finditer(text)):
        parts = [part.strip() for part in re.split(r"[,;/|]", found[1])]
        others = [part for part in parts if part and not is_dated(part) and not _DUE.match(part)]
        if len(others) < len(parts) and others and len(others[0].split()) <= 4:
            return others[0]
    return None


def _names(text: str) -> bool:
    """Say whether an aside or the end of a text seems to name a person or a team."""
    asides = [found[1] for found in (*_ASIDE.finditer(text), *_TAIL.finditer(text))]
    return any(_PERSON.match(aside) or re.search(r"\bteam\b", aside, re.I) for aside in asides)


def _bare_title(text: str) -> str:
    """Return a title without what is said in brackets behind it."""
    title = re.sub(r"\s*[(\[][^()\[\]]*[)\]]\W*$", "", text).strip()
    return (title or text).strip(" .;–—-")


def day_in(text: str) -> str | None:
    """Return the first ISO date in a text."""
    found = _ISO.search(text)
    return found[1] if found else None


def is_dated(text: str) -> bool:
    """Say whether a text says until when, in whatever form."""
    return _DATED.search(text[:LONGEST]) is not None


def is_tracked(text: str) -> bool:
    """Say whether a text leads to where something is tracked: an address, a number, a ticket."""
    return _TRACKED.search(text) is not None


def is_placeholder(text: str) -> bool:
    """Say whether a text says nothing yet, as ``TBD``, ``-`` and what a template has there."""
    return len(text) <= LONGEST and _BARE.match(text) is not None
