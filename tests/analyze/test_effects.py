import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from epochal.analyze.effects import cliffs_delta, cohen_d, hedges_g, magnitude, probability_better
from epochal.core.errors import EvidenceError

NUMBERS = st.integers(-50, 50).map(lambda number: number / 4)
SAMPLES = st.lists(NUMBERS, min_size=2, max_size=12)


@given(SAMPLES, SAMPLES)
def test_probability_better_counts_pairs(x, y):
    """Against a comparison of every pair, and against Mann-Whitney's U."""
    a, b = np.array(x)[:, None], np.array(y)[None]
    wins = (a > b).mean() + (a == b).mean() / 2
    assert probability_better(x, y) == pytest.approx(wins)
    u = stats.mannwhitneyu(x, y, method="asymptotic").statistic if len(set(x + y)) > 1 else None
    assert u is None or probability_better(x, y) == pytest.approx(u / (len(x) * len(y)))


@given(SAMPLES, SAMPLES)
def test_effects_turn_around_with_the_samples(x, y):
    """Who is first decides the sign; the goal decides what is better."""
    assert probability_better(x, y) + probability_better(y, x) == pytest.approx(1)
    assert probability_better(x, y, "minimize") == pytest.approx(probability_better(y, x))
    assert cliffs_delta(x, y) == pytest.approx(-cliffs_delta(y, x))
    assert cliffs_delta(x, y) == pytest.approx(2 * probability_better(x, y) - 1)
    assert cohen_d(x, y) == pytest.approx(-cohen_d(y, x))


@given(SAMPLES, SAMPLES, st.integers(-8, 8), st.sampled_from([0.5, 4.0]))
def test_effects_have_no_unit(x, y, shift, scale):
    """Other units give the same effect."""
    moved_x, moved_y = scale * np.array(x) + shift, scale * np.array(y) + shift
    assert cohen_d(moved_x, moved_y) == pytest.approx(cohen_d(x, y))
    assert probability_better(moved_x, moved_y) == probability_better(x, y)


def test_cohen_d_uses_the_pooled_deviation():
    """Also with groups of other sizes, and of one."""
    x, y = np.array([2.0, 4.0, 9.0]), np.array([1.0, 1.5, 2.0, 3.5, 0.0])
    pooled = math.sqrt((2 * x.var(ddof=1) + 4 * y.var(ddof=1)) / 6)
    assert cohen_d(x, y) == pytest.approx((x.mean() - y.mean()) / pooled)
    assert hedges_g(x, y) == pytest.approx(cohen_d(x, y) * (1 - 3 / 23))
    assert cohen_d([5.0], [1.0, 3.0]) == pytest.approx(3 / math.sqrt(2))


def test_effects_without_spread():
    """Equal means have none, others an infinite one; rounding makes no spread."""
    assert cohen_d([0.1, 0.1, 0.1], [0.1, 0.1]) == 0.0
    assert cohen_d([0.2, 0.2], [0.1, 0.1, 0.1]) == math.inf
    assert hedges_g([0.1, 0.1], [0.2, 0.2]) == -math.inf
    assert probability_better([0.1, 0.1], [0.1]) == 0.5


def test_infinite_values_can_be_compared():
    """A run that never reaches its target loses, and ties with another one."""
    assert probability_better([10.0, math.inf], [math.inf, 20.0], "minimize") == 0.625
    with pytest.raises(EvidenceError, match="infinite"):
        cohen_d([1.0, math.inf], [1.0, 2.0])


def test_what_is_no_effect_is_refused():
    """Too few values, NaN, unknown goals."""
    for call, words in (
        (lambda: cohen_d([1.0], [2.0]), "three values"),
        (lambda: hedges_g([1.0, math.nan], [2.0]), "NaN"),
        (lambda: probability_better([], [2.0]), "at least 1"),
        (lambda: probability_better([1.0], [2.0], "max"), "did you mean|none of"),
        (lambda: magnitude(1.5), "between -1 and 1"),
        (lambda: magnitude(math.nan), "between -1 and 1"),
    ):
        with pytest.raises(EvidenceError, match=words):
            call()


def test_words_for_the_size_of_delta():
    """Each bound begins the next word; the sign does not count."""
    words = {0.0: "negligible", 0.146: "negligible", 0.147: "small", 0.33: "medium",
             -0.4: "medium", 0.474: "large", -1.0: "large"}  # fmt: skip
    assert {delta: magnitude(delta) for delta in words} == words
