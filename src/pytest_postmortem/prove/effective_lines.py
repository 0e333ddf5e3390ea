"""Find the lines of a fix that have an effect when they run: pure."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import SequenceMatcher

from pytest_postmortem.prove.ast_units import list_bound_names, split_source_lines
from pytest_postmortem.pysource.bindings import parse_python_tree

Ranges = list[tuple[int, int]]
"""Lines from 1, the last line included."""

IDLE_STATEMENTS = (ast.Import, ast.ImportFrom, ast.Pass, ast.Global, ast.Nonlocal)
"""Statements without an effect of their own; an import has one through what uses its names."""


def find_changed_ranges(one: str, other: str) -> tuple[Ranges, Ranges]:
    """Return the differing lines of two texts as ranges in each; indentation is ignored."""
    old, new = ([line.strip() for line in split_source_lines(text)] for text in (one, other))
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    changed = [code[1:] for code in matcher.get_opcodes() if code[0] != "equal"]
    return (
        [(start + 1, end) for start, end, _, _ in changed if end > start],
        [(start + 1, end) for _, _, start, end in changed if end > start],
    )


def find_effective_ranges(
    pairs: Mapping[str, tuple[str, str]],
) -> dict[str, tuple[Ranges, Ranges]]:
    """Return the differing lines of the old and the fixed text of each file, by path.

    Imports, and names that only one of the texts has, count only if nothing else differs: they run
    with the import of their module, and have an effect where they are used.
    """
    changed = {path: find_changed_ranges(*pair) for path, pair in pairs.items()}
    effective = {
        path: (
            _drop_idle_lines(old, pairs[path][0], pairs[path][1]),
            _drop_idle_lines(new, pairs[path][1], pairs[path][0]),
        )
        for path, (old, new) in changed.items()
    }
    return effective if any(old or new for old, new in effective.values()) else changed


def _drop_idle_lines(ranges: Sequence[tuple[int, int]], text: str, other: str) -> Ranges:
    """Return ranges without the lines that have no effect of their own."""
    tree, other_tree = parse_python_tree(text), parse_python_tree(other)
    if tree is None:
        return list(ranges)
    others = set(list_bound_names(other_tree.body)) if other_tree else set()
    idle = set(_list_idle_lines(tree, others))
    lines = split_source_lines(text)
    kept = [
        line
        for first, last in ranges
        for line in range(first, last + 1)
        if line not in idle and lines[line - 1].strip().partition("#")[0]
    ]
    return [(line, line) for line in kept]


def _list_idle_lines(tree: ast.Module, others: Collection[str]) -> Iterator[int]:
    added = (
        node
        for node in tree.body
        if isinstance(node, (ast.Assign, ast.AnnAssign))
        and not any(name in others for name in list_bound_names([node]))
    )
    idle = (
        node
        for node in ast.walk(tree)
        if isinstance(node, IDLE_STATEMENTS)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    )
    for node in (*added, *idle):
        yield from range(node.lineno, (node.end_lineno or node.lineno) + 1)
