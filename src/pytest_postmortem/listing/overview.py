"""The incidents of a registry, each with its state: by what a run reported, or by the code alone.

`Report` → `Row`s. What code alone tells has words of its own: ``linked`` is an incident whose
test did not run, since nothing did, ``not-linked`` one that no test is linked to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pytest_postmortem.assess import assess, selected
from pytest_postmortem.links import registry_of
from pytest_postmortem.marked import Linked, UnreadLinks
from pytest_postmortem.model import (
    Link,
    Outcome,
    OutcomeWord,
    Policy,
    Postmortem,
    Registry,
    Scope,
    Show,
    count_of,
)
from pytest_postmortem.reports.json import document
from pytest_postmortem.reports.shown import reveal
from pytest_postmortem.states import STATES, Incident, Report

__all__ = ["OF_CODE", "OF_RUN", "WORDS", "Row", "by_code", "by_report", "summary"]

OF_CODE: Mapping[str, str] = {"not-run": "linked", "unguarded": "not-linked"}

OF_RUN = ("failing", "errored", "guarded", "not-run", "unguarded")
"""States that code alone never gives."""

WORDS = (*STATES, *OF_CODE.values())
"""All states that a row may have."""


@dataclass(frozen=True, slots=True)
class Row:
    """An incident: ``postmortem`` is all that is known, ``shown`` what may be shown of it.

    ``fields`` are those that the JSON report has of an incident, with what may be shown alone.
    """

    postmortem: Postmortem
    shown: Postmortem
    fields: Mapping[str, Any]

    @property
    def state(self) -> str:
        """The state of the incident, one of `WORDS`."""
        return str(self.fields["state"])


def by_code(
    registry: Registry | None,
    found: Iterable[Linked],
    policy: Policy,
    show: Show | None,
    url_template: str | None = None,
    unread: UnreadLinks = UnreadLinks(),
) -> list[Row]:
    """Return the incidents of a suite whose tests were read and not run, as the registry has them.

    Without a registry, the incidents are those that tests name. What the code does not say is
    ``unread``; an incident that it may link is not judged.
    """
    links, outcomes = [], {}
    for each in found:
        for nodeid, muted in each.tests.items():
            link = Link(each.id, nodeid, nodeid.partition("::")[0], None)
            links.append(link)
            outcomes[link.test] = _outcome(muted)
    known = registry_of(links, url_template) if registry is None else registry
    report = assess(known, links, outcomes, Scope(), policy)
    return [_as_read(row, unread) for row in _rows(report, show)]


def by_report(
    report: Report, registry: Registry | None, policy: Policy, show: Show | None
) -> list[Row]:
    """Return the incidents of a report and, where the registry has more of the suite, those too.

    What the registry says of an incident counts, and the report for what became of it.
    """
    known = registry or Registry()
    told: dict[str, Incident] = {}
    for incident in report.incidents:
        own = known.find(incident.postmortem.id)
        told[(own or incident.postmortem).id] = (
            replace(incident, postmortem=own) if own else incident
        )
    silent = "the report has no such incident"
    more = (each for each in known if each.id not in told and selected(each, policy))
    others = [Incident(each, "not-judged", reason=silent) for each in more]
    return _rows(replace(report, incidents=(*told.values(), *others)), show)


def _outcome(muted: str | None) -> Outcome:
    """Return what is known of a test that did not run, given why it would stop nobody."""
    if muted is None:
        return Outcome("not-run")
    word, _, reason = muted.partition(": ")
    known: OutcomeWord = "xfailed" if word.startswith("xfail") else "skipped"
    return Outcome(known, reason=reason or None)


def _rows(report: Report, show: Show | None) -> list[Row]:
    fields = document(report, show)["incidents"]
    return [
        Row(incident.postmortem, reveal(incident.postmortem, show), each)
        for incident, each in zip(report.incidents, fields, strict=True)
    ]


def _as_read(row: Row, unread: UnreadLinks) -> Row:
    state = OF_CODE.get(row.state, row.state)
    reason = None if state == "linked" else row.fields["reason"]
    if state == "not-linked":
        unclear = unread.reason((row.postmortem.id, *row.postmortem.aliases))
        state, reason = ("not-judged", unclear) if unclear else (state, reason)
    return replace(row, fields={**row.fields, "state": state, "reason": reason})


def summary(rows: Sequence[Row], *, read: bool) -> str:
    """Return the one line below a list: how many incidents are in each state.

    ``read`` says that the states are those that code alone tells.
    """
    counts = Counter(row.state for row in rows)
    words = [f"{counts[word]} {word.replace('-', ' ')}" for word in WORDS if counts[word]]
    if not rows:
        return "no incident"
    text = f"{count_of(len(rows))}: {', '.join(words)}"
    return f"{text} (read from the code; a run of pytest says what is guarded)" if read else text
