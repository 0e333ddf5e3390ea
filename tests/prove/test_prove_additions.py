"""What a fix added, and what it modified: a test that only needs an addition is weak."""

from __future__ import annotations

from pathlib import Path

import pytest

from prove_repository import Repository
from pytest_postmortem.prove.additions import AdditionsOfFix, find_additions

OLD = "def old(x):\n    return x\n"
NEW = OLD + "\n\ndef new(x):\n    return x * 2\n"


def found(
    before: str | None, fixed: str | None, test: str, other: str = "", path: str = "/r/m.py"
) -> AdditionsOfFix | None:
    """Return the additions of a fix of one file."""
    return find_additions({path: (before, fixed)}, [test], [other])


@pytest.mark.parametrize(
    "test",
    [
        "import m\nm.new(2)",
        "from m import new",
        'run([python, "-c", "from m import new; print(new(2))"])',
        'EntryPoint("n", "m:new", "g").load()',
        'getattr(m, "new")',
        'monkeypatch.setattr("m.new", 1)',
        "class TestNew:\n    def test_it(self):\n        assert m.new(2) == 4",
    ],
)
def test_a_function_that_only_the_test_uses(test: str) -> None:
    """Tests name it in their code, or in code that they start."""
    additions = found(OLD, NEW, test)

    assert additions is not None
    assert (additions.names, additions.doubts, additions.is_all) == (("new",), (), True)


@pytest.mark.parametrize(
    ("before", "fixed", "test", "names"),
    [
        (None, "print(1)\n", 'run([python, "-m", "m"])', ("m",)),
        (
            "class A:\n    x = 1\n",
            "class A:\n    x = 1\n    def new(self): ...\n",
            "A().new()",
            ("A.new",),
        ),
        ("class A: pass\n", "class A: pass\nclass B(A): pass\n", "m.B()", ("B",)),
        (
            "class A:\n    x = 1\n",
            "import warnings\ndef shim(f):\n    def run(*a):\n        warnings.warn('old')\n"
            "        return f(*a)\n    return run\n"
            "class A:\n    x = 1\n    @property\n    @shim\n    def new(self): ...\n",
            "A().new",
            ("A.new",),
        ),
        (
            "def f(x): return x\n",
            "def f(x, *, strict=False): return x\n",
            "f(1, strict=True)",
            ("strict",),
        ),
        (
            "def f(x): return x\n",
            "def f(x, strict=False): return x\n",
            'run([python, "-c", "import m; m.f(1, strict=True)"])',
            ("strict",),
        ),
        (
            "class B: ...\nclass A(B):\n    x = 1\n",
            "class B: ...\nclass A(B):\n    x = 1\n    def new(self): ...\n",
            "A().new()",
            ("A.new",),
        ),
        ("A = 1\n", "A = 1\nNEW = 2\n", "m.NEW", ("NEW",)),
        ("A = 1\n", "A = 1\nfrom m.core import new\n", "from m import new", ("new",)),
        (
            "from enum import Enum\nclass C(Enum):\n    A = 1\n",
            "from enum import Enum\nclass C(Enum):\n    A = 1\n    NEW = 2\n",
            "C.NEW",
            ("C.NEW",),
        ),
        (
            'def main():\n    p.add_argument("--a")\n    return 1\n',
            'def main():\n    p.add_argument("--a")\n    p.add_argument("--new")\n    return 1\n',
            'run(["tool", "--new"])',
            ("--new",),
        ),
        (
            '@click.option("--a")\ndef main(a): ...\n',
            '@click.option("--a")\n@click.option("--new", "new")\ndef main(a, new=None): ...\n',
            'invoke(main, ["--new"])',
            ("--new",),
        ),
    ],
)
def test_each_kind_of_addition(
    before: str | None, fixed: str, test: str, names: tuple[str, ...]
) -> None:
    """Modules, members, classes, parameters, values, members of an enumeration, options."""
    additions = found(before, fixed, test)

    assert additions is not None
    assert (additions.names, additions.doubts) == (names, ())


@pytest.mark.parametrize(
    ("before", "fixed", "test", "other"),
    [
        (OLD, NEW, "m.old(2)", ""),
        (OLD, NEW, "m.new(2)", "from m import new"),
        (OLD, NEW, "m.new(2)", "import m\nm.new(1)"),
        (
            "def old(x):\n    return open(x)\n",
            "def old(x):\n    return open(x)\ndef open(x): ...\n",
            "m.open(2)",
            "",
        ),
        (
            "class A(B): ...\n",
            "class A(B):\n    def save(self): ...\n",
            "A().save()",
            "class B:\n    def save(self): ...",
        ),
        ("class A(dict): ...\n", "class A(dict):\n    def get(self, k): ...\n", "A().get(1)", ""),
        (
            "import json\nclass A(json.JSONEncoder): ...\n",
            "import json\nclass A(json.JSONEncoder):\n    def default(self, o): ...\n",
            "A().default(1)",
            "",
        ),
        ("class A: ...\n", "class A:\n    def __eq__(self, o): ...\n", "A().__eq__(1)", ""),
        (
            "class A: ...\n",
            "class A:\n    def close(self): ...\n",
            "A().close()",
            "def end(each):\n    each.close()",
        ),
        (
            "HOOKS = []\n",
            "HOOKS = []\ndef hook(f):\n    HOOKS.append(f)\n    return f\n@hook\ndef new(): ...\n",
            "m.new()",
            "",
        ),
        ("app = App()\n", "app = App()\n@app.route('/new')\ndef new(): ...\n", "get('/new')", ""),
        (
            "def f(x): return x\n",
            "def f(x, strict=False): return x\n",
            "f(1, strict=True)",
            "f(2, strict=True)",
        ),
        ("T = {'a': 1}\n", "T = {'a': 1, 'new': 2}\n", "T['new']", ""),
        ("def f(x): return x\n", "def f(x, y): return x\n", "f(1, y=2)", ""),
        (
            "def run(n):\n    return getattr(m, n)()\n",
            "def run(n):\n    return getattr(m, n)()\ndef new(): ...\n",
            "run('new')",
            "",
        ),
        ("def f(x): return x\n", "def f(x): return x + 1\n", "f(1)", ""),
        ("def f(x, y=1): return x\n", "def f(x, new=1): return x\n", "f(1, new=2)", ""),
        (OLD, None, "m.new(2)", ""),
        (OLD, NEW + "def (\n", "m.new(2)", ""),
    ],
)
def test_what_is_no_mere_addition(before: str, fixed: str | None, test: str, other: str) -> None:
    """Other code uses it, overrides it or looks it up; or the test does not need it."""
    assert found(before, fixed, test, other) is None


@pytest.mark.parametrize(
    "before",
    [
        "from django.db import models\nclass A(models.Model): ...\n",
        "from lib import *\nclass A(Model): ...\n",
        "import json\nclass A(json.NoSuchEncoder): ...\n",
    ],
)
def test_a_method_of_a_class_with_a_base_from_elsewhere_is_in_doubt(before: str) -> None:
    """The base may have it too, and is not imported to find out, or is not found."""
    fixed = before.replace("...", "\n    def clean_up(self): ...")

    additions = found(before, fixed, "A().clean_up()")

    assert additions is not None
    assert additions.doubts == ("A.clean_up",)


def test_the_old_code_with_the_additions() -> None:
    """Functions, defaults and values are the old ones; what was removed is back."""
    before = (
        "import os\nLIMIT = 0\n\ndef pay(x, y=1):\n    return x\n\ndef gone():\n    return 1\n\n"
        "class A:\n    def a(self):\n        return 1\n"
    )
    fixed = (
        "import os\nimport sys\nLIMIT = 9\n\ndef pay(x, y=2, *, new=3):\n    return x + 1\n\n"
        "def once():\n    return sys\n\n"
        "class A:\n    def a(self):\n        return 2\n    def b(self):\n        return 3\n"
    )

    additions = found(before, fixed, "m.once(); A().b()")

    assert additions is not None
    assert not additions.is_all
    assert additions.texts["/r/m.py"] == (
        "import os\nimport sys\nLIMIT = 0\n\ndef pay(x, y=1, *, new=3):\n    return x\n\n"
        "def once():\n    return sys\n\ndef gone():\n    return 1\n\n"
        "class A:\n\n    def a(self):\n        return 1\n\n    def b(self):\n        return 3\n"
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [("A = 1\n", None), ("A = 1\n", "A = (\n"), ("A = (\n", "A = 1\n")],
)
def test_a_file_that_is_gone_or_no_python_is_the_old_one(old: str, new: str | None) -> None:
    """Beside the additions to another file, which are kept."""
    versions = {"/r/m.py": (OLD, NEW), "/r/other.py": (old, new)}

    additions = find_additions(versions, ["m.new(2)"], [])

    assert additions is not None
    assert additions.texts["/r/other.py"] == old
    assert "def new" in (additions.texts["/r/m.py"] or "")
    assert not additions.is_all


def test_a_statement_that_defines_nothing_is_no_addition() -> None:
    """It is behaviour, which is taken away with the modifications."""
    additions = found(OLD, NEW + "start(old)\n", "m.new(2)")

    assert additions is not None
    assert (additions.names, additions.is_all) == (("new",), False)
    assert "start" not in (additions.texts["/r/m.py"] or "")


PAY = """\
def charge(x):
    return x{0}
{1}

class Card:
    def total(self):
        return charge(1)
"""
ONCE = "\ndef charge_once(x):\n    return charge(x) * 0 + x\n"

TRIES = """\
import subprocess, sys, pytest
from shop import pay

class TestPay:
    @pytest.mark.parametrize("amount", [1, 2])
    def test_once(self, amount):
        try:
            assert pay.charge_once(amount) == amount
            {more}
        except Exception as error:
            pytest.fail(repr(error))
"""

ASKS = """\
from shop import pay

def test_once():
    assert pay.charge_once(1) == 1
    {more}
"""


def test_a_choice_between_modules_stays_with_what_needs_it() -> None:
    """A name that is imported or defined, as the version of Python has it, is an addition."""
    before = "class A:\n    x = 1\n"
    fixed = (
        "if V:\n    from w import shim\nelse:\n    import tools\n"
        "    def shim(f): return tools.wraps(f)\n"
        "class A:\n    x = 1\n    @shim\n    def new(self): ...\n"
    )

    additions = found(before, fixed, "A().new()", "import tools")

    assert additions is not None
    assert additions.names == ("A.new",)
    assert "def shim" in (additions.texts["/r/m.py"] or "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("test", "more", "status", "words"),
    [
        (TRIES, "", "weak", "fails only because charge_once is missing without"),
        (TRIES, "assert pay.Card().total() == 2", "proven", "Failed: AttributeError"),
        (ASKS, "", "weak", "needs a name added by the fix"),
        (ASKS, "assert pay.Card().total() == 2", "proven", "charge_once, which the fix added, was"),
        (ASKS, "1 // (pay.Card().total() - 1)", "weak", "needs a name added by the fix"),
    ],
)
def test_the_modifications_alone_are_reverted(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    test: str,
    more: str,
    status: str,
    words: str,
) -> None:
    """A test that notices them by an assertion is proven, though it needs an addition as well."""
    repository = Repository(tmp_path / "repo", monkeypatch)
    repository.commit(
        {
            "pytest.ini": "[pytest]\npythonpath = src\n",
            "src/shop/__init__.py": "",
            "src/shop/pay.py": PAY.format("", ""),
        }
    )
    fix = repository.commit(
        {
            "src/shop/pay.py": PAY.format(" + 1", ONCE),
            "tests/unit/test_pay.py": test.format(more=more),
        }
    )

    with repository.untouched():
        _, said = repository.prove(capsys, "--fix", fix)

    assert f"  {status}  " in said
    assert words in said
