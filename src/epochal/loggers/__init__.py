"""Named front doors: the calls of other logging systems, turned into records of one run.

Each name is loaded when it is first used.

Example:
    >>> from epochal.loggers import TrainingMetrics
    >>> TrainingMetrics(loss=0.5).nan_count
    0
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from epochal.core.lazy import lazy

if TYPE_CHECKING:
    from epochal.loggers.experiment_logger import ExperimentLogger
    from epochal.loggers.experiment_records import (
        ExperimentConfig,
        ModelCheckpoint,
        TrainingMetrics,
    )
    from epochal.loggers.experiment_tracker import ExperimentTracker
    from epochal.loggers.experiments import log_experiment, log_training_experiment
    from epochal.loggers.metrics_logger import MetricsLogger
    from epochal.loggers.metrics_tracker import EpochMetrics, MetricsTracker, compute_grad_norm
    from epochal.loggers.plots import generate_all_plots, generate_report
    from epochal.read.registry import ExperimentRegistry

__all__ = [
    "EpochMetrics",
    "ExperimentConfig",
    "ExperimentLogger",
    "ExperimentRegistry",
    "ExperimentTracker",
    "MetricsLogger",
    "MetricsTracker",
    "ModelCheckpoint",
    "TrainingMetrics",
    "compute_grad_norm",
    "generate_all_plots",
    "generate_report",
    "log_experiment",
    "log_training_experiment",
]

_LAZY = {
    "EpochMetrics": "epochal.loggers.metrics_tracker",
    "ExperimentConfig": "epochal.loggers.experiment_records",
    "ExperimentLogger": "epochal.loggers.experiment_logger",
    "ExperimentRegistry": "epochal.read.registry",
    "ExperimentTracker": "epochal.loggers.experiment_tracker",
    "MetricsLogger": "epochal.loggers.metrics_logger",
    "MetricsTracker": "epochal.loggers.metrics_tracker",
    "ModelCheckpoint": "epochal.loggers.experiment_records",
    "TrainingMetrics": "epochal.loggers.experiment_records",
    "compute_grad_norm": "epochal.loggers.metrics_tracker",
    "generate_all_plots": "epochal.loggers.plots",
    "generate_report": "epochal.loggers.plots",
    "log_experiment": "epochal.loggers.experiments",
    "log_training_experiment": "epochal.loggers.experiments",
}


__getattr__, __dir__ = lazy(__name__, _LAZY)
