"""Marks of ours on functions and classes that pytest does not collect, as the code has them.

A mark counts as lost only where nothing else can use it: no other test has it, by inheritance,
and no code that only a run shows links its ids.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pytest_postmortem.evaluation.links import parse_marks
from pytest_postmortem.model import fold_id
from pytest_postmortem.options import MARKER_NAME
from pytest_postmortem.pysource.bindings import Definition, find_definitions, walk_statements
from pytest_postmortem.pysource.expressions import format_dotted_name, is_mark_name
from pytest_postmortem.pysource.test_reader import CONSTRUCTORS, SourceMark, SourceTest


@dataclass(frozen=True, slots=True)
class LostMark:
    """A mark on something else than a test; ``reason`` is empty where only its name is wrong."""

    line: int
    ids: tuple[str, ...]
    name: str
    reason: str = ""


class LostMarkFinder:
    """Finds the marks that no test of a suite has."""

    def __init__(self, reading: Mapping[str, Sequence[SourceTest] | None]) -> None:
        tests = [test for file_tests in reading.values() for test in file_tests or ()]
        self._used = {
            (mark.line, _fold_ids(mark))
            for test in tests
            for mark in test.marks
            if mark.name == MARKER_NAME
        }
        self._claims: dict[str, set[tuple[str, int]]] = defaultdict(set)
        for path, file_tests in reading.items():
            for place in (place for test in file_tests or () for place in test.unread):
                for id in place.claim.ids:
                    self._claims[fold_id(id)].add((path, place.line))
        self._is_open = any(place.claim.more for test in tests for place in test.unread)

    def find(self, path: str, tree: ast.Module) -> Iterator[LostMark]:
        """Yield the lost marks of a file."""
        for mark in () if self._is_open else _find_marks(tree.body, "", ""):
            ids = frozenset(map(fold_id, mark.ids))
            places = {place for id in ids for place in self._claims[id]}
            if ids and (mark.line, ids) not in self._used and places <= {(path, mark.line)}:
                yield mark


def _find_marks(body: Sequence[ast.stmt], prefix: str, outer: str) -> Iterator[LostMark]:
    """Yield all marks on functions and classes, as if each were lost."""
    definitions = [
        (node, certain)
        for node, certain in walk_statements(body, certain=True)
        if isinstance(node, Definition)
    ]
    last = {node.name: node.lineno for node, certain in definitions if certain}
    for node, _ in definitions:
        name, reason = prefix + node.name, outer
        if last.get(node.name, 0) > node.lineno:
            reason = reason or f"line {last[node.name]} defines {name} again"
        elif isinstance(node, ast.ClassDef) and CONSTRUCTORS & find_definitions(node.body).keys():
            reason = reason or f"{name} has a constructor"
        for mark in filter(None, map(_read_mark, node.decorator_list)):
            yield LostMark(mark.line, tuple(parse_marks([mark]).ids), name, reason)
        if isinstance(node, ast.ClassDef):
            yield from _find_marks(node.body, f"{name}.", reason)


def _read_mark(node: ast.expr) -> SourceMark | None:
    """Return a mark of ours that is called with literal ids, None for all else."""
    if not isinstance(node, ast.Call):
        return None
    name = format_dotted_name(node.func)
    if not is_mark_name(name) or name.rpartition(".")[2] != MARKER_NAME:
        return None
    ids = tuple(each.value for each in node.args if isinstance(each, ast.Constant))
    return SourceMark(MARKER_NAME, ids, {}, node.lineno)


def _fold_ids(mark: SourceMark) -> frozenset[str]:
    return frozenset(map(fold_id, parse_marks([mark]).ids))
