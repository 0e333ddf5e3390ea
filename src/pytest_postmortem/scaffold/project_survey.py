"""Survey a project: its folders of post-mortems, its marks that carry ids, its CI."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_postmortem.evaluation.links import parse_marks
from pytest_postmortem.pysource import suite_reader
from pytest_postmortem.pysource.expressions import PLUGIN_DECORATORS
from pytest_postmortem.registry.folder import FolderWalk, examine_folder

MAX_FOLDER_DEPTH = 4
"""The maximum depth of a folder with post-mortems."""

CI_SYSTEMS: tuple[tuple[str, str], ...] = (
    (".github/workflows", "GitHub Actions"),
    (".gitlab-ci.yml", "GitLab CI"),
    (".circleci/config.yml", "CircleCI"),
    ("azure-pipelines.yml", "Azure Pipelines"),
    ("bitbucket-pipelines.yml", "Bitbucket Pipelines"),
    (".buildkite", "Buildkite"),
    (".travis.yml", "Travis CI"),
    ("Jenkinsfile", "Jenkins"),
)
"""Files that show where else a project is tested."""

_COLLECTION_NAME = re.compile(
    r"(?:(?:incident|outage)[-_ ]?(?:report|review|retro)s?|incidents?|outages?|rcas?|coes?"
    r"|post[-_ ]?mortems?)(?:[-_ ]?reports?)?",
    re.IGNORECASE,
)
_CODE_FOLDERS = frozenset(
    "build dist env fixtures node_modules site-packages src test testdata tests vendor venv".split()
)
_TRACKER_NAMES = frozenset(
    "bug bugs defect defects gh github incident incidents issue issues jira outage outages "
    "regression ticket tickets".split()
)
_PLUGIN_MARKS = {
    own.mark: own.mark.partition("_")[0].encode() for own in PLUGIN_DECORATORS.values()
}
"""The marks that decorators of plugins set, each with a word in the code that uses it."""

_MARK_CALL = re.compile(rb"\bmark\.(\w+)\(")
_HOSTED_ORIGIN = re.compile(
    r"(?:https?://(?:[^@/\s]+@)?|ssh://git@|git@)(?P<host>github\.com|gitlab\.com)[:/]"
    r"(?P<path>[\w./-]+?)(?:\.git)?/?"
)
_ISSUE_PATHS: Mapping[str, str] = {"github.com": "issues", "gitlab.com": "-/issues"}


def find_document_collections(root: Path) -> dict[str, int]:
    """Return the folders that look like collections of post-mortems, largest first.

    The values are the numbers of documents, by their names. Folders with code are excluded.
    """
    counts = {
        folder: _count_documents(root / folder)
        for folder in _list_collection_folders(root, "", MAX_FOLDER_DEPTH)
    }
    return dict(sorted(((k, n) for k, n in counts.items() if n), key=lambda pair: -pair[1]))


def _list_collection_folders(root: Path, folder: str, depth: int) -> Iterator[str]:
    try:
        with os.scandir(root / folder) as entries:
            below = sorted(entry.name for entry in entries if _is_searchable_folder(entry))
    except OSError:
        return
    for name in below:
        relative = f"{folder}/{name}" if folder else name
        if _COLLECTION_NAME.fullmatch(name):
            yield relative
        elif depth > 1:
            yield from _list_collection_folders(root, relative, depth - 1)


def _is_searchable_folder(entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith(".") or entry.name.lower() in _CODE_FOLDERS:
        return False
    project_files = (os.path.join(entry.path, name) for name in ("__init__.py", "pyvenv.cfg"))
    return entry.is_dir(follow_symlinks=False) and not any(map(os.path.exists, project_files))


def _count_documents(folder: Path) -> int:
    """Return the number of documents in a folder; data files count only without texts."""
    names = examine_folder(str(folder), FolderWalk(str(folder)).find_files()).names.values()
    written = sum(name.kind != "data" for name in names)
    return written or len(names)


@dataclass(frozen=True, slots=True)
class MarkIds:
    """The ids in the marks of one name, in order; one for each mark that has one."""

    mark: str
    every: tuple[str, ...]

    @property
    def distinct_ids(self) -> tuple[str, ...]:
        """The ids without duplicates."""
        return tuple(dict.fromkeys(self.every))

    @property
    def numeric_count(self) -> int:
        """The number of ids that are plain numbers, like those of a tracker."""
        return sum(id.isdecimal() for id in self.distinct_ids)

    @property
    def are_numbers(self) -> bool:
        """Whether nearly all ids are plain numbers."""
        return self.numeric_count * 10 >= len(self.distinct_ids) * 9


def find_marks_with_ids(codes: Iterable[bytes]) -> list[MarkIds]:
    """Return the marks of test files that seem to name incidents, the most frequent first.

    Only certain mark names count: ``timeout(10)`` and ``testcase("TC-1")`` mean something else.
    """
    ids_by_mark: dict[str, list[str]] = {}
    for code in codes:
        names = {name.decode() for name in _MARK_CALL.findall(code)}
        tracked = {name for name in names if _TRACKER_NAMES & set(name.lower().split("_"))}
        tracked |= {mark for mark, word in _PLUGIN_MARKS.items() if word in code}
        text = code.decode("utf-8", errors="replace") if tracked else ""
        for mark in suite_reader.find_called_marks(text, tracked) if tracked else ():
            ids = parse_marks([mark]).ids
            ids_by_mark.setdefault(mark.name, []).extend(id for id in ids if " " not in id)
    marks = [MarkIds(name, tuple(ids)) for name, ids in ids_by_mark.items() if ids]
    return sorted(marks, key=lambda mark_ids: (-len(mark_ids.every), mark_ids.mark))


def find_ci_system(root: Path) -> tuple[str, str] | None:
    """Return the file or folder of a CI configuration, and the name of the CI."""
    return next((ci_file for ci_file in CI_SYSTEMS if (root / ci_file[0]).exists()), None)


def find_issue_url_template(origin: str | None) -> str | None:
    """Return the URL template of the issues of a repository, with ``{id}``, from its remote URL."""
    match = _HOSTED_ORIGIN.fullmatch(origin or "")
    if match is None:
        return None
    host, path = match["host"], match["path"]
    return f"https://{host}/{path}/{_ISSUE_PATHS[host]}/{{id}}"
