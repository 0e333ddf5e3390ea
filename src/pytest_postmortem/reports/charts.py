"""What the page draws, as plain figures: the share of guarded incidents over several reports, and
the incidents that have a test over the commits of a branch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timezone
from itertools import accumulate
from typing import Any

from pytest_postmortem.model import parse_iso_date
from pytest_postmortem.reports.data.summary import MONTHS, CoursePoint, format_day
from pytest_postmortem.text import join_some_texts

MOST_TICKS = 5
"""How many months are named below a chart."""

MIN_TICK_DISTANCE = 24
"""The least distance of a month from the ends of the axis, in per cent of the width."""


@dataclass(frozen=True, slots=True)
class ChartPoint:
    """A report in a chart: its figures, its name, and where it is drawn, in per cent of the width
    and the height; ``y`` is None where its figures were not judged.
    """

    point: CoursePoint
    name: str
    x: float
    y: float | None

    @property
    def fallen(self) -> int:
        """Return how many guards were lost or began to fail."""
        return len(self.point.lost) + len(self.point.failing)

    @property
    def fallen_ids(self) -> str:
        """Return the ids of the incidents whose guards were lost or began to fail."""
        return join_some_texts([*self.point.lost, *self.point.failing], ", ")


@dataclass(frozen=True, slots=True)
class CourseChart:
    """The share over several reports: a line in a square of 100 by 100, and the months below.

    ``ticks`` are pairs of a position in per cent and a text.
    """

    points: tuple[ChartPoint, ...]
    line: str
    ticks: tuple[tuple[float, str], ...]

    @property
    def drawn(self) -> tuple[ChartPoint, ...]:
        """Return the reports that the line has."""
        return tuple(point for point in self.points if point.y is not None)


def build_course_chart(course: Sequence[CoursePoint]) -> CourseChart | None:
    """Return the chart over time, None where fewer than two reports can be drawn."""
    judged = [point for point in course if point.percent is not None]
    if len(judged) < 2:
        return None
    times = [point.time for point in course]
    across = compute_positions([time.timestamp() if time else None for time in times])
    points = tuple(
        ChartPoint(
            point,
            _format_point_name(point, number, times),
            x,
            None if point.percent is None else round(100 - point.percent, 2),
        )
        for number, (point, x) in enumerate(zip(course, across, strict=True), 1)
    )
    line = " ".join(f"{each.x:g},{each.y:g}" for each in points if each.y is not None)
    return CourseChart(points, line, tuple(_list_month_ticks(times)))


def _format_point_name(point: CoursePoint, number: int, times: Sequence[datetime | None]) -> str:
    """Return the day of a report, with its time where another one is of the same day."""
    if point.time is None:
        return f"report {number}"
    day = point.time.date()
    shared = sum(time is not None and time.date() == day for time in times) > 1
    exact = shared and point.time.time() != datetime.min.time()
    return f"{day} {point.time:%H:%M}" if exact else day.isoformat()


@dataclass(frozen=True, slots=True)
class HistoryChart:
    """How many incidents had a test that can fail, change by change, and the step line of it."""

    points: tuple[tuple[str, int], ...]
    top: int
    line: str


def build_history_chart(
    past: Mapping[str, Any] | None, document: Mapping[str, Any]
) -> HistoryChart | None:
    """Return the picture of a history read from git, None where nothing ever changed.

    The required incidents of the report count, as in its figures; where the history does not say
    which incidents it counts, all of them do.
    """
    points = tuple(_count_history_tests(past or {}, document))
    top = max((linked for _, linked in points), default=0)
    if len(points) < 2 or not top:
        return None
    days = [parse_iso_date(day) for day, _ in points]
    at = compute_positions([day.toordinal() if day else None for day in days])
    heights = [100 - 100 * linked / top for _, linked in points]
    return HistoryChart(points, top, _draw_step_line(at, heights))


def _count_history_tests(
    past: Mapping[str, Any], document: Mapping[str, Any]
) -> Iterator[tuple[str, int]]:
    """Yield each day on which the number of incidents with a test changed, and the number."""
    required = {
        incident["id"].casefold()
        for incident in document["incidents"]
        if incident.get("required", True)
    }
    events = [
        (event["day"], 1 if event["kind"] == "linked" else -1)
        for incident in past.get("incidents") or ()
        if str(incident["id"]).casefold() in required
        for event in incident.get("events") or ()
        if event.get("day") and event["kind"] in ("linked", "lost")
    ]
    if not events:
        yield from ((point["day"], point["linked"]) for point in past.get("points") or ())
        return
    changes: dict[str, int] = {}
    for day, step in events:
        changes[day] = changes.get(day, 0) + step
    count = 0
    for day in sorted(changes):
        count += changes[day]
        if changes[day]:
            yield day, count


def compute_positions(times: Sequence[float | None]) -> list[float]:
    """Return where to draw each report by its time, in per cent of the width.

    Where a time is missing, or all are the same, they are drawn evenly in their order. A time
    before that of an earlier report is drawn on that one.
    """
    places: Sequence[float] = [*accumulate((time for time in times if time is not None), max)]
    if len(places) < len(times) or places[0] == places[-1]:
        places = range(len(times))
    first, last = places[0], places[-1]
    return [round(100 * (place - first) / ((last - first) or 1), 2) for place in places]


def _list_month_ticks(times: Sequence[datetime | None]) -> Iterator[tuple[float, str]]:
    """Yield the first month, some between, and the last day, each with its place."""
    known = [time for time in times if time is not None]
    if len(known) < len(times) or known[0].date() == known[-1].date():
        return
    first, last = known[0], known[-1]
    yield 0, f"{MONTHS[first.month - 1][:3]} {first.year}"
    starts = [
        datetime(day.year, day.month, 1, tzinfo=timezone.utc)
        for day in _list_month_starts(first.date(), last.date())
    ]
    steps = (1, 2, 3, 6, 12, len(starts) + 1)
    step = next(months for months in steps if len(starts) <= MOST_TICKS * months)
    for start in starts:
        x = 100 * ((start - first) / (last - first))
        if (start.month - 1) % step == 0 and MIN_TICK_DISTANCE < x < 100 - MIN_TICK_DISTANCE:
            year = f" {start.year}" if start.month == 1 else ""
            yield round(x, 2), f"{MONTHS[start.month - 1][:3]}{year}"
    yield 100, format_day(last, last, short=True)


def _list_month_starts(first: date, last: date) -> Iterator[date]:
    year, month = first.year, first.month
    while (year, month) < (last.year, last.month):
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
        yield date(year, month, 1)


def _draw_step_line(across: Sequence[float], down: Sequence[float]) -> str:
    """Return a path that keeps each height until the next, the last to the right edge."""
    start = f"M{across[0]:g} {down[0]:g}"
    steps = (f"H{x:g}V{y:g}" for x, y in zip(across[1:], down[1:], strict=True))
    return start + "".join(steps) + "H100"
