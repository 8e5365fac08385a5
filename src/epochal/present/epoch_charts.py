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
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from epochal.core.atomic import write_atomically
from epochal.present.drawing import Drawn, render
from epochal.present.epoch_table import Epochs
from epochal.present.panel import Array, Curve, Panel
from epochal.present.spec import FigureSpec, Provenance
from epochal.present.venues import SCREEN

DPI = 180

ONE_EPOCH = "One epoch has no change: the second one will show whether the loss falls."


# -- what each chart shows ---------------------------------------------------------------------


def loss_linear(epochs: Epochs) -> list[Panel]:
    """Mean loss with its range over batches, the lowest mean marked."""
    return [_loss("Loss", epochs)]


def loss_log(epochs: Epochs) -> list[Panel]:
    """The same on a logarithmic axis, which has no place for zero and below."""
    empty = epochs.why_empty("loss_mean")
    mean = epochs["loss_mean"]
    hidden = int(np.count_nonzero(mean <= 0))
    if not empty and not (mean > 0).any():
        empty = "No epoch has a mean loss above zero: a logarithmic axis cannot show it."
    remark = f"not above zero: {_count(hidden, epochs.unit)}" if hidden else ""
    return [_loss("Loss, logarithmic axis", epochs, log=True, remark=remark, empty=empty)]


def _loss(
    title: str, epochs: Epochs, *, log: bool = False, remark: str = "", empty: str = ""
) -> Panel:
    mean, low, high = (epochs[f"loss_{name}"] for name in ("mean", "min", "max"))
    best = None
    if np.isfinite(mean).any():
        at = int(np.nanargmin(mean))
        where = f"best: {mean[at]:.4g} ({epochs.unit} {epochs.x[at]:g})"
        best = (where, float(epochs.x[at]), float(mean[at]))
    if log:
        best = best if best and best[2] > 0 else None
        mean = np.where(mean > 0, mean, np.nan)
        high = np.where(high > 0, high, np.nan)
        smallest = np.nanmin(mean) if np.isfinite(mean).any() else 1.0
        # A batch at or below zero has no place either: its band goes down to the bottom.
        low = np.where(low > 0, low, np.where(np.isfinite(high), smallest / 10, np.nan))
    return Panel(
        title, "training loss", epochs.x, epochs.unit,
        lines=(Curve("mean", mean),), band=(f"range over {epochs.inner}", low, high), best=best,
        non_finite=epochs.non_finite("loss_mean"), log=log, remark=remark,
        empty=empty or epochs.why_empty("loss_mean"),
    )  # fmt: skip


def loss_distribution(epochs: Epochs) -> list[Panel]:
    """Mean ± one standard deviation over the batches of each epoch, and the median."""
    mean, std = epochs["loss_mean"], epochs["loss_std"]
    return [Panel(
        f"Loss over the {epochs.inner} of each {epochs.each}", "training loss", epochs.x,
        epochs.unit,
        lines=(Curve("mean", mean), Curve("median", epochs["loss_median"], "second", dashed=True)),
        band=("mean ± 1σ", mean - std, mean + std),  # noqa: RUF001
        non_finite=epochs.non_finite("loss_mean"),
        empty=epochs.why_empty("loss_mean"),
    )]  # fmt: skip


def learning_rate(epochs: Epochs) -> list[Panel]:
    """The learning rate of each epoch's last batch."""
    return [Panel(
        "Learning rate", "learning rate", epochs.x, epochs.unit,
        lines=(Curve("last step", epochs["lr"]),), non_finite=epochs.non_finite("lr"),
        from_zero=True, empty=epochs.why_empty("lr"),
    )]  # fmt: skip


def grad_norm(epochs: Epochs) -> list[Panel]:
    """Mean gradient norm over the batches of each epoch."""
    return [Panel(
        "Gradient norm", "L2 norm, mean", epochs.x, epochs.unit,
        lines=(Curve(f"mean over {epochs.inner}", epochs["grad_norm"]),), from_zero=True,
        non_finite=epochs.non_finite("grad_norm"), empty=epochs.why_empty("grad_norm"),
    )]  # fmt: skip


def throughput(epochs: Epochs) -> list[Panel]:
    """Samples and batches in a second."""
    samples = Panel(
        "Throughput in samples", "samples/s", epochs.x, epochs.unit,
        lines=(Curve(f"whole {epochs.word}", epochs["samples_per_sec"]),),
        from_zero=True, empty=epochs.why_empty("samples_per_sec"),
    )  # fmt: skip
    batches = Panel(
        "Throughput in batches", "batches/s", epochs.x, epochs.unit,
        lines=(Curve(f"whole {epochs.word}", epochs["batches_per_sec"], "second"),),
        from_zero=True, empty=epochs.why_empty("batches_per_sec"),
    )  # fmt: skip
    return [samples, batches]


def gpu_memory(epochs: Epochs) -> list[Panel]:
    """Memory of PyTorch on its GPUs at the end of each epoch, and the most there was until then."""
    lines = (
        Curve("reserved", epochs["gpu_reserved_mb"], "third"),
        Curve("peak of allocated", epochs["gpu_peak_mb"], "second", dashed=True),
        Curve("allocated", epochs["gpu_allocated_mb"]),
    )
    return [Panel(
        "GPU memory", "MiB", epochs.x, epochs.unit,
        lines=tuple(curve for curve in lines if np.isfinite(curve.y).any()), from_zero=True,
        empty=epochs.why_empty("gpu_allocated_mb"),
    )]  # fmt: skip


def ema_divergence(epochs: Epochs) -> list[Panel]:
    """Distance between the weights and their moving average at the end of each epoch."""
    return [Panel(
        "Distance from the EMA", "L2 distance of the weights", epochs.x, epochs.unit,
        lines=(Curve(f"end of the {epochs.word}", epochs["ema_delta_norm"]),), from_zero=True,
        non_finite=epochs.non_finite("ema_delta_norm"),
        empty=epochs.why_empty("ema_delta_norm"),
    )]  # fmt: skip


def epoch_timing(epochs: Epochs) -> list[Panel]:
    """Duration of each epoch, and of all until then."""
    empty = epochs.why_empty("epoch_time_sec")
    each, unit = _in_unit(epochs["epoch_time_sec"])
    total, total_unit = _in_unit(epochs["cumulative_time_sec"])
    return [
        Panel(f"Time of each {epochs.each}", unit, epochs.x, epochs.unit,
              bars=(Curve(f"one {epochs.word}", each),), from_zero=True, empty=empty),
        Panel(f"Time of all {epochs.word}s so far", total_unit, epochs.x, epochs.unit,
              lines=(Curve("sum", total, "second"),), from_zero=True, empty=empty),
    ]  # fmt: skip


def loss_derivative(epochs: Epochs) -> list[Panel]:
    """How the mean loss changed since the epoch before."""
    mean = epochs["loss_mean"]
    change = np.diff(mean) / np.diff(epochs.x)
    empty = epochs.why_empty("loss_mean")
    if not empty and not np.isfinite(change).any():
        two = "No two epochs in a row have a loss that is a number: there is no change to show."
        empty = ONE_EPOCH if len(epochs) == 1 else two
    return [Panel(
        "Change of the mean loss", f"change for each {epochs.unit}", epochs.x[1:], epochs.unit,
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


def _count(number: int, unit: str) -> str:
    return f"{number:,} {unit}{'s' * (number != 1)}"


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


def chart_spec(name: str, epochs: Epochs, provenance: Provenance | None = None) -> FigureSpec:
    """Return one of the charts as data.

    Args:
        name: a key of ``CHARTS``.
        epochs: what to draw; may be empty.
        provenance: where they come from.

    Example:
        >>> epochs = Epochs([{"epoch": 1, "loss_mean": 0.5, "loss_std": 0.1}])
        >>> len(chart_spec("training_dashboard", epochs).panels)
        9
    """
    chart = CHARTS[name]
    panels = tuple(chart.panels(epochs))
    grid = (-(-len(panels) // chart.columns), chart.columns)
    each = epochs.each if epochs.unit == "epoch" else epochs.word
    return FigureSpec(
        name, panels, grid, title=chart.title if chart.columns > 1 else "",
        caption=f"{chart.title} of a training by {epochs.unit}s, {_count(len(epochs), each)}.",
        provenance=provenance or Provenance(),
        notes=tuple(f"{panel.title}: {panel.empty}" for panel in panels if panel.empty),
    )  # fmt: skip


def draw_epoch_chart(name: str, epochs: Epochs, provenance: Provenance | None = None) -> Drawn:
    """Draw one of the charts, dark and for a screen.

    Args:
        name: a key of ``CHARTS``.
        epochs: what to draw; may be empty.
        provenance: where they come from.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    spec = chart_spec(name, epochs, provenance)
    rows, columns = spec.grid
    size = (5.8 * columns, 3.9 * rows + 0.5) if columns > 1 else (8.0, 2.0 + 2.5 * rows)
    return render(spec, style="dark", venue=SCREEN, width_in=size[0], height_in=size[1])


def save_epoch_charts(
    charts: Mapping[str, Drawn], folder: str | os.PathLike[str]
) -> dict[str, str]:
    """Write charts into a folder, which is made if need be, as PNG of 180 dpi.

    Args:
        charts: by name.
        folder: where to.

    Returns:
        The absolute path of each file by its name without ``.png``.

    Raises:
        OSError: the folder cannot be written.
    """
    base = os.path.abspath(os.fspath(folder))
    os.makedirs(base, exist_ok=True)
    paths = {name: os.path.join(base, f"{name}.png") for name in charts}
    for name, drawn in charts.items():
        write_atomically(paths[name], drawn.to_bytes("png", DPI), private=False)
    return paths
