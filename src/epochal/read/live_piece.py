"""A key set of a segment that is still written: what is condensed grows block by block."""

from __future__ import annotations

import bisect
import functools
import itertools
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

import numpy as np

from epochal.core.items import HAS_EPOCH, Layout
from epochal.read.level_cache import Cache
from epochal.read.parts import LivePart
from epochal.read.pieces import Piece, Span, by_group, size_of_span
from epochal.store import levels
from epochal.store.columns import Array
from epochal.store.levels import Condensed, Ruler
from epochal.store.sealed import ELAPSED, EPOCH, SEQ, STEP

T = TypeVar("T")
_FIELDS = {SEQ: "seq", ELAPSED: "mono_ns", STEP: "step", EPOCH: "epoch"}


class LivePiece(Piece):
    """The rows of one key set in a segment of the journal; what is condensed grows with it."""

    def __init__(self, part: LivePart, layout: Layout, cache: Cache) -> None:
        self._tables = [block.rows for block in part.blocks[layout]]
        self._starts = [0, *itertools.accumulate(map(len, self._tables))]
        self._cache, self._layout, self._offset_ns = cache, layout, part.offset_ns
        self._id = (part.segment, part.data.reading, layout)
        self.rows, self.has_epoch = self._starts[-1], bool(layout.variant & HAS_EPOCH)

    def take(self, columns: Sequence[str], blocks: Array | None = None) -> list[Array]:
        """Return columns of the rows of some blocks."""
        ranges = [(0, self.rows)]
        if blocks is not None:
            ((_, parts),) = by_group(blocks, self.rows, np.array([0, self.rows]))
            ranges = [(part.start, part.stop) for part in parts]
        return [
            np.concatenate([self._column(column, *each) for each in ranges]) for column in columns
        ]

    def span(self, column: str) -> Span:
        """Return the lowest and highest value of a column in each block."""
        return self._grown(
            ("span", column),
            lambda start, stop: levels.spans(self._column(column, start, stop)),
            lambda a, b: (np.append(a[0], b[0]), np.append(a[1], b[1])),
            lambda span, n: (span[0][:n], span[1][:n]),
            size_of_span,
        )

    def condensed(self, column: str, along: str = STEP) -> Condensed:
        """Return a metric by blocks, its extremes placed along another column."""

        def load(start: int, stop: int) -> Condensed:
            ruler = Ruler(self._column(along, start, stop))
            return levels.condense(self._column(column, start, stop), ruler)

        found: Condensed = self._grown(
            (column, along),
            load,
            lambda a, b: levels.join([a, b]),
            lambda found, n: found.of(slice(n)),
            lambda found: found.nbytes,
        )
        return found

    def _grown(
        self,
        what: tuple[Hashable, ...],
        load: Callable[[int, int], T],
        join: Callable[[T, T], T],
        cut: Callable[[T, int], T],
        size: Callable[[T], int],
    ) -> T:
        """Return something of all blocks; that of full ones is kept and only added to.

        Args:
            what: its name.
            load: returns it of some rows.
            join: puts two neighbors together.
            cut: returns it of the first blocks.
            size: says how many bytes it takes.
        """
        full, parts = self.rows // levels.BLOCK, []
        known: tuple[int, T] | None = self._cache.get((*self._id, *what))
        have = 0
        if known is not None:
            have = min(known[0], full)  # another snapshot that was read may be a later one
            parts.append(known[1] if known[0] == have else cut(known[1], have))
        if have < full:
            parts.append(load(have * levels.BLOCK, full * levels.BLOCK))
            parts = [functools.reduce(join, parts)]
            self._cache.put((*self._id, *what), (full, parts[0]), size(parts[0]))
        if full * levels.BLOCK < self.rows:
            parts.append(load(full * levels.BLOCK, self.rows))
        return functools.reduce(join, parts)

    def _column(self, column: str, start: int, stop: int) -> Array:
        """Return some rows of a column."""
        first = bisect.bisect_right(self._starts, start) - 1
        parts = []
        for table, begin in zip(self._tables[first:], self._starts[first:], strict=False):
            if begin >= stop:
                break
            part = table[max(0, start - begin) : stop - begin]
            if column.startswith("="):
                parts.append(part["values"][:, self._layout.keys.index(column[1:])])
            else:
                parts.append(part[_FIELDS[column]])
        found = np.ascontiguousarray(parts[0] if len(parts) == 1 else np.concatenate(parts))
        return found + self._offset_ns if column == ELAPSED else found
