"""Smoothing of curves, for the eye only: no statistic is taken of what these return.

Smooth all points, not a sample of them; take the mean over seeds first, then smooth; and say the
method and its weight in the caption.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from epochal.analyze.samples import Array, positive, share
from epochal.analyze.series import curve, series
from epochal.core.errors import EvidenceError

VIEWPORT = 1000.0
"""Width of the axis in `time_weighted_ema`, as in W&B's charts."""


def debiased_ema(y: npt.ArrayLike, weight: float = 0.6) -> Array:
    """Return the exponential moving average of TensorBoard's charts.

    last = weight · last + (1 - weight) · y, from 0; smoothed = last / (1 - weight**n), where n
    counts the finite points so far.  NaN and infinity are handed on as they are and change nothing
    after them.  The same as ``pandas.Series.ewm(alpha=1 - weight, adjust=True, ignore_na=True)``.

    Args:
        y: shape (n_points,), in order.
        weight: from 0 (unchanged) to below 1.

    Returns:
        Shape (n_points,).

    Raises:
        EvidenceError: y is no list of numbers, or the weight is outside.

    Example:
        >>> debiased_ema([3.28, 3.30, 3.25], 0.6).round(4).tolist()
        [3.28, 3.2925, 3.2708]
    """
    values = series(y, least=0)
    if isinstance(weight, bool) or not 0 <= weight < 1:
        raise EvidenceError(f"weight={weight!r} must be from 0 (not smoothed) to below 1")
    return _averaged(values, np.full(values.size, float(weight)))


def time_weighted_ema(
    x: npt.ArrayLike, y: npt.ArrayLike, weight: float = 0.6, *, viewport: float = VIEWPORT
) -> Array:
    """Return the time-weighted exponential moving average of W&B's charts.

    w = min(√weight, 0.999); between two points the past is multiplied by w**Δ, where
    Δ = (x_i - x_{i-1}) / (x_last - x_first) · viewport.  The length over which it smooths is a
    share of the whole axis: a longer run is smoothed differently at the same step.  `half_life_ema`
    is not.  NaN and infinity are handed on as they are and change nothing after them.

    Args:
        x: shape (n_points,); steps, never falling.
        y: shape (n_points,).
        weight: above 0 and below 1; under 0.9 or so hardly anything is smoothed.
        viewport: units that the axis is long.

    Returns:
        Shape (n_points,).

    Raises:
        EvidenceError: x falls or is not finite, lengths differ, or the weight is outside.

    Example:
        >>> time_weighted_ema([0, 10, 20, 40], [3.28, 3.30, 3.25, 3.40], 0.99).round(4).tolist()
        [3.28, 3.2956, 3.2622, 3.3863]
    """
    steps, values = curve(x, y, least=0)
    base = min(math.sqrt(share(weight, "weight")), 0.999)
    width = float(steps[-1] - steps[0]) if steps.size else 0.0
    gaps = _gaps(steps, values) * (positive(viewport, "viewport") / (width or 1.0))
    return _averaged(values, base**gaps)


def half_life_ema(x: npt.ArrayLike, y: npt.ArrayLike, half_life: float) -> Array:
    """Return an exponential moving average in which a point `half_life` steps back counts half.

    Its length is in units of x: it smooths the same however often a run was logged, and later
    points change nothing before them.  NaN and infinity are handed on as they are and change
    nothing after them.

    Args:
        x: shape (n_points,); steps, never falling.
        y: shape (n_points,).
        half_life: above 0, in units of x.

    Returns:
        Shape (n_points,).

    Raises:
        EvidenceError: x falls or is not finite, lengths differ, or half_life is not above 0.

    Example:
        >>> half_life_ema([0, 10, 20], [0.0, 3.0, 3.0], 10).round(4).tolist()
        [0.0, 2.0, 2.5714]
    """
    steps, values = curve(x, y, least=0)
    half = positive(half_life, "half_life")
    return _averaged(values, np.exp2(-_gaps(steps, values) / half))


def _gaps(steps: Array, values: Array) -> Array:
    """Return the distance of each finite point from the finite one before; 0 elsewhere."""
    gaps = np.zeros(steps.size)
    finite = np.flatnonzero(np.isfinite(values))
    gaps[finite[1:]] = np.diff(steps[finite])
    return gaps


def _averaged(values: Array, decay: Array) -> Array:
    """Return the weighted mean of the finite values so far; others and equal ones as they are.

    Args:
        values: shape (n,).
        decay: shape (n,); by how much each finite point multiplies the weight of those before.
    """
    finite = np.isfinite(values)
    known = values[finite]
    if known.size == 0 or (known == known[0]).all():
        return values.copy()
    exponent = max(0, int(np.frexp(np.abs(known).max())[1]) - 900)  # sums of 1e308 overflow
    smoothed = values.copy()
    total, weights = _decaying_sums(np.ldexp(known, -exponent), decay[finite])
    smoothed[finite] = np.ldexp(total / weights, exponent)
    return smoothed


def _decaying_sums(values: Array, decay: Array) -> tuple[Array, Array]:
    """Return s_i = decay_i · s_{i-1} + v_i, for the values and for ones in their place.

    In log2(n) passes: after each of them an element holds the sum of twice as many before it.
    """
    sums, weights, decay = values.copy(), np.ones(values.size), decay.copy()
    shift = 1
    while shift < values.size and decay[shift:].any():
        factor = decay[shift:]
        sums[shift:] += factor * sums[:-shift]
        weights[shift:] += factor * weights[:-shift]
        decay[shift:] = factor * decay[:-shift]
        shift *= 2
    return sums, weights
