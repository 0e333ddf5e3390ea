"""Credentials → what a text is without them, in whatever form a server repeats them.

A text and the credentials are compared in one plain form: without percent, backslash and HTML
escapes, without case, and without what separates characters and can't be seen or may be added:
blanks and line ends, quotes, backslashes, plus signs, control and zero-width characters. A
credential is found whole, in base64 or hexadecimal digits, and, when it is long, in part.
"""

from __future__ import annotations

import html
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator

__all__ = ["HIDDEN", "Redactor"]

HIDDEN = "***"

SHORTEST = 6
"""The characters of the shortest credential: a shorter text is in too many others."""

LONG = 12
"""The characters from which on a part of a credential counts, and of a part without a digit."""

PART = 8
"""The characters of the shortest part of a long credential that has a letter and a digit."""

BLOCK = 4  # every part of 8 characters has such a block of its credential, from 4 to 4
ROUNDS = 3

_ESCAPE = re.compile(
    r"%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8}|\\x[0-9A-Fa-f]{2}"
    r"|&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});"
)
_INVISIBLE = re.compile(
    "[\x80-\xa0\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u1680\u180e"
    "\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ud800-\udc7f\udd00-\udfff\ufeff"
    "\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0001-\U000e007f]+"
)
_DROPPED = bytes([*range(33), 127, *b"+'\"\\"])


class Redactor:
    """Finds credentials in texts."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._forms = sorted({form for secret in secrets for form in _forms(secret)})
        self._blocks = tuple(
            {
                form[start : start + BLOCK]
                for form in self._forms
                for start in range(0, len(form) - BLOCK + 1, BLOCK)
            }
        )

    def finds(self, text: str) -> bool:
        """Say whether a credential, or a part of a long one, is in a text."""
        return bool(self._forms) and any(True for _ in self._found(_plain(text)))

    def redact(self, text: str) -> str:
        """Return a text with ``***`` in place of credentials and of parts of long ones."""
        if not self.finds(text):
            return text
        plain, places = _plain_with_places(text)
        parts, last = [], 0
        for start, end in sorted(self._found(plain)):
            first, behind = places[start][0], places[end - 1][1]
            if first >= last:
                parts += [text[last:first], HIDDEN]
            last = max(last, behind)
        return "".join((*parts, text[last:]))

    def _found(self, plain: bytes) -> Iterator[tuple[int, int]]:
        """Yield where credentials are in a text in plain form; one may be yielded twice."""
        if not any(block in plain for block in self._blocks):
            return
        for form in self._forms:
            for offset in range(0, len(form) - BLOCK + 1, BLOCK):
                block = form[offset : offset + BLOCK]
                place = plain.find(block)
                while place >= 0:
                    start, end = _run(plain, place, form, offset)
                    if _counts(form, plain[start:end]):
                        yield start, end
                    place = plain.find(block, max(place + 1, end - BLOCK))


def _run(plain: bytes, place: int, form: bytes, offset: int) -> tuple[int, int]:
    """Return where the text is the same as a credential, around a place where both are."""
    back = 0
    while back < min(place, offset) and plain[place - back - 1] == form[offset - back - 1]:
        back += 1
    on = BLOCK
    most = min(len(plain) - place, len(form) - offset)
    while on < most and plain[place + on] == form[offset + on]:
        on += 1
    return place - back, place + on


def _counts(form: bytes, part: bytes) -> bool:
    """Say whether a part of a credential is long enough to be one."""
    if len(form) < LONG or len(part) < PART:
        return len(part) == len(form)
    mixed = any(48 <= byte <= 57 for byte in part) and any(97 <= byte <= 122 for byte in part)
    return mixed or len(part) >= LONG


def _forms(secret: str) -> Iterator[bytes]:
    """Yield the forms of a credential to look for: as it is, in base64 and in hexadecimal."""
    own = _plain(secret)
    if len(own) < SHORTEST:
        return
    yield own
    data = secret.encode("utf-8", "surrogateescape")
    yield data.hex().encode()
    for before in range(3):  # what is before it in the same base64 moves its bits
        first = (0, 2, 3)[before]
        for encode in (b64encode, urlsafe_b64encode):
            encoded = encode(bytes(before) + data).rstrip(b"=")
            last = len(encoded) - ((before + len(data)) % 3 != 0)
            form = _plain(encoded[first:last].decode())
            if len(form) >= PART:
                yield form


def _plain(text: str) -> bytes:
    """Return the form in which a text and credentials are compared."""
    for _ in range(ROUNDS):
        decoded = _ESCAPE.sub(_unescaped, text)
        if decoded == text:
            break
        text = decoded
    return _bare(text)


def _bare(text: str) -> bytes:
    """Return a text without what is not compared."""
    if not text.isascii():
        text = _INVISIBLE.sub("", text)
    return text.lower().encode("utf-8", "surrogateescape").translate(None, _DROPPED)


def _plain_with_places(text: str) -> tuple[bytes, list[tuple[int, int]]]:
    """Return a text in plain form, and for each of its bytes where it comes from."""
    places = [(position, position + 1) for position in range(len(text))]
    for _ in range(ROUNDS):
        parts, kept, last = [], [], 0
        for found in _ESCAPE.finditer(text):
            start, end = found.span()
            decoded = _unescaped(found)
            parts += [text[last:start], decoded]
            kept += places[last:start]
            kept += [(places[start][0], places[end - 1][1])] * len(decoded)
            last = end
        if not parts:
            break
        text, places = "".join((*parts, text[last:])), [*kept, *places[last:]]
    plain = bytearray()
    own: list[tuple[int, int]] = []
    for char, place in zip(text, places, strict=True):
        data = _bare(char)
        plain += data
        own += [place] * len(data)
    return bytes(plain), own


def _unescaped(found: re.Match[str]) -> str:
    """Return what an escape means; a byte beyond ASCII is a lone surrogate, as in file names."""
    text = found[0]
    if text[0] == "&":
        return html.unescape(text)
    code = int(text[1:] if text[0] == "%" else text[2:], 16)
    if text[0] == "%":
        return chr(code if code < 128 else 0xDC00 + code)
    return chr(code) if code < 0x110000 else ""
