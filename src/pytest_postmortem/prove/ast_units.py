"""Split Python source into units: the definitions of each scope, with their lines."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import StringIO
from typing import Literal, NamedTuple

from pytest_postmortem.prove.child.instrument import find_decorated_line
from pytest_postmortem.pysource.bindings import parse_python_tree

UnitKind = Literal["def", "class", "name", "import", "statement"]


class UnitKey(NamedTuple):
    """The identity of a unit across texts: its scope, its kind and its name.

    Imports and other statements have no name of their own; their code identifies them.
    """

    scope: str
    kind: UnitKind
    name: str

    @property
    def inner_scope(self) -> str:
        """The name of the scope that a class opens."""
        return f"{self.scope}.{self.name}".lstrip(".")

    def __str__(self) -> str:
        """Return the name for the reader."""
        return "a statement" if self.kind in ("statement", "import") else self.inner_scope


@dataclass(frozen=True, slots=True)
class CodeUnit:
    """All statements of one scope that define the same name, or one statement that defines none.

    ``spans`` are their lines, counted from 0, the end excluded; for a class, the lines of its head.
    ``dumped_code`` is their code without comments and docstrings.
    """

    key: UnitKey
    spans: tuple[tuple[int, int], ...]
    dumped_code: tuple[str, ...]
    column: int


@dataclass(slots=True)
class UnitText:
    """The lines of a text and its units.

    ``ends`` has, for each class, the line after its last statement and the column of its body.
    ``bound`` maps each name of the module to the unit that defines it.
    """

    lines: list[str]
    units: dict[UnitKey, CodeUnit] = field(default_factory=dict)
    ends: dict[str, tuple[int, int]] = field(default_factory=dict)
    bound: dict[str, UnitKey] = field(default_factory=dict)

    def texts(self, unit: CodeUnit) -> list[list[str]]:
        """Return the lines of each statement of a unit; for a class, all of its lines."""
        if unit.key.kind == "class":
            return [self.lines[unit.spans[0][0] : self.ends[unit.key.inner_scope][0]]]
        return [self.lines[start:end] for start, end in unit.spans]

    def names(self, key: UnitKey) -> list[str]:
        """Return the names of the module that a unit defines."""
        return [name for name, unit_key in self.bound.items() if unit_key == key]

    def used(self, unit: CodeUnit) -> list[str]:
        """Return the names that a unit reads, including those that it defines."""
        names: dict[str, None] = {}
        above = "if True:\n" if unit.column else ""
        for lines in self.texts(unit):
            tree = parse_python_tree(above + "".join(lines))
            for node in ast.walk(tree) if tree else ():
                if isinstance(node, ast.Name):
                    names[node.id] = None
        return list(names)


def split_source_lines(text: str) -> list[str]:
    """Return the lines of a text as Python counts them, each with its line end.

    `str.splitlines` also splits at form feeds and separators, which may occur within a line.
    """
    return list(StringIO(text, newline="\n"))


def parse_code_units(text: str) -> UnitText | None:
    """Return the units of a text, None if it is not Python."""
    tree = parse_python_tree(text)
    if tree is None:
        return None
    unit_text = UnitText(split_source_lines(text))
    if unit_text.lines and not unit_text.lines[-1].endswith("\n"):
        unit_text.lines[-1] += "\n"
    try:
        _collect_scope_units(unit_text, tree, "")
    except RecursionError:
        return None
    unit_text.ends[""] = (len(unit_text.lines), 0)
    return unit_text


def is_same_code(one: str, other: str, *, idle: bool = False) -> bool:
    """Return whether two texts have the same code, ignoring comments.

    Docstrings are ignored too, unless ``idle`` statements count.
    """
    codes = _dump_text_code(one, idle=idle), _dump_text_code(other, idle=idle)
    return codes[0] is not None and codes[0] == codes[1]


def _dump_text_code(text: str, *, idle: bool) -> str | None:
    tree = parse_python_tree(text)
    for node in ast.walk(tree) if tree and not idle else ():
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            node.body = [statement for statement in node.body if not _is_idle_statement(statement)]
    return None if tree is None else dump_syntax_tree(tree)


def dump_syntax_tree(node: ast.AST) -> str | None:
    """Return code as text for comparison, None if it is nested too deep."""
    try:
        return ast.dump(node)
    except RecursionError:
        return None


def find_module_names(text: str) -> frozenset[str]:
    """Return the names that a module defines; empty for a text that is not Python."""
    tree = parse_python_tree(text)
    return frozenset(list_bound_names(tree.body)) if tree else frozenset()


def _collect_scope_units(units: UnitText, scope: ast.Module | ast.ClassDef, name: str) -> None:
    gathered: dict[UnitKey, list[ast.stmt]] = defaultdict(list)
    for node in scope.body:
        if not _is_idle_statement(node):
            gathered[build_unit_key(node, name)].append(node)
        if isinstance(node, ast.ClassDef):
            _collect_scope_units(units, node, f"{name}.{node.name}".lstrip("."))
    for key, nodes in gathered.items():
        spans = tuple(map(_find_statement_span, nodes))
        units.units[key] = CodeUnit(
            key, spans, tuple(map(_dump_statement, nodes)), nodes[0].col_offset
        )
        for bound_name in list_bound_names(nodes) if not name else ():
            units.bound.setdefault(bound_name, key)
    if scope.body:
        last = scope.body[-1]
        units.ends[name] = (int(last.end_lineno or 0), last.col_offset)


def build_unit_key(node: ast.stmt, scope: str) -> UnitKey:
    """Return the key of a statement in a scope."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return UnitKey(scope, "def", node.name)
    if isinstance(node, ast.ClassDef):
        return UnitKey(scope, "class", node.name)
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return UnitKey(scope, "import", ast.dump(node))
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return UnitKey(scope, "name", ", ".join(map(ast.unparse, targets)))
    return UnitKey(scope, "statement", ast.dump(node))


def _is_idle_statement(node: ast.stmt) -> bool:
    """Return whether a statement has no effect, such as a docstring."""
    return is_text_statement(node) or isinstance(node, ast.Pass)


def is_text_statement(node: ast.AST) -> bool:
    """Return whether a statement is only a constant, such as a docstring."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _find_statement_span(node: ast.stmt) -> tuple[int, int]:
    start = find_decorated_line(node) - 1
    if isinstance(node, ast.ClassDef):
        first = min(statement.lineno for statement in node.body)
        inner = min(_find_statement_span(statement)[0] for statement in node.body)
        return start, max(min(inner, first - 1), node.lineno)
    return start, int(node.end_lineno or node.lineno)


def _dump_statement(node: ast.stmt) -> str:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        body, node.body = node.body, node.body[_is_idle_statement(node.body[0]) :]
        does = ast.dump(node)
        node.body = body
        return does
    if isinstance(node, ast.ClassDef):
        parts = [*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)]
        return "; ".join(map(ast.dump, parts))
    return ast.dump(node)


def list_bound_names(nodes: Iterable[ast.stmt]) -> Iterator[str]:
    """Yield the names that statements define in their module, including under conditions."""
    for node in nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
            continue
        for child in ast.walk(node):
            if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
                yield child.id
            elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                yield child.name
            elif isinstance(child, ast.alias):
                yield child.asname or child.name.partition(".")[0]
