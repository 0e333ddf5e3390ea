"""The table of the lint's rules, and their run over all post-mortems.

`docs/reference/lint.md` has a section for each.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pytest_postmortem.documents.sections import find_ignored_codes
from pytest_postmortem.lint import action_item_rules as action_items
from pytest_postmortem.lint import cause_rules as causes
from pytest_postmortem.lint import incident_rules as incidents
from pytest_postmortem.lint.cases import Complaint, LintCase, LintContext, build_lint_context
from pytest_postmortem.model import Finding, Policy, Registry


def _is_finished(case: LintCase, policy: Policy) -> bool:
    return not case.is_unfinished


def _is_complete(case: LintCase, policy: Policy) -> bool:
    return case.is_complete


@dataclass(frozen=True, slots=True)
class RuleSummary:
    """The one finding that replaces those of a rule where most post-mortems have the same.

    ``applies`` selects the post-mortems that count.
    """

    statement: str
    remedy: str
    applies: Callable[[LintCase, Policy], bool] = _is_finished


@dataclass(frozen=True, slots=True)
class LintRule:
    """A rule: its line in the docs, its check of one post-mortem, and its summary if it has one."""

    description: str
    check: Callable[[LintCase, LintContext], Iterator[Complaint]]
    summary: RuleSummary | None = None


LINT_RULES: Mapping[str, LintRule] = {
    "cause-missing": LintRule(
        "A post-mortem without a cause",
        causes.check_cause_missing,
        RuleSummary("have no cause", "add a part for it to your template", _is_complete),
    ),
    "cause-symptom": LintRule(
        "A cause that only describes the symptom", causes.check_cause_symptom
    ),
    "cause-person": LintRule("A cause that ends in a person's error", causes.check_cause_person),
    "blame-word": LintRule(
        "Words that judge a person instead of a system", causes.check_blame_word
    ),
    "blame-person": LintRule(
        "The handle or address of a person among the causes", causes.check_blame_person
    ),
    "action-missing": LintRule(
        "A post-mortem without an action item",
        action_items.check_action_missing,
        RuleSummary("have no action item", "add a part for them to your template", _is_complete),
    ),
    "action-owner": LintRule(
        "An action item without an owner",
        action_items.check_action_owner,
        RuleSummary(
            "have action items without an owner",
            "name a team, or link to the ticket",
            action_items.has_open_items,
        ),
    ),
    "action-date": LintRule(
        "An action item without a date",
        action_items.check_action_date,
        RuleSummary(
            "have action items without a date",
            "add a due date, or link to the ticket",
            action_items.has_open_items,
        ),
    ),
    "action-verb": LintRule("An action item without a verb", action_items.check_action_verb),
    "action-vague": LintRule(
        "An action item without a measurable end", action_items.check_action_vague
    ),
    "action-overdue": LintRule(
        "An action item that is open after its date", action_items.check_action_overdue
    ),
    "class-missing": LintRule(
        "A post-mortem without a class of problem, where others have one",
        incidents.check_class_missing,
        RuleSummary("have no class of problem", "add a 'class', by which the report groups"),
    ),
    "class-untested": LintRule(
        "A class with several incidents and no regression test", incidents.check_class_untested
    ),
    "test-missing": LintRule(
        "An incident without a regression test after its grace",
        incidents.check_test_missing,
        RuleSummary(
            "have no regression test",
            "start with the most severe, `pytest -v` lists them",
            incidents.needs_test,
        ),
    ),
    "test-stale": LintRule(
        "A document that calls a written test unwritten", incidents.check_test_stale
    ),
    "test-exemption": LintRule(
        "An exemption from a regression test that has ended", incidents.check_test_exemption
    ),
    "recurs-unknown": LintRule(
        "A repeated incident that the registry lacks", incidents.check_recurs_unknown
    ),
    "recurs-guarded": LintRule(
        "An incident that recurred although guarded", incidents.check_recurs_guarded
    ),
}
"""The rules by their code, in the order of the docs; each check yields findings of its own code."""


def find_ignored_by_entry(text: str, lines: Iterable[int]) -> Mapping[int, frozenset[str]]:
    """Return the codes to ignore by the line on which an entry begins.

    A comment above the first entry applies to all entries.
    """
    starts = sorted(set(lines))
    codes_by_line: dict[int, frozenset[str]] = dict.fromkeys([0, *starts], frozenset())
    for number, line in enumerate(text.split("\n"), 1):
        codes = find_ignored_codes([line])
        if codes:
            start_index = bisect_right(starts, number)
            codes_by_line[starts[start_index - 1] if start_index else 0] |= codes
    return {start: codes | codes_by_line[0] for start, codes in codes_by_line.items()}


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
