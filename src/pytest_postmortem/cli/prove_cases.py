"""The cases to prove: the incidents and fixes of a command line → cases."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_postmortem.cli.git_project import GitCheckout
from pytest_postmortem.errors import GitError, Problem, SettingsError
from pytest_postmortem.evaluation.evaluate import has_exemption_ended, is_incident_selected
from pytest_postmortem.model import Postmortem, Registry, fold_id
from pytest_postmortem.proofs import parse_revision, shorten_revision
from pytest_postmortem.prove import fix, revert
from pytest_postmortem.prove.experiment import RunBudget
from pytest_postmortem.prove.fix import (
    FixError,
    FixUnavailableError,
    find_fix_candidates,
    find_trailer_commits,
)
from pytest_postmortem.prove.fix_files import Fix
from pytest_postmortem.prove.strength import StrengthRequest
from pytest_postmortem.prove.today import ProofCase
from pytest_postmortem.pysource.changed_tests import find_changed_tests
from pytest_postmortem.pysource.marker_index import LinkedIncident, find_linked_tests
from pytest_postmortem.similar_names import index_registry_ids

PATCH_SUFFIXES = (".patch", ".diff")

COLLECTED_DATA = re.compile(
    r"(^|/)(test[^/]*|[^/]*[_-]tests?)\.(ya?ml|txt|rst|md|toml|json|feature)$"
    r"|(^|/)tests?/([^/]+/)*[^/]+\.ya?ml$"
)
"""Files that are not Python and that plugins may collect: rules, documents with doctests."""

NO_LINKED_TEST = "no linked test is found in the code; the registry may name one under 'tests'"


@dataclass(frozen=True, slots=True)
class ProveRequest:
    """What the command line asks for."""

    what: tuple[str, ...] = ()
    fix: tuple[str, ...] = ()
    base: str | None = None
    source: tuple[str, ...] = ()
    jobs: int = 1
    effort: RunBudget = RunBudget()
    strength: StrengthRequest | None = None
    again: bool = False
    python: str | None = None


@dataclass(frozen=True, slots=True)
class ProofSubject:
    """An incident to prove, or why it can't be; without a post-mortem it is only a fix.

    ``trailers`` are the commits that say of themselves that they are the fix.
    """

    id: str
    case: ProofCase | None
    postmortem: Postmortem | None = None
    why: str = ""
    trailers: tuple[str, ...] = ()


def build_workspace(checkout: GitCheckout) -> revert.Workspace:
    """Return the workspace, by real paths."""
    top, root = (Path(os.path.realpath(folder)) for folder in (checkout.top, checkout.root))
    present, suite = checkout.present, checkout.suite
    return revert.Workspace(
        top,
        root,
        present,
        lambda path: suite.is_suite_file(path, present),
        lambda path: checkout.is_registry_path(suite.shown(path)),
    )


def find_proof_subjects(
    checkout: GitCheckout, workspace: revert.Workspace, request: ProveRequest
) -> Iterator[ProofSubject]:
    """Yield the incidents to prove."""
    nodeids = [argument for argument in request.what if _is_nodeid(checkout, argument)]
    ids = [argument for argument in request.what if argument not in nodeids]
    links = checkout.find_links(checkout.read_working_tree(()))
    if request.fix or request.base:
        yield _build_subject_of_given_fix(checkout, request, nodeids, ids, links)
        return
    if nodeids:
        raise build_prove_error(
            f"{nodeids[0]!r} is a test, and no fix is named", "name one with --fix=REV"
        )
    if checkout.registry is None:
        raise build_prove_error(
            "no registry is configured", "name a fix with --fix=REV, and the tests of it"
        )
    fix_trailers, unread_reason = _read_fix_trailers(checkout)
    names_by_id = checkout.registry.group_names()
    for postmortem in select_postmortems(checkout, ids):
        names = tuple(names_by_id[postmortem.id])
        revisions = _list_fix_revisions(postmortem, names, fix_trailers)
        if not (revisions or postmortem.patch):
            if unread_reason:
                yield ProofSubject(postmortem.id, None, postmortem, unread_reason)
            elif ids:
                reason = _explain_missing_fix(checkout, workspace, postmortem, links)
                yield ProofSubject(postmortem.id, None, postmortem, reason)
            continue
        linked_tests = find_linked_tests(links, postmortem.id)
        files = tuple(dict.fromkeys(nodeid.partition("::")[0] for nodeid in linked_tests.tests))
        if not files:
            yield ProofSubject(postmortem.id, None, postmortem, NO_LINKED_TEST)
            continue
        fix = _build_fix_reader(checkout, revisions, postmortem)
        case = ProofCase(
            postmortem.id, fix, files, names, postmortem.tests, tuple(linked_tests.tests)
        )
        named = postmortem.fix or postmortem.patch
        yield ProofSubject(postmortem.id, case, postmortem, trailers=() if named else revisions)


def _is_nodeid(checkout: GitCheckout, argument: str) -> bool:
    """Return whether an argument names tests or a file of tests, and not an incident."""
    if "::" in argument or argument.endswith(".py"):
        return True
    if checkout.registry is not None and checkout.registry.find(argument) is not None:
        return False
    folders = (Path(), checkout.root)
    return "." in argument and any((folder / argument).is_file() for folder in folders)


def _read_fix_trailers(checkout: GitCheckout) -> tuple[Mapping[str, tuple[str, ...]], str]:
    """Return the commits that say whose fix they are, or why that is not known."""
    try:
        return find_trailer_commits(checkout.root), ""
    except GitError as error:
        return {}, f"no fix is named, and the log can't be read for one: {error.brief}"


def select_postmortems(checkout: GitCheckout, ids: Sequence[str]) -> Iterator[Postmortem]:
    """Yield the post-mortems that are asked for.

    Raises: SettingsError where one is not there.
    """
    selected_postmortems = [
        postmortem
        for postmortem in checkout.registry or ()
        if is_incident_selected(postmortem, checkout.policy)
    ]
    if not ids:
        policy = checkout.policy
        yield from (
            postmortem
            for postmortem in selected_postmortems
            if not postmortem.exempt or has_exemption_ended(postmortem, policy)
        )
        return
    registry = checkout.registry or Registry()
    selected_ids = {postmortem.id for postmortem in selected_postmortems}
    matched_ids: set[str] = set()
    for id in ids:
        matching_ids = {each.id for each in registry.find_matching(id)} & selected_ids
        if not matching_ids:
            suggestion = index_registry_ids(registry, selected_ids).find(id)
            remedy = f"did you mean {suggestion!r}?" if suggestion else "correct the id"
            raise build_prove_error(f"unknown post-mortem {id!r}", remedy)
        matched_ids |= matching_ids
    yield from (postmortem for postmortem in selected_postmortems if postmortem.id in matched_ids)


def _list_fix_revisions(
    postmortem: Postmortem, names: Iterable[str], fix_trailers: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    """Return the commits and ranges that are the fix: those that the registry names, else those
    that say so themselves.
    """
    if postmortem.fix or postmortem.patch:
        return tuple(map(parse_revision, postmortem.fix))
    keys = map(fold_id, names)
    return next((fix_trailers[key] for key in keys if key in fix_trailers), ())


def _build_fix_reader(
    checkout: GitCheckout, revisions: Sequence[str], postmortem: Postmortem
) -> Callable[[], Fix]:
    """Return what reads a fix when it is needed."""

    def read_fix() -> Fix:
        if not revisions and postmortem.patch:
            entry = checkout.root / (postmortem.path or "")
            folders = (entry.parent, checkout.root, checkout.top)
            return fix.read_fix_from_patch(checkout.root, postmortem.patch, folders)
        return fix.read_fix_from_revisions(checkout.root, revisions)

    return read_fix


def _explain_missing_fix(
    checkout: GitCheckout,
    workspace: revert.Workspace,
    postmortem: Postmortem,
    links: Mapping[str, LinkedIncident],
) -> str:
    """Say that no fix is named, and which commit may be it."""
    linked_tests = find_linked_tests(links, postmortem.id)
    files = [workspace.within(nodeid.partition("::")[0]) for nodeid in linked_tests.tests]
    names = [nodeid.rpartition("::")[2] for nodeid in linked_tests.tests]

    def is_source(path: str) -> bool:
        return workspace.kind_of(path, files) == "source"

    try:
        offers = find_fix_candidates(
            checkout.root,
            (postmortem.id, *postmortem.aliases),
            zip(files, names, strict=True),
            is_source,
        )
    except GitError as error:
        return f"no fix is named, and none is offered: {error.brief}"
    return f"no fix is named; perhaps {'; or '.join(offers)}" if offers else "no fix is named"


def _build_subject_of_given_fix(
    checkout: GitCheckout,
    request: ProveRequest,
    nodeids: Sequence[str],
    ids: Sequence[str],
    links: Mapping[str, LinkedIncident],
) -> ProofSubject:
    """Return the subject of a proof for a fix that the command line names."""
    name = (
        f"since {request.base}" if request.base else ", ".join(map(shorten_revision, request.fix))
    )
    try:
        fix = _read_given_fix(checkout, request)
    except FixUnavailableError as error:
        return ProofSubject(name, None, why=str(error))
    except FixError as error:
        raise build_prove_error(str(error), "name another fix") from None
    tests = [_resolve_nodeid(checkout, nodeid) for nodeid in nodeids]
    postmortem = checkout.registry.find(ids[0]) if ids and checkout.registry else None
    if ids and (len(ids) > 1 or tests):
        raise build_prove_error("one fix is given", "name one incident, or tests of it")
    if ids:
        id = postmortem.id if postmortem else ids[0]
        linked_tests = find_linked_tests(links, id)
        tests = list(linked_tests.tests)
        if not tests:
            raise build_prove_error(f"no test is linked to {id}", "name the tests themselves")
        files = tuple(dict.fromkeys(nodeid.partition("::")[0] for nodeid in tests))
        names = tuple((checkout.registry or Registry()).group_names().get(id, (id,)))
        return ProofSubject(id, ProofCase(id, lambda: fix, files, names, tuple(tests)), postmortem)
    if not tests:
        tests = _find_tests_changed_by_fix(checkout, fix)
    files = tuple(dict.fromkeys(nodeid.partition("::")[0] for nodeid in tests))
    return ProofSubject(name, ProofCase(name, lambda: fix, files, (), tuple(tests)))


def _read_given_fix(checkout: GitCheckout, request: ProveRequest) -> Fix:
    """Read the fix that the command line names.

    Raises: Unknown where it can't be read; SettingsError where it is not clear which it is.
    """
    if request.base:
        if request.fix:
            raise build_prove_error("both --fix and --base are given", "give one of the two")
        return fix.read_fix_from_branch(checkout.root, request.base)
    standalone_fixes = [
        fix_text
        for fix_text in request.fix
        if fix_text.endswith(PATCH_SUFFIXES) or fix_text == fix.WORKTREE
    ]
    if standalone_fixes and len(request.fix) > 1:
        raise build_prove_error(
            f"{standalone_fixes[0]} is not the only fix", "give it alone, or only commits"
        )
    if standalone_fixes and standalone_fixes[0] != fix.WORKTREE:
        return fix.read_fix_from_patch(
            checkout.root, standalone_fixes[0], [Path.cwd(), checkout.root]
        )
    return fix.read_fix_from_revisions(checkout.root, request.fix)


def _resolve_nodeid(checkout: GitCheckout, nodeid: str) -> str:
    """Return a node id as it is from the rootdir.

    Raises: SettingsError where the file is missing.
    """
    path, colons, names = nodeid.partition("::")
    file = next(
        (candidate for candidate in (Path(path), checkout.root / path) if candidate.is_file()), None
    )
    if file is None:
        raise build_prove_error(f"file {path!r} does not exist", "correct the path of the test")
    try:
        shown_path = os.path.relpath(file, checkout.root)
    except ValueError:  # another drive of Windows
        raise build_prove_error(
            f"{path!r} is not on the drive of {str(checkout.root)!r}", "name a test of this project"
        ) from None
    return shown_path.replace(os.sep, "/") + colons + names


def _find_tests_changed_by_fix(checkout: GitCheckout, fix: Fix) -> list[str]:
    """Return the tests whose own code a fix has added or changed, and its files of other tests.

    Raises: SettingsError where it has none.
    """
    nodeids = []
    for path in fix.paths:
        shown_path = checkout.suite.shown(path)
        if checkout.suite.is_suite_file(path, checkout.present):
            before, after = (
                (content or b"").decode(errors="replace") for content in fix.ends(path)
            )
            names = [test.name for test in checkout.tests(after.encode()) or ()]
            changed_tests = find_changed_tests(before, after, names)
            nodeids += [f"{shown_path}::{name}" for name in changed_tests]
        elif path in checkout.present and COLLECTED_DATA.search(path):
            nodeids.append(shown_path)
    if not nodeids:
        raise build_prove_error(
            "the fix changes no test", "name the tests, as tests/test_x.py::test_y, or an incident"
        )
    return nodeids


def build_prove_error(cause: str, remedy: str) -> SettingsError:
    """Return the error that it is not clear what to prove."""
    return SettingsError([Problem("setting", "Couldn't prove", cause, remedy)])
