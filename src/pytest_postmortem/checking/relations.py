"""The rules about an incident among others: its class, its tests, what it repeats."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta

from pytest_postmortem.checking.cases import Case
from pytest_postmortem.checking.rules import shortened, warning
from pytest_postmortem.model import Finding, Policy, Registry, count_of, iso_date
from pytest_postmortem.suggestions import SuggestionIndex, index_ids

__all__ = ["check_class", "check_classes", "check_recurrence", "check_test", "needs_test"]


def check_class(case: Case) -> Iterator[Finding]:
    """Yield a finding where an incident has no class."""
    if case.problem_class is None and not case.unfinished:
        message = "it has no class of problem, by which the report groups: add a 'class'"
        yield warning("class-missing", message, case.path, case.line)


def check_classes(cases: Sequence[Case], policy: Policy) -> Iterator[Finding]:
    """Yield a finding for each class with several incidents of which none has a test."""
    classes: dict[str, list[Case]] = defaultdict(list)
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
                f"the class {shortened(last.problem_class or '')} has "
                f"{count_of(len(waiting))} and no regression test ({ids}): write one for the class"
            )
            yield warning("class-untested", message, last.path, last.line)


def needs_test(case: Case, policy: Policy) -> bool:
    """Say whether an incident should have a regression test by now, whether or not it has."""
    own, today = case.postmortem, policy.today
    end = iso_date(own.until)
    exempt = own.exempt and not (end is not None and today is not None and end < today)
    if exempt or own.guarded_by:
        return False
    if own.day is None or today is None:
        return True
    older = policy.since is not None and own.day < policy.since
    return not older and own.day + timedelta(days=policy.grace) < today


def check_test(case: Case, policy: Policy) -> Iterator[Finding]:
    """Yield a finding where an incident has no test that could notice it, or an exemption ended."""
    own, tests = case.postmortem, case.tests
    end = iso_date(own.until)
    tested = tests is not None and bool(tests.tests)
    if own.exempt and end is not None and policy.today is not None and end < policy.today:
        if not tested:
            message = (
                f"the exemption of {own.id} ended on {own.until}: write the test, or say why not"
            )
            yield warning("test-exemption", message, case.path, case.line)
    elif needs_test(case, policy) and not tested:
        message = (
            f"{own.id} has no regression test{_grace(policy)}: "
            f'mark one with @pytest.mark.postmortem("{own.id}"), or exempt it with a reason'
        )
        yield warning("test-missing", message, case.path, case.line)
    elif needs_test(case, policy) and tests and not tests.held:
        why = next(iter(filter(None, tests.tests.values())), "")
        message = f"no test of {own.id} would stop anybody, it is {why}: let one run everywhere"
        yield warning("test-missing", message, case.path, case.line)


def _grace(policy: Policy) -> str:
    return f" after {count_of(policy.grace, 'day')} of grace" if policy.grace else ""


def check_recurrence(
    case: Case,
    registry: Registry,
    tests: Sequence[str] | frozenset[str],
    suggestions: SuggestionIndex | None = None,
) -> Iterator[Finding]:
    """Yield a finding where the repeated incident is not there, or had a test already.

    ``tests`` are the ids of the incidents that are linked to a test; ``suggestions`` the index
    of the registry, which is made here where there is none.
    """
    own = case.postmortem
    if own.recurs is None:
        return
    earlier = registry.find(own.recurs)
    if earlier is own:
        message = f"{own.id} recurs itself: name the incident that it repeats"
        yield warning("recurs-unknown", message, case.path, case.line)
    elif earlier is None and not (registry.partial or registry.unreachable):
        near = (suggestions or index_ids(registry)).find(own.recurs)
        advice = f"did you mean {near!r}?" if near else "correct the id"
        message = f"{own.id} recurs {own.recurs!r}, which is not in the registry; {advice}"
        yield warning("recurs-unknown", message, case.path, case.line)
    elif case.tests is not None and not case.tests.held and earlier and earlier.id in tests:
        message = (
            f"{own.id} recurred although guarded: {earlier.id} has a linked test, which did not "
            f"notice; link a test that does to {own.id}"
        )
        yield warning("recurs-guarded", message, case.path, case.line)
