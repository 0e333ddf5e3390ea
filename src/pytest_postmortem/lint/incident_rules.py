"""The rules about an incident among others: its class, its tests, what it repeats."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta

from pytest_postmortem.lint.cases import LintCase
from pytest_postmortem.lint.rules import build_warning, quote_text
from pytest_postmortem.model import Finding, Policy, Registry, format_count, parse_iso_date
from pytest_postmortem.similar_names import SuggestionIndex, index_registry_ids

__all__ = [
    "check_class_given",
    "check_recurrence",
    "check_regression_test",
    "check_untested_classes",
    "needs_test",
]


def check_class_given(case: LintCase) -> Iterator[Finding]:
    """Yield a finding where an incident has no class."""
    if case.problem_class is None and not case.is_unfinished:
        message = "it has no class of problem, by which the report groups: add a 'class'"
        yield build_warning("class-missing", message, case.path, case.line)


def check_untested_classes(cases: Sequence[LintCase], policy: Policy) -> Iterator[Finding]:
    """Yield a finding for each class with several incidents of which none has a test."""
    classes: dict[str, list[LintCase]] = defaultdict(list)
    for case in cases:
        if case.problem_class:
            classes[" ".join(case.problem_class.casefold().split())].append(case)
    for members in classes.values():
        if any(case.tests is None for case in members):
            continue
        waiting = [case for case in members if needs_test(case, policy)]
        tested = any(case.tests and case.tests.tests for case in members)
        if len(waiting) > 1 and not tested:
            last = waiting[-1]
            ids = ", ".join(case.postmortem.id for case in waiting[:5])
            message = (
                f"the class {quote_text(last.problem_class or '')} has "
                f"{format_count(len(waiting))} and no regression test ({ids}): write one"
                " for the class"
            )
            yield build_warning("class-untested", message, last.path, last.line)


def needs_test(case: LintCase, policy: Policy) -> bool:
    """Say whether an incident should have a regression test by now, whether or not it has."""
    postmortem, today = case.postmortem, policy.today
    end = parse_iso_date(postmortem.until)
    exempt = postmortem.exempt and not (end is not None and today is not None and end < today)
    if exempt or postmortem.guarded_by:
        return False
    if postmortem.day is None or today is None:
        return True
    older = policy.since is not None and postmortem.day < policy.since
    return not older and postmortem.day + timedelta(days=policy.grace) < today


def check_regression_test(case: LintCase, policy: Policy) -> Iterator[Finding]:
    """Yield a finding where an incident has no test that could notice it, or an exemption ended."""
    incident, tests = case.postmortem, case.tests
    end = parse_iso_date(incident.until)
    tested = tests is not None and bool(tests.tests)
    if incident.exempt and end is not None and policy.today is not None and end < policy.today:
        if not tested:
            message = (
                f"the exemption of {incident.id} ended on {incident.until}: write the test, or"
                " say why not"
            )
            yield build_warning("test-exemption", message, case.path, case.line)
    elif needs_test(case, policy) and not tested:
        message = (
            f"{incident.id} has no regression test{_format_grace(policy)}: "
            f'mark one with @pytest.mark.postmortem("{incident.id}"), or exempt it with a reason'
        )
        yield build_warning("test-missing", message, case.path, case.line)
    elif needs_test(case, policy) and tests and not tests.has_active_test:
        why = next(iter(filter(None, tests.tests.values())), "")
        message = (
            f"no test of {incident.id} would stop anybody, it is {why}: let one run everywhere"
        )
        yield build_warning("test-missing", message, case.path, case.line)


def _format_grace(policy: Policy) -> str:
    return f" after {format_count(policy.grace, 'day')} of grace" if policy.grace else ""


def check_recurrence(
    case: LintCase,
    registry: Registry,
    tests: Sequence[str] | frozenset[str],
    suggestions: SuggestionIndex | None = None,
) -> Iterator[Finding]:
    """Yield a finding where the repeated incident is not there, or had a test already.

    ``tests`` are the ids of the incidents that are linked to a test; ``suggestions`` the index
    of the registry, which is made here where there is none.
    """
    incident = case.postmortem
    if incident.recurs is None:
        return
    earlier = registry.find(incident.recurs)
    if earlier is incident:
        message = f"{incident.id} recurs itself: name the incident that it repeats"
        yield build_warning("recurs-unknown", message, case.path, case.line)
    elif earlier is None and not (registry.partial or registry.unreachable):
        near = (suggestions or index_registry_ids(registry)).find(incident.recurs)
        advice = f"did you mean {near!r}?" if near else "correct the id"
        message = (
            f"{incident.id} recurs {incident.recurs!r}, which is not in the registry; {advice}"
        )
        yield build_warning("recurs-unknown", message, case.path, case.line)
    elif (
        case.tests is not None
        and not case.tests.has_active_test
        and earlier
        and earlier.id in tests
    ):
        message = (
            f"{incident.id} recurred although guarded: {earlier.id} has a linked test,"
            " which did not "
            f"notice; link a test that does to {incident.id}"
        )
        yield build_warning("recurs-guarded", message, case.path, case.line)
