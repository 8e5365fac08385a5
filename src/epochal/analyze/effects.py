"""Effect sizes: how large a difference is, whatever the number of seeds."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from epochal.analyze.parametric import mean_difference, pooled
from epochal.analyze.samples import GOALS, one_of, sample
from epochal.core.errors import EvidenceError


def cohen_d(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Return Cohen's d, (x̄ - ȳ) / pooled standard deviation.

    Without any spread it is 0 for equal means and infinite for others.

    Args:
        x: shape (n_x,).
        y: shape (n_y,), n_x + n_y at least 3.

    Raises:
        EvidenceError: too few values, NaN or infinity.

    Example:
        >>> cohen_d([2.0, 3.0, 4.0], [1.0, 2.0, 3.0])
        1.0
    """
    first, second = sample(x, name="x"), sample(y, name="y")
    if first.size + second.size < 3:
        message = "an effect size needs three values in all, x and y have one each: run more seeds"
        raise EvidenceError(message)
    gap, spread = mean_difference(first, second), pooled(first, second)
    if spread == 0:
        return math.copysign(math.inf, gap) if gap else 0.0
    return gap / spread


def hedges_g(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Return Hedges' g: Cohen's d times 1 - 3/(4·(n_x + n_y) - 9), its bias at small n taken off.

    The factor is Hedges' (1981) approximation; at 2 against 2 it is 0.571 where the exact one, of
    gamma functions, is 0.564.

    Args:
        x: shape (n_x,).
        y: shape (n_y,), n_x + n_y at least 3.

    Raises:
        EvidenceError: too few values, NaN or infinity.

    Example:
        >>> hedges_g([2.0, 3.0, 4.0], [1.0, 2.0, 3.0])
        0.8
    """
    d = cohen_d(x, y)
    return d * (1 - 3 / (4 * (np.size(x) + np.size(y)) - 9))


def probability_better(x: npt.ArrayLike, y: npt.ArrayLike, goal: str = "maximize") -> float:
    """Return the probability that a run of x beats one of y, ties counted half.

    With "maximize" this is A12 of Vargha and Delaney (2000), P(X > Y) + ½·P(X = Y).

    Args:
        x: shape (n_x,); infinite values are allowed.
        y: shape (n_y,).
        goal: "maximize" if larger is better, else "minimize".

    Raises:
        EvidenceError: no values, NaN, or an unknown goal.

    Example:
        >>> probability_better([3.0, 4.0], [1.0, 3.0]), probability_better([3.0], [1.0], "minimize")
        (0.875, 0.0)
    """
    first = sample(x, name="x", infinite=True)
    second = np.sort(sample(y, name="y", infinite=True))
    one_of(goal, GOALS, "goal")
    smaller = int(np.searchsorted(second, first, "left").sum())
    not_larger = int(np.searchsorted(second, first, "right").sum())
    pairs = int(first.size * second.size)
    wins = smaller + not_larger  # each counts one half
    return (wins if goal == "maximize" else 2 * pairs - wins) / (2 * pairs)


def cliffs_delta(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Return Cliff's δ, P(X > Y) - P(X < Y), from -1 to 1.

    Args:
        x: shape (n_x,); infinite values are allowed.
        y: shape (n_y,).

    Raises:
        EvidenceError: no values or NaN.

    Example:
        >>> cliffs_delta([3.0, 4.0], [1.0, 3.0])
        0.75
    """
    return 2 * probability_better(x, y) - 1


def magnitude(delta: float) -> str:
    """Return a word for the size of Cliff's δ, by the bounds of Romano et al. (2006).

    Below 0.147 it is "negligible", then "small", from 0.33 "medium", from 0.474 "large".

    Args:
        delta: from -1 to 1; its sign does not count.

    Raises:
        EvidenceError: outside, or NaN.

    Example:
        >>> magnitude(-0.2), magnitude(0.9)
        ('small', 'large')
    """
    size = abs(float(delta))
    if not size <= 1:
        raise EvidenceError(f"delta={delta!r} must lie between -1 and 1, as cliffs_delta gives it")
    bounds = {"negligible": 0.147, "small": 0.33, "medium": 0.474}
    return next((word for word, bound in bounds.items() if size < bound), "large")
