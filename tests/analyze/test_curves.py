import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from epochal.analyze import alignment, curves
from epochal.analyze.curves import aggregate, align, area, improvement_percent
from epochal.analyze.estimates import iqm, mean_interval
from epochal.core.errors import EvidenceError

STEPS = np.arange(0, 100, 10)


def test_area_reference():
    """The curve that is checked by hand."""
    assert area([0, 10, 20], [0, 1, 1]) == 0.75


def test_area_over_log_steps_counts_early_ones_more():
    """On ln(x) the three points are evenly spaced."""
    assert area([1, 10, 100], [0, 1, 1], log=True) == pytest.approx(0.75)
    assert area([1, 10, 100], [0, 1, 1]) == pytest.approx((4.5 + 90) / 99)


@given(st.floats(-1e6, 1e6), st.lists(st.integers(0, 10**9), min_size=2, max_size=20, unique=True))
def test_area_of_a_constant_is_the_constant(value, steps):
    """Whatever the steps."""
    assert area(sorted(steps), [value] * len(steps)) == pytest.approx(value, rel=1e-12)


@given(
    hnp.arrays(np.float64, st.tuples(st.integers(2, 6), st.just(10)), elements=st.floats(-1e3, 1e3))
)
def test_mean_band_is_the_t_interval_at_each_step(values):
    """Step by step the same as of the single numbers."""
    band = aggregate([(STEPS, row) for row in values])
    assert band.x.tolist() == STEPS.tolist()
    for i, column in enumerate(values.T):
        single = mean_interval(column)
        found = [band.center[i], band.low[i], band.high[i]]
        near = 1e-9 * (1 + np.abs(column).max())
        assert found == pytest.approx([single.value, single.low, single.high], rel=1e-9, abs=near)
    assert (band.n == len(values)).all()
    assert band.method == "mean with 95 % t interval at each step"


@pytest.mark.parametrize("level", [0.5, 0.95])
@pytest.mark.parametrize("missing", [0, 0.4])
def test_range_bands_are_numpys_percentiles(level, missing):
    """Median, interquartile mean and range, over as many runs as have a value."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(9, 10))
    values[rng.random(values.shape) < missing] = math.nan
    values[:, -1] = math.nan
    runs = [(STEPS, row) for row in values]
    median, inner = aggregate(runs, "median", level), aggregate(runs, "iqm", level)
    for i, column in enumerate(values.T[:-1]):
        known = column[~np.isnan(column)]
        tail = (1 - level) / 2
        ends = np.quantile(known, [tail, 1 - tail]) if known.size > 1 else [math.nan] * 2
        assert median.n[i] == inner.n[i] == known.size
        assert [median.low[i], median.high[i]] == pytest.approx(ends, nan_ok=True)
        assert [inner.low[i], inner.high[i]] == pytest.approx(ends, nan_ok=True)
        assert median.center[i] == pytest.approx(np.median(known))
        assert inner.center[i] == pytest.approx(iqm(known).value)
    assert math.isnan(median.center[-1])
    assert math.isnan(inner.center[-1])
    assert median.n[-1] == 0
    percent = {0.5: "50", 0.95: "95"}[level]
    assert (
        median.method == f"median with the range of the middle {percent} % of the runs at each step"
    )


def test_equal_runs_have_a_band_of_no_width():
    """Rounding does not spread them."""
    band = aggregate([(STEPS, np.full(10, 0.1))] * 3)
    assert (band.center == 0.1).all()
    assert (band.low == 0.1).all()
    assert (band.high == 0.1).all()


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_squares_neither_overflow_nor_vanish(scale):
    """A band of numbers far from one is the band of the same numbers near one."""
    values = np.random.default_rng(2).normal(size=(4, 10))
    near, far = (aggregate([(STEPS, row) for row in v]) for v in (values, values * scale))
    assert far.low == pytest.approx(near.low * scale, rel=1e-9)
    assert far.high == pytest.approx(near.high * scale, rel=1e-9)


def test_runs_of_different_lengths_leave_the_band_where_they_end():
    """Their n falls, the steps of the others stay exact, and nothing is said of interpolation."""
    band = aggregate([([0, 10, 20], [1, 2, 3]), ([0, 10], [3, 4]), ([0], [5])])
    assert band.n.tolist() == [3, 2, 1]
    assert band.center.tolist() == [3, 3, 3]
    assert np.isnan(band.low).tolist() == [False, False, True]
    assert "interpolated" not in band.method


def test_runs_begin_where_they_begin():
    """A run that was continued from a checkpoint has no value before its first step."""
    band = aggregate([([0, 10, 20], [1, 2, 3]), ([10, 20], [4, 5])])
    assert band.n.tolist() == [1, 2, 2]
    assert band.center.tolist() == [1, 3, 4]


def test_other_steps_are_interpolated_inside_the_range_only():
    """Own points stay exact; the band says that it joined them."""
    steps, values = align([([0, 20, 40], [0.0, 2.0, 0.1]), ([10, 30], [5.0, 7.0])])
    assert steps.tolist() == [0, 10, 20, 30, 40]
    assert values[0].tolist() == pytest.approx([0.0, 1.0, 2.0, 1.05, 0.1], rel=1e-15)
    assert values[1].tolist() == pytest.approx([math.nan, 5, 6, 7, math.nan], nan_ok=True)
    band = aggregate([([0, 20, 40], [0.0, 2.0, 0.1]), ([10, 30], [5.0, 7.0])])
    assert band.n.tolist() == [1, 2, 2, 2, 1]
    assert band.method.endswith("interpolated inside each run's own range")


@given(st.data())
def test_own_points_stay_to_the_bit(data):
    """However the steps of the others lie between them."""
    runs = []
    for _ in range(data.draw(st.integers(1, 4))):
        x = sorted(data.draw(st.sets(st.integers(0, 10**6), min_size=1, max_size=12)))
        y = data.draw(st.lists(st.floats(-1e9, 1e9), min_size=len(x), max_size=len(x)))
        runs.append((x, y))
    steps, values = align(runs)
    assert set(steps.tolist()) == {float(step) for x, _ in runs for step in x}
    for (x, y), row in zip(runs, values, strict=True):
        assert row[np.searchsorted(steps, x)].tolist() == y
        outside = (steps < x[0]) | (steps > x[-1])
        assert np.isnan(row).tolist() == outside.tolist()


def test_what_is_not_finite_is_missing_and_counted():
    """Between its neighbors too; n drops, and the band says how many points of which run."""
    band = aggregate([
        ([0, 10, 20, 30], [1, math.nan, 3, math.inf]),
        ([0, 5, 10, 20, 30], [2, 2, 2, 2, 2]),
    ])  # fmt: skip
    assert band.x.tolist() == [0, 5, 10, 20, 30]
    assert band.n.tolist() == [2, 1, 1, 2, 1]
    assert band.center.tolist() == [1.5, 2, 2, 2.5, 2]
    assert band.missing == (2, 0)
    assert band.runs == 2


def test_a_run_without_finite_values_counts_for_nothing():
    """It stays among the runs and is in no n."""
    band = aggregate([([0, 10], [math.nan, math.nan]), ([0, 10], [1.0, 2.0])])
    assert band.n.tolist() == [1, 1]
    assert (band.runs, band.missing) == (2, (2, 0))


def test_steps_out_of_order_are_sorted_and_the_last_of_equal_ones_counts():
    """As after a resume that logged a step again."""
    steps, values = align([([0, 10, 20, 10, 20], [1, 2, 3, 4, 5])])
    assert steps.tolist() == [0, 10, 20]
    assert values.tolist() == [[1, 4, 5]]


def test_a_grid_can_be_asked_for():
    """Its steps, and no others."""
    band = aggregate([([0, 10], [0.0, 1.0]), ([0, 10], [2.0, 3.0])], grid=[-5, 2.5, 10, 11])
    assert band.x.tolist() == [-5, 2.5, 10, 11]
    assert band.n.tolist() == [0, 2, 2, 0]
    assert band.center[1:3].tolist() == [1.25, 2.0]
    assert "interpolated" in band.method


def test_blocks_do_not_show(monkeypatch):
    """Long curves are worked on in parts; the result is the same to the bit."""
    rng = np.random.default_rng(3)
    runs = [(np.sort(rng.choice(900, 300, replace=False)), rng.normal(size=300)) for _ in range(5)]
    for statistic in curves.STATISTICS:
        whole = aggregate(runs, statistic)
        monkeypatch.setattr(curves, "COLUMNS_AT_A_TIME", 7)
        parts = aggregate(runs, statistic)
        monkeypatch.undo()
        for name in ("x", "center", "low", "high", "n"):
            assert np.array_equal(getattr(whole, name), getattr(parts, name), equal_nan=True)


def test_far_too_many_different_steps_are_thinned(monkeypatch):
    """To twice those of the longest run, with first and last kept, and the band says so."""
    monkeypatch.setattr(alignment, "MOST_POINTS", 10)
    runs = [(np.arange(50) * 10 + i, np.zeros(50)) for i in range(10)]
    band = aggregate(runs)
    assert band.x.tolist() == [*range(0, 499, 5), 499]
    assert "every 5th step" in band.method
    assert aggregate([(np.arange(50), np.zeros(50))] * 3).x.size == 50


def test_improvement_is_relative_to_the_first_finite_value():
    """Better is positive for either goal, also from a negative start; the rest stays NaN."""
    assert improvement_percent([math.nan, 4, 3, math.inf, 5]) == pytest.approx(
        [math.nan, 0, 25, math.nan, -25], nan_ok=True
    )
    assert improvement_percent([0.5, 0.75], "maximize").tolist() == [0, 50]
    assert improvement_percent([-2, -3]).tolist() == [0, 50]


def test_published_logs(results_data):
    """13 validation curves of two sides: the last mean is the published one."""
    for side, mean in (("this_pr", 3.2783692308), ("baseline", 3.2782461538)):
        folder = results_data / "modded_nanogpt" / "fp8_down" / side
        runs = []
        for log in sorted(folder.glob("*.txt")):
            words = [line.split() for line in log.read_text().splitlines() if "val_loss:" in line]
            steps = [int(line[0].split(":")[1].split("/")[0]) for line in words]
            runs.append((steps, [float(line[1].split(":")[1]) for line in words]))
        band = aggregate(runs)
        assert band.n.tolist() == [13] * 7
        assert band.x[-1] == 1390
        assert band.center[-1] == pytest.approx(mean, abs=5e-11)
        if side == "this_pr":
            assert [band.low[-1], band.high[-1]] == pytest.approx(
                [3.27751378, 3.27922468], abs=5e-9
            )


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: aggregate([]), "no curve"),
        (lambda: align([], grid=[0]), "no curve"),
        (lambda: aggregate([([], [])]), "x of curve 0 has 0 points"),
        (lambda: aggregate([([0], [1.0]), ([0, 1], [1.0])]), "curve 1 has 2 steps and 1 values"),
        (lambda: aggregate([([0, math.nan], [1.0, 2.0])]), "x of curve 0 holds NaN"),
        (lambda: aggregate([[1.0, 2.0, 3.0]]), "curve 0 is no pair"),
        (lambda: aggregate([([0], [1.0])], "meen"), "did you mean 'mean'"),
        (lambda: aggregate([([0], [1.0])], level=95), "level=95"),
        (lambda: aggregate([([0], [1.0])], grid=[1, 1]), "grid must be finite steps that rise"),
        (lambda: area([0], [1.0]), "at least 2"),
        (lambda: area([0, 0], [1.0, 2.0]), "the same step twice"),
        (lambda: area([0, 1], [1.0, math.nan]), "1 of 2 values are NaN or infinite"),
        (lambda: area([0, 1], [1.0, 2.0], log=True), "must be above 0"),
        (lambda: improvement_percent([0.0, 1.0]), "first value of y is 0"),
        (lambda: improvement_percent([math.nan]), "no finite value"),
        (lambda: improvement_percent([1.0], "minimise"), "did you mean 'minimize'"),
    ],
)
def test_wrong_arguments_are_named(call, says):
    """Each error holds the thing and its value."""
    with pytest.raises(EvidenceError, match=says):
        call()
