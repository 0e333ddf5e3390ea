"""Runs random suites, alone and with two workers, and compares each report with an oracle.

    python benchmarks/random_suites.py [--rounds 300] [--seed 1] [--alone]

prints a line for each suite whose report is another than the oracle's, with the folder in which
that suite is kept, and ends with status 1 if there is one.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from suite_runs import differences


def main() -> int:
    """Run as many suites as are asked for, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--alone", action="store_true", help="leave out the runs with workers")
    given = parser.parse_args()
    wrong = 0
    top = Path(tempfile.mkdtemp(prefix="random-suites-"))
    for seed in range(given.seed, given.seed + given.rounds):
        folder = top / str(seed)
        folder.mkdir()
        found = differences(seed, folder, ("",) if given.alone else ("", "-n2"))
        wrong += bool(found)
        for line in found:
            print(f"seed {seed} in {folder}: {line}", flush=True)
        if not found:
            shutil.rmtree(folder)
    print(f"{given.rounds} suites, {wrong} of them reported wrongly")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
