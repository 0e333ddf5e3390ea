"""Classify a failure without the fix: the bug itself, or only a name that no longer exists.

Old code in today's tree may fail for a reason unrelated to the incident: it calls a name that was
renamed later, or today's code calls a name that the fix added. A test may also fail only because it
uses a name that the fix added, as it would on any older tree.
"""

from __future__ import annotations

import ast
import builtins
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pytest_postmortem.prove.ast_units import find_module_names, split_source_lines
from pytest_postmortem.prove.child.instrument import find_head_lines
from pytest_postmortem.prove.trial import RaisedFailure
from pytest_postmortem.pysource.bindings import parse_python_tree

FailureMeaning = Literal["problem", "weak", "broken"]

HALTED_IMPORT = "None in sys.modules"
"""Part of Python's message if a test removed a module on purpose."""

TOOL_FILES = re.compile(
    r"[/\\](_pytest[/\\]\w+|pytest_mock[/\\]plugin|(unittest[/\\])?mock([/\\]mock)?|unittest[/\\]case"
    r"|importlib[/\\]__init__|concurrent[/\\]futures[/\\]\w+|contextlib|dataclasses|enum|functools)\.py$"
    r"|^<frozen importlib"
)
"""The files of tools that patch, import and call for a test."""

ATTRIBUTE_NAME = re.compile(r"attribute '(\w+)'$|^(\w+)$")
"""The messages of an AttributeError without a ``name`` from which the attribute can be read."""

STARRED_CALL = re.compile(r"[(,]\s*\*")
"""A call whose arguments come from elsewhere."""

BUILTIN_OBJECT = re.compile(r"'(\w+)' object has no attribute")
"""Python's message for a missing attribute; a fix can't change those of built-in objects."""


@dataclass(frozen=True, slots=True)
class NamesOfFix:
    """The names that a fix added, changed or depends on.

    ``tests`` and ``replaced_files`` are the test files, and the files that are served with another
    text; ``data_files`` are the other files that the fix changed; ``root`` is the checkout.
    ``brought_names`` are the names that the fix added, ``changed_signatures`` the functions and
    classes whose parameters it changed. ``modules`` are the names that old files defined, by path;
    ``lost`` returns whether a name was defined then and is nowhere today. ``find_old_statement``
    returns the statement on a line of a function, if the function had it before the fix too.
    """

    root: str
    tests: frozenset[str] = frozenset()
    replaced_files: frozenset[str] = frozenset()
    data_files: frozenset[str] = frozenset()
    brought_names: frozenset[str] = frozenset()
    changed_signatures: frozenset[str] = frozenset()
    modules: Mapping[str, frozenset[str]] = field(default_factory=dict)
    lost: Callable[[str], bool] = lambda name: False
    find_old_statement: Callable[[str, int, str], str | None] = lambda path, line, function: None


def classify_failure(failure: RaisedFailure, fix_names: NamesOfFix) -> FailureMeaning:
    """Return the meaning of a failure in the call of a test that passes with the fix."""
    where = _find_innermost_kind(failure, fix_names)
    missing = [name for name in (failure.name, *failure.names) if name]
    if "AttributeError" in failure.bases:
        missing = list(_list_missing_attributes(failure, missing))
    if "UnboundLocalError" in failure.bases:
        return "problem"
    if "NameError" in failure.bases:
        return _classify_unbound_name(failure, where, fix_names)
    if "ImportError" in failure.bases:
        return (
            "problem"
            if _is_staged_import_error(failure, fix_names)
            else _classify_missing_name(where)
        )
    if "AttributeError" in failure.bases or "TypeError" in failure.bases:
        called = re.match(r"(?:[\w<>]+\.)*(\w+)\(\) (?:takes|missing|got)", failure.message)
        of_fix = any(name in fix_names.brought_names for name in missing)
        of_fix = of_fix or bool(called and called[1] in fix_names.changed_signatures)
        if of_fix:
            is_old_need = where == "source" and _is_needed_by_old_line(failure, missing, fix_names)
            return "problem" if is_old_need else _classify_missing_name(where)
        if where == "source" and any(fix_names.lost(name) for name in missing):
            return "broken"
    if "SyntaxError" in failure.bases and where == "source":
        return "broken"
    return "problem"


def _list_missing_attributes(failure: RaisedFailure, named: Iterable[str]) -> Iterator[str]:
    """Yield the attributes that an error reports as missing, except on built-in objects."""
    thing = BUILTIN_OBJECT.match(failure.message)
    if thing and (thing[1] == "NoneType" or hasattr(builtins, thing[1])):
        return
    yield from named
    said = ATTRIBUTE_NAME.search(failure.message)
    yield from filter(None, said.groups()) if said else ()


def _classify_missing_name(where: str | None) -> FailureMeaning:
    return "weak" if where == "test" else "broken" if where == "source" else "problem"


def _is_staged_import_error(failure: RaisedFailure, fix_names: NamesOfFix) -> bool:
    """Return whether the test itself removed a module, or raised Python's error without a name."""
    by_test = failure.name is None and any(
        path in fix_names.tests for path, *_ in failure.frames[-1:]
    )
    return HALTED_IMPORT in failure.message or by_test


def _is_needed_by_old_line(
    failure: RaisedFailure, missing: Iterable[str], fix_names: NamesOfFix
) -> bool:
    """Return whether a line from before the fix needs a missing name.

    A name that the line only passes on may come from the test.
    """
    statement = fix_names.find_old_statement(*failure.frames[-1])
    if statement is None:
        return False
    words = set(re.findall(r"\w+", statement))
    named = list(missing)
    return not words.isdisjoint(named) if named else not STARRED_CALL.search(statement)


def _classify_unbound_name(
    failure: RaisedFailure, where: str | None, fix_names: NamesOfFix
) -> FailureMeaning:
    """Return the meaning of a missing name: the bug, if the old code lacked it too."""
    if where == "test":
        return "weak" if failure.name in fix_names.brought_names else "problem"
    if where is None:
        return "problem"
    path = failure.frames[-1][0] if failure.frames else ""
    had = failure.name in fix_names.modules.get(path, ()) or hasattr(builtins, failure.name or "")
    return (
        "problem"
        if not had and fix_names.find_old_statement(*failure.frames[-1]) is not None
        else "broken"
    )


def _find_innermost_kind(failure: RaisedFailure, fix_names: NamesOfFix) -> str | None:
    """Return whether the innermost frame is in a test or in source; None if in neither.

    Patches and imports that a tool does for a test count as the test's own.
    """
    paths = [path for path, _, _ in failure.frames]
    where = _classify_frame(paths[-1], fix_names) if paths else None
    if where is None:
        calling_path = next((path for path in reversed(paths) if not TOOL_FILES.search(path)), "")
        return "test" if calling_path in fix_names.tests else None
    return where


def _classify_frame(path: str, fix_names: NamesOfFix) -> str | None:
    if path in fix_names.tests:
        return "test"
    below = path.startswith(fix_names.root + os.sep) and "site-packages" not in path
    return "source" if below or path in fix_names.replaced_files else None


def collect_names_of_fix(
    root: str,
    tests: Iterable[str],
    versions: Mapping[str, tuple[str | None, str | None]],
    today: Callable[[], Iterable[str]] | None = None,
    then: Callable[[str], str | None] | None = None,
) -> NamesOfFix:
    """Collect the names that a fix added, changed or depends on.

    ``versions`` are the old and the fixed text of each file of the fix, by its path today.
    ``today`` returns the texts of all current source, and ``then`` a file as it was before the fix;
    both are called only if needed. Without them, the code is taken to be the same as at the fix.
    """
    old = [text or "" for text, _ in versions.values()]
    new = [text or "" for _, text in versions.values()]
    old_names, new_names = (frozenset(list_defined_names(texts)) for texts in (old, new))
    lost: dict[str, bool] = {}
    names_today: list[frozenset[str]] = []

    def is_lost(name: str) -> bool:
        if today is None:
            return False
        if name not in lost:
            if name in old_names and not names_today:
                names_today.append(frozenset(list_defined_names(today())))
            lost[name] = name in old_names and name not in names_today[0]
        return lost[name]

    def stood(path: str, line: int, function: str) -> str | None:
        text = versions[path][0] if path in versions else read_source_text(path)
        was = text if then is None else then(path)
        return find_unchanged_statement(text or "", line, function, was or "")

    return NamesOfFix(
        root=root,
        tests=frozenset(tests),
        replaced_files=frozenset(versions),
        brought_names=new_names - old_names,
        changed_signatures=frozenset(
            name for pair in versions.values() for name in _list_changed_signatures(*pair)
        ),
        modules={
            path: find_module_names(text or "")
            | find_module_names((then(path) if then else None) or "")
            for path, (text, _) in versions.items()
        },
        lost=is_lost,
        find_old_statement=stood,
    )


def read_source_text(path: str) -> str | None:
    """Read a source file, None if it can't be read."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


def find_unchanged_statement(text: str, line: int, function: str, other: str) -> str | None:
    """Return the statement on a line, if another text has it in a function of the same name.

    For a compound statement, only its head is compared.
    """
    tree, other_tree = parse_python_tree(text), parse_python_tree(other)
    if tree is None or other_tree is None:
        return None
    heads = [find_head_lines(node) for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    around = [(first, last) for first, last in heads if first <= line <= last]
    if not around:
        return None
    first, last = max(around)
    statement = _strip_source_lines(text, first, last)
    scopes = (
        _strip_source_lines(other, node.lineno, node.end_lineno or node.lineno)
        for node in ast.walk(other_tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        and node.name == function
    )
    module_text = (
        [_strip_source_lines(other, 1, len(split_source_lines(other)))]
        if function.startswith("<")
        else ()
    )
    return statement if any(statement in scope for scope in (*scopes, *module_text)) else None


def _strip_source_lines(text: str, first: int, last: int) -> str:
    """Return some lines without surrounding blanks, each with its line end."""
    return "\n" + "".join(
        f"{line.strip()}\n" for line in split_source_lines(text)[first - 1 : last]
    )


def list_defined_names(texts: Iterable[str]) -> Iterator[str]:
    """Yield every name that texts define: functions, classes, attributes, parameters, values."""
    trees = filter(None, map(parse_python_tree, texts))
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).rpartition(".")[2]


def _list_changed_signatures(old: str | None, new: str | None) -> Iterator[str]:
    """Yield the functions, and classes, that a call can give other arguments than before.

    A method that is new to a class may hide one of a base, with other parameters.
    """
    before, after = (dict(_list_signatures(text or "")) for text in (old, new))
    for name, parameters in after.items():
        owner, _, function = name.rpartition(".")
        known = before.get(name, None if owner in before else parameters)
        if known != parameters:
            yield function
            if function == "__init__":
                yield owner.rpartition(".")[2]


def _list_signatures(text: str) -> Iterator[tuple[str, str]]:
    """Yield the functions and classes of a text by their whole names, with what a call can give.

    The fields of a class are the parameters of its constructor, if it has none of its own.
    """
    waiting: list[tuple[ast.AST | None, str]] = [(parse_python_tree(text), "")]
    while waiting:
        node, scope = waiting.pop()
        for child in ast.iter_child_nodes(node) if node else ():
            inner = scope
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield f"{scope}{child.name}", ast.dump(child.args)
                inner = f"{scope}{child.name}."
            elif isinstance(child, ast.ClassDef):
                yield f"{scope}{child.name}", ""
                inner = f"{scope}{child.name}."
                fields = [each.target for each in child.body if isinstance(each, ast.AnnAssign)]
                if fields:
                    yield f"{inner}__init__", " ".join(map(ast.unparse, fields))
            waiting.append((child, inner))
