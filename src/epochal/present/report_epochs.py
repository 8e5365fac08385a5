"""The table of epochs in a report: what a run's training and held-out metrics were in each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from epochal.present.epoch_table import Epochs, epochs_of
from epochal.present.panel import Array
from epochal.present.roles import role_of
from epochal.read.series import float_values
from epochal.read.view import RunView

MOST = 200
"""Of more epochs only so many are shown, evenly spaced, the first and last among them."""

TRAINING = {
    "loss_mean": "train loss", "loss_std": "std", "loss_min": "min", "loss_max": "max",
    "lr": "learning rate", "grad_norm": "gradient norm", "samples_per_sec": "samples/s",
    "gpu_peak_mb": "GPU peak (MiB)", "ema_delta_norm": "EMA distance", "epoch_time_sec": "time (s)",
}  # fmt: skip
"""Column of :class:`epochal.present.epoch_table.Epochs` → heading."""

HELD_OUT = {"val_loss": "val loss", "val_accuracy": "val accuracy", "perplexity": "perplexity"}
"""Role → heading: the last value of each epoch."""


@dataclass(frozen=True)
class EpochTable:
    """What a run came to in each epoch, or in pieces of its steps if it has no epochs.

    Attributes:
        title: "Epochs" or "Pieces of the training".
        columns: key of a row → heading; only those with a value.
        rows: oldest first.
        remark: how the table was shortened, or what its rows are; "" if there is nothing to say.
    """

    title: str
    columns: Mapping[str, str]
    rows: list[dict[str, Any]]
    remark: str = ""


def epoch_table(run: RunView) -> EpochTable:
    """Return a run's table of epochs.

    Example:
        >>> import epochal, tempfile
        >>> with epochal.init(project="doc", dir=tempfile.mkdtemp(), follow="off") as run:
        ...     for step in range(4):
        ...         run.log({"train/loss": float(step)}, step=step, epoch=1 + step // 2)
        >>> [row["loss_mean"] for row in epoch_table(RunView(run.dir)).rows]
        [0.5, 2.5]
    """
    epochs, roles = epochs_of(run), role_of(run.metrics)
    held_out = {role: roles[role] for role in HELD_OUT if role in roles}
    if not len(epochs):  # no training loss: the epochs of the validation
        epochs = Epochs([{"epoch": x} for x in _epochs(run, held_out)])
    if not len(epochs):
        return EpochTable("Epochs", {}, [])
    columns = {name: _column(epochs, name) for name in TRAINING if epochs.given(name)}
    if not np.isfinite(columns.get("loss_std", np.empty(0))).any() or not columns["loss_std"].any():
        for name in ("loss_std", "loss_min", "loss_max"):  # one value for each epoch is no spread
            columns.pop(name, None)
    columns |= {role: _last(run, metric, epochs) for role, metric in held_out.items()}
    headings = {"epoch": "epoch" if epochs.unit == "epoch" else "up to step"}
    headings |= {name: {**TRAINING, **HELD_OUT}[name] for name in columns}
    rows = [
        {"epoch": _whole(float(x)), **{name: _known(v[at]) for name, v in columns.items()}}
        for at, x in enumerate(epochs.x)
    ]
    used = {key: text for key, text in headings.items() if any(r[key] is not None for r in rows)}
    shown = _spaced(rows)
    remarks = (
        [] if epochs.unit == "epoch" else [f"No epochs were recorded: a row is a {epochs.each}."]
    )
    if len(shown) < len(rows):
        remarks.append(f"{len(shown):,} of {len(rows):,} rows are shown.")
    title = "Epochs" if epochs.unit == "epoch" else "Pieces of the training"
    return EpochTable(title, used, shown, " ".join(remarks))


def _column(epochs: Epochs, name: str) -> Array:
    found = epochs[name]
    # NaN stands for "not recorded" here: what was NaN or infinite is to be seen.
    found[np.isin(epochs.x, epochs.non_finite(name))] = math.inf
    return found


def _epochs(run: RunView, metrics: Mapping[str, str]) -> list[float]:
    found: set[float] = set()
    for metric in metrics.values():
        epochs = run.series(metric).epochs
        found.update(np.ceil(epochs[np.isfinite(epochs)]).tolist())
    return sorted(found)


def _last(run: RunView, metric: str, epochs: Epochs) -> Array:
    """Return the last value of a metric in each row; NaN where there is none."""
    series = run.series(metric)
    values = float_values(series.values)
    if epochs.unit == "epoch":
        known = np.isfinite(series.epochs)
        places, values = np.ceil(series.epochs[known]), values[known]
        at = np.searchsorted(epochs.x, places)
        fits = epochs.x[np.minimum(at, len(epochs) - 1)] == places
    else:
        at = np.searchsorted(epochs.x, np.asarray(series.steps, np.float64))
        fits = at < len(epochs)
    found = np.full(len(epochs), np.nan)
    found[at[fits]] = values[fits]  # the last one that is written stays
    return found


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _spaced(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if len(rows) <= MOST:
        return rows
    at = np.unique(np.linspace(0, len(rows) - 1, MOST).round().astype(int))
    return [rows[i] for i in at.tolist()]


def _whole(value: float) -> int | float:
    return int(value) if value.is_integer() else value
