"""Aggregates over many tasks (Agarwal et al. 2021): scores of shape (n_runs, n_tasks).

Scores of different tasks must be comparable: normalize them first.  `mean`, `median`, `iqm`,
`optimality_gap` and `tasks_reaching` reduce the two axes named by `axis`, so that they also work on
many resamples at a time; of two-dimensional scores they return a number.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from epochal.analyze.samples import GOALS, Array, one_of, sample
from epochal.analyze.score_profiles import Profile, performance_profile
from epochal.analyze.score_tables import RUNS_BY_TASKS, table
from epochal.analyze.stratified import stratified_bootstrap, stratified_draws
from epochal.core.errors import EvidenceError

__all__ = [
    "Profile",
    "iqm",
    "mean",
    "median",
    "normalized",
    "optimality_gap",
    "performance_profile",
    "probability_of_improvement",
    "stratified_bootstrap",
    "stratified_draws",
    "tasks_reaching",
]

Axes = tuple[int, int]


def normalized(scores: npt.ArrayLike, low: npt.ArrayLike, high: npt.ArrayLike) -> Array:
    """Return (scores - low) / (high - low): 0 for the one reference, 1 for the other.

    Args:
        scores: shape (n_runs, n_tasks).
        low: shape (n_tasks,) or a number, such as the scores of a random player.
        high: the same of the other reference, such as a human's; below `low` where less is better.

    Raises:
        EvidenceError: shapes that do not fit, NaN, infinity, or references that are equal.

    Example:
        >>> normalized([[5.0, 30.0]], low=[0.0, 10.0], high=[10.0, 50.0]).tolist()
        [[0.5, 0.5]]
    """
    array = table(scores)
    ends = [
        sample(np.atleast_1d(np.asarray(end)), name=name)
        for name, end in (("low", low), ("high", high))
    ]
    for name, end in zip(("low", "high"), ends, strict=True):
        if end.size not in (1, array.shape[1]):
            message = f"{name} has {end.size:,} numbers for {array.shape[1]:,} tasks"
            raise EvidenceError(f"{message}: give one for each task, or one for all")
    width = ends[1] - ends[0]
    if equal := int((width == 0).sum()):
        raise EvidenceError(f"low and high are equal for {equal:,} tasks: nothing to normalize by")
    return np.asarray((array - ends[0]) / width)


def mean(scores: npt.ArrayLike, *, axis: Axes = (-2, -1)) -> Any:
    """Return the mean over tasks of each task's mean.

    Args:
        scores: shape (n_runs, n_tasks).
        axis: the axes of runs and tasks.

    Raises:
        EvidenceError: scores of another shape, NaN or infinity.

    Example:
        >>> mean([[1, 2], [2, 2], [1, 1], [2, 1]])
        1.5
    """
    return _number(_laid_out(scores, axis).mean(axis=(-2, -1)))


def median(scores: npt.ArrayLike, *, axis: Axes = (-2, -1)) -> Any:
    """Return the median over tasks of each task's mean; it is not the median of all scores.

    Args:
        scores: shape (n_runs, n_tasks).
        axis: the axes of runs and tasks.

    Raises:
        EvidenceError: scores of another shape, NaN or infinity.

    Example:
        >>> median([[0.0, 0.0, 9.0], [1.0, 3.0, 9.0]])
        1.5
    """
    return _number(np.median(_laid_out(scores, axis).mean(axis=-2), axis=-1))


def iqm(scores: npt.ArrayLike, *, axis: Axes = (-2, -1)) -> Any:
    """Return the interquartile mean: of all N scores without the lowest and highest ⌊N/4⌋.

    Args:
        scores: shape (n_runs, n_tasks), N = n_runs · n_tasks.
        axis: the axes of runs and tasks.

    Raises:
        EvidenceError: scores of another shape, NaN or infinity.

    Example:
        >>> iqm([[0.0, 1.0, 2.0, 3.0, 50.0]])
        2.0
    """
    array = _laid_out(scores, axis)
    cells = array.reshape(*array.shape[:-2], -1)
    n = cells.shape[-1]
    drop = n // 4
    if drop:
        cells = np.partition(cells, (drop, n - drop - 1), axis=-1)
    return _number(cells[..., drop : n - drop].mean(axis=-1))


def optimality_gap(
    scores: npt.ArrayLike, gamma: float = 1.0, *, goal: str = "maximize", axis: Axes = (-2, -1)
) -> Any:
    """Return how far scores fall short of gamma on average, gamma - mean(min(score, gamma)).

    What a score has beyond gamma does not count.  With "minimize" it is
    mean(max(score, gamma)) - gamma.

    Args:
        scores: shape (n_runs, n_tasks).
        gamma: the score that is good enough.
        goal: "maximize" if larger is better, else "minimize".
        axis: the axes of runs and tasks.

    Raises:
        EvidenceError: scores of another shape, NaN or infinity, or an unknown goal.

    Example:
        >>> optimality_gap([[0.5, 3.0]])
        0.25
    """
    target = float(sample([gamma], name="gamma")[0])
    sign = 1.0 if one_of(goal, GOALS, "goal") == "maximize" else -1.0
    short = np.maximum(sign * (target - _laid_out(scores, axis)), 0.0)
    return _number(short.mean(axis=(-2, -1)))


def tasks_reaching(scores: npt.ArrayLike, threshold: float = 1.0, *, axis: Axes = (-2, -1)) -> Any:
    """Return on how many tasks the mean reaches a threshold, as "superhuman games".

    A mean equal to the threshold reaches it, also where rounding puts it a few units below in the
    last place.

    Args:
        scores: shape (n_runs, n_tasks).
        threshold: 1 is the reference of normalized scores.
        axis: the axes of runs and tasks.

    Raises:
        EvidenceError: scores of another shape, NaN or infinity.

    Example:
        >>> tasks_reaching([[0.5, 3.0, 0.1], [1.5, 2.0, 0.2]])
        2.0
    """
    bound = float(sample([threshold], name="threshold")[0])
    means = _laid_out(scores, axis).mean(axis=-2)
    near = 8 * float(np.spacing(abs(bound)))
    return _number((means >= bound - near).sum(axis=-1).astype(np.float64))


def probability_of_improvement(
    x: npt.ArrayLike, y: npt.ArrayLike, *, goal: str = "maximize", axis: Axes = (-2, -1)
) -> Any:
    """Return the probability that x beats y on a task, averaged over tasks; ties count half.

    Mean over tasks of U / (n_x·n_y), U being Mann and Whitney's; 0.5 for equal arrays.

    Args:
        x: shape (n_x, n_tasks); infinite values are allowed.
        y: shape (n_y, n_tasks), the same tasks in the same order.
        goal: "maximize" if larger is better, else "minimize".
        axis: the axes of runs and tasks.

    Raises:
        EvidenceError: scores of another shape, other tasks, NaN, or an unknown goal.

    Example:
        >>> x = [[1, 2], [2, 2], [1, 1], [2, 1]]
        >>> round(probability_of_improvement(x, [[1, 1], [2, 2], [3, 3]]), 4)
        0.3333
    """
    first = _laid_out(x, axis, name="x", infinite=True)
    second = _laid_out(y, axis, name="y", infinite=True)
    if one_of(goal, GOALS, "goal") == "minimize":
        first, second = second, first
    if first.shape[-1] != second.shape[-1]:
        message = f"x has {first.shape[-1]:,} tasks and y {second.shape[-1]:,}"
        raise EvidenceError(f"{message}: the tasks must be the same")
    halves: Any = 0
    for run in range(first.shape[-2]):  # one run at a time: the memory is that of y
        row = first[..., run : run + 1, :]
        wins = (row > second).view(np.int8) + (row >= second).view(np.int8)
        halves = halves + wins.sum(axis=-2, dtype=np.int32)
    pairs = first.shape[-2] * second.shape[-2]
    return _number((halves / (2 * pairs)).mean(axis=-1))


def _laid_out(
    scores: npt.ArrayLike, axis: Axes, *, name: str = "scores", infinite: bool = False
) -> Array:
    """Return scores with the axes of runs and tasks last."""
    array = table(scores, name=name, axes=RUNS_BY_TASKS, infinite=infinite, deeper=True)
    if array.ndim == 2 and axis == (-2, -1):
        return array
    try:
        return np.moveaxis(array, axis, (-2, -1))
    except ValueError as error:  # AxisError is one
        message = f"axis={axis!r} does not name two axes of {name}, shape {array.shape}"
        raise EvidenceError(message) from error


def _number(result: Any) -> Any:
    """Return a float where the result has no axes left."""
    return float(result) if np.ndim(result) == 0 else result
