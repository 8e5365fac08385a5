"""The files of levels: what a sealed table is condensed to, beside it.

Beside ``<stem>.parquet``, the table of one key set, lies ``<stem>.levels``.  It says of each block
of 128 neighboring rows the lowest and highest step, the lowest and highest time since the run
began, the first sequence number, and of each metric what :class:`~epochal.store.levels.Condensed`
says.

A level is made of its Parquet file and disposable: it carries the checksum of that file's footer
and one of each of its own columns, and whoever finds that something does not fit makes it anew.

File: ``magic | u32 bytes of the header | u32 CRC-32 of the header | header (JSON) | columns``,
little endian; columns begin at multiples of eight bytes.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from epochal.core.errors import DamageError
from epochal.core.shapes import COUNT, Shape, listed, one_of, row, shaped
from epochal.core.system import open_plain
from epochal.store import levels
from epochal.store.columns import Array
from epochal.store.levels import Condensed, Ruler, condense, count, spans
from epochal.store.sealed import SealedFile

MIN_ROWS = 8192
"""A table of fewer rows gets no level: it is read as quickly as one."""

_MAGIC = b"EPOCHLVL"
_FORMAT = 1
_PREFIX = struct.Struct("<8sII")
_WHOLE, _NUMBER = (row(COUNT, one_of(*kinds), COUNT) for kinds in (["i8"], ["i8", "f8"]))
_HEADER = Shape({
    "format": COUNT, "block": COUNT, "rows": COUNT, "parquet": COUNT,
    "columns": shaped("columns", Shape({"seq": _WHOLE, "elapsed": _WHOLE, "step": _NUMBER})),
    "metrics": listed(row(COUNT, one_of("f4", "f8"), one_of(0, 1), COUNT)),
})  # fmt: skip


def level_path(folder: str, file: SealedFile) -> str:
    """Return where the level of a sealed table is, or would be."""
    return os.path.join(folder, file.name.removesuffix(".parquet") + ".levels")


def open_level(folder: str, file: SealedFile) -> LevelFile:
    """Open the level of a sealed table.

    Raises:
        FileNotFoundError: there is none.
        DamageError: it is damaged, of another format, or of another Parquet file.
    """
    if file.layout is None:
        raise FileNotFoundError(f"{file.name} is no table of one key set")
    return LevelFile(level_path(folder, file), file.rows, len(file.layout.keys), file.footer_crc)


def write(
    path: str, fixed: tuple[Array, Array, Array], values: Sequence[Array], footer_crc: int
) -> None:
    """Condense a table and write its level, whole or not at all.

    Args:
        path: the file.
        fixed: sequence numbers, times since the run began (ns), steps.
        values: one array for each metric of the table, in its order.
        footer_crc: of the Parquet file.

    Raises:
        OSError: the folder cannot be written.
    """
    folder, name = os.path.split(path)
    draft = os.path.join(folder, f".{name}.{secrets.token_hex(4)}")
    try:
        with open(draft, "xb") as file:  # not synced: a damaged level is made anew
            file.writelines(_encoded(fixed, values, footer_crc))
        os.replace(draft, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(draft)
        raise


def _encoded(
    fixed: tuple[Array, Array, Array], values: Sequence[Array], footer_crc: int
) -> list[bytes]:
    seq, elapsed_ns, steps = fixed
    parts: list[bytes] = []
    columns = {"seq": [np.ascontiguousarray(seq[:: levels.BLOCK])]}
    columns |= {"elapsed": [*spans(elapsed_ns)], "step": [*spans(steps)]}
    places: dict[str, list[Any]] = {}
    offset = 0
    for column_name, arrays in columns.items():
        data = _bytes_of(arrays)
        places[column_name] = [offset, arrays[0].dtype.str[1:], zlib.crc32(data)]
        offset += len(data)
        parts.append(data)
    metrics, ruler = [], Ruler(steps)
    for each in values:
        one = condense(each, ruler)
        bad = [] if one.bad is None else [one.bad]
        data = _bytes_of([one.low, one.high, one.mean, one.low_at, one.high_at, *bad])
        metrics.append([offset, one.mean.dtype.str[1:], len(bad), zlib.crc32(data)])
        offset += len(data)
        parts.append(data)
    about = {"format": _FORMAT, "block": levels.BLOCK, "rows": len(seq), "parquet": footer_crc}
    header = json.dumps({**about, "columns": places, "metrics": metrics}).encode("ascii")
    header += b" " * (-(_PREFIX.size + len(header)) % 8)
    return [_PREFIX.pack(_MAGIC, len(header), zlib.crc32(header)), header, *parts]


def _bytes_of(arrays: Sequence[Array]) -> bytes:
    data = b"".join(
        array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes() for array in arrays
    )
    return data + bytes(-len(data) % 8)


class LevelFile:
    """A level file, opened; columns are read when they are asked for.

    Args:
        path: the file.
        rows, metrics: of the table, as its manifest says.
        footer_crc: of the Parquet file, as its manifest says.

    Raises:
        FileNotFoundError: there is none.
        DamageError: it is damaged, of another format, or of another Parquet file.
    """

    def __init__(self, path: str, rows: int, metrics: int, footer_crc: int | None) -> None:
        self._path, self._rows, self._blocks = path, rows, count(rows)
        with open_plain(path) as file:
            prefix = file.read(_PREFIX.size)
            if len(prefix) < _PREFIX.size or not prefix.startswith(_MAGIC):
                raise self._damaged("it is no level")
            _, length, crc = _PREFIX.unpack(prefix)
            header = file.read(length)
        if len(header) < length or zlib.crc32(header) != crc:
            raise self._damaged("the checksum of its header is wrong")
        try:
            about = json.loads(header)
        except (ValueError, RecursionError) as error:
            raise self._damaged("its header is no JSON") from error
        if not isinstance(about, dict) or (wrong := _HEADER.fault(about)):
            raise self._damaged(f"of its header {wrong}" if about else "its header is no object")
        expected = (_FORMAT, levels.BLOCK, rows)
        if (about["format"], about["block"], about["rows"]) != expected:
            raise self._damaged("it has another format, or is of another table")
        if about["parquet"] != footer_crc or len(about["metrics"]) != metrics:
            raise self._damaged("it was made of another Parquet file")
        self._columns: dict[str, Any] = about["columns"]
        self._metrics: list[Any] = about["metrics"]
        self._start = _PREFIX.size + length

    def seq(self) -> Array:
        """Return the first sequence number of each block, int64."""
        (first,) = self._column("seq", 1)
        return first

    def span(self, name: str) -> tuple[Array, Array]:
        """Return lowest and highest "step" (int64 or float64) or "elapsed" (ns) of each block."""
        low, high = self._column(name, 2)
        return low, high

    def metric(self, number: int) -> Condensed:
        """Return a metric by its place in the table."""
        offset, mean, has_bad, crc = self._metrics[number]
        k = self._blocks
        width = int(mean[1])
        data = self._read(offset, k * (18 + width + 3 * has_bad), crc)
        low, high = np.frombuffer(data, "<f8", k), np.frombuffer(data, "<f8", k, 8 * k)
        means = np.frombuffer(data, f"<{mean}", k, 16 * k)
        small = np.frombuffer(data, np.uint8, k * (2 + 3 * has_bad), (16 + width) * k)
        places = small.reshape(-1, k)
        if has_bad and (places[2:].sum(axis=0, dtype=int) > levels.sizes(self._rows)).any():
            raise self._damaged("blocks have more values than rows")
        return Condensed(low, high, places[0], places[1], means, places[2:] if has_bad else None)

    def check(self) -> None:
        """Read everything.

        Raises:
            DamageError: something does not match its checksum.
        """
        for name, copies in (("seq", 1), ("elapsed", 2), ("step", 2)):
            self._column(name, copies)
        for number in range(len(self._metrics)):
            self.metric(number)

    def _column(self, name: str, copies: int) -> list[Array]:
        offset, kind, crc = self._columns[name]
        data = self._read(offset, copies * self._blocks * 8, crc)
        return np.split(np.frombuffer(data, f"<{kind}", copies * self._blocks), copies)

    def _read(self, offset: int, size: int, crc: int) -> bytes:
        padded = size + -size % 8
        with open_plain(self._path) as file:
            if self._start + offset + padded > os.fstat(file.fileno()).st_size:
                raise self._damaged("a column is cut off")
            file.seek(self._start + offset)
            data = file.read(padded)
        if len(data) < padded or zlib.crc32(data) != crc:
            raise self._damaged("the checksum of a column is wrong")
        return data

    def _damaged(self, why: str) -> DamageError:
        return DamageError(f"{self._path} is not used: {why}; it is made anew")
