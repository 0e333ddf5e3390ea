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


RUN_COMMANDS = """\
import io, json, sys
from pytest_postmortem.cli.main import main

results = []
for command in json.loads(sys.argv[1]):
    sys.stdout = io.TextIOWrapper(io.BytesIO(), errors="surrogateescape")
    status = main(command)
    results.append((status, sys.stdout.buffer.getvalue().decode("latin-1")))
print(json.dumps(results), file=sys.__stdout__)
"""
"""Runs commands in one process, and prints of each its exit status and the bytes it printed."""


def test_no_command_ends_in_a_traceback_where_file_names_cannot_be_decoded(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the locale C a name that is not ASCII is bytes, which JSON and Markdown escape."""
    environment = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    done = subprocess.run(
        [sys.executable, "-c", RUN_COMMANDS, json.dumps(COMMANDS)], capture_output=True, check=False
    )

    assert b"Traceback" not in done.stderr, done.stderr
    results = dict(zip(COMMANDS, json.loads(done.stdout), strict=True))
    assert {command for command, (status, _) in results.items() if status not in (0, 1)} == set()
    printed = {command: text for command, (_, text) in results.items()}
    for command in COMMANDS:
        if "--report=json" in command:
            json.loads(printed[command].encode("latin-1"))
