"""The marker is written where it belongs, and not a byte changes elsewhere."""

from __future__ import annotations

import pytest

from pytest_postmortem.pysource.marker_edit import MarkingError, add_markers


def mark(code: str, line: int, *ids: str) -> str:
    """Return code in which the function on a line is marked, and marking it again is refused."""
    return add_markers(code.encode(), {line: ids or ("PM-1",)}).decode()


PYTEST = "import pytest\n\n\n"


@pytest.mark.parametrize(
    ("code", "line", "expected"),
    [
        ("def test_a(): 0\n", 4, '@pytest.mark.postmortem("PM-1")\ndef test_a(): 0\n'),
        ("async def test_a(): 0\n", 4, '@pytest.mark.postmortem("PM-1")\nasync def test_a(): 0\n'),
        (
            "# above\n@pytest.mark.slow  # beside\n# between\n@unittest.skipIf(\n  x)\n"
            "def test_a(x = [1,\n 2]) : 0 ;\n",
            9,
            '# above\n@pytest.mark.postmortem("PM-1")\n@pytest.mark.slow  # beside\n# between\n'
            "@unittest.skipIf(\n  x)\ndef test_a(x = [1,\n 2]) : 0 ;\n",
        ),
        (
            "class TestA(unittest.TestCase):\n\tx = 1\n\n\tdef test_a(self): 0\n",
            7,
            "class TestA(unittest.TestCase):\n\tx = 1\n\n"
            '\t@pytest.mark.postmortem("PM-1")\n\tdef test_a(self): 0\n',
        ),
        (
            "def made():\n  def inner(): 0\n  return inner\nif x:\n  def test_a(): 0\nelse:\n  0\n",
            8,
            "def made():\n  def inner(): 0\n  return inner\nif x:\n"
            '  @pytest.mark.postmortem("PM-1")\n  def test_a(): 0\nelse:\n  0\n',
        ),
        (
            "slow = pytest.mark.slow\nclass TestA:\n  @staticmethod\n  @slow\n  def test_a(): 0\n",
            8,
            "slow = pytest.mark.slow\nclass TestA:\n  @staticmethod\n"
            '  @pytest.mark.postmortem("PM-1")\n  @slow\n  def test_a(): 0\n',
        ),
        (
            "@pytest.mark.slow\n@parameterized.expand([1])\n@mock.patch('x')\ndef test_a(): 0\n",
            7,
            "@pytest.mark.slow\n@parameterized.expand([1])\n"
            "@pytest.mark.postmortem('PM-1')\n@mock.patch('x')\ndef test_a(): 0\n",
        ),
        (
            "from hypothesis import given as g\n@g(1)\ndef test_a(): 0\n",
            6,
            'from hypothesis import given as g\n@pytest.mark.postmortem("PM-1")\n@g(1)\n'
            "def test_a(): 0\n",
        ),
        (
            '@slow\n@pytest.mark.postmortem("PM-0")\ndef test_a(): 0\n',
            6,
            '@slow\n@pytest.mark.postmortem("PM-0", "PM-1")\ndef test_a(): 0\n',
        ),
        (
            '@pytest.mark.postmortem(\n    "PM-0",\n)\ndef test_a(): 0\n',
            7,
            '@pytest.mark.postmortem("PM-1")\n@pytest.mark.postmortem(\n    "PM-0",\n)\n'
            "def test_a(): 0\n",
        ),
        (
            "@pytest.mark.postmortem(*IDS)\ndef test_a(): 0\n",
            5,
            '@pytest.mark.postmortem("PM-1")\n@pytest.mark.postmortem(*IDS)\ndef test_a(): 0\n',
        ),
        (
            "X = 'a'\ndef test_a(): 0",
            5,
            "X = 'a'\n@pytest.mark.postmortem('PM-1')\ndef test_a(): 0",
        ),
    ],
)
def test_the_marker_stands_where_it_reaches_the_tests(code: str, line: int, expected: str) -> None:
    """Above the decorators that keep it, below the others; what was there before is as it was."""
    assert mark(PYTEST + code, line) == PYTEST + expected


def test_a_test_of_several_branches_is_marked_in_each() -> None:
    """Whichever of them runs, the test is linked; a branch that is marked stays as it is."""
    code = (
        "class TestA:\n  if x:\n    def test_a(self): 0\n    def test_b(self): 0\n"
        "  elif y:\n    @pytest.mark.postmortem('PM-1')\n    def test_a(self): 0\n"
        "  else:\n    def test_a(self): 0\n"
    )

    marked = mark(PYTEST + code, 12)

    indented = "    @pytest.mark.postmortem('PM-1')\n    def test_a"
    plain = code.replace("    @pytest.mark.postmortem('PM-1')\n", "")
    assert marked == PYTEST + plain.replace("    def test_a", indented)


def test_several_ids_are_one_marker() -> None:
    """Whatever stands in an id is a text of Python."""
    assert mark(PYTEST + "def test_a(): 0\n", 4, "PM-1", "it's", 'a "b"', "é\\") == (
        f'{PYTEST}@pytest.mark.postmortem("PM-1", "it\'s", \'a "b"\', "é\\\\")\ndef test_a(): 0\n'
    )


@pytest.mark.parametrize(
    ("head", "name"),
    [
        ("import pytest as pt\n", "pt.mark.postmortem"),
        ("from pytest import mark\n", "mark.postmortem"),
        ("import pytest\nfrom pytest import mark as m\n", "m.postmortem"),
        ("import os, pytest\n", "pytest.mark.postmortem"),
        ("import pytest.other\n", "pytest.mark.postmortem"),
        ("import pytest as pt\npytest = 1\n", "pt.mark.postmortem"),
        ("import pytest\nfrom pytest import mark\nfor mark in x: 0\n", "pytest.mark.postmortem"),
        ("import pytest\ndef f(pytest): mark, pytest = 1, 2\n", "pytest.mark.postmortem"),
    ],
)
def test_the_marker_is_called_as_the_file_calls_it(head: str, name: str) -> None:
    """What is imported already is enough."""
    line = head.count("\n") + 1

    assert mark(f"{head}def test_a(): 0\n", line) == f'{head}@{name}("PM-1")\ndef test_a(): 0\n'


DEF = "def test_a(): 0\n"
MARKED = f'@pytest.mark.postmortem("PM-1")\n{DEF}'


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("", "import pytest\n\n\n"),
        ("# about it\n", "import pytest\n\n\n# about it\n"),
        ("#!python\n# coding: utf-8\n", "#!python\n# coding: utf-8\nimport pytest\n\n\n"),
        ("# Licence\n\n", "# Licence\n\nimport pytest\n\n\n"),
        ('"""Doc."""\n', '"""Doc."""\n\nimport pytest\n\n\n'),
        ('"""Doc."""\n\n\n', '"""Doc."""\n\nimport pytest\n\n\n'),
        (
            "from __future__ import annotations\n\nfrom app import x\n\n\n",
            "from __future__ import annotations\n\nimport pytest\nfrom app import x\n\n\n",
        ),
        (
            '"""Doc."""\n\nfrom __future__ import annotations\n\nimport os\n\n\n',
            '"""Doc."""\n\nfrom __future__ import annotations\n\nimport os\n\nimport pytest\n\n\n',
        ),
        ("import os; import sys\n\n", "import os; import sys\n\nimport pytest\n\n\n"),
        (
            "import os\n\nimport numpy as np\nfrom app import x\n\n",
            "import os\n\nimport numpy as np\nimport pytest\nfrom app import x\n\n",
        ),
        (
            "import os.path\n\n# theirs\nimport zope.interface\n\n",
            "import os.path\n\nimport pytest\n# theirs\nimport zope.interface\n\n",
        ),
        ("import os\nfrom .x import y\n\n", "import os\n\nimport pytest\n\nfrom .x import y\n\n"),
        ("from . import y\n\n", "import pytest\n\nfrom . import y\n\n"),
        ("if x:\n  import pytest\n\n", "import pytest\n\n\nif x:\n  import pytest\n\n"),
        ("import numpy\nx = 1\n\n", "import numpy\nimport pytest\n\n\nx = 1\n\n"),
    ],
)
def test_pytest_is_imported_where_imports_belong(head: str, expected: str) -> None:
    """Behind the docstring and ``__future__``, sorted among the others as far as can be told."""
    line = head.count("\n") + 1

    assert mark(head + DEF, line) == expected + MARKED


def test_a_mark_that_is_another_one_is_not_called() -> None:
    """Where the name stands for something else by then, that of pytest is imported."""
    head = "from pytest import mark\nmark = x\n"

    assert mark(head + DEF, 3) == f"import pytest\n{head}{MARKED}"


def test_an_import_that_comes_too_late_is_no_import() -> None:
    """The marker needs it where it stands."""
    assert mark(f"{DEF}import pytest\n", 1) == f"import pytest\n\n\n{MARKED}import pytest\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            b"import pytest\r\n\r\ndef test_a():\r\n  '\xc3\xa9'\r\n",
            b"import pytest\r\n\r\n@pytest.mark.postmortem('PM-1')\r\n"
            b"def test_a():\r\n  '\xc3\xa9'\r\n",
        ),
        (
            b"# coding: latin-1\nimport pytest\ndef test_\xe9(): 0\n",
            b'# coding: latin-1\nimport pytest\n@pytest.mark.postmortem("PM-1")\n'
            b"def test_\xe9(): 0\n",
        ),
        (
            b"\xef\xbb\xbfdef test_a(): 0\n",
            b'\xef\xbb\xbfimport pytest\n\n\n@pytest.mark.postmortem("PM-1")\ndef test_a(): 0\n',
        ),
        (
            b"import pytest\n\x0c\ndef test_a(): 0\n",
            b'import pytest\n\x0c\n@pytest.mark.postmortem("PM-1")\ndef test_a(): 0\n',
        ),
        (
            b"import pytest\rdef test_a(): 0\rx = 1\r",
            b'import pytest\r@pytest.mark.postmortem("PM-1")\rdef test_a(): 0\rx = 1\r',
        ),
        (
            b"\\\nimport pytest\ndef test_a(): 0\n",
            b'\\\nimport pytest\n@pytest.mark.postmortem("PM-1")\ndef test_a(): 0\n',
        ),
        (
            b"# coding: latin-1\nimport pytest\n@pytest.mark.postmortem('\xe9', )\n"
            b"def test_a(): 0\n",
            b"# coding: latin-1\nimport pytest\n@pytest.mark.postmortem('\xe9', 'PM-1', )\n"
            b"def test_a(): 0\n",
        ),
    ],
    ids=["crlf", "latin-1", "bom", "form feed", "cr", "continued", "extended"],
)
def test_every_byte_stays_as_it_was(before: bytes, after: bytes) -> None:
    """Line ends, encodings, tabs and marks of the order of bytes."""
    head = before[: before.index(b"def")].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    line = head.count(b"\n") + 1

    assert add_markers(before, {line: ["PM-1"]}) == after


def test_an_id_is_written_as_the_file_can_write_it() -> None:
    """Where the encoding lacks a letter, its number does."""
    code = b"# coding: latin-1\nimport pytest\ndef test_a(): 0\n"

    assert b'("PM-\\u0142")' in add_markers(code, {3: ["PM-ł"]})


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (b"def test_a(:\n", "it is not valid Python"),
        (b"from x import pytest\ndef test_a(): 0\n", "binds the name pytest to something else"),
        (b"import x as pytest\ndef test_a(): 0\n", "binds the name pytest to something else"),
        (b"def pytest(): 0\ndef test_a(): 0\n", "binds the name pytest to something else"),
        (b"pytest = 1\ndef test_a(): 0\n", "binds the name pytest to something else"),
        (b"import pytest\n@pytest.fixture\ndef test_a(): 0\n", "the function is not a test"),
        *(
            (
                f"import pytest\n{code}\ndef test_a(): 0\n".encode(),
                "it binds the name pytest to something else",
            )
            for code in (
                "pytest, x = 1, 2",
                "[x, *pytest] = 1, 2",
                "for pytest in x: 0",
                "with x as pytest: 0",
                "if (pytest := x): 0",
                "x = [(pytest := y) for y in z]",
                "del pytest",
                "try: 0\nexcept X as pytest: 0",
                "match x:\n  case [pytest, *_]: 0",
                "match x:\n  case {**pytest}: 0",
                "from pytest import mark as pytest",
                "def f():\n  global pytest\n  pytest = 1",
                "class TestB:\n  pytest = 1",
            )
        ),
    ],
)
def test_what_can_not_be_marked_is_left_alone(code: bytes, why: str) -> None:
    """With a reason; nothing is tried that might go wrong."""
    line = code.count(b"\n", 0, code.index(b"def test_a")) + 1

    with pytest.raises(MarkingError, match=why):
        add_markers(code, {line: ["PM-1"]})


def test_a_deeply_nested_file_is_marked() -> None:
    """What the test holds is not looked at."""
    code = f"def test_a():\n  x = {'+'.join(['1'] * 900)}\n"

    assert mark(PYTEST + code, 4) == f'{PYTEST}@pytest.mark.postmortem("PM-1")\n{code}'
