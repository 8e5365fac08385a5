"""No call of a training loop raises, whatever it is given, and the good calls after it count."""

import inspect
import math
import shutil

import numpy as np
import pytest

import epochal
from epochal.loggers import (
    ExperimentConfig,
    ExperimentLogger,
    ExperimentTracker,
    MetricsLogger,
    MetricsTracker,
)

ALONE = {"follow": "off", "capture_environment": False}


class Broken:
    """Fails at everything that a logger may do with a value."""

    __hash__ = None

    def __float__(self):
        raise RuntimeError("no number")

    def __eq__(self, other):
        raise RuntimeError("not comparable")

    def __repr__(self):
        raise RuntimeError("no text")


BAD = {
    "nan": math.nan, "inf": math.inf, "none": None, "text": "x", "negative": -5, "huge": 10**400,
    "array": np.array([1, 2]), "objects": np.array([object()]), "list": [1], "complex": 1j,
    "nested": {"a": Broken()}, "broken": Broken(), "path": "a\0/../b", "surrogate": "\ud800",
}  # fmt: skip

GOOD = {
    "step": 1, "epoch": 1, "loss": 0.5, "metrics": {}, "metric_name": "m", "value": 1.0,
    "train_metrics": {}, "val_metrics": {}, "ablation_name": "a", "baseline_metrics": {"a": 1.0},
    "ablated_metrics": {"a": 2.0}, "prompt": "p", "generated_text": "t", "hyperparams": {"a": 1},
    "phase": "train", "images": np.zeros((4, 4, 3), np.uint8), "text": "t", "batch_size": 4,
}  # fmt: skip

DOORS = {
    "metrics logger": lambda folder: MetricsLogger(folder, "m", **ALONE),
    "metrics tracker": lambda folder: MetricsTracker(folder, **ALONE),
    "experiment logger": lambda folder: ExperimentLogger(
        "p", "e", use_wandb=False, dir=folder, **ALONE
    ),
    "experiment tracker": lambda folder: ExperimentTracker(
        ExperimentConfig(experiment_name="t", log_gradients=True, log_interval=1),
        dir=folder, sinks=[], **ALONE,
    ),
}  # fmt: skip

OTHERS = {
    "finish",
    "close",
    "finalize",
    "list",
    "search",
    "best",
    "compare",
    "register",
    "registry",
}
OTHERS |= {"load_checkpoint", "get_run_id"}


def calls(door, bad):
    """Every method of a training loop, with a bad value in each place, and in all of them."""
    names = [n for n in dir(type(door)) if not n.startswith("_") and n not in OTHERS]
    # Each epoch is begun, filled and ended.
    names.sort(key=lambda name: (name.startswith("end_"), not name.startswith("start_"), name))
    for name in names:
        method = getattr(door, name)
        given = [
            each.name for each in inspect.signature(method).parameters.values()
            if each.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        ]  # fmt: skip
        good = {each: GOOD.get(each) for each in given}
        yield lambda method=method, given=given: method(**dict.fromkeys(given, bad))
        for each in given:
            yield lambda method=method, good=good, each=each: method(**{**good, each: bad})


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("bad", BAD)
def test_nothing_raises(door, bad, tmp_path, monkeypatch):
    """Every method takes every value in every place, also when the run is over."""
    monkeypatch.chdir(tmp_path)
    logger = DOORS[door](str(tmp_path / "out"))
    for call in calls(logger, BAD[bad]):
        call()
    logger.run.finish()
    for call in calls(logger, BAD[bad]):
        call()


@pytest.mark.torch
@pytest.mark.parametrize("door", DOORS)
def test_tensors_without_data(door, tmp_path, monkeypatch):
    """A tensor on the device "meta" has no number: that is told, and nothing raises."""
    import torch

    monkeypatch.chdir(tmp_path)
    logger = DOORS[door](str(tmp_path / "out"))
    for call in calls(logger, torch.zeros((), device="meta")):
        call()
    assert logger.run.health().problems
    logger.run.finish()


@pytest.mark.parametrize("bad", [math.nan, "x", [1], 10**400, Broken()], ids=lambda _: "bad")
def test_a_bad_step_does_not_spoil_those_after_it(bad, tmp_path):
    """What counts its steps counts on from the last good one."""
    logger = ExperimentLogger("p", "e", use_wandb=False, dir=str(tmp_path), **ALONE)
    tracker = ExperimentTracker(
        ExperimentConfig(experiment_name="t", log_interval=1), dir=str(tmp_path), sinks=[], **ALONE
    )
    for step in (7, bad, None):
        logger.log_training_step(0.5, step=step)
        tracker.log_training_step(loss=0.5, step=step)
        tracker.log_training_step(loss=0.5, epoch=bad)
    logger.finish()
    tracker.close()
    assert epochal.RunView(logger.run.dir).series("train/loss").steps.tolist() == [7, 8]
    assert epochal.RunView(tracker.run.dir).series("train/loss").steps.tolist() == [7, 8]
    assert logger.run.health().problems["log_training_step"] == 1
    assert tracker.run.health().problems["log_training_step"] == 4


def test_an_epoch_with_bad_batches(tmp_path):
    """A bad batch costs its own numbers; an epoch without a number counts as the next one."""
    tracker = MetricsTracker(tmp_path, **ALONE)
    tracker.start_epoch("first")
    tracker.log_batch(0.5, 0.1, 2.0, batch_size=4)
    tracker.log_batch("lost", 0.1, 2.0, batch_size=4)
    tracker.log_batch(1.5, 0.1, 2.0, batch_size="many")
    found = tracker.end_epoch("no model", "no average")
    assert (found.epoch, found.loss_mean, found.lr) == (1, 1.0, 0.1)
    assert found.samples_per_sec is None
    assert found.ema_delta_norm is None
    tracker.start_epoch(1e400)
    assert tracker.end_epoch().epoch == 2
    tracker.close()
    assert epochal.RunView(tracker.run.dir).series("train/loss").values.tolist() == [0.5, 1.5]


@pytest.mark.parametrize("door", DOORS)
def test_a_folder_that_is_gone(door, tmp_path):
    """A folder that is removed while the training runs costs the record only."""
    folder = tmp_path / "out"
    logger = DOORS[door](str(folder))
    shutil.rmtree(folder)
    folder.write_text("in the way")
    for call in calls(logger, 0.5):
        call()
    end = next(
        getattr(logger, n) for n in ("finalize", "finish", "close") if hasattr(logger, n)
    )  # fmt: skip
    end()
