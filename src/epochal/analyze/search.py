"""What a random search is expected to find, against the number of its trials."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from epochal.analyze.samples import GOALS, Array, mean, one_of, sample
from epochal.core.errors import EvidenceError

LEAST = 5
"""Fewer trials say too little of the best (Dodge et al. 2019)."""

POINTS = 1_000
ESTIMATORS = {
    "with replacement": "Dodge et al. 2019",
    "without replacement": "Tang et al. 2020, unbiased",
}


@dataclass(frozen=True)
class ExpectedBest:
    """Expected best result of n trials.

    Attributes:
        n: numbers of trials, shape (n_points,).
        value: expected best result of so many, shape (n_points,).
        std: standard deviation of the best result of so many, shape (n_points,); NaN where it is
            not finite.
        cost: expected cost of so many trials, shape (n_points,); None if no costs were given.
        goal: "maximize" or "minimize".
        trials: B, how many trials it rests on.
        method: the estimator, in words.
    """

    n: npt.NDArray[np.int64]
    value: Array
    std: Array
    cost: Array | None
    goal: str
    trials: int
    method: str


def expected_best(
    results: npt.ArrayLike,
    n: npt.ArrayLike | None = None,
    *,
    goal: str = "maximize",
    estimator: str = "without replacement",
    cost: npt.ArrayLike | None = None,
) -> ExpectedBest:
    """Return the expected best validation result of n trials of a random search.

    With replacement E = Σ x_(i)·[(i/B)^n - ((i-1)/B)^n] (Dodge et al. 2019), the sorted results
    being x_(1) to x_(B); without E = Σ x_(i)·C(i-1, n-1) / C(B, n) (Tang et al. 2020), which is
    unbiased.  Both hold for trials that are drawn independently, not for a search that learns from
    its earlier trials.

    Args:
        results: shape (B,), one for each trial, at least 5.  A trial that failed counts as
            infinitely bad: leaving it out would flatter the search.
        n: whole numbers from 1 to B; by default all of them, 1,000 at most.
        goal: "maximize" or "minimize".
        estimator: "without replacement" or "with replacement".
        cost: shape (B,), what each trial cost, such as hours; n trials cost n times the mean.

    Raises:
        EvidenceError: fewer than 5 trials, NaN, results that are infinitely good, n outside 1 to
            B, or an unknown word.

    Example:
        >>> with_replacement = expected_best([1, 2, 3, 4, 5], 2, estimator="with replacement")
        >>> with_replacement.value.tolist(), expected_best([1, 2, 3, 4, 5], 2).value.tolist()
        ([3.8], [4.0])
    """
    array = sample(results, least=LEAST, name="results", infinite=True)
    sign = 1.0 if one_of(goal, GOALS, "goal") == "maximize" else -1.0
    one_of(estimator, tuple(ESTIMATORS), "estimator")
    ranked = np.sort(sign * array)
    if ranked[-1] == np.inf:
        message = f"results holds {sign * ranked[-1]:g}, infinitely good for goal={goal!r}"
        raise EvidenceError(f"{message}: look whether the goal is right")
    numbers = _numbers(n, int(array.size))
    moments = [
        _best_of(ranked, weights) for weights in _weights(numbers, int(array.size), estimator)
    ]
    value, std = np.array(moments).T
    spent: Array | None = None
    if cost is not None:
        spent = numbers.astype(np.float64) * _mean_cost(cost, int(array.size))
    method = f"expected best of n random trials, {estimator} ({ESTIMATORS[estimator]})"
    return ExpectedBest(numbers, sign * value, std, spent, goal, int(array.size), method)


def _numbers(n: npt.ArrayLike | None, trials: int) -> npt.NDArray[np.int64]:
    """Return the numbers of trials that are asked for."""
    if n is None:
        return (
            np.unique(np.geomspace(1, trials, POINTS).round().astype(np.int64))
            if (trials > POINTS)
            else np.arange(1, trials + 1)
        )
    given = sample(np.atleast_1d(np.asarray(n)), name="n")
    if ((given < 1) | (given > trials) | (given != given.round())).any():
        message = f"n must be whole numbers from 1 to {trials:,}, the number of trials"
        raise EvidenceError(f"{message}: more cannot be foreseen from so many")
    return given.astype(np.int64)


def _weights(numbers: npt.NDArray[np.int64], trials: int, estimator: str) -> Iterator[Array]:
    """Yield, for each n, how often each of the sorted results is the best, shape (trials,)."""
    places = np.arange(trials + 1)
    for n in numbers.tolist():
        if estimator == "with replacement":
            yield np.diff((places / trials) ** n)
            continue
        # From C(B-1, n-1)/C(B, n) = n/B down: C(i-2, n-1) = C(i-1, n-1)·(i-n)/(i-1).
        descending = np.arange(trials, 1, -1)
        factors = np.maximum(descending - n, 0) / (descending - 1)
        yield np.cumprod(np.concatenate([[n / trials], factors]))[::-1]


def _best_of(ranked: Array, weights: Array) -> tuple[float, float]:
    """Return mean and standard deviation of sorted results with weights."""
    used = weights > 0  # 0 · inf is not a number
    values, shares = ranked[used], weights[used]
    if values[0] == -np.inf:
        return -np.inf, np.nan
    best = values[-1]  # differences from it are small, whatever the offset
    expected = best - float(np.dot(shares, best - values))
    spread = float(np.dot(shares, (values - expected) ** 2))
    return expected, spread**0.5


def _mean_cost(cost: npt.ArrayLike, trials: int) -> float:
    """Return the mean cost of a trial."""
    costs = sample(cost, name="cost")
    if costs.size != trials or (costs < 0).any():
        message = f"cost needs a number from 0 on for each of the {trials:,} trials"
        raise EvidenceError(
            f"{message}; it has {costs.size:,}, the smallest {costs.min(initial=0):g}"
        )
    return mean(costs)
