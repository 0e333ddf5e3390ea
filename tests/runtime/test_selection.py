"""Gates depend on what a run leaves out: who deselected it, and whether that is the suite's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import RunPytest, report_of, with_a_worker_too
from pytest_postmortem.cli.main import main

GATE = "--postmortem-fail-under=60"
FAILED = "Gate fail-under failed: 50 % of 2 incidents guarded, 60 % asked: 1 incident too few"

TESTS = """
import pytest

@pytest.mark.postmortem("PM-1")
def test_fast(): pass

@pytest.mark.slow
@pytest.mark.postmortem("PM-2")
def test_slow(): pass
"""

RUN_SLOW = """
def pytest_addoption(parser):
    parser.addoption("--runslow", action="store_true")
    parser.addoption("--colours", action="store_true")

def pytest_collection_modifyitems(config, items):
    if not config.getoption("--runslow"):
        slow = [item for item in items if "slow" in item.keywords]
        items[:] = [item for item in items if item not in slow]
        config.hook.pytest_deselected(items=slow)
"""
"""A suite that leaves its slow tests out, and an option that selects nothing."""

FAST = RUN_SLOW.replace("--runslow", "--fast").replace("not config", "config")
"""A suite that leaves its slow tests out when it is asked to."""

SILENT = "config.hook.pytest_deselected(items=slow)"
WITHOUT_A_WORD = (RUN_SLOW.replace(SILENT, ""), FAST.replace(SILENT, ""))

MARK_EXPRESSION = """
def pytest_addoption(parser):
    parser.addoption("--fast", action="store_true")

def pytest_configure(config):
    if {} and not config.option.markexpr:
        config.option.markexpr = "not slow"
"""

FINISH = """
def pytest_collection_finish(session):
    session.items[:] = [item for item in session.items if "slow" not in item.keywords]
"""

SHARD = """
import os

def pytest_collection_modifyitems(config, items):
    if os.environ.get("CI_NODE_INDEX"):
        config.hook.pytest_deselected(items=items[1:])
        del items[1:]
"""


def not_judged(reason: str) -> str:
    """Return the line on a gate that was left open because a test of one incident did not run."""
    why = f"the tests of 1 incident were not run: {reason}"
    return f"Gate fail-under not judged: {why}; run the whole suite to judge it"


BY_CONFTEST = not_judged("deselected by conftest.py")
REMOVED = not_judged("removed by conftest.py, without pytest_deselected")


@pytest.fixture(autouse=True)
def suite(pytester: pytest.Pytester) -> None:
    """Write two incidents with a test each, of which one is slow."""
    configure(pytester)
    pytester.makefile(".yml", pm="- id: PM-1\n- id: PM-2\n")
    pytester.makepyfile(test_it=TESTS)


def configure(pytester: pytest.Pytester, addopts: str = "") -> None:
    """Write the configuration."""
    pytester.makeini(
        f"[pytest]\npostmortem_registry = pm.yml\nmarkers = slow\naddopts = {addopts}\n"
    )


@pytest.mark.parametrize(
    ("conftest", "arguments"),
    [
        pytest.param(RUN_SLOW, (), id="nothing-given"),
        pytest.param(RUN_SLOW, ("--colours", "-v", "--doctest-modules"), id="another-option"),
        pytest.param(RUN_SLOW, ("-k", "not other"), id="k-that-selects-all"),
        pytest.param(WITHOUT_A_WORD[0], (), id="without-a-word"),
        pytest.param(WITHOUT_A_WORD[0], ("--colours",), id="without-a-word-another-option"),
        pytest.param(MARK_EXPRESSION.format("True"), (), id="mark-expression"),
        pytest.param(FINISH, (), id="after-the-collection"),
        pytest.param(SHARD.replace('os.environ.get("CI_NODE_INDEX")', "1"), (), id="always"),
    ],
)
def test_what_a_conftest_always_leaves_out_is_the_suites_own_choice(
    pytester: pytest.Pytester, conftest: str, arguments: tuple[str, ...]
) -> None:
    """The gate is judged, and a test that never runs guards nothing."""
    pytester.makeconftest(conftest)

    result = pytester.runpytest(GATE, *arguments)

    assert [line for line in result.outlines if line.startswith("Gate ")] == [FAILED]
    assert result.ret == 1


@pytest.mark.parametrize(
    ("conftest", "arguments", "gate"),
    [
        pytest.param(FAST, ("--fast",), BY_CONFTEST, id="option"),
        pytest.param(WITHOUT_A_WORD[1], ("--fast",), REMOVED, id="without-a-word"),
        pytest.param(
            MARK_EXPRESSION.format('config.getoption("fast")'),
            ("--fast",),
            not_judged("deselected"),
            id="mark-expression",
        ),
        pytest.param(
            MARK_EXPRESSION.format("True"),
            ("-m", "not slow"),
            not_judged("deselected"),
            id="mark-expression-given",
        ),
    ],
)
def test_what_an_option_leaves_out_is_a_choice_of_this_run(
    pytester: pytest.Pytester, conftest: str, arguments: tuple[str, ...], gate: str
) -> None:
    """The gate is left open, with the name of what deselected the test."""
    pytester.makeconftest(conftest)

    result = pytester.runpytest(GATE, *arguments)

    assert report_of(result)[0] == gate
    assert result.ret == 0


@with_a_worker_too
@pytest.mark.parametrize(
    ("conftest", "arguments", "gate"),
    [
        pytest.param(RUN_SLOW, ("--colours",), FAILED, id="own"),
        pytest.param(FAST, ("--fast",), BY_CONFTEST, id="given"),
    ],
)
def test_a_choice_is_the_same_with_workers(
    pytester: pytest.Pytester, run: RunPytest, conftest: str, arguments: tuple[str, ...], gate: str
) -> None:
    """Workers select, and the command line is known to the controller alone."""
    pytester.makeconftest(conftest)

    result = run(GATE, *arguments)

    assert report_of(result)[0] == gate


def test_variables_give_options_too(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ``PYTEST_ADDOPTS`` gives is of this run, and so is a variable that numbers a shard."""
    pytester.makeconftest(FAST)
    monkeypatch.setenv("PYTEST_ADDOPTS", "--fast")
    options = pytester.runpytest(GATE)
    monkeypatch.delenv("PYTEST_ADDOPTS")
    pytester.makeconftest(SHARD)
    monkeypatch.setenv("CI_NODE_INDEX", "1")
    shard = pytester.runpytest_subprocess(GATE)

    assert report_of(options)[0] == report_of(shard)[0] == BY_CONFTEST


@pytest.mark.parametrize(
    ("addopts", "arguments", "gate"),
    [
        ("-p chooser", ("--fast",), not_judged("deselected by chooser.py")),
        ("-p chooser --fast", (), FAILED),
        ("-p chooser --fast", ("--colours",), FAILED),
        ("--fast", ("-p", "chooser"), not_judged("deselected by chooser.py")),
    ],
)
def test_a_plugin_of_the_suite_is_judged_as_a_conftest_is(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    addopts: str,
    arguments: tuple[str, ...],
    gate: str,
) -> None:
    """Where it comes in by ``-p`` on the command line, all that it does is of this run."""
    pytester.makepyfile(chooser=FAST)
    configure(pytester, addopts)
    monkeypatch.setenv("PYTHONPATH", str(pytester.path))

    result = pytester.runpytest_subprocess(GATE, *arguments)

    assert report_of(result)[0] == gate


@pytest.mark.parametrize(
    ("addopts", "arguments", "gate"),
    [
        ("-p chooser", ("--fast",), not_judged("deselected by chooser")),
        ("-p chooser", ("--colours",), None),
        ("-p chooser --fast", ("--colours",), FAILED),
        ("-p always", ("--colours",), not_judged("deselected by always")),
    ],
)
def test_an_installed_plugin_has_to_be_configured_to_be_the_suites_choice(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    addopts: str,
    arguments: tuple[str, ...],
    gate: str | None,
) -> None:
    """What it deselects of its own accord may depend on anything: a server, earlier runs."""
    folder = pytester.mkdir("site-packages")
    (folder / "chooser.py").write_text(FAST)
    (folder / "always.py").write_text(RUN_SLOW)
    configure(pytester, addopts)
    monkeypatch.setenv("PYTHONPATH", str(folder))

    result = pytester.runpytest_subprocess(GATE, *arguments)

    gates = [line for line in report_of(result) if line.startswith("Gate ")]
    assert gates == ([gate] if gate else [])


@pytest.mark.parametrize(
    ("addopts", "arguments", "gate"),
    [
        ("-m 'not slow'", ("--deselect=test_it.py::test_other",), FAILED),
        ("-m 'not slow'", ("-k", "test_"), FAILED),
        ("--deselect=test_it.py::test_slow", ("--deselect=no_such_test",), FAILED),
        ("-k 'not slow'", ("--timeout=9",), FAILED),
        ("--sw", (), not_judged("deselected")),
        ("--postmortem=PM-1", (), FAILED),
        ("", ("--postmortem=PM-1",), not_judged("deselected")),
    ],
)
def test_of_pytests_own_options_those_count_that_deselected_a_test(
    pytester: pytest.Pytester, addopts: str, arguments: tuple[str, ...], gate: str
) -> None:
    """One that left nothing out changes nothing, and what an earlier run passed is no suite."""
    pytester.makeconftest("def pytest_addoption(parser): parser.addoption('--timeout')")
    if addopts == "--sw":
        pytester.makepyfile(test_it=swapped(failing=True))
        pytester.runpytest("--sw")
        pytester.makepyfile(test_it=swapped(failing=False))
    configure(pytester, addopts)

    result = pytester.runpytest(GATE, *arguments)

    assert report_of(result)[0] == gate


def swapped(failing: bool) -> str:
    """Return the tests with the slow one first, and the other one failing or not."""
    fast = f"@pytest.mark.postmortem('PM-1')\ndef test_fast(): assert {not failing}"
    slow = "@pytest.mark.slow\n@pytest.mark.postmortem('PM-2')\ndef test_slow(): pass"
    return f"import pytest\n\n{slow}\n\n{fast}\n"


SPLIT = """
def pytest_addoption(parser):
    parser.addoption("--group", type=int)

def pytest_collection_modifyitems(config, items):
    group = config.getoption("group")
    if group is not None:
        config.hook.pytest_deselected(items=[item for item in items if item is not items[group]])
        items[:] = [items[group]]
"""


def test_shards_are_judged_together_as_the_whole_suite_is(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the configuration leaves out in one of the shards counts as not guarded."""
    configure(pytester, "-m 'not slow'")
    pytester.makeconftest(SPLIT)
    for group in range(2):
        shard = pytester.runpytest(
            GATE, f"--group={group}", f"--postmortem-report=json:{group}.json"
        )
        assert "Gate fail-under not judged" in shard.stdout.str()
    capsys.readouterr()

    status = main(["combine", "0.json", "1.json", "--expect=2"])

    assert capsys.readouterr().out.splitlines()[0] == FAILED
    assert status == 1


PICK = """
def pytest_addoption(parser):
    parser.addoption("--picked", action="store_true")

def pytest_configure(config):
    if config.getoption("picked"):
        config.args = {}
"""


@pytest.mark.parametrize(
    ("picked", "reason"),
    [("['test_it.py']", "1 of 2 files given"), ("[]", "0 of 2 files given")],
)
def test_files_that_a_plugin_picks_are_a_part_of_the_suite(
    pytester: pytest.Pytester, picked: str, reason: str
) -> None:
    """It sets the arguments that the command line did not give; no gap is claimed."""
    pytester.makepyfile(test_other="def test_it(): pass")
    pytester.makeconftest(PICK.format(picked))

    result = pytester.runpytest(GATE, "--picked")

    assert report_of(result)[0] == (
        f"Gate fail-under not judged: {reason}; run the whole suite to judge it"
    )


IGNORE = """
def pytest_addoption(parser):
    parser.addoption("--unit", action="store_true")

def pytest_ignore_collect(collection_path, config):
    if {} and collection_path.name == "test_other.py":
        return True
"""


@pytest.mark.parametrize(
    ("condition", "arguments", "judged"),
    [
        ("True", (), True),
        ("True", ("-v",), True),
        ("config.getoption('unit')", ("--unit",), False),
        ("not config.getoption('unit')", (), True),
    ],
)
def test_files_that_an_option_ignores_are_a_part_of_the_suite(
    pytester: pytest.Pytester, condition: str, arguments: tuple[str, ...], judged: bool
) -> None:
    """What a conftest always ignores is none."""
    pytester.makepyfile(test_other="def test_it(): pass")
    pytester.makeconftest(IGNORE.format(condition))

    result = pytester.runpytest("--postmortem-fail-under=100", *arguments)

    open_ = "Gate fail-under not judged: 1 of 2 files left out; run the whole suite to judge it"
    gates = [line for line in report_of(result) if "not judged" in line and "Gate" in line]
    assert gates == ([] if judged else [open_])


def test_the_report_says_whether_the_selection_is_the_suites_own(pytester: pytest.Pytester) -> None:
    """Who left a test out is the reason why it did not run."""
    pytester.makeconftest(RUN_SLOW)

    pytester.runpytest("--postmortem-report=json:report.json")

    text = Path("report.json").read_text()
    assert '"own_selection": true' in text
    assert '"reason": "deselected by configuration"' in text
