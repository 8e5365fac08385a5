"""What figures are made from: runs, however they were named, and their points."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from epochal.core.errors import EvidenceError, MetricNotFoundError
from epochal.present.panel import Array
from epochal.read import project as projects
from epochal.read.project import Project
from epochal.read.runs import Runs
from epochal.read.view import RunView
from epochal.store import folder

CLOCKS = {"step": "step", "epoch": "epoch", "elapsed": "seconds since the start"}
"""The x-axes that every run has, and what they are labeled with."""


def runs_of(given: Any) -> list[RunView]:
    """Return runs, each once.

    Args:
        given: a project, runs, a run (as it was read, or while it records), the path of a folder of
            runs or of one run, a path with wildcards, or several of these.

    Returns:
        In the order in which they were given; those of a project or folder oldest first.

    Raises:
        EvidenceError: there are none, or it is something else.
        RunFolderError: there is no such folder.

    Example:
        >>> import epochal, tempfile
        >>> with epochal.init(project="doc", name="one", dir=tempfile.mkdtemp()) as run:
        ...     run.log({"loss": 0.5}, step=1)
        >>> [each.name for each in runs_of([run.dir, run])]
        ['one']
    """
    found: dict[str, RunView] = {}
    for run in _views(given):
        found.setdefault(os.path.realpath(run.dir), run)
    if not found:
        what = f" in {os.fspath(given)}" if isinstance(given, str | os.PathLike) else ""
        raise EvidenceError(f"there are no runs{what} to make anything of")
    return list(found.values())


def _views(given: Any) -> Iterable[RunView]:
    if isinstance(given, RunView):
        return [given]
    if isinstance(given, Project):
        return sorted(given.runs(), key=_age)
    if isinstance(given, Runs):
        return given
    if isinstance(given, str | os.PathLike):
        return _at(os.fspath(given))
    if isinstance(getattr(given, "dir", None), str):  # a run that records
        return _at(given.dir)
    if isinstance(given, Iterable):
        return [run for each in given for run in _views(each)]
    message = (
        f"{type(given).__name__} is nothing to take runs from: give a project, runs, a run, or the"
        " path of a folder"
    )
    raise EvidenceError(message)


def _at(path: str) -> list[RunView]:
    if folder.is_run(path):
        return [RunView(path)]
    if not os.path.isdir(path) and glob.has_magic(path):
        return [run for each in sorted(glob.glob(path)) for run in _at(each)]
    project = projects.open(path)
    try:
        return sorted(project.runs(), key=_age)
    finally:
        project.close()


def _age(run: RunView) -> tuple[float, str]:
    return run.created_s, run.id


@dataclass(frozen=True, eq=False)
class Points:
    """The points of a metric that can be drawn, and what could not.

    Attributes:
        x: rising, each position once: of several values there the last one counts.  Only on the
            axis of epochs all values of an epoch are there.
        y: as many; NaN where the value was NaN or infinite.
        bad: positions of these.
    """

    x: Array
    y: Array
    bad: Array

    def __len__(self) -> int:
        """Return the number of positions."""
        return len(self.x)


NOTHING = Points(np.empty(0), np.empty(0), np.empty(0))


def points_of(run: RunView, metric: str | None, x: str = "step") -> Points:
    """Return the points of a run's metric; none if the run has no such metric.

    Args:
        run: whose.
        metric: its name, None for none.
        x: "step", "epoch" (what was logged without one is left out), "elapsed", or a metric: its
            value at the same step or at the last one before.
    """
    if metric is None or metric not in run.metrics:
        return NOTHING
    series = run.series(metric)
    values = np.asarray(series.values, np.float64)
    if x in CLOCKS:
        clock = {"step": "steps", "epoch": "epochs", "elapsed": "elapsed_s"}[x]
        places = np.asarray(getattr(series, clock), np.float64)
    else:
        places = _other_x(run, x, np.asarray(series.steps, np.float64))
    return cleaned(places, values, repeats=x == "epoch")


def cleaned(x: Array, y: Array, *, repeats: bool = False) -> Points:
    """Return points in the order of x, one at each position unless repeats are wanted.

    Example:
        >>> points = cleaned(np.array([2.0, 1.0, 2.0]), np.array([5.0, np.inf, 6.0]))
        >>> points.x.tolist(), points.y.tolist(), points.bad.tolist()
        ([1.0, 2.0], [nan, 6.0], [1.0])
    """
    there = np.isfinite(x)
    x, y = x[there], y[there]
    if len(x) > 1 and not (np.diff(x) > 0).all():
        order = np.argsort(x, kind="stable")
        x, y = x[order], y[order]
        last = np.append(np.diff(x) > 0, True) | repeats
        x, y = x[last], y[last]
    fine = np.isfinite(y)
    return Points(x, np.where(fine, y, np.nan), x[~fine])


def _other_x(run: RunView, metric: str, steps: Array) -> Array:
    """Return a metric's value at some steps; NaN before its first one."""
    if metric not in run.metrics:
        raise MetricNotFoundError(
            f"run {run.name!r} has no metric {metric!r} to draw others against; x is one of"
            f" {', '.join(CLOCKS)} or a metric"
        )
    series = run.series(metric)
    known = cleaned(np.asarray(series.steps, np.float64), np.asarray(series.values, np.float64))
    at = np.searchsorted(known.x, steps, side="right") - 1
    return np.where(at >= 0, known.y[np.maximum(at, 0)], np.nan)


@dataclass(frozen=True, eq=False)
class Pieces:
    """Statistics of a curve by pieces of the x-axis; arrays of shape (n_pieces,).

    Attributes:
        x: the middle of each piece.
        mean, std, low, high: of the finite values in it; std with n - 1, NaN for fewer than two;
            low and high are the smallest and largest.
        count: how many there are.
    """

    x: Array
    mean: Array
    std: Array
    low: Array
    high: Array
    count: Array


def pieces(points: Points, edges: Sequence[float] | Array) -> Pieces:
    """Return statistics of points between edges; each piece includes its lower edge.

    Example:
        >>> found = pieces(cleaned(np.arange(4.0), np.array([1.0, 3, 5, 9])), [0, 2, 4])
        >>> found.mean.tolist(), found.high.tolist(), found.count.tolist()
        ([2.0, 7.0], [3.0, 9.0], [2.0, 2.0])
    """
    edges = np.asarray(edges, np.float64)
    fine = np.isfinite(points.y)
    x, y = points.x[fine], points.y[fine]
    starts = np.searchsorted(x, edges)
    count = np.diff(starts)
    full = count > 0
    at = starts[:-1][full]
    y = y[: starts[-1]]
    empty = np.full(len(count), np.nan)
    mean, squares, low, high = empty.copy(), empty.copy(), empty.copy(), empty.copy()
    if len(at):
        mean[full] = np.add.reduceat(y, at) / count[full]
        off = y[at[0] :] - np.repeat(mean[full], count[full])
        squares[full] = np.add.reduceat(off**2, at - at[0])
        low[full], high[full] = np.minimum.reduceat(y, at), np.maximum.reduceat(y, at)
    std = np.sqrt(np.divide(squares, count - 1, out=empty.copy(), where=count > 1))
    return Pieces((edges[:-1] + edges[1:]) / 2, mean, std, low, high, count.astype(np.float64))


def x_label(x: str) -> str:
    """Return what an axis of this kind is labeled with."""
    return CLOCKS.get(x, x)
