"""The incidents of a registry, each with its state: by what a run reported, or by the code alone.

`Report` → `IncidentRow`s. What code alone tells has words of its own: ``linked`` is an incident
whose test did not run, since nothing did, ``not-linked`` one that no test is linked to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pytest_postmortem.assess import evaluate, is_incident_selected
from pytest_postmortem.links import build_implied_registry
from pytest_postmortem.marked import LinkedIncident, UnreadLinks
from pytest_postmortem.model import (
    Link,
    Outcome,
    OutcomeWord,
    Policy,
    Postmortem,
    Registry,
    Scope,
    ShowLevel,
    format_count,
)
from pytest_postmortem.reports.json import build_report_document
from pytest_postmortem.reports.shown import redact_postmortem
from pytest_postmortem.states import STATES, IncidentResult, Report

__all__ = [
    "CODE_STATES",
    "ROW_STATES",
    "RUN_ONLY_STATES",
    "IncidentRow",
    "build_rows_from_code",
    "build_rows_from_report",
    "format_state_counts",
]

CODE_STATES: Mapping[str, str] = {"not-run": "linked", "unguarded": "not-linked"}

RUN_ONLY_STATES = ("failing", "errored", "guarded", "not-run", "unguarded")
"""States that code alone never gives."""

ROW_STATES = (*STATES, *CODE_STATES.values())
"""All states that a row may have."""


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """An incident: ``postmortem`` is all that is known, ``shown`` what may be shown of it.

    ``fields`` are those that the JSON report has of an incident, with what may be shown alone.
    """

    postmortem: Postmortem
    shown: Postmortem
    fields: Mapping[str, Any]

    @property
    def state(self) -> str:
        """The state of the incident, one of `ROW_STATES`."""
        return str(self.fields["state"])


def build_rows_from_code(
    registry: Registry | None,
    linked_incidents: Iterable[LinkedIncident],
    policy: Policy,
    show: ShowLevel | None,
    url_template: str | None = None,
    unread: UnreadLinks = UnreadLinks(),
) -> list[IncidentRow]:
    """Return the incidents of a suite whose tests were read and not run, as the registry has them.

    Without a registry, the incidents are those that tests name. What the code does not say is
    ``unread``; an incident that it may link is not judged.
    """
    links, outcomes = [], {}
    for linked_incident in linked_incidents:
        for nodeid, muted in linked_incident.tests.items():
            link = Link(linked_incident.id, nodeid, nodeid.partition("::")[0], None)
            links.append(link)
            outcomes[link.test] = _build_unrun_outcome(muted)
    known_registry = build_implied_registry(links, url_template) if registry is None else registry
    report = evaluate(known_registry, links, outcomes, Scope(), policy)
    return [_apply_code_state(row, unread) for row in _build_rows(report, show)]


def build_rows_from_report(
    report: Report, registry: Registry | None, policy: Policy, show: ShowLevel | None
) -> list[IncidentRow]:
    """Return the incidents of a report and, where the registry has more of the suite, those too.

    What the registry says of an incident counts, and the report for what became of it.
    """
    known_registry = registry or Registry()
    incidents_by_id: dict[str, IncidentResult] = {}
    for incident in report.incidents:
        known_postmortem = known_registry.find(incident.postmortem.id)
        incidents_by_id[(known_postmortem or incident.postmortem).id] = (
            replace(incident, postmortem=known_postmortem) if known_postmortem else incident
        )
    silent = "the report has no such incident"
    more = (
        postmortem
        for postmortem in known_registry
        if postmortem.id not in incidents_by_id and is_incident_selected(postmortem, policy)
    )
    others = [IncidentResult(postmortem, "not-judged", reason=silent) for postmortem in more]
    return _build_rows(replace(report, incidents=(*incidents_by_id.values(), *others)), show)


def _build_unrun_outcome(muted: str | None) -> Outcome:
    """Return what is known of a test that did not run, given why it would stop nobody."""
    if muted is None:
        return Outcome("not-run")
    word, _, reason = muted.partition(": ")
    outcome_word: OutcomeWord = "xfailed" if word.startswith("xfail") else "skipped"
    return Outcome(outcome_word, reason=reason or None)


def _build_rows(report: Report, show: ShowLevel | None) -> list[IncidentRow]:
    fields = build_report_document(report, show)["incidents"]
    return [
        IncidentRow(
            incident.postmortem, redact_postmortem(incident.postmortem, show), incident_fields
        )
        for incident, incident_fields in zip(report.incidents, fields, strict=True)
    ]


def _apply_code_state(row: IncidentRow, unread: UnreadLinks) -> IncidentRow:
    state = CODE_STATES.get(row.state, row.state)
    reason = None if state == "linked" else row.fields["reason"]
    if state == "not-linked":
        unclear = unread.reason((row.postmortem.id, *row.postmortem.aliases))
        state, reason = ("not-judged", unclear) if unclear else (state, reason)
    return replace(row, fields={**row.fields, "state": state, "reason": reason})


def format_state_counts(rows: Sequence[IncidentRow], *, read: bool) -> str:
    """Return the one line below a list: how many incidents are in each state.

    ``read`` says that the states are those that code alone tells.
    """
    counts = Counter(row.state for row in rows)
    words = [f"{counts[word]} {word.replace('-', ' ')}" for word in ROW_STATES if counts[word]]
    if not rows:
        return "no incident"
    text = f"{format_count(len(rows))}: {', '.join(words)}"
    return f"{text} (read from the code; a run of pytest says what is guarded)" if read else text
