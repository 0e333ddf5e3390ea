"""The tree as it was at the fix, or when its test was added, written into a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_postmortem.prove.fix import FixError, read_fix_from_patch, read_fix_from_revisions
from pytest_postmortem.prove.fix_files import Fix, FixFileKind
from pytest_postmortem.prove.revert import FixVersions, Workspace, revert_by_replay
from repositories import Files, commit, disturb, repository, write

LINES = "".join(f"line{n} = {n}\n" for n in range(1, 21))

TEST = "def test_once():\n    assert True\n"

TWO_CLASSES = """\
class TestA:
    def test_once(self): ...

class TestB:
    def test_once(self): ...
"""

KINDS: Mapping[str, FixFileKind] = {
    "src/shop/__init__.py": "source",
    "src/shop/pay.py": "source",
    "src/shop/new.py": "source",
    "src/shop/old.py": "source",
    "src/shop/page.html": "opaque",
    "src/shop/speed.c": "opaque",
    "tests/test_pay.py": "test",
    "tests/test_moved.py": "test",
}

FIXED = LINES.replace("line9 = 9", "line9 = 'nine'")

NODEID = "tests/test_pay.py::test_once"


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a package, read by a user with odd settings."""
    folder = repository(tmp_path / "repo")
    commit(
        folder,
        {
            "src/shop/__init__.py": "",
            "src/shop/pay.py": LINES,
            "src/shop/old.py": "old\n",
            "src/shop/page.html": "<old>\r\n",
            ".gitignore": "_version.py\n*.so\n/build/\n",
        },
    )
    disturb(tmp_path / "settings", monkeypatch)
    return folder


def fix_of(repo: Path, *commits: str) -> Fix:
    """Return a fix, its files classified."""
    return replace(read_fix_from_revisions(repo, commits), kinds=KINDS)


def workspace(repo: Path, root: str = "") -> Workspace:
    """Return a repository as the place of a proof; its files of today do not matter."""
    return Workspace(repo, repo / root, frozenset(), lambda path: False)


def replayed(
    repo: Path, fix: Fix, nodeids: Sequence[str], tree: Path, root: str = ""
) -> tuple[FixVersions, dict[str, str | None], dict[str, str | None]]:
    """Return a replay, and its source with the fix and without it by paths in the tree."""
    found = revert_by_replay(fix, workspace(repo, root), nodeids, tree)
    assert found.tree == tree
    fixed, before = (
        {Path(path).relative_to(tree).as_posix(): text for path, text in side.items()}
        for side in (found.fixed, found.before)
    )
    return found, fixed, before


def test_the_tree_is_that_of_the_fix(repo: Path, tmp_path: Path) -> None:
    """With the test that came in it; the source without the fix is told beside it."""
    files: Files = {
        "src/shop/pay.py": FIXED,
        "src/shop/new.py": "new\n",
        "src/shop/old.py": None,
        "src/shop/page.html": "<new>\r\n",
        "tests/test_pay.py": TEST,
    }
    fix = commit(repo, files)
    commit(repo, {"src/shop/pay.py": "today\n", "tests/test_pay.py": TEST + "\n# today\n"})

    found, fixed, before = replayed(
        repo, fix_of(repo, fix), ["tests/test_pay.py::test_once"], tmp_path / "tree"
    )

    tree = tmp_path / "tree"
    assert found.nodeids == {NODEID: NODEID}
    assert found.roots == (str(tree / "src"),)
    assert fixed == {"src/shop/pay.py": FIXED, "src/shop/new.py": "new\n", "src/shop/old.py": None}
    assert before == {"src/shop/pay.py": LINES, "src/shop/new.py": None, "src/shop/old.py": "old\n"}
    assert found.others == {
        tree / "src/shop/page.html": (b"<old>\r\n", b"<new>\r\n"),
        tree / "src/shop/pay.py": (LINES.encode(), FIXED.encode()),
        tree / "src/shop/new.py": (None, b"new\n"),
        tree / "src/shop/old.py": (b"old\n", None),
    }
    assert (tree / "src/shop/pay.py").read_text() == FIXED
    assert (tree / "tests/test_pay.py").read_text() == TEST
    assert not (tree / "src/shop/old.py").exists()


def test_a_test_that_came_later_brings_its_own_tree(repo: Path, tmp_path: Path) -> None:
    """The fix is taken away from the source as it was then."""
    fix = commit(repo, {"src/shop/pay.py": FIXED})
    later = FIXED + "more = 1\n"
    commit(repo, {"src/shop/pay.py": later, "tests/test_pay.py": TEST})
    commit(repo, {"src/shop/pay.py": "today\n"})

    found, fixed, before = replayed(
        repo, fix_of(repo, fix), ["tests/test_pay.py::test_once"], tmp_path / "tree"
    )

    assert found.nodeids == {NODEID: NODEID}
    assert fixed == {"src/shop/pay.py": later}
    assert before == {"src/shop/pay.py": LINES + "more = 1\n"}


def test_a_fix_of_several_commits_is_taken_away_step_by_step(repo: Path, tmp_path: Path) -> None:
    """The newest first; a step without source is passed over."""
    one = commit(repo, {"src/shop/pay.py": FIXED})
    two = commit(repo, {"README": "told\n"})
    third = FIXED.replace("line9 = 'nine'", "line9 = 'NINE'")
    three = commit(repo, {"src/shop/pay.py": third, "tests/test_pay.py": TEST})

    _, fixed, before = replayed(
        repo, fix_of(repo, one, two, three), ["tests/test_pay.py::test_once"], tmp_path / "tree"
    )

    assert fixed == {"src/shop/pay.py": third}
    assert before == {"src/shop/pay.py": LINES}


@pytest.mark.parametrize(
    ("then", "text", "today", "nodeid"),
    [
        ("tests/test_pay.py", TEST, "tests/test_pay.py::test_once[1-a::b]", "test_once"),
        ("old/test_pay.py", TEST, "tests/test_pay.py::test_once", "test_once"),
        ("tests/test_moved.py", TEST, "tests/test_pay.py::test_once", "test_once"),
        (
            "tests/test_pay.py",
            "class TestPay:\n    def test_once(self): ...\n",
            "tests/test_pay.py::test_once",
            "TestPay::test_once",
        ),
        (
            "tests/test_pay.py",
            TWO_CLASSES,
            "tests/test_pay.py::TestB::test_once",
            "TestB::test_once",
        ),
        (
            "tests/test_pay.py",
            TEST,
            "tests/test_pay.py::TestNew::test_once",
            "test_once",
        ),
    ],
    ids=["parameters", "folder", "file of the fix", "class then", "classes", "class now"],
)
def test_a_test_may_have_been_called_otherwise_then(
    repo: Path, tmp_path: Path, then: str, text: str, today: str, nodeid: str
) -> None:
    """Its folder, its class, or the file of a test that the fix changed."""
    fix = commit(repo, {"src/shop/pay.py": FIXED, then: text})

    found, _, _ = replayed(repo, fix_of(repo, fix), [today], tmp_path / "tree")

    assert found.nodeids == {f"{then}::{nodeid}": today.partition("[")[0]}


def test_tests_that_are_one_then_are_named_once(repo: Path, tmp_path: Path) -> None:
    """As the parameters of one function; those that are not there are left out."""
    fix = commit(repo, {"src/shop/pay.py": FIXED, "tests/test_pay.py": TEST})
    nodeids = [f"tests/test_pay.py::{name}" for name in ("test_once[1]", "test_once[2]", "test_no")]

    found, _, _ = replayed(repo, fix_of(repo, fix), nodeids, tmp_path / "tree")

    assert found.nodeids == {NODEID: NODEID}


def test_a_name_then_that_is_known_is_looked_for(repo: Path, tmp_path: Path) -> None:
    """A test that was renamed since is found where it came with the fix, or after it."""
    fix = commit(repo, {"src/shop/pay.py": FIXED, "old/test_a.py": TEST})
    commit(repo, {"old/test_a.py": None, NODEID.partition("::")[0]: TEST.replace("once", "twice")})
    today, then = "tests/test_pay.py::test_twice", "old/test_a.py::test_once"

    found = revert_by_replay(
        fix_of(repo, fix), workspace(repo), [f"{today}[1]"], tmp_path / "tree", {today: then}
    )

    assert found.nodeids == {then: today}


@pytest.mark.parametrize(
    ("text", "exported"),
    [
        ("[a]\n[pytest]\nx = 1\n", "[a]\n[tool:pytest]\nx = 1\n"),
        ("[tool:pytest]\n[pytest]\n", "[tool:pytest]\n[pytest]\n"),
        ("[a]\nx = [pytest]\n", "[a]\nx = [pytest]\n"),
    ],
    ids=["old", "both", "value"],
)
def test_the_section_of_an_old_setup_cfg_is_one_that_pytest_reads(
    repo: Path, tmp_path: Path, text: str, exported: str
) -> None:
    """Since pytest 4, one named [pytest] ends a run before any test is collected."""
    fix = commit(repo, {"src/shop/pay.py": FIXED, "tests/test_pay.py": TEST, "setup.cfg": text})

    replayed(repo, fix_of(repo, fix), [NODEID], tmp_path / "tree")

    assert (tmp_path / "tree" / "setup.cfg").read_text() == exported


def test_a_rootdir_below_the_top_is_below_the_tree(repo: Path, tmp_path: Path) -> None:
    """Node ids are those from the rootdir."""
    kinds: Mapping[str, FixFileKind] = {"backend/app/pay.py": "source"}
    commit(repo, {"backend/app/__init__.py": "", "backend/app/pay.py": LINES})
    end = commit(repo, {"backend/app/pay.py": FIXED, "backend/tests/test_pay.py": TEST})
    fix = replace(read_fix_from_revisions(repo, [end]), kinds=kinds)

    found, fixed, _ = replayed(
        repo, fix, ["tests/test_pay.py::test_once"], tmp_path / "tree", root="backend"
    )

    assert found.nodeids == {NODEID: NODEID}
    assert found.roots == (str(tmp_path / "tree" / "backend"),)
    assert list(fixed) == ["backend/app/pay.py"]


def test_what_a_build_has_left_is_there_too(repo: Path, tmp_path: Path) -> None:
    """Where its folder was there then, and no file of that name."""
    fix = commit(repo, {"src/shop/pay.py": FIXED, "tests/test_pay.py": TEST})
    built: Files = {
        "src/shop/_version.py": "1\n",
        "src/shop/fast.so": b"\0",
        "build/lib/a.so": b"\0",
    }
    write(repo, {**built, "src/later/_version.py": "1\n", "src/later/a.py": "1\n"})

    tree = tmp_path / "tree"
    replayed(repo, fix_of(repo, fix), ["tests/test_pay.py::test_once"], tree)

    there = {path.relative_to(tree).as_posix() for path in tree.rglob("*.*")}
    assert there == {
        *(".gitignore", "src/shop/__init__.py", "src/shop/old.py", "src/shop/page.html"),
        *("src/shop/pay.py", "src/shop/_version.py", "src/shop/fast.so", "tests/test_pay.py"),
    }


def test_what_was_committed_then_is_not_replaced_by_what_a_build_left(
    repo: Path, tmp_path: Path
) -> None:
    """A file may have been generated only later."""
    write(repo, {".gitignore": ""})
    fix = commit(
        repo,
        {"src/shop/pay.py": FIXED, "src/shop/_version.py": "then\n", "tests/test_pay.py": TEST},
    )
    commit(repo, {"src/shop/_version.py": None, ".gitignore": "_version.py\n"})
    write(repo, {"src/shop/_version.py": "today\n"})

    replayed(repo, fix_of(repo, fix), ["tests/test_pay.py::test_once"], tmp_path / "tree")

    assert (tmp_path / "tree" / "src/shop/_version.py").read_text() == "then\n"


@pytest.mark.parametrize(
    ("files", "nodeids", "why"),
    [
        ({}, [], "it has no linked test"),
        (
            {"src/shop/speed.c": "new\n"},
            [NODEID],
            "src/shop/speed.c has to be compiled, which prove does not do",
        ),
        (
            {"tests/test_pay.py": "def test_other(): ...\n"},
            [NODEID],
            "no commit has both the test and the fix",
        ),
        (
            {"tests/test_pay.py": "def test_once(:\n"},
            [NODEID],
            "no commit has both the test and the fix",
        ),
        (
            {"tests/test_pay.py": TWO_CLASSES},
            [NODEID],
            "no commit has both the test and the fix",
        ),
    ],
    ids=["no test", "compiled", "other test", "no python", "which one"],
)
def test_there_may_be_no_tree_in_which_the_tests_could_run(
    repo: Path, tmp_path: Path, files: Files, nodeids: Sequence[str], why: str
) -> None:
    """It is said why."""
    fix = commit(repo, {"src/shop/pay.py": FIXED, **files})

    with pytest.raises(FixError) as caught:
        revert_by_replay(fix_of(repo, fix), workspace(repo), nodeids, tmp_path / "tree")

    assert str(caught.value) == why


def test_a_test_that_came_before_the_fix_and_went_is_not_found(repo: Path, tmp_path: Path) -> None:
    """The commit that added it does not have the fix."""
    commit(repo, {"tests/test_pay.py": TEST})
    commit(repo, {"tests/test_pay.py": None})
    fix = commit(repo, {"src/shop/pay.py": FIXED})

    with pytest.raises(FixError, match="has both the test and the fix"):
        revert_by_replay(fix_of(repo, fix), workspace(repo), [NODEID], tmp_path / "tree")


def test_source_that_changed_before_the_test_came_can_not_be_taken_back(
    repo: Path, tmp_path: Path
) -> None:
    """The lines of the fix were others by then."""
    fix = commit(repo, {"src/shop/pay.py": FIXED})
    commit(repo, {"src/shop/pay.py": FIXED.replace("line8", "LINE8"), "tests/test_pay.py": TEST})

    with pytest.raises(FixError) as caught:
        revert_by_replay(fix_of(repo, fix), workspace(repo), [NODEID], tmp_path / "tree")

    assert str(caught.value) == "the source was different when the test was added"


def test_a_patch_has_no_tree(repo: Path, tmp_path: Path) -> None:
    """It is no commit."""
    patch = "--- a/src/shop/pay.py\n+++ b/src/shop/pay.py\n@@ -1 +1 @@\n-line1 = 1\n+one\n"
    write(repo, {"x.patch": patch})

    fix = read_fix_from_patch(repo, "x.patch", [repo])

    with pytest.raises(FixError) as caught:
        revert_by_replay(fix, workspace(repo), [NODEID], tmp_path / "tree")

    assert str(caught.value) == "the fix is not a commit"
