"""Which commit may be the fix of an incident that names none: offered, and never taken silently.

A trailer ``Postmortem: PM-102`` in a commit's message is no guess: it says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pytest_postmortem import git
from pytest_postmortem.model import normalize_id

__all__ = ["FixCandidate", "find_fix_candidates", "find_trailer_commits"]

TRAILER_PATTERN = re.compile(r"^Postmortem:[ \t]*(.+)$", re.IGNORECASE | re.MULTILINE)

MAX_CANDIDATES = 3
"""Candidates that are offered."""


@dataclass(frozen=True, slots=True)
class FixCandidate:
    """A commit that may be the fix, and what speaks for it."""

    commit: str
    day: date | None
    subject: str
    why: str


def find_trailer_commits(root: Path) -> Mapping[str, tuple[str, ...]]:
    """Return the commits that say whose fix they are, by id without case, the oldest first."""
    commits_by_id: dict[str, tuple[str, ...]] = {}
    for commit, message in reversed(git.find_commits_mentioning(root, ["Postmortem:"])):
        for named in TRAILER_PATTERN.findall(message):
            for id in filter(None, map(str.strip, normalize_id(named).split(","))):
                commits_by_id[id.casefold()] = (*commits_by_id.get(id.casefold(), ()), commit)
    return commits_by_id


def find_fix_candidates(
    root: Path,
    names: Sequence[str],
    tests: Iterable[tuple[str, str]],
    is_source: Callable[[str], bool],
) -> list[FixCandidate]:
    """Look for the fix of an incident, the likeliest first.

    ``names`` are its id and aliases; ``tests`` are the files of its tests from the top, each with
    the name of a test function.
    """
    reasons: dict[str, list[str]] = {}
    for path, test in tests:
        for commit in git.find_commits_adding(root, f"def {test}(", path)[:1]:
            reasons.setdefault(commit, []).append(f"added {test}")
        for name in names:
            for commit in git.find_commits_adding(root, name, path)[:1]:
                reasons.setdefault(commit, []).append(f"wrote {name} into {path}")
    for commit, message in git.find_commits_mentioning(root, names):
        if any(_is_name_in_message(message, name) for name in names):
            reasons.setdefault(commit, []).append("names it")
    ranked = sorted(reasons.items(), key=lambda each: len(each[1]), reverse=True)
    return list(_select_source_commits(root, ranked, is_source))[:MAX_CANDIDATES]


def _is_name_in_message(message: str, name: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", message, re.IGNORECASE) is not None


def _select_source_commits(
    root: Path, ranked: Iterable[tuple[str, list[str]]], is_source: Callable[[str], bool]
) -> Iterator[FixCandidate]:
    """Yield the commits that change source; no other can be a fix."""
    for commit, reasons in ranked:
        before = git.find_parent_commit(root, commit)
        changed = git.list_changed_files(root, before, commit) if before else []
        source = [change.path for change in changed if is_source(change.path)]
        if source:
            subject, day = git.read_commit_subject(root, commit)
            why = f"{' and '.join(dict.fromkeys(reasons))}, together with {source[0]}"
            yield FixCandidate(commit, day, subject, why)
