"""A newcomer's afternoon: from an empty repository with a bug to an incident that is guarded."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from repositories import git

pytestmark = pytest.mark.slow

TITLE = "Discount page failed for everyone"
DOCUMENT = "docs/postmortems/PM-0001-discount-page-failed-for-everyone.md"
TEST = "tests/test_discount.py"
NODEID = f"{TEST}::test_discount_page_failed_for_everyone"

BROKEN = "def discount(spent):\n    return [0, 5, 10][int(spent // 100)]\n"
FIXED = "def discount(spent):\n    return [0, 5, 10][max(0, min(2, int(spent // 100)))]\n"

WRITTEN = """\
import pytest

from discount import discount


@pytest.mark.postmortem("PM-0001")
def test_discount_page_failed_for_everyone():
    assert discount(-350) == 0
"""

CAUSE = "The step was looked up by a number that nobody expected to be negative.\n"
ITEM = "| Look up all steps by `bisect` | shop team | 2026-12-04 | prevent | open |\n"


class Desk:
    """A repository, and what is typed in it: each step says how it ended and what was printed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        git(folder, "init", "--quiet")

    def write(self, name: str, text: str) -> None:
        """Save a file."""
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(text, encoding="utf-8")

    def postmortem(self, *arguments: str) -> tuple[int, str]:
        """Type ``pytest-postmortem ...``."""
        return self._typed("pytest_postmortem", *arguments)

    def pytest(self, *arguments: str) -> tuple[int, str]:
        """Type ``pytest ...``."""
        return self._typed("pytest", "-p", "no:cacheprovider", *arguments)

    def commit(self, message: str) -> None:
        """Commit everything on a fixed day."""
        git(self.folder, "add", "--all")
        git(self.folder, "commit", "--quiet", "-m", message, "--date", "2026-11-20T12:00:00Z")

    def _typed(self, *words: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", *words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert done.stderr == ""
        return done.returncode, done.stdout


def last_line(text: str) -> str:
    """Return the line of a run that says what is guarded."""
    return [line for line in text.splitlines() if " guarded" in line][-1]


def test_an_afternoon(tmp_path: Path) -> None:
    """Each step says what the next one is, and the last one that the incident is guarded."""
    desk = Desk(tmp_path)
    desk.write("discount.py", BROKEN)
    desk.write("pyproject.toml", '[tool.pytest.ini_options]\npythonpath = ["."]\n')
    desk.commit("a shop")

    status, said = desk.postmortem("init", "--yes")
    assert status == 0
    assert "pytest-postmortem new" in said

    status, said = desk.postmortem(
        "new", TITLE, "--date", "2026-11-20", "--severity", "sev1", "--test", TEST
    )
    assert status == 0
    assert said.splitlines()[:3] == [
        f"PM-0001  {TITLE}",
        f"  {DOCUMENT}",
        f"  {NODEID} (fails until it is written)",
    ]

    status, said = desk.pytest()
    assert status == 1
    assert f"Failed: write the regression test of PM-0001: {TITLE}" in said
    assert last_line(said) == "0 of 1 incident guarded (0 %), 1 linked"

    status, said = desk.postmortem("check")
    assert status == 0
    assert re.findall(r"\[(.*)\]", said) == ["cause-missing", "action-missing"]

    desk.write(TEST, WRITTEN)
    document = (tmp_path / DOCUMENT).read_text(encoding="utf-8")
    told = re.sub(r"(?<=## Root cause\n\n)<!--.*?-->\n", CAUSE, document, count=1, flags=re.DOTALL)
    desk.write(DOCUMENT, re.sub(r"\|.*\| prevent \| open \|\n", ITEM, told))
    status, said = desk.pytest()
    assert status == 1
    assert f"PM-0001  {TITLE} (sev1, 2026-11-20)\n         {DOCUMENT}\n" in said
    assert "IndexError" in said

    desk.write("discount.py", FIXED)
    status, said = desk.pytest()
    assert status == 0
    assert last_line(said) == "1 of 1 incident guarded (100 %), 1 linked"

    desk.commit("a negative total gets no discount")
    status, said = desk.pytest("--postmortem-fail-under=100", "-W", "error")
    assert status == 0

    status, said = desk.postmortem("check")
    assert re.findall(r"\[(.*)\]", said) == ["test-stale"]

    document = (tmp_path / DOCUMENT).read_text(encoding="utf-8")
    desk.write(DOCUMENT, document.replace("fails until it is written", "gives it a negative total"))
    status, said = desk.postmortem("check", "--strict")
    assert (status, said) == (0, "Nothing wrong in 1 post-mortem and 1 test file\n")

    status, said = desk.postmortem("prove", "PM-0001", "--fix", "HEAD")
    assert status == 0
    assert "1 of 1 proven" in said

    status, said = desk.postmortem("init")
    assert status == 0
    assert "nothing is missing in pyproject.toml\n1 incident: 1 linked" in said
