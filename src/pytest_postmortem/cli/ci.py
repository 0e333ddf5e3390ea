"""``pytest-postmortem ci``: tests, ratchet, proofs, page and comment, with one exit at the end.

An option that is not given is read from a variable, ``--pytest-args`` from
``POSTMORTEM_CI_PYTEST_ARGS``, so that a workflow file inserts no value into a shell.
"""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pytest_postmortem.ci.change import OWN_TOKEN
from pytest_postmortem.cli.arguments import build_pytest_arguments, parse_seconds
from pytest_postmortem.cli.ci_job import CiInputs, CiJob
from pytest_postmortem.errors import Problem, SettingsError
from pytest_postmortem.prove.experiment import MAX_INCIDENT_SECONDS
from pytest_postmortem.settings import parse_percentage

VARIABLE_PREFIX = "POSTMORTEM_CI_"

SWITCH_WORDS: Mapping[str, str] = {"true": "on", "yes": "on", "false": "off", "no": "off"}
"""What workflow files call on and off."""


class _Input(NamedTuple):
    """An input: how its text is read, what to write, and its text if none is given."""

    convert: Callable[[str], Any]
    remedy: str = "correct it"
    default: str = ""


def _choose(*words: str) -> Callable[[str], str]:
    def convert(text: str) -> str:
        word = SWITCH_WORDS.get(text.casefold(), text.casefold())
        if word not in words:
            raise ValueError
        return word

    return convert


def _parse_optional_percentage(text: str) -> float | None:
    return parse_percentage(text) if text else None


def _parse_page(text: str) -> str | None:
    """Return ``on``, a path, or None for no page."""
    word = SWITCH_WORDS.get(text.casefold(), text.casefold())
    return None if word in ("", "off") else "on" if word == "on" else text


CI_INPUTS: Mapping[str, _Input] = {
    "reports": _Input(str.split),
    "pytest_args": _Input(shlex.split, "close the quotes"),
    "fail_under": _Input(_parse_optional_percentage, "write a percentage, as 80"),
    "base": _Input(lambda text: text or None),
    "ratchet": _Input(_choose("fail", "warn", "off"), "write fail, warn or off", "fail"),
    "prove": _Input(_choose("new", "all", "off"), "write new, all or off", "new"),
    "prove_timeout": _Input(parse_seconds, "write seconds, as 600", f"{MAX_INCIDENT_SECONDS:g}"),
    "comment": _Input(_choose("on", "off", "require"), "write on, off or require", "on"),
    "name": _Input(lambda text: text or None),
    "page": _Input(_parse_page),
    "folder": _Input(Path, default="postmortem-ci"),
}
"""The fields of `CiInputs`."""


def main(options: argparse.Namespace) -> int:
    """Run every step, deliver the results, and return the exit status of the whole.

    Raises: SettingsError with every input that is not valid.
    """
    environment = dict(os.environ)
    os.environ.pop(OWN_TOKEN, None)  # no test inherits it
    inputs = read_ci_inputs(options, environment)
    job = CiJob(inputs, build_pytest_arguments(options), environment)
    job.run_steps()
    job.deliver_results()
    return job.compute_status()


def read_ci_inputs(options: argparse.Namespace, environment: Mapping[str, str]) -> CiInputs:
    """Return the inputs of options, or else of variables.

    Raises: SettingsError with every input that is not valid.
    """
    values: dict[str, Any] = {}
    problems = []
    for name, kind in CI_INPUTS.items():
        variable = VARIABLE_PREFIX + name.upper()
        given: str | None = getattr(options, name)
        source = variable if given is None else f"--{name.replace('_', '-')}"
        text = (environment.get(variable, "") if given is None else given).strip()
        try:
            values[name] = kind.convert(text or kind.default)
        except ValueError:
            failed, cause = f"Couldn't use {source}", f"{text!r} is not valid"
            problems.append(Problem("setting", failed, cause, kind.remedy))
    if problems:
        raise SettingsError(problems)
    return CiInputs(**values)
