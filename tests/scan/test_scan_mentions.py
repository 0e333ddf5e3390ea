"""Which tests of a file speak of an incident, where they do, and how likely they guard it."""

from __future__ import annotations

import sys

import pytest

from pytest_postmortem.model import Policy, Postmortem, Registry
from pytest_postmortem.scan.mentions import find_mentioning_tests
from pytest_postmortem.scan.search_index import build_search_index
from pytest_postmortem.scan.test_passages import _find_comments, _list_comment_tokens

URL = "https://github.com/acme/shop/issues/"
POSTMORTEMS = tuple(Postmortem(id, id, URL + id) for id in ("123", "456", "789"))
REGISTRY = Registry(POSTMORTEMS, {each.id: each for each in POSTMORTEMS})
KNOWN = build_search_index(REGISTRY, Policy(), [r"OPS-\d+"])


def mentioned(code: str | bytes) -> list[tuple[str, str, str, int, str]]:
    """Return for each mention its test, id, strength, line and why."""
    data = code.encode() if isinstance(code, str) else code
    found = find_mentioning_tests(data, KNOWN, ("postmortem",), ("test",), ("Test",))
    assert found is not None
    return [
        (tested.tests[0].name, each.id, each.strength, each.line, each.why)
        for tested in found
        for each in tested.mentions
    ]


@pytest.mark.parametrize(
    "name",
    ["TestLoginPM0003", "TestPM0003", "testPM0003", "test_camelPM0003", "testTheLeakedToken"],
)
def test_an_id_in_humps_is_mentioned(name: str) -> None:
    """The text of the file has it in no other form."""
    some = (Postmortem("PM-0003", ""), Postmortem("leaked-token", ""))
    own = build_search_index(Registry(some, {each.id: each for each in some}))
    inside = "class {}:\n  def test_a(self): 0" if name[0] == "T" else "def {}(): 0"

    found = find_mentioning_tests(inside.format(name).encode(), own, ("postmortem",))

    assert found
    assert [each.id for each in found[0].mentions] == [
        "leaked-token" if "Leaked" in name else "PM-0003"
    ]


def weighed(code: str) -> str:
    """Return strength and why of the only mention."""
    ((_, _, strength, _, why),) = mentioned(code)
    return f"{strength}: {why}"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def test_issue_123(): 0", "likely: its name names it"),
        ("class TestGH123:\n  def test_a(self): 0", "likely: the name of its class names it"),
        ("def test_a():\n  '''Issue 123.'''", "likely: its docstring names it"),
        (
            f"def test_a():\n  '''Text.\n\n  See {URL}123\n  '''",
            "likely: its docstring links to it",
        ),
        ("# issue 123\ndef test_a(): 0", "likely: the comment above it names it"),
        ("def test_a():  # GH 123\n  0", "likely: the comment at its start names it"),
        (
            "def test_a():\n  '''Text.'''\n  # #123\n  0",
            "likely: the comment at its start has its number",
        ),
        (
            "def test_a():\n  # Once charged twice (issue 123).\n  0",
            "likely: the comment at its start names it",
        ),
        (
            "def test_a():\n  0\n  # see GH#123: two of them\n  0",
            "likely: a comment in it names it",
        ),
        (
            "def test_a():\n  0\n  # Test that it lasts, issue 123\n  0",
            "likely: a comment in it names it",
        ),
        (
            "def test_a():\n  0\n  # This used to hang (issue 123)\n  0",
            "likely: a comment in it names it",
        ),
        ("def test_a():\n  0  # issue 123\n  0", "likely: a comment in it names it"),
        (
            "def test_a():\n  # A regression\n  # test for what is told in issue 123\n  0",
            "likely: the comment at its start names it, as a regression",
        ),
        ("@mark.issue(123)\ndef test_a(): 0", "likely: a decorator names it"),
        ("@pytest.mark.bug('123')\ndef test_a(): 0", "likely: a decorator names it"),
        (
            "@parametrize('n', [\n  # issue 123\n  1,\n])\ndef test_a(n): 0",
            "likely: a comment on its parameters names it",
        ),
        (
            "@parametrize('n', [param(1, id='issue 123')])\ndef test_a(n): 0",
            "possible: a text in a decorator names it",
        ),
        (
            "def test_a():\n  0\n  # as told (issue 123)\n  0",
            "possible: a comment in it names it, in passing",
        ),
        (
            "def test_a():\n  # Needs what issue 123 gave it\n  0",
            "possible: the comment at its start names it, in passing",
        ),
        (
            "def test_a():\n  # TODO: issue 123\n  0",
            "possible: the comment at its start names it, next to 'todo'",
        ),
        (
            "def test_a():\n  # related to issue 123\n  0",
            "possible: the comment at its start names it, next to 'related'",
        ),
        (
            "def test_a():\n  0\n  # assert f() == 1  # issue 123\n  0",
            "possible: a comment in it names it",
        ),
        *(
            (
                f"def test_a():\n  '''{text}'''",
                f"possible: its docstring names it, next to {word!r}",
            )
            for text, word in (
                ("Not a regression test for issue 123.", "not"),
                ("There is no regression test for issue 123 yet.", "no"),
                ("This isn't about issue 123.", "not"),
                ("This is not\n  about issue 123", "not"),
                ("Unlike issue 123, this one is about names.", "unlike"),
                ("Keys. Issue 123 does not apply here.", "does not apply"),
                ("Issue 123 isn't tested here", "isn't tested"),
                ("Not a regression test; see issue 123 for that.", "for that"),
            )
        ),
        *(
            (f"def test_a():\n  '''{text}'''", "likely: its docstring names it")
            for text in (
                "It does not fail, issue 123.",
                "Issue 123: the second one is not sorted.",
                "Must not raise for issue 123.",
                "This is not all. Issue 123 was about names.",
                "Issue 123: order does not matter.",
                "Issue 123, see there for details. The rest does not matter.",
            )
        ),
        (
            "def test_a():\n  # No regression test for the others\n  # yet; then issue 123\n  0",
            "possible: the comment at its start names it, in passing",
        ),
        ("def test_a():\n  # ticket 123\n  0", "possible: the comment at its start may name it"),
        (
            "def test_a():\n  # OPS-1\n  0",
            "likely: the comment at its start fits a configured pattern",
        ),
        (
            "@xfail(reason='issue 123')\ndef test_a(): 0",
            "known-broken: the reason of an xfail or a skip names it",
        ),
        (
            "@pytest.mark.skipif(X, reason='issue 123')\ndef test_a(): 0",
            "known-broken: the reason of an xfail or a skip names it",
        ),
        (
            "@unittest.skip('issue 123')\ndef test_a(): 0",
            "known-broken: the reason of an xfail or a skip names it",
        ),
        (
            "@thread_unsafe(reason='issue 123')\ndef test_a(): 0",
            "known-broken: the reason of an xfail or a skip names it",
        ),
        (
            "@parametrize('n', [param(1, marks=mark.xfail(reason='issue 123'))])\ndef test_a(n): 0",
            "known-broken: the reason of an xfail or a skip names it",
        ),
        (
            "# issue 123\n@pytest.mark.xfail\ndef test_a(): 0",
            "known-broken: the reason of an xfail or a skip names it",
        ),
        (
            "def test_a():\n  if X:\n    # issue 123\n    pytest.skip('later')\n  0",
            "known-broken: the reason of an xfail or a skip names it",
        ),
        (
            "import pytest\n@pytest.mark.xfail(strict=True)\ndef test_issue_123(): 0",
            "known-broken: its name names it, and it is xfailed",
        ),
        ("@XFAIL\ndef test_issue_123(): 0", "known-broken: its name names it, and it is xfailed"),
        (
            "@SKIP('slow')\ndef test_issue_123(): 0",
            "known-broken: its name names it, and it is skipped",
        ),
        ("@skip_if_no('x')\ndef test_issue_123(): 0", "likely: its name names it"),
        ("@SKIP(X)\ndef test_issue_123(): 0", "likely: its name names it"),
    ],
)
def test_where_it_stands_says_how_likely_it_is(code: str, expected: str) -> None:
    """The first thing that a text says is its subject, and what is said in passing is not."""
    assert weighed(code) == expected


@pytest.mark.parametrize(
    "comment",
    [
        "GH#123 - the first of two",
        "see gh-456, gh-123",
        "issue 456 & issue 123",
        "Test for #123",
        "regression: issue 123",
        "Text.\n  # issue 123",
        "Text that goes on\n  # issue 123",
        "GH#456 one\n  # GH#123 two",
        "from PR 123",
    ],
)
def test_a_comment_that_begins_with_it_is_about_it(comment: str) -> None:
    """Or a sentence of it, or a line that holds nothing else."""
    found = mentioned(f"def test_a():\n  0\n  # {comment}\n  0\n")

    assert [each[2] for each in found if each[1] == "123"] == ["likely"]


@pytest.mark.parametrize(
    "comment",
    [
        "the other\n  # issue 123 brought this along",
        "GH#456 the GH#123 way",
        "needs GH#123",
        "Ensure we use the right one (see issue 123)",
    ],
)
def test_a_comment_that_only_comes_to_it_is_not(comment: str) -> None:
    """A line that begins with it because it was wrapped says nothing."""
    found = mentioned(f"def test_a():\n  0\n  # {comment}\n  0\n")

    assert [each[2] for each in found if each[1] == "123"] == ["possible"]


def test_a_reason_is_what_stands_above_a_skip_and_not_above_what_skips() -> None:
    """``reader.skip(2)`` is what is tested."""
    for code in ("pytest.skip('x')", "self.skipTest('x')", "raise unittest.SkipTest", "skip('x')"):
        assert weighed(f"def test_a():\n  0\n  # issue 123\n  {code}").startswith("known-broken")
    for code in ("reader.skip(2)", "read(skip=1)", "skipped = 1"):
        assert weighed(f"def test_a():\n  0\n  # issue 123\n  {code}").startswith("likely")


def test_a_regression_of_numbers_is_another_thing() -> None:
    """Statistics are tested too."""
    assert weighed("def test_a():\n  0\n  # a linear regression as issue 123 has it\n  0") == (
        "possible: a comment in it names it, in passing"
    )
    assert weighed("def test_a():\n  0\n  # That is a regression (issue 123)\n  0") == (
        "likely: a comment in it names it, as a regression"
    )


def test_evidence_is_the_line_that_says_it() -> None:
    """Also where a backslash ends a line, or a text is written in parts."""
    code = (
        "@xfail(\n    reason='known, '\n    'see issue 456'\n)\n"
        'def test_a():\n    """\\\n    Text.\n\n    issue 123\n    """\n'
    )

    assert [(id, line) for _, id, _, line, _ in mentioned(code)] == [("456", 3), ("123", 9)]


def test_only_tests_are_read() -> None:
    """By the rules of pytest: no helper, no fixture, no class that is none of a test."""
    code = (
        "# issue 123\n\n"
        "'''issue 123'''\n"
        "def helper_issue_123(): 0\n"
        "class Helper:\n  def test_issue_123(self): 0\n"
        "class TestA:\n  # issue 123\n  x = 1\n\n  def test_a(self): 0\n"
        "def test_b():\n  x = 'issue 123'\n"
        "async def test_issue_456(): 0\n"
        "class Case(unittest.TestCase):\n  def testIssue789(self): 0\n"
    )

    assert [(name, id) for name, id, *_ in mentioned(code)] == [
        ("test_issue_456", "456"),
        ("Case::testIssue789", "789"),
    ]


def test_what_stands_in_texts_of_code_is_no_comment() -> None:
    """A sign in a string begins none, and a comment of the next test belongs to that."""
    code = (
        "def test_a():\n"
        "    x = '''\n# issue 123\n'''\n"
        "    assert '# issue 123'\n"
        "    # issue 456\n"
        "\n"
        "# issue 789\n"
        "def test_b(): 0\n"
    )

    assert [(name, id, line) for name, id, _, line, _ in mentioned(code)] == [("test_b", "789", 8)]


def test_the_strongest_mention_counts_and_what_is_broken_before_all() -> None:
    """Of several in one test, each incident is told once."""
    code = (
        "@skipif(X, reason='issue 456')\n"
        "def test_issue_456():\n"
        "    '''Related to issue 123.'''\n"
        "    # issue 123\n"
        "    0\n"
    )

    assert [(id, strength, line) for _, id, strength, line, _ in mentioned(code)] == [
        ("456", "known-broken", 1),
        ("123", "likely", 4),
    ]


def test_a_function_that_classes_share_is_told_once() -> None:
    """With each test that pytest makes of it."""
    code = (
        "class Base:\n  def test_issue_123(self): 0\n"
        "class TestA(Base): pass\nclass TestB(Base): pass\n"
    )

    (tested,) = find_mentioning_tests(code.encode(), KNOWN, ()) or ()

    assert [test.name for test in tested.tests] == [
        "TestA::test_issue_123",
        "TestB::test_issue_123",
    ]
    assert (tested.line, len(tested.mentions)) == (2, 1)


def test_lines_are_those_of_the_file() -> None:
    """Whatever ends them, and whatever the encoding."""
    for code in (
        "import x\r\n\r\ndef test_a():\r\n    # issue 123 é\r\n    0\r\n".encode(),
        "# coding: latin-1\n\ndef test_a():\n    # issue 123 é\n    0\n".encode("latin-1"),
        "\ufeffimport x\n\ndef test_a():\n    # issue 123 é\n    0\n".encode(),
        "import x\n\x0c\ndef test_a():\n    # issue 123 é\n    0\n".encode(),
    ):
        (tested,) = find_mentioning_tests(code, KNOWN, ()) or ()
        (mention,) = tested.mentions
        assert (mention.line, mention.text) == (4, "# issue 123 é")


@pytest.mark.parametrize(
    "code",
    [b"def test_issue_123(: 0", b"issue 123\0", b"# coding: nonsense\n", b"\xff issue 123"],
)
def test_what_is_no_python_is_told(code: bytes) -> None:
    """It is no file without a mention."""
    assert find_mentioning_tests(code, KNOWN, ()) is None


def test_a_file_without_any_token_is_not_even_parsed() -> None:
    """Nobody complains of what has nothing to do with it."""
    assert find_mentioning_tests(b"def broken(:", KNOWN, ()) == ()


@pytest.mark.parametrize(
    "comment",
    [
        "123 " * 5_000,
        "http://" * 5_000,
        "a " * 20_000,
        "(" * 50_000,
        "test " * 10_000,
        "x = " * 5_000,
    ],
    ids=lambda text: text[:5],
)
def test_no_comment_takes_long(comment: str) -> None:
    """A generated one may be as long as a book."""
    code = f"def test_a():\n  0\n  # {comment} issue 123 {comment}\n  0\n"

    assert [id for _, id, *_ in mentioned(code)] == ["123"]


@pytest.mark.parametrize(
    "code",
    [
        '"""Issue 123."""\ndef test_a(): 0',
        'class TestA:\n  """Issue 123."""\n  def test_a(self): 0',
        "# issue 123\n\ndef test_a(): 0",
        "def test_a():\n  pytest.xfail('issue 123')",
        "def test_a():\n  assert f(), 'issue 123'",
    ],
)
def test_what_is_not_read(code: str) -> None:
    """It speaks of other tests as well, or it is code."""
    assert mentioned(code) == []


@pytest.mark.parametrize(
    "code",
    [
        "  def f():  # a\n    'it''s # no' # b\n    # c\n",
        'def f():\n  """#"""; x = r"\\"; y = "\\" #"  # a\n',
        "def f():\n  x = '''\n  # no ' \\''' # no\n''' # a\n  # b",
        "def f():\n  x = 'a \\\n # no' # a\n",
        'def f():\n  x = \'\'  # \'\'\n  y = """"# no""" # a\n',
        "def f():\n  x = f'{a!r:>8}' # a\n  y = rf\"{a}#{{\" # b\n",
        "def f():\n  x = f'{a[\"#\"]}' # a\n",
    ],
)
def test_comments_are_found_as_by_the_tokenizer(code: str) -> None:
    """A sign of a number in a string begins no comment."""
    assert _find_comments(code) == list(_list_comment_tokens(code))


@pytest.mark.skipif(sys.version_info < (3, 12), reason="is no valid Python before 3.12")
@pytest.mark.parametrize(
    "code",
    [
        "def f():\n  x = f'{a['#']}' # a\n",
        'def f():\n  x = f"""{\n    a # a\n  }""" # b\n',
        "def f():\n  x = f'{a\n  }' # a\n",
    ],
)
def test_comments_near_nested_strings_are_found_by_the_tokenizer(code: str) -> None:
    """An f-string of Python 3.12 may hold other strings and comments."""
    assert _find_comments(code) == list(_list_comment_tokens(code))


INHERITING = """
class Shared:
    def test_a(self): 0

    def test_issue_456(self): 0

class TestPlain:
    def test_b(self): 0

class TestIssue123(Shared): 0

class TestLater(Shared):
    pytestmark = pytest.mark.skip

Alias = Shared

class TestAlias(Alias): 0
"""


def test_what_a_class_inherits_mentions_what_its_name_does() -> None:
    """The first class with a test counts, and each class that inherits the test has it as well."""
    found = find_mentioning_tests(INHERITING.encode(), KNOWN, ("postmortem",))

    assert found is not None
    assert [
        (" ".join(test.name for test in tested.tests), [each.id for each in tested.mentions])
        for tested in found
    ] == [
        ("TestIssue123::test_a TestLater::test_a TestAlias::test_a", ["123"]),
        (
            "TestIssue123::test_issue_456 TestLater::test_issue_456 TestAlias::test_issue_456",
            ["456", "123"],
        ),
    ]


@pytest.mark.parametrize("base", ["Shared", "Alias", "make()", "Space.Shared", "other.Shared"])
def test_an_inherited_test_is_found_by_any_name_of_its_class(base: str) -> None:
    """A base class of another module has no test of this file."""
    head = "import other\n" + INHERITING.partition("class TestIssue123")[0] + "Alias = Shared\n"
    code = (
        f"{head}def make(): return Shared\nclass Space: Shared = Shared\nclass TestX({base}): 0\n"
    )

    found = [name for name, *_ in mentioned(code)]

    assert found == ([] if base == "other.Shared" else ["TestX::test_issue_456"])


@pytest.mark.parametrize(
    ("change", "muted"),
    [
        ("marks.append(1)", False),
        ("marks[0] = 1", False),
        ("(marks\n.append(1))", False),
        ("def f():\n  f'{marks.clear()}'", False),
        ("def f():\n  global marks; marks = []", False),
        ("print(marks[0])", True),
        ("marks_of.append(1)", True),
    ],
)
def test_a_list_of_marks_that_is_changed_is_not_read(change: str, muted: bool) -> None:
    """Wherever the change is written."""
    code = f"import pytest\nmarks = [pytest.mark.skip]\n{change}\npytestmark = marks\n"

    (strength,) = [each[2] for each in mentioned(f"{code}def test_issue_123(): 0\n")]

    assert (strength == "known-broken") is muted
