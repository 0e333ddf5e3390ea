"""How much of a post-mortem a report may show."""

from __future__ import annotations

from pytest_postmortem.model import Postmortem, ShowLevel
from pytest_postmortem.report_model import IncidentResult


def redact_reason(incident: IncidentResult, show: ShowLevel | None) -> str | None:
    """Return why an incident is in its state; a post-mortem's own words count as a part of it."""
    has_own_words = incident.state in ("declared", "exempt")
    return (
        None if has_own_words and (show or incident.postmortem.show) != "all" else incident.reason
    )


def redact_postmortem(postmortem: Postmortem, show: ShowLevel | None) -> Postmortem:
    """Return as much of a post-mortem as may appear in logs and reports; None leaves it to itself.

    ``id`` leaves the id, ``link`` adds the link, ``title`` adds title, date, severity and
    class, and ``all`` is the whole.
    """
    show = show or postmortem.show
    if show == "all":
        return postmortem
    named = show == "title"
    return Postmortem(
        id=postmortem.id,
        title=postmortem.title if named else postmortem.id,
        url=None if show == "id" else postmortem.url,
        path=postmortem.path,
        line=postmortem.line,
        date=postmortem.date if named else None,
        severity=postmortem.severity if named else None,
        problem_class=postmortem.problem_class if named else None,
    )
