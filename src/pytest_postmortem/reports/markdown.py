"""The report in Markdown, for pull requests and the summary of a CI job; from the JSON report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pytest_postmortem.actions import progress
from pytest_postmortem.assess import percent
from pytest_postmortem.model import count_of
from pytest_postmortem.reports.marking import escaped, link

__all__ = ["render"]

SECTIONS: tuple[tuple[tuple[str, ...], str, bool], ...] = (
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
"""More rows than these are folded, whatever they say: a comment has to be readable."""

MOST_ROWS = 100
"""The rows of one table."""

LONGEST = 60_000
"""The characters of a whole report: GitHub refuses a comment of more than 65,536."""

SIGNS: Mapping[str, str] = {"failing": "❌", "errored": "⚠️", "guarded": "✅", "unguarded": "⬜"}


def render(document: Mapping[str, Any]) -> str:
    """Return the report as Markdown that GitHub and GitLab render; what is too long is cut."""
    head = "\n".join([f"### {_headline(document)}", "", *_notes(document)])
    incidents = _incidents(document["incidents"], document["policy"].get("today"))
    parts = [head, *incidents, *_findings(document["findings"])]
    text, left = "", 0
    for part in parts:
        if len(text) + len(part) > LONGEST:
            left += 1
        else:
            text += f"{part.rstrip()}\n\n"
    if left:
        text += f"{count_of(left, 'more section')} left out, since this would be too long.\n"
    return text.rstrip() + "\n"


def _headline(document: Mapping[str, Any]) -> str:
    totals = document["totals"]
    guarded, required = totals["guarded"], totals["required"]
    failing = sum(each["state"] == "failing" for each in document["incidents"])
    back = f"❌ {count_of(failing)} may be back; " if failing else ""
    if not required:
        return f"{back}No incident requires a regression test"
    share = f" ({percent(guarded, required):g} %)" if totals["percent"] is not None else ""
    proven = f", {totals['proven']} of them proven" if totals["proven"] else ""
    return (
        f"{back}{guarded} of {count_of(required)} guarded{share}{proven}, {totals['linked']} linked"
    )


def _notes(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield what limits the figures, and what the gates say."""
    for reason in document.get("unjudged", ()):
        yield f"- not judged as a whole: {escaped(reason)}"
    for gate in document["gates"]:
        verdict = "passed" if gate["passed"] else "**failed**"
        verdict = verdict if gate["judged"] else "**not judged**"
        message = gate["message"].removeprefix("not judged: ")
        yield f"- gate {escaped(gate['name'])} {verdict}: {escaped(message)}"
    for place in document.get("registry", {}).get("partial", ()):
        yield f"- the registry is partial: {escaped(place)}"


def _incidents(incidents: Sequence[Mapping[str, Any]], today: str | None) -> Iterator[str]:
    for states, title, opened in SECTIONS:
        own = [each for each in incidents if each["state"] in states]
        if own:
            heading = f"{SIGNS.get(states[0], '▫️')} {title}: {count_of(len(own))}"
            table = "\n".join(_table(own[:MOST_ROWS], today))
            if len(own) > MOST_ROWS:
                table += f"\n\nand {count_of(len(own) - MOST_ROWS, 'more incident')}"
            if opened and len(own) <= MOST_OPEN:
                yield f"#### {heading}\n\n{table}"
            else:
                yield f"<details><summary>{heading}</summary>\n\n{table}\n\n</details>"


def _table(incidents: Iterable[Mapping[str, Any]], today: str | None) -> Iterator[str]:
    yield "| incident | severity | date | |"
    yield "|---|---|---|---|"
    for each in incidents:
        title = "" if each["title"] == each["id"] else f" {escaped(each['title'])}"
        name = link(each["id"], each["url"]) + title
        facts = (each["severity"], each["date"])
        severity, date = (escaped(fact) if fact else "" for fact in facts)
        yield f"| {name} | {severity} | {date} | {'<br>'.join(_remarks(each, today))} |"


def _remarks(incident: Mapping[str, Any], today: str | None) -> Iterator[str]:
    """Yield what there is to say of an incident: why, which tests, what is still open."""
    if incident["reason"]:
        yield escaped(incident["reason"])
    if incident.get("note"):
        yield f"**{escaped(incident['note'])}**"
    worst = {"failing": "failed", "errored": "error"}.get(incident["state"])
    tests = [each for each in incident["tests"] if worst in (None, each["outcome"])]
    for test in tests[:3]:
        yield f"`{_code(test['nodeid'])}`"
    if len(tests) > 3:
        yield f"and {count_of(len(tests) - 3, 'more test')}"
    if incident.get("flaky"):
        yield "flaky"
    if incident.get("proof"):
        yield _proof(incident["proof"])
    for item in incident["action_items"]:
        state = progress(item["status"], item["due"], today)
        if state != "done":
            yield f"{'**overdue**' if state == 'overdue' else state}: {_action(item)}"


def _proof(proof: Mapping[str, Any]) -> str:
    """Return what `prove` found, in words."""
    if proof.get("outdated"):
        return "its proof is outdated"
    if proof["verdict"] == "not-proven":
        return f"**hollow**: {escaped(proof['reason'])}"
    day = f" on {proof['day']}" if proof["day"] else ""
    return escaped(proof["verdict"].replace("-", " ") + day)


def _action(item: Mapping[str, Any]) -> str:
    facts = ", ".join(filter(None, (item["owner"], item["due"] and f"due {item['due']}")))
    return escaped(item["title"]) + (f" ({escaped(facts)})" if facts else "")


def _code(text: str) -> str:
    """Return a text as it may stand between backticks within a table."""
    printable = "".join(char if char.isprintable() else " " for char in text)
    return printable.replace("`", "'").replace("|", "\\|")[:200]


def _findings(findings: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if findings:
        rows = [
            f"- {each['severity']}: {_place(each)}{escaped(each['message'])}" for each in findings
        ]
        heading = count_of(len(findings), "finding")
        yield f"#### {heading}\n\n" + "\n".join(rows[:MOST_OPEN])
        if len(rows) > MOST_OPEN:
            yield f"and {count_of(len(rows) - MOST_OPEN, 'more finding')}"


def _place(finding: Mapping[str, Any]) -> str:
    if finding["path"] is None:
        return ""
    line = "" if finding["line"] is None else f":{finding['line']}"
    return f"`{_code(finding['path'] + line)}` "
