"""What a service says of an error is passed on as what it is, whatever the status of HTTP is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_postmortem.model import Location, Registry
from pytest_postmortem.registry import LoadOptions, load_registry
from pytest_postmortem.registry.remote.http import HttpLimits, find_error_text, is_error_answer
from server import Reply, Server

QUICK = HttpLimits(retries=0)
THEN = "its ids are not checked, and gates are not judged"

ERRORS: Mapping[str, tuple[Any, str]] = {
    "GitHub": ({"message": "Bad credentials", "documentation_url": "https://x"}, "Bad credentials"),
    "GitLab": (
        {"error": "invalid_token", "error_description": "Token is over"},
        "Token is over; invalid_token",
    ),
    "Jira": (
        {"errorMessages": ["No project 'X'"], "errors": {"jql": "Not a field"}},
        "Not a field; No project 'X'",
    ),
    "PagerDuty": (
        {"error": {"message": "Invalid Input", "code": 2001, "errors": ["Too many"]}},
        "Invalid Input; Too many",
    ),
    "incident.io": (
        {"type": "auth", "status": 401, "errors": [{"code": "a", "message": "No such key"}]},
        "No such key",
    ),
    "Slack": ({"ok": False, "error": "invalid_auth"}, "invalid_auth"),
    "GraphQL": ({"data": None, "errors": [{"message": "Not allowed"}]}, "Not allowed"),
    "a problem": ({"type": "about:blank", "title": "Gone", "detail": "Retired"}, "Retired; Gone"),
    "a text in a list": ({"errors": ["a", "b", "c", "d"]}, "a; b; c"),
    "nothing known": ({"success": False}, ""),
}


@pytest.mark.parametrize("service", ERRORS)
def test_the_text_about_an_error_is_found(service: str) -> None:
    """Services write it below a few keys, and beside it nothing that is a list of incidents."""
    tree, text = ERRORS[service]

    assert is_error_answer(tree)
    assert find_error_text(tree) == text


@pytest.mark.parametrize(
    "tree",
    [
        [],
        [{"message": "a"}],
        {},
        {"incidents": []},
        {"incidents": [], "message": "fine", "next": None},
        {"data": [], "errors": [], "error": None, "ok": True},
        {"PM-1": {"title": "a"}, "PM-2": {"message": "b"}},
        {"data": [], "error": "", "success": "true"},
    ],
)
def test_a_list_is_no_error(tree: Any) -> None:
    """An empty place for errors says that there is none."""
    assert not is_error_answer(tree)


def read(folder: Path, server: Server, block: str = "") -> Registry:
    """Load what a source gives, with one try for each request."""
    (folder / "pm.yml").write_text(f"source:\n  url: {server.url}/pm\n{block}")
    return load_registry([Location("pm.yml", folder)], folder, LoadOptions(limits=QUICK))


def message(found: Registry) -> str:
    """Return the one finding of a registry that could not be read."""
    assert len(found) == 0
    assert len(found.unreachable) == 1
    (finding,) = found.findings
    return finding.message


REFUSALS: Mapping[str, tuple[Reply, str]] = {
    "the service's own words": (
        Reply({"message": "Bad credentials"}, 401),
        "it can't be read: the credential is missing or was refused (HTTP 401): the service says"
        f" 'Bad credentials'; {THEN}; check the token, and that it has not ended",
    ),
    "a second limit": (
        Reply({"message": "secondary rate limit"}, 403, {"Retry-After": "60"}),
        "it can't be read: it asks to wait for 60 seconds (HTTP 403): the service says"
        f" 'secondary rate limit'; {THEN}; ask again later, or let runs read the file that"
        " `pytest-postmortem sync` writes",
    ),
    "a limit until a date": (
        Reply({}, 403, {"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}),
        f"it can't be read: it has been asked too often (HTTP 403); {THEN}; ask again later, or"
        " let runs read the file that `pytest-postmortem sync` writes",
    ),
    "a limit": (
        Reply({"message": "API rate limit exceeded"}, 429),
        "it can't be read: it has been asked too often (HTTP 429): the service says 'API rate"
        f" limit exceeded'; {THEN}; ask again later, or let runs read the file that"
        " `pytest-postmortem sync` writes",
    ),
    "gone": (
        Reply({"error": "Repository archived"}, 410),
        "it can't be read: this address is gone (HTTP 410): the service says"
        f" 'Repository archived'; {THEN}; ask the service where it is now",
    ),
    "a failure": (
        Reply({"errors": [{"message": "maintenance"}]}, 503),
        "it can't be read: the server failed (HTTP 503): the service says 'maintenance'; "
        f"{THEN}; ask again later",
    ),
    "another one": (
        Reply({"errors": ["Too broad"]}, 422),
        "it can't be read: it did not answer the question (HTTP 422): the service says 'Too"
        f" broad'; {THEN}; correct the address",
    ),
    "controls": (
        Reply({"message": "a\x1b[31mb\n::error::c\u202e"}, 400),
        "it can't be read: it did not answer the question (HTTP 400): the service says 'a[31mb"
        f" ::error::c'; {THEN}; correct the address",
    ),
    "no JSON": (
        Reply("{oh no", 400, {"Content-Type": "application/json"}),
        f"it can't be read: it did not answer the question (HTTP 400); {THEN}; correct the address",
    ),
    "an error with status 200": (
        Reply({"ok": False, "error": "token_expired"}),
        "it can't be read: it answered with an error: the service says 'token_expired'; "
        f"{THEN}; check the token, and the query of the source",
    ),
    "an error in place of entries": (
        Reply({"error": {"code": 7, "message": "Denied"}}),
        f"it can't be read: it answered with an error: the service says 'Denied'; {THEN}; check"
        " the token, and the query of the source",
    ),
    "an error beside an empty list": (
        Reply({"incidents": [], "errors": [{"message": "expired"}]}),
        f"it can't be read: it answered with an error: the service says 'expired'; {THEN}; check"
        " the token, and the query of the source",
    ),
    "a page to log in": (
        Reply("<!DOCTYPE html><title>Sign in</title>", headers={"Content-Type": "text/html"}),
        "it can't be read: it answered with a web page, not with data: is it the one to log in?; "
        f"{THEN}; correct the address, or check the token",
    ),
    "one entry": (
        Reply({"id": "PM-1", "title": "a"}),
        f"it can't be read: it holds one bare entry; {THEN}; write a list of entries, even if it"
        " has only one",
    ),
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refusal_is_told_as_what_it_is(tmp_path: Path, server: Server, refusal: str) -> None:
    """The status, the service's own words and the remedy, in one line."""
    reply, expected = REFUSALS[refusal]
    server.on("/pm", reply)

    assert message(read(tmp_path, server)) == expected


@pytest.mark.parametrize("answer", [{"data": None}, {"data": {"items": None}}, {"data": []}])
def test_an_error_in_place_of_the_configured_list_is_no_empty_list(
    tmp_path: Path, server: Server, answer: dict[str, Any]
) -> None:
    """GraphQL answers with status 200, errors, and null where the list would be."""
    server.on("/pm", Reply({**answer, "errors": [{"message": "expired"}]}))

    assert message(read(tmp_path, server, "  list: data.items\n")) == (
        f"it can't be read: it answered with an error: the service says 'expired'; {THEN}; check"
        " the token, and the query of the source"
    )


def test_a_list_with_an_error_beside_it_is_partial(tmp_path: Path, server: Server) -> None:
    """What came is read, and it is said that there may be more."""
    server.on("/pm", Reply({"incidents": [{"id": "PM-1"}], "errors": ["shard 2 failed"]}))

    found = read(tmp_path, server)

    assert [each.id for each in found] == ["PM-1"]
    assert found.partial == (
        f"{server.url}/pm: it answered with an error as well: the service says 'shard 2 failed'",
    )


@pytest.mark.parametrize("status", [401, 403, 404])
@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_refusal_without_a_token_names_the_variable(
    tmp_path: Path, server: Server, status: int, value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GitHub answers 404 for a private repository to whom it does not know."""
    if value is None:
        monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    else:
        monkeypatch.setenv("GITHUB_TOKEN", value)
    server.on("/repos/o/r/issues", Reply({"message": "Not Found"}, status))
    (tmp_path / "pm.yml").write_text(f"source: {{preset: 'github:o/r', base: '{server.url}'}}\n")

    found = load_registry([Location("pm.yml", tmp_path)], tmp_path, LoadOptions(limits=QUICK))

    assert f"; {THEN}; set GITHUB_TOKEN, which holds nothing here, or " in message(found)
    monkeypatch.setenv("GITHUB_TOKEN", "a-token-of-24-characters")
    found = load_registry([Location("pm.yml", tmp_path)], tmp_path, LoadOptions(limits=QUICK))
    assert "GITHUB_TOKEN" not in message(found)
