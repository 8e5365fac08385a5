"""`MetricsLogger`: steps and epochs in, files that pandas reads out."""

import csv
import json
import math

import pytest

import epochal
from epochal.core.errors import LogError
from epochal.loggers import MetricsLogger

QUIET = {"project": "p", "follow": "thread", "capture_environment": False}

STEPS = "step phase timestamp loss lr grad_norm_total grad_norm_avg grad_norm_max".split()
EPOCHS = (
    "epoch duration_s train_loss_mean train_loss_std train_loss_min train_loss_max val_loss"
    " learning_rate grad_norm_avg grad_norm_max samples_processed ema_step_counter"
).split()


def read(path):
    """Lines of a CSV file as mappings, without their empty cells."""
    with open(path, encoding="utf-8", newline="") as file:
        return [{k: v for k, v in line.items() if v} for line in csv.DictReader(file)]


def header(path):
    """Columns of a CSV file."""
    with open(path, encoding="utf-8") as file:
        return file.readline().rstrip("\n").split(",")


@pytest.fixture
def make(tmp_path):
    """Makes loggers on the test's folder and ends them."""
    made = []

    def logger(name="First run", config=None, **settings):
        made.append(MetricsLogger(tmp_path, name, config, **{**QUIET, **settings}))
        return made[-1]

    yield logger
    for each in made:
        each.run.finish()


def test_files_have_the_exact_columns(make):
    """Steps, epochs, config, summary and metrics come out under the names of this logger."""
    logger = make(config={"lr": 1e-3, "model": {"depth": 2}})
    logger.log_step(1, 0.5, lr=1e-3, grad_norm_total=2.0, grad_norm_avg=0.5, grad_norm_max=1.0,
                    temperature=3.0)  # fmt: skip
    logger.log_step(2, 0.7, phase="val")
    logger.log_epoch(1, val_loss=0.6, ema_step_counter=7)
    logger.finalize()
    assert header(logger.files["steps"])[:8] == STEPS
    assert header(logger.files["epochs"])[:12] == EPOCHS
    first, second = read(logger.files["steps"])
    assert {name: first[name] for name in STEPS if name != "timestamp"} == {
        "step": "1", "phase": "train", "loss": "0.5", "lr": "0.001", "grad_norm_total": "2.0",
        "grad_norm_avg": "0.5", "grad_norm_max": "1.0",
    }  # fmt: skip
    assert first["temperature"] == "3.0"
    assert (second["phase"], second["loss"]) == ("val", "0.7")
    (epoch,) = read(logger.files["epochs"])
    assert (epoch["epoch"], epoch["val_loss"], epoch["ema_step_counter"]) == ("1", "0.6", "7.0")
    with open(logger.files["config"], encoding="utf-8") as file:
        assert json.load(file) == {"lr": 1e-3, "model": {"depth": 2}}
    with open(logger.files["metrics"], encoding="utf-8") as file:
        assert len(json.load(file)["rows"]) == 3
    assert [path.rpartition("/")[2] for path in logger.files.values()] == [
        "first-run_steps.csv", "first-run_epochs.csv", "first-run_config.json",
        "first-run_summary.json", "training_metrics.json",
    ]  # fmt: skip


def test_statistics_of_an_epoch_are_computed(make):
    """Loss, gradient norm, learning rate and samples are those of the epoch's own steps."""
    logger = make()
    for epoch, losses in ((1, (1.0, 3.0)), (2, (0.5, 0.5, 2.0))):
        for at, loss in enumerate(losses):
            logger.log_step(10 * epoch + at, loss, lr=0.1 / (at + 1), grad_norm_total=2 * loss,
                            batch_size=8)  # fmt: skip
            logger.log_step(10 * epoch + at, loss + 1, phase="val")
        logger.log_epoch(epoch)
    logger.close()
    first, second = read(logger.files["epochs"])
    assert [float(first[name]) for name in EPOCHS[2:11]] == [
        2.0, 1.0, 1.0, 3.0, 3.0, 0.05, 4.0, 6.0, 16.0,
    ]  # fmt: skip
    assert float(second["train_loss_mean"]) == 1.0
    assert float(second["train_loss_std"]) == pytest.approx(math.sqrt(0.5))
    assert (second["samples_processed"], second["grad_norm_max"]) == ("24.0", "4.0")
    assert 0 <= float(second["duration_s"]) < 100
    assert "ema_step_counter" not in second


def test_what_is_given_is_not_computed(make):
    """Statistics of one's own take the place of all of that kind."""
    logger = make()
    logger.log_step(1, 1.0, lr=0.5, batch_size=4)
    logger.log_epoch(1, val_loss=2.0, learning_rate=0.25, samples_processed=99,
                     train_loss_mean=7.0, duration_minutes=1.5)  # fmt: skip
    logger.close()
    (line,) = read(logger.files["epochs"])
    assert (line["train_loss_mean"], line["learning_rate"], line["samples_processed"]) == (
        "7.0", "0.25", "99.0",
    )  # fmt: skip
    assert "train_loss_std" not in line
    assert line["duration_minutes"] == "1.5"
    assert "duration_s" not in line


def test_summary_says_best_and_final(make):
    """The summary has totals, best and final losses; a NaN is never the best."""
    logger = make()
    for epoch, (train, val) in enumerate([(3.0, 2.0), (2.0, 1.0), (1.0, math.nan), (1.5, 1.5)]):
        logger.log_step(epoch, train)
        logger.log_epoch(epoch, val_loss=val)
    logger.finalize()
    with open(logger.files["summary"], encoding="utf-8") as file:
        found = json.load(file)
    hours = found["summary"].pop("training_time_hours")
    assert 0 < hours < 1
    assert found["summary"] == {
        "total_epochs": 4, "total_steps": 4, "final_train_loss": 1.5, "best_train_loss": 1.0,
        "best_train_epoch": 2, "final_val_loss": 1.5, "best_val_loss": 1.0, "best_val_epoch": 1,
    }  # fmt: skip
    assert found["run"]["state"] == "finished"
    assert found["metrics"]["val_loss"]["best"]["epoch"] == 1.0
    assert found["metrics"]["train/loss"]["mean"] == 1.875


def test_summary_is_there_before_the_end(make):
    """A run that is killed has the summary of its last epoch."""
    logger = make()
    logger.log_step(1, 1.0)
    logger.log_epoch(1, val_loss=2.0)
    logger.run.flush()
    view = epochal.open(logger.run.dir).runs()[0]
    assert view.summary["best_val_loss"] == 2.0


def test_pandas_code_works(make):
    """Best epoch, improvement and the ribbon of mean ± std are one line each."""
    pandas = pytest.importorskip("pandas")
    logger = make()
    for epoch, losses in enumerate([(4.0, 2.0), (2.0, 1.0), (3.0, 1.0)], start=1):
        for at, loss in enumerate(losses):
            logger.log_step(2 * epoch + at, loss, lr=0.1, grad_norm_total=1.0)
        logger.log_epoch(epoch, val_loss=max(losses))
    logger.finalize()
    epochs = pandas.read_csv(logger.files["epochs"])
    best = epochs.loc[epochs["val_loss"].idxmin()]
    assert (best["epoch"], best["val_loss"]) == (2, 2.0)
    first, last = epochs["train_loss_mean"].iloc[[0, -1]]
    assert round(100 * (first - last) / first, 2) == 33.33
    high = epochs["train_loss_mean"] + epochs["train_loss_std"]
    low = epochs["train_loss_mean"] - epochs["train_loss_std"]
    assert (high.tolist(), low.tolist()) == ([4.0, 2.0, 3.0], [2.0, 1.0, 1.0])
    steps = pandas.read_csv(logger.files["steps"])
    assert steps.groupby("phase")["loss"].mean()["train"] == pytest.approx(13 / 6)
    assert steps["step"].is_monotonic_increasing


def test_resume_counts_on(make):
    """A resumed run has the totals and the best epoch of all its sessions."""
    logger = make()
    logger.log_step(1, 1.0)
    logger.log_epoch(1, val_loss=0.5)
    logger.close()
    again = make(None, resume=logger.run.id)
    again.log_step(2, 2.0)
    again.log_epoch(2, val_loss=0.75)
    again.close()
    summary = epochal.open(again.run.dir).runs()[0].summary
    assert again.run.dir == logger.run.dir
    assert (summary["total_epochs"], summary["total_steps"]) == (2, 2)
    assert (summary["best_val_loss"], summary["best_val_epoch"]) == (0.5, 1)
    assert len(read(again.files["epochs"])) == 2


def test_error_ends_as_failed(make):
    """An exception inside `with` makes the state "failed", and the files are complete."""
    logger = make()

    def train():
        with logger:
            logger.log_step(1, 1.0)
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        train()
    assert epochal.open(logger.run.dir).runs()[0].state == "failed"
    assert len(read(logger.files["steps"])) == 1


def test_wrong_values_never_end_training(make):
    """A loss that is no number is told and counted; in strict mode it raises."""
    logger = make()
    logger.log_step(1, [1.0, 2.0])
    logger.log_step(2, 0.5)
    logger.log_epoch(1)
    logger.close()
    assert logger.run.health().problems
    assert [line["loss"] for line in read(logger.files["steps"]) if "loss" in line] == ["0.5"]
    with pytest.raises(LogError):
        make("Strict", strict=True).log_step(1, [1.0, 2.0])


def test_off_records_nothing(make, tmp_path):
    """Where nothing is recorded, calls do nothing and there are no files."""
    logger = make(mode="off")
    logger.log_step(1, 1.0)
    logger.log_epoch(1, val_loss=1.0)
    logger.close()
    assert logger.files == {}
    assert list(tmp_path.iterdir()) == []


def test_cadence_thins_steps_but_not_statistics(make):
    """With every second step recorded, the epoch still counts all of them."""
    logger = make(cadence={"train": 2})
    for step in range(6):
        logger.log_step(step, float(step))
    logger.log_epoch(1)
    logger.close()
    assert [line["step"] for line in read(logger.files["steps"])] == ["0", "2", "4"]
    (line,) = read(logger.files["epochs"])
    assert (line["train_loss_mean"], line["train_loss_max"]) == ("2.5", "5.0")


@pytest.mark.torch
def test_tensors_are_taken(make):
    """Losses may be tensors that still belong to a graph."""
    import torch

    logger = make()
    weight = torch.ones((), requires_grad=True)
    for step in range(2):
        logger.log_step(step, weight * (step + 1), grad_norm_total=torch.tensor(2.0))
    logger.log_epoch(1, val_loss=torch.tensor(0.5))
    logger.close()
    (line,) = read(logger.files["epochs"])
    assert (line["train_loss_mean"], line["val_loss"], line["grad_norm_avg"]) == (
        "1.5",
        "0.5",
        "2.0",
    )
