"""Merge several JSON reports into one `Report`, and judge the whole.

A test is known by its rootdir in the repository, its file and its node id, so that the packages
of one repository do not mix; of several outcomes of one test the first of `model.OUTCOMES` counts.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

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
    VERDICTS,
    ActionItem,
    Finding,
    Guard,
    Link,
    NodeKey,
    Outcome,
    Policy,
    Postmortem,
    Proof,
    Registry,
    Scope,
    ShowLevel,
    Strength,
    format_count,
    parse_iso_date,
)
from pytest_postmortem.report_model import Report
from pytest_postmortem.reports.json_report import REGISTRY_KEYS

Record = TypeVar("Record")

LONG_AGO = "0001-01-01"

HIDDEN_PATCH = "a patch or a fix that is hidden"
"""The placeholder of a fix, so that an incident counts as provable; reports hide the fix."""

HIDDEN_SHOW_LEVELS: tuple[ShowLevel, ...] = ("id", "link")
"""How little may be shown of a post-mortem that has no severity in a report."""


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


def merge_reports(
    sources: Sequence[ReportSource], expected: int | None = None, fail_under: float | None = None
) -> Report:
    """Return the report of all sources; the policy is that of the first one.

    ``expected`` is how many there should be: where some are missing, the whole is partial; where
    there are more, that is a finding.
    ``fail_under`` takes the place of the percentage that the reports were judged by.
    """
    own_sources = [source for source in sources if not source.foreign] or list(sources)
    with_registry = [source for source in own_sources if not source.document.get("missing")]
    has_roots = len({source.root for source in sources}) > 1
    gathered = _GatheredReports(frozenset(_list_junit_addresses(own_sources)))
    for source in sources:
        root = f"{source.root}/" if has_roots and source.root else ""
        gathered.add_report(source, root, bool(with_registry) and source not in with_registry)
    scope = _merge_scopes(own_sources, sources, expected)
    registry = gathered.build_registry(sources)
    remaining_findings = (
        finding for finding in gathered.findings if not _is_resolved_by_registry(finding, registry)
    )
    policy = _merge_policies(own_sources, fail_under)
    findings = [
        *sorted(remaining_findings, key=_rank_merged_finding),
        *_check_differing_entries(with_registry),
        *_check_surplus_reports(sources, expected),
        *check_percentage(policy),
        *check_links(gathered.loose, registry),
    ]
    if scope.kind == "full":
        findings += check_declared_tests(registry, frozenset(gathered.declared))
    missing = {source.document.get("missing") for source in with_registry or sources}
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
    report = report._replace(
        declared=frozenset(gathered.declared),
        unknown_foreign_ids=_merge_id_lists(sources, "strangers"),
        unchecked=_merge_id_lists(sources, "unchecked"),
        unselected=_merge_id_lists(sources, "unselected"),
        unjudged=(*report.unjudged, *_describe_hidden_severities(policy, gathered.hidden)),
    )
    return report._replace(gates=evaluate_gates(report))


@dataclass(slots=True)
class _GatheredReports:
    """What all reports together say; ``loose`` links are of reports without a registry."""

    junit_addresses: frozenset[tuple[str, str, str]]
    postmortems: dict[str, Postmortem] = field(default_factory=dict)
    proofs: dict[str, Proof] = field(default_factory=dict)
    links: dict[tuple[str, NodeKey], Link] = field(default_factory=dict)
    loose: list[Link] = field(default_factory=list)
    outcomes: dict[NodeKey, Outcome] = field(default_factory=dict)
    nodeids: dict[NodeKey, str] = field(default_factory=dict)
    findings: dict[Finding, None] = field(default_factory=dict)
    declared: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)

    def add_report(self, source: ReportSource, root: str, loose: bool) -> None:
        """Add a report; of a ``loose`` one, which alone has no registry, only its links."""
        document = source.document
        for incident in document["incidents"]:
            links = [
                self._add_linked_test(incident["id"], test, root) for test in incident["tests"]
            ]
            if loose:
                self.loose += links
            else:
                self._add_incident(incident, root)
        for unknown_id in document.get("unknown", ()):  # another report may know it
            for test in unknown_id["tests"]:
                self._add_linked_test(unknown_id["id"], test, root)
        for id, test in source.links:
            if (id.casefold(), test["address"], test["outcome"]) not in self.junit_addresses:
                self.loose.append(self._add_linked_test(id, test, root))
        for data in document["findings"]:
            if data["code"] not in ("unknown-test", FRACTION_CODE):  # reported again, on the whole
                finding = _restore_record(Finding, data)
                path = finding.path and _prefix_path(root, finding.path)
                self.findings[finding._replace(path=path)] = None
        self.declared.update(_prefix_nodeid(root, id) for id in document.get("declared", ()))

    def _add_incident(self, incident: Mapping[str, Any], root: str) -> None:
        """Add an incident with its proof; the newer entry counts, with the tests of both."""
        postmortem = _restore_postmortem(incident, root)
        key = postmortem.id.casefold()
        earlier = self.postmortems.get(key, postmortem)
        tests = tuple(dict.fromkeys((*earlier.tests, *postmortem.tests)))
        self.postmortems[key] = postmortem._replace(tests=tests)
        if incident.get("proof"):
            self.proofs[postmortem.id] = _restore_proof(incident["proof"])
        if incident.get("show") in HIDDEN_SHOW_LEVELS:
            self.hidden.add(postmortem.id)

    def _add_linked_test(self, id: str, test: Mapping[str, Any], root: str) -> Link:
        """Add a linked test and return its link; its outcome is the first in `OUTCOMES`."""
        path = _prefix_path(root, test["path"])
        key = NodeKey(path, _prefix_nodeid(root, str(NodeKey(test["path"], test["nodeid"]))))
        nodeid = self.nodeids.setdefault(key, key.nodeid if root else test["nodeid"])
        link = Link(id, nodeid, path, test["line"])
        self.links.setdefault((id.casefold(), link.test), link)
        outcome = Outcome(
            test["outcome"], test["duration"], test.get("reason"), bool(test.get("flaky"))
        )
        earlier = self.outcomes.get(link.test, outcome)
        first = min(earlier, outcome, key=_rank_outcome)
        self.outcomes[link.test] = first._replace(flaky=earlier.flaky or outcome.flaky)
        return link

    def build_registry(self, sources: Sequence[ReportSource]) -> Registry:
        """Return all incidents; those that links imply, where no report has a registry."""
        if all(source.foreign for source in sources):
            return build_implied_registry(self.links.values(), None)
        index = dict(self.postmortems)
        for postmortem in self.postmortems.values():
            for alias in postmortem.aliases:
                index.setdefault(alias.casefold(), postmortem)
        for id in _merge_id_lists(sources, "unselected"):
            index.setdefault(id.casefold(), Postmortem(id, id))
        origins = [source.document.get("registry") or {} for source in sources]
        lists = {
            name: tuple(dict.fromkeys(text for origin in origins for text in origin.get(name, ())))
            for name in REGISTRY_KEYS
        }
        return Registry(tuple(self.postmortems.values()), index, **lists)


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


def _rank_outcome(outcome: Outcome) -> tuple[int, bool]:
    """Return the sort key of outcomes; of equal ones, deselection by configuration is first."""
    return OUTCOMES.index(outcome.word), outcome.reason != DESELECTED_BY_CONFIGURATION


def _check_surplus_reports(
    sources: Sequence[ReportSource], expected: int | None
) -> Iterator[Finding]:
    """Say that there are reports too many, which may be left from another run."""
    if expected is not None and len(sources) > expected:
        message = f"{format_count(len(sources), 'report')} given, {expected} expected"
        yield Finding("reports-too-many", "error", message)


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
        return _restore_record(Scope, scopes[0])
    reasons = dict.fromkeys(_find_scope_gaps(sources))
    if expected is not None and len(every) < expected:
        names = ", ".join(source.name for source in every)
        reasons[f"{len(every)} of {format_count(expected, 'report')} given: {names}"] = None
    expected_files = _merge_files(sources, "expected") if reasons else None
    return Scope(
        kind="partial" if reasons else "full",
        reasons=tuple(reasons),
        root=scopes[0]["root"] if len({scope["root"] for scope in scopes}) == 1 else "",
        files=_merge_files(sources, "files") or (),
        expected=expected_files,
        own_selection=all(scope.get("own_selection", True) for scope in scopes),
        executes=any(scope.get("executes", True) for scope in scopes),
        forced=all(scope.get("forced", False) for scope in scopes),
    )


def _merge_files(sources: Sequence[ReportSource], name: str) -> tuple[str, ...] | None:
    """Return the files of all reports under a name, None where one report does not know them."""
    files: set[str] = set()
    for source in sources:
        own = source.document["scope"][name]
        if own is None:
            return None
        files.update(f"{source.root}/{file}" if source.root else file for file in own)
    return tuple(sorted(files))


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
        reasons = [reason for scope in scopes for reason in scope["reasons"]]
        if not expected or len(expected) < len(scopes):
            yield from reasons
        elif missing := set().union(*expected) - files:
            expected_count = format_count(len(set().union(*expected)), "file")
            where = f" below {root}" if root else ""
            yield f"{len(missing)} of {expected_count}{where} in no report, such as {min(missing)}"
        yield from filter(_is_lost_file_reason, reasons)


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
    return _restore_record(Policy, first)._replace(
        fail_under=first["fail_under"] if fail_under is None else fail_under,
        since=parse_iso_date(first["since"]),
        today=max(days, default=None),
    )


def _merge_id_lists(sources: Iterable[ReportSource], name: str) -> tuple[str, ...]:
    return tuple(sorted({id for source in sources for id in source.document.get(name, ())}))


def _describe_hidden_severities(policy: Policy, hidden: Collection[str]) -> Iterator[str]:
    """Yield a reason if severities can't be judged because a report hides them."""
    if (policy.require or policy.require_proof) and hidden:
        number = format_count(len(hidden))
        yield f"the reports hide the severity of {number} (postmortem_show)"


def _restore_postmortem(incident: Mapping[str, Any], root: str) -> Postmortem:
    """Return the post-mortem, its paths as they are from the top of all roots."""
    path = incident.get("path")
    items = incident["action_items"]
    declares, declared = incident.get("declares", ()), bool(incident.get("declared"))
    return _restore_record(Postmortem, incident)._replace(
        path=path and _prefix_path(root, path),
        date=_restore_date(incident),
        problem_class=incident["class"],
        patch=HIDDEN_PATCH if incident.get("provable") and not incident.get("fix") else None,
        guarded_by=tuple(map(Guard, incident.get("guarded_by") or ["something else"] * declared)),
        reason=incident["reason"] if incident["state"] == "exempt" else None,
        tests=tuple(_prefix_nodeid(root, nodeid) for nodeid in declares),
        action_items=tuple(_restore_record(ActionItem, item) for item in items),
    )


def _restore_proof(data: Mapping[str, Any]) -> Proof:
    """Return a proof; an unknown verdict counts as inconclusive."""
    return _restore_record(Proof, data)._replace(
        verdict=data["verdict"] if data["verdict"] in VERDICTS else "inconclusive",
        day=parse_iso_date(data["day"]),
        strength=data.get("strength") and _restore_record(Strength, data["strength"]),
    )


def _restore_record(kind: type[Record], data: Mapping[str, Any]) -> Record:
    """Return a record of a report, without fields of later versions."""
    build: Any = kind
    record: Record = build(
        **{
            name: tuple(value) if isinstance(value, list) else value
            for name, value in data.items()
            if name in build.__annotations__
        }
    )
    return record


def _restore_date(incident: Mapping[str, Any]) -> str | None:
    """Return the date; a hidden one is long ago if it made the incident count as no gap."""
    hidden = incident["date"] is None and incident.get("show") in HIDDEN_SHOW_LEVELS
    older = hidden and incident["state"] == "unguarded" and not incident.get("required", True)
    return LONG_AGO if older else incident["date"]


def _prefix_path(root: str, path: str) -> str:
    """Return a path from the top of all roots; any other text is unchanged."""
    if not root or path.startswith("/") or ":" in path.split("/")[0]:
        return path
    return posixpath.normpath(root + path)


def _prefix_nodeid(root: str, nodeid: str) -> str:
    """Return a node id as it is from the top of all roots."""
    path, colons, names = nodeid.partition("::")
    outside = path.startswith("../")
    return f"{_prefix_path(root, path)}{colons}{names}" if outside else root + nodeid
