import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from epochal.analyze import nonparametric
from epochal.analyze.significance import (
    TestResult,
    known_sigma,
    mann_whitney,
    mcnemar,
    one_sample,
    paired_permutation,
    paired_t,
    permutation,
    smallest_p,
    student,
    welch,
    wilcoxon,
)
from epochal.core.errors import EvidenceError

SIDES = ("two-sided", "less", "greater")
OTHER = {"two-sided": "two-sided", "less": "greater", "greater": "less"}
NUMBERS = st.integers(-1000, 1000).map(lambda number: number / 8)  # exact, with ties
VALUES = hnp.arrays(np.float64, st.integers(2, 6), elements=NUMBERS)
UNPAIRED = (welch, student, mann_whitney, permutation)
PAIRED = (paired_t, wilcoxon, paired_permutation)
RNG = np.random.default_rng(5)
X, Y = RNG.normal(0.0, 1, 9), RNG.normal(0.8, 2, 7)
PAIRS = RNG.normal(0, 1, (2, 9))


def same(result: TestResult, other, rel: float = 1e-9) -> None:
    """Asserts statistic and p of SciPy."""
    assert result.statistic == pytest.approx(other.statistic, rel=rel)
    assert result.p == pytest.approx(other.pvalue, rel=rel)


@pytest.mark.parametrize("alternative", SIDES)
@pytest.mark.parametrize(("test", "equal"), [(welch, False), (student, True)])
def test_t_tests_of_two_means_are_those_of_scipy(test, equal, alternative):
    """Statistic, p, degrees of freedom and interval."""
    result = test(X, Y, alternative=alternative, level=0.9)
    other = stats.ttest_ind(X, Y, equal_var=equal, alternative=alternative)
    same(result, other)
    interval = other.confidence_interval(0.9)
    assert [result.low, result.high] == pytest.approx([interval.low, interval.high], rel=1e-9)
    assert result.df == pytest.approx(other.df, rel=1e-9)
    assert (result.n, result.alternative) == ((9, 7), alternative)


@pytest.mark.parametrize("alternative", SIDES)
def test_t_tests_of_one_mean_and_of_pairs_are_those_of_scipy(alternative):
    """The interval is of the difference to the target."""
    result, other = (
        one_sample(X, 0.3, alternative),
        stats.ttest_1samp(X, 0.3, None, "propagate", alternative),
    )
    same(result, other)
    interval = other.confidence_interval()
    ends = [interval.low - 0.3, interval.high - 0.3]
    assert [result.low, result.high] == pytest.approx(ends, rel=1e-9)
    x, y = PAIRS
    result = paired_t(x, y, alternative=alternative)
    other = stats.ttest_rel(x, y, alternative=alternative)
    same(result, other)
    interval = other.confidence_interval()
    assert [result.low, result.high] == pytest.approx([interval.low, interval.high], rel=1e-9)
    assert (result.n, result.df) == ((9,), 8)


@pytest.mark.parametrize("alternative", SIDES)
def test_rank_tests_are_those_of_scipy(alternative):
    """Exact without ties, normal with many values."""
    same(
        mann_whitney(X, Y, alternative=alternative),
        stats.mannwhitneyu(X, Y, alternative=alternative),
    )
    x, y = np.round(RNG.normal(0, 1, (2, 40)), 1)
    same(
        mann_whitney(x, y, alternative=alternative),
        stats.mannwhitneyu(x, y, alternative=alternative),
    )
    same(wilcoxon(*PAIRS, alternative=alternative), stats.wilcoxon(*PAIRS, alternative=alternative))
    x, y = RNG.integers(0, 6, (2, 30)).astype(float)
    for zeros in ("wilcox", "pratt", "zsplit"):
        same(
            wilcoxon(x, y, zero_method=zeros, alternative=alternative),
            stats.wilcoxon(x, y, zero_method=zeros, alternative=alternative),
        )


@pytest.mark.parametrize("alternative", SIDES)
def test_exact_permutation_tests_are_those_of_scipy(alternative):
    """All relabelings, where there are few."""

    def statistic(x, y, axis):
        return np.mean(x, axis=axis) - np.mean(y, axis=axis)

    for kind, test, data in (
        ("independent", permutation, (X, Y)),
        ("samples", paired_permutation, tuple(PAIRS)),
    ):
        other = stats.permutation_test(
            data, statistic, permutation_type=kind, alternative=alternative, n_resamples=math.inf
        )
        same(test(*data, alternative=alternative), other)
    assert permutation(X, Y).method == "permutation test (all 11,440 relabelings)"


@pytest.mark.parametrize("test", [*UNPAIRED, *PAIRED])
@given(VALUES, st.data())
@settings(max_examples=25, deadline=None)
def test_swapping_the_samples_swaps_the_sides(test, x, data):
    """Two-sided p stays, one-sided ones change places, the interval changes sign."""
    y = data.draw(hnp.arrays(np.float64, x.size, elements=NUMBERS))
    gaps = x - y if test in PAIRED else np.concatenate([x - x[0], y - y[0]])
    assume(np.ptp(gaps) > 0)
    for side in SIDES:
        result, turned = test(x, y, alternative=side), test(y, x, alternative=OTHER[side])
        assert result.p == pytest.approx(turned.p, rel=1e-9)
        ends = [-turned.high, -turned.low]
        assert [result.low, result.high] == pytest.approx(ends, rel=1e-9, nan_ok=True)
        assert 0 <= result.p <= 1
        assert result.p >= result.smallest_p * (1 - 1e-9) or test is wilcoxon  # normal with ties


@pytest.mark.parametrize("test", [*UNPAIRED, *PAIRED])
@given(VALUES, st.data(), st.integers(-64, 64), st.sampled_from([0.25, 2.0, 1024.0]))
@settings(max_examples=25, deadline=None)
def test_other_units_give_the_same_p(test, x, data, shift, scale):
    """No test depends on the zero or on the unit of a metric."""
    y = data.draw(hnp.arrays(np.float64, x.size, elements=NUMBERS))
    gaps = x - y if test in PAIRED else np.concatenate([x - x[0], y - y[0]])
    assume(np.ptp(gaps) > 0)
    moved = test(scale * x + shift, scale * y + shift)
    assert moved.p == pytest.approx(test(x, y).p, rel=1e-9)


@pytest.mark.parametrize("test", [welch, student, permutation])
def test_a_large_offset_does_not_change_p(test):
    """1e9 + noise gives the p of the noise, as far as floats near 1e9 hold the noise."""
    x, y = np.round(X * 1024) / 1024, np.round(Y * 1024) / 1024
    assert test(1e9 + x, 1e9 + y).p == pytest.approx(test(x, y).p, rel=1e-9)


@pytest.mark.parametrize(
    "call",
    [
        lambda: welch([0.1, 0.1, 0.1], [0.1, 0.1]),
        lambda: welch([0.1, 0.1, 0.1], [0.2, 0.2]),
        lambda: student([0.1, 0.1], [0.2]),
        lambda: one_sample([0.1, 0.1, 0.1], 0.1),
        lambda: paired_t([0.3, 0.2, 1.1], [0.2, 0.1, 1.0]),
    ],
)
def test_without_spread_a_t_test_says_nothing(call):
    """Equal values are no evidence of anything: p would be 0 or 0/0."""
    with pytest.raises(EvidenceError, match=r"no spread to test against: all \d"):
        call()


def test_spread_on_one_side_is_enough():
    """Welch's degrees of freedom are then those of that side."""
    result = welch([1.0, 1.0, 1.0], [2.0, 2.5, 3.5])
    assert result.df == pytest.approx(2)
    assert result.p == pytest.approx(one_sample([2.0, 2.5, 3.5], 1.0).p, rel=1e-9)


def test_the_same_sample_twice_is_no_difference():
    """Its p is 1 for every test that is defined."""
    for test in (welch, student, mann_whitney, permutation, paired_permutation):
        assert test(X, X).p == pytest.approx(1.0)
    with pytest.raises(EvidenceError, match="all 9 pairs are equal"):
        wilcoxon(X, X)
    for test in (mann_whitney, permutation, paired_permutation):
        assert test([0.1, 0.1, 0.1], [0.1, 0.1, 0.1]).p == 1.0


def test_infinite_values_have_ranks_and_no_mean():
    """A censored time is larger than all others, and equal to another censored one."""
    x, y = [10.0, 12.0, math.inf, math.inf], [20.0, 30.0, math.inf, 5.0]
    finite = [value if value < math.inf else 1e6 for value in x]
    assert mann_whitney(x, y).p == mann_whitney(finite, [20.0, 30.0, 1e6, 5.0]).p
    assert mann_whitney([-math.inf], [math.inf]).statistic == 0.0
    for test in (welch, student, permutation, paired_t, wilcoxon, paired_permutation):
        with pytest.raises(EvidenceError, match="infinite: use a method of ranks"):
            test(x, y)


@pytest.mark.parametrize("test", [*UNPAIRED, *PAIRED, mcnemar])
def test_nan_is_refused(test):
    """Every test says how many there are, and in which sample."""
    with pytest.raises(EvidenceError, match="1 of the 3 numbers of y are NaN"):
        test([1.0, 2.0, 4.0], [1.0, math.nan, 3.0])


@pytest.mark.parametrize("test", [*UNPAIRED, *PAIRED])
def test_a_side_that_does_not_exist_is_refused(test):
    """With the nearest that does."""
    with pytest.raises(EvidenceError, match="did you mean 'greater'"):
        test([1.0, 2.0, 4.0], [1.5, 1.0, 3.0], alternative="greate")


def test_too_few_values_are_refused():
    """Welch needs two a side, Student three in all, pairs as many of each."""
    for call, words in (
        (lambda: welch([1.0], [1.0, 2.0]), "x has 1 numbers, at least 2"),
        (lambda: student([1.0], [2.0]), "three values in all"),
        (lambda: one_sample([1.0], 2.0), "at least 2"),
        (lambda: paired_t([1.0], [2.0]), "at least 2"),
        (lambda: paired_t([1.0, 2.0, 3.0], [2.0, 1.0]), "x has 3 values and y 2"),
        (lambda: mann_whitney([], [2.0]), "at least 1"),
        (lambda: permutation([1.0], [2.0, 3.0]), "at least 2"),
        (lambda: paired_permutation([1.0], [2.0]), "at least 2"),
    ):
        with pytest.raises(EvidenceError, match=words):
            call()
    assert student([1.0], [2.0, 2.5, 3.0]).n == (1, 3)


@pytest.mark.parametrize("alternative", SIDES)
def test_the_smallest_p_is_what_separate_samples_reach(alternative):
    """And no sample gives less."""
    for n, m in ((2, 2), (3, 3), (3, 5), (6, 6)):
        high, low = np.arange(10.0, 10 + n), np.arange(m, dtype=float)
        x, y = (low, high) if alternative == "less" else (high, low)
        n_x, n_y = len(x), len(y)
        for test in (mann_whitney, permutation):
            least = smallest_p(test.__name__, n_x, n_y, alternative=alternative)
            result = test(x, y, alternative=alternative)
            assert result.p == pytest.approx(least)
            assert result.smallest_p == pytest.approx(least)
    for n in (2, 3, 5, 10):
        x = np.arange(1.0, n + 1) ** 2
        sides = (x, 0 * x) if alternative != "less" else (0 * x, x)
        for test in (wilcoxon, paired_permutation):
            least = smallest_p(test.__name__, n, alternative=alternative)
            assert test(*sides, alternative=alternative).p == pytest.approx(least)


def test_what_cannot_be_reached_is_known():
    """Mann-Whitney at 3 against 3 cannot be below 0.05."""
    result = mann_whitney([1.0, 2.0, 3.0], [4.0, 5.0, 6.0])
    assert not result.can_reach(0.05)
    assert result.can_reach(0.2)
    assert welch(X, Y).can_reach(1e-9)
    assert smallest_p("welch", 2, 2) == 0.0
    with pytest.raises(EvidenceError, match="did you mean 'wilcoxon'"):
        smallest_p("wilcoxen", 3)
    with pytest.raises(EvidenceError, match="needs n_y"):
        smallest_p("mann_whitney", 3)


def test_equal_values_do_not_make_mann_whitney_reach_more():
    """SciPy's normal form gives 0.07 at 3 against 3 with ties; the exact p is 0.1."""
    x, y = [1.0, 1.0, 2.0], [3.0, 3.0, 4.0]
    assert stats.mannwhitneyu(x, y).pvalue < 0.08
    assert mann_whitney(x, y).p == pytest.approx(0.1)


@given(st.lists(st.integers(0, 4), min_size=2, max_size=6), st.data())
@settings(max_examples=40, deadline=None)
def test_mann_whitney_with_ties_counts_all_relabelings(x, data):
    """Against a count by hand over all ways to choose the first sample."""
    from itertools import combinations

    y = data.draw(st.lists(st.integers(0, 4), min_size=2, max_size=6))
    both = np.array(x + y, dtype=float)
    assume(len(set(both)) > 1)
    rank = stats.rankdata(both)
    sums = np.array([rank[list(chosen)].sum() for chosen in combinations(range(both.size), len(x))])
    observed = rank[: len(x)].sum()
    tails = ((sums <= observed).mean(), (sums >= observed).mean())
    if len(set(both)) == both.size:
        return  # without ties SciPy's exact form is used, compared above
    assert mann_whitney(x, y).p == pytest.approx(min(1, 2 * min(tails)))
    assert mann_whitney(x, y, alternative="less").p == pytest.approx(tails[0])


def test_differences_equal_in_decimals_share_a_rank():
    """Three differences of 0.1 and one of 0.3 tie as they do on paper."""
    x, y = [0.3, 0.2, 1.1, 0.9], [0.2, 0.1, 1.0, 1.2]
    assert wilcoxon(x, y).statistic == 4.0  # the only negative one has rank 4
    assert wilcoxon(x, y).p == wilcoxon([1, 1, 1, 0], [0, 0, 0, 3]).p


@pytest.mark.parametrize("test", [permutation, paired_permutation])
def test_random_relabelings_are_repeated_by_their_seed(test):
    """To the bit, whatever the size of a batch; p is never 0."""
    x, y = RNG.normal(0, 1, (2, 30))
    x[:] += 5
    result = test(x, y, resamples=500, rng=1)
    again = test(x, y, resamples=500, rng=np.random.default_rng(1))
    assert repr(result) == repr(again)  # NaN has an equal text, but is not equal
    assert result.p == result.smallest_p == pytest.approx(2 / 501)
    assert "500 random relabelings" in result.method
    a, b = RNG.normal(0, 1, (2, 30))
    assert len({test(a, b, resamples=500, rng=seed).p for seed in range(10)}) > 1


def test_batches_do_not_change_a_permutation_test(monkeypatch):
    """How many relabelings are made at a time is a matter of memory only."""
    x, y = RNG.normal(0, 1, (2, 20))
    whole = [repr(test(x, y, resamples=300)) for test in (permutation, paired_permutation)]
    monkeypatch.setattr(nonparametric, "CELLS_AT_A_TIME", 400)
    parts = [repr(test(x, y, resamples=300)) for test in (permutation, paired_permutation)]
    assert parts == whole


def test_relabelings_with_the_same_sum_count_as_equal():
    """Four decimals, where sums differ by rounding: p is that of the same numbers as integers."""
    x = np.array([32791, 32773, 32783, 32775, 32781, 32775])
    y = np.array([32817, 32796, 32778, 32802, 32775, 32767])
    assert permutation(x / 1e4, y / 1e4).p == pytest.approx(permutation(x, y).p, rel=1e-12)
    assert paired_permutation(x / 1e4, y / 1e4).p == pytest.approx(paired_permutation(x, y).p)


@pytest.mark.parametrize("alternative", SIDES)
@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 5))
@settings(max_examples=25, deadline=None)
def test_mcnemar_is_a_binomial_test(alternative, b, c, both):
    """Of the examples that only one model gets right, against one half."""
    assume(b + c > 0)
    x, y = [1] * b + [0] * c + [1] * both, [0] * b + [1] * c + [1] * both
    result = mcnemar(x, y, alternative=alternative)
    other = stats.binomtest(b, b + c, 0.5, alternative=alternative)
    assert result.p == pytest.approx(other.pvalue, rel=1e-9)
    assert (result.statistic, result.n) == (b, (b + c + both,))


def test_mcnemar_takes_right_and_wrong_only():
    """And the same examples; models that never differ have p 1."""
    assert mcnemar([True, False], [True, False]).p == 1.0
    assert mcnemar([True, False], [True, False]).smallest_p == 1.0
    with pytest.raises(EvidenceError, match="1 where the model is right"):
        mcnemar([0.5, 1], [0, 1])
    with pytest.raises(EvidenceError, match="same test set"):
        mcnemar([0, 1, 1], [0, 1])


def test_known_spread_makes_a_z_test():
    """One run is enough; the interval is of the difference."""
    result = known_sigma(-1.0, 2.0, 4, 4)
    z = -1.0 / (2 * math.sqrt(0.5))
    assert result.statistic == pytest.approx(z)
    assert result.p == pytest.approx(2 * stats.norm.cdf(z))
    assert result.high == pytest.approx(-1 + stats.norm.ppf(0.975) * 2 * math.sqrt(0.5))
    assert result.df is None
    assert known_sigma(-1.0, 2.0, 4, 4, alternative="less").p == pytest.approx(stats.norm.cdf(z))
    for call in (
        lambda: known_sigma(math.nan, 1.0, 1),
        lambda: known_sigma(1.0, 0.0, 1),
        lambda: known_sigma(1.0, 1.0, 0),
    ):
        with pytest.raises(EvidenceError):
            call()


def test_a_result_prints_as_it_is_written():
    """Name, side, p, statistic and n."""
    text = str(welch([3.1, 3.2, 3.3], [3.5, 3.6, 3.8], alternative="less"))
    assert text == "Welch's t-test, one-sided (less): p = 0.0099 (-4.111, df 3.448, n=3 and 3)"
    assert "p < 0.001" in str(welch([1.0, 1.1, 1.2], [9.0, 9.1, 9.2]))


def test_statsmodels_agrees():
    """Welch, pooled t and McNemar, where statsmodels is installed."""
    weightstats = pytest.importorskip("statsmodels.stats.weightstats")
    tables = pytest.importorskip("statsmodels.stats.contingency_tables")
    for test, spread in ((welch, "unequal"), (student, "pooled")):
        statistic, p, df = weightstats.ttest_ind(X, Y, usevar=spread)
        result = test(X, Y)
        assert (result.statistic, result.p, result.df) == pytest.approx((statistic, p, df))
    other = tables.mcnemar([[3, 9], [2, 5]], exact=True)
    x, y = [1] * 3 + [1] * 9 + [0] * 2 + [0] * 5, [1] * 3 + [0] * 9 + [1] * 2 + [0] * 5
    assert mcnemar(x, y).p == pytest.approx(other.pvalue)


def test_sums_that_are_equal_on_paper_tie_on_a_large_offset_too():
    """Values of one decimal keep their p when 1e6 is added, though their rounding is coarser."""
    x = np.array([0.1, 0.4, 0.2, 0.9, 0.3, 0.5, 0.7])
    y = np.array([0.3, 0.3, 0.6, 0.8, 0.5, 0.2, 0.9])
    for test in (permutation, paired_permutation):
        assert test(x + 1e6, y + 1e6).p == test(x, y).p


def test_one_value_against_several_with_ties():
    """A single value has its rank among the others, also where some are equal."""
    assert mann_whitney([3.0], [1.0, 1.0, 2.0]).p == 0.5
    assert mann_whitney([3.0], [1.0, 1.0, 2.0], alternative="greater").p == 0.25
    less = mann_whitney([1.0, 1.0, 2.0], [3.0], alternative="less")
    assert (less.statistic, less.p, less.smallest_p) == (0.0, 0.25, 0.25)
    assert mann_whitney([1.0], [1.0, 2.0]).p == 1.0
