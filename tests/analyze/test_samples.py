import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from epochal.analyze import samples
from epochal.core.errors import EvidenceError

ARRAYS = hnp.arrays(np.float64, st.integers(2, 30), elements=st.floats(-1e6, 1e6))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([], "has 0 numbers, at least 1"),
        ([[1.0]], "shape"),
        (3.0, "shape"),
        (["a"], "real numbers"),
        (["1"], "real numbers"),
        ([1j], "real numbers"),
        ([1.0, math.nan], "1 of the 2 numbers of values are NaN"),
        ([1.0, math.inf], "1 of the 2 numbers of values are infinite"),
        ([1e200], "too large"),
        ([10**400], "real numbers"),
    ],
)
def test_what_is_no_sample_is_refused(values, words):
    """An error names what is wrong with values, and a remedy."""
    with pytest.raises(EvidenceError, match=words):
        samples.sample(values)


def test_what_is_a_sample_becomes_floats():
    """Integers, booleans, decimals, half floats and infinities where they are allowed."""
    for values in ([1, 0], [True, False], [Decimal(1), Decimal(0)], np.array([1, 0], np.float16)):
        array = samples.sample(values)
        assert array.dtype == np.float64
        assert array.tolist() == [1.0, 0.0]
    assert samples.sample([math.inf], infinite=True).tolist() == [math.inf]


def test_the_given_array_is_not_changed_or_shared_for_writing():
    """Methods that sort or center do not touch the caller's array."""
    values = np.array([3.0, 1.0, 2.0])
    samples.mean(samples.sample(values))
    samples.deviation(samples.sample(values))
    samples.differences(values, values + 1)
    assert values.tolist() == [3.0, 1.0, 2.0]


@given(ARRAYS)
def test_mean_and_deviation_are_those_of_numpy(values):
    """Centering changes nothing but the last digits."""
    size = np.abs(values).max()
    assert samples.mean(values) == pytest.approx(values.mean(), rel=1e-12, abs=1e-12 * size)
    std = values.std(ddof=1)
    if size > 1e-100:  # below, NumPy's squares are zero
        assert samples.deviation(values) == pytest.approx(std, rel=1e-9, abs=1e-12 * size)


@given(st.floats(-1e9, 1e9), st.integers(2, 40))
def test_equal_values_have_exactly_no_spread(value, n):
    """Rounding in a sum makes no spread where there is none."""
    values = np.full(n, value)
    assert samples.mean(values) == value
    assert samples.deviation(values) == 0.0


def test_a_large_offset_keeps_the_digits():
    """Noise on 1e9 has the deviation it has."""
    noise = np.array([0.5, -0.25, 0.125, 0.0])  # exact on 1e9
    assert samples.mean(1e9 + noise) == 1e9 + noise.mean()
    assert samples.deviation(1e9 + noise) == pytest.approx(noise.std(ddof=1), rel=1e-14)


def test_tiny_differences_have_a_spread():
    """Their squares are zero in double precision; the deviation is not."""
    assert samples.deviation(np.array([1e-200, 3e-200])) == pytest.approx(2**0.5 * 1e-200)


def test_differences_equal_in_decimals_are_equal():
    """0.3 - 0.2, 0.2 - 0.1 and 1.1 - 1.0 are one difference, and 0.1 + 0.2 - 0.3 none."""
    x, y = [0.3, 0.2, 1.1, 0.1 + 0.2], [0.2, 0.1, 1.0, 0.3]
    assert len(set((np.array(x) - np.array(y)).tolist())) == 4
    found = samples.differences(x, y).tolist()
    assert len(set(found[:3])) == 1
    assert found[3] == 0.0
    assert found[0] == pytest.approx(0.1, rel=1e-14)


@given(ARRAYS)
def test_differences_have_opposite_signs_when_swapped(x):
    """Swapped, x - y is -(y - x), also after equal ones were made equal."""
    y = x[::-1].copy()
    assert (samples.differences(x, y) == -samples.differences(y, x)).all()


def test_pairs_need_a_partner():
    """Another number of x than of y is refused."""
    with pytest.raises(EvidenceError, match="x has 2 values and y 1"):
        samples.differences([1.0, 2.0], [1.0])


@pytest.mark.parametrize("rng", [None, -1, 1.5, True, "0", np.random.RandomState(0)])
def test_a_generator_that_cannot_be_repeated_is_refused(rng):
    """Only whole numbers and generators are taken."""
    with pytest.raises(EvidenceError, match="repeated"):
        samples.generator(rng)


def test_a_generator_goes_on_and_a_seed_begins_anew():
    """A generator is used as it is; NumPy's integers are seeds too."""
    rng = np.random.default_rng(3)
    assert samples.generator(rng) is rng
    assert samples.generator(np.int64(3)).random() == np.random.default_rng(3).random()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: samples.one_of("les", samples.ALTERNATIVES, "alternative"), "did you mean 'less'"),
        (lambda: samples.share(95, "level"), "level=95 must lie between 0 and 1"),
        (lambda: samples.share(math.nan, "level"), "level=nan"),
        (lambda: samples.share("0.95", "level"), "level='0.95'"),
        (lambda: samples.positive(0.0, "sigma"), "sigma=0.0"),
        (lambda: samples.positive(math.inf, "sigma"), "sigma=inf"),
        (lambda: samples.whole(2.0, "n"), "n=2.0 must be a whole number"),
        (lambda: samples.whole(0, "n"), "n=0"),
        (lambda: samples.whole(value=True, name="n"), "n=True"),
    ],
)
def test_an_argument_outside_its_range_is_refused(call, words):
    """The message names the argument and its value."""
    with pytest.raises(EvidenceError, match=words):
        call()


def test_pairs_of_different_scale_do_not_lend_each_other_their_rounding():
    """Beside a task of 1e9, a difference of 1e-8 of another one is still a difference."""
    x, y = [1e9 + 1.0, 0.00100001], [1e9, 0.001]
    found = samples.differences(x, y)
    assert found[0] == 1.0
    assert found[1] == pytest.approx(1e-8)


def test_alpha_is_what_is_on_paper():
    """1 - 0.95 is a float above 0.05."""
    assert [samples.alpha_of(level) for level in (0.95, 0.9, 0.99)] == [0.05, 0.1, 0.01]
