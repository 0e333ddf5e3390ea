"""Marks of tests as the code has them, and which files are tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_postmortem.pysource.marker_index import (
    LinkedIncident,
    SuiteLayout,
    find_linked_incidents,
)
from pytest_postmortem.pysource.suite_reader import (
    SourceTest,
    guess_source_tests,
    parse_source_tests,
)

HEAD = """
import pytest as pt, unittest
from pytest import mark as m, param
from unittest import skip as leave
ID, IDS = "no", "no"
ID = "C-1"
IDS = ["S-1", "S-2"]
pm = pt.mark.postmortem
both = [pm("B-1"), m.skip(reason="no  more")]
"""


def read(code: str) -> list[tuple[str, list[object], str | None]]:
    """Return the tests of a module: name, the arguments of its marks, why it is muted."""
    tests = parse_source_tests(HEAD + code, {"postmortem"})
    assert tests is not None
    return [
        (test.name, [id for mark in test.marks for id in mark.args], test.muted) for test in tests
    ]


@pytest.mark.parametrize(
    "code",
    [
        "tools = pt.importorskip('x')\ntools = tools.testing\n@tools.slow\n",
        "a = b.x\nb = a.y\n@a.z\n@b\n",
        "a = b\nb = a\n@a\n",
        "mark = pt.mark\nmark = mark.postmortem\n@mark.other\n",
    ],
)
def test_a_name_may_be_made_of_itself(code: str) -> None:
    """It stands for its value once; the mark beside it is read all the same."""
    assert read(f"{code}@pm('PM-2')\ndef test_a(): 0") == [("test_a", ["PM-2"], None)]


def test_a_mark_may_be_made_of_its_own_name() -> None:
    """``mark.postmortem`` is known for one, whatever it was before."""
    code = "mark = pt.mark\nmark = mark.postmortem\n@mark('PM-2')\ndef test_a(): 0"

    assert read(code) == [("test_a", ["PM-2"], None)]


@pytest.mark.parametrize(
    ("code", "tests"),
    [
        ("def test_a(): pass", [("test_a", [], None)]),
        ("async def test_a(): pass", [("test_a", [], None)]),
        ("def helper(): pass", []),
        ("@pt.fixture\ndef test_client(): 0", []),
        ("@pt.fixture(scope='module')\ndef test_client(): 0", []),
        ("import pytest_asyncio as pa\n@pa.fixture()\nasync def test_client(): 0", []),
        ("wide = pt.fixture(scope='session')\n@wide\ndef test_client(): 0", []),
        ("import typing as t\n@t.overload\ndef test_kind(x: int): 0", []),
        (
            "class TestA:\n  @property\n  def test_client(self): 0\n"
            "  @test_client.setter\n  def test_client(self, x): 0\n  def test_a(self): 0",
            [("TestA::test_a", [], None)],
        ),
        ("@m.fixture\n@m.usefixtures('x')\ndef test_a(): 0", [("test_a", [], None)]),
        ("@pm(ID, *IDS)\n@m.postmortem(12)\ndef test_a(): 0", [("test_a", "C-1 S-1 S-2 12", None)]),
        ("@pt.mark.postmortem.with_args('W-1')\ndef test_a(): pass", [("test_a", "W-1", None)]),
        ("one = pm('O-1')\n@one\ndef test_a(): pass", [("test_a", "O-1", None)]),
        ("@m.postmortem(unknown(), 'K-1')\ndef test_a(): pass", [("test_a", "K-1", None)]),
        ("pytestmark = both\ndef test_a(): pass", [("test_a", "B-1", "skipped: no more")]),
        (
            "pytestmark = [pm('M-1')]\npytestmark += [pm('M-2')]\n@pm('A')\ndef test_a(): 0",
            [("test_a", "A M-1 M-2", None)],
        ),
        ("@m.skip\ndef test_a(): pass", [("test_a", [], "skipped")]),
        ("@m.skip('why')\ndef test_a(): pass", [("test_a", [], "skipped: why")]),
        ("@m.skipif(X, reason='x')\n@m.xfail(Y)\ndef test_a(): 0", [("test_a", [], None)]),
        ("@m.skipif(True, reason='x')\ndef test_a(): 0", [("test_a", [], "skipped: x")]),
        ("@m.xfail(condition=Y, reason='')\ndef test_a(): 0", [("test_a", [], None)]),
        ("@m.xfail(reason='x', strict=True)\ndef test_a(): 0", [("test_a", [], "xfailed: x")]),
        ("@leave('u')\ndef test_a(): pass", [("test_a", [], "skipped: u")]),
        ("@unittest.expectedFailure\ndef test_a(): pass", [("test_a", [], "xfailed")]),
        ("def test_a():\n  x = 1\n  pt.skip('in it')", [("test_a", [], "skipped: in it")]),
        ("def test_a():\n  if x:\n    pt.skip('maybe')", [("test_a", [], None)]),
        ("raise unittest.SkipTest('all')\ndef test_a(): 0", [("test_a", [], "skipped: all")]),
        ("if x:\n  pt.skip('x', allow_module_level=True)\ndef test_a(): 0", [("test_a", [], None)]),
        (
            "def test_a(request):\n  request.node.add_marker(pm('R-1'))",
            [("test_a", [], None)],
        ),
        (
            "CASES = [param(1, marks=pm('P-1')), param(2, marks=[pm('P-2'), m.xfail])]\n"
            "@m.parametrize('n', CASES + [3])\ndef test_a(n): pass",
            [("test_a", [], None), ("test_a", "P-1", None), ("test_a", "P-2", "xfailed")],
        ),
        (
            "@m.parametrize(argnames='n', argvalues=[param(1, marks=m.skip)])\ndef test_a(n): 0",
            [("test_a", [], "skipped")],
        ),
        (
            "class Base:\n  pytestmark = pm('K-0')\n  def test_in(self): 0\n"
            "@pm('K-1')\nclass TestA(Base):\n  def test_x(self): 0\n"
            "  class TestB:\n    @pm('K-2')\n    def test_y(self): 0",
            [
                ("TestA::test_in", "K-1 K-0", None),
                ("TestA::test_x", "K-1 K-0", None),
                ("TestA::TestB::test_y", "K-2 K-1 K-0", None),
            ],
        ),
        (
            "class Cases(unittest.TestCase):\n  def testIt(self):\n    self.skipTest('t')",
            [("Cases::testIt", [], "skipped: t")],
        ),
        ("@pm('E-1')\nclass TestA(other.Base): pass", [("TestA", "E-1", None)]),
        ("class TestA:\n  def __init__(self): 0\n  def test_a(self): 0", []),
        (
            "class Base:\n  def __new__(cls): 0\nclass TestA(Base):\n  def test_a(self): 0\n"
            "class Case(unittest.TestCase):\n  def __init__(self): 0\n  def test_b(self): 0",
            [("Case::test_b", [], None)],
        ),
        (
            "NO = ()\n@m.parametrize('n', NO)\ndef test_a(n): 0",
            [("test_a", [], "skipped: empty parameter set")],
        ),
        (
            "@m.skipif('True', reason='x')\ndef test_a(): 0\n@m.xfail(1)\ndef test_b(): 0\n"
            "@m.skipif('sys.platform', reason='x')\ndef test_c(): 0\n"
            "@m.skipif(0, reason='x')\ndef test_d(): 0",
            [
                ("test_a", [], "skipped: x"),
                ("test_b", [], "xfailed"),
                ("test_c", [], None),
                ("test_d", [], None),
            ],
        ),
        ("class TestA:\n  __test__ = False\n  def test_a(self): 0", []),
        (
            "class A:\n  @pm('A-1')\n  def test_a(self): 0\nclass B(A): 0\nclass C(A): 0\n"
            "class TestD(B, C): 0",
            [("TestD::test_a", "A-1", None)],
        ),
        (
            "if x:\n  class Base:\n    def test_a(self): 0\nelif y:\n  def Base(): 0\n"
            "else:\n  class Base:\n    def test_b(self): 0\nclass TestA(Base): 0",
            [("TestA::test_b", [], None), ("TestA::test_a", [], None)],
        ),
        (
            "@m.parametrize('n', [param(1, marks=pm('P-1'), id='one'), *more()] + rest())\n"
            "def test_a(n): 0",
            [("test_a", [], None), ("test_a", "P-1", None)],
        ),
        ("@pm('D-1')\ndef test_a(): 0\ndef test_a(): 0", [("test_a", [], None)]),
        (
            "if x:\n  @pm('D-1')\n  def test_a(): 0\nelse:\n  @m.skip\n  def test_a(): 0",
            [("test_a", "D-1", None), ("test_a", [], "skipped")],
        ),
        ("pytestmark = pytestmark\nx = x\n@x\ndef test_a(): pass", [("test_a", [], None)]),
    ],
)  # fmt: skip
def test_tests_with_their_marks(
    code: str, tests: list[tuple[str, str | list[str], str | None]]
) -> None:
    """Wherever a mark may stand, and only a mute that holds in any case counts."""
    expected = [
        (name, ids if isinstance(ids, list) else ids.split(), muted) for name, ids, muted in tests
    ]

    assert [(name, list(map(str, ids)), muted) for name, ids, muted in read(code)] == expected


@pytest.mark.parametrize(
    ("function", "call", "ids"),
    [
        ("own(*ids): return pm(*ids)", "own('F-1', 'F-2')", ["F-1", "F-2"]),
        ("own(*ids): return pm('F-1', *ids)", "own()", ["F-1"]),
        ("own(id, *, more): return pm(id, more)", "own('F-1', more='F-2')", ["F-1", "F-2"]),
        ("own(a, /, b): return pm(b, a)", "own('F-1', b='F-2')", ["F-2", "F-1"]),
        ("own(id): return pm(id)", "own(*['F-1'])", ["F-1"]),
        ("own(id): return pm(id)", "own(*more())", []),
        ("own(id): return pm(id)", "own('F-1', 'F-2')", []),
        ("own(id): return pm(id)", "own(other='F-1')", []),
        ("own(id): return pm(id)", "own(**more())", []),
        ("own(id='F-1'): return pm(id)", "own()", []),
        ("own(**more): return pm('F-1')", "own()", []),
        ("own(id):\n  print(id)\n  return pm(id)", "own('F-1')", []),
    ],
)
def test_a_function_that_returns_a_mark_is_read_as_its_call(
    function: str, call: str, ids: list[str]
) -> None:
    """Each argument goes where Python puts it; with defaults or unknown ones nothing is read."""
    assert read(f"def {function}\n@{call}\ndef test_a(): 0") == [("test_a", ids, None)]


@pytest.mark.parametrize("code", ["print 'x'", "\0", b"\xff\xfe", "(" * 100_000])
def test_what_is_no_python_is_told_from_what_has_no_test(code: str | bytes) -> None:
    """So that nothing is called lost which could only not be read."""
    assert parse_source_tests(code, {"postmortem"}) is None
    assert parse_source_tests("", {"postmortem"}) == ()


def test_other_names_and_encodings_are_those_of_pytest() -> None:
    """``python_functions`` and ``python_classes``, prefixes or globs; an invalid escape is fine."""
    code = "# -*- coding: latin-1 -*-\nclass ShopSuite:\n  def should_é(self): '\\d'\n"

    tests = parse_source_tests(code.encode("latin-1"), (), ("should_",), ("*Suite",))

    assert tests == (SourceTest("ShopSuite::should_é", 3),)


def test_what_can_only_be_guessed() -> None:
    """Texts and numbers in the marks of code for Python 2."""
    code = b"@pytest.mark.issue(12, u'B-7', x)\n@mark.other('no')\nprint 'x'\n"

    (found,) = guess_source_tests(code, {"issue"})

    assert [(mark.name, mark.args) for mark in found.marks] == [("issue", ("12", "B-7"))]
    assert guess_source_tests(b"print 'x'", {"issue"}) == ()


def test_a_test_that_is_linked_twice_counts_when_either_link_can_fail() -> None:
    """One set of parameters may be skipped, and another not."""
    tests = parse_source_tests(
        "import pytest\npm = pytest.mark.postmortem('P')\n"
        "@pytest.mark.parametrize('n', [pytest.param(1, marks=[pm, pytest.mark.skip]),"
        " pytest.param(2, marks=pm)])\ndef test_a(n): pass",
        {"postmortem"},
    )

    assert find_linked_incidents({"a.py": tests}, None) == {
        "p": LinkedIncident("P", {"a.py::test_a": None})
    }


@pytest.mark.parametrize(
    ("path", "held"),
    [
        ("below/tests/test_a.py", True),
        ("below/tests/deep/test_a.py", True),
        ("below/tests/venv/test_a.py", False),
        ("below/tests/a.py", False),
        ("below/one.py", True),
        ("below/other/test_a.py", False),
        ("below/gone/test_a.py", True),
        ("test_gone.py", False),
    ],
)
def test_files_of_the_suite(path: str, held: bool) -> None:
    """What is gone may have been a test file before ``testpaths`` was what it is now."""
    top = Path("/top")
    root = top / "below"
    suite = SuiteLayout(top, root, (root / "tests", root / "one.py"), ("test_*.py",), ("venv",))
    present = {path} if "gone" not in path else set()

    assert suite.is_suite_file(path, present) is held
    assert suite.shown("below/tests/test_a.py") == "tests/test_a.py"
