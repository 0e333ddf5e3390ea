"""Add an entry to a registry in YAML, written like its neighbour."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from pytest_postmortem.registry.toml_scanner import UnexpectedSyntaxError
from pytest_postmortem.scaffold.entry import EntryBuilder, EntryPair, is_registry_setting
from pytest_postmortem.scaffold.json_entries import render_json_snippet
from pytest_postmortem.scaffold.scalars import find_quote, format_yaml_scalar, format_yaml_value

_EMPTY_BRACKETS = re.compile(r":[ \t]*\[[ \t]*\]")


def insert_yaml_entry(
    text: str, wrapper: str | None, make: EntryBuilder, first: bool, newline: str
) -> str:
    """Return a text with an entry at the beginning or at the end of its block list or mapping.

    ``wrapper`` is the key above the entries, None if they are at the top level.

    Raises:
        UnexpectedSyntaxError: The entries are in brackets.
    """
    root = _compose_yaml(text)
    container = _find_entries_node(root, wrapper)
    entries = _select_yaml_entries(container, wrapper)
    if container is not None and container.flow_style and (entries or wrapper is None):
        raise UnexpectedSyntaxError
    if entries:
        block = _BlockCollection(text, entries, container.start_mark.column, make, newline)
        return block.insert_entry(first)
    return _insert_first_entry(text, root, wrapper, make, newline)


def render_yaml_snippet(text: str, wrapper: str | None, make: EntryBuilder) -> list[str]:
    """Return the lines of an entry to be pasted; as JSON if the entries are in brackets."""
    try:
        container = _find_entries_node(_compose_yaml(text), wrapper)
    except yaml.YAMLError:
        container = None
    if container is not None and container.flow_style:
        return render_json_snippet(text, wrapper, make)
    entries = _select_yaml_entries(container, wrapper)
    if entries:
        block = _BlockCollection(text, entries, container.start_mark.column, make, "\n")
        return block.render_entry(entries[-1])
    return [f"{wrapper or 'postmortems'}:", *_render_first_item(make)]


def _compose_yaml(text: str) -> Any:
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.compose(text, Loader=loader)


def _find_entries_node(root: Any, wrapper: str | None) -> Any:
    """Return the list or mapping that holds the entries, None if there is none."""
    if wrapper is not None:
        root = next((value for key, value in root.value if key.value == wrapper), None)
    return root if isinstance(root, yaml.CollectionNode) else None


def _select_yaml_entries(container: Any, wrapper: str | None) -> list[Any]:
    """Return the entries of a list or a mapping, without settings next to them."""
    nodes = [] if container is None else container.value
    return [node for node in nodes if wrapper is not None or not _is_yaml_setting(node)]


def _is_yaml_setting(entry: Any) -> bool:
    return isinstance(entry, tuple) and is_registry_setting(entry[0].value)


def _insert_first_entry(
    text: str, root: Any, wrapper: str | None, make: EntryBuilder, newline: str
) -> str:
    """Return a text with the first entry: under its key, or under a new key at the end."""
    lines = _render_first_item(make)
    rows = text.splitlines(keepends=True)
    place = len(rows)
    if wrapper is None:
        lines.insert(0, "postmortems:")
    else:
        place = next(key.end_mark.line for key, _ in root.value if key.value == wrapper) + 1
        rows[place - 1] = _EMPTY_BRACKETS.sub(":", rows[place - 1], count=1)
        while place < len(rows) and rows[place].startswith(" ") and rows[place].lstrip()[:1] == "#":
            place += 1  # an indented comment is about the entries
    if rows and not rows[place - 1].endswith("\n"):
        rows[place - 1] += newline
    return "".join([*rows[:place], *(line + newline for line in lines), *rows[place:]])


def _render_first_item(make: EntryBuilder) -> list[str]:
    return [f"  {line}" for line in _render_list_item(make, (), "- ")]


def _list_entry_keys(node: Any, text: str) -> list[tuple[str, str]]:
    """Return the keys of an entry, each with the opening quote of its value."""
    if not isinstance(node, yaml.MappingNode):
        return []
    return [
        (key.value, find_quote(_read_node_text(value, text)))
        for key, value in node.value
        if isinstance(key, yaml.ScalarNode)
    ]


def _read_node_text(node: Any, text: str) -> str:
    return text[node.start_mark.index : node.end_mark.index]


def _format_pair_lines(pairs: Sequence[EntryPair]) -> Iterator[str]:
    for name, value, quote in pairs:
        yield f"{format_yaml_scalar(name)}: {format_yaml_value(value, quote)}"


def _render_list_item(make: EntryBuilder, like: Sequence[tuple[str, str]], dash: str) -> list[str]:
    """Return the lines of an entry of a list."""
    first, *rest = _format_pair_lines(make(like))
    return [dash + first, *(" " * len(dash) + line for line in rest)]


class _BlockCollection:
    """A list or mapping whose entries have their own lines."""

    def __init__(
        self, text: str, entries: Sequence[Any], column: int, make: EntryBuilder, newline: str
    ) -> None:
        self._text = text
        self._lines = text.split("\n")
        self._entries = entries
        self._make = make
        self._newline = newline
        self._column = column

    def insert_entry(self, first: bool) -> str:
        """Return the text with the entry."""
        entries = self._entries
        new = [line + self._newline for line in self.render_entry(entries[0 if first else -1])]
        gap = [self._newline] * self._count_blank_lines()
        place = self._start(entries[0]) if first else self._end(entries[-1])
        rows = [f"{line}\n" for line in self._lines[:-1]] + [self._lines[-1]]
        if first:
            return "".join([*rows[:place], *new, *gap, *rows[place:]])
        head = "".join(rows[:place])
        if head.endswith("\n"):
            return head + "".join([*gap, *new, *rows[place:]])
        return head + self._newline + "".join([*gap, *new]).removesuffix(self._newline)

    def render_entry(self, neighbour: Any) -> list[str]:
        """Return the lines of the entry, written like a neighbour."""
        indent = " " * self._column
        if isinstance(neighbour, tuple):
            return [indent + line for line in self._render_keyed_entry(*neighbour)]
        keys_and_quotes = _list_entry_keys(neighbour, self._text)
        start = neighbour.start_mark
        same = start.line == self._start(neighbour)
        dash = "-".ljust(start.column - self._column) if same else "- "
        return [indent + line for line in _render_list_item(self._make, keys_and_quotes, dash)]

    def _render_keyed_entry(self, key: Any, value: Any) -> list[str]:
        """Return the lines of an entry whose key is its id."""
        quote = find_quote(_read_node_text(key, self._text))
        is_block = isinstance(value, yaml.MappingNode) and not value.flow_style
        inner = " " * (value.start_mark.column - self._column if is_block else 2)
        pairs = self._make(_list_entry_keys(value, self._text))
        head = f"{format_yaml_scalar(self._make.id, quote)}:"
        return [head, *(inner + line for line in _format_pair_lines(pairs))]

    def _start(self, entry: Any) -> int:
        """Return the first line of an entry; its dash may be on a line of its own."""
        node = entry[0] if isinstance(entry, tuple) else entry
        line: int = node.start_mark.line
        if not isinstance(entry, tuple):
            while self._lines[line][self._column : self._column + 1] != "-":
                line -= 1
        return line

    def _end(self, entry: Any) -> int:
        """Return the line below an entry and the comments that are indented like it."""
        line = max(_list_last_lines(entry)) + 1
        while line and not self._lines[line - 1].strip():
            line -= 1
        while line < len(self._lines) and self._is_own_comment(self._lines[line]):
            line += 1
        return line

    def _is_own_comment(self, line: str) -> bool:
        bare = line.lstrip(" ")
        return bare.startswith("#") and len(line) - len(bare) > self._column

    def _count_blank_lines(self) -> int:
        """Return the number of empty lines between entries."""
        entries = self._entries
        if len(entries) < 2:
            return 0
        end, start = self._end(entries[-2]), self._start(entries[-1])
        return sum(not line.strip() for line in self._lines[end:start])


def _list_last_lines(entry: Any) -> Iterator[int]:
    """Yield the last lines of the parts of an entry, without following aliases."""
    todo = list(entry) if isinstance(entry, tuple) else [entry]
    yield todo[0].start_mark.line
    while todo:
        node = todo.pop()
        if isinstance(node, yaml.ScalarNode):
            block = node.style in ("|", ">") or (not node.value and node.end_mark.column == 0)
            yield node.end_mark.line - block
        elif node.flow_style:
            yield node.end_mark.line
        else:
            for child in node.value:
                todo += child if isinstance(child, tuple) else [child]
