"""What `prove` costs: twenty incidents, beside two bare runs of the linked tests of each.

    python benchmarks/prove.py [INCIDENTS] [SECONDS]

makes a repository with so many fixes, whose tests take so many seconds each, and measures all in
one go. A proof may take one and a half times the two bare runs, and 0.3 seconds more. It takes more
where a test takes more than a tenth of a second, since one run a side is no proof: the test runs
three times on each side up to half a second, and twice, each time in a process of its own, beyond.
That is at most twice the two bare runs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

MODULE = "def answer():\n    return {value}\n"

TEST = """\
import time
import pytest
from shop.part{n} import answer

@pytest.mark.postmortem("PM-{n}")
def test_answer():
    time.sleep({seconds})
    assert answer() == 42

@pytest.mark.parametrize("n", range(20))
def test_other(n):
    assert n < 20
"""


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder, and return what it prints."""
    command = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def repository(folder: Path, incidents: int, seconds: float) -> None:
    """Make a repository with a fix and a test for each incident."""
    git(folder, "init", "--quiet")
    (folder / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    (folder / "shop").mkdir()
    (folder / "tests").mkdir()
    for n in range(incidents):
        (folder / "shop" / f"part{n}.py").write_text(MODULE.format(value=41))
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "start")
    entries = []
    for n in range(incidents):
        (folder / "shop" / f"part{n}.py").write_text(MODULE.format(value=42))
        (folder / "tests" / f"test_part{n}.py").write_text(TEST.format(n=n, seconds=seconds))
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", f"fix {n}")
        entries.append(f"- {{id: PM-{n}, fix: {git(folder, 'rev-parse', 'HEAD')}}}\n")
    (folder / "postmortems.yml").write_text("".join(entries))


def timed(run: Callable[[], None]) -> float:
    """Return the seconds that something takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main(incidents: int = 20, seconds: float = 0.0) -> None:
    """Measure, and print what was measured."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        repository(folder, incidents, seconds)
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}

        def run(*command: str) -> None:
            subprocess.run(
                [sys.executable, "-m", *command],
                cwd=folder,
                env=environment,
                stdout=subprocess.DEVNULL,
                check=False,
            )

        def bare() -> None:
            for n in range(incidents):
                for _ in range(2):
                    run("pytest", "-q", f"tests/test_part{n}.py::test_answer")

        def prove(jobs: int) -> None:
            run("pytest_postmortem", "prove", "--again", f"--jobs={jobs}")

        run("pytest", "-q")
        twice = timed(bare)
        alone = timed(lambda: prove(1))
        again = timed(bare)
        both = timed(lambda: prove(2))
        twice = (twice + again) / 2
        allowed = 1.5 * twice + 0.3 * incidents
        print(f"{incidents} incidents, two bare runs each: {twice:.1f} s")
        share = alone / twice
        print(f"prove, one at a time: {alone:.1f} s, {share:.2f} of it, allowed {allowed:.1f} s")
        print(f"prove, two at a time: {both:.1f} s")


if __name__ == "__main__":
    given = sys.argv[1:]
    main(int(given[0]) if given else 20, float(given[1]) if len(given) > 1 else 0.0)
