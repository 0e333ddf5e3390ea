"""``pytest-postmortem prove`` in a process of its own: how it ends, and that nothing is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from prove_repository import FIXED, TEST, Repository, table, text_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX"),
]

SLOW = TEST.replace("    assert", "    __import__('time').sleep(60)\n    assert")


@pytest.mark.parametrize(
    ("number", "status", "said"),
    [
        (signal.SIGINT, 130, "Interrupted\n"),
        (signal.SIGTERM, 143, ""),
        (signal.SIGHUP, 129, ""),
    ],
)
def test_a_signal_ends_it_and_all_that_it_has_started(
    repository: Repository, number: signal.Signals, status: int, said: str
) -> None:
    """In the middle of runs; nothing is left behind, and what was kept is whole."""
    for id in ("PM-1", "PM-2", "PM-3"):
        files = {f"{id.lower().replace('-', '')}.py": FIXED}
        name = f"test_{id.lower().replace('-', '')}.py"
        repository.fixed(id, after={**files, name: text_of(id, SLOW)})
    repository.register()
    kept = repository.folder / "postmortem-proofs.json"
    kept.write_text('{"format": 1, "tool": {}, "proofs": {}}')

    with repository.untouched():
        process = repository.start("--jobs=2")
        wait_for(repository, 2)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)

    assert (process.returncode, out, err) == (status, "", said)


def wait_for(repository: Repository, count: int) -> None:
    """Wait until so many runs have come to their tests."""
    end = time.monotonic() + 60
    while len(list(begun(repository))) < count:
        assert time.monotonic() < end
        time.sleep(0.05)


def begun(repository: Repository) -> list[Path]:
    """Return the notes of runs in which a test has begun."""
    notes = repository.temporary.glob("pm-*/*/notes")
    return [each for each in notes if b'["call"' in each.read_bytes()]


def test_a_signal_that_somebody_ignores_is_ignored(repository: Repository) -> None:
    """As ``nohup`` asks for."""
    repository.fixed()
    repository.register()
    command = [sys.executable, "-m", "pytest_postmortem", "prove"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    wait_for(repository, 1)
    process.send_signal(signal.SIGHUP)

    out, _ = process.communicate(timeout=60)

    rows = {"PM-1": ("proven", "test_price fails without <PM-1>: AssertionError: assert 50.0 == 5")}
    assert (process.returncode, repository.told(out)) == (0, table(rows, "1 of 1 proven"))


def test_the_reader_of_its_output_may_have_had_enough(repository: Repository) -> None:
    """A closed pipe is no traceback."""
    repository.fixed()
    repository.register()
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "pytest_postmortem", "prove"]

    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)

    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def test_what_is_found_is_kept_though_a_report_can_not_be_written(
    repository: Repository,
) -> None:
    """The work is not lost, and the message says which file it was."""
    repository.fixed()
    repository.register()
    kept = repository.folder / "postmortem-proofs.json"
    kept.touch()
    (repository.folder / "file").touch()
    process = repository.start("--report=json:file/proofs.json")

    out, err = process.communicate(timeout=60)

    assert (process.returncode, out, err) == (
        2,
        "",
        "Couldn't write report 'file/proofs.json': File exists\n"
        "  choose a destination that can be written\n"
        "  see `pytest-postmortem explain destination`\n",
    )
    assert list(json.loads(kept.read_text())["proofs"]) == ["PM-1"]
