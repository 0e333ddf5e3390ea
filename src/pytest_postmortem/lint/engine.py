"""All rules over all post-mortems: what is ignored is left out, what most lack is said once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from pytest_postmortem.lint.action_item_rules import check_action_items, find_open_items
from pytest_postmortem.lint.cases import LintCase
from pytest_postmortem.lint.cause_rules import check_causes
from pytest_postmortem.lint.incident_rules import (
    check_class_given,
    check_recurrence,
    check_regression_test,
    check_untested_classes,
    needs_test,
)
from pytest_postmortem.lint.rules import build_warning
from pytest_postmortem.model import Finding, Policy, Registry
from pytest_postmortem.similar_names import SuggestionIndex, index_registry_ids

__all__ = ["lint_cases"]

MAX_SINGLE_FINDINGS = 3
"""Up to as many post-mortems are told one by one, whatever they lack."""

SUMMARIZED_RULES: Mapping[str, tuple[str, str]] = {
    "cause-missing": ("don't say why it happened", "give your template a part that does"),
    "action-missing": ("have no action item", "give your template a part for them"),
    "action-owner": ("have action items without an owner", "name one, or link to a tracker"),
    "action-date": ("have action items without a date", "say until when, or link to a tracker"),
    "class-missing": ("have no class of problem", "add a 'class', by which the report groups"),
    "test-missing": ("have no regression test", "begin with the gravest, `pytest -v` lists them"),
}
"""What is said where most of the post-mortems lack the same, and what helps."""


def lint_cases(
    cases: Sequence[LintCase], registry: Registry, policy: Policy, ignored: Iterable[str] = ()
) -> tuple[Finding, ...]:
    """Return what the rules find in these post-mortems, each of which knows its tests.

    ``ignored`` are codes, or globs of codes, that are switched off everywhere. Whether anything
    is linked to a test is only asked where something is known of tests.
    """
    ignored_codes = tuple(ignored)
    findings_by_code: dict[str, list[tuple[LintCase, Finding]]] = defaultdict(list)
    linked = frozenset(case.postmortem.id for case in cases if case.tests and case.tests.tests)
    suggestions = index_registry_ids(registry)
    for case in cases:
        for finding in _lint_case(case, registry, policy, linked, suggestions):
            if not _is_ignored_code(finding.code, [*ignored_codes, *case.writing.ignored]):
                findings_by_code[finding.code].append((case, finding))
    classes = check_untested_classes(cases, policy) if linked else ()
    findings = [finding for finding in classes if not _is_ignored_code(finding.code, ignored_codes)]
    for code, pairs in findings_by_code.items():
        findings += _summarize_findings(code, pairs, cases, policy)
    return tuple(findings)


def _lint_case(
    case: LintCase,
    registry: Registry,
    policy: Policy,
    linked: frozenset[str],
    suggestions: SuggestionIndex,
) -> Iterator[Finding]:
    yield from check_causes(case)
    yield from check_action_items(case, policy.today.isoformat() if policy.today else None)
    yield from check_class_given(case)
    repeated = list(check_recurrence(case, registry, linked, suggestions))
    yield from repeated
    if case.tests is not None and all(finding.code != "recurs-guarded" for finding in repeated):
        yield from check_regression_test(case, policy)


def _is_ignored_code(code: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(code, pattern) for pattern in patterns)


def _summarize_findings(
    code: str, pairs: Sequence[tuple[LintCase, Finding]], cases: Sequence[LintCase], policy: Policy
) -> list[Finding]:
    """Return the findings of a rule; where most lack something, that is said once."""
    rule_findings = [finding for _, finding in pairs]
    if code not in SUMMARIZED_RULES:
        return rule_findings
    ids = list(dict.fromkeys(case.postmortem.id for case, _ in pairs))
    lacking = len(ids)
    concerned = sum(_build_rule_scope(code, policy)(case) for case in cases)
    if code == "class-missing" and lacking == concerned and not _has_several_documents(cases):
        return []
    if lacking <= MAX_SINGLE_FINDINGS or 2 * lacking <= concerned:
        return rule_findings
    statement, remedy = SUMMARIZED_RULES[code]
    named_ids = f"{', '.join(ids[:MAX_SINGLE_FINDINGS])} and {lacking - MAX_SINGLE_FINDINGS} more"
    message = f"{lacking} of {concerned} post-mortems {statement} ({named_ids}): {remedy}"
    return [build_warning(code, message, None)]


def _has_several_documents(cases: Sequence[LintCase]) -> bool:
    """Say whether a team that gives no classes is told so: for some documents, and no mere list."""
    return sum(case.writing.whole for case in cases) > MAX_SINGLE_FINDINGS


def _build_rule_scope(code: str, policy: Policy) -> Callable[[LintCase], bool]:
    """Return what says whether a rule has anything to look at in a post-mortem."""
    if code in ("cause-missing", "action-missing"):
        return lambda case: case.is_complete
    if code in ("action-owner", "action-date"):
        return lambda case: bool(find_open_items(case)) and not case.is_unfinished
    if code == "test-missing":
        return lambda case: needs_test(case, policy)
    return lambda case: not case.is_unfinished
