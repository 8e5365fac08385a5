"""Curves of several runs on one grid of steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from epochal.analyze.samples import Array
from epochal.analyze.series import curve, series
from epochal.core.errors import EvidenceError

Curve = tuple[npt.ArrayLike, npt.ArrayLike]

MOST_POINTS = 100_000
"""A grid of more points, and of more than twice those of the longest run, is thinned."""


def align(curves: Iterable[Curve], grid: npt.ArrayLike | None = None) -> tuple[Array, Array]:
    """Return curves on one grid of steps; NaN where a run has no value.

    At its own steps a curve keeps its values exactly; between them it is interpolated linearly;
    outside its first and last step it has none.  A point that is NaN or infinite is missing, and so
    is everything between it and its neighbors.  Points are sorted by step; of equal steps the last
    one given counts.

    Args:
        curves: pairs (x, y) of shapes (n_points_of_the_run,).
        grid: steps, rising; None: all steps of all curves.  Of more than 100,000 steps, if they are
            also more than twice those of the longest curve, every k-th is kept, and the last.

    Returns:
        Steps, shape (n_points,), and values, shape (n_runs, n_points).

    Raises:
        EvidenceError: no curve, a curve without points, x that is not finite, a grid that does not
            rise.

    Example:
        >>> steps, values = align([([0, 20], [2.0, 1.0]), ([0, 10, 20], [3.0, 2.0, 1.0])])
        >>> steps.tolist(), values.tolist()
        ([0.0, 10.0, 20.0], [[2.0, 1.5, 1.0], [3.0, 2.0, 1.0]])
    """
    runs = tidy(curves)
    steps = common_grid(runs)[0] if grid is None else rising(grid)
    return steps, np.stack([values_on(steps, x, y) for x, y in runs])


def tidy(curves: Iterable[Curve]) -> list[tuple[Array, Array]]:
    """Return curves sorted by step, each step once, with NaN for what is not finite.

    Raises:
        EvidenceError: no curve, a curve without points, or x that is not finite.

    Example:
        >>> [(x.tolist(), y.tolist()) for x, y in tidy([([10, 0, 10], [1.0, 2.0, 3.0])])]
        [([0.0, 10.0], [2.0, 3.0])]
    """
    runs = []
    for i, pair in enumerate(curves):
        if not hasattr(pair, "__len__") or len(pair) != 2:
            raise EvidenceError(f"curve {i} is no pair (x, y): give steps and values of each run")
        runs.append(_tidy(*pair, f"curve {i}"))
    if not runs:
        raise EvidenceError("there is no curve: give one pair (x, y) for each run")
    return runs


def _tidy(x: npt.ArrayLike, y: npt.ArrayLike, name: str) -> tuple[Array, Array]:
    """Return one of them."""
    steps, values = series(x, name=f"x of {name}"), series(y, name=f"y of {name}")
    if steps.size == values.size and not (steps[1:] > steps[:-1]).all():
        order = np.argsort(steps, kind="stable")
        steps, values = steps[order], values[order]
        last = np.append(steps[1:] != steps[:-1], True)
        steps, values = steps[last], values[last]
    curve(steps, values, name=name)
    return steps, np.where(np.isfinite(values), values, np.nan)


def rising(grid: npt.ArrayLike) -> Array:
    """Return a grid of finite, rising steps.

    Raises:
        EvidenceError: it is something else.

    Example:
        >>> rising([0, 10]).tolist()
        [0.0, 10.0]
    """
    steps = series(grid, name="grid")
    if not np.isfinite(steps).all() or not (np.diff(steps) > 0).all():
        raise EvidenceError("grid must be finite steps that rise")
    return steps


def common_grid(curves: Sequence[tuple[Array, Array]]) -> tuple[Array, int]:
    """Return the steps of all tidy curves, and k if every k-th was kept.

    Example:
        >>> steps, every = common_grid(tidy([([0, 20], [1, 1]), ([10], [1])]))
        >>> steps.tolist(), every
        ([0.0, 10.0, 20.0], 1)
    """
    longest = max((x for x, _ in curves), key=len)
    others = [x for x, _ in curves if not np.array_equal(x, longest[: x.size])]
    steps: Array = np.unique(np.concatenate([longest, *others])) if others else longest
    most = max(2 * longest.size, MOST_POINTS)
    every = -(-steps.size // most)
    if every > 1:
        steps = np.append(steps[:-1:every], steps[-1])
    return steps, every


def interpolated(x: Array, grid: Array) -> bool:
    """Return whether the grid has steps inside a curve's range that are not the curve's own.

    Example:
        >>> interpolated(np.array([0.0, 20.0]), np.array([0.0, 10.0, 20.0]))
        True
    """
    first, last = np.searchsorted(grid, x[0]), np.searchsorted(grid, x[-1], "right")
    inside = grid[first:last]
    return not np.array_equal(x[np.searchsorted(x, inside)], inside)


def values_on(grid: Array, x: Array, y: Array) -> Array:
    """Return a tidy curve on a grid; NaN outside its range.

    Example:
        >>> values_on(np.array([5.0, 30.0]), np.array([0.0, 20.0]), np.array([0.0, 4.0])).tolist()
        [1.0, nan]
    """
    first = max(0, int(np.searchsorted(x, grid[0], "right")) - 1)
    last = int(np.searchsorted(x, grid[-1], "left")) + 1
    x, y = x[first:last], y[first:last]
    if np.array_equal(x, grid):
        return y
    values: Array = np.interp(grid, x, y, left=np.nan, right=np.nan)
    return values
