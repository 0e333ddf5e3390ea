"""What a check came to, as plain data and in the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pytest_postmortem.model import Finding, count_of
from pytest_postmortem.reports.failure import plain

__all__ = ["Checked", "text"]

MOST = 3
"""Incidents that are listed of which only a run shows the tests."""


@dataclass(frozen=True, slots=True)
class Checked:
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


def text(checked: Checked) -> str:
    """Return what was found, one line each with its place first, and a line that counts."""
    lines = [*map(_line, checked.findings), *_unjudged(checked), *_unknown(checked), _last(checked)]
    return "".join(f"{plain(line)}\n" for line in lines)


def _line(finding: Finding) -> str:
    place = finding.path or "registry"
    line = f":{finding.line}" if finding.path and finding.line is not None else ""
    return f"{place}{line}: {finding.severity}: {finding.message} [{finding.code}]"


def _unjudged(checked: Checked) -> Iterator[str]:
    return (f"not judged: {reason}" for reason in checked.unjudged)


def _unknown(checked: Checked) -> Iterator[str]:
    """Yield what only a run shows, and of how many more incidents."""
    more = len(checked.unknown) - MOST
    yield from (f"unknown: {reason}" for reason in checked.unknown[:MOST])
    if more > 0:
        yield f"unknown: the same of {count_of(more)} more"
    if checked.unknown:
        yield "`pytest-postmortem check --collect` asks pytest itself"


def _last(checked: Checked) -> str:
    if not (checked.postmortems or checked.files or checked.findings):
        return "Nothing to check: no post-mortem and no test file"
    looked = [
        count_of(checked.postmortems, "post-mortem"),
        f"{count_of(checked.files, 'test file')}",
    ]
    counts = [
        count_of(checked.count(severity), severity)
        for severity in ("error", "warning")
        if checked.count(severity)
    ]
    return f"{', '.join(counts) or 'Nothing wrong'} in {' and '.join(looked)}"
