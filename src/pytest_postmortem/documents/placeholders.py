"""Recognise texts that say nothing: placeholders, guidance of a template, mere references."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from pytest_postmortem.documents.sections import DocumentPassage
from pytest_postmortem.documents.vocabulary import (
    compile_phrases,
    fold_text,
    join_words,
    read_vocabulary_file,
    split_word_list,
)

MAX_PLACEHOLDER_LENGTH = 1000
MAX_UNFINISHED_LENGTH = 100

_PLACEHOLDER_SHAPE = re.compile(
    r"\W*(?:x{3,}|y{3,}|z{3,}|lorem ipsum\b.*|\{\{.*\}\}.*|<[^<>]*>|\[[^\[\]]*\]|_+|\?+|"
    r"\$\{?\w+\}?|%\w+%|@@?\w+@@|__\w+__)?\W*$",
    re.IGNORECASE | re.DOTALL,
)
_EDGES = re.compile(r"^[\W_]+|[\W_]+$")
_INFORMATION_SIGNS = " \u2139\u24d8\ufe0f"
"""Signs before a hint that are letters in Unicode."""

_BRACKETED = re.compile(r"\s*(?:[\[({<（【].*[\])}>）】]|[\"“'«].*[\"”'»])\W*$", re.DOTALL)
_NAMED_PLACE = re.compile(r"[\w ]{1,40} (?:goes |go )?here\W*$")
_INSTRUCTION = re.compile(
    r"^[^.]{0,60}\b(?:should|must) (?:be (?:described|written|listed|filled|explained|documented)|"
    r"describe|explain|contain|include|answer|list)\b"
)
_ADDRESS = re.compile(r"https?://\S+|www\.\S+")
_MAX_REFERENCE_WORDS = 10
_MIN_LINKED_SENTENCE = 5


@cache
def load_item_words() -> Mapping[str, str]:
    """Return the texts of the lists of words, by their name; columns are not among them."""
    words = read_vocabulary_file("items.yml")
    return {name: text for name, text in words.items() if isinstance(text, str)}


@cache
def compile_words(name: str) -> re.Pattern[str]:
    """Return the pattern for the words of a list, in folded text."""
    return re.compile(join_words([fold_text(word) for word in list_item_words(name)]))


def list_item_words(name: str) -> tuple[str, ...]:
    """Return the words of a list, as they are written."""
    return split_word_list(load_item_words()[name])


def is_placeholder_text(text: str) -> bool:
    """Return whether a text is a placeholder, as ``TBD``, ``-`` and the hints of a template."""
    if len(text) > MAX_PLACEHOLDER_LENGTH:
        return False
    if _PLACEHOLDER_SHAPE.match(text):
        return True
    return compile_words("placeholder").fullmatch(_EDGES.sub("", fold_text(text))) is not None


def is_unfinished_text(text: str) -> bool:
    """Return whether a text only says that the cause is not known or written yet."""
    if len(text) > MAX_UNFINISHED_LENGTH:
        return False
    return _compile_unfinished().fullmatch(_EDGES.sub("", fold_text(text))) is not None


@cache
def _compile_unfinished() -> re.Pattern[str]:
    return compile_phrases(load_item_words()["unfinished"])


def is_assumption_label(text: str) -> bool:
    """Return whether a text is a label such as ``Wrong assumptions:``."""
    bare = text.strip()
    return bare.endswith((":", "：")) and (
        _compile_assumptions().fullmatch(_EDGES.sub("", fold_text(bare))) is not None
    )


@cache
def _compile_assumptions() -> re.Pattern[str]:
    return compile_phrases(load_item_words()["assumption"])


def is_guidance(passage: DocumentPassage) -> bool:
    """Return whether a passage says what to write: a question, or the hint of a template."""
    text = fold_text(passage.text[:MAX_PLACEHOLDER_LENGTH].lstrip(_INFORMATION_SIGNS))
    bare = _EDGES.sub("", text)
    is_marked = passage.emphasised or _BRACKETED.match(passage.text) is not None
    if re.search(r"[?？]\W*$", text):
        return True
    guidance = compile_words("guidance").match(bare)
    if (guidance and not bare.startswith(" of ", guidance.end())) or _INSTRUCTION.search(text):
        return True
    ends = compile_words("guidance_ends")
    if any(match.end() >= len(bare) for match in ends.finditer(bare)):
        return True
    return is_marked and (
        compile_words("guidance_marked").match(bare) is not None
        or _NAMED_PLACE.match(bare) is not None
    )


def is_reference(passage: DocumentPassage) -> bool:
    """Return whether a passage only refers to another place: a list of links, "see above"."""
    text = passage.text if passage.unlinked is None else passage.unlinked
    unlinked = fold_text(_ADDRESS.sub(" ", text))
    words = compile_words("reference")
    begins = words.match(_EDGES.sub("", fold_text(passage.text)))
    remainder = [
        word for word in re.findall(r"\w+", words.sub(" ", unlinked)) if word not in _FILLERS
    ]
    size = sum(len(word) if word[0] > "\u2e80" else 3 for word in remainder)
    if passage.links or _ADDRESS.search(passage.text):
        has_sentence = len(passage.links) == 1 and len(passage.text.split()) >= _MIN_LINKED_SENTENCE
        return size <= (12 if begins else -1 if has_sentence else 3)
    return begins is not None and len(passage.text.split()) <= _MAX_REFERENCE_WORDS and size <= 18


_FILLERS = frozenset(
    "and or the a an in of for to at on here this document link links thread details detail also "
    "und oder die der das et ou le la les y o el los e o a i il de slack issue ticket jira".split()
)
