"""A test that reports more than once, through real runs: subtests, and tests that are run again."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from conftest import RunPytest, report_of

needs_subtests = pytest.mark.skipif(
    pytest.version_tuple < (9,) and find_spec("pytest_subtests") is None,
    reason="subtests come with pytest 9 or pytest-subtests",
)
needs_reruns = pytest.mark.skipif(
    find_spec("pytest_rerunfailures") is None, reason="needs pytest-rerunfailures"
)

PREAMBLE = """
import unittest
import pytest

guards = pytest.mark.postmortem

@pytest.fixture
def broken():
    raise OSError("no database")

@pytest.fixture
def attempts(request):
    request.session.seen = getattr(request.session, "seen", {})
    request.session.seen[request.node.nodeid] = request.session.seen.get(request.node.nodeid, 0) + 1
    return request.session.seen[request.node.nodeid]

@pytest.fixture
def broken_at_first(attempts):
    assert attempts > 1
"""


def make_suite(pytester: pytest.Pytester, tests: str) -> None:
    """Write a registry of five incidents, and a suite of these tests."""
    pytester.makeini("[pytest]\npostmortem_registry = postmortems.yml\n")
    pytester.makefile(".yml", postmortems="".join(f"- id: PM-{n}\n" for n in range(1, 6)))
    pytester.makepyfile(test_it=PREAMBLE + tests)


@needs_subtests
@pytest.mark.smoke
def test_a_failed_subtest_is_not_mended_by_what_follows(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """Subtests of both kinds fail their test, though its own call passes; a passed one doesn't."""
    make_suite(
        pytester,
        """
@guards("PM-1")
def test_fails(subtests):
    for n in range(3):
        with subtests.test(n=n):
            assert n != 1

@guards("PM-2")
def test_passes(subtests):
    with subtests.test():
        pass

@guards("PM-3")
def test_skips(subtests):
    with subtests.test():
        pass
    pytest.skip("no server")

class TestCase(unittest.TestCase):
    @guards("PM-4")
    def test_fails(self):
        for n in range(3):
            with self.subTest(n=n):
                self.assertNotEqual(n, 1)

    @guards("PM-5")
    def test_passes(self):
        with self.subTest():
            pass
""",
    )

    result = run("--postmortem-report=term-missing")

    assert report_of(result) == [
        "Tests of 2 incidents fail; the problems may be back:",
        "  PM-1",
        "        test_it.py::test_fails",
        "  PM-4",
        "        test_it.py::TestCase::test_fails",
        "1 incident is linked, but nothing here would catch it:",
        "  PM-3    skipped: no server",
        "2 incidents are guarded:",
        "  PM-2    1 test",
        "  PM-5    1 test",
        "2 of 5 incidents guarded (40 %), 5 linked",
    ]


@needs_reruns
@pytest.mark.smoke
def test_only_the_last_attempt_counts_and_a_rerun_is_flaky(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """A pass on the second attempt guards, and is marked; a failure of all attempts fails."""
    make_suite(
        pytester,
        """
@guards("PM-1")
def test_passes_at_last(attempts):
    assert attempts > 1

@guards("PM-2")
def test_fails_always():
    assert False

@guards("PM-3")
def test_setup_breaks_at_first(broken_at_first):
    pass

@guards("PM-4")
def test_setup_breaks_always(broken):
    pass

@guards("PM-5")
def test_passes():
    pass
""",
    )

    result = run("--reruns=1", "--postmortem-report=term-missing")

    assert report_of(result) == [
        "A test of 1 incident fails; the problem may be back:",
        "  PM-2",
        "        test_it.py::test_fails_always",
        "A test of 1 incident broke in its setup or teardown; nothing can be said:",
        "  PM-4",
        "        test_it.py::test_setup_breaks_always",
        "3 incidents are guarded:",
        "  PM-1    1 test, flaky",
        "  PM-3    1 test, flaky",
        "  PM-5    1 test",
        "3 of 5 incidents guarded (60 %), 5 linked",
    ]
