"""How often one method beats another when all seeds vary (Bouthillier et al. 2021)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy.typing as npt

from epochal.analyze.estimates import Estimate
from epochal.analyze.samples import GOALS, Rng, one_of, positive, sample
from epochal.analyze.stratified import stratified_bootstrap
from epochal.analyze.tasks import probability_of_improvement
from epochal.core.errors import EvidenceError


@dataclass(frozen=True)
class Outperformance:
    """How often a run of x beats one of y, against what is worth having.

    Attributes:
        probability: P(x better than y), ties counted half, with an interval.
        gamma: from which it is worth having.
        word: "not significant" (the interval does not lie above ½), "significant, not meaningful"
            (it does, but does not reach gamma), or "significant and meaningful".
    """

    probability: Estimate
    gamma: float
    word: str


def outperforms(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    gamma: float = 0.75,
    *,
    goal: str = "maximize",
    resamples: int = 10_000,
    level: float = 0.95,
    rng: Rng = 0,
) -> Outperformance:
    """Return how often x beats y, and whether that is significant and meaningful.

    Results of runs in which all seeds vary at random; the interval is a percentile bootstrap of the
    runs of both.  Below about 10 runs each it is too narrow.

    Args:
        x: shape (n_x,), at least 2.
        y: shape (n_y,), at least 2.
        gamma: between ½ and 1.
        goal: "maximize" if larger is better, else "minimize".
        resamples: how many.
        level: of the interval.
        rng: seed or generator.

    Raises:
        EvidenceError: fewer than two values, NaN or infinity, or a gamma outside.

    Example:
        >>> outperforms([0.91, 0.93, 0.92, 0.94], [0.80, 0.82, 0.81, 0.83]).word
        'significant and meaningful'
    """
    first, second = sample(x, least=2, name="x"), sample(y, least=2, name="y")
    if not 0.5 <= positive(gamma, "gamma") < 1:
        raise EvidenceError(f"gamma={gamma!r} must lie between 0.5 and 1, such as 0.75")
    sign = 1.0 if one_of(goal, GOALS, "goal") == "maximize" else -1.0
    found = stratified_bootstrap(
        sign * first[:, None], probability_of_improvement, resamples, rng=rng,
        against=sign * second[:, None], level=level,
    )  # fmt: skip
    method = f"percentile bootstrap interval, ties count half, {resamples:,} resamples"
    found = Estimate(found.value, found.low, found.high, level, method, found.n)
    word = "significant and meaningful" if found.high > gamma else "significant, not meaningful"
    return Outperformance(found, gamma, word if found.low > 0.5 else "not significant")
