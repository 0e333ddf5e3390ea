"""Read the notes of changelogs: the item that names an incident, and the changes in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

CHANGELOG_NAMES = re.compile(
    r"(?:^|/)(?:change(?:s|log|_log)?|history|news|release[-_ ]?notes?|whatsnew|security)"
    r"(?:[-_.][^/]*)?$|(?:^|/)(?:changes|changelog|releases|newsfragments|release[-_]?notes)(?:\.d)?/",
    re.IGNORECASE,
)
_ITEM = re.compile(r"\s*(?:[-*+•]|\d+[.)])\s")
_NUMBER = re.compile(
    r"(?:(?<![\w&#/])#|:(?:pr|pull|issue|gh|mr|user-pr):`|\bGH-|/(?:pull|merge_requests)/)(\d+)\b",
    re.IGNORECASE,
)
_BUG = re.compile(r"\bbug \d{5,}\b|\bbpo-\d{4,}\b", re.IGNORECASE)


def is_changelog_path(path: str) -> bool:
    """Return whether a file is a changelog, or a part of one, by its name."""
    return CHANGELOG_NAMES.search(path) is not None and not path.endswith(".py")


def find_notes(text: str, forms: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield the items or paragraphs of a changelog with one of the names, each with its line."""
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        folded = line.casefold()
        if any(form in folded for form in forms):
            yield number, _find_note(lines, number - 1)


def find_numbers_in_note(note: str) -> tuple[int, ...]:
    """Return the numbers of changes and issues that a note names."""
    return tuple(dict.fromkeys(int(match[1]) for match in _NUMBER.finditer(note)))


def find_bugs_in_note(note: str) -> tuple[str, ...]:
    """Return the bugs of Bugzilla and of bugs.python.org that a note names, as messages do."""
    return tuple(dict.fromkeys(match[0] for match in _BUG.finditer(note)))


def _find_note(lines: Sequence[str], place: int) -> str:
    """Return the item or the paragraph of a changelog that holds a line."""
    start = place
    while start and lines[start].strip() and not _ITEM.match(lines[start]):
        start -= 1
    end = place + 1
    while end < len(lines) and lines[end].strip() and not _ITEM.match(lines[end]):
        end += 1
    return " ".join(line.strip() for line in lines[start:end])


def list_changelog_forms(name: str) -> Iterator[str]:
    """Yield a name as changelogs write it; roles of Sphinx leave out the kind of an advisory."""
    folded = name.casefold()
    yield folded
    kind, _, rest = folded.partition("-")
    if kind == "ghsa" and rest.count("-") == 2:
        yield rest
    if kind == "cve":
        yield f":cve:`{rest}"
