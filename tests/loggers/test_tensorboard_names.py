"""The experiment tracker's names in TensorBoard, read by TensorBoard's own reader."""

import sys
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from recorded import wait_until

from epochal.loggers import ExperimentConfig, ExperimentTracker


def test_tracker_in_tensorboard(tmp_path):
    """Scalars, epochs and the figure have the names that scripts read."""
    pytest.importorskip("matplotlib")
    config = ExperimentConfig(project_name="p", log_interval=1, tensorboard_dir=str(tmp_path / "t"))
    tracker = ExperimentTracker(config, dir=str(tmp_path / "runs"), capture_environment=False)
    for step in range(3):
        tracker.log_training_step(
            loss=1 / (step + 1), accuracy=0.5, learning_rate=0.1, gradient_norm=2.0, nan_count=1,
            inf_count=0, clipping_applied=True, clipping_threshold=1.0, training_time=0.25,
            memory_usage=100.0, gpu_utilization=50.0,
        )  # fmt: skip
    tracker.log_epoch(0, {"train_loss": 0.5, "val_loss": 0.6, "accuracy": 0.5})
    tracker.create_visualization()
    tracker.close()

    def found():
        (folder,) = (tmp_path / "t").iterdir()
        events = EventAccumulator(str(folder), size_guidance={"images": 0}).Reload()
        return events if events.Tags()["images"] else None

    events = wait_until(found)
    assert set(events.Tags()["scalars"]) == {
        "Loss/Train", "Accuracy/Train", "Learning_Rate", "Gradients/Norm",
        "Numerical_Stability/NaN_Count", "Numerical_Stability/Inf_Count",
        "Gradient_Clipping/Applied", "Gradient_Clipping/Threshold", "Performance/Training_Time",
        "Performance/Memory_Usage_MB", "Performance/GPU_Utilization",
        "Epoch/train_loss", "Epoch/val_loss", "Epoch/accuracy",
    }  # fmt: skip
    assert events.Tags()["images"] == ["Training_Progress"]
    assert [point.step for point in events.Scalars("Loss/Train")] == [1, 2, 3]
    assert events.Scalars("Performance/Training_Time")[0].value == 0.25
