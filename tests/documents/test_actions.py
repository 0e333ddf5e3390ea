"""How far an action item is: one list of words, for every report and for the lint."""

from __future__ import annotations

import pytest

from pytest_postmortem.documents.action_progress import (
    ActionProgress,
    classify_action_progress,
    is_closed_status,
)


@pytest.mark.parametrize(
    "status",
    [
        *("done", " DONE ", "Done (2026-04-01)", "closed: #12", "Fixed in 1.4", "complete"),
        *("won't fix", "Won’t do", "wontfix", "will not do", "not planned", "no longer needed"),
        *("yes", "Yes.", "x", "N/A", "100 %", "Deployed on Monday", "rolled out"),
        *("**done**", "✅", "✔ merged", "canceled", "cancelled", "duplicate of #7"),
    ],
)
def test_a_status_that_nobody_has_to_do_anything_about(status: str) -> None:
    """People write it in many ways."""
    assert is_closed_status(status)


@pytest.mark.parametrize(
    "status",
    [
        None,
        "",
        "open",
        "not done",
        "undone",
        "in progress",
        "todo",
        "not planned yet",
        "donee",
        "yes, next",
        "no",
        7,
    ],
)
def test_any_other_status_is_open(status: object) -> None:
    """So is one that is not given, and one that is no text."""
    assert not is_closed_status(status)


@pytest.mark.parametrize(
    ("status", "due", "today", "expected"),
    [
        ("done", "2026-01-01", "2026-06-01", "done"),
        ("open", "2026-05-31", "2026-06-01", "overdue"),
        (None, "2026-05-31T10:00:00Z", "2026-06-01", "overdue"),
        ("open", "2026-06-01", "2026-06-01", "open"),
        ("open", "soon", "2026-06-01", "open"),
        ("open", None, "2026-06-01", "open"),
        ("open", "2026-05-31", None, "open"),
    ],
)
def test_what_is_open_after_its_date_is_overdue(
    status: str | None, due: str | None, today: str | None, expected: ActionProgress
) -> None:
    """On its day it is not yet; without a day to judge by nothing is."""
    assert classify_action_progress(status, due, today) == expected
