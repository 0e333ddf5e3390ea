"""The lines that a file or a folder ever had → the ids that stood in them, deleted ones too.

Each line is read alone, as YAML, JSON, TOML or a heading may have it: what is found in excess does
not look like the ids that it is compared with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_postmortem.registry import fields
from pytest_postmortem.registry.names import id_prefix

__all__ = ["past_ids"]

_NAMES = "|".join(name.replace("_", "[-_ ]") for name in sorted(fields.IDS, key=len, reverse=True))
_TEXT = r"\"(?:[^\"\\]|\\.)*\"|'[^']*'"
_VALUE = re.compile(
    rf"(?<![\w-])[\"']?(?:{_NAMES})[\"']?\s*[:=]\s*({_TEXT}|[^\s,\]}}][^,\]}}\n]*)", re.IGNORECASE
)
_KEY = re.compile(
    rf"(?:^|[{{,])[ \t]*({_TEXT}|[\w][\w ./-]*?)[ \t]*(?::[ \t]*(?:#.*)?$|[:=][ \t]*[{{&])",
    re.MULTILINE,
)
_HEADER = re.compile(r"^[ \t]*\[{1,2}([^\[\]\n]+)\]{1,2}[ \t]*(?:#.*)?$", re.MULTILINE)
_PART = re.compile(rf"{_TEXT}|[\w-]+")
_HEADING = re.compile(r"^#[ \t]+(\S.*)|^(\S.*)\n[=~*^\"#-]{3,}[ \t]*$", re.MULTILINE)


def past_ids(lines: str) -> Iterator[str]:
    """Yield what may have been an id: values and keys of entries, and the prefixes of headings."""
    lines = lines.replace("\r", "")
    for found in (*_VALUE.findall(lines), *_KEY.findall(lines)):
        yield found.partition(" #")[0].strip().strip("\"'")
    for header in _HEADER.findall(lines):
        yield from (part.strip("\"'") for part in _PART.findall(header))
    for first, second in _HEADING.findall(lines):
        id = id_prefix(first or second)
        if id is not None:
            yield id
