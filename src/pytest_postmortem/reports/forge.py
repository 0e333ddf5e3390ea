"""Where a forge shows the files and commits of a repository, as the variables of CI name it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

_COMMIT = re.compile(r"[0-9a-fA-F]{7,64}")


class Forge(NamedTuple):
    """The repository of a run: its name, and the addresses below which its files and its commits
    are shown; None where CI does not name them. No address has a credential.
    """

    project: str | None = None
    files_url: str | None = None
    commits_url: str | None = None


class _ForgeVariables(NamedTuple):
    """The variables of one CI: the project's address (in parts that a slash joins), its name, the
    commit, and the paths below the address.
    """

    address: tuple[str, ...]
    project: str
    commit: str
    files_path: str
    commits_path: str


_GITHUB = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY")
_FORGES: Mapping[str, _ForgeVariables] = {
    "GITEA_ACTIONS": _ForgeVariables(
        _GITHUB, "GITHUB_REPOSITORY", "GITHUB_SHA", "src/commit/{}/", "commit/"
    ),
    "GITHUB_REPOSITORY": _ForgeVariables(
        _GITHUB, "GITHUB_REPOSITORY", "GITHUB_SHA", "blob/{}/", "commit/"
    ),
    "CI_PROJECT_URL": _ForgeVariables(
        ("CI_PROJECT_URL",), "CI_PROJECT_PATH", "CI_COMMIT_SHA", "-/blob/{}/", "-/commit/"
    ),
    "BITBUCKET_GIT_HTTP_ORIGIN": _ForgeVariables(
        ("BITBUCKET_GIT_HTTP_ORIGIN",),
        "BITBUCKET_REPO_FULL_NAME",
        "BITBUCKET_COMMIT",
        "src/{}/",
        "commits/",
    ),
}
"""Gitea and Forgejo Actions, GitHub, GitLab, Bitbucket: the first whose variable is set."""


def find_forge(environment: Mapping[str, str]) -> Forge:
    """Return the repository that the variables of CI name."""
    variables = next((each for name, each in _FORGES.items() if environment.get(name)), None)
    if variables is None:
        return Forge()
    project = environment.get(variables.project) or None
    address = _clean_address("/".join(environment.get(each, "") for each in variables.address))
    commit = environment.get(variables.commit, "")
    if address is None or not _COMMIT.fullmatch(commit):
        return Forge(project)
    files_url = f"{address}/{variables.files_path.format(commit)}"
    return Forge(project, files_url, f"{address}/{variables.commits_path}")


def _clean_address(url: str) -> str | None:
    """Return a web address without credentials, query and fragment, None for any other text."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host or not parts.path.strip("/"):
        return None
    place = f"[{host}]" if ":" in host else host
    path = quote(parts.path.strip("/"), safe="/~%")
    return f"{parts.scheme}://{place}{f':{port}' if port else ''}/{path}"


def build_file_url(files_url: str | None, root: str, path: str | None) -> str | None:
    """Return where a forge shows a file, None where it is in no repository.

    ``root`` is the path of the rootdir in the repository, ``path`` that of the file from it, which
    may be percent-encoded as in a link.
    """
    if not files_url or not path or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|[/\\]", path):
        return None
    place, hash, anchor = path.partition("#")
    inside = posixpath.normpath(posixpath.join(root, unquote(place)))
    if inside in (".", "..") or inside.startswith("../"):
        return None
    encoded = quote(inside, errors="replace")
    return files_url + encoded + hash + quote(unquote(anchor), errors="replace")
