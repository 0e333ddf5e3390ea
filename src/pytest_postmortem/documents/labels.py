"""The words at the head of documents in twelve languages, from ``vocabulary/labels.yml``.

They are loaded when the first document is read, and never for a registry from the cache.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from pytest_postmortem.documents.vocabulary import read_vocabulary_file
from pytest_postmortem.model import ExtraWords, normalize_id

_LEADING_SIGNS = re.compile(r"(?::[\w+-]+:|\d{1,2}(?:\.\d{1,2})*[.):]?\s+|\d\ufe0f?\u20e3|[\W_])*")
_TRAILING_SIGNS = re.compile(r"(?::[\w+-]+:|[\W_])+$")
_EXPLANATION = re.compile(r"\s*[(（\[【].*$")
_WORD_SEPARATOR = re.compile(r"\s*[/／]\s*")


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Words in their normal form: kinds of labels, severities, months and placeholders.

    ``documents`` are headings that say what a document is, such as "Incident report", and
    ``sections`` those of parts that any post-mortem has.
    """

    kinds: Mapping[str, str]
    severities: frozenset[str]
    statuses: frozenset[str]
    months: Mapping[str, int]
    placeholders: frozenset[str]
    documents: frozenset[str]
    sections: frozenset[str]


@lru_cache(maxsize=8192)
def find_label_kind(labels: Labels, label: str) -> str | None:
    """Return the kind of a label, without regard to numbers and signs around it, or None.

    The answers are kept, since the documents of a collection have the same headings and labels.
    """
    kinds = labels.kinds
    word = normalize_word(label)
    kind = kinds.get(word)
    if kind is None and ("(" in word or "（" in word or "[" in word):
        kind = kinds.get(normalize_word(_EXPLANATION.sub("", word)))
    if kind is None and ("/" in word or "／" in word):
        kind = next(filter(None, map(kinds.get, _WORD_SEPARATOR.split(word))), None)
    return kind


def normalize_word(text: str) -> str:
    """Return a word in the form of the vocabulary: ``**Severity**`` and ``2. Severity`` are one."""
    word = " ".join(normalize_id(text).casefold().split())
    if not word.isascii():
        word = word.replace("ё", "е").replace("’", "'")
    if word[:1].isalpha() and word[-1:].isalpha():
        return word
    word = _TRAILING_SIGNS.sub("", word[_match_end(_LEADING_SIGNS, word) :])
    # A bracket that was opened within the word belongs to it.
    return word + ")" if word.count("(") > word.count(")") else word


def _match_end(pattern: re.Pattern[str], text: str) -> int:
    match = pattern.match(text)
    return match.end() if match else 0


@lru_cache(maxsize=4)
def load_labels(extra_words: ExtraWords = ()) -> Labels:
    """Return the vocabulary with the words that a team adds to it."""
    data = read_vocabulary_file("labels.yml")
    kinds = {
        normalize_word(word): kind
        for kind, words in data["labels"].items()
        for word in _split_words(words.values())
    }
    kinds |= {normalize_word(word): kind for kind, words in extra_words for word in words}
    months = {
        name.casefold(): number
        for names in data["months"].values()
        for number, forms in enumerate(names.split(","), start=1)
        for name in forms.split()
    }
    severities, statuses, placeholders, documents, sections = (
        frozenset(map(normalize_word, _split_words(data[name].values())))
        for name in ("severities", "statuses", "placeholders", "documents", "sections")
    )
    return Labels(kinds, severities, statuses, months, placeholders, documents, sections)


@lru_cache(maxsize=1)
def load_month_names() -> Mapping[str, tuple[tuple[str, ...], ...]]:
    """Return the names of the twelve months by language, the full name before its short forms."""
    return {
        language: tuple(tuple(forms.split()) for forms in names.split(","))
        for language, names in read_vocabulary_file("labels.yml")["months"].items()
    }


def _split_words(texts: Iterable[str]) -> Iterable[str]:
    return (word.strip() for text in texts for word in text.split(","))
