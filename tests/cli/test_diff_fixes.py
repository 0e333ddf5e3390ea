"""``pytest-postmortem diff --base`` names incidents that a branch fixes without a marked test."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_postmortem.cli.main import main
from repositories import commit, git, repository

INI = "[pytest]\npostmortem_registry = pm.yml\npythonpath = .\n"
TESTS = "def test_old(): pass\n"
NEW = f"{TESTS}\ndef test_charges_once(): pass\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A branch without a commit of its own."""
    repository(tmp_path)
    files = {"shop.py": "A = 1\n", "test_shop.py": TESTS, "pytest.ini": INI}
    commit(tmp_path, {**files, "pm.yml": "postmortems:\n- id: INC-1\n"}, "Begin")
    git(tmp_path, "checkout", "-q", "-b", "fix")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("message", ["Fix INC-1", "Charge once\n\nPostmortem: INC-1"])
def test_an_incident_that_the_branch_fixes_is_named_with_its_tests(
    root: Path, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The author learns which test to mark while the pull request is open."""
    fixed = commit(root, {"shop.py": "A = 2\n", "test_shop.py": NEW}, message)

    main(["diff", "--base", "main"])

    out = capsys.readouterr().out
    expected = f"this branch fixes INC-1 ({fixed[:9]}); mark test_shop.py::test_charges_once"
    assert expected in out


def test_a_new_incident_whose_fix_is_older_is_named(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A post-mortem is often written after its fix."""
    git(root, "checkout", "-q", "main")
    fixed = commit(root, {"shop.py": "A = 2\n", "test_shop.py": NEW}, "Charge once")
    git(root, "checkout", "-q", "-B", "fix", "main")
    commit(root, {"pm.yml": f"postmortems:\n- id: INC-2\n  fix: {fixed}\n"}, "Write it down")

    main(["diff", "--base", "main"])

    assert f"no test is linked to INC-2 ({fixed[:9]}); mark" in capsys.readouterr().out


def test_a_marked_test_or_another_branch_needs_no_note(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is said where there is nothing to do."""
    marked = NEW.replace("def test_ch", '@pytest.mark.postmortem("INC-1")\ndef test_ch')
    files = {"shop.py": "A = 2\n", "test_shop.py": f"import pytest\n{marked}"}
    commit(root, files, "Fix INC-1")

    main(["diff", "--base", "main"])

    assert "mark test" not in capsys.readouterr().out
