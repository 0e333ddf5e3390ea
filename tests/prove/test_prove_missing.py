"""Is a failure without the fix the problem itself, or only something that is not there any more?"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import ModuleType
from unittest import mock

import pytest

from pytest_postmortem.prove.child.import_hook import describe_exception
from pytest_postmortem.prove.diagnose import (
    FailureMeaning,
    NamesOfFix,
    classify_failure,
    collect_names_of_fix,
    find_unchanged_statement,
    list_defined_names,
)
from pytest_postmortem.prove.trial import RaisedFailure

SHOP, OTHER, TEST = "/shop/src/shop.py", "/shop/src/other.py", "/shop/tests/test_it.py"
LIBRARY = "/shop/.venv/lib/site-packages/library.py"

OLD = """\
import contextlib
import dataclasses
import enum
import json

LIMIT = 5

def helper(): ...

class Order:
    def __init__(self, n=1): self.n = n
    def pay(self, n): return renamed(n)
    def ship(self): return self.gone()
    def gone(self): ...

def total(n): return n
def unchanged(n): return n

@contextlib.contextmanager
def managed(n): yield

@dataclasses.dataclass
class Item:
    size: int

class Size(enum.Enum):
    SMALL = 1
"""

NEW = """\
import contextlib
import dataclasses
import enum
import json
import decimal

LIMIT = 5

def helper(): ...

class Order:
    def __init__(self, n=1, currency=""): self.n = n
    def pay(self, n, twice=False): return n
    def ship(self): return self.gone()
    def gone(self): ...
    async def refund(self): self.refunded = True

def total(n, *, rounded=False): return n
def unchanged(n): return n
def new(): ...

@contextlib.contextmanager
def managed(n, new=1): yield

@dataclasses.dataclass
class Item:
    size: int
    colour: int = 0

class Size(enum.Enum):
    SMALL = 1
    HUGE = 2
"""

TODAY = NEW.replace("gone", "left").replace("def renamed", "def other")


@pytest.fixture
def shop() -> Iterator[Mapping[str, object]]:
    """The source without the fix, imported from where it never lay."""
    modules = {}
    for name, path, text in (
        ("shop", SHOP, OLD),
        ("other", OTHER, "import shop\ndef call(): return shop.new()\n"),
        ("library", LIBRARY, "def call(thing): return thing.fileno()\n"),
    ):
        module = modules[name] = sys.modules[name] = ModuleType(name)
        exec(compile(text, path, "exec"), module.__dict__)
    yield modules
    for name in modules:
        del sys.modules[name]


def known(then: str | None = OLD) -> NamesOfFix:
    """Return what is known of the names of the fix; ``then`` is the file before it."""
    was = {SHOP: then}
    return collect_names_of_fix("/shop", [TEST], {SHOP: (OLD, NEW)}, lambda: [TODAY], was.get)


def failure_of(code: str, names: Mapping[str, object], path: str = TEST) -> RaisedFailure:
    """Return what a file raises that really runs, as a run notes it."""
    own = {**names, "mock": mock, "monkeypatch": pytest.MonkeyPatch()}
    try:
        exec(compile(code, path, "exec"), own)
    except BaseException as error:
        data = describe_exception(error)
    frames = [(file, line, name) for file, line, name in data["frames"] if file != __file__]
    return RaisedFailure(
        data["type"],
        tuple(data["bases"]),
        data["message"],
        data["name"],
        tuple(data["names"]),
        tuple(frames),
    )


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("assert shop.total(1) == 2", "problem"),
        ("shop.total(1) / 0", "problem"),
        ("raise SystemExit(1)", "problem"),
        # The test uses what the fix brought.
        ("shop.new()", "weak"),
        ("from shop import new", "weak"),
        ("import shop.new", "weak"),
        ("import importlib; importlib.import_module('shop.new')", "weak"),
        ("shop.Order().refund()", "weak"),
        ("shop.Order().refunded", "weak"),
        ("shop.total(1, rounded=True)", "weak"),
        ("shop.Order(currency='')", "weak"),
        ("shop.Order().pay(1, 2)", "weak"),
        ("shop.total(1, 2)", "weak"),
        ("shop.total()", "weak"),
        ("mock.patch('shop.new').start()", "weak"),
        ("mock.patch.object(shop.Order, 'refund').start()", "weak"),
        ("mock.Mock(spec=shop).new", "weak"),
        ("monkeypatch.setattr(shop, 'new', 1)", "weak"),
        ("monkeypatch.setattr('shop.new', 1)", "weak"),
        ("monkeypatch.setattr('shop.new.deep', 1)", "weak"),
        ("monkeypatch.delattr(shop, 'new')", "weak"),
        ("import pytest; pytest.raises(KeyError, shop.total, 1, rounded=True)", "weak"),
        ("with shop.managed(1, new=2): pass", "weak"),
        ("import dataclasses; dataclasses.replace(shop.Item(1), colour=2)", "weak"),
        ("shop.Size.HUGE", "weak"),
        ("new()", "weak"),
        # The test uses what is missing without the fix having brought it.
        ("shop.nothing", "problem"),
        ("shop.unchanged(1, 2)", "problem"),
        ("len(1)", "problem"),
        ("mock.patch('shop.nothing').start()", "problem"),
        ("None.strip()", "problem"),
        ("None.refunded", "problem"),
        ("shop.total('text').refund()", "problem"),
        ("nothing", "problem"),
        ("def f():\n    value\n    value = 1\nf()", "problem"),
        # Source calls what the fix brought, or what the fix made it not call.
        ("other.call()", "broken"),
        ("shop.Order().pay(1)", "problem"),
        # Neither does it: a library, or code that stands in no file.
        ("library.call(shop.Order())", "problem"),
        ("library.call(1)", "problem"),
        ("eval('no_name')", "problem"),
        ("eval('1 +')", "problem"),
        ("import sys; sys.modules['shop.x'] = None; import shop.x", "problem"),
    ],
)
def test_what_a_failure_in_a_test_means(
    shop: Mapping[str, object], code: str, expected: FailureMeaning
) -> None:
    """Only what a test asks for in its own body makes it weak, tools that patch included."""
    assert classify_failure(failure_of(code, shop), known()) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("assert False", "problem"),
        ("{}['no key']", "problem"),
        ("shop.new()", "broken"),
        ("shop.total(1, rounded=True)", "broken"),
        ("shop.Order().left()", "problem"),
        ("from shop import no_such", "broken"),
        ("import no_such_module", "broken"),
        ("import sys; sys.modules['shop.x'] = None; import shop.x", "problem"),
        ("import importlib; importlib.import_module('no_such_module')", "problem"),
        ("helper()", "broken"),
        ("json", "broken"),
        ("never_there", "broken"),
        ("raise SyntaxError('old')", "broken"),
        ("len()", "problem"),
        ("def f():\n    value\n    value = 1\nf()", "problem"),
        ("import new_module", "broken"),
    ],
)
def test_what_a_failure_in_code_of_today_means(
    shop: Mapping[str, object], code: str, expected: FailureMeaning
) -> None:
    """A line that was not there before the fix may need what it brought."""
    found = failure_of(code, shop, SHOP)

    assert classify_failure(found, known(None)) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("shop.new()", "problem"),
        ("shop.Order().refund()", "problem"),
        ("shop.total(1, rounded=True)", "problem"),
        ("shop.total(1, 2)", "problem"),
        ("shop.total(*(1, 2))", "broken"),
        ("shop.total(1, **{'round' + 'ed': True})", "broken"),
        ("getattr(shop, 'n' + 'ew')", "broken"),
        ("shop.Order().pay(\n    1,\n    2,\n)", "problem"),
        ("never_there", "problem"),
        ("helper()", "broken"),
        ("from shop import new", "broken"),
    ],
)
def test_what_a_failure_in_old_code_means(
    shop: Mapping[str, object], code: str, expected: FailureMeaning
) -> None:
    """A line that stood there asks for what the fix brought: that is the problem. A name that the
    file had and has no more is lost, and what it passes on is a wish of somebody else.
    """
    found = failure_of(code, shop, SHOP)
    was = f"{OLD}\n{code}\n"
    whole = {SHOP: (f"{code}\n{OLD}", f"{code}\n{NEW}")}

    at_the_time = collect_names_of_fix("/shop", [TEST], whole)
    today = collect_names_of_fix("/shop", [TEST], whole, lambda: [TODAY], {SHOP: was}.get)

    assert [classify_failure(found, each) for each in (at_the_time, today)] == [expected, expected]


SCOPES = """\
class Shop:
    async def sell(self, n):
        if n and (
            self.open
        ):
            return pay(
                n,
            )
        return None

    def pay(self): return self.cash
"""


@pytest.mark.parametrize(
    ("line", "function", "statement"),
    [
        (2, "sell", "async def sell(self, n):"),
        (3, "sell", "if n and ( self.open ):"),
        (4, "sell", "if n and ( self.open ):"),
        (6, "sell", "return pay( n, )"),
        (7, "sell", "return pay( n, )"),
        (9, "sell", "return None"),
        (11, "pay", "def pay(self): return self.cash"),
        (9, "<lambda>", "return None"),
        (1, "Shop", "class Shop:"),
        (9, "pay", None),
        (9, "other", None),
        (10, "sell", None),
        (99, "sell", None),
    ],
)
def test_a_statement_stood_in_a_function_of_the_same_name(
    line: int, function: str, statement: str | None
) -> None:
    """All of its lines; those of what it holds are statements of their own."""
    moved = f"import new\n\n\n{SCOPES}"

    found = find_unchanged_statement(SCOPES, line, function, moved)

    assert (found and " ".join(found.split())) == statement
    assert (
        find_unchanged_statement(SCOPES, line, function, "def sell(self, n):\n    return n\n")
        is None
    )
    assert find_unchanged_statement(SCOPES, line, function, "def (") is None


def test_what_an_old_name_lost_is_no_proof(shop: Mapping[str, object]) -> None:
    """It was defined then, and nowhere is today; what is missing for a test it may miss itself."""
    code = "shop.Order.gone; delattr(shop.Order, 'gone'); shop.Order().ship()"
    in_old_code = failure_of(code, shop)
    in_test = failure_of("shop.Order().gone()", shop)

    assert in_old_code.name == in_test.name == "gone"
    assert classify_failure(in_old_code, known()) == "broken"
    assert classify_failure(in_test, known()) == "problem"


def test_names_that_other_code_has_lost_are_no_proof(shop: Mapping[str, object]) -> None:
    """Of other files nobody knows what they had; a name of Python itself was always there."""
    elsewhere = failure_of("never_there", shop, OTHER)
    assert classify_failure(failure_of("never_there", shop, SHOP), known(None)) == "broken"
    deleted = replace(failure_of("never_there", shop, SHOP), name="len")

    assert classify_failure(elsewhere, known()) == "broken"
    assert classify_failure(deleted, known()) == "broken"


def test_a_failure_of_which_nothing_is_known_is_the_problem() -> None:
    """There may be no lines, as of what C code raises."""
    for bases in (("ImportError",), ("NameError",), ("AttributeError",), ("SyntaxError",)):
        assert classify_failure(RaisedFailure(bases[0], bases), NamesOfFix("/shop")) == "problem"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (SHOP, "broken"),
        ("/shop/.venv/lib/python3/site-packages/shop.py", "problem"),
        ("/shopping/src/shop.py", "problem"),
        ("/usr/lib/python3/json/decoder.py", "problem"),
        ("<string>", "problem"),
    ],
)
def test_source_is_what_lies_in_the_checkout(path: str, expected: FailureMeaning) -> None:
    """Installed packages do not, wherever the environment lies."""
    failure = RaisedFailure("ImportError", ("ImportError",), "no", frames=((path, 1, "f"),))

    assert classify_failure(failure, NamesOfFix("/shop")) == expected


def test_a_replaced_file_is_source_wherever_it_lies() -> None:
    """As one that a link leads to."""
    known = NamesOfFix("/shop", replaced_files=frozenset(["/elsewhere/shop.py"]))
    failure = RaisedFailure(
        "ImportError", ("ImportError",), "no", frames=(("/elsewhere/shop.py", 1, ""),)
    )

    assert classify_failure(failure, known) == "broken"


def test_what_is_known_of_a_fix_is_read_from_its_files() -> None:
    """Which names it brought, whose parameters it changed, and what old files had."""
    found = known()

    assert found.brought_names == frozenset(
        "decimal currency twice refund refunded rounded new colour HUGE".split()
    )
    assert found.changed_signatures == {
        "__init__",
        "Order",
        "Item",
        "pay",
        "refund",
        "total",
        "managed",
    }
    names = "contextlib dataclasses enum json LIMIT helper Order total unchanged managed Item Size"
    assert found.modules == {SHOP: frozenset(names.split())}
    assert (found.root, found.tests, found.replaced_files) == (
        "/shop",
        frozenset([TEST]),
        frozenset([SHOP]),
    )


@pytest.mark.parametrize(
    "code",
    [
        "shop.Feature(required=True)",
        "shop.Feature(1, 2)",
        "shop.Secure(required=True)",
        "shop.Plain(1)",
        "shop.Entry(1, required=True)",
        "shop.Secure().send(1, required=True)",
        "shop.make()(required=True)",
    ],
)
def test_a_parameter_whose_name_stood_elsewhere_is_the_need_of_the_test(
    code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Functions are told apart by their classes, and a class by its fields."""
    old = """\
import dataclasses

class Feature:
    required = False
    def __init__(self, n=0): self.n = n
    def send(self, n): ...

class Secure(Feature): ...

class Plain: ...

@dataclasses.dataclass
class Entry:
    n: int

def make():
    def inner(): ...
    return inner

class Other:
    def __init__(self): ...
    def inner(self): ...
    def send(self, n): ...
"""
    new = (
        old.replace("n=0)", "n=0, required=False)")
        .replace("Secure(Feature): ...", "Secure(Feature):\n    def send(self, n, required=0): ...")
        .replace("Plain: ...", "Plain:\n    def __init__(self, n): ...")
        .replace("    n: int\n", "    n: int\n    required: bool = False\n")
        .replace("inner():", "inner(required=False):")
    )
    shop = ModuleType("shop")
    monkeypatch.setitem(sys.modules, "shop", shop)
    exec(compile(old, SHOP, "exec"), shop.__dict__)
    fix_names = collect_names_of_fix("/shop", [TEST], {SHOP: (old, new)})

    assert "required" not in fix_names.brought_names
    assert classify_failure(failure_of(code, {"shop": shop}), fix_names) == "weak"


def test_today_is_looked_at_once_and_only_for_names_of_old() -> None:
    """All source there is may be much."""
    asked = []

    def today() -> Iterator[str]:
        asked.append(1)
        yield TODAY

    found = collect_names_of_fix("/shop", [], {SHOP: (OLD, NEW), OTHER: (None, None)}, today)

    assert not found.lost("nothing")
    assert asked == []
    assert found.lost("gone")
    assert not found.lost("helper")
    assert found.lost("gone")
    assert asked == [1]


def test_what_a_text_defines_is_every_name_that_it_gives() -> None:
    """Attributes, parameters and imports too; of what is no Python nothing is known."""
    text = "import a.b\nfrom c import d as e\nf, g = 1, 2\nh.i = 3\ndef j(k, *l, m=1, **n): o = p\n"

    assert sorted(list_defined_names([text])) == [
        "b",
        "e",
        "f",
        "g",
        "i",
        "j",
        "k",
        "l",
        "m",
        "n",
        "o",
    ]
    assert sorted(list_defined_names(["class q:\n    async def r(): ..."])) == ["q", "r"]
    assert list(list_defined_names(["def ("])) == []
