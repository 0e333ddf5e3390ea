"""Parts of reduced expressions: their dotted names, their elements, the arguments of calls."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pytest_postmortem.evaluation.links import may_have_ids

MAX_FOLDED_SIZE = 1_000
"""The number of letters or digits up to which texts are joined."""


def read_literal(node: ast.expr) -> tuple[Any] | None:
    """Return the value of a literal in a tuple, None for a computed value."""
    try:
        return (ast.literal_eval(node),)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None


def unpack_starred_list(node: ast.expr) -> Sequence[ast.expr]:
    """Return the elements of a starred list, anything else as it is."""
    if isinstance(node, ast.Starred) and isinstance(node.value, (ast.List, ast.Tuple, ast.Set)):
        return node.value.elts
    return [node]


def read_literal_arguments(args: Iterable[ast.expr]) -> tuple[tuple[Any, ...], bool]:
    """Return the literals among the arguments of a reduced call, and whether all are."""
    values = [read_literal(part) for argument in args for part in unpack_starred_list(argument)]
    return tuple(value[0] for value in values if value), None not in values


def read_literal_keywords(keywords: Mapping[str, ast.expr]) -> tuple[dict[str, Any], bool]:
    """Return the keywords of a reduced call, ``...`` for a computed value.

    The flag says whether all are literals that may be ids of a foreign mark.
    """
    values = {key: read_literal(node) for key, node in keywords.items()}
    complete = all(value for key, value in values.items() if may_have_ids(key))
    return {key: value[0] if value else ... for key, value in values.items()}, complete


def fold_operation(node: ast.expr) -> ast.expr:
    """Return the list or text that a display, a sum or an f-string makes of reduced parts.

    Any other expression is returned as it is.
    """
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        node.elts = [part for element in node.elts for part in unpack_starred_list(element)]
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _fold_sum(node)
    elif isinstance(node, ast.JoinedStr):
        parts = [_fold_format_part(part) for part in node.values]
        return node if None in parts else _build_text("".join(filter(None, parts)), node)
    return node


def _fold_sum(node: ast.BinOp) -> ast.expr:
    """Return the sum of two lists or two texts; any other sum as it is."""
    left, right = node.left, node.right
    if isinstance(left, (ast.List, ast.Tuple)) and isinstance(right, (ast.List, ast.Tuple)):
        return ast.copy_location(ast.List([*left.elts, *right.elts], ast.Load()), node)
    texts = [side.value for side in (left, right) if isinstance(side, ast.Constant)]
    if len(texts) == 2 and all(isinstance(text, str) for text in texts):
        return _build_text("".join(map(str, texts)), node)
    return node


def _fold_format_part(node: ast.expr) -> str | None:
    """Return the text of a part of an f-string, None for a format or an unknown value."""
    if isinstance(node, ast.FormattedValue):
        if node.format_spec is not None or node.conversion not in (-1, ord("s")):
            return None
        node = node.value
    value = node.value if isinstance(node, ast.Constant) else None
    if isinstance(value, int) and abs(value) < 10**MAX_FOLDED_SIZE:
        return str(value)
    return value if isinstance(value, str) else None


def _build_text(text: str, place: ast.expr) -> ast.expr:
    """Return a text as a constant, ``place`` itself where it is too long."""
    return ast.copy_location(ast.Constant(text), place) if len(text) <= MAX_FOLDED_SIZE else place


class PluginDecorator(NamedTuple):
    """A decorator of a pytest plugin: the mark that it sets, and the names of its parameters, of
    which the first is the argument of the mark. Without names all arguments are ids.
    """

    mark: str
    parameters: tuple[str, ...] = ()


PLUGIN_DECORATORS: Mapping[str, PluginDecorator] = {
    "allure.issue": PluginDecorator("allure_link", ("url", "name")),
    "allure.link": PluginDecorator("allure_link", ("url", "link_type", "name")),
    "allure.testcase": PluginDecorator("allure_link", ("url", "name")),
    "pytest_testrail.plugin.pytestrail.case": PluginDecorator("testrail"),
    "pytest_testrail.plugin.pytestrail.defect": PluginDecorator("testrail_defects"),
    "pytest_testrail.plugin.testrail": PluginDecorator("testrail"),
}
"""Decorators by their dotted names, as of allure-pytest 2.16 and pytest-testrail 3.1."""


def find_plugin_decorators(marks: Collection[str]) -> list[str]:
    """Return the dotted names of the decorators that set one of these marks."""
    return [name for name, own in PLUGIN_DECORATORS.items() if own.mark in marks]


def find_plugin_decorator(name: str) -> str:
    """Return the decorator of a plugin whose dotted name ends so, an empty text for none."""
    if "." not in name:
        return ""
    ends = (each for each in PLUGIN_DECORATORS if f".{each}".endswith(f".{name}"))
    return next(ends, "")


def parse_mark_name(name: str) -> str:
    """Return the name of the mark in a dotted name, an empty text for any other name."""
    own = name.removesuffix(".with_args")
    if own in PLUGIN_DECORATORS:
        return PLUGIN_DECORATORS[own].mark
    return own.rpartition(".")[2] if is_mark_name(own) else ""


def is_mark_name(name: str) -> bool:
    """Return whether a dotted name is ``pytest.mark.NAME``, ``mark.NAME``, or sets a mark."""
    return name.startswith("mark.") or ".mark." in name or name in PLUGIN_DECORATORS


def bind_decorator_arguments(
    name: str, args: Sequence[ast.expr], keywords: Mapping[str, ast.expr]
) -> tuple[list[ast.expr], dict[str, ast.expr]]:
    """Return the arguments that a mark gets from the call of a decorator or of ``pytest.mark``."""
    decorator = PLUGIN_DECORATORS.get(name)
    if decorator is None or not decorator.parameters:
        return list(args), dict(keywords)
    bound = {**dict(zip(decorator.parameters, args, strict=False)), **keywords}
    first = bound.pop(decorator.parameters[0], None)
    return [] if first is None else [first], bound


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
    parameters: ast.arguments, args: Sequence[ast.expr], keywords: Sequence[ast.keyword]
) -> Mapping[str, ast.expr] | None:
    """Return the arguments of a call by parameter, None where defaults or unpacking decide."""
    names = [parameter.arg for parameter in (*parameters.posonlyargs, *parameters.args)]
    if any(isinstance(argument, ast.Starred) for argument in args) or parameters.kwarg:
        return None
    if len(args) > len(names) and not parameters.vararg:
        return None
    arguments: dict[str, ast.expr] = dict(zip(names, args, strict=False))
    if parameters.vararg:
        arguments[parameters.vararg.arg] = ast.Tuple(list(args[len(names) :]), ast.Load())
    names += [parameter.arg for parameter in parameters.kwonlyargs]
    for keyword in keywords:
        if keyword.arg not in names:
            return None
        arguments[str(keyword.arg)] = keyword.value
    return arguments if arguments.keys() >= set(names) else None


def mask_local_names(node: ast.AST) -> Mapping[str, ast.expr]:
    """Return the names that a function, class, lambda or comprehension binds, each unresolved."""
    names: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.arg):
            names.add(part.arg)
        elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            names.add(part.id)
        elif isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.update([part.name] if part is not node else [])
    return {name: ast.Name(name, ast.Load(), lineno=1, col_offset=0) for name in names}
