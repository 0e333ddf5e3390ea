"""Settings → lines in an INI file, by the grammar of iniconfig, with which pytest reads it.

A value goes on in the lines that are indented; a line that begins with ``#`` or ``;``, indented
or not, is a comment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

__all__ = ["insert_ini_settings", "insert_ini_value_line"]

_INI_PAIR = re.compile(
    r"(?P<name>[^\s\[=:#;][^=:]*?)(?P<sign>\s*[=:][ \t]*)(?P<value>.*)", re.DOTALL
)
DEFAULT_INDENT = "    "


def insert_ini_settings(
    text: str, section: str, added: Mapping[str, Sequence[str]], newline: str
) -> str:
    """Return a text in which a section has further keys, below the last one that it has.

    A section that is not there comes at the end. Of several values each has a line.
    """
    lines = text.splitlines(keepends=True)
    start, end = _find_ini_section(lines, section)
    sign, indent = _find_ini_style(lines[start:end])
    new = [
        line
        for name, values in added.items()
        for line in _format_ini_pair(name, values, sign, indent)
    ]
    if start == end:
        return _insert_ini_lines(
            lines, len(lines), [*_build_section_gap(lines), f"[{section}]", *new], newline
        )
    return _insert_ini_lines(lines, _find_last_key_end(lines, start, end), new, newline)


def insert_ini_value_line(text: str, section: str, name: str, item: str, newline: str) -> str:
    """Return a text in which a key that is there has a further line."""
    lines = text.splitlines(keepends=True)
    start, end = _find_ini_section(lines, section)
    key = next(
        n
        for n in range(start, end)
        if (found := _INI_PAIR.match(lines[n])) and found["name"] == name
    )
    place, indent = key, _find_ini_style(lines[start:end])[1]
    for n in range(key + 1, end):
        if not lines[n][:1].isspace() and lines[n].strip() and not _is_ini_comment(lines[n]):
            break
        if lines[n].strip() and not _is_ini_comment(lines[n]):
            place, indent = n, _find_indent(lines[n])
    return _insert_ini_lines(lines, place + 1, [indent + item], newline)


def _find_ini_section(lines: Sequence[str], section: str) -> tuple[int, int]:
    """Return the lines of a section, its header first; an empty range where it is not there."""
    headers = [
        n for n, line in enumerate(lines) if line.startswith("[") and _parse_ini_header(line)
    ]
    start = next((n for n in headers if _parse_ini_header(lines[n]) == section), len(lines))
    return start, next((n for n in headers if n > start), len(lines))


def _parse_ini_header(line: str) -> str | None:
    bare = re.split("[#;]", line)[0].rstrip()
    return bare[1:-1] if bare.endswith("]") else None


def _is_ini_comment(line: str) -> bool:
    return line.lstrip()[:1] in ("#", ";") and bool(line.strip())


def _find_indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _find_ini_style(lines: Sequence[str]) -> tuple[str, str]:
    """Return what stands between keys and values, and before lines that go on."""
    pairs = [found for line in lines if (found := _INI_PAIR.match(line))]
    signs = [found["sign"] for found in pairs if found["value"].strip()]
    sign = re.sub(r"\s{2,}", " ", signs[-1]) if signs else " = "  # keys may stand in columns
    indents = [_find_indent(line) for line in lines if line[:1] in (" ", "\t") and line.strip()]
    return sign if "=" in sign else " = ", indents[-1] if indents else DEFAULT_INDENT


def _format_ini_pair(name: str, values: Sequence[str], sign: str, indent: str) -> list[str]:
    if len(values) == 1:
        return [f"{name}{sign}{values[0]}"]
    return [f"{name}{sign}".rstrip(), *(indent + value for value in values)]


def _find_last_key_end(lines: Sequence[str], start: int, end: int) -> int:
    """Return the place below the last key of a section, and the comments within its value."""
    content = [n for n in range(start, end) if lines[n].strip() and not _is_ini_comment(lines[n])]
    place = content[-1] + 1
    while place < end and _is_ini_comment(lines[place]) and lines[place][:1].isspace():
        place += 1
    return place


def _build_section_gap(lines: Sequence[str]) -> list[str]:
    return [""] if lines and lines[-1].strip() else []


def _insert_ini_lines(lines: Sequence[str], place: int, new: Sequence[str], newline: str) -> str:
    """Return the text with new lines in it; an end without a line feed stays one."""
    head, tail = "".join(lines[:place]), "".join(lines[place:])
    if head and not head.endswith("\n"):
        return head + "".join(newline + line for line in new) + tail
    return head + "".join(line + newline for line in new) + tail
