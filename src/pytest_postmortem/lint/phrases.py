"""Compile the phrases of the rules, which are data in ``phrases.yml``."""

from __future__ import annotations

import re
from pathlib import Path

from pytest_postmortem.documents.vocabulary import join_expressions, read_vocabulary_file

_TEXTS = read_vocabulary_file("phrases.yml", Path(__file__).parent)
_EXPRESSIONS = join_expressions(_TEXTS, {})


def compile_phrases(name: str, start: str = r"\b", end: str = r"\b") -> re.Pattern[str]:
    """Return the pattern for any phrase of an entry, with the required context around it."""
    return re.compile(f"{start}{_EXPRESSIONS[name]}{end}", re.IGNORECASE)


def list_words(name: str) -> frozenset[str]:
    """Return the words of an entry."""
    return frozenset(_TEXTS[name].split())
