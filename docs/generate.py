"""What README and documentation show and nobody types: outputs, and tables made from the code.

Used by cog: `cog -P -r -I docs README.md docs/reference/*.md docs/how-to/*.md` writes them, and a
test holds them equal to what the code gives. Run as a script, it writes the texts of
`pytest-postmortem explain` from the pages.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

from pytest_postmortem import __version__
from pytest_postmortem.cli.arguments import CLI_COMMANDS
from pytest_postmortem.cli.explain import SECTION_HEADING
from pytest_postmortem.lint.rules import LINT_RULES
from pytest_postmortem.options import COMMAND_LINE_OPTIONS, INI_SETTINGS
from pytest_postmortem.reports.json_report import REPORT_FORMAT

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "shop"
TERM_HEADING = re.compile(r"^### (.+)\n", re.MULTILINE)
EXPLANATIONS = ROOT / "src" / "pytest_postmortem" / "cli" / "explanations.md"


def run_example(*arguments: str, reintroduce: str = "") -> None:
    """Print a run of the example as a console shows it, but for what differs from run to run."""
    shown = " ".join(("pytest", *arguments))
    environment = {**os.environ, "COLUMNS": "88", "SHOP_REINTRODUCE": reintroduce}
    for name in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_TESTRUNUID", "CI"):
        environment.pop(name, None)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--no-header"]
    done = subprocess.run(
        [*command, "--color=no", *arguments],
        cwd=EXAMPLE,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    variable = f"SHOP_REINTRODUCE={reintroduce} " if reintroduce else ""
    print(f"\n```console\n$ {variable}{shown}\n{_steady(done.stdout)}```\n")


def _steady(text: str) -> str:
    """Take the duration out of the last line, which keeps its width."""
    return re.sub(
        r"=+( .* )in \d+\.\d+s =+\n$", lambda found: found[1].center(88, "=") + "\n", text
    )


def prove() -> None:
    """Print what `prove` says of the example."""
    _print_proofs()


def strength() -> None:
    """Print how strong the proof of an incident of the example is."""
    _print_proofs("--strength", "PM-0003")


def _print_proofs(*arguments: str) -> None:
    environment = {**os.environ, "COLUMNS": "88"}
    for name in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_TESTRUNUID"):
        environment.pop(name, None)
    command = [sys.executable, "-m", "pytest_postmortem", "prove", "--again", *arguments]
    done = subprocess.run(
        command, cwd=EXAMPLE, env=environment, capture_output=True, text=True, check=False
    )
    steady = re.sub(r" \(\d+\.\d s\)$", "", done.stdout, flags=re.MULTILINE)
    shown = " ".join(("pytest-postmortem prove", *arguments))
    print(f"\n```console\n$ {shown}\n{steady}```\n")


def pre_commit() -> None:
    """Print the configuration of pre-commit, with the address of the repository."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (address,) = re.findall(r'^Homepage = "(.*)"$', project, re.MULTILINE)
    lines = (
        "repos:",
        f"  - repo: {address}",
        f"    rev: v{__version__}",
        "    hooks:",
        "      - id: postmortem-check",
    )
    print("\n```yaml", *lines, "```\n", sep="\n")


WORKFLOW = """\
# .github/workflows/tests.yml
name: tests
on:
  push: {branches: [main]}
  pull_request:
permissions:
  contents: read
jobs:
  tests:
    runs-on: ubuntu-latest
    permissions:
      contents: read
      pull-requests: write
    steps:
      - uses: actions/checkout@v5
        with:
          fetch-depth: 0
          persist-credentials: false
      - uses: actions/setup-python@v6
        with: {python-version: "3.13"}
      - run: python -m pip install -e .
      - uses: pytest-postmortem/pytest-postmortem@{revision}"""


def workflow() -> None:
    """Print a workflow with the action, of this version."""
    text = WORKFLOW.replace("{revision}", f"v{__version__}")
    print(f"\n```yaml\n{text}\n```\n")


def options() -> None:
    """Print the table of command-line options."""
    print("\n| option | description |\n|---|---|")
    for option in COMMAND_LINE_OPTIONS:
        print(f"| `{option.flag}={option.metavar.replace('|', '&#124;')}` | {option.help} |")
    print()


def settings() -> None:
    """Print the table of settings, with how each is written in each kind of file."""
    print("\n| setting | type | description |\n|---|---|---|")
    for ini in INI_SETTINGS:
        print(f"| `{ini.name}` | {ini.kind} | {ini.help} |")
    print()


def commands() -> None:
    """Print a section for each command, with its options."""
    for command in CLI_COMMANDS:
        parser = argparse.ArgumentParser(add_help=False)
        command.declare_arguments(parser)
        does = command.help[0].upper() + command.help[1:]
        print(f"\n## `pytest-postmortem {command.name}`\n\n{does}.\n")
        if parser._actions:
            print("| option | description |\n|---|---|")
        for action in parser._actions:
            flags = ", ".join(action.option_strings)
            value = str(action.metavar or ("" if flags else action.dest)).replace("|", "&#124;")
            print(f"| `{' '.join(filter(None, (flags, value)))}` | {action.help} |")
    print()


def rules() -> None:
    """Print the table of the lint's rules."""
    print("\n| rule | finding |\n|---|---|")
    for code, rule in LINT_RULES.items():
        print(f"| [`{code}`](#{code}) | {rule.description[0].lower()}{rule.description[1:]} |")
    print()


def json_format() -> None:
    """Print the version of the JSON report."""
    print(f"\nThe version of the format is `{REPORT_FORMAT}`.\n")


def explanations() -> str:
    """Return the texts of `pytest-postmortem explain`, without links: the sections on messages and
    rules, and the terms of the report.
    """
    docs = ROOT / "docs"
    sections = []
    for page in ("messages.md", "lint.md"):
        _, *parts = SECTION_HEADING.split((docs / "reference" / page).read_text(encoding="utf-8"))
        sections += [
            f"## {code}\n\n{text.strip()}"
            for code, text in zip(parts[::2], parts[1::2], strict=True)
        ]
    terms = (docs / "reference" / "states.md").read_text(encoding="utf-8")
    _, *parts = TERM_HEADING.split(terms.partition("\n## Terms\n")[2].partition("\n## ")[0])
    sections += [
        f"## {term.lower().replace(' ', '-')}\n\n{text.strip()}"
        for term, text in zip(parts[::2], parts[1::2], strict=True)
    ]
    retire = (docs / "how-to" / "retire-a-lesson.md").read_text(encoding="utf-8")
    sections.append("## retire-a-lesson\n\n" + retire.partition("\n\n")[2].strip())
    return re.sub(r"\[([^]\n]+)\]\([^)\s]+\)", r"\1", "\n\n".join(sections)) + "\n"


if __name__ == "__main__":
    EXPLANATIONS.write_text(explanations(), encoding="utf-8")
