"""Plain data with the lines at which it is written: tables, lists, and what can't be parsed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

MAX_DEPTH = 100


class LocatedTable(dict[str, Any]):
    """A mapping with its first line, and the lines of its keys, if they are known."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int | None = None) -> None:
        self.line = line
        self.lines: dict[str, int] = {}


class LocatedList(list[Any]):
    """A list with its first line, and the lines of its items, if they are known."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int | None = None, items: Iterable[Any] = ()) -> None:
        super().__init__(items)
        self.line = line
        self.lines: list[int] = []

    def line_of(self, position: int) -> int | None:
        """Return the line of an item, or at least that of the list."""
        return self.lines[position] if self.lines else self.line


class BrokenDataError(Exception):
    """A text can't be parsed; has the cause, the remedy and the line of the later problem."""

    def __init__(self, cause: str, remedy: str, line: int | None) -> None:
        super().__init__(cause)
        self.cause, self.remedy, self.line = cause, remedy, line


def build_depth_error(line: int | None) -> BrokenDataError:
    """Return the error for brackets or lists that are nested too deep."""
    return BrokenDataError(
        f"it is nested more than {MAX_DEPTH} levels deep",
        "a post-mortem is a flat mapping of fields: look for brackets that are never closed",
        line,
    )


def build_repeated_key_error(key: str, line: int | None) -> BrokenDataError:
    """Return the error for a key that a mapping has twice."""
    return BrokenDataError(
        f"the key {key!r} is twice in one mapping",
        "keep one of the two, or rename one of them",
        line,
    )


def convert_to_tables(node: Any, depth: int = MAX_DEPTH) -> Any:
    """Return plain data of any origin as tables, lists and texts.

    Raises: BrokenDataError if it is nested too deep.
    """
    if not isinstance(node, (Mapping, list, tuple, set, frozenset)):
        return format_plain_scalar(node)
    if not depth:
        raise build_depth_error(None)
    if isinstance(node, Mapping):
        table = LocatedTable()
        for key, value in node.items():
            is_text = value.__class__ is str
            table[str(key)] = value if is_text else convert_to_tables(value, depth - 1)
        return table
    return LocatedList(None, (convert_to_tables(item, depth - 1) for item in node))


def format_plain_scalar(value: Any) -> str | None:
    """Return a scalar as it would be written: dates and times in ISO form."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or isinstance(value, str):
        return value
    return str(value.isoformat() if hasattr(value, "isoformat") else value)
