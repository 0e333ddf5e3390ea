"""Instrument code to report which of its lines run and which exceptions it raises: pure.

It is copied into the shadow environment, like the import hook.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Any

REACHED, RAISED = "__postmortem_reached__", "__postmortem_raised__"
"""The names of the functions that instrumented code calls."""


def instrument_code(
    text: str,
    marks: Sequence[Sequence[int]],
    watched: Sequence[Sequence[int]],
    *,
    conditions: bool = False,
    name: str = "",
) -> ast.Module:
    """Return the code of a text, instrumented on marked and watched lines.

    It reports that statements on marked lines run, each by ``name`` and its first line, and
    exceptions that leave functions with watched lines or are caught in them. Lines are ranges, the
    last line included. A condition counts as run when its body runs, or with ``conditions`` when it
    is evaluated.
    """
    tree = ast.parse(text)
    _Marker(name, marks, conditions=conditions).mark_statements(tree)
    _WatchTransformer(watched).visit(tree)
    return ast.fix_missing_locations(tree)


CONDITIONAL = (ast.If, ast.While, ast.Try)
"""Statements that have an effect only through the statements in them."""

BODY_FIELDS = ("body", "orelse", "finalbody")


def _is_overlapping(first: int, last: int, ranges: Sequence[Sequence[int]]) -> bool:
    return first <= last and any(first <= end and start <= last for start, end in ranges)


def find_decorated_line(node: Any) -> int:
    """Return the first line of a statement, including its decorators."""
    decorators = getattr(node, "decorator_list", ())
    return min([int(node.lineno), *(int(decorator.lineno) for decorator in decorators)])


def find_head_lines(node: Any) -> tuple[int, int]:
    """Return the lines of a statement, excluding the statements in its body."""
    inner = [int(child.lineno) for child in _list_inner_nodes(node)]
    first = find_decorated_line(node)
    return first, max(first, min(inner) - 1) if inner else int(node.end_lineno)


def _find_running_lines(node: Any) -> tuple[int, int]:
    """Return the lines that run at the statement itself.

    For a function these are its decorators, since its head matters only to its callers.
    """
    first, last = find_head_lines(node)
    is_function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    return first, node.lineno - 1 if is_function else last


def _list_inner_nodes(node: Any) -> Iterator[Any]:
    for name in BODY_FIELDS:
        yield from getattr(node, name, ())
    yield from getattr(node, "handlers", ())
    for case in getattr(node, "cases", ()):
        yield case.pattern


class _Marker:
    """Insert calls that report which statements on marked lines run."""

    def __init__(self, name: str, marks: Sequence[Sequence[int]], *, conditions: bool) -> None:
        self._name = name
        self._marks = marks
        self._conditions = conditions

    def mark_statements(self, node: Any) -> None:
        """Insert a call before each statement on marked lines, and at the start of its body."""
        has_own_head = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ExceptHandler))
        is_condition = isinstance(node, (ast.If, ast.While)) and not self._conditions
        for name in BODY_FIELDS:
            body = getattr(node, name, None)
            if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
                setattr(node, name, list(self._insert_reached_calls(body)))
        for branch in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
            self.mark_statements(branch)
        if isinstance(node, ast.match_case):
            pattern = node.pattern
            if _is_overlapping(pattern.lineno, pattern.end_lineno, self._marks):
                node.body.insert(0, self._build_call(pattern.lineno, node.body[0]))
        elif (has_own_head or is_condition) and _is_overlapping(
            *find_head_lines(node), self._marks
        ):
            place = 1 if _is_text_statement(node.body[0]) else 0
            node.body.insert(place, self._build_call(node.lineno, node.body[0]))

    def _insert_reached_calls(self, body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
        for place, node in enumerate(body):
            first = place == 0 and _is_text_statement(node)
            future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
            idle = first or future or (isinstance(node, CONDITIONAL) and not self._conditions)
            if not idle and _is_overlapping(*_find_running_lines(node), self._marks):
                yield self._build_call(find_decorated_line(node), node)
            self.mark_statements(node)
            yield node

    def _build_call(self, line: int, where: ast.stmt) -> ast.Expr:
        name = f"{self._name}:" if self._name else ""
        return _build_call(REACHED, f"{name}{line}", where)


def _is_text_statement(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _build_call(name: str, place: str, where: ast.stmt) -> ast.Expr:
    arguments: list[ast.expr] = [ast.Constant(place)] if place else []
    call = ast.Expr(ast.Call(ast.Name(name, ast.Load()), arguments, []))
    return ast.copy_location(call, where)


class _WatchTransformer(ast.NodeTransformer):
    """Wrap the body of each function with watched lines, to report exceptions.

    Blocks in it that may catch exceptions are wrapped as well.
    """

    def __init__(self, watched: Sequence[Sequence[int]]) -> None:
        self._watched = watched
        self._within = False

    def visit(self, node: ast.AST) -> Any:
        """Skip expressions: no function to watch is in them."""
        return node if isinstance(node, ast.expr) else super().visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        """Wrap a function."""
        return self._wrap_function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> Any:
        """Wrap a coroutine."""
        return self._wrap_function(node)

    def visit_Try(self, node: ast.Try) -> Any:
        """Wrap the body of a ``try``, whose handlers may catch."""
        return self._wrap_block(node)

    def visit_TryStar(self, node: ast.AST) -> Any:
        """Wrap the body of a ``try`` with ``except*``."""
        return self._wrap_block(node)

    def visit_With(self, node: ast.With) -> Any:
        """Wrap the body of a ``with``, whose context manager may suppress."""
        return self._wrap_block(node)

    def visit_AsyncWith(self, node: ast.AsyncWith) -> Any:
        """Wrap the body of an ``async with``."""
        return self._wrap_block(node)

    def _is_watched(self, node: Any) -> bool:
        return _is_overlapping(find_decorated_line(node), node.end_lineno, self._watched)

    def _wrap_function(self, node: Any) -> Any:
        outer, self._within = self._within, self._is_watched(node)
        self.generic_visit(node)
        if self._within:
            text = node.body[:1] if _is_text_statement(node.body[0]) else []
            body = node.body[len(text) :] or [ast.copy_location(ast.Pass(), node.body[-1])]
            node.body = [*text, _build_watched_try(body, "")]
        self._within = outer
        return node

    def _wrap_block(self, node: Any) -> Any:
        self.generic_visit(node)
        if self._within or self._is_watched(node):
            node.body = [_build_watched_try(node.body, "caught")]
        return node


def _build_watched_try(body: Sequence[ast.stmt], place: str) -> ast.stmt:
    """Return a statement that runs some others and reports exceptions that leave them."""
    handler = ast.ExceptHandler(None, None, [_build_call(RAISED, place, body[0]), ast.Raise()])
    return ast.copy_location(ast.Try(list(body), [handler], [], []), body[0])
