"""Tests that fail now and then, from end to end: what repeating them tells."""

from __future__ import annotations

import json
import re

import pytest

from prove_repository import FIXED, HOLLOW, Repository, Said, module_of, table, text_of
from pytest_postmortem.cli.prove import run_prove
from pytest_postmortem.cli.prove_cases import ProveRequest
from pytest_postmortem.model import PROVEN_VERDICTS
from pytest_postmortem.prove.experiment import RunBudget
from races import files

pytestmark = pytest.mark.slow

HEAD = """\
import os
import pytest
from {module} import price

seen = []

@pytest.mark.postmortem("{id}")
def test_price():
    seen.append(1)
"""

STEADY = {
    "twice": (
        HEAD + "    assert len(seen) == 1 and price(500) == 5\n",
        (
            "proven",
            "test_price fails in 3 of 3 runs without <twice>, in 0 of 3 with it:"
            " AssertionError: assert (1 == 1 and 50.0 == 5)",
        ),
    ),
    "twice-hollow": (
        HEAD + "    assert len(seen) == 1 and price(0) == 0\n",
        (
            "not proven",
            "test_price passes without <twice-hollow>, though it runs its lines",
            "the test would not notice if the problem came back",
        ),
    ),
    "hollow": (
        HOLLOW,
        (
            "not proven",
            "test_price passes without <hollow>, though it runs its lines",
            "the test would not notice if the problem came back",
        ),
    ),
}
"""Tests that can't run twice in a process: a good one, and one that would not notice; the same."""


def told(repository: Repository, capsys: pytest.CaptureFixture[str], seconds: float) -> Said:
    """Return what is said where all runs of a side may take so many seconds."""
    capsys.readouterr()
    status = run_prove([], ProveRequest(jobs=2, effort=RunBudget(seconds=seconds)))
    return status, repository.told(capsys.readouterr().out)


def test_a_test_that_can_not_run_twice_in_a_process_runs_alone(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it does the second time says nothing of the fix."""
    for id, (text, _) in STEADY.items():
        module = module_of(id)
        after = {f"{module}.py": FIXED, f"test_{module}.py": text_of(id, text)}
        repository.fixed(id, after=after)
    repository.register()

    said = told(repository, capsys, 60)

    rows = {id: row for id, (_, row) in STEADY.items()}
    assert said == (1, table(rows, "1 of 3 proven, 2 not proven"))


SECOND = HEAD + "    assert price(500) == 5 or len(seen) != 2\n"

SEED = HEAD + '    assert price(500) == 5 or os.environ["PYTHONHASHSEED"] in "01"\n'


def test_a_test_that_was_seen_to_fail_is_not_called_hollow(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """Though it passes in the few runs that follow: it fails with other orders of sets, or the
    second time in a process.
    """
    for id, text in {"seed": SEED, "second": SECOND}.items():
        repository.fixed(id, after={f"{id}.py": FIXED, f"test_{id}.py": text_of(id, text)})
    repository.register()

    status, said = told(repository, capsys, 1)

    seed, second, *_ = said.splitlines()
    why = r"passes in all of \d+ runs? without it, and has failed before: not enough"
    assert status == 0, said
    assert re.match(f"seed +(proven flaky|inconclusive)  test_price (fails in|{why})", seed), said
    assert re.match(f"second +inconclusive +test_price {why}", second), said


def test_a_race_is_proven_when_threads_are_shaken(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """At the lines of the fix, with which it never fails; plainly it may not be seen. To shake
    asks for many runs.
    """
    before, after = files("once")
    repository.fixed("once", before=before, after=after)
    repository.register()
    capsys.readouterr()

    effort = RunBudget(shake=True, seconds=3600)
    status = run_prove([], ProveRequest(effort=effort), ["json"])

    (found,) = json.loads(capsys.readouterr().out)["proofs"]
    assert (status, found["verdict"] in PROVEN_VERDICTS) == (0, True), found
    assert " runs without the fix, in 0 of 100 with it" in found["message"]
