"""Instructions of a run of Python, counted by valgrind: they repeat where seconds do not."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

NO_VALGRIND = (
    "valgrind is not installed, and nothing else counts instructions;"
    " install it, on Debian by `apt-get install valgrind`"
)

WITHOUT_COLLECTOR = (
    "-c",
    "import gc, sys; gc.disable(); import pytest; sys.exit(pytest.console_main())",
)
"""Runs pytest without the garbage collector.

Its passes over all objects come in steps, each of some 1 % of a small run, so that a few objects
more or less could seem to cost that.
"""


def make_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a run that depends on no variable of the shell."""
    names = ("PATH", "LD_LIBRARY_PATH")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    return {**kept, "PYTHONHASHSEED": "0", "LANG": "C.UTF-8", "COLUMNS": "80", **variables}


def count_instructions(
    command: Sequence[str],
    folder: Path,
    variables: Mapping[str, str] | None = None,
    statuses: Sequence[int] = (0,),
) -> int:
    """Return the instructions of one process in a folder, which must end with one of the statuses.

    Processes that it starts do not count.
    """
    if shutil.which("valgrind") is None:
        raise SystemExit(NO_VALGRIND)
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command],
        cwd=folder,
        env=make_environment(variables or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"Collected : (\d+)", done.stderr)
    if found is None or done.returncode not in statuses:
        raise SystemExit(f"status {done.returncode} of {command}\n{done.stdout}{done.stderr}")
    return int(found[1])
