"""Where a checkout may lie, and what state it may be in: `prove` works there, and leaves it so."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import repositories
from prove_repository import FIXED, OLD, TEST, Repository, table

PROVEN = {"PM-1": ("proven", "test_price fails without <PM-1>: AssertionError: assert 50.0 == 5")}
NONE = "0 of 1 proven, "
ONE = (0, table(PROVEN, "1 of 1 proven"))


def detached(repository: Repository) -> None:
    """Check out a commit that no branch names; change, stage, delete and add files, those of the
    fix among them.
    """
    repository.git("switch", "--quiet", "--detach")
    repository.commit({"gone.py": "x = 1\n", "staged.py": "x = 1\n"})
    repository.write({"staged.py": "x = 2\n", "new.py": "x = 3\n", "gone.py": None})
    repository.git("add", "staged.py")
    repository.write({"pm1.py": FIXED + "\n\ndef other():\n    return 1\n"})


def submodule(repository: Repository) -> None:
    """Have another repository within this one, changed."""
    other = repositories.repository(repository.folder.parent / "other")
    repositories.commit(other, {"inner.py": "x = 1\n"})
    repository.git(
        "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "vendored"
    )
    repository.commit({})
    repository.write({"vendored/inner.py": "x = 2\n"})


@pytest.mark.slow
@pytest.mark.parametrize("change", [detached, submodule])
def test_a_checkout_may_be_in_any_state(
    repository: Repository,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Repository], None],
) -> None:
    """What is not committed counts, and stays as it is."""
    repository.fixed()
    change(repository)
    repository.register()

    with repository.untouched():
        assert repository.prove(capsys) == ONE


def test_a_checkout_may_be_reached_in_any_way(
    repository: Repository, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a link, from a folder within, and as a second working tree."""
    repository.write({"pytest.ini": "[pytest]\n", "deep/er/x.txt": "x"})
    repository.fixed()
    repository.register()
    tree, link = repository.folder.parent / "tree", repository.folder.parent / "link"
    repository.git("worktree", "add", "--quiet", "-b", "other", str(tree))
    shutil.copy(repository.folder / "postmortems.yml", tree)
    link.symlink_to(tree)
    monkeypatch.chdir(link / "deep" / "er")

    with repository.untouched():
        assert repository.prove(capsys) == ONE


@pytest.mark.slow
@pytest.mark.parametrize("name", ["-- x", 'it\'s "so", ein Laden % ü 商 a*?!'])
def test_paths_may_hold_any_letters(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    """Those of the checkout, of the source, and of the tests."""
    repository = Repository(tmp_path / name, monkeypatch)
    source, test = f"{name}/läden.py", f"{name}/test_ä b.py"
    after = {source: FIXED, test: TEST.format(module="läden", id="PM-1")}
    repository.fixed(before={source: OLD}, after=after)
    repository.register()

    with repository.untouched():
        assert repository.prove(capsys) == ONE


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="paths are text there")
def test_paths_may_be_no_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name may be written in another encoding than that of the system."""
    repository = Repository(tmp_path / os.fsdecode(b"l\xe4den"), monkeypatch)
    repository.fixed()
    repository.register()

    with repository.untouched():
        assert repository.prove(capsys) == ONE


@pytest.mark.parametrize("depth", [1, 2])
def test_in_a_shallow_clone_it_is_said_what_to_fetch(
    repository: Repository,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    depth: int,
) -> None:
    """Unless the fix and what was before it are there."""
    fix = repository.fixed()
    clone = repository.folder.parent / "clone"
    url = repository.folder.as_uri()
    repository.git("clone", "--quiet", f"--depth={depth}", url, str(clone))
    monkeypatch.chdir(clone)
    (clone / "postmortems.yml").write_text(f"- {{id: PM-1, fix: {fix}}}\n- {{id: PM-2, fix: ab12}}")

    with repository.untouched():
        told = repository.prove(capsys, "PM-1")

    why = "the parent of <PM-1> is not in this clone: git fetch --depth=2 origin <PM-1>"
    assert told == (
        ONE if depth > 1 else (0, table({"PM-1": ("inconclusive", why)}, NONE + "1 inconclusive"))
    )


def test_without_git_a_patch_is_enough(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """And a commit is no fix there."""
    repository.fixed()
    repository.write({"pm.patch": repositories.said(repository.folder, "show") + "\n"})
    repository.register(PM_2="patch: pm.patch, tests: [test_pm1.py]")
    shutil.rmtree(repository.folder / ".git")

    with repository.untouched():
        told = repository.prove(capsys)

    rows = {
        "PM-1": ("inconclusive", "this is not a git repository: name the fix as `patch: FILE`"),
        "PM-2": (
            "proven",
            "test_price fails without pm.patch: AssertionError: assert 50.0 == 5",
        ),
    }
    assert told == (0, table(rows, "1 of 2 proven, 1 inconclusive"))


def test_where_git_is_not_installed_it_is_said(
    repository: Repository,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A patch needs it too."""
    repository.fixed()
    repository.write({"pm.patch": repositories.said(repository.folder, "show") + "\n"})
    repository.register(PM_2="patch: pm.patch, tests: [test_pm1.py]")
    with monkeypatch.context() as context:
        context.setenv("PATH", str(repository.temporary))

        told = repository.prove(capsys)

    rows = {
        "PM-1": ("inconclusive", "git is not installed; install git, and run it again"),
        "PM-2": ("inconclusive", "git is not installed; install git, and run it again"),
    }
    assert told == (0, table(rows, "0 of 2 proven, 2 inconclusive"))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs another user")
def test_where_git_refuses_a_repository_it_is_said_why(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in a container, where the checkout belongs to somebody else."""
    repository.fixed()
    repository.register()
    os.chown(repository.folder, 12345, 12345)
    os.chown(repository.folder / ".git", 12345, 12345)

    told = repository.prove(capsys)

    why = (
        f"git: detected dubious ownership in repository at '{repository.folder}';"
        f" run git config --global --add safe.directory {repository.folder}"
    )
    assert told == (0, table({"PM-1": ("inconclusive", why)}, NONE + "1 inconclusive"))


@pytest.mark.slow
def test_in_a_hook_of_git_the_folder_counts(
    repository: Repository, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git tells its hooks which repository they belong to, and nobody below them listens."""
    other = repositories.repository(repository.folder.parent / "other")
    repository.fixed()
    repository.register()

    with repository.untouched(), monkeypatch.context() as context:
        context.setenv("GIT_DIR", str(other / ".git"))
        context.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
        context.setenv("GIT_WORK_TREE", str(other))

        assert repository.prove(capsys) == ONE


@pytest.mark.slow
def test_nothing_of_the_users_own_runs(
    repository: Repository, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No hook, filter or pager of theirs: not on today's files, nor in the tree of the fix."""
    repository.fixed()
    repository.fixed("PM-2")
    odd = {".gitattributes": "*.py filter=odd diff=odd text eol=crlf\n"}
    repository.commit({"pm2.py": "price = lambda cents: cents / 100\n", **odd})
    repository.register()

    with repository.untouched(), monkeypatch.context() as context:
        marker = repositories.disturb(repository.folder.parent / "own", context)

        told = repository.prove(capsys)

    rows = {
        **PROVEN,
        "PM-2": (
            "proven at fix",
            "test_price fails without <PM-2>: AssertionError: assert 50.0 == 5",
        ),
    }
    assert told == (0, table(rows, "2 of 2 proven, 1 of them proven at fix"))
    assert not marker.exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="what is mounted here is mounted on Linux")
def test_a_checkout_may_be_read_only(repository: Repository) -> None:
    """Then nothing is kept; all that is written goes where temporary files go."""
    repository.fixed()
    repository.register()
    read_only = (
        'mount --bind . . && mount -o remount,ro,bind . && cd "$PWD" && ! touch x && exec "$@"'
    )
    command = [
        *("unshare", "--mount", "sh", "-c", read_only, "-"),
        *(sys.executable, "-m", "pytest_postmortem", "prove"),
    ]
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")

    with repository.untouched():
        done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, repository.told(done.stdout)) == ONE
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_two_at_once_do_not_disturb_each_other(repository: Repository) -> None:
    """Neither sees the other's source, and what both keep is whole."""
    for id in ("PM-1", "PM-2"):
        repository.fixed(id)
    repository.register()
    kept = repository.folder / "postmortem-proofs.json"
    kept.touch()

    running = [repository.start("--again"), repository.start("--again")]
    told = [(*each.communicate(), each.returncode) for each in running]

    rows = {
        id: ("proven", f"test_price fails without <{id}>: AssertionError: assert 50.0 == 5")
        for id in repository.fixes
    }
    expected = (table(rows, "2 of 2 proven"), "", 0)
    assert [(repository.told(said), *rest) for said, *rest in told] == [expected] * 2
    assert sorted(json.loads(kept.read_text())["proofs"]) == ["PM-1", "PM-2"]
