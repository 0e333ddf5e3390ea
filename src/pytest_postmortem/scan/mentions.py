"""Find the mentions of incidents in the tests of a file."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from pytest_postmortem.pysource import suite_reader
from pytest_postmortem.pysource.bindings import parse_python_tree
from pytest_postmortem.pysource.suite_reader import SourceTest
from pytest_postmortem.scan.references import Reference, find_references
from pytest_postmortem.scan.scoring import STRENGTHS, Strength, weigh_reference
from pytest_postmortem.scan.search_index import SearchIndex
from pytest_postmortem.scan.test_passages import (
    FunctionNode,
    SourcePassage,
    find_first_test_line,
    find_muting_outcome,
    find_written_text,
    list_functions,
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
    lines = io.StringIO(text, newline=None).readlines()
    references_by_line: dict[int, list[PlacedReference]] = {}

    def is_selected(name: str, node: FunctionNode) -> bool:
        if node.lineno not in references_by_line:
            is_possible = _is_mention_possible(node, name, lines, index)
            found = _find_placed_references(node, name, lines, index) if is_possible else ()
            references_by_line[node.lineno] = list(found)
        return bool(references_by_line[node.lineno])

    by_line: dict[int, list[SourceTest]] = {}
    for test in suite_reader.find_module_tests(tree, *rules, is_selected, data):
        if references_by_line.get(test.line):
            by_line.setdefault(test.line, []).append(test)
    return tuple(
        _build_mentioning_test(node, by_line[node.lineno], references_by_line[node.lineno], lines)
        for node in list_functions(tree.body)
        if node.lineno in by_line
    )


def decode_module(data: bytes) -> str | None:
    """Return the text of a module by its declared encoding, None if it can't be decoded."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return data.decode(encoding)
    except (SyntaxError, ValueError, LookupError):
        return None


def _is_mention_possible(
    node: FunctionNode, name: str, lines: Sequence[str], index: SearchIndex
) -> bool:
    """Return whether a test may mention an incident; this is a fast check."""
    text = name + "\n" + "".join(lines[find_first_test_line(node, lines) - 1 : node.end_lineno])
    if index.patterns:
        return index.is_match_possible(text)
    return index.is_match_possible(find_written_text(node, name, text, lines))


def _build_mentioning_test(
    node: FunctionNode,
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


def _find_placed_references(
    node: FunctionNode, name: str, lines: Sequence[str], index: SearchIndex
) -> Iterator[PlacedReference]:
    for passage in list_passages(node, name, lines):
        is_name = passage.place in ("name", "class")
        for reference in find_references(passage.text, index, name=is_name):
            yield passage, reference


def _build_mention(
    passage: SourcePassage, reference: Reference, lines: Sequence[str], muted: str | None
) -> Mention:
    strength, why = weigh_reference(reference, passage, muted)
    line = passage.line + passage.text.count("\n", 0, reference.start)
    evidence = lines[min(line, len(lines)) - 1].strip()
    return Mention(reference.id, strength, line, evidence, why, reference.known)
