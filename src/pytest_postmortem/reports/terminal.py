"""The report at the end of a run, in the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from pytest_postmortem.errors import PostmortemError
from pytest_postmortem.evaluation.evaluate import compute_percentage, format_grace
from pytest_postmortem.evaluation.gates import count_days_past_grace, describe_gate_gap
from pytest_postmortem.model import Finding, Postmortem, Proof, Registry, ShowLevel, format_count
from pytest_postmortem.report_model import (
    COULD_RETURN_STATES,
    GateResult,
    IncidentResult,
    Report,
    State,
    format_hollow_count,
)
from pytest_postmortem.reports.incident_facts import build_severity_ranking, format_urgency
from pytest_postmortem.reports.redaction import redact_postmortem, redact_reason
from pytest_postmortem.text import measure_width, pad_to_width, sanitize_line, shorten_to_width

COVERAGE_TITLE = "incident coverage"
LISTING_HINT = "-v lists them"
MOST_TERMINAL_LINES = 10
"""Lines of the report, the last one included, unless the reader asks for more."""

TerminalDetail = Literal["what fails", "last line", "ten lines", "everything"]
LineColour = Literal["red", "yellow", "green", ""]


class TerminalLine(NamedTuple):
    """A line of text and the colour that it is shown in where there are colours."""

    text: str
    colour: LineColour = ""


class TerminalSection(NamedTuple):
    """Some entries under a heading that says how many there are; an entry may take two lines."""

    heading: str
    entries: tuple[tuple[str, ...], ...]
    colour: LineColour = ""

    def size(self, shown: int) -> int:
        """Return the number of lines when the first ``shown`` entries are listed."""
        more = 0 < shown < len(self.entries)
        return 1 + sum(len(entry) for entry in self.entries[:shown]) + more

    def lines(self, shown: int) -> Iterator[TerminalLine]:
        """Yield the heading, the first ``shown`` entries, and how to see the others."""
        if not shown:
            yield TerminalLine(f"{self.heading} ({LISTING_HINT})", self.colour)
            return
        yield TerminalLine(f"{self.heading}:", self.colour)
        for entry in self.entries[:shown]:
            yield from (TerminalLine(text) for text in entry)
        more = len(self.entries) - shown
        if more:
            yield TerminalLine(f"  and {more} more ({LISTING_HINT})")


def choose_detail(asked: str | None, verbosity: int, no_summary: bool) -> TerminalDetail:
    """Return how much to print, from the report asked for and pytest's own options."""
    if asked is None or no_summary:
        return "what fails"
    if verbosity < 0:
        return "last line"
    return "everything" if verbosity or asked == "term-missing" else "ten lines"


def render_terminal_report(
    report: Report, show: ShowLevel | None, width: int, detail: TerminalDetail
) -> tuple[TerminalLine, ...]:
    """Return the report, whose last line counts the incidents.

    At every level of detail, it has each reason that fails the run, and with ``-q`` the number
    of warnings.
    """
    failing = [
        section for section in _build_finding_sections(report.findings) if section.colour == "red"
    ]
    everything = detail == "everything"
    tail = [TerminalLine(sanitize_line(note)) for note in report.registry.notes if everything]
    for gate in report.gates:
        tail += format_gate_line(gate, everything)
        tail += _list_gate_gaps(gate, report, show) if everything else ()
    if detail != "what fails":
        tail.append(_build_last_line(report, detail))
    sections = failing
    if detail in ("ten lines", "everything"):
        sections = list(_build_terminal_sections(report, show, width, everything))
    shown = [len(section.entries) for section in sections]
    if detail != "everything":
        shown = _allot_entries(sections, MOST_TERMINAL_LINES - len(tail))
    head = [line for section, n in zip(sections, shown, strict=True) for line in section.lines(n)]
    return (*(TerminalLine(sanitize_line(line.text), line.colour) for line in head), *tail)


def _build_last_line(report: Report, detail: TerminalDetail) -> TerminalLine:
    """Return the last line; with the number of warnings where these are not listed."""
    text = sanitize_line(format_last_line(report, detail))
    warnings = sum(finding.severity == "warning" for finding in report.findings)
    if warnings and detail == "last line":
        text += f"; {format_count(warnings, 'warning')} (listed without -q)"
    return TerminalLine(text, _choose_colour(report))


def format_unlinked_hint(found: str | None) -> tuple[TerminalLine, ...]:
    """Return the one line that a suite sees which has a registry and no marked test."""
    if found is None:
        return ()
    text = f"{found} holds post-mortems, and no test is linked to one: mark it with"
    return (TerminalLine(sanitize_line(f'{text} @pytest.mark.postmortem("ID")')),)


def format_written_note(destination: Path, verbosity: int) -> tuple[TerminalLine, ...]:
    """Return the line that says where a report is, nothing where pytest is to be quiet."""
    text = f"Incident report written to {destination}"
    return (TerminalLine(sanitize_line(text)),) if verbosity >= 0 else ()


def format_plugin_failure(error: Exception) -> tuple[TerminalLine, ...]:
    """Return the line that says that a plugin could not take the report."""
    text = f"A plugin failed to take the report: {type(error).__name__}: {error}"
    return (TerminalLine(sanitize_line(text), "red"),)


def format_error_lines(error: PostmortemError) -> tuple[TerminalLine, ...]:
    """Return the lines of an error that the run can go on with."""
    return tuple(TerminalLine(sanitize_line(text), "red") for text in str(error).splitlines())


def format_pytest_header(registry: Registry | None, found: str | None) -> str | None:
    """Return the line of pytest's header that names the registry."""
    if registry is not None:
        size = format_count(len(registry), "post-mortem")
        return sanitize_line(f"postmortem: {', '.join(registry.locations)} ({size})")
    return sanitize_line(f"postmortem: {found} (found, not configured)") if found else None


def _allot_entries(sections: Sequence[TerminalSection], room: int) -> list[int]:
    """Return how many entries each section may list while they fit.

    Each section gets one, and the first ones get the rest.
    """
    shown = [0] * len(sections)
    for most in (1, room):
        for index, section in enumerate(sections):
            while shown[index] < min(most, len(section.entries)):
                shown[index] += 1
                if sum(map(TerminalSection.size, sections, shown)) > room:
                    shown[index] -= 1
                    break
    return shown


def _build_terminal_sections(
    report: Report, show: ShowLevel | None, width: int, everything: bool
) -> Iterator[TerminalSection]:
    """Yield the sections, most severe first; what needs no work only with ``everything``.

    An incident is in one of them.
    """
    table = _IncidentTable(report, show, width, everything)
    headings = (*WORK_HEADINGS, *(SETTLED_HEADINGS if everything else (RECURRED_HEADING,)))
    for heading in headings:
        incidents = [incident for incident in report.incidents if heading.is_heading_of(incident)]
        if incidents:
            yield table.build_section(heading, incidents)
    yield from _build_finding_sections(report.findings)


class StateHeading(NamedTuple):
    """The heading over the incidents of some states, in the singular and the plural.

    ``required``, ``hollow`` and ``recurred`` select among these, by whether they are required,
    their tests pass without the fix, and they repeat an earlier incident; None takes both.
    ``urgent`` says that the highest severity belongs in the heading.
    """

    states: tuple[State, ...]
    one: str
    many: str
    colour: LineColour = ""
    required: bool | None = None
    hollow: bool | None = None
    recurred: bool | None = None
    urgent: bool = False

    def is_heading_of(self, incident: IncidentResult) -> bool:
        """Say whether an incident belongs under this heading."""
        return (
            incident.state in self.states
            and self.required in (None, incident.required)
            and self.hollow in (None, incident.passes_without_fix)
            and self.recurred in (None, incident.is_open_recurrence)
        )

    def text(self, count: int) -> str:
        """Return the heading over a number of incidents."""
        return self.one if count == 1 else self.many.format(count)


WORK_HEADINGS = (
    StateHeading(
        ("failing",),
        "A test of 1 incident fails; the problem may be back",
        "Tests of {} incidents fail; the problems may be back",
        "red",
    ),
    StateHeading(
        ("errored",),
        "A test of 1 incident broke in its setup or teardown; nothing can be said",
        "Tests of {} incidents broke in setup or teardown; nothing can be said",
        "red",
    ),
    StateHeading(
        COULD_RETURN_STATES,
        "1 incident could return unnoticed",
        "{} incidents could return unnoticed",
        "yellow",
        required=True,
        urgent=True,
    ),
    StateHeading(
        ("guarded", "not-run"),
        "1 incident could return too: its test passes without the fix",
        "{} incidents could return too: their tests pass without the fix",
        "yellow",
        hollow=True,
        urgent=True,
    ),
)
"""The heading of the incidents to work on, which is always shown."""

RECURRED_HEADING = StateHeading(
    ("not-run", "not-judged"),
    "1 incident repeats an earlier one, and no test of its own passes",
    "{} incidents repeat earlier ones, and no tests of their own pass",
    "yellow",
    hollow=False,
    recurred=True,
)

SETTLED_HEADINGS = (
    StateHeading(
        COULD_RETURN_STATES,
        "1 older incident has no regression test, and needs none",
        "{} older incidents have no regression test, and need none",
        required=False,
    ),
    StateHeading(
        ("not-run",),
        "A test of 1 incident did not run",
        "Tests of {} incidents did not run",
        hollow=False,
    ),
    StateHeading(
        ("not-judged",),
        "1 incident repeats an earlier one, and is not judged here",
        "{} incidents repeat earlier ones, and are not judged here",
        recurred=True,
    ),
    StateHeading(
        ("declared",),
        "1 incident is guarded by something else, not checked here",
        "{} incidents are guarded by something else, not checked here",
    ),
    StateHeading(("exempt",), "1 incident is exempt", "{} incidents are exempt"),
    StateHeading(
        ("guarded",), "1 incident is guarded", "{} incidents are guarded", "green", hollow=False
    ),
)
"""Over the others."""


def _format_guard_facts(incident: IncidentResult) -> Iterator[str]:
    """Yield the facts on a guarded incident."""
    yield format_count(len(incident.tests), "test")
    if incident.flaky:
        yield "flaky"
    if incident.proof is not None:
        yield "proof outdated" if incident.proof.outdated else _format_verdict(incident.proof)
        strength = incident.proof.strength
        if strength is not None and incident.proof.proven and not strength.outdated:
            yield f"strength {strength.noticed} of {strength.total}"


def _format_verdict(proof: Proof) -> str:
    """Return a verdict, not to be taken for a state."""
    clear = proof.verdict.startswith(("proven", "not-proven"))
    return f"{'' if clear else 'proof: '}{proof.verdict.replace('-', ' ')}"


LONGEST_ID = 20
"""What belongs to an incident is shown below its title, or at column 4 where ids are longer."""

LONGEST_SEVERITY = 10
LONGEST_OWNER = 16
LONGEST_ALIGNED_TITLE = 50

LEAST_TITLE = 20
"""A title with fewer columns says too little: then it has the line, and what follows is wrapped."""

FACT_LIMITS = (LONGEST_ID, LONGEST_SEVERITY, LONGEST_OWNER)

BRIEF_REASONS: Mapping[State, str] = {"skipped": "skipped", "known-broken": "xfailed"}
"""Why a test would not notice, where there is no place for more."""


class _IncidentTable:
    """Lays incidents out in columns: id, severity, owner, title, and a remark on the state."""

    def __init__(
        self, report: Report, show: ShowLevel | None, width: int, everything: bool
    ) -> None:
        self._show = show
        self._policy = report.policy
        self._rank = build_severity_ranking(report.policy.severities)
        self._everything = everything
        self._width = width

    def build_section(
        self, heading: StateHeading, incidents: Sequence[IncidentResult]
    ) -> TerminalSection:
        """Return incidents under a heading, most severe first."""
        pairs = [(each, redact_postmortem(each.postmortem, self._show)) for each in incidents]
        pairs.sort(key=lambda pair: self._rank(pair[1].severity))
        text = heading.text(len(pairs))
        if heading.urgent:
            text = ", ".join((text, *self._describe_urgency(pairs)))
        return TerminalSection(text, tuple(self._list_entries(pairs)), heading.colour)

    def _describe_urgency(
        self, pairs: Sequence[tuple[IncidentResult, Postmortem]]
    ) -> Iterator[str]:
        """Yield how many of some incidents are of the highest severity, and how many recurred."""
        severities = [shown.severity for _, shown in pairs]
        urgency = format_urgency(
            severities, self._rank, lambda text: shorten_to_width(text, LONGEST_SEVERITY)
        )
        if urgency:
            yield urgency
        repeated = sum(incident.is_open_recurrence for incident, _ in pairs)
        if repeated and len(pairs) > 1:
            verb = "repeats an earlier one" if repeated == 1 else "repeat earlier ones"
            yield f"{repeated} {verb}"

    def _list_entries(
        self, pairs: Sequence[tuple[IncidentResult, Postmortem]]
    ) -> Iterator[tuple[str, ...]]:
        """Yield the lines of each incident; columns are as wide as those need that may be shown."""
        seen = slice(None if self._everything else MOST_TERMINAL_LINES)
        facts = [self._list_facts(shown) for _, shown in pairs]
        widths = [
            min(limit, max(map(measure_width, column)))
            for limit, column in zip(FACT_LIMITS, zip(*facts[seen], strict=True), strict=True)
        ]
        heads = ["  " + _align_cells(row, widths) for row in facts]
        titles = ["" if shown.title == shown.id else shown.title for _, shown in pairs]
        remarks = [self._format_remark(incident, shown) for incident, shown in pairs]
        if not self._everything:
            start = max(map(measure_width, heads[seen]))
            brief = [self._format_remark(*pair, most=0) for pair in pairs]
            if _measure_row(start, titles[seen], remarks[seen]) > self._width:
                room = self._width - _measure_row(start, (), brief[seen])
                room = room if room >= LEAST_TITLE else max(LEAST_TITLE, self._width - start)
                titles = [shorten_to_width(title, room) for title in titles]
                rest = self._width - _measure_row(start, titles[seen], ()) - 4
                remarks = [self._format_remark(*pair, most=rest) for pair in pairs]
        widest = min(max(map(measure_width, titles[seen])), LONGEST_ALIGNED_TITLE)
        indent = " " * (widths[0] + 4 if max(len(row[0]) for row in facts) <= LONGEST_ID else 4)
        for (incident, _), facts_text, title, remark in zip(
            pairs, heads, titles, remarks, strict=True
        ):
            head = f"{facts_text}{pad_to_width(title, widest)}" if widest else facts_text[:-2]
            line = f"{head}    {remark}".rstrip()
            yield (line, *(indent + text for text in self._below(incident)))

    def _list_facts(self, shown: Postmortem) -> tuple[str, str, str]:
        severity, owner = shown.severity or "", shown.owner or ""
        if not self._everything:
            severity = shorten_to_width(severity, LONGEST_SEVERITY)
            owner = shorten_to_width(owner, LONGEST_OWNER)
        return shown.id, severity, owner

    def _format_remark(
        self, incident: IncidentResult, shown: Postmortem, *, most: int | None = None
    ) -> str:
        if incident.state in ("failing", "errored"):
            return shown.url or ""
        if incident.state == "guarded" and not incident.passes_without_fix:
            return ", ".join(_format_guard_facts(incident))
        if incident.passes_without_fix and incident.state not in COULD_RETURN_STATES:
            day = incident.proof.day if incident.proof else None
            return f"proof of {day}" if day else ""
        reason = redact_reason(incident, self._show)
        if incident.state not in COULD_RETURN_STATES:
            return reason or ""
        what = "no test" if incident.state == "unguarded" else None
        late = self._format_lateness(shown, incident.required, brief=most is not None)
        hollow = "passes without the fix" if incident.passes_without_fix and most is None else None
        if most is not None:
            least = BRIEF_REASONS.get(incident.state, "")
            left = most - measure_width(late or "") - 2
            reason = shorten_to_width(reason or "", left) if left > len(least) + 8 else least
        return ", ".join(fact for fact in (what, reason, hollow, late) if fact)

    def _format_lateness(self, shown: Postmortem, required: bool, *, brief: bool) -> str | None:
        """Say for how long an incident has had no guard: since its grace, where there is one."""
        days = count_days_past_grace(shown.day, self._policy)
        if days is None:
            return f"of {shown.date}" if self._everything and shown.date else None
        if self._policy.grace and required:
            if days > 0:
                return f"{format_count(days, 'day')} {'late' if brief else 'past grace'}"
            return format_grace(shown, self._policy) or "in grace"
        return f"{format_count(max(0, days + (self._policy.grace)), 'day')} old"

    def _below(self, incident: IncidentResult) -> Iterator[str]:
        if incident.state in ("failing", "errored"):
            outcome = "failed" if incident.state == "failing" else "error"
            broken = [str(test.key) for test in incident.tests if test.outcome == outcome]
            if self._everything or len(broken) == 1:
                yield from broken
            else:
                yield f"{broken[0]} and {len(broken) - 1} more"
        if incident.note:
            yield incident.note


def _measure_row(head: int, titles: Sequence[str], remarks: Sequence[str]) -> int:
    """Return the width of the longest row: with the facts in front, a title and a remark."""
    widest = max(map(measure_width, titles), default=0)
    remark = max(map(measure_width, remarks), default=0)
    return head + min(widest, LONGEST_ALIGNED_TITLE) + (4 + remark if remark else 0)


def _align_cells(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Return cells in columns, each followed by two spaces; a column that is empty is left out."""
    pairs = zip(cells, widths, strict=True)
    return "".join(f"{pad_to_width(cell, width)}  " for cell, width in pairs if width)


def _build_finding_sections(findings: Iterable[Finding]) -> Iterator[TerminalSection]:
    errors = [finding for finding in findings if finding.severity == "error"]
    warnings = [finding for finding in findings if finding.severity == "warning"]
    if errors:
        heading = f"{format_count(len(errors), 'error')} in links or registry"
        yield TerminalSection(heading, tuple((f"  {error}",) for error in errors), "red")
    if warnings:
        heading = format_count(len(warnings), "warning")
        yield TerminalSection(heading, tuple((f"  {warning}",) for warning in warnings), "yellow")


def format_gate_line(gate: GateResult, everything: bool) -> tuple[TerminalLine, ...]:
    """Return the line of a gate that failed or left something open, of any when wanted."""
    if not gate.judged:
        return (TerminalLine(sanitize_line(f"Gate {gate.name} {gate.message}"), "yellow"),)
    if not gate.passed:
        return (TerminalLine(sanitize_line(f"Gate {gate.name} failed: {gate.message}"), "red"),)
    if everything or gate.message.startswith("no ") or "not judged" in gate.message:
        return (TerminalLine(sanitize_line(f"Gate {gate.name} passed: {gate.message}"), "green"),)
    return ()


def _list_gate_gaps(
    gate: GateResult, report: Report, show: ShowLevel | None
) -> Iterator[TerminalLine]:
    """Yield each incident that does not meet a gate, with the reason."""
    for incident in report.incidents:
        if incident.postmortem.id in gate.incidents:
            proof, reason = incident.proof, redact_reason(incident, show)
            verdict, outdated = (proof.verdict, proof.outdated) if proof else (None, False)
            why = describe_gate_gap(gate.name, incident.state, reason, verdict, outdated=outdated)
            yield TerminalLine(sanitize_line(f"  {incident.postmortem.id}: {why}"), "red")


def _choose_colour(report: Report) -> LineColour:
    states = {incident.state for incident in report.incidents}
    has_errors = any(finding.severity == "error" for finding in report.findings)
    failed = any(gate.judged and not gate.passed for gate in report.gates)
    if states & {"failing", "errored"} or has_errors or failed:
        return "red"
    all_guarded = (
        report.totals.percent is not None and report.totals.guarded == report.totals.required
    )
    return "green" if all_guarded and not _count_hollow_guards(report) else "yellow"


def format_last_line(report: Report, detail: TerminalDetail = "last line") -> str:
    """Return the last line of the report: guarded incidents, their total, and the missing ones.

    It says how to see these where it is the only line.
    """
    totals = report.totals
    if report.missing:
        head = f"{totals.guarded} of {format_count(totals.required, 'linked incident')} guarded"
        tail = f"{report.missing}, so no gap is claimed"
        return "; ".join((head, *_format_remainder(report, detail), tail))
    if report.scope.kind == "partial":
        return _format_partial_run(report)
    if not totals.required:
        head = "no incident requires a regression test"
    else:
        share = f"{totals.guarded} of {format_count(totals.required)} guarded"
        if totals.percent is not None:
            share += f" ({compute_percentage(totals.guarded, totals.required, digits=1):g} %)"
        head = f"{share}{_format_proven_count(report)}, {totals.linked} linked"
    return "; ".join(filter(None, (head, ", ".join(_format_remainder(report, detail)))))


def _format_proven_count(report: Report) -> str:
    """Say how many of the guarded incidents are proven, and how many have a test that passes
    without the fix, where there is a proof of any.
    """
    if not any(incident.proof is not None for incident in report.incidents):
        return ""
    hollow = _count_hollow_guards(report)
    proven = f", {report.totals.proven} of them proven"
    return f"{proven}, {format_hollow_count(hollow)}" if hollow else proven


def _count_hollow_guards(report: Report) -> int:
    return sum(
        incident.state == "guarded" and incident.passes_without_fix for incident in report.incidents
    )


def _format_partial_run(report: Report) -> str:
    """Count only the incidents that this run saw a test of; the others are not judged here."""
    required = [incident for incident in report.incidents if incident.required]
    seen = sum(incident.state != "not-judged" for incident in required)
    guarded = f"{report.totals.guarded} of {format_count(seen)} seen here guarded"
    head = f"{guarded}{_format_proven_count(report)}"
    waiting = _count_incidents(report, "not-run")
    unseen_count = len(required) - seen
    parts = [f"{unseen_count} not judged: {'; '.join(report.scope.reasons)}"]
    if not unseen_count:
        parts = [f"a part of the suite: {'; '.join(report.scope.reasons)}"]
    if waiting:
        parts.insert(0, f"{waiting} not run")
    return f"{head if seen else 'no incident seen here'}; {', '.join(parts)}"


def _count_incidents(report: Report, state: State, required: bool | None = None) -> int:
    """Return how many incidents are in a state, and are required or not if that matters."""
    return sum(
        incident.state == state and required in (None, incident.required)
        for incident in report.incidents
    )


def _format_remainder(report: Report, detail: TerminalDetail) -> Iterator[str]:
    """Yield the facts that the two figures do not include."""
    executes = report.scope.executes
    not_run = _count_incidents(report, "not-run")
    if not_run:
        yield f"{not_run} not run" + ("" if executes else f": {'; '.join(report.scope.reasons)}")
    gaps = _count_incidents(report, "unguarded", required=True)
    if gaps:
        text = f"{gaps} {'has' if gaps == 1 else 'have'} no regression test"
        yield f"{text} ({LISTING_HINT})" if detail == "last line" else text
    older = _count_incidents(report, "unguarded", required=False)
    if older:
        yield f"{older} older without one"
    declared = _count_incidents(report, "declared")
    if declared:
        yield f"{declared} declared"
    exempt = _count_incidents(report, "exempt")
    if exempt:
        yield f"{exempt} exempt"
    if report.unchecked:
        yield f"{format_count(len(report.unchecked), 'id')} not checked"
    if report.unknown_foreign_ids:
        verb = "is" if len(report.unknown_foreign_ids) == 1 else "are"
        yield f"{format_count(len(report.unknown_foreign_ids), 'id')} of other marks {verb} unknown"
    if report.odd and detail == "everything":
        yield f"{format_count(len(report.odd), 'other mark')} not understood, as {report.odd[0]}"
