"""What is reverted of a fix, and how it is named: files that are gone, moved, or many."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_postmortem.prove.fix import FixError
from pytest_postmortem.prove.fix_files import FileChange, Fix, FixStep
from pytest_postmortem.prove.revert import (
    Workspace,
    build_history_reader,
    format_source_options,
    revert_by_units,
)
from repositories import Files, commit, git, repository, write

OLD, NEW = "def f():\n    return 1\n", "def f():\n    return 2\n"


def workspace(folder: Path, *paths: str) -> Workspace:
    """Return a checkout of some files, which are tests by their name."""
    top = folder.resolve()
    return Workspace(top, top, frozenset(paths), lambda path: path.startswith("test_"))


def fix(*changes: tuple[str, str | None, str | None], before: str = "1", after: str = "2") -> Fix:
    """Return a fix of some source files, each with its old and its fixed text."""
    own = [
        FileChange(path, *(text if text is None else text.encode() for text in texts))
        for path, *texts in changes
    ]
    kinds = {change.path: "source" for change in own}
    return Fix("abc", (FixStep("abc", tuple(own), before=before, after=after),), kinds=kinds)  # type: ignore[arg-type]


def test_files_that_are_not_there_are_no_source(tmp_path: Path) -> None:
    """Git may know a file that was deleted; tests are none either."""
    write(tmp_path, {"shop.py": "x = 1\n", "test_shop.py": "", "data.txt": ""})
    space = workspace(tmp_path, "shop.py", "gone.py", "test_shop.py", "data.txt")

    assert list(space.list_source_files()) == [(tmp_path.resolve() / "shop.py", b"x = 1\n")]


@pytest.mark.parametrize(
    ("today", "change", "expected"),
    [
        ({"shop.py": NEW}, ("shop.py", OLD, NEW), (NEW, OLD)),
        ({}, ("shop.py", OLD, None), (None, OLD)),
        ({"shop.py": "x = 1\n"}, ("shop.py", OLD, None), ("x = 1\n", OLD)),
    ],
)
def test_a_file_is_reverted_in_todays_text(
    tmp_path: Path,
    today: Files,
    change: tuple[str, str | None, str | None],
    expected: tuple[str | None, str | None],
) -> None:
    """One that the fix removed is back as a whole."""
    write(tmp_path, today)

    versions = revert_by_units(fix(change), workspace(tmp_path, *today))

    file = str(tmp_path.resolve() / "shop.py")
    assert (versions.fixed, versions.before) == ({file: expected[0]}, {file: expected[1]})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("shop.py", OLD, NEW), "shop.py no longer exists"),
        (("shop.py", None, NEW), "the fix only added new files, or changed no code"),
        (("shop.py", OLD, "# why\n" + OLD), "the fix only added new files, or changed no code"),
    ],
)
def test_what_has_no_place_today_is_said(
    tmp_path: Path, change: tuple[str, str | None, str | None], message: str
) -> None:
    """No file is made up for it."""
    repo = repository(tmp_path / "repo")
    after = commit(repo, {"other.py": "x = 1\n"})

    with pytest.raises(FixError, match=message):
        revert_by_units(fix(change, after=after), workspace(repo))


def test_a_file_before_the_fix_is_found_by_its_path_or_its_name(tmp_path: Path) -> None:
    """A file of the fix may have moved since; what did not exist has no text."""
    repo = repository(tmp_path / "repo")
    first = commit(repo, {"shop.py": OLD, "other.py": "x = 1\n"})
    git(repo, "mv", "shop.py", "moved.py")
    then = build_history_reader(fix(("shop.py", OLD, NEW), before=first), workspace(repo), repo)

    assert then is not None
    assert then(str(repo / "shop.py")) == OLD
    assert then(str(repo / "other.py")) == "x = 1\n"
    assert then(str(repo / "pkg/shop.py")) == OLD
    assert then(str(repo / "new.py")) is None


def test_a_patch_has_no_history(tmp_path: Path) -> None:
    """There is nothing to read."""
    own = Fix("fix.patch", (FixStep("fix.patch", patch=b"x"),))

    assert build_history_reader(own, workspace(tmp_path), tmp_path) is None


@pytest.mark.parametrize(
    ("paths", "options"),
    [
        (["b.py", "a.py"], "--source=a.py --source=b.py"),
        (["p/1.py", "p/2.py", "p/3.py", "q/4.py"], "--source=p/1.py --source=p/2.py"
         " --source=p/3.py --source=q/4.py"),
        (["p/1.py", "p/2.py", "p/3.py", "q/4.py", "top.py"], "--source=p --source=q"
         " --source=top.py"),
    ],
)  # fmt: skip
def test_a_remedy_names_few_files_and_else_their_folders(paths: list[str], options: str) -> None:
    """Whoever reads it can copy it."""
    assert format_source_options(paths) == options
