"""Recognise texts that say nothing: placeholders, guidance of a template, mere references."""

from __future__ import annotations

import re

from pytest_postmortem.documents.sections import DocumentPassage
from pytest_postmortem.documents.vocabulary import (
    compile_expression,
    compile_item_phrases,
    compile_words,
    fold_text,
    list_item_words,
    strip_signs,
)

MAX_PLACEHOLDER_LENGTH = 1000
MAX_UNFINISHED_LENGTH = 100

_PLACEHOLDER_SHAPE = re.compile(
    r"\W*(?:x{3,}|y{3,}|z{3,}|lorem ipsum\b.*|\{\{.*\}\}.*|<[^<>]*>|\[[^\[\]]*\]|_+|\?+|"
    r"\$\{?\w+\}?|%\w+%|@@?\w+@@|__\w+__)?\W*$",
    re.IGNORECASE | re.DOTALL,
)
_INFORMATION_SIGNS = " \u2139\u24d8\ufe0f"
"""Signs before a hint that are letters in Unicode."""

_BRACKETED = re.compile(r"\s*(?:[\[({<（【].*[\])}>）】]|[\"“'«].*[\"”'»])\W*$", re.DOTALL)
_NAMED_PLACE = re.compile(r"[\w ]{1,40} (?:goes |go )?here\W*$")
_ADDRESS = re.compile(r"https?://\S+|www\.\S+")
_MAX_REFERENCE_WORDS = 10
_MIN_LINKED_SENTENCE = 5


def is_placeholder_text(text: str) -> bool:
    """Return whether a text is a placeholder, as ``TBD``, ``-`` and the hints of a template."""
    if len(text) > MAX_PLACEHOLDER_LENGTH:
        return False
    return bool(_PLACEHOLDER_SHAPE.match(text)) or _is_folded(compile_words("placeholder"), text)


def is_unfinished_text(text: str) -> bool:
    """Return whether a text only says that the cause is not known or written yet."""
    is_short = len(text) <= MAX_UNFINISHED_LENGTH
    return is_short and _is_folded(compile_item_phrases("unfinished"), text)


def is_assumption_label(text: str) -> bool:
    """Return whether a text is a label such as ``Wrong assumptions:``."""
    is_label = text.strip().endswith((":", "："))
    return is_label and _is_folded(compile_item_phrases("assumption"), text)


def _is_folded(pattern: re.Pattern[str], text: str) -> bool:
    return pattern.fullmatch(strip_signs(fold_text(text))) is not None


def is_guidance(text: str, *, emphasised: bool = False) -> bool:
    """Return whether a text says what to write: a question, or the hint of a template."""
    folded = fold_text(text[:MAX_PLACEHOLDER_LENGTH].lstrip(_INFORMATION_SIGNS))
    bare = strip_signs(folded)
    guidance = compile_words("guidance").match(bare)
    return bool(
        re.search(r"[?？]\W*$", folded)
        or (guidance and not bare.startswith(" of ", guidance.end()))
        or compile_expression("instruction").search(folded)
        or any(match.end() >= len(bare) for match in compile_words("guidance_ends").finditer(bare))
        or (
            (emphasised or _BRACKETED.match(text))
            and (compile_words("guidance_marked").match(bare) or _NAMED_PLACE.match(bare))
        )
    )


def is_reference(passage: DocumentPassage) -> bool:
    """Return whether a passage only refers to another place: a list of links, "see above"."""
    text = passage.text if passage.unlinked is None else passage.unlinked
    unlinked = fold_text(_ADDRESS.sub(" ", text))
    words, fillers = compile_words("reference"), list_item_words("filler")
    begins = words.match(strip_signs(fold_text(passage.text)))
    remainder = [
        word for word in re.findall(r"\w+", words.sub(" ", unlinked)) if word not in fillers
    ]
    size = sum(len(word) if word[0] > "\u2e80" else 3 for word in remainder)
    if passage.links or _ADDRESS.search(passage.text):
        has_sentence = len(passage.links) == 1 and len(passage.text.split()) >= _MIN_LINKED_SENTENCE
        return size <= (12 if begins else -1 if has_sentence else 3)
    return begins is not None and len(passage.text.split()) <= _MAX_REFERENCE_WORDS and size <= 18
