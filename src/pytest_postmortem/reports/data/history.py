"""Commits and the marks in each → when incidents got a regression test, and when one was lost.

Only the code counts. An incident is linked if a test names it, and has an active test if no mark
keeps one of these from failing.
Nothing is averaged, and nothing is ranked.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal, get_args

from pytest_postmortem import __version__
from pytest_postmortem.evaluation.evaluate import is_incident_selected
from pytest_postmortem.model import Policy, Registry, ShowLevel, format_count
from pytest_postmortem.reports.redaction import redact_postmortem
from pytest_postmortem.reports.severity_order import build_severity_ranking
from pytest_postmortem.text import align_columns, join_some_texts, sanitize_line

if TYPE_CHECKING:
    from pytest_postmortem.git import Commit
    from pytest_postmortem.pysource.marker_index import LinkedIncident, UnreadLinks

HISTORY_FORMAT = 1
HISTORY_HASH_LENGTH = 10
"""Letters of a commit that are shown."""


LinkEventKind = Literal["linked", "inactive", "active", "lost"]


@dataclass(frozen=True, slots=True)
class LinkEvent:
    """An incident got its first linked test (``linked``) or lost its last one (``lost``), or its
    last active one is muted (``inactive``), or one is active again (``active``).
    """

    kind: LinkEventKind
    day: date | None
    commit: str
    at_or_before: bool = False
    """Whether it may have happened earlier, in a part of the history that is not here."""


@dataclass(frozen=True, slots=True)
class IncidentHistory:
    """What became of one incident, oldest first; no event where it never had a test."""

    id: str
    title: str = ""
    date: str | None = None
    events: tuple[LinkEvent, ...] = ()
    unknown: str | None = None
    """Why the code does not show whether a test is linked to it now."""
    severity: str | None = None
    owner: str | None = None
    registered: bool = True
    """Whether the registry has it, or there is none, so that figures count it."""

    @property
    def linked(self) -> bool:
        """Whether the code has a test that is linked to it now."""
        return self._ends_in("linked", "inactive", "active")

    @property
    def active(self) -> bool:
        """Whether one of the linked tests could fail now."""
        return self._ends_in("linked", "active")

    def _ends_in(self, *kinds: LinkEventKind) -> bool:
        return self.unknown is None and bool(self.events) and self.events[-1].kind in kinds


@dataclass(frozen=True, slots=True)
class LinkedCount:
    """How many incidents had a linked test from a commit on, and how many an active one.

    Incidents that the registry lacks are not counted.
    """

    day: date | None
    commit: str
    linked: int
    active: int


@dataclass(frozen=True, slots=True)
class Unread:
    """A file that can't be read as Python as a commit has it."""

    day: date | None
    commit: str
    path: str


@dataclass(frozen=True, slots=True)
class LinkHistory:
    """Incidents, the most severe first and those that the registry lacks at the end.

    ``points`` has one for each change of a number; ``cut`` says that the clone is shallow.
    ``unread`` are the versions of files whose links are not known.
    """

    stories: tuple[IncidentHistory, ...] = ()
    points: tuple[LinkedCount, ...] = ()
    commits: int = 0
    cut: bool = False
    unread: tuple[Unread, ...] = ()


def trace_history(
    commits: Iterable[Commit],
    links: Callable[[str, str], Mapping[str, LinkedIncident]],
    registry: Registry | None = None,
    policy: Policy = Policy(),
    show: ShowLevel | None = None,
    cut: bool = False,
    unread: Callable[[str, str], UnreadLinks | None] = lambda path, blob: None,
    now: Callable[[Collection[str]], str | None] = lambda names: None,
    is_readable: Callable[[str, str], bool] = lambda path, blob: True,
) -> LinkHistory:
    """Follow the incidents through commits, oldest first.

    ``links`` gives the incidents to which the tests of a file are linked, by its path and blob,
    ``unread`` what its code does not say. An incident is not lost as long as that may link it.
    ``now`` returns why the newest code does not show whether a test is linked to an incident.
    ``cut`` says that the first commit brings what older ones, which are not here, had made.
    Where a version of a file is not ``is_readable``, the links of the last one that was go on.
    """
    readable: dict[str, Mapping[str, LinkedIncident]] = {}
    not_read: list[Unread] = []
    places: dict[str, UnreadLinks] = {}
    waiting: dict[str, None] = {}
    reported: dict[str, LinkState] = {}
    files: dict[str, Mapping[str, LinkedIncident]] = {}
    tests: Counter[str] = Counter()
    active_tests: Counter[str] = Counter()
    names: dict[str, str] = {}
    events: dict[str, list[LinkEvent]] = {}
    points: list[LinkedCount] = []
    figures = 0, 0
    count = 0
    counted = _find_counted_keys(registry, policy)
    for count, commit in enumerate(commits, start=1):
        touched: dict[str, None] = {}
        for path, blob in commit.changed.items():
            new = links(path, blob) if blob else {}
            is_known = blob is None or is_readable(path, blob)
            if is_known:
                readable[path] = new
            else:
                not_read.append(Unread(commit.day, commit.id, path))
                new = {**new, **readable.get(path, {})}
            removed = ((incident, -1) for incident in files.pop(path, {}).items())
            added = ((incident, 1) for incident in new.items())
            for (key, incident), step in (*removed, *added):
                names[key] = incident.id
                touched[key] = None
                tests[key] += step
                active_tests[key] += step * incident.has_active_test
            if new:
                files[path] = new
            if is_known:
                places.pop(path, None)
            unclear = unread(path, blob) if blob else None
            if unclear is not None:
                places[path] = unclear
        for key in dict.fromkeys((*touched, *waiting)):
            old, now_is = reported.get(key, "lost"), _get_link_state(tests[key], active_tests[key])
            waiting.pop(key, None)
            if LINK_STATES.index(now_is) < LINK_STATES.index(old) and _find_unread_reason(
                key, registry, places.values()
            ):
                waiting[key] = None
                continue
            reported[key] = now_is
            for kind in _list_events(old, now_is):
                event = LinkEvent(kind, commit.day, commit.id, cut and count == 1)
                events.setdefault(key, []).append(event)
        before, figures = figures, _count_links(counted, tests, active_tests)
        if figures != before:
            points.append(LinkedCount(commit.day, commit.id, *figures))
    stories = tuple(_build_incident_histories(events, names, registry, policy, show, now))
    return LinkHistory(stories, tuple(points), count, cut, tuple(not_read))


LinkState = Literal["lost", "inactive", "active"]

LINK_STATES: tuple[LinkState, ...] = get_args(LinkState)
"""What the tests of an incident are, the worst first."""


def _get_link_state(tests: int, active_tests: int) -> LinkState:
    return "active" if active_tests > 0 else "inactive" if tests > 0 else "lost"


def _list_events(old: LinkState, new: LinkState) -> tuple[LinkEventKind, ...]:
    """Return what happened to an incident from one state to the next."""
    if old == new:
        return ()
    if old == "lost":
        return ("linked",) if new == "active" else ("linked", "inactive")
    return (new,)


def _find_counted_keys(registry: Registry | None, policy: Policy) -> frozenset[str] | None:
    """Return the incidents that figures count: the selected ones, None where all ids are."""
    if registry is None:
        return None
    return frozenset(
        postmortem.id.casefold()
        for postmortem in registry
        if is_incident_selected(postmortem, policy)
    )


def _count_links(
    counted: frozenset[str] | None, tests: Mapping[str, int], active_tests: Mapping[str, int]
) -> tuple[int, int]:
    """Return how many incidents have a test, and how many an active one."""
    return (
        sum(n > 0 and (counted is None or key in counted) for key, n in tests.items()),
        sum(n > 0 and (counted is None or key in counted) for key, n in active_tests.items()),
    )


def _build_incident_histories(
    events: Mapping[str, list[LinkEvent]],
    names: Mapping[str, str],
    registry: Registry | None,
    policy: Policy,
    show: ShowLevel | None,
    now: Callable[[Collection[str]], str | None],
) -> Iterator[IncidentHistory]:
    selected_postmortems = [
        postmortem for postmortem in registry or () if is_incident_selected(postmortem, policy)
    ]
    rank = build_severity_ranking(policy.severities)
    pairs = [
        (postmortem, redact_postmortem(postmortem, show)) for postmortem in selected_postmortems
    ]
    for postmortem, shown in sorted(pairs, key=lambda pair: rank(pair[1].severity)):
        own_events = tuple(events.get(postmortem.id.casefold(), ()))
        why = now(postmortem.names)
        yield IncidentHistory(
            shown.id, shown.title, shown.date, own_events, why, shown.severity, shown.owner
        )
    selected_ids = {postmortem.id.casefold() for postmortem in selected_postmortems}
    for key in events:
        if key not in selected_ids:
            yield IncidentHistory(
                names[key],
                events=tuple(events[key]),
                unknown=now((names[key],)),
                registered=registry is None,
            )


def _find_unread_reason(
    key: str, registry: Registry | None, places: Iterable[UnreadLinks]
) -> str | None:
    """Return why one of some files may link an incident, None where none may."""
    postmortem = registry.find(key) if registry else None
    names = postmortem.names if postmortem else (key,)
    return next(filter(None, (unread_links.reason(names) for unread_links in places)), None)


def render_history_table(history: LinkHistory) -> str:
    """Return the history for a terminal: a row an incident, then the numbers at each change."""
    rows: list[tuple[str, ...]] = [
        ("incident", "severity", "owner", "first test", "since then", "title")
    ]
    rows += [_format_history_row(story) for story in history.stories]
    used = [any(column) for column in zip(*rows[1:], strict=True)] or [True] * len(rows[0])
    rows = [
        tuple(
            cell
            for cell, name, is_used in zip(row, rows[0], used, strict=True)
            if is_used or name not in ("severity", "owner")
        )
        for row in rows
    ]
    lines = [line.rstrip() for line in align_columns(rows)]
    if history.points:
        lines += ["", "from        linked  with an active test"]
        last_of_day = {point.day: point for point in history.points}
        lines += [
            f"{_format_event_day(day)}  {point.linked:>6}  {point.active:>19}"
            for day, point in last_of_day.items()
        ]
    linked_count = sum(story.linked for story in history.stories if story.registered)
    active_count = sum(story.active for story in history.stories if story.registered)
    known = [story for story in history.stories if story.registered]
    commits = format_count(history.commits, "commit")
    lines += [
        "",
        f"{linked_count} of {format_count(len(known))} linked to a test,"
        f" {active_count} to an active one; {commits} read",
    ]
    unknown = {story.id: story.unknown for story in history.stories if story.unknown}
    if unknown:
        reasons = join_some_texts([*dict.fromkeys(unknown.values())])
        lines.append(f"unknown: {join_some_texts([*unknown], ', ')}: {reasons}")
    if history.unread:
        versions = [
            f"{each.path} at {each.commit[:HISTORY_HASH_LENGTH]}" for each in history.unread
        ]
        lines.append(f"can't be read as Python: {join_some_texts(versions, ', ')}")
    if history.cut:
        lines.append("The clone is shallow: run `git fetch --unshallow` for older commits")
    return "".join(f"{sanitize_line(line)}\n" for line in lines)


def _format_history_row(story: IncidentHistory) -> tuple[str, ...]:
    title = "" if story.title == story.id else story.title
    facts = (story.id, story.severity or "", story.owner or "")
    if not story.events:
        return *facts, "unknown" if story.unknown else "none", "", title
    first, *rest = story.events
    verbs = {"lost": "lost", "linked": "regained", "inactive": "inactive", "active": "active"}
    later = [f"{verbs[event.kind]} {_format_event_day(event.day)}" for event in rest]
    later += ["unknown now"] if story.unknown else []
    earliest = "at or before " if first.at_or_before else ""
    return *facts, f"{earliest}{_format_event_day(first.day)}", ", ".join(later), title


def _format_event_day(day: date | None) -> str:
    return day.isoformat() if day else "?" * HISTORY_HASH_LENGTH


def render_history_json(history: LinkHistory) -> str:
    """Return the history as JSON with one field a line, ending in a line feed."""
    document = {
        "format": HISTORY_FORMAT,
        "tool": {"name": "pytest-postmortem", "version": __version__},
        "commits": history.commits,
        "shallow": history.cut,
        "unread": [asdict(version) for version in history.unread],
        "incidents": [
            {
                "id": story.id,
                "title": story.title or story.id,
                "date": story.date,
                "severity": story.severity,
                "owner": story.owner,
                "linked": story.linked,
                "active": story.active,
                "unknown": story.unknown,
                "events": [asdict(event) for event in story.events],
            }
            for story in history.stories
        ],
        "points": [asdict(point) for point in history.points],
    }
    return json.dumps(document, indent=1, ensure_ascii=False, default=date.isoformat) + "\n"
