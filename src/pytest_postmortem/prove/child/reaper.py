"""Wait for the end of `prove`, and end the processes and remove the files that it left.

It is started with the folder of the runs. `prove` writes ``+PID`` and ``-PID`` to its standard
input when a run starts and ends, and ``done`` when nothing is left. If the input ends without it,
`prove` was killed. It imports only the standard library, without site-packages.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress

MAX_SECONDS = 5.0
"""Seconds after which leftovers must be gone."""


def main(work: str, lines: Iterable[str]) -> None:
    """Read which runs start and end; after an end without notice, kill them and remove files."""
    running: set[int] = set()
    for line in lines:
        word = line.strip()
        if word == "done":
            return
        (running.add if word.startswith("+") else running.discard)(int(word[1:]))
    until = time.monotonic() + MAX_SECONDS
    while True:
        for number in running:
            kill_group(number)
        is_left = kill_processes_of(work)
        shutil.rmtree(work, ignore_errors=True)
        if not (is_left or os.path.exists(work)) or time.monotonic() > until:
            return
        time.sleep(0.1)


def kill_group(number: int) -> None:
    """Kill the processes of a run."""
    with suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(number, signal.SIGKILL)
        else:  # a virtual environment's Python on Windows starts the real one
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(number)], capture_output=True)


def kill_processes_of(work: str, but: int | None = None) -> bool:
    """Kill the processes whose temporary folder is in a folder; return whether there was one.

    Only Linux lists them.
    """
    marker = b"TMPDIR=" + os.fsencode(os.path.join(work, ""))
    is_found = False
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        with suppress(OSError, ValueError):
            number = int(name)
            with open(f"/proc/{name}/environ", "rb") as file:
                is_own = marker in file.read() and number not in (but, os.getpid())
            if is_own:
                is_found = True
                os.kill(number, signal.SIGKILL)
    return is_found


if __name__ == "__main__":
    main(sys.argv[1], sys.stdin)
