"""What a training came to: the numbers of a statistics table, whatever a script called them.

Which metric is the training loss, the validation loss or the gradient norm is found by
:mod:`epochal.present.roles`; of the training loss the mean of each epoch counts before that of each
step.  What a run's summary or config says in words of :data:`SAID` counts where no metric does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from epochal.core.nested import flatten
from epochal.present.roles import role_of
from epochal.read.metrics import MetricSummary
from epochal.read.series import float_values
from epochal.read.view import RunView

SAID: Mapping[str, tuple[str, ...]] = {
    "epochs": ("total_epochs", "epochs_trained"),
    "steps": ("total_steps", "global_step"),
    "best_train_loss": ("best_train_loss",),
    "best_val_loss": ("best_val_loss", "best_validation_loss", "best_eval_loss"),
    "final_train_loss": ("final_train_loss",),
    "final_val_loss": ("final_val_loss", "final_validation_loss", "final_eval_loss"),
    "parameters": (
        "model/parameters", "model/total_parameters", "parameters", "params", "num_parameters",
        "num_params", "n_parameters", "n_params", "total_parameters", "total_params",
        "parameter_count", "param_count",
    ),
}  # fmt: skip
"""What → names in ``run.summary``, among the metrics and, for parameters, in the config."""

EMA_VAL_LOSS = (
    "val/ema/loss", "ema/val/loss", "ema/val_loss", "ema/loss", "val/loss_ema", "val/ema_loss",
    "val_loss_ema", "ema_val_loss",
)  # fmt: skip
"""Names of the validation loss with the moving average of the weights."""

NEAR_BEST = 0.05
"""A loss has converged when what is left is at most this share of its whole improvement."""


@dataclass(frozen=True)
class Training:
    """What a training came to; None is what was not recorded.

    Attributes:
        name: of the run.
        best_train_loss, best_val_loss: the smallest finite values.
        final_train_loss, final_val_loss: the last values, whatever they are.
        gradient_norm: mean and standard deviation (n - 1) of the finite values.
        hours: from the start to the last record, over all sessions of the run.
        parameters: of the model.
        improvement: of the training loss from its first finite value to its last, in percent.
        convergence_epoch: the first at which the validation loss (the training loss where there is
            none) is within ``NEAR_BEST`` of its improvement from the first value to the best.
        best_ema_loss: the smallest validation loss with the moving average of the weights.
        sources: what → the metric it was taken from.
        remarks: what a reader must know, such as values that were NaN.
    """

    name: str
    epochs: int | float | None = None
    best_train_loss: float | None = None
    best_val_loss: float | None = None
    final_train_loss: float | None = None
    final_val_loss: float | None = None
    gradient_norm: tuple[float, float] | None = None
    hours: float | None = None
    steps: float | None = None
    parameters: int | float | None = None
    improvement: float | None = None
    convergence_epoch: float | None = None
    best_ema_loss: float | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def training(run: RunView) -> Training:
    """Return what a training came to.

    Example:
        >>> import epochal, tempfile
        >>> with epochal.init(project="doc", dir=tempfile.mkdtemp(), follow="off") as run:
        ...     for epoch, loss in enumerate([2.0, 0.5, 1.0], start=1):
        ...         run.log({"val/loss": loss}, epoch=epoch)
        >>> found = training(RunView(run.dir))
        >>> found.epochs, found.best_val_loss, found.final_val_loss
        (3, 0.5, 1.0)
    """
    sources = _sources(run)
    known = {what: run.metrics[metric].summary for what, metric in sources.items()}
    said = {what: _said(run, what) for what in SAID}
    train, val = known.get("train loss"), known.get("validation loss")
    norms, ema = known.get("gradient norm"), known.get("validation loss of the EMA")
    return Training(
        name=run.name,
        epochs=_whole(said["epochs"]) or _epochs(run, sources),
        best_train_loss=_best(train, said["best_train_loss"]),
        best_val_loss=_best(val, said["best_val_loss"]),
        final_train_loss=train.last if train else said["final_train_loss"],
        final_val_loss=val.last if val else said["final_val_loss"],
        gradient_norm=(norms.mean, norms.std) if norms else None,
        hours=run.duration_s / 3600,
        steps=_whole(said["steps"]) or _whole(run.steps),
        parameters=_whole(said["parameters"]),
        improvement=_improvement(run, sources),
        convergence_epoch=_convergence(run, sources),
        best_ema_loss=_best(ema, None),
        sources=sources,
        remarks=tuple(_remarks(sources, known)),
    )


def _sources(run: RunView) -> dict[str, str]:
    metrics = run.metrics
    roles = role_of(metrics)
    ema = next((name for name in EMA_VAL_LOSS if name in metrics), None)
    found = {
        "train loss": roles.get("train_loss_mean") or roles.get("train_loss"),
        "validation loss": roles.get("val_loss"),
        "gradient norm": roles.get("grad_norm"),
        "validation loss of the EMA": ema,
    }
    return {what: metric for what, metric in found.items() if metric}


def _said(run: RunView, what: str) -> float | None:
    """Return a number that the run's summary, its metrics or its config has under a known name."""
    places = [run.summary]
    if what == "parameters":
        # Of a config "parameters" may be anything: only a number of them counts.
        places.append({key.rpartition(".")[2]: v for key, v in flatten(run.config).items()})
    for place in places:
        for name in SAID[what]:
            value: Any = place.get(name)
            value = value.last if isinstance(value, MetricSummary) else value
            if isinstance(value, int | float) and not isinstance(value, bool):
                return value
    return None


def _epochs(run: RunView, sources: Mapping[str, str]) -> int | None:
    """Return how many epochs the losses were logged in; parts of an epoch count as one."""
    counts = []
    for what in ("train loss", "validation loss"):
        if what in sources:
            epochs = run.series(sources[what]).epochs
            epochs = epochs[np.isfinite(epochs)]
            whole = bool((epochs == np.floor(epochs)).all())
            counts.append(len(np.unique(epochs)) if whole else math.ceil(epochs.max()))
    return max(counts, default=0) or None


def _convergence(run: RunView, sources: Mapping[str, str]) -> float | None:
    metric = sources.get("validation loss") or sources.get("train loss")
    if metric is None:
        return None
    series = run.series(metric)
    losses = float_values(series.values)
    known = np.isfinite(losses) & np.isfinite(series.epochs)
    losses, epochs = losses[known], series.epochs[known]
    if len(np.unique(epochs)) < 2:
        return None
    left = (losses - losses.min()) / max(losses[0] - losses.min(), np.finfo(float).tiny)
    return _whole(float(epochs[np.argmax(left <= NEAR_BEST)]))


def _best(metric: MetricSummary | None, said: float | None) -> float | None:
    return metric.min if metric else said


def _improvement(run: RunView, sources: Mapping[str, str]) -> float | None:
    metric = sources.get("train loss")
    if metric is None or run.metrics[metric].count < 2:
        return None
    summary = run.metrics[metric].summary
    first = summary.first
    if not math.isfinite(first):  # a rare case, as all points must be read
        values = float_values(run.series(metric).values)
        first = next((value for value in values.tolist() if math.isfinite(value)), math.nan)
    return 100 * (first - summary.last) / abs(first) if first else None


def _whole(value: float | None) -> int | float | None:
    """Return a whole number as int, which is written exactly."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _remarks(sources: Mapping[str, str], known: Mapping[str, MetricSummary]) -> list[str]:
    return [
        f"{bad:,} of the {known[what].count:,} values of {metric} are NaN or infinite; the final"
        " value may be one, best and mean leave them out"
        for what, metric in sources.items()
        if (bad := known[what].nan + known[what].inf)
    ]
