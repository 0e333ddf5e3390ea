"""Runs that see or run less than the whole suite: no false gap, no silent gate, pytest's status."""

from __future__ import annotations

import pytest

from conftest import RunPytest, gapless_report, report_of, with_a_worker_too
from report_schema import read_report

GATE = "--postmortem-fail-under=100"
UNJUDGED = "Gate fail-under not judged: {}; run the whole suite to judge it"
NOT_RUN = "the tests of {} were not run: {}"
HEADER = "import pytest\n\n"


@pytest.fixture(autouse=True)
def suite(pytester: pytest.Pytester) -> None:
    """Write three files with a test each, for three of four incidents; the second one fails."""
    pytester.makeini("[pytest]\npostmortem_registry = pm.yml\n")
    pytester.makefile(".yml", pm="".join(f"- id: PM-{n}\n" for n in range(1, 5)))
    for n, body in enumerate(("pass", "assert False", "pass"), 1):
        write_test(pytester, n, f"def test_{n}(): {body}")


def write_test(pytester: pytest.Pytester, number: int, test: str, before: str = "") -> None:
    """Write a file with a linked test."""
    mark = f"@pytest.mark.postmortem('PM-{number}')\n"
    text = f"{HEADER}{before}{mark}{test}\n"
    pytester.makepyfile(**{f"test_{number}": text})


FAILING = [
    "A test of 1 incident fails; the problem may be back:",
    "  PM-2",
    "        test_2.py::test_2",
]


def gap(text: str) -> str:
    """Return the last line of a run that collected everything."""
    return f"{text}, 1 has no regression test"


TWO_LEFT = [
    UNJUDGED.format(
        NOT_RUN.format("2 incidents", "the run ended before them, or a plugin left them out")
    ),
    gap("1 of 4 incidents guarded, 3 linked; 2 not run"),
]


@pytest.mark.parametrize(
    ("test", "before"),
    [
        pytest.param("def test_2(): raise KeyboardInterrupt", "", marks=pytest.mark.smoke),
        (
            "def test_2(interrupted): pass",
            "@pytest.fixture\ndef interrupted(): raise KeyboardInterrupt\n\n",
        ),
        (
            "def test_2(interrupted): pass",
            "@pytest.fixture(scope='session')\ndef interrupted(): pytest.exit('enough')\n\n",
        ),
        ("def test_2(): pytest.exit('enough')", ""),
    ],
    ids=["in-a-test", "in-a-fixture", "exit-in-a-fixture", "exit-in-a-test"],
)
def test_an_interrupted_run_judges_no_gate(
    pytester: pytest.Pytester, test: str, before: str
) -> None:
    """What ran before counts, the rest did not run, and the exit status is pytest's."""
    write_test(pytester, 2, test, before)

    result = pytester.runpytest(GATE, no_reraise_ctrlc=True)

    assert gapless_report(result) == TWO_LEFT
    assert result.ret == pytest.ExitCode.INTERRUPTED


@pytest.mark.smoke
def test_an_exit_that_claims_success_passes_no_gate(pytester: pytest.Pytester) -> None:
    """``pytest.exit(returncode=0)`` keeps its status, and the reader is told what is open."""
    write_test(pytester, 2, "def test_2(): pytest.exit('enough', returncode=0)")

    result = pytester.runpytest(GATE)

    assert gapless_report(result)[: len(TWO_LEFT)] == TWO_LEFT
    assert result.ret == 0


def test_a_file_that_breaks_the_collection_leaves_the_others_not_run(
    pytester: pytest.Pytester,
) -> None:
    """Alone pytest then runs nothing, and nobody knows what the broken file guards."""
    write_test(pytester, 2, "def test_2(): pass", before="import nothing_like_it\n")

    result = pytester.runpytest(GATE)

    reason = "1 file could not be collected: test_2.py"
    assert gapless_report(result) == [
        UNJUDGED.format(reason),
        f"0 of 2 incidents seen here guarded; 2 not run, 2 not judged: {reason}",
    ]
    assert result.ret == pytest.ExitCode.INTERRUPTED


def test_a_file_that_breaks_the_collection_with_workers_lets_the_others_run(
    pytester: pytest.Pytester,
) -> None:
    """Under xdist pytest runs the rest, and the broken file stays not judged."""
    pytest.importorskip("xdist")
    write_test(pytester, 2, "def test_2(): pass", before="import nothing_like_it\n")

    result = pytester.runpytest_subprocess(GATE, "-n2")

    reason = "1 file could not be collected: test_2.py"
    assert gapless_report(result) == [
        UNJUDGED.format(reason),
        f"2 of 2 incidents seen here guarded; 2 not judged: {reason}",
    ]
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_a_plan_of_the_setups_runs_no_test(pytester: pytest.Pytester) -> None:
    """To pytest ``--setup-plan`` implies ``--setup-only``; the reader sees what was given."""
    result = pytester.runpytest(GATE, "--setup-plan")

    assert gapless_report(result) == [
        UNJUDGED.format("--setup-plan"),
        gap("0 of 4 incidents guarded, 3 linked; 3 not run: --setup-plan"),
    ]
    assert result.ret == 0


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("-x",),
        ("-k", "test_1"),
        ("-k", "nothing"),
        ("-m", "nothing"),
        ("test_1.py",),
        ("test_1.py::test_1",),
        ("test_1.py::test_9",),
        ("no_such_file.py",),
        ("--no-such-option",),
        ("--collect-only",),
        ("--setup-plan",),
        ("--fixtures",),
        ("--markers",),
        ("--co", "-q"),
        ("-p", "no:terminal"),
        ("--ignore=test_2.py",),
        ("--deselect=test_2.py",),
        ("-p", "no:cacheprovider", "-q", "--no-summary"),
    ],
    ids=" ".join,
)
def test_the_exit_status_of_a_partial_run_is_that_of_pytest(
    pytester: pytest.Pytester, arguments: tuple[str, ...]
) -> None:
    """A gate that is not judged changes nothing, and one that fails leaves a red run alone."""
    plain = pytester.runpytest("-p", "no:postmortem", *arguments)

    result = pytester.runpytest(GATE, *arguments)

    assert result.ret == plain.ret


def test_last_failed_without_a_known_failure_takes_nothing_away(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """The first run with ``--lf`` runs everything; with ``--lfnf=none`` it runs nothing."""
    write_test(pytester, 2, "def test_2(): pass")

    everything = run("--lf")
    nothing = run(GATE, "--lf", "--lfnf=none")

    assert gapless_report(everything) == [
        "3 of 4 incidents guarded (75 %), 3 linked; 1 has no regression test"
    ]
    assert gapless_report(nothing) == [
        UNJUDGED.format(NOT_RUN.format("3 incidents", "deselected")),
        gap("0 of 4 incidents guarded, 3 linked; 3 not run"),
    ]


def test_stepwise_goes_on_where_it_stopped(pytester: pytest.Pytester) -> None:
    """What ``--sw`` passed in an earlier run it deselects in this one, where it did not run."""
    pytester.runpytest("--sw")
    write_test(pytester, 2, "def test_2(): pass")

    result = pytester.runpytest(GATE, "--sw")

    assert gapless_report(result) == [
        UNJUDGED.format(NOT_RUN.format("1 incident", "deselected")),
        gap("2 of 4 incidents guarded, 3 linked; 1 not run"),
    ]


def test_failed_first_runs_everything(pytester: pytest.Pytester) -> None:
    """The order of the tests is no matter."""
    pytester.runpytest()

    result = pytester.runpytest(GATE, "--ff")

    assert gapless_report(result) == [
        *FAILING,
        "Gate fail-under failed: 50 % of 4 incidents guarded, 100 % asked: 2 incidents too few",
        "2 of 4 incidents guarded (50 %), 3 linked; 1 has no regression test",
    ]


def test_a_package_by_name_is_a_part_of_what_the_rootdir_holds(pytester: pytest.Pytester) -> None:
    """``--pyargs`` names a folder like any other."""
    package = pytester.mkpydir("shop")
    (package / "test_4.py").write_text(
        f"{HEADER}@pytest.mark.postmortem('PM-4')\ndef test_4(): pass\n"
    )

    result = pytester.runpytest(GATE, "--pyargs", "shop", "-o", "pythonpath=.")

    reason = "1 of 4 files given"
    assert gapless_report(result) == [
        UNJUDGED.format(reason),
        f"1 of 1 incident seen here guarded; 3 not judged: {reason}",
    ]
    assert result.ret == 0


def test_an_installed_package_says_nothing_of_a_rootdir_without_tests(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """Where no test file lies under the rootdir, nothing tells what the whole suite is."""
    for n in (1, 2, 3):
        (pytester.path / f"test_{n}.py").unlink()
    elsewhere = pytester.path.parent / f"{pytester.path.name}-elsewhere"
    package = elsewhere / "shop"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "test_4.py").write_text(
        f"{HEADER}@pytest.mark.postmortem('PM-4')\ndef test_4(): pass\n"
    )

    result = run(
        GATE, "--pyargs", "shop", "-o", f"pythonpath={elsewhere}", f"--rootdir={pytester.path}"
    )

    reason = "no test file under the rootdir says what the suite is (set postmortem_suite)"
    assert gapless_report(result) == [
        UNJUDGED.format(reason),
        f"1 of 1 incident seen here guarded; 3 not judged: {reason}",
    ]


@with_a_worker_too
def test_a_module_that_skips_itself_is_no_gap(pytester: pytest.Pytester, run: RunPytest) -> None:
    """Its tests are linked, though none of them was collected: all of them were skipped, here."""
    skip = "pytest.skip('no compiler', allow_module_level=True)\n\n"
    write_test(pytester, 2, "def test_2(): pass", before=skip)

    result = run()

    assert report_of(result) == [
        "2 incidents could return unnoticed:",
        "  PM-2    skipped: no compiler",
        "  PM-4    no test",
        "2 of 4 incidents guarded (50 %), 3 linked; 1 has no regression test",
    ]


def test_a_file_that_skips_itself_is_read_like_any_other(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """Its marks may have names, be imported or made of constants."""
    pytester.makepyfile(
        marks="import pytest\nlogin = pytest.mark.postmortem('PM-4')\n",
        test_2="""
        import pytest
        from marks import login
        pytest.skip("no compiler", allow_module_level=True)
        NUMBER = 2
        PM = pytest.mark.postmortem

        @PM(f"PM-{NUMBER}")
        @login
        def test_2(): pass
        """,
    )

    result = run()

    assert report_of(result) == [
        "2 incidents could return unnoticed:",
        "  PM-2    skipped: no compiler",
        "  PM-4    skipped: no compiler",
        "2 of 4 incidents guarded (50 %), 4 linked",
    ]


@with_a_worker_too
def test_a_module_that_skips_itself_has_the_line_of_its_first_mark(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """Of several marks that name one incident the first is told, alone and with workers."""
    pytester.makepyfile(
        test_2=(
            "import pytest\npytest.importorskip('no_such_module')\n\n"
            "@pytest.mark.postmortem('PM-2')\ndef test_a(): pass\n\n"
            "@pytest.mark.postmortem('PM-2')\ndef test_b(): pass\n"
        )
    )

    run("--postmortem-report=json:r.json")

    report = read_report(pytester.path / "r.json")
    tests = [test for each in report["incidents"] for test in each["tests"]]
    lines = [(test["path"], test["line"]) for test in tests]
    assert lines == [("test_1.py", 3), ("test_2.py", 4), ("test_3.py", 3)]
