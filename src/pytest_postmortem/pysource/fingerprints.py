"""Digests of the code of tests, alone or with the code that they depend on."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from pytest_postmortem.pysource.bindings import parse_python_tree

DIGEST_LENGTH = 16
"""The length of a digest in letters."""


def compute_test_digest(text: str, names: str) -> str:
    """Return the digest of a test's code without comments, format and position.

    ``names`` is the part of the node id after the file. A generated test without code of its own
    has the digest of its whole file.
    """
    tree = parse_python_tree(text)
    if tree is None:
        return _hash_text(text)
    node: ast.AST = tree
    for name in names.partition("[")[0].split("::"):
        inner = [each for each in ast.iter_child_nodes(node) if getattr(each, "name", "") == name]
        if not inner:
            node = tree
            break
        node = inner[-1]  # the last definition hides the others
    return hash_node(node)


def _hash_text(text: str) -> str:
    return sha256(text.encode(errors="replace")).hexdigest()[:DIGEST_LENGTH]


def hash_node(node: ast.AST) -> str:
    """Return the digest of code without comments, format and position."""
    return _hash_text("\n".join(_spell_node(node)))


@dataclass(frozen=True, slots=True)
class _DigestedPart:
    """A statement of a file, or the head of a class, with its qualified name and its digest."""

    names: tuple[str, ...]
    is_test: bool
    digest: str


class DigestReader:
    """Computes digests of tests below a folder with their dependencies; reads each file once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: dict[str, tuple[_DigestedPart, ...] | None] = {}

    def digest(self, nodeid: str) -> str:
        """Return the digest of a test, the code of its file without other tests, and its conftests.

        It is empty if the file can't be read.
        """
        path, _, names = nodeid.partition("::")
        own = tuple(names.partition("[")[0].split("::"))
        parts = self._read_parts(path)
        if parts is None:
            return ""
        if any(part.names == own for part in parts):
            others = (part for part in parts if part.is_test)
            left_out = {part.names for part in others if part.names[: len(own)] != own}
            parts = tuple(part for part in parts if part.names not in left_out)
        found = [part.digest for part in parts]
        for folder in Path(path).parents:
            found += [
                part.digest for part in self._read_parts(f"{folder.as_posix()}/conftest.py") or ()
            ]
        return _hash_text("\n".join(found))

    def _read_parts(self, path: str) -> tuple[_DigestedPart, ...] | None:
        if path not in self._files:
            self._files[path] = _read_digested_parts(self._root / path)
        return self._files[path]


def _read_digested_parts(file: Path) -> tuple[_DigestedPart, ...] | None:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    tree = parse_python_tree(text)
    return (
        (_DigestedPart((), False, _hash_text(text)),)
        if tree is None
        else tuple(_split_into_parts(tree.body))
    )


def _split_into_parts(
    body: Sequence[ast.stmt], within: tuple[str, ...] = ()
) -> Iterator[_DigestedPart]:
    """Yield the parts of a file or a class, without docstrings."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            head = copy(node)
            head.body = []
            yield _DigestedPart((*within, node.name), False, hash_node(head))
            yield from _split_into_parts(node.body, (*within, node.name))
        elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            name = getattr(node, "name", "")
            yield _DigestedPart((*within, name), _is_test_statement(node), hash_node(node))


def _is_test_statement(node: ast.stmt) -> bool:
    """Return whether a statement is a test by its name, and not a fixture."""
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return False
    return node.name.startswith("test") and not any(
        "fixture" in ast.unparse(each) for each in node.decorator_list
    )


def _spell_node(node: ast.AST) -> Iterator[str]:
    """Yield the code of a node in a form that is equal on every version of Python."""
    waiting: list[object] = [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, _SpelledWord):
            yield each.text
        elif isinstance(each, list):
            own = (value for value in reversed(each) if not _is_empty_format_text(value))
            waiting += [_SpelledWord("]"), *own, _SpelledWord("[")]
        elif isinstance(each, ast.AST):
            fields = [(name, value) for name, value in ast.iter_fields(each) if value != []]
            waiting.append(_SpelledWord(")"))
            for name, value in reversed(fields):
                if value is not None:
                    waiting += [value, _SpelledWord(name)]
            waiting.append(_SpelledWord(f"{type(each).__name__}("))
        else:
            yield f"{each:x}" if type(each) is int else repr(each)


def _is_empty_format_text(value: object) -> bool:
    """Return whether a value is the empty text that Python 3.12.0 adds to formats of f-strings."""
    return (
        isinstance(value, ast.Constant)
        and value.value == ""
        and value.col_offset == value.end_col_offset
    )


class _SpelledWord(NamedTuple):
    """A separator between the values of a node."""

    text: str
