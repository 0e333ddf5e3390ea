"""Statements of a module or class: its definitions, and the parts that are executed."""

from __future__ import annotations

import ast
import warnings
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

_GLOB_CHARACTERS = frozenset("*?[")
FIXTURE_DECORATORS = frozenset({"fixture", "yield_fixture"})

Function = ast.FunctionDef | ast.AsyncFunctionDef

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

_BLOCK_FIELDS = ("body", "orelse", "finalbody", "handlers", "cases")
_BLOCKS: Mapping[type[ast.AST], Sequence[str]] = {
    kind: tuple(name for name in _BLOCK_FIELDS if name in kind._fields)
    for kind in ast.stmt.__subclasses__()
    if kind not in (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
}
"""The fields of statements that hold other statements of the same scope."""


def parse_python_tree(code: str | bytes) -> ast.Module | None:
    """Return the syntax tree of a module, None for invalid Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes are reported elsewhere
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def find_definitions(code: Sequence[ast.stmt]) -> dict[str, list[Definition]]:
    """Return the functions and classes that statements define, with both branches of a condition.

    Of two unconditional definitions of a name only the last is returned, as in pytest.
    """
    definitions: dict[str, list[Definition]] = {}
    for node, certain in walk_statements(code, certain=True):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            earlier = [] if certain else definitions.get(node.name, [])
            definitions[node.name] = [*earlier, node]
    return definitions


def walk_statements(body: Sequence[ast.stmt], certain: bool) -> Iterator[tuple[ast.stmt, bool]]:
    """Yield statements, including nested ones, each with whether it is unconditional."""
    for node in body:
        yield node, certain
        if isinstance(node, ast.If) and _is_never_true(node.test):
            yield from walk_statements(node.orelse, certain=False)
            continue
        for name in _BLOCKS.get(type(node), ()):
            parts = getattr(node, name)
            bodies = [part.body for part in parts] if name in ("handlers", "cases") else [parts]
            for inner in bodies:
                yield from walk_statements(inner, certain=False)


def walk_lines(tree: ast.AST, lines: Sequence[int] | None) -> Iterator[ast.AST]:
    """Yield the nodes of code that has one of some lines, in no order; without lines all nodes."""
    waiting = [tree]
    while waiting:
        for value in vars(waiting.pop()).values():
            for node in value if type(value) is list else (value,):
                if not isinstance(node, ast.AST) or not (
                    lines is None or not hasattr(node, "lineno") or is_on_any_line(lines, node)
                ):
                    continue
                yield node
                if isinstance(node, ast.JoinedStr):  # Python 3.11 has other lines for its parts
                    yield from walk_lines(node, None)
                else:
                    waiting.append(node)


def is_on_any_line(lines: Sequence[int], node: Any) -> bool:
    """Return whether one of the lines belongs to some code, its decorators included."""
    decorators = getattr(node, "decorator_list", ())
    place = bisect_left(lines, decorators[0].lineno if decorators else node.lineno)
    return place < len(lines) and lines[place] <= (node.end_lineno or node.lineno)


def _is_never_true(test: ast.expr) -> bool:
    """Return whether a condition is never true: ``TYPE_CHECKING`` and constants."""
    name = getattr(test, "attr", getattr(test, "id", ""))
    return name == "TYPE_CHECKING" or (isinstance(test, ast.Constant) and not test.value)


def find_executed_parts(
    node: ast.stmt, is_collected: Callable[[str], bool], classes: Collection[int]
) -> Iterable[ast.AST]:
    """Return the parts of a statement that pytest or the import of the module executes.

    Functions and values that other code has to use by name are left out.
    """
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            is_hook = node.name.startswith("pytest_")
            is_fixture = any(map(_is_fixture_decorator, node.decorator_list))
            return [node] if is_hook or is_fixture or is_collected(node.name) else []
        case ast.ClassDef():
            return [node] if is_collected(node.name) or id(node) in classes else []
        case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            is_named = len(names) == len(targets) and not any(map(is_collected, names))
            return [] if is_named else [node]
        case ast.For() | ast.AsyncFor():
            return [node.iter]
        case ast.With() | ast.AsyncWith():
            return [item.context_expr for item in node.items]
        case ast.If() | ast.While():
            return [node.test]
        case ast.Import() | ast.ImportFrom() | ast.Try() | ast.Match():
            return []
    return [] if hasattr(node, "handlers") else [node]


def _is_fixture_decorator(node: ast.expr) -> bool:
    called = node.func if isinstance(node, ast.Call) else node
    return getattr(called, "attr", getattr(called, "id", "")) in FIXTURE_DECORATORS


def is_test_name(name: str, patterns: Collection[str]) -> bool:
    """Return whether a name matches a prefix or a glob, as in pytest."""
    return name.startswith(tuple(patterns)) or any(
        fnmatchcase(name, pattern)
        for pattern in patterns
        if not _GLOB_CHARACTERS.isdisjoint(pattern)
    )
