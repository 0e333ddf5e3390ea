"""Data classes of a report: states of incidents, totals, results of gates."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from pytest_postmortem.model import (
    Finding,
    NodeKey,
    OutcomeWord,
    Policy,
    Postmortem,
    Proof,
    Registry,
    Scope,
    format_count,
)

State = Literal[
    "failing",
    "errored",
    "guarded",
    "not-run",
    "known-broken",
    "skipped",
    "declared",
    "exempt",
    "unguarded",
    "not-judged",
]

STATES: tuple[State, ...] = get_args(State)
"""The state of an incident is the first that applies."""

SETTLED_STATES: tuple[State, ...] = ("guarded", "declared", "exempt")
"""The states of incidents that need no further work."""

COULD_RETURN_STATES: tuple[State, ...] = ("unguarded", "skipped", "known-broken")
"""The states of incidents of which nothing would notice that they return."""

UNKNOWN_STATES: tuple[State, ...] = ("errored", "not-run", "not-judged")
"""The states of incidents that do not say whether a test would notice."""


class TestResult(NamedTuple):
    """A linked test with its outcome and its location."""

    nodeid: str
    outcome: OutcomeWord
    duration: float
    path: str
    line: int | None
    reason: str | None = None
    flaky: bool = False

    @property
    def key(self) -> NodeKey:
        """The unique key of the test."""
        return NodeKey(self.path, self.nodeid)


# pytest collects what begins with Test.
TestResult.__test__ = False  # type: ignore[attr-defined]  # no field can begin with two underscores


class IncidentResult(NamedTuple):
    """One selected incident: its state, why, and the tests that are linked to it.

    ``required`` says whether it counts in the two figures; ``note`` is a further line that
    belongs to the incident in any state.
    """

    postmortem: Postmortem
    state: State
    required: bool = True
    tests: tuple[TestResult, ...] = ()
    reason: str | None = None
    flaky: bool = False
    note: str | None = None
    proof: Proof | None = None

    @property
    def passes_without_fix(self) -> bool:
        """Whether its tests pass without the fix too, so that they would not notice it."""
        return bool(self.tests) and self.proof is not None and self.proof.hollow

    @property
    def is_open_recurrence(self) -> bool:
        """Whether it repeats an earlier incident, and has no guard of its own."""
        return bool(self.note) and self.state not in SETTLED_STATES


def format_hollow_count(count: int, noun: str | None = None) -> str:
    """Return how many incidents, or things of a noun, pass without the fix, with the verb."""
    counted = str(count) if noun is None else format_count(count, noun)
    return f"{counted} {'passes without its' if count == 1 else 'pass without their'} fix"


class UnknownId(NamedTuple):
    """An id that tests name with our marker and the registry lacks, or can't be asked for."""

    id: str
    tests: tuple[TestResult, ...]


class Totals(NamedTuple):
    """The figures of a report; ``percent`` is None where they can't be judged as a whole.

    ``linked``, ``guarded`` and ``proven`` count required incidents.
    """

    incidents: int = 0
    required: int = 0
    linked: int = 0
    guarded: int = 0
    proven: int = 0
    percent: float | None = None


class GateResult(NamedTuple):
    """A rule that can fail the run; one that could not be judged has not passed either.

    ``incidents`` are the ids of all incidents that do not meet it; the message names a few.
    """

    name: str
    judged: bool
    passed: bool
    message: str
    incidents: tuple[str, ...] = ()


class RunMetadata(NamedTuple):
    """The versions, the arguments without secrets, the commit if CI provides it, the time at
    which the run began, in UTC, the name of the project, and the addresses below which its forge
    shows files of this commit, and commits.
    """

    python: str
    pytest: str
    arguments: tuple[str, ...] = ()
    commit: str | None = None
    started: str | None = None
    project: str | None = None
    files_url: str | None = None
    commits_url: str | None = None


class Report(NamedTuple):
    """Everything that is said about a run, from which every format is rendered.

    ``unjudged`` are the reasons why the totals don't cover the whole suite.
    ``missing`` says which registry is missing, where the links themselves had to serve as one.
    ``unknown_foreign_ids`` are the ids of foreign marks that the registry lacks, ``odd`` the
    foreign marks of a form that is not understood; ``unchecked`` those of any mark where a part of
    it can't be reached, and ``unknown`` are the tests that name such ids with our marker.
    ``declared`` are the node ids under ``tests:`` that were found,
    ``unselected`` the ids that belong elsewhere.
    """

    incidents: tuple[IncidentResult, ...]
    totals: Totals
    scope: Scope
    policy: Policy
    findings: tuple[Finding, ...] = ()
    gates: tuple[GateResult, ...] = ()
    unjudged: tuple[str, ...] = ()
    missing: str | None = None
    unknown_foreign_ids: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    unknown: tuple[UnknownId, ...] = ()
    declared: frozenset[str] = frozenset()
    unselected: tuple[str, ...] = ()
    registry: Registry = Registry()
    ran: RunMetadata | None = None
