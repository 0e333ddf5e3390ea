"""What is wrong in a mark or in the registry: said once, at the end, and the tests run."""

from __future__ import annotations

import pytest

from conftest import RunPytest, gapless_report, with_a_worker_too, with_workers_too
from junit import register

FORM = 'write @pytest.mark.postmortem("PM-123")'
ADVICE = "correct the id, or add the post-mortem to the registry"


@with_workers_too
@pytest.mark.smoke
def test_a_bad_mark_is_a_finding_with_its_place_and_the_test_runs(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """Each is named once, whatever the number of tests; the good ids beside it count."""
    register(pytester, "PM-1", "PM-2")
    pytester.makepyfile(
        test_it="""
        import unittest
        import pytest
        mark = pytest.mark.postmortem

        @mark
        def test_bare(): pass
        @mark()
        def test_called(): pass
        @mark("", "PM-1", " ")
        def test_empty(): pass
        @mark(None, 1.5, True, ["PM-1"])
        def test_odd(): pass
        @mark(id="PM-1", reason="text")
        def test_keywords(): pass
        @mark("PM-2", ticket=7)
        def test_mixed(): pass
        @mark(b"PM-1")
        @pytest.mark.parametrize("n", range(5))
        def test_often(n): pass
        @mark
        class TestIt:
            def test_first(self): pass
            def test_second(self): pass
        class ItCase(unittest.TestCase):
            @mark("")
            def test_case(self): pass
        @pytest.mark.skip
        @mark
        def test_skipped(): pass
        def test_late(request): request.node.add_marker(mark())
        @mark(object, "x" * 90, {n: n for n in range(9)}, "x" * 0)
        def test_plain(): assert not hasattr(test_plain, "x")
        """
    )

    result = run("-v")

    result.assert_outcomes(passed=16, skipped=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    mark = "@pytest.mark.postmortem"
    assert gapless_report(result) == [
        "2 incidents are guarded:",
        "  PM-1    1 test",
        "  PM-2    1 test",
        "21 errors in links or registry:",
        f"  test_it.py:5: {mark} names no post-mortem; {FORM}",
        f"  test_it.py:7: {mark} names no post-mortem; {FORM}",
        f"  test_it.py:9: {mark}('') names an empty id; {FORM}",
        f"  test_it.py:9: {mark}(' ') names an empty id; {FORM}",
        f"  test_it.py:11: {mark}(None) names no id but a NoneType; {FORM}",
        f"  test_it.py:11: {mark}(1.5) names no id but a float; {FORM}",
        f"  test_it.py:11: {mark}(True) names no id but a bool; {FORM}",
        f"  test_it.py:11: {mark}(['PM-1']) names no id but a list; {FORM}",
        f"  test_it.py:13: {mark}(id=...) is not known; ids are positional: {FORM}",
        f"  test_it.py:13: {mark}(reason=...) is not known; ids are positional: {FORM}",
        f"  test_it.py:15: {mark}(ticket=...) is not known; ids are positional: {FORM}",
        f"  test_it.py:17: {mark}(b'PM-1') names no id but a bytes; {FORM}",
        f"  test_it.py:22: {mark} names no post-mortem; {FORM}",
        f"  test_it.py:23: {mark} names no post-mortem; {FORM}",
        f"  test_it.py:25: {mark}('') names an empty id; {FORM}",
        f"  test_it.py:27: {mark} names no post-mortem; {FORM}",
        f"  test_it.py:30: {mark} names no post-mortem; {FORM}",
        f"  test_it.py:31: {mark}(<class 'object'>) names no id but a type; {FORM}",
        f"  test_it.py:31: {mark}({{0: 0, 1: 1, 2: 2, 3: 3, ...}}) names no id but a dict; {FORM}",
        f"  test_it.py:31: {mark}('') names an empty id; {FORM}",
        f"  test_it.py:31: unknown post-mortem '{'x' * 90}'; {ADVICE}",
        "2 of 2 incidents guarded (100 %), 2 linked",
    ]


@with_a_worker_too
def test_a_mark_that_can_t_be_shown_is_still_a_finding(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """An argument may be anything, one that breaks when it is shown included."""
    register(pytester, "PM-1")
    pytester.makepyfile(
        test_it="""
        import pytest
        class Odd:
            def __repr__(self): raise RuntimeError("no")
        @pytest.mark.postmortem("PM-1", Odd)
        def test_class(): pass
        @pytest.mark.postmortem("a\\nb\\x1b[31m", "::error::x")
        def test_escapes(): pass
        """
    )

    result = run()

    assert gapless_report(result) == [
        "3 errors in links or registry:",
        "  test_it.py:4: @pytest.mark.postmortem(<class 'test_it.Odd'>) names no id but a type;"
        f" {FORM}",
        f"  test_it.py:6: unknown post-mortem 'a\\nb\\x1b[31m'; {ADVICE}",
        f"  test_it.py:6: unknown post-mortem '::error::x'; {ADVICE}",
        "1 of 1 incident guarded (100 %), 1 linked",
    ]


UNKNOWN = '''
import pytest
mark = pytest.mark.postmortem

@mark("PM-10", "PM-100")
def test_good_and_unknown(): pass
@pytest.mark.skip
@mark("nothing like it")
def test_skipped(): pass
@pytest.mark.xfail(strict=True)
@mark("PM-020")
def test_xfailed(): assert False
@mark("PM-100")
@pytest.mark.parametrize("n", range(3))
def test_often(n): pass
@mark("pm-10")
def test_case(): pass
def test_late(request): request.node.add_marker(mark("LATE-1"))

def documented():
    """
    >>> 1 + 1
    2
    """
'''
DOCTESTS = """
import pytest
def pytest_collection_modifyitems(items):
    for item in items:
        if isinstance(item, pytest.DoctestItem):
            item.add_marker(pytest.mark.postmortem("DOC-1"))
"""
SEEN = "2 of 3 incidents guarded (66.6 %), 2 linked; 1 has no regression test"
LISTED = [
    "2 incidents are guarded:",
    "  PM-10    2 tests",
    "  PM-20    1 test",
]


def make_unknown(pytester: pytest.Pytester, ini: str = "") -> None:
    """Write a registry, and tests of all kinds that name what it lacks."""
    register(pytester, "PM-10", "PM-20\n  tests: [test_it.py::test_late]", "PM-30", ini=ini)
    pytester.makepyfile(test_it=UNKNOWN)
    pytester.makeconftest(DOCTESTS)


@pytest.mark.smoke
def test_an_unknown_id_is_found_on_whatever_it_stands(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """It stands in no figure, every test runs, a near id is suggested, and the run fails."""
    make_unknown(pytester)

    result = run("--doctest-modules", "-v")

    result.assert_outcomes(passed=7, skipped=1, xfailed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert gapless_report(result) == [
        *LISTED,
        "6 errors in links or registry:",
        "  test_it.py:4: unknown post-mortem 'PM-100'; did you mean 'PM-10'?",
        f"  test_it.py:6: unknown post-mortem 'nothing like it'; {ADVICE}",
        "  test_it.py:9: unknown post-mortem 'PM-020'; did you mean 'PM-20'?",
        "  test_it.py:12: unknown post-mortem 'PM-100'; did you mean 'PM-10'?",
        f"  test_it.py:17: unknown post-mortem 'LATE-1'; {ADVICE}",
        f"  test_it.py:20: unknown post-mortem 'DOC-1'; {ADVICE}",
        SEEN,
    ]


@pytest.mark.parametrize(
    ("word", "status", "heading"),
    [("error", 1, "5 errors in links or registry:"), ("warn", 0, "5 warnings:"), ("ignore", 0, "")],
)
def test_unknown_ids_are_errors_warnings_or_nothing(
    pytester: pytest.Pytester, word: str, status: int, heading: str
) -> None:
    """Whatever is chosen, the figures are the same; a bad mark stays an error."""
    make_unknown(pytester, ini=f"postmortem_unknown = {word}\n")

    result = pytester.runpytest("-v", "-W", "error")

    report = gapless_report(result)
    assert result.ret == status
    assert report[:3] == LISTED
    assert report[3:4] == [heading or SEEN]
    assert sum("unknown post-mortem" in line for line in report) == (5 if heading else 0)
    assert report[-1] == SEEN


@pytest.mark.parametrize("word", ["error", "warn", "ignore"])
def test_a_bad_mark_is_an_error_whatever_is_said_of_unknown_ids(
    pytester: pytest.Pytester, word: str
) -> None:
    """There is nothing that it could mean."""
    register(pytester, "PM-1", ini=f"postmortem_unknown = {word}\n")
    pytester.makepyfile("import pytest\n@pytest.mark.postmortem\ndef test_it(): pass\n")

    result = pytester.runpytest()

    assert result.ret == pytest.ExitCode.TESTS_FAILED


@with_workers_too
def test_findings_of_tests_that_mark_themselves_stand_in_order(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """Whichever ran first, findings are listed by path and line."""
    register(pytester, "PM-1")
    line = (
        "def test_{0}(request): request.node.add_marker(pytest.mark.postmortem('UNKNOWN', {0}.5))"
    )
    tests = "\n".join(line.format(n) for n in range(8))
    pytester.makepyfile(test_it="import pytest\n" + tests)
    pytester.makeconftest("def pytest_collection_modifyitems(items): items.reverse()")

    result = run("-v")

    kinds = [line for line in gapless_report(result) if line.startswith("  test_it.py")]
    assert [line.split(": ")[0] for line in kinds] == [
        *(f"  test_it.py:{n}" for n in range(2, 10)),
        *(f"  test_it.py:{n}" for n in range(2, 10)),
    ]


@pytest.mark.parametrize(
    ("arguments", "report", "status"),
    [
        (
            [],
            [
                "2 errors in links or registry:",
                "  postmortems.yml:1: PM-1 declares the test 'test_it.py::test_gone',"
                " which was collected nowhere; correct the node id, or remove it",
                "  postmortems.yml:3: PM-2 declares the test 'gone.py',"
                " which was collected nowhere; correct the node id, or remove it",
                "1 of 2 incidents guarded (50 %), 1 linked; 1 has no regression test",
            ],
            1,
        ),
        (
            ["-k", "nothing or other"],
            [
                "2 errors in links or registry:",
                "  postmortems.yml:1: PM-1 declares the test 'test_it.py::test_gone',"
                " which was collected nowhere; correct the node id, or remove it",
                "  postmortems.yml:3: PM-2 declares the test 'gone.py',"
                " which was collected nowhere; correct the node id, or remove it",
                "0 of 2 incidents guarded, 1 linked; 1 not run, 1 has no regression test",
            ],
            1,
        ),
        (
            ["test_it.py::test_it"],
            ["1 of 1 incident seen here guarded; 1 not judged: 1 node id given"],
            0,
        ),
        (
            ["test_other.py"],
            ["no incident seen here; 2 not judged: 1 of 2 files given"],
            0,
        ),
    ],
    ids=["bare", "-k", "node-id", "file"],
)
def test_a_declared_test_that_is_nowhere_is_found_on_a_full_run(
    pytester: pytest.Pytester,
    run: RunPytest,
    arguments: list[str],
    report: list[str],
    status: int,
) -> None:
    """Deselected tests were collected all the same; a part of the suite can't tell."""
    register(
        pytester,
        "PM-1\n  tests: [test_it.py::test_it, test_it.py::test_gone]",
        "PM-2\n  tests: [gone.py]",
    )
    pytester.makepyfile(test_it="def test_it(): pass", test_other="def test_other(): pass")

    result = run(*arguments)

    assert gapless_report(result) == report
    assert result.ret == status


def test_an_alias_names_its_incident_without_regard_to_case(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """A test that names an incident twice, by id and by alias, is one test of it."""
    register(pytester, "PM-1\n  aliases: [Inc-7]", "PM-2")
    pytester.makepyfile(
        """
        import pytest
        @pytest.mark.postmortem("inc-7", "pm-1")
        def test_one(): pass
        @pytest.mark.postmortem("pm-2")
        def test_two(): pass
        """
    )

    result = run("-v")

    assert result.ret == 0
    assert gapless_report(result) == [
        "2 incidents are guarded:",
        "  PM-1    1 test",
        "  PM-2    1 test",
        "2 of 2 incidents guarded (100 %), 2 linked",
    ]


def test_an_alias_of_two_incidents_names_neither(pytester: pytest.Pytester, run: RunPytest) -> None:
    """It could mean either, so nobody guesses; both places of the registry are named."""
    register(pytester, "PM-1\n  aliases: [INC-7]", "PM-2\n  aliases: [inc-7]")
    pytester.makepyfile(
        test_it="""
        import pytest
        @pytest.mark.postmortem("INC-7")
        def test_it(): pass
        """
    )

    result = run()

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert gapless_report(result) == [
        "2 errors in links or registry:",
        "  postmortems.yml:3: the alias 'inc-7' of PM-2 is also an alias of PM-1 at"
        " postmortems.yml:1: take it from one of the two, it doesn't count",
        "  test_it.py:2: unknown post-mortem 'INC-7'; PM-1 and PM-2 share this alias: take it from"
        " all but one",
        "0 of 2 incidents guarded (0 %), 0 linked; 2 have no regression test",
    ]
