"""The text of a TOML file → where its statements stand, for who adds to it without rewriting it.

Only valid TOML is read: whoever asks has parsed it before, and parses the outcome again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Span", "Statement", "Unsure", "at_end", "items", "statements"]

_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})|\'\'\'.*?\'\'\'(?:\'{0,2})|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'',
    re.DOTALL,
)
_PART = r"(?:[A-Za-z0-9_-]+|\"(?:\\.|[^\"\\\n])*\"|'[^'\n]*')"
_KEY = re.compile(rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*")
_PARTS = re.compile(_PART)
_GAP = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE = re.compile(r"[^,#\]}\r\n]*[^,#\]}\s]")


class Unsure(Exception):
    """Something stands there that is not expected."""


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a text, from one offset to another."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Statement:
    """``key = value`` or a header, by offsets.

    ``path`` is its whole key, that of its table included. ``start`` is where its own key begins,
    ``name`` where the last part of it does; a header has no ``value``. ``inline`` says that it
    stands within braces, ``array`` that it is a header in double brackets.
    """

    path: tuple[str, ...]
    start: int
    name: int
    value: Span | None
    end: int
    inline: bool = False
    array: bool = False


def statements(text: str) -> Iterator[Statement]:
    """Yield all statements in order, those within inline tables after their own.

    Raises: Unsure.
    """
    table: tuple[str, ...] = ()
    place = _gap(text, 0)
    while place < len(text):
        if text[place] == "[":
            header = _header(text, place)
            table = header.path
            yield header
            place = _gap(text, header.end)
        else:
            found = _pair(text, place, table)
            yield found
            yield from _inner(text, found)
            place = _gap(text, found.end)


def items(text: str, array: Span) -> list[Span]:
    """Return where the items of an array stand.

    Raises: Unsure.
    """
    found: list[Span] = []
    place = _gap(text, array.start + 1)
    while place < array.end - 1:
        if text[place] == ",":
            place = _gap(text, place + 1)
            continue
        end = _value(text, place)
        found.append(Span(place, end))
        place = _gap(text, end)
    return found


def at_end(text: str, lines: Sequence[str], newline: str) -> str:
    """Return a text with lines at its end, set off by an empty one; an end without a line feed
    stays one.
    """
    ends = text.endswith("\n") or not text
    gap = "" if not text.strip() or re.search(r"\n\r?\n$", text) else newline
    block = newline.join(lines)
    return f"{text}{gap}{block}{newline}" if ends else f"{text}{newline}{gap}{block}"


def _gap(text: str, place: int) -> int:
    """Return where blanks and comments end."""
    found = _GAP.match(text, place)
    return found.end() if found else place


def _header(text: str, place: int) -> Statement:
    brackets = 2 if text.startswith("[[", place) else 1
    start = _gap(text, place + brackets)
    key = _key(text, start)
    end = text.index("]" * brackets, key.end()) + brackets
    path = _path(key[0])
    return Statement(path, place, place, None, end, array=brackets == 2)


def _pair(text: str, place: int, table: tuple[str, ...], inline: bool = False) -> Statement:
    key = _key(text, place)
    equals = _gap(text, key.end())
    if text[equals : equals + 1] != "=":
        raise Unsure
    value = _gap(text, equals + 1)
    end = _value(text, value)
    name = place + [part.start() for part in _PARTS.finditer(key[0])][-1]
    return Statement((*table, *_path(key[0])), place, name, Span(value, end), end, inline)


def _inner(text: str, outer: Statement) -> Iterator[Statement]:
    """Yield the statements within an inline table."""
    assert outer.value is not None
    if text[outer.value.start] != "{":
        return
    place = _gap(text, outer.value.start + 1)
    while place < outer.value.end - 1:
        if text[place] == ",":
            place = _gap(text, place + 1)
            continue
        found = _pair(text, place, outer.path, inline=True)
        yield found
        yield from _inner(text, found)
        place = _gap(text, found.end)


def _key(text: str, place: int) -> re.Match[str]:
    found = _KEY.match(text, place)
    if found is None:
        raise Unsure
    return found


def _path(key: str) -> tuple[str, ...]:
    return tuple(map(_part, _PARTS.findall(key)))


def _part(text: str) -> str:
    if text[0] == "'":
        return text[1:-1]
    try:
        return str(json.loads(text)) if text[0] == '"' else text
    except ValueError:  # TOML knows escapes that JSON does not
        raise Unsure from None


def _value(text: str, place: int) -> int:
    """Return where a value ends."""
    if text[place : place + 1] in ("[", "{"):
        return _nested(text, place)
    found = _STRING.match(text, place) or _BARE.match(text, place)
    if found is None:
        raise Unsure
    return found.end()


def _nested(text: str, place: int) -> int:
    depth = 0
    while place < len(text):
        char = text[place]
        string = _STRING.match(text, place) if char in "\"'" else None
        if char == "#":
            place = _gap(text, place)
        elif string:
            place = string.end()
        else:
            depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(char, 0)
            place += 1
            if depth == 0:
                return place
    raise Unsure
