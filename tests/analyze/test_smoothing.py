import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochal.analyze.smoothing import debiased_ema, half_life_ema, time_weighted_ema
from epochal.core.errors import EvidenceError

LOSSES = [3.28, 3.30, 3.25, 3.40, 3.22]
VALUES = st.lists(st.floats(-1e6, 1e6) | st.sampled_from([math.nan, math.inf]), max_size=60)


def recursion(x, y, decay):
    """The definition, one point after the other; `decay` of a distance in x."""
    out, total, weight, before = [], 0.0, 0.0, None
    for step, value in zip(x, y, strict=True):
        if not math.isfinite(value):
            out.append(value)
            continue
        a = 1.0 if before is None else decay(step - before)
        total, weight, before = total * a + value, weight * a + 1.0, step
        out.append(total / weight)
    return out


def test_debiased_ema_reference():
    """TensorBoard's own numbers, to all digits given."""
    expected = [3.28, 3.2925, 3.27081633, 3.33018382, 3.28239417]
    assert debiased_ema(LOSSES, 0.6) == pytest.approx(expected, abs=5e-9)


def test_debiased_ema_hands_on_what_is_not_finite():
    """NaN and infinity stay in place and leave the points after them alone."""
    smoothed = debiased_ema([1, math.nan, 3, math.inf, 5], 0.6)
    assert smoothed == pytest.approx(
        [1, math.nan, 2.25, math.inf, 3.65306122], abs=5e-9, nan_ok=True
    )


def test_time_weighted_ema_reference():
    """W&B's numbers, at uneven and at even steps."""
    uneven = time_weighted_ema([0, 10, 20, 40, 80], LOSSES, 0.99)
    even = time_weighted_ema([0, 1, 2, 3, 4], LOSSES, 0.99)
    assert uneven == pytest.approx([3.28, 3.29304138, 3.26937, 3.35544212, 3.23483696], abs=5e-9)
    assert even == pytest.approx([3.28, 3.29556774, 3.26220351, 3.36142017, 3.26007384], abs=5e-9)


def test_time_weighted_ema_of_a_small_weight_changes_nothing():
    """0.6 leaves the reference curve as it is."""
    assert time_weighted_ema([0, 10, 20, 40, 80], LOSSES, 0.6) == pytest.approx(LOSSES, abs=1e-12)


@given(VALUES, st.sampled_from([0.0, 0.3, 0.6, 0.99, 0.9999]))
def test_debiased_ema_is_its_recursion(values, weight):
    """The passes give what the definition gives point by point."""
    expected = recursion(range(len(values)), values, lambda _: weight)
    smoothed = debiased_ema(values, weight)
    assert smoothed == pytest.approx(expected, rel=1e-12, abs=1e-7, nan_ok=True)


@given(VALUES, st.integers(0, 2**32), st.floats(0.1, 1e4))
def test_half_life_ema_is_its_recursion(values, seed, half_life):
    """Uneven steps, some of them equal: the same as point by point."""
    steps = np.cumsum(np.random.default_rng(seed).integers(0, 50, len(values)))
    expected = recursion(steps.tolist(), values, lambda gap: 0.5 ** (gap / half_life))
    smoothed = half_life_ema(steps, values, half_life)
    assert smoothed == pytest.approx(expected, rel=1e-12, abs=1e-7, nan_ok=True)


@given(VALUES.filter(bool), st.floats(0.05, 0.99))
def test_time_weighted_ema_is_its_recursion(values, weight):
    """Its decay is that of the share of the axis between two points."""
    steps = np.cumsum([*range(1, len(values) + 1)])
    base, width = min(math.sqrt(weight), 0.999), max(1, int(steps[-1] - steps[0]))
    expected = recursion(steps.tolist(), values, lambda gap: base ** (gap / width * 1000))
    smoothed = time_weighted_ema(steps, values, weight)
    assert smoothed == pytest.approx(expected, rel=1e-12, abs=1e-7, nan_ok=True)


def test_debiased_ema_is_that_of_pandas():
    """The equivalent that the docstring names."""
    pandas = pytest.importorskip("pandas")
    values = np.random.default_rng(0).normal(size=500)
    values[[3, 4, 77]] = math.nan
    other = pandas.Series(values).ewm(alpha=0.1, adjust=True, ignore_na=True).mean().to_numpy()
    finite = np.isfinite(values)
    assert debiased_ema(values, 0.9)[finite] == pytest.approx(other[finite], rel=1e-12)


@pytest.mark.parametrize("value", [0.1, 3.28, 1e308])
def test_constant_curves_stay_to_the_bit(value):
    """Rounding does not show where there is nothing to smooth."""
    y = [value] * 100
    for smoothed in (debiased_ema(y, 0.99), half_life_ema(range(100), y, 7.0)):
        assert (smoothed == value).all()


def test_sums_of_the_largest_numbers_do_not_overflow():
    """A curve at the end of float64 is smoothed like any other."""
    y = np.array([1.0, 1.7, 1.2, 1.6] * 50)
    assert debiased_ema(y * 1e308, 0.999) == pytest.approx(
        debiased_ema(y, 0.999) * 1e308, rel=1e-12
    )


def test_later_points_change_nothing_before_them():
    """Of the half-life average; that of a share of the axis does change."""
    rng = np.random.default_rng(1)
    x, y = np.arange(300.0), rng.normal(size=300)
    assert (half_life_ema(x, y, 20)[:200] == half_life_ema(x[:200], y[:200], 20)).all()
    assert not np.allclose(
        time_weighted_ema(x, y, 0.99)[:200], time_weighted_ema(x[:200], y[:200], 0.99)
    )


def test_half_life_is_a_half_life():
    """A jump is half way done one half-life after it, whatever the distance of the points."""
    for distance in (1, 5):
        x = np.arange(-5000, 101, distance)
        smoothed = half_life_ema(x, (x > 0).astype(float), 100)
        assert smoothed[-1] == pytest.approx(0.5, abs=1e-6)


def test_inputs_stay_as_they_are():
    """What is returned is a new array, also where nothing changes."""
    y = np.array([1.0, 1.0])
    debiased_ema(y)[0] = 5
    assert y.tolist() == [1.0, 1.0]


def test_empty_curves_are_empty():
    """A chart of a metric without points asks too."""
    assert (
        debiased_ema([]).size
        == half_life_ema([], [], 1).size
        == time_weighted_ema([], []).size
        == 0
    )


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: debiased_ema([1.0], 1.0), "weight=1.0"),
        (lambda: debiased_ema([1.0], math.nan), "weight=nan"),
        (lambda: debiased_ema([[1.0]]), "shape"),
        (lambda: debiased_ema(["a"]), "real numbers"),
        (lambda: debiased_ema([1j]), "real numbers"),
        (lambda: time_weighted_ema([0, 1], [1.0, 2.0], 0), "weight=0"),
        (lambda: time_weighted_ema([1, 0], [1.0, 2.0]), "falls from 1 to 0"),
        (lambda: half_life_ema([0, math.nan], [1.0, 2.0], 1), "NaN or infinity"),
        (lambda: half_life_ema([0, 1], [1.0], 1), "2 steps and 1 values"),
        (lambda: half_life_ema([0, 1], [1.0, 2.0], 0), "half_life=0"),
    ],
)
def test_wrong_arguments_are_named(call, says):
    """Each error holds the thing and its value."""
    with pytest.raises(EvidenceError, match=says):
        call()
