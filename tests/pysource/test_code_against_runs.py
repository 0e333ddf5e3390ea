"""What code is read to say, against what a run of the same suite links.

Every incident that a run links is linked or unknown by the code, and what holds nothing that only
a run shows gets a definite answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

import pytest

from pytest_postmortem.cli.main import main

IDS = ("PM-1", "PM-2", "PM-3")

HEAD = "import pytest\nfrom pytest import mark\n"

MARKS = """\
import pytest
PM = pytest.mark.postmortem
pm = PM("PM-1")
ID = "PM-1"
IDS = ["PM-1", "PM-2"]
def guards(id):
    return pytest.mark.postmortem(id)
class Base:
    pytestmark = PM("PM-1")
    def test_in_base(self): pass
class Marks:
    first = PM("PM-1")
def test_shared(): pass
test_shared = pm(test_shared)
"""
"""A module of helpers that holds no test of its own."""


class Suite(NamedTuple):
    """A suite, and the states of PM-1, PM-2 and PM-3 that its code says.

    L is linked, U unknown and N not linked; ``files`` are further ones.
    """

    code: str
    states: str
    files: Mapping[str, str] = {}


def hook(body: str, head: str = "import pytest\n", name: str = "items") -> dict[str, str]:
    """Return a conftest that runs some code for each item."""
    lines = "".join(f"        {line}\n" for line in body.split("\n"))
    code = f"{head}def pytest_collection_modifyitems(items):\n    for item in items:\n{lines}"
    return {"conftest.py": code}


TEST = "def test_a(): pass\n"
HELPERS = {"tests/__init__.py": "", "tests/marks.py": MARKS}
TWO = '@mark.postmortem("PM-2")\ndef test_b(): pass\n'

SUITES: Mapping[str, Suite] = {
    # literal
    "plain": Suite(f'@pytest.mark.postmortem("PM-1")\n{TEST}{TWO}', "LLN"),
    "nothing marked": Suite(TEST, "NNN"),
    "other decorators": Suite(
        "import functools\nfrom unittest import mock\ndef retry(f): return f\n"
        f"@retry\n@mock.patch('os.path.join')\n@mark.slow('PM-3')\ndef test_a(join): pass\n{TWO}",
        "NLN",
    ),
    "a stub for checkers": Suite(
        f"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    @mark.postmortem('PM-3')\n"
        f"    def test_c(): pass\n{TWO}",
        "NLN",
    ),
    "a mark that is asked for": Suite(
        f"{TEST}{TWO}",
        "NLN",
        hook("print(item.get_closest_marker('postmortem'), [*item.iter_markers('postmortem')])"),
    ),
    "other marks of a conftest": Suite(
        f"{TEST}{TWO}",
        "NLN",
        hook("item.add_marker(pytest.mark.slow)\nitem.add_marker(getattr(pytest.mark, item.name))"),
    ),
    # names
    "a name for the mark": Suite(f'MARK = pytest.mark.postmortem\n@MARK("PM-1")\n{TEST}', "LNN"),
    "a name for a mark with its id": Suite(f'pm = mark.postmortem("PM-1")\n@pm\n{TEST}', "LNN"),
    "a name for all marks": Suite(f'm = pytest.mark\n@m.postmortem("PM-1")\n{TEST}', "LNN"),
    "pytest under another name": Suite(
        f'import pytest as pt\n@pt.mark.postmortem("PM-1")\n{TEST}', "LNN"
    ),
    "a constant": Suite(f'ID = "PM-1"\n@mark.postmortem(ID)\n{TEST}', "LNN"),
    "a constant that changes": Suite(
        f'ID = "PM-1"\n@mark.postmortem(ID)\n{TEST}ID = "PM-2"\n@mark.postmortem(ID)\n'
        "def test_b(): pass\n",
        "LLN",
    ),
    "a constant under a condition": Suite(
        f'import sys\nID = "PM-1"\nif sys.argv: ID = "PM-2"\n@mark.postmortem(ID)\n{TEST}', "UUU"
    ),
    "a mark under a condition": Suite(
        f'import sys\nif sys.argv: pm = mark.postmortem("PM-1")\nelse: pm = mark.postmortem("PM-2")'
        f"\n@pm\n{TEST}",
        "UUN",
    ),
    "a starred constant": Suite(f'IDS = ("PM-1", "PM-2")\n@mark.postmortem(*IDS)\n{TEST}', "LLN"),
    "a starred list that grows": Suite(
        f'IDS = ["PM-1"]\nIDS.append("PM-2")\n@mark.postmortem(*IDS)\n{TEST}', "UUU"
    ),
    "two names at once": Suite(
        f'ONE, TWO = "PM-1", "PM-2"\n@mark.postmortem(ONE)\n@mark.postmortem(TWO)\n{TEST}', "LLN"
    ),
    "a name of a class": Suite(
        "class TestA:\n  IDS = ['PM-1', 'PM-2']\n  @mark.postmortem(*IDS)\n"
        "  def test_a(self): pass\n",
        "UUU",
    ),
    "an Enum": Suite(
        "import enum\nclass PM(enum.Enum):\n  LOGIN = 'PM-1'\n"
        f"@mark.postmortem(PM.LOGIN.value)\n{TEST}",
        "LNN",
    ),
    "a dictionary": Suite(f'IDS = {{"a": "PM-1"}}\n@mark.postmortem(IDS["a"])\n{TEST}', "UUU"),
    # computed texts
    "f-string": Suite(f'N = 1\n@mark.postmortem(f"PM-{{N}}")\n{TEST}', "LNN"),
    "percent": Suite(f'@mark.postmortem("PM-%d" % 1)\n{TEST}', "UUU"),
    "format": Suite(f'@mark.postmortem("PM-{{}}".format(1))\n{TEST}', "UUU"),
    "a sum": Suite(f'PREFIX = "PM-"\n@mark.postmortem(PREFIX + "1")\n{TEST}', "LNN"),
    "join": Suite(f'@mark.postmortem("-".join(["PM", "1"]))\n{TEST}', "UUU"),
    "a generator": Suite(f'@mark.postmortem(*(f"PM-{{n}}" for n in range(1, 3)))\n{TEST}', "UUU"),
    "read from elsewhere": Suite(
        f'import os\n@mark.postmortem(os.environ.get("NO", "PM-1"))\n{TEST}{TWO}', "ULU"
    ),
    "of a function that is not read": Suite(
        f"def id():\n  for n in (1,): return f'PM-{{n}}'\n@mark.postmortem(id())\n{TEST}", "UUU"
    ),
    # places
    "pytestmark of a list": Suite(f'pytestmark = [mark.postmortem("PM-1"), mark.x]\n{TEST}', "LNN"),
    "pytestmark of a comprehension": Suite(
        f'pytestmark = [mark.postmortem(id) for id in ("PM-1", "PM-2")]\n{TEST}', "UUU"
    ),
    "pytestmark that grows": Suite(
        f'pytestmark = [mark.postmortem("PM-1")]\npytestmark += [mark.postmortem("PM-2")]\n{TEST}',
        "LLN",
    ),
    "pytestmark that is appended to": Suite(
        f'pytestmark = []\npytestmark.append(mark.postmortem("PM-1"))\n{TEST}', "UNN"
    ),
    "pytestmark under conditions": Suite(
        "import sys\nif sys.argv:\n  pytestmark = mark.postmortem('PM-1')\nelse:\n"
        f"  pytestmark = mark.postmortem('PM-2')\n{TEST}",
        "UUN",
    ),
    "pytestmark of a function": Suite(
        f"{TEST}test_a.pytestmark = [mark.postmortem('PM-1').mark]\n", "UNN"
    ),
    "a function that is marked by hand": Suite(
        "def check(): pass\ntest_a = mark.postmortem('PM-1')(check)\n", "UNN"
    ),
    "in a loop": Suite(
        f"{TEST}def test_b(): pass\nfor each in (test_a, test_b): mark.postmortem('PM-1')(each)\n",
        "UNN",
    ),
    "setattr": Suite(
        f"{TEST}setattr(test_a, 'pytestmark', [mark.postmortem('PM-1').mark])\n", "UNN"
    ),
    "globals": Suite(
        "def check(): pass\nglobals()['test_a'] = mark.postmortem('PM-1')(check)\n", "UNN"
    ),
    "exec": Suite("exec(\"@mark.postmortem('PM-1')\\ndef test_a(): pass\")\n", "UUU"),
    "type": Suite(
        "TestA = type('TestA', (), {'pytestmark': mark.postmortem('PM-1'), 'test_a': print})\n"
        "TestA.test_a = lambda self: None\n",
        "UNN",
    ),
    "getattr": Suite(f'@getattr(pytest.mark, "postmortem")("PM-1")\n{TEST}', "UUU"),
    "getattr of a name": Suite(f'NAME = "postmortem"\n@getattr(mark, NAME)("PM-1")\n{TEST}', "UUU"),
    "getattr of what is not read": Suite(
        'import os\nname = os.environ.get("NO", "postmortem")\n'
        f'@getattr(mark, name)("PM-1")\n{TEST}',
        "UUU",
    ),
    "partial": Suite(
        f"import functools\npm = functools.partial(mark.postmortem, 'PM-1')\n@pm('PM-2')\n{TEST}",
        "UUU",
    ),
    # own decorators
    "a function that returns a mark": Suite(
        f"def guards(id):\n  '''Mark.'''\n  return mark.postmortem(id)\n@guards('PM-1')\n{TEST}",
        "LNN",
    ),
    "a function with defaults": Suite(
        "def guards(*ids, last='PM-2'):\n  return mark.postmortem(*ids, last)\n"
        f"@guards('PM-1')\n{TEST}",
        "UUU",
    ),
    "a function that returns a decorator": Suite(
        "def guards(id):\n  def wrap(f):\n    return mark.postmortem(id)(f)\n  return wrap\n"
        f"@guards('PM-1')\n{TEST}",
        "UUU",
    ),
    "a decorator": Suite(
        f"def guarded(f):\n  return mark.slow(mark.postmortem('PM-1')(f))\n@guarded\n{TEST}", "UNN"
    ),
    "a lambda": Suite(f"guards = lambda id: mark.postmortem(id)\n@guards('PM-1')\n{TEST}", "UUU"),
    "a decorator with a wrapper": Suite(
        "import functools\ndef guards(id):\n  def wrap(f):\n    @functools.wraps(f)\n"
        "    def inner(): return f()\n    return mark.postmortem(id)(inner)\n  return wrap\n"
        f"@guards('PM-1')\n{TEST}{TWO}",
        "ULU",
    ),
    "a decorator of a class that sets marks": Suite(
        "def deco(cls):\n  cls.pytestmark = [mark.postmortem('PM-1').mark]\n  return cls\n"
        "@deco\nclass TestA:\n  def test_a(self): pass\n",
        "UNN",
    ),
    "a decorator that only counts": Suite(
        "import functools\ndef counted(f):\n  @functools.wraps(f)\n  def inner():\n    return f()\n"
        f"  return inner\n@counted\n{TEST}{TWO}",
        "NLN",
    ),
    "a decorator that is a class": Suite(
        "class guards:\n  def __init__(self, id): self.id = id\n"
        f"  def __call__(self, f): return mark.postmortem(self.id)(f)\n@guards('PM-1')\n{TEST}",
        "UUU",
    ),
    # other modules
    "imported mark": Suite(f"from tests.marks import pm\n@pm\n{TEST}", "LNN", HELPERS),
    "imported mark to be called": Suite(
        f"from .marks import PM as P\n@P('PM-1')\n{TEST}", "LNN", HELPERS
    ),
    "imported module": Suite(f"from tests import marks\n@marks.pm\n{TEST}", "LNN", HELPERS),
    "imported module, dotted": Suite(
        f"import tests.marks\n@tests.marks.pm\n{TEST}", "LNN", HELPERS
    ),
    "imported module, renamed": Suite(f"import tests.marks as m\n@m.pm\n{TEST}", "LNN", HELPERS),
    "imported by a star": Suite(
        f"from tests.marks import pm, IDS\n@PM('PM-1')\n{TEST}".replace("pm, IDS", "*"),
        "LNN",
        HELPERS,
    ),
    "imported constant": Suite(
        f"from .marks import ID\n@mark.postmortem(ID)\n{TEST}", "LNN", HELPERS
    ),
    "imported list": Suite(
        f"from .marks import IDS\n@mark.postmortem(*IDS)\n{TEST}", "LLN", HELPERS
    ),
    "imported function": Suite(
        f"from .marks import guards\n@guards('PM-1')\n{TEST}", "LNN", HELPERS
    ),
    "imported by way of another": Suite(
        f"from .again import pm\n@pm\n{TEST}",
        "LNN",
        {**HELPERS, "tests/again.py": "from .marks import pm\n"},
    ),
    "imported as pytestmark": Suite(f"from .marks import pm as pytestmark\n{TEST}", "LNN", HELPERS),
    "imported name of a class": Suite(
        f"from .marks import Marks\n@Marks.first\n{TEST}", "LNN", HELPERS
    ),
    "imported base class": Suite(
        "from .marks import Base\nclass TestA(Base):\n  def test_a(self): pass\n", "LNN", HELPERS
    ),
    "imported test": Suite("from .marks import test_shared\n", "UNN", HELPERS),
    "imported under a condition": Suite(
        f"try:\n  from .marks import pm\nexcept ImportError:\n  pm = mark.slow\n@pm\n{TEST}",
        "UNN",
        HELPERS,
    ),
    "imported at run time": Suite(
        f"import importlib\n@importlib.import_module('tests.marks').pm\n{TEST}", "LNN", HELPERS
    ),
    "imported and not used": Suite(f"from .marks import IDS\n{TEST}", "NNN", HELPERS),
    "helpers that no test uses": Suite(f"{TEST}{TWO}", "NLN", HELPERS),
    "imported from another package": Suite(
        f"from unittest.mock import patch\n@patch('os.getcwd')\ndef test_a(cwd): pass\n{TWO}",
        "NLN",
        HELPERS,
    ),
    "a package of the project": Suite(
        f"from shop.testing import pm\n@pm\n{TEST}",
        "LNN",
        {
            "src/shop/__init__.py": "",
            "src/shop/testing.py": MARKS,
            "conftest.py": "import sys, pathlib\n"
            "sys.path.insert(0, str(pathlib.Path(__file__).parent / 'src'))\n",
        },
    ),
    "imported inside of a test": Suite(
        "def test_a(request):\n  from .marks import pm\n  request.node.add_marker(pm)\n",
        "UNN",
        HELPERS,
    ),
    # classes
    "a base class": Suite(
        "@mark.postmortem('PM-1')\nclass Base:\n  @mark.postmortem('PM-2')\n"
        "  def test_x(self): pass\nclass TestA(Base): pass\n",
        "LLN",
    ),
    "a base class that a function makes": Suite(
        "def base(id):\n  class Base:\n    pytestmark = mark.postmortem(id)\n"
        "    def test_x(self): pass\n  return Base\nclass TestA(base('PM-1')): pass\n",
        "UUU",
    ),
    "a metaclass": Suite(
        "class Meta(type):\n  def __new__(cls, name, bases, code):\n"
        "    code['pytestmark'] = mark.postmortem('PM-1')\n"
        "    return super().__new__(cls, name, bases, code)\n"
        "class TestA(metaclass=Meta):\n  def test_a(self): pass\n",
        "UNN",
    ),
    "__init_subclass__": Suite(
        "class Base:\n  def __init_subclass__(cls): cls.pytestmark = mark.postmortem('PM-1')\n"
        "class TestA(Base):\n  def test_a(self): pass\n",
        "UNN",
    ),
    "unittest": Suite(
        "import unittest\n@mark.postmortem('PM-1')\nclass Login(unittest.TestCase):\n"
        "  def test_a(self): pass\n",
        "LNN",
    ),
    # conftest
    "a conftest that adds a mark": Suite(
        TEST, "UNN", hook("item.add_marker(pytest.mark.postmortem('PM-1'))")
    ),
    "a conftest that adds any mark": Suite(
        f"{TEST}{TWO}",
        "ULU",
        hook("item.add_marker(pytest.mark.postmortem(f'PM-{len(item.name) - 5}'))"),
    ),
    "a conftest with a table": Suite(
        TEST,
        "UUN",
        hook(
            "if item.name in MARKS: item.add_marker(MARKS[item.name])",
            "import pytest\nMARKS = {'test_a': pytest.mark.postmortem('PM-1'),"
            " 'test_b': pytest.mark.postmortem('PM-2')}\n",
        ),
    ),
    "a conftest with a plugin": Suite(
        TEST,
        "UNN",
        {
            "conftest.py": "import pytest\nclass Plugin:\n"
            "  def pytest_itemcollected(self, item):\n"
            "    item.add_marker(pytest.mark.postmortem('PM-1'))\n"
            "def pytest_configure(config): config.pluginmanager.register(Plugin())\n"
        },
    ),
    "a plugin of the project": Suite(
        TEST,
        "UNN",
        {
            "conftest.py": "pytest_plugins = ['shop_plugin']\n",
            "shop_plugin.py": "import pytest\ndef pytest_itemcollected(item):\n"
            "  item.add_marker(pytest.mark.postmortem('PM-1'))\n",
        },
    ),
    "a conftest of other tests": Suite(
        f"{TEST}{TWO}",
        "NLN",
        {
            "examples/conftest.py": "import pytest\ndef pytest_itemcollected(item):\n"
            "  item.add_marker(pytest.mark.postmortem('PM-1'))\n"
        },
    ),
    "a Mark that is made": Suite(
        TEST,
        "UUU",
        hook("item.own_markers.append(pytest.Mark('postmortem', ('PM-1',), {}, _ispytest=True))"),
    ),
    # parameters
    "a mark of a parameter": Suite(
        "@mark.parametrize('n', [1, pytest.param(2, marks=mark.postmortem('PM-1'))])\n"
        "def test_a(n): pass\n",
        "LNN",
    ),
    "parameters by name": Suite(
        "CASES = [pytest.param(n, marks=mark.postmortem(f'PM-{n}')) for n in (1, 2)]\n"
        "@mark.parametrize('n', CASES)\ndef test_a(n): pass\n",
        "UUU",
    ),
    "parameters of a function": Suite(
        "def cases():\n  for n in (1, 2):\n"
        "    yield pytest.param(n, marks=mark.postmortem('PM-1'))\n"
        "@mark.parametrize('n', cases())\ndef test_a(n): pass\n",
        "UNN",
    ),
    "pytest_generate_tests": Suite(
        "def pytest_generate_tests(metafunc):\n"
        "  metafunc.parametrize('n', [pytest.param(1, marks=mark.postmortem('PM-1'))])\n"
        "def test_a(n): pass\n",
        "UNN",
    ),
    "parameters of a fixture": Suite(
        "@pytest.fixture(params=[pytest.param(1, marks=mark.postmortem('PM-1'))])\n"
        "def n(request): return request.param\ndef test_a(n): pass\n",
        "UNN",
    ),
    # while it runs
    "a test that marks itself": Suite(
        "def test_a(request): request.node.add_marker(mark.postmortem('PM-1'))\n", "UNN"
    ),
    "a fixture that marks": Suite(
        "@pytest.fixture(autouse=True)\ndef _mark(request):\n"
        f"  request.node.add_marker(mark.postmortem('PM-1'))\n{TEST}",
        "UNN",
    ),
    "a helper that marks": Suite(
        "def link(node): node.add_marker(mark.postmortem('PM-1'))\n"
        "def test_a(request): link(request.node)\n",
        "UNN",
    ),
    # more of them
    "with_args": Suite(f"PM = mark.postmortem.with_args('PM-1')\n@PM('PM-2')\n{TEST}", "UUU"),
    "a name of the mark in a class": Suite(
        "class TestA:\n  pm = mark.postmortem\n  @pm('PM-1')\n  def test_a(self): pass\n", "UUU"
    ),
    "lists in a dictionary": Suite(
        "from pytest import mark as m\npm = m.postmortem\nIDS = {'a': ['PM-1', 'PM-2']}\n"
        f"@pm(*IDS['a'])\n{TEST}",
        "UUU",
    ),
    "a list from a file": Suite(
        "import json, pathlib\nIDS = json.loads('[\"PM-1\"]')\n@mark.postmortem(*IDS)\n" + TEST,
        "UUU",
    ),
    "a hook of another kind": Suite(
        TEST,
        "UNN",
        {
            "conftest.py": "import pytest\ndef pytest_runtest_setup(item):\n"
            "  item.add_marker(pytest.mark.postmortem('PM-1'))\n"
        },
    ),
    "a hook that has a wrapper": Suite(
        TEST,
        "UNN",
        {
            "conftest.py": "import pytest\n@pytest.hookimpl(wrapper=True)\n"
            "def pytest_pycollect_makeitem():\n  found = yield\n"
            "  for each in found or ():\n    each.add_marker(pytest.mark.postmortem('PM-1'))\n"
            "  return found\n"
        },
    ),
    "a hook that calls a helper": Suite(
        TEST,
        "UNN",
        {
            "conftest.py": "from shop_marks import link\n"
            "def pytest_itemcollected(item): link(item)\n",
            "shop_marks.py": "import pytest\ndef link(item):\n"
            "  item.add_marker(pytest.mark.postmortem('PM-1'))\n",
        },
    ),
    "a hook that is imported": Suite(
        TEST,
        "UNN",
        {
            "conftest.py": "from shop_marks import pytest_itemcollected\n",
            "shop_marks.py": "import pytest\ndef pytest_itemcollected(item):\n"
            "  item.add_marker(pytest.mark.postmortem('PM-1'))\n",
        },
    ),
    "a name in a class of ids": Suite(
        f"class Ids:\n  LOGIN = 'PM-1'\n@mark.postmortem(Ids.LOGIN)\n{TEST}", "LNN"
    ),
    "a namespace": Suite(
        "from types import SimpleNamespace as S\nids = S(login='PM-1')\n"
        f"@mark.postmortem(ids.login)\n{TEST}",
        "UUU",
    ),
    "a choice": Suite(
        f"import sys\n@(mark.postmortem('PM-1') if sys.argv else mark.postmortem('PM-2'))\n{TEST}",
        "UUN",
    ),
    "decorators in one": Suite(
        "def all_of(*marks):\n  def wrap(f):\n    for each in marks: f = each(f)\n    return f\n"
        f"  return wrap\n@all_of(mark.postmortem('PM-1'), mark.slow)\n{TEST}{TWO}",
        "ULN",
    ),
    "a method of a class": Suite(
        "class Guard:\n  @staticmethod\n  def of(id): return mark.postmortem(id)\n"
        f"@Guard.of('PM-1')\n{TEST}",
        "UUU",
    ),
    "a test of a class by hand": Suite(
        "def check(self): pass\nclass TestA:\n  test_a = mark.postmortem('PM-1')(check)\n", "UNN"
    ),
    "a test of another test file": Suite(
        "from .test_b import TestShared\n",
        "LNN",
        {
            "tests/test_b.py": f"{HEAD}@mark.postmortem('PM-1')\nclass TestShared:\n"
            "  def test_a(self): pass\n"
        },
    ),
    "exported by the package": Suite(
        f"from . import pm\nfrom tests import ID\n@pm\n@mark.postmortem(ID)\n{TEST}",
        "LNN",
        {"tests/marks.py": MARKS, "tests/__init__.py": "from .marks import *\n"},
    ),
    "modules that import each other": Suite(
        f"from .one import pm\n@pm\n{TEST}",
        "LNN",
        {
            "tests/one.py": "from .marks import pm\nfrom . import two\n",
            "tests/two.py": "from . import one\n",
            "tests/marks.py": MARKS,
        },
    ),
    "a sorted set": Suite(f"@mark.postmortem(*sorted({{'PM-2', 'PM-1'}}))\n{TEST}", "UUU"),
    "texts side by side": Suite(f"@mark.postmortem('PM-' '1')\n{TEST}", "LNN"),
    "a walrus": Suite(f"@(pm := mark.postmortem('PM-1'))\n{TEST}", "UNN"),
    "a mark of a fixture of a conftest": Suite(
        "@pytest.mark.usefixtures('linked')\n" + TEST,
        "UNN",
        {
            "tests/conftest.py": "import pytest\n@pytest.fixture\ndef linked(request):\n"
            "  request.node.add_marker(pytest.mark.postmortem('PM-1'))\n"
        },
    ),
    "a base class with marked tests": Suite(
        "from .base import Base\nclass TestA(Base): pass\n",
        "LNN",
        {
            "tests/base.py": f"{HEAD}class Base:\n  @mark.postmortem('PM-1')\n"
            "  def test_x(self): pass\n"
        },
    ),
    "a base class whose code marks": Suite(
        "from .base import Base\nclass TestA(Base):\n  def test_a(self): pass\n",
        "UNN",
        {
            "tests/base.py": f"{HEAD}class Base:\n  @pytest.fixture(autouse=True)\n"
            "  def _link(self, request): request.node.add_marker(mark.postmortem('PM-1'))\n"
        },
    ),
    "base classes of base classes": Suite(
        "from .base import Low\nclass TestA(Low):\n  def test_a(self): pass\n",
        "LLN",
        {
            "tests/base.py": "from .top import Top\nfrom .marks import PM\n"
            "@PM('PM-2')\nclass Low(Top): pass\n",
            "tests/top.py": "from .marks import Base\nclass Top(Base): pass\n",
            "tests/marks.py": MARKS,
        },
    ),
    "a name that is deleted": Suite(f"pm = mark.postmortem('PM-1')\n@pm\n{TEST}del pm\n", "LNN"),
    "the name of a loop": Suite(
        f"for id in ('PM-1', 'PM-2'):\n  pm = mark.postmortem(id)\n@pm\n{TEST}", "UUU"
    ),
    "a test in a loop": Suite(
        "for n in (1, 2):\n  @mark.postmortem(f'PM-{n}')\n  def check(): pass\n"
        "  globals()[f'test_{n}'] = check\n",
        "UUU",
    ),
    "a function that is a test by another name": Suite(
        "@mark.postmortem('PM-1')\ndef check(): pass\ntest_a = check\n", "UNN"
    ),
    "a helper that is marked and no test": Suite(
        f"@mark.postmortem('PM-1')\ndef check(): pass\n{TEST}", "NNN"
    ),
    "a global statement": Suite(
        "ID = 'PM-1'\ndef change():\n  global ID\n  ID = 'PM-2'\nchange()\n"
        f"@mark.postmortem(ID)\n{TEST}",
        "UUU",
    ),
    "a constant of a function": Suite(
        f"def make(n):\n  id = f'PM-{{n}}'\n  return mark.postmortem(id)\n@make(1)\n{TEST}", "UUU"
    ),
    "a pattern of a text": Suite(
        f"import re\ndef test_a(): re.compile('postmortem')\n{TWO}", "NLN"
    ),
    "all marks under another name": Suite(
        f"from pytest import mark as m\nfrom .own import of\n@of(m, 'postmortem')\n{TEST}",
        "UUU",
        {"tests/own.py": "def of(marks, name): return getattr(marks, name)('PM-1')\n"},
    ),
    "all marks of a module that names none": Suite(
        f"from .own import m\n@getattr(m, 'postmortem')('PM-1')\n{TEST}",
        "UUU",
        {"tests/own.py": "import pytest\nm = pytest.mark\n"},
    ),
    "all marks of a module that names none, to a function of another": Suite(
        f"from .own import m\nfrom .other import of\n@of(m, 'postmortem')\n{TEST}",
        "UUU",
        {
            "tests/own.py": "from .again import n as m\n",
            "tests/again.py": "import pytest\nn = pytest.mark\n",
            "tests/other.py": "def of(marks, name):\n"
            "  for n in (1,): return getattr(marks, name)('PM-1')\n",
        },
    ),
    "a function that makes any mark": Suite(
        f"from .own import of\n@of('postmortem')('PM-1')\n{TEST}",
        "UUU",
        {"tests/own.py": "import pytest\ndef of(name): return getattr(pytest.mark, name)\n"},
    ),
    "a mark under a condition in a helper": Suite(
        f"from .own import guards\n@guards()\n{TEST}",
        "UNN",
        {
            "tests/own.py": f"{HEAD}import sys\nif sys.argv: pm = mark.postmortem('PM-1')\n"
            "else: pm = mark.slow\ndef guards(): return pm\n"
        },
    ),
    "a parameter with the name of a constant": Suite(
        "id = 'PM-3'\ndef guards(id):\n  x = 1\n  return mark.postmortem(id)\n"
        f"@guards('PM-1')\n{TEST}",
        "UUU",
    ),
    "a name of a class that is one of the module, too": Suite(
        "IDS = ['PM-3']\nclass TestA:\n  IDS = ['PM-1']\n  @mark.postmortem(*IDS)\n"
        "  def test_a(self): pass\n",
        "UUU",
    ),
    "the name of a loop that is one of the module, too": Suite(
        f"id = 'PM-3'\npytestmark = [mark.postmortem(id) for id in ('PM-1',)]\n{TEST}", "UUU"
    ),
    "further arguments": Suite(
        f"ID = 'PM-2'\nPM = mark.postmortem('PM-1')\n@PM(ID)\n{TEST}", "UUU"
    ),
    "further arguments by with_args": Suite(
        f"PM = mark.postmortem('PM-1').with_args('PM-2')\n@PM\n{TEST}", "UUU"
    ),
    "__getattr__": Suite(f"@mark.__getattr__('postmortem')('PM-1')\n{TEST}", "UUU"),
    "a module that is called mark": Suite(
        f"from . import mark as mark\n@mark.pm\n{TEST}", "LNN", {"tests/mark.py": MARKS}
    ),
    "a with statement": Suite(
        "import contextlib\ndef check(): pass\n"
        "with contextlib.nullcontext(mark.postmortem('PM-1')) as pm:\n  test_a = pm(check)\n",
        "UNN",
    ),
    "an imported test without a mark": Suite(
        f"from .marks import pm, test_in\n@pm\n{TEST}",
        "LNN",
        {"tests/marks.py": f"{MARKS}def test_in(): pass\n"},
    ),
    "marks of a set that are unpacked": Suite(
        "@mark.parametrize('n', [pytest.param(1, **{'marks': mark.postmortem('PM-1')})])\n"
        f"def test_a(n): pass\n{TWO}",
        "ULN",
    ),
    "a base class of two modules": Suite(
        "from .marks import Base\nclass Other(Base): pass\n"
        "class TestA(Other, Base):\n  def test_a(self): pass\n",
        "LNN",
        HELPERS,
    ),
    "generic and abstract": Suite(
        "import abc\nfrom typing import Generic, TypeVar\nT = TypeVar('T')\n"
        "class Base(abc.ABC, Generic[T]):\n  pytestmark = mark.postmortem('PM-1')\n"
        "class TestA(Base[int]):\n  def test_a(self): pass\n",
        "LNN",
    ),
}

STATES = {"L": "linked", "U": "not-judged", "N": "not-linked"}


@pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)
def test_code_never_calls_unlinked_what_a_run_links(
    pytester: pytest.Pytester, suite: Suite
) -> None:
    """It says linked, or that only a run shows it; and no command fails for that."""
    pytester.syspathinsert()
    files = {"tests/test_a.py": HEAD + suite.code, **suite.files}
    for path, code in files.items():
        (pytester.path / path).parent.mkdir(parents=True, exist_ok=True)
        (pytester.path / path).write_text(code)
    (pytester.path / "tests" / "__init__.py").touch()
    pytester.makeini(
        "[pytest]\npostmortem_registry = postmortems.yml\ntestpaths = tests\n"
        "markers =\n  slow\n  x\n  test_a\n  test_b\n"
    )
    registry = "".join(f"- {{id: {id}, title: Title}}\n" for id in IDS)
    (pytester.path / "postmortems.yml").write_text(registry)

    run = pytester.runpytest_inprocess("-q", "--postmortem-report=json:run.json")
    status = main(["list", "--report=json:code.json"])

    assert run.ret == pytest.ExitCode.OK
    ran = json.loads((pytester.path / "run.json").read_text())
    said = json.loads((pytester.path / "code.json").read_text())
    states = {each["id"]: each["state"] for each in said["incidents"]}
    linked = {each["id"] for each in ran["incidents"] if each["tests"]}
    assert status == 0
    assert {id for id in linked if states[id] == "not-linked"} == set()
    assert {id for id, state in states.items() if state == "linked"} - linked == set()
    assert states == {id: STATES[word] for id, word in zip(IDS, suite.states, strict=True)}
