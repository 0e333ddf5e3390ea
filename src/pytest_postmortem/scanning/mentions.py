"""A file's code × what is looked for → the mentions of incidents in its tests."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from pytest_postmortem import source
from pytest_postmortem.bindings import tree_of
from pytest_postmortem.scanning.known import Known
from pytest_postmortem.scanning.passages import (
    Function,
    first_line,
    functions,
    muting,
    passages,
)
from pytest_postmortem.scanning.references import references
from pytest_postmortem.scanning.weighing import STRENGTHS, Strength, weigh
from pytest_postmortem.source import SourceTest

__all__ = ["Mention", "Tested", "decoded", "read"]


@dataclass(frozen=True, slots=True)
class Mention:
    """An incident that a test speaks of: how likely it guards it, and what says so.

    ``text`` is the line of the evidence, ``line`` its number. ``known`` is False for what only a
    configured pattern takes for an id.
    """

    id: str
    strength: Strength
    line: int
    text: str
    why: str
    known: bool = True


@dataclass(frozen=True, slots=True)
class Tested:
    """A function that speaks of incidents, with the tests that pytest makes of it.

    There are several where classes share it; ``line`` is that of its ``def``.
    """

    line: int
    tests: tuple[SourceTest, ...]
    mentions: tuple[Mention, ...]


def read(
    data: bytes,
    known: Known,
    names: Collection[str],
    patterns: Sequence[str] = ("test",),
    classes: Sequence[str] = ("Test",),
) -> tuple[Tested, ...] | None:
    """Return the tests of a file that speak of an incident, None for what can't be read.

    ``patterns`` and ``classes`` are pytest's ``python_functions`` and ``python_classes``.
    """
    text = decoded(data)
    if text is None:
        return None
    if not known.may_stand_in(text):
        return ()
    tree = tree_of(data)
    if tree is None:
        return None
    try:
        return _read(tree, text, known, (names, patterns, classes))
    except RecursionError:  # nested deeper than can be walked through
        return None


def _read(
    tree: ast.Module,
    text: str,
    known: Known,
    rules: tuple[Collection[str], Sequence[str], Sequence[str]],
) -> tuple[Tested, ...]:
    by_line: dict[int, list[SourceTest]] = {}
    for test in source.tests(tree, *rules):
        by_line.setdefault(test.line, []).append(test)
    lines = io.StringIO(text, newline=None).readlines()
    own = (node for node in functions(tree.body) if node.lineno in by_line)
    found = (_tested(node, by_line[node.lineno], lines, known) for node in own)
    return tuple(each for each in found if each.mentions)


def decoded(data: bytes) -> str | None:
    """Return the text of a module by its own encoding, None for what is no text."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return data.decode(encoding)
    except (SyntaxError, ValueError, LookupError):
        return None


def _tested(
    node: Function, tests: Sequence[SourceTest], lines: Sequence[str], known: Known
) -> Tested:
    first, end = first_line(node, lines), node.end_lineno or node.lineno
    name = tests[0].name
    text = "".join([name, "\n", *lines[first - 1 : end]])
    muted = tests[0].muted or muting(node)
    found = _mentions(node, name, lines, known, muted) if known.may_stand_in(text) else ()
    best: dict[str, Mention] = {}
    for mention in found:
        key = mention.id.casefold()
        if key not in best or _rank(mention) < _rank(best[key]):
            best[key] = mention
    return Tested(node.lineno, tuple(tests), tuple(best.values()))


def _rank(mention: Mention) -> tuple[int, bool]:
    return STRENGTHS.index(mention.strength), not mention.known


def _mentions(
    node: Function, name: str, lines: Sequence[str], known: Known, muted: str | None
) -> Iterator[Mention]:
    for passage in passages(node, name, lines):
        for reference in references(passage.text, known, name=passage.place in ("name", "class")):
            strength, why = weigh(reference, passage, muted)
            line = passage.line + passage.text.count("\n", 0, reference.start)
            evidence = lines[min(line, len(lines)) - 1].strip()
            yield Mention(reference.id, strength, line, evidence, why, reference.known)
