"""The test functions of one version of a file, split by indentation, and compared by their code.

Files of a history are large and many, and some are for Python 2, so that a file is not parsed as a
whole: only the functions whose text differs are.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import cached_property

from pytest_postmortem.pysource.bindings import is_test_name, parse_python_tree

_DEFINITION = re.compile(r"(?:async[ \t]+)?(?P<kind>def|class)[ \t]+(?P<name>\w+)")
_CONSTANT = re.compile(r"(?P<name>[A-Za-z_]\w*)[ \t]*(?::[^=\n]+)?=(?!=)")
_LONG_STRING = re.compile(r"(\"\"\"|''')(?:\\.|(?!\1)[^\\])*\1", re.DOTALL)
_FIXTURE = re.compile(r"\s*@(?:\w+\.)*(?:yield_)?fixture\b")
_NO_STATEMENT = (")", "]", "}", "#", "\\")
DEEP = 1000
"""An indentation that no code has."""

_NO_TESTS = ("test_suite", "load_tests")
"""Functions of unittest that return suites."""


@dataclass(frozen=True)  # no slots: cached_property needs a __dict__
class TestUnit:
    """A test function: its qualified name, such as ``TestCart::test_empty``, and its source.

    ``line`` is that of its ``def``, ``data`` the source of the module's constants that it names,
    ``marks`` the decorators of its classes.
    """

    __test__ = False

    names: str
    line: int
    text: str
    data: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the function alone."""
        return self.names.rpartition("::")[2]

    @cached_property
    def code(self) -> str:
        """The code without name, comments, docstring and format; its text if it is not Python 3."""
        tree = parse_python_tree(textwrap.dedent(self.text))
        node = tree.body[0] if tree and tree.body else None
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = (line.strip() for line in self.text.splitlines())
            text = "\n".join(line for line in lines if line and not line.startswith("#"))
            return re.sub(rf"\b{self.name}\b", "test", text, count=1)
        node.name = "test"
        first = node.body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and node.body[1:]:
            node.body = node.body[1:]
        try:
            return ast.dump(node)
        except RecursionError:
            return self.text


def has_same_code(one: TestUnit, other: TestUnit) -> bool:
    """Return whether two tests have the same code, whatever their names; data is not compared."""
    return one.text == other.text or one.code == other.code


def is_unchanged(one: TestUnit, other: TestUnit) -> bool:
    """Return whether two versions of a test are the same, with their data and their marks."""
    return (one.data, one.marks) == (other.data, other.marks) and has_same_code(one, other)


def compute_similarity(one: TestUnit, other: TestUnit) -> float:
    """Return how similar the code of two tests is, from 0 to 1."""
    words = re.compile(r"\w+|[^\w\s]")
    first, second = words.findall(one.text), words.findall(other.text)
    return SequenceMatcher[str](None, first, second, autojunk=False).ratio()


def is_unit_name(name: str, functions: Sequence[str]) -> bool:
    """Return whether a function was a test by its name, also by that of unittest or nose."""
    return name not in _NO_TESTS and is_test_name(name, ("test", *functions))


def parse_test_units(data: bytes, functions: Sequence[str] = ("test",)) -> dict[str, TestUnit]:
    """Return the test functions of a module by qualified name.

    ``functions`` is pytest's ``python_functions``. Classes are not judged by their names, since
    old suites have other rules.
    """
    text = data.decode("utf-8", errors="replace").replace("\r\n", "\n")
    splitter = _UnitSplitter(text, functions)
    splitter.split_lines()
    return {unit.names: unit for unit in splitter.list_units()}


@dataclass(slots=True)
class _Scope:
    """A function, a class or a constant that a line opens: the lines of it, from 0."""

    indent: int
    kind: str
    name: str
    start: int
    line: int
    end: int = 0
    names: str = ""
    marks: tuple[str, ...] = ()


@dataclass(slots=True)
class _UnitSplitter:
    text: str
    functions: Sequence[str]
    lines: list[str] = field(default_factory=list)
    open_scopes: list[_Scope] = field(default_factory=list)
    found: list[_Scope] = field(default_factory=list)
    constants: dict[str, str] = field(default_factory=dict)

    def split_lines(self) -> None:
        """Read the lines, and note where each function, class and constant begins and ends."""
        self.lines = self.text.split("\n")
        blanked = _LONG_STRING.sub(_blank_string, self.text).split("\n")
        decorator: tuple[int, int] | None = None
        for number, line in enumerate(blanked):
            code = line.lstrip()
            if not code or code.startswith(_NO_STATEMENT):
                continue
            indent = len(line) - len(code)
            self._close_scopes(indent, number if decorator is None else decorator[1])
            if code[0] == "@":
                decorator = decorator or (indent, number)
                continue
            match = _DEFINITION.match(code)
            if match:
                start = decorator[1] if decorator and decorator[0] == indent else number
                self._open_scope(match, indent, start, number)
                decorator = None
            elif decorator is not None and indent <= decorator[0]:
                decorator = None
            if not match and indent == 0 and (constant := _CONSTANT.match(code)):
                name = constant["name"]
                self.open_scopes.append(_Scope(0, "constant", name, number, number))
        self._close_scopes(-1, len(blanked))

    def _close_scopes(self, indent: int, number: int) -> None:
        while self.open_scopes and self.open_scopes[-1].indent >= indent:
            scope = self.open_scopes.pop()
            scope.end = number
            if scope.kind == "constant":
                self.constants[scope.name] = "\n".join(self.lines[scope.start : number]).strip()

    def _open_scope(self, match: re.Match[str], indent: int, start: int, number: int) -> None:
        kind, name = match["kind"], match["name"]
        above = self.open_scopes[-1] if self.open_scopes else None
        if above is not None and above.kind != "class":
            kind = "inner"  # within a function
        marks = above.marks if above else ()
        if kind == "class" and start < number:
            marks = (*marks, "\n".join(self.lines[start:number]))
        names = f"{above.names}::{name}" if above and above.names else name
        scope = _Scope(indent, kind, name, start, number, names=names, marks=marks)
        self.open_scopes.append(scope)
        if kind == "def" and is_unit_name(name, self.functions):
            self.found.append(scope)

    def list_units(self) -> list[TestUnit]:
        """Return the test functions, without fixtures."""
        units = []
        for scope in self.found:
            text = "\n".join(self.lines[scope.start : scope.end]).rstrip() + "\n"
            if any(map(_FIXTURE.match, self.lines[scope.start : scope.line])):
                continue
            used = self._find_used_constants(text)
            units.append(TestUnit(scope.names, scope.line + 1, text, used, scope.marks))
        return units

    def _find_used_constants(self, text: str) -> tuple[str, ...]:
        if not self.constants:
            return ()
        used = set(re.findall(r"[A-Za-z_]\w*", text)) & self.constants.keys()
        return tuple(self.constants[name] for name in sorted(used))


def _blank_string(match: re.Match[str]) -> str:
    """Return a string literal of as many lines without its text, so that no line looks like code.

    What follows it on its last line belongs to the statement, and is indented.
    """
    lines = match[0].count("\n")
    return '""' + "\n" * lines + (" " * DEEP if lines else "")
