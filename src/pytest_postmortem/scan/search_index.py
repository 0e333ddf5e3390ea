"""Index the ids, aliases and links of a registry by the tokens that a text must contain.

A *token* is a run of digits or of letters, in lower case. A name can only be in a text that has all
of its tokens, which is fast to check.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Literal, NamedTuple

from pytest_postmortem.evaluation.evaluate import is_incident_selected
from pytest_postmortem.model import Policy, Registry

_TOKEN_PATTERN = re.compile(r"\d+|[^\W\d_]+")
_BLANKED_LETTERS = bytes(
    code if chr(code).isdecimal() or chr(code) == "\n" else ord(" ") for code in range(256)
)
"""A table for `bytes.translate`, by which runs of digits are found faster than by expressions."""
_CAMEL_CASE_BREAK = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_CAMEL_CASE_WORD = re.compile(r"[^\W_]*[a-z0-9][A-Z][^\W_]*")
_NUMBER_ID = re.compile(r"(?:gh[-_ ]?)?#?(\d+)", re.IGNORECASE)
_GITHUB_ADDRESS = re.compile(r"([\w.-]+/[\w.-]+/[\w.-]+)/(?:issues|pull)/(\d+)$")

Tracker = Literal["github", "bpo", "bugzilla", "tickets", "elsewhere", "unknown"]
"""The kind of tracker in which a number is valid, from the link of its post-mortem."""

_TRACKER_PATTERNS: tuple[tuple[Tracker, re.Pattern[str]], ...] = (
    ("bpo", re.compile(r"bugs\.python\.org/")),
    ("bugzilla", re.compile(r"bugzilla|show_bug")),
    ("github", re.compile(r"(?<!/-)/(?:issues|pull)/\d+$")),
    ("tickets", re.compile(r"ticket|bug|issue|trac\b", re.IGNORECASE)),
)


class IncidentNumber(NamedTuple):
    """An id that is a number: the incident, and the tracker of the number."""

    id: str
    tracker: Tracker = "unknown"


class IncidentName(NamedTuple):
    """An id or an alias that is more than a number, with its tokens.

    ``is_without_letters`` means that it has no letters, such as a date, and counts only after a
    word; ``is_vague`` that it may be an ordinary phrase.
    """

    id: str
    text: str
    tokens: tuple[str, ...]

    @property
    def is_without_letters(self) -> bool:
        """Whether it has no letters."""
        return all(map(str.isdecimal, self.tokens))

    @property
    def is_vague(self) -> bool:
        """Whether it has no digit, or only one letter."""
        letters = sum(len(token) for token in self.tokens if not token.isdecimal())
        return letters == 1 or not any(map(str.isdecimal, self.tokens))

    @property
    def pattern(self) -> re.Pattern[str]:
        """The regular expression for its text, with any separators between the tokens."""
        return _compile_name_pattern(self.text)


@lru_cache(maxsize=4096)
def _compile_name_pattern(text: str) -> re.Pattern[str]:
    parts = [_TOKEN_PATTERN.findall(text)[0]]
    ends = [match.span() for match in _TOKEN_PATTERN.finditer(text)]
    for (_, end), (start, stop) in pairwise(ends):
        between = text[end:start]
        glued = (
            between in ("", "-", "_", " ") and text[end - 1].isdecimal() != text[start].isdecimal()
        )
        gap = r"[-_ ]?" if glued else r"[-_ ]" if between in ("-", "_", " ") else re.escape(between)
        parts += [gap, text[start:stop]]
    return re.compile(
        rf"(?<![^\W_])(?<!(?-i:[A-Z])-)(?:{''.join(parts)})(?![^\W_])(?![-.]\d)", re.IGNORECASE
    )


@dataclass(frozen=True)  # no slots: cached_property needs a __dict__
class SearchIndex:
    """All names, numbers, links and patterns to search for.

    ``links`` are the addresses of post-mortems by `normalize_address`, ``patterns`` the configured
    ones, whose first group or whole match is an id. ``ids`` maps all names to ids, with None for
    those of another suite; it is None without a registry, where every match is an id.
    """

    numbers: Mapping[str, IncidentNumber] = field(default_factory=dict)
    names: Sequence[IncidentName] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    patterns: tuple[re.Pattern[str], ...] = ()
    ids: Mapping[str, str | None] | None = None

    def named(self, id: str) -> tuple[str | None, bool]:
        """Return the id of a match of a configured pattern, and whether it is registered.

        The id is None if it belongs to another suite.
        """
        if self.ids is None:
            return id, True
        key = id.casefold()
        return self.ids.get(key, id), key in self.ids

    @cached_property
    def by_token(self) -> Mapping[str, Sequence[IncidentName]]:
        """The names by their rarest token, as estimated."""
        names: dict[str, list[IncidentName]] = {}
        for name in self.names:
            names.setdefault(_select_rarest_token(name.tokens), []).append(name)
        return names

    @cached_property
    def _needed_tokens(self) -> Mapping[str, Sequence[Collection[str]]]:
        """The required tokens of everything that can be found, by the rarest of them."""
        needs: dict[str, list[Collection[str]]] = {number: [()] for number in self.numbers}
        every = [*(name.tokens for name in self.names), *map(split_tokens, self.links)]
        for tokens in every:
            if tokens:
                needs.setdefault(_select_rarest_token(tokens), []).append(tokens)
        return needs

    @cached_property
    def _only_digits(self) -> bool:
        return all(token.isascii() and token.isdecimal() for token in self._needed_tokens)

    def is_match_possible(self, text: str) -> bool:
        """Return whether a text can contain anything of the index; this is a fast check."""
        if self.patterns and any(pattern.search(text) for pattern in self.patterns):
            return True
        return self._has_needed_tokens(text)

    def _has_needed_tokens(self, text: str) -> bool:
        needs = self._needed_tokens
        if self._only_digits:
            hit = needs.keys() & _blank_letters(text).split()
        else:
            hit = needs.keys() & {*split_tokens(text), *_find_camel_case_tokens(text)}
        if not hit:
            return False
        if any(() in needs[token] for token in hit):
            return True
        all_tokens = set(split_tokens(text)) | _find_camel_case_tokens(text)
        return any(all_tokens.issuperset(need) for token in hit for need in needs[token])

    def find_possible_lines(self, lines: Mapping[int, str]) -> list[int]:
        """Return the numbers of lines that can contain anything of the index but its patterns."""
        if not self._only_digits:
            return [number for number, line in lines.items() if self._has_needed_tokens(line)]
        runs = _blank_letters("".join(lines.values()))
        needed = self._needed_tokens.keys()
        blanked = zip(lines, runs.splitlines(), strict=True)
        return [number for number, line in blanked if not needed.isdisjoint(line.split())]


def _blank_letters(text: str) -> str:
    """Return a text with a space for all but digits and the ends of lines."""
    return text.encode("ascii", "replace").translate(_BLANKED_LETTERS).decode("ascii")


def split_tokens(text: str) -> tuple[str, ...]:
    """Return the runs of digits and of letters in a text, in lower case."""
    return tuple(_TOKEN_PATTERN.findall(text.lower()))


def split_camel_case(text: str) -> str:
    """Return a text with a space before each capital within a word, as in ``testTheLogin``."""
    return _CAMEL_CASE_BREAK.sub(" ", text)


def _find_camel_case_tokens(text: str) -> set[str]:
    """Return the tokens of a text after its camel-case words are split."""
    return set(split_tokens(split_camel_case(" ".join(_CAMEL_CASE_WORD.findall(text)))))


def _select_rarest_token(some: Iterable[str]) -> str:
    return max(some, key=lambda token: (token.isdecimal(), len(token)))


def build_search_index(
    registry: Registry | None, policy: Policy = Policy(), patterns: Iterable[str] = ()
) -> SearchIndex:
    """Return the index of the ids, aliases and links of this suite's incidents."""
    compiled = tuple(map(re.compile, patterns))
    if registry is None:
        return SearchIndex(patterns=compiled)
    own_postmortems = {
        postmortem.id: postmortem
        for postmortem in registry
        if is_incident_selected(postmortem, policy)
    }
    ids = {
        name: postmortem_entry.id if postmortem_entry.id in own_postmortems else None
        for name, postmortem_entry in registry.index.items()
    }
    numbers: dict[str, IncidentNumber] = {}
    names: list[IncidentName] = []
    for text, id in sorted(ids.items()):
        if id is not None and "://" not in text:
            number = _NUMBER_ID.fullmatch(text)
            if number and (text.isdecimal() or number[1] not in ids):
                otherwise: Tracker = "unknown" if text.isdecimal() else "github"
                numbers[number[1]] = IncidentNumber(
                    id, _find_tracker(own_postmortems[id].url, otherwise)
                )
            elif len(runs := split_tokens(text)) > 1:
                names.append(IncidentName(id, text, runs))
    addresses = [
        *ids.items(),
        *(
            (postmortem_entry.url or "", postmortem_entry.id)
            for postmortem_entry in own_postmortems.values()
        ),
    ]
    links = {key: id for url, id in addresses if id is not None for key in _list_address_forms(url)}
    return SearchIndex(numbers, names, links, compiled, ids)


def _find_tracker(url: str | None, otherwise: Tracker) -> Tracker:
    """Return the tracker of a number; the form ``GH-123`` names its tracker itself."""
    if url is None or "://" not in url:
        return otherwise
    kinds = (kind for kind, pattern in _TRACKER_PATTERNS if pattern.search(url))
    return next(kinds, "elsewhere" if otherwise == "unknown" else otherwise)


def _list_address_forms(url: str) -> Iterator[str]:
    """Yield the forms in which an address may be written, including GitHub's short form."""
    if "://" not in url:
        return
    key = normalize_address(url)
    yield key
    match = _GITHUB_ADDRESS.match(key)
    if match:
        yield format_github_shorthand(match[1].partition("/")[2], match[2])


def format_github_shorthand(repository: str, number: str) -> str:
    """Return the key of GitHub's short form ``owner/name#123``."""
    return f"{repository.casefold()}#{number}"


def normalize_address(url: str) -> str:
    """Return an address in the form used for comparison.

    On GitHub, issues and pull requests share their numbers, and either address redirects.
    """
    bare = re.sub(r"^https?://(?:www\.)?", "", url.strip(), flags=re.IGNORECASE).rstrip("/")
    return re.sub(r"/pull/(?=\d+$)", "/issues/", bare).casefold()
