"""What a project has already: folders of post-mortems, marks that carry ids, a CI."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_postmortem import source
from pytest_postmortem.registry.documents import document, walk

__all__ = ["CI", "Ids", "ci_of", "collections", "marks_with_ids", "template_of"]

DEPTH = 4
"""How many folders deep a collection may lie."""

CI: tuple[tuple[str, str], ...] = (
    (".github/workflows", "GitHub Actions"),
    (".gitlab-ci.yml", "GitLab CI"),
    (".circleci/config.yml", "CircleCI"),
    ("azure-pipelines.yml", "Azure Pipelines"),
    ("bitbucket-pipelines.yml", "Bitbucket Pipelines"),
    (".buildkite", "Buildkite"),
    (".travis.yml", "Travis CI"),
    ("Jenkinsfile", "Jenkins"),
)
"""What tells that a project is tested elsewhere too, and where."""

_COLLECTION = re.compile(
    r"(?:(?:incident|outage)[-_ ]?(?:report|review|retro)s?|incidents?|outages?|rcas?|coes?"
    r"|post[-_ ]?mortems?)(?:[-_ ]?reports?)?",
    re.IGNORECASE,
)
_NO_DOCUMENTS = frozenset(
    "build dist env fixtures node_modules site-packages src test testdata tests vendor venv".split()
)
_TRACKED = frozenset(
    "bug bugs defect defects gh github incident incidents issue issues jira outage outages "
    "regression ticket tickets".split()
)
_CALLED = re.compile(rb"\bmark\.(\w+)\(")
_HOSTED = re.compile(
    r"(?:https?://(?:[^@/\s]+@)?|ssh://git@|git@)(?P<host>github\.com|gitlab\.com)[:/]"
    r"(?P<path>[\w./-]+?)(?:\.git)?/?"
)
_ISSUES: Mapping[str, str] = {"github.com": "issues", "gitlab.com": "-/issues"}


def collections(root: Path) -> dict[str, int]:
    """Return the folders below a root that look like collections of post-mortems, largest first.

    Each with how many documents it holds, by their names; a folder of code is none.
    """
    found = {each: _size(root / each) for each in _named_so(root, "", DEPTH)}
    return dict(sorted(((k, n) for k, n in found.items() if n), key=lambda each: -each[1]))


def _named_so(root: Path, folder: str, depth: int) -> Iterator[str]:
    try:
        with os.scandir(root / folder) as entries:
            below = sorted(entry.name for entry in entries if _may_hold(entry))
    except OSError:
        return
    for name in below:
        relative = f"{folder}/{name}" if folder else name
        if _COLLECTION.fullmatch(name):
            yield relative
        elif depth > 1:
            yield from _named_so(root, relative, depth - 1)


def _may_hold(entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith(".") or entry.name.lower() in _NO_DOCUMENTS:
        return False
    own = (os.path.join(entry.path, name) for name in ("__init__.py", "pyvenv.cfg"))
    return entry.is_dir(follow_symlinks=False) and not any(map(os.path.exists, own))


def _size(folder: Path) -> int:
    """Return how many documents a folder holds; data counts only where nothing is written."""
    names = [name for each in walk(str(folder), []) if (name := document(str(folder), each))]
    written = sum(name.kind != "data" for name in names)
    return written or len(names)


@dataclass(frozen=True, slots=True)
class Ids:
    """What the marks of one name carry: all ids in order, one for each mark that names it."""

    mark: str
    every: tuple[str, ...]

    @property
    def different(self) -> tuple[str, ...]:
        """The ids, each once."""
        return tuple(dict.fromkeys(self.every))

    @property
    def numbered(self) -> int:
        """How many ids are plain numbers, as those of a tracker are."""
        return sum(id.isdecimal() for id in self.different)

    @property
    def are_numbers(self) -> bool:
        """Whether they are plain numbers, all but a few."""
        return self.numbered * 10 >= len(self.different) * 9


def marks_with_ids(codes: Iterable[bytes]) -> list[Ids]:
    """Return the marks of test files that seem to name incidents, the most frequent first.

    Only a name that says so counts: ``timeout(10)`` and ``testcase("TC-1")`` mean something else.
    """
    found: dict[str, list[str]] = {}
    for code in codes:
        names = {name.decode() for name in _CALLED.findall(code)}
        tracked = {name for name in names if _TRACKED & set(name.lower().split("_"))}
        text = code.decode("utf-8", errors="replace") if tracked else ""
        for mark in source.marks(text, tracked) if tracked else ():
            found.setdefault(mark.name, []).extend(_ids(mark.args))
    marks = [Ids(name, tuple(ids)) for name, ids in found.items() if ids]
    return sorted(marks, key=lambda each: (-len(each.every), each.mark))


def _ids(args: Iterable[object]) -> Iterator[str]:
    for each in args:
        if isinstance(each, (str, int)) and not isinstance(each, bool):
            text = str(each).strip()
            if text and not re.search(r"\s", text):
                yield text


def ci_of(root: Path) -> tuple[str, str] | None:
    """Return the file or folder that says how a project is tested elsewhere, and by whom."""
    return next((each for each in CI if (root / each[0]).exists()), None)


def template_of(origin: str | None) -> str | None:
    """Return the address of an issue, ``{id}`` for its number, by where a repository comes from."""
    found = _HOSTED.fullmatch(origin or "")
    if found is None:
        return None
    host, path = found["host"], found["path"]
    return f"https://{host}/{path}/{_ISSUES[host]}/{{id}}"
