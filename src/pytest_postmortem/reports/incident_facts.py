"""Facts of an incident of a JSON report that every format shows alike.

Could it return, how late is it, what says its proof, and how severe is it compared with others?
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from pytest_postmortem.evaluation.evaluate import normalize_severity
from pytest_postmortem.evaluation.gates import count_days_past_grace
from pytest_postmortem.model import PROVEN_VERDICTS, Policy, parse_iso_date
from pytest_postmortem.report_model import COULD_RETURN_STATES

IncidentData = Mapping[str, Any]

ProofStatus = Literal["proven", "hollow", "outdated", "none"]

SeverityRank = tuple[int, int, str]

SEVERITY_WORDS = (
    ("critical", "blocker", "catastrophic", "emergency"),
    ("high", "major", "severe", "urgent"),
    ("medium", "moderate", "normal"),
    ("low", "minor"),
    ("trivial", "none", "info", "informational"),
)
"""Words for a severity, most severe first; a number counts as itself."""


def build_severity_ranking(configured: Sequence[str]) -> Callable[[str | None], SeverityRank]:
    """Return the order of severities: those that a team has put in order, words and numbers
    together, then others, then none.
    """
    places = {normalize_severity(name): place for place, name in enumerate(configured)}
    ranks: dict[str | None, SeverityRank] = {}

    def rank_severity(severity: str | None) -> SeverityRank:
        if severity not in ranks:
            ranks[severity] = _rank_new_severity(severity, places)
        return ranks[severity]

    return rank_severity


def _rank_new_severity(severity: str | None, places: dict[str, int]) -> SeverityRank:
    key = normalize_severity(severity or "")
    words = [place for place, names in enumerate(SEVERITY_WORDS, start=1) if key in names]
    digits = re.search(r"\d{1,9}", key)
    if not key:
        return 3, 0, ""
    if key in places:
        return 0, places[key], ""
    if words or digits:
        return 1, words[0] if words else int(digits[0] if digits else 0), key
    return 2, 0, key


def format_urgency(
    severities: Sequence[str | None],
    rank: Callable[[str | None], SeverityRank],
    shorten: Callable[[str], str],
) -> str:
    """Return how many of several incidents are of the highest severity, where one is known."""
    highest = min(severities, key=rank, default=None)
    if len(severities) < 2 or not highest:
        return ""
    key = normalize_severity(highest)
    count = sum(normalize_severity(severity or "") == key for severity in severities)
    return f"{'all' if count == len(severities) else f'{count} of them'} {shorten(highest)}"


def could_return(incident: IncidentData) -> bool:
    """Say whether a required incident could return, and no test would notice."""
    return bool(incident.get("required", True)) and incident["state"] in COULD_RETURN_STATES


def is_open(incident: IncidentData) -> bool:
    """Say whether a required incident could return, or has a test that fails."""
    failing = incident["state"] == "failing" and bool(incident.get("required", True))
    return failing or could_return(incident)


def compute_days_past_grace(incident: IncidentData, policy: IncidentData) -> int | None:
    """Return how many days ago the grace of an incident ended, at most 0 while it has some.

    None where the report or the incident has no date.
    """
    today, grace = parse_iso_date(policy.get("today")), int(policy.get("grace") or 0)
    day = parse_iso_date(incident.get("date"))
    return count_days_past_grace(day, Policy(today=today, grace=grace))


def is_past_grace(incident: IncidentData, policy: IncidentData) -> bool:
    """Say whether an open incident has no grace left; as in the gates, one without a date has
    none.
    """
    days = compute_days_past_grace(incident, policy)
    return is_open(incident) and (days is None or days > 0)


def classify_proof(incident: IncidentData) -> ProofStatus | None:
    """Return the kind of proof of an incident, None where no test is linked to it.

    ``hollow`` means that its tests pass without the fix; a verdict that says neither is ``none``.
    """
    if not incident["tests"]:
        return None
    proof = incident.get("proof") or {}
    verdict = proof.get("verdict")
    if verdict in (*PROVEN_VERDICTS, "not-proven") and proof.get("outdated"):
        return "outdated"
    if verdict == "not-proven":
        return "hollow"
    return "proven" if verdict in PROVEN_VERDICTS else "none"


def passes_without_fix(incident: IncidentData) -> bool:
    """Say whether the tests of an incident pass without its fix, by a proof that is still valid."""
    return classify_proof(incident) == "hollow"
