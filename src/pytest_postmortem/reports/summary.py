"""A report in one line: guarded incidents, their total, and the missing ones."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_postmortem.evaluation.evaluate import compute_percentage
from pytest_postmortem.model import format_count
from pytest_postmortem.report_model import Report, State

LISTING_HINT = "-v lists them"


def format_last_line(report: Report, listed: bool = False) -> str:
    """Return the last line of the report: guarded incidents, their total, and the missing ones.

    ``listed`` says that the missing ones are listed above.
    """
    totals = report.totals
    if report.missing:
        head = f"{totals.guarded} of {format_count(totals.required, 'linked incident')} guarded"
        tail = f"{report.missing}, so no gap is claimed"
        return "; ".join((head, *_format_remainder(report, listed), tail))
    if report.scope.kind == "partial":
        return _format_partial_run(report)
    if not totals.required:
        head = "no incident requires a regression test"
    elif totals.percent is None:
        share = f"{_format_share(totals.guarded, totals.required)} guarded"
        head = f"{share}{_format_proven_count(report)}, {totals.linked} linked"
    else:
        share = f"{_format_share(totals.guarded, totals.required)} guarded"
        share = f"{share} ({compute_percentage(totals.guarded, totals.required):g} %)"
        head = f"{share}{_format_proven_count(report)}, {totals.linked} linked"
    return "; ".join(filter(None, (head, ", ".join(_format_remainder(report, listed)))))


def _format_proven_count(report: Report) -> str:
    """Say how many are proven, where it is known of any whether they are."""
    has_any_proof = any(incident.proof is not None for incident in report.incidents)
    return f", {report.totals.proven} of them proven" if has_any_proof else ""


def _format_share(part: int, whole: int) -> str:
    return f"{part} of {format_count(whole)}"


def _format_partial_run(report: Report) -> str:
    """Count only the incidents that this run saw a test of; the others are not judged here."""
    required = [incident for incident in report.incidents if incident.required]
    seen = sum(incident.state != "not-judged" for incident in required)
    head = (
        f"{_format_share(report.totals.guarded, seen)} seen here"
        f" guarded{_format_proven_count(report)}"
    )
    waiting = count_incidents_in_state(report, "not-run")
    unseen_count = len(required) - seen
    parts = [f"{unseen_count} not judged: {'; '.join(report.scope.reasons)}"]
    if not unseen_count:
        parts = [f"a part of the suite: {'; '.join(report.scope.reasons)}"]
    if waiting:
        parts.insert(0, f"{waiting} not run")
    return f"{head if seen else 'no incident seen here'}; {', '.join(parts)}"


def count_incidents_in_state(report: Report, state: State, required: bool | None = None) -> int:
    """Return how many incidents are in a state, and are required or not if that matters."""
    return sum(
        incident.state == state and required in (None, incident.required)
        for incident in report.incidents
    )


def _format_remainder(report: Report, listed: bool) -> Iterator[str]:
    """Yield the facts that the two figures do not include."""
    executes = report.scope.executes
    not_run = count_incidents_in_state(report, "not-run")
    if not_run:
        yield f"{not_run} not run" + ("" if executes else f": {'; '.join(report.scope.reasons)}")
    gaps = count_incidents_in_state(report, "unguarded", required=True)
    if gaps:
        text = f"{gaps} {'has' if gaps == 1 else 'have'} no regression test"
        yield text if listed else f"{text} ({LISTING_HINT})"
    older = count_incidents_in_state(report, "unguarded", required=False)
    if older:
        yield f"{older} older without one"
    declared = count_incidents_in_state(report, "declared")
    if declared:
        yield f"{declared} declared"
    exempt = count_incidents_in_state(report, "exempt")
    if exempt:
        yield f"{exempt} exempt"
    if report.unchecked:
        yield f"{format_count(len(report.unchecked), 'id')} not checked"
    if report.unknown_foreign_ids:
        verb = "is" if len(report.unknown_foreign_ids) == 1 else "are"
        yield f"{format_count(len(report.unknown_foreign_ids), 'id')} of other marks {verb} unknown"
    if report.odd and listed:
        yield f"{format_count(len(report.odd), 'other mark')} not understood, as {report.odd[0]}"
