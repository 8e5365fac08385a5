"""Performance profiles of scores: which share is beyond each threshold (Agarwal et al. 2021)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from epochal.analyze.samples import GOALS, Array, Rng, one_of, sample, share, whole
from epochal.analyze.score_tables import table
from epochal.analyze.stratified import stratified_draws

PROFILES = ("run scores", "mean scores")


@dataclass(frozen=True)
class Profile:
    """Share of scores beyond each threshold, with a pointwise interval.

    Attributes:
        thresholds: shape (n_thresholds,).
        share: of scores strictly beyond each, shape (n_thresholds,).
        low, high: ends of the pointwise interval; NaN where there is none.
        level: of the interval.
        definition: what is counted, and the method of the interval, in words.
        n: number of scores.
    """

    thresholds: Array
    share: Array
    low: Array
    high: Array
    level: float
    definition: str
    n: int


def performance_profile(
    scores: npt.ArrayLike,
    thresholds: npt.ArrayLike,
    *,
    of: str = "run scores",
    goal: str = "maximize",
    level: float = 0.95,
    resamples: int = 2_000,
    rng: Rng = 0,
) -> Profile:
    """Return the share of scores above each threshold (strictly), the score distribution.

    Args:
        scores: shape (n_runs, n_tasks).
        thresholds: shape (n_thresholds,).
        of: "run scores": all runs of all tasks; "mean scores": the mean of each task.
        goal: with "minimize", the share below each threshold.
        level: of the pointwise interval, a stratified bootstrap of runs.
        resamples: how many; 0 for no interval.
        rng: seed or generator.

    Raises:
        EvidenceError: scores of another shape, NaN or infinity, or an unknown word.

    Example:
        >>> performance_profile([[0.5, 1.0], [1.5, 2.0]], [0.0, 1.0], resamples=0).share.tolist()
        [1.0, 0.5]
    """
    array, grid = table(scores), sample(thresholds, name="thresholds")
    one_of(of, PROFILES, "of")
    sign = 1.0 if one_of(goal, GOALS, "goal") == "maximize" else -1.0
    share(level, "level")
    order = np.argsort(sign * grid, kind="stable")

    def beyond(block: Array, axis: tuple[int, int]) -> Array:
        assert axis == (1, 2)
        values = block.mean(axis=1) if of == "mean scores" else block.reshape(len(block), -1)
        shares = np.empty((len(block), grid.size))
        shares[:, order] = _shares_above(sign * values, (sign * grid)[order])
        return shares

    low = high = np.full(grid.size, np.nan)
    side = "above" if goal == "maximize" else "below"
    definition = f"share of {of} {side} each threshold (strictly)"
    if whole(resamples, "resamples", least=0) and array.shape[0] > 1:
        draws = stratified_draws(array, beyond, resamples, rng=rng)
        low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
        definition += f"; pointwise stratified bootstrap of runs, {resamples:,} resamples"
    n = int(array.size) if of == "run scores" else int(array.shape[1])
    return Profile(grid, beyond(array[None], (1, 2))[0], low, high, level, definition, n)


def _shares_above(values: Array, grid: Array) -> Array:
    """Return the share of each row of values above each point of an ascending grid."""
    rows, size = len(values), grid.size + 1
    exceeded = np.searchsorted(grid, values, side="left")  # how many points each value is above
    places = (exceeded + size * np.arange(rows)[:, None]).ravel()
    counts = np.bincount(places, minlength=rows * size).reshape(rows, size)
    above = counts[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:]
    return np.asarray(above / values.shape[1])
