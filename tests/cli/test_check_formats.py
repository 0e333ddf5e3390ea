"""What a check came to, for other tools: JSON, GitHub, GitLab, SARIF."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_postmortem import __version__
from pytest_postmortem.cli.main import main
from pytest_postmortem.lint.output_formats import LintResult
from pytest_postmortem.model import Finding
from pytest_postmortem.report_formats import describe_report_types, render_report
from repositories import git, write
from test_check import DOCUMENT, REGISTRY, SUITE

pytestmark = pytest.mark.usefixtures("few_lint_rules")

FINDINGS = (
    Finding("unknown-id", "error", "unknown post-mortem 'PM-9'", "tests/test a.py", 4),
    Finding("action-date", "warning", "100 % have no date: say, until when", "../pm/a.md", 2),
    Finding("registry-unreachable", "warning", "it can't be read", "github:owner/repo"),
    Finding("class-missing", "warning", "4 of 4 post-mortems have no class", None),
    Finding("class-missing", "warning", "4 of 4 post-mortems have no class", None),
)
CHECKED = LintResult(FINDINGS, ("1 id not checked",), 4, 2, "packages/api")
PLACE = "packages/api/docs/postmortems"


def made(type: str, checked: LintResult = CHECKED) -> Any:
    """Return a report as the data that it holds."""
    return json.loads(render_report("check", type, checked, fallback=PLACE))


def test_the_terminal_has_a_line_for_each_with_its_place_first() -> None:
    """As editors read them, and a line that counts."""
    assert render_report("check", "term", CHECKED) == (
        "tests/test a.py:4: error: unknown post-mortem 'PM-9' [unknown-id]\n"
        "../pm/a.md:2: warning: 100 % have no date: say, until when [action-date]\n"
        "github:owner/repo: warning: it can't be read [registry-unreachable]\n"
        "registry: warning: 4 of 4 post-mortems have no class [class-missing]\n"
        "registry: warning: 4 of 4 post-mortems have no class [class-missing]\n"
        "not judged: 1 id not checked\n"
        "1 error, 4 warnings in 4 post-mortems and 2 test files\n"
    )


def test_json_has_everything() -> None:
    """Paths from the rootdir, and where the rootdir lies."""
    document = made("json")

    assert document["findings"][0] == {
        "code": "unknown-id",
        "severity": "error",
        "message": "unknown post-mortem 'PM-9'",
        "path": "tests/test a.py",
        "line": 4,
    }
    assert {key: value for key, value in document.items() if key != "findings"} == {
        "format": 1,
        "tool": {"name": "pytest-postmortem", "version": __version__},
        "root": "packages/api",
        "postmortems": 4,
        "files": 2,
        "unknown": [],
        "unjudged": ["1 id not checked"],
        "notes": [],
    }


def test_github_annotates_the_lines() -> None:
    """What lies at none in the repository is told without."""
    assert render_report("check", "github", CHECKED).splitlines() == [
        "::error file=packages/api/tests/test a.py,line=4,title=unknown-id::"
        "unknown post-mortem 'PM-9'",
        "::warning file=packages/pm/a.md,line=2,title=action-date::"
        "100 %25 have no date: say, until when",
        "::warning title=registry-unreachable::github:owner/repo: it can't be read",
        *["::warning title=class-missing::4 of 4 post-mortems have no class"] * 2,
    ]


def test_gitlab_knows_each_finding_by_a_print_of_its_own() -> None:
    """It stays the same when the lines move, and no two are alike."""
    found = made("gitlab")
    moved = LintResult((Finding("unknown-id", "error", FINDINGS[0].message, FINDINGS[0].path, 9),))

    prints = [each["fingerprint"] for each in found]
    assert len(set(prints)) == 5
    assert {**found[0], "fingerprint": ""} == {
        "description": "unknown post-mortem 'PM-9'",
        "check_name": "unknown-id",
        "fingerprint": "",
        "severity": "major",
        "location": {"path": "packages/api/tests/test a.py", "lines": {"begin": 4}},
    }
    assert [each["location"]["path"] for each in found[1:]] == ["packages/pm/a.md", *[PLACE] * 3]
    assert [each["severity"] for each in found[1:]] == ["minor"] * 4
    assert made("gitlab", moved)[0]["fingerprint"] == prints[0]


def test_sarif_has_rules_and_results() -> None:
    """Every result at a place, with the rule that found it and a print of its own."""
    document = made("sarif")

    (run,) = document["runs"]
    rules, results = run["tool"]["driver"]["rules"], run["results"]
    assert document["version"] == "2.1.0"
    assert [rules[each["ruleIndex"]]["id"] for each in results] == [
        each["ruleId"] for each in results
    ]
    assert [each["level"] for each in results] == ["error", *["warning"] * 4]
    assert results[0]["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "packages/api/tests/test%20a.py"},
                "region": {"startLine": 4},
            }
        }
    ]
    assert len({json.dumps(each["partialFingerprints"]) for each in results}) == 5
    assert rules[0] == {
        "id": "action-date",
        "shortDescription": {"text": "An action item without a date"},
        "help": {"text": "See `pytest-postmortem explain action-date`"},
        "defaultConfiguration": {"level": "warning"},
    }
    assert run["invocations"] == [{"executionSuccessful": False}]
    assert made("sarif", LintResult())["runs"][0]["results"] == []


def test_a_path_out_of_the_repository_is_no_place_in_it() -> None:
    """No host could show it."""
    outside = LintResult((Finding("action-date", "warning", "x", "../../a.md", 2),))

    assert made("gitlab", outside)[0]["location"]["path"] == PLACE
    assert render_report("check", "github", outside) == (
        "::warning title=action-date::../../a.md:2: x\n"
    )


@pytest.fixture
def suite(pytester: pytest.Pytester) -> Path:
    """A suite in a folder of a repository, with a warning and an error."""
    write(
        pytester.path,
        {
            "api/tox.ini": "[pytest]\npostmortem_registry =\n    ../docs/pm.yml\n    pm\n",
            "api/pm/PM-3.md": DOCUMENT,
            "docs/pm.yml": REGISTRY.replace("tests/", "test/"),
            "api/tests/test_a.py": SUITE.replace("PM-2", 'PM-2", "PM-9'),
        },
    )
    git(pytester.path, "init", "--quiet")
    return pytester.path / "api"


@pytest.mark.parametrize("type", ["json", "gitlab", "sarif"])
def test_a_report_goes_to_a_file_or_is_printed(
    suite: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    type: str,
) -> None:
    """Several at a time; what is written is said."""
    monkeypatch.chdir(suite)

    status = main(["check", f"--report={type}:out/it.json", f"--report={type}"])

    said = capsys.readouterr()
    assert (status, said.err) == (1, "Findings written to out/it.json\n")
    assert (suite / "out" / "it.json").read_text(encoding="utf-8") == said.out


def test_the_places_of_findings_begin_at_the_top_of_the_repository(
    suite: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the rootdir lies in it."""
    monkeypatch.chdir(suite)

    assert main(["check", "--report=gitlab"]) == 1

    found = json.loads(capsys.readouterr().out)
    assert [each["location"]["path"] for each in found] == [
        "docs/pm.yml",
        "api/pm/PM-3.md",
        "api/pm/PM-3.md",
        "api/tests/test_a.py",
    ]


CHECK_TYPES = f"use {describe_report_types('check')}"

WRONG: Sequence[tuple[str, str, str]] = [
    ("xml", "unknown report type 'xml'", CHECK_TYPES),
    ("", "unknown report type ''", CHECK_TYPES),
    ("term:out.txt", "it goes to no file of its own", "write term alone"),
    ("github:out.txt", "it goes to no file of its own", "write github alone"),
]


@pytest.mark.parametrize(("report", "cause", "remedy"), WRONG)
def test_an_unknown_report_is_wrong_use(
    suite: Path, capsys: pytest.CaptureFixture[str], report: str, cause: str, remedy: str
) -> None:
    """It says which ones there are."""
    assert main(["check", f"--report={report}"]) == 2

    assert capsys.readouterr().err == (
        f"Couldn't use --report={report}: {cause}\n"
        f"  {remedy}\n"
        "  see `pytest-postmortem explain setting`\n"
    )


def test_a_report_that_can_not_be_written_is_told(
    suite: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the reason."""
    monkeypatch.chdir(suite)

    status = main(["check", "--report=json:tox.ini/x.json"])

    assert (status, capsys.readouterr().err.splitlines()[0]) == (
        2,
        "Couldn't write report 'tox.ini/x.json': File exists",
    )
