"""What a run of a random suite has to report, by the table of the design alone.

Nothing of the plugin is imported: from the specification of a suite follow the outcome of each
test, the state of each incident, the figures, the gates and the exit status.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from random_suites import TODAY, Case, File, Incident, Suite, Xfail

OUTCOMES = ("failed", "error", "passed", "xpassed", "xfailed", "skipped", "not-run")
"""Of several outcomes the first counts."""

STATES = ("failing", "errored", "guarded", "not-run", "known-broken", "skipped")
"""Of several tests the first state counts."""

STATE_OF = {
    "failed": "failing",
    "error": "errored",
    "passed": "guarded",
    "not-run": "not-run",
    "xpassed": "known-broken",
    "xfailed": "known-broken",
    "skipped": "skipped",
}

ERRORS = {"fail": "AssertionError", "raise": "ValueError"}
"""What the body of a test raises."""


@dataclass
class Expected:
    """What the run reports: all that `facts_of` reads from a JSON report, and the exit status."""

    status: int
    kind: str
    states: dict[str, str]
    flaky: list[str]
    tests: dict[str, dict[str, str]]
    unknown: list[str]
    totals: dict[str, Any] = field(default_factory=dict)
    gates: dict[str, tuple[bool, bool]] = field(default_factory=dict)


def facts_of(report: Mapping[str, Any], status: int) -> Expected:
    """Return the same facts of a JSON report."""
    incidents = report["incidents"]
    totals = {name: number for name, number in report["totals"].items() if name != "proven"}
    return Expected(
        status,
        report["scope"]["kind"],
        {each["id"]: each["state"] for each in incidents},
        [each["id"] for each in incidents if each["flaky"]],
        {
            each["id"]: {test["nodeid"]: test["outcome"] for test in each["tests"]}
            for each in incidents
        },
        sorted(each["id"].casefold() for each in report["unknown"]),
        totals,
        {each["name"]: (each["judged"], each["passed"]) for each in report["gates"]},
    )


# One test


@dataclass(frozen=True)
class _Ended:
    """How a test ended; ``failures`` are the reports with which it fails the run, ``called`` says
    that its body began.
    """

    outcome: str
    flaky: bool = False
    failures: int = 0
    called: bool = False


def _raised(error: str, phase: str, xfail: Xfail | None) -> str:
    """Return what an exception in a phase comes to: an xfail covers every phase."""
    if xfail is not None and xfail.raises in (None, error):
        return "xfailed"
    return "failed" if phase == "call" else "error"


def _reports(case: Case, result: str) -> tuple[list[str], bool]:
    """Return what the reports of one attempt say that say something, and whether the body began."""
    if case.skip:
        return ["skipped"], False
    xfail = case.xfail if case.xfail is not None and case.xfail.condition else None
    if xfail is not None and not xfail.run:
        return ["xfailed"], False
    if case.setup == "skip":
        return ["skipped"], False
    if case.setup != "ok":
        return [_raised("OSError", "setup", xfail)], False
    found = ["failed" if part == "fail" else "skipped" for part in case.subtests if part != "pass"]
    if result in ERRORS:
        found.append(_raised(ERRORS[result], "call", xfail))
    elif result == "skip":
        found.append("skipped")
    elif result == "xfail":
        found.append("xfailed")
    elif xfail is not None:
        found.append("failed" if xfail.strict else "xpassed")
    else:
        found.append("passed")
    if case.teardown == "error":
        found.append(_raised("OSError", "teardown", xfail))
    return found, True


def _unit_reports(case: Case, result: str) -> list[str]:
    """Return the same of a unittest, where setUp and tearDown belong to the call."""
    if case.skip:
        return ["skipped"]
    if case.setup == "class":
        return ["error"]
    if case.setup == "error":
        return ["failed"]
    if result == "skip":
        return ["skipped"]
    if case.xfail is not None:
        return ["xfailed" if result in ERRORS else "failed"]
    return ["failed" if result in ERRORS or case.teardown == "error" else "passed"]


def _end_of(case: Case) -> _Ended:
    """Run a test in mind, with all its attempts."""
    for number in range(case.reruns + 1):
        result = case.attempts[min(number, len(case.attempts) - 1)]
        if case.unittest:
            reports, called = _unit_reports(case, result), False
        else:
            reports, called = _reports(case, result)
        failures = sum(report in ("failed", "error") for report in reports)
        if not failures:
            break
    return _Ended(min(reports, key=OUTCOMES.index), number > 0, failures, called)


# A whole run


class _Run:
    """Follows a run through its tests."""

    def __init__(self, suite: Suite) -> None:
        self.suite = suite
        self.kind, self.value = suite.selection
        self.links: dict[str, set[str]] = {}
        self.ends: dict[str, _Ended] = {}
        self.deselected: set[str] = set()
        self.collected: list[str] = []
        self.failures = 0
        self.stopped = False
        self.skipped_files: set[str] = set()
        for file in suite.files:
            if self._is_given(file):
                self._collect(file)

    def _is_given(self, file: File) -> bool:
        if self.kind == "file":
            return file.path == self.value
        return self.kind != "nodeid" or self.value.startswith(f"{file.path}::")

    def _link(self, nodeid: str, ids: Sequence[str]) -> None:
        for id in ids:
            self.links.setdefault(id.casefold(), set()).add(nodeid)

    def _collect(self, file: File) -> None:
        if file.kind == "broken":
            self.failures += 1
            return
        if file.kind == "skips-itself":
            self.skipped_files.add(file.path)
            self.ends[file.path] = _Ended("skipped")
            for _, case in file.cases():
                self._link(file.path, case.ids)
            return
        for nodeid, case in file.cases():
            if self.kind == "nodeid" and nodeid != self.value:
                continue
            self.collected.append(nodeid)
            self._link(nodeid, (*case.ids, *case.added))
            self._run(nodeid, case)

    def _run(self, nodeid: str, case: Case) -> None:
        is_left_out = (
            (self.kind == "k" and self.value not in case.name)
            or (self.value == "slow" and not case.slow)
            or (self.value == "not slow" and case.slow)
            or (self.kind == "deselect" and nodeid.startswith(self.value))
        )
        if is_left_out:
            self.deselected.add(nodeid)
        if is_left_out or self.stopped:
            self.ends[nodeid] = _Ended("not-run")
            return
        end = self.ends[nodeid] = _end_of(case)
        if end.called:
            self._link(nodeid, case.late)
        self.failures += end.failures
        self.stopped = self.kind == "x" and end.failures > 0

    def declared(self, incident: Incident) -> set[str]:
        """Return the tests that the registry names, as far as they were collected."""
        found = set()
        for named in incident.tests:
            if named.partition("::")[0] in self.skipped_files:
                found.add(named.partition("::")[0])
            names = (f"{named}[", f"{named}::")
            found |= {each for each in self.collected if each == named or each.startswith(names)}
        return found

    def is_full(self) -> bool:
        return self.kind not in ("file", "nodeid") and not any(
            file.kind == "broken" for file in self.suite.files
        )


def expected_of(suite: Suite) -> Expected:
    """Return what the run of a suite has to report."""
    run = _Run(suite)
    tests = {
        each.id: {
            nodeid: run.ends[nodeid].outcome
            for nodeid in run.links.get(each.id.casefold(), set()) | run.declared(each)
        }
        for each in suite.incidents
    }
    states = {each.id: _state(each, tests[each.id], run.is_full()) for each in suite.incidents}
    known = {each.id.casefold() for each in suite.incidents}
    found = Expected(
        0,
        "full" if run.is_full() else "partial",
        states,
        [id for id, own in tests.items() if any(run.ends[each].flaky for each in own)],
        tests,
        sorted(set(run.links) - known),
    )
    required = [each for each in suite.incidents if _is_required(each, states[each.id], suite)]
    guarded = [each for each in required if states[each.id] == "guarded"]
    judged = run.is_full() and not any(_is_open(each, tests[each.id], run) for each in required)
    share = math.floor(1000 * len(guarded) / len(required)) / 10 if required and judged else None
    found.totals = {
        "incidents": len(suite.incidents),
        "required": len(required),
        "linked": sum(bool(tests[each.id]) for each in required),
        "guarded": len(guarded),
        "percent": share,
    }
    found.gates = dict(_gates(suite, required, states, judged))
    lost = [each for each in suite.incidents if each.tests and not run.declared(each)]
    wrong = found.unknown or (run.is_full() and lost)
    red = wrong or any(own == (True, False) for own in found.gates.values())
    found.status = _status(run) or int(bool(red))
    return found


def _state(incident: Incident, tests: Mapping[str, str], full: bool) -> str:
    if tests:
        return min((STATE_OF[outcome] for outcome in tests.values()), key=STATES.index)
    if incident.guarded_by:
        return "declared"
    if incident.exempt and (incident.until is None or incident.until >= TODAY):
        return "exempt"
    return "unguarded" if full else "not-judged"


def _is_required(incident: Incident, state: str, suite: Suite) -> bool:
    if state in ("exempt", "declared"):
        return False
    is_older = suite.since and incident.day and incident.day < suite.since
    return not (state == "unguarded" and is_older)


def _is_open(incident: Incident, tests: Mapping[str, str], run: _Run) -> bool:
    """Say whether it is not known what a required incident would be in a run of the whole suite."""
    if _state(incident, tests, True) != "not-run":
        return False
    own = run.deselected if run.kind == "addopts" else set()
    return any(outcome == "not-run" and each not in own for each, outcome in tests.items())


def _gates(
    suite: Suite, required: Sequence[Incident], states: Mapping[str, str], judged: bool
) -> list[tuple[str, tuple[bool, bool]]]:
    found = []
    guarded = sum(states[each.id] == "guarded" for each in required)
    if suite.fail_under is not None:
        passed = guarded * 100 >= suite.fail_under * len(required)
        found.append(("fail-under", (judged, judged and passed)))
    if suite.require:
        asked = [
            each for each in required if (each.severity or "").replace("-", "").lower() == "sev1"
        ]
        missing = [
            each
            for each in asked
            if states[each.id] != "guarded"
            and not (suite.grace and each.day and (TODAY - each.day).days <= suite.grace)
        ]
        found.append(("require", (judged, judged and not missing)))
    return found


def _status(run: _Run) -> int:
    """Return pytest's own exit status: 1 for a failure, 5 where no test was left."""
    if run.failures:
        return 1
    return 0 if set(run.collected) - run.deselected else 5
