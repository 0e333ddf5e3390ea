"""Turn a title into a part of a file name, or of a test's name.

No title makes a name that leaves its folder, is hidden, or is invalid on an operating system.
"""

from __future__ import annotations

import re
import unicodedata

MAX_SLUG_LENGTH = 60
"""The maximum length of a title in a name; it is cut between words."""

_APOSTROPHES = re.compile("(?<=\\w)['\u2019](?=\\w)")
_WORDS = re.compile(r"\w+")
_NO_FILE_NAME = re.compile(r"[^\w ,()&+=.%-]+")
_ASCII_WORDS = re.compile(r"[a-z0-9]+")


def format_file_name(title: str, join: str, lower: bool) -> str:
    """Return a title for a file name, its words separated by ``join``.

    With a space, punctuation that is valid in file names is kept. The result is empty for a title
    without letters and digits.
    """
    text = _APOSTROPHES.sub("", _fold_accents(title))
    if join == " ":
        words = _NO_FILE_NAME.sub(" ", text).split()
        name = shorten_title(" ".join(words).strip(" .-,_")).rstrip(" .-,(&+=")
    else:
        words = [word.strip("_") for word in _WORDS.findall(text)]
        name = shorten_title(" ".join(filter(None, words))).replace(" ", join)
    return name.lower() if lower else name


def format_function_name(title: str) -> str:
    """Return a title for a function name: ASCII words in lower case."""
    words = _ASCII_WORDS.findall(_APOSTROPHES.sub("", _fold_accents(title)).lower())
    return shorten_title(" ".join(words)).replace(" ", "_")


def shorten_title(text: str, most: int = MAX_SLUG_LENGTH) -> str:
    """Return as many whole words of a text as fit; a single long word is cut."""
    if len(text) <= most:
        return text
    return text[: most + 1].rpartition(" ")[0] or text[:most]


def _fold_accents(text: str) -> str:
    """Return a text without accents on Latin letters; other scripts are unchanged."""
    return "".join(map(_fold_letter, unicodedata.normalize("NFC", text.replace("ß", "ss"))))


def _fold_letter(char: str) -> str:
    base = unicodedata.normalize("NFKD", char)
    if char.isascii() or not base[:1].isascii():
        return char if char.isalnum() or char.isascii() else " "
    return "".join(each for each in base if each.isascii())
