"""Values far above those just before them: one bad batch, or a run that lost its way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from epochal.analyze.samples import Array, positive, whole
from epochal.analyze.series import curve, minimized

MAD_TO_STD = 1.4826
"""A normal distribution's standard deviation in units of its median absolute deviation."""

FLOOR = 1e-6
"""Added to the scaled deviation, so that a constant curve has a finite z."""

ROWS_AT_A_TIME = 20_000


@dataclass(frozen=True)
class Spike:
    """A value far above the median of those before it.

    Attributes:
        step: of x, where it begins.
        value: of y there.
        z: robust z: distance from the median, in scaled median absolute deviations.
        sustained: True: the median of the values after it is still beyond the threshold, so the run
            lost progress; False: an outlier of one or a few batches; None: nothing came after it.
        median: of the values before it.
        back_after: points until a value was below the threshold again; None if none was within the
            window.
    """

    step: float
    value: float
    z: float
    sustained: bool | None
    median: float
    back_after: int | None


@dataclass(frozen=True)
class SharedSpike:
    """A step at which several runs spike: with the same order of data, the data is the cause.

    Attributes:
        step: of x.
        runs: places of those runs in what was given, from 0.
        of: how many runs were given.
    """

    step: float
    runs: tuple[int, ...]
    of: int


def spikes(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    window: int = 50,
    threshold: float = 8.0,
    after: int = 10,
    warmup: int = 0,
    goal: str = "minimize",
) -> list[Spike]:
    """Return where a metric spikes.

    z = (y_t - median) / (1.4826 · MAD + 1e-6) over the `window` finite values before it, and a
    spike is z > threshold.  What follows a spike above the same value belongs to it, for a `window`
    at most.  NaN and infinity are left out (`non_finite` reports them), as are the first `window`
    values.

    Args:
        x: shape (n_points,); steps, never falling.
        y: shape (n_points,).
        window: how many values before, at least 5.
        threshold: above 0.
        after: how many values after it decide whether it is sustained.
        warmup: finite values at the start in which nothing is reported, if more than `window`.
        goal: "minimize" (a spike is upward, as of a loss) or "maximize" (downward).

    Raises:
        EvidenceError: x falls or is not finite, lengths differ, or an option is out of its range.

    Example:
        >>> losses = [2.0, 2.1, 1.9] * 20
        >>> losses[55] = 9.0
        >>> [(spike.step, spike.sustained) for spike in spikes(range(60), losses)]
        [(55.0, False)]
    """
    steps, values = curve(x, y, least=0)
    finite = np.isfinite(values)
    return _found(
        steps[finite], values[finite], goal=goal, window=whole(window, "window", least=5),
        threshold=positive(threshold, "threshold"), after=whole(after, "after"),
        warmup=whole(warmup, "warmup", least=0),
    )  # fmt: skip


def shared_spikes(runs: Sequence[Sequence[Spike]], *, least: int = 2) -> list[SharedSpike]:
    """Return the steps at which at least `least` runs spike, in rising order.

    Args:
        runs: the spikes of each run.
        least: how many runs, at least 2.

    Raises:
        EvidenceError: `least` is below 2.

    Example:
        >>> one = Spike(919.0, 5.2, 12.0, False, 3.7, 1)
        >>> shared_spikes([[one], [one], []])
        [SharedSpike(step=919.0, runs=(0, 1), of=3)]
    """
    whole(least, "least", least=2)
    places: dict[float, list[int]] = {}
    for place, found in enumerate(runs):
        for step in {spike.step for spike in found}:
            places.setdefault(step, []).append(place)
    return [
        SharedSpike(step, tuple(places[step]), len(runs))
        for step in sorted(places)
        if len(places[step]) >= least
    ]


def stalls(
    x: npt.ArrayLike,
    step_time_s: npt.ArrayLike,
    *,
    window: int = 50,
    threshold: float = 8.0,
    factor: float = 2.0,
) -> list[Spike]:
    """Return where training stalled: steps that took far longer than those before them.

    The same robust z as of `spikes`, on the time of a step, which must also be at least `factor`
    times the median before it: a steady clock makes z large for a hardly longer step.

    Args:
        x: shape (n_points,); steps, never falling.
        step_time_s: shape (n_points,), seconds that each step took.
        window: how many steps before, at least 5.
        threshold: of z, above 0.
        factor: of the median, above 0.

    Raises:
        EvidenceError: as `spikes`.

    Example:
        >>> seconds = [0.10, 0.11, 0.09] * 20
        >>> seconds[55] = 4.0
        >>> [(stall.step, stall.value) for stall in stalls(range(60), seconds)]
        [(55.0, 4.0)]
    """
    steps, seconds = curve(x, step_time_s, least=0)
    finite = np.isfinite(seconds)
    return _found(
        steps[finite], seconds[finite], window=whole(window, "window", least=5),
        threshold=positive(threshold, "threshold"), factor=positive(factor, "factor"),
    )  # fmt: skip


def _found(
    steps: Array,
    values: Array,
    *,
    window: int,
    threshold: float,
    goal: str = "minimize",
    after: int = 10,
    warmup: int = 0,
    factor: float = 0.0,
) -> list[Spike]:
    """Return the spikes of finite values; `factor` times the median must be reached as well."""
    height = minimized(values, goal)
    at = _candidates(height, window, threshold)
    at = at[at >= warmup]
    median, scale = _robust(height, at, window)
    z = (height[at] - median) / scale
    bounds = median + threshold * scale
    over = z > threshold
    if factor > 0:
        over &= height[at] >= factor * median
        bounds = np.maximum(bounds, factor * median)
    found: list[Spike] = []
    free = 0  # where the last spike has ended
    parts = [part[over].tolist() for part in (at, median, bounds, z)]
    for i, middle, bound, score in zip(*parts, strict=True):
        if i < free:
            continue
        nexts = height[i + 1 : i + 1 + max(window, after)]
        below = np.flatnonzero(nexts[:window] <= bound)
        back = int(below[0]) + 1 if below.size else None
        free = i + (back or window)
        spike = Spike(
            step=float(steps[i]), value=float(values[i]), z=score,
            sustained=bool(np.median(nexts[:after]) > bound) if nexts.size else None,
            median=middle if goal == "minimize" else -middle, back_after=back,
        )  # fmt: skip
        found.append(spike)
    return found


def _candidates(height: Array, window: int, threshold: float) -> npt.NDArray[np.int64]:
    """Return places, `window` or later, that hold all spikes and little else.

    The windows of `block` neighboring points share all but `extra` values.  Whatever those are, the
    median is no less than the value `extra` ranks below it in what is shared, and the interval
    median ± MAD no shorter than the shortest that holds half a window less `extra` shared values.
    One sorted array thus bounds the threshold of a whole block from below.
    """
    block = max(1, window // 5)
    extra = block - 1
    starts = np.arange(window, height.size, block)
    if starts.size == 0:
        return starts
    middle = (window - 1) // 2 - extra
    rows = starts - window + extra
    shared = sliding_window_view(height, window - extra)
    bound = np.empty(starts.size)
    for begin in range(0, starts.size, ROWS_AT_A_TIME):
        part = slice(begin, begin + ROWS_AT_A_TIME)
        ordered = np.sort(shared[rows[part]], axis=1)
        shortest = (ordered[:, middle:] - ordered[:, : ordered.shape[1] - middle]).min(axis=1)
        bound[part] = ordered[:, middle] + threshold * (MAD_TO_STD * shortest / 2 + FLOOR)
    bound -= 1e-9 * np.abs(bound)  # rounding
    later = height[window:]
    chosen: npt.NDArray[np.int64] = np.flatnonzero(later > np.repeat(bound, block)[: later.size])
    return chosen + window


def _robust(height: Array, at: npt.NDArray[np.int64], window: int) -> tuple[Array, Array]:
    """Return the median and the scaled deviation of the `window` values before each place."""
    median, scale = np.empty(at.size), np.empty(at.size)
    if at.size == 0:
        return median, scale
    windows: Any = sliding_window_view(height, window)
    for begin in range(0, at.size, ROWS_AT_A_TIME):
        part = slice(begin, begin + ROWS_AT_A_TIME)
        before = windows[at[part] - window]
        median[part] = np.median(before, axis=1)
        before -= median[part, None]
        scale[part] = MAD_TO_STD * np.median(np.abs(before), axis=1) + FLOOR
    return median, scale
