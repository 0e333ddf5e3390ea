"""The order of severities, for every list that begins with the most severe."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from pytest_postmortem.evaluation.evaluate import normalize_severity

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
