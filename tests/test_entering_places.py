"""An entry goes where entries stand: comments and settings stay with what they are about."""

from __future__ import annotations

import pytest

from pytest_postmortem.authoring.entering import entered
from pytest_postmortem.errors import SettingsError
from test_entering import FACTS

ENTRY = "- id: PM-3\n  title: 'It: broke'\n  date: 2026-11-20\n  severity: sev1\n"
INNER = "".join(f"  {line}\n" for line in ENTRY.splitlines())


def after(before: str, name: str = "pm.yml") -> str:
    """Return what a file holds with an entry more."""
    return entered(before.encode(), name, "PM-3", FACTS).decode()


def by_hand(before: str, name: str) -> str:
    """Return the entry that is to be pasted."""
    with pytest.raises(SettingsError) as caught:
        after(before, name)

    (problem,) = caught.value.problems
    assert problem.slug == "entry-by-hand"
    return problem.remedy.removeprefix("add it by hand:\n")


@pytest.mark.parametrize(
    ("before", "text"),
    [
        ("postmortems: []  # none yet\n", f"postmortems:  # none yet\n{INNER}"),
        ("postmortems: []  # none yet", f"postmortems:  # none yet\n{INNER}".rstrip("\n")),
        ("postmortems: []\nprefix: P\n", f"postmortems:\n{INNER}prefix: P\n"),
        ("postmortems:  # ours\n  [ ]\n", f"postmortems:  # ours\n{INNER}"),
        ("postmortems:\n  # newest first\n", f"postmortems:\n  # newest first\n{INNER}"),
        ("[]  # none yet\n", f"# none yet\n{ENTRY}"),
        ("# ours\n[]\n", f"# ours\n{ENTRY}"),
    ],
)
def test_a_comment_stays_with_its_key(before: str, text: str) -> None:
    """The first entry goes below it."""
    assert after(before) == text


@pytest.mark.parametrize(
    "before",
    [
        "postmortems: [\n  # keep newest first\n]\n",
        "postmortems: [  # ours\n]\n",
        "{postmortems: []}\n",
    ],
)
def test_what_stands_in_brackets_is_not_lost(before: str) -> None:
    """A comment has no place of its own in there."""
    assert "- id: PM-3\n" in by_hand(before, "pm.yml")
