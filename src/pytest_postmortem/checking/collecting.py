"""pytest's own collection in a process of its own → the findings and links of its JSON report."""

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

from pytest_postmortem.marked import Linked
from pytest_postmortem.model import Finding, NodeKey, count_of

__all__ = ["Collection", "collect", "without_reports"]

LAST = 5
"""The lines of what pytest printed that are shown where it could not collect."""

REPORT = "--postmortem-report"

IDLE = "--collect-only"
"""What a collection that runs no test says of itself."""


@dataclass(frozen=True, slots=True)
class Collection:
    """What pytest collected: findings, the linked tests by id, the number of files, and why it
    is not all; the tests are None where an incident that has none may have one all the same.
    """

    findings: tuple[Finding, ...] = ()
    linked: Mapping[str, Linked] | None = None
    files: int = 0
    unjudged: tuple[str, ...] = ()


def collect(arguments: Sequence[str], folder: Path) -> Collection:
    """Run pytest's collection in a folder; no test is run."""
    with tempfile.TemporaryDirectory() as name:
        report = Path(name, "report.json")
        own = ["-p", "postmortem", IDLE, "-q", f"{REPORT}=", f"{REPORT}=json:{report}"]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *arguments, *own],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        said = (done.stdout + done.stderr).decode(errors="replace").strip().splitlines()
        if not report.is_file():
            # Where no registry is configured and no test is marked, nothing is reported.
            if done.returncode == pytest.ExitCode.OK:
                return Collection(linked={})
            if done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED:
                return Collection()
            why = "; ".join(line.strip() for line in said[-LAST:] if line.strip())
            return Collection(unjudged=(f"pytest could not collect: {why}",))
        return _read(json.loads(report.read_text(encoding="utf-8")))


def _read(document: Mapping[str, Any]) -> Collection:
    scope = document["scope"]
    linked = {
        each["id"].casefold(): Linked(
            each["id"],
            {str(NodeKey(test["path"], test["nodeid"])): None for test in each["tests"]},
        )
        for each in document["incidents"]
        if each["tests"]
    }
    return Collection(
        tuple(Finding(**finding) for finding in document["findings"]),
        linked if scope["kind"] == "full" and scope["files"] else None,
        len(scope["files"]),
        tuple(_open(document)),
    )


def _open(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield why pytest's answer is not the whole one."""
    if document["scope"]["kind"] == "partial":
        for reason in document["scope"]["reasons"]:
            if reason != IDLE:
                yield f"pytest collected a part: {reason}"
    places = ", ".join(document["registry"]["unreachable"])
    ids = document["incidents"] if places and document["missing"] else document["unchecked"]
    if ids:
        yield f"{count_of(len(ids), 'id')} not checked: {places} can't be reached"


def without_reports(addopts: Sequence[str]) -> list[str] | None:
    """Return options without those that write reports, None where there are none of them.

    A collection would write over the reports of the last run.
    """
    kept = [text for text in addopts if not text.startswith(f"{REPORT}=")]
    while REPORT in kept:
        place = kept.index(REPORT)
        del kept[place : place + 2]
    return None if len(kept) == len(addopts) else kept
