"""What ran: versions, arguments without any secret, and the commit where CI tells it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator

import pytest

from pytest_postmortem.assess import Ran

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
_SECRET = re.compile(r"(?i)^(-{0,2}[\w.-]*(?:token|key|secret|passw|auth|credential)[\w.-]*)(=|$)")
_ADDRESS = re.compile(r"(?P<head>[A-Za-z][A-Za-z0-9+.-]*://)(?:[^/?#\s]*@)?(?P<rest>[^?#\s]*)\S*")


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
        found = _SECRET.match(argument)
        if hide and not argument.startswith("-"):
            yield HIDDEN
        elif found is not None and found[2]:
            yield f"{found[1]}={HIDDEN}"
        else:
            yield _ADDRESS.sub(r"\g<head>\g<rest>", argument)
        hide = found is not None and not found[2] and argument.startswith("-")
