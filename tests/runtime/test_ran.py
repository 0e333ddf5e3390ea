"""What a report says of the run: versions, commit, and arguments that tell no secret."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from pytest_postmortem.runtime.run_metadata import redact_arguments
from report_schema import read_report


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["-q", "tests/test_a.py::test_it[token=1]"], ["-q", "tests/test_a.py::test_it[token=1]"]),
        (["--api-token=abc"], ["--api-token=***"]),
        (["--api-token", "abc", "tests"], ["--api-token", "***", "tests"]),
        (["--password", "-dash"], ["--password", "***"]),
        (["--override-ini=api_token=abc"], ["--override-ini=api_token=***"]),
        (["--env=API_TOKEN=abc"], ["--env=API_TOKEN=***"]),
        (["--db-pwd=abc", "--dsn=u:p@h/d"], ["--db-pwd=***", "--dsn=***"]),
        (["--header", "Authorization: Bearer abc"], ["--header", "***"]),
        (["ghp_abcdef"], ["***"]),
        (["https://u:p/q@h/x"], ["https://h/x"]),
        (["SECRET_KEY=abc"], ["SECRET_KEY=***"]),
        (["--url=https://me:pw@x.org/a?token=b#c"], ["--url=https://x.org/a"]),
        (["-k", "keyword and not slow"], ["-k", "keyword and not slow"]),
    ],
)
def test_arguments_are_kept_without_secrets(given: list[str], kept: list[str]) -> None:
    """An option whose name says so, and what an address has before its host and behind its path."""
    assert list(redact_arguments(given)) == kept


def test_the_report_says_what_ran(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit is the one that CI tells."""
    monkeypatch.setenv("CI_COMMIT_SHA", "0123abc")
    pytester.makepyfile("import pytest\n@pytest.mark.postmortem('PM-1')\ndef test_it(): pass\n")

    pytester.runpytest("--postmortem-report=json:report.json", "-q")

    ran = read_report(Path("report.json"))["run"]
    assert ran["commit"] == "0123abc"
    assert ran["pytest"] == pytest.__version__
    assert "-q" in ran["arguments"]


SUITE = "import pytest\n@pytest.mark.postmortem('PM-1')\ndef test_it(): pass\n"


@pytest.mark.parametrize("registry", [True, False], ids=["registry", "marks-alone"])
def test_the_report_has_the_time_at_which_the_run_began(
    pytester: pytest.Pytester, registry: bool
) -> None:
    """In UTC, from before the collection, however late the first mark is found."""
    if registry:
        pytester.path.joinpath("postmortems.yml").write_text("- id: PM-1\n", encoding="utf-8")
    collecting = "import datetime\nat = datetime.datetime.now(datetime.timezone.utc)\n"
    saved = "open('collected', 'w').write(at.isoformat())\n"
    pytester.makepyfile(collecting + saved + SUITE)
    before = datetime.now(timezone.utc) - timedelta(milliseconds=1)

    pytester.runpytest("--postmortem-report=json:report.json")

    started = read_report(Path("report.json"))["run"]["started"]
    assert started.endswith("Z")
    collected = datetime.fromisoformat(Path("collected").read_text(encoding="utf-8"))
    assert before <= datetime.fromisoformat(started.replace("Z", "+00:00")) <= collected


@pytest.mark.parametrize(
    ("epoch", "used"), [("1795824000", True), ("soon", False), ("", False)], ids=str
)
def test_the_start_is_the_source_date_where_that_is_set(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, epoch: str, used: bool
) -> None:
    """So that a report is reproducible; a value that is no number of seconds is not used."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    pytester.makepyfile(SUITE)

    pytester.runpytest("--postmortem-report=json:report.json")

    started = read_report(Path("report.json"))["run"]["started"]
    assert (started == "2026-11-28T00:00:00.000Z") is used
