"""A module without ``import pytest`` → the same with it, where it belongs among the imports."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import libcst as cst

__all__ = ["add_pytest_import"]

ModuleStatement = cst.SimpleStatementLine | cst.BaseCompoundStatement

_BLANK_LINE = cst.EmptyLine(indent=False)


def add_pytest_import(module: cst.Module) -> cst.Module:
    """Add ``import pytest``: behind the docstring, ``__future__`` and the standard library."""
    body: list[ModuleStatement] = list(module.body)
    place = _find_first_import_index(body)
    while (
        place < len(body) and _is_import_line(body[place]) and _is_sorted_above_pytest(body[place])
    ):
        place += 1
    new = cst.SimpleStatementLine([cst.Import([cst.ImportAlias(cst.Name("pytest"))])])
    after = body[place] if place < len(body) else None
    if place and not _is_third_party_import(body[place - 1]):
        new = new.with_changes(leading_lines=[_BLANK_LINE])
        if after and _is_third_party_import(after):
            body[place] = after.with_changes(
                leading_lines=_strip_leading_blanks(after.leading_lines)
            )
    if after and not _is_import_line(after):
        header, own = _split_module_header(module.header) if place == 0 else (module.header, ())
        body[place] = _add_leading_blanks(body[place], 2, own)
        module = module.with_changes(header=header)
    elif after and not _is_third_party_import(after):
        body[place] = _add_leading_blanks(body[place], 1)
    body.insert(place, new)
    return module.with_changes(body=body)


def _split_module_header(
    header: Sequence[cst.EmptyLine],
) -> tuple[Sequence[cst.EmptyLine], Sequence[cst.EmptyLine]]:
    """Split the head of a module from the comment that belongs to the definition below it."""
    place = len(header)
    while place and header[place - 1].comment and not _is_declaration_line(header[place - 1]):
        place -= 1
    return header[:place], header[place:]


def _is_declaration_line(line: cst.EmptyLine) -> bool:
    text = line.comment.value if line.comment else ""
    return text.startswith("#!") or "coding" in text


def _find_first_import_index(body: Sequence[ModuleStatement]) -> int:
    """Return where the first import may stand: behind the docstring and ``__future__``."""
    place = 1 if body and _is_docstring_line(body[0]) else 0
    while place < len(body) and _list_imported_packages(body[place]) == ("__future__",):
        place += 1
    return place


def _is_docstring_line(node: ModuleStatement) -> bool:
    first = node.body[0] if isinstance(node, cst.SimpleStatementLine) else None
    texts = (cst.SimpleString, cst.ConcatenatedString)
    return isinstance(first, cst.Expr) and isinstance(first.value, texts)


def _is_import_line(node: ModuleStatement) -> bool:
    first = node.body[0] if isinstance(node, cst.SimpleStatementLine) else None
    return isinstance(first, (cst.Import, cst.ImportFrom))


def _list_imported_packages(node: ModuleStatement) -> tuple[str, ...]:
    """Return the packages that a statement imports from, an empty name for a relative import."""
    first = node.body[0] if isinstance(node, cst.SimpleStatementLine) else None
    if isinstance(first, cst.Import):
        return tuple(_find_root_package(alias.name) for alias in first.names)
    if isinstance(first, cst.ImportFrom):
        return ("" if first.relative or first.module is None else _find_root_package(first.module),)
    return ()


def _find_root_package(name: cst.Attribute | cst.Name) -> str:
    node: cst.BaseExpression = name
    while isinstance(node, cst.Attribute):
        node = node.value
    return node.value if isinstance(node, cst.Name) else ""


def _is_standard_library_import(node: ModuleStatement) -> bool:
    known = {"__future__", *sys.stdlib_module_names}
    return bool(_list_imported_packages(node)) and all(
        root in known for root in _list_imported_packages(node)
    )


def _is_third_party_import(node: ModuleStatement) -> bool:
    return (
        _is_import_line(node)
        and not _is_standard_library_import(node)
        and "" not in _list_imported_packages(node)
    )


def _is_sorted_above_pytest(node: ModuleStatement) -> bool:
    """Say whether an import belongs above that of pytest."""
    if _is_standard_library_import(node):
        return True
    first = node.body[0] if isinstance(node, cst.SimpleStatementLine) else None
    return (
        isinstance(first, cst.Import) and max(_list_imported_packages(node)).casefold() < "pytest"
    )


def _strip_leading_blanks(lines: Sequence[cst.EmptyLine]) -> Sequence[cst.EmptyLine]:
    """Return what stands above a statement without the blank lines at its top."""
    blank = next((n for n, each in enumerate(lines) if each.comment), len(lines))
    return lines[blank:]


def _add_leading_blanks(
    node: ModuleStatement, most: int, above: Sequence[cst.EmptyLine] = ()
) -> ModuleStatement:
    """Return a statement with some blank lines above it, and above the comment that it has."""
    lines = [*above, *node.leading_lines]
    blank = next((n for n, each in enumerate(lines) if each.comment), len(lines))
    return node.with_changes(leading_lines=[*[_BLANK_LINE] * (most - blank), *lines])
