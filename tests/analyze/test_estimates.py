import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from epochal.analyze import estimates
from epochal.analyze.estimates import (
    Estimate,
    bootstrap_interval,
    iqm,
    mean_interval,
    olympic_mean,
    prediction_interval,
    standard_error,
    std,
    trimmed_mean,
    wilson_interval,
)
from epochal.core.errors import EvidenceError

VALUES = hnp.arrays(np.float64, st.integers(2, 25), elements=st.floats(-1e3, 1e3))
FEW = [0.71, 0.74, 0.69, 0.73, 0.75]


def ends(estimate: Estimate) -> list[float]:
    """Value and both ends."""
    return [estimate.value, estimate.low, estimate.high]


@given(VALUES, st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_mean_interval_is_the_interval_of_scipy(values, level):
    """SciPy's one-sample t-test gives the same ends."""
    estimate = mean_interval(values, level)
    spread = float(np.ptp(values))
    # SciPy warns where it cannot tell spread from rounding, and loses squares of tiny numbers.
    assume(spread > 1e-9 * np.abs(values).max() and spread > 1e-100)
    other = stats.ttest_1samp(values, 0.0).confidence_interval(level)
    size = np.abs(values).max()
    assert ends(estimate)[1:] == pytest.approx(list(other), rel=1e-9, abs=1e-9 * size)
    assert estimate.error == pytest.approx((other.high - other.low) / 2, rel=1e-7)
    assert (estimate.level, estimate.n) == (level, values.size)


@given(VALUES, st.floats(-1e3, 1e3), st.floats(0.01, 100))
def test_mean_interval_moves_with_the_values(values, shift, scale):
    """Other units give the same interval in other units; a sign turns it around."""
    before = np.array(ends(mean_interval(values)))
    size = scale * np.abs(before).max() + abs(shift)
    after = ends(mean_interval(scale * values + shift))
    assert after == pytest.approx(
        (scale * before + shift).tolist(), rel=1e-9, abs=1e-9 * size + 1e-300
    )
    assert ends(mean_interval(-values)) == pytest.approx((-before[[0, 2, 1]]).tolist(), abs=1e-9)


def test_one_value_has_no_interval():
    """Its mean is known, its ends are NaN, and text says so."""
    estimate = mean_interval([3.0])
    assert estimate.value == 3.0
    assert all(math.isnan(number) for number in (estimate.low, estimate.high, estimate.error))
    assert str(estimate) == "3 (no interval, n=1)"


def test_equal_values_have_an_interval_without_width():
    """0.1 three times is 0.1, from 0.1 to 0.1."""
    assert ends(mean_interval([0.1, 0.1, 0.1])) == [0.1, 0.1, 0.1]
    assert std([0.1, 0.1, 0.1]) == standard_error([0.1, 0.1, 0.1]) == 0.0


def test_a_large_offset_does_not_widen_the_interval():
    """1e9 + noise has the interval of the noise."""
    noise = np.array([0.5, -0.25, 0.125, 0.0])
    # The ends themselves are rounded to what a float near 1e9 can hold.
    assert mean_interval(1e9 + noise).error == pytest.approx(mean_interval(noise).error, rel=1e-6)


def test_an_estimate_prints_as_it_is_written():
    """Symmetric intervals with ±, others with their ends; the error decides the digits."""
    estimate = Estimate(3.27837, 3.27751, 3.27923, 0.95, "t interval", 13)
    assert str(estimate) == "3.2784 ± 0.0009 (95 % t interval, n=13)"
    estimate = Estimate(0.9, 0.5958, 0.9821, 0.9, "Wilson interval", 10)
    assert str(estimate) == "0.90 [0.60, 0.98] (90 % Wilson interval, n=10)"
    estimate = Estimate(1.5e-7, 1.2e-7, 1.8e-7, 0.95, "t interval", 3)
    assert str(estimate) == "(1.50 ± 0.30)e-7 (95 % t interval, n=3)"
    estimate = Estimate(1.5e-7, 1.4e-7, 1.8e-7, 0.95, "BCa bootstrap interval", 9)
    assert str(estimate) == "1.50e-7 [1.40e-7, 1.80e-7] (95 % BCa bootstrap interval, n=9)"
    assert str(mean_interval([0.1, 0.1])) == "0.1 ± 0 (95 % t interval, n=2)"


def test_the_deviation_divides_by_n_minus_1():
    """Not by n, as NumPy does unless asked."""
    assert std(FEW) == pytest.approx(np.std(FEW, ddof=1), rel=1e-12)
    assert standard_error(FEW) == pytest.approx(stats.sem(FEW), rel=1e-12)
    for function in (std, standard_error, prediction_interval):
        with pytest.raises(EvidenceError, match="at least 2"):
            function([1.0])


@pytest.mark.parametrize(
    "function",
    [
        mean_interval,
        std,
        standard_error,
        prediction_interval,
        olympic_mean,
        iqm,
        bootstrap_interval,
    ],
)
def test_nan_is_never_dropped(function):
    """Functions that summarize refuse NaN."""
    with pytest.raises(EvidenceError, match="1 of the 4 numbers of values are NaN"):
        function([1.0, 2.0, math.nan, 3.0])


@pytest.mark.parametrize("level", [0, 1, 95, -0.1, math.nan])
def test_a_level_is_between_0_and_1(level):
    """Percent are refused."""
    for function in (mean_interval, prediction_interval, iqm):
        with pytest.raises(EvidenceError, match="level"):
            function(FEW, level=level)


def test_a_prediction_interval_holds_the_next_run():
    """Of 20,000 further runs 95 % lie in the interval of those before."""
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(20_000, 6))
    factor = estimates.t_quantile(0.95, 4) * math.sqrt(1 + 1 / 5)
    before, after = draws[:, :5], draws[:, 5]
    half = factor * before.std(axis=1, ddof=1)
    inside = np.abs(after - before.mean(axis=1)) <= half
    assert prediction_interval(before[0]).error == pytest.approx(half[0], rel=1e-12)
    assert inside.mean() == pytest.approx(0.95, abs=0.005)


def test_trimmed_means_are_those_of_scipy():
    """The mean drops k a side; the interval is Yuen's, as in SciPy's trimmed t-test."""
    values = np.random.default_rng(1).normal(size=20)
    for drop in (0, 1, 3, 5):
        estimate = trimmed_mean(values, drop)
        assert estimate.value == pytest.approx(stats.trim_mean(values, drop / 20), rel=1e-12)
        n, h = 20, 20 - 2 * drop
        wins = np.asarray(stats.mstats.winsorize(values, (drop / 20, drop / 20)))
        error = math.sqrt((n - 1) * wins.var(ddof=1) / (h * (h - 1)))
        assert estimate.error == pytest.approx(stats.t.ppf(0.975, h - 1) * error, rel=1e-9)
        assert f"without the {drop} lowest and {drop} highest" in estimate.method
    assert trimmed_mean(values, 0).error == pytest.approx(mean_interval(values).error, rel=1e-12)
    assert iqm(values).value == pytest.approx(stats.trim_mean(values, 0.25), rel=1e-12)
    assert olympic_mean(values) == trimmed_mean(values, 1)


def test_trimming_may_take_infinite_values_away():
    """A run that never got there is dropped if it is among the k, else it is an error."""
    assert trimmed_mean([1.0, 2.0, 3.0, math.inf], 1).value == 2.5
    with pytest.raises(EvidenceError, match="what remains"):
        trimmed_mean([1.0, 2.0, math.inf, math.inf], 1)
    with pytest.raises(EvidenceError, match="at least 5"):
        trimmed_mean([1.0, 2.0, 3.0, 4.0], 2)
    with pytest.raises(EvidenceError, match="drop=-1"):
        trimmed_mean(FEW, -1)
    only = trimmed_mean([1.0, 2.0, 9.0], 1)
    assert only.value == 2.0
    assert math.isnan(only.low)


@given(st.integers(1, 400), st.data())
def test_wilson_is_the_interval_of_scipy(n, data):
    """Also at 0 and n of n, where it ends at 0 and 1 exactly."""
    successes = data.draw(st.integers(0, n))
    estimate = wilson_interval(successes, n, 0.9)
    other = stats.binomtest(successes, n).proportion_ci(0.9, method="wilson")
    assert ends(estimate) == pytest.approx([successes / n, *other], abs=1e-12)
    assert estimate.low > 0 or successes == 0 or estimate.low == pytest.approx(0)
    if successes == 0:
        assert estimate.low == 0.0
    if successes == n:
        assert estimate.high == 1.0


@pytest.mark.parametrize(("successes", "n"), [(3, 2), (-1, 2), (0, 0), (1.0, 2), (1, 2.5)])
def test_wilson_refuses_what_is_no_count(successes, n):
    """Shares, negative counts and more successes than trials."""
    with pytest.raises(EvidenceError, match=r"successes|n="):
        wilson_interval(successes, n)


@pytest.mark.parametrize("method", ["bca", "percentile"])
def test_the_bootstrap_is_that_of_scipy(method):
    """To the bit for the same generator, whether or not the statistic takes an axis."""
    name = "BCa" if method == "bca" else method
    other = stats.bootstrap(
        (FEW,), np.median, method=name, n_resamples=500, rng=np.random.default_rng(7)
    ).confidence_interval
    for statistic in (np.median, lambda values: float(np.median(values))):
        estimate = bootstrap_interval(FEW, statistic, method=method, resamples=500, rng=7)
        assert [estimate.low, estimate.high] == list(other)
    assert estimate.method == f"{name} bootstrap interval"


def test_a_seed_gives_the_same_bits_and_a_generator_goes_on():
    """The same whole number, the same interval; a generator is at another place afterwards."""
    assert bootstrap_interval(FEW, rng=3) == bootstrap_interval(FEW, rng=3)
    values = np.random.default_rng(0).normal(size=20)
    assert bootstrap_interval(values, rng=3) != bootstrap_interval(values, rng=4)
    rng = np.random.default_rng(3)
    assert bootstrap_interval(values, rng=rng) == bootstrap_interval(values, rng=3)
    assert bootstrap_interval(values, rng=rng) != bootstrap_interval(values, rng=3)


def test_batches_do_not_change_the_bootstrap(monkeypatch):
    """How many resamples are made at a time is a matter of memory only."""
    whole = bootstrap_interval(FEW, resamples=1000)
    monkeypatch.setattr(estimates, "CELLS_AT_A_TIME", 37)
    assert bootstrap_interval(FEW, resamples=1000) == whole


def test_where_bca_is_undefined_the_percentile_interval_is_given():
    """And the method says so."""
    values = [1.0, 1.0, 1.0, 1.0, 5.0]
    estimate = bootstrap_interval(values, np.median, resamples=999)
    assert estimate.method == "percentile bootstrap interval (BCa is undefined here)"
    other = bootstrap_interval(values, np.median, method="percentile", resamples=999)
    assert ends(estimate) == ends(other)


def test_the_bootstrap_of_equal_values_and_of_one():
    """No width, and no interval."""
    assert ends(bootstrap_interval([0.1, 0.1, 0.1])) == [0.1, 0.1, 0.1]
    one = bootstrap_interval([2.0], np.median)
    assert one.value == 2.0
    assert math.isnan(one.low)


def test_a_statistic_that_is_undefined_on_a_resample_is_refused():
    """A spread of equal resampled values divides by zero."""
    with pytest.raises(EvidenceError, match=r"no finite number on .* of 500 resamples"):
        bootstrap_interval([1.0, 2.0, 3.0], lambda v: 1 / v.std() if v.std() else math.inf,
                           resamples=500)  # fmt: skip
    with pytest.raises(EvidenceError, match="statistic of the values is nan"):
        bootstrap_interval(FEW, lambda _: math.nan)
    with pytest.raises(EvidenceError, match="did you mean 'percentile'"):
        bootstrap_interval(FEW, method="percentil")


@settings(max_examples=20, deadline=None)
@given(VALUES)
def test_a_percentile_interval_holds_within_the_values(values):
    """Means of resamples lie between the smallest and the largest value."""
    estimate = bootstrap_interval(values, method="percentile", resamples=200)
    slack = 1e-9 * (1 + np.abs(values).max())
    assert values.min() - slack <= estimate.low <= estimate.high <= values.max() + slack
