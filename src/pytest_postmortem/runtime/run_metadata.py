"""Metadata of a run: versions, arguments without secrets, the commit that CI names, its start."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone

import pytest

from pytest_postmortem.report_model import RunMetadata
from pytest_postmortem.reports.forge import find_forge

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


def read_run_metadata(config: pytest.Config, started: float) -> RunMetadata:
    """Return the metadata of the run, which started at a number of seconds since 1970."""
    forge = find_forge(os.environ)
    return RunMetadata(
        ".".join(map(str, sys.version_info[:3])),
        pytest.__version__,
        tuple(redact_arguments(map(str, config.invocation_params.args))),
        next(filter(None, map(os.environ.get, COMMIT_VARIABLES)), None),
        format_start_time(started),
        forge.project or config.rootpath.name or None,
        forge.files_url,
        forge.commits_url,
    )


def format_start_time(started: float) -> str:
    """Return the time at which a run began as text in UTC.

    ``SOURCE_DATE_EPOCH``, where it is valid, is used in its place, so that reports are
    reproducible.
    """
    moment = datetime.fromtimestamp(started, tz=timezone.utc)
    if "SOURCE_DATE_EPOCH" in os.environ:
        from pytest_postmortem.today import read_epoch  # imports git

        moment = read_epoch() or moment
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


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
