"""Marks read from code that is not run."""

from __future__ import annotations

import ast
import re
import warnings
from typing import Any

import pytest

from pytest_postmortem.evaluation.links import parse_marks
from pytest_postmortem.pysource.declared_tests import is_test_missing
from pytest_postmortem.pysource.project_modules import ModuleIndex
from pytest_postmortem.pysource.suite_reader import (
    SourceMark,
    find_called_marks,
    find_helpers,
    find_module_tests,
    parse_source_tests,
    read_suite_tests,
    read_test_file,
)
from pytest_postmortem.scan.mentions import find_mentioning_tests
from pytest_postmortem.scan.search_index import SearchIndex

CODE = """
import pytest
from pytest import mark

pytestmark = pytest.mark.postmortem("PM-1")

@mark.postmortem("PM-2", ID)
def test_a(): pass

@pytest.mark.parametrize("n", [pytest.param(1, marks=pytest.mark.issue(12))])
def test_b(n): pass

other.postmortem("PM-3")
postmortem("PM-4")
"""


def test_marks_are_found_wherever_they_are_called() -> None:
    """With their lines, and those of their arguments that are constants."""
    assert sorted(find_called_marks(CODE, {"postmortem", "issue"}), key=lambda mark: mark.line) == [
        SourceMark("postmortem", ("PM-1",), {}, 5),
        SourceMark("postmortem", ("PM-2",), {}, 7),
        SourceMark("issue", (12,), {}, 10),
    ]


@pytest.mark.parametrize(
    ("code", "ids"),
    [
        ('import allure\n@allure.issue("https://x.example/browse/X-1")\n', ["X-1"]),
        ('import allure\n@allure.issue("https://x.example/i/7", "X-1")\n', ["X-1"]),
        ('import allure\n@allure.issue("https://x.example/i/7", name="X-1")\n', ["X-1"]),
        ('import allure\n@allure.issue(name="X-1", url="https://x.example/i/7")\n', ["X-1"]),
        ('import allure\n@allure.link("https://x.example/i/7", "issue", "X-1")\n', ["X-1"]),
        ('import allure as report\n@report.testcase("X-1")\n', ["X-1"]),
        ('from allure import issue as bug\n@bug("X-1")\n', ["X-1"]),
        ('import allure\nbug = allure.issue("X-1")\n@bug\n', ["X-1"]),
        ('import allure\n@allure.title("X-1")\n', []),
        ('from other import issue\n@issue("X-1")\n', []),
        (
            "from pytest_testrail.plugin import pytestrail\n@pytestrail.case('C1', 'C2')\n",
            ["C1", "C2"],
        ),
        ("from pytest_testrail.plugin import pytestrail\n@pytestrail.defect('X-1')\n", []),
        ('import pytest\n@pytest.mark.testrail(ids=("C1", "C2"))\n', ["C1", "C2"]),
        ('import pytest\n@pytest.mark.allure_link("https://x.example/7", name="X-1")\n', ["X-1"]),
    ],
)
def test_the_decorators_of_other_plugins_are_read_as_the_marks_that_they_set(
    code: str, ids: list[str]
) -> None:
    """``list`` and ``diff`` say what a run says, where ``postmortem_markers`` names these marks."""
    names = {"allure_link", "testrail"}
    data = (code + "def test_a(): pass\n").encode()

    tests = read_suite_tests(ModuleIndex({"test_a.py": data}), names, {"test_a.py"})

    marks = [mark for test in tests.get("test_a.py") or () for mark in test.marks]
    assert list(parse_marks(marks).ids) == ids
    assert not any(test.unread for test in tests.get("test_a.py") or ())


def test_a_computed_id_of_such_a_decorator_is_left_to_a_run() -> None:
    """It may be that of any incident."""
    code = b"import allure\nfrom ids import ID\n@allure.issue(URL, name=ID)\ndef test_a(): pass\n"

    tests = read_suite_tests(ModuleIndex({"test_a.py": code}), {"allure_link"}, {"test_a.py"})

    assert [test.unread[0].line for test in tests["test_a.py"] or () if test.unread] == [3]


@pytest.mark.parametrize("code", ["def", "\0", "", "(" * 100_000])
def test_what_is_no_code_has_no_marks(code: str) -> None:
    """It is pytest's to complain of it."""
    assert list(find_called_marks(code, {"postmortem"})) == []


@pytest.mark.parametrize(
    ("written", "args", "whole"),
    [
        ('mark("PM-1", 2)', ("PM-1", 2), True),
        ("mark", (), True),
        ("mark()", (), True),
        ('mark(["PM-1"], -1, b"x")', (["PM-1"], -1, b"x"), True),
        ('mark("PM-1", find("PM-2"))', ("PM-1",), False),
        ('mark(f"PM-{n}")', (), False),
        ("mark(*IDS)", ("PM-7", "PM-8"), True),
        ("mark(*others)", (), False),
        ('mark("PM-1", **more)', ("PM-1",), False),
    ],
)
def test_a_mark_tells_whether_all_of_it_can_be_read(
    written: str, args: tuple[Any, ...], whole: bool
) -> None:
    """Of what is computed nobody can say that it is missing."""
    code = f"import pytest\nmark = pytest.mark.postmortem\nIDS = ['PM-7', 'PM-8']\n@{written}\n"

    tests = parse_source_tests(code + "def test_a(): pass\n", {"postmortem"})

    assert tests is not None
    assert [(mark.args, mark.whole) for test in tests for mark in test.marks] == [(args, whole)]


MODULE = """
import unittest
from elsewhere import test_imported
from elsewhere import Base

def test_a(): pass
if X:
    def test_maybe(): pass
test_made = make()

class TestA(Mixed):
    def test_b(self): pass
    class TestInner:
        def test_c(self): pass

class Mixed(object):
    test_made = make()
    def test_mixed(self): pass

class TestElsewhere(Base):
    def test_b(self): pass

class TestLoop(TestLoop): pass
class TestMeta(metaclass=Meta): pass

@expand
def test_each(n): pass
"""


@pytest.mark.parametrize(
    "name",
    [
        *("test_a", "test_a[1]", "test_maybe", "test_made", "test_imported", "TestA"),
        *("TestA::test_b", "TestA::TestInner::test_c", "TestA::test_mixed", "TestA::test_made"),
        *("TestElsewhere::test_any", "TestMeta::test_any", "test_each_1_two"),
    ],
)
def test_what_may_be_in_a_module_is_not_missed(name: str) -> None:
    """It may be imported, made, inherited or generated."""
    assert not is_test_missing(ast.parse(MODULE), name)


@pytest.mark.parametrize(
    "name",
    [
        *("test_b", "test_a_b", "TestB", "TestB::test_b", "TestA::test_a", "test_a::test_b"),
        *("TestA::TestInner::test_b", "TestLoop::test_a", "TestA::test_mixed::test_b"),
    ],
)
def test_what_is_certainly_not_in_a_module(name: str) -> None:
    """It was renamed, moved or deleted."""
    assert is_test_missing(ast.parse(MODULE), name)


@pytest.mark.parametrize(
    "code", ["from elsewhere import *", "globals()['test_x'] = f", "def __getattr__(name): pass"]
)
def test_a_module_may_define_anything(code: str) -> None:
    """Then nothing is missed."""
    assert not is_test_missing(ast.parse(code), "test_x")


@pytest.mark.parametrize(
    "code",
    [
        *("test_x = f", "a = test_x = f", "test_x: Test = f", "test_x += f", "a, *test_x = f"),
        *("(a, [b, test_x]) = f", "for a, test_x in f: pass", "with f as test_x: pass"),
        "try: import a as test_x\nexcept ImportError: pass",
        *("if a: from b import c as test_x", "import test_x.test_y"),
    ],
)
def test_a_name_that_any_statement_binds_is_not_missed(code: str) -> None:
    """It may be a test, whatever it is bound to."""
    assert not is_test_missing(ast.parse(code), "test_x")
    assert is_test_missing(ast.parse(code), "test_z")


FAMILY = """
from elsewhere import Base, other

class Own:
    def test_own(self): pass

class Inner(Own):
    def test_inner(self): pass

class Loop(Loop):
    def test_loop(self): pass

if other:
    class Either: pass
else:
    Either = other.Either

class TestOwn(Own):
    def test_a(self): pass
class TestInner(Inner, Base): pass
class TestGeneric(Own[int]): pass
class TestModule(other.deep.Base, Own):
    def test_b(self): pass
class TestMade(make()):
    def test_c(self): pass
class TestEither(Either):
    def test_d(self): pass
class TestLoop(Loop):
    class TestDeep(Own): pass
def test_e(): pass
"""


def test_the_tests_of_some_lines_are_those_of_the_whole_file() -> None:
    """What a test is called does not depend on how much of its file is asked for."""
    rules = ({"postmortem"}, ("test",), ("Test",))
    tree = ast.parse(FAMILY)
    whole = find_module_tests(tree, *rules)
    names = {test.name for test in whole}

    assert {"TestInner::test_own", "TestGeneric::test_own", "TestLoop::TestDeep::test_own"} < names
    for line in {test.line for test in whole}:
        some = find_module_tests(tree, *rules, FAMILY.encode(), {line})
        assert [test for test in some if test.line == line] == [
            test for test in whole if test.line == line
        ]


DEEP = {
    "a sum": f"@a({'+'.join(['1'] * 2000)})\ndef test_1234(): 0\n",
    "branches": "if a: 0\n" + "elif a: 0\n" * 2000 + "def test_1234(): 0\n",
    "names": f"@a{'.b' * 2000}\ndef test_1234(): 0\n",
}


@pytest.mark.parametrize("code", DEEP.values(), ids=DEEP)
def test_what_is_nested_too_deep_ends_nothing(code: str) -> None:
    """Python reads it; here it is read as well, or as little as what is no Python."""
    known = SearchIndex(patterns=(re.compile("1234"),))

    assert not [test.marks for test in parse_source_tests(code, {"postmortem"}) or () if test.marks]
    found = find_mentioning_tests(code.encode(), known, {"postmortem"})
    assert not found or [test.mentions[0].id for test in found] == ["1234"]
    assert not is_test_missing(ast.parse(code), "test_1234")

    deep = "import pytest\n" + code.replace("@a", "@pytest.mark.postmortem")
    files = {"test_a.py": deep.encode(), "conftest.py": deep.encode()}
    tests = read_suite_tests(ModuleIndex(files), {"postmortem"}, {"test_a.py"}, {"test_a.py"})
    assert not [test.marks for test in tests["test_a.py"] or () if test.marks and test.muted]


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        ("print(CASES)", False),
        ("CASES.index(1)", False),
        ("CASES.append(1)", True),
        ("CASES [0] = 1", True),
        ("(CASES).append(1)", True),
        ("del CASES[0]", True),
        ("CASES \\\n.append(1)", True),
        ("(CASES  # all\n).append(1)", True),
        ("CASES.inner[0].append(1)", True),
        ("MORE_CASES.append(1)", False),
    ],
)
def test_a_changed_name_is_found_by_its_text_first(use: str, expected: bool) -> None:
    """The value of a list that code changes is unknown, however the change is written."""
    code = f"CASES = MORE_CASES = []\ndef setup():\n    {use}\n".encode()
    module = ModuleIndex({"a.py": code}).read("a.py")

    assert module is not None
    assert module.is_changed("CASES") is expected


def test_a_condition_that_python_warns_of_is_read_without_a_warning() -> None:
    """The warning is about the user's code, and pytest shows it in a run."""
    code = (
        "import pytest\n@pytest.mark.postmortem('PM-1')\n@pytest.mark.skipif('1or 2')\n"
        "def test_a(): pass\n"
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tests = parse_source_tests(code, {"postmortem"})

    assert [test.name for test in tests or ()] == ["test_a"]
    assert caught == []


@pytest.mark.parametrize(
    ("code", "used"),
    [
        ("import shop.cart", ["shop/cart.py"]),
        ("from . import cart", ["shop/__init__.py", "shop/cart.py"]),
        ("from shop import cart, gone", ["shop/__init__.py", "shop/cart.py"]),
        ("def f():\n  import cart", ["shop/cart.py"]),
        ("import_module('shop.cart')", ["shop/cart.py"]),
        ("pytest.importorskip('shop')", ["shop/__init__.py"]),
        ("__import__('')", []),
        ("import_module(name)\nimport_module(7)", []),
        ("import os", []),
        ("def", []),
    ],
)
def test_a_file_uses_what_it_may_import(code: str, used: list[str]) -> None:
    """However it imports it, and wherever in its code."""
    files = dict.fromkeys(("shop/__init__.py", "shop/cart.py"), b"")

    modules = ModuleIndex({**files, "shop/test_a.py": code.encode()})

    assert sorted(modules.find_used("shop/test_a.py")) == sorted([*used, "shop/test_a.py"])


@pytest.mark.parametrize(
    ("code", "unmarked", "names"),
    [
        ("def", True, None),
        ("def test_a(): pass\n", False, []),
        ("def test_a(): pass\n", True, ["test_a"]),
        ("from marks import pm\n@pm\ndef test_a(): pass\n", False, ["test_a"]),
    ],
)
def test_a_file_is_read_alone_with_the_helpers_that_it_imports(
    code: str, unmarked: bool, names: list[str] | None
) -> None:
    """One without marks has no tests, unless they are asked for."""
    marks = b"import pytest\npm = pytest.mark.postmortem('PM-1')\n"
    helpers = find_helpers({"marks.py": marks}, {"postmortem"})

    tests = read_test_file(helpers, {"postmortem"}, "test_a.py", code.encode(), unmarked=unmarked)

    assert (tests if tests is None else [test.name for test in tests]) == names
