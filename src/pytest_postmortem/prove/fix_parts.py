"""The parts of a fix, each reverted alone, and its lines in today's text: pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from pytest_postmortem.prove.ast_units import split_source_lines
from pytest_postmortem.pysource.bindings import parse_python_tree

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)

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
        prose = _find_docstring_lines(text)
        for first, last, start, end in _list_changed_blocks(fixed_lines, old_lines):
            changed = [*fixed_lines[:first], *old_lines[start:end], *fixed_lines[last:]]
            own = [
                line
                for number, line in enumerate(fixed_lines[first:last], first + 1)
                if number not in prose and line not in old_lines[start:end]
            ]
            shown = _find_first_text([*own, *fixed_lines[first:last], *old_lines[start:end]])
            yield FixPart(path, (first + 1, max(last, first + 1)), "".join(changed), shown)


def _find_docstring_lines(text: str) -> set[int]:
    """Return the numbers of the lines of docstrings, none for a text that is not Python."""
    tree = parse_python_tree(text)
    numbers: set[int] = set()
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            prose = node.body[0]
            numbers.update(range(prose.lineno, (prose.end_lineno or prose.lineno) + 1))
    return numbers


def _find_first_text(lines: Sequence[str]) -> str:
    return next((line.strip() for line in lines if line.strip()), "")


def _list_changed_blocks(mine: list[str], other: list[str]) -> Iterator[tuple[int, int, int, int]]:
    """Yield the ranges of differing lines; ranges close to each other are joined."""
    codes = SequenceMatcher(None, mine, other, autojunk=False).get_opcodes()
    current: tuple[int, int, int, int] | None = None
    for code, *places in codes:
        first, last, start, end = places
        if code == "equal":
            continue
        if current is not None and first - current[1] <= MAX_UNCHANGED_LINES:
            current = (current[0], last, current[2], end)
            continue
        if current is not None:
            yield current
        current = (first, last, start, end)
    if current is not None:
        yield current


def find_lines_today(
    fixed: str, today: str, ranges: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Return lines of the text with the fix as they are in today's text.

    Lines that have changed since are those in their place, and lines that are gone are left out.
    """
    matcher = SequenceMatcher(
        None, split_source_lines(fixed), split_source_lines(today), autojunk=False
    )
    codes = matcher.get_opcodes()
    found = []
    for first, last in ranges:
        for code, start, end, place, end_place in codes:
            if last <= start or end < first:
                continue
            if code == "equal":
                shift = place - start
                found.append((max(first, start + 1) + shift, min(last, end) + shift))
            elif code == "replace":
                found.append((place + 1, end_place))
    return list(dict.fromkeys(found))
