"""The only subprocess to git."""

from __future__ import annotations

import os
import subprocess
from datetime import date
from pathlib import Path

from pytest_postmortem.model import iso_date

__all__ = ["head_date", "top"]

TIMEOUT = 10.0
"""Seconds; a git that takes longer than that is not worth waiting for."""

OTHERS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY")
"""What git tells its hooks, and what would lead a git below them to another repository."""


def head_date(folder: Path) -> date | None:
    """Return the date of HEAD's commit, or None outside a repository, without a commit or git."""
    text = _run(folder, "-c", "log.showSignature=false", "log", "-1", "--format=%cs", "HEAD")
    return iso_date(text)


def _run(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    environment = {name: text for name, text in os.environ.items() if name not in OTHERS}
    try:
        done = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=True,
            errors="replace",
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def top(folder: Path) -> Path | None:
    """Return the top of the repository that holds a folder, found without running git."""
    return next((each for each in (folder, *folder.parents) if (each / ".git").exists()), None)
