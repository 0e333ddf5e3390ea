"""``pytest-postmortem scan`` in a repository: the fixes of incidents, and what came with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_postmortem.cli.main import main
from repositories import commit, git, repository, said, write

PULL = "https://github.com/shop/cart/pull"

SHOP = "def charge(calls):\n    calls.append(1)\n    calls.append(1)\n"
FIXED = "def charge(calls):\n    calls.append(1)\n"
TESTS = "import shop\n\n\ndef test_shop():\n    assert shop\n"
NEW_TESTS = f"""{TESTS}

def test_charges_once():
    calls = []
    shop.charge(calls)
    assert calls == [1]


def test_is_there():
    calls = []
    shop.charge(calls)
    assert calls
"""

REGISTRY = f"""\
postmortems:
- id: PM-1
  title: Charged twice
  summary: Fixed in {PULL}/12.
- id: PM-2
  title: Slow
  summary: Fixed in {PULL}/13.
- id: PM-3
  title: Login loop
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a fix and its tests, and a fix without one."""
    repository(tmp_path)
    git(tmp_path, "remote", "add", "origin", "git@github.com:shop/cart.git")
    ini = "[pytest]\npostmortem_registry = pm.yml\npythonpath = .\ncache_dir = .cache\n"
    files = {"shop.py": SHOP, "tests/test_shop.py": TESTS, "pytest.ini": ini, "pm.yml": REGISTRY}
    commit(tmp_path, {**files, ".gitignore": ".cache\n__pycache__\n"}, "Begin")
    commit(tmp_path, {"shop.py": FIXED, "tests/test_shop.py": NEW_TESTS}, "Charge once (#12)")
    commit(tmp_path, {"slow.py": "A = 1\n"}, "Cache (#13)")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def table(text: str) -> list[list[str]]:
    """Return the rows of a table, without the hashes of commits."""
    rows = [row.split("  ") for row in text.splitlines()]
    return [[cell.strip() for cell in row if cell.strip()] for row in rows if row[0]]


def test_the_table_has_each_incident_with_its_fix_and_what_came_with_it(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Association is not proof, and the words say so."""
    assert main(["scan", "--from", "fixes"]) == 1

    rows = table(capsys.readouterr().out)
    assert [[row[0], *row[2:]] for row in rows[1:4]] == [
        ["PM-1", "2 tests", "came with the fix"],
        ["PM-2", "–", "no Python test came with the fix"],
        ["PM-3", "–", "no fix named"],
    ]
    assert rows[1][1].endswith("(#12 in text)")
    assert rows[4] == ["2 of 3 incidents: fix found; 1 with tests"]


def test_names_and_fixes_are_both_looked_for(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bare scan does both, and each can be left out."""
    main(["scan"])
    both = capsys.readouterr().out
    main(["scan", "--from", "names"])
    names = capsys.readouterr().out

    assert names == "No test in 1 file mentions an incident that it is not linked to\n"
    assert both.startswith(f"{names}\nincident  fix")


def test_only_what_is_proven_is_marked_unless_more_is_asked_for(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a proof nothing is marked; `--unproven` marks what came with the fix."""
    main(["scan", "--from", "fixes", "--diff"])
    assert capsys.readouterr().out == ""

    main(["scan", "--from", "fixes", "--apply", "--unproven"])
    assert capsys.readouterr().out.endswith("\n2 tests marked in 1 file\n")
    text = (root / "tests/test_shop.py").read_text()
    assert text.count('@pytest.mark.postmortem("PM-1")') == 2

    main(["scan", "--from", "fixes", "--apply", "--unproven"])
    assert capsys.readouterr().out.endswith("\n0 tests marked in 0 files\n")


def test_the_tests_run_in_the_environment_that_is_named(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As for `prove`: an old fix may need the Python and the packages of its time."""
    assert main(["scan", "--from", "fixes", "--prove", "--python", "then/bin/python"]) == 2

    error = capsys.readouterr().err
    assert "--python=then/bin/python: it can't be run: No such file or directory" in error


@pytest.mark.slow
def test_a_test_that_moved_is_proven_under_the_name_that_it_has_today(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where only the tree at the fix can decide, the verdict is still on the test of today."""
    moved = NEW_TESTS.replace("shop", "cart").replace("charge(", "pay(")
    files = {"shop.py": None, "cart.py": FIXED.replace("charge", "pay")}
    tests = {"tests/test_shop.py": None, "tests/test_cart.py": moved}
    commit(root, {**files, **tests}, "A cart")

    assert main(["scan", "--from", "fixes", "--prove", "--report", "json"]) == 1

    fix = json.loads(capsys.readouterr().out)["fixes"][0]
    assert {test["tests"][0]: test["verdict"] for test in fix["tests"]} == {
        "tests/test_cart.py::test_charges_once": "proven-at-fix",
        "tests/test_cart.py::test_is_there": "not-proven",
    }


@pytest.mark.slow
def test_the_proof_tells_the_guard_from_what_only_came_with_the_fix(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One experiment runs all candidates; what was proven is kept, and only that is marked."""
    assert main(["scan", "--from", "fixes", "--prove"]) == 1
    out = capsys.readouterr().out
    assert "proven (1 of 2), passes without it (1 of 2)" in out
    assert "1 proven" in out.splitlines()[-2]

    main(["scan", "--from", "fixes", "--prove", "--report", "json"])
    (record, *_) = json.loads(capsys.readouterr().out)["fixes"]
    assert [(test["tests"], test["word"]) for test in record["tests"]] == [
        (["tests/test_shop.py::test_charges_once"], "proven"),
        (["tests/test_shop.py::test_is_there"], "passes without it"),
    ]

    main(["scan", "--from", "fixes", "--prove", "--apply"])
    text = (root / "tests/test_shop.py").read_text()
    assert text.count("postmortem(") == 1
    assert '@pytest.mark.postmortem("PM-1")\ndef test_charges_once' in text


def test_the_fixes_are_written_into_the_registry(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--fixes` writes what was found, once."""
    main(["scan", "--from", "fixes", "--apply", "--fixes"])

    assert "'fix' written into 1 file" in capsys.readouterr().out
    assert (root / "pm.yml").read_text().count("\n  fix: ") == 2
    main(["scan", "--from", "fixes", "--apply", "--fixes"])
    assert "'fix' written" not in capsys.readouterr().out
    assert (root / "pm.yml").read_text().count("\n  fix: ") == 2


def test_a_fix_that_cannot_be_written_is_printed(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file of an unknown layout is left alone."""
    write(root, {"pm.json": json.dumps([{"id": "PM-1", "summary": f"Fixed in {PULL}/12."}])})
    write(root, {"pytest.ini": "[pytest]\npostmortem_registry = pm.json\n", "pm.yml": None})

    assert main(["scan", "--from", "fixes", "--apply", "--fixes"]) == 1

    assert "PM-1 in pm.json: write 'fix: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("head", "other", "written"),
    [
        ("\n**Date:** 2026-03-02\n", "", "\n**Date:** 2026-03-02\n**Fix commit:** FIX\n"),
        ("", "---\ntitle: B\n---\n", "---\nfix: FIX\n---\n\n# Charged twice\n"),
        ("", "# B\n", ""),
    ],
)
def test_a_fix_is_written_into_a_document_without_front_matter(
    root: Path, capsys: pytest.CaptureFixture[str], head: str, other: str, written: str
) -> None:
    """As a label at its head, or as front matter where the other documents have it, and once."""
    document = root / "docs/PM-1.md"
    text = f"# Charged twice\n{head}\nFixed in {PULL}/12.\n"
    write(root, {"docs/PM-1.md": text, "docs/PM-2.md": other or "# B\n"})
    ini = (root / "pytest.ini").read_text(encoding="utf-8").replace("pm.yml", "docs")
    (root / "pytest.ini").write_text(ini, encoding="utf-8")
    fix = said(root, "rev-parse", "HEAD^")

    main(["scan", "--from", "fixes", "--apply", "--fixes"])
    first = document.read_text(encoding="utf-8")
    by_hand = "by hand" in capsys.readouterr().out
    main(["scan", "--from", "fixes", "--apply", "--fixes"])

    assert written.replace("FIX", fix) in first
    assert by_hand is (not written)
    assert document.read_text(encoding="utf-8") == first
    assert ("(registry)" in capsys.readouterr().out) is bool(written)


@pytest.mark.parametrize(
    ("summary", "seen"),
    [
        (f"See also {PULL}/12.", "#12 is not taken: it is not called the fix"),
        (f"Introduced in {PULL}/12.", "#12 is not taken: it is called the cause"),
        (f"{PULL}/99", "#99 is not taken: no commit of this history landed #99"),
        (f"{PULL}/99 and {PULL}/98", "#99 is not taken: no commit of this history landed #99 (1"),
        ("https://github.com/a/b/pull/12", "#12 is not taken: it is of another repository"),
        ("Nothing.", ""),
    ],
)
def test_without_a_fix_the_table_names_what_was_seen_and_not_taken(
    root: Path, capsys: pytest.CaptureFixture[str], summary: str, seen: str
) -> None:
    """The reader of a report that links a change learns why it is not its fix."""
    write(root, {"pm.yml": f"- id: PM-1\n  title: Charged twice\n  notes: {summary}\n"})

    main(["scan", "--from", "fixes"])

    (row,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("PM-1")]
    assert ("no fix named; " + seen if seen else "no fix named") in row
    assert ("; " in row) is bool(seen)


def test_json_and_markdown_have_the_evidence(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is taken, and what is not, is in the data."""
    main(["scan", "--from", "fixes", "--report", "json"])
    record = json.loads(capsys.readouterr().out)["fixes"][0]
    main(["scan", "--from", "fixes", "--report", "markdown"])
    lines = capsys.readouterr().out.splitlines()

    assert record["fix"][0]["subject"] == "Charge once (#12)"
    assert record["evidence"][0]["where"] == "pm.yml:4"
    assert record["evidence"][0]["taken"] is True
    assert record["tests"][0]["word"] == "came with the fix"
    assert lines[0].startswith("### Tests that came with the fix of an incident: 2 of 3")
    assert "PM-1" in lines[4].replace("\u200b", "")


def test_verbose_shows_the_evidence(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where each piece was read, and whether it was taken."""
    main(["scan", "--from", "fixes", "-v"])

    assert "    pm.yml:4: #12 → " in capsys.readouterr().out


def test_a_lost_lesson_is_reported_with_the_commit_that_removed_it(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A test that is not in the suite any more guards nothing."""
    removal = commit(root, {"tests/test_shop.py": TESTS}, "Clean up")

    assert main(["scan", "--from", "fixes"]) == 0

    assert f"2 tests gone, removed by {removal[:9]}" in capsys.readouterr().out


def test_a_guarded_incident_asks_for_nothing(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One linked test is enough, and the table says that it is linked."""
    head = "import pytest\n" + NEW_TESTS
    text = head.replace("def test_charges", '@pytest.mark.postmortem("PM-1")\ndef test_charges')
    write(root, {"tests/test_shop.py": text})

    assert main(["scan", "--from", "fixes"]) == 0


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (["--unproven"], "--unproven alone marks nothing"),
        (["--fixes"], "--fixes alone writes nothing"),
        (["--prove", "--from", "names"], "--prove needs fixes"),
    ],
)
def test_options_that_do_nothing_alone_are_refused(
    root: Path, words: list[str], cause: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong use has a cause and a remedy."""
    assert main(["scan", *words]) == 2

    assert cause in capsys.readouterr().err


def test_a_shallow_clone_says_what_it_cannot_see(
    root: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The commit at the border has no parent, so that its changes are unknown."""
    clone = tmp_path_factory.mktemp("clone") / "it"
    git(root, "clone", "--quiet", "--depth=2", f"file://{root}", str(clone))
    git(clone, "remote", "set-url", "origin", "git@github.com:shop/cart.git")
    monkeypatch.chdir(clone)

    main(["scan", "--from", "fixes"])

    out = capsys.readouterr().out
    assert "is not in this clone: git fetch --depth=2 origin" in out
    assert "the clone is shallow, and fixes that are older can't be seen" in out


def test_a_partial_clone_says_what_it_cannot_see(
    root: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing is fetched: the fix is found by its message, its tests are unknown."""
    clone = tmp_path_factory.mktemp("clone") / "it"
    git(root, "config", "uploadpack.allowFilter", "true")
    git(root, "clone", "--quiet", "--filter=blob:none", f"file://{root}", str(clone))
    git(clone, "remote", "set-url", "origin", "git@github.com:shop/cart.git")
    monkeypatch.chdir(clone)

    main(["scan", "--from", "fixes"])

    out = capsys.readouterr().out
    assert "(#12 in text)" in out
    assert "the tests of fixes can't be read: git: object" in out
    assert "partial clone" in out
    assert "its tests can't be read in this clone" in out
    assert "no Python test came with the fix" not in out


def test_without_a_repository_names_alone_are_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Git is not needed for names; it is for fixes, and then its own reason is given."""
    write(tmp_path, {"pytest.ini": "[pytest]\npostmortem_registry = pm.yml\n", "pm.yml": REGISTRY})
    monkeypatch.chdir(tmp_path)

    main(["scan"])
    assert capsys.readouterr().out == "No test files found\n"
    assert main(["scan", "--from", "fixes"]) == 3
    assert "not a git repository" in capsys.readouterr().err


def test_without_a_commit_or_an_incident_nothing_is_claimed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty history and an empty registry are named, and are no result."""
    repository(tmp_path)
    write(tmp_path, {"pytest.ini": "[pytest]\npostmortem_registry = pm.yml\n", "pm.yml": REGISTRY})
    monkeypatch.chdir(tmp_path)

    assert main(["scan", "--from", "fixes"]) == 3
    assert "the branch has no commit\n  commit the code first" in capsys.readouterr().err
    main(["scan"])
    assert "fixes are not looked for: the branch has no commit" in capsys.readouterr().out

    commit(tmp_path, {"pm.yml": "postmortems: []\n"}, "Begin")
    main(["scan", "--from", "fixes"])
    assert "the registry has no incident" in capsys.readouterr().out


def test_a_commit_that_names_an_incident_and_is_not_its_fix_has_a_reason(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A report is committed with its id, and that commit fixes nothing."""
    commit(root, {"notes.md": "x\n"}, "Report of PM-3")

    main(["scan", "--from", "fixes"])

    (row,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("PM-3")]
    assert row.endswith(", which names it, is not taken: it changes no source")


def test_verbose_shows_what_is_not_taken_and_what_is_gone(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each piece of evidence has its outcome with the reason, and each lost test its commit."""
    text = REGISTRY.replace("Fixed in", f"See also {PULL}/13. Fixed in", 1)
    removal = commit(root, {"tests/test_shop.py": TESTS, "pm.yml": text}, "Clean up")

    main(["scan", "--from", "fixes", "-v"])

    lines = capsys.readouterr().out.splitlines()
    assert f"    tests/test_shop.py::test_is_there: gone, removed by {removal[:9]}" in lines
    assert any(
        line.startswith("    pm.yml:4: #13 (related)")
        and line.endswith(": not taken, it is not called the fix")
        for line in lines
    )


def test_evidence_for_the_same_commit_is_told_apart_from_what_speaks_against_it(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A message that names the incident as well names the commit that is taken already."""
    commit(root, {"shop.py": SHOP}, "Break")
    commit(root, {"shop.py": FIXED}, "Fix PM-1: charge once (#14)")
    write(root, {"pm.yml": REGISTRY.replace("pull/12", "pull/14")})

    main(["scan", "--from", "fixes", "-v"])

    assert ": the same commit" in capsys.readouterr().out


def test_without_incidents_there_is_no_table(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No head of a table stands above nothing; the reason does."""
    write(root, {"pm.yml": "postmortems: []\n"})

    main(["scan", "--from", "fixes"])

    said = capsys.readouterr().out
    assert said == "fixes are not looked for: the registry has no incident for this suite\n"
