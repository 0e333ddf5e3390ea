"""What is to be proved: the incidents and fixes of a command line → cases."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from pytest_postmortem.assess import exemption_ended, selected
from pytest_postmortem.commands.checkout import Checkout
from pytest_postmortem.digests import digest_of
from pytest_postmortem.errors import GitError, Problem, SettingsError
from pytest_postmortem.marked import Linked, linked
from pytest_postmortem.model import Postmortem, normalize_id
from pytest_postmortem.proofs import revision_of, short
from pytest_postmortem.prove import fixes, ways
from pytest_postmortem.prove.candidates import candidates, trailers
from pytest_postmortem.prove.fixes import Unknown, Unread
from pytest_postmortem.prove.ladder import Case
from pytest_postmortem.prove.plan import Fix
from pytest_postmortem.prove.sides import Effort
from pytest_postmortem.suggestions import SuggestionIndex

__all__ = ["Asked", "Subject", "subjects_of", "workspace_of", "wrong"]

PATCHES = (".patch", ".diff")

NOT_LINKED = "no linked test is found in the code; the registry may name one under 'tests'"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for."""

    what: tuple[str, ...] = ()
    fix: tuple[str, ...] = ()
    base: str | None = None
    source: tuple[str, ...] = ()
    jobs: int = 1
    effort: Effort = Effort()
    hunks: bool = False
    again: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """An incident to prove, or why it can't be; without a post-mortem it is only a fix."""

    id: str
    case: Case | None
    postmortem: Postmortem | None = None
    why: str = ""


def workspace_of(checkout: Checkout) -> ways.Workspace:
    """Return what lies here, by real paths."""
    top, root = (Path(os.path.realpath(each)) for each in (checkout.suite.top, checkout.root))
    present = checkout.present
    return ways.Workspace(top, root, present, lambda path: checkout.suite.holds(path, present))


def subjects_of(checkout: Checkout, here: ways.Workspace, asked: Asked) -> Iterator[Subject]:
    """Yield the incidents to prove."""
    nodeids = [each for each in asked.what if "::" in each or each.endswith(".py")]
    ids = [each for each in asked.what if each not in nodeids]
    links = linked(checkout.here(()), checkout.registry, checkout.policy)
    if asked.fix or asked.base:
        yield _by_hand(checkout, asked, nodeids, ids, links)
        return
    if nodeids:
        raise wrong(f"{nodeids[0]!r} is a test, and no fix is named", "name one with --fix=REV")
    if checkout.registry is None:
        raise wrong("there is no registry", "name a fix with --fix=REV, and the tests of it")
    told, unread = _trailers(checkout)
    for postmortem in _chosen(checkout, ids):
        names = (postmortem.id, *postmortem.aliases)
        revisions = _revisions(postmortem, told)
        if not (revisions or postmortem.patch):
            if unread:
                yield Subject(postmortem.id, None, postmortem, unread)
            elif ids:
                why = _without_fix(checkout, here, postmortem, links)
                yield Subject(postmortem.id, None, postmortem, why)
            continue
        own = links.get(postmortem.id.casefold(), Linked(postmortem.id))
        files = tuple(dict.fromkeys(nodeid.partition("::")[0] for nodeid in own.tests))
        if not files:
            yield Subject(postmortem.id, None, postmortem, NOT_LINKED)
            continue
        fix = _reader(checkout, revisions, postmortem)
        case = Case(postmortem.id, fix, files, names, postmortem.tests, tuple(own.tests))
        yield Subject(postmortem.id, case, postmortem)


def _trailers(checkout: Checkout) -> tuple[Mapping[str, tuple[str, ...]], str]:
    """Return the commits that say whose fix they are, or why that is not known."""
    try:
        return trailers(checkout.root), ""
    except GitError as error:
        return {}, f"no fix is named, and the log can't be read for one: {error.brief}"


def _chosen(checkout: Checkout, ids: Sequence[str]) -> Iterator[Postmortem]:
    """Yield the post-mortems that are asked for.

    Raises: SettingsError where one is not there.
    """
    own = [each for each in checkout.registry or () if selected(each, checkout.policy)]
    if not ids:
        policy = checkout.policy
        yield from (each for each in own if not each.exempt or exemption_ended(each, policy))
        return
    names = {name.casefold(): each for each in own for name in (each.id, *each.aliases)}
    found: set[str] = set()
    for id in map(normalize_id, ids):
        fits = [names[name].id for name in names if fnmatchcase(name, id.casefold())]
        if not fits:
            known = {name: each.id for name, each in names.items() if "/" not in name}
            near = SuggestionIndex(known).find(id)
            remedy = f"did you mean {near!r}?" if near else "correct the id"
            raise wrong(f"there is no post-mortem {id!r}", remedy)
        found.update(fits)
    yield from (each for each in own if each.id in found)


def _revisions(postmortem: Postmortem, told: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the commits and ranges that are the fix: those that the registry names, else those
    that say so themselves.
    """
    if postmortem.fix or postmortem.patch:
        return tuple(map(revision_of, postmortem.fix))
    names = (postmortem.id, *postmortem.aliases)
    return next((told[name.casefold()] for name in names if name.casefold() in told), ())


def _reader(
    checkout: Checkout, revisions: Sequence[str], postmortem: Postmortem | None = None
) -> Callable[[], Fix]:
    """Return what reads a fix when it is needed."""

    def read() -> Fix:
        if not revisions and postmortem is not None and postmortem.patch:
            entry = checkout.root / (postmortem.path or "")
            folders = (entry.parent, checkout.root, checkout.suite.top)
            return fixes.of_patch(checkout.root, postmortem.patch, folders)
        return fixes.of_revisions(checkout.root, revisions)

    return read


def _without_fix(
    checkout: Checkout, here: ways.Workspace, postmortem: Postmortem, links: Mapping[str, Linked]
) -> str:
    """Say that no fix is named, and which commit may be it."""
    own = links.get(postmortem.id.casefold(), Linked(postmortem.id))
    files = [here.within(nodeid.partition("::")[0]) for nodeid in own.tests]
    names = [nodeid.rpartition("::")[2] for nodeid in own.tests]

    def is_source(path: str) -> bool:
        return here.kind_of(path, files) == "source"

    try:
        found = candidates(
            checkout.root,
            (postmortem.id, *postmortem.aliases),
            zip(files, names, strict=True),
            is_source,
        )
    except GitError as error:
        return f"no fix is named, and none is offered: {error.brief}"
    offers = [
        f"'fix: {each.commit[:9]}' ({each.day}, {each.subject!r}: it {each.why})" for each in found
    ]
    return f"no fix is named; perhaps {'; or '.join(offers)}" if offers else "no fix is named"


def _by_hand(
    checkout: Checkout,
    asked: Asked,
    nodeids: Sequence[str],
    ids: Sequence[str],
    links: Mapping[str, Linked],
) -> Subject:
    """Return what is to be proved of a fix that the command line names."""
    name = f"since {asked.base}" if asked.base else ", ".join(map(short, asked.fix))
    try:
        fix = _given(checkout, asked)
    except Unread as error:
        return Subject(name, None, why=str(error))
    except Unknown as error:
        raise wrong(str(error), "name another fix") from None
    tests = [_from_root(checkout, nodeid) for nodeid in nodeids]
    postmortem = checkout.registry.find(ids[0]) if ids and checkout.registry else None
    if ids and (len(ids) > 1 or tests):
        raise wrong("one fix is given", "name one incident, or tests of it")
    if ids:
        id = postmortem.id if postmortem else ids[0]
        own = links.get(id.casefold(), Linked(id))
        tests = list(own.tests)
        if not tests:
            raise wrong(f"no test is linked to {id}", "name the tests themselves")
        files = tuple(dict.fromkeys(nodeid.partition("::")[0] for nodeid in tests))
        names = (id, *(postmortem.aliases if postmortem else ()))
        return Subject(id, Case(id, lambda: fix, files, names, tuple(tests)), postmortem)
    if not tests:
        tests = _of_fix(checkout, fix)
    files = tuple(dict.fromkeys(nodeid.partition("::")[0] for nodeid in tests))
    return Subject(name, Case(name, lambda: fix, files, (), tuple(tests)))


def _given(checkout: Checkout, asked: Asked) -> Fix:
    """Read the fix that the command line names.

    Raises: Unknown where it can't be read; SettingsError where it is not clear which it is.
    """
    if asked.base:
        if asked.fix:
            raise wrong("both --fix and --base are given", "give one of the two")
        return fixes.of_branch(checkout.root, asked.base)
    alone = [each for each in asked.fix if each.endswith(PATCHES) or each == fixes.WORKTREE]
    if alone and len(asked.fix) > 1:
        raise wrong(f"{alone[0]} is not the only fix", "give it alone, or only commits")
    if alone and alone[0] != fixes.WORKTREE:
        return fixes.of_patch(checkout.root, alone[0], [Path.cwd(), checkout.root])
    return fixes.of_revisions(checkout.root, asked.fix)


def _from_root(checkout: Checkout, nodeid: str) -> str:
    """Return a node id as it is from the rootdir.

    Raises: SettingsError where there is no such file.
    """
    path, colons, names = nodeid.partition("::")
    file = next((each for each in (Path(path), checkout.root / path) if each.is_file()), None)
    if file is None:
        raise wrong(f"there is no file {path!r}", "correct the path of the test")
    return os.path.relpath(file, checkout.root).replace(os.sep, "/") + colons + names


def _of_fix(checkout: Checkout, fix: Fix) -> list[str]:
    """Return the tests that a fix has brought or changed.

    Raises: SettingsError where it has none.
    """
    found = []
    for path in fix.paths:
        if checkout.suite.holds(path, checkout.present):
            before, after = ((each or b"").decode(errors="replace") for each in fix.ends(path))
            shown = checkout.suite.shown(path)
            found += [
                f"{shown}::{test.name}"
                for test in checkout.tests(after.encode()) or ()
                if digest_of(before, test.name) != digest_of(after, test.name)
            ]
    if not found:
        raise wrong(
            "the fix changes no test", "name the tests, as tests/test_x.py::test_y, or an incident"
        )
    return found


def wrong(cause: str, remedy: str) -> SettingsError:
    """Return the error that it is not clear what to prove."""
    return SettingsError([Problem("setting", "Couldn't prove", cause, remedy)])
