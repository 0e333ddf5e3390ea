"""The repositories of forges: their addresses, and the links to changes and commits in them.

A link names a change (a pull or merge request) by its number, or a commit by its hash::

    https://HOST/OWNER/NAME/pull/123[/commits/HASH]     GitHub; Gitea and Forgejo with `pulls`
    https://HOST/GROUP/…/NAME/-/merge_requests/123      GitLab; `/-/commit/HASH`
    https://bitbucket.org/OWNER/NAME/pull-requests/123  `/commits/HASH`
    https://HOST/projects/KEY/repos/NAME/pull-requests/123
    https://dev.azure.com/ORG/PROJECT/_git/NAME/pullrequest/123
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

URL_PATTERN = re.compile(r"https?://[^\s<>\"'`|\\^{}\[\]]+", re.IGNORECASE)

ChangeKind = Literal["change", "issue", "commit"]

_HASH = r"[0-9a-f]{7,64}"
_LINK_FORMS: tuple[tuple[ChangeKind, str], ...] = (
    ("change", r"projects/(?P<repo>[^/]+/repos/[^/]+)/pull-requests/(?P<number>\d+)"),
    ("commit", rf"projects/(?P<repo>[^/]+/repos/[^/]+)/commits/(?P<hash>{_HASH})"),
    ("change", r"(?P<repo>.+/_git/[^/]+)/pullrequest/(?P<number>\d+)"),
    ("commit", rf"(?P<repo>.+/_git/[^/]+)/commit/(?P<hash>{_HASH})"),
    (
        "change",
        rf"(?P<repo>.+?)(?:/-)?/(?:pull|pulls|merge_requests|pull-requests)/(?P<number>\d+)"
        rf"(?:/(?:commits|changes)/(?P<hash>{_HASH}))?",
    ),
    ("commit", rf"(?P<repo>.+?)(?:/-)?/commits?/(?P<hash>{_HASH})"),
    ("issue", r"(?P<repo>[^/]+/[^/]+)/issues/(?P<number>\d+)"),
)
_SHORTHAND = re.compile(
    r"(?<![\w./-])(?P<repo>[\w.-]+/[\w.-]+)(?:#(?P<number>\d+)|@(?P<hash>[0-9a-f]{7,40}))(?!\w)"
)
_REMOTE = re.compile(
    r"(?:\w+://(?:[^@/]+@)?(?P<host>[^/:]+)(?::\d+)?/|(?:[^@/]+@)?(?P<alias>[^/:]+):)(?P<path>.+)"
)
_REPOSITORY_IN_TEXT = re.compile(
    r"https?://(?:www\.)?(?:github\.com|gitlab\.com|bitbucket\.org|codeberg\.org)"
    r"/(?P<repo>[\w.-]+/[\w.-]+?)(?:\.git)?(?=[/\s\"'<>#)\]]|$)",
    re.IGNORECASE,
)
MIN_LINKS = 3
"""Links to a repository in messages that make it ours, if no remote names one."""


@dataclass(frozen=True, slots=True)
class ForgeLink:
    """A link to a change or a commit: the repository, and a number, a hash, or both."""

    kind: ChangeKind
    repository: str
    number: int | None = None
    hash: str | None = None


def parse_forge_link(url: str) -> ForgeLink | None:
    """Return what a URL of a forge names, None for any other URL."""
    _, _, place = url.partition("://")
    _, _, path = place.partition("/")
    path = re.split(r"[?#]", path)[0].rstrip("/.,;:!)*")
    for kind, pattern in _LINK_FORMS:
        match = re.match(pattern, path, re.IGNORECASE)
        if match:
            groups = match.groupdict()
            number = groups.get("number")
            hash = groups.get("hash")
            repository = normalize_repository(groups["repo"])
            return ForgeLink(
                kind, repository, int(number) if number else None, hash.lower() if hash else None
            )
    return None


def find_shorthands(text: str) -> Iterator[tuple[re.Match[str], ForgeLink]]:
    """Yield the short forms ``owner/name#123`` and ``owner/name@hash`` of a text."""
    for match in _SHORTHAND.finditer(text):
        number, hash = match["number"], match["hash"]
        link = ForgeLink(
            "issue" if number else "commit",
            normalize_repository(match["repo"]),
            int(number) if number else None,
            hash,
        )
        yield match, link


def normalize_repository(path: str) -> str:
    """Return the path of a repository on its forge in the form used for comparison."""
    bare = re.sub(r"^https?://[^/]+/", "", path.strip()).strip("/").removesuffix(".git").casefold()
    bare = bare.removeprefix("scm/").removeprefix("v3/").replace("/_git/", "/")
    return bare.replace("/repos/", "/").removeprefix("projects/").removeprefix("defaultcollection/")


def parse_remote_url(url: str) -> str | None:
    """Return the repository of a remote's URL, None for a path."""
    match = _REMOTE.fullmatch(url.strip())
    if match is None or url.startswith(("file:", "/", ".")):
        return None
    repository = normalize_repository(match["path"])
    return repository if "/" in repository else None


@dataclass(frozen=True, slots=True)
class OwnRepositories:
    """The names of this repository on forges; empty if none is known.

    ``names`` are the last parts of their paths: under a former owner the numbers are the same.
    """

    paths: frozenset[str] = frozenset()
    names: frozenset[str] = field(default_factory=frozenset)

    def contains(self, repository: str) -> bool:
        """Return whether a repository is this one, also under another owner."""
        return repository in self.paths or repository.rpartition("/")[2] in self.names

    @property
    def is_known(self) -> bool:
        """Whether any name is known."""
        return bool(self.paths)


def find_own_repositories(
    remote_urls: Iterable[str], messages: Iterable[str], metadata: Iterable[str] = ()
) -> OwnRepositories:
    """Return the names of a repository: from its remotes, or else its metadata or its history."""
    paths = {path for url in remote_urls if (path := parse_remote_url(url))}
    if not paths:
        named = _count_repositories(metadata)
        linked = named or _count_repositories(messages)
        paths = {path for path, count in linked.most_common(1) if named or count >= MIN_LINKS}
    return OwnRepositories(frozenset(paths), frozenset(path.rpartition("/")[2] for path in paths))


def _count_repositories(texts: Iterable[str]) -> Counter[str]:
    """Return how many of some texts name each repository."""
    counts: Counter[str] = Counter()
    for text in texts:
        if "://" in text:
            matches = _REPOSITORY_IN_TEXT.finditer(text)
            counts.update({normalize_repository(match["repo"]) for match in matches})
    return counts
