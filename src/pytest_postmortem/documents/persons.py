"""Find and remove the handles and addresses of persons."""

from __future__ import annotations

import re

from pytest_postmortem.documents.vocabulary import compile_expression

MAX_SEARCHED_LENGTH = 20_000
"""The number of characters of a text that are searched."""

_PERSON_HANDLE = re.compile(
    r"(?<![\w./@`])@([a-z][a-z\d-]*(?:\.[a-z][\w-]*)?)"
    r"(?![\w/(@]| (?:decorator|annotation|directive|attribute|mention)s?\b)"
)


_EMAIL_ADDRESS = re.compile(r"(?<![\w.+-])([\w.+-]+)@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}\b(?!:)")


_CHAT_MENTION = re.compile(r"<@[\w|.-]+>|\[~[\w.@-]+\]|@\[[^\[\]]*\](?:\([^()]*\))?")
_NAMED_HANDLE = re.compile(r"(?<![\w./@`])@[A-Z][\w.-]*(?: [A-Z][a-zà-ÿ]+)?(?![\w/(@])")
_ASIDE = re.compile(r"\s*[(\[（][^()\[\]（）]*[)\]）]")
SOMEONE = "someone"
_MARK = "\0"
_NAME_OF_PERSON = re.compile(r"(?:[A-Z][\w'’-]*\.?\s*){1,3}")


def find_person(text: str) -> str | None:
    """Return the first handle or address of a person in a text, or None."""
    for words in (_EMAIL_ADDRESS, _PERSON_HANDLE):
        for match in words.finditer(text[:MAX_SEARCHED_LENGTH]):
            if not compile_expression("role_handle").fullmatch(match[1].partition(".")[0]):
                return match[0]
    return None


def remove_persons(text: str) -> str:
    """Return a text without handles and addresses of persons; in a sentence one is "someone"."""
    if "@" not in text and "[~" not in text:
        return text
    pieces = re.split(r"(`[^`]*`)", text)
    return "".join(
        piece if piece.startswith("`") else _remove_persons_outside_code(piece) for piece in pieces
    )


def is_only_person(text: str, remainder: str) -> bool:
    """Return whether a text with a handle or an address is only a name without it."""
    return "@" in text and _NAME_OF_PERSON.fullmatch(remainder.strip(" ,;:.-")) is not None


def _remove_persons_outside_code(text: str) -> str:
    def hide(match: re.Match[str]) -> str:
        local = match[1].partition(".")[0]
        return match[0] if compile_expression("role_handle").fullmatch(local) else _MARK

    text = _CHAT_MENTION.sub(_MARK, text)
    text = _EMAIL_ADDRESS.sub(hide, text)
    text = _NAMED_HANDLE.sub(_MARK, _PERSON_HANDLE.sub(hide, text))
    if _MARK in text:
        text = compile_expression("thanks").sub("", text)
        text = compile_expression("speaker_or_signature").sub("", text)
        text = _ASIDE.sub(lambda aside: "" if _is_only_persons(aside[0]) else aside[0], text)
        text = re.sub(rf"{_MARK}(?:(?:,| and| &|, and) {_MARK})*", SOMEONE, text)
    return text


def _is_only_persons(text: str) -> bool:
    return _MARK in text and len(re.findall(r"\w+", text)) <= 3
