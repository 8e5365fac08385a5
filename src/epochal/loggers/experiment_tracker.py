"""``ExperimentTracker``: training steps with their numerical health, checkpoints, a figure."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

from epochal.api import init
from epochal.core.names import slug
from epochal.loggers import names
from epochal.loggers.experiment_records import ExperimentConfig, TrainingMetrics
from epochal.loggers.progress import curves_of, summary_of
from epochal.loggers.run_folder import RunFolder
from epochal.loggers.started import kept_from_training, settings_of
from epochal.media import Figure, Image

NAMES = {"tensorboard": names.TRACKER_TENSORBOARD, "wandb": names.TRACKER_WANDB}


class ExperimentTracker(RunFolder):
    """Tracks a training with a focus on numerical stability; mirrored to TensorBoard by default.

    Everything is recorded to a run of Epochal's, ``tracker.run``, in the background; what cannot
    be recorded is told and counted and never ends the training.  TensorBoard and W&B get the names
    ``Loss/Train``, ``Numerical_Stability/NaN_Count``, ``numerical_stability/nan_count``, ….

    Of the methods about other runs (``list``, ``search``, ``compare``, ``best``, ``register``) see
    :class:`epochal.ExperimentRegistry`.

    Args:
        config: what is recorded, how often and where.  The path of a folder of runs instead: it is
            only read, by these methods, and nothing is recorded.
        preset: settings to start from, which fields of the config override: "Basic Tracking",
            "Full Tracking", "Numerical Stability Focus", a template of your own; None: that of the
            environment or of ``epochal.toml``.
        **settings: any other argument of :func:`epochal.init`, such as ``dir`` and ``seed``.

    Attributes:
        run: the run.
        config: as given.
        current_epoch, current_step: where the training stands.

    Raises:
        SettingError, RunFolderError: as :func:`epochal.init`.

    Example:
        >>> import tempfile
        >>> config = ExperimentConfig(experiment_name="clip", enable_tensorboard=False)
        >>> tracker = ExperimentTracker(config, dir=tempfile.mkdtemp())
        >>> for _ in range(20):
        ...     tracker.log_training_step(loss=0.5, gradient_norm=1.5, nan_count=0)
        >>> tracker.get_experiment_summary()["loss_stats"]["final"]
        0.5
        >>> tracker.close()
    """

    def __init__(
        self, config: ExperimentConfig | str | os.PathLike[str] | None = None,
        preset: str | None = "basic", **settings: Any,
    ) -> None:  # fmt: skip
        if isinstance(config, str | os.PathLike):
            settings, config = {**settings, "dir": os.fspath(config), "mode": "off"}, None
        self.config = config or ExperimentConfig()
        arguments = names.with_names({**self.config.changes(), "preset": preset, **settings}, NAMES)
        self._settings = settings_of(arguments)
        super().__init__(self._settings.dir)
        self.run = init(**arguments)
        self.current_epoch: float = 0
        self.current_step: float = self.run.step or 0
        self._save_config()

    @kept_from_training
    def log_training_step(self, metrics: Any = None, /, **values: Any) -> None:
        """Log a training step: every ``log_interval`` steps, and each one that is not finite.

        Args:
            metrics: a :class:`TrainingMetrics` or a mapping.
            **values: its fields by name, and any other metric, recorded as ``train/<name>``.  With
                ``step`` and ``epoch`` among them the training stands there; without, the step is
                one more than the last.
        """
        if isinstance(metrics, TrainingMetrics):
            metrics = vars(metrics)
        given = {**(metrics or {}), **values}
        self.current_step = given.pop("step", self.current_step + 1)
        self.current_epoch = given.pop("epoch", self.current_epoch)
        due = self.run.due("train", self.current_step, self.current_epoch)
        if due or (self._settings.log_train and _unstable(given)):
            if not self._settings.log_numerics:
                given = {n: v for n, v in given.items() if n not in ("nan_count", "inf_count")}
            row = names.step_row(given)
            if "wandb" in self._settings.sinks:  # its columns `step` and `epoch` by older names
                row |= {"train/step": self.current_step, "train/epoch": self.current_epoch}
            self.run.log(row, self.current_step, epoch=self.current_epoch)

    @kept_from_training
    def log_epoch(self, epoch: float, metrics: Mapping[str, Any]) -> None:
        """Log an epoch: a line of the epochs file, with more metrics as ``epoch/<name>``."""
        self.current_epoch = epoch
        if self.run.due("epoch", epoch=epoch):
            self.run.log(names.epoch_row(metrics), epoch=epoch)

    @kept_from_training
    def log_model_architecture(self, model: Any) -> None:
        """Record a PyTorch model's layers and how many parameters it has."""
        from epochal.measure import describe_model

        if self._settings.log_model:
            describe_model(model).log(self.run)

    @kept_from_training
    def log_hyperparameters(self, hyperparams: Mapping[str, Any]) -> None:
        """Merge hyperparameters into the run's config."""
        self.run.config.update(hyperparams)

    @kept_from_training
    def log_gradients(self, model: Any) -> None:
        """Record the gradients that the model has now: norms, per layer too, and histograms."""
        from epochal.measure import Gradients, Histograms

        if self._settings.log_gradients:
            self.run.log(Gradients(model).measure(), self.current_step)
        if self._settings.log_histograms:
            self.run.log(Histograms(model).measure(), self.current_step)

    @kept_from_training
    def log_images(self, images: Any, tag: str = "Images", caption: str = "") -> None:
        """Record an image, or a batch of images as a grid; see :class:`epochal.Image`."""
        if self.run.due("images", self.current_step):
            self.run.log({tag: Image(images, caption)}, self.current_step)

    @kept_from_training
    def log_text(self, text: str, tag: str = "Text") -> None:
        """Record a text."""
        if self.run.due("text", self.current_step):
            self.run.log({tag: text}, self.current_step)

    @kept_from_training
    def save_checkpoint(
        self, model: Any, optimizer: Any, epoch: int, step: int, loss: Any,
        metrics: Mapping[str, Any] | None = None, scheduler: Any = None,
    ) -> str | None:  # fmt: skip
        """Save a checkpoint and return its path; None: it could not be saved, which is told.

        The file holds ``epoch step loss metrics model_state_dict optimizer_state_dict
        scheduler_state_dict timestamp config``.
        """
        self.current_epoch, self.current_step = epoch, step
        path: str | None = self.run.save_checkpoint(
            model=model, optimizer=optimizer, scheduler=scheduler, epoch=epoch, step=step,
            loss=loss, metrics=metrics,
        )  # fmt: skip
        return path

    def load_checkpoint(self, path: str | os.PathLike[str]) -> dict[str, Any] | None:
        """Return what a checkpoint holds, None if there is no such file; the training stands there.

        Tensors are on the CPU; ``model.load_state_dict(found["model_state_dict"])`` takes them.

        Raises:
            CheckpointError: the file is damaged or is no checkpoint.
        """
        from epochal.checkpoints import load_file

        if not os.path.exists(path):
            return None
        found = load_file(path)
        self.current_epoch = found.get("epoch") or 0
        self.current_step = found.get("step") or 0
        return found

    @kept_from_training
    def create_visualization(self, path: str | os.PathLike[str] | None = None) -> dict[str, Any]:
        """Draw loss, accuracy, gradient norm and counts of NaN and Inf, and record the figure.

        Args:
            path: also save it here; the suffix says in which format.

        Returns:
            ``figure``, of matplotlib, and ``metrics_summary``.
        """
        from epochal.present.progress import training_progress

        figure = training_progress(curves_of(self.run), title=self.run.name)
        if path is not None:
            os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
            figure.savefig(path)
        self.run.log({"training_progress": Figure(figure)}, self.current_step)
        return {"figure": figure, "metrics_summary": self.get_experiment_summary()}

    @kept_from_training
    def get_experiment_summary(self) -> dict[str, Any]:
        """Return where the training stands and statistics of what was recorded.

        Keys: ``experiment_name project_name run_id run_dir total_steps current_epoch current_step
        loss_stats accuracy_stats gradient_stats numerical_stability checkpoints
        tracking_systems``.
        """
        sinks = self._settings.sinks
        return {
            "experiment_name": self.config.experiment_name or self.run.name,
            "project_name": self.run.project, "run_id": self.run.id, "run_dir": self.run.dir,
            "current_epoch": self.current_epoch, "current_step": self.current_step,
            **summary_of(self.run),
            "tracking_systems": {name: name in sinks for name in ("tensorboard", "wandb")},
        }  # fmt: skip

    def close(self) -> None:
        """End the run; the mirrors are completed in the background."""
        self.run.finish()

    @kept_from_training
    def _save_config(self) -> None:
        folder = self._settings.config_dir
        if folder and self.run.dir:
            self.config.save(os.path.join(folder, f"{slug(self.run.name)}_{self.run.id}.json"))


def _unstable(metrics: Mapping[str, Any]) -> bool:
    """Say whether something is not finite; values on a device are not waited for."""
    counts = [metrics.get("nan_count"), metrics.get("inf_count")]
    if any(isinstance(count, int | float) and count for count in counts):
        return True
    loss = metrics.get("loss")
    return isinstance(loss, int | float) and not math.isfinite(loss)
