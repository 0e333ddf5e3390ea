"""One date to judge by, whatever is asked: a run, or any command."""

from __future__ import annotations

import json
from datetime import date, datetime, timezone
from pathlib import Path

import pytest

from conftest import RunPytest, report_of
from pytest_postmortem.cli.main import main
from pytest_postmortem.model import Postmortem
from pytest_postmortem.prove.output import NOTHING_TO_PROVE
from pytest_postmortem.today import Today, find_today
from repositories import commit, git, repository

Capsys = pytest.CaptureFixture[str]

HEAD = date(2026, 3, 1)
POSTMORTEMS = (
    Postmortem("PM-1", "x", date="2026-01-02"),
    Postmortem("PM-2", "y", date="2025-01-02"),
)

UNUSED = "; ignored, dates are judged by 2026-03-01"
NO_NUMBER = f"is not a number of seconds since 1970{UNUSED}"

ENTRY = (
    "- {id: PM-1, title: First, date: 2026-01-01, test: exempt, reason: moved, until: 2026-06-01}\n"
)
MARKED = "import pytest\n@pytest.mark.postmortem('PM-1')\ndef test_a(): pass\n"


def epoch(year: int, month: int = 1, day: int = 1) -> str:
    """Return the seconds since 1970 at the beginning of a day."""
    return f"{datetime(year, month, day, tzinfo=timezone.utc).timestamp():.0f}"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose HEAD is of 2026-03-01, as the current folder.

    The mark of PM-1 was removed and PM-1 became exempt until 2026-06-01.
    """
    folder = repository(tmp_path / "project")
    files = {"pytest.ini": "[pytest]\npostmortem_registry = pm.yml\n", "test_a.py": MARKED}
    commit(folder, {**files, "pm.yml": "- {id: PM-1, title: First, date: 2026-01-01}\n"})
    commit(folder, {"pm.yml": ENTRY, "test_a.py": "def test_a(): pass\n"}, day="2026-03-01")
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(
    ("text", "day", "note"),
    [
        (epoch(2026, 2, 1), "2026-02-01", None),
        (f" {epoch(2026, 2, 1)}\n", "2026-02-01", None),
        (epoch(2026, 1, 2), "2026-01-02", None),
        (epoch(2126, 1, 2), "2126-01-02", None),
        ("", "2026-03-01", None),
        (epoch(1980), "2026-03-01", f"is 1980-01-01, before the newest incident, PM-1{UNUSED}"),
        (epoch(2026), "2026-03-01", f"is 2026-01-01, before the newest incident, PM-1{UNUSED}"),
        ("0", "2026-03-01", f"is 1970-01-01, before the newest incident, PM-1{UNUSED}"),
        ("now", "2026-03-01", NO_NUMBER),
        ("-1", "2026-03-01", NO_NUMBER),
        ("1e9", "2026-03-01", NO_NUMBER),
        ("1_000", "2026-03-01", NO_NUMBER),
        ("१२३", "2026-03-01", NO_NUMBER),
        ("9" * 18, "2026-03-01", NO_NUMBER),
        ("9" * 5000, "2026-03-01", NO_NUMBER),
    ],
)
def test_the_source_date_counts_unless_it_would_freeze_every_exemption(
    project: Path, monkeypatch: pytest.MonkeyPatch, text: str, day: str, note: str | None
) -> None:
    """One that is not used is said, and HEAD's date serves instead."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", text)

    found = find_today(None, project, POSTMORTEMS)

    shown = text if len(text) <= 20 else f"{text[:20]}..."
    notes = [(each.code, each.message) for each in found.notes]
    assert found.day.isoformat() == day
    assert notes == ([("source-date-epoch", f"SOURCE_DATE_EPOCH={shown} {note}")] if note else [])


def test_what_is_asked_for_counts_before_all(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No environment changes it, and nothing is said about that."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch(1980))

    assert find_today(date(2026, 2, 2), project, POSTMORTEMS) == Today(date(2026, 2, 2))
    assert find_today("now", project, POSTMORTEMS).day > HEAD


def test_without_an_epoch_the_date_is_that_of_head(project: Path, tmp_path: Path) -> None:
    """Outside of a repository, and before its first commit, it is the clock's."""
    (tmp_path / "unborn").mkdir()
    git(tmp_path / "unborn", "init", "--quiet")

    assert find_today(None, project) == Today(HEAD)
    assert find_today(None, tmp_path).day > HEAD
    assert find_today(None, tmp_path / "unborn").day > HEAD


JUDGED = {
    "diff": ("diff", "--base", "HEAD~1"),
    "list": ("list", "--report=json:list.json"),
    "show": ("show", "PM-1", "--report=json:list.json"),
    "check": ("check", "--report=json:check.json"),
}


@pytest.mark.parametrize(
    ("text", "option", "ended"),
    [
        (None, None, False),
        (None, "2026-06-02", True),
        (None, "now", True),
        (epoch(2026, 6, 1), None, False),
        (epoch(2026, 6, 2), None, True),
        (epoch(2027), None, True),
        (epoch(2027), "2026-05-05", False),
        (epoch(1980), None, False),
        (epoch(1980), "now", True),
        ("soon", None, False),
    ],
)
def test_every_command_and_run_judges_by_the_same_date(
    project: Path,
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capsys,
    text: str | None,
    option: str | None,
    ended: bool,
) -> None:
    """An exemption has ended for all of them, or for none."""
    monkeypatch.chdir(project)
    if text is not None:
        monkeypatch.setenv("SOURCE_DATE_EPOCH", text)
    today = [] if option is None else [f"--today={option}"]

    lost = main([*JUDGED["diff"], *today]) == 1
    main([*JUDGED["list"], *today])
    listed = json.loads((project / "list.json").read_text())["incidents"][0]["state"]
    main([*JUDGED["show"], *today])
    shown = json.loads((project / "list.json").read_text())["incidents"][0]["state"]
    main([*JUDGED["check"], *today])
    codes = [each["code"] for each in json.loads((project / "check.json").read_text())["findings"]]
    main(["prove", *today])
    pytester.runpytest(
        "--rootdir", str(project), "--postmortem-report=json:run.json",
        *(each.replace("--", "--postmortem-") for each in today), str(project),
    )  # fmt: skip
    run = json.loads((project / "run.json").read_text())

    capsys.readouterr()
    assert lost is ended
    assert listed == shown == ("not-linked" if ended else "exempt")
    assert ("test-exemption" in codes) is ended
    assert run["incidents"][0]["state"] == ("unguarded" if ended else "exempt")


def test_an_epoch_that_is_not_used_is_said_once_a_command(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capsys
) -> None:
    """On standard error, so that no report changes."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch(1980))
    note = (
        "SOURCE_DATE_EPOCH=315532800 is 1980-01-01, before the newest incident, PM-1;"
        " ignored, dates are judged by 2026-03-01 [source-date-epoch]\n"
    )

    for command in (["list"], ["check"], ["diff", "--base=HEAD~1"], ["history"], ["prove"]):
        capsys.readouterr()
        main(command)
        assert capsys.readouterr().err == note


def test_an_epoch_that_is_not_used_is_a_warning_of_a_run(
    pytester: pytest.Pytester, run: RunPytest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It changes no exit status; nothing is said where nothing is judged by a date."""
    repository(pytester.path)
    ini = "[pytest]\npostmortem_registry = pm.yml\n"
    commit(pytester.path, {"pm.yml": ENTRY, "tox.ini": ini, "test_a.py": MARKED}, day="2026-03-01")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch(1980))

    result = run("--postmortem-report=json:run.json")

    report = json.loads((pytester.path / "run.json").read_text())
    assert result.ret == 0
    assert report["policy"]["today"] == "2026-03-01"
    assert [(each["code"], each["severity"]) for each in report["findings"]] == [
        ("source-date-epoch", "warning")
    ]
    (pytester.path / "pm.yml").write_text("- {id: PM-1, title: First, date: 2026-01-01}\n")
    assert report_of(run()) == ["1 of 1 incident guarded (100 %), 1 linked"]


def test_an_exemption_that_has_ended_is_proven_again(project: Path, capsys: Capsys) -> None:
    """While it lasts nobody asks for a proof."""
    commit(project, {"pm.yml": ENTRY.replace("{", "{fix: abc, ")}, day="2026-03-01")

    assert main(["prove", "--today=2026-06-01"]) == 0
    lasting = capsys.readouterr().out
    assert main(["prove", "--today=2026-06-02"]) == 0

    assert lasting == f"{NOTHING_TO_PROVE}\n"
    assert capsys.readouterr().out.startswith("PM-1  inconclusive  no linked test is found")
