"""The top of the page: four figures, why the run fails, and the unknown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pytest_postmortem.reports.data.summary import (
    LONGEST_NAME,
    ReportSummary,
    describe_time_before,
)
from pytest_postmortem.text import shorten_text

ReportData = Mapping[str, Any]

MOST_NOTICES = 3
"""How many warnings, and how many reasons of a failed run, are shown at the top."""

LONGEST_NOTICE = 150
"""The length at which a warning at the top is cut."""

LONGEST_TILE_NAME = 12
"""The length at which a severity is cut in the label of a figure."""

RETURN_MEANING = (
    "Required incidents without a test, or whose tests are skipped or expected to fail: nothing"
    " would notice them"
)

LOST_MEANING = "Incidents that had a guard in the report before and have none, or whose test fails"

SHARE_MEANING = (
    "Guarded: a linked test passed. Linked: a test is marked with the incident. The share is that"
    " of the incidents that require a regression test, rounded down"
)


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure at the top, its change, and the filter that shows its incidents.

    ``meaning`` is the sentence that explains it, ``trend`` is ``worse``, ``better`` or empty.
    """

    figure: str
    label: str
    note: str
    query: str
    meaning: str
    trend: str = ""


def build_tiles(summary: ReportSummary) -> Iterator[Tile]:
    """Yield the four figures, each with its change since the report before."""
    before = summary.before
    since = f"since {describe_time_before(before, summary.document, short=True)}" if before else ""
    could_return = len(summary.could_return)
    yield _build_count_tile(
        could_return,
        summary.could_return_before,
        "could return",
        "focus=return",
        since,
        RETURN_MEANING,
    )
    changed = {id.casefold() for id in summary.lost}
    changed |= {incident["id"].casefold() for incident in summary.failing}
    lost, failing = len(summary.lost), len(summary.failing)
    parts = [f"{lost or 'none'} lost {since}", *[f"{failing} failing"] * bool(failing)]
    label = "lost or failing" if since else "failing"
    trend = "worse" if changed else ""
    note = ", ".join(parts) if since else ""
    yield Tile(format_number(len(changed)), label, note, "focus=lost", LOST_MEANING, trend)
    yield _build_late_tile(summary, since)
    yield _build_share_tile(summary, since)


def _build_late_tile(summary: ReportSummary, since: str) -> Tile:
    """Return the figure of the severe incidents past their grace, and its parts."""
    late = summary.severe_past_grace
    failing = sum(incident["state"] == "failing" for incident in late)
    undated = sum(not incident.get("date") for incident in late)
    grace = format_page_count(int(summary.document["policy"].get("grace") or 0), "day")
    names = " or ".join(shorten_text(each, LONGEST_TILE_NAME) for each in summary.severe)
    tile = _build_count_tile(
        len(late),
        summary.severe_past_grace_before,
        f"{names} past grace" if names and len(summary.severe) < 4 else "past grace",
        "focus=late",
        since,
        f"Required incidents of severity {', '.join(summary.severe) or 'unknown'} that could return"
        f" or whose test fails, more than {grace} after their date; one without a date has no"
        " grace",
    )
    parts = [f"{failing:,} failing"] * bool(failing) + [f"{undated:,} without a date"] * bool(
        undated
    )
    note = "; ".join(filter(None, (tile.note, ", ".join(parts))))
    return replace(tile, note=note)


def _build_count_tile(
    count: int, before: int | None, label: str, query: str, since: str, meaning: str
) -> Tile:
    change = count - before if before is not None else 0
    note = f"{change:+d} {since}".replace("-", "\N{MINUS SIGN}") if change else f"unchanged {since}"
    trend = "worse" if change > 0 else "better" if change < 0 else ""
    return Tile(format_number(count), label, note if since else "", query, meaning, trend)


def _build_share_tile(summary: ReportSummary, since: str) -> Tile:
    totals, earlier = summary.document["totals"], (summary.before or {}).get("totals") or {}
    percent, before = totals["percent"], earlier.get("percent")
    counts = f"{totals['guarded']:,} of {totals['required']:,} guarded"
    query = "state=guarded&required=yes"
    if percent is None:
        reason = "share not judged" if totals["required"] else "none required"
        note = f"{reason}, {totals['linked']:,} linked"
        return Tile(f"{totals['guarded']:,}", counts, note, query, SHARE_MEANING)
    change = round(percent - before, 1) if before is not None else 0
    note = f"{totals['linked']:,} linked"
    if before is not None:
        points = f"{change:+g} points".replace("-", "\N{MINUS SIGN}") if change else "unchanged"
        note = f"{points} {since}, {note}"
    trend = "worse" if change < 0 else "better" if change > 0 else ""
    return Tile(f"{percent:g} %", counts, note, query, SHARE_MEANING, trend)


def list_failures(document: ReportData) -> Iterator[tuple[str, str]]:
    """Yield why a run fails although its tests may pass: each failed gate, and the errors, each
    with its message.
    """
    for gate in document.get("gates") or ():
        if gate["judged"] and not gate["passed"]:
            yield f"Gate {shorten_text(gate['name'], LONGEST_NAME)} failed", gate["message"]
    errors = [each for each in document.get("findings") or () if each["severity"] == "error"]
    if errors:
        others = f" (and {len(errors) - 1:,} more)" if errors[1:] else ""
        count = format_page_count(len(errors), "error")
        yield f"{count} in links or the registry", f"{errors[0]['message']}{others}"


def summarize_gates(gates: Sequence[ReportData]) -> str:
    """Return how the gates ended, with the names of those that failed."""
    failed = [gate["name"] for gate in gates if gate["judged"] and not gate["passed"]]
    unjudged = [gate["name"] for gate in gates if not gate["judged"]]
    passed = len(gates) - len(failed) - len(unjudged)
    parts = [
        f"{len(names)} {word}: {shorten_text(', '.join(names), LONGEST_NOTICE)}"
        for word, names in (("failed", failed), ("not judged", unjudged))
        if names
    ]
    return "; ".join([*parts, f"{passed} passed"] if passed else parts)


def format_page_warnings(document: ReportData) -> Iterator[str]:
    """Yield the reasons why the figures are not of the whole suite."""
    scope = document["scope"]
    reasons = list(scope.get("reasons") or ())
    if scope["kind"] == "partial":
        yield f"This run collected only a part of the suite: {'; '.join(reasons) or 'partial'}"
    unjudged = [
        unjudged_reason
        for unjudged_reason in document.get("unjudged") or ()
        if unjudged_reason not in reasons
    ]
    if unjudged:
        yield f"The figures are not of the whole suite: {'; '.join(unjudged)}"
    for gate in document.get("gates") or ():
        if not gate["judged"]:
            yield f"Gate {gate['name']} has not passed, it was {gate['message']}"
    registry = document.get("registry") or {}
    if registry.get("unreachable"):
        yield f"Registry that can't be reached: {', '.join(registry['unreachable'])}"
    if registry.get("partial"):
        yield f"There may be more post-mortems: {'; '.join(registry['partial'])}"


def list_folded_warnings(warnings: Sequence[str]) -> list[str]:
    """Return the warnings that are not shown as a whole at the top."""
    cut = [text for text in warnings[:MOST_NOTICES] if len(text) > LONGEST_NOTICE]
    return [*cut, *warnings[MOST_NOTICES:]]


def format_number(count: int) -> str:
    """Return a number with separators of thousands."""
    return f"{count:,}"


def format_page_count(count: int, noun: str = "incident") -> str:
    """Return a count and its noun: ``1,200 incidents``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
