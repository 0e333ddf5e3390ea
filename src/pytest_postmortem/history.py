"""Commits and the marks in each → when incidents got a regression test, and when one was lost.

What is told is what the code says: a test that is linked, and that no mark keeps from failing.
Nothing is averaged, and nothing is ranked.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

from pytest_postmortem import __version__
from pytest_postmortem.assess import selected
from pytest_postmortem.changes import some
from pytest_postmortem.model import Policy, Registry, Show, count_of
from pytest_postmortem.reports.failure import plain
from pytest_postmortem.reports.shown import reveal

if TYPE_CHECKING:
    from pytest_postmortem.git import Commit
    from pytest_postmortem.marked import Linked, UnreadLinks

__all__ = ["FORMAT", "Event", "History", "Point", "Story", "Unread", "render", "table", "trace"]

FORMAT = 1
SHORT = 10
"""Letters of a commit that are shown."""


@dataclass(frozen=True, slots=True)
class Event:
    """An incident got its first linked test, or lost its last one; days are those of commits."""

    kind: Literal["linked", "lost"]
    day: date | None
    commit: str
    earlier: bool = False
    """Whether it may have happened earlier, in a part of the history that is not here."""


@dataclass(frozen=True, slots=True)
class Story:
    """What became of one incident, oldest first; no event where it never had a test."""

    id: str
    title: str = ""
    date: str | None = None
    events: tuple[Event, ...] = ()
    unknown: str | None = None
    """Why code can't tell whether a test is linked to it now."""

    @property
    def linked(self) -> bool:
        """Whether a test is linked to it now, as far as the code tells."""
        known = self.unknown is None
        return known and bool(self.events) and self.events[-1].kind == "linked"


@dataclass(frozen=True, slots=True)
class Point:
    """How many incidents had a linked test from a commit on."""

    day: date | None
    commit: str
    linked: int


@dataclass(frozen=True, slots=True)
class Unread:
    """A file that can't be read as Python as a commit has it."""

    day: date | None
    commit: str
    path: str


@dataclass(frozen=True, slots=True)
class History:
    """Incidents in the order of the registry, those that it lacks at the end.

    ``points`` has one for each change of the number; ``cut`` says that the clone is shallow.
    ``unread`` are the versions of files whose links are not known.
    """

    stories: tuple[Story, ...] = ()
    points: tuple[Point, ...] = ()
    commits: int = 0
    cut: bool = False
    unread: tuple[Unread, ...] = ()


def trace(
    commits: Iterable[Commit],
    links: Callable[[str, str], Mapping[str, Linked]],
    registry: Registry | None = None,
    policy: Policy = Policy(),
    show: Show | None = None,
    cut: bool = False,
    unread: Callable[[str, str], UnreadLinks | None] = lambda path, blob: None,
    now: Callable[[Collection[str]], str | None] = lambda names: None,
    is_readable: Callable[[str, str], bool] = lambda path, blob: True,
) -> History:
    """Follow the incidents through commits, oldest first.

    ``links`` gives the incidents to which the tests of a file are linked, by its path and blob,
    ``unread`` what its code does not say. An incident is not lost as long as that may link it.
    ``now`` says why the newest code can't tell whether a test is linked to an incident.
    ``cut`` says that the first commit brings what older ones, which are not here, had made.
    Where a version of a file is not ``is_readable``, the links of the last one that was go on.
    """
    readable: dict[str, Mapping[str, Linked]] = {}
    not_read: list[Unread] = []
    places: dict[str, UnreadLinks] = {}
    waiting: dict[str, str] = {}
    files: dict[str, Mapping[str, Linked]] = {}
    held: Counter[str] = Counter()
    names: dict[str, str] = {}
    events: dict[str, list[Event]] = {}
    points: list[Point] = []
    count, linked = 0, 0
    for count, commit in enumerate(commits, start=1):
        before: dict[str, bool] = {}
        for path, blob in commit.changed.items():
            new = links(path, blob) if blob else {}
            is_known = blob is None or is_readable(path, blob)
            if is_known:
                readable[path] = new
            else:
                not_read.append(Unread(commit.day, commit.id, path))
                new = {**new, **readable.get(path, {})}
            for own, step in ((files.pop(path, {}), -1), (new, 1)):
                for key, each in own.items():
                    names[key] = each.id
                    before.setdefault(key, held[key] > 0)
                    held[key] += step * each.held
            if new:
                files[path] = new
            if is_known:
                places.pop(path, None)
            unclear = unread(path, blob) if blob else None
            if unclear is not None:
                places[path] = unclear
        turned = [key for key, was in before.items() if was != (held[key] > 0)]
        lost = {key for key in (*turned, *waiting) if held[key] <= 0}
        reasons = {key: _reason(key, registry, places.values()) for key in lost}
        gone = [key for key in waiting if key in lost and reasons[key] is None]
        back = [key for key in waiting if held[key] > 0]
        waiting = {key: reason for key, reason in reasons.items() if reason}
        for key in (*(key for key in turned if key not in (*waiting, *back)), *gone):
            kind: Literal["linked", "lost"] = "linked" if held[key] > 0 else "lost"
            event = Event(kind, commit.day, commit.id, cut and count == 1)
            events.setdefault(key, []).append(event)
        old, linked = linked, linked + sum(1 if held[key] > 0 else -1 for key in turned)
        if linked != old:
            points.append(Point(commit.day, commit.id, linked))
    stories = tuple(_stories(events, names, registry, policy, show, now))
    return History(stories, tuple(points), count, cut, tuple(not_read))


def _stories(
    events: Mapping[str, list[Event]],
    names: Mapping[str, str],
    registry: Registry | None,
    policy: Policy,
    show: Show | None,
    now: Callable[[Collection[str]], str | None],
) -> Iterator[Story]:
    known = [postmortem for postmortem in registry or () if selected(postmortem, policy)]
    for postmortem in known:
        shown = reveal(postmortem, show)
        told = tuple(events.get(postmortem.id.casefold(), ()))
        story = Story(shown.id, shown.title, shown.date, told)
        why = now((postmortem.id, *postmortem.aliases))
        yield replace(story, unknown=why)
    told_already = {postmortem.id.casefold() for postmortem in known}
    for key in events:
        if key not in told_already:
            yield Story(names[key], events=tuple(events[key]), unknown=now((names[key],)))


def _reason(key: str, registry: Registry | None, places: Iterable[UnreadLinks]) -> str | None:
    """Return why one of some files may link an incident, None where none may."""
    known = registry.find(key) if registry else None
    names = (known.id, *known.aliases) if known else (key,)
    return next(filter(None, (each.reason(names) for each in places)), None)


def table(history: History) -> str:
    """Return the history for a terminal: a row an incident, then the number at each change."""
    rows = [("incident", "first test", "since then", "title")]
    rows += [_row(story) for story in history.stories]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    if history.points:
        lines += ["", "from        incidents with a test"]
        lines += [f"{_day(point.day)}  {point.linked:>4}" for point in _daily(history.points)]
    now = sum(story.linked for story in history.stories)
    commits = count_of(history.commits, "commit")
    lines += ["", f"{now} of {count_of(len(history.stories))} linked to a test; {commits} read"]
    unknown = {story.id: story.unknown for story in history.stories if story.unknown}
    if unknown:
        reasons = some([*dict.fromkeys(unknown.values())])
        lines.append(f"unknown: {some([*unknown], ', ')}: {reasons}")
    if history.unread:
        versions = [f"{each.path} at {each.commit[:SHORT]}" for each in history.unread]
        lines.append(f"can't be read as Python: {some(versions, ', ')}")
    if history.cut:
        lines.append("The clone is shallow: `git fetch --unshallow` tells what was before")
    return "".join(f"{plain(line)}\n" for line in lines)


def _row(story: Story) -> tuple[str, str, str, str]:
    title = "" if story.title == story.id else story.title
    if not story.events:
        return story.id, "unknown" if story.unknown else "none", "", title
    first, *rest = story.events
    later = ", ".join(f"{_verb(event)} {_day(event.day)}" for event in rest)
    later = ", ".join(filter(None, (later, "unknown now" if story.unknown else "")))
    return story.id, f"{'at or before ' if first.earlier else ''}{_day(first.day)}", later, title


def _verb(event: Event) -> str:
    return "lost" if event.kind == "lost" else "regained"


def _day(day: date | None) -> str:
    return day.isoformat() if day else "?" * SHORT


def _daily(points: Iterable[Point]) -> Iterable[Point]:
    """Return the last point of each day."""
    return {point.day: point for point in points}.values()


def render(history: History) -> str:
    """Return the history as JSON with one field a line, ending in a line feed."""
    document = {
        "format": FORMAT,
        "tool": {"name": "pytest-postmortem", "version": __version__},
        "commits": history.commits,
        "shallow": history.cut,
        "unread": [
            {"day": _iso(each.day), "commit": each.commit, "path": each.path}
            for each in history.unread
        ],
        "incidents": [_incident(story) for story in history.stories],
        "points": [
            {"day": _iso(point.day), "commit": point.commit, "linked": point.linked}
            for point in history.points
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _incident(story: Story) -> Mapping[str, Any]:
    return {
        "id": story.id,
        "title": story.title or story.id,
        "date": story.date,
        "linked": story.linked,
        "unknown": story.unknown,
        "events": [
            {
                "kind": event.kind,
                "day": _iso(event.day),
                "commit": event.commit,
                "at_or_before": event.earlier,
            }
            for event in story.events
        ],
    }


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None
