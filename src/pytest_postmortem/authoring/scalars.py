"""A text → the same as YAML, TOML or JSON has it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

import yaml

from pytest_postmortem.registry import fields

__all__ = ["quote_of", "toml_value", "yaml_scalar", "yaml_value"]


def yaml_scalar(text: str, quote: str = "") -> str:
    """Return a text as YAML in one line, quoted as ``quote`` says, or where it has to be.

    A date is left bare: whoever reads registries takes every scalar for a text.
    """
    if not quote and fields.day(text) == text:
        return text
    dumped = _dumped(text, quote)
    if "\\U" in dumped:  # an emoji in double quotes
        dumped = _dumped(text, "'")
    return dumped.removesuffix("\n").removesuffix("\n...")


def _dumped(text: str, quote: str) -> str:
    dumped: str = yaml.safe_dump(
        text, allow_unicode=True, width=sys.maxsize, default_style=quote or None
    )
    return dumped


def yaml_value(value: str | Sequence[str], quote: str = "") -> str:
    """Return one text, or several in brackets."""
    if isinstance(value, str):
        return yaml_scalar(value, quote)
    if len(value) == 1:
        return yaml_scalar(value[0], quote)
    every = (yaml_scalar(each, quote or ("" if _is_plain(each) else '"')) for each in value)
    return f"[{', '.join(every)}]"


def _is_plain(text: str) -> bool:
    """Say whether a text needs no quotes in brackets that it needs nowhere else."""
    return not set(text) & set(",[]{}")


def toml_value(value: str | Sequence[str], *, bare_dates: bool = False) -> str:
    """Return one text, or several as an array; a date may be left bare."""
    if not isinstance(value, str):
        value = value[0] if len(value) == 1 else value
    if isinstance(value, str):
        bare = bare_dates and fields.day(value) == value
        return value if bare else json.dumps(value, ensure_ascii=False)
    return f"[{', '.join(json.dumps(each, ensure_ascii=False) for each in value)}]"


def quote_of(written: str) -> str:
    """Return the quote that a value begins with, nothing for one without."""
    head = written.lstrip()[:1]
    return head if head in ("'", '"') else ""
