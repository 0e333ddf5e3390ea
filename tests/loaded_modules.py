"""The modules that a run of pytest imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def loaded(folder: Path, *arguments: str) -> set[str]:
    """Return the modules that a whole run of pytest in a folder has loaded."""
    code = (
        "import sys, pytest;"
        f"pytest.main(['-q', '-p', 'no:cacheprovider', *{list(arguments)!r}]);"
        "print('LOADED', *sys.modules, sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    return set(done.stdout.partition("LOADED\n")[2].split())


def loaded_before_first_test(folder: Path, *arguments: str) -> set[str]:
    """Return the modules that pytest has loaded when a folder's one test, `FIRST_TEST`, runs."""
    command = [sys.executable, "-m", "pytest", "-q", "-s", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return set(done.stdout.partition("LOADED\n")[2].partition("END")[0].split())


FIRST_TEST = """
import sys
import pytest

@pytest.mark.postmortem("PM-1")
def test_it():
    print("LOADED", *sys.modules, "END", sep="\\n")
"""
