"""When a run has converged, by a named definition, and how many runs ever do."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from epochal.analyze.alignment import Curve, align
from epochal.analyze.samples import Array, one_of, positive, whole
from epochal.analyze.series import curve, minimized, window_sums
from epochal.core.errors import EvidenceError

REFERENCES = ("best", "final")


@dataclass(frozen=True)
class Convergence:
    """Where one run converged.

    Attributes:
        step: of x; infinity if the run never did.
        value: of y there; NaN if the run never did.
        definition: of convergence, in words; numbers by different definitions do not compare.

    Example:
        >>> print(first_reached([0, 10, 20], [3.4, 3.2, 3.1], 3.25))
        10 (first step at or below 3.25)
    """

    step: float
    value: float
    definition: str

    @property
    def reached(self) -> bool:
        """Whether the run converged at all."""
        return self.step < math.inf

    def __str__(self) -> str:
        step = f"{self.step:.10g}" if self.reached else "never"
        return f"{step} ({self.definition})"


@dataclass(frozen=True)
class TimesToTarget:
    """When each of several runs reached a target.

    Attributes:
        times: of x, in the order of the runs; infinity for a run that did not reach it.  They fit
            methods of ranks, medians and profiles; of infinite ones there is no mean.
        n_reached: how many runs reached it.
        n: how many runs there are.
        target: the value to reach.
        definition: of reaching it, in words.

    Example:
        >>> print(TimesToTarget((10.0, 30.0, math.inf), 2, 3, 3.25, "first step at or below 3.25"))
        2 of 3 runs, median 30 (first step at or below 3.25)
    """

    times: tuple[float, ...]
    n_reached: int
    n: int
    target: float
    definition: str

    @property
    def median(self) -> float:
        """Median over all runs, those that did not reach the target among them as infinity."""
        ordered = sorted(self.times)
        low, high = ordered[(self.n - 1) // 2], ordered[self.n // 2]
        return low if low == high else (low + high) / 2

    def __str__(self) -> str:
        median = f"{self.median:.10g}" if self.median < math.inf else "not reached"
        return f"{self.n_reached} of {self.n} runs, median {median} ({self.definition})"


@dataclass(frozen=True)
class SharedStop:
    """One stopping step for all runs.

    Attributes:
        step: where the mean over the runs is best.
        values: of each run there, in the order of the runs.
        definition: in words.
    """

    step: float
    values: tuple[float, ...]
    definition: str


def first_reached(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    target: float,
    *,
    goal: str = "minimize",
    in_a_row: int = 1,
) -> Convergence:
    """Return the first step at which a metric has reached a target, once or several times running.

    With `in_a_row` = k it is the first of the first k evaluations in a row that have all reached
    it.  NaN and infinity have not reached anything.

    Args:
        x: shape (n_points,); steps, hours or tokens, never falling.
        y: shape (n_points,).
        target: the value to reach.
        goal: "minimize" (at or below the target) or "maximize" (at or above).
        in_a_row: how many evaluations, at least 1.

    Raises:
        EvidenceError: x falls or is not finite, lengths differ, a target that is not finite.

    Example:
        >>> steps, losses = [0, 10, 20, 30, 40], [3.5, 3.2, 3.3, 3.2, 3.1]
        >>> first_reached(steps, losses, 3.25).step
        10.0
        >>> first_reached(steps, losses, 3.25, in_a_row=2).step
        30.0
    """
    steps, values = curve(x, y)
    k = whole(in_a_row, "in_a_row")
    if not math.isfinite(target):
        raise EvidenceError(f"target={target!r} must be a finite number")
    side = "at or below" if goal == "minimize" else "at or above"
    which = f"first of {k:,} evaluations in a row" if k > 1 else "first step"
    limit = target if goal == "minimize" else -target
    hit = np.isfinite(values) & (minimized(values, goal) <= limit)
    if k > 1:
        hit = window_sums(hit.astype(np.float64), k) == k if k <= hit.size else hit[:0]
    return _first(steps, values, hit, f"{which} {side} {target:.10g}")


def first_near(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    of: str = "best",
    within: float = 0.05,
    *,
    goal: str = "minimize",
) -> Convergence:
    """Return the first step at which a metric has done all but a share of its whole way.

    |y_t - y*| ≤ within · |y_0 - y*|, where y_0 is the first finite value and y* the best or the
    last one; what is missing by rounding counts as there.  A run whose last value is NaN or
    infinite is never near its final value.

    Args:
        x: shape (n_points,); steps, never falling.
        y: shape (n_points,).
        of: "best" or "final".
        within: share of the way that may be missing, above 0.
        goal: "minimize" or "maximize"; it says which value is the best.

    Raises:
        EvidenceError: x falls or is not finite, lengths differ, an unknown word.

    Example:
        >>> print(first_near([0, 10, 20, 30], [4.0, 2.1, 2.04, 2.0], within=0.05))
        10 (first step within 5 % of the way from the first to the best value)
    """
    steps, values = curve(x, y)
    one_of(of, REFERENCES, "of")
    share = positive(within, "within")
    ordered = minimized(values, goal)
    finite = np.isfinite(values)
    way = f"{100 * share:.10g} % of the way from the first to the {of} value"
    definition = f"first step within {way}"
    if not finite.any() or (of == "final" and not finite[-1]):
        return Convergence(math.inf, math.nan, definition)
    known = ordered[finite]
    aim = known.min() if of == "best" else known[-1]
    rounding = 4 * float(np.spacing(max(abs(known[0]), abs(aim))))  # 2.1 - 2 is above 0.1
    with np.errstate(invalid="ignore"):
        hit = finite & (np.abs(ordered - aim) <= share * abs(known[0] - aim) + rounding)
    return _first(steps, values, hit, definition)


def level_off(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    window: int,
    min_delta: float,
    goal: str = "minimize",
) -> Convergence:
    """Return the step from which a metric no longer improves by `min_delta` from window to window.

    The first step at which the mean of the last `window` evaluations is less than `min_delta`
    better than the mean of the `window` before those.  Windows that hold NaN or infinity decide
    nothing.

    Args:
        x: shape (n_points,); steps, never falling.
        y: shape (n_points,).
        window: how many evaluations, at least 1.
        min_delta: in units of y, above 0.
        goal: "minimize" or "maximize".

    Raises:
        EvidenceError: x falls or is not finite, lengths differ, window or min_delta too small.

    Example:
        >>> level_off([0, 1, 2, 3, 4, 5], [4, 3, 2, 2, 2, 2], window=2, min_delta=0.1).step
        5.0
    """
    steps, values = curve(x, y)
    size, least = whole(window, "window"), positive(min_delta, "min_delta")
    definition = (
        f"mean of {size:,} evaluations less than {least:.10g} better than the {size:,} before"
    )
    if values.size < 2 * size:
        minimized(values, goal)
        return Convergence(math.inf, math.nan, definition)
    finite = np.where(np.isfinite(values), minimized(values, goal), np.nan)
    means = window_sums(finite, size) / size
    flat = means[:-size] - means[size:] < least
    return _first(steps[2 * size - 1 :], values[2 * size - 1 :], flat, definition)


def time_to_target(
    curves: Iterable[Curve],
    target: float,
    *,
    goal: str = "minimize",
    in_a_row: int = 1,
) -> TimesToTarget:
    """Return when each run reached a target; runs that did not are infinite, never left out.

    Args:
        curves: pairs (x, y), one for each run, shapes (n_points_of_the_run,); x may be steps or
            hours.
        target: the value to reach.
        goal: "minimize" (at or below the target) or "maximize" (at or above).
        in_a_row: how many evaluations in a row must have reached it.

    Raises:
        EvidenceError: no curve, or as `first_reached`.

    Example:
        >>> runs = [([0, 10, 20], [3.4, 3.2, 3.1]), ([0, 10, 20], [3.5, 3.4, 3.3])]
        >>> times = time_to_target(runs, 3.25)
        >>> times.times, times.n_reached, times.n
        ((10.0, inf), 1, 2)
    """
    found = [first_reached(x, y, target, goal=goal, in_a_row=in_a_row) for x, y in curves]
    if not found:
        raise EvidenceError("there is no curve: give one pair (x, y) for each run")
    reached = sum(run.reached for run in found)
    times = tuple(run.step for run in found)
    return TimesToTarget(times, reached, len(found), float(target), found[0].definition)


def shared_stop(curves: Iterable[Curve], *, goal: str = "minimize") -> SharedStop:
    """Return one stopping step for all runs: where their mean is best.

    A run that stops where its own validation loss is best reports a minimum of noise.  Only steps
    at which every run has a value (its own, or interpolated) count.

    Args:
        curves: pairs (x, y), one for each run, shapes (n_points_of_the_run,).
        goal: "minimize" or "maximize".

    Raises:
        EvidenceError: no step at which all runs have a finite value, or as `align`.

    Example:
        >>> stop = shared_stop([([0, 1, 2], [3, 1, 2]), ([0, 1, 2], [3, 2, 0])])
        >>> stop.step, stop.values
        (2.0, (2.0, 0.0))
    """
    steps, values = align(curves)
    shared = ~np.isnan(values).any(axis=0)
    if not shared.any():
        raise EvidenceError("there is no step at which all runs have a finite value")
    steps, values = steps[shared], values[:, shared]
    means: Array = minimized(values.mean(axis=0), goal)
    best = int(means.argmin())
    definition = f"step at which the mean over {len(values)} runs is best"
    return SharedStop(float(steps[best]), tuple(values[:, best].tolist()), definition)


def _first(steps: Array, values: Array, hit: npt.NDArray[np.bool_], definition: str) -> Convergence:
    """Return the first step that is hit."""
    if not hit.any():
        return Convergence(math.inf, math.nan, definition)
    at = int(hit.argmax())
    return Convergence(float(steps[at]), float(values[at]), definition)
