"""The tests of one file with their marks, as its code has them.

Marks are read as decorators, in ``pytestmark`` of a module or class and in
``pytest.param(..., marks=...)``, stacked, named, imported, made by a function of the project or
inherited. What else names a mark is left to `unread`.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_postmortem.bindings import Body, body_of, is_test_name
from pytest_postmortem.expressions import dotted, flatten, is_mark_name
from pytest_postmortem.folding import literal, spread
from pytest_postmortem.modules import Module, Position, find_bindings
from pytest_postmortem.muting import find_stop, mute, mute_empty
from pytest_postmortem.reducing import DECORATED, Defined, Reducer, Scope
from pytest_postmortem.unread import CodeReader, Place

__all__ = ["SourceMark", "SourceTest", "TestReader"]

CONSTRUCTORS = frozenset({"__init__", "__new__"})

NO_TESTS = frozenset(
    {"fixture", "yield_fixture", "property", "cached_property", "setter", "deleter", "overload"}
)
"""Decorators, by the last part of their names, that make no test of a function."""

PLAIN_BASES = ("object", "ABC", "Generic", "Protocol")
"""Bases that bring no tests along."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class SourceMark:
    """A mark as the code has it, with its line.

    Only arguments that can be read are there; ``whole`` is False where others are computed.
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
    ``sure`` is False where only a run shows whether there is such a test. A `SourceTest` without
    a name is no test, but has the ``unread`` places of its file.
    """

    name: str
    line: int
    marks: tuple[SourceMark, ...] = ()
    muted: str | None = None
    sure: bool = True
    unread: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class _Said:
    """What decorators or a ``pytestmark`` say; ``cases`` are the sets of parameters with marks.

    ``clear`` is False where they may say more than can be read.
    """

    marks: tuple[SourceMark, ...] = ()
    muted: str | None = None
    cases: tuple[_Said, ...] = ()
    clear: bool = True

    def within(self, outer: _Said) -> _Said:
        """Return what holds for something inside of another."""
        cases = (*self.cases, *outer.cases)
        return _Said((*self.marks, *outer.marks), self.muted or outer.muted, cases)


@dataclass(frozen=True, slots=True)
class _Home:
    """Where the names of a function or class are looked up."""

    reducer: Reducer
    scope: Scope = field(default_factory=dict)


class TestReader:
    """Finds the tests of one file; ``read`` are the expressions that it has read as a whole."""

    __test__ = False

    def __init__(
        self,
        module: Module,
        names: Collection[str],
        functions: Sequence[str],
        classes: Sequence[str],
        reader: CodeReader | None = None,
    ) -> None:
        self.read: set[int] = set()
        self._collected: set[int] = set()
        self._module = module
        self._marks = names
        self._functions = functions
        self._classes = classes
        self._reader = reader
        self._body = body_of(module.tree.body)
        self._home = _Home(reader.reducer(module) if reader else Reducer(module))
        self._homes: dict[int, _Home] = {}
        self._foreign: list[tuple[Module, ast.ClassDef, int]] = []
        self._decorators: dict[int, ast.expr] = {}
        self._open = {"pytestmark"}
        self._adds = ".add_marker" in module.words

    def tests(self) -> Iterator[SourceTest]:
        """Yield the tests in the order of their code."""
        yield from self._within(self._body, "", self._module_said(), self._functions)

    def unread(self) -> Iterator[Place]:
        """Yield the places that may say more of the tests; to be asked for after all tests."""
        if self._reader is None:
            return
        yield from self._reader.find_places(
            self._module, self.read, self._is_collected, self._collected
        )
        for module, node, line in self._foreign:
            claim = self._reader.claim(module, node, self.read)
            if claim is not None:
                yield Place(line, f"class {node.name} in {module.path}", claim)

    def _is_collected(self, name: str) -> bool:
        patterns = (*self._functions, *self._classes)
        return name in self._open or is_test_name(name, patterns)

    def _module_said(self) -> _Said:
        said = _Said()
        binding = self._module.find("pytestmark", None)
        if binding is not None:
            line, column = binding.position
            name = ast.Name("pytestmark", ast.Load(), lineno=line, col_offset=column)
            said = self._said_of(name, self._home.reducer.reduce(name), self._home)
            if said.clear:
                self._open.clear()
        stop = find_stop(self._body.statements, self._home.reducer.reduce)
        return _Said(said.marks, said.muted or stop, said.cases)

    def _within(
        self, body: Body, prefix: str, outer: _Said, functions: Sequence[str]
    ) -> Iterator[SourceTest]:
        for name, nodes in body.defined.items():
            for node in nodes:
                if isinstance(node, ast.ClassDef):
                    yield from self._class(node, prefix, outer)
                elif is_test_name(name, functions) and not self._is_other(node):
                    yield from self._function(node, prefix + name, outer)

    def _is_other(self, node: Function) -> bool:
        """Say whether a function of a test's name is a fixture, a property or the like."""
        home = self._homes.get(id(node), self._home)
        for each in node.decorator_list:
            found = self._reduced(each, home)
            name = dotted(found.func if isinstance(found, ast.Call) else found)
            if name.rpartition(".")[2] in NO_TESTS and not is_mark_name(name):
                return True
        return False

    def _function(self, node: Function, name: str, outer: _Said) -> Iterator[SourceTest]:
        home = self._homes.get(id(node), self._home)
        own = self._said(node.decorator_list, home)
        added = tuple(self._added(node.body, home)) if self._adds else ()
        said = _Said((*own.marks, *added), own.muted, own.cases).within(outer)
        muted = said.muted or find_stop(node.body, home.reducer.reduce)
        yield SourceTest(name, node.lineno, said.marks, muted)
        for case in said.cases:
            if case.marks:
                yield SourceTest(name, node.lineno, case.marks, muted or case.muted)

    def _class(self, node: ast.ClassDef, prefix: str, outer: _Said) -> Iterator[SourceTest]:
        family = list(self._family(node, self._homes.get(id(node), self._home), set()))
        bases = [name for each, home in family for name in self._strangers(each, home)]
        unittest = any(name.rpartition(".")[2].endswith("TestCase") for name in bases)
        if not (is_test_name(node.name, self._classes) or unittest or bases):
            return
        bodies = [body_of(each.body) for each, _ in family]
        if any(_is_false(body.values.get("__test__")) for body in bodies[:1]):
            return
        if not unittest and any(CONSTRUCTORS & body.defined.keys() for body in bodies):
            return  # pytest warns, and collects none of its tests
        said = outer
        whole = Body()
        for (each, home), body in reversed(list(zip(family, bodies, strict=True))):
            inside = _Home(home.reducer, _scope_of(each, home))
            said = self._class_said(each, home, inside).within(said)
            self._homes |= {id(own): inside for nodes in body.defined.values() for own in nodes}
            self._note_base(node, each, home)
            whole.defined.update(body.defined)
        functions = ("test",) if unittest else (*self._functions, *(["test"] if bases else []))
        name = f"{prefix}{node.name}::"
        found = list(self._within(whole, name, said, functions))
        yield from found
        own = unittest or is_test_name(node.name, self._classes) or said.marks != outer.marks
        if bases and own and not found:  # its tests are those of a class in another file
            yield SourceTest(name[:-2], node.lineno, said.marks, said.muted)

    def _class_said(self, node: ast.ClassDef, home: _Home, inside: _Home) -> _Said:
        said = self._said(node.decorator_list, home)
        mark = inside.scope.get("pytestmark")
        if mark is None:
            return said
        own = self._said_of(mark, home.reducer.reduce(mark, None, inside.scope), inside)
        if own.clear:
            bound = find_bindings(node.body)["pytestmark"]
            values = [each.value for each in bound if isinstance(each.value, ast.expr)]
            parts = [part for each in values for part in (each, getattr(each, "right", each))]
            self.read.update(map(id, parts))
        marks, cases = (*said.marks, *own.marks), (*said.cases, *own.cases)
        return _Said(marks, said.muted or own.muted, cases)

    def _note_base(self, node: ast.ClassDef, base: ast.ClassDef, home: _Home) -> None:
        """Note that a class is read, and where else its code may say something."""
        self._collected.add(id(base))
        if home.reducer.module is not self._module:
            self._foreign.append((home.reducer.module, base, node.lineno))

    def _family(
        self, node: ast.ClassDef, home: _Home, seen: set[int]
    ) -> Iterator[tuple[ast.ClassDef, _Home]]:
        """Yield a class and those of its bases that the project has, nearest first."""
        yield node, home
        seen.add(id(node))
        for base in node.bases:
            for each, other in self._bases(node, base, home):
                if id(each) not in seen:
                    self.read.add(id(base))
                    yield from self._family(each, other, seen)

    def _bases(
        self, node: ast.ClassDef, base: ast.expr, home: _Home
    ) -> Iterator[tuple[ast.ClassDef, _Home]]:
        found = home.reducer.reduce(_plain_base(base), _before(node), home.scope)
        if isinstance(found, Defined) and isinstance(found.node, ast.ClassDef):
            yield found.node, _Home(found.home, found.scope)
        elif type(found) is ast.Name and home.reducer.module is self._module:
            for each in self._body.defined.get(found.id, ()):
                if isinstance(each, ast.ClassDef):
                    yield each, self._home

    def _strangers(self, node: ast.ClassDef, home: _Home) -> Iterator[str]:
        """Yield the bases of a class that the project does not have."""
        for base in node.bases:
            if not list(self._bases(node, base, home)):
                name = dotted(home.reducer.reduce(_plain_base(base), _before(node), home.scope))
                if name.rpartition(".")[2] not in PLAIN_BASES:
                    yield name

    def _said(self, expressions: Iterable[ast.expr], home: _Home) -> _Said:
        found = _Said()
        for given in expressions:
            own = self._said_of(given, self._reduced(given, home), home)
            if own.clear:
                self.read.add(id(given))
            marks, cases = (*found.marks, *own.marks), (*found.cases, *own.cases)
            found = _Said(marks, found.muted or own.muted, cases, found.clear and own.clear)
        return found

    def _reduced(self, decorator: ast.expr, home: _Home) -> ast.expr:
        if id(decorator) not in self._decorators:
            found = home.reducer.reduce(decorator, _before(decorator), home.scope)
            self._decorators[id(decorator)] = found
        return self._decorators[id(decorator)]

    def _said_of(self, given: ast.expr, reduced: ast.expr, home: _Home) -> _Said:
        """Return what one decorator or the value of one ``pytestmark`` says."""
        found, muted, clear = [], None, True
        cases: list[_Said] = []
        for node in _items(reduced):
            call = node if isinstance(node, ast.Call) else None
            name = dotted(call.func if call else node).removesuffix(".with_args")
            args = list(call.args) if call else []
            keywords = {each.arg: each.value for each in call.keywords if each.arg} if call else {}
            mark = name.rpartition(".")[2] if is_mark_name(name) else ""
            if mark in self._marks:
                more = any(each.arg is None for each in call.keywords) if call else False
                line = node.lineno if call else given.lineno
                own = _mark(mark, line, args, keywords, more)
                found.append(own)
                clear = clear and own.whole
            elif mark == "parametrize":
                values = [*args[1:2], *(each for key, each in keywords.items() if "values" in key)]
                cases += self._cases(values, home)
                muted = muted or mute_empty(values)
            else:
                muted = muted or mute(mark or name, args, keywords)
                clear = clear and not self._may_mark(node)
        mutes = [case.muted for case in cases]
        whole = mutes[0] if mutes and all(mutes) else None
        clear = clear and all(case.clear for case in cases)
        return _Said(tuple(found), muted or whole, tuple(cases), clear)

    def _cases(self, values: Sequence[ast.expr], home: _Home) -> Iterator[_Said]:
        """Yield what is said of each set of parameters; nothing of what can't be read."""
        for node in (each for given in values for each in flatten(given)):
            call = node if isinstance(node, ast.Call) else None
            if call is None or not dotted(call.func).endswith("param"):
                yield _Said(clear=not self._may_mark(node))
                continue
            said = _Said(clear=not any(map(self._may_mark, call.args)))
            for each in call.keywords:
                if each.arg == "marks":
                    marks = home.reducer.reduce(each.value, None, home.scope)
                    own = self._said_of(each.value, marks, home)
                    clear = said.clear and own.clear
                    said = _Said((*said.marks, *own.marks), said.muted or own.muted, (), clear)
                elif self._may_mark(each.value):
                    said = _Said(said.marks, said.muted, (), clear=False)
            yield said

    def _may_mark(self, node: ast.expr) -> bool:
        """Say whether what is left of a reduced expression may be a mark of ours."""
        return self._reader is not None and self._reader.may_mark(self._module, node)

    def _added(self, body: Sequence[ast.stmt], home: _Home) -> Iterator[SourceMark]:
        """Yield the marks that a test adds to itself while it runs."""
        for node in (each for statement in body for each in ast.walk(statement)):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_marker":
                for each in node.args[:1]:
                    said = self._said_of(each, home.reducer.reduce(each, None, home.scope), home)
                    if said.clear:
                        self.read.add(id(each))
                    yield from said.marks


def _items(node: ast.expr) -> Iterator[ast.expr]:
    """Yield the single marks and decorators of a reduced expression.

    A function that returns what marks make of the function that it is given stands for them.
    """
    for each in flatten(node):
        made = each.home.apply(each, DECORATED) if isinstance(each, Defined) else None
        if made is None:
            yield each
            continue
        while isinstance(made, ast.Call) and len(made.args) == 1 and not made.keywords:
            yield made.func
            made = made.args[0]
        if made is not DECORATED:
            yield each


def _mark(
    name: str,
    line: int,
    args: Sequence[ast.expr],
    keywords: Mapping[str, ast.expr],
    more: bool,
) -> SourceMark:
    """Return a mark; ``more`` says that it has keywords that are not written out."""
    values = [literal(part) for each in args for part in spread(each)]
    read = tuple(each[0] for each in values if each)
    whole = None not in values and not more
    return SourceMark(name, read, dict.fromkeys(keywords, ...), line, whole)


def _scope_of(node: ast.ClassDef, home: _Home) -> Scope:
    """Return what the names of a class come to for the code inside of it."""
    found: dict[str, ast.expr] = dict(home.scope)
    changed = home.reducer.module.changed
    bindings = [(b.position, n, b) for n, all in find_bindings(node.body).items() for b in all]
    for position, name, binding in sorted(bindings, key=lambda each: each[0]):
        unclear = name in found and not binding.certain
        if isinstance(binding.value, ast.expr) and not unclear and name not in changed:
            found[name] = home.reducer.reduce(binding.value, position, found)
        else:
            found[name] = ast.Name(name, ast.Load(), lineno=position[0], col_offset=0)
    return found


def _before(node: ast.expr | ast.ClassDef) -> Position:
    """Return the position at which the names of a decorator or of bases are looked up."""
    return node.lineno, node.col_offset


def _plain_base(node: ast.expr) -> ast.expr:
    return node.value if isinstance(node, ast.Subscript) else node


def _is_false(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is False
