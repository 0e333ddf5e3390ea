"""How much some failures in some runs tell: exact statistics of two counts.

Whether the test fails more often without the fix: R. A. Fisher, *The Design of Experiments* (1935),
chapter II, the exact test on a table of two by two, one-sided. What share of runs fails: C. J.
Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the
binomial", *Biometrika* 26 (1934), 404-413. Nothing here is an approximation but for rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import comb, exp, fsum, inf, lgamma, log, log1p

__all__ = ["compute_catch_probability", "compute_failure_interval", "compute_fisher_p_value"]

BISECTION_STEPS = 60
"""Halvings after which a share is known to the last digit of a float."""


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
    """Return the limits between which the share of failing runs lies, with this confidence."""
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
    """Return the probability that at least one of some runs fails, if this share of them does."""
    return 1 - (1 - share) ** runs


def _find_share_limit(is_below: Callable[[float], bool]) -> float:
    """Return the share up to which something holds."""
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
