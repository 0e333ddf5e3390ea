"""Cause and class from the text of documents, in all that shows them, and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from loaded_modules import loaded
from pytest_postmortem.cli.main import main
from repositories import write

DOCUMENT = """\
# Mail gone

## Ursache

> [!NOTE]
> Nothing deletes old mail (@alice).

## Five whys

1. Why was mail gone? The disk was full.

## Stats

- Category: Unbounded growth
"""

FAILING = "import pytest\n@pytest.mark.postmortem('PM-1')\ndef test_it(): assert False\n"


@pytest.fixture
def suite(pytester: pytest.Pytester) -> Path:
    """A suite whose incident has its cause in the text alone."""
    write(
        pytester.path,
        {
            "tox.ini": "[pytest]\npostmortem_registry = pm\n",
            "pm/PM-1.md": DOCUMENT,
            "pm/PM-2.md": "# It\n",
            "test_it.py": FAILING,
        },
    )
    return pytester.path


def test_a_failing_test_shows_the_cause_of_the_text(suite: Path, pytester: pytest.Pytester) -> None:
    """In German, without the mark of the note and without the person."""
    result = pytester.runpytest()

    result.stdout.fnmatch_lines(["PM-1  Mail gone", "*Root cause: Nothing deletes old mail."])


def test_a_title_is_all_that_is_shown_and_read(suite: Path, pytester: pytest.Pytester) -> None:
    """No document is parsed for a text that may not be shown."""
    result = pytester.runpytest("-o", "postmortem_show=title")

    result.stdout.fnmatch_lines(["PM-1  Mail gone"])
    result.stdout.no_fnmatch_line("*Nothing deletes*")
    assert "markdown_it" not in loaded(suite, "-o", "postmortem_show=title")
    assert "markdown_it" in loaded(suite)


def test_a_long_cause_has_two_lines(suite: Path, pytester: pytest.Pytester) -> None:
    """It ends with an ellipsis after a word."""
    write(suite, {"pm/PM-1.md": f"# Mail gone\n\n## Cause\n\n{'No limit ' * 60}\n"})

    lines = pytester.runpytest().outlines

    start = next(n for n, line in enumerate(lines) if "Root cause:" in line)
    assert lines[start + 1].endswith("…")
    assert lines[start + 2].strip() == "This test keeps that incident from happening again."


@pytest.mark.parametrize(
    ("show", "cause", "whys", "kind"),
    [
        (
            "all",
            "Nothing deletes old mail.",
            ["Why was mail gone? The disk was full."],
            "Unbounded growth",
        ),
        ("title", None, [], "Unbounded growth"),
        ("link", None, [], None),
    ],
)
def test_the_json_report_has_them(
    suite: Path,
    pytester: pytest.Pytester,
    show: str,
    cause: str | None,
    whys: list[str],
    kind: str | None,
) -> None:
    """As far as they may be shown."""
    pytester.runpytest("-o", f"postmortem_show={show}", "--postmortem-report=json:out.json")

    incident, other = json.loads((suite / "out.json").read_text(encoding="utf-8"))["incidents"]

    assert (incident["root_cause"], incident["whys"], incident["class"]) == (cause, whys, kind)
    assert (other["root_cause"], other["whys"], other["class"]) == (None, [], None)


def test_list_selects_by_the_class_of_the_text(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And its JSON has the cause."""
    assert main(["list", "class:unbounded growth", "--report=json"]) == 0

    (incident,) = json.loads(capsys.readouterr().out)["incidents"]
    assert (incident["id"], incident["class"]) == ("PM-1", "Unbounded growth")
    assert incident["root_cause"] == "Nothing deletes old mail."


def test_show_has_all_of_the_text(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Cause, whys and class."""
    assert main(["show", "PM-1"]) == 0

    output = capsys.readouterr().out
    assert "  root cause  Nothing deletes old mail.\n" in output
    assert "  whys        1. Why was mail gone? The disk was full.\n" in output
    assert "  class       Unbounded growth\n" in output


def test_show_withholds_what_may_not_be_shown(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The class belongs to the title, the cause does not."""
    write(suite, {"tox.ini": "[pytest]\npostmortem_registry = pm\npostmortem_show = title\n"})

    assert main(["show", "PM-1", "--report=json"]) == 0

    (incident,) = json.loads(capsys.readouterr().out)["incidents"]
    assert (incident["class"], incident["root_cause"]) == ("Unbounded growth", None)
    assert incident["whys"] == []


def test_a_run_selects_by_the_class_of_the_text(suite: Path, pytester: pytest.Pytester) -> None:
    """So a suite can take the incidents of one class."""
    result = pytester.runpytest("-v", "-o", "postmortem_select='class:unbounded growth'")

    result.stdout.fnmatch_lines(["0 of 1 incident guarded*"])


def test_a_team_adds_a_heading(suite: Path, pytester: pytest.Pytester) -> None:
    """With `postmortem_vocabulary`."""
    write(suite, {"pm/PM-1.md": "# Mail gone\n\n## Was uns traf\n\nNothing deletes old mail.\n"})

    result = pytester.runpytest("-o", "postmortem_vocabulary=cause = Was uns traf")

    result.stdout.fnmatch_lines(["*Root cause: Nothing deletes old mail."])
