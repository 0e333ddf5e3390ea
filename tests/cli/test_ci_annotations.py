"""The annotations of `ci`: at the lines concerned, and no more than GitHub shows."""

from __future__ import annotations

from typing import Any

from pytest_postmortem.cli.ci import annotate_losses, annotate_proofs
from pytest_postmortem.reports.data.compare import IncidentChange

NODEID = "tests/test_a.py::test_a"
REPORT: dict[str, Any] = {
    "scope": {"root": "packages/shop"},
    "incidents": [
        {
            "id": "PM-1",
            "path": "pm.yml",
            "line": 3,
            "tests": [{"nodeid": NODEID, "path": "tests/test_a.py", "line": 7}],
        }
    ],
}
PROOF: dict[str, Any] = {
    "id": "PM-1",
    "verdict": "not-proven",
    "message": "passes without commit abc",
    "tests": [{"nodeid": NODEID, "verdict": "not-proven", "message": "passes"}],
}


def test_a_lost_lesson_is_shown_at_its_post_mortem() -> None:
    """Its test may be gone, with the file."""
    change = IncidentChange("lost", "PM-1", reason="test_a is deleted")

    assert [*annotate_losses([change], REPORT, "warning")] == [
        "::warning file=packages/shop/pm.yml,line=3,title=Lost lesson::PM-1 is no longer guarded:"
        " test_a is deleted; put the test back, move its mark, or retire the lesson"
    ]


def test_a_test_that_passes_without_its_fix_is_shown_at_its_line() -> None:
    """In the repository, whatever its rootdir; without a report only the file is known."""
    text = "title=Post-mortem PM-1::test_a passes without its fix: passes without commit abc"

    assert [*annotate_proofs([PROOF], REPORT)] == [
        f"::error file=packages/shop/tests/test_a.py,line=7,{text}"
    ]
    assert [*annotate_proofs([PROOF], None)] == [f"::error file=tests/test_a.py,{text}"]


def test_more_than_github_shows_are_counted() -> None:
    """And a proof that is none is not annotated."""
    changes = [IncidentChange("lost", f"PM-{n}") for n in range(23)]
    proofs = [{**PROOF, "verdict": "proven"}, *[PROOF] * 11]

    assert [*annotate_losses(changes, None, "error")][10:] == ["and 13 more incidents"]
    assert [*annotate_proofs(proofs, REPORT)][10:] == ["and 1 more incident"]
