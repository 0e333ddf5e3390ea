"""The state of an incident, through real runs: what each kind of test says about it."""

from __future__ import annotations

from datetime import datetime

import pytest

from conftest import RunPytest, report_of, with_workers_too

PREAMBLE = """
import pytest

guards = pytest.mark.postmortem

@pytest.fixture
def broken():
    raise OSError("no database")

@pytest.fixture
def leaky():
    yield
    raise OSError("no database")

@pytest.fixture
def missing():
    pytest.skip("no staging server")
"""

EVERY_OUTCOME = """
@guards("passes")
def test_passes():
    pass

@guards("fails")
def test_fails():
    assert False

@guards("breaks-before")
def test_breaks_before(broken):
    pass

@guards("breaks-after")
def test_breaks_after(leaky):
    pass

@guards("fails-and-breaks")
def test_fails_and_breaks(leaky):
    assert False

@guards("skipped")
@pytest.mark.skip(reason="too slow")
def test_skipped():
    pass

@guards("skipped-if")
@pytest.mark.skipif(True, reason="no Windows")
def test_skipped_if():
    pass

@guards("skipped-inside")
def test_skipped_inside():
    pytest.skip("no network")

@guards("skipped-by-fixture")
def test_skipped_by_fixture(missing):
    pass

@guards("xfails")
@pytest.mark.xfail(reason="PR 7 is open")
def test_xfails():
    assert False

@guards("xfails-inside")
def test_xfails_inside():
    pytest.xfail("not fixed yet")

@guards("xfail-not-run")
@pytest.mark.xfail(run=False, reason="it hangs")
def test_xfail_not_run():
    raise SystemExit

@guards("xfail-raises")
@pytest.mark.xfail(raises=ZeroDivisionError)
def test_xfail_raises():
    1 / 0

@guards("xfail-raises-other")
@pytest.mark.xfail(raises=ZeroDivisionError)
def test_xfail_raises_other():
    {}["x"]

@guards("xfail-breaks")
@pytest.mark.xfail(reason="no database")
def test_xfail_breaks(broken):
    pass

@guards("xpasses")
@pytest.mark.xfail(reason="PR 7 is open")
def test_xpasses():
    pass

@guards("xpasses-strictly")
@pytest.mark.xfail(strict=True)
def test_xpasses_strictly():
    pass
"""

FAILING = [
    "A test of 1 incident fails; the problem may be back:",
    "  PM-1",
    "        test_it.py::test_first",
    "0 of 1 incident guarded (0 %), 1 linked",
]
BOTH_FAIL = [*FAILING[:2], "        test_it.py::test_first and 1 more", FAILING[-1]]
ERRORED = [
    "A test of 1 incident broke in its setup or teardown; nothing can be said:",
    *FAILING[1:],
]
GUARDED = ["1 of 1 incident guarded (100 %), 1 linked"]
NOTHING_CATCHES = "1 incident could return unnoticed:"
KNOWN_BROKEN = [NOTHING_CATCHES, "  PM-1    xfailed: known", FAILING[-1]]
SKIPPED = [NOTHING_CATCHES, "  PM-1    skipped: no server; skipped: no disk", FAILING[-1]]
SKIPPED_ALIKE = [NOTHING_CATCHES, "  PM-1    skipped: no server", FAILING[-1]]

EXEMPTION_HOLDS = [
    "1 incident is guarded by something else, not checked here:",
    "  PM-3    guarded by alert, not checked here",
    "2 incidents are exempt:",
    "  PM-1    the service is gone",
    "  PM-2    nothing to test",
    "no incident requires a regression test; 1 declared, 2 exempt",
]
EXEMPTION_OVER = [
    NOTHING_CATCHES,
    "  PM-1    no test, the exemption ended on 2026-03-31",
    *EXEMPTION_HOLDS[:2],
    "1 incident is exempt:",
    "  PM-2    nothing to test",
    "0 of 1 incident guarded (0 %), 0 linked; 1 has no regression test, 1 declared, 1 exempt",
]


def make_suite(pytester: pytest.Pytester, incidents: str, tests: str) -> None:
    """Write a registry of these ids, and a suite of these tests."""
    pytester.makeini("[pytest]\npostmortem_registry = postmortems.yml\n")
    registry = "".join(f"- id: {id}\n" for id in incidents.split())
    pytester.makefile(".yml", postmortems=registry)
    pytester.makepyfile(test_it=PREAMBLE + tests)


@with_workers_too
@pytest.mark.smoke
def test_every_outcome_of_a_test_makes_one_state(pytester: pytest.Pytester, run: RunPytest) -> None:
    """Only a passed call guards; a skip, an xfail and a broken fixture say so, and why."""
    ids = (
        "passes fails breaks-before breaks-after fails-and-breaks skipped skipped-if skipped-inside"
        " skipped-by-fixture xfails xfails-inside xfail-not-run xfail-raises xfail-raises-other"
        " xfail-breaks xpasses xpasses-strictly"
    )
    make_suite(pytester, ids, EVERY_OUTCOME)

    result = run("--postmortem-report=term-missing")

    assert report_of(result) == [
        "Tests of 4 incidents fail; the problems may be back:",
        "  fails",
        "                      test_it.py::test_fails",
        "  fails-and-breaks",
        "                      test_it.py::test_fails_and_breaks",
        "  xfail-raises-other",
        "                      test_it.py::test_xfail_raises_other",
        "  xpasses-strictly",
        "                      test_it.py::test_xpasses_strictly",
        "Tests of 2 incidents broke in setup or teardown; nothing can be said:",
        "  breaks-before",
        "                 test_it.py::test_breaks_before",
        "  breaks-after",
        "                 test_it.py::test_breaks_after",
        "10 incidents could return unnoticed:",
        "  skipped               skipped: too slow",
        "  skipped-if            skipped: no Windows",
        "  skipped-inside        skipped: no network",
        "  skipped-by-fixture    skipped: no staging server",
        "  xfails                xfailed: PR 7 is open",
        "  xfails-inside         xfailed: not fixed yet",
        "  xfail-not-run         xfailed: [NOTRUN] it hangs",
        "  xfail-raises          xfailed",
        "  xfail-breaks          xfailed: no database",
        "  xpasses               passes now, remove the xfail",
        "1 incident is guarded:",
        "  passes    1 test",
        "1 of 17 incidents guarded (5.8 %), 17 linked",
    ]
    assert result.ret == pytest.ExitCode.TESTS_FAILED


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("assert 0", "pass", FAILING),
        pytest.param("assert 0", "pytest.fail('broken')", BOTH_FAIL, marks=pytest.mark.smoke),
        ("request.getfixturevalue('leaky')", "pass", ERRORED),
        ("pass", "pytest.skip('no server')", GUARDED),
        ("pass", "pytest.xfail('known')", GUARDED),
        ("pytest.skip('no server')", "pytest.xfail('known')", KNOWN_BROKEN),
        ("pytest.skip('no server')", "pytest.skip('no disk')", SKIPPED),
        ("pytest.skip('no server')", "pytest.skip('no server')", SKIPPED_ALIKE),
    ],
)
def test_of_several_tests_the_gravest_word_counts_but_a_pass_outweighs_a_skip(
    pytester: pytest.Pytester, first: str, second: str, expected: list[str]
) -> None:
    """One incident with two tests is failing if one fails, and guarded if one passes here."""
    make_suite(
        pytester,
        "PM-1",
        f"""
@guards("PM-1")
def test_first(request):
    {first}

@guards("PM-1")
def test_second():
    {second}
""",
    )

    result = pytester.runpytest()

    assert report_of(result) == expected


def test_a_parametrized_test_fails_with_one_of_its_parameters(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """A mark on one parameter links that one alone, a mark on the function links all."""
    make_suite(
        pytester,
        "PM-1 PM-2 PM-3",
        """
@guards("PM-1")
@pytest.mark.parametrize("n", [1, pytest.param(2, marks=guards("PM-2")), 3])
def test_it(n):
    assert n != 3

@pytest.mark.parametrize("n", [pytest.param(1, marks=guards("PM-3")), 3])
def test_other(n):
    assert n != 3
""",
    )

    result = run("--postmortem-report=term-missing")

    assert report_of(result) == [
        "A test of 1 incident fails; the problem may be back:",
        "  PM-1",
        "        test_it.py::test_it[3]",
        "2 incidents are guarded:",
        "  PM-2    1 test",
        "  PM-3    1 test",
        "2 of 3 incidents guarded (66.6 %), 3 linked",
    ]


@pytest.mark.smoke
def test_a_shared_fixture_that_breaks_brings_no_incident_back(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """Forty incidents are not back because a database is down, and ten lines say so."""
    make_suite(
        pytester,
        " ".join(f"PM-{n:02}" for n in range(1, 41)),
        """
@pytest.fixture(scope="module")
def database():
    raise OSError("no database")

@pytest.mark.parametrize("n", [pytest.param(n, marks=guards(f"PM-{n:02}")) for n in range(1, 41)])
def test_it(database, n):
    pass
""",
    )

    result = run()

    assert report_of(result) == [
        "Tests of 40 incidents broke in setup or teardown; nothing can be said:",
        "  PM-01",
        "         test_it.py::test_it[1]",
        "  PM-02",
        "         test_it.py::test_it[2]",
        "  PM-03",
        "         test_it.py::test_it[3]",
        "  and 37 more (-v lists them)",
        "0 of 40 incidents guarded (0 %), 40 linked",
    ]


@pytest.mark.parametrize(
    ("today", "until"),
    [("2026-03-01", False), ("2026-03-31", False), ("2026-04-01", True)],
)
@pytest.mark.parametrize("by", ["the option", "the date of the sources"])
def test_an_exemption_ends(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    today: str,
    until: bool,
    by: str,
) -> None:
    """Up to its last day an exemption holds, whichever way the day of the run is given."""
    make_suite(pytester, "", "def test_nothing(): pass")
    pytester.makefile(
        ".yml",
        postmortems="""
            - id: PM-1
              test: exempt
              reason: the service is gone
              until: 2026-03-31
            - id: PM-2
              test: exempt
              reason: nothing to test
            - id: PM-3
              guarded_by: [{type: alert, url: https://alerts.example.com/3}]
            """,
    )
    options = ["--postmortem-report=term-missing"]
    if by == "the option":
        options.append(f"--postmortem-today={today}")
    else:
        moment = datetime.fromisoformat(f"{today}T12:00:00+00:00")
        monkeypatch.setenv("SOURCE_DATE_EPOCH", f"{moment.timestamp():.0f}")

    result = pytester.runpytest(*options)

    assert report_of(result) == (EXEMPTION_OVER if until else EXEMPTION_HOLDS)


def test_a_test_outweighs_an_exemption_and_another_guard(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """What a linked test says counts, whatever the registry has to say where there is none."""
    make_suite(
        pytester,
        "",
        """
@guards("PM-1")
def test_it():
    assert False

@guards("PM-2")
@pytest.mark.skip(reason="no server")
def test_other():
    pass
""",
    )
    pytester.makefile(
        ".yml",
        postmortems="""
            - id: PM-1
              test: exempt
              reason: the service is gone
            - id: PM-2
              guarded_by: [{type: alert, url: https://alerts.example.com/3}]
            """,
    )

    result = run()

    assert report_of(result) == [
        "A test of 1 incident fails; the problem may be back:",
        "  PM-1",
        "        test_it.py::test_it",
        "1 incident could return unnoticed:",
        "  PM-2    skipped: no server",
        "0 of 2 incidents guarded (0 %), 2 linked",
    ]
