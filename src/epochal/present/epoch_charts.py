"""The eleven charts of a training by epochs, dark, as PNG files.

==========================  =====================================================================
``loss_linear.png``         mean loss with the range from the lowest to the highest batch
``loss_log.png``            the same on a logarithmic axis
``loss_distribution.png``   mean ± one standard deviation over batches, and median
``learning_rate.png``       the learning rate at the end of the epoch
``grad_norm.png``           mean gradient norm
``throughput.png``          samples and batches in a second
``gpu_memory.png``          memory that PyTorch had allocated, reserved, and at most
``ema_divergence.png``      distance between the weights and their moving average
``epoch_timing.png``        duration of each epoch, and of all until then
``loss_derivative.png``     change of the mean loss from epoch to epoch
``training_dashboard.png``  nine of these panels in one picture
==========================  =====================================================================
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from epochal.present.panel import Array, Curve, Panel, draw
from epochal.present.style import DARK, new_figure, save

DPI = 180

NO_EPOCH = "No epoch has ended yet."
NO_LOSS = "No loss was given: log_batch() was not called."
NO_SIZES = "log_batch() was given no batch_size: without it samples cannot be counted."
NO_GPU = "No GPU was used: there is no GPU memory to show."
NO_EMA = "end_epoch() was given no ema_model: there is no average to compare with."
ONE_EPOCH = "One epoch has no change: the second one will show whether the loss falls."


class Epochs:
    """Columns of an epoch table as arrays, by the names of ``EpochMetrics``.

    Args:
        rows: one mapping for each epoch, with ``epoch``; None where nothing was measured.  Of
            several for the same epoch the last one counts.

    Example:
        >>> epochs = Epochs([{"epoch": 1, "lr": 0.1}, {"epoch": 2, "lr": None}])
        >>> epochs["lr"].tolist(), epochs.given("lr"), epochs.given("grad_norm")
        ([0.1, nan], True, False)
    """

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        by_epoch = {float(row["epoch"]): row for row in rows}
        self._rows = [by_epoch[epoch] for epoch in sorted(by_epoch)]
        self.x: Array = np.array(sorted(by_epoch), np.float64)

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

    def why_empty(self, name: str, missing: str) -> str:
        """Return why a column has nothing to draw, "" if it has."""
        if not len(self):
            return NO_EPOCH
        if not self.given(name):
            return missing
        if not np.isfinite(self[name]).any():
            return f"{name} was NaN or infinite in every epoch."
        return ""


def _number(value: Any, missing: float = np.nan) -> float:
    return missing if value is None else float(value)


# -- what each chart shows ---------------------------------------------------------------------


def loss_linear(epochs: Epochs) -> list[Panel]:
    """Mean loss with its range over batches, the lowest mean marked."""
    return [_loss("Loss", epochs)]


def loss_log(epochs: Epochs) -> list[Panel]:
    """The same on a logarithmic axis, which has no place for zero and below."""
    empty = epochs.why_empty("loss_mean", NO_LOSS)
    mean = epochs["loss_mean"]
    hidden = int(np.count_nonzero(mean <= 0))
    if not empty and not (mean > 0).any():
        empty = "No epoch has a mean loss above zero: a logarithmic axis cannot show it."
    remark = f"not above zero: {_count(hidden)}" if hidden else ""
    return [_loss("Loss, logarithmic axis", epochs, log=True, remark=remark, empty=empty)]


def _loss(
    title: str, epochs: Epochs, *, log: bool = False, remark: str = "", empty: str = ""
) -> Panel:
    mean, low, high = (epochs[f"loss_{name}"] for name in ("mean", "min", "max"))
    best = None
    if np.isfinite(mean).any():
        at = int(np.nanargmin(mean))
        where = f"best: {mean[at]:.4g} (epoch {epochs.x[at]:g})"
        best = (where, float(epochs.x[at]), float(mean[at]))
    if log:
        best = best if best and best[2] > 0 else None
        mean = np.where(mean > 0, mean, np.nan)
        high = np.where(high > 0, high, np.nan)
        smallest = np.nanmin(mean) if np.isfinite(mean).any() else 1.0
        # A batch at or below zero has no place either: its band goes down to the bottom.
        low = np.where(low > 0, low, np.where(np.isfinite(high), smallest / 10, np.nan))
    return Panel(
        title, "training loss", epochs.x,
        lines=(Curve("mean", mean),), band=("range over batches", low, high), best=best,
        non_finite=epochs.non_finite("loss_mean"), log=log, remark=remark,
        empty=empty or epochs.why_empty("loss_mean", NO_LOSS),
    )  # fmt: skip


def loss_distribution(epochs: Epochs) -> list[Panel]:
    """Mean ± one standard deviation over the batches of each epoch, and the median."""
    mean, std = epochs["loss_mean"], epochs["loss_std"]
    return [Panel(
        "Loss over the batches of an epoch", "training loss", epochs.x,
        lines=(Curve("mean", mean), Curve("median", epochs["loss_median"], "second", dashed=True)),
        band=("mean ± 1σ", mean - std, mean + std),  # noqa: RUF001
        non_finite=epochs.non_finite("loss_mean"),
        empty=epochs.why_empty("loss_mean", NO_LOSS),
    )]  # fmt: skip


def learning_rate(epochs: Epochs) -> list[Panel]:
    """The learning rate of each epoch's last batch."""
    return [Panel(
        "Learning rate", "learning rate", epochs.x, lines=(Curve("last batch", epochs["lr"]),),
        non_finite=epochs.non_finite("lr"), from_zero=True,
        empty=epochs.why_empty("lr", "No learning rate was given to log_batch()."),
    )]  # fmt: skip


def grad_norm(epochs: Epochs) -> list[Panel]:
    """Mean gradient norm over the batches of each epoch."""
    missing = "No gradient norm was given to log_batch(): compute_grad_norm(model) measures it."
    return [Panel(
        "Gradient norm", "L2 norm, mean", epochs.x,
        lines=(Curve("mean over batches", epochs["grad_norm"]),), from_zero=True,
        non_finite=epochs.non_finite("grad_norm"), empty=epochs.why_empty("grad_norm", missing),
    )]  # fmt: skip


def throughput(epochs: Epochs) -> list[Panel]:
    """Samples and batches in a second."""
    samples = Panel(
        "Throughput in samples", "samples/s", epochs.x,
        lines=(Curve("whole epoch", epochs["samples_per_sec"]),),
        from_zero=True, empty=epochs.why_empty("samples_per_sec", NO_SIZES),
    )  # fmt: skip
    batches = Panel(
        "Throughput in batches", "batches/s", epochs.x,
        lines=(Curve("whole epoch", epochs["batches_per_sec"], "second"),), from_zero=True,
        empty=epochs.why_empty("batches_per_sec", NO_LOSS),
    )  # fmt: skip
    return [samples, batches]


def gpu_memory(epochs: Epochs) -> list[Panel]:
    """Memory of PyTorch on its GPUs at the end of each epoch, and the most there was until then."""
    return [Panel(
        "GPU memory", "MiB", epochs.x,
        lines=(
            Curve("reserved", epochs["gpu_reserved_mb"], "third"),
            Curve("peak of allocated", epochs["gpu_peak_mb"], "second", dashed=True),
            Curve("allocated", epochs["gpu_allocated_mb"]),
        ),
        from_zero=True, empty=epochs.why_empty("gpu_allocated_mb", NO_GPU),
    )]  # fmt: skip


def ema_divergence(epochs: Epochs) -> list[Panel]:
    """Distance between the weights and their moving average at the end of each epoch."""
    return [Panel(
        "Distance from the EMA", "L2 distance of the weights", epochs.x,
        lines=(Curve("end of the epoch", epochs["ema_delta_norm"]),), from_zero=True,
        non_finite=epochs.non_finite("ema_delta_norm"),
        empty=epochs.why_empty("ema_delta_norm", NO_EMA),
    )]  # fmt: skip


def epoch_timing(epochs: Epochs) -> list[Panel]:
    """Duration of each epoch, and of all until then."""
    empty = epochs.why_empty("epoch_time_sec", NO_EPOCH)
    each, unit = _in_unit(epochs["epoch_time_sec"])
    total, total_unit = _in_unit(epochs["cumulative_time_sec"])
    return [
        Panel("Time of each epoch", unit, epochs.x, bars=(Curve("one epoch", each),),
              from_zero=True, empty=empty),
        Panel("Time of all epochs so far", total_unit, epochs.x,
              lines=(Curve("sum", total, "second"),), from_zero=True, empty=empty),
    ]  # fmt: skip


def loss_derivative(epochs: Epochs) -> list[Panel]:
    """How the mean loss changed since the epoch before."""
    mean = epochs["loss_mean"]
    change = np.diff(mean) / np.diff(epochs.x)
    empty = epochs.why_empty("loss_mean", NO_LOSS)
    if not empty and not np.isfinite(change).any():
        two = "No two epochs in a row have a loss that is a number: there is no change to show."
        empty = ONE_EPOCH if len(epochs) == 1 else two
    return [Panel(
        "Change of the mean loss", "change for each epoch", epochs.x[1:],
        bars=(
            Curve("improving (loss falls)", np.where(change <= 0, change, np.nan)),
            Curve("worsening (loss rises)", np.where(change > 0, change, np.nan), "second"),
        ),
        zero_line=True, empty=empty,
        non_finite=epochs.non_finite("loss_mean")[epochs.non_finite("loss_mean") > epochs.x[:1]],
    )]  # fmt: skip


def dashboard(epochs: Epochs) -> list[Panel]:
    """Nine panels: loss, optimization, machine."""
    samples, batches = throughput(epochs)
    return [
        *loss_linear(epochs), *loss_log(epochs), *loss_derivative(epochs),
        *learning_rate(epochs), *grad_norm(epochs), *ema_divergence(epochs),
        samples if not samples.empty or batches.empty else batches,
        *gpu_memory(epochs), epoch_timing(epochs)[0],
    ]  # fmt: skip


def _in_unit(seconds: Array) -> tuple[Array, str]:
    """Return times in the unit that makes their numbers easy to read."""
    longest = float(np.nanmax(seconds)) if np.isfinite(seconds).any() else 0.0
    if longest < 300:
        return seconds, "seconds"
    return (seconds / 60, "minutes") if longest < 18_000 else (seconds / 3600, "hours")


def _count(epochs: int) -> str:
    return f"{epochs:,} epoch{'s' * (epochs != 1)}"


# -- drawing -----------------------------------------------------------------------------------


class Chart(NamedTuple):
    """One of the files: what it is, its panels, and how they are laid out."""

    title: str
    panels: Callable[[Epochs], list[Panel]]
    columns: int = 1


CHARTS: Mapping[str, Chart] = {
    "loss_linear": Chart("Loss", loss_linear),
    "loss_log": Chart("Loss, logarithmic axis", loss_log),
    "loss_distribution": Chart("Loss over the batches of an epoch", loss_distribution),
    "learning_rate": Chart("Learning rate", learning_rate),
    "grad_norm": Chart("Gradient norm", grad_norm),
    "throughput": Chart("Throughput", throughput),
    "gpu_memory": Chart("GPU memory", gpu_memory),
    "ema_divergence": Chart("Distance from the EMA", ema_divergence),
    "epoch_timing": Chart("Time of epochs", epoch_timing),
    "loss_derivative": Chart("Change of the mean loss", loss_derivative),
    "training_dashboard": Chart("Training dashboard", dashboard, columns=3),
}
"""Every chart by the name of its file."""


def epoch_chart(name: str, epochs: Epochs) -> Any:
    """Return one of the charts as a ``matplotlib.figure.Figure``.

    Args:
        name: a key of ``CHARTS``.
        epochs: what to draw; may be empty.

    Raises:
        MissingExtraError: matplotlib is not installed.

    Example:
        >>> epochs = Epochs([{"epoch": 1, "loss_mean": 0.5, "loss_std": 0.1}])
        >>> len(epoch_chart("training_dashboard", epochs).axes)
        9
    """
    chart = CHARTS[name]
    panels = chart.panels(epochs)
    rows = -(-len(panels) // chart.columns)
    wide = chart.columns > 1
    width, height = (5.8 * chart.columns, 3.9 * rows + 0.5) if wide else (8.0, 2.0 + 2.5 * rows)
    figure = new_figure(width, height, DARK, chart.title if wide else "")
    grid = figure.subplots(rows, chart.columns, squeeze=False)
    for axes, panel in zip(grid.flat, panels, strict=True):
        draw(axes, panel, DARK)
    return figure


def save_epoch_charts(epochs: Epochs, folder: str | os.PathLike[str]) -> dict[str, str]:
    """Draw all eleven charts into a folder, which is made if need be.

    Returns:
        The absolute path of each file by its name without ``.png``.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OSError: the folder cannot be written.
    """
    base = os.path.abspath(os.fspath(folder))
    return {
        name: save(epoch_chart(name, epochs), os.path.join(base, f"{name}.png"), DPI)
        for name in CHARTS
    }
