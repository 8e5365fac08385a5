"""Rows and points as the parts of a run give them: arrays, in the order of logging."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from epochal.core.items import HAS_EPOCH, Layout
from epochal.store.columns import Array
from epochal.store.sealed import ELAPSED, EPOCH, SEQ, STEP


class Rows(NamedTuple):
    """Rows of one key set, in logging order; arrays of shape (n_rows,).

    Attributes:
        layout: the metrics, phase and variant.
        seq, elapsed_ns: int64.
        steps: int64 or float64.
        epochs: float64, None if the rows have none.
        values: float64 by metric; only what was asked for.
    """

    layout: Layout
    seq: Array
    elapsed_ns: Array
    steps: Array
    epochs: Array | None
    values: dict[str, Array]


class Points(NamedTuple):
    """Points of one metric, in logging order; arrays of shape (n_points,) as in :class:`Rows`."""

    seq: Array
    elapsed_ns: Array
    steps: Array
    epochs: Array | None
    values: Array


def rows_after(tables: Sequence[Array], skipped: int) -> list[Array]:
    """Return what remains of neighboring arrays after so many rows."""
    left = []
    for table in tables:
        if skipped < len(table):
            left.append(table[skipped:] if skipped else table)
        skipped = max(0, skipped - len(table))
    return left


def points_of(rows: Rows, metric: str) -> Points:
    """Return one metric of rows."""
    return Points(rows.seq, rows.elapsed_ns, rows.steps, rows.epochs, rows.values[metric])


def wanted_keys(layout: Layout, metrics: Collection[str] | None) -> list[tuple[int, str]]:
    """Return the wanted metrics of a layout with their positions."""
    if metrics is None:
        return list(enumerate(layout.keys))
    return [(i, key) for i, key in enumerate(layout.keys) if key in metrics]


def joined(parts: Sequence[Array]) -> Array:
    """Return neighboring arrays as one, contiguous in memory."""
    return np.ascontiguousarray(parts[0] if len(parts) == 1 else np.concatenate(parts))


def split_long(table: Any, metrics: Collection[str] | None) -> Iterator[Rows]:
    """Yield the rows of a long table by metric and variant; it is sorted by metric."""
    from epochal.store.parquet import as_array  # loads pyarrow, as above

    names = table["metric"].combine_chunks().dictionary_encode()
    codes = as_array(names.indices)
    edges = np.flatnonzero(np.diff(codes, prepend=-1, append=-1))
    fixed = {
        name: as_array(table[name]) for name in (SEQ, ELAPSED, STEP, EPOCH, "value", "variant")
    }
    phases = table["phase"]
    for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        metric = names.dictionary[int(codes[start])].as_py()
        if metrics is not None and metric not in metrics:
            continue
        part = {name: column[start:stop] for name, column in fixed.items()}
        for variant in np.unique(part["variant"]).tolist():
            mine = part["variant"] == variant
            phase = phases[start + int(mine.argmax())].as_py()
            yield Rows(
                Layout(0, (metric,), phase, variant), part[SEQ][mine], part[ELAPSED][mine],
                part[STEP][mine], part[EPOCH][mine] if variant & HAS_EPOCH else None,
                {metric: part["value"][mine]},
            )  # fmt: skip
