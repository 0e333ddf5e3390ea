"""Markers inserted into a module, with LibCST, which keeps all other bytes."""

from __future__ import annotations

import ast
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import libcst as cst

from pytest_postmortem.evaluation import links
from pytest_postmortem.options import MARKER_NAME
from pytest_postmortem.pysource import suite_reader
from pytest_postmortem.pysource.bindings import parse_python_tree, walk_statements
from pytest_postmortem.pysource.expressions import format_dotted_name, is_mark_name
from pytest_postmortem.pysource.project_modules import build_parsed_module
from pytest_postmortem.pysource.pytest_import import add_pytest_import
from pytest_postmortem.pysource.resolver import ExpressionReducer

MARK_KEEPING_PACKAGES = frozenset({"hypothesis", "mock", "unittest"})
"""Packages whose decorators return a function that keeps the marks.

Below any other decorator the marker also reaches tests that the decorator generates, as
``parameterized.expand`` does; `functools.wraps` copies it.
"""


class _MarkerPlace(NamedTuple):
    """The ids of a marker, and the number of decorators above it."""

    ids: Sequence[str]
    above: int


class MarkingError(Exception):
    """A file can't be edited, with the reason."""


def add_markers(
    data: bytes,
    wanted: Mapping[int, Sequence[str]],
    functions: Sequence[str] = ("test",),
    classes: Sequence[str] = ("Test",),
) -> bytes:
    """Return a module with markers added to the functions on some lines.

    Raises:
        MarkingError: The module can't be edited, or the marker would have no effect.
    """
    tree = parse_python_tree(data)
    if tree is None:
        raise MarkingError("it is not valid Python")
    try:
        module = cst.parse_module(data)
    except (cst.ParserSyntaxError, RecursionError) as error:
        raise MarkingError("LibCST can't read it") from error
    try:
        name = _find_marker_name(tree, min(wanted))
        edit = _MarkerTransformer(
            module,
            _find_marker_places(tree, wanted),
            name or f"pytest.mark.{MARKER_NAME}",
            _find_preferred_quote(data),
        )
        new = module.visit(edit)
        result = new.bytes if name else add_pytest_import(new.bytes)
        if not _are_lines_kept(data, result):
            raise MarkingError("LibCST would not keep it as it is")
        _check_marked_tests(tree, result, wanted, (functions, classes))
    except RecursionError as error:
        raise MarkingError("it is nested too deep") from error
    return result


def _are_lines_kept(old: bytes, new: bytes) -> bool:
    """Return whether every line is kept in order, except for lines with a marker."""
    lines, rest = (data.removeprefix(BOM_UTF8).splitlines(keepends=True) for data in (old, new))
    left = iter(rest)
    return all(MARKER_NAME.encode() in line or line in left for line in lines)


def _find_marker_name(tree: ast.Module, first: int) -> str | None:
    """Return the name of the marker above a line, None if an import is missing.

    Raises: MarkingError if ``pytest`` is bound to something else.
    """
    meanings: dict[str, set[str]] = {}
    for name, meaning in _list_bound_meanings(tree):
        meanings.setdefault(name, set()).add(meaning)
    name_by_meaning: dict[str, str] = {}
    for node, certain in walk_statements(tree.body, certain=True):
        if certain and node.lineno < first and isinstance(node, (ast.Import, ast.ImportFrom)):
            for name, meaning in _list_imported_meanings(node):
                if meaning and meanings[name] == {meaning}:
                    name_by_meaning[meaning] = name
    if "pytest.mark" in name_by_meaning:
        return f"{name_by_meaning['pytest.mark']}.{MARKER_NAME}"
    if "pytest" in name_by_meaning:
        return f"{name_by_meaning['pytest']}.mark.{MARKER_NAME}"
    if meanings.get("pytest", set()) - {"pytest"}:
        raise MarkingError("it binds the name pytest to something else")
    return None


def _list_bound_meanings(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield the names that are bound outside of functions, each with its meaning.

    This is ``pytest``, ``pytest.mark``, or an empty text for anything else.
    """
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from _list_imported_meanings(node)
        return
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id, ""
    else:
        names = (getattr(node, field, None) for field in ("name", "rest"))  # of except and match
        yield from ((name, "") for name in names if isinstance(name, str))
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        yield from _list_global_names(node)
    else:
        for child in ast.iter_child_nodes(node):
            yield from _list_bound_meanings(child)


def _list_global_names(function: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield the names of the module that a function may bind."""
    for node in ast.walk(function):
        if isinstance(node, ast.Global):
            yield from ((name, "") for name in node.names)


def _list_imported_meanings(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    """Yield the names that an import binds, as `_list_bound_meanings` does."""
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            is_pytest = (node.module, alias.name, node.level) == ("pytest", "mark", 0)
            yield alias.asname or alias.name, "pytest.mark" if is_pytest else ""
        else:
            root = alias.name.partition(".")[0]
            is_pytest = alias.name == "pytest" or (root == "pytest" and not alias.asname)
            yield alias.asname or root, "pytest" if is_pytest else ""


def _find_marker_places(
    tree: ast.Module, wanted: Mapping[int, Sequence[str]]
) -> dict[int, _MarkerPlace]:
    """Return the places of markers by the index of the function in the module."""
    reducer = ExpressionReducer(build_parsed_module("", tree, b""))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node for node in ast.walk(tree) if isinstance(node, kinds)]
    nodes.sort(key=lambda node: (node.lineno, node.col_offset))
    return {
        n: _MarkerPlace(wanted[node.lineno], _count_decorators_above(node.decorator_list, reducer))
        for n, node in enumerate(nodes)
        if node.lineno in wanted
    }


def _count_decorators_above(decorators: Sequence[ast.expr], reducer: ExpressionReducer) -> int:
    """Return how many decorators have to stay above the marker."""
    kept = [_is_mark_keeping(decorator, reducer) for decorator in decorators]
    return len(kept) - next((n for n, keeps in enumerate(reversed(kept)) if not keeps), len(kept))


def _is_mark_keeping(decorator: ast.expr, reducer: ExpressionReducer) -> bool:
    position = (decorator.lineno, decorator.col_offset)
    node = reducer.reduce_expression(decorator, position)
    name = format_dotted_name(node.func if isinstance(node, ast.Call) else node)
    return is_mark_name(name) or name.partition(".")[0] in MARK_KEEPING_PACKAGES


def _check_marked_tests(
    tree: ast.Module,
    result: bytes,
    wanted: Mapping[int, Sequence[str]],
    rules: tuple[Sequence[str], Sequence[str]],
) -> None:
    """Check that the edited module has the same tests, with the marker.

    Raises: MarkingError if it has not, or the function is not a test.
    """
    before = suite_reader.find_module_tests(tree, (MARKER_NAME,), *rules)
    if not wanted.keys() <= {test.line for test in before}:
        raise MarkingError("the function is not a test")
    after = suite_reader.parse_source_tests(result, (MARKER_NAME,), *rules)
    if after is None or [test.name for test in before] != [test.name for test in after]:
        raise MarkingError("its tests would not be the same")
    for old, new in zip(before, after, strict=True):
        ids = {id.casefold() for id in links.parse_marks(new.marks).ids}
        if not ids.issuperset(id.casefold() for id in wanted.get(old.line, ())):
            raise MarkingError("the marker would have no effect")


class _MarkerTransformer(cst.CSTTransformer):
    """Adds the marker to functions, by their index in the module."""

    def __init__(
        self, module: cst.Module, wanted: Mapping[int, _MarkerPlace], name: str, quote: str
    ) -> None:
        super().__init__()
        self._config = module.config_for_parsing
        self._unicode = module.encoding.lower().startswith("utf")
        self._wanted = wanted
        self._name = name
        self._quote = quote
        self._open: list[int] = []
        self._count = 0

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> bool:
        """Skip nodes without functions."""
        return False

    def visit_SimpleStatementSuite(self, node: cst.SimpleStatementSuite) -> bool:
        """Skip nodes without functions."""
        return False

    def visit_Decorator(self, node: cst.Decorator) -> bool:
        """Skip nodes without functions."""
        return False

    def visit_Parameters(self, node: cst.Parameters) -> bool:
        """Skip nodes without functions."""
        return False

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        """Count a function."""
        self._open.append(self._count)
        self._count += 1

    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef:
        """Mark a function that is to be marked."""
        place = self._wanted.get(self._open.pop())
        return self._mark_function(updated_node, *place) if place else updated_node

    def _mark_function(
        self, node: cst.FunctionDef, ids: Sequence[str], above: int
    ) -> cst.FunctionDef:
        decorators = list(node.decorators)
        own_index = next(
            (n for n, decorator in enumerate(decorators) if self._is_marker_decorator(decorator)),
            None,
        )
        if own_index is not None:
            decorators[own_index] = self._extend_marker(decorators[own_index], ids)
        else:
            text = f"{self._name}({', '.join(map(self._format_id, ids))})"
            call = cst.parse_expression(text, self._config)
            decorators.insert(above, cst.Decorator(call))
        return node.with_changes(decorators=decorators)

    def _is_marker_decorator(self, node: cst.Decorator) -> bool:
        """Return whether a decorator is a marker in one line to which ids can be added."""
        call = node.decorator
        code = cst.Module([]).code_for_node(node).strip()
        return (
            isinstance(call, cst.Call)
            and code.startswith(f"@{self._name}(")
            and "\n" not in code
            and bool(call.args)
            and all(not each.star and each.keyword is None for each in call.args)
        )

    def _extend_marker(self, node: cst.Decorator, ids: Sequence[str]) -> cst.Decorator:
        call = cst.ensure_type(node.decorator, cst.Call)
        *first, last = call.args
        comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
        added = [cst.Arg(cst.parse_expression(self._format_id(id), self._config)) for id in ids]
        args = [argument.with_changes(comma=comma) for argument in (last, *added[:-1])]
        end = added[-1].with_changes(
            comma=last.comma, whitespace_after_arg=last.whitespace_after_arg
        )
        args[0] = args[0].with_changes(whitespace_after_arg=cst.SimpleWhitespace(""))
        return node.with_changes(decorator=call.with_changes(args=[*first, *args, end]))

    def _format_id(self, id: str) -> str:
        """Return an id as a string literal, in the quotes and the encoding of the file."""
        text = repr(id) if self._unicode else ascii(id)
        if self._quote == '"' and text[0] == "'" and '"' not in id:
            return f'"{text[1:-1]}"'
        return text


def _find_preferred_quote(data: bytes) -> str:
    """Return the more frequent quotes of a file, double quotes if equal."""
    return "'" if data.count(b"'") > data.count(b'"') else '"'
