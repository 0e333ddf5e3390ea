"""Metadata of a run: versions, arguments without secrets, and the commit if CI provides it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator

import pytest

from pytest_postmortem.report_model import RunMetadata

COMMIT_VARIABLES = (
    "GITHUB_SHA",
    "CI_COMMIT_SHA",
    "GIT_COMMIT",
    "BUILDKITE_COMMIT",
    "CIRCLE_SHA1",
    "BITBUCKET_COMMIT",
    "BUILD_SOURCEVERSION",
    "DRONE_COMMIT_SHA",
)
"""Variables with the commit: GitHub, GitLab, Jenkins, Buildkite, CircleCI, Bitbucket, Azure
Pipelines, and Drone or Woodpecker.
"""

REDACTED_VALUE = "***"
_SECRET_WORDS = "token|key|secret|pass|pwd|auth|credential|dsn|bearer"
_SECRET_VALUE_PATTERN = re.compile(
    rf"(?i)^(.*?[\w.-]*(?:{_SECRET_WORDS}|\bpat)[\w.-]*=).+", re.DOTALL
)
_SECRET_OPTION_PATTERN = re.compile(rf"(?i)^-{{1,2}}[\w.-]*(?:{_SECRET_WORDS}|\bpat)[\w.-]*$")
_SECRET_TEXT_PATTERN = re.compile(
    r"(?i)\bbearer\s|\bauthorization\b|gh[pousr]_\w|github_pat_|glpat-|xox[abpr]-"
)
_URL_PATTERN = re.compile(r"(?P<head>[A-Za-z][A-Za-z0-9+.-]*://)(?:\S*@)?(?P<rest>[^?#\s]*)\S*")


def read_run_metadata(config: pytest.Config) -> RunMetadata:
    """Return the metadata of the run."""
    return RunMetadata(
        ".".join(map(str, sys.version_info[:3])),
        pytest.__version__,
        tuple(redact_arguments(map(str, config.invocation_params.args))),
        next(filter(None, map(os.environ.get, COMMIT_VARIABLES)), None),
    )


def redact_arguments(arguments: Iterable[str]) -> Iterator[str]:
    """Yield arguments without secrets.

    Removed are the values of options with a suspicious name, also as the next argument, and the
    credentials, query and fragment of URLs.
    """
    hide = False
    for argument in arguments:
        shown = _URL_PATTERN.sub(r"\g<head>\g<rest>", argument)
        value = None if "::" in argument else _SECRET_VALUE_PATTERN.match(shown)
        if hide or _SECRET_TEXT_PATTERN.search(argument):
            yield REDACTED_VALUE
        elif value is not None:
            yield f"{value[1]}{REDACTED_VALUE}"
        else:
            yield shown
        hide = _SECRET_OPTION_PATTERN.match(argument) is not None
