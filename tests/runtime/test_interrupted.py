"""A collection that did not come to its end says nothing about what it did not see."""

from __future__ import annotations

import pytest

from conftest import report_of

INTERRUPT = """
def pytest_collectreport(report):
    if report.nodeid == "test_b.py":
        raise KeyboardInterrupt
"""


@pytest.mark.smoke
@pytest.mark.postmortem("PM-0001")
def test_an_interrupted_collection_claims_no_gap(pytester: pytest.Pytester) -> None:
    """Ctrl-C while tests are collected leaves every incident not judged, and the gate open."""
    pytester.makefile(".yml", postmortems="- id: PM-1\n- id: PM-2\n")
    pytester.makepyfile(test_a="def test_a(): pass", test_b="def test_b(): pass")
    pytester.makeconftest(INTERRUPT)

    result = pytester.runpytest(
        "--postmortem-registry=postmortems.yml", "--postmortem-fail-under=50", no_reraise_ctrlc=True
    )

    reason = "the collection was interrupted"
    assert report_of(result) == [
        f"Gate fail-under not judged: {reason}; run the whole suite to judge it",
        f"no incident seen here; 2 not judged: {reason}",
    ]
    assert result.ret == pytest.ExitCode.INTERRUPTED


@pytest.mark.postmortem("PM-0001")
def test_an_interrupted_collection_of_workers_claims_no_gap(pytester: pytest.Pytester) -> None:
    """With workers the same, whatever xdist makes of the interruption."""
    pytest.importorskip("xdist")
    pytester.makefile(".yml", postmortems="- id: PM-1\n- id: PM-2\n")
    pytester.makepyfile(test_a="def test_a(): pass", test_b="def test_b(): pass")
    pytester.makeconftest(INTERRUPT)

    result = pytester.runpytest_subprocess(
        "--postmortem-registry=postmortems.yml", "-n2", "--max-worker-restart=0"
    )

    reason = "the collection was interrupted"
    assert report_of(result) == [f"no incident seen here; 2 not judged: {reason}"]
