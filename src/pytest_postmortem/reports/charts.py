"""What the page draws, as plain figures: bars of incidents, and lines over several reports."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from pytest_postmortem.model import parse_iso_date

LAST_POSITION = 950
"""The x position of the last report, so that a single report also gives a line."""


@dataclass(frozen=True, slots=True)
class GuardedBar:
    """A row of a picture; the shares are of the longest row, in per cent."""

    name: str
    guarded: int
    required: int
    guarded_share: float
    required_share: float


@dataclass(frozen=True, slots=True)
class ReportPoint:
    """The figures of one report; ``judged`` says whether they are of the whole suite."""

    name: str
    required: int
    linked: int
    guarded: int
    percent: float | None

    @property
    def judged(self) -> bool:
        """Say whether the figures are of the whole suite."""
        return self.percent is not None


@dataclass(frozen=True, slots=True)
class HistoryChart:
    """Several reports: their figures, and step lines in a square of 1,000 by 1,000.

    ``top`` is the number of incidents at the upper edge.
    """

    points: tuple[ReportPoint, ...]
    top: int
    lines: Mapping[str, str]

    @property
    def undrawn(self) -> int:
        """Return the number of reports that the lines leave out, since nothing was judged."""
        return sum(not point.judged for point in self.points)


def build_guarded_bars(incidents: Iterable[tuple[str, bool]]) -> Iterator[GuardedBar]:
    """Yield a bar for each name, from the name of each incident and whether it is guarded."""
    groups: dict[str, list[bool]] = defaultdict(list)
    for name, guarded in incidents:
        groups[name].append(guarded)
    longest = max(map(len, groups.values()), default=0)
    for name, members in groups.items():
        counts = sum(members), len(members)
        yield GuardedBar(name, *counts, *(round(100 * count / longest, 2) for count in counts))


def build_history_chart(documents: Sequence[Mapping[str, Any]]) -> HistoryChart | None:
    """Return the picture over time, None where fewer than two reports can be drawn."""
    days = [document["policy"].get("today") for document in documents]
    points = tuple(
        ReportPoint(
            day or f"report {number}",
            *(document["totals"][name] for name in ("required", "linked", "guarded", "percent")),
        )
        for number, (day, document) in enumerate(zip(days, documents, strict=True), start=1)
    )
    drawn = [index for index, point in enumerate(points) if point.judged]
    if len(drawn) < 2:
        return None
    at = _compute_positions([days[index] for index in drawn])
    top = max(points[index].required for index in drawn)
    lines = {
        name: _draw_step_line(
            at, [1000 - 1000 * getattr(points[index], name) / top for index in drawn]
        )
        for name in ("required", "linked", "guarded")
    }
    return HistoryChart(points, top, lines)


@dataclass(frozen=True, slots=True)
class LinkedTestChart:
    """How many incidents had a regression test, change by change, and the step line of it."""

    points: tuple[tuple[str, int], ...]
    top: int
    line: str


def build_linked_test_chart(past: Mapping[str, Any] | None) -> LinkedTestChart | None:
    """Return the picture of a history read from git, None where nothing ever changed."""
    points = tuple((point["day"], point["linked"]) for point in (past or {}).get("points", ()))
    top = max((linked for _, linked in points), default=0)
    if len(points) < 2 or not top:
        return None
    at = _compute_positions([day for day, _ in points])
    return LinkedTestChart(
        points, top, _draw_step_line(at, [1000 - 1000 * linked / top for _, linked in points])
    )


def _compute_positions(days: Sequence[str | None]) -> list[float]:
    """Return where to draw each report: by its day, which several may share.

    Where a day is missing, or all are of one day, they are drawn evenly in their order. A day
    before that of an earlier report is drawn on that one.
    """
    dates = [date for day in days if (date := parse_iso_date(day))]
    ordinals = list(accumulate((date.toordinal() for date in dates), max))
    if len(ordinals) < len(days) or ordinals[0] == ordinals[-1]:
        ordinals = list(range(len(days)))
    first, last = ordinals[0], ordinals[-1]
    return [LAST_POSITION * (ordinal - first) / (last - first) for ordinal in ordinals]


def _draw_step_line(across: Sequence[float], down: Sequence[float]) -> str:
    """Return a path that keeps each height until the next, the last to the right edge."""
    start = f"M{across[0]:g} {down[0]:g}"
    steps = (f"H{x:g}V{y:g}" for x, y in zip(across[1:], down[1:], strict=True))
    return start + "".join(steps) + "H1000"
