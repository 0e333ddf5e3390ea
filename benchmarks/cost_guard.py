"""Fails when a change makes the plugin dearer by more than 3 %.

    nox -s guard [-- --renew]

Four figures are compared with ``cost_guard.json``: what the start and a test take more, unused and
in use, as a share of the same run with ``-p no:postmortem``. The 3 % are of the plugin's own part:
a start that takes 20 % more than pytest's may take 20.6 %. `ROUNDING` comes on top: the share of
the start depends a little on how Python was compiled, and that of a test differs by some
0.5 % of pytest's between two runs. Being a share, it does not depend on
the machine; the versions of pytest and its requirements are pinned in ``pyproject.toml``. Each
version of Python has figures of its own; where it has none, the run says so and ends with 0.

All runs have one suite, each of whose tests is marked, so that what a marked test takes shows.
Where the plugin is not used, nothing says that the mark is one of a post-mortem.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

from callgrind import WITHOUT_COLLECTOR, count_instructions, make_environment
from cost_suites import Suite

EXPECTED = Path(__file__).with_suffix(".json")
DEARER = 0.03
ROUNDING = {"start": 0.002, "each test": 0.008}
FEW, MANY = 20, 320
MARK = '@pytest.mark.incident("{id}")'
USES = {
    "bare": ("-p", "no:postmortem"),
    "unused": (),
    "in use": ("--postmortem-registry=registry.yml", "-o", "postmortem_markers=incident"),
}
"""The options of each way to use the plugin."""


def count(use: str, tests: int) -> int:
    """Return the instructions of a run whose registry has been read before."""
    command = [sys.executable, *WITHOUT_COLLECTOR, "-q", *USES[use]]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        Suite("", tests, marked=1).write(folder, MARK, "import pytest", registered="incident")
        for _ in range(2):
            subprocess.run(command, cwd=folder, env=make_environment({}), capture_output=True)
        instructions = count_instructions(command, folder)
    print(f"{use}, {tests} tests: {instructions / 1e6:.1f} million instructions", flush=True)
    return instructions


def measure() -> Mapping[str, float]:
    """Return the shares of the plugin."""
    runs = list(product(USES, (FEW, MANY)))
    with ThreadPoolExecutor(2) as pool:
        counts = dict(zip(runs, pool.map(lambda run: count(*run), runs), strict=True))
    shares = {}
    for use in ("unused", "in use"):
        bare, run = counts["bare", FEW], counts[use, FEW]
        shares[f"start, {use}"] = run / bare - 1
        bare, run = counts["bare", MANY] - bare, counts[use, MANY] - run
        shares[f"each test, {use}"] = run / bare - 1
    return {name: round(share, 5) for name, share in shares.items()}


def judge(expected: Mapping[str, float], shares: Mapping[str, float]) -> bool:
    """Print each share with the one that is expected, and return whether none is too large."""
    passed = True
    for name, share in shares.items():
        rounding = ROUNDING[name.partition(",")[0]]
        most = max(expected[name], 0) * (1 + DEARER) + rounding
        verdict = ""
        if share > most:
            passed = False
            verdict = "  DEARER"
        elif share < expected[name] * (1 - DEARER) - rounding:
            verdict = "  cheaper: renew the figures to keep it so"
        print(f"{name:<20} +{share:.2%} of pytest, at most {most:.2%}{verdict}")
    return passed


def main() -> None:
    """Compare, or write what is measured as what is expected."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--renew", action="store_true", help="expect what is measured now")
    renew = parser.parse_args().renew
    version = "{}.{}".format(*sys.version_info)
    figures = json.loads(EXPECTED.read_text()) if EXPECTED.exists() else {}
    shares = measure()
    if renew:
        figures[version] = shares
        EXPECTED.write_text(json.dumps(dict(sorted(figures.items())), indent=2) + "\n")
        print(f"Python {version}: {shares}")
    elif version not in figures:
        print(f"NOT JUDGED: nothing is expected of Python {version}; measured: {shares}")
    elif not judge(figures[version], shares):
        raise SystemExit(
            "the plugin has become dearer by more than 3 %; profile it"
            " (valgrind --tool=callgrind, python -X importtime), or renew the figures and say why"
        )


if __name__ == "__main__":
    main()
