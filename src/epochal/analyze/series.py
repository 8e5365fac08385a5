"""What the methods on curves take: steps in order, and values that may be NaN or infinite."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from epochal.analyze.samples import GOALS, Array, one_of
from epochal.core.errors import EvidenceError


def series(values: npt.ArrayLike, *, least: int = 1, name: str = "y") -> Array:
    """Return values in order as an array of float64, shape (n,); NaN and infinity stay.

    Args:
        values: shape (n,); anything that NumPy takes.
        least: how many the method needs.
        name: what an error calls them.

    Raises:
        EvidenceError: they are no real numbers, not one-dimensional, or too few.

    Example:
        >>> series([1, float("inf")]).tolist()
        [1.0, inf]
    """
    try:
        array = np.asarray(values)
        objects = array.dtype.kind in "OSU"  # each tries to become a number; complex ones cannot
        casting: Literal["unsafe", "same_kind"] = "unsafe" if objects else "same_kind"
        array = array.astype(np.float64, copy=False, casting=casting)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise EvidenceError(f"{name} must be real numbers: {error}") from error
    if array.ndim != 1:
        shape = array.shape
        raise EvidenceError(f"{name} must be a list of numbers, shape (n,); its shape is {shape}")
    if array.size < least:
        raise EvidenceError(f"{name} has {array.size:,} points, at least {least:,} are needed")
    return array


def curve(
    x: npt.ArrayLike, y: npt.ArrayLike, *, least: int = 1, name: str = "the curve"
) -> tuple[Array, Array]:
    """Return steps and values of a curve as two arrays of float64, shapes (n,).

    Args:
        x: shape (n,); steps, hours or tokens, never falling.
        y: shape (n,); NaN and infinity stay.
        least: how many points the method needs.
        name: what an error calls it.

    Raises:
        EvidenceError: as `series`; x and y of different lengths; x that falls, is NaN or infinite.

    Example:
        >>> steps, values = curve([0, 10], [2.5, 1.5])
        >>> steps.tolist(), values.tolist()
        ([0.0, 10.0], [2.5, 1.5])
    """
    steps = series(x, least=least, name=f"x of {name}")
    values = series(y, least=least, name=f"y of {name}")
    if steps.size != values.size:
        message = f"{name} has {steps.size:,} steps and {values.size:,} values: give one for each"
        raise EvidenceError(message)
    if not np.isfinite(steps).all():
        raise EvidenceError(f"x of {name} holds NaN or infinity: every point needs its step")
    falls = np.flatnonzero(steps[1:] < steps[:-1])
    if falls.size:
        at = int(falls[0])
        message = f"x of {name} falls from {steps[at]:g} to {steps[at + 1]:g}: sort it by step"
        raise EvidenceError(message)
    return steps, values


def minimized(values: Array, goal: str) -> Array:
    """Return values of which smaller ones are better: themselves, or their negatives.

    Args:
        values: shape (n,).
        goal: "minimize" or "maximize".

    Raises:
        EvidenceError: another goal.

    Example:
        >>> minimized(np.array([0.5, 0.9]), "maximize").tolist()
        [-0.5, -0.9]
    """
    return values if one_of(goal, GOALS, "goal") == "minimize" else -values


def window_sums(values: Array, window: int) -> Array:
    """Return the sum of each `window` neighboring values; NaN stays in the windows that hold it.

    In log2(window) passes, so that one huge value does not spoil the digits of what follows it.

    Args:
        values: shape (n,).
        window: from 1 to n.

    Returns:
        Shape (n - window + 1,).

    Example:
        >>> window_sums(np.array([1.0, 2.0, 3.0, 4.0]), 3).tolist()
        [6.0, 9.0]
    """
    length = values.size - window + 1
    total, blocks, size, at = np.zeros(length), values, 1, 0
    while size <= window:
        if window & size:
            total += blocks[at : at + length]
            at += size
        blocks = blocks[:-size] + blocks[size:]
        size *= 2
    return total
