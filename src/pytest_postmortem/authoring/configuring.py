"""A configuration file of pytest × settings → the file with them, and nothing else changed.

Lines are inserted, not written anew, so that comments, order, line ends and a byte order mark stay
as they are. That nothing else has changed is made sure by reading the file before and after.
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

from pytest_postmortem.authoring import in_ini, in_toml
from pytest_postmortem.errors import Problem, SettingsError
from pytest_postmortem.registry.statements import UnexpectedSyntaxError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = [
    "MARKER_LINE",
    "SettingValue",
    "SettingsToAdd",
    "add_pytest_settings",
    "has_postmortem_marker",
    "parse_pytest_settings",
]

MARKER_LINE = "postmortem(id, *ids): the test guards against these incidents"
"""How the marker is registered in a project, for whoever runs its tests without the plugin."""

UNREADABLE_ERRORS = (UnexpectedSyntaxError, ValueError, RecursionError, iniconfig.ParseError)
_QUOTED_MARKER_LINE = json.dumps(MARKER_LINE)

PYTEST_TOML_NAMES = ("pytest.toml", ".pytest.toml")

SettingValue = str | tuple[str, ...]
"""What is set: one text, or several of them, as the kind of the setting asks."""


@dataclass(frozen=True, slots=True)
class SettingsToAdd:
    """What is to be added: settings that are not there yet, and whether the marker is."""

    settings: Mapping[str, SettingValue] = field(default_factory=dict)
    marker: bool = False


def has_postmortem_marker(markers: Any) -> bool:
    """Say whether the marker is among those that a project registers, in an array or as lines."""
    lines = markers.splitlines() if isinstance(markers, str) else map(str, markers or ())
    return any(line.split(":")[0].split("(")[0].strip() == "postmortem" for line in lines)


def parse_pytest_settings(name: str, data: bytes) -> Mapping[str, Any]:
    """Return what a configuration file sets for pytest, as it stands there.

    Nothing is what can't be read.
    """
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


def add_pytest_settings(name: str, data: bytes, wanted: SettingsToAdd) -> bytes:
    """Return the contents of a configuration file with what is wanted.

    Raises:
        SettingsError: It can't be told where that belongs; the message shows what to add.
    """
    bom = BOM_UTF8 if data.startswith(BOM_UTF8) else b""
    edit = _add_toml_settings if name.lower().endswith(".toml") else _add_ini_settings
    try:
        text = data.removeprefix(bom).decode()
        first = text.find("\n")
        newline = "\r\n" if first > 0 and text[first - 1] == "\r" else "\n"
        return bom + edit(PurePath(name).name, text, wanted, newline).encode()
    except UNREADABLE_ERRORS:
        raise _build_settings_error(name, data.removeprefix(bom), wanted) from None


def _build_settings_error(name: str, data: bytes, wanted: SettingsToAdd) -> SettingsError:
    """Return the error that a file is left alone, with what would have been added."""
    file = PurePath(name).name
    header, settings = _find_settings_header(file, data)
    old = None if settings is None else settings.get("markers")
    added = {key: _convert_to_tuple(value) for key, value in wanted.settings.items()}
    if wanted.marker and old is None:
        added["markers"] = (MARKER_LINE,)
    line = (
        MARKER_LINE
        if isinstance(old, str) or not file.lower().endswith(".toml")
        else _QUOTED_MARKER_LINE
    )
    cause = "it is not sure where the settings belong in it"
    lines = _render_setting_lines(file, header, wanted, added) if added else []
    if settings is not None:
        lines = [f"add them by hand to [{header}]:", *lines[1:]]
    else:
        lines.insert(0, "add them by hand:")
    if wanted.marker and old is not None:
        lines += ["and to its markers:", line]
    if not added:
        lines = [f"add this by hand to the markers in [{header}]:", line]
    remedy = "\n  ".join(lines)
    return SettingsError([Problem("setting-by-hand", "Couldn't change", cause, remedy, name)])


def _render_setting_lines(
    file: str, header: str, wanted: SettingsToAdd, added: Mapping[str, SettingValue]
) -> list[str]:
    """Return settings as lines, their header first."""
    if file.lower().endswith(".toml"):
        values = {**added, **wanted.settings}
        return in_toml.insert_toml_settings("", header.split("."), values, "\n").splitlines()
    texts = {key: _convert_to_tuple(value) for key, value in added.items()}
    return in_ini.insert_ini_settings("", header, texts, "\n").splitlines()


def _find_settings_header(file: str, data: bytes) -> tuple[str, Mapping[str, Any] | None]:
    """Return the header that settings stand below, and what does so, None where it is not there.

    Of a file that can't be read, lines that look like it tell.
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
        has = any(re.search(r"(?m)^[ \t]*markers[ \t]*[=:]", each) for each in below)
        return header, ({"markers": ()} if has else {}) if below else None


def _add_toml_settings(name: str, text: str, wanted: SettingsToAdd, newline: str) -> str:
    before = tomllib.loads(text)
    table = _find_pytest_table(name, before)
    old = _find_toml_table(before, table).get("markers")
    added = dict(wanted.settings)
    if wanted.marker and old is None:
        added["markers"] = (MARKER_LINE,)
    after = in_toml.insert_toml_settings(text, table, added, newline) if added else text
    expected = copy.deepcopy(before)
    expected_settings = _create_toml_table(expected, table)
    expected_settings.update({key: _convert_setting_value(value) for key, value in added.items()})
    if wanted.marker and old is not None:
        after = in_toml.insert_toml_item(after, (*table, "markers"), MARKER_LINE, newline)
        expected_settings["markers"] = [*_split_marker_lines(old), MARKER_LINE]
    reparsed = tomllib.loads(after)
    if wanted.marker and isinstance(old, str):
        reached = _create_toml_table(reparsed, table)
        reached["markers"] = _split_marker_lines(reached["markers"])
    if reparsed != expected:
        raise UnexpectedSyntaxError
    return after


def _convert_setting_value(value: SettingValue) -> str | list[str]:
    return value if isinstance(value, str) else [*value]


def _split_marker_lines(markers: Any) -> list[str]:
    """Return the lines of a setting, be it an array or a text."""
    if isinstance(markers, str):
        return [line.strip() for line in markers.splitlines() if line.strip()]
    if isinstance(markers, list):
        return [str(each) for each in markers]
    raise UnexpectedSyntaxError


def _find_pytest_table(name: str, tree: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the table that pytest reads: that of pytest 9 where it is in use."""
    tool = _find_toml_table(tree, ("tool", "pytest"))
    if name in PYTEST_TOML_NAMES or (name != "pyproject.toml" and "pytest" in tree and not tool):
        return ("pytest",)
    native = any(key != "ini_options" for key in tool)
    return ("tool", "pytest") if native else ("tool", "pytest", "ini_options")


def _find_toml_table(tree: Mapping[str, Any], table: Sequence[str]) -> Mapping[str, Any]:
    """Return a table, an empty one where it is not there."""
    for key in table:
        node = tree.get(key, {})
        if not isinstance(node, dict):
            raise UnexpectedSyntaxError
        tree = node
    return tree


def _create_toml_table(tree: dict[str, Any], table: Sequence[str]) -> dict[str, Any]:
    """Return a table to be changed, which is made where it is not there."""
    for key in table:
        tree = tree.setdefault(key, {})
    return tree


def _convert_to_tuple(value: SettingValue) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def _find_pytest_section(name: str) -> str:
    return "tool:pytest" if name.endswith(".cfg") else "pytest"


def _add_ini_settings(name: str, text: str, wanted: SettingsToAdd, newline: str) -> str:
    section = _find_pytest_section(name)
    before = _parse_ini_sections(name, text)
    old = before.get(section, {}).get("markers")
    added = dict(wanted.settings)
    if wanted.marker and old is None:
        added["markers"] = (MARKER_LINE,)
    texts = {key: _convert_to_tuple(value) for key, value in added.items()}
    after = in_ini.insert_ini_settings(text, section, texts, newline) if added else text
    if wanted.marker and old is not None:
        after = in_ini.insert_ini_value_line(after, section, "markers", MARKER_LINE, newline)
    expected_settings = before.setdefault(section, {})
    expected_settings.update(
        {key: "\n".join(_convert_to_tuple(value)) for key, value in added.items()}
    )
    if wanted.marker and old is not None:
        expected_settings["markers"] = "\n".join(filter(None, (old, MARKER_LINE)))
    if _parse_ini_sections(name, after) != before:
        raise UnexpectedSyntaxError
    return after


def _parse_ini_sections(name: str, text: str) -> dict[str, dict[str, str]]:
    found = iniconfig.IniConfig(name, data=text).sections
    return {section: dict(pairs) for section, pairs in found.items()}
