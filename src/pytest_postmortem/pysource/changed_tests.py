"""The tests of a file that differ in effect between two versions of it, by their own code.

The own code of a test is its function, and the helpers, fixtures and constants of the same file
that it uses. Imports are not: a changed import says nothing about a single test.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pytest_postmortem.pysource.bindings import Definition, parse_python_tree, walk_statements
from pytest_postmortem.pysource.fingerprints import hash_node

SKIPPING_MARK = re.compile(r"\b(skip|skipif|xfail|skipUnless|skipIf|expectedFailure)\b")
"""The marks whose removal lets tests run."""

SETUP_NAME = re.compile(r"^(setup|teardown)(_|$)|^(setUp|tearDown|asyncSetUp|asyncTearDown)")
"""Functions that run with every test of their module or class."""


@dataclass(slots=True)
class _Part:
    """A definition of a module or class: the digest of its code, and the names that it uses."""

    digest: str
    used: frozenset[str] = frozenset()
    is_for_all: bool = False


@dataclass(slots=True)
class _Scope:
    """A module or class: its parts by name, its classes, the names of its bases."""

    parts: dict[str, _Part] = field(default_factory=dict)
    classes: dict[str, _Scope] = field(default_factory=dict)
    bases: tuple[str, ...] = ()
    marks: str = ""


def find_changed_tests(before: str, after: str, tests: Iterable[str]) -> list[str]:
    """Return those of the ``tests`` of a file whose own code an edit changed or added.

    Tests are named by the part of their node ids after the file.
    """
    old_tree, new_tree = parse_python_tree(before), parse_python_tree(after)
    if new_tree is None:
        return []
    old = _read_scope(old_tree.body) if old_tree else _Scope()
    new = _read_scope(new_tree.body)
    return [name for name in tests if _is_test_changed(name.split("::"), old, new)]


def _is_test_changed(names: Sequence[str], old: _Scope, new: _Scope) -> bool:
    old_scopes, new_scopes = _list_scopes(names[:-1], old), _list_scopes(names[:-1], new)
    for level, scope in enumerate(new_scopes):
        earlier = old_scopes[level] if level < len(old_scopes) else _Scope()
        if earlier.marks != scope.marks and SKIPPING_MARK.search(earlier.marks):
            return True
    now, then = _merge_parts(new_scopes, new), _merge_parts(old_scopes, old)
    used = {names[-1], *(name for name, part in now.items() if part.is_for_all)}
    waiting = [*used]
    while waiting:
        name = waiting.pop()
        part = now.get(name)
        if part is None:
            continue
        if name not in then or then[name].digest != part.digest:
            return True
        waiting += part.used - used
        used |= part.used
    return names[-1] not in now and _is_class_changed(old_scopes, new_scopes)


def _is_class_changed(old_scopes: Sequence[_Scope], new_scopes: Sequence[_Scope]) -> bool:
    """Return whether a class differs whose tests are those of a base class in another file."""
    if len(old_scopes) != len(new_scopes):
        return True
    then, now = old_scopes[-1], new_scopes[-1]
    return (then.parts, then.bases) != (now.parts, now.bases)


def _list_scopes(classes: Sequence[str], module: _Scope) -> list[_Scope]:
    """Return the module and the classes around a test, as far as they exist."""
    scopes = [module]
    for name in classes:
        if name not in scopes[-1].classes:
            break
        scopes.append(scopes[-1].classes[name])
    return scopes


def _merge_parts(scopes: Sequence[_Scope], module: _Scope) -> Mapping[str, _Part]:
    """Return all parts that a test may use by their names; those of its class hide others."""
    parts: dict[str, _Part] = {}
    for scope in scopes:
        for base in _list_bases(scope, module, set()):
            parts.update(base.parts)
        parts.update(scope.parts)
    return parts


def _list_bases(scope: _Scope, module: _Scope, seen: set[str]) -> Iterator[_Scope]:
    """Yield the base classes in the same file, the most distant first."""
    for name in reversed(scope.bases):
        if name in module.classes and name not in seen:
            seen.add(name)
            yield from _list_bases(module.classes[name], module, seen)
            yield module.classes[name]


def _read_scope(body: Sequence[ast.stmt], head: ast.ClassDef | None = None) -> _Scope:
    scope = _Scope()
    if head is not None:
        scope.bases = tuple(ast.unparse(base).rpartition(".")[2] for base in head.bases)
        scope.marks = "\n".join(map(ast.unparse, head.decorator_list))
    for node, _ in walk_statements(body, certain=True):
        names = list(_find_defined_names(node))
        if isinstance(node, ast.ClassDef):
            scope.classes[node.name] = _read_scope(node.body, node)
        if "pytestmark" in names:
            scope.marks += f"\n{ast.unparse(node)}"
            continue
        for name in names:
            is_for_all = bool(SETUP_NAME.match(name)) or _is_autouse(node)
            earlier = scope.parts.get(name, _Part(""))
            scope.parts[name] = _Part(
                earlier.digest + hash_node(node),
                earlier.used | _find_used_names(node),
                is_for_all or earlier.is_for_all,
            )
    return scope


def _find_defined_names(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, Definition):
        yield node.name
    elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            yield from (each.id for each in ast.walk(target) if isinstance(each, ast.Name))


def _is_autouse(node: ast.stmt) -> bool:
    return any("autouse=True" in ast.unparse(each) for each in getattr(node, "decorator_list", ()))


def _find_used_names(node: ast.stmt) -> frozenset[str]:
    """Return all names in the code of a definition, also those of fixtures in strings."""
    names: set[str] = set()
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            names.add(each.id)
        elif isinstance(each, ast.Attribute):
            names.add(each.attr)
        elif isinstance(each, ast.arg):
            names.add(each.arg)
        elif isinstance(each, ast.Constant) and isinstance(each.value, str):
            names.update(filter(str.isidentifier, each.value.replace(",", " ").split()))
    return frozenset(names)
