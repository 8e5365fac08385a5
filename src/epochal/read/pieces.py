"""Pieces: the tables of a run's segments, read column by column, in part or condensed to blocks.

A piece is the rows of one key set in one segment, sealed or still in the journal, or rows that are
in memory anyway.  What is read is kept in a :class:`~epochal.read.level_cache.Cache`; a piece
itself is cheap and made for each reading.
"""

from __future__ import annotations

import bisect
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from epochal.read.rows import Rows
from epochal.store import levels
from epochal.store.columns import Array
from epochal.store.levels import Condensed, Ruler
from epochal.store.sealed import ELAPSED, EPOCH, SEQ, STEP

Span = tuple[Array, Array]


class Piece(ABC):
    """Rows of one key set, in the order of logging.

    Columns are asked for by name: ``_seq _elapsed_ns _step _epoch``, and metrics by a leading "=".

    Attributes:
        rows: how many there are.
        has_epoch: whether they have epochs.
    """

    rows: int
    has_epoch: bool

    @abstractmethod
    def take(self, columns: Sequence[str], blocks: Array | None = None) -> list[Array]:
        """Return columns of the rows of some blocks, given in ascending order; None: of all rows.

        Raises:
            DamageError: a file is missing or damaged.
        """

    def seq(self) -> Array:
        """Return the first sequence number of each block."""
        return self.span(SEQ)[0]

    @abstractmethod
    def span(self, column: str) -> Span:
        """Return the lowest and highest value of a column in each block."""

    @abstractmethod
    def condensed(self, column: str, along: str = STEP) -> Condensed:
        """Return a metric by blocks, its extremes placed along another column."""


class LoosePiece(Piece):
    """Rows that are in memory."""

    def __init__(self, rows: Rows) -> None:
        self._columns = {SEQ: rows.seq, ELAPSED: rows.elapsed_ns, STEP: rows.steps}
        self.has_epoch = rows.epochs is not None
        if rows.epochs is not None:
            self._columns[EPOCH] = rows.epochs
        self._columns |= {f"={key}": values for key, values in rows.values.items()}
        self.rows = len(rows.seq)

    @property
    def nbytes(self) -> int:
        """What it takes in memory."""
        return sum(column.nbytes for column in self._columns.values())

    def take(self, columns: Sequence[str], blocks: Array | None = None) -> list[Array]:
        """Return columns of the rows of some blocks."""
        if blocks is None:
            return [self._columns[column] for column in columns]
        chosen = np.zeros(levels.count(self.rows), dtype=bool)
        chosen[blocks] = True
        mask = np.repeat(chosen, levels.sizes(self.rows))
        return [self._columns[column][mask] for column in columns]

    def span(self, column: str) -> Span:
        """Return the lowest and highest value of a column in each block."""
        return levels.spans(self._columns[column])

    def condensed(self, column: str, along: str = STEP) -> Condensed:
        """Return a metric by blocks."""
        return levels.condense(self._columns[column], Ruler(self._columns[along]))


def size_of_span(span: Span) -> int:
    """Return what it takes in memory."""
    return span[0].nbytes + span[1].nbytes


def by_group(blocks: Array, rows: int, starts: Array) -> list[tuple[int, list[slice]]]:
    """Return the rows of some blocks: groups of rows, and slices within each.

    Args:
        blocks: their numbers, ascending.
        rows: of the table.
        starts: the first row of each group, and the number of rows.
    """
    edges = np.flatnonzero(np.diff(blocks, prepend=-2) != 1)
    first = blocks[edges] * levels.BLOCK
    last = np.minimum((np.append(blocks[edges[1:] - 1], blocks[-1:]) + 1) * levels.BLOCK, rows)
    found: dict[int, list[slice]] = {}
    for start, stop in zip(first.tolist(), last.tolist(), strict=True):
        group = bisect.bisect_right(starts, start) - 1
        while (begin := int(starts[group])) < stop:
            end = int(starts[group + 1])
            part = slice(max(start, begin) - begin, min(stop, end) - begin)
            found.setdefault(group, []).append(part)
            group += 1
    return list(found.items())
