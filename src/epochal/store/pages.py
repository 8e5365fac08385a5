"""Checking one sealed file to the byte: which pages are damaged, and do statistics still hold.

:mod:`epochal.store.checker` runs this in a process of its own.
"""

from __future__ import annotations

import json
import math
import os
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from epochal.core.errors import DamageError
from epochal.store import parquet, sealed, statistics
from epochal.store.checker import Content
from epochal.store.sealed import SEQ, STEP, SealedFile
from epochal.store.sequence import Range, ranges


def serve(questions: TextIO, answers: TextIO) -> None:
    """Answer each line ``{"path", "file"}`` with a line ``{"damage", "seq"}``, to the end."""
    for line in questions:
        asked = json.loads(line)
        found = check(asked["path"], SealedFile.from_dict(asked["file"]))
        answers.write(json.dumps(found._asdict()) + "\n")
        answers.flush()


def check(path: str, file: SealedFile) -> Content:
    """Read a whole sealed file, verifying each page, and compare it with what its manifest says.

    Raises:
        OSError: the file cannot be opened.
    """
    size = os.path.getsize(path)
    if file.footer_crc is not None and parquet.crc_of_footer(path) != file.footer_crc:
        start = _footer_start(path, size)
        return Content([(start, size, "the footer's checksum is wrong")], None)
    try:
        table = parquet.read(path, of=file)
    except DamageError as error:
        damage = _damaged_chunks(path, size) or [(0, size, _why(error))]
        return Content(damage, _sequence(path))
    if reason := _difference(table, file, size):
        return Content([(0, size, reason)], None)
    return Content([], ranges(parquet.as_array(table[SEQ])))


def _footer_start(path: str, size: int) -> int:
    """Return where the footer begins, 0 where its length itself makes no sense."""
    with open(path, "rb") as file:
        file.seek(max(0, size - 8))
        length = int.from_bytes(file.read(4), "little")
    return size - 8 - length if length + 8 <= size else 0


def _damaged_chunks(path: str, size: int) -> list[tuple[int, int, str]]:
    """Return the byte ranges of the columns that cannot be read; empty: not even the footer."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            return [
                found
                for group in range(file.metadata.num_row_groups)
                for column in range(file.metadata.num_columns)
                if (found := _damaged_chunk(file, group, column, size))
            ]
    except (OSError, pa.ArrowException, ValueError):
        return []


def _damaged_chunk(
    file: pq.ParquetFile, group: int, column: int, size: int
) -> tuple[int, int, str] | None:
    chunk = file.metadata.row_group(group).column(column)
    try:
        file.read_row_group(group, columns=[chunk.path_in_schema])
    except (OSError, pa.ArrowException, ValueError) as error:
        start = chunk.data_page_offset
        stop = min(size, start + chunk.total_compressed_size)
        return start, stop, f"column {chunk.path_in_schema!r}: {_why(error)}"
    return None


def _sequence(path: str) -> list[Range] | None:
    """Return the sequence numbers of a file that is damaged elsewhere: nothing of them is lost."""
    try:
        return ranges(parquet.as_array(parquet.read(path, [SEQ])[SEQ]))
    except (DamageError, KeyError):
        return None


def _difference(table: pa.Table, file: SealedFile, size: int) -> str:
    """Return how an undamaged file differs from its manifest, "" if it does not."""
    if size != file.bytes:
        return f"the file has {size:,} bytes, its manifest says {file.bytes:,}"
    if file.layout is None:
        return ""
    names = sealed.parquet_columns(file.layout)
    first = len(names) - len(file.layout.keys)
    for key, name in zip(file.layout.keys, names[first:], strict=True):
        values, steps, seq = (parquet.as_array(table[each]) for each in (name, STEP, SEQ))
        if not _same(statistics.of(values, steps, seq).to_dict(), file.stats.get(key, {})):
            return f"the values of {key!r} are not those that its manifest describes"
    return ""


def _same(new: dict[str, Any], stored: dict[str, Any]) -> bool:
    """Compare statistics; sums may be added up in another order by another NumPy."""
    for name in ("count", "finite", "nan", "inf", "last_seq", "min", "max", "first", "last"):
        a, b = new[name], stored.get(name)
        both_nan = isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b)
        if a != b and not both_nan:
            return False
    return True


def _why(error: Exception) -> str:
    text = str(error.__cause__ or error).partition("\n")[0]
    return text[:200]
