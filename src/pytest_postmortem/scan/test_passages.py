"""Extract the passages of a test that are written for people: names, strings, comments."""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from pytest_postmortem.pysource.bindings import Definition, Function, walk_statements

PassagePlace = Literal[
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
"""The place of a passage.

``mark`` is a decorator with its own arguments, ``reason`` the reason of an xfail or a skip,
``argument`` any other string in a decorator. The last four are comments: directly above the test,
among its parameters, before its first statement, after that.
"""

_STOPPING_CODE = re.compile(
    r"^@(?:[\w.]+\.)?(?:skip|skipif|skipIf|skipUnless|SKIP|xfail|XFAIL|expectedFailure)\b"
    r"|\b(?:pytest|mark)\.(?:skip|skipif|xfail)\b|\.skipTest\(|^raise\s+[\w.]*SkipTest\b"
    r"|^(?:skip|xfail)\("
)
"""Code for which a comment gives the reason."""

_MUTING_NAME = re.compile(r"(?:^|[._])(?:xfail|skip|expected_?failure|known_?fail)", re.IGNORECASE)
_MUTED_NAME = re.compile(r"(?:^|[._])(xfail|skip|expected_?failure|known_?fail(?:ure)?)$")
_COMMENT_OR_STRING = re.compile(
    r"""\#[^\n]*
    | \"{3} [^"\\]* (?:(?:\\.|"(?!""))[^"\\]*)* \"{3}
    | \'{3} [^'\\]* (?:(?:\\.|'(?!''))[^'\\]*)* \'{3}
    | " [^"\\\n]* (?:\\.[^"\\\n]*)* "
    | ' [^'\\\n]* (?:\\.[^'\\\n]*)* '
    | ["']""",
    re.DOTALL | re.VERBOSE,
)
"""A comment, a string without its prefix, or a quote that ends nowhere."""

_FORMAT_PREFIXES = frozenset("fFtT")
_COMMENT_LINE = re.compile(r"(\s*)#")
_COMMENT_SIGN = re.compile(r"^#+(?!\d)[:!]?")


class SourcePassage(NamedTuple):
    """A text, its first line, and for a comment the code next to it or directly below."""

    place: PassagePlace
    text: str
    line: int
    code: str = ""


def list_definitions(
    body: Sequence[ast.stmt], class_names: str = ""
) -> Iterator[tuple[Definition, str]]:
    """Yield the functions, methods and classes of a module, including those under conditions.

    Each has the names of its classes, ``TestCart::TestTotal``, of which it may be the last itself.
    """
    for node, _ in walk_statements(body, certain=True):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node, class_names
        elif isinstance(node, ast.ClassDef):
            inner = f"{class_names}::{node.name}" if class_names else node.name
            yield node, inner
            yield from list_definitions(node.body, inner)


def find_first_test_line(node: Function, lines: Sequence[str]) -> int:
    """Return the first line of a test, including its decorators and the comment directly above."""
    line = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    column = node.col_offset
    while line > 1:
        match = _COMMENT_LINE.match(lines[line - 2])
        if match is None or len(match[1]) != column:
            break
        line -= 1
    return line


def list_passages(
    node: Function, lines: Sequence[str], *, comments: bool = True
) -> Iterator[SourcePassage]:
    """Yield the passages of a test, without those of its classes.

    ``comments`` says whether its comments are read, which costs more than the rest.
    """
    yield SourcePassage("name", node.name, node.lineno)
    for decorator in node.decorator_list:
        yield from _list_decorator_passages(decorator, lines)
    docstring = _find_docstring_passage(node, lines)
    if docstring is not None:
        yield docstring
    if not comments:
        return
    body = node.body[1:] if docstring is not None else node.body
    end = node.end_lineno or node.lineno
    opening = body[0].lineno if body else end + 1
    for passage in _list_comment_passages(lines, find_first_test_line(node, lines), end):
        yield passage._replace(place=_classify_comment(passage, node, opening))


def _classify_comment(passage: SourcePassage, node: Function, opening: int) -> PassagePlace:
    if _STOPPING_CODE.search(passage.code):
        return "reason"
    if passage.line >= node.lineno:
        return "opening" if passage.line < opening else "inside"
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return "above" if passage.line < first else "case"


def _find_docstring_passage(node: Function, lines: Sequence[str]) -> SourcePassage | None:
    first = node.body[0]
    value = first.value if isinstance(first, ast.Expr) else None
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return SourcePassage("docstring", _read_written_text(value, lines), value.lineno)
    return None


def _read_written_text(node: ast.Constant, lines: Sequence[str]) -> str:
    """Return a string literal line by line as it is written, without its quotes.

    Its value has other line numbers if a backslash ends a line.
    """
    whole = "".join(lines[node.lineno - 1 : node.end_lineno])
    return whole.replace('"', " ").replace("'", " ")


def _list_decorator_passages(node: ast.expr, lines: Sequence[str]) -> Iterator[SourcePassage]:
    """Yield the passages of a decorator: its name with its own arguments, then nested strings."""
    call = node if isinstance(node, ast.Call) else None
    name = _format_attribute_name(call.func if call else node)
    place: PassagePlace = "reason" if _MUTING_NAME.search(name) else "argument"
    if call and place == "argument":
        constants = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
        ids = [str(constant) for constant in constants if type(constant) in (int, str)]
        yield SourcePassage("mark", f"{name.rpartition('.')[2]} {', '.join(ids)}", node.lineno)
    yield from _list_text_passages(node, place, lines)


def _list_text_passages(
    node: ast.AST, place: PassagePlace, lines: Sequence[str]
) -> Iterator[SourcePassage]:
    """Yield the strings of an expression; those of an xfail or a skip within it are reasons."""
    waiting = [(node, place)]
    while waiting:
        node, place = waiting.pop()
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                alone = node.lineno == node.end_lineno
                text = node.value.replace("\n", " ") if alone else _read_written_text(node, lines)
                yield SourcePassage(place, text, node.lineno)
            continue
        if (isinstance(node, ast.Call) and _is_muting_decorator(node)) or (
            isinstance(node, ast.keyword) and node.arg == "reason"
        ):
            place = "reason"
        waiting += [(child, place) for child in ast.iter_child_nodes(node)][::-1]


def _is_muting_decorator(node: ast.expr) -> bool:
    return bool(
        _MUTING_NAME.search(
            _format_attribute_name(node.func if isinstance(node, ast.Call) else node)
        )
    )


def find_muting_outcome(node: Function) -> str | None:
    """Return the outcome that an unconditional decorator gives a test, by the decorator's name."""
    for decorator in node.decorator_list:
        conditional = isinstance(decorator, ast.Call) and not all(
            isinstance(arg, ast.Constant) and isinstance(arg.value, str) for arg in decorator.args
        )
        name = _format_attribute_name(
            decorator.func if isinstance(decorator, ast.Call) else decorator
        ).casefold()
        if not conditional and (match := _MUTED_NAME.search(name)):
            return "skipped" if match[1] == "skip" else "xfailed"
    return None


def _format_attribute_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_format_attribute_name(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _list_comment_passages(lines: Sequence[str], first: int, end: int) -> Iterator[SourcePassage]:
    """Yield the comments of some lines; consecutive comment lines are joined."""
    block: list[str] = []
    begin = column = 0
    for offset, start, comment in _find_comments("".join(lines[first - 1 : end])):
        line = first + offset
        code = lines[line - 1][:start].strip()
        if block and (code or line != begin + len(block) or start != column):
            yield SourcePassage(
                "inside", "\n".join(block), begin, _find_code_below(lines, begin + len(block))
            )
            block = []
        text = _strip_comment_sign(comment)
        if code:
            yield SourcePassage("inside", text, line, code)
        elif block:
            block.append(text)
        else:
            block, begin, column = [text], line, start
    if block:
        yield SourcePassage(
            "inside", "\n".join(block), begin, _find_code_below(lines, begin + len(block))
        )


def _find_code_below(lines: Sequence[str], line: int) -> str:
    """Return a line of code, an empty text if there is none."""
    return lines[line - 1].strip() if line <= len(lines) else ""


def _find_comments(code: str) -> list[tuple[int, int, str]]:
    """Return the comments of a part of a module, each with the line (from 0) and the column.

    Code is split into comments and strings, which is all that it takes. Only an f-string may have
    quotes and comments within its braces, since Python 3.12: that is left to the tokenizer.
    """
    found: list[tuple[int, int, str]] = []
    line = counted = 0
    for match in _COMMENT_OR_STRING.finditer(code):
        start, text = match.start(), match[0]
        if text[0] == "#":
            line += code.count("\n", counted, start)
            counted = start
            found.append((line, start - code.rfind("\n", 0, start) - 1, text))
        elif len(text) == 1 or _may_nest_strings(code[max(start - 2, 0) : start], text):
            return list(_list_comment_tokens(code))
    return found


def _may_nest_strings(before: str, text: str) -> bool:
    """Return whether a string, after these letters, may be the beginning of one with a comment or
    a string within its braces."""
    if sys.version_info < (3, 12) or "{" not in text or _FORMAT_PREFIXES.isdisjoint(before):
        return False
    return "#" in text or text.count("{") != text.count("}")


def _list_comment_tokens(code: str) -> Iterator[tuple[int, int, str]]:
    """Yield the comments of a part of a module, as far as it can be tokenized."""
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0] - 1, token.start[1], token.string
    except (tokenize.TokenError, SyntaxError):
        return


def _strip_comment_sign(comment: str) -> str:
    """Return a comment without its ``#`` signs, except one before a number."""
    return _COMMENT_SIGN.sub(" ", comment)
