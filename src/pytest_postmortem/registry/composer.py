"""YAML → plain mappings, lists and texts, from its events and without any recursion.

Every scalar stays the text that was written. Plain ``null``, ``~`` and nothing are None, a merge
key (``<<``) gives defaults, and tags mean nothing. Depth, cycles and sharing are bounded: PyYAML's
own composer recurses in C, and 100,000 brackets end the process.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from pytest_postmortem.registry.tables import MAX_DEPTH, Broken, Rows, Table, repeated, too_deep

__all__ = ["compose"]

MAX_ALIASED = 1_000_000
NULLS = frozenset({"", "~", "null", "Null", "NULL"})

_NOT_YAML = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def compose(text: str, above: int) -> Any:
    """Return the one document of a text, or None where it is empty.

    Raises: Broken, with the line counted from ``above`` lines before the text.
    """
    loader_class: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        return _Composer(above).compose(loader_class(text))
    except Exception as error:
        # By name, for the reason given in `_Composer.compose`.
        names = {each.__name__ for each in type(error).__mro__}
        if "YAMLError" not in names:
            raise
        broken = _syntax if "MarkedYAMLError" in names else _character
        raise broken(text, above, error) from None


def _character(text: str, above: int, error: Exception) -> Broken:
    found = _NOT_YAML.search(text)
    line = text.count("\n", 0, found.start() if found else None) + above + 1
    cause = "it is not YAML: it holds a control character"
    return Broken(cause, "remove the character from this line", line)


def _syntax(text: str, above: int, error: Any) -> Broken:
    mark = error.problem_mark or error.context_mark
    lines = text.rstrip().split("\n")
    number = min(0 if mark is None else mark.line, len(lines) - 1)
    line = lines[number]
    if "nesting depth" in str(error.problem):  # libyaml from 0.2.6 on looks ahead, and has a limit
        return too_deep(number + above + 1)
    remedy = "mend the YAML on this line or the one before"
    if "\t" in line[: len(line) - len(line.lstrip())]:
        remedy = "indent with spaces: YAML allows no tabs at the beginning of a line"
    return Broken(f"it is not YAML: {error.problem}", remedy, number + above + 1)


class _Frame:
    """A mapping or list that is still open, and the key that waits for its value."""

    __slots__ = ("anchor", "before", "has_key", "key", "key_line", "merged", "merging", "node")

    def __init__(self, node: Table | Rows, anchor: str | None, before: int) -> None:
        self.node = node
        self.anchor = anchor
        self.before = before
        self.key = ""
        self.key_line = 0
        self.has_key = False
        self.merging = False
        self.merged: list[tuple[Any, int]] = []

    def awaits_key(self) -> bool:
        return not self.has_key and isinstance(self.node, Table)

    def set_key(self, key: str, line: int, merging: bool) -> None:
        if key in self.node:
            raise repeated(key, line)
        self.key, self.key_line, self.merging = key, line, merging
        self.has_key = True

    def add(self, value: Any, line: int) -> None:
        if isinstance(self.node, Rows):
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
        if isinstance(self.node, Table):
            for value, line in self.merged:
                for table in _tables(value, line):
                    self._merge(self.node, table)

    @staticmethod
    def _merge(node: Table, table: Table) -> None:
        for key, value in table.items():
            if key not in node:
                node[key] = value
                node.lines[key] = table.lines[key]


def _tables(value: Any, line: int) -> list[Table]:
    tables = value if isinstance(value, Rows) else [value]
    if all(isinstance(table, Table) for table in tables):
        return list(tables)
    raise Broken("'<<' is followed by no mapping", "let it name a mapping: '<<: *name'", line)


class _Composer:
    """Builds the data from the events; ``size`` counts its values, aliased ones each time."""

    def __init__(self, above: int) -> None:
        self.first = above + 1
        self.stack: list[_Frame] = []
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.size = self.aliased = 0
        self.documents = 0
        self.root: Any = None

    def compose(self, loader: Any) -> Any:
        # By name: where a process imports PyYAML anew, as pytest's own pytester does, libyaml's
        # events are still of the classes of the first import.
        handlers = {
            "ScalarEvent": self.scalar,
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
            raise Broken("a second YAML document begins", remedy, line)

    def scalar(self, event: Any, line: int) -> None:
        self.size += 1
        plain, value = event.implicit[0], event.value
        if plain and value in NULLS and not (self.stack and self.stack[-1].awaits_key()):
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
            raise Broken("a key is no text", "write each key as plain text", line)

    def open(self, event: Any, line: int) -> None:
        if len(self.stack) >= MAX_DEPTH:
            raise too_deep(line)
        is_table = type(event).__name__ == "MappingStartEvent"
        node = Table(line) if is_table else Rows(line)
        self.add(node, line)
        self.stack.append(_Frame(node, event.anchor, self.size))
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
            raise Broken(cause, "write the value out instead of the alias", line)
        if name not in self.anchors:
            cause = f"the alias '*{name}' names nothing"
            raise Broken(cause, f"put '&{name}' before the value that it means", line)
        value, size = self.anchors[name]
        self.size += size
        self.aliased += size
        if self.aliased > MAX_ALIASED:
            cause = f"its aliases stand for more than {MAX_ALIASED:,} values"
            raise Broken(cause, "share fewer values, or none", line)
        self.add(value, line)
