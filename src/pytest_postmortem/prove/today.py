"""Run the linked tests on today's code: a test that fails there proves nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import inf

from pytest_postmortem.prove.experiment import Experiment
from pytest_postmortem.prove.fix_files import Fix
from pytest_postmortem.prove.trial import Trial
from pytest_postmortem.prove.verdict import (
    RED_WORDS,
    IncidentVerdict,
    TestVerdict,
    explain_no_linked_test,
    format_attempt,
)

MISSING_MODULE = re.compile("No module named|ModuleNotFoundError")


@dataclass(frozen=True, slots=True)
class ProofCase:
    """An incident to prove: its linked tests, and a function that reads its fix.

    ``tests`` are the files of linked tests from the rootdir. In them, tests are linked by a marker
    with one of ``ids``, or by ``nodeids``. ``seen`` are the node ids found in the code alone, for a
    tree in which no test has run yet. ``names_then`` are the node ids that functions had at the
    fix, by those of today, where both are known. ``deadline`` is when all its runs must have ended.
    """

    id: str
    fix: Callable[[], Fix]
    tests: tuple[str, ...]
    ids: tuple[str, ...] = ()
    nodeids: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()
    names_then: Mapping[str, str] = field(default_factory=dict)
    deadline: float = inf


@dataclass(frozen=True, slots=True)
class TestsToday:
    """The linked tests on today's code: those that fail, and the node ids of the others.

    ``reason`` says why no linked test was collected. ``trial`` is the run, None if the control of
    an earlier strategy was it; ``as_module`` says that it was started with ``python -m pytest``.
    """

    __test__ = False

    others: tuple[str, ...]
    failing: tuple[TestVerdict, ...]
    reason: str = ""
    trial: Trial | None = None
    as_module: bool = False

    def judge(self) -> IncidentVerdict:
        """Return the verdict if every linked test fails."""
        return IncidentVerdict("fails-with-fix", self.failing[0].message, self.failing)

    def add_to(self, judged: IncidentVerdict) -> IncidentVerdict:
        """Return a verdict on the other tests, with the failing tests."""
        tests = (*judged.tests, *self.failing)
        if not judged.tests or not self.failing:
            return replace(judged, tests=tests)
        return judged.with_tests(tests)

    def select_others(self, case: ProofCase) -> ProofCase:
        """Return the case without the tests that fail, with the node ids of all others."""
        if not self.failing:
            return replace(case, seen=self.others or case.seen)
        return replace(case, ids=(), nodeids=self.others, seen=self.others)


def run_tests_today(experiment: Experiment) -> TestsToday:
    """Run the linked tests; those that fail run again in the user's own environment."""
    trial = run_with_module_path(experiment, experiment.today)
    first = trial.first_attempts()
    red = {nodeid: attempt for nodeid, attempt in first.items() if attempt.word in RED_WORDS}
    if red and experiment.are_tests_passing(list(red)):
        red = {}
    failing = (
        TestVerdict(nodeid, "fails-with-fix", f"fails today: {format_attempt(attempt)}")
        for nodeid, attempt in red.items()
    )
    others = tuple(nodeid for nodeid in trial.linked if nodeid not in red)
    reason = "" if trial.linked else explain_no_linked_test(trial)
    control = None if red else trial
    return TestsToday(others, tuple(failing), reason, control, experiment.as_module)


def run_with_module_path(experiment: Experiment, run: Callable[[], Trial]) -> Trial:
    """Run the tests; use ``python -m pytest`` if they import from the folder."""
    trial = run()
    texts = (trial.ended.output, *trial.broken.values())
    if trial.linked or experiment.as_module or not any(map(MISSING_MODULE.search, texts)):
        return trial
    experiment.as_module = True
    again = run()
    experiment.as_module = bool(again.linked)
    return again if again.linked else trial
