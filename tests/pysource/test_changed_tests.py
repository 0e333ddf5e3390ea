"""Which tests of a file an edit changed: by their own code, not by the imports of the file."""

from __future__ import annotations

import pytest

from pytest_postmortem.pysource.changed_tests import find_changed_tests

CODE = """\
import os
import pytest
from shop import pay

pytestmark = [pytest.mark.unit]
LIMIT = 5
CASES = [(1, 2)]
needs_db = pytest.mark.skipif(os.name == "nt", reason="x")

def helper(x):
    return inner(x)

def inner(x):
    return x

@pytest.fixture
def client():
    return helper(LIMIT)

def test_a():
    assert pay(1) == 1

def test_b(client):
    assert client

@pytest.mark.parametrize(("a", "b"), CASES)
def test_c(a, b):
    assert pay(a) == b

@needs_db
def test_d():
    pass

class Base:
    rate = 1
    def test_base(self):
        assert self.rate

class TestE(Base):
    def setup_method(self):
        self.x = 1

    def test_e(self):
        assert helper(self.x)

    def test_f(self):
        pass

@pytest.mark.skipif(True, reason="x")
class TestG:
    def test_g(self):
        pass

@pytest.mark.usefixtures("client")
def test_h():
    pass
"""

TESTS = ("test_a test_b test_c test_d TestE::test_base TestE::test_e TestE::test_f TestG::test_g"
         " test_h").split()  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("import os\n", "import os\nimport sys\n", ""),
        ("from shop import pay", "from shop.pay import pay", ""),
        ("pay(1) == 1", "pay(1) == 2", "test_a"),
        ("def test_a():", "def test_a():  # why\n    # not", ""),
        ("    return x\n", "    return x + 1\n", "test_b TestE::test_e test_h"),
        ("LIMIT = 5", "LIMIT = 6", "test_b test_h"),
        ("(1, 2)", "(1, 3)", "test_c"),
        ('os.name == "nt"', "False", "test_d"),
        ("self.x = 1", "self.x = 2", "TestE::test_base TestE::test_e TestE::test_f"),
        ("rate = 1", "rate = 2", "TestE::test_base"),
        ('@pytest.mark.skipif(True, reason="x")\n', "", "TestG::test_g"),
        ("pytest.mark.unit", "pytest.mark.slow", ""),
        ("@pytest.fixture\n", "@pytest.fixture(autouse=True)\n", " ".join(TESTS)),
    ],
)
def test_own_code_helpers_and_removed_skips_count(old: str, new: str, expected: str) -> None:
    """A test is changed by what it uses in its file, however indirectly."""
    assert find_changed_tests(CODE, CODE.replace(old, new), TESTS) == expected.split()


def test_a_removed_skip_of_the_module_counts_for_all_tests() -> None:
    """They run from now on; with another mark they did before."""
    before = CODE.replace("pytest.mark.unit", "pytest.mark.xfail")

    assert find_changed_tests(before, CODE, TESTS) == TESTS


def test_all_tests_of_a_new_file_or_class_are_new() -> None:
    """Also those that a class inherits from another file."""
    more = CODE + "\nclass TestI(Elsewhere):\n    pass\n"

    assert find_changed_tests("", CODE, TESTS) == TESTS
    assert find_changed_tests(CODE, more, ["TestI::test_i"]) == ["TestI::test_i"]
    assert find_changed_tests(more, more, ["TestI::test_i"]) == []
    assert find_changed_tests(CODE, "def broken(:\n", TESTS) == []
