"""The words of post-mortems in twelve languages, as data: read once, when they are needed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

_EDGES = re.compile(r"^[\W_]+|[\W_]+$")
_ACCENTS = re.compile("[\u0300-\u036f]")
_APOSTROPHES = re.compile("[’‘ʼ`´]")
_SEPARATORS = re.compile("[-_\u2010-\u2012]|\\s+")


def read_vocabulary_file(name: str, folder: Path = Path(__file__).parent) -> Any:
    """Return the data of a file with words, with every scalar as text."""
    import yaml

    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    return yaml.load((folder / name).read_text(encoding="utf-8"), loader)


def strip_signs(text: str) -> str:
    """Return a text without punctuation, emoji and spaces around it."""
    return _EDGES.sub("", text)


@cache
def compile_expression(name: str) -> re.Pattern[str]:
    """Return the pattern of an entry of ``expressions.yml``."""
    return re.compile(_load_expressions()[name], re.IGNORECASE)


@cache
def _load_expressions() -> Mapping[str, str]:
    words = {name: f"(?:{join_words(list_item_words(name))})" for name in load_item_words()}
    words["folded closed"] = f"(?:{compile_words('closed').pattern})"
    return join_expressions(read_vocabulary_file("expressions.yml"), words)


def join_expressions(texts: Mapping[str, str], parts: Mapping[str, str]) -> Mapping[str, str]:
    """Return each text, regular expressions one a line, as one that matches any of them.

    ``<name>`` is one of the ``parts``, or for an earlier text.
    """
    joined = dict(parts)
    for name, text in texts.items():
        expression = "|".join(text.split("\n")[:-1])
        for earlier, part in joined.items():
            expression = expression.replace(f"<{earlier}>", part)
        joined[name] = f"(?:{expression})"
    return joined


def fold_text(text: str) -> str:
    """Return the form in which words are compared: no case, accents or hyphens."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", _APOSTROPHES.sub("'", text))
        text = _ACCENTS.sub("", unicodedata.normalize("NFD", text.casefold()))
        text = unicodedata.normalize("NFC", text)
    return _SEPARATORS.sub(" ", text.casefold())


def compile_phrases(phrases: str) -> re.Pattern[str]:
    """Compile phrases, one a line, to a pattern for a whole text that is folded.

    ``[x]`` may be missing, ``(a|b)`` is one of several. ``*`` next to a space matches any
    words, also none; else for any characters.
    """
    lines = (line.strip() for line in phrases.splitlines())
    return re.compile("|".join(_translate_phrase(line) for line in lines if line), re.DOTALL)


_PHRASE_SIGN = re.compile(r"(^\* )|( \*$)|( \*\])|(\[\* )|( \* )|([*\[\]()|])")
_WILDCARDS = ("", r"(?:.*\W)?", r"(?:\W.*)?", r"(?:\W.*)?)?", r"(?:(?:.*\W)?", r"\W(?:.*\W)?")
"""The expression for ``*`` next to a space, by the group of the sign."""

_SIGNS = {"*": ".*", "[": "(?:", "]": ")?", "(": "(?:", ")": ")", "|": "|"}


def _translate_phrase(phrase: str) -> str:
    pieces: list[str] = []
    position = 0
    for match in _PHRASE_SIGN.finditer(phrase):
        sign = _SIGNS[match[6]] if match[6] else _WILDCARDS[match.lastindex or 0]
        pieces += [re.escape(fold_text(phrase[position : match.start()])), sign]
        position = match.end()
    return "".join([*pieces, re.escape(fold_text(phrase[position:]))])


def split_word_list(text: str) -> tuple[str, ...]:
    """Return the words of a list that is divided by commas and lines, as they are written."""
    words = (word.strip() for word in text.replace("\n", ",").split(","))
    return tuple(dict.fromkeys(word for word in words if word))


@cache
def load_item_words() -> Mapping[str, str]:
    """Return the texts of the lists of words, by their name; columns are not among them."""
    words = read_vocabulary_file("items.yml")
    return {name: text for name, text in words.items() if isinstance(text, str)}


@cache
def compile_words(name: str) -> re.Pattern[str]:
    """Return the pattern for the words of a list, in folded text."""
    return re.compile(join_words([fold_text(word) for word in list_item_words(name)]))


@cache
def compile_item_phrases(name: str) -> re.Pattern[str]:
    """Return the pattern for the phrases of a list, for a whole text that is folded."""
    return compile_phrases(load_item_words()[name])


def list_item_words(name: str) -> tuple[str, ...]:
    """Return the words of a list, as they are written."""
    return split_word_list(load_item_words()[name])


def join_words(words: Sequence[str]) -> str:
    """Return a pattern for any of some words, the longest first.

    A word may not continue in letters, but for languages that write no spaces.
    """
    ordered = sorted(words, key=len, reverse=True)
    return "|".join(
        re.escape(word) + (r"(?!\w)" if word[-1].isalnum() and word[-1] < "\u2e80" else "")
        for word in ordered
    )
