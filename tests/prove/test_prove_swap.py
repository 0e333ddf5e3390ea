"""The units of a fix, swapped in today's text: with the fix, and without it."""

from __future__ import annotations

import inspect
import reprlib
import textwrap
from collections.abc import Iterator
from types import ModuleType

import pytest

from pytest_postmortem.prove.ast_units import UnitText, parse_code_units, split_source_lines
from pytest_postmortem.prove.fix import FixError
from pytest_postmortem.prove.transplant import transplant_units

PLACES = """\
class A(Newer):
    new = 1

    def f(self):
        return {}

    def g(self): ...
"""
"""Today's text, in which the method has moved and changed."""

LOADS = """\
import json

def f():
    return json.loads({})
"""

PROPERTY = """\
class A:
    @property
    def x(self):
        return {}

    y = {}

    @x.setter
    def x(self, x):
        self._x = x
"""

OVERLOADS = """\
@overload
def f(a: int) -> int: ...
@overload
def f(a: str) -> str: ...
def f(a):
    return {}
"""

METHODS = """\
class A:
    def f(self):
        return {}
    {}
    def h(self): ...
"""

CASES: dict[str, tuple[str, str, str, str, str, tuple[str, ...]]] = {
    "function": (
        "def f():\n    return 1\n",
        "def f():\n    return 2\n",
        "import new\n\n\ndef f():\n    # why\n    return 2 + new.more\n\n\nlast = 1\n",
        "import new\n\n\ndef f():\n    return 2\n\n\nlast = 1\n",
        "import new\n\n\ndef f():\n    return 1\n\n\nlast = 1\n",
        ("f",),
    ),
    "method": (
        "class A:\n    def f(self):\n        return 1\n",
        "class A:\n    def f(self):\n        return 2\n",
        PLACES.format(3),
        PLACES.format(2),
        PLACES.format(1),
        ("A.f",),
    ),
    "function in a function": (
        "def f():\n    def g():\n        return 1\n    return g\n",
        "def f():\n    def g():\n        return 2\n    return g\n",
        "def f():\n    def g():\n        return 3\n    return g\n",
        "def f():\n    def g():\n        return 2\n    return g\n",
        "def f():\n    def g():\n        return 1\n    return g\n",
        ("f",),
    ),
    "class in a class": (
        "class A:\n    class B:\n        def f(self):\n            return 1\n",
        "class A:\n    class B:\n        def f(self):\n            return 2\n        x = 2\n",
        "class A:\n    class B:\n        def f(self):\n            return 3\n        x = 3\n",
        "class A:\n    class B:\n        def f(self):\n            return 2\n        x = 2\n",
        "class A:\n    class B:\n        def f(self):\n            return 1\n        pass\n",
        ("A.B.f", "A.B.x"),
    ),
    "coroutine": (
        "def f():\n    return 1\n",
        "async def f():\n    return 2\n",
        "async def f():\n    return 3\n\nnew = 1\n",
        "async def f():\n    return 2\n\nnew = 1\n",
        "def f():\n    return 1\n\nnew = 1\n",
        ("f",),
    ),
    "property": (
        PROPERTY.format(1, 1),
        PROPERTY.format(2, 1),
        PROPERTY.format(3, 3),
        PROPERTY.format(2, 3),
        PROPERTY.format(1, 3),
        ("A.x",),
    ),
    "setter": (
        "class A:\n    @property\n    def x(self):\n        return 1\n\n    y = 1\n",
        PROPERTY.format(1, 1),
        PROPERTY.format(3, 3),
        PROPERTY.format(1, 3),
        PROPERTY.format(1, 3).partition("    @x.setter")[0],
        ("A.x",),
    ),
    "setter that the fix removed": (
        PROPERTY.format(1, 1),
        "class A:\n    @property\n    def x(self):\n        return 2\n\n    y = 1\n",
        "class A:\n    @property\n    def x(self):\n        return 3\n\n    y = 3\n",
        "class A:\n    @property\n    def x(self):\n        return 2\n\n    y = 3\n",
        "class A:\n    @property\n    def x(self):\n        return 1\n"
        "    @x.setter\n    def x(self, x):\n        self._x = x\n\n    y = 3\n",
        ("A.x",),
    ),
    "overloads": (
        OVERLOADS.format(1),
        OVERLOADS.format(2),
        "import new\n" + OVERLOADS.format(3),
        "import new\n" + OVERLOADS.format(2),
        "import new\n" + OVERLOADS.format(1),
        ("f",),
    ),
    "decorator": (
        "def f(): ...\n",
        "@cached\ndef f(): ...\n",
        "@cached\ndef f(): new\n",
        "@cached\ndef f(): ...\n",
        "def f(): ...\n",
        ("f",),
    ),
    "assignment": (
        "A = 1\nB = 1\n",
        "A = 2\nB = 1\n",
        "A = 2  # seconds\nB = 3\n",
        "A = 2\nB = 3\n",
        "A = 1\nB = 3\n",
        ("A",),
    ),
    "annotation": (
        "A = 1\n",
        "A: int = 2\n",
        "new = 1\nA: int = 3\n",
        "new = 1\nA: int = 2\n",
        "new = 1\nA = 1\n",
        ("A",),
    ),
    "several names": (
        "A, B = 1, 1\n",
        "A, B = 2, 2\n",
        "A, B = 3, 3\n",
        "A, B = 2, 2\n",
        "A, B = 1, 1\n",
        ("(A, B)",),
    ),
    "attribute of a class from outside": (
        "class A: ...\n",
        "class A: ...\nA.__hash__ = None\n",
        "class A: ...\nA.__hash__ = None\nA.new = 1\n",
        "class A: ...\nA.__hash__ = None\nA.new = 1\n",
        "class A: ...\npass\nA.new = 1\n",
        ("A.__hash__",),
    ),
    "head of a class": (
        "class A(Old):\n    x = 1\n",
        "@total\nclass A(New, metaclass=Meta):\n    x = 1\n",
        '@total\nclass A(New, metaclass=Meta):\n    """Doc."""\n\n    x = 3\n',
        '@total\nclass A(New, metaclass=Meta):\n    """Doc."""\n\n    x = 3\n',
        'class A(Old):\n    """Doc."""\n\n    x = 3\n',
        ("A",),
    ),
    "head of a class on one line": (
        "class A(Old): pass\n",
        "class A(New): pass\n",
        "new = 1\nclass A(New): pass\n",
        "new = 1\nclass A(New): pass\n",
        "new = 1\nclass A(Old): pass\n",
        ("A",),
    ),
    "method that the fix brought": (
        "class A:\n    def f(self):\n        return 1\n",
        "class A:\n    def f(self):\n        return 2\n    def g(self): ...\n",
        METHODS.format(3, "def g(self): new"),
        METHODS.format(2, "def g(self): ..."),
        METHODS.format(1, "pass"),
        ("A.f", "A.g"),
    ),
    "method that is gone today": (
        "class A:\n    def f(self):\n        return 1\n",
        "class A:\n    def f(self):\n        return 2\n    def g(self): ...\n",
        "class A:\n    def f(self):\n        return 3\n",
        "class A:\n    def f(self):\n        return 2\n\n    def g(self): ...\n\n",
        "class A:\n    def f(self):\n        return 1\n",
        ("A.f", "A.g"),
    ),
    "method in an empty class": (
        "class A:\n    pass\n",
        "class A:\n    def f(self): ...\n",
        "class A:\n    def f(self): new\n",
        "class A:\n    def f(self): ...\n",
        "class A:\n    pass\n",
        ("A.f",),
    ),
    "method that the fix removed": (
        "class A:\n    x = 1\n    def __eq__(self, other): ...\n",
        "class A:\n    x = 1\n",
        "class A:\n    x = 3\n\nnew = 1\n",
        "class A:\n    x = 3\n\nnew = 1\n",
        "class A:\n    x = 3\n\n    def __eq__(self, other): ...\n\n\nnew = 1\n",
        ("A.__eq__",),
    ),
    "method that went up": (
        "class B:\n    x = 1\nclass A(B):\n    def f(self): ...\n    x = 1\n",
        "class B:\n    x = 1\n    def f(self): ...\nclass A(B):\n    x = 1\n",
        "class B:\n    x = 3\n    def f(self): ...\nclass A(B):\n    x = 3\n",
        "class B:\n    x = 3\n    def f(self): ...\nclass A(B):\n    x = 3\n",
        "class B:\n    x = 3\n    pass\nclass A(B):\n    x = 3\n\n    def f(self): ...\n\n",
        ("B.f", "A.f"),
    ),
    "class that the fix brought": (
        "def f(): return 1\n",
        "class A:\n    def g(self): ...\n\ndef f(): return A\n",
        "class A:\n    def g(self): ...\n    def h(self): ...\n\ndef f(): return A\n",
        "class A:\n    def g(self): ...\n    def h(self): ...\n\ndef f(): return A\n",
        "pass\n\ndef f(): return 1\n",
        ("f", "A"),
    ),
    "class that the fix removed": (
        "class A:\n    def g(self): ...\n\ndef f(): return A\n",
        "def f(): return 1\n",
        "import new\n\ndef f(): return 3\n",
        "import new\n\ndef f(): return 1\n",
        "import new\n\n\nclass A:\n    def g(self): ...\n\ndef f(): return A\n",
        ("f", "A"),
    ),
    "helper from then": (
        "def deep(): ...\ndef helper(): deep()\ndef f(): helper(1)\n",
        "def deep(): ...\ndef helper(): deep()\ndef f(): helper(2)\n",
        "def f(): new()\n",
        "def f(): helper(2)\n\ndef helper(): deep()\n\n\ndef deep(): ...\n\n",
        "def f(): helper(1)\n\ndef helper(): deep()\n\n\ndef deep(): ...\n\n",
        ("f",),
    ),
    "constant from then": (
        "LIMIT = 5\n\nclass A:\n    def f(self): return LIMIT\n",
        "LIMIT = 5\n\nclass A:\n    def f(self): return LIMIT + 1\n",
        "class A:\n    def f(self): return new\n",
        "\nLIMIT = 5\n\nclass A:\n    def f(self): return LIMIT + 1\n",
        "\nLIMIT = 5\n\nclass A:\n    def f(self): return LIMIT\n",
        ("A.f",),
    ),
    "import from then": (
        LOADS.format("1"),
        LOADS.format("2"),
        '"""Doc."""\nfrom __future__ import annotations\n\ndef f():\n    return orjson\n',
        '"""Doc."""\nfrom __future__ import annotations\nimport json\n\n'
        "def f():\n    return json.loads(2)\n",
        '"""Doc."""\nfrom __future__ import annotations\nimport json\n\n'
        "def f():\n    return json.loads(1)\n",
        ("f",),
    ),
    "import that the fix brought": (
        "def f():\n    return 1\n",
        LOADS.format("2"),
        LOADS.format("3"),
        LOADS.format("2"),
        "import json\n\ndef f():\n    return 1\n",
        ("f", "a statement"),
    ),
    "import that is gone today": (
        "def f():\n    return 1\n",
        LOADS.format("2"),
        "import orjson\n\ndef f():\n    return orjson\n",
        "import orjson\n\n\nimport json\n\ndef f():\n    return json.loads(2)\n",
        "import orjson\n\ndef f():\n    return 1\n",
        ("f", "a statement"),
    ),
    "import that the fix removed": (
        LOADS.format("1"),
        "def f():\n    return 2\n",
        "def f():\n    return 3\n",
        "def f():\n    return 2\n",
        "\nimport json\n\ndef f():\n    return json.loads(1)\n",
        ("f", "a statement"),
    ),
    "import from elsewhere": (
        "from old import g\n\ndef f(): g()\n",
        "from new import g, h\n\ndef f(): g()\n",
        "from new import g, h\nfrom newer import i\n\ndef f(): g()\n",
        "from new import g, h\nfrom newer import i\n\ndef f(): g()\n",
        "from new import g, h\n\nfrom old import g\n\nfrom newer import i\n\ndef f(): g()\n",
        ("a statement",),
    ),
    "name that is imported now": (
        "g = 1\n\ndef f(): g\n",
        "from new import g\n\ndef f(): g\n",
        "from new import g\n\ndef f(): g\n",
        "from new import g\n\ndef f(): g\n",
        "from new import g\n\ng = 1\n\n\ndef f(): g\n",
        ("a statement", "g"),
    ),
    "import that became a function": (
        "from old import g\n\ndef f(): g()\n",
        "def g(): ...\n\ndef f(): g()\n",
        "def g(): new\n\ndef f(): g()\n",
        "def g(): ...\n\ndef f(): g()\n",
        "\nfrom old import g\n\npass\n\ndef f(): g()\n",
        ("g", "a statement"),
    ),
    "helper that only the fix uses": (
        "def f(): return 1\n",
        "def helper(): return 2\ndef f(): return helper()\n",
        "def helper(): return 3\ndef f(): return helper()\n",
        "def helper(): return 2\ndef f(): return helper()\n",
        "pass\ndef f(): return 1\n",
        ("f", "helper"),
    ),
    "helper that others use today": (
        "def f(): return 1\n",
        "def helper(): return 2\ndef f(): return helper()\n",
        "def helper(): return 3\ndef f(): return helper()\ndef new(): helper()\n",
        "def helper(): return 2\ndef f(): return helper()\ndef new(): helper()\n",
        "def helper(): return 3\ndef f(): return 1\ndef new(): helper()\n",
        ("f", "helper"),
    ),
    "helper that another file uses": (
        "def f(): return 1\n",
        "def needed(): return 2\ndef f(): return needed()\n",
        "def needed(): return 3\ndef f(): return needed()\n",
        "def needed(): return 2\ndef f(): return needed()\n",
        "def needed(): return 3\ndef f(): return 1\n",
        ("f", "needed"),
    ),
    "one of several names that others use": (
        "def f(): return 1\n",
        "A, B = 1, 2\ndef f(): return A\n",
        "A, B = 1, 2\ndef f(): return A\ndef new(): return B\n",
        "A, B = 1, 2\ndef f(): return A\ndef new(): return B\n",
        "A, B = 1, 2\ndef f(): return 1\ndef new(): return B\n",
        ("f", "(A, B)"),
    ),
    "function that hides a builtin": (
        "def f(): open(1)\n",
        "def f(): open(1)\ndef open(path): ...\n",
        "def f(): open(1)\ndef open(path): new\n",
        "def f(): open(1)\ndef open(path): ...\n",
        "def f(): open(1)\npass\n",
        ("open",),
    ),
    "statement": (
        "register(1)\n",
        "register(2)\n",
        "new = 1\nregister(2)\n",
        "new = 1\nregister(2)\n",
        "new = 1\nregister(1)\n",
        ("a statement",),
    ),
    "statements that the fix removed": (
        "register(1)\nx = 1\nregister(2)\n",
        "x = 1\nregister(3)\n",
        "new = 1\nx = 1\nregister(3)\n",
        "new = 1\nx = 1\nregister(3)\n",
        "new = 1\nx = 1\nregister(1)\nregister(2)\n",
        ("a statement",),
    ),
    "statement and function that the fix removed": (
        "register(1)\ndef g(): ...\n",
        "register(2)\n",
        "new = 1\nregister(2)\n",
        "new = 1\nregister(2)\n",
        "new = 1\nregister(1)\n\ndef g(): ...\n\n",
        ("a statement", "g"),
    ),
    "statement that the fix brought": (
        "",
        "register(1)\nregister(2)\n",
        "register(2)\nnew = 1\nregister(1)\n",
        "register(2)\nnew = 1\nregister(1)\n",
        "pass\nnew = 1\npass\n",
        ("a statement",),
    ),
    "more of a list": (
        "__all__ = []\n__all__ += ['a']\n",
        "__all__ = []\n__all__ += ['b']\n",
        "__all__ = ['new']\n__all__ += ['b']\n",
        "__all__ = ['new']\n__all__ += ['b']\n",
        "__all__ = ['new']\n__all__ += ['a']\n",
        ("a statement",),
    ),
    "imports for types": (
        "if TYPE_CHECKING:\n    import a\n\ndef f(): return 1\n",
        "if TYPE_CHECKING:\n    import b\n\ndef f(): return 2\n",
        "if TYPE_CHECKING:\n    import b\n\ndef f(): return 3\n",
        "if TYPE_CHECKING:\n    import b\n\ndef f(): return 2\n",
        "if TYPE_CHECKING:\n    import a\n\ndef f(): return 1\n",
        ("f", "a statement"),
    ),
    "line ends of another system": (
        "def f():\r\n    return 1\r\n",
        "def f():\r\n    return 2\r\n",
        "new = 1\r\ndef f():\r\n    return 3\r\n",
        "new = 1\r\ndef f():\r\n    return 2\r\n",
        "new = 1\r\ndef f():\r\n    return 1\r\n",
        ("f",),
    ),
    "tabs": (
        "class A:\n\tdef f(self):\n\t\treturn 1\n",
        "class A:\n\tdef f(self):\n\t\treturn 2\n",
        "class A:\n\tnew = 1\n\tdef f(self):\n\t\treturn 3\n",
        "class A:\n\tnew = 1\n\tdef f(self):\n\t\treturn 2\n",
        "class A:\n\tnew = 1\n\tdef f(self):\n\t\treturn 1\n",
        ("A.f",),
    ),
    "no newline at the end": (
        "new = 1\ndef f(): return 1",
        "new = 1\ndef f(): return 2",
        "new = 1\ndef f(): return 3",
        "new = 1\ndef f(): return 2\n",
        "new = 1\ndef f(): return 1\n",
        ("f",),
    ),
    "letters of any kind": (
        "größe = 'é'\n",
        "größe = '日本'\n",
        "'''Über.'''\ngröße = 'new'\n",
        "'''Über.'''\ngröße = '日本'\n",
        "'''Über.'''\ngröße = 'é'\n",
        ("größe",),
    ),
    "form feeds": (
        "\x0c\ndef f(): return 1\n",
        "\x0c\ndef f(): return 2\n",
        "\x0c\nnew = '\u2028'\n\x0c\ndef f(): return 3\n\x0c\n",
        "\x0c\nnew = '\u2028'\n\x0c\ndef f(): return 2\n\x0c\n",
        "\x0c\nnew = '\u2028'\n\x0c\ndef f(): return 1\n\x0c\n",
        ("f",),
    ),
}
"""Before the fix, with it, and today → today's text with the units of the fix, and without."""


def needed(name: str) -> bool:
    """Say what other files use."""
    return name == "needed"


def text_of(source: str) -> UnitText:
    """Return the units of what is Python."""
    text = parse_code_units(source)
    assert text is not None
    return text


def differing(one: UnitText, other: UnitText) -> Iterator[str]:
    """Yield what two texts do not both have, or not alike; of a class, also what is in it."""
    for key in {*one.units, *other.units}:
        units = one.units.get(key), other.units.get(key)
        if units[0] is None or units[1] is None or units[0].dumped_code != units[1].dumped_code:
            yield str(key)


@pytest.mark.parametrize("name", CASES)
def test_units_are_as_the_fix_made_them_and_as_they_were_before(name: str) -> None:
    """Both texts are today's but for the fix, and differ by the fix alone."""
    old, new, today, fixed, before, names = CASES[name]

    assert transplant_units(old, new, today, needed) == (fixed, before)
    own = set(differing(text_of(fixed), text_of(before)))
    assert {each for each in own if not each.startswith(tuple(f"{each}." for each in names))} <= {
        *names
    }
    compile(fixed, "fixed", "exec")
    compile(before, "before", "exec")


IN_A = "class A:\n    def f(self): return {}\n"

NO_PYTHON = "a version of it can't be parsed as Python"
NO_CODE = "the fix changes no code in it, or only its order"
MISFIT = "its units do not fit today's text"

CHAIN = "".join(f"def h{n}(): return h{n + 1}()\n" for n in range(30))


@pytest.mark.parametrize(
    ("old", "new", "today", "why"),
    [
        ("def f(:", "x = 1", "x = 1", NO_PYTHON),
        ("x = 1", "print 'x'", "x = 1", NO_PYTHON),
        ("x = 1", "x = 2", "x = (", NO_PYTHON),
        (
            "def f():\n    '''Old.'''\n",
            "def f():\n    '''New.'''\n",
            "def f():\n    '''New.'''\n",
            NO_CODE,
        ),
        ("x = 1  # old", "x = 1  # new", "x = 1", NO_CODE),
        ("x = 1\ny = 1", "y = 1\nx = 1", "", NO_CODE),
        ("def f(): x(1)", "def f(): x(2)", "def g(): x(2)", "f no longer exists"),
        (IN_A.format(1), IN_A.format(2), "def f(): 2", "A.f no longer exists"),
        (IN_A.format(1), IN_A.format(2), "class A: ...", "A.f no longer exists"),
        (
            IN_A.format(1) + "    x = 1\n",
            IN_A.format(1),
            "class B: ...",
            "class A no longer exists",
        ),
        (
            IN_A.format(1),
            IN_A.format(2).replace("    ", "\t"),
            IN_A.format(3),
            "A.f has moved since",
        ),
        (
            IN_A.format(1).replace("    ", "\t"),
            IN_A.format(2),
            IN_A.format(3),
            "A.f has moved since",
        ),
        (
            IN_A.format(1).replace("    ", "\t") + "\tdef g(self): ...\n",
            IN_A.format(1).replace("    ", "\t"),
            IN_A.format(3),
            "class A has moved since",
        ),
        ("x = 1", "x = 2", "x = 2\nx = 3", "x has moved since"),
        (
            "class A(B): ...",
            "class A(C): ...",
            "class A(D): ...",
            "the head of class A has changed since",
        ),
        (
            "register(1)",
            "register(2)",
            "register(3)",
            "a statement of the fix no longer exists",
        ),
        (
            "register(1)\nx = 1",
            "x = 2",
            "x = 3",
            "a statement that the fix removed has no place today",
        ),
        ("def g(): ...\nx = 1", "x = 2", "x = 3\ndef g(): ...", "g exists again today"),
        (
            "a = 1; b = 1",
            "a = 2; b = 2",
            "a = 2; b = 2",
            "several of its statements are on one line",
        ),
        ("a = 1\nb = 1", "a = 2\nb = 1", "a = 2; b = 1", MISFIT),
        ("class A(B): x = 1", "class A(B): x = 2", "class A(C): x = 2", MISFIT),
        (
            "class A(B): pass",
            "class A(C):\n    def f(self): ...\n",
            "class A(C):\n    def f(self): ...\n",
            MISFIT,
        ),
        (
            CHAIN + "def f(): h0(1)",
            CHAIN + "def f(): h0(2)",
            "def f(): new()",
            "its units need too many names that no longer exist",
        ),
        (
            "def f(): ...",
            "def f(): ...\nX = 2",
            "def f(): ...\nX = 2\ndef new(): return X",
            "nothing of the fix is left in today's text",
        ),
    ],
)
def test_what_has_no_place_today_is_said(old: str, new: str, today: str, why: str) -> None:
    """It is better to know nothing than to swap something else."""
    with pytest.raises(FixError) as caught:
        transplant_units(old, new, today)

    assert str(caught.value) == why


def test_a_brought_unit_that_has_another_form_today_is_taken_away_as_it_is() -> None:
    """With the fix it stays as it is today."""
    old = "def f(): return 1\n"
    new = "def helper(): ...\ndef f(): return helper()\n"
    today = "@overload\ndef helper(): ...\ndef helper(): new\ndef f(): return helper()\n"

    assert transplant_units(old, new, today) == (today, "pass\ndef f(): return 1\n")


def without(text: str, name: str) -> str:
    """Return a text in which a function does something else."""
    unit = next(unit for key, unit in text_of(text).units.items() if str(key) == name)
    ((start, end),) = unit.spans
    lines = split_source_lines(text)
    lines[start:end] = [f"{' ' * unit.column}def {unit.key.name}(): return 'old'\n"]
    return "".join(lines)


@pytest.mark.parametrize("module", [textwrap, reprlib])
def test_in_real_code_each_function_is_swapped_alone(module: ModuleType) -> None:
    """Wherever it stands today; all that stands around it is as it was, to the letter."""
    new = inspect.getsource(module)
    today = f"# today\n{new}\n\ndef later(): ...\n"
    units = text_of(new).units.items()
    names = [str(key) for key, unit in units if key.kind == "def" and len(unit.spans) == 1]

    for name in names:
        swapped = transplant_units(without(new, name), new, today)
        assert swapped == (today, without(today, name))
    assert len(names) > 10
