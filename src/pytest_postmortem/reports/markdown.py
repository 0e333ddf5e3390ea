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


STATE_SECTIONS: tuple[tuple[tuple[str, ...], str, bool], ...] = (
    (("failing",), "The problem may be back", True),
    (("errored",), "Nothing can be said, a set-up or tear-down broke", True),
    (("skipped", "known-broken"), "Linked, but nothing here would catch it", True),
    (("unguarded",), "No regression test", True),
    (("not-run",), "Not run", False),
    (("not-judged",), "Not judged here", False),
    (("declared",), "Guarded by something else", False),
    (("exempt",), "Exempt", False),
    (("guarded",), "Guarded", False),
)
"""The states under their headings, and whether they are opened at once."""

MOST_OPEN = 25
"""A section with more rows is folded, so that a comment stays readable."""

MOST_ROWS = 100
"""The rows of one table."""

MOST_ITEMS = 5
"""The action items of one incident."""

LONGEST_REPORT = 60_000
"""The characters of a whole report: GitHub refuses a comment of more than 65,536."""

LONGEST_TEXT = 500
"""The characters of one text, such as a title or a reason; of an address four times as many."""

STATE_SIGNS: Mapping[str, str] = {
    "failing": "❌",
    "errored": "⚠️",
    "guarded": "✅",
    "unguarded": "⬜",
}

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
    return f"{back}{format_report_figures(document)}"


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
    today = document["policy"].get("today")
    for states, title, opened in STATE_SECTIONS:
        incidents = [incident for incident in document["incidents"] if incident["state"] in states]
        if incidents:
            rows, brief = [], []
            for incident in incidents[:MOST_ROWS]:
                remarks = [*_format_incident_remarks(incident)]
                items = _format_open_items(incident, today)
                rows.append(_format_incident_row(incident, [*remarks, *items]))
                brief.append(_format_incident_row(incident, remarks))
            yield MarkdownSection(
                f"{title}: {format_count(len(incidents))}",
                f"{STATE_SIGNS.get(states[0], '▫️')} ",
                "| incident | severity | date | |\n|---|---|---|---|\n",
                rows,
                brief,
                len(incidents),
                "incident",
                folded=not opened or len(incidents) > MOST_OPEN,
            )
    yield from _build_findings_section(document["findings"])


def _format_incident_row(incident: Mapping[str, Any], remarks: Sequence[str]) -> str:
    title = (
        "" if incident["title"] == incident["id"] else f" {_escape_limited_text(incident['title'])}"
    )
    url = incident["url"]
    name = format_markdown_link(
        shorten_text(incident["id"], LONGEST_TEXT),
        None if url and len(url) > 4 * LONGEST_TEXT else url,
    )
    facts = (incident["severity"], incident["date"])
    severity, date = (_escape_limited_text(fact) if fact else "" for fact in facts)
    return f"| {name}{title} | {severity} | {date} | {'<br>'.join(remarks)} |"


def _escape_limited_text(text: str) -> str:
    """Return a text of any origin, escaped for Markdown and shortened."""
    return escape_markdown(shorten_text(text, LONGEST_TEXT))


def _format_incident_remarks(incident: Mapping[str, Any]) -> Iterator[str]:
    """Yield the facts on an incident: reason, tests, proof."""
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
        return f"**hollow**: {_escape_limited_text(proof['reason'])}"
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
