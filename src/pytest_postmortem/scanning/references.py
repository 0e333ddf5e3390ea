"""A text → the incidents that it refers to, and in which form.

``link``: an address, or ``owner/name#123``. ``id``: an id as it stands in the registry, or a
number behind a word, ``issue #123`` or ``GH-123``. ``sign``: ``#123`` alone. ``vague``: what may
mean something else, ``ticket 123`` for an entry of GitHub, or an id without a digit. ``pattern``:
what a configured pattern finds, known or not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from pytest_postmortem.scanning.known import Known, Name, Tracker, key_of, parted, shorthand, tokens

__all__ = ["Form", "Reference", "references"]

Form = Literal["link", "id", "sign", "vague", "pattern"]

_URL = re.compile(r"https?://[^\s<>\"'`|\\^{}\[\]]+", re.IGNORECASE)
_SHORT = re.compile(r"(?<![\w./-])([\w.-]+/[\w.-]+)#(\d+)(?!\w)")

_WORDS = (
    r"gh|bpo|bz|rhbz|trac|issues?|bugs?|tickets?|prs?|pull[\s_-]+requests?"
    r"|incidents?|outages?|post-?\s?mortems?|regressions?"
)
_VERBS = r"fix(?:e[sd])?|close[sd]?|resolve[sd]?"
_END = r"(?!\d|[^\W_]{2})(?!\.\d)"
"""A letter may follow: the second test for 123 is often ``test_issue_123b``."""

_WORD = re.compile(
    rf"(?<![^\W_])(?:(?P<word>{_WORDS})(?:[\s_-]*(?:issues?|no\.|number))?"
    rf"(?P<gap>[\s:_-]{{0,2}}#?\s?)|(?P<verb>{_VERBS}):?\s+#)(?P<number>\d+){_END}",
    re.IGNORECASE,
)
_MORE = re.compile(
    rf"\s*(?:,|/|&|\+|;|\band\b|\bor\b)\s*(?:and\s+)?(?P<sign>#?)(?P<number>\d+){_END}",
    re.IGNORECASE,
)
_MORE_OF_NAME = re.compile(rf"\s(?P<sign>)(?P<number>\d+){_END}")
_SIGN = re.compile(r"(?<![\w&/#'\".-])#(?P<number>\d+)(?![\w'\"])(?!\.\d)")
_COUNTED = re.compile(
    r"(?:algorithm|appendix|chapter|col(?:umn)?|entry|eq(?:uation)?|exercise|fig(?:ure)?|formula"
    r"|item|line|page|part|question|row|rule|section|step|table|theorem|version)s?[.:]?\s*$",
    re.IGNORECASE,
)
_COUNTED_LOW = re.compile(
    r"(?:branch|case|check|class|condition|example|level|method|no|number|object|option|order|phase"
    r"|point|problem|scenario|set|test|type|variant)s?[.:]?\s*$",
    re.IGNORECASE,
)
"""What is counted with ``#1``, ``#2`` and is no incident; the latter are seldom so many."""

_BEHIND = re.compile(
    r"(?:incident|outage|post-?\s?mortem|regression)s?\s+(?:of|from|on)?\s*(?:the\s+)?#?$",
    re.IGNORECASE,
)
_SURE: Mapping[Tracker, str] = {
    "github": r"gh|issues?|bugs?|prs?|pull.*",
    "bpo": r"bpo|issues?|bugs?",
    "bugzilla": r"bz|rhbz|issues?|bugs?",
    "tickets": r"trac|tickets?|issues?|bugs?",
    "unknown": r"gh|issues?|bugs?|tickets?|prs?|pull.*",
    "elsewhere": r"(?!)",
}
"""The words that mean a number of each tracker, beside those of `_ANY`."""

_ANY = r"incidents?|outages?|post.*|regressions?|fix.*|close.*|resolve.*"
_OTHERS = r"gh|bpo|bz|rhbz|trac|prs?|pull.*"
"""The words that mean another tracker; all that is left may mean anything."""

NEAR = 40
"""Characters before a reference that may say what it is."""

SHORT = 3
"""Numbers with fewer digits may count anything."""

_CLEAR = re.compile(r"gh|incidents?|outages?|post.*")
"""The words behind which they do not; in a name they count the tests all the same."""


class Reference(NamedTuple):
    """An incident in a text, where it begins there, and in which form.

    ``known`` is False for what a configured pattern finds and the registry lacks.
    """

    id: str
    start: int
    form: Form
    known: bool = True


def references(text: str, known: Known, *, name: bool = False) -> Iterator[Reference]:
    """Yield all references in a text; with ``name`` it is the name of a test."""
    if name:
        text = re.sub("_|::", " ", parted(text))
    else:
        yield from _links(text, known)
        text = _URL.sub(lambda found: " " * len(found[0]), text)
    yield from _numbered(text, known, name)
    yield from _named(text, known, name)
    yield from _configured(text, known)


def _configured(text: str, known: Known) -> Iterator[Reference]:
    for pattern in known.patterns:
        for found in pattern.finditer(text):
            id = ((found[1] if pattern.groups else None) or found[0]).strip()
            own, is_known = known.named(id)
            if own:
                yield Reference(own, found.start(), "pattern", is_known)


def _links(text: str, known: Known) -> Iterator[Reference]:
    for found in _URL.finditer(text):
        url = found[0].rstrip(".,;:!?)*")
        for part in dict.fromkeys([url, url.partition("#")[0], url.partition("?")[0]]):
            if id := known.links.get(key_of(part)):
                yield Reference(id, found.start(), "link")
                break
    for found in _SHORT.finditer(text):
        if id := known.links.get(shorthand(found[1], found[2])):
            yield Reference(id, found.start(), "link")


def _numbered(text: str, known: Known, name: bool) -> Iterator[Reference]:
    end = 0
    bare = []
    for found in _WORD.finditer(text):
        bare.append((end, found.start()))
        number, word = found["number"], (found["word"] or found["verb"]).casefold()
        plain = len(number) < SHORT and "#" not in found[0] and not _is_clear(word, name)
        yield from _behind(word, number, known, found.start(), plain=plain)
        place = found.end()
        pattern = _MORE_OF_NAME if name else _MORE
        while more := pattern.match(text, place):
            number, place = more["number"], more.end()
            if len(number) >= SHORT or more["sign"]:
                yield from _behind(word, number, known, more.start("number"))
        end = place
    for begin, stop in [*bare, (end, len(text))] if not name else ():
        yield from _signs(text, begin, stop, known)


def _is_clear(word: str, name: bool) -> bool:
    return word == "gh" if name else _CLEAR.fullmatch(word) is not None


def _signs(text: str, begin: int, end: int, known: Known) -> Iterator[Reference]:
    """Yield ``#123`` where no word stands before it."""
    for found in _SIGN.finditer(text, begin, end):
        number, before = found["number"], text[max(found.start() - NEAR, 0) : found.start()]
        entry, low = known.numbers.get(number), len(number) < SHORT
        counted = _COUNTED.search(before) or (low and _COUNTED_LOW.search(before))
        if entry and not counted:
            sure = not low and entry.tracker not in ("unknown", "elsewhere")
            yield Reference(entry.id, found.start(), "sign" if sure else "vague")


def _behind(
    word: str, number: str, known: Known, start: int, plain: bool = False
) -> Iterator[Reference]:
    """Yield the incident of a number behind a word, if the word can mean its tracker."""
    entry = known.numbers.get(number)
    if entry is None:
        return
    if re.fullmatch(f"{_ANY}|{_SURE[entry.tracker]}", word) and not plain:
        yield Reference(entry.id, start, "id")
    elif not re.fullmatch(_OTHERS, word):
        yield Reference(entry.id, start, "vague")


def _named(text: str, known: Known, name: bool) -> Iterator[Reference]:
    own = set(tokens(text))
    for token in own & known.by_token.keys():
        for each in known.by_token[token]:
            if own.issuperset(each.tokens):
                yield from _occurrences(text, each, name)


def _occurrences(text: str, each: Name, name: bool) -> Iterator[Reference]:
    for found in each.pattern.finditer(text):
        exact = found[0].casefold() == each.text
        if each.bare and (
            name or not _BEHIND.search(text[max(found.start() - NEAR, 0) : found.start()])
        ):
            continue
        if " " in found[0] and not (name or exact or found[0].isupper()):
            continue
        yield Reference(each.id, found.start(), "vague" if each.vague else "id")
