"""What `prove` makes of four small races: how often each fails without its fix, and never with it.

    python benchmarks/races.py [RUNS] [SHAKEN]

makes a repository with a fix for each, proves them with so many runs on either side, and with
``--shake`` in so many, and prints both. A failure with the fix in place ends it with status 1.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from races import RACES, files


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder, and return what it prints."""
    command = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def repository(folder: Path) -> None:
    """Make a repository with a fix for each race."""
    git(folder, "init", "--quiet")
    entries = []
    for name in RACES:
        for step in files(name):
            for path, text in step.items():
                (folder / path).write_text(text)
            git(folder, "add", "--all")
            git(folder, "commit", "--quiet", "--message", name)
        entries.append(f"- {{id: {name}, fix: {git(folder, 'rev-parse', 'HEAD')}}}\n")
    (folder / "postmortems.yml").write_text("".join(entries))


def proved(folder: Path, *arguments: str) -> Iterator[Mapping[str, str]]:
    """Yield what is found of each race."""
    command = [sys.executable, "-m", "pytest_postmortem", "prove", "--report=json", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    yield from json.loads(done.stdout)["proofs"]


def main(runs: int = 600, shaken: int = 150) -> int:
    """Measure, print what was measured, and return the exit status."""
    failing = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        repository(folder)
        for how in ((f"--runs={runs}",), (f"--runs={shaken}", "--shake")):
            for race in RACES:
                start = time.perf_counter()
                (found,) = proved(folder, race, *how)
                seconds = time.perf_counter() - start
                failing += found["verdict"] == "fails-with-fix"
                print(f"{race} {' '.join(how)}: {found['verdict']} ({seconds:.0f} s)")
                print(f"  {found['message']}", flush=True)
    return failing > 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
