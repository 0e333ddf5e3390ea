"""Tell a severity from prose: a code such as ``SEV-1``, ``P0`` or ``S2``, or a word for one."""

from __future__ import annotations

import re
from collections.abc import Collection

from pytest_postmortem.documents.labels import Labels, normalize_word

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
