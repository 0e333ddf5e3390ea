"""The text of the comment on a change: report, ratchet and proofs in one, in Markdown.

It is one line if all is well. All texts of incidents are escaped, and a comment that a forge would
refuse for its length is cut, least severe first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from pytest_postmortem.model import PROVEN_VERDICTS, VERDICTS, format_count
from pytest_postmortem.prove.output import FAILING_VERDICTS
from pytest_postmortem.report_model import format_hollow_count
from pytest_postmortem.reports.data.compare import (
    LOSSES,
    Comparison,
    IncidentChange,
    format_change_item,
    group_changes_by_kind,
)
from pytest_postmortem.reports.forge import build_file_url
from pytest_postmortem.reports.markdown import (
    LONGEST_NAME,
    LONGEST_TEXT,
    MOST_ROWS,
    MarkdownSection,
    append_fitting_sections,
    build_markdown_sections,
    escape_markdown,
    format_markdown_link,
    format_report_figures,
    format_report_notes,
)
from pytest_postmortem.text import shorten_text

MAX_NAMES = 5
"""The incidents that one line names."""

CUT_SENTENCE = "\n\nThe rest is left out, since this would be too long.\n"

OMISSION_SIZE = 500
"""The room for the sentence that names the sections which do not fit."""

NOTHING_LOST = "No lesson lost"

LOSS_REMEDY = (
    "Put the test back, move its mark to another test, or retire the lesson: `test: exempt` with a"
    " reason (see `pytest-postmortem explain retire-a-lesson`).\n\n"
)

LONGEST_CAUSE = 200
"""The characters of a root cause in a table."""


class ChangeResults(NamedTuple):
    """The facts that a CI job has about a change; None for those that it did not ask for.

    ``report`` is a JSON report, ``proofs`` are those of the JSON of `prove`. ``problems`` say what
    could not be judged and why, a line each. ``test_status`` is the exit status of pytest.
    ``tolerates_losses`` says that a lost lesson does not fail the job.
    """

    report: Mapping[str, Any] | None = None
    comparison: Comparison | None = None
    proofs: Sequence[Mapping[str, Any]] | None = None
    problems: tuple[str, ...] = ()
    test_status: int = 0
    tolerates_losses: bool = False

    @property
    def lost(self) -> tuple[IncidentChange, ...]:
        """The incidents that lost their guard."""
        changes = () if self.comparison is None else self.comparison.changes
        return tuple(change for change in changes if change.kind in LOSSES)

    @property
    def retired(self) -> list[IncidentChange]:
        """The incidents that need no test any more, as their post-mortem says."""
        changes = () if self.comparison is None else self.comparison.changes
        return [change for change in changes if change.kind == "retired"]

    def list_proofs(self, *verdicts: str) -> list[Mapping[str, Any]]:
        """Return the proofs with one of these verdicts."""
        return [proof for proof in self.proofs or () if proof["verdict"] in verdicts]


class _Verdict(NamedTuple):
    """The problems of a change, and the points only to notice, in words."""

    wrong: tuple[str, ...]
    noticed: tuple[str, ...]


def is_worth_a_comment(results: ChangeResults) -> bool:
    """Say whether a change concerns an incident, so that a first comment on it is worth reading.

    A failed test of none, or a gate that a part of the suite can't judge, is reported elsewhere.
    """
    comparison = results.comparison or Comparison()
    return bool(
        _judge(results).wrong
        or results.problems
        or len(results.list_proofs(*PROVEN_VERDICTS)) < len(results.proofs or ())
        or comparison.changes
        or comparison.notes
        or not comparison.judged
    )


def render_comment(results: ChangeResults, most: int, name: str = "") -> str:
    """Return the comment, of at most ``most`` characters: one line if all is well.

    ``name`` is that of the comment, which tells it from others on the same change.
    """
    verdict = _judge(results)
    what = f"{_escape(name)}: " if name else ""
    if not (verdict.wrong or verdict.noticed):
        return _cut_text(f"✅ {what}{'. '.join(_format_well_facts(results))}.\n", most)
    sign, facts = ("❌", verdict.wrong) if verdict.wrong else ("⚠️", verdict.noticed)
    lines = [f"### {sign} {what}{'; '.join(facts)}", ""]
    if verdict.wrong and verdict.noticed:
        lines += [f"{'; '.join(verdict.noticed)}.", ""]
    if results.report is not None:
        lines += [f"{_format_figures(results.report)}.", ""]
        lines += format_report_notes(results.report)
    notes = () if results.comparison is None else results.comparison.notes
    lines += [f"- {text}" for texts in (results.problems, notes) for text in _list_some(texts)]
    text = _cut_text("\n".join(lines).rstrip() + "\n", most // 2)
    text = append_fitting_sections(text, _build_sections(results), most - OMISSION_SIZE)
    return _cut_text(text, most)


def _judge(results: ChangeResults) -> _Verdict:
    """Return the problems of a change, most severe first, and the points only to notice."""
    report, comparison = results.report or {}, results.comparison
    back = [each for each in report.get("incidents", ()) if each["state"] == "failing"]
    findings = report.get("findings", ())
    gates = report.get("gates", ())
    failed_gates = [each["name"] for each in gates if each["judged"] and not each["passed"]]
    hollow = results.list_proofs("not-proven")
    broken = results.list_proofs("fails-with-fix")
    unproven = [
        each
        for each in results.proofs or ()
        if each["verdict"] not in (*PROVEN_VERDICTS, *FAILING_VERDICTS)
    ]
    new = [each for each in (comparison.changes if comparison else ()) if each.kind == "new"]
    lost = (results.lost, f"{format_count(len(results.lost), 'lesson')} lost")
    wrong = (
        *(() if results.tolerates_losses else (lost,)),
        (back, f"{format_count(len(back))} may be back"),
        (hollow, format_hollow_count(len(hollow), "regression test")),
        (broken, f"{format_count(len(broken), 'regression test')} failing with the fix in place"),
        (failed_gates, f"gate {', '.join(map(_escape, failed_gates))} failed"),
        (
            errors := [each for each in findings if each["severity"] == "error"],
            f"{format_count(len(errors), 'error')} in marks or registry",
        ),
    )
    noticed = (
        *((lost,) if results.tolerates_losses else ()),
        (
            results.test_status and not (back or failed_gates or errors),
            f"the tests ended with exit status {results.test_status}",
        ),
        (results.retired, _format_retired_count(results.retired)),
        (new, f"{format_count(len(new), 'new incident')} without a test"),
        (unproven, f"{format_count(len(unproven), 'incident')} not proven"),
        (
            (comparison is not None and not comparison.judged and not comparison.lost)
            or report.get("unjudged")
            or any(not gate["judged"] for gate in gates)
            or results.problems,
            "not everything could be judged",
        ),
    )
    return _Verdict(
        tuple(text for what, text in wrong if what), tuple(text for what, text in noticed if what)
    )


def _format_retired_count(retired: Sequence[IncidentChange]) -> str:
    severities = dict.fromkeys(_escape(change.severity) for change in retired if change.severity)
    which = f" ({', '.join(severities)})" if severities else ""
    return f"{format_count(len(retired), 'lesson')} retired on purpose{which}"


def _format_well_facts(results: ChangeResults) -> Iterator[str]:
    """Yield all that is worth a word if nothing is wrong."""
    if results.report is not None:
        yield _format_figures(results.report)
    comparison = results.comparison
    if comparison is not None:
        yield NOTHING_LOST
        for words, changes in group_changes_by_kind(comparison):
            urls = _find_urls(results.report)
            shown = [_prepare_change(change, urls) for change in changes[:MAX_NAMES]]
            names = [format_markdown_link(change.id, change.url) for change in shown]
            more = f" and {len(changes) - MAX_NAMES} more" if len(changes) > MAX_NAMES else ""
            yield f"{words.capitalize()}: {', '.join(names)}{more}"
    if results.proofs:
        yield _format_proof_totals(results.proofs)
    if comparison is not None:
        yield from _list_some(comparison.notes)


def _format_figures(report: Mapping[str, Any]) -> str:
    """Return the figures of a report in one line; those of a part do not read as the whole's."""
    figures = format_report_figures(report)
    return f"Of what could be judged: {figures}" if report.get("unjudged") else figures


def _format_proof_totals(proofs: Sequence[Mapping[str, Any]]) -> str:
    """Return how many incidents are proven, and how many have each other verdict."""
    counts = Counter(proof["verdict"] for proof in proofs)
    proven = sum(counts[verdict] for verdict in PROVEN_VERDICTS)
    others = [
        f"{counts[verdict]} {_format_verdict(verdict)}"
        for verdict in VERDICTS
        if counts[verdict] and verdict not in PROVEN_VERDICTS
    ]
    return ", ".join((f"{proven} of {len(proofs)} proven", *others))


def _format_verdict(verdict: str) -> str:
    return "passes without its fix" if verdict == "not-proven" else verdict.replace("-", " ")


def _build_sections(results: ChangeResults) -> Iterator[MarkdownSection]:
    """Yield the parts of the comment: losses, proofs, gains, the report."""
    changes = [*_build_change_sections(results)]
    yield from (section for kind, section in changes if kind in LOSSES)
    if results.proofs:
        yield _build_proofs_section(results.proofs, _find_urls(results.report))
    yield from (section for kind, section in changes if kind not in LOSSES)
    if results.report is not None:
        yield from (
            section if section.sign.startswith("❌") else section._replace(folded=True)
            for section in build_markdown_sections(_complete_report(results.report, results))
        )


def _complete_report(report: Mapping[str, Any], results: ChangeResults) -> Mapping[str, Any]:
    """Return a report whose incidents have what a reviewer looks for: a link to the post-mortem,
    root cause where the problem may be back, and a proof of this job that failed.
    """
    urls = _find_urls(report)
    failed = {proof["id"]: proof["verdict"] for proof in results.list_proofs(*FAILING_VERDICTS)}
    incidents = []
    for incident in report["incidents"]:
        facts = [incident["reason"]]
        if incident["state"] == "failing":
            cause = shorten_text(incident.get("root_cause") or "", LONGEST_CAUSE)
            facts += [f"root cause: {cause}"] if cause else []
        notes, verdict = [incident.get("note")], failed.get(incident["id"])
        if verdict and verdict != (incident.get("proof") or {}).get("verdict"):
            notes.append(f"its regression test {_format_verdict(verdict)}")
        own = {
            "url": urls.get(incident["id"]),
            "reason": "; ".join(filter(None, facts)),
            "note": "; ".join(filter(None, notes)),
        }
        incidents.append({**incident, **own})
    return {**report, "incidents": incidents}


def _find_urls(report: Mapping[str, Any] | None) -> Mapping[str, str]:
    """Return the address of each post-mortem: its own, else that of its file at the forge."""
    if report is None:
        return {}
    files_url = (report.get("run") or {}).get("files_url")
    root = report.get("scope", {}).get("root", "")
    urls = {}
    for incident in report["incidents"]:
        url, path, line = incident["url"], incident.get("path"), incident.get("line")
        if path and not url:
            anchor = f"#L{line}" if line and not path.casefold().endswith(".md") else ""
            url = f"{quote(path, safe='/:')}{anchor}"
        found = build_file_url(files_url, root, url) or url
        if found:
            urls[incident["id"]] = found
    return urls


def _build_change_sections(results: ChangeResults) -> Iterator[tuple[str, MarkdownSection]]:
    """Yield a section for each kind of change, with the kind."""
    loss_sign = "⚠️ " if results.tolerates_losses else "❌ "
    urls = _find_urls(results.report)
    for words, changes in group_changes_by_kind(results.comparison or Comparison()):
        rows = [format_change_item(_prepare_change(change, urls)) for change in changes[:MOST_ROWS]]
        kind = changes[0].kind
        name = f"{words.capitalize()}: {format_count(len(changes))}"
        sign, head = (loss_sign, LOSS_REMEDY) if kind in LOSSES else ("", "")
        yield (
            kind,
            MarkdownSection(name, sign, head, rows, rows, len(changes), "incident", folded=False),
        )


def _prepare_change(change: IncidentChange, urls: Mapping[str, str]) -> IncidentChange:
    """Return a change with a link, without texts of any length, which a report of another origin
    may have.
    """
    url, reason = urls.get(change.id) or change.url, change.reason
    return IncidentChange(
        change.kind,
        shorten_text(change.id, LONGEST_TEXT),
        shorten_text(change.title, LONGEST_TEXT),
        None if url and len(url) > 4 * LONGEST_TEXT else url,
        reason and shorten_text(reason, LONGEST_TEXT),
        change.severity and shorten_text(change.severity, LONGEST_NAME),
        change.owner and shorten_text(change.owner, LONGEST_NAME),
    )


def _build_proofs_section(
    proofs: Sequence[Mapping[str, Any]], urls: Mapping[str, str]
) -> MarkdownSection:
    """Return the table of verdicts, those of tests that guard nothing first."""
    ordered = sorted(proofs, key=lambda proof: proof["verdict"] not in FAILING_VERDICTS)
    rows = [_format_proof_row(proof, urls.get(proof["id"])) for proof in ordered[:MOST_ROWS]]
    failing = any(proof["verdict"] in FAILING_VERDICTS for proof in proofs)
    return MarkdownSection(
        f"Proofs: {_format_proof_totals(proofs)}",
        "❌ " if failing else "",
        "| incident | verdict | |\n|---|---|---|\n",
        rows,
        rows,
        len(proofs),
        "incident",
        folded=False,
    )


def _format_proof_row(proof: Mapping[str, Any], url: str | None) -> str:
    title = "" if proof["title"] in ("", proof["id"]) else f" {_escape(proof['title'])}"
    test = next((each for each in proof["tests"] if each["verdict"] == proof["verdict"]), None)
    name = f"{test['nodeid'].rpartition('::')[2]}: " if test else ""
    link = format_markdown_link(shorten_text(proof["id"], LONGEST_TEXT), url)
    message = _escape(name + proof["message"])
    return f"| {link}{title} | {_format_verdict(proof['verdict'])} | {message} |"


def _escape(text: str) -> str:
    """Return a text of any origin, escaped for Markdown and shortened."""
    return escape_markdown(shorten_text(text, LONGEST_TEXT))


def _list_some(texts: Sequence[str]) -> list[str]:
    """Return the first of some texts, escaped, and how many there are more."""
    more = [f"and {len(texts) - MAX_NAMES} more"] if len(texts) > MAX_NAMES else []
    return [*map(_escape, texts[:MAX_NAMES]), *more]


def _cut_text(text: str, most: int) -> str:
    """Return a text cut at the end of a line, if it is too long."""
    if len(text) <= most:
        return text
    kept = text[: most - len(CUT_SENTENCE)].rpartition("\n")[0]
    return f"{kept}{CUT_SENTENCE}"
