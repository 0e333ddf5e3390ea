"""Find the commits and changes that the text of a post-mortem names, and the role of each.

The role is decided by the nearest word in the sentence, else by the head of the table's column or
the heading: ``fix``, ``revert`` (a change rolled back), ``cause`` (one that introduced it),
``related`` ("see also", "follow-up"), or ``plain`` without such a word. Bare forms such as
``#123`` or a short hash count only next to a word. What the title or a section about detection
names without one is ``related``; a number in code, such as `` `#12` ``, is of something else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pytest_postmortem.scan.forges import (
    URL_PATTERN,
    ForgeLink,
    OwnRepositories,
    find_shorthands,
    parse_forge_link,
)

FixRole = Literal["fix", "revert", "plain", "cause", "related", "elsewhere"]
"""``elsewhere`` is a change of another repository."""

_ROLE_PHRASES: Mapping[FixRole, str] = {
    "fix": (
        r"(?:hot)?fix(?:e[sd]|ing)?|hot-fix(?:ed)?|bug-?fix(?:es)?|patch(?:e[sd]|ing)?|resolv\w+"
        r"|remed\w+|mitigat\w+|corrected|correct(?:s|ing)|repair\w*|solv(?:e[sd]|ing)"
        r"|closed by|addressed|behoben|corrig\w+|corregid\w+|solution|resolution"
    ),
    "revert": (
        r"revert\w*|roll(?:ed|ing|s)?[ -]?back|rollback\w*|back(?:ed|ing)? out|undid|undo\w*"
    ),
    "cause": (
        r"introduc\w+|caus(?:e|es|ed|ing)|broke|broken|breaks|breaking|regress\w*|culprit"
        r"|trigger\w*|originat\w*|deploy(?:ed|ing) (?:the )?change|rolled out|enabled"
        r"|offending|faulty|bad (?:change|commit|deploy)|due to|because of|since|first bad"
        r"|bisect\w*|root cause|shipped|released (?:with|in)"
    ),
    "related": (
        r"see also|related|similar\w*|cf\.?|follow[- ]?ups?|track(?:ed|ing)|prevent\w*|backlog"
        r"|todo|discuss\w*|reported|e\.g\.?|example|compare|unrelated|later|future|planned"
        r"|plan to|long[- ]term|proposal|proposed|improve\w*|refactor\w*|docs|documentation"
        r"|monitor\w*|dashboard|alert(?:s|ing)?|caught|detected (?:by|via|with)|detector"
    ),
}
_ROLE_PATTERNS: Mapping[FixRole, re.Pattern[str]] = {
    role: re.compile(rf"(?<![\w-])(?:{phrases})(?![\w-])", re.IGNORECASE)
    for role, phrases in _ROLE_PHRASES.items()
}
_FAILED_FIX = re.compile(
    r"(?:\bnot|n['’]t|\bnever|\bfail(?:ed|s) to|\battempt\w*|\btried to|\btrying to|\bincomplete"
    r"|\bpartial\w*|\bwithout)\W+(?:\w+\W+){0,2}$",
    re.IGNORECASE,
)
_CHANGE_WORDS = r"pull[ -]?requests?|merge[ -]?requests?|prs?|mrs?"
_BARE_CHANGE = re.compile(
    rf"(?<![\w/&#-])(?:(?P<word>{_CHANGE_WORDS})\s*(?:[#!]|no\.?\s*)?|(?P<sign>[#!]))(?P<number>\d{{1,6}})"
    r"(?![\w-])(?!\.\d)",
    re.IGNORECASE,
)
_BARE_HASH = re.compile(
    r"(?<![\w./@-])(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{7,40}(?![\w/@-])(?!\.\w)"
)
_DETECTION = re.compile(r"(?:detect|discover)(?:ion|ed|y)\b", re.IGNORECASE)
_COMMIT_WORD = re.compile(r"\b(?:commits?|revision|sha)\W{0,3}$", re.IGNORECASE)

_FENCE = re.compile(r"\s*(?:```|~~~)")
_DEFINITION = re.compile(r"\s{0,3}\[([^\]]+)\]:\s*<?(\S+?)>?(?:\s+[\"'(].*)?$")
_LINK = re.compile(r"!?\[([^\[\]]*)\]\(\s*<?([^()\s<>]+)>?[^()]*\)")
_REFERENCE_LINK = re.compile(r"\[([^\[\]]+)\](?:\[([^\[\]]*)\])?(?!\()")
_RST_LINK = re.compile(r"`([^`<]*)<([^>`\s]+)>`_{1,2}")
_ADDRESS_WORDS = re.compile(r"\W*(?:[\w./-]*[#!]\d+|[0-9a-f]{7,40}|https?://\S+)\W*")
"""The words of a link that only repeat its address."""

_HEADING = re.compile(r"\s{0,3}#{1,6}\s+(.*)")
_NEW_BLOCK = re.compile(r"\s*(?:[-*+]\s|\d+[.)]\s|\||#{1,6}\s|>\s*$|[\w-]+:\s)")
_KEY = re.compile(r"\s*(?:- )?([\w-]+):\s")
_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+(?=[\"'(\[<*_`A-Z0-9])")
_TABLE_RULE = re.compile(r"\s*\|?[\s:|-]+\|?\s*$")

_LIST_GAP = re.compile(r"[\s,;/&+()<>\[\]\d#]*(?:(?:and|und|et|y)[\s<>\[\]\d#]*)?")
"""The text between the items of a list of links."""

_GAP_TO_OBJECT = re.compile(
    r"[\s(<:\[]*(?:(?:in|by|with|via|through|von|mit|durch|par|dans|por|con|em)\b[\s(<:\[]*)?"
    rf"(?:(?:the|commit|change|{_CHANGE_WORDS})\b[\s(<:#!\[]*)*",
    re.IGNORECASE,
)
"""The text between a word such as "fixed" and the change that it speaks of."""

NEAR = 90
"""Characters between a word and the change that it speaks of."""

BEHIND = 50
"""The same for a word behind the change."""


@dataclass(frozen=True, slots=True)
class FixMention:
    """A commit or a change that a text names, with its role, and the line and words there."""

    link: ForgeLink
    role: FixRole
    line: int
    quote: str
    bare: bool = False


@dataclass(frozen=True, slots=True)
class _Block:
    line: int
    text: str
    heading: str
    is_title: bool = False


def find_fix_mentions(
    lines: Sequence[tuple[int, str]],
    own: OwnRepositories,
    definitions: Mapping[str, str] | None = None,
) -> Iterator[FixMention]:
    """Yield the changes and commits that numbered lines of Markdown name.

    What the title names without a word is what the report is about, and rarely its fix.

    ``definitions`` are the addresses of links by reference that are defined elsewhere.
    """
    known = {**(definitions or {}), **find_link_definitions(lines)}
    seen: set[tuple[ForgeLink, FixRole]] = set()
    subjects: set[ForgeLink] = set()
    for block in _split_blocks(lines):
        for sentence in _SENTENCE_END.split(_inline_links(block.text, known)):
            for mention in _find_in_sentence(sentence, block, own):
                is_subject = (block.is_title and mention.bare) or mention.link in subjects
                if mention.role == "plain" and is_subject:
                    subjects.add(mention.link)
                if mention.role == "plain" and (is_subject or _DETECTION.search(block.heading)):
                    mention = replace(mention, role="related")
                if (mention.link, mention.role) not in seen:
                    seen.add((mention.link, mention.role))
                    yield mention


def find_link_definitions(lines: Sequence[tuple[int, str]]) -> dict[str, str]:
    """Return the addresses that ``[name]: address`` defines, by casefolded name."""
    matches = (_DEFINITION.match(text) for _, text in lines)
    return {match[1].casefold(): match[2] for match in matches if match}


def _split_blocks(lines: Sequence[tuple[int, str]]) -> Iterator[_Block]:
    """Yield paragraphs, items and rows, without code and link definitions."""
    heading, label, fenced = "", "", False
    columns: list[str] = []
    block: list[str] = []
    start = 0
    for number, text in lines:
        if _FENCE.match(text):
            fenced = not fenced
            continue
        ends = not text.strip() or _NEW_BLOCK.match(text) or _DEFINITION.match(text)
        if (ends or fenced) and block:
            yield _Block(start, " ".join(block), label)
            block = []
        if fenced or not text.strip() or _DEFINITION.match(text):
            columns = columns if text.strip() else []
            continue
        if match := _HEADING.match(text):
            heading = match[1]
            yield _Block(number, heading, heading, text.lstrip().startswith("# "))
        elif text.lstrip().startswith("|"):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", text.strip().strip("|"))]
            if not _TABLE_RULE.match(text):
                heads = columns or [""] * len(cells)
                columns = columns or cells
                pairs = zip(heads + [""] * len(cells), cells, strict=False)
                for head, cell in pairs:
                    yield _Block(number, cell, head)
        else:
            if not block:
                key = _KEY.match(text)
                start, label = number, key[1].replace("_", " ") if key else heading
            block.append(text.strip())
    if block:
        yield _Block(start, " ".join(block), label)


def _inline_links(text: str, definitions: Mapping[str, str]) -> str:
    """Return a text with each link as its words and its address."""

    def resolve(match: re.Match[str]) -> str:
        address = definitions.get((match[2] or match[1]).casefold())
        return write(match[1], address) if address else match[0]

    def write(words: str, address: str) -> str:
        return f"<{address}>" if _ADDRESS_WORDS.fullmatch(words) else f"{words} <{address}>"

    text = _LINK.sub(lambda match: write(match[1], match[2]), text)
    text = _RST_LINK.sub(lambda match: write(match[1], match[2]), text)
    return _REFERENCE_LINK.sub(resolve, text)


def _find_in_sentence(sentence: str, block: _Block, own: OwnRepositories) -> Iterator[FixMention]:
    blanked = sentence
    links: list[tuple[int, int, ForgeLink]] = []
    for match in URL_PATTERN.finditer(sentence):
        link = parse_forge_link(match[0])
        blanked = blanked.replace(match[0], " " * len(match[0]), 1)
        if link:
            links.append((match.start(), match.end(), link))
    for match, link in find_shorthands(blanked):
        links.append((match.start(), match.end(), link))
        blanked = blanked[: match.start()] + " " * len(match[0]) + blanked[match.end() :]
    links.sort(key=lambda place: place[0])
    bare = (*_BARE_CHANGE.finditer(blanked), *_BARE_HASH.finditer(blanked))
    starts = sorted({start for start, _, _ in links} | {match.start() for match in bare})
    before: tuple[int, FixRole] | None = None
    for start, end, link in links:
        is_next = before is not None and _LIST_GAP.fullmatch(sentence, before[0], start)
        role = _find_role(blanked, start, end, block.heading, starts)
        role = before[1] if before and is_next else role
        before = (end, role)
        if own.is_known and not own.contains(link.repository):
            role = "elsewhere"
        yield FixMention(link, role, block.line, _quote(sentence, start, end))
    yield from _find_bare_forms(sentence, blanked, block, starts)


def _find_bare_forms(
    sentence: str, blanked: str, block: _Block, starts: Sequence[int]
) -> Iterator[FixMention]:
    """Yield numbers and hashes without a link, if a word names their kind."""
    for match in _BARE_CHANGE.finditer(blanked):
        if match["sign"] and blanked.count("`", 0, match.start()) % 2:
            continue  # in code, where no forge links it: the number of a run, of a row
        role = _find_role(blanked, match.start(), match.end(), "", starts)
        if role != "plain" or match["word"]:
            kind: Literal["change", "issue"] = (
                "change" if match["word"] or match["sign"] == "!" else "issue"
            )
            link = ForgeLink(kind, "", int(match["number"]))
            yield FixMention(link, role, block.line, _quote(sentence, *match.span()), True)
    for match in _BARE_HASH.finditer(blanked):
        role = _find_role(blanked, match.start(), match.end(), "", starts)
        if role != "plain" or _COMMIT_WORD.search(blanked[: match.start()]):
            link = ForgeLink("commit", "", None, match[0])
            yield FixMention(link, role, block.line, _quote(sentence, *match.span()), True)


def _find_role(sentence: str, start: int, end: int, heading: str, starts: Sequence[int]) -> FixRole:
    """Return the role that the text around a reference gives; ``starts`` are those of all.

    In "introduced in #3, fixed in #12" the second word speaks of the second reference.
    """
    following = next((each for each in starts if each >= end), None)
    nearest: tuple[int, FixRole] | None = None
    before, behind = sentence[max(start - NEAR, 0) : start], sentence[end : end + BEHIND]
    for role, pattern in _ROLE_PATTERNS.items():
        found = list(pattern.finditer(before))
        if found:
            word = found[-1]
            failed = role == "fix" and _FAILED_FIX.search(before[: word.start()])
            distance = len(before) - word.end()
            nearest = _choose_nearer(nearest, (distance, "related" if failed else role))
        first = pattern.search(behind)
        is_of_next = (
            first is not None
            and following is not None
            and _GAP_TO_OBJECT.fullmatch(sentence, end + first.end(), following)
        )
        if first and not is_of_next:  # a word behind speaks of it a little less often
            nearest = _choose_nearer(nearest, (first.start() + 15, role))
    if nearest is not None:
        return nearest[1]
    for role, pattern in _ROLE_PATTERNS.items():
        if pattern.search(heading):
            return role
    return "plain"


def _choose_nearer(
    one: tuple[int, FixRole] | None, other: tuple[int, FixRole]
) -> tuple[int, FixRole]:
    return other if one is None or other[0] < one[0] else one


def _quote(sentence: str, start: int, end: int) -> str:
    """Return the words around a place."""
    text = sentence[max(start - 60, 0) : end + 40]
    return " ".join(text.split())
