"""Grids: the places along an x-axis at which the points of a window are shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from epochal.store.columns import Array

_FINEST = 2.0**-50
"""Buckets are no finer than this part of the x that they are at: floats have no finer ones."""


@dataclass(frozen=True)
class Uniform:
    """``n`` buckets of equal width: the one at ``i`` holds ``edges[i] <= x < edges[i + 1]``.

    Example:
        >>> Uniform.over(0.0, 999_999.0, 1000)
        Uniform(origin=0.0, width=1024.0, n=977)
    """

    origin: float
    width: float
    n: int

    @classmethod
    def over(cls, start: float, stop: float, most: int) -> Uniform:
        """Return at most so many buckets that hold everything from ``start`` to ``stop``.

        Their widths are 4, 5, 6 or 7 times a power of two and their edges multiples of that: they
        stay when a training goes on or the view is moved, until the width has to grow; and blocks
        of 128 steps that count from 0 lie in one bucket each.
        """
        finest = max(abs(start), abs(stop), 1e-290) * _FINEST
        width = _round(max(stop / most - start / most, finest))
        while (n := _place(stop, width) - _place(start, width) + 1) > max(most, 2):
            width = _round(width * 1.01)
        return cls(_place(start, width) * width, width, n)

    def before(self, low: float, most: int) -> Uniform:
        """Return at most so many buckets, no finer than these, from ``low`` to where they begin."""
        width = max(self.width, (self.origin - low) / most)
        n = min(most, math.ceil((self.origin - low) / width))
        return Uniform(self.origin - n * width, width, n)

    @property
    def centers(self) -> Array:
        """The middle of each bucket."""
        return self.origin + (np.arange(self.n) + 0.5) * self.width

    @cached_property
    def edges(self) -> Array:
        """Where buckets begin, and where the last one ends."""
        return self.origin + np.arange(self.n + 1) * self.width

    def index(self, x: Array) -> Array:
        """Return the bucket of each x: -1 before the first one, n after the last one and of NaN."""
        if (x[1:] >= x[:-1]).all():
            starts = np.searchsorted(x, self.edges)
            return np.repeat(np.arange(-1, self.n + 1), np.diff(starts, prepend=0, append=len(x)))
        with np.errstate(over="ignore", invalid="ignore"):
            near = np.floor((x - self.origin) / self.width)
        at = np.clip(np.nan_to_num(near, nan=self.n), -1, self.n).astype(np.int64)
        # The division may have been rounded up or down to an edge.
        low, high = np.append(-np.inf, self.edges), np.append(self.edges, np.inf)
        bucket: Array = at + (x >= high[at + 1]) - (x < low[at + 1])
        return bucket


@dataclass(frozen=True, eq=False)
class Exact:
    """The places are all x that there are, ascending."""

    centers: Array

    @property
    def n(self) -> int:
        """How many there are."""
        return len(self.centers)

    @cached_property
    def edges(self) -> Array:
        """Where they are, and infinity."""
        return np.append(self.centers, np.inf)

    def joined(self, more: Sequence[Array]) -> Exact:
        """Return these places and others."""
        return Exact(np.unique(np.concatenate([self.centers, *more]))) if more else self

    def index(self, x: Array) -> Array:
        """Return the place of each x, which is one of them."""
        return np.searchsorted(self.centers, x)


def _place(x: float, width: float) -> int:
    """Return in which of all buckets of a width an x is."""
    place = math.floor(x / width)
    return place - (place * width > x)  # tiny negative ones are rounded to zero


def _round(width: float) -> float:
    """Return the next of 4, 5, 6 or 7 times a power of two."""
    mantissa, exponent = math.frexp(width)
    return math.ldexp(math.ceil(mantissa * 8) / 8, exponent)
