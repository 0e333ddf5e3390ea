"""What may let a test end differently next time is noticed, and what can't is not."""

from __future__ import annotations

import os
import random
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_postmortem.prove.child.influences import InfluenceWatcher


def start_thread() -> None:
    """Start a thread and wait for it."""
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        (lambda: sum(range(1000)), []),
        (lambda: Path(__file__).read_text(), []),
        (lambda: open(os.devnull, "w").close(), []),
        (lambda: sqlite3.connect(":memory:").close(), []),
        (lambda: Path("own/x").write_text("x"), []),
        (lambda: Path("other").write_text("x"), ["files"]),
        (lambda: sqlite3.connect("other.db").close(), ["files"]),
        (lambda: os.mkdir("folder"), ["files"]),
        (random.random, ["random"]),
        (lambda: random.Random(1).random(), []),
        (start_thread, None),
        (lambda: socket.socket().close(), ["socket.__new__"]),
        (lambda: subprocess.run([sys.executable, "-S", "-c", ""], check=True), None),
    ],
)
def test_influences_are_noted_once(
    work: Callable[[], object],
    expected: list[str] | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only while a test runs; what it writes into the folder of the run is its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "own").mkdir()
    noted: list[object] = []
    watcher = InfluenceWatcher("own", lambda kind, what: noted.append(what))

    work()
    before = [*noted]
    for name in ("other", "other.db"):
        (tmp_path / name).unlink(missing_ok=True)
    if (tmp_path / "folder").is_dir():
        (tmp_path / "folder").rmdir()
    with watcher.watch():
        work()
    if expected != ["files"]:
        with watcher.watch():
            work()

    assert before == []
    assert noted == expected if expected is not None else noted
