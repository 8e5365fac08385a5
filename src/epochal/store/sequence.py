"""Sequence numbers as ranges: which there are, and which are missing between them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from epochal.store.columns import Array

Range = tuple[int, int]
"""(first, after the last)."""


def ranges(numbers: Array) -> list[Range]:
    """Return numbers of any order, shape (n,), as ranges.

    Example:
        >>> ranges(np.array([3, 1, 2, 7, 7]))
        [(1, 4), (7, 8)]
    """
    if not len(numbers):
        return []
    known = np.unique(numbers)
    breaks = np.flatnonzero(np.diff(known) > 1)
    starts = known[np.concatenate([[0], breaks + 1])]
    stops = known[np.concatenate([breaks, [len(known) - 1]])] + 1
    return list(zip(starts.tolist(), stops.tolist(), strict=True))


def joined(parts: Iterable[Range]) -> list[Range]:
    """Return ranges in order, those that touch or overlap as one.

    Example:
        >>> joined([(5, 6), (0, 2), (1, 5)])
        [(0, 6)]
    """
    whole: list[Range] = []
    for start, stop in sorted(parts):
        if whole and start <= whole[-1][1]:
            whole[-1] = whole[-1][0], max(whole[-1][1], stop)
        else:
            whole.append((start, stop))
    return whole


def missing(parts: Iterable[Range], end: int = 0) -> list[Range]:
    """Return the ranges from 0 to ``end``, or to the last number if that is later, not in parts.

    Example:
        >>> missing([(1, 4), (6, 7)], end=9)
        [(0, 1), (4, 6), (7, 9)]
    """
    gaps, at = [], 0
    for start, stop in joined(parts):
        if start > at:
            gaps.append((at, start))
        at = stop
    return [*gaps, (at, end)] if end > at else gaps
