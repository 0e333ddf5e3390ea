"""The pull or merge request that a CI job is about, read from the variables of the job.

GitHub Actions: https://docs.github.com/en/actions/reference/workflows-and-actions/variables, and
the event in the file ``GITHUB_EVENT_PATH``; Gitea and Forgejo set the same. GitLab:
https://docs.gitlab.com/ci/variables/predefined_variables/
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pytest_postmortem.registry.remote.redaction import SecretRedactor

Forge = Literal["GitHub", "GitLab"]

OWN_TOKEN = "POSTMORTEM_TOKEN"
"""The variable of the token for comments, which is not in the environment of the tests."""

TOKEN_VARIABLES: Mapping[Forge, tuple[str, ...]] = {
    "GitHub": (OWN_TOKEN, "GITHUB_TOKEN", "GH_TOKEN"),
    "GitLab": (OWN_TOKEN, "GITLAB_TOKEN"),
}
"""The variables of the token, the first that is set counts; GitLab's job token can't comment."""

MIN_SECRET_VALUE = 8

_SECRET_NAME = re.compile(r"TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|PRIVATE_?KEY|CREDENTIAL", re.I)
_PULL_REQUEST_REF = re.compile(r"refs/pull/(\d+)/")


class Change(NamedTuple):
    """A pull or merge request, or another change with a base.

    ``project`` is OWNER/NAME at GitHub and the number of the project at GitLab, ``api`` the
    address of its API. ``number`` is None where there is nothing to comment on. ``bases`` are
    revisions of the target, the one to prefer first; the clone may lack any of them. ``head`` is
    the newest commit of the change, which a job may not have checked out; None if that is unknown.
    ``is_of_fork`` says that its branch is in another project, whose jobs have no token of this one.
    """

    forge: Forge
    api: str
    project: str
    number: int | None
    bases: tuple[str, ...] = ()
    head: str | None = None
    is_of_fork: bool = False

    def __str__(self) -> str:
        """Return the change as people write it."""
        return f"{self.project}{'#' if self.forge == 'GitHub' else '!'}{self.number}"


def read_change(environment: Mapping[str, str], number: int | None = None) -> Change | None:
    """Return the change of a job, None outside of a job of GitHub or GitLab.

    ``number`` takes the place of the one that the job is about.
    """
    if environment.get("GITHUB_REPOSITORY"):
        return _read_github_change(environment, number)
    if environment.get("CI_API_V4_URL"):
        return _read_gitlab_change(environment, number)
    return None


def _read_github_change(environment: Mapping[str, str], number: int | None) -> Change:
    event = _read_event(environment.get("GITHUB_EVENT_PATH", ""))
    pull = _read_object(event, "pull_request")
    base, head = _read_object(pull, "base"), _read_object(pull, "head")
    origin = _read_text(_read_object(head, "repo"), "full_name")
    branch = environment.get("GITHUB_BASE_REF") or _read_text(base, "ref")
    # HEAD is a merge into the tip of the branch, which may be newer than the event
    bases = (
        f"origin/{branch}" if branch else "",
        _read_text(base, "sha"),
        _read_text(_read_object(event, "merge_group"), "base_sha"),
    )
    return Change(
        "GitHub",
        (environment.get("GITHUB_API_URL") or "https://api.github.com").rstrip("/"),
        environment["GITHUB_REPOSITORY"],
        number or _find_github_number(environment, pull),
        tuple(filter(None, bases)),
        _read_text(head, "sha") or None,
        origin not in ("", environment["GITHUB_REPOSITORY"]),
    )


def _find_github_number(environment: Mapping[str, str], pull: Mapping[str, Any]) -> int | None:
    """Return the number of the pull request: of the event, or of the ref that was checked out.

    A job for a comment or after another workflow has checked out the main branch.
    """
    number = pull.get("number")
    ref = _PULL_REQUEST_REF.match(environment.get("GITHUB_REF", ""))
    return number if type(number) is int else int(ref[1]) if ref else None


def _read_gitlab_change(environment: Mapping[str, str], number: int | None) -> Change:
    named = environment.get("CI_MERGE_REQUEST_IID", "")
    branch = environment.get("CI_MERGE_REQUEST_TARGET_BRANCH_NAME")
    # the first is set where HEAD is a merge into the tip of the branch
    bases = (
        environment.get("CI_MERGE_REQUEST_TARGET_BRANCH_SHA", ""),
        environment.get("CI_MERGE_REQUEST_DIFF_BASE_SHA", ""),
        f"origin/{branch}" if branch else "",
    )
    # the pipeline of a fork runs in the fork
    project = environment.get("CI_MERGE_REQUEST_PROJECT_ID") or environment.get("CI_PROJECT_ID")
    return Change(
        "GitLab",
        environment["CI_API_V4_URL"].rstrip("/"),
        project or "",
        number or (int(named) if named.isdecimal() else None),
        tuple(filter(None, bases)),
        is_of_fork=environment.get("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", project) != project,
    )


def _read_event(path: str) -> Mapping[str, Any]:
    """Return the event of a job, empty where there is none that can be read."""
    try:
        event = json.loads(Path(path).read_bytes()) if path else None
    except (OSError, ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}


def _read_object(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = data.get(name)
    return value if isinstance(value, dict) else {}


def _read_text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    return value if isinstance(value, str) else ""


def find_token(environment: Mapping[str, str], forge: Forge) -> str | None:
    """Return the token to comment with, None where no variable has one."""
    values = (environment.get(name, "").strip() for name in TOKEN_VARIABLES[forge])
    return next(filter(None, values), None)


def build_environment_redactor(environment: Mapping[str, str]) -> Callable[[str], str]:
    """Return what replaces the secrets of a job in a text.

    A forge masks them in logs and not in comments, and the message of a failed test may have one.
    """
    return SecretRedactor(_list_secret_values(environment)).redact_text


def _list_secret_values(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield the values of variables with the name of a secret, but for addresses and paths."""
    for name, value in environment.items():
        is_place = "://" in value or os.path.exists(value)
        if _SECRET_NAME.search(name) and len(value) >= MIN_SECRET_VALUE and not is_place:
            yield value
