"""What older loggers call things: their names as Epochal's, and Epochal's as their mirrors' names.

Metrics have one name in the journal; the scripts that people have for TensorBoard and W&B read the
older names there, so each front door gives its mirrors a name map.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

STEP_METRICS: Mapping[str, str] = {
    "loss": "train/loss",
    "accuracy": "train/accuracy",
    "learning_rate": "lr",
    "gradient_norm": "gradients/norm",
    "nan_count": "numerics/nan_count",
    "inf_count": "numerics/inf_count",
    "clipping_applied": "gradients/clipped",
    "clipping_threshold": "gradients/clip_threshold",
    "training_time": "performance/training_time_s",
    "memory_usage": "performance/memory_usage_mb",
    "gpu_utilization": "performance/gpu_utilization",
}
"""The fields of ``TrainingMetrics``; other metrics of a step are ``train/<name>``."""

EPOCH_METRICS: dict[str, str] = {
    "train_loss": "train_loss_mean",
    **{
        column: column
        for column in (
            "train_loss_mean", "train_loss_std", "train_loss_min", "train_loss_max", "val_loss",
            "learning_rate", "grad_norm_avg", "grad_norm_max", "samples_processed",
            "ema_step_counter",
        )
    },
}  # fmt: skip
"""The columns of the epochs file; other metrics of an epoch are ``epoch/<name>``."""

_EPOCHS = {metric: f"epoch/{name}" for name, metric in reversed(EPOCH_METRICS.items())}

TRACKER_TENSORBOARD: Mapping[str, str] = {
    "train/loss": "Loss/Train",
    "train/accuracy": "Accuracy/Train",
    "lr": "Learning_Rate",
    "gradients/norm": "Gradients/Norm",
    "gradients/clipped": "Gradient_Clipping/Applied",
    "gradients/clip_threshold": "Gradient_Clipping/Threshold",
    "gradients/layers/*": "Gradients/*",
    "gradients/histograms/*": "Gradients/*",
    "numerics/nan_count": "Numerical_Stability/NaN_Count",
    "numerics/inf_count": "Numerical_Stability/Inf_Count",
    "performance/training_time_s": "Performance/Training_Time",
    "performance/memory_usage_mb": "Performance/Memory_Usage_MB",
    "performance/gpu_utilization": "Performance/GPU_Utilization",
    "training_progress": "Training_Progress",
    **{metric: name.replace("epoch", "Epoch", 1) for metric, name in _EPOCHS.items()},
    "epoch/*": "Epoch/*",
}
"""TensorBoard's names in the experiment tracker."""

TRACKER_WANDB: Mapping[str, str] = {
    "lr": "train/learning_rate",
    "gradients/clipped": "gradient_clipping/applied",
    "gradients/clip_threshold": "gradient_clipping/threshold",
    "numerics/nan_count": "numerical_stability/nan_count",
    "numerics/inf_count": "numerical_stability/inf_count",
    "performance/training_time_s": "performance/training_time",
    "model/parameters": "model/total_parameters",
    **_EPOCHS,
}
"""W&B's names in the experiment tracker: these, and Epochal's own such as ``train/loss``."""

LOGGER_WANDB: Mapping[str, str] = {
    "lr": "train/learning_rate",
    "gradients/norm": "train/gradient_norm",
    "final_train_loss": "summary/final_train_loss",
    "final_val_loss": "summary/final_val_loss",
    "best_val_loss": "summary/best_val_loss",
    "total_steps": "summary/total_steps",
    "total_training_time": "summary/total_training_time",
    **_EPOCHS,
}
"""W&B's names in the experiment logger."""


def step_row(metrics: Mapping[str, Any], prefix: str = "train") -> dict[str, Any]:
    """Return a training step's metrics by Epochal's names.

    Example:
        >>> step_row({"loss": 0.5, "gradient_norm": 2.0, "bleu": 0.3})
        {'train/loss': 0.5, 'gradients/norm': 2.0, 'train/bleu': 0.3}
    """
    return {STEP_METRICS.get(name) or f"{prefix}/{name}": value for name, value in metrics.items()}


def epoch_row(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return an epoch's metrics by Epochal's names: columns of the epochs file where it has one.

    Example:
        >>> epoch_row({"train_loss": 0.5, "val_loss": 0.6, "bleu": 0.3})
        {'train_loss_mean': 0.5, 'val_loss': 0.6, 'epoch/bleu': 0.3}
    """
    return {EPOCH_METRICS.get(name) or f"epoch/{name}": value for name, value in metrics.items()}


def with_names(
    arguments: Mapping[str, Any], names: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    """Return arguments of ``epochal.init`` in which each mirror has a name map.

    Names that the arguments give to a mirror come before those of the map.

    Example:
        >>> with_names({"sinks": {"csv": {}}}, {"wandb": {"lr": "rate"}})
        {'sinks': ['csv'], 'sink_options': {'wandb': {'names': {'lr': 'rate'}}, 'csv': {}}}
    """
    given, options = dict(arguments), {sink: {"names": dict(n)} for sink, n in names.items()}
    said = dict(given.pop("sink_options", None) or {})
    if isinstance(given.get("sinks"), Mapping):
        said, given["sinks"] = {**given["sinks"], **said}, list(given["sinks"])
    for sink, more in said.items():
        before: dict[str, Any] = options.get(sink, {})
        own = {**before.get("names", {}), **(more or {}).get("names", {})}
        options[sink] = {**before, **(more or {}), **({"names": own} if own else {})}
    return {**given, "sink_options": options}
