"""The report at the end of a run, in the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pytest_postmortem.errors import PostmortemError
from pytest_postmortem.evaluation.evaluate import normalize_severity
from pytest_postmortem.model import Finding, Postmortem, Proof, Registry, ShowLevel, format_count
from pytest_postmortem.report_model import GateResult, IncidentResult, Report, State
from pytest_postmortem.reports.redaction import redact_postmortem, redact_reason
from pytest_postmortem.reports.summary import LISTING_HINT, format_last_line
from pytest_postmortem.text import sanitize_line

COVERAGE_TITLE = "incident coverage"
MOST_TERMINAL_LINES = 10
"""Lines of the report, the last one included, unless the reader asks for more."""

TerminalDetail = Literal["what fails", "last line", "ten lines", "everything"]
LineColour = Literal["red", "yellow", "green", ""]


@dataclass(frozen=True, slots=True)
class TerminalLine:
    """A line of text and the colour that it is shown in where there are colours."""

    text: str
    colour: LineColour = ""


@dataclass(frozen=True, slots=True)
class TerminalSection:
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
    if detail == "what fails":
        sections, tail = failing, [*format_gate_lines(report.gates)]
    elif detail == "last line":
        sections, tail = failing, [*format_gate_lines(report.gates), _last_with_warnings(report)]
    else:
        everything = detail == "everything"
        sections = list(_build_terminal_sections(report, show, width, everything))
        notes = [TerminalLine(sanitize_line(note)) for note in report.notes if everything]
        gates = format_gate_lines(report.gates, everything)
        tail = [*notes, *gates, _build_last_line(report, everything)]
    shown = [len(section.entries) for section in sections]
    if detail != "everything":
        shown = _allot_entries(sections, MOST_TERMINAL_LINES - len(tail))
    head = [line for section, n in zip(sections, shown, strict=True) for line in section.lines(n)]
    return (*(TerminalLine(sanitize_line(line.text), line.colour) for line in head), *tail)


def _build_last_line(report: Report, listed: bool = False) -> TerminalLine:
    return TerminalLine(sanitize_line(format_last_line(report, listed)), _choose_colour(report))


def _last_with_warnings(report: Report) -> TerminalLine:
    """Return the last line with the number of warnings, where these are not listed."""
    last = _build_last_line(report)
    count = sum(finding.severity == "warning" for finding in report.findings)
    if not count:
        return last
    return TerminalLine(
        f"{last.text}; {format_count(count, 'warning')} (listed without -q)", last.colour
    )


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
            text = heading.text(len(incidents))
            yield TerminalSection(text, tuple(table.entries(incidents)), heading.colour)
    recurred = (
        []
        if everything
        else [incident for incident in report.incidents if _is_unlisted_recurrence(incident)]
    )
    if recurred:
        text = RECURRED_HEADING.text(len(recurred))
        yield TerminalSection(text, tuple(table.entries(recurred)), RECURRED_HEADING.colour)
    yield from _build_hollow_section(report, table)
    yield from _build_finding_sections(report.findings)


def _build_hollow_section(report: Report, table: _IncidentTable) -> Iterator[TerminalSection]:
    """Yield the incidents whose tests pass without the fix too."""
    incidents = [
        incident
        for incident in report.incidents
        if incident.proof and incident.proof.hollow and incident.tests
    ]
    if incidents:
        heading = HOLLOW_HEADING.text(len(incidents))
        yield TerminalSection(
            heading, tuple(table.entries(incidents, hollow=True)), HOLLOW_HEADING.colour
        )


def _is_unlisted_recurrence(incident: IncidentResult) -> bool:
    """Say whether an incident came back in spite of a test, and nothing was done about it that
    is known here; those under a heading that is always shown are listed there.
    """
    shown = any(heading.is_heading_of(incident) for heading in STATE_HEADINGS[:3])
    return incident.is_open_recurrence and not shown


@dataclass(frozen=True, slots=True)
class StateHeading:
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
        self._today = report.policy.today
        self._everything = everything
        self._widest = 200 if everything else max(20, min(50, width // 2))

    def entries(
        self, incidents: Sequence[IncidentResult], *, hollow: bool = False
    ) -> Iterator[tuple[str, ...]]:
        """Yield the lines of each incident; of ``hollow`` ones how that was found."""
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
            facts = (shown.severity, self._format_age(shown), incident.reason)
            return ", ".join(fact for fact in facts if fact)
        return redact_reason(incident, self._show) or ""

    def _format_age(self, shown: Postmortem) -> str | None:
        day = shown.day
        if day is None or self._today is None:
            return shown.date
        return f"{format_count(max(0, (self._today - day).days), 'day')} old"

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
