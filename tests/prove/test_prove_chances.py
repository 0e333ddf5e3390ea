"""How much some failures in some runs tell, against values that others have published."""

from __future__ import annotations

from itertools import pairwise

import pytest

from pytest_postmortem.prove.flakiness import (
    compute_catch_probability,
    compute_failure_interval,
    compute_fisher_p_value,
)


@pytest.mark.parametrize(
    ("failed", "runs", "others_failed", "others", "published"),
    [
        # The lady tasting tea: R. A. Fisher, The Design of Experiments (1935), chapter II.
        (4, 4, 0, 4, 1 / 70),
        (3, 4, 1, 4, 17 / 70),
        # Convictions of twins: R. A. Fisher, "The Logic of Inductive Inference", Journal of the
        # Royal Statistical Society 98 (1935); also in R's help on `fisher.test`.
        (10, 13, 2, 17, 619 / 1330665),
    ],
)
def test_the_exact_test_gives_what_fisher_published(
    failed: int, runs: int, others_failed: int, others: int, published: float
) -> None:
    """It is one-sided: splits that are as one-sided or more so count."""
    assert compute_fisher_p_value(failed, runs, others_failed, others) == published


@pytest.mark.parametrize(
    ("failed", "runs", "others", "chance"),
    [
        (0, 1, 1, 1.0),
        (0, 1000, 1000, 1.0),
        (1, 1, 1, 0.5),
        (1, 1000, 1000, 0.5),
        (3, 50, 50, 4 / 33),
        (1000, 1000, 1000, 0.0),
    ],
)
def test_no_number_of_runs_is_too_small_or_too_large_for_the_exact_test(
    failed: int, runs: int, others: int, chance: float
) -> None:
    """Where nothing failed nothing is told; 3 of 50 against none may well be chance."""
    assert compute_fisher_p_value(failed, runs, 0, others) == pytest.approx(chance, abs=1e-15)


@pytest.mark.parametrize("runs", [1, 2, 7, 50, 300])
def test_each_further_failure_is_less_of_a_chance(runs: int) -> None:
    """And never is there more than certainty."""
    chances = [compute_fisher_p_value(failed, runs, 0, runs) for failed in range(runs + 1)]

    assert chances[0] == 1
    assert all(0 < later < earlier for earlier, later in pairwise(chances))


@pytest.mark.parametrize("failed", [1, 3, 10])
def test_more_runs_with_the_fix_that_pass_are_less_of_a_chance(failed: int) -> None:
    """So it is worth while to run the other side as often."""
    chances = [compute_fisher_p_value(failed, 20, 0, others) for others in range(1, 60)]

    assert all(later < earlier for earlier, later in pairwise(chances))


@pytest.mark.parametrize(
    ("failed", "runs", "low", "high"),
    [
        # R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in
        # Medicine 17 (1998), table I, method 5.
        (81, 263, 0.2527, 0.3676),
        (15, 148, 0.0578, 0.1617),
        (0, 20, 0.0, 0.1684),
        (1, 29, 0.0009, 0.1776),
        # W. J. Conover, Practical Nonparametric Statistics (1971), page 97; also in R's help on
        # `binom.test`.
        (682, 925, 0.7077, 0.7654),
    ],
)
def test_limits_are_those_of_clopper_and_pearson(
    failed: int, runs: int, low: float, high: float
) -> None:
    """To the last digit that was published."""
    found = compute_failure_interval(failed, runs)

    assert tuple(round(limit, 4) for limit in found) == (low, high)


@pytest.mark.parametrize("runs", [1, 2, 30, 1000])
def test_limits_of_none_and_of_all_have_a_closed_form(runs: int) -> None:
    """With none of n the upper limit is 1 - 0.025 ** (1 / n), and with all of n the mirror."""
    limit = 0.025 ** (1 / runs)

    assert compute_failure_interval(0, runs) == pytest.approx((0.0, 1 - limit), rel=1e-9)
    assert compute_failure_interval(runs, runs) == pytest.approx((limit, 1.0), rel=1e-9)


def test_less_confidence_is_a_smaller_interval() -> None:
    """The rule of three: with none of n, at most 3 / n fail, one-sided at 95 %."""
    assert compute_failure_interval(0, 100, 0.90)[1] == pytest.approx(3 / 100, rel=0.02)
    assert compute_failure_interval(7, 50, 0.5)[0] > compute_failure_interval(7, 50, 0.95)[0]
    assert compute_failure_interval(7, 50, 0.5)[1] < compute_failure_interval(7, 50, 0.95)[1]


@pytest.mark.parametrize("runs", [1, 2, 7, 50, 130])
def test_limits_hold_the_share_between_them_and_grow_with_it(runs: int) -> None:
    """They mirror each other: what fails in k of n passes in n - k."""
    limits = [compute_failure_interval(failed, runs) for failed in range(runs + 1)]

    for failed, (low, high) in enumerate(limits):
        assert 0 <= low <= failed / runs <= high <= 1
        assert (1 - high, 1 - low) == pytest.approx(limits[runs - failed])
    for one, other in pairwise(limits):
        assert one[0] < other[0]
        assert one[1] < other[1]


@pytest.mark.parametrize(
    ("share", "runs", "chance"),
    [(0.0, 20, 0.0), (1.0, 1, 1.0), (0.185, 1, 0.185), (0.185, 20, 0.9833), (0.01, 1000, 0.99996)],
)
def test_repeats_catch_what_one_run_does_not(share: float, runs: int, chance: float) -> None:
    """Twenty repeats of a test that fails in 37 of 200 runs catch a return with 98 %."""
    assert compute_catch_probability(share, runs) == pytest.approx(chance, abs=5e-5)
