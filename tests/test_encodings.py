"""Terminals and file names that are not UTF-8: every line is a line, and nothing breaks."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

CAUSE = "Der Zähler „lief“ über."


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A failing test of an incident, both with letters that are not ASCII."""
    for name in ("LC_ALL", "LC_CTYPE", "LANG", "PYTHONUTF8"):
        monkeypatch.delenv(name, raising=False)
    folder = pytester.path / "docs/postmortems"
    folder.mkdir(parents=True)
    text = f"# PM-1: Café – doppelt\n\n## Root cause\n\n{CAUSE}\n"
    (folder / "PM-1-café.md").write_text(text, encoding="utf-8")
    pytester.makeini("[pytest]\npostmortem_registry = docs/postmortems\n")
    pytester.makepyfile("import pytest\n@pytest.mark.postmortem('PM-1')\ndef test_it(): assert 0\n")
    return pytester


ASCII = (r"Caf\xe9 \u2013 doppelt", r"Der Z\xe4hler \u201elief\u201c \xfcber.")


@pytest.mark.parametrize(
    ("encoding", "title", "cause", "workers"),
    [
        ("utf-8", "Café – doppelt", CAUSE, ()),
        ("latin-1", r"Café \u2013 doppelt", r"Der Zähler \u201elief\u201c über.", ()),
        ("ascii", *ASCII, ()),
        ("ascii", *ASCII, ("-n1",)),
    ],
)
def test_each_line_of_a_run_is_a_line_whatever_the_terminal_can_show(
    suite: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    encoding: str,
    title: str,
    cause: str,
    workers: tuple[str, ...],
) -> None:
    """The post-mortem beside a failure, and a report in Markdown; letters are escaped alone."""
    monkeypatch.setenv("PYTHONIOENCODING", encoding)

    done = subprocess.run(
        [sys.executable, "-mpytest", *workers, "--postmortem-report=markdown"],
        capture_output=True,
        check=False,
    )

    lines = done.stdout.decode(encoding).splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(f"PM-1  {title}"))
    assert lines[start + 2 : start + 4] == [
        f"      Root cause: {cause}",
        "      This test keeps that incident from happening again.",
    ]
    assert [line for line in lines if line.startswith("|---")] == ["|---|---|---|---|"]
    assert done.returncode == 1


COMMANDS = (
    ("list",),
    ("list", "--report=json"),
    ("list", "--report=markdown"),
    ("show", "PM-1"),
    ("show", "PM-1", "--report=json"),
    ("check",),
    ("check", "--report=json"),
    ("check", "--report=github"),
    ("check", "--report=gitlab"),
    ("check", "--report=sarif"),
    ("scan",),
)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_ends_in_no_traceback_where_file_names_cannot_be_decoded(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    """In the locale C a name that is not ASCII is bytes, which JSON and Markdown escape."""
    environment = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    done = subprocess.run(
        [sys.executable, "-m", "pytest_postmortem", *command], capture_output=True, check=False
    )

    assert b"Traceback" not in done.stderr
    assert done.returncode in (0, 1)
    if "--report=json" in command:
        json.loads(done.stdout)
