"""A test that reports more than once, through real runs: subtests, and tests that are run again."""

from __future__ import annotations

import re
from importlib.util import find_spec

import pytest

from conftest import RunPytest, report_of, with_a_worker_too
from report_schema import read_report

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


@with_a_worker_too
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
        "1 incident could return unnoticed:",
        "  PM-3    skipped: no server",
        "2 incidents are guarded:",
        "  PM-2    1 test",
        "  PM-5    1 test",
        "2 of 5 incidents guarded (40 %), 5 linked",
    ]


@with_a_worker_too
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


@needs_subtests
@needs_reruns
def test_a_subtest_that_passes_on_a_rerun_guards(pytester: pytest.Pytester, run: RunPytest) -> None:
    """Only where pytest no longer counts the failure of the first attempt; else it fails."""
    make_suite(
        pytester,
        """
@guards("PM-1")
@pytest.mark.flaky(reruns=2)
def test_subtest(subtests, attempts):
    for i in range(3):
        with subtests.test(i=i):
            assert i != 1 or attempts > 1

@guards("PM-2")
def test_passes():
    pass
""",
    )

    result = run("--postmortem-fail-under=40", "--postmortem-report=term-missing")

    passed = result.parseoutcomes().get("failed", 0) == 0
    lines = report_of(result)
    assert ("  PM-1    1 test, flaky" in lines) == passed
    assert ("        test_it.py::test_subtest" in lines) == (not passed)
    assert result.ret == (0 if passed else 1)
    assert passed or pytest.version_tuple < (9,)


EACH_ENDING = """
import pytest
import unittest

def count(name, counts={}):
    counts[name] = counts.get(name, 0) + 1
    return counts[name]

@pytest.fixture
def breaks_at_first(request):
    assert count(request.node.name) > 1

@pytest.fixture
def breaks_at_last(request):
    yield
    assert count(request.node.name) > 1

@pytest.fixture
def breaks_always_at_last():
    yield
    assert False

def test_call():
    assert count("call") > 1

def test_call_always():
    assert False

def test_setup(breaks_at_first):
    pass

def test_teardown(breaks_at_last):
    pass

def test_teardown_always(breaks_always_at_last):
    pass

def test_call_and_teardown_always(breaks_always_at_last):
    assert count("call and teardown") > 1

def test_passes():
    pass
"""

EACH_SUBTEST = """

def test_subtest(subtests):
    n = count("subtest")
    for i in range(3):
        with subtests.test(i=i):
            assert i != 1 or n > 1

def test_subtest_and_call(subtests):
    n = count("subtest and call")
    with subtests.test():
        assert n > 1
    assert n > 1

def test_subtest_passes(subtests):
    n = count("subtest passes")
    with subtests.test():
        pass
    assert n > 1

class TestCase(unittest.TestCase):
    def test_subtest_of_a_case(self):
        n = count("subtest of a case")
        for i in range(3):
            with self.subTest(i=i):
                assert i != 1 or n > 1
"""

ONLY_AT_LAST = """

def test_subtest_always(subtests):
    for i in range(3):
        with subtests.test(i=i):
            assert i != 1

def test_subtest_at_last(subtests):
    n = count("subtest at last")
    with subtests.test():
        assert n == 1
    assert n > 1
"""
"""A retry within a subtest repeats the whole test, which for pytest-retry means without end."""

MARKS = """
import pytest

def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.postmortem(f"PM-{item.originalname}"))
"""

REPEATING = [
    pytest.param("pytest_rerunfailures", ("--reruns=1",), id="rerunfailures"),
    pytest.param("pytest_retry", ("--retries=1",), id="retry"),
    pytest.param("flaky", ("--force-flaky", "--max-runs=2"), id="flaky"),
]


def states_of_summary(result: pytest.RunResult) -> dict[str, str]:
    """Return the state that follows for each test from pytest's own short summary."""
    states: dict[str, str] = {}
    kinds = {"PASSED": "guarded", "ERROR": "errored", "FAILED": "failing", "SUBFAIL": "failing"}
    for line in result.outlines:
        found = re.match(r".*?\b(PASSED|ERROR|FAILED|SUBFAIL)\S* \S+::(\w+)", line)
        if found and line.find("::") < 60:
            kind, test = found.groups()
            ranked = [kinds[kind], states.get(test, "guarded")]
            states[test] = min(ranked, key=["failing", "errored", "guarded"].index)
    return states


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "n2"])
@pytest.mark.parametrize(("module", "arguments"), REPEATING)
def test_what_counts_is_what_pytest_says_at_the_end(
    pytester: pytest.Pytester,
    module: str,
    arguments: tuple[str, ...],
    workers: tuple[str, ...],
) -> None:
    """Whichever plugin repeats tests, a failure in pytest's summary fails, a pass guards."""
    if workers:
        pytest.importorskip("xdist")
    pytest.importorskip(module)
    has_subtests = pytest.version_tuple >= (9,) or find_spec("pytest_subtests") is not None
    subtests = EACH_SUBTEST if has_subtests else ""
    at_last = ONLY_AT_LAST if has_subtests and module != "pytest_retry" else ""
    pytester.makepyfile(test_it=EACH_ENDING + subtests + at_last)
    pytester.makeconftest(MARKS)

    result = pytester.runpytest_subprocess(
        "-rA", "--tb=no", "--postmortem-report=json:r.json", *arguments, *workers
    )

    report = read_report(pytester.path / "r.json")
    states = {each["id"].removeprefix("PM-"): each["state"] for each in report["incidents"]}
    assert states == states_of_summary(result)
    assert states["test_call"] == "guarded"
    flaky = {each["id"].removeprefix("PM-") for each in report["incidents"] if each["flaky"]}
    assert "test_call" in flaky
    assert "test_passes" not in flaky
