"""What a fix consists of, and which of its files are source, tests, or neither."""

from __future__ import annotations

from collections.abc import Collection
from fnmatch import fnmatch

import pytest

from pytest_postmortem.prove.fix_files import (
    FileChange,
    Fix,
    FixFileKind,
    FixStep,
    classify_fix_file,
    find_import_roots,
    format_module_name,
)
from pytest_postmortem.prove.fix_lines import find_changed_ranges

PRESENT = frozenset(
    (
        "setup.py backend/app/__init__.py src/werkzeug/__init__.py src/werkzeug/test.py "
        "src/werkzeug/debug/__init__.py src/werkzeug/debug/tbtools.py testing/helpers.py"
    ).split()
)


def collected(path: str) -> bool:
    """Say what pytest would collect by the names of files."""
    name = path.rpartition("/")[2]
    return fnmatch(name, "test_*.py") or fnmatch(name, "*_test.py")


def kind(
    path: str,
    tests: Collection[str] = ("tests/test_it.py",),
    source: Collection[str] = (),
    root: str = "",
) -> FixFileKind:
    """Return what a file is in a repository of a few files."""
    return classify_fix_file(path, tests, collected, PRESENT, source, root)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("src/werkzeug/test.py", "source"),
        ("src/werkzeug/wrappers.py", "source"),
        ("src/werkzeug/__init__.py", "source"),
        ("src/werkzeug/conftest_tools.py", "source"),
        ("src/werkzeug/no_conftest.py", "source"),
        ("src/werkzeug/docs/helper.py", "source"),
        ("src/werkzeug/scripts/run.py", "source"),
        ("single_module.py", "source"),
        ("new/package.py", "source"),
        ("tests/test_it.py", "test"),
        ("tests/test_other.py", "test"),
        ("tests/helper.py", "either"),
        ("tests/data/answer.json", "test"),
        ("tests/unit/conftest.py", "either"),
        ("conftest.py", "either"),
        ("src/werkzeug/conftest.py", "either"),
        ("src/werkzeug/test_inner.py", "test"),
        ("elsewhere/urls_test.py", "test"),
        ("README.md", "other"),
        ("CHANGES.rst", "other"),
        ("src/werkzeug/locale/messages.pot", "other"),
        ("pyproject.toml", "other"),
        ("setup.py", "other"),
        ("setup.cfg", "other"),
        ("noxfile.py", "other"),
        ("tox.ini", "other"),
        ("Makefile", "other"),
        ("docs/conf.py", "other"),
        ("docs/index.rst", "other"),
        ("doc/plot.py", "other"),
        ("changelog.d/12.md", "other"),
        ("newsfragments/12.bugfix", "other"),
        ("requirements/dev.txt", "other"),
        ("benchmarks/cost.py", "source"),
        ("examples/shop/app.py", "source"),
        ("scripts/release.py", "source"),
        (".github/workflows/ci.yml", "other"),
        (".ci/check.py", "other"),
        ("src/werkzeug/wrappers.pyi", "other"),
        ("src/werkzeug/py.typed", "other"),
        ("data/table.csv", "opaque"),
        ("settings.json", "opaque"),
        ("templates/page.html", "opaque"),
        ("schema.sql", "opaque"),
        ("app.ini", "opaque"),
        ("requirements-dev.txt", "other"),
        ("uv.lock", "other"),
        ("fix.bugfix", "other"),
        ("src/notes.txt", "opaque"),
        ("src/werkzeug/debug/templates/page.html", "opaque"),
        ("src/werkzeug/README.md", "other"),
        ("src/werkzeug/data.json", "opaque"),
        ("src/werkzeug/words.txt", "opaque"),
        ("src/werkzeug/_speed.c", "opaque"),
        ("src/werkzeug/_speed.pyx", "opaque"),
        ("rust/src/lib.rs", "opaque"),
        ("speed.c", "opaque"),
    ],
)
def test_what_a_file_is_by_where_it_lies(path: str, expected: FixFileKind) -> None:
    """Names alone are wrong both ways: ``werkzeug/test.py`` is source."""
    assert kind(path) == expected


@pytest.mark.parametrize(
    ("path", "test", "expected"),
    [
        ("src/pkg/tests/tools.py", "src/pkg/tests/test_it.py", "either"),
        ("src/pkg/tests/deep/tools.py", "src/pkg/tests/test_it.py", "either"),
        ("src/pkg/core.py", "src/pkg/tests/test_it.py", "source"),
        ("src/pkg/test/data.txt", "src/pkg/test/test_it.py", "test"),
        ("numpy/testing/utils.py", "numpy/testing/tests/test_utils.py", "source"),
        ("testing/helpers.py", "testing/test_it.py", "either"),
        ("testing/helpers.py", "src/pkg/test_it.py", "source"),
        ("tests/unit/tools.py", "tests/unit/deep/test_it.py", "either"),
        ("testsuite/tools.py", "testsuite/test_it.py", "source"),
        ("tools.py", "test_it.py", "source"),
        ("src/pkg/odd.py", "src/pkg/odd.py", "test"),
    ],
)
def test_what_lies_beside_a_linked_test_is_a_test(
    path: str, test: str, expected: FixFileKind
) -> None:
    """In the innermost folder of tests that holds it, or below."""
    assert kind(path, (test,)) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("backend/docs/conf.py", "other"),
        ("backend/setup.py", "other"),
        ("backend/README.md", "other"),
        ("backend/app/views.py", "source"),
        ("backend/app/page.html", "opaque"),
        ("backend/main.py", "source"),
        ("docs/conf.py", "other"),
        ("setup.py", "other"),
        ("frontend/app.js", "opaque"),
        ("common/tools.py", "source"),
    ],
)
def test_a_rootdir_below_the_top_has_a_top_of_its_own(path: str, expected: FixFileKind) -> None:
    """A repository of several projects has docs and packaging in each of them."""
    assert kind(path, ("backend/tests/test_it.py",), root="backend") == expected


@pytest.mark.parametrize(
    ("path", "pattern", "expected"),
    [
        ("docs/ext/plot.py", "docs/*.py", "source"),
        ("docs/ext/plot.py", "docs/ext/plot.py", "source"),
        ("docs/table.csv", "docs/*", "opaque"),
        ("tests/helper.py", "tests/helper.py", "source"),
        ("tests/test_it.py", "*", "source"),
        ("docs/release.py", "docs/ext/*", "other"),
    ],
)
def test_what_a_user_calls_source_is_source(path: str, pattern: str, expected: FixFileKind) -> None:
    """``--source`` has the last word."""
    assert kind(path, source=(pattern,)) == expected


def test_a_fix_of_several_steps_is_what_they_do_together() -> None:
    """Each file counts once, as the first step found it and as the last left it."""
    steps = (
        FixStep("one", (FileChange("a.py", b"1", b"2"), FileChange("new.py", None, b"1"))),
        FixStep("two", (FileChange("a.py", b"2", b"3"), FileChange("README", b"", b"x"))),
    )
    fix = Fix("one, two", steps, kinds={"a.py": "source", "new.py": "source", "README": "other"})

    assert fix.paths == ("a.py", "new.py", "README")
    assert fix.of_kind("source") == ("a.py", "new.py")
    assert fix.of_kind("opaque", "other") == ("README",)
    assert fix.ends("a.py") == (b"1", b"3")
    assert fix.ends("new.py") == (None, b"1")


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["src/werkzeug/test.py"], ("src",)),
        (["src/werkzeug/debug/tbtools.py", "src/werkzeug/test.py"], ("src",)),
        (["single_module.py"], ("",)),
        (["backend/app/views.py", "tools/no_package.py"], ("backend", "tools")),
        (["werkzeug/lost/x.py"], ("werkzeug/lost",)),
        ([], ()),
    ],
)
def test_packages_are_imported_from_the_folder_above_the_outermost(
    paths: list[str], expected: tuple[str, ...]
) -> None:
    """A package ends where no ``__init__.py`` lies."""
    assert find_import_roots(paths, PRESENT) == expected


@pytest.mark.parametrize(
    ("path", "root", "expected"),
    [
        ("src/werkzeug/debug/tbtools.py", "src", "werkzeug.debug.tbtools"),
        ("src/werkzeug/debug/__init__.py", "src", "werkzeug.debug"),
        ("single_module.py", "", "single_module"),
        ("pkg/x__init__.py", "", "pkg.x__init__"),
    ],
)
def test_a_module_is_named_by_its_place_below_the_root(path: str, root: str, expected: str) -> None:
    """A package is named by its folder."""
    assert format_module_name(path, root) == expected


Lines = list[tuple[int, int]]


@pytest.mark.parametrize(
    ("one", "other", "old", "new"),
    [
        ("a\nb\nc\n", "a\nb\nc\n", [], []),
        ("a\nb\nc\n", "a\nX\nc\n", [(2, 2)], [(2, 2)]),
        ("a\nb\n", "a\nX\nY\nb\n", [], [(2, 3)]),
        ("a\nX\nY\nb\n", "a\nb\n", [(2, 3)], []),
        ("", "a\nb\n", [], [(1, 2)]),
        ("a\nb\n", "", [(1, 2)], []),
        ("a\nb", "a\nb\n", [], []),
        ("1\na\n2\nb\n3\n", "1\nA\n2\nB\nB\n3\n", [(2, 2), (4, 4)], [(2, 2), (4, 5)]),
        ("a\n\x0c\nb = '\u2028'\nc\n", "a\n\x0c\nb = '\u2028'\nX\n", [(4, 4)], [(4, 4)]),
        ("pass\n" * 300 + "a\n", "pass\n" * 300 + "b\n", [(301, 301)], [(301, 301)]),
    ],
)
def test_lines_that_differ_are_counted_as_python_counts_them(
    one: str, other: str, old: Lines, new: Lines
) -> None:
    """From 1, the last line included; only a line feed ends a line."""
    assert find_changed_ranges(one, other) == (old, new)
