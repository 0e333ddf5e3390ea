"""Which commit may be the fix of an incident that names none."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_postmortem.prove.fix import find_fix_candidates, find_trailer_commits
from repositories import commit, git, repository

TEST = "def test_once(): ...\n"


def is_source(path: str) -> bool:
    """Say which files are source."""
    return path.startswith("src/")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository with a commit."""
    folder = repository(tmp_path / "repo")
    commit(folder, {"src/shop.py": "0\n"}, "Begin")
    return folder


def test_a_trailer_says_whose_fix_a_commit_is(repo: Path) -> None:
    """Of several incidents, in any case, and several commits, the oldest first."""
    one = commit(repo, {}, "Send the key\n\nPostmortem: PM-1, pm-2\n")
    two = commit(repo, {}, "More\n\npostmortem:PM-1\nPostmortem: INC-7")
    commit(repo, {}, "Not a Postmortem: PM-3")
    commit(repo, {}, "Nothing follows\n\nPostmortem:\nPM-4 is told below\nPostmortem: ,\n")

    assert find_trailer_commits(repo) == {"pm-1": (one, two), "pm-2": (one,), "inc-7": (two,)}


def test_without_a_repository_there_is_no_trailer(tmp_path: Path) -> None:
    """Nor a candidate."""
    assert find_trailer_commits(tmp_path) == {}
    assert find_fix_candidates(tmp_path, ["PM-1"], [("test_it.py", "test_once")], is_source) == []


def test_what_speaks_for_a_commit_is_said(repo: Path) -> None:
    """It added the test, wrote the id into its file, or names the incident; the best is first."""
    named = commit(repo, {"src/shop.py": "1\n"}, "Prepare for pm-1", day="2026-03-03")
    files = {"src/shop.py": "2\n", "tests/test_it.py": "# PM-1\n" + TEST}
    fix = commit(repo, files, "Send the key (PM-1)", day="2026-03-04")
    commit(repo, {"tests/test_it.py": "# PM-1\n" + TEST + "more\n"}, "More of PM-1")
    commit(repo, {"src/shop.py": "3\n"}, "PM-10, PM-1-2, XPM-1")

    found = find_fix_candidates(
        repo, ["PM-1", "INC-9"], [("tests/test_it.py", "test_once")], is_source
    )

    assert found == [
        f"'fix: {fix[:9]}' (2026-03-04, 'Send the key (PM-1)': it added test_once and wrote PM-1"
        " into tests/test_it.py and names it, together with src/shop.py)",
        f"'fix: {named[:9]}' (2026-03-03, 'Prepare for pm-1': it names it,"
        " together with src/shop.py)",
    ]


def test_a_commit_that_changes_no_source_is_no_fix(repo: Path) -> None:
    """However often it names the incident."""
    commit(repo, {"tests/test_it.py": TEST, "docs/pm-1.md": "PM-1"}, "Test and document PM-1")

    assert find_fix_candidates(repo, ["PM-1"], [("tests/test_it.py", "test_once")], is_source) == []


def test_three_commits_are_offered(repo: Path) -> None:
    """More would help nobody."""
    for n in range(5):
        commit(repo, {"src/shop.py": f"{n}{n}\n"}, f"PM-1, part {n}")

    found = find_fix_candidates(repo, ["PM-1"], [], is_source)

    assert [each.split("'")[3] for each in found] == [f"PM-1, part {n}" for n in (4, 3, 2)]


def test_a_commit_whose_parent_is_not_here_is_not_offered(repo: Path, tmp_path: Path) -> None:
    """Nobody can tell what it changed."""
    commit(repo, {"src/shop.py": "1\n"}, "PM-1")
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{repo}", "shallow")

    assert find_fix_candidates(tmp_path / "shallow", ["PM-1"], [], is_source) == []
