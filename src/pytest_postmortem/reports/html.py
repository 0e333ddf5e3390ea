"""The page: one self-contained HTML file, built from the plain data of JSON reports alone.

It asks nothing of any server, can be read without scripts, and shows text of any origin inertly.
``templates/`` holds ``page.html``, and the ``page.css`` and ``page.js`` that stand in it whole,
allowed by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from pytest_postmortem import __version__
from pytest_postmortem.actions import progress
from pytest_postmortem.assess import severity_key
from pytest_postmortem.model import PROVEN
from pytest_postmortem.reports.pictures import bars, course, history

__all__ = ["render"]

Data = Mapping[str, Any]
Rank = tuple[int, int, str]

STATES: Mapping[str, str] = {
    "failing": "a linked test fails: the problem may be back",
    "errored": "setup or teardown of a linked test broke: nothing can be said",
    "known-broken": "the linked tests are expected to fail: nothing here would catch it",
    "skipped": "all linked tests were skipped: nothing here would catch it",
    "unguarded": "no test is linked: it could come back unnoticed",
    "not-run": "a linked test was collected and did not run",
    "not-judged": "no linked test in the part of the suite that was collected",
    "declared": "guarded by something else, not checked here",
    "exempt": "no test is possible or needed",
    "guarded": "a linked test passed",
}
"""What each state means; the page lists the gravest first."""

ABSENT = "(none)"
"""The value by which the page filters what an incident lacks."""

HOLLOW = "proof=hollow"

LISTED = 5
"""How many incidents are named at the top, for each reason to look at them."""

BARS = 8
"""How many rows a picture shows before the rest is folded away."""

RANKS = (
    ("critical", "blocker", "catastrophic", "emergency"),
    ("high", "major", "severe", "urgent"),
    ("medium", "moderate", "normal"),
    ("low", "minor"),
    ("trivial", "none", "info", "informational"),
)
"""Words for a severity, the gravest first; a number counts as itself."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An incident of the list: the fields of the report, and what the page makes of them.

    ``place`` counts in the registry's order. ``severity``, ``kind`` (the class) and ``tags`` are
    the names that the filters know them by; ``actions`` are pairs of an action item and its state.
    """

    anchor: str
    place: int
    incident: Data
    severity: str
    kind: str
    tags: tuple[str, ...]
    actions: tuple[tuple[Data, str], ...]

    @property
    def required(self) -> bool:
        """Say whether the incident counts in the figures."""
        return bool(self.incident.get("required", True))

    @property
    def state(self) -> str:
        """Return the word for the state."""
        return str(self.incident["state"])

    @property
    def open(self) -> int:
        """Return the number of action items that are not over."""
        return sum(state != "done" for _, state in self.actions)

    @property
    def proof(self) -> str:
        """Return ``proven``, or ``hollow`` where the tests pass without the fix too."""
        proof = self.incident.get("proof") or {}
        if proof.get("outdated"):
            return ""
        verdict = str(proof.get("verdict", ""))
        return "hollow" if verdict == "not-proven" else "proven" if verdict in PROVEN else ""

    @property
    def overdue(self) -> int:
        """Return the number of action items whose date has passed."""
        return sum(state == "overdue" for _, state in self.actions)


@dataclass(frozen=True, slots=True)
class Attention:
    """A reason to look at some incidents; ``query`` filters the list down to them."""

    name: str
    heading: str
    query: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Option:
    """A value that a filter offers, and how many incidents have it."""

    value: str
    count: int


def render(document: Data, earlier: Sequence[Data] = (), past: Data | None = None) -> str:
    """Return the page for a JSON report of format 1.

    ``earlier`` are reports of the same registry, the oldest first: they are only drawn, over
    time. They are dated by ``policy.today``, or else stand in their order. ``past`` is a history
    read from git, drawn as well.
    """
    environment = Environment(
        loader=PackageLoader("pytest_postmortem.reports"),
        autoescape=True,
        finalize=_inert,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(count=_count, number=_number, link=_link, cut=_cut)
    style, script = (Markup(_source(environment, name)) for name in ("page.css", "page.js"))
    page = environment.get_template("page.html")
    return page.render(
        _context(document, earlier),
        course=course(past),
        style=style,
        script=script,
        content_policy=_content_policy(style, script),
    )


def _source(environment: Environment, name: str) -> str:
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _content_policy(style: str, script: str) -> str:
    """Return what the page may do: use this very style and this very script, and no more."""
    return (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _context(document: Data, earlier: Sequence[Data]) -> dict[str, Any]:
    rank = _ranking(document["policy"].get("severities") or ())
    entries = _entries(document, rank)
    required = [entry for entry in entries if entry.required]
    severities = bars((entry.severity, entry.state == "guarded") for entry in required)
    kinds = bars((entry.kind, entry.state == "guarded") for entry in required)
    states = _options(entry.state for entry in entries)
    return {
        "document": document,
        "totals": document["totals"],
        "version": __version__,
        "today": document["policy"].get("today"),
        "warnings": list(_warnings(document)),
        "attention": list(_attention(entries)),
        "entries": entries,
        "severity_bars": sorted(severities, key=lambda bar: rank(bar.name)),
        "class_bars": sorted(
            kinds,
            key=lambda bar: (bar.name == ABSENT, bar.guarded - bar.required, -bar.required),
        ),
        "history": history([*earlier, document]),
        "options": {
            "state": sorted(states, key=lambda option: _gravity(option.value)),
            "severity": sorted(
                _options(entry.severity for entry in entries),
                key=lambda option: rank(option.value),
            ),
            "class": _options(entry.kind for entry in entries),
            "tag": _options(tag for entry in entries for tag in entry.tags),
        },
        "proofs": sorted({entry.proof for entry in entries} - {""}),
        "meaning": STATES,
        "absent": ABSENT,
        "bars": BARS,
        "listed": LISTED,
    }


def _warnings(document: Data) -> Iterator[str]:
    """Yield what keeps the figures from standing for the whole, in words."""
    scope = document["scope"]
    reasons = list(scope.get("reasons") or ())
    if scope["kind"] == "partial":
        yield f"This run collected only a part of the suite: {'; '.join(reasons) or 'partial'}"
    unjudged = [each for each in document.get("unjudged") or () if each not in reasons]
    if unjudged:
        yield f"The figures don't stand for the whole: {'; '.join(unjudged)}"
    for gate in document.get("gates") or ():
        if not gate["judged"]:
            yield f"Gate {gate['name']} has not passed, it was {gate['message']}"
    registry = document.get("registry") or {}
    if registry.get("unreachable"):
        yield f"Registry that can't be reached: {', '.join(registry['unreachable'])}"
    if registry.get("partial"):
        yield f"There may be more post-mortems: {'; '.join(registry['partial'])}"


def _entries(document: Data, rank: Callable[[str], Rank]) -> tuple[Entry, ...]:
    """Return the incidents, the gravest state and severity first, the newest of them first."""
    incidents: Sequence[Data] = document["incidents"]
    today = document["policy"].get("today")
    severity = _names((each.get("severity") for each in incidents), severity_key)
    kind = _names((each.get("class") for each in incidents), str.casefold)
    tag = _names((tag for each in incidents for tag in each.get("tags") or ()), str.casefold)
    entries = [
        Entry(
            anchor,
            place,
            incident,
            severity(incident.get("severity")),
            kind(incident.get("class")),
            tuple(dict.fromkeys(map(tag, incident.get("tags") or ()))),
            tuple(
                (item, progress(item.get("status"), item.get("due"), today))
                for item in incident.get("action_items") or ()
            ),
        )
        for place, (anchor, incident) in enumerate(zip(_anchors(incidents), incidents, strict=True))
    ]
    entries.sort(key=lambda entry: str(entry.incident.get("date") or ""), reverse=True)
    ranks = {name: rank(name) for name in {entry.severity for entry in entries}}
    entries.sort(key=lambda entry: (_gravity(entry.state), ranks[entry.severity]))
    return tuple(entries)


def _anchors(incidents: Iterable[Data]) -> Iterator[str]:
    """Yield what each incident is linked by within the page, whatever other incidents there are.

    Where an id is more than ASCII letters, digits and hyphens, a digest of it is added.
    """
    for incident in incidents:
        id = incident["id"].casefold()
        name = re.sub(r"[^a-z0-9]+", "-", id)[:80]
        digest = (
            "" if name == id else f".{hashlib.sha256(id.encode(errors='replace')).hexdigest()[:12]}"
        )
        yield f"incident-{name}{digest}"


def _names(values: Iterable[str | None], key: Callable[[str], str]) -> Callable[[str | None], str]:
    """Return how values that are written differently are called: as the first of them was."""
    names: dict[str, str] = {}

    def name(value: str | None) -> str:
        text = " ".join(str(value or "").split())
        return names.setdefault(key(text) or text, text) if text else ABSENT

    for value in values:
        name(value)
    return name


def _gravity(state: str) -> int:
    return list(STATES).index(state) if state in STATES else len(STATES)


def _ranking(configured: Sequence[str]) -> Callable[[str], Rank]:
    """Return the order of severities: those that a team has put in order, words and numbers
    together, then others, then none.
    """
    own = [severity_key(severity) for severity in configured]

    def rank(severity: str) -> Rank:
        key = severity_key(severity)
        words = [place for place, names in enumerate(RANKS, start=1) if key in names]
        digits = re.search(r"\d{1,9}", key)
        if severity == ABSENT:
            return 3, 0, ""
        if key in own:
            return 0, own.index(key), ""
        if words or digits:
            return 1, words[0] if words else int(digits[0] if digits else 0), key
        return 2, 0, key

    return rank


def _attention(entries: Sequence[Entry]) -> Iterator[Attention]:
    """Yield the reasons to look at some incidents; the last only where there are any."""
    for name, heading, states, required in (
        ("failing", "Failing: the problem may be back", ("failing",), False),
        ("blind", "Linked, but nothing here would catch it", ("known-broken", "skipped"), False),
        ("gap", "No regression test: could come back unnoticed", ("unguarded",), True),
        ("open", "Nothing can be said here", ("errored", "not-run", "not-judged"), False),
    ):
        found = tuple(
            entry for entry in entries if entry.state in states and (entry.required or not required)
        )
        query = "&".join(f"state={state}" for state in states)
        if found or name != "open":
            yield Attention(name, heading, query + "&required=yes" * required, found)
    hollow = tuple(entry for entry in entries if entry.proof == "hollow")
    if hollow:
        yield Attention("hollow", "The test is hollow: it passes without the fix", HOLLOW, hollow)


def _options(values: Iterable[str]) -> list[Option]:
    """Return each value with its count, in the order of the alphabet, the absent one last."""
    counts: dict[str, int] = defaultdict(int)
    for value in values:
        counts[value] += 1
    ordered = sorted(counts, key=lambda value: (value == ABSENT, value.casefold(), value))
    return [Option(value, counts[value]) for value in ordered]


def _inert(value: object) -> object:
    """Return what the page may show of a value: nothing that is unseen or turns text around.

    The template passes every value through here. Joiners stay where they join letters of
    other scripts or parts of an emoji.
    """
    if isinstance(value, Markup) or not isinstance(value, str) or value.isprintable():
        return value
    ends = f" {value} "
    return "".join(
        char if char.isprintable() or char in "\n\t" else _visible(char, ends[n], ends[n + 2])
        for n, char in enumerate(value)
    )


def _visible(char: str, before: str, after: str) -> str:
    if unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return char
    if char in "\u200c\u200d" and all(c > "\x7f" and c.isprintable() for c in (before, after)):
        return char
    return f"[U+{ord(char):04X}]"


def _link(url: str | None) -> str | None:
    """Return an address that may become a link, None for any other text."""
    if not url or not re.fullmatch(r"https?://[^\s<>\"'`\\]{1,2000}", url, re.IGNORECASE):
        return None
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return None
    return url if host and url.isprintable() else None


def _cut(text: str, most: int = 160) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _number(count: int) -> str:
    return f"{count:,}"


def _count(count: int, noun: str = "incident") -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
