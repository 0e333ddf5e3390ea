"""Add settings to a configuration file of pytest and change nothing else.

Lines are inserted, so that comments, order, line ends and a byte order mark stay as they are. The
result is parsed to verify that nothing else has changed. For a file in an uncommon shape, such as
an inline table, the message has the lines to paste.
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
    UnexpectedSyntaxError,
    append_lines,
    find_array_items,
    scan_toml_statements,
)
from pytest_postmortem.scaffold.edits import edit_text, insert_lines

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MARKER_LINE = "postmortem(id, *ids): the test guards against these incidents"
"""The registration of the marker, for runs without the plugin."""

UNREADABLE_ERRORS = (UnexpectedSyntaxError, ValueError, RecursionError, iniconfig.ParseError)
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
    file = PurePath(name).name
    try:
        text = data.removeprefix(BOM_UTF8).decode()
        if not _is_toml(file):
            return _parse_ini_sections(file, text).get(_find_pytest_section(file), {})
        tree = tomllib.loads(text)
        return _find_toml_table(tree, _find_pytest_table(file, tree))
    except UNREADABLE_ERRORS:
        return {}


def add_pytest_settings(name: str, data: bytes, addition: SettingsToAdd) -> bytes:
    """Return the contents of a configuration file with additional settings.

    Raises:
        SettingsError: Their place can't be determined; the message shows what to add.
    """
    file = PurePath(name).name
    add = _add_toml_settings if _is_toml(file) else _add_ini_settings
    try:
        return edit_text(data, lambda text: add(file, text, addition))
    except UNREADABLE_ERRORS:
        remedy = "\n  ".join(_list_lines_by_hand(file, data, addition))
        cause = "its layout is not supported"
        problem = Problem("setting-by-hand", "Couldn't change", cause, remedy, name)
        raise SettingsError([problem]) from None


def _list_lines_by_hand(file: str, data: bytes, addition: SettingsToAdd) -> list[str]:
    """Return what to add by hand to a file that is not changed."""
    header = _find_pytest_section(file)
    lines = _format_ini_settings(addition.settings, " = ", "    ")
    marker = MARKER_LINE
    if _is_toml(file):
        try:
            table = _find_pytest_table(file, tomllib.loads(data.decode("utf-8-sig")))
        except UNREADABLE_ERRORS:
            table = _find_pytest_table(file, {})
        header = ".".join(table)
        lines = _format_toml_settings(addition.settings)
        if not isinstance(parse_pytest_settings(file, data).get("markers"), str):
            marker = json.dumps(MARKER_LINE)
    lines = [f"add them by hand to [{header}]:", *lines] if lines else []
    if addition.marker:
        above = (
            "and to its markers:" if lines else f"add this by hand to the markers in [{header}]:"
        )
        lines += [above, marker]
    return lines


def _is_toml(file: str) -> bool:
    return file.lower().endswith(".toml")


def _add_toml_settings(file: str, text: str, addition: SettingsToAdd) -> str:
    before = tomllib.loads(text)
    table = _find_pytest_table(file, before)
    added = dict(addition.settings)
    expected = copy.deepcopy(before)
    expected_settings = expected
    for key in table:
        expected_settings = expected_settings.setdefault(key, {})
    if addition.marker and "markers" in expected_settings:
        text = _insert_toml_item(text, (*table, "markers"), MARKER_LINE)
        expected_settings["markers"].append(MARKER_LINE)
    elif addition.marker:
        added["markers"] = (MARKER_LINE,)
    if added:
        text = _insert_toml_settings(text, table, _format_toml_settings(added))
    for name, value in added.items():
        expected_settings[name] = value if isinstance(value, str) else [*value]
    if tomllib.loads(text) != expected:
        raise UnexpectedSyntaxError
    return text


def _find_pytest_table(file: str, tree: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the table that pytest reads; that of pytest 9 if it is present."""
    tool = _find_toml_table(tree, ("tool", "pytest"))
    if file in PYTEST_TOML_NAMES or (file != "pyproject.toml" and "pytest" in tree and not tool):
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


def _format_toml_settings(added: Mapping[str, SettingValue]) -> list[str]:
    """Return settings as lines; JSON's texts and arrays are those of TOML."""
    return [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in added.items()]


def _insert_toml_settings(text: str, table: tuple[str, ...], pairs: Sequence[str]) -> str:
    """Return a text with further keys below the last key of a table, in its style.

    A missing table is added at the end.
    """
    statements = [
        statement
        for statement in scan_toml_statements(text)
        if (statement.path if statement.value is None else statement.path[:-1]) == table
    ]
    if not statements:
        return append_lines(text, [f"[{'.'.join(table)}]", *pairs], "\n")
    last = statements[-1]
    # the indent, and an `ini_options.` prefix of dotted keys
    head = "" if last.value is None else text[text.rfind("\n", 0, last.start) + 1 : last.name]
    return insert_lines(text, text.count("\n", 0, last.end) + 1, [head + pair for pair in pairs])


def _insert_toml_item(text: str, path: tuple[str, ...], item: str) -> str:
    """Return a text with a further item in the array of a key."""
    arrays = [statement.value for statement in scan_toml_statements(text) if statement.path == path]
    array, quoted = arrays[-1], json.dumps(item)
    if array is None or text[array.start] != "[":
        raise UnexpectedSyntaxError
    items = find_array_items(text, array)
    if not items:
        return text[: array.start + 1] + quoted + text[array.start + 1 :]
    last = items[-1]
    indent = text[text.rfind("\n", 0, last.start) + 1 : last.start]
    if indent.strip() or "\n" not in text[last.end : array.end]:
        return f"{text[: last.end]}, {quoted}{text[last.end :]}"
    below = re.sub(r"#[^\n]*", "", text[last.end : array.end])
    comma = "," if "," in below else ""
    text = text if comma else f"{text[: last.end]},{text[last.end :]}"
    return insert_lines(text, text.count("\n", 0, last.end) + 1, [f"{indent}{quoted}{comma}"])


_INI_PAIR = re.compile(
    r"(?P<name>[^\s\[=:#;][^=:]*?)(?P<sign>\s*[=:][ \t]*)(?P<value>.*)", re.DOTALL
)


def _add_ini_settings(file: str, text: str, addition: SettingsToAdd) -> str:
    section = _find_pytest_section(file)
    expected = _parse_ini_sections(file, text)
    settings = expected.setdefault(section, {})
    added = dict(addition.settings)
    lines = text.split("\n")
    start, end = _find_ini_section(lines, section)
    sign, indent = _find_ini_style(lines[start:end])
    if addition.marker and "markers" in settings:
        place, indent_of_markers = _find_value_end(lines, start, end, "markers", indent)
        text = insert_lines(text, place, [indent_of_markers + MARKER_LINE])
        end += 1
        settings["markers"] = "\n".join(filter(None, (settings["markers"], MARKER_LINE)))
    elif addition.marker:
        added["markers"] = (MARKER_LINE,)
    new = _format_ini_settings(added, sign, indent)
    if start == end:
        text = append_lines(text, [f"[{section}]", *new], "\n")
    else:
        text = insert_lines(text, _find_last_key_end(text.split("\n"), start, end), new)
    for name, value in added.items():
        settings[name] = value if isinstance(value, str) else "\n".join(value)
    if _parse_ini_sections(file, text) != expected:
        raise UnexpectedSyntaxError
    return text


def _find_pytest_section(file: str) -> str:
    return "tool:pytest" if file.endswith(".cfg") else "pytest"


def _parse_ini_sections(name: str, text: str) -> dict[str, dict[str, str]]:
    sections = iniconfig.IniConfig(name, data=text).sections
    return {section: dict(pairs) for section, pairs in sections.items()}


def _find_ini_section(lines: Sequence[str], section: str) -> tuple[int, int]:
    """Return the lines of a section, including its header; an empty range if it is missing."""
    headers = [n for n, line in enumerate(lines) if re.match(r"\[[^#;]*\]\s*(?:[#;]|$)", line)]
    start = next((n for n in headers if lines[n].startswith(f"[{section}]")), len(lines))
    return start, next((n for n in headers if n > start), len(lines))


def _find_ini_style(lines: Sequence[str]) -> tuple[str, str]:
    """Return the separator of keys and values, and the indent of continued lines."""
    pairs = [match for line in lines if (match := _INI_PAIR.match(line))]
    signs = [match["sign"] for match in pairs if match["value"].strip()]
    sign = re.sub(r"\s{2,}", " ", signs[-1]) if signs else " = "  # keys may be aligned in columns
    indents = [indent for line in lines if line.strip() and (indent := _find_indent(line))]
    return sign if "=" in sign else " = ", indents[-1] if indents else "    "


def _find_indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _format_ini_settings(added: Mapping[str, SettingValue], sign: str, indent: str) -> list[str]:
    lines = []
    for name, value in added.items():
        values = (value,) if isinstance(value, str) else value
        several = [f"{name}{sign}".rstrip(), *(indent + text for text in values)]
        lines += [f"{name}{sign}{values[0]}"] if len(values) == 1 else several
    return lines


def _is_ini_content(line: str) -> bool:
    return bool(line.strip()) and line.lstrip()[0] not in "#;"


def _find_value_end(
    lines: Sequence[str], start: int, end: int, name: str, indent: str
) -> tuple[int, str]:
    """Return the line below the value of a key, and the indent of its last line."""
    pairs = ((n, _INI_PAIR.match(lines[n])) for n in range(start, end))
    place = next(n for n, pair in pairs if pair and pair["name"] == name)
    for n in range(place + 1, end):
        if _is_ini_content(lines[n]):
            if not _find_indent(lines[n]):
                break
            place, indent = n, _find_indent(lines[n])
    return place + 1, indent


def _find_last_key_end(lines: Sequence[str], start: int, end: int) -> int:
    """Return the line below the last key of a section, including comments within its value."""
    place = max(n for n in range(start, end) if _is_ini_content(lines[n])) + 1
    while place < end and _find_indent(lines[place]) and not _is_ini_content(lines[place]):
        place += 1
    return place
