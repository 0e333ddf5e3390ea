"""A report in one line: what is guarded, of how many, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_postmortem.assess import percent
from pytest_postmortem.model import count_of
from pytest_postmortem.states import Report, State

__all__ = ["LISTED", "count_of_state", "last_line"]

LISTED = "-v lists them"


def last_line(report: Report, listed: bool = False) -> str:
    """Return the one line that says it all: what is guarded, of how many, and what is missing.

    ``listed`` says that what is missing stands above.
    """
    totals = report.totals
    if report.missing:
        head = f"{totals.guarded} of {count_of(totals.required, 'linked incident')} guarded"
        tail = f"{report.missing}, so no gap is claimed"
        return "; ".join((head, *_remainder(report, listed), tail))
    if report.scope.kind == "partial":
        return _partial(report)
    if not totals.required:
        head = "no incident requires a regression test"
    elif totals.percent is None:
        share = f"{_share(totals.guarded, totals.required)} guarded"
        head = f"{share}{_proven(report)}, {totals.linked} linked"
    else:
        share = f"{_share(totals.guarded, totals.required)} guarded"
        share = f"{share} ({percent(totals.guarded, totals.required):g} %)"
        head = f"{share}{_proven(report)}, {totals.linked} linked"
    return "; ".join(filter(None, (head, ", ".join(_remainder(report, listed)))))


def _proven(report: Report) -> str:
    """Say how many are proven, where it is known of any whether they are."""
    known = any(incident.proof is not None for incident in report.incidents)
    return f", {report.totals.proven} of them proven" if known else ""


def _share(part: int, whole: int) -> str:
    return f"{part} of {count_of(whole)}"


def _partial(report: Report) -> str:
    """Count only the incidents that this run saw a test of; the others are not judged here."""
    required = [incident for incident in report.incidents if incident.required]
    seen = sum(incident.state != "not-judged" for incident in required)
    head = f"{_share(report.totals.guarded, seen)} seen here guarded{_proven(report)}"
    waiting = count_of_state(report, "not-run")
    left = len(required) - seen
    parts = [f"{left} not judged: {'; '.join(report.scope.reasons)}"]
    if not left:
        parts = [f"a part of the suite: {'; '.join(report.scope.reasons)}"]
    if waiting:
        parts.insert(0, f"{waiting} not run")
    return f"{head if seen else 'no incident seen here'}; {', '.join(parts)}"


def count_of_state(report: Report, state: State, required: bool | None = None) -> int:
    """Return how many incidents are in a state, and are required or not if that matters."""
    return sum(
        incident.state == state and required in (None, incident.required)
        for incident in report.incidents
    )


def _remainder(report: Report, listed: bool) -> Iterator[str]:
    """Yield what the two figures leave open."""
    executes = report.scope.executes
    not_run = count_of_state(report, "not-run")
    if not_run:
        yield f"{not_run} not run" + ("" if executes else f": {'; '.join(report.scope.reasons)}")
    gaps = count_of_state(report, "unguarded", required=True)
    if gaps:
        text = f"{gaps} {'has' if gaps == 1 else 'have'} no regression test"
        yield text if listed else f"{text} ({LISTED})"
    older = count_of_state(report, "unguarded", required=False)
    if older:
        yield f"{older} older without one"
    declared = count_of_state(report, "declared")
    if declared:
        yield f"{declared} declared"
    exempt = count_of_state(report, "exempt")
    if exempt:
        yield f"{exempt} exempt"
    if report.unchecked:
        yield f"{count_of(len(report.unchecked), 'id')} not checked"
    if report.strangers:
        verb = "is" if len(report.strangers) == 1 else "are"
        yield f"{count_of(len(report.strangers), 'id')} of other marks {verb} unknown"
    if report.odd and listed:
        yield f"{count_of(len(report.odd), 'other mark')} not understood, as {report.odd[0]}"
