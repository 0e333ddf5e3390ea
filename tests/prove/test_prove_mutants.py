"""The mutants of source: what each kind changes, what is never changed, and where they run."""

from __future__ import annotations

import ast
import sys

import pytest

from pytest_postmortem.prove.mutants import CodeVersions, find_effect_places, find_mutants


def changes(text: str, *lines: int) -> list[tuple[int, str]]:
    """Return the line and the changed line of each mutant, of some lines or all."""
    ranges = [(line, line) for line in lines] or [(1, text.count("\n") + 1)]
    return [(mutant.line, mutant.after) for mutant in find_mutants(text, ranges)]


def within(statement: str, head: str = "def f(a, b, c, d=None):\n    x = {}\n") -> list[str]:
    """Return the changed lines of a statement in a function."""
    indented = "".join(f"    {line}\n" for line in statement.splitlines())
    first = head.count("\n") + 1
    lines = range(first, first + indented.count("\n"))
    return [after for _, after in changes(head + indented, *lines)]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("return a < b", ["return a <= b"]),
        ("return a <= b", ["return a < b"]),
        ("return a > b", ["return a >= b"]),
        ("return a >= b", ["return a > b"]),
        ("return a == b", ["return a != b"]),
        ("return a != b", ["return a == b"]),
        ("return a is b", ["return a is not b"]),
        ("return a is not b", ["return a is b"]),
        ("return a in b", ["return a not in b"]),
        ("return a not in b", ["return a in b"]),
        ("return a < b <= c", ["return a <= b <= c", "return a < b < c"]),
        ("return (a) < (b)", ["return (a) <= (b)"]),
        ("return a.b and c.d and d", ["return None", "return a.b or c.d and d"]),
        ("return a or b", ["return None", "return a and b"]),
        ("return not a", ["return None", "return a"]),
        ("return not(a)", ["return None", "return (a)"]),
        ("return 1", ["return 2"]),
        ("return True", ["return False"]),
        ("return 0.5", ["return 1.5"]),
        ('return "a"', ['return ""']),
        ('return b"a"', ['return b""']),
        ("return None", []),
        ('return ""', []),
        ("return a[-1:]", ["return None", "return a[-2:]"]),
        ("return a + b", ["return None", "return a - b"]),
        ("return a - b", ["return None", "return a + b"]),
        ("return a * b", ["return None", "return a / b"]),
        ("return a // b", ["return None", "return a * b"]),
        ("return a % b", ["return None", "return a * b"]),
        ("return a ** b", ["return None", "return a * b"]),
        ("return a << b", ["return None", "return a >> b"]),
        ("return a & b", ["return None", "return a | b"]),
        ("return a | b", ["return None", "return a & b"]),
        ("return a ^ b", ["return None", "return a & b"]),
        ('return "%s" % a', ["return None", 'return "" % a']),
        ("a += b", ["pass", "a -= b"]),
        ("a(b)", ["pass"]),
        ("a.b = c", ["pass"]),
        ("a[b] = c", ["pass"]),
        ("del a[b]", ["pass"]),
        ("a = b", ["pass"]),
        ("new = b", []),
        ("raise KeyError(a)", ["pass"]),
        ("raise Abort(404)", ["pass", "raise Abort(405)"]),
        ("return a if b else c", ["return None", "return a if not (b) else c"]),
        ("x = [y for y in a if y]", ["pass", "x = [y for y in a if not (y)]"]),
        ("x = lambda: a < b", ["pass", "x = lambda: a <= b"]),
        ("x = [lambda: a < b]", ["pass", "x = [lambda: a <= b]"]),
        ("return a @ b", ["return None"]),
        ("x: Literal[1] = 1", ["pass", "x: Literal[1] = 2"]),
        ("new: int = 1", ["new: int = 2"]),
        ("return (a not  # no\n    in b)", []),
    ],
)
def test_an_expression_or_statement_is_changed(statement: str, expected: list[str]) -> None:
    """One operator, constant or statement in each mutant."""
    assert sorted(within(statement)) == sorted(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("if a.b:\n    c()\n", [(1, "if not (a.b):"), (1, "if False:")]),
        (
            "if a > b:\n    c()\n    d()\n",
            [(1, "if False:"), (1, "if a >= b:"), (2, "pass"), (3, "pass")],
        ),
        (
            "if a.b:\n    c()\nelse:\n    d()\n",
            [(1, "if False:"), (1, "if not (a.b):"), (2, "pass"), (4, "pass")],
        ),
        ("while a.b:\n    c.d += e\n", [(1, "while not (a.b):"), (2, "pass"), (2, "c.d -= e")]),
        (
            "for a in b:\n    if a:\n        continue\n    break\n",
            [
                (2, "if False:"),
                (2, "if not (a):"),
                (3, "break"),
                (4, "continue"),
            ],
        ),
        ("with lock:\n    a.b = c\n", [(1, "if True:"), (2, "pass")]),
        (
            "with lock, other(1) :  # two\n    a()\n",
            [(1, "if True:  # two"), (1, "with lock, other(2) :  # two"), (2, "pass")],
        ),
        ("with a as b:\n    b.c = d\n", [(2, "pass")]),
        ("with warnings.catch_warnings():\n    a.b = c\n", [(2, "pass")]),
        (
            "match a + b:\n    case 1:\n        b.c = d\n",
            [(1, "match a - b:"), (3, "pass")],
        ),
        (
            "if a.b:\n    c()\nelse:\n    def d():\n        return\n",
            [(1, "if False:"), (1, "if not (a.b):"), (2, "pass")],
        ),
        ("try:\n    a.b = c\nexcept:\n    d.e = f\n", [(2, "pass"), (4, "pass")]),
        (
            "try:\n    a.b = c\nexcept KeyError:\n    d.e = f\n",
            [(2, "pass"), (3, "except ():"), (4, "pass")],
        ),
        (
            "try:\n    a.b = c\nexcept (KeyError, ValueError):\n    pass\n",
            [(2, "pass"), (3, "except (ValueError,):"), (3, "except (KeyError,):")],
        ),
        (
            "try:\n    a.b = c\nexcept (TimeoutError, OSError):\n    pass\n",
            [(2, "pass"), (3, "except (TimeoutError,):")],
        ),
        ("try:\n    a.b = c\nexcept Exception:\n    pass\n", [(2, "pass")]),
        (
            "async def f():\n    return await g()\n",
            [(2, "return None"), (2, "return g()")],
        ),
        ("async def f():\n    async with a:\n        b()\n", [(2, "if True:"), (3, "pass")]),
        (
            "def f(a=1, *, b=C):\n    return\n",
            [(1, "def f(a=2, *, b=C):"), (1, "def f(a=1, *, b=None):")],
        ),
        ('@app.route("/a")\ndef f():\n    return\n', [(1, ""), (1, '@app.route("")')]),
        (
            "def f(a):\n    if a:\n        return\n    a.b = 1\n",
            [(2, "if False:"), (2, "if not (a):"), (4, "pass"), (4, "a.b = 2")],
        ),
    ],
)
def test_a_compound_statement_is_changed(text: str, expected: list[tuple[int, str]]) -> None:
    """Its condition, its branches, what it catches or holds, and what is in it."""
    assert sorted(changes(text)) == sorted(expected)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.11 brought groups of exceptions")
def test_what_a_handler_of_a_group_catches_stays() -> None:
    """Its body is changed."""
    text = "try:\n    a.b = c\nexcept* KeyError:\n    d.e = f\n"

    assert changes(text) == [(2, "pass"), (4, "pass")]


@pytest.mark.parametrize(
    "text",
    [
        'log.warning("a %s", b)\n',
        'self.logger.debug("a", 1)\n',
        'logging.getLogger("a").error("b")\n',
        "def __repr__(self):\n    return 'a' + self.b\n",
        'raise_ = ValueError("a")\n',
        'def f(a: int = None) -> "Literal[1]":\n    """Return 1."""\n',
        '__all__ = ["a", "b"]\n',
        '__version__ = "1.0"\n',
        'assert a > 1, "b"\n',
        "import a\n",
        "from a import b\n",
        "if TYPE_CHECKING:\n    a.b = 1\n",
        "if typing.TYPE_CHECKING:\n    a.b = 1\n",
        'T = TypeVar("T")\n',
        "x: TypeAlias = 'int'\n",
        "f = open(a, timeout=30)\n",
        "timeout = 30\n",
        "x = a.ljust(6)\n",
        "global a\n",
        "@functools.wraps(a)\ndef f():\n    pass\n",
        'x = f"a{b}"\n',
        "if sys.version_info >= (3, 12):\n    pass\n",
        'if __name__ == "__main__":\n    pass\n',
        "def f(:\n",
    ],
)
def test_what_no_test_should_notice_is_not_changed(text: str) -> None:
    """Logging, ``repr``, messages, types, docstrings, exports, assertions, the platform."""
    assert changes(text) == []


def test_the_code_behind_a_platform_check_is_changed() -> None:
    """The check is not."""
    assert changes("if sys.platform == 'win32':\n    a.b = 1\n") == [(2, "pass"), (2, "a.b = 2")]


def test_the_message_of_an_exception_or_a_warning_stays() -> None:
    """That it is raised or issued does not."""
    assert changes('raise ValueError("a" % b)\n') == [(1, "pass")]
    assert changes('warnings.warn("a", stacklevel=2)\n') == [(1, "pass")]
    assert changes('parser.add(a, help="b")\n') == [(1, "pass")]
    assert changes('a = ValueError("b {}".format(1))\n') == []
    assert changes('a = ValueError(_("b"))\n') == []
    assert changes("a = ValueError(code(1))\n") == [(1, "a = ValueError(code(2))")]


def test_only_the_lines_of_the_fix_are_changed() -> None:
    """A change counts by the line that it is on."""
    text = "a.b = c\nif (d >\n        1):\n    e()\nf()\n"

    assert changes(text, 3) == [(3, "2):")]
    assert changes(text, 4) == [(4, "pass")]


SEVERAL_LINES = """\
def f(a):
    send(
        a,
        key=(1 <
             2),
    )
    return [
        a,  # one < two
    ]


@first(
    1,
)
def g(): ...
"""


def test_every_mutant_is_python_with_the_same_lines() -> None:
    """Whatever is left out: line numbers of errors and of what runs stay."""
    mutants = list(find_mutants(SEVERAL_LINES, [(1, 20)]))

    assert len(mutants) == 7
    for mutant in mutants:
        assert mutant.text is not None
        ast.parse(mutant.text)
        lines, own = SEVERAL_LINES.splitlines(), mutant.text.splitlines()
        assert len(own) == len(lines)
        assert own[: mutant.line - 1] == lines[: mutant.line - 1]
        assert own[mutant.line - 1] != lines[mutant.line - 1]
        assert (own[0], own[-1]) == (lines[0], lines[-1])


def test_characters_of_several_bytes_and_form_feeds_move_nothing() -> None:
    """A syntax tree counts bytes, and its lines end at line feeds alone."""
    text = 'a = "é\x0c"; b = c < d\n'

    assert changes(text) == [(1, 'a = ""; b = c < d'), (1, 'a = "é\x0c"; b = c <= d')]


@pytest.mark.parametrize(
    ("text", "kind", "places"),
    [
        ("if a > 1:\n    b()\n    c()\n", "comparison", {1}),
        ("if a > 1:\n    b()\n    c()\n", "removed branch", {2}),
        ("if a:\n    b()\nelse:\n    c()\n    d()\n", "removed branch", {2}),
        ("def f(\n    a=1,\n):\n    return\n", "constant", {1}),
        ("@a\n@b(1)\ndef f():\n    return\n", "decorator", {3}),
        ("a(\n    1,\n)\n", "constant", {1}),
        ("try:\n    a()\nexcept KeyError:\n    b()\n", "except", {3}),
    ],
)
def test_a_mutant_has_an_effect_where_its_statement_runs(
    text: str, kind: str, places: set[int]
) -> None:
    """A function where it is called, and a branch that is left out where it would run."""
    mutant = next(each for each in find_mutants(text, [(1, 9)]) if each.kind == kind)

    assert mutant.places == places


def test_what_is_the_same_code_is_one_mutant() -> None:
    """A condition whose only statement is left out is a branch that never runs."""
    text = "def f(a):\n    if a > 1:\n        a.b = c\n"

    assert changes(text) == [(2, "if False:"), (2, "if a >= 1:"), (2, "if a > 2:")]


@pytest.mark.parametrize(
    ("first", "last", "places"),
    [(1, 1, {2, 4}), (2, 2, {2}), (5, 5, {6}), (6, 6, {6}), (7, 8, {7, 8}), (9, 9, {9})],
)
def test_lines_have_an_effect_where_their_statements_run(
    first: int, last: int, places: set[int]
) -> None:
    """A condition that was only evaluated has none."""
    text = (
        "if a:\n    b()\nelse:\n    c()\ntry:\n    d()\nexcept E:\n    e()\n"
        "@f\ndef g():\n    pass\n"
    )
    places = {10} if places == {9} else places

    assert find_effect_places(text, first, last) == places


@pytest.mark.parametrize(("line", "places"), [(1, set()), (2, {2}), (3, {3}), (4, {4}), (5, {5})])
def test_a_choice_of_cases_has_an_effect_where_one_is_chosen(line: int, places: set[int]) -> None:
    """A case that is matched reports its pattern, and its body by its statements."""
    text = "match a:\n    case 1:\n        b()\n    case 2:\n        c()\n"

    assert find_effect_places(text, line, line) - {1} == places


@pytest.mark.parametrize(
    ("text", "line", "is_new"),
    [
        ("a = 2\n\n# why\n", 1, True),
        ("a = 1\n\n# what\n", 3, False),
        ("a = (\n\n# why\n", 1, False),
        ("a = 1  # one\n\n# why\n", 1, False),
    ],
)
def test_a_version_is_new_if_it_is_other_code(text: str, line: int, is_new: bool) -> None:
    """A comment is none, nor is what is not Python; whichever way the version is given."""
    known = "a = 1\n\n# why\n"

    assert CodeVersions(known).add(text) is is_new
    assert CodeVersions(known).add_change(text, line) is is_new
