"""The words at the head of documents in twelve languages, from ``vocabulary/labels.yml``.

They are loaded when the first document is read, and never for a registry from the cache.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache

from pytest_postmortem.documents.vocabulary import read_vocabulary_file, split_word_list
from pytest_postmortem.model import ExtraWords, normalize_id

_LEADING_SIGNS = re.compile(r"(?::[\w+-]+:|\d{1,2}(?:\.\d{1,2})*[.):]?\s+|\d\ufe0f?\u20e3|[\W_])*")
_TRAILING_SIGNS = re.compile(r"(?::[\w+-]+:|[\W_])+$")
_EXPLANATION = re.compile(r"\s*[(（\[【].*$")
_WORD_SEPARATOR = re.compile(r"\s*[/／]\s*")


MAX_SEVERITY_TEXT = 100
"""The number of characters of a value that are searched."""

_CODE = r"(?:sev(?:erity)?|prio(?:rity)?|[ps])[-_ .#]{0,2}\d"
_SEVERITY_CODE = re.compile(_CODE, re.IGNORECASE)
_CODE_AT_START = re.compile(rf"({_CODE})(?![^\W级級]|[.-]\w)", re.IGNORECASE)
_CODE_PREFIX = re.compile(r"[A-Za-z]*")
_PART_SEPARATOR = re.compile(
    r"\s*[()（）\[\]【】/|,;:，；：、→>]\s*|\s+[–—-]+\s+|\s*[–—]\s*|\s+(?:or|oder|ou|o|of|lub)\s+"
)
_CHOICE = re.compile(r"[/|,、]|\b(?:or|oder|ou|o|of|lub)\b")
_NOUN = re.compile(r"\s+(?:severity|priority|incident|outage|impact)$", re.IGNORECASE)
_EDGES = " \t*_`~.!()[]（）【】"
_EMOJI = re.compile(r"(?::[\w+-]+:|[^\w\s()\[\]（）【】<{])+\s*")
_SIGNS = re.compile(r"[\W_]")


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
        for word in split_word_list(",".join(words.values()))
    }
    kinds |= {normalize_word(word): kind for kind, words in extra_words for word in words}
    months = {
        name.casefold(): number
        for names in data["months"].values()
        for number, forms in enumerate(names.split(","), start=1)
        for name in forms.split()
    }
    severities, statuses, placeholders, documents, sections = (
        frozenset(map(normalize_word, split_word_list(",".join(data[name].values()))))
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


def find_severity(text: str, labels: Labels, known: Collection[str] = ()) -> str | None:
    """Return the severity that a value begins with, as it is written, or None.

    ``SEV-1 (major)`` is ``SEV-1``. Of several names of one severity the first of the ``known`` ones
    counts, which are those of the configuration. Several severities are the choices of a template.
    A long text counts only if a severity is its first part: ``High - all users saw ...``.
    """
    is_long = len(text) > MAX_SEVERITY_TEXT
    text = text[:MAX_SEVERITY_TEXT].strip(_EDGES)
    if not text:
        return None
    if emoji := _EMOJI.match(text):
        text = text[emoji.end() :]
    known_words = {normalize_severity_word(word) for word in known}
    if _is_severity_word(text, labels, known_words):
        return text
    parts = [part.strip(_EDGES) for part in _PART_SEPARATOR.split(text)]
    parts = [_NOUN.sub("", part) for part in parts if part]
    severities = [part for part in parts if _is_severity_word(part, labels, known_words)]
    if _are_choices(text, severities) or (is_long and severities[:1] != parts[:1]):
        return None
    if severities and (
        severities[0] == parts[0] or parts[0].isdecimal() or is_severity_code(severities[0])
    ):
        by_configuration = (
            part for part in severities if normalize_severity_word(part) in known_words
        )
        return next(by_configuration, severities[0])
    code = _CODE_AT_START.match(parts[0]) if parts else None
    return code[1] if code else None


def is_severity_code(text: str) -> bool:
    """Return whether a text is a severity in any vocabulary: ``SEV1``, ``P0``."""
    return _SEVERITY_CODE.fullmatch(text) is not None


def normalize_severity_word(text: str) -> str:
    """Return a severity in the form of comparisons, without signs and case."""
    return _SIGNS.sub("", text.casefold())


def _is_severity_word(text: str, labels: Labels, known_words: Collection[str]) -> bool:
    return bool(
        is_severity_code(text)
        or (known_words and normalize_severity_word(text) in known_words)
        or (text.casefold() if text[:1].isdecimal() else normalize_word(text)) in labels.severities
    )


def _are_choices(text: str, severities: list[str]) -> bool:
    """Return whether a text has several severities of one scale to choose from."""
    if len(severities) < 2 or not _CHOICE.search(text):
        return False
    scales = [
        _CODE_PREFIX.match(severity)[0].casefold()  # type: ignore[index]  # it matches any text
        if is_severity_code(severity)
        else ""
        for severity in severities
    ]
    different = {normalize_severity_word(severity) for severity in severities}
    return len(different) > 1 and len(set(scales)) < len(scales)
