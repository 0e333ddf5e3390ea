"""Compare the runs with and without the fix, for a verdict on each linked test and on all: pure.

The verdict never comes from an exit status, only from how each test ended, and why. An unknown
result never counts as passed. A failure is proof only in the call of a test that passes with the
fix, and only if the bug itself causes it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from pytest_postmortem.model import PROVEN_VERDICTS, VERDICTS, Verdict, format_count
from pytest_postmortem.prove.diagnose import NamesOfFix, classify_failure
from pytest_postmortem.prove.trial import AttemptResult, AttemptWord, RaisedFailure, Trial

DECIDED_VERDICTS: tuple[Verdict, ...] = (
    *PROVEN_VERDICTS,
    "not-proven",
    "weak",
    "not-reached",
    "fails-with-fix",
)
"""Verdicts that another strategy would not change."""

OPEN_VERDICTS: tuple[Verdict, ...] = ("not-proven", "not-reached")
"""Verdicts that may be due to a file of the fix that was not reverted."""

RED_WORDS: tuple[AttemptWord, ...] = ("failed", "error", "hung", "died")
"""Results of a test that fails with the fix."""

CONFIGURATION_LINES = ("rootdir:", "inifile:", "configfile:", "plugins:")
"""The beginnings of lines that say nothing about a cause."""

CAUSE_PATTERN = r"^(\w*error|ERROR|E )\b|\w+Error: |: error: "
"""Lines of pytest's output that say why it ended."""

MIN_FURTHER_TESTS = 4
"""With fewer further tests than this, the share of them that fail is ignored."""


@dataclass(frozen=True, slots=True)
class TestVerdict:
    """The verdict on one test; ``is_mixed`` means that it ended differently in several runs."""

    __test__ = False

    nodeid: str
    verdict: Verdict
    message: str
    is_mixed: bool = False

    def make_inconclusive(self, why: str) -> TestVerdict:
        """Return the verdict as ``inconclusive``."""
        return TestVerdict(self.nodeid, "inconclusive", why)


@dataclass(frozen=True, slots=True)
class IncidentVerdict:
    """The verdict on an incident, with the verdicts on its tests.

    ``failing`` of ``further`` other tests in the same files fail as well without the fix.
    """

    verdict: Verdict
    message: str
    tests: tuple[TestVerdict, ...] = ()
    failing: int = 0
    further: int = 0

    @property
    def is_open(self) -> bool:
        """Whether a test passes without the fix: it matters whether it reached its lines."""
        return any(test.verdict == "not-proven" for test in self.tests)

    @property
    def is_mixed(self) -> bool:
        """Whether a test ended differently in several runs."""
        return any(test.is_mixed for test in self.tests)

    def with_tests(self, tests: Iterable[TestVerdict]) -> IncidentVerdict:
        """Return the verdict with others on its tests, of which the best is the incident's."""
        tests = tuple(tests)
        top = select_best_verdict(tests)
        return replace(self, verdict=top.verdict, message=top.message, tests=tests)

    def make_inconclusive(self, why: str) -> IncidentVerdict:
        """Return the verdict as ``inconclusive``, as that on each of its deciding tests."""
        tests = (
            test.make_inconclusive(why)
            if test.verdict in (*PROVEN_VERDICTS, *OPEN_VERDICTS)
            else test
            for test in self.tests
        )
        return replace(self, verdict="inconclusive", message=why, tests=tuple(tests))


def judge_incident(
    control: Trial, without: Trial, fix_names: NamesOfFix, reached: Collection[str] | None = None
) -> IncidentVerdict:
    """Return the verdict from the linked tests of two runs.

    ``reached`` are the tests that ran lines of the fix, None if that was not measured.
    """
    if not control.linked:
        return IncidentVerdict("inconclusive", explain_no_linked_test(control))
    leaks = control.others | without.others
    if leaks:
        return IncidentVerdict("inconclusive", f"another copy was imported: {min(leaks)}")
    tests = tuple(
        _judge_linked_test(nodeid, control, without, fix_names, reached)
        for nodeid in control.linked
    )
    failing, further = _count_further_failures(control, without)
    top = select_best_verdict(tests)
    if top.verdict == "proven" and failing >= MIN_FURTHER_TESTS and failing * 2 > further:
        return IncidentVerdict(
            "broken",
            f"without the fix {failing} of {format_count(further, 'further test')} in the"
            " same files"
            " fail as well: more is missing than the fix",
            tests,
            failing,
            further,
        )
    return IncidentVerdict(top.verdict, top.message, tests, failing, further)


def select_best_verdict(tests: Iterable[TestVerdict]) -> TestVerdict:
    """Return the test whose verdict becomes the incident's."""
    return min(tests, key=lambda test: VERDICTS.index(test.verdict))


def explain_no_linked_test(control: Trial) -> str:
    """Return why a run collected no linked test."""
    if control.broken:
        path, text = min(control.broken.items())
        return f"{path} can't be collected: {_explain_missing_module(text)}"
    if control.left:
        path, text = min(control.left.items())
        return f"{path} skips itself: {text.removeprefix('Skipped: ')}"
    if control.ended.status is None:
        return f"collection did not finish within {control.ended.seconds:.0f} s"
    if control.missing:
        return f"pytest collects no {', '.join(control.missing[:3])}"
    cause = "" if control.attempts else find_cause_in_output(control.ended.output)
    return f"no linked test was collected{': ' + cause if cause else ''}"


def find_cause_in_output(output: str) -> str:
    """Return the line of a run's output that says why it ended, empty if there is none.

    pytest prints the inifile and the rootdir after an error about an option or a plugin.
    """
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith(CONFIGURATION_LINES)]
    errors = [line for line in lines if re.search(CAUSE_PATTERN, line)]
    cause = (errors or lines or [""])[-1]
    option = re.search(r"unrecognized arguments: (.*)", cause)
    if option:
        return f"pytest does not know {option[1]}: a plugin is missing in this environment"
    uncollected = re.search(r"^ERROR: not found: .*?([^/\\]+)$", cause)
    if uncollected:
        return f"pytest collects no test from {uncollected[1]}"
    required = re.search(r"Missing required plugins: (.*)", cause)
    if required:
        return f"the plugin {required[1]} is missing in this environment"
    return _explain_missing_module(cause)[:200]


def _explain_missing_module(text: str) -> str:
    missing = re.search(r"No module named '?([\w.]+)'?", text)
    return f"no module named {missing[1]} in this environment" if missing else text


def _judge_linked_test(
    nodeid: str,
    control: Trial,
    without: Trial,
    fix_names: NamesOfFix,
    reached: Collection[str] | None,
) -> TestVerdict:
    with_fix = control.attempts.get(nodeid, ())
    verdict, message = _judge_with_fix(with_fix, control)
    if verdict is not None:
        return TestVerdict(nodeid, verdict, message, _are_attempts_mixed(with_fix))
    attempts = without.attempts.get(nodeid, ())
    mixed = _are_attempts_mixed(with_fix) or _are_attempts_mixed(attempts)
    if not attempts:
        return TestVerdict(nodeid, *_judge_absent_test(nodeid, without))
    is_reached = None if reached is None else nodeid in reached
    verdict, message = _judge_without_fix(attempts[0], control, without, fix_names, is_reached)
    return TestVerdict(nodeid, verdict, message, mixed and verdict in ("proven", "not-proven"))


def _are_attempts_mixed(attempts: Sequence[AttemptResult]) -> bool:
    return len({attempt.word for attempt in attempts}) > 1


def _judge_with_fix(
    attempts: Sequence[AttemptResult], control: Trial
) -> tuple[Verdict | None, str]:
    """Return the verdict on a test that does not pass with the fix, None for one that passes."""
    if not attempts:
        return (
            "inconclusive",
            f"with the fix pytest does not reach this test{_format_run_end(control)}",
        )
    first = attempts[0]
    if first.word == "passed":
        return None, ""
    if first.word in ("skipped", "xfailed", "xpassed"):
        return "skipped", f"{first.word}: {first.reason}" if first.reason else first.word
    if first.word == "not-run":
        return "inconclusive", first.reason or "it did not run"
    if first.word == "cut":
        return "inconclusive", _format_cut_run(control, "with the fix")
    return "fails-with-fix", format_failure_with_fix(first)


def _format_cut_run(trial: Trial, side: str) -> str:
    return f"does not end {side} within {trial.ended.seconds:.1f} s: give a longer --timeout"


def format_failure_with_fix(attempt: AttemptResult) -> str:
    """Return how a test fails with the fix."""
    return f"fails with the fix in place: {format_attempt(attempt)}"


def format_attempt(attempt: AttemptResult) -> str:
    """Return why an attempt failed."""
    if attempt.failure is not None:
        return str(attempt.failure)
    words = {"hung": "it does not end", "died": "the process died"}
    return attempt.reason or words.get(attempt.word, attempt.word)


def _judge_absent_test(nodeid: str, without: Trial) -> tuple[Verdict, str]:
    """Return the verdict on a test that the run without the fix did not reach."""
    file = nodeid.partition("::")[0]
    for path, text in {**without.left, **without.broken}.items():
        if path == file or not path or file.startswith(f"{path}/"):
            return "broken", _explain_absent_file(path, text, without)
    if without.broken:
        return "broken", _explain_absent_file(*min(without.broken.items()), without)
    return "broken", f"without the fix pytest does not reach this test{_format_run_end(without)}"


def _explain_absent_file(path: str, text: str, without: Trial) -> str:
    """Return why the tests of a file are missing without the fix."""
    if path in without.left:
        return f"{path} skips itself without the fix: {text.removeprefix('Skipped: ')}"
    return f"{path or 'the suite'} can't be collected without the fix: {text}"


def _format_run_end(trial: Trial) -> str:
    """Return how a run ended before a test, empty if it reached the time limit."""
    if trial.ended.status is None:
        return ""
    cause = find_cause_in_output(trial.ended.output)
    return f": {cause or f'exit status {trial.ended.status}'}"


def _judge_without_fix(
    attempt: AttemptResult,
    control: Trial,
    without: Trial,
    fix_names: NamesOfFix,
    reached: bool | None,
) -> tuple[Verdict, str]:
    if attempt.word == "passed":
        return _judge_passed_attempt(without, fix_names, reached)
    if attempt.word == "hung":
        took = f"{without.ended.seconds:.0f} s, {control.ended.seconds:.1f} s with it"
        return "proven", f"does not end without the fix ({took})"
    if attempt.word == "cut":
        return "inconclusive", _format_cut_run(without, "without the fix")
    if attempt.word == "died":
        return _judge_dead_process(without)
    if attempt.word == "failed":
        return _judge_failed_attempt(attempt, control, without, fix_names)
    if attempt.word == "error":
        return "broken", f"its set-up or teardown fails without the fix: {format_attempt(attempt)}"
    reason = f": {attempt.reason}" if attempt.reason else ""
    return "skipped", f"{attempt.word} without the fix{reason}"


def _judge_dead_process(without: Trial) -> tuple[Verdict, str]:
    status = without.ended.status or 0
    if status == -9:
        return "inconclusive", "the process was killed from outside, perhaps for its memory"
    how = f"signal {-status}" if status < 0 else f"exit status {status}"
    return "proven", f"the process dies without the fix ({how})"


def _judge_failed_attempt(
    attempt: AttemptResult, control: Trial, without: Trial, fix_names: NamesOfFix
) -> tuple[Verdict, str]:
    failure = attempt.failure
    if failure is None:
        return "proven", f"fails without the fix: {format_attempt(attempt)}"
    failure_meaning = classify_failure(failure, fix_names)
    if failure_meaning == "weak":
        return (
            "weak",
            f"needs a name added by the fix, and would fail on any older tree: {failure}",
        )
    if failure_meaning == "broken":
        return "broken", f"without the fix something else is missing: {failure}"
    odd = next(_find_unrelated_failures(control, without, fix_names), None)
    if odd is not None and odd != failure:
        return "broken", f"without the fix something else is missing: {odd}"
    return "proven", f"fails without the fix: {failure}"


def _find_unrelated_failures(
    control: Trial, without: Trial, fix_names: NamesOfFix
) -> Iterator[RaisedFailure]:
    """Yield exceptions that left the old code for an unrelated reason and were caught."""
    with_fix = {str(failure) for failure in control.escaped_failures}
    for failure in without.escaped_failures:
        if str(failure) not in with_fix and classify_failure(failure, fix_names) == "broken":
            yield failure


def _judge_passed_attempt(
    without: Trial, fix_names: NamesOfFix, reached: bool | None
) -> tuple[Verdict, str]:
    used = without.served_files | without.read_files
    if fix_names.replaced_files and not used & fix_names.replaced_files:
        names = _format_file_names(fix_names.replaced_files)
        return "inconclusive", f"the tests were not seen to import {names}"
    unread = fix_names.data_files - used
    if unread:
        names = _format_file_names(unread)
        return "inconclusive", f"passes without the fix, but was not seen to read {names}"
    if reached is False:
        return "not-reached", "passes without the fix, and never runs its lines here"
    return "not-proven", "passes without the fix" + (
        ", though it runs its lines" if reached else ""
    )


def _format_file_names(paths: Iterable[str]) -> str:
    return ", ".join(sorted(path.rpartition("/")[2] for path in paths)[:3])


def _count_further_failures(control: Trial, without: Trial) -> tuple[int, int]:
    """Return how many other tests fail without the fix, and how many pass with it."""
    then = without.further()
    passed = [nodeid for nodeid, attempt in control.further().items() if attempt.word == "passed"]
    both = [nodeid for nodeid in passed if nodeid in then]
    return sum(then[nodeid].word in ("failed", "error") for nodeid in both), len(both)
