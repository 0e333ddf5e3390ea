"""The code of a test → the passages of it that are written for people: names, texts, comments."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from pytest_postmortem.bindings import statements

__all__ = ["Function", "Passage", "Place", "first_line", "functions", "muting", "passages"]

Function = ast.FunctionDef | ast.AsyncFunctionDef

Place = Literal[
    "name",
    "class",
    "docstring",
    "mark",
    "reason",
    "argument",
    "above",
    "case",
    "opening",
    "inside",
]
"""Where a passage stands.

``mark`` is a decorator with its own arguments, ``reason`` what is said of an xfail or a skip,
``argument`` any other text in a decorator. The last four are comments: right above the test,
among its parameters, before its first statement, behind that.
"""

_STOPS = re.compile(
    r"^@(?:[\w.]+\.)?(?:skip|skipif|skipIf|skipUnless|SKIP|xfail|XFAIL|expectedFailure)\b"
    r"|\b(?:pytest|mark)\.(?:skip|skipif|xfail)\b|\.skipTest\(|^raise\s+[\w.]*SkipTest\b"
    r"|^(?:skip|xfail)\("
)
"""Code of which a comment is the reason."""

_MUTING = re.compile(r"(?:^|[._])(?:xfail|skip|expected_?failure|known_?fail)", re.IGNORECASE)
_MUTED = re.compile(r"(?:^|[._])(xfail|skip|expected_?failure|known_?fail(?:ure)?)$")
_COMMENT_LINE = re.compile(r"(\s*)#")


class Passage(NamedTuple):
    """A text, the line on which it begins, and the code beside or right below a comment."""

    place: Place
    text: str
    line: int
    code: str = ""


def functions(body: Sequence[ast.stmt]) -> Iterator[Function]:
    """Yield the functions and methods of a module, those inside of conditions too."""
    for node, _ in statements(body, certain=True):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node
        elif isinstance(node, ast.ClassDef):
            yield from functions(node.body)


def first_line(node: Function, lines: Sequence[str]) -> int:
    """Return the line on which a test begins, with its decorators and the comment right above."""
    line = min([node.lineno, *(each.lineno for each in node.decorator_list)])
    column = node.col_offset
    while line > 1:
        found = _COMMENT_LINE.match(lines[line - 2])
        if found is None or len(found[1]) != column:
            break
        line -= 1
    return line


def passages(node: Function, name: str, lines: Sequence[str]) -> Iterator[Passage]:
    """Yield the passages of a test, whose node id within the file is ``name``."""
    around, _, own = name.rpartition("::")
    yield Passage("name", own, node.lineno)
    if around:
        yield Passage("class", around, node.lineno)
    for decorator in node.decorator_list:
        yield from _decorator(decorator, lines)
    docstring = _docstring(node, lines)
    if docstring is not None:
        yield docstring
    body = node.body[1:] if docstring is not None else node.body
    end = node.end_lineno or node.lineno
    opening = body[0].lineno if body else end + 1
    for passage in _comments(lines, first_line(node, lines), end):
        yield passage._replace(place=_place(passage, node, opening))


def _place(passage: Passage, node: Function, opening: int) -> Place:
    if _STOPS.search(passage.code):
        return "reason"
    if passage.line >= node.lineno:
        return "opening" if passage.line < opening else "inside"
    first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
    return "above" if passage.line < first else "case"


def _docstring(node: Function, lines: Sequence[str]) -> Passage | None:
    first = node.body[0]
    value = first.value if isinstance(first, ast.Expr) else None
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return Passage("docstring", _written(value, lines), value.lineno)
    return None


def _written(node: ast.Constant, lines: Sequence[str]) -> str:
    """Return a text line by line as it is written, but for its quotes.

    What it stands for has other lines where a backslash ends one.
    """
    whole = "".join(lines[node.lineno - 1 : node.end_lineno])
    return whole.replace('"', " ").replace("'", " ")


def _decorator(node: ast.expr, lines: Sequence[str]) -> Iterator[Passage]:
    """Yield what a decorator says: its name with its own arguments, then the texts within."""
    call = node if isinstance(node, ast.Call) else None
    name = _dotted(call.func if call else node)
    place: Place = "reason" if _MUTING.search(name) else "argument"
    if call and place == "argument":
        constants = [each.value for each in call.args if isinstance(each, ast.Constant)]
        ids = [str(each) for each in constants if type(each) in (int, str)]
        yield Passage("mark", f"{name.rpartition('.')[2]} {', '.join(ids)}", node.lineno)
    yield from _texts(node, place, lines)


def _texts(node: ast.AST, place: Place, lines: Sequence[str]) -> Iterator[Passage]:
    """Yield the texts of an expression; those of an xfail or a skip within it are reasons."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        alone = node.lineno == node.end_lineno
        text = node.value.replace("\n", " ") if alone else _written(node, lines)
        yield Passage(place, text, node.lineno)
    if isinstance(node, ast.Call) and _is_muting(node):
        place = "reason"
    for child in ast.iter_child_nodes(node):
        is_reason = isinstance(child, ast.keyword) and child.arg == "reason"
        yield from _texts(child, "reason" if is_reason else place, lines)


def _is_muting(node: ast.expr) -> bool:
    return bool(_MUTING.search(_dotted(node.func if isinstance(node, ast.Call) else node)))


def muting(node: Function) -> str | None:
    """Return what a decorator of whatever library, by its name, makes of a test in any case."""
    for each in node.decorator_list:
        conditional = isinstance(each, ast.Call) and not all(
            isinstance(arg, ast.Constant) and isinstance(arg.value, str) for arg in each.args
        )
        name = _dotted(each.func if isinstance(each, ast.Call) else each).casefold()
        if not conditional and (found := _MUTED.search(name)):
            return "skipped" if found[1] == "skip" else "xfailed"
    return None


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _comments(lines: Sequence[str], first: int, end: int) -> Iterator[Passage]:
    """Yield the comments of some lines; those that stand below each other alone are one."""
    block: list[str] = []
    begin = column = 0
    for token in _tokens(lines[first - 1 : end]):
        line, start = first - 1 + token.start[0], token.start[1]
        code = token.line[:start].strip()
        if block and (code or line != begin + len(block) or start != column):
            yield Passage("inside", "\n".join(block), begin, _below(lines, begin + len(block)))
            block = []
        text = _bare(token.string)
        if code:
            yield Passage("inside", text, line, code)
        elif block:
            block.append(text)
        else:
            block, begin, column = [text], line, start
    if block:
        yield Passage("inside", "\n".join(block), begin, _below(lines, begin + len(block)))


def _below(lines: Sequence[str], line: int) -> str:
    """Return a line of code, an empty text where there is none."""
    return lines[line - 1].strip() if line <= len(lines) else ""


def _tokens(lines: Sequence[str]) -> Iterator[tokenize.TokenInfo]:
    """Yield the comments of a part of a module, as far as it can be read on its own."""
    code = io.StringIO("".join(lines))
    try:
        for token in tokenize.generate_tokens(code.readline):
            if token.type == tokenize.COMMENT:
                yield token
    except (tokenize.TokenError, SyntaxError):
        return


def _bare(comment: str) -> str:
    """Return a comment without what makes it one, a sign before a number but for."""
    return re.sub(r"^#+(?!\d)[:!]?", " ", comment)
