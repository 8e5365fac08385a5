"""Curves of several runs: on one grid, as a band, and as single numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from epochal.analyze.alignment import (
    Curve,
    align,
    common_grid,
    interpolated,
    rising,
    tidy,
    values_on,
)
from epochal.analyze.estimates import t_quantile
from epochal.analyze.samples import Array, one_of, share
from epochal.analyze.series import curve, minimized, series
from epochal.core.errors import EvidenceError

__all__ = ["STATISTICS", "Band", "aggregate", "align", "area", "improvement_percent"]

Counts = npt.NDArray[np.int64]
STATISTICS = ("mean", "median", "iqm")
COLUMNS_AT_A_TIME = 65_536  # of 30 runs: 16 MB


@dataclass(frozen=True, eq=False)
class Band:
    """Runs taken together, step by step.

    Attributes:
        x: steps, shape (n_points,).
        center: mean, median or interquartile mean of the runs that have a value there; NaN where
            none has.
        low, high: ends of the interval; NaN where fewer than two runs have a value.
        n: how many runs have a value at each step.
        method: what center, low and high are, in words.
        statistic: "mean", "median" or "iqm".
        level: such as 0.95.
        runs: how many curves were given.
        missing: points that were left out as NaN or infinite, of each curve.

    Example:
        >>> band = aggregate([([0, 10], [2.0, 1.0]), ([0, 10, 20], [2.2, 1.4, 1.0])])
        >>> band.center.round(6).tolist(), band.n.tolist()
        ([2.1, 1.2, 1.0], [2, 2, 1])
    """

    x: Array
    center: Array
    low: Array
    high: Array
    n: Counts
    method: str
    statistic: str = "mean"
    level: float = 0.95
    runs: int = 0
    missing: tuple[int, ...] = ()


def aggregate(
    curves: Iterable[Curve],
    statistic: str = "mean",
    level: float = 0.95,
    *,
    grid: npt.ArrayLike | None = None,
) -> Band:
    """Return the curves of several runs as one band, step by step.

    With "mean" the band is Student's t interval of the mean over the runs that have a value at the
    step.  With "median" or "iqm" (the mean without the lowest and highest ⌊n/4⌋ runs) it is the
    range that holds the middle `level` of the runs (percentiles): the spread of the runs, not an
    error of the center.  Curves of different steps are joined as `align` says; `n` counts the runs
    at each step, and `missing` the points that were NaN or infinite.

    Args:
        curves: pairs (x, y), one for each run, shapes (n_points_of_the_run,).
        statistic: "mean", "median" or "iqm".
        level: between 0 and 1.
        grid: steps to report, rising; None: those of the curves.

    Raises:
        EvidenceError: as `align`, an unknown statistic, or a level outside (0, 1).
        MissingExtraError: SciPy is not installed ("mean" only).

    Example:
        >>> steps = [0, 100, 200]
        >>> runs = [(steps, [2.9, 2.1, 1.8]), (steps, [3.0, 2.0, 1.7]), (steps, [3.1, 1.9, 1.6])]
        >>> band = aggregate(runs)
        >>> band.center.round(3).tolist(), band.high.round(3).tolist()
        ([3.0, 2.0, 1.7], [3.248, 2.248, 1.948])
    """
    one_of(statistic, STATISTICS, "statistic")
    share(level, "level")
    runs = tidy(curves)
    steps, every = common_grid(runs) if grid is None else (rising(grid), 1)
    center, low, high = (np.full(steps.size, np.nan) for _ in range(3))
    n = np.zeros(steps.size, np.int64)
    summarize = _mean_band if statistic == "mean" else _range_band
    for start in range(0, steps.size, COLUMNS_AT_A_TIME):
        part = slice(start, start + COLUMNS_AT_A_TIME)
        values = np.stack([values_on(steps[part], x, y) for x, y in runs])
        n[part] = (~np.isnan(values)).sum(axis=0)
        center[part], low[part], high[part] = summarize(values, n[part], statistic, level)
    joined = any(interpolated(x, steps) for x, _ in runs)
    return Band(
        x=steps, center=center, low=low, high=high, n=n,
        method=_words(statistic, level, joined=joined, every=every),
        statistic=statistic, level=level, runs=len(runs),
        missing=tuple(int(np.isnan(y).sum()) for _, y in runs),
    )  # fmt: skip


def area(x: npt.ArrayLike, y: npt.ArrayLike, *, log: bool = False) -> float:
    """Return the mean height of a curve: the area under it, divided by the range of its steps.

    ∫ y dx / (x_last - x_first) by trapezoids; with `log` over ln(x): early steps count more.

    Args:
        x: shape (n_points,), n_points at least 2, rising; above 0 with `log`.
        y: shape (n_points,).
        log: whether to integrate over ln(x).

    Raises:
        EvidenceError: NaN or infinity in y, x that does not rise, a step below or at 0 with `log`.

    Example:
        >>> area([0, 10, 20], [0, 1, 1])
        0.75
    """
    steps, values = curve(x, y, least=2)
    if not (np.diff(steps) > 0).all():
        raise EvidenceError("x of the curve has the same step twice: keep one value for each")
    if bad := int((~np.isfinite(values)).sum()):
        message = f"{bad:,} of {values.size:,} values are NaN or infinite: the area is undefined"
        raise EvidenceError(f"{message}; cut the curve before them, and say so")
    if log:
        if steps[0] <= 0:
            raise EvidenceError(f"x begins at {steps[0]:g}: over ln(x), steps must be above 0")
        steps = np.log(steps)
    heights = (values[1:] / 2 + values[:-1] / 2) * (np.diff(steps) / (steps[-1] - steps[0]))
    return float(heights.sum())


def improvement_percent(y: npt.ArrayLike, goal: str = "minimize") -> Array:
    """Return by how many percent each value is better than the first finite one.

    100 · (first - y) / |first| if smaller is better; the last element is the improvement of the
    final value, the largest that of the best.  Negative: worse than at the start.  NaN and infinity
    give NaN.

    Args:
        y: shape (n_points,).
        goal: "minimize" or "maximize".

    Returns:
        Shape (n_points,).

    Raises:
        EvidenceError: no finite value, a first one of 0, or another goal.

    Example:
        >>> improvement_percent([4.0, 3.0, 5.0]).tolist()
        [0.0, 25.0, -25.0]
    """
    values = series(y)
    finite = np.isfinite(values)
    if not finite.any():
        raise EvidenceError("y has no finite value: there is nothing to compare with")
    first = float(values[finite][0])
    if first == 0:
        raise EvidenceError("the first value of y is 0: a percentage of it is undefined")
    known = np.where(finite, values, np.nan)
    return 100 * (minimized(np.array([first]), goal) - minimized(known, goal)) / abs(first) + 0.0


def _mean_band(values: Array, n: Counts, _: str, level: float) -> tuple[Array, Array, Array]:
    """Return the mean of each column with its t interval; equal values give exactly their mean.

    Args:
        values: shape (n_runs, n_columns), NaN where a run has none.
        n: shape (n_columns,), how many have one.
        level: between 0 and 1.
    """
    with np.errstate(invalid="ignore", divide="ignore"):  # columns of no run, and of one
        offset = np.fmin.reduce(values, axis=0)
        values = values - offset
        largest = np.fmax.reduce(values, axis=0)
        exponent = np.frexp(np.where(np.isfinite(largest), largest, 0))[1]
        values = np.ldexp(values, -exponent)  # squares of 1e200 overflow, those of 1e-200 are 0
        mean = np.nansum(values, axis=0) / n
        values -= mean
        np.square(values, out=values)
        error = np.sqrt(np.nansum(values, axis=0) / (n - 1) / n)
        quantile = np.full(int(n.max()) + 1, np.nan)
        for df in range(1, int(n.max())):
            quantile[df + 1] = t_quantile(level, df)
        center = offset + np.ldexp(mean, exponent)
        half = np.ldexp(quantile[n] * error, exponent)
        return center, center - half, center + half


def _range_band(
    values: Array, n: Counts, statistic: str, level: float
) -> tuple[Array, Array, Array]:
    """Return the median or interquartile mean of each column with the middle range of the runs."""
    values = np.sort(values, axis=0)  # NaN last
    alpha = 1 - level
    low, high = (_quantile(values, n, q) for q in (alpha / 2, 1 - alpha / 2))
    low[n < 2], high[n < 2] = np.nan, np.nan
    if statistic == "median":
        return _quantile(values, n, 0.5), low, high
    rank = np.arange(values.shape[0])[:, None]
    kept = (rank >= n // 4) & (rank < n - n // 4)
    inner, _, _ = _mean_band(np.where(kept, values, np.nan), kept.sum(axis=0), "mean", level)
    return inner, low, high


def _quantile(values: Array, n: Counts, q: float) -> Array:
    """Return a quantile of the first n of each sorted column, interpolated linearly as by NumPy."""
    position = q * np.maximum(n - 1, 0)
    below = np.floor(position).astype(np.int64)
    above = np.minimum(below + 1, np.maximum(n - 1, 0))
    low = np.take_along_axis(values, below[None], axis=0)[0]
    high = np.take_along_axis(values, above[None], axis=0)[0]
    quantile: Array = low + (position - below) * (high - low)
    return quantile


def _words(statistic: str, level: float, *, joined: bool, every: int) -> str:
    """Return what a band is, in words."""
    percent = f"{100 * level:.10g} %"
    if statistic == "mean":
        words = f"mean with {percent} t interval at each step"
    else:
        name = "median" if statistic == "median" else "interquartile mean"
        words = f"{name} with the range of the middle {percent} of the runs at each step"
    if joined:
        words += ", interpolated inside each run's own range"
    return words + (f", at every {every:,}th step" if every > 1 else "")
