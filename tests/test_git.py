"""What is asked of git, in real repositories."""

from __future__ import annotations

import subprocess
from datetime import date
from pathlib import Path

import pytest

from pytest_postmortem.git import head_date, top


def git(folder: Path, *arguments: str, day: str = "2026-03-02T12:00:00 +0000") -> None:
    """Run git in a folder, with nobody's own settings."""
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_DATE": day,
        "GIT_COMMITTER_DATE": day,
        **{f"GIT_{who}_NAME": "nobody" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "nobody@example.com" for who in ("AUTHOR", "COMMITTER")},
    }
    subprocess.run(["git", *arguments], cwd=folder, env=environment, check=True)


def test_the_date_of_head_is_the_committers(tmp_path: Path) -> None:
    """A commit that passed yesterday passes today."""
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "-m", "one")
    below = tmp_path / "below"
    below.mkdir()

    assert head_date(below) == date(2026, 3, 2)
    assert top(below) == tmp_path


@pytest.mark.parametrize("named", [".git", "other/.git"])
def test_within_a_hook_of_git_the_folder_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    """Git tells its hooks where they are, and is not asked about that repository."""
    folders = [tmp_path / "own" / "below", tmp_path / "other"]
    for folder, day in zip(folders, ("2026-03-02", "2026-03-09"), strict=True):
        folder.mkdir(parents=True)
        git(folder, "init", "--quiet")
        git(folder, "commit", "--quiet", "--allow-empty", "-m", "one", day=f"{day}T12:00:00 +0000")
    below = folders[0] / "deeper"
    below.mkdir()
    monkeypatch.setenv("GIT_DIR", str(tmp_path / named) if "/" in named else named)

    assert head_date(below) == date(2026, 3, 2)


def test_a_repository_without_a_commit_has_no_date(tmp_path: Path) -> None:
    """Nor has a folder without a repository."""
    assert head_date(tmp_path) is None
    assert top(tmp_path) is None

    git(tmp_path, "init", "--quiet")

    assert head_date(tmp_path) is None


def test_without_git_there_is_no_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git need not be installed."""
    monkeypatch.setenv("PATH", str(tmp_path))

    assert head_date(tmp_path) is None
