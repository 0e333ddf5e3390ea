"""The tests that came with a fix, by code, and where they are today."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_postmortem import git as git_reader
from pytest_postmortem import git_history
from pytest_postmortem.scan.fix_tests import FixTest, FixTestFinder, SuiteRules
from pytest_postmortem.scan.history_index import HistoryIndex
from pytest_postmortem.scan.test_units import has_same_code, is_unchanged, parse_test_units
from repositories import commit, git, repository

OLD = """\
import pytest

CASES = [1, 2]


def test_old():
    assert 1


@pytest.mark.parametrize("case", CASES)
def test_cases(case):
    assert case


class TestCart:
    def test_empty(self):
        assert not []
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with a suite."""
    commit(repository(tmp_path), {"tests/test_cart.py": OLD, "shop.py": "A = 1\n"}, "Begin")
    return tmp_path


def find(root: Path, *fix: str) -> list[FixTest]:
    """Return the tests that came with the commits of a fix."""
    index = HistoryIndex(git_history.read_history(root))

    def list_changes(each: git_history.LoggedCommit) -> tuple[git_reader.ChangedFile, ...]:
        return git_history.list_changes_of_commits(root, [each])[each.id]

    suite = {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("test_*.py")
    }
    rules = SuiteRules(("test_*.py",), ("test",))
    finder = FixTestFinder(root, index, rules, suite, list_changes)
    return finder.find_tests({"PM-1": [index.commits[id] for id in fix]})["PM-1"]


def told(tests: list[FixTest]) -> list[tuple[str, str, str, str | None]]:
    """Return what is known of tests, in short."""
    return [(test.names, test.kind, test.how, test.names_today) for test in tests]


def test_tests_are_added_or_changed_by_their_code(root: Path) -> None:
    """Comments, format and position are no change; parameters and their data are."""
    text = OLD.replace("[1, 2]", "[1, 2, 3]").replace("assert 1", "assert (1)  # one")
    text = text.replace("assert not []", "assert [] == []") + "\n    def test_new(self): pass\n"
    fix = commit(root, {"tests/test_cart.py": f"# a comment\n{text}"}, "Fix")

    assert told(find(root, fix)) == [
        ("test_cases", "changed", "same place", "test_cases"),
        ("TestCart::test_empty", "changed", "same place", "TestCart::test_empty"),
        ("TestCart::test_new", "added", "same place", "TestCart::test_new"),
    ]


def test_a_moved_test_did_not_come_with_the_fix(root: Path) -> None:
    """A test that a commit only moves to another file is as old as before."""
    head, _, rest = OLD.partition("class TestCart")
    fix = commit(root, {"tests/test_cart.py": head, "tests/test_more.py": f"class TestCart{rest}"})

    assert find(root, fix) == []


def test_a_merge_is_taken_as_a_whole(root: Path) -> None:
    """The test may be in another commit of the branch than the fix."""
    git(root, "checkout", "-q", "-b", "fix")
    commit(root, {"tests/test_cart.py": f"{OLD}\n\ndef test_new(): assert 0\n"}, "Test")
    commit(root, {"shop.py": "A = 2\n"}, "Fix")
    git(root, "checkout", "-q", "main")
    git(root, "merge", "-q", "--no-ff", "-m", "Merge pull request #1 from fix", "fix")
    merge = git_reader.read_head_commit(root)

    assert told(find(root, merge)) == [("test_new", "added", "same place", "test_new")]


NEW = "\n\ndef test_new():\n    total = sum([1, 2, 3])\n    assert total == 6\n"


@pytest.mark.parametrize(
    ("files", "how", "place"),
    [
        (
            {"tests/test_cart.py": None, "tests/cart/test_it.py": OLD + NEW},
            "moved",
            "tests/cart/test_it.py::test_new",
        ),
        (
            {"tests/test_cart.py": OLD, "tests/test_sum.py": NEW},
            "moved",
            "tests/test_sum.py::test_new",
        ),
        (
            {"tests/test_cart.py": OLD + NEW.replace("test_new", "test_total")},
            "renamed",
            "tests/test_cart.py::test_total",
        ),
        (
            {
                "tests/test_cart.py": OLD
                + "\n\nclass TestSum:"
                + NEW.replace("\n\n", "\n").replace("\n", "\n    ")
            },
            "same file",
            "tests/test_cart.py::TestSum::test_new",
        ),
        ({"tests/test_cart.py": OLD}, "gone", None),
    ],
)
def test_a_test_is_followed_to_today(
    root: Path, files: dict[str, str | None], how: str, place: str | None
) -> None:
    """Renamed files, other files, classes and names are followed; what is gone is said."""
    fix = commit(root, {"tests/test_cart.py": OLD + NEW}, "Fix")
    commit(root, {"shop.py": "A = 3\n"}, "Go on")
    last = commit(root, files, "Reorganise")

    (test,) = find(root, fix)

    today = test.path_today and f"{test.path_today}::{test.names_today}"
    assert (test.how, today) == (how, place)
    assert test.gone_by == (last if how == "gone" else None)


def test_a_test_is_followed_through_several_moves(root: Path) -> None:
    """Each commit that took a test away says where it went."""
    fix = commit(root, {"tests/test_cart.py": OLD + NEW}, "Fix")
    commit(root, {"tests/test_cart.py": OLD + NEW.replace("test_new", "test_b")}, "Rename")
    commit(
        root,
        {"tests/test_cart.py": None, "tests/test_c.py": OLD + NEW.replace("test_new", "test_b")},
        "Move",
    )
    last = {"tests/test_c.py": OLD + NEW.replace("test_new", "test_d")}
    commit(root, last, "Rename again")

    assert [test.names_today for test in find(root, fix)] == ["test_d"]


def test_a_data_file_changes_the_tests_that_name_it(root: Path) -> None:
    """Cases in a file are part of the test that reads it."""
    text = "def test_fixtures():\n    assert open('cases.txt')\n\ndef test_else(): pass\n"
    commit(root, {"tests/test_data.py": text, "tests/cases.txt": "1\n"}, "Data")
    fix = commit(root, {"tests/cases.txt": "1\n2\n"}, "Fix")

    assert told(find(root, fix)) == [("test_fixtures", "changed", "same place", "test_fixtures")]


def test_a_file_for_python_2_is_read_by_its_indentation(root: Path) -> None:
    """Old fixes have tests that today's Python can't parse."""
    old = "class T:\n    def test_a(self):\n        print 'a'\n"
    commit(root, {"tests/test_two.py": old}, "Two")
    fix = commit(root, {"tests/test_two.py": old + "\n    def test_b(self):\n        print 'b'\n"})

    assert [test.names for test in find(root, fix)] == ["T::test_b"]


def test_units_are_those_of_pythons_own_parser() -> None:
    """Strings, decorators of several lines and conditions do not mislead the reader."""
    text = '''
@pytest.mark.parametrize(
    "a",
    [
        """
def test_inside():
    pass
""",
    ],
)
def test_first(a): pass

if True:
    def test_second():
        text = """
class TestIn:
"""
        def test_inner(): pass

class TestA(
    object
):
    @pytest.fixture
    def test_fixture(self): pass

    async def test_third(self): pass
'''
    units = parse_test_units(text.encode())

    assert [(unit.names, unit.line) for unit in units.values()] == [
        ("test_first", 11),
        ("test_second", 14),
        ("TestA::test_third", 26),
    ]
    assert units["test_first"].text.startswith("@pytest.mark")


def test_a_mark_on_the_class_changes_its_tests() -> None:
    """A decorator of the class is a part of each test."""
    old, new = (
        parse_test_units(text)["TestA::test_it"]
        for text in (
            b"class TestA:\n  def test_it(self): pass\n",
            b"@x\nclass TestA:\n  def test_it(self): pass\n",
        )
    )

    assert not is_unchanged(old, new)


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("def test_a(): pass", "def test_b(): pass", True),
        ("def test_a():\n  'One.'\n  go()", "def test_a():\n  'Two.'\n  go()", True),
        ("def test_a():\n  'One.'\n", "def test_a():\n  'Two.'\n", False),
        ("def test_a():\n  print 1", "def test_b():\n  # one\n\n  print 1", True),
        ("def test_a():\n  print 1", "def test_a():\n  print 2", False),
    ],
)
def test_code_is_the_same_whatever_it_is_called_and_documented(
    old: str, new: str, same: bool
) -> None:
    """Names, comments and docstrings do not count, also in code for Python 2."""
    (one,), (other,) = (parse_test_units(text.encode()).values() for text in (old, new))

    assert has_same_code(one, other) == same


def test_a_decorator_belongs_to_the_next_definition_alone() -> None:
    """Half-written code below a decorator does not give it to a later test."""
    (unit,) = parse_test_units(b"@mark\nx = 1\ndef test_a(): pass\n").values()

    assert unit.text == "def test_a(): pass\n"


def test_two_tests_of_a_renamed_file_are_followed(root: Path) -> None:
    """Another file has tests of the same names, so that the rename alone says where they are."""
    other = "def helper(): pass\n\ndef test_new(a): assert a\n\ndef test_more(b): assert b\n"
    commit(root, {"tests/test_other.py": other}, "Other")
    more = NEW + NEW.replace("test_new", "test_more").replace("6", "3 + 3")
    fix = commit(root, {"tests/test_cart.py": OLD + more}, "Fix")
    moved = {"tests/test_cart.py": None, "tests/cart/test_it.py": OLD + more}
    commit(root, moved, "Move")

    assert [(test.how, test.path_today) for test in find(root, fix)] == [
        ("moved", "tests/cart/test_it.py")
    ] * 2


def test_a_test_is_told_from_others_that_its_removal_brought(root: Path) -> None:
    """Of the tests in the same commit the one with the same code took its place."""
    fix = commit(root, {"tests/test_cart.py": OLD + NEW}, "Fix")
    files = {
        "shop.py": "A = 4\n",
        "tests/test_a.py": "def test_a(): assert open('a')\n",
        "tests/test_cart.py": OLD,
        "tests/test_z.py": NEW.replace("test_new", "test_total"),
    }
    commit(root, files, "Reorganise")

    assert told(find(root, fix)) == [("test_new", "added", "renamed", "test_total")]


@pytest.mark.parametrize(
    "files",
    [
        {"tests/test_cart.py": OLD, "tests/test_sum.py": "def test_new(cart): cart.open('x')\n"},
        {"tests/test_cart.py": OLD + "\n\ndef test_else(cart):\n    cart.close('y')\n"},
    ],
)
def test_a_namesake_or_a_newcomer_with_other_code_is_not_the_test(
    root: Path, files: dict[str, str]
) -> None:
    """What guards something else today is no trace of a test that is gone."""
    fix = commit(root, {"tests/test_cart.py": OLD + NEW}, "Fix")
    last = commit(root, files, "Clean up")

    (test,) = find(root, fix)

    assert (test.how, test.path_today, test.gone_by) == ("gone", None, last)


def test_a_test_that_two_commits_of_a_fix_touched_is_told_once(root: Path) -> None:
    """What the first one added and the second one changed was added."""
    first = commit(root, {"tests/test_cart.py": OLD + NEW}, "Fix")
    second = commit(root, {"tests/test_cart.py": OLD + NEW.replace("6", "1 + 5")}, "Fix again")

    for fix in ((first, second), (second, first)):
        assert told(find(root, *fix)) == [("test_new", "added", "same place", "test_new")]


def test_a_test_that_only_the_work_tree_lacks_is_gone_by_no_commit(root: Path) -> None:
    """No commit is blamed for a file that is deleted and not committed."""
    fix = commit(root, {"tests/test_sum.py": NEW}, "Fix")
    (root / "tests/test_sum.py").unlink()

    (test,) = find(root, fix)

    assert (test.how, test.gone_by) == ("gone", None)
