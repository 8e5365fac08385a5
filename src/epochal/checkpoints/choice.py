"""Which checkpoint is the best: by the value of one metric and its goal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from epochal.checkpoints.folder import Known, best_of
from epochal.core.errors import CheckpointError, did_you_mean
from epochal.core.goals import lower_is_better

GOALS = ("minimize", "maximize")


class Verdict(NamedTuple):
    """What was judged: the metric, its goal and value, and whether it is the best so far."""

    monitor: str | None = None
    goal: str | None = None
    value: float | None = None
    best: bool = False


def judge(
    monitor: str | None, goal: str | None, metrics: Mapping[str, Any], known: Iterable[Known]
) -> Verdict:
    """Say whether a new checkpoint is the best so far.

    Args:
        monitor: the metric; None: nothing is judged.
        goal: "minimize" or "maximize"; None: what its best so far was chosen by, else "minimize"
            for names with words such as loss, error or perplexity.
        metrics: numbers by name.
        known: earlier checkpoints, in the order of saving; the best one judged by another metric
            or goal does not count.

    Raises:
        CheckpointError: the metric is not there, or its goal is not known.

    Example:
        >>> judge("val/loss", None, {"val/loss": 0.5}, []).best
        True
    """
    if monitor is None:
        return Verdict()
    if not isinstance(monitor, str):
        raise CheckpointError(f"monitor={monitor!r} is not the name of a metric")
    value = metrics.get(monitor)
    if not isinstance(value, int | float):
        hint = did_you_mean(monitor, metrics) or f"; they are {', '.join(metrics) or 'none'}"
        raise CheckpointError(f"monitor={monitor!r} is no number among metrics={{...}}{hint}")
    before = best_of(k for k in known if k.about.get("monitor") == monitor)
    goal = goal or (before.about.get("goal") if before else None)
    if goal is None and lower_is_better(monitor):
        goal = "minimize"
    if goal not in GOALS:
        what = f"the goal of {monitor!r} is not known" if goal is None else f"goal={goal!r}"
        raise CheckpointError(
            f"{what}: give goal='minimize' or goal='maximize', or run.define({monitor!r}, goal=...)"
        )
    if before is not None and before.about.get("goal") != goal:
        before = None
    return Verdict(monitor, goal, value, _better(value, before, goal))


def _better(value: float, before: Known | None, goal: str) -> bool:
    if math.isnan(value):
        return False
    if before is None or math.isnan(before.value):
        return True
    return value < before.value if goal == "minimize" else value > before.value
