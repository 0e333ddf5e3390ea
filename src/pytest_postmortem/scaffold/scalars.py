"""Format scalars as YAML or TOML."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence

import yaml

from pytest_postmortem.registry import fields

NUMBER_QUOTE = "0"
"""Marks a value as a number, which has no quote."""

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BARE_NUMBER = re.compile(r"\s*[0-9]+\s*(?:#.*)?(?:\n|$|,|\})")


def format_yaml_scalar(text: str, quote: str = "") -> str:
    """Return a text as YAML on one line, with the given quote, or quoted if necessary.

    Dates are not quoted, and numbers are not if the others are not: registries are read with every
    scalar as text.
    """
    if quote == NUMBER_QUOTE:
        if text.isascii() and text.isdigit():
            return text
        quote = ""
    if not quote and fields.parse_day(text) == text:
        return text
    dumped = _dump_yaml_text(text, quote)
    if "\\U" in dumped:  # an emoji in double quotes
        dumped = _dump_yaml_text(text, "'")
    return dumped.removesuffix("\n").removesuffix("\n...")


def _dump_yaml_text(text: str, quote: str) -> str:
    dumped: str = yaml.safe_dump(
        text, allow_unicode=True, width=sys.maxsize, default_style=quote or None
    )
    return dumped


def format_yaml_value(value: str | Sequence[str], quote: str = "") -> str:
    """Return one text, or several in brackets."""
    if isinstance(value, str):
        return format_yaml_scalar(value, quote)
    if len(value) == 1:
        return format_yaml_scalar(value[0], quote)
    every = (
        format_yaml_scalar(text, quote or ("" if _is_plain_in_brackets(text) else '"'))
        for text in value
    )
    return f"[{', '.join(every)}]"


def _is_plain_in_brackets(text: str) -> bool:
    """Return whether a text needs no quotes inside brackets."""
    return not set(text) & set(",[]{}")


def format_toml_value(
    value: str | Sequence[str], *, bare_dates: bool = False, quote: str = ""
) -> str:
    """Return one text, or several as an array; a date or a number may be bare."""
    if not isinstance(value, str):
        value = value[0] if len(value) == 1 else value
    if isinstance(value, str):
        bare = bare_dates and fields.parse_day(value) == value
        number = quote == NUMBER_QUOTE and re.fullmatch("0|[1-9][0-9]{0,17}", value)
        return value if bare or number else json.dumps(value, ensure_ascii=False)
    return f"[{', '.join(json.dumps(text, ensure_ascii=False) for text in value)}]"


def format_toml_key(name: str) -> str:
    """Return a key, quoted if necessary."""
    return name if _BARE_KEY.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def find_quote(written: str) -> str:
    """Return the opening quote of a value, `NUMBER_QUOTE` for a bare number, else an empty text."""
    head = written.lstrip()[:1]
    if head in ("'", '"'):
        return head
    return NUMBER_QUOTE if _BARE_NUMBER.match(written) else ""
