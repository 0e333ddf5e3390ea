"""Runs with two workers, one of which is killed at random, or which Ctrl-C ends at random.

    python benchmarks/killed_workers.py [--kills 40] [--interrupts 20] [--seed 0]

Each run is of another random suite (`tests/noted_runs.py`), whose tests note what they do. Each
report is compared with the notes; what contradicts them, a traceback of ours, and a run that does
not end although the same run without the plugin does, is printed and ends the script with 1.
Linux only: the workers are found in /proc.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from noted_runs import NotedSuite, read_lines

LONGEST = 120
"""A run that takes more seconds than this hangs."""

ATTEMPTS = 5
"""How often a run that hangs is tried without the plugin: some do not hang each time."""

Chosen = random.Random


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start pytest with two workers in a process group that hears Ctrl-C."""
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "-n2", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def find_workers(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    try:
        return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def kill_worker(process: subprocess.Popen[str], chosen: Chosen) -> None:
    """Kill one of the workers, where one is alive."""
    workers = find_workers(process.pid)
    if workers:
        os.kill(chosen.choice(workers), signal.SIGKILL)


def interrupt(process: subprocess.Popen[str], chosen: Chosen) -> None:
    """Send Ctrl-C to all, or to the controller alone, and sometimes once more."""
    for _ in range(chosen.choice([1, 1, 2])):
        try:
            if chosen.random() < 0.5:
                os.killpg(process.pid, signal.SIGINT)
            else:
                process.send_signal(signal.SIGINT)
        except ProcessLookupError:
            return
        time.sleep(chosen.uniform(0, 0.5))


def wait(folder: Path, process: subprocess.Popen[str], chosen: Chosen, seconds: float) -> None:
    """Wait for a random time, mostly until a random test has noted something."""
    end = time.monotonic() + chosen.uniform(0.2, 1) * seconds
    notes = chosen.randint(1, 60) if chosen.random() < 0.8 else 0
    while process.poll() is None:
        if notes and len(read_lines(folder)) >= notes:
            time.sleep(chosen.uniform(0, 0.05))
            return
        if not notes and time.monotonic() > end:
            return
        time.sleep(0.001)


def run(folder: Path, seed: int, kills: bool, seconds: float, *arguments: str) -> str | None:
    """Run a suite, do what the seed says, and return what pytest printed, None if it hangs."""
    chosen = random.Random(seed)
    process = start(folder, *arguments)
    try:
        wait(folder, process, chosen, seconds)
        (kill_worker if kills else interrupt)(process, chosen)
        printed, _ = process.communicate(timeout=LONGEST)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    return printed


def find_tracebacks(printed: str) -> Iterator[str]:
    """Yield each traceback through our code that does not end in Ctrl-C."""
    text = re.sub(r"^INTERNALERROR> ?", "", printed, flags=re.MULTILINE)
    for block in re.findall(r"^Traceback.*?^\S.*?$", text, re.MULTILINE | re.DOTALL):
        ended = block.splitlines()[-1].startswith("KeyboardInterrupt")
        if "pytest_postmortem/" in block and not ended:
            yield block


def hangs_without(seed: int, kills: bool, seconds: float) -> bool:
    """Say whether the same run hangs without the plugin too."""
    for _ in range(ATTEMPTS):
        with tempfile.TemporaryDirectory() as folder:
            NotedSuite(seed, crashing=False).write(Path(folder))
            warned = ("-p", "no:postmortem", "-W", "ignore")
            if run(Path(folder), seed, kills, seconds, *warned) is None:
                return True
    return False


def find_problems(seed: int, kills: bool, seconds: float, seen: Counter[str]) -> Iterator[str]:
    """Run one suite, and yield what is wrong with its report."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        suite = NotedSuite(seed, crashing=False)
        suite.write(folder)
        printed = run(folder, seed, kills, seconds, "--postmortem-report=json:r.json")
        if printed is None:
            seen["hangs"] += 1
            if not hangs_without(seed, kills, seconds):
                yield "hangs, and does not without the plugin"
            return
        yield from find_tracebacks(printed)
        seen["with a crash"] += "crashed while running" in printed
        seen["interrupted"] += "KeyboardInterrupt" in printed
        if not (folder / "r.json").exists():
            seen["without a report"] += 1
            return
        report = json.loads((folder / "r.json").read_text())
        seen.update(incident["state"] for incident in report["incidents"])
        yield from suite.find_violations(report, folder, interrupted=not kills)


def main() -> None:
    """Run, and print what was wrong and what was seen."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--interrupts", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        NotedSuite(0, crashing=False).write(Path(name))
        begun = time.monotonic()
        start(Path(name)).communicate()
        seconds = time.monotonic() - begun
    wrong = 0
    for kind, rounds in (("kills", options.kills), ("interrupts", options.interrupts)):
        seen: Counter[str] = Counter()
        for seed in range(options.seed, options.seed + rounds):
            for problem in find_problems(seed, kind == "kills", seconds, seen):
                wrong += 1
                print(f"{kind}, seed {seed}: {problem}", flush=True)
        print(f"{kind}: {rounds} runs, {dict(seen)}", flush=True)
    print(f"{wrong} wrong")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
