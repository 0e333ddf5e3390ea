"""Add settings to a configuration file of pytest and change nothing else.

Lines are inserted, so that comments, order, line ends and a byte order mark stay as they are. The
result is parsed to verify that nothing else has changed.
"""

from __future__ import annotations

import copy
import json
import re
import sys
from codecs import BOM_UTF8
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

import iniconfig

from pytest_postmortem.errors import Problem, SettingsError
from pytest_postmortem.registry.toml_scanner import (
    TextSpan,
    TomlStatement,
    UnexpectedSyntaxError,
    append_lines,
    find_array_items,
    scan_toml_statements,
)

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_TOML_LINE_END = re.compile(r"[ \t]*(?:#[^\r\n]*)?(?:\r?\n|$)")


_TOML_COMMENT = re.compile(r"#[^\r\n]*")


def insert_toml_settings(
    text: str, table: Sequence[str], added: Mapping[str, str | Sequence[str]], newline: str
) -> str:
    """Return a text with further keys in a table, each with a string or an array of strings.

    They follow the last key of the table, in its style. A missing table is added at the end.

    Raises:
        UnexpectedSyntaxError: Their place can't be determined.
    """
    all_statements = list(scan_toml_statements(text))
    path = tuple(table)
    table_statements = [
        statement
        for statement in all_statements
        if statement.value is not None and statement.path[:-1] == path
    ]
    headers = [
        statement for statement in all_statements if statement.path == path and not statement.array
    ]
    pairs = [f"{name} = {_format_toml_setting(value)}" for name, value in added.items()]
    if table_statements:
        return _insert_after_statement(text, table_statements[-1], pairs, newline)
    if not headers:
        return append_lines(text, [f"[{'.'.join(path)}]", *pairs], newline)
    if headers[-1].value is None:
        return _insert_lines_below(text, headers[-1].end, pairs, newline)
    return _fill_empty_inline_table(text, headers[-1].value, pairs)


def _format_toml_setting(value: str | Sequence[str]) -> str:
    return (
        _quote_toml_text(value)
        if isinstance(value, str)
        else f"[{', '.join(map(_quote_toml_text, value))}]"
    )


def _quote_toml_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _insert_after_statement(
    text: str, last: TomlStatement, pairs: Sequence[str], newline: str
) -> str:
    if last.inline:
        return text[: last.end] + "".join(f", {pair}" for pair in pairs) + text[last.end :]
    line = text.rfind("\n", 0, last.start) + 1
    head = text[line : last.name]  # the indent, and an `ini_options.` prefix of dotted keys
    return _insert_lines_below(text, last.end, [head + pair for pair in pairs], newline)


def _insert_lines_below(text: str, end: int, lines: Sequence[str], newline: str) -> str:
    """Return a text with lines inserted below the line of a position."""
    match = _TOML_LINE_END.match(text, end)
    if match is None:
        raise UnexpectedSyntaxError
    place = match.end()
    if text[:place].endswith("\n"):
        return text[:place] + "".join(line + newline for line in lines) + text[place:]
    return text[:place] + "".join(newline + line for line in lines) + text[place:]


def _fill_empty_inline_table(text: str, braces: TextSpan, pairs: Sequence[str]) -> str:
    """Return a text with pairs in an inline table that was empty."""
    inner = text[braces.start + 1 : braces.end - 1]
    if inner.strip():
        raise UnexpectedSyntaxError
    return f"{text[: braces.start]}{{ {', '.join(pairs)} }}{text[braces.end :]}"


def insert_toml_item(text: str, path: Sequence[str], item: str, newline: str) -> str:
    """Return a text with a further item in the array, or the multi-line string, of a key.

    Raises:
        UnexpectedSyntaxError: Its place can't be determined.
    """
    matching = [
        statement
        for statement in scan_toml_statements(text)
        if statement.path == tuple(path) and statement.value
    ]
    if len(matching) != 1 or matching[0].value is None:
        raise UnexpectedSyntaxError
    value = matching[0].value
    if text[value.start] == "[":
        return _insert_array_element(text, value, item, newline)
    return _insert_string_line(text, value, item, newline)


def _insert_array_element(text: str, array: TextSpan, item: str, newline: str) -> str:
    elements = find_array_items(text, array)
    if not elements:
        return _insert_text(text, array.start + 1, _quote_toml_text(item))
    last = elements[-1]
    text_behind = text[last.end : array.end - 1]
    comma = "," in _TOML_COMMENT.sub("", text_behind)
    indent = text[text.rfind("\n", 0, last.start) + 1 : last.start]
    if indent.strip() or "\n" not in text_behind:
        return _insert_text(text, last.end, f", {_quote_toml_text(item)}")
    place = text.index("\n", text.index(",", last.end) if comma else last.end)
    place -= text[place - 1] == "\r"
    added = f"{newline}{indent}{_quote_toml_text(item)}" + ("," if comma else "")
    text = _insert_text(text, place, added)
    return text if comma else _insert_text(text, last.end, ",")


def _insert_string_line(text: str, value: TextSpan, item: str, newline: str) -> str:
    """Return a text with a further line in a string."""
    literal = text[value.start : value.end]
    quotes = literal[:3] if literal[:3] in ('"""', "'''") else literal[:1]
    end = value.end - len(quotes)
    if len(quotes) == 1:
        if quotes != '"':  # a literal string has no escapes
            return (
                text[: value.start]
                + _quote_toml_text(f"{literal[1:-1]}\n{item}")
                + text[value.end :]
            )
        return _insert_text(text, end, rf"\n{item}")
    lines = text[value.start + 3 : end].splitlines(keepends=True)
    full = [line for line in lines if line.strip()]
    indent = re.match(r"[ \t]*", full[-1])[0] if len(full) > 1 and full else ""  # type: ignore[index]
    if lines and not lines[-1].endswith("\n") and not lines[-1].strip():
        end -= len(lines[-1])  # the closing quotes are indented
        return _insert_text(text, end, f"{indent}{item}{newline}")
    if lines and lines[-1].endswith("\n"):
        return _insert_text(text, end, f"{indent}{item}{newline}")
    return _insert_text(text, end, f"{newline}{indent}{item}")


def _insert_text(text: str, place: int, added: str) -> str:
    return text[:place] + added + text[place:]


_INI_PAIR = re.compile(
    r"(?P<name>[^\s\[=:#;][^=:]*?)(?P<sign>\s*[=:][ \t]*)(?P<value>.*)", re.DOTALL
)


DEFAULT_INDENT = "    "


def insert_ini_settings(
    text: str, section: str, added: Mapping[str, Sequence[str]], newline: str
) -> str:
    """Return a text with further keys in a section, below its last key.

    A missing section is added at the end. Several values are written one per line.
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
    """Return a text with a further line in the value of an existing key."""
    lines = text.splitlines(keepends=True)
    start, end = _find_ini_section(lines, section)
    key = next(
        n
        for n in range(start, end)
        if (match := _INI_PAIR.match(lines[n])) and match["name"] == name
    )
    place, indent = key, _find_ini_style(lines[start:end])[1]
    for n in range(key + 1, end):
        if not lines[n][:1].isspace() and lines[n].strip() and not _is_ini_comment(lines[n]):
            break
        if lines[n].strip() and not _is_ini_comment(lines[n]):
            place, indent = n, _find_indent(lines[n])
    return _insert_ini_lines(lines, place + 1, [indent + item], newline)


def _find_ini_section(lines: Sequence[str], section: str) -> tuple[int, int]:
    """Return the lines of a section, including its header; an empty range if it is missing."""
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
    """Return the separator of keys and values, and the indent of continued lines."""
    pairs = [match for line in lines if (match := _INI_PAIR.match(line))]
    signs = [match["sign"] for match in pairs if match["value"].strip()]
    sign = re.sub(r"\s{2,}", " ", signs[-1]) if signs else " = "  # keys may be aligned in columns
    indents = [_find_indent(line) for line in lines if line[:1] in (" ", "\t") and line.strip()]
    return sign if "=" in sign else " = ", indents[-1] if indents else DEFAULT_INDENT


def _format_ini_pair(name: str, values: Sequence[str], sign: str, indent: str) -> list[str]:
    if len(values) == 1:
        return [f"{name}{sign}{values[0]}"]
    return [f"{name}{sign}".rstrip(), *(indent + value for value in values)]


def _find_last_key_end(lines: Sequence[str], start: int, end: int) -> int:
    """Return the line below the last key of a section, including comments within its value."""
    content = [n for n in range(start, end) if lines[n].strip() and not _is_ini_comment(lines[n])]
    place = content[-1] + 1
    while place < end and _is_ini_comment(lines[place]) and lines[place][:1].isspace():
        place += 1
    return place


def _build_section_gap(lines: Sequence[str]) -> list[str]:
    return [""] if lines and lines[-1].strip() else []


def _insert_ini_lines(lines: Sequence[str], place: int, new: Sequence[str], newline: str) -> str:
    """Return the text with new lines; a missing line feed at the end stays missing."""
    head, tail = "".join(lines[:place]), "".join(lines[place:])
    if head and not head.endswith("\n"):
        return head + "".join(newline + line for line in new) + tail
    return head + "".join(line + newline for line in new) + tail


MARKER_LINE = "postmortem(id, *ids): the test guards against these incidents"
"""The registration of the marker, for runs without the plugin."""

UNREADABLE_ERRORS = (UnexpectedSyntaxError, ValueError, RecursionError, iniconfig.ParseError)
_QUOTED_MARKER_LINE = json.dumps(MARKER_LINE)

PYTEST_TOML_NAMES = ("pytest.toml", ".pytest.toml")

SettingValue = str | tuple[str, ...]
"""The value of a setting: one text, or several, depending on the setting."""


@dataclass(frozen=True, slots=True)
class SettingsToAdd:
    """The settings to add, and whether to register the marker."""

    settings: Mapping[str, SettingValue] = field(default_factory=dict)
    marker: bool = False


def has_postmortem_marker(markers: Any) -> bool:
    """Return whether the marker is among a project's markers, as an array or as lines."""
    lines = markers.splitlines() if isinstance(markers, str) else map(str, markers or ())
    return any(line.split(":")[0].split("(")[0].strip() == "postmortem" for line in lines)


def parse_pytest_settings(name: str, data: bytes) -> Mapping[str, Any]:
    """Return the settings of pytest in a configuration file; empty if it can't be parsed."""
    try:
        text = data.removeprefix(BOM_UTF8).decode()
        if not name.lower().endswith(".toml"):
            return _parse_ini_sections(name, text).get(
                _find_pytest_section(PurePath(name).name), {}
            )
        tree = tomllib.loads(text)
        return _find_toml_table(tree, _find_pytest_table(PurePath(name).name, tree))
    except UNREADABLE_ERRORS:
        return {}


def add_pytest_settings(name: str, data: bytes, addition: SettingsToAdd) -> bytes:
    """Return the contents of a configuration file with additional settings.

    Raises:
        SettingsError: Their place can't be determined; the message shows what to add.
    """
    bom = BOM_UTF8 if data.startswith(BOM_UTF8) else b""
    edit = _add_toml_settings if name.lower().endswith(".toml") else _add_ini_settings
    try:
        text = data.removeprefix(bom).decode()
        first = text.find("\n")
        newline = "\r\n" if first > 0 and text[first - 1] == "\r" else "\n"
        return bom + edit(PurePath(name).name, text, addition, newline).encode()
    except UNREADABLE_ERRORS:
        raise _build_settings_error(name, data.removeprefix(bom), addition) from None


def _build_settings_error(name: str, data: bytes, addition: SettingsToAdd) -> SettingsError:
    """Return the error for a file that is not changed, with the lines to add by hand."""
    file = PurePath(name).name
    header, settings = _find_settings_header(file, data)
    old = None if settings is None else settings.get("markers")
    added = {key: _convert_to_tuple(value) for key, value in addition.settings.items()}
    if addition.marker and old is None:
        added["markers"] = (MARKER_LINE,)
    line = (
        MARKER_LINE
        if isinstance(old, str) or not file.lower().endswith(".toml")
        else _QUOTED_MARKER_LINE
    )
    cause = "its layout is not supported"
    lines = _render_setting_lines(file, header, addition, added) if added else []
    if settings is not None:
        lines = [f"add them by hand to [{header}]:", *lines[1:]]
    else:
        lines.insert(0, "add them by hand:")
    if addition.marker and old is not None:
        lines += ["and to its markers:", line]
    if not added:
        lines = [f"add this by hand to the markers in [{header}]:", line]
    remedy = "\n  ".join(lines)
    return SettingsError([Problem("setting-by-hand", "Couldn't change", cause, remedy, name)])


def _render_setting_lines(
    file: str, header: str, addition: SettingsToAdd, added: Mapping[str, SettingValue]
) -> list[str]:
    """Return settings as lines, with their header first."""
    if file.lower().endswith(".toml"):
        values = {**added, **addition.settings}
        return insert_toml_settings("", header.split("."), values, "\n").splitlines()
    texts = {key: _convert_to_tuple(value) for key, value in added.items()}
    return insert_ini_settings("", header, texts, "\n").splitlines()


def _find_settings_header(file: str, data: bytes) -> tuple[str, Mapping[str, Any] | None]:
    """Return the header of pytest's settings, and the settings, None if it is missing.

    If the file can't be parsed, its lines are searched for the header.
    """
    text = data.decode(errors="replace")
    try:
        if not file.lower().endswith(".toml"):
            header = _find_pytest_section(file)
            return header, _parse_ini_sections(file, text).get(header)
        tree = tomllib.loads(text)
        table = _find_pytest_table(file, tree)
        *above, last = table
        return ".".join(table), _find_toml_table(tree, table) if last in _find_toml_table(
            tree, above
        ) else None
    except UNREADABLE_ERRORS:
        toml = "pytest" if file in PYTEST_TOML_NAMES else "tool.pytest.ini_options"
        header = toml if file.lower().endswith(".toml") else _find_pytest_section(file)
        below = re.split(rf"(?m)^[ \t]*\[{re.escape(header)}\]", text, maxsplit=1)[1:]
        has = any(re.search(r"(?m)^[ \t]*markers[ \t]*[=:]", part) for part in below)
        return header, ({"markers": ()} if has else {}) if below else None


def _add_toml_settings(name: str, text: str, addition: SettingsToAdd, newline: str) -> str:
    before = tomllib.loads(text)
    table = _find_pytest_table(name, before)
    old = _find_toml_table(before, table).get("markers")
    added = dict(addition.settings)
    if addition.marker and old is None:
        added["markers"] = (MARKER_LINE,)
    after = insert_toml_settings(text, table, added, newline) if added else text
    expected = copy.deepcopy(before)
    expected_settings = _create_toml_table(expected, table)
    expected_settings.update({key: _convert_setting_value(value) for key, value in added.items()})
    if addition.marker and old is not None:
        after = insert_toml_item(after, (*table, "markers"), MARKER_LINE, newline)
        expected_settings["markers"] = [*_split_marker_lines(old), MARKER_LINE]
    reparsed = tomllib.loads(after)
    if addition.marker and isinstance(old, str):
        reached = _create_toml_table(reparsed, table)
        reached["markers"] = _split_marker_lines(reached["markers"])
    if reparsed != expected:
        raise UnexpectedSyntaxError
    return after


def _convert_setting_value(value: SettingValue) -> str | list[str]:
    return value if isinstance(value, str) else [*value]


def _split_marker_lines(markers: Any) -> list[str]:
    """Return the lines of a setting that is an array or a text."""
    if isinstance(markers, str):
        return [line.strip() for line in markers.splitlines() if line.strip()]
    if isinstance(markers, list):
        return [str(marker) for marker in markers]
    raise UnexpectedSyntaxError


def _find_pytest_table(name: str, tree: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the table that pytest reads; that of pytest 9 if it is present."""
    tool = _find_toml_table(tree, ("tool", "pytest"))
    if name in PYTEST_TOML_NAMES or (name != "pyproject.toml" and "pytest" in tree and not tool):
        return ("pytest",)
    native = any(key != "ini_options" for key in tool)
    return ("tool", "pytest") if native else ("tool", "pytest", "ini_options")


def _find_toml_table(tree: Mapping[str, Any], table: Sequence[str]) -> Mapping[str, Any]:
    """Return a table, empty if it is missing."""
    for key in table:
        node = tree.get(key, {})
        if not isinstance(node, dict):
            raise UnexpectedSyntaxError
        tree = node
    return tree


def _create_toml_table(tree: dict[str, Any], table: Sequence[str]) -> dict[str, Any]:
    """Return a table to be changed; create it if it is missing."""
    for key in table:
        tree = tree.setdefault(key, {})
    return tree


def _convert_to_tuple(value: SettingValue) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def _find_pytest_section(name: str) -> str:
    return "tool:pytest" if name.endswith(".cfg") else "pytest"


def _add_ini_settings(name: str, text: str, addition: SettingsToAdd, newline: str) -> str:
    section = _find_pytest_section(name)
    before = _parse_ini_sections(name, text)
    old = before.get(section, {}).get("markers")
    added = dict(addition.settings)
    if addition.marker and old is None:
        added["markers"] = (MARKER_LINE,)
    texts = {key: _convert_to_tuple(value) for key, value in added.items()}
    after = insert_ini_settings(text, section, texts, newline) if added else text
    if addition.marker and old is not None:
        after = insert_ini_value_line(after, section, "markers", MARKER_LINE, newline)
    expected_settings = before.setdefault(section, {})
    expected_settings.update(
        {key: "\n".join(_convert_to_tuple(value)) for key, value in added.items()}
    )
    if addition.marker and old is not None:
        expected_settings["markers"] = "\n".join(filter(None, (old, MARKER_LINE)))
    if _parse_ini_sections(name, after) != before:
        raise UnexpectedSyntaxError
    return after


def _parse_ini_sections(name: str, text: str) -> dict[str, dict[str, str]]:
    sections = iniconfig.IniConfig(name, data=text).sections
    return {section: dict(pairs) for section, pairs in sections.items()}
