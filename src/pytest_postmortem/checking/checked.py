"""What a check came to, as plain data and in the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pytest_postmortem.model import Finding, format_count
from pytest_postmortem.reports.failure import sanitize_line

__all__ = ["LintResult", "render_lint_text"]

MAX_LISTED_UNKNOWN = 3
"""Incidents that are listed of which only a run shows the tests."""


@dataclass(frozen=True, slots=True)
class LintResult:
    """What was found, what could not be judged, and how much was looked at.

    ``root`` is the path of the rootdir in its repository, from which all paths begin;
    ``unknown`` is what only a run shows, which fails no check.
    """

    findings: tuple[Finding, ...] = ()
    unjudged: tuple[str, ...] = ()
    postmortems: int = 0
    files: int = 0
    root: str = ""
    unknown: tuple[str, ...] = ()

    def count(self, severity: str) -> int:
        """Return how many findings are of a severity."""
        return sum(finding.severity == severity for finding in self.findings)


def render_lint_text(checked: LintResult) -> str:
    """Return what was found, one line each with its place first, and a line that counts."""
    lines = [
        *map(_format_finding_line, checked.findings),
        *_format_unjudged_lines(checked),
        *_format_unknown_lines(checked),
        _format_lint_summary(checked),
    ]
    return "".join(f"{sanitize_line(line)}\n" for line in lines)


def _format_finding_line(finding: Finding) -> str:
    place = finding.path or "registry"
    line = f":{finding.line}" if finding.path and finding.line is not None else ""
    return f"{place}{line}: {finding.severity}: {finding.message} [{finding.code}]"


def _format_unjudged_lines(checked: LintResult) -> Iterator[str]:
    return (f"not judged: {reason}" for reason in checked.unjudged)


def _format_unknown_lines(checked: LintResult) -> Iterator[str]:
    """Yield what only a run shows, and of how many more incidents."""
    omitted = len(checked.unknown) - MAX_LISTED_UNKNOWN
    yield from (f"unknown: {reason}" for reason in checked.unknown[:MAX_LISTED_UNKNOWN])
    if omitted > 0:
        yield f"unknown: the same of {format_count(omitted)} more"
    if checked.unknown:
        yield "`pytest-postmortem check --collect` asks pytest itself"


def _format_lint_summary(checked: LintResult) -> str:
    if not (checked.postmortems or checked.files or checked.findings):
        return "Nothing to check: no post-mortem and no test file"
    looked = [
        format_count(checked.postmortems, "post-mortem"),
        f"{format_count(checked.files, 'test file')}",
    ]
    counts = [
        format_count(checked.count(severity), severity)
        for severity in ("error", "warning")
        if checked.count(severity)
    ]
    return f"{', '.join(counts) or 'Nothing wrong'} in {' and '.join(looked)}"
