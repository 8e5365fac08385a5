"""What an epoch of a :class:`~epochal.loggers.MetricsTracker` came to."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from epochal.measure import Aggregate
from epochal.probes import torch_memory
from epochal.record.run import Run
from epochal.sinks.csv_table import number


@dataclass(frozen=True)
class EpochMetrics:
    """What an epoch came to; None is what was not measured.

    Statistics of the loss are over the batches of the epoch, each counting the same; ``loss_std``
    is divided by their number.  One NaN among them makes them NaN.

    Attributes:
        epoch: as given to ``start_epoch``.
        lr: of the last batch.
        grad_norm: mean over the batches.
        samples_per_sec: None if a batch came without its size.
        batches_per_sec: over the whole epoch, what waits for data included.
        gpu_allocated_mb, gpu_reserved_mb: memory of PyTorch in MiB at the end of the epoch, all
            its GPUs together.
        gpu_peak_mb: the most that was allocated until then.
        ema_delta_norm: L2 distance between the weights and their moving average.
        epoch_time_sec: from ``start_epoch`` until the device had done the last batch.
        cumulative_time_sec: sum over the epochs so far.
    """

    epoch: float
    loss_mean: float | None = None
    loss_std: float | None = None
    loss_min: float | None = None
    loss_max: float | None = None
    loss_median: float | None = None
    lr: float | None = None
    grad_norm: float | None = None
    samples_per_sec: float | None = None
    batches_per_sec: float | None = None
    gpu_allocated_mb: float | None = None
    gpu_reserved_mb: float | None = None
    gpu_peak_mb: float | None = None
    ema_delta_norm: float | None = None
    epoch_time_sec: float = 0.0
    cumulative_time_sec: float = 0.0


class BatchesOfEpoch:
    """What the batches of one epoch add up to."""

    def __init__(self, epoch: float) -> None:
        self.epoch, self.began_s = epoch, time.perf_counter()
        self.loss, self.lr, self.grad_norm = Aggregate(), Aggregate(), Aggregate()
        self.count, self.without_size = 0, 0
        self.samples: float = 0

    def metrics(self, before_s: float) -> EpochMetrics:
        """Return the epoch's metrics until now; waits for the device, then reads the clock."""
        losses, norms, rates = (each.result() for each in (self.loss, self.grad_norm, self.lr))
        timed = self.only_time(before_s)
        duration_s = timed.epoch_time_sec
        sized = self.count and not self.without_size
        return replace(
            timed,
            **losses.as_dict("loss_"),
            lr=rates.last if rates.count else None,
            grad_norm=norms.mean if norms.count else None,
            samples_per_sec=self.samples / duration_s if sized else None,
            batches_per_sec=self.count / duration_s if self.count else None,
            **_gpu_memory(),
        )

    def only_time(self, before_s: float) -> EpochMetrics:
        """Return how long the epoch took until now, and nothing else of it."""
        duration_s = time.perf_counter() - self.began_s
        return EpochMetrics(
            self.epoch, epoch_time_sec=duration_s, cumulative_time_sec=before_s + duration_s
        )


def to_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Return a table with the columns of EpochMetrics; what was not measured is an empty cell."""
    lines = [
        ",".join("" if cell is None else number(cell) for cell in row.values()) for row in rows
    ]
    return "".join(f"{line}\n" for line in (",".join(rows[0]), *lines)).encode("ascii")


def _gpu_memory() -> dict[str, float]:
    """Return what PyTorch holds on all GPUs together, nothing if the program uses none."""
    found = torch_memory.sample()
    held: dict[str, float] = {}
    for kind in ("allocated", "reserved", "peak"):
        values = [value for name, value in found.items() if name.endswith(f"/torch_{kind}_mib")]
        if values:
            held[f"gpu_{kind}_mb"] = sum(values)
    return held


def recorded_epochs(run: Run) -> list[EpochMetrics]:
    """Return the epochs that a resumed run has."""
    if not run.dir:
        return []
    from epochal.read.view import RunView

    view = RunView(run.dir)
    rows: dict[float, dict[str, float]] = {}
    for name in (each.name for each in fields(EpochMetrics)[1:]):
        if name in view.metrics:
            series = view.series(name)
            for epoch, value in zip(series.epochs.tolist(), series.values.tolist(), strict=True):
                rows.setdefault(epoch, {})[name] = value
    return [
        EpochMetrics(int(epoch) if epoch.is_integer() else epoch, **rows[epoch])
        for epoch in sorted(rows)
    ]
