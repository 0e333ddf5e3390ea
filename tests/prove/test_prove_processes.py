"""Tests that start processes: no nested session, and nothing outlives its run."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from tempfile import mkdtemp

import pytest

from prove_repository import Repository

pytestmark = pytest.mark.slow

POOL = """\
import multiprocessing as mp
from m import f
def test_f():
    with mp.get_context("{0}").Pool(1) as pool:
        assert pool.map(f, [2]) == [4]
"""
PROCESS = """\
import multiprocessing as mp
from m import f
def test_f():
    p = mp.get_context("{0}").Process(target=f, args=(2,))
    p.start(); p.join()
    assert p.exitcode == 0 and f(2) == 4
"""
EXECUTOR = """\
import multiprocessing as mp
from concurrent.futures import ProcessPoolExecutor
from m import f
class TestF:
    def test_f(self):
        with ProcessPoolExecutor(1, mp_context=mp.get_context("{0}")) as pool:
            assert list(pool.map(f, [2])) == [4]
"""


@pytest.mark.parametrize(
    ("test", "method"),
    [(POOL, "spawn"), (PROCESS, "spawn"), (EXECUTOR, "spawn"), (POOL, "forkserver")],
    ids=["pool", "process", "executor", "forkserver"],
)
def test_multiprocessing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    test: str,
    method: str,
) -> None:
    """Its processes import the main script, which starts no further session."""
    repository = Repository(tmp_path / "repo", monkeypatch)
    short = Path(
        mkdtemp(prefix="p", dir="/tmp")
    )  # the path of a socket is limited to about 100 bytes
    monkeypatch.setattr(tempfile, "tempdir", str(short))
    ini = {"pytest.ini": "[pytest]\npythonpath = .\n"}
    repository.commit({"m.py": "def f(x):\n    return x\n", **ini})
    files = {"m.py": "def f(x):\n    return x * 2\n", "tests/test_m.py": test.format(method)}
    fix = repository.commit(files)

    with repository.untouched():
        _, said = repository.prove(capsys, "--fix", fix)

    assert [*short.iterdir()] == []
    short.rmdir()
    assert said.startswith(f"{fix[:9]}  proven  ")


SLEEPS = """\
import subprocess, sys, time
from m import f
def test_f():
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
    open("started", "w").close()
    time.sleep(300)
"""


def test_nothing_outlives_a_prove_that_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its runs, what they started in other sessions, and their files are gone."""
    repository = Repository(tmp_path / "repo", monkeypatch)
    ini = {"pytest.ini": "[pytest]\npythonpath = .\n", ".gitignore": "started\n"}
    repository.commit({"m.py": "def f(x):\n    return x\n", **ini})
    fix = repository.commit({"m.py": "def f(x):\n    return 2\n", "tests/test_m.py": SLEEPS})
    process = repository.start("--fix", fix)
    while not (repository.folder / "started").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)

    process.kill()
    process.communicate()

    assert repository.running() == []
    end = time.monotonic() + 5
    while [*repository.temporary.iterdir()] and time.monotonic() < end:
        time.sleep(0.05)
    assert [*repository.temporary.iterdir()] == []


FORKS = """\
import os
from m import f
def test_f():
    child = os.fork()
    if child:
        os.waitpid(child, 0)
    assert f(2) == 4
"""


def test_a_forked_clone_of_the_session_records_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It runs on to the end of the session, which only the first process may tell about."""
    repository = Repository(tmp_path / "repo", monkeypatch)
    repository.commit({"m.py": "def f(x):\n    return x\n", "pytest.ini": "[pytest]\n"})
    fix = repository.commit({"m.py": "def f(x):\n    return x * 2\n", "test_m.py": FORKS})

    _, said = repository.prove(capsys, "--fix", fix)

    assert said.startswith(f"{fix[:9]}  proven  test_f fails without {fix[:9]}: AssertionError")
