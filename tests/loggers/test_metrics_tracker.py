"""`MetricsTracker`: batches in, statistics of each epoch, charts and a report out."""

import csv
import dataclasses
import hashlib
import json
import logging
import math
import os
import shutil
from pathlib import Path

import pytest
import yaml

import epochal
from epochal.loggers import EpochMetrics, MetricsTracker, generate_all_plots, generate_report

QUIET = {"project": "p", "follow": "off", "capture_environment": False}

FIELDS = (
    "loss_mean loss_std loss_min loss_max loss_median lr grad_norm samples_per_sec batches_per_sec"
    " gpu_allocated_mb gpu_reserved_mb gpu_peak_mb ema_delta_norm epoch_time_sec"
    " cumulative_time_sec"
).split()


@pytest.fixture
def make(tmp_path):
    """Makes trackers on the test's folder and ends them."""
    made = []

    def tracker(**settings):
        made.append(MetricsTracker(tmp_path / "out", **{**QUIET, **settings}))
        return made[-1]

    yield tracker
    for each in made:
        each.close()


def train(tracker, *epochs, **more):
    """Tracks epochs, each given by the losses of its batches."""
    start = len(tracker.epochs) + 1
    for epoch, losses in enumerate(epochs, start=start):
        tracker.start_epoch(epoch)
        for loss in losses:
            tracker.log_batch(loss, 1e-3 / epoch, 2 * loss, **more)
        tracker.end_epoch()


def lines(path):
    """Lines of a CSV file as mappings."""
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_fields_are_exact():
    """EpochMetrics has the epoch and the fields that scripts expect, in their order."""
    assert [field.name for field in dataclasses.fields(EpochMetrics)] == ["epoch", *FIELDS]


def test_an_epoch_is_summed_up(make):
    """Statistics are over the batches; rates and times fit each other."""
    tracker = make()
    tracker.start_epoch(3)
    for loss, lr, norm in ((1.0, 0.1, 2.0), (4.0, 0.2, 4.0), (1.0, 0.3, 6.0)):
        tracker.log_batch(loss, lr, norm, batch_size=10)
    found = tracker.end_epoch()
    assert found.epoch == 3
    assert (found.loss_mean, found.loss_min, found.loss_max, found.loss_median) == (2, 1, 4, 1)
    assert found.loss_std == pytest.approx(math.sqrt(2))
    assert (found.lr, found.grad_norm) == (0.3, 4.0)
    assert found.samples_per_sec == pytest.approx(10 * found.batches_per_sec)
    assert found.batches_per_sec == pytest.approx(3 / found.epoch_time_sec)
    assert found.cumulative_time_sec == found.epoch_time_sec > 0
    assert found.ema_delta_norm is None
    train(tracker, [1.0])
    last = tracker.epochs[-1]
    assert last.cumulative_time_sec == found.epoch_time_sec + last.epoch_time_sec


def test_samples_need_every_batch_size(make):
    """One batch without a size leaves samples/s empty; batches/s is there all the same."""
    tracker = make()
    tracker.log_batch(1.0, 0.1, 1.0, batch_size=8)
    tracker.log_batch(1.0, 0.1, 1.0)
    found = tracker.end_epoch()
    assert found.samples_per_sec is None
    assert found.batches_per_sec > 0


def test_files_are_complete_after_each_epoch(make):
    """CSV and JSON have every epoch so far; what was not measured is an empty cell and null."""
    tracker = make(config={"lr": 1e-3})
    for count in (1, 2):
        train(tracker, [0.5, 1.5])
        table = lines(os.path.join(tracker.output_dir, "training_metrics.csv"))
        assert list(table[0]) == ["epoch", *FIELDS]
        assert [line["epoch"] for line in table] == [str(n + 1) for n in range(count)]
        with open(os.path.join(tracker.output_dir, "training_metrics.json"), "rb") as file:
            found = json.load(file)
        assert found["epochs"] == [dataclasses.asdict(each) for each in tracker.epochs]
        assert (found["run"], found["id"]) == (tracker.run.name, tracker.run.id)
    assert table[1]["loss_mean"] == "1.0"
    assert table[1]["samples_per_sec"] == ""
    assert sorted(os.listdir(tracker.output_dir)) == [
        "runs", "training_metrics.csv", "training_metrics.json",
    ]  # fmt: skip


def test_numbers_that_are_none_are_written(make):
    """NaN and infinity stay what they are in CSV, and are texts in strict JSON."""
    tracker = make()
    train(tracker, [1.0, math.nan], [math.inf])
    first, second = lines(tracker.files[0])
    assert (first["loss_mean"], second["loss_mean"]) == ("NaN", "Inf")
    text = Path(tracker.files[1]).read_text(encoding="utf-8")
    found = json.loads(text, parse_constant=pytest.fail)
    assert [each["loss_mean"] for each in found["epochs"]] == ["NaN", "Infinity"]


def test_run_has_batches_and_epochs(make):
    """The run that is recorded has every batch and every epoch, under readable names."""
    tracker = make()
    train(tracker, [2.0, 1.0], [0.5])
    tracker.close()
    view = epochal.open(os.path.join(tracker.output_dir, "runs")).runs()[0]
    batches = view.series("train/loss")
    assert (batches.steps.tolist(), batches.values.tolist()) == ([1, 2, 3], [2.0, 1.0, 0.5])
    assert batches.epochs.tolist() == [1.0, 1.0, 2.0]
    epochs = view.series("loss_mean")
    assert (epochs.epochs.tolist(), epochs.values.tolist()) == ([1.0, 2.0], [1.5, 0.5])
    assert view.state == "finished"


def test_resume_has_the_epochs_again(make):
    """A tracker that goes on with a run has its epochs, and its files have all of them."""
    first = make()
    train(first, [2.0, 1.0], [0.5])
    first.close()
    again = make(resume=first.run.id)
    assert again.epochs == first.epochs
    assert again.step == 3
    train(again, [0.25])
    assert [line["loss_mean"] for line in lines(again.files[0])] == ["1.5", "0.5", "0.25"]
    assert again.epochs[-1].cumulative_time_sec > first.epochs[-1].cumulative_time_sec


def test_an_epoch_without_batches(make):
    """It has a duration and nothing else, and files and charts take it."""
    tracker = make()
    tracker.start_epoch(1)
    found = tracker.end_epoch()
    assert found.loss_mean is None
    assert found.batches_per_sec is None
    assert found.epoch_time_sec > 0
    assert lines(tracker.files[0])[0]["loss_mean"] == ""


def test_wrong_values_never_end_training(make, caplog):
    """A loss that is no number and a model without an average are told, not raised."""
    tracker = make()
    tracker.start_epoch(1)
    with caplog.at_level(logging.WARNING, "epochal"):
        tracker.log_batch("much", 0.1, 1.0)
        tracker.log_batch(2.0, 0.1, 1.0)
        found = tracker.end_epoch(model=object(), ema_model=object())
    assert (found.loss_mean, found.ema_delta_norm) == (2.0, None)
    assert tracker.run.health().problems
    assert "log_batch() failed" in caplog.text


def test_files_that_cannot_be_written_are_told(make, tmp_path, caplog):
    """A folder in the place of a file does not end the training; the run has the epoch."""
    tracker = make()
    (tmp_path / "out" / "training_metrics.csv").mkdir()
    with caplog.at_level(logging.WARNING, "epochal"):
        train(tracker, [1.0])
    assert "training_metrics.csv" in caplog.text
    assert len(tracker.epochs) == 1


def test_off_writes_nothing(make, tmp_path):
    """Where nothing is recorded, epochs are still summed up, and no file is made."""
    tracker = make(mode="off")
    train(tracker, [1.0, 3.0])
    assert tracker.epochs[0].loss_mean == 2.0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.torch
def test_a_real_training(make):
    """Tensors as losses, gradient norms of a model, and the distance from its average."""
    import torch

    from epochal.loggers import compute_grad_norm

    torch.manual_seed(0)
    model = torch.nn.Linear(4, 1)
    average = torch.optim.swa_utils.AveragedModel(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    tracker = make()
    tracker.start_epoch(1)
    norms = []
    for _ in range(5):
        optimizer.zero_grad()
        loss = model(torch.ones(8, 4)).pow(2).mean()
        loss.backward()
        norms.append(compute_grad_norm(model))
        expected = torch.cat([p.grad.flatten() for p in model.parameters()]).norm().item()
        assert norms[-1] == pytest.approx(expected)
        optimizer.step()
        tracker.log_batch(loss, 0.1, norms[-1], batch_size=8)
    found = tracker.end_epoch(model, average)
    live, kept = (torch.cat([p.flatten() for p in m.parameters()]) for m in (model, average.module))
    assert found.ema_delta_norm == pytest.approx((live - kept).norm().item())
    assert found.grad_norm == pytest.approx(sum(norms) / 5)
    assert found.loss_min < found.loss_max
    if not torch.cuda.is_available():
        assert found.gpu_peak_mb is None


@pytest.mark.torch
def test_a_gpu_is_not_waited_for(make):
    """Batches on a GPU are taken without waiting for it, and its memory is in the epoch."""
    import torch

    if not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    tracker = make()
    tracker.start_epoch(1)
    losses = torch.arange(4.0, device="cuda")
    tracker.log_batch(losses[0], 0.1, losses[0])  # the first pinned memory is made with waiting
    torch.cuda.set_sync_debug_mode("error")
    try:
        for loss in losses[1:]:
            tracker.log_batch(loss, 0.1, 2 * loss, batch_size=8)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    found = tracker.end_epoch()
    assert (found.loss_mean, found.grad_norm) == (1.5, 3.0)
    assert 0 < found.gpu_allocated_mb <= found.gpu_peak_mb <= found.gpu_reserved_mb


def test_plots_and_report(make):
    """Eleven charts in a folder of their own, and a page that names each file with its hash."""
    pytest.importorskip("matplotlib")
    tracker = make(config={"lr": 1e-3, "hub": {"token": "hf_secret"}}, name="first | <run>")
    train(tracker, [2.0, 1.0], [1.0, math.nan], [0.5, 0.25], batch_size=4)
    paths = generate_all_plots(tracker, os.path.join(tracker.output_dir, "plots"))
    assert len(paths) == 11
    path = generate_report(tracker, None, tracker.output_dir, paths, metadata={"license": "mit"})
    assert path == os.path.join(tracker.output_dir, "training_report.md")
    page = Path(path).read_text(encoding="utf-8")
    assert yaml.safe_load(page.split("\n---\n")[0]) == {"license": "mit", "tags": ["epochal"]}
    assert "# Training report: first \\| &lt;run&gt;" in page
    assert "| lowest mean loss | 0.375 (epoch 3) |" in page
    assert "| epochs with a loss that is NaN or infinite | 1 |" in page
    assert "hf_secret" not in page
    assert "| lr | 0.001 |" in page
    for name, each in paths.items():
        assert f"](plots/{name}.png)" in page
        assert hashlib.sha256(Path(each).read_bytes()).hexdigest() in page
    for name in ("training_metrics.csv", "training_metrics.json"):
        assert f"| {literal(name)} |" in page
    assert page.index("training_dashboard.png") < page.index("loss_linear.png")


def literal(name):
    """The name of a file as it stands in the page."""
    return name.replace("_", "\\_")


def test_report_of_a_config_of_ones_own(make, tmp_path):
    """The config may be any that a run takes; figures may be a list of paths, or none."""
    tracker = make()
    train(tracker, [1.0])
    config = tmp_path / "config.yaml"
    config.write_text("optimizer: {name: adam, lr: 0.5}\n", encoding="utf-8")
    path = generate_report(tracker, config, tmp_path / "report", [str(tmp_path / "gone.png")])
    page = Path(path).read_text(encoding="utf-8")
    assert "| optimizer.lr | 0.5 |" in page
    assert "../out/training\\_metrics.csv" in page
    assert "the file gone.png is missing" in page


def test_plots_of_an_unfinished_training(make):
    """Charts and report can be made at any time, also before the first epoch has ended."""
    pytest.importorskip("matplotlib")
    tracker = make()
    paths = generate_all_plots(tracker)
    assert set(map(os.path.dirname, paths.values())) == {os.path.join(tracker.output_dir, "plots")}
    page = Path(generate_report(tracker, None, None, paths)).read_text(encoding="utf-8")
    assert "No epoch has ended yet." in page


def test_plots_say_which_run_they_are_of(make):
    """Each file has the run's id inside; they are drawn even if its folder is gone."""
    pytest.importorskip("matplotlib")
    from epochal.present.whence import whence

    tracker = make()
    paths = generate_all_plots(tracker)
    assert whence(paths["grad_norm"]).provenance.runs == (tracker.run.id,)
    tracker.close()
    shutil.rmtree(tracker.run.dir)
    again = generate_all_plots(tracker)
    assert whence(again["grad_norm"]).provenance.runs == ()
