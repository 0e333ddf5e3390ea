"""The lines of a fix in each of its versions and in today's text, and its parts: pure."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from pytest_postmortem.prove.ast_units import (
    is_text_statement,
    list_bound_names,
    split_source_lines,
)
from pytest_postmortem.pysource.bindings import parse_python_tree

Ranges = list[tuple[int, int]]
"""Lines from 1, the last line included."""

Block = tuple[str, int, int, int, int]
"""Equal or differing lines of two texts, as `difflib` describes them: counted from 0."""

IDLE_STATEMENTS = (ast.Import, ast.ImportFrom, ast.Pass, ast.Global, ast.Nonlocal)
"""Statements without an effect of their own; an import has one through what uses its names."""


def find_changed_ranges(one: str, other: str) -> tuple[Ranges, Ranges]:
    """Return the differing lines of two texts as ranges in each; indentation is ignored."""
    old, new = ([line.strip() for line in split_source_lines(text)] for text in (one, other))
    changed = [*filter(_is_changed, _compare_lines(old, new))]
    return (
        [(start + 1, end) for _, start, end, _, _ in changed if end > start],
        [(start + 1, end) for _, _, _, start, end in changed if end > start],
    )


def _compare_lines(one: Sequence[str], other: Sequence[str]) -> Sequence[Block]:
    return SequenceMatcher(None, one, other, autojunk=False).get_opcodes()


def _is_changed(block: Block) -> bool:
    return block[0] != "equal"


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
    for node in added:
        yield from range(node.lineno, (node.end_lineno or node.lineno) + 1)
    yield from _list_statement_lines(tree, _is_idle_statement)


def _is_idle_statement(node: ast.stmt) -> bool:
    return isinstance(node, IDLE_STATEMENTS) or is_text_statement(node)


def _list_statement_lines(tree: ast.Module, is_wanted: Callable[[ast.stmt], bool]) -> Iterator[int]:
    """Yield the lines of some statements, however deep they are."""
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and is_wanted(node):
            yield from range(node.lineno, (node.end_lineno or node.lineno) + 1)


def find_differing_lines(text: str, other: str) -> Ranges:
    """Return the lines that another text lacks, and those around lines that only it has."""
    mine, theirs = (
        [line.rstrip("\n") for line in split_source_lines(version)] for version in (text, other)
    )
    return [
        (max(first, 1), last + 1) if first == last else (first + 1, last)
        for _, first, last, _, _ in filter(_is_changed, _compare_lines(mine, theirs))
    ]


def find_reading_lines(text: str, names: Collection[str]) -> Ranges:
    """Return the lines of a text that read one of some names, also as an attribute."""
    tree = parse_python_tree(text)
    line_numbers = (
        {
            node.lineno
            for node in ast.walk(tree)
            if (isinstance(node, ast.Name) and node.id in names)
            or (isinstance(node, ast.Attribute) and node.attr in names)
        }
        if tree and names
        else set()
    )
    return [(line, line) for line in sorted(line_numbers)]


MAX_UNCHANGED_LINES = 2
"""The maximum of lines between two changes of one part."""


@dataclass(frozen=True, slots=True)
class FixPart:
    """Lines of a file with the fix, the last included, and the text of the file without that part.

    Lines that the fix only removed have the line before them. ``text`` is None for a file that the
    fix added. ``shown`` is the first line of the part, of code if it has any.
    """

    path: str
    lines: tuple[int, int]
    text: str | None
    shown: str


def revert_parts_one_by_one(
    fixed: Mapping[str, str | None], before: Mapping[str, str | None]
) -> Iterator[FixPart]:
    """Yield each part of each file."""
    for path, text in fixed.items():
        old = before.get(path)
        if text is None or old is None:
            lines = split_source_lines(text or old or "")
            yield FixPart(path, (1, max(1, len(lines))), old, _find_first_text(lines))
            continue
        fixed_lines, old_lines = split_source_lines(text), split_source_lines(old)
        tree = parse_python_tree(text)
        prose = set(_list_statement_lines(tree, is_text_statement)) if tree else set()
        for first, last, start, end in _list_changed_blocks(fixed_lines, old_lines):
            changed = [*fixed_lines[:first], *old_lines[start:end], *fixed_lines[last:]]
            own = [
                line
                for number, line in enumerate(fixed_lines[first:last], first + 1)
                if number not in prose and line not in old_lines[start:end]
            ]
            shown = _find_first_text([*own, *fixed_lines[first:last], *old_lines[start:end]])
            yield FixPart(path, (first + 1, max(last, first + 1)), "".join(changed), shown)


def _find_first_text(lines: Sequence[str]) -> str:
    return next((line.strip() for line in lines if line.strip()), "")


def _list_changed_blocks(mine: list[str], other: list[str]) -> Iterator[list[int]]:
    """Yield the ranges of differing lines; ranges close to each other are joined."""
    current: list[int] = []
    for _, *block in filter(_is_changed, _compare_lines(mine, other)):
        if current and block[0] - current[1] <= MAX_UNCHANGED_LINES:
            block[0], block[2] = current[0], current[2]
        elif current:
            yield current
        current = block
    if current:
        yield current


def find_lines_today(
    fixed: str, today: str, ranges: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Return lines of the text with the fix as they are in today's text.

    Lines that have changed since are those in their place, and lines that are gone are left out.
    """
    blocks = _compare_lines(split_source_lines(fixed), split_source_lines(today))
    found = []
    for first, last in ranges:
        for code, start, end, place, end_place in blocks:
            if last <= start or end < first:
                continue
            if code == "equal":
                shift = place - start
                found.append((max(first, start + 1) + shift, min(last, end) + shift))
            elif code == "replace":
                found.append((place + 1, end_place))
    return list(dict.fromkeys(found))
