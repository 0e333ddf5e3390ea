"""The suites of tests that the costs are measured on, and the registries of their incidents."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

PER_FILE = 20

CONFTEST = '''\
"""Measures the end of the session: all that follows the report of the last test."""

import json
import time

LAST = []


def pytest_runtest_logreport():
    LAST[:] = time.perf_counter(), time.process_time()


def pytest_unconfigure(config):
    if LAST and not hasattr(config, "workerinput"):
        end = time.perf_counter() - LAST[0], time.process_time() - LAST[1]
        config.rootpath.joinpath("end.json").write_text(json.dumps(end))
'''


@dataclass(frozen=True)
class Suite:
    """A suite of trivial tests: every how many of them is marked, and do the marked ones fail?"""

    name: str
    tests: int
    marked: int = 0
    failing: bool = False
    postmortems: int = 100
    arguments: tuple[str, ...] = ("-q",)

    def write(self, folder: Path, mark: str, imports: str, registered: str) -> None:
        """Write the tests, a configuration that may register a marker, and the registries."""
        for first in range(0, self.tests, PER_FILE):
            numbers = range(first, min(first + PER_FILE, self.tests))
            text = f"{imports}\n\n" + "".join(self._write_test(n, mark) for n in numbers)
            (folder / f"test_{first // PER_FILE:05}.py").write_text(text)
        markers = f"markers =\n    {registered}(id): as of the other runs\n" if registered else ""
        (folder / "pytest.ini").write_text(f"[pytest]\n{markers}")
        entries = [{"id": f"PM-{n}", "title": f"Incident {n}"} for n in range(self.postmortems)]
        lines = (f"- id: {each['id']}\n  title: {each['title']}\n" for each in entries)
        (folder / "registry.yml").write_text("".join(lines))
        (folder / "registry.json").write_text(json.dumps(entries))

    def _write_test(self, n: int, mark: str) -> str:
        """Return one test."""
        marked = self.marked > 0 and n % self.marked == 0
        line = f"{mark.format(id=f'PM-{n // self.marked % self.postmortems}')}\n" if marked else ""
        right = n + 1 if marked and self.failing else n
        return f"{line}def test_{n}():\n    assert {n} == {right}\n\n\n"
