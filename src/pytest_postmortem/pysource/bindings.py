"""Definitions in the source of a module or class, and tests that it lacks."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

NAMESPACE_FUNCTIONS = frozenset({"exec", "globals", "locals", "setattr", "vars"})
"""Functions that may define any name."""

FIXTURE_DECORATORS = frozenset({"fixture", "yield_fixture"})


Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def parse_python_tree(code: str | bytes) -> ast.Module | None:
    """Return the syntax tree of a module, None for invalid Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes are reported elsewhere
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


@dataclass(slots=True)
class CodeBody:
    """The definitions of a module or class: functions and classes, in order."""

    defined: dict[str, list[Definition]] = field(default_factory=dict)
    values: dict[str, ast.expr] = field(default_factory=dict)
    statements: list[ast.stmt] = field(default_factory=list)


def build_code_body(code: Sequence[ast.stmt]) -> CodeBody:
    """Return the definitions of statements, with both branches of a condition.

    Of two unconditional definitions of a name only the last is returned, as in pytest.
    """
    body = CodeBody(statements=list(code))
    for node, certain in walk_statements(code, certain=True):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            earlier = [] if certain else body.defined.get(node.name, [])
            body.defined[node.name] = [*earlier, node]
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            old = body.values.get(node.target.id, ast.List([], ast.Load()))
            body.values[node.target.id] = ast.BinOp(old, ast.Add(), node.value)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    body.values[target.id] = node.value
    return body


def walk_statements(body: Sequence[ast.stmt], certain: bool) -> Iterator[tuple[ast.stmt, bool]]:
    """Yield statements, including nested ones, each with whether it is unconditional."""
    for node in body:
        yield node, certain
        if isinstance(node, ast.If) and _is_never_true(node.test):
            yield from walk_statements(node.orelse, certain=False)
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            for name in ("body", "orelse", "finalbody"):
                yield from walk_statements(getattr(node, name, ()), certain=False)
            for part in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
                yield from walk_statements(part.body, certain=False)


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


def _find_imported_names(body: Sequence[ast.stmt]) -> set[str]:
    """Return the names that ``from`` and ``as`` give to imported things."""
    return {
        alias.asname or alias.name
        for node, _ in walk_statements(body, certain=True)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
        if alias.asname or isinstance(node, ast.ImportFrom)
    }


def is_test_name(name: str, patterns: Iterable[str]) -> bool:
    """Return whether a name matches a prefix or a glob, as in pytest."""
    return any(
        name.startswith(pattern)
        or (any(char in pattern for char in "*?[") and fnmatchcase(name, pattern))
        for pattern in patterns
    )


def is_test_missing(tree: ast.Module, name: str) -> bool:
    """Return whether a module certainly lacks a test, ``test_a`` or ``TestA::test_b``.

    Return False if the test may be imported, assigned, generated or inherited from another file,
    and for a module that is nested too deeply.
    """
    try:
        return _is_name_missing(tree, name)
    except RecursionError:
        return False


def _is_name_missing(tree: ast.Module, name: str) -> bool:
    body = build_code_body(tree.body)
    calls = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    imported = _find_imported_names(body.statements)
    parts = name.partition("[")[0].split("::")
    if NAMESPACE_FUNCTIONS & calls or {"*", parts[0]} & imported or "__getattr__" in body.defined:
        return False
    return _is_missing_in_body(parts, body, body, frozenset())


def _is_missing_in_body(
    parts: Sequence[str], body: CodeBody, module: CodeBody, seen: frozenset[str]
) -> bool:
    """Return whether a module or a class certainly lacks a name."""
    first, rest = parts[0], parts[1:]
    if first in body.values or any(
        _may_generate_test(first, *each) for each in body.defined.items()
    ):
        return False
    return all(
        bool(rest)
        and not (
            isinstance(node, ast.ClassDef) and not _is_missing_in_class(rest, node, module, seen)
        )
        for node in body.defined.get(first, ())
    )


def _may_generate_test(name: str, known: str, nodes: Sequence[Definition]) -> bool:
    """Return whether a decorator may generate a test, as parameterized and ddt do."""
    return name.startswith(f"{known}_") and any(node.decorator_list for node in nodes)


def _is_missing_in_class(
    parts: Sequence[str], node: ast.ClassDef, module: CodeBody, seen: frozenset[str]
) -> bool:
    """Return whether a class certainly lacks a name.

    Bases in the same module are searched; a class with other bases may have the name.
    """
    bases = [base.id if isinstance(base, ast.Name) else "" for base in node.bases]
    if node.keywords or not _is_missing_in_body(parts, build_code_body(node.body), module, seen):
        return False
    family = [each for base in bases for each in module.defined.get(base, ())]
    known = all(base in module.defined or base == "object" for base in bases)
    return known and all(
        isinstance(each, ast.ClassDef)
        and (each.name in seen or _is_missing_in_class(parts, each, module, seen | {node.name}))
        for each in family
    )
