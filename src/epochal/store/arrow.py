"""NumPy arrays as Arrow arrays, without a copy and without loading pandas."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from epochal.store.columns import Array

_KINDS = {"f8": pa.float64(), "i8": pa.int64(), "i4": pa.int32()}


def numbers(values: Array, missing: Array | None = None) -> pa.Array:
    """Return numbers as an Arrow array.

    ``pyarrow.array`` does the same, but imports pandas where that is installed, which takes longer
    than reading a run.

    Args:
        values: float64, int64 or int32 of shape (n,).
        missing: where the result is null; None: nowhere.

    Example:
        >>> numbers(np.array([1.0, 2.0]), np.array([False, True])).to_pylist()
        [1.0, None]
    """
    values = np.ascontiguousarray(values)
    bitmap, nulls = None, 0
    if missing is not None and (nulls := int(missing.sum())):
        bitmap = pa.py_buffer(np.packbits(~missing, bitorder="little"))
    kind = _KINDS[values.dtype.str[1:]]
    buffers = [bitmap, pa.py_buffer(values)]
    return pa.Array.from_buffers(kind, len(values), buffers, null_count=nulls)
