"""A test file gains a regression test that fails until it is written, and nothing else."""

from __future__ import annotations

import ast

import pytest

from pytest_postmortem.scaffold.regression_test import (
    ExtendedTestFile,
    RegressionTestError,
    add_regression_test,
)

RULES = (["test"], ["Test"])
TITLE = "Checkout charged customers twice"

TEST = """\
@pytest.mark.postmortem("PM-7")
def test_checkout_charged_customers_twice():
    pytest.fail("write the regression test of PM-7: Checkout charged customers twice")
"""


def added(code: str | None, title: str = TITLE, name: str | None = None) -> ExtendedTestFile:
    """Return a file with one more test."""
    return add_regression_test(None if code is None else code.encode(), "PM-7", title, name, RULES)


@pytest.mark.parametrize("code", [None, ""])
def test_a_file_is_made_where_there_is_none(code: str | None) -> None:
    """It holds the import and the test."""
    assert added(code).code.decode() == f"import pytest\n\n\n{TEST}"


@pytest.mark.parametrize(
    ("code", "head"),
    [
        pytest.param("import pytest\n", "import pytest\n\n\n", id="there already"),
        pytest.param(
            "try:\n    import pytest\nexcept ImportError:\n    pass\n\n",
            "try:\n    import pytest\nexcept ImportError:\n    pass\n\n\n",
            id="tried",
        ),
        pytest.param("import os\n", "import os\n\nimport pytest\n\n\n", id="standard library"),
        pytest.param(
            "import os\n\nimport numpy\nfrom shop import x\n",
            "import os\n\nimport numpy\nimport pytest\nfrom shop import x\n\n\n",
            id="among others",
        ),
        pytest.param(
            "import os\n\nimport requests\n",
            "import os\n\nimport pytest\nimport requests\n\n\n",
            id="before others",
        ),
        pytest.param(
            "import os\n\n# of the shop\n# and old\nimport requests  # noqa\n",
            "import os\n\nimport pytest\n# of the shop\n# and old\nimport requests  # noqa\n\n\n",
            id="above a comment and its import",
        ),
        pytest.param(
            "#!/usr/bin/python\n# of the shop\nimport requests\n",
            "#!/usr/bin/python\nimport pytest\n# of the shop\nimport requests\n\n\n",
            id="below the head of the file",
        ),
        pytest.param(
            "# a licence\nimport requests\n",
            "# a licence\nimport pytest\nimport requests\n\n\n",
            id="below what the file begins with",
        ),
        pytest.param(
            "from pytest import mark\n",
            "import pytest\nfrom pytest import mark\n\n\n",
            id="a part of it is there",
        ),
        pytest.param(
            '"""Doc."""\n\nfrom __future__ import annotations\n\nfrom . import x\nY = 1\n',
            '"""Doc."""\n\nfrom __future__ import annotations\n\nimport pytest\n\n'
            "from . import x\nY = 1\n\n\n",
            id="docstring, future, relative",
        ),
        pytest.param(
            "import os; import sys\nx = 1\n",
            "import os; import sys\n\nimport pytest\n\n\nx = 1\n\n\n",
            id="two in a line",
        ),
        pytest.param(
            "from os import (\n    path,\n)\nfrom .a import b\n",
            "from os import (\n    path,\n)\n\nimport pytest\n\nfrom .a import b\n\n\n",
            id="brackets",
        ),
        pytest.param(
            "#!/usr/bin/python\n# coding: utf-8\n# about x\nx = 1",
            "#!/usr/bin/python\n# coding: utf-8\nimport pytest\n\n\n# about x\nx = 1\n\n\n",
            id="head of the file",
        ),
        pytest.param(
            "# a licence\n\n@decorated\ndef test_it(): pass\n\n\n\n",
            "# a licence\n\nimport pytest\n\n\n@decorated\ndef test_it(): pass\n\n\n\n",
            id="decorated, blank lines",
        ),
        pytest.param("# all gone\n", "# all gone\nimport pytest\n\n\n", id="comments alone"),
        pytest.param('"""Doc."""', '"""Doc."""\n\nimport pytest\n\n\n', id="docstring alone"),
        pytest.param("\ufeffimport os\n", "\ufeffimport os\n\nimport pytest\n\n\n", id="BOM"),
    ],
)
def test_pytest_is_imported_where_it_belongs_and_never_twice(code: str, head: str) -> None:
    """As isort and ruff have it, and the test stands at the end."""
    assert added(code).code.decode() == head + TEST


def test_the_file_keeps_its_line_ends_and_its_encoding() -> None:
    """An old file stays one that its tools can read."""
    code = "# coding: latin-1\r\nimport pytest\r\nx = 'é'\r\n".encode("latin-1")

    new = add_regression_test(code, "PM-7", "Für 5 €", "test_it", RULES)

    assert new.code.decode("latin-1") == (
        "# coding: latin-1\r\nimport pytest\r\nx = 'é'\r\n\r\n\r\n"
        '@pytest.mark.postmortem("PM-7")\r\n'
        "def test_it():\r\n"
        "    pytest.fail('write the regression test of PM-7: F\\xfcr 5 \\u20ac')\r\n"
    )


def test_it_is_written_as_the_tests_beside_it() -> None:
    """With the name that the file gives pytest, and annotated where others are."""
    code = "import pytest as pt\n\n\nclass TestIt:\n    def test_it(self) -> None: ...\n"

    assert added(code).code.decode().removeprefix(code) == (
        '\n\n@pt.mark.postmortem("PM-7")\n'
        "def test_checkout_charged_customers_twice() -> None:\n"
        '    pt.fail("write the regression test of PM-7: Checkout charged customers twice")\n'
    )


@pytest.mark.parametrize(
    ("title", "lines"),
    [
        (
            f"{TITLE} or more",
            [
                "    pytest.fail(",
                f'        "write the regression test of PM-7: {TITLE} or more"',
                "    )",
            ],
        ),
        ("word " * 40, ['    pytest.fail("write the regression test of PM-7")']),
        ('a "quote', ['    pytest.fail("write the regression test of PM-7: a \\"quote")']),
        ("C:\\new", ['    pytest.fail("write the regression test of PM-7: C:\\\\new")']),
        ("🔥", ['    pytest.fail("write the regression test of PM-7: 🔥")']),
    ],
)
def test_the_title_is_told_where_there_is_room(title: str, lines: list[str]) -> None:
    """No line grows past what a formatter allows, and nothing ends the text early."""
    code = added(None, title, "test_it").code.decode()

    assert code.partition("def test_it():\n")[2].splitlines() == lines


def test_a_name_that_is_taken_is_not_taken_again() -> None:
    """The id is added, then a number."""
    first = added("def test_it(): pass\n", "It")
    second = added(first.code.decode(), "It")

    assert (first.name, second.name) == ("test_it_pm_7", "test_it_2")


@pytest.mark.parametrize(
    ("title", "name"), [("決済", "test_pm_7"), ("🔥", "test_pm_7"), ("404!", "test_404")]
)
def test_a_title_without_words_leaves_the_id(title: str, name: str) -> None:
    """Every test has a name that says something."""
    assert added(None, title).name == name


@pytest.mark.parametrize(
    ("functions", "name"),
    [
        (["check_*"], "check_it"),
        (["should"], "should_it"),
        (["*_spec", "x"], "it_spec"),
        (["*-spec", "check"], "check_it"),
        (["test", "check"], "test_it"),
    ],
)
def test_a_name_is_one_that_pytest_collects(functions: list[str], name: str) -> None:
    """By ``python_functions``, as it is configured."""
    assert add_regression_test(None, "PM-7", "It", None, (functions, ["Test"])).name == name


@pytest.mark.parametrize(
    ("code", "name", "said"),
    [
        ("def (", None, "it can't be parsed as Python"),
        ("x = \0", None, "it can't be parsed as Python"),
        ("def test_it(): pass", "test_it", "'test_it' already exists"),
        ("from a import test_it", "test_it", "'test_it' already exists"),
        ("", "check_it", "pytest does not collect 'check_it' as a test"),
        ("", "not a name", "pytest does not collect 'not a name' as a test"),
        ("", "test_it(); import os #", "pytest does not collect"),
        ("x = 1\\\n", "test_it", "it can't be parsed as Python"),
    ],
)
def test_what_can_not_be_added_is_said(code: str, name: str | None, said: str) -> None:
    """With the reason, and nothing is guessed."""
    with pytest.raises(RegressionTestError, match=said.replace("(", r"\(")):
        added(code, name=name)


def test_a_file_that_skips_itself_is_told() -> None:
    """There the new test would stop nobody."""
    code = "import pytest\npytestmark = pytest.mark.skip(reason='too slow')\n"

    assert added(code).muted == "skipped: too slow"


def test_what_is_added_is_python_whatever_the_title() -> None:
    """Nothing of a title is ever run."""
    for title in ("\\", '"""', "'); import os; ('", "{x}", "\u202e", "%s" * 20, "\\N{BULLET}"):
        tree = ast.parse(added(None, title).code)

        assert [type(node) for node in tree.body] == [ast.Import, ast.FunctionDef]
