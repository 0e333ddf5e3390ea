"""Compare two JSON reports, or two states of the code, by their guards."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from types import MappingProxyType
from typing import Literal, get_args

from pytest_postmortem.evaluation.evaluate import is_incident_selected
from pytest_postmortem.model import (
    Policy,
    Postmortem,
    Registry,
    ShowLevel,
    format_count,
    parse_iso_date,
)
from pytest_postmortem.pysource.marker_index import (
    LinkedIncident,
    SourceTestsByFile,
    UnreadLinks,
    contains_any_name,
    find_linked_incidents,
    find_unread_links,
)
from pytest_postmortem.reports.data.restored_incidents import ReportedIncident, ReportedRun
from pytest_postmortem.reports.markdown import escape_markdown, format_markdown_link
from pytest_postmortem.reports.redaction import redact_postmortem
from pytest_postmortem.text import join_some_texts, sanitize_line

COMPARISON_FORMAT = 1

ChangeKind = Literal["lost", "unlinked", "removed", "failing", "new", "gained", "retired"]
"""``unlinked`` and ``removed`` are incidents that nothing guarded before either."""


CHANGE_WORDS: Mapping[ChangeKind, str] = {
    "lost": "no longer guarded",
    "unlinked": "no longer linked to a test",
    "removed": "no longer in the registry",
    "failing": "now failing",
    "new": "new without a test",
    "gained": "newly guarded",
    "retired": "retired on purpose",
}


LINKED_CHANGE_WORDS: Mapping[ChangeKind, str] = {**CHANGE_WORDS, "gained": "newly linked to a test"}
"""The code alone does not show whether a test passes."""


NO_CHANGE_TEXT = "Nothing was gained, nothing lost"


MAX_LISTED_CHANGES = 50
"""Incidents of a kind that Markdown lists; hosts refuse a comment that is too long."""


"""Reasons and ids that are listed before the others are only counted."""


@dataclass(frozen=True, slots=True)
class UninterpretedFile:
    """A changed file of the newer state of which the code reader knows the text and no meaning.

    ``importers`` are the files that import it, where it is Python that can't be parsed.
    """

    path: str
    text: str
    is_python: bool = False
    importers: frozenset[str] = frozenset()

    def may_link(self, names: Collection[str], test_files: Collection[str]) -> bool:
        """Return whether it names an incident, or may have given a mark to one of its tests."""
        return not self.importers.isdisjoint(test_files) or contains_any_name(self.text, names)


@dataclass(frozen=True, slots=True)
class IncidentChange:
    """What happened to one incident, and why; title and link as far as they may be shown."""

    kind: ChangeKind
    id: str
    title: str = ""
    url: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a change gained and lost.

    ``notes`` are lines on incidents that can't be compared; ``judged`` is False if none can.
    ``by_code`` says that no test ran, so that a link is all that is known. ``unchanged`` counts the
    incidents that are as they were, but for those that needed no test and need none.
    """

    changes: tuple[IncidentChange, ...] = ()
    notes: tuple[str, ...] = ()
    judged: bool = True
    by_code: bool = False
    unchanged: int = 0

    @property
    def lost(self) -> bool:
        """Whether a lesson was lost."""
        return any(change.kind in ("lost", "unlinked", "removed") for change in self.changes)


def sort_changes(changes: Iterable[IncidentChange]) -> tuple[IncidentChange, ...]:
    """Return changes with the most severe kind first."""
    return tuple(sorted(changes, key=lambda change: get_args(ChangeKind).index(change.kind)))


def render_comparison_json(comparison: Comparison) -> str:
    """Return a comparison as JSON."""
    document = {"format": COMPARISON_FORMAT, **asdict(comparison)}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def render_comparison_text(comparison: Comparison) -> str:
    """Return a comparison for a terminal, one or two lines an incident, the sum at the end."""
    lines = []
    for words, changes in _group_changes_by_kind(comparison):
        lines.append(f"{words.capitalize()}:")
        for change in changes:
            title = "" if change.title in ("", change.id) else f"  {change.title}"
            lines.append(f"  {change.id}{title}")
            indent = " " * (len(change.id) + 4)
            lines += [f"{indent}{part}" for part in (change.reason, change.url) if part]
    lines += [*comparison.notes, _format_change_totals(comparison)]
    return "".join(f"{sanitize_line(line)}\n" for line in lines)


def render_comparison_markdown(comparison: Comparison) -> str:
    """Return a comparison for a pull request, an empty text where nothing has changed."""
    if not comparison.changes:
        return ""
    lines = [f"### Incident coverage: {_format_change_totals(comparison)}"]
    for words, changes in _group_changes_by_kind(comparison):
        lines += ["", f"**{words.capitalize()}**", ""]
        lines += [_format_change_item(change) for change in changes[:MAX_LISTED_CHANGES]]
        if len(changes) > MAX_LISTED_CHANGES:
            lines.append(f"- and {len(changes) - MAX_LISTED_CHANGES} more")
    lines += [part for note in comparison.notes for part in ("", escape_markdown(note))]
    return "\n".join(lines) + "\n"


def _format_change_item(change: IncidentChange) -> str:
    title = "" if change.title in ("", change.id) else f" {escape_markdown(change.title)}"
    reason = f" – {escape_markdown(change.reason)}" if change.reason else ""
    return f"- {format_markdown_link(change.id, change.url)}{title}{reason}"


def _group_changes_by_kind(comparison: Comparison) -> Iterator[tuple[str, list[IncidentChange]]]:
    """Yield what happened, in words, each with the incidents to which it did."""
    for kind, words in (LINKED_CHANGE_WORDS if comparison.by_code else CHANGE_WORDS).items():
        changes = [change for change in comparison.changes if change.kind == kind]
        if changes:
            yield words, changes


def _format_change_totals(comparison: Comparison) -> str:
    counts = [f"{len(changes)} {words}" for words, changes in _group_changes_by_kind(comparison)]
    if counts:
        return ", ".join(counts)
    if comparison.judged or comparison.unchanged:
        return f"{NO_CHANGE_TEXT}{_format_comparison_limits(comparison)}"
    return "Nothing could be compared"


def _format_comparison_limits(comparison: Comparison) -> str:
    """Say of what nothing was lost, where something can't be compared."""
    if not comparison.notes:
        return ""
    if comparison.by_code:
        return " in what could be read"
    return f" among the {comparison.unchanged} that could be compared"


UNKNOWN_STATES = ("not-run", "not-judged", "errored")
"""States that don't say whether a test would notice."""

WAIVED_STATES = ("declared", "exempt")
UNGUARDED_STATES = ("unguarded", "skipped", "known-broken")
MUTED_STATES = ("skipped", "known-broken")
GUARDED_STATES = ("guarded", "failing")
"""States in which a test runs that notices the problem."""

GONE_REASON = "its post-mortem is gone from the registry"
UNEXPLAINED_REASON = "now exempt without a reason"


def compare_reports(base: ReportedRun, head: ReportedRun) -> Comparison:
    """Compare two runs: what counts is whether a passing test guards an incident.

    An incident that one of the runs does not judge is not compared, which a note reports.
    """
    collector = _ChangeCollector()
    index = {
        name.casefold(): incident
        for incident in head.incidents
        for name in (incident.id, *incident.aliases)
    }
    met: dict[str, ReportedIncident] = {}
    for old in base.incidents:
        names = (index.get(name.casefold()) for name in (old.id, *old.aliases))
        new = next(filter(None, names), None)
        if new is None:
            collector.add_vanished(old, head)
        else:
            met.setdefault(new.id, old)
            collector.pair(old, new, head)
    for new in head.incidents:
        if new.id not in met:
            collector.add_appeared(new)
    return collector.build_comparison((*base.reasons, *head.reasons, *head.lacking))


class _ChangeCollector:
    """Gathers what happened to each incident."""

    def __init__(self) -> None:
        self._changes: list[IncidentChange] = []
        self._open: list[str] = []
        self._unchanged = 0

    def build_comparison(self, reasons: Iterable[str]) -> Comparison:
        """Return the comparison, the most severe change first."""
        judged = bool(self._unchanged or self._changes) or not self._open
        why = "; ".join(dict.fromkeys(reasons)) or "they did not run in both"
        note = (
            f"{format_count(len(self._open))} can't be compared:"
            f" {join_some_texts(self._open, ', ')} ({why})"
        )
        notes = (note,) if self._open else ()
        return Comparison(sort_changes(self._changes), notes, judged, unchanged=self._unchanged)

    def add_vanished(self, old: ReportedIncident, head: ReportedRun) -> None:
        """Take an incident that the registry no longer has, or that no link implies any more."""
        if head.lacking or (head.implied and head.reasons):
            self._open.append(old.id)
        elif head.implied:
            self._add(_classify_loss(old), old, _describe_lost_links(old, head))
        else:
            self._add("removed" if old.state in UNGUARDED_STATES else "lost", old, GONE_REASON)

    def add_appeared(self, new: ReportedIncident) -> None:
        """Take an incident that the registry did not have before."""
        if new.state in UNKNOWN_STATES:
            self._open.append(new.id)
        elif new.state == "guarded":
            self._add("gained", new)
        elif new.state == "failing":
            self._add("failing", new)
        elif new.state not in WAIVED_STATES and new.required:
            self._add(
                "new",
                new,
                _describe_current_tests(new) if new.state in MUTED_STATES else new.reason,
            )

    def pair(self, old: ReportedIncident, new: ReportedIncident, head: ReportedRun) -> None:
        """Take an incident that both have."""
        before, after = old.state, new.state
        has_lost_tests = after == "unguarded" and bool(old.tests)
        if after == "failing" and before != "failing":
            self._add("failing", new)
        elif after in WAIVED_STATES:
            if before not in WAIVED_STATES:
                self._add("retired", new, new.reason or f"now {after}")
        elif after in UNKNOWN_STATES or (before in UNKNOWN_STATES and not has_lost_tests):
            self._open.append(new.id)
        elif has_lost_tests:
            self._add(_classify_loss(old), new, _describe_lost_links(old, head))
        elif after in MUTED_STATES and before in GUARDED_STATES:
            self._add("lost", new, _describe_current_tests(new))
        elif after == "guarded" and before != "guarded":
            self._add("gained", new, "it failed before" if before == "failing" else None)
        elif after == "unguarded" and before == "declared":
            self._add("lost", new, "the registry names no other guard any more")
        elif after == "unguarded" and before == "exempt":
            self._add("new", new, new.reason or "no longer exempt")
        else:
            self._unchanged += 1

    def _add(self, kind: ChangeKind, result: ReportedIncident, reason: str | None = None) -> None:
        self._changes.append(IncidentChange(kind, result.id, result.title, result.url, reason))


def _classify_loss(old: ReportedIncident) -> ChangeKind:
    """Return the kind of change of an incident that has lost its last test."""
    return "unlinked" if old.state in MUTED_STATES else "lost"


def _describe_current_tests(new: ReportedIncident) -> str:
    """Return the state of the tests of an incident that are still linked."""
    reason = new.reason or new.state
    has_state = reason.startswith(("skipped", "xfailed", new.state))
    return f"now {reason}" if has_state else f"now {new.state}: {reason}"


def _describe_lost_links(old: ReportedIncident, head: ReportedRun) -> str:
    """Return where the links of an incident have moved, as far as a report shows it."""
    return join_some_texts(
        [
            f"{test} is deleted or has lost its marker"
            if test.path in head.files
            else f"{test} is deleted with its file"
            for test in old.tests
        ]
    )


def compare_code(
    base: SourceTestsByFile,
    head: SourceTestsByFile,
    registry: Registry | None = None,
    policy: Policy = Policy(),
    show: ShowLevel | None = None,
    earlier: Registry | None = None,
    unchanged_files: Collection[str] = (),
    unread_folders: Mapping[str, str] = MappingProxyType({}),
    uninterpreted: Sequence[UninterpretedFile] = (),
) -> Comparison:
    """Compare two states of the code: what counts is whether a linked test could fail.

    ``registry`` is that of the newer state, ``earlier`` that of the older, where it is known. An
    exemption that has ended is none. What ``unchanged_files``, which import nothing that
    changed, may link without saying so was there before, and explains no loss. Any other file
    that can't be read makes the comparison incomplete, so that it is not judged.
    ``unread_folders`` are the submodules of which nothing is known, each with what to do: in
    those whose paths are not among ``unchanged_files`` a test may have come or gone. Where one of
    the ``uninterpreted`` files may link an incident now, its loss is unknown.
    """
    comparison = _CodeComparison(
        base, head, registry, policy, show, earlier, unchanged_files, unread_folders, uninterpreted
    )
    comparison.compare_older_links()
    comparison.compare_newer_links()
    comparison.compare_registries()
    comparison.note_unlinked_incidents()
    return comparison.build()


class _CodeComparison:
    """Collects the changes between two states of the code; for the arguments see `compare_code`."""

    def __init__(
        self,
        base: SourceTestsByFile,
        head: SourceTestsByFile,
        registry: Registry | None,
        policy: Policy,
        show: ShowLevel | None,
        earlier: Registry | None,
        unchanged_files: Collection[str],
        unread_folders: Mapping[str, str],
        uninterpreted: Sequence[UninterpretedFile],
    ) -> None:
        self._base, self._head = base, head
        self._registry, self._earlier = registry, earlier
        self._policy, self._show = policy, show
        self._unchanged_files = unchanged_files
        self._unread_folders = unread_folders
        self._uninterpreted = uninterpreted
        self._moved = {
            path: remedy for path, remedy in unread_folders.items() if path not in unchanged_files
        }
        older = _certain_where_gone(base, head)
        self._before = find_linked_incidents(older, registry, policy, earlier)
        self._after = find_linked_incidents(head, registry, policy)
        self._unclear = _UnclearIncidents(
            find_unread_links(base, earlier or registry),
            find_unread_links(head, registry),
            registry,
        )
        self._changes: list[IncidentChange] = []
        self._unread: list[str] = []
        self._unparsed: dict[str, None] = {}
        self._unchanged = 0

    def compare_older_links(self) -> None:
        """Add what became of each incident that a test was linked to."""
        for key, old in self._before.items():
            new = self._after.get(key, LinkedIncident(old.id))
            if new.has_active_test or (new.tests and not old.has_active_test):
                self._unchanged += 1
            else:
                self._add_loss(old, new)

    def _add_loss(self, old: LinkedIncident, new: LinkedIncident) -> None:
        """Add an incident whose tests are gone or inactive, unless that is explained or unknown."""
        registry, show = self._registry, self._show
        postmortem = registry.find(old.id) if registry else None
        waiver = _find_waiver(postmortem, self._policy.today)
        explained = self._unclear.head.without(self._unchanged_files)
        if waiver is not None:
            self._changes.append(
                _build_incident_change("retired", old.id, postmortem, show, waiver)
            )
        elif not all(
            _is_test_file_readable(nodeid, self._head, self._moved) for nodeid in old.tests
        ):
            self._unread.append(old.id)
        elif (old.has_active_test and self._unclear.note(old.id, explained)) or (
            self._note_uninterpreted(old, postmortem)
        ):
            return
        elif not (
            _is_registry_complete(registry)
            and postmortem is None
            and _is_id_corrected(old, self._before, self._after)
        ):
            reason = _describe_lost_tests(old, new, self._head)
            kind: ChangeKind = "lost" if old.has_active_test else "unlinked"
            self._changes.append(_build_incident_change(kind, old.id, postmortem, show, reason))

    def _note_uninterpreted(self, old: LinkedIncident, postmortem: Postmortem | None) -> bool:
        """Note an incident that a changed file may link now, and say whether there is one.

        A file that is not Python links nothing by itself: code that only a run explains must be
        there to read it.
        """
        names = {old.id, *((postmortem.id, *postmortem.aliases) if postmortem else ())}
        test_files = {nodeid.partition("::")[0] for nodeid in old.tests}
        for file in self._uninterpreted:
            if file.is_python and file.may_link(names, test_files):
                self._unparsed[file.path] = None
                self._unread.append(old.id)
                return True
            if self._unclear.head.places and file.may_link(names, test_files):
                reason = f"only a run shows whether code reads its id from {file.path}"
                self._unclear.note_reason(old.id, reason)
                return True
        return False

    def compare_newer_links(self) -> None:
        """Add each incident that has an active test now, and had none."""
        for key, new in self._after.items():
            had_test = key in self._before and self._before[key].has_active_test
            if not new.has_active_test or had_test:
                continue
            if not all(
                _is_test_file_readable(nodeid, self._base, self._moved) for nodeid in new.tests
            ):
                continue
            postmortem = self._registry.find(new.id) if self._registry else None
            if self._unclear.may_link(new.id, self._unclear.base):
                self._unchanged += 1
            elif self._moved:
                self._unclear.note_folder(new.id, self._moved)
            elif postmortem or not _is_registry_complete(self._registry):
                self._changes.append(
                    _build_incident_change("gained", new.id, postmortem, self._show)
                )

    def compare_registries(self) -> None:
        """Add the incidents that left the registry, and those that came without a test."""
        registry, earlier = self._registry, self._earlier
        if registry is None or earlier is None:
            return
        policy, show = self._policy, self._show
        changed_ids = {change.id.casefold() for change in self._changes}
        self._changes += _find_vanished_incidents(
            earlier, registry, self._before, changed_ids, policy, show
        )
        for change in _find_appeared_incidents(earlier, registry, self._after, policy, show):
            if self._unread_folders:
                self._unclear.note_folder(change.id, self._unread_folders)
            elif not self._unclear.note(change.id, self._unclear.head):
                self._changes.append(change)

    def note_unlinked_incidents(self) -> None:
        """Note the incidents without an active test that only a run may show to be linked."""
        lost = {change.id for change in self._changes}
        for postmortem in self._registry or ():
            incident = self._after.get(postmortem.id.casefold(), LinkedIncident(postmortem.id))
            waived = _find_waiver(postmortem, self._policy.today) is not None
            covered = incident.has_active_test or waived or postmortem.id in lost
            if is_incident_selected(postmortem, self._policy) and not covered:
                self._unclear.note(postmortem.id, self._unclear.base)
                self._unclear.note(postmortem.id, self._unclear.head)

    def build(self) -> Comparison:
        """Return all changes, with what could not be compared."""
        unreadable = {*_unreadable(self._base), *_unreadable(self._head), *self._unparsed}
        complete = unreadable.issubset(self._unchanged_files)
        judged = complete and not (self._moved or self._unclear.lacks_folder)
        return Comparison(
            sort_changes(_sort_by_registry(self._changes, self._registry)),
            (
                *_describe_unread_files(unreadable, self._unread),
                *self._unclear.notes(),
            ),
            judged,
            by_code=True,
            unchanged=self._unchanged,
        )


def _certain_where_gone(base: SourceTestsByFile, head: SourceTestsByFile) -> SourceTestsByFile:
    """Return the older state, in which a test under ``tests:`` counts if its file is gone now: it
    was taken for a test where only a run shows that, and is none for certain.
    """
    return {
        path: tests
        if tests is None or path in head
        else tuple(replace(test, sure=True) for test in tests)
        for path, tests in base.items()
    }


class _UnclearIncidents:
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
        return state.reason(known.names if known else (id,))

    def note(self, id: str, state: UnreadLinks) -> bool:
        """Note an incident that can't be compared, and say whether it is one."""
        reason = self.may_link(id, state)
        if reason:
            self._reasons.setdefault(id, reason)
        return reason is not None

    def note_reason(self, id: str, reason: str) -> None:
        """Note why an incident can't be compared."""
        self._reasons.setdefault(id, reason)

    def note_folder(self, id: str, folders: Mapping[str, str]) -> None:
        """Note an incident whose tests may be in a folder that is not read."""
        self._reasons.setdefault(id, next(iter(folders.values())))
        self.lacks_folder = True

    def notes(self) -> Iterator[str]:
        """Yield a line for those that can't be compared."""
        if self._reasons:
            ids, reasons = (
                join_some_texts([*self._reasons], ", "),
                join_some_texts([*dict.fromkeys(self._reasons.values())]),
            )
            yield f"{format_count(len(self._reasons))} can't be compared: {ids} ({reasons})"


def _find_vanished_incidents(
    earlier: Registry,
    registry: Registry,
    before: Mapping[str, LinkedIncident],
    known: Collection[str],
    policy: Policy,
    show: ShowLevel | None,
) -> Iterator[IncidentChange]:
    """Yield the incidents that the registry has no more, not even as an alias."""
    for postmortem in earlier if _is_registry_complete(registry) else ():
        names = (postmortem.id, *postmortem.aliases)
        if (
            is_incident_selected(postmortem, policy)
            and not any(map(registry.find, names))
            and postmortem.id.casefold() not in known
        ):
            linked_before = before.get(postmortem.id.casefold())
            had_active_test = linked_before is not None and linked_before.has_active_test
            guarded = had_active_test or _find_waiver(postmortem, policy.today) is not None
            yield _build_incident_change(
                "lost" if guarded else "removed", postmortem.id, postmortem, show, GONE_REASON
            )


def _find_appeared_incidents(
    earlier: Registry,
    registry: Registry,
    after: Mapping[str, LinkedIncident],
    policy: Policy,
    show: ShowLevel | None,
) -> Iterator[IncidentChange]:
    """Yield the incidents that are new in the registry, and have no test that could fail."""
    for postmortem in registry if _is_registry_complete(earlier) else ():
        names = (postmortem.id, *postmortem.aliases)
        linked_incident = after.get(postmortem.id.casefold(), LinkedIncident(postmortem.id))
        day = postmortem.day
        if (
            is_incident_selected(postmortem, policy)
            and not (linked_incident.has_active_test or any(map(earlier.find, names)))
            and _find_waiver(postmortem, policy.today) is None
            and not (day and policy.since and day < policy.since)
        ):
            muted = [f"{nodeid} is {why}" for nodeid, why in linked_incident.tests.items()]
            yield _build_incident_change(
                "new", postmortem.id, postmortem, show, join_some_texts(muted) or None
            )


def _is_test_file_readable(
    nodeid: str, reading: SourceTestsByFile, unread_folders: Collection[str]
) -> bool:
    """Say whether the file of a test could be read, or is not there."""
    path = nodeid.partition("::")[0]
    known = not any(path.startswith(f"{folder}/") for folder in unread_folders)
    return known and reading.get(path, ()) is not None


def _build_incident_change(
    kind: ChangeKind,
    id: str,
    postmortem: Postmortem | None,
    show: ShowLevel | None,
    reason: str | None = None,
) -> IncidentChange:
    if postmortem is None:
        return IncidentChange(kind, id, id, None, reason)
    shown = redact_postmortem(postmortem, show)
    private = kind == "retired" and (show or postmortem.show) != "all"
    reason = "the registry says so" if private else reason
    return IncidentChange(kind, shown.id, shown.title, shown.url, reason)


def _is_registry_complete(registry: Registry | None) -> bool:
    """Say whether an id that the registry lacks is known to be none."""
    return registry is not None and not registry.partial and not registry.unreachable


def _find_waiver(postmortem: Postmortem | None, today: date | None) -> str | None:
    """Return why the registry says that no test is needed, None where it does not."""
    if postmortem is None:
        return None
    if postmortem.guarded_by:
        return f"guarded by {', '.join(guard.type for guard in postmortem.guarded_by)}"
    end = parse_iso_date(postmortem.until)
    over = end is not None and today is not None and end < today
    return (postmortem.reason or UNEXPLAINED_REASON) if postmortem.exempt and not over else None


def _is_id_corrected(
    old: LinkedIncident, before: Mapping[str, LinkedIncident], after: Mapping[str, LinkedIncident]
) -> bool:
    """Say whether an unknown id was only a typing error: its tests are linked to
    another incident now, and were not before.
    """
    return all(
        any(
            nodeid in new.tests and not (key in before and nodeid in before[key].tests)
            for key, new in after.items()
        )
        for nodeid in old.tests
    )


def _describe_lost_tests(old: LinkedIncident, new: LinkedIncident, head: SourceTestsByFile) -> str:
    """Return the new state of each test that was linked."""
    if new.tests:
        return join_some_texts([f"{nodeid} is now {muted}" for nodeid, muted in new.tests.items()])
    texts = []
    for nodeid in old.tests:
        path, _, name = nodeid.partition("::")
        if path not in head:
            texts.append(f"{nodeid} is deleted with its file")
        elif any(test.name == name for test in head[path] or ()):
            texts.append(f"{nodeid} has lost its marker")
        else:
            texts.append(f"{nodeid} is deleted")
    return join_some_texts(texts)


def _sort_by_registry(
    changes: Iterable[IncidentChange], registry: Registry | None
) -> Iterable[IncidentChange]:
    """Return changes in registry order, unknown ids last."""
    places = {each.id: place for place, each in enumerate(registry or ())}
    return sorted(changes, key=lambda change: (places.get(change.id, len(places)), change.id))


def _unreadable(reading: SourceTestsByFile) -> Iterator[str]:
    """Yield the files that can't be read."""
    return (path for path, tests in reading.items() if tests is None)


def _describe_unread_files(unreadable: Collection[str], ids: Sequence[str]) -> Iterator[str]:
    paths = sorted(unreadable)
    if paths:
        yield (
            f"{format_count(len(paths), 'file')} can't be read as Python:"
            f" {join_some_texts(paths, ', ')}"
        )
    if ids:
        yield f"{format_count(len(ids))} can't be compared: {join_some_texts(ids, ', ')}"
