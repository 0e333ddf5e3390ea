"""Random suites, run for real: their reports are what the table of states says."""

from __future__ import annotations

from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pytest

from random_suites import make_suite
from suite_oracle import STATES, expected_of
from suite_runs import differences

pytestmark = pytest.mark.slow

SEEDS = (1, 2)
"""Suites that run in every check; `benchmarks/random_suites.py` runs as many as are asked for."""

WAYS = ("", "-n2") if find_spec("xdist") else ("",)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_report_of_a_random_suite_is_what_the_table_says(seed: int, tmp_path: Path) -> None:
    """States, outcomes, figures, gates and the exit status, the same alone and with workers."""
    assert differences(seed, tmp_path, WAYS) == []


def test_random_suites_have_what_a_run_may_meet() -> None:
    """Each state, each kind of selection, reruns and unknown ids are no rare events."""
    suites = [make_suite(seed) for seed in range(300)]
    expected = [expected_of(suite) for suite in suites]

    states = Counter(state for each in expected for state in each.states.values())
    kinds = Counter(suite.selection[0] for suite in suites)
    rest = ("declared", "exempt", "unguarded", "not-judged")
    assert set(states) == {*STATES, *rest}
    assert min(states.values()) > 100, states
    assert min(kinds.values()) > 5, kinds
    assert set(kinds) == {"all", "k", "m", "addopts", "deselect", "file", "nodeid", "x"}
    assert sum(bool(each.unknown) for each in expected) > 30
    assert {gate for each in expected for gate in each.gates.values()} == {
        (True, True),
        (True, False),
        (False, False),
    }
