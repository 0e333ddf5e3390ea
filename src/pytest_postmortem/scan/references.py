"""Find the references to incidents in a text, with the form of each.

``link``: a URL, or ``owner/name#123``. ``id``: an id as in the registry, or a number after a word,
``issue #123`` or ``GH-123``. ``sign``: ``#123`` alone. ``vague``: may mean something else, such as
``ticket 123`` for an entry of GitHub, or an id without a digit. ``pattern``: a match of a
configured pattern, registered or not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from pytest_postmortem.scan.forges import URL_PATTERN
from pytest_postmortem.scan.search_index import (
    IncidentName,
    SearchIndex,
    Tracker,
    format_github_shorthand,
    normalize_address,
    split_camel_case,
    split_tokens,
)

ReferenceForm = Literal["link", "id", "sign", "vague", "pattern"]

_SHORTHAND = re.compile(r"(?<![\w./-])([\w.-]+/[\w.-]+)#(\d+)(?!\w)")

_TRACKER_WORDS = (
    r"gh|bpo|bz|rhbz|trac|issues?|bugs?|tickets?|prs?|pull[\s_-]+requests?"
    r"|incidents?|outages?|post-?\s?mortems?|regressions?"
)
_FIX_VERBS = r"fix(?:e[sd])?|close[sd]?|resolve[sd]?"
_NUMBER_END = r"(?!\d|[^\W_]{2})(?!\.\d)"
"""A letter may follow: the second test for 123 is often named ``test_issue_123b``."""

_WORD_AND_NUMBER = re.compile(
    rf"(?<![^\W_])(?:(?P<word>{_TRACKER_WORDS})(?:[\s_-]*(?:issues?|no\.|number))?"
    rf"(?P<gap>[\s:_-]{{0,2}}#?\s?)|(?P<verb>{_FIX_VERBS}):?\s+#)(?P<number>\d+){_NUMBER_END}",
    re.IGNORECASE,
)
_NEXT_NUMBER = re.compile(
    rf"\s*(?:,|/|&|\+|;|\band\b|\bor\b)\s*(?:and\s+)?(?P<sign>#?)(?P<number>\d+){_NUMBER_END}",
    re.IGNORECASE,
)
_NEXT_NUMBER_IN_NAME = re.compile(rf"\s(?P<sign>)(?P<number>\d+){_NUMBER_END}")
_SIGN_AND_NUMBER = re.compile(r"(?<![\w&/#'\".-])#(?P<number>\d+)(?![\w'\"])(?!\.\d)")
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
"""Words whose ``#1``, ``#2`` is not an incident; these are seldom counted higher."""

_INCIDENT_WORD_BEFORE = re.compile(
    r"(?:incident|outage|post-?\s?mortem|regression)s?\s+(?:of|from|on)?\s*(?:the\s+)?#?$",
    re.IGNORECASE,
)
_TRACKER_WORD_PATTERNS: Mapping[Tracker, str] = {
    "github": r"gh|issues?|bugs?|prs?|pull.*",
    "bpo": r"bpo|issues?|bugs?",
    "bugzilla": r"bz|rhbz|issues?|bugs?",
    "tickets": r"trac|tickets?|issues?|bugs?",
    "unknown": r"gh|issues?|bugs?|tickets?|prs?|pull.*",
    "elsewhere": r"(?!)",
}
"""The words that mean a number of each tracker, in addition to `_ANY_TRACKER_WORDS`."""

_ANY_TRACKER_WORDS = r"incidents?|outages?|post.*|regressions?|fix.*|close.*|resolve.*"
_OTHER_TRACKER_WORDS = r"gh|bpo|bz|rhbz|trac|prs?|pull.*"
"""The words that mean another tracker; any other word may mean anything."""

CONTEXT_LENGTH = 40
"""Characters before a reference that may qualify it."""

MIN_CLEAR_DIGITS = 3
"""Numbers with fewer digits may count anything."""

_CLEAR_WORDS = re.compile(r"gh|incidents?|outages?|post.*")
"""The words after which short numbers are clear; in names they still number the tests."""


class Reference(NamedTuple):
    """A reference to an incident in a text, its start, and its form.

    ``known`` is False for a match of a configured pattern that is not in the registry.
    """

    id: str
    start: int
    form: ReferenceForm
    known: bool = True


def find_references(text: str, index: SearchIndex, *, name: bool = False) -> Iterator[Reference]:
    """Yield all references in a text; with ``name`` it is the name of a test."""
    if name:
        text = re.sub("_|::", " ", split_camel_case(text))
    else:
        yield from _find_link_references(text, index)
        if "://" in text:
            text = URL_PATTERN.sub(lambda match: " " * len(match[0]), text)
    if index.numbers:
        yield from _find_number_references(text, index, name)
    if index.names:
        yield from _find_name_references(text, index, name)
    yield from _find_pattern_references(text, index)


def _find_pattern_references(text: str, index: SearchIndex) -> Iterator[Reference]:
    for pattern in index.patterns:
        for match in pattern.finditer(text):
            id = ((match[1] if pattern.groups else None) or match[0]).strip()
            incident_id, is_known = index.named(id)
            if incident_id:
                yield Reference(incident_id, match.start(), "pattern", is_known)


def _find_link_references(text: str, index: SearchIndex) -> Iterator[Reference]:
    for match in URL_PATTERN.finditer(text) if "://" in text else ():
        url = match[0].rstrip(".,;:!?)*")
        for part in dict.fromkeys([url, url.partition("#")[0], url.partition("?")[0]]):
            if id := index.links.get(normalize_address(part)):
                yield Reference(id, match.start(), "link")
                break
    for match in _SHORTHAND.finditer(text) if "#" in text else ():
        if id := index.links.get(format_github_shorthand(match[1], match[2])):
            yield Reference(id, match.start(), "link")


def _find_number_references(text: str, index: SearchIndex, name: bool) -> Iterator[Reference]:
    end = 0
    bare = []
    for match in _WORD_AND_NUMBER.finditer(text):
        bare.append((end, match.start()))
        number, word = match["number"], (match["word"] or match["verb"]).casefold()
        plain = (
            len(number) < MIN_CLEAR_DIGITS
            and "#" not in match[0]
            and not _is_clear_word(word, name)
        )
        yield from _resolve_number_reference(word, number, index, match.start(), plain=plain)
        place = match.end()
        pattern = _NEXT_NUMBER_IN_NAME if name else _NEXT_NUMBER
        while next_match := pattern.match(text, place):
            number, place = next_match["number"], next_match.end()
            if len(number) >= MIN_CLEAR_DIGITS or next_match["sign"]:
                yield from _resolve_number_reference(
                    word, number, index, next_match.start("number")
                )
        end = place
    for begin, stop in [*bare, (end, len(text))] if "#" in text else ():
        yield from _find_sign_references(text, begin, stop, index)


def _is_clear_word(word: str, name: bool) -> bool:
    return word == "gh" if name else _CLEAR_WORDS.fullmatch(word) is not None


def _find_sign_references(
    text: str, begin: int, end: int, index: SearchIndex
) -> Iterator[Reference]:
    """Yield ``#123`` without a word before it."""
    for match in _SIGN_AND_NUMBER.finditer(text, begin, end):
        number, before = (
            match["number"],
            text[max(match.start() - CONTEXT_LENGTH, 0) : match.start()],
        )
        entry, low = index.numbers.get(number), len(number) < MIN_CLEAR_DIGITS
        counted = _COUNTED.search(before) or (low and _COUNTED_LOW.search(before))
        if entry and not counted:
            sure = not low and entry.tracker not in ("unknown", "elsewhere")
            yield Reference(entry.id, match.start(), "sign" if sure else "vague")


def _resolve_number_reference(
    word: str, number: str, index: SearchIndex, start: int, plain: bool = False
) -> Iterator[Reference]:
    """Yield the incident of a number after a word, if the word can mean its tracker."""
    entry = index.numbers.get(number)
    if entry is None:
        return
    if (
        re.fullmatch(f"{_ANY_TRACKER_WORDS}|{_TRACKER_WORD_PATTERNS[entry.tracker]}", word)
        and not plain
    ):
        yield Reference(entry.id, start, "id")
    elif not re.fullmatch(_OTHER_TRACKER_WORDS, word):
        yield Reference(entry.id, start, "vague")


def _find_name_references(text: str, index: SearchIndex, name: bool) -> Iterator[Reference]:
    text_tokens = set(split_tokens(text))
    for token in sorted(text_tokens & index.by_token.keys()):
        for incident_name in index.by_token[token]:
            if text_tokens.issuperset(incident_name.tokens):
                yield from _find_name_occurrences(text, incident_name, name)


def _find_name_occurrences(
    text: str, name_to_find: IncidentName, name: bool
) -> Iterator[Reference]:
    for match in name_to_find.pattern.finditer(text):
        exact = match[0].casefold() == name_to_find.text
        if name_to_find.is_without_letters and (
            name
            or not _INCIDENT_WORD_BEFORE.search(
                text[max(match.start() - CONTEXT_LENGTH, 0) : match.start()]
            )
        ):
            continue
        if " " in match[0] and not (name or exact or match[0].isupper()):
            continue
        yield Reference(name_to_find.id, match.start(), "vague" if name_to_find.is_vague else "id")
