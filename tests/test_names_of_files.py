"""Names of files as systems write them: bytes that are no UTF-8, and NFD where people type NFC."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Literal

import pytest

from conftest import RunPytest, report_of
from pytest_postmortem.model import Location
from pytest_postmortem.registry import LoadOptions, load_registry
from report_schema import read_report

pytestmark = pytest.mark.slow

NFC, NFD = "2026-01-03-caf\u00e9", "2026-01-03-cafe\u0301"
Form = Literal["NFC", "NFD"]
FORMS: tuple[Form, ...] = ("NFC", "NFD")
DOCUMENT = "# Outage\n\n## Root cause\n\nThe pool had no limit.\n"


def write(folder: Path, name: str | bytes, text: str = DOCUMENT) -> None:
    """Write a document whose name may be any bytes, or skip where that can't be."""
    path = os.path.join(os.fsencode(folder), os.fsencode(name))
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    if os.fsencode(name) not in os.listdir(os.fsencode(folder)):
        pytest.skip("this file system changes names")


@pytest.fixture
def folder(pytester: pytest.Pytester) -> Path:
    """A directory of post-mortems that is configured."""
    pytester.makeini("[pytest]\npostmortem_registry = pm\n")
    return pytester.mkdir("pm")


def test_a_name_that_is_no_utf8_is_an_id_that_can_be_written(folder: Path) -> None:
    """A byte is percent-encoded in the id, the path and the link, as in an address."""
    write(folder, b"caf\xe9.md")
    (folder / "d").mkdir()
    write(folder / "d", b"PM-1-\xff\xfe.md")

    found = load_registry(
        [Location("pm", folder.parent)], folder.parent, LoadOptions(cache=folder.parent / "kept")
    )

    assert [(each.id, each.path, each.url) for each in found] == [
        ("caf%E9", "pm/caf%E9.md", "pm/caf%E9.md"),
        ("PM-1", "pm/d/PM-1-%FF%FE.md", "pm/d/PM-1-%FF%FE.md"),
    ]
    again = load_registry(
        [Location("pm", folder.parent)], folder.parent, LoadOptions(cache=folder.parent / "kept")
    )
    assert again.postmortems == found.postmortems


def test_a_run_reports_such_a_document(
    folder: Path, pytester: pytest.Pytester, run: RunPytest
) -> None:
    """Every report has it, and the document is read as a whole for the failing test."""
    write(folder, b"caf\xe9.md", f"{DOCUMENT}\n## Action items\n\n- [ ] Add one\n")
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.postmortem("caf%E9")
        def test_a():
            assert 0
        """
    )

    result = run(
        "--junitxml=junit.xml",
        "--postmortem-report=term",
        "--postmortem-report=json:report.json",
        "--postmortem-report=html:report.html",
        "--postmortem-report=markdown:report.md",
    )

    lines = report_of(result)
    assert "  caf%E9  Outage    pm/caf%E9.md" in lines
    (incident,) = read_report(pytester.path / "report.json")["incidents"]
    assert (incident["id"], incident["state"]) == ("caf%E9", "failing")
    assert [item["title"] for item in incident["action_items"]] == ["Add one"]
    for name in ("junit.xml", "report.html", "report.md"):
        assert "caf%" in (pytester.path / name).read_text(encoding="utf-8")


COMMANDS = (
    "list",
    "list --report=json",
    "list --report=markdown",
    "show caf%E9",
    "check",
    "check --report=json",
    "check --report=sarif",
    "check --report=gitlab",
    "check --report=github",
    "scan --report=json",
    "init --dry-run",
    "new Outage --dry-run",
)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_no_command_stumbles_over_such_a_name(folder: Path, encoding: str) -> None:
    """Neither its output nor that of a terminal which knows ASCII alone."""
    write(folder, b"caf\xe9.md")
    code = "import sys; from pytest_postmortem.cli.main import main\nmain(sys.argv[1:])"
    environ = {**os.environ, "PYTHONIOENCODING": f"{encoding}:strict"}
    for command in COMMANDS:
        done = subprocess.run(
            [sys.executable, "-c", code, *command.split()],
            cwd=folder.parent,
            env=environ,
            capture_output=True,
        )

        assert b"Traceback" not in done.stderr, done.stderr.decode(errors="replace")
        if "json" in command:
            assert "caf%E9" in json.dumps(json.loads(done.stdout)) or "scan" in command


@pytest.mark.parametrize("written", ["NFC", "NFD"])
@pytest.mark.parametrize("named", ["NFC", "NFD"])
def test_a_mark_and_a_file_name_are_compared_in_nfc(
    folder: Path, pytester: pytest.Pytester, run: RunPytest, written: Form, named: Form
) -> None:
    """macOS writes names in NFD, and people type NFC: it is one id."""
    write(folder, f"{unicodedata.normalize(written, NFC)}.md")
    pytester.makepyfile(
        test_it=f"""
        import pytest

        @pytest.mark.postmortem({unicodedata.normalize(named, NFC.upper())!r})
        def test_a():
            pass
        """
    )

    assert report_of(run())[-1] == "1 of 1 incident guarded (100 %), 1 linked"
    for form in FORMS:
        result = run(f"--postmortem={unicodedata.normalize(form, '*-caf' + NFC[-1])}")
        assert result.parseoutcomes() == {"passed": 1}


@pytest.mark.parametrize("text", [NFC, NFD])
def test_ids_aliases_and_recurrences_are_compared_in_nfc(tmp_path: Path, text: str) -> None:
    """Whichever of the two a registry file has, the other finds it, and a duplicate is one."""
    entry = {"id": text, "aliases": [f"{text}-alias"]}
    later = [{"id": "PM-2", "recurs": NFC}, {"id": NFD, "title": "Laid over"}]
    (tmp_path / "a.yml").write_text(json.dumps([entry]), encoding="utf-8")
    (tmp_path / "b.yml").write_text(json.dumps(later), encoding="utf-8")

    found = load_registry([Location(name, tmp_path) for name in ("a.yml", "b.yml")], tmp_path)

    assert [(each.id, each.title) for each in found] == [(NFC, "Laid over"), ("PM-2", "PM-2")]
    for form in (NFC, NFD, NFC.upper(), NFD.upper(), f"{NFC}-alias", f"{NFD}-ALIAS"):
        assert found.find(form) is found.postmortems[0]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("file", ["NFC", "NFD"])
def test_node_ids_of_a_registry_are_compared_in_nfc(
    pytester: pytest.Pytester, run: RunPytest, form: Form, file: Form
) -> None:
    """A test that the registry names is found, however its file is written on the disk."""
    name = unicodedata.normalize(file, "test_caf\u00e9")
    nodeid = unicodedata.normalize(form, "test_caf\u00e9.py::test_\u00e9")
    write(pytester.path, f"{name}.py", "def test_\u00e9(): pass\n")
    entries = [{"id": "PM-1", "tests": [nodeid]}]
    (pytester.path / "postmortems.yml").write_text(json.dumps(entries), encoding="utf-8")
    pytester.makeini("[pytest]\npostmortem_registry = postmortems.yml\n")

    result = run()

    assert report_of(result) == ["1 of 1 incident guarded (100 %), 1 linked"]
