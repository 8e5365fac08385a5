"""Whole experiments in one call each, on :class:`ExperimentLogger`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from epochal.loggers.experiment_logger import ExperimentLogger


def log_experiment(
    experiment_name: str, experiment_description: str, experiment_results: Mapping[str, Any],
    project_name: str | None = None, tags: Sequence[str] | None = None, **more: Any,
) -> str:  # fmt: skip
    """Record an experiment that is over, in one call, and return the run's id.

    Args:
        experiment_name: of the run.
        experiment_description: becomes its notes.
        experiment_results: metrics, recorded as ``custom/<name>``.
        project_name: default: the name of the current folder.
        tags: of the run.
        **more: arguments of :class:`ExperimentLogger`, such as ``config``.

    Example:
        >>> import epochal, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> _ = log_experiment("no-warmup", "without warm-up", {"val_loss": 1.5},
        ...                    project_name="doc", use_wandb=False, dir=folder)
        >>> epochal.open(folder).runs()[0].summary["custom/val_loss"].last
        1.5
    """
    more = {"notes": experiment_description, **more}
    with ExperimentLogger(project_name, experiment_name, tags=tags, **more) as logger:
        for name, value in experiment_results.items():
            logger.log_custom_metric(name, value)
    return logger.run.id


def log_training_experiment(
    config: object, model: Any = None, experiment_name: str | None = None,
    tags: Sequence[str] | None = None, **more: Any,
) -> ExperimentLogger:  # fmt: skip
    """Start to log a training: a logger made from a config with its section ``logging``.

    Args:
        config: as for :class:`ExperimentLogger`.
        model: if given, its architecture is recorded.
        experiment_name: instead of the one in the section ``logging``.
        tags: instead of those in the section ``logging``.
        **more: other arguments of :class:`ExperimentLogger`.

    Example:
        >>> import tempfile
        >>> config = {"lr": 0.1, "logging": {"experiment_name": "base", "project_name": "doc"}}
        >>> logger = log_training_experiment(config, use_wandb=False, dir=tempfile.mkdtemp())
        >>> logger.run.name, logger.run.project
        ('base', 'doc')
        >>> logger.finish()
    """
    logger = ExperimentLogger(None, experiment_name, config, tags, **more)
    if model is not None:
        logger.log_model_architecture(model)
    return logger
