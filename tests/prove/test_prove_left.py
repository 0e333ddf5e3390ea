"""What of a fix stays in place or is no Python: it is told, and no test called hollow for it."""

from __future__ import annotations

import json

import pytest

from prove_repository import FIXED, OLD, Repository, table, text_of

pytestmark = pytest.mark.slow

GENERATES = """\
import pytest
from pm1 import price
from docs.gen import table

@pytest.mark.postmortem("PM-1")
def test_table():
    assert table() == [5, 10]
    assert price(0) == 0
"""

GEN = "def table():\n    return [5, {}]\n"


def generated(repository: Repository) -> None:
    """Commit a fix of a module and of a tool, of which the test guards the tool."""
    before = {"pm1.py": OLD, "docs/gen.py": GEN.format(9), "CHANGES.md": "none\n"}
    after = {"pm1.py": FIXED, "docs/gen.py": GEN.format(10), "CHANGES.md": "one\n"}
    repository.fixed(before=before, after={**after, "test_pm1.py": GENERATES})
    repository.register()


def parts(repository: Repository) -> list[tuple[list[str], list[str]]]:
    """Return what was taken away for each proof of the JSON report, and what stayed in place."""
    document = json.loads((repository.folder / "proofs.json").read_text())
    return [(proof["taken"], proof["left"]) for proof in document["proofs"]]


def test_a_test_is_not_called_hollow_where_a_part_of_the_fix_stays_that_it_loads(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """It may be the part that it guards; it is said how to take that away too."""
    generated(repository)

    unknown = repository.prove(capsys, "--report=json:proofs.json", "--report=term")
    known = repository.prove(capsys, "--source=docs/gen.py", "--source=pm1.py")

    why = (
        "the tests load docs/gen.py, a part of the fix that was not reverted;"
        " revert it too with --source=docs/gen.py --source=pm1.py"
    )
    row = ("inconclusive", f"test_table: {why}")
    assert unknown == (0, table({"PM-1": row}, "0 of 1 proven, 1 inconclusive"))
    assert parts(repository) == [(["pm1.py"], ["CHANGES.md", "docs/gen.py"])]
    fails = "test_table fails without <PM-1>: AssertionError: assert [5, 9] == [5, 10]"
    assert known == (0, table({"PM-1": ("proven", fails)}, "1 of 1 proven"))


def test_what_of_a_fix_stays_in_place_is_told(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """With all that is found, in JSON, and where a test is called hollow."""
    text = text_of("PM-2").replace("price(500) == 5", "price(0) == 0")
    after = {"pm2.py": FIXED, "docs/more.py": "x = 1\n", "test_pm2.py": text}
    repository.fixed("PM-2", after=after)
    after = {"pm3.py": FIXED, "docs/other.py": "x = 1\n", "test_pm3.py": text_of("PM-3")}
    repository.fixed("PM-3", after=after)
    repository.register()

    hollow = repository.prove(capsys, "PM-2")
    proven = repository.prove(capsys, "PM-3", "-v")
    again = repository.prove(capsys, "PM-3", "-v")
    repository.prove(capsys, "--report=json:proofs.json")  # both are known

    rows = (
        "not proven",
        "test_price passes without <PM-2>, though it runs its lines",
        "the test would not notice if the problem came back",
        "docs/more.py is part of the fix too, and was not reverted; pass --source=docs/more.py"
        " --source=pm2.py",
    )
    assert hollow == (1, table({"PM-2": rows}, "0 of 1 proven, 1 not proven"))
    fails = "test_price fails without <PM-3>: AssertionError: assert 50.0 == 5"
    lines = ("reverted: pm3.py", "left in place: docs/other.py")
    row = ("proven", fails, *lines)
    assert proven == (0, table({"PM-3": row}, "1 of 1 proven"))
    row = ("proven", f"{fails} (unchanged since DAY)", *lines)
    assert again == (0, table({"PM-3": row}, "1 of 1 proven"))
    assert parts(repository) == [
        (["pm2.py"], ["docs/more.py"]),
        (["pm3.py"], ["docs/other.py"]),
    ]


RATES = """\
import json
from pathlib import Path

def price(cents):
    return cents / json.loads((Path(__file__).parent / "rates.json").read_text())["cents"]{}
"""

PACKAGE = {
    "shop/__init__.py": "",
    "shop/price.py": RATES.format(""),
    "shop/rates.json": '{"cents": 10}',
}

DATA = """\
import os
import pytest
from shop.price import price

@pytest.mark.postmortem("PM-1")
def test_price():
    assert price(500) == 5

def test_where():
    assert os.path.exists("shop/README.md")
"""


@pytest.mark.parametrize("asked", [["--fix=WORKTREE"], ["--base=main"]], ids=" ".join)
def test_a_fix_that_is_not_committed_may_change_data(
    repository: Repository, capsys: pytest.CaptureFixture[str], asked: list[str]
) -> None:
    """It is taken away with the Python of the fix in a copy of the tree; documentation stays."""
    repository.commit({**PACKAGE, ".gitignore": "shop/made.py\n", "link": "x"})
    repository.git("switch", "--quiet", "--create", "branch")
    repository.write(
        {
            "shop/price.py": RATES.format(" + 0"),
            "shop/rates.json": '{"cents": 100}',
            "shop/README.md": "new",
            "shop/notes/extra.json": "{}",
            "shop/made.py": "x = 1\n",
            "test_it.py": DATA.replace("import os", "import os\nimport shop.made"),
        }
    )

    with repository.untouched():
        status, said = repository.prove(capsys, *asked, "test_it.py::test_price", "-v")

    id = "since main" if "--base=main" in asked else "WORKTREE"
    fix = "the changes since main" if "--base=main" in asked else "WORKTREE"
    row = (
        "proven",
        f"test_price fails without {fix}: AssertionError: assert 50.0 == 5 (1 of 2 in its file)",
        "reverted: shop/notes/extra.json, shop/price.py, shop/rates.json",
        "left in place: shop/README.md",
    )
    assert (status, said) == (0, table({id: row}, "1 of 1 proven"))


def test_a_test_that_does_not_notice_data_is_hollow(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """On today's tree, which goes on to count until a file of it changes."""
    after = {**PACKAGE, "shop/price.py": RATES.format(" + 0"), "shop/rates.json": '{"cents": 100}'}
    hollow = DATA.replace("price(500) == 5", "price(0) == 0")
    repository.fixed(before=PACKAGE, after={**after, "test_it.py": hollow, "shop/README.md": "x"})
    repository.register()
    repository.commit({"later.py": "x = 1\n"})

    first = repository.prove(capsys, "--report=json:proofs.json", "--report=term")
    known = repository.prove(capsys)
    repository.write({"shop/rates.json": '{"cents":  100}'})
    again = repository.prove(capsys)

    (proof,) = json.loads((repository.folder / "proofs.json").read_text())["proofs"]
    assert (proof["way"], proof["left"]) == ("patch", ["shop/README.md"])
    assert proof["taken"] == ["shop/price.py", "shop/rates.json"]
    assert (first[0], "unchanged since" in first[1]) == (1, False)
    assert "unchanged since" in known[1]
    assert "unchanged since" not in again[1]


def test_what_has_to_be_compiled_is_said(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its Python alone would be another program than the one that was."""
    repository.commit({"pm1.py": OLD, "speed.c": "1\n"})
    repository.write({"pm1.py": FIXED, "speed.c": "2\n", "test_pm1.py": text_of("PM-1")})

    said = repository.prove(capsys, "--fix=WORKTREE")

    why = (
        "patch: speed.c has to be compiled, which prove does not do;"
        " units: speed.c can't be replaced in memory; replay: the fix is not a commit"
    )
    row = {"WORKTREE": ("inconclusive", why)}
    assert said == (0, table(row, "0 of 1 proven, 1 inconclusive"))
