"""What commands say of a mark that is meant for an incident and links no test."""

from __future__ import annotations

from pathlib import Path

import pytest

from projects import configure
from pytest_postmortem.cli.main import main
from repositories import write

MARKED = """\
import pytest

@pytest.mark.postmortem({id!r})
def test_it(): pass
"""

HINTS = {
    "INC-004": "tests/test_a.py:3 names 'INC-0004', which is unknown",
    "INC-006": "extra/test_e.py:3 names it, outside of testpaths",
    "INC-007": "tests/cases.py:3 names it, in no test file",
    "INC-008": "tests/gone/test_g.py:3 names it, in a file that is left out of the suite",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with four marks that link no incident to a test, and an incident without one."""
    configure(
        tmp_path,
        "testpaths = tests",
        "addopts = --ignore=tests/gone",
        "postmortem_registry = pm.yml",
    )
    ids = {
        "tests/test_a.py": "INC-0004",
        "extra/test_e.py": "INC-006",
        "tests/cases.py": "INC-007",
        "tests/gone/test_g.py": "INC-008",
        "extra/build/test_b.py": "INC-009",
    }
    write(tmp_path, {path: MARKED.format(id=id) for path, id in ids.items()})
    (tmp_path / "pm.yml").write_text("".join(f"- id: {id}\n" for id in (*HINTS, "INC-009")))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("id", HINTS)
def test_show_gives_the_place_and_the_next_step(
    id: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever asks why an incident is not linked has to search no further."""
    assert main(["show", id]) == 0

    shown = " ".join(capsys.readouterr().out.split())
    assert f"state not linked ({HINTS[id]}), read from the code" in shown
    assert (
        f'next mark its test with @pytest.mark.postmortem("{id}"), look for one with'
        " `pytest-postmortem scan`, or exempt it with a reason (`test: exempt`)"
    ) in shown


def test_list_names_the_first_places(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that pytest does not enter is not searched."""
    assert main(["list"]) == 0

    ids = [*HINTS]
    assert capsys.readouterr().out.splitlines()[-4:] == [
        *(f"{id}: {HINTS[id]}" for id in ids[:3]),
        "and 1 more, see `pytest-postmortem show ID`",
    ]


@pytest.mark.usefixtures("few_lint_rules")
def test_check_names_the_place(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The finding on the missing test has it."""
    (project / "pm.yml").write_text("- id: INC-006\n- id: INC-009\n")
    main(["check"])

    found = capsys.readouterr().out
    assert f"INC-006 has no regression test, but {HINTS['INC-006']}; mark one with" in found
    assert "INC-009 has no regression test; mark one with" in found
