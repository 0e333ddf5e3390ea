"""The report at the end of a run, in the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pytest_postmortem.assess import severity_key
from pytest_postmortem.errors import PostmortemError
from pytest_postmortem.model import Finding, Postmortem, Proof, Registry, Show, count_of
from pytest_postmortem.reports.failure import plain
from pytest_postmortem.reports.shown import reason_shown, reveal
from pytest_postmortem.reports.summary import LISTED, last_line
from pytest_postmortem.states import Gate, Incident, Report, State

__all__ = [
    "TITLE",
    "Detail",
    "Line",
    "detail",
    "header",
    "hint",
    "render",
]

TITLE = "incident coverage"
MOST_LINES = 10
"""Lines of the report, the last one included, unless the reader asks for more."""

Detail = Literal["what fails", "last line", "ten lines", "everything"]
Colour = Literal["red", "yellow", "green", ""]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text and the colour that it is shown in where there are colours."""

    text: str
    colour: Colour = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Some entries under a heading that says how many there are; an entry may take two lines."""

    heading: str
    entries: tuple[tuple[str, ...], ...]
    colour: Colour = ""

    def size(self, shown: int) -> int:
        """Return the number of lines when the first ``shown`` entries are listed."""
        more = 0 < shown < len(self.entries)
        return 1 + sum(len(entry) for entry in self.entries[:shown]) + more

    def lines(self, shown: int) -> Iterator[Line]:
        """Yield the heading, the first ``shown`` entries, and how to see the others."""
        if not shown:
            yield Line(f"{self.heading} ({LISTED})", self.colour)
            return
        yield Line(f"{self.heading}:", self.colour)
        for entry in self.entries[:shown]:
            yield from (Line(text) for text in entry)
        more = len(self.entries) - shown
        if more:
            yield Line(f"  and {more} more ({LISTED})")


def detail(asked: str | None, verbosity: int, no_summary: bool) -> Detail:
    """Return how much to print, from the report asked for and pytest's own options."""
    if asked is None or no_summary:
        return "what fails"
    if verbosity < 0:
        return "last line"
    return "everything" if verbosity or asked == "term-missing" else "ten lines"


def render(report: Report, show: Show | None, width: int, detail: Detail) -> tuple[Line, ...]:
    """Return the report, whose last line counts the incidents.

    However little is asked for, what turns a green run red is said, and with ``-q`` how
    many warnings there are.
    """
    failing = [section for section in _findings(report.findings) if section.colour == "red"]
    if detail == "what fails":
        sections, tail = failing, [*verdicts(report.gates)]
    elif detail == "last line":
        sections, tail = failing, [*verdicts(report.gates), _last_with_warnings(report)]
    else:
        everything = detail == "everything"
        sections = list(_sections(report, show, width, everything))
        tail = [*verdicts(report.gates, everything), _last(report, everything)]
    shown = [len(section.entries) for section in sections]
    if detail != "everything":
        shown = _allot(sections, MOST_LINES - len(tail))
    head = [line for section, n in zip(sections, shown, strict=True) for line in section.lines(n)]
    return (*(Line(plain(line.text), line.colour) for line in head), *tail)


def _last(report: Report, listed: bool = False) -> Line:
    return Line(plain(last_line(report, listed)), _colour(report))


def _last_with_warnings(report: Report) -> Line:
    """Return the last line with the number of warnings, where these are not listed."""
    last = _last(report)
    count = sum(finding.severity == "warning" for finding in report.findings)
    if not count:
        return last
    return Line(f"{last.text}; {count_of(count, 'warning')} (listed without -q)", last.colour)


def hint(found: str | None) -> tuple[Line, ...]:
    """Return the one line that a suite sees which has a registry and no marked test."""
    if found is None:
        return ()
    text = f"{found} holds post-mortems, and no test is linked to one: mark it with"
    return (Line(plain(f'{text} @pytest.mark.postmortem("ID")')),)


def written(destination: Path, verbosity: int) -> tuple[Line, ...]:
    """Return the line that says where a report is, nothing where pytest is to be quiet."""
    text = f"Incident report written to {destination}"
    return (Line(plain(text)),) if verbosity >= 0 else ()


def plugin_failed(error: Exception) -> tuple[Line, ...]:
    """Return the line that says that a plugin could not take the report."""
    text = f"A plugin failed to take the report: {type(error).__name__}: {error}"
    return (Line(plain(text), "red"),)


def complaint(error: PostmortemError) -> tuple[Line, ...]:
    """Return the lines of an error that the run can go on with."""
    return tuple(Line(plain(text), "red") for text in str(error).splitlines())


def header(registry: Registry | None, found: str | None) -> str | None:
    """Return the line of pytest's header that names the registry."""
    if registry is not None:
        size = count_of(len(registry), "post-mortem")
        return plain(f"postmortem: {', '.join(registry.locations)} ({size})")
    return plain(f"postmortem: {found} (found, not configured)") if found else None


def _allot(sections: Sequence[Section], room: int) -> list[int]:
    """Return how many entries each section may list, one more for each in turn while they fit."""
    shown = [0] * len(sections)

    def grow(index: int) -> bool:
        longer = [*shown[:index], shown[index] + 1, *shown[index + 1 :]]
        pairs = zip(sections, longer, strict=True)
        fits = sum(section.size(n) for section, n in pairs) <= room
        if shown[index] == len(sections[index].entries) or not fits:
            return False
        shown[index] += 1
        return True

    while sum(map(grow, range(len(sections)))):
        pass
    return shown


def _sections(report: Report, show: Show | None, width: int, everything: bool) -> Iterator[Section]:
    """Yield what there is to say, the gravest first; gaps and guards only when all is wanted."""
    table = _Table(report, show, width, everything)
    rank = _rank(report.policy.severities)
    for heading in HEADINGS if everything else HEADINGS[:3]:
        incidents = [each for each in report.incidents if heading.covers(each)]
        if heading.ranked:
            incidents.sort(key=rank)
        if incidents:
            text = heading.text(len(incidents))
            yield Section(text, tuple(table.entries(incidents)), heading.colour)
    recurred = [] if everything else [each for each in report.incidents if _recurred(each)]
    if recurred:
        text = RECURRED.text(len(recurred))
        yield Section(text, tuple(table.entries(recurred)), RECURRED.colour)
    yield from _hollow(report, table)
    yield from _findings(report.findings)


def _hollow(report: Report, table: _Table) -> Iterator[Section]:
    """Yield the incidents whose tests pass without the fix too."""
    incidents = [
        each for each in report.incidents if each.proof and each.proof.hollow and each.tests
    ]
    if incidents:
        heading = HOLLOW.text(len(incidents))
        yield Section(heading, tuple(table.entries(incidents, hollow=True)), HOLLOW.colour)


def _recurred(incident: Incident) -> bool:
    """Say whether an incident came back in spite of a test, and nothing was done about it that
    is known here; those under a heading that is always shown are told there.
    """
    shown = any(heading.covers(incident) for heading in HEADINGS[:3])
    return incident.is_open_recurrence and not shown


@dataclass(frozen=True, slots=True)
class Heading:
    """The heading over the incidents of some states, in the singular and the plural."""

    states: tuple[State, ...]
    one: str
    many: str
    colour: Colour = ""
    required: bool | None = None
    ranked: bool = False

    def covers(self, incident: Incident) -> bool:
        """Say whether an incident stands under this heading."""
        fits = self.required is None or incident.required == self.required
        return fits and incident.state in self.states

    def text(self, count: int) -> str:
        """Return the heading over a number of incidents."""
        return self.one if count == 1 else self.many.format(count)


HEADINGS = (
    Heading(
        ("failing",),
        "A test of 1 incident fails; the problem may be back",
        "Tests of {} incidents fail; the problems may be back",
        "red",
    ),
    Heading(
        ("errored",),
        "A test of 1 incident broke in its setup or teardown; nothing can be said",
        "Tests of {} incidents broke in setup or teardown; nothing can be said",
        "red",
    ),
    Heading(
        ("known-broken", "skipped"),
        "1 incident is linked, but nothing here would catch it",
        "{} incidents are linked, but nothing here would catch them",
        "yellow",
    ),
    Heading(
        ("unguarded",),
        "1 incident has no regression test",
        "{} incidents have no regression test",
        "yellow",
        required=True,
        ranked=True,
    ),
    Heading(
        ("unguarded",),
        "1 older incident has no regression test, and needs none",
        "{} older incidents have no regression test, and need none",
        required=False,
    ),
    Heading(("not-run",), "A test of 1 incident did not run", "Tests of {} incidents did not run"),
    Heading(
        ("declared",),
        "1 incident is guarded by something else, not checked here",
        "{} incidents are guarded by something else, not checked here",
    ),
    Heading(("exempt",), "1 incident is exempt", "{} incidents are exempt"),
    Heading(("guarded",), "1 incident is guarded", "{} incidents are guarded", "green"),
)

RECURRED = Heading(
    (),
    "1 incident repeats an earlier one, and no test of its own passes",
    "{} incidents repeat earlier ones, and no tests of their own pass",
    "yellow",
)


HOLLOW = Heading(
    (),
    "The test of 1 incident is hollow: it passes without the fix too",
    "The tests of {} incidents are hollow: they pass without the fix too",
    "yellow",
)


def _guard(incident: Incident) -> Iterator[str]:
    """Yield what there is to say of a guarded incident."""
    yield count_of(len(incident.tests), "test")
    if incident.flaky:
        yield "flaky"
    if incident.proof is not None:
        yield "proof outdated" if incident.proof.outdated else _verdict(incident.proof)


def _verdict(proof: Proof) -> str:
    """Return a verdict, not to be taken for a state."""
    clear = proof.verdict.startswith(("proven", "not-proven"))
    return f"{'' if clear else 'proof: '}{proof.verdict.replace('-', ' ')}"


def _rank(severities: Sequence[str]) -> Callable[[Incident], int]:
    """Return the order of incidents by severity: as configured, and what is not named last."""
    ranks = {severity_key(severity): rank for rank, severity in enumerate(severities)}

    def rank(incident: Incident) -> int:
        return ranks.get(severity_key(incident.postmortem.severity or ""), len(ranks))

    return rank


LONGEST_ID = 20
"""What belongs to an incident is shown below its title, or at column 4 where ids are longer."""


class _Table:
    """Lays incidents out in columns: id, title, and what there is to say of the state."""

    def __init__(self, report: Report, show: Show | None, width: int, everything: bool) -> None:
        self._show = show
        self._today = report.policy.today
        self._everything = everything
        self._widest = 200 if everything else max(20, min(50, width // 2))

    def entries(
        self, incidents: Sequence[Incident], *, hollow: bool = False
    ) -> Iterator[tuple[str, ...]]:
        """Yield the lines of each incident; of ``hollow`` ones how that was found."""
        shown = [reveal(incident.postmortem, self._show) for incident in incidents]
        ids = max(len(each.id) for each in shown)
        titles = [self._title(each) for each in shown]
        widest = max(map(len, titles))
        indent = " " * (ids + 4 if ids <= LONGEST_ID else 4)
        for incident, postmortem, title in zip(incidents, shown, titles, strict=True):
            line = f"  {postmortem.id:<{ids}}  {title:<{widest}}".rstrip()
            remark = self._remark(incident, postmortem)
            if hollow and incident.proof:
                remark = incident.proof.day.isoformat() if incident.proof.day else ""
            line += f"    {remark}" if remark else ""
            yield (line, *(indent + text for text in self._below(incident)))

    def _title(self, postmortem: Postmortem) -> str:
        title = "" if postmortem.title == postmortem.id else postmortem.title
        return title if len(title) <= self._widest else title[: self._widest - 3].rstrip() + "..."

    def _remark(self, incident: Incident, shown: Postmortem) -> str:
        if incident.state in ("failing", "errored"):
            return shown.url or ""
        if incident.state == "guarded":
            return ", ".join(_guard(incident))
        if incident.state == "unguarded":
            facts = (shown.severity, self._age(shown), incident.reason)
            return ", ".join(fact for fact in facts if fact)
        return reason_shown(incident, self._show) or ""

    def _age(self, shown: Postmortem) -> str | None:
        day = shown.day
        if day is None or self._today is None:
            return shown.date
        return f"{count_of(max(0, (self._today - day).days), 'day')} old"

    def _below(self, incident: Incident) -> Iterator[str]:
        if incident.state in ("failing", "errored"):
            outcome = "failed" if incident.state == "failing" else "error"
            broken = [str(test.key) for test in incident.tests if test.outcome == outcome]
            if self._everything or len(broken) == 1:
                yield from broken
            else:
                yield f"{broken[0]} and {len(broken) - 1} more"
        if incident.note:
            yield incident.note


def _findings(findings: Iterable[Finding]) -> Iterator[Section]:
    errors = [finding for finding in findings if finding.severity == "error"]
    warnings = [finding for finding in findings if finding.severity == "warning"]
    if errors:
        heading = f"{count_of(len(errors), 'error')} in links or registry"
        yield Section(heading, tuple((f"  {error}",) for error in errors), "red")
    if warnings:
        heading = count_of(len(warnings), "warning")
        yield Section(heading, tuple((f"  {warning}",) for warning in warnings), "yellow")


def verdicts(gates: Iterable[Gate], everything: bool = False) -> Iterator[Line]:
    """Yield a line for each gate that failed or left something open, for all when wanted."""
    for gate in gates:
        if not gate.judged:
            yield Line(plain(f"Gate {gate.name} {gate.message}"), "yellow")
        elif not gate.passed:
            yield Line(plain(f"Gate {gate.name} failed: {gate.message}"), "red")
        elif everything or gate.message.startswith("no ") or "not judged" in gate.message:
            yield Line(plain(f"Gate {gate.name} passed: {gate.message}"), "green")


def _colour(report: Report) -> Colour:
    states = {incident.state for incident in report.incidents}
    wrong = any(finding.severity == "error" for finding in report.findings)
    failed = any(gate.judged and not gate.passed for gate in report.gates)
    if states & {"failing", "errored"} or wrong or failed:
        return "red"
    whole = report.totals.percent is not None and report.totals.guarded == report.totals.required
    return "green" if whole else "yellow"
