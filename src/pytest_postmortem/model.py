"""Data of the domain: frozen, without I/O, imported by every other package.

Every run in use defines these classes, and a frozen dataclass takes five times as long to define
as a named tuple. `Postmortem` and `Registry` are dataclasses: the one has its fields set column
by column, the other is a collection itself.
"""

from __future__ import annotations

import datetime
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from itertools import repeat
from pathlib import Path
from typing import Literal, NamedTuple, get_args

OutcomeWord = Literal["failed", "error", "passed", "xpassed", "xfailed", "skipped", "not-run"]

OUTCOMES: tuple[OutcomeWord, ...] = get_args(OutcomeWord)
"""Of several outcomes of one test, the first in this order counts."""

DESELECTED = "deselected"
DESELECTED_BY_CONFIGURATION = "deselected by configuration"
UNREPORTED = "did not run"
"""The reasons for which a test did not run: deselected by this run, deselected by the configuration
of the suite, or collected without a report.
"""

Origin = Literal["marker", "foreign", "registry"]
"""The source of a link: our marker, another configured mark, or the registry."""

ShowLevel = Literal["id", "link", "title", "all"]
"""The part of a post-mortem that may appear in logs and reports."""

SHOW_LEVELS: tuple[ShowLevel, ...] = get_args(ShowLevel)


ExtraWords = tuple[tuple[str, tuple[str, ...]], ...]
"""Words that a team adds to the vocabulary of documents: for each kind the words, as written."""


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
"""The results of reverting a fix and running the tests."""

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
"""Of several tests of one incident the verdict counts that is first in this order."""

PROVEN_VERDICTS: tuple[Verdict, ...] = ("proven", "proven-flaky", "proven-at-fix")


class ActionItem(NamedTuple):
    """A follow-up task of a post-mortem; its status is tracked elsewhere."""

    title: str
    owner: str | None = None
    due: str | None = None
    type: str | None = None
    status: str | None = None


class Guard(NamedTuple):
    """A guard outside of this suite, such as an alert; it is not checked."""

    type: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Postmortem:
    """One incident as its post-mortem describes it.

    ``path`` and ``line`` locate the entry; a path below the rootdir is relative to it; a
    fetched entry has none. ``date`` and ``until`` are ISO dates, or the invalid text.
    ``references`` are the commits and changes that fields of its record name, each as its role and
    its target, such as ``fix https://…`` (`registry.fix_references`). ``extra`` holds short texts
    under unknown keys. ``show`` is the default limit of what reports
    print: less than all for an entry that was fetched with a credential.
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
    references: tuple[str, ...] = ()
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
    def names(self) -> tuple[str, ...]:
        """Its id and its aliases; those from the path of a document are in `Registry.index`."""
        return (self.id, *self.aliases)

    @property
    def day(self) -> datetime.date | None:
        """The date of the incident, None if it is missing or invalid."""
        return parse_iso_date(self.date)


_BLANK_POSTMORTEM = Postmortem("", "")
POSTMORTEM_DEFAULTS = {
    each.name: getattr(_BLANK_POSTMORTEM, each.name) for each in fields(Postmortem)
}
"""The fields of post-mortems, with the value of those that have none."""


def fill_postmortems(size: int, columns: Mapping[str, Iterable[object]]) -> tuple[Postmortem, ...]:
    """Return post-mortems with the values in columns, of which there is one for each used field."""
    postmortems = tuple(object.__new__(Postmortem) for _ in range(size))
    for name, default in POSTMORTEM_DEFAULTS.items():
        column = columns.get(name, repeat(default))
        # Field by field, since 10,000 calls of a frozen class's __init__ take twice as long.
        deque(map(getattr(Postmortem, name).__set__, postmortems, column), maxlen=0)
    return postmortems


def parse_iso_date(text: str | None) -> datetime.date | None:
    """Return the date of an ISO date or date-time, None if it is invalid."""
    if text is None:
        return None
    try:
        return datetime.datetime.strptime(text[:10], "%Y-%m-%d").date()
    except ValueError:
        return None


def normalize_id(text: str) -> str:
    """Return an id, an alias or a node id in Unicode's NFC, the form for comparisons.

    File names on macOS are in NFD, where ``é`` is two characters.
    """
    if text.isascii():
        return text
    import unicodedata

    return unicodedata.normalize("NFC", text)


def fold_id(text: str) -> str:
    """Return the key under which ids and aliases are compared: in NFC, without case and blanks."""
    if text.isascii():
        return text.strip().casefold()
    return normalize_id(text.strip()).casefold()


class Finding(NamedTuple):
    """A problem of the registry or of a link; an error changes the exit status.

    ``code`` is the slug of a section in ``docs/reference/messages.md``. ``message`` is one line
    that includes the remedy; ``path`` is relative to the rootdir, ``line`` counts from 1.
    """

    code: str
    severity: Literal["error", "warning"]
    message: str
    path: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        """Return the finding in one line that starts with the path."""
        if self.path is None:
            return self.message
        place = self.path if self.line is None else f"{self.path}:{self.line}"
        return f"{place}: {self.message}"


class Location(NamedTuple):
    """A location of a registry: ``text`` as given, relative to ``folder``."""

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
    ``locations`` are the locations as printed. ``partial`` holds the reasons for which post-mortems
    may be missing, ``unreachable`` the locations that could not be read. ``shrunk`` are the
    locations that now return an empty list and did not before; their cached entries are used.
    ``notes`` say which files of the locations are not read.
    ``limited`` are the files that `sync` wrote without the fields that may not be shown.
    """

    postmortems: tuple[Postmortem, ...] = ()
    index: Mapping[str, Postmortem] = field(default_factory=dict)
    locations: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    partial: tuple[str, ...] = ()
    unreachable: tuple[str, ...] = ()
    shrunk: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    limited: tuple[str, ...] = ()

    def find(self, id: str) -> Postmortem | None:
        """Return the post-mortem of an id or an alias, compared without case, or None."""
        return self.index.get(fold_id(id))

    def group_names(self) -> Mapping[str, list[str]]:
        """Return all names of each post-mortem by its id: id, aliases, and those from its path."""
        names = {postmortem.id: list(postmortem.names) for postmortem in self.postmortems}
        for name, postmortem in self.index.items():
            names[postmortem.id].append(name)
        return names

    def find_matching(self, pattern: str) -> tuple[Postmortem, ...]:
        """Return the post-mortems with an id or alias that matches a pattern such as ``PM-1*``."""
        key = fold_id(pattern)
        if key in self.index:  # which may have brackets in it
            return (self.index[key],)
        if not any(letter in key for letter in "*?["):
            return ()
        found = {each.id: each for name, each in self.index.items() if fnmatchcase(name, key)}
        return tuple(found.values())

    def find_sharing(self, alias: str) -> tuple[Postmortem, ...]:
        """Return the post-mortems of an alias that names none of them, as several have it."""
        key = fold_id(alias)
        owners = [each for each in self.postmortems if key in map(fold_id, each.aliases)]
        return tuple(owners) if len(owners) > 1 and key not in self.index else ()

    def __iter__(self) -> Iterator[Postmortem]:
        return iter(self.postmortems)

    def __len__(self) -> int:
        return len(self.postmortems)


class NodeKey(NamedTuple):
    """The unique key of a test: its file and its node id.

    A node id alone is not unique: outside of the rootdir it starts at the given argument.
    """

    path: str
    nodeid: str

    def __str__(self) -> str:
        """Return the node id, with the full path for a file outside of the rootdir."""
        if self.path.startswith(("../", "/")) or self.path[1:2] == ":":
            _, colons, names = self.nodeid.partition("::")
            return f"{self.path}{colons}{names}"
        return self.nodeid


class Link(NamedTuple):
    """A link from a test to an incident; ``id`` is the id or alias as written.

    ``path`` is the file of the test. If its function is defined in another file, such as that of
    a base class, ``defined_in`` is that file, and ``line`` is a line of it.
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


class Collected(NamedTuple):
    """The result of the collection in one process, before any test runs.

    ``links`` are those of every collected test; deselected tests are also in ``deselected``, with
    their reasons.
    ``declared`` are the node ids of the registry's ``tests:`` that were found. ``reported``
    maps the keys that reports use to the keys of tests, if they differ. ``repeated`` counts the
    tests that share a key in reports. ``findings`` are the invalid marks. ``skipped`` are the
    files that skip themselves at module level, with the reason; each represents the tests of the
    links in its code. ``files`` are the collected files, ``expected`` those that a bare ``pytest``
    collects (None if this was not needed); ``reasons`` explain why this is less than the whole
    suite. ``odd`` are foreign marks with unsupported arguments, each with its location.
    """

    links: tuple[Link, ...] = ()
    deselected: Mapping[NodeKey, str] = {}
    reported: frozenset[tuple[NodeKey, NodeKey]] = frozenset()
    repeated: Mapping[NodeKey, int] = {}
    findings: tuple[Finding, ...] = ()
    skipped: Mapping[NodeKey, str] = {}
    declared: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()
    expected: frozenset[str] | None = None
    reasons: tuple[str, ...] = ()
    odd: frozenset[str] = frozenset()


class Outcome(NamedTuple):
    """The outcome of one test; ``reason`` is the reason of a skip or an xfail."""

    word: OutcomeWord
    duration: float = 0.0
    reason: str | None = None
    flaky: bool = False


class Scope(NamedTuple):
    """The part of the suite that a run covers, with the reasons if it is not the whole suite.

    ``files`` are the collected test files, ``expected`` those that a bare ``pytest`` collects
    (None if this was not needed), relative to the rootdir. ``root`` is the path of the rootdir in
    its repository, empty where only the terminal reports. ``own_selection`` is True if only the
    configuration of the suite deselected linked tests; ``executes`` is False for
    ``--collect-only`` and ``--setup-only``; ``forced`` is True if an option declares the run as
    full.
    """

    kind: Literal["full", "partial"] = "full"
    reasons: tuple[str, ...] = ()
    root: str = ""
    files: tuple[str, ...] = ()
    expected: tuple[str, ...] | None = None
    own_selection: bool = True
    executes: bool = True
    forced: bool = False


class Policy(NamedTuple):
    """The requirements of a team; each is off by default.

    ``fail_under`` is a percentage of the required incidents, ``require`` and ``require_proof``
    name severities, ``require_strength`` is a percentage of the changes to the lines of a fix that
    its tests must notice, ``grace`` is in days, ``since`` and ``today`` are dates. ``select``
    keeps, for each key, the incidents that have one of the values. ``severities`` are the
    severities, most severe first.
    """

    fail_under: float | None = None
    require: tuple[str, ...] = ()
    require_proof: tuple[str, ...] = ()
    require_strength: float | None = None
    grace: int = 0
    since: datetime.date | None = None
    today: datetime.date | None = None
    select: tuple[tuple[str, tuple[str, ...]], ...] = ()
    severities: tuple[str, ...] = ()
    unknown: Literal["error", "warn", "ignore"] = "error"

    @property
    def has_gates(self) -> bool:
        """Whether a gate is configured."""
        percentages = (self.fail_under, self.require_strength)
        return any(each is not None for each in percentages) or bool(
            self.require or self.require_proof
        )


class Strength(NamedTuple):
    """How many changes to the lines of a fix its tests notice, and how many they miss.

    ``outdated`` means that other changes would be made today.
    """

    noticed: int
    missed: int
    outdated: bool = False

    @property
    def total(self) -> int:
        """The number of changes that ran."""
        return self.noticed + self.missed


class Proof(NamedTuple):
    """The result of running the tests of an incident without its fix.

    ``fix`` is the fix as named, ``reason`` is one line. ``outdated`` means that the tests or the
    fix have changed since. ``strength`` is None if it was not measured.
    """

    verdict: Verdict
    day: datetime.date | None = None
    fix: str = ""
    reason: str = ""
    outdated: bool = False
    strength: Strength | None = None

    @property
    def proven(self) -> bool:
        """Whether a test fails without the fix."""
        return self.verdict in PROVEN_VERDICTS and not self.outdated

    @property
    def hollow(self) -> bool:
        """Whether every test passes without the fix, although they run its lines."""
        return self.verdict == "not-proven" and not self.outdated


def format_count(count: int, noun: str = "incident") -> str:
    """Return a count in words, ``1 incident`` or ``3 incidents``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
