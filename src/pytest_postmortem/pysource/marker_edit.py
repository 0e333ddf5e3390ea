"""Markers and imports inserted into the text of a module; all other bytes are kept."""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pytest_postmortem.evaluation import links
from pytest_postmortem.options import MARKER_NAME
from pytest_postmortem.pysource import suite_reader
from pytest_postmortem.pysource.bindings import (
    Function,
    find_definitions,
    parse_python_tree,
    walk_statements,
)
from pytest_postmortem.pysource.expressions import format_dotted_name, is_mark_name
from pytest_postmortem.pysource.project_modules import build_parsed_module
from pytest_postmortem.pysource.resolver import ExpressionReducer

_SOURCE_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_FILE_HEAD_LINE = re.compile(r"#!|#.*coding[:=]")


@dataclass(frozen=True, slots=True)
class SourceText:
    """A parsed module with its lines, which keep their ends."""

    lines: Sequence[str]
    tree: ast.Module
    encoding: str = "utf-8"
    newline: str = "\n"


def parse_source_text(data: bytes) -> SourceText | None:
    """Return a module as text, None for invalid Python."""
    tree = parse_python_tree(data)
    if tree is None:
        return None
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    lines = _SOURCE_LINE.findall(data.decode(encoding))
    first = lines[0] if lines else ""
    return SourceText(lines, tree, encoding, first[len(first.rstrip("\r\n")) :] or "\n")


MARK_KEEPING_PACKAGES = frozenset({"hypothesis", "mock", "unittest"})
"""Packages whose decorators return a function that keeps the marks.

Below any other decorator the marker also reaches tests that the decorator generates, as
``parameterized.expand`` does; `functools.wraps` copies it.
"""


class MarkingError(Exception):
    """A file can't be edited, with the reason."""


def add_markers(
    data: bytes,
    wanted: Mapping[int, Sequence[str]],
    functions: Sequence[str] = ("test",),
    classes: Sequence[str] = ("Test",),
) -> bytes:
    """Return a module with markers added to the functions on some lines.

    A test that branches of a condition define is marked in each of them.

    Raises:
        MarkingError: The module can't be edited, or the marker would have no effect.
    """
    source = parse_source_text(data)
    if source is None:
        raise MarkingError("it is not valid Python")
    try:
        every = _add_other_definitions(source.tree, wanted)
        name = _find_marker_name(source.tree, min(every))
        lines = _insert_markers(source, every, name or f"pytest.mark.{MARKER_NAME}")
        if not name:
            lines = insert_pytest_import(replace(source, lines=lines))
        result = "".join(lines).encode(source.encoding)
        _check_marked_tests(source.tree, result, wanted, (functions, classes))
    except RecursionError as error:
        raise MarkingError("it is nested too deep") from error
    return result


def _add_other_definitions(
    tree: ast.Module, wanted: Mapping[int, Sequence[str]]
) -> Mapping[int, Sequence[str]]:
    """Return the ids by line, also for definitions of the same tests in other branches."""
    every = {line: list(ids) for line, ids in wanted.items()}
    for scope in ast.walk(tree):
        body = scope.body if isinstance(scope, (ast.Module, ast.ClassDef)) else []
        for nodes in find_definitions(body).values():
            ids = [id for node in nodes for id in wanted.get(node.lineno, ())]
            for node in nodes if len(nodes) > 1 else ():
                marked = " ".join(map(ast.unparse, node.decorator_list))
                new = [id for id in dict.fromkeys(ids) if repr(id) not in marked]
                if isinstance(node, Function) and new and node.lineno not in wanted:
                    every[node.lineno] = new
    return every


def _insert_markers(
    source: SourceText, wanted: Mapping[int, Sequence[str]], name: str
) -> list[str]:
    """Return the lines with markers, or with more ids in those that there are."""
    lines = list(source.lines)
    reducer = ExpressionReducer(build_parsed_module("", source.tree, b""))
    quote = _find_preferred_quote(lines)
    found = [node for node in ast.walk(source.tree) if isinstance(node, Function)]
    for node in sorted(found, key=lambda node: node.lineno, reverse=True):
        if node.lineno not in wanted:
            continue
        ids = ", ".join(_format_id(id, quote, source.encoding) for id in wanted[node.lineno])
        marker = next((each for each in node.decorator_list if _is_open_marker(each, name)), None)
        if isinstance(marker, ast.Call):
            row, end = marker.lineno - 1, marker.args[-1].end_col_offset
            text = lines[row].encode()
            lines[row] = f"{text[:end].decode()}, {ids}{text[end:].decode()}"
        else:
            above = _count_decorators_above(node.decorator_list, reducer)
            rows = [*(decorator.lineno for decorator in node.decorator_list), node.lineno]
            indent = lines[node.lineno - 1][: node.col_offset]
            lines.insert(rows[above] - 1, f"{indent}@{name}({ids}){source.newline}")
    return lines


def _is_open_marker(decorator: ast.expr, name: str) -> bool:
    """Return whether a decorator is a marker in one line to which ids can be added."""
    return (
        isinstance(decorator, ast.Call)
        and ast.unparse(decorator.func) == name
        and decorator.lineno == decorator.end_lineno
        and bool(decorator.args)
        and not decorator.keywords
        and not any(isinstance(argument, ast.Starred) for argument in decorator.args)
    )


def _format_id(id: str, quote: str, encoding: str) -> str:
    """Return an id as a string literal, in the quotes and the encoding of the file."""
    text = repr(id) if encoding.startswith("utf") else ascii(id)
    if quote == '"' and text[0] == "'" and '"' not in id:
        return f'"{text[1:-1]}"'
    return text


def _find_preferred_quote(lines: Sequence[str]) -> str:
    """Return the more frequent quotes of a file, double quotes if equal."""
    text = "".join(lines)
    return "'" if text.count("'") > text.count('"') else '"'


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


def insert_pytest_import(file: SourceText) -> list[str]:
    """Return the lines with ``import pytest`` in its place among the imports."""
    body = file.tree.body
    place = _find_import_index(body)
    while place < len(body) and _is_sorted_before_pytest(body[place]):
        place += 1
    while 0 < place < len(body) and _are_on_one_line(body[place - 1 : place + 1]):
        place += 1
    above = body[place - 1] if place else None
    below = body[place] if place < len(body) else None
    lines, new = list(file.lines), f"import pytest{file.newline}"
    if below is not None and _is_third_party_statement(below):
        top = _find_file_head_end(lines, below)  # a leading comment is about the whole file
        lines.insert(top if top else below.lineno - 1, new)
        return lines
    line = above.end_lineno or 0 if above else _find_file_head_end(lines, below)
    if line and not lines[line - 1].endswith(("\n", "\r")):
        lines[line - 1] += file.newline
    blanks = next((n for n, text in enumerate(lines[line:]) if text.strip()), None)
    wanted = 1 if _is_import_statement(below) else 2
    before = [file.newline] if above is not None and not _is_third_party_statement(above) else []
    after = [] if blanks is None else [file.newline] * (wanted - blanks)
    lines[line:line] = [*before, new, *after]
    return lines


def _find_import_index(body: Sequence[ast.stmt]) -> int:
    """Return the first position for an import: after the docstring and ``__future__``."""
    first = body[0] if body else None
    value = first.value if isinstance(first, ast.Expr) else None
    place = 1 if isinstance(value, ast.Constant) and isinstance(value.value, str) else 0
    while place < len(body) and _find_package(body[place]) == "__future__":
        place += 1
    return place


def _are_on_one_line(pair: Sequence[ast.stmt]) -> bool:
    return pair[0].end_lineno == pair[1].lineno


def _find_file_head_end(lines: Sequence[str], below: ast.stmt | None) -> int:
    """Return the line above the first statement and its comment, below the head of the file."""
    if below is None:
        return len(lines)
    decorators = getattr(below, "decorator_list", ())
    line: int = min([below.lineno, *(decorator.lineno for decorator in decorators)]) - 1
    while line and lines[line - 1].startswith("#") and not _FILE_HEAD_LINE.match(lines[line - 1]):
        line -= 1
    return line


def _is_import_statement(node: ast.stmt | None) -> bool:
    return isinstance(node, (ast.Import, ast.ImportFrom))


def _find_package(node: ast.stmt) -> str:
    """Return the package of an import, empty for a relative import or any other statement."""
    if isinstance(node, ast.Import):
        return node.names[0].name.partition(".")[0]
    if isinstance(node, ast.ImportFrom) and not node.level and node.module:
        return node.module.partition(".")[0]
    return ""


def _is_third_party_statement(node: ast.stmt) -> bool:
    return _find_package(node) not in ("", "__future__", *sys.stdlib_module_names)


def _is_sorted_before_pytest(node: ast.stmt) -> bool:
    """Return whether an import belongs above that of pytest, in the order of isort and ruff."""
    if _find_package(node) in sys.stdlib_module_names:
        return True
    return isinstance(node, ast.Import) and _find_package(node).casefold() < "pytest"
