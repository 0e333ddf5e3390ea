"""The two hooks, implemented as a third-party plugin or a conftest would."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conftest import RunPytest, report_of, with_a_worker_too
from report_schema import read_report

LOADS = """
import pathlib

def pytest_postmortem_load(location, config):
    scheme, _, rest = location.partition(":")
    if scheme != "notion":
        return None
    with open(config.rootpath / "calls", "a") as file:
        file.write(location + "\\n")
    if (config.rootpath / "down").exists():
        raise ConnectionError("no route to Notion")
    return [{"id": "PM-1", "title": "Login loop", "severity": 1}, {"id": 2, "tags": ("a", "b")}]
"""

SUITE = """
import pytest

@pytest.mark.postmortem("PM-1")
def test_login():
    pass
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> Path:
    """A suite whose post-mortems only a plugin can read."""
    pytester.makeini("[pytest]\npostmortem_registry = notion:DATABASE\npostmortem_show = all\n")
    pytester.makeconftest(LOADS)
    pytester.makepyfile(test_it=SUITE)
    return pytester.path


def test_a_plugin_reads_what_is_neither_file_nor_address(suite: Path, run: RunPytest) -> None:
    """It is asked once a run, and what it gives is a registry like any other."""
    result = run("-v")

    assert "postmortem: notion:DATABASE (2 post-mortems)" in result.outlines
    assert report_of(result) == [
        "1 incident could return unnoticed:",
        "  2    no test",
        "1 incident is guarded:",
        "  PM-1  1  Login loop    1 test",
        "1 of 2 incidents guarded (50 %), 1 linked; 1 has no regression test",
    ]
    assert (suite / "calls").read_text() == "notion:DATABASE\n"


def test_what_a_plugin_reads_is_shown_as_something_secret(suite: Path, run: RunPytest) -> None:
    """Nobody knows where it comes from, so only the link is shown unless more is asked for."""
    result = run("-v", "-o", "postmortem_show=")

    assert "  PM-1    1 test" in report_of(result)
    assert "Login loop" not in result.stdout.str()


def test_a_plugin_that_fails_stops_no_test(suite: Path, run: RunPytest) -> None:
    """What it gave before serves in its place, and a warning says why."""
    (suite / "down").touch()
    alone = run()
    (suite / "down").unlink()
    run()
    (suite / "down").touch()

    with_copy = run()

    said = "notion:DATABASE: it can't be read: ConnectionError: no route to Notion;"
    for result in (alone, with_copy):
        assert said in result.stdout.str()
        assert result.ret == 0
    assert report_of(alone)[-1].endswith("notion:DATABASE can't be reached, so no gap is claimed")
    assert report_of(with_copy)[-1].startswith("1 of 2 incidents guarded (50 %)")


@pytest.mark.parametrize("given", ["[1]", "iter([{'id': 1}, 2])", "[{'title': 'no id'}]", "3"])
def test_what_makes_no_sense_stops_no_test_either(
    suite: Path, pytester: pytest.Pytester, given: str
) -> None:
    """A plugin that gives something else has the same warning."""
    pytester.makeconftest(f"def pytest_postmortem_load(location, config): return {given}")

    result = pytester.runpytest()

    assert "1 warning:" in report_of(result)
    assert result.ret == 0


def test_a_location_that_nobody_knows_is_an_error(suite: Path, run: RunPytest) -> None:
    """The message names what could stand there."""
    result = run("--postmortem-registry=wiki:PM")

    assert "'wiki' is not a known service" in result.stderr.str()
    assert result.ret == 4


def test_an_own_plugin_may_take_the_place_of_a_service(
    suite: Path, pytester: pytest.Pytester
) -> None:
    """The first result wins, and a hook is asked before the services that are known by name."""
    pytester.makeconftest(
        "def pytest_postmortem_load(location, config):\n"
        "    return [{'id': 'GH-1'}] if location == 'github:owner/repo' else None\n"
    )

    result = pytester.runpytest("--postmortem-registry=github:owner/repo")

    assert "postmortem: github:owner/repo (1 post-mortem)" in result.outlines


TAKES = """
import json

def pytest_postmortem_report(report, config):
    with open(config.rootpath / "taken.json", "a") as file:
        file.write(json.dumps(report) + "\\n")
"""


@with_a_worker_too
def test_a_plugin_is_given_the_finished_report(suite: Path, run: RunPytest) -> None:
    """It is the JSON report, once, with the gates judged."""
    (suite / "conftest.py").write_text(LOADS + TAKES)

    run("--postmortem-fail-under=40", "--postmortem-report=json:report.json")

    (line,) = (suite / "taken.json").read_text().splitlines()
    assert json.loads(line) == read_report(suite / "report.json")
    assert json.loads(line)["gates"][0]["passed"] is True


def test_a_plugin_that_cannot_take_the_report_is_named(suite: Path, run: RunPytest) -> None:
    """The run is no success, no traceback is shown, and the report is printed all the same."""
    (suite / "conftest.py").write_text(
        LOADS + "def pytest_postmortem_report(report): raise ValueError('no channel')\n"
    )

    result = run()

    assert report_of(result)[0] == "A plugin failed to take the report: ValueError: no channel"
    assert report_of(result)[-1].startswith("1 of 2 incidents guarded")
    assert "Traceback" not in result.stdout.str() + result.stderr.str()
    assert result.ret == 1


def test_hooks_cost_nothing_where_nothing_is_marked(pytester: pytest.Pytester) -> None:
    """A plugin may implement them in a suite that has no post-mortem."""
    pytester.makeconftest(LOADS + TAKES)
    pytester.makepyfile("def test_it(): pass")

    result = pytester.runpytest()

    assert result.ret == 0
    assert not (pytester.path / "taken.json").exists()


def test_offline_no_plugin_is_asked(suite: Path, run: RunPytest) -> None:
    """It might open a socket; what it gave before has to do."""
    run()
    (suite / "calls").unlink()

    result = run("-o", "postmortem_offline=true")

    assert "notion:DATABASE (a copy of " in result.stdout.str()
    assert not (suite / "calls").exists()


@pytest.mark.parametrize("raised", ["pytest.skip('x')", "pytest.fail('x')", "sys.exit(3)"])
def test_a_hook_can_not_end_the_run_by_accident(
    suite: Path, pytester: pytest.Pytester, raised: str
) -> None:
    """What means something in a test is nothing but an error in a hook."""
    (suite / "conftest.py").write_text(
        "import pytest, sys\n"
        f"def pytest_postmortem_load(location, config): {raised}\n"
        f"def pytest_postmortem_report(report): {raised}\n"
    )

    result = pytester.runpytest()

    assert "A plugin failed to take the report: RuntimeError: " in result.stdout.str()
    assert "Traceback" not in result.stdout.str() + result.stderr.str()
    assert result.ret == 1


def test_two_locations_of_one_plugin_have_a_copy_each(
    suite: Path, pytester: pytest.Pytester
) -> None:
    """What stands behind a ``?`` tells them apart."""
    pytester.makeini(
        "[pytest]\npostmortem_registry =\n    notion:db?view=1\n    notion:db?view=2\n"
    )
    (suite / "conftest.py").write_text(
        "def pytest_postmortem_load(location, config):\n"
        "    if (config.rootpath / 'down').exists(): raise OSError('down')\n"
        "    return [{'id': 'PM-' + location[-1]}]\n"
    )
    pytester.runpytest()
    (suite / "down").touch()

    assert report_of(pytester.runpytest())[-1].startswith("1 of 2 incidents guarded (50 %)")
