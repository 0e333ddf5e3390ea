"""The report in Markdown, for pull requests and the summary of a CI job; from the JSON report."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from pytest_postmortem.documents.action_progress import classify_action_progress
from pytest_postmortem.evaluation.evaluate import compute_percentage
from pytest_postmortem.evaluation.gates import describe_gate_gap
from pytest_postmortem.model import NodeKey, format_count
from pytest_postmortem.report_model import COULD_RETURN_STATES, format_hollow_count
from pytest_postmortem.reports.incident_facts import (
    build_severity_ranking,
    compute_days_past_grace,
    could_return,
    format_urgency,
    passes_without_fix,
)
from pytest_postmortem.text import shorten_text

ZERO_WIDTH_SPACE = "\u200b"
"""A space of no width: hosts search rendered text for names and numbers, and a backslash does not
keep them from it.
"""


_SPECIAL = re.compile(r"([\\`*_\[\]|~$])")


_STARTS = re.compile(r"^([-+#=]|\d+(?=[.)]))")


_CALLS = re.compile(r"@(?=\w)|[#!%&](?=\d)|(?<=\w)://|\bwww(?=\.)|\bGH(?=-\d)", re.IGNORECASE)


_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def escape_markdown(text: str) -> str:
    """Return text in one line that Markdown shows as it is, in a paragraph, a list or a table.

    No name becomes a mention, no number a reference, no address a link, and no line a command of
    GitHub Actions or GitLab.
    """
    text = _join_printable_line(text)
    text = _CALLS.sub(lambda found: found[0] + ZERO_WIDTH_SPACE, text)
    text = re.sub("[&<>]", lambda found: _ENTITIES[found[0]], text)
    text = _SPECIAL.sub(r"\\\1", text)
    text = re.sub(r"^(::|/)", rf"{ZERO_WIDTH_SPACE}\1", text)
    return _STARTS.sub(lambda found: _escape_line_start(found[1]), text)


def format_markdown_code(text: str) -> str:
    """Return text in one line as code, for anywhere but a table."""
    text = _join_printable_line(text).replace("##[", "## [")
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    space = " " if text[:1] in ("`", "") or text[-1:] == "`" else ""
    return f"{fence}{space}{text}{space}{fence}"


def format_markdown_link(text: str, url: str | None) -> str:
    """Return text that leads to a web address, or the text alone where there is none."""
    if url is None or not re.match(r"https?://[^\s/]", url, re.IGNORECASE):
        return escape_markdown(text)
    target = quote(url, safe="%/:?#@!$&*+,;=~", errors="backslashreplace").replace("&", "&amp;")
    return f"[{escape_markdown(text)}]({target})"


def _join_printable_line(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _escape_line_start(mark: str) -> str:
    """Keep the start of a line from being that of a list or a heading."""
    return f"{mark}\\" if mark.isdigit() else f"\\{mark}"


class StateSection(NamedTuple):
    """The incidents of some states under a heading; ``opened`` says that it is not folded.

    ``required`` and ``hollow`` select among these, by whether they are required, and whether their
    tests pass without the fix; None takes both.
    """

    states: tuple[str, ...]
    title: str
    sign: str = "▫️"
    opened: bool = False
    required: bool | None = None
    hollow: bool | None = None

    def is_section_of(self, incident: Mapping[str, Any]) -> bool:
        """Say whether an incident belongs in this section."""
        return (
            incident["state"] in self.states
            and self.required in (None, bool(incident.get("required", True)))
            and self.hollow in (None, passes_without_fix(incident))
        )


STATE_SECTIONS = (
    StateSection(("failing",), "The problem may be back", "❌", opened=True),
    StateSection(
        ("errored",), "Nothing can be said, a set-up or tear-down broke", "⚠️", opened=True
    ),
    StateSection(COULD_RETURN_STATES, "Could return unnoticed", "⬜", opened=True, required=True),
    StateSection(("guarded", "not-run"), "Passes without its fix", "⬜", opened=True, hollow=True),
    StateSection(COULD_RETURN_STATES, "Older, needs no test", required=False),
    StateSection(("not-run",), "Not run", hollow=False),
    StateSection(("not-judged",), "Not judged here"),
    StateSection(("declared",), "Guarded by something else"),
    StateSection(("exempt",), "Exempt"),
    StateSection(("guarded",), "Guarded", "✅", hollow=False),
)
"""The sections of a report, most severe first; an incident is in one of them."""

MOST_OPEN = 25
"""A section with more rows is folded, so that a comment stays readable."""

MOST_ROWS = 100
"""The rows of one table."""

MOST_ITEMS = 5
"""The action items of one incident."""

LONGEST_REPORT = 60_000
"""The characters of a whole report: GitHub refuses a comment of more than 65,536."""

LONGEST_NAME = 40
"""The characters of a severity or an owner in a sentence."""

LONGEST_TEXT = 500
"""The characters of one text, such as a title or a reason; of an address four times as many."""

REDUNDANT_VERDICTS: Mapping[str, str] = {"skipped": "skipped", "failing": "fails-with-fix"}
"""The verdicts of `prove` that say no more than a state does."""


def render_markdown_report(document: Mapping[str, Any]) -> str:
    """Return the report as Markdown that GitHub and GitLab render.

    A report that is too long is cut, least severe first: action items and rows of a section, then
    sections, which are named.
    """
    head = [f"### {_format_report_headline(document)}", "", *format_report_notes(document)]
    text = "\n".join(head).rstrip() + "\n"
    return append_fitting_sections(text, build_markdown_sections(document), LONGEST_REPORT)


def append_fitting_sections(text: str, sections: Iterable[MarkdownSection], most: int) -> str:
    """Return a text with as many sections as fit in ``most`` characters; the others are named."""
    omitted_names: list[str] = []
    for section in sections:
        part = _fit_section(section, most - len(text))
        if part is None:
            omitted_names.append(section.name)
        else:
            text += f"\n{part.rstrip()}\n"
    if omitted_names:
        names = "; ".join(omitted_names)
        more = format_count(len(omitted_names), "more section")
        text += f"\n{more} left out, since this would be too long: {names}.\n"
    return text


class MarkdownSection(NamedTuple):
    """A section of a report: ``rows`` with all facts, ``brief`` with fewer; ``total`` is the number
    of rows that there are, of ``what``.
    """

    name: str
    sign: str
    head: str
    rows: Sequence[str]
    brief: Sequence[str]
    total: int
    what: str
    folded: bool


def _fit_section(section: MarkdownSection, room: int) -> str | None:
    """Return as much of a section as fits, None if no row does."""
    whole = _render_section(section, section.rows)
    if len(whole) <= room:
        return whole
    brief = section.brief != section.rows
    texts = (
        _render_section(section, section.brief[:count], brief=brief)
        for count in range(len(section.brief), 0, -1)
    )
    return next((text for text in texts if len(text) <= room), None)


def _render_section(section: MarkdownSection, rows: Sequence[str], brief: bool = False) -> str:
    heading = f"{section.sign}{section.name}"
    parts = [section.head + "\n".join(rows)]
    if section.total > len(rows):
        parts.append(f"and {format_count(section.total - len(rows), f'more {section.what}')}")
    if brief:
        parts.append("Action items are left out, since this would be too long.")
    text = "\n\n".join(parts)
    if section.folded:
        return f"<details><summary>{heading}</summary>\n\n{text}\n\n</details>"
    return f"#### {heading}\n\n{text}"


def _format_report_headline(document: Mapping[str, Any]) -> str:
    failing = sum(incident["state"] == "failing" for incident in document["incidents"])
    back = f"❌ {format_count(failing)} may be back; " if failing else ""
    open_incidents = [each for each in document["incidents"] if could_return(each)]
    count = format_count(len(open_incidents)) if not failing else str(len(open_incidents))
    urgency = _format_urgency(document, open_incidents)
    returning = f"{count} could return unnoticed{urgency}; " if open_incidents else ""
    return f"{back}{returning}{format_report_figures(document)}"


def _format_urgency(document: Mapping[str, Any], incidents: Sequence[Mapping[str, Any]]) -> str:
    """Say how many of some incidents are of the highest severity, where one is known."""
    urgency = format_urgency(
        [incident["severity"] for incident in incidents],
        build_severity_ranking(document["policy"].get("severities") or ()),
        lambda severity: escape_markdown(shorten_text(severity, LONGEST_NAME)),
    )
    return f", {urgency}" if urgency else ""


def format_report_figures(document: Mapping[str, Any]) -> str:
    """Return the figures of a report in one line."""
    totals = document["totals"]
    guarded, required = totals["guarded"], totals["required"]
    if not required:
        return "No incident requires a regression test"
    share = (
        f" ({compute_percentage(guarded, required, digits=1):g} %)"
        if totals["percent"] is not None
        else ""
    )
    proven = f", {totals['proven']} of them proven" if totals["proven"] else ""
    hollow = sum(
        incident["state"] == "guarded" and passes_without_fix(incident)
        for incident in document["incidents"]
    )
    if hollow:
        proven += f", {format_hollow_count(hollow)}"
    return (
        f"{guarded} of {format_count(required)} guarded{share}{proven}, {totals['linked']} linked"
    )


def format_report_notes(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the limits of the figures, and the messages of the gates."""
    for reason in document.get("unjudged", ()):
        yield f"- not judged as a whole: {_escape_limited_text(reason)}"
    for gate in document["gates"]:
        verdict = "passed" if gate["passed"] else "**failed**"
        verdict = verdict if gate["judged"] else "**not judged**"
        message = gate["message"].removeprefix("not judged: ")
        yield (
            f"- gate {_escape_limited_text(gate['name'])} {verdict}:"
            f" {_escape_limited_text(message)}"
        )
        yield from _list_gate_gaps(gate, document["incidents"])
    for place in document.get("registry", {}).get("partial", ()):
        yield f"- the registry is partial: {_escape_limited_text(place)}"


def _list_gate_gaps(
    gate: Mapping[str, Any], incidents: Iterable[Mapping[str, Any]]
) -> Iterator[str]:
    """Yield the incidents that do not meet a gate with their reasons, up to `MOST_ROWS`."""
    ids = gate.get("incidents", ())
    by_id = {incident["id"]: incident for incident in incidents}
    for incident in (by_id[id] for id in ids[:MOST_ROWS] if id in by_id):
        proof = incident.get("proof") or {}
        why = describe_gate_gap(
            gate["name"],
            incident["state"],
            incident.get("reason"),
            proof.get("verdict"),
            outdated=bool(proof.get("outdated")),
        )
        yield f"  - {_escape_limited_text(incident['id'])}: {_escape_limited_text(why)}"
    if len(ids) > MOST_ROWS:
        yield f"  - and {len(ids) - MOST_ROWS} more"


def build_markdown_sections(document: Mapping[str, Any]) -> Iterator[MarkdownSection]:
    """Yield the sections of the report, most severe first."""
    policy = document["policy"]
    rank = build_severity_ranking(policy.get("severities") or ())
    for rule in STATE_SECTIONS:
        incidents = [incident for incident in document["incidents"] if rule.is_section_of(incident)]
        incidents.sort(key=lambda incident: rank(incident["severity"]))
        if incidents:
            has_owner = any(incident.get("owner") for incident in incidents)
            rows, brief = [], []
            for incident in incidents[:MOST_ROWS]:
                remarks = [*_format_incident_remarks(incident, policy)]
                items = _format_open_items(incident, policy.get("today"))
                rows.append(_format_incident_row(incident, [*remarks, *items], has_owner))
                brief.append(_format_incident_row(incident, remarks, has_owner))
            urgency = _format_urgency(document, incidents) if rule.opened else ""
            yield MarkdownSection(
                f"{rule.title}: {format_count(len(incidents))}{urgency}",
                f"{rule.sign} ",
                "| incident | severity | owner | date | |\n|---|---|---|---|---|\n"
                if has_owner
                else "| incident | severity | date | |\n|---|---|---|---|\n",
                rows,
                brief,
                len(incidents),
                "incident",
                folded=not rule.opened or len(incidents) > MOST_OPEN,
            )
    yield from _build_findings_section(document["findings"])


def _format_incident_row(
    incident: Mapping[str, Any], remarks: Sequence[str], has_owner: bool
) -> str:
    title = (
        "" if incident["title"] == incident["id"] else f" {_escape_limited_text(incident['title'])}"
    )
    url = incident["url"]
    name = format_markdown_link(
        shorten_text(incident["id"], LONGEST_TEXT),
        None if url and len(url) > 4 * LONGEST_TEXT else url,
    )
    owner = (incident.get("owner"),) if has_owner else ()
    facts = (incident["severity"], *owner, incident["date"])
    cells = (_escape_limited_text(fact) if fact else "" for fact in facts)
    return f"| {' | '.join((name + title, *cells, '<br>'.join(remarks)))} |"


def _escape_limited_text(text: str) -> str:
    """Return a text of any origin, escaped for Markdown and shortened."""
    return escape_markdown(shorten_text(text, LONGEST_TEXT))


def _format_incident_remarks(
    incident: Mapping[str, Any], policy: Mapping[str, Any]
) -> Iterator[str]:
    """Yield the facts on an incident: reason, lateness, tests, proof."""
    if incident["state"] == "unguarded":
        yield "no test"
    if could_return(incident):
        yield from _format_lateness(incident, policy)
    if incident["reason"]:
        yield _escape_limited_text(incident["reason"])
    if incident.get("note"):
        yield f"**{_escape_limited_text(incident['note'])}**"
    worst = {"failing": "failed", "errored": "error"}.get(incident["state"])
    tests = [each for each in incident["tests"] if worst in (None, each["outcome"])]
    for test in tests[:3]:
        yield f"`{_format_table_code(str(NodeKey(test['path'], test['nodeid'])))}`"
    if len(tests) > 3:
        yield f"and {format_count(len(tests) - 3, 'more test')}"
    if incident.get("flaky"):
        yield "flaky"
    if incident.get("proof") and incident["proof"]["verdict"] != REDUNDANT_VERDICTS.get(
        incident["state"]
    ):
        yield _format_markdown_proof(incident["proof"])


def _format_lateness(incident: Mapping[str, Any], policy: Mapping[str, Any]) -> Iterator[str]:
    """Yield how long ago the grace of an incident ended, where there is a grace."""
    days = compute_days_past_grace(incident, policy)
    if policy.get("grace") and days is not None:
        yield f"{format_count(days, 'day')} past grace" if days > 0 else "in grace"


def _format_open_items(incident: Mapping[str, Any], today: str | None) -> Iterator[str]:
    """Yield the action items that are not done."""
    states = (
        (item, classify_action_progress(item["status"], item["due"], today))
        for item in incident["action_items"]
    )
    open_items = [(item, state) for item, state in states if state != "done"]
    for item, state in open_items[:MOST_ITEMS]:
        yield f"{'**overdue**' if state == 'overdue' else state}: {_format_markdown_action(item)}"
    if len(open_items) > MOST_ITEMS:
        yield f"and {format_count(len(open_items) - MOST_ITEMS, 'more action item')}"


def _format_markdown_proof(proof: Mapping[str, Any]) -> str:
    """Return what `prove` found, in words."""
    if proof.get("outdated"):
        return "its proof is outdated"
    if proof["verdict"] == "not-proven":
        return f"**passes without its fix**: {_escape_limited_text(proof['reason'])}"
    day = f" on {proof['day']}" if proof["day"] else ""
    verdict = proof["verdict"].replace("-", " ")
    return _escape_limited_text(
        f"{verdict if verdict.startswith('proven') else f'proof: {verdict}'}{day}"
        f"{format_proof_strength(proof)}"
    )


def format_proof_strength(proof: Mapping[str, Any]) -> str:
    """Return how many changes to a fix its tests notice, empty if that is not known today."""
    strength = proof.get("strength")
    if not strength or strength["outdated"]:
        return ""
    return f", strength {strength['noticed']} of {strength['noticed'] + strength['missed']}"


def _format_markdown_action(item: Mapping[str, Any]) -> str:
    facts = ", ".join(filter(None, (item["owner"], item["due"] and f"due {item['due']}")))
    return _escape_limited_text(item["title"]) + (
        f" ({_escape_limited_text(facts)})" if facts else ""
    )


def _format_table_code(text: str) -> str:
    """Return a text escaped for backticks within a table."""
    printable = "".join(char if char.isprintable() else " " for char in text)
    return printable.replace("`", "'").replace("|", "\\|")[:200]


def _build_findings_section(findings: Sequence[Mapping[str, Any]]) -> Iterator[MarkdownSection]:
    if findings:
        rows = [
            f"- {finding['severity']}:"
            f" {_format_finding_location(finding)}{_escape_limited_text(finding['message'])}"
            for finding in findings
        ]
        shown = rows[:MOST_OPEN]
        name = format_count(len(rows), "finding")
        yield MarkdownSection(name, "", "", shown, shown, len(rows), "finding", folded=False)


def _format_finding_location(finding: Mapping[str, Any]) -> str:
    if finding["path"] is None:
        return ""
    line = "" if finding["line"] is None else f":{finding['line']}"
    return f"`{_format_table_code(finding['path'] + line)}` "
