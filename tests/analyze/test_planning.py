import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from epochal.analyze.planning import (
    detectable_difference,
    noether,
    power,
    sample_size,
    seeds_needed,
    seeds_range,
)
from epochal.core.errors import EvidenceError

SIZES = {0.2: 393.4, 0.5: 63.77, 0.8: 25.52, 1.0: 16.71, 1.5: 8.06, 2.0: 5.09, 3.0: 3.07}
POWERS = {(1, 3): 0.159, (1, 5): 0.286, (1, 10): 0.562, (1, 20): 0.869,
          (2, 3): 0.463, (2, 5): 0.791, (2, 10): 0.988}  # fmt: skip


def test_the_published_numbers_of_seeds():
    """80 % power at the two-sided 0.05 level (Colas et al. 2018)."""
    found = {d: sample_size(d) for d in SIZES}
    assert found == pytest.approx(SIZES, abs=0.05)
    digits = {d: round(n, 1 if d == 0.2 else 2) for d, n in found.items()}
    assert digits == SIZES
    assert {d: seeds_needed(d) for d in SIZES} == {d: math.ceil(n) for d, n in SIZES.items()}


def test_the_published_powers():
    """Of d standard deviations with n seeds a group."""
    assert {(d, n): round(power(d, n), 3) for d, n in POWERS} == POWERS


def test_noether_for_the_published_probabilities():
    """29 runs for P(A > B) = 0.75 is the number of Bouthillier et al."""
    expected = {0.6: 181, 0.7: 46, 0.75: 29, 0.8: 21, 0.9: 12}
    assert {gamma: noether(gamma) for gamma in expected} == expected


def test_power_is_how_often_the_test_finds_it():
    """By simulation: Welch's friend with equal spread, 20,000 experiments."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(1.0, 1, (20_000, 5)), rng.normal(0.0, 1, (20_000, 5))
    found = stats.ttest_ind(x, y, axis=1).pvalue < 0.05
    assert found.mean() == pytest.approx(power(1.0, 5), abs=0.01)
    found = stats.ttest_rel(x, y, axis=1).pvalue < 0.05
    assert found.mean() == pytest.approx(power(1 / math.sqrt(2), 5, paired=True), abs=0.01)


def test_no_difference_is_found_by_chance_only():
    """Power at 0 is alpha; the sign does not count."""
    assert power(0.0, 4) == pytest.approx(0.05)
    assert power(0.0, 4, level=0.99, paired=True) == pytest.approx(0.01)
    assert power(-1.0, 4) == power(1.0, 4)


@settings(deadline=None)
@given(st.floats(0.05, 60), st.integers(2, 200), st.booleans())
def test_power_is_a_probability_that_grows(d, n, paired):
    """With the difference and with the seeds, also where SciPy's far tail is NaN."""
    here = power(d, n, paired=paired)
    assert 0.05 <= here <= 1
    assert power(d, n + 1, paired=paired) >= here - 1e-9
    assert power(d * 1.1, n, paired=paired) >= here - 1e-9


@settings(deadline=None, max_examples=40)
@given(st.floats(0.01, 20), st.floats(0.3, 0.99), st.booleans())
def test_seeds_needed_are_just_enough(d, wanted, paired):
    """So many have the power, one fewer has not."""
    n = seeds_needed(d, wanted, paired=paired)
    assert power(d, n, paired=paired) >= wanted - 1e-9
    assert n == 2 or power(d, n - 1, paired=paired) < wanted


def test_tiny_differences_need_many_seeds():
    """Where the normal distribution takes over there is no step."""
    d = 2 * (stats.norm.isf(0.025) + stats.norm.ppf(0.8)) / math.sqrt(2e6)
    below, above = sample_size(d * 1.0000001), sample_size(d * 0.9999999)
    assert above / below == pytest.approx(1, abs=1e-5)  # of SciPy's series
    assert sample_size(1e-6) == pytest.approx(1.5698e13, rel=1e-3)
    assert seeds_needed(50.0) == 2


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 100), st.floats(0.001, 1000), st.booleans())
def test_the_detectable_difference_has_the_power(n, std, paired):
    """It is the inverse of power."""
    difference = detectable_difference(std, n, paired=paired)
    assert power(difference / std, n, paired=paired) == pytest.approx(0.8, abs=1e-6)


def test_the_range_comes_from_the_pilots_spread():
    """Its ends are the seeds for the ends of the interval of the standard deviation."""
    x, y = [1.0, 1.2, 1.1, 1.3], [1.2, 1.4, 1.3, 1.6]
    pooled = math.sqrt((np.var(x, ddof=1) + np.var(y, ddof=1)) / 2)
    gap = np.mean(y) - np.mean(x)
    df = stats.ttest_ind(x, y, equal_var=False).df
    low, high = (pooled * math.sqrt(df / q) for q in stats.chi2.ppf([0.9, 0.1], df))
    expected = seeds_needed(gap / low), seeds_needed(gap / high)
    assert seeds_range(x, y) == seeds_range(y, x) == expected
    middle = seeds_needed(gap / pooled)
    assert expected[0] < middle < expected[1]
    wide = seeds_range(x, y, confidence=0.99)
    assert wide[0] <= expected[0] < expected[1] < wide[1]
    assert seeds_range(x, y, difference=10.0) == (2, 2)


def test_many_runs_of_the_steadier_side_do_not_hide_the_spread_of_the_other():
    """The seeds to come are as many of each: both variances count alike, however many pilots."""
    rng = np.random.default_rng(0)
    noisy, steady = rng.normal(0, 1, 4), rng.normal(1, 0.01, 60)
    s = float(np.std(noisy, ddof=1)) / math.sqrt(2)
    low, high = seeds_range(noisy, steady, difference=0.2)
    assert low <= seeds_needed(0.2 / s) <= high
    pooled = math.sqrt((3 * np.var(noisy, ddof=1) + 59 * np.var(steady, ddof=1)) / 62)
    assert low > seeds_needed(0.2 / pooled)


def test_a_range_of_pairs_uses_the_spread_of_differences():
    """Pairing takes the common part of the noise away."""
    x = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    y = x + np.array([0.5, 0.6, 0.4, 0.7, 0.5])
    low, high = seeds_range(x, y, paired=True)
    assert low <= high < seeds_range(x, y)[0]


def test_what_no_number_of_seeds_shows_is_refused():
    """A difference of 0, runs without spread, powers at or below chance."""
    for call, words in (
        (lambda: sample_size(0.0), "d=0"),
        (lambda: sample_size(math.inf), "d=inf"),
        (lambda: seeds_needed(1.0, 1.0), "power=1"),
        (lambda: power(1.0, 1), "n=1"),
        (lambda: power(math.nan, 3), "NaN"),
        (lambda: power(1.0, math.inf), "n=inf"),
        (lambda: seeds_range([1.0, 2.0], [2.0, 1.0]), "difference of 0"),
        (lambda: seeds_range([1.0, 1.0], [2.0, 2.0]), "do not differ"),
        (lambda: seeds_range([1.0], [2.0, 2.1]), "at least 2"),
        (lambda: detectable_difference(0.0, 3), "std=0"),
        (lambda: detectable_difference(1.0, 1), "n=1"),
        (lambda: detectable_difference(1.0, 3, power=0.05), "not above alpha"),
        (lambda: noether(0.5), "gamma=0.5"),
        (lambda: noether(1.1), "gamma=1.1"),
        (lambda: noether(0.75, alpha=0), "alpha=0"),
    ):
        with pytest.raises(EvidenceError, match=words):
            call()


def test_statsmodels_agrees():
    """Power and sample size, where statsmodels is installed."""
    other = pytest.importorskip("statsmodels.stats.power")
    for d, n in ((0.3, 20), (1.0, 5), (2.0, 3)):
        assert power(d, n) == pytest.approx(other.TTestIndPower().power(d, n, 0.05), rel=1e-9)
        assert power(d, n, paired=True) == pytest.approx(other.TTestPower().power(d, n, 0.05))
    for d in (0.2, 0.7, 1.5):
        size = other.TTestIndPower().solve_power(d, power=0.9, alpha=0.05)
        assert sample_size(d, 0.9) == pytest.approx(float(size), rel=1e-6)
