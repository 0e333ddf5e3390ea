"""Compare two JSON reports, or two states of the code, by their guards."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

from pytest_postmortem.evaluation.evaluate import has_exemption_ended, is_incident_selected
from pytest_postmortem.model import NodeKey, Policy, Postmortem, Registry, ShowLevel, format_count
from pytest_postmortem.pysource.marker_index import (
    LinkedIncident,
    SourceTestsByFile,
    UninterpretedFile,
    UnreadLinks,
    find_linked_incidents,
    find_unread_links,
)
from pytest_postmortem.report_model import COULD_RETURN_STATES, UNKNOWN_STATES
from pytest_postmortem.reports.incident_facts import build_severity_ranking
from pytest_postmortem.reports.markdown import escape_markdown, format_markdown_link
from pytest_postmortem.reports.redaction import redact_postmortem
from pytest_postmortem.text import join_some_texts, sanitize_line

COMPARISON_FORMAT = 1

ChangeKind = Literal["lost", "unlinked", "removed", "failing", "new", "gained", "retired"]
"""``unlinked`` and ``removed`` are incidents that nothing guarded before either."""


LOSSES: tuple[ChangeKind, ...] = ("lost", "unlinked", "removed")
"""The kinds of change that lose a lesson."""


CHANGE_WORDS: Mapping[ChangeKind, str] = {
    "lost": "no longer guarded",
    "unlinked": "no longer linked to a test",
    "removed": "no longer in the registry",
    "failing": "now failing",
    "new": "new without a test",
    "gained": "newly guarded",
    "retired": "retired on purpose",
}


LINKED_CHANGE_WORDS: Mapping[ChangeKind, str] = {
    **CHANGE_WORDS,
    "gained": "newly linked to an active test",
}
"""The code alone does not show whether a test passes; an active one could fail."""


NO_CHANGE_TEXT = "Nothing was gained, nothing lost"


MAX_LISTED_CHANGES = 50
"""Incidents of a kind that Markdown lists; hosts refuse a comment that is too long."""


@dataclass(frozen=True, slots=True)
class IncidentChange:
    """What happened to one incident, and why; title, link, severity and owner as far as they may
    be shown.
    """

    kind: ChangeKind
    id: str
    title: str = ""
    url: str | None = None
    reason: str | None = None
    severity: str | None = None
    owner: str | None = None


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
        return any(change.kind in LOSSES for change in self.changes)


def sort_changes(
    changes: Iterable[IncidentChange], severities: Sequence[str] = ()
) -> tuple[IncidentChange, ...]:
    """Return changes with the most severe kind first, and of each kind the most severe incident.

    ``severities`` is the order that is configured.
    """
    rank = build_severity_ranking(severities)
    kinds = get_args(ChangeKind)
    return tuple(
        sorted(changes, key=lambda change: (kinds.index(change.kind), rank(change.severity)))
    )


def render_comparison_json(comparison: Comparison) -> str:
    """Return a comparison as JSON."""
    document = {"format": COMPARISON_FORMAT, **asdict(comparison)}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def render_comparison_text(comparison: Comparison) -> str:
    """Return a comparison for a terminal, one or two lines an incident, the sum at the end."""
    lines = []
    for words, changes in group_changes_by_kind(comparison):
        lines.append(f"{words.capitalize()}:")
        for change in changes:
            title = "" if change.title in ("", change.id) else f"  {change.title}"
            lines.append(f"  {change.id}{title}{_format_change_facts(change)}")
            indent = " " * (len(change.id) + 4)
            lines += [f"{indent}{part}" for part in (change.reason, change.url) if part]
    lines += [*comparison.notes, _format_change_totals(comparison)]
    return "".join(f"{sanitize_line(line)}\n" for line in lines)


def render_comparison_markdown(comparison: Comparison) -> str:
    """Return a comparison for a pull request, an empty text where nothing has changed."""
    if not comparison.changes:
        return ""
    lines = [f"### Incident coverage: {_format_change_totals(comparison)}"]
    for words, changes in group_changes_by_kind(comparison):
        lines += ["", f"**{words.capitalize()}**", ""]
        lines += [format_change_item(change) for change in changes[:MAX_LISTED_CHANGES]]
        if len(changes) > MAX_LISTED_CHANGES:
            lines.append(f"- and {len(changes) - MAX_LISTED_CHANGES} more")
    lines += [part for note in comparison.notes for part in ("", escape_markdown(note))]
    return "\n".join(lines) + "\n"


def format_change_item(change: IncidentChange) -> str:
    """Return what happened to one incident as an item of a list in Markdown."""
    title = "" if change.title in ("", change.id) else f" {escape_markdown(change.title)}"
    facts = _format_change_facts(change).strip()
    title += f" {escape_markdown(facts)}" if facts else ""
    reason = f" – {escape_markdown(change.reason)}" if change.reason else ""
    return f"- {format_markdown_link(change.id, change.url)}{title}{reason}"


def _format_change_facts(change: IncidentChange) -> str:
    """Return severity and owner in brackets, as far as they are known."""
    facts = ", ".join(filter(None, (change.severity, change.owner)))
    return f" ({facts})" if facts else ""


def group_changes_by_kind(comparison: Comparison) -> Iterator[tuple[str, list[IncidentChange]]]:
    """Yield what happened, in words, each with the incidents to which it did."""
    for kind, words in (LINKED_CHANGE_WORDS if comparison.by_code else CHANGE_WORDS).items():
        changes = [change for change in comparison.changes if change.kind == kind]
        if changes:
            yield words, changes


def _format_change_totals(comparison: Comparison) -> str:
    counts = [f"{len(changes)} {words}" for words, changes in group_changes_by_kind(comparison)]
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


WAIVED_STATES = ("declared", "exempt")
MUTED_STATES = ("skipped", "known-broken")
GUARDED_STATES = ("guarded", "failing")
"""States in which a test runs that notices the problem."""

GONE_REASON = "its post-mortem is gone from the registry"
UNEXPLAINED_REASON = "now exempt without a reason"


def compare_reports(base: Mapping[str, Any], head: Mapping[str, Any]) -> Comparison:
    """Compare two JSON reports: what counts is whether a passing test guards an incident.

    An incident that one of the runs does not judge is not compared, which a note reports.
    """
    comparison = _ReportComparison(base, head)
    newer = {name: incident for incident in head["incidents"] for name in _fold_names(incident)}
    met: set[str] = set()
    for old in base["incidents"]:
        new = next((newer[name] for name in _fold_names(old) if name in newer), None)
        if new is None:
            comparison.add_vanished(old)
        else:
            met.add(new["id"])
            comparison.add_pair(old, new)
    for new in head["incidents"]:
        if new["id"] not in met:
            comparison.add_appeared(new)
    return comparison.build()


def _fold_names(incident: Mapping[str, Any]) -> list[str]:
    return [name.casefold() for name in (incident["id"], *incident.get("aliases", ()))]


class _ReportComparison:
    """Gathers what happened to each incident from one JSON report to the next."""

    def __init__(self, base: Mapping[str, Any], head: Mapping[str, Any]) -> None:
        self._changes: list[IncidentChange] = []
        self._open: list[str] = []
        self._unchanged = 0
        registry = head.get("registry") or {}
        self._lacking = (*registry.get("partial", ()), *registry.get("unreachable", ()))
        self._implied = bool(head.get("missing"))
        self._severities = (head.get("policy") or {}).get("severities") or ()
        self._files = head["scope"]["files"]
        self._head_reasons = head["scope"]["reasons"]
        self._reasons = (*base["scope"]["reasons"], *self._head_reasons, *self._lacking)

    def build(self) -> Comparison:
        """Return the comparison, the most severe change first."""
        judged = bool(self._unchanged or self._changes) or not self._open
        why = "; ".join(dict.fromkeys(self._reasons)) or "they did not run in both"
        notes = (_describe_open_incidents(self._open, f" ({why})"),) if self._open else ()
        changes = sort_changes(self._changes, self._severities)
        return Comparison(changes, notes, judged, unchanged=self._unchanged)

    def add_vanished(self, old: Mapping[str, Any]) -> None:
        """Take an incident that the registry no longer has, or that no link implies any more."""
        if self._lacking or (self._implied and self._head_reasons):
            self._open.append(old["id"])
        elif self._implied:
            self._add_loss(old, old)
        else:
            self._add(
                "removed" if old["state"] in COULD_RETURN_STATES else "lost", old, GONE_REASON
            )

    def add_appeared(self, new: Mapping[str, Any]) -> None:
        """Take an incident that the registry did not have before."""
        state = new["state"]
        if state in UNKNOWN_STATES:
            self._open.append(new["id"])
        elif state == "guarded":
            self._add("gained", new)
        elif state == "failing":
            self._add("failing", new)
        elif state not in WAIVED_STATES and new.get("required", True):
            muted = state in MUTED_STATES
            reason = _describe_current_tests(new) if muted else new["reason"]
            self._add("new", new, "; ".join(filter(None, (reason, new.get("note")))) or None)

    def add_pair(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        """Take an incident that both have."""
        before, after = old["state"], new["state"]
        has_lost_tests = after == "unguarded" and bool(old["tests"])
        if after == "failing" and before != "failing":
            self._add("failing", new)
        elif after in WAIVED_STATES:
            if before not in WAIVED_STATES:
                self._add("retired", new, new["reason"] or f"now {after}")
        elif after in UNKNOWN_STATES or (before in UNKNOWN_STATES and not has_lost_tests):
            self._open.append(new["id"])
        elif has_lost_tests:
            self._add_loss(old, new)
        elif after in MUTED_STATES and before in GUARDED_STATES:
            self._add("lost", new, _describe_current_tests(new))
        elif after == "guarded" and before != "guarded":
            self._add("gained", new, "it failed before" if before == "failing" else None)
        elif after == "unguarded" and before == "declared":
            self._add("lost", new, "the registry names no other guard any more")
        elif after == "unguarded" and before == "exempt":
            self._add("new", new, new["reason"] or "no longer exempt")
        else:
            self._unchanged += 1

    def _add_loss(self, old: Mapping[str, Any], shown: Mapping[str, Any]) -> None:
        """Add an incident that has lost its last test, with where its links have moved."""
        reasons = [
            f"{NodeKey(test['path'], test['nodeid'])} is deleted"
            + (" or has lost its marker" if test["path"] in self._files else " with its file")
            for test in old["tests"]
        ]
        kind: ChangeKind = "unlinked" if old["state"] in MUTED_STATES else "lost"
        self._add(kind, shown, join_some_texts(reasons))

    def _add(self, kind: ChangeKind, shown: Mapping[str, Any], reason: str | None = None) -> None:
        self._changes.append(
            IncidentChange(
                kind,
                shown["id"],
                shown["title"],
                shown["url"],
                reason,
                shown.get("severity"),
                shown.get("owner"),
            )
        )


def _describe_current_tests(new: Mapping[str, Any]) -> str:
    """Return the state of the tests of an incident that are still linked."""
    reason = new["reason"] or new["state"]
    has_state = reason.startswith(("skipped", "xfailed", new["state"]))
    return f"now {reason}" if has_state else f"now {new['state']}: {reason}"


def _describe_open_incidents(ids: Sequence[str], reasons: str = "") -> str:
    number = format_count(len(ids))
    return f"{number} can't be compared: {join_some_texts(ids, ', ')}{reasons}"


@dataclass(slots=True)
class CodeComparison:
    """Compares two states of the code: what counts is whether a linked test could fail.

    ``registry`` is that of the newer state, ``earlier`` that of the older, where it is known. An
    exemption that has ended is none. What ``unchanged_files``, which import nothing that
    changed, may link without saying so was there before, and explains no loss. Any other file
    that can't be read makes the comparison incomplete, so that it is not judged.
    ``unread_folders`` are the submodules of which nothing is known, each with what to do: in
    those whose paths are not among ``unchanged_files`` a test may have come or gone. Where one of
    the ``uninterpreted`` files may link an incident now, its loss is unknown.
    """

    base: SourceTestsByFile
    head: SourceTestsByFile
    registry: Registry | None = None
    policy: Policy = Policy()
    show: ShowLevel | None = None
    earlier: Registry | None = None
    unchanged_files: Collection[str] = ()
    unread_folders: Mapping[str, str] = field(default_factory=dict)
    uninterpreted: Sequence[UninterpretedFile] = ()
    _changes: list[IncidentChange] = field(default_factory=list, init=False)
    _unchanged: int = field(default=0, init=False)
    _unread: list[str] = field(default_factory=list, init=False)
    _unparsed: set[str] = field(default_factory=set, init=False)
    _unclear: dict[str, str] = field(default_factory=dict, init=False)
    _lacks_folder: bool = field(default=False, init=False)

    def compare(self) -> Comparison:
        """Return gains, losses, and the files that could not be compared."""
        older = _certain_where_gone(self.base, self.head)
        before = find_linked_incidents(older, self.registry, self.policy, self.earlier)
        after = find_linked_incidents(self.head, self.registry, self.policy)
        unread_before = find_unread_links(self.base, self.earlier or self.registry)
        unread_after = find_unread_links(self.head, self.registry)
        moved = {
            path: remedy
            for path, remedy in self.unread_folders.items()
            if path not in self.unchanged_files
        }
        self._compare_older_links(before, after, unread_after, moved)
        self._compare_newer_links(before, after, unread_before, moved)
        self._add_vanished_incidents(before)
        self._add_appeared_incidents(after, unread_after)
        self._note_unlinked_incidents(after, unread_before, unread_after)
        return self._build(moved)

    def _compare_older_links(
        self,
        before: Mapping[str, LinkedIncident],
        after: Mapping[str, LinkedIncident],
        unread: UnreadLinks,
        moved: Mapping[str, str],
    ) -> None:
        """Add what became of each incident that a test was linked to."""
        explained = unread.without(self.unchanged_files)
        for key, old in before.items():
            new = after.get(key, LinkedIncident(old.id))
            postmortem = self.registry.find(old.id) if self.registry else None
            waiver = _find_waiver(postmortem, self.policy)
            if new.has_active_test or (new.tests and not old.has_active_test):
                self._unchanged += 1
            elif waiver is not None:
                self._add("retired", old.id, postmortem, waiver)
            elif not _are_test_files_readable(old, self.head, moved):
                self._unread.append(old.id)
            elif (old.has_active_test and self._note_unclear(old.id, explained)) or (
                self._note_uninterpreted(old, postmortem, unread)
            ):
                continue
            elif not (
                _is_registry_complete(self.registry)
                and postmortem is None
                and _is_id_corrected(old, before, after)
            ):
                kind: ChangeKind = "lost" if old.has_active_test else "unlinked"
                self._add(kind, old.id, postmortem, _describe_lost_tests(old, new, self.head))

    def _note_uninterpreted(
        self, old: LinkedIncident, postmortem: Postmortem | None, unread: UnreadLinks
    ) -> bool:
        """Note an incident that a changed file may link now, and say whether there is one.

        A file that is not Python links nothing by itself: code that only a run explains must be
        there to read it.
        """
        names = {old.id, *(postmortem.names if postmortem else ())}
        test_files = {nodeid.partition("::")[0] for nodeid in old.tests}
        for file in self.uninterpreted:
            if (file.is_python or unread.places) and file.may_link(names, test_files):
                if file.is_python:
                    self._unparsed.add(file.path)
                    self._unread.append(old.id)
                else:
                    reason = f"only a run shows whether code reads its id from {file.path}"
                    self._unclear.setdefault(old.id, reason)
                return True
        return False

    def _note_unclear(self, id: str, unread: UnreadLinks) -> bool:
        """Note an incident that only a run may show to be linked, and say whether it is one."""
        reason = self._find_unread_reason(id, unread)
        if reason:
            self._unclear.setdefault(id, reason)
        return reason is not None

    def _find_unread_reason(self, id: str, unread: UnreadLinks) -> str | None:
        """Return why a state of the code may link an incident to a test, None where it can't."""
        known = self.registry.find(id) if self.registry else None
        return unread.reason(known.names if known else (id,))

    def _note_folder(self, id: str, folders: Mapping[str, str]) -> None:
        """Note an incident whose tests may be in a folder that is not read."""
        self._unclear.setdefault(id, next(iter(folders.values())))
        self._lacks_folder = True

    def _compare_newer_links(
        self,
        before: Mapping[str, LinkedIncident],
        after: Mapping[str, LinkedIncident],
        unread: UnreadLinks,
        moved: Mapping[str, str],
    ) -> None:
        """Add each incident that has an active test now, and had none."""
        for key, new in after.items():
            had_test = key in before and before[key].has_active_test
            if had_test or not new.has_active_test:
                continue
            if not _are_test_files_readable(new, self.base, moved):
                continue
            postmortem = self.registry.find(new.id) if self.registry else None
            if self._find_unread_reason(new.id, unread):
                self._unchanged += 1
            elif moved:
                self._note_folder(new.id, moved)
            elif postmortem or not _is_registry_complete(self.registry):
                self._add("gained", new.id, postmortem)

    def _add_vanished_incidents(self, before: Mapping[str, LinkedIncident]) -> None:
        """Add the incidents that the registry has no more, not even as an alias."""
        registry = self.registry
        if registry is None or not _is_registry_complete(registry):
            return
        known = {change.id.casefold() for change in self._changes}
        for postmortem in self.earlier or ():
            key = postmortem.id.casefold()
            if (
                is_incident_selected(postmortem, self.policy)
                and not any(map(registry.find, postmortem.names))
                and key not in known
            ):
                was_linked = key in before and before[key].has_active_test
                guarded = was_linked or _find_waiver(postmortem, self.policy) is not None
                kind: ChangeKind = "lost" if guarded else "removed"
                self._add(kind, postmortem.id, postmortem, GONE_REASON)

    def _add_appeared_incidents(
        self, after: Mapping[str, LinkedIncident], unread: UnreadLinks
    ) -> None:
        """Add the incidents that are new in the registry, and have no test that could fail."""
        earlier, since = self.earlier, self.policy.since
        if earlier is None or not _is_registry_complete(earlier):
            return
        for postmortem in self.registry or ():
            linked = after.get(postmortem.id.casefold(), LinkedIncident(postmortem.id))
            if (
                not is_incident_selected(postmortem, self.policy)
                or linked.has_active_test
                or any(map(earlier.find, postmortem.names))
                or _find_waiver(postmortem, self.policy) is not None
                or (postmortem.day and since and postmortem.day < since)
            ):
                continue
            if self.unread_folders:
                self._note_folder(postmortem.id, self.unread_folders)
            elif not self._note_unclear(postmortem.id, unread):
                muted = [f"{nodeid} is {why}" for nodeid, why in linked.tests.items()]
                repeats = [f"repeats {postmortem.recurs}"] if postmortem.recurs else []
                self._add(
                    "new", postmortem.id, postmortem, join_some_texts([*muted, *repeats]) or None
                )

    def _note_unlinked_incidents(
        self, after: Mapping[str, LinkedIncident], *states: UnreadLinks
    ) -> None:
        """Note the incidents without an active test that only a run may show to be linked."""
        changed = {change.id for change in self._changes}
        for postmortem in self.registry or ():
            linked = after.get(postmortem.id.casefold(), LinkedIncident(postmortem.id))
            waived = _find_waiver(postmortem, self.policy) is not None
            covered = linked.has_active_test or waived or postmortem.id in changed
            if is_incident_selected(postmortem, self.policy) and not covered:
                for unread in states:
                    self._note_unclear(postmortem.id, unread)

    def _add(
        self, kind: ChangeKind, id: str, postmortem: Postmortem | None, reason: str | None = None
    ) -> None:
        if postmortem is None:
            self._changes.append(IncidentChange(kind, id, id, None, reason))
            return
        shown = redact_postmortem(postmortem, self.show)
        if kind == "retired" and (self.show or postmortem.show) != "all":
            reason = "the registry says so"
        self._changes.append(
            IncidentChange(
                kind, shown.id, shown.title, shown.url, reason, shown.severity, shown.owner
            )
        )

    def _build(self, moved: Collection[str]) -> Comparison:
        """Return all changes in registry order, unknown ids last, the most severe kind first."""
        readings = (*self.base.items(), *self.head.items())
        unreadable = {path for path, tests in readings if tests is None} | self._unparsed
        complete = unreadable.issubset(self.unchanged_files)
        places = {each.id: place for place, each in enumerate(self.registry or ())}
        self._changes.sort(key=lambda change: (places.get(change.id, len(places)), change.id))
        return Comparison(
            sort_changes(self._changes, self.policy.severities),
            tuple(self._describe_limits(sorted(unreadable))),
            judged=complete and not (moved or self._lacks_folder),
            by_code=True,
            unchanged=self._unchanged,
        )

    def _describe_limits(self, unreadable: Sequence[str]) -> Iterator[str]:
        """Yield a line on files that can't be read, and on incidents that can't be compared."""
        if unreadable:
            paths = join_some_texts(unreadable, ", ")
            yield f"{format_count(len(unreadable), 'file')} can't be read as Python: {paths}"
        if self._unread:
            yield _describe_open_incidents(self._unread)
        if self._unclear:
            reasons = join_some_texts([*dict.fromkeys(self._unclear.values())])
            yield _describe_open_incidents([*self._unclear], f" ({reasons})")


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


def _are_test_files_readable(
    incident: LinkedIncident, reading: SourceTestsByFile, unread_folders: Collection[str]
) -> bool:
    """Say whether each file of an incident's tests could be read, or is not there."""
    paths = {nodeid.partition("::")[0] for nodeid in incident.tests}
    return not any(
        reading.get(path, ()) is None
        or any(path.startswith(f"{folder}/") for folder in unread_folders)
        for path in paths
    )


def _is_registry_complete(registry: Registry | None) -> bool:
    """Say whether an id that the registry lacks is known to be none."""
    return registry is not None and not registry.partial and not registry.unreachable


def _find_waiver(postmortem: Postmortem | None, policy: Policy) -> str | None:
    """Return why the registry says that no test is needed, None where it does not."""
    if postmortem is None:
        return None
    if postmortem.guarded_by:
        return f"guarded by {', '.join(guard.type for guard in postmortem.guarded_by)}"
    exempt = postmortem.exempt and not has_exemption_ended(postmortem, policy)
    return (postmortem.reason or UNEXPLAINED_REASON) if exempt else None


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
