"""A failure without the fix → is it the problem, or only something that is not there any more?

Old code in today's tree may fail for a reason that has nothing to do with the incident: it calls
what has been renamed since, or today's code calls what the fix has brought. And a test may fail
only because it uses what the fix has brought, as it would on any older tree.
"""

from __future__ import annotations

import ast
import builtins
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pytest_postmortem.bindings import tree_of
from pytest_postmortem.prove.trial import Failure
from pytest_postmortem.prove.units import bound, lines_of

__all__ = ["Known", "Meaning", "defined", "known_of", "meaning", "reading", "standing", "text_at"]

Meaning = Literal["problem", "weak", "broken"]

HALTED = "None in sys.modules"
"""What Python says where a test has taken a module away on purpose."""

TOOLS = re.compile(
    r"[/\\](_pytest[/\\]\w+|pytest_mock[/\\]plugin|(unittest[/\\])?mock([/\\]mock)?|unittest[/\\]case"
    r"|importlib[/\\]__init__|concurrent[/\\]futures[/\\]\w+|contextlib|dataclasses|enum|functools)\.py$"
    r"|^<frozen importlib"
)
"""The files of what patches, imports and calls for a test, with nothing of its own."""

ATTRIBUTE = re.compile(r"attribute '(\w+)'$|^(\w+)$")
"""What an AttributeError says that names no attribute itself."""

PASSES_ON = re.compile(r"[(,]\s*\*")
"""A call with arguments that somebody else gives."""

BUILTIN = re.compile(r"'(\w+)' object has no attribute")
"""What it says of an object; one of Python itself neither gets an attribute by a fix nor loses it.
"""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the names of a fix.

    ``tests`` and ``replaced`` are the files of tests, and those that have another text here;
    ``root`` is the checkout. ``brought`` are the names that the fix has brought, ``signatures`` the
    functions whose parameters it has changed. ``modules`` are the names that old files had, by
    path; ``lost`` tells those that were defined then and nowhere are today. ``stood`` gives what
    stands on a line of a file in a function, if it stood there before the fix.
    """

    root: str
    tests: frozenset[str] = frozenset()
    replaced: frozenset[str] = frozenset()
    brought: frozenset[str] = frozenset()
    signatures: frozenset[str] = frozenset()
    modules: Mapping[str, frozenset[str]] = field(default_factory=dict)
    lost: Callable[[str], bool] = lambda name: False
    stood: Callable[[str, int, str], str | None] = lambda path, line, function: None


def meaning(failure: Failure, known: Known) -> Meaning:
    """Return what a failure in the call of a test means that passes with the fix."""
    where = _innermost(failure, known)
    missing = [name for name in (failure.name, *failure.names) if name]
    if "AttributeError" in failure.bases:
        missing = list(_attributes(failure, missing))
    if "UnboundLocalError" in failure.bases:
        return "problem"
    if "NameError" in failure.bases:
        return _unbound(failure, where, known)
    if "ImportError" in failure.bases:
        return "problem" if _is_staged(failure, known) else _absent(where)
    if "AttributeError" in failure.bases or "TypeError" in failure.bases:
        called = re.match(r"(?:\w+\.)*(\w+)\(\) (?:takes|missing|got)", failure.message)
        of_fix = any(name in known.brought for name in missing)
        of_fix = of_fix or bool(called and called[1] in known.signatures)
        if of_fix:
            own = where == "source" and _is_own(failure, missing, known)
            return "problem" if own else _absent(where)
        if where == "source" and any(known.lost(name) for name in missing):
            return "broken"
    if "SyntaxError" in failure.bases and where == "source":
        return "broken"
    return "problem"


def _attributes(failure: Failure, named: Iterable[str]) -> Iterator[str]:
    """Yield the attributes that an error misses of what is no object of Python itself."""
    thing = BUILTIN.match(failure.message)
    if thing and (thing[1] == "NoneType" or hasattr(builtins, thing[1])):
        return
    yield from named
    said = ATTRIBUTE.search(failure.message)
    yield from filter(None, said.groups()) if said else ()


def _absent(where: str | None) -> Meaning:
    return "weak" if where == "test" else "broken" if where == "source" else "problem"


def _is_staged(failure: Failure, known: Known) -> bool:
    """Say whether a test itself took a module away, or raised what Python would, with no name."""
    by_test = failure.name is None and any(path in known.tests for path, *_ in failure.frames[-1:])
    return HALTED in failure.message or by_test


def _is_own(failure: Failure, missing: Iterable[str], known: Known) -> bool:
    """Say whether a line that stood there before the fix asks for what is missing.

    What it passes on may be a wish of the test.
    """
    statement = known.stood(*failure.frames[-1])
    if statement is None:
        return False
    words = set(re.findall(r"\w+", statement))
    named = list(missing)
    return not words.isdisjoint(named) if named else not PASSES_ON.search(statement)


def _unbound(failure: Failure, where: str | None, known: Known) -> Meaning:
    """Return what a name means that is not there: the problem if old code lacked it too."""
    if where == "test":
        return "weak" if failure.name in known.brought else "problem"
    if where is None:
        return "problem"
    path = failure.frames[-1][0] if failure.frames else ""
    had = failure.name in known.modules.get(path, ()) or hasattr(builtins, failure.name or "")
    return "problem" if not had and known.stood(*failure.frames[-1]) is not None else "broken"


def _innermost(failure: Failure, known: Known) -> str | None:
    """Return whether the innermost line is one of a test or of source; None for what is neither.

    What a test has a tool patch or import for it is its own doing.
    """
    paths = [path for path, _, _ in failure.frames]
    where = _kind_of(paths[-1], known) if paths else None
    if where is None:
        own = next((path for path in reversed(paths) if not TOOLS.search(path)), "")
        return "test" if own in known.tests else None
    return where


def _kind_of(path: str, known: Known) -> str | None:
    if path in known.tests:
        return "test"
    below = path.startswith(known.root + os.sep) and "site-packages" not in path
    return "source" if below or path in known.replaced else None


def known_of(
    root: str,
    tests: Iterable[str],
    versions: Mapping[str, tuple[str | None, str | None]],
    today: Callable[[], Iterable[str]] | None = None,
    then: Callable[[str], str | None] | None = None,
) -> Known:
    """Gather what is known of the names of a fix.

    ``versions`` are the old and the fixed text of each file of the fix, by its path today;
    ``today`` gives the texts of all source there is, which is asked for only where it matters, as
    is ``then``, a file as it was before the fix. Without them all is as it was then.
    """
    old = [text or "" for text, _ in versions.values()]
    new = [text or "" for _, text in versions.values()]
    were, are = (frozenset(_all(each)) for each in (old, new))
    before, after = (dict(_parameters(each)) for each in (old, new))
    lost: dict[str, bool] = {}
    known: list[frozenset[str]] = []

    def is_lost(name: str) -> bool:
        if today is None:
            return False
        if name not in lost:
            if name in were and not known:
                known.append(frozenset(_all(today())))
            lost[name] = name in were and name not in known[0]
        return lost[name]

    def stood(path: str, line: int, function: str) -> str | None:
        own = versions[path][0] if path in versions else text_at(path)
        was = own if then is None else then(path)
        return standing(own or "", line, function, was or "")

    return Known(
        root=root,
        tests=frozenset(tests),
        replaced=frozenset(versions),
        brought=are - were,
        signatures=frozenset(
            name for name in after if before.get(name, after[name]) != after[name]
        ),
        modules={
            path: bound(text or "") | bound((then(path) if then else None) or "")
            for path, (text, _) in versions.items()
        },
        lost=is_lost,
        stood=stood,
    )


def text_at(path: str) -> str | None:
    """Read a file that holds source, None for what can't be read."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


def standing(text: str, line: int, function: str, other: str) -> str | None:
    """Return the statement on a line, if another text has it in a function of the same name.

    Of one that holds others, it is the head.
    """
    tree, then = tree_of(text), tree_of(other)
    if tree is None or then is None:
        return None
    heads = [_head(node) for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    around = [(first, last) for first, last in heads if first <= line <= last]
    if not around:
        return None
    first, last = max(around)
    statement = _stripped(text, first, last)
    scopes = (
        _stripped(other, node.lineno, node.end_lineno or node.lineno)
        for node in ast.walk(then)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        and node.name == function
    )
    whole = [_stripped(other, 1, len(lines_of(other)))] if function.startswith("<") else ()
    return statement if any(statement in scope for scope in (*scopes, *whole)) else None


def _stripped(text: str, first: int, last: int) -> str:
    """Return some lines without what stands around them, each with its end."""
    return "\n" + "".join(f"{line.strip()}\n" for line in lines_of(text)[first - 1 : last])


def _head(node: ast.stmt) -> tuple[int, int]:
    """Return the lines of a statement without those of the statements in it."""
    inner = [each.lineno for each in ast.iter_child_nodes(node) if isinstance(each, ast.stmt)]
    last = node.end_lineno or node.lineno
    return node.lineno, max(node.lineno, min(inner) - 1) if inner else last


def _all(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield from defined(text)


def defined(text: str) -> Iterator[str]:
    """Yield every name that a text defines: functions, classes, attributes, parameters, values."""
    tree = tree_of(text)
    for node in ast.walk(tree) if tree else ():
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


def reading(text: str, names: Collection[str]) -> list[tuple[int, int]]:
    """Return the lines of a text that read one of some names, be it as an attribute."""
    tree = tree_of(text)
    found = (
        {
            node.lineno
            for node in ast.walk(tree)
            if (isinstance(node, ast.Name) and node.id in names)
            or (isinstance(node, ast.Attribute) and node.attr in names)
        }
        if tree and names
        else set()
    )
    return [(line, line) for line in sorted(found)]


def _parameters(texts: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the functions of some texts, each with its parameters."""
    for text in texts:
        tree = tree_of(text)
        for node in ast.walk(tree) if tree else ():
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield node.name, ast.dump(node.args)
