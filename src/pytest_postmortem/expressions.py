"""Parts of reduced expressions: their dotted names, their elements, the arguments of calls."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence

__all__ = [
    "bind_call_arguments",
    "flatten_lists",
    "format_dotted_name",
    "is_mark_name",
    "parse_mark_name",
]


def parse_mark_name(name: str) -> str:
    """Return the name of the mark that a dotted name is, an empty text for anything else."""
    own = name.removesuffix(".with_args")
    return own.rpartition(".")[2] if is_mark_name(own) else ""


def is_mark_name(name: str) -> bool:
    """Say whether a dotted name is that of a mark, ``pytest.mark.NAME`` or ``mark.NAME``."""
    return name.startswith("mark.") or ".mark." in name


def format_dotted_name(node: ast.expr) -> str:
    """Return the dotted name of a reduced expression, which begins with a dot if it has no root."""
    attributes: list[str] = []
    while isinstance(node, ast.Attribute):
        attributes.append(node.attr)
        node = node.value
    root = node.id if isinstance(node, ast.Name) else ""
    return ".".join([root, *reversed(attributes)])


def flatten_lists(node: ast.expr) -> Iterator[ast.expr]:
    """Yield the elements of reduced lists within lists, anything else as it is."""
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        for each in node.elts:
            yield from flatten_lists(each)
    elif isinstance(node, ast.Starred):
        yield from flatten_lists(node.value)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        yield from flatten_lists(node.left)
        yield from flatten_lists(node.right)
    else:
        yield node


def bind_call_arguments(
    wanted: ast.arguments, args: Sequence[ast.expr], keywords: Sequence[ast.keyword]
) -> Mapping[str, ast.expr] | None:
    """Return the parameters of a function by name, None where they don't fit."""
    names = [each.arg for each in (*wanted.posonlyargs, *wanted.args)]
    if any(isinstance(each, ast.Starred) for each in args) or wanted.kwarg:
        return None
    if len(args) > len(names) and not wanted.vararg:
        return None
    bound_arguments: dict[str, ast.expr] = dict(zip(names, args, strict=False))
    if wanted.vararg:
        bound_arguments[wanted.vararg.arg] = ast.Tuple(list(args[len(names) :]), ast.Load())
    parameter_names = {*names, *(each.arg for each in wanted.kwonlyargs)}
    for each in keywords:
        if each.arg not in parameter_names:
            return None
        bound_arguments[str(each.arg)] = each.value
    return bound_arguments
