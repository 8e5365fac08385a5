"""What :class:`~epochal.loggers.MetricsLogger` computes by itself: columns and summary."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

from epochal.measure import Aggregates
from epochal.record.run import Run

LOSSES = {"train": "train_loss_mean", "val": "val_loss"}
"""What of an epoch the summary is about: word in its names → column."""


class StepsOfEpoch:
    """Adds up the steps since the last epoch; never waits for a device.

    Example:
        >>> steps = StepsOfEpoch()
        >>> steps.add("train", {"loss": 0.5, "lr": 0.1, "grad_norm_total": 2.0}, batch_size=8)
        >>> found = steps.columns({"duration_min": 1.0})
        >>> found["train_loss_mean"], found["learning_rate"], found["samples_processed"]
        (0.5, 0.1, 8)
    """

    def __init__(self, learning_rate: Any = None) -> None:
        self._began_s = time.perf_counter()
        self._metrics, self._samples, self.learning_rate = Aggregates(), 0, learning_rate

    def add(self, phase: str, row: Mapping[str, Any], batch_size: int | None) -> None:
        """Take a step."""
        self._metrics.add({f"{phase}_loss": row.get("loss")})
        if phase == "train":
            self._samples += batch_size or 0
            self._metrics.add({"grad_norm": row.get("grad_norm_total")})
            if row.get("lr") is not None:
                self.learning_rate = row["lr"]

    def columns(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the columns of the epoch; not those of a kind that is given already."""
        found: dict[str, Any] = {}
        if not any(name.startswith("duration_") for name in given):
            found["duration_s"] = time.perf_counter() - self._began_s
        results = self._metrics.results()
        if "train_loss" in results and not any(name.startswith("train_loss_") for name in given):
            found |= results["train_loss"].as_dict("train_loss_", ["mean", "std", "min", "max"])
        if "val_loss" in results:
            found["val_loss"] = results["val_loss"].mean
        if self.learning_rate is not None:
            found["learning_rate"] = self.learning_rate
        if "grad_norm" in results:
            norms = results["grad_norm"]
            found |= {"grad_norm_avg": norms.mean, "grad_norm_max": norms.max}
        if self._samples:
            found["samples_processed"] = self._samples
        return found


class TrainingSummary:
    """Totals and best epochs of a run, those of its earlier sessions included.

    Args:
        run: its record is read if it goes on with an earlier one.
        resumed: whether it may.
    """

    def __init__(self, run: Run, *, resumed: bool) -> None:
        self._began_s = time.perf_counter()
        self._earlier_s, self.steps = 0.0, 0
        self._epochs: dict[float, dict[str, float]] = {}
        if resumed and run.dir:
            self._go_on(run)

    def add(self, epoch: float, row: Mapping[str, Any]) -> None:
        """Take an epoch; a repeated one replaces the one before."""
        self._epochs[epoch] = {name: float(row[name]) for name in LOSSES.values() if name in row}

    def values(self) -> dict[str, Any]:
        """Return the summary; losses that are NaN or infinite are never the best."""
        seconds = self._earlier_s + time.perf_counter() - self._began_s
        found: dict[str, Any] = {
            "total_epochs": len(self._epochs),
            "total_steps": self.steps,
            "training_time_hours": seconds / 3600,
        }
        for word, column in LOSSES.items():
            losses = {epoch: row[column] for epoch, row in self._epochs.items() if column in row}
            finite = {epoch: loss for epoch, loss in losses.items() if math.isfinite(loss)}
            if losses:
                found[f"final_{word}_loss"] = [*losses.values()][-1]
            if finite:
                best = min(finite, key=finite.__getitem__)
                found |= {f"best_{word}_loss": finite[best], f"best_{word}_epoch": best}
        return found

    def _go_on(self, run: Run) -> None:
        from epochal.read.view import RunView

        view = RunView(run.dir)
        self._earlier_s = view.duration_s
        self.steps = len(view.series("train/loss")) if "train/loss" in view.metrics else 0
        for name in LOSSES.values():
            if name in view.metrics:
                series = view.series(name)
                for epoch, loss in zip(series.epochs.tolist(), series.values.tolist(), strict=True):
                    self._epochs.setdefault(epoch, {})[name] = loss
