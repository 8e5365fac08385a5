"""Which tables and events of a run a curve consists of."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from epochal.core.errors import DamageError
from epochal.core.items import Layout
from epochal.read import series
from epochal.read.contents import Contents
from epochal.read.curves import CLOCKS, Curve, Stretch
from epochal.read.level_cache import Cache
from epochal.read.live_piece import LivePiece
from epochal.read.parts import LivePart, Part, SealedPart
from epochal.read.pieces import LoosePiece, Piece
from epochal.read.rows import Rows, split_long
from epochal.read.sealed_piece import SealedPiece
from epochal.read.sessions import SessionData
from epochal.store.columns import Array
from epochal.store.sealed import ELAPSED, EPOCH, SEQ, STEP, SealedFile

_LONG_COLUMNS = ["metric", SEQ, ELAPSED, STEP, EPOCH, "value", "phase", "variant"]


def curve_of(contents: Contents, metric: str, x: str, cache: Cache) -> Curve:
    """Return a metric of a run.

    Args:
        contents: the run.
        metric: its name; one that does not exist has no points.
        x: "step", "elapsed" (seconds since the run began), "time" (unix seconds), "epoch", or a
            metric: points are then those at which both are known, as in
            :func:`epochal.read.history.table`.
        cache: keeps what is read.

    Raises:
        DamageError: a sealed file is missing or damaged.
    """
    found: list[Stretch] = []
    for session in contents.sessions:
        for piece, metrics in _pieces(session, metric, cache):
            if x == "epoch" and not piece.has_epoch:
                continue
            if x not in CLOCKS and x not in metrics:
                joined = _from_history(contents, metric, x, cache)
                return Curve([Stretch(joined, metric, x, session.clock, math.inf)])
            found.append(Stretch(piece, metric, x, session.clock, session.limit))
    return Curve(found)


def _pieces(
    session: SessionData, metric: str, cache: Cache
) -> Iterator[tuple[Piece, Sequence[str]]]:
    """Yield the pieces of a session that have a metric, and which metrics they have."""
    for part in session.parts:
        yield from _live(part, metric, cache) if isinstance(part, LivePart) else ()
        yield from _sealed(part, metric, cache) if isinstance(part, SealedPart) else ()
    if any(_may_have_big(part, cache) for part in session.parts):
        for rows in series.big_rows(session, (metric,)):
            values = {metric: series.float_values(rows.values[metric])}
            yield LoosePiece(rows._replace(values=values)), (metric,)


def _live(part: LivePart, metric: str, cache: Cache) -> Iterator[tuple[Piece, Sequence[str]]]:
    for layout in part.blocks:
        if metric in layout.keys:
            yield LivePiece(part, layout, cache), layout.keys


def _sealed(part: SealedPart, metric: str, cache: Cache) -> Iterator[tuple[Piece, Sequence[str]]]:
    for file in part.manifest.files:
        if file.layout is not None and metric in file.layout.keys:
            yield SealedPiece(part, file, file.layout, cache), file.layout.keys
        elif file.kind == "long" and metric in file.stats:
            for piece in _long(part, file, metric, cache):
                yield piece, (metric,)


def _long(part: SealedPart, file: SealedFile, metric: str, cache: Cache) -> list[LoosePiece]:
    """Return a metric of a table of rare key sets, which is sorted by metric."""
    path = os.path.join(part.folder, file.name)

    def load() -> list[LoosePiece]:
        from epochal.store.parquet import RowGroups  # loads pyarrow: only when rows are read

        try:
            groups = RowGroups(path, file)
            table = groups.read(groups.having("metric", metric), _LONG_COLUMNS)
        except FileNotFoundError as error:
            message = f"{path} is missing; `epochal verify` says what is lost"
            raise DamageError(message) from error
        return [LoosePiece(rows) for rows in split_long(table, (metric,))]

    key = (path, file.footer_crc, "long", metric)
    return cache.once(key, load, lambda pieces: sum(piece.nbytes for piece in pieces))


def _may_have_big(part: Part, cache: Cache) -> bool:
    """Say whether integers beyond 2**53 may be among the events of a part, without reading them."""
    if not isinstance(part, SealedPart):
        return "bigint" in part.stored_events.kinds
    if any(event["data"].get("kind") == "bigint" for event in part.manifest.events):
        return True
    files = [file for file in part.manifest.files if file.kind == "events"]
    return any(_has_big(os.path.join(part.folder, file.name), file, cache) for file in files)


def _has_big(path: str, file: SealedFile, cache: Cache) -> bool:
    def load() -> tuple[bool]:
        from epochal.store.parquet import RowGroups  # loads pyarrow, as above

        try:
            return (bool(RowGroups(path, file).having("kind", "bigint")),)
        except (OSError, DamageError):
            return (False,)  # what cannot be read has none; `epochal verify` says what is lost

    return cache.once((path, file.footer_crc, "bigint"), load, lambda _: 100)[0]


def _from_history(contents: Contents, metric: str, x: str, cache: Cache) -> Piece:
    """Return a metric against one of another key set, where both are known."""

    def load() -> LoosePiece:
        from epochal.read import history  # loads pyarrow, as above

        table = history.table(contents.sessions, [metric], x).drop_null()
        xs, values = (_as_floats(column) for column in table.columns)
        place = np.arange(len(xs))
        return LoosePiece(
            Rows(
                Layout(0, (x, metric), None, 0), place, place, place, None, {x: xs, metric: values}
            )
        )

    parts = tuple(
        (session.id, session.limit, part.segment, _version(part))
        for session in contents.sessions
        for part in session.parts
    )
    return cache.once((contents.run_dir, metric, x, parts), load, lambda piece: piece.nbytes)


def _version(part: Part) -> tuple[int, int]:
    """Return what changes whenever a part of the journal does."""
    return (part.data.reading, part.data.size) if isinstance(part, LivePart) else (0, 0)


def _as_floats(column: Any) -> Array:
    """Return a column of a history as float64; one of large integers is of decimals or texts."""
    from epochal.store.parquet import as_array  # loads pyarrow, as above

    if str(column.type) in ("double", "int64"):
        return as_array(column).astype(np.float64, copy=False)
    exact = np.empty(len(column), dtype=object)
    exact[:] = [_number(value) for value in column.to_pylist()]
    return series.float_values(exact)


def _number(value: Any) -> float:
    try:
        return int(value)
    except ValueError:  # a text of a float, or of NaN
        return float(value)
