"""Random suites whose workers die: the report says of each test what the test did."""

from __future__ import annotations

import os
import sys

import pytest

from noted_runs import NotedSuite
from report_schema import read_report

pytestmark = pytest.mark.slow

pytest.importorskip("xdist")

SEEDS = range(2, 2 + int(os.environ.get("KILLED_WORKERS_SEEDS", "3")))
"""How many random suites are run; ``benchmarks/killed_workers.py`` runs more, of other kinds."""

MODES = (("-n2",), ("-n1",), ("-n2", "--dist=worksteal"))


@pytest.mark.skipif(sys.platform == "win32", reason="os._exit leaves the pipe of execnet open")
@pytest.mark.parametrize("seed", SEEDS)
def test_no_failure_is_lost_with_a_worker(pytester: pytest.Pytester, seed: int) -> None:
    """Tests end their worker in setup, call and teardown; none of them guards an incident."""
    suite = NotedSuite(seed)
    suite.write(pytester.path)

    pytester.runpytest_subprocess("--postmortem-report=json:r.json", *MODES[seed % len(MODES)])

    report = read_report(pytester.path / "r.json")
    assert list(suite.find_violations(report, pytester.path)) == []
    assert len(report["incidents"]) == (7 if suite.has_registry else len(suite.tests))
