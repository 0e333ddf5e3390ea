"""Reduction of expressions: names, imports and simple functions are replaced by their values.

A reduced expression contains no resolvable name, only `ReducedDefinition` (functions and classes
of the project), `InternalModule`, `ExternalModule` and `UnresolvedName`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from types import MappingProxyType
from typing import TypeVar

from pytest_postmortem.pysource.bindings import Definition
from pytest_postmortem.pysource.expressions import (
    bind_call_arguments,
    fold_operation,
    format_dotted_name,
    mask_local_names,
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

Rebuilt = TypeVar("Rebuilt", bound=ast.AST)

NameScope = Mapping[str, ast.expr]

EMPTY_SCOPE: NameScope = MappingProxyType({})

MAX_REDUCTION_DEPTH = 25
MAX_REDUCTION_STEPS = 20_000
"""How deep and how long an expression is followed, which may name itself."""

IMPORT_FUNCTIONS = frozenset({"importlib.import_module", "pytest.importorskip"})
"""Functions that return the module of a name."""


LOCAL_SCOPES = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)
"""Code that binds names of its own; the values of these names are not read."""


class ExternalModule(ast.Name):
    """A module outside of the project."""


class UnresolvedName(ast.Name):
    """A name that can't be followed, with the file in which it was looked up."""

    home: ParsedModule


class ReducedDefinition(ast.Name):
    """A function or class of the project, with what its names are looked up in."""

    node: Definition
    home: ExpressionReducer


class InternalModule(ast.Name):
    """A module that is a file of the project."""

    path: str


class ExpressionReducer:
    """Follows the names of one file, and into the files that it imports."""

    def __init__(self, module: ParsedModule, modules: ModuleIndex | None = None) -> None:
        self.module = module
        self.modules = modules or ModuleIndex({})
        self._steps = 0

    def reduce_expression(
        self, node: ast.expr, at: Position | None = None, scope: NameScope = EMPTY_SCOPE
    ) -> ast.expr:
        """Return what an expression comes to at a position of the file, or at its end."""
        self._steps = 0
        return self.reduce_part(node, at, scope, 0)

    def reduce_dotted_name(self, node: ast.expr) -> str:
        """Return the dotted name that an expression comes to at the end of the file."""
        root = node
        while isinstance(root, ast.Attribute):
            root = root.value
        is_free = isinstance(root, ast.Name) and root.id not in self.module.bound
        return format_dotted_name(
            node if is_free and not self.module.stars else self.reduce_expression(node)
        )

    def reduce_part(
        self, node: ast.expr, at: Position | None, scope: NameScope, depth: int
    ) -> ast.expr:
        """Return what a part of an expression comes to."""
        self._steps += 1
        if (
            depth > MAX_REDUCTION_DEPTH
            or self._steps > MAX_REDUCTION_STEPS
            or isinstance(node, (ExternalModule, ReducedDefinition, InternalModule, UnresolvedName))
        ):
            return node
        if isinstance(node, ast.Name):
            return scope[node.id] if node.id in scope else self._reduce_name(node, at, depth)

        if isinstance(node, LOCAL_SCOPES):
            scope = {**scope, **mask_local_names(node)}

        def inner(part: ast.expr) -> ast.expr:
            return self.reduce_part(part, at, scope, depth + 1)

        if isinstance(node, ast.Attribute):
            return self._reduce_attribute(inner(node.value), node, depth)
        if isinstance(node, ast.Call):
            return self._reduce_call(node, inner, depth)
        return fold_operation(_rebuild_expression(node, inner))

    def _reduce_name(self, node: ast.Name, at: Position | None, depth: int) -> ast.expr:
        binding = self.module.find(node.id, at)
        if binding is not None:
            value = self._reduce_binding(binding, node, depth)
        else:
            value = None if node.id in self.module.bound else self._reduce_star_import(node, depth)
        if value is None:
            value = ast.copy_location(UnresolvedName(node.id, ast.Load()), node)
            value.home = self.module
        return value

    def _reduce_binding(self, binding: NameBinding, node: ast.Name, depth: int) -> ast.expr | None:
        value = binding.value
        if value is None:
            return None
        if isinstance(value, ImportTarget):
            found = self._reduce_import(value, depth)
            return None if found is None else _copy_to_line(found, node)
        if isinstance(value, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return self._build_definition(value, node)
        found = self.reduce_part(value, binding.position, EMPTY_SCOPE, depth + 1)
        kept = isinstance(found, (ast.Constant, ast.Attribute))
        return found if kept or not self.module.is_changed(node.id) else None

    def _build_definition(self, definition: Definition, name: ast.Name) -> ReducedDefinition:
        made = ast.copy_location(ReducedDefinition(name.id, ast.Load()), name)
        made.node, made.home = definition, self
        return made

    def _reduce_import(self, target: ImportTarget, depth: int) -> ast.expr | None:
        """Return what an import binds, None where it leads into the project and no further."""
        paths = self._find_imported_files(target.module, target.level)
        if target.attribute is None:
            return (
                _build_internal_module(paths[0])
                if len(paths) == 1
                else _build_external_module(target.module)
            )
        for path in paths if len(paths) == 1 else ():
            value = self._reduce_name_in_file(path, target.attribute, depth)
            if value is not None:
                return value
        dots = f"{target.module}.{target.attribute}" if target.module else target.attribute
        below = self._find_imported_files(dots, target.level)
        if len(below) == 1:
            return _build_internal_module(below[0])
        return None if paths or below or target.level else _build_external_module(dots)

    def _find_imported_files(self, module: str, level: int = 0) -> Sequence[str]:
        """Return the files of the project that an import may name."""
        return self.modules.find(self.module.path, module, level)

    def _find_submodule(self, package: str, name: str) -> str | None:
        """Return the module of a name in a package, None where it has none."""
        folder = package.removesuffix("__init__.py")
        paths = [f"{folder}{name}.py", f"{folder}{name}/__init__.py"] if folder != package else []
        return next((path for path in paths if path in self.modules.contents), None)

    def _reduce_name_in_file(self, path: str, name: str, depth: int) -> ast.expr | None:
        """Return what a name of another file comes to, None where it has none or can't be read."""
        module = self.modules.read(path)
        if module is None or depth > MAX_REDUCTION_DEPTH:
            return None
        other = ExpressionReducer(module, self.modules)
        other._steps = self._steps
        node = ast.Name(name, ast.Load(), lineno=1, col_offset=0)
        found = other.reduce_part(node, None, EMPTY_SCOPE, depth + 1)
        self._steps = other._steps
        return None if isinstance(found, UnresolvedName) else found

    def _reduce_star_import(self, node: ast.Name, depth: int) -> ast.expr | None:
        """Return what a name comes to that only ``import *`` can have bound."""
        for star in self.module.stars:
            for path in self._find_imported_files(star.module, star.level):
                found = self._reduce_name_in_file(path, node.id, depth)
                if found is not None:
                    return _copy_to_line(found, node)
        return None

    def _reduce_attribute(self, owner: ast.expr, node: ast.Attribute, depth: int) -> ast.expr:
        if isinstance(owner, InternalModule):
            value = self._reduce_name_in_file(owner.path, node.attr, depth)
            if value is not None:
                return _copy_to_line(value, node)
            below = self._find_submodule(owner.path, node.attr)
            if below is not None:
                return ast.copy_location(_build_internal_module(below), node)
        elif isinstance(owner, ReducedDefinition) and isinstance(owner.node, ast.ClassDef):
            bound = find_name_bindings(owner.node.body).get(node.attr, [])
            for binding in bound if len(bound) == 1 else ():
                if isinstance(binding.value, ast.expr):
                    value = owner.home.reduce_part(
                        binding.value, binding.position, EMPTY_SCOPE, depth + 1
                    )
                    return _copy_to_line(value, node)
        elif isinstance(owner, ast.Constant) and node.attr == "value":
            return owner  # the value of a member of an Enum
        elif _is_external_module(owner):
            paths = self._find_imported_files(f"{format_dotted_name(owner)}.{node.attr}")
            if len(paths) == 1:
                return ast.copy_location(_build_internal_module(paths[0]), node)
        return ast.copy_location(ast.Attribute(owner, node.attr, ast.Load()), node)

    def _reduce_call(
        self, node: ast.Call, inner: Callable[[ast.expr], ast.expr], depth: int
    ) -> ast.expr:
        function = inner(node.func)
        args = [part for argument in node.args for part in unpack_starred_list(inner(argument))]
        keywords = [ast.keyword(keyword.arg, inner(keyword.value)) for keyword in node.keywords]
        if format_dotted_name(function) in IMPORT_FUNCTIONS and args:
            name = args[0].value if isinstance(args[0], ast.Constant) else None
            paths = self._find_imported_files(name) if isinstance(name, str) else ()
            if len(paths) == 1:
                return ast.copy_location(_build_internal_module(paths[0]), node)
        if isinstance(function, ReducedDefinition):
            returned_value = self._reduce_returned_value(function, args, keywords, depth)
            if returned_value is not None:
                return _copy_to_line(returned_value, node)
        return ast.copy_location(ast.Call(function, args, keywords), node)

    def _reduce_returned_value(
        self,
        function: ReducedDefinition,
        args: Sequence[ast.expr],
        keywords: Sequence[ast.keyword],
        depth: int,
    ) -> ast.expr | None:
        """Return what a function returns that consists of one ``return``, None for any other."""
        node = function.node
        if not isinstance(node, ast.FunctionDef) or node.decorator_list:
            return None
        body = node.body[1:] if ast.get_docstring(node) is not None else node.body
        scope = bind_call_arguments(node.args, args, keywords)
        if scope is None or len(body) != 1 or depth > MAX_REDUCTION_DEPTH:
            return None
        value = body[0].value if isinstance(body[0], ast.Return) else None
        return None if value is None else function.home.reduce_part(value, None, scope, depth + 1)


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


def _rebuild_expression(node: Rebuilt, inner: Callable[[ast.expr], ast.expr]) -> Rebuilt:
    """Return a copy of an expression with other expressions below it."""
    made = copy(node)
    for name, value in ast.iter_fields(node):
        setattr(made, name, _rebuild_field(value, inner))
    return made


def _rebuild_field(value: object, inner: Callable[[ast.expr], ast.expr]) -> object:
    if isinstance(value, ast.expr):
        return inner(value)
    if isinstance(value, list):
        return [_rebuild_field(part, inner) for part in value]
    if isinstance(value, (ast.comprehension, ast.keyword)):
        return _rebuild_expression(value, inner)
    return value


def _copy_to_line(node: ast.expr, place: ast.expr) -> ast.expr:
    """Return a copy of an expression of another place, with the line at which it is used."""
    made = _rebuild_expression(node, lambda part: _copy_to_line(part, place))
    return ast.copy_location(made, place)
