"""A registry in YAML → the same with one more entry, laid out as those that are there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from pytest_postmortem.registry.toml_scanner import TextSpan, UnexpectedSyntaxError
from pytest_postmortem.scaffold.entry import (
    EntryBuilder,
    EntryPair,
    insert_item_in_brackets,
    is_registry_setting,
)
from pytest_postmortem.scaffold.scalars import find_quote, format_yaml_scalar, format_yaml_value

__all__ = ["insert_yaml_entry", "render_yaml_snippet"]

_YAML_LINE_END = re.compile(r"(?P<comment>(?:[ \t]+#[^\r\n]*)?)[ \t]*(?=[\r\n]|$)")


def insert_yaml_entry(
    text: str, wrapper: str | None, make: EntryBuilder, first: bool, newline: str
) -> str:
    """Return a text with an entry at the beginning or at the end of its list or mapping.

    ``wrapper`` is the key under which the entries stand, None where they stand alone.

    Raises: Unsure where its place can't be told.
    """
    root = _compose_yaml(text)
    container = _find_entries_node(root, wrapper)
    if container is None:
        return _insert_first_entry(text, root, wrapper, make, newline)
    if not container.value:
        return _fill_empty_brackets(text, root, container, make, newline)
    entries = _select_yaml_entries(container, wrapper)
    if not entries:
        return _insert_first_entry(text, None, wrapper, make, newline)
    if container.flow_style:
        return _insert_flow_entry(text, entries, make, first)
    return _BlockCollection(text, entries, container.start_mark.column, make, newline).insert_entry(
        first
    )


def render_yaml_snippet(text: str, wrapper: str | None, make: EntryBuilder) -> list[str]:
    """Return the lines of an entry to be pasted, in the shape of those that are there."""
    try:
        container = _find_entries_node(_compose_yaml(text), wrapper)
    except yaml.YAMLError:
        container = None
    entries = [] if container is None else _select_yaml_entries(container, wrapper)
    if container is not None and not container.flow_style and entries:
        block = _BlockCollection(text, entries, container.start_mark.column, make, "\n")
        return block.render_entry(entries[-1])
    if container is None or not container.flow_style:
        return [
            f"{wrapper or 'postmortems'}:",
            *(f"  {line}" for line in _render_list_item(make, (), "- ")),
        ]
    keys_and_quotes = _list_entry_keys(_find_entry_value(entries[-1]), text) if entries else []
    key = _read_node_text(entries[-1][0], text) if make.is_keyed and entries else None
    line = _render_flow_entry(make, keys_and_quotes, key)
    alone = wrapper is None and isinstance(container, yaml.MappingNode) and not entries
    return [f"postmortems: [{line}]" if alone else line]


def _compose_yaml(text: str) -> Any:
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.compose(text, Loader=loader)


def _select_yaml_entries(found: Any, wrapper: str | None) -> list[Any]:
    """Return the entries of a list or a mapping, without settings that stand beside them."""
    return [each for each in found.value if wrapper is not None or not _is_yaml_setting(each)]


def _find_entry_value(entry: Any) -> Any:
    return entry[1] if isinstance(entry, tuple) else entry


def _find_entries_node(root: Any, wrapper: str | None) -> Any:
    """Return the list or mapping that holds the entries, None where there is none."""
    if wrapper is not None:
        root = next((value for key, value in root.value if key.value == wrapper), None)
    return root if isinstance(root, yaml.CollectionNode) else None


def _is_yaml_setting(entry: Any) -> bool:
    return isinstance(entry, tuple) and is_registry_setting(entry[0].value)


def _insert_first_entry(
    text: str, root: Any, wrapper: str | None, make: EntryBuilder, newline: str
) -> str:
    """Return a text that had no entry, and no brackets that would hold one."""
    lines = [f"  {line}" for line in _render_list_item(make, (), "- ")]
    if root is None:
        head = text if not text or text.endswith("\n") else text + newline
        return head + "".join(line + newline for line in ["postmortems:", *lines])
    if not isinstance(root, yaml.MappingNode):
        raise UnexpectedSyntaxError
    key = next(key for key, _ in root.value if key.value == wrapper)
    rows = text.splitlines(keepends=True)
    place = key.end_mark.line + 1
    while place < len(rows) and rows[place].startswith(" ") and rows[place].lstrip()[:1] == "#":
        place += 1  # what is indented is about the entries
    ended = rows[place - 1].endswith("\n")
    rows[place - 1] += "" if ended else newline
    return "".join([*rows[:place], *(line + newline for line in lines), *rows[place:]])


def _fill_empty_brackets(text: str, root: Any, node: Any, make: EntryBuilder, newline: str) -> str:
    """Return a text whose empty brackets have become a list, below a comment behind them.

    Raises: Unsure where anything else stands in or behind them.
    """
    start, end = node.start_mark.index, node.end_mark.index
    line_end = _YAML_LINE_END.match(text, end)
    if text[start + 1 : end - 1].strip() or line_end is None:
        raise UnexpectedSyntaxError
    bare = node is root
    head = text[:start] if bare else text[:start].rstrip()
    comment = line_end["comment"].lstrip() if bare else line_end["comment"]
    indent = "" if bare else "  "
    lines = newline.join(indent + line for line in _render_list_item(make, (), "- "))
    gap = newline if comment or not bare else ""
    return f"{head}{comment}{gap}{lines}{text[line_end.end() :]}"


def _insert_flow_entry(text: str, entries: Sequence[Any], make: EntryBuilder, first: bool) -> str:
    parts = [each if isinstance(each, tuple) else (each,) for each in entries]
    spans = [TextSpan(each[0].start_mark.index, each[-1].end_mark.index) for each in parts]
    like = _list_entry_keys(parts[0 if first else -1][-1], text)
    new = _render_flow_entry(
        make, like, _read_node_text(parts[0][0], text) if len(parts[0]) > 1 else None
    )
    return insert_item_in_brackets(text, spans, new, first)


def _list_entry_keys(node: Any, text: str) -> list[tuple[str, str]]:
    """Return the keys of an entry, each with the quote that its value begins with."""
    if not isinstance(node, yaml.MappingNode):
        return []
    return [
        (key.value, find_quote(_read_node_text(value, text)))
        for key, value in node.value
        if isinstance(key, yaml.ScalarNode)
    ]


def _read_node_text(node: Any, text: str) -> str:
    return text[node.start_mark.index : node.end_mark.index]


def _render_flow_entry(make: EntryBuilder, like: Sequence[tuple[str, str]], key: str | None) -> str:
    """Return an entry in braces, behind its id where others have theirs as their ``key``."""
    pairs = ", ".join(
        f"{name}: {_format_flow_value(value, quote)}" for name, value, quote in make(like)
    )
    head = "" if key is None else f"{format_yaml_scalar(make.id, find_quote(key))}: "
    return f"{head}{{{pairs}}}"


def _format_flow_value(value: str | Sequence[str], quote: str) -> str:
    """Return a value as it may stand in braces."""
    if isinstance(value, str) and not quote and set(value) & set(",[]{}"):
        quote = '"'
    return format_yaml_value(value, quote)


def _format_pair_lines(pairs: Sequence[EntryPair]) -> Iterator[str]:
    for name, value, quote in pairs:
        yield f"{format_yaml_scalar(name)}: {format_yaml_value(value, quote)}"


def _render_list_item(make: EntryBuilder, like: Sequence[tuple[str, str]], dash: str) -> list[str]:
    """Return the lines of an entry of a list."""
    first, *rest = _format_pair_lines(make(like))
    return [dash + first, *(" " * len(dash) + line for line in rest)]


class _BlockCollection:
    """A list or mapping whose entries stand on lines of their own."""

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
        """Return the lines of the entry, as those of another one are."""
        indent = " " * self._column
        if isinstance(neighbour, tuple):
            return [indent + line for line in self._render_keyed_entry(*neighbour)]
        keys_and_quotes = _list_entry_keys(neighbour, self._text)
        if neighbour.flow_style:
            return [f"{indent}- {_render_flow_entry(self._make, keys_and_quotes, None)}"]
        start = neighbour.start_mark
        same = start.line == self._start(neighbour)
        dash = "-".ljust(start.column - self._column) if same else "- "
        return [indent + line for line in _render_list_item(self._make, keys_and_quotes, dash)]

    def _render_keyed_entry(self, key: Any, value: Any) -> list[str]:
        """Return the lines of an entry whose key is its id."""
        like = _list_entry_keys(value, self._text)
        if getattr(value, "flow_style", True):  # or there is nothing at all
            return [_render_flow_entry(self._make, like, _read_node_text(key, self._text))]
        quote = find_quote(_read_node_text(key, self._text))
        inner = " " * max(value.start_mark.column - self._column, 2)
        head = f"{format_yaml_scalar(self._make.id, quote)}:"
        return [head, *(inner + line for line in _format_pair_lines(self._make(like)))]

    def _start(self, entry: Any) -> int:
        """Return the line on which an entry begins; a dash may stand alone on it."""
        node = entry[0] if isinstance(entry, tuple) else entry
        line: int = node.start_mark.line
        if not isinstance(entry, tuple):
            while self._lines[line][self._column : self._column + 1] != "-":
                line -= 1
        return line

    def _end(self, entry: Any) -> int:
        """Return the line below an entry, and below the comments that are indented like it."""
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
        """Return how many empty lines stand between entries."""
        entries = self._entries
        if len(entries) < 2:
            return 0
        end, start = self._end(entries[-2]), self._start(entries[-1])
        return sum(not line.strip() for line in self._lines[end:start])


def _list_last_lines(entry: Any) -> Iterator[int]:
    """Yield the lines on which the parts of an entry end, without following aliases."""
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
