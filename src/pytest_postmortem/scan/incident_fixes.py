"""Find the fix of each incident: the texts that name it, their commits, and the choice.

Evidence counts in this order: the registry's ``fix``; a trailer ``Postmortem: ID``; changes and
commits that the text or a field of the record calls the fix; those that the text names without a
word; messages that name the incident; commits in fields of an advisory, which are often wrong;
the commit that wrote the id into a changelog together with source. Everything else is kept as
evidence, with the reason why it is not taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from pytest_postmortem import git, git_history
from pytest_postmortem.errors import GitError
from pytest_postmortem.git import ChangedFile
from pytest_postmortem.git_history import LoggedCommit
from pytest_postmortem.model import Postmortem
from pytest_postmortem.proofs import parse_revision, shorten_revision
from pytest_postmortem.scan.changelog_notes import (
    find_bugs_in_note,
    find_notes,
    find_numbers_in_note,
    is_changelog_path,
    list_changelog_forms,
)
from pytest_postmortem.scan.fix_mentions import FixRole, find_fix_mentions
from pytest_postmortem.scan.forges import (
    ForgeLink,
    OwnRepositories,
    normalize_repository,
    parse_forge_link,
)
from pytest_postmortem.scan.history_index import HistoryIndex, is_change_merge
from pytest_postmortem.scan.message_kinds import (
    find_advisory_ids,
    has_fix_words,
    is_advisory_merge,
    is_dependency_update,
    is_postmortem_note,
    is_release,
    is_unnamed_advisory_merge,
)

EvidenceKind = Literal["registry", "trailer", "text", "field", "message", "changelog"]

MAX_PLAIN_CHANGES = 3
"""Changes without a word of fixing that are taken; more of them are a list of something else."""

MAX_COMMITS_OF_RELEASE = 60
"""Commits before a release in which its changes are looked for."""

MAX_INCIDENTS_OF_COMMIT = 3
"""Incidents that one commit adds to a changelog; with more it is a release, or an import."""

MIN_COLLECTED_NOTES = 3
"""Notes of single changes that a commit removes when it writes those of a release."""

_ASIDE_BEFORE = re.compile(
    r"\b(?:see|similar(?: to)?|related(?: to)?|like|cf\.?|compare|unlike|not|introduced (?:by|in)"
    r"|since|regression (?:of|from|by)|caused by|follow[- ]?up (?:to|for|of)|instead of)"
    r"\W+(?:\w+\W+){0,2}$",
    re.IGNORECASE,
)
_REVISION_RANGE = re.compile(r"[^\s.]\S*\.\.\.?\S+")


@dataclass(frozen=True, slots=True)
class FixEvidence:
    """A text that names a fix: its place, its words, the commits, and why it is taken or not.

    ``path`` of the change to a commit is in ``why``, such as "cherry-picked from 1a2b3c4d5".
    """

    kind: EvidenceKind
    where: str
    what: str
    role: FixRole = "fix"
    commits: tuple[str, ...] = ()
    why: str = ""
    taken: bool = False


@dataclass(frozen=True, slots=True)
class IncidentFix:
    """The fix of an incident, oldest commit first, with all evidence.

    ``commits`` is empty if none was found. ``later`` are further commits whose messages name the
    incident. ``is_registered`` says that the registry names it already. ``notes`` say what this
    clone can't show.
    """

    id: str
    commits: tuple[LoggedCommit, ...] = ()
    source: str = ""
    evidence: tuple[FixEvidence, ...] = ()
    later: tuple[LoggedCommit, ...] = ()
    is_registered: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IncidentText:
    """The numbered lines of an incident's text, and the path as it is shown.

    ``definitions`` are the addresses of links by reference in the whole file.
    """

    path: str
    lines: Sequence[tuple[int, str]]
    definitions: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Candidate:
    """A commit or a change that something names, with its rank (the lowest counts)."""

    rank: int
    kind: EvidenceKind
    where: str
    what: str
    role: FixRole
    link: ForgeLink | None = None
    commits: list[str] = field(default_factory=list)
    why: str = ""
    is_guarded: bool = False
    is_sure: bool = False


RANK_REGISTRY, RANK_TRAILER, RANK_FIX, RANK_PLAIN = range(4)
RANK_MESSAGE, RANK_FIELD, RANK_NOTE, RANK_CHANGELOG = range(4, 8)


class FixFinder:
    """Finds the fixes of incidents in one repository; git is asked a few times for all of them.

    ``is_source`` says of a path from the top whether it is source, ``names`` are the names of each
    incident by its id, and ``cut`` are the commits whose parents a shallow clone lacks.
    """

    def __init__(
        self,
        folder: Path,
        index: HistoryIndex,
        own: OwnRepositories,
        is_source: Callable[[str], bool],
        names: Mapping[str, Sequence[str]],
        cut: frozenset[str] = frozenset(),
    ) -> None:
        self._folder = folder
        self._index = index
        self._own = own
        self._is_source = is_source
        self._names = names
        self._cut = cut
        self._named: dict[str, LoggedCommit] = {}
        self._changes: dict[str, tuple[ChangedFile, ...]] = {}
        self._tags: dict[str, str] | None = None
        self._mentioned: dict[str, set[str]] = {}

    def find_fixes(
        self, postmortems: Sequence[Postmortem], texts: Mapping[str, IncidentText]
    ) -> list[IncidentFix]:
        """Return the fix of each incident, in order.

        Raises: GitError if git fails.
        """
        candidates = {
            postmortem.id: [
                *self._read_registry_fix(postmortem),
                *self._read_trailers(postmortem),
                *self._read_text(postmortem, texts.get(postmortem.id)),
                *self._read_references(postmortem),
            ]
            for postmortem in postmortems
        }
        self._read_named_commits(candidates)
        for found in candidates.values():
            for candidate in found:
                self._resolve(candidate)
        self._add_mentions(postmortems, candidates)
        self._add_changelog_commits(postmortems, candidates)
        self._read_changes_of(candidates)
        return [self._decide(postmortem, candidates[postmortem.id]) for postmortem in postmortems]

    def format_revision(self, commit: LoggedCommit) -> str:
        """Return the revision by which `prove` reads a commit of a fix, or a range of them."""
        ranges = (name for name, each in self._named.items() if each is commit)
        return next((name for name in ranges if _REVISION_RANGE.fullmatch(name)), commit.id)

    def read_changes(self, commits: Iterable[LoggedCommit]) -> None:
        """Read what commits changed, in one process.

        Raises: GitError if git fails.
        """
        missing = [commit for commit in commits if commit.id not in self._changes]
        if missing:
            self._changes |= git_history.list_changes_of_commits(self._folder, missing)

    def list_changes(self, commit: LoggedCommit) -> tuple[ChangedFile, ...]:
        """Return the files that a commit of a fix changed against its first parent."""
        self.read_changes([commit])
        return self._changes[commit.id]

    # evidence

    def _read_registry_fix(self, postmortem: Postmortem) -> Iterator[_Candidate]:
        for text in postmortem.fix:
            link = parse_forge_link(text) if "://" in text else None
            revision = parse_revision(text)
            number = re.fullmatch(r"[#!](\d+)", revision)
            if link is None and number:
                link = ForgeLink("change", "", int(number[1]))
            if link is None:
                link = ForgeLink("commit", "", None, revision)
            yield _Candidate(RANK_REGISTRY, "registry", "'fix' in the registry", text, "fix", link)

    def _read_trailers(self, postmortem: Postmortem) -> Iterator[_Candidate]:
        for name in self._names.get(postmortem.id, postmortem.names):
            for id in self._index.trailers.get(name.casefold(), ()):
                where = f"the trailer of {shorten_revision(id)}"
                yield _Candidate(RANK_TRAILER, "trailer", where, name, "fix", commits=[id])

    def _read_text(self, postmortem: Postmortem, text: IncidentText | None) -> Iterator[_Candidate]:
        fields = (postmortem.root_cause, *postmortem.whys, *postmortem.extra.values())
        passages = [(postmortem.line or 1, value) for value in fields if value]
        if postmortem.url:
            passages.append((postmortem.line or 1, postmortem.url))
        own = (*(text.lines if text else ()), *passages)
        path = (text.path if text else postmortem.path) or "the registry"
        definitions = text.definitions if text else {}
        is_own = self._is_of_this_repository(postmortem)
        for mention in find_fix_mentions(own, self._own, definitions):
            if mention.bare and not is_own:
                continue  # a number of another repository
            rank = RANK_FIX if mention.role in ("fix", "revert") else RANK_PLAIN
            where = f"{path}:{mention.line}"
            what = _format_link(mention.link)
            yield _Candidate(rank, "text", where, what, mention.role, mention.link)

    def _is_of_this_repository(self, postmortem: Postmortem) -> bool:
        """Return whether bare numbers and hashes in the text of an incident may be of this one."""
        named = [normalize_repository(name) for name in postmortem.repository]
        return not named or not self._own.is_known or any(map(self._own.contains, named))

    def _read_references(self, postmortem: Postmortem) -> Iterator[_Candidate]:
        for reference in postmortem.references:
            role, _, target = reference.partition(" ")
            link = parse_forge_link(target) if "://" in target else None
            if role in ("range", "introduced"):
                link = ForgeLink("commit", "", None, target.casefold())
            if link is None or role == "affected":
                continue
            where = {
                "fix": "a reference of type FIX",
                "link": "a reference",
                "range": "the range of type GIT",
                "introduced": "the range of type GIT, as introduced",
            }[role]
            own = self._own.contains(link.repository) or not link.repository
            shown_role: FixRole = "cause" if role == "introduced" else "fix"
            rank = RANK_FIELD
            if link.number is not None:
                rank = RANK_FIX if role == "fix" else RANK_PLAIN
                shown_role = "fix" if role == "fix" else "plain"
                if self._own.is_known and not own:
                    shown_role = "elsewhere"
            yield _Candidate(
                rank, "field", where, _format_link(link), shown_role, link, is_guarded=True
            )

    # resolving

    def _read_named_commits(self, candidates: Mapping[str, Iterable[_Candidate]]) -> None:
        """Read the commits that are named and are not in HEAD's history, all at once."""
        hashes = {
            candidate.link.hash
            for found in candidates.values()
            for candidate in found
            if candidate.link is not None and candidate.link.hash
        }
        plain = {hash for hash in hashes if not _REVISION_RANGE.fullmatch(hash)}
        unknown = [hash for hash in sorted(plain) if self._index.find(hash) is None]
        self._named = git_history.read_commits(self._folder, unknown) if unknown else {}
        for hash in hashes - plain:
            older, _, newer = hash.replace("...", "..").partition("..")
            ends = git_history.read_commits(self._folder, [older, newer or "HEAD"])
            if len(ends) == 2:
                last = ends[newer or "HEAD"]
                self._named[hash] = replace(last, parents=(ends[older].id,))

    def _resolve(self, candidate: _Candidate) -> None:
        """Set the commits of HEAD that a candidate means, and how they were found."""
        link = candidate.link
        if candidate.commits or link is None or candidate.role == "elsewhere":
            if candidate.role == "elsewhere":
                candidate.why = "another repository"
            return
        if link.number is not None:
            self._resolve_number(candidate, link.number)
        if not candidate.commits and link.hash is not None:
            self._resolve_hash(candidate, link.hash)
        if candidate.commits and candidate.role == "revert":
            self._resolve_revert(candidate)

    def _resolve_number(self, candidate: _Candidate, number: int) -> None:
        landed = list(self._index.numbers.get(number, ()))
        merges = [id for id in landed if len(self._index.commits[id].parents) > 1]
        own = [id for id in landed if not self._index.is_revert(id)]
        candidate.commits = merges[:1] or own or landed
        if not landed:
            closing = self._index.closing.get(number, ())
            candidate.why = f"no commit of this history landed #{number}"
            if closing:
                names = ", ".join(map(shorten_revision, closing[:3]))
                candidate.why += f" ({names} closes #{number}, which is only a hint)"

    def _resolve_hash(self, candidate: _Candidate, hash: str) -> None:
        id = self._index.find(hash)
        if id is not None:
            candidate.commits = [id]
            return
        commit = self._named.get(hash)
        if commit is not None and _REVISION_RANGE.fullmatch(hash):
            candidate.commits = [hash]
            return
        picked = [new for old, new in self._index.picked.items() if old.startswith(hash)]
        if commit is None:
            candidate.commits = picked
            candidate.why = (
                f"cherry-picked from {shorten_revision(hash)}"
                if picked
                else f"{shorten_revision(hash)} is not in this clone"
            )
            return
        try:
            twins = list(self._index.find_twins(commit)) or self._find_equal_patch(commit)
        except GitError as error:  # a partial clone lacks a file of it
            candidate.why = error.brief
            return
        candidate.commits = twins
        short = shorten_revision(commit.id)
        candidate.why = (
            f"the same change as {short} of another branch"
            if twins
            else f"{short} is on another branch, and no commit of this one is the same change"
        )

    def _find_equal_patch(self, commit: LoggedCommit) -> list[str]:
        changes = git_history.list_changes_of_commits(self._folder, [commit])[commit.id]
        paths = [change.path for change in changes if self._is_source(change.path)][:3]
        return list(git_history.find_commits_with_patch(self._folder, commit, paths))[-1:]

    def _resolve_revert(self, candidate: _Candidate) -> None:
        """Replace a change that was rolled back by the commit of the rollback."""
        reverting = [id for id in candidate.commits if self._index.is_revert(id)]
        for id in candidate.commits if not reverting else ():
            reverting += self._index.reverts.get(id, ())
        if reverting:
            candidate.why = "the revert of what the text says was rolled back"
            candidate.commits = reverting[:1]
        else:
            candidate.rank, candidate.role = RANK_PLAIN, "plain"

    def _add_mentions(
        self, postmortems: Sequence[Postmortem], candidates: Mapping[str, list[_Candidate]]
    ) -> None:
        for postmortem in postmortems:
            seen: dict[str, _Candidate] = {}
            names = [
                *filter(is_searchable_name, self._names.get(postmortem.id, postmortem.names)),
                *(url for url in [postmortem.url or ""] if "://" in url),
                *_list_tracker_names(postmortem),
            ]
            for id, name, place in self._index.find_mentions(names):
                message = self._index.commits[id].message
                aside = _ASIDE_BEFORE.search(message[max(place - 40, 0) : place])
                role: FixRole = "related" if aside else "fix"
                candidate = _Candidate(
                    RANK_MESSAGE,
                    "message",
                    f"the message of {shorten_revision(id)}",
                    name,
                    role,
                    commits=[id],
                    why=f"next to {aside[0].split()[0].casefold()!r}" if aside else "",
                    is_guarded=True,
                )
                if id not in seen or seen[id].role == "related":
                    seen[id] = candidate
                self._mentioned.setdefault(id, set()).add(postmortem.id.casefold())
            candidates[postmortem.id] += seen.values()

    def _add_changelog_commits(
        self, postmortems: Sequence[Postmortem], candidates: Mapping[str, list[_Candidate]]
    ) -> None:
        """Add what changelogs say of the incidents for which nothing better was found."""
        open_names = {
            postmortem.id: [
                form
                for name in self._names.get(postmortem.id, postmortem.names)
                if is_searchable_name(name)
                for form in list_changelog_forms(name)
            ]
            for postmortem in postmortems
            if not any(
                each.rank < RANK_MESSAGE and each.commits and each.role != "related"
                for each in candidates[postmortem.id]
            )
        }
        names = [name for own in open_names.values() for name in own]
        blobs = {
            path: blob
            for path, blob in (git.list_commit_files(self._folder, "HEAD") if names else {}).items()
            if is_changelog_path(path)
        }
        holding = git_history.find_files_with_texts(self._folder, names, list(blobs))
        contents = dict(git.read_blobs(self._folder, (blobs[path] for path in holding)))
        for path in holding:
            text = contents[blobs[path]].decode(errors="replace")
            for id, forms in open_names.items():
                for candidate in self._list_candidates_of_notes(path, text, forms):
                    self._resolve(candidate)
                    candidates[id].append(candidate)
        added = git_history.read_added_lines(self._folder, holding)
        added_by_id: dict[str, list[tuple[str, str]]] = {}
        for commit, lines_by_path in added.items():
            found = {
                id: path
                for path, lines in lines_by_path.items()
                for id, own in open_names.items()
                if any(name in lines.casefold() for name in own)
            }
            if len(found) <= MAX_INCIDENTS_OF_COMMIT:
                for id, path in found.items():
                    added_by_id.setdefault(id, []).append((commit, path))
        for id, commits in added_by_id.items():
            commit, path = commits[-1]  # the oldest
            if commit not in self._index.commits:
                continue
            where = f"{path}, added by {shorten_revision(commit)}"
            found_commit, why = self._find_change_of_note(commit)
            candidates[id].append(
                _Candidate(
                    RANK_CHANGELOG,
                    "changelog",
                    where,
                    id,
                    "fix",
                    commits=[found_commit],
                    why=why,
                    is_guarded=True,
                )
            )

    def _list_candidates_of_notes(
        self, path: str, text: str, forms: Sequence[str]
    ) -> Iterator[_Candidate]:
        """Yield the changes that the notes of a changelog name together with an incident."""
        for line, note in find_notes(text, forms):
            where = f"{path}:{line}"
            for number in find_numbers_in_note(note):
                link = ForgeLink("change", "", number)
                yield _Candidate(RANK_NOTE, "changelog", where, f"#{number}", "fix", link)
            for bug in find_bugs_in_note(note):
                commits = list(dict.fromkeys(id for id, _, _ in self._index.find_mentions([bug])))
                candidate = _Candidate(RANK_NOTE, "changelog", where, bug, "fix", commits=commits)
                candidate.is_guarded = True
                yield candidate

    def _find_change_of_note(self, id: str) -> tuple[str, str]:
        """Return the commit that a note in a changelog speaks of: the one that wrote it, or the
        only merge of an unnamed advisory in the release that it describes.
        """
        if not is_release(self._index.commits[id]):
            return id, ""
        merges = []
        current: str | None = next(iter(self._index.commits[id].parents), None)
        for _ in range(MAX_COMMITS_OF_RELEASE):
            commit = self._index.commits.get(current or "")
            if commit is None or is_release(commit):
                break
            if is_unnamed_advisory_merge(commit):
                merges.append(commit.id)
            current = next(iter(commit.parents), None)
        if len(merges) == 1:
            return merges[0], "the only merge of an advisory in this release"
        return id, ""

    # the decision

    def _read_changes_of(self, candidates: Mapping[str, Iterable[_Candidate]]) -> None:
        """Read the changes of the candidates, with the commits that contain them, all at once."""
        ids = {
            id: None
            for found in candidates.values()
            for candidate in found
            for id in candidate.commits
        }
        needed: dict[str, LoggedCommit] = {}
        for id in ids:
            for each in (id, self.find_change_merge(id), self._index.find_bringer(id)):
                commit = self._find_commit(each) if each else None
                if commit is not None:
                    needed[commit.id] = commit
        for id in ids:
            if _REVISION_RANGE.fullmatch(id) and id in self._named:
                commit = self._named[id]
                before = commit.parents[0]
                self._changes[id] = tuple(git.list_changed_files(self._folder, before, commit.id))
        self.read_changes(needed.values())

    def find_change_merge(self, id: str) -> str | None:
        """Return the merge of the change that contains a commit, or None."""
        return self._index.find_change_merge(id) if id in self._index.commits else None

    def _find_commit(self, id: str) -> LoggedCommit | None:
        return self._index.commits.get(id) or self._named.get(id)

    def _decide(self, postmortem: Postmortem, candidates: Sequence[_Candidate]) -> IncidentFix:
        introduced = {
            id
            for candidate in candidates
            if candidate.role == "cause" and candidate.kind == "field"
            for id in candidate.commits
        }
        affected = [
            each.partition(" ")[2] for each in postmortem.references if each.startswith("affected ")
        ]
        for candidate in candidates:
            self._drop_cut_commits(candidate)
            if candidate.rank > RANK_TRAILER:
                self._replace_dead_commits(candidate)
            is_plain_text = candidate.kind == "text" and candidate.role == "plain"
            if is_plain_text or (candidate.is_guarded and candidate.role in ("fix", "plain")):
                self._guard(candidate, introduced, affected)
        chosen, ids = self._choose(candidates)
        if chosen and chosen[0].rank > RANK_TRAILER:
            chosen, ids = self._narrow_merge(postmortem, candidates, chosen, ids)
        commits = [commit for id in ids if (commit := self._find_commit(id))]
        evidence = tuple(
            FixEvidence(
                candidate.kind,
                candidate.where,
                candidate.what,
                candidate.role,
                tuple(candidate.commits),
                candidate.why,
                taken=candidate in chosen,
            )
            for candidate in candidates
        )
        later = [
            self._index.commits[id]
            for candidate in candidates
            if candidate.kind == "message" and candidate.role == "fix"
            for id in candidate.commits
            if id in self._index.commits and id not in ids
        ]
        return IncidentFix(
            postmortem.id,
            tuple(commits),
            _format_source(chosen[0]) if chosen else "",
            evidence,
            tuple(later),
            bool(chosen) and chosen[0].rank == RANK_REGISTRY,
            tuple(_list_notes(postmortem, candidates)) if not chosen else (),
        )

    def _narrow_merge(
        self,
        postmortem: Postmortem,
        candidates: Sequence[_Candidate],
        chosen: list[_Candidate],
        ids: list[str],
    ) -> tuple[list[_Candidate], list[str]]:
        """Return the commits in a merge that name the incident, if others in it name another.

        The whole would bring the tests of all of them.
        """
        if len(ids) != 1 or not self.fixes_several(ids[0]):
            return chosen, ids
        inside = {*self._index.list_merged_commits(ids[0])}
        named = [
            candidate
            for candidate in candidates
            if candidate.kind == "message"
            and candidate.role == "fix"
            and candidate.commits
            and inside.issuperset(candidate.commits)
        ]
        found = list(dict.fromkeys(id for candidate in named for id in candidate.commits))
        found.sort(key=lambda id: -self._index.positions[id])
        for candidate in chosen if named else ():
            short = shorten_revision(ids[0])
            candidate.why = f"{short} fixes other incidents too, and this commit names this one"
        return (named, found) if named else (chosen, ids)

    def fixes_several(self, id: str) -> bool:
        """Return whether the commits that a merge brought name different incidents."""
        named = {
            frozenset(self._owners.get(name, name) for name in self._find_incident_names(each))
            for each in self._index.list_merged_commits(id)
        }
        return len(named - {frozenset()}) > 1

    def _find_incident_names(self, id: str) -> frozenset[str]:
        return find_advisory_ids(self._index.commits[id].message) | self._mentioned.get(id, set())

    @cached_property
    def _owners(self) -> Mapping[str, str]:
        """The ids of incidents by their casefolded names."""
        return {
            name.casefold(): id.casefold() for id, names in self._names.items() for name in names
        }

    def _drop_cut_commits(self, candidate: _Candidate) -> None:
        """Remove commits whose changes a shallow clone can't show."""
        cut = [id for id in candidate.commits if id in self._cut]
        if cut:
            candidate.commits = [id for id in candidate.commits if id not in self._cut]
            candidate.why = (
                f"the parent of {shorten_revision(cut[0])} is not in this clone:"
                f" git fetch --depth=2 origin {cut[0]}"
            )

    def _replace_dead_commits(self, candidate: _Candidate) -> None:
        """Replace commits of a branch that was merged without its changes by their live twins."""
        for id in list(candidate.commits):
            commit = self._index.commits.get(id)
            if commit is None or not self._is_dead(id):
                continue
            twins = [self._index.commits[twin] for twin in self._index.find_twins(commit)]
            self.read_changes([*twins, *map(self._find_bringer, twins)])
            alive = [twin.id for twin in twins if not self._is_dead(twin.id)]
            if alive:
                candidate.commits[candidate.commits.index(id)] = alive[0]
                candidate.why = f"the same change as {shorten_revision(id)} of another branch"

    def _find_bringer(self, commit: LoggedCommit) -> LoggedCommit:
        return self._index.commits[self._index.find_bringer(commit.id)]

    def _guard(self, candidate: _Candidate, introduced: set[str], affected: Sequence[str]) -> None:
        """Remove the commits of a candidate that can't be the fix, and note why."""
        kept = []
        for id in candidate.commits:
            why = self._find_objection(id, candidate, introduced, affected)
            if why:
                candidate.why = f"{shorten_revision(id)} {why}"
            else:
                kept.append(id)
        candidate.commits = kept

    def _find_objection(
        self, id: str, candidate: _Candidate, introduced: set[str], affected: Sequence[str]
    ) -> str:
        """Return why a commit is not the fix, empty if nothing speaks against it."""
        commit = self._index.commits.get(id)
        if commit is None:
            return ""
        if id in introduced:
            return "introduced the problem"
        if candidate.link is not None and (
            candidate.link.number is not None or candidate.kind == "text"
        ):
            return self._find_objection_to_link(id, affected) if candidate.role == "plain" else ""
        if is_advisory_merge(commit) and candidate.kind == "message":
            return ""
        if not self._touches_source(id):
            return "changes no source"
        if is_release(commit) and (len(commit.parents) < 2 or candidate.kind == "changelog"):
            return "prepares a release"
        if candidate.kind == "changelog" and (
            why := self._find_objection_to_note(commit, candidate)
        ):
            return why
        if candidate.kind in ("message", "changelog") and (
            why := self._find_objection_to_message(commit)
        ):
            return why
        if self._is_dead(id):
            return "is on a branch that was merged without its changes"
        if candidate.kind == "field" and self._is_in_affected_version(id, affected):
            return f"is in {affected[-1]}, which has the problem"
        return ""

    def _find_objection_to_message(self, commit: LoggedCommit) -> str:
        """Return why a commit whose message names the incident does something else."""
        if is_dependency_update(commit):
            return "updates a dependency"
        if is_postmortem_note(commit):
            return "writes about the incident"
        return "reverts another change" if self._index.is_revert(commit.id) else ""

    def _find_objection_to_link(self, id: str, affected: Sequence[str]) -> str:
        """Return why a change that a record links without a word is not the fix."""
        if not self._touches_source(id):
            return "changes no source"
        if self._is_in_affected_version(id, affected):
            return f"is in {affected[-1]}, which has the problem"
        return ""

    def _find_objection_to_note(self, commit: LoggedCommit, candidate: _Candidate) -> str:
        """Return why a commit that wrote a note of the incident is not its fix."""
        removed = (each.path for each in self._changes.get(commit.id, ()) if each.after is None)
        if sum(map(is_changelog_path, removed)) >= MIN_COLLECTED_NOTES:
            return "collects the notes of a release"
        return "names another incident" if self._names_other(commit, candidate.what) else ""

    def _names_other(self, commit: LoggedCommit, id: str) -> bool:
        """Return whether a message names an advisory, and none that is the incident."""
        own = {name.casefold() for name in self._names.get(id, (id,))}
        named = find_advisory_ids(commit.message)
        return bool(named) and named.isdisjoint(own)

    def _touches_source(self, id: str) -> bool:
        return any(self._is_source(change.path) for change in self._changes.get(id, ()))

    def _is_dead(self, id: str) -> bool:
        """Return whether the merge that contains a commit has none of its changes."""
        bringer = self._index.find_bringer(id)
        if bringer == id or bringer not in self._changes:
            return False
        own = {change.path for change in self._changes.get(id, ()) if self._is_source(change.path)}
        return own.isdisjoint(change.path for change in self._changes[bringer])

    def _is_in_affected_version(self, id: str, affected: Sequence[str]) -> bool:
        if not affected:
            return False
        if self._tags is None:
            self._tags = git_history.find_tag_commits(self._folder)
        versions = {version: tag for tag in self._tags for version in [_strip_tag(tag)]}
        tags = [versions[version] for version in affected if version in versions]
        return any(git.is_ancestor(self._folder, id, self._tags[tag]) for tag in tags)

    def _choose(self, candidates: Sequence[_Candidate]) -> tuple[list[_Candidate], list[str]]:
        """Return the candidates that count most, and the commits of the fix, oldest first."""
        usable = [
            candidate
            for candidate in candidates
            if candidate.commits and candidate.role in ("fix", "revert", "plain")
        ]
        for rank in sorted({candidate.rank for candidate in usable}):
            same = [candidate for candidate in usable if candidate.rank == rank]
            ids = list(dict.fromkeys(id for candidate in same for id in candidate.commits))
            if rank == RANK_PLAIN:
                ids = self._select_plain(same, ids)
            elif rank == RANK_MESSAGE or (rank == RANK_NOTE and not any(c.link for c in same)):
                ids = self._select_messages(ids)
            elif rank != RANK_REGISTRY:
                ids = self._drop_twins(ids)
            ids.sort(key=lambda id: -self._index.positions.get(id, 0))
            if ids:
                return [each for each in same if not {*ids}.isdisjoint(each.commits)], ids
        return [], []

    def _select_plain(self, same: Sequence[_Candidate], ids: Sequence[str]) -> list[str]:
        """Return changes that a text names without a word, unless they are a long list."""
        ids = self._drop_twins(ids)
        sources = [id for id in ids if self._touches_source(id)] or list(ids)
        if len(sources) <= MAX_PLAIN_CHANGES:
            return sources
        for candidate in same:
            candidate.why = f"one of {len(sources)} changes without a word of fixing"
        return []

    def _drop_twins(self, ids: Sequence[str]) -> list[str]:
        """Return commits without those that are another one's copy on a release branch."""
        kept: list[str] = []
        for id in sorted(ids, key=lambda id: id not in self._index.main_line):
            commit = self._index.commits.get(id)
            twins = self._index.find_twins(commit) if commit else ()
            if not any(twin in kept for twin in twins):
                kept.append(id)
        return kept

    def _select_messages(self, ids: Iterable[str]) -> list[str]:
        """Return the commit whose message names an incident most clearly, or the oldest of them."""
        given = self._drop_twins(list(ids))
        branch_merges = [
            id
            for id in given
            if len(self._index.commits[id].parents) > 1
            and not is_change_merge(self._index.commits[id])
        ]
        own = self._drop_contained([id for id in given if id not in branch_merges] or given)
        own.sort(
            key=lambda id: (
                not is_advisory_merge(self._index.commits[id]),
                not has_fix_words(self._index.commits[id]),
                id not in self._index.main_line,
                -self._index.positions[id],
            )
        )
        return own[:1]

    def _drop_contained(self, ids: Sequence[str]) -> list[str]:
        """Return commits without those that a merge among them contains."""
        return [id for id in ids if self.find_change_merge(id) not in ids]


def _list_notes(postmortem: Postmortem, candidates: Sequence[_Candidate]) -> Iterator[str]:
    """Yield why an incident that names something has no fix here."""
    if postmortem.patch:
        yield "the fix is a patch, which brings no test"
    for candidate in candidates:
        if candidate.why and candidate.role in ("fix", "revert") and candidate.rank <= RANK_FIX:
            is_named = candidate.what in candidate.why
            yield candidate.why if is_named else f"{candidate.what}: {candidate.why}"


def is_searchable_name(name: str) -> bool:
    """Return whether a name means the incident wherever it is: it has letters and digits."""
    has_letter, has_digit = (any(map(test, name)) for test in (str.isalpha, str.isdigit))
    words = re.findall(r"\w+", name)
    return len(name) > 3 and has_letter and (has_digit or len(words) > 3)


def _list_tracker_names(postmortem: Postmortem) -> Iterator[str]:
    """Yield how messages name the bugs of Bugzilla and of bugs.python.org that it links to."""
    for text in (postmortem.url or "", *postmortem.references):
        if match := re.search(r"show_bug\.cgi\?id=(\d{4,})", text):
            yield f"bug {match[1]}"
        if match := re.search(r"bugs\.python\.org/issue(\d{4,})", text):
            yield f"bpo-{match[1]}"


def _strip_tag(tag: str) -> str:
    """Return the version in the name of a tag."""
    match = re.search(r"\d+(?:[._]\d+)*(?:[a-z]+\d*)?$", tag)
    return match[0].replace("_", ".") if match else tag


def _format_link(link: ForgeLink) -> str:
    if link.number is not None:
        return f"#{link.number}"
    return shorten_revision(link.hash or "")


def _format_source(candidate: _Candidate) -> str:
    """Return where a fix is named, in a word or two."""
    if candidate.kind == "field":
        return f"{candidate.what} in {candidate.where}" if "#" in candidate.what else "advisory"
    if candidate.kind == "text":
        return f"{candidate.what} in text" if "#" in candidate.what else "text"
    return candidate.kind
