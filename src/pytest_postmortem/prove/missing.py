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
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pytest_postmortem.prove.trial import Failure
from pytest_postmortem.prove.units import bound, tree_of

__all__ = ["Known", "Meaning", "defined", "known_of", "meaning"]

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

BUILTIN = re.compile(r"'(\w+)' object has no attribute")
"""What it says of an object; one of Python itself neither gets an attribute by a fix nor loses it.
"""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the names of a fix.

    ``tests`` and ``replaced`` are the files of tests, and those that have another text here;
    ``root`` is the checkout. ``brought`` are the names that the fix has brought, ``signatures`` the
    functions whose parameters it has changed. ``modules`` are the names that old files had, by
    path; ``lost`` tells those that were defined then and nowhere are today.
    """

    root: str
    tests: frozenset[str] = frozenset()
    replaced: frozenset[str] = frozenset()
    brought: frozenset[str] = frozenset()
    signatures: frozenset[str] = frozenset()
    modules: Mapping[str, frozenset[str]] = field(default_factory=dict)
    lost: Callable[[str], bool] = lambda name: False


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
        return "problem" if HALTED in failure.message else _absent(where)
    if "AttributeError" in failure.bases or "TypeError" in failure.bases:
        called = re.match(r"(?:\w+\.)*(\w+)\(\) (?:takes|missing|got)", failure.message)
        of_fix = any(name in known.brought for name in missing)
        of_fix = of_fix or bool(called and called[1] in known.signatures)
        if of_fix:
            return _absent(where)
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


def _unbound(failure: Failure, where: str | None, known: Known) -> Meaning:
    """Return what a name means that is not there: the problem if the old file lacked it too."""
    if where == "test":
        return "weak" if failure.name in known.brought else "problem"
    if where is None:
        return "problem"
    own = known.modules.get(failure.frames[-1][0]) if failure.frames else None
    if own is None or failure.name in own or hasattr(builtins, failure.name or ""):
        return "broken"
    return "problem"


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
    today: Callable[[], Iterable[str]],
) -> Known:
    """Gather what is known of the names of a fix.

    ``versions`` are the old and the fixed text of each file of the fix, by its path today;
    ``today`` gives the texts of all source there is, which is asked for only where it matters.
    """
    old = [text or "" for text, _ in versions.values()]
    new = [text or "" for _, text in versions.values()]
    were, are = (frozenset(_all(each)) for each in (old, new))
    before, after = (dict(_parameters(each)) for each in (old, new))
    lost: dict[str, bool] = {}
    known: list[frozenset[str]] = []

    def is_lost(name: str) -> bool:
        if name not in lost:
            if name in were and not known:
                known.append(frozenset(_all(today())))
            lost[name] = name in were and name not in known[0]
        return lost[name]

    return Known(
        root=root,
        tests=frozenset(tests),
        replaced=frozenset(versions),
        brought=are - were,
        signatures=frozenset(
            name for name in after if before.get(name, after[name]) != after[name]
        ),
        modules={path: bound(text or "") for path, (text, _) in versions.items()},
        lost=is_lost,
    )


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


def _parameters(texts: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the functions of some texts, each with its parameters."""
    for text in texts:
        tree = tree_of(text)
        for node in ast.walk(tree) if tree else ():
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield node.name, ast.dump(node.args)
