"""What ran: versions, arguments without any secret, and the commit where CI tells it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator

import pytest

from pytest_postmortem.states import Ran

__all__ = ["COMMITS", "ran", "redacted"]

COMMITS = (
    "GITHUB_SHA",
    "CI_COMMIT_SHA",
    "GIT_COMMIT",
    "BUILDKITE_COMMIT",
    "CIRCLE_SHA1",
    "BITBUCKET_COMMIT",
    "BUILD_SOURCEVERSION",
    "DRONE_COMMIT_SHA",
)
"""Where CI systems put the commit: GitHub, GitLab, Jenkins, Buildkite, CircleCI, Bitbucket, Azure
Pipelines, and Drone or Woodpecker.
"""

HIDDEN = "***"
_WORDS = "token|key|secret|pass|pwd|auth|credential|dsn|bearer"
_VALUE = re.compile(rf"(?i)^(.*?[\w.-]*(?:{_WORDS}|\bpat)[\w.-]*=).+", re.DOTALL)
_OPTION = re.compile(rf"(?i)^-{{1,2}}[\w.-]*(?:{_WORDS}|\bpat)[\w.-]*$")
_TOLD = re.compile(r"(?i)\bbearer\s|\bauthorization\b|gh[pousr]_\w|github_pat_|glpat-|xox[abpr]-")
_ADDRESS = re.compile(r"(?P<head>[A-Za-z][A-Za-z0-9+.-]*://)(?:\S*@)?(?P<rest>[^?#\s]*)\S*")


def ran(config: pytest.Config) -> Ran:
    """Return what a run consists of."""
    return Ran(
        ".".join(map(str, sys.version_info[:3])),
        pytest.__version__,
        tuple(redacted(map(str, config.invocation_params.args))),
        next(filter(None, map(os.environ.get, COMMITS)), None),
    )


def redacted(arguments: Iterable[str]) -> Iterator[str]:
    """Yield arguments without what may be secret.

    That is the value of an option whose name says so, the next argument included, and in an
    address what stands before its host and behind its path.
    """
    hide = False
    for argument in arguments:
        shown = _ADDRESS.sub(r"\g<head>\g<rest>", argument)
        value = None if "::" in argument else _VALUE.match(shown)
        if hide or _TOLD.search(argument):
            yield HIDDEN
        elif value is not None:
            yield f"{value[1]}{HIDDEN}"
        else:
            yield shown
        hide = _OPTION.match(argument) is not None
