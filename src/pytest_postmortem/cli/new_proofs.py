"""The proofs of a change: of the incidents whose regression tests or fix are new in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pytest_postmortem import git
from pytest_postmortem.cli.absent_files import find_file_contents
from pytest_postmortem.cli.git_project import DEPTH_REMEDY, GitCheckout, open_checkout
from pytest_postmortem.cli.prove import prove_subjects
from pytest_postmortem.cli.prove_cases import (
    ProofSubject,
    ProveRequest,
    build_workspace,
    find_proof_subjects,
)
from pytest_postmortem.files import read_file_bytes
from pytest_postmortem.model import Postmortem, Registry
from pytest_postmortem.prove.experiment import RunBudget
from pytest_postmortem.prove.strategy import IncidentProof
from pytest_postmortem.pysource.changed_tests import find_changed_tests
from pytest_postmortem.pysource.marker_index import LinkedIncident, find_linked_tests

DOUBTED_FIX = (
    "no fix is named, and its tests pass without this change; write 'fix:' in {path}, or the"
    " trailer 'Postmortem: {id}' in the commit that fixes it"
)


def prove_new_incidents(
    arguments: Sequence[str], base: str, effort: RunBudget
) -> list[IncidentProof]:
    """Prove the incidents whose tests or fix are new since a change left ``base``.

    If an incident has its first test and names no fix, the whole change is taken for its fix.

    Raises:
        SettingsError: The base is unknown.
        GitError: Git can't give the data to compare.
        RegistryError: The registry is broken.
        ProofsError: The file of proofs can't be read.
    """
    with open_checkout(arguments) as checkout:
        if checkout.registry is None:
            return []
        base_commit = git.find_merge_base(
            checkout.root, checkout.commit(base), checkout.commit("HEAD")
        )
        if base_commit is None:
            cause = f"{base} and HEAD have no commit in common in this clone"
            raise git.build_git_error(cause, f"fetch its history ({DEPTH_REMEDY})")
        workspace = build_workspace(checkout)
        request = ProveRequest(effort=effort)
        novelties = _read_novelties(checkout, base_commit)
        subjects = [*find_proof_subjects(checkout, workspace, request)]
        new_subjects = [subject for subject in subjects if novelties.is_new(subject)]
        results = prove_subjects(checkout, workspace, request, new_subjects)
        named = {subject.id for subject in subjects}
        branch = base if git.resolve_commit(checkout.root, base) else f"origin/{base}"
        for id in novelties.find_first_linked(checkout.registry):
            if id not in named:
                own = replace(request, what=(id,), base=branch)
                own_subjects = [*find_proof_subjects(checkout, workspace, own)]
                proved = prove_subjects(checkout, workspace, own, own_subjects)
                sure = novelties.is_new_incident(id)
                postmortem = checkout.registry.find(id)
                path = None if postmortem is None else postmortem.path
                results += proved if sure else [_doubt_fix(each, path) for each in proved]
        return results


def _doubt_fix(result: IncidentProof, path: str | None) -> IncidentProof:
    """Return a result that accuses no test, since the fix of an older incident may be another."""
    if result.verdict != "not-proven":
        return result
    message = DOUBTED_FIX.format(path=path or "its post-mortem", id=result.id)
    return replace(result, judged=replace(result.judged, verdict="inconclusive", message=message))


@dataclass(frozen=True, slots=True)
class _Novelties:
    """Everything new since a commit: the linked tests by incident, before and now, the tests whose
    code changed, and the registry of that commit.
    """

    base_commit: str
    checkout: GitCheckout
    earlier: Registry | None
    before: Mapping[str, LinkedIncident]
    after: Mapping[str, LinkedIncident]
    changed_tests: frozenset[str]

    def is_new(self, subject: ProofSubject) -> bool:
        """Say whether a test or the fix of an incident with a test is new."""
        linked = find_linked_tests(self.after, subject.id)
        return bool(linked.tests) and (
            bool(self._find_new_tests(linked))
            or not self.changed_tests.isdisjoint(linked.tests)
            or self._has_new_fix(subject)
        )

    def find_first_linked(self, registry: Registry) -> Iterator[str]:
        """Yield the incidents that have a test now and had none."""
        for postmortem in registry:
            old = find_linked_tests(self.before, postmortem.id)
            new = find_linked_tests(self.after, postmortem.id)
            if new.has_active_test and not old.has_active_test:
                yield postmortem.id

    def is_new_incident(self, id: str) -> bool:
        """Say whether the registry did not have an incident before."""
        postmortem = self.checkout.registry.find(id) if self.checkout.registry else None
        return postmortem is not None and _find_by_names(self.earlier, postmortem) is None

    def _find_new_tests(self, linked: LinkedIncident) -> list[str]:
        """Return the active tests that were not linked before, or could not fail."""
        old = find_linked_tests(self.before, linked.id)
        return [
            nodeid
            for nodeid, muted in linked.tests.items()
            if muted is None and old.tests.get(nodeid, "none") is not None
        ]

    def _has_new_fix(self, subject: ProofSubject) -> bool:
        """Say whether the fix was not named before, or is a commit of this change."""
        postmortem = subject.postmortem
        if postmortem is None:
            return False
        old = _find_by_names(self.earlier, postmortem)
        if postmortem.fix or postmortem.patch:
            return old is None or (old.fix, old.patch) != (postmortem.fix, postmortem.patch)
        root = self.checkout.root
        return any(
            git.find_merge_base(root, revision, self.base_commit) != revision
            for revision in subject.trailers
        )


def _find_by_names(registry: Registry | None, postmortem: Postmortem) -> Postmortem | None:
    if registry is None:
        return None
    return next(filter(None, map(registry.find, postmortem.names)), None)


def _read_novelties(checkout: GitCheckout, base_commit: str) -> _Novelties:
    earlier, older, newer = checkout.read_since(base_commit)
    after = checkout.find_links(newer)
    return _Novelties(
        base_commit,
        checkout,
        earlier,
        checkout.find_links(older, earlier),
        after,
        frozenset(_find_changed_tests(checkout, base_commit, after)),
    )


def _find_changed_tests(
    checkout: GitCheckout, base_commit: str, after: Mapping[str, LinkedIncident]
) -> Iterator[str]:
    """Yield the linked tests whose own code differs from that of a commit."""
    names_by_path: dict[str, set[str]] = {}
    for linked in after.values():
        for nodeid in linked.tests:
            path, _, name = nodeid.partition("::")
            names_by_path.setdefault(path, set()).add(name)
    suite = checkout.suite
    changed = {
        path: suite.shown(path)
        for path in git.list_modified_files(checkout.root, base_commit)
        if suite.shown(path) in names_by_path
    }
    before = find_file_contents(suite.top, base_commit, "", changed.__contains__)
    for path, shown in changed.items():
        old, new = (
            (data or b"").decode(errors="replace")
            for data in (before.get(path), read_file_bytes(suite.top / path))
        )
        for name in find_changed_tests(old, new, names_by_path[shown]):
            yield f"{shown}::{name}"
