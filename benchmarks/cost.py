"""What the plugin costs a run, as ratios against the same run with ``-p no:postmortem``.

Instructions are counted under ``valgrind --tool=callgrind``, which repeats to the last digit
where seconds do not; memory is the peak of the whole process. Run it where pytest-postmortem
is installed:

    python benchmarks/cost.py [--tests 2000] [--postmortems 500]

Each figure is the difference between a run of all the tests and a run of a tenth of them, so
that the start counts on its own and not against the tests. The start in use is measured on its own
too, with a registry that is unchanged since the last run: with kept bytecode, and where there is
none and none can be kept (PYTHONDONTWRITEBYTECODE, after an installer that compiles nothing). The
anchor has our marker registered, so that it prints no warning about it.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

MODULE = "import pytest\n\n"
PLAIN = "def test_{n}():\n    assert {n} == {n}\n\n"
MARKED = '@pytest.mark.postmortem("PM-{id}")\n' + PLAIN
PER_FILE = 100
NO_CACHE = ("-p", "no:cacheprovider")
OFF = ("-p", "no:postmortem", "-o", "markers=postmortem")


def suite(folder: Path, tests: int, marked: bool, postmortems: int) -> None:
    """Write a suite of trivial tests, every tenth of them marked if any is."""
    for first in range(0, tests, PER_FILE):
        text = MODULE
        for n in range(first, min(first + PER_FILE, tests)):
            form = MARKED if marked and n % 10 == 0 else PLAIN
            text += form.format(n=n, id=n % postmortems)
        (folder / f"test_{first}.py").write_text(text)
    entries = "".join(f"- id: PM-{n}\n  title: incident {n}\n" for n in range(postmortems))
    (folder / "registry.yml").write_text(entries)


def instructions(folder: Path, arguments: Sequence[str], **variables: str) -> int:
    """Count the instructions of a run of pytest in a folder, with variables of the environment."""
    counted = folder / "callgrind.out"
    command = [
        *("valgrind", "--tool=callgrind", f"--callgrind-out-file={counted}"),
        *(sys.executable, "-m", "pytest", "-q", "--noconftest"),
        *arguments,
    ]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment.update(variables)
    subprocess.run(command[3:], cwd=folder, env=environment, capture_output=True)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if found is None or done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return int(found[1])


def peak(folder: Path, arguments: Sequence[str]) -> int:
    """Return the peak memory of a run of pytest in a folder, in KiB."""
    code = (
        "import resource, sys, pytest; pytest.main(sys.argv[1:]);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    command = [sys.executable, "-c", code, "-q", *NO_CACHE, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1])


def measure(name: str, tests: int, postmortems: int, marked: bool, use: Sequence[str]) -> None:
    """Print start, cost a test and memory of one way to use the plugin, as ratios."""
    counts = {}
    for size in (tests // 10, tests):
        with tempfile.TemporaryDirectory() as folder:
            suite(Path(folder), size, marked, postmortems)
            for kind, more in (("off", OFF), ("on", use)):
                counts[kind, size] = instructions(Path(folder), [*NO_CACHE, *more])
            if size == tests:
                memory = peak(Path(folder), use) / peak(Path(folder), OFF)
    slopes = {kind: counts[kind, tests] - counts[kind, tests // 10] for kind in ("off", "on")}
    start = counts["on", tests // 10] - counts["off", tests // 10]
    start -= (slopes["on"] - slopes["off"]) // 9
    print(
        f"{name:<42} per test x {slopes['on'] / slopes['off']:.4f}"
        f"   whole run x {counts['on', tests] / counts['off', tests]:.4f}"
        f"   start {start / 1e6:+.1f} M instructions   memory x {memory:.3f}",
        flush=True,
    )


def measure_start(tests: int, postmortems: int, use: Sequence[str]) -> None:
    """Print what the start in use takes more, with kept bytecode, and without."""
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as empty:
        folder = Path(name)
        suite(folder, tests, True, postmortems)
        # Python looks in the empty folder for all bytecode, so the anchor has none either.
        none = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPYCACHEPREFIX": empty}
        for kept, variables in (("kept bytecode", {}), ("no bytecode", none)):
            more = instructions(folder, use, **variables) - instructions(folder, OFF, **variables)
            print(f"{f'start in use, {kept}':<42} {more / 1e6:+.1f} M instructions", flush=True)


def main() -> None:
    """Measure the plugin unused, and in use."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tests", type=int, default=2000)
    parser.add_argument("--postmortems", type=int, default=500)
    options = parser.parse_args()
    sizes = options.tests, options.postmortems
    use = ["--postmortem-registry=registry.yml"]
    measure_start(20, 100, use)
    measure("installed, no registry and no mark", *sizes, marked=False, use=[])
    measure(
        "registry, a tenth of the tests marked",
        *sizes,
        marked=True,
        use=use,
    )


if __name__ == "__main__":
    main()
