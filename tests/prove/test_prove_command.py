"""``pytest-postmortem prove``: which tests are linked, what it may be asked, and what it says."""

from __future__ import annotations

import json
import re

import pytest

import repositories
from prove_repository import (
    FIXED,
    HANGS,
    HOLLOW,
    OLD,
    TEST,
    Repository,
    Said,
    module_of,
    table,
    text_of,
)
from pytest_postmortem.cli.main import main
from pytest_postmortem.prove.output import NOTHING_TO_PROVE

pytestmark = pytest.mark.slow

FAILS = "fails without {fix}: AssertionError: assert 50.0 == 5"


def proven(fix: str = "<PM-1>", name: str = "test_price", more: str = "") -> tuple[str, str]:
    """Return what is printed of a test that is proven."""
    return "proven", f"{name} {FAILS.format(fix=fix)}{more}"


HOLLOW_ROW = (
    "not proven",
    "test_price passes without <PM-2>, though it runs its lines",
    "the test would not notice if the problem came back",
)

NOT_LINKED = (
    "inconclusive",
    "no linked test is found in the code; the registry may name one under 'tests'",
)


BARE = TEST.replace('@pytest.mark.postmortem("{id}")\n', "")

BASES = """\
import pytest

@pytest.mark.postmortem("PM-1")
class Base:
    def test_price(self):
        from pm1 import price
        assert price(500) == 5
"""

LINKED = {
    "one-class": """\
import pytest
from {module} import price

@pytest.mark.postmortem("{id}")
class TestPrice:
    def test_price(self):
        assert price(500) == 5
""",
    "one-module": """\
import pytest
from {module} import price

pytestmark = [pytest.mark.slow, pytest.mark.postmortem("other", "{id}")]

def test_price():
    assert price(500) == 5
""",
    "parameter": """\
import pytest
from {module} import price

@pytest.mark.parametrize("cents", [0, pytest.param(500, marks=pytest.mark.postmortem("{id}"))])
def test_price(cents):
    assert price(cents) == 5
""",
    "other-parameter": """\
import pytest
from {module} import price

@pytest.mark.parametrize("cents", [500, pytest.param(0, marks=pytest.mark.postmortem("{id}"))])
def test_price(cents):
    assert price(cents) == cents / 100
""",
    "unit": """\
import unittest
import pytest
from {module} import price

@pytest.mark.postmortem("{id}")
class PriceTest(unittest.TestCase):
    def setUp(self):
        self.cents = 500
    def test_price(self):
        self.assertEqual(price(self.cents), 5)
""",
    "alias": TEST.replace("{id}", "Other Name"),
    "case": TEST.replace("{id}", "pm-1"),
    "mark": TEST.replace("postmortem", "issue"),
    "number": TEST.replace('"{id}"', "12"),
    "file": BARE,
    "function": BARE,
    "derived": """\
import pytest
from {module} import price

class Base:
    def test_price(self):
        assert price(500) == 5

@pytest.mark.postmortem("{id}")
class TestPrice(Base):
    pass
""",
    "elsewhere": """\
from bases import Base

class TestPrice(Base):
    pass
""",
    "constant": """\
import pytest
from {module} import price

incident = pytest.mark.postmortem("{id}")

@incident
def test_price():
    assert price(500) == 5
""",
    "fixture": """\
import pytest
from {module} import price

@pytest.fixture(params=[0, 500])
def cents(request):
    return request.param

@pytest.mark.postmortem("{id}")
def test_price(cents):
    assert price(cents) == cents / 100
""",
    "subfolder": TEST,
    "hook": BARE,
}
"""Ways to link a test."""

CONFTEST = """\
import pytest

def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.name == "test_hook.py":
            item.add_marker(pytest.mark.postmortem("hook"))
"""


def test_a_test_may_be_linked_in_any_way(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """What only a run of pytest would tell is not known."""
    ini = "[pytest]\npythonpath = .\npostmortem_markers = issue\nmarkers = slow\n"
    repository.write({"pytest.ini": ini, "bases.py": BASES, "conftest.py": CONFTEST})
    files = {
        f"{'sub/folder/' * (name == 'subfolder')}test_{name}.py": text_of("PM-1", text)
        for name, text in LINKED.items()
    }
    fix = repository.fixed(after={"pm1.py": FIXED, **files})
    tests = "tests: [test_file.py, 'test_function.py::test_price']"
    entry = f"{{id: PM-1, fix: {fix}, aliases: [Other Name, 12], {tests}}}"
    repository.write({"postmortems.yml": f"- {entry}\n"})

    with repository.untouched():
        status, said = repository.prove(capsys, "-v")
    said = said.replace("16 of 18 in their files; ", "")  # only if there was time for the others

    hollow = "not proven, passes without <PM-1>, though it runs its lines"
    ends = {
        "elsewhere": "proven, fails without <PM-1>: AssertionError",
        "fixture.py::test_price[0]": hollow,
        "fixture": f"proven, {FAILS.format(fix='<PM-1>').replace('== 5', '== (500 / 100)')}",
        "other-parameter": hollow,
        "unit": "proven, fails without <PM-1>: AssertionError: 50.0 != 5",
        "": f"proven, {FAILS.format(fix='<PM-1>')}",
    }
    nodeids = [
        "sub/folder/test_subfolder.py::test_price",
        "test_alias.py::test_price",
        "test_case.py::test_price",
        "test_constant.py::test_price",
        "test_derived.py::TestPrice::test_price",
        "test_elsewhere.py::TestPrice::test_price",
        "test_file.py::test_price",
        "test_fixture.py::test_price[0]",
        "test_fixture.py::test_price[500]",
        "test_function.py::test_price",
        "test_mark.py::test_price",
        "test_number.py::test_price",
        "test_one-class.py::TestPrice::test_price",
        "test_one-module.py::test_price",
        "test_other-parameter.py::test_price[0]",
        "test_parameter.py::test_price[500]",
        "test_unit.py::PriceTest::test_price",
    ]
    row = [
        *proven(more=" (15 of 17 linked tests)"),
        *(f"{each}: {next(end for name, end in ends.items() if name in each)}" for each in nodeids),
        "reverted: pm1.py",
    ]
    assert (status, said) == (0, table({"PM-1": row}, "1 of 1 proven"))


def shop(repository: Repository) -> None:
    """Have incidents of all kinds: proven, hollow, without a fix, exempt, without a test."""
    repository.fixed("PM-1")
    hollow = {"pm2.py": FIXED, "test_pm2.py": text_of("PM-2", HOLLOW)}
    repository.fixed("PM-2", after=hollow)
    named = dict(repository.fixes)
    repository.fixed("PM-3")
    repository.commit({"pm4.py": OLD})
    message = "repair\n\nPostmortem: pm-4"
    files = {"pm4.py": FIXED, "test_pm4.py": text_of("PM-4")}
    repository.fixes["PM-4"] = repository.commit(files, message)
    entries = {
        "PM-4": "title: Said by its commit",
        "PM-1": f"fix: {named['PM-1']}, title: Wrong price",
        "PM-2": f"fix: {named['PM-2']}",
        "PM-3": "aliases: [Old-3]",
        "PM-5": f"fix: {named['PM-1']}, test: exempt, reason: by hand",
        "PM-6": f"fix: {named['PM-1']}",
        "PM-7": "title: Nothing is known",
    }
    lines = [f"- {{id: {id}, {entry}}}\n" for id, entry in entries.items()]
    repository.write({"postmortems.yml": "".join(lines)})


OFFERED = (
    "inconclusive",
    "no fix is named; perhaps 'fix: <PM-3>' (2026-03-02, 'PM-3 fixed': it added test_price and"
    " wrote PM-3 into test_pm3.py and names it, together with pm3.py)",
)


def test_ids_name_incidents_which_are_proved_in_the_order_of_the_registry(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """By aliases and globs, whatever their case; what may be the fix is offered and not taken."""
    shop(repository)
    repository.git("commit", "--quiet", "--amend", "--message", "no trailer")

    status, said = repository.prove(capsys, "old-3", "pm-[17]", "PM-1")
    strictly = main(["prove", "--strict", "PM-3"])

    rows = {"PM-1": proven(), "PM-3": OFFERED, "PM-7": ("inconclusive", "no fix is named")}
    other = re.compile(r"; or 'fix: \w{9}' \(2026-03-02, 'PM-3 before': it names it, [^)]*\)")
    said, count = other.subn("", said)
    assert (status, said, count) == (0, table(rows, "1 of 3 proven, 2 inconclusive"), 1)
    assert strictly == 3


def test_the_name_of_a_document_may_be_marked_and_asked_for(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is an alias as one that the document has: for the mark, the trailer and the command."""
    repository.write({"postmortems/wrong-price.md": "---\nid: PM-1\n---\n# Wrong price\n"})
    fixed = {"pm1.py": FIXED, "test_pm1.py": text_of("PM-1").replace('"PM-1"', '"Wrong-Price"')}
    repository.fixed(after=fixed)
    message = "PM-1 fixed\n\nPostmortem: WRONG-price"
    repository.git("commit", "--quiet", "--amend", "--message", message)
    repository.fixes["PM-1"] = repositories.said(repository.folder, "rev-parse", "HEAD")

    status, said = repository.prove(capsys, "wrong-price")

    assert (status, said) == (0, table({"PM-1": proven()}, "1 of 1 proven"))


WRONG = {
    "PM-11": ("unknown post-mortem 'PM-11'", "did you mean 'PM-1'?"),
    "odl-3": ("unknown post-mortem 'odl-3'", "did you mean 'PM-3'?"),
    "x*": ("unknown post-mortem 'x*'", "correct the id"),
    "test_pm1.py": ("'test_pm1.py' is a test, and no fix is named", "name one with --fix=REV"),
    "nope.py::test_x --fix=HEAD": ("file 'nope.py' does not exist", "correct the path of the test"),
    "--fix=HEAD PM-7": ("no test is linked to PM-7", "name the tests themselves"),
    "--fix=HEAD PM-77": ("no test is linked to PM-77", "name the tests themselves"),
    "--fix=HEAD PM-1 PM-2": ("one fix is given", "name one incident, or tests of it"),
    "--fix=HEAD PM-1 test_pm1.py": ("one fix is given", "name one incident, or tests of it"),
    "--fix=HEAD --base=main": ("both --fix and --base are given", "give one of the two"),
    "--fix=x.patch --fix=HEAD": (
        "x.patch is not the only fix",
        "give it alone, or only commits",
    ),
    "--fix=HEAD --fix=WORKTREE": (
        "WORKTREE is not the only fix",
        "give it alone, or only commits",
    ),
    "--fix=x.patch test_pm1.py": ("the patch 'x.patch' can't be read", "name another fix"),
    "--fix=nope test_pm1.py": (
        "nope is not a commit in this clone: correct it, or git fetch origin",
        "name another fix",
    ),
    "--base=nope": (
        "nope is not a commit in this clone: correct it, or git fetch origin",
        "name another fix",
    ),
    "--fix=HEAD~1": (
        "the fix changes no test",
        "name the tests, as tests/test_x.py::test_y, or an incident",
    ),
    "--base=main": ("there is no change since main", "name another fix"),
    "--fix=WORKTREE": ("there is no change since HEAD", "name another fix"),
}
"""What a command line asks for that can't be done, and what is said of it."""


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> Said:
    """Return the exit status of the command, and what it says is wrong."""
    status = main(["prove", *arguments])
    said = capsys.readouterr()
    assert said.out == ""
    return status, said.err


def wrong(cause: str, remedy: str) -> Said:
    """Return what is said of wrong use."""
    see = "see `pytest-postmortem explain setting`"
    return 2, f"Couldn't prove: {cause}\n  {remedy}\n  {see}\n"


def test_what_can_not_be_meant_is_one_message(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything runs."""
    shop(repository)
    (repository.folder / ".git" / "info" / "exclude").write_text("*cache*\npostmortems.yml\n")
    repository.git("rm", "--quiet", "--cached", "--ignore-unmatch", "postmortems.yml")

    with repository.untouched():
        said = {each: asked(capsys, *each.split()) for each in WRONG}

    assert said == {each: wrong(*told) for each, told in WRONG.items()}


def test_without_a_registry_a_fix_has_to_be_named(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """And with an empty one there is nothing to prove."""
    repository.fixed()
    none = asked(capsys)
    repository.write({"postmortems.yml": "[]\n"})

    empty = repository.prove(capsys)
    strictly = repository.prove(capsys, "--strict")

    assert none == wrong(
        "no registry is configured", "name a fix with --fix=REV, and the tests of it"
    )
    assert empty == (0, f"{NOTHING_TO_PROVE}\n")
    assert strictly == (3, empty[1])


@pytest.mark.parametrize("option", ["--runs=0", "--jobs=x", "--timeout=0", "--timeout=soon"])
def test_a_number_has_to_be_one(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As of every command."""
    with pytest.raises(SystemExit) as error:
        main(["prove", option])

    name, _, value = option.partition("=")
    last = capsys.readouterr().err.splitlines()[-1]
    assert error.value.code == 2
    assert last.startswith(f"pytest-postmortem prove: error: argument {name}: {value!r} is not")


HAND = TEST.replace('@pytest.mark.postmortem("{id}")\n', "").format(module="pm1")

SALE = """\


def sale():
    return {}
"""

TEST_SALE = """\

def test_sale():
    from pm1 import sale
    assert sale() == 3
"""


def by_hand(fix: str, shown: str | None = None) -> Said:
    """Return what is printed of a fix that changed a test beside another."""
    fails = f"test_sale fails without {shown or fix}: AssertionError: assert 2 == 3"
    return 0, table({fix: ("proven", f"{fails} (1 of 2 in its file)")}, "1 of 1 proven")


def test_a_fix_needs_neither_registry_nor_mark(
    repository: Repository, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit with any test, as its path is from here or from the rootdir; without one, what the
    fix has added.
    """
    repository.write({"pytest.ini": "[pytest]\npythonpath = .\n"})
    before = {"pm1.py": OLD, "deep/test_other.py": "def test_other():\n    import pm1\n"}
    fix = repository.fixed(before=before, after={"pm1.py": FIXED, "deep/test_it.py": HAND})
    repository.fixes = {"the-fix": fix}  # as wide as what is printed
    monkeypatch.chdir(repository.folder / "deep")

    with repository.untouched():
        said = [
            repository.prove(capsys, f"--fix={fix}", *tests)
            for tests in (
                [],
                ["test_it.py"],
                ["deep/test_it.py::test_price"],
                ["test_other.py::test_other", "test_it.py::test_price"],
                ["test_it.py::test_nope"],
            )
        ]

    one = (0, table({"<the-fix>": proven("<the-fix>")}, "1 of 1 proven"))
    both = (
        *proven("<the-fix>", more=" (1 of 2 linked tests)"),
        "deep/test_other.py::test_other: not reached, passes without <the-fix>, and never runs its"
        " lines here",
        f"deep/test_it.py::test_price: proven, {FAILS.format(fix='<the-fix>')}",
    )
    none = ("inconclusive", "pytest collects no test_nope in test_it.py")
    assert said == [
        one,
        one,
        one,
        (0, table({"<the-fix>": both}, "1 of 1 proven")),
        (0, table({"<the-fix>": none}, "0 of 1 proven, 1 inconclusive")),
    ]


def test_a_fix_may_be_written_at_the_moment_or_come_in_any_form(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is not committed, a branch, a merge, a range, some commits, a patch: it is the same."""
    fixed, test = {"pm1.py": FIXED + SALE.format(3)}, {"test_it.py": HAND + TEST_SALE}
    repository.commit({"pm1.py": FIXED + SALE.format(2), "test_it.py": HAND})

    def prove(*arguments: str) -> Said:
        return repository.prove(capsys, *arguments)

    with_new = {"pm1.py": FIXED + SALE.format(3).replace("sale", "new")}
    repository.write({**with_new, "test_it.py": HAND + TEST_SALE.replace("sale", "new")})
    weak = prove("--fix=WORKTREE")
    repository.write({**fixed, **test})
    with repository.untouched():
        found = {"WORKTREE": prove("--fix=WORKTREE"), "since main": prove("--base=main")}
    repository.git("switch", "--quiet", "--create", "branch")
    repository.commit({}, "both")
    repository.commit({"more.txt": "x"})
    found["since main again"] = prove("--base=main")
    repository.git("switch", "--quiet", "main")
    repository.git("merge", "--quiet", "--no-ff", "branch", "--message", "merge")
    found["HEAD"] = prove("--fix=HEAD")
    found["HEAD^..HEAD"] = prove("--fix=HEAD^..HEAD")
    found["HEAD^2, HEAD^2~1"] = prove("--fix=HEAD^2", "--fix=HEAD^2~1")
    patch = repositories.said(repository.folder, "diff", "HEAD^", "HEAD", "--", "pm1.py")
    repository.write({"x.patch": patch + "\n"})
    found["x.patch"] = prove("--fix=x.patch", "test_it.py::test_sale")

    since = by_hand("since main", "the changes since main")
    expected = {name: by_hand(name) for name in found}
    assert found == {**expected, "since main": since, "since main again": since}
    assert weak[0] == 0
    assert weak[1].startswith(
        "WORKTREE  weak  test_new needs a name added by the fix, and would fail on any older tree:"
        " ImportError: cannot import name 'new'"
    )


def test_an_incident_may_be_proved_with_another_fix(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which is not kept, since the registry does not name it."""
    shop(repository)
    kept = repository.folder / "postmortem-proofs.json"
    kept.touch()

    said = repository.prove(capsys, f"--fix={repository.fixes['PM-3']}", "old-3")
    other = repository.prove(capsys, f"--fix={repository.fixes['PM-4']}", "PM-1")

    assert said == (0, table({"PM-3": proven("<PM-3>")}, "1 of 1 proven"))
    why = "test_price: the tests were not seen to import pm4.py"
    row = {"PM-1": ("inconclusive", why)}
    assert other == (0, table(row, "0 of 1 proven, 1 inconclusive"))
    assert kept.read_text() == ""


def test_the_strength_of_a_proof_is_kept(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is measured also of what is proven already, and again with another sample."""
    test = text_of("PM-1") + "    from pm1 import sale\n    sale()\n"
    after = {"pm1.py": FIXED + SALE.format(3), "test_pm1.py": test}
    repository.fixed(before={"pm1.py": OLD + SALE.format(2)}, after=after)
    repository.register()
    kept = repository.folder / "postmortem-proofs.json"
    kept.touch()
    repository.prove(capsys)

    said = repository.prove(capsys, "--strength")
    written = kept.read_text()
    again = repository.prove(capsys, "--strength")
    without = repository.prove(capsys)
    other = repository.prove(capsys, "--strength", "--mutants=2")
    repository.prove(capsys, "--again")

    headline = proven()[1]
    missed = 'missed  pm1.py:6  lost part of the fix: "return 3" reverted alone'
    more = "missed  pm1.py:6  return 3  →  return 4"
    row = ("proven", "strength 4 of 6 (2 missed)", headline, missed, more)
    unchanged = ("proven", row[1], f"{headline} (unchanged since DAY)", missed, more)
    first = ("proven", "strength 1 of 2 (1 missed, 2 of 6 mutants tried)", headline, missed)
    assert said == (0, table({"PM-1": row}, "1 of 1 proven"))
    assert again == without == (0, table({"PM-1": unchanged}, "1 of 1 proven"))
    assert other == (0, table({"PM-1": first}, "1 of 1 proven"))
    (strength,) = (each["strength"] for each in json.loads(written)["proofs"].values())
    assert strength["mutants"] == [
        {"path": "pm1.py", "line": 6, "kind": kind, "before": "return 3", "after": after}
        for kind, after in (("part", ""), ("constant", "return 4"))
    ]
    assert json.loads(kept.read_text())["proofs"]["PM-1"]["strength"]["made"] == 6


RACE = """\
import random
import pytest
from {module} import price

@pytest.mark.postmortem("{id}")
def test_price():
    assert price(500) == 5 or random.random() < 0.5
"""

SLOWER = f"""\
import os
import time
import pytest
from {{module}} import price

{HANGS}
@pytest.mark.postmortem("{{id}}")
def test_price():
    if price(500) != 5:
        hangs()
        time.sleep(60)
"""


def test_effort_is_as_it_is_asked_for(
    repository: Repository, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs of each side, and the time of each run; a race is told with its numbers."""
    for id, text in {"PM-1": TEST, "PM-2": RACE, "PM-3": SLOWER}.items():
        module = module_of(id)
        after = {f"{module}.py": FIXED, f"test_{module}.py": text_of(id, text)}
        repository.fixed(id, after=after)
    repository.register()

    certain = repository.prove(capsys, "PM-1", "--runs=3", "--shake")
    status, said = repository.prove(capsys, "PM-2", "--runs=30")
    repository.end_hanging_runs(monkeypatch)
    hanging = repository.prove(capsys, "PM-3", "--timeout=3")

    fails = "test_price fails in 3 of 3 runs without <PM-1>, in 0 of 3 with it"
    row = ("proven", f"{fails}: AssertionError: assert 50.0 == 5")
    assert certain == (0, table({"PM-1": row}, "1 of 1 proven"))
    race, last = said.splitlines()
    assert (status, last) == (0, "1 of 1 proven, 1 of them proven flaky (_ s)")
    assert re.fullmatch(
        r"PM-2  proven flaky  test_price fails in \d\d? of 30 runs without <PM-2>, in 0 of 30 with"
        r" it \(Fisher, one-sided, p = [\de.-]+\); one CI run catches a return with [\d.]+ %"
        r" \(95 %: [\d.]+–[\d.]+ %\), twenty repeats with [\d.]+ %",
        race,
    )
    why = "test_price does not end without <PM-3> within _ s: give a longer --timeout"
    rows = {"PM-3": ("inconclusive", why)}
    assert hanging == (0, table(rows, "0 of 1 proven, 1 inconclusive"))


def test_reports_go_where_they_are_asked_for(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """Several at once, each with all that was found.

    Without ids every incident is proved whose fix is known, from the registry or from a commit
    that says so, in the order of the registry; one that is exempt needs no proof.
    """
    shop(repository)
    folder = repository.folder.parent
    reports = ["github", "markdown:../out/proofs.md", "json:../proofs.json", "markdown", "term"]

    with repository.untouched():
        status, said = repository.prove(capsys, *(f"--report={each}" for each in reports))

    markdown = """\
### Regression tests: 2 of 4 proven, 1 not proven, 1 inconclusive

| incident | verdict | |
|---|---|---|
| PM-4 Said by its commit | proven | test\\_price {PM-4} |
| PM-1 Wrong price | proven | test\\_price {PM-1} |
| PM-2 | not proven | test\\_price passes without <PM-2>, though it runs its lines |
| PM-6 | inconclusive | {none} |
"""
    for id in ("PM-1", "PM-4"):
        markdown = markdown.replace(f"{{{id}}}", FAILS.format(fix=f"<{id}>"))
    markdown = markdown.replace("{none}", NOT_LINKED[1])
    rows = {"PM-4": proven("<PM-4>"), "PM-1": proven(), "PM-2": HOLLOW_ROW, "PM-6": NOT_LINKED}
    assert (status, said) == (
        1,
        "::error title=Post-mortem PM-2::test_price passes without <PM-2>,"
        " though it runs its lines\n"
        + markdown
        + table(rows, "2 of 4 proven, 1 not proven, 1 inconclusive"),
    )
    assert repository.told((folder / "out" / "proofs.md").read_text()) == markdown
    document = json.loads((folder / "proofs.json").read_text())
    found = [(each["id"], each["verdict"], each["title"]) for each in document["proofs"]]
    assert found == [
        ("PM-4", "proven", "Said by its commit"),
        ("PM-1", "proven", "Wrong price"),
        ("PM-2", "not-proven", "PM-2"),
        ("PM-6", "inconclusive", "PM-6"),
    ]


RED = "assert price(500) == 5 and price(0) == 1"

STATUS = {
    "red": TEST.replace("assert price(500) == 5", RED),
    "skipped": TEST.replace("def test", "@pytest.mark.skip\ndef test"),
    "broken": "import nowhere\n" + TEST,
}
"""Tests, by what becomes of them."""


def test_the_exit_status_tells_a_hollow_or_red_test_from_what_is_not_known(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which is a matter of ``--strict``; the status of each verdict is tried without a run."""
    for id, text in STATUS.items():
        repository.fixed(id, after={f"{id}.py": FIXED, f"test_{id}.py": text_of(id, text)})
    repository.register()
    capsys.readouterr()

    given = ["skipped broken", "skipped --strict", "red --strict"]
    statuses = {each: main(["prove", "--report=json:proofs.json", *each.split()]) for each in given}

    document = json.loads((repository.folder / "proofs.json").read_text())
    assert statuses == dict(zip(given, [0, 3, 1], strict=True))
    assert [each["verdict"] for each in document["proofs"]] == ["fails-with-fix"]


def test_it_runs_as_a_module(repository: Repository) -> None:
    """In a process of its own, with more incidents than run at a time."""
    for number in range(1, 4):
        repository.fixed(f"PM-{number}")
    repository.register()

    with repository.untouched():
        process = repository.start("--jobs=2")
        out, err = process.communicate(timeout=120)

    rows = {id: proven(f"<{id}>") for id in repository.fixes}
    assert (process.returncode, repository.told(out), err) == (
        0,
        table(rows, "3 of 3 proven"),
        "",
    )


FROM_HERE = """\
import time
import pytest
from here import price
time.sleep(3)

@pytest.mark.postmortem("here")
def test_price():
    assert price(500) == 5
"""

FROM_SOURCE = """\
import os, sys, time
import pytest
from there import price

@pytest.mark.postmortem("there")
def test_price():
    time.sleep(1.2)
    assert os.getcwd() not in sys.path
    assert price(500) == 5
"""


def test_how_pytest_is_started_for_one_incident_is_its_own_matter(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tests of one import what lies in the folder, those of the other must not."""
    repository.commit({"pytest.ini": "[pytest]\npythonpath = source\n"})
    for name, path, text in (
        ("here", "here.py", FROM_HERE),
        ("there", "source/there.py", FROM_SOURCE),
    ):
        repository.fixed(name, {path: OLD}, {path: FIXED, f"tests/test_{name}.py": text})
    repository.register()

    told = repository.prove(capsys, "--jobs=2")

    rows = {name: proven(f"<{name}>") for name in ("here", "there")}
    assert told == (0, table(rows, "2 of 2 proven"))
