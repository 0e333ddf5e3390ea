"""What `check` says of marks on functions and classes that pytest does not collect."""

from __future__ import annotations

from pathlib import Path

import pytest

from projects import configure
from pytest_postmortem.cli.main import main
from repositories import write

pytestmark = pytest.mark.usefixtures("few_lint_rules")

LOST = """\
import pytest

@pytest.mark.postmortem("A-1")
def check_it(): pass

class TestInit:
    def __init__(self): pass

    @pytest.mark.postmortem("A-2")
    def test_x(self): pass

@pytest.mark.postmortem("A-3")
def test_twice(): pass

def test_twice(): pass

@pytest.mark.postmortem("A-4")
def test_it(): pass
"""

USED = """\
import pytest
import unittest

class Base:
    @pytest.mark.postmortem("A-1")
    def test_inherited(self): pass

class TestOne(Base): pass

@pytest.mark.postmortem("A-2")
class Case(unittest.TestCase):
    def __init__(self, *args): super().__init__(*args)
    def test_x(self): pass

@pytest.mark.postmortem("A-3")
def check_it(): pass

test_it = check_it

class Shared:
    @pytest.mark.postmortem("A-4")
    def test_shared(self): pass
"""

USER = "from test_a import Shared\nclass TestShared(Shared): pass\n"


def check(
    folder: Path, files: dict[str, str], capsys: pytest.CaptureFixture[str], *arguments: str
) -> list[str]:
    """Return the findings on marks in a suite of these files."""
    configure(folder, "postmortem_registry = pm.yml")
    (folder / "pm.yml").write_text("".join(f"- id: A-{n}\n" for n in range(1, 5)))
    write(folder, files)
    main(["check", *arguments])
    return [line for line in capsys.readouterr().out.splitlines() if "[bad-marker]" in line]


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_mark_on_no_test_is_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing else would say why its incident has no test."""
    found = check(tmp_path, {"test_a.py": LOST}, capsys)

    start, end = "warning: @pytest.mark.postmortem", "; rename it, or move the mark to a test"
    no_test = "is on no test: pytest does not collect"
    assert found == [
        f"test_a.py:3: {start}('A-1') {no_test} check_it{end} [bad-marker]",
        f"test_a.py:9: {start}('A-2') {no_test} TestInit.test_x, as TestInit has a"
        f" constructor{end} [bad-marker]",
        f"test_a.py:12: {start}('A-3') {no_test} test_twice, as line 15 defines test_twice"
        f" again{end} [bad-marker]",
    ]


def test_a_mark_that_other_code_may_use_is_not_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By inheritance, also in another file, by unittest, or by another name."""
    assert check(tmp_path, {"test_a.py": USED, "test_b.py": USER}, capsys) == []


def test_of_one_file_alone_nothing_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The files that may use its marks are not read then."""
    assert check(tmp_path, {"test_a.py": LOST}, capsys, "test_a.py") == []
