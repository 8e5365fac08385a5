"""Stratified bootstrap: intervals of aggregates over many tasks with few runs each."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from epochal.analyze.estimates import Estimate
from epochal.analyze.samples import Array, Rng, generator, share, whole
from epochal.analyze.score_tables import table
from epochal.core.errors import EvidenceError

CELLS_AT_A_TIME = 500_000  # 4 MB of resampled scores, 4 MB of their places

Statistic = Callable[..., Any]

WORDS = {
    "mean": "mean over tasks",
    "median": "median over tasks of mean scores",
    "iqm": "interquartile mean",
    "optimality_gap": "optimality gap",
    "tasks_reaching": "number of tasks that reach a threshold",
    "probability_of_improvement": "probability of improvement",
}


@overload
def stratified_bootstrap(
    scores: Mapping[str, npt.ArrayLike],
    statistic: Statistic,
    resamples: int = ...,
    tasks: bool = ...,  # noqa: FBT001
    rng: Rng = ...,
    *,
    against: npt.ArrayLike | None = ...,
    level: float = ...,
) -> dict[str, Estimate]: ...


@overload
def stratified_bootstrap(
    scores: npt.ArrayLike,
    statistic: Statistic,
    resamples: int = ...,
    tasks: bool = ...,  # noqa: FBT001
    rng: Rng = ...,
    *,
    against: npt.ArrayLike | None = ...,
    level: float = ...,
) -> Estimate: ...


def stratified_bootstrap(
    scores: npt.ArrayLike | Mapping[str, npt.ArrayLike],
    statistic: Statistic,
    resamples: int = 10_000,
    tasks: bool = False,  # noqa: FBT001, FBT002
    rng: Rng = 0,
    *,
    against: npt.ArrayLike | None = None,
    level: float = 0.95,
) -> Estimate | dict[str, Estimate]:
    """Return a statistic over tasks with its percentile interval (Agarwal et al. 2021).

    For each task, as many runs as it has are drawn with replacement, independently of other tasks.
    The interval says how the statistic varies with the seeds, on these tasks; with ``tasks=True``
    tasks are drawn too, and it says so for tasks like these.

    Args:
        scores: shape (n_runs, n_tasks), or such an array for each of several names.  Further axes,
            such as points of a curve, stay together: a whole run is drawn.
        statistic: from such an array to a number: one of `epochal.analyze.tasks`, of NumPy, or
            your own.  With a keyword ``axis`` it is called for many resamples at a time, as
            ``statistic(block, axis=(1, 2))`` with a block of shape (n_resamples, n_runs, n_tasks).
        resamples: how many; the paper has 50,000.
        tasks: whether tasks are drawn too.
        rng: seed or generator.  With a seed, every name gets the interval that it gets alone.
        against: shape (other n_runs, n_tasks), the second argument of a statistic of two, such as
            `probability_of_improvement`; its runs are drawn independently, its tasks together.
        level: between 0 and 1.

    Returns:
        The estimate, n being the number of scores, or an estimate for each name.  Of one run per
        task there is no interval, unless tasks are drawn: its ends are NaN.

    Raises:
        EvidenceError: scores of another shape, NaN or infinity among them, or a statistic that is
            not one finite number.

    Example:
        >>> from epochal.analyze import tasks
        >>> scores = [[0.2, 1.1, 0.9], [0.4, 1.3, 0.7], [0.3, 1.2, 0.8]]
        >>> estimate = stratified_bootstrap(scores, tasks.mean, rng=0)
        >>> round(estimate.value, 3), round(estimate.low, 2), round(estimate.high, 2)
        (0.767, 0.71, 0.82)
    """
    share(level, "level")
    if isinstance(scores, Mapping):
        return {
            str(name): _estimate(one, statistic, resamples, tasks, rng, against, level)
            for name, one in scores.items()
        }
    return _estimate(scores, statistic, resamples, tasks, rng, against, level)


def stratified_draws(
    scores: npt.ArrayLike,
    statistic: Statistic,
    resamples: int = 10_000,
    *,
    tasks: bool = False,
    rng: Rng = 0,
    against: npt.ArrayLike | None = None,
) -> Array:
    """Return a statistic of each stratified resample; memory for the resamples is bounded.

    Args:
        scores: shape (n_runs, n_tasks) or (n_runs, n_tasks, ...).
        statistic: as for `stratified_bootstrap`, to a number or an array.
        resamples: how many.
        tasks: whether tasks are drawn too.
        rng: seed or generator.
        against: scores of the second argument of a statistic of two.

    Returns:
        Shape (resamples,), or (resamples, ...) where the statistic is an array.

    Raises:
        EvidenceError: scores of another shape, or NaN or infinity among them or among the results.

    Example:
        >>> import numpy as np
        >>> stratified_draws([[1.0, 2.0], [3.0, 4.0]], np.mean, resamples=5).shape
        (5,)
    """
    tables = _tables(scores, against)
    whole(resamples, "resamples")
    source = generator(rng)
    at_a_time = max(1, CELLS_AT_A_TIME // max(array.size for array in tables))
    parts = []
    for start in range(0, resamples, at_a_time):
        count = min(at_a_time, resamples - start)
        parts.append(_of_each(statistic, _resample(tables, count, tasks, source), count))
    draws = np.concatenate(parts)
    if bad := int((~np.isfinite(draws)).sum()):
        message = f"the statistic is no finite number on {bad:,} of {draws.size:,} resamples"
        raise EvidenceError(f"{message}: choose one that is defined when runs repeat")
    return draws


def described(statistic: Statistic) -> str:
    """Return a statistic's name in words, with the arguments that were bound to it.

    Example:
        >>> import numpy as np
        >>> described(np.median), described(functools.partial(np.quantile, q=0.9))
        ('numpy.median', 'numpy.quantile (q=0.9)')
    """
    if isinstance(statistic, functools.partial):
        bound = [*map(repr, statistic.args), *(f"{k}={v!r}" for k, v in statistic.keywords.items())]
        return f"{described(statistic.func)} ({', '.join(bound)})"
    name = str(getattr(statistic, "__name__", type(statistic).__name__))
    module = str(getattr(statistic, "__module__", None) or "")
    if module == "epochal.analyze.tasks":
        return WORDS.get(name, name)
    if name == "<lambda>":
        return "given statistic"
    return f"numpy.{name}" if module.startswith("numpy") else name


def _estimate(
    scores: npt.ArrayLike,
    statistic: Statistic,
    resamples: int,
    tasks: bool,  # noqa: FBT001
    rng: Rng,
    against: npt.ArrayLike | None,
    level: float,
) -> Estimate:
    """Return the statistic of one array of scores with its interval."""
    tables = _tables(scores, against)
    once = _of_each(statistic, [array[None] for array in tables], 1)
    if once.shape != (1,) or not np.isfinite(once[0]):
        what = once[0] if once.shape == (1,) else f"of shape {once.shape[1:]}"
        raise EvidenceError(f"the statistic of the scores is {what}: one finite number is needed")
    value, n = float(once[0]), sum(array.shape[0] * array.shape[1] for array in tables)
    runs = " and ".join(f"{array.shape[0]:,}" for array in tables)
    size = f"{runs} runs x {tables[0].shape[1]:,} tasks"
    if not tasks and all(array.shape[0] == 1 for array in tables):
        words = f"no interval of one run per task of the {described(statistic)}"
        return Estimate(value, math.nan, math.nan, level, words, n)
    draws = stratified_draws(scores, statistic, resamples, tasks=tasks, rng=rng, against=against)
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2]).tolist()
    drawn = "tasks and runs" if tasks else "runs"
    words = (
        f"percentile interval of the {described(statistic)}, stratified bootstrap of {drawn},"
        f" {size}, {resamples:,} resamples"
    )
    return Estimate(value, low, high, level, words, n)


def _tables(scores: npt.ArrayLike, against: npt.ArrayLike | None) -> list[Array]:
    """Return the one or two arrays of scores; of two, the tasks are the same."""
    tables = [table(scores, deeper=True)]
    if against is not None:
        tables.append(table(against, name="against", deeper=True))
        if tables[0].shape[1:] != tables[1].shape[1:]:
            first, second = tables[0].shape, tables[1].shape
            message = (
                f"scores have the shape {first} and against {second}: the tasks must be the same"
            )
            raise EvidenceError(message)
    return tables


def _resample(
    tables: list[Array],
    count: int,
    tasks: bool,  # noqa: FBT001
    rng: np.random.Generator,
) -> list[Array]:
    """Return `count` resamples of each table, shape (count, n_runs, n_tasks, ...)."""
    n_tasks = tables[0].shape[1]
    columns = np.arange(n_tasks)
    if tasks:
        columns = rng.integers(0, n_tasks, size=(count, 1, n_tasks))
    blocks = []
    for array in tables:
        n_runs = array.shape[0]
        places = rng.integers(0, n_runs, size=(count, n_runs, n_tasks))
        places *= n_tasks
        places += columns
        flat = np.ascontiguousarray(array).reshape(n_runs * n_tasks, *array.shape[2:])
        blocks.append(flat.take(places, axis=0))
    return blocks


def _of_each(statistic: Statistic, blocks: list[Array], count: int) -> Array:
    """Return the statistic of each resample, shape (count, ...)."""
    if _takes_axis(statistic):
        result = np.asarray(statistic(*blocks, axis=(1, 2)), dtype=np.float64)
    else:
        each = [statistic(*resampled) for resampled in zip(*blocks, strict=True)]
        result = np.asarray(each, dtype=np.float64)
    if not result.ndim or result.shape[0] != count:
        message = f"the statistic gave the shape {result.shape} for {count:,} resamples"
        raise EvidenceError(f"{message}: with axis=(1, 2) it must keep the first axis")
    return result


def _takes_axis(statistic: Statistic) -> bool:
    """Return whether a statistic has a keyword `axis`."""
    try:
        return "axis" in inspect.signature(statistic).parameters
    except (TypeError, ValueError):  # a builtin such as `max` says nothing of its arguments
        return False
