"""Names of switches in scripts that were written for other loggers, and what they mean here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from epochal.record.cadence import ALLOWED, Every
from epochal.settings.declaration import FIELDS
from epochal.settings.values import read_switch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Legacy(NamedTuple):
    """What an older name means.

    Attributes:
        setting: the setting that it gives a value to; ``cadence.train`` is one kind of the
            cadence, ``sinks`` with a sign adds or takes that sink.
        allowed: what may be written, "" if as for the setting.
        convert: turns what was written into the setting's value; None: it says nothing.
    """

    setting: str
    allowed: str = ""
    convert: Callable[[Any], Any] = lambda value: value


def _interval(kind: str, unit: str = "steps") -> Legacy:
    def convert(value: Any) -> dict[str, Every]:
        bare = not isinstance(value, bool) and str(value).strip().replace(".", "", 1).isdigit()
        return {kind: Every.parse(f"{value} {unit}" if bare else value)}

    return Legacy(f"cadence.{kind}", f"a number of {unit}, or {ALLOWED}", convert)


def _sink(name: str) -> Legacy:
    def convert(value: Any) -> tuple[str, ...]:
        return (f"+{name}" if read_switch(value) else f"-{name}",)

    return Legacy(f"sinks (+{name})", "true or false", convert)


def _without_sink(name: str) -> Legacy:
    def convert(value: Any) -> tuple[str, ...] | None:
        return (f"-{name}",) if read_switch(value) else None

    return Legacy(f"sinks (-{name})", "true or false", convert)


def _option(sink: str, option: str) -> Legacy:
    return Legacy(f"sink_options.{sink}.{option}", "", lambda value: {sink: {option: value}})


LEGACY_NAMES: Mapping[str, Legacy] = {
    # constants of a TensorBoard logger for video diffusion
    "LOG_EVERY_EPOCHS": _interval("epoch", "epochs"),
    "DIAGNOSTIC_LOG_EVERY_STEPS": _interval("diagnostics"),
    "TENSORBOARD_FLUSH_EVERY_STEPS": _interval("flush"),
    "ENABLE_GRADIENT_HISTOGRAMS": Legacy("log_histograms"),
    "ENABLE_PARAMETER_TRACKING": Legacy("log_parameters"),
    "ENABLE_VIDEO_LOGGING": Legacy("log_video"),
    "ENABLE_NOISE_VISUALIZATION": Legacy("log_noise"),
    "ENABLE_PERFORMANCE_PROFILING": Legacy("log_performance"),
    # the section `logging:` in the YAML of a Weights & Biases logger, and its flag
    "project_name": Legacy("project"),
    "experiment_name": Legacy("name"),
    "log_training_every": _interval("train"),
    "log_validation_every": _interval("validation"),
    "log_gradient_norms": Legacy("log_gradients"),
    "log_memory_usage": Legacy("log_memory"),
    "log_compute_time": Legacy("log_performance"),
    "no_wandb": _without_sink("wandb"),
    # `ExperimentConfig` of a tracker with a control panel
    "run_name": Legacy("name"),
    "enable_tensorboard": _sink("tensorboard"),
    "enable_wandb": _sink("wandb"),
    "log_interval": _interval("train"),
    "save_interval": _interval("checkpoint"),
    "log_metrics": Legacy("log_train"),
    "log_hyperparameters": Legacy("log_config"),
    "log_model_architecture": Legacy("log_model"),
    "log_nan_inf_counts": Legacy("log_numerics"),
    "model_save_dir": Legacy("checkpoint_dir"),
    "config_save_dir": Legacy("config_dir"),
    "resume_run": Legacy("resume"),
    "wandb_group": Legacy("group"),
    "wandb_job_type": Legacy("job_type"),
    "wandb_entity": _option("wandb", "entity"),
    "anonymous": _option("wandb", "anonymous"),
    "sync_tensorboard": _option("wandb", "sync_tensorboard"),
}
"""Each older name with what it means; ``tags``, ``notes``, ``tensorboard_dir``, ``log_gradients``,
``log_images``, ``log_text`` and ``log_learning_rate`` are settings of the same name.

They are read like settings from ``epochal.toml``, templates and arguments, from the section
``logging`` of a config, and from the environment (in capitals as they are; all with ``EPOCHAL_``).
Where a source has both ``run_name`` and ``experiment_name``, the latter names the group.

Example:
    >>> LEGACY_NAMES["LOG_EVERY_EPOCHS"].setting
    'cadence.epoch'
"""

LOGGING_SECTION = frozenset(
    [*LEGACY_NAMES, "tags", "notes", *(name for name in FIELDS if name.startswith("log_"))]
)
"""Names that are read from the section ``logging`` of a config; others there are not ours."""
