"""Separate the additions of a fix from its modifications.

Python source → the old code with the additions.

A test that fails only because a function, class, parameter or option of the fix is missing would
fail on any older tree, and says nothing about the old behaviour. So the modifications alone are
reverted. An addition that unchanged code uses modifies behaviour: a method that overrides another,
a handler that registers itself, a name that old code looks up. It is reverted too.
"""

from __future__ import annotations

import ast
import builtins
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from importlib import import_module
from typing import Literal

from pytest_postmortem.prove.ast_units import (
    UnitKey,
    build_unit_key,
    is_same_code,
    is_text_statement,
    list_bound_names,
)
from pytest_postmortem.pysource.bindings import parse_python_tree

Function = ast.FunctionDef | ast.AsyncFunctionDef

OPTION_CALLS = ("add_argument", "add_option", "addoption", "addini")
"""Methods whose call declares an option."""

OPTION_DECORATORS = ("option", "argument", "password_option", "version_option")
"""Decorators that declare an option of the decorated command."""

DYNAMIC_CALLS = frozenset(
    "getattr globals vars locals import_module __import__ iter_modules getmembers entry_points"
    " __subclasses__".split()
)
"""Functions with which code finds names that it does not spell out."""

AdditionKind = Literal["name", "member", "module", "parameter", "option"]


@dataclass(frozen=True, slots=True)
class Addition:
    """A name that a fix added; ``owner`` is its class, its function, or its module."""

    name: str
    kind: AdditionKind
    owner: str
    path: str
    is_behaviour: bool = False

    def __str__(self) -> str:
        """Return the name for the reader."""
        return f"{self.owner}.{self.name}" if self.kind == "member" else self.name


@dataclass(slots=True)
class UsedNames:
    """The names that some code uses: read, called, imported, defined in classes."""

    names: set[str] = field(default_factory=set)
    attributes: set[tuple[str, str]] = field(default_factory=set)
    imported: set[str] = field(default_factory=set)
    keywords: set[tuple[str, str]] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)
    members: dict[str, set[str]] = field(default_factory=dict)
    bases: dict[str, list[str]] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    is_dynamic: bool = False

    @property
    def attribute_names(self) -> set[str]:
        """The names that are read as attributes of anything."""
        return {name for _, name in self.attributes}


def collect_used_names(texts: Iterable[str]) -> UsedNames:
    """Collect the names that some texts use."""
    used = UsedNames()
    for text in texts:
        tree = parse_python_tree(text)
        prose = set(map(id, _list_docstrings(tree))) if tree else set()
        for node in ast.walk(tree) if tree else ():
            if id(node) not in prose:
                _add_used_names(used, node)
    return used


def _list_docstrings(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if is_text_statement(node):
            yield from ast.iter_child_nodes(node)


def _add_used_names(used: UsedNames, node: ast.AST) -> None:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        used.names.add(node.id)
        used.is_dynamic |= node.id in DYNAMIC_CALLS
    elif isinstance(node, ast.Attribute):
        used.attributes.add((_get_last_name(node.value), node.attr))
        used.is_dynamic |= node.attr in DYNAMIC_CALLS
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        module = getattr(node, "module", None) or ""
        used.imported.update(filter(None, module.split(".")))
        for alias in node.names:
            used.imported.update(alias.name.split("."))
            used.origins[alias.asname or alias.name] = f"{module}.{alias.name}".lstrip(".")
    elif isinstance(node, ast.Call):
        called = _get_last_name(node.func)
        used.keywords.update((called, keyword.arg) for keyword in node.keywords if keyword.arg)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        used.texts.add(node.value)
    elif isinstance(node, ast.ClassDef):
        used.members.setdefault(node.name, set()).update(list_bound_names(node.body))
        used.bases.setdefault(node.name, []).extend(map(ast.unparse, node.bases))


def _get_last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


@dataclass(frozen=True, slots=True)
class AdditionsOfFix:
    """The old code together with those additions that only the tests use.

    ``texts`` are the files by path. ``names`` are the additions that the tests need; ``doubts`` are
    those of them that may override something outside of the repository. ``is_all`` means that the
    fix modified nothing.
    """

    texts: Mapping[str, str | None]
    names: tuple[str, ...]
    doubts: tuple[str, ...]
    is_all: bool


def find_additions(
    versions: Mapping[str, tuple[str | None, str | None]],
    tests: Iterable[str],
    others: Iterable[str],
) -> AdditionsOfFix | None:
    """Return the additions that tests need and unchanged code does not use, None without any.

    ``versions`` are the old and the fixed text of each file of the fix, ``tests`` the texts of the
    test files, ``others`` those of the source that the fix did not change.
    """
    additions = [
        addition
        for path, (old, new) in versions.items()
        for addition in _list_additions(path, old, new)
    ]
    if not additions:
        return None
    unchanged = collect_used_names([*others, *(old or "" for old, _ in versions.values())])
    needed_names = collect_used_names(tests)
    fixed = collect_used_names(new or "" for _, new in versions.values())
    behaviour = {
        addition
        for addition in additions
        if addition.is_behaviour or _is_used(addition, unchanged, fixed)
    }
    needed = [
        addition
        for addition in additions
        if addition not in behaviour
        and _is_needed(addition, needed_names, is_dynamic=unchanged.is_dynamic)
    ]
    if not needed:
        return None
    dropped = {
        (addition.path, "" if addition.kind == "name" else addition.owner, addition.name)
        for addition in behaviour
    }
    texts = {
        path: _keep_additions(old, new, _build_filter(path, dropped))
        for path, (old, new) in versions.items()
    }
    is_all = all(_is_equal_text(texts[path], new) for path, (_, new) in versions.items())
    doubts = (str(addition) for addition in needed if _may_override(addition, unchanged, fixed))
    names = dict.fromkeys(map(str, needed))
    return AdditionsOfFix(texts, tuple(names), tuple(doubts), is_all)


def has_only_additions(old: str | None, new: str | None) -> bool:
    """Return whether a fix changed nothing in a file that was there before."""
    return _is_equal_text(_keep_additions(old, new, lambda owner, name: True), new)


def _is_equal_text(one: str | None, other: str | None) -> bool:
    return one == other or (one is not None and other is not None and is_same_code(one, other))


def _build_filter(
    path: str, dropped: Collection[tuple[str, str, str]]
) -> Callable[[str, str], bool]:
    """Return a function that returns whether an addition to a file stays."""
    return lambda owner, name: (path, owner, name) not in dropped


def _list_additions(path: str, old: str | None, new: str | None) -> Iterator[Addition]:
    module = _get_module_name(path)
    if new is None:
        return
    if old is None:
        yield Addition(module, "module", "", path)
        return
    old_tree, new_tree = parse_python_tree(old), parse_python_tree(new)
    if old_tree is not None and new_tree is not None:
        own = _find_registering_names(old_tree, new_tree)
        yield from _list_scope_additions(path, module, "", old_tree, new_tree, own)


def _find_registering_names(old: ast.Module, new: ast.Module) -> frozenset[str]:
    """Return the names of a module that may make a decorated definition known to old code.

    A decorator that the fix added can only do so by something that was there before.
    """
    before = {*list_bound_names(old.body)}
    added = {*list_bound_names(new.body)} - before
    registering = set(before)
    for node in ast.walk(new):
        if isinstance(node, Function | ast.ClassDef) and node.name in added:
            used = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
            if used & before:
                registering.add(node.name)
    return frozenset(registering)


def _get_module_name(path: str) -> str:
    parts = re.split(r"[/\\]", path.removesuffix(".py"))
    return parts[-2] if parts[-1] == "__init__" and len(parts) > 1 else parts[-1]


Scope = ast.Module | ast.ClassDef


def _list_scope_additions(
    path: str, module: str, scope: str, old: Scope, new: Scope, own: Collection[str]
) -> Iterator[Addition]:
    """Yield what a module or class has more than before, and the changed functions in it."""
    old_nodes = {build_unit_key(node, scope): node for node in old.body}
    kind: AdditionKind = "member" if scope else "name"
    for node in new.body:
        key = build_unit_key(node, scope)
        before = old_nodes.get(key)
        if before is None:
            is_behaviour = _registers_itself(node, own)
            for name in list_bound_names([node]):
                yield Addition(name, kind, scope or module, path, is_behaviour)
        elif isinstance(node, ast.ClassDef) and isinstance(before, ast.ClassDef):
            yield from _list_scope_additions(path, module, key.inner_scope, before, node, own)
        elif isinstance(node, Function) and isinstance(before, Function):
            called = scope.rpartition(".")[2] if node.name == "__init__" else node.name
            for name in _list_new_parameters(before, node):
                yield Addition(name, "parameter", called, path)
            for name in _list_new_options(before, node):
                yield Addition(name, "option", called, path)


def _registers_itself(node: ast.stmt, own: Collection[str]) -> bool:
    """Return whether a decorator of the repository may make a definition known to other code."""
    roots = (
        ast.unparse(decorator).partition(".")[0].partition("(")[0]
        for decorator in getattr(node, "decorator_list", ())
    )
    has_keyword = isinstance(node, ast.ClassDef) and bool(node.keywords)
    return has_keyword or any(root in own for root in roots)


def _list_parameters(node: Function) -> list[str]:
    every = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
    stars = (node.args.vararg, node.args.kwarg)
    return [argument.arg for argument in (*every, *filter(None, stars))]


def _list_new_parameters(old: Function, new: Function) -> list[str]:
    """Return the added parameters, none if the function lost one."""
    before, after = _list_parameters(old), _list_parameters(new)
    if not {*before} <= {*after} or [name for name in after if name in before] != before:
        return []
    required = new.args.args[: len(new.args.args) - len(new.args.defaults)]
    if any(argument.arg not in before for argument in (*new.args.posonlyargs, *required)):
        return []
    return [name for name in after if name not in before]


def _list_new_options(old: Function, new: Function) -> list[str]:
    before = {*_list_options(old)}
    return [name for name in _list_options(new) if name not in before]


def _list_options(node: Function) -> Iterator[str]:
    """Yield the command-line options that a function declares."""
    calls = [each for each in node.decorator_list if isinstance(each, ast.Call)]
    calls = [call for call in calls if _get_last_name(call.func) in OPTION_DECORATORS]
    calls += [call for statement in node.body if (call := _get_option_call(statement))]
    for call in calls:
        for argument in call.args:
            if isinstance(argument, ast.Constant) and str(argument.value).startswith("-"):
                yield str(argument.value)


def _get_option_call(statement: ast.stmt) -> ast.Call | None:
    call = statement.value if isinstance(statement, (ast.Expr, ast.Assign)) else None
    is_option = isinstance(call, ast.Call) and _get_last_name(call.func) in OPTION_CALLS
    return call if is_option and isinstance(call, ast.Call) else None


def _is_used(addition: Addition, unchanged: UsedNames, fixed: UsedNames) -> bool:
    """Return whether code that the fix did not change uses an addition."""
    name, owner = addition.name, addition.owner
    if addition.kind == "module":
        return name in unchanged.imported
    if addition.kind == "parameter":
        return (owner, name) in unchanged.keywords
    if addition.kind == "option":
        return name in unchanged.texts
    if addition.kind == "name":
        read = name in unchanged.names or name in unchanged.imported
        return read or (owner, name) in unchanged.attributes
    if name.startswith("__") and name.endswith("__"):
        return True
    return name in unchanged.attribute_names or _is_overriding(owner, name, unchanged, fixed)


def _is_overriding(owner: str, name: str, unchanged: UsedNames, fixed: UsedNames) -> bool:
    """Return whether a member of a class replaces one of a base, or a subclass has one too."""
    above = _list_bases(owner, fixed, unchanged)
    below = [
        other
        for names in (unchanged, fixed)
        for other in names.bases
        if owner.rpartition(".")[2] in map(_get_tail, _list_bases(other, fixed, unchanged))
    ]
    related = (*map(_get_tail, above), *below)
    if any(name in unchanged.members.get(each, ()) for each in related):
        return True
    return any(_has_attribute(base, name, fixed, unchanged) for base in above)


def _may_override(addition: Addition, unchanged: UsedNames, fixed: UsedNames) -> bool:
    """Return whether a member may replace one of a base that can't be looked into."""
    if addition.kind != "member":
        return False
    return any(
        _has_attribute(base, addition.name, fixed, unchanged) is None
        for base in _list_bases(addition.owner, fixed, unchanged)
    )


def _list_bases(owner: str, *code: UsedNames) -> list[str]:
    """Return the bases of a class and theirs, as they are written."""
    waiting, found = [owner], dict[str, None]()
    while waiting:
        name = _get_tail(waiting.pop())
        for names in code:
            for base in names.bases.get(name, ()):
                if base not in found:
                    found[base] = None
                    waiting.append(base)
    return list(found)


def _get_tail(name: str) -> str:
    return name.partition("[")[0].rpartition(".")[2]


def _has_attribute(base: str, name: str, *code: UsedNames) -> bool | None:
    """Return whether a class has an attribute, None if it can't be imported without harm."""
    plain = base.partition("[")[0]
    if any(_get_tail(plain) in names.bases for names in code):
        return False  # a class of the repository, whose members are known
    if hasattr(builtins, plain):
        return hasattr(getattr(builtins, plain), name)
    root, dot, rest = plain.partition(".")
    origin = next((names.origins[root] for names in code if root in names.origins), None)
    if origin is None:
        return None
    module, _, attribute = f"{origin}{dot}{rest}".rpartition(".")
    if module.partition(".")[0] not in sys.stdlib_module_names:
        return None
    try:
        return hasattr(getattr(import_module(module), attribute), name)
    except Exception:  # another version of Python may not have it
        return None


def _is_needed(addition: Addition, tests: UsedNames, *, is_dynamic: bool) -> bool:
    """Return whether a test names an addition, in its code or in code that it starts."""
    name = addition.name
    if addition.kind == "parameter":
        passed = (addition.owner, name) in tests.keywords
        return passed or any(re.search(rf"\b{name}\s*=", text) for text in tests.texts)
    if addition.kind == "option":
        return any(re.search(rf"(?<![\w-]){name}(?![\w-])", text) for text in tests.texts)
    named = name in tests.names or name in tests.imported or name in tests.attribute_names
    if named or any(_is_name_in_code(name, text) for text in tests.texts):
        return True
    if addition.kind == "module":
        return any(re.search(rf"\b{name}\b", text) for text in tests.texts)
    return name in tests.texts and not is_dynamic


def _is_name_in_code(name: str, text: str) -> bool:
    return re.search(rf"\bimport\b[^\n;]*\b{name}\b|[.:]{name}\b|\b{name}\s*\(", text) is not None


def _keep_additions(
    old: str | None, new: str | None, is_kept: Callable[[str, str], bool]
) -> str | None:
    """Return the old text with the additions of the new one."""
    if old is None:
        return new
    if new is None:
        return old
    old_tree, new_tree = parse_python_tree(old), parse_python_tree(new)
    if old_tree is None or new_tree is None:
        return old
    merged = deepcopy(old_tree)
    merged.body = _merge_bodies(old_tree, new_tree, "", is_kept)
    return ast.unparse(ast.fix_missing_locations(merged)) + "\n"


def _merge_bodies(
    old: Scope, new: Scope, scope: str, is_kept: Callable[[str, str], bool]
) -> list[ast.stmt]:
    """Return the statements of a scope: the old ones, and those that only the new one has."""
    new_nodes = {build_unit_key(node, scope): node for node in new.body}
    old_keys = [build_unit_key(node, scope) for node in old.body]
    result: list[tuple[UnitKey, ast.stmt]] = []
    for key, node in zip(old_keys, old.body, strict=True):
        after = new_nodes.get(key)
        if isinstance(node, ast.ClassDef) and isinstance(after, ast.ClassDef):
            node = deepcopy(node)
            node.body = _merge_bodies(node, after, key.inner_scope, is_kept)
        elif isinstance(node, Function) and isinstance(after, Function):
            node = _merge_functions(node, after, is_kept)
        result.append((key, node))
    place = 0
    for node in new.body:
        key = build_unit_key(node, scope)
        places = [number for number, (other, _) in enumerate(result, 1) if other == key]
        if places:
            place = max(place, places[0])
        elif _is_addition_kept(node, scope, is_kept):
            result.insert(place, (key, node))
            place += 1
    return [node for _, node in result]


def _is_addition_kept(node: ast.stmt, scope: str, is_kept: Callable[[str, str], bool]) -> bool:
    """Return whether an added statement stays: a definition whose names are not behaviour."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return True
    names = list(list_bound_names([node]))
    imported = _find_imported_names(node)
    return bool(names) and all(name in imported or is_kept(scope, name) for name in names)


def _find_imported_names(node: ast.stmt) -> set[str]:
    """Return the names that a statement binds by imports alone, such as a choice of two modules."""
    parts = list(ast.walk(node))
    imports = (part.names for part in parts if isinstance(part, (ast.Import, ast.ImportFrom)))
    imported = {each.asname or each.name.partition(".")[0] for names in imports for each in names}
    return imported - {part.name for part in parts if isinstance(part, Function | ast.ClassDef)}


def _merge_functions(old: Function, new: Function, is_kept: Callable[[str, str], bool]) -> Function:
    """Return the old function with the added parameters and options, which it ignores."""
    merged = deepcopy(old)
    if any(is_kept(new.name, name) for name in _list_new_parameters(old, new)):
        merged.args = _merge_arguments(old.args, new.args)
    options = {*_list_new_options(old, new)}
    if options:
        known = {*map(ast.dump, old.decorator_list)}
        for place, decorator in enumerate(new.decorator_list):
            is_option = isinstance(decorator, ast.Call) and (
                _get_last_name(decorator.func) in OPTION_DECORATORS
            )
            if is_option and ast.dump(decorator) not in known:
                merged.decorator_list.insert(place, decorator)
        declared = [place for place, each in enumerate(merged.body) if _get_option_call(each)]
        known = {*map(ast.dump, merged.body)}
        for statement in reversed(new.body if declared else ()):
            if _get_option_call(statement) and ast.dump(statement) not in known:
                merged.body.insert(declared[-1] + 1, statement)
    return merged


def _merge_arguments(old: ast.arguments, new: ast.arguments) -> ast.arguments:
    """Return the new parameters with the old defaults of those that there were before."""
    before = {argument.arg: default for argument, default in _list_defaults(old)}
    merged = deepcopy(new)
    kept = [before.get(argument.arg) or default for argument, default in _list_defaults(merged)]
    merged.defaults = [default for default in kept[: len(merged.defaults)] if default is not None]
    merged.kw_defaults = kept[len(merged.defaults) :]
    return merged


def _list_defaults(arguments: ast.arguments) -> list[tuple[ast.arg, ast.expr | None]]:
    """Return the parameters that may have a default, each with it; those by position first."""
    places = [*arguments.posonlyargs, *arguments.args]
    named = [*places[len(places) - len(arguments.defaults) :], *arguments.kwonlyargs]
    return list(zip(named, [*arguments.defaults, *arguments.kw_defaults], strict=True))
