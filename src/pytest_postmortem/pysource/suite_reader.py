"""Tests and marks read from the code of a suite, without a run.

See `test_reader` for the supported forms. Marks that only a run shows (a conftest that adds marks,
a computed id) are in the ``unread`` places of a file.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from pytest_postmortem.pysource.bindings import parse_python_tree
from pytest_postmortem.pysource.expressions import (
    bind_decorator_arguments,
    find_plugin_decorator,
    format_dotted_name,
    parse_mark_name,
    read_literal_keywords,
)
from pytest_postmortem.pysource.project_modules import (
    ModuleIndex,
    ParsedModule,
    build_parsed_module,
)
from pytest_postmortem.pysource.test_reader import (
    SourceMark,
    SourceTest,
    SourceTestReader,
)
from pytest_postmortem.pysource.unresolved_marks import MarkCodeReader, UnreadPlace

__all__ = [
    "MarkCodeReader",
    "SourceMark",
    "SourceTest",
    "UnreadPlace",
    "find_called_marks",
    "find_helpers",
    "find_marks",
    "find_module_tests",
    "guess_source_tests",
    "parse_source_tests",
    "read_suite_tests",
    "read_test_file",
]


def find_called_marks(code: str, names: Collection[str]) -> Iterator[SourceMark]:
    """Yield all calls of marks with these names in a module, none for invalid Python.

    Imports are not followed: a decorator of a plugin is known by the end of its dotted name.
    """
    tree = parse_python_tree(code)
    for node in ast.walk(tree) if tree else ():
        if not isinstance(node, ast.Call):
            continue
        name = _find_mark_name(node.func)
        decorator = find_plugin_decorator(format_dotted_name(node.func)) if name is None else ""
        name = parse_mark_name(decorator) if decorator else name
        if name in names:
            keywords = {each.arg: each.value for each in node.keywords if each.arg}
            args, keywords = bind_decorator_arguments(decorator, node.args, keywords)
            values = tuple(each.value for each in args if isinstance(each, ast.Constant))
            yield SourceMark(str(name), values, read_literal_keywords(keywords)[0], node.lineno)


def find_helpers(contents: Mapping[str, bytes], names: Collection[str]) -> MarkCodeReader:
    """Return a reader of the Python files that name one of our marks, or import one."""
    first = MarkCodeReader(ModuleIndex(contents), names)
    paths = first.find_files() | first.namespace_files
    reader = MarkCodeReader(ModuleIndex({path: contents[path] for path in paths}), names)
    reader.find_files()
    reader.follow_all()
    return reader


def find_marks(
    contents: Mapping[str, bytes],
    path: str,
    names: Collection[str],
    functions: Sequence[str],
    classes: Sequence[str],
) -> list[SourceMark]:
    """Return the marks of the tests of a file, and all that it calls anywhere, by their lines.

    ``contents`` are the file and those that it may import, by their paths.
    """
    text = contents.get(path, b"").decode(errors="replace")
    reading = read_suite_tests(ModuleIndex(contents), names, {path}, {path}, functions, classes)
    marks = [mark for test in reading.get(path) or () for mark in test.marks]
    return sorted([*marks, *find_called_marks(text, names)], key=lambda mark: mark.line)


def parse_source_tests(
    code: str | bytes,
    names: Collection[str],
    functions: Sequence[str] = ("test",),
    classes: Sequence[str] = ("Test",),
) -> tuple[SourceTest, ...] | None:
    """Return the tests of a module with their marks of these names, None if it can't be parsed.

    That is invalid Python, or code that is nested too deeply. ``functions`` and ``classes`` are
    ``python_functions`` and ``python_classes``.
    """
    tree = parse_python_tree(code)
    try:
        return None if tree is None else find_module_tests(tree, names, functions, classes)
    except RecursionError:
        return None


def find_module_tests(
    tree: ast.Module,
    names: Collection[str],
    functions: Sequence[str],
    classes: Sequence[str],
    data: bytes = b"",
    lines: Collection[int] | None = None,
) -> tuple[SourceTest, ...]:
    """Return the tests of a module that is parsed already; the line of each is that of its def.

    With ``lines`` only the tests that are defined on one of them are returned, and with the
    ``data`` of the module less of it is read.

    Raises: RecursionError where Python reads more than can be walked through.
    """
    module = build_parsed_module("", tree, data)
    reader = SourceTestReader(module, names, functions, classes, lines=lines)
    return tuple(reader.tests())


def read_suite_tests(
    modules: ModuleIndex,
    names: Collection[str],
    files: Collection[str],
    others: Collection[str] = (),
    functions: Sequence[str] = ("test",),
    classes: Sequence[str] = ("Test",),
) -> dict[str, tuple[SourceTest, ...] | None]:
    """Return the tests of those ``files`` that may have a mark, and of all ``others``.

    The value is None for a file that can't be parsed. Files without tests that may add marks to
    tests of other files are included with their ``unread`` places.
    """
    reader = MarkCodeReader(modules, names)
    tests_by_path: dict[str, tuple[SourceTest, ...] | None] = {}
    marking = reader.find_files()
    for path in sorted({*marking, *others}):
        module = modules.read(path)
        if path in files or path in others:
            rules = (functions, classes)
            tests_by_path[path] = (
                _read_module_tests(reader, module, names, *rules) if module else None
            )
        elif module and _is_conftest_applied(path, files):
            places = _find_places(reader, module)
            if places:
                tests_by_path[path] = (SourceTest("", 1, unread=places),)
    return tests_by_path


def read_test_file(
    helpers: MarkCodeReader,
    names: Collection[str],
    path: str,
    data: bytes,
    functions: Sequence[str] = ("test",),
    classes: Sequence[str] = ("Test",),
    *,
    unmarked: bool = False,
) -> tuple[SourceTest, ...] | None:
    """Return the tests of one file, None for what can't be read; nothing of a file without marks
    unless ``unmarked`` is true.

    ``helpers`` are files that it may import; what else they may add to its tests is not read.
    """
    reader = helpers.with_file(path, data)
    module = reader.modules.read(path)
    if module is None:
        return None
    if not unmarked and not reader.marks(path):
        return ()
    return _read_module_tests(reader, module, names, functions, classes)


def _read_module_tests(
    reader: MarkCodeReader,
    module: ParsedModule,
    names: Collection[str],
    functions: Sequence[str],
    classes: Sequence[str],
) -> tuple[SourceTest, ...] | None:
    tests = SourceTestReader(module, names, functions, classes, reader)
    try:
        found = list(tests.tests())
        places = tuple(tests.unread())
    except RecursionError:
        return None
    return (*found, SourceTest("", 1, unread=places)) if places else tuple(found)


def _find_places(reader: MarkCodeReader, module: ParsedModule) -> tuple[UnreadPlace, ...]:
    try:
        return tuple(reader.find_places(module))
    except RecursionError:
        return ()


def _is_conftest_applied(path: str, files: Iterable[str]) -> bool:
    """Return whether a file may act on the tests: a conftest does on those below its folder."""
    folder, _, name = path.rpartition("/")
    return name != "conftest.py" or any(not folder or f.startswith(f"{folder}/") for f in files)


def guess_source_tests(code: bytes, names: Collection[str]) -> tuple[SourceTest, ...]:
    """Return what a module for Python 2, say, seems to mark: as one test without a name."""
    called = re.findall(r"\bmark\.(\w+)\(([^()]*)\)", code.decode(errors="replace"))
    literal = re.compile(r"""[ub]?(["'])(.*?)\1|\b(\d+)\b""")
    found = tuple(
        SourceMark(name, tuple(text or number for _, text, number in literal.findall(args)), {}, 1)
        for name, args in called
        if name in names
    )
    return (SourceTest("", 1, found),) if found else ()


def _find_mark_name(node: ast.expr) -> str | None:
    """Return the name of a mark, ``pytest.mark.NAME`` or ``mark.NAME``, None for all else."""
    if not isinstance(node, ast.Attribute):
        return None
    owner = getattr(node.value, "attr", getattr(node.value, "id", None))
    return node.attr if owner == "mark" else None
