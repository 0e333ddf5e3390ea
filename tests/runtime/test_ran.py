"""What a report says of the run: versions, commit, and arguments that tell no secret."""

from __future__ import annotations

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
