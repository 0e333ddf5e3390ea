"""What is missing without the fix, from end to end: was it missing at the time, too?"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from prove_repository import Repository, table
from repositories import Files

pytestmark = pytest.mark.slow

PROVEN = "proven"
AT_FIX = "proven at fix"
WEAK = "weak"
BROKEN = "broken"

SHOP = """\
class Shop:
    def __init__(self):
        self.open = True{init}

    def sell(self, n):
        for hook in self.hooks:
            hook(n)
        return n
"""

NOTIFIED = """\
def notify(n{more}):
    return n

def sell(n):
    return notify(n, True)
"""

OPTIONAL = """\
def sell(n):
    {before}import orjson
    {after}return n
"""

STUB = """\
    import builtins
    real = builtins.__import__

    def without(name, *rest):
        if name == "orjson":
            raise ImportError("taken away")
        return real(name, *rest)

    builtins.__import__ = without
    try:
        assert sell(1) == 1
    finally:
        builtins.__import__ = real
"""

WRAPPED = """\
class Order:
    def __init__(self, n{more}):
        self.n = n

def order(*args, **kwargs):
    return Order(*args, **kwargs)
"""

CASES: dict[str, tuple[Files, Files, Sequence[str]]] = {
    "attribute": (
        {"attribute.py": SHOP.format(init="")},
        {
            "attribute.py": SHOP.format(init="\n        self.hooks = []"),
            "test_attribute.py": "    from attribute import Shop\n    assert Shop().sell(1) == 1\n",
        },
        (
            PROVEN,
            "fails without <attribute>: AttributeError: 'Shop' object has no attribute 'hooks'",
        ),
    ),
    "arity": (
        {"arity.py": NOTIFIED.format(more="")},
        {
            "arity.py": NOTIFIED.format(more=", is_new=False"),
            "test_arity.py": "    from arity import sell\n    assert sell(1) == 1\n",
        },
        (
            PROVEN,
            "fails without <arity>: TypeError: notify() takes 1 positional argument but 2 were"
            " given",
        ),
    ),
    "elsewhere": (
        {
            "elsewhere.py": "def notify(n):\n    return n\n",
            "caller.py": "import elsewhere\n\ndef sell(n):\n    return elsewhere.notify(n, True)\n",
        },
        {
            "elsewhere.py": "def notify(n, is_new=False):\n    return n\n",
            "test_elsewhere.py": "    from caller import sell\n    assert sell(1) == 1\n",
        },
        (
            PROVEN,
            "fails without <elsewhere>: TypeError: notify() takes 1 positional argument but 2 were"
            " given",
        ),
    ),
    "stub": (
        {"stub.py": OPTIONAL.format(before="", after="")},
        {
            "stub.py": OPTIONAL.format(
                before="try:\n        ", after="except ImportError:\n        pass\n    "
            ),
            "test_stub.py": f"    from stub import sell\n{STUB}",
        },
        (PROVEN, "fails without <stub>: ImportError: taken away"),
    ),
    "passed-on": (
        {"passed.py": WRAPPED.format(more="")},
        {
            "passed.py": WRAPPED.format(more=', currency=""'),
            "test_passed.py": "    from passed import order\n    assert order(1, '').n == 1\n",
        },
        (
            BROKEN,
            ": without <passed-on> something else is missing: TypeError: Order.__init__() takes"
            " 2 positional arguments but 3 were given",
            "this is not a proof",
        ),
    ),
    "new": (
        {"new.py": "def one():\n    return 1\n"},
        {
            "new.py": "def one():\n    return 1\n\ndef two():\n    return 2\n",
            "test_new.py": "    import new\n    assert new.two() == 2\n",
        },
        (
            WEAK,
            "needs a name added by the fix, and would fail on any older tree: AttributeError:"
            " module 'new' has no attribute 'two'",
            "the problem itself was not tested",
        ),
    ),
}
"""The bug, its fix with a test, and what is said of it."""


def test_what_old_code_itself_missed_is_the_problem(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line that stood there before the fix asks for what only the fix brought; what a test
    passes on, or asks for itself, is no proof.
    """
    for id, (before, after, _) in CASES.items():
        repository.fixed(id, before, {path: linked(id, text) for path, text in after.items()})
    repository.register()

    status, said = repository.prove(capsys)

    rows = {
        id: [told[0], f"test_it {told[1]}".replace(" :", ":"), *told[2:]]
        for id, (*_, told) in CASES.items()
    }
    assert said == table(rows, "4 of 6 proven, 1 weak, 1 broken")
    assert status == 0


def linked(id: str, text: str | bytes | None) -> str:
    """Return a file, of which a test is one that is linked."""
    head = f'import pytest\n\n@pytest.mark.postmortem("{id}")\ndef test_it():\n'
    return head + str(text) if str(text).startswith("    ") else str(text)


PRICE = """\
def price(cents):
    return {price}


ONE = 1
TWO = 2
THREE = 3
FOUR = 4
"""

LATER = {
    "suppressed": """
from contextlib import suppress

def whole(cents):
    with suppress(Exception):
        return floor(price(cents))
    return 0
""",
    "uncaught": """
def whole(cents):
    return floor(price(cents))
""",
}
"""What was added to the module after the fix, which needs what it imports."""


def test_what_later_code_misses_is_no_proof(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where the code catches it: it is what the fix brought, and not the problem."""
    for id, more in LATER.items():
        test = f"    from {id} import whole\n    assert whole(200) == 2\n"
        repository.fixed(
            id,
            {f"{id}.py": PRICE.format(price="cents // 100")},
            {f"{id}.py": "from math import floor\n\n" + PRICE.format(price="floor(cents / 100)")},
        )
        text = (repository.folder / f"{id}.py").read_text() + more
        repository.commit({f"{id}.py": text, f"test_{id}.py": linked(id, test)})
    repository.register()

    _, said = repository.prove(capsys, "-v")

    missing = "without the fix something else is missing: NameError: name 'floor' is not defined"
    assert said.count(f"tried patch: {missing}") == 2, said
    assert said.splitlines()[-1].startswith("0 of 2 proven"), said


SEVERAL = """\
import pytest
from several import price, tax

@pytest.mark.postmortem("several")
class TestSeveral:
    def test_price(self):
        assert price(500) == 5

    def test_nothing(self):
        assert price(0) == 0

    def test_tax(self):
        assert tax(0) == 0
"""


def test_only_a_test_that_runs_the_lines_of_the_fix_is_hollow(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside one that is proven, too."""
    text = "def tax(cents):\n    return 0\n\n\ndef price(cents):\n    return cents {}\n"
    repository.fixed(
        "several",
        {"several.py": text.format("/ 10")},
        {"several.py": text.format("/ 100"), "test_several.py": SEVERAL},
    )
    repository.register()

    told = repository.prove(capsys)

    place = "test_several.py::TestSeveral::"
    rows = {
        "several": (
            "proven",
            "test_price fails without <several>: AssertionError: assert 50.0 == 5"
            " (1 of 3 linked tests)",
            f"{place}test_price: proven, fails without <several>: AssertionError: assert 50.0 == 5",
            f"{place}test_nothing: not proven, passes without <several>, though it runs its lines",
            f"{place}test_tax: not reached, passes without <several>, and never runs its lines"
            " here",
        )
    }
    assert told == (0, table(rows, "1 of 1 proven"))
