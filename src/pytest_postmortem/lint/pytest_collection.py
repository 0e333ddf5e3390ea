"""Run pytest's own collection in a process, and read findings and links from its JSON report."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pytest_postmortem.model import Finding, NodeKey, format_count
from pytest_postmortem.pysource.marker_index import LinkedIncident

MAX_OUTPUT_LINES = 5
"""The number of lines of pytest's output that are shown if it could not collect."""

REPORT_OPTION = "--postmortem-report"

COLLECT_ONLY_OPTION = "--collect-only"
"""The reason for a partial run that a collection reports about itself."""


@dataclass(frozen=True, slots=True)
class PytestCollection:
    """The result of a collection: findings, linked tests by id, and the number of files.

    ``unjudged`` are the reasons why it is incomplete. ``linked`` is None if an incident without
    linked tests may have some.
    """

    findings: tuple[Finding, ...] = ()
    linked: Mapping[str, LinkedIncident] | None = None
    files: int = 0
    unjudged: tuple[str, ...] = ()


def collect_with_pytest(arguments: Sequence[str], folder: Path) -> PytestCollection:
    """Run pytest's collection in a folder; no test is run."""
    with tempfile.TemporaryDirectory() as name:
        report = Path(name, "report.json")
        own_arguments = ["-p", "postmortem", COLLECT_ONLY_OPTION, "-q"]
        own_arguments += [f"{REPORT_OPTION}=", f"{REPORT_OPTION}=json:{report}"]
        completed = subprocess.run(
            [sys.executable, "-m", "pytest", *arguments, *own_arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        if report.is_file():
            return _parse_collection_report(json.loads(report.read_text(encoding="utf-8")))
    # Where no registry is configured and no test is marked, nothing is reported.
    if completed.returncode == pytest.ExitCode.OK:
        return PytestCollection(linked={})
    if completed.returncode == pytest.ExitCode.NO_TESTS_COLLECTED:
        return PytestCollection()
    output = (completed.stdout + completed.stderr).decode(errors="replace")
    last_lines = output.strip().splitlines()[-MAX_OUTPUT_LINES:]
    why = "; ".join(line.strip() for line in last_lines if line.strip())
    return PytestCollection(unjudged=(f"pytest could not collect: {why}",))


def _parse_collection_report(document: Mapping[str, Any]) -> PytestCollection:
    scope = document["scope"]
    linked = {
        incident["id"].casefold(): LinkedIncident(
            incident["id"],
            {str(NodeKey(test["path"], test["nodeid"])): None for test in incident["tests"]},
        )
        for incident in document["incidents"]
        if incident["tests"]
    }
    return PytestCollection(
        tuple(Finding(**finding) for finding in document["findings"]),
        linked if scope["kind"] == "full" and scope["files"] else None,
        len(scope["files"]),
        tuple(_find_collection_gaps(document)),
    )


def _find_collection_gaps(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield why pytest's answer is not the whole one."""
    if document["scope"]["kind"] == "partial":
        for reason in document["scope"]["reasons"]:
            if reason != COLLECT_ONLY_OPTION:
                yield f"pytest collected a part: {reason}"
    places = ", ".join(document["registry"]["unreachable"])
    ids = document["incidents"] if places and document["missing"] else document["unchecked"]
    if ids:
        yield f"{format_count(len(ids), 'id')} not checked: {places} can't be reached"


def drop_report_options(addopts: Sequence[str]) -> list[str] | None:
    """Return options without those that write reports, None where there are none of them.

    A collection would write over the reports of the last run.
    """
    kept_options = [text for text in addopts if not text.startswith(f"{REPORT_OPTION}=")]
    while REPORT_OPTION in kept_options:
        place = kept_options.index(REPORT_OPTION)
        del kept_options[place : place + 2]
    return None if len(kept_options) == len(addopts) else kept_options
