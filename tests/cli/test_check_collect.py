"""``pytest-postmortem check --collect``: what pytest itself collects, and nothing run."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_postmortem.cli.main import main
from repositories import write
from test_check import CLEAN, REGISTRY, SUITE

pytestmark = pytest.mark.usefixtures("few_lint_rules")

CONFTEST = """\
import pytest

def pytest_collection_modifyitems(items):
    for item in items:
        if item.name == "test_plain":
            item.add_marker(pytest.mark.postmortem("PM-2", "PM-22"))
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> Path:
    """A suite whose conftest adds marks that no reader of its code can see."""
    plain = SUITE.replace('@pytest.mark.postmortem("PM-2")\ndef test_two', "def test_plain")
    write(
        pytester.path,
        {
            "tox.ini": "[pytest]\npostmortem_registry = pm.yml\n",
            "pm.yml": REGISTRY,
            "tests/conftest.py": CONFTEST.replace(', "PM-22"', ""),
            "tests/test_a.py": plain,
        },
    )
    return pytester.path


def checked(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Return the exit status and the output of a check that asks pytest."""
    status = main(["check", "--collect", *arguments])
    said = capsys.readouterr()
    assert said.err == ""
    return status, said.out


def test_what_only_runs_is_known(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mark that a conftest adds links a test, which the code alone can't tell, and says so."""
    assert checked(capsys) == (0, CLEAN)
    assert main(["check", "--strict"]) == 0
    assert capsys.readouterr().out == (
        "unknown: PM-2: tests/conftest.py:6: only a run shows what this links: "
        'item.add_marker(pytest.mark.postmortem("PM-2"))\n'
        "`pytest-postmortem check --collect` asks pytest itself\n"
        f"{CLEAN}"
    )


def test_its_findings_are_those_of_a_run(
    suite: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From wherever it is started, and no report of an earlier run is written over."""
    addopts = "addopts = --postmortem-report=json:old.json --postmortem-report html:old.html\n"
    write(suite, {"tests/conftest.py": CONFTEST, "old.json": "old", "old.html": "old"})
    write(suite, {"tox.ini": f"[pytest]\npostmortem_registry = pm.yml\n{addopts}"})
    write(suite, {"pm.yml": REGISTRY.replace("::test_one", "::test_once")})
    monkeypatch.chdir(suite / "tests")

    assert checked(capsys) == (
        1,
        "pm.yml:1: error: PM-1 declares the test 'tests/test_a.py::test_once', which was "
        "collected nowhere; correct the node id, or remove it [unknown-test]\n"
        "tests/test_a.py:4: error: unknown post-mortem 'PM-22'; did you mean 'PM-2'?"
        " [unknown-id]\n"
        "2 errors in 2 post-mortems and 1 test file\n",
    )
    assert [(suite / name).read_text() for name in ("old.json", "old.html")] == ["old", "old"]
    assert checked(capsys, "test_a.py")[1].splitlines()[1:] == [
        "1 error in 0 post-mortems and 1 test file"
    ]


def test_what_can_not_be_imported_is_left_open(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rest is checked, and nothing is missed of which nobody knows the tests."""
    write(suite, {"tests/test_b.py": "import no_such_module\n"})

    assert checked(capsys) == (
        3,
        "not judged: pytest collected a part: 1 file could not be collected: tests/test_b.py\n"
        "Nothing wrong in 2 post-mortems and 1 test file\n",
    )


def test_a_suite_that_pytest_refuses_is_left_open(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what pytest said."""
    write(suite, {"tests/conftest.py": "import no_such_module\n"})

    status, said = checked(capsys)

    assert status == 3
    assert said.startswith("not judged: pytest could not collect: ")
    assert "No module named 'no_such_module'" in said.splitlines()[0]
    assert said.splitlines()[1:] == ["Nothing wrong in 2 post-mortems and 0 test files"]


def test_a_broken_registry_is_found_once(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Configured, pytest refuses it; found, pytest warns of it."""
    write(suite, {"pm.yml": f"{REGISTRY}- nothing\n"})
    wrong = "3: error: 'nothing' is not an entry; write each post-mortem as"

    status, said = checked(capsys)
    write(suite, {"tox.ini": "[pytest]\n", "postmortems.yml": f"{REGISTRY}- nothing\n"})
    found, told = checked(capsys)

    assert (status, said.count(wrong), said.count("not judged")) == (1, 1, 1)
    assert (found, told.count(wrong), told.count("warning")) == (1, 1, 0)


def test_ids_that_a_run_can_not_check_are_left_open(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The registry can't be reached."""
    ini = "[pytest]\npostmortem_registry = https://127.0.0.1:9/pm\npostmortem_offline = true\n"
    write(suite, {"tox.ini": ini})

    status, said = checked(capsys)

    assert status == 3
    assert "not judged: 2 ids not checked: https://127.0.0.1:9/pm can't be reached\n" in said


def test_a_suite_without_any_configuration_is_collected(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its registry lies where it is looked for."""
    write(suite, {"tox.ini": None, "pm.yml": None, "postmortems.yml": REGISTRY})

    assert checked(capsys) == (0, CLEAN)


def test_a_suite_without_any_mark_lacks_its_tests(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Although a run with a registry that was found says nothing of itself there."""
    entry = "- {id: PM-1, title: Charged twice}\n"
    bare = {"tests/conftest.py": None, "tests/test_a.py": "def test_one(): pass\n"}
    write(suite, {"tox.ini": None, "pm.yml": None, "postmortems.yml": entry, **bare})

    status, said = checked(capsys)

    assert status == 0
    assert said == (
        "postmortems.yml:1: warning: PM-1 has no regression test; "
        'mark one with @pytest.mark.postmortem("PM-1"), or exempt it with a reason '
        "[test-missing]\n1 warning in 1 post-mortem and 1 test file\n"
    )


def test_an_empty_suite_is_collected(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It has no tests, and none is missed."""
    write(suite, {"tests/test_a.py": None, "pm.yml": REGISTRY.replace("tests:", "x:")})

    status, said = checked(capsys)

    assert (status, said) == (0, "Nothing wrong in 2 post-mortems and 0 test files\n")
