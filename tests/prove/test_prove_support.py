"""Files that only tests use are left in place and reverted; ``--source`` names the source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import repositories
from prove_repository import Repository
from pytest_postmortem.prove.revert import Workspace
from repositories import Files


def find_support(folder: Path, files: Files, *fix: str) -> list[str]:
    """Return the files of a fix that only support tests, of a few files in a folder."""
    repositories.write(folder, files)
    space = Workspace(
        folder.resolve(), folder.resolve(), frozenset(files), lambda path: "test_" in path
    )
    return space.find_test_support(fix)


LIBRARY = {"src/lib/__init__.py": "from . import http\n", "src/lib/http.py": "x = 1\n"}


@pytest.mark.parametrize(
    ("files", "fix", "expected"),
    [
        ({"server/app.py": "import lib\n"}, ["server/app.py"], ["server/app.py"]),
        ({"scripts/run.py": "from server import app\n", "server/app.py": ""}, ["server/app.py"],
         ["server/app.py"]),
        ({"src/lib/web.py": "from server.app import x\n", "server/app.py": ""},
         ["server/app.py"], []),
        ({"src/lib/factories.py": ""}, ["src/lib/factories.py"], ["src/lib/factories.py"]),
        ({"src/lib/admin.py": "from lib import factories\n", "src/lib/factories.py": ""},
         ["src/lib/factories.py"], []),
        ({"src/lib/testing/__init__.py": "from .fake_bank import Bank\n",
          "src/lib/testing/fake_bank.py": ""}, ["src/lib/testing/fake_bank.py"],
         ["src/lib/testing/fake_bank.py"]),
        ({"src/lib/latest.py": "", "src/lib/contest.py": "", "src/lib/attestation.py": ""},
         ["src/lib/latest.py", "src/lib/contest.py", "src/lib/attestation.py"], []),
    ],
)  # fmt: skip
def test_support_of_tests_is_known_by_name_place_and_imports(
    tmp_path: Path, files: Files, fix: list[str], expected: list[str]
) -> None:
    """Names alone do not decide: what the source imports is source."""
    assert find_support(tmp_path, {**LIBRARY, **files}, "src/lib/http.py", *fix) == expected


def test_a_flat_layout_knows_support_by_its_name(tmp_path: Path) -> None:
    """Without a folder ``src`` the place says nothing."""
    files = {"lib.py": "", "tool.py": "", "dummyserver/__init__.py": "", "dummyserver/app.py": ""}

    assert find_support(tmp_path, files, *files) == [
        "dummyserver/__init__.py",
        "dummyserver/app.py",
    ]


SERVER = """\
def answer(head):
    return {{"status": 200, "length": {0}}}
"""

CLIENT = """\
def read(answer):
    return {0}
"""

TEST = """\
from dummyserver.app import answer
from lib.client import read

def test_read():
    assert read(answer({})) == 5
"""


@pytest.mark.parametrize(
    ("options", "verdict", "left"),
    [
        pytest.param((), "proven", ["dummyserver/app.py"], id="both ways"),
        pytest.param(("--source=src",), "proven", ["dummyserver/app.py"], id="restricted"),
        pytest.param(
            *(("--source=dummyserver", "--source=src/*"), "not-proven", []),
            id="extended",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            *(("--source=dummyserver/*.py",), "inconclusive", ["src/lib/client.py"]),
            id="other half",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_dummy_server_that_the_fix_changed_too(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    verdict: str,
    left: list[str],
) -> None:
    """The old client with the old server passes, and with today's server it does not."""
    repository = Repository(tmp_path / "repo", monkeypatch)
    before = {
        "pytest.ini": "[pytest]\npythonpath = . src\n",
        "dummyserver/__init__.py": "",
        "dummyserver/app.py": SERVER.format(5),
        "src/lib/__init__.py": "",
        "src/lib/client.py": CLIENT.format("answer['length']"),
    }
    repository.commit(before)
    after = {
        "dummyserver/app.py": SERVER.format("'5'"),
        "src/lib/client.py": CLIENT.format("int(answer['length'])"),
        "test/test_client.py": TEST,
        "changes/12.bugfix.rst": "fixed\n",
        "src/lib/newsfragments/12.bugfix": "fixed\n",
        "CHANGES/13.feature.1": "fixed\n",
    }
    fix = repository.commit(after)

    repository.prove(capsys, "--report=json:../proofs.json", "--fix", fix, *options)

    (proof,) = json.loads((tmp_path / "proofs.json").read_text())["proofs"]
    news: Any = ["CHANGES/13.feature.1", "changes/12.bugfix.rst", "src/lib/newsfragments/12.bugfix"]
    assert (proof["verdict"], proof["left"]) == (verdict, sorted([*news, *left])), proof
