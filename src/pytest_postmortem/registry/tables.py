"""Mappings and lists that know their lines, and the texts that can't be made into them."""

from __future__ import annotations

from typing import Any

__all__ = [
    "MAX_DEPTH",
    "BrokenDataError",
    "LocatedList",
    "LocatedTable",
    "build_depth_error",
    "build_repeated_key_error",
]

MAX_DEPTH = 100


class LocatedTable(dict[str, Any]):
    """A mapping, the line on which it begins, and the lines of its keys, where they are known."""

    __slots__ = ("line", "lines", "repeated")

    def __init__(self, line: int | None = None) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}
        self.repeated: str | None = None


class LocatedList(list[Any]):
    """A list, and the line on which it or each of its items begins, where they are known."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int | None = None) -> None:
        super().__init__()
        self.line = line
        self.lines: list[int] = []

    def line_of(self, position: int) -> int | None:
        """Return the line of an item, or at least that of the list."""
        return self.lines[position] if self.lines else self.line


class BrokenDataError(Exception):
    """A text can't be read: the cause, the remedy and the line, on their way to a problem."""

    def __init__(self, cause: str, remedy: str, line: int | None) -> None:
        super().__init__(cause)
        self.cause, self.remedy, self.line = cause, remedy, line


def build_depth_error(line: int | None) -> BrokenDataError:
    """Return what is raised where brackets or lists are nested beyond all sense."""
    return BrokenDataError(
        f"it is nested more than {MAX_DEPTH} levels deep",
        "a post-mortem is a flat mapping of fields: look for brackets that are never closed",
        line,
    )


def build_repeated_key_error(key: str, line: int | None) -> BrokenDataError:
    """Return what is raised where a mapping has a key twice."""
    return BrokenDataError(
        f"the key {key!r} stands twice in one mapping",
        "keep one of the two, or rename one of them",
        line,
    )
