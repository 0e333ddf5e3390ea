"""The name of a fix → what it consists of, read from real repositories and patches."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from pytest_postmortem.proofs import shorten_revision
from pytest_postmortem.prove.fix import (
    WORKTREE,
    FixError,
    decode_fix_source,
    read_fix_from_branch,
    read_fix_from_patch,
    read_fix_from_revisions,
)
from pytest_postmortem.prove.fix_files import FileChange, Fix, FixFileKind
from pytest_postmortem.prove.revert import Workspace, revert_by_units
from repositories import commit, git, repository, said, write


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository with a file of source and one of tests."""
    folder = repository(tmp_path / "repo")
    commit(folder, {"src/shop.py": "one\n", "tests/test_shop.py": "old\n"})
    return folder


def changes(fix: Fix) -> list[tuple[str, bytes | None, bytes | None]]:
    """Return what the steps of a fix change."""
    return [(each.path, each.before, each.after) for step in fix.steps for each in step.changes]


def test_a_commit_is_a_fix(repo: Path) -> None:
    """Its files are read as it found them and as it left them, from any folder."""
    before = said(repo, "rev-parse", "HEAD")
    after = commit(
        repo,
        {"src/shop.py": "two\n", "src/new.py": "new\n", "tests/test_shop.py": None},
        day="2026-03-09",
    )
    commit(repo, {"src/shop.py": "three\n"})

    fix = read_fix_from_revisions(repo / "src", [after])

    assert (fix.name, fix.day) == (after[:9], date(2026, 3, 9))
    (step,) = fix.steps
    assert (step.name, step.before, step.after, step.patch) == (after[:9], before, after, b"")
    assert step.changes == (
        FileChange("src/new.py", None, b"new\n"),
        FileChange("src/shop.py", b"one\n", b"two\n"),
        FileChange("tests/test_shop.py", b"old\n", None),
    )


def test_the_first_commit_is_a_fix(repo: Path) -> None:
    """All of its files are new."""
    first = said(repo, "rev-parse", "HEAD")

    fix = read_fix_from_revisions(repo, [first])

    assert changes(fix) == [
        ("src/shop.py", None, b"one\n"),
        ("tests/test_shop.py", None, b"old\n"),
    ]


def test_a_merge_is_what_it_brought(repo: Path) -> None:
    """Into the branch that it was merged into."""
    git(repo, "switch", "--quiet", "--create", "branch")
    commit(repo, {"src/shop.py": "two\n"})
    commit(repo, {"src/new.py": "new\n"})
    git(repo, "switch", "--quiet", "main")
    commit(repo, {"README": "other\n"})
    git(repo, "merge", "--quiet", "--no-ff", "--message", "merge", "branch")

    fix = read_fix_from_revisions(repo, ["HEAD"])

    assert fix.name == "HEAD"
    assert changes(fix) == [("src/new.py", None, b"new\n"), ("src/shop.py", b"one\n", b"two\n")]


@pytest.mark.parametrize("dots", ["..", "..."])
def test_a_range_is_what_came_in_it(repo: Path, dots: str) -> None:
    """Its last commit included; a side that is not named is HEAD."""
    first = said(repo, "rev-parse", "HEAD")
    second = commit(repo, {"src/shop.py": "two\n"})
    third = commit(repo, {"src/shop.py": "three\n", "src/new.py": "new\n"})
    expected = [("src/new.py", None, b"new\n"), ("src/shop.py", b"one\n", b"three\n")]

    whole = read_fix_from_revisions(repo, [f"{first}{dots}{third}"])
    until_now = read_fix_from_revisions(repo, [f"{first}{dots}"])
    back = read_fix_from_revisions(repo, [f"{dots}{second}"])

    assert changes(whole) == changes(until_now) == expected
    assert whole.name == f"{first[:9]}..{third[:9]}"
    assert until_now.name == f"{first[:9]}..HEAD"
    assert changes(back) == [
        ("src/new.py", b"new\n", None),
        ("src/shop.py", b"three\n", b"two\n"),
    ]


def test_several_commits_are_steps(repo: Path) -> None:
    """Oldest first, as they are named; the day is that of the last."""
    one = commit(repo, {"src/shop.py": "two\n"})
    commit(repo, {"README": "between\n"})
    two = commit(repo, {"src/shop.py": "three\n"}, day="2026-04-01")

    fix = read_fix_from_revisions(repo, [one, two])

    assert (fix.name, fix.day) == (f"{one[:9]}, {two[:9]}", date(2026, 4, 1))
    assert [step.after for step in fix.steps] == [one, two]
    assert fix.ends("src/shop.py") == (b"one\n", b"three\n")


def test_what_is_not_committed_yet_is_a_fix(repo: Path) -> None:
    """New, changed and deleted files, staged or not; what git ignores is none."""
    head = commit(repo, {".gitignore": "*.log\n"})
    write(repo, {"src/shop.py": "two\n", "src/new.py": "1\n", "tests/test_shop.py": None})
    write(repo, {"x.log": "1\n"})
    git(repo, "add", "src/shop.py")

    fix = read_fix_from_revisions(repo, [WORKTREE])

    (step,) = fix.steps
    assert (fix.name, step.before, step.after) == ("WORKTREE", head, None)
    assert changes(fix) == [
        ("src/new.py", None, b"1\n"),
        ("src/shop.py", b"one\n", b"two\n"),
        ("tests/test_shop.py", b"old\n", None),
    ]


def test_nothing_is_no_fix(repo: Path) -> None:
    """A file that was touched alone does not differ."""
    (repo / "src/shop.py").touch()

    with pytest.raises(FixError, match=r"^there is no change since HEAD$"):
        read_fix_from_revisions(repo, [WORKTREE])


def test_a_branch_is_what_it_has_brought_since_it_left_another(repo: Path) -> None:
    """Committed or not; what the other got meanwhile is none of it."""
    git(repo, "switch", "--quiet", "--create", "branch")
    commit(repo, {"src/shop.py": "two\n"})
    write(repo, {"src/new.py": "1\n"})
    git(repo, "stash", "--quiet", "--include-untracked")
    git(repo, "switch", "--quiet", "main")
    commit(repo, {"README": "other\n"})
    git(repo, "switch", "--quiet", "branch")
    git(repo, "stash", "pop", "--quiet")

    fix = read_fix_from_branch(repo, "main")

    assert fix.name == "the changes since main"
    assert changes(fix) == [("src/new.py", None, b"1\n"), ("src/shop.py", b"one\n", b"two\n")]


def test_branches_without_a_commit_in_common_are_said(repo: Path) -> None:
    """As in a clone that is cut."""
    git(repo, "switch", "--quiet", "--orphan", "other")
    commit(repo, {"a.py": "1\n"})

    with pytest.raises(FixError) as caught:
        read_fix_from_branch(repo, "main")

    assert str(caught.value) == (
        "main and HEAD have no commit in common in this clone: fetch its history"
    )


WHOLE = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("name", "whole", "cut"),
    [
        (
            WHOLE,
            f"012345678 is not in this clone: git fetch origin {WHOLE}",
            f"012345678 is not in this clone: git fetch --depth=2 origin {WHOLE}",
        ),
        *(
            (
                name,
                f"{name} is not a commit in this clone: correct it, or git fetch origin",
                f"{name} is not in this clone: give the full hash, or git fetch --unshallow",
            )
            for name in ("012345", "no-such", "-x")
        ),
    ],
)
def test_a_commit_that_is_not_here_says_how_to_get_it(
    repo: Path, tmp_path: Path, name: str, whole: str, cut: str
) -> None:
    """A depth is only for a clone that is cut already, and only a whole hash can be fetched."""
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{repo}", "shallow")
    found = []

    for folder in (repo, tmp_path / "shallow"):
        with pytest.raises(FixError) as caught:
            read_fix_from_revisions(folder, [name])
        found.append(str(caught.value))

    assert found == [whole, cut]


def test_a_commit_whose_parent_is_not_here_says_how_to_get_it(repo: Path, tmp_path: Path) -> None:
    """A clone of depth 1 has nothing to compare with."""
    newest = commit(repo, {"src/shop.py": "two\n"})
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{repo}", "shallow")

    with pytest.raises(FixError) as caught:
        read_fix_from_revisions(tmp_path / "shallow", ["HEAD"])

    assert str(caught.value) == (
        f"the parent of HEAD is not in this clone: git fetch --depth=2 origin {newest}"
    )


def test_without_a_repository_only_a_patch_is_a_fix(tmp_path: Path) -> None:
    """It is said which form it has."""
    with pytest.raises(FixError) as caught:
        read_fix_from_revisions(tmp_path, ["abc1234"])

    assert str(caught.value) == "this is not a git repository: name the fix as `patch: FILE`"


PATCH = """\
--- a/src/shop.py
+++ b/src/shop.py
@@ -1 +1 @@
-one
+two
"""


def test_a_patch_is_a_fix(repo: Path) -> None:
    """It is looked for beside its entry first; its files are those of today."""
    write(repo, {"docs/p/x.patch": PATCH, "x.patch": "other", "src/shop.py": "two\n"})

    fix = read_fix_from_patch(repo, "p/x.patch", [repo / "docs", repo])

    (step,) = fix.steps
    assert (fix.name, step.name, step.prefix, step.is_bug_patch) == (
        "x.patch",
        "x.patch",
        "",
        False,
    )
    assert step.patch == PATCH.encode()
    assert step.changes == (FileChange("src/shop.py", b"two\n", b"two\n"),)


@pytest.mark.parametrize(
    ("name", "back"),
    [
        ("PM-1.bug.patch", True),
        ("PM-1.bug.diff", True),
        ("bug.patch", False),
        ("PM-1.patch", False),
        ("PM-1.bugs.patch", False),
    ],
)
def test_a_patch_may_bring_the_problem_back(repo: Path, name: str, back: bool) -> None:
    """Its name says so."""
    write(repo, {name: PATCH})

    assert read_fix_from_patch(repo, name, [repo]).steps[0].is_bug_patch is back


@pytest.mark.parametrize(
    ("path", "prefix"), [("src/shop.py", ""), ("shop.py", "src/"), ("no_such.py", "src/")]
)
def test_a_patch_names_files_from_the_top_or_from_the_rootdir(
    repo: Path, path: str, prefix: str
) -> None:
    """Whichever has one of them."""
    write(repo, {"x.patch": PATCH.replace("src/shop.py", path)})

    fix = read_fix_from_patch(repo / "src", "x.patch", [repo])

    assert fix.steps[0].prefix == prefix
    assert fix.paths == (f"{prefix}{path}",)


def test_a_patch_needs_no_repository(tmp_path: Path) -> None:
    """Nor do its files have to be there."""
    write(tmp_path, {"x.patch": PATCH})

    fix = read_fix_from_patch(tmp_path, "x.patch", [tmp_path])

    assert changes(fix) == [("src/shop.py", None, None)]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "the patch 'x.patch' can't be read"),
        ("no patch\n", "'x.patch' is not a patch that git can read"),
        ("", "'x.patch' is not a patch that git can read"),
    ],
)
def test_what_is_no_patch_is_said(repo: Path, text: str | None, why: str) -> None:
    """A file that is not there, and one that holds something else."""
    if text is not None:
        write(repo, {"x.patch": text})
    else:
        (repo / "x.patch").mkdir()

    with pytest.raises(FixError) as caught:
        read_fix_from_patch(repo, "x.patch", [repo])

    assert str(caught.value) == why


@pytest.mark.parametrize("path", ["../evil.py", "/etc/evil.py", "src/../../evil.py"])
def test_a_patch_of_files_outside_is_refused(repo: Path, path: str) -> None:
    """Before any of them is read."""
    write(repo, {"x.patch": PATCH + PATCH.replace("/src/shop.py", f"/{path}")})

    with pytest.raises(FixError) as caught:
        read_fix_from_patch(repo, "x.patch", [repo])

    assert str(caught.value) == f"'x.patch' names a file outside of the repository: {path}"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (None, None),
        (b"x = 1\r\ny = 2\rz = 3\n", "x = 1\ny = 2\nz = 3\n"),
        ("x = 'é'\n".encode(), "x = 'é'\n"),
        ("\ufeffx = 'é'\n".encode(), "x = 'é'\n"),
        ("# coding: latin-1\nx = 'é'\n".encode("latin-1"), "# coding: latin-1\nx = 'é'\n"),
        (b"\x0c\nx = 1\n", "\x0c\nx = 1\n"),
    ],
)
def test_python_is_decoded_as_python_decodes_it(data: bytes | None, text: str | None) -> None:
    """By its own word, with one kind of line end."""
    assert decode_fix_source(data) == text


@pytest.mark.parametrize("data", [b"x = '\xff'\n", b"# coding: no-such\n", b"\xef\xbb\xbf\xff"])
def test_a_wrong_encoding_is_said(data: bytes) -> None:
    """Python would not import it either."""
    with pytest.raises(FixError, match=r"^a file of the fix can't be decoded: "):
        decode_fix_source(data)


@pytest.mark.parametrize(
    ("revision", "shown"),
    [
        ("0123456789abcdef", "012345678"),
        ("012345678", "012345678"),
        ("release-2026-11-20", "release-2026-11-20"),
        ("deadbeefcafe", "deadbeefc"),
        ("HEAD~3", "HEAD~3"),
    ],
)
def test_only_a_long_hash_is_cut(revision: str, shown: str) -> None:
    """Whoever named a tag or a branch knows it by its name."""
    assert shorten_revision(revision) == shown


def test_a_file_in_which_a_fix_changed_no_code_is_not_swapped(repo: Path) -> None:
    """Its docstrings may be others today; the functions in other files have their place still."""
    one, two = "'Doc.'\n", "def f(): return 1\n"
    commit(repo, {"src/shop.py": one, "src/pay.py": two, "src/cart.py": one})
    files = {"src/shop.py": "'More.'\n", "src/pay.py": two.replace("1", "2")}
    end = commit(repo, {**files, "src/new.py": "x = 1\n", "src/cart.py": "'Cart.'\n"})
    commit(repo, {"src/shop.py": "'Today.'\nx = 1\n", "src/cart.py": None})
    fix = read_fix_from_revisions(repo, [end])
    kinds: dict[str, FixFileKind] = dict.fromkeys(fix.paths, "source")
    here = Workspace(repo, repo, frozenset(fix.paths), lambda path: False)

    versions = revert_by_units(replace(fix, kinds=kinds), here)

    assert versions.fixed == {str(repo / "src/pay.py"): two.replace("1", "2")}
    assert versions.before == {str(repo / "src/pay.py"): two}
    with pytest.raises(FixError) as caught:
        revert_by_units(replace(fix, kinds={"src/shop.py": "source", "src/new.py": "source"}), here)
    assert str(caught.value) == "the fix only added new files, or changed no code"
