"""The table of report formats: each command renders from it, and each format knows each state."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest

from pytest_postmortem import report_formats
from pytest_postmortem.cli.main import main
from pytest_postmortem.model import Scope
from pytest_postmortem.report_formats import REPORT_FORMATS, ReportFormat, ReportSubject
from pytest_postmortem.report_model import STATES
from pytest_postmortem.reports import html, terminal
from pytest_postmortem.reports.json_report import build_report_document, format_json_document
from pytest_postmortem.reports.writers import DeliveryResult, put_report_at_target
from pytest_postmortem.settings import ReportTarget
from test_terminal import incidents, report

SUBJECTS: tuple[ReportSubject, ...] = get_args(ReportSubject)

COMMANDS: dict[str, tuple[ReportSubject, Sequence[str]]] = {
    "report": ("run", ["report.json"]),
    "combine": ("run", ["report.json"]),
    "list": ("list", []),
    "show": ("incident", ["PM-1"]),
    "diff": ("comparison", ["report.json", "report.json"]),
    "history": ("history", []),
    "scan": ("scan", []),
    "prove": ("proofs", []),
    "check": ("check", []),
}
"""For each command that reports: the subject, and the further arguments of a call."""


def git(folder: Path, *arguments: str) -> None:
    """Run git as a user of this test."""
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.com")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def project(pytester: pytest.Pytester) -> Path:
    """Return a repository with a registry, a linked test and a report of all states."""
    folder = pytester.path
    (folder / "pytest.ini").write_text("[pytest]\ntestpaths = .\n")
    (folder / "postmortems.yml").write_text("- {id: PM-1, title: Lost mails}\n")
    (folder / "test_it.py").write_text(
        "import pytest\n\n\n@pytest.mark.postmortem('PM-1')\ndef test_it():\n    pass\n"
    )
    git(folder, "init", "--quiet", ".")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message=first")
    document = build_report_document(report(*(incidents(state, 1) for state in STATES)))
    (folder / "report.json").write_text(format_json_document(document), encoding="utf-8")
    return folder


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add a format to the table, as its module and one entry."""
    module = ModuleType("pytest_postmortem.fake_format")

    def render_fake_report(data: Any) -> str:
        return f"fake {type(data).__name__}\n"

    vars(module)["render_fake_report"] = render_fake_report
    monkeypatch.setitem(sys.modules, module.__name__, module)
    added = ReportFormat("fake", dict.fromkeys(SUBJECTS, "fake_format:render_fake_report"))
    monkeypatch.setattr(report_formats, "REPORT_FORMATS", (*REPORT_FORMATS, added))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_format_in_the_table_works_in_every_command(
    project: Path, fake: None, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """It is printed, written to a file, and named by the help."""
    arguments = [command, *COMMANDS[command][1]]

    main([*arguments, "--report=fake", "--report=fake:out/fake.txt"])
    printed = capsys.readouterr().out
    with pytest.raises(SystemExit):
        main([command, "--help"])

    assert printed.startswith("fake ")
    assert (project / "out" / "fake.txt").read_text() == printed
    assert "fake[:PATH]" in " ".join(capsys.readouterr().out.split())


def test_a_format_in_the_table_works_in_pytest(
    project: Path, fake: None, pytester: pytest.Pytester
) -> None:
    """Both printed after the run and written to a file."""
    result = pytester.runpytest_inprocess(
        "--postmortem-report=fake", "--postmortem-report=fake:fake.txt"
    )

    assert result.ret == 0
    assert "fake dict" in result.outlines
    assert (project / "fake.txt").read_text() == "fake dict\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_type_is_wrong_use_in_every_command(
    project: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """Also a type that only another command knows; the remedy lists those of this one."""
    subject, arguments = COMMANDS[command]
    other = "html" if command == "check" else "gitlab"

    status = main([command, *arguments, "--report=no-such", f"--report={other}"])

    known = report_formats.describe_report_types(subject)
    lines = capsys.readouterr().err.splitlines()
    assert status == 2
    assert lines[:2] == [
        "Couldn't use --report=no-such: unknown report type 'no-such'",
        f"  use {known}",
    ]
    assert lines[3] == f"Couldn't use --report={other}: unknown report type '{other}'"


@pytest.mark.parametrize("subject", SUBJECTS)
def test_an_unknown_type_is_never_rendered(subject: ReportSubject) -> None:
    """No format serves in place of another."""
    with pytest.raises(ValueError, match="unknown report type 'no-such'"):
        report_formats.render_report(subject, "no-such", {})


def test_every_renderer_of_the_table_exists() -> None:
    """Each is a function of a module of the package."""
    for report_format in REPORT_FORMATS:
        for renderer in report_format.renderers.values():
            module, _, function = renderer.partition(":")
            loaded = import_module(f"pytest_postmortem.{module}")
            assert callable(getattr(loaded, function)), renderer


RENDERED = [
    (command, each.name)
    for command, (subject, _) in COMMANDS.items()
    for each in REPORT_FORMATS
    if subject in each.renderers and not each.no_file
]


@pytest.mark.parametrize(("command", "type"), RENDERED)
def test_every_command_writes_every_format_that_it_names(
    project: Path, command: str, type: str
) -> None:
    """A renderer is called with what the command has, not only looked up."""
    main([command, *COMMANDS[command][1], f"--report={type}:out.txt"])

    assert (project / "out.txt").is_file()


RUN_FORMATS = [each.name for each in REPORT_FORMATS if "run" in each.renderers]


@pytest.mark.parametrize("type", RUN_FORMATS)
@pytest.mark.parametrize("state", STATES)
def test_every_format_knows_every_state(
    state: Any, type: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An incident in any state is in each report of a run that shows everything.

    Only the terminal counts those that a part of the suite can't judge: there may be hundreds.
    """
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    scope = Scope("partial", ("-k given",))
    run = report(*(incidents(each, 1) for each in STATES), scope=scope)

    if report_formats.is_terminal_type(type):
        lines = terminal.render_terminal_report(run, None, 80, "everything")
        text = "\n".join(line.text for line in lines)
    else:
        delivery = DeliveryResult()
        target = ReportTarget(type)
        put_report_at_target(target, build_report_document(run), delivery, 0)
        text = "".join(delivery.printed)
        text += summary.read_text(encoding="utf-8") if summary.exists() else ""

    counted = report_formats.is_terminal_type(type) and state == "not-judged"
    assert ("1 not judged: -k given" if counted else f"{state.upper()}-1") in text


def test_the_page_explains_every_state() -> None:
    """In words, next to the word of the state."""
    assert set(html.STATE_MEANINGS) == set(STATES)
