"""A project in a folder: its files, its configuration, and what a command says of it."""

from __future__ import annotations

from pathlib import Path

import pytest


def files(folder: Path) -> dict[str, str]:
    """Return all files of a project but those of git and pytest, with what they hold."""
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not {".git", ".pytest_cache"} & set(path.parts)
    }


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    """Return what was said, but for where to read more; nothing was printed beside it."""
    said = capsys.readouterr()
    assert said.out == ""
    return said.err.rpartition("\n  see `pytest-postmortem explain ")[0]


def configure(folder: Path, *lines: str) -> None:
    """Write the configuration of pytest."""
    (folder / "pytest.ini").write_text("\n".join(("[pytest]", *lines, "")), encoding="utf-8")
