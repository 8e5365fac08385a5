"""Writing and checking the Parquet files of a sealed segment."""

from __future__ import annotations

import itertools
import json
import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from epochal.core.errors import DamageError
from epochal.core.items import HAS_EPOCH, Layout
from epochal.core.system import open_plain
from epochal.store import sealed, statistics
from epochal.store.arrow import numbers
from epochal.store.columns import Array, Block
from epochal.store.events import Events
from epochal.store.sealed import ELAPSED, EPOCH, SEQ, STEP, SealedFile

_TAIL = struct.Struct("<I4s")
"""The end of a Parquet file: length of the footer before it, and the magic."""

FLOAT_ENCODING, INT_ENCODING = "BYTE_STREAM_SPLIT", "DELTA_BINARY_PACKED"

_FOOTER_EXPANDS = 5
"""So many times its size on disk a footer takes in memory."""

ROW_GROUP_ROWS = 32_768
"""Rows that are read at once: a look at a few rows of a million decodes no more than these."""


_INTS, _FLOATS, _TEXTS = (pa.int64(),), (pa.float64(),), (pa.string(),)
_COLUMNS: dict[str, dict[str, tuple[pa.DataType, ...]]] = {
    "long": {"metric": _TEXTS, SEQ: _INTS, ELAPSED: _INTS, STEP: _INTS + _FLOATS, EPOCH: _FLOATS,
             "value": _FLOATS, "phase": _TEXTS, "variant": (pa.int32(),), "place": (pa.int32(),)},
    "events": {SEQ: _INTS, ELAPSED: _INTS, "kind": _TEXTS, "json": _TEXTS},
}  # fmt: skip
"""The columns of files that are no table of one key set, and their types."""


class Columns:
    """All rows of one layout in a segment as arrays, in logging order.

    Attributes:
        seq, elapsed_ns: int64 of shape (n_rows,).
        step: int64 or float64; epoch: float64 or None.
        values: float64 arrays of shape (n_rows,), one per key of the layout.
    """

    def __init__(self, layout: Layout, blocks: Sequence[Block], offset_ns: int) -> None:
        self.layout = layout
        self.seq = _joined([block.rows["seq"] for block in blocks])
        self.elapsed_ns = _joined([block.rows["mono_ns"] for block in blocks]) + offset_ns
        self.step = _joined([block.rows["step"] for block in blocks])
        with_epoch = layout.variant & HAS_EPOCH
        self.epoch = _joined([block.rows["epoch"] for block in blocks]) if with_epoch else None
        self.values = [
            _joined([block.rows["values"][:, i] for block in blocks])
            for i in range(len(layout.keys))
        ]

    def table(self) -> pa.Table:
        """Return the Arrow table, named as in the sealed file."""
        fixed = [self.seq, self.elapsed_ns, self.step]
        arrays = [*fixed, *([] if self.epoch is None else [self.epoch]), *self.values]
        metadata = {"epochal": json.dumps(self.layout.to_dict())}
        names = sealed.parquet_columns(self.layout)
        return pa.Table.from_arrays([numbers(a) for a in arrays], names).replace_schema_metadata(
            metadata
        )

    def stats(self) -> dict[str, dict[str, Any]]:
        """Return the statistics of each metric."""
        pairs = zip(self.layout.keys, self.values, strict=True)
        return {k: statistics.of(v, self.step, self.seq).to_dict() for k, v in pairs}


def _joined(parts: Sequence[Array]) -> Array:
    return np.ascontiguousarray(parts[0] if len(parts) == 1 else np.concatenate(parts))


def long_table(columns: Sequence[Columns]) -> pa.Table:
    """Return the rows of rare layouts as one long table, a row per value, sorted by metric.

    Args:
        columns: layouts whose steps are all int64 or all float64.
    """
    parts = []
    for each in columns:
        n, keys = len(each.seq), each.layout.keys
        epoch = np.full(n, np.nan) if each.epoch is None else each.epoch
        parts.append(
            pa.table(
                {
                    "metric": pa.array(np.repeat(np.array(keys, dtype=object), n), pa.string()),
                    SEQ: np.tile(each.seq, len(keys)),
                    ELAPSED: np.tile(each.elapsed_ns, len(keys)),
                    STEP: np.tile(each.step, len(keys)),
                    EPOCH: np.tile(epoch, len(keys)),
                    "value": np.concatenate(each.values),
                    "phase": pa.array([each.layout.phase] * (n * len(keys)), pa.string()),
                    "variant": np.repeat(np.int32(each.layout.variant), n * len(keys)),
                    "place": np.repeat(np.arange(len(keys), dtype=np.int32), n),
                }
            )
        )
    return pa.concat_tables(parts).sort_by([("metric", "ascending"), (SEQ, "ascending")])


def long_stats(columns: Sequence[Columns]) -> dict[str, dict[str, Any]]:
    """Return the statistics of each metric of a long table."""
    found: dict[str, statistics.Stats] = {}
    for each in columns:
        for key, values in zip(each.layout.keys, each.values, strict=True):
            new = statistics.of(values, each.step, each.seq)
            found[key] = statistics.join_by_seq(found.get(key, statistics.Stats()), new)
    return {key: stats.to_dict() for key, stats in found.items()}


def events_table(events: Events, offset_ns: int) -> pa.Table:
    """Return events as a table: position, time since the run began, kind, and their JSON."""
    return pa.table(
        {
            SEQ: pa.array(events.seq, pa.int64()),
            ELAPSED: pa.array([mono_ns + offset_ns for mono_ns in events.mono_ns], pa.int64()),
            "kind": pa.array(events.kinds, pa.string()),
            "json": pa.array([text.rstrip() for text in events.texts], pa.string()),
        }
    )


def take_events(table: pa.Table, offset_ns: int, into: Events) -> None:
    """Append what :func:`events_table` made a table of."""
    names = table["kind"].combine_chunks().dictionary_encode()
    known, codes = names.dictionary.to_pylist(), as_array(names.indices).tolist()
    into.add(
        as_array(table[SEQ]).tolist(), (as_array(table[ELAPSED]) - offset_ns).tolist(),
        _bytes_of(table["json"]), [known[code] for code in codes],
    )  # fmt: skip


def _bytes_of(column: pa.ChunkedArray) -> list[bytes]:
    """Return a column of texts as bytes; Arrow's own ``to_pylist`` takes several times as long."""
    found: list[bytes] = []
    for chunk in column.chunks:
        _, offsets, body = chunk.buffers()
        ends = np.frombuffer(offsets, np.int32, len(chunk) + 1, chunk.offset * 4).tolist()
        data = body.to_pybytes() if body is not None else b""
        found += [data[start:stop] for start, stop in itertools.pairwise(ends)]
    return found


def write(table: pa.Table, path: str) -> int:
    """Write a table, read it back with page checksums and compare; return the file's size.

    Raises:
        DamageError: what was read back differs.
        OSError: the folder cannot be written.
    """
    encodings = {}
    for column in table.schema:
        if pa.types.is_floating(column.type):
            encodings[column.name] = FLOAT_ENCODING
        elif pa.types.is_integer(column.type):
            encodings[column.name] = INT_ENCODING
    unique = len(set(table.schema.names)) == len(table.schema.names)
    pq.write_table(
        table, path, compression="zstd", compression_level=1, use_dictionary=False,
        column_encoding=encodings if unique else None, write_page_checksum=True,
        write_statistics=True, row_group_size=ROW_GROUP_ROWS,
    )  # fmt: skip
    with open(path, "rb") as file:
        os.fsync(file.fileno())
    back = read(path)
    if not _same_bits(table, back):
        Path(path).unlink()
        message = f"{path} reads back differently from what was written; the journal is kept"
        raise DamageError(message)
    return os.path.getsize(path)


def read(path: str, columns: list[str] | None = None, *, of: SealedFile | None = None) -> pa.Table:
    """Read a sealed file, checking each page.

    Args:
        path: the file.
        columns: which; default all.
        of: what its manifest says of it.

    Raises:
        FileNotFoundError: it is not there.
        DamageError: a checksum does not match, it is no Parquet file, or one of something else.
    """
    try:
        _check_footer(path, of)
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            _check_columns(path, file.schema_arrow, file.metadata.num_rows, of)
            table = file.read(columns=columns)
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowException, ValueError) as error:
        raise _damaged(path, str(error)) from error
    if columns is not None and table.schema.names != columns:
        raise _damaged(path, "it has other columns than its manifest says")
    return _whole(path, table)


class RowGroups:
    """A sealed file of which some rows are read; it is not kept open.

    Args:
        path: the file.
        of: what its manifest says of it.

    Attributes:
        starts: the first row of each group, and after the last one the number of rows.

    Raises:
        FileNotFoundError: it is not there.
        DamageError: its footer is damaged, or of something else.
    """

    def __init__(self, path: str, of: SealedFile) -> None:
        self._path = path
        try:
            _check_footer(path, of)
            with pq.ParquetFile(path) as file:
                # Never ask a footer for its schema: the two hold each other until gc comes around.
                self._footer, schema = file.metadata, file.schema_arrow
            self._names = schema.names
            _check_columns(path, schema, self._footer.num_rows, of)
        except FileNotFoundError:
            raise
        except (OSError, pa.ArrowException, ValueError) as error:
            raise _damaged(path, str(error)) from error
        groups = range(self._footer.num_row_groups)
        rows = [self._footer.row_group(group).num_rows for group in groups]
        self.starts = np.cumsum([0, *rows])

    @property
    def nbytes(self) -> int:
        """What it takes in memory, about."""
        return _FOOTER_EXPANDS * int(self._footer.serialized_size)

    def having(self, column: str, value: str) -> list[int]:
        """Return the groups in which a column of texts may have a value, by their statistics."""
        number = self._names.index(column)
        chunks = [self._footer.row_group(g).column(number) for g in range(len(self.starts) - 1)]
        known = [chunk.statistics for chunk in chunks]
        return [
            group
            for group, said in enumerate(known)
            if said is None or not said.has_min_max or said.min <= value <= said.max
        ]

    def read(self, groups: Sequence[int], columns: list[str]) -> pa.Table:
        """Read columns of some groups, checking each page.

        Raises:
            FileNotFoundError: the file is gone.
            DamageError: a checksum does not match.
        """
        try:
            with pq.ParquetFile(
                self._path, metadata=self._footer, page_checksum_verification=True
            ) as file:
                table = file.read_row_groups(groups, columns=columns, use_threads=False)
        except FileNotFoundError:
            raise
        except (OSError, pa.ArrowException, ValueError) as error:
            raise _damaged(self._path, str(error)) from error
        return _whole(self._path, table)


def _check_footer(path: str, of: SealedFile | None) -> None:
    """Compare a file's footer with what its manifest says, and see that it is no link."""
    found = crc_of_footer(path)
    if of is not None and of.footer_crc is not None and found != of.footer_crc:
        raise _damaged(path, "the checksum of its footer is wrong")


def _check_columns(path: str, schema: pa.Schema, rows: int, of: SealedFile | None) -> None:
    """Compare a file's columns and number of rows with what its manifest says."""
    if of is None or (of.layout is None and of.kind not in _COLUMNS):
        return
    if rows != of.rows:
        raise _damaged(path, f"it has {rows:,} rows, its manifest says {of.rows:,}")
    wanted = _COLUMNS.get(of.kind, {})
    if of.layout is not None:
        names = sealed.parquet_columns(of.layout)
        first = len(names) - len(of.layout.keys)
        step = _FLOATS if sealed.step_is_float(of.layout) else _INTS
        fixed = {SEQ: _INTS, ELAPSED: _INTS, STEP: step, EPOCH: _FLOATS}
        wanted = {n: fixed[n] if i < first else _FLOATS for i, n in enumerate(names)}
    fits = all(each.type in kinds for each, kinds in zip(schema, wanted.values(), strict=False))
    if schema.names != list(wanted) or not fits:
        raise _damaged(path, "it has other columns than its manifest says")


def _whole(path: str, table: pa.Table) -> pa.Table:
    """Return a table in which nothing is absent but phases."""
    if any(table[n].null_count for n in range(table.num_columns) if table.field(n).name != "phase"):
        raise _damaged(path, "values are absent")
    return table


def crc_of_footer(path: str) -> int:
    """Return the CRC-32 of a Parquet file's footer, which no checksum of its own covers.

    Raises:
        OSError: it cannot be read.
    """
    with open_plain(path) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL.size))
        tail = file.read()
        length = _TAIL.unpack(tail)[0] if len(tail) == _TAIL.size else 0
        file.seek(max(0, size - _TAIL.size - length))
        return zlib.crc32(file.read(min(size, _TAIL.size + length)))


def _damaged(path: str, why: str) -> DamageError:
    return DamageError(f"{path} is damaged: {why}; `epochal verify` says what is lost")


def as_array(column: pa.ChunkedArray | pa.Array) -> Array:
    """Return a column of int64, int32 or float64 without nulls as an array, bit for bit.

    Arrow's own ``to_numpy`` imports pandas where it is installed, which takes longer than reading.
    """
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    dtype = np.dtype(str(column.type).replace("double", "float64"))
    parts = [
        np.frombuffer(chunk.buffers()[1], dtype, len(chunk), chunk.offset * dtype.itemsize)
        for chunk in chunks
        if len(chunk)
    ]
    return _joined(parts) if parts else np.empty(0, dtype)


def _same_bits(a: pa.Table, b: pa.Table) -> bool:
    if a.num_rows != b.num_rows or a.schema.names != b.schema.names:
        return False
    for mine, theirs in zip(a.columns, b.columns, strict=True):
        if pa.types.is_floating(mine.type):
            left = as_array(mine).view(np.int64)
            if not np.array_equal(left, as_array(theirs).view(np.int64)):
                return False
        elif not mine.equals(theirs):
            return False
    return True
