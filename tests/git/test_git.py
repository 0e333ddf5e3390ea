"""What is asked of git, in real repositories."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from pytest_postmortem.git import (
    find_repository_top,
    list_files_ever_tracked,
    read_head_date,
    read_lines_ever_added,
    read_origin_url,
)
from repositories import git


def test_the_date_of_head_is_the_committers(tmp_path: Path) -> None:
    """A commit that passed yesterday passes today."""
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "-m", "one")
    below = tmp_path / "below"
    below.mkdir()

    assert read_head_date(below) == date(2026, 3, 2)
    assert find_repository_top(below) == tmp_path


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

    assert read_head_date(below) == date(2026, 3, 2)


def test_a_repository_without_a_commit_has_no_date(tmp_path: Path) -> None:
    """Nor has a folder without a repository."""
    assert read_head_date(tmp_path) is None
    assert find_repository_top(tmp_path) is None

    git(tmp_path, "init", "--quiet")

    assert read_head_date(tmp_path) is None


def test_without_git_there_is_no_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git need not be installed where there is no repository."""
    monkeypatch.setenv("PATH", str(tmp_path))

    assert read_head_date(tmp_path) is None


def test_what_was_there_once_is_known_from_every_branch(tmp_path: Path) -> None:
    """A file that was deleted, one that another branch has, and lines of a file that are gone."""
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    pm = tmp_path / "docs" / "pm"
    pm.mkdir(parents=True)
    for name, text in (("PM-1 é.md", "one\n"), ("PM-2.md", "two\n"), ("list.yml", "- id: PM-8\n")):
        (pm / name).write_text(text, encoding="utf-8")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message=one")
    git(tmp_path, "switch", "--quiet", "--create=other")
    (pm / "PM-3.md").touch()
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message=two")
    git(tmp_path, "switch", "--quiet", "main")
    (pm / "PM-2.md").unlink()
    (pm / "list.yml").write_text("- id: PM-9\n")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message=three")

    there = {name.rpartition("/")[2] for name in list_files_ever_tracked(tmp_path, pm)}
    added = read_lines_ever_added(tmp_path, pm / "list.yml")

    assert there == {"PM-1 é.md", "PM-2.md", "PM-3.md", "list.yml"}
    assert sorted(added.split("\n")) == ["- id: PM-8", "- id: PM-9"]


def test_where_a_repository_comes_from_is_known(tmp_path: Path) -> None:
    """Outside of one, and without an origin, nothing is."""
    assert (
        list_files_ever_tracked(tmp_path, tmp_path),
        read_lines_ever_added(tmp_path, tmp_path),
    ) == ([], "")
    assert read_origin_url(tmp_path) is None

    git(tmp_path, "init", "--quiet")
    assert read_origin_url(tmp_path) is None
    git(tmp_path, "remote", "add", "origin", "git@github.com:owner/repo.git")

    assert read_origin_url(tmp_path) == "git@github.com:owner/repo.git"
