"""``pytest-postmortem comment``: the comment where it is possible, and its text where it is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from forge import TOKEN, SimulatedForge
from pytest_postmortem.ci.change import Change
from pytest_postmortem.ci.comment_text import ChangeResults
from pytest_postmortem.cli.comment import (
    MAX_COMMENT_SIZES,
    CommentNote,
    compare_change,
    format_summary,
    post_comment,
)
from pytest_postmortem.cli.main import main
from pytest_postmortem.errors import ReportError
from pytest_postmortem.reports.data.compare import Comparison, IncidentChange
from repositories import commit, git, repository, write
from server import Server

REGISTRY = "- {id: PM-1, title: Charged twice}\n- {id: PM-2, title: Login loop}\n"
GUARD = """\
import pytest

@pytest.mark.postmortem("PM-1")
def test_one(): pass
"""
LOST = (
    "### ❌ 1 lesson lost\n\n#### ❌ No longer guarded: 1 incident\n\n"
    "Put the test back, move its mark to another test, or retire the lesson: `test: exempt` with a"
    " reason (see `pytest-postmortem explain retire-a-lesson`).\n\n"
    "- PM-1 Charged twice – test\\_one.py::test\\_one is deleted with its file\n"
)
READ_ONLY = (
    "Couldn't comment on shop/api#12: the token may not comment (HTTP 403): the service says"
    " 'Resource not accessible by integration'; give the job 'pull-requests: write'; pull requests"
    " of forks and of Dependabot never get it\n"
)


def test_the_summary_of_a_job_has_what_does_not_fit_in_a_comment() -> None:
    """It may be of 1 MiB, in bytes."""
    changes = [IncidentChange("lost", f"PM-{n}", "ä" * 400, None, "ä" * 400) for n in range(95)]
    results = ChangeResults(comparison=Comparison(tuple(changes)))

    text = format_summary(results, "", {})

    assert len(text) > MAX_COMMENT_SIZES["GitHub"]
    assert "- PM-94 " in text
    assert len(text.encode()) < 2**20


def test_a_summary_of_long_characters_fits_as_well() -> None:
    """A character may have four bytes."""
    changes = [IncidentChange("lost", f"PM-{n}", "😀" * 400, None, "😀" * 9000) for n in range(95)]

    text = format_summary(ChangeResults(comparison=Comparison(tuple(changes))), "", {})

    assert "PM-0" in text
    assert len(text.encode()) < 2**20


def test_a_job_about_no_change_says_why_it_has_no_comment() -> None:
    """Nothing is sent."""
    change = Change("GitHub", "https://api.example", "shop/api", None)

    assert post_comment(change, "", "text", create=True, token=None) == CommentNote(
        "Not commented: this job is about no pull or merge request", failed=True
    )


def test_a_report_of_the_base_needs_one_of_the_change() -> None:
    """A checkout without a run has no outcomes to compare."""
    with pytest.raises(ReportError, match=r"'base\.json' is a report, and there is"):
        compare_change([], "base.json", None)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A change that lost a lesson, checked out with its whole history."""
    folder = repository(tmp_path / "shop")
    ini = "[pytest]\npostmortem_registry = pm.yml\n"
    commit(folder, {"pytest.ini": ini, "pm.yml": REGISTRY, "test_one.py": GUARD})
    git(folder, "update-ref", "refs/remotes/origin/main", "HEAD")
    git(folder, "switch", "--quiet", "--create", "change")
    commit(folder, {"test_one.py": None, "test_two.py": "def test_two(): pass\n"})
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def api(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimulatedForge:
    """GitHub, and the variables of a job for pull request 12."""
    api = SimulatedForge("GitHub", server)
    event = {"pull_request": {"number": 12, "base": {"ref": "main", "sha": "b" * 40}}}
    (tmp_path / "event.json").write_text(json.dumps(event))
    variables = {
        "GITHUB_REPOSITORY": "shop/api",
        "GITHUB_API_URL": f"{server.url}/api",
        "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "GITHUB_TOKEN": TOKEN,
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return api


def test_the_ratchet_alone_needs_no_argument(
    shop: Path, api: SimulatedForge, capsys: pytest.CaptureFixture[str]
) -> None:
    """The pull request names its base."""
    status = main(["comment"])

    assert status == 0
    assert api.bodies == [f"<!-- pytest-postmortem -->\n{LOST}"]
    assert capsys.readouterr() == ("", "Comment on shop/api#12 created\n")


@pytest.mark.parametrize(("strict", "status"), [([], 0), (["--strict"], 3)])
def test_without_permission_the_text_is_printed(
    shop: Path,
    api: SimulatedForge,
    tmp_path: Path,
    strict: list[str],
    status: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And put into the summary; a pull request of a fork is no failure unless that is asked for."""
    api.refused = 403

    assert main(["comment", *strict]) == status
    assert capsys.readouterr() == (LOST, READ_ONLY)
    assert (tmp_path / "summary.md").read_text() == f"\n{LOST}"
    assert api.bodies == []


def test_outside_of_a_job_the_text_is_printed(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """To see it, or to send it by other means."""
    assert main(["comment", "--base", "origin/main"]) == 0
    assert capsys.readouterr() == (LOST, "Not commented: this is not a job of GitHub or GitLab\n")


def test_a_file_gets_the_text_with_its_marker(shop: Path, api: SimulatedForge) -> None:
    """Then no request is sent."""
    assert main(["comment", "--output", "text.md", "--name", "api"]) == 0

    named = LOST.replace("❌ 1 lesson", "❌ api: 1 lesson")
    assert (shop / "text.md").read_text() == f"<!-- pytest-postmortem api -->\n{named}"
    assert api.server.asked == []


def test_a_shallow_clone_says_what_to_do(
    shop: Path, api: SimulatedForge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comment does not claim that nothing was lost."""
    git(tmp_path, "clone", "--quiet", "--depth=1", "--branch=change", f"file://{shop}", "shallow")
    monkeypatch.chdir(tmp_path / "shallow")

    status = main(["comment"])

    assert status == 0
    assert api.bodies == [
        "<!-- pytest-postmortem -->\n### ⚠️ not everything could be judged\n\n"
        "- ratchet: Couldn't read the repository: origin/main, the base of this change, is not in"
        " this clone; fetch the history of the base too (in CI fetch-depth: 0 or GIT\\_DEPTH: 0)\n"
    ]


def test_another_checkout_than_the_change_is_not_compared(
    shop: Path, api: SimulatedForge, tmp_path: Path
) -> None:
    """A workflow on `pull_request_target` has the base, in which nothing is lost."""
    event = {"number": 12, "base": {"ref": "main", "sha": "b" * 40}}
    head = commit(shop, {"more.txt": "new\n"})
    git(shop, "checkout", "--quiet", "--detach", "origin/main")
    pull = {"pull_request": {**event, "head": {"sha": head}}}
    (tmp_path / "event.json").write_text(json.dumps(pull))

    main(["comment"])
    git(shop, "checkout", "--quiet", "--detach", "change")
    before = api.bodies[0]
    main(["comment"])

    assert before == (
        "<!-- pytest-postmortem -->\n### ⚠️ not everything could be judged\n\n"
        "- ratchet: Couldn't read the repository: HEAD is not this change, whose newest commit is"
        f" {head[:9]}; check it out, as a workflow on pull\\_request does, with its history (in CI"
        " fetch-depth: 0 or GIT\\_DEPTH: 0)\n"
    )
    assert api.bodies == [f"<!-- pytest-postmortem -->\n{LOST}"]


def run_report(folder: Path, pytester: pytest.Pytester, name: str) -> str:
    """Run the suite of a folder, and return the path of its report."""
    place = folder.parent / name
    pytester.runpytest_subprocess(f"--rootdir={folder}", str(folder), report_option(place))
    return str(place)


def report_option(place: Path) -> str:
    """Return the option that writes a JSON report."""
    return f"--postmortem-report=json:{place}"


def test_reports_and_proofs_are_in_the_same_comment(
    tmp_path: Path,
    shop: Path,
    api: SimulatedForge,
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The reports of two runs are compared, whatever the code looks like."""
    monkeypatch.chdir(shop)
    newer = run_report(shop, pytester, "new.json")
    write(shop, {"test_one.py": GUARD})
    older = run_report(shop, pytester, "old.json")
    proof: dict[str, Any] = {"id": "PM-2", "title": "Login loop", "verdict": "not-proven"}
    proofs = {"proofs": [{**proof, "message": "passes without it", "tests": []}]}
    (tmp_path / "proofs.json").write_text(json.dumps(proofs))

    main(["comment", newer, "--base", older, "--proofs", str(tmp_path / "proofs.json")])

    (body,) = api.bodies
    assert "### ❌ 1 lesson lost; 1 regression test passes without its fix\n" in body
    assert "0 of 2 incidents guarded (0 %), 0 linked.\n" in body
    assert "- PM-1 Charged twice – test\\_one.py::test\\_one is deleted with its file\n" in body
    assert "| PM-2 Login loop | passes without its fix | passes without it |\n" in body


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (None, "no such file or directory"),
        ("[", "it has no proofs in JSON"),
        ("[]", "it has no proofs in JSON"),
        ('{"proofs": [{}]}', "it has no proofs in JSON"),
        (
            '{"proofs": [{"id": "1", "title": "", "verdict": "nice", "message": "", "tests": []}]}',
            "it has no proofs in JSON",
        ),
        (
            '{"proofs": [{"id": 1, "title": "", "verdict": "proven", "message": "", "tests": []}]}',
            "it has no proofs in JSON",
        ),
    ],
)
def test_a_file_that_has_no_proofs_is_an_error(
    shop: Path, text: str | None, cause: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is named, with what to give."""
    if text is not None:
        (shop / "proofs.json").write_text(text)

    assert main(["comment", "--proofs", "proofs.json"]) == 2
    assert capsys.readouterr().err == (
        f"Couldn't read report 'proofs.json': {cause}\n"
        "  give a file that `pytest-postmortem prove --report=json:PATH` has written\n"
        "  see `pytest-postmortem explain report-file`\n"
    )


def test_a_history_among_the_reports_is_an_error(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has no incidents of a run, so it can't be joined with reports."""
    for name in ("history.json", "older.json"):
        assert main(["history", f"--report=json:{name}"]) == 0
    capsys.readouterr()

    assert main(["comment", "history.json", "older.json"]) == 2
    assert capsys.readouterr().err == (
        "Couldn't use the files: a history can't be joined\n"
        "  give it to `pytest-postmortem report`\n"
        "  see `pytest-postmortem explain setting`\n"
    )
