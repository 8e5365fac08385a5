"""Histories: several metrics side by side, exact and complete, as one Arrow table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from epochal.read.parts import Rows
from epochal.read.series import big_rows, exact_values
from epochal.read.sessions import SessionData, within
from epochal.store.arrow import numbers
from epochal.store.columns import Array

CLOCKS = ("step", "epoch", "elapsed", "time")
_WIDEST_DECIMAL = 76


class _Chunk(NamedTuple):
    """Rows of one key set of one session: which lines they are and what they hold."""

    at: Array
    values: dict[str, Array]


def table(sessions: Sequence[SessionData], metrics: Sequence[str], x: str = "step") -> pa.Table:
    """Return metrics against one x-axis, every visible point in the order of logging.

    What was logged at the same step by neighboring calls is one row, unless a metric comes twice.
    A metric that was not logged there is null; nothing is interpolated, and NaN stays NaN.

    Args:
        sessions: in order, with their limits.
        metrics: the columns after x.
        x: "step", "epoch" (null: none), "elapsed" (seconds since the run began), "time" (unix
            seconds), or a metric (null where it was not logged).

    Returns:
        Column x, then one per metric: float64; for a metric with integers beyond 2**53 int64 if
        all is whole and fits, else decimal, else text.  A name that is taken gets a ``_``.

    Raises:
        DamageError: a sealed file is damaged.
    """
    wanted = dict.fromkeys(metrics)
    if x not in CLOCKS:
        wanted[x] = None
    lines = _Lines()
    for session in sessions:
        lines.add(session, list(wanted))
    lines.close()
    columns = {name: lines.column(name) for name in wanted}
    first = columns[x] if x not in CLOCKS else lines.clock(x)
    names, arrays = [x], [first]
    for metric in dict.fromkeys(metrics):
        name = metric
        while name in names:
            name += "_"
        names.append(name)
        arrays.append(columns[metric])
    return pa.Table.from_arrays(arrays, names)


class _Lines:
    """Collects rows and merges neighbors of equal step into lines."""

    def __init__(self) -> None:
        self._chunks: list[_Chunk] = []
        self._starts: list[dict[str, Array]] = []
        self._count = 0

    def add(self, session: SessionData, metrics: list[str]) -> None:
        """Take a session's rows."""
        tables = _tables(session, metrics)
        if not tables:
            return
        lengths = [len(rows.seq) for rows in tables]
        seq = np.concatenate([rows.seq for rows in tables])
        order = np.argsort(seq, kind="stable")
        steps = np.concatenate([rows.steps for rows in tables])[order]
        source = np.repeat(np.arange(len(tables)), lengths)[order]
        line = _line_of(steps, source, [frozenset(rows.values) for rows in tables])
        first = np.flatnonzero(np.diff(line, prepend=-1))
        elapsed_ns = np.concatenate([rows.elapsed_ns for rows in tables])[order]
        epochs = np.concatenate([_epochs(rows) for rows in tables])[order]
        self._starts.append(
            {
                "step": steps[first],
                "epoch": _first_known(epochs, line, len(first)),
                "elapsed": session.clock.elapsed_s(elapsed_ns[first]),
                "time": session.clock.time_s(seq[order][first], elapsed_ns[first]),
            }
        )
        place = np.empty(len(order), np.int64)
        place[order] = line + self._count
        for rows, at in zip(tables, np.split(place, np.cumsum(lengths)[:-1]), strict=True):
            self._chunks.append(_Chunk(at, rows.values))
        self._count += len(first)

    def close(self) -> None:
        """Put the x-axes of all sessions together."""
        empty = {name: np.empty(0) for name in CLOCKS} | {"step": np.empty(0, np.int64)}
        parts = self._starts or [empty]
        self._clocks = {name: np.concatenate([p[name] for p in parts]) for name in CLOCKS}

    def clock(self, x: str) -> pa.Array:
        """Return the x-axis; epochs that were not given are null."""
        values = self._clocks[x]
        return numbers(values, np.isnan(values) if x == "epoch" else None)

    def column(self, metric: str) -> pa.Array:
        """Return a metric's value in each line, null where there is none."""
        missing = np.ones(self._count, dtype=bool)
        mine = [chunk for chunk in self._chunks if metric in chunk.values]
        exact = any(chunk.values[metric].dtype == object for chunk in mine)
        values = np.zeros(self._count, dtype=object if exact else np.float64)
        for chunk in mine:
            values[chunk.at] = chunk.values[metric]
            missing[chunk.at] = False
        if exact:
            return _exact_column(values, missing)
        return numbers(values, missing)


def _tables(session: SessionData, metrics: list[str]) -> list[Rows]:
    """Return the visible rows that hold any of the metrics, big integers among them."""
    wanted = frozenset(metrics)
    stored = [rows for part in session.parts for rows in part.rows(wanted)]
    found = [within(rows, session.limit) for rows in [*stored, *big_rows(session, wanted)]]
    return [rows for rows in found if len(rows.seq)]


def _epochs(rows: Rows) -> Array:
    return np.full(len(rows.seq), np.nan) if rows.epochs is None else rows.epochs


def _first_known(values: Array, line: Array, count: int) -> Array:
    """Return the first value of each line that is not NaN, NaN if there is none."""
    found = np.full(count, np.nan)
    known = np.flatnonzero(~np.isnan(values))[::-1]  # the first one is written last
    found[line[known]] = values[known]
    return found


def _line_of(steps: Array, source: Array, keys: list[frozenset[str]]) -> Array:
    """Return the line of each row: neighbors of equal step share one, unless a key repeats.

    Args:
        steps: of the rows, in order.
        source: index into ``keys`` for each row.
        keys: the metrics of each key set.
    """
    new = np.ones(len(steps), dtype=bool)
    new[1:] = steps[1:] != steps[:-1]
    if not new.all():
        starts = np.flatnonzero(new)
        sizes = np.diff(starts, append=len(steps))
        for start, size in zip(starts[sizes > 1].tolist(), sizes[sizes > 1].tolist(), strict=True):
            taken: set[str] = set()
            for row, which in enumerate(source[start : start + size].tolist(), start):
                mine = keys[which]
                if not taken.isdisjoint(mine):
                    new[row], taken = True, set()
                taken |= mine
    line: Array = np.cumsum(new) - 1
    return line


def _exact_column(values: Array, missing: Array) -> pa.Array:
    """Return a column of integers beyond 2**53 and floats without losing a digit."""
    present = exact_values(values[~missing])
    if present.dtype == np.int64:
        whole = np.zeros(len(values), np.int64)
        whole[~missing] = present
        return numbers(whole, missing)
    exact: list[Any] = [None] * len(values)
    for at, value in zip(np.flatnonzero(~missing).tolist(), present.tolist(), strict=True):
        exact[at] = value
    fits = all(
        v is None or (isinstance(v, int) and len(str(abs(v))) <= _WIDEST_DECIMAL) for v in exact
    )
    if fits:
        import decimal

        decimals = [None if v is None else decimal.Decimal(v) for v in exact]
        return pa.array(decimals, pa.decimal256(_WIDEST_DECIMAL, 0))
    return pa.array([None if v is None else repr(v) for v in exact])
