"""GitHub and GitLab as far as comments go: an API on 127.0.0.1 that keeps them in a list.

It pages, knows tokens and what each may do, and refuses as the services do.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from server import Asked, Reply, Server

PATHS = {
    "GitHub": re.compile(
        r"/api/repos/shop/api/issues(?:/(?P<number>\d+)/comments|/comments/(?P<id>\d+))"
    ),
    "GitLab": re.compile(r"/api/projects/7/merge_requests/(?P<number>\d+)/notes(?:/(?P<id>\d+))?"),
}

TOKEN = "token-of-this-job-51"


@dataclass
class Kept:
    """A comment that the forge keeps."""

    id: int
    author: str
    body: str
    kind: str = "Bot"


@dataclass
class SimulatedForge:
    """The comments of one change, and what the token may do.

    ``user`` is whose token it is; where the token may not ask that, ``asks`` is False. ``refused``
    is the status of an answer to a change, 0 for none. ``before_creation`` runs when a comment is
    about to be created, as another job would.
    """

    kind: str
    server: Server
    comments: list[Kept] = field(default_factory=list)
    user: str = "github-actions[bot]"
    asks: bool = False
    refused: int = 0
    page: int = 2
    longest: int = 65_536
    before_creation: Callable[[], object] = lambda: None

    def __post_init__(self) -> None:
        self.server.otherwise = self.answer

    @property
    def bodies(self) -> list[str]:
        """The texts of all comments."""
        return [comment.body for comment in self.comments]

    @property
    def changes(self) -> list[str]:
        """The methods of the requests that wanted to change something, in order."""
        return [asked.method for asked in self.server.asked if asked.method != "GET"]

    def add(self, author: str, body: str, kind: str = "Bot") -> Kept:
        """Add a comment as its author does."""
        number = max((comment.id for comment in self.comments), default=100) + 1
        self.comments.append(Kept(number, author, body, kind))
        return self.comments[-1]

    def answer(self, asked: Asked) -> Reply:
        """Answer one request."""
        sent = asked.headers.get("authorization") or asked.headers.get("private-token") or ""
        if sent.removeprefix("Bearer ") != TOKEN:
            return Reply({"message": f"Bad credentials {sent}"}, 401)
        if asked.path == "/api/user":
            user = Reply({"login": self.user, "username": self.user})
            return user if self.asks else Reply({"message": "Resource not accessible"}, 403)
        match = PATHS[self.kind].fullmatch(asked.path)
        if match is None:
            return Reply({"message": "Not Found"}, 404)
        if asked.method != "GET" and self.refused:
            return Reply({"message": "Resource not accessible by integration"}, self.refused)
        if asked.method == "GET":
            return self._list(asked)
        if asked.method == "POST":
            self.before_creation()
            self.add(self.user, asked.posted["body"])
            return Reply({"id": self.comments[-1].id}, 201)
        return self._change(asked, int(match["id"]))

    def _list(self, asked: Asked) -> Reply:
        page = int(asked.query.get("page", 1))
        start = (page - 1) * self.page
        following = f"{self.server.url}{asked.path}?page={page + 1}"
        more = start + self.page < len(self.comments)
        items = [self._show(each) for each in self.comments[start : start + self.page]]
        return Reply(items, headers={"Link": f'<{following}>; rel="next"'} if more else {})

    def _show(self, comment: Kept) -> dict[str, Any]:
        if self.kind == "GitLab":
            author = {"username": comment.author}
            return {"id": comment.id, "body": comment.body, "author": author, "system": False}
        user = {"login": comment.author, "type": comment.kind}
        return {"id": comment.id, "body": comment.body, "user": user}

    def _change(self, asked: Asked, number: int) -> Reply:
        comment = next((each for each in self.comments if each.id == number), None)
        if comment is None:
            return Reply({"message": "Not Found"}, 404)
        if comment.author != self.user:
            return Reply({"message": "Forbidden"}, 403)
        if asked.method == "DELETE":
            self.comments.remove(comment)
            return Reply("", 204)
        assert asked.method == {"GitHub": "PATCH", "GitLab": "PUT"}[self.kind]
        comment.body = asked.posted["body"]
        return Reply({"id": number})
