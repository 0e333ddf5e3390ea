"""Parse YAML, JSON or TOML into plain mappings, lists and texts with their lines.

Every scalar stays the text that was written: it never becomes a number, a date or an object. A
missing value or null is None. A mapping is a `LocatedTable`, a list a `LocatedList`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import accumulate
from typing import Any

import yaml

from pytest_postmortem.errors import Problem, RegistryError
from pytest_postmortem.registry.located_data import (
    MAX_DEPTH,
    BrokenDataError,
    LocatedList,
    LocatedTable,
    build_depth_error,
    build_repeated_key_error,
    convert_to_tables,
    format_plain_scalar,
)
from pytest_postmortem.registry.tables import parse_csv
from pytest_postmortem.registry.toml_scanner import UnexpectedSyntaxError, scan_toml_statements

MAX_ALIASED_VALUES = 1_000_000
NULL_SCALARS = frozenset({"", "~", "null", "Null", "NULL"})

_NON_YAML_CHARACTER = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)
_LONG_NUMBER = re.compile(r"[0-9A-Fa-f_]{3000}")  # Python converts up to 4,300 decimal digits
_TOML_HEADER_LINE = re.compile(r"^[ \t]*\[{1,2}[ \t]*([^\]\n]*?)[ \t]*\]", re.MULTILINE)
_TOML_ERROR_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")

_TomlHeaders = dict[tuple[str, ...], list[int]]
"""The lines of the headers with each key."""


def parse_data_text(text: str, suffix: str, *, failed: str, path: str, above: int = 0) -> Any:
    """Parse a text in the format of a suffix; its first line has the number ``above`` + 1.

    Raises: RegistryError with the one problem that prevents parsing.
    """
    try:
        parse = PARSERS_BY_SUFFIX.get(suffix) or _TABLE_PARSERS[suffix]
        return parse(text, above)
    except RecursionError:
        broken = build_depth_error(None)
    except BrokenDataError as error:
        broken = error
    except Exception as error:  # each version of each parser has others
        broken = BrokenDataError(
            f"it can't be parsed ({type(error).__name__})", "correct its syntax", None
        )
        if digits := _LONG_NUMBER.search(text):
            line = text.count("\n", 0, digits.start()) + above + 1
            cause, remedy = "a number has thousands of digits", "write it as a text, in quotes"
            broken = BrokenDataError(cause, remedy, line)
    problem = Problem("registry-syntax", failed, broken.cause, broken.remedy, path, broken.line)
    raise RegistryError([problem]) from None


def _parse_yaml(text: str, above: int) -> Any:
    """Return the one document of a text, or None where it is empty."""
    loader_class: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        return _YamlComposer(above).compose(loader_class(text))
    except Exception as error:
        # By name, for the reason given in `_YamlComposer.compose`.
        names = {error_class.__name__ for error_class in type(error).__mro__}
        if "YAMLError" not in names:
            raise
        raise _explain_yaml_error(error, "MarkedYAMLError" in names, text, above) from None


def _explain_yaml_error(error: Any, is_marked: bool, text: str, above: int) -> BrokenDataError:
    if not is_marked:
        match = _NON_YAML_CHARACTER.search(text)
        line = text.count("\n", 0, match.start() if match else None) + above + 1
        cause = "it is not YAML: it holds a control character"
        return BrokenDataError(cause, "remove the character from this line", line)
    mark = error.problem_mark or error.context_mark
    lines = text.rstrip().split("\n")
    number = min(0 if mark is None else mark.line, len(lines) - 1)
    if "nesting depth" in str(error.problem):  # libyaml from 0.2.6 on looks ahead, and has a limit
        return build_depth_error(number + above + 1)
    remedy = "fix the YAML on this line or the one before"
    if re.match(r" *\t", lines[number]):
        remedy = "indent with spaces: YAML allows no tabs at the beginning of a line"
    return BrokenDataError(f"it is not YAML: {error.problem}", remedy, number + above + 1)


class _OpenNode:
    """A mapping or list that is still open, and the key that waits for its value, if one does.

    ``before`` is the number of values before it, ``merged`` are the mappings after ``<<``.
    """

    __slots__ = ("anchor", "before", "is_table", "key", "key_line", "merged", "merging", "node")

    def __init__(
        self, node: LocatedTable | LocatedList, anchor: str | None, before: int, is_table: bool
    ) -> None:
        self.node: Any = node
        self.anchor = anchor
        self.before = before
        self.is_table = is_table
        self.key: str | None = None
        self.key_line = 0
        self.merging = False
        self.merged: list[tuple[Any, int]] = []


class _YamlComposer:
    """Builds the data from parser events; ``size`` counts its values, aliased ones each time.

    ``root`` is a list that holds the document.
    """

    def __init__(self, above: int) -> None:
        self.first = above + 1
        self.root = LocatedList()
        self.stack: list[_OpenNode] = [_OpenNode(self.root, None, 0, False)]
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.size = self.aliased = 0
        self.documents = 0

    def compose(self, loader: Any) -> Any:
        """Return the data of all events."""
        # By name: where a process imports PyYAML anew, as pytest's own pytester does, libyaml's
        # events are still of the classes of the first import.
        handlers_by_name: dict[str, Callable[[Any], None]] = {
            "ScalarEvent": self._add_scalar,
            "MappingStartEvent": self._open_table,
            "SequenceStartEvent": self._open_list,
            "MappingEndEvent": self._close_node,
            "SequenceEndEvent": self._close_node,
            "AliasEvent": self._add_alias,
            "DocumentStartEvent": self._count_document,
        }
        handlers: dict[type[Any], Callable[[Any], None] | None] = {}
        get_event = loader.get_event
        while (event := get_event()) is not None:
            kind = event.__class__
            if kind not in handlers:
                handlers[kind] = handlers_by_name.get(kind.__name__)
            handler = handlers[kind]
            if handler is not None:
                handler(event)
        return self.root[0] if self.root else None

    def _find_line(self, event: Any) -> int:
        line: int = event.start_mark.line
        return line + self.first

    def _count_document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            remedy = "keep one document in the file: remove the line '---'"
            raise BrokenDataError("a second YAML document begins", remedy, self._find_line(event))

    def _add_scalar(self, event: Any) -> None:
        self.size += 1
        frame = self.stack[-1]
        value = event.value
        if frame.is_table and frame.key is None:
            if value in frame.node:
                raise build_repeated_key_error(value, self._find_line(event))
            frame.key, frame.key_line = value, event.start_mark.line + self.first
            frame.merging = value == "<<" and event.implicit[0]
        else:
            if value in NULL_SCALARS and event.implicit[0]:
                value = None
            if frame.is_table and not frame.merging:
                frame.node[frame.key] = value
                frame.node.lines[frame.key] = frame.key_line
                frame.key = None
            else:
                self._add_value(value, self._find_line(event))
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, 1)

    def _add_value(self, value: Any, line: int) -> None:
        """Add a value to the innermost open node, as its key if it is a mapping without one."""
        frame = self.stack[-1]
        if not frame.is_table:
            frame.node.append(value)
            frame.node.lines.append(line)
        elif frame.key is None:
            if not isinstance(value, str):
                raise BrokenDataError("a key is not a text", "write each key as plain text", line)
            if value in frame.node:
                raise build_repeated_key_error(value, line)
            frame.key, frame.key_line, frame.merging = value, line, False
        else:
            if frame.merging:
                frame.merged.append((value, line))
            else:
                frame.node[frame.key] = value
                frame.node.lines[frame.key] = frame.key_line
            frame.key = None

    def _open_table(self, event: Any) -> None:
        line = self._find_line(event)
        self._open_node(LocatedTable(line), event.anchor, line, is_table=True)

    def _open_list(self, event: Any) -> None:
        line = self._find_line(event)
        self._open_node(LocatedList(line), event.anchor, line, is_table=False)

    def _open_node(
        self, node: LocatedTable | LocatedList, anchor: str | None, line: int, *, is_table: bool
    ) -> None:
        if len(self.stack) > MAX_DEPTH:
            raise build_depth_error(line)
        self._add_value(node, line)
        self.stack.append(_OpenNode(node, anchor, self.size, is_table))
        self.size += 1

    def _close_node(self, event: Any) -> None:
        """Close a node; a mapping gets the keys of merged ones that it lacks, the first wins."""
        frame = self.stack.pop()
        for value, line_of_value in frame.merged:
            tables = value if isinstance(value, LocatedList) else [value]
            if not all(isinstance(table, LocatedTable) for table in tables):
                cause = "'<<' is followed by no mapping"
                raise BrokenDataError(cause, "let it name a mapping: '<<: *name'", line_of_value)
            for table in tables:
                for key in table:
                    if key not in frame.node:
                        frame.node[key] = table[key]
                        frame.node.lines[key] = table.lines[key]
        if frame.anchor is not None:
            self.anchors[frame.anchor] = (frame.node, self.size - frame.before)

    def _add_alias(self, event: Any) -> None:
        name, line = event.anchor, self._find_line(event)
        if any(frame.anchor == name for frame in self.stack):
            cause = f"the alias '*{name}' refers to its own parent"
            raise BrokenDataError(cause, "write the value out instead of the alias", line)
        if name not in self.anchors:
            cause = f"the alias '*{name}' names nothing"
            raise BrokenDataError(cause, f"put '&{name}' before the value that it means", line)
        value, size = self.anchors[name]
        self.size += size
        self.aliased += size
        if self.aliased > MAX_ALIASED_VALUES:
            cause = f"its aliases expand to more than {MAX_ALIASED_VALUES:,} values"
            raise BrokenDataError(cause, "share fewer values, or none", line)
        self._add_value(value, line)


def _parse_json(text: str, above: int) -> Any:
    import json

    repeated: list[tuple[LocatedTable, str]] = []

    def build_table(pairs: list[tuple[str, Any]]) -> LocatedTable:
        table = LocatedTable()
        table.update(pairs)
        if len(table) < len(pairs):
            counts = Counter(key for key, _ in pairs)
            repeated.append((table, next(key for key in counts if counts[key] > 1)))
        return table

    try:
        tree = json.loads(
            text,
            object_pairs_hook=build_table,
            parse_int=str,
            parse_float=str,
            parse_constant=str,
        )
    except json.JSONDecodeError as error:
        if not text.strip():
            return None
        cause = f"it is not JSON: {error.msg}"
        raise BrokenDataError(cause, "fix the JSON on this line", error.lineno + above) from None
    nodes: list[LocatedTable | LocatedList] = []
    try:
        tree = _convert_json_node(tree, nodes, MAX_DEPTH)
    except BrokenDataError as error:
        error.line = _find_bracket_lines(_drop_json_strings(text), above)[len(nodes) - 1]
        raise
    lines = _find_bracket_lines(text, above)
    if len(lines) > len(nodes):  # some brackets are in strings
        lines = _find_bracket_lines(_drop_json_strings(text), above)
    for node, line in zip(nodes, lines, strict=False):
        node.line = line
    if repeated:
        table, key = min(repeated, key=lambda each: each[0].line or 0)
        raise build_repeated_key_error(key, table.line)
    return tree


def _convert_json_node(node: Any, nodes: list[LocatedTable | LocatedList], depth: int) -> Any:
    """Return a node with located lists and scalars as texts, and add its tables and lists."""
    if isinstance(node, LocatedTable):
        items: Iterable[tuple[Any, Any]] = node.items()
    elif isinstance(node, list):
        node = LocatedList(None, node)
        items = enumerate(node)
    else:
        return format_plain_scalar(node)
    nodes.append(node)
    if not depth:
        raise build_depth_error(None)
    for key, value in items:
        if value.__class__ is not str:
            node[key] = _convert_json_node(value, nodes, depth - 1)
    return node


def _find_bracket_lines(text: str, above: int) -> list[int]:
    """Return the line of each opening brace and bracket of a text, in their order."""
    parts = text.replace("[", "{").split("{")
    line_ends = (part.count("\n") for part in parts[:-1])
    return list(accumulate(line_ends, initial=above + 1))[1:]


def _drop_json_strings(text: str) -> str:
    """Return JSON without the strings in it, which have no line ends."""
    if "\\" in text:
        text = text.replace("\\\\", "").replace('\\"', "")
    return "".join(text.split('"')[::2])


def _parse_toml(text: str, above: int) -> Any:
    import sys

    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    text = text.replace("\r\n", "\n")
    try:
        tree = tomllib.loads(text, parse_float=str)
    except tomllib.TOMLDecodeError as error:
        match = _TOML_ERROR_PLACE.search(str(error))
        cause = f"it is not TOML: {_TOML_ERROR_PLACE.sub('', str(error))}"
        line = int(match[1]) if match and match[1] else text.rstrip().count("\n") + 1
        raise BrokenDataError(cause, "fix the TOML on this line", line + above) from None
    return _number_toml_tables(convert_to_tables(tree), (), _find_toml_headers(tree, text, above))


def _find_toml_headers(tree: Any, text: str, above: int) -> _TomlHeaders:
    """Return the lines of headers by their keys, in order, as far as statements are understood.

    Lines that begin like a header are headers if the data has as many tables. Where it has not,
    since a text or an array has such lines, all statements are scanned.
    """
    headers: _TomlHeaders = {}
    line, last = above + 1, 0
    for match in _TOML_HEADER_LINE.finditer(text):
        line += text.count("\n", last, match.start())
        last = match.start()
        headers.setdefault(tuple(match[1].split(".")), []).append(line)
    is_multiline = '"""' in text or "'''" in text
    if all(_has_tables(tree, key, len(lines), is_multiline) for key, lines in headers.items()):
        return headers
    headers.clear()
    line, last = above + 1, 0
    with suppress(UnexpectedSyntaxError, ValueError):
        for statement in scan_toml_statements(text):
            if statement.value is None:
                line += text.count("\n", last, statement.start)
                last = statement.start
                headers.setdefault(statement.path, []).append(line)
    return headers


def _has_tables(tree: Any, key: Sequence[str], count: int, is_multiline: bool) -> bool:
    """Return whether data has so many tables with a header that has a key."""
    *outer, last = key
    for name in outer:
        tree = tree.get(name)
        if isinstance(tree, list):
            return True  # within an entry, whose tables have no lines
        if not isinstance(tree, Mapping):
            return False
    node = tree.get(last)
    if isinstance(node, list):
        return len(node) == count
    return isinstance(node, Mapping) and count == 1 and not is_multiline


def _number_toml_tables(tree: Any, name: tuple[str, ...], headers: _TomlHeaders) -> Any:
    """Set the lines of tables that have a header, and return the tree."""
    for key, value in tree.items():
        lines = headers.get((*name, key), [])
        if isinstance(value, LocatedTable):
            _number_toml_tables(value, (*name, key), headers)
        if isinstance(value, LocatedTable) and lines:
            value.line = tree.lines[key] = lines[0]
        elif isinstance(value, LocatedList) and len(lines) == len(value):
            value.lines = lines
            for line, table in zip(lines, value, strict=True):
                table.line = line
    return tree


PARSERS_BY_SUFFIX: dict[str, Callable[[str, int], Any]] = {
    ".yml": _parse_yaml,
    ".yaml": _parse_yaml,
    ".json": _parse_json,
    ".toml": _parse_toml,
}
"""The parser of each suffix of data that may have any shape."""

_TABLE_PARSERS: dict[str, Callable[[str, int], Any]] = {".csv": parse_csv, ".tsv": parse_csv}

READ_SUFFIXES = (*PARSERS_BY_SUFFIX, *_TABLE_PARSERS)
"""The suffixes of files that are read as a list of entries; a table is never written to."""
