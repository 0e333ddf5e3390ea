"""An expression → what it comes to, as far as that can be read: names, imports, own functions.

The result holds no name that could be followed. What is left in it is a `ReducedDefinition`
function or class of the project, an `ExternalModule` module of another one, or a name that can't be
followed.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from pytest_postmortem.pysource.bindings import Definition
from pytest_postmortem.pysource.expressions import (
    bind_call_arguments,
    compute_call,
    fold_operation,
    format_dotted_name,
    parse_mark_name,
    read_literal,
    unpack_starred_list,
)
from pytest_postmortem.pysource.project_modules import (
    ImportTarget,
    ModuleIndex,
    NameBinding,
    ParsedModule,
    Position,
    find_name_bindings,
)

__all__ = [
    "DECORATED_FUNCTION",
    "EMPTY_SCOPE",
    "ExpressionReducer",
    "ExternalModule",
    "InternalModule",
    "NameScope",
    "ReducedDefinition",
]

NameScope = Mapping[str, ast.expr]

EMPTY_SCOPE: NameScope = MappingProxyType({})

MAX_REDUCTION_DEPTH = 25
MAX_REDUCTION_STEPS = 20_000
"""How deep and how long an expression is followed, which may name itself."""

MAX_REDUCED_ITEMS = 1_000
"""How many elements a list has that is written out."""

IMPORT_FUNCTIONS = frozenset({"importlib.import_module", "pytest.importorskip"})
"""Functions that return the module of a name."""


class ExternalModule(ast.Name):
    """A module that is no file of the project."""


class ReducedDefinition(ast.Name):
    """A function or class of the project, with what its names are looked up in."""

    node: Definition | ast.Lambda
    home: ExpressionReducer
    scope: NameScope


class InternalModule(ast.Name):
    """A module that is a file of the project."""

    path: str


DECORATED_FUNCTION = ast.Name("the decorated function", ast.Load())


class ExpressionReducer:
    """Follows the names of one file, and into the files that it imports."""

    def __init__(self, module: ParsedModule, modules: ModuleIndex | None = None) -> None:
        self.module = module
        self.modules = modules
        self._steps = 0

    def reduce_expression(
        self, node: ast.expr, at: Position | None = None, scope: NameScope = EMPTY_SCOPE
    ) -> ast.expr:
        """Return what an expression comes to at a position of the file, or at its end."""
        self._steps = 0
        return self.reduce_part(node, at, scope, 0)

    def apply(self, function: ast.expr, *args: ast.expr) -> ast.expr | None:
        """Return what a reduced function returns for reduced arguments, None if unclear."""
        return (
            self._reduce_returned_value(function, args, (), 0)
            if isinstance(function, ReducedDefinition)
            else None
        )

    def reduce_part(
        self, node: ast.expr, at: Position | None, scope: NameScope, depth: int
    ) -> ast.expr:
        """Return what a part of an expression comes to."""
        self._steps += 1
        if (
            depth > MAX_REDUCTION_DEPTH
            or self._steps > MAX_REDUCTION_STEPS
            or isinstance(node, (ExternalModule, ReducedDefinition, InternalModule))
        ):
            return node
        if isinstance(node, ast.Name):
            return scope[node.id] if node.id in scope else self._named(node, at, depth)

        def inner(each: ast.expr) -> ast.expr:
            return self.reduce_part(each, at, scope, depth + 1)

        if isinstance(node, ast.Attribute):
            return self._reduce_attribute(inner(node.value), node, depth)
        if isinstance(node, ast.Call):
            return self._call(node, inner, depth)
        if isinstance(node, (ast.ListComp, ast.GeneratorExp, ast.SetComp)):
            return self._reduce_comprehension(node, at, scope, depth)
        if isinstance(node, ast.Lambda):
            return self._build_definition(node, "lambda", scope, node)
        return fold_operation(_rebuild_expression(node, inner))

    def _named(self, node: ast.Name, at: Position | None, depth: int) -> ast.expr:
        binding = self.module.find(node.id, at)
        if binding is None:
            return (
                self._reduce_star_import(node, depth) if node.id not in self.module.bound else node
            )
        return self._reduce_binding(binding, node, depth) or node

    def _reduce_binding(self, binding: NameBinding, node: ast.Name, depth: int) -> ast.expr | None:
        value = binding.value
        if value is None:
            return None
        if isinstance(value, ImportTarget):
            found = self._reduce_import(value, depth)
            return None if found is None else _copy_to_line(found, node)
        if isinstance(value, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return self._build_definition(value, node.id, EMPTY_SCOPE, node)
        found = self.reduce_part(value, binding.position, EMPTY_SCOPE, depth + 1)
        kept = isinstance(found, (ast.Constant, ast.Attribute))
        return None if node.id in self.module.changed and not kept else found

    def _build_definition(
        self, value: Definition | ast.Lambda, name: str, scope: NameScope, place: ast.expr
    ) -> ReducedDefinition:
        made = ast.copy_location(ReducedDefinition(name, ast.Load()), place)
        made.node, made.home, made.scope = value, self, scope
        return made

    def _reduce_import(self, wanted: ImportTarget, depth: int) -> ast.expr | None:
        """Return what an import binds, None where it leads into the project and no further."""
        paths = self._find_imported_files(wanted.module, wanted.level)
        if wanted.attribute is None:
            return (
                _build_internal_module(paths[0])
                if len(paths) == 1
                else _build_external_module(wanted.module)
            )
        for path in paths if len(paths) == 1 else ():
            found = self._in_file(path, wanted.attribute, depth)
            if found is not None:
                return found
        dots = f"{wanted.module}.{wanted.attribute}" if wanted.module else wanted.attribute
        below = self._find_imported_files(dots, wanted.level)
        if len(below) == 1:
            return _build_internal_module(below[0])
        return None if paths or below or wanted.level else _build_external_module(dots)

    def _find_imported_files(self, module: str, level: int = 0) -> Sequence[str]:
        """Return the files of the project that an import may name."""
        return self.modules.find(self.module.path, module, level) if self.modules else ()

    def _below(self, package: str, name: str) -> str | None:
        """Return the module of a name in a package, None where it has none."""
        folder = package.removesuffix("__init__.py")
        paths = [f"{folder}{name}.py", f"{folder}{name}/__init__.py"] if folder != package else []
        return next(
            (path for path in paths if self.modules and path in self.modules.contents), None
        )

    def _in_file(self, path: str, name: str, depth: int) -> ast.expr | None:
        """Return what a name of another file comes to, None where it has none or can't be read."""
        module = self.modules.read(path) if self.modules else None
        if module is None or depth > MAX_REDUCTION_DEPTH:
            return None
        other = ExpressionReducer(module, self.modules)
        other._steps = self._steps
        node = ast.Name(name, ast.Load(), lineno=1, col_offset=0)
        found = other.reduce_part(node, None, EMPTY_SCOPE, depth + 1)
        self._steps = other._steps
        return None if found is node else found

    def _reduce_star_import(self, node: ast.Name, depth: int) -> ast.expr:
        """Return what a name comes to that only ``import *`` can have bound."""
        for star in self.module.stars:
            for path in self._find_imported_files(star.module, star.level):
                found = self._in_file(path, node.id, depth)
                if found is not None:
                    return _copy_to_line(found, node)
        return node

    def _reduce_attribute(self, owner: ast.expr, node: ast.Attribute, depth: int) -> ast.expr:
        if isinstance(owner, InternalModule):
            found = self._in_file(owner.path, node.attr, depth)
            if found is not None:
                return _copy_to_line(found, node)
            below = self._below(owner.path, node.attr)
            if below is not None:
                return ast.copy_location(_build_internal_module(below), node)
        elif isinstance(owner, ReducedDefinition) and isinstance(owner.node, ast.ClassDef):
            bound = find_name_bindings(owner.node.body).get(node.attr, [])
            for each in bound if len(bound) == 1 else ():
                if isinstance(each.value, ast.expr):
                    found = owner.home.reduce_part(
                        each.value, each.position, EMPTY_SCOPE, depth + 1
                    )
                    return _copy_to_line(found, node)
        elif isinstance(owner, ast.Constant) and node.attr == "value":
            return owner  # the value of a member of an Enum
        elif _is_external_module(owner):
            paths = self._find_imported_files(f"{format_dotted_name(owner)}.{node.attr}")
            if len(paths) == 1:
                return ast.copy_location(_build_internal_module(paths[0]), node)
        return ast.copy_location(ast.Attribute(owner, node.attr, ast.Load()), node)

    def _call(self, node: ast.Call, inner: Callable[[ast.expr], ast.expr], depth: int) -> ast.expr:
        function = inner(node.func)
        args = [part for each in node.args for part in unpack_starred_list(inner(each))]
        keywords = [ast.keyword(each.arg, inner(each.value)) for each in node.keywords]
        function_name, name = format_dotted_name(function), getattr(function, "attr", "")
        call_args = args if name == "__getattr__" else args[1:]
        if (function_name == "getattr" or name == "__getattr__") and call_args:
            key = read_literal(call_args[0])
            if key and isinstance(key[0], str):
                owner = function.value if isinstance(function, ast.Attribute) else args[0]
                attribute = ast.copy_location(ast.Attribute(owner, key[0], ast.Load()), node)
                return self._reduce_attribute(owner, attribute, depth)
        if isinstance(function, ast.Call) and format_dotted_name(function.func).endswith("partial"):
            args = [*function.args[1:], *args]
            keywords = [*function.keywords, *keywords]
            function = function.args[0] if function.args else function
        marked = function.value if name == "with_args" else function  # type: ignore[attr-defined]
        if (
            isinstance(marked, ast.Call)
            and parse_mark_name(format_dotted_name(marked.func))
            and _are_mark_arguments(args)
        ):
            args, keywords = [*marked.args, *args], [*marked.keywords, *keywords]
            function = marked.func
        if function_name in IMPORT_FUNCTIONS and args:
            key = read_literal(args[0])
            paths = self._find_imported_files(key[0]) if key and isinstance(key[0], str) else ()
            if len(paths) == 1:
                return ast.copy_location(_build_internal_module(paths[0]), node)
        if isinstance(function, ReducedDefinition):
            returned_value = self._reduce_returned_value(function, args, keywords, depth)
            if returned_value is not None:
                return _copy_to_line(returned_value, node)
        reduced_call = ast.copy_location(ast.Call(function, args, keywords), node)
        return compute_call(reduced_call) or reduced_call

    def _reduce_returned_value(
        self,
        function: ReducedDefinition,
        args: Sequence[ast.expr],
        keywords: Sequence[ast.keyword],
        depth: int,
    ) -> ast.expr | None:
        """Return what a function returns that only names things and returns one of them."""
        node = function.node
        if isinstance(node, (ast.ClassDef, ast.AsyncFunctionDef)) or depth > MAX_REDUCTION_DEPTH:
            return None
        scope = bind_call_arguments(node.args, args, keywords)
        if scope is None:
            return None
        home = function.home
        names: dict[str, ast.expr] = {
            **function.scope,
            **_reduce_parameter_defaults(home, node.args, depth),
            **scope,
        }
        if isinstance(node, ast.Lambda):
            return home.reduce_part(node.body, None, names, depth + 1)
        if node.decorator_list:
            return None
        for statement in node.body:
            if isinstance(statement, ast.Return) and statement.value is not None:
                return home.reduce_part(statement.value, None, names, depth + 1)
            if isinstance(statement, ast.FunctionDef) and not statement.decorator_list:
                names[statement.name] = home._build_definition(
                    statement, statement.name, names, DECORATED_FUNCTION
                )
            elif isinstance(statement, ast.Assign) and len(statement.targets) == 1:
                target = statement.targets[0]
                if not isinstance(target, ast.Name):
                    return None
                names[target.id] = home.reduce_part(statement.value, None, dict(names), depth + 1)
            elif not (
                isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            ):
                return None
        return None

    def _reduce_comprehension(
        self,
        node: ast.ListComp | ast.GeneratorExp | ast.SetComp,
        at: Position | None,
        scope: NameScope,
        depth: int,
    ) -> ast.expr:
        """Return the list that a comprehension over a list makes."""
        if len(node.generators) != 1 or node.generators[0].is_async:
            return node
        (loop,) = node.generators
        if not isinstance(loop.target, ast.Name):
            return node
        items = self.reduce_part(loop.iter, at, scope, depth + 1)
        if (
            not isinstance(items, (ast.List, ast.Tuple, ast.Set))
            or len(items.elts) > MAX_REDUCED_ITEMS
        ):
            return node
        elements: list[ast.expr] = []
        for item in items.elts:
            inside = {**scope, loop.target.id: item}
            tests = [
                read_literal(self.reduce_part(each, at, inside, depth + 1)) for each in loop.ifs
            ]
            if None in tests:
                return node
            if all(each[0] for each in tests if each):
                elements.append(self.reduce_part(node.elt, at, inside, depth + 1))
        return ast.copy_location(ast.List(elements, ast.Load()), node)


def _are_mark_arguments(args: Sequence[ast.expr]) -> bool:
    """Say whether arguments are those of a mark, and not the function that it is put on."""
    return len(args) != 1 or isinstance(args[0], (ast.Constant, ast.Starred, ast.JoinedStr))


def _build_internal_module(path: str) -> InternalModule:
    made = InternalModule(path, ast.Load(), lineno=1, col_offset=0)
    made.path = path
    return made


def _build_external_module(name: str) -> ast.expr:
    first, *rest = name.split(".")
    made: ast.expr = ExternalModule(first, ast.Load(), lineno=1, col_offset=0)
    for each in rest:
        made = ast.Attribute(made, each, ast.Load(), lineno=1, col_offset=0)
    return made


def _is_external_module(node: ast.expr) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ExternalModule)


def _rebuild_expression(node: ast.expr, inner: Callable[[ast.expr], ast.expr]) -> ast.expr:
    """Return a copy of an expression with other expressions below it."""
    made = type(node)()
    made.__dict__.update(node.__dict__)
    for name, value in ast.iter_fields(node):
        if isinstance(value, ast.expr):
            setattr(made, name, inner(value))
        elif isinstance(value, list):
            parts = [inner(each) if isinstance(each, ast.expr) else each for each in value]
            setattr(made, name, parts)
    return made


def _copy_to_line(node: ast.expr, place: ast.expr) -> ast.expr:
    """Return a copy of an expression of another place, with the line at which it is used."""
    if node is DECORATED_FUNCTION:
        return node
    made = ast.copy_location(
        _rebuild_expression(node, lambda each: _copy_to_line(each, place)), place
    )
    if isinstance(made, ast.Call):
        made.keywords = [
            ast.keyword(each.arg, _copy_to_line(each.value, place)) for each in made.keywords
        ]
    return made


def _reduce_parameter_defaults(
    home: ExpressionReducer, wanted: ast.arguments, depth: int
) -> NameScope:
    """Return the defaults of parameters by name."""
    names = [each.arg for each in (*wanted.posonlyargs, *wanted.args)]
    last = names[len(names) - len(wanted.defaults) :]
    pairs = [*zip(last, wanted.defaults, strict=True)]
    pairs += [
        (each.arg, value)
        for each, value in zip(wanted.kwonlyargs, wanted.kw_defaults, strict=True)
        if value is not None
    ]
    return {name: home.reduce_part(value, None, EMPTY_SCOPE, depth + 1) for name, value in pairs}
