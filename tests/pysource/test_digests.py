"""What a test is known by: alone, and with what stands beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_postmortem.pysource.fingerprints import DigestReader, compute_test_digest

TESTS = '''\
import pytest

@pytest.mark.postmortem("PM-1")
def test_one(value=1):
    """Doc."""
    assert value == [1, "a", 2.5][0]  # why

class TestAll:
    def test_two(self): assert True

    class TestInner:
        async def test_three(self): ...

make()
'''

OTHER_FORMAT = """\
import os


class TestAll:
    def test_new(self): ...
    def test_two(
        self,
    ):
        assert True
    class TestInner:
        async def test_three(self):
            ...
@pytest.mark.postmortem(
    'PM-1',
)
def test_one(value = 0x1):
    \'\'\'Doc.\'\'\'
    # another comment
    assert (value == [1, "a", 2.50][0])
"""


@pytest.mark.parametrize(
    "names",
    ["test_one", "test_one[a::b[1]]", "TestAll::test_two", "TestAll::TestInner::test_three"],
)
def test_a_test_is_known_by_its_code_wherever_it_stands(names: str) -> None:
    """Without comments and format; its decorators, class and docstring are part of it."""
    digest = compute_test_digest(TESTS, names)

    assert compute_test_digest(OTHER_FORMAT, names) == digest
    assert len(digest) == 16


@pytest.mark.parametrize(
    ("names", "old", "new"),
    [
        ("test_one", "value == ", "value != "),
        ("test_one", "Doc.", "Dot."),
        ("test_one", "PM-1", "PM-2"),
        ("test_one", "value=1", "value=2"),
        ("test_one", "2.5", "2.6"),
        ("test_one", '"a"', 'b"a"'),
        ("test_one", "[0]", "[0:0]"),
        ("TestAll::test_two", "True", "not False"),
        ("TestAll::TestInner::test_three", "async ", ""),
        ("TestAll", "True", "1"),
        ("test_made[1]", "make()", "make(1)"),
        ("TestAll::test_made", "make()", "make(1)"),
        ("TestMade::test_one", "value == ", "value != "),
        ("", "make()", "make(1)"),
    ],
)
def test_a_test_whose_code_changed_is_another(names: str, old: str, new: str) -> None:
    """A generated one, which stands in no code of its own, is known by that of its file."""
    assert compute_test_digest(TESTS, names) != compute_test_digest(TESTS.replace(old, new), names)


def test_of_tests_of_one_name_the_last_counts() -> None:
    """It hides the others."""
    text = "def test_one(): ...\ndef test_one(): pass\n"

    assert compute_test_digest(text, "test_one") == compute_test_digest(
        text.replace("...", "1"), "test_one"
    )
    assert compute_test_digest(text, "test_one") != compute_test_digest(
        text.replace("pass", "1"), "test_one"
    )


def test_a_test_does_not_change_with_those_beside_it() -> None:
    """It has a text of its own."""
    for names in ("test_one", "TestAll::test_two"):
        assert compute_test_digest(TESTS, names) == compute_test_digest(
            TESTS.replace("async def", "def"), names
        )


GOLDEN = """\
def test_all(a, /, b: int = 1, *c, d=None, **e) -> None:
    with open("x") as f, g:
        x = f"{a!r:>{b}} and {d=}" "more" b"" if a else (yield)
    try:
        return [n async for n in c if n], {**e}, {1, -2j, 1e300}, lambda: ..., u"é"
    except* (KeyError, ValueError) as error:
        raise TypeError from None
    match a:
        case {"k": [1, *_], **rest} | str() if b: del x, a[1:2, ::3]
        case _: assert 0xffffffffffffffffffffffffffffffff, not b
"""


def test_the_digest_of_a_test_is_the_same_on_every_python() -> None:
    """A file that was committed holds wherever the tests run."""
    text = GOLDEN.replace("except*", "except").replace(' b""', "")

    assert compute_test_digest(text, "test_all") == "05b40f7eb0dfd58c"


@pytest.mark.parametrize(
    "text",
    ["def test_one(:", "\0", "x = " + "(" * 5000, "x = " + "-" * 100_000 + "1", "\udcff"],
    ids=["syntax", "null", "brackets", "deep", "surrogate"],
)
def test_what_is_no_python_is_known_by_its_text(text: str) -> None:
    """Whatever it is."""
    assert compute_test_digest(text, "test_one") == compute_test_digest(text, "test_two")
    assert compute_test_digest(text, "test_one") != compute_test_digest(f"{text} ", "test_one")


def test_code_that_is_deep_is_known_too() -> None:
    """Wherever it is asked for."""
    text = "def test_one():\n    assert " + " + ".join(["x"] * 900) + "\n"

    def deep(n: int) -> str:
        return deep(n - 1) if n else compute_test_digest(text, "test_one")

    assert (
        deep(500)
        == compute_test_digest(text, "test_one")
        != compute_test_digest(text[:-5] + "\n", "test_one")
    )
    assert compute_test_digest("def f(): 0x" + "f" * 9999, "f") != compute_test_digest(
        "def f(): 0x" + "f" * 9998, "f"
    )


FILE = '''\
"""Doc."""
import pytest

HALF = 0.5

def helper():
    return HALF

@pytest.fixture
def test_data():
    return 1

def test_one(test_data):
    assert helper() == HALF

def test_two():
    assert True

class TestAll:
    value = 1
    def setup_method(self): self.x = self.value
    def test_three(self): assert self.x
    def test_four(self): assert self.x == 1

class TestMore(pytest.Collector):
    def test_three(self): assert True
'''

OWN = ("test_one", "test_two", "TestAll::test_three", "TestMore::test_three", "test_made[1]")

HERE, ALL = "tests/unit/test_it.py", set(OWN)


def changed(tmp_path: Path, path: str, text: str) -> set[str]:
    """Return the tests that rest on something else once a file has this text."""
    files = {HERE: FILE, "conftest.py": "x = 1\n", "tests/conftest.py": "x = 1\n", path: text}
    found = []
    for content in ({**files, path: FILE if path == HERE else "x = 1\n"}, files):
        for name, own in content.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(own)
        texts = DigestReader(tmp_path)
        found.append({name: texts.digest(f"{HERE}::{name}") for name in OWN})
    return {name for name in OWN if found[0][name] != found[1][name]}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("Doc.", "Dot.", set()),
        ("HALF = 0.5", "HALF = 0.5  # half", set()),
        ("HALF = 0.5", "HALF = 0.25", ALL),
        ("return HALF", "return 1", ALL),
        ("return 1", "return 2", ALL),
        ("assert True\n\nclass", "assert 1\n\nclass", {"test_two", "test_made[1]"}),
        ("value = 1", "value = 2", ALL),
        ("self.x = self.value", "self.x = 1", ALL),
        ("(pytest.Collector)", "(pytest.Item)", ALL),
        ("self.x == 1", "self.x == 2", {"test_made[1]"}),
        ("assert self.x\n", "assert not self.x\n", {"TestAll::test_three", "test_made[1]"}),
        ("import pytest", "import (pytest", ALL),
    ],
)
def test_a_test_rests_on_what_stands_beside_it_but_for_other_tests(
    tmp_path: Path, old: str, new: str, expected: set[str]
) -> None:
    """Nobody can tell which part of a file made a generated one."""
    assert changed(tmp_path, HERE, FILE.replace(old, new)) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("conftest.py", ALL),
        ("tests/conftest.py", ALL),
        ("tests/unit/conftest.py", ALL),
        ("tests/other/conftest.py", set()),
        ("tests/unit/other.py", set()),
    ],
)
def test_a_test_rests_on_its_conftests(tmp_path: Path, path: str, expected: set[str]) -> None:
    """Those of its folder and of the folders above it."""
    assert changed(tmp_path, path, "x = 2\n") == expected


def test_a_file_that_can_not_be_read_has_no_text(tmp_path: Path) -> None:
    """One that is not there, and one that is no text."""
    (tmp_path / "test_b.py").write_bytes(b"\xff")
    texts = DigestReader(tmp_path)

    assert [texts.digest("test_a.py::test_one"), texts.digest("test_b.py::test_one")] == ["", ""]


@pytest.mark.filterwarnings("error")
def test_what_python_warns_of_in_a_test_is_not_ours_to_say() -> None:
    """Or a run with ``-W error`` would take each such proof for outdated."""
    code = 'PATTERN = "\\d"\n\n\ndef test_a():\n    assert PATTERN\n'

    assert compute_test_digest(code, "test_a") == compute_test_digest(
        "def test_a(): assert PATTERN", "test_a"
    )
