"""Marks read from code that is not run."""

from __future__ import annotations

import pytest

from pytest_postmortem.source import SourceMark, marks

CODE = """
import pytest
from pytest import mark

pytestmark = pytest.mark.postmortem("PM-1")

@mark.postmortem("PM-2", ID)
def test_a(): pass

@pytest.mark.parametrize("n", [pytest.param(1, marks=pytest.mark.issue(12))])
def test_b(n): pass

other.postmortem("PM-3")
postmortem("PM-4")
"""


def test_marks_are_found_wherever_they_are_called() -> None:
    """With their lines, and those of their arguments that are constants."""
    assert sorted(marks(CODE, {"postmortem", "issue"}), key=lambda mark: mark.line) == [
        SourceMark("postmortem", ("PM-1",), {}, 5),
        SourceMark("postmortem", ("PM-2",), {}, 7),
        SourceMark("issue", (12,), {}, 10),
    ]


@pytest.mark.parametrize("code", ["def", "\0", "", "(" * 100_000])
def test_what_is_no_code_has_no_marks(code: str) -> None:
    """It is pytest's to complain of it."""
    assert list(marks(code, {"postmortem"})) == []
