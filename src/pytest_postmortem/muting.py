"""Marks and statements → why a test would fail no run: it is skipped or expected to fail."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence

from pytest_postmortem.expressions import format_dotted_name

__all__ = ["describe_empty_parameters", "describe_muting_mark", "find_unconditional_stop"]

ReduceExpression = Callable[[ast.expr], ast.expr]


def describe_muting_mark(
    name: str, args: Sequence[ast.expr], keywords: Mapping[str, ast.expr]
) -> str | None:
    """Return what a mark or a decorator of unittest makes of a test under any condition.

    ``name`` is what follows ``pytest.mark.``, or a dotted name; the arguments are reduced.
    """
    name = name.removeprefix("unittest.").removeprefix("case.")
    given = [*args[:1], *(keywords[key] for key in ("condition",) if key in keywords)]
    sure = all(_is_condition_certain(_read_constant_value(each)) for each in given)
    reason = keywords.get("reason")
    if name == "skip":
        return _format_muting_reason(
            "skipped", _read_constant_value(reason or (args[0] if args else None))
        )
    if name in ("skipif", "skipIf") and given and sure:
        reason = reason or (args[1] if name == "skipIf" and len(args) > 1 else None)
        return _format_muting_reason("skipped", _read_constant_value(reason))
    if name == "xfail" and sure:
        return _format_muting_reason("xfailed", _read_constant_value(reason))
    return "xfailed" if name == "expectedFailure" else None


def describe_empty_parameters(values: Sequence[ast.expr]) -> str | None:
    """Return what becomes of a test for which no parameters are left."""
    none = any(isinstance(each, (ast.List, ast.Tuple)) and not each.elts for each in values)
    return "skipped: empty parameter set" if none else None


def find_unconditional_stop(body: Sequence[ast.stmt], reduce: ReduceExpression) -> str | None:
    """Return what a body that skips itself, whatever happens, makes of its tests."""
    for node in body:
        value = node.exc if isinstance(node, ast.Raise) else getattr(node, "value", None)
        if isinstance(node, (ast.Expr, ast.Raise)) and isinstance(value, ast.Call):
            name = format_dotted_name(reduce(value.func))
            reasons = [*value.args[:1], *(each.value for each in value.keywords)]
            reason = _read_constant_value(reduce(reasons[0])) if reasons else None
            if name in ("pytest.skip", "self.skipTest", "unittest.SkipTest"):
                return _format_muting_reason("skipped", reason)
            if name == "pytest.xfail":
                return _format_muting_reason("xfailed", reason)
    return None


def _read_constant_value(node: ast.expr | None) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def _format_muting_reason(word: str, reason: object) -> str:
    return f"{word}: {' '.join(reason.split())}" if isinstance(reason, str) else word


def _is_condition_certain(condition: object) -> bool:
    """Say whether a condition holds wherever it is asked; a text is one that pytest evaluates."""
    try:
        return bool(ast.literal_eval(condition) if isinstance(condition, str) else condition)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return False
