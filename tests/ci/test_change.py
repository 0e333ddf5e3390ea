"""The change that a job is about, from its variables alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_postmortem.ci.change import (
    Change,
    build_environment_redactor,
    find_token,
    read_change,
)

GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_REPOSITORY": "shop/api",
    "GITHUB_API_URL": "https://api.github.com",
}
GITLAB = {
    "CI_API_V4_URL": "https://gitlab.example.com/api/v4",
    "CI_PROJECT_ID": "9",
}
PULL = {"number": 12, "base": {"ref": "main", "sha": "b" * 40}}


def github_change(tmp_path: Path, event: Any, **variables: str) -> Change | None:
    """Return the change of a job of GitHub with an event."""
    (tmp_path / "event.json").write_text(event if isinstance(event, str) else json.dumps(event))
    place = {"GITHUB_EVENT_PATH": str(tmp_path / "event.json")}
    return read_change({**GITHUB, **place, **variables})


@pytest.mark.parametrize(
    ("event", "variables", "number", "bases"),
    [
        ({"pull_request": PULL}, {"GITHUB_BASE_REF": "next"}, 12, ("origin/next", "b" * 40)),
        ({"pull_request": PULL}, {}, 12, ("origin/main", "b" * 40)),
        ({"issue": {"number": 3, "pull_request": {"url": "x"}}}, {}, None, ()),
        ({"workflow_run": {"pull_requests": [{"number": 5}]}}, {}, None, ()),
        ({"merge_group": {"base_sha": "c" * 40}}, {}, None, ("c" * 40,)),
        ({"before": "d" * 40}, {"GITHUB_REF": "refs/heads/main"}, None, ()),
        ("not JSON", {"GITHUB_REF": "refs/pull/8/merge", "GITHUB_BASE_REF": "main"}, 8, None),
        ([], {}, None, ()),
        ({"pull_request": {"number": "12", "base": []}}, {}, None, ()),
    ],
)
def test_the_event_of_github_names_the_change(
    tmp_path: Path, event: Any, variables: dict[str, str], number: int | None, bases: Any
) -> None:
    """Of each kind of event, and no event of an odd form ends the job."""
    expected = ("origin/main",) if bases is None else bases

    change = github_change(tmp_path, event, **variables)

    assert change == Change("GitHub", "https://api.github.com", "shop/api", number, expected)


def test_the_newest_commit_of_a_pull_request_is_known(tmp_path: Path) -> None:
    """So that figures of another checkout are not taken for its own."""
    change = github_change(tmp_path, {"pull_request": {**PULL, "head": {"sha": "c" * 40}}})

    assert change is not None
    assert change.head == "c" * 40


def test_a_change_of_a_fork_is_known(tmp_path: Path) -> None:
    """At GitHub by the repository of its branch, at GitLab by the number of the project."""
    heads = [{"repo": {"full_name": name}} for name in ("ada/api", "shop/api")] + [{"repo": None}]
    pulls = [github_change(tmp_path, {"pull_request": {**PULL, "head": head}}) for head in heads]
    own = {**GITLAB, "CI_MERGE_REQUEST_PROJECT_ID": "9"}
    merges = [read_change({**own, "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": id}) for id in ("5", "9")]

    known = [change and change.is_of_fork for change in (*pulls, *merges)]

    assert known == [True, False, False, True, False]


def test_a_job_without_an_event_file_is_about_no_change() -> None:
    """Nothing is guessed."""
    change = read_change({**GITHUB, "GITHUB_EVENT_PATH": "/not/there"})

    assert change == Change("GitHub", "https://api.github.com", "shop/api", None)


@pytest.mark.parametrize(
    ("variables", "project", "number", "bases"),
    [
        ({}, "9", None, ()),
        (
            {
                "CI_MERGE_REQUEST_IID": "4",
                "CI_MERGE_REQUEST_PROJECT_ID": "7",
                "CI_MERGE_REQUEST_DIFF_BASE_SHA": "b" * 40,
                "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
                "CI_MERGE_REQUEST_TARGET_BRANCH_SHA": "",
            },
            "7",
            4,
            ("b" * 40, "origin/main"),
        ),
        (
            {
                "CI_MERGE_REQUEST_IID": "4",
                "CI_MERGE_REQUEST_DIFF_BASE_SHA": "b" * 40,
                "CI_MERGE_REQUEST_TARGET_BRANCH_SHA": "c" * 40,
            },
            "9",
            4,
            ("c" * 40, "b" * 40),
        ),
    ],
)
def test_the_variables_of_gitlab_name_the_change(
    variables: dict[str, str], project: str, number: int | None, bases: tuple[str, ...]
) -> None:
    """The pipeline of a fork runs in the fork, and comments on the project that it is merged into.

    Where HEAD is the merge into the target, the target's tip is the base.
    """
    change = read_change({**GITLAB, **variables})

    assert change == Change("GitLab", GITLAB["CI_API_V4_URL"], project, number, bases)


def test_a_number_takes_the_place_of_that_of_the_job(tmp_path: Path) -> None:
    """A workflow that runs after another one is about no pull request of its own."""
    assert read_change({**GITHUB}, 33) == Change("GitHub", GITHUB["GITHUB_API_URL"], "shop/api", 33)


def test_elsewhere_there_is_no_change() -> None:
    """On a laptop, and in a job of another service."""
    assert read_change({"CI": "true", "BUILD_NUMBER": "5"}) is None


def test_the_token_for_comments_comes_before_those_for_reading() -> None:
    """So the tests can have one that only reads."""
    tokens = {"GITHUB_TOKEN": "reads", "POSTMORTEM_TOKEN": "writes", "GITLAB_TOKEN": " reads "}

    assert find_token(tokens, "GitHub") == "writes"
    assert find_token({"GITLAB_TOKEN": " reads "}, "GitLab") == "reads"
    assert find_token({"GITLAB_TOKEN": "reads", "GITHUB_TOKEN": ""}, "GitHub") is None


def test_secrets_of_the_job_are_not_in_a_text(tmp_path: Path) -> None:
    """A failed assertion may quote one, and no forge masks it in a comment."""
    environment = {
        "PAYMENT_API_KEY": "sk_live_4242aa",
        "DB_PASSWORD": "correct-horse-9",
        "TOKEN_FILE": str(tmp_path),
        "TOKEN_URL": "https://tokens.example.com/here",
        "SECRET": "short",
        "HOME": "/home/someone",
    }
    text = f"'sk_live_4242aa' != 'correct-horse-9' in {tmp_path} https://tokens.example.com/here"

    shown = build_environment_redactor(environment)(text)

    assert shown == f"'***' != '***' in {tmp_path} https://tokens.example.com/here"
