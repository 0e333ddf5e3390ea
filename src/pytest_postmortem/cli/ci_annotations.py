"""The annotations of `ci` on what the report alone does not know: lost lessons and proofs."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pytest_postmortem.model import format_count
from pytest_postmortem.prove.output import FAILING_VERDICTS
from pytest_postmortem.reports.data.compare import IncidentChange
from pytest_postmortem.reports.github import MOST_ANNOTATIONS, format_annotation

LOSS_REMEDY = "put the test back, move its mark, or retire the lesson"

FAILING_WORDS: Mapping[str, str] = {
    "not-proven": "passes without its fix",
    "fails-with-fix": "fails with the fix in place",
}


def annotate_losses(
    losses: Sequence[IncidentChange], report: Mapping[str, Any] | None, level: str
) -> Iterator[str]:
    """Yield an annotation at the post-mortem of each incident that lost its test."""
    incidents = _index_incidents(report)
    lines = []
    for change in losses[:MOST_ANNOTATIONS]:
        incident = incidents.get(change.id, {})
        file = _find_file(report, incident.get("path"))
        reason = f": {change.reason}" if change.reason else ""
        text = f"{change.id} is no longer guarded{reason}; {LOSS_REMEDY}"
        lines.append(format_annotation(level, file, incident.get("line"), "Lost lesson", text))
    return _name_others(lines, len(losses))


def annotate_proofs(
    proofs: Iterable[Mapping[str, Any]], report: Mapping[str, Any] | None
) -> Iterator[str]:
    """Yield an annotation at the test of each incident that passes without the fix, or fails with
    it.
    """
    incidents = _index_incidents(report)
    failing = [proof for proof in proofs if proof["verdict"] in FAILING_VERDICTS]
    lines = []
    for proof in failing[:MOST_ANNOTATIONS]:
        verdict = proof["verdict"]
        nodeid = next((t["nodeid"] for t in proof["tests"] if t["verdict"] == verdict), "")
        tests = incidents.get(proof["id"], {}).get("tests", ())
        test: Mapping[str, Any] = next((each for each in tests if each["nodeid"] == nodeid), {})
        file = _find_file(report, test.get("path") or nodeid.partition("::")[0])
        name = nodeid.rpartition("::")[2] or "its test"
        text = f"{name} {FAILING_WORDS[verdict]}: {proof['message']}"
        title = f"Post-mortem {proof['id']}"
        lines.append(format_annotation("error", file, test.get("line"), title, text))
    return _name_others(lines, len(failing))


def _index_incidents(report: Mapping[str, Any] | None) -> Mapping[str, Mapping[str, Any]]:
    return {each["id"]: each for each in (report or {}).get("incidents", ())}


def _find_file(report: Mapping[str, Any] | None, path: str | None) -> str | None:
    """Return the path of a file from the top of its repository, None for an address."""
    if not path or ":" in path.partition("/")[0]:
        return None
    root = "" if report is None else report["scope"]["root"]
    return posixpath.normpath(posixpath.join(root, path))


def _name_others(lines: Sequence[str], total: int) -> Iterator[str]:
    """Yield lines, and how many incidents there are more, which GitHub would not show."""
    yield from lines
    if total > len(lines):
        yield f"and {format_count(total - len(lines), 'more incident')}"
