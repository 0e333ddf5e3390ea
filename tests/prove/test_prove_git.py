"""What is asked of git about a fix, in real repositories, whatever a user has set."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from pytest_postmortem import git
from pytest_postmortem.errors import GitError
from pytest_postmortem.git import ChangedFile
from repositories import commit, disturb, repository, write
from repositories import git as run

LINES = "".join(f"line {n}\n" for n in range(1, 21))

FIXED = LINES.replace("line 9", "NINE")

ODD = ("ä b.py", "*.py", "a[1].py", "q'u\"o.py", "line\nbreak.py", "back\\slash.py", "-x.py")
"""Names that a shell, a glob or a quoting git would take for something else."""


@pytest.fixture(params=["plain", "disturbed"])
def repo(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A repository, without a user's own settings, and with some of the oddest."""
    folder = repository(tmp_path / "repo")
    marker = tmp_path / "marker"
    if request.param == "disturbed":
        marker = disturb(tmp_path / "settings", monkeypatch)
    yield folder
    assert not marker.exists(), "something of the user's was run"


def blob(folder: Path, content: str) -> str:
    """Return what git calls a content."""
    command = ["git", "hash-object", "--stdin"]
    done = subprocess.run(
        command, cwd=folder, input=content.encode(), capture_output=True, check=True
    )
    return done.stdout.decode().strip()


def test_the_parent_of_a_commit_is_its_first(repo: Path) -> None:
    """The first commit has the tree that holds nothing; a merge the branch that it came into."""
    first = commit(repo, {"a.py": "1"})
    second = commit(repo, {"a.py": "2"})
    run(repo, "switch", "--quiet", "--create", "branch", first)
    commit(repo, {"b.py": "1"})
    run(repo, "switch", "--quiet", "main")
    run(repo, "merge", "--quiet", "--no-ff", "--message", "merge", "branch")

    empty = git.find_parent_commit(repo, first)

    assert git.find_parent_commit(repo, second) == first
    assert git.find_parent_commit(repo, "HEAD") == second
    assert empty == "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
    assert git.list_changed_files(repo, empty, first) == [
        ChangedFile("a.py", None, blob(repo, "1"))
    ]


def test_a_clone_that_is_cut_does_not_know_the_parent(repo: Path, tmp_path: Path) -> None:
    """It is not the tree that holds nothing."""
    commit(repo, {"a.py": "1"})
    newest = commit(repo, {"a.py": "2"})
    run(tmp_path, "clone", "--quiet", "--depth=1", f"file://{repo}", "shallow")

    shallow = tmp_path / "shallow"

    assert git.is_shallow_clone(shallow)
    assert not git.is_shallow_clone(repo)
    assert git.has_missing_parents(shallow, newest)
    assert git.find_parent_commit(shallow, newest) is None


def test_a_commit_has_a_subject_and_a_day(repo: Path) -> None:
    """Whatever its letters."""
    commit(repo, {}, "Größe stimmt: 日本\n\nMore of it.", day="2026-03-09")

    assert git.read_commit_subject(repo, "HEAD") == ("Größe stimmt: 日本", date(2026, 3, 9))
    with pytest.raises(GitError, match="ambiguous argument 'no-such'"):
        git.read_commit_subject(repo, "no-such")


def test_files_that_differ_between_two_commits(repo: Path) -> None:
    """A renamed one is gone and new; of links and submodules nothing is told."""
    (repo / "link").symlink_to("a.py")
    (repo / "was a link").symlink_to("a.py")
    old = commit(repo, {"a.py": "1", "gone.py": LINES, "same.py": "1", "x.bin": b"\0\1"})
    (repo / "link").unlink()
    (repo / "link").symlink_to("same.py")
    (repo / "was a link").unlink()
    (repo / "same.py").chmod(0o755)
    (repo / "new.py").symlink_to("a.py")
    files = {"a.py": "2", "gone.py": None, "moved.py": LINES, "was a link": "1", "x.bin": b"\0\2"}
    new = commit(repo, {**files, **dict.fromkeys(ODD, "odd")})

    found = git.list_changed_files(repo, old, new)

    assert sorted(found, key=lambda each: each.path) == sorted(
        [
            ChangedFile("a.py", blob(repo, "1"), blob(repo, "2")),
            ChangedFile("gone.py", blob(repo, LINES), None),
            ChangedFile("moved.py", None, blob(repo, LINES)),
            ChangedFile("same.py", blob(repo, "1"), blob(repo, "1")),
            ChangedFile("was a link", None, blob(repo, "1")),
            ChangedFile("x.bin", blob(repo, "\0\1"), blob(repo, "\0\2")),
            *(ChangedFile(name, None, blob(repo, "odd")) for name in ODD),
        ],
        key=lambda each: each.path,
    )
    with pytest.raises(GitError, match="ambiguous argument 'no-such'"):
        git.list_changed_files(repo, old, "no-such")


def test_a_submodule_is_no_file(repo: Path, tmp_path: Path) -> None:
    """It is of another repository, which nobody fetches here."""
    first = commit(repo, {"a.py": "1"})
    run(repo, "update-index", "--add", "--cacheinfo", f"160000,{first},sub")
    run(repo, "commit", "--quiet", "--message", "a submodule")

    assert git.list_changed_files(repo, first, "HEAD") == []
    assert list(git.list_commit_files(repo, "HEAD")) == ["a.py"]
    assert git.export_commit(repo, "HEAD", tmp_path / "tree") == ["a.py"]
    assert [path.name for path in (tmp_path / "tree").iterdir()] == ["a.py"]


def test_files_of_the_working_tree_that_differ(repo: Path) -> None:
    """Changed, staged, deleted and new ones, from the top, but not what is ignored."""
    (repo / "below").mkdir()
    old = commit(repo, {"a.py": "1", "below/b.py": "1", "c.py": "1", ".gitignore": "*.log\n"})
    write(repo, {"a.py": "2", "below/b.py": "2", "c.py": None, "x.log": "1", "below/ä.py": "1"})
    run(repo, "add", "a.py")

    expected = ["a.py", "below/b.py", "below/ä.py", "c.py"]
    assert git.list_modified_files(repo, old) == expected
    assert git.list_modified_files(repo / "below", old) == expected


def test_a_patch_takes_back_what_it_made(repo: Path) -> None:
    """Of the files that are asked for alone; to the letter, with binary and odd names."""
    odd = [name for name in ODD if "\n" not in name]
    before: dict[str, bytes] = {
        **dict.fromkeys(odd, b"old\n"),
        "a.py": LINES.encode(),
        "b.bin": b"\0\1\2",
        "crlf.py": b"a\r\nb\r\n",
        "no end.py": b"x = 1",
    }
    after: dict[str, bytes] = {
        **dict.fromkeys(odd, b"new\n"),
        "a.py": FIXED.encode(),
        "b.bin": b"\0\1\3",
        "crlf.py": b"a\r\nB\r\n",
        "no end.py": b"x = 2",
        "new.txt": b"new\n",
    }
    old = commit(repo, {**before, "other.py": "1"})
    new = commit(repo, {**after, "other.py": "2"})

    patch = git.build_patch(repo, old, new, after)

    assert sorted(git.list_patched_files(patch)) == sorted(after)
    assert git.apply_patch(after, patch, reverse=True) == {**before, "new.txt": None}
    assert git.apply_patch(before, patch, reverse=False) == after


def test_a_patch_from_below_the_top_names_files_from_the_top(repo: Path) -> None:
    """Git's own command would take them from where it is."""
    old = commit(repo, {"below/a.py": LINES, "a.py": LINES})
    new = commit(repo, {"below/a.py": LINES + "more\n", "a.py": LINES + "more\n"})

    patch = git.build_patch(repo / "below", old, new, ["below/a.py"])

    assert git.list_patched_files(patch) == ["below/a.py"]


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        ("more\n" * 99 + FIXED, "more\n" * 99 + LINES),
        (FIXED.replace("line 1\n", "ONE\n"), LINES.replace("line 1\n", "ONE\n")),
        (FIXED.replace("line 8", "EIGHT"), None),
        (FIXED.replace("line 8", "line  8"), None),
        (FIXED.replace("line 8", "line 8 "), None),
        (LINES, None),
        ("", None),
    ],
)
def test_a_patch_applies_to_the_letter_or_not_at_all(
    repo: Path, today: str, expected: str | None
) -> None:
    """Lines may have moved; what stands around them has to be as it was, spaces included."""
    old = commit(repo, {"a.py": LINES})
    new = commit(repo, {"a.py": FIXED})
    patch = git.build_patch(repo, old, new, ["a.py"])

    found = git.apply_patch({"a.py": today.encode()}, patch, reverse=True)

    assert found == (None if expected is None else {"a.py": expected.encode()})


def test_of_a_patch_some_files_may_count(repo: Path) -> None:
    """Their names are no globs; the others are left alone."""
    names = [name for name in ODD if "\n" not in name]
    old = commit(repo, dict.fromkeys(names, "old\n"))
    new = commit(repo, dict.fromkeys(names, "new\n"))
    patch = git.build_patch(repo, old, new, names)

    for name in names:
        found = git.apply_patch(dict.fromkeys(names, b"new\n"), patch, reverse=True, only=[name])
        assert found == {**dict.fromkeys(names, b"new\n"), name: b"old\n"}


def test_a_patch_that_makes_and_removes_files(repo: Path) -> None:
    """Reversed it removes what it made, and makes what it removed."""
    old = commit(repo, {"gone/a.py": "1\n", "b.py": "1\n"})
    new = commit(repo, {"gone/a.py": None, "new/c.py": "1\n"})
    patch = git.build_patch(repo, old, new, ["gone/a.py", "new/c.py"])

    assert git.apply_patch({"new/c.py": b"1\n"}, patch, reverse=True) == {
        "gone/a.py": b"1\n",
        "new/c.py": None,
    }
    assert git.apply_patch({"gone/a.py": b"1\n"}, patch, reverse=False) == {
        "gone/a.py": None,
        "new/c.py": b"1\n",
    }


@pytest.mark.parametrize("data", [b"", b"no patch\n", b"--- a\n+++ b\n", b"\0\xff"])
def test_what_is_no_patch_changes_nothing(data: bytes) -> None:
    """Git says no."""
    assert git.list_patched_files(data) == []
    assert git.apply_patch({"a.py": b"1\n"}, data, reverse=False) is None


@pytest.mark.parametrize("path", ["../evil.py", "/etc/evil.py", ".git/config"])
def test_a_patch_reaches_nothing_outside(repo: Path, path: str) -> None:
    """Git refuses it, as a file that lies above, and as what is its own."""
    patch = f"--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+evil\n".encode()

    assert git.apply_patch({}, patch, reverse=False) is None


@pytest.mark.parametrize("place", ["../evil.py", "{0}/evil.py", "a/../../evil.py"])
def test_a_file_outside_is_not_written_before_git_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Whatever names it."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = place.format(tmp_path)
    patch = f"--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-1\n+2\n".encode()

    assert git.apply_patch({path: b"1\n"}, patch, reverse=False) is None
    assert list(tmp_path.iterdir()) == []


def test_a_folder_for_patches_belongs_to_no_repository(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever temporary files lie: git leaves out what is not in its part of a repository."""
    old = commit(repo, {"a.py": "1\n"})
    new = commit(repo, {"a.py": "2\n"})
    patch = git.build_patch(repo, old, new, ["a.py"])
    (repo / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(repo / "tmp"))

    assert git.apply_patch({"a.py": b"2\n"}, patch, reverse=True) == {"a.py": b"1\n"}
    assert git.list_patched_files(patch) == ["a.py"]


def test_files_that_were_moved_since_are_found(repo: Path) -> None:
    """By what they hold, also if that has changed a little."""
    old = commit(repo, {"src/a.py": LINES, "b.py": LINES * 2, "c.py": "short"})
    commit(
        repo,
        {"src/a.py": None, "src/ä new.py": LINES + "more\n", "c.py": None, "d.py": "other"},
    )

    assert git.find_renamed_files(repo, old) == {"src/a.py": "src/ä new.py"}
    with pytest.raises(GitError, match="ambiguous argument 'no-such'"):
        git.find_renamed_files(repo, "no-such")


def test_commits_that_mention_a_text(repo: Path) -> None:
    """In any case, as it stands and not as a pattern; all of the message is returned."""
    first = commit(repo, {"a": "1"}, "Größe, see PM-1.2")
    commit(repo, {"a": "2"}, "PM-1x2")
    third = commit(repo, {"a": "3"}, "Fix\n\nPostmortem: pm-1.2\n\nMore")

    assert git.find_commits_mentioning(repo, ["PM-1.2"]) == [
        (third, "Fix\n\nPostmortem: pm-1.2\n\nMore\n"),
        (first, "Größe, see PM-1.2\n"),
    ]
    assert git.find_commits_mentioning(repo, ["no", "such"]) == []
    assert git.find_commits_mentioning(repo, []) == []


def test_commits_that_brought_a_text_into_a_file(repo: Path) -> None:
    """The oldest first, and also the one that took it away."""
    commit(repo, {"tests/ä.py": "def test_b(): ...\n"})
    added = commit(repo, {"tests/ä.py": "def test_a(): ...\n", "b.py": "def test_a(): ...\n"})
    commit(repo, {"tests/ä.py": "def test_a(): ...\n# more\n"})
    gone = commit(repo, {"tests/ä.py": "# more\n"})

    assert git.find_commits_adding(repo, "def test_a(", "tests/ä.py") == [added, gone]
    assert git.find_commits_adding(repo / "tests", "def test_a(", "tests/ä.py") == [added, gone]
    assert git.find_commits_adding(repo, "def test_c(", "tests/ä.py") == []


def test_a_commit_is_written_as_it_is_stored(repo: Path, tmp_path: Path) -> None:
    """With links and modes; no filter, no line end, no hook and no index of the user's."""
    files: dict[str, str | bytes | None] = {
        "src/a.py": "1\n",
        "x.bin": b"\0\r\n",
        "y.txt": "1\n",
        "run.sh": "#!/bin/sh\n",
    }
    write(repo, files)
    (repo / "run.sh").chmod(0o755)
    (repo / "link").symlink_to("src/a.py")
    wanted = commit(repo, dict.fromkeys(ODD, "odd"))
    commit(repo, {"src/a.py": "2\n", "y.txt": None})
    index = (repo / ".git" / "index").read_bytes()
    target = tmp_path / "tree"

    paths = git.export_commit(repo / "src", wanted, target)

    found = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    assert sorted(paths) == sorted({*files, *ODD})
    assert found == {*files, *ODD, "link"}
    assert (target / "src/a.py").read_bytes() == b"1\n"
    assert (target / "x.bin").read_bytes() == b"\0\r\n"
    assert (target / "y.txt").read_bytes() == b"1\n"
    assert os.readlink(target / "link") == "src/a.py"
    assert os.access(target / "run.sh", os.X_OK)
    assert not os.access(target / "src/a.py", os.X_OK)
    assert (repo / ".git" / "index").read_bytes() == index
    with pytest.raises(GitError, match="Not a valid object name no-such"):
        git.export_commit(repo, "no-such", tmp_path / "none")


def test_what_a_build_has_left_is_what_git_ignores_beside_other_files(repo: Path) -> None:
    """Not what lies in a folder that is ignored as a whole."""
    ignored = "_version.py\n*.so\n.venv/\n*.log\n"
    commit(repo, {".gitignore": ignored, "src/a.py": "1", "below/b.py": "1"})
    write(repo, {"src/_version.py": "1", "src/ä.so": "1", "x.log": "1", ".venv/lib/c.so": "1"})

    assert sorted(git.list_generated_files(repo / "below", (".py", ".so"))) == [
        "src/_version.py",
        "src/ä.so",
    ]


def test_without_git_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is empty then: each question raises the same error."""
    repository(tmp_path)
    commit(tmp_path, {"a.py": "1"})
    monkeypatch.setenv("PATH", str(tmp_path))

    questions: list[Callable[[], object]] = [
        lambda: git.find_commits_adding(tmp_path, "x", "a.py"),
        lambda: git.apply_patch({}, b"", reverse=True),
        lambda: list(git.read_blobs(tmp_path, ["0" * 40])),
        lambda: git.list_changed_files(tmp_path, "HEAD", "HEAD"),
        lambda: git.resolve_commit(tmp_path, "HEAD"),
        lambda: git.read_lines_ever_added(tmp_path, tmp_path),
        lambda: git.list_files_ever_tracked(tmp_path, tmp_path),
        lambda: git.export_commit(tmp_path, "HEAD", tmp_path / "tree"),
        lambda: git.list_repository_files(tmp_path),
        lambda: git.list_generated_files(tmp_path, (".py",)),
        lambda: git.read_head_commit(tmp_path),
        lambda: git.read_head_date(tmp_path),
        lambda: git.read_index_only_files(tmp_path),
        lambda: git.has_missing_parents(tmp_path, "HEAD"),
        lambda: git.is_shallow_clone(tmp_path),
        lambda: git.is_unborn_branch(tmp_path),
        lambda: git.read_commit_log(tmp_path, "HEAD", bool),
        lambda: git.find_commits_mentioning(tmp_path, ["x"]),
        lambda: git.find_merge_base(tmp_path, "HEAD", "HEAD"),
        lambda: git.list_submodules(tmp_path, "HEAD"),
        lambda: git.read_origin_url(tmp_path),
        lambda: git.find_parent_commit(tmp_path, "HEAD"),
        lambda: git.build_patch(tmp_path, "HEAD", "HEAD", []),
        lambda: git.list_patched_files(b""),
        lambda: git.find_renamed_files(tmp_path, "HEAD"),
        lambda: git.require_repository(tmp_path),
        lambda: git.read_commit_subject(tmp_path, "HEAD"),
        lambda: git.list_commit_files(tmp_path, "HEAD"),
        lambda: git.list_modified_files(tmp_path, "HEAD"),
    ]

    for ask in questions:
        with pytest.raises(GitError) as caught:
            ask()
        assert caught.value.brief == "git is not installed; install git, and run it again"
