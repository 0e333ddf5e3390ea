"""Marks read from code alone, for tests that pytest did not get to see.

What is read is what stands there: marks as decorators, in ``pytestmark`` of a module or class and
in ``pytest.param(..., marks=...)``, stacked, named or inherited within the file. What only runs
(a conftest that adds marks, an id that is computed) is not seen.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from pytest_postmortem.bindings import Body, Names, body_of, tree_of

__all__ = ["SourceMark", "SourceTest", "guess", "marks", "parse", "tests"]

CONSTRUCTORS = frozenset({"__init__", "__new__"})

NO_TESTS = frozenset(
    {"fixture", "yield_fixture", "property", "cached_property", "setter", "deleter", "overload"}
)
"""Decorators, by the last part of their names, that make no test of a function."""

PLAIN_BASES = ("object", "ABC", "Generic", "Protocol")
"""Bases that bring no tests along."""


@dataclass(frozen=True, slots=True)
class SourceMark:
    """A mark as the code has it, with its line.

    Only arguments that stand there are read; ``whole`` is False where others are computed.
    """

    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    line: int
    whole: bool = True


@dataclass(frozen=True, slots=True)
class SourceTest:
    """A test as the code has it, with the marks of its class and module too.

    ``name`` is its node id within the file, without parameters: a mark on one set of parameters
    makes a further `SourceTest` of the same name. ``muted`` says why the test would stop nobody
    wherever it runs, ``skipped: too slow`` or ``xfailed``; a skip under a condition is none.
    """

    name: str
    line: int
    marks: tuple[SourceMark, ...] = ()
    muted: str | None = None


def marks(code: str, names: Collection[str]) -> Iterator[SourceMark]:
    """Yield the marks of these names that a module calls anywhere; what is no Python has none."""
    tree = tree_of(code)
    for node in ast.walk(tree) if tree else ():
        name = _name(node.func) if isinstance(node, ast.Call) else None
        if isinstance(node, ast.Call) and name in names:
            args = tuple(each.value for each in node.args if isinstance(each, ast.Constant))
            yield SourceMark(str(name), args, {}, node.lineno)


def parse(
    code: str | bytes,
    names: Collection[str],
    functions: Sequence[str] = ("test",),
    classes: Sequence[str] = ("Test",),
) -> tuple[SourceTest, ...] | None:
    """Return the tests of a module with their marks of these names, None for what can't be read.

    That is what is no Python, or nested too deep. ``functions`` and ``classes`` are pytest's
    ``python_functions`` and ``python_classes``.
    """
    tree = tree_of(code)
    try:
        return None if tree is None else tests(tree, names, functions, classes)
    except RecursionError:
        return None


def tests(
    tree: ast.Module, names: Collection[str], functions: Sequence[str], classes: Sequence[str]
) -> tuple[SourceTest, ...]:
    """Return the tests of a module that is parsed already; the line of each is that of its def.

    Raises: RecursionError where Python reads more than can be walked through.
    """
    return tuple(_Module(tree, names, functions, classes).tests())


def guess(code: bytes, names: Collection[str]) -> tuple[SourceTest, ...]:
    """Return what a module for Python 2, say, seems to mark: as one test without a name."""
    called = re.findall(r"\bmark\.(\w+)\(([^()]*)\)", code.decode(errors="replace"))
    literal = re.compile(r"""[ub]?(["'])(.*?)\1|\b(\d+)\b""")
    found = tuple(
        SourceMark(name, tuple(text or number for _, text, number in literal.findall(args)), {}, 1)
        for name, args in called
        if name in names
    )
    return (SourceTest("", 1, found),) if found else ()


def _name(node: ast.expr) -> str | None:
    """Return the name of a mark, ``pytest.mark.NAME`` or ``mark.NAME``, None for all else."""
    if not isinstance(node, ast.Attribute):
        return None
    owner = getattr(node.value, "attr", getattr(node.value, "id", None))
    return node.attr if owner == "mark" else None


@dataclass(frozen=True, slots=True)
class _Said:
    """What decorators or a ``pytestmark`` say; ``cases`` are the sets of parameters with marks."""

    marks: tuple[SourceMark, ...] = ()
    muted: str | None = None
    cases: tuple[_Said, ...] = ()

    def within(self, outer: _Said) -> _Said:
        """Return what holds for something inside of another."""
        cases = (*self.cases, *outer.cases)
        return _Said((*self.marks, *outer.marks), self.muted or outer.muted, cases)


class _Module:
    """Finds the tests of one module."""

    def __init__(
        self,
        tree: ast.Module,
        names: Collection[str],
        functions: Sequence[str],
        classes: Sequence[str],
    ) -> None:
        self._marks = names
        self._functions = functions
        self._classes = classes
        self._body = body_of(tree.body)
        self._names = Names(self._body)

    def tests(self) -> Iterator[SourceTest]:
        """Yield the tests in the order of their code."""
        yield from self._within(self._body, "", self._module(), self._functions)

    def _module(self) -> _Said:
        mark = self._body.values.get("pytestmark")
        said = self._said([mark] if mark else [])
        return _Said(said.marks, said.muted or self._stops(self._body.statements), said.cases)

    def _within(
        self, body: Body, prefix: str, outer: _Said, functions: Sequence[str]
    ) -> Iterator[SourceTest]:
        for name, nodes in body.defined.items():
            for node in nodes:
                if isinstance(node, ast.ClassDef):
                    yield from self._class(node, prefix, outer)
                elif _fits(name, functions) and not self._is_other(node):
                    yield from self._function(node, prefix + name, outer)

    def _is_other(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        """Say whether a function of a test's name is a fixture, a property or the like."""
        for each in map(self._names.value, node.decorator_list):
            name = self._names.dotted(each.func if isinstance(each, ast.Call) else each)
            if name.rpartition(".")[2] in NO_TESTS and not _is_mark(name):
                return True
        return False

    def _function(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef, name: str, outer: _Said
    ) -> Iterator[SourceTest]:
        own = self._said(node.decorator_list)
        said = _Said((*own.marks, *self._added(node.body)), own.muted, own.cases).within(outer)
        muted = said.muted or self._stops(node.body)
        yield SourceTest(name, node.lineno, said.marks, muted)
        for case in said.cases:
            if case.marks:
                yield SourceTest(name, node.lineno, case.marks, muted or case.muted)

    def _class(self, node: ast.ClassDef, prefix: str, outer: _Said) -> Iterator[SourceTest]:
        family = list(self._family(node, set()))
        bases = [name for each in family for name in self._strangers(each)]
        unittest = any(name.rpartition(".")[2].endswith("TestCase") for name in bases)
        if not (_fits(node.name, self._classes) or unittest or bases):
            return
        bodies = [body_of(each.body) for each in family]
        if any(_is_false(body.values.get("__test__")) for body in bodies[:1]):
            return
        if not unittest and any(CONSTRUCTORS & body.defined.keys() for body in bodies):
            return  # pytest warns, and collects none of its tests
        said = outer
        for each, body in reversed(list(zip(family, bodies, strict=True))):
            mark = body.values.get("pytestmark")
            said = self._said([*each.decorator_list, *([mark] if mark else [])]).within(said)
        whole = Body()
        for body in reversed(bodies):
            whole.defined.update(body.defined)
        functions = ("test",) if unittest else (*self._functions, *(["test"] if bases else []))
        name = f"{prefix}{node.name}::"
        found = list(self._within(whole, name, said, functions))
        yield from found
        own = unittest or _fits(node.name, self._classes) or said.marks != outer.marks
        if bases and own and not found:  # its tests are those of a class in another file
            yield SourceTest(name[:-2], node.lineno, said.marks, said.muted)

    def _family(self, node: ast.ClassDef, seen: set[str]) -> Iterator[ast.ClassDef]:
        """Yield a class and those of its bases that stand in this module, nearest first."""
        yield node
        seen.add(node.name)
        for base in node.bases:
            name = base.id if isinstance(base, ast.Name) else ""
            for each in self._body.defined.get(name, ()):
                if isinstance(each, ast.ClassDef) and name not in seen:
                    yield from self._family(each, seen)

    def _strangers(self, node: ast.ClassDef) -> Iterator[str]:
        """Yield the bases of a class that stand in another module."""
        for base in node.bases:
            name = self._names.dotted(base.value if isinstance(base, ast.Subscript) else base)
            if name not in self._body.defined and name.rpartition(".")[2] not in PLAIN_BASES:
                yield name

    def _said(self, expressions: Iterable[ast.expr]) -> _Said:
        found, muted, cases = [], None, []
        pairs = ((given, each) for given in expressions for each in self._names.flat(given))
        for given, node in pairs:
            call = node if isinstance(node, ast.Call) else None
            name = self._names.dotted(call.func if call else node)
            name, args, keywords = self._partial(call, name)
            mark = name.rpartition(".")[2] if _is_mark(name) else ""
            if mark in self._marks:
                more = any(each.arg is None for each in call.keywords) if call else False
                line = node.lineno if call else given.lineno
                found.append(self._mark(mark, line, args, keywords, more))
            elif mark == "parametrize":
                values = [*args[1:2], *(each for key, each in keywords.items() if "values" in key)]
                cases += self._cases(values)
                muted = muted or self._emptied(values)
            else:
                muted = muted or self._muting(mark or name, args, keywords)
        mutes = [case.muted for case in cases]
        whole = mutes[0] if mutes and all(mutes) else None
        return _Said(tuple(found), muted or whole, tuple(cases))

    def _partial(
        self, call: ast.Call | None, name: str
    ) -> tuple[str, list[ast.expr], dict[str, ast.expr]]:
        """Return what is called, with all of its arguments, those of ``with_args`` too."""
        args = list(call.args) if call else []
        keywords = {each.arg: each.value for each in call.keywords if each.arg} if call else {}
        return name.removesuffix(".with_args"), args, keywords

    def _mark(
        self,
        name: str,
        line: int,
        args: Sequence[ast.expr],
        keywords: Mapping[str, ast.expr],
        more: bool,
    ) -> SourceMark:
        """Return a mark; ``more`` says that it has keywords that are not written out."""
        starred = [isinstance(each, ast.Starred) for each in args]
        values = [
            value
            for each, star in zip(args, starred, strict=True)
            for value in (self._names.flat(each) if star else [self._names.value(each)])
        ]
        literals = [each for each in map(_literal, values) if each]
        whole = len(literals) == len(values) and not more
        args_read = tuple(value for (value,) in literals)
        return SourceMark(name, args_read, dict.fromkeys(keywords, ...), line, whole)

    def _cases(self, values: Sequence[ast.expr]) -> list[_Said]:
        """Return what is said of each set of parameters; nothing of what can't be read."""
        found = []
        for node in (each for given in values for each in self._names.flat(given)):
            is_param = isinstance(node, ast.Call) and self._names.dotted(node.func).endswith(
                "param"
            )
            keywords = node.keywords if isinstance(node, ast.Call) and is_param else []
            found.append(self._said(each.value for each in keywords if each.arg == "marks"))
        return found

    def _emptied(self, values: Sequence[ast.expr]) -> str | None:
        """Return what becomes of a test for which no parameters are left."""
        lists = (self._names.value(each) for each in values)
        none = any(isinstance(each, (ast.List, ast.Tuple)) and not each.elts for each in lists)
        return "skipped: empty parameter set" if none else None

    def _muting(
        self, name: str, args: Sequence[ast.expr], keywords: Mapping[str, ast.expr]
    ) -> str | None:
        """Return what a mark or a decorator of unittest makes of a test under any condition."""
        name = name.removeprefix("unittest.").removeprefix("case.")
        given = [*args[:1], *(keywords[key] for key in ("condition",) if key in keywords)]
        sure = all(_is_sure(self._names.constant(each)) for each in given)
        reason = keywords.get("reason")
        if name == "skip":
            return _muted("skipped", self._names.constant(reason or (args[0] if args else None)))
        if name in ("skipif", "skipIf") and given and sure:
            reason = reason or (args[1] if name == "skipIf" and len(args) > 1 else None)
            return _muted("skipped", self._names.constant(reason))
        if name == "xfail" and sure:
            return _muted("xfailed", self._names.constant(reason))
        return "xfailed" if name == "expectedFailure" else None

    def _stops(self, body: Sequence[ast.stmt]) -> str | None:
        """Return what a body that skips itself, whatever happens, makes of its tests."""
        for node in body:
            value = node.exc if isinstance(node, ast.Raise) else getattr(node, "value", None)
            if isinstance(node, (ast.Expr, ast.Raise)) and isinstance(value, ast.Call):
                name = self._names.dotted(value.func)
                reasons = [*value.args[:1], *(each.value for each in value.keywords)]
                reason = self._names.constant(reasons[0] if reasons else None)
                if name in ("pytest.skip", "self.skipTest", "unittest.SkipTest"):
                    return _muted("skipped", reason)
                if name == "pytest.xfail":
                    return _muted("xfailed", reason)
        return None

    def _added(self, body: Sequence[ast.stmt]) -> Iterator[SourceMark]:
        """Yield the marks that a test adds to itself while it runs."""
        for node in (each for statement in body for each in ast.walk(statement)):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_marker":
                yield from self._said(node.args[:1]).marks


def _literal(node: ast.expr) -> tuple[Any] | None:
    """Return the value that stands in the code, in a tuple, None for what is computed."""
    try:
        return (ast.literal_eval(node),)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None


def _is_mark(name: str) -> bool:
    return name.startswith("mark.") or ".mark." in name


def _muted(word: str, reason: object) -> str:
    return f"{word}: {' '.join(reason.split())}" if isinstance(reason, str) else word


def _is_sure(condition: object) -> bool:
    """Say whether a condition holds wherever it is asked; a text is one that pytest evaluates."""
    try:
        return bool(ast.literal_eval(condition) if isinstance(condition, str) else condition)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return False


def _is_false(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def _fits(name: str, patterns: Iterable[str]) -> bool:
    """Say whether a name is that of a test, by pytest's rule: a prefix, or a glob."""
    return any(
        name.startswith(pattern)
        or (any(char in pattern for char in "*?[") and fnmatchcase(name, pattern))
        for pattern in patterns
    )
