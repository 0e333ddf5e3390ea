"""The page: one self-contained HTML file, built from the plain data of JSON reports alone.

It asks nothing of any server, can be read without scripts, and shows text of any origin inertly.
``templates/`` holds ``page.html``, and the ``page.css`` and ``page.js`` that are embedded in it,
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
from pytest_postmortem.documents.action_progress import classify_action_progress
from pytest_postmortem.evaluation.evaluate import normalize_severity
from pytest_postmortem.model import PROVEN_VERDICTS
from pytest_postmortem.reports.charts import (
    build_guarded_bars,
    build_history_chart,
    build_linked_test_chart,
)

ReportData = Mapping[str, Any]
SeverityRank = tuple[int, int, str]

STATE_MEANINGS: Mapping[str, str] = {
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
"""The meaning of each state; the page lists the most severe first."""

ABSENT_VALUE = "(none)"
"""The value of a filter for incidents without one."""

HOLLOW_QUERY = "proof=hollow"

MOST_NAMED = 5
"""How many incidents are named at the top, for each reason to look at them."""

MOST_BARS = 8
"""How many rows a picture shows before the rest is folded away."""

SEVERITY_WORDS = (
    ("critical", "blocker", "catastrophic", "emergency"),
    ("high", "major", "severe", "urgent"),
    ("medium", "moderate", "normal"),
    ("low", "minor"),
    ("trivial", "none", "info", "informational"),
)
"""Words for a severity, most severe first; a number counts as itself."""


@dataclass(frozen=True, slots=True)
class PageEntry:
    """An incident of the list: the fields of the report, and those that the page derives.

    ``place`` counts in the registry's order. ``severity``, ``kind`` (the class) and ``tags`` are
    the names that the filters know them by; ``actions`` are pairs of an action item and its state.
    """

    anchor: str
    place: int
    incident: ReportData
    severity: str
    kind: str
    tags: tuple[str, ...]
    actions: tuple[tuple[ReportData, str], ...]

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
        return (
            "hollow" if verdict == "not-proven" else "proven" if verdict in PROVEN_VERDICTS else ""
        )

    @property
    def overdue(self) -> int:
        """Return the number of action items whose date has passed."""
        return sum(state == "overdue" for _, state in self.actions)


@dataclass(frozen=True, slots=True)
class AttentionReason:
    """A reason to look at some incidents; ``query`` filters the list down to them."""

    name: str
    heading: str
    query: str
    entries: tuple[PageEntry, ...]


@dataclass(frozen=True, slots=True)
class FilterOption:
    """A value that a filter offers, and how many incidents have it."""

    value: str
    count: int


def render_html_report(
    document: ReportData, earlier: Sequence[ReportData] = (), past: ReportData | None = None
) -> str:
    """Return the page for a JSON report of format 1.

    ``earlier`` are reports of the same registry, the oldest first: they are only drawn, over
    time. They are dated by ``policy.today``, or else keep their order. ``past`` is a history
    read from git, drawn as well.
    """
    environment = Environment(
        loader=PackageLoader("pytest_postmortem.reports"),
        autoescape=True,
        finalize=_make_inert,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        count=_format_count, number=_format_number, link=_parse_web_link, cut=_truncate_page_text
    )
    style, script = (
        Markup(_load_template_source(environment, name)) for name in ("page.css", "page.js")
    )
    page = environment.get_template("page.html")
    return page.render(
        _build_page_context(document, earlier),
        course=build_linked_test_chart(past),
        style=style,
        script=script,
        content_policy=_build_content_policy(style, script),
    )


def _load_template_source(environment: Environment, name: str) -> str:
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _build_content_policy(style: str, script: str) -> str:
    """Return the content policy of the page: only this style and this script are allowed."""
    return (
        f"default-src 'none'; style-src {_format_policy_hash(style)}; script-src"
        f" {_format_policy_hash(script)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _format_policy_hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _build_page_context(document: ReportData, earlier: Sequence[ReportData]) -> dict[str, Any]:
    rank = _build_severity_ranking(document["policy"].get("severities") or ())
    entries = _build_page_entries(document, rank)
    required = [entry for entry in entries if entry.required]
    severities = build_guarded_bars(
        (entry.severity, entry.state == "guarded") for entry in required
    )
    kinds = build_guarded_bars((entry.kind, entry.state == "guarded") for entry in required)
    states = _count_filter_options(entry.state for entry in entries)
    return {
        "document": document,
        "totals": document["totals"],
        "version": __version__,
        "today": document["policy"].get("today"),
        "warnings": list(_format_page_warnings(document)),
        "attention": list(_find_attention_reasons(entries)),
        "entries": entries,
        "severity_bars": sorted(severities, key=lambda bar: rank(bar.name)),
        "class_bars": sorted(
            kinds,
            key=lambda bar: (bar.name == ABSENT_VALUE, bar.guarded - bar.required, -bar.required),
        ),
        "history": build_history_chart([*earlier, document]),
        "options": {
            "state": sorted(states, key=lambda option: _rank_state(option.value)),
            "severity": sorted(
                _count_filter_options(entry.severity for entry in entries),
                key=lambda option: rank(option.value),
            ),
            "class": _count_filter_options(entry.kind for entry in entries),
            "tag": _count_filter_options(tag for entry in entries for tag in entry.tags),
        },
        "proofs": sorted({entry.proof for entry in entries} - {""}),
        "meaning": STATE_MEANINGS,
        "absent": ABSENT_VALUE,
        "bars": MOST_BARS,
        "listed": MOST_NAMED,
    }


def _format_page_warnings(document: ReportData) -> Iterator[str]:
    """Yield the reasons why the figures are not of the whole suite."""
    scope = document["scope"]
    reasons = list(scope.get("reasons") or ())
    if scope["kind"] == "partial":
        yield f"This run collected only a part of the suite: {'; '.join(reasons) or 'partial'}"
    unjudged = [
        unjudged_reason
        for unjudged_reason in document.get("unjudged") or ()
        if unjudged_reason not in reasons
    ]
    if unjudged:
        yield f"The figures are not of the whole suite: {'; '.join(unjudged)}"
    for gate in document.get("gates") or ():
        if not gate["judged"]:
            yield f"Gate {gate['name']} has not passed, it was {gate['message']}"
    registry = document.get("registry") or {}
    if registry.get("unreachable"):
        yield f"Registry that can't be reached: {', '.join(registry['unreachable'])}"
    if registry.get("partial"):
        yield f"There may be more post-mortems: {'; '.join(registry['partial'])}"


def _build_page_entries(
    document: ReportData, rank: Callable[[str], SeverityRank]
) -> tuple[PageEntry, ...]:
    """Return the incidents by state and severity, most severe first, then newest first."""
    incidents: Sequence[ReportData] = document["incidents"]
    today = document["policy"].get("today")
    severity = _build_name_unifier((data.get("severity") for data in incidents), normalize_severity)
    kind = _build_name_unifier((data.get("class") for data in incidents), str.casefold)
    tag = _build_name_unifier(
        (tag for data in incidents for tag in data.get("tags") or ()), str.casefold
    )
    entries = [
        PageEntry(
            anchor,
            place,
            incident,
            severity(incident.get("severity")),
            kind(incident.get("class")),
            tuple(dict.fromkeys(map(tag, incident.get("tags") or ()))),
            tuple(
                (item, classify_action_progress(item.get("status"), item.get("due"), today))
                for item in incident.get("action_items") or ()
            ),
        )
        for place, (anchor, incident) in enumerate(
            zip(_build_anchors(incidents), incidents, strict=True)
        )
    ]
    entries.sort(key=lambda entry: str(entry.incident.get("date") or ""), reverse=True)
    ranks = {name: rank(name) for name in {entry.severity for entry in entries}}
    entries.sort(key=lambda entry: (_rank_state(entry.state), ranks[entry.severity]))
    return tuple(entries)


def _build_anchors(incidents: Iterable[ReportData]) -> Iterator[str]:
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


def _build_name_unifier(
    values: Iterable[str | None], key: Callable[[str], str]
) -> Callable[[str | None], str]:
    """Return how values that are written differently are called: as the first of them was."""
    names: dict[str, str] = {}

    def unify_name(value: str | None) -> str:
        text = " ".join(str(value or "").split())
        return names.setdefault(key(text) or text, text) if text else ABSENT_VALUE

    for value in values:
        unify_name(value)
    return unify_name


def _rank_state(state: str) -> int:
    return list(STATE_MEANINGS).index(state) if state in STATE_MEANINGS else len(STATE_MEANINGS)


def _build_severity_ranking(configured: Sequence[str]) -> Callable[[str], SeverityRank]:
    """Return the order of severities: those that a team has put in order, words and numbers
    together, then others, then none.
    """
    configured_keys = [normalize_severity(severity) for severity in configured]

    def rank_severity(severity: str) -> SeverityRank:
        key = normalize_severity(severity)
        words = [place for place, names in enumerate(SEVERITY_WORDS, start=1) if key in names]
        digits = re.search(r"\d{1,9}", key)
        if severity == ABSENT_VALUE:
            return 3, 0, ""
        if key in configured_keys:
            return 0, configured_keys.index(key), ""
        if words or digits:
            return 1, words[0] if words else int(digits[0] if digits else 0), key
        return 2, 0, key

    return rank_severity


def _find_attention_reasons(entries: Sequence[PageEntry]) -> Iterator[AttentionReason]:
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
            yield AttentionReason(name, heading, query + "&required=yes" * required, found)
    hollow = tuple(entry for entry in entries if entry.proof == "hollow")
    if hollow:
        yield AttentionReason(
            "hollow", "The test is hollow: it passes without the fix", HOLLOW_QUERY, hollow
        )


def _count_filter_options(values: Iterable[str]) -> list[FilterOption]:
    """Return each value with its count, in the order of the alphabet, the absent one last."""
    counts: dict[str, int] = defaultdict(int)
    for value in values:
        counts[value] += 1
    ordered = sorted(counts, key=lambda value: (value == ABSENT_VALUE, value.casefold(), value))
    return [FilterOption(value, counts[value]) for value in ordered]


def _make_inert(value: object) -> object:
    """Return a value without characters that are invisible or reverse text.

    The template passes every value through here. Joiners stay where they join letters of
    other scripts or parts of an emoji.
    """
    if isinstance(value, Markup) or not isinstance(value, str) or value.isprintable():
        return value
    ends = f" {value} "
    return "".join(
        char if char.isprintable() or char in "\n\t" else _make_visible(char, ends[n], ends[n + 2])
        for n, char in enumerate(value)
    )


def _make_visible(char: str, before: str, after: str) -> str:
    if unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return char
    if char in "\u200c\u200d" and all(c > "\x7f" and c.isprintable() for c in (before, after)):
        return char
    return f"[U+{ord(char):04X}]"


def _parse_web_link(url: str | None) -> str | None:
    """Return an address that may become a link, None for any other text."""
    if not url or not re.fullmatch(r"https?://[^\s<>\"'`\\]{1,2000}", url, re.IGNORECASE):
        return None
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return None
    return url if host and url.isprintable() else None


def _truncate_page_text(text: str, most: int = 160) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _format_number(count: int) -> str:
    return f"{count:,}"


def _format_count(count: int, noun: str = "incident") -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
