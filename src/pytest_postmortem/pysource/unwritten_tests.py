"""Find tests that `pytest-postmortem new` has begun and nobody has written yet."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from pytest_postmortem.pysource.bindings import parse_python_tree

TestFunction = ast.FunctionDef | ast.AsyncFunctionDef


def find_unwritten_tests(data: bytes, nodeids: Iterable[str]) -> Iterator[str]:
    """Yield the node ids of tests in a file whose only step is to fail.

    A file that can't be parsed has none.
    """
    tree = parse_python_tree(data)
    for nodeid in nodeids if tree is not None else ():
        names = nodeid.partition("[")[0].split("::")[1:]
        function = _find_function(tree.body if tree else (), names)
        if function is not None and _is_unwritten(function.body):
            yield nodeid


def _find_function(body: Iterable[ast.stmt], names: list[str]) -> TestFunction | None:
    for statement in body:
        if names and getattr(statement, "name", None) == names[0]:
            if isinstance(statement, ast.ClassDef):
                return _find_function(statement.body, names[1:])
            if isinstance(statement, TestFunction):
                return statement
    return None


def _is_unwritten(body: Iterable[ast.stmt]) -> bool:
    """Return whether nothing but a call of ``fail`` is left without imports and docstring."""
    steps = [
        statement
        for statement in body
        if not isinstance(statement, ast.Import | ast.ImportFrom | ast.Pass)
        and not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
    ]
    if len(steps) != 1 or not isinstance(steps[0], ast.Expr):
        return False
    call = steps[0].value
    return (
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "fail"
    )
