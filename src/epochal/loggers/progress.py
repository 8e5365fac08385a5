"""How a training went, read back from the run while it is recorded."""

from __future__ import annotations

import math
from typing import Any

from epochal.loggers.names import STEP_METRICS
from epochal.record.run import Run

CURVES = ("loss", "accuracy", "gradient_norm", "nan_count", "inf_count")

Curves = dict[str, tuple[Any, Any]]


def curves_of(run: Run) -> Curves:
    """Return steps and values of the curves that a run has, by the fields of TrainingMetrics.

    Everything that was logged until now is waited for.

    Example:
        >>> import epochal, tempfile
        >>> run = epochal.init(project="doc", dir=tempfile.mkdtemp())
        >>> run.log({"train/loss": 0.5}, step=3)
        >>> {name: (x.tolist(), y.tolist()) for name, (x, y) in curves_of(run).items()}
        {'loss': ([3], [0.5])}
    """
    if not run.dir:  # the run is off
        return {}
    from epochal.read.view import RunView

    run.flush()
    view, found = RunView(run.dir), {}
    for name in CURVES:
        if STEP_METRICS[name] in view.metrics:
            series = view.series(STEP_METRICS[name])
            found[name] = series.steps, series.values
    return found


def summary_of(run: Run) -> dict[str, Any]:
    """Return statistics of a run's curves, and how many checkpoints it has."""
    values = {name: list(map(float, y)) for name, (_, y) in curves_of(run).items()}
    nan, inf = values.get("nan_count", []), values.get("inf_count", [])
    return {
        "total_steps": len(values.get("loss", [])),
        "loss_stats": _statistics(values.get("loss", [])),
        "accuracy_stats": _statistics(values.get("accuracy", [])),
        "gradient_stats": _statistics(values.get("gradient_norm", [])),
        "numerical_stability": {
            "total_nan_count": int(sum(nan)),
            "total_inf_count": int(sum(inf)),
            "steps_with_nan": sum(count > 0 for count in nan),
            "steps_with_inf": sum(count > 0 for count in inf),
        },
        "checkpoints": _checkpoints(run),
    }


def _statistics(values: list[float]) -> dict[str, float | None]:
    """Return min, max, mean over what is finite, and the last value whatever it is."""
    finite = [value for value in values if math.isfinite(value)]
    return {
        "min": min(finite, default=None),
        "max": max(finite, default=None),
        "mean": math.fsum(finite) / len(finite) if finite else None,
        "final": values[-1] if values else None,
    }


def _checkpoints(run: Run) -> int:
    from epochal.read.view import RunView

    return len(RunView(run.dir).checkpoints) if run.dir else 0
