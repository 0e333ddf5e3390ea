"""Redact credentials in a text, in any form in which a server repeats them.

A text and the credentials are compared in one plain form: without percent, backslash and HTML
escapes, without case, and without characters that are invisible or may be inserted: blanks and
line ends, quotes, backslashes, plus signs, control and zero-width characters. A credential is
found whole, in base64 or hexadecimal digits, and, if it is long, in part.
"""

from __future__ import annotations

import html
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator

REDACTION_MARK = "***"

MIN_SECRET_LENGTH = 6
"""The length of the shortest credential: a shorter text occurs in too many others."""

LONG_SECRET_LENGTH = 12
"""The shortest length of a part of a credential, and of a part without a digit."""

MIN_PART_LENGTH = 8
"""The length of the shortest part of a long credential with a letter and a digit."""

BLOCK_LENGTH = 4  # every part of 8 characters has such a block of its credential, from 4 to 4
DECODING_ROUNDS = 3

_ESCAPE_SEQUENCE = re.compile(
    r"%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8}|\\x[0-9A-Fa-f]{2}"
    r"|&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});"
)
_INVISIBLE_CHARACTERS = re.compile(
    "[\x80-\xa0\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u1680\u180e"
    "\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ud800-\udc7f\udd00-\udfff\ufeff"
    "\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0001-\U000e007f]+"
)
_UNCOMPARED_BYTES = bytes([*range(33), 127, *b"+'\"\\"])


class SecretRedactor:
    """Finds credentials in texts."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._forms = sorted({form for secret in secrets for form in _build_secret_forms(secret)})
        self._blocks = tuple(
            {
                form[start : start + BLOCK_LENGTH]
                for form in self._forms
                for start in range(0, len(form) - BLOCK_LENGTH + 1, BLOCK_LENGTH)
            }
        )

    def has_secret(self, text: str) -> bool:
        """Return whether a text has a credential, or a part of a long one."""
        return bool(self._forms) and any(
            True for _ in self._find_secrets(_normalize_for_search(text))
        )

    def redact_text(self, text: str) -> str:
        """Return a text with ``***`` in place of credentials and of parts of long ones."""
        if not self.has_secret(text):
            return text
        plain, places = _normalize_with_places(text)
        parts, last = [], 0
        for start, end in sorted(self._find_secrets(plain)):
            first, part_end = places[start][0], places[end - 1][1]
            if first >= last:
                parts += [text[last:first], REDACTION_MARK]
            last = max(last, part_end)
        return "".join((*parts, text[last:]))

    def _find_secrets(self, plain: bytes) -> Iterator[tuple[int, int]]:
        """Yield where credentials are in a text in plain form; one may be yielded twice."""
        if not any(block in plain for block in self._blocks):
            return
        for form in self._forms:
            for offset in range(0, len(form) - BLOCK_LENGTH + 1, BLOCK_LENGTH):
                block = form[offset : offset + BLOCK_LENGTH]
                place = plain.find(block)
                while place >= 0:
                    start, end = _extend_match(plain, place, form, offset)
                    if _is_secret_part(form, plain[start:end]):
                        yield start, end
                    place = plain.find(block, max(place + 1, end - BLOCK_LENGTH))


def _extend_match(plain: bytes, place: int, form: bytes, offset: int) -> tuple[int, int]:
    """Return where the text is the same as a credential, around a place where both are."""
    before = _count_same_bytes(plain[max(0, place - offset) : place][::-1], form[:offset][::-1])
    after = _count_same_bytes(plain[place : place + len(form) - offset], form[offset:])
    return place - before, place + after


def _count_same_bytes(first: bytes, second: bytes) -> int:
    pairs = enumerate(zip(first, second, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(first), len(second)))


def _is_secret_part(form: bytes, part: bytes) -> bool:
    """Return whether a part of a credential is long enough to be redacted."""
    if len(form) < LONG_SECRET_LENGTH or len(part) < MIN_PART_LENGTH:
        return len(part) == len(form)
    mixed = any(48 <= byte <= 57 for byte in part) and any(97 <= byte <= 122 for byte in part)
    return mixed or len(part) >= LONG_SECRET_LENGTH


def _build_secret_forms(secret: str) -> Iterator[bytes]:
    """Yield the forms of a credential to look for: as it is, in base64 and in hexadecimal."""
    plain_secret = _normalize_for_search(secret)
    if len(plain_secret) < MIN_SECRET_LENGTH:
        return
    yield plain_secret
    data = secret.encode("utf-8", "surrogateescape")
    yield data.hex().encode()
    for bytes_before in range(3):  # earlier bytes of the same base64 shift the bits
        first = (0, 2, 3)[bytes_before]
        for encode in (b64encode, urlsafe_b64encode):
            encoded = encode(bytes(bytes_before) + data).rstrip(b"=")
            last = len(encoded) - ((bytes_before + len(data)) % 3 != 0)
            form = _normalize_for_search(encoded[first:last].decode())
            if len(form) >= MIN_PART_LENGTH:
                yield form


def _normalize_for_search(text: str) -> bytes:
    """Return the form in which a text and credentials are compared."""
    for _ in range(DECODING_ROUNDS):
        decoded = _ESCAPE_SEQUENCE.sub(_decode_escape, text)
        if decoded == text:
            break
        text = decoded
    return _drop_uncompared(text)


def _drop_uncompared(text: str) -> bytes:
    """Return a text without the characters that are not compared."""
    if not text.isascii():
        text = _INVISIBLE_CHARACTERS.sub("", text)
    return text.lower().encode("utf-8", "surrogateescape").translate(None, _UNCOMPARED_BYTES)


def _normalize_with_places(text: str) -> tuple[bytes, list[tuple[int, int]]]:
    """Return a text in plain form, and for each of its bytes where it comes from."""
    places = [(position, position + 1) for position in range(len(text))]
    for _ in range(DECODING_ROUNDS):
        parts, decoded_places, last = [], [], 0
        for match in _ESCAPE_SEQUENCE.finditer(text):
            start, end = match.span()
            decoded = _decode_escape(match)
            parts += [text[last:start], decoded]
            decoded_places += places[last:start]
            decoded_places += [(places[start][0], places[end - 1][1])] * len(decoded)
            last = end
        if not parts:
            break
        text, places = "".join((*parts, text[last:])), [*decoded_places, *places[last:]]
    plain = bytearray()
    byte_places: list[tuple[int, int]] = []
    for char, place in zip(text, places, strict=True):
        data = _drop_uncompared(char)
        plain += data
        byte_places += [place] * len(data)
    return bytes(plain), byte_places


def _decode_escape(match: re.Match[str]) -> str:
    """Return the character of an escape; a byte beyond ASCII is a lone surrogate."""
    text = match[0]
    if text[0] == "&":
        return html.unescape(text)
    code = int(text[1:] if text[0] == "%" else text[2:], 16)
    if text[0] == "%":
        return chr(code if code < 128 else 0xDC00 + code)
    return chr(code) if code < 0x110000 else ""
