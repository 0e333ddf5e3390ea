"""The report in Markdown, for pull requests and the summary of a CI job; from the JSON report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pytest_postmortem.actions import progress
from pytest_postmortem.assess import percent
from pytest_postmortem.model import NodeKey, count_of
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

MOST_ITEMS = 5
"""The action items of one incident."""

LONGEST = 60_000
"""The characters of a whole report: GitHub refuses a comment of more than 65,536."""

LONGEST_TEXT = 500
"""The characters of one text, such as a title or a reason; of an address four times as many."""

SIGNS: Mapping[str, str] = {"failing": "❌", "errored": "⚠️", "guarded": "✅", "unguarded": "⬜"}

SAME: Mapping[str, str] = {"skipped": "skipped", "failing": "fails-with-fix"}
"""The verdicts of `prove` that say no more than a state does."""


def render(document: Mapping[str, Any]) -> str:
    """Return the report as Markdown that GitHub and GitLab render.

    What is too long is cut where it is least grave: action items and rows of a section, then
    sections, which are named.
    """
    text = "\n".join([f"### {_headline(document)}", "", *_notes(document)]).rstrip() + "\n"
    left: list[str] = []
    for section in _sections(document):
        part = _fitting(section, LONGEST - len(text))
        if part is None:
            left.append(section.name)
        else:
            text += f"\n{part.rstrip()}\n"
    if left:
        names = "; ".join(left)
        sections = count_of(len(left), "more section")
        text += f"\n{sections} left out, since this would be too long: {names}.\n"
    return text


class _Section(NamedTuple):
    """A part of the report: ``rows`` with all there is to say, ``brief`` with less of it."""

    name: str
    sign: str
    head: str
    rows: Sequence[str]
    brief: Sequence[str]
    total: int
    what: str
    folded: bool


def _fitting(section: _Section, room: int) -> str | None:
    """Return as much of a section as there is room for, None where that is no row of it."""
    whole = _written(section, section.rows)
    if len(whole) <= room:
        return whole
    brief = section.brief != section.rows
    texts = (
        _written(section, section.brief[:count], brief=brief)
        for count in range(len(section.brief), 0, -1)
    )
    return next((text for text in texts if len(text) <= room), None)


def _written(section: _Section, rows: Sequence[str], brief: bool = False) -> str:
    heading = f"{section.sign}{section.name}"
    parts = [section.head + "\n".join(rows)]
    if section.total > len(rows):
        parts.append(f"and {count_of(section.total - len(rows), f'more {section.what}')}")
    if brief:
        parts.append("Action items are left out, since this would be too long.")
    text = "\n\n".join(parts)
    if section.folded:
        return f"<details><summary>{heading}</summary>\n\n{text}\n\n</details>"
    return f"#### {heading}\n\n{text}"


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
        yield f"- not judged as a whole: {_text(reason)}"
    for gate in document["gates"]:
        verdict = "passed" if gate["passed"] else "**failed**"
        verdict = verdict if gate["judged"] else "**not judged**"
        message = gate["message"].removeprefix("not judged: ")
        yield f"- gate {_text(gate['name'])} {verdict}: {_text(message)}"
    for place in document.get("registry", {}).get("partial", ()):
        yield f"- the registry is partial: {_text(place)}"


def _sections(document: Mapping[str, Any]) -> Iterator[_Section]:
    """Yield the parts of the report, the gravest first."""
    today = document["policy"].get("today")
    for states, title, opened in SECTIONS:
        own = [each for each in document["incidents"] if each["state"] in states]
        if own:
            yield _Section(
                f"{title}: {count_of(len(own))}",
                f"{SIGNS.get(states[0], '▫️')} ",
                "| incident | severity | date | |\n|---|---|---|---|\n",
                [_row(each, [*_remarks(each), *_items(each, today)]) for each in own[:MOST_ROWS]],
                [_row(each, [*_remarks(each)]) for each in own[:MOST_ROWS]],
                len(own),
                "incident",
                folded=not opened or len(own) > MOST_OPEN,
            )
    yield from _findings(document["findings"])


def _row(incident: Mapping[str, Any], remarks: Sequence[str]) -> str:
    title = "" if incident["title"] == incident["id"] else f" {_text(incident['title'])}"
    url = incident["url"]
    name = link(_cut(incident["id"]), None if url and len(url) > 4 * LONGEST_TEXT else url)
    facts = (incident["severity"], incident["date"])
    severity, date = (_text(fact) if fact else "" for fact in facts)
    return f"| {name}{title} | {severity} | {date} | {'<br>'.join(remarks)} |"


def _text(text: str) -> str:
    """Return a text of any origin as it may stand in Markdown, and no longer than bearable."""
    return escaped(_cut(text))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"


def _remarks(incident: Mapping[str, Any]) -> Iterator[str]:
    """Yield what there is to say of an incident: why, which tests, whether that is proven."""
    if incident["reason"]:
        yield _text(incident["reason"])
    if incident.get("note"):
        yield f"**{_text(incident['note'])}**"
    worst = {"failing": "failed", "errored": "error"}.get(incident["state"])
    tests = [each for each in incident["tests"] if worst in (None, each["outcome"])]
    for test in tests[:3]:
        yield f"`{_code(str(NodeKey(test['path'], test['nodeid'])))}`"
    if len(tests) > 3:
        yield f"and {count_of(len(tests) - 3, 'more test')}"
    if incident.get("flaky"):
        yield "flaky"
    if incident.get("proof") and incident["proof"]["verdict"] != SAME.get(incident["state"]):
        yield _proof(incident["proof"])


def _items(incident: Mapping[str, Any], today: str | None) -> Iterator[str]:
    """Yield the action items that are not done."""
    states = (
        (item, progress(item["status"], item["due"], today)) for item in incident["action_items"]
    )
    left = [(item, state) for item, state in states if state != "done"]
    for item, state in left[:MOST_ITEMS]:
        yield f"{'**overdue**' if state == 'overdue' else state}: {_action(item)}"
    if len(left) > MOST_ITEMS:
        yield f"and {count_of(len(left) - MOST_ITEMS, 'more action item')}"


def _proof(proof: Mapping[str, Any]) -> str:
    """Return what `prove` found, in words."""
    if proof.get("outdated"):
        return "its proof is outdated"
    if proof["verdict"] == "not-proven":
        return f"**hollow**: {_text(proof['reason'])}"
    day = f" on {proof['day']}" if proof["day"] else ""
    verdict = proof["verdict"].replace("-", " ")
    return _text(f"{verdict if verdict.startswith('proven') else f'proof: {verdict}'}{day}")


def _action(item: Mapping[str, Any]) -> str:
    facts = ", ".join(filter(None, (item["owner"], item["due"] and f"due {item['due']}")))
    return _text(item["title"]) + (f" ({_text(facts)})" if facts else "")


def _code(text: str) -> str:
    """Return a text as it may stand between backticks within a table."""
    printable = "".join(char if char.isprintable() else " " for char in text)
    return printable.replace("`", "'").replace("|", "\\|")[:200]


def _findings(findings: Sequence[Mapping[str, Any]]) -> Iterator[_Section]:
    if findings:
        rows = [
            f"- {each['severity']}: {_place(each)}{_text(each['message'])}" for each in findings
        ]
        shown = rows[:MOST_OPEN]
        name = count_of(len(rows), "finding")
        yield _Section(name, "", "", shown, shown, len(rows), "finding", folded=False)


def _place(finding: Mapping[str, Any]) -> str:
    if finding["path"] is None:
        return ""
    line = "" if finding["line"] is None else f":{finding['line']}"
    return f"`{_code(finding['path'] + line)}` "
