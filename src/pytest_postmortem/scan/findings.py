"""What a scan reports: tests that name incidents, and fixes with the tests that came with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pytest_postmortem.model import PROVEN_VERDICTS, VERDICTS, Verdict
from pytest_postmortem.scan.fix_tests import FixTest
from pytest_postmortem.scan.incident_fixes import IncidentFix
from pytest_postmortem.scan.scoring import Strength
from pytest_postmortem.scan.suggestions import Suggestion

GuardWord = Literal[
    "proven", "weak", "not reached", "passes without it", "inconclusive", "came with the fix"
]
"""The knowledge of a test: only the first word says that it guards the incident."""

GUARD_WORDS: dict[Verdict, GuardWord] = {
    **dict.fromkeys(PROVEN_VERDICTS, "proven"),
    "weak": "weak",
    "not-reached": "not reached",
    "not-proven": "passes without it",
}
"""The words of verdicts; all others are inconclusive."""


@dataclass(frozen=True, slots=True)
class CandidateTest:
    """A test of today's suite that came with a fix.

    ``nodeids`` are those that pytest makes of its function, from the rootdir. ``is_linked`` says
    that all of them are linked to the incident already. Without a ``verdict`` it was not run.
    """

    test: FixTest
    path: str
    nodeids: tuple[str, ...]
    is_linked: bool = False
    verdict: Verdict | None = None
    message: str = ""

    @property
    def word(self) -> GuardWord:
        """The knowledge of the test."""
        if self.verdict is None:
            return "came with the fix"
        return GUARD_WORDS.get(self.verdict, "inconclusive")


@dataclass(frozen=True, slots=True)
class FixFinding:
    """An incident with its fix, and the tests that came with it; ``gone`` are those of the past.

    ``message`` says why the proof of the whole is inconclusive. ``is_guarded`` means that some test
    is linked to the incident already, ``is_unread`` that this clone lacks the code of its tests.
    """

    id: str
    title: str
    fix: IncidentFix
    tests: tuple[CandidateTest, ...] = ()
    gone: tuple[FixTest, ...] = ()
    is_guarded: bool = False
    is_unread: bool = False
    was_run: bool = False
    message: str = ""

    @property
    def is_proven(self) -> bool:
        """Whether at least one of its tests fails without the fix."""
        return any(test.word == "proven" for test in self.tests)

    @property
    def is_open(self) -> bool:
        """Whether no test is linked to it, and one that came with its fix might be."""
        if self.is_guarded:
            return False
        return self.is_proven if self.was_run else bool(self.tests)


@dataclass(frozen=True, slots=True)
class FixScan:
    """The findings of all incidents, and notes on what this clone can't show."""

    findings: tuple[FixFinding, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ScanResult:
    """The suggestions and the number of files; ``unread`` are files that are not valid Python.

    ``fixes`` is None where they were not looked for. ``has_names`` says whether names were.
    """

    suggestions: tuple[Suggestion, ...] = ()
    files: int = 0
    unread: tuple[str, ...] = ()
    fixes: FixScan | None = None
    has_names: bool = True

    def of(self, strength: Strength) -> tuple[Suggestion, ...]:
        """Return the suggestions of one strength."""
        return tuple(
            suggestion for suggestion in self.suggestions if suggestion.strength == strength
        )


def select_verdict(verdicts: Sequence[Verdict]) -> Verdict | None:
    """Return the verdict that counts of those on the parameter sets of one test."""
    return min(verdicts, key=VERDICTS.index, default=None)


def build_fix_suggestions(findings: Sequence[FixFinding], *, unproven: bool) -> list[Suggestion]:
    """Return the tests to mark: those that are proven, with ``unproven`` also those not run.

    A test that passes without the fix is never one of them.
    """
    words: tuple[GuardWord, ...] = ("proven", "came with the fix") if unproven else ("proven",)
    return [
        Suggestion(
            "likely",
            candidate.path,
            candidate.test.line,
            candidate.test.line,
            candidate.nodeids,
            finding.id,
            finding.title,
            None,
            True,
            "",
            candidate.word,
        )
        for finding in findings
        for candidate in finding.tests
        if not candidate.is_linked and candidate.word in words
    ]


def drop_repeated_suggestions(suggestions: Sequence[Suggestion]) -> list[Suggestion]:
    """Return each test of an incident once, though two kinds of evidence may find it."""
    unique: dict[tuple[str, int, str], Suggestion] = {}
    for suggestion in suggestions:
        key = (suggestion.path, suggestion.def_line, suggestion.id.casefold())
        if key not in unique or unique[key].strength != "likely":
            unique[key] = suggestion
    return list(unique.values())
