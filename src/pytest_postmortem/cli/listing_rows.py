"""The incidents of a registry, each with its state: by what a run reported, or by the code alone.

States read from the code have words of their own: an incident with a linked test is ``linked``,
one without is ``not-linked``.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from pytest_postmortem.cli import EXIT_NOT_JUDGED
from pytest_postmortem.cli.gap_hints import find_gap_hints
from pytest_postmortem.cli.project import Project, configure_without_conftest
from pytest_postmortem.evaluation.evaluate import (
    evaluate,
    format_grace,
    is_incident_selected,
)
from pytest_postmortem.evaluation.links import build_implied_registry
from pytest_postmortem.model import (
    Link,
    Outcome,
    OutcomeWord,
    Policy,
    Postmortem,
    Registry,
    Scope,
    ShowLevel,
    fold_id,
    format_count,
)
from pytest_postmortem.pysource.marker_index import (
    LinkedIncident,
    UnreadLinks,
    find_linked_incidents,
    find_unread_links,
)
from pytest_postmortem.registry.postmortem_text import add_registry_details
from pytest_postmortem.report_model import STATES, IncidentResult, Report, format_hollow_count
from pytest_postmortem.reports.data.merge import merge_reports
from pytest_postmortem.reports.data.report_reader import read_own_report
from pytest_postmortem.reports.incident_facts import build_severity_ranking, passes_without_fix
from pytest_postmortem.reports.json_report import build_report_document
from pytest_postmortem.reports.redaction import redact_postmortem
from pytest_postmortem.text import sanitize_line


@dataclass(frozen=True, slots=True)
class LoadedIncidents:
    """Incidents; ``read`` says that their states are those of the code alone.

    ``unread`` are notes on code that was not read, each with its remedy.
    """

    project: Project
    rows: Sequence[IncidentRow]
    read: bool
    unread: tuple[str, ...] = ()

    def status(self) -> int:
        """Print a note on each unread part; return the exit status, 3 if there is any."""
        for note in self.unread:
            print(sanitize_line(f"not judged: {note}"), file=sys.stderr)
        return EXIT_NOT_JUDGED if self.unread else 0


@contextmanager
def load_incidents(
    arguments: Sequence[str], source: str | None, *, selected: bool = True
) -> Iterator[LoadedIncidents]:
    """Read the registry and the tests, or take the states from a report.

    Unless only the ``selected`` ones are wanted, incidents of other suites are among them.

    Raises:
        SettingsError: A setting has an unusable value.
        RegistryError: The configured registry is broken.
        ReportError: The report can't be read.
    """
    with configure_without_conftest(arguments) as config:
        project = Project(config)
        known_registry, settings, policy = project.registry, project.settings, project.policy
        if known_registry is not None and selected:
            known_registry = _add_details(known_registry, project)
        if not selected:
            policy = policy._replace(select=())
        if source is not None:
            report = merge_reports([read_own_report(Path(source))])
            rows = build_rows_from_report(report, known_registry, policy, settings.show)
            yield LoadedIncidents(project, rows, read=False)
            return
        code = project.code()
        tests = code.read(project.declared)
        unparsed = code.find_unparsed_files()
        linked_incidents = find_linked_incidents(tests, known_registry, policy).values()
        unread = find_unread_links(tests, known_registry, unparsed)
        rows = build_rows_from_code(
            known_registry, linked_incidents, policy, settings.show, settings.url_template, unread
        )
        hints = find_gap_hints(project, code, tests)
        rows = [_add_gap_hint(row, hints.get(row.postmortem.id)) for row in rows]
        broken = {path for path, file_tests in tests.items() if file_tests is None}
        broken.update(file.path for file in unparsed)
        notes = (f"{path} can't be read as Python" for path in sorted(broken - {*project.pointers}))
        yield LoadedIncidents(project, rows, read=True, unread=(*project.unread, *notes))


def _add_details(known_registry: Registry, project: Project) -> Registry:
    """Return a registry with the details of its documents, also where an id is looked up."""
    words = project.settings.vocabulary
    detailed = add_registry_details(known_registry, project.root, words)
    by_id = {postmortem.id: postmortem for postmortem in detailed}
    index = {name: by_id.get(old.id, old) for name, old in known_registry.index.items()}
    return replace(detailed, index=index)


@dataclass(frozen=True, slots=True)
class ListQuery:
    """A query: ``select`` as in `Policy`, states, two days, and a sort key.

    Incidents are wanted from ``since`` on and up to the day before ``before``; one without a
    date is wanted only where no day is named.
    """

    select: tuple[tuple[str, tuple[str, ...]], ...] = ()
    states: tuple[str, ...] = ()
    since: date | None = None
    before: date | None = None
    sort: str | None = None
    severities: tuple[str, ...] = ()


def select_rows(rows: Iterable[IncidentRow], query: ListQuery) -> list[IncidentRow]:
    """Return the selected rows in order, most severe first; those without the sort key come last.

    Rows with equal keys, and all where the key is ``registry``, are in the order of the registry.
    """
    selected_rows = [row for row in rows if _is_row_selected(row, query)]
    if query.sort == "registry":
        return selected_rows
    if query.sort in (None, "severity"):
        rank = build_severity_ranking(query.severities)
        return sorted(selected_rows, key=lambda row: rank(row.fields["severity"]))
    key = _build_sort_key(query.sort)
    sorted_rows = sorted(
        (row for row in selected_rows if _format_sort_text(row, query.sort)), key=key
    )
    if query.sort == "date":
        sorted_rows.reverse()
    return [*sorted_rows, *(row for row in selected_rows if not _format_sort_text(row, query.sort))]


def _is_row_selected(row: IncidentRow, query: ListQuery) -> bool:
    day = row.postmortem.day
    if query.since is not None and (day is None or day < query.since):
        return False
    if query.before is not None and (day is None or day >= query.before):
        return False
    if query.states and row.state not in query.states:
        return False
    return is_incident_selected(row.postmortem, Policy(select=query.select))


def _format_sort_text(row: IncidentRow, name: str) -> str:
    return str(row.fields.get(name) or "")


def _build_sort_key(name: str) -> Callable[[IncidentRow], Any]:
    ranks: Mapping[str, int] = {}
    if name == "state":
        ranks = {word: rank for rank, word in enumerate(ROW_STATES)}

    def build_row_key(row: IncidentRow) -> tuple[int, list[tuple[int, str]]]:
        text = _format_sort_text(row, name)
        return ranks.get(text, len(ranks)), _build_natural_key(text)

    return build_row_key


def _build_natural_key(text: str) -> list[tuple[int, str]]:
    """Return the sort key of a text: PM-9 before PM-10."""
    parts = re.findall(r"[0-9]+|[^0-9]+", text.casefold())
    return [(int(part[:50]), "") if part.isdecimal() else (-1, part) for part in parts]


CODE_STATES: Mapping[str, str] = {"not-run": "linked", "unguarded": "not-linked"}

RUN_ONLY_STATES = ("failing", "errored", "guarded", "not-run", "unguarded")
"""States that code alone never gives."""

ROW_STATES = (*STATES, *CODE_STATES.values())
"""All states that a row may have."""


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """An incident: ``postmortem`` has all fields, ``shown`` those that may be shown.

    ``fields`` are those of an incident in the JSON report, redacted.
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
            incident._replace(postmortem=known_postmortem) if known_postmortem else incident
        )
    silent = "the report has no such incident"
    more = (
        postmortem
        for postmortem in known_registry
        if postmortem.id not in incidents_by_id and is_incident_selected(postmortem, policy)
    )
    others = [IncidentResult(postmortem, "not-judged", reason=silent) for postmortem in more]
    return _build_rows(report._replace(incidents=(*incidents_by_id.values(), *others)), show)


def index_listed_incidents(rows: Sequence[IncidentRow], registry: Registry) -> Registry:
    """Return the incidents of a list as a registry, which finds them by each of their names.

    Those of a report that the registry lacks have the aliases that the report gives.
    """
    postmortems = {row.postmortem.id: row.postmortem for row in rows}
    names = {fold_id(alias): each for each in postmortems.values() for alias in each.aliases}
    names |= {fold_id(id): each for id, each in postmortems.items()}
    names |= {
        name: postmortems[each.id]
        for name, each in registry.index.items()
        if each.id in postmortems
    }
    return Registry(tuple(postmortems.values()), names)


def _build_unrun_outcome(muted: str | None) -> Outcome:
    """Return the result of a test that did not run, with the reason why it can't fail."""
    if muted is None:
        return Outcome("not-run")
    word, _, reason = muted.partition(": ")
    outcome_word: OutcomeWord = "xfailed" if word.startswith("xfail") else "skipped"
    return Outcome(outcome_word, reason=reason or None)


def _build_rows(report: Report, show: ShowLevel | None) -> list[IncidentRow]:
    fields = build_report_document(report, show)["incidents"]
    return [
        _build_row(incident, incident_fields, report.policy, show)
        for incident, incident_fields in zip(report.incidents, fields, strict=True)
    ]


def _build_row(
    incident: IncidentResult, fields: Mapping[str, Any], policy: Policy, show: ShowLevel | None
) -> IncidentRow:
    """Return the row of an incident; one that needs no test yet says until when."""
    shown = redact_postmortem(incident.postmortem, show)
    if incident.state == "unguarded" and incident.required and not fields["reason"]:
        fields = {**fields, "reason": format_grace(shown, policy)}
    return IncidentRow(incident.postmortem, shown, fields)


def _apply_code_state(row: IncidentRow, unread: UnreadLinks) -> IncidentRow:
    state = CODE_STATES.get(row.state, row.state)
    reason = None if state == "linked" else row.fields["reason"]
    if state == "not-linked":
        unclear = unread.reason(row.postmortem.names)
        state, reason = ("not-judged", unclear) if unclear else (state, reason)
    return replace(row, fields={**row.fields, "state": state, "reason": reason})


MUTED_STATES = ("skipped", "known-broken")
"""The states of incidents whose tests can't fail a run, though they are linked."""


def _format_state_count(counts: Mapping[str, int], state: str) -> str:
    return f"{counts[state]} {state.replace('-', ' ')}"


def _add_gap_hint(row: IncidentRow, hint: str | None) -> IncidentRow:
    """Return a row that says where a mark is which was meant for an incident without a test."""
    if hint is None or row.state != "not-linked":
        return row
    reason = "; ".join(filter(None, (hint, row.fields["reason"])))
    return replace(row, fields={**row.fields, "reason": reason})


def format_next_step(row: IncidentRow) -> str | None:
    """Return what to do about an incident without a regression test, None for any other."""
    if row.state not in ("unguarded", "not-linked") or not row.fields["required"]:
        return None
    return (
        f'mark its test with @pytest.mark.postmortem("{row.shown.id}"), look for one with'
        " `pytest-postmortem scan`, or exempt it with a reason (`test: exempt`)"
    )


def format_state_counts(rows: Sequence[IncidentRow], *, read: bool) -> str:
    """Return the one line below a list: how many incidents are in each state.

    ``read`` says that the states are those of the code alone. Then skipped and broken tests are
    linked all the same, as in the figures of a run.
    """
    counts = Counter(row.state for row in rows)
    if not rows:
        return "no incident"
    muted = [state for state in MUTED_STATES if counts[state]] if read else []
    linked = [f"{_format_state_count(counts, state)}" for state in muted]
    counts["linked"] += sum(counts[state] for state in muted)
    words = [
        _format_state_count(counts, state)
        + (f" ({', '.join(linked)})" if state == "linked" and linked else "")
        for state in ROW_STATES
        if counts[state] and state not in muted
    ]
    hollow = sum(row.state == "guarded" and passes_without_fix(row.fields) for row in rows)
    if hollow:
        remark = f" ({format_hollow_count(hollow)})"
        words = [word + remark if " guarded" in word else word for word in words]
    text = f"{format_count(len(rows))}: {', '.join(words)}"
    return f"{text} (read from the code; a run of pytest says what is guarded)" if read else text
