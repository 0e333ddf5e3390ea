"""The page of the lint has every rule, each with an example that the rule finds."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

from pytest_postmortem.cli.main import main
from pytest_postmortem.lint.rules import LINT_RULES
from repositories import write

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "lint.md").read_text(encoding="utf-8")
SECTIONS = {
    text.partition("\n")[0]: text
    for text in re.split(r"^## (?=[a-z]+-[a-z]+$)", PAGE, flags=re.MULTILINE)[1:]
}

SUITE = """\
import pytest
@pytest.mark.postmortem("PM-1")
def test_one(): pass
"""


def test_every_rule_has_a_section_and_every_section_a_rule() -> None:
    """In the same order, which is that of the table."""
    assert list(SECTIONS) == list(LINT_RULES)


@pytest.mark.parametrize("code", LINT_RULES)
def test_the_example_of_a_rule_is_one(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str], code: str
) -> None:
    """The rule finds it; other rules are not compared."""
    examples = re.findall(r"^```(\w+)\n(.*?)^```$", SECTIONS[code], re.MULTILINE | re.DOTALL)
    ((language, example),) = examples
    place, name = ("pm", "pm/PM-3.md") if language == "markdown" else ("pm.yml", "pm.yml")
    guarded = "PM-1" if "PM-1" in example else "PM-3" if language == "markdown" else None
    write(pytester.path, {"tox.ini": f"[pytest]\npostmortem_registry = {place}\n", name: example})
    suite = SUITE.replace("PM-1", guarded) if guarded else "def test_one(): pass\n"
    write(pytester.path, {"tests/test_a.py": suite})

    assert main(["check", "--report=json"]) == 0

    findings = json.loads(capsys.readouterr().out)["findings"]
    assert code in {finding["code"] for finding in findings}


def test_the_output_on_the_page_is_real(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is that of the example, with a typo in a mark."""
    page = (ROOT / "docs" / "how-to" / "check.md").read_text(encoding="utf-8")
    shutil.copytree(ROOT / "examples" / "shop", pytester.path, dirs_exist_ok=True)
    test = pytester.path / "tests" / "test_inventory.py"
    test.write_text(test.read_text(encoding="utf-8").replace("PM-0004", "PM-00004"), "utf-8")

    assert main(["check"]) == 1

    said = capsys.readouterr().out
    assert f"```console\n$ pytest-postmortem check\n{said}```\n" in page


def test_the_files_on_the_page_can_be_given(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are those of the example."""
    page = (ROOT / "docs" / "how-to" / "check.md").read_text(encoding="utf-8")
    shutil.copytree(ROOT / "examples" / "shop", pytester.path, dirs_exist_ok=True)
    ((files, expected),) = re.findall(r"^\$ pytest-postmortem check (.+)\n(.+\n)", page, re.M)

    assert main(["check", *files.split()]) == 0
    assert capsys.readouterr().out == expected


def test_the_hook_runs_the_check() -> None:
    """It is offered under the name that the page gives."""
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "how-to" / "check.md").read_text(encoding="utf-8")

    assert (hook["entry"], hook["language"]) == ("pytest-postmortem check", "python")
    assert f"- id: {hook['id']}" in page
