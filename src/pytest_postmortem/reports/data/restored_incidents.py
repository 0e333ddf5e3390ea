"""An incident of a JSON report → the post-mortem and the proof that it was made of."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_postmortem.model import (
    VERDICTS,
    ActionItem,
    Guard,
    NodeKey,
    Postmortem,
    Proof,
    ShowLevel,
    Strength,
    Verdict,
    parse_iso_date,
)


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


LONG_AGO = "0001-01-01"

HIDDEN_PATCH = "a patch or a fix that is hidden"
"""The placeholder of a fix, so that an incident counts as provable; reports hide the fix."""

HIDDEN_SHOW_LEVELS: tuple[ShowLevel, ...] = ("id", "link")
"""How little may be shown of a post-mortem that has no severity in a report."""


def restore_postmortem(incident: Mapping[str, Any], root: str) -> Postmortem:
    """Return the post-mortem, its paths as they are from the top of all roots."""
    path = incident.get("path")
    declared, exempt = bool(incident.get("declared")), bool(incident.get("exempt"))
    return Postmortem(
        id=incident["id"],
        title=incident["title"],
        url=incident["url"],
        path=path and prefix_path_with_root(root, path),
        line=incident.get("line"),
        date=_restore_date(incident),
        severity=incident["severity"],
        status=incident.get("status"),
        tags=tuple(incident.get("tags", ())),
        owner=incident.get("owner"),
        root_cause=incident.get("root_cause"),
        whys=tuple(incident.get("whys", ())),
        problem_class=incident["class"],
        aliases=tuple(incident.get("aliases", ())),
        service=tuple(incident.get("service", ())),
        recurs=incident.get("recurs"),
        fix=tuple(incident.get("fix", ())),
        patch=HIDDEN_PATCH if incident.get("provable") and not incident.get("fix") else None,
        guarded_by=tuple(map(Guard, incident.get("guarded_by") or ["something else"] * declared)),
        exempt=exempt,
        reason=incident["reason"] if incident["state"] == "exempt" else None,
        until=incident.get("until"),
        tests=tuple(
            prefix_nodeid_with_root(root, nodeid) for nodeid in incident.get("declares", ())
        ),
        action_items=tuple(ActionItem(**item) for item in incident["action_items"]),
        show=incident.get("show", "all"),
    )


def restore_proof(data: Mapping[str, Any]) -> Proof:
    """Return a proof; an unknown verdict counts as inconclusive."""
    verdict: Verdict = data["verdict"] if data["verdict"] in VERDICTS else "inconclusive"
    outdated = bool(data.get("outdated"))
    strength = data.get("strength")
    return Proof(
        verdict,
        parse_iso_date(data["day"]),
        data["fix"],
        data["reason"],
        outdated,
        strength and Strength(strength["noticed"], strength["missed"], strength["outdated"]),
    )


def _restore_date(incident: Mapping[str, Any]) -> str | None:
    """Return the date; a hidden one is long ago if it made the incident count as no gap."""
    hidden = incident["date"] is None and incident.get("show") in HIDDEN_SHOW_LEVELS
    older = hidden and incident["state"] == "unguarded" and not incident.get("required", True)
    return LONG_AGO if older else incident["date"]


def prefix_path_with_root(root: str, path: str) -> str:
    """Return a path from the top of all roots; any other text is unchanged."""
    if not root or path.startswith("/") or ":" in path.split("/")[0]:
        return path
    return posixpath.normpath(root + path)


def prefix_nodeid_with_root(root: str, nodeid: str) -> str:
    """Return a node id as it is from the top of all roots."""
    path, colons, names = nodeid.partition("::")
    outside = path.startswith("../")
    return f"{prefix_path_with_root(root, path)}{colons}{names}" if outside else root + nodeid
