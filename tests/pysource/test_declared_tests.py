"""Node ids under ``tests:`` of a registry, judged from code, beside what pytest collects."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

import pytest

from pytest_postmortem.cli.main import main
from pytest_postmortem.pysource.declared_tests import (
    DeclaredTests,
    DoctestSettings,
    find_unwritten_tests,
)
from pytest_postmortem.pysource.project_modules import ModuleIndex
from pytest_postmortem.pysource.suite_reader import SourceTest, read_suite_tests

HEAD = "import pytest\nfrom pytest import mark, param\n"

X = "def test_x(n): pass\n"


class Code(NamedTuple):
    """A test file, and whether it has some tests: None if only a run shows it."""

    code: str
    answers: Mapping[str, bool | None]


PARAMETRIZED: Mapping[str, Code] = {
    # read
    "numbers": Code(
        f"@mark.parametrize('n', [1, -2, 1.5])\n{X}",
        {"test_x[1]": True, "test_x[-2]": True, "test_x[1.5]": True, "test_x[3]": False},
    ),
    "texts": Code(
        f"@mark.parametrize('n', ['a b', 'x-y', 'é', '', 'a::b'])\n{X}",
        {"test_x[a b]": True, "test_x[x-y]": True, "test_x[\\xe9]": True, "test_x[]": True}
        | {"test_x[a::b]": True, "test_x[b]": False},
    ),
    "constants": Code(
        f"@mark.parametrize('n', (True, None))\n{X}",
        {"test_x[True]": True, "test_x[None]": True, "test_x[1]": False},
    ),
    "lists and dictionaries": Code(
        f"@mark.parametrize('n', [[1], {{}}, (1, 2)])\n{X}",
        {"test_x[n0]": True, "test_x[n1]": True, "test_x[n2]": True, "test_x[n3]": False},
    ),
    "two names in a text": Code(
        "@mark.parametrize('a, b', [(1, 'x'), [2, 'y']])\ndef test_x(a, b): pass\n",
        {"test_x[1-x]": True, "test_x[2-y]": True, "test_x[1-y]": False},
    ),
    "two names in a list": Code(
        "@mark.parametrize(['a', 'b'], [(1, {}), param(2, 'y')])\ndef test_x(a, *, b): pass\n",
        {"test_x[1-b0]": True, "test_x[2-y]": True, "test_x[2-x]": False},
    ),
    "keywords": Code(
        f"@mark.parametrize(argnames='n', argvalues=[1], indirect=False)\n{X}",
        {"test_x[1]": True, "test_x[2]": False},
    ),
    "names of values": Code(
        f"ONE = 'one'\nALL = [ONE, 'two']\neach = mark.parametrize('n', ALL)\n@each\n{X}",
        {"test_x[one]": True, "test_x[two]": True, "test_x[three]": False},
    ),
    "ids of sets": Code(
        f"@mark.parametrize('n', [param(1, id='one'), param(2, marks=mark.slow)])\n{X}",
        {"test_x[one]": True, "test_x[2]": True, "test_x[1]": False},
    ),
    "two decorators": Code(
        "@mark.parametrize('a', [1, 2])\n@mark.slow\n@mark.parametrize('b', ['x'])\n"
        "def test_x(a, b): pass\n",
        {"test_x[x-1]": True, "test_x[x-2]": True, "test_x[1-x]": False},
    ),
    "a class": Code(
        "@mark.parametrize('a', [1])\nclass TestX:\n  @mark.parametrize('b', ['x'])\n"
        "  def test_x(self, a, b): pass\n",
        {"TestX::test_x[x-1]": True, "TestX::test_x[1-x]": False},
    ),
    "a class in a class": Code(
        "class TestX:\n  class TestY:\n    @mark.parametrize('n', [1])\n"
        "    def test_x(self, n): pass\n",
        {"TestX::TestY::test_x[1]": True, "TestX::TestY::test_x[2]": False},
    ),
    # missing
    "a test that is not there": Code(X, {"test_y[1]": False, "TestX::test_x[1]": False}),
    # for a run
    "ids as an argument": Code(
        f"@mark.parametrize('n', [1], ids=['one'])\n{X}", {"test_x[one]": None, "test_x[1]": None}
    ),
    "no values": Code(
        f"@mark.parametrize('n', [])\n{X}", {"test_x[NOTSET]": None, "test_x[1]": None}
    ),
    "equal ids": Code(f"@mark.parametrize('n', [1, 1])\n{X}", {"test_x[1]": None}),
    "computed values": Code(f"@mark.parametrize('n', range(2))\n{X}", {"test_x[1]": None}),
    "a computed value": Code(f"@mark.parametrize('n', [1, len('ab')])\n{X}", {"test_x[2]": None}),
    "a computed id": Code(
        f"@mark.parametrize('n', [param(1, id=str(7))])\n{X}", {"test_x[7]": None}
    ),
    "no id": Code(f"@mark.parametrize('n', [param(1, id=None)])\n{X}", {"test_x[1]": None}),
    "a class as a value": Code(f"@mark.parametrize('n', [int])\n{X}", {"test_x[int]": None}),
    "bytes": Code(f"@mark.parametrize('n', [b'x'])\n{X}", {"test_x[x]": None}),
    "computed names": Code(f"@mark.parametrize(str('n'), [1])\n{X}", {"test_x[1]": None}),
    "unpacked keywords": Code(
        f"KW = dict(ids=['one'])\n@mark.parametrize('n', [1], **KW)\n{X}", {"test_x[1]": None}
    ),
    "a text as a set": Code(
        "@mark.parametrize('a, b', ['xy'])\ndef test_x(a, b): pass\n", {"test_x[x-y]": None}
    ),
    "another decorator": Code(
        f"def own(f): return mark.parametrize('n', [1])(f)\n@own\n{X}", {"test_x[1]": None}
    ),
    "a fixture": Code(
        "@pytest.fixture(params=['a'])\ndef db(request): pass\n"
        "@mark.parametrize('n', [1])\ndef test_x(db, n): pass\n",
        {"test_x[a-1]": None},
    ),
    "a fixture that is not an argument": Code(
        "@pytest.fixture(params=['a'])\ndef db(request): pass\n"
        f"@mark.usefixtures('db')\n@mark.parametrize('n', [1])\n{X}",
        {"test_x[a-1]": None, "test_x[1-a]": None},
    ),
    "no parameters": Code("def test_x(): pass\n", {"test_x": True, "test_x[1]": None}),
    "either of two tests": Code(
        f"import sys\nif sys.argv:\n  @mark.parametrize('n', [1])\n  {X}else:\n  {X}",
        {"test_x[1]": None, "test_x[2]": None},
    ),
    "an inherited test": Code(
        "class Base:\n  @mark.parametrize('n', [1])\n  def test_x(self, n): pass\n"
        "class TestX(Base): pass\n",
        {"TestX::test_x[1]": None, "TestX::test_y[1]": False},
    ),
    "parameters of a class": Code("class TestX:\n  def test_x(self): pass\n", {"TestX[1]": None}),
    "names made by code": Code(
        "globals()['test_y'] = lambda: None\ndef test_x(): pass\n",
        {"test_y": None, "test_x::test_z[1]": None},
    ),
}
"""Test files whose functions have parameters."""

DOC = '"""Say.\n\n    >>> 1\n    1\n    """'

MODULE = f'''\
"""Text.

>>> 1
1
"""
from os.path import join

def stated(): {DOC}

def silent(): "Nothing to try."

def outer():
    def inner(): {DOC}

class Shop:
    {DOC}
    def stated(self): {DOC}
    def silent(self): pass
    alias = stated
    class Inner: {DOC}
'''


def declare(files: Mapping[str, str], *globs: str, modules: bool = False) -> DeclaredTests:
    """Return what finds tests in some files, of which the Python files were read."""
    contents = {path: text.encode() for path, text in files.items()}
    python = {path: data for path, data in contents.items() if path.endswith(".py")}
    index = ModuleIndex(python)
    suite = {path for path in python if path.rpartition("/")[2].startswith("test_")}
    reading = read_suite_tests(index, {"postmortem"}, suite, suite)
    return DeclaredTests(reading, index, contents, DoctestSettings(modules, globs))


@pytest.mark.parametrize("given", PARAMETRIZED.values(), ids=PARAMETRIZED)
def test_a_set_of_parameters_exists_or_is_missing_or_is_left_to_a_run(given: Code) -> None:
    """Literal parameters are read as pytest names them; of anything else nothing is claimed."""
    declared = declare({"test_a.py": HEAD + given.code})

    assert {name: declared.find(f"test_a.py::{name}") for name in given.answers} == given.answers


@pytest.mark.parametrize(
    "code",
    [
        "@pytest.fixture(autouse=True, params='ab')\ndef each(request): pass\n",
        "def pytest_generate_tests(metafunc): metafunc.parametrize('m', [1])\n",
        "def pytest_make_parametrize_id(val): return 'x'\n",
    ],
)
def test_what_another_file_may_add_is_not_missed(code: str) -> None:
    """A fixture that every test uses, or a hook, gives a test further parameters."""
    files = {"test_a.py": f"{HEAD}@mark.parametrize('n', [1])\n{X}"}
    assert declare(files).find("test_a.py::test_x[2]") is False
    assert declare({**files, "conftest.py": HEAD + code}).find("test_a.py::test_x[2]") is None


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        *((name, True) for name in ("shop", "src.shop", "shop.stated", "src.shop.Shop")),
        *((name, True) for name in ("shop.Shop.stated", "shop.Shop.Inner")),
        *((name, False) for name in ("shop.silent", "shop.Shop.silent", "shop.gone")),
        *((name, False) for name in ("shop.Shop.gone", "shop.Shop.Inner.gone", "shop.gone.x")),
        *((name, False) for name in ("shop.outer.inner", "shop.stated.x")),
        *((name, None) for name in ("shop.join", "shop.Shop.alias", "other.stated", "shopping.x")),
    ],
)
def test_a_doctest_of_a_module_is_found_by_its_dotted_name(name: str, answer: bool | None) -> None:
    """From any folder that may be on ``sys.path``, as only a run shows which one is."""
    nodeid = f"src/shop.py::{name}"
    tests = declare({"src/shop.py": MODULE}, modules=True)
    unasked = declare({"src/shop.py": MODULE})
    generated = declare({"src/shop.py": f"{MODULE}\n__test__ = {{}}\n"})

    assert tests.find(nodeid) is answer
    assert unasked.find(nodeid) is (None if answer else answer)
    assert generated.find(nodeid) is None


def test_the_doctest_of_a_package_has_the_name_of_its_folder() -> None:
    """``__init__`` is left out of it."""
    declared = declare({"src/shop/__init__.py": MODULE}, modules=True)

    assert declared.find("src/shop/__init__.py::shop.stated") is True
    assert declared.find("src/shop/__init__.py::shop.silent") is False


@pytest.mark.parametrize(
    ("nodeid", "answer"),
    [
        ("docs/test_use.txt::test_use.txt", True),
        ("docs/guide.rst::guide.rst", True),
        ("docs/guide.rst::guide", None),
        ("docs/guide.rst", None),
        ("docs/guide.md::guide.md", None),
        ("docs/plain.rst::plain.rst", None),
        ("docs/gone.rst::gone.rst", False),
        ("test_gone.py", False),
        ("test_a.py", True),
        ("test_empty.py", None),
        ("test_a.py::TestA", True),
        ("test_a.py::Test", False),
        ("test_broken.py::test_a", None),
    ],
)
def test_a_file_or_the_doctest_of_a_text_is_found(nodeid: str, answer: bool | None) -> None:
    """A text has one doctest, if a glob of pytest fits it and it has a prompt."""
    files = {
        **dict.fromkeys(("docs/test_use.txt", "docs/guide.rst", "docs/guide.md"), ">>> 1\n1\n"),
        "docs/plain.rst": "Nothing to try.\n",
        "test_a.py": "class TestA:\n  def test_a(self): pass\n",
        "test_empty.py": "",
        "test_broken.py": "def",
    }

    assert declare(files, "test*.txt", "docs/*.rst").find(nodeid) is answer


def test_what_is_definite_is_what_pytest_collects(pytester: pytest.Pytester) -> None:
    """Each test that exists by the code is collected, and none that is missing."""
    files = {f"test_{n}.py": HEAD + each.code for n, each in enumerate(PARAMETRIZED.values())}
    answers = {
        f"test_{n}.py::{name}": answer
        for n, each in enumerate(PARAMETRIZED.values())
        for name, answer in each.answers.items()
    }
    names = [
        *("shop", "shop.stated", "shop.silent", "shop.outer.inner", "shop.Shop"),
        *("shop.Shop.stated", "shop.Shop.silent", "shop.Shop.Inner", "shop.gone"),
    ]
    files.update({"shop.py": MODULE, "guide.rst": ">>> 1\n1\n"})
    declared = declare(files, "*.rst", modules=True)
    for nodeid in (*(f"shop.py::{name}" for name in names), "guide.rst::guide.rst"):
        answers[nodeid] = declared.find(nodeid)
    for path, text in files.items():
        (pytester.path / path).write_text(text, encoding="utf-8")

    items, _ = pytester.inline_genitems("--doctest-modules", "--doctest-glob=*.rst")

    collected = {item.nodeid for item in items}
    definite = {nodeid: answer for nodeid, answer in answers.items() if answer is not None}
    assert {nodeid: nodeid in collected for nodeid in definite} == definite


DECLARED: Mapping[str, tuple[str, str]] = {
    "PM-1": ("tests/test_a.py::test_x[1]", "linked"),
    "PM-2": ("tests/test_a.py::test_x[2]", "not-linked"),
    "PM-3": ("tests/test_a.py::test_y[1]", "not-judged"),
    "PM-4": ("src/shop.py::shop.stated", "linked"),
    "PM-5": ("src/shop.py::shop.silent", "not-linked"),
    "PM-6": ("docs/guide.rst::guide.rst", "linked"),
    "PM-7": ("docs/guide.md::guide.md", "not-judged"),
    "PM-8": ("docs/gone.rst::gone.rst", "not-linked"),
}
"""Incidents, each with its test and the state that the code says."""


def test_list_and_check_judge_what_a_registry_names(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is there is linked, what is missing is an error, and the rest is left to a run."""
    files = {
        "pytest.ini": "[pytest]\npostmortem_registry = pm.yml\ntestpaths = tests docs src\n"
        "addopts = --doctest-modules --doctest-glob=*.rst\n",
        "pm.yml": "".join(
            f"- {{id: {id}, title: Title, tests: ['{nodeid}']}}\n"
            for id, (nodeid, _) in DECLARED.items()
        ),
        "tests/test_a.py": f"{HEAD}@mark.parametrize('n', [1])\n{X}def test_y(n): pass\n",
        "src/shop.py": MODULE,
        **dict.fromkeys(("docs/guide.rst", "docs/guide.md"), ">>> 1\n1\n"),
    }
    for path, text in files.items():
        (pytester.path / path).parent.mkdir(exist_ok=True)
        (pytester.path / path).write_text(text, encoding="utf-8")

    assert main(["list", "--report=json:code.json"]) == 0
    listed = json.loads((pytester.path / "code.json").read_text(encoding="utf-8"))
    assert {each["id"]: each["state"] for each in listed["incidents"]} == {
        id: state for id, (_, state) in DECLARED.items()
    }
    capsys.readouterr()
    assert main(["check"]) == 1
    said = capsys.readouterr()
    errors = [line for line in (said.out + said.err).splitlines() if "[unknown-test]" in line]
    assert [
        nodeid for nodeid, _ in DECLARED.values() if any(nodeid in line for line in errors)
    ] == [nodeid for nodeid, state in DECLARED.values() if state == "not-linked"]


def test_of_a_test_file_that_cannot_be_read_nothing_is_missing() -> None:
    """Nobody saw what it has."""
    declared = DeclaredTests({"test_a.py": None}, ModuleIndex({}), {}, DoctestSettings())

    assert declared.find("test_a.py::test_x") is None
    assert declared.find("test_b.py::test_x") is False


def test_tests_that_may_exist_are_added_to_those_of_the_suite() -> None:
    """A set of parameters is muted as its test is; what is missing or not read adds nothing."""
    code = f"{HEAD}@mark.skip\n@mark.parametrize('n', [1])\n{X}def test_y(n): pass\n"
    declared = declare({"test_a.py": code, "test_broken.py": "def"})
    names = ("test_a.py::test_x[1]", "test_a.py::test_x[2]", "test_a.py::test_y[1]")

    added = declared.add_to([*names, "test_a.py::test_y", "test_broken.py::test_a", "gone.py::x"])

    assert added["test_broken.py"] is None
    assert "gone.py" not in added
    assert [test for test in added["test_a.py"] or () if "[" in test.name] == [
        SourceTest("test_x[1]", 1, (), "skipped"),
        SourceTest("test_y[1]", 1, sure=False),
    ]


@pytest.mark.parametrize(
    ("body", "unwritten"),
    [
        ("pytest.fail('write it')", True),
        ("'''What broke.'''\n    import shop\n    from shop import cart\n    pytest.fail()", True),
        ("pass\n    pytest.fail()", True),
        ("self.fail('write it')", True),
        ("pass", False),
        ("assert shop()\n    pytest.fail()", False),
        ("pytest.skip('later')", False),
        ("fail('write it')", False),
        ("pytest.fail", False),
        ("raise ValueError", False),
    ],
)
def test_a_test_whose_only_step_is_to_fail_is_not_written(body: str, unwritten: bool) -> None:
    """With or without parameters, in a module or in a class."""
    function = f"def test_a():\n    {body}\n"
    method = f"class TestA:\n{function}".replace("\n", "\n  ").rstrip() + "\n"
    names = ["a.py::test_a", "a.py::test_a[1]"] if unwritten else []

    given = ["a.py", "a.py::test_a", "a.py::test_a[1]", "a.py::test_b", "a.py::test_a::test_b"]
    assert list(find_unwritten_tests(function.encode(), given)) == names
    inner = find_unwritten_tests(method.encode(), ["a.py::TestA", "a.py::TestA::test_a"])
    assert list(inner) == (["a.py::TestA::test_a"] if unwritten else [])
    assert list(find_unwritten_tests(f"{function})".encode(), given)) == []
