"""``MetricsTracker``: batches in, statistics of each epoch out, as files and as a run."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import epochal
from epochal.core.atomic import write_atomically
from epochal.loggers.epoch_metrics import BatchesOfEpoch, EpochMetrics, recorded_epochs, to_csv
from epochal.loggers.started import kept_from_training, number
from epochal.measure import EmaDistance, compute_grad_norm
from epochal.record.run import Run
from epochal.sinks.json_rows import to_json

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["EpochMetrics", "MetricsTracker", "compute_grad_norm"]


class MetricsTracker:
    """Tracks a training by epochs.

    After each epoch ``training_metrics.csv`` and ``training_metrics.json`` in the folder are
    replaced by complete new ones.  Batches and epochs are also recorded to a run of Epochal's,
    ``tracker.run``, below ``runs`` in the folder.  What cannot be recorded or written is told and
    counted, and never ends the training.

    Args:
        output_dir: the folder; made if it is missing.
        config: of the run, see :func:`epochal.init`.
        **settings: any other argument of :func:`epochal.init`.  With ``resume`` the epochs of
            that run are there again.

    Attributes:
        run: the run.
        output_dir: absolute path.
        epochs: an :class:`EpochMetrics` for each epoch that has ended.
        files: absolute paths of the two files, if something was written.
        step: batches so far.

    Raises:
        SettingError, RunFolderError: as :func:`epochal.init`.

    Example:
        >>> import tempfile
        >>> tracker = MetricsTracker(tempfile.mkdtemp(), sinks=[])
        >>> tracker.start_epoch(1)
        >>> for loss in (0.5, 0.25):
        ...     tracker.log_batch(loss, lr=1e-3, grad_norm=2.0, batch_size=32)
        >>> tracker.end_epoch().loss_mean
        0.375
        >>> tracker.close()
    """

    def __init__(
        self, output_dir: str | os.PathLike[str] = "training_output", config: object = None,
        **settings: Any,
    ) -> None:  # fmt: skip
        self.output_dir = os.path.abspath(os.fspath(output_dir))
        self.run: Run = epochal.init(
            config=config, **{"dir": os.path.join(self.output_dir, "runs"), **settings}
        )
        self.step = int(self.run.step or 0)
        self.epochs: list[EpochMetrics] = (
            recorded_epochs(self.run) if settings.get("resume") else []
        )
        self.files: list[str] = []
        self._batches: BatchesOfEpoch | None = None

    def start_epoch(self, epoch: float) -> None:
        """Begin an epoch; the batches of one that did not end are counted in none.

        One that is no number is told, and counts as the next one.
        """
        given = self._number(epoch)
        self._batches = BatchesOfEpoch(self._next() if given is None else given)

    @kept_from_training
    def log_batch(
        self, loss: Any, lr: Any = None, grad_norm: Any = None, batch_size: int | None = None,
        **more: Any,
    ) -> None:  # fmt: skip
        """Take one batch; never waits for a device.

        Args:
            loss: mean loss of the batch: a number, or a tensor with one element.
            lr: the learning rate.
            grad_norm: L2 norm of all gradients, see :func:`compute_grad_norm`.
            batch_size: samples in the batch.
            **more: other metrics, recorded to the run only.
        """
        batches = self._open()
        self.step += 1
        batches.count += 1
        batches.without_size += 1  # until its size is known
        if self.run.due("train", self.step, batches.epoch):
            row = {"loss": loss, "lr": lr, "grad_norm_total": grad_norm, **more}
            self.run.log(row, self.step, epoch=batches.epoch, phase="train")
        collected = ((batches.loss, loss), (batches.lr, lr), (batches.grad_norm, grad_norm))
        for aggregate, value in collected:
            if value is not None:
                aggregate.add(value)
        if batch_size is not None:
            batches.samples += number("batch_size", batch_size, 0)
            batches.without_size -= 1

    def end_epoch(self, model: Any = None, ema_model: Any = None) -> EpochMetrics:
        """End the epoch: read what is still on a device, record and write the epoch's metrics.

        Args:
            model: the model; with ``ema_model`` their distance is measured.
            ema_model: the moving average of its weights: an ``epochal.measure.Ema``, a module,
                an ``AveragedModel``, or a mapping of names to tensors.
        """
        batches, self._batches = self._open(), None
        before_s = self.epochs[-1].cumulative_time_sec if self.epochs else 0.0
        metrics = self._measured(batches, before_s) or batches.only_time(before_s)
        if model is not None and ema_model is not None:
            metrics = replace(metrics, ema_delta_norm=self._ema_distance(model, ema_model))
        self.epochs.append(metrics)
        values = asdict(metrics)
        self.run.log(values, epoch=values.pop("epoch"))
        self._write_files()
        return metrics

    def close(self) -> None:
        """End the run; without it the run ends with the program."""
        self.run.finish()

    def __enter__(self) -> Self:
        """Return the tracker itself."""
        return self

    def __exit__(self, *error: Any) -> None:  # noqa: PYI036 - handed on as it is
        """End the run; an exception makes its state "failed"."""
        self.run.__exit__(*error)

    def _open(self) -> BatchesOfEpoch:
        """Return the epoch that is open; a first batch without ``start_epoch`` begins the next."""
        if self._batches is None:
            self._batches = BatchesOfEpoch(self._next())
        return self._batches

    def _next(self) -> float:
        return self.epochs[-1].epoch + 1 if self.epochs else 1

    @kept_from_training
    def _number(self, epoch: Any) -> float | None:
        return number("epoch", epoch, self._next())

    @kept_from_training
    def _measured(self, batches: BatchesOfEpoch, before_s: float) -> EpochMetrics | None:
        return batches.metrics(before_s)

    @kept_from_training
    def _ema_distance(self, model: Any, ema_model: Any) -> float:
        return float(EmaDistance(model, ema_model).measure()["ema/distance"])

    @kept_from_training
    def _write_files(self) -> None:
        """Replace both files; a process that records nothing (``mode="off"``) writes nothing."""
        if not self.run.dir:
            return
        rows = [asdict(each) for each in self.epochs]
        about = {"run": self.run.name, "id": self.run.id, "dir": self.run.dir}
        content = {
            "training_metrics.csv": to_csv(rows),
            "training_metrics.json": to_json({**about, "epochs": rows}, indented=True) + b"\n",
        }
        os.makedirs(self.output_dir, exist_ok=True)
        for name, data in content.items():
            write_atomically(os.path.join(self.output_dir, name), data, private=False)
        self.files = [os.path.join(self.output_dir, name) for name in content]
