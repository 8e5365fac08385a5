"""Student's t interval of a mean, for the demo's handful of seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple


class Mean(NamedTuple):
    """A mean and its interval; ``low`` and ``high`` are NaN for fewer than two values."""

    value: float
    low: float
    high: float
    n: int


def mean_interval(values: Sequence[float], level: float = 0.95) -> Mean:
    """Return the mean of independent values with its two-sided t interval.

    Args:
        values: one or more, such as one per seed; the interval takes them for normally distributed.
        level: coverage, above 0 and below 1.

    Example:
        >>> mean = mean_interval([1.0, 2.0, 3.0])
        >>> round(mean.low, 3), mean.value, round(mean.high, 3)
        (-0.484, 2.0, 4.484)
    """
    mean, n = statistics.fmean(values), len(values)
    if n < 2:
        return Mean(mean, math.nan, math.nan, n)
    margin = t_quantile(level, n - 1) * statistics.stdev(values) / math.sqrt(n)
    return Mean(mean, mean - margin, mean + margin, n)


def t_quantile(level: float, degrees: int) -> float:
    """Return t such that a Student variable lies within ±t with probability ``level``.

    By bisection of the probability's finite sum for whole degrees of freedom (Abramowitz and
    Stegun, 26.7.3 and 26.7.4), to about twelve digits.

    Example:
        >>> round(t_quantile(0.95, 2), 6)
        4.302653
    """
    low, high = 0.0, math.pi / 2  # the angle θ with t = √degrees · tan θ
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, degrees) < level else (low, middle)
    return math.sqrt(degrees) * math.tan((low + high) / 2)


def _within(theta: float, degrees: int) -> float:
    """Return the probability of lying within ±√degrees · tan θ."""
    sine, cosine = math.sin(theta), math.cos(theta)
    odd = degrees % 2
    term, total = (cosine, 0.0) if odd else (1.0, 0.0)
    for k in range(1 + odd, degrees, 2):
        total += term
        term *= k / (k + 1) * cosine**2
    return 2 / math.pi * (theta + sine * total) if odd else sine * total
