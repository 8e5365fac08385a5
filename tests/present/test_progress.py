"""The figure of four panels that shows how a training goes."""

import math

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from epochal.present.figures.training_progress import MAX_POINTS, draw_progress, progress_panels


def test_four_panels():
    """Loss, accuracy, gradient norm, counts of NaN and Inf, under a title taken literally."""
    steps = [1, 2, 3]
    curves = {
        "loss": (steps, [1.0, 0.5, 0.4]), "accuracy": (steps, [0.1, 0.5, 0.6]),
        "gradient_norm": (steps, [2.0, 1.0, 1.0]), "nan_count": (steps, [0, 0, 2]),
        "inf_count": (steps, [0, 1, 0]),
    }  # fmt: skip
    figure = draw_progress(curves, "r", title="a_b $x_1$ {y}").figure
    figure.canvas.draw()
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["Loss", "Accuracy", "Gradient norm", "NaN and Inf values"]
    assert figure.get_suptitle() == "a_b $x_1$ {y}"
    counts = progress_panels(curves)[3]
    assert [line.label for line in counts.lines] == ["NaN: 2 in all", "Inf: 1 in all"]
    assert counts.lines[0].y.tolist() == [0.0, 0.0, 2.0]


@pytest.mark.parametrize("curves", [{}, {"loss": ([], [])}])
def test_missing_curves_are_explained(curves):
    """A curve that was not logged gives a panel with a sentence."""
    assert [panel.empty for panel in progress_panels(curves)] == [
        "No loss was logged.", "No accuracy was logged.", "No gradient norm was logged.",
        "No counts of NaN and Inf were logged.",
    ]  # fmt: skip
    draw_progress(curves, "r").figure.canvas.draw()


def test_steps_are_put_in_order_and_nan_is_marked():
    """Steps may have been logged in any order; what is not finite is a gap with a mark."""
    loss = progress_panels({"loss": ([3, 1, 2], [0.3, 0.1, math.inf])})[0]
    assert loss.x.tolist() == [1.0, 2.0, 3.0]
    assert loss.non_finite.tolist() == [2.0]
    assert np.isnan(loss.lines[0].y).tolist() == [False, True, False]
    assert (
        progress_panels({"loss": ([1], [math.nan])})[0].empty == "Every loss was NaN or infinite."
    )


def test_long_curves_keep_their_extremes():
    """A million steps are drawn by fewer points, and no spike is lost."""
    steps = np.arange(1_000_000)
    values = np.sin(steps / 1000)
    values[123_456] = 50.0
    values[500] = math.nan
    counts = np.zeros(len(steps))
    counts[77_777] = 4
    curves = {"loss": (steps, values), "nan_count": (steps, counts)}
    panels = progress_panels(curves)
    loss, health = panels[0], panels[3]
    assert len(loss.x) <= MAX_POINTS
    assert loss.lines[0].y.max() == 50.0
    assert loss.non_finite.tolist() == [500.0]
    assert np.nanmax(health.lines[0].y) == 4.0
    draw_progress(curves, "r").figure.canvas.draw()


@pytest.mark.parametrize(
    ("values", "log"), [([1.0, 3.8e9], True), ([1.0, 2.0], False), ([0.0, 1e9], False)]
)
def test_values_of_many_orders_stand_on_a_logarithmic_axis(values, log):
    """A spike does not flatten the curve before it; zeros keep the axis linear."""
    axes = draw_progress({"loss": ([1, 2], values)}, "r").figure.axes[0]
    assert (axes.get_yscale() == "log") is log
    assert ("logarithmic" in axes.get_ylabel()) is log
