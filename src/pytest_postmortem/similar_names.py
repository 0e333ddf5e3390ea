"""Suggestions for unknown ids and words: the similar known one, None if it is not unique.

Names are compared as words and numbers, without case, separators and leading zeros, so that
``PM-2026-1`` is ``pm_2026_001``. The first rule that leads to one result only:

1. the name is a prefix of a known one: ``2020-09-21`` of ``2020-09-21-components-destroyed``
2. a known one and words after it: ``PM-7-disk-full`` of ``PM-7``
3. it is a part of one: ``reddit-hug`` of ``2018-01-18-reddit-hug``
4. both are the same words and numbers: ``PM-2026-1`` and ``PM-2026-001``
5. both are the same without separators: ``20200225`` and ``2020-02-25``
6. one or two words differ in one letter, or two letters changed places; also in a part
7. a letter is written for a digit that looks alike, or a digit is written twice

Another number or another date is another incident, and never suggested.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property
from itertools import combinations, islice, product
from string import ascii_lowercase

from pytest_postmortem.model import Registry

PUNCTUATION_AS_SPACE = {
    ord(each): " " for each in map(chr, range(128)) if not each.isalnum() and each != "\n"
}
PUNCTUATION_DELETED = dict.fromkeys(PUNCTUATION_AS_SPACE)
ASCII_WORD_BORDERS = re.compile("[a-z](?=[0-9])"), re.compile("[0-9](?=[a-z])")
UNICODE_WORD_BORDERS = re.compile(r"[^\W\d](?=\d)"), re.compile(r"\d(?=[^\W\d])")
NON_WORD_PATTERN = re.compile(r"[^\w\n]")
LEADING_ZEROS_PATTERN = re.compile(" 0+(?=[0-9])")
SPACES_PATTERN = re.compile(" {2,}")
LOOK_ALIKE_PATTERN = re.compile(r"(?<=\d)[oil](?![^\W\d])|(?<![^\W\d])[oil](?=\d)")
DOUBLED_DIGIT_PATTERN = re.compile(r"(\d)(?=\1)")
MIN_SUGGESTION_LENGTH = 3
"""The shortest part of a name that is searched for."""

MAX_CORRECTIONS = 50
"""The number of corrections of a misspelt name that are looked for."""

MAX_SUGGESTION_LENGTH = 200
"""The longest text that is searched for."""


class SuggestionIndex:
    """An index of known names, each with its suggestion.

    The names are joined into one text at the first search, which every rule searches, so that a
    search hardly takes longer with more names.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        """Index names, each with its suggestion; they are compared without case."""
        self._names = {_join_lines(name.casefold()): target for name, target in names.items()}
        self._targets = list(self._names.values())

    def find(self, unknown: str) -> str | None:
        """Return the suggestion for an unknown name, or None."""
        folded = _join_lines(unknown[: MAX_SUGGESTION_LENGTH + 1].casefold())
        text = _split_into_words(folded)
        if not (text.strip() and self._names) or len(folded) > MAX_SUGGESTION_LENGTH:
            return None
        return (
            _find_only_target(self._search(f"\n{_extend_last_word(text)}"))
            or _find_only_target(self._find_prefix(text))
            or _find_only_target(self._find_containing(text))
            or _find_only_target(self._find_equal(text))
            or _find_only_target(self._find_same_letters(folded))
            or self._find_misspelled(text)
            or _find_only_target(self._find_mistyped(folded))
        )

    @cached_property
    def _lines(self) -> str:
        """All names as words and numbers, each with a space before and after it, one a line."""
        return "\n{}\n".format(_split_into_words("\n".join(self._names)))

    @cached_property
    def _letters(self) -> str:
        """All names without their separators, one a line."""
        return "\n{}\n".format(_drop_separators("\n".join(self._names)))

    @cached_property
    def _lines_of_words(self) -> str:
        """The lines that begin with a letter; the others are blank."""
        return re.sub(r"\n (?![^\W\d]).*", "\n", self._lines)

    @cached_property
    def _known_words(self) -> frozenset[str]:
        return frozenset(self._lines.split())

    def _search(self, text: str, lines: str | None = None) -> Iterator[str]:
        """Yield the targets of the lines with a text, where a line feed is the end of a line."""
        lines = self._lines if lines is None else lines
        position = lines.find(text)
        while position >= 0:
            yield self._targets[lines.count("\n", 0, position + 1) - 1]
            position = lines.find(text, position + 1)

    def _find_prefix(self, text: str) -> Iterable[str]:
        """Return the targets of the longest name of two words that the text continues in words."""
        words = text.split()
        for count in range(len(words) - 1, 1, -1):
            found = list(self._find_equal(f" {' '.join(words[:count])} "))
            if found:
                return found if words[count].isalpha() else ()
        return ()

    def _find_containing(self, text: str) -> Iterable[str]:
        """Yield the targets of names that contain the text from the start of a word.

        A number alone has to be at the end of a name that starts with a letter.
        """
        if any(letter.isalpha() for letter in text):
            enough = sum(map(str.isalnum, text)) >= MIN_SUGGESTION_LENGTH
            return self._search(_extend_last_word(text)) if enough else ()
        return self._search(f"{text}\n", self._lines_of_words)

    def _find_equal(self, text: str) -> Iterator[str]:
        return self._search(f"\n{text}\n")

    def _find_same_letters(self, folded: str) -> Iterator[str]:
        return self._search(f"\n{_drop_separators(folded)}\n", self._letters)

    def _find_misspelled(self, text: str) -> str | None:
        """Return the only target of the text with one or two unknown words corrected."""
        lines = list(islice(self._list_corrections(text), MAX_CORRECTIONS))
        found = (target for line in lines for target in self._find_equal(line))
        parts = (
            target
            for line in lines
            if " " in line.strip()
            for target in self._find_containing(line)
        )
        return _find_only_target(found) or _find_only_target(parts)

    def _list_corrections(self, text: str) -> Iterator[str]:
        words = text.split()
        unknown = [word for word in words if word not in self._known_words]
        if len(unknown) > 2 or not all(map(str.isalpha, unknown)):
            return
        near = [
            [each for each in _list_single_edits(word) if each in self._known_words]
            if word in unknown
            else []
            for word in words
        ]
        for changed in (1, 2):
            for places in combinations([n for n, each in enumerate(near) if each], changed):
                for chosen in product(*(near[place] for place in places)):
                    new = dict(zip(places, chosen, strict=True))
                    line = " ".join(new.get(n, word) for n, word in enumerate(words))
                    yield f" {line} "

    def _find_mistyped(self, folded: str) -> Iterator[str]:
        digits = LOOK_ALIKE_PATTERN.sub(lambda found: "0" if found[0] == "o" else "1", folded)
        if digits != folded:
            yield from self._find_equal(_split_into_words(digits))
        for found in DOUBLED_DIGIT_PATTERN.finditer(folded):
            shorter = folded[: found.start()] + folded[found.end() :]
            if shorter in self._names:
                yield self._names[shorter]


def find_similar_word(word: str, words: Iterable[str]) -> str | None:
    """Return the most similar of a few words, or None."""
    return SuggestionIndex({each: each for each in words}).find(word)


def format_suggestion(suggestion: str | None, otherwise: str) -> str:
    """Return the remedy for an unknown name: the one that it probably means, or another remedy."""
    return f"did you mean {suggestion!r}?" if suggestion else otherwise


def index_registry_ids(registry: Registry, ids: Collection[str] | None = None) -> SuggestionIndex:
    """Return the index of the ids and aliases of a registry, without the paths of its files.

    ``ids`` are those that may be suggested, None for all.
    """
    return SuggestionIndex(
        {
            name: known.id
            for name, known in registry.index.items()
            if "/" not in name and (ids is None or known.id in ids)
        }
    )


def _join_lines(text: str) -> str:
    return text.replace("\n", " ")


def _split_into_words(text: str) -> str:
    """Return the words and numbers of each line, with a space before, between and after them.

    The text may be that of all names, and most of them are ASCII, for which this is five times
    as fast.
    """
    text = f" {text} ".replace("\n", " \n ").translate(PUNCTUATION_AS_SPACE)
    if not text.isascii():
        text = NON_WORD_PATTERN.sub(" ", text)
    for boundary in ASCII_WORD_BORDERS if text.isascii() else UNICODE_WORD_BORDERS:
        text = boundary.sub(r"\g<0> ", text)
    return SPACES_PATTERN.sub(" ", LEADING_ZEROS_PATTERN.sub(" ", text))


def _drop_separators(text: str) -> str:
    """Return the letters, digits and line ends of a text."""
    text = text.translate(PUNCTUATION_DELETED)
    return text if text.isascii() else NON_WORD_PATTERN.sub("", text)


def _extend_last_word(text: str) -> str:
    """Return the text so that its last word, but not its last number, may continue."""
    return text if text[-2].isdigit() else text[:-1]


def _find_only_target(targets: Iterable[str]) -> str | None:
    """Return the target if there is exactly one, else None."""
    first = None
    for target in targets:
        if first is not None and target != first:
            return None
        first = target
    return first


def _list_single_edits(word: str) -> Iterator[str]:
    """Yield the words at one edit: a letter inserted, deleted, replaced, or two swapped."""
    if len(word) < 2 or not word.isalpha():
        return
    letters = sorted({*ascii_lowercase, *word})
    for n in range(len(word) + 1):
        left, right = word[:n], word[n:]
        yield from (left + letter + right for letter in letters)
        if right:
            yield left + right[1:]
            yield from (left + letter + right[1:] for letter in letters if letter != right[0])
        if len(right) > 1 and right[0] != right[1]:
            yield left + right[1] + right[0] + right[2:]
