"""Proofs in real runs: where they are read from, and what a run makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from conftest import RunPytest, report_of
from pytest_postmortem.files import PROOFS_FILENAME
from pytest_postmortem.model import Proof, Verdict
from pytest_postmortem.proofs import (
    StoredProof,
    StoredTestVerdict,
    write_proofs_file,
)
from pytest_postmortem.pysource.fingerprints import DigestReader
from report_schema import read_report

REGISTRY = """
- {id: PM-1, title: Charged twice, severity: sev1, fix: 3f2a91c}
- {id: PM-2, title: Login loop, severity: sev1, fix: 77c01d2}
- {id: PM-3, title: Lost mails, severity: sev1}
"""

TESTS = """
import pytest

@pytest.mark.postmortem("PM-1")
def test_one():
    assert True

@pytest.mark.postmortem("PM-2")
def test_two():
    assert True

@pytest.mark.postmortem("PM-3")
def test_three():
    assert True
"""

NAMES = {"PM-1": "test_one", "PM-2": "test_two", "PM-3": "test_three"}

HOLLOW = [
    "1 incident could return too: its test passes without the fix:",
    "  PM-2  sev1  Login loop    proof of 2026-11-20",
]

LAST = "3 of 3 incidents guarded (100 %), 1 of them proven, 1 passes without its fix, 3 linked"


@pytest.fixture(autouse=True)
def suite(pytester: pytest.Pytester) -> Path:
    """A suite with a test for each of three incidents, all of the gravest severity."""
    pytester.makeini("[pytest]\npostmortem_registry = pm.yml\n")
    pytester.makefile(".yml", pm=REGISTRY)
    pytester.makepyfile(test_it=TESTS)
    return pytester.path


FIXES = {"PM-1": "3f2a91c", "PM-2": "77c01d2"}


def keep(path: Path, verdicts: Mapping[str, Verdict]) -> None:
    """Write a file of proofs that were found with the tests of the suite."""
    texts, nodeids = (
        DigestReader(Path.cwd()),
        {id: f"test_it.py::{name}" for id, name in NAMES.items()},
    )
    kept = {
        id: StoredProof(
            Proof(verdict, date(2026, 11, 20), FIXES.get(id, ""), "it is so"),
            tests={nodeids[id]: StoredTestVerdict(verdict, "", texts.digest(nodeids[id]))},
        )
        for id, verdict in verdicts.items()
    }
    write_proofs_file(path, kept)


@pytest.mark.smoke
def test_a_run_says_what_is_proven_and_what_is_hollow(suite: Path, run: RunPytest) -> None:
    """From the file in the rootdir, with no setting at all; the run itself stays green."""
    keep(suite / PROOFS_FILENAME, {"PM-1": "proven", "PM-2": "not-proven"})

    result = run("--postmortem-report=term", "--postmortem-report=json:report.json")

    assert report_of(result) == [
        f"Incident report written to {suite / 'report.json'}",
        *HOLLOW,
        LAST,
    ]
    assert result.ret == 0
    told = read_report(suite / "report.json")
    assert told["totals"]["proven"] == 1
    assert [each["proof"] and each["proof"]["verdict"] for each in told["incidents"]] == [
        "proven",
        "not-proven",
        None,
    ]


def test_a_changed_test_outdates_its_proof(suite: Path, pytester: pytest.Pytester) -> None:
    """One that was moved and reformatted does not."""
    keep(suite / PROOFS_FILENAME, {"PM-1": "proven", "PM-2": "not-proven", "PM-3": "proven"})
    lines = TESTS.replace("assert True", "assert  True  # still")
    text = lines.replace("def test_one():\n    assert", "def test_one():\n    assert not")
    (suite / "test_it.py").write_text(text.replace("not  True", "1"))

    result = pytester.runpytest("-v")

    assert report_of(result) == [
        *HOLLOW,
        "2 incidents are guarded:",
        "  PM-1  sev1  Charged twice    1 test, proof outdated",
        "  PM-3  sev1  Lost mails       1 test, proven",
        LAST,
    ]


def test_the_file_may_be_configured(suite: Path, pytester: pytest.Pytester) -> None:
    """It lies beside the configuration; the one in the rootdir is not read then."""
    pytester.makeini("[pytest]\npostmortem_registry = pm.yml\npostmortem_proofs = x/p.json\n")
    keep(suite / PROOFS_FILENAME, {"PM-1": "not-proven"})
    keep(suite / "x" / "p.json", {"PM-1": "proven", "PM-2": "proven"})

    assert report_of(pytester.runpytest()) == [
        "3 of 3 incidents guarded (100 %), 2 of them proven, 3 linked"
    ]


def test_without_a_file_the_cache_has_it(suite: Path, pytester: pytest.Pytester) -> None:
    """Where `prove` has kept it; without a cache nothing is known."""
    keep(suite / ".pytest_cache" / "d" / "postmortem" / PROOFS_FILENAME, {"PM-1": "proven"})

    known = report_of(pytester.runpytest())
    blocked = report_of(pytester.runpytest("-p", "no:cacheprovider"))

    assert known == ["3 of 3 incidents guarded (100 %), 1 of them proven, 3 linked"]
    assert blocked == ["3 of 3 incidents guarded (100 %), 3 linked"]


def test_a_damaged_file_is_one_warning(suite: Path, run: RunPytest) -> None:
    """The run goes on without it, as green as it was."""
    (suite / PROOFS_FILENAME).write_text("<<<<<<< HEAD\n")

    result = run("-v")

    assert report_of(result)[-4:] == [
        "  PM-3  sev1  Lost mails       1 test",
        "1 warning:",
        f"  {PROOFS_FILENAME}: it is not a proofs file; delete it; `pytest-postmortem"
        " prove` writes a new one",
        "3 of 3 incidents guarded (100 %), 3 linked",
    ]
    assert result.ret == 0


def test_a_proof_of_an_incident_that_is_not_here_says_nothing(
    suite: Path, pytester: pytest.Pytester
) -> None:
    """It may belong to another package, or to a registry of another time."""
    keep(suite / PROOFS_FILENAME, {"PM-1": "proven"})
    (suite / PROOFS_FILENAME).write_text(
        (suite / PROOFS_FILENAME).read_text().replace('"PM-1"', '"PM-9"')
    )

    assert report_of(pytester.runpytest()) == ["3 of 3 incidents guarded (100 %), 3 linked"]


MISSING = (
    "PM-3 names no fix, so that its test can't be proven; name the commit as 'fix: …'"
    " (`pytest-postmortem prove PM-3` looks for it)"
)


def test_a_gate_fails_a_run_whose_grave_incidents_are_not_proven(
    suite: Path, pytester: pytest.Pytester, run: RunPytest
) -> None:
    """And says of which no fix is known."""
    pytester.makeini(
        "[pytest]\npostmortem_registry = pm.yml\npostmortem_require_proof = sev1 sev2\n"
    )
    keep(suite / PROOFS_FILENAME, {"PM-1": "proven"})

    failed = run("-v")
    keep(suite / PROOFS_FILENAME, {"PM-1": "proven", "PM-2": "proven-flaky"})
    passed = run("-v")

    assert report_of(failed)[-6:] == [
        "2 warnings:",
        "  postmortem_require_proof has 'sev2', a severity of no incident; there are sev1",
        f"  pm.yml:3: {MISSING}",
        "Gate require-proof failed: 1 incident of sev1, sev2 not proven: PM-2",
        "  PM-2: no proof",
        "3 of 3 incidents guarded (100 %), 1 of them proven, 3 linked",
    ]
    assert failed.ret == 1
    assert report_of(passed)[-2:] == [
        "Gate require-proof passed: 2 of 2 incidents of sev1, sev2 proven or in grace",
        "3 of 3 incidents guarded (100 %), 2 of them proven, 3 linked",
    ]
    assert passed.ret == 0


def test_the_gate_is_not_judged_in_a_part_of_the_suite(
    suite: Path, pytester: pytest.Pytester
) -> None:
    """The exit status is pytest's own."""
    pytester.makeini("[pytest]\npostmortem_registry = pm.yml\npostmortem_require_proof = sev1\n")

    result = pytester.runpytest("test_it.py::test_one")

    assert report_of(result) == [
        "Gate require-proof not judged: 1 node id given; run the whole suite to judge it",
        "1 of 1 incident seen here guarded; 2 not judged: 1 node id given",
    ]
    assert result.ret == 0
