"""Statistics of weighted numbers: sums without rounding in between, and nothing left out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from operator import mul

NAN = math.nan


@dataclass(frozen=True, slots=True)
class Statistics:
    """What many numbers had in common.

    All but ``median``, ``min``, ``max`` and ``last`` are weighted.  Nothing is left out: where one
    value was NaN, mean, std, min, max and median are NaN too, and ``non_finite`` says how many.

    Attributes:
        count: values that were added.
        mean: sum of weight * value over the sum of weights.
        std: standard deviation of the values around it, that of a population (divided by the
            weights, not by one less).
        min: the smallest value.
        max: the largest value.
        median: the middle of the values, or of the two in the middle.
        last: the value that was added last.
        non_finite: how many values were NaN or infinite.
        weight: sum of the weights: the samples, if batches are weighted by their size.
    """

    count: int
    mean: float
    std: float
    min: float
    max: float
    median: float
    last: float
    non_finite: int
    weight: float

    def as_dict(
        self, prefix: str = "", fields: Sequence[str] = ("mean", "std", "min", "max", "median")
    ) -> dict[str, float]:
        """Return some of the numbers under names for ``run.log``; nothing if none was added.

        Args:
            prefix: put before each name, such as "train_loss_".
            fields: which, by name of the attribute.

        Example:
            >>> statistics_of([1.0, 3.0], [1.0, 1.0]).as_dict("train_loss_", ["mean", "std"])
            {'train_loss_mean': 2.0, 'train_loss_std': 1.0}
        """
        return {prefix + field: getattr(self, field) for field in fields} if self.count else {}


def statistics_of(values: Sequence[float], weights: Sequence[float]) -> Statistics:
    """Return the statistics of weighted values.

    Example:
        >>> statistics_of([1.0, 2.0, 6.0], [1.0, 1.0, 2.0]).mean
        3.75
    """
    count = len(values)
    if not count:
        return Statistics(0, NAN, NAN, NAN, NAN, NAN, NAN, 0, 0.0)
    weight = math.fsum(weights)
    equal = [] if weight and min(weights) == max(weights) else weights
    mean = _mean(values, equal)
    std = math.sqrt(_mean([(value - mean) * (value - mean) for value in values], equal))
    ordered = sorted(values)
    if any(math.isnan(value) for value in values):
        low = high = median = NAN
    else:
        low, high = ordered[0], ordered[-1]
        median = (ordered[(count - 1) // 2] + ordered[count // 2]) / 2
    non_finite = sum(not math.isfinite(value) for value in values)
    return Statistics(count, mean, std, low, high, median, values[-1], non_finite, weight)


def _mean(values: Sequence[float], weights: Sequence[float]) -> float:
    """Return the mean; without weights all count the same."""
    total = math.fsum(weights) if weights else len(values)
    if not total:
        return NAN
    products = list(map(mul, values, weights)) if weights else values
    try:
        mean = math.fsum(products) / total
    except ValueError:  # infinities of both signs
        mean = NAN
    except OverflowError:
        mean = math.inf
    if math.isfinite(mean) or not all(map(math.isfinite, values)):
        return mean
    # A sum or product is beyond all floats; the mean need not be.
    parts = map(mul, map(Fraction, values), map(Fraction, weights or [1.0] * len(values)))
    return float(sum(parts, Fraction()) / Fraction(total))
