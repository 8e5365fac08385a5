"""The typed records of the experiment tracker: its config, a step's metrics, a checkpoint."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from epochal.core.atomic import write_atomically
from epochal.core.errors import ConfigError, did_you_mean
from epochal.record.config import read_config

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass
class ExperimentConfig:
    """What an :class:`~epochal.loggers.ExperimentTracker` records, how often, and where.

    The defaults are those of the preset "Basic Tracking".  A field that was not set says nothing:
    another preset, ``epochal.toml`` or the environment may say it.

    Attributes:
        experiment_name: the run's name; with ``run_name``, the group of its runs.
        project_name: the project; None: the name of the current folder.
        run_name: the run's name.
        tags: short labels; ``/`` makes them hierarchical.
        notes: free text.
        enable_tensorboard: mirror to TensorBoard.
        enable_wandb: mirror to Weights & Biases.
        log_interval: record a training step every so many steps.
        save_interval: every so many steps a checkpoint is due: ``tracker.run.due("checkpoint",
            step)`` says so.
        log_metrics: record training steps.
        log_hyperparameters: hand hyperparameters to the mirrors.
        log_model_architecture: record the model's layers.
        log_gradients: record norms per layer in ``log_gradients``.
        log_images: record images and figures.
        log_text: record texts.
        tensorboard_dir: folder for event files; None: the run's own.
        model_save_dir: folder for checkpoints; None: the run's own.
        config_save_dir: folder in which this config is saved as JSON; None: it is not.
        sync_tensorboard: upload the event files to W&B when the run ends.
        resume_run: id, name or path of a run to go on with, "auto" (or True): this job's.
        anonymous: accepted and without effect, as in W&B itself.
        wandb_entity: W&B's user or team.
        wandb_group: the group, in Epochal as in W&B.
        wandb_job_type: the run's role, such as "train".

    Example:
        >>> ExperimentConfig(experiment_name="clip", log_interval=5).changes()
        {'save_interval': 1000, 'experiment_name': 'clip', 'log_interval': 5}
        >>> ExperimentConfig(enable_wandb=False).changes()["enable_wandb"]
        False
    """

    experiment_name: str | None = None
    project_name: str | None = None
    run_name: str | None = None
    tags: list[str] = field(default_factory=list)
    notes: str = ""
    enable_tensorboard: bool = True
    enable_wandb: bool = False
    log_interval: int = 10
    save_interval: int = 1000
    log_metrics: bool = True
    log_hyperparameters: bool = True
    log_model_architecture: bool = True
    log_gradients: bool = False
    log_images: bool = True
    log_text: bool = True
    tensorboard_dir: str | None = None
    model_save_dir: str | None = None
    config_save_dir: str | None = None
    sync_tensorboard: bool = False
    resume_run: str | bool | None = None
    anonymous: bool | str | None = None
    wandb_entity: str | None = None
    wandb_group: str | None = None
    wandb_job_type: str | None = None

    def __new__(cls, *given: Any, **named: Any) -> Self:
        """Make one that knows which fields were given: a default that was given counts too."""
        made = super().__new__(cls)
        positional = (each.name for each, _ in zip(fields(cls), given, strict=False))
        object.__setattr__(made, "_set", frozenset([*positional, *named]))
        return made

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a field, which counts as given from the second time on: the first is the default."""
        if name in vars(self):
            object.__setattr__(self, "_set", vars(self)["_set"] | {name})
        object.__setattr__(self, name, value)

    def changes(self) -> dict[str, Any]:
        """Return the fields that were set, as arguments of :func:`epochal.init`.

        ``save_interval`` is always among them: no preset says it, and the settings count epochs.
        """
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        if isinstance(self.resume_run, bool):
            values["resume_run"] = "auto" if self.resume_run else None
        was_set = vars(self)["_set"]
        said = {name: v for name, v in values.items() if name in was_set and v is not None}
        return {"save_interval": self.save_interval, **said}

    @classmethod
    def of(cls, given: object) -> ExperimentConfig:
        """Return a config as it is, or one of a mapping of fields or a file; None: the defaults.

        Raises:
            ConfigError: it cannot be read, or has a field that is none.

        Example:
            >>> ExperimentConfig.of({"experiment_name": "clip"}).log_interval
            10
        """
        if isinstance(given, cls):
            return given
        found = read_config(given)
        known = [each.name for each in fields(cls)]
        for name in found:
            if name not in known:
                where = f"{os.fspath(given)}: " if isinstance(given, str | os.PathLike) else ""
                hint = did_you_mean(name, known) or f": its fields are {', '.join(known)}"
                raise ConfigError(f"{where}an ExperimentConfig has no field {name!r}{hint}")
        if len(found) == len(known):  # as `save` writes it: which ones were set is not known
            default = asdict(cls())
            found = {name: value for name, value in found.items() if value != default[name]}
        return cls(**found)

    def save(self, path: str | os.PathLike[str]) -> str:
        """Write all fields to a JSON file and return its path; folders are made.

        Raises:
            OSError: it cannot be written.
        """
        where = os.path.abspath(path)
        os.makedirs(os.path.dirname(where), exist_ok=True)
        body = json.dumps(asdict(self), indent=2).encode("utf-8") + b"\n"
        write_atomically(where, body, private=False)
        return where

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ExperimentConfig:
        """Read what :meth:`save` wrote.

        Raises:
            ConfigError: the file cannot be read, or has a field that is none.
        """
        return cls.of(os.fspath(path))


@dataclass
class TrainingMetrics:
    """What is measured in one training step; what is None is not recorded.

    Attributes:
        loss: the training loss.
        accuracy: 0 to 1.
        learning_rate: as used in this step.
        gradient_norm: L2 norm of all gradients.
        nan_count: how many values were NaN.
        inf_count: how many values were infinite.
        clipping_applied: whether the gradients were clipped.
        clipping_threshold: the norm above which they are.
        training_time: seconds for this step.
        memory_usage: MB.
        gpu_utilization: percent.

    Example:
        >>> TrainingMetrics(loss=0.5, nan_count=1).loss
        0.5
    """

    loss: float | None = None
    accuracy: float | None = None
    learning_rate: float | None = None
    gradient_norm: float | None = None
    nan_count: int = 0
    inf_count: int = 0
    clipping_applied: bool = False
    clipping_threshold: float | None = None
    training_time: float | None = None
    memory_usage: float | None = None
    gpu_utilization: float | None = None


@dataclass
class ModelCheckpoint:
    """A checkpoint in memory, with typed fields instead of the keys of its file.

    Attributes:
        epoch, step, loss, metrics: where the training stood.
        model_state, optimizer_state, scheduler_state: state dictionaries.
        timestamp: ISO 8601, UTC.

    Example:
        >>> made = ModelCheckpoint(1, 10, 0.5, {}, {"w": 1}, {})
        >>> ModelCheckpoint.from_dict(made.to_dict()) == made
        True
    """

    epoch: int
    step: int
    loss: float
    metrics: dict[str, Any]
    model_state: dict[str, Any]
    optimizer_state: dict[str, Any]
    scheduler_state: dict[str, Any] | None = None
    timestamp: str = field(default_factory=lambda: datetime.now(timezone.utc).isoformat())

    def to_dict(self) -> dict[str, Any]:
        """Return it with the keys of a checkpoint file."""
        return {
            "epoch": self.epoch, "step": self.step, "loss": self.loss, "metrics": self.metrics,
            "model_state_dict": self.model_state, "optimizer_state_dict": self.optimizer_state,
            "scheduler_state_dict": self.scheduler_state, "timestamp": self.timestamp,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, contents: Mapping[str, Any]) -> ModelCheckpoint:
        """Make one of the contents of a checkpoint file; what else they hold is left out."""
        return cls(
            epoch=contents["epoch"], step=contents["step"], loss=contents["loss"],
            metrics=contents.get("metrics") or {}, model_state=contents["model_state_dict"],
            optimizer_state=contents["optimizer_state_dict"],
            scheduler_state=contents.get("scheduler_state_dict"),
            timestamp=str(contents.get("timestamp", "")),
        )  # fmt: skip
