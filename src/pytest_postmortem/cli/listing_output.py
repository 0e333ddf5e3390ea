"""Render incidents as a list, or all of one, as text, Markdown or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

from pytest_postmortem.cli.listing_rows import (
    IncidentRow,
    format_next_step,
    format_state_counts,
)
from pytest_postmortem.model import NodeKey
from pytest_postmortem.reports.incident_facts import passes_without_fix
from pytest_postmortem.reports.markdown import (
    escape_markdown,
    format_markdown_link,
    format_proof_strength,
)
from pytest_postmortem.reports.terminal import LONGEST_OWNER
from pytest_postmortem.text import align_columns, measure_width, sanitize_line, shorten_to_width

LIST_FORMAT = 1

LIST_COLUMNS = ("id", "date", "severity", "owner", "class", "state", "repeats", "title")
MOST_REASONS = 3
"""Reasons that are listed before the others are only counted."""

NARROWEST_TITLE = 20
"""How narrow a title may become before a line is left as long as it is."""


def render_incident_columns(rows: Sequence[IncidentRow], width: int | None, *, read: bool) -> str:
    """Return a list in columns, without those that are empty.

    ``width`` cuts titles, None leaves them whole. ``read`` says that the states are those of the
    code alone.
    """
    names = [name for name in LIST_COLUMNS if any(_format_list_cell(row, name) for row in rows)]
    cells = [[name.upper() for name in names]]
    cells += [[_format_list_cell(row, name) for name in names] for row in rows]
    if width is not None:
        cells = [
            [
                shorten_to_width(cell, LONGEST_OWNER) if name == "owner" else cell
                for name, cell in zip(names, line, strict=True)
            ]
            for line in cells
        ]
    lines = [] if not rows else [*_align_cells(cells, width), ""]
    return (
        "\n".join(
            [
                *lines,
                format_state_counts(rows, read=read),
                *(_format_unknown_reasons(rows) if read else ()),
                *_format_gap_hints(rows),
            ]
        )
        + "\n"
    )


def _format_unknown_reasons(rows: Sequence[IncidentRow]) -> Iterator[str]:
    """Yield why the code does not show the state of some incidents, each reason once."""
    reasons = [
        reason_text
        for row in rows
        if row.state == "not-judged" and (reason_text := _format_state_reason(row))
    ]
    unique_reasons = [*dict.fromkeys(reasons)]
    yield from (f"unknown: {sanitize_line(reason)}" for reason in unique_reasons[:MOST_REASONS])
    if len(unique_reasons) > MOST_REASONS:
        yield (
            f"unknown: {len(unique_reasons) - MOST_REASONS} more reasons, see"
            " `pytest-postmortem show ID`"
        )


def _format_gap_hints(rows: Sequence[IncidentRow]) -> Iterator[str]:
    """Yield why some incidents have no test that counts, where that is known."""
    hints = [
        f"{row.shown.id}: {reason}"
        for row in rows
        if row.state == "not-linked" and (reason := _format_state_reason(row))
    ]
    yield from map(sanitize_line, hints[:MOST_REASONS])
    if len(hints) > MOST_REASONS:
        yield f"and {len(hints) - MOST_REASONS} more, see `pytest-postmortem show ID`"


def _format_list_cell(row: IncidentRow, name: str) -> str:
    return sanitize_line(_get_list_fact(row, name))


def _get_list_fact(row: IncidentRow, name: str) -> str:
    """Return the text of a column; a state is not shown as fine where its proof says otherwise."""
    text = str(row.fields["recurs" if name == "repeats" else name] or "")
    if name == "title" and text == row.fields["id"]:
        return ""
    if name == "state" and text == "guarded" and passes_without_fix(row.fields):
        return f"{text} (not-proven)"
    return text


def _align_cells(cells: Sequence[Sequence[str]], width: int | None) -> Iterator[str]:
    heads = align_columns([line[:-1] for line in cells])
    for head, line in zip(heads, cells, strict=True):
        title = line[-1]
        if width is not None:
            room = max(NARROWEST_TITLE, width - measure_width(head) - 2)
            title = shorten_to_width(title, room)
        yield f"{head}  {title}".rstrip() if head else title


def render_incident_table(rows: Sequence[IncidentRow], *, read: bool) -> str:
    """Return a list as a table in Markdown."""
    lines = [f"{escape_markdown(format_state_counts(rows, read=read))}", ""]
    if rows:
        columns = [
            name
            for name in LIST_COLUMNS[1:-1]
            if name not in ("owner", "repeats") or any(_get_list_fact(row, name) for row in rows)
        ]
        names = ("incident", *columns)
        lines += [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    for row in rows:
        title = "" if row.shown.title == row.shown.id else f" {row.shown.title}"
        facts = (escape_markdown(_get_list_fact(row, name)) for name in columns)
        lines.append(
            f"| {' | '.join((format_markdown_link(row.shown.id + title, row.shown.url), *facts))} |"
        )
    return "\n".join(lines).rstrip() + "\n"


def render_incident_json(rows: Iterable[IncidentRow], *, read: bool) -> str:
    """Return rows as JSON: the fields of an incident in the JSON report, and those on its fix."""
    incidents = [{**row.fields, **_build_extra_fields(row)} for row in rows]
    whole = {"format": LIST_FORMAT, "states": "code" if read else "report", "incidents": incidents}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _build_extra_fields(row: IncidentRow) -> Mapping[str, Any]:
    postmortem = row.shown
    return {
        "fix": list(postmortem.fix),
        "patch": postmortem.patch,
        "repository": list(postmortem.repository),
        "component": list(postmortem.component),
    }


def render_incident_text(rows: Sequence[IncidentRow], width: int, *, read: bool) -> str:
    """Return all of one incident, as text for a terminal."""
    (row,) = rows
    title = "" if row.shown.title == row.shown.id else f"  {row.shown.title}"
    lines = [f"{row.shown.id}{title}"]
    facts = list(_list_incident_facts(row, read))
    margin = max(len(name) for name, _ in facts) + 4
    for name, values in facts:
        text = [line for value in values for line in _wrap_fact(value, width - margin)]
        head = f"  {name}".ljust(margin)
        lines += [f"{head if not n else ' ' * margin}{line}" for n, line in enumerate(text)]
    return "\n".join(map(sanitize_line, lines)) + "\n"


def _wrap_fact(text: str, width: int) -> list[str]:
    """Return the lines of a value; a link, a path or a node id is left whole."""
    return wrap(text, max(width, 40), break_long_words=False, break_on_hyphens=False)


def render_incident_markdown(rows: Sequence[IncidentRow], *, read: bool) -> str:
    """Return all of one incident in Markdown."""
    (row,) = rows
    title = "" if row.shown.title == row.shown.id else f" {row.shown.title}"
    head = format_markdown_link(row.shown.id + title, row.shown.url)
    lines = [f"### {head}", ""]
    for name, values in _list_incident_facts(row, read):
        if name == "link" and head.startswith("["):
            continue
        if len(values) == 1:
            lines.append(f"- {name}: {escape_markdown(values[0])}")
        else:
            lines += [f"- {name}:", *(f"  - {escape_markdown(value)}" for value in values)]
    return "\n".join(lines) + "\n"


def _list_incident_facts(row: IncidentRow, read: bool) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield each fact of an incident with its values."""
    postmortem, fields = row.shown, row.fields
    state = " ".join(
        (row.state.replace("-", " "), *([f"({why})"] if (why := _format_state_reason(row)) else []))
    )
    facts: Mapping[str, Sequence[str | None]] = {
        "link": (postmortem.url,),
        "file": (_format_entry_location(row),),
        "date": (postmortem.date,),
        "severity": (postmortem.severity,),
        "state": (f"{state}, read from the code" if read else state,),
        "next": (format_next_step(row),),
        "note": (fields["note"],),
        "status": (postmortem.status,),
        "owner": (postmortem.owner,),
        "class": (postmortem.problem_class,),
        "service": (", ".join(postmortem.service),),
        "component": (", ".join(postmortem.component),),
        "repository": (", ".join(postmortem.repository),),
        "aliases": (", ".join(_find_telling_aliases(row)),),
        "tags": (", ".join(postmortem.tags),),
        "repeats": (postmortem.recurs,),
        "root cause": (postmortem.root_cause,),
        "whys": [f"{number}. {why}" for number, why in enumerate(postmortem.whys, 1)],
        "tests": [_format_listed_test(test) for test in fields["tests"]],
        "guarded by": [f"{each.type} {each.url or ''}".strip() for each in postmortem.guarded_by],
        "fix": (*postmortem.fix, postmortem.patch),
        "proof": (_format_listed_proof(fields["proof"]),),
        "actions": [_format_listed_action(each) for each in fields["action_items"]],
    }
    for name, values in facts.items():
        clean_values = [" ".join(value.split()) for value in values if value]
        if clean_values:
            yield name, clean_values


def _find_telling_aliases(row: IncidentRow) -> Iterator[str]:
    """Yield the aliases of an incident that are not the name of its file."""
    path = row.shown.path or ""
    for alias in row.shown.aliases:
        if not (path == alias or f"/{path}".endswith(f"/{alias}") or f"/{alias}." in f"/{path}"):
            yield alias


def _format_state_reason(row: IncidentRow) -> str | None:
    reason = row.fields["reason"]
    return reason.removeprefix(f"{row.state}: ") if isinstance(reason, str) else None


def _format_entry_location(row: IncidentRow) -> str | None:
    postmortem = row.shown
    if postmortem.path is None or postmortem.path == postmortem.url:
        return None
    return postmortem.path if postmortem.line is None else f"{postmortem.path}:{postmortem.line}"


def _format_listed_test(test: Mapping[str, Any]) -> str:
    outcome = "" if test["outcome"] == "not-run" else f" ({test['outcome']})"
    return f"{NodeKey(test['path'], test['nodeid'])}{outcome}"


def _format_listed_proof(proof: Mapping[str, Any] | None) -> str | None:
    """Return what taking the fix away has shown, and when."""
    if proof is None:
        return None
    day = f" on {proof['day']}" if proof["day"] else ""
    outdated = ", outdated: its tests have changed since" if proof["outdated"] else ""
    reason = f": {proof['reason']}" if proof["reason"] and not outdated else ""
    strength = format_proof_strength(proof)
    return f"{proof['verdict'].replace('-', ' ')}{day}{strength}{outdated}{reason}"


def _format_listed_action(item: Mapping[str, Any]) -> str:
    due = f"due {item['due']}" if item["due"] else None
    facts = ", ".join(filter(None, (item["type"], item["owner"], due, item["status"])))
    return f"{item['title']} ({facts})" if facts else str(item["title"])
