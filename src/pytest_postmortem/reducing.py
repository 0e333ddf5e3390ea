"""An expression → what it comes to, as far as that can be read: names, imports, own functions.

The result holds no name that could be followed. What is left in it is a `Defined` function or
class of the project, an `Outer` module of another one, or a name that can't be followed.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from pytest_postmortem.bindings import Definition
from pytest_postmortem.expressions import bind_arguments, dotted, mark_of
from pytest_postmortem.folding import compute_call, fold, literal, spread
from pytest_postmortem.modules import Binding, Import, Module, Modules, Position, find_bindings

__all__ = [
    "DECORATED",
    "NOTHING",
    "Defined",
    "Inside",
    "Outer",
    "Reducer",
    "Scope",
]

Scope = Mapping[str, ast.expr]

NOTHING: Scope = MappingProxyType({})

DEPTH = 25
STEPS = 20_000
"""How deep and how long an expression is followed, which may name itself."""

LARGEST = 1_000
"""How many elements a list has that is written out."""

IMPORTERS = frozenset({"importlib.import_module", "pytest.importorskip"})
"""Functions that return the module of a name."""


class Outer(ast.Name):
    """A module that is no file of the project."""


class Defined(ast.Name):
    """A function or class of the project, with what its names are looked up in."""

    node: Definition | ast.Lambda
    home: Reducer
    scope: Scope


class Inside(ast.Name):
    """A module that is a file of the project."""

    path: str


DECORATED = ast.Name("the decorated function", ast.Load())


class Reducer:
    """Follows the names of one file, and into the files that it imports."""

    def __init__(self, module: Module, modules: Modules | None = None) -> None:
        self.module = module
        self.modules = modules
        self._steps = 0

    def reduce(
        self, node: ast.expr, at: Position | None = None, scope: Scope = NOTHING
    ) -> ast.expr:
        """Return what an expression comes to at a position of the file, or at its end."""
        self._steps = 0
        return self.follow(node, at, scope, 0)

    def apply(self, function: ast.expr, *args: ast.expr) -> ast.expr | None:
        """Return what a reduced function returns for reduced arguments, None if unclear."""
        return self._returned(function, args, (), 0) if isinstance(function, Defined) else None

    def follow(self, node: ast.expr, at: Position | None, scope: Scope, depth: int) -> ast.expr:
        """Return what a part of an expression comes to."""
        self._steps += 1
        if depth > DEPTH or self._steps > STEPS or isinstance(node, (Outer, Defined, Inside)):
            return node
        if isinstance(node, ast.Name):
            return scope[node.id] if node.id in scope else self._named(node, at, depth)

        def inner(each: ast.expr) -> ast.expr:
            return self.follow(each, at, scope, depth + 1)

        if isinstance(node, ast.Attribute):
            return self._attribute(inner(node.value), node, depth)
        if isinstance(node, ast.Call):
            return self._call(node, inner, depth)
        if isinstance(node, (ast.ListComp, ast.GeneratorExp, ast.SetComp)):
            return self._comprehension(node, at, scope, depth)
        if isinstance(node, ast.Lambda):
            return self._defined(node, "lambda", scope, node)
        return fold(_rebuilt(node, inner))

    def _named(self, node: ast.Name, at: Position | None, depth: int) -> ast.expr:
        binding = self.module.find(node.id, at)
        if binding is None:
            return self._starred(node, depth) if node.id not in self.module.bound else node
        return self._bound(binding, node, depth) or node

    def _bound(self, binding: Binding, node: ast.Name, depth: int) -> ast.expr | None:
        value = binding.value
        if value is None:
            return None
        if isinstance(value, Import):
            found = self._imported(value, depth)
            return None if found is None else _moved(found, node)
        if isinstance(value, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return self._defined(value, node.id, NOTHING, node)
        found = self.follow(value, binding.position, NOTHING, depth + 1)
        kept = isinstance(found, (ast.Constant, ast.Attribute))
        return None if node.id in self.module.changed and not kept else found

    def _defined(
        self, value: Definition | ast.Lambda, name: str, scope: Scope, place: ast.expr
    ) -> Defined:
        made = ast.copy_location(Defined(name, ast.Load()), place)
        made.node, made.home, made.scope = value, self, scope
        return made

    def _imported(self, wanted: Import, depth: int) -> ast.expr | None:
        """Return what an import binds, None where it leads into the project and no further."""
        paths = self._find(wanted.module, wanted.level)
        if wanted.attribute is None:
            return _inside(paths[0]) if len(paths) == 1 else _outer(wanted.module)
        for path in paths if len(paths) == 1 else ():
            found = self._in_file(path, wanted.attribute, depth)
            if found is not None:
                return found
        dots = f"{wanted.module}.{wanted.attribute}" if wanted.module else wanted.attribute
        below = self._find(dots, wanted.level)
        if len(below) == 1:
            return _inside(below[0])
        return None if paths or below or wanted.level else _outer(dots)

    def _find(self, module: str, level: int = 0) -> Sequence[str]:
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
        if module is None or depth > DEPTH:
            return None
        other = Reducer(module, self.modules)
        other._steps = self._steps
        node = ast.Name(name, ast.Load(), lineno=1, col_offset=0)
        found = other.follow(node, None, NOTHING, depth + 1)
        self._steps = other._steps
        return None if found is node else found

    def _starred(self, node: ast.Name, depth: int) -> ast.expr:
        """Return what a name comes to that only ``import *`` can have bound."""
        for star in self.module.stars:
            for path in self._find(star.module, star.level):
                found = self._in_file(path, node.id, depth)
                if found is not None:
                    return _moved(found, node)
        return node

    def _attribute(self, owner: ast.expr, node: ast.Attribute, depth: int) -> ast.expr:
        if isinstance(owner, Inside):
            found = self._in_file(owner.path, node.attr, depth)
            if found is not None:
                return _moved(found, node)
            below = self._below(owner.path, node.attr)
            if below is not None:
                return ast.copy_location(_inside(below), node)
        elif isinstance(owner, Defined) and isinstance(owner.node, ast.ClassDef):
            bound = find_bindings(owner.node.body).get(node.attr, [])
            for each in bound if len(bound) == 1 else ():
                if isinstance(each.value, ast.expr):
                    found = owner.home.follow(each.value, each.position, NOTHING, depth + 1)
                    return _moved(found, node)
        elif isinstance(owner, ast.Constant) and node.attr == "value":
            return owner  # the value of a member of an Enum
        elif _is_outer(owner):
            paths = self._find(f"{dotted(owner)}.{node.attr}")
            if len(paths) == 1:
                return ast.copy_location(_inside(paths[0]), node)
        return ast.copy_location(ast.Attribute(owner, node.attr, ast.Load()), node)

    def _call(self, node: ast.Call, inner: Callable[[ast.expr], ast.expr], depth: int) -> ast.expr:
        function = inner(node.func)
        args = [part for each in node.args for part in spread(inner(each))]
        keywords = [ast.keyword(each.arg, inner(each.value)) for each in node.keywords]
        own, name = dotted(function), getattr(function, "attr", "")
        given = args if name == "__getattr__" else args[1:]
        if (own == "getattr" or name == "__getattr__") and given:
            key = literal(given[0])
            if key and isinstance(key[0], str):
                owner = function.value if isinstance(function, ast.Attribute) else args[0]
                wanted = ast.copy_location(ast.Attribute(owner, key[0], ast.Load()), node)
                return self._attribute(owner, wanted, depth)
        if isinstance(function, ast.Call) and dotted(function.func).endswith("partial"):
            args = [*function.args[1:], *args]
            keywords = [*function.keywords, *keywords]
            function = function.args[0] if function.args else function
        marked = function.value if name == "with_args" else function  # type: ignore[attr-defined]
        if isinstance(marked, ast.Call) and mark_of(dotted(marked.func)) and _are_plain(args):
            args, keywords = [*marked.args, *args], [*marked.keywords, *keywords]
            function = marked.func
        if own in IMPORTERS and args:
            key = literal(args[0])
            paths = self._find(key[0]) if key and isinstance(key[0], str) else ()
            if len(paths) == 1:
                return ast.copy_location(_inside(paths[0]), node)
        if isinstance(function, Defined):
            found = self._returned(function, args, keywords, depth)
            if found is not None:
                return _moved(found, node)
        whole = ast.copy_location(ast.Call(function, args, keywords), node)
        return compute_call(whole) or whole

    def _returned(
        self,
        function: Defined,
        args: Sequence[ast.expr],
        keywords: Sequence[ast.keyword],
        depth: int,
    ) -> ast.expr | None:
        """Return what a function returns that only names things and returns one of them."""
        node = function.node
        if isinstance(node, (ast.ClassDef, ast.AsyncFunctionDef)) or depth > DEPTH:
            return None
        scope = bind_arguments(node.args, args, keywords)
        if scope is None:
            return None
        home = function.home
        names: dict[str, ast.expr] = {
            **function.scope,
            **_defaults(home, node.args, depth),
            **scope,
        }
        if isinstance(node, ast.Lambda):
            return home.follow(node.body, None, names, depth + 1)
        if node.decorator_list:
            return None
        for statement in node.body:
            if isinstance(statement, ast.Return) and statement.value is not None:
                return home.follow(statement.value, None, names, depth + 1)
            if isinstance(statement, ast.FunctionDef) and not statement.decorator_list:
                names[statement.name] = home._defined(statement, statement.name, names, DECORATED)
            elif isinstance(statement, ast.Assign) and len(statement.targets) == 1:
                target = statement.targets[0]
                if not isinstance(target, ast.Name):
                    return None
                names[target.id] = home.follow(statement.value, None, dict(names), depth + 1)
            elif not (
                isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            ):
                return None
        return None

    def _comprehension(
        self,
        node: ast.ListComp | ast.GeneratorExp | ast.SetComp,
        at: Position | None,
        scope: Scope,
        depth: int,
    ) -> ast.expr:
        """Return the list that a comprehension over a list makes."""
        if len(node.generators) != 1 or node.generators[0].is_async:
            return node
        (loop,) = node.generators
        if not isinstance(loop.target, ast.Name):
            return node
        items = self.follow(loop.iter, at, scope, depth + 1)
        if not isinstance(items, (ast.List, ast.Tuple, ast.Set)) or len(items.elts) > LARGEST:
            return node
        made: list[ast.expr] = []
        for item in items.elts:
            inside = {**scope, loop.target.id: item}
            tests = [literal(self.follow(each, at, inside, depth + 1)) for each in loop.ifs]
            if None in tests:
                return node
            if all(each[0] for each in tests if each):
                made.append(self.follow(node.elt, at, inside, depth + 1))
        return ast.copy_location(ast.List(made, ast.Load()), node)


def _are_plain(args: Sequence[ast.expr]) -> bool:
    """Say whether arguments are those of a mark, and not the function that it is put on."""
    return len(args) != 1 or isinstance(args[0], (ast.Constant, ast.Starred, ast.JoinedStr))


def _inside(path: str) -> Inside:
    made = Inside(path, ast.Load(), lineno=1, col_offset=0)
    made.path = path
    return made


def _outer(name: str) -> ast.expr:
    first, *rest = name.split(".")
    made: ast.expr = Outer(first, ast.Load(), lineno=1, col_offset=0)
    for each in rest:
        made = ast.Attribute(made, each, ast.Load(), lineno=1, col_offset=0)
    return made


def _is_outer(node: ast.expr) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, Outer)


def _rebuilt(node: ast.expr, inner: Callable[[ast.expr], ast.expr]) -> ast.expr:
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


def _moved(node: ast.expr, place: ast.expr) -> ast.expr:
    """Return a copy of an expression of another place, with the line at which it is used."""
    if node is DECORATED:
        return node
    made = ast.copy_location(_rebuilt(node, lambda each: _moved(each, place)), place)
    if isinstance(made, ast.Call):
        made.keywords = [ast.keyword(each.arg, _moved(each.value, place)) for each in made.keywords]
    return made


def _defaults(home: Reducer, wanted: ast.arguments, depth: int) -> Scope:
    """Return the defaults of parameters by name."""
    names = [each.arg for each in (*wanted.posonlyargs, *wanted.args)]
    last = names[len(names) - len(wanted.defaults) :]
    pairs = [*zip(last, wanted.defaults, strict=True)]
    pairs += [
        (each.arg, value)
        for each, value in zip(wanted.kwonlyargs, wanted.kw_defaults, strict=True)
        if value is not None
    ]
    return {name: home.follow(value, None, NOTHING, depth + 1) for name, value in pairs}
