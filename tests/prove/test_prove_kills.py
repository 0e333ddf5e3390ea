"""`prove` may be killed at any time, and leaves nothing; all runs of an incident have one limit."""

from __future__ import annotations

import random
import signal
import sys
import time

import pytest

from prove_repository import FIXED, OLD, Repository, table

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="it looks for processes in /proc"),
]

STARTS = """\
import subprocess, sys, time
from shop import price

def test_price():
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    process = subprocess.Popen(command, start_new_session=True)
    time.sleep(0.3)
    process.kill()
    assert price(500) == 5 and open("data.txt").read() == "2"
"""


def write_fix(repository: Repository) -> str:
    """Commit a fix that is proven in a copy of the tree, by a test that starts a process."""
    repository.commit({"shop.py": OLD, "data.txt": "1"})
    return repository.commit({"shop.py": FIXED, "data.txt": "2", "test_shop.py": STARTS})


def test_nothing_remains_when_it_is_killed_at_random_times(repository: Repository) -> None:
    """No process and no file after ten seconds, and an interrupt is no traceback."""
    fix = write_fix(repository)
    chance = random.Random(15)
    start = time.monotonic()
    repository.start("--fix", fix).communicate(timeout=120)
    whole = time.monotonic() - start

    for number in (signal.SIGKILL, signal.SIGINT) * 4:
        with repository.untouched():
            process = repository.start("--fix", fix)
            time.sleep(chance.random() * whole)
            process.send_signal(number)
            _, err = process.communicate(timeout=60)
            end = time.monotonic() + 10
            while any(repository.temporary.iterdir()) and time.monotonic() < end:
                time.sleep(0.05)

        assert "pytest_postmortem/cli" not in err


def test_all_runs_of_an_incident_have_one_limit(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message names the limit, and the option that makes it longer."""
    text = "import time\nimport shop\ndef test_price():\n    time.sleep(60)\n"
    repository.commit({"shop.py": OLD})
    fix = repository.commit({"shop.py": FIXED, "test_shop.py": text})
    repository.fixes["FIX"] = fix

    with repository.untouched():
        said = repository.prove(capsys, "--fix", fix, "--incident-timeout=2")

    why = "no verdict within 2 s, the limit of one incident: give a longer --incident-timeout"
    assert said == (0, table({"<FIX>": ("inconclusive", why)}, "0 of 1 proven, 1 inconclusive"))
