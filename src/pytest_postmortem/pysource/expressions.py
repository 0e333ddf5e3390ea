"""Parts of reduced expressions: their dotted names, their elements, the arguments of calls."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

__all__ = [
    "bind_call_arguments",
    "compute_call",
    "flatten_lists",
    "fold_operation",
    "format_dotted_name",
    "is_mark_name",
    "parse_mark_name",
    "read_literal",
    "unpack_starred_list",
]


MAX_FOLDED_SIZE = 1_000
"""The longest text or list that is computed with, and the largest number of a range."""


_WIDE_FORMAT = re.compile(r"%[-+ #0]*(?:\d{4}|\*)|:[^{}]*\d{4}[^{}]*(?:\}|$)")
"""A format that pads a text to thousands of letters."""


TEXT_METHODS = frozenset(
    {
        *("capitalize", "format", "join", "lower", "lstrip", "partition", "removeprefix"),
        *("removesuffix", "replace", "rpartition", "rstrip", "split", "strip", "title", "upper"),
        "zfill",
    }
)


def _list_range_numbers(*bounds: int) -> list[int]:
    """Return the numbers of a range that is short."""
    found = range(*bounds)
    if len(found) > MAX_FOLDED_SIZE:
        raise ValueError(bounds)
    return list(found)


FOLDED_BUILTINS: Mapping[str, Callable[..., Any]] = {
    "str": str,
    "int": int,
    "list": list,
    "tuple": tuple,
    "range": _list_range_numbers,
    "sorted": sorted,
    "reversed": lambda each: list(reversed(each)),
    "len": len,
    "repr": repr,
}


FORMAT_CONVERSIONS: Mapping[int, Callable[[Any], Any]] = {115: str, 114: repr, 97: ascii}
"""What ``!s``, ``!r`` and ``!a`` do in an f-string."""


def read_literal(node: ast.expr) -> tuple[Any] | None:
    """Return the value of a literal, in a tuple, None for what is computed."""
    try:
        return (ast.literal_eval(node),)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None


def unpack_starred_list(node: ast.expr) -> Sequence[ast.expr]:
    """Return the elements of a starred list, anything else as it is."""
    if isinstance(node, ast.Starred) and isinstance(node.value, (ast.List, ast.Tuple, ast.Set)):
        return node.value.elts
    return [node]


def fold_operation(node: ast.expr) -> ast.expr:
    """Return the value of an operation whose operands are known, anything else as it is."""
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        node.elts = [part for each in node.elts for part in unpack_starred_list(each)]
    elif isinstance(node, ast.BinOp):
        return _fold_binary_operation(node)
    elif isinstance(node, ast.JoinedStr):
        parts = [read_literal(_fold_format_part(each)) for each in node.values]
        if None not in parts:
            return ast.copy_location(ast.Constant("".join(str(p[0]) for p in parts if p)), node)
    elif isinstance(node, ast.Subscript):
        return _fold_subscript(node) or node
    return node


def _fold_format_part(node: ast.expr) -> ast.expr:
    """Return a part of an f-string as text."""
    if not isinstance(node, ast.FormattedValue):
        return node
    value = read_literal(node.value)
    spec: tuple[Any, ...] | None = read_literal(node.format_spec) if node.format_spec else ("",)
    if not value or not spec or _is_large_value(value[0]) or _WIDE_FORMAT.search(f":{spec[0]}"):
        return node
    shown = FORMAT_CONVERSIONS.get(node.conversion, lambda each: each)(value[0])
    return _try_computation(lambda: format(shown, spec[0]), node) or node


def _fold_binary_operation(node: ast.BinOp) -> ast.expr:
    sides = (node.left, node.right)
    if isinstance(node.op, ast.Add):
        lists = [each for each in sides if isinstance(each, (ast.List, ast.Tuple))]
        if len(lists) == 2:
            elements = [part for each in lists for part in each.elts]
            return ast.copy_location(ast.List(elements, ast.Load()), node)
    left, right = map(read_literal, sides)
    if not left or not right or any(_is_large_value(each[0]) for each in (left, right)):
        return node
    if not isinstance(left[0], (str, int)):
        return node
    result: ast.expr | None = None
    if isinstance(node.op, ast.Add):
        result = _try_computation(lambda: left[0] + right[0], node)
    elif isinstance(node.op, ast.Mod) and not _WIDE_FORMAT.search(str(left[0])):
        result = _try_computation(lambda: left[0] % right[0], node)
    return result or node


def _fold_subscript(node: ast.Subscript) -> ast.expr | None:
    """Return an element of a dictionary, None where it is unclear which."""
    key = read_literal(node.slice)
    if key is None or not isinstance(node.value, ast.Dict):
        return None
    keys = [read_literal(each) if each else None for each in node.value.keys]
    pairs = zip(keys, node.value.values, strict=True)
    matching_values = [value for element_key, value in pairs if element_key == key]
    return matching_values[-1] if matching_values and None not in keys else None


def compute_call(node: ast.Call) -> ast.expr | None:
    """Return what a method of a text or a built-in function makes of literals."""
    function = node.func
    name = function.id if type(function) is ast.Name else ""
    first = node.args[0] if len(node.args) == 1 else None
    if name in ("list", "tuple") and isinstance(first, (ast.List, ast.Tuple)):
        return first
    literal_args = [read_literal(each) for each in node.args]
    named = [(each.arg, read_literal(each.value)) for each in node.keywords]
    if None in literal_args or any(key is None or value is None for key, value in named):
        return None
    args = [each[0] for each in literal_args if each]
    keywords = {str(key): value[0] for key, value in named if value}
    call: Callable[..., Any] | None = FOLDED_BUILTINS.get(name)
    if isinstance(function, ast.Attribute) and function.attr in TEXT_METHODS:
        owner = read_literal(function.value)
        if not owner or not isinstance(owner[0], str) or _WIDE_FORMAT.search(owner[0]):
            return None
        if _is_large_value(owner[0]) or any(
            isinstance(each, int) and each > MAX_FOLDED_SIZE for each in args
        ):
            return None
        call = getattr(owner[0], function.attr)
    if call is None or any(map(_is_large_value, (*args, *keywords.values()))):
        return None
    return _try_computation(lambda: call(*args, **keywords), node)


def _is_large_value(value: object) -> bool:
    """Say whether to compute with a value would take long."""
    if isinstance(value, (str, bytes, list, tuple, set, dict)):
        return len(value) > MAX_FOLDED_SIZE
    return isinstance(value, int) and abs(value) > MAX_FOLDED_SIZE**3


def _try_computation(compute: Callable[[], object], place: ast.expr) -> ast.expr | None:
    """Return the value of a computation as an expression, None where it fails."""
    try:
        return _build_value_expression(compute(), place)
    except Exception:  # whatever the operation raises for these values
        return None


def _build_value_expression(value: object, place: ast.expr) -> ast.expr:
    """Return a value as an expression."""
    if isinstance(value, (list, tuple, range)):
        made: ast.expr = ast.List(
            [_build_value_expression(each, place) for each in value], ast.Load()
        )
    elif value is None or isinstance(value, (str, bytes, int, float)):
        made = ast.Constant(value)
    else:
        raise TypeError(type(value))
    return ast.copy_location(made, place)


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
