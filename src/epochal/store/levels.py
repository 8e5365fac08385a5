"""Levels: rows condensed to blocks, so that an overview of a million points reads few of them.

A level says of each block of 128 neighboring rows of a table where it lies on the x-axes, and of
each metric the extremes, where in the block they are, the mean, and what is not finite.
:mod:`epochal.store.level_files` keeps them beside sealed tables.  NumPy only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from epochal.store.columns import Array

BLOCK = 128
"""Rows of a block: few enough that their counts fit in a byte."""

PLACES = 254
"""Where in a block an extreme is, in parts of its span; exact for 128 evenly spaced rows."""

_SINGLE_ERROR = 1e-3
"""Means are stored as float32 where that moves none by more than this part of its block's range."""


@dataclass(frozen=True, eq=False)
class Condensed:
    """One metric by blocks; arrays of shape (n_blocks,).

    Attributes:
        low, high: float64, smallest and largest finite value, NaN where there is none.
        low_at, high_at: uint8, where they are between the lowest and the highest x, of PLACES.
        mean: float64 or float32 of the finite values; between low and high but for its rounding.
        bad: uint8 of shape (3, n_blocks): how many are NaN, infinite, minus infinite; None: no
            value is.
    """

    low: Array
    high: Array
    low_at: Array
    high_at: Array
    mean: Array
    bad: Array | None

    @property
    def nbytes(self) -> int:
        """What it takes in memory."""
        parts = (self.low, self.high, self.low_at, self.high_at, self.mean, self.bad)
        return sum(part.nbytes for part in parts if part is not None)

    def __len__(self) -> int:
        """Return the number of blocks."""
        return len(self.low)

    def of(self, chosen: Array | slice) -> Condensed:
        """Return some blocks."""
        bad = None if self.bad is None else self.bad[:, chosen]
        return Condensed(
            self.low[chosen], self.high[chosen], self.low_at[chosen], self.high_at[chosen],
            self.mean[chosen], bad,
        )  # fmt: skip


def count(rows: int) -> int:
    """Return how many blocks so many rows have."""
    return -(-rows // BLOCK)


def sizes(rows: int) -> Array:
    """Return the rows of each block: all are full but the last."""
    found = np.full(count(rows), BLOCK)
    if rows % BLOCK:
        found[-1] = rows % BLOCK
    return found


def spans(column: Array) -> tuple[Array, Array]:
    """Return the lowest and highest value of each block; NaN where a block has one."""
    parts = _blocks(column)
    lows, highs = [part.min(axis=1) for part in parts], [part.max(axis=1) for part in parts]
    return _joined(lows, column.dtype), _joined(highs, column.dtype)


class Ruler:
    """Tells where in the span of its block a row is, by an x-axis of shape (n_rows,)."""

    def __init__(self, x: Array) -> None:
        self._parts = [part.astype(np.float64, copy=False) for part in _blocks(x)]
        self._starts = [part.min(axis=1) for part in self._parts]
        with np.errstate(invalid="ignore", over="ignore"):
            ends = [part.max(axis=1) for part in self._parts]
            self._scales = [(e - s) / PLACES for e, s in zip(ends, self._starts, strict=True)]

    def place(self, part: int, row: Array, at: Array) -> Array:
        """Return the places of one row of each block of a part, uint8."""
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            place = (self._parts[part][row, at] - self._starts[part]) / self._scales[part]
            whole: Array = np.nan_to_num(np.rint(place), nan=0.0, posinf=0.0).astype(np.uint8)
        return whole


def condense(values: Array, ruler: Ruler) -> Condensed:
    """Condense a metric's values, float64 of shape (n_rows,), in the order of logging."""
    return join([_condense(part, i, ruler) for i, part in enumerate(_blocks(values))])


def join(parts: Sequence[Condensed]) -> Condensed:
    """Return neighboring parts as one; all but the last consist of full blocks."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        empty, places = np.empty(0), np.empty(0, np.uint8)
        return Condensed(empty, empty, places, places, empty, None)
    bad = None
    if any(part.bad is not None for part in parts):
        known = [np.zeros((3, len(p)), np.uint8) if p.bad is None else p.bad for p in parts]
        bad = np.concatenate(known, axis=1)
    return Condensed(
        np.concatenate([p.low for p in parts]), np.concatenate([p.high for p in parts]),
        np.concatenate([p.low_at for p in parts]), np.concatenate([p.high_at for p in parts]),
        np.concatenate([p.mean for p in parts]), bad,
    )  # fmt: skip


def _blocks(column: Array) -> list[Array]:
    """Return a column as full blocks and, if rows are left, a last one."""
    full = len(column) // BLOCK * BLOCK
    rest = len(column) - full
    parts = [column[:full].reshape(-1, BLOCK)] if full else []
    return [*parts, column[full:].reshape(1, rest)] if rest else parts


def _joined(parts: list[Array], dtype: Any) -> Array:
    if not parts:
        return np.empty(0, dtype)
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _condense(values: Array, part: int, ruler: Ruler) -> Condensed:
    """Condense blocks of equal size, shape (n_blocks, n_rows)."""
    good = np.isfinite(values)
    bad = None
    if good.all():
        lows, highs = values.argmin(axis=1), values.argmax(axis=1)
        finite, n = values, np.full(len(values), values.shape[1])
    else:
        lows = np.where(good, values, np.inf).argmin(axis=1)
        highs = np.where(good, values, -np.inf).argmax(axis=1)
        finite, n = np.where(good, values, 0.0), good.sum(axis=1)
        kinds = (np.isnan(values), values == np.inf, values == -np.inf)
        bad = np.stack([kind.sum(axis=1, dtype=np.uint8) for kind in kinds])
    row = np.arange(len(values))
    low, high = values[row, lows], values[row, highs]
    low[n == 0] = high[n == 0] = np.nan
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        mean = finite.sum(axis=1) / n
    mean = between(mean, low, high)
    place = ruler.place(part, row, lows), ruler.place(part, row, highs)
    return Condensed(low, high, *place, _smallest(mean, low, high), bad)


def between(mean: Array, low: Array, high: Array) -> Array:
    """Return means as what they must be: between the extremes, also after rounding or overflow."""
    lost = ~np.isfinite(mean) & ~np.isnan(low)
    if lost.any():  # sums beyond 1e308
        mean = np.where(lost, low / 2 + high / 2, mean)
    bounded: Array = np.minimum(np.maximum(mean, low), high)
    return bounded


def told(places: Array, low: Array, high: Array) -> Array:
    """Return where places are, in blocks from low to high; for even spacing it is exact."""
    at: Array = low + places * (high - low) / PLACES
    return at


def _smallest(mean: Array, low: Array, high: Array) -> Array:
    """Return means as float32 where nothing that can be drawn is lost."""
    with np.errstate(over="ignore", invalid="ignore"):
        single = mean.astype(np.float32)
        moved = np.abs(single - mean)
        lost = (moved > _SINGLE_ERROR * (high - low)) & (high > low)
    return mean if lost.any() or np.isinf(single).any() else single
