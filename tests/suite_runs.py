"""Runs of random suites in processes of their own, and how their reports differ from the oracle."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path

from random_suites import TODAY, Suite, make_suite
from report_schema import read_report, without_durations
from suite_files import write_suite
from suite_oracle import Expected, expected_of, facts_of


def _arguments(suite: Suite) -> list[str]:
    kind, value = suite.selection
    options = {
        "k": [f"-k{value}"],
        "m": [f"-m{value}"],
        "deselect": [f"--deselect={value}"],
        "file": [value],
        "nodeid": [value],
        "x": ["-x"],
    }
    under = suite.fail_under
    gate = [] if under is None else [f"--postmortem-fail-under={under}"]
    return [*options.get(kind, []), *gate]


def _run(suite: Suite, folder: Path, workers: str) -> tuple[int, str]:
    """Run a suite, and return its exit status and what it printed."""
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *workers.split()),
        *("--continue-on-collection-errors", f"--postmortem-today={TODAY}"),
        f"--postmortem-report=json:report{workers}.json",
        *_arguments(suite),
    ]
    unwanted = ("PYTEST_", "SOURCE_DATE_EPOCH", "GITHUB_")
    own = {name: text for name, text in os.environ.items() if not name.startswith(unwanted)}
    done = subprocess.run(
        command, cwd=folder, env=own, capture_output=True, text=True, check=False, timeout=600
    )
    (folder / f"output{workers}.txt").write_text(done.stdout + done.stderr)
    return done.returncode, done.stdout + done.stderr


def differences(seed: int, folder: Path, ways: Sequence[str] = ("", "-n2")) -> list[str]:
    """Make a suite, run it in each way, and return how the reports differ from what is right."""
    suite = make_suite(seed)
    write_suite(suite, folder)
    expected = expected_of(suite)
    found, reports = [], []
    for workers in ways:
        if workers and suite.selection[0] == "x":  # what runs then is for the workers to say
            continue
        status, printed = _run(suite, folder, workers)
        path = folder / f"report{workers}.json"
        if not path.exists():
            found.append(f"{workers or 'alone'}: no report: {printed[-500:]}")
            continue
        report = read_report(path)
        where = f"{workers or 'alone'} {' '.join(suite.selection)}".strip()
        lines = _compared(facts_of(report, status), expected)
        found += [f"{where}: {line}" for line in lines]
        reports.append(without_durations(report))
    if len(reports) == 2 and reports[0] != reports[1]:
        names = [name for name in reports[0] if reports[0][name] != reports[1][name]]
        found.append(f"alone and with workers differ in {', '.join(names)}")
    return found


def _compared(found: Expected, expected: Expected) -> Iterator[str]:
    for each in fields(Expected):
        one, other = getattr(found, each.name), getattr(expected, each.name)
        if one == other:
            continue
        if isinstance(one, dict) and list(one) == list(other):
            for key in one:
                if one[key] != other[key]:
                    yield f"{each.name} of {key} is {one[key]}, expected {other[key]}"
        else:
            yield f"{each.name} is {one}, expected {other}"
