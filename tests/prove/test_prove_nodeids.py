"""The node id of a class or a file stands for its tests, whichever way decides."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prove_repository import Repository

OLD = """\
def price(cents):
    return cents / 10
"""

LATER = """\
class Price:
    def __call__(self, cents):
        return cents / 100


globals()["price"] = Price()
"""

TEST = """\
import pytest
from shop import price

class TestPrice:
    @pytest.mark.parametrize("cents", [500, 0])
    def test_cents(self, cents):
        assert price(cents) == cents / 100

    class TestMore:
        def test_zero(self):
            assert price(0) == 0

def test_alone():
    assert price(100) == 1
"""

IN_CLASS = ["TestPrice::TestMore::test_zero", "TestPrice::test_cents[0]",
            "TestPrice::test_cents[500]"]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("way", ["patch", "replay"])
@pytest.mark.parametrize(
    ("nodeid", "tests"),
    [
        ("test_shop.py", [*IN_CLASS, "test_alone"]),
        ("test_shop.py::TestPrice", IN_CLASS),
        ("test_shop.py::TestPrice::test_cents", IN_CLASS[1:]),
    ],
)
def test_a_class_or_a_file_stands_for_its_tests(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    way: str,
    nodeid: str,
    tests: list[str],
) -> None:
    """With all their parameters, in the tree at the fix too."""
    repository = Repository(tmp_path / "repo", monkeypatch)
    repository.commit({"shop.py": OLD})
    fix = repository.commit({"shop.py": OLD.replace("10", "100"), "test_shop.py": TEST})
    if way == "replay":
        repository.commit({"shop.py": LATER})

    repository.prove(capsys, "--report=json:../proofs.json", "--fix", fix, nodeid)

    (proof,) = json.loads((tmp_path / "proofs.json").read_text())["proofs"]
    found = [test["nodeid"].removeprefix("test_shop.py::") for test in proof["tests"]]
    verdict = "proven-at-fix" if way == "replay" else "proven"
    assert (proof["verdict"], proof["way"]) == (verdict, way)
    assert sorted(found) == sorted(tests)
