import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from epochal.analyze import stochastic_order
from epochal.analyze.stochastic_order import almost_stochastic_order
from epochal.core.errors import EvidenceError

SAMPLES = st.lists(st.integers(-20, 20), min_size=2, max_size=8)
A = [0.8213, 0.8250, 0.8190, 0.8301, 0.8244]
B = [0.8101, 0.8150, 0.8133, 0.8087, 0.8199]


def exact(x, y):
    """The ratio by its definition, in fractions, at the middle of each piece."""
    x, y = sorted(x), sorted(y)
    n, m = len(x), len(y)
    ends = sorted({Fraction(i, n) for i in range(n + 1)} | {Fraction(j, m) for j in range(m + 1)})
    against = total = Fraction(0)
    for low, high in pairwise(ends):
        middle = (low + high) / 2
        gap = x[math.floor(middle * n)] - y[math.floor(middle * m)]
        total += gap * gap * (high - low)
        against += gap * gap * (high - low) * (gap < 0)
    return against / total if total else Fraction(1, 2)


@given(SAMPLES, SAMPLES)
def test_the_ratio_is_integrated_exactly(x, y):
    """As fractions give it, whatever the two sizes."""
    result = almost_stochastic_order(x, y, resamples=2)
    assert result.ratio == pytest.approx(float(exact(x, y)), abs=1e-12)


@given(SAMPLES, SAMPLES)
def test_the_ratios_of_both_directions_add_to_one(x, y):
    """And a goal turns them around."""
    there = almost_stochastic_order(x, y, resamples=2).ratio
    assert there + almost_stochastic_order(y, x, resamples=2).ratio == pytest.approx(1)
    turned = almost_stochastic_order(x, y, goal="minimize", resamples=2).ratio
    assert turned == pytest.approx(1 - there)


@given(SAMPLES, SAMPLES, st.integers(-5, 5), st.sampled_from([0.25, 1e-30, 8.0]))
def test_the_order_has_no_unit(x, y, shift, scale):
    """Other units give the same ratio and bound."""
    assume(len(set(x + y)) > 1)
    before = almost_stochastic_order(x, y, resamples=20)
    if scale < 1e-9:
        shift = 0
    after = almost_stochastic_order(
        scale * np.array(x) + shift, scale * np.array(y) + shift, resamples=20
    )
    assert after.ratio == pytest.approx(before.ratio)
    assert after.epsilon == pytest.approx(before.epsilon)


def test_a_small_example_of_deepsig():
    """By its own draws deepsig 1.2.8 gives 0.000746, and 0.9995 on its grid for the reverse."""
    bounds = [almost_stochastic_order(A, B, rng=seed).epsilon for seed in range(5)]
    assert max(bounds) < 0.003
    assert np.mean(bounds) == pytest.approx(0.000746, abs=0.001)
    assert almost_stochastic_order(A, B).better()
    reverse = almost_stochastic_order(B, A)
    assert reverse.ratio == 1.0
    assert reverse.epsilon == pytest.approx(0.999523, abs=0.0005)
    assert not reverse.better(0.5)


def test_equal_samples_have_no_order():
    """0/0 is one half, in both directions."""
    result = almost_stochastic_order([1.0, 2.0, 2.0], [2.0, 1.0, 2.0], resamples=50)
    assert result.ratio == 0.5
    assert not result.better(0.5)
    assert almost_stochastic_order([1.0, 1.0], [1.0, 1.0]).epsilon == 0.5


def test_several_comparisons_ask_for_more_confidence():
    """1 - (1 - c)/k, so 0.9833 for three."""
    found = {k: almost_stochastic_order(A, B, comparisons=k) for k in (1, 2, 3, 10)}
    confidence = {k: round(result.confidence, 4) for k, result in found.items()}
    assert confidence == {1: 0.95, 2: 0.975, 3: 0.9833, 10: 0.995}
    bounds = [result.epsilon for result in found.values()]
    assert bounds == sorted(bounds)


def test_the_bound_is_repeated_by_its_seed(monkeypatch):
    """To the bit, whatever the size of a batch."""
    assert almost_stochastic_order(A, B, rng=3) == almost_stochastic_order(A, B, rng=3)
    assert almost_stochastic_order(A, B, rng=3) != almost_stochastic_order(A, B, rng=4)
    rng = np.random.default_rng(3)
    assert almost_stochastic_order(A, B, rng=rng) == almost_stochastic_order(A, B, rng=3)
    whole = almost_stochastic_order(A, B)
    monkeypatch.setattr(stochastic_order, "CELLS_AT_A_TIME", 100)
    assert almost_stochastic_order(A, B) == whole


def test_what_has_no_order_is_refused():
    """Single values, NaN, infinity, confidence in percent."""
    for call in (
        lambda: almost_stochastic_order([1.0], [1.0, 2.0]),
        lambda: almost_stochastic_order([1.0, math.nan], [1.0, 2.0]),
        lambda: almost_stochastic_order([1.0, math.inf], [1.0, 2.0]),
        lambda: almost_stochastic_order(A, B, confidence=95),
        lambda: almost_stochastic_order(A, B, comparisons=0),
        lambda: almost_stochastic_order(A, B, resamples=1),
        lambda: almost_stochastic_order(A, B, goal="max"),
    ):
        with pytest.raises(EvidenceError):
            call()
