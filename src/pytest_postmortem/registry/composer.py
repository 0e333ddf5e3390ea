"""YAML → plain mappings, lists and texts, from its events and without any recursion.

Every scalar stays the text that was written. Plain ``null``, ``~`` and nothing are None, a merge
key (``<<``) gives defaults, and tags mean nothing. Depth, cycles and sharing are bounded: PyYAML's
own composer recurses in C, and 100,000 brackets end the process.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from pytest_postmortem.registry.tables import (
    MAX_DEPTH,
    BrokenDataError,
    LocatedList,
    LocatedTable,
    build_depth_error,
    build_repeated_key_error,
)

__all__ = ["compose_yaml"]

MAX_ALIASED_VALUES = 1_000_000
NULL_SCALARS = frozenset({"", "~", "null", "Null", "NULL"})

_NON_YAML_CHARACTER = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)


def compose_yaml(text: str, above: int) -> Any:
    """Return the one document of a text, or None where it is empty.

    Raises: Broken, with the line counted from ``above`` lines before the text.
    """
    loader_class: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        return _YamlComposer(above).compose(loader_class(text))
    except Exception as error:
        # By name, for the reason given in `_Composer.compose_yaml`.
        names = {error_class.__name__ for error_class in type(error).__mro__}
        if "YAMLError" not in names:
            raise
        broken = _build_syntax_error if "MarkedYAMLError" in names else _build_character_error
        raise broken(text, above, error) from None


def _build_character_error(text: str, above: int, error: Exception) -> BrokenDataError:
    match = _NON_YAML_CHARACTER.search(text)
    line = text.count("\n", 0, match.start() if match else None) + above + 1
    cause = "it is not YAML: it holds a control character"
    return BrokenDataError(cause, "remove the character from this line", line)


def _build_syntax_error(text: str, above: int, error: Any) -> BrokenDataError:
    mark = error.problem_mark or error.context_mark
    lines = text.rstrip().split("\n")
    number = min(0 if mark is None else mark.line, len(lines) - 1)
    line = lines[number]
    if "nesting depth" in str(error.problem):  # libyaml from 0.2.6 on looks ahead, and has a limit
        return build_depth_error(number + above + 1)
    remedy = "mend the YAML on this line or the one before"
    if "\t" in line[: len(line) - len(line.lstrip())]:
        remedy = "indent with spaces: YAML allows no tabs at the beginning of a line"
    return BrokenDataError(f"it is not YAML: {error.problem}", remedy, number + above + 1)


class _OpenNode:
    """A mapping or list that is still open, and the key that waits for its value."""

    __slots__ = ("anchor", "before", "has_key", "key", "key_line", "merged", "merging", "node")

    def __init__(self, node: LocatedTable | LocatedList, anchor: str | None, before: int) -> None:
        self.node = node
        self.anchor = anchor
        self.before = before
        self.key = ""
        self.key_line = 0
        self.has_key = False
        self.merging = False
        self.merged: list[tuple[Any, int]] = []

    def awaits_key(self) -> bool:
        return not self.has_key and isinstance(self.node, LocatedTable)

    def set_key(self, key: str, line: int, merging: bool) -> None:
        if key in self.node:
            raise build_repeated_key_error(key, line)
        self.key, self.key_line, self.merging = key, line, merging
        self.has_key = True

    def add(self, value: Any, line: int) -> None:
        if isinstance(self.node, LocatedList):
            self.node.append(value)
            self.node.lines.append(line)
        elif self.merging:
            self.merged.append((value, line))
        else:
            self.node[self.key] = value
            self.node.lines[self.key] = self.key_line
        self.has_key = False

    def close(self) -> None:
        """Fill what a mapping leaves out from those that it merges, the first of them first."""
        if isinstance(self.node, LocatedTable):
            for value, line in self.merged:
                for table in _resolve_merged_tables(value, line):
                    self._fill_missing_keys(self.node, table)

    @staticmethod
    def _fill_missing_keys(node: LocatedTable, table: LocatedTable) -> None:
        for key, value in table.items():
            if key not in node:
                node[key] = value
                node.lines[key] = table.lines[key]


def _resolve_merged_tables(value: Any, line: int) -> list[LocatedTable]:
    tables = value if isinstance(value, LocatedList) else [value]
    if all(isinstance(table, LocatedTable) for table in tables):
        return list(tables)
    raise BrokenDataError(
        "'<<' is followed by no mapping", "let it name a mapping: '<<: *name'", line
    )


class _YamlComposer:
    """Builds the data from the events; ``size`` counts its values, aliased ones each time."""

    def __init__(self, above: int) -> None:
        self.first = above + 1
        self.stack: list[_OpenNode] = []
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.size = self.aliased = 0
        self.documents = 0
        self.root: Any = None

    def compose(self, loader: Any) -> Any:
        # By name: where a process imports PyYAML anew, as pytest's own pytester does, libyaml's
        # events are still of the classes of the first import.
        handlers = {
            "ScalarEvent": self.add_scalar,
            "MappingStartEvent": self.open,
            "SequenceStartEvent": self.open,
            "MappingEndEvent": self.close,
            "SequenceEndEvent": self.close,
            "AliasEvent": self.alias,
            "DocumentStartEvent": self.document,
        }
        while (event := loader.get_event()) is not None:
            handler = handlers.get(type(event).__name__)
            if handler is not None:
                handler(event, event.start_mark.line + self.first)
        return self.root

    def document(self, event: Any, line: int) -> None:
        self.documents += 1
        if self.documents > 1:
            remedy = "keep one document in the file: remove the line '---'"
            raise BrokenDataError("a second YAML document begins", remedy, line)

    def add_scalar(self, event: Any, line: int) -> None:
        self.size += 1
        plain, value = event.implicit[0], event.value
        if plain and value in NULL_SCALARS and not (self.stack and self.stack[-1].awaits_key()):
            value = None
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, 1)
        self.add(value, line, plain)

    def add(self, value: Any, line: int, plain: bool = False) -> None:
        if not self.stack:
            self.root = value
        elif not self.stack[-1].awaits_key():
            self.stack[-1].add(value, line)
        elif isinstance(value, str):
            self.stack[-1].set_key(value, line, plain and value == "<<")
        else:
            raise BrokenDataError("a key is no text", "write each key as plain text", line)

    def open(self, event: Any, line: int) -> None:
        if len(self.stack) >= MAX_DEPTH:
            raise build_depth_error(line)
        is_table = type(event).__name__ == "MappingStartEvent"
        node = LocatedTable(line) if is_table else LocatedList(line)
        self.add(node, line)
        self.stack.append(_OpenNode(node, event.anchor, self.size))
        self.size += 1

    def close(self, event: Any, line: int) -> None:
        frame = self.stack.pop()
        frame.close()
        if frame.anchor is not None:
            self.anchors[frame.anchor] = (frame.node, self.size - frame.before)

    def alias(self, event: Any, line: int) -> None:
        name = event.anchor
        if any(frame.anchor == name for frame in self.stack):
            cause = f"the alias '*{name}' stands inside of what it names"
            raise BrokenDataError(cause, "write the value out instead of the alias", line)
        if name not in self.anchors:
            cause = f"the alias '*{name}' names nothing"
            raise BrokenDataError(cause, f"put '&{name}' before the value that it means", line)
        value, size = self.anchors[name]
        self.size += size
        self.aliased += size
        if self.aliased > MAX_ALIASED_VALUES:
            cause = f"its aliases stand for more than {MAX_ALIASED_VALUES:,} values"
            raise BrokenDataError(cause, "share fewer values, or none", line)
        self.add(value, line)
