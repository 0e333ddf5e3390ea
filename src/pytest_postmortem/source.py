"""Marks read from code alone, for tests that pytest did not get to see."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["SourceMark", "marks"]


@dataclass(frozen=True, slots=True)
class SourceMark:
    """A mark as the code has it, with its line; only arguments that are constants are read."""

    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    line: int


def marks(code: str, names: Collection[str]) -> Iterator[SourceMark]:
    """Yield the marks of these names that a module calls anywhere; what is no Python has none."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        name = _name(node.func) if isinstance(node, ast.Call) else None
        if isinstance(node, ast.Call) and name in names:
            args = tuple(each.value for each in node.args if isinstance(each, ast.Constant))
            yield SourceMark(str(name), args, {}, node.lineno)


def _name(node: ast.expr) -> str | None:
    """Return the name of a mark, ``pytest.mark.NAME`` or ``mark.NAME``, None for all else."""
    if not isinstance(node, ast.Attribute):
        return None
    owner = getattr(node.value, "attr", getattr(node.value, "id", None))
    return node.attr if owner == "mark" else None
