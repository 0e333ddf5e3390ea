"""The JSON report is a contract: its shape, its order, and that it is written whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from conftest import RunPytest
from pytest_postmortem import __version__
from report_schema import SCHEMA, read_report, without_durations

REGISTRY = """
postmortems:
- id: PM-1
  title: Checkout charged customers twice
  url: https://wiki.example.com/pm/1
  date: 2026-03-02
  severity: sev1
  class: missing-idempotency
  owner: payments
  root_cause: the retry carried no idempotency key
  action_items:
  - {title: Send the key, owner: payments, due: 2026-04-01, type: prevent, status: done}
- id: PM-2
  title: Login loop
- id: PM-3
  title: Lost mails
  test: exempt
  reason: no test can see it
"""

SUITE = """
import pytest

@pytest.mark.postmortem("PM-1")
@pytest.mark.parametrize("key", ["b", "a"])
def test_retry(key):
    assert key == "a"

@pytest.mark.postmortem("PM-404")
def test_unknown():
    pass
"""

INI = """
[pytest]
postmortem_registry = postmortems.yml
postmortem_require = sev1
addopts = --postmortem-today=2026-11-20 --postmortem-fail-under=75
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> Path:
    """Write a suite with incidents in several states, an unknown id and two gates."""
    pytester.path.joinpath("postmortems.yml").write_text(REGISTRY, encoding="utf-8")
    pytester.makepyfile(test_it=SUITE)
    pytester.makeini(INI)
    return pytester.path


def incident(id: str, title: str, state: str, line: int, **others: Any) -> dict[str, Any]:
    """Return an incident as the report has it, absent what is not given."""
    texts = "url date severity class reason note owner status recurs root_cause until proof"
    lists = "tags service aliases whys fix guarded_by declares tests action_items"
    return {
        **dict.fromkeys(texts.split()),
        **{name: [] for name in lists.split()},
        "declared": False,
        "exempt": False,
        "provable": False,
        "show": "all",
        "id": id,
        "title": title,
        "state": state,
        "required": True,
        "flaky": False,
        "path": "postmortems.yml",
        "line": line,
        **others,
    }


def linked(key: str, outcome: str) -> dict[str, Any]:
    """Return one of the linked tests as the report has it."""
    return {
        "nodeid": f"test_it.py::test_retry[{key}]",
        "outcome": outcome,
        "duration": 0,
        "path": "test_it.py",
        "line": 3,
        "reason": None,
        "flaky": False,
    }


GOLDEN: dict[str, Any] = {
    "format": 1,
    "tool": {"name": "pytest-postmortem", "version": __version__},
    "run": None,
    "registry": {"locations": ["postmortems.yml"], "partial": [], "unreachable": [], "shrunk": []},
    "missing": None,
    "scope": {
        "kind": "full",
        "reasons": [],
        "root": "",
        "files": ["test_it.py"],
        "expected": None,
        "own_selection": True,
        "executes": True,
        "forced": False,
    },
    "unjudged": [],
    "totals": {
        "incidents": 3,
        "required": 2,
        "linked": 1,
        "guarded": 0,
        "proven": 0,
        "percent": 0.0,
    },
    "policy": {
        "fail_under": 75.0,
        "require": ["sev1"],
        "require_proof": [],
        "require_strength": None,
        "since": None,
        "grace": 0,
        "today": "2026-11-20",
        "severities": [],
    },
    "incidents": [
        incident(
            "PM-1",
            "Checkout charged customers twice",
            "failing",
            3,
            **{"class": "missing-idempotency"},
            url="https://wiki.example.com/pm/1",
            date="2026-03-02",
            severity="sev1",
            owner="payments",
            root_cause="the retry carried no idempotency key",
            tests=[linked("a", "passed"), linked("b", "failed")],
            action_items=[
                {
                    "title": "Send the key",
                    "owner": "payments",
                    "due": "2026-04-01",
                    "type": "prevent",
                    "status": "done",
                }
            ],
        ),
        incident("PM-2", "Login loop", "unguarded", 13),
        incident(
            "PM-3",
            "Lost mails",
            "exempt",
            15,
            required=False,
            reason="no test can see it",
            exempt=True,
        ),
    ],
    "findings": [
        {
            "code": "unknown-id",
            "severity": "error",
            "message": "unknown post-mortem 'PM-404'; correct the id,"
            " or add the post-mortem to the registry",
            "path": "test_it.py",
            "line": 8,
        }
    ],
    "gates": [
        {
            "name": "fail-under",
            "judged": True,
            "passed": False,
            "message": "0 % of 2 incidents guarded, 75 % asked: 2 incidents too few",
            "incidents": [],
        },
        {
            "name": "require",
            "judged": True,
            "passed": False,
            "message": "1 incident of sev1 not guarded: PM-1; 1 incident has no severity:"
            " not judged (PM-2)",
            "incidents": ["PM-1"],
        },
    ],
    "declared": [],
    "strangers": [],
    "unchecked": [],
    "unknown": [
        {
            "id": "PM-404",
            "tests": [
                {
                    "nodeid": "test_it.py::test_unknown",
                    "outcome": "passed",
                    "duration": 0,
                    "path": "test_it.py",
                    "line": 8,
                    "reason": None,
                    "flaky": False,
                }
            ],
        }
    ],
    "unselected": [],
}

LATER = {"unknown"}
"""Fields of the contract that older reports of this format lack."""


@pytest.mark.smoke
def test_the_report_is_this(suite: Path, run: RunPytest) -> None:
    """Every field of the contract, in a run that has something to say in each."""
    result = run("--postmortem-report=json:report.json")

    assert without_durations(read_report(suite / "report.json")) == GOLDEN
    assert result.ret == 1


def test_the_fixed_part_is_asked_for(suite: Path) -> None:
    """The schema accepts further fields, and misses each one of the fixed part."""
    validator = jsonschema.Draft202012Validator(SCHEMA)

    valid = [
        validator.is_valid({**GOLDEN, "more": 1}),
        *(validator.is_valid({k: GOLDEN[k] for k in GOLDEN if k != name}) for name in GOLDEN),
    ]

    assert valid == [True, *(name in LATER for name in GOLDEN)]


REVERSED = """
import pytest

@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    items.reverse()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("conftest", "arguments"),
    [
        pytest.param(REVERSED, (), id="reversed"),
        pytest.param(REVERSED, ("-n2", "--dist=worksteal"), id="reversed-n2"),
    ],
)
def test_two_runs_of_one_tree_are_equal(
    suite: Path, pytester: pytest.Pytester, conftest: str, arguments: tuple[str, ...]
) -> None:
    """The order in which tests run is seen nowhere in the text but in durations."""
    if arguments:
        pytest.importorskip("xdist")
    pytester.runpytest("--postmortem-report=json:first.json")
    pytester.makeconftest(conftest)

    pytester.runpytest_subprocess("--postmortem-report=json:second.json", *arguments)

    assert _text(suite / "first.json") == _text(suite / "second.json")


def _text(path: Path) -> str:
    return json.dumps(without_durations(read_report(path)), indent=1)


@pytest.mark.smoke
def test_missing_folders_are_made(suite: Path, run: RunPytest) -> None:
    """A report may go where nothing is yet; the run says where it is."""
    result = run("--postmortem-report=json:out/of/way.json")

    assert read_report(suite / "out/of/way.json")["format"] == 1
    written = suite / "out" / "of" / "way.json"
    assert f"Incident report written to {written}" in result.outlines
    assert [path.name for path in (suite / "out" / "of").iterdir()] == ["way.json"]


GREEN = """
import pytest

@pytest.mark.postmortem("PM-1")
def test_it():
    pass
"""


def test_a_destination_that_cannot_be_written_fails_a_green_run(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """Below a file there is no folder: the message says so, and nothing is left behind."""
    pytester.makepyfile(test_it=GREEN)
    pytester.makefile("", file="kept")

    result = run("--postmortem-report=json:file/report.json")

    destination = str(pytester.path / "file" / "report.json")
    message = [line for line in result.outlines if line.startswith("Couldn't write report")]
    assert message in (
        [f"Couldn't write report {destination!r}: Not a directory"],
        [f"Couldn't write report {destination!r}: File exists"],
    )
    result.stdout.fnmatch_lines(
        [
            "Couldn't write report *",
            "  choose a destination that can be written",
            "  see `pytest-postmortem explain destination`",
        ]
    )
    assert result.ret == 1
    assert (pytester.path / "file").read_text(encoding="utf-8") == "kept"
    result.assert_outcomes(passed=1)


def test_a_destination_that_is_a_folder_is_no_file(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """The folder stays as it was, and no half-written file lies beside it."""
    pytester.makepyfile(test_it=GREEN)
    folder = pytester.mkdir("out")

    result = run("--postmortem-report=json:out")

    assert f"Couldn't write report {str(folder)!r}: Is a directory" in result.outlines
    assert result.ret == 1
    assert list(folder.iterdir()) == []
    assert [path for path in pytester.path.iterdir() if path.name.startswith(".out")] == []


def test_a_report_that_cannot_be_written_keeps_a_red_run_red(
    suite: Path, pytester: pytest.Pytester, run: RunPytest
) -> None:
    """Exit status 2 to 5 and 1 stay what they are."""
    pytester.mkdir("out")

    result = run("--postmortem-report=json:out", "-k", "nothing")

    assert result.ret == 5


@pytest.mark.smoke
def test_an_older_report_is_replaced(suite: Path, run: RunPytest) -> None:
    """The report is that of the last run, whatever stood there."""
    older = suite / "report.json"
    older.write_text("not even JSON" * 1000, encoding="utf-8")

    run("--postmortem-report=json:report.json")

    assert read_report(older)["tool"] == GOLDEN["tool"]


def test_two_reports_may_be_asked_for(suite: Path, run: RunPytest) -> None:
    """The option is repeatable, and the terminal's report stays."""
    result = run("--postmortem-report=json:a.json", "--postmortem-report=json:b.json")

    assert _text(suite / "a.json") == _text(suite / "b.json")
    assert "0 of 2 incidents guarded (0 %), 1 linked; " in result.stdout.str()


def test_no_terminal_report_is_made_where_none_is_asked_for(suite: Path, run: RunPytest) -> None:
    """An empty ``--postmortem-report`` leaves the file, and what turns a green run red."""
    result = run("--postmortem-report=", "--postmortem-report=json:report.json", "-k", "unknown")

    assert "incident coverage" not in result.stdout.str()
    assert read_report(suite / "report.json")["findings"] == GOLDEN["findings"]
    assert "unknown post-mortem 'PM-404'" in result.stdout.str()
