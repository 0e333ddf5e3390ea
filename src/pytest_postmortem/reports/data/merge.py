"""Merge several JSON reports into one `Report`, and judge the whole.

A test is known by its rootdir in the repository, its file and its node id, so that the packages
of one repository do not mix; of several outcomes of one test the first of `model.OUTCOMES` counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pytest_postmortem.evaluation.evaluate import evaluate
from pytest_postmortem.evaluation.gates import FRACTION_CODE, check_percentage, evaluate_gates
from pytest_postmortem.evaluation.links import (
    build_implied_registry,
    check_declared_tests,
    check_links,
)
from pytest_postmortem.model import (
    DESELECTED_BY_CONFIGURATION,
    OUTCOMES,
    Finding,
    Link,
    NodeKey,
    Outcome,
    Policy,
    Postmortem,
    Proof,
    Registry,
    Scope,
    format_count,
    parse_iso_date,
)
from pytest_postmortem.report_model import Report
from pytest_postmortem.reports.data.restored_incidents import (
    HIDDEN_SHOW_LEVELS,
    prefix_nodeid_with_root,
    prefix_path_with_root,
    restore_postmortem,
    restore_proof,
)


@dataclass(frozen=True, slots=True)
class ReportSource:
    """A report to merge: its plain data, its file, and its suite.

    ``suite`` distinguishes the suites of several repositories; within one repository the rootdir
    does. A ``foreign`` report is of another format, without incidents, policy and scope; it has
    ``links``, each with the ``address`` that its format gives the test.
    """

    document: Mapping[str, Any]
    name: str
    suite: str = ""
    links: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    foreign: bool = False

    @property
    def is_past(self) -> bool:
        """Whether it is a history read from git, and no report."""
        return "points" in self.document

    @property
    def root(self) -> str:
        """The prefix of the node ids and paths of this report, if there are several suites."""
        return "/".join(filter(None, (self.suite, self.document["scope"]["root"])))


@dataclass(slots=True)
class _GatheredReports:
    """What all reports together say."""

    postmortems: dict[str, Postmortem] = field(default_factory=dict)
    proofs: dict[str, Proof] = field(default_factory=dict)
    links: dict[tuple[str, NodeKey], Link] = field(default_factory=dict)
    loose: list[Link] = field(default_factory=list)
    outcomes: dict[NodeKey, Outcome] = field(default_factory=dict)
    nodeids: dict[NodeKey, str] = field(default_factory=dict)
    findings: dict[Finding, None] = field(default_factory=dict)
    declared: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)
    junit_addresses: frozenset[tuple[str, str, str]] = frozenset()


def merge_reports(
    sources: Sequence[ReportSource], expected: int | None = None, fail_under: float | None = None
) -> Report:
    """Return the report of all sources; the policy is that of the first one.

    ``expected`` is how many there should be: where some are missing, the whole is partial; where
    there are more, that is a finding.
    ``fail_under`` takes the place of the percentage that the reports were judged by.
    """
    roots = {source.root for source in sources}
    report_sources = [source for source in sources if not source.foreign] or list(sources)
    sources_with_registry = [
        source for source in report_sources if not source.document.get("missing")
    ]
    gathered = _GatheredReports(junit_addresses=frozenset(_list_junit_addresses(report_sources)))
    for source in sources:
        root = f"{source.root}/" if len(roots) > 1 and source.root else ""
        _gather_report(
            gathered,
            source,
            root,
            loose=bool(sources_with_registry) and source not in sources_with_registry,
        )
    scope = _merge_scopes(report_sources, sources, expected)
    registry = _build_merged_registry(sources, gathered)
    remaining_findings = (
        finding for finding in gathered.findings if not _is_resolved_by_registry(finding, registry)
    )
    findings = [
        *sorted(remaining_findings, key=_rank_merged_finding),
        *_check_differing_entries(sources_with_registry),
        *_check_surplus_reports(sources, expected),
    ]
    policy = _merge_policies(report_sources, fail_under)
    findings += (*check_percentage(policy), *check_links(gathered.loose, registry))
    if scope.kind == "full":
        findings += check_declared_tests(registry, frozenset(gathered.declared))
    missing = {source.document.get("missing") for source in sources_with_registry or sources}
    report = evaluate(
        registry,
        gathered.links.values(),
        gathered.outcomes,
        scope,
        policy,
        gathered.proofs,
        findings=findings,
        missing=next(iter(missing)) if len(missing) == 1 else None,
    )
    report = replace(
        report,
        declared=frozenset(gathered.declared),
        unknown_foreign_ids=_merge_id_lists(sources, "strangers"),
        unchecked=_merge_id_lists(sources, "unchecked"),
        unselected=_merge_id_lists(sources, "unselected"),
        unjudged=(*report.unjudged, *_describe_hidden_severities(report.policy, gathered)),
    )
    return replace(report, gates=evaluate_gates(report))


def _list_junit_addresses(sources: Iterable[ReportSource]) -> Iterator[tuple[str, str, str]]:
    """Yield the linked tests as pytest's own JUnit XML has them: id, address and outcome.

    So a run of which both files are given is counted once, by its JSON report.
    """
    for source in sources:
        for incident in (*source.document["incidents"], *source.document.get("unknown", ())):
            for test in incident["tests"]:
                path, colons, names = test["nodeid"].partition("::")
                name, bracket, parameters = names.partition("[")
                dotted = (path.removesuffix(".py").replace("/", ".") + colons + name).lstrip(":")
                outcome = "passed" if test["outcome"] == "xpassed" else test["outcome"]
                address = dotted.replace("::", ".") + bracket + parameters
                yield incident["id"].casefold(), address, outcome


def _rank_merged_finding(finding: Finding) -> tuple[int, str, int]:
    """Return what findings are sorted by, as in the report of a single run."""
    rank = {"bad-marker": 1, "unknown-id": 2}.get(finding.code, 0)
    return (rank, finding.path or "", finding.line or 0) if rank else (0, "", 0)


def _is_resolved_by_registry(finding: Finding, registry: Registry) -> bool:
    """Say whether a report did not know yet what another one does."""
    named = re.match(r"unknown post-mortem '([^']+)'", finding.message)
    return finding.code == "unknown-id" and bool(named and registry.find(named[1]))


def _gather_report(
    gathered: _GatheredReports, source: ReportSource, root: str, *, loose: bool
) -> None:
    """Add a report; of one without a registry, if others have one, only its links."""
    document = source.document
    for incident in document["incidents"]:
        if loose:
            for test in incident["tests"]:
                gathered.loose.append(_gather_linked_test(gathered, incident["id"], test, root))
        else:
            _gather_incident(gathered, incident, root)
    for unknown_id in document.get("unknown", ()):  # another report may know it
        for test in unknown_id["tests"]:
            _gather_linked_test(gathered, unknown_id["id"], test, root)
    for id, test in source.links:
        if (id.casefold(), test["address"], test["outcome"]) in gathered.junit_addresses:
            continue
        gathered.loose.append(_gather_linked_test(gathered, id, test, root))
    for each in document["findings"]:
        if each["code"] not in ("unknown-test", FRACTION_CODE):  # reported again, on the whole
            finding = Finding(**{name: each[name] for name in Finding.__slots__})
            path = finding.path and prefix_path_with_root(root, finding.path)
            gathered.findings[replace(finding, path=path)] = None
    gathered.declared.update(
        prefix_nodeid_with_root(root, each) for each in document.get("declared", ())
    )


def _gather_incident(gathered: _GatheredReports, incident: Mapping[str, Any], root: str) -> None:
    """Add an incident with its proof and its tests."""
    postmortem = restore_postmortem(incident, root)
    key = postmortem.id.casefold()
    earlier_postmortem = gathered.postmortems.get(key)
    gathered.postmortems[key] = (
        postmortem
        if earlier_postmortem is None
        else _merge_postmortems(earlier_postmortem, postmortem)
    )
    if incident.get("proof"):
        gathered.proofs[postmortem.id] = restore_proof(incident["proof"])
    if incident.get("show") in HIDDEN_SHOW_LEVELS:
        gathered.hidden.add(postmortem.id)
    for test in incident["tests"]:
        _gather_linked_test(gathered, postmortem.id, test, root)


def _gather_linked_test(
    gathered: _GatheredReports, id: str, test: Mapping[str, Any], root: str
) -> Link:
    """Add a linked test and return its link; its outcome is the first in `OUTCOMES`."""
    path = prefix_path_with_root(root, test["path"])
    key = NodeKey(path, prefix_nodeid_with_root(root, str(NodeKey(test["path"], test["nodeid"]))))
    nodeid = gathered.nodeids.setdefault(key, key.nodeid if root else test["nodeid"])
    link = Link(id, nodeid, path, test["line"])
    gathered.links.setdefault((id.casefold(), link.test), link)
    outcome = Outcome(
        test["outcome"], test["duration"], test.get("reason"), bool(test.get("flaky"))
    )
    earlier_outcome = gathered.outcomes.get(link.test)
    if earlier_outcome is not None:
        first = min((earlier_outcome, outcome), key=_rank_outcome)
        outcome = replace(first, flaky=earlier_outcome.flaky or outcome.flaky)
    gathered.outcomes[link.test] = outcome
    return link


def _rank_outcome(outcome: Outcome) -> tuple[int, bool]:
    """Return the sort key of outcomes; of equal ones, deselection by configuration is first."""
    return OUTCOMES.index(outcome.word), outcome.reason != DESELECTED_BY_CONFIGURATION


def _merge_postmortems(known: Postmortem, newer: Postmortem) -> Postmortem:
    """Return the newer entry, with the node ids that either of the two declares."""
    return replace(newer, tests=tuple(dict.fromkeys((*known.tests, *newer.tests))))


def _build_merged_registry(sources: Sequence[ReportSource], gathered: _GatheredReports) -> Registry:
    """Return all incidents; those that links imply, where no report has a registry."""
    if all(source.foreign for source in sources):
        return build_implied_registry(gathered.links.values(), None)
    index = dict(gathered.postmortems)
    for postmortem in gathered.postmortems.values():
        for alias in postmortem.aliases:
            index.setdefault(alias.casefold(), postmortem)
    for id in _merge_id_lists(sources, "unselected"):
        index.setdefault(id.casefold(), Postmortem(id, id))
    registry_documents = [source.document.get("registry") or {} for source in sources]
    lists = {
        name: _merge_texts(registry_documents, name)
        for name in ("locations", "partial", "unreachable", "shrunk")
    }
    return Registry(
        tuple(gathered.postmortems.values()),
        index,
        lists["locations"],
        (),
        lists["partial"],
        lists["unreachable"],
        lists["shrunk"],
    )


def _check_surplus_reports(
    sources: Sequence[ReportSource], expected: int | None
) -> Iterator[Finding]:
    """Say that there are reports too many, which may be left from another run."""
    if expected is not None and len(sources) > expected:
        message = f"{format_count(len(sources), 'report')} given, {expected} expected"
        yield Finding("reports-too-many", "error", message)


def _merge_texts(known: Iterable[Mapping[str, Any]], name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for own in known for text in own.get(name, ())))


def _check_differing_entries(sources: Sequence[ReportSource]) -> Iterator[Finding]:
    """Say which entries differ between the reports; that of the last report counts."""
    first: dict[str, tuple[str, tuple[Any, ...]]] = {}
    differ: dict[str, None] = {}
    for source in sources:
        for incident in source.document["incidents"]:
            facts = tuple(incident[name] for name in ("title", "url", "date", "severity", "class"))
            first_entry = first.setdefault(incident["id"].casefold(), (incident["id"], facts))
            if first_entry[1] != facts:
                differ[first_entry[0]] = None
    if differ:
        names = ", ".join(list(differ)[:5]) + (", ..." if len(differ) > 5 else "")
        message = f"the reports were made with different registries ({names}): the last one counts"
        yield Finding("reports-differ", "warning", message)


def _merge_scopes(
    sources: Sequence[ReportSource], every: Sequence[ReportSource], expected: int | None
) -> Scope:
    """Return how much of the suites all reports together saw; ``every`` is given, and counted."""
    scopes = [source.document["scope"] for source in sources]
    if len(sources) == 1 and expected in (None, len(every)):
        scope_fields = {name: scopes[0][name] for name in Scope.__slots__ if name in scopes[0]}
        lists = ("reasons", "files", "expected")
        texts = {
            name: tuple(scope_fields[name]) for name in lists if scope_fields[name] is not None
        }
        return Scope(**{**scope_fields, **texts})
    reasons = dict.fromkeys(_find_scope_gaps(sources))
    if expected is not None and len(every) < expected:
        names = ", ".join(source.name for source in every)
        reasons[f"{len(every)} of {format_count(expected, 'report')} given: {names}"] = None
    idle = all(not scope.get("executes", True) for scope in scopes)
    files = {
        _prefix_file_with_root(source, file)
        for source in sources
        for file in source.document["scope"]["files"]
    }
    return Scope(
        kind="partial" if reasons else "full",
        reasons=tuple(reasons),
        root=scopes[0]["root"] if len({scope["root"] for scope in scopes}) == 1 else "",
        files=tuple(sorted(files)),
        expected=_merge_expected_files(sources) if reasons else None,
        own_selection=all(scope.get("own_selection", True) for scope in scopes),
        executes=not idle,
        forced=all(scope.get("forced", False) for scope in scopes),
    )


def _merge_expected_files(sources: Sequence[ReportSource]) -> tuple[str, ...] | None:
    """Return the files of the whole, for a merge with further reports."""
    known = [(source, source.document["scope"]["expected"]) for source in sources]
    if any(files is None for _, files in known):
        return None
    return tuple(
        sorted({_prefix_file_with_root(source, file) for source, files in known for file in files})
    )


def _prefix_file_with_root(source: ReportSource, file: str) -> str:
    return f"{source.root}/{file}" if source.root else file


def _find_scope_gaps(sources: Sequence[ReportSource]) -> Iterator[str]:
    """Yield why the suites were not seen as a whole: for each of them, the files of all its
    reports have to be those that are expected, unless one report saw the whole.
    """
    for root in dict.fromkeys(source.root for source in sources):
        scopes = [source.document["scope"] for source in sources if source.root == root]
        if any(scope["kind"] == "full" for scope in scopes):
            continue
        expected = [set(scope["expected"]) for scope in scopes if scope["expected"] is not None]
        files = {file for scope in scopes for file in scope["files"]}
        lost = [
            reason
            for scope in scopes
            for reason in scope["reasons"]
            if _is_lost_file_reason(reason)
        ]
        if not expected or len(expected) < len(scopes):
            yield from (reason for scope in scopes for reason in scope["reasons"])
        elif missing := set().union(*expected) - files:
            expected_count = format_count(len(set().union(*expected)), "file")
            where = f" below {root}" if root else ""
            yield f"{len(missing)} of {expected_count}{where} in no report, such as {min(missing)}"
        yield from lost


def _is_lost_file_reason(reason: str) -> bool:
    """Say whether a reason is about more than the files that other reports have."""
    other_reasons = ("could not be collected", " in no report, such as ")
    return not (
        reason.endswith((" given", " left out")) or any(text in reason for text in other_reasons)
    )


def _merge_policies(sources: Sequence[ReportSource], fail_under: float | None) -> Policy:
    policies = [source.document["policy"] for source in sources]
    first = policies[0]
    days = [day for policy in policies if (day := parse_iso_date(policy["today"])) is not None]
    return Policy(
        fail_under=first["fail_under"] if fail_under is None else fail_under,
        require=tuple(first["require"]),
        require_proof=tuple(first.get("require_proof", ())),
        require_strength=first.get("require_strength"),
        grace=first["grace"],
        since=parse_iso_date(first["since"]),
        today=max(days, default=None),
        severities=tuple(first.get("severities", ())),
    )


def _merge_id_lists(sources: Iterable[ReportSource], name: str) -> tuple[str, ...]:
    return tuple(sorted({id for source in sources for id in source.document.get(name, ())}))


def _describe_hidden_severities(policy: Policy, gathered: _GatheredReports) -> Iterator[str]:
    """Yield a reason if severities can't be judged because a report hides them."""
    if (policy.require or policy.require_proof) and gathered.hidden:
        number = format_count(len(gathered.hidden))
        yield f"the reports hide the severity of {number} (postmortem_show)"
