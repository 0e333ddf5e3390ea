"""Compare many runs of a test with and without the fix, for a verdict on a flaky test."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import comb, exp, fsum, inf, lgamma, log, log1p

from pytest_postmortem.model import format_count
from pytest_postmortem.prove.diagnose import NamesOfFix, classify_failure
from pytest_postmortem.prove.trial import AttemptResult
from pytest_postmortem.prove.verdict import IncidentVerdict, TestVerdict

BISECTION_STEPS = 60
"""Halvings that determine a rate to the precision of a float."""


def compute_fisher_p_value(failed: int, runs: int, others_failed: int, others: int) -> float:
    """Return the probability of a split at least as one-sided, if both sides failed equally often.

    ``failed`` of ``runs`` are on the side that should fail more often.
    """
    total = failed + others_failed
    ways = sum(
        comb(runs, count) * comb(others, total - count)
        for count in range(failed, min(runs, total) + 1)
    )
    return float(Fraction(ways, comb(runs + others, total)))


def compute_failure_interval(
    failed: int, runs: int, confidence: float = 0.95
) -> tuple[float, float]:
    """Return the confidence limits of the failure rate."""
    tail = (1 - confidence) / 2
    low = (
        0.0
        if failed == 0
        else _find_share_limit(lambda p: 1 - _compute_binomial_cdf(failed - 1, runs, p) < tail)
    )
    high = (
        1.0
        if failed == runs
        else _find_share_limit(lambda p: _compute_binomial_cdf(failed, runs, p) > tail)
    )
    return low, high


def compute_catch_probability(share: float, runs: int) -> float:
    """Return the probability that at least one of some runs fails at this failure rate."""
    return 1 - (1 - share) ** runs


def _find_share_limit(is_below: Callable[[float], bool]) -> float:
    """Return the largest rate for which the condition holds."""
    low, high = 0.0, 1.0
    for _ in range(BISECTION_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if is_below(middle) else (low, middle)
    return low


def _compute_binomial_cdf(failed: int, runs: int, share: float) -> float:
    """Return the probability of at most so many failures (the binomial distribution)."""
    return fsum(exp(_compute_log_probability(count, runs, share)) for count in range(failed + 1))


def _compute_log_probability(failed: int, runs: int, share: float) -> float:
    ways = lgamma(runs + 1) - lgamma(failed + 1) - lgamma(runs - failed + 1)
    fails = failed * log(share) if failed else 0.0
    passes = (runs - failed) * (log1p(-share) if share < 1 else -inf) if runs > failed else 0.0
    return ways + fails + passes


MAX_P_VALUE = 0.05
"""The p-value at or below which a difference is significant."""

REPEATED_VERDICTS = ("proven", "not-proven")
"""The verdicts that many runs may refine."""

MAX_STATED_CHANCE = 0.999
"""The highest probability that is shown unless it is certain."""

USUAL_REPEATS = 20
"""How often a team may repeat a flaky test."""


@dataclass(slots=True)
class RunCounts:
    """Runs of one test on one side, and how many failed: of all, and under CI's usual settings."""

    runs: int = 0
    failed: int = 0
    usual: int = 0
    usual_failed: int = 0
    first: AttemptResult | None = None
    alike: bool = True
    """Whether the runs of each process ended alike."""

    @property
    def is_clustered(self) -> bool:
        """Whether all runs of a process end alike, so that they are not independent."""
        return self.alike and 0 < self.failed < self.runs

    def add(self, attempts: Sequence[AttemptResult], *, usual: bool) -> None:
        """Count the runs of a process, except a run that had too little time."""
        finished = [attempt for attempt in attempts if attempt.word != "cut"]
        self.alike &= len({attempt.word for attempt in finished}) < 2
        for attempt in finished:
            fails = attempt.word in ("failed", "hung", "died")
            self.runs += 1
            self.failed += fails
            self.usual += usual
            self.usual_failed += usual and fails
            if fails and self.first is None:
                self.first = attempt


def judge_repeated_runs(
    judged: IncidentVerdict,
    with_fix: Mapping[str, RunCounts],
    without: Mapping[str, RunCounts],
    fix_names: NamesOfFix,
    *,
    final: bool,
    steady: Collection[str] = (),
) -> IncidentVerdict:
    """Return the verdict updated by many runs of its tests.

    Unless ``final``, only tests that end alike each time are decided. A ``steady`` test never
    failed with the fix, so that some passing runs without it leave doubt.
    """
    tests = []
    for test in judged.tests:
        fixed_counts = with_fix.get(test.nodeid, RunCounts())
        unfixed_counts = without.get(test.nodeid, RunCounts())
        clear = (unfixed_counts.runs,) if test.nodeid in steady else (0, unfixed_counts.runs)
        is_clear = not fixed_counts.failed and unfixed_counts.failed in clear
        is_repeated = final and test.verdict in REPEATED_VERDICTS
        if (
            (is_repeated or test.is_mixed)
            and (final or is_clear)
            and fixed_counts.runs
            and unfixed_counts.runs
        ):
            seen = test.is_mixed and test.nodeid in steady
            test = judge_flaky_test(test.nodeid, fixed_counts, unfixed_counts, fix_names, seen=seen)
        tests.append(test)
    return judged.with_tests(tests)


def judge_flaky_test(
    nodeid: str,
    with_fix: RunCounts,
    without: RunCounts,
    fix_names: NamesOfFix,
    *,
    seen: bool = False,
) -> TestVerdict:
    """Return the verdict on a test by its runs on both sides.

    ``seen`` means that it has failed without the fix before.
    """
    sides = (
        f"{without.failed} of {format_count(without.runs, 'run')} without the fix,"
        f" in {with_fix.failed} of {with_fix.runs} with it"
    )
    if with_fix.failed:
        return TestVerdict(nodeid, "fails-with-fix", f"fails in {sides}")
    if not without.failed:
        passes = f"passes in all of {format_count(without.runs, 'run')} without it"
        if seen and without.runs < USUAL_REPEATS:
            why = f"{passes}, and has failed before: not enough, give more --runs"
            return TestVerdict(nodeid, "inconclusive", why, is_mixed=True)
        return TestVerdict(nodeid, "not-proven", passes)
    failure = without.first.failure if without.first else None
    if failure is not None and classify_failure(failure, fix_names) != "problem":
        return TestVerdict(nodeid, "broken", f"fails in {sides}, since something else is missing")
    if without.failed == without.runs and min(without.runs, with_fix.runs) > 1:
        why = f": {failure}" if failure is not None else ""
        return TestVerdict(nodeid, "proven", f"fails in {sides}{why}")
    chance = compute_fisher_p_value(without.failed, without.runs, 0, with_fix.runs)
    statistics_note = f"(Fisher, one-sided, p {f'= {chance:.1g}' if chance else '< 1e-300'})"
    if chance > MAX_P_VALUE:
        why = f"fails in {sides} {statistics_note}: not enough, give more --runs"
        return TestVerdict(nodeid, "inconclusive", why, is_mixed=True)
    return TestVerdict(
        nodeid, "proven-flaky", f"fails in {sides} {statistics_note}; {_format_ci_chance(without)}"
    )


def _format_ci_chance(without: RunCounts) -> str:
    """Return how probable it is that one CI run fails, from the runs under usual settings."""
    share = without.usual_failed / without.usual
    low, high = compute_failure_interval(without.usual_failed, without.usual)
    if not without.usual_failed:
        return f"one CI run catches a return with at most {_format_chance(high)} %: repeat it"
    repeated = compute_catch_probability(share, USUAL_REPEATS)
    repeated = repeated if share == 1 else min(repeated, MAX_STATED_CHANCE)
    return (
        f"one CI run catches a return with {_format_chance(share)} %"
        f" (95 %: {_format_chance(low)}–{_format_chance(high)} %),"
        f" twenty repeats with {_format_chance(repeated)} %"
    )


def _format_chance(share: float) -> str:
    """Return a rate in percent; rounding never shows an uncertain rate as 0 or 100."""
    if share in (0, 1):
        return f"{share * 100:.0f}"
    return f"{min(share, MAX_STATED_CHANCE) * 100:.{0 if 0.1 <= share <= 0.99 else 1}f}"
