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
from pytest_postmortem.registry.statements import Unsure

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["MARKER", "Value", "Wanted", "edited", "has_marker", "settings_in"]

MARKER = "postmortem(id, *ids): the test guards against these incidents"
"""How the marker is registered in a project, for whoever runs its tests without the plugin."""

NOT_UNDERSTOOD = (Unsure, ValueError, RecursionError, iniconfig.ParseError)
_QUOTED = json.dumps(MARKER)

OWN_TOML = ("pytest.toml", ".pytest.toml")

Value = str | tuple[str, ...]
"""What is set: one text, or several of them, as the kind of the setting asks."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be added: settings that are not there yet, and whether the marker is."""

    settings: Mapping[str, Value] = field(default_factory=dict)
    marker: bool = False


def has_marker(markers: Any) -> bool:
    """Say whether the marker is among those that a project registers, in an array or as lines."""
    lines = markers.splitlines() if isinstance(markers, str) else map(str, markers or ())
    return any(line.split(":")[0].split("(")[0].strip() == "postmortem" for line in lines)


def settings_in(name: str, data: bytes) -> Mapping[str, Any]:
    """Return what a configuration file sets for pytest, as it stands there.

    Nothing is what can't be read.
    """
    try:
        text = data.removeprefix(BOM_UTF8).decode()
        if not name.lower().endswith(".toml"):
            return _sections(name, text).get(_section(PurePath(name).name), {})
        tree = tomllib.loads(text)
        return _reached(tree, _table(PurePath(name).name, tree))
    except NOT_UNDERSTOOD:
        return {}


def edited(name: str, data: bytes, wanted: Wanted) -> bytes:
    """Return the contents of a configuration file with what is wanted.

    Raises:
        SettingsError: It can't be told where that belongs; the message shows what to add.
    """
    bom = BOM_UTF8 if data.startswith(BOM_UTF8) else b""
    edit = _toml if name.lower().endswith(".toml") else _ini
    try:
        text = data.removeprefix(bom).decode()
        first = text.find("\n")
        newline = "\r\n" if first > 0 and text[first - 1] == "\r" else "\n"
        return bom + edit(PurePath(name).name, text, wanted, newline).encode()
    except NOT_UNDERSTOOD:
        raise _by_hand(name, data.removeprefix(bom), wanted) from None


def _by_hand(name: str, data: bytes, wanted: Wanted) -> SettingsError:
    """Return the error that a file is left alone, with what would have been added."""
    file = PurePath(name).name
    header, own = _told(file, data)
    old = None if own is None else own.get("markers")
    added = {key: _several(value) for key, value in wanted.settings.items()}
    if wanted.marker and old is None:
        added["markers"] = (MARKER,)
    line = MARKER if isinstance(old, str) or not file.lower().endswith(".toml") else _QUOTED
    cause = "it is not sure where the settings belong in it"
    lines = _rendered(file, header, wanted, added) if added else []
    if own is not None:
        lines = [f"add them by hand to [{header}]:", *lines[1:]]
    else:
        lines.insert(0, "add them by hand:")
    if wanted.marker and old is not None:
        lines += ["and to its markers:", line]
    if not added:
        lines = [f"add this by hand to the markers in [{header}]:", line]
    remedy = "\n  ".join(lines)
    return SettingsError([Problem("setting-by-hand", "Couldn't change", cause, remedy, name)])


def _rendered(file: str, header: str, wanted: Wanted, added: Mapping[str, Value]) -> list[str]:
    """Return settings as lines, their header first."""
    if file.lower().endswith(".toml"):
        values = {**added, **wanted.settings}
        return in_toml.with_settings("", header.split("."), values, "\n").splitlines()
    texts = {key: _several(value) for key, value in added.items()}
    return in_ini.with_settings("", header, texts, "\n").splitlines()


def _told(file: str, data: bytes) -> tuple[str, Mapping[str, Any] | None]:
    """Return the header that settings stand below, and what does so, None where it is not there.

    Of a file that can't be read, lines that look like it tell.
    """
    text = data.decode(errors="replace")
    try:
        if not file.lower().endswith(".toml"):
            header = _section(file)
            return header, _sections(file, text).get(header)
        tree = tomllib.loads(text)
        table = _table(file, tree)
        *above, last = table
        return ".".join(table), _reached(tree, table) if last in _reached(tree, above) else None
    except NOT_UNDERSTOOD:
        toml = "pytest" if file in OWN_TOML else "tool.pytest.ini_options"
        header = toml if file.lower().endswith(".toml") else _section(file)
        below = re.split(rf"(?m)^[ \t]*\[{re.escape(header)}\]", text, maxsplit=1)[1:]
        has = any(re.search(r"(?m)^[ \t]*markers[ \t]*[=:]", each) for each in below)
        return header, ({"markers": ()} if has else {}) if below else None


def _toml(name: str, text: str, wanted: Wanted, newline: str) -> str:
    before = tomllib.loads(text)
    table = _table(name, before)
    old = _reached(before, table).get("markers")
    added = dict(wanted.settings)
    if wanted.marker and old is None:
        added["markers"] = (MARKER,)
    after = in_toml.with_settings(text, table, added, newline) if added else text
    expected = copy.deepcopy(before)
    own = _made(expected, table)
    own.update({key: _plain(value) for key, value in added.items()})
    if wanted.marker and old is not None:
        after = in_toml.with_item(after, (*table, "markers"), MARKER, newline)
        own["markers"] = [*_lines(old), MARKER]
    found = tomllib.loads(after)
    if wanted.marker and isinstance(old, str):
        reached = _made(found, table)
        reached["markers"] = _lines(reached["markers"])
    if found != expected:
        raise Unsure
    return after


def _plain(value: Value) -> str | list[str]:
    return value if isinstance(value, str) else [*value]


def _lines(markers: Any) -> list[str]:
    """Return the lines of a setting, be it an array or a text."""
    if isinstance(markers, str):
        return [line.strip() for line in markers.splitlines() if line.strip()]
    if isinstance(markers, list):
        return [str(each) for each in markers]
    raise Unsure


def _table(name: str, tree: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the table that pytest reads: that of pytest 9 where it is in use."""
    tool = _reached(tree, ("tool", "pytest"))
    if name in OWN_TOML or (name != "pyproject.toml" and "pytest" in tree and not tool):
        return ("pytest",)
    native = any(key != "ini_options" for key in tool)
    return ("tool", "pytest") if native else ("tool", "pytest", "ini_options")


def _reached(tree: Mapping[str, Any], table: Sequence[str]) -> Mapping[str, Any]:
    """Return a table, an empty one where it is not there."""
    for key in table:
        node = tree.get(key, {})
        if not isinstance(node, dict):
            raise Unsure
        tree = node
    return tree


def _made(tree: dict[str, Any], table: Sequence[str]) -> dict[str, Any]:
    """Return a table to be changed, which is made where it is not there."""
    for key in table:
        tree = tree.setdefault(key, {})
    return tree


def _several(value: Value) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def _section(name: str) -> str:
    return "tool:pytest" if name.endswith(".cfg") else "pytest"


def _ini(name: str, text: str, wanted: Wanted, newline: str) -> str:
    section = _section(name)
    before = _sections(name, text)
    old = before.get(section, {}).get("markers")
    added = dict(wanted.settings)
    if wanted.marker and old is None:
        added["markers"] = (MARKER,)
    texts = {key: _several(value) for key, value in added.items()}
    after = in_ini.with_settings(text, section, texts, newline) if added else text
    if wanted.marker and old is not None:
        after = in_ini.with_line(after, section, "markers", MARKER, newline)
    own = before.setdefault(section, {})
    own.update({key: "\n".join(_several(value)) for key, value in added.items()})
    if wanted.marker and old is not None:
        own["markers"] = "\n".join(filter(None, (old, MARKER)))
    if _sections(name, after) != before:
        raise Unsure
    return after


def _sections(name: str, text: str) -> dict[str, dict[str, str]]:
    found = iniconfig.IniConfig(name, data=text).sections
    return {section: dict(pairs) for section, pairs in found.items()}
