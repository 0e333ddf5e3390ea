"""What `prove` keeps of its verdicts: for how long it counts, and what gates make of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

import repositories
from prove_repository import FIXED, HOLLOW, OLD, TEST, Repository, table, text_of
from pytest_postmortem.cli.main import main
from pytest_postmortem.prove import batch
from pytest_postmortem.prove.strategy import IncidentProof
from pytest_postmortem.prove.today import ProofCase
from pytest_postmortem.prove.verdict import IncidentVerdict
from repositories import Files

FAILS = "test_price fails without {}: AssertionError: assert 50.0 == 5"

SINCE = "unchanged since"

FILES = {
    "pm1.py": FIXED,
    "helping.py": "value = 1\n",
    "other.py": "x = 1\n",
    "tests/conftest.py": "import helping\n",
    "tests/test_pm1.py": text_of("PM-1"),
}

KEEPS: dict[str, Files] = {
    "nothing": {},
    "a file that was not loaded": {"other.py": "x = 2\n"},
    "a test of something else": {"tests/test_more.py": "def test_more():\n    pass\n"},
    "a conftest of other tests": {"others/conftest.py": "x = 1\n"},
}

ENDS: dict[str, Files] = {
    "the source of the fix": {"pm1.py": FIXED + "\n\nx = 1\n"},
    "source that was loaded": {"helping.py": "value = 2\n"},
    "the linked test": {"tests/test_pm1.py": text_of("PM-1") + "    assert price(0) == 0\n"},
    "its conftest": {"tests/conftest.py": "import helping as helps\n"},
    "a conftest that is new": {"conftest.py": "x = 1\n"},
    "another linked test": {"tests/test_more.py": HOLLOW.format(module="pm1", id="pm-1")},
    "the marks that link": {"pytest.ini": "[pytest]\npythonpath = .\npostmortem_markers = issue\n"},
}
"""What changes, for a proof that goes on to count, and for one that ends."""

ARGUMENTS = {"--again": False, "--source=x": False, "--runs=2": False, "--jobs=1": True}
"""Whether a proof counts with these."""


@pytest.fixture(scope="module")
def proved_once(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository with an incident that was proved; the proof lies in the rootdir."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        repository = Repository(tmp_path_factory.mktemp("proved") / "shop", monkeypatch)
        ini = "[pytest]\npythonpath = .\n"
        repository.write({"pytest.ini": ini, "postmortem-proofs.json": ""})
        repository.fixed(before={"pm1.py": OLD}, after=FILES)
        repository.register()
        repository.commit({})
        assert main(["prove"]) == 0
        repository.commit({})
    return repository


@pytest.fixture
def proved(repository: Repository, proved_once: Repository) -> Repository:
    """A copy of that repository."""
    shutil.rmtree(repository.folder / ".git")
    shutil.copytree(proved_once.folder, repository.folder, dirs_exist_ok=True)
    repository.fixes = dict(proved_once.fixes)
    return repository


@pytest.fixture
def proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every incident inconclusive that would be proved again, without a run."""

    def prove(
        prover: object, cases: Sequence[ProofCase], jobs: int, advance: object
    ) -> list[IncidentProof]:
        verdict = IncidentVerdict("inconclusive", "it would be proved again")
        return [IncidentProof(case.id, "", verdict) for case in cases]

    monkeypatch.setattr(batch, "prove_incidents", prove)


def is_kept(repository: Repository, capsys: pytest.CaptureFixture[str], *arguments: str) -> bool:
    """Say whether the verdict is reported that is known, and not a new one."""
    status, said = repository.prove(capsys, *arguments)
    kept = SINCE in said
    assert (status, said.split()[0]) == (0, "PM-1")
    assert said.split()[1] == "proven" or not kept
    return kept


@pytest.mark.slow
@pytest.mark.usefixtures("proves_nothing")
def test_a_proof_counts_until_something_changes_that_it_rests_on(
    proved: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """And no longer."""
    found = {}

    for name, files in {**KEEPS, **ENDS}.items():
        proved.write(files)
        found[name] = is_kept(proved, capsys)
        proved.git("checkout", "--quiet", ".")
        proved.git("clean", "--quiet", "--force", "-d")

    assert found == {**dict.fromkeys(KEEPS, True), **dict.fromkeys(ENDS, False)}


@pytest.mark.usefixtures("proves_nothing")
def test_a_proof_counts_for_what_is_asked(
    proved: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """More runs than there were are another question."""
    found = {}

    for each in ARGUMENTS:
        found[each] = is_kept(proved, capsys, each)
        proved.git("checkout", "--quiet", ".")

    assert found == ARGUMENTS


CHANGES = {
    "helping.py": "import pathlib\n    pathlib.Path('helping.py').write_text('value = 2\\n')",
    "the fix": "import pathlib\n    pathlib.Path('pm1.patch').write_text('# by hand\\n' + PATCH)",
}


@pytest.mark.slow
@pytest.mark.parametrize(("what", "code"), CHANGES.items(), ids=CHANGES)
def test_a_verdict_is_not_kept_for_what_changed_while_it_was_found(
    proved: Repository, capsys: pytest.CaptureFixture[str], what: str, code: str
) -> None:
    """It is about a text that nobody has any more."""
    patch = repositories.said(proved.folder, "show", "--format=", "HEAD~2", "--", "pm1.py") + "\n"
    test = FILES["tests/test_pm1.py"].replace("    assert", f"    {code}\n    assert")
    proved.write(
        {
            "pm1.patch": patch,
            "postmortems.yml": "- {id: PM-1, patch: pm1.patch}\n",
            "tests/test_pm1.py": test + f"\n\nPATCH = {patch!r}\n",
            "postmortem-proofs.json": "",
        }
    )

    said = proved.prove(capsys)

    row = ("proven", f"{FAILS.format('pm1.patch')} (not kept: {what} changed during the run)")
    assert said == (0, table({"PM-1": row}, "1 of 1 proven"))
    assert (proved.folder / "postmortem-proofs.json").read_text() == ""


@pytest.mark.usefixtures("proves_nothing")
def test_another_fix_needs_another_proof(
    proved: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """The registry may name it in other words, as long as it is the same."""
    fix = proved.fixes["PM-1"]
    proved.write({"postmortems.yml": f"- {{id: PM-1, title: New, fix: {fix[:12]}}}\n"})
    same = is_kept(proved, capsys)
    proved.write({"postmortems.yml": f"- {{id: PM-1, fix: [{fix}, HEAD]}}\n"})
    other = is_kept(proved, capsys)

    assert (same, other) == (True, False)


def test_a_proof_that_is_committed_counts_in_a_clone(
    proved: Repository,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As in CI, which then proves only what has changed."""
    proved.git("clone", "--quiet", ".", str(tmp_path / "clone"))
    monkeypatch.chdir(tmp_path / "clone")

    said = proved.prove(capsys)

    row = {"PM-1": ("proven", f"{FAILS.format('<PM-1>')} ({SINCE} DAY)")}
    assert said == (0, table(row, "1 of 1 proven"))
    status = repositories.said(tmp_path / "clone", "status", "--porcelain")
    assert status == ""


def test_what_is_not_decided_does_not_take_the_place_of_a_proof(
    proved: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told, and the proof counts again when what it rests on is back."""
    kept = proved.folder / "postmortem-proofs.json"
    before = kept.read_text()
    skipped = text_of("PM-1", TEST.replace("def", "@pytest.mark.skip(reason='slow')\ndef"))
    proved.write({"tests/test_pm1.py": skipped})

    said = proved.prove(capsys)

    row = {"PM-1": ("skipped", "test_price skipped: slow")}
    assert said == (0, table(row, "0 of 1 proven, 1 skipped"))
    assert kept.read_text() == before
    proved.git("checkout", "--quiet", ".")
    assert is_kept(proved, capsys)


def test_what_is_known_is_told_as_it_was(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """How specific a proof is, too."""
    test = text_of("PM-1") + "\n\ndef test_other():\n    assert price(0) == 0\n"
    repository.fixed(after={"pm1.py": FIXED, "test_pm1.py": test})
    repository.register()

    new = repository.prove(capsys)
    known = repository.prove(capsys)

    fails = FAILS.format("<PM-1>")
    row = ("proven", f"{fails} (1 of 2 in its file)")
    assert new == (0, table({"PM-1": row}, "1 of 1 proven"))
    row = ("proven", f"{fails} (1 of 2 in its file; {SINCE} DAY)")
    assert known == (0, table({"PM-1": row}, "1 of 1 proven"))


@pytest.mark.slow
def test_without_a_file_proofs_lie_in_the_cache_of_pytest(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nobody commits them; a file that is named is made."""
    repository.fixed()
    repository.register()
    repository.prove(capsys)
    in_cache = is_kept(repository, capsys)
    repository.write({"pytest.ini": "[pytest]\npostmortem_proofs = docs/proofs.json\n"})
    (repository.folder / "docs").mkdir()
    named = [is_kept(repository, capsys), is_kept(repository, capsys)]

    assert (in_cache, named) == (True, [False, True])
    proofs = json.loads((repository.folder / "docs" / "proofs.json").read_text())["proofs"]
    assert [(id, each["verdict"]) for id, each in proofs.items()] == [("PM-1", "proven")]


def test_a_file_that_can_not_be_read_is_said_before_anything_runs(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is not overwritten."""
    repository.fixed()
    repository.register()
    repository.write({"postmortem-proofs.json": "<<<<<<< ours\n"})

    status = main(["prove"])

    said = capsys.readouterr()
    assert (status, said.out) == (2, "")
    assert said.err == (
        f"Couldn't read proofs {str(repository.folder / 'postmortem-proofs.json')!r}:"
        " it is not a proofs file\n"
        "  delete it; `pytest-postmortem prove` writes a new one\n"
        "  see `pytest-postmortem explain proofs-file`\n"
    )
    assert (repository.folder / "postmortem-proofs.json").read_text() == "<<<<<<< ours\n"


def last_lines(pytester: pytest.Pytester) -> tuple[int, list[str]]:
    """Return the exit status of a run of pytest, and its lines on gates and incidents."""
    done = pytester.runpytest("-v")
    return done.ret, [line for line in done.outlines if line.startswith(("Gate", "2 of 2 inc"))]


@pytest.mark.slow
def test_a_gate_counts_what_was_proved(
    pytester: pytest.Pytester, repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not before, not a hollow test, and not once the test is another."""
    ini = "[pytest]\npostmortem_require_proof = sev1\n"
    repository.write({"pytest.ini": ini})
    repository.fixed("PM-1")
    hollow = {"pm2.py": FIXED, "test_pm2.py": text_of("PM-2", HOLLOW)}
    repository.fixed("PM-2", after=hollow)
    entries = {id: f"severity: sev1, fix: {commit}" for id, commit in repository.fixes.items()}
    repository.register(**entries)

    before = last_lines(pytester)
    repository.prove(capsys)
    hollow_one = last_lines(pytester)
    repository.write({"test_pm2.py": text_of("PM-2")})
    repository.prove(capsys)
    proven = last_lines(pytester)
    repository.write({"test_pm1.py": text_of("PM-1") + "    assert price(0) == 0\n"})
    changed = last_lines(pytester)

    failed = "Gate require-proof failed: {} of sev1 not proven: {}"
    guarded = "2 of 2 incidents guarded (100 %), {}2 linked"
    assert before == (
        1,
        [failed.format("2 incidents", "PM-1, PM-2"), guarded.format("")],
    )
    figures = guarded.format("1 of them proven, 1 passes without its fix, ")
    assert hollow_one == (1, [failed.format("1 incident", "PM-2"), figures])
    passed = "Gate require-proof passed: 2 of 2 incidents of sev1 proven or in grace"
    assert proven == (0, [passed, guarded.format("2 of them proven, ")])
    assert changed == (
        1,
        [failed.format("1 incident", "PM-1"), guarded.format("1 of them proven, ")],
    )


HELPED = """\
import pytest
from {module} import price

def is_right(euros):
    return euros == 5

def test_other():
    assert True

@pytest.mark.postmortem("{id}")
def test_price(helped):
    assert is_right(price(500))
"""

FIXTURE = "import pytest\n\n@pytest.fixture\ndef helped():\n    return 1\n"

OUTDATED: dict[str, Files] = {
    "nothing": {},
    "another test": {"test_pm1.py": HELPED.replace("assert True", "assert 1")},
    "a helper": {"test_pm1.py": HELPED.replace("return euros == 5", "return True")},
    "a fixture": {"conftest.py": FIXTURE.replace("return 1", "return 2")},
    "the fix": {"postmortems.yml": "- {id: PM-1, fix: abc1234}\n"},
    "the name of the fix": {"postmortems.yml": "- {id: PM-1, fix: [FIX]}\n"},
}
"""What changes after a proof."""


def test_a_run_says_that_a_proof_is_outdated(
    pytester: pytest.Pytester, repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """Helpers beside the test and its conftests count, and that it is the same fix."""
    test = text_of("PM-1", HELPED)
    before = {"pm1.py": OLD, "conftest.py": FIXTURE, "postmortem-proofs.json": ""}
    fix = repository.fixed(before=before, after={"pm1.py": FIXED, "test_pm1.py": test})
    repository.register()
    repository.commit({})
    repository.prove(capsys)
    repository.commit({})
    found = {}

    for name, files in OUTDATED.items():
        texts = {path: str(text).replace("{id}", "PM-1") for path, text in files.items()}
        texts = {path: text.replace("{module}", "pm1") for path, text in texts.items()}
        repository.write({path: text.replace("FIX", fix[:7]) for path, text in texts.items()})
        done = pytester.runpytest("-v")
        assert done.ret == 0
        found[name] = "proof outdated" in done.stdout.str()
        repository.git("checkout", "--quiet", ".")

    assert [name for name, is_outdated in found.items() if is_outdated] == [
        "a helper",
        "a fixture",
        "the fix",
    ]


STARTS = """\
import subprocess, sys
import pytest

@pytest.mark.postmortem("PM-1")
def test_price():
    out = subprocess.run([sys.executable, *ARGUMENTS], capture_output=True, text=True).stdout
    assert out == "5.0\\n"
"""

SHOP = {
    "shop/__init__.py": "",
    "shop/price.py": FIXED,
    "shop/helping.py": "value = 500\n",
    "shop/__main__.py": "from shop.price import price\nfrom .helping import value\n"
    "print(price(value))\n",
    "start.py": "import runpy\nrunpy.run_module('shop', run_name='__main__')\n",
}


@pytest.mark.slow
def test_a_proof_rests_on_what_other_processes_loaded(
    request: pytest.FixtureRequest, repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """A module that only the command under test imports, or a script."""
    tests = {"test_it.py": STARTS.replace("*ARGUMENTS", "'start.py'"), "postmortem-proofs.json": ""}
    repository.fixed(before={**SHOP, "shop/price.py": OLD}, after={**SHOP, **tests})
    repository.register()
    repository.commit({})

    first = repository.prove(capsys)
    repository.commit({})
    request.getfixturevalue("proves_nothing")
    found = {}
    for path in ("shop/helping.py", "start.py"):
        repository.write({path: SHOP[path] + "x = 1\n"})
        found[path] = is_kept(repository, capsys)
        repository.git("checkout", "--quiet", ".")

    fails = "test_price fails without <PM-1>: AssertionError: assert '50.0\\n' == '5.0\\n'"
    assert first == (0, table({"PM-1": ("proven", fails)}, "1 of 1 proven"))
    assert found == {"shop/helping.py": False, "start.py": False}
