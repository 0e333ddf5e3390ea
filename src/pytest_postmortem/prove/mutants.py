"""Small changes to lines of Python source, which show how much a test notices: pure.

Each mutant is the whole text with one change, with the same lines before and after it. Changes that
no test should notice are not made: those of logging, ``__repr__``, messages, type hints,
docstrings, assertions, names that a module exports, and checks of the platform.
"""

from __future__ import annotations

import ast
import builtins
import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_postmortem.prove.ast_units import is_text_statement, split_source_lines
from pytest_postmortem.prove.child.instrument import find_decorated_line, find_head_lines
from pytest_postmortem.pysource.bindings import parse_python_tree

COMPARISONS: Mapping[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}
"""Each comparison as it is written, and the one that takes its place."""

ARITHMETIC: Mapping[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "*"),
    ast.Pow: ("**", "*"),
    ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
    ast.BitXor: ("^", "&"),
}
"""Each operator as it is written, and the one that takes its place."""

LOG_METHODS = frozenset(
    {"debug", "info", "warning", "warn", "error", "exception", "critical", "log", "trace"}
)

TEXT_CALLS = re.compile(
    r"(Error|Exception|Warning|Interrupt|Exit)$"
    r"|^(warn|warn_explicit|fail|skip|print|echo|secho|getLogger|get_logger|TypeVar|NewType|cast"
    r"|namedtuple|ContextVar|_|gettext|ngettext|deprecated)$"
)
"""Calls whose texts are messages or names for people."""

TEXT_KEYWORDS = frozenset(
    {"msg", "message", "reason", "help", "description", "doc", "epilog", "metavar", "detail"}
)

VAGUE_NAMES = re.compile(
    "timeout|delay|interval|sleep|chunk|buf|block_?size|stacklevel|indent|max_?size|cache|priority"
    "|^[lr]just$|^zfill$|^center$",
    re.IGNORECASE,
)
"""Names of numbers that are as good when they are one more."""

PLATFORM_NAMES = frozenset(
    {"TYPE_CHECKING", "version_info", "platform", "PY2", "PY3", "PYPY", "WIN", "WINDOWS"}
)
"""Names in conditions that are always true, or always false, on one machine."""

OWN_NAMES = frozenset(
    {"__all__", "__doc__", "__version__", "__author__", "__slots__", "__match_args__"}
)

IDLE_DECORATORS = frozenset(
    {"overload", "override", "final", "abstractmethod", "wraps", "cache", "lru_cache", "deprecated"}
)
"""Decorators whose absence a test rarely can see."""

WIDE_EXCEPTIONS = frozenset({"Exception", "BaseException", "ImportError", "ModuleNotFoundError"})

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
SCOPES = (*FUNCTIONS, ast.Lambda, ast.ClassDef)

Lines = Sequence[tuple[int, int]]
"""Ranges of lines from 1, the last line included."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A text with one change. ``line`` is where it is, ``before`` and ``after`` are that line.

    ``places`` are the lines of statements: if none of them runs, the change has no effect. ``text``
    is None if the whole file is missing.
    """

    kind: str
    line: int
    places: frozenset[int]
    text: str | None
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class _Edit:
    """A change of the characters from ``start`` to ``end``, which may need other ``places``."""

    kind: str
    start: int
    end: int
    text: str
    places: frozenset[int] | None = None


def find_mutants(text: str, lines: Lines, versions: CodeVersions | None = None) -> Iterator[Mutant]:
    """Yield the mutants of some lines of a text, in the order of the lines; none of bad Python.

    ``versions`` are those of this text that were seen before.
    """
    tree = parse_python_tree(text)
    if tree is None:
        return
    source = _Source(text)
    edits = sorted(_Finder(source, tree).find(), key=lambda edit: (edit[1].start, edit[1].end))
    versions = versions or CodeVersions(text)
    for places, edit in edits:
        line = source.find_line(edit.start)
        if not any(first <= line <= last for first, last in lines):
            continue
        mutated = source.apply(edit)
        if versions.add_change(mutated, line):
            before, after = (
                split_source_lines(version)[line - 1].strip() for version in (text, mutated)
            )
            yield Mutant(edit.kind, line, edit.places or places, mutated, before, after)


class CodeVersions:
    """The versions of a text that were seen, as code: without comments, docstrings, ``pass`` and
    branches that never run.
    """

    def __init__(self, text: str) -> None:
        self._dumps: dict[str, str | None] = {}
        lines, tree = split_source_lines(text), parse_python_tree(text)
        self._spans = [_find_span(node) for node in tree.body] if tree else []
        self._code = [self._dump("".join(lines[start:end])) for start, end in self._spans]
        self._seen = {tuple(filter(None, self._code))}

    def add(self, text: str) -> bool:
        """Return whether a text is Python, and its code was not seen yet."""
        tree = parse_python_tree(text)
        if tree is None:
            return False
        lines = split_source_lines(text)
        spans = (_find_span(node) for node in tree.body)
        return self._add([self._dump("".join(lines[start:end])) for start, end in spans])

    def add_change(self, text: str, line: int) -> bool:
        """Do the same for a text that has another line, within one statement of the module."""
        lines = split_source_lines(text)
        for place, (start, end) in enumerate(self._spans):
            if start < line <= end:
                own = self._dump("".join(lines[start:end]))
                return own is not None and self._add(
                    [*self._code[:place], own, *self._code[place + 1 :]]
                )
        return False

    def _add(self, code: Iterable[str | None]) -> bool:
        version = tuple(filter(None, code))
        is_new = version not in self._seen
        self._seen.add(version)
        return is_new

    def _dump(self, text: str) -> str | None:
        """Return the code of a text, None if it is not Python."""
        if text not in self._dumps:
            tree = parse_python_tree(text)
            kept = _drop_idle_statements(tree.body) if tree else ()
            self._dumps[text] = "".join(map(ast.dump, kept)) if tree else None
        return self._dumps[text]


def _find_span(node: ast.stmt) -> tuple[int, int]:
    """Return the lines of a statement, counted from 0, the end excluded."""
    return find_decorated_line(node) - 1, int(node.end_lineno or node.lineno)


def _drop_idle_statements(body: Iterable[ast.stmt]) -> list[ast.stmt]:
    """Return statements without those that do nothing; the nodes are changed."""
    kept = []
    for node in body:
        for name in ("body", "orelse", "finalbody"):
            inner = getattr(node, name, None)
            if isinstance(inner, list):
                setattr(node, name, _drop_idle_statements(inner))
        for branch in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
            branch.body = _drop_idle_statements(branch.body)
        is_dead = isinstance(node, ast.If) and not node.orelse
        is_dead = is_dead and (not node.body or _is_false(node.test))  # type: ignore[attr-defined]
        if not (is_text_statement(node) or is_dead or isinstance(node, ast.Pass)):
            kept.append(node)
    return kept


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


class _Source:
    """A text whose characters are found by line and column."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._lines = split_source_lines(text)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))

    def find_line(self, offset: int) -> int:
        """Return the number of the line of a character."""
        return bisect_right(self._starts, offset)

    def offset(self, line: int, column: int) -> int:
        """Return the place of a character; the column counts bytes, as in a syntax tree."""
        text = self._lines[line - 1]
        return self._starts[line - 1] + len(text.encode()[:column].decode())

    def start(self, node: Any) -> int:
        """Return where a node begins."""
        return self.offset(node.lineno, node.col_offset)

    def end(self, node: Any) -> int:
        """Return where a node ends."""
        return self.offset(node.end_lineno, node.end_col_offset)

    def search(self, pattern: str, start: int, end: int) -> re.Match[str] | None:
        """Return the first match of a pattern that is in no comment."""
        every = re.compile(rf"#[^\n]*|{pattern}").finditer(self.text, start, end)
        return next((match for match in every if not match[0].startswith("#")), None)

    def apply(self, edit: _Edit) -> str:
        """Return the text with a change, and with as many lines as before."""
        old = self.text[edit.start : edit.end]
        lost = old.count("\n") - edit.text.count("\n")
        return self.text[: edit.start] + edit.text + "\n" * lost + self.text[edit.end :]


class _Finder:
    """Find the edits of a syntax tree, each with the places of its statement."""

    def __init__(self, source: _Source, tree: ast.Module) -> None:
        self._source = source
        self._tree = tree
        self._scope: ast.AST = tree

    def find(self) -> Iterator[tuple[frozenset[int], _Edit]]:
        """Yield all edits."""
        yield from self._visit_body(self._tree.body)

    def _visit_body(self, body: Sequence[ast.stmt]) -> Iterator[tuple[frozenset[int], _Edit]]:
        for node in body:
            if not _is_skipped(node):
                yield from self._visit_statement(node)

    def _visit_statement(self, node: ast.stmt) -> Iterator[tuple[frozenset[int], _Edit]]:
        places = find_places(node)
        for edit in self._change_statement(node):
            yield places, edit
        for expression in _list_own_expressions(node):
            for edit in self._visit_expression(expression, _find_target_names(node)):
                yield places, edit
        outer = self._scope
        if isinstance(node, SCOPES):
            self._scope = node
        for name in ("body", "orelse", "finalbody"):
            yield from self._visit_body(getattr(node, name, ()))
        for handler in getattr(node, "handlers", ()):
            if isinstance(node, ast.Try):
                for edit in self._change_handler(handler):
                    yield frozenset([handler.lineno]), edit
            yield from self._visit_body(handler.body)
        for case in getattr(node, "cases", ()):
            yield from self._visit_body(case.body)
        self._scope = outer

    def _replace(self, kind: str, node: Any, text: str) -> _Edit:
        """Return the edit that replaces an expression; lost lines are within its brackets."""
        start, end = self._source.start(node), self._source.end(node)
        lost = self._source.text[start:end].count("\n")
        return _Edit(kind, start, end, f"({text}{chr(10) * lost})" if lost else text)

    def _remove(self, kind: str, node: ast.stmt) -> _Edit:
        return _Edit(kind, self._source.start(node), self._source.end(node), "pass")

    def _change_statement(self, node: ast.stmt) -> Iterator[_Edit]:
        if self._is_removable(node):
            yield self._remove("removed statement", node)
        if isinstance(node, ast.Return) and node.value is not None:
            if not isinstance(node.value, (ast.Constant, ast.Compare)):
                yield self._replace("returned value", node.value, "None")
        elif isinstance(node, ast.Break):
            yield self._replace("loop", node, "continue")
        elif isinstance(node, ast.Continue):
            yield self._replace("loop", node, "break")
        elif isinstance(node, ast.AugAssign):
            yield from self._change_operator(node.op, node.target, node.value, "=")
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            yield from self._unwrap(node)
        elif isinstance(node, ast.If):
            yield from self._remove_branches(node)
            yield from self._negate(node.test)
        elif isinstance(node, ast.While):
            yield from self._negate(node.test)
        yield from self._change_head(node)

    def _is_removable(self, node: ast.stmt) -> bool:
        """Return whether code can run without a statement; a name must have another value."""
        if isinstance(node, ast.Expr):
            value = node.value.value if isinstance(node.value, ast.Await) else node.value
            return isinstance(value, ast.Call)
        if isinstance(node, (ast.Raise, ast.AugAssign)):
            return True
        if isinstance(node, ast.Return):
            body = getattr(self._scope, "body", [])
            return node.value is None and isinstance(body, list) and body[-1] is not node
        if isinstance(node, ast.Delete):
            return all(isinstance(each, (ast.Subscript, ast.Attribute)) for each in node.targets)
        if isinstance(node, ast.Assign) or (isinstance(node, ast.AnnAssign) and node.value):
            names = _find_target_names(node)
            earlier = {*_list_bound_names(self._scope, node.lineno)}
            return not isinstance(self._scope, ast.ClassDef) and earlier >= {*names}
        return False

    def _unwrap(self, node: ast.With | ast.AsyncWith) -> Iterator[_Edit]:
        """Yield the edit that runs the body of a ``with`` alone, if it uses no name of it."""
        if any(item.optional_vars is not None for item in node.items):
            return
        if any(_get_call_name(item.context_expr) == "catch_warnings" for item in node.items):
            return
        head_end = self._source.end(node.items[-1].context_expr)
        colon = self._source.search(":", head_end, self._source.start(node.body[0]))
        if colon:
            yield _Edit("with", self._source.start(node), colon.end(), "if True:")

    def _remove_branches(self, node: ast.If) -> Iterator[_Edit]:
        if _is_platform_check(node.test):
            return
        edit = self._replace("removed branch", node.test, "False")
        places = find_places(node.body[0])
        yield _Edit(edit.kind, edit.start, edit.end, edit.text, places)
        if node.orelse and not _is_elif(node, node.orelse, self._source):
            first, last = node.orelse[0], node.orelse[-1]
            start, end = self._source.start(first), self._source.end(last)
            if not isinstance(first, SCOPES):
                yield _Edit("removed branch", start, end, "pass", find_places(first))

    def _negate(self, test: ast.expr) -> Iterator[_Edit]:
        """Yield the edit that turns a condition around, unless its operators are changed."""
        own = (ast.Compare, ast.BoolOp, ast.UnaryOp, ast.Constant)
        if not isinstance(test, own) and not _is_platform_check(test):
            start, end = self._source.start(test), self._source.end(test)
            yield _Edit("negation", start, end, f"not ({self._source.text[start:end]})")

    def _change_head(self, node: ast.stmt) -> Iterator[_Edit]:
        """Yield the edits of decorators and of default arguments that are not constants."""
        for decorator in getattr(node, "decorator_list", ()):
            if _get_call_name(decorator) not in IDLE_DECORATORS:
                end = self._source.end(decorator)
                start = self._source.text.rindex("@", 0, self._source.start(decorator))
                yield _Edit("decorator", start, end, "")
        if isinstance(node, FUNCTIONS):
            for default in (*node.args.defaults, *node.args.kw_defaults):
                if default is not None and not isinstance(default, (ast.Constant, ast.UnaryOp)):
                    yield self._replace("default argument", default, "None")

    def _change_handler(self, handler: ast.ExceptHandler) -> Iterator[_Edit]:
        """Yield the edits that catch fewer exceptions."""
        if handler.type is None:
            return
        if isinstance(handler.type, ast.Tuple):
            for dropped in handler.type.elts:
                kept = [ast.unparse(each) for each in handler.type.elts if each is not dropped]
                if not any(_is_subclass(ast.unparse(dropped), name) for name in kept):
                    yield self._replace("except", handler.type, f"({', '.join(kept)},)")
        elif _get_call_name(handler.type) not in WIDE_EXCEPTIONS:
            yield self._replace("except", handler.type, "()")

    def _visit_expression(self, node: ast.AST, names: Collection[str]) -> Iterator[_Edit]:
        """Yield the edits of an expression, whose value has some names."""
        if isinstance(node, ast.JoinedStr) or _is_platform_check(node):
            return
        yield from self._change_expression(node, names)
        for child, child_names in _list_children(node, names):
            yield from self._visit_expression(child, child_names)

    def _change_expression(self, node: ast.AST, names: Collection[str]) -> Iterator[_Edit]:
        if isinstance(node, ast.Compare):
            yield from self._change_comparisons(node)
        elif isinstance(node, ast.BoolOp):
            old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
            yield from self._change_word("boolean", rf"\b{old}\b", new, *node.values[:2])
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield from self._remove_word("negation", "not", node)
        elif isinstance(node, ast.Await):
            yield from self._remove_word("await", "await", node)
        elif isinstance(node, ast.BinOp) and not _is_text(node):
            yield from self._change_operator(node.op, node.left, node.right)
        elif isinstance(node, ast.Constant):
            new_value = _change_constant(node.value, names)
            if new_value is not None:
                yield self._replace("constant", node, new_value)
        elif isinstance(node, (ast.IfExp, ast.comprehension)):
            for test in node.ifs if isinstance(node, ast.comprehension) else [node.test]:
                yield from self._negate(test)

    def _change_comparisons(self, node: ast.Compare) -> Iterator[_Edit]:
        operands = [node.left, *node.comparators]
        for left, operator, right in zip(operands, node.ops, node.comparators, strict=False):
            old, new = COMPARISONS[type(operator)]
            pattern = r"\b" + old.replace(" ", r"\s+") + r"\b" if old[0].isalpha() else old
            yield from self._change_word("comparison", pattern, new, left, right)

    def _change_operator(
        self, operator: ast.operator, left: ast.expr, right: ast.expr, more: str = ""
    ) -> Iterator[_Edit]:
        if type(operator) in ARITHMETIC:
            old, new = ARITHMETIC[type(operator)]
            yield from self._change_word(
                "arithmetic", re.escape(old + more), new + more, left, right
            )

    def _remove_word(self, kind: str, word: str, node: ast.expr) -> Iterator[_Edit]:
        """Yield the edit that leaves out the first word of an expression."""
        start, text = self._source.start(node), self._source.text
        rest = text[start:].removeprefix(word).lstrip(" \t")
        yield _Edit(kind, start, len(text) - len(rest), "")

    def _change_word(
        self, kind: str, pattern: str, new: str, left: ast.expr, right: ast.expr
    ) -> Iterator[_Edit]:
        """Yield the edit that replaces the text between two expressions."""
        match = self._source.search(pattern, self._source.end(left), self._source.start(right))
        if match:
            yield _Edit(kind, match.start(), match.end(), new)


def _is_subclass(name: str, other: str) -> bool:
    """Return whether one built-in exception is a subclass of another."""
    classes = [getattr(builtins, each, None) for each in (name, other)]
    return all(isinstance(each, type) for each in classes) and issubclass(*classes)  # type: ignore[arg-type]


def find_places(node: ast.stmt) -> frozenset[int]:
    """Return the lines by which instrumented code reports that a statement runs.

    A function reports its call, by the line of its ``def``.
    """
    is_function = isinstance(node, FUNCTIONS)
    return frozenset([node.lineno, node.lineno if is_function else find_decorated_line(node)])


def find_effect_places(text: str, first: int, last: int) -> frozenset[int]:
    """Return the places of statements on some lines; a condition counts by its branches."""
    tree = parse_python_tree(text)
    places: set[int] = set()
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.match_case):
            if node.pattern.lineno <= last and first <= (node.pattern.end_lineno or 0):
                places.add(node.pattern.lineno)
        elif isinstance(node, (ast.stmt, ast.ExceptHandler)) and _is_head_on(node, first, last):
            if isinstance(node, (ast.If, ast.While, ast.Try)):
                for branch in filter(None, (node.body, node.orelse)):
                    places |= find_places(branch[0])
            elif isinstance(node, ast.stmt):
                places |= find_places(node)
            else:
                places.add(node.lineno)
    return frozenset(places)


def _is_head_on(node: ast.AST, first: int, last: int) -> bool:
    """Return whether a statement, without those in it, is on some lines."""
    start, end = find_head_lines(node)
    return start <= last and first <= end


def _is_skipped(node: ast.stmt) -> bool:
    """Return whether no change is made to a statement and its parts."""
    if isinstance(node, (ast.Import, ast.ImportFrom, ast.Assert, ast.Global, ast.Nonlocal)):
        return True
    if isinstance(node, FUNCTIONS):
        return node.name in ("__repr__", "__rich_repr__")
    if isinstance(node, ast.Expr):
        return is_text_statement(node) or _is_logging(node.value)
    if isinstance(node, ast.If):
        return any(
            getattr(each, "attr", getattr(each, "id", "")) == "TYPE_CHECKING"
            for each in ast.walk(node.test)
        )
    if isinstance(node, ast.AnnAssign) and "TypeAlias" in ast.unparse(node.annotation):
        return True
    return not OWN_NAMES.isdisjoint(_find_target_names(node))


def _is_logging(node: ast.expr) -> bool:
    function = node.func if isinstance(node, ast.Call) else None
    return (
        isinstance(function, ast.Attribute)
        and function.attr in LOG_METHODS
        and "log" in ast.unparse(function.value).lower()
    )


def _list_own_expressions(node: ast.stmt) -> Iterator[ast.expr]:
    """Yield the expressions of a statement that decide its effect."""
    if isinstance(node, ast.Raise):
        values = node.exc.args if isinstance(node.exc, ast.Call) else ()
        yield from (
            each
            for each in values
            if isinstance(each, ast.Constant) and isinstance(each.value, int)
        )
    elif isinstance(node, FUNCTIONS):
        yield from filter(None, (*node.args.defaults, *node.args.kw_defaults))
        yield from (each for each in node.decorator_list if isinstance(each, ast.Call))
    elif isinstance(node, ast.AnnAssign):
        yield from filter(None, (node.value,))
    elif isinstance(node, (ast.With, ast.AsyncWith)):
        yield from (item.context_expr for item in node.items)
    elif isinstance(node, ast.Match):
        yield node.subject
    elif isinstance(node, ast.ClassDef):
        yield from (keyword.value for keyword in node.keywords)
    else:
        yield from (each for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr))


def _list_children(node: ast.AST, names: Collection[str]) -> Iterator[tuple[ast.AST, list[str]]]:
    """Yield the expressions in an expression, each with the names of its value."""
    if isinstance(node, ast.Call):
        called = _get_call_name(node)
        yield node.func, []
        is_text = TEXT_CALLS.search(called) is not None
        for argument in node.args:
            if not (is_text and _is_text(argument)):
                yield argument, [called] if VAGUE_NAMES.search(called) else []
        for keyword in node.keywords:
            if not (is_text and _is_text(keyword.value)) and keyword.arg not in TEXT_KEYWORDS:
                yield keyword.value, [keyword.arg or ""]
        return
    inherits = isinstance(node, (ast.UnaryOp, ast.BinOp))
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.expr, ast.comprehension)) and not isinstance(child, ast.Lambda):
            yield child, [*names] if inherits else []
        elif isinstance(child, ast.Lambda):
            yield child.body, []


def _change_constant(value: object, names: Collection[str]) -> str | None:
    """Return another constant, None if none would make a difference."""
    if isinstance(value, bool):
        return str(not value)
    if isinstance(value, (int, float)):
        return None if any(map(VAGUE_NAMES.search, names)) else repr(value + 1)
    if isinstance(value, (str, bytes)) and value:
        return '""' if isinstance(value, str) else 'b""'
    return None


def _is_text(node: ast.AST) -> bool:
    """Return whether an expression is made of a text that is written out."""
    if isinstance(node, ast.BinOp):
        return _is_text(node.left) or _is_text(node.right)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return _is_text(node.func.value)
    if isinstance(node, ast.Call):
        return _get_call_name(node) in ("_", "gettext", "dedent")
    is_constant = isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes))
    return is_constant or isinstance(node, ast.JoinedStr)


def _is_platform_check(node: ast.AST) -> bool:
    if not isinstance(node, (ast.Compare, ast.Name, ast.Attribute, ast.BoolOp, ast.UnaryOp)):
        return False
    names = {
        each.attr if isinstance(each, ast.Attribute) else each.id
        for each in ast.walk(node)
        if isinstance(each, (ast.Attribute, ast.Name))
    }
    return not names.isdisjoint(PLATFORM_NAMES) or names == {"__name__"} or names == {"os", "name"}


def _is_elif(node: ast.If, orelse: Sequence[ast.stmt], source: _Source) -> bool:
    first = orelse[0]
    is_if = len(orelse) == 1 and isinstance(first, ast.If)
    return is_if and source.text.startswith("elif", source.start(first))


def _get_call_name(node: ast.AST) -> str:
    """Return the last name of a call or a reference."""
    if isinstance(node, ast.Call):
        node = node.func
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _find_target_names(node: ast.AST) -> list[str]:
    """Return the names that a statement assigns; an attribute or an item needs no other value."""
    targets = list(getattr(node, "targets", ()) or filter(None, (getattr(node, "target", None),)))
    return [
        each.id
        for target in targets
        for each in ast.walk(target)
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    ]


def _list_bound_names(scope: ast.AST, line: int) -> Iterator[str]:
    """Yield the names that a scope has before a line."""
    for node in ast.walk(scope):
        if isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.lineno < line:
            yield node.id
