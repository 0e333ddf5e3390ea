"""Today's code comes first: a fix that was undone, or that HEAD never had, is not proven."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prove_repository import Repository
from repositories import Files, commit, git, repository, said

INI = {"pytest.ini": "[pytest]\npythonpath = . src\n"}

BUG = {"m.py": "def f(x):\n    y = x\n    return y\n"}
FIX = {
    "m.py": "def f(x):\n    y = x * 2\n    return y\n",
    "tests/test_m.py": "from m import f\n\ndef test_f():\n    assert f(2) == 4\n",
}

LATER = {"m.py": "def f(x):\n    y = x  # simpler\n    return y\n\n\ndef g():\n    return 1\n"}

CLASSES = """\
import pytest
from shop.pay import fee

class TestFee:
    @pytest.mark.parametrize("amount", [10, 20])
    def test_fee(self, amount):
        assert fee(amount) == 1

    def test_no_fee(self):
        assert fee(0) == {zero}
"""


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository without a commit."""
    return Repository(tmp_path / "repo", monkeypatch)


def verdict(repo: Repository, capsys: pytest.CaptureFixture[str], *what: str) -> dict[str, object]:
    """Return the verdict of a command as data."""
    target = repo.folder.parent / "proofs.json"
    repo.prove(capsys, f"--report=json:{target}", *what)
    (proof,) = json.loads(target.read_text())["proofs"]
    return {name: proof[name] for name in ("verdict", "message", "way")} | {
        "tests": {test["nodeid"]: test["verdict"] for test in proof["tests"]}
    }


@pytest.mark.slow
@pytest.mark.parametrize("undo", [BUG, LATER], ids=["exactly", "later"])
def test_a_fix_that_was_undone(
    repo: Repository, capsys: pytest.CaptureFixture[str], undo: Files
) -> None:
    """The linked test fails today, whatever a transplant of the fix shows."""
    repo.commit(INI | BUG)
    fix = repo.commit(FIX)
    repo.commit(undo)

    assert verdict(repo, capsys, "--fix", fix) == {
        "verdict": "fails-with-fix",
        "message": "fails today: AssertionError: assert 2 == 4",
        "way": "today",
        "tests": {"tests/test_m.py::test_f": "fails-with-fix"},
    }


@pytest.mark.slow
def test_half_of_a_fix_was_undone(repo: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    """Each test has its own verdict, and a test that passes today is still proven."""
    text = "def fee(amount):\n    if amount:\n        return {0}\n    return {1}\n"
    folder = "src/shop"
    repo.commit(INI | {f"{folder}/__init__.py": "", f"{folder}/pay.py": text.format(9, 9)})
    fix = repo.commit(
        {f"{folder}/pay.py": text.format(1, 0), "tests/test_pay.py": CLASSES.format(zero=0)}
    )
    repo.commit({f"{folder}/pay.py": text.format(1, 7) + "\n\ndef later():\n    return fee(1)\n"})

    found = verdict(repo, capsys, "--fix", fix)

    file = "tests/test_pay.py::TestFee"
    assert found["verdict"] == "proven"
    assert found["tests"] == {
        f"{file}::test_fee[10]": "proven",
        f"{file}::test_fee[20]": "proven",
        f"{file}::test_no_fee": "fails-with-fix",
    }


@pytest.mark.slow
def test_a_linked_test_that_is_gone_proves_nothing(
    repo: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would pass and fail in the tree of the fix, which nobody has any more."""
    repo.commit(INI | BUG)
    fix = repo.commit(FIX)
    repo.commit({"m.py": "f = 3\n", "tests/test_m.py": "def test_f():\n    pass\n"})
    repo.commit({"tests/test_m.py": None})

    found = verdict(repo, capsys, "--fix", fix)

    assert found["verdict"] == "inconclusive"


UNMERGED = "{0} is not in HEAD: merge it, or name its commit here"


def test_a_fix_that_was_never_merged(repo: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    """The tree of its own branch proves nothing about HEAD."""
    repo.commit(INI | BUG | {"tests/test_o.py": "def test_o():\n    pass\n"})
    repo.git("switch", "--quiet", "--create", "branch")
    fix = repo.commit(FIX)
    repo.git("switch", "--quiet", "main")
    repo.commit({"other.txt": "other\n"})

    found = verdict(repo, capsys, "--fix", fix)

    assert (found["verdict"], found["message"]) == ("inconclusive", UNMERGED.format(fix[:9]))


@pytest.mark.slow
@pytest.mark.parametrize("later", [{}, {"m.py": FIX["m.py"].replace("y = x * 2", "y = 2 * x")}])
def test_a_fix_that_was_picked(
    repo: Repository, capsys: pytest.CaptureFixture[str], later: Files
) -> None:
    """HEAD has its changes under another name."""
    repo.commit(INI | BUG)
    repo.git("switch", "--quiet", "--create", "branch")
    fix = repo.commit(FIX)
    repo.git("switch", "--quiet", "main")
    repo.commit({"other.txt": "other\n"})
    repo.git("cherry-pick", "branch")
    capsys.readouterr()
    if later:
        repo.commit(later)

    assert verdict(repo, capsys, "--fix", fix)["verdict"] == "proven"


def test_what_head_has(tmp_path: Path) -> None:
    """A commit is in HEAD as itself, or as another one with its changes."""
    from pytest_postmortem.git import is_commit_included

    repo = repository(tmp_path / "repo")
    first = commit(repo, {"a.py": "1\n"})
    git(repo, "switch", "--quiet", "--create", "branch")
    picked = commit(repo, {"b.py": "1\n"})
    other = commit(repo, {"c.py": "1\n"})
    git(repo, "switch", "--quiet", "main")
    commit(repo, {"b.py": "1\n"})
    git(repo, "switch", "--quiet", "--orphan", "apart")
    apart = commit(repo, {"d.py": "1\n"})
    git(repo, "switch", "--quiet", "main")

    assert [is_commit_included(repo, each) for each in (first, picked, other, apart)] == [
        True,
        True,
        False,
        False,
    ]
    assert said(repo, "status", "--porcelain") == ""
