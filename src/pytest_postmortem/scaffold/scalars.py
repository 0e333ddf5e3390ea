"""Format scalars as YAML, TOML or JSON."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from typing import Any

import yaml

from pytest_postmortem.registry import fields

_NUMBER = re.compile("0|[1-9][0-9]{0,17}")


def find_quote(value: str) -> str:
    """Return the opening quote of a value as it is written, else an empty text."""
    head = value.lstrip()[:1]
    return head if head in ("'", '"') else ""


def format_yaml_scalar(text: str, quote: str = "") -> str:
    """Return a text as YAML on one line, with the given quote, or quoted if necessary.

    Dates and numbers are not quoted: registries are read with every scalar as text.
    """
    if not quote and (fields.parse_day(text) == text or _NUMBER.fullmatch(text)):
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


def format_yaml_value(value: str | Sequence[str], quote: str = "", is_list: bool = False) -> str:
    """Return one text, or several in brackets; with ``is_list``, one in brackets too."""
    texts = [value] if isinstance(value, str) else value
    if len(texts) == 1 and not is_list:
        return format_yaml_scalar(texts[0], quote)
    quotes = (quote or ('"' if set(text) & set(",[]{}") else "") for text in texts)
    return f"[{', '.join(map(format_yaml_scalar, texts, quotes))}]"


def format_toml_value(value: str | Sequence[str], like: str = "", is_list: bool = False) -> str:
    """Return one text, or several as an array; with ``is_list``, one as an array too.

    A date or a number is bare if the value that it is written ``like`` is.
    """
    texts = [value] if isinstance(value, str) else value
    if len(texts) > 1 or is_list:
        return f"[{', '.join(json.dumps(text, ensure_ascii=False) for text in texts)}]"
    (text,) = texts
    is_bare = bool(like.strip()) and not find_quote(like)
    if is_bare and (fields.parse_day(text) == text or _NUMBER.fullmatch(text)):
        return text
    return json.dumps(text, ensure_ascii=False)


def format_toml_key(name: str) -> str:
    """Return a key, quoted if necessary."""
    bare = re.fullmatch("[A-Za-z0-9_-]+", name)
    return name if bare else json.dumps(name, ensure_ascii=False)


def convert_json_value(value: str | tuple[str, ...], like: Any) -> Any:
    """Return one text or several for JSON, with the type of another value."""
    values = [value] if isinstance(value, str) else list(value)
    if isinstance(like, list) or len(values) > 1:
        return values
    is_number = isinstance(like, int) and _NUMBER.fullmatch(values[0])
    return int(values[0]) if is_number else values[0]
