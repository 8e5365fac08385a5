"""``ExperimentTracker``: training steps with their numerical health, checkpoints, a figure."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from numbers import Real
from typing import Any

from epochal.api import init
from epochal.core.names import slug
from epochal.loggers import names
from epochal.loggers.experiment_records import ExperimentConfig, TrainingMetrics
from epochal.loggers.progress import curves_of, summary_of
from epochal.loggers.run_folder import RunFolder
from epochal.loggers.run_logger import RunLogger
from epochal.loggers.started import kept_from_training, number, settings_of
from epochal.media import Figure, Image
from epochal.record.config import FILE_SUFFIXES
from epochal.record.values import element_count, is_array, on_device

NAMES = {"tensorboard": names.TRACKER_TENSORBOARD, "wandb": names.TRACKER_WANDB}


class ExperimentTracker(RunLogger, RunFolder):
    """Tracks a training with a focus on numerical stability; mirrored to TensorBoard by default.

    Everything is recorded to a run of Epochal's, ``tracker.run``, in the background; what cannot
    be recorded is told and counted and never ends the training.  TensorBoard and W&B get the names
    ``Loss/Train``, ``Numerical_Stability/NaN_Count``, ``numerical_stability/nan_count``, ….

    Of the methods about other runs (``list``, ``search``, ``compare``, ``best``, ``register``) see
    :class:`epochal.ExperimentRegistry`.

    Args:
        config: what is recorded, how often and where: an :class:`ExperimentConfig`, a mapping of
            its fields, or the path of a YAML or JSON file of them.  The path of a folder of runs
            instead: it is only read, by these methods, and nothing is recorded.
        preset: settings to start from, which fields of the config override: "Basic Tracking",
            "Full Tracking", "Numerical Stability Focus", a template of your own; None: that of the
            environment or of ``epochal.toml``.
        **settings: any other argument of :func:`epochal.init`, such as ``dir`` and ``seed``.

    Attributes:
        run: the run.
        config: an :class:`ExperimentConfig`.
        current_epoch, current_step: where the training stands.

    Raises:
        SettingError, ConfigError, RunFolderError: as :func:`epochal.init`.

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
        self, config: object = None, preset: str | None = "basic", **settings: Any
    ) -> None:
        if _is_folder(config):
            settings, config = {**settings, "dir": str(config), "mode": "off"}, None
        self.config = ExperimentConfig.of(config)
        arguments = names.with_names({**self.config.changes(), "preset": preset, **settings}, NAMES)
        self._settings = settings_of(arguments)
        super().__init__(self._settings.dir)
        self.run = init(**arguments)
        self.current_epoch: float = 0
        self.current_step: float = self.run.step or 0
        self._save_config()

    @kept_from_training
    def log_training_step(self, metrics: Any = None, **values: Any) -> None:
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
        step = number("step", given.pop("step", None), self.current_step + 1)
        self.current_epoch = number("epoch", given.pop("epoch", None), self.current_epoch)
        self.current_step = step
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
        self.current_epoch = number("epoch", epoch, self.current_epoch)
        if self.run.due("epoch", epoch=epoch):
            self.run.log(names.epoch_row(metrics), epoch=epoch)

    @kept_from_training
    def log_gradients(self, model: Any, step: float | None = None) -> None:
        """Record the gradients that the model has now: norms, per layer too, and histograms."""
        from epochal.measure import Gradients, Histograms

        now = number("step", step, self.current_step)
        if self._settings.log_gradients:
            self.run.log(Gradients(model).measure(), now)
        if self._settings.log_histograms:
            self.run.log(Histograms(model).measure(), now)

    @kept_from_training
    def log_images(
        self, images: Any, tag: str = "Images", caption: str = "", step: float | None = None,
        epoch: float | None = None,
    ) -> None:  # fmt: skip
        """Record an image, or a batch as a grid (see :class:`epochal.Image`), or several by tag.

        When they are due is as for :meth:`log_text`.
        """
        now, epoch = self._where(step, epoch)
        if self._due("images", now, epoch):
            by_tag = images if isinstance(images, Mapping) else {tag: images}
            named = {name: Image(each, caption) for name, each in by_tag.items()}
            self.run.log(named, now, epoch=epoch)

    @kept_from_training
    def log_text(
        self, text: str, tag: str = "Text", step: float | None = None, epoch: float | None = None
    ) -> None:
        """Record a text, if texts are due: by default at every step.

        At a step that was due they stay due, also where ``tracker.run.due("text", ...)`` has said
        so before.

        Args:
            text: what is recorded.
            tag: its name.
            step: default: that of the last training step.
            epoch: default: the same.
        """
        now, epoch = self._where(step, epoch)
        if self._due("text", now, epoch):
            self.run.log({tag: text}, now, epoch=epoch)

    @kept_from_training
    def save_checkpoint(
        self, model: Any, optimizer: Any, epoch: int, step: int, loss: Any,
        metrics: Mapping[str, Any] | None = None, scheduler: Any = None, **more: Any,
    ) -> str | None:  # fmt: skip
        """Save a checkpoint and return its path; None: it could not be saved, which is told.

        The file holds ``epoch step loss metrics model_state_dict optimizer_state_dict
        scheduler_state_dict timestamp config``.  Other arguments are those of
        ``tracker.run.save_checkpoint``, such as ``best=True``, ``final=True`` and ``keep_last``.
        """
        self.current_epoch = number("epoch", epoch, self.current_epoch)
        self.current_step = number("step", step, self.current_step)
        return self.run.save_checkpoint(
            model, optimizer, scheduler, epoch, step, loss, metrics, **more
        )  # fmt: skip

    def load_checkpoint(self, path: str | os.PathLike[str]) -> dict[str, Any] | None:
        """Return what a checkpoint holds, None if there is no such file; the training stands there.

        Tensors are on the CPU; ``model.load_state_dict(found["model_state_dict"])`` takes them.

        Args:
            path: a file, or "last", "best" or "final" of this run.

        Raises:
            CheckpointError: the file is damaged or is no checkpoint.
        """
        if path not in ("last", "best", "final") and not os.path.exists(path):
            return None
        found = self.run.load_checkpoint(path, rng=False)
        self.current_epoch = found.get("epoch") or 0
        self.current_step = found.get("step") or 0
        return found

    @kept_from_training
    def create_visualization(self, path: str | os.PathLike[str] | None = None) -> dict[str, Any]:
        """Draw loss, accuracy, gradient norm and counts of NaN and Inf, and record the figure.

        Args:
            path: also save it here, as PDF, SVG or PNG, whichever it ends with; beside it the
                points that are drawn as CSV, and where they come from as JSON.

        Returns:
            ``figure``, of matplotlib, and ``metrics_summary``.
        """
        from epochal.present.figures.training_progress import draw_progress
        from epochal.present.sources import runs_of
        from epochal.present.spec import Provenance
        from epochal.present.venues import SCREEN

        curves = curves_of(self.run)  # everything is on disk now
        runs = runs_of(self.run) if self.run.dir else []
        drawn = draw_progress(
            curves, self.run.name, title=self.run.name, venue=SCREEN, height_in=7.5,
            provenance=Provenance.of(runs, {"figure": "training_progress"}), path=path,
        )  # fmt: skip
        self.run.log({"training_progress": Figure(drawn.figure)}, self.current_step)
        return {"figure": drawn.figure, "metrics_summary": self.get_experiment_summary()}

    @kept_from_training
    def get_experiment_summary(self) -> dict[str, Any]:
        """Return where the training stands, and statistics of the steps that were recorded.

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

    def _where(self, step: float | None, epoch: float | None) -> tuple[float, float]:
        return number("step", step, self.current_step), number("epoch", epoch, self.current_epoch)

    def _due(self, kind: str, step: float, epoch: float) -> bool:
        """Say whether something is due, and say so again where ``run.due`` has.

        That may have been with an epoch that the tracker has not seen: without one it is any.
        """
        by_epochs = self._settings.cadence[kind].unit == "epochs"
        return self.run.due(kind, step, epoch) or (not by_epochs and self.run.due(kind, step))

    @kept_from_training
    def _save_config(self) -> None:
        folder = self._settings.config_dir
        if folder and self.run.dir:
            self.config.save(os.path.join(folder, f"{slug(self.run.name)}_{self.run.id}.json"))


def _is_folder(config: object) -> bool:
    """Say whether it is the path of a folder of runs: not that of a config."""
    name = os.fspath(config) if isinstance(config, str | os.PathLike) else None
    return name is not None and not str(name).lower().endswith(FILE_SUFFIXES)


def _unstable(metrics: Mapping[str, Any]) -> bool:
    """Say whether something is not finite; values on a device are not waited for."""
    counts = [metrics.get("nan_count"), metrics.get("inf_count")]
    if any(isinstance(count, Real) and count for count in counts):
        return True
    return any(_not_finite(value) for value in metrics.values())


def _not_finite(value: Any) -> bool:
    if is_array(value) and element_count(value) == 1 and not on_device(value):
        value = value.item()
    return isinstance(value, float) and not math.isfinite(value)
