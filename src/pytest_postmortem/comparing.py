"""Two JSON reports, or two readings of the code → what a change gained and lost."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from types import MappingProxyType

from pytest_postmortem.assess import selected
from pytest_postmortem.changes import Change, Comparison, Kind, ordered, some
from pytest_postmortem.marked import Linked, Reading, UnreadLinks, find_unread_links, linked
from pytest_postmortem.model import Policy, Postmortem, Registry, Show, count_of, iso_date
from pytest_postmortem.reports.shown import reveal
from pytest_postmortem.results import Result, Run

__all__ = ["compare", "compare_code"]

NOT_KNOWN = ("not-run", "not-judged", "errored")
"""States that don't say whether a test would notice."""

WAIVED = ("declared", "exempt")
UNGUARDED = ("unguarded", "skipped", "known-broken")
MUTED = ("skipped", "known-broken")
GUARDED = ("guarded", "failing")
"""States in which a test runs that notices the problem."""

GONE = "its post-mortem is gone from the registry"
UNEXPLAINED = "now exempt, and nobody says why"


def compare(base: Run, head: Run) -> Comparison:
    """Compare two runs: what counts is whether a passing test guards an incident.

    An incident of which one of the runs can't tell is not compared, and said to be so.
    """
    found = _Found()
    index = {name.casefold(): each for each in head.incidents for name in (each.id, *each.aliases)}
    met: dict[str, Result] = {}
    for old in base.incidents:
        names = (index.get(name.casefold()) for name in (old.id, *old.aliases))
        new = next(filter(None, names), None)
        if new is None:
            found.vanished(old, head)
        else:
            met.setdefault(new.id, old)
            found.pair(old, new, head)
    for new in head.incidents:
        if new.id not in met:
            found.appeared(new)
    return found.comparison((*base.reasons, *head.reasons, *head.lacking))


class _Found:
    """Gathers what happened to each incident."""

    def __init__(self) -> None:
        self._changes: list[Change] = []
        self._open: list[str] = []
        self._unchanged = 0

    def comparison(self, reasons: Iterable[str]) -> Comparison:
        """Return all of it, what is worst first."""
        judged = bool(self._unchanged or self._changes) or not self._open
        why = "; ".join(dict.fromkeys(reasons)) or "they did not run in both"
        note = f"{count_of(len(self._open))} can't be compared: {some(self._open, ', ')} ({why})"
        notes = (note,) if self._open else ()
        return Comparison(ordered(self._changes), notes, judged, unchanged=self._unchanged)

    def vanished(self, old: Result, head: Run) -> None:
        """Take an incident that the registry no longer has, or that no link implies any more."""
        if head.lacking or (head.implied and head.reasons):
            self._open.append(old.id)
        elif head.implied:
            self._add(_loss(old), old, _gone(old, head))
        else:
            self._add("removed" if old.state in UNGUARDED else "lost", old, GONE)

    def appeared(self, new: Result) -> None:
        """Take an incident that the registry did not have before."""
        if new.state in NOT_KNOWN:
            self._open.append(new.id)
        elif new.state == "guarded":
            self._add("gained", new)
        elif new.state == "failing":
            self._add("failing", new)
        elif new.state not in WAIVED and new.required:
            self._add("new", new, _now(new) if new.state in MUTED else new.reason)

    def pair(self, old: Result, new: Result, head: Run) -> None:
        """Take an incident that both have."""
        before, after = old.state, new.state
        gone = after == "unguarded" and bool(old.tests)
        if after == "failing" and before != "failing":
            self._add("failing", new)
        elif after in WAIVED:
            if before not in WAIVED:
                self._add("retired", new, new.reason or f"now {after}")
        elif after in NOT_KNOWN or (before in NOT_KNOWN and not gone):
            self._open.append(new.id)
        elif gone:
            self._add(_loss(old), new, _gone(old, head))
        elif after in MUTED and before in GUARDED:
            self._add("lost", new, _now(new))
        elif after == "guarded" and before != "guarded":
            self._add("gained", new, "it failed before" if before == "failing" else None)
        elif after == "unguarded" and before == "declared":
            self._add("lost", new, "the registry names no other guard any more")
        elif after == "unguarded" and before == "exempt":
            self._add("new", new, new.reason or "it is no longer exempt")
        else:
            self._unchanged += 1

    def _add(self, kind: Kind, result: Result, reason: str | None = None) -> None:
        self._changes.append(Change(kind, result.id, result.title, result.url, reason))


def _loss(old: Result) -> Kind:
    """Return what it is that an incident has lost with its last test."""
    return "unlinked" if old.state in MUTED else "lost"


def _now(new: Result) -> str:
    """Return what has become of the tests of an incident that are still linked."""
    reason = new.reason or new.state
    told = reason.startswith(("skipped", "xfailed", new.state))
    return f"now {reason}" if told else f"now {new.state}: {reason}"


def _gone(old: Result, head: Run) -> str:
    """Return where the links of an incident have gone, as far as a report can tell."""
    return some(
        [
            f"{test} is deleted or has lost its marker"
            if test.path in head.files
            else f"{test} is deleted with its file"
            for test in old.tests
        ]
    )


def compare_code(
    base: Reading,
    head: Reading,
    registry: Registry | None = None,
    policy: Policy = Policy(),
    show: Show | None = None,
    earlier: Registry | None = None,
    unchanged_files: Collection[str] = (),
    unread_folders: Mapping[str, str] = MappingProxyType({}),
) -> Comparison:
    """Compare two states of the code: what counts is whether a linked test could fail.

    ``registry`` is that of the newer state, ``earlier`` that of the older, where it is known. An
    exemption that has ended is none. What ``unchanged_files``, which import nothing that
    changed, may link without saying so was there before, and explains no loss. Any other file
    that can't be read makes the comparison incomplete, so that it is not judged.
    ``unread_folders`` are the submodules of which nothing is known, each with what to do: in
    those whose paths are not among ``unchanged_files`` a test may have come or gone.
    """
    moved = {path: why for path, why in unread_folders.items() if path not in unchanged_files}
    before = linked(_certain_where_gone(base, head), registry, policy, earlier)
    after = linked(head, registry, policy)
    unclear = _Unclear(
        find_unread_links(base, earlier or registry), find_unread_links(head, registry), registry
    )
    changes: list[Change] = []
    unread: list[str] = []
    unchanged = 0
    for key, old in before.items():
        new = after.get(key, Linked(old.id))
        if new.held or (new.tests and not old.held):
            unchanged += 1
            continue
        postmortem = registry.find(old.id) if registry else None
        waiver = _waiver(postmortem, policy.today)
        if waiver is not None:
            changes.append(_change("retired", old.id, postmortem, show, waiver))
        elif not all(_readable(nodeid, head, moved) for nodeid in old.tests):
            unread.append(old.id)
        elif old.held and unclear.note(old.id, unclear.head.without(unchanged_files)):
            continue
        elif not (_complete(registry) and postmortem is None and _corrected(old, before, after)):
            reason = _reason(old, new, head)
            kind: Kind = "lost" if old.held else "unlinked"
            changes.append(_change(kind, old.id, postmortem, show, reason))
    for key, new in after.items():
        postmortem = registry.find(new.id) if registry else None
        gained = new.held and not (key in before and before[key].held)
        gained = gained and all(_readable(nodeid, base, moved) for nodeid in new.tests)
        if gained and unclear.may_link(new.id, unclear.base):
            unchanged += 1
        elif gained and moved:
            unclear.note_folder(new.id, moved)
        elif gained and (postmortem or not _complete(registry)):
            changes.append(_change("gained", new.id, postmortem, show))
    if registry is not None and earlier is not None:
        known = {change.id.casefold() for change in changes}
        changes += _vanished(earlier, registry, before, known, policy, show)
        for each in _appeared(earlier, registry, after, policy, show):
            if unread_folders:
                unclear.note_folder(each.id, unread_folders)
            elif not unclear.note(each.id, unclear.head):
                changes.append(each)
    for postmortem in registry or ():
        own = after.get(postmortem.id.casefold(), Linked(postmortem.id))
        waived = _waiver(postmortem, policy.today) is not None
        lost = postmortem.id in {change.id for change in changes}
        if selected(postmortem, policy) and not (own.held or waived or lost):
            unclear.note(postmortem.id, unclear.base)
            unclear.note(postmortem.id, unclear.head)
    notes = (*_unread(base, head, unread), *unclear.notes())
    judged = {*_unreadable(base), *_unreadable(head)}.issubset(unchanged_files)
    judged = judged and not (moved or unclear.lacks_folder)
    found = ordered(_in_order(changes, registry))
    return Comparison(found, notes, judged, by_code=True, unchanged=unchanged)


def _certain_where_gone(base: Reading, head: Reading) -> Reading:
    """Return the older state, in which a test under ``tests:`` counts if its file is gone now: it
    was taken for a test where only a run shows that, and is none for certain.
    """
    return {
        path: tests
        if tests is None or path in head
        else tuple(replace(test, sure=True) for test in tests)
        for path, tests in base.items()
    }


class _Unclear:
    """Gathers the incidents of which only a run shows whether they have a test."""

    def __init__(self, base: UnreadLinks, head: UnreadLinks, registry: Registry | None) -> None:
        self.base = base
        self.head = head
        self._registry = registry
        self._reasons: dict[str, str] = {}
        self.lacks_folder = False

    def may_link(self, id: str, state: UnreadLinks) -> str | None:
        """Return why a state of the code may link an incident to a test, None where it can't."""
        known = self._registry.find(id) if self._registry else None
        return state.reason((known.id, *known.aliases) if known else (id,))

    def note(self, id: str, state: UnreadLinks) -> bool:
        """Note an incident that can't be compared, and say whether it is one."""
        reason = self.may_link(id, state)
        if reason:
            self._reasons.setdefault(id, reason)
        return reason is not None

    def note_folder(self, id: str, folders: Mapping[str, str]) -> None:
        """Note an incident whose tests may lie in a folder that is not read."""
        self._reasons.setdefault(id, next(iter(folders.values())))
        self.lacks_folder = True

    def notes(self) -> Iterator[str]:
        """Yield a line for those that can't be compared."""
        if self._reasons:
            ids, reasons = (
                some([*self._reasons], ", "),
                some([*dict.fromkeys(self._reasons.values())]),
            )
            yield f"{count_of(len(self._reasons))} can't be compared: {ids} ({reasons})"


def _vanished(
    earlier: Registry,
    registry: Registry,
    before: Mapping[str, Linked],
    known: Collection[str],
    policy: Policy,
    show: Show | None,
) -> Iterator[Change]:
    """Yield the incidents that the registry has no more, not even as an alias."""
    for postmortem in earlier if _complete(registry) else ():
        names = (postmortem.id, *postmortem.aliases)
        if (
            selected(postmortem, policy)
            and not any(map(registry.find, names))
            and postmortem.id.casefold() not in known
        ):
            linked_before = before.get(postmortem.id.casefold())
            held = linked_before is not None and linked_before.held
            guarded = held or _waiver(postmortem, policy.today) is not None
            yield _change("lost" if guarded else "removed", postmortem.id, postmortem, show, GONE)


def _appeared(
    earlier: Registry,
    registry: Registry,
    after: Mapping[str, Linked],
    policy: Policy,
    show: Show | None,
) -> Iterator[Change]:
    """Yield the incidents that are new in the registry, and have no test that could fail."""
    for postmortem in registry if _complete(earlier) else ():
        names = (postmortem.id, *postmortem.aliases)
        own = after.get(postmortem.id.casefold(), Linked(postmortem.id))
        day = postmortem.day
        if (
            selected(postmortem, policy)
            and not (own.held or any(map(earlier.find, names)))
            and _waiver(postmortem, policy.today) is None
            and not (day and policy.since and day < policy.since)
        ):
            muted = [f"{nodeid} is {why}" for nodeid, why in own.tests.items()]
            yield _change("new", postmortem.id, postmortem, show, some(muted) or None)


def _readable(nodeid: str, reading: Reading, unread_folders: Collection[str]) -> bool:
    """Say whether the file of a test could be read, or is not there."""
    path = nodeid.partition("::")[0]
    known = not any(path.startswith(f"{folder}/") for folder in unread_folders)
    return known and reading.get(path, ()) is not None


def _change(
    kind: Kind, id: str, postmortem: Postmortem | None, show: Show | None, reason: str | None = None
) -> Change:
    if postmortem is None:
        return Change(kind, id, id, None, reason)
    shown = reveal(postmortem, show)
    private = kind == "retired" and (show or postmortem.show) != "all"
    reason = "the registry says so" if private else reason
    return Change(kind, shown.id, shown.title, shown.url, reason)


def _complete(registry: Registry | None) -> bool:
    """Say whether an id that the registry lacks is known to be none."""
    return registry is not None and not registry.partial and not registry.unreachable


def _waiver(postmortem: Postmortem | None, today: date | None) -> str | None:
    """Return why the registry says that no test is needed, None where it does not."""
    if postmortem is None:
        return None
    if postmortem.guarded_by:
        return f"guarded by {', '.join(guard.type for guard in postmortem.guarded_by)}"
    end = iso_date(postmortem.until)
    over = end is not None and today is not None and end < today
    return (postmortem.reason or UNEXPLAINED) if postmortem.exempt and not over else None


def _corrected(old: Linked, before: Mapping[str, Linked], after: Mapping[str, Linked]) -> bool:
    """Say whether an id that is no incident's was only written wrong: its tests are linked to
    another incident now, and were not before.
    """
    return all(
        any(
            nodeid in new.tests and not (key in before and nodeid in before[key].tests)
            for key, new in after.items()
        )
        for nodeid in old.tests
    )


def _reason(old: Linked, new: Linked, head: Reading) -> str:
    """Return what has become of each test that was linked."""
    if new.tests:
        return some([f"{nodeid} is now {muted}" for nodeid, muted in new.tests.items()])
    texts = []
    for nodeid in old.tests:
        path, _, name = nodeid.partition("::")
        if path not in head:
            texts.append(f"{nodeid} is deleted with its file")
        elif any(test.name == name for test in head[path] or ()):
            texts.append(f"{nodeid} has lost its marker")
        else:
            texts.append(f"{nodeid} is deleted")
    return some(texts)


def _in_order(changes: Iterable[Change], registry: Registry | None) -> Iterable[Change]:
    """Return changes in the order of the registry, what it lacks at the end."""
    places = {each.id: place for place, each in enumerate(registry or ())}
    return sorted(changes, key=lambda change: (places.get(change.id, len(places)), change.id))


def _unreadable(reading: Reading) -> Iterator[str]:
    """Yield the files that can't be read."""
    return (path for path, tests in reading.items() if tests is None)


def _unread(base: Reading, head: Reading, ids: Sequence[str]) -> Iterator[str]:
    paths = sorted({*_unreadable(base), *_unreadable(head)})
    if paths:
        yield f"{count_of(len(paths), 'file')} can't be read as Python: {some(paths, ', ')}"
    if ids:
        yield f"{count_of(len(ids))} can't be compared: {some(ids, ', ')}"
