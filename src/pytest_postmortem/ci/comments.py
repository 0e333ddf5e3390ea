"""The comment of this tool on a pull or merge request, of which there is one.

It begins with a hidden marker. GitHub: https://docs.github.com/en/rest/issues/comments; GitLab:
https://docs.gitlab.com/api/notes/
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

from pytest_postmortem.ci.change import TOKEN_VARIABLES, Change, Forge
from pytest_postmortem.registry.remote.http import (
    ASK_LESS_OFTEN,
    DEFAULT_LIMITS,
    STATUS_EXPLANATIONS,
    HttpClient,
    HttpRequest,
    UnreachableError,
    parse_url_origin,
)

Publication = Literal["created", "updated", "unchanged", "not needed"]

PERMISSIONS: Mapping[Forge, str] = {
    "GitHub": "give the job 'pull-requests: write'; pull requests of forks and of Dependabot never"
    " get it",
    "GitLab": "use a token with the scope 'api' and the role Reporter; pipelines of forks have no"
    " token of this project",
}
"""What to do about a token that may not comment."""

REFUSING_STATUSES = (401, 403, 404)
"""A token without access to a project is told that there is none."""


class CommentError(Exception):
    """A change can't be commented on, for a reason in one line, with the remedy."""


class _Comment(NamedTuple):
    """A comment that is there; the author is None if the forge does not say."""

    id: int
    body: str
    author: str | None
    is_by_app: bool


class _CommentApi(NamedTuple):
    """What two forges call the same things; ``item`` has a place for the number of a comment."""

    headers: Mapping[str, str]
    user: str
    listing: str
    creation: str
    item: str
    update: Literal["PATCH", "PUT"]
    author_field: str
    name_field: str


def build_marker(name: str = "") -> str:
    """Return the hidden first line of a comment; several suites of one change have names."""
    plain = re.sub(r"-{2,}", "-", re.sub(r"[^\w./-]+", "-", name)).strip("-")
    return f"<!-- pytest-postmortem{f' {plain}' if plain else ''} -->"


def publish_comment(
    change: Change, token: str | None, name: str, text: str, *, create: bool = True
) -> Publication:
    """Write a text into our comment on a change, and return what became of it.

    Without ``create`` only a comment that is there is updated. Of several comments, which two jobs
    may have created at the same time, the oldest is kept.

    Raises: CommentError where that is not possible.
    """
    if token is None and change.is_of_fork:
        raise CommentError("the token is missing, since a job for a fork has none of this project")
    if token is None:
        variables = " or ".join(TOKEN_VARIABLES[change.forge])
        raise CommentError(f"the token is missing; set {variables}")
    try:
        with HttpClient() as client:
            return _Thread(client, change, token, build_marker(name)).publish(text, create=create)
    except UnreachableError as error:
        raise CommentError(_explain_failure(change.forge, error)) from None


def _explain_failure(forge: Forge, error: UnreachableError) -> str:
    """Return why a comment is not possible, and what to do about it."""
    if error.remedy == ASK_LESS_OFTEN:
        return f"{error.cause}; run the job again later"
    if error.status not in REFUSING_STATUSES:
        return f"{error.cause}; {error.remedy}"
    reading = STATUS_EXPLANATIONS[403][0]
    return f"{error.cause.replace(reading, 'the token may not comment')}; {PERMISSIONS[forge]}"


class _Thread:
    """The comments on one change."""

    def __init__(self, client: HttpClient, change: Change, token: str, marker: str) -> None:
        self._client, self._token, self._marker = client, token, marker
        self._api = (
            _build_github_api(change, token)
            if change.forge == "GitHub"
            else _build_gitlab_api(change, token)
        )

    def publish(self, text: str, *, create: bool) -> Publication:
        """Create or update our comment."""
        body = f"{self._marker}\n{text}"
        author = self._find_author()
        result = self._put_in_oldest(self._list_own_comments(author), body)
        if result is not None or not create:
            return result or "not needed"
        self._send("POST", self._api.creation, body)
        own = self._list_own_comments(author)
        if len(own) > 1:  # another job has created one at the same time
            self._put_in_oldest(own, body)
        return "created"

    def _put_in_oldest(self, own: list[_Comment], body: str) -> Publication | None:
        """Write into the oldest comment that we may edit and delete the others, None if none is."""
        for position, comment in enumerate(own):
            if comment.body.replace("\r\n", "\n").strip() == body.strip():
                result: Publication = "unchanged"
            elif self._try_sending(self._api.update, comment, body):
                result = "updated"
            else:
                continue
            for other in own[position + 1 :]:
                self._try_sending("DELETE", other)
            return result
        return None

    def _try_sending(
        self, method: Literal["PATCH", "PUT", "DELETE"], comment: _Comment, body: str | None = None
    ) -> bool:
        """Say whether a comment could be changed: it may be another one's, or be gone."""
        try:
            self._send(method, self._api.item.format(comment.id), body)
        except UnreachableError as error:
            if error.status in (403, 404, 410):
                return False
            raise
        return True

    def _find_author(self) -> str | None:
        """Return whose token it is, None for the token of a job, which may not ask that."""
        try:
            user = self._read(self._api.user)[0]
        except UnreachableError as error:
            if error.status in (403, 404):
                return None
            raise
        name = user.get(self._api.name_field) if isinstance(user, dict) else None
        return name if isinstance(name, str) else None

    def _list_own_comments(self, author: str | None) -> list[_Comment]:
        """Return our comments, the oldest first.

        The marker alone does not make a comment ours, since everyone can write it: its author is
        that of the token or, where that is unknown, an app, which no person can pretend to be.
        """
        own = [
            comment
            for comment in self._list_comments()
            if comment.body.lstrip().startswith(self._marker)
            and (comment.author == author if author is not None else comment.is_by_app)
        ]
        return sorted(own, key=lambda comment: comment.id)

    def _list_comments(self) -> Iterator[_Comment]:
        address: str | None = self._api.listing
        for _ in range(DEFAULT_LIMITS.pages):
            if address is None:
                return
            items, following = self._read(address)
            if not isinstance(items, list):
                raise UnreachableError("the answer is not a list of comments", "check the address")
            for item in items:
                comment = self._parse_comment(item)
                if comment is not None:
                    yield comment
            if following and parse_url_origin(following) != parse_url_origin(address):
                raise UnreachableError("its next page is at another host", "check the address")
            address = following

    def _parse_comment(self, item: Any) -> _Comment | None:
        if not isinstance(item, dict) or type(item.get("id")) is not int or item.get("system"):
            return None
        body, author = item.get("body"), item.get(self._api.author_field)
        author = author if isinstance(author, dict) else {}
        name = author.get(self._api.name_field)
        # GitLab does not say who is a bot, and its tokens may ask who they are
        is_by_app = author.get("type", "Bot") == "Bot"
        return _Comment(
            item["id"],
            body if isinstance(body, str) else "",
            name if isinstance(name, str) else None,
            is_by_app,
        )

    def _read(self, url: str) -> tuple[Any, str | None]:
        """Return the data at an address, and the address of its next page."""
        answer = self._client.fetch_page(self._build_request(url))
        try:
            data = json.loads(answer.text) if answer is not None else None
        except (ValueError, RecursionError):
            raise UnreachableError("the answer is not JSON", "check the address") from None
        return data, None if answer is None else answer.following

    def _send(
        self, method: Literal["POST", "PATCH", "PUT", "DELETE"], url: str, body: str | None
    ) -> None:
        request = self._build_request(url)
        self._client.fetch_page(
            HttpRequest(
                request.url,
                request.headers,
                secrets=request.secrets,
                post=None if body is None else {"body": body},
                method=method,
            )
        )

    def _build_request(self, url: str) -> HttpRequest:
        return HttpRequest(url, self._api.headers, secrets=(self._token,))


def _build_github_api(change: Change, token: str) -> _CommentApi:
    repository = f"{change.api}/repos/{quote(change.project)}"
    comments = f"{repository}/issues/{change.number}/comments"
    headers = {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {token}",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    return _CommentApi(
        headers,
        f"{change.api}/user",
        f"{comments}?per_page=100",
        comments,
        f"{repository}/issues/comments/{{}}",
        "PATCH",
        "user",
        "login",
    )


def _build_gitlab_api(change: Change, token: str) -> _CommentApi:
    project = f"{change.api}/projects/{quote(change.project, safe='')}"
    notes = f"{project}/merge_requests/{change.number}/notes"
    return _CommentApi(
        {"PRIVATE-TOKEN": token},
        f"{change.api}/user",
        f"{notes}?per_page=100&sort=asc&order_by=created_at",
        notes,
        f"{notes}/{{}}",
        "PUT",
        "author",
        "username",
    )
