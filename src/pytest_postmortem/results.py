"""A JSON report, read again → `ReportedRun`: the states of incidents as a run found them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_postmortem.model import NodeKey

__all__ = ["ReportedIncident", "ReportedRun", "parse_json_report"]


@dataclass(frozen=True, slots=True)
class ReportedIncident:
    """An incident as a JSON report has it."""

    id: str
    state: str
    title: str = ""
    url: str | None = None
    reason: str | None = None
    required: bool = True
    aliases: tuple[str, ...] = ()
    tests: tuple[NodeKey, ...] = ()


@dataclass(frozen=True, slots=True)
class ReportedRun:
    """A JSON report: ``files`` were collected, ``reasons`` say why it saw a part of the suite,
    ``lacking`` why its registry may lack post-mortems. Where there is none, the incidents are
    ``implied`` by the links.
    """

    incidents: tuple[ReportedIncident, ...] = ()
    files: frozenset[str] = frozenset()
    reasons: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    implied: bool = False


def parse_json_report(document: Mapping[str, Any]) -> ReportedRun:
    """Turn a JSON report, as plain data, into types.

    Raises:
        ValueError: A part that should be there is missing, or has another form.
    """
    try:
        scope, registry = document["scope"], document.get("registry", {})
        return ReportedRun(
            tuple(map(_parse_reported_incident, document["incidents"])),
            frozenset(map(str, scope["files"])),
            tuple(map(str, scope["reasons"])),
            (*registry.get("partial", ()), *registry.get("unreachable", ())),
            bool(document.get("missing")),
        )
    except (KeyError, TypeError, AttributeError):
        raise ValueError("a part of the report is missing, or has another form") from None


def _parse_reported_incident(incident: Mapping[str, Any]) -> ReportedIncident:
    return ReportedIncident(
        str(incident["id"]),
        str(incident["state"]),
        str(incident["title"]),
        _parse_optional_text(incident["url"]),
        _parse_optional_text(incident["reason"]),
        bool(incident.get("required", True)),
        tuple(map(str, incident.get("aliases", ()))),
        tuple(NodeKey(str(test["path"]), str(test["nodeid"])) for test in incident["tests"]),
    )


def _parse_optional_text(value: object) -> str | None:
    return value if isinstance(value, str) else None
