"""Parts of reduced expressions: their dotted names, their elements, the arguments of calls."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence

__all__ = ["bind_arguments", "dotted", "flatten", "is_mark_name", "mark_of"]


def mark_of(name: str) -> str:
    """Return the name of the mark that a dotted name is, an empty text for anything else."""
    own = name.removesuffix(".with_args")
    return own.rpartition(".")[2] if is_mark_name(own) else ""


def is_mark_name(name: str) -> bool:
    """Say whether a dotted name is that of a mark, ``pytest.mark.NAME`` or ``mark.NAME``."""
    return name.startswith("mark.") or ".mark." in name


def dotted(node: ast.expr) -> str:
    """Return the dotted name of a reduced expression, which begins with a dot if it has no root."""
    attributes: list[str] = []
    while isinstance(node, ast.Attribute):
        attributes.append(node.attr)
        node = node.value
    root = node.id if isinstance(node, ast.Name) else ""
    return ".".join([root, *reversed(attributes)])


def flatten(node: ast.expr) -> Iterator[ast.expr]:
    """Yield the elements of reduced lists within lists, anything else as it is."""
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        for each in node.elts:
            yield from flatten(each)
    elif isinstance(node, ast.Starred):
        yield from flatten(node.value)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        yield from flatten(node.left)
        yield from flatten(node.right)
    else:
        yield node


def bind_arguments(
    wanted: ast.arguments, args: Sequence[ast.expr], keywords: Sequence[ast.keyword]
) -> Mapping[str, ast.expr] | None:
    """Return the parameters of a function by name, None where they don't fit."""
    names = [each.arg for each in (*wanted.posonlyargs, *wanted.args)]
    if any(isinstance(each, ast.Starred) for each in args) or wanted.kwarg:
        return None
    if len(args) > len(names) and not wanted.vararg:
        return None
    found: dict[str, ast.expr] = dict(zip(names, args, strict=False))
    if wanted.vararg:
        found[wanted.vararg.arg] = ast.Tuple(list(args[len(names) :]), ast.Load())
    known = {*names, *(each.arg for each in wanted.kwonlyargs)}
    for each in keywords:
        if each.arg not in known:
            return None
        found[str(each.arg)] = each.value
    return found
