"""The experiment tracker's and logger's names in Weights & Biases, read from its own files."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from recorded import wait_until
from wandb_files import offline_run, wandb_home

from epochal.loggers import ExperimentConfig, ExperimentLogger, ExperimentTracker

__all__ = ["wandb_home"]

pytestmark = pytest.mark.usefixtures("wandb_home")


OFFLINE = {"sink_options": {"wandb": {"mode": "offline"}}, "capture_environment": False}


def complete(run):
    """Waits for the end of a run in W&B's offline folder, and reads it."""
    folder = Path(run.dir)
    wait_until(lambda: any(folder.glob("wandb/offline-run-*/*.wandb")))
    wait_until(lambda: not any(folder.glob("wandb/epochal-*/processes.json")))
    return offline_run(folder)


def test_tracker_in_wandb(tmp_path):
    """Steps, epochs and the figure have the names that scripts read."""
    pytest.importorskip("matplotlib")
    config = ExperimentConfig(
        project_name="p", log_interval=1, enable_wandb=True, enable_tensorboard=False,
        wandb_group="g", wandb_job_type="train",
    )  # fmt: skip
    tracker = ExperimentTracker(config, dir=str(tmp_path), **OFFLINE)
    for step in range(3):
        tracker.log_training_step(
            loss=1 / (step + 1), learning_rate=0.1, gradient_norm=2.0, nan_count=1, inf_count=0,
            clipping_applied=True, training_time=0.25, epoch=0.5 * step,
        )  # fmt: skip
    tracker.log_epoch(1, {"train_loss": 0.5, "accuracy": 0.5})
    tracker.create_visualization()
    tracker.close()
    found = complete(tracker.run)
    assert found.column("train/loss") == [1, 0.5, 1 / 3]
    assert found.column("train/step") == [1, 2, 3]
    assert found.column("train/epoch") == [0, 0.5, 1]
    for name, value in {
        "train/learning_rate": 0.1, "gradients/norm": 2.0, "numerical_stability/nan_count": 1,
        "numerical_stability/inf_count": 0, "gradient_clipping/applied": 1,
        "performance/training_time": 0.25,
    }.items():  # fmt: skip
        assert found.column(name) == [value] * 3
    assert found.column("epoch/train_loss") == [0.5]
    assert found.column("epoch/accuracy") == [0.5]
    (figure,) = found.column("training_progress")
    assert figure["_type"] == "image-file"
    assert (found.run.run_group, found.run.job_type) == ("g", "train")


def test_logger_in_wandb(tmp_path):
    """The logger mirrors to W&B by default, under the names of its calls."""
    logger = ExperimentLogger("p", "first", {"lr": 0.1}, tags=["a"], notes="n", dir=str(tmp_path),
                              **OFFLINE)  # fmt: skip
    logger.log_training_step(0.5, 0.1, 2.0, step=3, tokens=64)
    logger.log_validation_step(0.6, 1.8)
    logger.log_epoch(0, 0.5, 0.6)
    logger.log_text_generation("To", "To be", 0.8, 0.9, 16)
    logger.log_experiment_summary(0.5)
    logger.finish()
    found = complete(logger.run)
    for name, value in {
        "train/loss": 0.5, "train/learning_rate": 0.1, "train/gradient_norm": 2.0,
        "train/tokens": 64, "val/loss": 0.6, "val/perplexity": 1.8, "epoch/train_loss": 0.5,
        "epoch/val_loss": 0.6,
    }.items():  # fmt: skip
        assert found.column(name) == [value]
    assert len(found.column("generation/generated_text")) == 1
    assert found.summary["summary/final_train_loss"] == 0.5
    assert found.config["lr"] == 0.1
    assert (found.run.display_name, list(found.run.tags), found.run.notes) == ("first", ["a"], "n")
