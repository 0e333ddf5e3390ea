"""The rules about an incident among others: its class, its tests, the incident that it repeats."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from pytest_postmortem.evaluation.evaluate import has_exemption_ended
from pytest_postmortem.lint.cases import Complaint, LintCase, LintContext, quote_text
from pytest_postmortem.model import Policy, format_count

MAX_UNCLASSED_DOCUMENTS = 3
"""A team with no more documents than these needs no classes."""

MAX_LISTED_IDS = 5

_ADVISORY_ID = re.compile(r"(?:PYSEC|GHSA|CVE|OSV)-", re.IGNORECASE)


def check_class_missing(case: LintCase, context: LintContext) -> Iterator[Complaint]:
    """Yield a complaint if an incident has no class, and the team has use for classes.

    Records of advisories are written by others.
    """
    if case.problem_class is not None or case.is_unfinished or _is_advisory_record(case):
        return
    if context.has_classes or context.document_count > MAX_UNCLASSED_DOCUMENTS:
        yield (
            case.line,
            "the class of problem is missing; add a 'class', by which the report groups",
        )


def _is_advisory_record(case: LintCase) -> bool:
    return not case.writing.whole and _ADVISORY_ID.match(case.postmortem.id) is not None


def check_class_untested(case: LintCase, context: LintContext) -> Iterator[Complaint]:
    """Yield a complaint at the last of several incidents of a class of which none has a test."""
    members = context.find_class_members(case)
    waiting = [member for member in members if needs_test(member, context.policy)]
    if len(waiting) < 2 or waiting[-1] is not case or not context.tested_ids:
        return
    if all(member.tests is not None and not member.tests.tests for member in members):
        ids = ", ".join(member.postmortem.id for member in waiting[:MAX_LISTED_IDS])
        yield (
            case.line,
            f"the class {quote_text(case.problem_class or '')} has "
            f"{format_count(len(waiting))} and no regression test ({ids}); "
            "write one for the class",
        )


def needs_test(case: LintCase, policy: Policy) -> bool:
    """Return whether an incident should have a regression test by now, with or without one."""
    postmortem, today = case.postmortem, policy.today
    exempt = postmortem.exempt and not has_exemption_ended(postmortem, policy)
    if exempt or postmortem.guarded_by:
        return False
    if postmortem.day is None or today is None:
        return True
    older = policy.since is not None and postmortem.day < policy.since
    return not older and postmortem.day + timedelta(days=policy.grace) < today


def check_test_missing(case: LintCase, context: LintContext) -> Iterator[Complaint]:
    """Yield a complaint if an incident has no test that can fail, and no other rule reports it."""
    incident, tests, policy = case.postmortem, case.tests, context.policy
    if tests is None or tests.has_active_test or not needs_test(case, policy):
        return
    if has_exemption_ended(incident, policy) or _is_guarded_recurrence(case, context):
        return
    if not tests.tests:
        grace = f" after {format_count(policy.grace, 'day')} of grace" if policy.grace else ""
        hint = f", but {case.hint}" if case.hint else ""
        yield (
            case.line,
            f"{incident.id} has no regression test{grace}{hint}; mark one with "
            f'@pytest.mark.postmortem("{incident.id}"), or exempt it with a reason',
        )
    else:
        why = next(iter(filter(None, tests.tests.values())), "")
        count = len(tests.tests)
        subject = "only test" if count == 1 else f"{count} tests can't fail a run, the first"
        yield case.line, f"{incident.id}'s {subject} is {why}; let one run everywhere"


def check_test_stale(case: LintCase, context: LintContext) -> Iterator[Complaint]:
    """Yield a complaint if the document says that a test fails until it is written, and it is."""
    tests = {} if case.tests is None else case.tests.tests
    written = [test for test, muted in tests.items() if not muted and test not in case.unwritten]
    for line, named in case.find_unwritten_claims():
        if written:
            test = named if named in written else written[0]
            yield (
                line,
                f"the document says that its test fails until it is written, but {test} is "
                "written; say here what the test checks",
            )


def check_test_exemption(case: LintCase, context: LintContext) -> Iterator[Complaint]:
    """Yield a complaint if the exemption of an incident has ended, and it has no test."""
    incident = case.postmortem
    if (
        case.tests is not None
        and not case.tests.tests
        and has_exemption_ended(incident, context.policy)
        and not _is_guarded_recurrence(case, context)
    ):
        yield (
            case.line,
            f"the exemption of {incident.id} ended on {incident.until}; "
            "write the test, or extend the exemption with a reason",
        )


def check_recurs_unknown(case: LintCase, context: LintContext) -> Iterator[Complaint]:
    """Yield a complaint if the repeated incident is unknown, or the incident itself."""
    incident, registry = case.postmortem, context.registry
    if incident.recurs is None:
        return
    earlier = registry.find(incident.recurs)
    if earlier is incident:
        yield case.line, f"{incident.id} recurs itself; name the incident that it repeats"
    elif earlier is None and not (registry.partial or registry.unreachable):
        near = context.suggestions.find(incident.recurs)
        advice = f"did you mean {near!r}?" if near else "correct the id"
        yield (
            case.line,
            f"{incident.id} recurs {incident.recurs!r}, which is not in the registry; {advice}",
        )


def check_recurs_guarded(case: LintCase, context: LintContext) -> Iterator[Complaint]:
    """Yield a complaint if the repeated incident had a test, and this one has none."""
    incident = case.postmortem
    if _is_guarded_recurrence(case, context):
        earlier = context.registry.find(incident.recurs or "")
        yield (
            case.line,
            f"{incident.id} repeats {earlier.id if earlier else incident.recurs}, whose linked "
            f"test did not notice it; link a test that does to {incident.id}",
        )


def _is_guarded_recurrence(case: LintCase, context: LintContext) -> bool:
    incident = case.postmortem
    earlier = None if incident.recurs is None else context.registry.find(incident.recurs)
    return (
        case.tests is not None
        and not case.tests.has_active_test
        and earlier is not None
        and earlier is not incident
        and earlier.id in context.tested_ids
    )
