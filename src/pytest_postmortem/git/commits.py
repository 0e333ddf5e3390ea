"""Revisions: resolved names, ancestors, messages, and the log."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from pytest_postmortem.errors import GitError
from pytest_postmortem.git.process import (
    NO_COMMITS_MESSAGE,
    build_missing_object_error,
    find_repository_top,
    run_git,
    run_git_for_text,
    run_git_for_text_or_none,
    split_null_separated,
)
from pytest_postmortem.git.trees import FILE_MODES, SUBMODULE_MODE
from pytest_postmortem.model import parse_iso_date

FULL_HASH_PATTERN = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
"""A full hash, which may be of another clone."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit, with its changed files: path → blob, None for a deleted file.

    ``modules`` are the changed submodules by path, with the commits before and after.
    """

    id: str
    day: date | None
    changed: Mapping[str, str | None]
    modules: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def read_head_commit(folder: Path) -> str:
    """Return the commit that is checked out.

    Raises: GitError with git's own reason if the repository is empty.
    """
    return run_git_for_text(folder, "log", "-1", "--format=%H")


def read_head_date(folder: Path) -> date | None:
    """Return the date of HEAD's commit, None outside a repository or without a commit.

    Raises: GitError if git fails.
    """
    if find_repository_top(folder) is None or is_unborn_branch(folder):
        return None
    return parse_iso_date(run_git_for_text(folder, "log", "-1", "--format=%cs", "HEAD"))


def is_unborn_branch(folder: Path) -> bool:
    """Return whether the current branch has no commit.

    Raises: GitError if git fails.
    """
    if run_git_for_text_or_none(folder, "rev-parse", "--verify", "--quiet", "HEAD"):
        return False
    try:
        read_head_commit(folder)
    except GitError as error:
        if NO_COMMITS_MESSAGE in error.brief:
            return True
        raise
    return False


def resolve_commit(folder: Path, revision: str) -> str | None:
    """Return the commit of a revision, None for an unknown revision.

    Raises: GitError if git fails, for example since an object is missing.
    """
    if revision.startswith("-"):
        return None
    own = ("rev-parse", "--verify", "--quiet")
    commit = run_git_for_text_or_none(folder, *own, f"{revision}^{{commit}}")
    if commit or not revision:
        return commit or None
    id = run_git_for_text_or_none(folder, *own, revision)
    named = id and not FULL_HASH_PATTERN.fullmatch(revision)
    if named and run_git_for_text_or_none(folder, "cat-file", "-t", str(id), no=(128,)) is None:
        raise build_missing_object_error(folder, f"missing object {id}")
    if not is_shallow_clone(folder):
        run_git(folder, "rev-list", "--count", "--all")  # all ancestors are present
    return None


def find_merge_base(folder: Path, one: str, other: str) -> str | None:
    """Return the merge base of two commits, None if there is none.

    Raises: GitError if git fails.
    """
    return run_git_for_text_or_none(folder, "merge-base", one, other)


def is_commit_included(folder: Path, commit: str) -> bool:
    """Return whether HEAD contains a commit, or another commit with the same changes.

    Raises: GitError if git fails.
    """
    if run_git_for_text_or_none(folder, "merge-base", "--is-ancestor", commit, "HEAD") is not None:
        return True
    equal = run_git_for_text_or_none(folder, "cherry", "HEAD", commit, f"{commit}^", no=(128,))
    return bool(equal) and str(equal).startswith("-")


def is_shallow_clone(folder: Path) -> bool:
    """Return whether a clone is shallow."""
    return run_git_for_text(folder, "rev-parse", "--is-shallow-repository") == "true"


def has_missing_parents(folder: Path, commit: str) -> bool:
    """Return whether a commit has parents that a shallow clone lacks."""
    if not is_shallow_clone(folder):
        return False
    known = run_git_for_text_or_none(folder, "rev-parse", "--verify", "--quiet", f"{commit}^")
    return not known and _read_first_parent(folder, commit) is not None


def find_parent_commit(folder: Path, commit: str) -> str | None:
    """Return the first parent of a commit; for the first commit, the empty tree.

    Raises: GitError if git fails.
    """
    if has_missing_parents(folder, commit):
        return None
    return _read_first_parent(folder, commit) or run_git_for_text(
        folder, "hash-object", "-t", "tree", "--stdin"
    )


def _read_first_parent(folder: Path, commit: str) -> str | None:
    """Return the first parent that a commit names, even if its object is missing."""
    header, _, _ = run_git_for_text(folder, "cat-file", "commit", commit).partition("\n\n")
    names = (each.partition(" ") for each in header.splitlines())
    return next((id for word, _, id in names if word == "parent"), None)


def read_commit_subject(folder: Path, commit: str) -> tuple[str, date | None]:
    """Return the first line of a commit's message, and its day."""
    day, _, text = run_git_for_text(folder, "show", "-s", "--format=%cs %s", commit).partition(" ")
    return text, parse_iso_date(day)


def find_commits_mentioning(folder: Path, texts: Iterable[str]) -> list[tuple[str, str]]:
    """Return the ancestors of HEAD whose messages contain any of these texts, with the messages.

    Return nothing outside of a repository.

    Raises: GitError if git fails.
    """
    patterns = [part for text in texts for part in ("--grep", text)]
    if not patterns or find_repository_top(folder) is None:
        return []
    arguments = ("log", "-z", "-i", "-F", *patterns, "--format=%H%n%B", read_head_commit(folder))
    found = split_null_separated(run_git(folder, *arguments))
    return [(commit, message) for commit, _, message in (each.partition("\n") for each in found)]


def find_commits_adding(folder: Path, text: str, path: str) -> list[str]:
    """Return the commits that changed the number of occurrences of a text in a file, oldest first.

    Return nothing outside of a repository.

    Raises: GitError if git fails.
    """
    above = find_repository_top(folder)
    if above is None:
        return []
    own = ("--no-textconv", "--no-ext-diff", "--format=%H", f"-S{text}")
    found = run_git(above, "log", "--reverse", *own, read_head_commit(folder), "--", path)
    return found.decode().split()


def read_commit_log(folder: Path, commit: str, wanted: Callable[[str], bool]) -> list[Commit]:
    """Return the first-parent history of a commit, oldest first, with the changes of wanted files.

    A merge has the changes of its whole branch, on its day. The first commit has all of its files,
    in a shallow clone also those of older commits.

    Raises: GitError if git fails.
    """
    arguments = (
        *("log", "--first-parent", "-m", "--reverse", "--root", "--raw", "-z", "--no-abbrev"),
        *("--no-renames", "--no-ext-diff", "--no-textconv", "--ignore-submodules=none"),
        *("--format=%x01%H %cs", commit, "--"),
    )
    return list(_parse_commit_log(split_null_separated(run_git(folder, *arguments)), wanted))


def read_origin_url(folder: Path) -> str | None:
    """Return the URL from which a repository was cloned, None if unknown.

    Raises: GitError if git fails.
    """
    if find_repository_top(folder) is None:
        return None
    return run_git_for_text_or_none(folder, "remote", "get-url", "origin", no=(2,)) or None


def _parse_commit_log(parts: Sequence[str], wanted: Callable[[str], bool]) -> Iterator[Commit]:
    """Read ``\\1ID DAY``, then ``:MODE MODE BLOB BLOB STATUS`` and a path for each file."""
    changed: dict[str, str | None] = {}
    modules: dict[str, tuple[str, ...]] = {}
    facts = ""
    for part in parts:
        part = part.removeprefix("\n")
        if part.startswith("\1"):
            id, _, day = part[1:].partition(" ")
            changed, modules = {}, {}
            yield Commit(id, parse_iso_date(day), changed, modules)
        elif not facts:
            facts = part
        else:
            old, mode, *blobs, _ = facts.removeprefix(":").split(" ")
            facts = ""
            both = zip((old, mode), blobs, strict=True)
            if SUBMODULE_MODE in (old, mode):
                modules[part] = tuple(
                    blob for blob_mode, blob in both if blob_mode == SUBMODULE_MODE
                )
            if wanted(part):
                changed[part] = blobs[1] if mode in FILE_MODES else None
