"""Parse the notes of one run into a `Trial`: the result of each test."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pytest_postmortem.model import OUTCOMES, OutcomeWord

AttemptWord = OutcomeWord | Literal["hung", "died", "cut"]

QUIET_EXCEPTIONS = ("Skipped", "XFailed", "Exit")
"""Exceptions of pytest that do not mean a failure."""


@dataclass(frozen=True, slots=True)
class RaisedFailure:
    """An exception: its type and bases, its message, and its frames.

    ``name`` is the missing name of a NameError, AttributeError or ImportError, ``names`` are
    further names from the message of an ImportError or a TypeError. ``frames`` are path, line and
    function, the innermost last.
    """

    type: str
    bases: tuple[str, ...] = ()
    message: str = ""
    name: str | None = None
    names: tuple[str, ...] = ()
    frames: tuple[tuple[str, int, str], ...] = ()

    def __str__(self) -> str:
        """Return the type and the first line of the message."""
        first = next((line for line in self.message.splitlines() if line.strip()), "")
        return f"{self.type}: {first.strip()}" if first else self.type


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """One run of one test; ``hung`` and ``died`` mean that the process did so in the test's call.

    ``cut`` means that the process had too little time to decide whether it would end.
    """

    word: AttemptWord
    failure: RaisedFailure | None = None
    reason: str | None = None


IN_SETUP, IN_TEARDOWN = "it stopped in its set-up", "it stopped in its teardown"
"""Where a process may end outside the call of a test."""

NOT_RUN_AGAIN = AttemptResult("not-run", reason="it did not run again")


@dataclass(frozen=True, slots=True)
class ProcessEnd:
    """How a process ended: its exit status, negative for a signal, None at the time limit."""

    status: int | None
    seconds: float = 0.0
    output: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """One run. ``linked`` were collected; ``attempts`` are those of linked and further tests.

    ``broken`` are files that could not be collected and ``left`` files that skipped themselves,
    each with the reason. ``served_files`` are the files that got another text, ``copies`` installed
    copies among them, ``others`` modules of the same name from elsewhere, ``read_files`` the files
    of the fix that were opened past the import system. ``reached`` are the tests that ran lines of
    the fix, ``escaped_failures`` the exceptions that left its functions. ``modules`` are the files
    of the checkout that were loaded, ``packages`` the names of other modules. ``places`` are the
    marked statements that ran: the file and the first line of each. ``missing`` are linked tests
    that were not collected; ``influences`` are kinds of influences on the result of linked tests.
    """

    ended: ProcessEnd
    linked: tuple[str, ...] = ()
    attempts: Mapping[str, tuple[AttemptResult, ...]] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)
    left: Mapping[str, str] = field(default_factory=dict)
    served_files: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()
    read_files: frozenset[str] = frozenset()
    reached: frozenset[str] = frozenset()
    escaped_failures: tuple[RaisedFailure, ...] = ()
    modules: frozenset[str] = frozenset()
    missing: tuple[str, ...] = ()
    influences: frozenset[str] = frozenset()
    packages: tuple[str, ...] = ()
    places: frozenset[tuple[str, int]] = frozenset()

    def further(self) -> dict[str, AttemptResult]:
        """Return the results of the tests that are not linked."""
        return {
            nodeid: attempts[0]
            for nodeid, attempts in self.attempts.items()
            if nodeid not in self.linked and attempts
        }

    def first_attempts(self) -> dict[str, AttemptResult]:
        """Return the first result of each linked test that has one."""
        attempts = {nodeid: self.attempts.get(nodeid, ()) for nodeid in self.linked}
        return {nodeid: own[0] for nodeid, own in attempts.items() if own}

    def passing_tests(self) -> set[str]:
        """Return the tests that pass at least once."""
        return {
            nodeid
            for nodeid, attempts in self.attempts.items()
            if any(attempt.word == "passed" for attempt in attempts)
        }

    def add_attempts(self, other: Trial) -> Trial:
        """Return the run with the attempts of another run, which may lack some tests."""
        attempts = {
            nodeid: (*own_attempts, *other.attempts.get(nodeid, (NOT_RUN_AGAIN,)))
            for nodeid, own_attempts in self.attempts.items()
            if nodeid in self.linked
        }
        return replace(self, attempts={**self.attempts, **attempts})

    def cut(self) -> Trial:
        """Return the run with its unfinished test marked as cut."""
        attempts = {
            nodeid: tuple(_cut_open_attempt(attempt) for attempt in attempts)
            for nodeid, attempts in self.attempts.items()
        }
        return replace(self, attempts=attempts)


def _cut_open_attempt(attempt: AttemptResult) -> AttemptResult:
    is_open = attempt.word == "hung" or attempt.reason in (IN_SETUP, IN_TEARDOWN)
    return AttemptResult("cut") if is_open else attempt


def parse_trial_notes(lines: Iterable[bytes], ended: ProcessEnd) -> Trial:
    """Parse the notes of a run; the last line may be incomplete."""
    notes: dict[str, list[Any]] = defaultdict(list)
    rounds: dict[str, dict[int, list[tuple[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    current: tuple[str, int] | None = None
    for kind, data in _parse_note_lines(lines):
        if kind == "start":
            current = (data[0], data[1])
            rounds[data[0]][data[1]].append(("start", None))
        elif kind in ("end", "teardown"):
            number = current[1] if current else max(rounds[data], default=0)
            rounds[data][number].append((kind, None))
            current = None
        elif kind == "call" and current is not None:
            rounds[current[0]][current[1]].append(("call", None))
        elif kind == "raised":
            rounds[data[0]][data[1]].append(("raised", (data[2], _parse_failure(data[3]))))
        elif kind == "report":
            rounds[data["nodeid"]][data["round"]].append(("report", data))
        elif kind == "reached":
            notes[kind].append(current[0] if current else "")
            path, _, line = data.rpartition(":")
            notes["places"].append((path, int(line)))
        else:
            notes[kind].append(data)
    attempts_by_test = (
        (
            nodeid,
            _mark_torn_rounds(
                tuple(filter(None, (_build_attempt(facts, ended) for facts in own.values())))
            ),
        )
        for nodeid, own in rounds.items()
    )
    attempts = {nodeid: own for nodeid, own in attempts_by_test if own}
    return Trial(
        ended,
        tuple(notes["collected"][-1]["linked"]) if notes["collected"] else (),
        attempts,
        dict(notes["broken"]),
        dict(notes["left"]),
        frozenset(notes["served"]),
        frozenset(notes["other"]),
        frozenset(notes["read"]),
        frozenset(notes["reached"]),
        tuple(dict.fromkeys(map(_parse_failure, notes["escaped"]))),
        frozenset(path for paths in notes["modules"] for path in paths),
        tuple(notes["collected"][-1].get("missing", ())) if notes["collected"] else (),
        frozenset(notes["influence"]),
        tuple(notes["packages"][-1]) if notes["packages"] else (),
        frozenset(notes["places"]),
    )


def _parse_note_lines(lines: Iterable[bytes]) -> Iterator[tuple[str, Any]]:
    for line in lines:
        try:
            kind, data = json.loads(line)
        except ValueError:  # the process was stopped while it wrote
            continue
        yield kind, data


def _parse_failure(data: Mapping[str, Any]) -> RaisedFailure:
    return RaisedFailure(
        data["type"],
        tuple(data["bases"]),
        data["message"],
        data["name"],
        tuple(data["names"]),
        tuple((path, line, name) for path, line, name in data["frames"]),
    )


def _build_attempt(facts: Sequence[tuple[str, Any]], ended: ProcessEnd) -> AttemptResult | None:
    """Return the result of one run of a test, None if the notes are incomplete."""
    raised = [data for kind, data in facts if kind == "raised"]
    reports = [data for kind, data in facts if kind == "report"]
    kinds = [kind for kind, _ in facts]
    ends = [kind for kind in kinds if kind in ("end", "teardown")]
    is_over = "start" not in kinds or ends[-1:] == ["end"]
    words_and_reports = [
        (word, report) for report in reports if (word := _find_report_word(report))
    ]
    failures = [failure for _, failure in raised if failure.type not in QUIET_EXCEPTIONS]
    if words_and_reports:
        word, report = min(words_and_reports, key=lambda pair: OUTCOMES.index(pair[0]))
        phase = [failure for when, failure in raised if when == report["when"]]
        failure = next(
            (
                failure_of_phase
                for failure_of_phase in phase
                if failure_of_phase.type not in QUIET_EXCEPTIONS
            ),
            None,
        )
        if word in ("failed", "error"):
            return AttemptResult(word, failure, report["why"])
        if is_over and (word != "skipped" or "end" in kinds):
            unreported = _find_unreported_failure(raised, reports)
            return unreported or AttemptResult(word, None, report["why"])
        if not is_over and report["when"] == "call" and not report["part"]:
            return AttemptResult("error", None, IN_TEARDOWN)
    if is_over:
        return _find_unreported_failure(raised, reports)
    if "call" not in kinds:
        return AttemptResult("error", failures[-1] if failures else None, IN_SETUP)
    if failures:  # a failure counts, regardless of later phases
        return AttemptResult("failed", failures[0])
    return AttemptResult("hung" if ended.status is None else "died")


def _mark_torn_rounds(attempts: tuple[AttemptResult, ...]) -> tuple[AttemptResult, ...]:
    """Return the rounds of a test; none has passed if the process ended in a teardown."""
    last = attempts[-1:]
    if not any(attempt.reason == IN_TEARDOWN for attempt in last):
        return attempts
    return tuple(last[0] if attempt.word == "passed" else attempt for attempt in attempts)


def _find_unreported_failure(
    raised: Sequence[tuple[str, RaisedFailure]], reports: Sequence[Mapping[str, Any]]
) -> AttemptResult | None:
    """Return a failure that pytest itself could not report."""
    phases = {report["when"] for report in reports}
    for when, failure in raised:
        if when not in phases and failure.type not in QUIET_EXCEPTIONS:
            return AttemptResult("failed" if when == "call" else "error", failure)
    return None


def _find_report_word(report: Mapping[str, Any]) -> OutcomeWord | None:
    """Return the outcome of one report, by the same rules as the plugin."""
    if report["outcome"] == "failed":
        return "failed" if report["when"] == "call" else "error"
    if report["outcome"] == "skipped":
        return "xfailed" if report["expected"] else "skipped"
    if report["outcome"] == "passed" and report["when"] == "call" and not report["part"]:
        return "xpassed" if report["expected"] else "passed"
    return None
