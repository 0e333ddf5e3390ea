"""A green, deterministic proof needs one run with the fix and one without it."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from prove_repository import FIXED, OLD, Repository

pytestmark = pytest.mark.slow

WORKS = """\
import time, threading
from shop import price

def test_price():
    end = time.process_time() + 0.4
    while time.process_time() < end:
        sum(range(1000))
    {0}
"""


@pytest.mark.parametrize(
    ("code", "runs"),
    [
        ("assert price(500) == 5", 2),
        ("threading.Thread(target=print).start(); assert price(500) == 5", 4),
        ("elapsed = price(500); assert elapsed == 5", 4),
    ],
    ids=["deterministic", "thread", "time"],
)
@pytest.mark.parametrize("way", ["patch", "units"])
def test_a_second_run_is_made_for_a_reason(
    repository: Repository,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    code: str,
    runs: int,
    way: str,
) -> None:
    """Something was seen that may let the test end differently; today's run is the control."""
    started: list[Any] = []

    class CountedProcess(subprocess.Popen[Any]):
        def __init__(self, command: Any, **settings: Any) -> None:
            started.extend(part for part in command if str(part).endswith("run_pytest.py"))
            super().__init__(command, **settings)

    monkeypatch.setattr(subprocess, "Popen", CountedProcess)
    repository.commit({"shop.py": OLD})
    fix = repository.commit({"shop.py": FIXED, "test_shop.py": WORKS.format(code)})
    if way == "units":
        repository.commit({"shop.py": f"A = 1\nB = 2\n\n\n{FIXED}\n\nC = 3\n"})
    target = Path("../proofs.json")

    start = time.monotonic()
    repository.prove(capsys, f"--report=json:{target}", "--fix", fix)
    waited = time.monotonic() - start

    (proof,) = json.loads(target.read_text())["proofs"]
    assert (proof["verdict"], proof["way"], len(started)) == ("proven", way, runs)
    assert 0.9 * waited - 0.5 < proof["seconds"] <= waited + 0.1
