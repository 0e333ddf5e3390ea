"""Find the mentions of incidents in the tests of a file."""

from __future__ import annotations

import ast
import io
import tokenize
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from pytest_postmortem.pysource import suite_reader
from pytest_postmortem.pysource.bindings import Function, is_test_name, parse_python_tree
from pytest_postmortem.pysource.suite_reader import SourceTest
from pytest_postmortem.scan.references import Reference, find_references
from pytest_postmortem.scan.scoring import STRENGTHS, Strength, weigh_reference
from pytest_postmortem.scan.search_index import SearchIndex
from pytest_postmortem.scan.test_passages import (
    SourcePassage,
    find_first_test_line,
    find_muting_outcome,
    list_definitions,
    list_passages,
)

PlacedReference = tuple[SourcePassage, Reference]


@dataclass(frozen=True, slots=True)
class Mention:
    """A mention of an incident in a test, how likely the test guards it, and the evidence.

    ``text`` is the line of the evidence, ``line`` its number. ``known`` is False for an id that
    only a configured pattern matches.
    """

    id: str
    strength: Strength
    line: int
    text: str
    why: str
    known: bool = True


@dataclass(frozen=True, slots=True)
class MentioningTest:
    """A function that mentions incidents, with the tests that pytest collects from it.

    Several tests share a function if subclasses inherit it; ``line`` is that of its ``def``.
    """

    line: int
    tests: tuple[SourceTest, ...]
    mentions: tuple[Mention, ...]


def find_mentioning_tests(
    data: bytes,
    index: SearchIndex,
    names: Collection[str],
    patterns: Sequence[str] = ("test",),
    classes: Sequence[str] = ("Test",),
) -> tuple[MentioningTest, ...] | None:
    """Return the tests of a file that mention an incident, None if the file can't be parsed.

    ``patterns`` and ``classes`` are pytest's ``python_functions`` and ``python_classes``.
    """
    text = decode_module(data)
    if text is None:
        return None
    if not index.is_match_possible(text):
        return ()
    tree = parse_python_tree(data)
    if tree is None:
        return None
    try:
        return _find_tests_in_tree(tree, data, text, index, (names, patterns, classes))
    except RecursionError:  # nested too deep
        return None


def _find_tests_in_tree(
    tree: ast.Module,
    data: bytes,
    text: str,
    index: SearchIndex,
    rules: tuple[Collection[str], Sequence[str], Sequence[str]],
) -> tuple[MentioningTest, ...]:
    """Return the tests that mention an incident.

    References are looked for before any mark is read, since most tests have none.
    """
    lines = io.StringIO(text, newline=None).readlines()
    names = {"test", *rules[1]}
    definitions = list(list_definitions(tree.body))
    functions = [
        node
        for node, _ in definitions
        if not isinstance(node, ast.ClassDef) and is_test_name(node.name, names)
    ]
    search = _ReferenceSearch(lines, index)
    references = {node.lineno: search.find_own_references(node) for node in functions}
    def_lines = {line for line, found in references.items() if found}
    if any(map(search.find_class_references, {class_names for _, class_names in definitions})):
        def_lines |= references.keys()  # what such a class inherits is about its incident, too
    if not def_lines:
        return ()
    by_line: dict[int, list[SourceTest]] = {}
    for test in suite_reader.find_module_tests(tree, *rules, data, def_lines):
        by_line.setdefault(test.line, []).append(test)
    found = []
    for node in functions:
        if tests := by_line.get(node.lineno):
            class_names = tests[0].name.rpartition("::")[0]
            placed = [
                *references[node.lineno],
                *search.find_class_references(class_names, node.lineno),
            ]
            if placed:
                placed.sort(key=lambda each: each[0].place not in ("name", "class"))
                found.append(_build_mentioning_test(node, tests, placed, lines))
    return tuple(found)


def decode_module(data: bytes) -> str | None:
    """Return the text of a module by its declared encoding, None if it can't be decoded."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return data.decode(encoding)
    except (SyntaxError, ValueError, LookupError):
        return None


class _ReferenceSearch:
    """Finds the references in the passages of tests.

    A line whose comment, or what a string has after a ``#``, can't match is not read further.
    """

    def __init__(self, lines: Sequence[str], index: SearchIndex) -> None:
        self._lines = lines
        self._index = index
        comments = {
            number: line[line.index("#") :]
            for number, line in enumerate(lines, start=1)
            if "#" in line
        }
        self._comment_lines = index.find_possible_lines(comments)

    def find_own_references(self, node: Function) -> list[PlacedReference]:
        """Return the references in a test, except those in the names of its classes."""
        comments = self._may_match_in_comments(node)
        if not comments and not self._may_match_elsewhere(node):
            return []
        passages = list_passages(node, self._lines, comments=comments)
        return [placed for passage in passages for placed in self._find_placed_references(passage)]

    def find_class_references(self, class_names: str, line: int = 0) -> list[PlacedReference]:
        """Return the references in the names of the classes of a test."""
        return list(self._find_placed_references(SourcePassage("class", class_names, line)))

    def _may_match_in_comments(self, node: Function) -> bool:
        if self._index.patterns:  # these may match several lines
            first = find_first_test_line(node, self._lines)
            code = "".join(self._lines[first - 1 : node.end_lineno])
            return self._index.is_match_possible(code)
        place = bisect_right(self._comment_lines, node.end_lineno or node.lineno)
        last = self._comment_lines[place - 1] if place else 0
        return last >= node.lineno or (last > 0 and last >= find_first_test_line(node, self._lines))

    def _may_match_elsewhere(self, node: Function) -> bool:
        parts = [node.name]
        if node.decorator_list:
            parts += self._lines[node.decorator_list[0].lineno - 1 : node.lineno]
        first = node.body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            parts += self._lines[first.lineno - 1 : first.end_lineno]
        return self._index.is_match_possible("\n".join(parts))

    def _find_placed_references(self, passage: SourcePassage) -> Iterator[PlacedReference]:
        if self._index.is_match_possible(passage.text):
            is_name = passage.place in ("name", "class")
            for reference in find_references(passage.text, self._index, name=is_name):
                yield passage, reference


def _build_mentioning_test(
    node: Function,
    tests: Sequence[SourceTest],
    references: Iterable[PlacedReference],
    lines: Sequence[str],
) -> MentioningTest:
    muted = tests[0].muted or find_muting_outcome(node)
    best: dict[str, Mention] = {}
    for mention in (_build_mention(*placed, lines, muted) for placed in references):
        key = mention.id.casefold()
        if key not in best or _rank_mention(mention) < _rank_mention(best[key]):
            best[key] = mention
    return MentioningTest(node.lineno, tuple(tests), tuple(best.values()))


def _rank_mention(mention: Mention) -> tuple[int, bool]:
    return STRENGTHS.index(mention.strength), not mention.known


def _build_mention(
    passage: SourcePassage, reference: Reference, lines: Sequence[str], muted: str | None
) -> Mention:
    strength, why = weigh_reference(reference, passage, muted)
    line = passage.line + passage.text.count("\n", 0, reference.start)
    evidence = lines[min(line, len(lines)) - 1].strip()
    return Mention(reference.id, strength, line, evidence, why, reference.known)
