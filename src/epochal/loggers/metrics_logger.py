"""``MetricsLogger``: steps and epochs in, CSV and JSON files with statistics out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import epochal
from epochal.loggers.epoch_columns import StepsOfEpoch, TrainingSummary
from epochal.loggers.run_files import files_of, wait_for_files
from epochal.loggers.started import kept_from_training
from epochal.record.run import Run
from epochal.settings import load

if TYPE_CHECKING:
    from typing_extensions import Self


class MetricsLogger:
    """Logs training steps and epochs.

    ``csv/<name>_steps.csv``, ``csv/<name>_epochs.csv``, ``json/<name>_config.json``,
    ``json/<name>_summary.json`` and ``json/training_metrics.json`` grow while training runs;
    ``files`` says where they are.  What cannot be recorded is told and counted, and never ends the
    training.

    Args:
        log_dir: folder of all runs; each has a folder of its own in it.
        experiment_name: the run's name; default: a readable one.
        config: nested mapping, dataclass, Namespace, or the path of a YAML or JSON file.
        **settings: any other argument of :func:`epochal.init`, such as ``project``, ``seed``,
            ``sinks`` and ``resume``.

    Attributes:
        run: the run.
        files: absolute paths of the files, by "steps", "epochs", "config", "summary", "metrics";
            empty if nothing is recorded.

    Raises:
        SettingError, ConfigError, RunFolderError: as :func:`epochal.init`.

    Example:
        >>> import tempfile
        >>> with MetricsLogger(tempfile.mkdtemp(), "first", {"lr": 1e-3}) as logger:
        ...     for step, loss in enumerate([0.75, 0.25]):
        ...         logger.log_step(step, loss, lr=1e-3, grad_norm_total=2.0)
        ...     logger.log_epoch(1, val_loss=0.5)
        >>> logger.run.summary["final_train_loss"], logger.run.summary["best_val_loss"]
        (0.5, 0.5)
    """

    def __init__(
        self, log_dir: str | os.PathLike[str] = "logs", experiment_name: str | None = None,
        config: object = None, **settings: Any,
    ) -> None:  # fmt: skip
        self.run: Run = epochal.init(
            name=experiment_name, config=config, dir=os.fspath(log_dir), **settings
        )
        self.files = files_of(self.run)
        for metric in ("train/loss", "train_loss_mean", "val_loss"):
            self.run.define(metric, goal="minimize")
        self._summary = TrainingSummary(self.run, resumed=bool(settings.get("resume")))
        self._steps = StepsOfEpoch()
        self._followed = load({"follow": settings.get("follow")}).follow != "off"

    @kept_from_training
    def log_step(
        self, step: float, loss: Any, lr: Any = None, grad_norm_total: Any = None,
        grad_norm_avg: Any = None, grad_norm_max: Any = None, phase: str = "train",
        batch_size: int | None = None, **extra: Any,
    ) -> None:  # fmt: skip
        """Log a step; never waits for a device.

        Args:
            step: its number.
            loss: a number, or a tensor with one element.
            lr: the learning rate.
            grad_norm_total: L2 norm of all gradients.
            grad_norm_avg: mean norm over parameter tensors.
            grad_norm_max: the largest of them.
            phase: "train", "val", "test" or your own.
            batch_size: samples in it, counted for ``samples_processed``.
            **extra: more metrics; each gets a column.
        """
        row = {
            "loss": loss, "lr": lr, "grad_norm_total": grad_norm_total,
            "grad_norm_avg": grad_norm_avg, "grad_norm_max": grad_norm_max, **extra,
        }  # fmt: skip
        if self.run.due("validation" if phase == "val" else "train", step):
            self.run.log(_given(row), step, phase=phase)
        self._summary.steps += phase == "train"
        self._steps.add(phase, row, batch_size)

    @kept_from_training
    def log_epoch(
        self, epoch: float, val_loss: Any = None, learning_rate: Any = None,
        samples_processed: int | None = None, ema_step_counter: int | None = None, **extra: Any,
    ) -> None:  # fmt: skip
        """Log an epoch, with statistics over the steps since the one before.

        What is not given is computed: ``train_loss_mean``, ``_std``, ``_min`` and ``_max``,
        ``grad_norm_avg`` and ``grad_norm_max`` (mean and maximum of ``grad_norm_total``),
        ``val_loss`` (mean of the steps of the phase "val"), ``learning_rate`` (of the last step),
        ``samples_processed`` (sum of the batch sizes) and ``duration_s``.

        Args:
            epoch: its number.
            val_loss: validation loss.
            learning_rate: at its end.
            samples_processed: samples of this epoch.
            ema_step_counter: updates of the moving average of the weights so far.
            **extra: more metrics, or the computed ones by name.
        """
        given = _given({
            "val_loss": val_loss, "learning_rate": learning_rate,
            "samples_processed": samples_processed, "ema_step_counter": ema_step_counter, **extra,
        })  # fmt: skip
        row = {**self._steps.columns(given), **given}
        self._steps = StepsOfEpoch(self._steps.learning_rate)
        if self.run.due("epoch", epoch=epoch):
            self.run.log(row, epoch=epoch)
        self._summary.add(epoch, row)
        self._summarize()

    def finalize(self, timeout_s: float = 10.0) -> None:
        """Write the summary and end the run; the files are complete when this returns.

        Args:
            timeout_s: how long to wait for the files at most; they are completed in any case.
        """
        self._end((None, None, None), timeout_s)

    def close(self) -> None:
        """Do the same as :meth:`finalize`."""
        self.finalize()

    def __enter__(self) -> Self:
        """Return the logger itself."""
        return self

    def __exit__(self, *error: Any) -> None:  # noqa: PYI036 - handed on as it is
        """Finalize; an exception makes the run's state "failed"."""
        self._end(error, 10.0)

    def _end(self, error: tuple[Any, ...], timeout_s: float) -> None:
        self._summarize()
        self.run.__exit__(*error)
        if self._followed:
            self._wait(timeout_s)

    @kept_from_training
    def _wait(self, timeout_s: float) -> None:
        wait_for_files(self.run, timeout_s)

    @kept_from_training
    def _summarize(self) -> None:
        """Bring the summary up to date; a run that is killed has that of its last epoch."""
        for key, value in self._summary.values().items():
            if self.run.dir and self.run.summary.get(key) != value:
                self.run.summary[key] = value


def _given(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}
