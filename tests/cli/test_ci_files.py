"""The action of GitHub and the component of GitLab: they hand every input on, and none to a shell.

Their scripts run here as the services run them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from forge import TOKEN, SimulatedForge
from pytest_postmortem.cli.arguments import CLI_COMMANDS
from pytest_postmortem.cli.ci import CI_INPUTS, VARIABLE_PREFIX
from repositories import commit, git, repository
from server import Server

ROOT = Path(__file__).parents[2]
ACTION: Mapping[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
COMPONENT_TEXT = (ROOT / "templates" / "postmortem.yml").read_text(encoding="utf-8")
COMPONENT_SPEC, COMPONENT_JOBS = yaml.safe_load_all(COMPONENT_TEXT)
COMPONENT_INPUTS: Mapping[str, Any] = COMPONENT_SPEC["spec"]["inputs"]
(JOB,) = COMPONENT_JOBS.values()
OUTPUTS = ["guarded", "required", "percent", "lost", "hollow", "unproven"]

REGISTRY = "- {id: PM-1, title: Charged twice}\n"
GUARD = """\
import pytest

@pytest.mark.postmortem("PM-1")
def test_one(): pass
"""
HOSTILE = """-k "one or $(touch pwned) `touch pwned`" ; touch pwned #"""
"""Arguments that a shell would obey; pytest refuses them."""


def variables_of(inputs: Mapping[str, Any]) -> set[str]:
    """Return the variables of the inputs that `ci` reads."""
    names = {name.replace("-", "_") for name in inputs} & CI_INPUTS.keys()
    return {VARIABLE_PREFIX + name.upper() for name in names}


def test_each_input_is_one_of_the_command() -> None:
    """The command, the action and the component have the same inputs but for their own set-up."""
    own = {"python", "version", "working_directory"}
    action = {name.replace("-", "_") for name in ACTION["inputs"]}
    component = {name.replace("-", "_") for name in COMPONENT_INPUTS}

    assert action - own - {"token"} == CI_INPUTS.keys() - {"folder"}
    assert component - own - {"job_name", "stage", "image", "install"} == action - own - {"token"}


def test_the_defaults_are_those_of_the_command() -> None:
    """Whether an input is left out, or an option."""
    expected = {name: kind.default for name, kind in CI_INPUTS.items() if kind.default}
    del expected["folder"]

    for inputs in (ACTION["inputs"], COMPONENT_INPUTS):
        defaults = {name: inputs[name.replace("_", "-")]["default"] for name in expected}
        assert defaults == expected


def test_each_input_of_the_command_is_an_option() -> None:
    """What a workflow can say, a terminal can."""
    import argparse

    parser = argparse.ArgumentParser()
    command = next(each for each in CLI_COMMANDS if each.name == "ci")
    command.declare_arguments(parser)

    assert CI_INPUTS.keys() <= vars(parser.parse_args([])).keys()


def test_no_input_is_inserted_into_a_shell() -> None:
    """They are variables of the step or job, and nothing else."""
    steps = ACTION["runs"]["steps"]
    scripts = [step["run"] for step in steps]
    handed_on = {name for step in steps for name in step["env"] if name.startswith(VARIABLE_PREFIX)}

    assert [script for script in (*scripts, *JOB["script"]) if "{{" in script] == []
    assert [script for script in JOB["script"] if "[[" in script] == []
    assert handed_on >= variables_of(ACTION["inputs"])
    assert JOB["variables"].keys() >= variables_of(COMPONENT_INPUTS)


def test_the_outputs_of_the_action_are_those_of_its_step() -> None:
    """None is misspelt."""
    values = {name: output["value"] for name, output in ACTION["outputs"].items()}

    assert [*values][:6] == OUTPUTS
    assert values == {name: f"${{{{ steps.ci.outputs.{name} }}}}" for name in values}


def test_the_page_about_ci_has_every_input_and_output() -> None:
    """And its workflows use no other."""
    page = (ROOT / "docs" / "how-to" / "ci.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[^|]+) \|", page, re.MULTILINE)
    listed = {name for row in rows for name in re.findall(r"`([\w-]+)`", row)}
    used = [
        name
        for block in re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
        for name in find_inputs(yaml.safe_load(block))
    ]

    assert listed == ACTION["inputs"].keys() | COMPONENT_INPUTS.keys()
    assert [name for name in ACTION["outputs"] if f"`{name}`" not in page] == []
    assert len(used) == 3
    assert set(used) <= listed


def find_inputs(data: Any) -> Iterator[str]:
    """Yield the inputs of the action and of the component in a workflow, at whatever depth."""
    if isinstance(data, dict):
        ours = "pytest-postmortem/" in str(data.get("uses", data.get("component", "")))
        if ours:
            yield from data.get("with") or data.get("inputs") or ()
    for value in (
        data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    ):
        yield from find_inputs(value)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A change that lost a lesson, below the top of its repository."""
    top = repository(tmp_path / "top")
    files = {"shop/pytest.ini": "[pytest]\npostmortem_registry = pm.yml\n"}
    commit(top, {**files, "shop/pm.yml": REGISTRY, "shop/test_one.py": GUARD})
    git(top, "update-ref", "refs/remotes/origin/main", "HEAD")
    git(top, "switch", "--quiet", "--create", "change")
    commit(top, {"shop/test_one.py": None, "shop/test_two.py": "def test_two(): pass\n"})
    monkeypatch.chdir(top)
    return top / "shop"


def run_script(script: str, folder: Path, variables: Mapping[str, str]) -> int:
    """Run a script as both services do, and return its exit status."""
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(command, cwd=folder, env={**os.environ, **variables}).returncode


def run_action(inputs: Mapping[str, str], variables: Mapping[str, str]) -> int:
    """Run the steps of the action until one fails, and return its exit status."""
    values = {**{name: each["default"] for name, each in ACTION["inputs"].items()}, **inputs}

    def insert(text: str) -> str:
        return re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: values[found[1]], text)

    for step in ACTION["runs"]["steps"]:
        folder = Path(insert(step["working-directory"]))
        own = {name: insert(value) for name, value in step["env"].items()}
        status = run_script(step["run"], folder, {**variables, **own})
        if status:
            return status
    return 0


def run_component(inputs: Mapping[str, str], variables: Mapping[str, str]) -> int:
    """Run the job of the component, and return its exit status."""
    values = {**{name: each["default"] for name, each in COMPONENT_INPUTS.items()}, **inputs}

    def insert(text: str) -> str:
        return re.sub(r"\$\[\[ inputs\.([\w-]+) \]\]", lambda found: values[found[1]], text)

    own = {name: insert(value) for name, value in JOB["variables"].items()}
    return run_script("\n".join(JOB["script"]), Path(), {**variables, **own})


INPUTS = {"python": sys.executable, "working-directory": "shop", "prove": "off", "page": "true"}
LOST = "- PM-1 Charged twice – test\\_one.py::test\\_one is deleted with its file\n"


@pytest.mark.slow
@pytest.mark.parametrize("ratchet", ["fail", "warn"])
def test_the_action_runs_all_steps_and_fails_once(
    shop: Path, tmp_path: Path, server: Server, ratchet: str
) -> None:
    """A lost lesson fails the step after report, page, outputs and comment are there."""
    api = SimulatedForge("GitHub", server)
    event = '{"pull_request": {"number": 12, "base": {"ref": "main", "sha": "0"}}}'
    (tmp_path / "event.json").write_text(event)
    variables = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_ACTION_PATH": "/not/needed",
        "GITHUB_REPOSITORY": "shop/api",
        "GITHUB_API_URL": f"{server.url}/api",
        "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
    }

    status = run_action({**INPUTS, "ratchet": ratchet, "token": TOKEN}, variables)

    written = (tmp_path / "output").read_text()
    outputs = dict(re.findall(r"^(\w+)<<(?:end-\w+)\n(.*)\nend-\w+$", written, re.MULTILINE))
    assert status == (1 if ratchet == "fail" else 0)
    assert [outputs[name] for name in OUTPUTS] == ["0", "1", "0", "1", "", ""]
    assert Path(outputs["page"]).read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert outputs["report"] == str(shop / "postmortem-ci" / "report.json")
    assert LOST in (tmp_path / "summary.md").read_text(encoding="utf-8")
    sign = "❌" if ratchet == "fail" else "⚠️"
    head = f"<!-- pytest-postmortem shop -->\n### {sign} shop: 1 lesson lost\n"
    assert api.bodies[0].startswith(head)
    assert outputs.keys() == ACTION["outputs"].keys() - {"proofs"}
    assert "postmortem-ci" not in git_status(shop)


def git_status(folder: Path) -> str:
    """Return what git says of the files that are not committed."""
    command = ["git", "status", "--porcelain", "--untracked-files=all"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_the_component_runs_all_steps_and_fails_once(shop: Path, server: Server) -> None:
    """As the action does."""
    api = SimulatedForge("GitLab", server, asks=True)
    variables = {
        "CI_API_V4_URL": f"{server.url}/api",
        "CI_MERGE_REQUEST_PROJECT_ID": "7",
        "CI_MERGE_REQUEST_IID": "12",
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        "POSTMORTEM_TOKEN": TOKEN,
    }

    status = run_component(INPUTS, variables)

    folder = shop / "postmortem-ci"
    assert status == 1
    assert (folder / "outputs.env").read_text().splitlines()[:6] == [
        "POSTMORTEM_GUARDED=0",
        "POSTMORTEM_REQUIRED=1",
        "POSTMORTEM_PERCENT=0",
        "POSTMORTEM_LOST=1",
        "POSTMORTEM_HOLLOW=",
        "POSTMORTEM_UNPROVEN=",
    ]
    assert LOST in api.bodies[0]


@pytest.mark.slow
@pytest.mark.parametrize("run", [run_action, run_component])
def test_the_shell_obeys_no_input(shop: Path, run: Any) -> None:
    """Not even one that closes quotes."""
    hostile = dict.fromkeys(("base", "name", "reports", "fail-under", "page"), HOSTILE)

    status = run({**INPUTS, **hostile, "pytest-args": HOSTILE, "version": ""}, {})
    arguments = run({**INPUTS, "pytest-args": HOSTILE, "ratchet": "off"}, {})

    assert (status, arguments) == (2, 4)
    assert [*shop.parent.rglob("pwned")] == []
