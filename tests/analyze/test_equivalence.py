import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from epochal.analyze.equivalence import regression, regressions, tost
from epochal.analyze.significance import permutation, welch
from epochal.core.errors import EvidenceError

RNG = np.random.default_rng(2)
X, Y = RNG.normal(0.0, 1, 12), RNG.normal(0.1, 1.5, 15)
NUMBERS = st.integers(-100, 100).map(lambda number: number / 8)
SAMPLES = st.lists(NUMBERS, min_size=3, max_size=10)


@pytest.mark.parametrize("margin", [0.5, 1.0, 2.0])
def test_tost_is_two_t_tests_of_scipy(margin):
    """The larger p of "above -margin" and "below +margin"."""
    above = stats.ttest_ind(X + margin, Y, equal_var=False, alternative="greater").pvalue
    below = stats.ttest_ind(X - margin, Y, equal_var=False, alternative="less").pvalue
    assert tost(X, Y, margin).p == pytest.approx(max(above, below), rel=1e-9)
    x, y = X, Y[:12]
    above = stats.ttest_rel(x + margin, y, alternative="greater").pvalue
    below = stats.ttest_rel(x - margin, y, alternative="less").pvalue
    result = tost(x, y, margin, paired=True)
    assert result.p == pytest.approx(max(above, below), rel=1e-9)
    assert result.n == (12,)


@given(SAMPLES, SAMPLES, st.floats(0.1, 30))
def test_equivalent_exactly_if_the_interval_lies_within_the_margin(x, y, margin):
    """At 90 % for alpha 0.05; swapping the samples changes nothing."""
    assume(len(set(x)) > 1 or len(set(y)) > 1)
    result = tost(x, y, margin)
    usual = welch(x, y, level=0.9)
    assert [result.low, result.high] == pytest.approx([usual.low, usual.high], rel=1e-9)
    reach = max(abs(result.low), abs(result.high))
    assume(abs(reach - margin) > 1e-6)
    assert (result.p < 0.05) == (reach < margin)
    assert tost(y, x, margin).p == pytest.approx(result.p, rel=1e-9)


def test_a_wider_margin_is_easier():
    """The p-value falls, towards 0."""
    p = [tost(X, Y, margin).p for margin in (0.01, 0.5, 1.0, 2.0, 50.0)]
    assert p == sorted(p, reverse=True)
    assert p[0] > 0.5
    assert p[-1] < 1e-9


def test_what_shows_no_equivalence_is_refused():
    """A margin of 0, a level in percent, values without spread."""
    for call, words in (
        (lambda: tost(X, Y, 0.0), "margin=0.0"),
        (lambda: tost(X, Y, -1.0), "margin=-1.0"),
        (lambda: tost(X, Y, math.inf), "margin=inf"),
        (lambda: tost(X, Y, 1.0, level=0.4), "above 0.5"),
        (lambda: tost([1.0, 1.0], [1.0, 1.0], 1.0), "no spread"),
        (lambda: tost([1.0], [1.0, 2.0], 1.0), "at least 2"),
        (lambda: tost(X, Y, 1.0, paired=True), "pairs"),
    ):
        with pytest.raises(EvidenceError, match=words):
            call()


def test_statsmodels_agrees():
    """Welch's and the paired form, where statsmodels is installed."""
    weightstats = pytest.importorskip("statsmodels.stats.weightstats")
    for margin in (0.5, 1.5):
        other = weightstats.ttost_ind(X, Y, -margin, margin, usevar="unequal")[0]
        assert tost(X, Y, margin).p == pytest.approx(other)
        other = weightstats.ttost_paired(X, Y[:12], -margin, margin)[0]
        assert tost(X, Y[:12], margin, paired=True).p == pytest.approx(other)


BASE = [3.0, 3.1, 2.9, 3.05, 2.95]


@pytest.mark.parametrize(
    ("new", "margin", "minimize", "maximize"),
    [
        ([4.0, 4.1, 3.9], 0.2, "worse", "better"),
        ([2.0, 2.1, 1.9], 0.2, "better", "worse"),
        ([3.02, 3.1, 2.95, 3.0], 0.3, "equivalent", "equivalent"),
        ([3.02, 3.1, 2.95, 3.0], 0.01, "undecided", "undecided"),
        ([3.3, 3.35, 3.32], 0.5, "equivalent", "equivalent"),  # significant, and within the margin
        ([2.0, 4.5, 5.0], 0.2, "undecided", "undecided"),
        ([3.6], 0.2, "worse", "better"),
        ([3.05], 0.5, "undecided", "undecided"),  # one run shows no equivalence
    ],
)
def test_a_regression_needs_p_and_margin(new, margin, minimize, maximize):
    """Significant and beyond the margin, or shown to be within it, or undecided."""
    for goal, word in (("minimize", minimize), ("maximize", maximize)):
        result = regression(new, BASE, margin, goal=goal)
        assert result.word == word
        assert result.passed == (word in ("better", "equivalent"))
    assert result.difference.value == pytest.approx(np.mean(new) - 3.0)
    assert result.percent == pytest.approx(100 * (np.mean(new) - 3.0) / 3.0)
    assert result.n == (len(new), 5)


def test_one_new_run_is_judged_by_the_prediction_interval():
    """The p-value is below 0.05 exactly outside of mean ± t·std·√(1 + 1/n)."""
    std = np.std(BASE, ddof=1)
    edge = 3.0 + stats.t.ppf(0.975, 4) * std * math.sqrt(1 + 1 / 5)
    assert regression([edge + 1e-6], BASE, 0.01).word == "worse"
    assert regression([edge - 1e-6], BASE, 0.01).word == "undecided"
    result = regression([edge], BASE, 0.01)
    assert result.p == pytest.approx(0.05)
    assert math.isnan(result.p_equivalent)


def test_a_regression_can_use_the_permutation_test():
    """Its p, repeatable by the seed."""
    new = [3.2, 3.3, 3.1]
    result = regression(new, BASE, 0.01, test="permutation", rng=4)
    assert result.p == permutation(new, BASE).p
    assert result == regression(new, BASE, 0.01, test="permutation", rng=4)


def test_several_metrics_are_corrected():
    """Holm over metrics: what one metric alone would claim, several may not."""
    rng = np.random.default_rng(8)
    base = {f"m{i}": rng.normal(0, 1, 10).tolist() for i in range(6)}
    new = {name: (np.array(values[::-1]) + 0.95).tolist() for name, values in base.items()}
    margins = dict.fromkeys(base, 0.1)
    alone = {name: regression(new[name], base[name], 0.1) for name in base}
    found = regressions(new, base, margins)
    assert list(found) == list(base)
    assert all(found[name].p >= alone[name].p for name in base)
    assert sum(r.word == "worse" for r in found.values()) < sum(
        r.word == "worse" for r in alone.values()
    )
    free = regressions(new, base, margins, correction="none", goals={"m0": "maximize"})
    assert free["m1"] == alone["m1"]
    assert free["m0"].word != "worse"


def test_metrics_with_one_new_run_stand_beside_others():
    """Only the metrics that have several new runs are tested for equivalence."""
    base = {"a": BASE, "b": BASE}
    found = regressions({"a": [3.0], "b": [3.0, 3.02, 2.97]}, base, {"a": 1.0, "b": 1.0})
    assert found["a"].word == "undecided"
    assert found["b"].word == "equivalent"
    with pytest.raises(EvidenceError, match="new has no values of 'c'"):
        regressions({"a": [3.0]}, base, {"c": 1.0})
    with pytest.raises(EvidenceError, match="baseline has no values of 'c'"):
        regressions({"c": [3.0]}, base, {"c": 1.0})


def test_a_regression_prints_as_it_is_written():
    """Word, difference, percent, p, margin and n."""
    text = str(regression([79.5, 79.7, 79.8], [80.6, 80.7, 80.7], margin=0.1))
    assert text == "better: -1 (-1.24 %), p = 0.003, margin 0.1 (n=3 new, 3 baseline)"
    assert "%" not in str(regression([0.1, 0.2], [-1.0, 1.0], margin=0.1))


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"goal": "min"}, "goal='min'"),
        ({"test": "welsh"}, "did you mean 'welch'"),
        ({"level": 2}, "level=2"),
    ],
)
def test_a_wrong_argument_is_refused(keywords, words):
    """By name and value."""
    with pytest.raises(EvidenceError, match=words):
        regression([1.0, 2.0], BASE, 0.1, **keywords)


def test_the_sentence_of_equivalence_gives_its_own_p():
    """The p of the difference, 1, would say nothing of why the two are equivalent."""
    found = regression([1.0, 1.2, 1.1], [1.0, 1.2, 1.1], margin=0.5)
    assert found.p == 1
    assert f"p of equivalence = {found.p_equivalent:.3f}" in str(found)
