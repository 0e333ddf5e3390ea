"""Random suites whose tests note what they do, and a JSON report compared with these notes.

A worker writes each note itself, before anything is sent to the controller, so the notes are
complete also where the worker dies.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NOTES = "notes.txt"

CONFTEST = """
import os
import time
import pytest

def note(*words):
    with open("notes.txt", "a") as file:
        file.write(" ".join([str(os.getpid()), *words]) + "\\n")

def pytest_runtest_logstart(nodeid):
    if "PYTEST_XDIST_WORKER" in os.environ:
        note(nodeid, "start")

def pytest_runtest_logfinish(nodeid):
    if "PYTEST_XDIST_WORKER" in os.environ:
        note(nodeid, "end")

def pytest_runtest_setup(item):
    time.sleep(item.obj.seconds_of_setup)

@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    report = yield
    note(report.nodeid, report.when, report.outcome)
    return report

def crash(request):
    note(request.node.nodeid, "crash")
    os._exit(1)

@pytest.fixture
def crashes_first(request):
    crash(request)

@pytest.fixture
def crashes_last(request):
    yield
    crash(request)

@pytest.fixture
def breaks_first():
    raise OSError("no database")

@pytest.fixture
def breaks_last():
    yield
    raise OSError("no database")
"""

TEST = """
{marks}def test_{n}(request{fixture}):
    time.sleep({seconds})
    {late}{body}

test_{n}.seconds_of_setup = {seconds_of_setup}
"""

KINDS = {
    "passes": ("", "pass"),
    "fails": ("", "assert False"),
    "skips": ("", "pytest.skip('no server')"),
    "breaks_first": (", breaks_first", "pass"),
    "breaks_last": (", breaks_last", "pass"),
    "crashes_first": (", crashes_first", "pass"),
    "crashes": ("", "conftest.crash(request)"),
    "crashes_last": (", crashes_last", "pass"),
}
"""What a test does: the fixture that it takes, and its body."""

WEIGHTS = (8, 2, 1, 1, 1, 1, 1, 1)
MOST_CRASHES = 2


@dataclass
class NotedSuite:
    """A random suite: the registry, or none, and the tests of each incident."""

    seed: int
    crashing: bool = True
    slow: float = 0.1
    tests: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    late: set[str] = field(default_factory=set)
    has_registry: bool = True

    def write(self, folder: Path) -> None:
        """Write the suite into a folder."""
        chosen = random.Random(self.seed)
        self.has_registry = chosen.random() < 0.7
        declared: dict[str, str] = {}
        crashes = 0
        for file in range(chosen.randint(1, 3)):
            name = f"test_{file}.py"
            text = "import time\nimport pytest\nimport conftest\n"
            for n in range(chosen.randint(2, 6)):
                kind = chosen.choices(list(KINDS), WEIGHTS)[0]
                if file == n == 0 and chosen.random() < 0.7:
                    kind = "crashes_first"  # before anything is known of the tests
                if kind.startswith("crashes"):
                    crashes += 1
                    kind = kind if self.crashing and crashes <= MOST_CRASHES else "passes"
                id, nodeid = f"PM-{chosen.randint(1, 6)}", f"{name}::test_{n}"
                marks = late = ""
                if not self.has_registry or chosen.random() < 0.5:
                    marks = f'@pytest.mark.postmortem("{id}")\n'
                elif chosen.random() < 0.5 or kind.startswith(("crashes", "breaks_first")):
                    declared[nodeid] = id
                else:
                    self.late.add(nodeid)
                    late = f'request.node.add_marker(pytest.mark.postmortem("{id}"))\n    '
                self.tests[id].append(nodeid)
                fixture, body = KINDS[kind]
                seconds, seconds_of_setup = chosen.choices([0, 0, self.slow], k=2)
                if file == 0 and n == 1:
                    seconds_of_setup = self.slow * 5  # the other worker says nothing either
                text += TEST.format(
                    marks=marks,
                    n=n,
                    fixture=fixture,
                    seconds=seconds,
                    late=late,
                    body=body,
                    seconds_of_setup=seconds_of_setup,
                )
            (folder / name).write_text(text)
        (folder / "conftest.py").write_text(CONFTEST)
        setting = "postmortem_registry = registry.yml\n" if self.has_registry else ""
        (folder / "pytest.ini").write_text(f"[pytest]\npythonpath = .\n{setting}")
        entries = "".join(
            f"- id: PM-{n}\n  tests: {[test for test, id in declared.items() if id == f'PM-{n}']}\n"
            for n in range(1, 8)
        )
        (folder / "registry.yml").write_text(entries)

    def find_violations(
        self, report: Mapping[str, Any], folder: Path, interrupted: bool = False
    ) -> Iterator[str]:
        """Yield each state of an incident that contradicts what its tests noted.

        Of an interrupted run a failure may not have been reported, though it was noted. The link
        that a test adds while it runs is lost with a worker that dies before the test is over.
        """
        notes = read_notes(folder)
        for incident in report["incidents"]:
            id, state = incident["id"], incident["state"]
            every = {nodeid: notes.get(nodeid, []) for nodeid in self.tests.get(id, ())}
            own = [
                noted
                for nodeid, noted in every.items()
                if nodeid not in self.late or ("end" in noted and not interrupted)
            ]
            passed = any("call passed" in noted for noted in every.values())
            failed = any(is_failed(noted) for noted in own)
            if state == "guarded" and not passed:
                yield f"{id} is guarded, and none of its tests passed: {own}"
            if state == "guarded" and failed and not interrupted:
                yield f"{id} is guarded, and one of its tests failed: {own}"
            if state != "failing" and failed and not interrupted:
                yield f"{id} is {state}, and one of its tests failed: {own}"
            if state == "unguarded" and own:
                yield f"{id} is unguarded, and has a test: {own}"


def is_failed(noted: list[str]) -> bool:
    """Say whether a test failed, or was running when its worker died."""
    started = noted.count("start") - noted.count("end")
    return "call failed" in noted or "crash" in noted or started > 0


def read_lines(folder: Path) -> list[str]:
    """Return the notes of all tests, in order, but for one that is being written."""
    path = folder / NOTES
    return path.read_text().split("\n")[:-1] if path.exists() else []


def read_notes(folder: Path) -> dict[str, list[str]]:
    """Return what each test noted."""
    notes: dict[str, list[str]] = defaultdict(list)
    for line in read_lines(folder):
        _, nodeid, note = line.split(" ", 2)
        notes[nodeid].append(note)
    return notes
