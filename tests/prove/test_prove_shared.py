"""Which of two proofs holds: with files left in place that are test or source, and without them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import pytest

from pytest_postmortem.model import Verdict
from pytest_postmortem.prove.additions import AdditionsOfFix
from pytest_postmortem.prove.diagnose import NamesOfFix
from pytest_postmortem.prove.experiment import Experiment
from pytest_postmortem.prove.strategy import (
    IncidentProof,
    choose_proof_with_shared_files,
    judge_additions,
)
from pytest_postmortem.prove.trial import AttemptResult, ProcessEnd, RaisedFailure, Trial
from pytest_postmortem.prove.verdict import IncidentVerdict, TestVerdict

IT = "test_it.py::test_it"

OWN = "fails without the fix: AssertionError: assert 2 == 1"
OTHER = "fails without the fix: KeyError: 'a'"
HOLLOW = "passes without the fix"


def proof(verdict: Verdict, message: str) -> IncidentProof:
    """Return a proof by one test."""
    judged = IncidentVerdict(verdict, message, (TestVerdict(IT, verdict, message),))
    return IncidentProof("PM-1", "abc", judged)


@pytest.mark.parametrize(
    ("kept", "whole", "verdict", "message"),
    [
        (None, ("proven", OWN), "proven", OWN),
        (
            None,
            ("proven", OTHER),
            "inconclusive",
            "fails with conftest.py reverted too, not by an assertion",
        ),
        (None, ("not-proven", HOLLOW), "not-proven", HOLLOW),
        (
            ("proven", OWN),
            ("proven", OTHER),
            "proven",
            f"{OWN}; conftest.py was left in place",
        ),
        (
            ("proven", OTHER),
            ("not-proven", HOLLOW),
            "inconclusive",
            f"{OTHER}; conftest.py is a part of the fix that was left in place then",
        ),
        (
            ("not-proven", HOLLOW),
            ("proven", OWN),
            "proven",
            f"{OWN}; conftest.py is reverted too, and without that it passes",
        ),
        (
            ("not-proven", HOLLOW),
            ("proven", OTHER),
            "inconclusive",
            "passes without the rest of the fix; conftest.py is a part of it:"
            " fails with conftest.py reverted too, not by an assertion",
        ),
        (("not-proven", HOLLOW), ("not-reached", "runs no line"), "not-proven", HOLLOW),
        (("inconclusive", "no idea"), ("proven", OTHER), "inconclusive", "no idea"),
    ],
)
def test_only_the_tests_own_assertion_proves_a_half_of_a_fix(
    kept: tuple[Verdict, str] | None, whole: tuple[Verdict, str], verdict: Verdict, message: str
) -> None:
    """Any other failure may come from two halves that do not fit together."""
    chosen = choose_proof_with_shared_files(
        proof(*kept) if kept else None, proof(*whole), ["conftest.py"]
    )

    assert (chosen.verdict, chosen.judged.message) == (verdict, message)


@dataclass
class ToldExperiment:
    """Has the run with the additions, and starts no process."""

    trial: Trial

    def run_with_additions(self, texts: Mapping[str, str | None]) -> Trial:
        """Return the run."""
        return self.trial


PASSED = AttemptResult("passed")
FAILED = AttemptResult("failed", RaisedFailure("AssertionError", ("AssertionError",), "x"))
SET_UP = AttemptResult("error", RaisedFailure("KeyError", ("KeyError",), "x"))


@pytest.mark.parametrize(
    ("attempt", "doubts", "verdict", "words"),
    [
        (PASSED, (), "weak", "fails only because once is missing without the fix"),
        (FAILED, (), "proven", OWN),
        (
            PASSED,
            ("A.once",),
            "inconclusive",
            "fails only without once; whether A.once replaces a method of a class outside",
        ),
        (SET_UP, (), "inconclusive", "whether only once is missing can't be tested"),
        (None, (), "inconclusive", "whether only once is missing can't be tested"),
    ],
)
def test_a_proven_test_runs_again_with_the_additions_of_the_fix(
    attempt: AttemptResult | None, doubts: tuple[str, ...], verdict: Verdict, words: str
) -> None:
    """It is weak if it passes then, and known by nothing if it neither passes nor fails."""
    control = Trial(ProcessEnd(0), (IT,), {IT: (PASSED,)})
    trial = Trial(ProcessEnd(1), (IT,), {IT: (attempt,)} if attempt else {})
    experiment = cast(Experiment, ToldExperiment(trial))
    additions = AdditionsOfFix({}, ("once",), doubts, is_all=False)
    names = NamesOfFix("/shop", frozenset(["/shop/test_it.py"]))

    judged = judge_additions(proof("proven", OWN).judged, experiment, control, names, additions)

    assert judged.verdict == verdict
    assert words in judged.message


def test_a_test_of_what_the_fix_added_alone_is_weak() -> None:
    """There is nothing to revert, and no further run."""
    control = Trial(ProcessEnd(0), (IT,), {IT: (PASSED,)})
    additions = AdditionsOfFix({}, ("once",), (), is_all=True)
    experiment = cast(Experiment, None)
    names = NamesOfFix("/shop", frozenset(["/shop/test_it.py"]))

    judged = judge_additions(proof("proven", OWN).judged, experiment, control, names, additions)

    assert (judged.verdict, judged.message) == (
        "weak",
        "needs once, which the fix added: new behaviour, there is nothing to revert",
    )
