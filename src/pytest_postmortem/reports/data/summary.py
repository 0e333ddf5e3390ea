"""The answers to the questions of a lead: what could return, losses, delays, owners.

All of it is computed from the plain data of JSON reports, so that every format says the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timezone
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pytest_postmortem.evaluation.evaluate import normalize_severity
from pytest_postmortem.model import format_count, parse_iso_date
from pytest_postmortem.report_model import UNKNOWN_STATES
from pytest_postmortem.reports.incident_facts import (
    ProofStatus,
    SeverityRank,
    build_severity_ranking,
    classify_proof,
    compute_days_past_grace,
    could_return,
    is_open,
    is_past_grace,
)
from pytest_postmortem.text import join_some_texts, shorten_text

if TYPE_CHECKING:
    from pytest_postmortem.reports.data.compare import Comparison

ReportData = Mapping[str, Any]

STATE_REASONS: Mapping[str, str] = {
    "failing": "test fails",
    "unguarded": "no test",
    "skipped": "tests skipped",
    "known-broken": "tests expected to fail",
    "errored": "setup or teardown fails",
}

STEP_KINDS = (
    "could return",
    "failing",
    "whose setup or teardown fails",
    "whose tests pass without the fix",
    "removed from the registry",
)
"""The kinds of what to do next, as they follow a count."""

LONG_AGO = datetime.min.replace(tzinfo=timezone.utc)

LONGEST_NAME = 20
"""The length at which a name, such as a severity, is cut in a sentence."""

HOLLOW_REASON = "test passes without its fix"
REMOVED_REASON = "post-mortem removed from the registry"


@dataclass(frozen=True, slots=True)
class GuardLoss:
    """When an incident lost its guard: the day, and the commit or the commits between which.

    ``commit`` is None where neither a report nor a history names one. ``since`` is the commit of
    the last report in which it was guarded.
    """

    day: date | None
    commit: str | None
    since: str | None = None


@dataclass(frozen=True, slots=True)
class NextStep:
    """An incident to work on, and why.

    ``changed`` says that it lost its guard, or began to fail, since the report before; ``listed``
    that the report still has it.
    """

    incident: ReportData
    reason: str
    loss: GuardLoss | None
    changed: bool = False
    listed: bool = True


@dataclass(frozen=True, slots=True)
class ClassSummary:
    """A class of problem: its incidents, those of the last twelve months, those that repeat an
    earlier incident, and those that could return.
    """

    name: str | None
    incidents: int
    recent: int
    recurrences: int
    could_return: int


@dataclass(frozen=True, slots=True)
class CoursePoint:
    """One report of several, and the incidents that lost their guard or began to fail since the one
    before.
    """

    report: ReportData
    lost: tuple[str, ...] = ()
    failing: tuple[str, ...] = ()

    @property
    def time(self) -> datetime | None:
        """When the run of the report began."""
        return find_report_time(self.report)

    @property
    def percent(self) -> float | None:
        """The share of guarded incidents, None where the figures are not of the whole suite."""
        percent: float | None = self.report["totals"]["percent"]
        return percent


@dataclass(frozen=True)
class ReportSummary:
    """The answers of a report, with the changes since the report ``before``.

    ``earlier`` are older reports of the same registry, oldest first; ``past`` is a history read
    from git.
    """

    document: ReportData
    earlier: Sequence[ReportData] = ()
    past: ReportData | None = None

    @cached_property
    def rank(self) -> Callable[[str | None], SeverityRank]:
        """The order of severities."""
        return build_severity_ranking(self.document["policy"].get("severities") or ())

    @cached_property
    def before(self) -> ReportData | None:
        """The report before: the newest one of a whole suite, or else the newest."""
        _, whole, _ = self._changes[-1]
        return whole or next(reversed(self.earlier), None)

    @cached_property
    def _changes(self) -> Sequence[tuple[ReportData, ReportData | None, Comparison | None]]:
        """All reports, oldest first, each with the last whole one before it and what changed."""
        changes = []
        base: ReportData | None = None
        for report in (*self.earlier, self.document):
            changes.append((report, base, _compare_two_reports(base, report)))
            base = report if report["scope"]["kind"] == "full" else base
        return changes

    @cached_property
    def comparison(self) -> Comparison | None:
        """The changes since the report before, None without one."""
        _, _, change = self._changes[-1]
        return change or _compare_two_reports(self.before, self.document)

    @cached_property
    def lost(self) -> tuple[str, ...]:
        """The ids of the incidents that lost their guard since the report before."""
        return _list_changed_ids(self.comparison, "lost")

    @cached_property
    def newly_failing(self) -> tuple[str, ...]:
        """The ids of the incidents whose tests began to fail since the report before."""
        return _list_changed_ids(self.comparison, "failing")

    @cached_property
    def failing(self) -> tuple[ReportData, ...]:
        """The incidents of which a test fails."""
        incidents = self.document["incidents"]
        return tuple(incident for incident in incidents if incident["state"] == "failing")

    @cached_property
    def could_return(self) -> tuple[ReportData, ...]:
        """The required incidents that could return unnoticed, in the registry's order."""
        return tuple(filter(could_return, self.document["incidents"]))

    @cached_property
    def unknown(self) -> tuple[ReportData, ...]:
        """The required incidents of which the run does not say whether they could return."""
        return tuple(
            incident
            for incident in self.document["incidents"]
            if incident.get("required", True) and incident["state"] in UNKNOWN_STATES
        )

    @cached_property
    def severe(self) -> tuple[str, ...]:
        """The severities that count as severe: those that a gate requires, or else the most
        severe one that an incident has; none where no incident has one.
        """
        required = self.document["policy"].get("require") or ()
        if required:
            return tuple(required)
        named = filter(None, (each.get("severity") for each in self.document["incidents"]))
        return tuple(sorted(dict.fromkeys(named), key=self.rank)[:1])

    @cached_property
    def severe_past_grace(self) -> tuple[ReportData, ...]:
        """The severe incidents that are open and past their grace."""
        return self._list_severe_past_grace(self.document)

    @cached_property
    def _severity_names(self) -> Mapping[str, str]:
        """How each severity is called, by its normal form: as in ``severe``, or by its first
        incident.
        """
        written = filter(None, (each.get("severity") for each in self.document["incidents"]))
        names: dict[str, str] = {}
        for name in (*self.severe, *written):
            names.setdefault(normalize_severity(name), name)
        return names

    def _list_severe_past_grace(self, document: ReportData) -> tuple[ReportData, ...]:
        severe = set(map(normalize_severity, self.severe))
        return tuple(
            incident
            for incident in document["incidents"]
            if normalize_severity(incident.get("severity") or "") in severe
            and is_past_grace(incident, document["policy"])
        )

    @cached_property
    def could_return_before(self) -> int | None:
        """How many incidents could return in the report before."""
        return sum(map(could_return, self.before["incidents"])) if self.before else None

    @cached_property
    def severe_past_grace_before(self) -> int | None:
        """How many severe incidents were past their grace in the report before."""
        return len(self._list_severe_past_grace(self.before)) if self.before else None

    @cached_property
    def classes(self) -> tuple[ClassSummary, ...]:
        """The classes, those that keep returning first."""
        return summarize_classes(self.document)

    @cached_property
    def classes_in_words(self) -> str:
        """Which class keeps returning: those of several recurrences, or that there is none."""
        named = [each for each in self.classes if each.name is not None]
        returning = [each for each in named if each.recurrences > 1]
        if returning:
            return f"Keep returning: {_list_classes(returning)}"
        if not named:
            return ""
        once = any(each.recurrences for each in named)
        largest = sorted(named, key=lambda each: -each.incidents)
        return (
            f"No class has returned{' more than once' if once else ''};"
            f" most incidents: {_list_classes(largest)}"
        )

    @cached_property
    def proofs(self) -> Mapping[ProofStatus, int]:
        """How many linked incidents are proven, hollow, outdated, or have no proof.

        Empty where no incident has a proof, and no gate requires one.
        """
        required = self.document["policy"].get("require_proof")
        if not required and not any(each.get("proof") for each in self.document["incidents"]):
            return {}
        counts: dict[ProofStatus, int] = dict.fromkeys(("proven", "hollow", "outdated", "none"), 0)
        for incident in self.document["incidents"]:
            status = classify_proof(incident)
            if status:
                counts[status] += 1
        return counts

    @cached_property
    def course(self) -> tuple[CoursePoint, ...]:
        """The reports over time, oldest first; losses are those since the last whole report."""
        return tuple(
            CoursePoint(
                report, _list_changed_ids(change, "lost"), _list_changed_ids(change, "failing")
            )
            for report, _, change in self._changes
        )

    @cached_property
    def losses(self) -> Mapping[str, GuardLoss]:
        """When the open incidents lost their guards, by their folded ids.

        A history from git names the commit; without one the reports say between which two it was.
        """
        losses: dict[str, GuardLoss] = {}
        for report, base, change in self._changes:
            time = find_report_time(report)
            loss = GuardLoss(time and time.date(), _read_commit(report), _read_commit(base))
            for id in (*_list_changed_ids(change, "lost"), *_list_changed_ids(change, "failing")):
                losses[id.casefold()] = loss
            for id in _list_changed_ids(change, "gained"):
                losses.pop(id.casefold(), None)
        losses.update(_read_history_losses(self.past))
        return losses

    @cached_property
    def next_steps(self) -> tuple[NextStep, ...]:
        """The next steps: lost and failing guards, then the rest, each by severity."""
        changed = {id.casefold() for id in (*self.lost, *self.newly_failing)}
        steps = []
        for incident in self.document["incidents"]:
            id = incident["id"].casefold()
            reason = self._find_reason(incident)
            if reason:
                loss = self.losses.get(id) if is_open(incident) else None
                steps.append(NextStep(incident, reason, loss, id in changed))
        known = {incident["id"].casefold() for incident in self.document["incidents"]}
        for incident in self.before["incidents"] if self.before else ():
            id = incident["id"].casefold()
            if id in changed and id not in known:
                loss = self.losses.get(id)
                steps.append(NextStep(incident, REMOVED_REASON, loss, True, listed=False))
        return tuple(sorted(steps, key=self._rank_step))

    @cached_property
    def next_steps_in_words(self) -> str:
        """What the steps are made of: ``27 could return, 1 failing``."""
        counts = dict.fromkeys(STEP_KINDS, 0)
        for step in self.next_steps:
            counts[_classify_step(step)] += 1
        return ", ".join(f"{count:,} {kind}" for kind, count in counts.items() if count)

    def _find_reason(self, incident: ReportData) -> str | None:
        """Return why an incident is to be worked on, None where nothing is to be done."""
        reason = STATE_REASONS.get(incident["state"])
        if incident["state"] == "errored" or (is_open(incident) and reason):
            if incident["state"] != "failing" and self._was_lost(incident):
                reason = f"guard lost: {reason}"
            return f"{reason}, recurred" if incident.get("recurs") else reason
        return HOLLOW_REASON if classify_proof(incident) == "hollow" else None

    def _was_lost(self, incident: ReportData) -> bool:
        return incident["id"].casefold() in self.losses

    def _rank_step(self, step: NextStep) -> tuple[bool, SeverityRank, bool, bool, int]:
        urgent = step.changed or step.incident["state"] == "failing"
        return (
            not urgent,
            self.rank(step.incident.get("severity")),
            step.loss is None,
            not step.incident.get("recurs"),
            -(compute_days_past_grace(step.incident, self.document["policy"]) or 0),
        )

    @cached_property
    def verdict(self) -> str:
        """The report in one sentence."""
        return "; ".join(self._list_verdict_clauses())

    def _list_verdict_clauses(self) -> Iterator[str]:
        totals = self.document["totals"]
        partial = self.document["scope"]["kind"] == "partial"
        if not totals["required"]:
            yield "No incident requires a regression test"
            return
        yield self._describe_could_return() + (" in the part that ran" if partial else "")
        if self.unknown:
            yield f"{len(self.unknown)} not judged"
        if self.before is not None:
            yield f"{self._describe_changes()} since {self.since}"
        still_failing = len(self.failing) - len(self.newly_failing)
        if still_failing > 0:
            yield f"{still_failing} {'failing' if self.before is None else 'still failing'}"
        yield self._describe_share()

    def _describe_could_return(self) -> str:
        """Say how many incidents of the highest severity could return."""
        if not self.could_return:
            unsure = "is known to lack a guard" if self.unknown else "could return unnoticed"
            return f"No incident {unsure}"
        worst = min(self.could_return, key=lambda each: self.rank(each.get("severity")))
        key = normalize_severity(worst.get("severity") or "")
        severity = self._severity_names.get(key)
        count = sum(
            normalize_severity(each.get("severity") or "") == key for each in self.could_return
        )
        name = f"{shorten_text(severity, LONGEST_NAME)} incident" if severity else "incident"
        return f"{format_count(count, name)} could return"

    def _describe_changes(self) -> str:
        parts = [format_count(len(self.lost), "guard") + " lost"] if self.lost else []
        if self.newly_failing:
            parts.append(f"{len(self.newly_failing)} failing")
        if self.comparison and self.comparison.notes and not parts:
            return "no loss seen"
        return " and ".join(parts) or "no guard lost"

    def _describe_share(self) -> str:
        after = self.document["totals"]["percent"]
        before = self.before["totals"]["percent"] if self.before else None
        if after is None:
            return "share not judged"
        if before is None or before == after:
            return f"share {after:g} %"
        return f"share {before:g} → {after:g} %"

    @cached_property
    def since(self) -> str:
        """The day of the report before in words, with its time where both are of one day."""
        return describe_time_before(self.before, self.document)


def _classify_step(step: NextStep) -> str:
    """Return which of ``STEP_KINDS`` a step is."""
    returning, failing, errored, hollow, removed = STEP_KINDS
    if not step.listed:
        return removed
    if step.reason == HOLLOW_REASON:
        return hollow
    return {"failing": failing, "errored": errored}.get(step.incident["state"], returning)


def find_report_time(document: ReportData) -> datetime | None:
    """Return when the run of a JSON report began, in UTC, None if it has no date at all.

    Reports before 0.2.0, and those of joined runs, have the day by which they were judged alone:
    they are of its first moment.
    """
    return _parse_time((document.get("run") or {}).get("started")) or _find_judgement_day(document)


def _parse_time(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat((text or "").replace("Z", "+00:00"))
        return moment.replace(tzinfo=moment.tzinfo or timezone.utc).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


def _find_judgement_day(document: ReportData) -> datetime | None:
    day = parse_iso_date(document["policy"].get("today"))
    return datetime(day.year, day.month, day.day, tzinfo=timezone.utc) if day else None


def get_time_key(document: ReportData) -> tuple[datetime, datetime]:
    """Return what JSON reports are sorted by: when the run began, then the day of its judgement.

    Runs with the same ``SOURCE_DATE_EPOCH`` differ by the day alone.
    """
    return find_report_time(document) or LONG_AGO, _find_judgement_day(document) or LONG_AGO


def describe_time_before(
    before: ReportData | None, document: ReportData, *, short: bool = False
) -> str:
    """Return when an earlier report was made, in words, as seen from a later one."""
    then = find_report_time(before) if before else None
    now = find_report_time(document)
    if then is None:
        return "the report before"
    day = format_day(then, now, short=short)
    if now and then.date() == now.date():
        exact = then.time() != datetime.min.time()
        return f"{day}, {then:%H:%M} UTC" if exact else "the run before"
    return day


MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


def format_day(day: date, now: date | None = None, *, short: bool = False) -> str:
    """Return a day in words, without its year if that is the one of ``now``."""
    text = f"{day.day} {MONTHS[day.month - 1][: 3 if short else None]}"
    return text if now and day.year == now.year else f"{text} {day.year}"


def summarize_classes(document: ReportData) -> tuple[ClassSummary, ...]:
    """Return the classes of a report, those with the most recurrences first.

    Equal classes are sorted by their incidents of twelve months, then by all; incidents without a
    class are last. Names that differ in their case are one.
    """
    start = _find_year_before(parse_iso_date(document["policy"].get("today")))
    names: dict[str, str | None] = {}
    groups: dict[str, list[ReportData]] = {}
    for incident in document["incidents"]:
        name = " ".join(str(incident.get("class") or "").split())
        names.setdefault(name.casefold(), name or None)
        groups.setdefault(name.casefold(), []).append(incident)
    classes = [
        ClassSummary(
            names[key],
            len(members),
            sum(_is_after(each.get("date"), start) for each in members),
            sum(bool(each.get("recurs")) for each in members),
            sum(map(could_return, members)),
        )
        for key, members in groups.items()
    ]
    classes.sort(
        key=lambda each: (
            each.name is None,
            -each.recurrences,
            -each.recent,
            -each.incidents,
        )
    )
    return tuple(classes)


def _list_classes(classes: Sequence[ClassSummary]) -> str:
    """Return classes with their incidents, and how many of these repeat an earlier one."""
    texts = [
        f"{shorten_text(each.name or '', 2 * LONGEST_NAME)}"
        f" ({each.recurrences} of {each.incidents} recurred)"
        for each in classes
    ]
    return join_some_texts(texts, ", ")


def _is_after(text: str | None, start: date | None) -> bool:
    day = parse_iso_date(text)
    return day is not None and start is not None and day > start


def _find_year_before(today: date | None) -> date | None:
    if today is None:
        return None
    return today.replace(year=today.year - 1, day=min(today.day, 28 if today.month == 2 else 31))


def _compare_two_reports(base: ReportData | None, head: ReportData) -> Comparison | None:
    if base is None:
        return None
    # It imports the readers of code, which a report alone does not need.
    from pytest_postmortem.reports.data.compare import compare_reports

    return compare_reports(base, head)


def _list_changed_ids(comparison: Comparison | None, kind: str) -> tuple[str, ...]:
    changes = comparison.changes if comparison else ()
    return tuple(change.id for change in changes if change.kind == kind)


def _read_commit(document: ReportData | None) -> str | None:
    commit = ((document or {}).get("run") or {}).get("commit")
    return str(commit) if commit else None


def _read_history_losses(past: ReportData | None) -> Iterator[tuple[str, GuardLoss]]:
    """Yield the folded id of each incident that has no active test now, with its loss.

    One whose test never was active has lost nothing.
    """
    for incident in (past or {}).get("incidents") or ():
        events = [*(incident.get("events") or ())]
        never_active = len(events) > 1 and events[-2].get("commit") == events[-1].get("commit")
        if events and events[-1].get("kind") in ("lost", "inactive") and not never_active:
            day, commit = parse_iso_date(events[-1].get("day")), events[-1].get("commit")
            yield str(incident["id"]).casefold(), GuardLoss(day, commit)
