"""A registry in YAML → the same with one more entry, laid out as those that are there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from pytest_postmortem.authoring.entry import Make, Pair, is_setting, joined_in_brackets
from pytest_postmortem.authoring.scalars import quote_of, yaml_scalar, yaml_value
from pytest_postmortem.registry.statements import Span, Unsure

__all__ = ["snippet", "with_entry"]

_LINE_END = re.compile(r"(?P<comment>(?:[ \t]+#[^\r\n]*)?)[ \t]*(?=[\r\n]|$)")


def with_entry(text: str, wrapper: str | None, make: Make, first: bool, newline: str) -> str:
    """Return a text with an entry at the beginning or at the end of its list or mapping.

    ``wrapper`` is the key under which the entries stand, None where they stand alone.

    Raises: Unsure where its place can't be told.
    """
    root = _composed(text)
    found = _container(root, wrapper)
    if found is None:
        return _under_nothing(text, root, wrapper, make, newline)
    if not found.value:
        return _in_empty(text, root, found, make, newline)
    entries = _entries(found, wrapper)
    if not entries:
        return _under_nothing(text, None, wrapper, make, newline)
    if found.flow_style:
        return _in_brackets(text, entries, make, first)
    return _Block(text, entries, found.start_mark.column, make, newline).inserted(first)


def snippet(text: str, wrapper: str | None, make: Make) -> list[str]:
    """Return the lines of an entry to be pasted, in the shape of those that are there."""
    try:
        found = _container(_composed(text), wrapper)
    except yaml.YAMLError:
        found = None
    entries = [] if found is None else _entries(found, wrapper)
    if found is not None and not found.flow_style and entries:
        block = _Block(text, entries, found.start_mark.column, make, "\n")
        return block.entry(entries[-1])
    if found is None or not found.flow_style:
        return [f"{wrapper or 'postmortems'}:", *(f"  {line}" for line in _item(make, (), "- "))]
    like = _neighbour(_value(entries[-1]), text) if entries else []
    key = _written(entries[-1][0], text) if make.keyed and entries else None
    line = _flow(make, like, key)
    alone = wrapper is None and isinstance(found, yaml.MappingNode) and not entries
    return [f"postmortems: [{line}]" if alone else line]


def _composed(text: str) -> Any:
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.compose(text, Loader=loader)


def _entries(found: Any, wrapper: str | None) -> list[Any]:
    """Return the entries of a list or a mapping, without settings that stand beside them."""
    return [each for each in found.value if wrapper is not None or not _is_setting(each)]


def _value(entry: Any) -> Any:
    return entry[1] if isinstance(entry, tuple) else entry


def _container(root: Any, wrapper: str | None) -> Any:
    """Return the list or mapping that holds the entries, None where there is none."""
    if wrapper is not None:
        root = next((value for key, value in root.value if key.value == wrapper), None)
    return root if isinstance(root, yaml.CollectionNode) else None


def _is_setting(entry: Any) -> bool:
    return isinstance(entry, tuple) and is_setting(entry[0].value)


def _under_nothing(text: str, root: Any, wrapper: str | None, make: Make, newline: str) -> str:
    """Return a text that had no entry, and no brackets that would hold one."""
    lines = [f"  {line}" for line in _item(make, (), "- ")]
    if root is None:
        head = text if not text or text.endswith("\n") else text + newline
        return head + "".join(line + newline for line in ["postmortems:", *lines])
    if not isinstance(root, yaml.MappingNode):
        raise Unsure
    key = next(key for key, _ in root.value if key.value == wrapper)
    rows = text.splitlines(keepends=True)
    place = key.end_mark.line + 1
    while place < len(rows) and rows[place].startswith(" ") and rows[place].lstrip()[:1] == "#":
        place += 1  # what is indented is about the entries
    ended = rows[place - 1].endswith("\n")
    rows[place - 1] += "" if ended else newline
    return "".join([*rows[:place], *(line + newline for line in lines), *rows[place:]])


def _in_empty(text: str, root: Any, node: Any, make: Make, newline: str) -> str:
    """Return a text whose empty brackets have become a list, below a comment behind them.

    Raises: Unsure where anything else stands in or behind them.
    """
    start, end = node.start_mark.index, node.end_mark.index
    line_end = _LINE_END.match(text, end)
    if text[start + 1 : end - 1].strip() or line_end is None:
        raise Unsure
    bare = node is root
    head = text[:start] if bare else text[:start].rstrip()
    comment = line_end["comment"].lstrip() if bare else line_end["comment"]
    indent = "" if bare else "  "
    lines = newline.join(indent + line for line in _item(make, (), "- "))
    gap = newline if comment or not bare else ""
    return f"{head}{comment}{gap}{lines}{text[line_end.end() :]}"


def _in_brackets(text: str, entries: Sequence[Any], make: Make, first: bool) -> str:
    parts = [each if isinstance(each, tuple) else (each,) for each in entries]
    spans = [Span(each[0].start_mark.index, each[-1].end_mark.index) for each in parts]
    like = _neighbour(parts[0 if first else -1][-1], text)
    new = _flow(make, like, _written(parts[0][0], text) if len(parts[0]) > 1 else None)
    return joined_in_brackets(text, spans, new, first)


def _neighbour(node: Any, text: str) -> list[tuple[str, str]]:
    """Return the keys of an entry, each with the quote that its value begins with."""
    if not isinstance(node, yaml.MappingNode):
        return []
    return [
        (key.value, quote_of(_written(value, text)))
        for key, value in node.value
        if isinstance(key, yaml.ScalarNode)
    ]


def _written(node: Any, text: str) -> str:
    return text[node.start_mark.index : node.end_mark.index]


def _flow(make: Make, like: Sequence[tuple[str, str]], key: str | None) -> str:
    """Return an entry in braces, behind its id where others have theirs as their ``key``."""
    pairs = ", ".join(f"{name}: {_safe(value, quote)}" for name, value, quote in make(like))
    head = "" if key is None else f"{yaml_scalar(make.id, quote_of(key))}: "
    return f"{head}{{{pairs}}}"


def _safe(value: str | Sequence[str], quote: str) -> str:
    """Return a value as it may stand in braces."""
    if isinstance(value, str) and not quote and set(value) & set(",[]{}"):
        quote = '"'
    return yaml_value(value, quote)


def _lines(pairs: Sequence[Pair]) -> Iterator[str]:
    for name, value, quote in pairs:
        yield f"{yaml_scalar(name)}: {yaml_value(value, quote)}"


def _item(make: Make, like: Sequence[tuple[str, str]], dash: str) -> list[str]:
    """Return the lines of an entry of a list."""
    first, *rest = _lines(make(like))
    return [dash + first, *(" " * len(dash) + line for line in rest)]


class _Block:
    """A list or mapping whose entries stand on lines of their own."""

    def __init__(
        self, text: str, entries: Sequence[Any], column: int, make: Make, newline: str
    ) -> None:
        self._text = text
        self._lines = text.split("\n")
        self._entries = entries
        self._make = make
        self._newline = newline
        self._column = column

    def inserted(self, first: bool) -> str:
        """Return the text with the entry."""
        entries = self._entries
        new = [line + self._newline for line in self.entry(entries[0 if first else -1])]
        gap = [self._newline] * self._blanks()
        place = self._start(entries[0]) if first else self._end(entries[-1])
        rows = [f"{line}\n" for line in self._lines[:-1]] + [self._lines[-1]]
        if first:
            return "".join([*rows[:place], *new, *gap, *rows[place:]])
        head = "".join(rows[:place])
        if head.endswith("\n"):
            return head + "".join([*gap, *new, *rows[place:]])
        return head + self._newline + "".join([*gap, *new]).removesuffix(self._newline)

    def entry(self, neighbour: Any) -> list[str]:
        """Return the lines of the entry, as those of another one are."""
        indent = " " * self._column
        if isinstance(neighbour, tuple):
            return [indent + line for line in self._keyed(*neighbour)]
        like = _neighbour(neighbour, self._text)
        if neighbour.flow_style:
            return [f"{indent}- {_flow(self._make, like, None)}"]
        start = neighbour.start_mark
        same = start.line == self._start(neighbour)
        dash = "-".ljust(start.column - self._column) if same else "- "
        return [indent + line for line in _item(self._make, like, dash)]

    def _keyed(self, key: Any, value: Any) -> list[str]:
        """Return the lines of an entry whose key is its id."""
        like = _neighbour(value, self._text)
        if getattr(value, "flow_style", True):  # or there is nothing at all
            return [_flow(self._make, like, _written(key, self._text))]
        quote = quote_of(_written(key, self._text))
        inner = " " * max(value.start_mark.column - self._column, 2)
        head = f"{yaml_scalar(self._make.id, quote)}:"
        return [head, *(inner + line for line in _lines(self._make(like)))]

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
        line = max(_last_lines(entry)) + 1
        while line and not self._lines[line - 1].strip():
            line -= 1
        while line < len(self._lines) and self._is_own_comment(self._lines[line]):
            line += 1
        return line

    def _is_own_comment(self, line: str) -> bool:
        bare = line.lstrip(" ")
        return bare.startswith("#") and len(line) - len(bare) > self._column

    def _blanks(self) -> int:
        """Return how many empty lines stand between entries."""
        entries = self._entries
        if len(entries) < 2:
            return 0
        end, start = self._end(entries[-2]), self._start(entries[-1])
        return sum(not line.strip() for line in self._lines[end:start])


def _last_lines(entry: Any) -> Iterator[int]:
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
            for each in node.value:
                todo += each if isinstance(each, tuple) else [each]
