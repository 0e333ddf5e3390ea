"""Scan a TOML file for the offsets of its statements, to edit it without rewriting it.

Only valid TOML is scanned: callers parse it before, and parse the outcome again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_TOML_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})|\'\'\'.*?\'\'\'(?:\'{0,2})|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'',
    re.DOTALL,
)
_KEY_PART = r"(?:[A-Za-z0-9_-]+|\"(?:\\.|[^\"\\\n])*\"|'[^'\n]*')"
_DOTTED_KEY = re.compile(rf"{_KEY_PART}(?:[ \t]*\.[ \t]*{_KEY_PART})*")
_KEY_PARTS = re.compile(_KEY_PART)
_BLANKS_AND_COMMENTS = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SEPARATORS = re.compile(r"(?:[ \t\r\n,]|#[^\n]*)*")
_BARE_VALUE = re.compile(r"[^,#\]}\r\n]*[^,#\]}\s]")


class UnexpectedSyntaxError(Exception):
    """The text has syntax that the scanner does not know."""


@dataclass(frozen=True, slots=True)
class TextSpan:
    """A part of a text, from one offset to another."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class TomlStatement:
    """``key = value`` or a header, by offsets.

    ``path`` is its whole key, including that of its table. ``start`` is the offset of its own key,
    ``name`` that of the last part of it; a header has no ``value``. ``inline`` says that it is
    within braces, ``array`` that it is a header in double brackets.
    """

    path: tuple[str, ...]
    start: int
    name: int
    value: TextSpan | None
    end: int
    inline: bool = False
    array: bool = False


def scan_toml_statements(text: str) -> Iterator[TomlStatement]:
    """Yield all statements in order, those within inline tables after their own.

    Raises: UnexpectedSyntaxError.
    """
    table: tuple[str, ...] = ()
    place = _skip_blanks(text, 0)
    while place < len(text):
        if text[place] == "[":
            header = _scan_header(text, place)
            table = header.path
            yield header
            place = _skip_blanks(text, header.end)
        else:
            pair = _scan_pair(text, place, table)
            yield pair
            yield from _scan_inline_table(text, pair)
            place = _skip_blanks(text, pair.end)


def find_array_items(text: str, array: TextSpan) -> list[TextSpan]:
    """Return the spans of the items of an array.

    Raises: UnexpectedSyntaxError.
    """
    items: list[TextSpan] = []
    place = _skip_separators(text, array.start + 1)
    while place < array.end - 1:
        items.append(TextSpan(place, _find_value_end(text, place)))
        place = _skip_separators(text, items[-1].end)
    return items


def append_lines(text: str, lines: Sequence[str], newline: str) -> str:
    """Return a text with lines at its end, set off by an empty one; an end without a line feed
    stays one.
    """
    ends = text.endswith("\n") or not text
    gap = "" if not text.strip() or re.search(r"\n\r?\n$", text) else newline
    block = newline.join(lines)
    return f"{text}{gap}{block}{newline}" if ends else f"{text}{newline}{gap}{block}"


def _skip_blanks(text: str, place: int) -> int:
    """Return where blanks and comments end."""
    match = _BLANKS_AND_COMMENTS.match(text, place)
    return match.end() if match else place


def _skip_separators(text: str, place: int) -> int:
    """Return where blanks, comments and commas end."""
    match = _SEPARATORS.match(text, place)
    return match.end() if match else place


def _scan_header(text: str, place: int) -> TomlStatement:
    brackets = 2 if text.startswith("[[", place) else 1
    start = _skip_blanks(text, place + brackets)
    key = _match_dotted_key(text, start)
    end = text.index("]" * brackets, key.end()) + brackets
    path = _parse_dotted_key(key[0])
    return TomlStatement(path, place, place, None, end, array=brackets == 2)


def _scan_pair(
    text: str, place: int, table: tuple[str, ...], inline: bool = False
) -> TomlStatement:
    key = _match_dotted_key(text, place)
    equals = _skip_blanks(text, key.end())
    if text[equals : equals + 1] != "=":
        raise UnexpectedSyntaxError
    value = _skip_blanks(text, equals + 1)
    end = _find_value_end(text, value)
    name = place + [part.start() for part in _KEY_PARTS.finditer(key[0])][-1]
    return TomlStatement(
        (*table, *_parse_dotted_key(key[0])), place, name, TextSpan(value, end), end, inline
    )


def _scan_inline_table(text: str, outer: TomlStatement) -> Iterator[TomlStatement]:
    """Yield the statements within an inline table."""
    assert outer.value is not None
    if text[outer.value.start] != "{":
        return
    place = _skip_separators(text, outer.value.start + 1)
    while place < outer.value.end - 1:
        pair = _scan_pair(text, place, outer.path, inline=True)
        yield pair
        yield from _scan_inline_table(text, pair)
        place = _skip_separators(text, pair.end)


def _match_dotted_key(text: str, place: int) -> re.Match[str]:
    match = _DOTTED_KEY.match(text, place)
    if match is None:
        raise UnexpectedSyntaxError
    return match


def _parse_dotted_key(key: str) -> tuple[str, ...]:
    return tuple(map(_parse_key_part, _KEY_PARTS.findall(key)))


def _parse_key_part(text: str) -> str:
    if text[0] == "'":
        return text[1:-1]
    try:
        return str(json.loads(text)) if text[0] == '"' else text
    except ValueError:  # TOML knows escapes that JSON does not
        raise UnexpectedSyntaxError from None


def _find_value_end(text: str, place: int) -> int:
    """Return where a value ends."""
    if text[place : place + 1] in ("[", "{"):
        return _find_nested_end(text, place)
    match = _TOML_STRING.match(text, place) or _BARE_VALUE.match(text, place)
    if match is None:
        raise UnexpectedSyntaxError
    return match.end()


def _find_nested_end(text: str, place: int) -> int:
    depth = 0
    while place < len(text):
        char = text[place]
        string = _TOML_STRING.match(text, place) if char in "\"'" else None
        if char == "#":
            place = _skip_blanks(text, place)
        elif string:
            place = string.end()
        else:
            depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(char, 0)
            place += 1
            if depth == 0:
                return place
    raise UnexpectedSyntaxError
