"""Rows → a list, and one row → all that there is to say of it, as text, Markdown or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

from rich.cells import cell_len, set_cell_size

from pytest_postmortem.listing.overview import Row, summary
from pytest_postmortem.model import NodeKey
from pytest_postmortem.reports.failure import plain
from pytest_postmortem.reports.marking import escaped, link

__all__ = ["as_json", "columns", "details", "table", "whole"]

FORMAT = 1

COLUMNS = ("id", "date", "severity", "class", "state", "title")
MOST = 3
"""Reasons that are listed before the others are only counted."""

NARROW = 20
"""How narrow a title may become before a line is left as long as it is."""


def columns(rows: Sequence[Row], width: int | None, *, read: bool) -> str:
    """Return a list in columns; what no incident has is left out.

    ``width`` cuts titles, None leaves them whole. ``read`` says that the states are those that
    code alone tells.
    """
    names = [name for name in COLUMNS if any(_cell(row, name) for row in rows)]
    cells = [[name.upper() for name in names]]
    cells += [[_cell(row, name) for name in names] for row in rows]
    lines = [] if not rows else [*_aligned(cells, width), ""]
    return "\n".join([*lines, summary(rows, read=read), *(_unknown(rows) if read else ())]) + "\n"


def _unknown(rows: Sequence[Row]) -> Iterator[str]:
    """Yield why code can't tell the state of some incidents, each reason once."""
    reasons = [why for row in rows if row.state == "not-judged" and (why := _why(row))]
    found = [*dict.fromkeys(reasons)]
    yield from (f"unknown: {plain(reason)}" for reason in found[:MOST])
    if len(found) > MOST:
        yield f"unknown: {len(found) - MOST} more reasons, see `pytest-postmortem show ID`"


def _cell(row: Row, name: str) -> str:
    text = row.fields[name] or ""
    return "" if name == "title" and text == row.fields["id"] else plain(text)


def _aligned(cells: Sequence[Sequence[str]], width: int | None) -> Iterator[str]:
    wide = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        head = "  ".join(set_cell_size(*each) for each in zip(line[:-1], wide, strict=False))
        room = None if width is None else max(NARROW, width - cell_len(head) - 2)
        yield f"{head}  {_cut(line[-1], room)}".rstrip() if head else _cut(line[-1], room)


def _cut(text: str, room: int | None) -> str:
    if room is None or cell_len(text) <= room:
        return text
    return set_cell_size(text, room - 3).rstrip() + "..."


def table(rows: Sequence[Row], *, read: bool) -> str:
    """Return a list as a table in Markdown."""
    lines = [f"{escaped(summary(rows, read=read))}", ""]
    if rows:
        names = ("incident", *COLUMNS[1:5])
        lines += [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    for row in rows:
        title = "" if row.shown.title == row.shown.id else f" {row.shown.title}"
        facts = (escaped(row.fields[name] or "") for name in COLUMNS[1:5])
        lines.append(f"| {' | '.join((link(row.shown.id + title, row.shown.url), *facts))} |")
    return "\n".join(lines).rstrip() + "\n"


def as_json(rows: Iterable[Row], *, read: bool) -> str:
    """Return rows as JSON: what the JSON report says of an incident, and where its fix is."""
    incidents = [{**row.fields, **_more(row)} for row in rows]
    whole = {"format": FORMAT, "states": "code" if read else "report", "incidents": incidents}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _more(row: Row) -> Mapping[str, Any]:
    own = row.shown
    return {
        "fix": list(own.fix),
        "patch": own.patch,
        "repository": list(own.repository),
        "component": list(own.component),
    }


def whole(row: Row, width: int, *, read: bool) -> str:
    """Return all of one incident, as text for a terminal."""
    title = "" if row.shown.title == row.shown.id else f"  {row.shown.title}"
    lines = [f"{row.shown.id}{title}"]
    facts = list(_facts(row, read))
    margin = max(len(name) for name, _ in facts) + 4
    for name, values in facts:
        text = [line for value in values for line in _wrapped(value, width - margin)]
        head = f"  {name}".ljust(margin)
        lines += [f"{head if not n else ' ' * margin}{line}" for n, line in enumerate(text)]
    return "\n".join(map(plain, lines)) + "\n"


def _wrapped(text: str, width: int) -> list[str]:
    """Return the lines of a value; a link, a path or a node id is left whole."""
    return wrap(text, max(width, 40), break_long_words=False, break_on_hyphens=False)


def details(row: Row, *, read: bool) -> str:
    """Return all of one incident in Markdown."""
    title = "" if row.shown.title == row.shown.id else f" {row.shown.title}"
    head = link(row.shown.id + title, row.shown.url)
    lines = [f"### {head}", ""]
    for name, values in _facts(row, read):
        if name == "link" and head.startswith("["):
            continue
        if len(values) == 1:
            lines.append(f"- {name}: {escaped(values[0])}")
        else:
            lines += [f"- {name}:", *(f"  - {escaped(value)}" for value in values)]
    return "\n".join(lines) + "\n"


def _facts(row: Row, read: bool) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield what there is to say, each with its values."""
    own, fields = row.shown, row.fields
    state = " ".join((row.state.replace("-", " "), *([f"({why})"] if (why := _why(row)) else [])))
    facts: Mapping[str, Sequence[str | None]] = {
        "link": (own.url,),
        "file": (_place(row),),
        "date": (own.date,),
        "severity": (own.severity,),
        "state": (f"{state}, read from the code" if read else state,),
        "note": (fields["note"],),
        "status": (own.status,),
        "owner": (own.owner,),
        "class": (own.problem_class,),
        "service": (", ".join(own.service),),
        "component": (", ".join(own.component),),
        "repository": (", ".join(own.repository),),
        "aliases": (", ".join(_aliases(row)),),
        "tags": (", ".join(own.tags),),
        "repeats": (own.recurs,),
        "root cause": (own.root_cause,),
        "whys": [f"{number}. {why}" for number, why in enumerate(own.whys, 1)],
        "tests": [_test(test) for test in fields["tests"]],
        "guarded by": [f"{each.type} {each.url or ''}".strip() for each in own.guarded_by],
        "fix": (*own.fix, own.patch),
        "proof": (_proof(fields["proof"]),),
        "actions": [_action(each) for each in fields["action_items"]],
    }
    for name, values in facts.items():
        kept = [" ".join(value.split()) for value in values if value]
        if kept:
            yield name, kept


def _aliases(row: Row) -> Iterator[str]:
    """Yield the further names of an incident that its file does not tell."""
    path = row.shown.path or ""
    for each in row.shown.aliases:
        if not (path == each or f"/{path}".endswith(f"/{each}") or f"/{each}." in f"/{path}"):
            yield each


def _why(row: Row) -> str | None:
    reason = row.fields["reason"]
    return reason.removeprefix(f"{row.state}: ") if isinstance(reason, str) else None


def _place(row: Row) -> str | None:
    own = row.shown
    if own.path is None or own.path == own.url:
        return None
    return own.path if own.line is None else f"{own.path}:{own.line}"


def _test(test: Mapping[str, Any]) -> str:
    outcome = "" if test["outcome"] == "not-run" else f" ({test['outcome']})"
    return f"{NodeKey(test['path'], test['nodeid'])}{outcome}"


def _proof(proof: Mapping[str, Any] | None) -> str | None:
    """Return what taking the fix away has shown, and when."""
    if proof is None:
        return None
    day = f" on {proof['day']}" if proof["day"] else ""
    outdated = ", outdated: its tests have changed since" if proof["outdated"] else ""
    reason = f": {proof['reason']}" if proof["reason"] and not outdated else ""
    return f"{proof['verdict'].replace('-', ' ')}{day}{outdated}{reason}"


def _action(item: Mapping[str, Any]) -> str:
    due = f"due {item['due']}" if item["due"] else None
    facts = ", ".join(filter(None, (item["type"], item["owner"], due, item["status"])))
    return f"{item['title']} ({facts})" if facts else str(item["title"])
