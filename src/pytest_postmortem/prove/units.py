"""A Python text as units: what each of its scopes defines, and on which lines."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import StringIO
from typing import Literal, NamedTuple

from pytest_postmortem.bindings import tree_of

__all__ = ["Key", "Kind", "Text", "Unit", "alike", "bound", "dumped", "lines_of", "read"]

Kind = Literal["def", "class", "name", "import", "statement"]


class Key(NamedTuple):
    """What a unit is known by in another text: its class, its kind, and its name.

    An import and any other statement have no name, and are known by what they do.
    """

    scope: str
    kind: Kind
    name: str

    @property
    def inner(self) -> str:
        """The name of the scope that a class is."""
        return f"{self.scope}.{self.name}".lstrip(".")

    def __str__(self) -> str:
        """Return the name as a reader knows it."""
        return "a statement" if self.kind in ("statement", "import") else self.inner


@dataclass(frozen=True, slots=True)
class Unit:
    """All statements of one scope that define the same name, or one that defines none.

    ``spans`` are their lines, counted from 0 and without the end; of a class they are those of its
    head. ``does`` is what they do, whatever their comments and docstrings.
    """

    key: Key
    spans: tuple[tuple[int, int], ...]
    does: tuple[str, ...]
    column: int


@dataclass(slots=True)
class Text:
    """The lines of a text, and its units.

    ``ends`` are the line behind the last statement of each class, and the column of what stands in
    it. ``bound`` are the names of the module, each with the unit that gives it.
    """

    lines: list[str]
    units: dict[Key, Unit] = field(default_factory=dict)
    ends: dict[str, tuple[int, int]] = field(default_factory=dict)
    bound: dict[str, Key] = field(default_factory=dict)

    def texts(self, unit: Unit) -> list[list[str]]:
        """Return the lines of each statement of a unit; of a class, all of it."""
        if unit.key.kind == "class":
            return [self.lines[unit.spans[0][0] : self.ends[unit.key.inner][0]]]
        return [self.lines[start:end] for start, end in unit.spans]

    def names(self, key: Key) -> list[str]:
        """Return the names of the module that a unit gives."""
        return [name for name, own in self.bound.items() if own == key]

    def used(self, unit: Unit) -> list[str]:
        """Return the names that a unit reads, those of its own included."""
        names: dict[str, None] = {}
        above = "if True:\n" if unit.column else ""
        for lines in self.texts(unit):
            tree = tree_of(above + "".join(lines))
            for node in ast.walk(tree) if tree else ():
                if isinstance(node, ast.Name):
                    names[node.id] = None
        return list(names)


def lines_of(text: str) -> list[str]:
    """Return the lines of a text as Python counts them, each with its end.

    `str.splitlines` ends them at form feeds and separators too, which may stand within a line.
    """
    return list(StringIO(text, newline="\n"))


def read(text: str) -> Text | None:
    """Return the units of a text, None for what is no Python."""
    tree = tree_of(text)
    if tree is None:
        return None
    found = Text(lines_of(text))
    if found.lines and not found.lines[-1].endswith("\n"):
        found.lines[-1] += "\n"
    try:
        _gather(found, tree, "")
    except RecursionError:
        return None
    found.ends[""] = (len(found.lines), 0)
    return found


def alike(one: str, other: str, *, idle: bool = False) -> bool:
    """Say whether two texts do the same, whatever their comments, and docstrings unless ``idle``
    statements count.
    """
    codes = _code(one, idle=idle), _code(other, idle=idle)
    return codes[0] is not None and codes[0] == codes[1]


def _code(text: str, *, idle: bool) -> str | None:
    tree = tree_of(text)
    for node in ast.walk(tree) if tree and not idle else ():
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            node.body = [each for each in node.body if not _is_idle(each)]
    return None if tree is None else dumped(tree)


def dumped(node: ast.AST) -> str | None:
    """Return code as text to compare, None where it is too deep for that."""
    try:
        return ast.dump(node)
    except RecursionError:
        return None


def bound(text: str) -> frozenset[str]:
    """Return the names that a module has, by its code; none for what is no code."""
    tree = tree_of(text)
    return frozenset(_bound_by(tree.body)) if tree else frozenset()


def _gather(found: Text, scope: ast.Module | ast.ClassDef, name: str) -> None:
    gathered: dict[Key, list[ast.stmt]] = defaultdict(list)
    for node in scope.body:
        if not _is_idle(node):
            gathered[_key(node, name)].append(node)
        if isinstance(node, ast.ClassDef):
            _gather(found, node, f"{name}.{node.name}".lstrip("."))
    for key, nodes in gathered.items():
        spans = tuple(map(_span, nodes))
        found.units[key] = Unit(key, spans, tuple(map(_does, nodes)), nodes[0].col_offset)
        for each in _bound_by(nodes) if not name else ():
            found.bound.setdefault(each, key)
    if scope.body:
        last = scope.body[-1]
        found.ends[name] = (int(last.end_lineno or 0), last.col_offset)


def _key(node: ast.stmt, scope: str) -> Key:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return Key(scope, "def", node.name)
    if isinstance(node, ast.ClassDef):
        return Key(scope, "class", node.name)
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return Key(scope, "import", ast.dump(node))
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return Key(scope, "name", ", ".join(map(ast.unparse, targets)))
    return Key(scope, "statement", ast.dump(node))


def _is_idle(node: ast.stmt) -> bool:
    """Say whether a statement does nothing, as a docstring."""
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_text or isinstance(node, ast.Pass)


def _span(node: ast.stmt) -> tuple[int, int]:
    decorators = getattr(node, "decorator_list", ())
    start = min([node.lineno, *(each.lineno for each in decorators)]) - 1
    if isinstance(node, ast.ClassDef):
        first = min(each.lineno for each in node.body)
        inner = min(_span(each)[0] for each in node.body)
        return start, max(min(inner, first - 1), node.lineno)
    return start, int(node.end_lineno or node.lineno)


def _does(node: ast.stmt) -> str:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        body, node.body = node.body, node.body[_is_idle(node.body[0]) :]
        does = ast.dump(node)
        node.body = body
        return does
    if isinstance(node, ast.ClassDef):
        parts = [*node.decorator_list, *node.bases, *(each.value for each in node.keywords)]
        return "; ".join(map(ast.dump, parts))
    return ast.dump(node)


def _bound_by(nodes: Iterable[ast.stmt]) -> Iterator[str]:
    """Yield the names that statements give to their module, under a condition too."""
    for node in nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
            continue
        for each in ast.walk(node):
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
                yield each.id
            elif isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                yield each.name
            elif isinstance(each, ast.alias):
                yield each.asname or each.name.partition(".")[0]
