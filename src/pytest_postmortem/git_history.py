"""The whole history in a few passes: messages of all commits, and what some of them changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pytest_postmortem.git import (
    FILE_MODES,
    ChangedFile,
    find_repository_top,
    parse_raw_change,
    run_git,
    run_git_or_none,
    split_null_separated,
    split_raw_log,
)
from pytest_postmortem.model import parse_iso_date

_LOG_FORMAT = "--format=%H%n%P%n%cs%n%an%n%B"


@dataclass(frozen=True, slots=True)
class LoggedCommit:
    """A commit as the log shows it; ``parents`` are those that this clone has."""

    id: str
    parents: tuple[str, ...]
    day: date | None
    author: str
    message: str

    @property
    def subject(self) -> str:
        """The first line of the message."""
        return self.message.partition("\n")[0].strip()


@dataclass(frozen=True, slots=True)
class FileVersion:
    """A file that a commit changed on the first-parent history; the blob is None if deleted."""

    commit: str
    path: str
    blob: str | None


def read_history(folder: Path, revision: str = "HEAD") -> list[LoggedCommit]:
    """Return all ancestors of a revision with their messages, newest first.

    Raises: GitError if git fails.
    """
    return _parse_log(run_git(folder, "log", "-z", _LOG_FORMAT, revision, "--"))


def read_commits(folder: Path, revisions: Iterable[str]) -> dict[str, LoggedCommit]:
    """Return the commits of hashes, which may be short; what this clone lacks is left out.

    Raises: GitError if git fails.
    """
    names = list(dict.fromkeys(revisions))
    request = "".join(f"{name}^{{commit}}\n" for name in names).encode()
    arguments = ("cat-file", "--batch-check=%(objectname) %(objecttype)")
    answers = run_git(folder, *arguments, given=request).decode(errors="replace").splitlines()
    full_ids = {
        name: answer.split(" ")[0]
        for name, answer in zip(names, answers, strict=True)
        if answer.endswith(" commit")
    }
    if not full_ids:
        return {}
    log_arguments = ("log", "-z", "--no-walk=unsorted", "--stdin", _LOG_FORMAT)
    request = "".join(f"{id}\n" for id in dict.fromkeys(full_ids.values())).encode()
    log = run_git(folder, *log_arguments, given=request)
    commits = {commit.id: commit for commit in _parse_log(log)}
    return {name: commits[id] for name, id in full_ids.items() if id in commits}


def _parse_log(data: bytes) -> list[LoggedCommit]:
    commits = []
    for record in data.decode("utf-8", errors="replace").split("\0"):
        parts = record.split("\n", 4)
        if len(parts) == 5:
            id, parents, day, author, message = parts
            commits.append(
                LoggedCommit(id, tuple(parents.split()), parse_iso_date(day), author, message)
            )
    return commits


def list_changes_of_commits(
    folder: Path, commits: Iterable[LoggedCommit]
) -> dict[str, tuple[ChangedFile, ...]]:
    """Return the files that commits changed against their first parents, in one process.

    Raises: GitError if git fails.
    """
    requested = {commit.id: commit for commit in commits}
    request = "".join(
        f"{' '.join((commit.id, *commit.parents[:1]))}\n" for commit in requested.values()
    )
    plain = ("-r", "-z", "--raw", "--no-abbrev", "--no-renames", "--root")
    output = run_git(folder, "diff-tree", "--stdin", *plain, given=request.encode())
    changes: dict[str, tuple[ChangedFile, ...]] = dict.fromkeys(requested, ())
    for id, raw_changes in split_raw_log(output):
        changed_files = (parse_raw_change(facts, path) for facts, path in raw_changes)
        changes[id] = tuple(filter(None, changed_files))
    return changes


def read_file_versions(folder: Path, paths: Sequence[str]) -> list[FileVersion]:
    """Return the versions of files on the first-parent history of HEAD, newest first.

    Raises: GitError if git fails.
    """
    if not paths:
        return []
    plain = ("--raw", "-z", "--no-abbrev", "--no-renames", "--no-ext-diff", "--no-textconv")
    own = ("log", "--first-parent", "-m", *plain, "--format=%H", "HEAD", "--", *paths)
    versions = []
    for commit, changes in split_raw_log(run_git(find_repository_top(folder) or folder, *own)):
        for facts, path in changes:
            _, mode, _, blob, _ = facts.removeprefix(":").split(" ")
            versions.append(FileVersion(commit, path, blob if mode in FILE_MODES else None))
    return versions


def list_remote_urls(folder: Path) -> list[str]:
    """Return the URLs of all remotes.

    Raises: GitError if git fails.
    """
    own = ("config", "-z", "--get-regexp", r"^remote\..*\.(push)?url$")
    output = run_git_or_none(folder, *own) or b""
    return [part.partition("\n")[2] for part in split_null_separated(output)]


def find_commits_with_patch(
    folder: Path, commit: LoggedCommit, paths: Sequence[str]
) -> tuple[str, ...]:
    """Return the ancestors of HEAD that change some files exactly as a commit does.

    Raises: GitError if git fails.
    """
    if not commit.parents or not paths:
        return ()
    top = find_repository_top(folder) or folder
    plain = ("-p", "--no-ext-diff", "--no-textconv", "--no-renames", "--no-color")
    own = run_git(top, "diff-tree", *plain, commit.parents[0], commit.id, "--", *paths)
    log = run_git(top, "log", "--no-merges", "--format=commit %H", *plain, "HEAD", "--", *paths)
    wanted = _compute_patch_ids(folder, b"commit " + commit.id.encode() + b"\n" + own)
    found = _compute_patch_ids(folder, log)
    return tuple(id for id, patch in found.items() if patch in wanted.values())


def _compute_patch_ids(folder: Path, log: bytes) -> dict[str, str]:
    """Return the patch id of each commit in a log with patches."""
    output = run_git(folder, "patch-id", "--stable", given=log).decode(errors="replace")
    pairs = (line.split() for line in output.splitlines())
    return {commit: patch for patch, commit in pairs}


def find_tag_commits(folder: Path) -> dict[str, str]:
    """Return the commit of each tag.

    Raises: GitError if git fails.
    """
    own = ("for-each-ref", "--format=%(refname:strip=2) %(objectname) %(*objectname)", "refs/tags")
    lines = run_git(folder, *own).decode(errors="replace").splitlines()
    return {parts[0]: parts[-1] for parts in map(str.split, lines) if len(parts) > 1}


def read_added_lines(folder: Path, paths: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
    """Return the lines that commits added to files, newest commit first: by commit and path.

    Merges are left out: they bring what another commit added.

    Raises: GitError if git fails.
    """
    if not paths:
        return {}
    plain = ("-p", "-U0", "--no-ext-diff", "--no-textconv", "--no-renames", "--no-color")
    own = ("--dst-prefix=b/", "--src-prefix=a/", "--format=%x01%H")
    top = find_repository_top(folder) or folder
    log = run_git(top, "log", "--no-merges", *plain, *own, "HEAD", "--", *paths)
    added: dict[str, dict[str, list[str]]] = {}
    commit, path = "", ""
    for line in log.decode("utf-8", errors="replace").split("\n"):
        if line.startswith("\1"):
            commit = line[1:]
        elif line.startswith("+++ "):
            path = line[4:].removeprefix("b/").rstrip("\t")
        elif line.startswith("+"):
            added.setdefault(commit, {}).setdefault(path, []).append(line[1:])
    return {
        id: {path: "\n".join(lines) for path, lines in by_path.items()}
        for id, by_path in added.items()
    }


def find_files_with_texts(folder: Path, texts: Sequence[str], paths: Sequence[str]) -> list[str]:
    """Return the files of HEAD, among some, that contain one of the texts in any case.

    Raises: GitError if git fails.
    """
    if not texts or not paths:
        return []
    patterns = [part for text in texts for part in ("-e", text)]
    top = find_repository_top(folder) or folder
    own = ("grep", "-z", "-i", "-I", "-F", "--name-only", "--full-name", *patterns)
    output = run_git_or_none(top, *own, "HEAD", "--", *paths) or b""
    return [part.partition(":")[2] for part in split_null_separated(output)]


def read_shallow_commits(folder: Path) -> frozenset[str]:
    """Return the commits of a shallow clone whose parents it lacks.

    Raises: GitError if git fails.
    """
    place = run_git(folder, "rev-parse", "--git-path", "shallow").decode().strip()
    try:
        return frozenset((folder / place).read_text().split())
    except OSError:
        return frozenset()
