"""The report at the end of a run, in the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from pytest_postmortem.errors import PostmortemError
from pytest_postmortem.evaluation.evaluate import (
    compute_percentage,
    format_grace,
    normalize_severity,
)
from pytest_postmortem.model import Finding, Postmortem, Proof, Registry, ShowLevel, format_count
from pytest_postmortem.report_model import GateResult, IncidentResult, Report, State
from pytest_postmortem.reports.redaction import redact_postmortem, redact_reason
from pytest_postmortem.text import sanitize_line

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
    tail = [TerminalLine(sanitize_line(note)) for note in report.notes if everything]
    for gate in report.gates:
        tail += format_gate_lines([gate], everything)
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
    text = sanitize_line(format_last_line(report, detail == "everything"))
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
    """Return how many entries each section may list, one more for each in turn while they fit."""
    shown = [0] * len(sections)

    def grow_section(index: int) -> bool:
        longer = [*shown[:index], shown[index] + 1, *shown[index + 1 :]]
        pairs = zip(sections, longer, strict=True)
        fits = sum(section.size(n) for section, n in pairs) <= room
        if shown[index] == len(sections[index].entries) or not fits:
            return False
        shown[index] += 1
        return True

    while sum(map(grow_section, range(len(sections)))):
        pass
    return shown


def _build_terminal_sections(
    report: Report, show: ShowLevel | None, width: int, everything: bool
) -> Iterator[TerminalSection]:
    """Yield the sections, most severe first; gaps and guards only with ``everything``."""
    table = _IncidentTable(report, show, width, everything)
    rank = _build_severity_order(report.policy.severities)
    for heading in STATE_HEADINGS if everything else STATE_HEADINGS[:3]:
        incidents = [incident for incident in report.incidents if heading.is_heading_of(incident)]
        if heading.ranked:
            incidents.sort(key=rank)
        if incidents:
            yield table.build_section(heading, incidents)
    recurred = [incident for incident in report.incidents if _is_unlisted_recurrence(incident)]
    if recurred and not everything:
        yield table.build_section(RECURRED_HEADING, recurred)
    hollow = [
        incident
        for incident in report.incidents
        if incident.proof and incident.proof.hollow and incident.tests
    ]
    if hollow:
        yield table.build_section(HOLLOW_HEADING, hollow, hollow=True)
    yield from _build_finding_sections(report.findings)


def _is_unlisted_recurrence(incident: IncidentResult) -> bool:
    """Say whether an incident came back in spite of a test, and nothing was done about it that
    is known here; those under a heading that is always shown are listed there.
    """
    shown = any(heading.is_heading_of(incident) for heading in STATE_HEADINGS[:3])
    return incident.is_open_recurrence and not shown


class StateHeading(NamedTuple):
    """The heading over the incidents of some states, in the singular and the plural."""

    states: tuple[State, ...]
    one: str
    many: str
    colour: LineColour = ""
    required: bool | None = None
    ranked: bool = False

    def is_heading_of(self, incident: IncidentResult) -> bool:
        """Say whether an incident belongs under this heading."""
        fits = self.required is None or incident.required == self.required
        return fits and incident.state in self.states

    def text(self, count: int) -> str:
        """Return the heading over a number of incidents."""
        return self.one if count == 1 else self.many.format(count)


STATE_HEADINGS = (
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
        ("known-broken", "skipped"),
        "1 incident is linked, but nothing here would catch it",
        "{} incidents are linked, but nothing here would catch them",
        "yellow",
    ),
    StateHeading(
        ("unguarded",),
        "1 incident has no regression test",
        "{} incidents have no regression test",
        "yellow",
        required=True,
        ranked=True,
    ),
    StateHeading(
        ("unguarded",),
        "1 older incident has no regression test, and needs none",
        "{} older incidents have no regression test, and need none",
        required=False,
    ),
    StateHeading(
        ("not-run",), "A test of 1 incident did not run", "Tests of {} incidents did not run"
    ),
    StateHeading(
        ("declared",),
        "1 incident is guarded by something else, not checked here",
        "{} incidents are guarded by something else, not checked here",
    ),
    StateHeading(("exempt",), "1 incident is exempt", "{} incidents are exempt"),
    StateHeading(("guarded",), "1 incident is guarded", "{} incidents are guarded", "green"),
)

RECURRED_HEADING = StateHeading(
    (),
    "1 incident repeats an earlier one, and no test of its own passes",
    "{} incidents repeat earlier ones, and no tests of their own pass",
    "yellow",
)


HOLLOW_HEADING = StateHeading(
    (),
    "The test of 1 incident is hollow: it passes without the fix too",
    "The tests of {} incidents are hollow: they pass without the fix too",
    "yellow",
)


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


def _build_severity_order(severities: Sequence[str]) -> Callable[[IncidentResult], int]:
    """Return the order of incidents by severity: as configured, unknown ones last."""
    ranks = {
        normalize_severity(severity): rank_incident
        for rank_incident, severity in enumerate(severities)
    }

    def rank_incident(incident: IncidentResult) -> int:
        return ranks.get(normalize_severity(incident.postmortem.severity or ""), len(ranks))

    return rank_incident


LONGEST_ID = 20
"""What belongs to an incident is shown below its title, or at column 4 where ids are longer."""


class _IncidentTable:
    """Lays incidents out in columns: id, title, and a remark on the state."""

    def __init__(
        self, report: Report, show: ShowLevel | None, width: int, everything: bool
    ) -> None:
        self._show = show
        self._policy = report.policy
        self._everything = everything
        self._widest = 200 if everything else max(20, min(50, width // 2))

    def build_section(
        self, heading: StateHeading, incidents: Sequence[IncidentResult], *, hollow: bool = False
    ) -> TerminalSection:
        """Return incidents under a heading; those of ``hollow`` ones with the day of the proof."""
        entries = tuple(self._list_entries(incidents, hollow))
        return TerminalSection(heading.text(len(incidents)), entries, heading.colour)

    def _list_entries(
        self, incidents: Sequence[IncidentResult], hollow: bool
    ) -> Iterator[tuple[str, ...]]:
        shown = [redact_postmortem(incident.postmortem, self._show) for incident in incidents]
        ids = max(len(each.id) for each in shown)
        titles = [self._title(each) for each in shown]
        widest = max(map(len, titles))
        indent = " " * (ids + 4 if ids <= LONGEST_ID else 4)
        for incident, postmortem, title in zip(incidents, shown, titles, strict=True):
            line = f"  {postmortem.id:<{ids}}  {title:<{widest}}".rstrip()
            remark = self._format_remark(incident, postmortem)
            if hollow and incident.proof:
                remark = incident.proof.day.isoformat() if incident.proof.day else ""
            line += f"    {remark}" if remark else ""
            yield (line, *(indent + text for text in self._below(incident)))

    def _title(self, postmortem: Postmortem) -> str:
        title = "" if postmortem.title == postmortem.id else postmortem.title
        return title if len(title) <= self._widest else title[: self._widest - 3].rstrip() + "..."

    def _format_remark(self, incident: IncidentResult, shown: Postmortem) -> str:
        if incident.state in ("failing", "errored"):
            return shown.url or ""
        if incident.state == "guarded":
            return ", ".join(_format_guard_facts(incident))
        if incident.state == "unguarded":
            grace = format_grace(shown, self._policy) if incident.required else None
            facts = (shown.severity, self._format_age(shown), incident.reason, grace)
            return ", ".join(fact for fact in facts if fact)
        return redact_reason(incident, self._show) or ""

    def _format_age(self, shown: Postmortem) -> str | None:
        day, today = shown.day, self._policy.today
        if day is None or today is None:
            return shown.date
        return f"{format_count(max(0, (today - day).days), 'day')} old"

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


def _build_finding_sections(findings: Iterable[Finding]) -> Iterator[TerminalSection]:
    errors = [finding for finding in findings if finding.severity == "error"]
    warnings = [finding for finding in findings if finding.severity == "warning"]
    if errors:
        heading = f"{format_count(len(errors), 'error')} in links or registry"
        yield TerminalSection(heading, tuple((f"  {error}",) for error in errors), "red")
    if warnings:
        heading = format_count(len(warnings), "warning")
        yield TerminalSection(heading, tuple((f"  {warning}",) for warning in warnings), "yellow")


def format_gate_lines(
    gates: Iterable[GateResult], everything: bool = False
) -> Iterator[TerminalLine]:
    """Yield a line for each gate that failed or left something open, for all when wanted."""
    for gate in gates:
        if not gate.judged:
            yield TerminalLine(sanitize_line(f"Gate {gate.name} {gate.message}"), "yellow")
        elif not gate.passed:
            yield TerminalLine(sanitize_line(f"Gate {gate.name} failed: {gate.message}"), "red")
        elif everything or gate.message.startswith("no ") or "not judged" in gate.message:
            yield TerminalLine(sanitize_line(f"Gate {gate.name} passed: {gate.message}"), "green")


def _list_gate_gaps(
    gate: GateResult, report: Report, show: ShowLevel | None
) -> Iterator[TerminalLine]:
    """Yield each incident that does not meet a gate, with the reason."""
    from pytest_postmortem.evaluation.gates import describe_gate_gap

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
    return "green" if all_guarded else "yellow"


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
    else:
        share = f"{totals.guarded} of {format_count(totals.required)} guarded"
        if totals.percent is not None:
            share += f" ({compute_percentage(totals.guarded, totals.required, digits=1):g} %)"
        head = f"{share}{_format_proven_count(report)}, {totals.linked} linked"
    return "; ".join(filter(None, (head, ", ".join(_format_remainder(report, listed)))))


def _format_proven_count(report: Report) -> str:
    """Say how many are proven, where it is known of any whether they are."""
    has_any_proof = any(incident.proof is not None for incident in report.incidents)
    return f", {report.totals.proven} of them proven" if has_any_proof else ""


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


def _format_remainder(report: Report, listed: bool) -> Iterator[str]:
    """Yield the facts that the two figures do not include."""
    executes = report.scope.executes
    not_run = _count_incidents(report, "not-run")
    if not_run:
        yield f"{not_run} not run" + ("" if executes else f": {'; '.join(report.scope.reasons)}")
    gaps = _count_incidents(report, "unguarded", required=True)
    if gaps:
        text = f"{gaps} {'has' if gaps == 1 else 'have'} no regression test"
        yield text if listed else f"{text} ({LISTING_HINT})"
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
    if report.odd and listed:
        yield f"{format_count(len(report.odd), 'other mark')} not understood, as {report.odd[0]}"
