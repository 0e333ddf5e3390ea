"""The pure function: registry × links × outcomes × scope × policy → states and totals."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from pytest_postmortem.model import (
    DESELECTED,
    DESELECTED_BY_CONFIGURATION,
    UNREPORTED,
    Finding,
    Link,
    NodeKey,
    Outcome,
    OutcomeWord,
    Policy,
    Postmortem,
    Proof,
    Registry,
    Scope,
    fold_id,
    format_count,
    parse_iso_date,
)
from pytest_postmortem.report_model import (
    STATES,
    IncidentResult,
    Report,
    State,
    TestResult,
    Totals,
    UnknownId,
)

STATE_OF_OUTCOME: Mapping[OutcomeWord, State] = {
    "failed": "failing",
    "error": "errored",
    "passed": "guarded",
    "not-run": "not-run",
    "xpassed": "known-broken",
    "xfailed": "known-broken",
    "skipped": "skipped",
}

XPASS_REASON = "passes now, remove the xfail"


def normalize_severity(text: str) -> str:
    """Return a severity in its normal form: ``SEV-1``, ``Sev1`` and ``sev1`` are equal."""
    return re.sub(r"[\W_]", "", text.casefold())


def compute_percentage(part: int, whole: int, digits: int = 0) -> float:
    """Return a share in percent, rounded down so that 99.96 is never shown as 100."""
    scale: int = 10**digits
    return part * 100 * scale // whole / scale


def is_incident_selected(postmortem: Postmortem, policy: Policy) -> bool:
    """Return whether an incident matches the selection: for each key one of its values."""
    for key, values in policy.select:
        texts = list_field_texts(postmortem, key)
        asked = {normalize_field_value(key, text) for text in split_selection_values(key, values)}
        if asked.isdisjoint(normalize_field_value(key, text) for text in texts):
            return False
    return True


def split_selection_values(key: str, values: Iterable[str]) -> tuple[str, ...]:
    """Return the selected values; commas separate severities, as in the settings."""
    if key != "severity":
        return tuple(values)
    return tuple(part.strip() for value in values for part in value.split(",") if part.strip())


def list_selection_keys(postmortem: Postmortem) -> tuple[str, ...]:
    """Return the keys by which an incident can be selected: those of all, and its own."""
    return (*_build_selection_fields(postmortem), *postmortem.extra)


def list_field_texts(postmortem: Postmortem, key: str) -> tuple[str, ...]:
    """Return the values of an incident under a key."""
    values = _build_selection_fields(postmortem).get(key, (postmortem.extra.get(key),))
    return tuple(value for value in values if value)


def normalize_field_value(key: str, text: str) -> str:
    """Return the form in which a selected value is compared: ids exactly, others as severities."""
    return fold_id(text) if key == "id" else normalize_severity(text)


def _build_selection_fields(postmortem: Postmortem) -> Mapping[str, Sequence[str | None]]:
    return {
        "id": postmortem.names,
        "severity": (postmortem.severity,),
        "status": (postmortem.status,),
        "owner": (postmortem.owner,),
        "class": (postmortem.problem_class,),
        "tag": postmortem.tags,
        "tags": postmortem.tags,
        "service": postmortem.service,
        "repository": postmortem.repository,
        "component": postmortem.component,
    }


def evaluate(
    registry: Registry,
    links: Iterable[Link],
    outcomes: Mapping[NodeKey, Outcome],
    scope: Scope,
    policy: Policy,
    proofs: Mapping[str, Proof] | None = None,
    findings: Iterable[Finding] = (),
    missing: str | None = None,
) -> Report:
    """Return the state of every selected incident, and the totals.

    ``outcomes`` has an outcome for every linked test (see `outcomes.add_missing_outcomes`),
    ``proofs`` is keyed by id. Incidents are in the order of the registry, tests by path and line.
    """
    linked = _collect_linked_tests(registry, links, outcomes)
    selected_postmortems = [
        postmortem for postmortem in registry if is_incident_selected(postmortem, policy)
    ]
    incidents = tuple(
        _evaluate_incident(postmortem, linked.tests, scope, policy, registry, proofs or {})
        for postmortem in selected_postmortems
    )
    selected_ids = {postmortem.id for postmortem in selected_postmortems}
    unjudged = _find_unjudged_reasons(incidents, scope)
    if missing and not unjudged:
        unjudged = (missing,)
    elif not missing:
        unjudged += tuple(f"{place} can't be reached" for place in registry.unreachable)
        unjudged += tuple(f"{place} answers with an empty list" for place in registry.shrunk)
    return Report(
        incidents,
        _count_totals(incidents, unjudged),
        scope,
        policy,
        tuple(findings),
        unjudged=unjudged,
        missing=missing,
        unknown_foreign_ids=linked.unknown_foreign_ids,
        unchecked=linked.unchecked,
        unknown=linked.unknown,
        unselected=tuple(each.id for each in registry if each.id not in selected_ids),
        registry=registry,
    )


class _LinkedTests(NamedTuple):
    """The linked tests by id, in order, and the unknown ids."""

    tests: Mapping[str, Sequence[TestResult]]
    unknown: tuple[UnknownId, ...]
    unknown_foreign_ids: tuple[str, ...]
    unchecked: tuple[str, ...]


def _collect_linked_tests(
    registry: Registry, links: Iterable[Link], outcomes: Mapping[NodeKey, Outcome]
) -> _LinkedTests:
    tests: dict[str, dict[NodeKey, TestResult]] = defaultdict(dict)
    unknown: dict[str, dict[NodeKey, TestResult]] = defaultdict(dict)
    names: dict[str, str] = {}
    strangers: set[str] = set()
    for link in links:
        postmortem, test = registry.find(link.id), link.test
        if postmortem is not None:
            tests[postmortem.id][test] = _build_test_result(link, outcomes[test])
        elif link.origin == "foreign":
            strangers.add(link.id.casefold())
        else:
            names.setdefault(link.id.casefold(), link.id)
            unknown[link.id.casefold()][test] = _build_test_result(link, outcomes[test])
    return _LinkedTests(
        {id: _sort_test_results(results_by_test) for id, results_by_test in tests.items()},
        tuple(UnknownId(names[key], _sort_test_results(unknown[key])) for key in sorted(unknown)),
        tuple(sorted(strangers)),
        tuple(sorted(unknown)) if registry.unreachable else (),
    )


def _build_test_result(link: Link, outcome: Outcome) -> TestResult:
    return TestResult(
        link.nodeid,
        outcome.word,
        outcome.duration,
        link.path,
        link.line if link.defined_in is None else None,
        outcome.reason,
        outcome.flaky,
    )


def _sort_test_results(found: Mapping[NodeKey, TestResult]) -> tuple[TestResult, ...]:
    return tuple(sorted(found.values(), key=lambda test: (test.path, test.line or 0, test.nodeid)))


def _evaluate_incident(
    postmortem: Postmortem,
    tests: Mapping[str, Sequence[TestResult]],
    scope: Scope,
    policy: Policy,
    registry: Registry,
    proofs: Mapping[str, Proof],
) -> IncidentResult:
    linked_tests = tuple(tests.get(postmortem.id, ()))
    if linked_tests:
        state, reason = _decide_guarded_state(linked_tests)
    else:
        state, reason = _evaluate_unlinked_incident(postmortem, scope, policy)
    return IncidentResult(
        postmortem,
        state,
        _is_test_required(postmortem, state, policy),
        linked_tests,
        reason,
        any(test.flaky for test in linked_tests),
        _describe_recurrence(postmortem, tests, registry, whole=scope.kind == "full"),
        proofs.get(postmortem.id),
    )


def _decide_guarded_state(tests: Sequence[TestResult]) -> tuple[State, str | None]:
    """Return the state of an incident with linked tests, and its reasons.

    It is guarded if a test passed and none failed or errored; else the first of `STATES` counts.
    """
    states = {STATE_OF_OUTCOME[test.outcome] for test in tests}
    state = min(states, key=STATES.index)
    if state not in ("not-run", "known-broken", "skipped"):
        return state, None
    reasons = [
        _format_test_reason(test) for test in tests if STATE_OF_OUTCOME[test.outcome] == state
    ]
    return state, "; ".join(dict.fromkeys(filter(None, reasons))) or None


def _format_test_reason(test: TestResult) -> str | None:
    if test.outcome == "xpassed":
        return XPASS_REASON
    if test.outcome == "not-run":
        return test.reason
    return f"{test.outcome}: {test.reason}" if test.reason else test.outcome


def _evaluate_unlinked_incident(
    postmortem: Postmortem, scope: Scope, policy: Policy
) -> tuple[State, str | None]:
    if postmortem.guarded_by:
        kinds = ", ".join(guard.type for guard in postmortem.guarded_by)
        return "declared", f"guarded by {kinds}, not checked here"
    over = has_exemption_ended(postmortem, policy)
    if postmortem.exempt and not over:
        return "exempt", postmortem.reason
    state: State = "unguarded" if scope.kind == "full" else "not-judged"
    return state, f"the exemption ended on {postmortem.until}" if over else None


def has_exemption_ended(postmortem: Postmortem, policy: Policy) -> bool:
    """Return whether the exemption of an incident has expired."""
    end = parse_iso_date(postmortem.until)
    return postmortem.exempt and end is not None and policy.today is not None and end < policy.today


def find_grace_end(postmortem: Postmortem, policy: Policy) -> date | None:
    """Return the last day of the grace period of an incident, None once it is over.

    There is none without a date.
    """
    day, today = postmortem.day, policy.today
    if day is None or today is None or not 0 < policy.grace >= (today - day).days:
        return None
    return day + timedelta(days=min(policy.grace, (date.max - day).days))


def format_grace(postmortem: Postmortem, policy: Policy) -> str | None:
    """Return until when an incident needs no regression test, None once it does."""
    end = find_grace_end(postmortem, policy)
    return f"grace until {end.isoformat()}" if end else None


def _is_test_required(postmortem: Postmortem, state: State, policy: Policy) -> bool:
    if state in ("exempt", "declared"):
        return False
    day, since = postmortem.day, policy.since
    return not (state == "unguarded" and day and since and day < since)


def _describe_recurrence(
    postmortem: Postmortem,
    tests: Mapping[str, Sequence[TestResult]],
    registry: Registry,
    *,
    whole: bool,
) -> str | None:
    """Return a note on the incident that this one repeats; only a full run knows missing tests."""
    if postmortem.recurs is None:
        return None
    earlier = registry.find(postmortem.recurs)
    if earlier is None:
        open_ = registry.partial or registry.unreachable
        unknown = "" if open_ else ", which is not in the registry"
        return f"repeats {postmortem.recurs}{unknown}"
    if earlier is postmortem:
        return None
    if tests.get(earlier.id):
        return f"recurred although guarded: {earlier.id} has a linked test"
    return f"repeats {earlier.id}, which has no regression test" if whole else None


def _find_unjudged_reasons(incidents: Iterable[IncidentResult], scope: Scope) -> tuple[str, ...]:
    """Return the reasons why the totals don't cover the whole suite.

    Tests that the configuration always deselects count as not guarded. Any other test that did
    not run is a reason.
    """
    if scope.kind == "partial" or not scope.executes:
        return scope.reasons
    if scope.forced:
        return ()
    waiting = [
        incident for incident in incidents if incident.required and _has_open_tests(incident, scope)
    ]
    if not waiting:
        return ()
    unexplained = "the run ended before them, or a plugin left them out"
    reasons = dict.fromkeys(
        unexplained if incident.reason in (None, UNREPORTED) else incident.reason
        for incident in waiting
    )
    joined = "; ".join(filter(None, reasons))
    return (f"the tests of {format_count(len(waiting))} were not run: {joined}",)


def _has_open_tests(incident: IncidentResult, scope: Scope) -> bool:
    return incident.state == "not-run" and any(
        test.outcome == "not-run" and not _is_always_deselected(test, scope)
        for test in incident.tests
    )


def _is_always_deselected(test: TestResult, scope: Scope) -> bool:
    """Return whether the configuration deselects a test; reports of 0.1.0 have one flag for all."""
    return test.reason == DESELECTED_BY_CONFIGURATION or (
        test.reason == DESELECTED and scope.own_selection
    )


def _count_totals(incidents: Sequence[IncidentResult], unjudged: Sequence[str]) -> Totals:
    required = [incident for incident in incidents if incident.required]
    guarded = [incident for incident in required if incident.state == "guarded"]
    judged = bool(required) and not unjudged
    return Totals(
        incidents=len(incidents),
        required=len(required),
        linked=sum(bool(incident.tests) for incident in required),
        guarded=len(guarded),
        proven=sum(incident.proof is not None and incident.proof.proven for incident in guarded),
        percent=compute_percentage(len(guarded), len(required), digits=1) if judged else None,
    )
