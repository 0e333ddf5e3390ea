"""When reports were made: the order of several, and the time of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from pytest_postmortem.model import parse_iso_date

ReportData = Mapping[str, Any]

LONG_AGO = datetime.min.replace(tzinfo=timezone.utc)


def find_report_time(document: ReportData) -> datetime | None:
    """Return when the run of a JSON report began, in UTC, None if it has no date at all.

    Reports before 0.2.0, and those of joined runs, have the day by which they were judged alone:
    they are of its first moment.
    """
    return _parse_time((document.get("run") or {}).get("started")) or _find_judgement_day(document)


def _parse_time(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat((text or "").replace("Z", "+00:00"))
        return moment.replace(tzinfo=moment.tzinfo or timezone.utc).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


def _find_judgement_day(document: ReportData) -> datetime | None:
    day = parse_iso_date(document["policy"].get("today"))
    return datetime(day.year, day.month, day.day, tzinfo=timezone.utc) if day else None


def get_time_key(document: ReportData) -> tuple[datetime, datetime]:
    """Return what JSON reports are sorted by: when the run began, then the day of its judgement.

    Runs with the same ``SOURCE_DATE_EPOCH`` differ by the day alone.
    """
    return find_report_time(document) or LONG_AGO, _find_judgement_day(document) or LONG_AGO


def sort_reports_by_time(documents: Iterable[ReportData]) -> list[ReportData]:
    """Return JSON reports with the newest last; if one has no date, in the order given."""
    reports = list(documents)
    if any(find_report_time(report) is None for report in reports):
        return reports
    return sorted(reports, key=get_time_key)
