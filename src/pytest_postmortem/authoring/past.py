"""The lines that a file or a folder ever had → the ids that stood in them, deleted ones too.

Each line is read alone, as YAML, JSON, TOML or a heading may have it: what is found in excess does
not look like the ids that it is compared with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_postmortem.registry import fields
from pytest_postmortem.registry.names import find_id_prefix

__all__ = ["find_past_ids"]

_ID_KEYS = "|".join(
    name.replace("_", "[-_ ]") for name in sorted(fields.ID_KEYS, key=len, reverse=True)
)
_QUOTED_TEXT = r"\"(?:[^\"\\]|\\.)*\"|'[^']*'"
_ID_VALUE = re.compile(
    rf"(?<![\w-])[\"']?(?:{_ID_KEYS})[\"']?\s*[:=]\s*({_QUOTED_TEXT}|[^\s,\]}}][^,\]}}\n]*)",
    re.IGNORECASE,
)
_ENTRY_KEY = re.compile(
    rf"(?:^|[{{,])[ \t]*({_QUOTED_TEXT}|[\w][\w ./-]*?)[ \t]*(?::[ \t]*(?:#.*)?$|[:=][ \t]*[{{&])",
    re.MULTILINE,
)
_TOML_HEADER = re.compile(r"^[ \t]*\[{1,2}([^\[\]\n]+)\]{1,2}[ \t]*(?:#.*)?$", re.MULTILINE)
_TOML_KEY_PART = re.compile(rf"{_QUOTED_TEXT}|[\w-]+")
_TITLE_LINE = re.compile(r"^#[ \t]+(\S.*)|^(\S.*)\n[=~*^\"#-]{3,}[ \t]*$", re.MULTILINE)


def find_past_ids(lines: str) -> Iterator[str]:
    """Yield what may have been an id: values and keys of entries, and the prefixes of headings."""
    lines = lines.replace("\r", "")
    for found in (*_ID_VALUE.findall(lines), *_ENTRY_KEY.findall(lines)):
        yield found.partition(" #")[0].strip().strip("\"'")
    for header in _TOML_HEADER.findall(lines):
        yield from (part.strip("\"'") for part in _TOML_KEY_PART.findall(header))
    for first, second in _TITLE_LINE.findall(lines):
        id = find_id_prefix(first or second)
        if id is not None:
            yield id
