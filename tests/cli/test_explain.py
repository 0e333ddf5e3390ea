"""`explain` prints the documentation of each code that a message can have."""

from __future__ import annotations

import re
import sys

import pytest

from pytest_postmortem.cli.main import main
from pytest_postmortem.lint.rules import LINT_RULES
from pytest_postmortem.reports.failure_block import RETIRE_CODE

EXEMPT = """\
## exempt-without-reason

A warning: an entry has `test: exempt` without a reason. Write a `reason` next to it, for readers\
 in three years.
"""


def explained(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return what the command prints."""
    assert main(["explain", *arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("code", ["exempt-without-reason", "[Exempt-Without-Reason]"])
def test_a_code_is_explained_by_its_section(capsys: pytest.CaptureFixture[str], code: str) -> None:
    """Also as it is copied from a message."""
    assert explained(capsys, code) == EXEMPT


def test_a_terminal_shows_the_section_without_its_markup(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text is the same."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

    shown = explained(capsys, "exempt-without-reason")

    assert not re.search("##|`", shown)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert "A warning: an entry has test: exempt without a reason." in " ".join(plain.split())


def test_every_code_has_a_section_without_links_to_pages(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Those of messages are held by `test_errors`; a wheel has no pages."""
    codes = explained(capsys).splitlines()

    texts = [explained(capsys, code) for code in codes]

    assert {*LINT_RULES, RETIRE_CODE, "setting", "registry-field", "grace"} <= set(codes)
    assert [text for text in texts if re.search(r"\]\(|\.md\b.*#", text)] == []
    assert all(text.startswith(f"## {code}\n\n") for code, text in zip(codes, texts, strict=True))


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("registry-feild", "did you mean registry-field, registry-url, registry-size?"),
        ("nothing at all", "`pytest-postmortem explain` lists all codes"),
    ],
)
def test_an_unknown_code_is_wrong_use(
    capsys: pytest.CaptureFixture[str], code: str, remedy: str
) -> None:
    """One error names the nearest codes."""
    assert main(["explain", code]) == 2

    assert capsys.readouterr().err == (
        f"Couldn't explain {code!r}: no message or rule has this code\n"
        f"  {remedy}\n"
        "  see `pytest-postmortem explain setting`\n"
    )
