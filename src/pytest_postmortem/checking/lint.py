"""All rules over all post-mortems: what is ignored is left out, what most lack is said once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from pytest_postmortem.checking.cases import Case
from pytest_postmortem.checking.causes import check_causes
from pytest_postmortem.checking.followups import check_items, waiting
from pytest_postmortem.checking.relations import (
    check_class,
    check_classes,
    check_recurrence,
    check_test,
    needs_test,
)
from pytest_postmortem.checking.rules import warning
from pytest_postmortem.model import Finding, Policy, Registry
from pytest_postmortem.suggestions import SuggestionIndex, index_ids

__all__ = ["lint"]

FEW = 3
"""Up to as many post-mortems are told one by one, whatever they lack."""

ONCE: Mapping[str, tuple[str, str]] = {
    "cause-missing": ("don't say why it happened", "give your template a part that does"),
    "action-missing": ("have no action item", "give your template a part for them"),
    "action-owner": ("have action items without an owner", "name one, or link to a tracker"),
    "action-date": ("have action items without a date", "say until when, or link to a tracker"),
    "class-missing": ("have no class of problem", "add a 'class', by which the report groups"),
    "test-missing": ("have no regression test", "begin with the gravest, `pytest -v` lists them"),
}
"""What is said where most of the post-mortems lack the same, and what helps."""


def lint(
    cases: Sequence[Case], registry: Registry, policy: Policy, ignored: Iterable[str] = ()
) -> tuple[Finding, ...]:
    """Return what the rules find in these post-mortems, each of which knows its tests.

    ``ignored`` are codes, or globs of codes, that are switched off everywhere. Whether anything
    is linked to a test is only asked where something is known of tests.
    """
    off = tuple(ignored)
    kept: dict[str, list[tuple[Case, Finding]]] = defaultdict(list)
    linked = frozenset(case.postmortem.id for case in cases if case.tests and case.tests.tests)
    suggestions = index_ids(registry)
    for case in cases:
        for finding in _of_case(case, registry, policy, linked, suggestions):
            if not _is_off(finding.code, [*off, *case.writing.ignored]):
                kept[finding.code].append((case, finding))
    classes = check_classes(cases, policy) if linked else ()
    found = [finding for finding in classes if not _is_off(finding.code, off)]
    for code, pairs in kept.items():
        found += _said(code, pairs, cases, policy)
    return tuple(found)


def _of_case(
    case: Case,
    registry: Registry,
    policy: Policy,
    linked: frozenset[str],
    suggestions: SuggestionIndex,
) -> Iterator[Finding]:
    yield from check_causes(case)
    yield from check_items(case, policy.today.isoformat() if policy.today else None)
    yield from check_class(case)
    repeated = list(check_recurrence(case, registry, linked, suggestions))
    yield from repeated
    if case.tests is not None and all(finding.code != "recurs-guarded" for finding in repeated):
        yield from check_test(case, policy)


def _is_off(code: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(code, pattern) for pattern in patterns)


def _said(
    code: str, pairs: Sequence[tuple[Case, Finding]], cases: Sequence[Case], policy: Policy
) -> list[Finding]:
    """Return the findings of a rule; where most lack something, that is said once."""
    each = [finding for _, finding in pairs]
    if code not in ONCE:
        return each
    ids = list(dict.fromkeys(case.postmortem.id for case, _ in pairs))
    lacking = len(ids)
    concerned = sum(_concerns(code, policy)(case) for case in cases)
    if code == "class-missing" and lacking == concerned and not _is_told(cases):
        return []
    if lacking <= FEW or 2 * lacking <= concerned:
        return each
    what, remedy = ONCE[code]
    named = f"{', '.join(ids[:FEW])} and {lacking - FEW} more"
    message = f"{lacking} of {concerned} post-mortems {what} ({named}): {remedy}"
    return [warning(code, message, None)]


def _is_told(cases: Sequence[Case]) -> bool:
    """Say whether a team that gives no classes is told so: for some documents, and no mere list."""
    return sum(case.writing.whole for case in cases) > FEW


def _concerns(code: str, policy: Policy) -> Callable[[Case], bool]:
    """Return what says whether a rule has anything to look at in a post-mortem."""
    if code in ("cause-missing", "action-missing"):
        return lambda case: case.complete
    if code in ("action-owner", "action-date"):
        return lambda case: bool(waiting(case)) and not case.unfinished
    if code == "test-missing":
        return lambda case: needs_test(case, policy)
    return lambda case: not case.unfinished
