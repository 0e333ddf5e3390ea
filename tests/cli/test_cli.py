"""The command line: its exit status says what became of a command, and no traceback is shown."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_postmortem import __version__
from pytest_postmortem.cli.arguments import CLI_COMMANDS, CliArgument, CliCommand
from pytest_postmortem.cli.main import main
from pytest_postmortem.errors import PostmortemError, Problem, RegistryError, SettingsError

PROBLEM = Problem(
    "registry-field", "Couldn't read registry", "it is broken", "mend it", "pm.yml", 3
)
MESSAGE = """\
Couldn't read registry 'pm.yml', line 3: it is broken
  mend it
  see `pytest-postmortem explain registry-field`
"""


def command(run: Callable[[argparse.Namespace], int]) -> CliCommand:
    """Return a command with one argument."""

    class Command(CliCommand):
        def run(self, options: argparse.Namespace) -> int:
            return run(options)

    return Command("do", "Do it.", "everyday", (CliArgument("what WHAT", "what to do"),))


def raising(error: PostmortemError) -> Callable[[argparse.Namespace], int]:
    """Return a command that fails."""

    def run(options: argparse.Namespace) -> int:
        raise error

    return run


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    """It stands in one place."""
    with pytest.raises(SystemExit) as caught:
        main(["--version"])

    assert caught.value.code == 0
    assert capsys.readouterr().out == f"pytest-postmortem {__version__}\n"


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """And the exit status says that something was missing."""
    status = main([])

    assert status == 2
    assert capsys.readouterr().err.startswith("usage: pytest-postmortem")


def test_the_help_groups_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """Each command is below the heading of its group, once."""
    with pytest.raises(SystemExit):
        main(["--help"])

    lines = capsys.readouterr().out.splitlines()
    headings = [line.strip() for line in lines if line.startswith("  ") and line.endswith(":")]
    listed = [line.split()[0] for line in lines if line.startswith("    ")]
    assert headings == ["everyday:", "CI:", "advanced:"]
    assert listed == [command.name for command in CLI_COMMANDS]


def test_the_help_of_prove_groups_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    """By what they are about."""
    with pytest.raises(SystemExit):
        main(["prove", "--help"])

    shown = capsys.readouterr().out
    headings = [line for line in shown.splitlines() if re.fullmatch(r"[a-z].*:", line)]
    groups = ["the fix:", "the strength of a proof:", "runs of tests:", "results:"]
    assert headings[-5:] == [*groups, "configuration:"]


HELP_LOADS = """\
import sys
from pytest_postmortem.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit:
    print(*sorted(sys.modules), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "arguments",
    [["--version"], ["--help"], *([command.name, "--help"] for command in CLI_COMMANDS)],
    ids=" ".join,
)
def test_a_help_imports_nothing_that_the_command_needs(arguments: list[str]) -> None:
    """Its arguments are known without pytest, the registry and the reports."""
    command_line = [sys.executable, "-c", HELP_LOADS, *arguments]
    done = subprocess.run(command_line, capture_output=True, text=True, check=True)

    loaded = done.stderr.split()
    own = {module for module in loaded if module.startswith("pytest_postmortem.")}
    assert own == {
        "pytest_postmortem.cli",
        "pytest_postmortem.cli.arguments",
        "pytest_postmortem.cli.main",
        "pytest_postmortem.report_formats",
    }
    assert not {"pytest", "yaml", "rich", "jinja2"} & {*loaded}


def test_a_command_gets_its_arguments_and_gives_its_status() -> None:
    """The frame only hands on."""
    status = main(["do", "that"], [command(lambda options: len(options.what))])

    assert status == 4


def test_an_unknown_command_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    """Those that exist are named."""
    with pytest.raises(SystemExit) as caught:
        main(["undo"], [command(lambda options: 0)])

    assert caught.value.code == 2
    assert "'do'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status"), [(RegistryError([PROBLEM]), 4), (SettingsError([PROBLEM]), 2)]
)
def test_an_error_of_ours_is_a_message_and_a_status(
    error: PostmortemError, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback of ours reaches a user."""
    assert main(["do", "that"], [command(raising(error))]) == status
    assert capsys.readouterr().err == MESSAGE


def test_it_runs_as_a_module() -> None:
    """Where scripts are not on the path."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest_postmortem", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == f"pytest-postmortem {__version__}\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full disk here")
@pytest.mark.parametrize("arguments", [["schema", "registry"], ["list"], ["--help"]])
def test_a_full_disk_is_one_line(arguments: list[str], tmp_path: Path) -> None:
    """Of whatever command, and there is nothing else to see of it."""
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "pytest_postmortem", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONUNBUFFERED": ""},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )

    assert done.stderr == "Couldn't write to standard output: no space left on device\n"
    assert done.returncode == 2


def test_whoever_has_read_enough_is_told_nothing(tmp_path: Path) -> None:
    """As with ``head``."""
    done = subprocess.run(
        f"{sys.executable} -m pytest_postmortem schema registry | true",
        shell=True,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )

    assert done.stderr == ""


def test_what_the_system_says_of_a_file_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Even where nobody has thought of it."""

    def run(options: argparse.Namespace) -> int:
        Path("not/there").read_text()
        return 0

    assert main(["do", "that"], [command(run)]) == 2
    assert capsys.readouterr().err == "Couldn't go on with 'not/there': no such file or directory\n"
