"""What the demo says of losses that are known."""

import random

import numpy as np
import pytest
from scipy import stats

from epochal.demo.intervals import mean_interval, t_quantile
from epochal.demo.plot import curves
from epochal.demo.report import conclusion, harmless


@pytest.mark.parametrize("degrees", [*range(1, 12), 30, 99, 1000])
@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.99])
def test_t_quantiles_are_those_of_scipy(degrees, level):
    """The quantiles for whole degrees of freedom agree with SciPy's."""
    assert t_quantile(level, degrees) == pytest.approx(stats.t.ppf((1 + level) / 2, degrees), 1e-9)


def test_the_interval_is_that_of_scipy():
    """Mean and interval of random values agree with SciPy's; one value has no interval."""
    values = [random.gauss(2.0, 0.1) for _ in range(random.randint(2, 9))]
    mean = mean_interval(values)
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert (mean.low, mean.high) == pytest.approx((expected.low, expected.high))
    assert mean.value == pytest.approx(np.mean(values))
    assert np.isnan(mean_interval([1.0]).low)


def test_a_clear_difference_is_said():
    """Where the interval of the difference leaves out 0, the lower setting is named."""
    says = conclusion({"a": {1: 2.0, 2: 2.1, 3: 2.2}, "b": {1: 1.5, 2: 1.61, 3: 1.69}})
    assert "b ends 0.500 nats below a" in says
    assert "from 3 pairs" in says
    assert "favor b" in says
    assert "table do not overlap" in says


def test_undecided_is_said():
    """Where the interval contains 0, no setting is favored."""
    says = conclusion({"a": {1: 2.0, 2: 2.1, 3: 2.2}, "b": {1: 2.1, 2: 2.0, 3: 2.0}})
    assert "do not decide" in says
    assert "favor" not in says
    assert "table overlap;" in says


def test_pairs_decide_what_single_intervals_do_not():
    """A steady difference below the spread of the seeds is seen, and both facts are said."""
    says = conclusion({"a": {1: 1.0, 2: 2.0, 3: 3.0}, "b": {1: 1.1, 2: 2.11, 3: 3.09}})
    assert "favor a" in says
    assert "table overlap;" in says


def test_only_common_seeds_are_compared():
    """A seed that one setting lacks is left out of the difference; one pair says nothing."""
    assert "from 2 pairs" in conclusion({"a": {1: 1.0, 2: 2.0, 3: 9.0}, "b": {1: 2.0, 2: 2.9}})
    assert "--seeds 3" in conclusion({"a": {1: 1.0}, "b": {1: 2.0}})


def test_equal_losses_are_undecided():
    """Two settings without any difference are not told apart."""
    assert "do not decide" in conclusion({"a": {1: 1.0, 2: 1.0}, "b": {1: 1.0, 2: 1.0}})


def test_curves_fit_and_are_named():
    """The plot keeps to its width and names each curve once, also where they end together."""
    steps = np.arange(1.0, 21.0)
    lines = {"one": (steps, 1 / steps), "other": (steps, 1 / steps + 0.001)}
    text = curves(lines, {}, width=60, rows=8).plain.split("\n")
    assert len(text) == 9
    assert max(map(len, text)) <= 60
    assert sum(" one" in line for line in text) == 1
    assert sum(" other" in line for line in text) == 1
    assert "1.00 ┤" in text[0]


def test_a_flat_curve_is_drawn():
    """Values without any spread are one straight line."""
    text = curves({"flat": ([1, 2], [3.0, 3.0])}, {}, width=40, rows=4).plain
    assert any(0x2800 < ord(char) <= 0x28FF for char in text)


def test_a_sample_cannot_reach_the_terminal():
    """Lines stay lines; every other control character of a model's text is escaped."""
    assert harmless("\n\tdef f():   \n\x1b[2J\r\x07") == "    def f():\n\\x1b[2J\\r\\x07"
