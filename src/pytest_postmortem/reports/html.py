"""The page: one self-contained HTML file, built from the plain data of JSON reports alone.

It asks nothing of any server, can be read without scripts, and shows text of any origin inertly.
``templates/`` holds ``page.html``, and the ``page.css`` and ``page.js`` that are embedded in it,
allowed by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlencode, urlsplit

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from pytest_postmortem import __version__
from pytest_postmortem.documents.action_progress import classify_action_progress
from pytest_postmortem.evaluation.evaluate import normalize_severity
from pytest_postmortem.reports.charts import build_course_chart, build_history_chart
from pytest_postmortem.reports.data.summary import (
    LONGEST_NAME,
    GuardLoss,
    NextStep,
    ReportSummary,
    find_report_time,
    format_day,
)
from pytest_postmortem.reports.forge import Forge, build_file_url, find_forge
from pytest_postmortem.reports.incident_facts import (
    ProofStatus,
    classify_proof,
    compute_days_past_grace,
    is_open,
)
from pytest_postmortem.reports.page_figures import (
    LONGEST_NOTICE,
    MOST_NOTICES,
    Tile,
    build_tiles,
    format_number,
    format_page_count,
    format_page_warnings,
    list_failures,
    list_folded_warnings,
    summarize_gates,
)
from pytest_postmortem.text import shorten_text

ReportData = Mapping[str, Any]

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

PROOF_WORDS: Mapping[ProofStatus, str] = {
    "proven": "proven",
    "hollow": "passes without its fix",
    "outdated": "outdated",
    "none": "no proof",
}
"""The words for the kinds of proof of an incident with a linked test."""

PROOF_NOTES = {"proven": "proven", "hollow": "passes without its fix", "outdated": "proof outdated"}
"""What a row of the list says of its proof; that there is none is the usual case."""

COLUMNS = (
    ("Severity", ""),
    ("State", "state"),
    ("Incident", "title"),
    ("Date", "newest"),
    ("Past grace", "late"),
    ("Class", "class"),
    ("Owner", "owner"),
    ("Service", "service"),
)
"""The columns of the list, and the order in which each sorts it."""

CLASS_COLUMNS = (
    ("Class", "The class of problem, as the post-mortems name it"),
    ("In all", "Incidents of this class"),
    ("12 months", "Incidents of this class with a date in the last twelve months"),
    ("Recurred", "Incidents of this class that repeat an earlier one, as their post-mortems say"),
    ("Could return", "Required incidents of this class that no test would notice"),
)
"""The columns of the table of classes, each with its meaning."""

WORDS = (
    ("required", "must have a passing regression test: not exempt, and not guarded otherwise"),
    ("linked", "a test is marked with the incident"),
    ("guarded", "a linked test passed in this run"),
    ("could return", "required, and no test would notice it"),
    (
        "past grace",
        "could return or its test fails, and its date is more days ago than postmortem_grace; an"
        " incident without a date has no grace",
    ),
    ("guard lost", "was guarded in an earlier report, and is no more"),
    ("recurred", "repeats an earlier incident, as its post-mortem says"),
    ("proven", "its test was seen to fail without the fix of the incident"),
    ("outdated", "its test or its fix has changed since the proof"),
)
"""The words of the page with their meaning."""

FEWEST_STEPS, MOST_STEPS = 6, 9
"""How many incidents are named under what to do next: more than the fewest where that names all
that were lost, fail, or are severe and past their grace.
"""

FEWEST_CLASSES, MOST_CLASSES = 6, 10
"""How many classes are shown before the rest is folded away: more than the fewest where more have
recurred.
"""


@dataclass(frozen=True, slots=True)
class PageEntry:
    """An incident of the list: the fields of the report, and those that the page derives.

    ``place`` counts in the registry's order. ``severity``, ``kind`` (the class), ``owner``,
    ``services`` and ``tags`` are the names that the filters know them by; ``actions`` are pairs of
    an action item and its state, ``focus`` the names of the figures that count it. ``late`` is
    the number of days past its grace of an open incident, 0 where it has no date. ``url`` leads
    to the post-mortem.
    """

    anchor: str
    place: int
    incident: ReportData
    severity: str
    kind: str
    owner: str
    services: tuple[str, ...]
    tags: tuple[str, ...]
    actions: tuple[tuple[ReportData, str], ...]
    focus: tuple[str, ...]
    late: int | None
    proof: ProofStatus | None
    url: str | None

    @property
    def required(self) -> bool:
        """Say whether the incident counts in the figures."""
        return bool(self.incident.get("required", True))

    @property
    def state(self) -> str:
        """Return the word for the state."""
        return str(self.incident["state"])

    @property
    def past_grace(self) -> tuple[str, str]:
        """Return the days past its grace, or of its grace, and in which of these two they are."""
        if self.late is None:
            return "", ""
        if not self.incident.get("date"):
            return "no grace", ""
        if self.late > 0:
            return format_page_count(self.late, "day"), "past grace"
        return f"{format_page_count(-self.late, 'day')} left", "of grace"

    @property
    def open(self) -> int:
        """Return the number of action items that are not over."""
        return sum(state != "done" for _, state in self.actions)

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what a row says next to its columns."""
        incident = self.incident
        overdue = sum(state == "overdue" for _, state in self.actions)
        waived = self.required or self.state in ("exempt", "declared")
        return tuple(
            filter(
                None,
                (
                    "flaky" if incident.get("flaky") else "",
                    "" if waived else "not required",
                    "recurred" if incident.get("note") or incident.get("recurs") else "",
                    PROOF_NOTES.get(self.proof or "none", ""),
                    f"{format_page_count(overdue, 'action item')} overdue" if overdue else "",
                ),
            )
        )


@dataclass(frozen=True, slots=True)
class StepRow:
    """A row of what to do next; ``entry`` is None where the report has the incident no more."""

    step: NextStep
    entry: PageEntry | None
    loss: str
    loss_url: str | None


def render_html_report(
    document: ReportData, earlier: Sequence[ReportData] = (), past: ReportData | None = None
) -> str:
    """Return the page for a JSON report of format 1.

    ``earlier`` are reports of the same registry, oldest first: the page says what changed
    since. ``past`` is a history read from git, which dates the losses and is drawn as well.
    """
    environment = _build_template_environment()
    style, script = (
        Markup(_load_template_source(environment, name)) for name in ("page.css", "page.js")
    )
    page = environment.get_template("page.html")
    return page.render(
        _build_page_context(ReportSummary(document, earlier, past)),
        style=style,
        script=script,
        content_policy=_build_content_policy(style, script),
    )


@cache
def _build_template_environment() -> Environment:
    """Return the environment of the templates, which compiles each of them once in a process."""
    environment = Environment(
        loader=PackageLoader("pytest_postmortem.reports"),
        autoescape=True,
        finalize=make_inert,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        count=format_page_count, number=format_number, link=parse_web_link, cut=cut_inert_text
    )
    environment.filters["class_query"] = _build_class_query
    return environment


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


def make_inert(value: object) -> object:
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


def parse_web_link(url: str | None) -> str | None:
    """Return an address that may become a link, None for any other text."""
    if not url or not re.fullmatch(r"https?://[^\s<>\"'`\\]{1,2000}", url, re.IGNORECASE):
        return None
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return None
    return url if host and url.isprintable() else None


def cut_inert_text(text: str, most: int) -> str:
    """Return the first characters of a text as they are shown."""
    return shorten_text(str(make_inert(text)), most)


def _build_page_context(summary: ReportSummary) -> dict[str, Any]:
    document = summary.document
    forge = _find_document_forge(document)
    entries = _build_page_entries(summary, forge)
    by_id = {entry.incident["id"].casefold(): entry for entry in entries}
    states = _count_filter_options(entry.state for entry in entries)
    severities = _count_filter_options(entry.severity for entry in entries)
    warnings = list(format_page_warnings(document))
    tiles = list(build_tiles(summary))
    return {
        "document": document,
        "summary": summary,
        "totals": document["totals"],
        "version": __version__,
        "project": forge.project,
        "commit_url": _build_commit_url(forge, (document.get("run") or {}).get("commit")),
        "today": _format_report_time(document),
        "failures": list(list_failures(document)),
        "warnings": warnings,
        "more_warnings": list_folded_warnings(warnings),
        "tiles": tiles,
        "targets": list(_list_targets(summary, tiles)),
        "steps": [_build_step_row(step, by_id, summary, forge) for step in summary.next_steps],
        "entries": entries,
        "course": build_course_chart(summary.course),
        "history": build_history_chart(summary.past, document),
        "options": {
            "state": sorted(states, key=lambda option: _rank_state(option[0])),
            "severity": sorted(severities, key=lambda option: _rank_name(summary, option[0])),
            "class": _count_filter_options(entry.kind for entry in entries),
            "owner": _count_filter_options(entry.owner for entry in entries),
            "service": _count_filter_options(
                name for entry in entries for name in entry.services or (ABSENT_VALUE,)
            ),
            "tag": _count_filter_options(tag for entry in entries for tag in entry.tags),
        },
        "focuses": _count_focuses(summary, entries),
        "proofs": summary.proofs,
        "proof_words": PROOF_WORDS,
        "strip": list(_build_strip(summary.proofs)),
        "gate_summary": summarize_gates(document.get("gates") or ()),
        "columns": COLUMNS,
        "words": WORDS,
        "meaning": STATE_MEANINGS,
        "absent": ABSENT_VALUE,
        "classes_shown": _count_shown_classes(summary),
        "class_columns": CLASS_COLUMNS,
        "fewest_steps": FEWEST_STEPS,
        "steps_shown": _count_shown_steps(summary),
        "most_notices": MOST_NOTICES,
        "longest_notice": LONGEST_NOTICE,
    }


def _count_shown_steps(summary: ReportSummary) -> int:
    """Return how many steps are named at the top."""
    severe = {incident["id"] for incident in summary.severe_past_grace}
    pressing = [
        place
        for place, step in enumerate(summary.next_steps, start=1)
        if step.changed or step.incident["state"] == "failing" or step.incident["id"] in severe
    ]
    return min(max([FEWEST_STEPS, *pressing]), MOST_STEPS)


def _count_shown_classes(summary: ReportSummary) -> int:
    """Return how many classes are shown before the rest is folded away."""
    recurring = sum(row.recurrences > 0 for row in summary.classes)
    return min(max(FEWEST_CLASSES, recurring), MOST_CLASSES)


def _list_targets(summary: ReportSummary, tiles: Iterable[Tile]) -> Iterator[str]:
    """Yield the filters that the page links to: without scripts, these links lead to the list."""
    yield "focus=next"
    yield from (tile.query for tile in tiles)
    yield from (f"proof={name}" for name, count in summary.proofs.items() if count)
    yield from (_build_class_query(row.name) for row in summary.classes)


def _build_class_query(name: str | None) -> str:
    """Return the filter of a class, by the name that its rows have."""
    return urlencode({"class": make_inert(name or ABSENT_VALUE)})


def _find_document_forge(document: ReportData) -> Forge:
    """Return the repository of a report; that of this process for joined reports, made in CI."""
    run = document.get("run")
    if run is None:
        return find_forge(os.environ)
    files_url, commits_url = (parse_web_link(run.get(key)) for key in ("files_url", "commits_url"))
    return Forge(run.get("project"), files_url, commits_url)


def _build_commit_url(forge: Forge, commit: str | None) -> str | None:
    return parse_web_link(f"{forge.commits_url}{commit}" if forge.commits_url and commit else None)


def _format_report_time(document: ReportData) -> str | None:
    """Return the day of a report in words, with the time if the report has it."""
    moment = find_report_time(document)
    if moment is None:
        return None
    exact = moment.time() != moment.min.time()
    return format_day(moment) + (f", {moment:%H:%M} UTC" if exact else "")


def _build_strip(proofs: Mapping[ProofStatus, int]) -> Iterator[tuple[str, float, float]]:
    """Yield the kinds of proof in the strip, each with its place and width in per cent."""
    total, before = sum(proofs.values()), 0
    for name, count in proofs.items():
        if count:
            yield name, round(100 * before / total, 3), round(100 * count / total, 3)
        before += count


def _count_focuses(
    summary: ReportSummary, entries: Iterable[PageEntry]
) -> list[tuple[str, str, int]]:
    """Return the filters of the figures at the top, with their words and counts."""
    lost = f"lost or failing since {summary.since}" if summary.before else "failing"
    severe = " or ".join(shorten_text(name, LONGEST_NAME) for name in summary.severe)
    counts = Counter(name for entry in entries for name in entry.focus)
    names = [
        ("next", "to do next"),
        ("return", "could return"),
        ("lost", lost),
        ("late", f"{severe or 'severe'} past grace"),
    ]
    return [(name, words, counts[name]) for name, words in names]


def _build_step_row(
    step: NextStep, entries: Mapping[str, PageEntry], summary: ReportSummary, forge: Forge
) -> StepRow:
    entry = entries.get(step.incident["id"].casefold()) if step.listed else None
    loss = step.loss
    return StepRow(
        step,
        entry,
        _format_loss(loss, summary) if loss else "",
        _build_commit_url(forge, loss.commit) if loss else None,
    )


def _format_loss(loss: GuardLoss, summary: ReportSummary) -> str:
    """Return when a guard was lost: the day, and the commit or the two between which it was."""
    commit = loss.commit[:10] if loss.commit else ""
    if commit and loss.since and loss.since != loss.commit:
        commit = f"{loss.since[:7]}..{loss.commit[:7] if loss.commit else ''}"
    now = find_report_time(summary.document)
    day = format_day(loss.day, now, short=True) if loss.day else ""
    return ", ".join(filter(None, (day, commit)))


def _build_page_entries(summary: ReportSummary, forge: Forge) -> tuple[PageEntry, ...]:
    """Return the incidents by severity and state, most severe first, then newest first."""
    document = summary.document
    incidents: Sequence[ReportData] = document["incidents"]
    policy, root = document["policy"], document["scope"].get("root") or ""
    today = policy.get("today")
    severity = _build_name_unifier((data.get("severity") for data in incidents), normalize_severity)
    kind, owner = (
        _build_name_unifier((data.get(name) for data in incidents), str.casefold)
        for name in ("class", "owner")
    )
    service, tag = (
        _build_name_unifier(
            (value for data in incidents for value in data.get(name) or ()), str.casefold
        )
        for name in ("service", "tags")
    )
    focuses = _collect_focuses(summary)
    entries = [
        PageEntry(
            anchor,
            place,
            incident,
            severity(incident.get("severity")),
            kind(incident.get("class")),
            owner(incident.get("owner")),
            tuple(dict.fromkeys(map(service, incident.get("service") or ()))),
            tuple(dict.fromkeys(map(tag, incident.get("tags") or ()))),
            tuple(
                (item, classify_action_progress(item.get("status"), item.get("due"), today))
                for item in incident.get("action_items") or ()
            ),
            focuses.get(incident["id"], ()),
            compute_days_past_grace(incident, policy) or 0 if is_open(incident) else None,
            classify_proof(incident) if summary.proofs else None,
            parse_web_link(incident.get("url"))
            or parse_web_link(build_file_url(forge.files_url, root, incident.get("url"))),
        )
        for place, (anchor, incident) in enumerate(
            zip(_build_anchors(incidents), incidents, strict=True)
        )
    ]
    entries.sort(key=lambda entry: str(entry.incident.get("date") or ""), reverse=True)
    entries.sort(key=lambda entry: (_rank_name(summary, entry.severity), _rank_state(entry.state)))
    return tuple(entries)


def _rank_name(summary: ReportSummary, severity: str) -> tuple[int, int, str]:
    return summary.rank(None if severity == ABSENT_VALUE else severity)


def _collect_focuses(summary: ReportSummary) -> Mapping[str, tuple[str, ...]]:
    """Return the names of the figures that count an incident, by its id."""
    lost = {id.casefold() for id in summary.lost}
    incidents = summary.document["incidents"]
    groups = {
        "next": [step.incident for step in summary.next_steps if step.listed],
        "return": summary.could_return,
        "lost": [*summary.failing, *(each for each in incidents if each["id"].casefold() in lost)],
        "late": summary.severe_past_grace,
    }
    focuses: dict[str, dict[str, None]] = defaultdict(dict)
    for name, members in groups.items():
        for incident in members:
            focuses[incident["id"]][name] = None
    return {id: tuple(names) for id, names in focuses.items()}


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


def _count_filter_options(values: Iterable[str]) -> list[tuple[str, int]]:
    """Return each value with its count, in the order of the alphabet, the absent one last."""
    return sorted(
        Counter(values).items(),
        key=lambda option: (option[0] == ABSENT_VALUE, option[0].casefold(), option[0]),
    )
