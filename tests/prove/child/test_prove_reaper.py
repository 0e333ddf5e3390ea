"""The process that outlives `prove`: what was left is ended and removed, and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pytest_postmortem.prove.child.reaper import kill_processes_of, main

pytestmark = pytest.mark.skipif(not hasattr(os, "killpg"), reason="Windows has no such groups")


@contextmanager
def sleeping(**environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process in a group of its own, with an environment."""
    command = ["/bin/sleep", "60"]
    with subprocess.Popen(command, env=environment, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("lines", "is_left"),
    [
        (["+99999999\n", "-99999999\n", "done\n"], True),
        (["+99999999\n", "-99999999\n"], False),
        ([], False),
    ],
)
def test_files_are_removed_if_no_end_was_told(
    tmp_path: Path, lines: list[str], is_left: bool
) -> None:
    """With ``done``, they belong to `prove` again."""
    work = tmp_path / "work"
    (work / "1").mkdir(parents=True)

    main(str(work), lines)

    assert work.exists() is is_left


def test_a_run_that_did_not_end_is_killed(tmp_path: Path) -> None:
    """By the number that `prove` told; whoever else runs, runs on."""
    with sleeping() as run, sleeping() as other:
        main(str(tmp_path / "work"), [f"+{run.pid}\n"])

        assert run.wait(10) == -signal.SIGKILL
        assert other.poll() is None


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="only Linux lists processes")
def test_processes_of_a_folder_are_killed(tmp_path: Path) -> None:
    """Known by their temporary folder, but for one that is named."""
    work = str(tmp_path / "work")
    with sleeping(TMPDIR=f"{work}/1/t") as own, sleeping(TMPDIR=f"{work}2/1/t") as other:
        # The environment of a process is its parent's until it has started.
        while b"TMPDIR" not in Path(f"/proc/{own.pid}/environ").read_bytes():
            pass

        assert not kill_processes_of(work, but=own.pid)
        assert own.poll() is None
        assert kill_processes_of(work)
        assert own.wait(10) == -signal.SIGKILL
        assert other.poll() is None
        assert not kill_processes_of(work)
