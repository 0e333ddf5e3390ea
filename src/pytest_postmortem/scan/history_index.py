"""Index the messages of a history: numbers of changes, ids, cherry-picks and reverts.

A number of a pull or merge request belongs to a commit if its message has a form that a forge
writes when it lands the change. Closing keywords (``Fixes #123``) are none: they name issues.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import accumulate

from pytest_postmortem.git_history import LoggedCommit
from pytest_postmortem.proofs import find_trailer_names

_SUBJECT_FORMS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"Merge (?:pull request|PR|MR) (?:#|GH-|gh-|!)?(?P<number>\d+)\b",
        r"Merge pull request '.*' \(#(?P<number>\d+)\)",
        r"Merged PR (?P<number>\d+):",
        r"Merged in \S+ \(pull request #(?P<number>\d+)\)",
        r"Pull request #(?P<number>\d+):",
        r"(?:Auto merge|Rollup merge|Merge) (?:of )?#(?P<number>\d+)\b",
        r"Merge branch .* \((?:#|!|pull request #)(?P<number>\d+)\)$",
        r"PR #?(?P<number>\d+)[:\s]",
    )
)
_TRAILING_NUMBER = re.compile(
    r"\s*[(\[](?:pull request |PR |MR )?(?:#|GH-|gh-|!)(?P<number>\d+)[)\]]\s*$", re.IGNORECASE
)
_BODY_FORMS = tuple(
    re.compile(pattern, re.IGNORECASE | re.MULTILINE)
    for pattern in (
        r"^\s*See merge request \S*!(?P<number>\d+)\s*$",
        r"^(?:PR-URL|Pull[- ]Request(?:[- ]resolved)?|Reviewed-on|Merge-Request|Part-of)"
        r":\s*<?(?:\S+/)?(?:pull|pulls|merge_requests|pull-requests|pullrequest)/(?P<number>\d+)>?",
        r"^(?:Pull[- ]Request|Merge[- ]Request|PR|MR):\s*[#!](?P<number>\d+)\s*$",
        r"^Closes #(?P<number>\d+) from \S+/\S+",
        r"^Related work items:.*\n*Merged PR (?P<number>\d+)",
    )
)
_BACKPORT_PREFIX = re.compile(
    r"^\s*(?:(?:\[[\w./ #-]+\])+|backport(?:ed)?(?: of)?:?)\s*", re.IGNORECASE
)
_PICKED = re.compile(
    r"(?:\(cherry[- ]picked from commit |\bbackport of PR #\d+ as merged into \S+\s+\()"
    r"([0-9a-f]{7,64})\)",
    re.IGNORECASE,
)
_REVERTED = re.compile(r"\bThis reverts (?:commit|merge) ([0-9a-f]{7,64})", re.IGNORECASE)
_REVERT_SUBJECT = re.compile(r"^(?:Revert|Reapply|Roll ?back|Back ?out)\b[\s:]*", re.IGNORECASE)
_QUOTED = re.compile(r"^Revert\s+[\"“'](.*)[\"”'](?:\s*\([^)]*\))*\s*$", re.IGNORECASE)
_MERGE_SUBJECT = re.compile(
    r"Merge(?:d)? (?:branch|commit|remote|tag|upstream|in|pull|PR|MR)\b|Merge [\w./-]+ into\b"
    r"|(?:Auto|Rollup) merge of\b",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"\b(?:fix(?:e[sd])?|close[sd]?|resolve[sd]?|test(?:case)? for):?\s+(?:issue )?#(\d+)\b",
    re.IGNORECASE,
)

MAX_BRANCH_STEPS = 60
"""Commits that are followed from a commit of a change to the merge of the change."""

MIN_TWIN_WORDS = 3
"""Words of a subject by which two commits are taken for the same change."""


def find_change_numbers(message: str) -> tuple[int, ...]:
    """Return the numbers of the changes that a commit landed, the surest first.

    The subject of a revert quotes the number of the change that it reverts, which is not its own.
    """
    subject, _, body = message.partition("\n")
    quoted = _QUOTED.match(subject.strip())
    own = subject.strip() if quoted is None else subject.strip()[quoted.end(1) :]
    numbers: list[str] = []
    if quoted is None:
        numbers += [match["number"] for form in _SUBJECT_FORMS if (match := form.match(own))]
    match = _TRAILING_NUMBER.search(own)
    while match is not None:
        numbers.append(match["number"])
        own = own[: match.start()]
        match = _TRAILING_NUMBER.search(own)
    numbers += [match["number"] for form in _BODY_FORMS for match in form.finditer(body)]
    return tuple(dict.fromkeys(map(int, numbers)))


def normalize_subject(message: str) -> str:
    """Return a subject without the numbers and the branch that backports add; empty for a merge."""
    subject = message.partition("\n")[0].strip()
    if _MERGE_SUBJECT.match(subject) or _REVERT_SUBJECT.match(subject):
        return ""
    subject = _BACKPORT_PREFIX.sub("", subject)
    while match := _TRAILING_NUMBER.search(subject):
        subject = subject[: match.start()]
    words = subject.casefold().split()
    return " ".join(words) if len(words) >= MIN_TWIN_WORDS else ""


class HistoryIndex:
    """The commits of HEAD, newest first, and what their messages say of each other."""

    def __init__(self, commits: Sequence[LoggedCommit]) -> None:
        self.commits: dict[str, LoggedCommit] = {commit.id: commit for commit in commits}
        self.positions = {commit.id: n for n, commit in enumerate(commits)}
        self._sorted_ids = sorted(self.commits)

    def find(self, hash: str) -> str | None:
        """Return the commit of HEAD's history with a hash, which may be short, or None."""
        if hash in self.commits:
            return hash
        place = bisect_right(self._sorted_ids, hash)
        found = self._sorted_ids[place : place + 2]
        matching = [id for id in found if id.startswith(hash)]
        return matching[0] if len(matching) == 1 else None

    @cached_property
    def main_line(self) -> frozenset[str]:
        """The first-parent history of HEAD."""
        line: dict[str, None] = {}
        id = next(iter(self.commits), None)
        while id is not None and id in self.commits:
            line[id] = None
            id = next(iter(self.commits[id].parents), None)
        return frozenset(line)

    @cached_property
    def numbers(self) -> Mapping[int, tuple[str, ...]]:
        """The commits of each number of a change, oldest first; one is surest in few of them."""
        ranked: dict[int, list[tuple[int, int, str]]] = {}
        for id, commit in self.commits.items():
            for rank, number in enumerate(find_change_numbers(commit.message)):
                ranked.setdefault(number, []).append((rank, -self.positions[id], id))
        return {
            number: tuple(id for rank, _, id in sorted(found) if rank == min(found)[0])
            for number, found in ranked.items()
        }

    @cached_property
    def closing(self) -> Mapping[int, tuple[str, ...]]:
        """The commits whose messages have a closing keyword for a number: a hint, and no more."""
        closing: dict[int, dict[str, None]] = {}
        for id, commit in self.commits.items():
            for match in _CLOSING.finditer(commit.message) if "#" in commit.message else ():
                closing.setdefault(int(match[1]), {})[id] = None
        return {number: tuple(ids) for number, ids in closing.items()}

    @cached_property
    def picked(self) -> Mapping[str, str]:
        """The commits that were cherry-picked from another, by its hash as written."""
        return {
            match[1].lower(): id
            for id, commit in self.commits.items()
            if "cherry" in commit.message or "backport of" in commit.message
            for match in _PICKED.finditer(commit.message)
        }

    @cached_property
    def reverts(self) -> Mapping[str, tuple[str, ...]]:
        """The commits that revert another, oldest first: by the full hash of the reverted one."""
        reverting: dict[str, dict[str, None]] = {}
        by_subject = self._ids_by_full_subject
        for id in reversed(self.commits):
            message = self.commits[id].message
            if not _REVERT_SUBJECT.match(message) and "his reverts" not in message:
                continue
            hashes = [self.find(match[1].lower()) for match in _REVERTED.finditer(message)]
            quoted = _QUOTED.match(message.partition("\n")[0].strip())
            if not any(hashes) and quoted:
                earlier = by_subject.get(quoted[1].strip().casefold(), ())
                older = (each for each in earlier if self.positions[each] > self.positions[id])
                hashes = [next(older, None)]
            for hash in filter(None, hashes):
                reverting.setdefault(hash, {})[id] = None
        return {id: tuple(found) for id, found in reverting.items()}

    @cached_property
    def _ids_by_full_subject(self) -> Mapping[str, list[str]]:
        ids: dict[str, list[str]] = {}
        for id, commit in self.commits.items():
            ids.setdefault(commit.subject.casefold(), []).append(id)
        return ids

    @cached_property
    def _ids_by_subject(self) -> Mapping[str, list[str]]:
        ids: dict[str, list[str]] = {}
        for id, commit in self.commits.items():
            if subject := normalize_subject(commit.message):
                ids.setdefault(subject, []).append(id)
        return ids

    def is_revert(self, id: str) -> bool:
        """Return whether a commit says that it reverts another."""
        return _REVERT_SUBJECT.match(self.commits[id].message) is not None

    def find_twins(self, other: LoggedCommit) -> tuple[str, ...]:
        """Return the commits of HEAD that are the same change as one of another branch, by what
        their messages say: picked from it, or the same subject by the same author.
        """
        picked = [id for hash, id in self.picked.items() if other.id.startswith(hash)]
        if picked:
            return tuple(picked)
        origins = (self.find(match[1].lower()) for match in _PICKED.finditer(other.message))
        own = tuple(filter(None, origins))
        if own:
            return own
        same = self._ids_by_subject.get(normalize_subject(other.message), [])
        others = (id for id in same if id != other.id)
        return tuple(id for id in others if self.commits[id].author == other.author)[-1:]

    @cached_property
    def _children(self) -> Mapping[str, list[str]]:
        children: dict[str, list[str]] = {}
        for id, commit in self.commits.items():
            for parent in commit.parents:
                children.setdefault(parent, []).append(id)
        return children

    def find_change_merge(self, id: str) -> str | None:
        """Return the merge of the pull request or advisory that contains a commit."""
        if len(self.commits[id].parents) > 1 or id in self.main_line:
            return None
        reached = {id}
        waiting = [id]
        while waiting and len(reached) < MAX_BRANCH_STEPS:
            current = waiting.pop(0)
            for child in self._children.get(current, ()):
                parents = self.commits[child].parents
                if parents[0] != current and is_change_merge(self.commits[child]):
                    return child
                if parents[0] == current and child not in reached and len(parents) == 1:
                    reached.add(child)
                    waiting.append(child)
        return None

    @cached_property
    def _brought(self) -> Mapping[str, str]:
        """The commit of the first-parent history that contains each commit."""
        brought: dict[str, str] = {}
        for id in sorted(self.main_line, key=lambda id: -self.positions[id]):
            waiting = [id]
            while waiting:
                current = waiting.pop()
                if current in brought or current not in self.commits:
                    continue
                brought[current] = id
                waiting += self.commits[current].parents
        return brought

    @cached_property
    def _brought_by(self) -> Mapping[str, list[str]]:
        commits: dict[str, list[str]] = {}
        for id, bringer in self._brought.items():
            commits.setdefault(bringer, []).append(id)
        return commits

    def list_merged_commits(self, merge: str) -> Iterator[str]:
        """Yield the commits that a merge of the first-parent history brought, without itself."""
        return (id for id in self._brought_by.get(merge, ()) if id != merge)

    def find_bringer(self, id: str) -> str:
        """Return the commit of the first-parent history that contains a commit."""
        return self._brought.get(id, id)

    @cached_property
    def trailers(self) -> Mapping[str, tuple[str, ...]]:
        """The commits with a trailer ``Postmortem: ID``, oldest first, by casefolded id."""
        named: dict[str, list[str]] = {}
        for id in reversed(self.commits):
            for name in find_trailer_names(self.commits[id].message):
                named.setdefault(name, []).append(id)
        return {name: tuple(ids) for name, ids in named.items()}

    @cached_property
    def _text(self) -> tuple[str, list[int], list[str]]:
        """All messages in one text, with the start of each: searching it is fast."""
        ids = list(self.commits)
        messages = [f"{self.commits[id].message.casefold()}\0" for id in ids]
        starts = [0, *accumulate(map(len, messages))]
        return "".join(messages), starts, ids

    def find_mentions(self, names: Iterable[str]) -> Iterator[tuple[str, str, int]]:
        """Yield the commits whose messages have one of the names as a word: commit, name, place."""
        text, starts, ids = self._text
        for name in names:
            needle = name.casefold()
            place = text.find(needle)
            while place >= 0:
                end = place + len(needle)
                if not (text[place - 1 : place].isalnum() and needle[0].isalnum()) and not (
                    text[end : end + 1].isalnum()
                    or (text[end : end + 1] == "-" and text[end + 1 : end + 2].isdecimal())
                ):
                    position = bisect_right(starts, place) - 1
                    yield ids[position], name, place - starts[position]
                place = text.find(needle, end)


def is_change_merge(commit: LoggedCommit) -> bool:
    """Return whether a merge commit is that of one change, and not of a branch with many."""
    subject = commit.subject
    return (
        any(form.match(subject) for form in _SUBJECT_FORMS)
        or any(form.search(commit.message) for form in _BODY_FORMS)
        or re.match(r"Merge pull request from GHSA-|Merge commit from fork", subject) is not None
    )
