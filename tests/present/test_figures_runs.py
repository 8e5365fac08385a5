"""Figures of runs: parallel coordinates, the eleven charts and the progress of any run."""

import csv
import math
import os

import numpy as np
import pytest

pytest.importorskip("matplotlib")

import epochal
from epochal.core.errors import EvidenceError, MetricNotFoundError
from epochal.present.epoch_charts import CHARTS
from epochal.present.epoch_table import epochs_of
from epochal.present.figures import epoch_charts, parallel_coordinates, training_progress
from epochal.present.whence import whence
from epochal.read.view import RunView


def trial(folder, loss, **config):
    """Record a run that ends with a loss."""
    with epochal.init(project="p", dir=str(folder), config=config, sinks=()) as run:
        run.define("val/loss", unit="nats", goal="minimize")
        run.log({"val/loss": loss}, step=1)


@pytest.fixture
def sweep(tmp_path):
    """Four runs with a rate over four orders of magnitude, words, a switch, and a key few have."""
    trial(tmp_path, 1.0, lr=1e-5, optimizer="adamw", ema=True, seed=0)
    trial(tmp_path, 0.5, lr=1e-3, optimizer="sgd", ema=False, seed=1)
    trial(tmp_path, 0.7, lr=1e-1, optimizer="sgd", ema=True, seed=2, warmup=10)
    trial(tmp_path, math.nan, lr=1e-2, optimizer="sgd", ema=True, seed=3)
    return tmp_path


def test_axes_of_parallel_coordinates(sweep):
    """Every key that differs but the seed; log where it helps; categories; the metric last."""
    drawn = parallel_coordinates(sweep, "val/loss")
    (panel,) = drawn.spec.panels
    assert panel.categories == ("lr", "optimizer", "ema", "warmup", "val/loss, nats")
    lr, optimizer, ema, warmup, loss = panel.scales
    assert (lr.low, lr.high, lr.log) == (1e-5, 1e-1, True)
    assert optimizer.names == ("adamw", "sgd")
    assert ema.names == ("false", "true")
    assert warmup.names == ("10", "unset")
    assert (loss.low, loss.high, loss.inverted) == (0.5, 1.0, True)
    assert panel.remark == "1 run left out"
    assert sum("NaN" in note or "finite" in note for note in drawn.spec.notes) == 1
    assert "n = 3 runs" in drawn.caption


def test_the_best_run_is_strongest_and_on_top(sweep):
    """Shades go by rank, from the worst to the best, which is drawn last."""
    lines = parallel_coordinates(sweep, "val/loss").spec.panels[0].lines
    assert [line.y[-1] for line in lines] == [1.0, 0.7, 0.5]
    assert [line.shade for line in lines] == [0.0, 0.5, 1.0]
    drawn = parallel_coordinates(sweep, "val/loss", goal="maximize").spec.panels[0]
    assert drawn.lines[-1].y[-1] == 1.0
    assert not drawn.scales[-1].inverted


def test_the_table_of_points_has_real_values(sweep, tmp_path):
    """Numbers as they are, words as words."""
    parallel_coordinates(sweep, "val/loss", path=tmp_path / "f.svg")
    with (tmp_path / "f.csv").open(newline="") as file:
        values = {(row["x"], row["y"]) for row in csv.DictReader(file)}
    assert {("lr", "1e-05"), ("optimizer", "sgd"), ("val/loss, nats", "0.5")} <= values


def test_chosen_keys(sweep):
    """In the given order, a seed too; a key that is none is an error; so is a metric."""
    panel = parallel_coordinates(sweep, "val/loss", by=["config.seed", "lr"]).spec.panels[0]
    assert panel.categories[:2] == ("seed", "lr")
    with pytest.raises(EvidenceError, match="did you mean 'optimizer'"):
        parallel_coordinates(sweep, "val/loss", by="optimiser")
    with pytest.raises(MetricNotFoundError):
        parallel_coordinates(sweep, "val/los")


def test_more_keys_than_there_is_room_for(tmp_path):
    """Eight are drawn, the others are named."""
    for value in (1, 2):
        trial(tmp_path, value, **{f"k{i}": value for i in range(10)})
    drawn = parallel_coordinates(tmp_path, "val/loss")
    assert len(drawn.spec.panels[0].scales) == 9
    assert drawn.spec.notes == ("2 more keys not drawn: k8, k9",)


def test_nothing_differs(tmp_path):
    """A run alone, or runs that differ by seed only, are explained."""
    trial(tmp_path, 1.0, lr=0.1, seed=0)
    assert "The run is alone" in parallel_coordinates(tmp_path, "val/loss").spec.panels[0].empty
    trial(tmp_path, 1.0, lr=0.1, seed=1)
    assert "same settings" in parallel_coordinates(tmp_path, "val/loss").spec.panels[0].empty


def train(folder, steps=40, *, epochs=4, bad=(), **more):
    """Record a training whose loss falls from 1, with epochs from 1 or without."""
    with epochal.init(project="p", dir=str(folder), sinks=(), name="trained") as run:
        for step in range(steps):
            loss = math.nan if step in bad else 1.0 - step / steps
            row = {"train/loss": loss, "lr": 0.1 / (1 + step), **more}
            run.log(row, step=step, epoch=1 + step * epochs // steps if epochs else None)
    return RunView(run.dir)


def test_epochs_are_computed_from_steps(tmp_path):
    """Statistics of the loss of each epoch, the last learning rate, the mean gradient norm."""
    view = train(tmp_path, 40, **{"gradients/norm": 2.0, "performance/step_s": 0.25})
    epochs = epochs_of(view)
    losses = (1.0 - np.arange(40) / 40).reshape(4, 10)
    assert epochs.x.tolist() == [1.0, 2.0, 3.0, 4.0]
    for name, expected in (("mean", losses.mean(1)), ("std", losses.std(1)), ("min", losses.min(1)),
                           ("max", losses.max(1)), ("median", np.median(losses, 1))):  # fmt: skip
        np.testing.assert_allclose(epochs[f"loss_{name}"], expected, err_msg=name)
    np.testing.assert_allclose(epochs["lr"], [0.1 / n for n in (10, 20, 30, 40)])
    assert epochs["grad_norm"].tolist() == [2.0] * 4
    assert epochs["batches_per_sec"].tolist() == [4.0] * 4
    assert (np.diff(epochs["cumulative_time_sec"]) >= 0).all()


def test_what_was_recorded_by_epoch_is_taken(tmp_path):
    """The metrics of MetricsTracker come back as they are, whatever its steps say."""
    from dataclasses import asdict

    tracker = epochal.MetricsTracker(str(tmp_path), sinks=[])
    for epoch in (1, 2):
        tracker.start_epoch(epoch)
        for loss in (0.5 / epoch, 0.25 / epoch):
            tracker.log_batch(loss, lr=1e-3 * epoch, grad_norm=2.0, batch_size=8)
        tracker.end_epoch()
    tracker.close()
    epochs = epochs_of(RunView(tracker.run.dir))
    for index, row in enumerate(tracker.epochs):
        for name, value in asdict(row).items():
            if value is not None and name != "epoch":
                assert epochs[name][index] == value, name


def test_fractions_of_epochs_belong_to_the_epoch_under_way(tmp_path):
    """Steps at 0.5 and 1.0 are of the first epoch."""
    with epochal.init(project="p", dir=str(tmp_path), sinks=()) as run:
        for step in range(1, 5):
            run.log({"train/loss": float(step)}, step=step, epoch=step / 2)
    epochs = epochs_of(RunView(run.dir))
    assert epochs.x.tolist() == [1.0, 2.0]
    assert epochs["loss_mean"].tolist() == [1.5, 3.5]


def test_a_run_without_epochs_is_divided_into_pieces(tmp_path):
    """Fifty equal pieces of its steps, or fewer; the axis says "step"."""
    epochs = epochs_of(train(tmp_path / "long", 1000, epochs=0))
    assert (len(epochs), epochs.unit, epochs.each) == (50, "step", "piece of 20 points")
    assert epochs.x[0] == 19.0
    assert epochs["loss_mean"][0] == pytest.approx(np.mean(1 - np.arange(20) / 1000))
    assert len(epochs_of(train(tmp_path / "short", 3, epochs=0))) == 3
    panel = epoch_charts(tmp_path / "long")["epoch_timing"].spec.panels[0]
    assert (panel.x_label, panel.title) == ("step", "Time of each piece of 20 points")


def test_memory_of_gpus_is_that_of_each_epoch(tmp_path):
    """All GPUs together, the last reading in each epoch; the peak is the largest."""
    with epochal.init(project="p", dir=str(tmp_path), sinks=()) as run:
        for step in range(4):
            memory = {"gpu0/torch_allocated_mib": 10.0 + step, "gpu1/torch_allocated_mib": 5.0,
                      "gpu0/torch_peak_mib": 50.0 - step}  # fmt: skip
            row = {"train/loss": 1.0, **{f"system/{name}": v for name, v in memory.items()}}
            run.log(row, step=step, epoch=step // 2)
    epochs = epochs_of(RunView(run.dir))
    assert epochs["gpu_allocated_mb"].tolist() == [16.0, 18.0]
    assert epochs["gpu_peak_mb"].tolist() == [50.0, 48.0]


def test_eleven_files_with_exact_names(tmp_path):
    """In a folder of their own, nothing else in it; each says inside which run it is of."""
    view = train(tmp_path / "runs", bad=(15,))
    charts = epoch_charts(view, tmp_path / "charts")
    assert list(charts) == list(CHARTS)
    assert sorted(os.listdir(tmp_path / "charts")) == sorted(f"{name}.png" for name in CHARTS)
    assert whence(tmp_path / "charts" / "loss_log.png").provenance.runs == (view.id,)
    assert charts["loss_linear"].spec.panels[0].non_finite.tolist() == [2.0]
    again = epoch_charts(view)
    for name, drawn in charts.items():
        assert drawn.to_bytes("png", 180) == again[name].to_bytes("png", 180), name


def test_what_a_run_does_not_have_is_explained(tmp_path):
    """Panels say what to log; two runs are one too many."""
    with epochal.init(project="p", dir=str(tmp_path), sinks=(), log_system=False) as run:
        run.log({"other": 1.0})
    charts = epoch_charts(run)
    assert charts["loss_linear"].spec.panels[0].empty == (
        "The run has no training loss: log train/loss."
    )
    assert all(panel.empty for chart in charts.values() for panel in chart.spec.panels)
    named = epoch_charts(run, names={"train_loss": "other"})
    assert named["loss_linear"].spec.panels[0].lines[0].y.tolist() == [1.0]
    with epochal.init(project="p", dir=str(tmp_path), sinks=()) as other:
        other.log({"other": 1.0})
    for function in (epoch_charts, training_progress):
        with pytest.raises(EvidenceError, match="one run, and 2 were given"):
            function([run, other])


def test_progress_of_any_run(tmp_path):
    """Metrics are found by their role, or named; counts of NaN are summed in the legend."""
    with epochal.init(project="p", dir=str(tmp_path), sinks=(), name="first") as run:
        for step in range(5):
            run.log({"Loss/Train": 1.0 / (1 + step), "acc": step / 5, "gn": 2.0,
                     "numerics/nan_count": step % 2}, step=step)  # fmt: skip
        drawn = training_progress(run, names={"grad_norm": "gn"})  # while it records
    drawn = training_progress(run, names={"grad_norm": "gn"})
    assert [panel.empty for panel in drawn.spec.panels] == [""] * 4
    assert drawn.spec.panels[3].lines[0].label == "NaN: 2 in all"
    assert drawn.caption.startswith("Progress of one run (first): loss, accuracy, L2 norm")
    assert "n = 5 steps logged" in drawn.caption
    assert drawn.spec.provenance.runs == (run.id,)
    again = training_progress(run, names={"grad_norm": "gn"})
    assert drawn.to_bytes("pdf") == again.to_bytes("pdf")
