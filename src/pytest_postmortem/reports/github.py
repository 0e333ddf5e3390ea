"""The report for GitHub Actions: a summary of the job, and annotations at the lines concerned.

An annotation is a workflow command,
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_postmortem.report_model import SETTLED_STATES
from pytest_postmortem.reports.incident_facts import build_severity_ranking

MOST_ANNOTATIONS = 10
"""GitHub shows at most ten errors and ten warnings of a step."""


def render_github_report(document: Mapping[str, Any]) -> str:
    """Return the workflow commands of `render_workflow_commands`, one a line."""
    return "".join(f"{command}\n" for command in render_workflow_commands(document))


def render_workflow_commands(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the workflow commands for failing incidents, recurrences, findings and gates.

    The most severe incidents come first, since a forge shows only some.
    """
    rank = build_severity_ranking(document["policy"].get("severities") or ())
    incidents = sorted(document["incidents"], key=lambda incident: rank(incident["severity"]))
    ranked = {**document, "incidents": incidents}
    rows = [
        *_annotate_failing_incidents(ranked),
        *_annotate_recurrences(ranked),
        *_annotate_findings(document),
        *_annotate_gates(document),
    ]
    errors = [row for row in rows if row.startswith("::error")]
    warnings = [row for row in rows if row.startswith("::warning")]
    return (*errors[:MOST_ANNOTATIONS], *warnings[:MOST_ANNOTATIONS])


def _annotate_failing_incidents(document: Mapping[str, Any]) -> Iterator[str]:
    for incident in document["incidents"]:
        if incident["state"] == "failing":
            name = incident["id"]
            title = "" if incident["title"] == name else f" {incident['title']}"
            text = " ".join(
                filter(None, (f"{name}{title}: the problem may be back.", incident["url"]))
            )
            for test in incident["tests"]:
                if test["outcome"] == "failed":
                    yield _annotate_place("error", document, test, f"Post-mortem {name}", text)


def _annotate_recurrences(document: Mapping[str, Any]) -> Iterator[str]:
    for incident in document["incidents"]:
        if incident.get("note") and incident["state"] not in SETTLED_STATES:
            place = {"path": incident.get("path"), "line": incident.get("line")}
            text = f"{incident['id']} {incident['note']}"
            yield _annotate_place("warning", document, place, f"Post-mortem {incident['id']}", text)


def _annotate_findings(document: Mapping[str, Any]) -> Iterator[str]:
    for finding in document["findings"]:
        yield _annotate_place(
            finding["severity"], document, finding, "Incident coverage", finding["message"]
        )


def _annotate_gates(document: Mapping[str, Any]) -> Iterator[str]:
    nowhere = {"path": None, "line": None}
    for gate in document["gates"]:
        if not gate["passed"]:
            text = f"gate {gate['name']} {'failed: ' if gate['judged'] else ''}{gate['message']}"
            level = "error" if gate["judged"] else "warning"
            yield _annotate_place(level, document, nowhere, "Incident coverage", text)


def _annotate_place(
    level: str, document: Mapping[str, Any], place: Mapping[str, Any], title: str, text: str
) -> str:
    file = find_path_from_top(document["scope"]["root"], place["path"])
    return format_annotation(level, file, place["line"], title, text)


def find_path_from_top(root: str, path: str | None) -> str | None:
    """Return the path of a file from the top of its repository, None for one that is outside of it,
    an address or a service; ``root`` is the path of the rootdir.
    """
    if not path or ":" in path.split("/")[0]:
        return None
    file = posixpath.normpath(posixpath.join(root, path))
    return None if file.startswith(("../", "/")) else file


def format_annotation(level: str, file: str | None, line: int | None, title: str, text: str) -> str:
    """Return the workflow command for one annotation; ``file`` is from the repository's top."""
    where = {"file": file, "line": file and line, "title": title}
    properties = ",".join(
        f"{key}={_escape_command_property(str(value))}" for key, value in where.items() if value
    )
    return f"::{level} {properties}::{_escape_command_data(text)}"


def _escape_command_data(text: str) -> str:
    """Return a text as the data of a command: one line, escaped."""
    printable = "".join(char if char.isprintable() or char in "\r\n" else " " for char in text)
    return printable.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")[:4000]


def _escape_command_property(text: str) -> str:
    return _escape_command_data(text).replace(":", "%3A").replace(",", "%2C")
