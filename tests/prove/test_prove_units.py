"""A Python text as units: what each scope defines, on which lines, and what that needs."""

from __future__ import annotations

import pytest

from pytest_postmortem.prove.ast_units import (
    UnitKey,
    find_module_names,
    is_same_code,
    parse_code_units,
    split_source_lines,
)
from pytest_postmortem.pysource.bindings import parse_python_tree

TEXT = '''\
"""The docstring does nothing."""
from __future__ import annotations

import os as system, sys

LIMIT: int = 3
one, two = 1, 2

@decorated
@twice(
    system
)
def plain(a=LIMIT):
    """Nor does this."""
    return a

class Outer(Base, metaclass=Meta):
    """Neither does this."""

    name = "x"

    @property
    def size(self):
        return one

    @size.setter
    def size(self, size):
        self._size = size

    class Inner:
        async def run(self):
            return helper()

class Short: pass

if sys.argv:
    def late(): ...
elif two:
    third = [fourth for fourth in ()]
register(plain)
'''


def test_each_scope_has_its_units_with_their_lines() -> None:
    """Decorators belong to what they decorate, a class is its head, and texts are none."""
    text = parse_code_units(TEXT)

    assert text is not None
    assert [(key.kind, str(key), unit.spans) for key, unit in text.units.items()] == [
        ("def", "Outer.Inner.run", ((30, 32),)),
        ("name", "Outer.name", ((19, 20),)),
        ("def", "Outer.size", ((21, 24), (25, 28))),
        ("class", "Outer.Inner", ((29, 30),)),
        ("import", "a statement", ((1, 2),)),
        ("import", "a statement", ((3, 4),)),
        ("name", "LIMIT", ((5, 6),)),
        ("name", "(one, two)", ((6, 7),)),
        ("def", "plain", ((8, 15),)),
        ("class", "Outer", ((16, 17),)),
        ("class", "Short", ((33, 34),)),
        ("statement", "a statement", ((35, 39),)),
        ("statement", "a statement", ((39, 40),)),
    ]
    assert text.ends == {"Outer": (32, 4), "Outer.Inner": (32, 8), "Short": (34, 13), "": (40, 0)}


def test_the_names_of_a_module_are_those_that_its_code_gives() -> None:
    """Under a condition too, and not those of its classes and functions."""
    names = (
        "annotations system sys LIMIT one two plain Outer Short late third fourth"  # of a loop too
    ).split()

    text = parse_code_units(TEXT)

    assert find_module_names(TEXT) == frozenset(names)
    assert text is not None
    assert list(text.bound) == names
    assert text.names(UnitKey("", "name", "(one, two)")) == ["one", "two"]
    assert text.names(UnitKey("", "def", "plain")) == ["plain"]
    assert text.names(UnitKey("Outer", "name", "name")) == []


@pytest.mark.parametrize(
    ("key", "names"),
    [
        (UnitKey("", "def", "plain"), ["decorated", "twice", "LIMIT", "a", "system"]),
        (UnitKey("Outer", "def", "size"), ["property", "one", "size", "self"]),
        (UnitKey("Outer.Inner", "def", "run"), ["helper"]),
        (
            UnitKey("", "class", "Outer"),
            ["Base", "Meta", "name", "property", "size", "one", "self", "helper"],
        ),
        (UnitKey("", "name", "(one, two)"), ["one", "two"]),
    ],
)
def test_a_unit_needs_the_names_that_it_reads(key: UnitKey, names: list[str]) -> None:
    """Of a class, those of all that is in it."""
    text = parse_code_units(TEXT)

    assert text is not None
    assert sorted(text.used(text.units[key])) == sorted(names)


def test_lines_of_a_text_in_a_method_may_begin_anywhere() -> None:
    """They are no code, however they are indented."""
    text = parse_code_units(
        'class A:\n    def f(self):\n        """Doc.\nno code\n"""\n        return gone\n'
    )

    assert text is not None
    assert text.used(text.units[UnitKey("A", "def", "f")]) == ["gone"]


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        (UnitKey("", "def", "f"), "f"),
        (UnitKey("A.B", "def", "f"), "A.B.f"),
        (UnitKey("", "name", "(a, b)"), "(a, b)"),
        (UnitKey("", "statement", "Expr()"), "a statement"),
        (UnitKey("A", "import", "Import()"), "a statement"),
    ],
)
def test_a_unit_is_shown_as_a_reader_knows_it(key: UnitKey, shown: str) -> None:
    """A statement has no name."""
    assert str(key) == shown


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("def f(): return 1", "def f():\n    '''Doc.'''\n    # why\n    return 1", True),
        ("def f(): pass", "def f(): 'Doc.'", True),
        ("def f(): return 1", "async def f(): return 1", False),
        ("def f(): return 1", "@d\ndef f(): return 1", False),
        ("def f(a): return 1", "def f(a=1): return 1", False),
        ("class f(A): x = 1", "class f(A):\n    '''Doc.'''\n    y = 2", True),
        ("class f(A): pass", "class f(B): pass", False),
        ("class f(A): pass", "class f(A, k=1): pass", False),
        ("class f(A): pass", "@d\nclass f(A): pass", False),
        ("f = 1", "f = (1)  # one", True),
        ("f = 1", "f: int = 1", False),
    ],
)
def test_what_a_unit_does_is_its_code(one: str, other: str, alike: bool) -> None:
    """Comments, docstrings and format do nothing; a class is its head."""
    texts = [parse_code_units(text) for text in (one, other)]

    assert texts[0] is not None
    assert texts[1] is not None
    first, second = (
        next(unit for key, unit in text.units.items() if key.name == "f") for text in texts if text
    )
    assert (first.dumped_code == second.dumped_code) is alike


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("x = 1", "x = (1)  # one", True),
        ("def f(): 'Doc.'", "def f():\n    'More of it.'\n    pass", True),
        ("'Doc.'\nclass A: 'Doc.'", "class A:\n    async def f(self): 'Doc.'", False),
        ("x = 1\ny = 2", "y = 2\nx = 1", False),
        ("def f(): return 'Doc.'", "def f(): return 'Dot.'", False),
        ("x = 'Doc.'", "x = 'Dot.'", False),
        ("x = (", "x = (", False),
        ("x = 1", "x = (", False),
    ],
)
def test_texts_are_alike_that_do_the_same(one: str, other: str, expected: bool) -> None:
    """Whatever their comments and docstrings; of what is no code nobody knows what it does."""
    assert is_same_code(one, other) is expected


@pytest.mark.parametrize(
    "text",
    ["def f(:", "\0", "x = " + "(" * 5000 + ")" * 5000, "print 'no'", "\ufeff\ufeffx = 1"],
    ids=["syntax", "null", "deep", "python 2", "marks"],
)
def test_what_is_no_code_has_no_units(text: str) -> None:
    """Whatever it is, nothing is raised."""
    assert parse_python_tree(text) is None
    assert parse_code_units(text) is None
    assert find_module_names(text) == frozenset()


def test_code_that_is_too_deep_has_no_units() -> None:
    """Python may run it, and can't compare it."""
    text = "x = " + " + ".join(["y"] * 1200) + "\n"

    assert compile(text, "deep.py", "exec")
    assert parse_code_units(text) is None
    assert not is_same_code(text, text)


def test_an_empty_text_has_no_units() -> None:
    """A package may be one."""
    text = parse_code_units("")

    assert text is not None
    assert (text.lines, text.units, text.ends) == ([], {}, {"": (0, 0)})


def test_lines_end_where_python_ends_them() -> None:
    """A form feed and a separator stand within a line."""
    assert split_source_lines("a\n\x0cb\x1c\u2028c\r\n\nd") == [
        "a\n",
        "\x0cb\x1c\u2028c\r\n",
        "\n",
        "d",
    ]
    assert split_source_lines("") == []
