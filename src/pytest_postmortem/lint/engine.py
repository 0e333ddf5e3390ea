"""Run the lint's rules over all post-mortems, and summarize common findings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from pytest_postmortem.lint.cases import LintCase, LintContext, build_lint_context
from pytest_postmortem.lint.rules import LINT_RULES, LintRule
from pytest_postmortem.model import Finding, Policy, Registry

MAX_SINGLE_FINDINGS = 3
"""A rule that finds no more post-mortems than these is never summarized."""


def lint_cases(
    cases: Sequence[LintCase], registry: Registry, policy: Policy, ignored: Iterable[str] = ()
) -> tuple[Finding, ...]:
    """Return the findings of all rules, in the order of the rules.

    ``ignored`` are codes, or globs of codes, of rules that are switched off everywhere.
    """
    ignored_codes = tuple(ignored)
    context = build_lint_context(cases, registry, policy)
    findings: list[Finding] = []
    for code, rule in LINT_RULES.items():
        if not _is_ignored_code(code, ignored_codes):
            findings += _run_rule(code, rule, cases, context)
    return tuple(findings)


def _run_rule(
    code: str, rule: LintRule, cases: Sequence[LintCase], context: LintContext
) -> list[Finding]:
    """Return the findings of a rule, or one finding if it concerns most post-mortems."""
    findings = []
    ids: dict[str, None] = {}
    for case in cases:
        if not _is_ignored_code(code, case.writing.ignored):
            for line, message in rule.check(case, context):
                findings.append(Finding(code, "warning", message, case.path, line))
                ids[case.postmortem.id] = None
    summary = rule.summary
    if summary is None or len(ids) <= MAX_SINGLE_FINDINGS:
        return findings
    concerned = sum(summary.applies(case, context.policy) for case in cases)
    if 2 * len(ids) <= concerned:
        return findings
    shown_ids = ", ".join([*ids][:MAX_SINGLE_FINDINGS])
    message = (
        f"{len(ids)} of {concerned} post-mortems {summary.statement} "
        f"({shown_ids} and {len(ids) - MAX_SINGLE_FINDINGS} more); {summary.remedy}"
    )
    return [Finding(code, "warning", message, None)]


def _is_ignored_code(code: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(code, pattern) for pattern in patterns)
