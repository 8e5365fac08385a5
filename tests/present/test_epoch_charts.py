"""The eleven charts: what they show of a table of epochs, and how they are drawn."""

import itertools
import math
import struct

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from epochal.present.epoch_charts import CHARTS, draw_epoch_chart, save_epoch_charts
from epochal.present.epoch_table import Epochs
from epochal.present.style import DARK

NAMES = (
    "loss_linear loss_log loss_distribution learning_rate grad_norm throughput gpu_memory"
    " ema_divergence epoch_timing loss_derivative training_dashboard"
).split()


def rows(*means, **more):
    """Rows of epochs 1, 2, … with these mean losses and everything that is derived from them."""
    return [
        {
            "epoch": epoch, "loss_mean": mean, "loss_std": 0.1, "loss_min": mean - 0.2,
            "loss_max": mean + 0.2, "loss_median": mean, "lr": 1e-3, "grad_norm": 2.0,
            "batches_per_sec": 4.0, "epoch_time_sec": 10.0, "cumulative_time_sec": 10.0 * epoch,
            **more,
        }
        for epoch, mean in enumerate(means, start=1)
    ]  # fmt: skip


def panels(name, given):
    """What a chart shows."""
    return CHARTS[name].panels(Epochs(given))


def epoch_chart(name, epochs):
    """A chart as a figure of matplotlib's."""
    return draw_epoch_chart(name, epochs).figure


def texts(figure):
    """Every text of a figure, legends included."""
    import matplotlib.text

    return [text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_text()]


def test_names_are_exact():
    """There are eleven charts with the names that scripts expect."""
    assert list(CHARTS) == NAMES


def test_files_are_dark_png_of_180_dpi(tmp_path):
    """All eleven are written into a folder that is made, with the theme and resolution."""
    epochs = Epochs(rows(2.0, 1.0, 1.5))
    charts = {name: draw_epoch_chart(name, epochs) for name in NAMES}
    paths = save_epoch_charts(charts, tmp_path / "plots")
    assert list(paths) == NAMES
    assert sorted(p.name for p in (tmp_path / "plots").iterdir()) == sorted(
        f"{name}.png" for name in NAMES
    )
    data = (tmp_path / "plots" / "loss_linear.png").read_bytes()
    width, height = struct.unpack(">II", data[16:24])
    assert (width, height) == (8 * 180, 4.5 * 180)
    at = data.index(b"pHYs") + 4
    assert round(struct.unpack(">I", data[at : at + 4])[0] * 0.0254) == 180
    assert DARK.background == "#0e1117"
    figure = epoch_chart("grad_norm", Epochs(rows(1.0)))
    assert {tuple(figure.get_facecolor()[:3]), tuple(figure.axes[0].get_facecolor()[:3])} == {
        (14 / 255, 17 / 255, 23 / 255)
    }


def test_drawing_leaves_pyplot_alone():
    """No figure of ours is one of pyplot's, and its settings stay."""
    import matplotlib.pyplot as plt
    from matplotlib import rcParams

    before = dict(rcParams)
    epoch_chart("training_dashboard", Epochs(rows(2.0, 1.0)))
    assert plt.get_fignums() == []
    assert dict(rcParams) == before


def test_loss_has_band_and_best():
    """The band goes from the lowest to the highest batch; the star marks the lowest mean."""
    (panel,) = panels("loss_linear", rows(2.0, 0.5, 1.5))
    _, low, high = panel.band
    assert low.tolist() == [1.8, 0.3, 1.3]
    assert high.tolist() == [2.2, 0.7, 1.7]
    assert panel.best == ("best: 0.5 (epoch 2)", 2.0, 0.5)


def test_distribution_is_one_sigma():
    """The band of the distribution is the mean ± one standard deviation."""
    (panel,) = panels("loss_distribution", rows(2.0, 1.0))
    label, low, high = panel.band
    assert label == "mean ± 1σ"  # noqa: RUF001 - the statistician's letter
    np.testing.assert_allclose(low, [1.9, 0.9])
    np.testing.assert_allclose(high, [2.1, 1.1])


def test_change_says_what_improved():
    """The change since the epoch before is divided into what fell and what rose."""
    (panel,) = panels("loss_derivative", rows(2.0, 0.5, 1.5))
    improving, worsening = panel.bars
    assert panel.x.tolist() == [2.0, 3.0]
    assert (improving.label, improving.y[0]) == ("improving (loss falls)", -1.5)
    assert (worsening.label, worsening.y[1]) == ("worsening (loss rises)", 1.0)
    assert math.isnan(improving.y[1])
    assert math.isnan(worsening.y[0])


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_losses_that_are_no_numbers_are_marked(bad):
    """NaN and infinities are gaps with a mark, are counted in words, and are never the best."""
    given = rows(2.0, bad, 1.0, 1.5)
    (panel,) = panels("loss_linear", given)
    assert panel.non_finite.tolist() == [2.0]
    assert panel.best[1] == 3.0
    assert np.isfinite(panel.lines[0].y).tolist() == [True, False, True, True]
    (change,) = panels("loss_derivative", given)
    assert np.isfinite(change.bars[0].y).tolist() == [False, False, False]
    assert change.bars[1].y[2] == 0.5
    for name in NAMES:
        epoch_chart(name, Epochs(given)).canvas.draw()
    shown = texts(epoch_chart("loss_linear", Epochs(given)))
    assert "× NaN or Inf: 1 epoch" in shown  # noqa: RUF001 - a cross, as it is drawn


def test_only_nan_is_explained():
    """When no epoch has a loss, the panel says so instead of standing there empty."""
    (panel,) = panels("loss_linear", rows(math.nan, math.nan))
    assert panel.empty == "loss_mean was NaN or infinite in every epoch."


def test_one_epoch_is_drawn():
    """One epoch gives points, and one sentence where a second epoch is needed."""
    given = rows(1.0, ema_delta_norm=0.5, samples_per_sec=100.0)
    for name in NAMES:
        epoch_chart(name, Epochs(given)).canvas.draw()
    assert panels("loss_derivative", given)[0].empty.startswith("One epoch has no change")
    assert panels("loss_linear", given)[0].empty == ""


def test_nothing_is_drawn_of_nothing():
    """Without any epoch each panel says so."""
    for name in NAMES:
        assert {panel.empty for panel in panels(name, [])} == {"No epoch has ended yet."}
        epoch_chart(name, Epochs([])).canvas.draw()


def test_what_was_not_measured_is_explained():
    """No GPU, no batch size, no EMA: the panel says what is missing."""
    given = rows(2.0, 1.0)
    assert "No GPU was used" in panels("gpu_memory", given)[0].empty
    assert "batch_size" in panels("throughput", given)[0].empty
    assert "ema_model" in panels("ema_divergence", given)[0].empty
    assert panels("throughput", given)[1].empty == ""
    shown = " ".join(texts(epoch_chart("throughput", Epochs(given)))).replace("\n", " ")
    assert "no batch_size" in shown
    assert "batches/s" in shown


def test_log_axis_says_what_it_cannot_show():
    """A loss at or below zero has no place on a logarithmic axis; the best is not another one."""
    (panel,) = panels("loss_log", rows(2.0, 1.0, -1.0))
    assert panel.remark == "not above zero: 1 epoch"
    assert panel.best is None
    assert "logarithmic axis" in panels("loss_log", rows(-2.0, -1.0))[0].empty


def test_dashboard_has_nine_panels():
    """Three by three; batches stand in where samples cannot be counted."""
    found = panels("training_dashboard", rows(2.0, 1.0))
    assert len(found) == 9
    assert "batches/s" in [panel.y_label for panel in found]
    sized = panels("training_dashboard", rows(2.0, 1.0, samples_per_sec=100.0))
    assert "samples/s" in [panel.y_label for panel in sized]


def test_repeated_epochs_count_once():
    """Of an epoch that was trained twice the later row is shown; epochs are in order."""
    epochs = Epochs([*rows(3.0, 2.0), {"epoch": 1, "loss_mean": 9.0}])
    assert epochs.x.tolist() == [1.0, 2.0]
    assert epochs["loss_mean"].tolist() == [9.0, 2.0]


def test_times_have_a_unit():
    """Long epochs are told in minutes or hours."""
    given = rows(2.0, 1.0, epoch_time_sec=7200.0, cumulative_time_sec=36_000.0)
    each, total = panels("epoch_timing", given)
    assert (each.y_label, each.bars[0].y[0]) == ("minutes", 120.0)
    assert (total.y_label, total.lines[0].y[0]) == ("hours", 10.0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("epochs", [2, 40, 300])
def test_nothing_is_cut_and_no_legend_covers_data(name, epochs):
    """Texts are inside the figure and no panel's own another's; legends are above the axes."""
    rng = np.random.default_rng(epochs)
    losses = (2 * np.exp(-np.arange(epochs) / 9) + 0.1 * rng.random(epochs)).tolist()
    if epochs > 2:
        losses[1] = math.nan
    more = {"samples_per_sec": 123456.0, "ema_delta_norm": 1e-6, "gpu_allocated_mb": 71234.5,
            "gpu_reserved_mb": 80000.0, "gpu_peak_mb": 75000.0}  # fmt: skip
    figure = epoch_chart(name, Epochs(rows(*losses, **more)))
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    inside = figure.bbox.padded(1)
    boxes = [axes.get_tightbbox(renderer) for axes in figure.axes]
    for axes, box in zip(figure.axes, boxes, strict=True):
        assert inside.x0 <= box.x0 < box.x1 <= inside.x1
        assert inside.y0 <= box.y0 < box.y1 <= inside.y1
        legend = axes.get_legend()
        if legend is not None:
            assert legend.get_window_extent(renderer).y0 >= axes.get_window_extent(renderer).y1 - 1
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)
