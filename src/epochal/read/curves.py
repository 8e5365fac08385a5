"""Curves: one metric of one run along an x-axis, as much of it as a window needs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from epochal.read.buckets import Blocks, Sums
from epochal.read.pieces import Piece
from epochal.read.sessions import Clock
from epochal.store import levels
from epochal.store.columns import Array
from epochal.store.sealed import ELAPSED, EPOCH, SEQ, STEP

CLOCKS = ("step", "elapsed", "time", "epoch")
_FIXED = {"step": [STEP], "elapsed": [ELAPSED], "time": [SEQ, ELAPSED], "epoch": [EPOCH]}
_JUMP_NS = 1_000_000
"""A clock that was set moves by more than this from one heartbeat to the next."""

Points = tuple[Array, Array]


class Stretch:
    """The visible points of one piece.

    Args:
        piece: whose.
        metric: which one.
        x: the axis.
        clock: of the session.
        limit: steps up to here are visible.

    Attributes:
        blocks: those with visible points; where not all of one are visible, its x is NaN.
    """

    def __init__(self, piece: Piece, metric: str, x: str, clock: Clock, limit: float) -> None:
        self._piece, self._clock, self._limit, self._x = piece, clock, limit, x
        self._column = f"={metric}"
        along = {"epoch": EPOCH}.get(x, STEP) if x in CLOCKS else f"={x}"
        low, high = self._span()
        sizes = levels.sizes(piece.rows)
        self._ids = np.arange(len(sizes))
        self._partly = False
        blocks = Blocks(low, high, sizes, piece.condensed(self._column, along))
        if limit < math.inf:
            blocks = self._seen(blocks)
        self.blocks = blocks

    def _seen(self, blocks: Blocks) -> Blocks:
        """Leave out what a resume hides; blocks of which a part is hidden have no known place."""
        first, last = self._piece.span(STEP)
        hidden, whole = first > self._limit, last <= self._limit
        if whole.all():
            return blocks
        self._partly = True
        self._ids = np.flatnonzero(~hidden)
        low, high = (np.where(whole, x, np.nan) for x in (blocks.low, blocks.high))
        return Blocks(low, high, blocks.sizes, blocks.values).of(self._ids)

    def _span(self) -> tuple[Array, Array]:
        """Return the lowest and highest x of each block, NaN where only its points can say."""
        piece, clock = self._piece, self._clock
        if self._x not in CLOCKS or self._x == "epoch":
            low, high = piece.span(EPOCH if self._x == "epoch" else f"={self._x}")
            return _floats(low), _floats(high)
        if self._x == "step":
            low, high = piece.span(STEP)
            return _floats(low), _floats(high)
        low, high = piece.span(ELAPSED)
        if self._x == "elapsed":
            return clock.elapsed_s(low), clock.elapsed_s(high)
        first = piece.seq()
        last = np.append(first[1:] - 1, np.iinfo(np.int64).max)
        start, stop = clock.time_s(first, low), clock.time_s(last, high)
        drift = np.diff(clock.wall_ns) - np.diff(clock.mono_ns)
        jumps = clock.seq[1:][np.abs(drift) > _JUMP_NS]
        set_within = np.searchsorted(jumps, last, "right") > np.searchsorted(jumps, first, "right")
        start[set_within] = stop[set_within] = np.nan
        return start, stop

    def points(self, chosen: Array) -> Points:
        """Return x and values of the visible points of some blocks."""
        if not chosen.any():
            return np.empty(0), np.empty(0)
        needed = _FIXED[self._x] if self._x in CLOCKS else [f"={self._x}"]
        columns = [*needed, self._column, *([STEP] if self._partly else [])]
        arrays = self._piece.take(columns, self._ids[chosen])
        if self._x == "time":
            x = self._clock.time_s(arrays[0], arrays[1])
        elif self._x == "elapsed":
            x = self._clock.elapsed_s(arrays[0])
        else:
            x = _floats(arrays[0])
        values = arrays[len(needed)]
        if self._partly:
            mask = arrays[-1] <= self._limit
            x, values = x[mask], values[mask]
        return x, values


def _floats(values: Array) -> Array:
    return values.astype(np.float64, copy=False)


class Curve:
    """One metric of one run along an x-axis.

    Args:
        stretches: its parts.
    """

    def __init__(self, stretches: Sequence[Stretch]) -> None:
        self._stretches = stretches

    @cached_property
    def extent(self) -> tuple[float, float] | None:
        """The lowest and highest x of its visible points; None: it has none."""
        lows, highs = [], []
        for each in self._stretches:
            known = np.isfinite(each.blocks.low) & np.isfinite(each.blocks.high)
            x, _ = each.points(~known)
            x = x[np.isfinite(x)]
            lows += [each.blocks.low[known], x]
            highs += [each.blocks.high[known], x]
        low = np.concatenate([np.empty(0), *lows])
        return (float(low.min()), float(np.concatenate(highs).max())) if len(low) else None

    def surely_more(self, start: float, stop: float, most: int) -> bool:
        """Say whether blocks alone have more points than so many from start to before stop."""
        found = 0
        for each in self._stretches:
            inside = (each.blocks.low >= start) & (each.blocks.high < stop)
            found += int(each.blocks.sizes[inside].sum())
        return found > most

    def points(self, start: float, stop: float) -> Points:
        """Return x and values of all points from start to before stop, stretch after stretch."""
        found = []
        for each in self._stretches:
            x, values = each.points(~((each.blocks.high < start) | (each.blocks.low >= stop)))
            inside = (x >= start) & (x < stop)
            found.append((x[inside], values[inside]))
        if not found:
            return np.empty(0), np.empty(0)
        xs, values_ = zip(*found, strict=True)
        return np.concatenate(xs), np.concatenate(values_)

    def beside(self, edge: float, *, after: bool) -> Points:
        """Return the points at the x nearest to an edge: before it, or from it on (``after``)."""
        xs, values = [np.empty(0)], [np.empty(0)]
        for each in self._stretches:
            low, high = each.blocks.low, each.blocks.high
            below, above = high < edge, low >= edge
            chosen = ~(below | above)  # the edge lies in them, or nobody knows
            if after and above.any():
                chosen |= above & (low == low[above].min())
            elif not after and below.any():
                chosen |= below & (high == high[below].max())
            x, found = each.points(chosen)
            mine = np.isfinite(x) & (x >= edge if after else x < edge)
            xs.append(x[mine])
            values.append(found[mine])
        x = np.concatenate(xs)
        nearest = x == (x.min(initial=math.inf) if after else x.max(initial=-math.inf))
        return x[nearest], np.concatenate(values)[nearest]

    def fill(self, sums: Sums) -> None:
        """Add everything to buckets, from blocks where they are short enough."""
        for each in self._stretches:
            rest = sums.add_blocks(each.blocks)
            if rest.any():
                sums.add_points(*each.points(rest))
