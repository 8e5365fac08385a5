"""Buckets: how points, and blocks of points, fill the places of a grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from epochal.read.grids import Exact, Uniform
from epochal.store.columns import Array
from epochal.store.levels import Condensed, between, told

MARKS = 200
"""How many marks of NaN and infinities a lane has at most."""

BAD = ("nan", "inf", "-inf")
Mark = tuple[float, str, int]


@dataclass(frozen=True, eq=False)
class Filled:
    """What :class:`Sums` add up to, arrays of shape (n,)."""

    mean: Array
    low: Array
    high: Array
    count: Array


@dataclass(frozen=True, eq=False)
class Blocks:
    """Blocks of one metric on an x-axis; arrays of shape (n_blocks,).

    Attributes:
        low, high: float64, lowest and highest x; NaN: only its points say where it is.
        sizes: how many points each has.
        values: what is known of the values.
    """

    low: Array
    high: Array
    sizes: Array
    values: Condensed

    def of(self, chosen: Array) -> Blocks:
        """Return some of them."""
        return Blocks(
            self.low[chosen], self.high[chosen], self.sizes[chosen], self.values.of(chosen)
        )


class Sums:
    """Fills the places of a grid with the points of one run.

    Attributes:
        points: how many are in the grid, NaN and infinities counted.
    """

    def __init__(self, grid: Uniform | Exact) -> None:
        self._grid, self._n = grid, grid.n
        size = grid.n + 2  # what lies before the grid, and after it
        self._count, self._total = np.zeros(size), np.zeros(size)
        self._low, self._high = np.full(size, np.inf), np.full(size, -np.inf)
        self._shared = np.zeros(size, dtype=bool)
        self._bad: Array | None = None
        self._points = 0.0

    @property
    def points(self) -> int:
        """How many points are in the grid, NaN and infinities counted."""
        return round(self._points)

    def add_points(self, x: Array, values: Array) -> None:
        """Add points, float64 of shape (n_points,)."""
        if not (x[1:] >= x[:-1]).all():  # false for NaN too
            place = self._grid.index(x)
            digits = np.int16 if self._n < np.iinfo(np.int16).max else np.int64
            order = np.argsort(place.astype(digits), kind="stable")  # 16 bits: in linear time
            first, stop = np.searchsorted(place, [0, self._n], sorter=order)
            order = order[first:stop]
            starts = np.searchsorted(place[order], np.arange(self._n + 1))
            self._add_ordered(starts, values[order])
        elif len(x):
            starts = np.searchsorted(x, self._grid.edges)
            self._add_ordered(starts - starts[0], values[starts[0] : starts[-1]])

    def _add_ordered(self, starts: Array, values: Array) -> None:
        """Add values place by place: one begins at ``starts[i]`` and ends at ``starts[i + 1]``."""
        self._points += len(values)
        good = np.isfinite(values)
        if not good.all():
            bad = np.flatnonzero(~good)
            at, rest = np.searchsorted(starts, bad, "right"), values[bad]
            self._add_bad(at, np.stack([np.isnan(rest), rest == np.inf, rest == -np.inf]))
            starts, values = np.append(0, np.cumsum(good))[starts], values[good]
        count = np.diff(starts)
        at = np.flatnonzero(count)
        if len(at):
            begin = starts[at]
            self._count[at + 1] += count[at]
            with np.errstate(over="ignore", invalid="ignore"):
                self._total[at + 1] += np.add.reduceat(values, begin)
            self._low[at + 1] = np.minimum(self._low[at + 1], np.minimum.reduceat(values, begin))
            self._high[at + 1] = np.maximum(self._high[at + 1], np.maximum.reduceat(values, begin))

    def add_blocks(self, blocks: Blocks) -> Array:
        """Add those blocks that lie in one bucket, or in two and are short.

        A block in two buckets has at most half the width of one.  Each of its extremes goes to the
        bucket where it is; its points are taken to be evenly spaced, their mean the same in both.

        Returns:
            Which blocks reach into the grid and were not added: their points have to be.
        """
        grid, n = self._grid, self._n
        if isinstance(grid, Exact):
            raise TypeError("only points have exact places")
        first, last = grid.index(blocks.low), grid.index(blocks.high)
        with np.errstate(over="ignore", invalid="ignore"):
            span = blocks.high - blocks.low
            short = (last == first + 1) & (span <= grid.width / 2)
        known = np.isfinite(span)
        outside = known & ((last < 0) | (first >= n))
        added = ((first == last) | short) & known & ~outside
        if added.any():
            chosen = blocks if added.all() else blocks.of(added)
            self._add(chosen, first[added] + 1, short[added])
        rest: Array = ~(added | outside)
        return rest

    def _add(self, blocks: Blocks, left: Array, split: Array) -> None:
        """Add blocks, each to one bucket, and then move what belongs to the next one."""
        values, finite = blocks.values, blocks.sizes
        mean = np.clip(values.mean, values.low, values.high)  # float32 rounds it
        some: Array | slice = slice(None)
        if values.bad is not None:
            finite = finite - values.bad.sum(axis=0)
            mean, some = np.nan_to_num(mean), finite > 0
        self._count += self._sum(left, finite)
        self._total += self._sum(left, finite * mean)
        self._points += float(blocks.sizes[left > 0].sum())
        low_at, high_at, middle = left, left, left
        moved = np.flatnonzero(split)
        if len(moved):
            shares = self._share(blocks.of(moved), left[moved], finite[moved], mean[moved])
            low_at, high_at, middle = left.copy(), left.copy(), left.copy()
            for place, right in zip((low_at, high_at, middle), shares, strict=True):
                place[moved] += right
            both = moved[finite[moved] > 0]  # each extreme may be one for the other's bucket too
            _take(np.maximum, self._high, low_at[both], values.low[both])
            _take(np.minimum, self._low, high_at[both], values.high[both])
        if values.bad is not None:
            self._add_bad(middle, values.bad)
        _take(np.minimum, self._low, low_at[some], values.low[some])
        _take(np.maximum, self._high, high_at[some], values.high[some])

    def _share(
        self, blocks: Blocks, left: Array, finite: Array, mean: Array
    ) -> tuple[Array, Array, Array]:
        """Move the share of the right bucket there.

        Returns:
            Of each block whether its smallest value, its largest one and its middle are there.
        """
        low, high, n = blocks.low, blocks.high, blocks.sizes
        edge = self._grid.edges[np.minimum(left, self._n)]
        stay = np.clip(np.ceil((edge - low) / (high - low) * (n - 1)), 1, n - 1)
        right = finite - np.rint(finite * stay / n)
        self._count += self._sum(left + 1, right) - self._sum(left, right)
        self._total += self._sum(left + 1, right * mean) - self._sum(left, right * mean)
        self._points += float((n - stay)[left < self._n].sum() - (n - stay)[left > 0].sum())
        self._shared[left] = self._shared[left + 1] = True
        values = blocks.values
        at_low, at_high = told(values.low_at, low, high), told(values.high_at, low, high)
        return at_low >= edge, at_high >= edge, low + (high - low) / 2 >= edge

    def _sum(self, at: Array, values: Array) -> Array:
        return np.bincount(at, values, self._n + 2)[: self._n + 2]

    def _add_bad(self, at: Array, counts: Array) -> None:
        if self._bad is None:
            self._bad = np.zeros((len(BAD), self._n + 2), np.int64)
        for kind, each in enumerate(counts):
            self._bad[kind] += self._sum(at, each).astype(np.int64)

    def filled(self) -> Filled:
        """Return what was added, NaN where nothing was."""
        inner = slice(1, self._n + 1)
        count, total = self._count[inner], self._total[inner]
        low, high, shared = self._low[inner], self._high[inner], self._shared[inner]
        low, high = (np.where(np.isinf(each), np.nan, each) for each in (low, high))
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = total / count
        if shared.any():  # a part of a block, whose extremes are in the other one
            low, high = (
                np.where(shared, np.fmin(low, mean), low),
                np.where(shared, np.fmax(high, mean), high),
            )
        return Filled(between(mean, low, high), low, high, count.astype(np.int64))

    def marks(self) -> tuple[list[Mark], int]:
        """Return where values are not finite, at most MARKS neighborhoods, and how many are."""
        if self._bad is None or not self._bad[:, 1:-1].any():
            return [], 0
        bad = self._bad[:, 1:-1]
        kinds, places = np.nonzero(bad)
        together = 1
        while len(firsts := _firsts(kinds, places // together)) > MARKS:
            together *= 2  # so many neighbors are told as one, which stands where the first is
        counts = np.add.reduceat(bad[kinds, places], firsts)
        centers = self._grid.centers[places[firsts]].tolist()
        marks = zip(centers, kinds[firsts].tolist(), counts.tolist(), strict=True)
        return sorted((x, BAD[kind], number) for x, kind, number in marks), int(bad.sum())


def _firsts(kinds: Array, groups: Array) -> Array:
    """Return where a new kind or group begins."""
    new = (np.diff(kinds, prepend=-1) != 0) | (np.diff(groups, prepend=-1) != 0)
    return np.flatnonzero(new)


def _take(extreme: np.ufunc, into: Array, at: Array, values: Array) -> None:
    """Take the extremes of values place by place; most are in order already."""
    if not len(at):
        return
    if (at[1:] < at[:-1]).any():
        order = np.argsort(at, kind="stable")
        at, values = at[order], values[order]
    starts = np.append(0, np.flatnonzero(at[1:] != at[:-1]) + 1)
    places = at[starts]
    into[places] = extreme(into[places], extreme.reduceat(values, starts))
