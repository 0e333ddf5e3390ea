"""The plain data that everything passes around: frozen, without I/O, known by every module."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, get_args

__all__ = [
    "DESELECTED",
    "DESELECTED_BY_CONFIGURATION",
    "OUTCOMES",
    "PROVEN_VERDICTS",
    "SHOW_LEVELS",
    "VERDICTS",
    "ActionItem",
    "Collected",
    "Finding",
    "Guard",
    "Link",
    "Location",
    "NodeKey",
    "Origin",
    "Outcome",
    "OutcomeWord",
    "Policy",
    "Postmortem",
    "Proof",
    "Registry",
    "Scope",
    "ShowLevel",
    "Verdict",
    "format_count",
    "normalize_id",
    "parse_iso_date",
]

OutcomeWord = Literal["failed", "error", "passed", "xpassed", "xfailed", "skipped", "not-run"]

OUTCOMES: tuple[OutcomeWord, ...] = get_args(OutcomeWord)
"""Of several outcomes of one test, the first in this order counts."""

DESELECTED = "deselected"
DESELECTED_BY_CONFIGURATION = "deselected by configuration"
UNREPORTED = "did not run"
"""Why a test did not run: something of this run deselected it, or the suite always does, or the
test was collected and no report of it came.
"""

Origin = Literal["marker", "foreign", "registry"]
"""Who claims a link: our marker, another mark that was configured, or the registry."""

ShowLevel = Literal["id", "link", "title", "all"]
"""How much of a post-mortem may appear in logs and reports."""

SHOW_LEVELS: tuple[ShowLevel, ...] = get_args(ShowLevel)


Verdict = Literal[
    "proven",
    "proven-flaky",
    "proven-at-fix",
    "weak",
    "not-proven",
    "not-reached",
    "fails-with-fix",
    "skipped",
    "broken",
    "inconclusive",
]
"""What comes of taking a fix away."""

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
"""Of several tests of one incident the verdict counts that is first in this order."""

PROVEN_VERDICTS: tuple[Verdict, ...] = ("proven", "proven-flaky", "proven-at-fix")


@dataclass(frozen=True, slots=True)
class ActionItem:
    """A piece of follow-up work as the post-mortem states it; it is tracked elsewhere."""

    title: str
    owner: str | None = None
    due: str | None = None
    type: str | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True)
class Guard:
    """A guard that is no test of this suite, such as an alert; not checked here."""

    type: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Postmortem:
    """One incident as its post-mortem describes it.

    ``path`` and ``line`` say where the entry stands, the path relative to the rootdir where it
    lies below it. ``date`` and ``until`` are ISO dates, or whatever text stood there.
    ``extra`` keeps the short texts under keys that this version does not know. ``show`` is the
    most that may be shown of it, if nobody says: less than all for what was fetched with a
    credential. What was fetched and stands in no file has no ``path``.
    """

    id: str
    title: str
    url: str | None = None
    path: str | None = None
    line: int | None = None
    date: str | None = None
    severity: str | None = None
    status: str | None = None
    tags: tuple[str, ...] = ()
    owner: str | None = None
    root_cause: str | None = None
    whys: tuple[str, ...] = ()
    problem_class: str | None = None
    aliases: tuple[str, ...] = ()
    fix: tuple[str, ...] = ()
    patch: str | None = None
    service: tuple[str, ...] = ()
    repository: tuple[str, ...] = ()
    component: tuple[str, ...] = ()
    recurs: str | None = None
    guarded_by: tuple[Guard, ...] = ()
    exempt: bool = False
    reason: str | None = None
    until: str | None = None
    tests: tuple[str, ...] = ()
    action_items: tuple[ActionItem, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)
    show: ShowLevel = "all"

    @property
    def day(self) -> datetime.date | None:
        """The date of the incident, or None where none is given or it is no ISO date."""
        return parse_iso_date(self.date)


def parse_iso_date(text: str | None) -> datetime.date | None:
    """Return the date with which an ISO date or date-time begins, or None."""
    if text is None:
        return None
    try:
        return datetime.datetime.strptime(text[:10], "%Y-%m-%d").date()
    except ValueError:
        return None


def normalize_id(text: str) -> str:
    """Return an id, an alias or a node id in Unicode's NFC, in which all of them are compared.

    macOS writes the names of files in NFD, where ``é`` is two characters.
    """
    if text.isascii():
        return text
    import unicodedata

    return unicodedata.normalize("NFC", text)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong in the registry or in a link; an error sets the exit status at the end.

    ``code`` is the slug of a section in ``docs/reference/messages.md``. ``message`` is one line,
    with the remedy in it; ``path`` is relative to the rootdir, ``line`` counts from 1.
    """

    code: str
    severity: Literal["error", "warning"]
    message: str
    path: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        """Return the finding in one line, place first."""
        if self.path is None:
            return self.message
        place = self.path if self.line is None else f"{self.path}:{self.line}"
        return f"{place}: {self.message}"


@dataclass(frozen=True, slots=True)
class Location:
    """Where a registry is read from: ``text`` as it was given, relative to ``folder``."""

    text: str
    folder: Path

    @property
    def path(self) -> Path:
        """The file or directory that the location names, absolute."""
        return self.folder / Path(self.text).expanduser()


@dataclass(frozen=True, slots=True)
class Registry:
    """All post-mortems, in the order of their locations.

    ``index`` holds every id and every alias that names one post-mortem alone, case-folded.
    ``locations`` are the locations as they are shown to the reader. ``partial`` says why there
    may be post-mortems which this registry does not hold, ``unreachable`` are the locations of
    which it holds none, because they can't be reached. ``shrunk`` are those that answer with an
    empty list, and did not before; what an earlier run has kept is used for them.
    """

    postmortems: tuple[Postmortem, ...] = ()
    index: Mapping[str, Postmortem] = field(default_factory=dict)
    locations: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    partial: tuple[str, ...] = ()
    unreachable: tuple[str, ...] = ()
    shrunk: tuple[str, ...] = ()

    def find(self, id: str) -> Postmortem | None:
        """Return the post-mortem of an id or an alias, compared without case, or None."""
        return self.index.get(normalize_id(id).casefold())

    def __iter__(self) -> Iterator[Postmortem]:
        return iter(self.postmortems)

    def __len__(self) -> int:
        return len(self.postmortems)


class NodeKey(NamedTuple):
    """What tells a test from every other one: its file, and its node id.

    A node id alone does not: outside of the rootdir it begins at the argument that was given.
    """

    path: str
    nodeid: str

    def __str__(self) -> str:
        """Return the node id, with the whole path where the file is outside of the rootdir."""
        if self.path.startswith(("../", "/")) or self.path[1:2] == ":":
            _, colons, names = self.nodeid.partition("::")
            return f"{self.path}{colons}{names}"
        return self.nodeid


@dataclass(frozen=True, slots=True)
class Link:
    """A test's claim that it guards an incident; ``id`` is what was written, an id or an alias.

    ``path`` is the file of the test. Its function may be defined in another file, such as that
    of a base class: that is ``defined_in``, and ``line`` is a line of it.
    """

    id: str
    nodeid: str
    path: str
    line: int | None
    origin: Origin = "marker"
    defined_in: str | None = None

    @property
    def test(self) -> NodeKey:
        """The test that is linked."""
        return NodeKey(self.path, self.nodeid)


@dataclass(frozen=True, slots=True)
class Collected:
    """What one process collected: all of it is known before a test runs.

    ``links`` are those of every collected test; tests that were left out are also in
    ``deselected``, each with the reason.
    ``declared`` are the node ids of the registry's ``tests:`` that were found. ``reported``
    holds pairs, where the two differ: what the reports of a test name, and the test. ``repeated``
    counts the tests that reports can't tell apart, where there are several. ``findings`` are
    the bad marks. ``skipped`` are the files that skipped themselves as a whole, with the reason;
    they stand for the tests of the links that their code names. ``files`` were collected,
    ``expected`` is what a bare ``pytest`` collects, where somebody had to find out; ``reasons``
    say in words why this is less than the whole suite. ``odd`` are foreign
    marks of a form that is not understood, each with its place.
    """

    links: tuple[Link, ...] = ()
    deselected: Mapping[NodeKey, str] = field(default_factory=dict)
    reported: frozenset[tuple[NodeKey, NodeKey]] = frozenset()
    repeated: Mapping[NodeKey, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    skipped: Mapping[NodeKey, str] = field(default_factory=dict)
    declared: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()
    expected: frozenset[str] | None = None
    reasons: tuple[str, ...] = ()
    odd: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one test; ``reason`` is what the test itself says of a skip or an xfail."""

    word: OutcomeWord
    duration: float = 0.0
    reason: str | None = None
    flaky: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """How much of the suite a run saw, with the reasons in words where it was not all of it.

    ``files`` are the test files that were collected, ``expected`` those that a bare ``pytest``
    collects (None where nobody had to find out), relative to the rootdir. ``root`` is the path
    of the rootdir in its repository. ``own_selection`` says that no linked test was left out but
    by the configuration of the suite; ``executes`` is False for runs that by
    their nature run no test (``--collect-only``, ``--setup-only``); ``forced`` that the reader
    asked to judge the run as full.
    """

    kind: Literal["full", "partial"] = "full"
    reasons: tuple[str, ...] = ()
    root: str = ""
    files: tuple[str, ...] = ()
    expected: tuple[str, ...] | None = None
    own_selection: bool = True
    executes: bool = True
    forced: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """What a team asks of its regression tests; all of it is off unless it is set.

    ``fail_under`` is a percentage of the required incidents, ``require`` and ``require_proof``
    name severities, ``grace`` is in days, ``since`` and ``today`` are dates. ``select`` keeps, for
    each key, the incidents that have one of the values. ``severities`` are the severities, gravest
    first.
    """

    fail_under: float | None = None
    require: tuple[str, ...] = ()
    require_proof: tuple[str, ...] = ()
    grace: int = 0
    since: datetime.date | None = None
    today: datetime.date | None = None
    select: tuple[tuple[str, tuple[str, ...]], ...] = ()
    severities: tuple[str, ...] = ()
    unknown: Literal["error", "warn", "ignore"] = "error"

    @property
    def has_gates(self) -> bool:
        """Whether a gate was asked for."""
        return self.fail_under is not None or bool(self.require or self.require_proof)


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found when the fix of an incident was taken away and its tests were run.

    ``fix`` is the fix as it was named, ``reason`` one line. An ``outdated`` one was found with
    another text of the tests than today's, or for another fix.
    """

    verdict: Verdict
    day: datetime.date | None = None
    fix: str = ""
    reason: str = ""
    outdated: bool = False

    @property
    def proven(self) -> bool:
        """Whether a test is known to fail without the fix."""
        return self.verdict in PROVEN_VERDICTS and not self.outdated

    @property
    def hollow(self) -> bool:
        """Whether every test is known to pass without the fix, though they run its lines."""
        return self.verdict == "not-proven" and not self.outdated


def format_count(count: int, noun: str = "incident") -> str:
    """Return a count in words, ``1 incident`` or ``3 incidents``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
