"""What is odd, and must end in a word and not in a traceback, a false gap or a silent gate."""

from __future__ import annotations

from pathlib import Path

import pytest

import repositories
from conftest import RunPytest, gapless_report, report_of, with_a_worker_too

GATE = "--postmortem-fail-under=100"
WHOLE = ["2 of 2 incidents guarded (100 %), 2 linked"]


@pytest.fixture(autouse=True)
def suite(pytester: pytest.Pytester) -> None:
    """Write two incidents with a test each, in a file each."""
    pytester.makefile(".yml", pm="- id: PM-1\n- id: PM-2\n")
    pytester.makeini("[pytest]\npostmortem_registry = pm.yml\n")
    for n in (1, 2):
        path = pytester.path / "tests" / f"test_{n}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"import pytest\n@pytest.mark.postmortem('PM-{n}')\ndef test_{n}(): pass\n")


@pytest.mark.parametrize("configured", [(), ("-o", "postmortem_require=sev1")], ids=["", "require"])
def test_a_gate_without_a_registry_is_not_judged(
    pytester: pytest.Pytester, run: RunPytest, configured: tuple[str, ...]
) -> None:
    """It does not pass silently, even where no test is marked."""
    pytester.makeini("[pytest]\n")
    (pytester.path / "tests" / "test_1.py").write_text("def test_it(): pass\n")
    (pytester.path / "tests" / "test_2.py").unlink()

    result = run(GATE, *configured)

    assert report_of(result)[0] == (
        "Gate fail-under not judged: no registry; configure one to judge it"
    )
    assert result.ret == 0


def test_an_empty_variable_takes_no_gate_and_no_registry_away(pytester: pytest.Pytester) -> None:
    """``--postmortem-fail-under=$MINIMUM`` with no MINIMUM is an error, and not no gate."""
    registry = pytester.runpytest("--postmortem-registry=", GATE)
    gate = pytester.runpytest("--postmortem-fail-under=")

    assert report_of(registry) == WHOLE
    assert gate.ret == pytest.ExitCode.USAGE_ERROR
    gate.stderr.fnmatch_lines(["*Couldn't use --postmortem-fail-under=: it is empty"])


@with_a_worker_too
def test_an_id_that_nobody_could_write_down_is_a_bad_mark(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """The same with workers, to whom it could not be sent."""
    arguments = (r"'PM-\ud800'", "10**5000", "[10**5000]")
    code = "\n".join(
        f"@pytest.mark.postmortem({argument})\ndef test_{n}(): pass"
        for n, argument in enumerate(arguments)
    )
    (pytester.path / "tests" / "test_2.py").write_text(f"import pytest\n{code}\n")

    result = run()

    lines = [line.partition(": ")[2] for line in gapless_report(result)[1:4]]
    shown = (r"'PM-\ud800'", "...", "...")
    starts = [f"@pytest.mark.postmortem({each})" for each in shown]
    assert [line[: len(start)] for line, start in zip(lines, starts, strict=True)] == starts
    assert result.ret == 1
    result.assert_outcomes(passed=4)


@with_a_worker_too
def test_properties_of_any_shape_change_no_outcome(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """Other plugins may put there what they like."""
    path = pytester.path / "tests" / "test_2.py"
    text = path.read_text().replace("test_2(): pass", "test_2(request):")
    path.write_text(text + "    request.node.user_properties.append(('a', 'b', 'c'))\n")

    result = run("-p", "no:junitxml")

    assert report_of(result) == WHOLE


@pytest.mark.parametrize("date", ["9999-12-31", "0001-01-01", "2030-01-01"])
def test_a_date_far_away_is_a_date_like_any_other(pytester: pytest.Pytester, date: str) -> None:
    """No arithmetic overflows, and no incident is younger than a day."""
    pytester.makefile(".yml", pm=f"- id: PM-9\n  severity: sev1\n  date: {date}\n")

    result = pytester.runpytest(
        "-v",
        *("-o", "postmortem_require=sev1", "-o", "postmortem_grace=14"),
        "--postmortem-today=2026-11-20",
    )

    late = {
        "0001-01-01": "739925 days past grace",
        "9999-12-31": "grace until 9999-12-31",
        "2030-01-01": "grace until 2030-01-15",
    }
    assert f"  PM-9  sev1    no test, {late[date]}" in report_of(result)


def test_a_source_date_that_is_none_is_passed_over(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The date of the commit, or today, serves instead, and that is said."""
    repositories.repository(pytester.path)
    repositories.commit(pytester.path, {}, day="2026-03-02")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "99999999999999")

    result = pytester.runpytest("-o", "postmortem_grace=14")

    assert report_of(result) == [
        "1 warning:",
        "  SOURCE_DATE_EPOCH=99999999999999 is not a number of seconds since 1970; ignored,"
        " dates are judged by 2026-03-02",
        *WHOLE,
    ]


def test_brackets_in_a_path_are_no_parameters(pytester: pytest.Pytester) -> None:
    """A test in ``t[1]`` can be declared like any other."""
    (pytester.path / "tests").rename(pytester.path / "t[1]")
    nodeids = "[ 't[1]/test_1.py::test_1', 't[1]/test_2.py' ]"
    pytester.makefile(".yml", pm=f"- id: PM-1\n- id: PM-2\n  tests: {nodeids}\n")

    result = pytester.runpytest()

    assert report_of(result) == WHOLE


def test_a_path_that_goes_up_and_down_is_still_that_path(
    pytester: pytest.Pytester, run: RunPytest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``--ignore=../tests/test_2.py`` leaves it out from wherever it is said."""
    monkeypatch.chdir(pytester.mkdir("ci"))

    result = run("..", "--ignore=../tests/test_2.py", GATE)

    assert report_of(result)[-1] == (
        "1 of 1 incident seen here guarded; 1 not judged: 1 of 2 files given"
    )


def test_a_folder_behind_a_link_belongs_to_the_suite(
    pytester: pytest.Pytester, run: RunPytest, tmp_path: Path
) -> None:
    """pytest follows links, and a link that leads upwards is no endless way."""
    elsewhere = pytester.path.parent / f"{pytester.path.name}-elsewhere"
    elsewhere.mkdir()
    (pytester.path / "tests" / "test_2.py").rename(elsewhere / "test_2.py")
    (pytester.path / "more").symlink_to(elsewhere)

    result = run("tests", GATE)

    assert report_of(result)[-1] == (
        "1 of 1 incident seen here guarded; 1 not judged: 1 of 2 files given"
    )


def test_a_path_in_the_configured_options_makes_the_suite(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """A bare run collects it, so it is the whole."""
    pytester.makepyfile(**{"demo/test_demo": "def test_demo(): pass"})

    result = run("-o", "addopts=tests", GATE)

    assert report_of(result) == WHOLE


@with_a_worker_too
def test_what_another_plugin_deselects_leaves_the_gate_open(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """A suite that is split by an option is not the suite that defines itself so."""
    pytester.makeconftest(
        """
        def pytest_addoption(parser):
            parser.addoption("--group", default=None)

        def pytest_collection_modifyitems(config, items):
            if config.getoption("--group"):
                config.hook.pytest_deselected(items=items[1:])
                del items[1:]
        """
    )

    result = run("--group=1", GATE)

    assert report_of(result) == [
        "Gate fail-under not judged: the tests of 1 incident were not run: deselected by"
        " conftest.py; run the whole suite to judge it",
        "1 of 2 incidents guarded, 2 linked; 1 not run",
    ]
    assert result.ret == 0


@pytest.mark.parametrize("argument", ["tests/test_3.py", "tests/gone.py", "tests/test_3.py::gone"])
def test_a_part_without_a_mark_gets_no_hint(pytester: pytest.Pytester, argument: str) -> None:
    """That no test is linked can be said only where all were collected."""
    pytester.makeini("[pytest]\n")
    (pytester.path / "pm.yml").rename(pytester.path / "postmortems.yml")
    (pytester.path / "tests" / "test_3.py").write_text("def test_3(): pass\n")

    result = pytester.runpytest(argument)

    assert "no test is linked" not in result.stdout.str()


@pytest.mark.parametrize("declared", ["tests/test_2.py::test_2", "tests/test_2.py"])
def test_a_declared_test_in_a_file_that_skips_itself_was_found(
    pytester: pytest.Pytester, run: RunPytest, declared: str
) -> None:
    """It is skipped, and not collected nowhere."""
    skip = "import pytest\npytest.importorskip('nothing_like_it')\ndef test_2(): pass\n"
    (pytester.path / "tests" / "test_2.py").write_text(skip)
    pytester.makefile(".yml", pm=f"- id: PM-1\n- id: PM-2\n  tests: {declared}\n")

    result = run()

    assert report_of(result) == [
        "1 incident could return unnoticed:",
        "  PM-2    skipped: could not import 'nothing_like_it': No module named 'nothing_like_it'",
        "1 of 2 incidents guarded (50 %), 2 linked",
    ]
