"""What git can't give is never empty: commands in clones that lack a part, or that git refuses."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_postmortem.cli.main import main
from pytest_postmortem.prove.output import NOTHING_TO_PROVE
from repositories import commit, git, repository, said

Capsys = pytest.CaptureFixture[str]

MARKED = """\
import pytest


@pytest.mark.postmortem("PM-1")
def test_total():
    assert True
"""

UNMARKED = MARKED.replace('@pytest.mark.postmortem("PM-1")\n', "")

INI = "[pytest]\npostmortem_registry = docs/postmortems\ntestpaths = tests\n"

LOST = """\
No longer guarded:
  PM-1  Wrong total
        tests/test_shop.py::test_total has lost its marker
        docs/postmortems/PM-1-total.md
1 no longer guarded
"""

HISTORY = """\
incident  first test  since then       title
PM-1      2026-03-02  lost 2026-03-09  Wrong total

from        linked  with an active test
2026-03-02       1                    1
2026-03-09       0                    0

0 of 1 incident linked to a test, 0 to an active one; 2 commits read
"""

LISTED = """\
ID    STATE       TITLE
PM-1  not-linked  Wrong total

1 incident: 1 not linked (read from the code; a run of pytest says what is guarded)
"""

NO_COMMIT = (
    "git: your current branch 'main' does not have any commits yet",
    "commit something first",
)

Command = tuple[str, ...]

DIFF: Command = ("diff", "--base", "HEAD~1")
COMPARING: tuple[Command, ...] = (DIFF, ("history",))
SHOWING: tuple[Command, ...] = (("list",), ("show", "PM-1"), ("check",))


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose last commit lost the mark of its only test, as the current folder."""
    folder = repository(tmp_path / "shop")
    git(folder, "config", "uploadpack.allowFilter", "true")
    files: dict[str, str | bytes | None] = {
        "docs/postmortems/PM-1-total.md": "# PM-1: Wrong total\n",
        "pytest.ini": INI,
        "tests/test_shop.py": MARKED,
    }
    commit(folder, files, day="2026-03-02")
    commit(folder, {"tests/test_shop.py": UNMARKED}, day="2026-03-09")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def clone(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Clone the repository, and go there."""

    def cloned(*arguments: str) -> Path:
        git(tmp_path, "clone", "--quiet", *arguments, shop.as_uri(), "clone")
        monkeypatch.chdir(tmp_path / "clone")
        return tmp_path / "clone"

    return cloned


def answer(capsys: Capsys, *arguments: str) -> tuple[int, str, str]:
    """Return the exit status of a command, and what it printed on both streams."""
    capsys.readouterr()
    status = main(arguments)
    both = capsys.readouterr()
    return status, both.out, both.err


def unread(cause: str, remedy: str) -> tuple[int, str, str]:
    """Return what a command answers that could not compare anything."""
    text = (
        f"Couldn't read the repository: {cause}\n  {remedy}\n"
        "  see `pytest-postmortem explain git-failed`\n"
    )
    return 3, "", text


def says_so(capsys: Capsys, cause: str, remedy: str) -> None:
    """See that each command which judges exits with 3 and names the cause and the remedy."""
    for command in COMPARING:
        assert answer(capsys, *command) == unread(cause, remedy)
    for command in SHOWING:
        status, out, err = answer(capsys, *command)
        assert status == 3
        assert f"not judged: {cause}; {remedy}\n" in (out if command == ("check",) else err)
    for asked in ((), ("--base", "HEAD~1")):
        status, out, err = answer(capsys, "prove", *asked)
        assert (status, err) == (0, "")
        assert "  inconclusive  " in out
        assert f"{cause}; {remedy}\n" in out
        assert main(["prove", *asked, "--strict"]) == 3


def test_a_whole_repository_is_judged(shop: Path, capsys: Capsys) -> None:
    """That is what all of the following is compared with."""
    assert answer(capsys, *DIFF) == (1, LOST, "")
    assert answer(capsys, "history") == (0, HISTORY, "")
    assert answer(capsys, "list") == (0, LISTED, "")


@pytest.mark.parametrize(
    ("filter", "lacking"), [("blob:none", ":tests/test_shop.py"), ("tree:0", "^{tree}")]
)
@pytest.mark.parametrize("reachable", [True, False])
def test_a_partial_clone_fetches_nothing_and_says_what_it_lacks(
    shop: Path,
    clone: Callable[..., Path],
    capsys: Capsys,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    filter: str,
    lacking: str,
    reachable: bool,
) -> None:
    """Whether the remote could be asked or not."""
    folder = clone(f"--filter={filter}")
    (commits, count) = ("--objects", "--all"), "--missing=print"
    before = said(folder, "rev-list", *commits, count)
    if not reachable:
        shop.rename(tmp_path / "gone")
    trace = tmp_path / "trace"
    monkeypatch.setenv("GIT_TRACE2", str(trace))
    object = said(tmp_path / "gone" if not reachable else shop, "rev-parse", f"HEAD~1{lacking}")
    expected = unread(
        f"git: object {object} is not in this partial clone",
        "run `git fetch --refetch --no-filter`, or clone it without --filter",
    )

    for command in COMPARING:
        assert answer(capsys, *command) == expected
    fix = answer(capsys, "prove", "--fix", "HEAD")

    assert fix[0] == 0
    assert f"HEAD  inconclusive  git: object {object} is not in this partial clone; run" in fix[1]
    monkeypatch.delenv("GIT_TRACE2")
    assert said(folder, "rev-list", *commits, count) == before
    assert "upload-pack" not in trace.read_text()


def test_a_partial_clone_that_was_filled_is_judged(
    shop: Path, clone: Callable[..., Path], capsys: Capsys
) -> None:
    """By the command that the message names."""
    folder = clone("--filter=blob:none")
    git(folder, "fetch", "--quiet", "--refetch", "--no-filter")

    assert answer(capsys, *DIFF) == (1, LOST, "")
    assert answer(capsys, "history") == (0, HISTORY, "")


@pytest.mark.parametrize("lacking", ["HEAD~1:tests/test_shop.py", "HEAD~1^{tree}", "HEAD~1"])
def test_a_damaged_repository_is_never_empty(shop: Path, capsys: Capsys, lacking: str) -> None:
    """The object is named, or what git says of it."""
    name = said(shop, "rev-parse", lacking)
    (shop / ".git" / "objects" / name[:2] / name[2:]).unlink()

    for command in COMPARING:
        status, out, err = answer(capsys, *command)
        assert (status, out) == (3, "")
        assert name in err or "not a tree object" in err
    status, out, _ = answer(capsys, "diff", "--base", "HEAD~2")
    assert (status, out) == ((3, "") if lacking == "HEAD~1" else (2, ""))


def test_a_shallow_clone_does_not_know_an_older_revision(
    shop: Path, clone: Callable[..., Path], capsys: Capsys
) -> None:
    """In a whole clone, the same revision is wrong use."""
    assert answer(capsys, "diff", "--base", "HEAD~2")[0] == 2
    clone("--depth=1")

    assert answer(capsys, *DIFF) == unread(
        "git: revision 'HEAD~1' is unknown in this shallow clone",
        "correct it, or run `git fetch --unshallow` (in CI fetch-depth: 0 or GIT_DEPTH: 0)",
    )
    assert answer(capsys, "prove") == (
        0,
        f"{NOTHING_TO_PROVE}\n",
        "the clone is shallow, and older commits may name a fix: run git fetch --unshallow\n",
    )


def test_a_repository_that_git_refuses_is_judged_by_no_command(
    shop: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container, where the checkout belongs to another user."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")

    says_so(
        capsys,
        f"git: detected dubious ownership in repository at '{shop}'",
        f"run git config --global --add safe.directory {shop}",
    )


def test_without_git_nothing_is_judged(
    shop: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A repository is there, and nothing can read it."""
    monkeypatch.setenv("PATH", str(tmp_path))

    says_so(capsys, "git is not installed", "install git, and run it again")


def test_a_broken_configuration_of_git_is_named(shop: Path, capsys: Capsys) -> None:
    """In the words of git."""
    with (shop / ".git" / "config").open("a") as file:
        file.write("[broken\n")
    line = len((shop / ".git" / "config").read_text().splitlines())

    says_so(
        capsys,
        f"git: bad config line {line} in file .git/config",
        "correct what git names, and run it again",
    )


def test_a_worktree_whose_repository_is_gone_is_named(
    shop: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The same holds for a submodule whose repository is gone."""
    git(shop, "worktree", "add", "--quiet", str(tmp_path / "tree"))
    shutil.rmtree(shop / ".git" / "worktrees")
    monkeypatch.chdir(tmp_path / "tree")

    says_so(
        capsys,
        f"git: not a git repository: {shop}/.git/worktrees/tree",
        "check the code out again, or run `git worktree repair` there",
    )


def test_before_the_first_commit_there_is_nothing_to_compare(shop: Path, capsys: Capsys) -> None:
    """What lies there can be listed and checked all the same, by today's date."""
    shutil.rmtree(shop / ".git")
    repository(shop)

    for command in (*COMPARING, ("diff",)):
        assert answer(capsys, *command) == unread(*NO_COMMIT)
    assert answer(capsys, "list") == (0, LISTED, "")
    assert main(["check"]) == 0
    status, out, _ = answer(capsys, "prove")
    assert status == 0
    assert out.startswith(
        "PM-1  inconclusive  no fix is named, and the log can't be read for one: "
        + "; ".join(NO_COMMIT)
    )


@pytest.mark.parametrize("mounted", [False, True])
def test_outside_of_a_repository_code_and_documents_are_judged(
    shop: Path, capsys: Capsys, mounted: bool
) -> None:
    """An empty folder called .git, as some mounts leave it, is no repository."""
    shutil.rmtree(shop / ".git")
    if mounted:
        (shop / ".git").mkdir()

    for command in COMPARING:
        assert answer(capsys, *command) == unread(
            "git: not a git repository (or any of the parent directories): .git",
            "run it in a checkout of the code",
        )
    assert answer(capsys, "list") == (0, LISTED, "")
    assert main(["check"]) == 0
    assert answer(capsys, "prove") == (0, f"{NOTHING_TO_PROVE}\n", "")


@pytest.mark.parametrize("setting", ["diff.orderFile", "log.date"])
def test_a_setting_that_matters_to_people_alone_breaks_nothing(
    shop: Path, capsys: Capsys, setting: str
) -> None:
    """Nobody reads what git prints here but the command."""
    git(shop, "config", setting, "no-such")

    assert answer(capsys, *DIFF) == (1, LOST, "")
    assert answer(capsys, "history") == (0, HISTORY, "")


def test_a_replaced_object_decides_nothing(shop: Path, capsys: Capsys) -> None:
    """Another clone has no such replacement, and the same answer."""
    blobs = [
        said(shop, "rev-parse", f"{commit}:tests/test_shop.py") for commit in ("HEAD~1", "HEAD")
    ]
    git(shop, "replace", *blobs)

    assert answer(capsys, *DIFF) == (1, LOST, "")
    assert answer(capsys, "history") == (0, HISTORY, "")


def test_tests_that_a_sparse_checkout_leaves_out_are_not_deleted(
    shop: Path, capsys: Capsys
) -> None:
    """A comparison reads them from the index; what reads the working tree says what it lacks."""
    commit(shop, {"tests/test_shop.py": MARKED, "docs/more.md": "more"})
    git(shop, "sparse-checkout", "set", "docs")

    assert answer(capsys, *DIFF)[0] == 0
    assert answer(capsys, "diff", "--base", "HEAD~2") == (
        0,
        "Nothing was gained, nothing lost\n",
        "",
    )
    note = "a sparse checkout leaves out 1 test file: tests/test_shop.py"
    remedy = "run `git sparse-checkout disable`"
    assert answer(capsys, "list") == (3, LISTED, f"not judged: {note}; {remedy}\n")
    status, out, _ = answer(capsys, "check")
    assert status == 3
    assert f"not judged: {note}; {remedy}\n" in out
    assert "[test-missing]" not in out


def test_a_declared_test_that_a_sparse_checkout_leaves_out_is_not_called_missing(
    shop: Path, capsys: Capsys
) -> None:
    """Nor is one in a submodule that is not checked out; of a file that is gone, it is certain."""
    entry = "- {{id: PM-1, title: Wrong total, tests: ['tests/{}.py::test_total']}}\n"
    ini = INI.replace("docs/postmortems", "pm.yml")
    commit(shop, {"pm.yml": entry.format("test_shop"), "pytest.ini": ini, "docs/more.md": ""})
    git(shop, "sparse-checkout", "set", "docs")

    status, out, _ = answer(capsys, "check")
    assert (status, "[unknown-test]" in out) == (3, False)
    (shop / "pm.yml").write_text(entry.format("test_gone"))
    status, out, _ = answer(capsys, "check")
    assert (status, "[unknown-test]" in out) == (1, True)


def test_post_mortems_that_a_sparse_checkout_leaves_out_are_not_gone(
    shop: Path, capsys: Capsys
) -> None:
    """No command takes them for removed from the registry."""
    git(shop, "sparse-checkout", "set", "tests")

    for command in (*COMPARING, *SHOWING, ("scan",), ("prove",), ("new", "Mail is gone")):
        assert answer(capsys, *command) == unread(
            "a sparse checkout leaves out 1 file of the registry: docs/postmortems/PM-1-total.md",
            "run `git sparse-checkout disable`",
        )


def test_a_registry_that_nobody_configured_may_be_left_out_too(shop: Path, capsys: Capsys) -> None:
    """Or a part of one: an id is not called unknown whose post-mortem is not there."""
    files: dict[str, str | bytes | None] = {
        "pytest.ini": "[pytest]\n",
        "docs/postmortems/PM-2-mail.md": "# PM-2: Gone mail\n",
        "tests/test_shop.py": MARKED,
    }
    commit(shop, files)
    git(shop, "sparse-checkout", "set", "--no-cone", "/tests", "/docs/postmortems/PM-2-mail.md")

    for command in (*COMPARING, *SHOWING, ("scan",)):
        assert answer(capsys, *command) == unread(
            "a sparse checkout leaves out 1 file of the registry: docs/postmortems/PM-1-total.md",
            "run `git sparse-checkout disable`",
        )


def test_a_registry_above_the_nearest_one_may_be_left_out(
    shop: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not read."""
    files: dict[str, str | bytes | None] = {
        "shop/pytest.ini": "[pytest]\n",
        "shop/docs/postmortems/PM-1.md": "# PM-1: Wrong total\n",
        "shop/test_shop.py": UNMARKED,
    }
    commit(shop, files)
    git(shop, "sparse-checkout", "set", "shop")
    monkeypatch.chdir(shop / "shop")

    assert answer(capsys, "list") == (0, LISTED, "")


def test_a_file_that_git_is_not_to_look_at_is_read_where_it_is(shop: Path, capsys: Capsys) -> None:
    """As people keep their own version of a file that is tracked."""
    git(shop, "update-index", "--skip-worktree", "tests/test_shop.py")
    (shop / "tests" / "test_shop.py").write_text(MARKED)

    assert answer(capsys, "diff", "--base", "HEAD") == (
        0,
        "Newly linked to an active test:\n  PM-1  Wrong total\n"
        "        docs/postmortems/PM-1-total.md\n1 newly linked to an active test\n",
        "",
    )
    assert answer(capsys, "list")[0] == 0


POINTER = """\
version https://git-lfs.github.com/spec/v1
oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
size 107
"""


def test_a_pointer_of_git_lfs_is_no_test_without_marks(shop: Path, capsys: Capsys) -> None:
    """What it points to is not known."""
    commit(shop, {"tests/test_shop.py": POINTER})
    note = "tests/test_shop.py is a pointer of Git LFS"

    assert answer(capsys, "diff", "--base", "HEAD~2") == (
        3,
        "1 file can't be read as Python: tests/test_shop.py\n"
        "1 incident can't be compared: PM-1\n"
        f"{note}; its content is not read\nNothing could be compared\n",
        "",
    )
    assert main(["diff", "--base", "HEAD"]) == 3
    status, _, err = answer(capsys, "history")
    assert (status, err) == (3, f"not judged: {note}; its content is not read\n")
    assert answer(capsys, "list") == (3, LISTED, f"not judged: {note}; run `git lfs pull`\n")
    assert main(["check"]) == 3


@pytest.fixture
def parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose tests and post-mortems lie in a submodule."""
    sub = repository(tmp_path / "sub")
    commit(sub, {"tests/test_shop.py": MARKED, "docs/PM-1.md": "# PM-1: Wrong total\n"})
    folder = repository(tmp_path / "parent")
    add = ("submodule", "--quiet", "add", sub.as_uri(), "sub")
    git(folder, "-c", "protocol.file.allow=always", *add)
    ini = "[pytest]\npostmortem_registry = sub/docs\ntestpaths = sub/tests\n"
    commit(folder, {"pytest.ini": ini})
    monkeypatch.chdir(folder)
    return folder


SUB_LOST = LOST.replace("tests/test", "sub/tests/test").replace(
    "docs/postmortems/PM-1-total.md", "sub/docs/PM-1.md"
)

NOT_OUT = "submodule sub is not checked out; run `git submodule update --init sub`"


def test_a_mark_that_is_lost_in_a_submodule_is_lost(parent: Path, capsys: Capsys) -> None:
    """It is read where it is checked out; its history is not, which is said."""
    commit(parent / "sub", {"tests/test_shop.py": UNMARKED})
    commit(parent, {})

    assert answer(capsys, *DIFF) == (1, SUB_LOST, "")
    status, _, err = answer(capsys, "history")
    assert status == 3
    assert err == (
        "not judged: submodule sub is not read;"
        " leave it out by testpaths or norecursedirs if it has no tests\n"
    )


def test_a_submodule_of_a_submodule_is_not_empty(
    parent: Path, tmp_path: Path, capsys: Capsys
) -> None:
    """It is not read, which is said; nothing is called lost or kept for it."""
    inner = repository(tmp_path / "inner")
    commit(inner, {"test_inner.py": MARKED})
    add = ("submodule", "--quiet", "add", inner.as_uri(), "tests/inner")
    git(parent / "sub", "-c", "protocol.file.allow=always", *add)
    commit(parent / "sub", {})
    commit(parent, {})

    status, out, _ = answer(capsys, "diff", "--base", "HEAD")

    note = "submodule sub/tests/inner is not read; leave it out by testpaths or norecursedirs"
    assert status == 3
    assert out.startswith(f"{note} if it has no tests\n")
    assert answer(capsys, "list")[0] == 0
    git(parent / "sub", "submodule", "--quiet", "deinit", "--force", "tests/inner")
    status, _, err = answer(capsys, "list")
    assert (status, err) == (
        3,
        "not judged: submodule sub/tests/inner is not checked out;"
        " run `git submodule update --init --recursive sub`\n",
    )


def test_a_submodule_that_stays_as_it_is_loses_nothing(parent: Path, capsys: Capsys) -> None:
    """The code beside it may change."""
    commit(parent, {"shop.py": "x = 1\n"})

    assert answer(capsys, *DIFF) == (0, "Nothing was gained, nothing lost\n", "")


def test_a_submodule_that_lacks_the_older_commit_is_not_empty(parent: Path, capsys: Capsys) -> None:
    """As after a shallow clone of it."""
    store = Path(said(parent / "sub", "rev-parse", "--absolute-git-dir"))
    commit(parent / "sub", {"tests/test_shop.py": UNMARKED})
    commit(parent, {})
    for pack in (store / "objects" / "pack").iterdir():
        pack.unlink()

    status, out, _ = answer(capsys, *DIFF)

    assert status == 3
    assert "submodule sub is not read at " in out
    assert "Nothing could be compared\n" in out


def test_a_submodule_that_is_not_checked_out_is_not_empty(
    shop: Path, capsys: Capsys, tmp_path: Path
) -> None:
    """Only one that moved can have lost a test; all that list tests say what they lack."""
    sub = repository(tmp_path / "sub")
    commit(sub, {"test_sub.py": MARKED})
    add = ("submodule", "--quiet", "add", sub.as_uri(), "tests/sub")
    git(shop, "-c", "protocol.file.allow=always", *add)
    commit(shop, {})
    commit(shop / "tests" / "sub", {"test_sub.py": UNMARKED})
    commit(shop, {})
    commit(shop, {"shop.py": ""})
    git(shop, "submodule", "--quiet", "deinit", "--force", "tests/sub")
    note = "submodule tests/sub is not checked out; run `git submodule update --init tests/sub`"

    assert answer(capsys, *DIFF) == (0, "Nothing was gained, nothing lost\n", "")
    assert answer(capsys, "diff", "--base", "HEAD~2") == (
        3,
        f"{note}\nNothing could be compared\n",
        "",
    )
    assert answer(capsys, "list") == (3, LISTED, f"not judged: {note}\n")
    assert main(["check"]) == 3
    assert main(["history"]) == 3


def test_a_submodule_outside_of_the_suite_does_not_matter(
    shop: Path, capsys: Capsys, tmp_path: Path
) -> None:
    """Nobody would collect a test in it."""
    theirs = repository(tmp_path / "theirs")
    commit(theirs, {"test_theirs.py": MARKED})
    add = ("submodule", "--quiet", "add", theirs.as_uri(), "vendored")
    git(shop, "-c", "protocol.file.allow=always", *add)
    commit(shop, {})
    git(shop, "submodule", "--quiet", "deinit", "--force", "vendored")

    assert answer(capsys, "diff", "--base", "HEAD~2") == (1, LOST, "")
    assert answer(capsys, "list") == (0, LISTED, "")
    assert main(["history"]) == 0


@pytest.fixture
def part(shop: Path, tmp_path: Path) -> Path:
    """A submodule of the repository with a marked test; no testpaths are configured."""
    sub = repository(tmp_path / "theirs")
    commit(sub, {"test_part.py": MARKED.replace("PM-1", "PM-2")})
    add = ("submodule", "--quiet", "add", sub.as_uri(), "part")
    git(shop, "-c", "protocol.file.allow=always", *add)
    files: dict[str, str | bytes | None] = {
        "pytest.ini": "[pytest]\npostmortem_registry = docs/postmortems\n",
        "docs/postmortems/PM-2-mail.md": "# PM-2: Gone mail\n",
    }
    commit(shop, files)
    return shop / "part"


PART_NOT_OUT = "submodule part is not checked out; run `git submodule update --init part`"
NOTHING = "Nothing was gained, nothing lost\n"


def test_a_submodule_that_may_hold_tests_is_named_wherever_it_lies(
    shop: Path, part: Path, capsys: Capsys
) -> None:
    """Unless the configuration leaves it out; nothing is lost where its commit is the same."""
    git(shop, "submodule", "--quiet", "deinit", "--force", "part")

    assert answer(capsys, "diff", "--base", "HEAD") == (0, NOTHING, "")
    for command in (("list",), ("show", "PM-2")):
        status, _, err = answer(capsys, *command)
        assert (status, err) == (3, f"not judged: {PART_NOT_OUT}\n")
    status, out, _ = answer(capsys, "check")
    assert status == 3
    assert f"not judged: {PART_NOT_OUT}\n" in out
    assert "[test-missing]" not in out
    with (shop / "pytest.ini").open("a") as file:
        file.write("norecursedirs = part\n")
    assert answer(capsys, "list")[0] == 0
    assert answer(capsys, "check")[0] == 0


def test_what_may_have_a_test_in_a_submodule_is_not_called_without(
    shop: Path, part: Path, capsys: Capsys
) -> None:
    """A new post-mortem may be that of an old test there; what was seen to be lost is lost."""
    commit(shop, {"tests/test_shop.py": MARKED, "docs/postmortems/PM-2-mail.md": None})
    git(shop, "submodule", "--quiet", "deinit", "--force", "part")
    new = shop / "docs" / "postmortems" / "PM-2-mail.md"
    new.write_text("# PM-2: Gone mail\n")

    note = f"1 incident can't be compared: PM-2 ({PART_NOT_OUT})\n"
    assert answer(capsys, "diff", "--base", "HEAD") == (
        3,
        f"{note}{NOTHING.strip()} in what could be read\n",
        "",
    )
    (shop / "tests" / "test_shop.py").write_text(UNMARKED)
    assert answer(capsys, "diff", "--base", "HEAD") == (
        1,
        LOST.replace("1 no longer", f"{note}1 no longer"),
        "",
    )


@pytest.mark.parametrize("checked_out", [True, False])
def test_a_submodule_that_moved_is_read_where_it_is(
    shop: Path, part: Path, capsys: Capsys, checked_out: bool
) -> None:
    """Its tests are neither new nor lost; the remedy names where it is now."""
    git(shop, "mv", "part", "lib")
    commit(shop, {})
    if not checked_out:
        git(shop, "submodule", "--quiet", "deinit", "--force", "lib")

    found = answer(capsys, *DIFF)

    note = PART_NOT_OUT.replace("part", "lib")
    unread = f"{note}\nNothing could be compared\n"
    assert found == ((0, NOTHING, "") if checked_out else (3, unread, ""))


def test_a_mark_that_is_lost_in_a_submodule_that_moved_is_lost(
    shop: Path, part: Path, capsys: Capsys
) -> None:
    """It is read at both of its commits."""
    git(shop, "mv", "part", "lib")
    commit(shop / "lib", {"test_part.py": UNMARKED})
    commit(shop, {})

    status, out, _ = answer(capsys, *DIFF)

    reason = "        part/test_part.py::test_total is deleted with its file"
    assert (status, out.splitlines()[2]) == (1, reason)


def test_a_submodule_that_is_gone_is_not_read(shop: Path, part: Path, capsys: Capsys) -> None:
    """What it held is unknown, and no remedy can name it any more."""
    git(shop, "rm", "--quiet", "-f", "part")
    commit(shop, {})

    assert answer(capsys, *DIFF) == (
        3,
        "submodule part is gone and not read;"
        " leave it out by testpaths or norecursedirs if it has no tests\n"
        "Nothing could be compared\n",
        "",
    )


def test_tests_that_become_a_submodule_are_not_lost(
    shop: Path, capsys: Capsys, tmp_path: Path
) -> None:
    """Where that is not checked out they may be there."""
    commit(shop, {"tests/test_shop.py": MARKED})
    sub = repository(tmp_path / "theirs")
    commit(sub, {"test_shop.py": MARKED})
    git(shop, "rm", "--quiet", "-r", "tests")
    add = ("submodule", "--quiet", "add", sub.as_uri(), "tests")
    git(shop, "-c", "protocol.file.allow=always", *add)
    commit(shop, {})
    assert answer(capsys, *DIFF) == (0, NOTHING, "")

    git(shop, "submodule", "--quiet", "deinit", "--force", "tests")

    note = PART_NOT_OUT.replace("part", "tests")
    assert answer(capsys, *DIFF) == (
        3,
        f"1 incident can't be compared: PM-1\n{note}\nNothing could be compared\n",
        "",
    )


def test_a_registry_in_a_submodule_that_is_not_checked_out_is_not_gone(
    parent: Path, capsys: Capsys
) -> None:
    """The remedy is that of the submodule."""
    git(parent, "submodule", "--quiet", "deinit", "--force", "sub")

    for command in (("diff", "--base", "HEAD"), ("history",), *SHOWING, ("scan",)):
        assert answer(capsys, *command) == unread(*NOT_OUT.split("; "))


@pytest.mark.parametrize(
    "workers",
    [
        pytest.param((), id="alone"),
        pytest.param(("-n2",), id="n2", marks=pytest.mark.slow),
    ],
)
def test_a_run_goes_on_where_git_does_not(
    shop: Path, monkeypatch: pytest.MonkeyPatch, workers: tuple[str, ...]
) -> None:
    """Its dates are those of the clock, and the report says so."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    options = ("-q", "-o", "postmortem_grace=14", "--postmortem-report=json:report.json")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *workers], capture_output=True, check=False
    )

    report = json.loads((shop / "report.json").read_text())
    today = report["policy"]["today"]
    assert done.returncode == 0
    assert report["scope"]["root"] == ""
    assert report["findings"] == [
        {
            "code": "git-failed",
            "severity": "warning",
            "message": f"git: detected dubious ownership in repository at '{shop}';"
            f" run git config --global --add safe.directory {shop};"
            f" until then dates are judged by {today}",
            "path": None,
            "line": None,
        }
    ]


def test_a_new_post_mortem_says_that_deleted_ids_are_not_known(
    shop: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its number may have been that of a deleted one."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")

    status, _, err = answer(capsys, "new", "Mail is gone", "--date=2026-03-02")

    assert status == 0
    assert err == (
        "ids of deleted post-mortems are unknown, so one may be reused:"
        f" git: detected dubious ownership in repository at '{shop}';"
        f" run git config --global --add safe.directory {shop}\n"
    )
    assert os.listdir(shop / "docs" / "postmortems")
