"""Add a failing regression test to a test file and change nothing else.

The result is parsed to verify that.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pytest_postmortem.options import MARKER_NAME
from pytest_postmortem.pysource.bindings import parse_python_tree
from pytest_postmortem.pysource.marker_edit import (
    SourceText,
    insert_pytest_import,
    parse_source_text,
)
from pytest_postmortem.pysource.suite_reader import SourceTest, parse_source_tests
from pytest_postmortem.scaffold.naming import format_function_name

MAX_LINE_WIDTH = 88

_TESTS_DISABLED = "pytest collects no tests from a file with __test__ = False"


class RegressionTestError(Exception):
    """A test can't be added: the cause and the remedy."""

    def __init__(self, cause: str, remedy: str) -> None:
        super().__init__(cause)
        self.cause, self.remedy = cause, remedy


@dataclass(frozen=True, slots=True)
class ExtendedTestFile:
    """A test file with the new test, and the reason why the test would not run, if there is one."""

    code: bytes
    name: str
    muted: str | None = None


def add_regression_test(
    data: bytes | None,
    id: str,
    title: str,
    name: str | None,
    rules: tuple[Sequence[str], Sequence[str]],
) -> ExtendedTestFile:
    """Return a test file with a test of an incident; ``data`` is None for a new file.

    ``name`` is the name of the test, None to derive it from the title. ``rules`` are pytest's
    ``python_functions`` and ``python_classes``.

    Raises:
        RegressionTestError: The test can't be added.
    """
    file = _parse_test_file(data or b"")
    taken_names = set(_list_used_names(file.tree.body))
    if name is not None and name in taken_names:
        remedy = f'choose another name, or mark it with @pytest.mark.{MARKER_NAME}("{id}")'
        raise RegressionTestError(f"{name!r} already exists", remedy)
    candidates = (
        [name] if name is not None else list(_list_test_names(id, title, rules[0], taken_names))
    )
    for candidate in candidates:
        code = _append_test(file, id, title, candidate)
        added_test = _find_added_test(code, candidate, id, rules)
        if added_test is not None:
            _check_other_statements(file, code, candidate)
            off = _TESTS_DISABLED if _is_testing_disabled(file.tree.body) else None
            return ExtendedTestFile(code, candidate, added_test.muted or off)
    functions = " ".join(rules[0])
    cause = f"pytest does not collect {candidates[0]!r} as a test (python_functions = {functions})"
    raise RegressionTestError(cause, "give it a name that pytest collects, as PATH::NAME")


def _parse_test_file(data: bytes) -> SourceText:
    file = parse_source_text(data)
    if file is None:
        raise RegressionTestError("it can't be parsed as Python", "fix it, or name another file")
    return file


def _list_used_names(body: Sequence[ast.stmt]) -> Iterator[str]:
    """Yield the names that a module defines."""
    for node in (child for statement in body for child in ast.walk(statement)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).partition(".")[0]


def _list_test_names(
    id: str, title: str, functions: Sequence[str], taken: set[str]
) -> Iterator[str]:
    """Yield names for a test that pytest's configuration collects."""
    of_id = format_function_name(id)
    words = format_function_name(title) or of_id or "incident"
    for pattern in ("test", *functions):
        for words_of_name in (words, f"{words}_{of_id}", *(f"{words}_{n}" for n in range(2, 100))):
            prefix = pattern if "*" in pattern else f"{pattern.rstrip('_')}_*"
            name = prefix.replace("*", words_of_name)
            if name.isidentifier() and name not in taken:
                yield name
                break


def _append_test(file: SourceText, id: str, title: str, name: str) -> bytes:
    """Return the code with the test at its end, and with pytest imported."""
    owner = _find_pytest_alias(file.tree.body)
    lines = list(file.lines) if owner else insert_pytest_import(file)
    head = "".join(lines)
    if head and not head.endswith(("\n", "\r")):
        head += file.newline
    blank = len(head) and len(re.findall(r"\r\n|\r|\n", head[len(head.rstrip()) :])) - 1
    gap = file.newline * max(0, 2 - blank) if head.strip("\ufeff \t\r\n\f") else ""
    test = _render_test(owner or "pytest", id, title, name, file)
    text = head + gap + test.replace("\n", file.newline)
    return text.encode(file.encoding)


def _render_test(owner: str, id: str, title: str, name: str, file: SourceText) -> str:
    returns = any(
        isinstance(node, ast.FunctionDef) and node.returns is not None
        for statement in file.tree.body
        for node in ast.walk(statement)
    )
    return (
        f"@{owner}.mark.{MARKER_NAME}({_format_text_literal(id, file.encoding)})\n"
        f"def {name}(){' -> None' if returns else ''}:\n"
        f"{_render_failing_call(owner, id, title, file.encoding)}"
    )


def _render_failing_call(owner: str, id: str, title: str, encoding: str) -> str:
    """Return the statement of the test, with the title if it fits."""
    what = f"write the regression test of {id}"
    whole, short = (
        _format_text_literal(f"{what}: {title}", encoding),
        _format_text_literal(what, encoding),
    )
    if len(f"    {owner}.fail({whole})") <= MAX_LINE_WIDTH:
        return f"    {owner}.fail({whole})\n"
    if len(f"        {whole}") <= MAX_LINE_WIDTH:
        return f"    {owner}.fail(\n        {whole}\n    )\n"
    return f"    {owner}.fail({short})\n"


def _format_text_literal(text: str, encoding: str) -> str:
    """Return a Python string literal, with escapes if the file's encoding needs them."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return ascii(text)
    return json.dumps(text, ensure_ascii=False)


def _find_pytest_alias(body: Sequence[ast.stmt]) -> str | None:
    """Return the name under which a module imports pytest."""
    tried = [statement for node in body if isinstance(node, ast.Try) for statement in node.body]
    for node in (*body, *tried):
        for alias in node.names if isinstance(node, ast.Import) else ():
            if alias.name == "pytest":
                return alias.asname or "pytest"
    return None


def _is_testing_disabled(body: Sequence[ast.stmt]) -> bool:
    """Return whether a module disables collection with ``__test__ = False``."""
    said = [
        node.value.value
        for node in body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        if any(isinstance(target, ast.Name) and target.id == "__test__" for target in node.targets)
    ]
    return said[-1:] == [False]


def _find_added_test(
    code: bytes, name: str, id: str, rules: tuple[Sequence[str], Sequence[str]]
) -> SourceTest | None:
    """Return the new test as it is read from the new code."""
    tests = parse_source_tests(code, {MARKER_NAME}, *rules) or ()
    return next(
        (
            test
            for test in tests
            if test.name == name and any(mark.args == (id,) for mark in test.marks)
        ),
        None,
    )


def _check_other_statements(file: SourceText, code: bytes, name: str) -> None:
    """Check that all statements of a file are unchanged and in order.

    Raises:
        RegressionTestError: One has changed.
    """
    tree = parse_python_tree(code)
    body = list(tree.body) if tree else []
    added_node = body.pop() if body else None
    if not _find_pytest_alias(file.tree.body):
        body = [statement for statement in body if not _is_pytest_import(statement)]
    kept = [ast.dump(statement) for statement in body] == [
        ast.dump(statement) for statement in file.tree.body
    ]
    if not (kept and isinstance(added_node, ast.FunctionDef) and added_node.name == name):
        raise RegressionTestError("its layout is not supported", "add the test by hand")


def _is_pytest_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import) and [alias.name for alias in node.names] == ["pytest"]
