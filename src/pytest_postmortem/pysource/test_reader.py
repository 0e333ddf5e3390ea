"""The tests of one file with their marks, as its code has them.

Marks are read as decorators, in ``pytestmark`` of a module or class and in
``pytest.param(..., marks=...)``, stacked, named, imported, returned by a function of the project
or inherited. Other references to a mark are left to `unread`.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from pytest_postmortem.pysource.bindings import Definition, Function, find_definitions, is_test_name
from pytest_postmortem.pysource.expressions import (
    bind_decorator_arguments,
    flatten_lists,
    format_dotted_name,
    is_mark_name,
    parse_mark_name,
    read_literal_arguments,
    read_literal_keywords,
)
from pytest_postmortem.pysource.project_modules import (
    ImportTarget,
    NameBinding,
    ParsedModule,
    Position,
    find_name_bindings,
)
from pytest_postmortem.pysource.resolver import (
    ExpressionReducer,
    NameScope,
    ReducedDefinition,
    UnresolvedName,
)
from pytest_postmortem.pysource.unresolved_marks import MarkCodeReader, UnreadPlace

STOPPING_CALLS = {
    "pytest.skip": "skipped",
    "self.skipTest": "skipped",
    "unittest.SkipTest": "skipped",
    "pytest.xfail": "xfailed",
}
"""Calls that end a test, by their dotted names, with its outcome."""


def describe_muting_mark(
    name: str, args: Sequence[ast.expr], keywords: Mapping[str, ast.expr]
) -> str | None:
    """Return the outcome that a mark or a decorator of unittest forces on a test.

    ``name`` is what follows ``pytest.mark.``, or a dotted name; the arguments are reduced.
    """
    name = name.removeprefix("unittest.").removeprefix("case.")
    given = [*args[:1], *(keywords[key] for key in ("condition",) if key in keywords)]
    sure = all(_is_condition_certain(_read_constant_value(each)) for each in given)
    reason = keywords.get("reason")
    if name == "skip":
        return _format_muting_reason(
            "skipped", _read_constant_value(reason or (args[0] if args else None))
        )
    if name in ("skipif", "skipIf") and given and sure:
        reason = reason or (args[1] if name == "skipIf" and len(args) > 1 else None)
        return _format_muting_reason("skipped", _read_constant_value(reason))
    if name == "xfail" and sure:
        return _format_muting_reason("xfailed", _read_constant_value(reason))
    return "xfailed" if name == "expectedFailure" else None


def describe_empty_parameters(values: Sequence[ast.expr]) -> str | None:
    """Return the outcome of a test with an empty parameter set."""
    none = any(isinstance(each, (ast.List, ast.Tuple)) and not each.elts for each in values)
    return "skipped: empty parameter set" if none else None


def find_unconditional_stop(body: Sequence[ast.stmt], reducer: ExpressionReducer) -> str | None:
    """Return the outcome of a body that unconditionally skips or xfails."""
    for node in body:
        value = node.exc if isinstance(node, ast.Raise) else getattr(node, "value", None)
        if isinstance(node, (ast.Expr, ast.Raise)) and isinstance(value, ast.Call):
            word = STOPPING_CALLS.get(reducer.reduce_dotted_name(value.func))
            if word is not None:
                reasons = [*value.args[:1], *(each.value for each in value.keywords)]
                reason = reducer.reduce_expression(reasons[0]) if reasons else None
                return _format_muting_reason(word, _read_constant_value(reason))
    return None


def _read_constant_value(node: ast.expr | None) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def _format_muting_reason(word: str, reason: object) -> str:
    return f"{word}: {' '.join(reason.split())}" if isinstance(reason, str) else word


def _is_condition_certain(condition: object) -> bool:
    """Return whether a condition is always true; a text is evaluated as in pytest."""
    if not isinstance(condition, str):
        return bool(condition)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pytest warns of them when it evaluates the text
            return bool(ast.literal_eval(condition))
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return False


CONSTRUCTORS = frozenset({"__init__", "__new__"})

NON_TEST_DECORATORS = frozenset(
    {"fixture", "yield_fixture", "property", "cached_property", "setter", "deleter", "overload"}
)
"""Decorators, by the last part of their names, of functions that are not tests."""

PLAIN_BASES = ("object", "ABC", "Generic", "Protocol")
"""Base classes without tests."""


@dataclass(frozen=True, slots=True)
class SourceMark:
    """A mark in the code, with its line.

    Only literal arguments are included; ``whole`` is False if others are computed.
    """

    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    line: int
    whole: bool = True


@dataclass(frozen=True, slots=True)
class SourceTest:
    """A test in the code, with its marks and those of its class and module.

    ``name`` is its node id within the file, without parameters: a mark on one set of parameters
    makes a further `SourceTest` of the same name. ``muted`` is the reason why the test
    can never fail a run, ``skipped: too slow`` or ``xfailed``, but not a conditional skip.
    ``sure`` is False if only a run shows whether the test exists. A `SourceTest` without a name
    holds the ``unread`` places of its file.
    """

    name: str
    line: int
    marks: tuple[SourceMark, ...] = ()
    muted: str | None = None
    sure: bool = True
    unread: tuple[UnreadPlace, ...] = ()


@dataclass(frozen=True, slots=True)
class _MarkEffect:
    """The effect of decorators or a ``pytestmark``; ``cases`` are the parameter sets with marks.

    ``clear`` is False if there may be marks that can't be read.
    """

    marks: tuple[SourceMark, ...] = ()
    muted: str | None = None
    cases: tuple[_MarkEffect, ...] = ()
    clear: bool = True

    def join(self, other: _MarkEffect) -> _MarkEffect:
        """Return the effect of both, such as that of a test and that of its class or module."""
        if self is NO_EFFECT or other is NO_EFFECT:
            return other if self is NO_EFFECT else self
        return _MarkEffect(
            (*self.marks, *other.marks),
            self.muted or other.muted,
            (*self.cases, *other.cases),
            self.clear and other.clear,
        )


NO_EFFECT = _MarkEffect()


@dataclass(frozen=True, slots=True)
class _NameContext:
    """The scope in which the names of a function or class are resolved."""

    reducer: ExpressionReducer
    scope: NameScope = field(default_factory=dict)

    def reduce(self, node: ast.expr, at: Position | None = None) -> ast.expr:
        """Return what an expression comes to at a position of the file, or at its end."""
        return self.reducer.reduce_expression(node, at, self.scope)


class _ClassBody(NamedTuple):
    """The body of a class; ``scope`` are the names that it binds, each unresolved."""

    definitions: Mapping[str, Sequence[Definition]]
    bindings: Mapping[str, Sequence[NameBinding]]
    scope: NameScope


class SourceTestReader:
    """Finds the tests of one file; ``read`` are the expressions that it has read as a whole.

    With ``lines`` only the functions that are defined on one of them are looked for.
    """

    __test__ = False

    def __init__(
        self,
        module: ParsedModule,
        names: Collection[str],
        functions: Sequence[str],
        classes: Sequence[str],
        reader: MarkCodeReader | None = None,
        lines: Collection[int] | None = None,
    ) -> None:
        self.read: set[int] = set()
        self._collected: set[int] = set()
        self._module = module
        self._marks = names
        self._functions = functions
        self._classes = classes
        self._reader = reader
        self._lines = lines
        self._holding: dict[int, bool] = {}
        self._definitions = find_definitions(module.tree.body)
        self._home = _NameContext(reader.reducer(module) if reader else ExpressionReducer(module))
        self._homes: dict[int, _NameContext] = {}
        self._foreign: list[tuple[ParsedModule, ast.ClassDef, int]] = []
        self._decorators: dict[int, ast.expr] = {}
        self._bases: dict[int, ast.expr] = {}
        self._bodies: dict[int, _ClassBody] = {}
        self._class_effects: dict[int, _MarkEffect] = {}
        self._function_effects: dict[int, tuple[_MarkEffect, str | None] | None] = {}
        self._open = {"pytestmark"}

    def tests(self) -> Iterator[SourceTest]:
        """Yield the tests in the order of their code."""
        effect = self._read_module_effect()
        yield from self._read_definitions(self._definitions, "", effect, self._functions)

    def unread(self) -> Iterator[UnreadPlace]:
        """Yield the places that may add marks; call it after all tests are read."""
        if self._reader is None:
            return
        yield from self._reader.find_places(
            self._module, self.read, self._is_collected, self._collected
        )
        for module, node, line in self._foreign:
            claim = self._reader.claim(module, node, self.read)
            if claim is not None:
                yield UnreadPlace(line, f"class {node.name} in {module.path}", claim)

    def _is_collected(self, name: str) -> bool:
        patterns = (*self._functions, *self._classes)
        return name in self._open or is_test_name(name, patterns)

    def _read_module_effect(self) -> _MarkEffect:
        effect = NO_EFFECT
        binding = self._module.find("pytestmark", None)
        if binding is not None:
            line, column = binding.position
            name = ast.Name("pytestmark", ast.Load(), lineno=line, col_offset=column)
            effect = self._read_mark_expression(name, self._home.reduce(name), self._home)
            if effect.clear:
                self._open.clear()
        statements = self._module.tree.body
        stop = find_unconditional_stop(statements, self._home.reducer)
        return effect.join(_MarkEffect(muted=stop))

    def _read_definitions(
        self,
        definitions: Mapping[str, Sequence[Definition]],
        prefix: str,
        outer: _MarkEffect,
        functions: Sequence[str],
    ) -> Iterator[SourceTest]:
        for name, nodes in definitions.items():
            for node in nodes:
                if isinstance(node, ast.ClassDef):
                    yield from self._read_test_class(node, prefix, outer)
                elif (self._lines is None or node.lineno in self._lines) and is_test_name(
                    name, functions
                ):
                    yield from self._read_test_function(node, prefix + name, outer)

    def _may_hold_test(self, node: ast.ClassDef) -> bool:
        """Return whether a class may have a function on one of the lines, perhaps inherited.

        Names are not followed for this: only a class of the file, or nothing of it, is read.
        """
        if self._lines is None:
            return True
        if id(node) not in self._holding:
            self._holding[id(node)] = False  # while its bases are asked, which may name it
            last = node.end_lineno or node.lineno
            inner_classes = (each for each in node.body if isinstance(each, ast.ClassDef))
            self._holding[id(node)] = (
                any(node.lineno <= line <= last for line in self._lines)
                or any(map(self._may_inherit_test, node.bases))
                or any(map(self._may_hold_test, inner_classes))
            )
        return self._holding[id(node)]

    def _may_inherit_test(self, base: ast.expr) -> bool:
        plain = base.value if isinstance(base, ast.Subscript) else base
        root = plain
        while isinstance(root, ast.Attribute):
            root = root.value
        if not isinstance(root, ast.Name):
            return True
        for binding in self._module.bound.get(root.id, ()):
            value = binding.value
            if isinstance(value, ast.ClassDef) and plain is root:
                if self._may_hold_test(value):
                    return True
            elif not isinstance(value, ImportTarget):
                return True
        return False

    def _is_not_a_test(self, node: Function, home: _NameContext) -> bool:
        """Return whether a function with a test's name is a fixture, a property or the like."""
        for decorator in node.decorator_list:
            reduced = self._reduce_node(decorator, home)
            name = format_dotted_name(reduced.func if isinstance(reduced, ast.Call) else reduced)
            if name.rpartition(".")[2] in NON_TEST_DECORATORS and not is_mark_name(name):
                return True
        return False

    def _read_test_function(
        self, node: Function, name: str, outer: _MarkEffect
    ) -> Iterator[SourceTest]:
        if id(node) not in self._function_effects:  # subclasses have the same function
            home = self._homes.get(id(node), self._home)
            self._function_effects[id(node)] = (
                None
                if self._is_not_a_test(node, home)
                else (
                    self._read_decorators(node.decorator_list, home),
                    find_unconditional_stop(node.body, home.reducer),
                )
            )
        own = self._function_effects[id(node)]
        if own is None:
            return
        effect = own[0].join(outer)
        muted = effect.muted or own[1]
        yield SourceTest(name, node.lineno, effect.marks, muted)
        for case in effect.cases:
            if case.marks:
                yield SourceTest(name, node.lineno, case.marks, muted or case.muted)

    def _read_test_class(
        self, node: ast.ClassDef, prefix: str, outer: _MarkEffect
    ) -> Iterator[SourceTest]:
        if not self._may_hold_test(node):
            return
        family = list(self._find_class_family(node, self._homes.get(id(node), self._home), set()))
        bases = [
            name
            for class_node, home in family
            for name in self._find_foreign_bases(class_node, home)
        ]
        unittest = any(name.rpartition(".")[2].endswith("TestCase") for name in bases)
        if not (is_test_name(node.name, self._classes) or unittest or bases):
            return
        defined = [self._read_class_body(class_node).definitions for class_node, _ in family]
        is_test = self._read_class_body(node).bindings.get("__test__")
        if is_test and getattr(is_test[-1].value, "value", None) is False:
            return
        if not unittest and any(CONSTRUCTORS & definitions.keys() for definitions in defined):
            return  # pytest warns, and collects none of its tests
        class_effect = outer
        inherited: dict[str, Sequence[Definition]] = {}
        for class_node, home in reversed(family):
            class_effect = self._enter_class(class_node, home).join(class_effect)
            self._collected.add(id(class_node))
            if home.reducer.module is not self._module:  # its code may add marks
                self._foreign.append((home.reducer.module, class_node, node.lineno))
            inherited.update(self._read_class_body(class_node).definitions)
        functions = ("test",) if unittest else (*self._functions, *(["test"] if bases else []))
        name = f"{prefix}{node.name}::"
        source_tests = list(self._read_definitions(inherited, name, class_effect, functions))
        yield from source_tests
        is_test_class = (
            unittest or is_test_name(node.name, self._classes) or class_effect.marks != outer.marks
        )
        if (
            bases and is_test_class and not source_tests
        ):  # its tests are those of a class in another file
            yield SourceTest(name[:-2], node.lineno, class_effect.marks, class_effect.muted)

    def _enter_class(self, node: ast.ClassDef, home: _NameContext) -> _MarkEffect:
        """Return the effect of a class, whose definitions are read in its scope from now on."""
        if home is self._home and id(node) in self._class_effects:
            return self._class_effects[id(node)]
        body = self._read_class_body(node)
        inside = _NameContext(home.reducer, body.scope)
        for nodes in body.definitions.values():
            self._homes.update((id(definition), inside) for definition in nodes)
        effect = self._read_class_effect(node, home, inside)
        if home is self._home:
            self._class_effects[id(node)] = effect
        return effect

    def _read_class_effect(
        self, node: ast.ClassDef, home: _NameContext, inside: _NameContext
    ) -> _MarkEffect:
        decorator_effect = self._read_decorators(node.decorator_list, home)
        bindings = self._read_class_body(node).bindings.get("pytestmark", [])
        value = bindings[0].value if len(bindings) == 1 and bindings[0].certain else None
        if not isinstance(value, ast.expr) or home.reducer.module.is_changed("pytestmark"):
            return decorator_effect
        pytestmark_effect = self._read_mark_expression(
            value, inside.reduce(value, bindings[0].position), inside
        )
        if pytestmark_effect.clear:
            self.read.add(id(value))
        return decorator_effect.join(pytestmark_effect)

    def _read_class_body(self, node: ast.ClassDef) -> _ClassBody:
        if id(node) not in self._bodies:
            bindings = find_name_bindings(node.body)
            scope = {name: ast.Name(name, ast.Load(), lineno=1, col_offset=0) for name in bindings}
            self._bodies[id(node)] = _ClassBody(find_definitions(node.body), bindings, scope)
        return self._bodies[id(node)]

    def _find_class_family(
        self, node: ast.ClassDef, home: _NameContext, seen: set[int]
    ) -> Iterator[tuple[ast.ClassDef, _NameContext]]:
        """Yield a class and those of its bases that the project has, nearest first."""
        yield node, home
        seen.add(id(node))
        for base in node.bases:
            for base_node, other in self._find_project_bases(
                self._reduce_base(node, base, home), home
            ):
                if id(base_node) not in seen:
                    self.read.add(id(base))
                    yield from self._find_class_family(base_node, other, seen)

    def _reduce_base(self, node: ast.ClassDef, base: ast.expr, home: _NameContext) -> ast.expr:
        """Return what a base class comes to, without its type parameters."""
        if home is self._home and id(base) in self._bases:
            return self._bases[id(base)]
        plain = base.value if isinstance(base, ast.Subscript) else base
        reduced = home.reduce(plain, _find_lookup_position(node))
        if home is self._home:
            self._bases[id(base)] = reduced
        return reduced

    def _find_project_bases(
        self, reduced: ast.expr, home: _NameContext
    ) -> Iterator[tuple[ast.ClassDef, _NameContext]]:
        if isinstance(reduced, ReducedDefinition) and isinstance(reduced.node, ast.ClassDef):
            is_own = reduced.home is self._home.reducer
            yield reduced.node, self._home if is_own else _NameContext(reduced.home)
        elif isinstance(reduced, UnresolvedName) and home.reducer.module is self._module:
            for definition in self._definitions.get(reduced.id, ()):
                if isinstance(definition, ast.ClassDef):
                    yield definition, self._home

    def _find_foreign_bases(self, node: ast.ClassDef, home: _NameContext) -> Iterator[str]:
        """Yield the bases of a class that the project does not have."""
        for base in node.bases:
            reduced = self._reduce_base(node, base, home)
            name = format_dotted_name(reduced)
            is_plain = name.rpartition(".")[2] in PLAIN_BASES
            if not is_plain and not list(self._find_project_bases(reduced, home)):
                yield name

    def _read_decorators(self, expressions: Iterable[ast.expr], home: _NameContext) -> _MarkEffect:
        joined_effect = NO_EFFECT
        for given in expressions:
            effect = self._read_mark_expression(given, self._reduce_node(given, home), home)
            if effect.clear:
                self.read.add(id(given))
            joined_effect = joined_effect.join(effect)
        return joined_effect

    def _reduce_node(self, decorator: ast.expr, home: _NameContext) -> ast.expr:
        if id(decorator) not in self._decorators:
            reduced = home.reduce(decorator, _find_lookup_position(decorator))
            self._decorators[id(decorator)] = reduced
        return self._decorators[id(decorator)]

    def _read_mark_expression(
        self, given: ast.expr, reduced: ast.expr, home: _NameContext
    ) -> _MarkEffect:
        """Return the effect of one decorator or of the value of one ``pytestmark``."""
        source_marks, muted, clear = [], None, True
        cases: list[_MarkEffect] = []
        for node in flatten_lists(reduced):
            call = node if isinstance(node, ast.Call) else None
            name = format_dotted_name(call.func if call else node).removesuffix(".with_args")
            args = list(call.args) if call else []
            keywords = (
                {argument.arg: argument.value for argument in call.keywords if argument.arg}
                if call
                else {}
            )
            mark = parse_mark_name(name)
            if mark in self._marks:
                args, keywords = bind_decorator_arguments(name, args, keywords)
                literals, complete = read_literal_arguments(args)
                kwargs, known = read_literal_keywords(keywords)
                complete &= known and (not call or not any(k.arg is None for k in call.keywords))
                line = node.lineno if call else given.lineno
                source_marks.append(SourceMark(mark, literals, kwargs, line, complete))
                clear = clear and complete
            elif mark == "parametrize":
                values = [
                    *args[1:2],
                    *(argument for key, argument in keywords.items() if "values" in key),
                ]
                cases += self._read_parameter_cases(values, home)
                muted = muted or describe_empty_parameters(values)
            else:
                muted = muted or describe_muting_mark(mark or name, args, keywords)
                clear = clear and not self._may_mark(node)
        mutes = [case.muted for case in cases]
        common_mute = mutes[0] if mutes and all(mutes) else None
        clear = clear and all(case.clear for case in cases)
        return _MarkEffect(tuple(source_marks), muted or common_mute, tuple(cases), clear)

    def _read_parameter_cases(
        self, values: Sequence[ast.expr], home: _NameContext
    ) -> Iterator[_MarkEffect]:
        """Yield the effect on each readable parameter set."""
        for node in (keyword for value in values for keyword in flatten_lists(value)):
            call = node if isinstance(node, ast.Call) else None
            if call is None or not format_dotted_name(call.func).endswith("param"):
                yield _MarkEffect(clear=not self._may_mark(node))
                continue
            case_effect = _MarkEffect(clear=not any(map(self._may_mark, call.args)))
            for keyword in call.keywords:
                if keyword.arg == "marks":
                    marks = home.reduce(keyword.value)
                    marks_effect = self._read_mark_expression(keyword.value, marks, home)
                    case_effect = case_effect.join(replace(marks_effect, cases=()))
                elif self._may_mark(keyword.value):
                    case_effect = replace(case_effect, clear=False)
            yield case_effect

    def _may_mark(self, node: ast.expr) -> bool:
        """Return whether a reduced expression may contain one of our marks."""
        return self._reader is not None and self._reader.may_mark(self._module, node)


def _find_lookup_position(node: ast.expr | ast.ClassDef) -> Position:
    """Return the position at which the names of a decorator or of bases are looked up."""
    return node.lineno, node.col_offset
