"""Render fixes and the tests that came with them: a table for terminals and Markdown, and JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_postmortem.git_history import LoggedCommit
from pytest_postmortem.model import format_count
from pytest_postmortem.proofs import shorten_revision
from pytest_postmortem.reports.markdown import escape_markdown, format_markdown_code
from pytest_postmortem.scan.findings import CandidateTest, FixFinding, FixScan
from pytest_postmortem.scan.fix_mentions import FixRole
from pytest_postmortem.scan.fix_tests import FixTest
from pytest_postmortem.scan.incident_fixes import FixEvidence
from pytest_postmortem.text import align_columns, shorten_text

COLUMNS = ("incident", "fix", "tests", "evidence")
MAX_WIDTHS = (40, 40, 90)
MAX_REASONS = 3
MAX_DETAILS = 12
NOTHING = "–"
NO_FIX = "no fix named"
ROLE_REASONS: Mapping[FixRole, str] = {
    "cause": "it is called the cause",
    "related": "it is not called the fix",
    "elsewhere": "it is of another repository",
}
ROLES_BY_WEIGHT: tuple[FixRole, ...] = ("fix", "revert", "plain", "related", "cause", "elsewhere")
NO_TESTS = "no Python test came with the fix"
UNREAD_TESTS = "its tests can't be read in this clone"


def render_fix_lines(scan: FixScan, *, verbose: bool = False) -> Iterator[str]:
    """Yield the table of the incidents, if there are any, the notes and the totals."""
    if scan.findings:
        yield from _render_fix_table(scan.findings, verbose=verbose)
    yield from scan.notes
    if scan.findings:
        yield format_fix_totals(scan)


def _render_fix_table(findings: Sequence[FixFinding], *, verbose: bool) -> Iterator[str]:
    rows = [_format_row(finding) for finding in findings]
    shortened = [(*map(shorten_text, row[:3], MAX_WIDTHS), row[3]) for row in [COLUMNS, *rows]]
    for line, finding in zip(align_columns(shortened), [None, *findings], strict=True):
        yield line.rstrip()
        if verbose and finding is not None:
            yield from _format_details(finding)


def _format_row(finding: FixFinding) -> tuple[str, str, str, str]:
    return (finding.id, _format_fix(finding), _format_tests(finding), _format_evidence(finding))


def _format_fix(finding: FixFinding) -> str:
    if not finding.fix.commits:
        return NOTHING
    first, *others = finding.fix.commits
    more = f" +{len(others)}" if others else ""
    return f"{shorten_revision(first.id)}{more} ({finding.fix.source})"


def _format_tests(finding: FixFinding) -> str:
    if not finding.tests:
        return NOTHING
    if len(finding.tests) > 1:
        return format_count(len(finding.tests), "test")
    nodeids = finding.tests[0].nodeids
    return nodeids[0] if len(nodeids) == 1 else f"{nodeids[0]} (+{len(nodeids) - 1})"


def _format_evidence(finding: FixFinding) -> str:
    """Return a description of the tests that claims only what was seen."""
    if not finding.fix.commits:
        return finding.fix.notes[0] if finding.fix.notes else _format_missing_fix(finding)
    if finding.is_unread:
        return UNREAD_TESTS
    if not finding.tests and not finding.gone:
        return NO_TESTS
    parts = []
    if finding.tests:
        parts.append(_format_guard_words(finding))
    if finding.gone:
        parts.append(_format_gone(finding))
    return "; ".join(parts)


def _format_missing_fix(finding: FixFinding) -> str:
    """Return that no fix is named, with what was seen instead and why it was not taken."""
    seen = sorted(finding.fix.evidence, key=lambda each: ROLES_BY_WEIGHT.index(each.role))
    if not seen:
        return NO_FIX
    first, *others = seen
    subject = first.what if first.kind in ("text", "field") else first.where
    of_role = "" if first.kind == "message" else ROLE_REASONS.get(first.role)
    reason = of_role or first.why or "no word calls it the fix"
    if first.kind == "message":
        commit = first.where.rpartition(" ")[2]
        subject, reason = f"{commit}, which names it,", reason.replace(f"{commit} ", "it ", 1)
    more = f" ({len(others)} more with --verbose)" if others else ""
    return f"{NO_FIX}; {subject} is not taken: {reason}{more}"


def _format_guard_words(finding: FixFinding) -> str:
    words = Counter(test.word for test in finding.tests)
    linked = " (linked)" if all(test.is_linked for test in finding.tests) else ""
    if len(finding.tests) == 1:
        test = finding.tests[0]
        if test.word == "proven":
            return f"proven: fails without the fix{linked}"
        reason = f": {test.message}" if test.word == "inconclusive" and test.message else ""
        return f"{test.word}{reason}{linked}"
    total = len(finding.tests)
    if len(words) == 1 and "came with the fix" in words:
        return f"came with the fix{linked}"
    return ", ".join(f"{word} ({count} of {total})" for word, count in words.items()) + linked


def _format_gone(finding: FixFinding) -> str:
    """Return how many tests are not in the suite any more, and which commits removed them."""
    removed = dict.fromkeys(shorten_revision(test.gone_by) for test in finding.gone if test.gone_by)
    by = f", removed by {', '.join(list(removed)[:MAX_REASONS])}" if removed else ""
    return f"{format_count(len(finding.gone), 'test')} gone{by}"


def _format_details(finding: FixFinding) -> Iterator[str]:
    """Yield the evidence for a fix, taken or not, and each of its tests."""
    for evidence in finding.fix.evidence[:MAX_DETAILS]:
        yield f"    {_format_fix_evidence(evidence, finding)}"
    for commit in finding.fix.commits:
        yield f"    {_format_commit(commit)}"
    for candidate in finding.tests[:MAX_DETAILS]:
        yield f"    {candidate.nodeids[0]}: {candidate.word}{_format_origin(candidate)}"
        if candidate.message:
            yield f"        {candidate.message}"
    for test in finding.gone[:MAX_DETAILS]:
        by = f", removed by {shorten_revision(test.gone_by)}" if test.gone_by else ""
        yield f"    {test.path}::{test.names}: gone{by}"


def _format_fix_evidence(evidence: FixEvidence, finding: FixFinding) -> str:
    commits = ", ".join(map(shorten_revision, evidence.commits))
    role = "" if evidence.role == "fix" else f" ({evidence.role})"
    named = f" → {commits}" if commits and commits != evidence.what else ""
    outcome = _format_outcome(evidence, finding)
    return f"{evidence.where}: {evidence.what}{role}{named}: {outcome}"


def _format_outcome(evidence: FixEvidence, finding: FixFinding) -> str:
    """Return whether a commit that something names is the fix, and why it is not."""
    fix = {commit.id for commit in finding.fix.commits}
    word, reason = "taken", evidence.why
    if not evidence.taken and evidence.commits and fix.issuperset(evidence.commits):
        word = "the same commit"
    elif not evidence.taken:
        word = "not taken"
        reason = ROLE_REASONS.get(evidence.role) or reason
        reason = reason or ("what is taken counts more" if fix else "")
    return f"{word}, {reason}" if reason else word


def _format_commit(commit: LoggedCommit) -> str:
    return f"{shorten_revision(commit.id)} {commit.day} {shorten_text(commit.subject, 80)}"


def _format_origin(candidate: CandidateTest) -> str:
    test = candidate.test
    place = "" if test.how == "same place" else f", then {test.path}::{test.names}"
    return f" ({test.kind} by {shorten_revision(test.commit)}{place})"


def format_fix_totals(scan: FixScan) -> str:
    """Return how many incidents have a fix, tests, and a proof."""
    findings = scan.findings
    with_fix = [finding for finding in findings if finding.fix.commits]
    totals = [
        f"{len(with_fix)} of {format_count(len(findings))}: fix found",
        f"{sum(bool(finding.tests) for finding in findings)} with tests",
    ]
    if any(finding.was_run for finding in findings):
        totals.append(f"{sum(finding.is_proven for finding in findings)} proven")
    return "; ".join(totals)


def render_fix_markdown(scan: FixScan) -> list[str]:
    """Return the lines of a table in Markdown; empty without a fix."""
    shown = [finding for finding in scan.findings if finding.fix.commits]
    if not shown:
        return []
    lines = [
        f"### Tests that came with the fix of an incident: {format_fix_totals(scan)}",
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|{' --- |' * len(COLUMNS)}",
    ]
    for finding in shown:
        id, fix, tests, evidence = _format_row(finding)
        cells = (
            escape_markdown(id),
            escape_markdown(fix),
            format_markdown_code(tests) if "::" in tests else escape_markdown(tests),
            escape_markdown(evidence),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def build_fix_records(findings: Sequence[FixFinding]) -> list[Mapping[str, Any]]:
    """Return the findings as data for JSON."""
    return [
        {
            "id": finding.id,
            "title": finding.title or finding.id,
            "fix": [
                {
                    "commit": commit.id,
                    "subject": commit.subject,
                    "day": commit.day and commit.day.isoformat(),
                }
                for commit in finding.fix.commits
            ],
            "source": finding.fix.source,
            "evidence": [_build_evidence_record(each) for each in finding.fix.evidence],
            "tests": [_build_candidate_record(each) for each in finding.tests],
            "gone": [_build_gone_record(test) for test in finding.gone],
            "message": finding.message,
        }
        for finding in findings
    ]


def _build_gone_record(test: FixTest) -> Mapping[str, Any]:
    place = f"{test.path}::{test.names}"
    return {"test": place, "kind": test.kind, "removed_by": test.gone_by}


def _build_evidence_record(evidence: FixEvidence) -> Mapping[str, Any]:
    return {
        "kind": evidence.kind,
        "where": evidence.where,
        "what": evidence.what,
        "role": evidence.role,
        "commits": list(evidence.commits),
        "taken": evidence.taken,
        "why": evidence.why,
    }


def _build_candidate_record(candidate: CandidateTest) -> Mapping[str, Any]:
    test = candidate.test
    return {
        "tests": list(candidate.nodeids),
        "line": test.line,
        "kind": test.kind,
        "how": test.how,
        "was": f"{test.path}::{test.names}",
        "commit": test.commit,
        "linked": candidate.is_linked,
        "word": candidate.word,
        "verdict": candidate.verdict,
        "message": candidate.message,
    }
