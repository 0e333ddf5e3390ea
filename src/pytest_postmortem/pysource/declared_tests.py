"""Node ids × code → whether the test exists, None if only a run shows it, and is written."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch

from pytest_postmortem.pysource.bindings import (
    Definition,
    Function,
    find_definitions,
    parse_python_tree,
)
from pytest_postmortem.pysource.expressions import flatten_lists, format_dotted_name, read_literal
from pytest_postmortem.pysource.marker_index import SourceTestsByFile
from pytest_postmortem.pysource.project_modules import (
    ImportTarget,
    ModuleIndex,
    ParsedModule,
    find_module_stem,
    find_name_bindings,
)
from pytest_postmortem.pysource.resolver import ExpressionReducer
from pytest_postmortem.pysource.suite_reader import SourceTest

DOCTEST_PROMPT = ">>>"

NAMESPACE_FUNCTIONS = frozenset({"exec", "globals", "locals", "setattr", "vars"})
"""Functions that may define any name."""

PARAMETRIZING_WORDS = (
    *(b"pytest_generate_tests", b"pytest_make_parametrize_id"),
    *(b"autouse", b"usefixtures"),
)
"""Names in code that may parametrize a test implicitly."""


@dataclass(frozen=True, slots=True)
class DoctestSettings:
    """Settings for doctests: in modules, and in text files that match globs."""

    modules: bool = False
    globs: tuple[str, ...] = ("test*.txt",)


class DeclaredTests:
    """Finds tests by node id; ``present`` are the existing files with their contents."""

    def __init__(
        self,
        reading: SourceTestsByFile,
        modules: ModuleIndex,
        present: Mapping[str, bytes],
        doctests: DoctestSettings,
    ) -> None:
        self._reading = reading
        self._modules = modules
        self._present = present
        self._doctests = doctests

    def add_to(self, nodeids: Sequence[str]) -> SourceTestsByFile:
        """Return the tests of the suite, with tests under ``tests:`` that may exist added.

        Tests that only a run shows are not ``sure``.
        """
        tests_by_path = dict(self._reading)
        for nodeid in nodeids:
            path, _, name = nodeid.partition("::")
            known_tests = tests_by_path.get(path, ())
            if known_tests is None or self._is_named(known_tests, name):
                continue
            is_there = self.find(nodeid)
            if is_there is not False:
                base = name.partition("[")[0]
                muted = next((test.muted for test in known_tests if test.name == base), None)
                test = SourceTest(name, 1, (), muted, sure=is_there is True)
                tests_by_path[path] = (*known_tests, test)
        return tests_by_path

    def find(self, nodeid: str) -> bool | None:
        """Return whether a test exists, None if only a run shows it."""
        path, _, name = nodeid.partition("::")
        known_tests = self._reading.get(path, ())
        data = self._present.get(path)
        if data is None:
            return None if known_tests is None else False
        if self._is_named(known_tests or (), name):
            return True
        module = self._modules.read(path) if path.endswith(".py") else None
        if not path.endswith(".py"):
            return self._is_text_doctest(path, name, data) or None
        if module is None or not name:
            return None
        if "." in name.partition("[")[0] and "::" not in name:
            return self._find_doctest(module, name)
        if is_test_missing(module.tree, name):
            return self._find_doctest(module, name) if name == find_module_stem(path) else False
        return self._find_parameters(module, name) if name.endswith("]") else None

    def _is_named(self, tests: Sequence[SourceTest], name: str) -> bool:
        """Return whether a node id selects one of these tests, by name, class or file."""
        names = [test.name for test in tests if test.name and test.sure]
        return any(not name or own == name or own.startswith(f"{name}::") for own in names)

    def _is_text_doctest(self, path: str, name: str, data: bytes) -> bool:
        file = path.rpartition("/")[2]
        fits = any(fnmatch(file, glob) or fnmatch(path, glob) for glob in self._doctests.globs)
        return name == file and fits and DOCTEST_PROMPT.encode() in data

    def _find_doctest(self, module: ParsedModule, name: str) -> bool | None:
        """Return whether a module has a doctest: ``pkg.mod.Class.method``."""
        parts = module.path.removesuffix(".py").removesuffix("/__init__").split("/")
        tails = [".".join(parts[place:]) for place in range(len(parts))]
        rest = [name[len(tail) + 1 :] for tail in tails if f"{name}.".startswith(f"{tail}.")]
        if not rest:
            return None
        missing = None if "__test__" in module.bound else False
        node: ast.Module | Definition = module.tree
        for part in rest[0].split(".") if rest[0] else ():
            bound = {} if isinstance(node, Function) else find_name_bindings(node.body)
            value = bound[part][-1].value if part in bound else None
            if not isinstance(value, Definition):
                return None if part in bound else missing
            node = value
        if DOCTEST_PROMPT not in (ast.get_docstring(node, clean=False) or ""):
            return missing
        return True if self._doctests.modules else None

    def _find_parameters(self, module: ParsedModule, name: str) -> bool | None:
        """Return whether a test has a parameter set, None unless all are literals."""
        base, _, id = name.partition("[")
        functions = list(_find_function_definitions(module.tree.body, base.split("::")))
        if len(functions) != 1:
            return None
        node, decorators = functions[0]
        parameter_sets = list(
            _read_parameter_sets(ExpressionReducer(module, self._modules), decorators)
        )
        names = {each for names, _ in parameter_sets for each in names}
        ids = [each for _, each in parameter_sets]
        if not ids or not all(ids):  # without a value pytest makes up a set
            return None
        possible_ids = {"-".join(each) for each in itertools.product(*(each or () for each in ids))}
        if id.removesuffix("]") in possible_ids:
            return True
        arguments = node.args
        others = {
            each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
        }
        contents = self._modules.contents.values()
        hidden = any(word in data for data in contents for word in PARAMETRIZING_WORDS)
        return None if hidden or others - names - {"self"} else False


def is_test_missing(tree: ast.Module, name: str) -> bool:
    """Return whether a module certainly lacks a test, ``test_a`` or ``TestA::test_b``.

    Return False if the test may be imported, assigned, generated or inherited from another file,
    and for a module that is nested too deeply.
    """
    parts = name.partition("[")[0].split("::")
    try:
        bound = find_name_bindings(tree.body)
        calls = {
            node.func.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        imported = any(isinstance(each.value, ImportTarget) for each in bound.get(parts[0], ()))
        if NAMESPACE_FUNCTIONS & calls or imported or {"*", "__getattr__"} & bound.keys():
            return False
        return _is_missing_in_body(parts, tree.body, find_definitions(tree.body), frozenset())
    except RecursionError:
        return False


def _is_missing_in_body(
    parts: Sequence[str],
    body: Sequence[ast.stmt],
    module: Mapping[str, Sequence[Definition]],
    seen: frozenset[str],
) -> bool:
    """Return whether the body of a module or a class certainly lacks a name."""
    first, rest = parts[0], parts[1:]
    values = (binding.value for binding in find_name_bindings(body).get(first, ()))
    definitions = find_definitions(body)
    if any(not isinstance(value, Definition) for value in values) or any(
        _may_generate_test(first, *each) for each in definitions.items()
    ):
        return False
    return all(
        bool(rest)
        and not (
            isinstance(node, ast.ClassDef) and not _is_missing_in_class(rest, node, module, seen)
        )
        for node in definitions.get(first, ())
    )


def _may_generate_test(name: str, known: str, nodes: Sequence[Definition]) -> bool:
    """Return whether a decorator may generate a test, as parameterized and ddt do."""
    return name.startswith(f"{known}_") and any(node.decorator_list for node in nodes)


def _is_missing_in_class(
    parts: Sequence[str],
    node: ast.ClassDef,
    module: Mapping[str, Sequence[Definition]],
    seen: frozenset[str],
) -> bool:
    """Return whether a class certainly lacks a name.

    Bases in the same module are searched; a class with other bases may have the name.
    """
    bases = [base.id if isinstance(base, ast.Name) else "" for base in node.bases]
    if node.keywords or not _is_missing_in_body(parts, node.body, module, seen):
        return False
    family = [each for base in bases for each in module.get(base, ())]
    known = all(base in module or base == "object" for base in bases)
    return known and all(
        isinstance(each, ast.ClassDef)
        and (each.name in seen or _is_missing_in_class(parts, each, module, seen | {node.name}))
        for each in family
    )


def _find_function_definitions(
    body: Sequence[ast.stmt], names: Sequence[str], outer: Sequence[ast.expr] = ()
) -> Iterator[tuple[Function, Sequence[ast.expr]]]:
    """Yield the functions of a name with the decorators of the function and its classes."""
    for node in find_definitions(body).get(names[0], ()):
        decorators = [*reversed(node.decorator_list), *outer]
        if isinstance(node, ast.ClassDef):
            yield from (
                _find_function_definitions(node.body, names[1:], decorators) if names[1:] else ()
            )
        elif len(names) == 1:
            yield node, decorators


def _read_parameter_sets(
    reducer: ExpressionReducer, decorators: Sequence[ast.expr]
) -> Iterator[tuple[Sequence[str], Sequence[str] | None]]:
    """Yield the names of each set of parameters and its ids, None if they can't be read."""
    for decorator in decorators:
        for node in flatten_lists(
            reducer.reduce_expression(decorator, (decorator.lineno, decorator.col_offset))
        ):
            call = node if isinstance(node, ast.Call) else None
            name = format_dotted_name(call.func if call else node)
            if call and name.endswith("mark.parametrize"):
                yield _read_parameter_ids(call)
            elif ".mark." not in name:
                yield (), None  # a decorator that may add parameters


def _read_parameter_ids(call: ast.Call) -> tuple[Sequence[str], Sequence[str] | None]:
    keywords = {name.arg: name.value for name in call.keywords}
    args = [*call.args, *(keywords[key] for key in ("argnames", "argvalues") if key in keywords)]
    text = read_literal(args[0]) if args else None
    if text is None or len(args) != 2 or keywords.keys() - {"argnames", "argvalues", "indirect"}:
        return (), None
    written = text[0].split(",") if isinstance(text[0], str) else text[0]
    names = [str(name).strip() for name in written if str(name).strip()]
    if not isinstance(args[1], (ast.List, ast.Tuple)):
        return names, None
    ids = [_format_parameter_id(name, place, names) for place, name in enumerate(args[1].elts)]
    readable_ids = [name for name in ids if name is not None]
    return names, readable_ids if len(set(readable_ids)) == len(ids) else None


def _format_parameter_id(node: ast.expr, place: int, names: Sequence[str]) -> str | None:
    """Return the id that pytest gives to a set of parameters, None where it can't be read."""
    values: Sequence[ast.expr] = [node]
    if isinstance(node, ast.Call):
        if not format_dotted_name(node.func).endswith("param"):
            return None
        keywords = {each.arg: each.value for each in node.keywords}
        if "id" in keywords:
            explicit_id = read_literal(keywords["id"])
            return (
                _escape_parameter_text(explicit_id[0])
                if explicit_id and isinstance(explicit_id[0], str)
                else None
            )
        values = node.args
    elif len(names) > 1:
        values = node.elts if isinstance(node, (ast.Tuple, ast.List)) else []
    literals = [read_literal(each) for each in values]
    if len(values) != len(names) or any(each is None for each in literals):
        return None
    if any(each and isinstance(each[0], (bytes, complex)) for each in literals):
        return None
    pairs = zip(names, literals, strict=True)
    return "-".join(
        _format_parameter_word(value[0], f"{name}{place}") for name, value in pairs if value
    )


def _format_parameter_word(value: object, other: str) -> str:
    if isinstance(value, str):
        return _escape_parameter_text(value)
    return str(value) if value is None or isinstance(value, (bool, int, float)) else other


def _escape_parameter_text(text: str) -> str:
    return text.encode("unicode_escape").decode("ascii")


def find_unwritten_tests(data: bytes, nodeids: Iterable[str]) -> Iterator[str]:
    """Yield the node ids of tests in a file whose only step is to fail, as `new` creates them.

    A file that can't be parsed has none.
    """
    tree = parse_python_tree(data)
    for nodeid in nodeids if tree is not None else ():
        names = nodeid.partition("[")[0].split("::")[1:]
        functions = _find_function_definitions(tree.body, names) if tree and names else ()
        if any(_is_unwritten(function.body) for function, _ in functions):
            yield nodeid


def _is_unwritten(body: Iterable[ast.stmt]) -> bool:
    """Return whether nothing but a call of ``fail`` is left without imports and docstring."""
    steps = [
        statement
        for statement in body
        if not isinstance(statement, ast.Import | ast.ImportFrom | ast.Pass)
        and not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
    ]
    if len(steps) != 1 or not isinstance(steps[0], ast.Expr):
        return False
    call = steps[0].value
    return (
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "fail"
    )
