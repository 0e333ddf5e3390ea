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

__all__ = ["Candidate", "candidates", "trailers"]

TRAILER = re.compile(r"^Postmortem:[ \t]*(.+)$", re.IGNORECASE | re.MULTILINE)

MOST = 3
"""Candidates that are offered."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A commit that may be the fix, and what speaks for it."""

    commit: str
    day: date | None
    subject: str
    why: str


def trailers(root: Path) -> Mapping[str, tuple[str, ...]]:
    """Return the commits that say whose fix they are, by id without case, the oldest first."""
    found: dict[str, tuple[str, ...]] = {}
    for commit, message in reversed(git.mentioning(root, ["Postmortem:"])):
        for named in TRAILER.findall(message):
            for id in filter(None, map(str.strip, normalize_id(named).split(","))):
                found[id.casefold()] = (*found.get(id.casefold(), ()), commit)
    return found


def candidates(
    root: Path,
    names: Sequence[str],
    tests: Iterable[tuple[str, str]],
    is_source: Callable[[str], bool],
) -> list[Candidate]:
    """Look for the fix of an incident, the likeliest first.

    ``names`` are its id and aliases; ``tests`` are the files of its tests from the top, each with
    the name of a test function.
    """
    reasons: dict[str, list[str]] = {}
    for path, test in tests:
        for commit in git.adding(root, f"def {test}(", path)[:1]:
            reasons.setdefault(commit, []).append(f"added {test}")
        for name in names:
            for commit in git.adding(root, name, path)[:1]:
                reasons.setdefault(commit, []).append(f"wrote {name} into {path}")
    for commit, message in git.mentioning(root, names):
        if any(_names(message, name) for name in names):
            reasons.setdefault(commit, []).append("names it")
    ranked = sorted(reasons.items(), key=lambda each: len(each[1]), reverse=True)
    return list(_with_source(root, ranked, is_source))[:MOST]


def _names(message: str, name: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", message, re.IGNORECASE) is not None


def _with_source(
    root: Path, ranked: Iterable[tuple[str, list[str]]], is_source: Callable[[str], bool]
) -> Iterator[Candidate]:
    """Yield the commits that change source; no other can be a fix."""
    for commit, reasons in ranked:
        before = git.parent(root, commit)
        changed = git.changed(root, before, commit) if before else []
        source = [each.path for each in changed if is_source(each.path)]
        if source:
            subject, day = git.subject(root, commit)
            why = f"{' and '.join(dict.fromkeys(reasons))}, together with {source[0]}"
            yield Candidate(commit, day, subject, why)
