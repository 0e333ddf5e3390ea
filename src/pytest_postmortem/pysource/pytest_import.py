"""Insert ``import pytest`` into a module, in the order of isort and ruff."""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Sequence
from itertools import takewhile

_SOURCE_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_FILE_HEAD_LINE = re.compile(r"#!|#.*coding[:=]")


def add_pytest_import(data: bytes) -> bytes:
    """Return a module, which is valid Python, with ``import pytest`` among its imports."""
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    return insert_pytest_import(data.decode(encoding), ast.parse(data).body).encode(encoding)


def insert_pytest_import(text: str, body: Sequence[ast.stmt]) -> str:
    """Return the text of a module with ``import pytest`` among its imports.

    ``body`` has its statements.
    """
    lines: list[str] = _SOURCE_LINE.findall(text)
    newline = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    place = _find_import_index(body)
    while place < len(body) and _is_sorted_before_pytest(body[place]):
        place += 1
    while 0 < place < len(body) and body[place - 1].end_lineno == body[place].lineno:
        place += 1
    above = body[place - 1] if place else None
    below = body[place] if place < len(body) else None
    new = f"import pytest{newline}"
    if below is not None and _is_third_party(below):
        top = _find_file_head_end(lines, below)  # a leading comment is about the whole file
        lines.insert(top if top else below.lineno - 1, new)
        return "".join(lines)
    line = above.end_lineno or 0 if above else _find_file_head_end(lines, below)
    if line and not lines[line - 1].endswith(("\n", "\r")):
        lines[line - 1] += newline
    before = [newline] if above is not None and not _is_third_party(above) else []
    needed = 0 if below is None else 1 if _is_import(below) else 2
    blank = sum(1 for _ in takewhile(lambda text: not text.strip(), lines[line:]))
    after = [newline] * (needed - blank)
    lines[line:line] = [*before, new, *after]
    return "".join(lines)


def _find_import_index(body: Sequence[ast.stmt]) -> int:
    """Return the first position for an import: after the docstring and ``__future__``."""
    first = body[0] if body else None
    value = first.value if isinstance(first, ast.Expr) else None
    place = 1 if isinstance(value, ast.Constant) and isinstance(value.value, str) else 0
    while place < len(body) and _find_package(body[place]) == "__future__":
        place += 1
    return place


def _find_file_head_end(lines: Sequence[str], below: ast.stmt | None) -> int:
    """Return the line above the first statement and its comment, below the head of the file."""
    if below is None:
        return len(lines)
    decorators = getattr(below, "decorator_list", ())
    line: int = min([below.lineno, *(decorator.lineno for decorator in decorators)]) - 1
    while line and lines[line - 1].startswith("#") and not _FILE_HEAD_LINE.match(lines[line - 1]):
        line -= 1
    return line


def _is_import(node: ast.stmt | None) -> bool:
    return isinstance(node, (ast.Import, ast.ImportFrom))


def _find_package(node: ast.stmt) -> str:
    """Return the package of an import, empty for a relative import or any other statement."""
    if isinstance(node, ast.Import):
        return max(alias.name.partition(".")[0] for alias in node.names)
    if isinstance(node, ast.ImportFrom) and not node.level and node.module:
        return node.module.partition(".")[0]
    return ""


def _is_third_party(node: ast.stmt) -> bool:
    return _find_package(node) not in ("", "__future__", *sys.stdlib_module_names)


def _is_sorted_before_pytest(node: ast.stmt) -> bool:
    if _find_package(node) in sys.stdlib_module_names:
        return True
    return isinstance(node, ast.Import) and _find_package(node).casefold() < "pytest"
