"""Figures of how trainings went: curves, distribution, learning rate, gradients by layer."""

import math

import numpy as np
import pytest

pytest.importorskip("matplotlib")

import epochal
from epochal import measure
from epochal.core.errors import EvidenceError
from epochal.present.figures import (
    gradient_flow,
    learning_rate,
    loss_distribution,
    training_curves,
)
from epochal.present.whence import whence

PANELS = ["Loss", "Learning rate", "Gradient norm", "Loss improvement"]


def record(folder, rows, name="one", **more):
    """Record rows of (metrics, step), and return the run's folder."""
    with epochal.init(project="p", name=name, dir=str(folder), sinks=(), **more) as run:
        for values, step in rows:
            run.log(values, step=step)
    return run.dir


def rows(steps, offset=0.0):
    """Return a training of so many steps."""
    wave = [0.1 * math.sin(step) for step in range(steps)]
    return [
        ({"train/loss": 2.0 / (1 + s) + 0.5 + wave[s] + offset, "val/loss": 2.5 / (1 + s) + offset,
          "lr": 1e-3 / (1 + s), "gradients/norm": 3.0 + wave[s], "gradients/norm_max": 1.0}, s)
        for s in range(steps)
    ]  # fmt: skip


def test_four_panels(tmp_path):
    """Loss with its spread, learning rate, gradient norm and improvement; saved as PDF and PNG."""
    run = record(tmp_path, rows(300))
    drawn = training_curves(run, path=tmp_path / "out" / "training_curves")
    panels = drawn.spec.panels
    assert [panel.title for panel in panels] == PANELS
    assert [curve.label for curve in panels[0].lines] == ["training", "validation"]
    assert panels[0].lines[0].low is not None
    assert [curve.label for curve in panels[2].lines] == ["all gradients", "largest tensor"]
    assert (tmp_path / "out" / "training_curves.pdf").exists()
    assert whence(tmp_path / "out" / "training_curves.png").figure == "training_curves"
    assert "One run (one)" in drawn.caption
    assert "± one standard deviation over the values of each piece" in drawn.caption
    assert "each point is the mean of 10 steps" in drawn.caption


def test_the_band_of_one_run_is_that_of_its_steps(tmp_path):
    """Each point is mean and sample standard deviation of ten steps."""
    run = record(tmp_path, rows(300))
    curve = training_curves(run).spec.panels[0].lines[0]
    values = np.array([values["train/loss"] for values, _ in rows(300)]).reshape(30, 10)
    np.testing.assert_allclose(curve.y, values.mean(axis=1))
    np.testing.assert_allclose(curve.high - curve.y, values.std(axis=1, ddof=1))
    improvement = training_curves(run).spec.panels[3].lines[0]
    np.testing.assert_allclose(improvement.y, 100 * (curve.y[0] - curve.y) / curve.y[0])


def test_epochs_are_means_of_their_steps(tmp_path):
    """By epoch a point is mean and standard deviation of the epoch's steps; n counts runs."""
    for seed in range(2):
        with epochal.init(project="p", dir=str(tmp_path), config={"seed": seed}) as run:
            for step in range(12):
                run.log({"train/loss": float(step % 4 + seed)}, step=step, epoch=step // 4)
                if step % 4 == 3:
                    run.log({"val/loss": 1.0}, step=step, epoch=step // 4)
    drawn = training_curves(run.dir, x="epoch")
    train, val = drawn.spec.panels[0].lines
    assert train.x.tolist() == val.x.tolist() == [0.0, 1.0, 2.0]
    assert train.y.tolist() == [2.5] * 3
    np.testing.assert_allclose(train.high - train.y, np.std([0, 1, 2, 3], ddof=1))
    assert "each point is the mean of an epoch" in drawn.caption
    both = training_curves(tmp_path, x="epoch").spec.panels[0].lines[0]
    assert both.y.tolist() == [2.0] * 3
    assert both.n.tolist() == [2.0] * 3
    loss_distribution(tmp_path, x="epoch").figure.canvas.draw()


def test_seeds_are_one_curve_with_the_band_over_runs(tmp_path):
    """Mean and standard deviation over the runs at each step, with their number."""
    for seed in range(3):
        record(tmp_path, rows(20, seed), f"s{seed}", config={"seed": seed})
    drawn = training_curves(tmp_path)
    train = drawn.spec.panels[0].lines[0]
    assert train.label == "training (n = 3)"
    assert train.n.tolist() == [3.0] * 20
    np.testing.assert_allclose(train.y, [v["train/loss"] for v, _ in rows(20, 1.0)])
    np.testing.assert_allclose(train.high - train.y, 1.0)
    assert drawn.spec.panels[1].lines[0].low is None  # the same in all runs
    assert "Lines: mean over n = 3 runs" in drawn.caption


def test_groups_have_a_line_each(tmp_path):
    """Settings are told apart by style, with one legend; a run that failed is left out by name."""
    for lr in (0.1, 0.2):
        for seed in range(2):
            config = {"lr": lr, "seed": seed}
            record(tmp_path, rows(30, lr), f"{lr}-{seed}", config=config)
    with (
        pytest.raises(ZeroDivisionError),
        epochal.init(project="p", name="broken", dir=str(tmp_path), config={"lr": 0.2, "seed": 9}),
    ):
        raise ZeroDivisionError
    drawn = training_curves(tmp_path)
    assert [curve.label for curve in drawn.spec.panels[0].lines] == [
        "lr=0.1 (n = 2)", "lr=0.2 (n = 2)",
    ]  # fmt: skip
    assert [curve.style for curve in drawn.spec.panels[2].lines] == [0, 1]
    assert any("broken" in note for note in drawn.spec.notes)
    assert len(drawn.figure.legends) == 1


def test_names_of_other_loggers(tmp_path):
    """Metrics are found by what they are, not by one name; epoch rows bring their own spread."""
    with epochal.init(project="p", dir=str(tmp_path), sinks=()) as run:
        for epoch in range(5):
            run.log({"loss_mean": 1.0 / (1 + epoch), "loss_std": 0.1, "lr": 0.1, "grad_norm": 2.0},
                    step=epoch, epoch=epoch)  # fmt: skip
    panels = training_curves(run.dir, x="epoch").spec.panels
    assert [bool(panel.empty) for panel in panels] == [False] * 4
    train = panels[0].lines[0]
    np.testing.assert_allclose(train.high - train.low, 0.2)
    renamed = record(tmp_path, [({"my/objective": 1.0}, 0), ({"my/objective": 0.5}, 1)], "named")
    found = training_curves(renamed, names={"train_loss": "my/objective"}).spec.panels
    assert found[3].lines[0].y.tolist() == [0.0, 50.0]


def test_what_is_missing_is_explained(tmp_path):
    """A run without losses or rates has panels that say what to log."""
    panels = training_curves(record(tmp_path, [({"bleu": 1.0}, 0)])).spec.panels
    assert all(panel.empty for panel in panels)
    assert "log gradients/norm" in panels[2].empty
    only = record(tmp_path, [({"train/loss": math.nan}, step) for step in range(3)], "nan")
    assert training_curves(only).spec.panels[0].empty.startswith("Every value of train/loss")


@pytest.mark.parametrize("steps", [1, 2, 39, 41, 401])
def test_any_number_of_points(tmp_path, steps):
    """One point, two, and numbers around the limits of what is drawn point by point."""
    drawn = training_curves(record(tmp_path, rows(steps)))
    drawn.figure.canvas.draw()
    assert not any(panel.empty for panel in drawn.spec.panels)


def test_nan_is_marked_and_left_out_of_means(tmp_path):
    """Steps that were NaN are crosses, and the mean of their piece is that of the others."""
    data = rows(300)
    data[5][0]["train/loss"] = math.nan
    data[123][0]["train/loss"] = math.inf
    panel = training_curves(record(tmp_path, data)).spec.panels[0]
    assert panel.non_finite.tolist() == [5.0, 123.0]
    assert np.isfinite(panel.lines[0].y).all()


def test_values_of_many_orders_get_a_logarithmic_axis(tmp_path):
    """The label says so, and no band goes below zero."""
    data = [({"train/loss": 10.0 ** (-s / 50) * (1 + s % 2)}, s) for s in range(400)]
    panel = training_curves(record(tmp_path, data)).spec.panels[0]
    assert panel.log
    assert panel.y_label == "loss, logarithmic"
    assert (panel.lines[0].low > 0).all()


def test_negative_losses_improve_too(tmp_path):
    """Improvement is relative to the size of the first loss; a first loss of zero is explained."""
    run = record(tmp_path, [({"train/loss": -1.0}, 0), ({"train/loss": -1.5}, 1)])
    assert training_curves(run).spec.panels[3].lines[0].y.tolist() == [0.0, 50.0]
    zero = record(tmp_path, [({"train/loss": 0.0}, 0), ({"train/loss": 1.0}, 1)], "zero")
    assert "first loss is 0" in training_curves(zero).spec.panels[3].empty


def test_the_unit_stands_at_the_axis(tmp_path):
    """A defined unit is part of the label."""
    with epochal.init(project="p", dir=str(tmp_path), sinks=()) as run:
        run.define("train/loss", unit="nats")
        run.log({"train/loss": 1.0}, step=0)
    assert training_curves(run.dir).spec.panels[0].y_label == "loss, nats"


# -- distribution ------------------------------------------------------------------------------


def test_loss_distribution(tmp_path):
    """Quantiles along the training are those of its pieces; histograms add up to all values."""
    data = [({"train/loss": float(s % 100) + (s < 200)}, s) for s in range(2000)]
    fan, parts = loss_distribution(record(tmp_path, data)).spec.panels
    assert len(fan.x) == 40
    values = np.array([row["train/loss"] for row, _ in data[:50]])
    assert fan.lines[0].y[0] == np.median(values)
    assert fan.band[1][0] == pytest.approx(np.quantile(values, 0.05))
    for curve in parts.lines:
        assert curve.y[:-1].sum() == pytest.approx(100.0)
        assert curve.n[0] >= 200


def test_loss_distribution_of_groups(tmp_path):
    """Each group has its median along the training, and its last tenth."""
    for lr in (0.1, 0.2):
        for seed in range(2):
            config = {"lr": lr, "seed": seed}
            record(tmp_path, rows(100, lr), f"{lr}-{seed}", config=config)
    along, last = loss_distribution(tmp_path).spec.panels
    assert [curve.label for curve in along.lines] == ["lr=0.1 (n = 2)", "lr=0.2 (n = 2)"]
    assert last.points[1].y[0] == pytest.approx(last.points[0].y[0] + 0.1)
    assert last.points[0].n.tolist() == [20.0]


def test_too_few_losses_are_no_distribution(tmp_path):
    """Less than twenty values are said to be too few; NaN is counted in the caption."""
    few = loss_distribution(record(tmp_path, rows(10)))
    assert "10 values" in few.spec.panels[0].empty
    none = loss_distribution(record(tmp_path, [({"x": 1.0}, 0)], "none"))
    assert "0 values" in none.spec.panels[1].empty
    data = rows(200)
    data[3][0]["train/loss"] = math.nan
    assert "NaN or infinite: 1 value." in loss_distribution(record(tmp_path, data, "nan")).caption


def test_equal_losses_are_a_distribution(tmp_path):
    """A constant loss has one bar."""
    parts = loss_distribution(
        record(tmp_path, [({"train/loss": 1.0}, s) for s in range(300)])
    ).spec.panels[1]
    assert parts.lines[0].y.max() == 100.0


# -- learning rate -----------------------------------------------------------------------------


def test_learning_rates_of_parameter_groups(tmp_path):
    """A run with several parameter groups has a line for each."""
    data = [({"lr/head": 0.1, "lr/body": 0.01 * s}, s) for s in range(5)]
    drawn = learning_rate(record(tmp_path, data))
    assert [curve.label for curve in drawn.spec.panels[0].lines] == ["lr/body", "lr/head"]
    log = learning_rate(record(tmp_path, data, "log"), log=True).spec.panels[0]
    assert log.log
    assert np.isnan(log.lines[0].y[0])


def test_learning_rates_of_settings(tmp_path):
    """Each setting has a line; a run without a rate is explained."""
    for lr in (0.1, 0.2):
        record(tmp_path, [({"lr": lr, "loss": 1.0}, s) for s in range(3)], str(lr),
               config={"lr": lr})  # fmt: skip
    lines = learning_rate(tmp_path).spec.panels[0].lines
    assert [curve.label for curve in lines] == ["lr=0.1", "lr=0.2"]
    assert [curve.y[0] for curve in lines] == [0.1, 0.2]
    none = learning_rate(record(tmp_path / "other", [({"x": 1.0}, 0)]))
    assert "No run has a learning rate" in none.spec.panels[0].empty


# -- gradients by layer ------------------------------------------------------------------------


def layer(name):
    """Return the metric of a layer's gradient norm."""
    return f"gradients/layers/{name}/norm"


def test_gradient_flow(tmp_path):
    """Median and 5 % to 95 % of the first and the last tenth, layer 2 before layer 10."""
    data = [({layer("l.10.weight"): 1.0, layer("l.2.weight"): float(s)}, s) for s in range(100)]
    panel = gradient_flow(record(tmp_path, data)).spec.panels[0]
    assert panel.categories == ("l.2.weight", "l.10.weight")
    early, late = panel.points
    assert early.y[0] == np.median(np.arange(10))
    assert late.y[0] == np.median(np.arange(90, 100))
    assert late.high[0] == pytest.approx(np.quantile(np.arange(90, 100), 0.95))
    assert early.n.tolist() == [10.0, 10.0]


def test_layers_stand_in_the_order_of_the_model(tmp_path):
    """A recorded model says the order, whatever the names are."""
    torch = pytest.importorskip("torch")
    model = torch.nn.Sequential()
    for name in ("z_embed", "blocks", "a_head"):
        model.add_module(name, torch.nn.Linear(2, 2))
    with epochal.init(project="p", dir=str(tmp_path), sinks=()) as run:
        measure.describe_model(model).log(run)
        model(torch.ones(1, 2)).sum().backward()
        run.log(measure.Gradients(model).measure(), step=0)
    names = gradient_flow(run.dir).spec.panels[0].categories
    assert [name.partition(".")[0] for name in names] == [
        "z_embed", "z_embed", "blocks", "blocks", "a_head", "a_head",
    ]  # fmt: skip


def test_many_layers_are_taken_together_by_module(tmp_path):
    """The norm of a module is the root of the sum of squares of its tensors."""
    names = [f"block{i}.{p}" for i in range(30) for p in ("weight", "bias")]
    data = [({layer(n): 3.0 if n.endswith("weight") else 4.0 for n in names}, s) for s in range(5)]
    drawn = gradient_flow(record(tmp_path, data))
    panel = drawn.spec.panels[0]
    assert len(panel.categories) == 30
    np.testing.assert_allclose(panel.points[0].y, 5.0)
    assert "30 modules (60 parameter tensors)" in drawn.caption


def test_no_gradients_are_explained(tmp_path):
    """A run without gradients by layer, and one where all were NaN."""
    assert "epochal.watch" in gradient_flow(record(tmp_path, rows(3))).spec.panels[0].empty
    bad = record(tmp_path, [({layer("a"): math.nan}, 0)], "bad")
    assert "NaN" in gradient_flow(bad).spec.panels[0].empty


def test_options_are_checked(tmp_path):
    """A venue that is not known is an error, not a figure of another size."""
    with pytest.raises(EvidenceError, match="no venue"):
        training_curves(record(tmp_path, rows(3)), venue="nowhere")
