"""Almost stochastic order: whether one method is better over its whole distribution."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from epochal.analyze.samples import GOALS, Array, Rng, generator, one_of, sample, share, whole
from epochal.core.optional import require

CELLS_AT_A_TIME = 1_000_000  # 8 MB of resampled values


@dataclass(frozen=True)
class StochasticOrder:
    """How far x is from being better than y at every quantile.

    Attributes:
        ratio: ε of the samples: 0 if x is better at every quantile, 1 if it is worse at each.
        epsilon: upper bound of ε, 0 to 1.  x is better if it is below 0.5; 0.2 is advised.  It is
            no p-value.
        n: (n_x, n_y).
        confidence: of the bound, after the correction for the number of comparisons.
        goal: "maximize" or "minimize".

    Example:
        >>> order = StochasticOrder(0.0, 0.01, (5, 5), 0.95, "maximize")
        >>> order.better(0.2)
        True
    """

    ratio: float
    epsilon: float
    n: tuple[int, int]
    confidence: float
    goal: str

    def better(self, threshold: float = 0.2) -> bool:
        """Return whether x is better: the bound is below the threshold."""
        return self.epsilon < threshold


def almost_stochastic_order(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    goal: str = "maximize",
    confidence: float = 0.95,
    comparisons: int = 1,
    resamples: int = 1000,
    rng: Rng = 0,
) -> StochasticOrder:
    """Return whether x is almost stochastically better than y.

    Del Barrio et al. (2018), Dror et al. (2019): with F⁻¹ the quantile functions, larger being
    better, ε = ∫ over F_x⁻¹ < F_y⁻¹ of (F_x⁻¹ - F_y⁻¹)² / ∫ (F_x⁻¹ - F_y⁻¹)².  The bound is
    ε + Φ⁻¹(confidence) · SD of ε over bootstrap resamples of both, cut to [0, 1].  The quantile
    functions are steps and are integrated exactly.  For equal samples ε is 0/0; it is 0.5 then,
    the only value for which ε(x, y) + ε(y, x) = 1.

    Args:
        x: shape (n_x,), n_x at least 2.
        y: shape (n_y,), n_y at least 2.
        goal: "maximize" if larger is better, else "minimize".
        confidence: of the bound.
        comparisons: how many such comparisons are made; Bonferroni's confidence is used.
        resamples: of the bootstrap.
        rng: seed or generator.

    Raises:
        EvidenceError: too few values, NaN or infinity, or an argument outside its range.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> result = almost_stochastic_order([0.91, 0.93, 0.95], [0.81, 0.83, 0.84])
        >>> result.ratio, result.epsilon
        (0.0, 0.0)
    """
    first, second = sample(x, least=2, name="x"), sample(y, least=2, name="y")
    if one_of(goal, GOALS, "goal") == "minimize":
        first, second = -first, -second
    each = 1 - (1 - share(confidence, "confidence")) / whole(comparisons, "comparisons")
    special = require("scipy.special", extra="paper", why="almost stochastic order")
    # A generator for each sample: how many resamples are made at a time then changes nothing.
    seeds = generator(rng).integers(2**63, size=2)
    left, right = (np.random.default_rng(seed) for seed in seeds)
    offset, steps = second[0], _Steps(first.size, second.size)
    first, second = first - offset, second - offset
    ratio = float(steps.violation(np.sort(first)[None], np.sort(second)[None])[0])
    drawn = []
    batch = max(1, CELLS_AT_A_TIME // (first.size + second.size))
    for start in range(0, whole(resamples, "resamples", least=2), batch):
        count = min(batch, resamples - start)
        drawn.append(steps.violation(_resampled(first, count, left),
                                     _resampled(second, count, right)))  # fmt: skip
    bound = ratio + float(special.ndtri(each)) * float(np.std(np.concatenate(drawn)))
    n = int(first.size), int(second.size)
    return StochasticOrder(ratio, min(1.0, max(0.0, bound)), n, each, goal)


class _Steps:
    """Where two empirical quantile functions of n and m values have their steps.

    Args:
        n: values of the first.
        m: values of the second.
    """

    def __init__(self, n: int, m: int) -> None:
        # In units of 1/lcm the ends of all steps are whole numbers: no step is lost to rounding.
        unit = math.lcm(n, m)
        ends = np.union1d(np.arange(1, n + 1) * (unit // n), np.arange(1, m + 1) * (unit // m))
        self.widths = np.diff(ends, prepend=0) / unit
        self.first = (ends - 1) // (unit // n)
        self.second = (ends - 1) // (unit // m)

    def violation(self, x: Array, y: Array) -> Array:
        """Return ε of sorted rows, shapes (rows, n) and (rows, m)."""
        gaps = x[:, self.first] - y[:, self.second]
        largest = np.abs(gaps).max(axis=1, keepdims=True)
        gaps = np.divide(gaps, largest, out=np.zeros_like(gaps), where=largest > 0)
        squares = gaps**2 * self.widths
        total, against = squares.sum(axis=1), (squares * (gaps < 0)).sum(axis=1)
        ratio: Array = np.divide(against, total, out=np.full_like(total, 0.5), where=total > 0)
        return ratio


def _resampled(values: Array, rows: int, rng: np.random.Generator) -> Array:
    """Return sorted bootstrap resamples, shape (rows, n)."""
    return np.sort(values[rng.integers(values.size, size=(rows, values.size))], axis=1)
