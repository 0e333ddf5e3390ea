"""Without named tests, those run that the fix added or changed, whatever plugin collects them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prove_repository import Repository

RULES = """\
import pytest, shop

class RuleFile(pytest.File):
    def collect(self):
        for line in self.path.read_text().splitlines():
            yield Rule.from_parent(self, name=line.partition(":")[0], line=line)

class Rule(pytest.Item):
    def __init__(self, line, **more):
        super().__init__(**more)
        self.line = line

    def runtest(self):
        assert shop.price(500) == int(self.line.partition(":")[2])

def pytest_collect_file(file_path, parent):
    if file_path.suffix == ".yaml":
        return RuleFile.from_parent(parent, path=file_path)
"""

OLD = "def price(cents):\n    return cents / 10\n"

IMPORTS = """\
import {0}pytest
from shop import price

def test_zero():
    assert price(0) == 0

{1}def test_price():
    assert price(500) == 5
"""

SKIP = "@pytest.mark.skip\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("files", "tests"),
    [
        ({"tests/rules/price.yaml": "all: 5\n", "tests/test_data.json": "{}"},
         ["tests/rules/price.yaml::all"]),
        ({"tests/test_price.txt": ">>> import shop\n>>> shop.price(500)\n5.0\n"},
         ["tests/test_price.txt::test_price.txt"]),
        ({"tests/test_shop.py": IMPORTS.format("os, ", "")}, ["tests/test_shop.py::test_price"]),
    ],
    ids=["rules", "doctest", "skip"],
)  # fmt: skip
def test_the_tests_of_a_fix_are_found(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    files: dict[str, str],
    tests: list[str],
) -> None:
    """Data that no plugin collects is no test, and neither is one whose imports changed."""
    repository = Repository(tmp_path / "repo", monkeypatch)
    before = {
        "pytest.ini": "[pytest]\npythonpath = .\n",
        "shop.py": OLD,
        "tests/conftest.py": RULES,
        "tests/test_shop.py": IMPORTS.format("", SKIP),
    }
    repository.commit(before)
    fix = repository.commit({"shop.py": OLD.replace("10", "100"), **files})

    repository.prove(capsys, "--report=json:../proofs.json", "--fix", fix)

    (proof,) = json.loads((tmp_path / "proofs.json").read_text())["proofs"]
    found = [test["nodeid"] for test in proof["tests"]]
    assert (proof["verdict"], found) == ("proven", tests), proof


@pytest.mark.slow
def test_data_that_nothing_collects_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A fix with nothing else has no test."""
    repository = Repository(tmp_path / "repo", monkeypatch)
    repository.commit({"shop.py": OLD})
    fix = repository.commit({"shop.py": OLD.replace("10", "100"), "tests/rules.yaml": "a: 1\n"})

    _, printed = repository.prove(capsys, "--fix", fix)

    assert "pytest collects no test from rules.yaml" in printed.splitlines()[0]
