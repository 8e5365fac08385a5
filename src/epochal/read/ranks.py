"""A metric over the ranks of a distributed job: mean, spread, and who holds up the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from epochal.read import series
from epochal.read.contents import Contents
from epochal.store.columns import Array


class Straggler(NamedTuple):
    """A rank that took longer than the others.

    Attributes:
        rank: which one.
        share: of the steps that it recorded, in how many it had the largest value (0 to 1).
        ratio: the sum of its values over the sum of the median of all ranks, at the same steps.
    """

    rank: int
    share: float
    ratio: float


@dataclass(frozen=True, eq=False)
class RankSeries:
    """Every visible value of one metric by rank and step.  Arrays are not to be written to.

    The statistics are over the ranks, at each step; values that are missing or NaN are left out of
    them, and where no rank has a value they are NaN.

    Attributes:
        metric: its name.
        ranks: shape (n_ranks,), int64: those that recorded the metric, in order.
        steps: shape (n_steps,), ascending: every step at which any rank did; int64, or float64 if
            any step was a float.
        values: shape (n_ranks, n_steps), float64; NaN where a rank recorded nothing.  Of a step
            that a rank recorded more than once it is the last value.

    Example:
        >>> ranks, steps = np.array([0, 1, 2]), np.array([10, 20])
        >>> values = np.array([[1.0, 1.0], [1.0, 1.0], [4.0, 1.0]])
        >>> found = RankSeries("step_s", ranks, steps, values)
        >>> found.mean.tolist(), found.slowest.tolist()
        ([2.0, 1.0], [2, 0])
        >>> found.stragglers()
        [Straggler(rank=2, share=0.5, ratio=2.5)]
    """

    metric: str
    ranks: Array
    steps: Array
    values: Array

    @cached_property
    def count(self) -> Array:
        """How many ranks have a value, shape (n_steps,)."""
        count: Array = self._known.sum(axis=0)
        return count

    @cached_property
    def mean(self) -> Array:
        """Mean over the ranks, shape (n_steps,)."""
        with np.errstate(invalid="ignore", divide="ignore"):
            mean: Array = self._known_values.sum(axis=0) / self.count
        return mean

    @cached_property
    def std(self) -> Array:
        """Standard deviation over the ranks (ddof=1), NaN for fewer than two; (n_steps,)."""
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            off = np.where(self._known, self.values - self.mean, 0.0)
            variance = np.square(off).sum(axis=0) / (self.count - 1)
        std: Array = np.sqrt(np.where(self.count > 1, variance, np.nan))
        return std

    @cached_property
    def min(self) -> Array:
        """Smallest value of any rank, shape (n_steps,)."""
        return self._extreme(np.inf, np.min)

    @cached_property
    def max(self) -> Array:
        """Largest value of any rank, shape (n_steps,)."""
        return self._extreme(-np.inf, np.max)

    @cached_property
    def slowest(self) -> Array:
        """The rank with the largest value, -1 where there is none; int64, shape (n_steps,).

        It is the slowest one if the metric is a duration; of several the lowest.
        """
        if not len(self.ranks):
            return np.full(len(self.steps), -1)
        largest = np.where(self._known, self.values, -np.inf).argmax(axis=0)
        return np.where(self.count > 0, self.ranks[largest], -1)

    def stragglers(self, factor: float = 1.1) -> list[Straggler]:
        """Return the ranks that were slower than the others, the slowest first.

        For durations: it compares what a rank took in sum with what the median of all ranks took at
        the same steps, so that a rank counts that is always a little slow as well as one that is
        sometimes very slow.

        Args:
            factor: how much longer than the median a rank must have taken in sum.
        """
        if not len(self.ranks):
            return []
        compared = self._known & (self.count > 1)
        middle = np.zeros(len(self.steps))
        several = self.count > 1
        middle[several] = np.nanmedian(self.values[:, several], axis=0)
        found = []
        for rank, values, here in zip(self.ranks.tolist(), self.values, compared, strict=True):
            usual = middle[here].sum()
            ratio = float(values[here].sum() / usual) if usual > 0 else 0.0
            if ratio >= factor:
                share = float((self.slowest[here] == rank).mean())
                found.append(Straggler(rank, share, ratio))
        return sorted(found, key=lambda each: -each.ratio)

    def __repr__(self) -> str:
        """Return the metric and the shape."""
        shape = f"{len(self.ranks)} ranks, {len(self.steps):,} steps"
        return f"<RankSeries {self.metric!r}, {shape}>"

    @cached_property
    def _known(self) -> Array:
        known: Array = ~np.isnan(self.values)
        return known

    @cached_property
    def _known_values(self) -> Array:
        return np.where(self._known, self.values, 0.0)

    def _extreme(self, neutral: float, of: Callable[..., Array]) -> Array:
        filled = np.where(self._known, self.values, neutral)
        found = of(filled, axis=0, initial=neutral)
        return np.where(self.count > 0, found, np.nan)


def build(contents: Contents, metric: str) -> RankSeries:
    """Put the visible points of a metric together by rank and step.

    Raises:
        DamageError: a sealed file is damaged.
    """
    found = {}
    for rank in sorted({session.rank for session in contents.everyone}):
        mine = [session for session in contents.everyone if session.rank == rank]
        points = series.build(mine, metric)
        if len(points):
            found[rank] = points
    empty = np.empty(0, np.int64)
    steps = np.unique(np.concatenate([empty, *(each.steps for each in found.values())]))
    values = np.full((len(found), len(steps)), np.nan)
    for row, points in zip(values, found.values(), strict=True):
        at = np.searchsorted(steps, points.steps)
        row[at] = series.float_values(points.values)
    return RankSeries(metric, np.array([*found], np.int64), steps, values)


def shown(ranks: Sequence[int]) -> str:
    """Return ranks for people, neighbors joined.

    Example:
        >>> shown([0, 1, 2, 5]), shown([0])
        ('ranks 0 to 2 and 5', 'rank 0')
    """
    pieces: list[list[int]] = []
    for rank in ranks:
        if pieces and rank == pieces[-1][-1] + 1:
            pieces[-1].append(rank)
        else:
            pieces.append([rank])
    texts: list[str] = []
    for piece in pieces:
        texts += [f"{piece[0]} to {piece[-1]}"] if len(piece) > 2 else map(str, piece)
    joined = " and ".join(filter(None, [", ".join(texts[:-1]), *texts[-1:]]))
    return f"rank{'s' * (len(ranks) > 1)} {joined}"
