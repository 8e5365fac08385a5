"""A training by epochs: the columns of an epoch table, recorded or computed from the steps."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from epochal.present.panel import Array
from epochal.present.roles import role_of
from epochal.read.series import Series
from epochal.read.view import RunView

NO_EPOCH = "No epoch has ended yet."

OF_TRACKER: Mapping[str, str] = {
    "loss_mean": "No loss was given: log_batch() was not called.",
    "lr": "No learning rate was given to log_batch().",
    "grad_norm": "No gradient norm was given to log_batch(): compute_grad_norm(model) measures it.",
    "samples_per_sec": "log_batch() was given no batch_size: without it samples cannot be counted.",
    "batches_per_sec": "No loss was given: log_batch() was not called.",
    "gpu_allocated_mb": "No GPU was used: there is no GPU memory to show.",
    "ema_delta_norm": "end_epoch() was given no ema_model: there is no average to compare with.",
    "epoch_time_sec": NO_EPOCH,
}
"""Why a column of ``MetricsTracker`` is empty."""

OF_RUN: Mapping[str, str] = {
    "loss_mean": "The run has no training loss: log train/loss.",
    "lr": "The run has no learning rate: log lr.",
    "grad_norm": "The run has no gradient norm: log gradients/norm, or use epochal.watch.",
    "samples_per_sec": "The run has no samples/s: epochal.measure.Throughput measures them.",
    "batches_per_sec": "The run has no batches/s: epochal.measure.Throughput measures them.",
    "gpu_allocated_mb": "The run has no readings of GPU memory: PyTorch used none, or"
    " log_system was off.",
    "ema_delta_norm": "The run has no distance from a moving average of the weights:"
    " epochal.measure.EmaDistance measures it.",
    "epoch_time_sec": "The run has no epochs to take the time of.",
}
"""Why a column of any other run is empty."""

NAMES: Mapping[str, tuple[str, ...]] = {
    **{f"loss_{kind}": (f"loss_{kind}", f"train_loss_{kind}")
       for kind in ("mean", "std", "min", "max", "median")},
    "samples_per_sec": ("samples_per_sec", "performance/samples_per_s"),
    "batches_per_sec": ("batches_per_sec", "performance/batches_per_s"),
    "gpu_allocated_mb": ("gpu_allocated_mb",), "gpu_reserved_mb": ("gpu_reserved_mb",),
    "gpu_peak_mb": ("gpu_peak_mb",), "cumulative_time_sec": ("cumulative_time_sec",),
}  # fmt: skip
"""Column → metrics that hold it, the first one counts; others are found by their role."""

ROLES = {"lr": "lr", "grad_norm": "grad_norm", "samples_per_sec": "samples_per_s",
         "ema_delta_norm": "ema_distance", "epoch_time_sec": "epoch_s"}  # fmt: skip

GPU = {"gpu_allocated_mb": "/torch_allocated_mib", "gpu_reserved_mb": "/torch_reserved_mib",
       "gpu_peak_mb": "/torch_peak_mib"}  # fmt: skip

PIECES = 50
"""Of a run without epochs there are so many pieces."""


class Epochs:
    """Columns of an epoch table as arrays, by the names of ``EpochMetrics``.

    Args:
        rows: one mapping for each epoch, with ``epoch``; None where nothing was measured.  Of
            several for the same epoch the last one counts.
        hints: why a column is empty, in words.
        unit: what x counts: "epoch", or "step" where a row is a piece of the training.
        each: what a row is.

    Example:
        >>> epochs = Epochs([{"epoch": 1, "lr": 0.1}, {"epoch": 2, "lr": None}])
        >>> epochs["lr"].tolist(), epochs.given("lr"), epochs.given("grad_norm")
        ([0.1, nan], True, False)
    """

    def __init__(
        self, rows: Sequence[Mapping[str, Any]], hints: Mapping[str, str] = OF_TRACKER,
        unit: str = "epoch", each: str = "epoch",
    ) -> None:  # fmt: skip
        by_epoch = {float(row["epoch"]): row for row in rows}
        self._rows = [by_epoch[epoch] for epoch in sorted(by_epoch)]
        self._hints = hints
        self.x: Array = np.array(sorted(by_epoch), np.float64)
        self.unit, self.each = unit, each
        self.inner = "batches" if hints is OF_TRACKER else "steps"
        self.word = each.partition(" ")[0]

    def __len__(self) -> int:
        """Return the number of epochs."""
        return len(self._rows)

    def __getitem__(self, name: str) -> Array:
        """Return a column; NaN where it is missing, NaN or infinite."""
        found: Array = np.array([_number(row.get(name)) for row in self._rows], np.float64)
        found[~np.isfinite(found)] = np.nan
        return found

    def given(self, name: str) -> bool:
        """Say whether any epoch has a value of this name."""
        return any(row.get(name) is not None for row in self._rows)

    def non_finite(self, name: str) -> Array:
        """Return the epochs at which the value was NaN or infinite."""
        found = np.array([_number(row.get(name), missing=0.0) for row in self._rows], np.float64)
        bad: Array = self.x[~np.isfinite(found)]
        return bad

    def why_empty(self, name: str) -> str:
        """Return why a column has nothing to draw, "" if it has."""
        if not self.given(name):
            return NO_EPOCH if not len(self) and self._hints is OF_TRACKER else self._hints[name]
        if not np.isfinite(self[name]).any():
            return f"{name} was NaN or infinite in every {self.each}."
        return ""


def _number(value: Any, missing: float = np.nan) -> float:
    return missing if value is None else float(value)


def epochs_of(run: RunView, names: Mapping[str, str] | None = None) -> Epochs:
    """Return the epoch table of any run.

    What was recorded by epoch is taken as it is (the metrics of ``MetricsTracker`` and
    ``MetricsLogger``); else statistics of the loss, and the other columns, are computed from the
    steps of each epoch: the mean of rates and gradient norms, the last learning rate.  A run
    without epochs is divided into 50 equal pieces of its steps, or fewer.

    Args:
        run: any run.
        names: which metrics are meant, by role: "train_loss", "lr", "grad_norm".

    Example:
        >>> import epochal, tempfile
        >>> with epochal.init(project="doc", dir=tempfile.mkdtemp()) as run:
        ...     for step in range(4):
        ...         run.log({"train/loss": 4.0 - step}, step=step, epoch=1 + step // 2)
        >>> epochs = epochs_of(RunView(run.dir))
        >>> epochs.x.tolist(), epochs["loss_mean"].tolist()
        ([1.0, 2.0], [3.5, 1.5])
    """
    roles = role_of(run.metrics) | dict(names or {})
    recorded = next((name for name in NAMES["loss_mean"] if name in run.metrics), None)
    loss = None if names and "train_loss" in names else recorded
    loss = loss or roles.get("train_loss")
    if loss is None or loss not in run.metrics:
        return Epochs([], OF_RUN)
    return _Table(run, roles, run.series(loss), by_epoch=loss == recorded).epochs()


class _Table:
    """The rows of a run, between edges on the axis of epochs or steps."""

    def __init__(
        self, run: RunView, roles: Mapping[str, str], loss: Series, *, by_epoch: bool
    ) -> None:
        self.run, self.roles, self.loss, self.by_epoch = run, roles, loss, by_epoch
        steps, epochs = np.asarray(loss.steps, np.float64), np.asarray(loss.epochs, np.float64)
        self.unit = "epoch" if np.isfinite(epochs).any() else "step"
        self.each = "epoch"
        if self.unit == "epoch":
            self.x = np.unique(self._place(epochs[np.isfinite(epochs)]))
        else:
            self.x = self._pieces(np.unique(steps))
        place, elapsed = self._at(loss), np.asarray(loss.elapsed_s, np.float64)
        inside = place >= 0
        self.ends_s = np.full(len(self.x), np.nan)
        np.fmax.at(self.ends_s, place[inside], elapsed[inside])

    def epochs(self) -> Epochs:
        """Return the columns."""
        columns: dict[str, Array] = {}
        for column in (*NAMES, *ROLES):
            metric = next((n for n in NAMES.get(column, ()) if n in self.run.metrics), None)
            metric = metric or self.roles.get(ROLES.get(column, ""))
            if metric is not None and metric in self.run.metrics and self._fits(column):
                columns[column] = self._reduced(metric, _RULES.get(column, _mean))
        if not self.by_epoch:
            for kind, rule in _LOSS.items():
                columns[f"loss_{kind}"] = self._reduced(self.loss.metric, rule)
        self._times(columns)
        self._speed(columns)
        self._memory(columns)
        rows: list[dict[str, Any]] = [{"epoch": x} for x in self.x.tolist()]
        for column, values in columns.items():
            for row, value in zip(rows, values.tolist(), strict=True):
                row[column] = value
        return Epochs(rows, OF_RUN, self.unit, self.each)

    def _fits(self, column: str) -> bool:
        """Say whether a metric has values on this axis; durations of epochs need epochs."""
        if column.startswith("loss_"):
            return self.by_epoch
        return self.unit == "epoch" or column not in ("epoch_time_sec", "cumulative_time_sec")

    def _place(self, epochs: Array) -> Array:
        """Return the epoch that a value belongs to: at 0.5 the first one is under way."""
        return epochs if self.by_epoch else np.ceil(epochs)

    def _pieces(self, steps: Array) -> Array:
        """Return the last step of each piece."""
        many = int(min(PIECES, max(len(steps) // 10, min(len(steps), 5))))
        ends = [piece[-1] for piece in np.array_split(steps, many)] if len(steps) else []
        width = len(steps) / max(1, len(ends))
        self.each = "piece" if not float(width).is_integer() else f"piece of {width:.0f} points"
        return np.array(ends, np.float64)

    def _at(self, series: Series) -> Any:
        """Return the row that each point belongs to, -1 for none."""
        if self.unit == "epoch":
            epochs = self._place(np.asarray(series.epochs, np.float64))
            at = np.searchsorted(self.x, epochs)
            inside = np.minimum(at, len(self.x) - 1)
            return np.where(self.x[inside] == epochs, inside, -1)
        at = np.searchsorted(self.x, np.asarray(series.steps, np.float64))
        return np.where(at < len(self.x), at, -1)

    def _reduced(self, metric: str, rule: Callable[[Array], float]) -> Array:
        series = self.loss if metric == self.loss.metric else self.run.series(metric)
        return _by_row(self._at(series), np.asarray(series.values, np.float64), len(self.x), rule)

    def _times(self, columns: dict[str, Array]) -> None:
        """Add durations: those that were recorded, else from one row's last point to the next's."""
        if "epoch_time_sec" not in columns:
            columns["epoch_time_sec"] = np.diff(self.ends_s, prepend=0.0)
        columns.setdefault("cumulative_time_sec", np.nancumsum(columns["epoch_time_sec"]))

    def _speed(self, columns: dict[str, Array]) -> None:
        step_s = self.roles.get("step_s")
        if "batches_per_sec" not in columns and step_s is not None and step_s in self.run.metrics:
            with np.errstate(divide="ignore"):
                columns["batches_per_sec"] = 1.0 / self._reduced(step_s, _mean)

    def _memory(self, columns: dict[str, Array]) -> None:
        """Add memory of all GPUs together, from the samples taken during each row."""
        for column, ending in GPU.items():
            if column in columns:
                continue
            found = [
                _by_row(
                    np.where(at < len(self.x), at, -1), np.asarray(series.values, np.float64),
                    len(self.x), np.max if column == "gpu_peak_mb" else _last,
                )
                for name, series in self.run.system.items()
                if name.endswith(ending)
                for at in [np.searchsorted(self.ends_s, np.asarray(series.elapsed_s))]
            ]  # fmt: skip
            if found:
                columns[column] = np.sum(found, axis=0)


def _by_row(place: Any, values: Array, rows: int, rule: Callable[[Array], float]) -> Array:
    """Return a number for each row, NaN for one without points; order within a row is kept."""
    order = np.argsort(place, kind="stable")
    place, values = place[order], values[order]
    starts = np.searchsorted(place, np.arange(rows + 1))
    pieces = (values[a:b] for a, b in itertools.pairwise(starts))
    with np.errstate(invalid="ignore", over="ignore"):
        return np.array([rule(piece) if len(piece) else np.nan for piece in pieces], np.float64)


def _last(values: Array) -> float:
    return float(values[-1])


def _mean(values: Array) -> float:
    return float(values.mean())


_LOSS: Mapping[str, Callable[[Array], Any]] = {
    "mean": _mean, "std": np.std, "min": np.min, "max": np.max, "median": np.median,
}  # fmt: skip
_RULES: Mapping[str, Callable[[Array], Any]] = {
    **dict.fromkeys(
        ("lr", "ema_delta_norm", "epoch_time_sec", "cumulative_time_sec", "gpu_allocated_mb",
         "gpu_reserved_mb", *(f"loss_{kind}" for kind in _LOSS)),
        _last,
    ),
    "gpu_peak_mb": np.max,
}  # fmt: skip
