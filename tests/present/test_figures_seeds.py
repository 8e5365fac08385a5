"""Bands over seeds: mean, interval and n at each point."""

import math

import numpy as np
import pytest

pytest.importorskip("matplotlib")

import epochal
from epochal.analyze.curves import aggregate
from epochal.core.errors import EvidenceError
from epochal.present.figures import seed_bands
from epochal.present.figures.groups import EXACT, bundle, piece_edges
from epochal.present.sources import cleaned

VALUES = [[1.0, 0.8, 0.5], [1.2, 0.7, 0.6], [0.9, 0.9, 0.4]]


def record(folder, curves, **config):
    """Record a run for each curve, with a seed each."""
    for seed, curve in enumerate(curves):
        with epochal.init(project="p", dir=str(folder), sinks=(),
                          config={**config, "seed": seed}) as run:  # fmt: skip
            for step, value in enumerate(curve):
                run.log({"val/loss": value}, step=step)


def test_mean_and_student_interval(tmp_path):
    """At each step they are those of aggregate over the runs."""
    record(tmp_path, VALUES)
    drawn = seed_bands(tmp_path, "val/loss")
    curve = drawn.spec.panels[0].lines[0]
    band = aggregate([(np.arange(3.0), np.array(each)) for each in VALUES])
    np.testing.assert_allclose(curve.y, band.center)
    np.testing.assert_allclose(curve.low, band.low)
    np.testing.assert_allclose(curve.high, band.high)
    # By hand: mean ± t(0.975, 2) · s / √3
    half = 4.302652729911275 * np.std([1.0, 1.2, 0.9], ddof=1) / math.sqrt(3)
    assert curve.high[0] - curve.y[0] == pytest.approx(half)
    assert curve.label == "mean (n = 3)"
    assert "95 % t interval of the mean over the runs" in drawn.caption
    assert "n = 3 runs" in drawn.caption


@pytest.mark.parametrize(("band", "low"), [("std", 1.0333333 - 0.1527525), ("range", 0.9)])
def test_other_bands(tmp_path, band, low):
    """One standard deviation, or smallest to largest."""
    record(tmp_path, VALUES)
    curve = seed_bands(tmp_path, "val/loss", band=band).spec.panels[0].lines[0]
    assert curve.low[0] == pytest.approx(low)


def test_groups_with_their_n(tmp_path):
    """Each setting is a line with its n; a single seed has no band."""
    record(tmp_path, VALUES, lr=0.1)
    record(tmp_path, VALUES[:1], lr=0.2)
    lines = seed_bands(tmp_path, "val/loss").spec.panels[0].lines
    assert [curve.label for curve in lines] == ["lr=0.1 (n = 3)", "lr=0.2 (n = 1)"]
    assert lines[1].low is None


def test_runs_of_other_length_are_counted_at_each_step(tmp_path):
    """Where a run has ended n is less, which the legend and a panel of its own say."""
    record(tmp_path, [*VALUES[:2], VALUES[2][:2]])
    drawn = seed_bands(tmp_path, "val/loss")
    line, counts = drawn.spec.panels[0].lines[0], drawn.spec.panels[1]
    assert line.n.tolist() == [3.0, 3.0, 2.0]
    assert line.label == "mean (n = 2 to 3)"
    assert line.y[2] == pytest.approx(0.55)
    assert counts.lines[0].y.tolist() == [3.0, 3.0, 2.0]


def test_single_runs_can_be_seen(tmp_path):
    """Faint lines behind the mean, one for each run, without legend."""
    record(tmp_path, VALUES)
    lines = seed_bands(tmp_path, "val/loss", each_run=True).spec.panels[0].lines
    assert [curve.faint for curve in lines] == [True, True, True, False]
    assert [curve.label for curve in lines[:3]] == ["", "", ""]


def test_nan_of_one_run_is_no_value_of_the_mean(tmp_path):
    """At that step n is less, and a cross says so."""
    record(tmp_path, [[1.0, math.nan, 0.5], *VALUES[1:]])
    panel = seed_bands(tmp_path, "val/loss").spec.panels[0]
    assert panel.lines[0].n.tolist() == [3.0, 2.0, 3.0]
    assert panel.lines[0].y[1] == pytest.approx(0.8)
    assert panel.non_finite.tolist() == [1.0]


def test_logarithmic_axis_only_where_it_can_be(tmp_path):
    """Values that are not above zero make it linear, and that is said."""
    record(tmp_path / "a", VALUES)
    assert seed_bands(tmp_path / "a", "val/loss", log=True).spec.panels[0].log
    record(tmp_path / "b", [[1.0, -1.0]])
    panel = seed_bands(tmp_path / "b", "val/loss", log=True).spec.panels[0]
    assert not panel.log
    assert "not all values are above zero" in panel.remark


def test_wrong_names_are_said(tmp_path):
    """A metric that no run has, with what is near; a band that is none; a key that is none."""
    record(tmp_path, VALUES)
    with pytest.raises(EvidenceError, match="did you mean 'val/loss'"):
        seed_bands(tmp_path, "val/los")
    with pytest.raises(EvidenceError, match="'sem'"):
        seed_bands(tmp_path, "val/loss", band="sem")
    with pytest.raises(EvidenceError, match="optimiser"):
        seed_bands(tmp_path, "val/loss", by="optimiser")


def test_more_groups_than_can_be_told_apart(tmp_path):
    """Eight are drawn, and the others are named."""
    for lr in range(10):
        record(tmp_path, VALUES[:2], lr=lr)
    drawn = seed_bands(tmp_path, "val/loss")
    assert len(drawn.spec.panels[0].lines) == 8
    assert drawn.spec.notes == ("2 more groups are not drawn: lr=8, lr=9",)


def test_long_curves_are_means_of_the_same_pieces():
    """Curves of thousands of steps are shortened alike, without interpolation, and that is said."""
    steps = np.arange(5000.0)
    curves = [cleaned(steps, np.sin(steps) + seed) for seed in range(3)]
    made = bundle(curves, "range", unit="step")
    assert len(made.x) <= EXACT
    width = 25
    np.testing.assert_allclose(made.each[1], (np.sin(steps) + 1).reshape(-1, width).mean(axis=1))
    assert made.reduced == "each point is the mean of 25 steps"
    assert made.n.tolist() == [3.0] * len(made.x)


def test_pieces_of_whole_steps():
    """Pieces hold a whole number of logged steps, and the last one has the last step."""
    points = [cleaned(np.arange(0.0, 10_001, 10), np.ones(1001))]
    edges = piece_edges(points, most=100, exact=0)
    assert np.unique(np.diff(edges)).tolist() == [110.0]
    assert edges[-1] > 10_000 >= edges[-2]
    assert piece_edges([cleaned(np.arange(5.0), np.ones(5))]) is None
    assert piece_edges([]) is None


def test_another_axis(tmp_path):
    """Any metric may be the x-axis."""
    with epochal.init(project="p", dir=str(tmp_path), sinks=()) as run:
        for step in range(3):
            run.log({"val/loss": 1.0, "tokens": 1000 * step}, step=step)
    panel = seed_bands(run.dir, "val/loss", x="tokens").spec.panels[0]
    assert panel.x_label == "tokens"
    assert panel.lines[0].x.tolist() == [0.0, 1000.0, 2000.0]
